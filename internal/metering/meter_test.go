package metering

import (
	"bytes"
	"context"
	"crypto/sha256"
	"math"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/pprof/profile"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// fakeEngine is an engine's process whose sums the test sets.
type fakeEngine struct {
	use        EngineUsage
	generation uint64
	err        error
	during     func() // is called while it answers
}

func (e *fakeEngine) Generation() uint64 { return e.generation }

func (e *fakeEngine) UsageSince(context.Context, uint64) (EngineUsage, error) {
	if e.during != nil {
		e.during()
	}
	return e.use, e.err
}

type clock struct{ now time.Time }

func newMeter(t testing.TB, change func(*Config)) (*Meter, *clock) {
	t.Helper()
	db := openDB(t, vfs.NewMem())
	t.Cleanup(func() { must(t, db.Close()) })
	c := &clock{time.Date(2026, 6, 15, 10, 30, 0, 0, time.UTC)}
	cfg := Config{DB: db, Engine: &fakeEngine{generation: 1}, Now: func() time.Time { return c.now }}
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg)
	must(t, err)
	return m, c
}

// charged runs one tick's charging on given windows.
func (m *Meter) charged(t testing.TB, w window, e *engineWindow) *charge {
	t.Helper()
	m.mu.Lock()
	c := newCharge(m, m.cfg.Now())
	c.process(w)
	if e != nil {
		c.engineProcess(*e)
	}
	c.records(nil)
	m.mu.Unlock()
	must(t, c.write())
	return c
}

// sums adds up CPU by tenant and kind, and the installation's by its parts.
func sums(t testing.TB, m *Meter) (map[string]float64, float64) {
	t.Helper()
	out, all := map[string]float64{}, 0.0
	for k, a := range rowsOf(t, m.ledger, "", true) {
		name := string(k.Tenant) + "/" + string(k.Kind)
		if k.Tenant == "" {
			name = k.Source
		}
		out[name] += a.CPU
		all += a.CPU
	}
	return out, all
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestChargesAddUp(t *testing.T) {
	m, _ := newMeter(t, nil)
	for _, r := range []usage.Record{
		{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: "a", Source: "s1"}, Events: 300, BytesIn: 300 * 300},
		{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: "b", Source: "s2"}, Events: 100, BytesIn: 100 * 300},
		{Kind: usage.KindProcess, Subject: usage.Subject{Tenant: "a", Source: "s1"}, Events: 300},
		{Kind: usage.KindProcess, Subject: usage.Subject{Tenant: "b", Source: "s2"}, Events: 100},
		{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a", User: "u", Shape: "x"}, CPU: 2 * time.Second, Count: 1},
	} {
		m.Record(r)
	}
	w := window{sampled: true, cpu: 10.25, gap: 1, parts: map[part]float64{
		{component: usage.Door, tenant: "a"}: 2, {component: usage.Door, tenant: "b"}: 1, {component: usage.Query, tenant: "a"}: 1,
		{component: usage.Log}: 2, {component: usage.Stream}: 1, {component: partHTTP}: 1, {component: partEngine}: 0.5, {overhead: overheadGC}: 1.3, {overhead: overheadOther}: 0.2,
	}}
	e := engineWindow{cpu: 9, statement: 6, merge: 2, housekeeping: 0.9, statements: map[string]float64{"query/a": 2, "insert": 2, "rollup": 1, "": 1}}
	c := m.charged(t, w, &e)
	got, all := sums(t, m)
	if want := 10.25 + 1 + 9; !near(all, want) || !near(c.balance.cpu, want) {
		t.Errorf("charged %v (balance %v), the processes used %v", all, c.balance.cpu, want)
	}
	if !near(got["server"], 0.2*1.125) || !near(got["engine"], 0.1) || !near(c.balance.unexplained, 0.1+0.2*1.125) || !near(c.balance.sampled, 10) {
		t.Errorf("unexplained %v and %v", got["server"], got["engine"])
	}
	f := 11.25 / 10 // a sample stands for the CPU since the one before it, and the gap is like the rest
	scale := (6 + 0.5*f) / 6
	for name, want := range map[string]float64{
		"a/ingest": f*(2+2*0.75) + f/5, "b/ingest": f*(1+2*0.25) + f/5, // requests: a and b one each of ingest, a one query; processes count none
		"a/merge": 1.5, "b/merge": 0.5, "a/rollup": 0.75 * scale, "b/rollup": 0.25 * scale, "a/process": f*0.75 + 1.5*scale, "a/query": f + 2*scale + f/5,
		"gc": 1.3 * f, "engine_housekeeping": 0.9, "engine_health": scale,
	} {
		if strings.HasPrefix(name, "a/ingest") || strings.HasPrefix(name, "b/ingest") || name == "a/query" {
			want += f/3 - f/5 // three requests share the connections
		}
		if !near(got[name], want) {
			t.Errorf("%s is charged %v, want %v", name, got[name], want)
		}
	}
	// The query's CPU stands with its user and shape.
	detailed := rowsOf(t, m.ledger, "a", false)[Key{Tenant: "a", Hour: c.hour, Kind: usage.KindQuery, User: "u", Shape: "x"}]
	if !near(detailed.CPU, f+2*scale) || detailed.Count != 1 {
		t.Errorf("the shape is charged %+v", detailed)
	}
}

// What the engine did for a tenant's request to the control API is charged to that tenant, once.
func TestControlOfATenant(t *testing.T) {
	m, _ := newMeter(t, nil)
	m.Record(usage.Record{Kind: usage.KindControl, Subject: usage.Subject{Tenant: "a", User: "u"}, CPU: 2 * time.Second, BytesIn: 5, Count: 1})
	m.charged(t, window{}, &engineWindow{cpu: 3, statement: 3, statements: map[string]float64{"control/a": 2, "control": 1}})
	if got, _ := sums(t, m); !near(got["a/control"], 2) || !near(got["engine_control"], 1) {
		t.Errorf("control is charged %v", got)
	}
}

// A long query is charged while it runs, and moves to its shape when it says what it was.
func TestLongQuery(t *testing.T) {
	m, _ := newMeter(t, nil)
	for range 3 {
		m.charged(t, window{}, &engineWindow{cpu: 4, statement: 4, statements: map[string]float64{"query/a": 4}})
	}
	if got, _ := sums(t, m); !near(got["a/query"], 12) {
		t.Errorf("while it runs it is charged %v, want 12", got["a/query"])
	}
	m.Record(usage.Record{Kind: usage.KindJob, Subject: usage.Subject{Tenant: "a", Shape: "x"}, CPU: 12 * time.Second, Count: 1})
	m.charged(t, window{}, &engineWindow{})
	got, all := sums(t, m)
	if !near(got["a/job"], 12) || !near(got["a/query"], 0) || !near(all, 12) {
		t.Errorf("in the end: %v", got)
	}
	// Claims cannot make CPU that nobody measured.
	m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a", Shape: "y"}, CPU: time.Hour, Count: 1})
	m.charged(t, window{}, &engineWindow{})
	if _, all := sums(t, m); !near(all, 12) {
		t.Errorf("a claim alone brought the sum to %v", all)
	}
}

// Statements that say more than they used, as those that paused may, are not charged more than the engine's threads used.
func TestStatementsThatSayTooMuch(t *testing.T) {
	m, _ := newMeter(t, nil)
	m.charged(t, window{}, &engineWindow{cpu: 2, statement: 2, statements: map[string]float64{"query/a": 1}})
	for range 20 {
		m.charged(t, window{}, &engineWindow{cpu: 2, statement: 2, statements: map[string]float64{"query/a": 3, "query/b": 1}})
	}
	got, all := sums(t, m)
	if got["engine_server"] < -1e-9 || !near(all, 42) || got["a/query"] <= got["b/query"] {
		t.Errorf("%v, in all %v", got, all)
	}
}

func TestNobodyToCharge(t *testing.T) {
	m, _ := newMeter(t, nil)
	m.charged(t, window{sampled: true, cpu: 3, parts: map[part]float64{{component: usage.Stream}: 1, {component: partHTTP}: 1, {component: usage.Query}: 1}},
		&engineWindow{cpu: 3, merge: 1, statement: 1, housekeeping: 1, lost: 0.5, statements: map[string]float64{"schema": 0.5}, first: true})
	got, all := sums(t, m)
	if !near(all, 6.5) || !near(got["stream"], 1) || !near(got["http"], 1) || !near(got["query"], 1) || !near(got["engine_merge"], 1) || !near(got["engine_lost"], 0.5) {
		t.Errorf("%v, in all %v", got, all)
	}
}

// The CPU of connections to the engine waits for the engine's answer: it is charged once, whether the engine answers or not.
func TestEngineThatDoesNotAnswer(t *testing.T) {
	m, _ := newMeter(t, nil)
	w := window{sampled: true, cpu: 2, parts: map[part]float64{{component: partEngine}: 1, {component: usage.Query, tenant: "a"}: 1}}
	m.charged(t, w, nil)
	m.charged(t, w, nil)
	m.charged(t, w, &engineWindow{cpu: 9, statement: 9, statements: map[string]float64{"query/a": 9}})
	if got, all := sums(t, m); !near(all, 6+9) || !near(got["a/query"]+got["engine_server"], 15) {
		t.Errorf("charged %v, the processes used 15: %v", all, got)
	}
	m.charged(t, w, nil)
	m.mu.Lock()
	c := newCharge(m, m.cfg.Now())
	c.withoutEngine() // the last look
	m.mu.Unlock()
	must(t, c.write())
	if got, all := sums(t, m); !near(all, 17) {
		t.Errorf("charged %v, the processes used 17: %v", all, got)
	}
}

// Who asked last does not pay for an idle process, nor for its start.
func TestIdleIsNobodys(t *testing.T) {
	m, _ := newMeter(t, nil)
	m.charged(t, window{startup: 5, sampled: true, cpu: 2, parts: map[part]float64{{component: usage.Query, tenant: "a"}: 2}}, nil)
	for range 10 {
		m.charged(t, window{sampled: true, cpu: 0.008, gap: 0.001, parts: map[part]float64{}}, nil)
	}
	got, all := sums(t, m)
	if !near(got["a/query"], 2) || !near(got[overheadIdle], 0.09) || !near(got[overheadStartup], 5) || !near(all, 7.09) {
		t.Errorf("%v", got)
	}
}

// What the process used before the first profile is its start-up; later on it is a gap.
func TestStartup(t *testing.T) {
	burn(50 * time.Millisecond)
	s := newSampler()
	before := selfCPU()
	s.mu.Lock()
	s.startLocked()
	startup, gap := s.startup, s.gap
	s.mu.Unlock()
	if startup < before || startup > selfCPU() || gap != 0 {
		t.Errorf("at the start: start-up %v, gap %v; the process had used %v", startup, gap, before)
	}
	w, err := s.look() // its gap is what ending and reading the profile took
	must(t, err)
	if w.startup != startup {
		t.Errorf("start-up was %v: %+v", startup, w)
	}
	resume := s.Pause()
	burn(50 * time.Millisecond)
	resume()
	if w, err = s.close(); err != nil || w.startup != 0 || w.gap < 0.05 {
		t.Errorf("%+v, %v", w, err)
	}
}

// An answer that may be of the process before or of the one after says nothing.
func TestEngineRestartDuringALook(t *testing.T) {
	e := &fakeEngine{generation: 1, use: EngineUsage{CPU: 5 * time.Second}}
	var m engineMeter
	if _, ok, err := m.look(context.Background(), e); !ok || err != nil {
		t.Fatal(ok, err)
	}
	e.use, e.during = EngineUsage{CPU: time.Second}, func() { e.generation = 2 }
	if w, ok, err := m.look(context.Background(), e); ok || err != nil {
		t.Errorf("%+v %v %v", w, ok, err)
	}
	e.use, e.during = EngineUsage{CPU: 2 * time.Second}, nil
	if w, ok, _ := m.look(context.Background(), e); !ok || !w.first || w.cpu != 2 {
		t.Errorf("%+v", w)
	}
}

// While somebody else profiles, what is used is shared out like before, and is marked.
func TestGapIsEstimated(t *testing.T) {
	m, _ := newMeter(t, nil)
	m.charged(t, window{gap: 1}, nil)
	m.charged(t, window{sampled: true, cpu: 4, parts: map[part]float64{{component: usage.Query, tenant: "a"}: 3, {overhead: overheadGC}: 1}}, nil)
	m.charged(t, window{gap: 8}, nil)
	got, all := sums(t, m)
	if !near(all, 13) || !near(got["a/query"], 3+6) || !near(got["gc"], 1+2) || !near(got["server"], 1) {
		t.Errorf("%v", got)
	}
	if a := rowsOf(t, m.ledger, "a", false); len(a) != 1 || !near(a[Key{Tenant: "a", Hour: hourOf(m.cfg.Now()), Kind: usage.KindQuery}].CPUEstimated, 6) {
		t.Errorf("%v, want 6 s marked as estimated", a)
	}
}

func TestEngineRestart(t *testing.T) {
	e := &fakeEngine{generation: 1, use: EngineUsage{CPU: 5 * time.Second, Statement: 5 * time.Second, Statements: map[string]time.Duration{"query/a": 3 * time.Second}, Cursor: 9}}
	var m engineMeter
	w, ok, err := m.look(context.Background(), e)
	if err != nil || !ok || !w.first || w.cpu != 5 || w.statements["query/a"] != 3 {
		t.Fatalf("%+v %v %v", w, ok, err)
	}
	e.use.CPU, e.use.Statements = 7*time.Second, map[string]time.Duration{"query/a": 4 * time.Second}
	if w, _, _ = m.look(context.Background(), e); w.first || w.cpu != 2 || w.statements["query/a"] != 1 {
		t.Errorf("%+v", w)
	}
	e.generation, e.use = 2, EngineUsage{CPU: time.Second, Statements: map[string]time.Duration{"query/a": time.Second / 2}}
	if w, _, _ = m.look(context.Background(), e); !w.first || w.cpu != 1 || w.statements["query/a"] != 0.5 {
		t.Errorf("after a restart: %+v", w)
	}
}

func sample(labels map[string][]string, stack ...string) *profile.Sample {
	s := &profile.Sample{Label: labels}
	for _, name := range stack {
		s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
	}
	return s
}

func TestClassify(t *testing.T) {
	door := map[string][]string{"component": {"door"}, "tenant": {"a"}}
	for _, tc := range []struct {
		name string
		s    *profile.Sample
		want part
	}{
		{"labelled", sample(door, "x", "weir/internal/ingest.f"), part{component: usage.Door, tenant: "a"}},
		{"collector with a label", sample(door, "runtime.scan", "runtime.gcBgMarkWorker"), part{overhead: overheadGC}},
		{"connection of the engine started by a tenant", sample(door, "syscall.write", "net/http.(*persistConn).writeLoop"), part{component: partEngine}},
		{"a store's own goroutine started by a tenant", sample(door, "x", "github.com/cockroachdb/pebble/v2.(*DB).flush"), part{component: partStore}},
		{"a store called by a tenant", sample(door, "github.com/cockroachdb/pebble/v2.(*DB).Get", "weir/x.f"), part{component: usage.Door, tenant: "a"}},
		{"connection of a client", sample(nil, "syscall.read", "net/http.(*conn).serve"), part{component: partHTTP}},
		{"nothing but the runtime", sample(nil, "runtime.futex", "runtime.mcall"), part{overhead: overheadScheduler}},
		{"something else", sample(nil, "runtime.mallocgc", "weir/internal/app.f"), part{overhead: overheadOther}},
		{"control for nobody", sample(map[string][]string{"component": {"control"}}, "x"), part{overhead: overheadControl}},
		{"the metering", sample(map[string][]string{"component": {"metered"}}, "x"), part{overhead: overheadMetering}},
		{"no stack", sample(nil), part{overhead: overheadScheduler}},
	} {
		if got := classify(tc.s); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

var sink int

func burn(d time.Duration) {
	for end := selfCPU() + d.Seconds(); selfCPU() < end; {
		for i := range 10_000 {
			sink += i * i
		}
	}
}

// delivered is the CPU that a profile taken with nothing of ours shows of what the process used meanwhile: how many samples the kernel takes.
func delivered(t *testing.T, d time.Duration) (seen, used float64) {
	t.Helper()
	var buf bytes.Buffer
	used = selfCPU()
	must(t, pprof.StartCPUProfile(&buf))
	burn(d)
	pprof.StopCPUProfile()
	used = selfCPU() - used
	p, err := profile.ParseData(buf.Bytes())
	must(t, err)
	for _, s := range p.Sample {
		seen += time.Duration(s.Value[len(s.Value)-1]).Seconds()
	}
	return seen, used
}

// The real profile of this process finds who worked, and misses no sample that the kernel takes. How many it takes is its own affair (93 % of the
// CPU on a crowded machine, more else): it is found out beside, in turns, by a plain profile.
func TestSampler(t *testing.T) {
	s := newSampler()
	var seen, used, plainSeen, plainUsed, tenants float64
	for range 4 {
		a, b := delivered(t, 300*time.Millisecond)
		plainSeen, plainUsed = plainSeen+a, plainUsed+b
		s.mu.Lock()
		s.startLocked()
		s.mu.Unlock()
		end := usage.Label(context.Background(), usage.Query, "sampled")
		burn(300 * time.Millisecond)
		end()
		s.Pause() // not resumed: a profile would be in the way of the plain one
		w, err := s.look()
		must(t, err)
		s.pauses = 0
		seen, used, tenants = seen+total(w.parts), used+w.cpu, tenants+w.parts[part{component: usage.Query, tenant: "sampled"}]
	}
	t.Logf("samples stand for %.3f s of %.3f s (%.1f %%), of the tenant %.3f s; a plain profile: %.3f s of %.3f s (%.1f %%)", seen, used, 100*seen/used, tenants, plainSeen, plainUsed, 100*plainSeen/plainUsed)
	if ratio, plain := seen/used, plainSeen/plainUsed; ratio < 0.85*plain || ratio > 1.05 || tenants < 0.9*seen {
		t.Errorf("samples stand for %.3f of the CPU, of the tenant %.3f s of %.3f s; the kernel takes %.3f", ratio, tenants, seen, plain)
	}
}

// A pause lets others take a profile; what is used meanwhile is a gap.
func TestPause(t *testing.T) {
	s := newSampler()
	s.mu.Lock()
	s.startLocked()
	s.mu.Unlock()
	resume := s.Pause()
	if _, err := s.look(); err != nil {
		t.Fatal(err)
	}
	if _, used := delivered(t, 100*time.Millisecond); used < 0.1 {
		t.Error("no profile could be taken during the pause")
	}
	if w, err := s.look(); err != nil || w.sampled || w.gap < 0.09 {
		t.Errorf("while paused: %+v, %v", w, err)
	}
	resume()
	burn(100 * time.Millisecond)
	if w, err := s.close(); err != nil || !w.sampled || w.cpu < 0.09 {
		t.Errorf("after the pause: %+v, %v", w, err)
	}
}

func TestRecordsWithoutAMeasuredEngine(t *testing.T) {
	m, _ := newMeter(t, func(c *Config) { c.Engine = nil })
	m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a"}, CPU: 3 * time.Second, BytesScanned: 7, MemorySeconds: 5})
	m.charged(t, window{}, nil)
	for _, a := range rowsOf(t, m.ledger, "a", false) {
		if a.CPU != 3 || a.Scanned != 7 || a.MemorySeconds != 5 || a.Count != 1 {
			t.Errorf("%+v", a)
		}
	}
}

func TestStorage(t *testing.T) {
	bytes := map[tenant.ID]float64{"a": 1e9, "b": 0}
	m, c := newMeter(t, func(cfg *Config) {
		cfg.Storage = func(context.Context) (map[tenant.ID]float64, error) { return bytes, nil }
	})
	ctx := context.Background()
	if got := m.sampleStorage(ctx); got != nil {
		t.Errorf("the first look charges %v", got)
	}
	c.now = c.now.Add(30 * time.Second)
	if got := m.sampleStorage(ctx); got != nil {
		t.Errorf("too early: %v", got)
	}
	c.now = c.now.Add(30 * time.Second)
	if got := m.sampleStorage(ctx); len(got) != 1 || got["a"] != 60e9 {
		t.Errorf("%v, want 60 GB-seconds of a", got)
	}
	c.now = c.now.Add(24 * time.Hour)
	if got := m.sampleStorage(ctx); got["a"] != 600e9 {
		t.Errorf("%v: a long gap is charged for more than ten minutes", got)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, c := newMeter(t, func(cfg *Config) { cfg.Registerer = reg })
	m.recent = []balance{{at: c.now, cpu: 10, overhead: 2, unexplained: -0.05, estimated: 1}}
	m.Record(usage.Record{Kind: usage.KindCache, Subject: usage.Subject{Tenant: "a"}})
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP weir_metering_unexplained_ratio Share of the CPU of the last minute that no measurement shows. Above 0.01 under load the bill is not to be trusted.
# TYPE weir_metering_unexplained_ratio gauge
weir_metering_unexplained_ratio 0.005
# HELP weir_metering_records_total Records of work that components sent, by kind.
# TYPE weir_metering_records_total counter
weir_metering_records_total{kind="cache"} 1
`), "weir_metering_unexplained_ratio", "weir_metering_records_total"); err != nil {
		t.Error(err)
	}
}

func TestForget(t *testing.T) {
	m, _ := newMeter(t, nil)
	for _, id := range []tenant.ID{"a", "b"} {
		m.Record(usage.Record{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: id}, Events: 5, BytesIn: 500})
	}
	m.charged(t, window{}, nil)
	m.Record(usage.Record{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: "a"}, Events: 5, BytesIn: 500})
	must(t, m.Forget(context.Background(), "a"))
	m.charged(t, window{sampled: true, cpu: 2, parts: map[part]float64{{component: usage.Log}: 1, {component: partHTTP}: 1}}, nil)
	if got, _ := sums(t, m); len(rowsOf(t, m.ledger, "a", false)) != 0 || !near(got["b/ingest"]+got["http"], 2) {
		t.Errorf("%v", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	m, _ := newMeter(b, nil)
	r := usage.Record{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: "a", Source: "s"}, Events: 100, BytesIn: 30_000}
	b.ReportAllocs()
	for b.Loop() {
		m.Record(r)
	}
}

// BenchmarkOverhead is work of requests of 0.2 ms, each labelled and recorded, without and with the metering. Compare CPU-ns/op.
func BenchmarkOverhead(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[on], func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			m, _ := newMeter(b, func(c *Config) { c.Interval, c.Now, c.Engine = 9*time.Second, nil, &fakeEngine{generation: 1} })
			done := make(chan error, 1)
			if on {
				go func() { done <- m.Run(ctx) }()
			} else {
				done <- nil
			}
			buf := make([]byte, 256<<10)
			from := selfCPU()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if on {
						end := usage.Label(ctx, usage.Door, "")
						usage.Label(ctx, usage.Door, "acme")
						sha256.Sum256(buf)
						m.Record(usage.Record{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: "acme", Source: "s"}, Events: 100, BytesIn: 30_000})
						end()
					} else {
						sha256.Sum256(buf)
					}
				}
			})
			b.ReportMetric((selfCPU()-from)*1e9/float64(b.N), "CPU-ns/op")
			cancel()
			must(b, <-done)
		})
	}
}
