package qos

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// world is what a gate asks, as tests want it.
type world struct {
	limits  map[tenant.ID]catalog.Limits
	bytes   map[tenant.ID]uint64
	actions map[tenant.ID]string

	mu      sync.Mutex
	columns []string // that statistics were last asked about
}

func (w *world) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	return catalog.Tenant{ID: id, Limits: w.limits[id], Policy: catalog.Policy{Budget: catalog.Budget{Amount: .25}}}, true
}

func (w *world) Reads(t string, _, _ time.Time, columns []string) (rows, bytes uint64) {
	w.mu.Lock()
	w.columns = columns
	w.mu.Unlock()
	return w.bytes[tenant.ID(t)] / 100, w.bytes[tenant.ID(t)]
}

func (w *world) BudgetAction(t tenant.ID) string { return w.actions[t] }

// Price makes a second of CPU cost 1.
func (w *world) Price(r usage.Record) (float64, string) { return r.CPU.Seconds(), "EUR" }

func (w *world) Remaining(tenant.ID) (float64, bool) { return 0, false }

func newWorld() *world {
	return &world{limits: map[tenant.ID]catalog.Limits{}, bytes: map[tenant.ID]uint64{}, actions: map[tenant.ID]string{}}
}

func newGate(t testing.TB, w *world, cfg Config) *Gate {
	t.Helper()
	if cfg.Cores == 0 {
		cfg.Cores = 2
	}
	g, err := New(cfg, Deps{Tenants: w, Statistics: w, Budgets: w, Pricer: w, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ask is a query that is expected to use that much CPU.
func ask(id tenant.ID, cpu time.Duration) usage.Question {
	return usage.Question{Subject: usage.Subject{Tenant: id, Role: tenant.RoleAnalyst, User: "key:1"}, Kind: usage.KindQuery,
		Measured: &usage.Estimate{CPU: cpu}}
}

func admit(t testing.TB, g *Gate, q usage.Question) usage.Ticket {
	t.Helper()
	ticket, p := g.Admit(q, nil)
	if p != nil {
		t.Fatalf("refused: %v", p)
	}
	return ticket
}

// later admits in a goroutine and returns where the outcome arrives.
type outcome struct {
	ticket usage.Ticket
	p      *problem.Problem
}

func later(g *Gate, q usage.Question, done <-chan struct{}) chan outcome {
	c := make(chan outcome, 1)
	go func() {
		ticket, p := g.Admit(q, done)
		c <- outcome{ticket, p}
	}()
	return c
}

func waiting(c chan outcome) bool { return len(c) == 0 }

const (
	short = 20 * time.Millisecond
	mid   = 3 * time.Second
	long  = 60 * time.Second
)

// A hundred expensive queries of one tenant wait for each other; cheap ones, also its own, do not wait for them.
func TestCheapNeverWaitsForExpensive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, newWorld(), Config{MaxWait: time.Hour})
		var scans []chan outcome
		for range 100 {
			scans = append(scans, later(g, ask("a", long), nil))
		}
		synctest.Wait()
		running := 0
		for _, c := range scans {
			if !waiting(c) {
				running++
			}
		}
		if running != 1 {
			t.Fatalf("%d expensive queries run on two cores, want 1", running)
		}
		for _, id := range []tenant.ID{"b", "a", "b"} {
			began := time.Now()
			ticket := admit(t, g, ask(id, short))
			if ticket.Waited() != 0 || time.Since(began) != 0 {
				t.Errorf("%s waited %v behind expensive queries", id, ticket.Waited())
			}
			ticket.Done(usage.Record{CPU: short})
		}
		for n := range scans { // they all get their turn, one after the other
			for _, c := range scans {
				if !waiting(c) {
					o := <-c
					if o.p != nil {
						t.Fatalf("scan %d: %v", n, o.p)
					}
					time.Sleep(time.Second)
					o.ticket.Done(usage.Record{CPU: time.Second})
					synctest.Wait()
					break
				}
			}
		}
		if len(g.lanes[expensive].root.children) != 0 || g.lanes[expensive].running != 0 || g.heavy != 0 || g.lanes[expensive].load != 0 {
			t.Errorf("something is left: %+v", &g.lanes[expensive])
		}
	})
}

// One tenant's flood of cheap queries leaves places for another's.
func TestFloodOfCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, newWorld(), Config{MaxQueued: 1000})
		for range 500 {
			later(g, ask("a", short), nil)
		}
		synctest.Wait()
		a := g.State("a")
		if a.Classes[cheap].Running == 0 || a.Classes[cheap].Running > a.Classes[cheap].Places*3/4 || a.Classes[cheap].Waiting == 0 {
			t.Errorf("a runs %+v", a.Classes[cheap])
		}
		for range a.Classes[cheap].Places - a.Classes[cheap].Running {
			if ticket := admit(t, g, ask("b", short)); ticket.Waited() != 0 {
				t.Errorf("b waited %v", ticket.Waited())
			}
		}
		time.Sleep(time.Minute) // the others are refused after MaxWait
		synctest.Wait()
	})
}

// A burst is held back by what it is expected to cost, before any of it has used anything.
func TestPredictive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, newWorld(), Config{Cores: 4})
		var c []chan outcome
		for i := range 6 { // cheap, but only just: 0.9 s each, from different tenants
			c = append(c, later(g, ask(tenant.ID(fmt.Sprint("t", i)), 900*time.Millisecond), nil))
		}
		synctest.Wait()
		if load := g.lanes[cheap].load; load > g.lanes[cheap].bound {
			t.Errorf("the load is %v, more than %v", load, g.lanes[cheap].bound)
		}
		started := 0
		for _, x := range c {
			if !waiting(x) {
				started++
			}
		}
		if started != 4 {
			t.Errorf("%d started, want 4 on 4 cores", started)
		}
		time.Sleep(time.Minute)
	})
}

func TestTenantLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.limits["a"] = catalog.Limits{Queries: 2, ExpensiveQueries: 1}
		g := newGate(t, w, Config{Cores: 16, MaxWait: 10 * time.Second, Places: 64})
		first, second := admit(t, g, ask("a", short)), admit(t, g, ask("a", short))
		third := later(g, ask("a", short), nil)
		synctest.Wait()
		if !waiting(third) {
			t.Fatal("a third query runs, the limit is 2")
		}
		if s := g.State("a"); s.WaitsFor != "limits.queries" || s.WaitsForValue != 2 || s.Classes[cheap].Waiting != 1 {
			t.Errorf("state: %+v", s)
		}
		admit(t, g, ask("b", short)).Done(usage.Record{}) // another tenant is not concerned
		time.Sleep(3 * time.Second)
		first.Done(usage.Record{CPU: short})
		o := <-third
		if o.p != nil || o.ticket.Waited() != 3*time.Second {
			t.Errorf("third: %v, waited %v", o.p, o.ticket.Waited())
		}
		o.ticket.Done(usage.Record{})
		second.Done(usage.Record{})

		scan := admit(t, g, ask("a", long))
		o = <-later(g, ask("a", long), nil)
		if o.p == nil || o.p.Status != 429 || o.p.Limit != "limits.expensive_queries" || o.p.LimitValue != 1 || o.p.RetryAfter <= 0 || !strings.Contains(o.p.Detail, "the operator can raise limits.expensive_queries (PATCH /api/v1/tenants/a)") {
			t.Errorf("second scan: %+v", o.p)
		}
		scan.Done(usage.Record{})
		if n := testutil.ToFloat64(g.metrics.refusals.WithLabelValues("query", "queue_timeout")); n != 1 {
			t.Errorf("%v refusals counted", n)
		}
	})
}

func TestClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, newWorld(), Config{})
		running := admit(t, g, ask("a", long))
		done := make(chan struct{})
		gone, next := later(g, ask("a", long), done), later(g, ask("b", long), nil)
		synctest.Wait()
		time.Sleep(time.Second)
		close(done)
		began := time.Now()
		if o := <-gone; o.p == nil || o.p.Status != 499 || time.Since(began) != 0 {
			t.Errorf("the client that left: %v after %v", o.p, time.Since(began))
		}
		running.Done(usage.Record{})
		if o := <-next; o.p != nil {
			t.Errorf("the next: %v", o.p)
		}
	})
}

func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, newWorld(), Config{MaxQueued: 3})
		admit(t, g, ask("a", long))
		for range 3 {
			later(g, ask("a", long), nil)
		}
		synctest.Wait()
		_, p := g.Admit(ask("a", long), nil)
		if p == nil || p.Status != 429 || p.Code != "queue_full" || p.LimitValue != 3 || p.RetryAfter <= 0 || !strings.Contains(p.Detail, "raise it in the configuration") {
			t.Errorf("%+v", p)
		}
		time.Sleep(time.Minute)
	})
}

// A job waits as long as it must.
func TestJobsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, newWorld(), Config{})
		running := admit(t, g, ask("a", long))
		q := ask("b", long)
		q.Kind = usage.KindJob
		job := later(g, q, nil)
		time.Sleep(10 * time.Hour)
		if !waiting(job) {
			t.Fatal("the job did not wait")
		}
		running.Done(usage.Record{})
		if o := <-job; o.p != nil || o.ticket.Waited() != 10*time.Hour {
			t.Errorf("%v", o.p)
		}
	})
}

func TestBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.actions["blocked"], w.actions["slow"] = catalog.BudgetBlock, catalog.BudgetThrottle
		g := newGate(t, w, Config{Cores: 8, MaxWait: time.Hour})
		_, p := g.Admit(ask("blocked", short), nil)
		if p == nil || p.Status != 429 || p.Code != "budget_spent" || p.RetryAfter <= 0 || !strings.Contains(p.Detail, "used up its budget") || p.Limit != "budget.amount" || p.LimitValue != .25 {
			t.Errorf("blocked: %+v", p)
		}
		report := ask("blocked", short)
		report.Kind = usage.KindReport
		admit(t, g, report).Done(usage.Record{})

		report.Tenant = "slow"
		ticket := admit(t, g, report)
		if s := ticket.(usage.Tuned).Settings(); s["priority"] != "1" {
			t.Errorf("a report of a throttled tenant: %v", s)
		}
		ticket.Done(usage.Record{})
		first := admit(t, g, ask("slow", short))
		second := later(g, ask("slow", short), nil)
		synctest.Wait()
		if !waiting(second) {
			t.Error("two queries of a throttled tenant run at once")
		}
		if s := g.State("slow"); !s.Throttled || s.WaitsFor != "budget.amount" {
			t.Errorf("%+v", s)
		}
		first.Done(usage.Record{})
		(<-second).ticket.Done(usage.Record{})
	})
}

func TestOverAsked(t *testing.T) {
	w := newWorld()
	w.bytes["a"] = 1 << 30
	g := newGate(t, w, Config{})
	q := ask("a", 0)
	q.Measured = nil
	e := g.Estimate(q)
	if e.Bytes != 1<<30 || e.Class != usage.Medium || e.Learned || e.Amount == 0 {
		t.Errorf("estimate %+v", e)
	}
	q.MaxBytes = 1 << 20
	if _, p := g.Admit(q, nil); p == nil || p.Status != 422 || p.Limit != "max_bytes" || p.LimitValue != 1<<20 || !strings.Contains(p.Detail, fmt.Sprint(1<<30)) {
		t.Errorf("max_bytes: %+v", p)
	}
	q.MaxBytes, q.MaxCost = 1<<40, 0.5
	if _, p := g.Admit(q, nil); p == nil || p.Status != 422 || p.Limit != "max_cost" || p.LimitValue != 0.5 || !strings.Contains(p.Detail, "0.5") {
		t.Errorf("max_cost: %+v", p)
	}
	q.MaxCost = 100
	admit(t, g, q)
}

func TestConfig(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	err := Config{Cores: -1, Places: -1, MaxWait: -1, MaxQueued: -1, Shapes: -1, Limits: catalog.Limits{Queries: -1}}.Validate()
	for _, want := range []string{"cores", "query.concurrent", "query.max_wait", "query.max_queued", "shapes", "limits.queries"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("a gate without tenants")
	}
}

// Statements that never ran may compute for long whatever they read: a burst of them proves itself a few at a time, behind what others ask. Those that
// have run are taken for what they are.
func TestUnprovenMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, newWorld(), Config{MaxWait: time.Minute})
		of := func(id tenant.ID, kind usage.Kind, shape string) usage.Question {
			return usage.Question{Subject: usage.Subject{Tenant: id, Role: tenant.RoleAnalyst, User: "key:1", Shape: shape}, Kind: kind}
		}
		admit(t, g, of("b", usage.KindQuery, "panel")).Done(usage.Record{CPU: short})
		var burst []chan outcome
		for n := range 20 {
			burst = append(burst, later(g, of("a", usage.KindQuery, fmt.Sprint("new ", n)), nil))
		}
		synctest.Wait()
		var running []usage.Ticket
		for _, c := range burst {
			if !waiting(c) {
				o := <-c
				running = append(running, o.ticket)
				if s := o.ticket.(usage.Tuned).Settings(); s["priority"] != "3" || s["max_threads"] != "1" {
					t.Errorf("settings %v", s)
				}
			}
		}
		if len(running) == 0 || len(running) > 3 {
			t.Errorf("%d statements that never ran at once, on two cores", len(running))
		}
		for _, q := range []usage.Question{of("b", usage.KindQuery, "panel"), of("b", usage.KindReport, "report")} {
			ticket := admit(t, g, q)
			if s := ticket.(usage.Tuned).Settings(); ticket.Waited() != 0 || s["priority"] != "1" {
				t.Errorf("%s: waited %v, %v", q.Shape, ticket.Waited(), s)
			}
			ticket.Done(usage.Record{CPU: short})
		}
		if e := g.Estimate(of("a", usage.KindQuery, "new again")); e.CPU > short || e.Class != usage.Cheap {
			t.Errorf("estimate %+v", e)
		}
		time.Sleep(time.Minute + time.Second)
		waited := 0
		for _, c := range burst {
			if !waiting(c) {
				if o := <-c; o.p != nil {
					if waited++; !strings.Contains(o.p.Detail, "of one tenant") || o.p.Limit != "query.concurrent" {
						t.Errorf("%+v", o.p)
					}
				}
			}
		}
		if waited == 0 {
			t.Error("nobody was told why it waited in vain")
		}
		for _, ticket := range running {
			ticket.Done(usage.Record{CPU: 15 * time.Second, Partial: true})
		}
	})
}

// How the engine is told to run a query follows from its class, and from what its tenant had of late.
func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.actions["poor"] = catalog.BudgetThrottle
		g := newGate(t, w, Config{})
		settings := func(id tenant.ID, cpu, used time.Duration) map[string]string {
			t.Helper()
			ticket := admit(t, g, ask(id, cpu))
			defer ticket.Done(usage.Record{CPU: used})
			return ticket.(usage.Tuned).Settings()
		}
		for _, tc := range []struct {
			id       tenant.ID
			cpu      time.Duration
			priority string
		}{{"a", short, "1"}, {"a", mid, "5"}, {"a", long, "9"}, {"poor", short, "20"}} {
			s := settings(tc.id, tc.cpu, 0)
			threads := map[string]string{"1": "", "5": "2", "9": "2", "20": "1"}[tc.priority] // of 2 cores: nobody else asks
			if s["priority"] != tc.priority || s["max_threads"] != threads {
				t.Errorf("%s, %v: %v", tc.id, tc.cpu, s)
			}
		}
		settings("a", short, 80*time.Second) // much, but nobody else wants anything
		time.Sleep(15 * time.Second)
		if s := settings("a", short, 0); s["priority"] != "1" {
			t.Errorf("a tenant alone: %v", s)
		}
		if s := settings("a", smallBelow, 0); s["priority"] != "1" {
			t.Errorf("a larger query of a tenant that is alone: %v", s)
		}
		settings("b", short, 8*time.Second)
		if s := settings("a", mid, 0); s["priority"] != "5" || s["max_threads"] != "1" {
			t.Errorf("a medium one while others ask: %v", s)
		}
		time.Sleep(2 * time.Second)
		if s := settings("a", short, 0); s["priority"] != "3" {
			t.Errorf("a tenant that had ten times what another had: %v", s)
		}
		if s := settings("b", short, 0); s["priority"] != "1" {
			t.Errorf("the other: %v", s)
		}
		var list []chan outcome // it has fewer places then
		for range 10 {
			list = append(list, later(g, ask("a", short), nil))
		}
		synctest.Wait()
		if s := g.State("a"); s.Classes[cheap].Running != 2 {
			t.Errorf("%+v", s.Classes)
		}
		for range list {
			for _, c := range list {
				if !waiting(c) {
					(<-c).ticket.Done(usage.Record{})
					synctest.Wait()
				}
			}
		}
		time.Sleep(time.Minute)
		settings("b", short, 0)
		if s := settings("a", short, 0); s["priority"] != "1" {
			t.Errorf("a minute later: %v", s)
		}
	})
}

// A larger query of a tenant that asks for little comes behind small ones and before those of others, with all threads.
func TestModest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.limits["one at a time"] = catalog.Limits{Queries: 1}
		w.limits["heavy"] = catalog.Limits{Weight: 3}
		g := newGate(t, w, Config{MaxWait: time.Minute})
		larger := func(id tenant.ID, cpu time.Duration, want string) {
			t.Helper()
			ticket := admit(t, g, ask(id, cpu))
			if s := ticket.(usage.Tuned).Settings(); s["priority"] != want || (s["max_threads"] == "") != (want == "2") || (s[clickhouse.NiceSetting] == "") != (want == "2") {
				t.Errorf("%s: %v, want priority %s", id, s, want)
			}
			ticket.Done(usage.Record{})
		}
		used := func(id tenant.ID, cpu time.Duration) { admit(t, g, ask(id, short)).Done(usage.Record{CPU: cpu}) }
		used("x", 10*time.Second) // another tenant asks
		used("b", 12*time.Second)
		time.Sleep(2 * time.Second)
		larger("b", 2*smallBelow, "2") // it had more than the other, but the machine has far more

		// What waits counts with what runs: up to a second of CPU a core is little.
		const one = 900 * time.Millisecond
		running := admit(t, g, ask("one at a time", short))
		var list []chan outcome
		gone := make(chan struct{})
		for _, cpu := range []time.Duration{one, 2 * smallBelow, one, 2 * smallBelow} {
			list = append(list, later(g, ask("one at a time", cpu), nil))
			synctest.Wait()
		}
		running.Done(usage.Record{})
		for i, want := range []string{"2", "2", "3", "3"} {
			synctest.Wait()
			o := <-list[i]
			if s := o.ticket.(usage.Tuned).Settings(); s["priority"] != want {
				t.Errorf("number %d of those that waited: %v, want priority %s", i, s, want)
			}
			o.ticket.Done(usage.Record{})
		}
		larger("one at a time", 2*smallBelow, "2")
		running = admit(t, g, ask("one at a time", short))
		for range 3 {
			list = append(list, later(g, ask("one at a time", one), gone))
		}
		synctest.Wait()
		close(gone)
		synctest.Wait()
		running.Done(usage.Record{})
		larger("one at a time", 2*smallBelow, "2") // who left waits no more

		time.Sleep(2 * time.Minute)
		used("x", 10*time.Second)
		used("b", 62*time.Second)
		time.Sleep(2 * time.Second)
		larger("b", 2*smallBelow, "3") // more than half of the machine, of which it is not ahead yet
		time.Sleep(2 * time.Minute)
		used("x", time.Second)
		used("heavy", 62*time.Second)
		time.Sleep(2 * time.Second)
		larger("heavy", 2*smallBelow, "2") // three quarters are its share
		used("heavy", 20*time.Second)
		time.Sleep(2 * time.Second)
		larger("heavy", 2*smallBelow, "3") // it is ahead of the other, who had little
	})
}

// A tenant that does nothing for an hour leaves nothing behind.
func TestIdleTenantsAreForgotten(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g, err := New(Config{Cores: 2}, Deps{Tenants: newWorld(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		admit(t, g, ask(tenant.ID(fmt.Sprint(i)), short)).Done(usage.Record{CPU: short})
	}
	c.t = c.t.Add(2 * time.Hour)
	for range 5001 {
		admit(t, g, ask("x", short)).Done(usage.Record{CPU: short})
	}
	if len(g.tenants) != 1 || g.recent.Len() != 1 || len(g.lanes[cheap].root.children) != 0 {
		t.Errorf("%d tenants are remembered, %d in the queue", len(g.tenants), len(g.lanes[cheap].root.children))
	}
}

func BenchmarkAdmit(b *testing.B) {
	for _, tenants := range []int{1, 10_000} {
		b.Run(fmt.Sprint(tenants, "-tenants"), func(b *testing.B) {
			w := newWorld()
			g := newGate(b, w, Config{})
			q := make([]usage.Question, tenants)
			for i := range q {
				q[i] = ask(tenant.ID(fmt.Sprint("t", i)), short)
				q[i].Measured, q[i].Shape = nil, "0123456789abcdef"
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ticket, p := g.Admit(q[i%tenants], nil)
				if p != nil {
					b.Fatal(p)
				}
				ticket.Done(usage.Record{CPU: short, BytesScanned: 1 << 20})
				i++
			}
		})
	}
}
