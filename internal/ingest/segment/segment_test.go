package segment

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/internal/problem"
	"weir/internal/testkit/doorkit"
)

func basic(key string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))
}

// As @segment/analytics-node sends it.
const nodeBatch = `{"batch":[
 {"timestamp":"2026-07-01T11:59:58.000Z","type":"track","userId":"u1","event":"Order Completed","properties":{"revenue":"39.95","currency":"EUR","products":[{"sku":"a"}],"nested":{"a":1}},"integrations":{},"messageId":"node-next-1-a","_metadata":{"nodeVersion":"20.1","jsRuntime":"node"},"context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"},"ip":"203.0.113.9","userAgent":"UA","traits":{"x":1}}},
 {"timestamp":"2026-07-01T11:59:58.001Z","type":"identify","userId":"u1","anonymousId":"a1","traits":{"email":"x@example.com","plan":"pro"},"messageId":"m2","context":{}},
 {"timestamp":"2026-07-01T11:59:58.002Z","type":"page","userId":"u1","name":"Home","category":"Docs","properties":{"url":"https://example.com/a?utm_source=x","referrer":"https://google.com/","path":"/a","title":"A","search":"?utm_source=x"},"messageId":"m3","context":{}},
 {"timestamp":"2026-07-01T11:59:58.003Z","type":"alias","userId":"u1","previousId":"old","messageId":"m4","context":{}},
 {"timestamp":"2026-07-01T11:59:58.004Z","type":"group","userId":"u1","groupId":"g1","traits":{"name":"Acme"},"messageId":"m5","context":{}},
 {"timestamp":"2026-07-01T11:59:58.005Z","type":"screen","userId":"u1","name":"Main","messageId":"m6","context":{}}
],"writeKey":"wk_site_1","sentAt":"2026-07-01T11:59:59.500Z"}`

func TestServerBatch(t *testing.T) {
	r := doorkit.New(t, Register)
	w := r.Do("POST", "/v1/batch", nodeBatch, basic(doorkit.WriteKey), "User-Agent: analytics-node-next/latest", "Content-Type: application/json")
	if w.Code != 200 || w.Body.String() != `{"success":true}` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	rows := r.Take()
	if len(rows) != 6 {
		t.Fatalf("%d rows, rejected %v", len(rows), r.Rejects())
	}
	doorkit.Exact(t, rows[0], map[string]any{"type": "Order Completed", "event_id": "node-next-1-a", "user_id": "u1", "ts": "2026-07-01T11:59:58Z", "tenant": "acme", "site_id": "site-1",
		"nums.revenue": 39.95, "props.currency": "EUR", "props.products": `[{"sku":"a"}]`, "nums.nested.a": 1.0, "ip": "203.0.113.9", "user_agent": "UA",
		"props.context.library.name": "@segment/analytics-node", "props.context.library.version": "3.1.0"})
	doorkit.Exact(t, rows[1], map[string]any{"type": "identify", "event_id": "m2", "user_id": "u1", "client_id": "a1", "ts": "2026-07-01T11:59:58.001Z", "tenant": "acme", "site_id": "site-1",
		"props.email": "x@example.com", "props.plan": "pro"})
	doorkit.Exact(t, rows[2], map[string]any{"type": "pageview", "event_id": "m3", "user_id": "u1", "ts": "2026-07-01T11:59:58.002Z", "tenant": "acme", "site_id": "site-1",
		"url": "https://example.com/a?utm_source=x", "host": "example.com", "path": "/a", "utm_source": "x", "referrer": "https://google.com/", "referrer_host": "google.com",
		"props.title": "A", "props.name": "Home", "props.category": "Docs"})
	doorkit.Check(t, rows[3], map[string]any{"type": "alias", "user_id": "u1", "props.previous_id": "old"})
	doorkit.Check(t, rows[4], map[string]any{"type": "group", "user_id": "u1", "props.group_id": "g1", "props.name": "Acme"})
	doorkit.Check(t, rows[5], map[string]any{"type": "screen", "user_id": "u1", "props.name": "Main"})
}

// As analytics.js sends it: no content type that means anything, the key in the body too, the browser's address.
const browserTrack = `{"timestamp":"2026-07-01T11:00:00.000Z","integrations":{},"type":"track","event":"Clicked","anonymousId":"a1","userId":null,
 "properties":{"button":"buy","url":"mine"},"context":{"page":{"path":"/p","referrer":"https://news.example/","search":"?q","title":"T","url":"https://shop.example.com/p?q"},
 "userAgent":"Mozilla/5.0","locale":"de-DE","library":{"name":"analytics.js","version":"npm:next-1.84.3"},"campaign":{"name":"spring","source":"mail","medium":"email","term":"t"},
 "screen":{"width":1920,"height":1080,"density":2},"timezone":"Europe/Berlin","userAgentData":{"brands":[]}},"messageId":"ajs-next-1","writeKey":"site-2","sentAt":"2026-07-01T11:00:10.000Z","_metadata":{}}`

func TestBrowser(t *testing.T) {
	r := doorkit.New(t, Register)
	row := r.One(t, 200, "POST", "/v1/t", browserTrack, "Content-Type: text/plain", "User-Agent: Mozilla/5.0", "Origin: https://shop.example.com")
	doorkit.Exact(t, row, map[string]any{"type": "Clicked", "event_id": "ajs-next-1", "client_id": "a1", "tenant": "acme", "site_id": "site-2",
		"ts": "2026-07-01T11:59:50Z", "client_ts": "2026-07-01T11:00:00Z", // sent an hour late by its own clock
		"url": "https://shop.example.com/p?q", "host": "shop.example.com", "path": "/p", "referrer": "https://news.example/", "referrer_host": "news.example",
		"utm_source": "mail", "utm_medium": "email", "utm_campaign": "spring", "utm_term": "t", "props.title": "T", "props.locale": "de-DE", "props.screen": "1920x1080",
		"user_agent": "Mozilla/5.0", "ip": "192.0.2.1", "props.button": "buy", "props.url": "mine", "nums.context.screen.density": 2.0,
		"props.context.timezone": "Europe/Berlin", "props.context.library.name": "analytics.js", "props.context.library.version": "npm:next-1.84.3"})

	w := r.Do("POST", "/v1/t", browserTrack, "Origin: https://evil.example")
	if w.Code != 403 || !strings.Contains(w.Body.String(), "origin_forbidden") || r.Rejects()["site-2 origin_forbidden"] != 1 {
		t.Errorf("a page that the source does not allow: %d %s", w.Code, w.Body)
	}
	batch := `{"writeKey":"site-2","batch":[` + browserTrack + `],"sentAt":"2026-07-01T12:00:00.000Z"}`
	r.One(t, 200, "POST", "/v1/b", batch, "Origin: https://shop.example.com")
}

// The address of a server that sends is not a visitor's.
func TestServerAddress(t *testing.T) {
	r := doorkit.New(t, Register)
	row := r.One(t, 200, "POST", "/v1/track", `{"event":"e","userId":"u"}`, basic(doorkit.WriteKey), "User-Agent: python-requests")
	doorkit.Check(t, row, map[string]any{"ip": nil, "user_agent": nil})
	row = r.One(t, 200, "POST", "/v1/track", `{"event":"e","userId":"u","context":{"library":{"name":"analytics-android"}}}`, basic(doorkit.WriteKey), "User-Agent: okhttp")
	doorkit.Check(t, row, map[string]any{"ip": "192.0.2.1", "user_agent": nil})
	// A public name may not say where somebody is; who does not say what library it is shows itself, and is judged by that.
	row = r.One(t, 200, "POST", "/v1/track", `{"event":"e","userId":"u","context":{"ip":"203.0.113.9"}}`, basic("app-1"), "User-Agent: python-requests")
	doorkit.Check(t, row, map[string]any{"ip": "192.0.2.1", "user_agent": "python-requests"})
	row = r.One(t, 200, "POST", "/v1/track", `{"event":"e","userId":"u","context":{"ip":"203.0.113.9","library":{"name":"analytics-python"}}}`, basic("app-1"), "User-Agent: python-requests")
	doorkit.Check(t, row, map[string]any{"ip": nil, "user_agent": nil})
}

func TestRudder(t *testing.T) {
	r := doorkit.New(t, Register)
	body := `{"batch":[{"event":"Test","userId":12,"context":{"traits":{"a":1},"library":{"name":"analytics-node","version":"3.0.13"},"sessionId":1720000000},"properties":{"x":true},
	 "type":"track","messageId":"m","originalTimestamp":"2026-06-30T12:00:00.000Z","sentAt":"2026-06-30T12:00:01.000Z","channel":"server"}],"sentAt":"2026-06-30T12:00:01.000Z"}`
	row := r.One(t, 200, "POST", "/v1/batch", body, basic(doorkit.WriteKey), "Content-Type: application/x-www-form-urlencoded")
	doorkit.Check(t, row, map[string]any{"type": "Test", "user_id": "12", "session_id": "1720000000", "ts": "2026-07-01T11:59:59Z", "props.x": "true", "props.context.traits.a": nil})
	row = r.One(t, 200, "POST", "/v1/identify", `{"userId":"u","anonymousId":"a","context":{"traits":{"plan":"x"}},"traits":{"plan":"y"}}`, basic(doorkit.WriteKey))
	doorkit.Check(t, row, map[string]any{"type": "identify", "props.plan": "y"})
	w := r.Do("GET", "/sourceConfig/?writeKey=k1", "")
	var cfg struct {
		Source struct {
			ID, WriteKey string
			Config       map[string]any
			Destinations []any
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &cfg); err != nil || cfg.Source.ID == "" || cfg.Source.WriteKey != "k1" || cfg.Source.Destinations == nil || cfg.Source.Config == nil {
		t.Errorf("sourceConfig: %v %s", err, w.Body)
	}
}

func TestJitsu(t *testing.T) {
	r := doorkit.New(t, Register)
	for _, key := range []string{doorkit.WriteKey, "weir:" + doorkit.WriteKey, "app-1:x", "app-1"} {
		r.One(t, 200, "POST", "/api/s/track", `{"event":"e","anonymousId":"a","writeKey":"k:***"}`, "X-Write-Key: "+key)
	}
	// A source of another tenant is called like the id, or like both together: the key goes first.
	if row := r.One(t, 200, "POST", "/api/s/track", `{"event":"e","anonymousId":"a"}`, "X-Write-Key: theirs:"+doorkit.WriteKey); row["tenant"] != "acme" {
		t.Errorf("stored for %v", row["tenant"])
	}
	if row := r.One(t, 200, "POST", "/api/s/track", `{"event":"e","anonymousId":"a"}`, "X-Write-Key: theirs:x"); row["tenant"] != "globe" {
		t.Errorf("stored for %v", row["tenant"])
	}
	row := r.One(t, 200, "POST", "/api/s/page", `{"type":"page","anonymousId":"a","writeKey":"k:***","messageId":"m","context":{"page":{"url":"https://example.com/x"}}}`, "X-Write-Key: "+doorkit.WriteKey)
	doorkit.Check(t, row, map[string]any{"type": "pageview", "path": "/x", "client_id": "a"})
}

// A name of blanks is none.
func TestBlankName(t *testing.T) {
	r := doorkit.New(t, Register)
	if w := r.Do("POST", "/v1/track", `{"type":"track","event":"\u3000 ","userId":"u","writeKey":"app-1"}`); w.Code != 200 || r.Rejects()["site-1 field_missing"] != 1 || len(r.Take()) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestKeys(t *testing.T) {
	r := doorkit.New(t, Register)
	const msg = `{"type":"track","event":"e","userId":"u"`
	for name, c := range map[string]struct {
		body, header string
		status       int
	}{
		"basic": {msg + `}`, basic(doorkit.WriteKey), 200}, "bearer": {msg + `}`, "Authorization: Bearer " + doorkit.WriteKey, 200},
		"body": {msg + `,"writeKey":"wk_site_1"}`, "X: y", 200}, "alias": {msg + `,"writeKey":"app-1"}`, "X: y", 200},
		"none": {msg + `}`, "X: y", 401}, "unknown": {msg + `}`, basic("nobody"), 401}, "viewer": {msg + `}`, basic(doorkit.ViewerKey), 403},
	} {
		if w := r.Do("POST", "/v1/track", c.body, c.header); w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	r.Take()
}

// A bad message does not take the good ones with it; it is counted with its reason.
func TestBadMessages(t *testing.T) {
	r := doorkit.New(t, Register)
	long := strings.Repeat("i", 1025)
	for msg, code := range map[string]string{
		`{"type":"track","userId":"u"}`:                                         "field_missing",
		`{"type":"dance","userId":"u"}`:                                         "invalid_value",
		`{"userId":"u"}`:                                                        "invalid_value",
		`{"type":"identify","traits":{}}`:                                       "field_missing",
		`{"type":"alias","userId":"u"}`:                                         "field_missing",
		`{"type":"track","event":"e","userId":{}}`:                              "invalid_type",
		`{"type":"track","event":"e","timestamp":"soon"}`:                       "invalid_value",
		`{"type":"track","event":"e","timestamp":"2020-01-01T00:00:00Z"}`:       "ts_out_of_range",
		`{"type":"track","event":"e","properties":{"n":1e999}}`:                 "number_out_of_range",
		`{"type":"track","event":"a\u0000b"}`:                                   "nul_byte",
		`{"type":"track","event":"e","properties":{"x":"\u0000"}}`:              "nul_byte",
		`{"type":"track","event":"e","x":"` + strings.Repeat("x", 60000) + `"}`: "event_too_large",
		`{"type":"track","event":"e","properties":` + strings.Repeat(`{"a":`, 30) + "1" + strings.Repeat("}", 31): "too_deep",
		`7`:    "invalid_type",
		`null`: "invalid_type",
		`{"type":"identify","anonymousId":"a","userId":"` + long + `"}`: "id_too_long",
		`{"type":"alias","userId":"u","previousId":"` + long + `"}`:     "id_too_long",
	} {
		w := r.Do("POST", "/v1/batch", `{"batch":[`+msg+`,{"type":"track","event":"good","userId":"u"}]}`, basic(doorkit.WriteKey))
		rows, rejects := r.Take(), r.Rejects()
		if w.Code != 200 || len(rows) != 1 || rows[0]["type"] != "good" || rejects["site-1 "+code] != 1 || w.Header().Get("X-Weir-Rejected") != "1" {
			t.Errorf("%.80s: %d %s, rows %v, rejected %v, want %s", msg, w.Code, w.Body, rows, rejects, code)
		}
	}
	// A body that is no JSON is a fault of the whole request.
	for _, body := range []string{``, `{`, `[]`, `"x"`, `{"batch":[{"type":"track","event":"e"},}]}`, `{"batch":{}}`, `{"batch":[]}x`} {
		if w := r.Do("POST", "/v1/batch", body, basic(doorkit.WriteKey)); w.Code != 400 || len(r.Take()) > 0 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	r.Rejects()
	for body, want := range map[string]string{`{"batch":{}}`: "batch must be an array, not an object", `[{"type":"track","event":"e"}]`: `send its messages as {\"batch\":[…]}`} {
		if w := r.Do("POST", "/v1/batch", body, basic(doorkit.WriteKey)); !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"field":"batch"`) || r.Rejects()["site-1 invalid_type"] != 1 {
			t.Errorf("%s: %s, want %s", body, w.Body, want)
		}
	}
	if w := r.Do("GET", "/v1/batch", ""); w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}

// Of two properties with one name the later stays, as in JSON.parse; what the event says goes before what its context says.
func TestTwice(t *testing.T) {
	r := doorkit.New(t, Register)
	row := r.One(t, 200, "POST", "/v1/track", `{"event":"e","userId":"u","properties":{"a":1,"a":2,"locale":"fr"},"context":{"locale":"de"}}`, basic(doorkit.WriteKey))
	doorkit.Check(t, row, map[string]any{"nums.a": 2.0, "props.locale": "fr", "twice": nil})
}

// A repeated request is the same event, though its sentAt is another.
func TestRetryIsTheSame(t *testing.T) {
	r := doorkit.New(t, Register)
	for _, sent := range []string{"2026-07-01T12:00:00.000Z", "2026-07-01T12:00:01.000Z"} {
		r.One(t, 200, "POST", "/v1/batch", `{"batch":[{"type":"track","event":"e","userId":"u","messageId":"m","timestamp":"2026-07-01T11:00:00Z"}],"sentAt":"`+sent+`"}`, basic(doorkit.WriteKey))
	}
	if h := r.Hashes(); h[0] != h[1] {
		t.Error("the retry counts as another event")
	}
}

// The clock of the sender: of the batch, of the message, and of a message that knows two times.
func TestClock(t *testing.T) {
	r := doorkit.New(t, Register)
	for name, c := range map[string]struct{ body, ts, client string }{
		"batch":      {`{"batch":[{"type":"track","event":"e","userId":"u","timestamp":"2026-07-01T10:00:00Z"}],"sentAt":"2026-07-01T11:00:00Z"}`, "2026-07-01T11:00:00Z", "2026-07-01T10:00:00Z"},
		"message":    {`{"batch":[{"type":"track","event":"e","userId":"u","timestamp":"2026-07-01T10:00:00Z","sentAt":"2026-07-01T11:00:00Z"}]}`, "2026-07-01T11:00:00Z", "2026-07-01T10:00:00Z"},
		"two times":  {`{"batch":[{"type":"track","event":"e","userId":"u","originalTimestamp":"2026-07-01T10:00:00Z","timestamp":"2026-07-01T09:00:00Z","sentAt":"2026-07-01T11:00:00Z"}]}`, "2026-07-01T11:00:00Z", "2026-07-01T10:00:00Z"},
		"no first":   {`{"batch":[{"type":"track","event":"e","userId":"u","originalTimestamp":null,"timestamp":"2026-07-01T10:00:00Z"}]}`, "2026-07-01T10:00:00Z", ""},
		"on the way": {`{"batch":[{"type":"track","event":"e","userId":"u","timestamp":"2026-07-01T10:00:00Z"}],"sentAt":"2026-07-01T11:59:58.001Z"}`, "2026-07-01T10:00:00Z", ""},
		"ahead":      {`{"batch":[{"type":"track","event":"e","userId":"u","timestamp":"2026-07-03T12:00:00Z"}],"sentAt":"2026-07-03T12:00:01Z"}`, "2026-07-01T11:59:59Z", "2026-07-03T12:00:00Z"},
		"never sent": {`{"batch":[{"type":"track","event":"e","userId":"u","timestamp":"2026-07-01T10:00:00.5"}],"sentAt":null}`, "2026-07-01T10:00:00.5Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string]any{"ts": c.ts, "client_ts": nil}
			if c.client != "" {
				want["client_ts"] = c.client
			}
			doorkit.Check(t, r.One(t, 200, "POST", "/v1/batch", c.body, basic(doorkit.WriteKey)), want)
		})
	}
}

// A body that is no JSON, of a known sender, counts as one rejected event; what a batch says for all its messages counts as each one's.
func TestWholeRequest(t *testing.T) {
	r := doorkit.New(t, Register)
	if w := r.Do("POST", "/v1/batch", `{"batch":[{"type":"track","event":"e"}5]}`, basic(doorkit.WriteKey)); w.Code != 400 || r.Rejects()["site-1 malformed_json"] != 1 {
		t.Errorf("no JSON: %d", w.Code)
	}
	if w := r.Do("POST", "/v1/batch", `{"batch":7}`, basic(doorkit.WriteKey)); w.Code != 400 || r.Rejects()["site-1 invalid_type"] != 1 || len(r.Take()) > 0 {
		t.Errorf("no batch: %d", w.Code)
	}
	for _, c := range []struct {
		body, coding, code string
		status             int
	}{{strings.Repeat(" ", 11<<20), "", "body_too_large", 413}, {"\x1f\x8b\x08broken", "", "invalid_encoding", 400}, {"{}", "br", "unsupported_encoding", 415}} {
		if w := r.Do("POST", "/v1/batch", c.body, basic(doorkit.WriteKey), "Content-Encoding: "+c.coding); w.Code != c.status || r.Rejects()["site-1 "+c.code] != 1 {
			t.Errorf("a body that cannot be read, of a key in the headers: %d, want %d, and %s to be counted", w.Code, c.status, c.code)
		}
		if w := r.Do("POST", "/v1/batch", c.body, basic("nobody"), "Content-Encoding: "+c.coding); w.Code != c.status || len(r.Rejects()) > 0 {
			t.Errorf("a body that cannot be read, of nobody: %d, want %d", w.Code, c.status)
		}
	}
	one := `{"type":"track","event":"e","userId":"u"}`
	r.Do("POST", "/v1/batch", `{"context":{"x":"`+strings.Repeat("x", 60000)+`"},"batch":[`+one+`,`+one+`]}`, basic(doorkit.WriteKey))
	if got := r.Rejects(); got["site-1 event_too_large"] != 2 || len(r.Take()) > 0 {
		t.Errorf("a large context for all: %v", got)
	}
	row := r.One(t, 200, "POST", "/v1/batch", `{"context":{"app":{"name":"shop"},"locale":"de"},"batch":[{"type":"track","event":"e","userId":"u","context":{"locale":"fr"}}]}`, basic(doorkit.WriteKey))
	doorkit.Check(t, row, map[string]any{"props.context.app.name": "shop", "props.locale": "fr"})
}

func TestLimits(t *testing.T) {
	r := doorkit.New(t, Register)
	r.Limit = doorkit.OverLimit()
	w := r.Do("POST", "/v1/batch", nodeBatch, basic(doorkit.WriteKey))
	if w.Code != 429 || w.Header().Get("Retry-After") != "3" || len(r.Rejects()) > 0 {
		t.Errorf("over a limit: %d %v: the client sends again", w.Code, w.Header())
	}
	r.Limit = doorkit.Busy()
	if w := r.Do("POST", "/v1/track", `{"type":"track","event":"e","userId":"u","writeKey":"app-1"}`); w.Code != 503 || w.Header().Get("Retry-After") != "1" || len(r.Rejects()) > 0 {
		t.Errorf("too much in work: %d %v: it is sent again", w.Code, w.Header())
	}
	r.Limit, r.LimitAfter = nil, problem.New(http.StatusRequestEntityTooLarge, "over_burst", "too many at once")
	if w = r.Do("POST", "/v1/batch", nodeBatch, basic(doorkit.WriteKey)); w.Code != 413 || r.Rejects()["site-1 over_burst"] != 6 {
		t.Errorf("more than ever goes: %d: the client gives up, so they are lost", w.Code)
	}
	r.LimitAfter, r.AddressLimit = nil, problem.New(http.StatusTooManyRequests, "over_ip_limit", "too many").WithRetry(time.Second)
	if w = r.Do("POST", "/v1/t", browserTrack, "Origin: https://shop.example.com"); w.Code != 429 {
		t.Errorf("an address over its limit: %d", w.Code)
	}
	if w = r.Do("POST", "/v1/batch", nodeBatch, basic(doorkit.WriteKey)); w.Code != 200 {
		t.Errorf("a key is not held to the limit of addresses: %d", w.Code)
	}
	r.LogErr = http.ErrAbortHandler
	if w = r.Do("POST", "/v1/batch", nodeBatch, basic(doorkit.WriteKey)); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("not durable: %d", w.Code)
	}
}

func TestSettings(t *testing.T) {
	r := doorkit.New(t, Register)
	w := r.Do("GET", "/v1/projects/k%22x/settings", "", "Origin: https://a.example")
	var s struct {
		Integrations map[string]struct{ APIKey, APIHost string }
		Plan         map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Integrations["Segment.io"].APIKey != `k"x` || s.Integrations["Segment.io"].APIHost != "example.com/v1" {
		t.Errorf("%v %s", err, w.Body)
	}
	if w.Header().Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Error("other origins may not read it")
	}
	if w = r.Do("OPTIONS", "/v1/b", "", "Origin: https://a.example"); w.Code != 204 || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "x-retry-count") {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
}

func FuzzSegment(f *testing.F) {
	f.Add([]byte(nodeBatch), true)
	f.Add([]byte(browserTrack), false)
	f.Add([]byte(`{"batch":[{"type":"page","context":{"page":{"path":"\ud83d"},"screen":{"width":1e9}}}],"context":[1]}`), true)
	r := doorkit.New(f, Register)
	f.Fuzz(func(t *testing.T, body []byte, batch bool) {
		path := "/v1/p"
		if batch {
			path = "/v1/batch"
		}
		w := r.Do("POST", path, string(body), basic(doorkit.WriteKey))
		if w.Code >= 500 || w.Code != 200 && len(r.Take()) > 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.Sound(t)
	})
}

// What messages have in common is checked like their own, and not read again and again without end.
func TestCommon(t *testing.T) {
	r := doorkit.New(t, Register)
	r.Do("POST", "/v1/batch", `{"context":{"x":"`+"\xff"+`"},"batch":[{"type":"track","event":"e","userId":"u"}]}`, basic(doorkit.WriteKey))
	if rejects := r.Rejects(); rejects["site-1 invalid_utf8"] != 1 || len(r.Take()) > 0 {
		t.Errorf("rejected %v", rejects)
	}
	w := r.Do("POST", "/v1/batch", `{"context":{"x":"`+strings.Repeat("x", 40000)+`"},"batch":[{}`+strings.Repeat(",{}", 5000)+`]}`, basic(doorkit.WriteKey))
	if rejects := r.Rejects(); w.Code != 413 || rejects["site-1 body_too_large"] != 1 || len(rejects) != 1 || len(r.Take()) > 0 {
		t.Errorf("%d %s, rejected %v", w.Code, w.Body, rejects)
	}
}

// An address that is no text is not stored either.
func TestStrangeAddress(t *testing.T) {
	r := doorkit.New(t, Register)
	row := r.One(t, 200, "POST", "/v1/track", `{"event":"e","userId":"u","context":{"ip":["203.0.113.9"]}}`, basic(doorkit.WriteKey))
	doorkit.Check(t, row, map[string]any{"props.context.ip": nil, "ip": nil})
}

// TestNoAddressStored: the address of the device is no property, wherever the context says it.
func TestNoAddressStored(t *testing.T) {
	r := doorkit.New(t, Register)
	for _, context := range []string{`{"ip":"203.0.113.9"}`, `{"device":{"ip":"203.0.113.9","type":"ios"}}`, `{"device":{"ip":["203.0.113.9"],"type":"ios"}}`, `{"device.ip":"203.0.113.9"}`, `{"ip":["203.0.113.9"]}`} {
		row := r.One(t, 200, "POST", "/v1/track", `{"writeKey":"wk_site_1","type":"track","event":"e","userId":"u","context":`+context+`}`)
		for name, v := range row {
			if s, _ := v.(string); name != "ip" && strings.Contains(s, "203.0.113.9") {
				t.Errorf("%s: stored as %s: %v", context, name, v)
			}
		}
		if strings.Contains(context, "ios") && row["props.context.device.type"] != "ios" {
			t.Errorf("%s: %v", context, row)
		}
	}
}

// TestSharedIsBounded: the context of a batch is not read again for messages that are too many.
func TestSharedIsBounded(t *testing.T) {
	r := doorkit.New(t, Register)
	var context []string
	for i := range 900 {
		context = append(context, fmt.Sprintf(`"a-%03d":%d`, i, i))
	}
	body := `{"writeKey":"wk_site_1","context":{` + strings.Join(context, ",") + `},"batch":[` + strings.Repeat(`{"type":"track","event":"e","userId":"u"},`, 49999) + `{"type":"page"}]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := r.Do("POST", "/v1/batch", body)
	runtime.ReadMemStats(&after)
	if rejects := r.Rejects(); w.Code != 413 || rejects["site-1 body_too_large"] != 1 || len(r.Take()) > 0 {
		t.Errorf("%d %s, rejected %v", w.Code, w.Body, rejects)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
		t.Errorf("of %d bytes: %d bytes were used to refuse it", len(body), n)
	}
}
