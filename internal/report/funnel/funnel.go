// Package funnel finds how far a person came in a funnel: the best of its attempts. DESIGN.md gives the definition; the time that
// it takes grows with the number of the person's events times the number of steps, whatever they are.
package funnel

import (
	"cmp"
	"math/bits"
	"slices"
)

// Order says what may lie between two steps.
type Order uint8

// The orders.
const (
	Ordered Order = iota // each step after the one before; anything may lie between
	Strict               // each step is the next action after the one before
	Any                  // the steps come in any order
)

// MaxSteps is the most steps of a funnel.
const MaxSteps = 32

// Exclusion forbids events between two steps, which are counted from 1: After < Before.
type Exclusion struct{ After, Before int }

// Funnel is what is looked for.
type Funnel struct {
	Steps   int // 1 to MaxSteps
	Order   Order
	Window  int64       // milliseconds from the first event of an attempt to its last
	Exclude []Exclusion // at most 32; none for Any
}

// Event is an event of a person that has a meaning for the funnel.
type Event struct {
	TS        int64 // milliseconds
	Partition uint16
	Offset    uint64
	Row       uint32
	Steps     uint32 // bit i: it can serve step i+1
	Excluded  uint32 // bit i: Exclude[i] forbids it
	Action    bool   // it comes between steps of a Strict funnel, whatever it can serve
	Value     int32  // the caller's
}

// Sort puts events in order: by time, then as they came in.
func Sort(events []Event) {
	if !slices.IsSortedFunc(events, compare) {
		slices.SortFunc(events, compare)
	}
}

func compare(a, b Event) int {
	if c := cmp.Compare(a.TS, b.TS); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Row, b.Row))
}

// Finder finds best attempts. It keeps memory between calls and belongs to one goroutine.
type Finder struct {
	Funnel
	state  [MaxSteps]int // by step, from 0: the start of an attempt that stands there; none
	ends   [MaxSteps]int
	chains [MaxSteps][]int
	any    matching
}

const none = -1

// Best returns the events that serve the steps of the best attempt: as many as it has steps, by index into events, which must be sorted. An attempt is better if it
// comes further, then if it begins earlier. Of the ways through an attempt it takes the one whose last step is earliest, then the step before, and so on.
// The answer is valid until the next call.
func (f *Finder) Best(events []Event) []int {
	if f.Order == Any {
		return f.any.best(f.Funnel, events)
	}
	k := f.furthest(events)
	if k == 0 {
		return nil
	}
	return f.walk(events, f.earliest(events, k), k)
}

// kills says which steps an attempt cannot stand at behind e: those between which it is forbidden, or for Strict all. An attempt that
// e itself has brought to a step is lost only if the step lies inside of what e is forbidden between.
func (f *Finder) kills(e *Event) (standing, arriving uint32) {
	for x := e.Excluded; x != 0; x &= x - 1 {
		ex := f.Exclude[bits.TrailingZeros32(x)]
		a, b := uint32(ex.After-1), uint32(ex.Before-1) // bits of steps
		standing |= 1<<b - 1<<a
		arriving |= 1<<b - 2<<a
	}
	if f.Order == Strict && (e.Action || e.Steps != 0) {
		standing = ^uint32(0)
	}
	return standing, arriving
}

// furthest returns how many steps the best attempt has. For every step it keeps the attempt that stands there and began last: it has most time left.
func (f *Finder) furthest(events []Event) int {
	k := 0
	for i := range f.Steps {
		f.state[i] = none
	}
	for q := range events {
		e := &events[q]
		var arrived uint32
		for m := e.Steps; m != 0; { // the last step first: an event serves one step of an attempt
			s := bits.Len32(m) - 1
			m &^= 1 << s
			start := q
			if s > 0 {
				if start = f.state[s-1]; start == none || e.TS-events[start].TS > f.Window {
					continue
				}
			}
			f.ends[s] = start
			arrived |= 1 << s
			k = max(k, s+1)
		}
		if k == f.Steps {
			return k
		}
		standing, arriving := f.kills(e)
		for m := standing & (1<<f.Steps - 1); m != 0; m &= m - 1 {
			f.state[bits.TrailingZeros32(m)] = none
		}
		for m := arrived &^ arriving; m != 0; m &= m - 1 {
			s := bits.TrailingZeros32(m)
			f.state[s] = max(f.state[s], f.ends[s])
		}
	}
	return k
}

// earliest returns where the first attempt that has k steps begins. It goes backwards, and keeps for every step where an attempt that stands there would have its k-th
// step at the earliest.
func (f *Finder) earliest(events []Event, k int) int {
	if k == 1 {
		return slices.IndexFunc(events, func(e Event) bool { return e.Steps&1 != 0 })
	}
	for i := range k {
		f.ends[i] = none
	}
	first := none
	for q := len(events) - 1; q >= 0; q-- {
		e := &events[q]
		if end := f.ends[0]; e.Steps&1 != 0 && end != none && events[end].TS-e.TS <= f.Window {
			first = q
		}
		standing, arriving := f.kills(e)
		if e.Steps>>1 == 0 && standing == 0 {
			continue
		}
		for s := range k - 1 { // upwards: each needs the next one as it was
			end := f.ends[s]
			if standing&(1<<s) != 0 {
				end = none
			}
			if next := s + 1; e.Steps&(1<<next) != 0 {
				if next == k-1 {
					end = q
				} else if at := f.ends[next]; at != none && arriving&(1<<next) == 0 && (end == none || at < end) {
					end = at
				}
			}
			f.ends[s] = end
		}
	}
	return first
}

// walk goes through the attempt that begins at start, to its k-th step.
func (f *Finder) walk(events []Event, start, k int) []int {
	for i := range k {
		f.chains[i] = f.chains[i][:0]
	}
	f.chains[0] = append(f.chains[0], start)
	for q := start + 1; k > 1; q++ {
		e := &events[q]
		var arrived uint32
		for m := e.Steps & (1<<k - 1) &^ 1; m != 0; {
			s := bits.Len32(m) - 1
			m &^= 1 << s
			if len(f.chains[s-1]) > 0 && (len(f.chains[s]) == 0 || s == k-1) {
				arrived |= 1 << s
			}
		}
		if arrived&(1<<(k-1)) != 0 {
			return append(f.chains[k-2], q)
		}
		standing, arriving := f.kills(e)
		// An attempt that e has brought to a step comes from one that stood before it, and may be lost there now: downwards, the old ones are still there.
		for s := k - 2; s >= 0; s-- {
			bit := uint32(1) << s
			switch {
			case s > 0 && e.Steps&bit != 0 && len(f.chains[s-1]) > 0 && arriving&bit == 0 && (len(f.chains[s]) == 0 || standing&bit != 0):
				f.chains[s] = append(append(f.chains[s][:0], f.chains[s-1]...), q)
			case standing&bit != 0:
				f.chains[s] = f.chains[s][:0]
			}
		}
	}
	return f.chains[0]
}
