package report

import (
	"context"
	"slices"
)

// countMetrics are the metrics that count things of which each lies in one interval and in one group.
var countMetrics = []string{Events, Pageviews, Sessions, Entries, Exits}

// whole is the question about the whole range, without groups and intervals, for some of its metrics.
func (q Question) whole(metrics []string) Question {
	if q.byVisit() { // the total is of what the rows are of
		q.counts = byVisit
	} else {
		q.counts = byEvent
	}
	q.Metrics, q.GroupBy, q.Interval, q.Offset, q.along, q.summed = metrics, nil, "", 0, false, false
	return q
}

// totalsApart is the question about those totals of which it is known from the beginning that they do not come with the rows; ok is false if there are none.
func (q Question) totalsApart() (alone Question, ok bool) {
	if len(q.GroupBy) == 0 && q.Interval == "" {
		return q, false
	}
	var metrics []string
	for i, a := range q.aspects() {
		of := q.aspectOf(a).Metrics
		unrestricted := i == 0 || q.atOnce()
		if q.along && slices.Contains(of, Visitors) {
			continue
		}
		if a.events() { // of sessions the totals come along
			counts := !slices.ContainsFunc(of, func(m string) bool { return !slices.Contains(countMetrics, m) })
			unrestricted = counts && (i == 0 || len(q.GroupBy) == 0)
		}
		if !unrestricted {
			metrics = append(metrics, of...)
		}
	}
	return q.whole(metrics), len(metrics) > 0
}

// total is the row of the whole range. What neither came along with the rows, nor was asked for apart, nor is a sum, is asked for now.
func (r *Reporter) total(ctx context.Context, t *tally, q Question, a answered, apart []Row) (Row, error) {
	if len(q.GroupBy) == 0 && q.Interval == "" && len(a.rows) == 1 {
		return a.rows[0], nil
	}
	known := a.total
	alone, _ := q.totalsApart()
	if apart != nil {
		known = alone.values(apart, known)
	}
	var left []string
	for _, m := range q.Metrics {
		if _, ok := known[m]; !ok && !q.sums(m, a.rows) {
			left = append(left, m)
		}
	}
	if len(left) > 0 {
		rows, err := r.answer(ctx, t, q.whole(left))
		if err != nil {
			return Row{}, err
		}
		known = q.whole(left).values(rows, known)
	}
	total := Row{q.Metrics, make([]any, len(q.Metrics))}
	for i, m := range q.Metrics {
		var ok bool
		if total.values[i], ok = known[m]; !ok {
			total.values[i] = q.sum(m, a.rows)
		}
	}
	return total, nil
}

// values adds the values of the only row, or nothing if there is none, to what is known.
func (q Question) values(rows []Row, known map[string]any) map[string]any {
	values := q.nothing()
	if len(rows) > 0 {
		values = rows[0].values
	}
	out := map[string]any{}
	for m, v := range known {
		out[m] = v
	}
	for i, m := range q.Metrics {
		out[m] = values[i]
	}
	return out
}

// sums says whether the total of a metric whose total is not known yet is the sum of the rows: of a count, where no group was left out.
func (q Question) sums(metric string, rows []Row) bool {
	if len(q.GroupBy) > 0 && (q.Interval != "" || q.Offset > 0 || len(rows) >= q.Limit) {
		return false
	}
	return slices.Contains(countMetrics, metric)
}

// sum adds up a count of the rows.
func (q Question) sum(metric string, rows []Row) uint64 {
	var n uint64
	at := slices.Index(q.Metrics, metric)
	for _, row := range rows {
		n += countOf(row.values[len(row.values)-len(q.Metrics)+at])
	}
	return n
}
