package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"weir/internal/rollup"
)

// Where visitors rank the groups, a group has no more of them than events. So the groups with the most events are counted first, and then those others that have as many events as the last of
// the shown ones has visitors: the rest cannot be among them (the idea of the threshold algorithm: R. Fagin, A. Lotem and M. Naor, Optimal aggregation algorithms for middleware, 2003).

// The bounds of a question whose groups are found by their events: so many rows are shown, and so many groups are counted beside them.
const (
	maxByEvents = 100
	maxBeside   = 100
)

// usual is the least share of visitors in events of a group that is expected: groups that need not be counted by it are counted only if they must be.
const usual = 0.7

// mostVisitors is what is told at most of the visitors of a group with so many events. What a sample tells is above it with a probability of e^-doubt.
func mostVisitors(events uint64) float64 {
	n := float64(events)
	if events <= ExactVisitors {
		return n
	}
	return n + rollup.SampleShare*(math.Sqrt(2*doubt*n/rollup.SampleShare)+doubt/3.)
}

// byEvents answers a question whose groups visitors rank by the visitors of those that may be shown; ok is false if that cannot be, or if these are too many, which is remembered for questions of the kind.
func (r *Reporter) byEvents(ctx context.Context, t *tally, q Question) (a answered, ok bool, err error) {
	shown := q.Offset + q.Limit
	if !q.orders() || q.asked != nil || q.along || q.atOnce() || shown > maxByEvents || !r.narrows(q) {
		return a, false, nil
	}
	e := q
	e.Metrics = append([]string{Events}, slices.DeleteFunc(slices.Clone(q.Metrics), func(m string) bool { return m == Visitors || m == Events })...)
	e.Offset, e.Limit = 0, widest
	key := e.kind() // of a question without visitors, which has no other hint
	if r.large.of(key).how == countAll {
		return a, false, nil
	}
	first, err := r.answerEvents(ctx, t, e)
	if err != nil {
		return a, false, err
	}
	c := candidates{rows: first.rows, shown: shown}
	n := c.likely()
	visitors, err := r.visitorsOf(ctx, t, q, first.rows[:n])
	if err != nil {
		return a, false, err
	}
	beside, ok := c.beside(n, visitors)
	if !ok {
		r.large.set(key, countAll, groupSizes{})
		return a, false, nil
	}
	more, err := r.visitorsOf(ctx, t, q, first.rows[n:n+beside])
	if err != nil {
		return a, false, err
	}
	return answered{q.rankedRows(e, first.rows[:n+beside], append(visitors, more...)), first.total}, true, nil
}

// visitorsOf are the visitors of groups, in the order of the rows.
func (r *Reporter) visitorsOf(ctx context.Context, t *tally, q Question, rows []Row) ([]any, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	narrowed := q.narrowed(rows)
	narrowed.Limit = len(rows)
	a, err := r.answerEvents(ctx, t, narrowed)
	if err != nil {
		return nil, err
	}
	of := map[string]any{}
	for _, row := range a.rows {
		of[fmt.Sprint(row.values[0])] = row.values[1]
	}
	out := make([]any, len(rows))
	for i, row := range rows {
		out[i] = cmp.Or(of[fmt.Sprint(row.values[0])], any(json.Number("0")))
	}
	return out, nil
}

// candidates are groups by their events, the most first: a group, and its events. At most widest of them are known.
type candidates struct {
	rows  []Row
	shown int
}

func (c candidates) events(i int) uint64 { return countOf(c.rows[i].values[1]) }

// likely is how many of them are counted first.
func (c candidates) likely() int {
	n := min(c.shown, len(c.rows))
	if n == 0 {
		return 0
	}
	least := usual * float64(c.events(n-1))
	for n < len(c.rows) && n < 3*c.shown && float64(c.events(n)) >= least {
		n++
	}
	return n
}

// beside is how many behind the first n, which have these visitors, may be among the shown ones; ok is false if they are too many, or not all known.
func (c candidates) beside(n int, visitors []any) (more int, ok bool) {
	least := uint64(0) // all of them
	if len(visitors) >= c.shown {
		ranked := slices.SortedFunc(slices.Values(visitors), func(a, b any) int { return cmp.Compare(countOf(b), countOf(a)) })
		least = countOf(ranked[c.shown-1])
	}
	for n+more < len(c.rows) && mostVisitors(c.events(n+more)) >= float64(least) {
		more++
	}
	return more, more <= maxBeside && (n+more < len(c.rows) || len(c.rows) < widest)
}

// rankedRows are the rows that are shown of those of e, which has the other metrics, with their visitors.
func (q Question) rankedRows(e Question, rows []Row, visitors []any) []Row {
	names, out := q.names(), make([]Row, len(rows))
	for i, row := range rows {
		values := []any{row.values[0]}
		for _, m := range q.Metrics {
			if m == Visitors {
				values = append(values, visitors[i])
			} else {
				values = append(values, row.values[1+slices.Index(e.Metrics, m)])
			}
		}
		out[i] = Row{names, values}
	}
	s := sampled{q: q, rows: out, column: 1 + slices.Index(q.Metrics, Visitors)}
	return s.cut()
}
