package dedupe

import "slices"

// buckets lists the buckets of the segment's keys.
func (g *segment) buckets() []uint16 {
	var seen [1 << 16 / 64]uint64
	var out []uint16
	for _, d := range g.days {
		if seen[d/64]&(1<<(d%64)) == 0 {
			seen[d/64] |= 1 << (d % 64)
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
}

// bucket returns the segment's keys of a bucket, not to be changed.
func (g *segment) bucket(day uint16) []rec {
	n := 0
	for _, d := range g.days {
		if d == day {
			n++
		}
	}
	if n == len(g.recs) {
		return g.recs
	}
	out := make([]rec, 0, n)
	for i, d := range g.days {
		if d == day {
			out = append(out, g.recs[i])
		}
	}
	return out
}

// sortRecs returns recs sorted by key, with only the latest copy of each. It uses that a
// is uniform: one pass puts the recs into many small bins, which are then sorted
// one by one.
func sortRecs(recs []rec) []rec {
	shift := 64
	for 1<<(64-shift) < len(recs)/8 {
		shift--
	}
	ends := make([]uint32, 1<<(64-shift))
	for i := range recs {
		ends[recs[i].a>>shift]++
	}
	sum := uint32(0)
	for i, n := range ends {
		ends[i] = sum
		sum += n
	}
	out := make([]rec, len(recs))
	for i := range recs {
		bin := recs[i].a >> shift
		out[ends[bin]] = recs[i]
		ends[bin]++
	}
	from := uint32(0)
	for _, to := range ends {
		sortBin(out[from:to])
		from = to
	}
	return latest(out)
}

func sortBin(p []rec) {
	if len(p) > 64 { // not for a keyed hash
		slices.SortFunc(p, compareRec)
		return
	}
	for i := 1; i < len(p); i++ {
		for j := i; j > 0 && (p[j].a < p[j-1].a || p[j].a == p[j-1].a && p[j].b < p[j-1].b); j-- {
			p[j], p[j-1] = p[j-1], p[j]
		}
	}
}

// latest keeps, of equal keys in sorted recs, the one that was received last.
func latest(recs []rec) []rec {
	out := recs[:0]
	for i := range recs {
		if n := len(out); n > 0 && out[n-1].a == recs[i].a && out[n-1].b == recs[i].b {
			if recs[i].sec > out[n-1].sec {
				out[n-1] = recs[i]
			}
			continue
		}
		out = append(out, recs[i])
	}
	return out
}
