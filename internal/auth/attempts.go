package auth

import (
	"net/http"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"weir/internal/problem"
)

const (
	// strangers is how many times as many attempts as one address has for an account all addresses have for it together.
	strangers   = 4
	maxLimiters = 50_000 // of a kind, in memory
)

// pair is an account and where an attempt to sign in to it comes from. It is never stored.
type pair struct {
	from    netip.Prefix
	account string
}

// limiters bound attempts by a key: of those that were met of late.
type limiters[K comparable] struct {
	of    *lru.Cache[K, *rate.Limiter]
	rate  rate.Limit
	burst int
}

func newLimiters[K comparable](r rate.Limit, burst int) *limiters[K] {
	of, err := lru.New[K, *rate.Limiter](maxLimiters)
	if err != nil {
		panic(err) // the size is not positive
	}
	return &limiters[K]{of, r, burst}
}

// wait counts an attempt, or says how long to wait for the next.
func (l *limiters[K]) wait(key K, now time.Time) time.Duration {
	x, ok := l.of.Get(key)
	if !ok {
		x = rate.NewLimiter(l.rate, l.burst)
		if old, met, _ := l.of.PeekOrAdd(key, x); met { // by another request meanwhile
			x = old
		}
	}
	r := x.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// admit counts an attempt to sign in to an account. A device that has signed in to it before is counted alone, so that strangers cannot keep it out with wrong
// passwords. All others are counted by address, by address and account, so that one of them does not keep out the rest, and by account, so that guesses stay
// bounded wherever they come from.
func (s *Sessions) admit(from netip.Addr, account, device string) *problem.Problem {
	now := s.cfg.Now()
	tooMany := func(d time.Duration) *problem.Problem {
		return problem.New(http.StatusTooManyRequests, "too_many_sign_ins", "there were too many sign-ins for this account: wait, sign in from a browser that has signed in to it before, or let the operator raise sign_in.attempts").
			WithLimit("sign_in.attempts", int64(s.cfg.Attempts)).WithRetry(d)
	}
	if device != "" {
		if d := s.devices.wait(device, now); d > 0 {
			return tooMany(d)
		}
		return nil
	}
	var place netip.Prefix
	if from.IsValid() {
		bits := from.BitLen()
		if from.Is6() {
			bits = 64
		}
		place, _ = from.Prefix(bits)
		if d := s.sources.wait(place, now); d > 0 {
			return problem.New(http.StatusTooManyRequests, "too_many_sign_ins", "more than %d sign-ins a minute come from this address: wait, or let the operator raise sign_in.attempts_ip", s.cfg.AttemptsIP).
				WithLimit("sign_in.attempts_ip", int64(s.cfg.AttemptsIP)).WithRetry(d)
		}
	}
	if d := s.pairs.wait(pair{place, account}, now); d > 0 {
		return tooMany(d)
	}
	if d := s.accounts.wait(account, now); d > 0 {
		return tooMany(d)
	}
	return nil
}
