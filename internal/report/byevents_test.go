package report

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/testkit"
)

// TestMostVisitors draws samples of groups in which every event is of another visitor: what they tell is never more than the bound.
func TestMostVisitors(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{ExactVisitors + 1, 130_000, 400_000} {
		for range 50 {
			sample := 0
			for range n {
				if rnd.IntN(rollup.SampleShare) == 0 {
					sample++
				}
			}
			if told := float64(rollup.SampleShare * sample); told > mostVisitors(uint64(n)) || mostVisitors(uint64(n)) > 1.1*float64(n) {
				t.Fatalf("%d visitors are told as %v, the bound is %v", n, told, mostVisitors(uint64(n)))
			}
		}
	}
	if got := mostVisitors(ExactVisitors); got != ExactVisitors {
		t.Errorf("%d events are of %v visitors at most", ExactVisitors, got)
	}
}

// TestCandidates: counted are the groups with the most events, those with nearly as many, and then those that may have as many visitors as the last of the shown ones.
func TestCandidates(t *testing.T) {
	flat := make([]int, widest)
	for i := range flat {
		flat[i] = 500 - i/10
	}
	for _, c := range []struct {
		name     string
		events   []int
		visitors []int // of the likely ones
		shown    int
		beside   int
		ok       bool
	}{
		{"as usual", []int{100, 90, 80, 60, 50}, []int{95, 80, 79}, 2, 0, true},
		{"one beside", []int{100, 90, 60, 59, 50}, []int{95, 60}, 2, 1, true},
		{"few visitors", []int{100, 90, 60, 50}, []int{95, 3}, 2, 2, true},
		{"fewer groups than are shown", []int{100, 90}, []int{95, 3}, 5, 0, true},
		{"none", nil, nil, 5, 0, true},
		{"no more likely ones than three times as many", slices.Repeat([]int{10}, 9), slices.Repeat([]int{10}, 6), 2, 3, true},
		{"very many, and some not known", flat, slices.Repeat([]int{450}, 9), 3, 0, false},
		{"very many, far behind", slices.Concat([]int{9000, 8000, 7000}, flat[:widest-3]), []int{9000, 8000, 7000}, 3, 0, true},
		{"too many beside", slices.Concat([]int{9000, 8000, 7000}, flat[:200]), []int{9000, 8000, 100}, 3, 0, false},
	} {
		can := candidates{shown: c.shown}
		for i, n := range c.events {
			can.rows = append(can.rows, Row{[]string{"path", Events}, []any{fmt.Sprint("/", i), json.Number(fmt.Sprint(n))}})
		}
		var visitors []any
		for _, n := range c.visitors {
			visitors = append(visitors, json.Number(fmt.Sprint(n)))
		}
		if n := can.likely(); n != len(visitors) {
			t.Errorf("%s: %d likely, want %d", c.name, n, len(visitors))
			continue
		}
		if beside, ok := can.beside(len(visitors), visitors); ok != c.ok || ok && beside != c.beside {
			t.Errorf("%s: %d beside (%v), want %d (%v)", c.name, beside, ok, c.beside, c.ok)
		}
	}
}

// TestByEvents asks for the groups with the most visitors over a day with totals: those with the most events are not those, one has too many visitors to be counted exactly, and many are alike.
func TestByEvents(t *testing.T) {
	c := testkit.Engine(t)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	insert := func(path string, visitors, each int) {
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, site_id, ts, type, path, client_id, _writer, _seq) SELECT 'byevents', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number %% 80000, if(number %% 2 = 0, 'pageview', 'click'), '%s', concat('c', toString(number %% %d)), 1, 1 FROM numbers(%d)", path, visitors, visitors*each))
	}
	insert("/large", 150_000, 1)
	insert("/busy", 500, 100) // 50 000 events
	insert("/c", 30_000, 1)
	insert("/d", 29_000, 1)
	insert("/e", 14_000, 2)
	for i := range 150 {
		insert(fmt.Sprint("/few", i), 20, 1)
	}
	testkit.Exec(t, c, "INSERT INTO weir.events (tenant, site_id, ts, type, path, _writer, _seq) SELECT 'byevents', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC'), 'click', '/nobody', 1, 1 FROM numbers(40)")
	testkit.Exec(t, c, daily.TotalSQL("byevents", day, day.AddDate(0, 0, 1), 70_001, 1, 0))
	e := &tallied{Engine: c}
	rep := newReporter(t, e, clock{asOf: noon, main: 1}, Config{Rollups: []rollup.Rollup{}})
	rep.deps.Sessions = someDays{session.DefaultTimeout, []session.Stitched{{Day: session.DayOf(day), Version: 70_001, Main: 1, Totals: true}}}
	q := Question{Tenant: "byevents", Site: "site", GroupBy: []Dim{{Column: "path"}}, From: day, To: day.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1}
	for _, ask := range []struct {
		offset, limit int
		ok            bool
		want          []string
	}{
		{0, 3, true, []string{"/large 150000", "/c 30000 30000 15000", "/d 29000 29000 14500"}},
		{0, 1, true, []string{"/large 150000"}},
		{2, 2, true, []string{"/d 29000 29000 14500", "/e 14000 28000 14000"}},
		{4, 1, true, []string{"/busy 500 50000 25000"}},
		{4, 2, false, []string{"/busy 500 50000 25000", "/few0 20 20 10"}}, // who stands behind is like all others
	} {
		for _, metrics := range [][]string{{Visitors, Events, Pageviews}, {Visitors}} {
			q.Metrics, q.Offset, q.Limit = metrics, ask.offset, ask.limit
			for again := range 2 {
				before := e.n.Load()
				if _, ok, err := rep.byEvents(context.Background(), &tally{}, q); ok != ask.ok || err != nil {
					t.Errorf("%d from %d: found by events: %v, want %v: %v", ask.limit, ask.offset, ok, ask.ok, err)
				}
				if n := e.n.Load() - before; again == 1 && (n == 0) == ask.ok {
					t.Errorf("%d from %d: the second time %d statements look for them", ask.limit, ask.offset, n)
				}
			}
			rows, err := rep.Answer(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for i, row := range rows {
				line := fmt.Sprint(row.values[0])
				for _, v := range row.values[1:] {
					line += fmt.Sprint(" ", countOf(v))
				}
				if i == 0 && ask.offset == 0 { // an eighth of a sample
					n := countOf(row.values[1])
					line = fmt.Sprint(row.values[0], " ", 150_000)
					if n < 146_000 || n > 154_000 {
						t.Errorf("%d visitors of 150000", n)
					}
				}
				got = append(got, line)
			}
			for _, line := range ask.want {
				if len(metrics) == 1 {
					var path string
					var n int
					if _, err := fmt.Sscan(line, &path, &n); err != nil {
						t.Fatal(err)
					}
					line = fmt.Sprint(path, " ", n)
				}
				want = append(want, line)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, %d from %d: %q, want %q", metrics, ask.limit, ask.offset, got, want)
			}
		}
	}
}
