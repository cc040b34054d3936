package ingest

import (
	"net/http"

	"weir/internal/problem"
)

// begin asks whether the tenant may send a request of that length on the wire (negative: not known), before it is decoded.
func (j *job) begin(length int64) (prob *problem.Problem) {
	if l := j.h.deps.Limiter; l != nil {
		j.reserved, prob = l.Begin(&j.tenant, length)
	}
	return prob
}

// takeLimits takes what the request held from the tenant's limits, all or nothing.
func (j *job) takeLimits() *problem.Problem {
	if !j.reserved.Taken {
		return nil
	}
	r := j.reserved
	j.reserved.Taken = false
	return j.h.deps.Limiter.Take(&j.tenant, r, j.index, j.bytes)
}

// giveBack ends what begin reserved, if takeLimits did not.
func (j *job) giveBack() {
	if r := j.reserved; r.Taken {
		j.reserved.Taken = false
		j.h.deps.Limiter.Cancel(&j.tenant, r)
	}
}

// address holds the sender of a request without a key to the limit of its address.
func (h *Handler) address(r *http.Request) *problem.Problem {
	if h.deps.Addresses == nil {
		return nil
	}
	return h.deps.Addresses.Admit(h.clientIP(r))
}
