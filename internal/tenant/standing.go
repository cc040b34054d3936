package tenant

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"weir/internal/problem"
)

// Standing tells an answer that goes on for long whether it still may.
type Standing struct {
	// Check authenticates the request once more: a key may have been revoked, a session have ended. It is cheap enough for every few seconds.
	Check func() (Principal, *problem.Problem)
	// Stopping is closed when the server stops: answers that have no end of their own end then. nil: never.
	Stopping <-chan struct{}
}

// CodeSuspended is the code of every refusal because a tenant is suspended.
const CodeSuspended = "tenant_suspended"

// CodeExpired is the code of every refusal because a key has expired.
const CodeExpired = "key_expired"

// Suspended is the answer to whoever asks or sends for a suspended tenant. 403 is what the clients of all protocols take for final: they keep nothing to send
// it again, which after days would be more than a tenant may send at once. reason is shown only to those who have shown who they are; it may be empty.
func Suspended(id ID, reason string) *problem.Problem {
	if reason != "" {
		reason = " (" + reason + ")"
	}
	return problem.New(403, CodeSuspended, "the tenant %s is suspended%s: its events are not taken and its questions not answered, and nothing of it is deleted; ask whoever operates this installation to resume it", id, reason)
}

type standingKey struct{}

// WithStanding returns a context that carries s.
func WithStanding(ctx context.Context, s Standing) context.Context {
	return context.WithValue(ctx, standingKey{}, s)
}

// StandingOf returns the context's Standing. Without one, whoever the context's principal is stays it.
func StandingOf(ctx context.Context) Standing {
	s, ok := ctx.Value(standingKey{}).(Standing)
	if !ok || s.Check == nil {
		s.Check = func() (Principal, *problem.Problem) {
			p, err := From(ctx)
			if err != nil {
				return p, problem.New(401, "unauthenticated", "send a key: Authorization: Bearer <key>")
			}
			return p, nil
		}
	}
	return s
}

// CodePrincipalChanged is the code of an answer that ends because who asked has other rights by now.
const CodePrincipalChanged = "principal_changed"

// Watch returns a context that also ends when ctx's Standing says that who may not have the answer any more, or not as the same principal; a
// *problem.Problem is then its cause. It is asked every so often, from memory, until stop is called, which must be. A context without a Standing is
// returned as it is.
func Watch(ctx context.Context, who Principal, every time.Duration) (watched context.Context, stop func()) {
	s, ok := ctx.Value(standingKey{}).(Standing)
	if !ok || s.Check == nil {
		return ctx, func() {}
	}
	w := &watch{check: s.Check, who: who, every: every}
	watched, w.cancel = context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(every, w.look)
	return watched, w.stop
}

// Revoked says why an answer that is watched has ended before its time; nil: not for that reason.
func Revoked(watched context.Context) *problem.Problem {
	var p *problem.Problem
	if watched.Err() == nil || !errors.As(context.Cause(watched), &p) {
		return nil
	}
	switch p.Code {
	case CodeSuspended, CodeExpired, CodePrincipalChanged:
		return p
	}
	return problem.New(http.StatusForbidden, "access_revoked", "whoever asked may not have the answer any more, and it was ended: the key was deleted, the token has expired, the user was removed or signed out, or the tenant is deleted")
}

// watch looks after one answer.
type watch struct {
	check  func() (Principal, *problem.Problem)
	who    Principal
	every  time.Duration
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

func (w *watch) look() {
	now, p := w.check()
	switch {
	case p == nil && now == w.who:
	case p == nil:
		w.cancel(problem.New(http.StatusForbidden, CodePrincipalChanged, "the key or the user has other rights now; ask again"))
		return
	case p.Status < 500 && p.Status != http.StatusTooManyRequests: // else nobody can say so now
		w.cancel(p)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.timer.Reset(w.every)
	}
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
	w.cancel(nil)
}
