package query

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/rollup"
	"weir/internal/testkit"
	"weir/internal/usage"
)

const canary = "CaNaRy7f3a"

var seed sync.Once

// engine returns the real engine with rows of acme, and of another tenant with the canary in every text.
func engine(t testing.TB) *clickhouse.Client {
	c := testkit.Engine(t)
	seed.Do(func() {
		insert := func(tenant, text, number string, from, n int) {
			cols, exprs := []string{"tenant"}, []string{"'" + tenant + "'"}
			for _, col := range event.Columns {
				if !col.Visible || !col.Stored {
					continue
				}
				cols = append(cols, col.Name)
				switch col.Kind {
				case event.KindTime:
					exprs = append(exprs, "toDateTime64('2026-03-09 00:00:00', 3, 'UTC') + number * 60")
				case event.KindUInt8:
					exprs = append(exprs, "number % 10 = 0")
				case event.KindProps:
					exprs = append(exprs, fmt.Sprintf("map('plan', '%s', 'n', toString(number), 'data', '{\"name\":\"x\",\"n\":1}')", text))
				case event.KindNums:
					exprs = append(exprs, "map('value', toFloat64("+number+"), 'duration', 1.5)")
				default:
					exprs = append(exprs, fmt.Sprintf("concat('%s', toString(number %% 7))", text))
				}
			}
			testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (%s) SELECT %s FROM numbers(%d, %d)", strings.Join(cols, ", "), strings.Join(exprs, ", "), from, n))
		}
		testkit.Exec(t, c, "SYSTEM STOP MERGES weir.events") // a merged part would count both tenants' rows together
		seedTyped(t, c)
		seedLookups(t, c)
		seedSessions(t, c)
		insert("acme", "own", "number", 0, 1000)
		insert("victim", canary, "987654321 + number", 0, 1237)
		for _, r := range rollup.All {
			for tenant, text := range map[string]string{"acme": "own", "victim": canary, "typed": "typed"} {
				cols, exprs := []string{"tenant", "site_id", "time", "_writer", "events", "value", "clients", "sample"}, []string{"'" + tenant + "'", "'" + text + "'", "toDateTime('2026-03-09 00:00:00', 'UTC') + 3600 * number", "1"}
				exprs = append(exprs, map[string]string{"acme": "10, 1.5", "victim": "987654321, 987654321.5", "typed": "3, 2"}[tenant], "["+rollup.IDHash("'"+text+"'")+"]", "[8 * number]")
				for _, d := range r.Dims {
					value := "'" + text + "'"
					switch {
					case d == "is_bot":
						value = "0"
					case d == "path" && tenant == "typed":
						value = "'" + secret + "'"
					}
					cols, exprs = append(cols, d), append(exprs, value)
				}
				testkit.Exec(t, c, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM numbers(3)", r.Table(), strings.Join(cols, ", "), strings.Join(exprs, ", ")))
			}
		}
	})
	return c
}

// quick bounds statements that would run for ever.
var quick = Config{MaxTime: 3 * time.Second, MaxMemory: 500 << 20, MaxResultRows: 200_000, MaxResult: 50 << 20}

// theirs finds the number of the other tenant's rows, alone or added to ours.
var theirs = regexp.MustCompile(`\b[12]2(37|41)\b`)

// leaks says whether an answer shows something of another tenant.
func leaks(answer string) bool {
	return strings.Contains(strings.ToLower(answer), strings.ToLower(canary)) || theirs.MatchString(answer)
}

// TestLeaks makes sure that a leak would be seen: the answers of weir itself are full of them.
func TestLeaks(t *testing.T) {
	h := newHandler(t, quick, engine(t))
	h.guard.off, h.barrier2 = true, false
	for _, q := range []string{"SELECT * FROM weir.events", "SELECT count() FROM weir.events", "SELECT count() FROM weir.events WHERE tenant != 'acme'", "SELECT uniq(path), min(path) FROM weir.events", "SELECT * FROM weir.rollup_minute_4"} {
		if w := run(h, q); !leaks(w.Body.String()) {
			t.Errorf("%s shows no leak: %d %.300s", q, w.Code, w.Body)
		}
	}
}

// TestAllowedRun runs every allowed statement: the engine takes what the guard sends, and no row of another tenant is seen,
// with and without the engine's own barrier.
func TestAllowedRun(t *testing.T) {
	c := engine(t)
	params := `{"type":"own1","id":"own1","list":["own1","x"],"since":"2026-01-01 00:00:00.000","min":1.5,"n":null}`
	for _, barrier2 := range []bool{true, false} {
		h := newHandler(t, quick, c)
		h.barrier2 = barrier2
		for _, q := range statements(t, "allowed.sql") {
			sql, err := json.Marshal(q)
			if err != nil {
				t.Fatal(err)
			}
			w := post(h, analyst, fmt.Sprintf(`{"sql":%s,"params":%s}`, sql, params))
			if w.Code != 200 {
				t.Errorf("barrier 2 %v: %s\n  %d %s", barrier2, q, w.Code, w.Body)
			}
			if leaks(w.Body.String()) {
				t.Errorf("barrier 2 %v: %s\n  shows another tenant's rows: %.300s", barrier2, q, w.Body)
			}
		}
	}
}

// oneAfterTheOther skips a test of hundreds of statements, asked by one goroutine: the race detector learns nothing from it.
func oneAfterTheOther(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("one statement after the other: make test runs it")
	}
}

var metaName = regexp.MustCompile(`(?i)\b"?(system|information_schema)"?\.`)

// TestHostileRun runs every hostile statement with one of the barriers off. Whatever the other lets through shows nothing of another tenant.
func TestHostileRun(t *testing.T) {
	oneAfterTheOther(t)
	c := engine(t)
	all := append(statements(t, "hostile.sql"), hostile()...)
	all = slices.DeleteFunc(all, func(q string) bool {
		return strings.Contains(strings.ToLower(q), "sleep") || len(q) > 20_000 || !utf8.ValidString(q) // cost time, and read nothing; or do not fit into JSON
	})
	for _, barrier := range []string{"guard", "engine"} {
		h := newHandler(t, quick, c)
		if barrier == "engine" {
			h.guard.off = true
		} else {
			h.barrier2 = false
		}
		through := 0
		for _, q := range all {
			w := run(h, q)
			// The relations of metadata are the tenant's own: the lists of hostile statements are for a scope without them.
			if w.Code == 200 && (barrier == "engine" || !metaName.MatchString(q)) {
				through++
			}
			if leaks(w.Body.String()) {
				t.Errorf("only the %s: %.200s\n  %d %.300s", barrier, q, w.Code, w.Body)
			}
		}
		t.Logf("only the %s: %d of %d statements ran", barrier, through, len(all))
		if barrier == "guard" && through > 0 {
			t.Errorf("the guard let %d hostile statements through", through)
		}
	}
	if n := testkit.Rows(t, c, "SELECT count() FROM weir.events"); n[0] != "2241" {
		t.Errorf("weir.events has %s rows", n[0])
	}
}

// TestFunctionsExist compares the allow-list with the engine's functions: each one exists there.
func TestFunctionsExist(t *testing.T) {
	c := engine(t)
	have := map[string]bool{}
	for _, name := range testkit.Rows(t, c, "SELECT name FROM system.functions") {
		have[strings.ToLower(name)] = true
	}
	for _, m := range []map[string]string{functions, aggregates} {
		for _, lower := range slices.Sorted(maps.Keys(m)) {
			if !have[lower] && lower != "summap" && lower != "minmap" && lower != "maxmap" && lower != "grouping" { // they are the analyzer's own
				t.Errorf("the engine has no function %s", m[lower])
			}
		}
	}
}

func TestEngineAnswers(t *testing.T) {
	h := newHandler(t, quick, engine(t))
	w := run(h, "SELECT count() AS n, toUInt64(18446744073709551615) AS big, uniq(client_id) AS u FROM events")
	var got struct {
		Meta []struct{ Name, Type string }
		Data []struct {
			N   int
			Big json.Number
			U   int
		}
		Rows       int
		Statistics struct {
			Elapsed  float64
			RowsRead int `json:"rows_read"`
		}
		AsOf string `json:"as_of"`
		Cost usage.Cost
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if len(got.Data) != 1 || got.Data[0].N != 1000 || got.Data[0].Big != "18446744073709551615" || got.Data[0].U != 7 || got.Rows != 1 || got.Meta[0].Type != "UInt64" {
		t.Errorf("answer %+v", got)
	}
	if got.Statistics.RowsRead < 1000 || got.Cost.RowsRead < 1000 || got.Cost.CPUSeconds <= 0 {
		t.Errorf("cost %+v, statistics %+v", got.Cost, got.Statistics)
	}
	for format, want := range map[string]string{
		"CSVWithNames": "\"a\",\"b\"\n1,\"x\"\n", "TSV": "1\tx\n", "JSONEachRow": "{\"a\":1,\"b\":\"x\"}\n", "CSV": "1,\"x\"\n",
	} {
		if w := run(h, "SELECT 1 AS a, 'x' AS b FORMAT "+format); w.Body.String() != want {
			t.Errorf("%s: %q", format, w.Body)
		}
	}
	if w := run(h, "SELECT 1 AS a FORMAT Parquet"); !strings.HasPrefix(w.Body.String(), "PAR1") {
		t.Errorf("Parquet: %d %.20q", w.Code, w.Body)
	}
	if w := run(h, "SELECT path FROM events FORMAT ArrowStream"); w.Code != 200 || w.Body.Len() < 100 {
		t.Errorf("ArrowStream: %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestEngineLimits(t *testing.T) {
	c := engine(t)
	for _, tc := range []struct {
		cfg        Config
		sql, code  string
		limit      string
		limitValue float64
	}{
		{Config{MaxTime: 300 * time.Millisecond}, "SELECT count() FROM events AS a, events AS b, events AS c, (SELECT arrayJoin(range(1000)) AS x) AS d WHERE cityHash64(a.path, b.url, c.host, x) = 1", "query_too_slow", "query.timeout", 0.3},
		{Config{MaxMemory: 20 << 20}, "SELECT length(groupArray(arrayJoin(range(20000000))))", "query_memory", "query.memory", 20 << 20},
		{Config{MaxResult: 100_000}, "SELECT arrayJoin(range(100000))", "result_too_large", "query.max_result", 100_000},
		{Config{MaxResultRows: 50_000}, "SELECT arrayJoin(range(300000))", "result_too_large", "query.max_rows", 50_000},
		{Config{MaxRead: 10}, "SELECT count(DISTINCT path) FROM events", "too_many_rows_read", "query.max_read", 10},
	} {
		w := run(newHandler(t, tc.cfg, c), tc.sql)
		p := problemIn(t, w)
		if w.Code != 422 || p.Code != tc.code || p.Limit != tc.limit || p.LimitValue != tc.limitValue {
			t.Errorf("%s: %d %+v", tc.sql, w.Code, p)
		}
	}
}

// A statement that fails has cost something: its answer says so, and the audit log.
func TestFailuresHaveACost(t *testing.T) {
	h := newHandler(t, quick, engine(t))
	records := &recorder{}
	h.deps.Audit = records
	w := run(h, "SELECT sum(toUInt8(path)) FROM events")
	if w.Code != 422 || !strings.Contains(w.Header().Get(headerCost), "cpu_seconds") {
		t.Errorf("%d, cost %q: %s", w.Code, w.Header().Get(headerCost), w.Body)
	}
	if len(records.list) != 1 || records.list[0].Outcome != "query_error" || records.list[0].Cost == nil || records.list[0].Cost.CPUSeconds <= 0 {
		t.Errorf("recorded %+v", records.list)
	}
}

func TestLongAnswerIsCutOff(t *testing.T) {
	w := run(newHandler(t, Config{MaxResult: 1 << 20}, engine(t)), "SELECT arrayJoin(range(1000000))")
	if w.Code != -1 || w.Body.Len() > 1<<20 || w.Body.Len() < prefixSize {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

// TestEngineMessages keeps what a tenant reads when its statement is wrong in a way that only the engine sees.
func TestEngineMessages(t *testing.T) {
	h := newHandler(t, quick, engine(t))
	var out strings.Builder
	for _, q := range []string{
		"SELECT sum(path) FROM events",
		"SELECT e.cuontry FROM events AS e",
		"SELECT path, count() FROM events",
		"SELECT toDate('x')",
		"SELECT toUInt8(path) FROM events",
		"SELECT count() FROM events WHERE path > 1000",
		"SELECT count() FROM events WHERE ts > 'yesterday'",
		"SELECT {x:UInt8}",
		"SELECT 1 AS a UNION ALL SELECT 1, 2",
		"SELECT TOSTRING(1)",
		"SELECT quantile(2)(1)",
		"SELECT intDiv(1, 0)",
		"SELECT a.path FROM events AS a JOIN events AS b",
		"SELECT 1,",
		"SELECT x.path FROM (SELECT 1 AS x)",
		"SELECT (SELECT path FROM events)",
		"SELECT arrayMap(x -> y, [1])",
		"WITH x AS (SELECT nope FROM events) SELECT 1 FROM x",
	} {
		w := run(h, q)
		if w.Code == 200 {
			fmt.Fprintf(&out, "%s\n    runs\n", q)
			continue
		}
		p := problemIn(t, w)
		fmt.Fprintf(&out, "%s\n    %d %s: %s\n", q, w.Code, p.Code, p.Detail)
		for _, secret := range []string{"weir.events", "WITH events AS", "tenant", "t_acme", "__table"} {
			if strings.Contains(p.Detail, secret) {
				t.Errorf("%s: %q gives away %q", q, p.Detail, secret)
			}
		}
	}
	golden(t, "messages.golden", out.String())
}

// TestIndexIsUsed makes sure that a condition of a tenant's statement reaches the table's key through our relation.
func TestIndexIsUsed(t *testing.T) {
	c := engine(t)
	checked, err := NewGuard().Check("SELECT count() FROM events WHERE ts >= '2026-03-09 10:00:00' AND ts < '2026-03-09 11:00:00'", Scope{Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	plan := strings.Join(testkit.Rows(t, c, "EXPLAIN indexes = 1 "+checked.SQL), "\n")
	for _, want := range []string{"PrimaryKey", "toStartOfHour(ts) in", "tenant in ['acme', 'acme']"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
		}
	}
}

func TestCancelReachesTheEngine(t *testing.T) {
	c := engine(t)
	h := newHandler(t, Config{MaxTime: time.Minute}, c)
	ctx, cancel := context.WithCancel(context.Background())
	checked, err := h.guard.Check("SELECT count() FROM events AS a, events AS b, events AS c, (SELECT arrayJoin(range(1000)) AS x) AS d WHERE cityHash64(a.path, b.url, c.host, x) = 1", Scope{Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		res, err := c.Query(ctx, clickhouse.Statement{SQL: checked.SQL, Settings: h.settings, Tenant: "acme", Format: "JSON"})
		if err == nil {
			_, err = res.Body.Read(make([]byte, 1))
			_ = res.Body.Close()
		}
		done <- err
	}()
	running := func() string {
		return testkit.Rows(t, c, "SELECT count() FROM system.processes WHERE query LIKE '%cityHash64(a.path%' AND query NOT LIKE '%system.processes%'")[0]
	}
	waitFor(t, func() bool { return running() != "0" })
	cancel()
	if err := <-done; err == nil {
		t.Error("a cancelled query has no error")
	}
	waitFor(t, func() bool { return running() == "0" })
	if diff := cmp.Diff("0", running()); diff != "" {
		t.Error(diff)
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in 10 s")
		}
	}
}
