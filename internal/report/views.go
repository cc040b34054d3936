package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/internal/daily"
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

// errPagesCut says that a visit has more page views than pages are kept, or more of what hits tell.
var errPagesCut = errors.New("report: not all pages of a visit are kept")

// pagesCut stands for the latest end of a session where errPagesCut is meant.
const pagesCut = -1 << 62

// pageTotalsDim is the dim of totals of pages that answers a question about page views by visit; ok is false if none does.
func (q Question) pageTotalsDim() (dim daily.Dim, ok bool) {
	q.GroupBy = slices.DeleteFunc(slices.Clone(q.GroupBy), isPath)
	q.Filters = slices.DeleteFunc(slices.Clone(q.Filters), Filter.ofPath)
	return q.dimOf(daily.PageDims)
}

// pageTotals are the days whose totals of pages answer the question.
func (q Question) pageTotals(days []session.Stitched) []totalled {
	dim, ok := q.pageTotalsDim()
	if !ok {
		return nil
	}
	return q.wholeDays(dim, days, func(session.Stitched) bool { return true })
}

// viewSums is sessionSums of page views, by the paths of visits.
func (b *builder) viewSums(s source) string {
	s.lists, s.totals = []string{session.Pages}, b.q.pageTotals(s.read.days)
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
	sessions, outdated := b.sessionsOf(s, attributes, of, "")
	// Visits without page views stay, for their ends; visits whose pages are cut stay, whatever the filters.
	visits := func(rows, as string) string {
		return "SELECT " + b.sums(sessionBegan, viewSums("countIf(_viewed"+b.conditions("p", on)+")"), as) + ", max(_cut) AS cut, max(end_time) AS ends" +
			"\nFROM (\nSELECT " + strings.Join(append(slices.Clone(attributes), "start_time", "end_time", "pageviews > 0 AS _viewed", "pageviews != length("+session.Pages+") AS _cut", session.Pages), ", ") +
			"\nFROM (\n" + rows + "\n)\n)\nLEFT ARRAY JOIN " + session.Pages + " AS path" + b.groupBy()
	}
	parts := []string{visits(sessions, "toInt64(%s)")}
	if outdated != "" {
		parts = append(parts, visits(outdated, "-toInt64(%s)"))
	}
	if len(s.totals) > 0 {
		parts = append(parts, b.fromPageTotals(s.totals, of, on))
	}
	cols := b.keys()
	for _, name := range sessionSums {
		cols = append(cols, "sum(_"+name+") AS _"+name)
	}
	cols = append(cols, lastOrCut("cut", "ends")+" AS last")
	sql := "SELECT " + strings.Join(cols, ", ") + "\nFROM (\n" + strings.Join(parts, "\nUNION ALL\n") + "\n)" + b.groupBy()
	if len(b.keys()) > 0 {
		sql = "SELECT *\nFROM (\n" + sql + "\n)\nWHERE _pageviews > 0" + orCut
	}
	return sql
}

// viewSums are the sums of which there are page views only.
func viewSums(views string) []string {
	sums := make([]string, len(sessionSums))
	for i, name := range sessionSums {
		sums[i] = "0"
		if name == Pageviews {
			sums[i] = views
		}
	}
	return sums
}

// fromPageTotals reads the totals of pages of days: of sessions that pass the filters of, the page views that pass the filters on.
func (b *builder) fromPageTotals(days []totalled, of, on []Filter) string {
	dim, _ := b.q.pageTotalsDim() // there is one: the source has totals
	b.inTotals, b.inPages = true, true
	defer func() { b.inTotals, b.inPages = false, false }()
	scope, views := "site_id = "+b.text("site", b.q.Site), viewSums("sumIf(pageviews, 1"+b.conditions("p", on)+")")
	read := func(table, where string) string {
		return "SELECT " + b.sums("time", views, "toInt64(%s)") + ", max(cut) AS cut, 0 AS ends\nFROM " + table + "\nPREWHERE tenant = " + b.text("tenant", b.q.Tenant) +
			"\nWHERE " + where + b.conditions("f", of) + botsCondition(b.q.Bots) + b.groupBy()
	}
	sql := read(daily.PagesTable, b.ofTotals(scope, dim, days))
	if where := b.ofSeams(scope, dim, days); where != "" {
		sql += "\nUNION ALL\n" + read(daily.SeamPagesTable, where)
	}
	return sql
}

// lastOrCut is the latest end of a session in parts that say whether one is cut.
func lastOrCut(cut, ends string) string {
	return fmt.Sprintf("if(max(max(%s)) OVER (), toInt64(%d), max(max(%s)) OVER ())", cut, pagesCut, ends)
}

// orCut keeps rows that say so.
var orCut = fmt.Sprintf(" OR last = %d", pagesCut)
