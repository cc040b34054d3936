package dedupe

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/prometheus/client_golang/prometheus"
)

// tb is what harness needs of testing.T and rapid.T.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

// harness is a Set on a file system in memory, its state store, and an oracle.
type harness struct {
	t      tb
	fs     vfs.FS
	db     *pebble.DB
	cfg    Config
	set    *Set
	commit uint64
	oracle map[Key]stored // the latest stored copy of each key
	copies []Entry        // all that was stored
	limits bool           // keys below the floors count as forgotten
}

func newHarness(t tb, fs vfs.FS, cfg Config) *harness {
	t.Helper()
	cfg.FS, cfg.Dir, cfg.Secret = fs, "runs", Secret{7}
	h := &harness{t: t, fs: fs, cfg: cfg, oracle: map[Key]stored{}}
	h.openDB(fs)
	h.open()
	return h
}

func (h *harness) openDB(fs vfs.FS) {
	h.t.Helper()
	db, err := pebble.Open("db", &pebble.Options{FS: fs, Logger: quiet{}, MemTableSize: 64 << 10})
	if err != nil {
		h.t.Fatalf("open state store: %v", err)
	}
	h.db = db
	h.cfg.DB = db
}

func (h *harness) open() {
	h.t.Helper()
	h.cfg.Registerer = prometheus.NewRegistry()
	set, err := Open(h.cfg)
	if err != nil {
		h.t.Fatalf("open: %v", err)
	}
	h.set = set
}

func (h *harness) close() {
	h.t.Helper()
	if err := errors.Join(h.set.Close(), h.db.Close()); err != nil {
		h.t.Fatalf("close: %v", err)
	}
}

// reopen starts again, as after a clean stop.
func (h *harness) reopen() {
	h.t.Helper()
	h.close()
	h.openDB(h.fs)
	h.open()
}

// expect is what Check must say of the entries.
func (h *harness) expect(entries []Entry) []Verdict {
	window := uint32(h.set.cfg.Window.Seconds())
	batch := map[Key]stored{}
	out := make([]Verdict, len(entries))
	for i, e := range entries {
		sec := seconds(e.Received)
		c, ok := batch[e.Key]
		if !ok {
			c, ok = h.oracle[e.Key]
			a, b := keyHalves(&e.Key)
			_ = a
			ok = ok && (!h.limits || c.sec >= h.set.view.floorOf(uint32(b)))
		}
		if ok && int64(sec)-int64(c.sec) <= int64(window) {
			out[i] = Duplicate
			if c.payload != e.Payload {
				out[i] = Conflict
			}
			continue
		}
		batch[e.Key] = stored{e.Payload, sec}
	}
	return out
}

// check runs Check, compares it with the oracle, and returns the new entries.
func (h *harness) check(entries []Entry) []Entry {
	h.t.Helper()
	got := make([]Verdict, len(entries))
	err := h.set.Check(entries, got)
	if errors.Is(err, errorfs.ErrInjected) {
		err = h.set.Check(entries, got)
	}
	if err != nil {
		h.t.Fatalf("check: %v", err)
	}
	var fresh []Entry
	for i, want := range h.expect(entries) {
		if got[i] != want {
			a, b := keyHalves(&entries[i].Key)
			h.t.Fatalf("entry %d (received %d, id time %d): %v, not %v; stored %v, floor %d, newest %d, key %x %x",
				i, seconds(entries[i].Received), entries[i].IDTime/1000, got[i], want,
				h.oracle[entries[i].Key], h.set.view.floorOf(uint32(b)), h.set.newest.Load(), a, b)
		}
		if want == New {
			fresh = append(fresh, entries[i])
		}
	}
	return fresh
}

// store makes one commit of new entries.
func (h *harness) store(fresh []Entry) {
	h.t.Helper()
	b := h.db.NewBatch()
	defer b.Close()
	h.commit++
	st, err := h.set.Stage(b, fresh, h.commit)
	if err != nil {
		h.t.Fatalf("stage: %v", err)
	}
	if err := b.Commit(pebble.Sync); err != nil {
		h.t.Fatalf("commit: %v", err)
	}
	h.set.Apply(st)
	for _, e := range fresh {
		h.oracle[e.Key] = stored{e.Payload, seconds(e.Received)}
		h.copies = append(h.copies, e)
	}
}

// stageOnly makes a commit that fails.
func (h *harness) stageOnly(fresh []Entry) {
	h.t.Helper()
	b := h.db.NewBatch()
	defer b.Close()
	h.commit++
	if _, err := h.set.Stage(b, fresh, h.commit); err != nil {
		h.t.Fatalf("stage: %v", err)
	}
}

func (h *harness) maintain() {
	h.t.Helper()
	err := h.set.Maintain(testContext(h.t))
	if errors.Is(err, errorfs.ErrInjected) {
		err = h.set.Maintain(testContext(h.t))
	}
	if err != nil {
		h.t.Fatalf("maintain: %v", err)
	}
}

// entry makes the entry of event number n of a tenant.
func (h *harness) entry(tenant uint32, n int, received, idTime int64) Entry {
	return Entry{
		Key:      h.set.Key(tenant, []byte("site"), fmt.Appendf(nil, "event %d", n)),
		Payload:  uint32(n),
		Received: received,
		IDTime:   idTime,
	}
}

// files lists the run files.
func (h *harness) files() []string {
	h.t.Helper()
	names, err := h.fs.List("runs")
	if err != nil {
		h.t.Fatalf("list: %v", err)
	}
	return names
}

const (
	second = int64(1000)
	hour   = 3600 * second
	day    = 24 * hour
	start  = 20000*day + 5*hour
)

func newMem(t *testing.T, cfg Config) *harness {
	t.Helper()
	h := newHarness(t, vfs.NewMem(), cfg)
	t.Cleanup(h.close)
	return h
}
