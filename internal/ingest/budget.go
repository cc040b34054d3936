package ingest

import (
	"net/http"
	"sync/atomic"
	"time"

	"weir/internal/problem"
)

// budget bounds the bytes that all requests together hold. It never waits: a request that does not fit is refused.
type budget struct {
	max  int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.max {
		return true
	}
	b.used.Add(-n)
	return false
}

// share is what one request has taken.
type share struct {
	of    *budget
	taken int64
	body  reading
}

// shareStep is the step in which a request takes memory, in bytes.
const shareStep = 4 << 10

// reach makes sure that n bytes are taken.
func (s *share) reach(n int) *problem.Problem {
	need := (int64(n) + shareStep - 1) / shareStep * shareStep
	if need <= s.taken {
		return nil
	}
	if !s.of.take(need - s.taken) {
		return problem.New(http.StatusServiceUnavailable, codeBusy,
			"the requests in work together hold as many bytes as they may (max_buffered_bytes): send the same request again a little later").
			WithLimit("max_buffered_bytes", s.of.max).WithRetry(time.Second)
	}
	s.taken = need
	return nil
}

func (s *share) release() {
	s.of.used.Add(-s.taken)
	s.taken = 0
}
