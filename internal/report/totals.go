package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/tenant"
)

// span is a stretch of time, without its end.
type span struct{ from, to time.Time }

// totalled is a stretch of a day whose totals are read.
type totalled struct {
	span
	day session.Stitched
}

// behind are the writers of which the day may have rows that its totals do not hold.
func (t totalled) behind(p plan) []uint16 {
	if !t.day.Stale {
		return nil
	}
	return slices.DeleteFunc([]uint16{writerMain, writerLate}, func(w uint16) bool { return !p.behind(w, t.position(w)) })
}

func (t totalled) position(writer uint16) uint64 {
	if writer == writerMain {
		return t.day.Main
	}
	return t.day.Late
}

// The bounds of a statement that reads totals: so many parts of the range lie between days with totals, and so many days have got rows since.
const (
	maxRests = 6
	maxStale = 6
)

// single is the only column of the groups and filters, empty if there are none; ok is false if there are several, or what is no column.
func (q Question) single() (name string, ok bool) {
	names, ok := q.looksAt()
	if !ok || len(names) > 1 {
		return "", false
	}
	return strings.Join(names, ""), true
}

// totalsDim is the dim of day totals that answers the question; ok is false if none does.
func (q Question) totalsDim() (dim daily.Dim, ok bool) {
	if !q.ofDays() {
		return dim, false
	}
	return q.dimOf(daily.Dims)
}

// sessionDimsWithVisitors are those of which totals of sessions have the visitors too.
var sessionDimsWithVisitors = slices.DeleteFunc(slices.Clone(daily.SessionDims), func(d daily.Dim) bool { return !slices.Contains(daily.VisitorDims, d.Name) })

// sessionTotalsDim is the dim of totals of sessions that answers the question; ok is false if none does.
func (q Question) sessionTotalsDim() (dim daily.Dim, ok bool) {
	dims := daily.SessionDims
	if slices.Contains(q.Metrics, Visitors) { // by any attribute with sets all of them are there; all together have none
		dims = sessionDimsWithVisitors
		if name, one := q.single(); one && name == "" {
			q.GroupBy = []Dim{{Column: daily.VisitorDims[0]}}
		}
	}
	return q.dimOf(dims)
}

func (q Question) dimOf(dims []daily.Dim) (dim daily.Dim, ok bool) {
	name, ok := q.single()
	if !ok {
		return dim, false
	}
	if dim, ok = daily.Find(dims, name); !ok {
		return dim, false
	}
	return dim, q.inSteps(dim)
}

// sessionTotals are those of the days whose totals answer the question about sessions, as far as they lie in its range.
func (q Question) sessionTotals(days []session.Stitched) []totalled {
	dim, ok := q.sessionTotalsDim()
	if !ok {
		return nil
	}
	visitors := slices.Contains(q.Metrics, Visitors) // nobody can be taken out of a set again
	return q.wholeDays(dim, days, func(d session.Stitched) bool { return !(visitors && d.Stale) })
}

// wholeDays are those of the days that have all totals and may be read by them, as far as they lie in the range.
func (q Question) wholeDays(dim daily.Dim, days []session.Stitched, may func(session.Stitched) bool) []totalled {
	from, to := whole(span{q.From, q.To}, dim.Step)
	var out []totalled
	for _, d := range days {
		if t, ok := within(d, from, to); ok && d.Totals && may(d) {
			out = append(out, t)
		}
	}
	return out
}

// seams are those of the days of which the sessions near the midnight behind them are totalled too: where both days beside it are read as a whole.
func seams(days []totalled) []session.Stitched {
	all := func(t totalled) bool {
		return t.from.Equal(session.Start(t.day.Day)) && t.to.Equal(session.Start(t.day.Day+1))
	}
	var out []session.Stitched
	for i := 1; i < len(days); i++ {
		if t, next := days[i-1], days[i]; t.day.Seam.Version != 0 && next.day.Day == t.day.Day+1 && all(t) && all(next) {
			out = append(out, t.day)
		}
	}
	return out
}

// within is the part of a day that lies in a range; ok is false if nothing does.
func within(d session.Stitched, from, to time.Time) (t totalled, ok bool) {
	t = totalled{span{session.Start(d.Day), session.Start(d.Day + 1)}, d}
	if t.from.Before(from) {
		t.from = from
	}
	if to.Before(t.to) {
		t.to = to
	}
	return t, t.from.Before(t.to)
}

// whole is the part of a span that consists of whole steps (UTC). It is empty or the wrong way round if there is none.
func whole(s span, step time.Duration) (from, to time.Time) {
	from = s.from.UTC().Truncate(step)
	if from.Before(s.from) {
		from = from.Add(step)
	}
	return from, s.to.UTC().Truncate(step)
}

// eventTotals is the part of a day of which totals of events answer the question, from and to bound its whole steps; ok is false if there is none. The last step of a day that goes on is short:
// its totals are read where the range reaches as far as they do, and stand for all of the day if nothing came for later.
func (q Question) eventTotals(d session.Stitched, from, to time.Time) (t totalled, ok bool) {
	if !d.Totals && !q.To.Before(d.Part) {
		if to = d.Part; d.Last {
			to = q.To
		}
	}
	if t, ok = within(d, from, to); !d.Totals && d.Part.IsZero() {
		ok = false
	}
	return t, ok
}

// withTotals lets a plan read the totals of those of the days that the question covers.
func (p plan) withTotals(q Question, dim daily.Dim, days []session.Stitched) plan {
	from, to := whole(span{q.From, q.To}, dim.Step)
	stale := 0
	for i := len(days) - 1; i >= 0; i-- { // the latest first
		d := days[i]
		t, ok := q.eventTotals(d, from, to)
		if !ok || d.Stale && stale == maxStale {
			continue
		}
		if d.Stale {
			stale++
		}
		p.totals = append(p.totals, t)
	}
	slices.Reverse(p.totals)
	for {
		p.rest = between(span{q.From, q.To}, p.totals)
		if len(p.rest) <= maxRests {
			return p
		}
		p.totals = p.totals[firstRun(p.totals):] // the oldest ones go
	}
}

// firstRun is how many of the days at the beginning follow each other.
func firstRun(days []totalled) int {
	n := 1
	for n < len(days) && days[n].from.Equal(days[n-1].to) {
		n++
	}
	return n
}

// between is what the days leave of the range.
func between(s span, days []totalled) []span {
	var rest []span
	for _, d := range days {
		if s.from.Before(d.from) {
			rest = append(rest, span{s.from, d.from})
		}
		s.from = d.to
	}
	if s.from.Before(s.to) {
		rest = append(rest, s)
	}
	return rest
}

// planned is the plan for a question: with the totals of days where there are any.
func (r *Reporter) planned(q Question, base plan) plan {
	table, ok := q.dayTable()
	if !ok || r.deps.Sessions == nil || q.To.Sub(q.From) < table.dim.Step {
		return base
	}
	if base.rollup != nil && !table.beats(q) {
		return base
	}
	t := tenant.ID(q.Tenant)
	days := r.deps.Sessions.Stitched(t, session.DayOf(q.From), session.DayOf(q.To), r.timeout(t))
	if table.name != daily.Table { // of a part of a day there are no others
		days = slices.DeleteFunc(days, func(d session.Stitched) bool { return !d.Totals })
	}
	return base.withTotals(q, table.dim, days)
}

// ofTotals is the condition on the rows of totals by a dim, of events or of sessions.
func (b *builder) ofTotals(scope string, dim daily.Dim, days []totalled) string {
	return scope + " AND dim = " + b.text("totals", dim.Name) + b.ofDays(days)
}

// ofDays is the condition on the rows of days, with its AND.
func (b *builder) ofDays(days []totalled) string {
	var times, versions []string
	for i := 0; i < len(days); {
		n := firstRun(days[i:])
		k := strconv.Itoa(i)
		times = append(times, "("+b.between("time", "tfrom"+k, days[i].from, "tto"+k, days[i+n-1].to)+")")
		i += n
	}
	for _, t := range days {
		versions = append(versions, strconv.FormatUint(t.day.Version, 10))
	}
	return " AND (" + strings.Join(times, " OR ") + ") AND _version IN (" + strings.Join(versions, ", ") + ")"
}

// totals says whether totals of days are read for a question.
func (r *Reporter) totals(q Question) bool {
	return len(r.planned(q, choose(q, r.cfg.Rollups, nil)).totals) > 0
}

// narrowed is the question about the visitors of the groups that are shown: they are ranked by another metric, which costs less. The groups are texts, for totals are by such.
func (q Question) narrowed(rows []Row) Question {
	asked := q
	q.asked = &asked
	f := Filter{Dim: q.GroupBy[0]}
	for _, row := range rows {
		f.Values = append(f.Values, fmt.Sprint(row.values[0]))
	}
	q.Filters = append(slices.Clone(q.Filters), f)
	q.Metrics, q.Offset, q.summed = []string{Visitors}, 0, false
	return q
}

// ranks says whether a question's groups can be found without their visitors.
func (q Question) ranks() bool {
	return len(q.GroupBy) == 1 && q.Interval == "" && q.Metrics[0] != Visitors && slices.Contains(q.Metrics, Visitors)
}

// withoutVisitors is the question without that metric.
func (q Question) withoutVisitors() Question {
	q.Metrics = slices.DeleteFunc(slices.Clone(q.Metrics), func(m string) bool { return m == Visitors })
	return q
}
