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
	// Part is set where a day that is not over has totals of its events alone (daily.TotalSQL): of the rows before this time that are not behind the version.
	Part time.Time
	// Last says that no row was later: then the totals are of all rows of the day that are not behind the version.
	Last bool
	// Seam is of the midnight behind the day. It is only there if this day and the next are not stale and have totals.
	Seam Seam
}

// StitchSQL is the statement that writes the runs of a tenant's day, marked with the version. tenant needs no escaping: the alphabet of ids has no
// character with a meaning in SQL. There are never more rows than events, and all are of one partition of the table.
func StitchSQL(tenant string, day int32, timeout time.Duration, version uint64) string {
	q := Query{Timeout: timeout, Columns: allColumns(), Lists: Lists(), Raw: []string{"_e.tenant = '" + tenant + "'", between("_e.ts", Start(day), Start(day+1))}}
	into, from := written()
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
// runs; days are in order, q.Growing is one of them or nil. A day that is only partly in the range is read as a whole when it is stitched.
func (q *Query) Within(from, to time.Time, days []Stitched, scope ...string) {
	conditions := func(alias string, any []string) []string {
		if len(any) == 0 {
			return nil
		}
		return append(strings.Split(strings.ReplaceAll(strings.Join(scope, "\x00"), "%s", alias), "\x00"), either(any))
	}
	q.more.raw, q.more.joined, q.more.apart, q.more.seams, q.joins = nil, nil, nil, nil, nil
	var fresh, stale stretch
	for _, d := range days {
		if !Start(d.Day).Before(to) || !Start(d.Day+1).After(from) {
			continue
		}
		switch g := q.Growing; {
		case g != nil && g.Rows && g.Day.Version == d.Version:
			q.grow(conditions)
		case d.Stale && (g == nil || g.Day.Version != d.Version):
			stale.add(d)
		default:
			fresh.add(d)
		}
	}
	var raw, edges, inner, outdated []string
	if spans := Uncovered(from, to, days); len(spans) > 0 {
		raw = append(raw, anyOf("_e.ts", spans))
	}
	read := func(s stretch, more string) {
		if spans, beside := q.besideSeams(s, conditions); len(spans) > 0 {
			edges = append(edges, s.condition(spans)+beside+more)
		}
		if spans := without(s.spans, q.Totalled); len(spans) > 0 {
			inner = append(inner, s.condition(spans)+more)
		}
	}
	if len(fresh.days) > 0 {
		q.joinSeams(fresh.days, conditions)
		read(fresh, "")
	}
	if len(stale.days) > 0 {
		// Who has rows behind the stitched ones.
		set := fmt.Sprintf(" IN (SELECT _d.site_id, %s FROM %s AS _d WHERE %s)", Visitor("_d"), rollup.Events, strings.Join(conditions("_d", []string{stale.behind()}), " AND "))
		raw = append(raw, anyOf("_e.ts", stale.spans)+" AND (_e.site_id, "+visitor+")"+set)
		read(stale, " AND NOT (_s.site_id, _s.visitor)"+set)
		if spans := common(stale.spans, q.Totalled); len(spans) > 0 {
			outdated = append(outdated, stale.condition(spans)+" AND (_s.site_id, _s.visitor)"+set)
		}
	}
	q.Raw, q.Edges, q.Inner, q.Outdated = conditions("_e", raw), conditions("_s", edges), conditions("_s", inner), conditions("_s", outdated)
}

// grow adds the conditions of the growing day.
func (q *Query) grow(conditions func(alias string, any []string) []string) {
	joined, apart := q.Growing.runs(q.timeout())
	q.more.joined = append(q.more.joined, conditions("_s", []string{joined}))
	q.more.apart = append(q.more.apart, conditions("_s", []string{apart}))
	for _, cond := range q.Growing.raw() {
		q.more.raw = append(q.more.raw, conditions("_e", []string{cond}))
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

// condition is the one on the days' rows in the spans.
func (s *stretch) condition(spans []Span) string {
	versions := make([]string, len(s.days))
	for i, d := range s.days {
		versions[i] = strconv.FormatUint(d.Version, 10)
	}
	return anyOf("_s.start_time", spans) + " AND _s._version IN (" + strings.Join(versions, ", ") + ")"
}

// maxPositions is of how many days the positions are told apart in a statement.
const maxPositions = 50

// behind is the condition on events, as _d, that came to the days after they were stitched. The lowest positions are said too: the engine's index on _seq knows
// nothing of the days. Of very many days they alone are said, and some visitors are made anew for nothing.
func (s *stretch) behind() string {
	behind := func(main, late uint64) string {
		return fmt.Sprintf("(_d._writer = 1 AND _d._seq > %d OR _d._writer = 2 AND _d._seq > %d)", main, late)
	}
	all := anyOf("_d.ts", s.spans) + " AND " + behind(s.main, s.late)
	if len(s.days) == 1 || len(s.days) > maxPositions {
		return all
	}
	each := make([]string, len(s.days))
	for i, d := range s.days {
		each[i] = between("_d.ts", Start(d.Day), Start(d.Day+1)) + " AND " + behind(d.Main, d.Late)
	}
	return all + " AND " + either(each)
}

// without are the parts of the spans that are in none of the others. Both are in order and apart.
func without(spans, others []Span) []Span {
	var out []Span
	for _, s := range spans {
		for _, o := range others {
			if !o.From.Before(s.To) || !s.From.Before(o.To) {
				continue
			}
			if s.From.Before(o.From) {
				out = append(out, Span{s.From, o.From})
			}
			s.From = o.To
			if !s.From.Before(s.To) {
				break
			}
		}
		if s.From.Before(s.To) {
			out = append(out, s)
		}
	}
	return out
}

// common are the parts of the spans that are in one of the others.
func common(spans, others []Span) []Span {
	var out []Span
	for _, s := range spans {
		for _, o := range others {
			both := Span{s.From, s.To}
			if both.From.Before(o.From) {
				both.From = o.From
			}
			if o.To.Before(both.To) {
				both.To = o.To
			}
			if both.From.Before(both.To) {
				out = append(out, both)
			}
		}
	}
	return out
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
