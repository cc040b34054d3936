package metering

import (
	"math"
	"time"

	"weir/internal/tenant"
)

// owner is a tenant's source.
type owner struct {
	tenant tenant.ID
	source string
}

// shares says who caused work that is done for many at once, or later: weights that fade with a half-life.
type shares struct {
	half    time.Duration
	weights map[owner]float64
	sum     float64
}

func newShares(half time.Duration) *shares { return &shares{half: half, weights: map[owner]float64{}} }

func (s *shares) add(o owner, w float64) {
	s.weights[o] += w
	s.sum += w
}

// fade lets d pass. What has faded away is forgotten, so that a quiet tenant takes no memory.
func (s *shares) fade(d time.Duration) {
	f := math.Exp2(-d.Seconds() / s.half.Seconds())
	s.sum = 0
	for o, w := range s.weights {
		if w *= f; w < 1e-3 {
			delete(s.weights, o)
			continue
		}
		s.weights[o] = w
		s.sum += w
	}
}

// forget drops a tenant.
func (s *shares) forget(t tenant.ID) {
	for o, w := range s.weights {
		if o.tenant == t {
			delete(s.weights, o)
			s.sum -= w
		}
	}
}

// each calls fn with every owner's part of amount; false when nobody has a share.
func (s *shares) each(amount float64, fn func(owner, float64)) bool {
	if s.sum <= 0 || len(s.weights) == 0 {
		return false
	}
	for o, w := range s.weights {
		fn(o, amount*w/s.sum)
	}
	return true
}
