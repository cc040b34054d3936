// Package session is the contract of sessions: what a session is, the SQL that makes sessions of events, and the table of
// stitched days that saves making them again. DESIGN.md tells why an answer is always the one that the raw events give.
//
// A session is a longest row of events of one visitor on one site in which no two neighbours lie further apart than the
// tenant's timeout. The visitor is the client id of an event, or its user id when it has none; an event with neither
// belongs to no session. Events are in the order of their time; of two at the same time, the one that was stored in the log first comes first.
package session

import (
	"fmt"
	"slices"
	"time"

	"weir/internal/event"
)

// The bounds of a tenant's timeout.
const (
	DefaultTimeout = 30 * time.Minute
	MinTimeout     = 5 * time.Minute
	MaxTimeout     = 24 * time.Hour
)

// CheckTimeout says what is wrong with a timeout; 0 stands for the default.
func CheckTimeout(d time.Duration) error {
	switch {
	case d == 0:
		return nil
	case d%time.Second != 0:
		return fmt.Errorf("%v is not a number of whole seconds: write 5m to 24h in whole seconds, such as 30m", d)
	case d < MinTimeout || d > MaxTimeout:
		return fmt.Errorf("%v is outside of 5m to 24h: write a length within it, in whole seconds, such as 30m", d)
	}
	return nil
}

// Passive are the types of events that are no action of the visitor: they extend a session, and one with a single action beside them
// is a bounce all the same.
var Passive = []string{"scroll", "engagement", "identify", "alias", "group"}

// pick says which event of a session decides a column.
type pick int

const (
	pickFirst  pick = iota // the first event
	pickSource             // the first event that has a channel: one with a URL, a referrer or a campaign; empty without one
	pickEntry              // the first page view; empty without one
	pickExit               // the last page view; empty without one
	pickLast               // the last event that has a value
)

// Column is an attribute of a session.
type Column struct {
	Name string
	Type string // in the engine
	From string // the column of events that it is taken from
	pick pick
}

// Columns are the attributes of a session, in order. Beside them a session has site_id, visitor, start_time, end_time, events, pageviews and
// actions: the events that are an action of the visitor.
var Columns = func() []Column {
	cols := []Column{
		{"client_id", "String", "client_id", pickLast},
		{"user_id", "String", "user_id", pickLast},
		{"entry_host", "String", "host", pickEntry},
		{"entry_path", "String", "path", pickEntry},
		{"exit_host", "String", "host", pickExit},
		{"exit_path", "String", "path", pickExit},
	}
	// As far as events have them.
	stored := func(by pick, names ...string) {
		for _, name := range names {
			for _, c := range event.Columns {
				if c.Name != name || !c.Stored {
					continue
				}
				typ := "LowCardinality(String)"
				if name == "is_bot" {
					typ = "Bool"
				}
				cols = append(cols, Column{name, typ, name, by})
			}
		}
	}
	// An event of a server or an app often comes first and says nothing of where its visitor came from: the first page view does.
	stored(pickSource, channel, "referrer_host", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
	stored(pickFirst, "country", "region", "city", "device", "os", "browser", "is_bot")
	return cols
}()

// channel is the column that every event has that says where its visitor came from, and no other.
const channel = "channel"

// Find returns the attribute of a name.
func Find(name string) (Column, bool) {
	i := slices.IndexFunc(Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return Columns[i], true
}

// OfFirst says whether the first event of a session decides the attribute, so that it does not depend on how the session goes on.
func (c Column) OfFirst() bool { return c.pick == pickFirst }
