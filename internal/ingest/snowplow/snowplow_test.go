package snowplow

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"weir/internal/problem"
	"weir/internal/testkit/doorkit"
)

const (
	tp2    = "/com.snowplowanalytics.snowplow/tp2"
	server = `"p":"srv","tv":"node-4.8.0","tna":"ns","aid":"wk_site_1","uid":"u1","ip":"203.0.113.9","ua":"UA","dtm":"1782907198000","duid":"d1","sid":"s1","vid":"3","stm":"1782907200500"`
)

func payload(events ...string) string {
	return `{"schema":"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4","data":[` + strings.Join(events, ",") + `]}`
}

func unstruct(schema, data string) string {
	return `{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"` + schema + `","data":` + data + `}}`
}

func contexts(list string) string {
	return `{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[` + list + `]}`
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// As @snowplow/node-tracker sends it.
func TestServer(t *testing.T) {
	r := doorkit.New(t, Register)
	cx := b64(contexts(`{"schema":"iglu:com.acme/user/jsonschema/1-0-0","data":{"plan":"pro","n":{"a":1}}}`))
	w := r.Do("POST", tp2, payload(
		`{"e":"pv","url":"https://example.com/a?utm_source=x","page":"A","refr":"https://google.com/","eid":"e1",`+server+`}`,
		`{"e":"se","se_ca":"c","se_ac":"act","se_la":"7","se_pr":"p","se_va":"3.5","eid":"e2",`+server+`}`,
		`{"e":"ue","eid":"e3",`+server+`,"ue_px":"`+b64(unstruct("iglu:com.acme/link_click/jsonschema/1-0-0", `{"targetUrl":"x","n":{"a":1},"revenue":"2.5"}`))+`","cx":"`+cx+`"}`,
		`{"e":"tr","eid":"e4",`+server+`,"tr_id":"17","tr_tt":"99.95","tr_cu":"EUR","tr_tx":"9"}`,
		`{"e":"ti","eid":"e5",`+server+`,"ti_id":"17","ti_sk":"sku","ti_pr":"9.5","ti_qu":"2"}`,
	), "Content-Type: application/json; charset=UTF-8", "User-Agent: node")
	rows := r.Take()
	if w.Code != 200 || len(rows) != 5 {
		t.Fatalf("%d %s, %d rows, rejected %v", w.Code, w.Body, len(rows), r.Rejects())
	}
	same := func(more map[string]any) map[string]any {
		m := map[string]any{"tenant": "acme", "site_id": "site-1", "ts": "2026-07-01T11:59:58Z", "user_id": "u1", "client_id": "d1", "session_id": "s1", "ip": "203.0.113.9", "user_agent": "UA",
			"props.platform": "srv", "props.tracker": "node-4.8.0", "nums.session_index": 3.0}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	doorkit.Exact(t, rows[0], same(map[string]any{"type": "pageview", "event_id": "e1", "url": "https://example.com/a?utm_source=x", "host": "example.com", "path": "/a", "utm_source": "x",
		"referrer": "https://google.com/", "referrer_host": "google.com", "props.title": "A"}))
	doorkit.Exact(t, rows[1], same(map[string]any{"type": "act", "event_id": "e2", "props.category": "c", "props.label": "7", "props.property": "p", "nums.value": 3.5}))
	doorkit.Exact(t, rows[2], same(map[string]any{"type": "link_click", "event_id": "e3", "props.targetUrl": "x", "nums.n.a": 1.0, "nums.revenue": 2.5, "props.user.plan": "pro", "nums.user.n.a": 1.0}))
	doorkit.Exact(t, rows[3], same(map[string]any{"type": "transaction", "event_id": "e4", "props.transaction_id": "17", "nums.revenue": 99.95, "props.currency": "EUR", "nums.tax": 9.0}))
	doorkit.Exact(t, rows[4], same(map[string]any{"type": "transaction_item", "event_id": "e5", "props.transaction_id": "17", "props.sku": "sku", "nums.price": 9.5, "nums.quantity": 2.0}))
}

// As the browser's tracker sends it: an hour late by its own clock, the application an alias.
func TestBrowser(t *testing.T) {
	r := doorkit.New(t, Register)
	web := `"p":"web","aid":"app-1","duid":"d1","dtm":"1782903590000","stm":"1782903600000","res":"1920x1080","lang":"de","url":"https://example.com/"`
	row := r.One(t, 200, "POST", tp2, payload(`{"e":"pv","eid":"e1",`+web+`}`), "Origin: https://example.com", "User-Agent: Mozilla/5.0")
	doorkit.Exact(t, row, map[string]any{"type": "pageview", "event_id": "e1", "tenant": "acme", "site_id": "site-1", "client_id": "d1", "ts": "2026-07-01T11:59:50Z", "client_ts": "2026-07-01T10:59:50Z",
		"url": "https://example.com/", "host": "example.com", "path": "/", "ip": "192.0.2.1", "user_agent": "Mozilla/5.0", "props.platform": "web", "props.screen": "1920x1080", "props.locale": "de"})
	// A true timestamp is not corrected.
	row = r.One(t, 200, "POST", tp2, payload(`{"e":"pv","ttm":"1782900000000",`+web+`}`))
	doorkit.Check(t, row, map[string]any{"ts": "2026-07-01T10:00:00Z", "client_ts": nil})
	row = r.One(t, 200, "POST", tp2, payload(`{"e":"pp","pp_may":"300",`+web+`}`))
	doorkit.Check(t, row, map[string]any{"type": "engagement", "props.event": "page_ping", "nums.pp_may": 300.0})
	row = r.One(t, 200, "POST", tp2, payload(`{"e":"pv","p":"srv","aid":"app-1","uid":"u"}`), "User-Agent: node")
	doorkit.Check(t, row, map[string]any{"ip": nil, "user_agent": nil})
	// An app names its user in a context, and what it sold in another.
	co := contexts(`{"schema":"iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-2","data":{"userId":"app-user","sessionId":"app-session","sessionIndex":4}},` +
		`{"schema":"iglu:com.snowplowanalytics.snowplow.ecommerce/transaction/jsonschema/1-0-0","data":{"revenue":12,"currency":"EUR","transaction_id":"t"}}`)
	body := payload(`{"e":"ue","p":"mob","aid":"app-1","ue_pr":` + quote(unstruct("iglu:a/b/jsonschema/1-0-0", `{}`)) + `,"co":` + quote(co) + `}`)
	row = r.One(t, 200, "POST", tp2, body, "User-Agent: okhttp")
	doorkit.Check(t, row, map[string]any{"type": "b", "client_id": "app-user", "session_id": "app-session", "nums.client_session.sessionIndex": 4.0, "nums.revenue": 12.0, "props.currency": "EUR",
		"props.transaction.transaction_id": "t", "ip": "192.0.2.1", "user_agent": nil})
	// A browser's repeat its ids.
	row = r.One(t, 200, "POST", tp2, payload(`{"e":"pv","sid":"s1",`+web+`,"co":`+quote(contexts(`{"schema":"iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-2","data":{"userId":"d1","sessionId":"s1"}}`))+`}`))
	doorkit.Check(t, row, map[string]any{"client_id": "d1", "session_id": "s1", "props.client_session.userId": nil, "props.client_session.sessionId": nil})
	// Who sends anonymously is not told by the address.
	row = r.One(t, 200, "POST", tp2, payload(`{"e":"pv","p":"web","aid":"app-1"}`), "SP-Anonymous: *", "User-Agent: Mozilla/5.0")
	doorkit.Check(t, row, map[string]any{"ip": nil, "client_id": nil, "user_agent": "Mozilla/5.0"})
	row = r.One(t, 200, "POST", tp2, payload(`{"e":"pv","p":"web","aid":"app-1","ip":"203.0.113.9"}`))
	doorkit.Check(t, row, map[string]any{"ip": "192.0.2.1", "client_id": "derived:site-1:192.0.2.1"})
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

func TestPixel(t *testing.T) {
	r := doorkit.New(t, Register)
	q := url.Values{"e": {"ue"}, "aid": {"app-1"}, "eid": {"e1"}, "p": {"web"}, "dtm": {"1782907198000"}, "stm": {"1782907200000"}, "duid": {"d\uFFFD"}, "page": {"Ä"},
		"ue_px": {b64(unstruct("iglu:com.acme/thing/jsonschema/1-0-0", `{"a":"b"}`))}}
	w := r.Do("GET", "/i?"+q.Encode(), "", "User-Agent: Mozilla/5.0")
	rows := r.Take()
	if w.Code != 200 || w.Header().Get("Content-Type") != "image/gif" || len(rows) != 1 {
		t.Fatalf("%d %s, %d rows, rejected %v", w.Code, w.Body, len(rows), r.Rejects())
	}
	doorkit.Exact(t, rows[0], map[string]any{"type": "thing", "event_id": "e1", "tenant": "acme", "site_id": "site-1", "client_id": "d\uFFFD", "ts": "2026-07-01T11:59:58Z", "props.title": "Ä",
		"props.platform": "web", "props.a": "b", "ip": "192.0.2.1", "user_agent": "Mozilla/5.0"})
	// What is no text would be made equal to others.
	for query, code := range map[string]string{"duid=a%e9": "invalid_utf8", "duid=a%00": "nul_byte", "uid=%ff": "invalid_utf8", "uid=%00": "nul_byte", "sid=%c3": "invalid_utf8", "page=caf%e9": "invalid_utf8",
		"page=a%00b": "nul_byte", "url=https://example.com/%e9": "invalid_utf8", "url=https://example.com/%00": "nul_byte", "eid=%ff": "invalid_utf8"} {
		w := r.Do("GET", "/i?e=pv&aid=app-1&p=web&"+query, "")
		if rows, rejects := r.Take(), r.Rejects(); w.Code != 200 || len(rows) > 0 || rejects["site-1 "+code] != 1 {
			t.Errorf("%s: %d, rows %v, rejected %v", query, w.Code, rows, rejects)
		}
	}
	doorkit.Check(t, r.One(t, 200, "GET", "/i?e=pv&aid=app-1&p=web&duid=a&%ff=b", ""), map[string]any{"client_id": "a"})
	for target, status := range map[string]int{"/i": 400, "/i?e=pv": 400, "/i?e=%zz&aid=app-1": 400, "/i?e=pv&aid=nobody": 401} {
		if w := r.Do("GET", target, ""); w.Code != status {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// Events of several sources of one tenant may come in one request; those of another tenant are nobody's.
func TestSeveralApps(t *testing.T) {
	r := doorkit.New(t, Register)
	w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"app-1"}`, `{"e":"pv","aid":"shop.example.com"}`, `{"e":"pv","aid":"other.example"}`), "Origin: https://shop.example.com")
	rows, rejects := r.Take(), r.Rejects()
	if w.Code != 200 || len(rows) != 2 || rows[1]["site_id"] != "site-2" || rejects["site_unknown"] != 1 {
		t.Errorf("%d: %v, rejected %v", w.Code, rows, rejects)
	}
	w = r.Do("POST", tp2, payload(`{"e":"pv","aid":"app-1"}`, `{"e":"pv","aid":"shop.example.com"}`), "Origin: https://evil.example")
	if rows, rejects = r.Take(), r.Rejects(); w.Code != 200 || len(rows) != 1 || rejects["site-2 origin_forbidden"] != 1 {
		t.Errorf("a page that one of the sources does not allow: %d: %v, rejected %v", w.Code, rows, rejects)
	}
}

func TestBadEvents(t *testing.T) {
	r := doorkit.New(t, Register)
	for event, code := range map[string]string{
		`{"aid":"app-1"}`: "field_missing", `{"e":"xx"}`: "invalid_value", `{"e":"se"}`: "field_missing", `{"e":"ue"}`: "field_missing",
		`{"e":"ue","ue_px":"***"}`: "invalid_value", `{"e":"ue","ue_pr":"[]"}`: "malformed_json", `{"e":"ue","ue_pr":"{"}`: "malformed_json", `{"e":"ue","ue_pr":"{}"}`: "field_missing",
		`{"e":"ue","ue_px":"` + b64(unstruct("nonsense", `{}`)) + `"}`: "invalid_value", `{"e":"ue","ue_px":"` + b64("\xff{}") + `"}`: "invalid_utf8",
		`{"e":"ue","ue_px":"` + b64(unstruct("iglu:a/b/jsonschema/1-0-0", `{"x":"\u0000"}`)) + `"}`: "nul_byte", `{"e":"pv","dtm":"soon"}`: "invalid_value", `{"e":{}}`: "invalid_type", `[]`: "invalid_type",
		`{"e":"pv","duid":"` + strings.Repeat("d", 1025) + `"}`:                                                                            "id_too_long",
		`{"e":"pv","cx":"` + b64(contexts(`{"schema":"x"}`)) + `"}`:                                                                        "invalid_value",
		`{"e":"ue","ue_pr":` + quote(unstruct("iglu:a/b/jsonschema/1-0-0", strings.Repeat(`{"a":`, 30)+"1"+strings.Repeat("}", 30))) + `}`: "too_deep",
	} {
		w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"app-1"}`, event))
		rows, rejects := r.Take(), r.Rejects()
		if w.Code != 200 || len(rows) != 1 || rejects["site-1 "+code] != 1 {
			t.Errorf("%s: %d %s, %d rows, rejected %v, want %s", event, w.Code, w.Body, len(rows), rejects, code)
		}
	}
	// A tracker sends again what is not one of these statuses: what will never be taken must be one.
	for body, status := range map[string]int{"": 400, "{}": 400, "[]": 400, payload(`{"e":"pv"}`): 400, payload(`{"aid":"nobody"}`): 401, payload() + "x": 400, `{"data":{}}`: 400,
		payload(`{"aid":"app-1"},`): 400, strings.Repeat(" ", 11<<20): 422} {
		if w := r.Do("POST", tp2, body); w.Code != status || len(r.Take()) > 0 {
			t.Errorf("%.60s: %d %s, want %d", body, w.Code, w.Body, status)
		}
	}
	r.Rejects()
	if w := r.Do("GET", "/i?e=pv&aid=app-1&page=%zz", ""); w.Code != 400 || r.Rejects()["site-1 malformed_query"] != 1 {
		t.Errorf("a query that cannot be read: %d: the tracker gives up", w.Code)
	}
}

func TestLimits(t *testing.T) {
	r := doorkit.New(t, Register)
	r.Limit = doorkit.OverLimit()
	two := payload(`{"e":"pv","aid":"app-1"}`, `{"e":"pv","aid":"app-1"}`)
	overLimit := func(when string) {
		t.Helper()
		if w := r.Do("POST", tp2, two); w.Code != 429 || w.Header().Get("Retry-After") != "3" || len(r.Rejects()) > 0 || len(r.Take()) > 0 {
			t.Errorf("over a limit that shows %s: %d: the tracker sends again", when, w.Code)
		}
	}
	overLimit("before the events are read")
	if w := r.Do("GET", "/i?e=pv&aid=app-1", ""); w.Code != 200 || r.Rejects()["site-1 over_limit"] != 1 || len(r.Take()) > 0 {
		t.Errorf("over a limit, pixel: %d", w.Code)
	}
	r.Limit = doorkit.Busy()
	if w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"app-1"}`)); w.Code != 503 || w.Header().Get("Retry-After") != "1" || len(r.Rejects()) > 0 {
		t.Errorf("too much in work: %d %v: it is sent again", w.Code, w.Header())
	}
	r.Limit, r.LimitAfter = nil, doorkit.OverLimit()
	overLimit("after that")
	r.LimitAfter = problem.New(http.StatusRequestEntityTooLarge, "over_burst", "too many at once")
	if w := r.Do("POST", tp2, two); w.Code != 422 || r.Rejects()["site-1 over_burst"] != 2 || len(r.Take()) > 0 {
		t.Errorf("more than may ever come at once: %d: the tracker gives up", w.Code)
	}
	r.LimitAfter, r.LogErr = nil, http.ErrAbortHandler
	if w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"app-1"}`)); w.Code != 503 {
		t.Errorf("not durable: %d: the tracker sends again", w.Code)
	}
	r.LogErr = nil
	if w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"shop.example.com"}`), "Origin: https://evil.example"); w.Code != 200 || r.Rejects()["site-2 origin_forbidden"] != 1 {
		t.Errorf("a page that the source does not allow: %d", w.Code)
	}
	for header, want := range map[string]int{"Referer: https://evil.example/p": 0, "Referer: https://shop.example.com/p": 1} { // of an image
		if w := r.Do("GET", "/i?e=pv&aid=shop.example.com", "", header); w.Code != 200 || len(r.Take()) != want || r.Rejects()["site-2 origin_forbidden"] != 1-want {
			t.Errorf("%s: %d", header, w.Code)
		}
	}
	if w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"wk_site_2"}`), "Origin: https://evil.example"); w.Code != 403 || r.Rejects()["site-2 origin_forbidden"] != 1 {
		t.Errorf("so with a write key: %d", w.Code)
	}
	r.AddressLimit = problem.New(429, "over_ip_limit", "too many")
	if w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"app-1"}`)); w.Code != 429 {
		t.Errorf("an address over its limit: %d", w.Code)
	}
	if w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"wk_site_1"}`)); w.Code != 200 {
		t.Errorf("a key is not held to the limit of addresses: %d", w.Code)
	}
}

func TestPreflight(t *testing.T) {
	r := doorkit.New(t, Register)
	w := r.Do("OPTIONS", tp2, "", "Origin: https://a.example", "Access-Control-Request-Headers: content-type,sp-anonymous")
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "https://a.example" || w.Header().Get("Access-Control-Allow-Credentials") != "true" ||
		!strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "sp-anonymous") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func FuzzSnowplow(f *testing.F) {
	f.Add([]byte(payload(`{"e":"pv","aid":"app-1",`+server+`}`)), "e=pv&aid=app-1&dtm=1")
	f.Add([]byte(payload(`{"e":"ue","aid":"app-1","ue_px":"`+b64(unstruct("iglu:a/b/c/d", `{"x":[1]}`))+`"}`)), "e=ue&aid=app-1&ue_pr="+url.QueryEscape(unstruct("iglu:a/b/c/d", `{"x":null}`)))
	f.Add([]byte(payload(`{"e":"se","se_ac":"\ud83d","aid":"app-1","co":`+quote(contexts(`{"schema":"iglu:a/b/c/d","data":{"x":1}}`))+`}`)), "e=se&se_ac=%FF&aid=app-1&se_va=1e999")
	r := doorkit.New(f, Register)
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		if w := r.Do("POST", tp2, string(body)); w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.Sound(t)
		if _, err := url.Parse("http://x/i?" + query); err != nil || strings.ContainsAny(query, " #\r\n\x00") {
			return
		}
		if w := r.Do("GET", "/i?"+url.QueryEscape(query), ""); w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		w := r.Do("GET", "/i?"+strings.Map(func(c rune) rune {
			if c < 33 || c > 126 {
				return -1
			}
			return c
		}, query), "")
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.Sound(t)
	})
}

// TestFirstKnownApp: the first event that names a known application opens the request; the others are rejected wherever they stand.
func TestFirstKnownApp(t *testing.T) {
	r := doorkit.New(t, Register)
	nobody := func(n int) string { return fmt.Sprintf(`{"e":"pv","aid":"nobody-%d"}`, n) }
	for name, c := range map[string]struct {
		before     []string
		good, code string
	}{
		"nobody's":                {[]string{nobody(1)}, "app-1", "site_unknown"},
		"many of nobody":          {slices.Repeat([]string{nobody(1), nobody(2)}, 500), "app-1", "site_unknown"},
		"no event":                {[]string{"5"}, "app-1", "site-1 invalid_type"},
		"nobody's, and a key":     {[]string{nobody(1)}, "wk_site_1", "site-1 site_forbidden"},
		"a key of nobody":         {[]string{`{"e":"pv","aid":"wk_gone"}`}, "app-1", "site_unknown"},
		"an id that is no name":   {[]string{`{"e":"pv","aid":"\u0000"}`, nobody(1)}, "app-1", ""},
		"escaped":                 {[]string{nobody(1)}, `\u0061pp-1`, "site_unknown"},
		"of another name, no key": {[]string{nobody(1)}, "example.com", "site_unknown"},
	} {
		good := `{"e":"pv","aid":"` + c.good + `"}`
		for order, events := range map[string][]string{"": append(slices.Clone(c.before), good), ", the other order": append([]string{good}, c.before...)} {
			w := r.Do("POST", tp2, payload(events...))
			rows, rejects := r.Take(), r.Rejects()
			if w.Code != 200 || len(rows) != 1 || rows[0]["site_id"] != "site-1" || c.code != "" && rejects[c.code] != len(c.before) {
				t.Errorf("%s%s: %d %.200s, rows %v, rejected %v", name, order, w.Code, w.Body, rows, rejects)
			}
		}
	}
	for _, events := range [][]string{{nobody(1), nobody(2)}, {`{"e":"pv"}`, nobody(1)}} {
		if w := r.Do("POST", tp2, payload(events...)); w.Code != 401 || len(r.Take())+len(r.Rejects()) > 0 {
			t.Errorf("%s: %d %s: no event names a known application", events, w.Code, w.Body)
		}
	}
	// The other names of a key's source will do, those of other sources will not: their events would be stored where they do not belong.
	w := r.Do("POST", tp2, payload(`{"e":"pv","aid":"wk_site_1"}`, `{"e":"pv","aid":"app-1"}`, `{"e":"pv"}`, `{"e":"pv","aid":"site-2"}`))
	if rows, rejects := r.Take(), r.Rejects(); w.Code != 200 || len(rows) != 3 || rejects["site-1 site_forbidden"] != 1 {
		t.Errorf("%d, %d rows, rejected %v", w.Code, len(rows), rejects)
	}
	// A source that does not take what the page sends does not stand in the way of one that does.
	for order, events := range map[string][]string{"first": {`{"e":"pv","aid":"shop.example.com"}`, `{"e":"pv","aid":"app-1"}`}, "last": {`{"e":"pv","aid":"app-1"}`, `{"e":"pv","aid":"shop.example.com"}`},
		"after another": {nobody(1), `{"e":"pv","aid":"vk_acme"}`, `{"e":"pv","aid":"shop.example.com"}`, `{"e":"pv","aid":"app-1"}`}} {
		w := r.Do("POST", tp2, payload(events...), "Origin: https://evil.example")
		if rows, rejects := r.Take(), r.Rejects(); w.Code != 200 || len(rows) != 1 || rejects["site-2 origin_forbidden"] != 1 || rejects["site_unknown"] != len(events)-2 {
			t.Errorf("a page that one source does not allow, %s: %d %s, %d rows, rejected %v", order, w.Code, w.Body, len(rows), rejects)
		}
	}
	if w := r.Do("POST", tp2, payload(nobody(1), `{"e":"pv","aid":"vk_acme"}`)); w.Code != 403 || r.Rejects()["forbidden"] != 1 {
		t.Errorf("a key that may not send, and a name of nobody: %d %s", w.Code, w.Body)
	}
	// A body that is broken behind them is counted for the one that is known.
	if w := r.Do("POST", tp2, `{"data":[`+nobody(1)+`,{"e":"pv","aid":"app-1"},`); w.Code != 400 || r.Rejects()["site-1 malformed_json"] != 1 {
		t.Errorf("broken: %d %s", w.Code, w.Body)
	}
}

// TestKeysTried: a request does not try keys without end: each that is not known is noted where refusals are.
func TestKeysTried(t *testing.T) {
	r := doorkit.New(t, Register)
	keys := func(n int) string {
		var events []string
		for i := range n {
			events = append(events, fmt.Sprintf(`{"e":"pv","aid":"wk_gone_%d"}`, i))
		}
		return payload(append(events, `{"e":"pv","aid":"wk_site_1"}`)...)
	}
	r.Do("POST", tp2, keys(1000))
	if n := r.Tried(); n > 10 {
		t.Errorf("%d keys were tried", n)
	}
	if w := r.Do("POST", tp2, keys(7)); w.Code != 200 || len(r.Take()) != 1 || r.Rejects()["site-1 site_forbidden"] != 7 {
		t.Errorf("a few keys that are not known, and one that is: %d %s", w.Code, w.Body)
	}
}
