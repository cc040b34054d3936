package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	diff "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/session/stitch"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// history is a tenant whose events come in commits, with a stitcher that is restarted now and then.
type history struct {
	t       *testing.T
	c       *clickhouse.Client
	db      *pebble.DB
	tenant  string
	timeout time.Duration
	now     time.Time
	crash   string // where the stitcher dies
	twice   string // what the statement begins with that the engine runs twice; empty: none
	failing string // what the statements begin with that the engine refuses; empty: none
	meant   func() // called when the stitcher has read the positions, and not yet the counts
	totals  uint64 // rows from which on a day is totalled; 0: the default

	events      []made
	seams, open int // midnights that were totalled when readers were looked at, and those of them that left out visitors
	rows        map[int32]uint64
	main, late  uint64
	s           *stitch.Stitcher
}

func newHistory(t *testing.T, name string) *history {
	t.Helper()
	db, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem(), Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &history{t: t, c: testkit.Engine(t), db: db, tenant: name, timeout: session.DefaultTimeout, rows: map[int32]uint64{}, now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	h.restart()
	return h
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func (h *history) restart() {
	h.t.Helper()
	ready := make(chan struct{})
	close(ready)
	var err error
	h.s, err = stitch.New(stitch.Config{MinRows: 1, Grace: time.Second, MinTotals: h.totals}, stitch.Deps{State: h.db, Engine: h, Data: h, Ready: ready, Now: func() time.Time { return h.now },
		Tenants: func(context.Context) ([]tenant.ID, error) { return []tenant.ID{tenant.ID(h.tenant)}, nil },
		Timeout: func(tenant.ID) time.Duration { return h.timeout },
		Fault: func(step string) {
			if step == h.crash {
				panic(errors.New(step))
			}
		}}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		h.t.Fatal(err)
	}
}

var errRefused = errors.New("refused")

func (h *history) Exec(ctx context.Context, s clickhouse.Statement) (clickhouse.Summary, error) {
	if h.failing != "" && strings.HasPrefix(s.SQL, h.failing) {
		if _, err := h.c.Exec(ctx, s); err != nil { // the rows are there, and nobody says so
			return clickhouse.Summary{}, err
		}
		return clickhouse.Summary{}, errRefused
	}
	if h.twice != "" && strings.HasPrefix(s.SQL, h.twice) {
		if _, err := h.c.Exec(ctx, s); err != nil {
			return clickhouse.Summary{}, err
		}
	}
	return h.c.Exec(ctx, s)
}

func (h *history) Rows(ctx context.Context, s clickhouse.Statement, fn func([]any) error) (clickhouse.Summary, error) {
	return h.c.Rows(ctx, s, fn)
}

func (h *history) DayRows(_ tenant.ID, from, to int32, fn func(int32, uint64)) {
	var days []int32
	for d := range h.rows {
		if d >= from && d <= to {
			days = append(days, d)
		}
	}
	slices.Sort(days)
	for _, d := range days {
		fn(d, h.rows[d])
	}
}

func (h *history) Committed() (main, late uint64) {
	main, late = h.main, h.late
	if h.meant != nil {
		h.meant()
	}
	return main, late
}

// commit stores events by a writer.
func (h *history) commit(writer int, events ...made) {
	h.t.Helper()
	seq := &h.main
	if writer == 2 {
		seq = &h.late
	}
	insert(h.t, h.c, h.tenant, writer, int(*seq+1), events)
	h.events = append(h.events, events...)
	for _, e := range events {
		h.rows[session.DayOf(e.At)]++
	}
	*seq++
}

// pass lets the stitcher work; it may die on the way.
func (h *history) pass() (died bool) {
	h.t.Helper()
	defer func() {
		if r := recover(); r != nil {
			died = true
			h.crash = ""
			h.restart()
		}
	}()
	if err := h.s.Pass(context.Background()); err != nil && h.failing == "" {
		h.t.Fatal(err)
	}
	return false
}

// check compares what readers see with the oracle, and returns how the days are read.
func (h *history) check(what string) (days []session.Stitched) {
	h.t.Helper()
	from, to := h.now.AddDate(0, 0, -10), h.now.AddDate(0, 0, 2)
	days = h.s.Stitched(tenant.ID(h.tenant), session.DayOf(from), session.DayOf(to), h.timeout)
	q := session.Query{Timeout: h.timeout}
	q.Within(from, to, days, "%s.tenant = '"+h.tenant+"'")
	if d := diff.Diff(oracle(h.events, h.timeout), asked(h.t, h.c, q)); d != "" {
		h.t.Fatalf("%s, days %+v (-want +got):\n%s", what, days, d)
	}
	for _, d := range days {
		if !d.Stale || d.Totals {
			continue
		}
		main, late := h.Committed()
		got, _, _ := askedGrowing(h.t, h.c, q, h.tenant, from, to, days, d, main, late, h.sites()...)
		if d := diff.Diff(oracle(h.events, h.timeout), got); d != "" {
			h.t.Fatalf("%s, days %+v, one while it grows (-want +got):\n%s", what, days, d)
		}
	}
	h.checkTotals(what, days)
	h.seams, h.open = h.checkSeams(what, q, from, to, days)
	return days
}

// sites are those of the events.
func (h *history) sites() (out []string) {
	for _, e := range h.events {
		if !slices.Contains(out, e.Site) {
			out = append(out, e.Site)
		}
	}
	return out
}

// versions are those that the table of stitched days holds of the tenant.
func (h *history) versions() []string { return h.versionsOf(session.Table) }

func (h *history) versionsOf(table string) (out []string) {
	h.t.Helper()
	if _, err := h.c.Rows(context.Background(), clickhouse.Statement{SQL: "SELECT DISTINCT toString(_version) FROM " + table + " WHERE tenant = '" + h.tenant + "'"}, func(row []any) error {
		out = append(out, row[0].(string))
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	return out
}

// clean removes old versions and waits until the engine has.
func (h *history) clean() {
	h.t.Helper()
	for range 2 { // what is found is old, and goes after the grace
		h.now = h.now.Add(time.Minute)
		if err := h.s.Clean(context.Background(), true); err != nil {
			h.t.Fatal(err)
		}
	}
	for busy := true; busy; {
		busy = false
		if _, err := h.c.Rows(context.Background(), clickhouse.Statement{SQL: "SELECT count() FROM system.mutations WHERE table IN ('" + session.EngineTable + "', '" + daily.EngineTable + "', '" + daily.SeamsEngineTable + "') AND NOT is_done"}, func(row []any) error {
			busy = fmt.Sprint(row[0]) != "0"
			return nil
		}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// TestHistories lets events come in any order, with a stitcher that works, dies in between and is started again, and with timeouts that change: what readers see is
// always what a plain program makes of the events that have come.
func TestHistories(t *testing.T) {
	for seed := range uint64(2) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		h := newHistory(t, fmt.Sprint("history", seed))
		kinds := 3
		if seed == 1 { // with totals
			h.totals, kinds = 15, 6
			h.restart()
		}
		seen := map[string]int{}
		for round := range 16 {
			var batch []made
			at := h.now.Add(-time.Duration(rnd.Int64N(int64(3 * 24 * time.Hour)))).Truncate(time.Millisecond)
			for range rnd.IntN(30) {
				at = at.Add(time.Duration(rnd.Int64N(int64(50 * time.Minute)))).Truncate(time.Millisecond)
				if at.After(h.now) {
					at = h.now.Truncate(24 * time.Hour).Add(-time.Duration(rnd.IntN(2)) * time.Millisecond)
				}
				channel := []string{"", "", "direct", "search"}[(len(batch)*5+round)*7%11%4] // events without a URL have none
				batch = append(batch, made{At: at, Channel: channel, Referrer: channel, Site: "site", Type: []string{"pageview", "click", "scroll"}[rnd.IntN(3)], Client: fmt.Sprint("c", rnd.IntN(6)), Path: fmt.Sprint("/", rnd.IntN(3)), Offset: 1000 - round, Row: len(batch)})
			}
			if len(batch) > 0 {
				h.commit(1+rnd.IntN(2), batch...)
			}
			switch rnd.IntN(6) {
			case 0:
				h.timeout = []time.Duration{session.MinTimeout, session.DefaultTimeout, 12 * time.Hour}[rnd.IntN(3)]
			case 1:
				h.crash = []string{"session-stitched", "session-totalled", "session-switched", "session-seamed"}[rnd.IntN(4)]
			case 2:
				h.restart()
			case 3:
				h.now = h.now.Add(2 * time.Hour) // days are due again
			}
			if rnd.IntN(2) == 0 && h.pass() {
				seen["died"]++
			}
			for _, d := range h.check(fmt.Sprint("seed ", seed, ", round ", round)) {
				if d.Stale {
					seen["stale"]++
				} else {
					seen["stitched"]++
				}
				if d.Totals {
					seen[fmt.Sprint("totals, stale: ", d.Stale)]++
				}
			}
			if h.seams > 0 {
				seen["midnights"]++
			}
		}
		if len(seen) < kinds {
			t.Errorf("seed %d: the history had %v", seed, seen)
		}
		h.pass()
		h.clean()
		h.check("after the old versions were removed")
		if got, want := len(h.versions()), h.s.Count(tenant.ID(h.tenant)); got != want || want == 0 {
			t.Errorf("the table holds %d versions of %d days", got, want)
		}
	}
}

// TestToday: the current day of who asks is stitched again some minutes after it got rows, and later if that takes long.
func TestToday(t *testing.T) {
	h := newHistory(t, "asks")
	event := func(i int) made {
		return made{Site: "s", At: h.now.Truncate(24 * time.Hour).Add(time.Duration(i) * time.Minute), Type: "pageview", Client: fmt.Sprint("c", i%7), Offset: i}
	}
	var first []made
	for i := range 100 {
		first = append(first, event(i))
	}
	h.commit(1, first...)
	h.check("of events")
	version := func(what string) (version uint64, stale bool) {
		t.Helper()
		h.pass()
		days := h.check(what)
		if len(days) != 1 {
			t.Fatalf("%s: %+v", what, days)
		}
		return days[0].Version, days[0].Stale
	}
	one, stale := version("first")
	if stale {
		t.Error("it is stale at once")
	}
	h.commit(1, event(100))
	if v, stale := version("at once"); v != one || !stale {
		t.Errorf("it is stitched again at once: version %d, then %d", one, v)
	}
	h.now = h.now.Add(5 * time.Minute)
	h.meant = func() { h.now = h.now.Add(time.Minute) } // so long it takes
	two, stale := version("five minutes later")
	if two == one || stale {
		t.Errorf("five minutes later: version %d, then %d, stale %v", one, two, stale)
	}
	h.meant = nil
	h.commit(1, event(101))
	h.now = h.now.Add(10 * time.Minute)
	if v, _ := version("while it took a minute"); v != two {
		t.Error("it is stitched more often than a twentieth of the time")
	}
	h.now = h.now.Add(10 * time.Minute)
	if v, stale := version("20 minutes later"); v == two || stale {
		t.Error("it is not stitched after 20 minutes")
	}
}

// TestCalm: a day that is over is stitched again when it has got nothing more for some minutes, if it had got many rows, as by an import.
func TestCalm(t *testing.T) {
	h := newHistory(t, "imports")
	n := 0
	commit := func(count int) {
		t.Helper()
		var events []made
		for range count {
			events = append(events, made{Site: "s", At: h.now.Truncate(24 * time.Hour).Add(time.Duration(n-2800) * time.Minute), Type: "pageview", Client: fmt.Sprint("c", n%7), Offset: n})
			n++
		}
		h.commit(1, events...)
	}
	look := func(after time.Duration) (uint64, bool) {
		t.Helper()
		h.now = h.now.Add(after)
		h.pass()
		days := h.check("after " + after.String())
		if len(days) != 1 {
			t.Fatalf("%+v", days)
		}
		return days[0].Version, days[0].Stale
	}
	commit(300)
	first, stale := look(0)
	if stale {
		t.Fatal("it is stale at once")
	}
	commit(3)
	for range 4 { // an import goes on
		if v, stale := look(4 * time.Minute); v != first || !stale {
			t.Fatalf("it is stitched again while it gets rows: version %d, then %d", first, v)
		}
		commit(1)
	}
	look(0)
	second, stale := look(5 * time.Minute)
	if second == first || stale {
		t.Errorf("five calm minutes later it is version %d as before, or stale: %v", second, stale)
	}
	commit(2)
	look(0)
	if v, _ := look(30 * time.Minute); v != second {
		t.Error("it is stitched again for a few late rows before the hour is over")
	}
	if v, stale := look(30 * time.Minute); v == second || stale {
		t.Error("it is not stitched again after an hour")
	}
}

// TestCrashes kills the stitcher between its steps: readers see the old version or the new one, and what is left is removed.
func TestCrashes(t *testing.T) {
	h := newHistory(t, "crashes")
	day := h.now.Truncate(24*time.Hour).AddDate(0, 0, -1)
	at := func(minutes int) made {
		return made{At: day.Add(time.Duration(minutes) * time.Minute), Site: "site", Type: "pageview", Client: "c", Path: "/", Offset: minutes}
	}
	h.commit(1, at(10), at(100))
	h.crash = "session-stitched"
	if !h.pass() {
		t.Fatal("it did not die")
	}
	if days := h.check("died before the switch"); len(days) != 0 || len(h.versions()) != 1 {
		t.Errorf("a version without a record is read: %v, there are %v", days, h.versions())
	}
	h.crash = "session-switched"
	switched := h.now
	if !h.pass() {
		t.Fatal("it did not die")
	}
	if days := h.check("died after the switch"); len(days) != 1 || days[0].Stale || len(h.versions()) != 2 {
		t.Errorf("a version with a record is not read: %v, there are %v", days, h.versions())
	}
	h.clean()
	if got := h.versions(); len(got) != 1 {
		t.Errorf("the version without a record stays: %v", got)
	}
	h.commit(2, at(40)) // it does not bridge, it joins the first
	if days := h.check("one late event"); len(days) != 1 || !days[0].Stale {
		t.Errorf("the day is not stale: %v", days)
	}
	h.commit(1, at(70)) // it bridges
	if days := h.check("half of the events are behind"); len(days) != 0 {
		t.Errorf("a version that is worth nothing is read: %v", days)
	}
	switched = switched.Add(time.Minute)
	h.now = switched
	h.pass()
	if days := h.check("it has grown by more than half"); len(days) != 1 || days[0].Stale {
		t.Errorf("it was not stitched again at once: %v", days)
	}
	h.commit(2, at(300))
	h.now = switched.Add(59 * time.Minute)
	h.pass()
	if days := h.check("before an hour"); len(days) != 1 || !days[0].Stale {
		t.Errorf("it was stitched again before its time: %v", days)
	}
	h.now = switched.Add(time.Hour)
	h.failing = "INSERT"
	h.pass()
	if days := h.check("while the engine refuses"); len(days) != 1 || !days[0].Stale {
		t.Errorf("a version that the engine refused is read: %v", days)
	}
	h.failing = ""
	h.pass()
	if days := h.check("an hour later"); len(days) != 1 || days[0].Stale {
		t.Errorf("it was not stitched again: %v", days)
	}
	h.timeout = time.Hour
	if days := h.check("with another timeout"); len(days) != 0 {
		t.Errorf("a version of another timeout is read: %v", days)
	}
	h.pass()
	if days := h.check("stitched under it"); len(days) != 1 {
		t.Errorf("it was not stitched for the new timeout: %v", days)
	}
	if err := h.s.Invalidate(context.Background(), tenant.ID(h.tenant), session.DayOf(day)); err != nil {
		t.Fatal(err)
	}
	h.restart()
	if days := h.check("invalidated"); len(days) != 0 {
		t.Errorf("an invalid day is read: %v", days)
	}
	h.pass()
	if n, err := h.s.Forget(context.Background(), tenant.ID(h.tenant)); err != nil || n != 1 {
		t.Errorf("forgot %d days, %v", n, err)
	}
	h.pass()
	if n := h.s.Count(tenant.ID(h.tenant)); n != 0 {
		t.Errorf("a tenant that is gone has %d days", n)
	}
	h.restart()
	if n := h.s.Count(tenant.ID(h.tenant)); n != 0 {
		t.Errorf("after a restart a tenant that is gone has %d days", n)
	}
	h.clean()
	if got := h.versions(); len(got) != 0 {
		t.Errorf("versions of a tenant that is gone stay: %v", got)
	}
}
