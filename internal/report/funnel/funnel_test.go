package funnel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// valid says whether events at the positions of chain serve the first len(chain) steps, by the definition in DESIGN.md.
func valid(f Funnel, events []Event, chain []int) bool {
	for i, q := range chain {
		if events[q].Steps&(1<<i) == 0 || i > 0 && q <= chain[i-1] || events[q].TS-events[chain[0]].TS > f.Window {
			return false
		}
		if i == 0 || f.Order != Strict {
			continue
		}
		for p := chain[i-1] + 1; p < q; p++ {
			if events[p].Action || events[p].Steps != 0 {
				return false
			}
		}
	}
	for j, ex := range f.Exclude {
		if ex.After >= len(chain) {
			continue
		}
		for p := chain[ex.After-1] + 1; p < chain[min(ex.Before, len(chain))-1]; p++ {
			if events[p].Excluded&(1<<j) != 0 {
				return false
			}
		}
	}
	return true
}

// bruteChains tries every chain of events.
func bruteChains(f Funnel, events []Event) []int {
	var best []int
	better := func(c []int) bool {
		switch {
		case len(c) != len(best):
			return len(c) > len(best)
		case c[0] != best[0]:
			return c[0] < best[0]
		}
		for i := len(c) - 1; i >= 0; i-- {
			if c[i] != best[i] {
				return c[i] < best[i]
			}
		}
		return false
	}
	var extend func(chain []int)
	extend = func(chain []int) {
		from := 0
		if len(chain) > 0 {
			if better(chain) {
				best = slices.Clone(chain)
			}
			if len(chain) == f.Steps {
				return
			}
			from = chain[len(chain)-1] + 1
		}
		for q := from; q < len(events); q++ {
			if next := append(slices.Clone(chain), q); valid(f, events, next) {
				extend(next)
			}
		}
	}
	extend(nil)
	return best
}

// bruteAny tries every assignment of events to steps: the most steps, then the earliest event first, then, event by event, the earliest set.
func bruteAny(f Funnel, events []Event) []int {
	var best []int
	seen := map[string]bool{}
	var extend func(q int, chosen []int, left uint32)
	extend = func(q int, chosen []int, left uint32) {
		key := fmt.Sprint(q, chosen, left)
		if seen[key] {
			return
		}
		seen[key] = true
		if len(chosen) > len(best) || len(chosen) == len(best) && slices.Compare(chosen, best) < 0 {
			best = slices.Clone(chosen)
		}
		if q == len(events) {
			return
		}
		extend(q+1, chosen, left)
		if len(chosen) > 0 && events[q].TS-events[chosen[0]].TS > f.Window {
			return
		}
		for s := range f.Steps {
			if events[q].Steps&left&(1<<s) != 0 {
				extend(q+1, append(slices.Clone(chosen), q), left&^(1<<s))
			}
		}
	}
	extend(0, nil, 1<<f.Steps-1)
	return best
}

func randomFunnel(rnd *rand.Rand) (Funnel, []Event) {
	f := Funnel{Steps: 1 + rnd.IntN(4), Order: Order(rnd.IntN(3)), Window: int64(rnd.IntN(14))}
	if f.Order != Any && f.Steps > 1 {
		for range rnd.IntN(3) {
			a := 1 + rnd.IntN(f.Steps-1)
			f.Exclude = append(f.Exclude, Exclusion{a, a + 1 + rnd.IntN(f.Steps-a)})
		}
	}
	events := make([]Event, rnd.IntN(11))
	for i := range events {
		e := Event{TS: int64(rnd.IntN(12)), Partition: uint16(rnd.IntN(2)), Offset: uint64(rnd.IntN(2)), Row: uint32(i), Action: rnd.IntN(2) == 0}
		for s := range f.Steps {
			if rnd.IntN(3) == 0 {
				e.Steps |= 1 << s
			}
		}
		for j := range f.Exclude {
			if rnd.IntN(4) == 0 {
				e.Excluded |= 1 << j
			}
		}
		events[i] = e
	}
	Sort(events)
	return f, events
}

// TestBestEqualsBruteForce compares with trying everything.
func TestBestEqualsBruteForce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	var finder Finder
	reached := map[string]int{}
	for i := range 60_000 {
		f, events := randomFunnel(rnd)
		finder.Funnel = f
		got := finder.Best(events)
		want := []int(nil)
		if f.Order == Any {
			want = bruteAny(f, events)
		} else {
			want = bruteChains(f, events)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("case %d: %+v\nevents %+v\ngot  %v\nwant %v", i, f, events, got, want)
		}
		reached[fmt.Sprint(f.Order, len(f.Exclude) > 0, len(got))]++
	}
	if len(reached) < 20 {
		t.Errorf("the cases are too much alike: %v", reached)
	}
}

// TestBestOfMany: a person may have very many events. What would try every start, or every chain, does not end.
func TestBestOfMany(t *testing.T) {
	const n = 200_000
	for name, tc := range map[string]struct {
		steps func(i int) uint32
		want  [3]int // by order
	}{
		"all serve the first step": {func(int) uint32 { return 1 }, [3]int{1, 1, 1}},
		"the last step never":      {func(i int) uint32 { return 1 << (i % 15) }, [3]int{4, 4, 15}},
		"each serves all but one":  {func(int) uint32 { return 1<<15 - 1 }, [3]int{4, 4, 15}},
		"the last one is far":      {func(i int) uint32 { return map[bool]uint32{false: 1, true: 1 << 15}[i == n-1] }, [3]int{1, 1, 2}},
	} {
		for _, order := range []Order{Ordered, Strict, Any} {
			events := make([]Event, n)
			for i := range events {
				events[i] = Event{TS: int64(i), Steps: tc.steps(i), Action: true, Excluded: 1}
			}
			f := Finder{Funnel: Funnel{Steps: 16, Order: order, Window: n / 2}}
			if order != Any {
				f.Exclude = []Exclusion{{3, 9}} // every event: the third step is followed by the fourth, and then there is one between
			}
			if got := len(f.Best(events)); got != tc.want[order] {
				t.Errorf("%s, order %d: %d steps, want %d", name, order, got, tc.want[order])
			}
		}
	}
}
