package qos

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

func newIngest(t testing.TB, c *clock, cfg IngestConfig) *Ingest {
	t.Helper()
	cfg.Now = c.now
	i, err := NewIngest(cfg, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// send is a whole request.
func send(i *Ingest, t *catalog.Tenant, events, bytes int) *problem.Problem {
	res, p := i.Begin(t, int64(bytes))
	if p != nil {
		return p
	}
	return i.Take(t, res, events, bytes)
}

func TestIngestLimits(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	i := newIngest(t, c, IngestConfig{})
	a := &catalog.Tenant{ID: "a", Limits: catalog.Limits{EventsPerSecond: 100}} // so 500 at once
	for n := range 5 {
		if p := send(i, a, 100, 20_000); p != nil {
			t.Fatalf("request %d: %v", n, p)
		}
	}
	p := send(i, a, 100, 20_000)
	if p == nil || p.Status != 429 || p.Limit != "limits.events_per_second" || p.LimitValue != 100 || p.RetryAfter <= 0 || p.RetryAfter > time.Second || !strings.Contains(p.Detail, "limits.events_per_second") {
		t.Fatalf("%+v", p)
	}
	if p := send(i, &catalog.Tenant{ID: "b"}, 1_000_000, 1<<20); p != nil {
		t.Errorf("a tenant without limits: %v", p)
	}
	c.t = c.t.Add(whole(p.RetryAfter)) // as the header says
	if p := send(i, a, 100, 20_000); p != nil {
		t.Errorf("after the time that was said: %v", p)
	}
	a.Limits.EventsPerSecond = 1000 // raised: from the next request on
	c.t = c.t.Add(time.Second)
	if p := send(i, a, 900, 180_000); p != nil {
		t.Errorf("after the limit was raised: %v", p)
	}
	a.Limits = catalog.Limits{BytesPerSecond: 1000, BurstSeconds: 2}
	if p := send(i, a, 1, 1500); p != nil {
		t.Errorf("bytes: %v", p)
	}
	if p := send(i, a, 1, 1500); p == nil || p.Limit != "limits.bytes_per_second" || p.LimitValue != 1000 || p.RetryAfter != time.Second {
		t.Errorf("more bytes: %+v", p)
	}
	c.t = c.t.Add(time.Minute)
	if p := send(i, a, 1, 3000); p == nil || p.Status != 413 || p.RetryAfter != 0 || p.Limit != "limits.bytes_per_second" || !strings.Contains(p.Detail, "at most 2000 in one request") {
		t.Errorf("more bytes than may ever come at once: %+v", p)
	}
	if p := send(i, a, 1, 2000); p != nil {
		t.Errorf("the refused request cost something: %v", p)
	}
}

// A flood is refused before it is decoded, and what the tenant may send it still can.
func TestFloodIsRefusedEarly(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	i := newIngest(t, c, IngestConfig{})
	a := &catalog.Tenant{ID: "a", Limits: catalog.Limits{EventsPerSecond: 1000}}
	early, late, taken := 0, 0, 0
	for range 10_000 { // 10 times the limit: a request of 100 events each 10 ms, for 100 s; events of 300 bytes
		c.t = c.t.Add(10 * time.Millisecond)
		res, p := i.Begin(a, 30_000)
		if p != nil {
			early++
			continue
		}
		if p := i.Take(a, res, 100, 30_000); p != nil {
			late++
			continue
		}
		taken += 100
	}
	if want := 1000*100 + 5000; taken > want || taken < want*95/100 {
		t.Errorf("%d events were taken, the limit allows %d", taken, want)
	}
	if late > 100 || early < 8500 {
		t.Errorf("%d requests were refused before they were decoded, %d after", early, late)
	}
}

// What is taken never exceeds the limit, whatever sizes requests have, however many are in work, and however they end.
func TestIngestNeverOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{time.Unix(1e9, 0)}
		i, err := NewIngest(IngestConfig{Now: c.now}, nil)
		if err != nil {
			t.Fatal(err)
		}
		rate := rapid.Int64Range(1, 1000).Draw(t, "rate")
		a := &catalog.Tenant{ID: "a", Limits: catalog.Limits{EventsPerSecond: rate, BytesPerSecond: 100 * rate, BurstSeconds: 3}}
		var open []usage.Reserve
		events, bytes, begin := 0, 0, c.t
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				c.t = c.t.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			case 1:
				if res, p := i.Begin(a, rapid.Int64Range(-1, 1000*rate).Draw(t, "length")); p == nil {
					open = append(open, res)
				} else if p.RetryAfter <= 0 {
					t.Fatalf("no time to try again: %+v", p)
				}
			case 2, 3:
				if len(open) == 0 {
					continue
				}
				res := open[0]
				open = open[1:]
				if rapid.Bool().Draw(t, "cancel") {
					i.Cancel(a, res)
					continue
				}
				e := int(rapid.Int64Range(1, 4*rate).Draw(t, "events"))
				if i.Take(a, res, e, 100*e) == nil {
					events, bytes = events+e, bytes+100*e
				}
			}
			if most := float64(rate) * (c.t.Sub(begin).Seconds() + 3); float64(events) > most+1e-3 || float64(bytes) > 100*most+1e-3 {
				t.Fatalf("%d events and %d bytes after %v, at most %v", events, bytes, c.t.Sub(begin), most)
			}
		}
		for _, res := range open {
			i.Cancel(a, res)
		}
		if s := i.State(a); s.InFlight != 0 {
			t.Fatalf("%+v", s)
		}
		c.t = c.t.Add(10 * time.Second)
		if p := send(i, a, int(3*rate), int(300*rate)); p != nil {
			t.Fatalf("the bucket does not fill again: %v", p)
		}
	})
}

// One tenant's large requests leave memory for others'.
func TestInFlight(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	i := newIngest(t, c, IngestConfig{InFlight: 10 << 20})
	a := &catalog.Tenant{ID: "a"}
	var open []usage.Reserve
	for range 10 {
		res, p := i.Begin(a, 1<<20)
		if p != nil {
			t.Fatal(p)
		}
		open = append(open, res)
	}
	if _, p := i.Begin(a, 1<<20); p == nil || p.Status != 503 || p.Code != "too_busy" || p.Limit != "ingest.in_flight" || p.RetryAfter <= 0 {
		t.Errorf("%+v", p)
	}
	if _, p := i.Begin(&catalog.Tenant{ID: "b"}, 1<<30); p != nil {
		t.Errorf("another tenant: %v", p)
	}
	i.Cancel(a, open[0])
	if _, p := i.Begin(a, 1<<20); p != nil {
		t.Errorf("after one has ended: %v", p)
	}
}

func TestIngestForgets(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	i := newIngest(t, c, IngestConfig{Limits: catalog.Limits{EventsPerSecond: 10}})
	for n := range 1000 {
		send(i, &catalog.Tenant{ID: tenant.ID(fmt.Sprint(n))}, 1, 100)
	}
	if s := i.State(&catalog.Tenant{ID: "0"}); s.Events != 49 || s.Bytes != -1 {
		t.Errorf("%+v", s)
	}
	c.t = c.t.Add(time.Minute)
	for range 501 {
		send(i, &catalog.Tenant{ID: "x"}, 0, 100)
	}
	if len(i.meters) != 1 || i.recent.Len() != 1 {
		t.Errorf("%d tenants are remembered", len(i.meters))
	}
	i = newIngest(t, c, IngestConfig{})
	send(i, &catalog.Tenant{ID: "x"}, 1, 100)
	if len(i.meters) != 0 {
		t.Error("a tenant without limits is remembered")
	}
}

func TestAddresses(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	reg := prometheus.NewRegistry()
	if _, err := NewIngest(IngestConfig{}, reg); err != nil { // they count in one metric
		t.Fatal(err)
	}
	a, err := NewAddresses(AddressConfig{Rate: 2, Burst: 3, Now: c.now}, reg)
	if err != nil {
		t.Fatal(err)
	}
	try := func(ip string) *problem.Problem { return a.Admit(netip.MustParseAddr(ip)) }
	for n := range 3 {
		if p := try("192.0.2.1"); p != nil {
			t.Fatalf("request %d: %v", n, p)
		}
	}
	if p := try("192.0.2.1"); p == nil || p.Status != 429 || p.Limit != "http.ip_rate" || p.LimitValue != 2 || p.RetryAfter != 500*time.Millisecond {
		t.Errorf("%+v", p)
	}
	if p := try("::ffff:192.0.2.1"); p == nil {
		t.Error("the same address, mapped into IPv6, is another one")
	}
	if p := try("192.0.2.2"); p != nil {
		t.Errorf("another address: %v", p)
	}
	c.t = c.t.Add(500 * time.Millisecond)
	if p := try("192.0.2.1"); p != nil {
		t.Errorf("after the time that was said: %v", p)
	}
	for n := range 3 { // many addresses of one /64
		if p := try(fmt.Sprintf("2001:db8:0:1:%x::1", n)); p != nil {
			t.Fatal(p)
		}
	}
	if p := try("2001:db8:0:1::ffff"); p == nil {
		t.Error("addresses of one /64 are not limited together")
	}
	if p := try("2001:db8:0:2::1"); p != nil {
		t.Errorf("another /64: %v", p)
	}
	for range 200_000 {
		a.Admit(netip.AddrFrom4([4]byte{10, byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())}))
	}
	n := 0
	for i := range a.shards {
		n += a.shards[i].lru.Len()
	}
	if n > addressShards*addressesShard {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestAddressMiddleware(t *testing.T) {
	a, err := NewAddresses(AddressConfig{Rate: 1, Limit: "access.sign_in_rate"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := a.Limit(http.NotFoundHandler(), func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") })
	var codes []int
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
		codes = append(codes, w.Code)
		if w.Code == 429 && (w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "access.sign_in_rate")) {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
	}
	if fmt.Sprint(codes) != "[404 429]" {
		t.Error(codes)
	}
	off, err := NewAddresses(AddressConfig{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if p := off.Admit(netip.Addr{}); p != nil {
			t.Fatal(p)
		}
	}
}

func BenchmarkIngestRefused(b *testing.B) {
	i, err := NewIngest(IngestConfig{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	a := &catalog.Tenant{ID: "a", Limits: catalog.Limits{EventsPerSecond: 1}}
	b.ReportAllocs()
	for b.Loop() {
		if res, p := i.Begin(a, 30_000); p == nil {
			i.Take(a, res, 100, 30_000)
		}
	}
}

// A flood whose requests do not announce their length is refused early too, once it is known what they hold; whoever stays within the limit is not.
func TestFloodOfUnknownLength(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	i := newIngest(t, c, IngestConfig{})
	a := &catalog.Tenant{ID: "a", Limits: catalog.Limits{EventsPerSecond: 1000, BurstSeconds: 1}}
	looked, taken := 0, 0
	for range 2000 { // 100 requests a second of 500 events each: fifty times the limit
		c.t = c.t.Add(10 * time.Millisecond)
		res, p := i.Begin(a, -1)
		if p != nil {
			if p.Limit != "limits.events_per_second" || p.RetryAfter <= 0 {
				t.Fatalf("%+v", p)
			}
			continue
		}
		looked++
		if i.Take(a, res, 500, 100_000) == nil {
			taken++
		}
	}
	if taken < 35 || taken > 42 || looked > 2*taken+10 {
		t.Errorf("of 2000 requests %d were decoded, %d taken; want about 40 taken and few more decoded", looked, taken)
	}
	b := &catalog.Tenant{ID: "b", Limits: catalog.Limits{EventsPerSecond: 1000, BurstSeconds: 1}}
	for n := range 500 { // 80 % of the limit
		c.t = c.t.Add(10 * time.Millisecond)
		res, p := i.Begin(b, -1)
		if p == nil {
			p = i.Take(b, res, 8, 1600)
		}
		if p != nil {
			t.Fatalf("request %d within the limit: %v", n, p)
		}
	}
}
