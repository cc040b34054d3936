package dedupe

import "sync/atomic"

// segment is a part of the head: an exact hash set of recs in memory, in the
// order of their commits. It is filled by Apply, then frozen (never changed again).
type segment struct {
	recs []rec
	days []uint16 // bucket of each rec

	// table has a power of two slots, at most half full: 0 is empty, else the low
	// slotBits are the index of a rec plus 1 and the rest are bits of its hash.
	table []uint32

	size atomic.Int64 // len(recs) and bytes, for Stats
	held atomic.Int64

	commits int    // commits in it
	last    uint64 // the highest of them
	minSec  uint32
	maxSec  uint32
}

const (
	slotBits   = 23
	slotMask   = 1<<slotBits - 1
	maxSegment = slotMask - 1 // recs in a segment
)

// slotTag is the part of a slot that comes from the hash; the slot's place comes from its low bits.
func slotTag(a uint64) uint32 { return uint32(a>>32) &^ slotMask }

// newSegment has room for what the one before took, if that was full.
func newSegment(before *segment, full int) *segment {
	g := &segment{}
	if n := before.len(); n >= full {
		g.recs, g.days = make([]rec, 0, n+n/8), make([]uint16, 0, n+n/8)
		g.table = make([]uint32, len(before.table))
	}
	return g
}

func (g *segment) len() int { return len(g.recs) }

// add appends the recs of a commit.
func (g *segment) add(recs []rec, days []uint16, commit uint64) {
	if len(g.recs) == 0 {
		g.minSec = ^uint32(0)
	}
	from := len(g.recs)
	g.recs = append(g.recs, recs...)
	g.days = append(g.days, days...)
	if need := 2 * len(g.recs); need > len(g.table) {
		size := max(1024, len(g.table))
		for size < need {
			size *= 2
		}
		g.table = make([]uint32, size)
		from = 0
	}
	mask := uint64(len(g.table) - 1)
	table := g.table
	for i := from; i < len(g.recs); i++ {
		r := &g.recs[i]
		g.minSec, g.maxSec = min(g.minSec, r.sec), max(g.maxSec, r.sec)
		at := r.a & mask
		for table[at] != 0 {
			at = (at + 1) & mask
		}
		table[at] = slotTag(r.a) | uint32(i+1)
	}
	if g.last != commit {
		g.commits++
		g.last = commit
	}
	g.size.Store(int64(len(g.recs)))
	g.held.Store(g.bytes())
}

// bytes is the memory that the segment holds.
func (g *segment) bytes() int64 {
	return int64(cap(g.recs))*recSize + int64(cap(g.days))*2 + int64(len(g.table))*4
}
