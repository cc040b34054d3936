package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/testkit"
)

// drawFilter is a filter of any kind on a column.
func drawFilter(t *rapid.T, name string) Filter {
	values := world.values[name]
	if name == "type" {
		values = []string{"pageview", "click", "none"}
	}
	f := Filter{Dim: Dim{Column: name}, Values: rapid.SliceOfN(rapid.SampledFrom(values), 1, 3).Draw(t, "values"), Not: rapid.Bool().Draw(t, "not")}
	if slices.Contains(f.Values, "") {
		return f
	}
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		f.Contains = true
	case 1:
		f.Prefix = true
	}
	return f
}

// drawLooked are groups and filters by columns, each in one of them at least.
func drawLooked(t *rapid.T, names []string) (groups []Dim, filters []Filter) {
	for _, name := range rapid.Permutation(names).Draw(t, "columns") {
		way := rapid.IntRange(0, 2).Draw(t, "way")
		if way != 0 {
			groups = append(groups, Dim{Column: name})
		}
		if way != 1 {
			filters = append(filters, drawFilter(t, name))
		}
	}
	return groups, filters
}

// drawOfDays is a question that pages of events answer, or hits, or an audience, or none of them although it looks like that.
func drawOfDays(t *rapid.T, kind string) Question {
	q := drawQuestion(t)
	if q.Interval != "" {
		q.Interval = rapid.SampledFrom([]string{"", Day, Week, Month, Hour}).Draw(t, "longer")
		q.otherThanHalfHours()
	}
	if rapid.IntRange(0, 3).Draw(t, "UTC") > 0 {
		q.Location = time.UTC
	}
	if kind == "pages" {
		q.Metrics = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{Events, Pageviews, Value}), 1, 3, rapid.ID[string]).Draw(t, "metrics of pages")
		q.GroupBy, q.Filters = drawLooked(t, []string{"path", rapid.SampledFrom([]string{"type", "host", "country", "device", "os", "browser"}).Draw(t, "attribute")})
		q.overTotals()
		return q
	}
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"type", "host", "country", "region", "city", "device", "os", "browser"}), 1, 3, rapid.ID[string]).Draw(t, "attributes")
	q.GroupBy, q.Filters = drawLooked(t, names)
	if rapid.IntRange(0, 3).Draw(t, "by path too") == 0 {
		q.GroupBy = append(q.GroupBy, Dim{Column: "path"})
	}
	if strings.Contains(kind, "audience") {
		q.GroupBy = slices.DeleteFunc(q.GroupBy, isPath)
	} else {
		q.Filters = append(q.Filters, drawFilter(t, "path"))
	}
	switch kind {
	case "visitors of an audience":
		q.Metrics = []string{Visitors}
	case "beside a rollup": // by what one has that holds pages
		q.Metrics = append(slices.DeleteFunc(q.Metrics, func(m string) bool { return m == Visitors || m == Users }), Visitors)
		q.Interval, q.Location = rapid.SampledFrom([]string{"", Day}).Draw(t, "longest"), time.UTC
		q.GroupBy, q.Filters = drawLooked(t, []string{"path", rapid.SampledFrom([]string{"type", "host"}).Draw(t, "attribute of pages")})
	case "few groups of an audience":
		q.Interval, q.GroupBy, q.Metrics = "", []Dim{{Column: "country"}}, []string{Visitors}
		q.Filters = []Filter{drawFilter(t, rapid.SampledFrom([]string{"browser", "type"}).Draw(t, "filtered by"))}
		q.Offset, q.Limit = 0, 3
	case "visitors of hits":
		q.Metrics = []string{Visitors}
	case "narrowed":
		q.Interval, q.GroupBy, q.Filters = "", []Dim{{Column: "path"}}, []Filter{drawFilter(t, "browser")}
		q.Metrics = []string{rapid.SampledFrom([]string{Events, Pageviews, Value}).Draw(t, "ranks"), Visitors}
		q.Offset, q.Limit = rapid.IntRange(0, 1).Draw(t, "offset"), 3
	case "by events":
		q.Interval, q.GroupBy, q.Filters = "", []Dim{{Column: "path"}}, []Filter{drawFilter(t, "os")}
		q.Metrics = []string{Visitors, Value}
		q.Offset, q.Limit = rapid.IntRange(0, 1).Draw(t, "offset"), 3
	case "few groups":
		q.Interval, q.GroupBy, q.Metrics = "", []Dim{{Column: "country"}}, []string{Visitors}
		if rapid.Bool().Draw(t, "events too") {
			q.Metrics = append(q.Metrics, Events)
		}
		q.Offset, q.Limit = 0, 3
	case "no days":
		if rapid.Bool().Draw(t, "why") {
			q.Filters = append(q.Filters, Filter{Dim: Dim{Column: "is_bot"}, Values: []string{"true"}})
		} else {
			q.GroupBy = append(q.GroupBy, Dim{Prop: "plan"})
		}
		q.Metrics = append(slices.DeleteFunc(q.Metrics, func(m string) bool { return m == Visitors }), Visitors)
	}
	q.overTotals()
	return q
}

// marked are texts of statements that say what is read.
var marked = map[string]string{
	"pages": "FROM " + daily.EventPagesTable, "hits": "FROM " + daily.HitsTable, "audience": "FROM " + daily.AudienceTable, "the sample": "sampled = true", "small ones": "NOT IN {small", "rows since": "{d0p", "a rollup": "FROM weir.rollup", "intervals": "AS bucket",
	"whole visitors": "whole = true", "visitors by type": "whole = false",
}

// dayTables are reporters that answer by tables of days and by raw events, and what has been seen of them.
type dayTables struct {
	rep, raw *Reporter
	engine   *noted // of rep
	events   []oracleEvent
	asked    int
	used     map[string]int // answers that read a table, and what beside it
}

// check asks a question, and compares the answer with that of the raw events and with an independent count.
func (d *dayTables) check(t *rapid.T, kind string, q Question) []Row {
	got, err := d.rep.Answer(context.Background(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	sql := d.engine.take()
	d.asked++
	for _, table := range []string{"pages", "hits", "audience"} {
		if !strings.Contains(sql, marked[table]) {
			continue
		}
		if kind == "no days" {
			t.Fatalf("%+v is answered by days: %s", q, sql)
		}
		d.used[table]++
		for what, mark := range marked {
			if what != table && strings.Contains(sql, mark) {
				d.used[table+" beside "+what]++
			}
		}
	}
	want, err := d.raw.Answer(context.Background(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	if diff := cmp.Diff(mustJSON2(want), mustJSON2(got)); diff != "" {
		t.Fatalf("%+v (-raw +answered):\n%s\nby %s", q, diff, sql)
	}
	if slices.ContainsFunc(q.Filters, func(f Filter) bool { return f.Prefix }) { // which count does not know
		return got
	}
	if diff := cmp.Diff(count(q, d.events), lines(q, got)); diff != "" {
		t.Fatalf("%+v (-counted +answered):\n%s\nby %s", q, diff, sql)
	}
	return got
}

// missing is what has not been read yet, or too seldom.
func (d *dayTables) missing() (list []string) {
	for _, what := range []string{"pages beside rows since", "pages beside intervals", "pages beside hits", "hits beside rows since", "hits beside intervals", "hits beside a rollup", "hits beside the sample", "hits beside small ones",
		"audience beside rows since", "audience beside intervals", "audience beside the sample", "audience beside small ones",
		"audience beside a rollup", "audience beside whole visitors", "audience beside visitors by type"} {
		if d.used[what] == 0 {
			list = append(list, what)
		}
	}
	for _, table := range []string{"pages", "hits", "audience"} {
		if d.used[table]*16 < d.asked {
			list = append(list, fmt.Sprintf("%s, by %d of %d answers", table, d.used[table], d.asked))
		}
	}
	return list
}

// TestDayTablesEqualRaw asks random questions about paths and other columns, with pages and hits of days of which some have got rows since and some have none.
func TestDayTablesEqualRaw(t *testing.T) {
	c := testkit.Engine(t)
	events, clk := rolledEvents(t, c)
	e := &noted{Engine: c}
	d := &dayTables{rep: newReporter(t, e, clk, Config{}), raw: newReporter(t, c, clk, Config{Rollups: []rollup.Rollup{}}), engine: e, events: events, used: map[string]int{}}
	d.rep.deps.Sessions = someDays{timeout: session.DefaultTimeout, days: totalDays(t, "acme", events)}
	for rounds := 0; rounds == 0 || rounds < 20 && len(d.missing()) > 0; rounds++ {
		for _, kind := range []string{"pages", "hits", "visitors of hits", "few groups", "audience", "visitors of an audience", "few groups of an audience", "narrowed", "by events", "beside a rollup", "no days"} {
			rapid.Check(t, func(t *rapid.T) {
				q := drawOfDays(t, kind)
				if d.rep.cfg.Rollups = rollup.All; kind != "beside a rollup" && rapid.Bool().Draw(t, "without rollups") {
					d.rep.cfg.Rollups = []rollup.Rollup{}
				}
				d.rep.large.hints = nil
				if rapid.Bool().Draw(t, "exactly") {
					d.rep.large.set(q.kind(), countExact, groupSizes{})
				}
				got := d.check(t, kind, q)
				if own := q.fewGroups(); (q.ranks() || own) && len(got) > 1 && slices.Contains(q.Metrics, Visitors) {
					sizes := drawSizes(t, got)
					d.rep.large.set(q.kind(), countRough, groupSizes{small: sizes[0], large: sizes[1], own: own})
					d.check(t, kind, q)
				}
			})
		}
	}
	t.Logf("%d answers read %v", d.asked, d.used)
	for _, what := range d.missing() {
		t.Errorf("not read: %s", what)
	}
}

// TestDayTable: which table of days answers a question.
func TestDayTable(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	is := func(column string) Filter { return Filter{Dim: Dim{Column: column}, Values: []string{"x"}} }
	by := func(columns ...string) (dims []Dim) {
		for _, c := range columns {
			dims = append(dims, Dim{Column: c})
		}
		return dims
	}
	not := is("path")
	not.Not = true
	for name, c := range map[string]struct {
		q     Question
		want  string
		whole bool
	}{
		"nothing":                         {Question{Metrics: []string{Events}}, daily.Table, false},
		"one column":                      {Question{Metrics: []string{Visitors}, GroupBy: by("country"), Filters: []Filter{is("country")}}, daily.Table, false},
		"pages of a host":                 {Question{Metrics: []string{Pageviews}, GroupBy: by("path"), Filters: []Filter{is("host")}}, daily.EventPagesTable, false},
		"visitors of pages of a host":     {Question{Metrics: []string{Pageviews, Visitors}, GroupBy: by("path"), Filters: []Filter{is("host")}}, daily.HitsTable, false},
		"pages of two":                    {Question{Metrics: []string{Pageviews}, GroupBy: by("path"), Filters: []Filter{is("host"), is("browser")}}, daily.HitsTable, false},
		"pages of a city":                 {Question{Metrics: []string{Pageviews}, GroupBy: by("path"), Filters: []Filter{is("city")}}, daily.HitsTable, false},
		"countries of all pages but one":  {Question{Metrics: []string{Visitors}, GroupBy: by("country"), Filters: []Filter{not}}, daily.HitsTable, false},
		"countries of a browser":          {Question{Metrics: []string{Visitors}, GroupBy: by("country"), Filters: []Filter{is("browser")}}, daily.AudienceTable, true},
		"countries of a browser's hosts":  {Question{Metrics: []string{Visitors}, GroupBy: by("country", "host"), Filters: []Filter{is("browser")}}, daily.AudienceTable, false},
		"value of a type in a country":    {Question{Metrics: []string{Value}, Interval: Day, Filters: []Filter{is("browser"), is("type")}}, daily.AudienceTable, false},
		"by the hour":                     {Question{Metrics: []string{Visitors}, Interval: Hour, GroupBy: by("country"), Filters: []Filter{is("browser")}}, "", false},
		"by days that begin at half past": {Question{Metrics: []string{Visitors}, Interval: Day, Location: kolkata, GroupBy: by("country"), Filters: []Filter{is("browser")}}, "", false},
		"pages by the hour":               {Question{Metrics: []string{Pageviews}, Interval: Hour, GroupBy: by("path"), Filters: []Filter{is("browser")}}, "", false},
		"persons":                         {Question{Metrics: []string{Users}, GroupBy: by("country"), Filters: []Filter{is("browser")}}, "", false},
		"of a channel":                    {Question{Metrics: []string{Visitors}, GroupBy: by("country"), Filters: []Filter{is("channel")}}, "", false},
		"by a property":                   {Question{Metrics: []string{Events}, GroupBy: []Dim{{Prop: "plan"}}, Filters: []Filter{is("browser")}}, "", false},
		"robots":                          {Question{Metrics: []string{Events}, GroupBy: by("is_bot", "country")}, "", false},
	} {
		c.q.From, c.q.To = sessionStart, sessionStart.AddDate(0, 0, 1)
		if c.q.Location == nil {
			c.q.Location = time.UTC
		}
		if table, ok := c.q.dayTable(); !ok && c.want != "" || ok && (table.name != c.want || table.whole != c.whole) {
			t.Errorf("%s: %v by %q, whole: %v, want %q, %v", name, ok, table.name, table.whole, c.want, c.whole)
		}
	}
}

// TestHitsOfMany counts more visitors than are counted exactly: the sample of hits is that of events, and stands by itself where nothing else is asked for.
func TestHitsOfMany(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for country, n := range map[string]int{"DE": 150_000, "FR": 130_000, "LI": 70} {
		testkit.Exec(t, c, fmt.Sprintf(`INSERT INTO weir.events (tenant, site_id, ts, type, path, country, client_id, _writer, _seq)
SELECT 'manyhits', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number %% 80000, 'pageview', if(number %% 70 = 1, '/other', '/large'), '%s', if(number %% 10 = 0, '', concat('c', toString(number))), 1, 1 FROM numbers(%d)`, country, n))
	}
	// One where nobody is in the sample, and one of nobody.
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, path, country, client_id, _writer, _seq)
SELECT 'manyhits', 'site', toDateTime64('2026-03-01 05:00:00', 3, 'UTC'), 'pageview', '/large', if(number % 2 = 0, 'AD', 'SM') AS c, if(c = 'AD', concat('c', toString(number)), '') AS who, 1, 1 FROM numbers(50) WHERE c = 'SM' OR sipHash64(who) % 8 != 0`)
	testkit.Exec(t, c, daily.HitsSQL("manyhits", day, 80_001, 1, 1))
	e := &noted{Engine: c}
	rep, raw := newReporter(t, e, clock{asOf: noon, main: 1}, Config{Rollups: []rollup.Rollup{}}), newReporter(t, c, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	rep.deps.Sessions = someDays{session.DefaultTimeout, []session.Stitched{{Day: session.DayOf(day), Version: 80_001, Totals: true}}}
	for _, metrics := range [][]string{{Visitors}, {Visitors, Events}, {Value, Visitors}} {
		for _, groups := range [][]Dim{nil, {{Column: "country"}}, {{Column: "country"}, {Column: "type"}}} {
			q := Question{Tenant: "manyhits", Site: "site", Metrics: metrics, GroupBy: groups, From: day, To: day.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1, Limit: 10,
				Filters: []Filter{{Dim: Dim{Column: "path"}, Values: []string{"/large"}}, {Dim: Dim{Column: "type"}, Values: []string{"pageview"}}}}
			want, err := raw.Answer(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, how := range []string{"the first time", "again"} {
				got, err := rep.Answer(context.Background(), q)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(mustJSON2(want), mustJSON2(got)); diff != "" {
					t.Errorf("%v by %v, %s (-raw +answered):\n%s", metrics, groups, how, diff)
				}
				sql := e.take()
				if alone := len(metrics) == 1 && (len(groups) < 2 || how == "the first time"); strings.Contains(sql, "sampled = true") != alone || !strings.Contains(sql, daily.HitsTable) {
					t.Errorf("%v by %v, %s, by %s", metrics, groups, how, sql)
				}
			}
		}
	}
}
