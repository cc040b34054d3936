package ingest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/usage"
)

// fakeLimiter refuses as it is told, and keeps what it was told.
type fakeLimiter struct {
	mu            sync.Mutex
	early, late   *problem.Problem
	began, length int64
	events, bytes int
	taken, given  int
	held          int64 // of reservations that nobody ended
}

// end ends a reservation that was made. Like the real one it does nothing for another.
func (l *fakeLimiter) end(r usage.Reserve) {
	if r.Taken {
		l.held -= r.Held
	}
}

func (l *fakeLimiter) Begin(t *catalog.Tenant, length int64) (usage.Reserve, *problem.Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.ID != "acme" {
		return usage.Reserve{}, nil
	}
	l.began, l.length = l.began+1, length
	if l.early == nil {
		l.held += 10
	}
	return usage.Reserve{Taken: l.early == nil, Length: length, Held: 10}, l.early
}

func (l *fakeLimiter) Take(_ *catalog.Tenant, r usage.Reserve, events, bytes int) *problem.Problem {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events, l.bytes, l.taken = l.events+events, l.bytes+bytes, l.taken+1
	l.end(r)
	return l.late
}

func (l *fakeLimiter) Cancel(_ *catalog.Tenant, r usage.Reserve) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given++
	l.end(r)
}

func over() *problem.Problem {
	return problem.New(http.StatusTooManyRequests, "over_limit", "too many events").WithLimit("limits.events_per_second", 10).WithRetry(3 * time.Second)
}

// Over a limit: 429 that says which, and nothing is appended or counted, whether it is found out before or after the events were read.
func TestOverLimit(t *testing.T) {
	const two = `{"type":"a"}` + "\n" + `{"type":"b"}`
	for _, when := range []string{"early", "late"} {
		l := &fakeLimiter{}
		if when == "early" {
			l.early = over()
		} else {
			l.late = over()
		}
		r := newRig(t, func(_ *Config, d *Deps) { d.Limiter = l })
		for _, req := range [][]string{
			{"POST", "/ingest", two, acmeKey}, {"POST", "/collect", page}, {"GET", `/pixel.gif?site_id=site-1&events=[{"type":"a"}]`, ""},
		} {
			w := r.do(req[0], req[1], req[2], req[3:]...)
			if w.Code != 429 || w.Header().Get("Retry-After") != "3" || !strings.Contains(w.Body.String(), "limits.events_per_second") {
				t.Errorf("%s, %s: %d %v %s", when, req[1], w.Code, w.Header(), w.Body)
			}
		}
		if rows := r.log.all(); len(rows) != 0 || len(r.account.count) != 0 {
			t.Errorf("%s: %v was appended, %v counted", when, rows, r.account.count)
		}
		if l.given != 0 || (l.taken > 0) != (when == "late") {
			t.Errorf("%s: %+v", when, l)
		}
	}
}

// What is more than may come at once can be sent in smaller requests: nothing is counted. One event cannot, and is lost.
func TestOverBurst(t *testing.T) {
	l := &fakeLimiter{late: problem.New(http.StatusRequestEntityTooLarge, "over_burst", "too much at once").WithLimit("limits.bytes_per_second", 10)}
	for n, want := range map[int]map[string]int{1: {"acme/site-1 over_burst": 1}, 2: nil} {
		events := strings.Repeat(`,{"type":"a"}`, n)[1:]
		for _, req := range [][]string{
			{"POST", "/ingest", "[" + events + "]", acmeKey}, {"POST", "/collect", `{"site_id":"site-1","events":[` + events + `]}`},
			{"GET", `/pixel.gif?site_id=site-1&events=[` + events + `]`, ""},
		} {
			r := newRig(t, func(_ *Config, d *Deps) { d.Limiter = l })
			w := r.do(req[0], req[1], req[2], req[3:]...)
			if d := cmp.Diff(want, r.account.count); w.Code != 413 || len(r.log.all()) != 0 || d != "" {
				t.Errorf("%s, %d events: %d %s, counted: %s", req[1], n, w.Code, w.Body, d)
			}
		}
	}
}

// What a request held is taken once, whatever became of it; what it did not come to is given back.
func TestLimitsAreTaken(t *testing.T) {
	l := &fakeLimiter{}
	r := newRig(t, func(_ *Config, d *Deps) { d.Limiter = l })
	body := `{"type":"a"}` + "\n" + `{"type":7}` + "\n" + `{"type":"b"}`
	if w := r.do("POST", "/ingest", body, acmeKey); w.Code != 200 || l.taken != 1 || l.events != 3 || l.bytes != len(body) || l.length != int64(len(body)) || l.given != 0 {
		t.Errorf("%d %s: %+v", w.Code, w.Body, l)
	}
	if w := r.do("POST", "/ingest", "[{", acmeKey); w.Code != 400 || l.taken != 2 || l.given != 0 {
		t.Errorf("a body that cannot be read: %d %s: %+v", w.Code, w.Body, l)
	}
	if w := r.do("POST", "/ingest", body, acmeKey, "Content-Encoding: br"); w.Code != 415 || l.taken != 3 || l.given != 0 {
		t.Errorf("a body that was not read: %d %s: %+v", w.Code, w.Body, l)
	}
	if w := r.do("POST", "/ingest", strings.Repeat(" ", 11<<20), acmeKey); w.Code != 413 || l.began != 4 {
		t.Errorf("a body that is too large: %d %s: %+v", w.Code, w.Body, l)
	}
	lost := map[string]int{}
	for _, x := range r.account.rejections {
		lost[x.Code] += x.Count
	}
	if lost["unsupported_encoding"] != 1 || lost["body_too_large"] != 1 {
		t.Errorf("counted as rejected: %v", lost)
	}
	req := httptest.NewRequest("POST", "/ingest", io.MultiReader(strings.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)))
	req.ContentLength = 9_000_000
	req.Header.Set("Authorization", strings.TrimPrefix(acmeKey, "Authorization: "))
	req.RemoteAddr = "192.0.2.1:1234"
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, req)
	if w.Code < 400 || l.began != 5 || l.given != 1 {
		t.Errorf("an upload that was cut off: %d %s: %+v", w.Code, w.Body, l)
	}
	if l.held != 0 {
		t.Errorf("%d bytes stay reserved", l.held)
	}
	if w := r.do("POST", "/ingest", body, "Authorization: Bearer viewer:acme:"); w.Code != 403 || l.began != 5 {
		t.Errorf("a key that may not send: %d %s: %+v", w.Code, w.Body, l)
	}
}

type fakeAddresses map[netip.Addr]int

func (f fakeAddresses) Admit(ip netip.Addr) *problem.Problem {
	if f[ip]--; f[ip] < 0 {
		return problem.New(http.StatusTooManyRequests, "too_many_requests", "too many").WithLimit("http.ip_rate", 1).WithRetry(time.Second)
	}
	return nil
}

// Public doors hold each address to its limit; a key's door does not, and a trusted proxy is not taken for its clients.
func TestAddressLimit(t *testing.T) {
	peer, client := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.7")
	addresses := fakeAddresses{peer: 1, client: 1}
	r := newRig(t, func(c *Config, d *Deps) { d.Addresses = addresses })
	pixel := `/pixel.gif?site_id=site-1&events=[{"type":"a"}]`
	for _, want := range []int{200, 429} {
		if w := r.do("GET", pixel, "", "X-Forwarded-For: "+client.String()); w.Code != want {
			t.Errorf("%d, want %d: %s", w.Code, want, w.Body)
		}
	}
	if w := r.do("POST", "/collect", page); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := r.do("POST", "/ingest", `{"type":"a"}`, acmeKey); w.Code != 200 {
		t.Errorf("a key's door: %d %s", w.Code, w.Body)
	}
	// A protocol's door that is opened with a public name; with a key it has no such limit.
	r.mux.Handle("/any", r.Handle(Door{Name: "any", Methods: []string{http.MethodPost}, Serve: func(q *Request) *problem.Problem { return q.Open(q.HTTP.URL.Query().Get("key")) }}))
	for key, want := range map[string]int{"site-1": 429, "alias.example": 429, "writer:acme:site-1": 200} {
		if w := r.do("POST", "/any?key="+key, "x"); w.Code != want {
			t.Errorf("opened with %s: %d %s", key, w.Code, w.Body)
		}
	}
	for door, want := range map[string]float64{"pixel": 1, "collect": 1, "any": 2, "ingest": 0} { // nobody is told whose they were: bodies are not read
		if got := testutil.ToFloat64(r.metrics.requests.WithLabelValues(door, "too_many_requests")); got != want {
			t.Errorf("%s: %v refusals are measured, want %v", door, got, want)
		}
	}
	if d := cmp.Diff(map[string]int{"acme/site-1 accepted": 2}, r.account.count); d != "" {
		t.Error(d)
	}
	proxied := newRig(t, func(c *Config, d *Deps) {
		d.Addresses, c.TrustedProxies = addresses, []netip.Prefix{netip.PrefixFrom(peer, 32)}
	})
	for _, want := range []int{200, 429} {
		if w := proxied.do("GET", pixel, "", "X-Forwarded-For: "+client.String()); w.Code != want {
			t.Errorf("behind a proxy: %d, want %d: %s", w.Code, want, w.Body)
		}
	}
}
