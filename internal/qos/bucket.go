package qos

import (
	"math"
	"time"
)

// bucket is a token bucket whose rate and size may change at any time. Its zero value is full. golang.org/x/time/rate has no way to look whether
// tokens of two buckets are there before any is taken, and to give some back, which is why this is not it.
type bucket struct {
	tokens float64
	at     time.Time // when tokens was true; zero: it is full
}

// fill brings the bucket up to now.
func (b *bucket) fill(now time.Time, rate, size float64) {
	if b.at.IsZero() {
		b.tokens = size
	} else {
		b.tokens += max(0, now.Sub(b.at).Seconds()) * rate
	}
	b.tokens, b.at = min(b.tokens, size), now
}

// after returns how long it takes until n tokens are there.
func (b *bucket) after(n, rate float64) time.Duration {
	if n <= b.tokens {
		return 0
	}
	return time.Duration(min(math.Ceil((n-b.tokens)/rate*1e9), float64(time.Hour)))
}
