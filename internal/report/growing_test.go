package report

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/session"
)

// TestGrowing: the last day that got rows is looked at, and read while it grows unless too many visitors had to be made anew; a day whose totals are read is not.
func TestGrowing(t *testing.T) {
	today := session.DayOf(noon)
	stale := session.Stitched{Day: today, Version: 77, Stale: true, Main: 3}
	past := session.Stitched{Day: today - 1, Version: 76, Stale: true, Main: 2, Totals: true}
	fresh := session.Stitched{Day: today, Version: 78}
	for _, c := range []struct {
		name    string
		days    []session.Stitched
		anew    int
		looked  bool
		growing bool
		id      string
	}{
		{"none is to be made anew", []session.Stitched{stale}, 0, true, true, ""},
		{"as many as can be", []session.Stitched{past, stale}, session.MaxAnew, true, true, ""},
		{"too long", []session.Stitched{stale}, 3, true, false, strings.Repeat("ü", 10_000)},
		{"long", []session.Stitched{stale}, 3, true, true, strings.Repeat("ü", 5_000)},
		{"too many", []session.Stitched{past, stale}, session.MaxAnew + 1, true, false, ""},
		{"nothing came", []session.Stitched{fresh}, 0, false, false, ""},
		{"totals are read", []session.Stitched{past, fresh}, 0, false, false, ""},
	} {
		var rows []string
		rows = append(rows, fmt.Sprintf(`["", "9", "%d"]`, noon.UnixMilli()))
		for i := range c.anew {
			rows = append(rows, fmt.Sprintf(`["it's %d%s", "%d", "%d"]`, i, c.id, noon.UnixMilli(), noon.UnixMilli()-5))
		}
		e := &fakeEngine{answers: []fakeAnswer{{rows: "[" + strings.Join(rows, ",") + "]"}, {rows: `[["4", "0", "4"]]`}}}
		if !c.looked {
			e.answers = e.answers[1:]
		}
		r := newReporter(t, e, clock{asOf: noon, main: 9, late: 1}, Config{})
		r.deps.Sessions = someDays{timeout: session.DefaultTimeout, days: c.days}
		q := Question{Tenant: "acme", Site: "site", From: noon.Add(-24 * time.Hour), To: noon, Metrics: []string{Sessions}, Location: time.UTC}
		got, err := r.Answer(context.Background(), q)
		if err != nil || mustJSON(t, got) != `[{"sessions":"4"}]` {
			t.Fatalf("%s: %s, %v", c.name, mustJSON(t, got), err)
		}
		last := e.got[len(e.got)-1]
		if looked := len(e.got) == 2; looked != c.looked {
			t.Errorf("%s: %d statements", c.name, len(e.got))
		}
		if growing := strings.Contains(last.SQL, "_e._seq > 3 AND _e._seq <= 8"); growing != c.growing {
			t.Errorf("%s: read while it grows: %v\n%s", c.name, growing, last.SQL)
		}
		if n := strings.Count(last.Params["anew"], `'it\'s `); c.growing && n != c.anew || !c.growing && n != 0 {
			t.Errorf("%s: %d are made anew", c.name, n)
		}
	}
}

// TestLookedAtOnce: several parts of an answer read the growing day by one look at it.
func TestLookedAtOnce(t *testing.T) {
	e := &fakeEngine{answers: []fakeAnswer{{rows: fmt.Sprintf(`[["", "9", "%d"]]`, noon.UnixMilli())}, {rows: `[["/", 4, 0, 4]]`}}}
	r := newReporter(t, e, clock{asOf: noon, main: 9, late: 1}, Config{})
	r.deps.Sessions = someDays{timeout: session.DefaultTimeout, days: []session.Stitched{{Day: session.DayOf(noon), Version: 77, Stale: true, Main: 3}}}
	q := Question{Tenant: "acme", Site: "site", From: noon.Add(-24 * time.Hour), To: noon, Metrics: []string{Entries, Exits}, GroupBy: []Dim{{Column: "path"}}, Limit: 5, Location: time.UTC}
	got, err := r.Answer(t.Context(), q)
	if err != nil || mustJSON(t, got) != `[{"path":"/","entries":4,"exits":4}]` || len(e.got) != 3 {
		t.Errorf("%s, %v after %d statements, want 3", mustJSON(t, got), err, len(e.got))
	}
}
