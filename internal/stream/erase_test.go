package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
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
	appendRows(t, l, 0, row("t1", "a", 0), row("t2", "b", 0))
	commit(t, r)
	r.p.Rejected("t1", time.Now(), 1)
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
	r.p.Rejected("t1", time.Now(), 1)
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
	try := func(what int) bool {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		did := false
		err := r.p.Quiet(ctx, what, func(context.Context) error { did = true; return nil })
		if did != (err == nil) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Quiet did it: %v, and says %v", did, err)
		}
		return did
	}
	step := keyRollup(keyStep, r.p.cfg.List[0].Name, writerLate)
	for _, tc := range []struct {
		key              []byte
		inserts, rollups bool // may go on
	}{{key16(keyIntent, writerMain), false, true}, {key16(keyIntent, writerLate), false, true}, {step, true, false}, {nil, true, true}} {
		if tc.key != nil {
			if err := r.db.Set(tc.key, []byte{1}, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
		if try(QuietInserts) != tc.inserts || try(QuietRollups) != tc.rollups || try(QuietInserts|QuietRollups) != (tc.inserts && tc.rollups) {
			t.Errorf("beside %q", tc.key)
		}
		if tc.key != nil {
			if err := r.db.Delete(tc.key, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
	}
	for s := range slotCount { // somebody has the turn
		r.p.turns[s] <- struct{}{}
		if got := try(QuietInserts | QuietRollups); got {
			t.Errorf("beside the holder of slot %d", s)
		}
		<-r.p.turns[s]
	}
}
