package query

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/testkit"
	"weir/internal/token"
)

// isolation is how long TestIsolation mutates statements; make fuzz-isolation sets it.
var isolation = flag.Duration("isolation", 4*time.Second, "how long TestIsolation runs")

// adversary asks as acme, with one of the barriers off, and looks for what is another tenant's.
type adversary struct {
	t      testing.TB
	c      *clickhouse.Client
	guard  *Guard
	scopes []Scope
	counts map[string]int
}

func newAdversary(t testing.TB) *adversary {
	hashed := wide
	hashed.Properties = []event.Property{{Name: "plan", Kind: event.PropString}, {Name: "value", Kind: event.PropFloat}, {Name: "weir.events", Kind: event.PropInt}, {Name: "events", Kind: event.PropBool}}
	hashed.Masks = []catalog.Mask{{Column: "plan", Action: catalog.MaskHash}, {Column: "url", Action: catalog.MaskHide}}
	seen := hashed
	seen.Masks, seen.AsOf = nil, token.Token{{Partition: 0, Offset: 5}}
	hashed.Params = map[string]string{"x": "weir.events", "t": "weir", "type": "own1", "id": "own1"}
	return &adversary{t: t, c: engine(t), guard: NewGuard(), scopes: []Scope{hashed, seen, wide}, counts: map[string]int{}}
}

// settings bound what a statement may use: it need not end well.
func (a *adversary) settings() map[string]string {
	s := Config{MaxTime: time.Second, MaxMemory: 300 << 20, MaxResultRows: 100_000, MaxResult: 4 << 20, MaxThreads: 2}.withDefaults().settings()
	return s
}

// ask runs a statement with only the guard, or only the engine's barrier. Whatever can be read of the outcome is returned.
func (a *adversary) ask(only, sql string, scope Scope) (text string, ran bool) {
	st := clickhouse.Statement{SQL: sql, Params: withPositions(scope.Params), Settings: a.settings(), Format: "JSONCompact"}
	switch only {
	case "neither":
	case "guard":
		checked, err := a.guard.Check(sql, scope)
		if err != nil {
			var r *Refusal
			if !errors.As(err, &r) {
				a.t.Fatalf("%q: %v", sql, err)
			}
			return "", false // the guard has not seen any data
		}
		st.SQL = checked.SQL
	default:
		st.Tenant = string(scope.Tenant)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	res, err := a.c.Query(ctx, st)
	if err != nil {
		return err.Error(), false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return string(b) + err.Error(), false
	}
	return string(b), true
}

var (
	foreignText   = regexp.MustCompile(`(?i)` + canary + `|root:[x*]:|s3cr3t|98765[45]\d{3}`)
	foreignMore   = regexp.MustCompile(`\b(1238|2238|1242|2242|1302|1309|1314)\b`) // each of them and one more
	foreignDigits = regexp.MustCompile(`\b(1237|2237|1241|2241|1301|1308|1313)\b`)
)

// try runs a statement and reports whether it showed something.
func (a *adversary) try(only, sql string, scope Scope) (leak string) {
	text, ran := a.ask(only, sql, scope)
	key := only + ": refused or failed"
	if ran {
		key = only + ": ran"
	}
	a.counts[key]++
	if hit := foreignText.FindString(text); hit != "" && !foreignText.MatchString(sql) && !(hit == secret && strings.Contains(sql, "r3t")) {
		return fmt.Sprintf("only the %s: %q shows %q: %.400s", only, sql, hit, text)
	}
	data, _, _ := strings.Cut(text, `"statistics"`)
	if !ran || !foreignDigits.MatchString(data) || foreignDigits.MatchString(sql) {
		return ""
	}
	// The number of another's rows, or chance: with one more row it changes, or not.
	a.counts["counts looked at twice"]++
	testkit.Exec(a.t, a.c, "INSERT INTO weir.events (tenant, ts, path) SELECT 'victim', '2001-01-01 00:00:00', '"+canary+"'")
	testkit.Exec(a.t, a.c, "INSERT INTO weir.lookups (tenant, lookup, version, _row, texts) SELECT 'victim', 'stores', 17, 999999, ['"+canary+"']")
	testkit.Exec(a.t, a.c, "INSERT INTO weir.sessions (tenant, start_time, visitor, _version) SELECT 'victim', '2001-01-01 00:00:00', '"+canary+"', 5")
	again, _ := a.ask(only, sql, scope)
	testkit.Exec(a.t, a.c, "ALTER TABLE weir.sessions DROP PARTITION 20010101")
	testkit.Exec(a.t, a.c, "ALTER TABLE weir.events DROP PARTITION 20010101")
	for _, sql := range []string{"SYSTEM START MERGES weir.lookups", "ALTER TABLE weir.lookups DELETE WHERE _row = 999999 SETTINGS mutations_sync = 1", "SYSTEM STOP MERGES weir.lookups"} {
		testkit.Exec(a.t, a.c, sql)
	}
	after, _, _ := strings.Cut(again, `"statistics"`)
	before := foreignMore.FindAllString(data, -1)
	for _, n := range foreignMore.FindAllString(after, -1) {
		if !slices.Contains(before, n) { // a tree with more than a thousand numbered nodes has them all
			return fmt.Sprintf("only the %s: %q counts another's rows: %.400s, then %s in %.400s", only, sql, data, n, after)
		}
	}
	return ""
}

// corpus is every statement that the tests know.
func corpus(t testing.TB) []string {
	all := hostile()
	for _, f := range []string{"allowed.sql", "metadata.sql", "hostile.sql", "adversary.sql", "adversary_lookups.sql", "adversary_sessions.sql", "lookups.sql", "masks.sql", "sessions.sql"} {
		all = append(all, statements(t, f)...)
	}
	return all
}

// good are the statements that are allowed.
func good(t testing.TB) []string {
	var all []string
	for _, f := range []string{"allowed.sql", "metadata.sql", "lookups.sql", "masks.sql", "sessions.sql"} {
		all = append(all, statements(t, f)...)
	}
	return all
}

// waits are functions that only cost time.
var waits = regexp.MustCompile(`(?i)sleep`)

// TestAdversary runs every hostile statement in every scope, with one of the barriers off.
func TestAdversary(t *testing.T) {
	a := newAdversary(t)
	own := append(append(statements(t, "adversary.sql"), statements(t, "adversary_lookups.sql")...), statements(t, "adversary_sessions.sql")...)
	distinct := map[string]bool{}
	for _, q := range append(append(own, statements(t, "hostile.sql")...), hostile()...) {
		distinct[q] = true
	}
	if len(distinct) < 600 {
		t.Errorf("%d distinct hostile statements, want 600", len(distinct))
	}
	for _, only := range []string{"guard", "engine"} {
		n := 0
		for q := range distinct {
			if n++; testing.Short() && n%8 != 0 { // at random, as the map comes
				continue
			}
			if waits.MatchString(q) || only == "engine" && len(q) > 20_000 {
				continue
			}
			for i, scope := range a.scopes {
				if only == "engine" && i > 0 {
					break // the engine knows nothing of masks and tokens
				}
				if leak := a.try(only, q, scope); leak != "" {
					t.Error(leak)
				}
			}
		}
	}
	t.Logf("%d statements: %v", len(distinct), a.counts)
	a.unchanged()
}

// TestAdversarySees makes sure that what it looks for would be seen: with both barriers off, it is.
func TestAdversarySees(t *testing.T) {
	a := newAdversary(t)
	for _, sql := range []string{"SELECT * FROM weir.events", "SELECT path FROM weir.events WHERE tenant = 'victim' LIMIT 1", "SELECT count() FROM weir.events", "SELECT count() FROM weir.lookups WHERE lookup = 'stores' AND tenant IN ('victim', 'acme') AND version = 17", "SELECT countIf(tenant = 'victim') FROM weir.events",
		"SELECT toUInt8(path) FROM weir.events WHERE tenant = 'victim'", "SELECT max(props_num['value']) FROM weir.events", "SELECT file('/etc/passwd')", "SELECT * FROM mergeTreeIndex('weir', 'events')",
		"EXPLAIN QUERY TREE WITH (SELECT max(path) FROM weir.events WHERE tenant = 'victim') AS x SELECT x", "SELECT * FROM weir.rollup_minute_4", "SELECT city FROM weir.events WHERE tenant = 'typed'",
		"SELECT * FROM weir.sessions", "SELECT sum(events) FROM weir.sessions WHERE tenant = 'victim' AND _version = 5 GROUP BY visitor", "SELECT count() FROM weir.sessions WHERE tenant = 'victim'",
		"SELECT * FROM weir.lookups", "SELECT ints[1] FROM weir.lookups WHERE lookup = 'stores' AND version = 17", "SELECT toUInt8(assumeNotNull(texts[1])) FROM weir.lookups WHERE tenant = 'victim'"} {
		if a.try("neither", sql, wide) == "" {
			t.Errorf("%s: nothing is seen", sql)
		}
	}
	a.unchanged()
}

// unchanged makes sure that nothing was written.
func (a *adversary) unchanged() {
	if n := testkit.Rows(a.t, a.c, "SELECT count() FROM weir.events"); n[0] != "2241" {
		a.t.Errorf("weir.events has %s rows", n[0])
	}
	if n := testkit.Rows(a.t, a.c, "SELECT count() FROM weir.lookups"); n[0] != lookupRows {
		a.t.Errorf("weir.lookups has %s rows", n[0])
	}
	if n := testkit.Rows(a.t, a.c, "SELECT count() FROM weir.sessions"); n[0] != sessionRows {
		a.t.Errorf("weir.sessions has %s rows", n[0])
	}
}

// TestIsolation mutates statements for a while, half of the time with each barrier off. It prints what it did; a failure names the seed.
func TestIsolation(t *testing.T) {
	a := newAdversary(t)
	seed := uint64(time.Now().UnixNano())
	m := newMutator(rand.New(rand.NewPCG(seed, 1)), corpus(t), good(t))
	start := time.Now()
	leaks := 0
	for _, only := range []string{"guard", "engine"} {
		for begin := time.Now(); time.Since(begin) < *isolation/2 && leaks < 10; {
			sql := m.statement(only == "engine")
			if waits.MatchString(sql) {
				continue
			}
			if leak := a.try(only, sql, a.scopes[m.r.IntN(len(a.scopes))]); leak != "" {
				leaks++
				t.Errorf("seed %d: %s", seed, leak)
			}
		}
	}
	t.Logf("seed %d, %v: %v, %d leaks", seed, time.Since(start).Round(time.Second), a.counts, leaks)
	a.unchanged()
}

// FuzzIsolation is the same, led by coverage of the guard: the bytes choose the mutations.
func FuzzIsolation(f *testing.F) {
	for i := range uint64(20) {
		f.Add(i, false)
		f.Add(i, true)
	}
	all, allowed := corpus(f), good(f)
	f.Fuzz(func(t *testing.T, seed uint64, engineOnly bool) {
		a := newAdversary(t)
		sql := newMutator(rand.New(rand.NewPCG(seed, 2)), all, allowed).statement(engineOnly)
		if waits.MatchString(sql) {
			return
		}
		only := "guard"
		if engineOnly {
			only = "engine"
		}
		if leak := a.try(only, sql, a.scopes[seed%uint64(len(a.scopes))]); leak != "" {
			t.Error(leak)
		}
	})
}
