package session_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	diff "github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/tenant"
)

// checkTotals compares the totals of days by path, with the rows behind their positions, with the events of these days.
func (h *history) checkTotals(what string, days []session.Stitched) {
	h.t.Helper()
	var versions, behind []string
	totalled := map[int32]time.Time{} // up to when
	for _, d := range days {
		switch {
		case d.Totals:
			totalled[d.Day] = session.Start(d.Day + 1)
		case !d.Part.IsZero():
			if totalled[d.Day] = d.Part; d.Last {
				totalled[d.Day] = session.Start(d.Day + 1)
			}
		default:
			continue
		}
		versions = append(versions, strconv.FormatUint(d.Version, 10))
		if d.Stale {
			behind = append(behind, fmt.Sprintf("toInt32(toDate(ts)) = %d AND toUnixTimestamp64Milli(ts) < %d AND (_writer = 1 AND _seq > %d OR _writer = 2 AND _seq > %d)", d.Day, totalled[d.Day].UnixMilli(), d.Main, d.Late))
		}
	}
	if len(versions) == 0 {
		return
	}
	sql := fmt.Sprintf("SELECT toInt32(toDate(time)) AS day, value, events AS n FROM %s WHERE tenant = '%s' AND dim = 'path' AND _version IN (%s)", daily.Table, h.tenant, strings.Join(versions, ", "))
	if len(behind) > 0 {
		sql += fmt.Sprintf(" UNION ALL SELECT toInt32(toDate(ts)), path, 1 FROM %s WHERE tenant = '%s' AND ((%s))", rollup.Events, h.tenant, strings.Join(behind, ") OR ("))
	}
	want, got := map[string]string{}, map[string]string{}
	counts := map[string]int{}
	for _, e := range h.events {
		if day := session.DayOf(e.At); e.At.Before(totalled[day]) {
			counts[fmt.Sprint(day, " ", e.Path)]++
		}
	}
	for k, n := range counts {
		want[k] = fmt.Sprint(n)
	}
	if _, err := h.c.Rows(context.Background(), clickhouse.Statement{SQL: "SELECT concat(toString(day), ' ', value), toString(sum(n)) FROM (" + sql + ") GROUP BY day, value"}, func(row []any) error {
		got[row[0].(string)] = row[1].(string)
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	if d := diff.Diff(want, got); d != "" {
		h.t.Fatalf("%s, totals of %+v (-events +totals):\n%s", what, days, d)
	}
}

// checkSeams compares sessions by entry page with those of the events: of totals of days and midnights, and of what is left when these are read. It returns how many midnights there were, and how many of them left out visitors.
func (h *history) checkSeams(what string, q session.Query, from, to time.Time, days []session.Stitched) (seams, open int) {
	h.t.Helper()
	var versions, beside []string
	for _, d := range days {
		if !d.Totals || d.Stale {
			continue
		}
		versions = append(versions, strconv.FormatUint(d.Version, 10))
		q.Totalled = append(q.Totalled, session.Span{From: session.Start(d.Day), To: session.Start(d.Day + 1)})
		if d.Seam.Version == 0 {
			continue
		}
		beside = append(beside, strconv.FormatUint(d.Seam.Version, 10))
		q.Seams = append(q.Seams, d.Day)
		if seams++; d.Seam.Open {
			open++
		}
	}
	if seams == 0 {
		return 0, 0
	}
	q.Columns = []string{"entry_path"}
	q.Within(from, to, days, "%s.tenant = '"+h.tenant+"'")
	of := func(table string, versions []string) string {
		return fmt.Sprintf("SELECT value AS path, sessions AS n, lasted AS ms, pageviews AS views, bounced AS b FROM %s WHERE tenant = '%s' AND dim = 'entry_path' AND _version IN (%s)", table, h.tenant, strings.Join(versions, ", "))
	}
	sql := "SELECT entry_path AS path, toInt64(1) AS n, toInt64(end_time - start_time) AS ms, toInt64(pageviews) AS views, toInt64(actions = 1) AS b FROM (\n" + q.SQL() + "\n) UNION ALL " +
		of(daily.SessionsTable, versions) + " UNION ALL " + of(daily.SeamsTable, beside)
	var want []string
	by := map[string]*[4]int64{}
	for _, line := range oracle(h.events, h.timeout) {
		f := strings.Split(line, "|")
		path := f[10] // as describe writes them
		if by[path] == nil {
			by[path] = new([4]int64)
		}
		n := func(at int) int64 {
			n, err := strconv.ParseInt(f[at], 10, 64)
			if err != nil {
				h.t.Fatal(err)
			}
			return n
		}
		sums := by[path]
		sums[0], sums[1], sums[2] = sums[0]+1, sums[1]+n(3)-n(2), sums[2]+n(5)
		if n(6) == 1 {
			sums[3]++
		}
	}
	for path, sums := range by {
		want = append(want, fmt.Sprint(path, " ", *sums))
	}
	var got []string
	if _, err := h.c.Rows(context.Background(), clickhouse.Statement{SQL: "SELECT concat(path, ' [', toString(sum(n)), ' ', toString(sum(ms)), ' ', toString(sum(views)), ' ', toString(sum(b)), ']') FROM (" + sql + ") GROUP BY path"}, func(row []any) error {
		got = append(got, row[0].(string))
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := diff.Diff(want, got); d != "" {
		h.t.Fatalf("%s, midnights of %+v (-events +totals):\n%s", what, days, d)
	}
	return seams, open
}

// one returns the only stitched day.
func (h *history) one(what string) session.Stitched {
	h.t.Helper()
	days := h.check(what)
	if len(days) != 1 {
		h.t.Fatalf("%s: %d days are stitched, want 1: %+v", what, len(days), days)
	}
	return days[0]
}

// hold fails unless the tables hold so many versions of the tenant.
func (h *history) hold(what string, sessions, totals int) {
	h.t.Helper()
	if s, d := h.versionsOf(session.Table), h.versionsOf(daily.Table); len(s) != sessions || len(d) != totals {
		h.t.Errorf("%s: the tables hold the versions %v of sessions and %v of totals, want %d and %d", what, s, d, sessions, totals)
	}
}

// newTotals is a history whose days are totalled from 4 rows on, and an event of its yesterday.
func newTotals(t *testing.T, name string) (*history, func(minute int) made) {
	t.Helper()
	h := newHistory(t, name)
	h.totals = 4
	h.restart()
	day := h.now.Truncate(24*time.Hour).AddDate(0, 0, -1)
	return h, func(minute int) made {
		return made{At: day.Add(time.Duration(minute) * time.Minute), Site: "site", Type: "pageview", Client: fmt.Sprint("c", minute%3), Path: fmt.Sprint("/", minute%2), Row: 2000 + minute}
	}
}

// TestTotalsOfDays: days have totals from their size on, once they are over; what came since is behind them; they are made again with the day, and the old ones go.
func TestTotalsOfDays(t *testing.T) {
	h, at := newTotals(t, "totals")
	h.commit(1, at(10), at(11), at(12))
	h.pass()
	if d := h.one("below the size"); d.Totals {
		t.Errorf("a day of 3 rows has totals: %+v", d)
	}
	h.hold("below the size", 1, 0)
	h.commit(1, at(13))
	h.commit(2, at(14))
	if d := h.one("at the size, before an hour"); d.Totals || !d.Stale {
		t.Errorf("it has totals before it was made again: %+v", d)
	}
	h.now = h.now.Add(time.Hour)
	h.pass()
	first := h.one("at the size")
	if !first.Totals || first.Stale {
		t.Errorf("a day of 5 rows has no totals: %+v", first)
	}
	h.commit(2, at(15))
	h.commit(1, at(16))
	if d := h.one("with rows since"); !d.Totals || !d.Stale || d.Version != first.Version {
		t.Errorf("its totals are not read beside what came since: %+v", d)
	}
	h.now = h.now.Add(time.Hour)
	h.pass()
	if d := h.one("made again"); !d.Totals || d.Stale || d.Version == first.Version {
		t.Errorf("its totals were not made again: %+v", d)
	}
	h.clean()
	h.one("after the old ones were removed")
	h.hold("after the old ones were removed", 1, 1)
	if err := h.s.Invalidate(context.Background(), tenant.ID(h.tenant)); err != nil {
		t.Fatal(err)
	}
	h.clean()
	h.hold("invalidated", 0, 0)
}

// TestTotalsOfToday: a day that is not over has totals of its events up to the last one before now; when it is over it gets them all, though no row came.
func TestTotalsOfToday(t *testing.T) {
	h, at := newTotals(t, "today")
	h.now = h.now.Truncate(24 * time.Hour).Add(-12 * time.Hour) // at noon of the day of the events
	var events []made
	for n := range 100 {
		events = append(events, at(n))
	}
	h.commit(1, append(events, at(13*60))...) // one of a clock that runs ahead
	h.check("asked")                          // who does not ask has no stitched day that is not over
	h.pass()
	part := events[99].At.Add(time.Millisecond)
	if d := h.one("today"); d.Totals || !d.Part.Equal(part) || d.Stale {
		t.Errorf("a day that is not over: %+v, want totals up to %v", d, part)
	} else if d.Last {
		t.Error("the row of the clock that runs ahead is said to be in the totals")
	}
	h.hold("today", 1, 1)
	h.commit(2, at(3), at(200))
	h.restart()
	if d := h.one("with rows since"); !d.Part.Equal(part) || !d.Stale {
		t.Errorf("after some rows more: %+v, want totals up to %v", d, part)
	}
	h.meant = func() {
		h.meant = nil
		h.commit(1, at(4), at(300)) // between the stitcher's look at the positions and its look at the counts
	}
	h.now = h.now.Add(5 * time.Minute)
	h.pass()
	if d := h.one("stitched while rows came"); !d.Part.Equal(at(200).At.Add(time.Millisecond)) || !d.Stale {
		t.Errorf("stitched while rows came: %+v", d)
	}
	h.failing = "INSERT INTO " + daily.Table
	h.now = h.now.Add(5 * time.Minute)
	h.pass()
	if d := h.one("while the engine refuses totals"); !d.Part.IsZero() || d.Totals || d.Stale {
		t.Errorf("while the engine refuses totals: %+v", d)
	}
	h.failing = ""
	h.commit(1, at(5))
	h.now = h.now.Add(5 * time.Minute)
	h.pass()
	if d := h.one("again"); !d.Part.Equal(at(300).At.Add(time.Millisecond)) || d.Stale {
		t.Errorf("again: %+v", d)
	}
	h.now = session.Start(session.DayOf(h.now) + 1).Add(9 * time.Minute)
	h.pass()
	if d := h.one("before it has settled"); d.Totals {
		t.Errorf("a day that ended 9 minutes ago has totals: %+v", d)
	}
	h.now = h.now.Add(time.Minute)
	h.pass()
	if d := h.one("over"); !d.Totals || d.Stale {
		t.Errorf("a day that is over has no totals: %+v", d)
	}
	h.clean()
	h.hold("swept", 1, 1)
}

// TestTotalsOfNow: without clocks that run ahead the totals of a day that goes on are of all its rows, and later ones are behind them.
func TestTotalsOfNow(t *testing.T) {
	h, at := newTotals(t, "now")
	h.now = h.now.Truncate(24 * time.Hour).Add(-12 * time.Hour)
	var events []made
	for n := range 100 {
		events = append(events, at(n))
	}
	h.commit(1, events...)
	h.check("asked")
	h.pass()
	if d := h.one("now"); !d.Last || d.Part.IsZero() || d.Stale {
		t.Errorf("now: %+v", d)
	}
	h.restart()
	h.commit(1, at(110), at(3))
	if d := h.one("with rows since"); !d.Last || !d.Stale {
		t.Errorf("with rows since: %+v", d)
	}
	h.twice = "INSERT INTO " + daily.Table
	h.now = h.now.Add(5 * time.Minute)
	h.check("asked again")
	h.pass()
	if d := h.one("with totals of twice as many rows"); !d.Part.IsZero() || d.Totals || d.Stale {
		t.Errorf("with totals of twice as many rows: %+v", d)
	}
}

// TestTotalsOfFewerRows: rows that are counted and lie behind the positions are in no totals: such totals do not count, and are made again.
func TestTotalsOfFewerRows(t *testing.T) {
	h, at := newTotals(t, "fewer")
	h.commit(1, at(10), at(11), at(12), at(13))
	h.commit(2, at(14))
	h.meant = func() {
		h.meant = nil
		h.commit(1, at(15)) // between the stitcher's look at the positions and its look at the counts
	}
	h.pass()
	if d := h.one("fewer rows than the record"); d.Totals || d.Stale {
		t.Errorf("totals of 5 rows stand for a day of 6: %+v", d)
	}
	h.hold("fewer rows than the record", 1, 1)
	h.now = h.now.Add(59 * time.Minute)
	h.pass()
	if d := h.one("before an hour"); d.Totals {
		t.Errorf("it was made again before its time: %+v", d)
	}
	h.now = h.now.Add(time.Minute)
	h.pass()
	if d := h.one("an hour later"); !d.Totals || d.Stale {
		t.Errorf("its totals were not made again: %+v", d)
	}
	h.clean()
	h.hold("swept", 1, 1)
}

// TestTotalsCrash kills the stitcher between the totals and the record: nobody reads them, and what is left of both tables goes.
func TestTotalsCrash(t *testing.T) {
	h, at := newTotals(t, "crash")
	h.commit(1, at(10), at(11), at(12), at(13))
	h.crash = "session-totalled"
	if !h.pass() {
		t.Fatal("it did not die")
	}
	if days := h.check("died before the record"); len(days) != 0 {
		t.Errorf("a version without a record is read: %+v", days)
	}
	h.hold("died before the record", 1, 1)
	h.pass()
	left := h.one("stitched after the crash")
	if !left.Totals {
		t.Errorf("it has no totals: %+v", left)
	}
	h.hold("stitched after the crash", 2, 2)
	h.clean()
	h.hold("after the search for orphans", 1, 1)
	if got := h.versionsOf(daily.Table); !slices.Equal(got, []string{strconv.FormatUint(left.Version, 10)}) {
		t.Errorf("the totals of %v are left, want %d", got, left.Version)
	}
	// Totals alone, whose sessions have gone: they are found by themselves.
	run(t, h.c, daily.TotalSQL(h.tenant, session.Start(left.Day), session.Start(left.Day+1), left.Version+1_000_000, h.main, h.late))
	h.clean()
	h.hold("after totals without sessions", 1, 1)
	h.one("in the end")
}

// TestTotalsFail: a day whose totals the engine refuses is stitched all the same, as are the days before it; it is totalled later.
func TestTotalsFail(t *testing.T) {
	h, at := newTotals(t, "fail")
	for _, minutes := range []int{-24 * 60, 0} {
		h.commit(1, at(minutes+20), at(minutes+21), at(minutes+22), at(minutes+23))
	}
	h.failing = "INSERT INTO " + daily.Table
	h.pass()
	days := h.check("while the engine refuses totals")
	if len(days) != 2 || days[0].Totals || days[1].Totals {
		t.Errorf("while the engine refuses totals: %+v", days)
	}
	h.failing = ""
	h.pass()
	if again := h.check("before an hour"); diff.Diff(days, again) != "" {
		t.Errorf("they were made again before their time: %+v", again)
	}
	h.now = h.now.Add(time.Hour)
	h.pass()
	if days := h.check("an hour later"); len(days) != 2 || !days[0].Totals || !days[1].Totals {
		t.Errorf("an hour later: %+v", days)
	}
	h.clean()
	h.hold("swept", 2, 2)
}

// TestTotalsLayout: totals of another layout are not read, and made again.
func TestTotalsLayout(t *testing.T) {
	h, at := newTotals(t, "layout")
	h.commit(1, at(10), at(11), at(12), at(13))
	h.pass()
	old := h.one("this layout")
	if !old.Totals {
		t.Fatalf("it has no totals: %+v", old)
	}
	it, err := h.db.NewIter(&pebble.IterOptions{LowerBound: []byte("visits/d"), UpperBound: []byte("visits/e")})
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		record := slices.Clone(it.Value())
		record[len(record)-9]++ // behind the layout of the totals is the time of a part
		if err := h.db.Set(it.Key(), record, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	h.restart()
	if d := h.one("another layout"); d.Totals || d.Version != old.Version {
		t.Errorf("totals of another layout are read: %+v", d)
	}
	h.pass() // at once
	if d := h.one("totalled again"); !d.Totals || d.Version == old.Version {
		t.Errorf("it was not totalled again: %+v", d)
	}
	h.clean()
	h.hold("swept", 1, 1)
}
