package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Handler serves POST /api/v1/query. It is safe for concurrent use.
type Handler struct {
	*Service
	// Jobs runs what is asked for with async; nil: nothing.
	Jobs Jobs
}

// NewHandler returns the door to s.
func NewHandler(s *Service) *Handler { return &Handler{Service: s} }

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
	defer usage.Label(r.Context(), usage.Query, who.Tenant)()
	q, p := readRequest(w, r)
	if p != nil {
		return p
	}
	ask, p := q.question(who, r)
	if p != nil {
		return p
	}
	switch {
	case q.DryRun:
		return h.plan(w, r, ask)
	case q.wantsJob(r):
		return h.startJob(w, r, ask)
	}
	a, p := h.Ask(r.Context(), ask)
	if p != nil {
		tellSpent(w, ask)
		return p
	}
	defer a.Body.Close()
	return h.answer(w, r, a)
}

func tellSpent(w http.ResponseWriter, q *Question) {
	if c := q.Spent(); c != nil {
		w.Header().Set(headerCost, costHeader(*c))
	}
}

// plan answers a dry run. With Prefer: handling=lenient, what is wrong with the statement is part of the answer: who asks while somebody writes expects that,
// and browsers list each 4xx as an error of the page.
func (h *Handler) plan(w http.ResponseWriter, r *http.Request, ask *Question) *problem.Problem {
	plan, p := h.Plan(r.Context(), ask)
	tellSpent(w, ask)
	out := map[string]any{"estimate": plan}
	if p != nil {
		ofStatement := p.Status == http.StatusBadRequest || p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusRequestEntityTooLarge
		if !ofStatement || !prefers(r.Header, "handling", "lenient") {
			return p
		}
		out["estimate"], out["problem"] = nil, p
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(out); err != nil && r.Context().Err() == nil {
		h.log.Warn("an estimate was cut off", "error", err)
	}
	return nil
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
		return f, problem.New(http.StatusUnprocessableEntity, CodeUnknownFormat, "%s", detail).WithField("format")
	}
	return f, nil
}

func refused(err error) *problem.Problem {
	var r *Refusal
	if !errors.As(err, &r) {
		return problem.New(http.StatusInternalServerError, "internal", "the query could not be checked")
	}
	status := http.StatusBadRequest
	if r.Code == CodeTooLong {
		status = http.StatusRequestEntityTooLarge
	}
	field := "sql"
	if r.Field != "" {
		status, field = http.StatusUnprocessableEntity, r.Field
	}
	if r.Code == CodeUnknownFormat { // as where the request names it
		status = http.StatusUnprocessableEntity
	}
	p := problem.New(status, r.Code, "%s", r.Error()).WithField(field)
	if r.Code == CodeTooLong {
		p = p.WithLimit("statement_bytes", MaxText)
	}
	return p
}
