package stream

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/rollup"
)

// TestDataVersion follows the version of a tenant through an insert: it must not be settled from before anything can be seen until it is committed.
func TestDataVersion(t *testing.T) {
	l := newMemLog(1)
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	version := r.settledVersion(t)
	v1, v2 := version("t1"), version("t2")
	appendRows(t, l, 0, row("t1", "a", 0), row("t3", "late", 90*24*time.Hour), row("t1", "a", 0))
	var during []bool
	r.p.cfg.Fault = func(step string) {
		for _, tenant := range []string{"t1", "t2", "t3"} {
			_, settled := r.p.DataVersion(tenant)
			during = append(during, settled)
		}
	}
	commit(t, r)
	for i, want := range []bool{false, true, true, false, true, true, false, true, true} { // intent, insert, commit
		if during[i] != want {
			t.Errorf("settled while the commit runs: %v", during)
			break
		}
	}
	if version("t1") <= v1 || version("t2") != v2 {
		t.Error("the version must change for the tenant of the rows, and for no other")
	}
	v3 := version("t3")
	during = nil
	if err := r.p.commitLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if version("t3") <= v3 || len(during) == 0 || during[2] {
		t.Errorf("late rows: version %d after %d, settled while they are inserted: %v", version("t3"), v3, during)
	}
	r.p.cfg.Fault = nil

	v1 = version("t1")
	appendRows(t, l, 0, row("t1", "a", 0)) // a repeat: nothing becomes visible
	commit(t, r)
	if version("t1") != v1 {
		t.Error("the version changes although nothing was stored")
	}
}

// settledVersion returns the version of a tenant of which nothing may be under way.
func (r rig) settledVersion(t *testing.T) func(tenant string) uint64 {
	return func(tenant string) uint64 {
		t.Helper()
		v, settled := r.p.DataVersion(tenant)
		if !settled {
			t.Fatalf("version %d of %s is not settled", v, tenant)
		}
		return v
	}
}

// TestDataVersionBesideInserts follows it through a step of a rollup, through what others change, and through a restart.
func TestDataVersionBesideInserts(t *testing.T) {
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	version := r.settledVersion(t)
	appendRows(t, l, 0, row("t1", "a", 0))
	commit(t, r)
	v1, v2 := version("t1"), version("t2")
	if err := r.p.step(t.Context(), rollup.All[0], writerMain, 0, 1, false); err != nil {
		t.Fatal(err)
	}
	if version("t1") <= v1 || version("t2") != v2 {
		t.Error("a step of a rollup: the version must change for the tenants of its rows, and for no other")
	}

	v1, v2 = version("t1"), version("t2")
	done := r.p.ChangeData("t1")
	if _, settled := r.p.DataVersion("t1"); settled {
		t.Error("settled while others change data")
	}
	other := r.p.ChangeData()
	done()
	done()
	if _, settled := r.p.DataVersion("t1"); settled {
		t.Error("settled while others change the data of all")
	}
	other()
	if version("t1") <= v1 || version("t2") <= v2 {
		t.Error("the versions have not changed")
	}

	v1 = version("t1")
	r.close(t)
	r = newRig(t, fs, l, e)
	if got := r.settledVersion(t)("t1"); got <= v1 {
		t.Errorf("after a restart: version %d, before %d", got, v1)
	}
	r.close(t)
}

// TestVersionOfWhatIsPending checks that nothing is settled while a crash has left something half done.
func TestVersionOfWhatIsPending(t *testing.T) {
	for name, key := range map[string][]byte{"main": key16(keyIntent, writerMain), "late": key16(keyIntent, writerLate), "rollup": keyRollup(keyStep, rollup.All[0].ID(), writerMain)} {
		fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
		r := newRig(t, fs, l, e)
		if err := r.db.Set(key, []byte("anything"), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		r.close(t)
		r = newRig(t, fs, l, e)
		if _, settled := r.p.DataVersion("t1"); settled {
			t.Errorf("%s: settled", name)
		}
		r.close(t)
	}
}

// TestForgetTenant checks that nothing of a tenant that is gone stays in memory, and that a late insert does not bring it back.
func TestForgetTenant(t *testing.T) {
	l := newMemLog(1)
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	gone := map[string]bool{}
	r.p.cfg.Tenants = tenantsBut(gone)
	appendRows(t, l, 0, row("t1", "a", 0), row("t2", "a", 0), row("t1", "late", 90*24*time.Hour))
	commit(t, r)
	gone["t1"] = true
	if err := r.p.ForgetTenant(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	if err := r.p.commitLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, _ := r.p.Stored("t1"); rows != 0 {
		t.Errorf("%d rows of a tenant that is gone", rows)
	}
	if rows, _ := r.p.Stored("t2"); rows != 1 {
		t.Errorf("%d rows of the other", rows)
	}
	if err := r.p.ForgetTenant(t.Context(), "t1"); err != nil { // as the deletion does in the end
		t.Fatal(err)
	}
	if r.p.acct.totals["t1"] != nil || r.p.versions.tenants["t1"] != nil || r.p.acct.totals["t2"] == nil {
		t.Error("something is left, or too much was forgotten")
	}
}

type tenantsBut map[string]bool

func (n tenantsBut) Number(tenant string) (uint32, bool) {
	if n[tenant] {
		return 0, false
	}
	return everyTenant{}.Number(tenant)
}
