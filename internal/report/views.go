package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/internal/session"
)

// ofViews says whether the pages of visits answer what a question by visit asks of page views: all that it looks at are attributes of visits, and paths. Where other metrics read the events
// anyway, it is asked of these.
func (q Question) ofViews() bool {
	if !q.byVisit() || slices.ContainsFunc(q.Metrics, func(m string) bool { return m == Events || m == Visitors || m == Value }) {
		return false
	}
	attributes := q
	attributes.counts = byVisit
	attributes.GroupBy = slices.DeleteFunc(slices.Clone(q.GroupBy), isPath)
	attributes.Filters = slices.DeleteFunc(slices.Clone(q.Filters), Filter.ofPath)
	paths := len(attributes.GroupBy) < len(q.GroupBy) || len(attributes.Filters) < len(q.Filters)
	return paths && attributes.ofVisits()
}

func isPath(d Dim) bool { return d.Prop == "" && d.Column == "path" }

func (f Filter) ofPath() bool { return f.Cohort == nil && isPath(f.Dim) }

// views says whether the part of a question that visits answer is ofViews: filters on paths are in others too, and look for visits that have such an event.
func (q Question) views() bool {
	return slices.Equal(q.Metrics, []string{Pageviews}) && (slices.ContainsFunc(q.GroupBy, isPath) || slices.ContainsFunc(q.Filters, Filter.ofPath))
}

// answerViews answers a question by the pages of visits: where these are not all there, by the events.
func (r *Reporter) answerViews(ctx context.Context, t *tally, q Question) (answered, error) {
	a, err := r.answerSessions(ctx, t, q)
	if errors.Is(err, errPagesCut) {
		return r.answerEvents(ctx, t, q)
	}
	return a, err
}

// errPagesCut says that a visit has more page views than pages are kept.
var errPagesCut = errors.New("report: not all pages of a visit are kept")

// pagesCut stands for the latest end of a session where errPagesCut is meant.
const pagesCut = -1 << 62

// viewSums is sessionSums of page views, by the paths of visits.
func (b *builder) viewSums(s source) string {
	s.pages = true
	var attributes []string
	for _, d := range b.q.GroupBy {
		if !isPath(d) {
			attributes = append(attributes, d.Column)
		}
	}
	var of, on []Filter
	for _, f := range b.q.Filters {
		if f.ofPath() {
			on = append(on, f)
		} else {
			of = append(of, f)
		}
	}
	sessions, _ := b.sessionsOf(s, attributes, of, "")
	visits := "SELECT " + strings.Join(append(attributes, "start_time", "end_time", "pageviews > 0 AS _viewed", "pageviews != length("+session.Pages+") AS _cut", session.Pages), ", ") + "\nFROM (\n" + sessions + "\n)"
	// Visits without page views stay, for their ends; visits whose pages are cut stay, whatever the filters.
	sums := make([]string, len(sessionSums))
	for i, name := range sessionSums {
		sums[i] = "0"
		if name == Pageviews {
			sums[i] = "countIf(_viewed" + b.conditions("p", on) + ")"
		}
	}
	sql := "SELECT " + b.sums("fromUnixTimestamp64Milli(start_time, 'UTC')", sums, "%s") + fmt.Sprintf(", if(max(max(_cut)) OVER (), toInt64(%d), max(max(end_time)) OVER ()) AS last", pagesCut) +
		"\nFROM (\n" + visits + "\n)\nLEFT ARRAY JOIN " + session.Pages + " AS path" + b.groupBy()
	if len(b.keys()) > 0 {
		sql = "SELECT *\nFROM (\n" + sql + "\n)\nWHERE _pageviews > 0" + orCut
	}
	return sql
}

// orCut keeps rows that say so.
var orCut = fmt.Sprintf(" OR last = %d", pagesCut)
