//go:build system

package system

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/client"
	"weir/test/system/harness"
)

// processCPU is the user and system time of a process, ended threads included, in seconds.
func processCPU(t *testing.T, pid int) float64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	sum := 0.0
	for _, at := range []int{11, 12} {
		n, err := strconv.ParseFloat(f[at], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n / 100 // USER_HZ is 100 everywhere
	}
	return sum
}

// bill is what /api/v1/costs says.
type bill struct {
	AsOf  time.Time `json:"as_of"`
	Lines []struct {
		Tenant, Kind string
		Amount       float64
		CPU          float64 `json:"cpu_seconds"`
		Estimated    float64 `json:"cpu_estimated"`
		Requests     float64
	}
	Installation struct {
		Tenants     float64            `json:"tenants_cpu_seconds"`
		Overhead    float64            `json:"overhead_cpu_seconds"`
		Parts       map[string]float64 `json:"overhead"`
		Unexplained map[string]float64
		Sampled     float64 `json:"sampled_ratio_last_minute"`
	}
}

func (b *bill) unexplained() (sum, abs float64) {
	for _, s := range b.Installation.Unexplained {
		sum, abs = sum+s, abs+math.Abs(s)
	}
	return sum, abs
}

func (b *bill) all() float64 {
	u, _ := b.unexplained()
	return b.Installation.Tenants + b.Installation.Overhead + u
}

func (b *bill) of(tenant, kind string) float64 {
	sum := 0.0
	for _, l := range b.Lines {
		if l.Tenant == tenant && (kind == "" || l.Kind == kind) {
			sum += l.CPU
		}
	}
	return sum
}

// costs asks for the bill, once what was used until now is in it.
func costs(t *testing.T, srv *harness.Server) *bill {
	t.Helper()
	since := time.Now()
	for ctx := t.Context(); ; time.Sleep(20 * time.Millisecond) {
		b := &bill{}
		if err := srv.Admin().Do(ctx, "GET", "/api/v1/costs?by=tenant,kind", nil, b); err != nil {
			t.Fatal(err)
		}
		if b.AsOf.After(since) {
			return b
		}
		if time.Since(since) > time.Minute {
			t.Fatalf("costs are as of %s, a minute old", b.AsOf)
		}
	}
}

// rest waits until merges and rollups have ended: what is used between a look and the test's own reading belongs to neither.
func rest(t *testing.T, srv *harness.Server) {
	t.Helper()
	sum := func() float64 { return processCPU(t, srv.PID()) + processCPU(t, srv.EnginePID()) }
	quiet := 0 // seconds: between two steps of a rollup, and where others take the cores, there is one that is
	for last, n := sum(), 0; n < 120 && quiet < 3; n++ {
		time.Sleep(time.Second)
		now := sum()
		if quiet++; now-last >= 0.04 {
			quiet = 0
		}
		last = now
	}
}

func views(n, first int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"event_id":"e%d","type":"view","user_id":"u%d","client_id":"c%d","url":"https://example.com/p/%d","props":{"plan":"x%d","value":%d}}`+"\n", first+i, first+i, i%50, i%97, i%5, i)
	}
	return b.Bytes()
}

func newTenants(t *testing.T, srv *harness.Server, ids ...string) (out []harness.Tenant) {
	t.Helper()
	for _, id := range ids {
		tn, err := srv.NewTenant(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tn)
	}
	return out
}

// Under a mixed load of several tenants, what tenants and overhead are charged is what both processes used, and what nothing explains stays within 1 %.
// All figures are CPU time: a busy machine changes how long it takes and not what is compared.
func TestCostsAddUp(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tn := newTenants(t, srv, "big", "small", "asker")
	for i, x := range tn {
		if _, err := srv.Client(x.WriteKey).Ingest(t.Context(), views(20_000, 0), client.IngestOptions{}); err != nil {
			t.Fatal(i, err)
		}
	}
	rest(t, srv)
	before := costs(t, srv)
	from := []float64{processCPU(t, srv.PID()), processCPU(t, srv.EnginePID())}
	ctx, stop := context.WithTimeout(t.Context(), 40*time.Second)
	defer stop()
	var wg sync.WaitGroup
	var requests, queries atomic.Int64
	work := func(n int, do func(ctx context.Context, worker, i int) error) {
		for w := range n {
			wg.Go(func() {
				for i := 1; ctx.Err() == nil; i++ {
					if err := do(ctx, w, i); err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	send := func(key string, rows int) func(context.Context, int, int) error {
		c := srv.Client(key)
		return func(ctx context.Context, w, i int) error {
			requests.Add(1)
			_, err := c.Ingest(ctx, views(rows, (w+1)*1_000_000_000+i*rows), client.IngestOptions{})
			return err
		}
	}
	work(3, send(tn[0].WriteKey, 400))
	work(1, send(tn[1].WriteKey, 50))
	asker := srv.Client(tn[2].Analyst)
	work(2, func(ctx context.Context, w, i int) error {
		queries.Add(1)
		_, err := asker.QueryRows(ctx, client.QueryRequest{SQL: fmt.Sprintf("SELECT user_id, count() AS n FROM events WHERE length(user_id) > %d GROUP BY user_id ORDER BY n DESC LIMIT 10", -w*1_000_000-i)})
		return err
	})
	wg.Wait()
	rest(t, srv)
	after := costs(t, srv)
	to := []float64{processCPU(t, srv.PID()), processCPU(t, srv.EnginePID())}
	used := to[0] - from[0] + to[1] - from[1]
	charged := after.all() - before.all()
	sumA, _ := after.unexplained()
	sumB, _ := before.unexplained()
	t.Logf("%d requests, %d queries; server %.2f s, engine %.2f s; charged %.2f s (%.2f %%): tenants %.2f s, overhead %.2f s, unexplained %.3f s (%.2f %%)",
		requests.Load(), queries.Load(), to[0]-from[0], to[1]-from[1], charged, 100*charged/used,
		after.Installation.Tenants-before.Installation.Tenants, after.Installation.Overhead-before.Installation.Overhead, sumA-sumB, 100*(sumA-sumB)/used)
	t.Logf("samples of the server stand for %.3f of its CPU", after.Installation.Sampled)
	for name, v := range after.Installation.Unexplained {
		t.Logf("unexplained %s: %.3f s", name, v-before.Installation.Unexplained[name])
	}
	var parts []string
	for name := range after.Installation.Parts {
		parts = append(parts, name)
	}
	sort.Strings(parts)
	for _, name := range parts {
		t.Logf("overhead %s: %.3f s", name, after.Installation.Parts[name]-before.Installation.Parts[name])
	}
	for _, l := range after.Lines {
		t.Logf("%s %s: %.3f s, %.0f requests", l.Tenant, l.Kind, l.CPU, l.Requests)
	}
	if used < 5 {
		t.Fatalf("the processes used %.2f s of CPU only: nothing can be said", used)
	}
	if math.Abs(charged-used) > used/100 {
		t.Errorf("charged %.3f s, the processes used %.3f s: more than 1 %% apart", charged, used)
	}
	if off := math.Abs(sumA - sumB); off > used/100 {
		t.Errorf("%.3f s of %.3f s are not explained, more than 1 %%", off, used)
	}
	for _, want := range []struct{ tenant, kind string }{{"big", "ingest"}, {"big", "process"}, {"big", "rollup"}, {"small", "ingest"}, {"asker", "query"}} {
		if after.of(want.tenant, want.kind) <= before.of(want.tenant, want.kind) {
			t.Errorf("%s is charged nothing for %s", want.tenant, want.kind)
		}
	}
	if big, small := after.of("big", "process"), after.of("small", "process"); big < small {
		t.Errorf("who sends more is charged less: %.2f s against %.2f s", big, small)
	}
}

// A thousand questions whose answers are ten rows cost what they did, not what they returned.
func TestEffortIsCharged(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tn := newTenants(t, srv, "heavy", "light")
	const rows = 200_000
	for i := range 5 {
		if _, err := srv.Client(tn[0].WriteKey).Ingest(t.Context(), views(rows/5, i*rows/5), client.IngestOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := srv.Client(tn[1].WriteKey).Ingest(t.Context(), views(10, 0), client.IngestOptions{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		res, err := srv.Client(tn[0].Analyst).QueryRows(t.Context(), client.QueryRequest{SQL: "SELECT count() AS n FROM events"})
		if err == nil && fmt.Sprint(res.Data[0]["n"]) == fmt.Sprint(rows) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the events are not visible", err)
		}
	}
	// Merges and rollups of what has just come are the engine's work too, and not the questions'.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		from := processCPU(t, srv.EnginePID())
		if time.Sleep(time.Second); processCPU(t, srv.EnginePID())-from < 0.1 {
			break
		}
	}
	ask := func(x harness.Tenant, n int) (engine, charged float64) {
		before, from := costs(t, srv), processCPU(t, srv.EnginePID())
		var next atomic.Int64
		var wg sync.WaitGroup
		c := srv.Client(x.Analyst)
		for range 2 {
			wg.Go(func() {
				for {
					i := next.Add(1)
					if i > int64(n) {
						return
					}
					res, err := c.QueryRows(t.Context(), client.QueryRequest{SQL: fmt.Sprintf("SELECT user_id, count() AS n FROM events WHERE length(user_id) > %d GROUP BY user_id LIMIT 10", -i)})
					if err != nil || len(res.Data) != 10 {
						t.Error(len(res.Data), err)
						return
					}
				}
			})
		}
		wg.Wait()
		after := costs(t, srv)
		return processCPU(t, srv.EnginePID()) - from, after.of(x.ID, "query") - before.of(x.ID, "query")
	}
	n := times(t, 1000, 300)
	light, lightCharged := ask(tn[1], n)
	heavy, heavyCharged := ask(tn[0], n)
	t.Logf("light: engine %.2f s, charged %.2f s; heavy: engine %.2f s, charged %.2f s", light, lightCharged, heavy, heavyCharged)
	if charged, used := heavyCharged/lightCharged, heavy/light; charged < 0.8*used || charged > 1.25*used || used < 1.3 {
		t.Errorf("%d wide group-bys are charged %.2f times as many of ten rows; the engine worked %.2f times as much", n, charged, used)
	}
	// The engine's CPU also holds merges, rollups and housekeeping, which are not the questions'; the charge also holds the server's part.
	if heavyCharged < 0.85*heavy || heavyCharged > 1.5*heavy {
		t.Errorf("charged %.2f s, the engine used %.2f s meanwhile", heavyCharged, heavy)
	}
}

// Which questions cost what can be read after a restart, and after a kill.
func TestShapesSurviveRestarts(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{Args: []string{"--metering-interval", "500ms"}})
	tn := newTenants(t, srv, "asker")[0]
	shapes := func() (texts []string) {
		var b struct{ Lines []costLine }
		if err := srv.Client(tn.Admin).Do(t.Context(), "GET", "/api/v1/costs?by=shape", nil, &b); err != nil {
			t.Fatal(err)
		}
		for _, l := range b.Lines {
			if l.ShapeText != "" {
				texts = append(texts, l.ShapeText)
			}
		}
		return texts
	}
	ask := func(column string) {
		if _, err := srv.Client(tn.Analyst).QueryRows(t.Context(), client.QueryRequest{SQL: "SELECT count() FROM events WHERE " + column + " = 'x'"}); err != nil {
			t.Fatal(err)
		}
		costs(t, srv)
		costs(t, srv) // one whole look after the question
	}
	want := func(when string, columns ...string) {
		t.Helper()
		all := strings.Join(shapes(), "\n")
		for _, c := range columns {
			if !strings.Contains(all, c) {
				t.Errorf("%s: no question about %s in\n%s", when, c, all)
			}
		}
	}
	ask("user_id")
	want("at once", "user_id")
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("after a restart", "user_id")
	ask("session_id")
	if err := srv.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("after a kill", "user_id", "session_id")
}

// What a crash makes weir process again is billed once: at the door, and not when it is processed, however often that is.
func TestReplayIsNotBilled(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{Args: []string{"--metering-interval", "200ms"}})
	tn := newTenants(t, srv, "replayed")[0]
	billed := func() (events float64, err error) {
		since := time.Now()
		for looks := 0; looks < 2; { // two whole ones
			var b struct {
				AsOf  time.Time `json:"as_of"`
				Lines []struct{ Events float64 }
			}
			if err := client.New(srv.URL, harness.AdminToken, client.Options{RetryFor: -1}).Do(t.Context(), "GET", "/api/v1/costs?by=tenant", nil, &b); err != nil {
				return 0, err
			}
			if b.AsOf.After(since) {
				since, events = b.AsOf, 0
				looks++
				for _, l := range b.Lines {
					events += l.Events
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		return events, nil
	}
	sent := 0
	send := func(n int) {
		if _, err := client.New(srv.URL, tn.WriteKey, client.Options{RetryFor: -1}).Ingest(t.Context(), views(n, sent), client.IngestOptions{}); err != nil {
			t.Fatalf("not acknowledged: %v", err)
		}
		sent += n
	}
	visible := func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := harness.WaitCount(ctx, srv.Client(tn.Analyst), "SELECT count() FROM events", int64(sent)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []string{"insert", "intent", "insert"} {
		for interval, shown := 6*time.Second, false; !shown; interval *= 2 { // until the machine is fast enough
			if err := srv.Kill(); err != nil {
				t.Fatal(err)
			}
			srv.SetEnv("WEIR_FAULT="+step+":2", "WEIR_PROCESS_INTERVAL="+interval.String()) // it ends at that step of the second commit
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			send(10)
			visible()
			send(1000) // is billed before its commit, an interval after the last
			if got, err := billed(); err == nil && got == float64(sent) {
				shown = true
			} else if interval > 30*time.Second || err == nil {
				t.Fatalf("%v events are billed, %d were taken (%v): the test shows nothing", got, sent, err)
			}
			select {
			case <-srv.Done():
			case <-time.After(interval + time.Minute):
				t.Fatalf("it did not end at %s", step)
			}
			srv.SetEnv()
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			visible()
			if got, err := billed(); err != nil || got != float64(sent) {
				t.Errorf("after a crash at %s: %v events are billed, %d were taken, %v", step, got, sent, err)
			}
		}
	}
}
