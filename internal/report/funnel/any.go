package funnel

import (
	"math/bits"
	"sort"
)

// matching finds best attempts when the steps come in any order. Steps and events that can serve them are a bipartite graph; an attempt has as many steps as a
// maximum matching of the events in its window. Events are taken in their order; one that makes the matching larger belongs to it for good (the sets of events
// that can be matched are the independent sets of a transversal matroid), so each step is reached as early as possible, and the first event always belongs to it.
type matching struct {
	places [MaxSteps][]int // by step: events that can serve it, in order
	by     [MaxSteps]int   // the event that serves the step; none
	chosen []int
	best0  []int
}

func (m *matching) best(f Funnel, events []Event) []int {
	for s := range f.Steps {
		m.places[s] = m.places[s][:0]
	}
	for q := range events {
		for x := events[q].Steps; x != 0; x &= x - 1 {
			s := bits.TrailingZeros32(x)
			m.places[s] = append(m.places[s], q)
		}
	}
	most := len(m.attempt(f, events, 0, 1<<63-1)) // no attempt has more
	m.best0 = m.best0[:0]
	for q := range events {
		if events[q].Steps == 0 {
			continue
		}
		if got := m.attempt(f, events, q, f.Window); len(got) > len(m.best0) {
			m.best0 = append(m.best0[:0], got...)
		}
		if len(m.best0) == most {
			break
		}
	}
	return m.best0
}

// attempt returns the events of the attempt that begins at start or behind it.
func (m *matching) attempt(f Funnel, events []Event, start int, window int64) []int {
	for s := range f.Steps {
		m.by[s] = none
	}
	m.chosen = m.chosen[:0]
	for at := start; len(m.chosen) < f.Steps; at++ {
		if at = m.next(f, at, m.open(f, events)); at == none || events[at].TS-events[start].TS > window {
			break
		}
		m.augment(events, at)
		m.chosen = append(m.chosen, at)
	}
	return m.chosen
}

// open are the steps such that an event which can serve one of them makes the matching larger: the free ones, and those whose event can serve an open one instead.
func (m *matching) open(f Funnel, events []Event) uint32 {
	var open uint32
	for s := range f.Steps {
		if m.by[s] == none {
			open |= 1 << s
		}
	}
	for grown := true; grown; {
		grown = false
		for s := range f.Steps {
			if open&(1<<s) == 0 && events[m.by[s]].Steps&open != 0 {
				open |= 1 << s
				grown = true
			}
		}
	}
	return open
}

// next is the first event at or behind at that can serve one of the steps.
func (m *matching) next(f Funnel, at int, steps uint32) int {
	first := none
	for s := range f.Steps {
		if steps&(1<<s) == 0 {
			continue
		}
		list := m.places[s]
		if i := sort.SearchInts(list, at); i < len(list) && (first == none || list[i] < first) {
			first = list[i]
		}
	}
	return first
}

// augment adds an event to the matching, which it makes larger.
func (m *matching) augment(events []Event, at int) {
	var seen uint32
	var try func(q int) bool
	try = func(q int) bool {
		for x := events[q].Steps &^ seen; x != 0; x = (x & (x - 1)) &^ seen {
			s := bits.TrailingZeros32(x)
			seen |= 1 << s
			if m.by[s] == none || try(m.by[s]) {
				m.by[s] = q
				return true
			}
		}
		return false
	}
	try(at)
}
