package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"weir/internal/clickhouse"
)

// The bounds of the ids of a cohort that are found once and given to all statements of a question. To read them costs each statement 2 to 3 µs an id; beyond, each finds the cohort itself.
const (
	maxMembers      = 20_000
	maxMembersBytes = 512 << 10
)

// members are the ids of a cohort's persons.
type members struct {
	both, clients, users []string // as an id of either kind, as one of a client only, as one of a user only
}

// cohorts are those that a question names, in its filters and those of its goal.
func (q Question) cohorts() []*cohort {
	list := cohortsOf(q.Filters)
	if q.Goal != nil {
		list = append(list, cohortsOf(q.Goal.filters)...)
	}
	return list
}

func cohortsOf(filters []Filter) []*cohort {
	var list []*cohort
	for _, f := range filters {
		if f.Cohort != nil {
			list = append(list, f.Cohort)
		}
	}
	return list
}

// several says whether the question is put in more than one statement.
func (q Question) several(compare, totals bool) bool {
	_, apart := q.totalsApart()
	return compare || totals && apart || len(q.aspects()) > 1 || slices.Contains(q.Metrics, Visitors)
}

// findMembers finds the persons of cohorts, once for all statements of a question. They are those of now, when the answer begins.
func (r *Reporter) findMembers(ctx context.Context, t *tally, cohorts []*cohort) error {
	known := map[[32]byte]*members{} // one that is named twice
	for _, c := range cohorts {
		same := keyOf(c.parts()...)
		if m := known[same]; m != nil {
			c.found = m
			continue
		}
		key := c.tenant + "\x00" + c.id
		if c.found != nil || c.did == nil && c.links == "" || r.crowds.many(key, r.now()) { // a list needs no search where nothing is linked
			continue
		}
		m, err := r.membersOf(ctx, t, c)
		switch {
		case errors.Is(err, errCohortFull):
			r.crowds.found(key, r.now())
		case err != nil:
			return err
		default:
			c.found, known[same] = m, m
		}
	}
	return nil
}

// membersOf asks for the ids of a cohort's persons; errCohortFull: they are too many.
func (r *Reporter) membersOf(ctx context.Context, t *tally, c *cohort) (*members, error) {
	b := &builder{params: map[string]string{}}
	sql, kinds := b.membersSQL("m", c)+"\nLIMIT "+strconv.Itoa(2*maxMembers+1), map[string][2]bool{}
	rows, size := 0, 0
	err := r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "cohort/" + c.tenant}, func(row []any) error {
		if len(row) != 2 {
			return fmt.Errorf("cohort: the engine's row has %d columns, want 2", len(row))
		}
		kind, err := unsigned(row[0])
		id, ok := row[1].(string)
		if err != nil || !ok || kind >= ofBoth+1 {
			return fmt.Errorf("cohort: the engine's row %v names nobody", row)
		}
		is, known := kinds[id]
		if !known {
			size += len(id)
		}
		is[0], is[1] = is[0] || kind != ofUser, is[1] || kind != ofClient
		kinds[id] = is
		if rows++; rows > 2*maxMembers || len(kinds) > maxMembers || size > maxMembersBytes {
			return errCohortFull
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m := &members{}
	for id, is := range kinds {
		switch is {
		case [2]bool{true, true}:
			m.both = append(m.both, id)
		case [2]bool{true, false}:
			m.clients = append(m.clients, id)
		default:
			m.users = append(m.users, id)
		}
	}
	for _, list := range [][]string{m.both, m.clients, m.users} {
		slices.Sort(list)
	}
	return m, nil
}

// What an id of membersSQL is one of.
const (
	ofClient = iota
	ofUser
	ofBoth
)

// membersSQL selects the ids of a cohort's persons, each with its kind.
func (b *builder) membersSQL(prefix string, c *cohort) string {
	for k, v := range c.params {
		b.params[k] = v
	}
	if c.links == "" {
		return "SELECT " + strconv.Itoa(ofBoth) + ", p FROM (\n" + b.personsOf(prefix, c) + "\n)"
	}
	return b.idsOf(prefix, c)
}

// isMember is the condition that an event's person is among the members. The lists are read as relations: as values of IN, the engine takes many of them very slowly.
func (b *builder) isMember(prefix string, m *members) string {
	cond := ""
	or := func(kind, of, id string, list []string) {
		if len(list) == 0 {
			return
		}
		if cond != "" {
			cond += " OR "
		}
		cond += of + id + " IN (SELECT arrayJoin(" + b.texts(prefix+kind, list) + "))"
	}
	or("b", "", visitorID, m.both)
	or("c", "user_id = '' AND ", "client_id", m.clients)
	or("u", "user_id != '' AND ", "user_id", m.users)
	if cond == "" {
		return "0"
	}
	return "(" + cond + ")"
}
