package session

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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

// Within are the conditions to read what happened in [from, to): scope, over both tables with %s as their alias, and where the days are stitched,
// their rows; days are in order. A day that is only partly in the range is read as a whole when it is stitched.
func (q *Query) Within(from, to time.Time, days []Stitched, scope ...string) {
	conditions := func(alias, more string) []string {
		var out []string
		for _, s := range scope {
			out = append(out, strings.ReplaceAll(s, "%s", alias))
		}
		return append(out, more)
	}
	q.Raw, q.Stitched = nil, nil
	if spans := Uncovered(from, to, days); len(spans) > 0 {
		q.Raw = conditions("_e", anyOf("_e.ts", spans))
	}
	var versions []string
	var spans []Span
	for _, d := range days {
		begin, end := Start(d.Day), Start(d.Day+1)
		if !begin.Before(to) || !end.After(from) {
			continue
		}
		versions = append(versions, strconv.FormatUint(d.Version, 10))
		if n := len(spans); n > 0 && spans[n-1].To.Equal(begin) {
			spans[n-1].To = end
		} else {
			spans = append(spans, Span{begin, end})
		}
	}
	if len(versions) > 0 {
		q.Stitched = conditions("_s", anyOf("_s.start_time", spans)+" AND _s._version IN ("+strings.Join(versions, ", ")+")")
	}
}

func anyOf(column string, spans []Span) string {
	parts := make([]string, len(spans))
	for i, s := range spans {
		parts[i] = between(column, s.From, s.To)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "((" + strings.Join(parts, ") OR (") + "))"
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
