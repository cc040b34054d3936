package embedded

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
)

func TestThreadsThatEnd(t *testing.T) {
	const ms = time.Millisecond
	var c threadCPUs
	c.seen, c.sums = map[string]thread{}, map[string]time.Duration{}
	c.advance(map[string]thread{"1": {ThreadsStatement, 10 * ms}, "2": {ThreadsMerge, 5 * ms}}, 16*ms)
	want := map[string]time.Duration{ThreadsStatement: 10 * ms, ThreadsMerge: 5 * ms}
	if d := cmp.Diff(want, c.sums); d != "" {
		t.Error("what no thread shows while none has ended stays unexplained", d)
	}
	// Thread 2 used 7 ms more and ended; its number is given to a thread that runs statements.
	c.advance(map[string]thread{"1": {ThreadsStatement, 20 * ms}, "2": {ThreadsStatement, 1 * ms}}, 33*ms)
	want = map[string]time.Duration{ThreadsStatement: 21 * ms, ThreadsMerge: 12 * ms}
	if d := cmp.Diff(want, c.sums); d != "" {
		t.Error(d)
	}
}

func TestStatementCPUSince(t *testing.T) {
	var s statementCPU
	s.add("query/a", 1)
	s.add("query/b", 2)
	got, cursor := s.since(0)
	if d := cmp.Diff(map[string]time.Duration{"query/a": 1, "query/b": 2}, got); d != "" {
		t.Error(d)
	}
	s.add("query/a", 4)
	if got, cursor = s.since(cursor); len(got) != 1 || got["query/a"] != 5 {
		t.Errorf("%v, want only what changed, as a sum", got)
	}
	if got, _ = s.since(cursor); len(got) != 0 {
		t.Errorf("%v, want nothing", got)
	}
	for i := range maxComments + 5 {
		s.add("query/"+strings.Repeat("x", i%100)+string(rune('a'+i%26))+time.Duration(i).String(), 1)
	}
	if len(s.sums) > maxComments+1 {
		t.Errorf("%d comments are kept, want at most %d", len(s.sums), maxComments+1)
	}
}

// The threads' CPU is the process's, and the statements' is most of what their threads used.
func TestUsageAddsUp(t *testing.T) {
	e := startEngine(t, testConfig(t))
	before, err := e.UsageSince(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: "SELECT sum(cityHash64(number)) FROM numbers(30000000)", Comment: "query/acme"}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := e.UsageSince(ctx, before.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	cpu := after.CPU - before.CPU
	var threads time.Duration
	for class, d := range after.Threads {
		threads += d - before.Threads[class]
	}
	statement := after.Statements["query/acme"]
	of := after.Threads[ThreadsStatement] - before.Threads[ThreadsStatement]
	t.Logf("process %v, threads %v (%.2f%%), statement threads %v, charged %v (%.1f%%)", cpu, threads, 100*float64(threads)/float64(cpu), of, statement, 100*float64(statement)/float64(of))
	if off := (cpu - threads).Abs(); off > cpu/100 {
		t.Errorf("threads used %v, the process %v", threads, cpu)
	}
	if statement < of*8/10 || statement > of*11/10 {
		t.Errorf("statements are charged %v, their threads used %v", statement, of)
	}
}
