package disklog

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"weir/internal/eventlog"
	"weir/internal/eventlog/eventlogtest"
)

func testConfig(fs vfs.FS, dir string) Config {
	return Config{
		Dir: dir, FS: fs, Partitions: 3, MemTableBytes: 4 << 20, CacheBytes: 1 << 20,
		RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func mustOpen(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestSuite(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"disk": vfs.Default, "memory": nil} {
		t.Run(name, func(t *testing.T) {
			eventlogtest.Run(t, eventlogtest.Harness{
				Open: func(t *testing.T) eventlog.Log {
					cfg := testConfig(fs, filepath.Join(t.TempDir(), "log"))
					if fs == nil {
						cfg.FS = vfs.NewMem()
					}
					return mustOpen(t, cfg)
				},
				Reopen: func(t *testing.T, l eventlog.Log) eventlog.Log {
					if err := l.Close(); err != nil {
						t.Fatalf("close: %v", err)
					}
					return mustOpen(t, l.(*Log).cfg)
				},
				Damage: func(t *testing.T, l eventlog.Log, p uint16, offset uint64) {
					db, key := l.(*Log).store.db, recordKey(p, offset)
					v, closer, err := db.Get(key)
					if err != nil {
						t.Fatal(err)
					}
					bad := append([]byte(nil), v...)
					closer.Close()
					bad[len(bad)-1] ^= 1
					if err := db.Set(key, bad, pebble.Sync); err != nil {
						t.Fatal(err)
					}
				},
			})
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	cfg := testConfig(vfs.Default, t.TempDir())
	l := mustOpen(t, cfg)
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second opening: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Partitions = 4
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "has 3 partitions, configured are 4") {
		t.Errorf("opening with another number of partitions: %v", err)
	}
	cfg.Partitions = 3
	mustOpen(t, cfg)
	err := Config{Partitions: -1, MemTableBytes: 5}.Validate()
	for _, field := range []string{"Dir", "Partitions", "MemTableBytes", "Logger"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("validation does not name %s: %v", field, err)
		}
	}
}

// TestPublishInOrder ends three syncs in the wrong order: readers see a record
// only when all lower ones are durable, and a failure lets nobody wait for ever.
func TestPublishInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &partition{}
		p.cond = sync.NewCond(&p.mu)
		s := &store{fence: newFence(nil, func(error) {})}
		l := &Log{parts: []*partition{p}}
		done := make(chan uint64, 4)
		publish := func(off uint64) {
			go func() {
				if err := p.publish(s, off, 10*(off+1)); err == nil {
					done <- off
				} else {
					done <- 99
				}
			}()
			synctest.Wait()
		}
		for _, step := range []struct{ off, next uint64 }{{2, 0}, {1, 0}, {0, 3}} {
			publish(step.off)
			if _, next := l.Bounds(0); next != step.next {
				t.Fatalf("next is %d when record %d is durable, want %d", next, step.off, step.next)
			}
		}
		if len(done) != 3 || l.Size(0) != 30 {
			t.Errorf("%d of 3 appends returned, size %d", len(done), l.Size(0))
		}
		for range 3 {
			<-done
		}
		publish(5)
		s.fence.fail(errors.New("disk gone"))
		p.mu.Lock()
		p.cond.Broadcast()
		p.mu.Unlock()
		if got := <-done; got != 99 {
			t.Errorf("a record above a failed one was acknowledged")
		}
	})
}

// TestTruncateFreesSpace fills the log well beyond its memtables and checks
// that the directory shrinks after a truncation.
func TestTruncateFreesSpace(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine and 90 MB: the race detector learns nothing from it")
	}
	cfg := testConfig(vfs.Default, t.TempDir())
	l := mustOpen(t, cfg)
	data := make([]byte, 150_000)
	for i := range data {
		data[i] = byte(i * 31)
	}
	for i := range 600 { // 90 MB
		if _, err := l.Append(t.Context(), uint16(i%3), data); err != nil {
			t.Fatal(err)
		}
	}
	full := dirSize(t, cfg.Dir)
	if full < 80<<20 {
		t.Fatalf("directory holds %d bytes after 90 MB", full)
	}
	for p := range uint16(3) {
		if err := l.Truncate(t.Context(), p, 195); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		size := dirSize(t, cfg.Dir)
		if size < full/2 {
			t.Logf("directory went from %d to %d bytes", full, size)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("directory still holds %d of %d bytes", size, full)
		}
	}
	if recs, err := l.Read(t.Context(), 1, 195, 10<<20); err != nil || len(recs) != 5 {
		t.Errorf("%d records left, %v; want 5", len(recs), err)
	}
}

func dirSize(t testing.TB, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if i, err := d.Info(); err == nil {
				n += i.Size()
			}
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return n
}
