package ingest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/eventlog"
	"weir/internal/problem"
	"weir/internal/token"
)

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
	if a := parseAnswer(t, r.do("POST", "/ingest", ev, acmeKey).Body.String()); len(a.Rejected) != 1 || a.Rejected[0].Code != "event_too_large" || !strings.Contains(a.Rejected[0].Message, "limits.event_bytes") {
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
		{[]string{"a.org:8080"}, "https://a.org", true}, {[]string{"a.org"}, "https://a.org:8080", true},
		{[]string{"[::1]"}, "http://[::1]", true}, {[]string{"[::1]"}, "http://[::1]:8080", true}, {[]string{"[::1]:3000"}, "http://[::1]", true}, {[]string{"[::1]:3000"}, "http://[::1]:8080", true},
		{[]string{"::1"}, "http://[::1]:8080", true}, {[]string{"2001:DB8::A"}, "https://[2001:db8::a]", true}, {[]string{"[2001:db8:0::a]"}, "https://[2001:db8::a]", true},
		{[]string{"[::ffff:127.0.0.1]"}, "http://[::ffff:7f00:1]", true}, {[]string{"[::1]"}, "http://[::2]", false}, {[]string{"[::1]"}, "http://a.org", false}, {[]string{"a.org"}, "http://[::1]", false},
		{[]string{"*"}, "http://[::1]:80", true}, {[]string{"*.1"}, "http://[::1]", false}, {[]string{"[::1"}, "http://[::2]", false}, {[]string{"[]"}, "http://[::1]", false},
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
