package qos

import "time"

// window sums what was added within a span that ends now, in slots of equal length. The zero value is not usable.
type window struct {
	step  time.Duration
	slots []float64
	last  int64 // number of the newest slot, in steps since 1970
	total float64
}

func newWindow(span time.Duration, slots int) window {
	return window{step: span / time.Duration(slots), slots: make([]float64, slots)}
}

// turn drops what is too old.
func (w *window) turn(now time.Time) {
	n := now.UnixNano() / int64(w.step)
	if n <= w.last {
		return
	}
	if n-w.last >= int64(len(w.slots)) {
		clear(w.slots)
		w.total = 0
	} else {
		for i := w.last + 1; i <= n; i++ {
			s := &w.slots[i%int64(len(w.slots))]
			w.total -= *s
			*s = 0
		}
	}
	w.last = n
}

func (w *window) add(now time.Time, v float64) {
	w.turn(now)
	w.slots[w.last%int64(len(w.slots))] += v
	w.total += v
}

func (w *window) sum(now time.Time) float64 {
	w.turn(now)
	return max(0, w.total)
}

// below returns how long it takes until the sum is below limit if nothing is added.
func (w *window) below(now time.Time, limit float64) time.Duration {
	left := w.sum(now)
	n := int64(len(w.slots))
	for i := w.last - n + 1; i <= w.last; i++ {
		if left < limit {
			break
		}
		left -= w.slots[((i%n)+n)%n]
		if left < limit || i == w.last {
			return time.Duration(i+n)*w.step - time.Duration(now.UnixNano())
		}
	}
	return 0
}
