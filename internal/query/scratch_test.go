package query

import (
	"strings"
	"testing"

	"github.com/sqlc-dev/doubleclick/lexer"
)

// TestScratch: what a check leaves for the next one holds nothing of its statement, and is never large.
func TestScratch(t *testing.T) {
	g := NewGuard()
	for _, src := range []string{"SELECT 'secret' AS x, path FROM events", "SELECT 'secret'" + strings.Repeat(" + 1", 2*maxScratch)} {
		toks, clean, err := scan(src)
		if err != nil {
			t.Fatal(err)
		}
		s := newStatement(g.newView(acme, false), src, clean, toks)
		if err := s.sameTokens(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.tokenize(src)); n != len(toks)+1 {
			t.Fatalf("%d items of %d tokens", n, len(toks))
		}
		r := s.scratch
		s.free()
		if s.scratch != nil || s.items != nil {
			t.Error("the statement keeps what is the next one's")
		}
		for _, items := range [][]lexer.Item{r.clean, r.sent} {
			if len(items) != 0 || cap(items) > maxScratch {
				t.Errorf("%d items of %d stay", len(items), cap(items))
			}
			for _, it := range items[:cap(items)] {
				if it.Value != "" {
					t.Fatalf("%q stays", it.Value)
				}
			}
		}
	}
}

// TestScratchIsNotShared: checks side by side, of long and of short statements, say what each says alone.
func TestScratchIsNotShared(t *testing.T) {
	g := NewGuard()
	long := "SELECT 1" + strings.Repeat(" + 1", 300) + " AS n FROM events"
	all := []string{"SELECT ts, type FROM events LIMIT 3", long, "SELECT count() FROM acme.events AS events WHERE version() != ''", "EXPLAIN SELECT path FROM events", "SHOW TABLES"}
	want := map[string]string{}
	for _, src := range all {
		c, err := g.Check(src, acme.with(func(s *Scope) { s.Metadata = true }))
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		want[src] = c.SQL
	}
	done := make(chan string)
	for i := range 4 {
		go func() {
			for k := range 100 {
				src := all[(i+k)%len(all)]
				if c, err := g.Check(src, acme.with(func(s *Scope) { s.Metadata = true })); err != nil || c.SQL != want[src] {
					done <- src
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if src := <-done; src != "" {
			t.Errorf("%.80s came out otherwise", src)
		}
	}
}

// TestChanges: tokens are copied when one of them changes, and not before.
func TestChanges(t *testing.T) {
	from := []lexeme{{text: "a"}, {text: "b"}, {text: "c"}}
	same := changes{from: from}
	for i := range from {
		same.keep(i)
	}
	if got := same.all(); &got[0] != &from[0] {
		t.Error("tokens without a change were copied")
	}
	some := changes{from: from}
	some.keep(0)
	some.drop(1)
	some.put(lexeme{text: "x"})
	some.keep(2)
	got := some.all()
	if len(got) != 3 || got[0].text != "a" || got[1].text != "x" || got[2].text != "c" || from[1].text != "b" {
		t.Errorf("%v of %v", got, from)
	}
}
