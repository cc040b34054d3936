package embedded

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// Short statements that run alone are charged all that they use, also those that are not looked at.
func TestShortStatementsAreCharged(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()
	const n, rows = 80, 100_000
	st := clickhouse.Statement{Tenant: "acme", Comment: "query/acme", Settings: map[string]string{"max_threads": "2"},
		SQL: "SELECT uniqExact(sipHash64(number, 7, 8)) FROM numbers_mt(100000)"}
	before, err := e.Usage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var sum time.Duration
	known, long := 0, 0
	for i := range n {
		_, s := one(t, c, st)
		sum += s.CPU
		if s.ReadRows != clickhouse.RowsTold(rows) {
			t.Errorf("%d. %d rows were read, want %d", i, s.ReadRows, rows)
		}
		if s.Elapsed < sampleAfter || s.PeakMemory > 1<<20 && s.PeakMemory < 1<<30 {
			known++
		}
		if s.Elapsed >= quietFor {
			long++
		}
	}
	after, err := e.Usage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	used := after.CPU - before.CPU
	t.Logf("charged %v of the %v that the process used, memory known of %d of %d, %d took longer than %v", sum, used, known, n, long, quietFor)
	if sum < used*6/10 || sum > used*21/20 {
		t.Errorf("charged %v of the %v that the process used", sum, used)
	}
	if known < n-5 {
		t.Errorf("of %d statements only %d have the memory that such a one takes", n, known)
	}
}

func TestUnlooked(t *testing.T) {
	s := &server{}
	s.solos.threads = &s.threads
	begin := func(quiet bool) *call {
		c := &call{server: s, req: &request{comment: "query/acme"}, quiet: quiet}
		s.solos.begin(c)
		return c
	}
	if s.statements.mayBeQuiet("query/acme") {
		t.Error("of the first statement nothing is known")
	}
	s.statements.learnMemory("query/acme", 100) // before anything was charged: nothing to keep it with
	s.statements.add("query/acme", 1)
	s.statements.learnMemory("query/acme", 1000)
	s.statements.learnMemory("query/acme", 2000)
	if got := s.statements.memory("query/acme"); got != 1200 {
		t.Errorf("memory %d, want 1200", got)
	}
	quiet := 0
	for range 1600 {
		if s.statements.mayBeQuiet("query/acme") {
			quiet++
		}
		if s.statements.mayBeQuiet("query/other") {
			t.Fatal("nothing is known of the other tenant's")
		}
	}
	if quiet < 1400 || quiet > 1580 {
		t.Errorf("%d of 1600 are not looked at, want about 1500", quiet)
	}

	a := begin(true)
	if !a.unlooked(50*time.Millisecond) || a.unlooked(quietFor) {
		t.Error("a short one alone is not looked at, a long one is")
	}
	b := begin(true)
	if a.unlooked(0) || b.unlooked(0) {
		t.Error("two at a time are looked at")
	}
	s.solos.end(b, 0)
	if a.unlooked(0) {
		t.Error("one that was not alone is looked at")
	}
	s.solos.end(a, 0)
	if c := begin(false); c.unlooked(0) {
		t.Error("one that is to be looked at is not")
	}
}

// What was not looked at teaches nothing about how much a look leaves out.
func TestExactTeachesNothing(t *testing.T) {
	s := &server{}
	s.solos.threads = &s.threads
	c := &call{server: s, req: &request{comment: "query/acme"}, exact: true}
	s.solos.begin(c)
	for until := time.Now().Add(time.Minute); s.threads.statements()-c.from < 5*time.Millisecond && time.Now().Before(until); { // a busy machine may not give it a moment at once
	}
	if s.solos.end(c, time.Nanosecond); s.statements.all() < time.Millisecond {
		t.Errorf("charged %v, want what the process used", s.statements.all())
	}
	if f := s.solos.factors["query"]; f.known != priorWeight {
		t.Errorf("learned %+v", f)
	}
}

// An answer of many small pieces is not looked at after each of them: a look takes longer than such a piece.
func TestManyPiecesFewLooks(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()
	const parts = 60
	mustExec(t, c, "CREATE DATABASE IF NOT EXISTS weir")
	mustExec(t, c, "CREATE TABLE weir.pieces (n UInt32) ENGINE = MergeTree ORDER BY n PARTITION BY n")
	mustExec(t, c, "INSERT INTO weir.pieces SELECT number FROM numbers(60) SETTINGS max_partitions_per_insert_block = 0")
	queries := func() int {
		out, _ := one(t, c, clickhouse.Statement{SQL: "SELECT value FROM system.events WHERE event = 'Query'", Format: "TSV"})
		n, err := strconv.Atoi(strings.TrimSpace(out))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := queries()
	out, s := one(t, c, clickhouse.Statement{SQL: "SELECT n FROM weir.pieces", Format: "TSV", Settings: map[string]string{"max_threads": "1"}})
	if n := strings.Count(out, "\n"); n != parts || s.ReadRows == 0 || s.ReadRows > parts || s.CPU == 0 {
		t.Errorf("%d rows, %+v", n, s)
	}
	if looks := queries() - before - 2; looks > parts/3 {
		t.Errorf("%d looks at an answer of %d pieces in %v", looks, parts, s.Elapsed)
	} else {
		t.Logf("%d looks at an answer of %d pieces in %v", looks, parts, s.Elapsed)
	}
}
