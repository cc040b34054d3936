package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/token"
)

// Engine runs statements. *clickhouse.Client does.
type Engine interface {
	Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error)
}

// Visibility knows what can be seen in SQL.
type Visibility interface {
	// AsOf is the time up to which everything that was acknowledged can be seen.
	AsOf() time.Time
	// Visible says whether the record at offset of the partition can be seen.
	Visible(partition uint16, offset uint64) bool
	// WaitVisible returns nil when every offset (by partition) can be seen, or the error of ctx.
	WaitVisible(ctx context.Context, offsets map[uint16]uint64) error
}

// Handler serves POST /api/v1/query. It is safe for concurrent use.
type Handler struct {
	cfg      Config
	settings map[string]string
	guard    *Guard
	engine   Engine
	visible  Visibility
	log      *slog.Logger
	metrics  *metrics
	barrier2 bool // always true, but in tests of barrier 1 alone
}

// New returns a handler. It does no I/O.
func New(cfg Config, e Engine, v Visibility, log *slog.Logger, reg prometheus.Registerer) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("query metrics: %w", err)
	}
	cfg = cfg.withDefaults()
	return &Handler{cfg: cfg, settings: cfg.settings(), guard: NewGuard(), engine: e, visible: v,
		log: log.With("component", "query"), metrics: m, barrier2: true}, nil
}

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
	if p := who.Require(tenant.RoleAnalyst); p != nil {
		return p
	}
	id, p := who.RequireTenant()
	if p != nil {
		return p
	}
	q, p := readRequest(w, r)
	if p != nil {
		return p
	}
	return h.run(w, r, id, q)
}

func (h *Handler) run(w http.ResponseWriter, r *http.Request, id tenant.ID, q *request) *problem.Problem {
	checked, err := h.guard.Check(q.SQL, id)
	if err != nil {
		return refused(err)
	}
	f, p := pickFormat(q.Format, checked.Format)
	if p != nil {
		return p
	}
	params, p := q.params()
	if p != nil {
		return p
	}
	if p := h.await(r.Context(), q.MinToken); p != nil {
		return p
	}
	asOf := h.visible.AsOf()
	st := clickhouse.Statement{SQL: checked.SQL, Params: params, Settings: h.settings, Format: f.name, Comment: "query/" + string(id), Tenant: string(id)}
	if !h.barrier2 {
		st.Tenant = ""
	}
	// The engine has its own clock; this one is for an engine that does not answer at all.
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.MaxTime+5*time.Second)
	defer cancel()
	res, err := h.engine.Query(ctx, st)
	if err != nil {
		return h.engineProblem(r.Context(), err)
	}
	defer res.Body.Close()
	return h.answer(w, r, f, res, asOf)
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
func (h *Handler) await(ctx context.Context, text string) *problem.Problem {
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
	if err := h.visible.WaitVisible(wait, offsets); err == nil {
		return nil
	}
	pending := 0
	for part, off := range offsets {
		if !h.visible.Visible(part, off) {
			pending++
		}
	}
	if pending == 0 {
		return nil
	}
	return problem.New(http.StatusServiceUnavailable, "not_visible_yet",
		"after %v, %d of the %d partitions that min_token names are not visible yet; what can be seen is complete up to %s. Try again",
		h.cfg.TokenWait, pending, len(offsets), h.visible.AsOf().UTC().Format(timeFormat)).WithField("min_token").WithRetry(time.Second)
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
