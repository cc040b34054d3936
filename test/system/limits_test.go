package system

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/test/system/harness"
)

// answer is what a refusal says.
type answer struct {
	status int
	retry  string
	Code   string `json:"code"`
	Limit  string `json:"limit"`
	Value  int64  `json:"limit_value"`
	text   string
}

// call makes one request; a lasting one ends with ctx.
func call(ctx context.Context, t *testing.T, method, url, key, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return answer{}
		}
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, retry: resp.Header.Get("Retry-After"), text: string(text)}
	_ = json.Unmarshal(text, &a) // not every answer is JSON
	return a
}

func events(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"type\":\"view\",\"client_id\":\"c%d\"}\n", i%50)
	}
	return b.String()
}

// until waits until ok says so, and returns how long that took.
func until(t *testing.T, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

// A changed limit holds from the next request on, for one tenant only, and nothing of what is refused is stored.
func TestIngestLimitsOfTenants(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := harness.StartT(t, harness.Config{Args: []string{"--http-ip-rate", "1", "--http-ip-burst", "5", "--http-trusted-proxies", "127.0.0.1"}})
	a, err := srv.NewTenant(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := srv.NewTenant(ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	limit := func(limits map[string]int64) {
		if err := srv.Admin().Do(ctx, http.MethodPatch, "/api/v1/tenants/a", map[string]any{"limits": limits}, nil); err != nil {
			t.Fatal(err)
		}
	}
	send := func(key string, n int) answer { return call(ctx, t, "POST", srv.URL+"/ingest", key, events(n)) }
	if got := send(a.WriteKey, 50); got.status != 200 {
		t.Fatalf("without a limit: %+v", got)
	}
	limit(map[string]int64{"events_per_second": 1, "burst_seconds": 20}) // a busy machine is not so late that it may send again
	if got := send(a.WriteKey, 50); got.status != 413 || got.Code != "over_burst" || got.Limit != "limits.events_per_second" || got.Value != 1 || got.retry != "" {
		t.Errorf("more than may ever come at once: %+v", got)
	}
	if got := send(a.WriteKey, 20); got.status != 200 {
		t.Errorf("within the limit: %+v", got)
	}
	got := send(a.WriteKey, 20)
	if retry, err := strconv.Atoi(got.retry); got.status != 429 || got.Limit != "limits.events_per_second" || got.Value != 1 || err != nil || retry < 1 {
		t.Errorf("over the limit: %+v", got)
	}
	if got := send(b.WriteKey, 50); got.status != 200 {
		t.Errorf("another tenant: %+v", got)
	}
	limit(map[string]int64{"events_per_second": 0})
	if got := send(a.WriteKey, 50); got.status != 200 {
		t.Errorf("without a limit again: %+v", got)
	}
	if err := harness.WaitCount(ctx, srv.Client(a.Analyst), "SELECT count() FROM events", 120); err != nil {
		t.Error(err)
	}
	pixel := srv.URL + "/pixel.gif?site_id=" + a.SiteID + `&events=[{"type":"a"}]`
	refused := answer{}
	for range 30 {
		if refused = call(ctx, t, "GET", pixel, "", "", "X-Forwarded-For", "198.51.100.7"); refused.status != 200 {
			break
		}
	}
	if refused.status != 429 || refused.Limit != "http.ip_rate" || refused.retry == "" {
		t.Errorf("an address that sends too much: %+v", refused)
	}
	if got := call(ctx, t, "GET", pixel, "", "", "X-Forwarded-For", "198.51.100.8"); got.status != 200 {
		t.Errorf("another address behind the proxy: %+v", got)
	}
}

// heavy reads rows of events in all combinations: minutes of work.
const heavy = `{"sql":"SELECT count() FROM events AS a CROSS JOIN events AS b CROSS JOIN events AS c WHERE cityHash64(a.event_id, b.event_id, c.event_id) %% %d = 1"}`

// cpuOf is the CPU time of a process.
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("CPU of a process is read from /proc")
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// A query whose client leaves ends, waiting or running; its tenant pays for what it used, and is refused when that was more than it may.
func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := harness.StartT(t, harness.Config{Args: []string{"--query-timeout", "2m"}})
	a, err := srv.NewTenant(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	limit := func(name string, value int64) {
		if err := srv.Admin().Do(ctx, http.MethodPatch, "/api/v1/tenants/a", map[string]any{"limits": map[string]int64{name: value}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit("queries", 1)
	if got := call(ctx, t, "POST", srv.URL+"/ingest", a.WriteKey, events(5000)); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	if err := harness.WaitCount(ctx, srv.Client(a.Analyst), "SELECT count() FROM events", 5000); err != nil {
		t.Fatal(err)
	}
	state := func() (running, waiting int, waitsFor string) {
		var s struct {
			Now struct {
				Queries  []struct{ Running, Waiting int }
				WaitsFor string `json:"waits_for"`
			}
		}
		if err := srv.Client(a.Admin).Do(ctx, http.MethodGet, "/api/v1/limits", nil, &s); err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Now.Queries {
			running, waiting = running+c.Running, waiting+c.Waiting
		}
		return running, waiting, s.Now.WaitsFor
	}
	charged := func() float64 {
		var s struct {
			Now struct {
				CPU float64 `json:"cpu_seconds_last_minute"`
			}
		}
		if err := srv.Client(a.Admin).Do(ctx, http.MethodGet, "/api/v1/limits", nil, &s); err != nil {
			t.Fatal(err)
		}
		return s.Now.CPU
	}
	begin := func(n int) (leave func(), ended chan answer) { // equal questions would be one for the engine
		ctx, cancel := context.WithCancel(ctx)
		ended = make(chan answer, 1)
		go func() { ended <- call(ctx, t, "POST", srv.URL+"/api/v1/query", a.Analyst, fmt.Sprintf(heavy, n)) }()
		return cancel, ended
	}
	leaveRunning, first := begin(7)
	defer leaveRunning()
	until(t, "a query that runs", func() bool { r, _, _ := state(); return r == 1 })
	leaveWaiting, second := begin(8)
	defer leaveWaiting()
	until(t, "a query that waits for limits.queries", func() bool { _, w, why := state(); return w == 1 && why == "limits.queries" })

	leaveWaiting()
	t.Logf("the waiting query was gone %v after its client", until(t, "end of the waiting query", func() bool { _, w, _ := state(); return w == 0 }))
	<-second
	used := cpuOf(t, srv.EnginePID())
	until(t, "two seconds of CPU", func() bool { return cpuOf(t, srv.EnginePID())-used > 2*time.Second })
	leaveRunning()
	t.Logf("the running query was gone %v after its client", until(t, "end of the running query", func() bool { r, _, _ := state(); return r == 0 }))
	<-first
	until(t, "an idle engine", func() bool {
		before := cpuOf(t, srv.EnginePID())
		time.Sleep(500 * time.Millisecond)
		return cpuOf(t, srv.EnginePID())-before < 200*time.Millisecond
	})
	t.Logf("the engine used %v, the tenant is charged %.2f s", cpuOf(t, srv.EnginePID())-used, charged())
	limit("cpu_seconds_per_minute", 1)
	got := call(ctx, t, "POST", srv.URL+"/api/v1/query", a.Analyst, `{"sql":"SELECT count() FROM events WHERE type = 'x'"}`)
	if retry, err := strconv.Atoi(got.retry); got.status != 429 || got.Limit != "limits.cpu_seconds_per_minute" || err != nil || retry < 1 || retry > 61 {
		t.Errorf("after a query that used more than the limit: %+v", got)
	}
	limit("cpu_seconds_per_minute", 1000)
	if got := call(ctx, t, "POST", srv.URL+"/api/v1/query", a.Analyst, `{"sql":"SELECT count() FROM events WHERE type = 'x'"}`); got.status != 200 {
		t.Errorf("after the limit was raised: %+v", got)
	}
}
