package dedupe

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// faults fails the n-th operation on run files, or all from the n-th on.
type faults struct {
	n    atomic.Int64 // operations until the failure; below 0: none
	all  bool
	hits int
	kind errorfs.OpKind // of the last failure
}

func (f *faults) MaybeError(op errorfs.Op) error {
	if !strings.HasPrefix(op.Path, "runs") {
		return nil
	}
	left := f.n.Add(-1)
	if left == 0 || f.all && left < 0 {
		f.hits++
		f.kind = op.Kind
		return errorfs.ErrInjected
	}
	return nil
}

func (f *faults) String() string { return "faults" }

// TestEachFault fails each operation on run files once. Whatever failed succeeds
// when repeated, and the set stays exact.
func TestEachFault(t *testing.T) {
	for n := int64(1); ; n += 1 + n/50 { // each at first, then some
		f := &faults{}
		h := newHarness(t, errorfs.Wrap(vfs.NewMem(), f), Config{FreezeKeys: 10, HeadKeys: 1 << 20})
		f.n.Store(n)
		for commit := uint64(1); commit <= 16; commit++ {
			entries := crashCommit(h, commit)
			h.store(h.check(entries))
			if err := h.set.Maintain(t.Context()); err != nil && !errors.Is(err, errorfs.ErrInjected) {
				t.Fatalf("fault %d: maintain: %v", n, err)
			}
			h.check(crashCommit(h, commit/2))
		}
		h.maintain()
		if f.hits == 0 || f.kind != errorfs.OpRemove && f.kind != errorfs.OpFileClose {
			if files := h.files(); len(files) != h.set.Stats().Runs {
				t.Fatalf("fault %d: files %v of %d runs before a restart", n, files, h.set.Stats().Runs)
			}
		}
		_ = h.set.Close()
		h.cfg.Registerer = prometheus.NewRegistry()
		set, err := Open(h.cfg)
		if err == nil {
			h.set = set
		} else if !errors.Is(err, errorfs.ErrInjected) {
			t.Fatalf("fault %d: open: %v", n, err)
		}
		done := f.hits == 0
		f.n.Store(-1)
		_ = h.set.Close()
		h.open()
		for commit := uint64(1); commit <= 16; commit++ {
			h.check(crashCommit(h, commit))
		}
		if files := h.files(); len(files) != h.set.Stats().Runs {
			t.Fatalf("fault %d: files %v of %d runs", n, files, h.set.Stats().Runs)
		}
		h.close()
		if done {
			if n < 100 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
	}
}

// TestDiskFull checks that the head grows up to its bound, that Stage then
// refuses, and that all goes on when there is room again.
func TestDiskFull(t *testing.T) {
	f := &faults{all: true}
	f.n.Store(-1 << 40) // fails at once, once it is on
	on := &switched{f: f}
	h := newHarness(t, errorfs.Wrap(vfs.NewMem(), on), Config{FreezeKeys: 10, HeadKeys: 60})
	defer h.close()
	on.on.Store(true)
	commit := uint64(1)
	for ; ; commit++ {
		entries := h.check(crashCommit(h, commit))
		b := h.db.NewBatch()
		_, err := h.set.Stage(b, entries, 1<<40)
		b.Close()
		var behind *BehindError
		if errors.As(err, &behind) {
			if !errors.Is(err, ErrBehind) || !errors.Is(err, errorfs.ErrInjected) || behind.Held+len(entries) <= behind.Limit {
				t.Fatalf("refusal %v", err)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
		h.store(entries)
		if err := h.set.Maintain(t.Context()); commit > 1 && !errors.Is(err, errorfs.ErrInjected) {
			t.Fatalf("maintain: %v", err)
		}
		if commit > 10 {
			t.Fatal("the head grows without bound")
		}
	}
	if got := counted(t, h.set.metrics.refused); got != 1 {
		t.Errorf("%v refusals counted", got)
	}
	if got := counted(t, h.set.metrics.failures.WithLabelValues("freeze")); got < 2 {
		t.Errorf("%v failures counted", got)
	}
	for n := uint64(1); n < commit; n++ {
		if len(h.check(crashCommit(h, n))) > 0 {
			t.Fatal("keys are lost while the disk is full")
		}
	}
	on.on.Store(false)
	h.maintain()
	h.store(h.check(crashCommit(h, commit)))
	h.reopen()
	for n := uint64(1); n <= commit; n++ {
		if len(h.check(crashCommit(h, n))) > 0 {
			t.Fatal("keys are lost after the disk was full")
		}
	}
}

func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// switched fails all writes to run files while it is on.
type switched struct {
	on atomic.Bool
	f  *faults
}

func (s *switched) MaybeError(op errorfs.Op) error {
	if !s.on.Load() || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	return s.f.MaybeError(op)
}

func (s *switched) String() string { return "switched" }

// TestRunRetries checks that Run goes on after a failure, and stops with its context.
func TestRunRetries(t *testing.T) {
	f := &faults{}
	h := newHarness(t, errorfs.Wrap(vfs.NewMem(), f), Config{FreezeKeys: 10})
	defer h.close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.set.Run(ctx) }()
	f.n.Store(3)
	h.store(h.check(crashCommit(h, 1)))
	deadline := time.Now().Add(time.Minute)
	for h.set.Stats().Runs == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the head was not written after a failure")
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("run: %v", err)
	}
	if f.hits != 1 {
		t.Fatalf("%d faults", f.hits)
	}
	h.check(crashCommit(h, 1))
}
