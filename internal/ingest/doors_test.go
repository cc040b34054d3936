package ingest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/eventlog"
	"weir/internal/problem"
	"weir/internal/token"
)

const page = `{"site_id":"site-1","client_id":"anon-1","session_id":"sess-1","user_id":7,"sdk":{"v":[1]},"events":[
	{"type":"pageview","url":"/pricing","ts":1782900000,"referrer":"google.com"},
	{"type":"click","element":"#signup-btn","client_id":"own","user_agent":"own/1","ip":"203.0.113.7"},
	{"type":"custom","name":"video_play","props":{"video_id":"v123"},"event_id":"e-1"}]}`

func TestCollect(t *testing.T) {
	for _, order := range []string{"as usual", "events first"} {
		body := page
		if order == "events first" {
			i := strings.Index(page, `"events"`)
			body = "{" + strings.TrimSuffix(page[i:], "}") + "," + strings.TrimSuffix(strings.TrimPrefix(page[:i], "{"), ",") + "}"
		}
		for _, contentType := range []string{"application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""} {
			t.Run(order+"/"+contentType, func(t *testing.T) {
				r := newRig(t)
				w := r.do("POST", "/collect", body, "Content-Type: "+contentType, "User-Agent: Browser/2")
				if w.Code != 204 || w.Body.Len() > 0 || w.Header().Get("X-Weir-Rejected") != "" {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				if tok, err := token.Parse(w.Header().Get("X-Weir-Token")); err != nil || cmp.Diff(token.Token{{Partition: 3}}, tok) != "" {
					t.Errorf("token %v %v", tok, err)
				}
				rows := r.log.all()
				for _, row := range rows[:2] {
					delete(row, "event_id")
				}
				common := func(m map[string]any) map[string]any {
					for k, v := range map[string]any{"tenant": "acme", "site_id": "site-1", "user_id": "7", "session_id": "sess-1", "country": "192.0.2.1"} {
						m[k] = v
					}
					return m
				}
				want := []map[string]any{
					common(map[string]any{"type": "pageview", "client_id": "anon-1", "url": "/pricing", "path": "/pricing", "ts": "2026-07-01T10:00:00Z",
						"referrer": "google.com", "referrer_host": "google.com", "user_agent": "Browser/2", "browser": "Browser/2"}),
					common(map[string]any{"type": "click", "client_id": "own", "ts": "2026-07-01T12:00:00Z", "props.element": "#signup-btn",
						"user_agent": "own/1", "browser": "own/1"}),
					common(map[string]any{"type": "video_play", "client_id": "anon-1", "ts": "2026-07-01T12:00:00Z", "props.video_id": "v123",
						"event_id": "e-1", "user_agent": "Browser/2", "browser": "Browser/2"}),
				}
				if d := cmp.Diff(want, rows); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff([]uint8{0, 0, event.FlagSenderID}, r.log.flags); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestCollectProblems(t *testing.T) {
	tests := []struct {
		name, body           string
		status               int
		code, field, message string
		headers              []string
	}{
		{"empty", "", 400, "malformed_json", "", "no JSON value", nil},
		{"malformed", `{"site_id":`, 400, "malformed_json", "", "ends too early", nil},
		{"not an object", `[]`, 400, "invalid_type", "", "an array", nil},
		{"trailing", `{"site_id":"site-1","events":[]} {}`, 400, "trailing_data", "", "something follows", nil},
		{"no site", `{"events":[]}`, 400, "field_missing", "site_id", "names no site", nil},
		{"no events", `{"site_id":"site-1"}`, 400, "field_missing", "events", "has no events", nil},
		{"events as object", `{"site_id":"site-1","events":{}}`, 400, "invalid_type", "events", "must be an array", nil},
		{"site as boolean", `{"site_id":true,"events":[]}`, 400, "invalid_type", "site_id", "must be a string", nil},
		{"twice", `{"site_id":"site-1","site_id":"site-1","events":[]}`, 400, "duplicate_key", "site_id", "there twice", nil},
		{"events twice", `{"site_id":"site-1","events":[],"events":[]}`, 400, "duplicate_key", "events", "there twice", nil},
		{"NUL", `{"site_id":"site-1","client_id":"\u0000","events":[]}`, 400, "nul_byte", "client_id", "NUL", nil},
		{"invalid UTF-8", "{\"site_id\":\"site-1\",\"client_id\":\"\xff\",\"events\":[]}", 400, "invalid_utf8", "client_id", "UTF-8", nil},
		{"unknown site", `{"site_id":"site-9","events":[]}`, 404, "site_unknown", "site_id", `"site-9" does not exist`, nil},
		{"malformed event", `{"site_id":"site-1","events":[{"type":"a"},{"type"}]}`, 400, "malformed_json", "", "", nil},
		{"foreign origin", `{"site_id":"site-2","events":[]}`, 403, "origin_forbidden", "Origin", "evil.example", []string{"Origin: https://evil.example"}},
		{"null origin", `{"site_id":"site-2","events":[]}`, 403, "origin_forbidden", "Origin", "null", []string{"Origin: null"}},
		{"unknown coding", "x", 415, "unsupported_encoding", "Content-Encoding", "br", []string{"Content-Encoding: br"}},
		{"two codings", "x", 415, "unsupported_encoding", "Content-Encoding", "gzip, gzip", []string{"Content-Encoding: gzip, gzip"}},
		{"not gzip", page, 400, "invalid_encoding", "Content-Encoding", "not valid gzip", []string{"Content-Encoding: gzip"}},
		{"not zstd", page, 400, "invalid_encoding", "Content-Encoding", "not valid zstd", []string{"Content-Encoding: zstd"}},
		{"cut gzip", string(zip(page)[:80]), 400, "invalid_encoding", "Content-Encoding", "end too early", []string{"Content-Encoding: gzip"}},
		{"gzip with a tail", string(zip(page)) + "a longer tail", 400, "invalid_encoding", "Content-Encoding", "not valid gzip", []string{"Content-Encoding: gzip"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			wantProblem(t, r.do("POST", "/collect", tt.body, tt.headers...), tt.status, tt.code, tt.field, tt.message)
			if rows := r.log.all(); rows != nil {
				t.Errorf("stored %v", rows)
			}
			if used := r.budget.used.Load(); used != 0 {
				t.Errorf("%d bytes are still taken", used)
			}
		})
	}
}

func zip(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.Bytes()
}

func zst(s string) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return z.EncodeAll([]byte(s), nil)
}

func TestCodings(t *testing.T) {
	r := newRig(t)
	for i, tt := range []struct {
		body   []byte
		header string
	}{{zip(page), "gzip"}, {zip(page), "GZIP"}, {zip(page), "x-gzip"}, {zip(page), ""}, {zst(page), "zstd"}, {zst(page), "identity"}, {[]byte(page), "identity"},
		{append([]byte("\xEF\xBB\xBF"), page...), ""}} {
		w := r.do("POST", "/collect", string(tt.body), "Content-Encoding: "+tt.header)
		if w.Code != 204 || len(r.log.all()) != 3*(i+1) {
			t.Errorf("coding %q: %d %s, %d rows", tt.header, w.Code, w.Body, len(r.log.all()))
		}
	}
}

func TestBombs(t *testing.T) {
	big := strings.Repeat(" ", 300<<20)
	for name, body := range map[string][]byte{"gzip": zip(big), "zstd": zst(big), "gzip twice": zip(string(zip(big)))} {
		r := newRig(t)
		w := r.do("POST", "/ingest", string(body), acmeKey, "Content-Encoding: "+strings.Fields(name)[0])
		if name == "gzip twice" { // the inner one is only data
			wantProblem(t, w, 400, "malformed_json", "", "")
			continue
		}
		wantProblem(t, w, 413, "body_too_large", "", "max_body_bytes")
		if used := r.budget.used.Load(); used != 0 {
			t.Errorf("%s: %d bytes are still taken", name, used)
		}
	}
	r := newRig(t)
	wantProblem(t, r.do("POST", "/ingest", big[:10<<20+1], acmeKey), 413, "body_too_large", "", "10485760")
}

func TestPixel(t *testing.T) {
	one := `{"type":"a","url":"/x?a=b&c=d+e","props":{"t":"ä>?"}}`
	many := "[" + one + "," + one + "]"
	for name, tt := range map[string]struct {
		events string
		rows   int
	}{
		"one": {url.QueryEscape(one), 1}, "many": {url.QueryEscape(many), 2},
		"base64url":     {base64.RawURLEncoding.EncodeToString([]byte(many)), 2},
		"base64 padded": {url.QueryEscape(base64.URLEncoding.EncodeToString([]byte(one))), 1},
		"plain base64":  {base64.StdEncoding.EncodeToString([]byte(one)), 1}, // + arrives as a space
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("GET", "/pixel.gif?site_id=site-1&client_id=c&session_id=s&events="+tt.events, "", "User-Agent: Mail/1")
			if w.Code != 200 || w.Header().Get("Content-Type") != "image/gif" || !strings.HasPrefix(w.Header().Get("Cache-Control"), "no-store") ||
				!bytes.Equal(w.Body.Bytes(), gif) {
				t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			rows := r.log.all()
			if len(rows) != tt.rows {
				t.Fatalf("%d rows", len(rows))
			}
			for _, row := range rows {
				if row["path"] != "/x" || row["client_id"] != "c" || row["session_id"] != "s" || row["user_agent"] != "Mail/1" || row["props.t"] != "ä>?" || row["country"] != "192.0.2.1" {
					t.Errorf("row %v", row)
				}
			}
		})
	}
	for _, tt := range []struct {
		query                string
		status               int
		code, field, message string
	}{
		{"", 400, "field_missing", "events", "no events"},
		{"events=[]", 400, "field_missing", "site_id", "names no site"},
		{"site_id=site-9&events=[]", 404, "site_unknown", "site_id", "site-9"},
		{"site_id=site-1&events=!!", 400, "malformed_json", "events", "base64url"},
		{"site_id=site-1&events=aGVsbG8", 400, "malformed_json", "events", "base64url"},
		{"site_id=site-1&events={", 400, "malformed_json", "", "too early"},
		{"site_id=site-1&events={}", 400, "field_missing", "type", "no type"},
		{"site_id=site-1&events={}x", 400, "trailing_data", "", "follows"},
		{"site_id=site-1&events=[{}]x", 400, "trailing_data", "", "follows"},
		{"site_id=site-1&events=%zz", 400, "malformed_json", "", "percent-encode"},
		{"site_id=site-1&client_id=%ff&events=[]", 400, "invalid_utf8", "client_id", "UTF-8"},
	} {
		r := newRig(t)
		wantProblem(t, r.do("GET", "/pixel.gif?"+tt.query, ""), tt.status, tt.code, tt.field, tt.message)
	}
}

func TestIngestShapes(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		rows int
	}{
		"one":                    {`{"type":"a"}`, 1},
		"one over several lines": {"\n{\n \"type\": \"a\",\n \"props\": {\n\"x\": 1}\n}\n", 1},
		"lines":                  {"{\"type\":\"a\"}\n{\"type\":\"b\"}\n", 2},
		"lines, CRLF, no end":    {"{\"type\":\"a\"}\r\n\r\n{\"type\":\"b\"}", 2},
		"array":                  {` [ {"type":"a"} , {"type":"b"} ] `, 2},
		"empty array":            {`[]`, 0},
	} {
		for _, contentType := range []string{"application/json", "application/x-ndjson", "text/plain", "application/cloudevents+json"} {
			r := newRig(t)
			w := r.do("POST", "/ingest", tt.body, acmeKey, "Content-Type: "+contentType)
			a := parseAnswer(t, w.Body.String())
			if w.Code != 200 || a.Accepted != tt.rows || len(r.log.all()) != tt.rows || a.Rejected == nil || len(a.Rejected) != 0 {
				t.Errorf("%s as %s: %d %s", name, contentType, w.Code, w.Body)
			}
			if tt.rows > 0 && a.Token != w.Header().Get("X-Weir-Token") {
				t.Errorf("token %q, header %q", a.Token, w.Header().Get("X-Weir-Token"))
			}
		}
	}
}

func TestIngestProblems(t *testing.T) {
	for _, tt := range []struct {
		name, target, body   string
		status               int
		code, field, message string
		headers              []string
	}{
		{"no key", "/ingest", "{}", 401, "unknown_key", "", "", nil},
		{"wrong key", "/ingest", "{}", 401, "unknown_key", "", "", []string{"Authorization: Bearer x"}},
		{"reader", "/ingest", "{}", 403, "forbidden", "", "viewer", []string{"Authorization: Bearer viewer:acme:"}},
		{"analyst", "/ingest", "{}", 403, "forbidden", "", "analyst", []string{"Authorization: Bearer analyst:acme:"}},
		{"operator without tenant", "/ingest", "{}", 403, "tenant_missing", "X-Weir-Tenant", "must name", []string{"Authorization: Bearer operator::"}},
		{"gone tenant", "/ingest", "{}", 403, "tenant_unknown", "", "", []string{"Authorization: Bearer writer:gone:"}},
		{"empty", "/ingest", " \n", 400, "empty_body", "", "no event", []string{acmeKey}},
		{"malformed", "/ingest", `{"type":`, 400, "malformed_json", "", "too early", []string{acmeKey}},
		{"all lines malformed", "/ingest", "{\nx\n", 400, "malformed_json", "", "NDJSON", []string{acmeKey}},
		{"array cut off", "/ingest", `[{"type":"a"},{"type":"b"}`, 400, "malformed_json", "", "too early", []string{acmeKey}},
		{"array and more", "/ingest", `[{"type":"a"}]{}`, 400, "trailing_data", "", "nothing was accepted", []string{acmeKey}},
		{"unknown mode", "/ingest?mode=x", `{}`, 400, "invalid_value", "mode", "import", []string{acmeKey}},
		{"unknown default site", "/ingest?site_id=nope", `{}`, 404, "site_unknown", "site_id", "nope", []string{acmeKey}},
		{"another source by default", "/ingest?site_id=site-2", `{}`, 403, "site_forbidden", "site_id", "site-1", []string{acmeKey}},
		{"foreign origin", "/ingest", `{}`, 403, "origin_forbidden", "", "evil", []string{"Authorization: Bearer writer:acme:site-2", "Origin: https://evil.example"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			wantProblem(t, r.do("POST", tt.target, tt.body, tt.headers...), tt.status, tt.code, tt.field, tt.message)
			if rows := r.log.all(); rows != nil {
				t.Errorf("stored %v", rows)
			}
		})
	}
	r := newRig(t)
	for door, method := range map[string]string{"/collect": "GET", "/ingest": "PUT", "/pixel.gif": "POST"} {
		w := r.do(method, door, "")
		wantProblem(t, w, 405, "method_not_allowed", "", method)
		if w.Header().Get("Allow") == "" {
			t.Error("no Allow")
		}
	}
}

// TestSites shows how the site of an event is found with different keys.
func TestSites(t *testing.T) {
	tests := []struct {
		key, target, event, site, code string
	}{
		{"writer:acme:", "/ingest", `{"type":"a","site_id":"site-2"}`, "site-2", ""},
		{"admin:acme:", "/ingest", `{"type":"a","site_id":"alias.example"}`, "site-1", ""},
		{"operator:acme:", "/ingest", `{"type":"a","site_id":"site-1"}`, "site-1", ""},
		{"writer:acme:", "/ingest?site_id=site-2", `{"type":"a"}`, "site-2", ""},
		{"writer:acme:", "/ingest?site_id=site-2", `{"type":"a","site_id":"site-1"}`, "site-1", ""},
		{"writer:acme:", "/ingest", `{"type":"a"}`, "", "field_missing"},
		{"writer:acme:", "/ingest", `{"type":"a","site_id":"site-3"}`, "", "site_unknown"},
		{"writer:globe:site-3", "/ingest", `{"type":"a"}`, "site-3", ""},
	}
	for _, tt := range tests {
		r := newRig(t)
		w := r.do("POST", tt.target, tt.event, "Authorization: Bearer "+tt.key)
		rows := r.log.all()
		if tt.code != "" {
			if a := parseAnswer(t, w.Body.String()); len(a.Rejected) != 1 || a.Rejected[0].Code != tt.code || a.Rejected[0].Field != "site_id" || a.Token == "" || len(rows) > 0 {
				if a.Token != "AQ" && a.Token != "" || len(a.Rejected) != 1 || a.Rejected[0].Code != tt.code {
					t.Errorf("%s %s: %s", tt.key, tt.event, w.Body)
				}
			}
			continue
		}
		if len(rows) != 1 || rows[0]["site_id"] != tt.site {
			t.Errorf("%s %s: %s %v", tt.key, tt.event, w.Body, rows)
		}
	}
}

func TestImportTakesAnyAge(t *testing.T) {
	for _, how := range [][2]string{{"/ingest?mode=import", ""}, {"/ingest", "import"}} {
		r := newRig(t)
		w := r.do("POST", how[0], `{"type":"a","ts":0,"event_id":"e"}`+"\n"+`{"type":"b","ts":1}`+"\n"+`{"type":"c","ts":"2100-01-01T00:00:00Z"}`, acmeKey, "X-Weir-Mode: "+how[1])
		a := parseAnswer(t, w.Body.String())
		if a.Accepted != 2 || len(a.Rejected) != 1 || a.Rejected[0].Index != 2 || a.Rejected[0].Code != "ts_out_of_range" {
			t.Errorf("%s", w.Body)
		}
		if d := cmp.Diff([]uint8{event.FlagImport | event.FlagSenderID, event.FlagImport}, r.log.flags); d != "" {
			t.Error(d)
		}
	}
	r := newRig(t)
	if w := r.do("POST", "/collect?mode=import", `{"site_id":"site-1","events":[{"type":"a","ts":0}]}`, "X-Weir-Mode: import"); w.Code != 400 {
		t.Errorf("the public door imports: %d", w.Code)
	}
}

func TestPrefer(t *testing.T) {
	r := newRig(t)
	w := r.do("POST", "/ingest", `{"type":"a"}`, acmeKey, "Prefer: respond-async, return=minimal")
	if w.Code != 204 || w.Body.Len() != 0 || w.Header().Get("X-Weir-Token") == "" || w.Header().Get("Preference-Applied") == "" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	w = r.do("POST", "/ingest", `{"type":"a"}`+"\n"+`{}`, acmeKey, "Prefer: return=minimal") // what was rejected must be known
	if a := parseAnswer(t, w.Body.String()); w.Code != 200 || a.Accepted != 1 || len(a.Rejected) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestManyRejects(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.MaxRejects = 10 })
	w := r.do("POST", "/ingest", strings.Repeat("{}\n", 100), acmeKey)
	if a := parseAnswer(t, w.Body.String()); len(a.Rejected) != 10 || !strings.Contains(w.Body.String(), `"rejected_unlisted":90`) {
		t.Errorf("%s", w.Body)
	}
	if n := r.account.count["acme/site-1 field_missing"]; n != 100 {
		t.Errorf("%d counted", n)
	}
	r = newRig(t, func(c *Config, _ *Deps) { c.MaxEvents = 99 })
	wantProblem(t, r.do("POST", "/ingest", strings.Repeat("{\"type\":\"a\"}\n", 100), acmeKey), 413, "too_many_events", "", "max_events")
	if rows := r.log.all(); rows != nil {
		t.Errorf("stored %d rows", len(rows))
	}
}

func TestTenantLimits(t *testing.T) {
	r := newRig(t)
	acme := r.catalog.tenants["acme"]
	acme.Limits = catalog.Limits{EventBytes: 100}
	r.catalog.tenants["acme"] = acme
	ev := `{"type":"a","x":"` + strings.Repeat("x", 100) + `"}`
	if a := parseAnswer(t, r.do("POST", "/ingest", ev, acmeKey).Body.String()); len(a.Rejected) != 1 || a.Rejected[0].Code != "event_too_large" {
		t.Errorf("%+v", a)
	}
	big := strings.ReplaceAll(ev, "xx", strings.Repeat("x", 1200))
	acme.Limits.EventBytes = 100_000
	r.catalog.tenants["acme"] = acme
	if a := parseAnswer(t, r.do("POST", "/ingest", big, acmeKey).Body.String()); a.Accepted != 1 {
		t.Errorf("a raised limit of %d for %d bytes: %+v", acme.Limits.EventBytes, len(big), a)
	}
	// The next request may be another tenant's.
	if a := parseAnswer(t, r.do("POST", "/ingest", big, "Authorization: Bearer writer:globe:site-3").Body.String()); a.Accepted != 0 {
		t.Errorf("the limit of another tenant stayed: %+v", a)
	}
}

func TestCORS(t *testing.T) {
	r := newRig(t)
	for _, door := range []string{"/collect", "/ingest", "/pixel.gif"} {
		w := r.do("OPTIONS", door, "", "Origin: https://a.example", "Access-Control-Request-Method: POST")
		hd := w.Header()
		if w.Code != 204 || hd.Get("Access-Control-Allow-Origin") != "https://a.example" || !strings.Contains(hd.Get("Access-Control-Allow-Headers"), "authorization") ||
			!strings.Contains(hd.Get("Access-Control-Allow-Headers"), "content-type") || !strings.Contains(hd.Get("Access-Control-Allow-Methods"), "POST") || hd.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", door, w.Code, hd)
		}
	}
	body := strings.Replace(page, "site-1", "site-2", 1)
	for origin, status := range map[string]int{"https://shop.example.com": 204, "http://SHOP.example.com:8080": 204, "https://x.example.org": 204, "": 204,
		"https://example.org": 403, "https://notexample.org": 403, "https://shop.example.com.evil": 403, "null": 403, "https://a.shop.example.com": 403} {
		w := r.do("POST", "/collect", body, "Origin: "+origin)
		if w.Code != status || w.Header().Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("origin %q: %d %v", origin, w.Code, w.Header())
		}
	}
}

func TestOriginAllowed(t *testing.T) {
	for _, tt := range []struct {
		hosts  []string
		origin string
		want   bool
	}{
		{nil, "https://a.org", true}, {[]string{"a.org"}, "https://a.org", true}, {[]string{"a.org"}, "https://b.org", false}, {[]string{"*"}, "https://b.org", true},
		{[]string{"*a.org"}, "https://ba.org", false}, {[]string{"*.a.org"}, "https://.a.org", false}, {[]string{""}, "null", false}, {[]string{"a.org"}, "https://a.org:x", false},
	} {
		if got := originAllowed(&catalog.Source{Hostnames: tt.hosts}, tt.origin); got != tt.want {
			t.Errorf("%q with hosts %q: %v", tt.origin, tt.hosts, got)
		}
	}
}

// TestNothingStays shows that a request leaves nothing behind for the next one that uses its memory.
func TestNothingStays(t *testing.T) {
	r := newRig(t)
	want := map[string]any{"tenant": "globe", "site_id": "site-3", "type": "z", "ts": "2026-07-01T12:00:00Z"}
	for range 50 {
		r.do("POST", "/collect", page, "User-Agent: Browser/2", "Origin: https://x.org")
		r.do("POST", "/ingest?mode=import", cloudOne+"x", "Authorization: Bearer writer:acme:site-2")
		r.do("POST", "/ingest", `{"type":"a","site_id":"site-1"}`, "Authorization: Bearer writer:acme:")
		r.log.rows, r.log.flags = nil, nil
		if a := parseAnswer(t, r.do("POST", "/ingest", `{"type":"a","site_id":"site-1"}`, "Authorization: Bearer writer:globe:").Body.String()); a.Accepted > 0 {
			t.Fatal("an event went to another tenant's site")
		}
		r.do("POST", "/ingest", `{"type":"z"}`, "Authorization: Bearer writer:globe:site-3")
		rows := r.log.all()
		if len(rows) != 1 || r.log.flags[0] != 0 {
			t.Fatalf("rows %v", rows)
		}
		delete(rows[0], "event_id")
		if d := cmp.Diff(want, rows[0]); d != "" {
			t.Fatal(d)
		}
	}
}

func TestClientIP(t *testing.T) {
	proxies := func(c *Config, _ *Deps) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	}
	for _, tt := range []struct {
		trusted bool
		headers []string
		want    string
	}{
		{false, []string{"X-Forwarded-For: 203.0.113.5"}, "192.0.2.1"},
		{true, nil, "192.0.2.1"},
		{true, []string{"X-Forwarded-For: 203.0.113.5"}, "203.0.113.5"},
		{true, []string{"X-Forwarded-For: 198.51.100.1, 203.0.113.5, 10.1.1.1"}, "203.0.113.5"},
		{true, []string{"X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.6"}, "203.0.113.6"},
		{true, []string{"X-Forwarded-For: 203.0.113.5, junk, 10.1.1.1"}, "10.1.1.1"},
		{true, []string{"X-Forwarded-For: [2001:db8::1]:443"}, "2001:db8::1"},
		{true, []string{"X-Forwarded-For: 10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
	} {
		r := newRig(t)
		if tt.trusted {
			r = newRig(t, proxies)
		}
		r.do("POST", "/collect", page, tt.headers...)
		if got := r.log.all()[0]["country"]; got != tt.want {
			t.Errorf("%v: %v, want %s", tt.headers, got, tt.want)
		}
	}
	// Each event of a server has its own sender.
	several := newRig(t)
	several.do("POST", "/ingest", `{"type":"a","ip":"203.0.113.1"}`+"\n"+`{"type":"b","ip":"203.0.113.2"}`+"\n"+`{"type":"c","ip":"203.0.113.2","user_agent":"x"}`, acmeKey)
	for i, want := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.2"} {
		if row := several.log.all()[i]; row["country"] != want || (row["browser"] == "x") != (i == 2) {
			t.Errorf("row %d: %v", i, row)
		}
	}
	// A server's own address is not its users'.
	r := newRig(t)
	r.do("POST", "/ingest", `{"type":"a"}`, acmeKey, "User-Agent: curl/8")
	if row := r.log.all()[0]; row["country"] != nil || row["user_agent"] != nil {
		t.Errorf("row %v", row)
	}
}

// TestPartitions shows that a client, and without one an event id, always meets the same partition of the tenant's range.
func TestPartitions(t *testing.T) {
	r := newRig(t)
	var lines strings.Builder
	for i := range 400 {
		fmt.Fprintf(&lines, "{\"type\":\"a\",\"client_id\":\"c%d\"}\n{\"type\":\"b\",\"event_id\":\"e%d\"}\n", i%100, i%100)
	}
	key := "Authorization: Bearer writer:globe:site-3"
	w := r.do("POST", "/ingest", lines.String(), key)
	tok, err := token.Parse(parseAnswer(t, w.Body.String()).Token)
	if err != nil || len(tok) != 4 {
		t.Fatalf("%s: token %v %v", w.Body, tok, err)
	}
	where := map[any]uint16{}
	total := 0
	for p, rows := range r.log.rows {
		if p != 6 && p != 7 && p != 0 && p != 1 { // 4 from 6 on, modulo 8
			t.Errorf("partition %d", p)
		}
		total += len(rows)
		if len(rows) < 100 {
			t.Errorf("partition %d has %d rows", p, len(rows))
		}
		for _, row := range rows {
			id := row["client_id"]
			if id == nil {
				id = row["event_id"]
			}
			if other, seen := where[id]; seen && other != p {
				t.Errorf("%v is in %d and %d", id, other, p)
			}
			where[id] = p
		}
	}
	if total != 800 {
		t.Errorf("%d rows", total)
	}
	if where["c1"] != 0 || where["c2"] != 7 { // the hash must never change
		t.Errorf("c1 is in %d, c2 in %d", where["c1"], where["c2"])
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		err         error
		status      int
		code, limit string
	}{
		{fmt.Errorf("append: %w", eventlog.ErrFull), 503, "log_full", "log_disk"},
		{eventlog.ErrClosed, 503, "shutting_down", ""},
		{eventlog.ErrTooLarge, 413, "request_too_large", ""},
		{&eventlog.OverloadError{Pending: 5, Limit: 4, Retry: time.Second}, 503, "overloaded", "log_pending_bytes"},
		{errors.New("disk on fire"), 503, "log_failed", ""},
	} {
		r := newRig(t)
		r.log.err = tt.err
		for _, key := range []string{acmeKey, "Authorization: Bearer writer:globe:site-3"} {
			w := r.do("POST", "/ingest", "{\"type\":\"a\",\"client_id\":\"1\"}\n{\"type\":\"a\",\"client_id\":\"2\"}\n{\"type\":\"a\",\"client_id\":\"3\"}", key)
			text := w.Body.String()
			wantProblem(t, w, tt.status, tt.code, "", "")
			if tt.limit != "" && !strings.Contains(text, `"limit":"`+tt.limit+`"`) {
				t.Errorf("the limit %s is not named in %s", tt.limit, text)
			}
			if strings.Contains(text, "fire") {
				t.Error("the answer tells inner matters")
			}
		}
		if len(r.account.count) > 0 {
			t.Errorf("counted %v", r.account.count)
		}
	}
	r := newRig(t, func(c *Config, _ *Deps) { c.AppendTimeout = 20 * time.Millisecond })
	r.log.block = make(chan struct{})
	wantProblem(t, r.do("POST", "/ingest", `{"type":"a"}`, acmeKey), 503, "append_timeout", "", "same event_id")
}

type backlog struct{ err error }

func (b backlog) Backlog() error { return b.err }

func TestBacklog(t *testing.T) {
	for _, err := range []error{errors.New("900 MB wait"), problem.New(503, "overloaded", "900 MB wait").WithLimit("processor_backlog", 1).WithRetry(time.Second)} {
		r := newRig(t, func(_ *Config, d *Deps) { d.Backlog = backlog{err} })
		for _, door := range []string{"/collect", "/ingest"} {
			wantProblem(t, r.do("POST", door, page, acmeKey), 503, "overloaded", "", "900 MB wait")
		}
	}
}

func TestBudget(t *testing.T) {
	r := newRig(t)
	body := strings.Repeat(`{"type":"a","props":{"x":"`+strings.Repeat("y", 1000)+`"}}`+"\n", 2000)
	if w := r.do("POST", "/ingest", body, acmeKey); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	r.budget.max = 3 << 20 // the body of 2 MB fits in, its columns do not
	wantProblem(t, r.do("POST", "/ingest", body, acmeKey), 503, "too_busy", "", "max_buffered_bytes")
	r.budget.max = 1 << 20
	wantProblem(t, r.do("POST", "/ingest", body, acmeKey), 503, "too_busy", "", "max_buffered_bytes")
	if used := r.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
	if w := r.do("POST", "/ingest", `{"type":"a"}`, acmeKey); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	err := Config{MaxBodyBytes: -1, MaxDepth: 1, MaxEventBytes: 1 << 30, BodyTimeout: -1, TrustedProxies: []netip.Prefix{{}}}.Validate()
	for _, key := range []string{"max_body_bytes", "max_depth", "max_event_bytes", "body_timeout", "trusted_proxies"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not reported in %v", key, err)
		}
	}
	if _, err := New(Config{}, Deps{}); err == nil || !strings.Contains(err.Error(), "Gatherer") || !strings.Contains(err.Error(), "Partitions") {
		t.Errorf("New: %v", err)
	}
}
