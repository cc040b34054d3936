package report

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// tallied counts the statements that go to the engine.
type tallied struct {
	Engine
	n atomic.Int64 // several may be asked at once
}

func (c *tallied) Rows(ctx context.Context, s clickhouse.Statement, fn func([]any) error) (clickhouse.Summary, error) {
	c.n.Add(1)
	return c.Engine.Rows(ctx, s, fn)
}

// noted keeps the statements that an engine has run.
type noted struct {
	Engine
	mu  sync.Mutex
	sql []string
}

func (e *noted) Rows(ctx context.Context, s clickhouse.Statement, fn func([]any) error) (clickhouse.Summary, error) {
	e.mu.Lock()
	e.sql = append(e.sql, s.SQL)
	e.mu.Unlock()
	return e.Engine.Rows(ctx, s, fn)
}

// take are the statements since the last call, as one text.
func (e *noted) take() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { e.sql = nil }()
	return strings.Join(e.sql, ";\n")
}

// TestVisitorsAtTheBorder counts visitors just below, at and above ExactVisitors, partly in the rollup and partly behind it, in the total, by groups and by days.
func TestVisitorsAtTheBorder(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	sizes := map[string]int{"AA": ExactVisitors - 1, "BB": ExactVisitors, "CC": ExactVisitors + 1, "DD": 150_000, "EE": 7}
	for country, n := range sizes { // every client twice, the second time in a later insert
		testkit.Exec(t, c, fmt.Sprintf(`INSERT INTO weir.events (tenant, site_id, ts, type, client_id, country, _writer, _seq)
SELECT 'border', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + (number * 7) %% 86000, 'pageview', concat('%s', toString(number %% %d)), '%[1]s', 1, 1 + intDiv(number * 2, %[2]d) FROM numbers(%d)`, country, n, 2*n))
	}
	r := rollup.All[2]
	testkit.Exec(t, c, strings.Replace(r.AdvanceSQL(1, 0, 3, nil), "WHERE", "WHERE tenant = 'border' AND", 1))
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	q := Question{Tenant: "border", Site: "site", Metrics: []string{Visitors, Events}, From: from, To: from.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1, Limit: 10}
	check := func(t *testing.T, what string, v any, want int) {
		t.Helper()
		got := countOf(v)
		switch {
		case want <= ExactVisitors && got != uint64(want):
			t.Errorf("%s: %d visitors, want %d", what, got, want)
		case want > ExactVisitors && (got <= ExactVisitors || math.Abs(float64(got)/float64(want)-1) > 2*visitorsError): // four standard errors
			t.Errorf("%s: %d visitors, want about %d", what, got, want)
		}
	}
	for _, list := range [][]rollup.Rollup{{r}, {}} {
		e := &tallied{Engine: c}
		rep := newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{r.Name: {1: 3, 2: 0}}}, Config{Rollups: list})
		rep.counted = time.Now()
		ask := func(q Question, statements int) []Row {
			t.Helper()
			before := e.n.Load()
			rows, err := rep.Answer(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			if n := e.n.Load() - before; n != int64(statements) {
				t.Errorf("%d rollups, %v: %d statements, want %d", len(list), q, n, statements)
			}
			return rows
		}
		byCountry, series := q, q
		byCountry.GroupBy = []Dim{{Column: "country"}}
		series.GroupBy, series.Interval = byCountry.GroupBy, Day
		for i := range 2 {
			for _, q := range []Question{byCountry, series} {
				n := 2 - i // by the sample, and what is small exactly: the groups by themselves, or all of a series of groups; which then is known
				rows := ask(q, n)
				if len(rows) != len(sizes) {
					t.Fatalf("rows %v", mustJSON2(rows))
				}
				for _, row := range rows {
					at := len(row.values) - 3
					check(t, fmt.Sprint(i, q, row.values[at]), row.values[at+1], sizes[row.values[at].(string)])
				}
			}
		}
		for country, n := range sizes {
			one := q
			one.Filters = []Filter{{Dim: Dim{Column: "country"}, Values: []string{country}}}
			statements := 2
			if n >= 150_000 {
				statements = 1
			}
			check(t, country, ask(one, statements)[0].values[0], n)
			if known := rep.large.of(one.kind()).how == countRough; known != (n >= 150_000) {
				t.Errorf("%s: known as large: %v", country, known)
			}
			rows := ask(one, 1)
			check(t, country+" again", rows[0].values[0], n)
			if approx := one.approximate(rows...); (approx != nil) != (n > ExactVisitors) {
				t.Errorf("%s: approximate %v", country, approx)
			}
			rep.large.set(one.kind(), countRough, groupSizes{}) // a hint that is wrong
			if n < ExactVisitors {
				check(t, country+" misled", ask(one, 2)[0].values[0], n)
			}
			rep.large.set(one.kind(), countExact, groupSizes{}) // the other way round
			check(t, country+" misled", ask(one, 1)[0].values[0], n)
		}
		for _, c := range []struct {
			offset, limit, statements int
			want                      string
		}{{0, 1, 1, "DD"}, {0, 2, 2, "DD CC"}, {1, 2, 2, "CC BB"}, {2, 2, 2, "BB AA"}, {3, 9, 2, "AA EE"}, {4, 1, 2, "EE"}, {5, 1, 2, ""}} { // groups change places when they are counted again
			some := byCountry
			some.Offset, some.Limit = c.offset, c.limit
			rep.large.set(some.kind(), countRough, groupSizes{})
			for i := range 2 {
				var got []string
				for _, row := range ask(some, 1+(c.statements-1)*(1-i)) {
					got = append(got, row.values[0].(string))
					check(t, fmt.Sprint(c), row.values[1], sizes[row.values[0].(string)])
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("%d groups behind %d: %v, want %s", c.limit, c.offset, got, c.want)
				}
				rep.large.set(some.kind(), countRough, groupSizes{small: []string{"AA", "BB", "CC", "EE"}, large: []string{"DD"}, own: true})
			}
			rep.large.set(some.kind(), countRough, groupSizes{small: []string{"DD", "AA"}, large: []string{"BB"}, own: true}) // wrong
			for _, row := range ask(some, 2) {
				check(t, fmt.Sprint(c, " misled"), row.values[1], sizes[row.values[0].(string)])
			}
		}
	}
}

// TestVisitorsApart counts the visitors of groups that are shown: what was small the time before is counted exactly while the others are counted by the sample, and what is known wrongly costs a statement.
func TestVisitorsApart(t *testing.T) {
	c := testkit.Engine(t)
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	sizes := map[string]int{"/large": 150_000, "/larger": 180_000, "/border": ExactVisitors, "/small": 70, "/tiny": 1}
	insert := func(path string, n int) {
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, site_id, ts, type, path, client_id, _writer, _seq) SELECT 'apart', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number %% 80000, 'pageview', '%s', concat('c', toString(number)), 1, 1 FROM numbers(%d)", path, n))
	}
	for path, n := range sizes {
		insert(path, n)
	}
	e := &tallied{Engine: c}
	rep := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	asked := Question{Tenant: "apart", Site: "site", Metrics: []string{Events, Visitors}, GroupBy: []Dim{{Column: "path"}}, From: from, To: from.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1, Limit: 10}
	ask := func(what string, statements int, paths ...string) {
		t.Helper()
		var shown []Row
		for _, path := range paths {
			shown = append(shown, Row{asked.names(), []any{path, "0", "0"}})
		}
		before := e.n.Load()
		rows, err := rep.Answer(context.Background(), asked.narrowed(shown))
		if err != nil {
			t.Fatal(err)
		}
		if n := e.n.Load() - before; n != int64(statements) {
			t.Errorf("%s: %d statements, want %d", what, n, statements)
		}
		got := map[string]int{}
		for _, row := range rows {
			path, n := row.values[0].(string), int(countOf(row.values[1]))
			want := sizes[path]
			if got[path]++; want <= ExactVisitors && n != want || want > ExactVisitors && math.Abs(float64(n)/float64(want)-1) > 2*visitorsError {
				t.Errorf("%s: %s has %d visitors, want %d", what, path, n, want)
			}
		}
		for _, path := range paths {
			if got[path] != 1 {
				t.Errorf("%s: %d rows of %s", what, got[path], path)
			}
		}
		if len(got) != len(paths) {
			t.Errorf("%s: groups %v, want %v", what, got, paths)
		}
	}
	known := func(want ...string) {
		t.Helper()
		k := rep.large.of(asked.kind())
		if k.how != countRough || len(k.small) != len(want) {
			t.Errorf("%d small groups are known (%v), want %v", len(k.small), k.how, want)
		}
		for _, path := range want {
			if !k.small[nameOf(path)] {
				t.Errorf("%s is not known to be small", path)
			}
		}
	}
	ask("the first time", 2, "/large", "/larger", "/border", "/small")
	known("/border", "/small")
	ask("then", 1, "/large", "/larger", "/border", "/small")
	ask("one more, which is small", 1, "/large", "/border", "/small", "/tiny")
	known("/border", "/small", "/tiny")
	ask("one more, which is large", 1, "/large", "/border", "/larger", "/small")
	ask("then by the sample", 1, "/large", "/border", "/larger", "/small")
	ask("a small one before the others", 2, "/tiny", "/large", "/border")
	known("/tiny", "/border")
	ask("large ones only", 1, "/large", "/larger")
	known()
	ask("again", 2, "/large", "/larger", "/small")
	known("/small")
	insert("/small", 160_000) // of whom 70 were there before
	sizes["/small"] = 160_000
	ask("one has grown", 1, "/large", "/larger", "/small")
	known()
	ask("the last of them", 1, "/large", "/larger", "/small")
	rep.large.set(asked.kind(), countRough, groupSizes{small: []string{"/large", "/tiny"}, large: []string{"/border"}}) // wrong
	ask("misled", 2, "/large", "/border", "/tiny")
	known("/border", "/tiny")
	rep.large.set(asked.kind(), countRough, groupSizes{small: []string{"/tiny"}})
	ask("small ones only", 2, "/border", "/tiny")
	if k := rep.large.of(asked.kind()); k.how != countExact {
		t.Errorf("of small ones only: %+v", k)
	}
}

// TestVisitorsByDay counts visitors of days of which few are small: these are counted again, by themselves where they lie in two stretches.
func TestVisitorsByDay(t *testing.T) {
	c := testkit.Engine(t)
	sizes := []int{150_000, 50, 0, 99_999, 120_000, 150_000, 1, 130_000, 3} // the first day's are those of its second half
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, n := range sizes {
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, site_id, ts, type, client_id, _writer, _seq) SELECT 'bydays', 'site', toDateTime64('2026-03-%02d 12:00:00', 3, 'UTC') + number %% 40000, 'pageview', concat('c', toString(number)), 1, 1 FROM numbers(%d)", i+1, n))
	}
	e := &tallied{Engine: c}
	for _, x := range []struct{ days, statements, again int }{{5, 2, 2}, {7, 3, 3}, {9, 2, 1}} { // one stretch, two, three
		rep := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
		q := Question{Tenant: "bydays", Site: "site", Metrics: []string{Events, Visitors}, Interval: Day, From: from, To: from.AddDate(0, 0, x.days).Add(-time.Hour), Location: time.UTC, FirstDay: 1, Limit: 10}
		for _, statements := range []int{x.statements, x.again} {
			before := e.n.Load()
			rows, err := rep.Answer(context.Background(), q)
			if err != nil || len(rows) != x.days+1 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			if n := e.n.Load() - before; n != int64(statements) {
				t.Errorf("%d days: %d statements, want %d", x.days, n, statements)
			}
			for i, n := range sizes[:x.days] {
				events, visitors := countOf(rows[i].values[1]), countOf(rows[i].values[2])
				if events != uint64(n) || n <= ExactVisitors && visitors != uint64(n) || math.Abs(float64(visitors)/float64(max(n, 1))-1) > 2*visitorsError && n > 0 {
					t.Errorf("%v: %d events, %d visitors, want %d", rows[i].values[0], events, visitors, n)
				}
			}
		}
	}
}

// TestTotals: the totals of a question are its answer without groups and intervals.
func TestTotals(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, country, props_num, _writer, _seq)
SELECT 'totals', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number * 3600, if(number % 3 = 0, 'click', 'pageview'), toString(number % 17), toString(number % 5), map('value', number % 4), 1, 1 FROM numbers(100)`)
	rep := newReporter(t, c, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	testSources := sources{"site": testSources["site"]}
	s := testSources["site"]
	s.Tenant = "totals"
	testSources["site"] = s
	rep.deps.Sources = testSources
	h := serve(rep, tenant.Principal{Tenant: "totals", Role: tenant.RoleViewer, KeyID: "k"})
	type answer struct {
		Data     []map[string]any
		Totals   map[string]any
		Previous *struct{ Totals map[string]any }
	}
	ask := func(query string) (a answer, body string) {
		t.Helper()
		status, _, body := call(t, h, "GET", "/api/v1/analytics/site/report?from=2026-03-01&to=2026-03-05&"+query, "")
		if status != 200 {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		return a, body
	}
	all, _ := ask("metric=visitors,events,pageviews,value")
	want := mustJSON(t, all.Data[0])
	if want != `{"events":100,"pageviews":66,"value":150,"visitors":17}` {
		t.Fatal(want)
	}
	for _, more := range []string{"", "&group_by=country", "&group_by=country&limit=2", "&group_by=country&limit=2&offset=2", "&interval=day", "&interval=day&group_by=country&limit=1"} {
		if a, body := ask("metric=visitors,events,pageviews,value" + more); mustJSON(t, a.Totals) != want {
			t.Errorf("%s: totals of %s", more, body)
		}
	}
	one, _ := ask("metric=sessions,exits")
	sessions := mustJSON(t, one.Totals)
	for _, more := range []string{"&interval=hour", "&group_by=country", "&group_by=country&limit=2", "&group_by=country&limit=5", "&group_by=country&limit=6", "&group_by=country&offset=3", "&group_by=country&interval=day"} {
		if a, _ := ask("metric=events" + more); mustJSON(t, a.Totals) != `{"events":100}` {
			t.Errorf("%s: sum %v", more, a.Totals)
		}
		if a, _ := ask("metric=sessions,exits" + strings.Replace(more, "country", "exit_path", 1)); mustJSON(t, a.Totals) != sessions {
			t.Errorf("%s: sum %v, want %s", more, a.Totals, sessions)
		}
	}
	for _, metrics := range []string{"visitors,sessions,bounce_rate,session_duration", "sessions,visitors", "pageviews,visitors,entries", "entries,visitors,views_per_session", "users,sessions,exits"} {
		one, _ := ask("metric=" + metrics)
		want := mustJSON(t, one.Totals)
		for _, more := range []string{"group_by=country", "group_by=country&limit=2", "group_by=country&limit=1&offset=1", "group_by=country&offset=90", "group_by=country&interval=day&limit=2", "interval=day", "group_by=region&limit=1",
			"group_by=utm_source&interval=day"} {
			if a, body := ask("metric=" + metrics + "&" + more); mustJSON(t, a.Totals) != want {
				t.Errorf("%s %s: totals %s, want %s", metrics, more, body, want)
			}
		}
	}
	if a, body := ask("group_by=country&totals=false"); a.Totals != nil || strings.Contains(body, "totals") {
		t.Errorf("unwanted totals: %s", body)
	}
	if a, body := ask("interval=day&compare=previous"); a.Previous == nil || mustJSON(t, a.Previous.Totals) != `{"events":0}` {
		t.Errorf("previous: %s", body)
	}
	var pages []string // paging gives every group once, in the order of the whole
	whole, _ := ask("group_by=country")
	for offset := range 6 {
		a, _ := ask(fmt.Sprintf("group_by=country&limit=1&offset=%d", offset))
		for _, row := range a.Data {
			pages = append(pages, mustJSON(t, row))
		}
	}
	if got, want := strings.Join(pages, ","), strings.Trim(mustJSON(t, whole.Data), "[]"); got != want {
		t.Errorf("pages %s, whole %s", got, want)
	}
}

// TestSettling: the rows whose interval is not over at complete_until are marked, also of an answer that was kept.
func TestSettling(t *testing.T) {
	q := Question{Metrics: []string{Events}, Interval: Minute, From: noon.Add(-10 * time.Minute), To: noon.Add(time.Minute), Location: time.UTC}
	rows := q.fill(nil)
	k := &kept{}
	text, marks, err := q.write(rows)
	if err != nil {
		t.Fatal(err)
	}
	k.head, k.headMarks = part{rows: text, marks: marks}.write([]byte("{"), nil)
	for till, want := range map[time.Time]int{noon.Add(-5 * time.Minute): 6, noon.Add(-4*time.Minute - time.Second): 6, noon.Add(-4 * time.Minute): 5, noon.Add(time.Minute): 0, noon.Add(-time.Hour): 11} {
		body := string(k.render(noon, till))
		var got struct {
			Data []struct {
				Time     time.Time
				Events   *int
				Settling bool
			}
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		n := 0
		for _, row := range got.Data {
			if row.Settling {
				n++
			}
			if row.Events == nil || row.Settling != row.Time.Add(time.Minute).After(till) {
				t.Errorf("complete until %v: %+v", till, row)
			}
		}
		if n != want || len(got.Data) != 11 {
			t.Errorf("complete until %v: %d of %d rows are settling, want %d", till, n, len(got.Data), want)
		}
	}
	q.Interval, q.To = Day, noon // the day's row is cut at the end of the range
	if ends := q.ends(); !ends["2026-03-10"].Equal(noon) {
		t.Errorf("ends %v", ends)
	}
}
