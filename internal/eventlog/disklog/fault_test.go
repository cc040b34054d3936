package disklog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"weir/internal/eventlog"
)

// scaled is few, or many when WEIR_TEST_LONG is set.
func scaled(few, many int) int {
	if os.Getenv("WEIR_TEST_LONG") != "" {
		return many
	}
	return few
}

// ledger remembers what was offered and what was acknowledged.
type ledger struct {
	mu    sync.Mutex
	id    uint64
	acked map[[2]uint64]uint64 // partition, offset → id
}

func newLedger() *ledger { return &ledger{acked: map[[2]uint64]uint64{}} }

// append appends a record with a fresh id and random size.
func (g *ledger) append(l *Log, p uint16, size int) error {
	g.mu.Lock()
	g.id++
	id := g.id
	g.mu.Unlock()
	data := make([]byte, 8+size)
	binary.BigEndian.PutUint64(data, id)
	off, err := l.Append(context.Background(), p, data)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if old, twice := g.acked[[2]uint64{uint64(p), off}]; twice {
			return fmt.Errorf("BUG: offset %d/%d given to %d and %d", p, off, old, id)
		}
		g.acked[[2]uint64{uint64(p), off}] = id
	}
	return err
}

func (g *ledger) snapshot() map[[2]uint64]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := make(map[[2]uint64]uint64, len(g.acked))
	for k, v := range g.acked {
		m[k] = v
	}
	return m
}

// check reads a log completely: every acknowledged record from first on is at
// its offset, no id twice, no gap, nothing unreadable.
func check(t *testing.T, l *Log, acked map[[2]uint64]uint64, first [3]uint64) {
	t.Helper()
	ids := map[uint64]bool{}
	for p := range uint16(3) {
		from, next := l.Bounds(p)
		if from > first[p] {
			t.Fatalf("partition %d begins at %d, truncated was only to %d", p, from, first[p])
		}
		for at := from; at < next; {
			recs := read(t, l, p, at)
			for _, r := range recs {
				if r.Offset != at || len(r.Data) < 8 {
					t.Fatalf("read %d/%d: offset %d, %d bytes", p, at, r.Offset, len(r.Data))
				}
				id := binary.BigEndian.Uint64(r.Data)
				if ids[id] {
					t.Fatalf("record %d is there twice", id)
				}
				ids[id] = true
				if want, ok := acked[[2]uint64{uint64(p), at}]; ok && want != id {
					t.Fatalf("%d/%d holds record %d, acknowledged was %d", p, at, id, want)
				}
				at++
			}
		}
		for k := range acked {
			if k[0] == uint64(p) && k[1] >= first[p] && k[1] >= next {
				t.Fatalf("%d/%d was acknowledged and is lost; next is %d", p, k[1], next)
			}
		}
	}
}

// read reads some records. A log that is just being reopened gets time for it.
func read(t *testing.T, l *Log, p uint16, at uint64) []eventlog.Record {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		recs, err := l.Read(context.Background(), p, at, 1<<20)
		if err == nil && len(recs) > 0 {
			return recs
		}
		if time.Now().After(deadline) {
			t.Fatalf("read %d/%d: %d records, %v", p, at, len(recs), err)
		}
	}
}

// TestCrash takes crash clones while writers append and a truncation runs, and
// opens each: a clone keeps what was synced and a random part of the rest.
func TestCrash(t *testing.T) {
	for seed := range uint64(scaled(5, 60)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			cfg := testConfig(mem, "log")
			l := mustOpen(t, cfg)
			g := newLedger()
			var stop atomic.Bool
			var wg sync.WaitGroup
			for w := range 6 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(seed, uint64(w)))
					for !stop.Load() {
						if err := g.append(l, uint16(w%3), rng.IntN(30_000)); err != nil {
							t.Errorf("append: %v", err)
							return
						}
					}
				})
			}
			var first [3]uint64
			var truncating, truncated atomic.Uint64 // asked for, done
			wg.Go(func() {
				for !stop.Load() {
					_, next := l.Bounds(1)
					truncating.Store(next / 2)
					if err := l.Truncate(context.Background(), 1, next/2); err != nil {
						t.Errorf("truncate: %v", err)
					}
					truncated.Store(next / 2)
					time.Sleep(time.Millisecond)
				}
			})
			rng := rand.New(rand.NewPCG(seed, 99))
			for range 3 {
				grow(g, 30+rng.IntN(150))
				minFirst := truncated.Load()
				acked := g.snapshot()
				clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
				first[1] = truncating.Load()
				c2 := cfg
				c2.FS = clone
				re, err := Open(c2)
				if err != nil {
					t.Fatalf("open after the crash: %v", err)
				}
				check(t, re, acked, first)
				if f, _ := re.Bounds(1); f < minFirst {
					t.Errorf("truncated records came back: first is %d, was %d", f, minFirst)
				}
				if err := re.Close(); err != nil {
					t.Errorf("close after the crash: %v", err)
				}
			}
			stop.Store(true)
			wg.Wait()
		})
	}
}

func (g *ledger) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.acked)
}

// TestTruncatedStayAway crashes right after Truncate returned, keeping only synced data.
func TestTruncatedStayAway(t *testing.T) {
	mem := vfs.NewCrashableMem()
	cfg := testConfig(mem, "log")
	l := mustOpen(t, cfg)
	g := newLedger()
	for i := range 20 {
		if err := g.append(l, 0, i); err != nil {
			t.Fatal(err)
		}
		if i%4 != 3 {
			continue
		}
		if err := l.Truncate(t.Context(), 0, uint64(i)); err != nil {
			t.Fatal(err)
		}
		c2 := cfg
		c2.FS = mem.CrashClone(vfs.CrashCloneCfg{})
		re := mustOpen(t, c2)
		if first, next := re.Bounds(0); first != uint64(i) || next != uint64(i)+1 {
			t.Fatalf("after the crash the bounds are [%d, %d), want [%d, %d)", first, next, i, i+1)
		}
		if size, want := re.Size(0), l.Size(0); size != want {
			t.Errorf("size after the crash is %d, was %d", size, want)
		}
	}
}

// workload appends enough to rotate memtables, flush and compact, and truncates.
func workload(l *Log, g *ledger) (err error) {
	for i := range 120 {
		err = errors.Join(err, g.append(l, uint16(i%3), 100_000))
		if i%40 == 39 {
			err = errors.Join(err, l.Truncate(context.Background(), 2, uint64(i/6)), l.Purge(context.Background()))
		}
	}
	return err
}

// TestFailNth fails the Nth operation that changes the disk, for growing N (every
// N with WEIR_TEST_LONG), until the workload runs through. Then the process crashes. At every N: what
// was acknowledged is there, the log heals by itself, and no one panics.
func TestFailNth(t *testing.T) {
	few := 10
	if testing.Short() {
		few = 3
	}
	for n, done := int64(1), false; !done; n += 1 + n/int64(scaled(few, 1<<40)) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			var ops atomic.Int64
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpLock && ops.Add(1) == n {
					return errorfs.ErrInjected
				}
				return nil
			}))
			cfg := testConfig(fs, "log")
			l, err := Open(cfg)
			if err != nil {
				if l, err = Open(cfg); err != nil {
					t.Fatalf("second opening: %v", err)
				}
			}
			g := newLedger()
			failed := workload(l, g)
			healed(t, l, g)
			check(t, l, g.snapshot(), [3]uint64{2: 1 << 40})
			acked := g.snapshot()
			cfg.FS = mem.CrashClone(vfs.CrashCloneCfg{})
			l.Close()
			re := mustOpen(t, cfg)
			check(t, re, acked, [3]uint64{2: 1 << 40})
			done = failed == nil && ops.Load() < n
		})
	}
}

// healed appends until the log takes it again.
func healed(t *testing.T, l *Log, g *ledger) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for p := range uint16(3) {
		for err := g.append(l, p, 10); err != nil; err = g.append(l, p, 10) {
			if time.Now().After(deadline) {
				t.Fatalf("the log did not heal: %v", err)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestDiskFull runs writers against a disk that is full for a while, in every
// phase of the store's life: they get ErrFull, reading goes on, and appends
// resume by themselves.
func TestDiskFull(t *testing.T) {
	whats := []string{"any", "log", "sst", "MANIFEST"}
	if testing.Short() {
		whats = whats[:2]
	}
	for _, what := range whats {
		t.Run(what, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			var full atomic.Bool
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				switch op.Kind {
				case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData:
					if full.Load() && (what == "any" || contains(op.Path, what)) {
						return fmt.Errorf("write %s: %w", op.Path, syscall.ENOSPC)
					}
				}
				return nil
			}))
			cfg := testConfig(fs, "log")
			l := mustOpen(t, cfg)
			g := newLedger()
			var stop, sawFull atomic.Bool
			var wg sync.WaitGroup
			for w := range 6 {
				wg.Go(func() {
					for !stop.Load() {
						switch err := g.append(l, uint16(w%3), 50_000); {
						case err == nil:
							time.Sleep(10 * time.Millisecond) // or what is checked outgrows the checks
						case errors.Is(err, eventlog.ErrFull):
							sawFull.Store(true)
							time.Sleep(time.Millisecond)
						default:
							t.Errorf("append: %v", err)
							return
						}
					}
				})
			}
			wg.Go(func() {
				for !stop.Load() {
					_ = l.Purge(t.Context()) // fails while the disk is full
				}
			})
			for range 2 {
				grow(g, 100)
				sawFull.Store(false)
				full.Store(true)
				for deadline := time.Now().Add(time.Minute); !sawFull.Load(); time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("no append got ErrFull")
					}
				}
				// What is acknowledged can be read while the disk is full. Between two
				// stores there is a moment without: try again.
				acked := g.snapshot()
				for range 3 {
					check(t, l, acked, [3]uint64{})
					time.Sleep(5 * time.Millisecond) // some attempts to reopen fail
				}
				full.Store(false)
				grow(g, 100)
				for k, id := range acked {
					if g.snapshot()[k] != id {
						t.Fatalf("acknowledged record %v changed", k)
					}
				}
			}
			stop.Store(true)
			wg.Wait()
			check(t, l, g.snapshot(), [3]uint64{})
			cfg.FS = mem.CrashClone(vfs.CrashCloneCfg{})
			check(t, mustOpen(t, cfg), g.snapshot(), [3]uint64{})
		})
	}
}

func grow(g *ledger, n int) {
	for want := g.count() + n; g.count() < want; {
		time.Sleep(time.Millisecond)
	}
}

func contains(path, what string) bool {
	return len(path) >= len(what) && (path[len(path)-len(what):] == what || len(path) > 4 && path[4:min(len(path), 4+len(what))] == what)
}

// TestOpenOnFullDisk starts on a full disk: the old records can be read, and
// appends begin when there is space.
func TestOpenOnFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	var full atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpLock && op.Kind != errorfs.OpMkdirAll && op.Kind != errorfs.OpFileClose {
			return syscall.ENOSPC
		}
		return nil
	}))
	cfg := testConfig(fs, "log")
	l := mustOpen(t, cfg)
	g := newLedger()
	for i := range 60 {
		if err := g.append(l, uint16(i%3), 100_000); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	l = mustOpen(t, cfg)
	if err := g.append(l, 0, 1); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("append on a full disk: %v, want ErrFull", err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if recs, err := l.Read(t.Context(), 0, 0, 1<<30); err == nil && len(recs) == 20 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("read on a full disk: %d records, %v", len(recs), err)
		}
	}
	full.Store(false)
	healed(t, l, g)
	check(t, l, g.snapshot(), [3]uint64{})
}

// TestGuard refuses appends above the limit, while reading and truncating work.
func TestGuard(t *testing.T) {
	mem := vfs.NewMem()
	usage := func(free uint64) {
		mem.TestingSetDiskUsage(vfs.DiskUsage{TotalBytes: 1000 << 20, AvailBytes: free << 20, UsedBytes: (1000 - free) << 20})
	}
	usage(60)
	l := mustOpen(t, testConfig(mem, "log"))
	g := newLedger()
	for range 5 {
		if err := g.append(l, 0, 10); err != nil {
			t.Fatal(err)
		}
	}
	usage(50)
	l.guard.again()
	err := g.append(l, 0, 10)
	if !errors.Is(err, eventlog.ErrFull) {
		t.Fatalf("append at 95 %% used: %v, want ErrFull", err)
	}
	if err := l.Truncate(t.Context(), 0, 3); err != nil {
		t.Errorf("truncate at 95 %% used: %v", err)
	}
	if recs, err := l.Read(t.Context(), 0, 3, 1000); err != nil || len(recs) != 2 {
		t.Errorf("read at 95 %% used: %d records, %v", len(recs), err)
	}
	usage(51)
	l.guard.at.Store(time.Now().UnixNano()) // as if it had just looked, on a busy machine too
	if err := g.append(l, 0, 10); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("the guard asked the file system again within a second: %v", err)
	}
	l.guard.again()
	if err := g.append(l, 0, 10); err != nil {
		t.Errorf("append at 94.9 %% used: %v", err)
	}
	// Between two looks no more than guardBytes are taken.
	l.guard.again()
	usage(31) // MinDiskFree is 32 MiB at 4 memtables of 4 MiB
	l.guard.maxUse = 2
	if err := g.append(l, 0, 10); !errors.Is(err, eventlog.ErrFull) || !strings.Contains(err.Error(), "MinDiskFree") {
		t.Errorf("append with less than MinDiskFree: %v", err)
	}
	usage(33)
	l.guard.again()
	if err := g.append(l, 0, 10); err != nil {
		t.Fatal(err)
	}
	usage(31)
	n := 0
	for err = nil; err == nil && n < 1000; n++ {
		err = g.append(l, 0, 200_000)
	}
	if !errors.Is(err, eventlog.ErrFull) || n*200_000 > guardBytes+400_000 {
		t.Errorf("%d bytes were taken before the guard looked again: %v", n*200_000, err)
	}
}

// TestCloseWhileFailed closes a log whose disk never works again.
func TestCloseWhileFailed(t *testing.T) {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errorfs.ErrInjected
		}
		return nil
	}))
	l := mustOpen(t, testConfig(fs, "log"))
	g := newLedger()
	if err := g.append(l, 0, 10); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	if err := g.append(l, 0, 10); !errors.Is(err, errorfs.ErrInjected) || errors.Is(err, eventlog.ErrFull) {
		t.Errorf("append on a broken disk: %v", err)
	}
	time.Sleep(10 * time.Millisecond)
	l.Close()
	if err := g.append(l, 0, 10); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("append after Close: %v", err)
	}
}
