package daily_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/daily"
	"weir/internal/event"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestDims holds the dims to the columns that events have.
func TestDims(t *testing.T) {
	for _, d := range daily.Dims {
		found := d.Name == ""
		for _, c := range event.Columns {
			found = found || c.Name == d.Name && c.Stored && c.Visible
		}
		if !found {
			t.Errorf("there is no column %q", d.Name)
		}
		if got, ok := daily.Find(daily.Dims, d.Name); !ok || got != d {
			t.Errorf("Find(%q) = %v, %v", d.Name, got, ok)
		}
	}
	if _, ok := daily.Find(daily.Dims, "url"); ok {
		t.Error("days are not totalled by url")
	}
}

// TestTotals compares the totals of a day with the raw events, for each dim, and leaves out what lies behind the positions and on other days.
func TestTotals(t *testing.T) {
	c := testkit.Engine(t)
	day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, user_id, host, path, country, region, city, device, os, browser, channel, utm_source, is_bot, props_num, _writer, _seq)
SELECT if(number % 3 = 0, 'a', 'b'), if(number % 7 = 0, 's', 't'), toDateTime64('2026-01-30 12:00:00', 3, 'UTC') + number * 17, if(number % 2 = 0, 'pageview', 'click'),
  if(number % 5 = 0, '', toString(number % 50)), if(number % 9 = 0, toString(number % 4), ''), 'h', concat('/', toString(number % 70), '\'\\'), if(number % 4 = 0, 'DE', 'FR'), if(number % 8 = 0, 'BY', ''), if(number % 8 = 0, 'Ulm', ''), if(number % 9 = 0, 'mobile', ''), if(number % 2 = 0, 'Linux', 'iOS'), ['Chrome', 'chrome', ''][number % 3 + 1], 'search', '', number % 11 = 0,
  map('value', toFloat64(number % 10), 'revenue', toFloat64(number % 3)), 1 + (number % 10 = 9), 1 + intDiv(number, 1000)
FROM numbers(10000)`)
	const version, main, late = 7, 8, 6
	testkit.Exec(t, c, daily.TotalSQL("a", day, day.AddDate(0, 0, 1), version, main, late))
	testkit.Exec(t, c, daily.TotalSQL("b", day, day.AddDate(0, 0, 1), version+1, 100, 100))
	testkit.Exec(t, c, daily.VisitsSQL("a", day, version, main, late))
	testkit.Exec(t, c, daily.VisitsSQL("b", day, version+1, 100, 100))
	for _, write := range []func(string, time.Time, uint64, uint64, uint64) string{daily.EventPagesSQL, daily.HitsSQL} {
		testkit.Exec(t, c, write("a", day, version, main, late))
		testkit.Exec(t, c, write("b", day, version+1, 100, 100))
	}
	testkit.Exec(t, c, daily.AudienceSQL("a", day, version))
	testkit.Exec(t, c, daily.AudienceSQL("b", day, version+1))
	for i, tenant := range []string{"a", "b"} {
		testkit.Exec(t, c, session.StitchSQL(tenant, session.DayOf(day), session.DefaultTimeout, version+uint64(i)))
		testkit.Exec(t, c, daily.SessionTotalSQL(tenant, day, version+uint64(i)))
		testkit.Exec(t, c, daily.PageTotalSQL(tenant, day, version+uint64(i)))
		testkit.Exec(t, c, daily.HitSessionSQL(tenant, day, version+uint64(i)))
		testkit.Exec(t, c, daily.HitTotalSQL(tenant, day, version+uint64(i)))
		testkit.Exec(t, c, daily.CrossTotalSQL(tenant, day, version+uint64(i)))
	}
	where := fmt.Sprintf("tenant = 'a' AND toDate(ts) = '2026-01-31' AND (_writer = 1 AND _seq <= %d OR _writer = 2 AND _seq <= %d)", main, late)
	measures := "sum(events), sum(pageviews), arraySort(groupUniqArrayArray(clients)), arraySort(groupUniqArrayArray(sample)), sum(amount), sum(revenue)"
	raw := "count(), countIf(type = 'pageview'), arraySort(" + rollup.HashesSQL(rollup.InClients, 1000) + "), arraySort(" + rollup.HashesSQL(rollup.InSample, 1000) + "), sum(props_num['value']), sum(props_num['revenue'])"
	for _, d := range daily.Dims {
		bucket, value := "toStartOfDay(ts, 'UTC')", "''"
		if d.Step == time.Hour {
			bucket = "toStartOfHour(ts, 'UTC')"
		}
		if d.Name != "" {
			value = "toString(" + d.Name + ")"
		}
		want := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, %s AS v, toDateTime(%s, 'UTC') AS t, is_bot, %s FROM weir.events WHERE %s GROUP BY site_id, v, t, is_bot ORDER BY ALL", value, bucket, raw, where))
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, value, time, is_bot, %s FROM %s WHERE tenant = 'a' AND dim = '%s' AND _version = %d GROUP BY site_id, value, time, is_bot ORDER BY ALL", measures, daily.Table, d.Name, version))
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%q (-events +totals):\n%.2000s", d.Name, diff)
		}
	}
	visits := testkit.Rows(t, c, "SELECT site_id, type, toStartOfHour(ts, 'UTC') AS t, is_bot, client_id, user_id, sipHash64(if(user_id != '', user_id, client_id)), count() FROM weir.events WHERE "+where+" GROUP BY ALL ORDER BY ALL")
	if diff := cmp.Diff(visits, testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, type, time, is_bot, client_id, user_id, visitor, events FROM %s WHERE tenant = 'a' AND _version = %d ORDER BY ALL", daily.VisitsTable, version))); diff != "" || len(visits) == 0 {
		t.Errorf("visits (-events +visits):\n%.2000s", diff)
	}
	testEventPages(t, where, day, version)
	testHits(t, where, day, version)
	testAudience(t, where, day, version)
	testSessionTotals(t, "a", day, version)
	testPageTotals(t, "a", day, version)
	testHitSessions(t, "a", day, version)
	testHitTotals(t, "a", day, version)
	testCrossTotals(t, "a", day, version)
	want := testkit.Rows(t, c, "SELECT count() FROM weir.events WHERE "+where)
	if got := testkit.Rows(t, c, daily.CountSQL("a", day, version)); len(got) != 1 || got[0] != want[0] {
		t.Errorf("the totals hold %v events, want %v", got, want)
	}
	testkit.Exec(t, c, fmt.Sprintf("INSERT INTO %s (tenant, site_id, time, events, _version) SELECT 'a', 's', '2026-01-31 00:00:00', 1, %d", daily.VisitsTable, version))
	if got := testkit.Rows(t, c, daily.CountSQL("a", day, version)); len(got) != 1 || !strings.HasPrefix(fmt.Sprint(got[0]), "0") {
		t.Errorf("totals and visits that differ hold %v events, want 0", got)
	}
	parts := testkit.Rows(t, c, "SELECT DISTINCT partition_id FROM system.parts WHERE database = 'weir' AND table = '"+daily.EngineTable+"' AND active")
	if strings.Join(parts, " ") != "20260131" {
		t.Errorf("partitions %v", parts)
	}
}

// testPageTotals compares the totals of the pages of a day's sessions with those of its stitched sessions away from midnight, for each dim, and shows that totals of some of them do not count.
func testPageTotals(t *testing.T, tenant string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	for _, d := range daily.PageDims {
		want := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, toString(%s) AS v, arrayJoin(pages) AS path, toStartOfDay(start_time, 'UTC') AS t, is_bot, count(), toBool(max(length(pages) < pageviews)) FROM %s WHERE tenant = '%s' AND NOT edge AND _version = %d GROUP BY ALL ORDER BY ALL", d.Name, session.Table, tenant, version))
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, value, path, time, is_bot, pageviews, cut FROM %s WHERE tenant = '%s' AND dim = '%s' AND _version = %d ORDER BY ALL", daily.PagesTable, tenant, d.Name, version))
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("pages by %q (-sessions +totals):\n%.2000s", d.Name, diff)
		}
	}
	testMissing(t, daily.PagesTable, tenant, day, version, "dim = 'channel'", "dim = 'entry_path' AND path = '/12\\'\\\\'")
}

// testMissing shows that the totals of a day do not count while some rows of a table stand under another version.
func testMissing(t *testing.T, table, tenant string, day time.Time, version int, some ...string) {
	t.Helper()
	c := testkit.Engine(t)
	for _, some := range some {
		testkit.Exec(t, c, "ALTER TABLE "+table+" UPDATE _version = _version + 1000 WHERE tenant = '"+tenant+"' AND "+some+" SETTINGS mutations_sync = 2")
		if got := testkit.Rows(t, c, fmt.Sprintf("SELECT count() FROM %s WHERE tenant = '%s' AND _version = %d", table, tenant, version+1000)); got[0] == "0" {
			t.Errorf("%s has no rows of %s", table, some)
		}
		if got := testkit.Rows(t, c, daily.CountSQL(tenant, day, uint64(version))); len(got) != 1 || got[0] != "0" {
			t.Errorf("with %s without %s there are %v events, want 0", table, some, got)
		}
		testkit.Exec(t, c, "ALTER TABLE "+table+" UPDATE _version = _version - 1000 WHERE _version >= 1000 AND tenant = '"+tenant+"' SETTINGS mutations_sync = 2")
	}
}

// testHitSessions compares the sessions of a day by what they have an event of with its stitched sessions away from midnight, for each dim, and shows that some of them do not count.
func testHitSessions(t *testing.T, tenant string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	const columns = "events, pageviews, actions, entry_host, entry_path, exit_host, exit_path, channel, referrer_host, utm_source, utm_campaign, country, city, device, browser, is_bot"
	for _, d := range []struct{ dim, values string }{{"path", "arrayDistinct(arrayConcat(pages, other_paths))"}, {"type", "arrayFilter(x -> x != 'pageview', types)"}} {
		want := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, arrayJoin(%s) AS v, start_time, end_time, toBool(false), %s FROM %s WHERE tenant = '%s' AND NOT edge AND _version = %d ORDER BY ALL", d.values, columns, session.Table, tenant, version))
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, value, time, end_time, cut, %s FROM %s WHERE tenant = '%s' AND dim = '%s' AND _version = %d ORDER BY ALL", columns, daily.HitSessionsTable, tenant, d.dim, version))
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("sessions by %s (-sessions +hits):\n%.2000s", d.dim, diff)
		}
	}
	testMissing(t, daily.HitSessionsTable, tenant, day, version, "dim = 'type'")
}

// testHitTotals compares the totals of a day's sessions by what they have an event of with its stitched sessions away from midnight, and shows that totals of some of them do not count.
func testHitTotals(t *testing.T, tenant string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	for _, d := range []struct{ dim, values, bucket string }{
		{"path", "arrayDistinct(arrayConcat(pages, other_paths))", "toStartOfDay(start_time, 'UTC')"}, {"type", "arrayFilter(x -> x != 'pageview', types)", "toStartOfHour(start_time, 'UTC')"}} {
		want := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, arrayJoin(%s) AS v, toDateTime(%s, 'UTC') AS t, is_bot, count(), countIf(actions = 1), sum(dateDiff('millisecond', start_time, end_time)), sum(pageviews), countIf(pageviews > 0), sum(events), [], [] FROM %s WHERE tenant = '%s' AND NOT edge AND _version = %d GROUP BY site_id, v, t, is_bot ORDER BY ALL",
			d.values, d.bucket, session.Table, tenant, version))
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, value, time, is_bot, sessions, bounced, lasted, pageviews, paged, events, clients, sample FROM %s WHERE tenant = '%s' AND dim = '%s' AND _version = %d ORDER BY ALL", daily.SessionsTable, tenant, d.dim, version))
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 2 {
			t.Errorf("sessions by %s (-sessions +totals):\n%.2000s", d.dim, diff)
		}
	}
	testMissing(t, daily.SessionsTable, tenant, day, version, "dim = 'type'", "dim = 'path' AND value = '/12\\'\\\\'")
}

// testCrossTotals compares the totals of a day's sessions by their types and an attribute with its stitched sessions away from midnight, for each attribute, and shows that totals of some of them do not count.
func testCrossTotals(t *testing.T, tenant string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	const attributes = "entry_host entry_path exit_host exit_path channel referrer_host utm_source utm_medium utm_campaign utm_term utm_content country region city device os browser"
	for _, name := range strings.Fields(attributes) {
		want := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, concat('5:click', toString(%s)) AS v, toStartOfDay(start_time, 'UTC') AS t, is_bot, count(), countIf(actions = 1), sum(dateDiff('millisecond', start_time, end_time)), sum(pageviews), countIf(pageviews > 0), sum(events), [], [] FROM %s WHERE tenant = '%s' AND NOT edge AND _version = %d AND has(types, 'click') GROUP BY site_id, v, t, is_bot ORDER BY ALL",
			name, session.Table, tenant, version))
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, value, time, is_bot, sessions, bounced, lasted, pageviews, paged, events, clients, sample FROM %s WHERE tenant = '%s' AND dim = '%s' AND _version = %d ORDER BY ALL", daily.SessionsTable, tenant, daily.CrossDim(name), version))
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 2 {
			t.Errorf("sessions by type and %s (-sessions +totals):\n%.2000s", name, diff)
		}
	}
	if len(daily.CrossDims) != len(strings.Fields(attributes)) {
		t.Errorf("they are totalled by %v", daily.CrossDims)
	}
	testMissing(t, daily.SessionsTable, tenant, day, version, "dim = 'type/entry_path'", "dim = 'type/country' AND value = '5:clickFR'")
}

// testEventPages compares the pages of a day's events with these, for each dim, and shows that some of them do not count.
func testEventPages(t *testing.T, where string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	for _, d := range daily.EventPageDims {
		want := testkit.Rows(t, c, "SELECT site_id, toString("+d.Name+") AS v, path, toStartOfDay(ts, 'UTC') AS t, is_bot, count(), countIf(type = 'pageview'), sum(props_num['value']), sum(props_num['revenue']) FROM weir.events WHERE "+where+" GROUP BY site_id, v, path, t, is_bot ORDER BY ALL")
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, value, path, time, is_bot, events, pageviews, amount, revenue FROM %s WHERE tenant = 'a' AND dim = '%s' AND _version = %d ORDER BY ALL", daily.EventPagesTable, d.Name, version))
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 2 {
			t.Errorf("pages of events by %q (-events +totals):\n%.2000s", d.Name, diff)
		}
	}
	if len(daily.EventPageDims) != 6 {
		t.Errorf("pages are totalled by %v", daily.EventPageDims)
	}
	testMissing(t, daily.EventPagesTable, "a", day, version, "dim = 'country'", "dim = 'browser'", "dim = 'type'", "dim = 'host'", "dim = 'os' AND path = '/12\\'\\\\'")
}

// testHits compares the hits of a day with its events, and shows that some of them do not count.
func testHits(t *testing.T, where string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	const columns = "type, host, country, region, city, device, os, browser"
	if got := strings.Join(daily.HitsColumns, ", "); got != columns {
		t.Errorf("hits have the columns %s", got)
	}
	want := testkit.Rows(t, c, "SELECT site_id, path, sipHash64(if(client_id != '', client_id, user_id)) AS v, v % 8 = 0 ? true : false, "+columns+", toStartOfDay(ts, 'UTC') AS t, is_bot, count(), countIf(type = 'pageview'), sum(props_num['value']), sum(props_num['revenue']) FROM weir.events WHERE "+where+" GROUP BY site_id, path, v, "+columns+", t, is_bot ORDER BY ALL")
	got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, path, visitor, sampled, "+columns+", time, is_bot, events, pageviews, amount, revenue FROM %s WHERE tenant = 'a' AND _version = %d ORDER BY ALL", daily.HitsTable, version))
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 2 {
		t.Errorf("hits (-events +hits):\n%.2000s", diff)
	}
	testMissing(t, daily.HitsTable, "a", day, version, "sampled", "path = '/12\\'\\\\'")
}

// testAudience compares the audience of a day with its events, and shows that some of it does not count.
func testAudience(t *testing.T, where string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	for _, whole := range []bool{false, true} {
		columns := "type, host, country, region, city, device, os, browser"
		if whole {
			columns = "'', '', country, region, city, device, os, browser"
		}
		want := testkit.Rows(t, c, "SELECT site_id, sipHash64(if(client_id != '', client_id, user_id)) AS v, v % 8 = 0 ? true : false, "+columns+", toStartOfDay(ts, 'UTC') AS t, is_bot, count(), countIf(type = 'pageview'), sum(props_num['value']), sum(props_num['revenue']) FROM weir.events WHERE "+where+" GROUP BY ALL ORDER BY ALL")
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, visitor, sampled, type, host, country, region, city, device, os, browser, time, is_bot, events, pageviews, amount, revenue FROM %s WHERE tenant = 'a' AND _version = %d AND whole = %t ORDER BY ALL", daily.AudienceTable, version, whole))
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 2 {
			t.Errorf("audience, whole %t (-events +audience):\n%.2000s", whole, diff)
		}
	}
	testMissing(t, daily.AudienceTable, "a", day, version, "sampled", "browser = 'Chrome'", "whole AND browser = 'Chrome'", "NOT whole AND browser = 'Chrome'")
}

// testSessionTotals compares the totals of a day's sessions with its stitched sessions away from midnight, for each dim, and shows that totals of some of them do not count.
func testSessionTotals(t *testing.T, tenant string, day time.Time, version int) {
	t.Helper()
	c := testkit.Engine(t)
	where := fmt.Sprintf("tenant = '%s' AND NOT edge AND _version = %d", tenant, version)
	for _, d := range daily.SessionDims {
		if got, ok := daily.Find(daily.SessionDims, d.Name); !ok || got != d {
			t.Errorf("Find(%q) = %v, %v", d.Name, got, ok)
		}
		bucket, value := "toStartOfDay(start_time, 'UTC')", "''"
		if d.Step == time.Hour {
			bucket = "toStartOfHour(start_time, 'UTC')"
		}
		if d.Name != "" {
			value = "toString(" + d.Name + ")"
		}
		sets := ", [], []"
		if slices.Contains(daily.VisitorDims, d.Name) {
			of := ", arraySort(groupUniqArrayIf(sipHash64(if(client_id != '', client_id, user_id) AS who), who != '' AND sipHash64(who) %% 8 %s 0))"
			sets = fmt.Sprintf(of, "!=") + fmt.Sprintf(of, "=")
		}
		want := testkit.Rows(t, c, "SELECT site_id, "+value+" AS v, toDateTime("+bucket+", 'UTC') AS t, is_bot, count(), countIf(actions = 1), sum(dateDiff('millisecond', start_time, end_time)), sum(pageviews), countIf(pageviews > 0), sum(events)"+sets+" FROM "+
			session.Table+" WHERE "+where+" GROUP BY site_id, v, t, is_bot ORDER BY ALL")
		got := testkit.Rows(t, c, fmt.Sprintf("SELECT site_id, value, time, is_bot, sessions, bounced, lasted, pageviews, paged, events, arraySort(clients), arraySort(sample) FROM %s WHERE tenant = '%s' AND dim = '%s' AND _version = %d ORDER BY ALL", daily.SessionsTable, tenant, d.Name, version))
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("sessions by %q (-sessions +totals):\n%.2000s", d.Name, diff)
		}
	}
	testkit.Exec(t, c, "ALTER TABLE "+daily.SessionsTable+" UPDATE _version = _version + 1000 WHERE dim = '' AND tenant = '"+tenant+"' AND toHour(time) = 3 SETTINGS mutations_sync = 2")
	if got := testkit.Rows(t, c, daily.CountSQL(tenant, day, uint64(version))); len(got) != 1 || !strings.HasPrefix(fmt.Sprint(got[0]), "0") {
		t.Errorf("totals of some sessions hold %v events, want 0", got)
	}
	testkit.Exec(t, c, "ALTER TABLE "+daily.SessionsTable+" UPDATE _version = _version - 1000 WHERE _version >= 1000 AND tenant = '"+tenant+"' SETTINGS mutations_sync = 2")
}
