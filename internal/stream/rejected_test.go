package stream

import (
	"fmt"
	"slices"
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

// Two doors that reject for one reason are told apart. What a store holds from before that has no door, and keeps its count and its example.
func TestRejectionsByDoor(t *testing.T) {
	fs, l, engine := vfs.NewMem(), newMemLog(1), newFakeEngine()
	r := newRig(t, fs, l, &session{fakeEngine: engine})
	now := time.Now()
	k := hourKey{hourOf(now.UnixMilli()), "acme", "shop"}
	for key, value := range map[string]string{
		string(k.under(keyCodes)):                                    `{"field_missing":7}`,
		string(siteKey(keyExample, "acme", "shop", "field_missing")): `{"at":"2026-01-01T00:00:00Z","door":"pixel","field":"type","message":"from before","example":"{}"}`,
	} {
		if err := r.p.db.Set([]byte(key), []byte(value), nil); err != nil {
			t.Fatal(err)
		}
	}
	send := func(door string, n uint64) {
		r.p.Rejected("acme", "shop", Rejection{Code: "field_missing", Count: n, At: now, Door: door, Message: "of " + door})
	}
	check := func(want ...string) {
		t.Helper()
		list, err := r.p.RejectedOf("acme", "shop", now.Add(-time.Hour), now.Add(time.Hour))
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprint(x.Count, " ", x.Code, " ", x.Door, ": ", x.Message))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	check("7 field_missing : from before")
	send("segment", 2)
	if r.p.WantsExample("acme", "shop", "field_missing", "segment") || !r.p.WantsExample("acme", "shop", "field_missing", "posthog") {
		t.Error("one example a second is of a door")
	}
	send("posthog", 3)
	send("segment", 2)
	want := []string{"7 field_missing : from before", "4 field_missing segment: of segment", "3 field_missing posthog: of posthog"}
	check(want...)
	if err := r.p.acct.flush(now); err != nil {
		t.Fatal(err)
	}
	check(want...)
	r.close(t)
	r = newRig(t, fs, l, &session{fakeEngine: engine})
	defer r.close(t)
	check(want...)
}
