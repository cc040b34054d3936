package stream

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/dedupe"
	"weir/internal/event"
	"weir/internal/rollup"
)

type everyTenant struct{}

func (everyTenant) Number(tenant string) (uint32, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(tenant, "t"))
	return uint32(n), err == nil
}

// life is one run of the processor between two crashes.
type life struct {
	t      *testing.T
	fs     *vfs.MemFS
	engine *session
	log    *memLog
	p      *Processor
	db     *pebble.DB
	set    *dedupe.Set
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	crashed *vfs.MemFS // the disk as the crash leaves it
	steps   int        // until the crash; below zero: never
	at      string
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func start(t *testing.T, fs *vfs.MemFS, e *session, l *memLog, crashAfter int, rng *rand.Rand) *life {
	t.Helper()
	x := &life{t: t, fs: fs, engine: e, log: l, steps: crashAfter, done: make(chan error, 1)}
	var err error
	if x.db, err = pebble.Open("state", &pebble.Options{FS: fs, Logger: panicLogger{}}); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	x.set, err = dedupe.Open(dedupe.Config{DB: x.db, FS: fs, Dir: "dedupe", Secret: [16]byte{1}, Logger: quiet(), Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	x.p, err = Open(Config{
		Log: l, State: x.db, Dedupe: x.set, Table: e, LateTable: e, Rollups: e, Tenants: everyTenant{},
		MinInterval: time.Millisecond, StopWait: time.Duration(1+rand.IntN(20)) * time.Millisecond, LateInterval: 2 * time.Millisecond, LateGather: time.Millisecond, RollupInterval: time.Millisecond,
		Logger: quiet(), Registerer: reg, chunk: 300,
		Fault: func(step string) { x.fault(step, rng) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	go func() { x.done <- x.p.Run(ctx) }()
	return x
}

// fault crashes the machine at the chosen step: what was not synced is lost, or not, at random.
func (x *life) fault(step string, rng *rand.Rand) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.steps--
	if x.steps != 0 {
		return
	}
	x.at = step
	x.engine.mu.Lock()
	x.engine.dead = true
	x.engine.mu.Unlock()
	x.crashed = x.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
	x.cancel()
}

func (x *life) stop() *vfs.MemFS {
	x.t.Helper()
	x.cancel()
	if err := <-x.done; err != nil {
		x.t.Fatalf("processor: %v", err)
	}
	if err := x.set.Close(); err != nil {
		x.t.Fatal(err)
	}
	if err := x.db.Close(); err != nil {
		x.t.Fatal(err)
	}
	if x.crashed != nil {
		return x.crashed
	}
	return x.fs
}

type panicLogger struct{}

func (panicLogger) Infof(string, ...any)  {}
func (panicLogger) Errorf(string, ...any) {}
func (panicLogger) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

// sender appends random events to the log and remembers what must come of them.
type sender struct {
	rng     *rand.Rand
	log     *memLog
	now     int64
	n       int
	first   map[string]uint32 // tenant/id: payload of the first copy
	none    int               // events without a sender's id
	total   map[string]uint64 // by tenant
	repeats uint64
	clash   uint64
	oracle  *oracle
}

func (s *sender) send(t *testing.T, records int) {
	t.Helper()
	for range records {
		b := event.NewBatch()
		part := uint16(s.rng.IntN(s.log.Partitions()))
		for range 1 + s.rng.IntN(8) {
			s.add(b, part)
		}
		if _, err := s.log.Append(context.Background(), part, b.AppendRecord(nil)); err != nil {
			t.Fatal(err)
		}
	}
}

// eventType is sometimes one that links ids: most inserts have none of them.
func eventType(rng *rand.Rand) string {
	if rng.IntN(40) == 0 {
		return rollup.TypeIdentify
	}
	return "pageview"
}

func (s *sender) add(b *event.Batch, part uint16) {
	s.n++
	s.now += int64(s.rng.IntN(1000))
	tenant := "t" + strconv.Itoa(s.rng.IntN(3))
	row := event.Row{Tenant: tenant, Site: "s", ReceivedAt: s.now, TS: s.now, Type: []byte(eventType(s.rng)),
		PayloadHash: uint32(s.rng.IntN(2)), EventID: []byte(fmt.Sprintf("g%d", s.n))}
	if s.rng.IntN(3) == 0 {
		row.TS -= int64(s.rng.IntN(90)) * dayMillis // some of it late
	}
	row.URL = []byte("https://example.com/a")[:s.rng.IntN(20)]
	row.Props, row.Nums = randomProps(s.rng)
	s.total[tenant]++
	stored := true
	if s.rng.IntN(4) > 0 {
		row.Flags = event.FlagSenderID
		id := fmt.Sprintf("p%d-%d", part, s.rng.IntN(200))
		row.EventID = []byte(id)
		if first, ok := s.first[tenant+"/"+id]; !ok {
			s.first[tenant+"/"+id] = row.PayloadHash
		} else {
			stored = false
			if s.repeats++; first != row.PayloadHash {
				s.clash++
			}
		}
	} else {
		s.none++
	}
	if stored {
		s.oracle.add(row)
	}
	b.Append(&row)
}

// TestEveryEventOnceAcrossCrashes runs random events through lives of the processor that
// end at random steps of the commit protocol, with an engine that fails at random and
// does not say what it stored.
func TestEveryEventOnceAcrossCrashes(t *testing.T) {
	runs := 40
	if testing.Short() {
		runs = 8
	}
	for run := range runs {
		t.Run(strconv.Itoa(run), func(t *testing.T) {
			t.Parallel()
			seed := uint64(run)
			if s := os.Getenv("WEIR_SEED"); s != "" {
				n, err := strconv.ParseUint(s, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				seed = n
			}
			crashes(t, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func crashes(t *testing.T, rng *rand.Rand) {
	fs, l, engine := vfs.NewCrashableMem(), newMemLog(3), newFakeEngine()
	s := &sender{rng: rng, log: l, now: time.Now().UnixMilli(), first: map[string]uint32{}, total: map[string]uint64{}, oracle: newOracle()}
	w := newWatcher()
	for range 6 {
		s.send(t, 10)
		x := start(t, fs, &session{fakeEngine: engine, rng: rand.New(rand.NewPCG(rng.Uint64(), 2))}, l, 1+rng.IntN(20), rand.New(rand.NewPCG(rng.Uint64(), 3)))
		w.watch(t, x.p, engine)
		select {
		case err := <-x.done:
			x.done <- err
		case <-time.After(time.Duration(rng.IntN(300)) * time.Millisecond):
		}
		w.end()
		fs = x.stop()
		t.Logf("ended at %q", x.at)
	}
	s.send(t, 3)
	x := start(t, fs, &session{fakeEngine: engine}, l, -1, nil)
	w.watch(t, x.p, engine)
	settled(t, x)
	check(t, engine, s, x)
	s.oracle.check(t, x.p)
	for tenant := range s.total {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if _, ok := x.p.DataVersion(tenant); ok {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("nothing is under way, and the version of %s is not settled", tenant)
			}
		}
	}
	time.Sleep(time.Millisecond) // the watcher keeps an answer of the end
	w.end()
	x.stop()
	t.Logf("%d answers were kept and asked for again", w.hits)
}

// settled waits until everything is processed, the late stream is empty and the rollups have everything.
func settled(t *testing.T, x *life) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		x.p.mu.Lock()
		ok := x.p.late.rows == 0
		for part, at := range x.p.next {
			_, end := x.log.Bounds(uint16(part))
			ok = ok && at == end
		}
		for _, at := range x.p.positions {
			for w, seq := range at {
				ok = ok && seq == x.p.seqs[w]
			}
		}
		x.p.mu.Unlock()
		if ok {
			return
		}
		select {
		case err := <-x.done:
			t.Fatalf("ended before everything was processed: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
			t.Fatalf("not settled: %+v, positions %v, seqs %v, late %d", x.p.next, x.p.positions, x.p.seqs, x.p.late.rows)
		}
	}
}

func check(t *testing.T, e *fakeEngine, s *sender, x *life) {
	t.Helper()
	seen := map[string]int{}
	places := map[string]int{}
	first := map[string]storedRow{}
	var stored uint64
	byTenant, linking := map[string]uint64{}, map[string]uint64{}
	for _, r := range e.rows {
		seen[r.tenant+"/"+r.id]++
		places[fmt.Sprint(r.part, r.off, r.row)]++
		if f, ok := first[fmt.Sprint(r.part, r.off, r.row)]; ok {
			t.Errorf("twice: %+v and %+v", f, r)
		}
		first[fmt.Sprint(r.part, r.off, r.row)] = r
		stored++
		byTenant[r.tenant]++
		if r.links {
			linking[r.tenant]++
		}
		if want, ok := s.first[r.tenant+"/"+r.id]; ok && want != r.payload {
			t.Errorf("event %s/%s is stored with another payload than its first copy", r.tenant, r.id)
		}
	}
	for k := range s.first {
		if seen[k] != 1 {
			t.Errorf("event %s is stored %d times", k, seen[k])
		}
	}
	for k, n := range places {
		if n != 1 {
			t.Errorf("row %s of the log is stored %d times", k, n)
		}
	}
	if want := uint64(len(s.first) + s.none); stored != want {
		t.Errorf("%d rows are stored, want %d", stored, want)
	}
	for _, r := range x.p.cfg.List {
		for tenant, want := range byTenant {
			if r.Name == rollup.Links.Name {
				want = linking[tenant]
			}
			var got uint64
			for _, month := range e.cells[r.Name] {
				got += month[tenant]
			}
			if got != want {
				t.Errorf("rollup %s has %d events of %s, the events table %d", r.Name, got, tenant, want)
			}
		}
	}
	checkAccount(t, s, x, byTenant)
}

func checkAccount(t *testing.T, s *sender, x *life, stored map[string]uint64) {
	t.Helper()
	var repeats, clash uint64
	for tenant, want := range s.total {
		var got, st uint64
		hours, err := x.p.Usage(tenant, time.Time{}, time.Now().AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hours {
			got += h.Received
			st += h.Stored
			repeats += h.Deduplicated
			clash += h.Conflicts
			if h.Pending != 0 || h.Late != 0 {
				t.Errorf("%s at %s: %d pending, %d late when everything is processed", tenant, h.Hour, h.Pending, h.Late)
			}
		}
		if got != want || st != stored[tenant] {
			t.Errorf("accounting of %s: received %d, want %d; stored %d, want %d", tenant, got, want, st, stored[tenant])
		}
	}
	if repeats != s.repeats || clash != s.clash {
		t.Errorf("accounting: %d repeats, %d conflicts; want %d, %d", repeats, clash, s.repeats, s.clash)
	}
}
