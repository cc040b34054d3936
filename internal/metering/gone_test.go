package metering

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/usage"
)

func TestLedgerForgets(t *testing.T) {
	l := newLedger(t)
	now := time.Unix(1_000_000*3600, 0)
	for _, id := range []tenant.ID{"a", "a-b", "ab", "b"} {
		must(t, l.Add(Key{Tenant: id, Hour: hourOf(now), Kind: usage.KindQuery, Shape: "x"}, Amounts{CPU: 1}))
		must(t, l.PutNotice(noticeKey(id, "2026-06", 50, 7), []byte(`{}`)))
	}
	must(t, l.NoteTexts(now, func(tenant.ID, string) string { return "SELECT ?" }))
	must(t, l.Flush(now, true))
	if rows, bytes, err := l.RowsOf("a", false); err != nil || rows != 3 || bytes == 0 {
		t.Errorf("%d rows, %d bytes, %v: want a row, a notice and a text", rows, bytes, err)
	}
	must(t, l.Forget("a"))
	if rows, _, err := l.RowsOf("a", false); err != nil || rows != 0 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
	if len(rowsOf(t, l, "a", false)) != 0 || len(rowsOf(t, l, "", true)) != 3 {
		t.Errorf("left: %v", rowsOf(t, l, "", true))
	}
	if l.Forget("") == nil || l.Keep("") == nil {
		t.Error("the installation can be forgotten")
	}
}

// What is still under way when a tenant is forgotten is charged to nobody, and no row of it comes back: not in this process and not in the next.
func TestForgottenStaysForgotten(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs)
	now := time.Date(2026, 6, 15, 10, 30, 0, 0, time.UTC)
	open := func() *Meter {
		m, err := New(Config{DB: db, Engine: &fakeEngine{generation: 1}, Now: func() time.Time { return now }})
		must(t, err)
		return m
	}
	m := open()
	query := usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a", User: "u", Shape: "x"}, CPU: time.Second, BytesOut: 7, Count: 1}
	work := func() {
		m.Record(query)
		m.charged(t, window{sampled: true, cpu: 3, parts: map[part]float64{{component: usage.Query, tenant: "a"}: 1, {component: partHTTP}: 2}},
			&engineWindow{cpu: 4, statement: 4, statements: map[string]float64{"query/a": 4}})
	}
	work()
	m.Record(query)
	must(t, m.Forget(context.Background(), "a"))
	for restart := range 2 {
		work()
		got, all := sums(t, m)
		if n := len(rowsOf(t, m.ledger, "a", false)); n != 0 {
			t.Errorf("restart %d: %d rows have come back: %v", restart, n, got)
		}
		if !near(got[overheadDeleted], 7*float64(restart+1)) || !near(all, got[overheadDeleted]) {
			t.Errorf("restart %d: %v: what it still used is not charged as overhead", restart, got)
		}
		if restart == 0 {
			must(t, m.ledger.Flush(now, true))
			must(t, m.Close())
			must(t, db.Close())
			db = openDB(t, fs)
			m = open()
		}
	}
	must(t, m.Close())
	must(t, db.Close())
}

// Kept billing figures are what was billed, to the hour, kind and source, and say nothing of users and queries.
func TestKeptBillStaysTheSame(t *testing.T) {
	m, _ := newMeter(t, func(c *Config) {
		c.Budget = func(t tenant.ID) (catalog.Budget, bool) { return catalog.Budget{Amount: 1e-9}, t == "a" }
		c.ShapeText = func(tenant.ID, string) string { return "SELECT secret_column" }
	})
	work := func(id tenant.ID) {
		for i := range 5 {
			m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: id, Source: fmt.Sprint("s", i%2), User: fmt.Sprint("u", i), Shape: "x"}, BytesOut: 7, BytesScanned: 1e9, Count: 1})
		}
		c := m.charged(t, window{sampled: true, cpu: 3, parts: map[part]float64{{component: usage.Query, tenant: id}: 3}}, nil)
		must(t, m.noteTexts(m.cfg.Now()))
		m.budgets.look(m.cfg.Now(), c.touched)
	}
	work("a")
	work("b")
	before, err := m.bill("a", false, m.cfg.Now().Add(-time.Hour), m.cfg.Now(), []dimension{byHour, byKind, bySource})
	must(t, err)
	if n, _, err := m.RowsOf("a", true); err != nil || n != 5+3+1 {
		t.Errorf("%d rows name users and queries, %v", n, err)
	}
	for range 2 { // it can be repeated
		must(t, m.Keep(context.Background(), "a"))
	}
	if n, _, err := m.RowsOf("a", true); err != nil || n != 0 || !m.Kept("a") || m.Kept("b") {
		t.Errorf("%d rows still name users and queries, %v; kept: %v", n, err, m.Kept("a"))
	}
	after, err := m.bill("a", false, m.cfg.Now().Add(-time.Hour), m.cfg.Now(), []dimension{byHour, byKind, bySource})
	must(t, err)
	if len(after.Lines) != len(before.Lines) || after.Total.Amount == 0 || !near(after.Total.Amount, before.Total.Amount) || !near(after.Total.CPU, before.Total.CPU) {
		t.Errorf("the bill was %+v and is %+v", before, after)
	}
	for i := range after.Lines {
		if !near(after.Lines[i].Amount, before.Lines[i].Amount) || after.Lines[i].Source != before.Lines[i].Source {
			t.Errorf("line %d was %+v and is %+v", i, before.Lines[i], after.Lines[i])
		}
	}
	work("a") // what was under way is still billed
	for k, a := range rowsOf(t, m.ledger, "a", false) {
		if k.User != "" || k.Shape != "" {
			t.Errorf("a row names a user or a query again: %+v %+v", k, a)
		}
	}
	last, err := m.bill("a", false, m.cfg.Now().Add(-time.Hour), m.cfg.Now(), nil)
	must(t, err)
	if !near(last.Total.CPU, 2*before.Total.CPU) {
		t.Errorf("CPU %v, want %v", last.Total.CPU, 2*before.Total.CPU)
	}
	must(t, m.Forget(context.Background(), "a"))
	if n := len(rowsOf(t, m.ledger, "a", false)); n != 0 || m.Kept("a") {
		t.Errorf("%d rows are left after all", n)
	}
	if n, _, err := m.RowsOf("b", false); err != nil || n != 5+1 { // it has no budget
		t.Errorf("of another tenant %d rows are left, %v", n, err)
	}
}

// While others are charged all the time, and wherever the power is cut, keeping neither loses nor doubles what was billed.
func TestKeepSurvivesPowerCuts(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewCrashableMem()
		db := openDB(t, fs)
		l := onDB(t, db)
		now := time.Unix(1_000_000*3600, 0)
		want := 0.0
		for i := range 200 {
			must(t, l.Add(Key{Tenant: "a", Hour: hourOf(now) - uint32(i%7), Kind: usage.KindQuery, User: fmt.Sprint(rng.IntN(9))}, Amounts{CPU: 1}))
			want++
		}
		must(t, l.Flush(now, true))
		var clone *vfs.MemFS
		var cut sync.WaitGroup
		cut.Go(func() { clone = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}) })
		must(t, l.Keep("a"))
		cut.Wait()
		must(t, db.Close())
		db = openDB(t, clone)
		l = onDB(t, db)
		for round := range 2 {
			got := 0.0
			for k, a := range rowsOf(t, l, "a", false) {
				got += a.CPU
				if round > 0 && k.User != "" {
					t.Errorf("seed %d: %+v", seed, k)
				}
			}
			if got != want {
				t.Fatalf("seed %d: the sum is %v, want %v", seed, got, want)
			}
			must(t, l.Keep("a"))
		}
		must(t, db.Close())
	}
}

// What is charged while rows are being made coarser stands in memory, in the very rows that they are added to.
func TestCoarserRowsInMemory(t *testing.T) {
	l := newLedger(t)
	now := time.Unix(1_000_000*3600, 0)
	k := Key{Tenant: "a", Hour: hourOf(now), Kind: usage.KindQuery, User: "u"}
	must(t, l.Add(k, Amounts{CPU: 1}))
	must(t, l.Flush(now, true))
	must(t, l.leave("a", kept)) // Keep begins
	must(t, l.Add(k, Amounts{CPU: 10}))
	must(t, l.coarsen("a"))
	must(t, l.Add(k, Amounts{CPU: 100}))
	must(t, l.Flush(now, true))
	k.User = ""
	if got := rowsOf(t, l, "a", false); len(got) != 1 || got[k].CPU != 111 {
		t.Errorf("%v, want 111 in one row", got)
	}
}

func TestKeepWhileCharged(t *testing.T) {
	l := newLedger(t)
	now := time.Unix(1_000_000*3600, 0)
	const writers, each = 4, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				must(t, l.Add(Key{Tenant: "a", Hour: hourOf(now) - uint32(i%3), Kind: usage.KindQuery, User: fmt.Sprint(w, i%5)}, Amounts{CPU: 1}))
				if i%50 == 0 {
					must(t, l.Flush(now, false))
				}
			}
		})
	}
	must(t, l.Keep("a"))
	wg.Wait()
	must(t, l.Keep("a"))
	sum := 0.0
	for k, a := range rowsOf(t, l, "a", false) {
		sum += a.CPU
		if k.User != "" {
			t.Errorf("%+v", k)
		}
	}
	if sum != writers*each {
		t.Errorf("the sum is %v, want %v", sum, writers*each)
	}
}

// Whoever comes after the end is told so. It was a panic of the closed store.
func TestUseAfterClose(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	m, err := New(Config{DB: db, Engine: &fakeEngine{generation: 1}, Budget: func(tenant.ID) (catalog.Budget, bool) { return catalog.Budget{Amount: 1}, true }})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a"}, Count: 1})
	must(t, m.Close())
	must(t, m.Close())
	must(t, db.Close())
	m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a"}, Count: 1})
	if _, ok := m.BudgetState("a"); ok {
		t.Error("a budget can be told without a ledger")
	}
	now := m.cfg.Now()
	view, err := m.ledger.View("a")
	errs := map[string]error{"view": err, "tick": m.tick(ctx, false), "forget": m.Forget(ctx, "a"), "keep": m.Keep(ctx, "a"), "flush": m.ledger.Flush(now, true),
		"notice": m.ledger.PutNotice([]byte("b"), nil), "notices": m.ledger.Notices(nil), "add": m.ledger.Add(Key{}, Amounts{})}
	if view != nil {
		t.Error("there is a view")
	}
	_, errs["bill"] = m.bill("", true, now, now, nil)
	_, errs["compact"] = m.ledger.Compact(now)
	_, errs["prices"] = m.ledger.Prices()
	_, errs["set prices"] = m.ledger.SetPrices(DefaultBook(), now)
	_, errs["text"] = m.ledger.Text("a", "x")
	_, _, errs["rows"] = m.ledger.RowsOf("a", false)
	for what, err := range errs {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

// Queries can be read in a bill after a restart.
func TestTextsSurviveRestarts(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs)
	now := time.Date(2026, 6, 15, 10, 30, 0, 0, time.UTC)
	known := "SELECT count ( ) FROM events WHERE x = ?" + strings.Repeat("é", maxText)
	open := func(textOf func(tenant.ID, string) string) *Meter {
		m, err := New(Config{DB: db, Now: func() time.Time { return now }, ShapeText: textOf})
		must(t, err)
		return m
	}
	m := open(func(id tenant.ID, shape string) string { return map[string]string{"x": known}[shape] })
	for _, shape := range []string{"x", "y"} {
		m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a", Shape: shape}, Count: 1})
	}
	must(t, m.tick(context.Background(), false))
	must(t, m.Close())
	must(t, db.Close())
	db = openDB(t, fs)
	m = open(func(tenant.ID, string) string { return "" })
	texts := func() map[string]string {
		b, err := m.bill("a", false, now.Add(-100*24*time.Hour), now.Add(time.Hour), []dimension{byShape})
		must(t, err)
		must(t, m.addTexts(b.Lines))
		out := map[string]string{}
		for _, l := range b.Lines {
			out[l.Shape] = l.ShapeText
		}
		return out
	}
	if got := texts(); len(got["x"]) < maxText-2 || !strings.HasPrefix(known, got["x"]) || got["y"] != "" {
		t.Errorf("after a restart: %q", got)
	}
	// It is kept as long as it is asked, and 90 days.
	now = now.Add(60 * 24 * time.Hour)
	m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: "a", Shape: "x"}, Count: 1})
	must(t, m.tick(context.Background(), false))
	now = now.Add(60 * 24 * time.Hour)
	_, err := m.ledger.Compact(now)
	must(t, err)
	if text, err := m.ledger.Text("a", "x"); err != nil || text == "" || texts()["x"] != text {
		t.Errorf("60 days later: %v, %q", err, texts())
	}
	now = now.Add(60 * 24 * time.Hour)
	_, err = m.ledger.Compact(now)
	must(t, err)
	if text, err := m.ledger.Text("a", "x"); err != nil || text != "" {
		t.Errorf("120 days later: %v, %q", err, text)
	}
	must(t, m.Close())
	must(t, db.Close())
}

// However many different texts a tenant asks, so much is kept of it and no more.
func TestTextsAreBounded(t *testing.T) {
	l := newLedger(t)
	l.maxRows = 10 * maxTexts
	now := time.Unix(1_000_000*3600, 0)
	for round := range 3 {
		for i := range maxTexts {
			must(t, l.Add(Key{Tenant: "a", Hour: hourOf(now), Kind: usage.KindQuery, Shape: fmt.Sprint(round, "-", i)}, Amounts{Count: 1}))
		}
		must(t, l.NoteTexts(now, func(tenant.ID, string) string { return "SELECT" }))
	}
	if n, ok := l.texts["a"]; !ok || n != maxTexts || len(l.fresh) != 0 {
		t.Errorf("%d texts, %d wait", n, len(l.fresh))
	}
	rows, _, err := l.RowsOf("a", false)
	if must(t, err); rows != 3*maxTexts+maxTexts {
		t.Errorf("%d rows and texts", rows)
	}
}
