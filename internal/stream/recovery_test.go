package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/damage"
	"weir/internal/dedupe"
	"weir/internal/event"
	"weir/internal/eventlog"
	"weir/internal/rollup"
)

// rig is a processor that does not run, over a set of event ids that holds very few in memory.
type rig struct {
	p   *Processor
	db  *pebble.DB
	set *dedupe.Set
}

func newRig(t *testing.T, fs *vfs.MemFS, l eventlog.Log, e *session) rig {
	t.Helper()
	r, err := openRig(fs, l, e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openRig(fs *vfs.MemFS, l eventlog.Log, e *session) (rig, error) {
	o := &pebble.Options{FS: fs, Logger: panicLogger{}}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone }) // as the server's
	if err := damage.Survive(o, damage.Config{Store: "state", Logger: quiet()}); err != nil {
		return rig{}, err
	}
	db, err := pebble.Open("state", o)
	if err != nil {
		return rig{}, err
	}
	reg := prometheus.NewRegistry()
	set, err := dedupe.Open(dedupe.Config{DB: db, FS: fs, Dir: "dedupe", Secret: [16]byte{1}, Logger: quiet(), Registerer: reg, FreezeKeys: 10, HeadKeys: 20})
	if err != nil {
		return rig{}, errors.Join(err, db.Close())
	}
	p, err := Open(Config{Log: l, State: db, Dedupe: set, Table: e, LateTable: e, Rollups: e, Tenants: everyTenant{},
		MinInterval: time.Millisecond, RollupInterval: time.Millisecond, Logger: quiet(), Registerer: reg})
	if err != nil {
		return rig{}, errors.Join(err, set.Close(), db.Close())
	}
	return rig{p, db, set}, nil
}

func (r rig) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(r.set.Close(), r.db.Close()); err != nil {
		t.Fatal(err)
	}
}

// runUntil runs the processor until ok, or fails.
func (r rig) runUntil(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.p.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		select {
		case err := <-done:
			t.Fatalf("the processor ended by itself: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("it did not come to that")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestStartWhileIDsWait kills the processor when it waits for event ids to be written to files: the next start writes them and goes on.
func TestStartWhileIDsWait(t *testing.T) {
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	var err error
	sent := 0
	for ; err == nil && sent < 100; sent += 10 {
		var rows []event.Row
		for i := range 10 {
			rows = append(rows, row("t1", fmt.Sprintf("id-%d", sent+i), 0))
		}
		appendRows(t, l, 0, rows...)
		err = r.p.commitMain(t.Context()) // nothing writes the ids meanwhile
	}
	if !errors.Is(err, dedupe.ErrBehind) {
		t.Fatalf("the set of ids is not full: %v", err)
	}
	r.close(t)
	r = newRig(t, fs, l, e)
	r.runUntil(t, func() bool { return r.p.Visible(0, uint64(sent/10-1)) })
	r.close(t)
	if len(e.rows) != sent {
		t.Errorf("%d rows are stored, want %d", len(e.rows), sent)
	}
}

// blinkLog is a log that cannot be read for a moment.
type blinkLog struct {
	*memLog
	fails atomic.Int32
}

func (b *blinkLog) Read(ctx context.Context, part uint16, off uint64, n int) ([]eventlog.Record, error) {
	if b.fails.Add(-1) >= 0 {
		return nil, errors.New("event log is being reopened")
	}
	return b.memLog.Read(ctx, part, off, n)
}

// TestRecoverWhileLogReopens finishes an intent over a log that fails at the first try.
func TestRecoverWhileLogReopens(t *testing.T) {
	l, e := &blinkLog{memLog: newMemLog(1)}, &session{fakeEngine: newFakeEngine()}
	r := newRig(t, vfs.NewMem(), l, e)
	appendRows(t, l.memLog, 0, row("t1", "a", 0))
	e.dead = true
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.p.commitMain(ctx); err == nil {
		t.Fatal("a dead engine has taken an insert")
	}
	e.mu.Lock()
	e.dead = false
	e.mu.Unlock()
	l.fails.Store(1)
	r.runUntil(t, func() bool { return r.p.Visible(0, 0) })
	r.close(t)
	if len(e.rows) != 1 {
		t.Errorf("%d rows are stored, want 1", len(e.rows))
	}
}

// TestTruncateOnFullDisk checks that processed records leave the log even when nothing else may be written.
func TestTruncateOnFullDisk(t *testing.T) {
	l := newMemLog(1)
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	for range 5 {
		appendRows(t, l, 0, row("t1", "a", 0))
	}
	if err := r.p.commitMain(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	for i := range l.parts[0] {
		l.parts[0][i].Time = time.Now().Add(-48 * time.Hour)
	}
	l.mu.Unlock()
	r.p.cfg.DiskFull = func() bool { return true }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.p.runUpkeep(ctx) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if first, next := l.Bounds(0); first == 5 && next == 5 {
			break
		} else if time.Now().After(deadline) {
			t.Errorf("the log holds [%d, %d)", first, next)
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestStepBound checks that a rollup that begins anew takes the table in bounded steps, whose cells fit one block.
func TestStepBound(t *testing.T) {
	e := newFakeEngine()
	e.counts = map[uint64]int{1: 400_000, 2: 400_000, 3: 400_000, 300_000: 5}
	r := newRig(t, vfs.NewMem(), newMemLog(1), &session{fakeEngine: e})
	defer r.close(t)
	r.p.seqs[writerMain] = 450_000 // their row counts are not kept any more
	var ends []uint64
	for {
		from, to, err := r.p.nextStep(t.Context(), rollup.All[0], writerMain)
		if err != nil {
			t.Fatal(err)
		}
		if from == to {
			break
		}
		ends = append(ends, to)
		r.p.positions[rollup.All[0].Name][writerMain] = to
	}
	if want := []uint64{2, 200_002, 400_002, 450_000}; !slices.Equal(ends, want) {
		t.Errorf("steps end at %v, want %v", ends, want)
	}
}

// TestFormerVersions: what is known of former versions of rollups goes at start: a step that was under way would keep deletions waiting for ever.
func TestFormerVersions(t *testing.T) {
	fs := vfs.NewMem()
	r := newRig(t, fs, newMemLog(1), &session{fakeEngine: newFakeEngine()})
	for _, key := range [][]byte{keyRollup(keyStep, rollup.Former[0], writerMain), keyRollup(keyPosition, rollup.Former[1], writerLate)} {
		if err := r.p.db.Set(key, uint64Value(7), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	r.close(t)
	r = newRig(t, fs, newMemLog(1), &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	for _, prefix := range []byte{keyStep, keyPosition} {
		if err := scan(r.p.db, []byte{prefix}, func(key, _ []byte) error { return fmt.Errorf("%q is still there", key) }); err != nil {
			t.Error(err)
		}
	}
}

// TestAsOfOfQuietPartitions checks that a fresh record in a partition that was idle does not make everything look old.
func TestAsOfOfQuietPartitions(t *testing.T) {
	l := newMemLog(3)
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	appendRows(t, l, 1, row("t1", "a", 0))
	l.parts[1][0].Time = time.Now().Add(-time.Hour)
	var began time.Time // the last commit
	for _, part := range []uint16{0, 0} {
		began = time.Now()
		if err := r.p.commitMain(t.Context()); err != nil {
			t.Fatal(err)
		}
		appendRows(t, l, part, row("t1", "b", 0))
	}
	appendRows(t, l, 1, row("t1", "c", 0)) // an hour after the last one
	appendRows(t, l, 2, row("t1", "d", 0)) // the first of its partition
	if at := r.p.AsOf("t1"); at.Before(began.Add(-drainSlack)) || at.After(time.Now()) {
		t.Errorf("everything acknowledged before %v is visible, as_of is %v", began, at)
	}
	if at := r.p.Reached(); at.Before(began.Add(-drainSlack)) || at.After(time.Now()) { // what Pace goes by
		t.Errorf("everything acknowledged before %v is processed, reached is %v", began, at)
	}
}

// TestAsOfOfLateRows checks that a tenant's as_of and complete_until lie before the acknowledgement of its rows that wait in the late stream, also behind a restart, and nobody else's do.
func TestAsOfOfLateRows(t *testing.T) {
	l, fs, e := newMemLog(2), vfs.NewMem(), newFakeEngine()
	r := newRig(t, fs, l, &session{fakeEngine: e})
	started := time.Now()
	old := row("t1", "a", 72*time.Hour)
	old.ReceivedAt -= time.Hour.Milliseconds() // it may have been on its way for long, and was acknowledged when its record was there
	appendRows(t, l, 1, row("t1", "b", 0), old, row("t2", "c", 0))
	acknowledged := time.Now()
	if err := r.p.commitMain(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(when string, from time.Time) {
		t.Helper()
		for _, tenant := range []string{"t1", ""} {
			if at := r.p.AsOf(tenant); at.After(acknowledged) || at.Before(from) {
				t.Errorf("%s: a late row of t1 waits that was acknowledged by %v, as_of of %q is %v", when, acknowledged, tenant, at)
			}
		}
		if at := r.p.CompleteUntil("t1"); at.After(acknowledged.Add(-settle)) {
			t.Errorf("%s: complete_until is %v", when, at)
		}
		for name, at := range map[string]time.Time{"reached": r.p.Reached(), "as_of of t2": r.p.AsOf("t2")} {
			if at.Before(acknowledged) {
				t.Errorf("%s: all but a row of t1 can be seen, %s is %v", when, name, at)
			}
		}
	}
	check("it waits", started.Add(-2*time.Second))
	r.close(t)
	r = newRig(t, fs, l, &session{fakeEngine: e})
	defer r.close(t)
	check("behind a restart", time.UnixMilli(old.ReceivedAt-1))
	if err := r.p.commitLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"t1", "t2", ""} {
		if at := r.p.AsOf(tenant); at.Before(acknowledged) {
			t.Errorf("no row waits, as_of of %q is %v", tenant, at)
		}
	}
}

// TestLateEntriesAreLearntFirst looks for late rows between the commit of the main stream that writes them and the moment at which they are known in memory.
func TestLateEntriesAreLearntFirst(t *testing.T) {
	r := newRig(t, vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	s := &sender{rng: rand.New(rand.NewPCG(1, 1)), now: time.Now().UnixMilli(), first: map[string]uint32{}, total: map[string]uint64{}, oracle: newOracle()}
	b := newBlock()
	s.add(b.Batch, 0)
	b.Partitions, b.Offsets, b.Rows = []uint16{0}, []uint64{0}, []uint32{0}
	batch := r.db.NewBatch()
	if err := stageLate(batch, b, []int{0}, 1); err != nil {
		t.Fatal(err)
	}
	entries, err := lateEntries(batch)
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		t.Fatal(err)
	}
	take := func(want int) {
		t.Helper()
		keys, rows, _, err := r.p.takeLate()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) != want || rows.Len() != want {
			t.Errorf("%d entries with %d rows are taken, want %d", len(keys), rows.Len(), want)
		}
	}
	take(0)
	for k, e := range entries {
		r.p.late.add(k, e, time.Now())
	}
	take(1)
}
