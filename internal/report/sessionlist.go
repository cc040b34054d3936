package report

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/session"
	"weir/internal/tenant"
)

// The bounds of a list of sessions.
const (
	defaultSessions = 50
	maxSessions     = 500
	maxTimeline     = 1000 // events of one session that are shown
)

// Session is a session in a list.
type Session struct {
	SessionFields
	Columns []attribute `json:"-"`
	start   time.Time   // as numbers, for cursors and ids
	end     time.Time
	hash    uint64
}

// SessionFields are those that every session has.
type SessionFields struct {
	ID       string  `json:"id" doc:"Of the visitor and the start. When events that come late move the start, the id finds the session all the same."`
	Visitor  string  `json:"visitor" doc:"The client id; where events have none, the user id."`
	ClientID string  `json:"client_id"`
	UserID   string  `json:"user_id" doc:"The last one that an event of the session has."`
	Start    string  `json:"start"`
	End      string  `json:"end" doc:"Of the last event."`
	Duration float64 `json:"duration_seconds"`
	Events   uint64  `json:"events"`
	Views    uint64  `json:"pageviews"`
	Bounce   bool    `json:"bounce" doc:"It has exactly one action: events of the types scroll, engagement, identify, alias and group are none."`
	Sealed   bool    `json:"sealed" doc:"It is over: events that could still belong to it would be late."`
}

// attribute is an attribute and its value; nil when it is masked.
type attribute struct {
	name  string
	value any
}

// MarshalJSON writes the attributes beside the fields.
func (s Session) MarshalJSON() ([]byte, error) {
	type plain Session
	b, err := marshal(plain(s))
	if err != nil || len(s.Columns) == 0 {
		return b, err
	}
	row := Row{}
	for _, p := range s.Columns {
		row.names, row.values = append(row.names, p.name), append(row.values, p.value)
	}
	more, err := row.MarshalJSON()
	return append(append(b[:len(b)-1], ','), more[1:]...), err
}

// sessionID names a session: the milliseconds of its start and a hash of the visitor, as hex.
func sessionID(start time.Time, hash uint64) string {
	return fmt.Sprintf("%016x%016x", uint64(start.UnixMilli()), hash)
}

func parseSessionID(id string) (at time.Time, hash uint64, ok bool) {
	if len(id) != 32 || strings.ToLower(id) != id {
		return at, 0, false
	}
	ms, err1 := strconv.ParseUint(id[:16], 16, 64)
	hash, err2 := strconv.ParseUint(id[16:], 16, 64)
	at = time.UnixMilli(int64(ms)).UTC()
	return at, hash, err1 == nil && err2 == nil && at.Year() >= 1970 && at.Year() <= 2105
}

// visitorHash is the hash of a visitor over the expression v.
func visitorHash(v string) string { return "sipHash64(" + v + ")" }

// listing is what of a list is asked for.
type listing struct {
	q       Question // its range, filters and limit
	timeout time.Duration
	before  *cursor // sessions behind this one
	hidden  []string
	visitor string // only this one's; their events are read alone
	sealed  time.Time
}

// cursor is the last session of a page.
type cursor struct {
	start time.Time
	hash  uint64
}

// sessions returns at most limit sessions, the latest first. more says that there are more.
func (r *Reporter) sessions(ctx context.Context, t *tally, l listing) (list []Session, more bool, err error) {
	end := l.q.To
	if l.before != nil && l.before.start.Before(end) {
		end = l.before.start.Add(time.Millisecond)
	}
	// The latest are looked for in a short range first: most lists are a page of what happened last.
	for length := 24 * time.Hour; ; length *= 8 {
		from := end.Add(-length)
		if from.Before(l.q.From) || l.visitor != "" {
			from = l.q.From
		}
		if !from.Before(end) {
			return list, false, nil
		}
		if list, err = r.sessionsWithin(ctx, t, l, from, end); err != nil {
			return nil, false, err
		}
		if len(list) > l.q.Limit {
			return list[:l.q.Limit], true, nil
		}
		if !from.After(l.q.From) {
			return list, false, nil
		}
	}
}

func (r *Reporter) sessionsWithin(ctx context.Context, t *tally, l listing, from, to time.Time) ([]Session, error) {
	far := r.now().Add(session.MaxTimeout + time.Hour)
	first := session.Start(session.DayOf(to.Add(l.timeout)) + 1)
	if l.visitor == "" {
		var err error
		if first, err = r.reach(ctx, t, l.q, from, to, l.timeout); err != nil {
			return nil, err
		}
	}
	for horizon := first; ; horizon = far {
		var days readDays
		if l.visitor == "" {
			var err error
			if days, err = r.stitched(ctx, t, l.q, from.Add(-l.timeout), horizon, l.timeout); err != nil {
				return nil, err
			}
		}
		list, err := r.askList(ctx, t, l, buildList(l, from, to, horizon, days))
		if err != nil || !horizon.Before(far) {
			return list, err
		}
		if !slices.ContainsFunc(list, func(s Session) bool { return !s.end.Add(l.timeout).Before(horizon) }) {
			return list, nil
		}
	}
}

// buildList writes the statement of a page of a list. Its columns are those that askList reads.
func buildList(l listing, from, to, horizon time.Time, read readDays) statement {
	b := &builder{q: l.q, params: map[string]string{}}
	cond := ""
	if l.before != nil {
		b.params["bhash"] = strconv.FormatUint(l.before.hash, 10)
		cond = " AND (start_time, " + visitorHash("visitor") + ") < (" + b.millis("bstart", l.before.start) + ", {bhash:UInt64})"
	}
	var names []string
	for _, c := range session.Columns {
		names = append(names, c.Name)
	}
	sql, _ := b.sessionsOf(source{from: from, to: to, horizon: horizon, timeout: l.timeout, read: read, visitor: l.visitor}, names, l.q.Filters, cond)
	b.params["limit"] = strconv.Itoa(l.q.Limit + 1)
	return statement{"SELECT visitor, " + visitorHash("visitor") + " AS hash, start_time, end_time, events, pageviews, actions, " + strings.Join(names, ", ") + "\nFROM (\n" + sql +
		"\n)\nORDER BY start_time DESC, hash DESC\nLIMIT {limit:UInt32}", b.params}
}

const listFixed = 7 // columns before the attributes

func (r *Reporter) askList(ctx context.Context, t *tally, l listing, st statement) ([]Session, error) {
	list := []Session{}
	err := r.statement(ctx, t, clickhouse.Statement{SQL: st.sql, Params: st.params, Comment: "report/" + l.q.Tenant}, func(raw []any) error {
		s, err := readSession(raw, l)
		list = append(list, s)
		return err
	})
	return list, err
}

func readSession(raw []any, l listing) (s Session, err error) {
	if len(raw) != listFixed+len(session.Columns) {
		return s, fmt.Errorf("report: the engine's row has %d columns, want %d", len(raw), listFixed+len(session.Columns))
	}
	s.Visitor, _ = raw[0].(string)
	if s.hash, err = unsigned(raw[1]); err != nil {
		return s, err
	}
	var ms [2]int64
	for i := range ms {
		if ms[i], err = signed(raw[2+i]); err != nil {
			return s, err
		}
	}
	var counts [3]uint64
	for i := range counts {
		if counts[i], err = unsigned(raw[4+i]); err != nil {
			return s, err
		}
	}
	s.start, s.end = time.UnixMilli(ms[0]).UTC(), time.UnixMilli(ms[1]).UTC()
	s.ID, s.Start, s.End, s.Duration = sessionID(s.start, s.hash), formatTime(s.start), formatTime(s.end), float64(ms[1]-ms[0])/1000
	s.Events, s.Views, s.Bounce = counts[0], counts[1], counts[2] == 1
	s.Sealed = s.end.Add(l.timeout).Before(l.sealed)
	for i, c := range session.Columns {
		v := raw[listFixed+i]
		switch {
		case c.Name == "client_id":
			s.ClientID, _ = v.(string)
		case c.Name == "user_id":
			s.UserID, _ = v.(string)
		case slices.Contains(l.hidden, c.From):
			s.Columns = append(s.Columns, attribute{c.Name, nil})
		default:
			s.Columns = append(s.Columns, attribute{c.Name, v})
		}
	}
	return s, nil
}

// hidden are the columns of events and the properties that are masked for the caller's role. What names the visitor must not be among them.
func (r *Reporter) hidden(who tenant.Principal) ([]string, *problem.Problem) {
	if p := r.masked(who, Question{GroupBy: []Dim{{Column: "client_id"}, {Column: "user_id"}}}); p != nil {
		return nil, problem.New(p.Status, p.Code, "what names a visitor is masked for the role %s, and sessions are of visitors; ask an admin of the tenant, or use the report", who.Role).WithField("client_id")
	}
	return r.maskedNames(who), nil
}

// findVisitor returns who had an event at a time, and has the hash; empty if nobody.
func (r *Reporter) findVisitor(ctx context.Context, t *tally, tenantID, site string, at time.Time, hash uint64) (visitor string, err error) {
	b := &builder{q: Question{Tenant: tenantID, Site: site}, params: map[string]string{}}
	b.params["hash"] = strconv.FormatUint(hash, 10)
	v := session.Visitor("_e")
	sql := "SELECT any(" + v + ") FROM weir.events AS _e WHERE _e.tenant = " + b.text("tenant", tenantID) + " AND _e.site_id = " + b.text("site", site) +
		" AND _e.ts = " + b.time("at", at) + " AND " + visitorHash(v) + " = {hash:UInt64}"
	err = r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "report/" + tenantID}, func(row []any) error {
		visitor, _ = row[0].(string)
		return nil
	})
	return visitor, err
}

// sessionAt returns the visitor's session that holds the time. It reads more and more around it, until the session ends within what was read.
func (r *Reporter) sessionAt(ctx context.Context, t *tally, l listing, at time.Time) (Session, bool, error) {
	l.q.Limit = maxGroups
	for around := 2 * 24 * time.Hour; ; around *= 8 {
		from, to := at.Add(-around), at.Add(around)
		list, err := r.sessionsWithin(ctx, t, l, from, to)
		if err != nil {
			return Session{}, false, err
		}
		i := slices.IndexFunc(list, func(s Session) bool { return !s.start.After(at) && !s.end.Before(at) })
		switch {
		case i >= 0:
			return list[i], true, nil
		case from.Year() < 1971:
			return Session{}, false, nil
		} // else it began before the range: those are left out
	}
}
