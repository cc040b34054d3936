package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
)

// visitDims are the dims that an event has from its visit: where this came from, and its first and last page. Those of the event itself are of one page, and most pages are reached from another one
// of the site. Totals of sessions know the visitors by each of them.
var visitDims = daily.VisitorDims

func isVisitDim(d Dim) bool { return d.Prop == "" && slices.Contains(visitDims, d.Column) }

// byVisitDim says whether the question looks at what events have from their visits.
func (q Question) byVisitDim() bool {
	return slices.ContainsFunc(q.GroupBy, isVisitDim) || slices.ContainsFunc(q.Filters, Filter.ofVisit)
}

// ofVisit says whether the filter looks at what an event has from its visit.
func (f Filter) ofVisit() bool { return f.Cohort == nil && isVisitDim(f.Dim) }

// isVisitAttribute says whether visits have the dim: what events have from them, and what both have, as the country. Whose an event is, it says itself.
func isVisitAttribute(d Dim) bool {
	_, ok := session.Find(d.Column)
	return ok && d.Prop == "" && d.Column != "client_id" && d.Column != "user_id"
}

// countedBy says how a question counts events.
type countedBy int

const (
	undecided countedBy = iota // what it looks at decides
	byEvent                    // where each event is
	byVisit                    // where the visit of an event begins; those of nobody not at all
)

// byVisit says whether a report counts the events of the visits that begin in its range, each where its visit begins: it looks at what events have from their visits. So its numbers fit
// those of sessions beside them.
func (q Question) byVisit() bool {
	if q.counts != undecided {
		return q.counts == byVisit
	}
	return q.byVisitDim()
}

// ofVisits says whether visits alone answer a question by visit: all that it looks at are attributes of theirs.
func (q Question) ofVisits() bool {
	return q.byVisit() && !slices.ContainsFunc(slices.Concat(q.GroupBy, dimsOf(q.Filters)), func(d Dim) bool { return !isVisitAttribute(d) })
}

// attribution is what the events of [from, to) have from their visits.
type attribution struct {
	tenant, site string
	from, to     time.Time
	horizon      time.Time // up to where visits are followed
	columns      []string  // whose values are asked for, and not only whether a filter passes
	timeout      time.Duration
	read         readDays
	days         func() []session.Stitched // where read is not known yet
	begun        bool                      // of the visits that begin in [from, to) only, with all their events; what visits have is the visit's then, and not the event's own
	joined       bool                      // filters look at columns too
}

// end is the end of the range of events.
func (a *attribution) end() time.Time {
	if a.begun {
		return a.horizon
	}
	return a.to
}

// begin is from where on visits are followed: a day (UTC) and what is left of the day before, for days are read as a whole. Of a visit that began before, what is behind it counts.
func (a *attribution) begin() time.Time {
	return session.Start(session.DayOf(a.from.Add(-24 * time.Hour)))
}

// attributed is the question with what its events have from their visits in [from, to): for its own groups and filters, other dims whose values are asked for, and
// more filters.
func (r *Reporter) attributed(ctx context.Context, t *tally, q Question, from, to time.Time, values []Dim, more []Filter) (Question, error) {
	filters := slices.Concat(q.Filters, more)
	if q.Goal != nil {
		filters = append(filters, q.Goal.filters...)
	}
	a := attributionOf(q, from, to, slices.Concat(q.GroupBy, values), filters)
	if a == nil {
		return q, nil
	}
	var err error
	if a.horizon, err = r.reach(ctx, t, q, time.Time{}, to, a.timeout); err != nil {
		return q, err
	}
	a.read, err = r.stitched(ctx, t, q, a.begin(), a.horizon, a.timeout)
	q.attribution = a
	return q, err
}

// ofReport is attributed for what a report counts.
func (r *Reporter) ofReport(ctx context.Context, t *tally, q Question, more []Filter) (Question, error) {
	if !q.byVisit() {
		return r.attributed(ctx, t, q, q.From, q.To, nil, more)
	}
	filters := slices.Concat(q.Filters, more)
	if q.Goal != nil {
		filters = append(filters, q.Goal.filters...)
	}
	dims := slices.Clone(q.GroupBy)
	joined := q.Interval != "" || slices.ContainsFunc(dims, isVisitAttribute)
	if joined {
		dims = append(dims, dimsOf(filters)...)
		if botsCondition(q.Bots) != "" {
			dims = append(dims, Dim{Column: "is_bot"})
		}
	}
	a := &attribution{tenant: q.Tenant, site: q.Site, from: q.From, to: q.To, columns: columnsOf(dims, isVisitAttribute), timeout: cmp.Or(q.Timeout, session.DefaultTimeout), begun: true, joined: joined}
	var err error
	if a.horizon, err = r.reach(ctx, t, q, q.From, q.To, a.timeout); err != nil {
		return q, err
	}
	a.read, err = r.stitched(ctx, t, q, a.begin(), a.horizon, a.timeout)
	q.attribution = a
	return q, err
}

// attributionOf is what the values of dims, and filters, need; nil: nothing.
func attributionOf(q Question, from, to time.Time, dims []Dim, filters []Filter) *attribution {
	a := &attribution{tenant: q.Tenant, site: q.Site, from: from, to: to, columns: columnsOf(dims, isVisitDim), timeout: cmp.Or(q.Timeout, session.DefaultTimeout)}
	if len(a.columns) == 0 && !slices.ContainsFunc(filters, Filter.ofVisit) {
		return nil
	}
	// All of these depend on how visits go on: where one came from, a later event may say than its first.
	a.horizon = session.Start(session.DayOf(to.Add(a.timeout)) + 1) // where nobody looks how far they go on (attributionOfDid)
	return a
}

// attributionOfDid is attributed for a behaviour.
func (r *Reporter) attributionOfDid(src catalog.Source, d *did) *attribution {
	q := Question{Tenant: string(src.Tenant), Site: src.SiteID, Timeout: r.timeout(src.Tenant)}
	a := attributionOf(q, d.from, d.to, nil, d.filters)
	if a != nil && r.deps.Sessions != nil {
		a.days = func() []session.Stitched { // when the statement is written: behind the reading of as_of
			return r.deps.Sessions.Stitched(src.Tenant, session.DayOf(a.begin()), session.DayOf(a.horizon.Add(-1)), a.timeout)
		}
	}
	return a
}

// columnsOf are the columns of those of the dims that are meant, each once.
func columnsOf(dims []Dim, meant func(Dim) bool) []string {
	var columns []string
	for _, d := range dims {
		if meant(d) && !slices.Contains(columns, d.Column) {
			columns = append(columns, d.Column)
		}
	}
	return columns
}

// The visitor and the time of an event, as sessions have them.
const (
	visitorOfEvent = "if(client_id != '', client_id, user_id)"
	millisOfEvent  = "toUnixTimestamp64Milli(ts)"
)

// piece is the number of the piece of time that a moment is in. No two visits of a visitor are in one piece, which is as long as the timeout: no gap in it can be longer.
func (a *attribution) piece(millis string) string {
	return fmt.Sprintf("intDiv(%s + 4000000000000, %d)", millis, a.timeout.Milliseconds())
}

// key is of an event what one of the keys of its visit is.
func (a *attribution) key() string {
	return "cityHash64(" + visitorOfEvent + ", " + a.piece(millisOfEvent) + ")"
}

// ownOfEvent is the expression of what an event of no visit has in the place of a column of visits: of its own page, as if it were the only one.
// The table that it is in stands as alias before its columns, with a point, or is empty.
func ownOfEvent(alias, column string) string {
	c, _ := session.Find(column)
	own := "toString(" + alias + c.From + ")"
	if slices.Contains(sessionDims, column) {
		own = "if(" + alias + "type = 'pageview', " + own + ", '')"
	}
	return own
}

// keyedVisits is a relation of visits that meet conditions, with their beginning as _began and some columns: a row for each of their keys, as _key. Among n pairs of a visitor and a piece of time two share one with a
// probability of n²/2⁶⁵. The names of its parameters begin with prefix.
func (b *builder) keyedVisits(prefix string, a *attribution, columns, where []string) string {
	scope := []string{"%s.tenant = " + b.text(prefix+"tenant", a.tenant), "%s.site_id = " + b.text(prefix+"site", a.site)}
	q := session.Query{Timeout: a.timeout, Columns: columns, Growing: a.read.growing}
	if a.read.growing != nil {
		maps.Copy(b.params, a.read.growing.Params(clickhouse.ArrayParam))
	}
	days := a.read.days
	if a.days != nil {
		days = a.days()
	}
	q.Within(a.begin(), a.horizon, days, scope...)
	first, last := a.piece("start_time"), "least("+a.piece("end_time")+", "+a.piece(b.millis(prefix+"last", a.end()))+")"
	if !a.from.IsZero() { // of a long visit only what is in the range
		first = "greatest(" + first + ", " + a.piece(b.millis(prefix+"first", a.from)) + ")"
	}
	if a.begun {
		where = append(where, "start_time >= "+b.millis(prefix+"begin", a.from), "start_time < "+b.millis(prefix+"end", a.to))
	}
	sql := "SELECT arrayJoin(arrayMap(_p -> cityHash64(visitor, _p), range(" + first + ", " + last + " + 1))) AS _key, " + strings.Join(append([]string{"start_time AS _began"}, columns...), ", ") + "\nFROM (\n" + q.SQL() + "\n)"
	if len(where) > 0 {
		sql += "\nWHERE " + strings.Join(where, " AND ")
	}
	return sql
}

// attribution is what is known of events' visits where conditions are written; nil: nothing is asked of them, or the rows are visits themselves.
func (b *builder) attribution() *attribution {
	if b.inDid != nil {
		return b.inDid
	}
	if a := b.q.attribution; a == nil || !a.joined {
		return a
	}
	return nil
}

// takes says whether a filter is one on the visits of events.
func (a *attribution) takes(f Filter) bool {
	return f.ofVisit() || a.begun && f.Cohort == nil && isVisitAttribute(f.Dim)
}

// bots is the condition on robots with its AND: of events, unless their visits were chosen by it (inVisit).
func (b *builder) bots() string {
	if a := b.attribution(); a != nil && a.begun {
		return ""
	}
	return botsCondition(b.q.Bots)
}

// inVisit is the condition that the visits of events meet the filters of these places. Where visits decide, they are those of people, or of robots, too.
func (b *builder) inVisit(prefix string, filters []Filter, places []int) string {
	a := b.attribution()
	columns, of, own := []string{}, []string{}, []string{}
	for _, i := range places {
		f, n := filters[i], strconv.Itoa(i)
		if !slices.Contains(columns, f.Dim.Column) {
			columns = append(columns, f.Dim.Column)
		}
		of = append(of, b.filtered(prefix, n, f, textOf(f.Dim.Column)))
		own = append(own, b.filtered(prefix, n, f, ownOfEvent("", f.Dim.Column)))
	}
	if bots := botsCondition(b.q.Bots); a.begun && bots != "" {
		of = append(of, strings.TrimPrefix(bots, " AND "))
		if !slices.Contains(columns, "is_bot") {
			columns = append(columns, "is_bot")
		}
	}
	in := a.key() + " IN (SELECT _key FROM (\n" + b.keyedVisits(prefix+"v", a, columns, of) + "\n))"
	if a.begun {
		return in
	}
	return "(" + in + " OR " + visitorOfEvent + " = '' AND " + strings.Join(own, " AND ") + ")"
}

// end is where the range of the events ends that are read.
func (b *builder) end() time.Time {
	if a := b.q.attribution; a != nil && a.begun && !a.joined {
		return a.horizon
	}
	return b.q.To
}

// events is the relation of the question's events, with the columns of their visits whose values are asked for. Where events count where their visits begin, that is their time.
func (b *builder) events() string {
	a := b.q.attribution
	if a == nil || len(a.columns) == 0 && !a.joined {
		return rollup.Events
	}
	where := "tenant = " + b.text("vtenant", a.tenant) + " AND site_id = " + b.text("vsite", a.site) + " AND ts < " + b.time("vto", a.end())
	if !a.from.IsZero() {
		where += " AND ts >= " + b.time("vfrom", a.from)
	}
	var values []string
	except, some := []string{"_key"}, " OR _event.client_id = '' AND _event.user_id = ''"
	if a.begun {
		except, some = append(except, "ts"), ""
		values = append(values, "fromUnixTimestamp64Milli(_visit._began, 'UTC') AS ts")
	}
	for _, c := range a.columns {
		if a.begun { // all have one
			values = append(values, "_visit."+c+" AS "+c)
		} else {
			values = append(values, "if(_visit._key = 0, "+ownOfEvent("_event.", c)+", _visit."+c+") AS "+c)
		}
		if !slices.Contains(sessionDims, c) {
			except = append(except, c)
		}
	}
	return "(\nSELECT _event.* EXCEPT (" + strings.Join(except, ", ") + "), " + strings.Join(values, ", ") +
		"\nFROM (SELECT *, " + a.key() + " AS _key FROM " + rollup.Events + " WHERE " + where + ") AS _event" +
		"\nANY LEFT JOIN (\n" + b.keyedVisits("v", a, a.columns, nil) + "\n) AS _visit ON _event._key = _visit._key" +
		"\nWHERE _visit._key != 0" + some + "\n) AS events" // what came of a visitor since the visits were looked at is not counted yet
}
