package httpapi

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// asks says whether an operation is a question about a site, which may take long. Live streams look after themselves.
func asks(op *huma.Operation) bool {
	return strings.HasPrefix(op.Path, "/api/v1/analytics/") && !changes(op) && op.OperationID != "live"
}

// ask answers a question about a site for as long as who asks may have the answer. It returns why they may not any more: then that was answered.
func (a *API) ask(ctx lenient, p tenant.Principal, next func(huma.Context)) *problem.Problem {
	watched, stop := tenant.Watch(ctx.Context(), p, a.cfg.Recheck)
	defer stop()
	x := &revocable{lenient: lenient{huma.WithContext(ctx, watched)}}
	next(x)
	if x.why != nil {
		_, w := humago.Unwrap(ctx)
		x.why.Write(w)
	}
	return x.why
}

// revocable holds back an answer that is about to be given to somebody who may not have it any more, as a rule the one that the caller has gone.
type revocable struct {
	lenient
	why *problem.Problem
}

func (x *revocable) SetStatus(code int) {
	if x.why = tenant.Revoked(x.Context()); x.why == nil {
		x.lenient.SetStatus(code)
	}
}

func (x *revocable) BodyWriter() io.Writer {
	if x.why != nil {
		return io.Discard
	}
	return x.lenient.BodyWriter()
}

// leash ends an answer that takes data out when whoever gets it may not have it any more. It panics with http.ErrAbortHandler: nothing else tells the client that it is not whole.
type leash struct {
	http.ResponseWriter
	watched context.Context
	cut     *problem.Problem
}

// Unwrap serves http.ResponseController.
func (l *leash) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// Write implements http.ResponseWriter.
func (l *leash) Write(b []byte) (int, error) {
	if l.cut = tenant.Revoked(l.watched); l.cut != nil {
		panic(http.ErrAbortHandler)
	}
	return l.ResponseWriter.Write(b)
}
