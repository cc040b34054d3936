// Package report answers the questions of dashboards: series, breakdowns and
// what happens right now. A report reads a rollup up to the rollup's position
// and the raw events behind it, in one statement, and gives exactly what the
// raw events alone would give. DESIGN.md says how.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/event"
)

// The metrics.
const (
	Events    = "events"    // number of events
	Pageviews = "pageviews" // number of events of type pageview
	Visitors  = "visitors"  // number of different visitors: client ids, or user ids of events without one
	Value     = "value"     // sum of the numeric property value
)

var metricNames = []string{Events, Pageviews, Visitors, Value}

// The intervals.
const (
	Minute = "minute"
	Hour   = "hour"
	Day    = "day"
	Week   = "week"
	Month  = "month"
)

var intervalNames = []string{Minute, Hour, Day, Week, Month}

// Question is a report that can be planned: everything in it was checked.
type Question struct {
	Tenant, Site string
	Metrics      []string
	From, To     time.Time // events with From <= ts < To
	Interval     string    // "": no series
	Location     *time.Location
	FirstDay     int // of the week, 1 = Monday to 7 = Sunday
	GroupBy      []Dim
	Filters      []Filter
	Goal         *goal                      // of conversions; nil: none
	Bots         string                     // BotsExclude ("" too), BotsInclude or BotsOnly
	Timeout      time.Duration              // of sessions; 0: the default
	Offset       int                        // groups to leave out before the first
	Limit        int                        // groups, the largest by the first metric first
	attribution  *attribution               // what events have from their visits; nil: nothing of that is asked
	counts       countedBy                  // how it counts, where that was decided for the question that it is a part of
	asked        *Question                  // what was asked, when this is about the groups of its answer only
	small        []string                   // of these, those that are taken for small; of bySize
	along        bool                       // the totals come with the rows: see Reporter.along
	summed       bool                       // the sums of counts over all groups come with the rows
	texts        func(property string) bool // whether no value of the property is a number; nil: that is not known
}

// Dim is what an answer is broken down by, or what a filter looks at: a column or a property.
type Dim struct {
	Column string // of events; empty for a property
	Prop   string // the property's name
}

// Name is the dim as the caller writes it and as it stands in the answer.
func (d Dim) Name() string {
	if d.Prop != "" {
		return propPrefix + d.Prop
	}
	return d.Column
}

const propPrefix = "props."

// Filter keeps events whose dim is (or, negated, is not) one of Values, or contains one of them.
type Filter struct {
	Dim      Dim
	Values   []string
	Not      bool
	Contains bool
	Prefix   bool    // begins with one of them, in upper or lower case; only where the server asks
	Cohort   *cohort // set: events of its persons are kept, whatever Dim and Values say
}

// textColumns are the columns that can be a dim: visible, and text or a flag.
var textColumns = func() []string {
	var names []string
	for _, c := range event.Columns {
		if c.Visible && c.Stored && (c.Kind == event.KindString || c.Kind == event.KindLowCard || c.Name == "is_bot") {
			names = append(names, c.Name)
		}
	}
	return names
}()

// columns are those that the question needs, in dims and filters; ok is false if it needs a property or a person.
func (q Question) columns() (names []string, ok bool) {
	if q.byVisit() || q.byVisitDim() {
		return nil, false // rollups know of pages only
	}
	if names, ok = q.looksAt(); !ok {
		return nil, false // nor of properties and persons
	}
	if slices.Contains(q.Metrics, Pageviews) {
		names = append(names, "type")
	}
	if botsCondition(q.Bots) != "" {
		names = append(names, "is_bot")
	}
	return names, true
}

// looksAt are the columns of the groups and filters, each once; ok is false if there is a property or a cohort among them.
func (q Question) looksAt() (names []string, ok bool) {
	dims := slices.Clone(q.GroupBy)
	for _, f := range q.Filters {
		if f.Cohort != nil {
			return nil, false
		}
		dims = append(dims, f.Dim)
	}
	for _, d := range dims {
		if d.Prop != "" {
			return nil, false
		}
		if !slices.Contains(names, d.Column) {
			names = append(names, d.Column)
		}
	}
	return names, true
}

// maxBuckets bounds the intervals of a series.
const maxBuckets = 10_000

// buckets are the starts of the intervals that the range touches, as the answer writes them.
func (q Question) buckets() []string {
	var out []string
	for t := q.bucketStart(q.From); t.Before(q.To); t = q.nextBucket(t) {
		out = append(out, q.bucketName(t))
		if len(out) > maxBuckets {
			break
		}
	}
	return slices.Compact(out)
}

func (q Question) bucketStart(t time.Time) time.Time {
	t = t.In(q.Location)
	y, m, d := t.Date()
	switch q.Interval {
	case Minute:
		return t.Truncate(time.Minute)
	case Hour:
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case Week:
		d -= (isoWeekday(t) - q.FirstDay + 7) % 7
	case Month:
		d = 1
	}
	return dayStart(y, m, d, q.Location)
}

// dayStart is when a date begins: where the clock is put forward at midnight, at that moment.
func dayStart(y int, m time.Month, d int, loc *time.Location) time.Time {
	return localTime(time.Date(y, m, d, 0, 0, 0, 0, time.UTC), loc)
}

// localTime is the moment at which clocks of loc show what t, in UTC, shows: the first, where they are put back and show it twice; where they are put forward over it, when that happens. time.Date may
// answer with the second, and with an hour before then.
func localTime(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.Date()
	at := time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
	begin, end := at.ZoneBounds()
	_, before := at.Zone()
	if at.Hour() == t.Hour() && at.Minute() == t.Minute() && at.Day() == d {
		if _, former := begin.Add(-time.Second).Zone(); !begin.IsZero() && former > before {
			if first := at.Add(-time.Duration(former-before) * time.Second); first.Before(begin) {
				return first
			}
		}
		return at
	}
	if end.IsZero() || t.Add(-time.Duration(before)*time.Second).Before(end) { // at is behind the change
		return begin
	}
	return end
}

func isoWeekday(t time.Time) int {
	if d := int(t.Weekday()); d > 0 {
		return d
	}
	return 7
}

func (q Question) nextBucket(t time.Time) time.Time {
	switch q.Interval {
	case Minute:
		return t.Add(time.Minute)
	case Hour:
		return t.Add(time.Hour)
	}
	y, m, d := t.Date()
	switch q.Interval {
	case Day:
		d++
	case Week:
		d += 7
	case Month:
		m++
	}
	return dayStart(y, m, d, q.Location)
}

// bucketName writes the start of an interval: a date for a day and longer, else a time with the zone's offset.
func (q Question) bucketName(t time.Time) string {
	if q.Interval == Minute || q.Interval == Hour {
		return t.In(q.Location).Format(time.RFC3339)
	}
	return t.Format(time.DateOnly)
}

// previous is the same question about the time before it, of the same length. A range that begins at midnight is moved by as many whole days of the zone
// as it touches: days meet days, hours the same hours, and what goes on until now meets what went on until this time of the day. Any other range ends
// where the question's begins.
func (q Question) previous() Question {
	p := q
	p.To = q.From
	p.From = q.From.Add(-q.To.Sub(q.From))
	f, t := q.From.In(q.Location), q.To.In(q.Location)
	if !midnight(f) {
		return p
	}
	days := calendarDays(f, t)
	if midnight(t) {
		p.From = daysBefore(f, days)
		return p
	}
	// Where the clock is put forward at midnight a range of minutes may have no counterpart.
	if from, to := daysBefore(f, days+1), t.AddDate(0, 0, -days-1); from.Before(to) && !to.After(f) {
		p.From, p.To = from, to
	}
	return p
}

// daysBefore is when the day began that was so many days before that of t.
func daysBefore(t time.Time, days int) time.Time {
	y, m, d := t.Date()
	return dayStart(y, m, d-days, t.Location())
}

// calendarDays is how many days lie between the dates of two times.
func calendarDays(from, to time.Time) int {
	date := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(date(to).Sub(date(from)) / (24 * time.Hour))
}

func midnight(t time.Time) bool {
	y, m, d := t.Date()
	return t.Equal(dayStart(y, m, d, t.Location()))
}

// wholeOffsets says whether the zone's offset from UTC is a multiple of step during all of [from, to).
func wholeOffsets(loc *time.Location, from, to time.Time, step time.Duration) bool {
	for t := from.In(loc); ; {
		if _, off := t.Zone(); (time.Duration(off)*time.Second)%step != 0 {
			return false
		}
		_, end := t.ZoneBounds()
		if end.IsZero() || !end.Before(to) {
			return true
		}
		t = end
	}
}

// String describes the question in a log.
func (q Question) String() string {
	var dims []string
	for _, d := range q.GroupBy {
		dims = append(dims, d.Name())
	}
	return fmt.Sprintf("%s of %s by %s/%s", strings.Join(q.Metrics, ","), q.Site, q.Interval, strings.Join(dims, ","))
}
