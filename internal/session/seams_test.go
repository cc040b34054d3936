package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/tenant"
)

// newSeams is a history of three days with totals: visitors whose sessions cross the midnights between them, some who stay away for longer than the timeout around one, and one who is there all of the second day.
func newSeams(t *testing.T, name string) (h *history, at func(minute int, client, path string) made) {
	t.Helper()
	h = newHistory(t, name)
	h.totals = 4
	h.restart()
	first := h.now.Truncate(24*time.Hour).AddDate(0, 0, -3)
	n := 0
	at = func(minute int, client, path string) made {
		n++
		return made{At: first.Add(time.Duration(minute) * time.Minute), Site: "site", Type: "pageview", Client: client, Path: path, Row: 3000 + n}
	}
	const day = 24 * 60
	var events []made
	for d := range 3 {
		for i := range 4 {
			events = append(events, at(d*day+600+i, fmt.Sprint("noon", i), "/noon"))
		}
	}
	for _, m := range []int{day, 2 * day} {
		events = append(events, at(m-10, "across", "/before"), at(m+5, "across", "/behind"), at(m-15, "apart", "/evening"), at(m+16, "apart", "/morning"),
			at(m-30, "exactly", "/edge"), at(m, "exactly", "/edge"), at(m+29, "late", "/only"))
		click := at(m+6, "across", "/behind")
		click.Type = "click"
		events = append(events, click)
	}
	for m := day - 20; m < 2*day+40; m += 25 {
		events = append(events, at(m, "all day", fmt.Sprint("/", m/day)))
	}
	h.commit(1, events...)
	return h, at
}

func (h *history) holdSeams(what string, want int) {
	h.t.Helper()
	if got := h.versionsOf(daily.SeamsTable); len(got) != want {
		h.t.Errorf("%s: the table of midnights holds the versions %v, want %d", what, got, want)
	}
}

func (h *history) checkMidnights(what string, seams, open int) {
	h.t.Helper()
	if h.check(what); h.seams != seams || h.open != open {
		h.t.Errorf("%s: %d midnights are totalled, and %d of them left out visitors; want %d and %d", what, h.seams, h.open, seams, open)
	}
}

// TestSeams: sessions near midnights between days with totals are totalled, but for those of who is there all day; as soon as a day gets rows its midnights are not read, and when it is stitched again they are made again.
func TestSeams(t *testing.T) {
	h, at := newSeams(t, "seams")
	h.pass()
	h.checkMidnights("at first", 2, 2)
	h.restart()
	h.checkMidnights("after a restart", 2, 2)
	h.pass()
	h.holdSeams("after a second pass", 2)
	h.commit(2, at(2*24*60+8, "across", "/late"))
	h.checkMidnights("the last day has got a row", 1, 1)
	h.now = h.now.Add(time.Hour)
	h.pass()
	h.checkMidnights("the last day is stitched again", 2, 2)
	h.commit(2, at(24*60-12, "across", "/late"))
	h.checkMidnights("the first day has got a row", 1, 1)
	h.now = h.now.Add(time.Hour)
	h.pass()
	h.checkMidnights("the first day is stitched again", 2, 2)
	h.clean()
	h.holdSeams("the former ones are removed", 2)
	h.checkMidnights("after that", 2, 2)
	if err := h.s.Invalidate(context.Background(), tenant.ID(h.tenant), session.DayOf(at(24*60, "", "").At)); err != nil {
		t.Fatal(err)
	}
	h.checkMidnights("the second day is invalid", 0, 0)
	h.pass() // it is stitched, and the midnights are of new versions
	h.checkMidnights("stitched once more", 2, 2)
	h.clean()
	h.holdSeams("stitched once more", 2)
	h.timeout = 20 * time.Minute
	h.checkMidnights("another timeout", 0, 0)
	h.pass()
	h.checkMidnights("stitched under it", 2, 0) // all day has gaps of 25 minutes
	if _, err := h.s.Forget(context.Background(), tenant.ID(h.tenant)); err != nil {
		t.Fatal(err)
	}
	h.restart()
	h.clean()
	h.holdSeams("a tenant that is gone", 0)
}

// TestSeamsCrash kills the stitcher between the totals of a midnight and their record: nobody reads them, and what is left goes.
func TestSeamsCrash(t *testing.T) {
	h, _ := newSeams(t, "seamscrash")
	h.crash = "session-seamed"
	if !h.pass() {
		t.Fatal("it did not die")
	}
	h.checkMidnights("died before the record", 0, 0)
	h.holdSeams("died before the record", 1)
	h.pass()
	h.checkMidnights("after the crash", 2, 2)
	h.holdSeams("after the crash", 3)
	h.clean()
	h.holdSeams("after the search for orphans", 2)
	h.checkMidnights("after the search for orphans", 2, 2)
}

// TestSeamsFail: days of which the engine refuses a midnight are read without, and it is tried again an hour later.
func TestSeamsFail(t *testing.T) {
	h, _ := newSeams(t, "seamsfail")
	h.failing = "INSERT INTO " + daily.SeamsTable
	h.pass()
	h.checkMidnights("while the engine refuses", 0, 0)
	h.failing = ""
	h.now = h.now.Add(59 * time.Minute)
	h.pass()
	h.checkMidnights("before an hour", 0, 0)
	h.now = h.now.Add(time.Minute)
	h.pass()
	h.checkMidnights("an hour later", 2, 2)
	h.clean()
	h.holdSeams("swept", 2)
}

// TestSeamsTwice: a midnight of which a table holds not exactly what it should is not read.
func TestSeamsTwice(t *testing.T) {
	hits, _, _ := strings.Cut(daily.SeamHitTotalSQL("", time.Time{}, 0), " FROM ")
	crossed, _, _ := strings.Cut(daily.SeamCrossTotalSQL("", time.Time{}, 0), " FROM ")
	for i, twice := range []string{"INSERT INTO " + session.SeamTable + " ", "INSERT INTO " + daily.SeamsTable + " ", "INSERT INTO " + daily.SeamPagesTable + " ", "INSERT INTO " + daily.SeamHitSessionsTable + " ", hits, crossed} {
		h, _ := newSeams(t, fmt.Sprint("seamstwice", i))
		h.twice = twice
		if err := h.s.Pass(context.Background()); err == nil || !strings.Contains(err.Error(), "do not hold all sessions") {
			t.Errorf("%s twice: %v", twice, err)
		}
		h.checkMidnights(twice+" twice", 0, 0)
		h.twice = ""
		h.now = h.now.Add(time.Hour)
		h.pass()
		h.checkMidnights(twice+" an hour later", 2, 2)
	}
}

// TestSeamsLayout: totals of midnights of another layout are not read, and made again.
func TestSeamsLayout(t *testing.T) {
	h, _ := newSeams(t, "seamslayout")
	h.pass()
	h.checkMidnights("this layout", 2, 2)
	it, err := h.db.NewIter(&pebble.IterOptions{LowerBound: []byte("visits/s"), UpperBound: []byte("visits/t")})
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		seam := append([]byte(nil), it.Value()...)
		seam[len(seam)-1]++ // the layout is the end of it
		if err := h.db.Set(it.Key(), seam, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	h.restart()
	h.checkMidnights("another layout", 0, 0)
	h.pass()
	h.checkMidnights("made again", 2, 2)
	h.clean()
	h.holdSeams("swept", 2)
}

// TestSeamsOfDaysForgotten: a weir that knows nothing of midnights forgets a tenant's days and leaves the midnights: they go when one that knows them starts, though the tenant has none of its work any more.
func TestSeamsOfDaysForgotten(t *testing.T) {
	h, _ := newSeams(t, "seamsforgotten")
	h.pass()
	h.holdSeams("before", 2)
	if err := h.db.DeleteRange([]byte("visits/d"), []byte("visits/e"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	h.restart()
	h.clean()
	h.holdSeams("after", 0)
	it, err := h.db.NewIter(&pebble.IterOptions{LowerBound: []byte("visits/s"), UpperBound: []byte("visits/t")})
	if err != nil {
		t.Fatal(err)
	}
	if it.First() {
		t.Errorf("the record %q stays", it.Key())
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
}
