package drive

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is at most 1/64 of their value, from 1 µs up. It is not safe for concurrent use.
type Histogram struct {
	counts [histogramBuckets]int64
	n      int64
	max    time.Duration
}

const (
	subBits          = 6
	histogramBuckets = (64 - subBits) << subBits
)

func bucket(us uint64) int {
	if us < 1<<subBits {
		return int(us)
	}
	exp := bits.Len64(us) - subBits - 1
	return (exp+1)<<subBits + int(us>>exp) - 1<<subBits
}

// upper is the largest value of a bucket in µs.
func upper(b int) uint64 {
	if b < 1<<subBits {
		return uint64(b)
	}
	exp := b>>subBits - 1
	return (uint64(b&(1<<subBits-1))+1<<subBits+1)<<exp - 1
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d.Microseconds()))]++
	h.n++
	h.max = max(h.max, d)
}

// Merge adds all of o.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Count is how many durations were added.
func (h *Histogram) Count() int64 { return h.n }

// Quantile is the duration that the share q of all does not exceed, rounded up by at most 1/64; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	want := max(1, int64(q*float64(h.n)+0.999999))
	for i, n := range h.counts {
		if want -= n; want <= 0 {
			return min(h.max, time.Duration(upper(i))*time.Microsecond)
		}
	}
	return h.max
}
