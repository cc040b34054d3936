package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFields shows how the fields of an event become columns.
func TestFields(t *testing.T) {
	base := map[string]any{"tenant": "acme", "site_id": "site-1", "ts": "2026-07-01T12:00:00Z"}
	with := func(kv ...any) map[string]any {
		m := map[string]any{}
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	tests := []struct {
		name, event string
		want        map[string]any
	}{
		{"the least", `{"type":"a"}`, with("type", "a")},
		{"name", `{"name":"a"}`, with("type", "a")},
		{"event_type", `{"event_type":"a"}`, with("type", "a")},
		{"custom", `{"type":"custom","name":"video_play"}`, with("type", "video_play")},
		{"custom behind", `{"name":"video_play","type":"custom"}`, with("type", "video_play")},
		{"custom alone", `{"type":"custom"}`, with("type", "custom")},
		{"custom by event_type", `{"event_type":"custom","name":"x"}`, with("type", "x")},
		{"custom and event_type", `{"type":"custom","event_type":"x"}`, with("type", "x")},
		{"custom and a blank name", `{"type":"custom","name":" "}`, with("type", "custom", "props.name", " ")},
		{"blank event_type", `{"event_type":" ","name":"x"}`, with("type", "x", "props.event_type", " ")},
		{"type and custom", `{"type":"a","event_type":"custom"}`, with("type", "a", "props.event_type", "custom")},
		{"type and name", `{"type":"pageview","name":"Prices"}`, with("type", "pageview", "props.name", "Prices")},
		{"type and name equal", `{"type":"a","name":"a","event_type":"a"}`, with("type", "a")},
		{"type and event_type", `{"type":"a","event_type":"b"}`, with("type", "a", "props.event_type", "b")},
		{"event_type and name", `{"event_type":"a","name":"b"}`, with("type", "a", "props.name", "b")},
		{"a number as name", `{"type":"a","name":5}`, with("type", "a", "nums.name", 5.0)},
		{"seconds", `{"type":"a","ts":1782900000}`, with("type", "a", "ts", "2026-07-01T10:00:00Z")},
		{"fraction of seconds", `{"type":"a","ts":1782900000.25}`, with("type", "a", "ts", "2026-07-01T10:00:00.25Z")},
		{"milliseconds", `{"type":"a","ts":1782900000123}`, with("type", "a", "ts", "2026-07-01T10:00:00.123Z")},
		{"seconds as text", `{"type":"a","ts":"1782900000"}`, with("type", "a", "ts", "2026-07-01T10:00:00Z")},
		{"exponent", `{"type":"a","ts":1.7829e9}`, with("type", "a", "ts", "2026-07-01T10:00:00Z")},
		{"RFC 3339", `{"type":"a","ts":"2026-07-01T12:00:00.5+02:00"}`, with("type", "a", "ts", "2026-07-01T10:00:00.5Z")},
		{"no ts", `{"type":"a","ts":null}`, with("type", "a")},
		{"ids", `{"type":"a","event_id":"e","client_id":"c","user_id":"u","session_id":"s"}`,
			with("type", "a", "event_id", "e", "client_id", "c", "user_id", "u", "session_id", "s")},
		{"ids as numbers", `{"type":"a","event_id":1,"client_id":12345678901234567890,"user_id":1.50}`,
			with("type", "a", "event_id", "1", "client_id", "12345678901234567890", "user_id", "1.50")},
		{"null ids", `{"type":"a","event_id":null,"client_id":null,"url":null,"props":null}`, with("type", "a")},
		{"url", `{"type":"a","url":"https://U:p@Shop.Example.com:8443/a/b%20c?utm_source=x+y&utm_medium=%C3%A4&utm_campaign=z&utm_source=2#top","referrer":"google.com"}`,
			with("type", "a", "url", "https://U:p@Shop.Example.com:8443/a/b%20c?utm_source=x+y&utm_medium=%C3%A4&utm_campaign=z&utm_source=2#top",
				"host", "shop.example.com", "path", "/a/b%20c", "utm_source", "x y", "utm_medium", "ä", "utm_campaign", "z",
				"referrer", "google.com", "referrer_host", "google.com")},
		{"relative url", `{"type":"a","url":"/pricing?utm_source=n"}`, with("type", "a", "url", "/pricing?utm_source=n", "path", "/pricing", "utm_source", "n")},
		{"escaped url", `{"type":"a","url":"https:\/\/x.org\/\u00e4"}`, with("type", "a", "url", "https://x.org/ä", "host", "x.org", "path", "/ä")},
		{"the sender's address and agent", `{"type":"a","ip":"203.0.113.9","user_agent":"UA/1"}`,
			with("type", "a", "country", "203.0.113.9", "user_agent", "UA/1", "browser", "UA/1")},
		{"address with a port", `{"type":"a","ip":"203.0.113.9:80, 10.0.0.1"}`, with("type", "a", "country", "203.0.113.9")},
		{"no address", `{"type":"a","ip":"unknown"}`, with("type", "a")},
		{"props", `{"type":"a","props":{"s":"x","n":1.5,"i":-3,"t":true,"f":false,"z":null,"l":[1, "a",{"k" : [ ]}],"o":{"p":{"q":1},"r":"x"},"e":{}}}`,
			with("type", "a", "props.s", "x", "nums.n", 1.5, "nums.i", -3.0, "props.t", "true", "props.f", "false",
				"props.l", `[1,"a",{"k":[]}]`, "nums.o.p.q", 1.0, "props.o.r", "x", "props.e", "{}")},
		{"text stays text", `{"type":"a","props":{"s":"1","q":"\"x\"","u":"\u00e4\ud83d\ude00","l":"\ud83d!"}}`,
			with("type", "a", "props.s", "1", "props.q", `"x"`, "props.u", "ä😀", "props.l", "\uFFFD!")},
		{"integers beyond 2^53", `{"type":"a","props":{"i":9007199254740993,"ok":9007199254740991,"f":9007199254740993.0,"neg":-12345678901234567890}}`,
			with("type", "a", "nums.i", 9007199254740992.0, "props.i", "9007199254740993", "nums.ok", 9007199254740991.0, "nums.f", 9007199254740992.0,
				"nums.neg", -12345678901234567890.0, "props.neg", "-12345678901234567890")},
		{"small numbers", `{"type":"a","props":{"a":1e-400,"b":-0,"c":0.1,"d":123456.789,"e":1E5}}`,
			with("type", "a", "nums.a", 0.0, "nums.b", 0.0, "nums.c", 0.1, "nums.d", 123456.789, "nums.e", 1e5)},
		{"unknown fields", `{"type":"a","element":"#b","n":5,"ctx":{"lib":{"v":"1"}},"list":[]}`,
			with("type", "a", "props.element", "#b", "nums.n", 5.0, "props.ctx.lib.v", "1", "props.list", "[]")},
		{"props win", `{"type":"a","x":1,"y":"top","props":{"x":"in","y":2,"z.a":1},"z":{"a":"top","b":2}}`,
			with("type", "a", "props.x", "in", "nums.y", 2.0, "nums.z.a", 1.0, "nums.z.b", 2.0)},
		{"props first", `{"type":"a","props":{"x":"in"},"x":1}`, with("type", "a", "props.x", "in")},
		{"columns in props", `{"type":"a","props":{"url":"/x","type":"b"}}`, with("type", "a", "props.url", "/x", "props.type", "b")},
		{"empty name", `{"type":"a","props":{"":1}}`, with("type", "a", "nums.", 1.0)},
		{"alias", `{"type":"a","site_id":"alias.example"}`, with("type", "a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/ingest", tt.event, acmeKey)
			rows := r.log.all()
			if w.Code != 200 || len(rows) != 1 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if _, given := tt.want["event_id"]; !given {
				if id := rows[0]["event_id"].(string); len(id) != 36 || id[14] != '7' ||
					strings.Replace(id, "-", "", 1)[:12] != fmt.Sprintf("%012x", now.UnixMilli()) {
					t.Errorf("generated id %s", id)
				}
				delete(rows[0], "event_id")
			}
			if d := cmp.Diff(tt.want, rows[0]); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestNullProperties: a property that is JSON's null is none, wherever it stands, and the text is a text. The hash of the payload is that of when nulls were stored.
func TestNullProperties(t *testing.T) {
	for _, tt := range []struct {
		event string
		want  map[string]any // of the properties
	}{
		{`{"type":"a","props":{"plan":null,"text":"null","n":1,"l":[null]},"top":null}`, map[string]any{"props.text": "null", "nums.n": 1.0, "props.l": "[null]"}},
		{`{"type":"a","props":{"o":{"p":null,"q":1},"only":{"p":null},"e":{}}}`, map[string]any{"nums.o.q": 1.0, "props.e": "{}"}},
		{`{"type":"a","plan":"pro","n":1,"rest":"r","props":{"plan":null,"n":null}}`, map[string]any{"props.rest": "r"}}, // that of props stays
		{`{"type":"a","plan":null,"props":{"plan":"pro"}}`, map[string]any{"props.plan": "pro"}},
		{`{"type":"a","name":null,"event_type":null,"revenue":null}`, map[string]any{}},
	} {
		r := newRig(t)
		if w := r.do("POST", "/ingest", tt.event, acmeKey); w.Code != 200 {
			t.Fatalf("%s: %d %s", tt.event, w.Code, w.Body)
		}
		got := map[string]any{}
		for k, v := range r.log.all()[0] {
			if strings.HasPrefix(k, "props.") || strings.HasPrefix(k, "nums.") {
				got[k] = v
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s:\n%s", tt.event, d)
		}
	}
	r := newRig(t)
	r.do("POST", "/ingest", `{"type":"a","client_id":"c","ts":1782900000,"props":{"plan":null}}`, acmeKey)
	if len(r.log.hashes) != 1 || r.log.hashes[0] != 0xa4003cba {
		t.Errorf("hash %#x: what was stored of such events must still be known as the same", r.log.hashes)
	}
	if w := r.do("POST", "/ingest", `{"type":"a","props":{"plan":null,"plan":null}}`, acmeKey); !strings.Contains(w.Body.String(), "duplicate") {
		t.Errorf("the name twice: %s", w.Body)
	}
}

// TestRevenueAsText: the text of a number is a number in the property revenue, and in no other, through every door of weir's own; the hash of the payload is still that
// of the text.
func TestRevenueAsText(t *testing.T) {
	for _, tt := range []struct {
		name, event string
		want        map[string]any // of the properties
	}{
		{"decimal", `{"type":"a","props":{"a":"1","revenue":"49.9","currency":"EUR"}}`, map[string]any{"props.a": "1", "nums.revenue": 49.9, "props.currency": "EUR"}},
		{"at the top", `{"type":"a","revenue":"49.9"}`, map[string]any{"nums.revenue": 49.9}},
		{"negative", `{"type":"a","props":{"revenue":"-3"}}`, map[string]any{"nums.revenue": -3.0}},
		{"number", `{"type":"a","props":{"revenue":49.9}}`, map[string]any{"nums.revenue": 49.9}},
		{"text in props wins", `{"type":"a","revenue":7,"z":1,"props":{"revenue":"8"}}`, map[string]any{"nums.z": 1.0, "nums.revenue": 8.0}},
		{"number in props wins", `{"type":"a","revenue":"7","x":"y","props":{"revenue":8}}`, map[string]any{"props.x": "y", "nums.revenue": 8.0}},
		{"beyond 2^53", `{"type":"a","props":{"revenue":"9007199254740993"}}`, map[string]any{"nums.revenue": 9007199254740992.0, "props.revenue": "9007199254740993"}},
		{"too large", `{"type":"a","props":{"revenue":"1e400"}}`, map[string]any{"props.revenue": "1e400"}},
		{"words", `{"type":"a","props":{"revenue":"49.9 EUR"}}`, map[string]any{"props.revenue": "49.9 EUR"}},
		{"comma", `{"type":"a","props":{"revenue":"49,90"}}`, map[string]any{"props.revenue": "49,90"}},
		{"blank", `{"type":"a","props":{"revenue":"49.9 "}}`, map[string]any{"props.revenue": "49.9 "}},
		{"infinite", `{"type":"a","props":{"revenue":"Infinity"}}`, map[string]any{"props.revenue": "Infinity"}},
		{"hexadecimal", `{"type":"a","props":{"revenue":"0x10"}}`, map[string]any{"props.revenue": "0x10"}},
		{"empty", `{"type":"a","props":{"revenue":""}}`, map[string]any{"props.revenue": ""}},
		{"array", `{"type":"a","props":{"revenue":["1"]}}`, map[string]any{"props.revenue": `["1"]`}},
		{"others", `{"type":"a","props":{"o":{"revenue":"1"},"Revenue":"2","value":"3"}}`, map[string]any{"props.o.revenue": "1", "props.Revenue": "2", "props.value": "3"}},
		{"CloudEvent", `{"specversion":"1.0","id":"1","source":"s","type":"a","data":{"props":{"revenue":"5"}}}`, map[string]any{"props.id": "1", "props.source": "s", "nums.revenue": 5.0}},
	} {
		r := newRig(t)
		if w := r.do("POST", "/ingest", tt.event, acmeKey); w.Code != 200 {
			t.Fatalf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		w := r.do("POST", "/collect", `{"site_id":"site-1","events":[`+tt.event+`]}`)
		rows := r.log.all()
		if len(rows) != 2 {
			t.Fatalf("%s: %d rows, %s", tt.name, len(rows), w.Body)
		}
		for i, row := range rows {
			got := map[string]any{}
			for k, v := range row {
				if strings.HasPrefix(k, "props.") || strings.HasPrefix(k, "nums.") {
					got[k] = v
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s (event %d):\n%s", tt.name, i, d)
			}
		}
	}
	r := newRig(t)
	r.do("POST", "/ingest", `{"type":"a","client_id":"c","ts":1782900000,"props":{"revenue":"49.9"}}`, acmeKey)
	if len(r.log.hashes) != 1 || r.log.hashes[0] != 0x15e273cc {
		t.Errorf("hash %#x: what was stored of such events must still be known as the same", r.log.hashes)
	}
}

// many returns n properties.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"p%d":%d,`, i, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func nested(n int) string {
	return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)
}

// badEvents are events that are rejected by themselves.
var badEvents = []struct {
	name, event, code, field, message string
}{
	{"malformed", `{"type":"a",}`, "malformed_json", "", "this is not valid JSON"},
	{"cut off", `{"type":"a"`, "malformed_json", "", "put one event on a line"},
	{"no JSON", `hello`, "malformed_json", "", "this is not valid JSON"},
	{"NaN", `{"type":"a","x":NaN}`, "malformed_json", "", "this is not valid JSON"},
	{"Infinity", `{"type":"a","props":{"x":-Infinity}}`, "malformed_json", "", "this is not valid JSON"},
	{"raw control character", "{\"type\":\"a\tb\"}", "malformed_json", "", "this is not valid JSON"},
	{"raw NUL", "{\"type\":\"a\x00b\"}", "malformed_json", "", "this is not valid JSON"},
	{"leading zero", `{"type":"a","x":01}`, "malformed_json", "", "this is not valid JSON"},
	{"bad escape", `{"type":"\x"}`, "malformed_json", "", "this is not valid JSON"},
	{"trailing", `{"type":"a"} x`, "trailing_data", "", "something follows"},
	{"two on a line", `{"type":"a"}{"type":"b"}`, "trailing_data", "", "something follows"},
	{"a string", `"a"`, "invalid_type", "", "a JSON object, this is a string"},
	{"an array", `[{"type":"a"}]`, "invalid_type", "", "a JSON object, this is an array"},
	{"null", `null`, "invalid_type", "", "a JSON object, this is null"},
	{"invalid UTF-8", "{\"type\":\"a\xff\"}", "invalid_utf8", "", "not valid UTF-8"},
	{"invalid UTF-8 in a name", "{\"type\":\"a\",\"\xc3\x28\":1}", "invalid_utf8", "", "not valid UTF-8"},
	{"surrogate as UTF-8", "{\"type\":\"a\xed\xa0\x80\"}", "invalid_utf8", "", "not valid UTF-8"},
	{"NUL", `{"type":"a\u0000"}`, "nul_byte", "type", "NUL character"},
	{"NUL in props", `{"type":"a","props":{"o":{"x":"\u0000"}}}`, "nul_byte", "props.o.x", "NUL character"},
	{"NUL in an unknown object", `{"type":"a","some":{"thing":"\u0000"}}`, "nul_byte", "some.thing", "NUL character"},
	{"NUL in a name", `{"type":"a","props":{"a\u0000b":1}}`, "nul_byte", "", "NUL character"},
	{"NUL in an array", `{"type":"a","props":{"l":["a",{"k":"\u0000"}]}}`, "nul_byte", "props.l", "NUL character"},
	{"known twice", `{"type":"a","type":"a"}`, "duplicate_key", "type", "there twice"},
	{"unknown twice", `{"type":"a","x":1,"x":1}`, "duplicate_key", "x", "there twice"},
	{"twice in props", `{"type":"a","props":{"x":1,"y":2,"x":"1"}}`, "duplicate_key", "props.x", "there twice"},
	{"props twice", `{"type":"a","props":{"x":1},"props":{}}`, "duplicate_key", "props", "there twice"},
	{"twice, once escaped", `{"type":"a","props":{"x":1,"\u0078":2}}`, "duplicate_key", "props.x", "there twice"},
	{"twice when flat", `{"type":"a","props":{"x":{"y":1},"x.y":2}}`, "duplicate_key", "props.x.y", "there twice"},
	{"objects twice", `{"type":"a","props":{"x":{"y":1},"x":{"z":1}}}`, "duplicate_key", "props.x", "there twice"},
	{"twice behind props", `{"type":"a","props":{"x":1},"x":2,"x":3}`, "duplicate_key", "x", "there twice"},
	{"twice in an array", `{"type":"a","props":{"l":[{"k":1,"k":2}]}}`, "duplicate_key", "props.l[].k", "there twice"},
	{"twice among many", `{"type":"a","props":{` + many(100) + `,"p57":1}}`, "duplicate_key", "props.p57", "there twice"},
	{"1e999", `{"type":"a","props":{"x":1e999}}`, "number_out_of_range", "props.x", "too large"},
	{"-1e999 at the top", `{"type":"a","x":-1e999}`, "number_out_of_range", "x", "too large"},
	{"400 digits", `{"type":"a","x":` + strings.Repeat("9", 400) + `}`, "number_out_of_range", "x", "too large"},
	{"1e999 in an array", `{"type":"a","x":[[1e999]]}`, "number_out_of_range", "x", "too large"},
	{"type as number", `{"type":1}`, "invalid_type", "type", "type must be a string, not a number"},
	{"client_id as boolean", `{"type":"a","client_id":true}`, "invalid_type", "client_id", "client_id must be a string, not a boolean"},
	{"user_id as object", `{"type":"a","user_id":{"a":1}}`, "invalid_type", "user_id", "user_id must be a string, not an object"},
	{"event_id as array", `{"type":"a","event_id":[1]}`, "invalid_type", "event_id", "event_id must be a string, not an array"},
	{"url as number", `{"type":"a","url":1}`, "invalid_type", "url", "url must be a string, not a number"},
	{"props as array", `{"type":"a","props":[]}`, "invalid_type", "props", "props must be an object, not an array"},
	{"props as string", `{"type":"a","props":"{}"}`, "invalid_type", "props", "props must be an object, not a string"},
	{"ts as boolean", `{"type":"a","ts":true}`, "invalid_type", "ts", "ts must be a number or a string, not a boolean"},
	{"ts as word", `{"type":"a","ts":"today"}`, "invalid_value", "ts", "RFC 3339"},
	{"ts without a zone", `{"type":"a","ts":"2026-07-01T12:00:00"}`, "invalid_value", "ts", "RFC 3339"},
	{"ts that is no day", `{"type":"a","ts":"2026-02-29T12:00:00Z"}`, "invalid_value", "ts", "RFC 3339"},
	{"ts in 1970", `{"type":"a","ts":0}`, "ts_out_of_range", "ts", "ts is 1970-01-01T00:00:00Z, more than 400 days ago"},
	{"ts in 1970 as text", `{"type":"a","ts":"1970-01-02T00:00:00Z"}`, "ts_out_of_range", "ts", "ts is 1970-01-02T00:00:00Z, more than 400 days ago"},
	{"ts before 1970", `{"type":"a","ts":-1}`, "ts_out_of_range", "ts", "before 1970"},
	{"ts in 2100", `{"type":"a","ts":4102444800}`, "ts_out_of_range", "ts", "ts is 2100-01-01T00:00:00Z, more than 24 hours in the future"},
	{"ts in 2100 in ms", `{"type":"a","ts":4102444800000}`, "ts_out_of_range", "ts", "ts is 2100-01-01T00:00:00Z, more than 24 hours in the future"},
	{"ts a bit too far ahead", `{"type":"a","ts":"2026-07-02T12:00:00.001Z"}`, "ts_out_of_range", "ts", "in the future"},
	{"ts a bit too old", `{"type":"a","ts":"2025-05-27T11:59:59.999Z"}`, "ts_out_of_range", "ts", "400 days ago"},
	{"ts in microseconds", `{"type":"a","ts":1782900000000000}`, "ts_out_of_range", "ts", "seconds or milliseconds"},
	{"ts 1e999", `{"type":"a","ts":1e999}`, "ts_out_of_range", "ts", "seconds or milliseconds"},
	{"no type", `{"ts":1782900000}`, "field_missing", "type", "has no type"},
	{"empty type", `{"type":""}`, "field_missing", "type", "has no type"},
	{"blank type", `{"type":" \t\u3000"}`, "field_missing", "type", "has no type"},
	{"blank name", `{"name":" "}`, "field_missing", "type", "has no type"},
	{"too deep", `{"type":"a","props":` + nested(16) + `}`, "too_deep", "props." + strings.TrimSuffix(strings.Repeat("a.", 15), "."), "ingest.max_depth"},
	{"too deep in arrays", `{"type":"a","x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "too_deep", "x", "ingest.max_depth"},
	{"very deep", `{"type":"a","x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "too_deep", "x", "ingest.max_depth"},
	{"too many properties", `{"type":"a","props":{` + many(1001) + `}}`, "too_many_properties", "props", "ingest.max_props"},
	{"a long name", `{"type":"a","props":{"` + strings.Repeat("k", 513) + `":1}}`, "key_too_long", "props." + strings.Repeat("k", 94) + "…", "max_key_bytes"},
	{"a long client_id", `{"type":"a","client_id":"` + strings.Repeat("c", 1025) + `"}`, "id_too_long", "client_id", "client_id has 1025 bytes, the limit is 1024 (max_id_bytes)"},
	{"a long user_id", `{"type":"identify","client_id":"c","user_id":"` + strings.Repeat("ü", 513) + `"}`, "id_too_long", "user_id", "user_id has 1026 bytes, the limit is 1024 (max_id_bytes)"},
	{"a long previous_id", `{"type":"alias","user_id":"u","props":{"x":1,"previous_id":"` + strings.Repeat("p", 1025) + `"}}`, "id_too_long", "props.previous_id", "props.previous_id has 1025 bytes, the limit is 1024 (max_id_bytes)"},
	{"too large", `{"type":"a","x":"` + strings.Repeat("x", 50<<10) + `"}`, "event_too_large", "", "ingest.max_event"},
	{"an unknown site", `{"type":"a","site_id":"site-9"}`, "site_unknown", "site_id", `"site-9" does not exist`},
	{"another tenant's site", `{"type":"a","site_id":"site-3"}`, "site_unknown", "site_id", `"site-3" does not exist`},
	{"another source's site", `{"type":"a","site_id":"site-2"}`, "site_forbidden", "site_id", `"site-1" only`},
}
