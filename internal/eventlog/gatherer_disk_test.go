package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"weir/internal/event"
	"weir/internal/eventlog"
	"weir/internal/eventlog/disklog"
)

func openDisk(t testing.TB, fs vfs.FS, dir string) *disklog.Log {
	t.Helper()
	l, err := disklog.Open(disklog.Config{Dir: dir, FS: fs, Partitions: 2, MemTableBytes: 4 << 20, CacheBytes: 1 << 20,
		RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// storedRows reads all event ids of a log; it fails on one that is there twice.
func storedRows(t testing.TB, l eventlog.Log) map[string]bool {
	t.Helper()
	rows := map[string]bool{}
	for p := range uint16(l.Partitions()) {
		last := map[int]int{}
		for _, next := l.Bounds(p); next > 0; {
			recs, err := l.Read(context.Background(), p, 0, 1<<30)
			if err != nil {
				time.Sleep(time.Millisecond) // being reopened
				continue
			}
			for _, r := range recs {
				for _, id := range ids(t, r.Data) {
					var w, seq int
					fmt.Sscanf(id, "%d:%d", &w, &seq)
					if prev, ok := last[w]; rows[id] || ok && seq < prev {
						t.Fatalf("row %s is there twice or out of order, after %d", id, prev)
					}
					rows[id], last[w] = true, seq
				}
			}
			break
		}
	}
	return rows
}

// TestGathererCrash crashes the disk under many producers, with random parts of
// what was not synced, and looks for every acknowledged row; halfway the disk is
// full for a while.
func TestGathererCrash(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			var full atomic.Bool
			l := openDisk(t, fullFS{mem, &full}, "log")
			g, stop := start(t, eventlog.GathererConfig{Log: l})
			var mu sync.Mutex
			acked := map[string]bool{}
			count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
			var end atomic.Bool
			var wg sync.WaitGroup
			for w := range 16 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(seed, uint64(w)))
					for seq := 0; !end.Load(); {
						var list []string
						for range 1 + rng.IntN(20) {
							list = append(list, fmt.Sprintf("%d:%d", w, seq))
							seq++
						}
						_, err := g.Append(t.Context(), uint16(w%2), batch(list...))
						if errors.Is(err, eventlog.ErrFull) {
							time.Sleep(100 * time.Microsecond)
							continue // these rows may be stored or not
						}
						if err != nil {
							t.Errorf("append: %v", err)
							return
						}
						mu.Lock()
						for _, id := range list {
							acked[id] = true
						}
						mu.Unlock()
					}
				})
			}
			rng := rand.New(rand.NewPCG(seed, 77))
			for round := range 3 {
				for want := count() + 500 + rng.IntN(1000); count() < want; {
					time.Sleep(100 * time.Microsecond)
				}
				if round == 1 {
					full.Store(true)
					time.Sleep(5 * time.Millisecond)
				}
				mu.Lock()
				want := make(map[string]bool, len(acked))
				for id := range acked {
					want[id] = true
				}
				mu.Unlock()
				clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
				full.Store(false)
				have := storedRows(t, openDisk(t, clone, "log"))
				for id := range want {
					if !have[id] {
						t.Fatalf("row %s was acknowledged and is lost", id)
					}
				}
			}
			end.Store(true)
			wg.Wait()
			stop()
			have := storedRows(t, l)
			for id := range acked {
				if !have[id] {
					t.Fatalf("row %s was acknowledged and is lost", id)
				}
			}
		})
	}
}

// fullFS is a disk without space while full is set.
type fullFS struct {
	vfs.FS
	full *atomic.Bool
}

func (f fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.full.Load() {
		return nil, syscall.ENOSPC
	}
	file, err := f.FS.Create(name, c)
	return fullFile{file, f.full}, err
}

func (f fullFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(from, to, c)
	return fullFile{file, f.full}, err
}

type fullFile struct {
	vfs.File
	full *atomic.Bool
}

func (f fullFile) Write(p []byte) (int, error) {
	if f.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

// BenchmarkGatherer: 64 producers, each waits until its batch is durable on a
// real disk. An op is one row.
func BenchmarkGatherer(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprint("rows=", rows), func(b *testing.B) {
			l, err := disklog.Open(disklog.Config{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			g, stop := start(b, eventlog.GathererConfig{Log: l})
			defer stop()
			const producers = 64
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			cpu := cpuTime()
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range producers {
				wg.Go(func() {
					batch := webBatch(rows, uint64(w))
					for left.Add(-int64(rows)) > -int64(rows) {
						if _, err := g.Append(b.Context(), uint16(w%8), batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			used := cpuTime() - cpu
			var records, bytes float64
			for p := range uint16(8) {
				_, next := l.Bounds(p)
				records += float64(next)
				bytes += float64(l.Size(p))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/row")
			b.ReportMetric(bytes/records, "B/record")
			b.ReportMetric(float64(b.N)/records, "rows/record")
			b.ReportMetric(bytes/float64(b.N), "B/row")
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// webBatch is a batch of page views of many visitors.
func webBatch(rows int, seed uint64) *event.Batch {
	rng := rand.New(rand.NewPCG(seed, 3))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	b := event.NewBatch()
	for i := range rows {
		path := fmt.Sprintf("/products/%d/details", rng.IntN(5000))
		b.Append(&event.Row{
			Tenant: "acme", Site: pick("shop", "blog"), TS: 1_700_000_000_000 + int64(i)*37, ReceivedAt: 1_700_000_000_500,
			Type: []byte(pick("pageview", "click")), EventID: fmt.Appendf(nil, "%016x%016x", rng.Uint64(), rng.Uint64()),
			ClientID: fmt.Appendf(nil, "%016x", rng.Uint64()), SessionID: fmt.Appendf(nil, "%016x", rng.Uint64()),
			URL: []byte("https://shop.example.com" + path), Host: []byte("shop.example.com"), Path: []byte(path),
			Country: pick("DE", "US", "FR"), City: pick("Berlin", "Austin", "Lyon"), Device: pick("mobile", "desktop"),
			OS: pick("iOS", "Windows"), Browser: pick("Safari", "Chrome"), UserAgent: []byte(pick("Mozilla/5.0 (iPhone)", "Mozilla/5.0 (Windows NT 10.0)")),
			EnrichVersion: 1, PayloadHash: rng.Uint32(), Flags: event.FlagSenderID,
		})
	}
	return b
}
