package report

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weir/internal/rollup"
	"weir/internal/testkit"
)

// TestBounds draws samples of numbers of visitors: none lies beyond its bounds, and they are not wider than they must be.
func TestBounds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 8, 40, 300, 2000, 50_000, 400_000} {
		for range 300 {
			sample := 0
			for range n {
				if rnd.IntN(rollup.SampleShare) == 0 {
					sample++
				}
			}
			expected := float64(n) / rollup.SampleShare
			if low, high := atLeast(float64(sample)), atMost(float64(sample)); low > expected || high < expected {
				t.Fatalf("%d of %d are in the sample: bounds %v and %v", sample, n, low, high)
			}
		}
	}
	if low, high := atLeast(12500), atMost(12500); low < 11500 || high > 13500 {
		t.Errorf("bounds of 12500: %v and %v", low, high)
	}
}

// TestContenders: rows that the sample puts so far behind that they cannot be shown are none, and where too many groups were cut off nothing is said.
func TestContenders(t *testing.T) {
	rows := func(counts ...int) (out []Row) {
		for i, n := range counts {
			out = append(out, Row{[]string{"path", Visitors}, []any{fmt.Sprint("/", i), json.Number(fmt.Sprint(n))}})
		}
		return out
	}
	like := func(n, count int) []int { return slices.Repeat([]int{count}, n) }
	for _, c := range []struct {
		name   string
		counts []int
		offset int
		want   int
		ok     bool
	}{
		{"far behind", []int{200_000, 150_000, 90_000, 50_000, 100}, 0, 2, true},
		{"near", []int{200_000, 100_000, 93_000, 50_000}, 0, 3, true},
		{"the second page", []int{200_000, 150_000, 90_000, 50_000, 100, 8}, 2, 4, true},
		{"no more than are shown", []int{200_000, 10}, 0, 2, true},
		{"cut off, and all alike", like(widest, 1000), 0, widest, false},
		{"cut off far behind", append([]int{200_000, 150_000}, like(widest-2, 1000)...), 0, 2, true},
	} {
		s := sampled{q: Question{Limit: 2, Offset: c.offset}, rows: rows(c.counts...), column: 1}
		if got, ok := s.contenders(); len(got) != c.want || ok != c.ok {
			t.Errorf("%s: %d rows (%v), want %d (%v)", c.name, len(got), ok, c.want, c.ok)
		}
	}
}

// TestRankedByVisitors asks for the first of very many groups: they are found by the sample, and only those that may be shown are counted exactly.
func TestRankedByVisitors(t *testing.T) {
	c := testkit.Engine(t)
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	insert := func(path string, count, n int) { // of so many paths
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, site_id, ts, type, path, client_id, _writer, _seq) SELECT 'ranked', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number %% 80000, 'pageview', concat('%s', if(%d > 1, toString(number %% %[2]d), '')), concat('c', toString(intDiv(number, %[2]d))), 1, 1 FROM numbers(%d)", path, count, count*n))
	}
	insert("/large", 1, 150_000)
	for path, n := range map[string]int{"/a": 50_000, "/b": 49_900, "/c": 49_800, "/d": 30_000} {
		insert(path, 1, n)
	}
	insert("/few", widest+200, 20)
	e := &tallied{Engine: c}
	rep := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	q := Question{Tenant: "ranked", Site: "site", Metrics: []string{Visitors, Events}, GroupBy: []Dim{{Column: "path"}}, From: from, To: from.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1, Limit: 3}
	for _, ask := range []struct {
		offset, limit, statements int
		want                      []string
	}{
		{0, 3, 2, []string{"/large", "/a 50000", "/b 49900"}},
		{0, 1, 1, []string{"/large"}},
		{1, 4, 2, []string{"/a 50000", "/b 49900", "/c 49800", "/d 30000"}},
		{3, 1, 2, []string{"/c 49800"}},
		{4, 3, 2, []string{"/d 30000", "/few0 20", "/few1 20"}}, // who stands behind is like all others: everything is counted
	} {
		q.Offset, q.Limit = ask.offset, ask.limit
		before := e.n.Load()
		rows, err := rep.Answer(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range rows {
			name := row.values[0].(string)
			if name != "/large" {
				name += " " + fmt.Sprint(countOf(row.values[1]))
			}
			got = append(got, name)
		}
		if n := e.n.Load() - before; !slices.Equal(got, ask.want) || n != int64(ask.statements) {
			t.Errorf("%d from %d: %q by %d statements, want %q by %d", ask.limit, ask.offset, got, n, ask.want, ask.statements)
		}
	}
}
