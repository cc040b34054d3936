package session_test

import (
	"fmt"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"weir/internal/session"
)

// TestGrowing lets a day that is stitched get rows of every kind: the sessions are those of the plain program, and only who got a row that is not later than all of theirs is made anew.
func TestGrowing(t *testing.T) {
	h := newHistory(t, "growing")
	begin := h.now.Truncate(24 * time.Hour)
	n := 0
	at := func(client string, minutes ...int) (out []made) {
		for _, m := range minutes {
			n++
			out = append(out, made{At: begin.Add(time.Duration(m) * time.Minute), Site: "site", Type: "pageview", Client: client, Path: fmt.Sprint("/", m), Country: fmt.Sprint("C", m), Offset: n})
		}
		return out
	}
	for _, c := range []string{"joined", "apart", "early", "inside", "between", "tie", "none", "other's"} {
		h.commit(1, at(c, 300, 320, 400, 420, 440, 600, 610)...)
	}
	for i := range 10 { // the current day must have some rows to be stitched
		h.commit(1, at(fmt.Sprint("f", i), 30, 31, 32, 33, 34, 35)...)
	}
	h.check("of events") // who asks has the current day stitched
	h.pass()
	if days := h.check("stitched"); len(days) != 1 || days[0].Stale {
		t.Fatalf("days %+v", days)
	}
	want := map[string]bool{}
	step := func(name string, anew bool, minutes ...int) {
		t.Helper()
		h.commit(1, at(name, minutes...)...)
		if anew {
			want[name] = true
		}
		days := h.check(name) // compares while the day grows, too
		main, late := h.Committed()
		q := session.Query{Timeout: h.timeout}
		got, n, _ := askedGrowing(t, h.c, q, h.tenant, begin, begin.AddDate(0, 0, 1), days, days[0], main, late, "site")
		if d := diff.Diff(oracle(h.events, h.timeout), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if n != len(want) {
			t.Errorf("%s: %d visitors are made anew, want %d", name, n, len(want))
		}
	}
	step("joined", false, 639)         // within the timeout of the last run
	step("new", false, 640, 650, 700)  // was not there before
	step("apart", false, 641, 700)     // behind the timeout
	step("tie", true, 610, 640)        // at the very end of the last run
	step("inside", true, 430)          // within a run, the ones before it stay
	step("between", true, 500)         // between two runs
	step("early", true, 100)           // before all
	step("new", false, 10)             // of a visitor without a run any row is later
	step("inside", true, 700)          // and goes on
	h.commit(2, at("other's", 645)...) // by the other writer
	step("other's", false, 646)
}
