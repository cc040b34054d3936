package query

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/token"
)

// Handler serves POST /api/v1/query. It is safe for concurrent use.
type Handler struct{ *Service }

// NewHandler returns the door to s.
func NewHandler(s *Service) *Handler { return &Handler{s} }

// ServeHTTP answers one query of the request's principal, an analyst at least.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	outcome := "ok"
	if p := h.serve(w, r); p != nil {
		outcome = p.Code
		if p.Status >= 500 && p.Code != "engine_unavailable" && p.Code != "not_visible_yet" {
			h.log.Error("query failed", "code", p.Code, "detail", p.Detail)
		}
		p.Write(w)
	}
	h.metrics.done(outcome, time.Since(start))
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) *problem.Problem {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return problem.New(http.StatusMethodNotAllowed, "method_not_allowed", "send the query with POST")
	}
	who, err := tenant.From(r.Context())
	if err != nil {
		return problem.New(http.StatusUnauthorized, "unauthenticated", "send a key: Authorization: Bearer <key>")
	}
	q, p := readRequest(w, r)
	if p != nil {
		return p
	}
	params, p := q.params()
	if p != nil {
		return p
	}
	a, p := h.Ask(r.Context(), &Question{Who: who, Door: "api", From: r.RemoteAddr, SQL: q.SQL, Params: params, Format: q.Format, MinToken: q.MinToken})
	if p != nil {
		return p
	}
	defer a.Body.Close()
	return h.answer(w, r, a)
}

// pickFormat takes the format of the request, or else the statement's own, or else JSON.
func pickFormat(asked, stated string) (format, *problem.Problem) {
	name := asked
	if name == "" {
		name = stated
	}
	if name == "" {
		name = "JSON"
	}
	f, ok := formatByName(name)
	if !ok {
		detail := fmt.Sprintf("format %q is not offered; use one of %s", name, formatNames())
		if n := nearest(name, formatSeq); n != "" {
			detail += "; did you mean " + n + "?"
		}
		return f, problem.New(http.StatusUnprocessableEntity, "unknown_format", "%s", detail).WithField("format")
	}
	return f, nil
}

// await waits until what the token names can be seen, for a bounded time.
func (h *Service) await(ctx context.Context, text string) *problem.Problem {
	if text == "" {
		return nil
	}
	tok, err := token.Parse(text)
	if err != nil {
		return problem.New(http.StatusUnprocessableEntity, "bad_token", "min_token: %v", err).WithField("min_token")
	}
	offsets := map[uint16]uint64{}
	for _, p := range tok {
		offsets[p.Partition] = p.Offset
	}
	wait, cancel := context.WithTimeout(ctx, h.cfg.TokenWait)
	defer cancel()
	if err := h.deps.Visibility.WaitVisible(wait, offsets); err == nil {
		return nil
	}
	pending := 0
	for part, off := range offsets {
		if !h.deps.Visibility.Visible(part, off) {
			pending++
		}
	}
	if pending == 0 {
		return nil
	}
	return problem.New(http.StatusServiceUnavailable, "not_visible_yet",
		"after %v, %d of the %d partitions that min_token names are not visible yet; what can be seen is complete up to %s. Try again",
		h.cfg.TokenWait, pending, len(offsets), h.deps.Visibility.AsOf().UTC().Format(timeFormat)).WithField("min_token").WithRetry(time.Second)
}

// timeFormat is how times are written in answers.
const timeFormat = "2006-01-02T15:04:05.000Z"

func refused(err error) *problem.Problem {
	var r *Refusal
	if !errors.As(err, &r) {
		return problem.New(http.StatusInternalServerError, "internal", "the query could not be checked")
	}
	status := http.StatusBadRequest
	if r.Code == CodeTooLong {
		status = http.StatusRequestEntityTooLarge
	}
	p := problem.New(status, r.Code, "%s", r.Error()).WithField("sql")
	if r.Code == CodeTooLong {
		p = p.WithLimit("statement_bytes", MaxText)
	}
	return p
}
