package ingest

import (
	"net/http"

	"weir/internal/problem"
)

// countSuspended counts a request of a suspended tenant as one rejected event: how many it was to hold is not known, for it is not read.
func (j *job) countSuspended(prob *problem.Problem) {
	s := &j.unsited
	if j.home != nil {
		s = j.home
	}
	s.accepted, s.rejected = 0, nil
	s.reject(prob.Code, func(r *Rejection) { j.exemplify(r, s, "", "the tenant was suspended: its events were not taken") })
	j.countSite(s)
}

// countDenied counts a request of a page that the source does not allow as one rejected event of that source: how many it was to hold is not known. It takes nothing
// from the tenant's limits, for anybody may send such requests.
func (j *job) countDenied() {
	s := j.denied
	s.reject(codeOrigin, func(r *Rejection) { j.exemplify(r, s, s.rej.field, s.rej.message) })
	j.countSite(s)
}

// countBarred counts a request whose key may not send what it asks for, or no more, as one rejected event: whose loss it is is known, and its clients may look at no answer.
func (j *job) countBarred() {
	s := &j.unsited
	if j.home != nil {
		s = j.home
	}
	s.accepted, s.rejected = 0, nil
	s.reject(j.barred.Code, func(r *Rejection) { j.exemplify(r, s, j.barred.Field, j.barred.Detail) })
	j.countSite(s)
}

// countFailed counts a request that is itself wrong as one rejected event: how many it was to hold is not known.
func (j *job) countFailed(prob *problem.Problem) {
	if prob.Status >= 500 || prob.Status == http.StatusTooManyRequests || prob.Status == http.StatusRequestTimeout {
		return // clients send it again
	}
	if prob.Code != codeTruncated { // it was announced longer than it came, and nothing was done with it
		j.takeLimits() // work was done for it, whether or not it was within the limits
	}
	s := &j.unsited
	if j.home != nil {
		s = j.home
	}
	s.accepted, s.rejected = 0, nil // its events are not taken
	j.accepted, j.rejected = 0, 1
	s.reject(prob.Code, func(r *Rejection) { j.exemplify(r, s, prob.Field, prob.Detail) })
	j.countSite(s)
}
