package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// answered is an answer, or a part of one.
type answered struct {
	rows []Row
	// total are the values of metrics over all groups and intervals, of those whose statement told them with the rows.
	total map[string]any
}

// maxAlong bounds the groups of a part that does not wait for those of the first one.
const maxAlong = 1000

// fewGroups are the columns whose values weir itself gives to events: there are never many.
var fewGroups = []string{"channel", "country", "device", "os", "browser"}

// atOnce says whether the parts of the question need not wait for the groups of the first.
func (q Question) atOnce() bool {
	return len(q.GroupBy) == 0 || len(q.GroupBy) == 1 && slices.Contains(fewGroups, q.GroupBy[0].Column)
}

// answer answers a question.
func (r *Reporter) answer(ctx context.Context, t *tally, q Question) ([]Row, error) {
	a, err := r.answerParts(ctx, t, q)
	return a.rows, err
}

// answerParts answers a question by its parts, those of events and of sessions. The first metric decides which groups come first: the other parts are asked for at the same time where there are
// no groups or few, else when these are known, and only about them. Groups that only other parts have come behind (following).
func (r *Reporter) answerParts(ctx context.Context, t *tally, q Question) (answered, error) {
	aspects := q.aspects()
	if len(aspects) == 0 {
		aspects = []aspect{ofEvents}
	}
	parts := make([]*partOf, len(aspects))
	for i, a := range aspects {
		parts[i] = &partOf{q: q.aspectOf(a), aspect: a}
	}
	first, rest := parts[0], parts[1:]
	narrow := first.aspect == ofEvents && first.q.ranks() && !q.atOnce() && r.narrows(first.q)
	switch {
	case len(rest) == 0 && !narrow:
		a, err := r.answerPart(ctx, t, first.q, first.aspect)
		a.rows = q.renamed(a.rows)
		return a, err
	case q.atOnce():
		for _, p := range rest {
			p.upTo(maxAlong)
		}
	case narrow:
		rest = slices.Insert(rest, 0, &partOf{q: first.q, aspect: ofEvents})
		first.q = first.q.withoutVisitors()
	}
	first.asked, first.whole = first.q, true
	if err := r.askParts(ctx, t, append([]*partOf{first}, rest...)...); err != nil {
		return answered{}, err
	}
	m, total := newMerger(q), map[string]any{}
	m.add(first, true)
	if narrow {
		rest[0].about(rest[0].q.narrowed(first.rows))
		if len(first.rows) == 0 { // no group has visitors that has no events
			rest = rest[1:]
		}
	}
	if err := r.addRest(ctx, t, m, first, rest); err != nil {
		return answered{}, err
	}
	maps.Copy(total, first.total)
	if q.atOnce() { // else they are of some groups
		for _, p := range rest {
			maps.Copy(total, p.total)
		}
	}
	return answered{m.rows(), total}, nil
}

// partOf is a part of a question, as it is asked for: not yet where asked has no metrics.
type partOf struct {
	answered
	q      Question
	aspect aspect
	asked  Question
	whole  bool // all that is wanted of the groups is among the rows
	done   bool
}

// upTo asks for the part about all groups, up to so many.
func (p *partOf) upTo(groups int) {
	p.asked = p.q
	p.asked.Offset, p.asked.Limit = 0, groups
}

// about asks for the part about some groups only.
func (p *partOf) about(q Question) { p.asked, p.whole, p.done = q, true, false }

// askParts asks for the parts that are to be asked for, and have not been, at the same time.
func (r *Reporter) askParts(ctx context.Context, t *tally, parts ...*partOf) error {
	var run []func(context.Context) error
	for _, p := range parts {
		if p.done || len(p.asked.Metrics) == 0 {
			continue
		}
		run = append(run, func(ctx context.Context) (err error) {
			p.answered, err = r.answerPart(ctx, t, p.asked, p.aspect)
			p.done = true
			return err
		})
	}
	return together(ctx, run...)
}

// addRest adds the parts behind the first one, whose groups m has.
func (r *Reporter) addRest(ctx context.Context, t *tally, m *merger, first *partOf, rest []*partOf) error {
	f, err := r.following(ctx, t, m, first)
	if err != nil {
		return err
	}
	for _, p := range rest {
		switch {
		case len(p.asked.Metrics) > 0:
		case f.room > 0:
			p.upTo(f.most())
			p.asked.summed = false
		default:
			p.about(p.q.only(first.rows))
		}
	}
	if err = r.askParts(ctx, t, rest...); err != nil {
		return err
	}
	f.find(m, rest)
	for _, p := range rest {
		m.add(p, false)
	}
	shown := m.rows()
	var again []*partOf
	for _, p := range rest {
		if !p.whole && len(m.q.GroupBy) > 0 && len(shown) > 0 && m.countGroups(p.rows) >= p.asked.Limit { // others of the groups may be behind
			again = append(again, &partOf{aspect: p.aspect})
			again[len(again)-1].about(p.q.only(shown))
		}
	}
	if err = r.askParts(ctx, t, again...); err != nil {
		return err
	}
	for _, p := range again {
		m.add(p, false)
	}
	return nil
}

// following are the groups that come behind those of the first part, if there is room: those that it does not have, by the parts that have them.
type following struct {
	room  int            // how many are shown
	skip  int            // how many are left out before
	known map[string]int // all groups of the first part
}

// following tells what follows the groups of the first part. Behind its last page it is asked for what came before.
func (r *Reporter) following(ctx context.Context, t *tally, m *merger, first *partOf) (f following, err error) {
	if f.room = first.asked.Limit - len(m.groups); len(m.q.GroupBy) == 0 || f.room <= 0 {
		return following{}, nil
	}
	f.known = maps.Clone(m.groups)
	if first.asked.Offset == 0 {
		return f, nil
	}
	before := &partOf{q: first.q, aspect: first.aspect}
	before.upTo(first.asked.Offset + first.asked.Limit)
	if err = r.askParts(ctx, t, before); err != nil {
		return f, err
	}
	all := newMerger(m.q)
	all.add(before, true)
	f.known, f.skip = all.groups, max(0, first.asked.Offset-len(all.groups))
	return f, nil
}

// most is how many groups of a part are looked at to find enough that are not of the first one.
func (f following) most() int { return len(f.known) + f.skip + f.room }

// find adds the groups to those of m.
func (f following) find(m *merger, rest []*partOf) {
	if f.room <= 0 {
		return
	}
	var others []string
	for _, p := range rest {
		for _, row := range p.rows {
			g := m.group(row.values[:m.keys])
			if _, ok := f.known[g]; !ok {
				f.known[g] = len(f.known)
				others = append(others, g)
			}
		}
	}
	for _, g := range others[min(f.skip, len(others)):min(f.skip+f.room, len(others))] {
		m.groups[g] = len(m.groups)
	}
}

func (r *Reporter) answerPart(ctx context.Context, t *tally, p Question, a aspect) (answered, error) {
	switch a {
	case ofEvents:
		return r.answerEvents(ctx, t, p)
	case ofVisitors:
		return r.answerVisitors(ctx, t, p)
	case ofViews:
		return r.answerViews(ctx, t, p)
	case ofPersons:
		rows, err := r.answerPersons(ctx, t, p)
		return answered{rows: rows}, err
	}
	return r.answerSessions(ctx, t, p)
}

// renamed writes the rows under the names of the question: entries by path are asked for as sessions by entry_path.
func (q Question) renamed(rows []Row) []Row {
	names := q.names()
	for i := range rows {
		if len(rows[i].names) == len(names) {
			rows[i].names = names
		}
	}
	return rows
}

// maxGroups bounds the groups of the parts behind the first. They are those of the first part, or of several columns every combination that there is.
const maxGroups = 1_000_000

// only restricts a part to the groups of the first part's rows.
func (q Question) only(rows []Row) Question {
	at := 0
	if q.Interval != "" {
		at = 1
	}
	q.Filters = slices.Clone(q.Filters)
	for i, d := range q.GroupBy {
		seen := map[string]bool{}
		f := Filter{Dim: d}
		for _, row := range rows {
			if v := fmt.Sprint(row.values[at+i]); !seen[v] {
				seen[v] = true
				f.Values = append(f.Values, v)
			}
		}
		q.Filters = append(q.Filters, f)
	}
	q.Offset, q.Limit, q.summed, q.along = 0, maxGroups, false, false
	return q
}

// merger puts the rows of the parts of a question together.
type merger struct {
	q      Question
	keys   int // columns that identify a row
	at     map[string]*Row
	order  []string
	groups map[string]int // place of a group
}

func newMerger(q Question) *merger {
	m := &merger{q: q, keys: len(q.GroupBy), at: map[string]*Row{}, groups: map[string]int{}}
	if q.Interval != "" {
		m.keys++
	}
	return m
}

func (m *merger) group(values []any) string {
	if m.q.Interval != "" {
		values = values[1:]
	}
	return fmt.Sprintf("%q", values)
}

// countGroups is how many groups the rows are of: more rows than that if there are intervals.
func (m *merger) countGroups(rows []Row) int {
	if m.q.Interval == "" {
		return len(rows)
	}
	seen := map[string]bool{}
	for _, row := range rows {
		seen[m.group(row.values[:m.keys])] = true
	}
	return len(seen)
}

// take takes the groups of rows in, in their order.
func (m *merger) take(rows []Row) {
	for _, row := range rows {
		if group := m.group(row.values[:m.keys]); !m.has(row) {
			m.groups[group] = len(m.groups)
		}
	}
}

// has says whether a row is of one of the groups.
func (m *merger) has(row Row) bool {
	_, ok := m.groups[m.group(row.values[:m.keys])]
	return ok
}

// add adds the rows of a part. Those of the first part bring in groups.
func (m *merger) add(p *partOf, first bool) {
	if first {
		m.take(p.rows)
	}
	for _, row := range p.rows {
		keys := row.values[:m.keys]
		if !m.has(row) && len(m.q.GroupBy) > 0 {
			continue
		}
		key := fmt.Sprintf("%q", keys)
		have := m.at[key]
		if have == nil {
			have = &Row{m.q.names(), append(slices.Clone(keys), m.q.nothing()...)}
			m.at[key] = have
			m.order = append(m.order, key)
		}
		for i, name := range p.asked.Metrics {
			have.values[m.keys+slices.Index(m.q.Metrics, name)] = row.values[m.keys+i]
		}
	}
}

// rows are the merged rows, by time and then by the place of the group.
func (m *merger) rows() []Row {
	out := make([]Row, 0, len(m.order))
	for _, key := range m.order {
		out = append(out, *m.at[key])
	}
	if m.q.Interval != "" && len(m.q.GroupBy) > 0 {
		slices.SortStableFunc(out, func(a, b Row) int {
			if c := strings.Compare(fmt.Sprint(a.values[0]), fmt.Sprint(b.values[0])); c != 0 {
				return c
			}
			return m.groups[m.group(a.values[:m.keys])] - m.groups[m.group(b.values[:m.keys])]
		})
	}
	return out
}
