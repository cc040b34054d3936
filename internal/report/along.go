package report

import (
	"context"
	"slices"
)

// maxUnited is how many visitors the intervals have together at most for the totals to come along: the engine unites their sets on one thread.
const maxUnited = 200_000

// along says whether the totals of a series come with its rows, as the engine unites what it has counted: asked for by themselves they cost as much as the rows again, and where
// there is little to count nearly all of that is the statement itself. They do where the last answer to such a question says that visitors are to be counted exactly at once, and are few
// in all. Of minutes they do not: the whole range can be read from coarser rollups.
func (r *Reporter) along(q Question) bool {
	aspects := q.aspects()
	if q.Interval == "" || q.Interval == Minute || len(q.GroupBy) > 0 || len(aspects) != 1 || aspects[0] != ofEvents && aspects[0] != ofVisitors || !slices.Contains(q.Metrics, Visitors) {
		return false
	}
	known := r.large.of(q.kind())
	return known.how == countExact && known.sum <= maxUnited
}

// countsAlong asks for the rows of a series and their totals at once.
func (r *Reporter) countsAlong(ctx context.Context, t *tally, q Question, p plan) (a answered, overtaken bool, err error) {
	if a, overtaken, err = r.ask(ctx, t, q, p, exactly); err != nil || overtaken {
		return answered{}, overtaken, err
	}
	values := q.nothing()
	a.rows = slices.DeleteFunc(a.rows, func(row Row) bool {
		if row.values[0] == nil {
			values = row.values[1:]
		}
		return row.values[0] == nil
	})
	a.total = map[string]any{}
	for i, m := range q.Metrics {
		a.total[m] = values[i]
	}
	c := sampled{q: q, rows: a.rows, column: 1 + slices.Index(q.Metrics, Visitors)}
	r.large.sized(q.kind(), c.hint(), c.sum())
	a.rows = q.filled(a.rows)
	return a, false, nil
}

// sum is how many visitors the rows have together; who is in two of them counts twice.
func (c *sampled) sum() (n uint64) {
	for _, row := range c.rows {
		n += countOf(row.values[c.column])
	}
	return n
}

// summedMetrics are those whose sums over all groups come with the rows: of counts each event is in one group and one interval. A page of groups without any has none.
func (q Question) summedMetrics() []string {
	if !q.summed {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(q.Metrics), func(m string) bool { return m != Events && m != Pageviews })
}
