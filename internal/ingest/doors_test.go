package ingest

import (
	"bytes"
	"encoding/base64"
	"net/http"
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
	"weir/internal/usage"
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
				if d := cmp.Diff([]uint8{event.FlagPublic, event.FlagPublic, event.FlagSenderID | event.FlagPublic}, r.log.flags); d != "" {
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
		wantProblem(t, w, 413, "body_too_large", "", "ingest.max_body")
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
		{"site_id=site-1&client_id=%00x&events=[]", 400, "nul_byte", "client_id", "NUL"},
		{"site_id=site-1&session_id=%00&events=[]", 400, "nul_byte", "session_id", "NUL"},
	} {
		r := newRig(t)
		wantProblem(t, r.do("GET", "/pixel.gif?"+tt.query, ""), tt.status, tt.code, tt.field, tt.message)
		var lost map[string]int
		if strings.HasPrefix(tt.query, "site_id=site-1") { // it is known whose
			lost = map[string]int{"acme/site-1 " + tt.code: 1}
		}
		if d := cmp.Diff(lost, r.account.count); d != "" {
			t.Errorf("%s: counted: %s", tt.query, d)
		}
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
		{"foreign origin", "/ingest", `{}`, 403, "origin_forbidden", "Origin", "evil", []string{"Authorization: Bearer writer:acme:site-2", "Origin: https://evil.example"}},
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
// TestNestedTooDeep: JSON that is nested deeper than is read at all is refused with the limit, the place and what to do, at every door.
func TestNestedTooDeep(t *testing.T) {
	deep := strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)
	const limit, advice = "deeper than 10000", "make it flatter"
	for _, c := range []struct{ target, body, place string }{
		{"/ingest", `[{"type":"a"},` + deep + `]`, "from byte 10013 on"},
		{"/ingest", `[{"type":"[\"["},` + deep + `]`, "from byte 10016 on"}, // brackets in texts are none
		{"/collect", `{"site_id":"site-1","x":` + deep + `,"events":[]}`, ""},
		{"/collect", `{"site_id":"site-1","events":[` + deep + `]}`, ""},
	} {
		w := newRig(t).do("POST", c.target, c.body, acmeKey)
		if body := w.Body.String(); w.Code != 400 || !strings.Contains(body, "malformed_json") || !strings.Contains(body, limit) || !strings.Contains(body, advice) || !strings.Contains(body, c.place) {
			t.Errorf("%s %.40s: %d %s", c.target, c.body, w.Code, body)
		}
	}
}

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

// shortens stands for a source that has ids hashed.
type shortens struct{ fakeEnricher }

func (shortens) Complete(_ *catalog.Source, r *event.Row, arena []byte) []byte {
	if len(r.UserID) > 4 {
		r.UserID = r.UserID[:4]
	}
	return arena
}

// TestLongIDs: an id counts as it would be stored; a property of that name is one only in an alias, and what was taken before can be imported.
func TestLongIDs(t *testing.T) {
	long, most := strings.Repeat("x", 1025), strings.Repeat("x", 1024)
	ids := `{"type":"alias","client_id":"` + most + `","user_id":"` + most + `","props":{"previous_id":"` + most + `"}}`
	for name, c := range map[string]struct {
		target, event string
		enricher      Enricher
	}{
		"at the limit":      {"/ingest", ids, fakeEnricher{}},
		"an import":         {"/ingest?mode=import", strings.ReplaceAll(ids, most, long), fakeEnricher{}},
		"hashed":            {"/ingest", `{"type":"a","user_id":"` + long + `"}`, shortens{}},
		"no alias":          {"/ingest", `{"type":"a","user_id":"u","props":{"previous_id":"` + long + `"}}`, fakeEnricher{}},
		"another property":  {"/ingest", `{"type":"alias","user_id":"u","props":{"previous":"` + long + `"}}`, fakeEnricher{}},
		"an id of an event": {"/ingest", `{"type":"a","event_id":"` + long + `","session_id":"` + long + `"}`, fakeEnricher{}},
	} {
		r := newRig(t, func(_ *Config, d *Deps) { d.Enricher = c.enricher })
		if a := parseAnswer(t, r.do("POST", c.target, c.event, acmeKey).Body.String()); a.Accepted != 1 || len(a.Rejected) > 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	r := newRig(t)
	w := r.do("POST", "/collect", `{"site_id":"site-1","client_id":"`+long+`","events":[{"type":"a"},{"type":"b","client_id":"c"}]}`)
	if d := cmp.Diff(map[string]int{"acme/site-1 accepted": 1, "acme/site-1 id_too_long": 1}, r.account.count); d != "" || w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "1" {
		t.Errorf("the id of an envelope: %d %v %s", w.Code, w.Header(), d)
	}
	if x := r.account.rejections[0]; x.Field != "client_id" || !strings.Contains(x.Message, "max_id_bytes") {
		t.Errorf("%+v", x)
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

// TestKeysAreNoNames: what is a key is never looked up as the name of a source, at no door: a source of another tenant may have got it as an alias before that was refused.
func TestKeysAreNoNames(t *testing.T) {
	r := newRig(t)
	const key = "writer:acme:site-1"
	r.catalog.sources[key] = r.catalog.sources["site-3"] // of globe
	r.catalog.sources["writer:acme:own"] = r.catalog.sources["site-1"]
	r.mux.Handle("/any", r.Handle(Door{Name: "any", Methods: []string{http.MethodPost}, Serve: func(q *Request) *problem.Problem {
		body, prob := q.Body()
		if prob == nil {
			prob = q.Open(q.HTTP.URL.Query().Get("key"))
		}
		if prob == nil {
			prob = q.Add(body, func(e *Event) error { e.Row().Type = []byte("e"); return nil })
		}
		if prob == nil {
			_, prob = q.Commit()
		}
		return prob
	}}))
	for _, c := range []struct {
		method, target, body string
		status               int
		tenant               any
	}{
		{"POST", "/any?key=" + key, "x", 200, "acme"},
		{"POST", "/any?key=alias.example", "x", 200, "acme"},
		{"POST", "/any?key=site-3", "x", 200, "globe"},
		{"POST", "/any?key=viewer:acme:", "x", 403, nil},
		{"POST", "/ingest", `[{"type":"e","site_id":"writer:acme:own"},{"type":"e","site_id":"site-1"}]`, 200, "acme"},
		{"POST", "/ingest?site_id=writer:acme:own", `{"type":"e"}`, 404, nil},
		{"POST", "/collect", `{"site_id":"` + key + `","events":[{"type":"e"}]}`, 404, nil},
		{"GET", "/pixel.gif?site_id=" + key + "&events=%7B%22type%22%3A%22e%22%7D", "", 404, nil},
	} {
		w := r.do(c.method, c.target, c.body, "Authorization: Bearer writer:acme:")
		rows := r.log.all()
		r.log.rows = nil
		switch {
		case w.Code != c.status:
			t.Errorf("%s: %d %s", c.target, w.Code, w.Body)
		case c.tenant == nil && len(rows) > 0, c.tenant != nil && (len(rows) != 1 || rows[0]["tenant"] != c.tenant):
			t.Errorf("%s stored %v", c.target, rows)
		}
	}
}

// TestPixelRefusals: an image learns by its load or its error whether to come again: what would be refused again is answered with the image, beside its status.
func TestPixelRefusals(t *testing.T) {
	const one = "/pixel.gif?site_id=site-1&events=%7B%22type%22%3A%22e%22%7D"
	for name, c := range map[string]struct {
		target string
		err    error
		limit  *problem.Problem
		status int
		image  bool
	}{
		"taken":               {one, nil, nil, 200, true},
		"a NUL":               {`/pixel.gif?site_id=site-1&events=%7B%22type%22%3A%22e%22%2C%22a%22%3A%22%5Cu0000%22%7D`, nil, nil, 400, true},
		"no JSON":             {"/pixel.gif?site_id=site-1&events=%7B", nil, nil, 400, true},
		"no such site":        {"/pixel.gif?site_id=nobody&events=[]", nil, nil, 404, true},
		"over a limit":        {one, nil, problem.New(429, "over_limit", "too many").WithRetry(time.Second), 429, false},
		"too many at once":    {one, nil, problem.New(413, "over_burst", "too many"), 413, false},
		"the log is full":     {one, eventlog.ErrFull, nil, 503, false},
		"another site's page": {"/pixel.gif?site_id=site-2&events=[]", nil, nil, 403, true},
	} {
		for _, accept := range []string{"image/avif,image/webp,*/*;q=0.8", "*/*"} {
			r := newRig(t, func(_ *Config, d *Deps) {
				if c.limit != nil {
					d.Limiter = refusing{c.limit}
				}
			})
			r.log.err = c.err
			w := r.do("GET", c.target, "", "Accept: "+accept, "Referer: https://evil.example/")
			isImage := w.Header().Get("Content-Type") == "image/gif" && w.Body.String() == string(gif)
			if want := c.image && (accept != "*/*" || c.status == 200); w.Code != c.status || isImage != want || w.Header().Get("Content-Length") == "" && isImage {
				t.Errorf("%s, Accept: %s: %d %v %q", name, accept, w.Code, w.Header(), w.Body)
			}
			if isImage && c.status != 200 && w.Header().Get("X-Weir-Refused") == "" {
				t.Errorf("%s: %v", name, w.Header())
			}
		}
	}
}

// refusing is a limiter that lets nothing through.
type refusing struct{ prob *problem.Problem }

func (l refusing) Begin(*catalog.Tenant, int64) (usage.Reserve, *problem.Problem) {
	return usage.Reserve{}, l.prob
}
func (l refusing) Take(*catalog.Tenant, usage.Reserve, int, int) *problem.Problem { return l.prob }
func (l refusing) Cancel(*catalog.Tenant, usage.Reserve)                          {}

// TestZstdWindow: data that need a larger window than HTTP allows are told as such, whatever they hold; blocks that are too large are no valid data.
func TestZstdWindow(t *testing.T) {
	r := newRig(t)
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(16<<20))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write([]byte(`{"type":"e"}`))
	_ = z.Flush() // the frame does not know how long it gets
	_, _ = z.Write(bytes.Repeat([]byte(" "), 1<<20))
	_ = z.Close()
	wantProblem(t, r.do("POST", "/ingest", b.String(), acmeKey, "Content-Encoding: zstd"), 415, "unsupported_encoding", "Content-Encoding", "window of 16777216 bytes")
	if n := r.account.count["acme/site-1 unsupported_encoding"]; n != 1 {
		t.Errorf("%d are counted", n)
	}
	raw := "\x28\xb5\x2f\xfd\x00\x00" + "\xfa\xff\x7f" + "x" // a window of 1 KiB, a block of more
	wantProblem(t, r.do("POST", "/ingest", raw, acmeKey, "Content-Encoding: zstd"), 400, "invalid_encoding", "Content-Encoding", "not valid zstd")
	wantProblem(t, r.do("POST", "/ingest", string(zst(strings.Repeat(" ", 11<<20))), acmeKey, "Content-Encoding: zstd"), 413, "body_too_large", "", "after decompression")
}
