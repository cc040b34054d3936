package drive

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/test/load/events"
)

func TestHistogram(t *testing.T) {
	var h, other Histogram
	var all []time.Duration
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		d := time.Duration(rnd.ExpFloat64() * float64(20*time.Millisecond)).Truncate(time.Microsecond)
		all = append(all, d)
		if i%2 == 0 {
			h.Add(d)
		} else {
			other.Add(d)
		}
	}
	h.Merge(&other)
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.5, 0.95, 0.99, 0.999, 1} {
		want := all[max(0, int(q*float64(len(all))+0.999999)-1)]
		got := h.Quantile(q)
		if got < want || float64(got) > float64(want)*(1+1.0/64)+1000 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if h.Count() != 20000 || (&Histogram{}).Quantile(0.5) != 0 {
		t.Error("count or empty")
	}
}

// door is a stand-in for /ingest. Every 10th request is refused if busy is set.
type door struct {
	requests, lines atomic.Int64
	busy            bool
	stall           time.Duration // of the first request

	mu  sync.Mutex
	ids map[string]bool // of what was taken
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := d.requests.Add(1)
	if n == 1 {
		time.Sleep(d.stall)
	}
	lines := 0
	var ids []string
	for s := bufio.NewScanner(r.Body); s.Scan(); {
		if id, ok := strings.CutPrefix(s.Text(), `{"event_id":"`); ok {
			lines++
			id, _, _ = strings.Cut(id, `"`)
			ids = append(ids, id)
		}
	}
	if r.URL.Path != "/ingest" || r.Header.Get("Authorization") != "Bearer k" {
		w.WriteHeader(401)
		return
	}
	if d.busy && n%10 == 0 {
		w.WriteHeader(503)
		return
	}
	d.lines.Add(int64(lines))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ids == nil {
		d.ids = map[string]bool{}
	}
	for _, id := range ids {
		d.ids[id] = true
	}
	fmt.Fprintf(w, `{"accepted":%d,"rejected":[],"token":""}`, lines)
}

func drive(t *testing.T, d *door, change func(*Config)) *Result {
	srv := httptest.NewServer(d)
	defer srv.Close()
	cfg := Config{Addr: srv.Listener.Addr().String(), Key: "k", Conns: 4, Events: events.Config{SiteID: "s", Batch: 20}, Duration: 300 * time.Millisecond}
	change(&cfg)
	res, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestMaximum(t *testing.T) {
	d := &door{busy: true}
	res := drive(t, d, func(c *Config) { c.Duration, c.Total = time.Minute, 1000 }) // however fast the machine is
	if res.Accepted != d.lines.Load() || res.Accepted == 0 || res.Refused == 0 || res.Failed != 0 || res.Sent != res.Accepted+res.Refused {
		t.Errorf("the door took %d: %d sent, %d accepted, %d refused, %d failed (%v)", d.lines.Load(), res.Sent, res.Accepted, res.Refused, res.Failed, res.FirstErr)
	}
}

// TestRetry: what was refused comes again, all of it, and nothing else does.
func TestRetry(t *testing.T) {
	d := &door{busy: true}
	res := drive(t, d, func(c *Config) { c.Duration, c.Total, c.Retry, c.Conns = time.Minute, 1000, true, 2 })
	if res.Accepted != d.lines.Load() || res.Accepted < 1000 || res.Accepted > 1020 || res.Refused == 0 || res.Failed != 0 || res.Sent != res.Accepted+res.Refused {
		t.Errorf("the door took %d: %d sent, %d accepted, %d refused, %d failed (%v)", d.lines.Load(), res.Sent, res.Accepted, res.Refused, res.Failed, res.FirstErr)
	}
	if len(d.ids) != int(res.Accepted) {
		t.Errorf("%d events with %d ids", res.Accepted, len(d.ids))
	}
}

func TestOfferedRate(t *testing.T) {
	d := &door{}
	res := drive(t, d, func(c *Config) { c.Rate = 4000 })
	if want := int64(4000 * 0.3); res.Sent != want || res.Accepted != want {
		t.Errorf("%d events were sent, %d accepted; want %d (%v)", res.Sent, res.Accepted, want, res.FirstErr)
	}
}

// A stall of the server counts for every request that was due in it.
func TestCoordinatedOmission(t *testing.T) {
	d := &door{stall: 200 * time.Millisecond}
	res := drive(t, d, func(c *Config) { c.Rate, c.Conns = 4000, 1 }) // 200 requests a second, 60 in all, 40 due in the stall
	if got := res.Latency.Quantile(0.5); got < 20*time.Millisecond {
		t.Errorf("the median latency is %v though two thirds of the requests were due in a stall of 200ms", got)
	}
}

func TestWrongKeyFails(t *testing.T) {
	res := drive(t, &door{}, func(c *Config) { c.Key = "x" })
	if res.Failed != res.Sent || res.FirstErr == nil || !strings.Contains(res.FirstErr.Error(), "401") {
		t.Errorf("%+v", res.FirstErr)
	}
}
