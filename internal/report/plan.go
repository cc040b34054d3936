package report

import (
	"time"

	"weir/internal/rollup"
)

// The writers of events.
const (
	writerMain = 1
	writerLate = 2
)

// plan says where a question's answer comes from.
type plan struct {
	// rollup is nil when only raw events are read.
	rollup *rollup.Rollup
	// positions are how far the rollup has come, by writer.
	positions map[uint16]uint64
	// committed are the last rows of each writer that were to be seen before the positions were read; nil: that is not known.
	committed map[uint16]uint64
	// from and to are the part of the range that the rollup covers in whole steps; its edges are read raw.
	from, to time.Time
	// totals are the days whose totals are read, and rest what they leave of the range, in order. Without totals the rest is the whole range.
	totals []totalled
	rest   []span
	visits *visitRows // of a question by visit: what its visitors are read from, and nothing else
}

// behind says whether the writer may have rows behind a position.
func (p plan) behind(writer uint16, position uint64) bool {
	last, known := p.committed[writer]
	return !known || last > position
}

// rawOnly reads nothing but raw events.
var rawOnly = plan{}

// choose picks, of the rollups that can answer the question exactly, the one with the fewest rows; where their number is not known or
// equal, the coarsest, then the one with the fewest dims. It returns rawOnly if there is none.
func choose(q Question, all []rollup.Rollup, rows map[string]uint64) plan {
	columns, ok := q.columns()
	if !ok {
		return rawOnly
	}
	best := rawOnly
	for i := range all {
		r := &all[i]
		from, to, ok := fits(q, *r, columns)
		if ok && (best.rollup == nil || better(*r, *best.rollup, rows)) {
			best = plan{rollup: r, from: from, to: to}
		}
	}
	return best
}

// better says whether a is to be preferred to b.
func better(a, b rollup.Rollup, rows map[string]uint64) bool {
	na, knowA := rows[a.ID()]
	nb, knowB := rows[b.ID()]
	switch {
	case knowA && knowB && na != nb:
		return na < nb
	case a.Step != b.Step:
		return a.Step > b.Step
	}
	return len(a.Dims) < len(b.Dims)
}

// fits says whether a rollup can answer the question, and for which part of its range.
func fits(q Question, r rollup.Rollup, columns []string) (from, to time.Time, ok bool) {
	for _, c := range columns {
		if !r.Has(c) {
			return from, to, false
		}
	}
	from = q.From.UTC().Truncate(r.Step)
	if from.Before(q.From) {
		from = from.Add(r.Step)
	}
	to = q.To.UTC().Truncate(r.Step)
	if !from.Before(to) {
		return from, to, false
	}
	return from, to, divides(q, r.Step)
}

// divides says whether every step lies in one interval.
func divides(q Question, step time.Duration) bool {
	switch {
	case q.Interval == "":
		return true
	case q.Interval == Minute && step > time.Minute:
		return false
	}
	return wholeOffsets(q.Location, q.From, q.To, step)
}
