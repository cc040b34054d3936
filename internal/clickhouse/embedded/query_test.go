package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
)

func TestQuery(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()
	t.Run("formats", func(t *testing.T) { testFormats(t, c) })
	t.Run("heads", func(t *testing.T) { testHeads(t, c) })
	t.Run("json", func(t *testing.T) { testJSON(t, c) })
	t.Run("params", func(t *testing.T) { testParams(t, c) })
	t.Run("settings", func(t *testing.T) { testSettings(t, c) })
	t.Run("errors", func(t *testing.T) { testErrors(t, c) })
	t.Run("late error", func(t *testing.T) { testLateError(t, c) })
	t.Run("cancel", func(t *testing.T) { testCancel(t, c) })
	t.Run("cost", func(t *testing.T) { testCost(t, c) })
	t.Run("memory", func(t *testing.T) { testMemory(t, c) })
	t.Run("one statement", func(t *testing.T) { testOneStatement(t, c) })
	t.Run("protocol", func(t *testing.T) { testProtocol(t, e) })
}

func testFormats(t *testing.T, c *clickhouse.Client) {
	const sql = "SELECT number AS n, toString(number) AS s FROM numbers(2)"
	for format, want := range map[string]string{
		"TSV":                        "0\t0\n1\t1\n",
		"CSV":                        "0,\"0\"\n1,\"1\"\n",
		"CSVWithNames":               "\"n\",\"s\"\n0,\"0\"\n1,\"1\"\n",
		"TabSeparatedWithNames":      "n\ts\n0\t0\n1\t1\n",
		"JSONEachRow":                "{\"n\":0,\"s\":\"0\"}\n{\"n\":1,\"s\":\"1\"}\n",
		"JSONCompactEachRow":         "[0, \"0\"]\n[1, \"1\"]\n",
		"RowBinary":                  "\x00\x00\x00\x00\x00\x00\x00\x00\x010\x01\x00\x00\x00\x00\x00\x00\x00\x011",
		"Native":                     "\x02\x02\x01n\x06UInt64\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01s\x06String\x010\x011",
		"Values":                     "(0,'0'),(1,'1')",
		"RowBinaryWithNamesAndTypes": "\x02\x01n\x01s\x06UInt64\x06String\x00\x00\x00\x00\x00\x00\x00\x00\x010\x01\x00\x00\x00\x00\x00\x00\x00\x011",
	} {
		got, sum := one(t, c, clickhouse.Statement{SQL: sql, Format: format})
		if got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
		if sum.ResultRows != 2 || sum.ReadRows != 2 || sum.Elapsed <= 0 || sum.CPU <= 0 {
			t.Errorf("%s: summary %+v", format, sum)
		}
		// A FORMAT clause beats the format asked for; an answer of many pieces is whole.
		got, _ = one(t, c, clickhouse.Statement{SQL: sql + " FORMAT " + format, Format: "JSON"})
		if got != want {
			t.Errorf("FORMAT %s: %q, want %q", format, got, want)
		}
	}
	for _, format := range []string{"TSV", "CSVWithNames", "JSONCompactEachRow", "JSON", "Values"} {
		got, sum := one(t, c, clickhouse.Statement{SQL: "SELECT number FROM numbers(300000)", Format: format})
		if n := strings.Count(got, "299999"); n != 1 || sum.ResultRows != 300000 {
			t.Errorf("%s: the last row is there %d times, %+v", format, n, sum)
		}
		if n := strings.Count(got, "\n"); format != "Values" && (n < 300000 || n > 1_000_000) {
			t.Errorf("%s: %d lines", format, n)
		}
		if n := strings.Count(got, `"number"`); format == "CSVWithNames" && n != 1 {
			t.Errorf("%s: %d heads", format, n)
		}
	}
}

// testHeads: an answer of many pieces has its names once, and is the answer without them with the names in front.
func testHeads(t *testing.T, c *clickhouse.Client) {
	const sql = "SELECT number AS `first \"name\"`, toString(number) AS s FROM numbers(150000)"
	for format, head := range map[string]string{
		"CSV WithNames": "\"first \"\"name\"\"\",\"s\"\n", "CSV WithNamesAndTypes": "\"first \"\"name\"\"\",\"s\"\n\"UInt64\",\"String\"\n",
		"TSV WithNames": "first \"name\"\ts\n", "TabSeparated WithNamesAndTypes": "first \"name\"\ts\nUInt64\tString\n",
		"JSONCompactEachRow WithNames": "[\"first \\\"name\\\"\", \"s\"]\n", "JSONCompactStringsEachRow WithNamesAndTypes": "[\"first \\\"name\\\"\", \"s\"]\n[\"UInt64\", \"String\"]\n",
		"RowBinary WithNames": "\x02\x0cfirst \"name\"\x01s", "RowBinary WithNamesAndTypes": "\x02\x0cfirst \"name\"\x01s\x06UInt64\x06String",
	} {
		plain, _, _ := strings.Cut(format, " ")
		rows, _ := one(t, c, clickhouse.Statement{SQL: sql, Format: plain})
		got, sum := one(t, c, clickhouse.Statement{SQL: sql, Format: strings.ReplaceAll(format, " ", "")})
		if got != head+rows || sum.ResultRows != 150000 {
			t.Errorf("%s: %d bytes from %.80q, want %d, %d rows", format, len(got), got, len(head)+len(rows), sum.ResultRows)
		}
		got, _ = one(t, c, clickhouse.Statement{SQL: sql + " WHERE number < 0", Format: strings.ReplaceAll(format, " ", "")})
		if got != head {
			t.Errorf("%s without rows: %q", format, got)
		}
	}
}

func testJSON(t *testing.T, c *clickhouse.Client) {
	type doc struct {
		Meta       []struct{ Name, Type string }
		Data       []map[string]any
		Rows       int
		Totals     map[string]any
		Statistics struct {
			RowsRead int `json:"rows_read"`
		}
	}
	for sql, want := range map[string]doc{
		"SELECT number FROM numbers(200000)":                                     {Rows: 200000},
		"SELECT number FROM numbers(10) WHERE number > 10":                       {Rows: 0},
		"SELECT '\n\t],\n\n\t\"rows\": 5' AS x, [1,2] AS y":                      {Rows: 1},
		"SELECT map('a', [(1, '\n')]) AS x":                                      {Rows: 1},
		"SELECT number % 3 AS k, count() FROM numbers(9) GROUP BY k WITH TOTALS": {Rows: 3, Totals: map[string]any{"k": 0.0, "count()": 9.0}},
	} {
		if got, _ := one(t, c, clickhouse.Statement{SQL: sql, Format: "JSONCompact"}); !json.Valid([]byte(got)) {
			t.Errorf("%s: JSONCompact: %.300s", sql, got)
		}
		got, sum := one(t, c, clickhouse.Statement{SQL: sql, Format: "JSON"})
		var d doc
		if err := json.Unmarshal([]byte(got), &d); err != nil {
			t.Errorf("%s: %v in %.300s", sql, err, got)
			continue
		}
		if d.Rows != want.Rows || len(d.Data) != want.Rows || len(d.Meta) == 0 || d.Statistics.RowsRead != int(sum.ReadRows) {
			t.Errorf("%s: %d rows, %d in data, meta %v, statistics %+v", sql, d.Rows, len(d.Data), d.Meta, d.Statistics)
		}
		if diff := cmp.Diff(want.Totals, d.Totals); diff != "" {
			t.Errorf("%s: totals %s", sql, diff)
		}
	}
}

func testParams(t *testing.T, c *clickhouse.Client) {
	got, _ := one(t, c, clickhouse.Statement{
		SQL:    "SELECT {n:UInt32} + 1, {s:String}, {a:Array(String)}, {d:DateTime}, {i:Identifier} FROM (SELECT 5 AS col)",
		Params: map[string]string{"n": "41", "s": `it's "x" \\ \n \t; DROP`, "a": "['a','b']", "d": "2025-01-02 03:04:05", "i": "col"}, Format: "JSONCompactEachRow",
	})
	if want := `[42, "it's \"x\" \\ \n \t; DROP", ["a","b"], "2025-01-02 03:04:05", 5]` + "\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT {n:UInt8}", Params: map[string]string{"n": "x"}})
	wantCode(t, err, 457)
	_, err = c.Exec(ctx, clickhouse.Statement{SQL: "SELECT {n:UInt8}"})
	wantCode(t, err, 456) // and not the value of the statement before
}

func wantCode(t *testing.T, err error, codes ...int) {
	t.Helper()
	var e *clickhouse.Error
	if !errors.As(err, &e) {
		t.Errorf("error %v, want one with code %d", err, codes)
		return
	}
	for _, code := range codes {
		if e.Code == code && e.Status/100 == 4 && e.Name != "" && e.Message != "" {
			return
		}
	}
	t.Errorf("error %+v, want code %d and status 4xx", e, codes)
}

func testSettings(t *testing.T, c *clickhouse.Client) {
	get := func(settings map[string]string) string {
		t.Helper()
		got, _ := one(t, c, clickhouse.Statement{SQL: "SELECT getSetting('max_threads'), getSetting('max_block_size'), getSetting('join_use_nulls')", Settings: settings})
		return strings.TrimSpace(got)
	}
	plain := get(nil)
	if got := get(map[string]string{"max_threads": "7", "join_use_nulls": "1"}); got != "7\t65409\ttrue" {
		t.Errorf("set: %s", got)
	}
	if got := get(map[string]string{"max_block_size": "100"}); !strings.HasSuffix(got, "\t100\tfalse") {
		t.Errorf("another set: %s", got)
	}
	if got := get(nil); got != plain {
		t.Errorf("settings stayed: %s, at first %s", got, plain)
	}
	_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT 1", Settings: map[string]string{"no_such_setting": "1"}})
	wantCode(t, err, clickhouse.CodeUnknownSetting)
	_, err = c.Exec(ctx, clickhouse.Statement{SQL: "SELECT 1", Settings: map[string]string{"max_threads = 1, readonly": "1"}})
	wantCode(t, err, clickhouse.CodeUnknownSetting)
	_, err = c.Exec(ctx, clickhouse.Statement{SQL: "SELECT 1", Settings: map[string]string{"max_threads": "1', join_use_nulls='1"}})
	wantCode(t, err, 27)
}

func testErrors(t *testing.T, c *clickhouse.Client) {
	for sql, code := range map[string]int{
		"SELEC 1":                 clickhouse.CodeSyntaxError,
		"":                        clickhouse.CodeSyntaxError,
		"SELECT nope":             clickhouse.CodeUnknownIdentifier,
		"SELECT * FROM nope":      clickhouse.CodeUnknownTable,
		"SELECT * FROM nope.nope": clickhouse.CodeUnknownDatabase,
		"SELECT nope(1)":          46,
		"SELECT 1 + 'a'":          43,
		"SELECT toUInt8('x')":     6,
		"SELECT throwIf(1)":       395,
		"SELECT 1 FORMAT Nope":    73,
		"SELECT sum(number) FROM numbers(1e9) SETTINGS max_rows_to_read = 1000": clickhouse.CodeTooManyRows,
		"SELECT count() FROM numbers(1e12) SETTINGS max_execution_time = 0.1":   clickhouse.CodeTimeoutExceeded,
		"SELECT number FROM numbers(1000) SETTINGS max_result_rows = 10":        396,
	} {
		_, err := c.Exec(ctx, clickhouse.Statement{SQL: sql, Format: "JSONCompactEachRow"})
		t.Run(sql, func(t *testing.T) { wantCode(t, err, code) })
		if got := value(t, c, "SELECT 1"); got != "1" {
			t.Errorf("after %s: %q", sql, got)
		}
	}
	_, err := c.Exec(ctx, clickhouse.Statement{SQL: "CREATE TABLE default.x (a UInt8) ENGINE = NoSuchEngine"})
	wantCode(t, err, 56)
}

func testLateError(t *testing.T, c *clickhouse.Client) {
	for _, format := range []string{"TSV", "JSON", "RowBinary"} {
		res, err := c.Query(ctx, clickhouse.Statement{SQL: "SELECT number, throwIf(number = 2000000, 'late') FROM numbers(3000000)", Format: format, Settings: map[string]string{"max_threads": "1"}})
		if err != nil {
			t.Fatalf("%s: %v: the error came before the first byte", format, err)
		}
		b, err := io.ReadAll(res.Body)
		wantLate(t, err)
		if len(b) < 1_000_000 || strings.Contains(string(b), "__exception__") {
			t.Errorf("%s: %d bytes before the error", format, len(b))
		}
		res.Body.Close()
	}
}

func wantLate(t *testing.T, err error) {
	t.Helper()
	var e *clickhouse.Error
	if !errors.As(err, &e) || e.Code != 395 || !strings.HasPrefix(e.Message, "late") {
		t.Errorf("error %v", err)
	}
}

func testCancel(t *testing.T, c *clickhouse.Client) {
	for name, s := range map[string]clickhouse.Statement{
		"before the first byte": {SQL: "SELECT sum(sipHash64(number)) FROM numbers(1e12)"},
		"made in one":           {SQL: "SELECT sum(sipHash64(number)) FROM numbers(1e12)", Format: "Values"},
		"a tenant's":            {SQL: "SELECT sum(sipHash64(number)) FROM numbers(1e12)", Tenant: "acme"},
		"without an answer":     {SQL: "CREATE TABLE default.big ENGINE = Memory AS SELECT sum(sipHash64(number)) FROM numbers(1e12)"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { _, err := c.Exec(ctx, s); done <- err }()
			waitRunning(t, c)
			begin := time.Now()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			waitIdle(t, c)
			t.Logf("gone after %v", time.Since(begin)) // 200 ms on an idle machine; by itself it would not end
		})
	}
	t.Run("while it is read", func(t *testing.T) {
		res, err := c.Query(ctx, clickhouse.Statement{SQL: "SELECT number FROM numbers(1e12)", Format: "JSONEachRow"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, res.Body, 10<<20); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		res.Body.Close()
		waitIdle(t, c)
		t.Logf("gone after %v", time.Since(begin))
	})
}

func waitRunning(t *testing.T, c *clickhouse.Client) {
	t.Helper()
	waitFor(t, "the start of the statement", time.Minute, func() bool {
		return value(t, c, "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%system.processes%'") != "0"
	})
}

func testCost(t *testing.T, c *clickhouse.Client) {
	for _, format := range []string{"JSON", "JSONCompactEachRow", "CSVWithNames"} {
		_, sum := one(t, c, clickhouse.Statement{SQL: "SELECT uniqExact(sipHash64(number)) FROM numbers(10000000)", Format: format})
		if sum.CPU < 50*time.Millisecond || sum.CPU > time.Minute || sum.PeakMemory < 50<<20 || sum.ReadRows != 10_000_000 || sum.ReadBytes != 80_000_000 || sum.ResultRows != 1 {
			t.Errorf("%s: %+v", format, sum)
		}
	}
	mustExec(t, c, "CREATE TABLE default.cost (a UInt64) ENGINE = MergeTree ORDER BY a")
	sum := mustExec(t, c, "INSERT INTO default.cost SELECT number FROM numbers(1000)")
	if sum.WrittenRows != 1000 || sum.WrittenBytes != 8000 || sum.ReadRows != 1000 {
		t.Errorf("insert: %+v", sum)
	}
}

func testMemory(t *testing.T, c *clickhouse.Client) {
	other := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT sum(sipHash64(number)) FROM numbers(20000000)"})
		other <- err
	}()
	_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT groupArray(toString(number)) FROM numbers(1e9) FORMAT Null", Settings: map[string]string{"max_memory_usage": "100000000"}})
	wantCode(t, err, clickhouse.CodeMemoryLimitExceeded)
	if err := <-other; err != nil {
		t.Errorf("the statement beside it: %v", err)
	}
}

// TestMemoryOfAll: who reads that "(total)" is used up knows that it need not be the statement's own limit.
func TestMemoryOfAll(t *testing.T) {
	cfg := testConfig(t)
	cfg.Engine.MemoryLimit = 700 << 20
	c := startEngine(t, cfg).Client()
	_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT groupArray(toString(number)) FROM numbers(1e9) FORMAT Null", Settings: map[string]string{"max_memory_usage": "20000000000"}})
	wantCode(t, err, clickhouse.CodeMemoryLimitExceeded)
	if !strings.Contains(err.Error(), "(total)") {
		t.Errorf("the engine's memory is used up: %v", err)
	}
	_, err = c.Exec(ctx, clickhouse.Statement{SQL: "SELECT groupArray(toString(number)) FROM numbers(1e9) FORMAT Null", Settings: map[string]string{"max_memory_usage": "100000000"}})
	if wantCode(t, err, clickhouse.CodeMemoryLimitExceeded); strings.Contains(err.Error(), "(total)") {
		t.Errorf("the statement's own memory is used up: %v", err)
	}
}

func testOneStatement(t *testing.T, c *clickhouse.Client) {
	for _, sql := range []string{"SELECT 1; SELECT 2", "SELECT 1; DROP TABLE default.cost", "SELECT 1;\n\nINSERT INTO default.cost VALUES (1)"} {
		_, err := c.Exec(ctx, clickhouse.Statement{SQL: sql})
		wantCode(t, err, clickhouse.CodeSyntaxError)
	}
	_, err := c.Exec(ctx, clickhouse.Statement{SQL: "INSERT INTO default.cost FORMAT JSONEachRow {\"a\":1}\n\nDROP TABLE default.cost"})
	wantCode(t, err, clickhouse.CodeBadArguments)
	if got := value(t, c, "SELECT count() FROM default.cost"); got != "1000" {
		t.Errorf("%s rows", got)
	}
	for _, sql := range []string{"SELECT 1;", "/* a */ SELECT 1 -- b", "SELECT ';'"} {
		mustExec(t, c, sql)
	}
}

func testProtocol(t *testing.T, e *Engine) {
	hc := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(e.Endpoint(), "unix://"))
	}}}
	get := func(method, path string, head map[string]string) (*http.Response, string) {
		t.Helper()
		req, _ := http.NewRequest(method, "http://engine"+path, nil)
		for k, v := range head {
			req.Header.Set(k, v)
		}
		resp, err := hc.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	if _, body := get("GET", "/ping", nil); body != "Ok.\n" {
		t.Errorf("ping: %q", body)
	}
	resp, body := get("GET", "/?query=SELECT+1&query_id=abc", map[string]string{"X-ClickHouse-Format": "JSONCompactEachRow"})
	if body != "[1]\n" || resp.Header.Get("X-ClickHouse-Query-Id") != "abc" || resp.Header.Get("X-ClickHouse-Format") != "JSONCompactEachRow" ||
		!strings.Contains(resp.Header.Get("X-ClickHouse-Summary"), `"read_rows":"1"`) {
		t.Errorf("get: %q %v", body, resp.Header)
	}
	resp, body = get("GET", "/?query=SELECT+nope", nil)
	if resp.StatusCode != 400 && resp.StatusCode != 404 || resp.Header.Get("X-ClickHouse-Exception-Code") != "47" || !strings.HasPrefix(body, "Code: 47. DB::Exception: ") || !strings.Contains(body, "(UNKNOWN_IDENTIFIER)") {
		t.Errorf("error: %d %q", resp.StatusCode, body)
	}
	resp, _ = get("GET", "/?query=SELECT+1&user=somebody", nil)
	if resp.StatusCode != 403 || resp.Header.Get("X-ClickHouse-Exception-Code") != "516" {
		t.Errorf("unknown user: %d", resp.StatusCode)
	}
	if resp, _ = get("DELETE", "/", nil); resp.StatusCode != 405 {
		t.Errorf("DELETE: %d", resp.StatusCode)
	}
	if resp, _ = get("GET", "/x", nil); resp.StatusCode != 404 {
		t.Errorf("/x: %d", resp.StatusCode)
	}
	if resp, body = get("GET", "/?query=SELECT+number,throwIf(number%3D2000000)+FROM+numbers(3000000)&wait_end_of_query=1", nil); resp.StatusCode != 400 {
		t.Errorf("wait_end_of_query: %d %.100s", resp.StatusCode, body)
	}
	for _, q := range []string{"session_id=1", "compress=1", "decompress=1", "role=x", "readonly=2", "profile=x"} {
		if resp, _ = get("GET", "/?query=SELECT+1&"+q, nil); resp.StatusCode != 400 {
			t.Errorf("%s: %d", q, resp.StatusCode)
		}
	}
}

func TestRows(t *testing.T) {
	c := startEngine(t, testConfig(t)).Client()
	var got []string
	sum, err := c.Rows(ctx, clickhouse.Statement{SQL: "SELECT number + 18446744073709551613, 'a', [1.5], NULL, true FROM numbers(2)"}, func(row []any) error {
		got = append(got, fmt.Sprint(row...))
		return nil
	})
	if err != nil || sum.ResultRows != 2 {
		t.Fatal(err, sum)
	}
	if want := []string{"18446744073709551613a[1.5] <nil> true", "18446744073709551614a[1.5] <nil> true"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	stop := errors.New("stop")
	_, err = c.Rows(ctx, clickhouse.Statement{SQL: "SELECT number FROM numbers(1e12)"}, func([]any) error { return stop })
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	waitIdle(t, c)
}
