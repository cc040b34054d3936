package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/event"
)

// but knows every tenant but one.
type but string

func (b but) Number(tenant string) (uint32, bool) {
	if tenant == string(b) {
		return 0, false
	}
	return everyTenant{}.Number(tenant)
}

func sum(t *testing.T, p *Processor, tenant string) (c Hour) {
	t.Helper()
	hours, err := p.Usage(tenant, time.Time{}, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hours {
		c.Received += h.Received
		c.Pending += h.Pending
		c.add(h.Counts)
	}
	return c
}

// TestEraseLate removes one tenant's rows from entries that hold two tenants' rows: the other's are stored, and the accounting adds up.
func TestEraseLate(t *testing.T) {
	const old = 30 * 24 * time.Hour
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	appendRows(t, l, 0, row("t1", "a", old), row("t2", "b", old), row("t1", "c", old), row("t1", "d", 2*old))
	commit(t, r)
	close(r.p.ready)
	if got := r.p.LateOf("t1"); got.Rows != 3 || got.Bytes == 0 {
		t.Errorf("waiting: %+v", got)
	}
	r.p.cfg.Tenants = but("t1")
	appendRows(t, l, 0, row("t1", "e", old), row("t1", "f", 0)) // what the log still holds
	for range 2 {                                               // the second time there is nothing to do
		if err := r.p.EraseLate(t.Context(), "t1"); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, r)
	check := func(r rig) {
		t.Helper()
		if got := r.p.LateOf("t1"); got != (Erased{}) {
			t.Errorf("still waiting: %+v", got)
		}
		if got := r.p.LateOf("t2"); got.Rows != 1 {
			t.Errorf("of the other tenant: %+v", got)
		}
		if got := sum(t, r.p, "t1"); got.Erased != 3 || got.Filtered != 2 || got.Late != 0 || got.Pending != 0 || got.Received != 5 {
			t.Errorf("accounting: %+v", got)
		}
	}
	check(r)
	r.close(t)
	r = newRig(t, fs, l, e)
	defer r.close(t)
	check(r)
	if err := r.p.commitLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(e.rows) != 1 || e.rows[0].tenant != "t2" || r.p.late.rows != 0 {
		t.Errorf("stored %+v, waiting %d", e.rows, r.p.late.rows)
	}
}

// TestEraseAccount removes a tenant's hours for good: what the log still holds of it does not begin them anew, even after a restart.
func TestEraseAccount(t *testing.T) {
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	x := row("t1", "a", 0)
	appendRows(t, l, 0, x, row("t2", "b", 0))
	commit(t, r)
	r.p.Rejected("t1", "s", Rejection{Code: "too_deep", Count: 1, At: time.UnixMilli(x.ReceivedAt)}) // in the same hour
	if got, err := r.p.AccountOf("t1"); err != nil || got.Rows != 1 || got.Bytes == 0 {
		t.Errorf("before: %+v, %v", got, err)
	}
	r.p.cfg.Tenants = but("t1")
	if err := r.p.EraseAccount("t1"); err != nil {
		t.Fatal(err)
	}
	check := func(r rig) {
		t.Helper()
		if got, err := r.p.AccountOf("t1"); err != nil || got != (Erased{}) || sum(t, r.p, "t1") != (Hour{}) {
			t.Errorf("after: %+v, %v, %+v", got, err, sum(t, r.p, "t1"))
		}
		if got := sum(t, r.p, "t2"); got.Stored != 1 {
			t.Errorf("of the other tenant: %+v", got)
		}
	}
	check(r)
	r.close(t)
	r = newRig(t, fs, l, e)
	defer r.close(t)
	r.p.cfg.Tenants = but("t1")
	appendRows(t, l, 0, row("t1", "c", 0))
	r.p.Rejected("t1", "s", Rejection{Code: "too_deep", Count: 1, At: time.Now()})
	commit(t, r)
	if err := r.p.acct.flush(time.Now()); err != nil {
		t.Fatal(err)
	}
	check(r)
}

// TestQuiet checks that nothing runs beside an intent or a step that is pending, nor beside a commit.
func TestQuiet(t *testing.T) {
	r := newRig(t, vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	close(r.p.ready)
	try := func(what int, want bool) bool {
		t.Helper()
		wait := 20 * time.Millisecond
		if want {
			wait = time.Minute // a busy machine may take a while to do it
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		did := false
		err := r.p.Quiet(ctx, what, func(context.Context) error { did = true; return nil })
		if did != (err == nil) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Quiet did it: %v, and says %v", did, err)
		}
		return did
	}
	step := keyRollup(keyStep, r.p.cfg.List[0].ID(), writerLate)
	for _, tc := range []struct {
		key              []byte
		inserts, rollups bool // may go on
	}{{key16(keyIntent, writerMain), false, true}, {key16(keyIntent, writerLate), false, true}, {step, true, false}, {nil, true, true}} {
		if tc.key != nil {
			if err := r.db.Set(tc.key, []byte{1}, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
		for what, want := range map[int]bool{QuietInserts: tc.inserts, QuietRollups: tc.rollups, QuietInserts | QuietRollups: tc.inserts && tc.rollups} {
			if try(what, want) != want {
				t.Errorf("beside %q: %d was done: %v", tc.key, what, !want)
			}
		}
		if tc.key != nil {
			if err := r.db.Delete(tc.key, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
	}
	for s := range slotCount { // somebody has the turn
		r.p.turns[s] <- struct{}{}
		if got := try(QuietInserts|QuietRollups, false); got {
			t.Errorf("beside the holder of slot %d", s)
		}
		<-r.p.turns[s]
	}
}

// TestEraseQuarantine removes the records that hold rows of a deleted tenant alone; what also holds rows of the living, or does not say whose, is told and stays.
func TestEraseQuarantine(t *testing.T) {
	fs, l, e := vfs.NewMem(), newMemLog(2), &session{fakeEngine: newFakeEngine()}
	broken := func(rows ...event.Row) {
		b := event.NewBatch()
		for i := range rows {
			b.Append(&rows[i])
		}
		rec := b.AppendRecord(nil)
		rec[1]++ // the checksum
		if _, err := l.Append(t.Context(), 0, rec); err != nil {
			t.Fatal(err)
		}
	}
	broken(row("t1", "a", 0), row("t1", "b", 0))
	broken(row("t1", "c", 0), row("t2", "d", 0))
	broken(row("t2", "e", 0))
	if _, err := l.Append(t.Context(), 0, []byte("no record at all")); err != nil {
		t.Fatal(err)
	}
	l.parts[1] = append(l.parts[1], eventlogRecordLost())
	r := newRig(t, fs, l, e)
	defer r.close(t)
	commit(t, r)
	quarantined := func() int {
		list, err := r.p.Quarantine()
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if n := quarantined(); n != 5 {
		t.Fatalf("%d records are in quarantine, want 5", n)
	}
	if err := r.p.EraseQuarantine("t1"); err != nil || quarantined() != 5 {
		t.Errorf("of a living tenant something was removed: %v, %d left", err, quarantined())
	}
	r.p.cfg.Tenants = but("t1")
	before, err := r.p.QuarantineOf("t1")
	if err != nil || before.Own.Rows != 1 || before.Own.Bytes == 0 || before.Undecided.Rows != 2 {
		t.Errorf("%+v, %v: want one of its own, and two undecided", before, err)
	}
	for range 2 { // the second time there is nothing to do
		if err := r.p.EraseQuarantine("t1"); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := r.p.QuarantineOf("t1"); err != nil || after.Own != (Erased{}) || after.Undecided != before.Undecided || quarantined() != 4 {
		t.Errorf("%+v, %v, %d left", after, err, quarantined())
	}
}

// purging is a log that counts how often its files are made to forget.
type purging struct {
	*memLog
	purges int
	err    error
}

func (l *purging) Purge(context.Context) error {
	l.purges++
	return l.err
}

// TestLogIsPurged looks that the log's files forget what was truncated away within the time that LogKept says, and are left alone when nothing was.
func TestLogIsPurged(t *testing.T) {
	l := &purging{memLog: newMemLog(1)}
	r := newRig(t, vfs.NewMem(), l.memLog, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	r.p.cfg.Log, r.p.cfg.KeepLog = l, 24*time.Hour
	now := time.Now()
	look := func(after time.Duration, want int) {
		t.Helper()
		now = now.Add(after)
		if err := r.p.purge(t.Context(), now); err != nil && l.err == nil {
			t.Fatal(err)
		}
		if l.purges != want {
			t.Errorf("purged %d times, want %d", l.purges, want)
		}
	}
	look(0, 1) // what the last process left
	look(24*time.Hour, 1)
	appendRows(t, l.memLog, 0, row("t1", "a", 0))
	commit(t, r)
	if err := r.p.truncate(t.Context(), now.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	l.err = errors.New("disk")
	look(time.Minute, 2)
	look(time.Minute, 3) // again
	l.err = nil
	look(time.Minute, 4)
	look(time.Minute, 4)
	r.p.unpurged = true
	look(30*time.Minute, 4) // not so often
	look(31*time.Minute, 5)
	if kept := r.p.LogKept(now).Sub(now); kept < 25*time.Hour+time.Minute {
		t.Errorf("events may be there for %v: less than it takes to truncate and purge them", kept)
	}
}
