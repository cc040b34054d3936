package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/rollup"
)

// TestGroupsBehindTheFirst: of a column with few values all parts are asked for at once; where a part has more groups than it was asked for, those of the first part may be among the others.
func TestGroupsBehindTheFirst(t *testing.T) {
	q := Question{Tenant: "acme", Site: "site", From: noon.Add(-24 * time.Hour), To: noon, Metrics: []string{Sessions, Visitors}, GroupBy: []Dim{{Column: "country"}}, Limit: 2, Location: time.UTC}
	for _, groups := range []int{3, maxAlong} {
		var many []string
		for i := range groups {
			many = append(many, fmt.Sprintf(`["X%d", 5]`, i))
		}
		e := &fakeEngine{answers: []fakeAnswer{
			{to: "1000000", rows: `[["DE", 7], ["FR", 6]]`},
			{to: "1000", rows: "[" + strings.Join(many, ",") + `]`},
			{rows: `[["DE", 30, 0, 50], ["FR", 20, 0, 50]]`},
		}}
		r := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
		got, err := r.Answer(t.Context(), q)
		want := `[{"country":"DE","sessions":30,"visitors":0},{"country":"FR","sessions":20,"visitors":0}]`
		if groups == maxAlong {
			want = `[{"country":"DE","sessions":30,"visitors":7},{"country":"FR","sessions":20,"visitors":6}]`
		}
		if err != nil || mustJSON(t, got) != want {
			t.Errorf("%d groups: %s, %v; want %s", groups, mustJSON(t, got), err, want)
		}
	}
}

// TestIntervalsAreNoGroups: a series by day of few groups has many rows, and nothing is behind them.
func TestIntervalsAreNoGroups(t *testing.T) {
	var many []string
	for i := range maxAlong {
		many = append(many, fmt.Sprintf(`["2026-%02d-%02d", "DE", 5]`, 1+i/28%12, 1+i%28))
	}
	e := &fakeEngine{answers: []fakeAnswer{{to: "1000", rows: "[" + strings.Join(many, ",") + `]`}, {rows: `[["2026-03-10", "DE", 30, 0, 50]]`}}}
	r := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	q := Question{Tenant: "acme", Site: "site", From: noon.Add(-24 * time.Hour), To: noon, Interval: Day, Metrics: []string{Sessions, Pageviews}, GroupBy: []Dim{{Column: "country"}}, Limit: 2, Location: time.UTC}
	if _, err := r.Answer(t.Context(), q); err != nil || len(e.got) != 2 {
		t.Errorf("%d statements, want 2; %v", len(e.got), err)
	}
}

// TestAtMostTwoStatements: of the statements of a question no more run at the same time than that.
func TestAtMostTwoStatements(t *testing.T) {
	e := &crowded{release: make(chan struct{})}
	r := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	q := Question{Tenant: "acme", Site: "site", From: noon.Add(-24 * time.Hour), To: noon, Metrics: []string{Sessions, Visitors, Users}, GroupBy: []Dim{{Column: "country"}}, Limit: 2, Location: time.UTC}
	done := make(chan error, 1)
	go func() {
		_, err := r.answers(t.Context(), &tally{}, q, true, true)
		done <- err
	}()
	for e.inside.Load() < maxAtOnce {
		time.Sleep(time.Millisecond)
	}
	for range 20 { // time for a third one
		time.Sleep(time.Millisecond)
	}
	close(e.release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if most := e.most.Load(); most != maxAtOnce {
		t.Errorf("%d statements ran at once, want %d", most, maxAtOnce)
	}
}
