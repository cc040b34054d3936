package otlp

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"weir/internal/problem"
	"weir/internal/testkit/doorkit"
)

const key = "Authorization: Bearer " + doorkit.WriteKey

// As the exporter for Node sends it.
const logsJSON = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}],"droppedAttributesCount":0},"scopeLogs":[{"scope":{"name":"lib","version":"1","attributes":[{"key":"sa","value":{"boolValue":true}}]},"logRecords":[
{"timeUnixNano":"1782907198000000000","observedTimeUnixNano":"1782907199000000000","severityNumber":9,"severityText":"INFO","body":{"stringValue":"hello"},"eventName":"bought","traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
 "attributes":[{"key":"user.id","value":{"stringValue":"u1"}},{"key":"session.id","value":{"stringValue":"s1"}},{"key":"client_id","value":{"stringValue":"c1"}},{"key":"url.full","value":{"stringValue":"https://example.com/a"}},{"key":"client.address","value":{"stringValue":"203.0.113.9"}},
  {"key":"user_agent.original","value":{"stringValue":"UA"}},{"key":"revenue","value":{"doubleValue":12.5}},{"key":"count","value":{"intValue":"9007199254740993"}},{"key":"ok","value":{"boolValue":false}},{"key":"raw","value":{"bytesValue":"AQI="}},
  {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a\"b"},{"intValue":2},{"boolValue":true},{"doubleValue":1.5},{},{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[]}}}]}}]}}},{"key":"map","value":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}},{"key":"b","value":{"kvlistValue":{"values":[{"key":"c","value":{"stringValue":"d"}}]}}}]}}},
  {"key":"nothing","value":{}},{"key":"service.name","value":{"stringValue":"mine"}}]},
{"observedTimeUnixNano":1782907199000000000,"body":{"kvlistValue":{"values":[{"key":"x","value":{"stringValue":"y"}}]}},"attributes":[{"key":"event.name","value":{"stringValue":"browser.page_view"}},{"key":"log.record.uid","value":{"stringValue":"own"}},{"key":"revenue","value":{"stringValue":"7.25"}}]},
{"body":{"stringValue":"plain"}}]}]}]}`

// want is what becomes of the three records.
func want() []map[string]any {
	common := func(more map[string]any) map[string]any {
		m := map[string]any{"tenant": "acme", "site_id": "site-1", "props.service.name": "shop", "props.scope.name": "lib", "props.scope.version": "1", "props.sa": "true"}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	return []map[string]any{
		common(map[string]any{"type": "bought", "ts": "2026-07-01T11:59:58Z", "user_id": "u1", "session_id": "s1", "client_id": "c1", "url": "https://example.com/a", "host": "example.com", "path": "/a",
			"ip": "203.0.113.9", "user_agent": "UA", "nums.severity_number": 9.0, "props.severity": "INFO", "props.body": "hello", "props.trace_id": "0af7651916cd43dd8448eb211c80319c", "props.span_id": "b7ad6b7169203331",
			"nums.revenue": 12.5, "nums.count": 9007199254740992.0, "props.count": "9007199254740993", "props.ok": "false", "props.raw": "AQI=", "props.list": `["a\"b",2,true,1.5,null,{"k":[]}]`,
			"nums.map.a": 1.0, "props.map.b.c": "d", "props.service.name": "mine"}),
		common(map[string]any{"type": "pageview", "ts": "2026-07-01T11:59:59Z", "event_id": "own", "props.body.x": "y", "nums.revenue": 7.25}),
		common(map[string]any{"type": "log", "ts": "2026-07-01T12:00:00Z", "props.body": "plain"}),
	}
}

func msg(num protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), join(content...))
}

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func str(num protowire.Number, s string) []byte { return msg(num, []byte(s)) }

func varint(num protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), n)
}

func fixed(num protowire.Number, n uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, num, protowire.Fixed64Type), n)
}

// kv is a KeyValue in a field of another message.
func kv(num protowire.Number, k string, value []byte) []byte {
	return msg(num, str(1, k), msg(2, value))
}

func logsBinary() []byte {
	first := join(fixed(1, 1782907198000000000), fixed(11, 1782907199000000000), varint(2, 9), str(3, "INFO"), msg(5, str(1, "hello")), str(12, "bought"),
		msg(9, []byte("\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c")), msg(10, []byte("\xb7\xad\x6b\x71\x69\x20\x33\x31")),
		kv(6, "user.id", str(1, "u1")), kv(6, "session.id", str(1, "s1")), kv(6, "client_id", str(1, "c1")), kv(6, "url.full", str(1, "https://example.com/a")), kv(6, "client.address", str(1, "203.0.113.9")),
		kv(6, "user_agent.original", str(1, "UA")), kv(6, "revenue", fixed(4, math.Float64bits(12.5))), kv(6, "count", varint(3, 9007199254740993)), kv(6, "ok", varint(2, 0)), kv(6, "raw", msg(7, []byte{1, 2})),
		kv(6, "list", msg(5, msg(1, str(1, `a"b`)), msg(1, varint(3, 2)), msg(1, varint(2, 1)), msg(1, fixed(4, math.Float64bits(1.5))), msg(1), msg(1, msg(6, kv(1, "k", msg(5)))))),
		kv(6, "map", msg(6, kv(1, "a", varint(3, 1)), kv(1, "b", msg(6, kv(1, "c", str(1, "d")))))), kv(6, "nothing", nil), kv(6, "service.name", str(1, "mine")))
	second := join(fixed(11, 1782907199000000000), msg(5, msg(6, kv(1, "x", str(1, "y")))), kv(6, "event.name", str(1, "browser.page_view")), kv(6, "log.record.uid", str(1, "own")), kv(6, "revenue", str(1, "7.25")))
	third := msg(5, str(1, "plain"))
	scope := msg(1, str(1, "lib"), str(2, "1"), kv(3, "sa", varint(2, 1)))
	return msg(1, msg(1, kv(1, "service.name", str(1, "shop"))), msg(2, scope, msg(2, first), msg(2, second), msg(2, third), str(3, "https://schema")))
}

// Both encodings say the same, and are answered in kind.
func TestEncodings(t *testing.T) {
	r := doorkit.New(t, Register)
	for name, c := range map[string]struct{ body, contentType, answer string }{
		"json":   {logsJSON, "application/json", "{}"},
		"binary": {string(logsBinary()), "application/x-protobuf", ""},
		"liar":   {logsJSON, "application/x-protobuf", "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			w := r.Do("POST", "/v1/logs", c.body, key, "Content-Type: "+c.contentType)
			rows := r.Take()
			if w.Code != 200 || w.Body.String() != c.answer || len(rows) != 3 {
				t.Fatalf("%d %q, %d rows, rejected %v", w.Code, w.Body, len(rows), r.Rejects())
			}
			if got := w.Header().Get("Content-Type"); (got == "application/json") != (c.answer == "{}") {
				t.Errorf("answered as %s", got)
			}
			for i, row := range want() {
				if i != 1 {
					row["event_id"] = rows[i]["event_id"] // made by weir
				}
				doorkit.Exact(t, rows[i], row)
			}
		})
	}
}

// A request that is sent again is the same records; a record that does not say when it was made has no id.
func TestRetryIsTheSame(t *testing.T) {
	r := doorkit.New(t, Register)
	send := func(body string) []map[string]any {
		if w := r.Do("POST", "/v1/logs", body, key); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return r.Take()
	}
	a, b, c := send(logsJSON), send(logsJSON), send(strings.Replace(logsJSON, "hello", "hullo", 1))
	if a[0]["event_id"] != b[0]["event_id"] || a[0]["event_id"] == c[0]["event_id"] || a[2]["event_id"] == b[2]["event_id"] {
		t.Errorf("ids: %v %v %v; without a time: %v %v", a[0]["event_id"], b[0]["event_id"], c[0]["event_id"], a[2]["event_id"], b[2]["event_id"])
	}
	one := `{"timeUnixNano":"1782907198000000000","body":{"stringValue":"x"}}`
	twice := send(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + one + `,` + one + `]}]}]}`)
	if twice[0]["event_id"] == twice[1]["event_id"] {
		t.Error("two equal records of one request have one id")
	}
}

// TestSendersApart: without a key equal requests of two visitors are two events, and one that is sent again is one; with a key the sender does not count. No address is part of an id.
func TestSendersApart(t *testing.T) {
	r := doorkit.New(t, Register)
	send := func(address, target, header string) string {
		req := httptest.NewRequest("POST", target, strings.NewReader(logsJSON))
		req.RemoteAddr = address + ":1234"
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
		w := httptest.NewRecorder()
		r.Mux.ServeHTTP(w, req)
		rows := r.Take()
		if w.Code != 200 || len(rows) == 0 || rows[0]["event_id"] == rows[1]["event_id"] {
			t.Fatalf("%d %s: %v", w.Code, w.Body, rows)
		}
		id := rows[0]["event_id"].(string)
		if strings.Contains(id, address) || len(id) != len("0123456789abcdef0123456789abcdef-0") {
			t.Errorf("the id is %q", id)
		}
		return id
	}
	const public, origin = "/v1/logs?site_id=example.com", "Origin: https://example.com"
	one, again, other := send("203.0.113.1", public, origin), send("203.0.113.1", public, origin), send("203.0.113.2", public, origin)
	if one != again || one == other {
		t.Errorf("one visitor: %s, %s; another: %s", one, again, other)
	}
	if one, other := send("203.0.113.1", "/v1/logs", key), send("203.0.113.2", "/v1/logs", key); one != other {
		t.Errorf("with a key: %s, %s", one, other)
	}
}

func record(attributes string) string {
	return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"good"},` + attributes + `]}]}]}`
}

// What is said names the field of the protocol, and its unit.
func TestWords(t *testing.T) {
	r := doorkit.New(t, Register)
	for body, want := range map[string]string{
		`{"resourceLogs":5}`:                                    "resourceLogs must be an array, not a number",
		`{"resourceLogs":[{"scopeLogs":{}}]}`:                   "scopeLogs must be an array, not an object",
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":"x"}]}]}`: "logRecords must be an array, not a string",
		record(`{"timeUnixNano":"1"}`):                          "timeUnixNano is 1970-01-01T00:00:00Z, more than 400 days ago: check the unit (nanoseconds), or send old events to /ingest with mode=import",
		record(`{"observedTimeUnixNano":"1"}`):                  "observedTimeUnixNano is 1970-01-01T00:00:00Z, more than 400 days ago: check the unit (nanoseconds)",
	} {
		if w := r.Do("POST", "/v1/logs", body, key, "Content-Type: application/json"); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", body, w.Code, w.Body, want)
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	r := doorkit.New(t, Register)
	attr := func(v string) string { return `{"attributes":[{"key":"k","value":` + v + `}]}` }
	for rec, code := range map[string]string{
		`7`: "invalid_type", `{"timeUnixNano":"x"}`: "invalid_value", `{"timeUnixNano":"18446744073709551615"}`: "ts_out_of_range", `{"timeUnixNano":{}}`: "invalid_type",
		attr(`5`): "invalid_value", attr(`{"intValue":"x"}`): "invalid_value", attr(`{"strangeValue":1}`): "invalid_value", attr(`{"stringValue":"\u0000"}`): "nul_byte", attr(`{"stringValue":{}}`): "invalid_type",
		attr(strings.Repeat(`{"arrayValue":{"values":[`, 20) + strings.Repeat(`]}}`, 20)): "too_deep", attr(strings.Repeat(`{"kvlistValue":{"values":[{"key":"k","value":`, 20) + `{}` + strings.Repeat(`}]}}`, 20)): "too_deep",
		`{"attributes":[{"key":"user.id","value":{"stringValue":"` + strings.Repeat("u", 1025) + `"}}]}`: "id_too_long",
		`{"attributes":[5]}`: "invalid_value", attr(`{"stringValue":"` + strings.Repeat("x", 60000) + `"}`): "event_too_large",
	} {
		w := r.Do("POST", "/v1/logs", record(rec), key, "Content-Type: application/json")
		rows, rejects := r.Take(), r.Rejects()
		var v struct {
			PartialSuccess struct{ RejectedLogRecords, ErrorMessage string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 || len(rows) != 1 || rejects["site-1 "+code] != 1 || v.PartialSuccess.RejectedLogRecords != "1" ||
			!strings.Contains(v.PartialSuccess.ErrorMessage, "log record 1: "+code) {
			t.Errorf("%.80s: %d %s, rows %v, rejected %v, want %s", rec, w.Code, w.Body, rows, rejects, code)
		}
	}
	deep := []byte{}
	for range 20 {
		deep = msg(5, msg(1, deep))
	}
	for rec, code := range map[string]string{
		string(msg(6, str(1, "k"), msg(2, str(1, "\xff")))): "invalid_utf8", string(kv(6, "a\x00", str(1, "v"))): "nul_byte", string(str(12, "\xff")): "invalid_utf8", string(kv(6, "k", deep)): "too_deep",
		"\x0a\xff": "malformed_protobuf", string(kv(6, "k", []byte("\x0a\x05x"))): "malformed_protobuf", string(fixed(1, math.MaxUint64)): "ts_out_of_range",
	} {
		w := r.Do("POST", "/v1/logs", string(msg(1, msg(2, msg(2, str(12, "good")), msg(2, []byte(rec))))), key, "Content-Type: application/x-protobuf")
		rows, rejects := r.Take(), r.Rejects()
		partial, err := one(w.Body.Bytes(), 1)
		if w.Code != 200 || len(rows) != 1 || rejects["site-1 "+code] != 1 || err != nil || !strings.HasPrefix(string(partial), "\x08\x01\x12") || !strings.Contains(string(partial), code) {
			t.Errorf("%q: %d %q, rows %v, rejected %v, want %s", rec, w.Code, w.Body, rows, rejects, code)
		}
	}
	// What many records share counts as each one's.
	shared := `{"resourceLogs":[{"resource":{"attributes":[{"key":"k","value":{"stringValue":"` + strings.Repeat("x", 60000) + `"}}]},"scopeLogs":[{"logRecords":[{"eventName":"a"},{"eventName":"b"}]}]}]}`
	if r.Do("POST", "/v1/logs", shared, key); r.Rejects()["site-1 event_too_large"] != 2 || len(r.Take()) > 0 {
		t.Error("a large resource is copied into each record")
	}
	large := msg(1, kv(1, "k", str(1, strings.Repeat("x", 60000))))
	if r.Do("POST", "/v1/logs", string(msg(1, large, msg(2, msg(2, str(12, "a")), msg(2, str(12, "b"))))), key); r.Rejects()["site-1 event_too_large"] != 2 || len(r.Take()) > 0 {
		t.Error("a large resource is copied into each record of a protobuf request")
	}
}

func TestRefused(t *testing.T) {
	r := doorkit.New(t, Register)
	for body, status := range map[string]int{"{": 400, "[]": 400, `{"resourceLogs":{}}`: 400, `{"resourceLogs":[5]}`: 400, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},]}]}]}`: 400, "hello": 400, "\x0a\x05x": 400, "{}": 200, "\x0a\x00": 200} {
		w := r.Do("POST", "/v1/logs", body, key)
		if w.Code != status || len(r.Take()) > 0 || status == 400 && !strings.HasPrefix(w.Body.String(), `{"code":3,"message":"`) {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	if w := r.Do("POST", "/v1/logs", "", key, "Content-Type: application/x-protobuf"); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("an empty message: %d %q", w.Code, w.Body)
	}
	for _, c := range []struct {
		header, query string
		status        int
	}{{"X: y", "", 401}, {"Authorization: Bearer nobody", "", 401}, {"Authorization: Bearer " + doorkit.ViewerKey, "", 403}, {"Authorization: Bearer " + doorkit.TenantKey, "?site_id=site-1", 200},
		{"X: y", "?site_id=app-1", 200}, {"X: y", "?site_id=nobody", 404}, {key, "?site_id=site-1", 200}, {key, "?site_id=app-1", 200}, {key, "?site_id=", 200}} {
		w := r.Do("POST", "/v1/logs"+c.query, record(`{"eventName":"x"}`), c.header)
		for _, row := range r.Take() {
			if row["site_id"] != "site-1" {
				t.Errorf("%v: stored for %v", c, row["site_id"])
			}
		}
		if w.Code != c.status {
			t.Errorf("%v: %d %s", c, w.Code, w.Body)
		}
	}
	r.Rejects()
	for query, c := range map[string]struct { // as at /ingest
		status int
		code   string
	}{"?site_id=site-2": {403, "site_forbidden"}, "?site_id=nobody": {404, "site_unknown"}, "?site_id=theirs": {404, "site_unknown"}} {
		w := r.Do("POST", "/v1/logs"+query, record(`{"eventName":"x"}`), key)
		if rejects := r.Rejects(); w.Code != c.status || rejects[c.code] != 1 || len(r.Take()) > 0 {
			t.Errorf("a key, and %s, which is not its source: %d %s, rejected %v", query, w.Code, w.Body, rejects)
		}
	}
	for body, says := range map[string]string{"[]": "a JSON array", " \n[{}]": "a JSON array", `{"resourceLogs":{}}`: "resourceLogs must be an array"} {
		if w := r.Do("POST", "/v1/logs", body, key); w.Code != 400 || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	if w := r.Do("POST", "/v1/logs", "7", key, "Content-Type: application/json"); w.Code != 400 || strings.Contains(w.Body.String(), "protobuf") {
		t.Errorf("JSON that is no object: %d %s", w.Code, w.Body)
	}
	r.Rejects()
	for _, c := range []struct {
		body, coding, code string
		status             int
	}{{strings.Repeat(" ", 11<<20), "", "body_too_large", 413}, {"\x1f\x8b\x08broken", "gzip", "invalid_encoding", 400}, {"{}", "deflate", "unsupported_encoding", 415}} {
		for _, target := range []string{"/v1/logs", "/v1/logs?site_id=app-1"} {
			headers := []string{"Content-Encoding: " + c.coding}
			if target == "/v1/logs" {
				headers = append(headers, key)
			}
			if w := r.Do("POST", target, c.body, headers...); w.Code != c.status || r.Rejects()["site-1 "+c.code] != 1 {
				t.Errorf("%s: a body that cannot be read: %d, want %d, and %s to be counted: the exporter gives up", target, w.Code, c.status, c.code)
			}
		}
	}
	r.Limit = doorkit.OverLimit()
	w := r.Do("POST", "/v1/logs", string(logsBinary()), key, "Content-Type: application/x-protobuf")
	if w.Code != 429 || w.Header().Get("Retry-After") != "3" || !strings.HasPrefix(w.Body.String(), "\x08\x08\x12") || len(r.Rejects()) > 0 {
		t.Errorf("over a limit: %d %q: the exporter sends again", w.Code, w.Body)
	}
	r.Limit = doorkit.Busy()
	if w := r.Do("POST", "/v1/logs", `{}`, "Authorization: Bearer "+doorkit.WriteKey); w.Code != 503 || w.Header().Get("Retry-After") != "1" || len(r.Rejects()) > 0 {
		t.Errorf("too much in work: %d %v: it is sent again", w.Code, w.Header())
	}
	r.Limit, r.LimitAfter = nil, problem.New(http.StatusRequestEntityTooLarge, "over_burst", "too many")
	if w = r.Do("POST", "/v1/logs", logsJSON, key); w.Code != 413 || r.Rejects()["site-1 over_burst"] != 3 {
		t.Errorf("too many at once: %d: the exporter gives up", w.Code)
	}
	r.LimitAfter, r.LogErr = nil, http.ErrAbortHandler
	if w = r.Do("POST", "/v1/logs", logsJSON, key); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("not durable: %d", w.Code)
	}
}

// A browser's logs are its visitor's, when they come with a public name.
func TestBrowser(t *testing.T) {
	r := doorkit.New(t, Register)
	row := r.One(t, 200, "POST", "/v1/logs?site_id=shop.example.com", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"x"}]}]}]}`, "Origin: https://shop.example.com", "User-Agent: Mozilla/5.0")
	doorkit.Check(t, row, map[string]any{"ip": "192.0.2.1", "user_agent": "Mozilla/5.0", "client_id": "derived:site-2:192.0.2.1"})
	if w := r.Do("POST", "/v1/logs?site_id=shop.example.com", `{}`, "Origin: https://evil.example"); w.Code != 403 {
		t.Errorf("a page that the source does not allow: %d", w.Code)
	}
}

func FuzzOTLP(f *testing.F) {
	f.Add([]byte(logsJSON))
	f.Add(logsBinary())
	f.Add([]byte(record(`{"body":{"arrayValue":{"values":[{"doubleValue":"NaN"},{"intValue":"1e3"}]}}}`)))
	f.Add(msg(1, msg(2, msg(2, kv(6, "k", fixed(4, math.Float64bits(math.Inf(1))))))))
	r := doorkit.New(f, Register)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := r.Do("POST", "/v1/logs", string(body), key)
		if w.Code != 200 && w.Code != 400 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("answer %s", w.Body)
		}
		r.Sound(t)
	})
}

// TestLengthLikeABrace: a message of which the first length is written like { is no JSON.
func TestLengthLikeABrace(t *testing.T) {
	r := doorkit.New(t, Register)
	record := msg(2, msg(2, str(12, "bought"), kv(6, "k", str(1, strings.Repeat("v", 123-21)))))
	body := msg(1, record)
	if len(record) != '{' || body[1] != '{' {
		t.Fatalf("the record has %d bytes", len(record))
	}
	for _, header := range []string{"Content-Type: application/x-protobuf", "X: y"} {
		if row := r.One(t, 200, "POST", "/v1/logs", string(body), key, header); row["type"] != "bought" {
			t.Errorf("%v", row)
		}
	}
	if row := r.One(t, 200, "POST", "/v1/logs", "\n"+jsonRecord, key); row["type"] != "x" {
		t.Errorf("JSON behind an empty line: %v", row)
	}
}

const jsonRecord = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"x"}]}]}]}`

// TestServersAddresses: the address of the server itself is a property as any other.
func TestServersAddresses(t *testing.T) {
	r := doorkit.New(t, Register)
	for _, name := range []string{"host.ip", "net.host.ip", "server.address"} {
		row := r.One(t, 200, "POST", "/v1/logs", strings.Replace(jsonRecord, `"x"`, `"x","attributes":[{"key":"`+name+`","value":{"stringValue":"10.0.0.1"}}]`, 1), key)
		if row["props."+name] != "10.0.0.1" {
			t.Errorf("%s: %v", name, row)
		}
	}
}

// TestSharedIsBounded: what a resource says of each of its records is not read again for records that are too many.
func TestSharedIsBounded(t *testing.T) {
	r := doorkit.New(t, Register)
	var attributes []string
	var binary []byte
	for i := range 400 {
		attributes = append(attributes, fmt.Sprintf(`{"key":"attribute-%03d","value":{"intValue":%d}}`, i, i))
		binary = append(binary, kv(1, fmt.Sprintf("attribute-of-a-resource-%03d", i), varint(3, uint64(i)))...)
	}
	inJSON := func(records int) string {
		return `{"resource":{"attributes":[` + strings.Join(attributes, ",") + `]},"scopeLogs":[{"logRecords":[` + strings.Repeat(`{"eventName":"x"},`, records-1) + `{"eventName":"x"}]}]}`
	}
	inBinary := func(records int) []byte {
		return msg(1, msg(1, binary), msg(2, []byte(strings.Repeat(string(msg(2, str(12, "x"))), records))))
	}
	for name, body := range map[string]string{
		"JSON": `{"resourceLogs":[` + inJSON(90000) + `]}`, "JSON, two resources": `{"resourceLogs":[` + inJSON(7000) + "," + inJSON(7000) + `]}`,
		"protobuf": string(inBinary(90000)), "protobuf, two resources": string(inBinary(7000)) + string(inBinary(7000)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := r.Do("POST", "/v1/logs", body, key)
		runtime.ReadMemStats(&after)
		if rejects := r.Rejects(); w.Code != 413 || rejects["site-1 body_too_large"] != 1 || len(r.Take()) > 0 {
			t.Errorf("%s: %d %s, rejected %v", name, w.Code, w.Body, rejects)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
			t.Errorf("%s, of %d bytes: %d bytes were used to refuse it", name, len(body), n)
		}
	}
}

// An address is no property, whatever the type in which it comes; the visitor's counts.
func TestAddresses(t *testing.T) {
	r := doorkit.New(t, Register)
	jsonOf := func(key, value string) string {
		return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"e","attributes":[{"key":"` + key + `","value":` + value + `}]}]}]}]}`
	}
	binary := func(key string, value []byte) string {
		return string(msg(1, msg(2, msg(2, str(12, "e"), kv(6, key, value)))))
	}
	const ip = "203.0.113.9"
	bodies := map[string]bool{
		jsonOf("client.ip", `{"stringValue":"203.0.113.9"}`):      true,
		jsonOf("client.address", `{"stringValue":"203.0.113.9"}`): true, binary("client.address", str(1, ip)): true,
		jsonOf("http.client_ip", `{"stringValue":"203.0.113.9"}`): true, binary("client", msg(6, kv(1, "address", str(1, ip)))): true,
		jsonOf("client.address", `{"arrayValue":{"values":[{"stringValue":"203.0.113.9"}]}}`): false, binary("client.address", msg(5, msg(1, str(1, ip)))): false,
		jsonOf("client.address", `{"intValue":3405803785}`): false, binary("client.address", varint(3, 3405803785)): false,
		jsonOf("network.peer.address", `{"stringValue":"203.0.113.9"}`): false, binary("http.request.header.x-forwarded-for", msg(5, msg(1, str(1, ip)))): false,
	}
	for _, name := range []string{"client.socket.address", "source.ip", "peer.address", "peer.ipv4", "Client.Socket.Address", "http.request.header.X-Forwarded-For", "HTTP.Request.Header.X_FORWARDED_FOR",
		"http.request.header.x-envoy-external-address", "net.sock.peer.addr", "net.peer.ip", "http.request.header.cf-pseudo-ipv4", "http.request.header.x_forwarded_for", "http.request.header.cf-connecting-ip", "http.request.header.true-client-ip", "http.request.header.x-client-ip"} {
		bodies[jsonOf(name, `{"stringValue":"203.0.113.9"}`)], bodies[binary(name, msg(5, msg(1, str(1, ip))))] = false, false
	}
	for body, counts := range bodies {
		row := r.One(t, 200, "POST", "/v1/logs", body, key)
		if (row["ip"] == ip) != counts {
			t.Errorf("%q: address %v", body, row["ip"])
		}
		for name := range row {
			if strings.HasPrefix(name, "props.") || strings.HasPrefix(name, "nums.") {
				t.Errorf("%q: stored as %s: %v", body, name, row[name])
			}
		}
	}
}
