package session

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/internal/rollup"
)

const dayMillis = 24 * 60 * 60 * 1000

// DayOf is the day (UTC) of a time, counted from 1970.
func DayOf(t time.Time) int32 { return int32(floorDiv(t.UnixMilli(), dayMillis)) }

// Start is when a day begins.
func Start(day int32) time.Time { return time.UnixMilli(int64(day) * dayMillis).UTC() }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Stitched is a day of a tenant whose runs stand in Table, marked with the version.
type Stitched struct {
	Day     int32
	Version uint64
	// Stale says that the day has got rows since: those with a _seq above Main of writer 1, and above Late of writer 2. The runs hold for visitors without such rows; the
	// others' are to be made anew.
	Stale      bool
	Main, Late uint64
	// Totals says that the day's totals (package daily) stand under the version too: of the rows that are not behind it.
	Totals bool
}

// StitchSQL is the statement that writes the runs of a tenant's day, marked with the version. tenant needs no escaping: the alphabet of ids has no
// character with a meaning in SQL. There are never more rows than events, and all are of one partition of the table.
func StitchSQL(tenant string, day int32, timeout time.Duration, version uint64) string {
	q := Query{Timeout: timeout, Raw: []string{"_e.tenant = '" + tenant + "'", between("_e.ts", Start(day), Start(day+1))}}
	into := []string{"tenant", "site_id", "visitor", "start_time", "end_time", "events", "pageviews", "actions"}
	from := []string{"tenant", "site_id", "visitor", "fromUnixTimestamp64Milli(start_time, 'UTC')", "fromUnixTimestamp64Milli(end_time, 'UTC')", "events", "pageviews", "actions"}
	for _, c := range Columns {
		q.Columns = append(q.Columns, c.Name)
		into, from = append(into, c.Name), append(from, c.Name)
	}
	begin := int64(day) * dayMillis
	edge := fmt.Sprintf("start_time - %d <= %d OR %d - end_time <= %d", begin, timeout.Milliseconds(), begin+dayMillis, timeout.Milliseconds())
	return "INSERT INTO " + Table + " (" + strings.Join(into, ", ") + ", edge, _version)\nSELECT " + strings.Join(from, ", ") + ", " + edge + ", toUInt64(" +
		strconv.FormatUint(version, 10) + ")\nFROM (\n" + q.SQL() + "\n)"
}

// Span is a stretch of time, without its end.
type Span struct{ From, To time.Time }

// Uncovered are the parts of [from, to) that lie in none of the days, which are in order.
func Uncovered(from, to time.Time, days []Stitched) []Span {
	var out []Span
	for _, d := range days {
		begin, end := Start(d.Day), Start(d.Day+1)
		if !begin.Before(to) {
			break
		}
		if from.Before(begin) {
			out = append(out, Span{from, begin})
		}
		if from.Before(end) {
			from = end
		}
	}
	if from.Before(to) {
		out = append(out, Span{from, to})
	}
	return out
}

// Within sets the conditions to read what happened in [from, to): scope, over both tables with %s as their alias, and where days are stitched, their
// runs; days are in order. A day that is only partly in the range is read as a whole when it is stitched.
func (q *Query) Within(from, to time.Time, days []Stitched, scope ...string) {
	conditions := func(alias, more string) []string {
		return append(strings.Split(strings.ReplaceAll(strings.Join(scope, "\x00"), "%s", alias), "\x00"), more)
	}
	q.Raw, q.Stitched = nil, nil
	var fresh, stale stretch
	for _, d := range days {
		if !Start(d.Day).Before(to) || !Start(d.Day+1).After(from) {
			continue
		}
		if d.Stale {
			stale.add(d)
		} else {
			fresh.add(d)
		}
	}
	var raw, stitched []string
	if spans := Uncovered(from, to, days); len(spans) > 0 {
		raw = append(raw, anyOf("_e.ts", spans))
	}
	if len(fresh.days) > 0 {
		stitched = append(stitched, fresh.condition())
	}
	if len(stale.days) > 0 {
		// Who has rows behind the stitched ones. Of several days the lowest positions are taken: more visitors are made anew than need be.
		set := fmt.Sprintf(" IN (SELECT _d.site_id, %s FROM %s AS _d WHERE %s AND (_d._writer = 1 AND _d._seq > %d OR _d._writer = 2 AND _d._seq > %d))", Visitor("_d"), rollup.Events,
			strings.Join(conditions("_d", anyOf("_d.ts", stale.spans)), " AND "), stale.main, stale.late)
		raw = append(raw, anyOf("_e.ts", stale.spans)+" AND (_e.site_id, "+visitor+")"+set)
		stitched = append(stitched, stale.condition()+" AND NOT (_s.site_id, _s.visitor)"+set)
	}
	if len(raw) > 0 {
		q.Raw = conditions("_e", either(raw))
	}
	if len(stitched) > 0 {
		q.Stitched = conditions("_s", either(stitched))
	}
}

// stretch is several stitched days.
type stretch struct {
	days       []Stitched
	spans      []Span // neighbours are one
	main, late uint64 // the lowest
}

func (s *stretch) add(d Stitched) {
	begin, end := Start(d.Day), Start(d.Day+1)
	if n := len(s.spans); n > 0 && s.spans[n-1].To.Equal(begin) {
		s.spans[n-1].To = end
	} else {
		s.spans = append(s.spans, Span{begin, end})
	}
	if len(s.days) == 0 {
		s.main, s.late = d.Main, d.Late
	}
	s.main, s.late = min(s.main, d.Main), min(s.late, d.Late)
	s.days = append(s.days, d)
}

func (s *stretch) condition() string {
	versions := make([]string, len(s.days))
	for i, d := range s.days {
		versions[i] = strconv.FormatUint(d.Version, 10)
	}
	return anyOf("_s.start_time", s.spans) + " AND _s._version IN (" + strings.Join(versions, ", ") + ")"
}

func either(conditions []string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "((" + strings.Join(conditions, ") OR (") + "))"
}

func anyOf(column string, spans []Span) string {
	parts := make([]string, len(spans))
	for i, s := range spans {
		parts[i] = between(column, s.From, s.To)
	}
	return either(parts)
}

func between(column string, from, to time.Time) string {
	return column + " >= " + literal(from) + " AND " + column + " < " + literal(to)
}

// earliest and latest bound the times that the engine can hold.
var (
	earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2299, 12, 31, 0, 0, 0, 0, time.UTC)
)

func literal(t time.Time) string {
	if t.Before(earliest) {
		t = earliest
	}
	if t.After(latest) {
		t = latest
	}
	return "toDateTime64('" + t.UTC().Format("2006-01-02 15:04:05.000") + "', 3, 'UTC')"
}
