package query

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"weir/internal/problem"
	"weir/internal/token"
)

// readTokens reads min_token and as_of, and what a strong source demands.
func (a *asking) readTokens() *problem.Problem {
	if a.q.MinToken != "" {
		t, p := a.readToken("min_token", a.q.MinToken)
		if p != nil {
			return p
		}
		a.min = t
	}
	if a.q.AsOf != "" {
		t, p := a.readToken("as_of", a.q.AsOf)
		if p != nil {
			return p
		}
		if p := a.complete(t); p != nil {
			return p
		}
		a.scope.AsOf = t
		a.min = a.min.Merge(t...)
	}
	if a.deps.Tenants != nil && a.deps.Data != nil && !a.scope.All && a.deps.Tenants.Strong(a.scope.Tenant) {
		a.min = a.min.Merge(a.deps.Data.Acknowledged(a.scope.Tenant)...)
	}
	return nil
}

// readToken reads a token that the log has given away for events of the tenant. Waiting for another would be in vain, or tell how much others send.
func (a *asking) readToken(field, text string) (token.Token, *problem.Problem) {
	t, err := token.Parse(text)
	if err != nil {
		return nil, problem.New(http.StatusUnprocessableEntity, "bad_token", "%s: %v", field, err).WithField(field)
	}
	if a.deps.Data != nil && !a.deps.Data.Given(a.scope.Tenant, t) {
		return nil, problem.New(http.StatusUnprocessableEntity, "unknown_token", "%s names events that this log does not have for this tenant; use a token that was returned to it", field).WithField(field)
	}
	return t, nil
}

// complete refuses an as_of that leaves partitions of the tenant out: of those nothing would be seen, and that is hardly what was meant. The empty token
// is the snapshot of an empty log.
func (a *asking) complete(t token.Token) *problem.Problem {
	if a.deps.Data == nil || len(t) == 0 {
		return nil
	}
	named := map[uint16]bool{}
	for _, p := range t {
		named[p.Partition] = true
	}
	all := a.deps.Data.Snapshot(a.scope.Tenant)
	missing := 0
	for _, p := range all {
		if !named[p.Partition] {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	return problem.New(http.StatusUnprocessableEntity, "incomplete_token",
		"as_of names %d of the %d partitions that hold this tenant's events; a token of an acknowledgement names only what it touched: take the snapshot of an earlier answer (%s)",
		len(all)-missing, len(all), headerSnapshot).WithField("as_of")
}

// settle waits until what the question demands can be seen. A statement that the guard refuses does not wait.
func (a *asking) settle(ctx context.Context) *problem.Problem {
	if len(a.min) == 0 {
		return nil
	}
	if a.deps.Visibility.VisibleTo(a.scope.Tenant, a.min) {
		return nil
	}
	// A name that is not known may be that of a property that the token's events bring.
	if p := a.prepare(); p != nil && p.Code != CodeUnknownColumn {
		return p
	}
	a.checked = nil // properties may come, or widen, meanwhile
	wait, cancel := context.WithTimeout(ctx, a.cfg.TokenWait)
	defer cancel()
	if err := a.deps.Visibility.WaitVisibleTo(wait, a.scope.Tenant, a.min); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return gone()
	}
	return a.tooFar()
}

// waitsFor names what demands the wait: a field of the request, or the source's.
func (a *asking) waitsFor() string {
	switch {
	case a.q.AsOf != "":
		return "as_of"
	case a.q.MinToken != "":
		return "min_token"
	}
	return "strong"
}

// tooFar says how far away it is what the question waits for.
func (a *asking) tooFar() *problem.Problem {
	pending := 0
	for _, p := range a.min {
		if !a.deps.Visibility.VisibleTo(a.scope.Tenant, token.Token{p}) {
			pending++
		}
	}
	if pending == 0 {
		return nil
	}
	far := ""
	if a.deps.Data != nil {
		records, late, lag := a.deps.Data.Distance(a.scope.Tenant, a.min)
		far = fmt.Sprintf(" (%d log records and %d late rows are to come, the oldest is %.1f seconds behind)", records, late, lag.Seconds())
	}
	return problem.New(http.StatusServiceUnavailable, "not_visible_yet",
		"after %v, %d of the %d partitions that %s names are not visible yet%s; what can be seen is complete up to %s. Try again",
		a.cfg.TokenWait, pending, len(a.min), a.waitsFor(), far, a.deps.Visibility.AsOf(a.scope.Tenant).UTC().Format(timeFormat)).WithField(a.waitsFor()).WithRetry(time.Second)
}

// snapshot is the text of the token of what can be seen now; of what the question itself asks for.
func (a *asking) snapshot() string {
	switch {
	case a.q.AsOf != "":
		return a.q.AsOf
	case a.deps.Data == nil:
		return ""
	}
	return a.deps.Data.Snapshot(a.scope.Tenant).String()
}

// gone says that nobody waits for the answer any more.
func gone() *problem.Problem { return problem.New(499, "client_gone", "the client closed the request") }

// timeFormat is how times are written in answers.
const timeFormat = "2006-01-02T15:04:05.000Z"
