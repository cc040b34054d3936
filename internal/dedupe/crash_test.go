package dedupe

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// crash is the file system as a power loss would leave it at some operation.
type crash struct {
	fs             *vfs.MemFS
	acked, started uint64 // commits that were acknowledged, and begun, at that moment
}

// crasher takes crash clones at random file operations.
type crasher struct {
	mem            *vfs.MemFS
	mu             sync.Mutex
	rng            *rand.Rand
	every          int
	acked, started atomic.Uint64
	clones         []crash
}

func (c *crasher) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rng.IntN(c.every) == 0 && len(c.clones) < 40 {
		acked := c.acked.Load() // before: what was acknowledged by now must be in the clone
		fs := c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(3) * 50, RNG: c.rng})
		c.clones = append(c.clones, crash{fs, acked, c.started.Load()})
	}
	return nil
}

func (c *crasher) String() string { return "crasher" }

// crashCommit makes the entries of a commit, spread over buckets: a third without
// time, a third with, a third with one of another day.
func crashCommit(h *harness, commit uint64) []Entry {
	var out []Entry
	received := start + int64(commit)*5*hour
	for i := range 12 {
		idTime := []int64{0, received, received - 30*hour}[i%3]
		out = append(out, h.entry(uint32(i%2), int(commit)*100+i, received, idTime))
	}
	return out
}

// TestCrash loses power at random operations of commits, freezes and merges: an
// acknowledged commit is there whole, one that had not begun is not, one that was
// under way is there whole or not at all.
func TestCrash(t *testing.T) {
	const commits = 48 // ten days
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2 // one in order, one with maintenance beside
	}
	for seed := range seeds {
		c := &crasher{mem: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(seed, 1)), every: 25}
		h := newHarness(t, errorfs.Wrap(c.mem, c), Config{FreezeKeys: 20, HeadKeys: 1 << 20})
		var wg sync.WaitGroup
		for n := uint64(1); n <= commits; n++ {
			entries := crashCommit(h, n)
			c.started.Store(n)
			h.store(h.check(entries))
			c.acked.Store(n)
			if seed%2 == 0 {
				h.maintain()
			} else {
				wg.Go(h.maintain)
			}
		}
		wg.Wait()
		if len(c.clones) < 20 {
			t.Fatalf("only %d crashes", len(c.clones))
		}
		for i, at := range c.clones {
			afterCrash(t, at, h.cfg, seed, i)
		}
		h.close()
	}
}

// oldest is the first commit that is surely not expired when commit n was stored.
func oldest(n uint64) uint64 {
	const most = (7*24 + 23) / 5
	return max(n, most+1) - most
}

// afterCrash opens what a crash left, compares it, goes on, and opens it again.
func afterCrash(t *testing.T, at crash, cfg Config, seed uint64, i int) {
	t.Helper()
	h := newHarness(t, at.fs, cfg)
	for n := oldest(at.started); n <= at.started+3; n++ {
		entries := crashCommit(h, n)
		got := make([]Verdict, len(entries))
		for j := range entries { // as if at the time of the last commit
			entries[j].Received = start + int64(min(n+33, at.started))*5*hour
		}
		if err := h.set.Check(entries, got); err != nil {
			t.Fatalf("seed %d crash %d: check: %v", seed, i, err)
		}
		for j, v := range got {
			if v != got[0] {
				t.Fatalf("seed %d crash %d: commit %d is there in part: key %d is %v, key 0 %v", seed, i, n, j, v, got[0])
			}
		}
		if n <= at.acked && got[0] != Duplicate {
			t.Fatalf("seed %d crash %d: commit %d of %d acknowledged is lost", seed, i, n, at.acked)
		}
		if n > at.started && got[0] != New {
			t.Fatalf("seed %d crash %d: commit %d of %d begun is %v", seed, i, n, at.started, got[0])
		}
		if got[0] == Duplicate {
			h.commit = n
			for _, e := range crashCommit(h, n) {
				h.oracle[e.Key] = stored{e.Payload, seconds(e.Received)}
			}
		}
	}
	for range 4 {
		h.store(h.check(crashCommit(h, h.commit+1)))
		h.maintain()
	}
	h.reopen()
	for n := oldest(h.commit); n <= h.commit; n++ {
		h.check(crashCommit(h, n))
	}
	if files := h.files(); len(files) != h.set.Stats().Runs {
		t.Fatalf("seed %d crash %d: %d files of %d runs: %v", seed, i, len(files), h.set.Stats().Runs, files)
	}
	h.close()
}

// TestFailedCommit checks that a batch that was not committed leaves no trace.
func TestFailedCommit(t *testing.T) {
	h := newMem(t, Config{})
	a, b := []Entry{h.entry(1, 1, start, 0)}, []Entry{h.entry(1, 2, start, 0)}
	h.stageOnly(h.check(a))
	h.store(h.check(b))
	h.check(a)
	h.reopen()
	if fresh := h.check(append(a, b...)); len(fresh) != 1 || fresh[0] != a[0] {
		t.Fatalf("new are %v, not the one entry of the failed commit", fresh)
	}
	batch := h.db.NewBatch()
	defer batch.Close()
	if _, err := h.set.Stage(batch, a, h.commit); err == nil {
		t.Fatal("a commit number was taken twice")
	}
	if _, err := h.set.Stage(batch, a, h.commit+1); err != nil {
		t.Fatal(err)
	}
	h.set.freezeHead()
	h.maintain()
	h.reopen()
	if _, err := h.set.Stage(batch, a, h.commit); err == nil {
		t.Fatal("a commit number was taken again when its keys were in a run file")
	}
}
