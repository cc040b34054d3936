package plausible

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"weir/internal/eventlog"
	"weir/internal/problem"
	"weir/internal/testkit/doorkit"
)

const ua = "User-Agent: Mozilla/5.0"

func TestEvents(t *testing.T) {
	r := doorkit.New(t, Register)
	base := func(more map[string]any) map[string]any {
		m := map[string]any{"tenant": "acme", "site_id": "site-1", "client_id": "derived:site-1:192.0.2.1", "ts": "2026-07-01T12:00:00Z", "user_agent": "Mozilla/5.0", "ip": "192.0.2.1",
			"url": "https://example.com/a?utm_source=x#h", "host": "example.com", "path": "/a", "utm_source": "x", "referrer": "https://google.com/", "referrer_host": "google.com"}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	for name, c := range map[string]struct {
		body string
		want map[string]any
	}{
		"page":     {`{"n":"pageview","v":36,"u":"https://example.com/a?utm_source=x#h","d":"example.com","r":"https://google.com/","p":{"author":"x","n":2,"b":true,"o":{"a":1},"z":null},"h":1}`, base(map[string]any{"type": "pageview", "path": "/a#h", "props.author": "x", "nums.n": 2.0, "props.b": "true"})},
		"sale":     {`{"n":"Purchase","u":"https://example.com/a?utm_source=x#h","d":"example.com","r":"https://google.com/","$":{"amount":"12.50","currency":"EUR"},"i":false}`, base(map[string]any{"type": "Purchase", "nums.revenue": 12.5, "props.currency": "EUR", "props.interactive": "false"})},
		"engaged":  {`{"n":"engagement","u":"https://example.com/a?utm_source=x#h","d":"example.com","r":"https://google.com/","sd":80,"e":5000}`, base(map[string]any{"type": "engagement", "nums.scroll_depth": 80.0, "nums.engaged_ms": 5000.0})},
		"long":     {`{"name":"pageview","url":"https://example.com/a?utm_source=x#h","domain":"example.com","referrer":"https://google.com/","props":{"a":"b"},"interactive":true}`, base(map[string]any{"type": "pageview", "props.a": "b"})},
		"old npm":  {`{"n":"pageview","u":"https://example.com/a?utm_source=x#h","d":"example.com","r":"https://google.com/","w":800,"h":0,"p":"{\"a\":\"\\u00e4\"}"}`, base(map[string]any{"type": "pageview", "props.a": "ä", "nums.screen_width": 800.0})},
		"own name": {`{"n":"x","u":"https://example.com/a?utm_source=x#h","d":"example.com","r":"https://google.com/","p":{"scroll_depth":"mine"},"sd":3}`, base(map[string]any{"type": "x", "props.scroll_depth": "mine"})},
	} {
		t.Run(name, func(t *testing.T) {
			row := r.One(t, 202, "POST", "/api/event", c.body, "Content-Type: text/plain", ua, "Origin: https://example.com")
			delete(row, "event_id") // made by weir
			doorkit.Exact(t, row, c.want)
		})
	}
}

// One event for several domains is an event of each source.
func TestDomains(t *testing.T) {
	r := doorkit.New(t, Register)
	w := r.Do("POST", "/api/event", `{"n":"pageview","u":"https://x/","d":"unknown.example,example.com, shop.example.com,other.example"}`, "Origin: https://shop.example.com", ua)
	rows, rejects := r.Take(), r.Rejects()
	if w.Code != 202 || w.Header().Get("X-Plausible-Dropped") != "1" || len(rows) != 2 || rows[0]["site_id"] != "site-1" || rows[1]["site_id"] != "site-2" || rejects["site_unknown"] != 2 {
		t.Errorf("%d %v: %v, rejected %v", w.Code, w.Header(), rows, rejects)
	}
}

// TestOneSourceOnce: domains that stand for one source are one event, however they are written; so is one that is unknown.
func TestOneSourceOnce(t *testing.T) {
	r := doorkit.New(t, Register)
	for d, want := range map[string]int{"example.com,app-1": 1, "example.com, example.com": 1, "site-1,example.com,shop.example.com,site-2": 2} {
		w := r.Do("POST", "/api/event", `{"n":"pageview","u":"https://shop.example.com/","d":"`+d+`"}`, ua)
		if rows, rejects := r.Take(), r.Rejects(); w.Code != 202 || w.Header().Get("X-Plausible-Dropped") != "" || len(rows) != want || len(rejects) > 0 {
			t.Errorf("%s: %d: %d events, rejected %v", d, w.Code, len(rows), rejects)
		}
	}
	r.Do("POST", "/api/event", `{"n":"pageview","u":"https://x/","d":"example.com,nobody.example, nobody.example,somebody.example"}`, ua)
	if rows, rejects := r.Take(), r.Rejects(); len(rows) != 1 || rejects["site_unknown"] != 2 {
		t.Errorf("%d events, rejected %v", len(rows), rejects)
	}
	r.Limit = doorkit.OverLimit()
	r.Do("POST", "/api/event", `{"n":"pageview","u":"https://x/","d":"example.com,app-1"}`, ua)
	if rejects := r.Rejects(); rejects["site-1 over_limit"] != 1 {
		t.Errorf("over a limit: rejected %v", rejects)
	}
}

// TestForbiddenDomain: of several domains one source may not take the page, wherever it stands among them; the others do.
func TestForbiddenDomain(t *testing.T) {
	r := doorkit.New(t, Register)
	for _, d := range []string{"shop.example.com,example.com", "example.com,shop.example.com", "nobody.example,shop.example.com,example.com"} {
		w := r.Do("POST", "/api/event", `{"n":"pageview","u":"https://evil.example/","d":"`+d+`"}`, "Origin: https://evil.example", ua)
		rows, rejects := r.Take(), r.Rejects()
		if w.Code != 202 || w.Header().Get("X-Plausible-Dropped") != "1" || len(rows) != 1 || rows[0]["site_id"] != "site-1" || rejects["site-2 origin_forbidden"] != 1 {
			t.Errorf("%s: %d %s: %v, rejected %v", d, w.Code, w.Body, rows, rejects)
		}
	}
	w := r.Do("POST", "/api/event", `{"n":"pageview","u":"https://evil.example/","d":"shop.example.com,nobody.example,site-2"}`, "Origin: https://evil.example", ua)
	if rows, rejects := r.Take(), r.Rejects(); w.Code != 202 || len(rows) > 0 || rejects["site-2 origin_forbidden"] == 0 {
		t.Errorf("%d %s: %v, rejected %v", w.Code, w.Body, rows, rejects)
	}
}

func TestDropped(t *testing.T) {
	r := doorkit.New(t, Register)
	const page = `{"n":"pageview","u":"https://shop.example.com/","d":"shop.example.com"}`
	check := func(what, body, origin, reject string) {
		t.Helper()
		w := r.Do("POST", "/api/event", body, "Origin: "+origin)
		rejects := r.Rejects()
		if w.Code != 202 || w.Body.String() != "ok" || w.Header().Get("X-Plausible-Dropped") != "1" || len(r.Take()) > 0 || reject != "" && rejects[reject] != 1 {
			t.Errorf("%s: %d %s %v, rejected %v", what, w.Code, w.Body, w.Header(), rejects)
		}
	}
	check("an unknown domain", `{"n":"pageview","u":"https://x/","d":"nobody.example"}`, "https://nobody.example", "")
	check("a page that the source does not allow", page, "https://evil.example", "site-2 origin_forbidden")
	if w := r.Do("POST", "/api/event", `{"d":"shop.example.com","n":`, "Origin: https://evil.example"); w.Code != 400 {
		t.Errorf("a broken one of such a page: %d", w.Code)
	}
	if rejects := r.Rejects(); len(rejects) != 1 || rejects["site-2 malformed_json"] != 1 {
		t.Errorf("a broken one of such a page: rejected %v", rejects)
	}
	r.Limit = doorkit.OverLimit()
	check("a limit", page, "https://shop.example.com", "site-2 over_limit")
	r.Limit = doorkit.Busy()
	check("too much in work", page, "https://shop.example.com", "site-2 too_busy")
	r.Limit, r.LimitAfter = nil, doorkit.OverLimit()
	check("a limit that is seen later", page, "https://shop.example.com", "site-2 over_limit")
	r.LimitAfter = nil
	if w := r.Do("POST", "/api/event", page, "Origin: https://shop.example.com"); w.Code != 202 || w.Header().Get("X-Plausible-Dropped") != "" {
		t.Errorf("one that counts: %d %v", w.Code, w.Header())
	}
	r.LogErr = http.ErrAbortHandler
	if w := r.Do("POST", "/api/event", page); w.Code != 503 || len(r.Rejects()) > 0 {
		t.Errorf("not known to be durable: %d", w.Code)
	}
	r.LogErr = fmt.Errorf("append: %w", eventlog.ErrFull)
	if w := r.Do("POST", "/api/event", page); w.Code != 503 || r.Rejects()["site-2 log_full"] != 1 {
		t.Errorf("no room: %d: nobody sends it again", w.Code)
	}
	r.Take()
	r.LogErr, r.Behind = nil, http.ErrAbortHandler
	if w := r.Do("POST", "/api/event", page); w.Code != 503 || r.Rejects()["site-2 overloaded"] != 1 || len(r.Take()) > 0 {
		t.Errorf("the server is behind: %d: nobody sends it again", w.Code)
	}
	r.Behind = nil
	r.AddressLimit = problem.New(429, "over_ip_limit", "too many")
	if w := r.Do("POST", "/api/event", page); w.Code != 429 {
		t.Errorf("an address over its limit: %d", w.Code)
	}
}

func TestInvalid(t *testing.T) {
	r := doorkit.New(t, Register)
	for body, want := range map[string]string{
		`{"u":"https://x/","d":"example.com"}`:                 `{"errors":{"name":["can't be blank"]}}`,
		`{"n":" \t","u":"https://x/","d":"example.com"}`:       `{"errors":{"name":["can't be blank"]}}`,
		`{"n":"pageview","d":"example.com"}`:                   `{"errors":{"url":["can't be blank"]}}`,
		`{"n":"pageview","u":5,"d":"example.com"}`:             `{"errors":{"url":["must be a string"]}}`,
		`{"n":"pageview","u":{"a":1},"d":"example.com"}`:       `{"errors":{"url":["must be a string"]}}`,
		`{"n":"pageview","u":null,"d":"example.com"}`:          `{"errors":{"url":["can't be blank"]}}`,
		`{"n":"pageview","u":"::::","d":"example.com"}`:        `{"errors":{"url":["` + noURL + `"]}}`,
		`{"n":"pageview","u":"5","d":"example.com"}`:           `{"errors":{"url":["` + noURL + `"]}}`,
		`{"n":"pageview","u":"https:///p","d":"example.com"}`:  `{"errors":{"url":["` + noURL + `"]}}`,
		`{"n":"pageview","u":"https:","d":"example.com"}`:      `{"errors":{"url":["` + noURL + `"]}}`,
		`{"n":"pageview","u":"https://","d":"example.com"}`:    `{"errors":{"url":["` + noURL + `"]}}`,
		`{"n":"pageview","u":"1a://x","d":"example.com"}`:      `{"errors":{"url":["` + noURL + `"]}}`,
		`{"n":"pageview","u":"https://x/"}`:                    `{"errors":{"domain":["can't be blank"]}}`,
		`{"n":"pageview","u":"https://x/","d":"a,"}`:           `{"errors":{"domain":["can't be blank"]}}`,
		`{"n":{},"u":"https://x/","d":"example.com"}`:          `{"errors":{"name":["name must be a string, not an object"]}}`,
		`{"n":"x","u":"https://x/","d":"example.com","p":"x"}`: `{"errors":{"props":["props holds no JSON object"]}}`,
		``: `{"errors":{"request":["the request has no body"]}}`,
		`[{"n":"x","u":"https://x/","d":"example.com"}]`: `{"errors":{"request":["an event is a JSON object, this is an array"]}}`,
	} {
		if w := r.Do("POST", "/api/event", body); w.Code != 400 || w.Body.String() != want || len(r.Take()) > 0 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if rejects := r.Rejects(); rejects["site-1 field_missing"] != 4 || rejects["site-1 invalid_value"] != 6 {
		t.Errorf("invalid events are not counted: %v", rejects)
	}
}

func FuzzPlausible(f *testing.F) {
	f.Add([]byte(`{"n":"pageview","u":"https://example.com/","d":"example.com,site-2","p":"{}","$":{"amount":1}}`))
	f.Add([]byte(`{"n":"\ud83d","u":1,"d":"example.com","p":{"a":[1]},"sd":{"x":1},"e":"x"}`))
	r := doorkit.New(f, Register)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := r.Do("POST", "/api/event", string(body))
		if w.Code >= 500 || w.Code != 202 && len(r.Take()) > 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.Sound(t)
	})
}

// A list of very many domains is refused before it is taken apart.
func TestManyDomains(t *testing.T) {
	r := doorkit.New(t, Register)
	body := `{"n":"x","u":"https://x/","d":"` + strings.Repeat(",", 9<<20) + `"}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := r.Do("POST", "/api/event", body)
	runtime.ReadMemStats(&after)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "20 domains") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 120<<20 {
		t.Errorf("%d MB for a body of 9 MB", n>>20)
	}
}

const noURL = "is not a valid URL: send that of the page, as https://example.com/path"

// TestURLs: addresses of pages, of apps and files are taken, and paths.
func TestURLs(t *testing.T) {
	r := doorkit.New(t, Register)
	for u, path := range map[string]any{"https://example.com/a": "/a", "HTTP://example.com": "/", "//example.com/b": "/b", "/c?x": "/c", "app://localhost/d": "/d", "file:///e.html": "/e.html", "https://example.com/%zz": "/%zz",
		" https://example.com/f ": "/f", "https://[::1]:80/g": "/g", "mailto:x": nil} {
		row := r.One(t, 202, "POST", "/api/event", `{"n":"pageview","u":"`+u+`","d":"example.com"}`)
		doorkit.Check(t, row, map[string]any{"path": path})
	}
}
