//go:build system

package system

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/client"
	"weir/internal/rollup"
	"weir/test/system/harness"
)

// load sends events from several senders, each of which repeats a request until it is acknowledged, and sometimes again after that.
type load struct {
	srv    *harness.Server
	tenant harness.Tenant
	acked  atomic.Int64 // requests
	stop   chan struct{}
	wg     sync.WaitGroup
	props  func() string     // of the next events
	kinds  map[string]string // of the properties that the schema must have in the end
	gate   sync.RWMutex      // held while a request is repeated: who locks it knows that what was begun is acknowledged

	mu  sync.Mutex
	ids map[string]bool // acknowledged
}

const perRequest = 40

func startLoad(t *testing.T, srv *harness.Server, tenant harness.Tenant, senders int) *load {
	t.Helper()
	return startLoadOf(t, srv, tenant, senders, func() string { return `"value":1` })
}

// startLoadOf sends events with these properties, beside the value 1.
func startLoadOf(t *testing.T, srv *harness.Server, tenant harness.Tenant, senders int, props func() string) *load {
	t.Helper()
	l := &load{srv: srv, tenant: tenant, stop: make(chan struct{}), props: props, kinds: map[string]string{"value": "int"}, ids: map[string]bool{}}
	for i := range senders {
		l.wg.Add(1)
		go func() {
			defer l.wg.Done()
			l.send(t, i)
		}()
	}
	return l
}

func (l *load) send(t *testing.T, sender int) {
	rng := rand.New(rand.NewPCG(uint64(sender), 7))
	c := client.New(l.srv.URL, l.tenant.WriteKey, client.Options{RetryFor: -1})
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		default:
		}
		l.gate.RLock()
		body, ids := l.request(rng, sender, n)
		for again := 0; again <= rng.IntN(2); again++ { // every other request is sent twice
			for !l.try(t, c, body) {
				time.Sleep(time.Duration(1+rng.IntN(30)) * time.Millisecond)
			}
		}
		l.mu.Lock()
		for _, id := range ids {
			l.ids[id] = true
		}
		l.mu.Unlock()
		l.acked.Add(1)
		l.gate.RUnlock()
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
	}
}

func (l *load) request(rng *rand.Rand, sender, n int) (body []byte, ids []string) {
	var b strings.Builder
	for i := range perRequest {
		id := fmt.Sprintf("s%d-%d-%d", sender, n, i)
		ids = append(ids, id)
		ts := time.Now()
		if rng.IntN(10) == 0 { // some of them late: another writer, other partitions
			ts = ts.AddDate(0, 0, -3-rng.IntN(15))
		}
		fmt.Fprintf(&b, `{"event_id":%q,"type":"pageview","ts":%d,"client_id":"c%d","url":"https://example.com/p%d","props":{%s}}`+"\n",
			id, ts.UnixMilli(), rng.IntN(500), rng.IntN(50), l.props())
	}
	return []byte(b.String()), ids
}

// try sends a request once and reports whether it was acknowledged.
func (l *load) try(t *testing.T, c *client.Client, body []byte) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := c.Ingest(ctx, body, client.IngestOptions{})
	if err == nil && (res.Accepted != perRequest || len(res.Rejected) > 0) {
		t.Errorf("a request was accepted in part: %+v", res)
	}
	return err == nil
}

func (l *load) finish() {
	close(l.stop)
	l.wg.Wait()
}

// verify checks that exactly the acknowledged events are stored, each once, and that every rollup says the same.
func (l *load) verify(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	engine, err := clickhouse.New("unix://" + l.srv.Dir() + "/engine/engine.sock")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(len(l.ids))
	l.settle(ctx, t, engine, want)
	seen := map[string]int{}
	if _, err := engine.Rows(ctx, clickhouse.Statement{SQL: "SELECT event_id FROM weir.events WHERE tenant = '" + l.tenant.ID + "'"}, func(row []any) error {
		seen[row[0].(string)]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for id := range l.ids {
		if seen[id] != 1 {
			if wrong++; wrong <= 100 {
				t.Errorf("event %s was acknowledged and is stored %d times", id, seen[id])
			}
		}
	}
	if wrong > 0 {
		l.explain(ctx, t, engine)
		t.FailNow()
	}
	for _, r := range rollup.All {
		waitFor(ctx, t, engine, "events of "+r.Name, "SELECT toString(sum(events)) FROM "+r.Table()+" WHERE tenant = '"+l.tenant.ID+"'", want)
		waitFor(ctx, t, engine, "value of "+r.Name, "SELECT toString(sum(value)) FROM "+r.Table()+" WHERE tenant = '"+l.tenant.ID+"'", want)
	}
	l.verifySchema(ctx, t)
}

// verifySchema checks that what is known of the tenant's data is what is stored.
func (l *load) verifySchema(ctx context.Context, t *testing.T) {
	t.Helper()
	var schema struct {
		Rows       int `json:"rows"`
		Properties []struct {
			Name string `json:"name"`
			Kind string `json:"kind"`
		} `json:"properties"`
	}
	if err := l.srv.Client(l.tenant.Analyst).Do(ctx, http.MethodGet, "/api/v1/schema", nil, &schema); err != nil {
		t.Fatal(err)
	}
	if schema.Rows != len(l.ids) {
		t.Errorf("%d rows are stored, the statistics have %d", len(l.ids), schema.Rows)
	}
	kinds := map[string]string{}
	for _, p := range schema.Properties {
		kinds[p.Name] = p.Kind
	}
	if !maps.Equal(kinds, l.kinds) {
		t.Errorf("the properties are %v, want %v", kinds, l.kinds)
	}
}

// settle waits until as many events are stored as were acknowledged, or nothing changes any more.
func (l *load) settle(ctx context.Context, t *testing.T, engine *clickhouse.Client, want string) {
	t.Helper()
	got, since := "", time.Now()
	for got != want && time.Since(since) < 40*time.Second {
		last := got
		_, err := engine.Rows(ctx, clickhouse.Statement{SQL: "SELECT toString(count()) FROM weir.events WHERE tenant = '" + l.tenant.ID + "'"}, func(row []any) error {
			got = fmt.Sprint(row[0])
			return nil
		})
		if err != nil || got != want {
			time.Sleep(100 * time.Millisecond)
		}
		if got != last {
			since = time.Now()
		}
	}
	if got != want {
		t.Errorf("%s events are stored, %s were acknowledged", got, want)
	}
}

// explain logs what may tell why events are missing: the accounting, and parts that the engine has set aside.
func (l *load) explain(ctx context.Context, t *testing.T, engine *clickhouse.Client) {
	t.Helper()
	var usage any
	if err := l.srv.Client(l.tenant.Admin).Do(ctx, "GET", "/api/v1/usage", nil, &usage); err == nil {
		t.Logf("usage: %v", usage)
	}
	for _, sql := range []string{"SELECT table, name, reason FROM system.detached_parts",
		"SELECT toString(_writer), toString(max(_seq)), toString(uniqExact(_seq)), toString(count()) FROM weir.events GROUP BY _writer"} {
		if _, err := engine.Rows(ctx, clickhouse.Statement{SQL: sql}, func(row []any) error {
			t.Log(row...)
			return nil
		}); err != nil {
			t.Log(err)
		}
	}
}

func waitFor(ctx context.Context, t *testing.T, engine *clickhouse.Client, what, sql, want string) {
	t.Helper()
	got := ""
	for ctx.Err() == nil && got != want {
		_, err := engine.Rows(ctx, clickhouse.Statement{SQL: sql}, func(row []any) error {
			got = fmt.Sprint(row[0])
			return nil
		})
		if err != nil || got != want {
			time.Sleep(100 * time.Millisecond)
		}
	}
	if got != want {
		t.Fatalf("%s: %s, want %s", what, got, want)
	}
}

func times(t *testing.T, long, short int) int {
	t.Helper()
	if testing.Short() {
		return short
	}
	return long
}

// TestKillProcess kills weir with SIGKILL at random moments and between the steps of the commit protocol, under load.
func TestKillProcess(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tenant, err := srv.NewTenant(t.Context(), "kill")
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, srv, tenant, 6)
	rng := rand.New(rand.NewPCG(1, 2))
	steps := []string{"", "intent", "", "insert", "commit", "", "late-intent", "late-commit", "rollup-intent", "", "rollup-insert"}
	kills := times(t, 50, 6)
	var slowest time.Duration
	for i := range kills {
		if step := steps[(i+1)%len(steps)]; step != "" { // the next life ends by itself at that step
			srv.SetEnv("WEIR_FAULT=" + fmt.Sprintf("%s:%d", step, 1+rng.IntN(3)))
		} else {
			srv.SetEnv()
		}
		engine := srv.EnginePID()
		if err := srv.Kill(); err != nil {
			t.Fatal(err)
		}
		orphan(t, engine)
		if err := srv.Spawn(); err != nil {
			t.Fatal(err)
		}
		err := srv.WaitReady(t.Context())
		if err == nil {
			slowest = max(slowest, srv.ReadyT)
			select {
			case <-srv.Done():
			case <-time.After(time.Duration(rng.IntN(1500)) * time.Millisecond):
			}
		} else if ctxErr := t.Context().Err(); ctxErr != nil {
			t.Fatal(err)
		}
	}
	srv.SetEnv()
	if err := errors.Join(srv.Kill(), srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
		t.Fatal(err)
	}
	l.finish()
	l.verify(t)
	t.Logf("%d kills, %d requests, %d events, slowest start %v", kills, l.acked.Load(), len(l.ids), slowest)
}

// orphan fails when the engine outlives its parent.
func orphan(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); pid > 0; time.Sleep(10 * time.Millisecond) {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) || zombie(pid) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the engine (process %d) outlives its killed parent", pid)
		}
	}
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.Contains(string(b), "State:\tZ")
}

// TestKillEngine kills the engine child at random moments under load: doors go on acknowledging all the time.
func TestKillEngine(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tenant, err := srv.NewTenant(t.Context(), "kill")
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, srv, tenant, 6)
	rng := rand.New(rand.NewPCG(3, 4))
	kills := times(t, 25, 4)
	for range kills {
		time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
		pid := srv.EnginePID()
		if pid == 0 {
			continue // it is being started
		}
		kill := func(pid int) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Fatal(err)
			}
		}
		kill(pid)
		before := l.acked.Load()
		for deadline := time.Now().Add(time.Minute); l.acked.Load() < before+12; time.Sleep(5 * time.Millisecond) {
			if next := srv.EnginePID(); next != 0 && next != pid { // until then it stays away, however fast it would be back
				pid = next
				kill(pid)
			}
			if time.Now().After(deadline) {
				t.Fatal("doors stopped acknowledging when the engine was killed")
			}
		}
		for deadline := time.Now().Add(time.Minute); srv.EnginePID() == 0 || srv.EnginePID() == pid; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the engine was not started again")
			}
		}
	}
	l.finish()
	l.verify(t)
	t.Logf("%d kills, %d requests, %d events", kills, l.acked.Load(), len(l.ids))
}

// TestStopDrains sends SIGTERM under load: weir ends with status 0, and nothing acknowledged is lost.
func TestStopDrains(t *testing.T) {
	srv := harness.StartT(t, harness.Config{})
	tenant, err := srv.NewTenant(t.Context(), "stop")
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, srv, tenant, 6)
	time.Sleep(time.Second)
	begin := time.Now()
	if err := srv.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	t.Logf("stopping took %v", time.Since(begin))
	if err := errors.Join(srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
		t.Fatal(err)
	}
	l.finish()
	l.verify(t)
}

// TestSecondProcess starts a second weir on a directory that is in use.
func TestSecondProcess(t *testing.T) {
	srv := harness.StartT(t, harness.Config{})
	_, err := harness.Start(t.Context(), harness.Config{Dir: srv.Dir()})
	if err == nil || !strings.Contains(err.Error(), "is used by another weir") {
		t.Errorf("a second process on the same directory: %v", err)
	}
}
