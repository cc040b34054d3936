package stream

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/event"
)

// TestSitesAddUp sends random rows and rejections of several sites, with repeats and late ones, through restarts, and counts by itself what each site has.
// The sites and what has none add up to the tenant, number by number.
func TestSitesAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	fs, l, e := vfs.NewMem(), newMemLog(2), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	type own struct {
		stored, repeats, rejected uint64
		delayed                   [delays]uint64
		codes                     map[string]uint64
	}
	want := map[string]*own{}
	of := func(site string) *own {
		if want[site] == nil {
			want[site] = &own{codes: map[string]uint64{}}
		}
		return want[site]
	}
	sent, repeats := 0, 0
	for step := range 40 {
		var rows []event.Row
		for range rng.IntN(6) {
			site := fmt.Sprintf("site%d", rng.IntN(3))
			age := []time.Duration{0, 0, 10 * time.Minute, 3 * time.Hour, 100 * time.Hour}[rng.IntN(5)]
			x := row("t1", fmt.Sprintf("%s-%d", site, sent), age)
			x.Site = site
			sent++
			rows = append(rows, x)
			o := of(site)
			o.stored++
			for i, from := range []time.Duration{5 * time.Minute, time.Hour, 48 * time.Hour} {
				if age > from && (i == 2 || age <= []time.Duration{time.Hour, 48 * time.Hour}[i]) {
					o.delayed[i]++
				}
			}
			if rng.IntN(9) == 0 && repeats < 12 { // the rig's set of event ids is small
				rows = append(rows, x)
				o.repeats++
				repeats++
			} else {
				rows[len(rows)-1].Flags &^= event.FlagSenderID
			}
		}
		imported := row("t1", fmt.Sprint("import", step), 90*time.Minute)
		imported.Flags = event.FlagImport
		imported.Site = "site0"
		of("site0").stored++
		rows = append(rows, imported)
		other := row("t2", fmt.Sprint("other", step), 0) // of another tenant, under the same site's name: nothing of it shows
		other.Site, other.Flags = "site0", 0
		rows = append(rows, other)
		appendRows(t, l, 0, rows...)
		commit(t, r)
		if rng.IntN(2) == 0 {
			site := []string{"", "site0", "site1"}[rng.IntN(3)]
			code, door, n := []string{"too_deep", "site_unknown"}[rng.IntN(2)], []string{"posthog", "segment", ""}[rng.IntN(3)], uint64(1+rng.IntN(5))
			r.p.Rejected("t1", site, Rejection{Code: code, Count: n, At: time.Now(), Door: door, Message: "m of " + site + door})
			of(site).rejected += n
			of(site).codes[code+" "+door] += n
		}
		if step%10 == 9 {
			for r.p.late.rows > 0 {
				if err := r.p.commitLate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.p.acct.flush(time.Now()); err != nil {
				t.Fatal(err)
			}
			r.close(t)
			r = newRig(t, fs, l, e)
		}
	}
	defer r.close(t)
	from, to := time.Now().Add(-time.Hour*30), time.Now().Add(time.Hour)
	var sum Counts
	for site, o := range want {
		hours, err := r.p.SiteUsage("t1", site, from, to)
		if err != nil {
			t.Fatal(err)
		}
		var c Counts
		for _, h := range hours {
			c.add(h.Counts)
			if h.Received != h.Stored+h.Deduplicated+h.Rejected || h.Pending != 0 {
				t.Errorf("%q: %+v", site, h)
			}
		}
		if c.Stored != o.stored || c.Deduplicated != o.repeats || c.Rejected != o.rejected || c.Delayed != o.delayed || c.Late != 0 {
			t.Errorf("%q: %+v, want %+v", site, c, *o)
		}
		sum.add(c)
		list, err := r.p.RejectedOf("t1", site, from, to)
		if err != nil || len(list) != len(o.codes) {
			t.Errorf("%q: %+v, %v; want %v", site, list, err, o.codes)
		}
		for _, x := range list {
			if x.Count != o.codes[x.Code+" "+x.Door] || x.Message != "m of "+site+x.Door || x.At.IsZero() {
				t.Errorf("%q: %+v, want %v", site, x, o.codes)
			}
		}
	}
	all := sumOf(t, r.p, "t1", from, to)
	sum.Bytes = all.Bytes
	if sum != all {
		t.Errorf("the sites have %+v, the tenant %+v", sum, all)
	}
	first, last, err := r.p.SeenOf("t1", "site2")
	if err != nil || first.IsZero() || last.Before(first) || time.Since(last) > time.Minute {
		t.Errorf("seen from %s to %s, %v", first, last, err)
	}
	if !r.p.SitesSince().IsZero() {
		t.Errorf("a new store tells sites apart since %s", r.p.SitesSince())
	}
}

func sumOf(t *testing.T, p *Processor, tenant string, from, to time.Time) (c Counts) {
	t.Helper()
	hours, err := p.Usage(tenant, from, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hours {
		c.add(h.Counts)
	}
	return c
}

// TestRejectionsAreBounded rejects with very many codes and examples: counts stay exact, and what is kept is bounded.
func TestRejectionsAreBounded(t *testing.T) {
	r := newRig(t, vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	const many = 20_000
	for i := range many {
		r.p.Rejected("t1", "s", Rejection{Code: fmt.Sprint("code", i), Count: 1, At: time.Now(), Message: "m", Example: strings.Repeat("x", 2000)})
	}
	for i := range many { // the sites of as many tenants
		r.p.Rejected(fmt.Sprint("t", i+2), "s", Rejection{Code: "c", Count: 1, At: time.Now(), Message: "m"})
	}
	if n := len(r.p.acct.rejects.examples); n > maxExamples {
		t.Errorf("%d examples are in memory", n)
	}
	if r.p.WantsExample("t1", "s", "new", "") {
		t.Error("more examples are wanted than are kept")
	}
	if err := r.p.acct.flush(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.p.acct.rejects.examples); n != 0 || !r.p.WantsExample("t1", "s", "new", "") {
		t.Errorf("%d examples after they were written", n)
	}
	list, err := r.p.RejectedOf("t1", "s", time.Now().Add(-2*time.Hour), time.Now().Add(time.Hour))
	if err != nil || len(list) != maxReasons+1 {
		t.Fatalf("%d codes, %v", len(list), err)
	}
	total := uint64(0)
	for _, x := range list {
		total += x.Count
		if len(x.Example) > maxExample {
			t.Errorf("an example of %d bytes is kept", len(x.Example))
		}
	}
	if total != many || list[0].Code != otherCode {
		t.Errorf("%d events, the most are %+v", total, list[0])
	}
}

// TestSitesOfAnUpgrade opens a store whose accounting did not tell sites apart.
func TestSitesOfAnUpgrade(t *testing.T) {
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	x := row("t1", "a", 0)
	appendRows(t, l, 0, x)
	commit(t, r)
	for _, key := range [][]byte{{keySeen}, hourKey{hourOf(x.ReceivedAt), "t1", "s"}.bytes(), siteKey(keySeen, "t1", "s")} {
		if err := r.p.db.Delete(key, nil); err != nil {
			t.Fatal(err)
		}
	}
	clear(r.p.acct.seen.dirty)
	r.close(t)
	before := time.Now().Add(-time.Millisecond)
	r = newRig(t, fs, l, e)
	since := r.p.SitesSince()
	if since.Before(before) || since.After(time.Now()) {
		t.Errorf("sites are told apart since %s", since)
	}
	r.close(t)
	r = newRig(t, fs, l, e)
	defer r.close(t)
	if got := r.p.SitesSince(); !got.Equal(since) {
		t.Errorf("since %s, then since %s", since, got)
	}
	if got := sum(t, r.p, "t1"); got.Stored != 1 {
		t.Errorf("the tenant's: %+v", got)
	}
}

// TestQuarantineOwn shows a tenant the records that hold its events alone, and nothing of others.
func TestQuarantineOwn(t *testing.T) {
	l := newMemLog(1)
	broken := func(damage func([]byte), rows ...event.Row) {
		b := event.NewBatch()
		for i := range rows {
			b.Append(&rows[i])
		}
		rec := b.AppendRecord(nil)
		damage(rec)
		if _, err := l.Append(t.Context(), 0, rec); err != nil {
			t.Fatal(err)
		}
	}
	checksum := func(rec []byte) { rec[1]++ }
	broken(checksum, row("t1", "a", 0))
	broken(checksum, row("t1", "b", 0), row("t2", "c", 0))
	broken(checksum, row("t2", "d", 0))
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	if own, err := r.p.QuarantineOwn("t1"); err != nil || len(own) != 0 {
		t.Fatalf("before: %+v, %v", own, err)
	}
	commit(t, r)
	own, err := r.p.QuarantineOwn("t1")
	if err != nil || len(own) != 1 || own[0].Offset != 0 || own[0].Data != nil || own[0].Reason == "" {
		t.Fatalf("%+v, %v", own, err)
	}
	if q, err := r.p.QuarantinedOf("t1", own[0].ID); err != nil || q.Data != nil {
		t.Errorf("a damaged record's data are shown: %d bytes, %v", len(q.Data), err)
	}
	all, err := r.p.Quarantine()
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for _, q := range all[1:] {
		if _, err := r.p.QuarantinedOf("t1", q.ID); err != ErrNoQuarantine {
			t.Errorf("%+v can be seen: %v", q, err)
		}
	}
	if err := r.p.DropQuarantine(own[0].ID); err != nil {
		t.Fatal(err)
	}
	if own, err := r.p.QuarantineOwn("t1"); err != nil || len(own) != 0 {
		t.Errorf("after it was discarded: %+v, %v", own, err)
	}
}
