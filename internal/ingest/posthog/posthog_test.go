package posthog

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"weir/internal/problem"
	"weir/internal/testkit/doorkit"
)

// As posthog-node sends it.
const nodeBatch = `{"api_key":"wk_site_1","batch":[
{"event":"bought","properties":{"revenue":"5.5","$currency":"EUR","$set":{"a":1},"$lib":"posthog-node","$lib_version":"5.70.0","$is_server":true,"$geoip_disable":true},"timestamp":"2026-07-01T11:59:58.306Z","uuid":"01a2161f-6664-700e-8f32-03e10723f46d","distinct_id":"u1"},
{"event":"$identify","properties":{"$set":{"plan":"pro"},"$set_once":{"first":"x"},"$anon_distinct_id":"a1","$lib":"posthog-node","$is_server":true},"timestamp":"2026-07-01T11:59:58.308Z","uuid":"id-2","distinct_id":"u1"},
{"event":"$create_alias","properties":{"distinct_id":"u1","alias":"anon1","$lib":"posthog-node"},"timestamp":"2026-07-01T11:59:58.308Z","uuid":"id-3","distinct_id":"u1"},
{"event":"$groupidentify","properties":{"$group_type":"co","$group_key":"k","$group_set":{"n":1},"$lib":"posthog-node"},"timestamp":"2026-07-01T11:59:58.308Z","uuid":"id-4","distinct_id":"$co_k"},
{"event":"personless","properties":{"$process_person_profile":false,"$lib":"posthog-node"},"timestamp":"2026-07-01T11:59:58.308Z","uuid":"id-5","distinct_id":"01a2161f"}],"sent_at":"2026-07-01T11:59:59.309Z"}`

func pack(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

func TestNode(t *testing.T) {
	r := doorkit.New(t, Register)
	w := r.Do("POST", "/batch/", pack(nodeBatch), "Content-Type: application/json", "Content-Encoding: gzip", "User-Agent: posthog-node/5.70.0")
	if w.Code != 200 || w.Body.String() != `{"status":1}` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	rows := r.Take()
	if len(rows) != 5 {
		t.Fatalf("%d rows, rejected %v", len(rows), r.Rejects())
	}
	at := "2026-07-01T11:59:58.308Z"
	same := func(more map[string]any) map[string]any {
		m := map[string]any{"tenant": "acme", "site_id": "site-1", "ts": at, "props.$lib": "posthog-node"}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	doorkit.Exact(t, rows[0], same(map[string]any{"type": "bought", "event_id": "01a2161f-6664-700e-8f32-03e10723f46d", "user_id": "u1", "ts": "2026-07-01T11:59:58.306Z",
		"nums.revenue": 5.5, "props.currency": "EUR", "nums.$set.a": 1.0, "props.$lib_version": "5.70.0"}))
	doorkit.Exact(t, rows[1], same(map[string]any{"type": "identify", "event_id": "id-2", "user_id": "u1", "client_id": "a1", "props.previous_id": "a1", "props.plan": "pro", "props.first": "x"}))
	doorkit.Exact(t, rows[2], same(map[string]any{"type": "alias", "event_id": "id-3", "user_id": "u1", "props.previous_id": "anon1"}))
	doorkit.Exact(t, rows[3], same(map[string]any{"type": "group", "event_id": "id-4", "props.group_type": "co", "props.group_id": "k", "nums.n": 1.0}))
	doorkit.Exact(t, rows[4], same(map[string]any{"type": "personless", "event_id": "id-5", "client_id": "01a2161f"}))
}

// As posthog-js sends it, before and after somebody is identified.
func jsEvent(name, distinct, more string) string {
	return `{"uuid":"js-` + name + distinct + `","event":"` + name + `","properties":{"$os":"Linux","$current_url":"https://shop.example.com/p?utm_source=x","$host":"shop.example.com","$pathname":"/p",` +
		`"$raw_user_agent":"Mozilla/5.0 (linux)","$browser_version":null,"$browser_language":"en-US","$screen_height":1080,"$screen_width":1920,"$lib":"web","$insert_id":"x","$time":1795667537.855,` +
		`"distinct_id":"` + distinct + `","$device_id":"dev","utm_source":"x","utm_medium":null,"gclid":null,"$referrer":"https://google.com/","title":"T","token":"site-2","$session_id":"s1",` +
		`"$sdk_debug_retry_queue_size":0,"$session_entry_url":"x"` + more + `},"timestamp":"2026-07-01T11:59:57.854Z"}`
}

const origin = "Origin: https://shop.example.com"

func TestBrowser(t *testing.T) {
	r := doorkit.New(t, Register)
	body := `{"api_key":"site-2","batch":[` + jsEvent("$pageview", "dev", `,"$is_identified":false,"$process_person_profile":false`) + `],"sent_at":"2026-07-01T11:59:57.856Z"}`
	row := r.One(t, 200, "POST", "/e/", body, "Content-Type: text/plain", "User-Agent: Mozilla/5.0", origin)
	doorkit.Exact(t, row, map[string]any{"type": "pageview", "event_id": "js-$pageviewdev", "client_id": "dev", "session_id": "s1", "tenant": "acme", "site_id": "site-2",
		"ts": "2026-07-01T11:59:59.998Z", "client_ts": "2026-07-01T11:59:57.854Z",
		"url": "https://shop.example.com/p?utm_source=x", "host": "shop.example.com", "path": "/p", "utm_source": "x", "referrer": "https://google.com/", "referrer_host": "google.com",
		"user_agent": "Mozilla/5.0 (linux)", "ip": "192.0.2.1", "props.title": "T", "props.locale": "en-US", "props.screen": "1920x1080", "props.$lib": "web", "props.$os": "Linux"})

	for name, c := range map[string]struct{ event, client, user, typ string }{
		"later": {jsEvent("click", "u1", `,"$is_identified":true,"$process_person_profile":true`), "dev", "u1", "click"},
		"reset": {jsEvent("click", "new", `,"$is_identified":false,"$process_person_profile":false`), "new", "", "click"}, // on the device of u1
		"ident": {jsEvent("$identify", "u1", `,"$is_identified":true,"$anon_distinct_id":"dev"`), "dev", "u1", "identify"},
		"leave": {jsEvent("$pageleave", "dev", `,"$is_identified":false,"$process_person_profile":false`), "dev", "", "engagement"},
	} {
		row := r.One(t, 200, "POST", "/i/v0/e/?ip=0&_=1782907200000&ver=1", `[`+c.event+`]`, origin)
		want := map[string]any{"client_id": c.client, "type": c.typ, "ts": "2026-07-01T11:59:57.854Z", "user_id": any(c.user)}
		if c.user == "" {
			want["user_id"] = nil
		}
		t.Run(name, func(t *testing.T) { doorkit.Check(t, row, want) })
	}
	if w := r.Do("POST", "/e/", body, "Origin: https://evil.example"); w.Code != 403 || r.Rejects()["site-2 origin_forbidden"] != 1 {
		t.Errorf("a page that the source does not allow: %d", w.Code)
	}
	if w := r.Do("POST", "/e/", `{"api_key":"wk_site_2","event":"x","distinct_id":"d"}`, "Origin: https://evil.example"); w.Code != 403 || r.Rejects()["site-2 origin_forbidden"] != 1 {
		t.Errorf("so with a write key: %d", w.Code)
	}
	row = r.One(t, 200, "POST", "/e/", `{"api_key":"site-1","event":"x","properties":{"$lib":"web","distinct_id":"$posthog_cookieless","$cookieless_mode":true,"$device_id":null}}`, "User-Agent: Mozilla/5.0")
	doorkit.Check(t, row, map[string]any{"client_id": "derived:site-1:192.0.2.1", "user_id": nil})
}

// An event whose own token names another source than the request's is rejected; a property of that name that is no token is the sender's.
func TestTokenOfAnEvent(t *testing.T) {
	r := doorkit.New(t, Register)
	for name, c := range map[string]struct {
		body  string
		field string // of the rejection; empty: the event is taken
	}{
		"an alias of the source":   {`{"api_key":"wk_site_1","batch":[{"event":"e","distinct_id":"d","token":"app-1","properties":{"token":"phc_alias"}}]}`, ""},
		"its key beside an alias":  {`{"api_key":"phc_alias","batch":[{"event":"e","distinct_id":"d","api_key":"wk_site_1"}]}`, ""},
		"a property":               {`{"api_key":"wk_site_1","batch":[{"event":"e","distinct_id":"d","properties":{"token":"of a session"}}]}`, ""},
		"no text":                  {`{"api_key":"wk_site_1","batch":[{"event":"e","distinct_id":"d","token":null,"properties":{"token":7}}]}`, ""},
		"another source":           {`{"api_key":"wk_site_1","batch":[{"event":"e","distinct_id":"d","properties":{"token":"site-2"}}]}`, "properties.token"},
		"another tenant":           {`{"api_key":"wk_site_1","batch":[{"event":"e","distinct_id":"d","properties":{"token":"theirs"}}]}`, "properties.token"},
		"another tenant's key":     {`{"api_key":"phc_alias","batch":[{"event":"e","distinct_id":"d","token":"wk_globe"}]}`, "token"},
		"another source's key":     {`{"api_key":"phc_alias","batch":[{"event":"e","distinct_id":"d","token":"wk_site_2"}]}`, "token"},
		"nobody":                   {`{"api_key":"phc_alias","batch":[{"event":"e","distinct_id":"d","api_key":"phc_nobody"}]}`, "token"},
		"one event":                {`{"api_key":"phc_alias","event":"e","distinct_id":"d","properties":{"token":"site-2"}}`, "properties.token"},
		"an array, all of one":     {`[{"event":"e","properties":{"distinct_id":"d","token":"phc_alias"}}]`, ""},
		"an array, then a tenant":  {`[{"event":"$snapshot","token":"phc_alias"},{"event":"e","properties":{"distinct_id":"d","token":"theirs"}}]`, "properties.token"},
		"an array, then nobody":    {`[{"event":"$snapshot","token":"phc_alias"},{"event":"e","properties":{"distinct_id":"d","token":"phc_nobody"}}]`, "properties.token"},
		"an array, then its alias": {`[{"event":"$snapshot","token":"phc_alias"},{"event":"e","token":"app-1","properties":{"distinct_id":"d"}}]`, ""},
	} {
		w := r.Do("POST", "/batch/", c.body)
		rows, rejects := r.Take(), r.Rejects()
		taken := c.field == ""
		if w.Code != 200 || taken != (len(rows) == 1) || taken == (rejects["site-1 site_forbidden"] == 1) {
			t.Errorf("%s: %d %s, rows %v, rejected %v", name, w.Code, w.Body, rows, rejects)
		}
		if taken && len(rows) == 1 && (rows[0]["site_id"] != "site-1" || rows[0]["props.token"] != nil || rows[0]["nums.token"] != nil) {
			t.Errorf("%s: %v", name, rows[0])
		}
	}
}

// TestOffset: browser libraries say how long ago an event happened; that goes before a timestamp and the sender's clock, and is no difference between copies.
func TestOffset(t *testing.T) {
	r := doorkit.New(t, Register)
	at := func(fields string) any {
		t.Helper()
		return r.One(t, 200, "POST", "/e/?_=1782900000000", `{"api_key":"site-1","event":"e","distinct_id":"d","uuid":"u"`+fields+`}`)["ts"]
	}
	for fields, want := range map[string]string{
		``: "2026-07-01T12:00:00Z", `,"offset":null`: "2026-07-01T12:00:00Z", `,"offset":0`: "2026-07-01T12:00:00Z", `,"offset":3000`: "2026-07-01T11:59:57Z", `,"offset":60000.4`: "2026-07-01T11:59:00Z",
		`,"offset":3000,"timestamp":"2026-06-01T00:00:00Z"`: "2026-07-01T11:59:57Z", `,"timestamp":"2026-06-01T00:00:00Z","offset":3000`: "2026-07-01T11:59:57Z", `,"offset":-1000`: "2026-07-01T12:00:01Z",
		`,"offset":"3000"`: "2026-07-01T12:00:00Z", `,"offset":[3]`: "2026-07-01T12:00:00Z", `,"offset":true`: "2026-07-01T12:00:00Z",
	} {
		if got := at(fields); got != want {
			t.Errorf("%s: %v, want %s", fields, got, want)
		}
	}
	from := len(r.Hashes())
	at(`,"offset":1000`)
	at(`,"offset":2000`) // the same, sent again later
	if h := r.Hashes()[from:]; h[0] != h[1] {
		t.Error("copies that arrive at different times are told from each other")
	}
	for _, offset := range []string{"1e12", "-1e12", "1e15", "1e999", "-1e999", "9223372036854775807"} {
		w := r.Do("POST", "/e/", `{"api_key":"site-1","event":"e","distinct_id":"d","offset":`+offset+`}`)
		if rejects := r.Rejects(); w.Code != 200 || len(r.Take()) > 0 || rejects["site-1 ts_out_of_range"] != 1 {
			t.Errorf("%s: %d, rejected %v", offset, w.Code, rejects)
		}
	}
	if w := r.Do("POST", "/e/", `{"api_key":"site-1","event":"\t ","distinct_id":"d"}`); w.Code != 200 || r.Rejects()["site-1 field_missing"] != 1 {
		t.Errorf("a name of blanks: %d", w.Code)
	}
}

// What is said names the field of the protocol.
func TestWords(t *testing.T) {
	r := doorkit.New(t, Register)
	if w := r.Do("POST", "/batch/", `{"api_key":"site-1","batch":{}}`); w.Code != 400 || !strings.Contains(w.Body.String(), "batch must be an array, not an object") || !strings.Contains(w.Body.String(), `"field":"batch"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The clock of the sender stands in the body or in the address; an event may say that its sender is a server.
func TestClockAndSender(t *testing.T) {
	r := doorkit.New(t, Register)
	event := `{"event":"e","timestamp":"2026-07-01T10:00:00Z","properties":{"distinct_id":"u","token":"app-1","$insert_id":"own","$ip":"203.0.113.9"%}}`
	for name, c := range map[string]struct{ query, body string }{
		"body": {"", `{"api_key":"app-1","batch":[` + event + `],"sent_at":"2026-07-01T11:00:00Z"}`}, "sent_at": {"?sent_at=1782903600000", event}, "_": {"?_=1782903600000", event},
	} {
		t.Run(name, func(t *testing.T) {
			row := r.One(t, 200, "POST", "/e/"+c.query, strings.ReplaceAll(c.body, "%", ""), "User-Agent: Mozilla/5.0")
			doorkit.Check(t, row, map[string]any{"ts": "2026-07-01T11:00:00Z", "client_ts": "2026-07-01T10:00:00Z", "event_id": "own", "ip": "192.0.2.1"})
		})
	}
	row := r.One(t, 200, "POST", "/e/", strings.ReplaceAll(event, "%", `,"$geoip_disable":true`), "User-Agent: Mozilla/5.0")
	doorkit.Check(t, row, map[string]any{"ip": nil, "user_agent": nil})
	row = r.One(t, 200, "POST", "/e/", `{"api_key":"app-1","event":"e","distinct_id":"u","properties":{"$lib":"posthog-react-native"}}`, "User-Agent: okhttp/4.12.0")
	doorkit.Check(t, row, map[string]any{"ip": "192.0.2.1", "user_agent": nil})
	row = r.One(t, 200, "POST", "/e/", `{"api_key":"app-1","event":"e","distinct_id":"u"}`, "User-Agent: curl/8.0") // no library: it shows itself
	doorkit.Check(t, row, map[string]any{"ip": "192.0.2.1", "user_agent": "curl/8.0"})
	row = r.One(t, 200, "POST", "/e/", `{"api_key":"wk_site_1","event":"e","distinct_id":"u","properties":{"$ip":{"v4":"203.0.113.9"}}}`, "User-Agent: posthog-python")
	doorkit.Check(t, row, map[string]any{"ip": nil, "props.$ip.v4": nil})
	row = r.One(t, 200, "POST", "/e/", strings.NewReplacer("%", "", "app-1", doorkit.WriteKey).Replace(event), "User-Agent: posthog-python")
	doorkit.Check(t, row, map[string]any{"ip": "203.0.113.9", "user_agent": nil})
}

// The ways in which the library packs a body.
func TestPacking(t *testing.T) {
	r := doorkit.New(t, Register)
	event := `{"event":"e","properties":{"distinct_id":"u","token":"phc_alias"}}`
	std := base64.StdEncoding.EncodeToString([]byte(event))
	for name, c := range map[string]struct{ method, target, body, contentType string }{
		"plain":       {"POST", "/e/", event, "application/json"},
		"gzip-js":     {"POST", "/e/?compression=gzip-js", pack(event), "text/plain"},
		"form":        {"POST", "/e/?compression=base64", "data=" + url.QueryEscape(std), "application/x-www-form-urlencoded"},
		"form, plain": {"POST", "/capture/", "data=" + url.QueryEscape(event), "application/x-www-form-urlencoded"},
		"base64":      {"POST", "/capture", std, "text/plain"},
		"gzip in it":  {"POST", "/e/", "data=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(pack(event)))), ""},
		"unescaped":   {"POST", "/e/", "data=" + std, ""},
		"address":     {"GET", "/e/?data=" + url.QueryEscape(std), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			row := r.One(t, 200, c.method, c.target, c.body, "Content-Type: "+c.contentType)
			doorkit.Check(t, row, map[string]any{"type": "e", "user_id": "u", "site_id": "site-1"})
		})
	}
	for _, body := range []string{"", "data=", "data=%zz", "!!!", "data=" + base64.StdEncoding.EncodeToString([]byte("hello")), "[", `{"batch":5,"api_key":"wk_site_1"}`, `[{"event":"e"},]`,
		`{"api_key":"wk_site_1","batch":[{"event":"e"}}`} {
		if w := r.Do("POST", "/e/", body); w.Code != 400 || len(r.Take()) > 0 {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	r.Rejects()
	if w := r.Do("POST", "/e/", `{"api_key":"wk_site_1","batch":[{"event":"e"}5]}`); w.Code != 400 || r.Rejects()["site-1 malformed_json"] != 1 {
		t.Errorf("no JSON of a known sender: %d", w.Code)
	}
	for _, target := range []string{"/e/?token=phc_alias", "/e/?api_key=wk_site_1"} {
		for _, body := range []string{"!!!", "data=%zz", "\x1f\x8b\x08broken"} {
			if w := r.Do("POST", target, body); w.Code != 400 || r.Rejects()["site-1 invalid_encoding"] != 1 {
				t.Errorf("%s: a body that cannot be unpacked: %d: the library gives up", target, w.Code)
			}
		}
	}
	bomb := pack(strings.Repeat(" ", 11<<20))
	for _, body := range []string{bomb, base64.StdEncoding.EncodeToString([]byte(bomb))} {
		if w := r.Do("POST", "/e/", body); w.Code != 413 {
			t.Errorf("a body that unpacks to 11 MB: %d", w.Code)
		}
	}
}

func TestBadEvents(t *testing.T) {
	r := doorkit.New(t, Register)
	for event, code := range map[string]string{
		`{"properties":{}}`: "field_missing", `{"event":"$snapshot","distinct_id":"a"}`: "unsupported", `{"event":"$identify","properties":{}}`: "field_missing",
		`{"event":"$create_alias","distinct_id":"a"}`: "field_missing", `{"event":"e","distinct_id":[1]}`: "invalid_type", `{"event":"e","timestamp":"x"}`: "invalid_value",
		`5`: "invalid_type", `{"event":"e","properties":{"a":"\u0000"}}`: "nul_byte", `{"event":"e","properties":{"a":1e400}}`: "number_out_of_range",
		`{"event":"$identify","distinct_id":"` + strings.Repeat("u", 1025) + `","properties":{"$anon_distinct_id":"a"}}`: "id_too_long",
	} {
		w := r.Do("POST", "/batch/", `{"api_key":"wk_site_1","batch":[`+event+`,{"event":"good","distinct_id":"u","properties":null}]}`)
		rows, rejects := r.Take(), r.Rejects()
		if w.Code != 200 || len(rows) != 1 || rows[0]["type"] != "good" || rejects["site-1 "+code] != 1 {
			t.Errorf("%s: %d %s, rows %v, rejected %v, want %s", event, w.Code, w.Body, rows, rejects, code)
		}
	}
}

// Over a limit the answer is a success that says so, and the loss is counted.
func TestLimits(t *testing.T) {
	r := doorkit.New(t, Register)
	r.Limit = doorkit.OverLimit()
	w := r.Do("POST", "/batch/", nodeBatch)
	if w.Code != 200 || w.Body.String() != `{"status":1,"quota_limited":["events"]}` || r.Rejects()["site-1 over_limit"] != 5 || len(r.Take()) > 0 {
		t.Errorf("over a limit: %d %s", w.Code, w.Body)
	}
	r.Limit = doorkit.Busy()
	if w := r.Do("POST", "/batch/", nodeBatch); w.Code != 503 || w.Header().Get("Retry-After") != "1" || len(r.Rejects()) > 0 {
		t.Errorf("too much in work: %d %v: it is sent again", w.Code, w.Header())
	}
	r.Limit, r.LimitAfter = nil, doorkit.OverLimit()
	if w = r.Do("POST", "/batch/", nodeBatch); w.Code != 200 || !strings.Contains(w.Body.String(), "quota_limited") || r.Rejects()["site-1 over_limit"] != 5 || len(r.Take()) > 0 {
		t.Errorf("over a limit that the events show: %d %s", w.Code, w.Body)
	}
	r.LimitAfter = problem.New(http.StatusRequestEntityTooLarge, "over_burst", "too many at once")
	if w = r.Do("POST", "/batch/", nodeBatch); w.Code != 413 || len(r.Rejects()) > 0 || len(r.Take()) > 0 {
		t.Errorf("too many at once: %d: the client sends them again in halves", w.Code)
	}
	if w = r.Do("POST", "/batch/", `{"api_key":"wk_site_1","batch":[{"event":"e","distinct_id":"u"}]}`); w.Code != 413 || r.Rejects()["site-1 over_burst"] != 1 {
		t.Errorf("one event that is too large: %d: there are no halves of it", w.Code)
	}
	r.LimitAfter, r.LogErr = nil, http.ErrAbortHandler
	if w = r.Do("POST", "/batch/", nodeBatch); w.Code != 503 {
		t.Errorf("not durable: %d", w.Code)
	}
	if w = r.Do("POST", "/batch/", `{"batch":[]}`); w.Code != 401 {
		t.Errorf("no key: %d", w.Code)
	}
	if w = r.Do("POST", "/batch/", `{"api_key":"phc_unknown","batch":[]}`); w.Code != 401 || !strings.Contains(w.Body.String(), "aliases") {
		t.Errorf("unknown key: %d %s", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	r := doorkit.New(t, Register)
	for _, c := range []struct{ method, target string }{{"GET", "/array/phc_x/config?ip=0"}, {"POST", "/flags/?v=2"}, {"POST", "/decide/?v=3"}, {"POST", "/flags"}} {
		w := r.Do(c.method, c.target, `{"token":"phc_x"}`, origin)
		var v map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s: %d %v %s", c.target, w.Code, err, w.Body)
		}
		if strings.HasPrefix(c.target, "/flags") && (v["flags"] == nil || v["errorsWhileComputingFlags"] != false) {
			t.Errorf("flags: %v", v)
		}
	}
	if w := r.Do("GET", "/array/phc_x/config.js", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `_POSTHOG_REMOTE_CONFIG["phc_x"]={config:{`) {
		t.Errorf("config.js: %d %s", w.Code, w.Body)
	}
	if w := r.Do("GET", "/static/array.js", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "script_not_served") || !strings.Contains(w.Body.String(), "api_host") {
		t.Errorf("array.js: %d %s", w.Code, w.Body)
	}
	if w := r.Do("GET", "/array/x%22%5D=alert(1)/config.js", ""); w.Code != 404 {
		t.Errorf("a token that is code: %d %s", w.Code, w.Body)
	}
}

func FuzzPostHog(f *testing.F) {
	f.Add([]byte(nodeBatch))
	f.Add([]byte(`[` + jsEvent("$pageview", "d", ``) + `]`))
	f.Add([]byte("data=" + base64.StdEncoding.EncodeToString([]byte(`{"event":"e","api_key":"wk_site_1","$set":{"a":[]}}`))))
	f.Add([]byte(pack(`{"event":"e","api_key":"wk_site_1"}`)))
	r := doorkit.New(f, Register)
	f.Fuzz(func(t *testing.T, body []byte) {
		if w := r.Do("POST", "/e/", string(body)); w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.Sound(t)
	})
}

// TestFirstKnownToken: of an array the first event that names a known source opens the request; the events before it that do not are rejected, or are of that source, as those behind it are.
func TestFirstKnownToken(t *testing.T) {
	r := doorkit.New(t, Register)
	good, bare := `{"event":"e","properties":{"distinct_id":"d","token":"phc_alias"}}`, `{"event":"e","distinct_id":"d"}`
	nobody := func(n int) string { return fmt.Sprintf(`{"event":"e","distinct_id":"d","token":"phc_nobody_%d"}`, n) }
	for name, c := range map[string]struct {
		before []string
		rows   int
		code   string // of what is rejected
	}{
		"no event":        {[]string{"5"}, 1, "site-1 invalid_type"},
		"no token":        {[]string{bare}, 2, ""},
		"nobody's":        {[]string{nobody(1), nobody(1), nobody(2)}, 1, "site-1 site_forbidden"},
		"many of nobody":  {slices.Repeat([]string{nobody(1), nobody(2)}, 500), 1, "site-1 site_forbidden"},
		"an empty token":  {[]string{`{"event":"e","distinct_id":"d","token":""}`}, 2, ""},
		"no text":         {[]string{`{"event":"e","distinct_id":"d","token":[1]}`}, 2, ""},
		"a deleted key's": {[]string{`{"event":"e","distinct_id":"d","token":"wk_gone"}`}, 1, "site-1 site_forbidden"},
	} {
		for order, events := range map[string][]string{"": append(slices.Clone(c.before), good), ", the other order": append([]string{good}, c.before...)} {
			w := r.Do("POST", "/e/", "["+strings.Join(events, ",")+"]")
			rows, rejects := r.Take(), r.Rejects()
			if w.Code != 200 || len(rows) != c.rows || c.code != "" && rejects[c.code] != len(events)-c.rows || c.code == "" && len(rejects) > 0 {
				t.Errorf("%s%s: %d %.200s, %d rows, rejected %v", name, order, w.Code, w.Body, len(rows), rejects)
			}
			for _, row := range rows {
				if row["site_id"] != "site-1" {
					t.Errorf("%s%s: %v", name, order, row)
				}
			}
		}
	}
	for _, body := range []string{"[" + nobody(1) + "," + nobody(2) + "]", "[5]", "[" + bare + "]"} {
		if w := r.Do("POST", "/e/", body); w.Code != 401 || len(r.Take())+len(r.Rejects()) > 0 {
			t.Errorf("%s: %d %s: no event names a known source", body, w.Code, w.Body)
		}
	}
	row := r.One(t, 200, "POST", "/e/", `[{"event":"e","distinct_id":"d","sent_at":"2026-07-01T11:59:00Z","timestamp":"2026-07-01T11:58:00Z"}]`, "Authorization: Bearer wk_site_1")
	doorkit.Check(t, row, map[string]any{"site_id": "site-1", "ts": "2026-07-01T11:59:00Z"})
	if w := r.Do("POST", "/e/", "["+nobody(1)+"]", "Authorization: Bearer wk_site_1"); w.Code != 200 || r.Rejects()["site-1 site_forbidden"] != 1 {
		t.Errorf("a token of nobody beside a key in the headers: %d %s", w.Code, w.Body)
	}
}
