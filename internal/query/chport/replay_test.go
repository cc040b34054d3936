package chport

import (
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestWire are the bytes that clients look at when they connect.
func TestWire(t *testing.T) {
	p := realPort(t)
	for version, want := range map[string]string{
		"":      "\x01\x01\x05check\x05UInt8\x01",
		"54405": "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x05check\x05UInt8\x01", // clickhouse-connect's probe: bytes 8 to 16
		"54460": "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x05check\x05UInt8\x00\x01",
	} {
		w := do(p, "POST", "/?client_protocol_version="+version, "SELECT 1 AS check FORMAT Native")
		if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/octet-stream" {
			t.Errorf("version %q: %d %q", version, w.Code, w.Body)
		}
	}
	low := "SELECT toLowCardinality('a') AS l FORMAT Native"
	if w := do(p, "POST", "/?client_protocol_version=54404", low); strings.Contains(w.Body.String(), "LowCardinality") || !strings.Contains(w.Body.String(), "\x01l\x06String\x01a") {
		t.Errorf("version 54404: %q", w.Body)
	}
	if w := do(p, "POST", "/?client_protocol_version=54405", low); !strings.Contains(w.Body.String(), "LowCardinality(String)") {
		t.Errorf("version 54405: %q", w.Body)
	}
	if w := do(p, "POST", "/", "SELECT 1 AS a, 'x' AS b FORMAT RowBinaryWithNamesAndTypes"); w.Body.String() != "\x02\x01a\x01b\x05UInt8\x06String\x01\x01x" {
		t.Errorf("RowBinaryWithNamesAndTypes: %q", w.Body)
	}
	w := do(p, "POST", "/?client_protocol_version=54460", "SELECT displayName(), version(), revision(), timezone() FORMAT Native")
	if !strings.Contains(w.Body.String(), "\rdisplayName()\x06String\x00\x04weir\tversion()\x06String\x00\x0825.8.1.1\nrevision()\x06UInt32\x00") {
		t.Errorf("hello: %q", w.Body)
	}
	if w := do(p, "POST", "/?client_protocol_version=54460", "SELECT sumState(1) FORMAT Native"); w.Code != 400 || !strings.Contains(w.Body.String(), "AggregateFunction") {
		t.Errorf("a state: %d %s", w.Code, w.Body)
	}
}

// lines is an answer in TabSeparated.
type lines []string

// TestReplay sends what tools send, as they send it, and reads what they read.
func TestReplay(t *testing.T) {
	p := realPort(t)
	for _, c := range []struct {
		tool, url, sql string
		want           lines // nil: only that it is answered
	}{
		// Grafana's data source: health, editor, and a panel with its macros filled in.
		{"grafana", "database=acme", "SELECT version()", lines{"25.8.1.1"}},
		{"grafana", "database=acme&max_execution_time=60", "SHOW DATABASES", lines{"acme"}},
		{"grafana", "", `SHOW TABLES FROM "acme"`, lines{"events", "rollup_hour_audience", "rollup_hour_page", "rollup_minute", "sessions"}},
		{"grafana", "", `DESC TABLE "acme"."events"`, nil},
		{"grafana", "", "SELECT name, type, table FROM system.columns WHERE database IN ('acme') AND name = 'ts'", lines{`ts	DateTime64(3, \'UTC\')	events`}},
		{"grafana", "", "SELECT DISTINCT arrayJoin(mapKeys(props)) AS keys FROM acme.events LIMIT 1000", lines{}},
		{"grafana", "", `SELECT toStartOfInterval(toDateTime(ts), INTERVAL 60 second) as time, count() as n FROM "acme"."events" WHERE ( ts >= toDateTime64(1773000000, 3) AND ts <= toDateTime64(1773100000, 3) ) GROUP BY time ORDER BY time ASC LIMIT 1000`,
			lines{"2026-03-09 00:00:00\t60", "2026-03-09 00:01:00\t40"}},
		// Metabase, over JDBC.
		{"metabase", "select_sequential_consistency=1&session_timezone=UTC", "SELECT timezone() AS tz", lines{"UTC"}},
		{"metabase", "", "SET ROLE NONE", lines{}},
		{"metabase", "max_result_rows=2000&result_overflow_mode=break", "SELECT `acme`.`events`.`type` AS `type`, COUNT(*) AS `count` FROM `acme`.`events` GROUP BY `acme`.`events`.`type` ORDER BY `acme`.`events`.`type` ASC", lines{"click\t50", "view\t50"}},
		// The Java client.
		{"java", "", "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1", lines{"acme\tUTC\t25.8.1.1"}},
		{"java", "", "SELECT version() as server_version", lines{"25.8.1.1"}},
		{"java", "", "SELECT 1 FORMAT TabSeparated", lines{"1"}},
		{"java", "", "SELECT name AS TABLE_SCHEM, '' AS TABLE_CATALOG FROM system.databases ORDER BY name", lines{"acme\t"}},
		// clickhouse-connect, SQLAlchemy, Superset.
		{"python", "", "SELECT version(), timezone()", lines{"25.8.1.1\tUTC"}},
		{"python", "", "SELECT name, value, readonly FROM system.settings LIMIT 10000", nil},
		{"superset", "", "SELECT currentDatabase()", lines{"acme"}},
		{"superset", "", "SHOW TABLES FROM `acme`", lines{"events", "rollup_hour_audience", "rollup_hour_page", "rollup_minute", "sessions"}},
		{"superset", "", "DESCRIBE TABLE `acme`.`events`", nil},
		{"superset", "", "SELECT engine, engine_full, comment FROM system.tables WHERE database = 'acme' AND name = 'events'", nil},
		// clickhouse-go before an insert, and its database/sql ping.
		{"go", "", "DESCRIBE TABLE events", nil},
		{"go", "", "SELECT 1", lines{"1"}},
		// @clickhouse/client
		{"node", "", "SELECT 'ping'", lines{"ping"}},
	} {
		w := do(p, "POST", "/?"+c.url, c.sql, "User-Agent", c.tool)
		got := slices.DeleteFunc(strings.Split(w.Body.String(), "\n"), func(s string) bool { return s == "" })
		if w.Code != 200 || c.want != nil && !slices.Equal(got, c.want) || strings.Contains(w.Body.String(), "CaNaRy") {
			t.Errorf("%s: %s\n  %d %q, want %q", c.tool, c.sql, w.Code, got, c.want)
		}
		if c.want == nil && len(got) == 0 {
			t.Errorf("%s: %s: nothing", c.tool, c.sql)
		}
	}
	statements, err := os.ReadFile("testdata/jdbc.sql") // getTables and getColumns of the JDBC driver 0.10.0
	if err != nil {
		t.Fatal(err)
	}
	for sql := range strings.Lines(string(statements)) {
		if w := do(p, "POST", "/", sql); w.Code != 200 || !strings.Contains(w.Body.String(), "acme\tevents\t") {
			t.Errorf("%.60s: %d %.300s", sql, w.Code, w.Body)
		}
	}
	// seven columns, as clickhouse-go reads them
	w := do(p, "GET", "/?query="+url.QueryEscape("DESCRIBE TABLE events FORMAT JSON"), "")
	var doc struct{ Meta []struct{ Name string } }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var cols []string
	for _, m := range doc.Meta {
		cols = append(cols, m.Name)
	}
	if want := []string{"name", "type", "default_type", "default_expression", "comment", "codec_expression", "ttl_expression"}; !slices.Equal(cols, want) {
		t.Errorf("DESCRIBE has %v", cols)
	}
}

// TestEngineErrors are a caller's mistakes, with the codes that clients know.
func TestEngineErrors(t *testing.T) {
	p := realPort(t)
	for _, c := range []struct {
		url, sql     string
		status, code int
		text         string
	}{
		{"/", "SELECT * FROM nothing", 404, codeUnknownTable, "nothing"},
		{"/", "SELECT * FROM victim.events", 404, 0, "victim"},
		{"/", "SELECT nothing FROM events", 404, codeUnknownIdentifier, "nothing"},
		{"/", "SELECT nofunction(1)", 404, codeUnknownFunction, "nofunction"},
		{"/", "SELEC 1", 400, codeSyntax, ""},
		{"/", "SELECT 1 +", 400, codeSyntax, ""},
		{"/", "SELECT 1; SELECT 2", 400, codeDisabled, "one statement"},
		{"/", "SELECT 1 FORMAT Nix", 404, codeUnknownFormat, "Nix"},
		{"/", "SELECT 1 FORMAT Template", 404, codeUnknownFormat, "Template"},
		{"/", "SELECT (SELECT 1 SETTINGS max_threads=1)", 400, codeConstraint, "max_threads"},
		{"/", "SHOW SETTINGS LIKE 'x'", 403, codeAccessDenied, "SHOW SETTINGS"},
		{"/", "SELECT toUInt8('x')", 400, 6, ""},
		{"/", "SELECT {x:UInt8}", 400, 0, "x"},
		{"/?param_x=abc", "SELECT {x:UInt8}", 400, 0, "x"},
		{"/?max_execution_time=0.05", "SELECT max(sipHash64(a.x, b.y)) FROM (SELECT arrayJoin(range(100000)) AS x) AS a CROSS JOIN (SELECT arrayJoin(range(100000)) AS y) AS b", 400, codeTimeout, "max_execution_time = 0.05"},
		{"/?max_result_rows=10", "SELECT arrayJoin(range(1000))", 400, codeTooManyRowsOrBytes, "max_result_rows = 10"},
		{"/?max_rows_to_read=10", "SELECT * FROM events", 400, codeTooManyRows, "max_rows_to_read = 10"},
		{"/?max_bytes_to_read=10", "SELECT * FROM events", 400, codeTooManyBytes, "max_bytes_to_read = 10"},
		{"/?max_memory_usage=5000000", "SELECT groupArray(toString(x)) FROM (SELECT arrayJoin(range(1000000)) AS x)", 400, codeMemory, "max_memory_usage"},
		{"/?session_timezone=Nowhere/City", "SELECT 1", 400, 0, ""},
		{"/?output_format_json_quote_64bit_integers=maybe", "SELECT 1", 400, 0, ""},
	} {
		w := do(p, "POST", c.url, c.sql)
		code := c.code
		if code == 0 || names[code] == "" {
			if w.Code != c.status || !strings.HasPrefix(w.Body.String(), "Code: ") || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("%s %s: %d %s", c.url, c.sql, w.Code, w.Body)
			}
			continue
		}
		wantException(t, c.url+" "+c.sql, w, c.status, c.code, c.text)
	}
	if w := do(p, "POST", "/", "SELECT sum(toUInt8(path)) FROM events"); w.Code != 400 || !strings.Contains(w.Header().Get("X-Weir-Cost"), "cpu_seconds") {
		t.Errorf("what failed has no cost: %d %v", w.Code, w.Header())
	}
	// With break the answer ends where the limit is, as ClickHouse does it: at the end of a block.
	if w := do(p, "POST", "/?max_result_rows=10&result_overflow_mode=break", "SELECT x FROM (SELECT arrayJoin(range(60000)) AS x) AS a CROSS JOIN (SELECT arrayJoin(range(10)) AS y) AS b"); w.Code != 200 || strings.Count(w.Body.String(), "\n") < 10 || strings.Count(w.Body.String(), "\n") >= 600_000 {
		t.Errorf("break: %d, %d rows", w.Code, strings.Count(w.Body.String(), "\n"))
	}
	for _, c := range []struct{ url, sql, want string }{
		{"/?database=system", "SELECT name FROM tables WHERE name = 'events'", "events\n"},
		{"/?database=Information_Schema", "SELECT DISTINCT table_name FROM columns WHERE column_name = 'path' AND table_name = 'events'", "events\n"},
		{"/?query_id=it's%5C1", "SELECT queryID(), initialQueryID() = queryID()", "it\\'s\\\\1\t1\n"},
		{"/", "DESCRIBE TABLE system.one SETTINGS describe_compact_output=1", "dummy\tUInt8\n"},
		{"/?describe_compact_output=true", "DESCRIBE (SELECT 1 AS a)", "a\tUInt8\n"},
		{"/?describe_compact_output=0", "DESCRIBE (SELECT 1 AS a)", "a\tUInt8\t\t\t\t\t\n"},
	} {
		if w := do(p, "POST", c.url, c.sql); w.Code != 200 || w.Body.String() != c.want {
			t.Errorf("%s %s: %d %q, want %q", c.url, c.sql, w.Code, w.Body, c.want)
		}
	}
	if w := do(p, "POST", "/?session_timezone=Asia/Tokyo", "SELECT toDateTime(0)"); w.Body.String() != "1970-01-01 09:00:00\n" {
		t.Errorf("session_timezone: %s", w.Body)
	}
}
