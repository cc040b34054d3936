package tenant

import (
	"context"

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
