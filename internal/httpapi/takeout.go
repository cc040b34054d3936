package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"weir/internal/audit"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Exported serves a plain handler that takes data out: it is recorded as audit.Export, durably before the first byte of its answer. The request's context must
// carry the principal.
func (a *API) Exported(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := tenant.From(r.Context())
		if err != nil || a.cfg.Audit == nil {
			h.ServeHTTP(w, r) // without a principal it refuses by itself
			return
		}
		o := origin.From(r.Context())
		a.recordedOut(r.Context(), w, p, audit.Entry{Tenant: p.Tenant, Actor: p.Actor(), Role: p.Role, Action: audit.Export, Target: r.URL.Path, From: o.String(), Door: "api",
			Outcome: audit.OK, Request: o.Request}, func(ctx context.Context, w http.ResponseWriter) { h.ServeHTTP(w, r.WithContext(ctx)) })
	})
}

// recordedOut runs something that streams data out, and records it before the first byte; what is refused, when it has ended. Beyond the rights of who asked it is cut
// off, which is recorded too.
func (a *API) recordedOut(ctx context.Context, w http.ResponseWriter, p tenant.Principal, e audit.Entry, run func(ctx context.Context, w http.ResponseWriter)) {
	watched, stop := tenant.Watch(ctx, p, a.cfg.Recheck)
	defer stop()
	t := &takeout{ResponseWriter: w, api: a, entry: e, record: func() error { return a.cfg.Audit.Append(ctx, e) }}
	defer t.end()
	l := &leash{ResponseWriter: t, watched: watched}
	defer func() {
		if l.cut != nil {
			e.Outcome = l.cut.Code
			a.cfg.Audit.Record(e)
		}
	}()
	run(watched, l)
}

// takeout is an answer that does not begin before it is recorded.
type takeout struct {
	http.ResponseWriter
	api     *API
	entry   audit.Entry
	record  func() error // returns when the entry is durable
	status  int          // 0 until the head was written
	refused bytes.Buffer // the beginning of an answer that is a problem
	barred  bool         // it could not be recorded: the problem of that was answered
}

const maxRefused = 16 << 10

var errNotRecorded = errors.New("the answer is withheld, because it could not be recorded in the audit log")

// Unwrap serves http.ResponseController.
func (t *takeout) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (t *takeout) WriteHeader(status int) {
	if t.status != 0 || status < 200 {
		if !t.barred {
			t.ResponseWriter.WriteHeader(status)
		}
		return
	}
	t.status = status
	if status >= 400 {
		t.ResponseWriter.WriteHeader(status)
		return
	}
	if err := t.record(); err != nil {
		t.bar(err)
		return
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *takeout) bar(err error) {
	t.barred = true
	t.api.log.Error("an export could not be recorded in the audit log", "operation", t.entry.Action, "error", err)
	for name := range t.Header() {
		switch name {
		case "Content-Length", "Content-Type", "Content-Range", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified", "Accept-Ranges", "Trailer":
			t.Header().Del(name)
		}
	}
	problem.New(http.StatusServiceUnavailable, "audit_unavailable", "this could not be recorded in the audit log, so nothing was sent: try again").WithRetry(time.Second).Write(t.ResponseWriter)
}

// Write implements http.ResponseWriter.
func (t *takeout) Write(p []byte) (int, error) {
	if t.status == 0 {
		t.WriteHeader(http.StatusOK)
	}
	if t.barred {
		return 0, errNotRecorded
	}
	if t.status >= 400 {
		t.refused.Write(p[:min(len(p), maxRefused-t.refused.Len())])
	}
	return t.ResponseWriter.Write(p)
}

// end records what was refused, or ended without a byte.
func (t *takeout) end() {
	if t.status > 0 && t.status < 400 {
		return
	}
	switch {
	case t.status >= 400:
		t.entry.Outcome = outcomeOf(t.status, t.refused.Bytes())
	default: // nothing was written: a panic, or an empty answer
		t.entry.Outcome = "cut_off"
	}
	t.api.cfg.Audit.Record(t.entry)
}
