package stream

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What doors reject is kept also where nothing is stored meanwhile, whose commits would make it durable.
func TestRejectionsAreDurable(t *testing.T) {
	fs, l, engine := vfs.NewCrashableMem(), newMemLog(1), newFakeEngine()
	r := newRig(t, fs, l, &session{fakeEngine: engine})
	now := time.Now()
	r.p.Rejected("acme", "shop", Rejection{Code: "missing_type", Count: 5, At: now})
	for range 2 { // a second apart in a process that runs
		if err := r.p.acct.flush(now); err != nil {
			t.Fatal(err)
		}
	}
	disk := fs.CrashClone(vfs.CrashCloneCfg{})
	r.close(t)

	r = newRig(t, disk, l, &session{fakeEngine: engine})
	defer r.close(t)
	for _, site := range []string{"", "shop"} {
		hours, err := r.p.SiteUsage("acme", site, now.Add(-time.Hour), now.Add(time.Hour))
		if site == "" {
			hours, err = r.p.Usage("acme", now.Add(-time.Hour), now.Add(time.Hour))
		}
		n := uint64(0)
		for _, h := range hours {
			n += h.Rejected
		}
		if err != nil || n != 5 {
			t.Errorf("site %q: %d rejected, %v", site, n, err)
		}
	}
	if of, err := r.p.RejectedOf("acme", "shop", now.Add(-time.Hour), now.Add(time.Hour)); err != nil || len(of) != 1 || of[0].Count != 5 {
		t.Errorf("%+v, %v", of, err)
	}
}
