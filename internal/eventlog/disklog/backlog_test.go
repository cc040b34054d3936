package disklog

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestOnePartitionWithoutEnd appends far more than any bound of the store to a single partition, whose tables do not
// overlap and are never compacted: appends must not stop.
func TestOnePartitionWithoutEnd(t *testing.T) {
	cfg := testConfig(vfs.NewMem(), "log") // memtables of 4 MiB
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		data := make([]byte, 512<<10)
		for range 400 { // 200 MiB: 50 memtables
			if _, err := l.Append(t.Context(), 1, data); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("appends have stopped")
	}
}

// TestMissedFlush checks that appends go on when an event of a flush was missed.
func TestMissedFlush(t *testing.T) {
	cfg := testConfig(vfs.NewMem(), "log")
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := l.acquire(true)
	if err != nil {
		t.Fatal(err)
	}
	s.backlog.mu.Lock()
	s.backlog.waiting, s.backlog.sealed = 1<<40, []int64{1 << 40}
	s.backlog.mu.Unlock()
	s.ops.Done()
	if _, err := l.Append(t.Context(), 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
}
