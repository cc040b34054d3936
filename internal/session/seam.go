package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Seam says that the sessions near the midnight behind a stitched day, between it and the next day, are totalled (package daily), for the versions of both that are read.
type Seam struct {
	Version uint64 // of the totals; 0: there are none
	// Open says that visitors are left out: those with a run that reaches from near one midnight to near the next. Their sessions may go on over several days.
	Open bool
}

// early and late say whether a row of Table, as alias, lies near the midnight before it, and near the one behind it. A row that is neither is no edge.
func early(alias, timeout string) string {
	return fmt.Sprintf("%s(%s.start_time) %% %d <= %s", millis, alias, dayMillis, timeout)
}

func late(alias, timeout string) string {
	return fmt.Sprintf("%d - %s(%s.end_time) %% %d <= %s", dayMillis, millis, alias, dayMillis, timeout)
}

// SeamSQL is a statement whose rows are the sessions near the midnight behind a tenant's day, with all columns and lists, made of the edges of the version of that day and of that
// of the next. Visitors of LeftOutSQL are not among them. No event of another day can lengthen one: a visitor has one run near each side of a midnight at most, and that
// is not near another midnight. tenant needs no escaping.
func SeamSQL(tenant string, day int32, timeout time.Duration, version, next uint64) string {
	q := Query{Timeout: timeout, Columns: allColumns(), Lists: Lists()}
	e, l := early("_s", q.timeout()), late("_s", q.timeout())
	return q.join(q.stitched(q.ofRun(), []string{"_s.tenant = '" + tenant + "'", "_s.edge", either([]string{
		ofVersion("_s", day, version) + " AND " + l + " AND NOT " + e,
		ofVersion("_s", day+1, next) + " AND " + e + " AND NOT " + l,
	}), "(_s.site_id, _s.visitor) NOT IN (" + LeftOutSQL(tenant, day, q.Timeout, version, next) + ")"}))
}

// WriteSeamSQL is the statement that writes the sessions of SeamSQL, marked with a version of their own.
func WriteSeamSQL(tenant string, day int32, timeout time.Duration, version, next, seam uint64) string {
	into, from := written()
	return "INSERT INTO " + SeamTable + " (" + strings.Join(into, ", ") + ", day, _version)\nSELECT " + strings.Join(from, ", ") + ", toDate('" + Start(day).Format(time.DateOnly) + "'), toUInt64(" + strconv.FormatUint(seam, 10) + ")\nFROM (\n" +
		SeamSQL(tenant, day, timeout, version, next) + "\n)"
}

// LeftOutSQL is a statement whose rows are the sites and visitors that SeamSQL leaves out.
func LeftOutSQL(tenant string, day int32, timeout time.Duration, version, next uint64) string {
	t := Query{Timeout: timeout}.timeout()
	return "SELECT DISTINCT _x.site_id, _x.visitor FROM " + Table + " AS _x WHERE " + strings.Join([]string{"_x.tenant = '" + tenant + "'", "_x.edge",
		either([]string{ofVersion("_x", day, version), ofVersion("_x", day+1, next)}), early("_x", t), late("_x", t)}, " AND ")
}

func ofVersion(alias string, day int32, version uint64) string {
	return between(alias+".start_time", Start(day), Start(day+1)) + " AND " + alias + "._version = " + strconv.FormatUint(version, 10)
}

// joinSeams adds the sessions of those of the midnights between days that have a Seam which is not among q.Seams: they stand for the edges that they are made of.
func (q *Query) joinSeams(days []Stitched, conditions func(alias string, any []string) []string) {
	var versions []string
	for i, d := range days {
		if d.Seam.Version != 0 && i+1 < len(days) && !slices.Contains(q.Seams, d.Day) {
			q.joins = append(q.joins, d.Day)
			versions = append(versions, strconv.FormatUint(d.Seam.Version, 10))
		}
	}
	if len(versions) > 0 {
		date := func(day int32) string { return "'" + Start(day).Format(time.DateOnly) + "'" }
		q.more.seams = append(q.more.seams, conditions("_s", []string{"_s.day >= " + date(q.joins[0]) + " AND _s.day <= " + date(q.joins[len(q.joins)-1]) + " AND _s._version IN (" + strings.Join(versions, ", ") + ")"}))
	}
}

// besideSeams are the stretches whose edges are still to be read beside the seams that are read, and the conditions on them: rows that are not near such a midnight, and those of
// visitors who are left out there.
func (q *Query) besideSeams(s stretch, conditions func(alias string, any []string) []string) (spans []Span, more string) {
	seams := map[int32]Seam{}
	var closed []Span
	var all, open, versions []string
	var opened []Span
	for _, d := range s.days {
		if slices.Contains(q.Seams, d.Day) || slices.Contains(q.joins, d.Day) {
			seams[d.Day] = d.Seam
			all = append(all, strconv.Itoa(int(d.Day)))
		}
	}
	if len(all) == 0 {
		return s.spans, ""
	}
	for _, d := range s.days {
		before, in := seams[d.Day-1]
		behind, on := seams[d.Day]
		if in && on && !before.Open && !behind.Open {
			closed = append(closed, Span{Start(d.Day), Start(d.Day + 1)})
		}
		if on && behind.Open {
			open = append(open, strconv.Itoa(int(d.Day)))
		}
		if in && before.Open || on && behind.Open {
			opened = append(opened, Span{Start(d.Day), Start(d.Day + 1)})
			versions = append(versions, strconv.FormatUint(d.Version, 10))
		}
	}
	// A row near both midnights counts as one near the later.
	midnight := fmt.Sprintf("toInt32(intDiv(%s(_s.start_time), %d)) - if(%s, 0, 1)", millis, dayMillis, late("_s", q.timeout())) // as the day before it
	any := []string{midnight + " NOT IN (" + strings.Join(all, ", ") + ")"}
	if len(open) > 0 {
		// Whoever has a run over a whole day is left out at both ends of it.
		where := conditions("_x", []string{anyOf("_x.start_time", opened)})
		where = append(where, "_x._version IN ("+strings.Join(versions, ", ")+")", "_x.edge", early("_x", q.timeout()), late("_x", q.timeout()))
		any = append(any, fmt.Sprintf("(%s, _s.site_id, _s.visitor) IN (SELECT arrayJoin([_day - 1, _day]), site_id, visitor FROM (SELECT toInt32(intDiv(%s(_x.start_time), %d)) AS _day, _x.site_id AS site_id, _x.visitor AS visitor FROM %s AS _x WHERE %s))",
			midnight, millis, dayMillis, Table, strings.Join(where, " AND ")))
	}
	return without(s.spans, closed), " AND " + either(any)
}
