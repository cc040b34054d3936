package embedded

import (
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// TestParseListing: a statement is found by its connection's mark, whatever values its settings have, as the engine itself prints them.
func TestParseListing(t *testing.T) {
	e := startEngine(t, testConfig(t))
	out, _, err := ask(e.Client(), clickhouse.Statement{Format: "TSV", SQL: `SELECT map('format_csv_null_representation', '\',\'log_comment\':\'weir/1\',\'', 'log_comment', 'weir/7', 'z', '\'log_comment\':\'weir/2\t\n'),
		map('Query', 1, 'UserTimeMicroseconds', 1200, 'SystemTimeMicroseconds', 300), toInt64(5), 6, 7, 8 UNION ALL SELECT map('log_comment', 'weir/9'), map('Query', 1), toInt64(-5), 1, 1, 1 ORDER BY 4 DESC`})
	if err != nil {
		t.Fatal(err)
	}
	got := parseListing([]byte(out))
	if want := (listed{cpu: 1500 * time.Microsecond, peakMemory: 5, readRows: 6, readBytes: 7, total: 8}); len(got) != 2 || got["weir/7"] != want {
		t.Errorf("%q: %+v", out, got)
	}
	if want := (listed{readRows: 1, readBytes: 1, total: 1}); got["weir/9"] != want {
		t.Errorf("%q: %+v", out, got)
	}
}

// TestLooksAreShared: who asks while a look is under way gets the next one, together with all who do.
func TestLooksAreShared(t *testing.T) {
	l := &listing{pool: &sessions{base: []string{"\x00"}}} // no connection can be made
	ask := func() <-chan *look {
		got := make(chan *look, 1)
		go func() { got <- l.look() }()
		return got
	}
	soon := func(what string, is func() bool) {
		t.Helper()
		for until := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				t.Fatal(what)
			}
		}
	}
	waits := func() *look {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.next
	}
	l.pool.mu.Lock() // where a look waits for a connection
	first := ask()
	soon("no look began", func() bool {
		if l.turn.TryLock() {
			l.turn.Unlock()
			return false
		}
		return waits() == nil
	})
	called := time.Now()
	second := ask()
	soon("no look waits", func() bool { return waits() != nil })
	third := ask()
	time.Sleep(20 * time.Millisecond)
	l.pool.mu.Unlock()
	a, b, c := <-first, <-second, <-third
	if a == b || b != c {
		t.Errorf("looks %p, %p, %p: the second and the third are to be one", a, b, c)
	}
	if b.begin.Before(called) {
		t.Error("a look that was under way was taken for one that came after the call")
	}
}
