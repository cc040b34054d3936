package query

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
	"weir/internal/tenant"
	"weir/internal/token"
)

const engineJSON = "{\n\t\"meta\":\n\t[\n\t\t{\"name\": \"n\", \"type\": \"UInt8\"}\n\t],\n\n\t\"data\":\n\t[\n\t\t{\"n\": 1}\n\t],\n\n\t\"rows\": 1,\n\n\t\"statistics\":\n\t{\n\t\t\"elapsed\": 0.001,\n\t\t\"rows_read\": 1,\n\t\t\"bytes_read\": 1\n\t}\n}\n"

func TestAnswerHasAsOfAndCost(t *testing.T) {
	e := &fakeEngine{body: engineJSON}
	w := post(newHandler(t, Config{MaxThreads: 3}, e), analyst, `{"sql": "SELECT 1 AS n"}`)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	want := map[string]any{
		"meta": []any{map[string]any{"name": "n", "type": "UInt8"}}, "data": []any{map[string]any{"n": 1.0}}, "rows": 1.0,
		"statistics": map[string]any{"elapsed": 0.001, "rows_read": 1.0, "bytes_read": 1.0},
		"as_of":      "2026-03-10T12:00:00.000Z",
		"cost":       map[string]any{"amount": 0.0, "currency": "", "cpu_seconds": 1.5, "memory_bytes": 33.0, "rows_read": 11.0, "bytes_read": 22.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got): %s", diff)
	}
	st := e.got[0]
	if st.Tenant != "acme" || st.Format != "JSON" || st.Settings["max_execution_time"] != "15" || st.Settings["max_threads"] != "3" || !strings.Contains(st.SQL, "tenant = 'acme'") {
		t.Errorf("statement %+v", st)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get(headerCost) == "" || w.Header().Get(headerAsOf) != "2026-03-10T12:00:00.000Z" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ body, format, contentType string }{
		{`{"sql":"SELECT 1","format":"CSV"}`, "CSV", "text/csv; charset=utf-8; header=absent"},
		{`{"sql":"SELECT 1","format":"csvwithnames"}`, "CSVWithNames", "text/csv; charset=utf-8; header=present"},
		{`{"sql":"SELECT 1","format":"Parquet"}`, "Parquet", "application/vnd.apache.parquet"},
		{`{"sql":"SELECT 1","format":"ArrowStream"}`, "ArrowStream", "application/vnd.apache.arrow.stream"},
		{`{"sql":"SELECT 1","format":"JSONEachRow"}`, "JSONEachRow", "application/x-ndjson"},
		{`{"sql":"SELECT 1 FORMAT TSV"}`, "TSV", "text/tab-separated-values; charset=utf-8"},
		{`{"sql":"SELECT 1 FORMAT TSV","format":"CSV"}`, "CSV", "text/csv; charset=utf-8; header=absent"},
	} {
		e := &fakeEngine{body: "body"}
		w := post(newHandler(t, Config{}, e), analyst, c.body)
		if w.Code != 200 || w.Body.String() != "body" || e.got[0].Format != c.format || w.Header().Get("Content-Type") != c.contentType {
			t.Errorf("%s: %d %q as %s, %s", c.body, w.Code, w.Body, e.got[0].Format, w.Header().Get("Content-Type"))
		}
	}
}

func TestRequestProblems(t *testing.T) {
	for _, c := range []struct {
		body   string
		status int
		code   string
		field  string
	}{
		{``, 400, "malformed_json", ""},
		{`[]`, 400, "malformed_json", ""},
		{`{"sql":"SELECT 1"`, 400, "malformed_json", ""},
		{`{"sql":"SELECT 1"} x`, 400, "malformed_json", ""},
		{`{}`, 422, "missing_field", "sql"},
		{`{"sql":"  "}`, 422, "missing_field", "sql"},
		{`{"sql":1}`, 422, "wrong_type", "sql"},
		{`{"query":"SELECT 1"}`, 422, "unknown_field", "query"},
		{`{"sql":"SELECT 1","SQL":"SELECT 2"}`, 422, "unknown_field", "SQL"},
		{`{"sql":"SELECT 1","sql":"SELECT 2"}`, 422, "duplicate_field", "sql"},
		{`{"sql":"SELECT 1","max_cost":0}`, 422, "bad_bound", "max_cost"},
		{`{"sql":"SELECT 1","max_cost":"x"}`, 422, "wrong_type", "max_cost"},
		{`{"sql":"SELECT 1","max_bytes":-1}`, 422, "bad_bound", "max_bytes"},
		{`{"sql":"SELECT 1","dry_run":1}`, 422, "wrong_type", "dry_run"},
		{`{"sql":"SELECT 1","as_of":"???"}`, 422, "bad_token", "as_of"},
		{`{"sql":"SELECT 1","format":"Native"}`, 422, "unknown_format", "format"},
		{`{"sql":"SELECT 1 FORMAT Native"}`, 422, "unknown_format", "sql"},
		{`{"sql":"SELECT 1","params":{"a b":1}}`, 422, "bad_parameter", "params.a b"},
		{`{"sql":"SELECT 1","params":{"p0":1` + manyParams(1000) + `}}`, 422, "bad_parameter", "params"},
		{`{"sql":"SELECT 1","params":{"a":{}}}`, 422, "bad_parameter", "params.a"},
		{`{"sql":"SELECT 1","min_token":"???"}`, 422, "bad_token", "min_token"},
		{`{"sql":"SELECT sleep(1)"}`, 400, "query_refused", "sql"},
		{`{"sql":"SELEC 1"}`, 400, "query_syntax", "sql"},
		{`{"sql":"SELECT '` + strings.Repeat("x", MaxText) + `'"}`, 413, "query_too_long", "sql"},
		{`{"sql":"` + strings.Repeat("x", maxBody) + `"}`, 413, "body_too_large", ""},
	} {
		e := &fakeEngine{body: engineJSON}
		w := post(newHandler(t, Config{}, e), analyst, c.body)
		p := problemIn(t, w)
		if w.Code != c.status || p.Code != c.code || p.Field != c.field || len(e.got) > 0 || strings.Contains(p.Detail, "Go ") {
			t.Errorf("%.80s: %d %s %q (%s), want %d %s %q", c.body, w.Code, p.Code, p.Field, p.Detail, c.status, c.code, c.field)
		}
	}
	for body, want := range map[string]string{ // bytes that encoding/json would replace, and run another statement
		"{\"sql\":\"SELECT '\xff\xfe'\"}":                            "byte 0xff at offset 16",
		"{\"sql\":\"SELECT 'é\xc3'\"}":                               "byte 0xc3 at offset 18",
		"{\"sql\":\"SELECT 1\",\"params\":{\"a\":\"\xed\xa0\x80\"}}": "byte 0xed at offset 33",
	} {
		e := &fakeEngine{body: engineJSON}
		w := post(newHandler(t, Config{}, e), analyst, body)
		if p := problemIn(t, w); w.Code != 400 || p.Code != "malformed_json" || !strings.Contains(p.Detail, "UTF-8: "+want+";") || len(e.got) > 0 {
			t.Errorf("%q: %d %s %q, %d statements", body, w.Code, p.Code, p.Detail, len(e.got))
		}
	}
	if w := post(newHandler(t, Config{}, &fakeEngine{body: engineJSON}), analyst, `{"sql":"SELECT 'é\ufffd�'"}`); w.Code != 200 {
		t.Errorf("U+FFFD as such: %d %s", w.Code, w.Body)
	}
	for coding, status := range map[string]int{"gzip": 415, "ZSTD": 415, "identity, gzip": 415, "identity": 200, "": 200} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader(`{"sql":"SELECT 1"}`))
		r.Header.Set("Content-Encoding", coding)
		w := httptest.NewRecorder()
		newHandler(t, Config{}, &fakeEngine{body: engineJSON}).ServeHTTP(w, r.WithContext(tenant.With(r.Context(), analyst)))
		if w.Code != status {
			t.Errorf("Content-Encoding %q: %d %s", coding, w.Code, w.Body)
		} else if status == 415 {
			if p := problemIn(t, w); p.Code != "unsupported_encoding" || p.Field != "Content-Encoding" || !strings.Contains(p.Detail, "without this header") {
				t.Errorf("Content-Encoding %q: %+v", coding, p)
			}
		}
	}
	if w := post(newHandler(t, Config{}, &fakeEngine{body: engineJSON}), analyst, `{"sql":"SELECT 1","max_cost":null,"dry_run":false}`); w.Code != 200 {
		t.Errorf("empty fields: %d %s", w.Code, w.Body)
	}
}

func TestWhoMayAsk(t *testing.T) {
	for _, c := range []struct {
		who  tenant.Principal
		want int
	}{
		{analyst, 200},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin}, 200},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator}, 200},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer}, 403},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleWriter}, 403},
		{tenant.Principal{Role: tenant.RoleOperator}, 200}, // across tenants
		{tenant.Principal{Role: tenant.RoleAdmin}, 422},
	} {
		if w := post(newHandler(t, Config{}, &fakeEngine{body: engineJSON}), c.who, `{"sql":"SELECT 1"}`); w.Code != c.want {
			t.Errorf("%+v: %d, want %d", c.who, w.Code, c.want)
		}
	}
	h := newHandler(t, Config{}, &fakeEngine{body: engineJSON})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"sql":"SELECT 1"}`)))
	if w.Code != 401 {
		t.Errorf("nobody: %d", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestMinToken(t *testing.T) {
	tok := func(pairs ...token.Pair) string { return token.Token(nil).Merge(pairs...).String() }
	h := newHandler(t, Config{TokenWait: 10 * time.Millisecond}, &fakeEngine{body: engineJSON})
	if w := post(h, analyst, fmt.Sprintf(`{"sql":"SELECT 1","min_token":%q}`, tok(token.Pair{Partition: 0, Offset: 9}, token.Pair{Partition: 1, Offset: 4}))); w.Code != 200 {
		t.Errorf("visible: %d %s", w.Code, w.Body)
	}
	w := post(h, analyst, fmt.Sprintf(`{"sql":"SELECT 1","min_token":%q}`, tok(token.Pair{Partition: 0, Offset: 9}, token.Pair{Partition: 1, Offset: 5})))
	p := problemIn(t, w)
	if w.Code != 503 || p.Code != "not_visible_yet" || !strings.Contains(p.Detail, "1 of the 2 partitions") || w.Header().Get("Retry-After") != "1" {
		t.Errorf("not visible: %d %+v", w.Code, p)
	}
}

// What the engine says of limits that have a code in common.
const (
	resultRows  = "Limit for result exceeded, max rows: 10.00, current rows: 1.00 thousand"
	resultBytes = "Limit for result exceeded, max bytes: 100.00 B, current bytes: 503.00 B"
	readRows    = "Limit for rows (controlled by 'max_rows_to_read' setting) exceeded, max rows: 3.00, current rows: 2.24 thousand"
	groupRows   = "Limit for rows to GROUP BY exceeded: has 10 rows, maximum: 4"
	readBytes   = "Limit for rows or bytes to read exceeded, max bytes: 4.00 B, current bytes: 9.00 B"
)

// TestOwnLimits: what a request has lowered itself is told as that, and not behind the number of the installation.
func TestOwnLimits(t *testing.T) {
	for _, c := range []struct {
		code      int
		message   string // of the engine
		set       map[string]string
		own, says string // says: of the installation's limit, when the request's is none
	}{
		{159, "Timeout exceeded", map[string]string{"max_execution_time": "0.05"}, "max_execution_time = 0.05", ""},
		{241, "Query memory limit exceeded", map[string]string{"max_memory_usage": "5000000"}, "max_memory_usage = 5000000", ""},
		{396, resultRows, map[string]string{"max_result_rows": "10", "max_result_bytes": "11"}, "max_result_rows = 10", ""},
		{396, resultBytes, map[string]string{"max_result_rows": "10", "max_result_bytes": "11"}, "max_result_bytes = 11", ""},
		{158, readRows, map[string]string{"max_rows_to_read": "3", "max_rows_to_group_by": "4"}, "max_rows_to_read = 3", ""},
		{158, groupRows, map[string]string{"max_rows_to_read": "3", "max_rows_to_group_by": "4"}, "max_rows_to_group_by = 4", ""},
		{307, readBytes, map[string]string{"max_bytes_to_read": "4"}, "max_bytes_to_read = 4", ""},
		{159, "Timeout exceeded", map[string]string{"max_execution_time": "1000"}, "", "15s"}, // above the installation's: it does not count
		{396, resultRows, map[string]string{"max_result_rows": "0"}, "", "query.max_rows"},
		{396, resultBytes, map[string]string{"max_result_rows": "10"}, "", "query.max_result"}, // the other limit
		{241, "Query memory limit exceeded", map[string]string{"max_result_rows": "10"}, "", "query.memory"},
	} {
		for _, door := range []string{DoorClickHouse, DoorJob} {
			h := newHandler(t, Config{}, &fakeEngine{})
			p := h.Problem(t.Context(), &Question{Who: analyst, Door: door, Settings: c.set}, &clickhouse.Error{Code: c.code, Message: c.message})
			if c.own == "" && door == DoorJob {
				continue // that of jobs is another one
			}
			if p.Status != 422 || c.own != "" && (!strings.Contains(p.Detail, "("+c.own+")") || strings.Contains(p.Detail, "query.")) || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%d with %v at the door %s: %+v", c.code, c.set, door, p)
			}
		}
	}
}

func TestEngineProblems(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
		says   string
	}{
		{fmt.Errorf("query: %w", clickhouse.ErrUnavailable), 503, "engine_unavailable", ""},
		{errBoom, 503, "engine_unavailable", ""},
		{fmt.Errorf("%w: %w", clickhouse.ErrUnavailable, context.DeadlineExceeded), 503, "engine_unavailable", ""},
		{&clickhouse.Error{Code: 159, Name: "TIMEOUT_EXCEEDED"}, 422, "query_too_slow", "15s"},
		{&clickhouse.Error{Code: 241, Name: "MEMORY_LIMIT_EXCEEDED"}, 422, "query_memory", "2147483648"},
		{&clickhouse.Error{Code: 241, Name: "MEMORY_LIMIT_EXCEEDED", Message: "(total) memory limit exceeded: would use 3.00 GiB"}, 503, "engine_memory", "engine.memory"},
		{&clickhouse.Error{Code: 396, Name: "TOO_MANY_ROWS_OR_BYTES"}, 422, "result_too_large", "1073741824"},
		{&clickhouse.Error{Code: 497, Name: "ACCESS_DENIED", Message: "weir.events"}, 400, "query_refused", ""},
		{&clickhouse.Error{Code: 62, Name: "SYNTAX_ERROR", Message: "Syntax error: failed at position 300 ('x') (line 1, col 300): x FROM"}, 400, "query_error", ""},
		{&clickhouse.Error{Code: 236, Name: "ABORTED"}, 500, "engine_error", "ABORTED"},
		{&clickhouse.Error{Code: 33, Name: "CANNOT_READ_ALL_DATA", Message: "Cannot read all data: data.bin"}, 500, "engine_error", ""},
		{&clickhouse.Error{Code: 6, Name: "CANNOT_PARSE_TEXT", Message: "Cannot parse string 'MergeTree checksum a.bin' as UInt8: syntax error at begin of string"}, 422, "query_error", "MergeTree"},
		{&clickhouse.Error{Code: 158, Name: "TOO_MANY_ROWS"}, 422, "too_many_rows_read", "max_rows_to_read"},
		{&clickhouse.Error{Code: 307, Name: "TOO_MANY_BYTES"}, 422, "too_many_bytes_read", "max_bytes_to_read"},
		{&clickhouse.Error{Code: 395, Name: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"}, 503, "rollup_moved_on", ""},
		{&clickhouse.Error{Code: 0, Message: "/var/lib"}, 500, "engine_error", ""},
		{&clickhouse.Error{Code: 47, Name: "UNKNOWN_IDENTIFIER", Message: "Unknown expression identifier `cuontry` in scope WITH events AS (SELECT ts FROM weir.events WHERE tenant = 'acme') SELECT cuontry FROM events. Maybe you meant: ['tenant','country']"}, 422, "query_error", "did you mean country?"},
		{&clickhouse.Error{Code: 53, Name: "TYPE_MISMATCH", Message: "Cannot read /data/db/store/abc of t_other.events: __table1.path"}, 422, "query_error", ""},
	} {
		w := run(newHandler(t, Config{}, &fakeEngine{err: c.err}), "SELECT 1")
		p := problemIn(t, w)
		if w.Code != c.status || p.Code != c.code || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%v: %d %+v", c.err, w.Code, p)
		}
		for _, secret := range []string{"weir.", "WITH events", "tenant =", "/data", "/var", "t_other", "__table", "'tenant'"} {
			if strings.Contains(p.Detail, secret) {
				t.Errorf("%v: %q gives away %q", c.err, p.Detail, secret)
			}
		}
		if (w.Header().Get("Retry-After") != "") != (w.Code == 503) {
			t.Errorf("%v: %d with Retry-After %q", c.err, w.Code, w.Header().Get("Retry-After"))
		}
	}
}

// A column that another relation has passes the guard: where the engine does not know it, the answer says where it stands, if that is one place.
func TestPlaceOfUnknownName(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT count(), -- path\n  path FROM rollup_minute":      "line 2, column 3: Unknown expression identifier `path`",
		"SELECT `path`, 'path' FROM rollup_minute":                "line 1, column 8: Unknown expression identifier `path`",
		"SELECT path FROM rollup_minute GROUP BY path":            "Unknown expression identifier `path`",
		"SELECT count() AS n FROM rollup_minute WHERE events > 0": "Unknown expression identifier `path`",
	} {
		err := &clickhouse.Error{Code: clickhouse.CodeUnknownIdentifier, Name: "UNKNOWN_IDENTIFIER", Message: "Unknown expression identifier `path` in scope SELECT path"}
		p := problemIn(t, run(newHandler(t, Config{}, &fakeEngine{err: err}), sql))
		if p.Code != "query_error" || !strings.HasPrefix(p.Detail, want) {
			t.Errorf("%s: %+v", sql, p)
		}
	}
}

func TestLongAnswers(t *testing.T) {
	for _, size := range []int{1, 100, 32 << 10, 64 << 10, prefixSize - 20, prefixSize, prefixSize + 1, 1 << 20} {
		body := `{"data":["` + strings.Repeat("x", size) + `"]` + "\n}\n\n"
		w := run(newHandler(t, Config{}, &fakeEngine{body: body}), "SELECT 1")
		var got struct {
			Data []string `json:"data"`
			AsOf string   `json:"as_of"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Data) != 1 || len(got.Data[0]) != size || got.AsOf == "" {
			t.Errorf("%d bytes: %v, %d of %q", size, err, w.Body.Len(), got.AsOf)
		}
		if cost := w.Result().Header.Get(headerCost) + w.Result().Trailer.Get(headerCost); !strings.Contains(cost, "1.5") {
			t.Errorf("%d bytes: cost %q", size, cost)
		}
	}
	early := &fakeEngine{body: "{", breakErr: &clickhouse.Error{Code: 241}}
	if w := run(newHandler(t, Config{}, early), "SELECT 1"); w.Code != 422 {
		t.Errorf("an early failure: %d", w.Code)
	}
	late := &fakeEngine{body: "{" + strings.Repeat(" ", prefixSize+100), breakErr: &clickhouse.Error{Code: 241}}
	if w := run(newHandler(t, Config{}, late), "SELECT 1"); w.Code != -1 {
		t.Errorf("a late failure was not cut off: %d", w.Code)
	}
}

func TestConfigValidate(t *testing.T) {
	err := Config{MaxTime: -1, MaxMemory: -1, MaxResultRows: -1, MaxResult: -1, MaxRead: -1, MaxThreads: -1, TokenWait: time.Hour}.Validate()
	for _, key := range []string{"timeout", "max_memory", "max_result_rows", "max_result ", "max_read", "max_threads", "token_wait"} {
		if err == nil || !strings.Contains(err.Error(), "query."+key) {
			t.Errorf("%s is not reported: %v", key, err)
		}
	}
	if err := (Config{}).withDefaults().Validate(); err != nil {
		t.Error(err)
	}
}

func TestParams(t *testing.T) {
	for in, want := range map[string]string{
		`"a"`: "a", `"a\tb\\c\n"`: `a\tb\\c\n`, `1`: "1", `18446744073709551615`: "18446744073709551615", `1.5`: "1.5", `true`: "true", `null`: `\N`,
		`["a","b'c\\"]`: `['a','b\'c\\']`, `[1,null,[2]]`: "[1,NULL,[2]]", `[]`: "[]",
	} {
		if got, err := paramText(json.RawMessage(in)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
}

// manyParams are n parameters behind another one.
func manyParams(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `,"p%d":1`, i+1)
	}
	return s.String()
}
