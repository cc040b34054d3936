package report

import (
	"context"
	"fmt"
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

// answerParts answers a question by its parts, those of events and of sessions. The first metric decides which groups there are: the other parts are asked for at the same time where there are
// no groups or few, else when these are known, and only about them.
func (r *Reporter) answerParts(ctx context.Context, t *tally, q Question) (answered, error) {
	aspects := q.aspects()
	if len(aspects) == 0 {
		aspects = []aspect{ofEvents}
	}
	parts := make([]Question, len(aspects))
	for i, a := range aspects {
		parts[i] = q.aspectOf(a)
	}
	narrow := aspects[0] == ofEvents && parts[0].ranks() && !q.atOnce() && r.totals(parts[0])
	switch {
	case len(parts) == 1 && !narrow:
		a, err := r.answerPart(ctx, t, parts[0], aspects[0])
		a.rows = q.renamed(a.rows)
		return a, err
	case q.atOnce():
		return r.answerAtOnce(ctx, t, q, parts, aspects)
	case narrow:
		visitors := parts[0]
		parts[0] = visitors.withoutVisitors()
		parts, aspects = slices.Insert(parts, 1, visitors), slices.Insert(aspects, 1, ofEvents)
	}
	first, err := r.answerPart(ctx, t, parts[0], aspects[0])
	if err != nil {
		return first, err
	}
	rest := parts[1:]
	for i := range rest {
		if i == 0 && narrow {
			rest[0] = rest[0].narrowed(first.rows)
		} else {
			rest[i] = rest[i].only(first.rows)
		}
	}
	m := newMerger(q)
	m.add(parts[0], first.rows, true)
	if len(first.rows) == 0 { // there are no groups
		return answered{m.rows(), first.total}, nil
	}
	answers, err := r.answerAll(ctx, t, rest, aspects[1:])
	if err != nil {
		return answered{}, err
	}
	for i, a := range answers {
		m.add(rest[i], a.rows, false)
	}
	return answered{m.rows(), first.total}, nil
}

// answerAtOnce asks for all parts of a question at the same time.
func (r *Reporter) answerAtOnce(ctx context.Context, t *tally, q Question, parts []Question, aspects []aspect) (answered, error) {
	for i := range parts[1:] {
		parts[1+i].Offset, parts[1+i].Limit = 0, maxAlong
	}
	answers, err := r.answerAll(ctx, t, parts, aspects)
	if err != nil {
		return answered{}, err
	}
	m, total := newMerger(q), map[string]any{}
	for i, a := range answers {
		for metric, v := range a.total {
			total[metric] = v
		}
		if i > 0 && len(q.GroupBy) > 0 && m.countGroups(a.rows) >= maxAlong && len(answers[0].rows) > 0 { // one of the first part's groups may be behind them
			parts[i] = parts[i].only(answers[0].rows)
			parts[i].along = false
			if a, err = r.answerPart(ctx, t, parts[i], aspects[i]); err != nil {
				return answered{}, err
			}
		}
		m.add(parts[i], a.rows, i == 0)
	}
	return answered{m.rows(), total}, nil
}

// answerAll asks for parts at the same time.
func (r *Reporter) answerAll(ctx context.Context, t *tally, parts []Question, aspects []aspect) ([]answered, error) {
	answers := make([]answered, len(parts))
	run := make([]func(context.Context) error, len(parts))
	for i, p := range parts {
		run[i] = func(ctx context.Context) (err error) {
			answers[i], err = r.answerPart(ctx, t, p, aspects[i])
			return err
		}
	}
	return answers, together(ctx, run...)
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
	q.Offset, q.Limit, q.summed = 0, maxGroups, false
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

// add adds the rows of a part. Only those of the first part bring in groups.
func (m *merger) add(p Question, rows []Row, first bool) {
	for _, row := range rows {
		keys := row.values[:m.keys]
		if group := m.group(keys); first {
			if _, ok := m.groups[group]; !ok {
				m.groups[group] = len(m.groups)
			}
		} else if _, ok := m.groups[group]; !ok && len(m.q.GroupBy) > 0 {
			continue
		}
		key := fmt.Sprintf("%q", keys)
		have := m.at[key]
		if have == nil {
			have = &Row{m.q.names(), append(slices.Clone(keys), m.q.nothing()...)}
			m.at[key] = have
			m.order = append(m.order, key)
		}
		for i, name := range p.Metrics {
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
