package query

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
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

// Deps are what a Service works with. Engine and Visibility must be set.
type Deps struct {
	Engine     Engine
	Visibility Visibility
	Gate       usage.Gate   // nil: everything is admitted at once
	Sink       usage.Sink   // nil: nobody is told
	Pricer     usage.Pricer // nil: amounts are 0
}

// Question is one statement that somebody asks.
type Question struct {
	Who      tenant.Principal
	Door     string // "api", "clickhouse", "job": for metrics and records
	From     string // the address it came from
	SQL      string
	Params   map[string]string // typed placeholders, in the engine's text form
	Format   string            // of the answer; empty: the statement's own, or JSON
	QueryID  string            // empty: one is made
	Settings map[string]string // of the answer's form only; the door has checked their names
	MinToken string            // wait until this can be seen
	AsOf     string            // see only this
	MaxCost  float64           // refuse what is expected to cost more; 0: no bound
	MaxBytes uint64            // refuse what is expected to read more; 0: no bound
	// AnyFormat also allows the binary formats of the ClickHouse protocol.
	AnyFormat bool
}

// Answer is a streamed answer. Cost and Summary are complete when Body was read to its end. Close must be called: it ends the
// statement if it still runs, and charges it.
type Answer struct {
	Body    io.ReadCloser
	Format  string
	QueryID string
	AsOf    time.Time
	Cached  bool
	Summary func() clickhouse.Summary
	Cost    func() usage.Cost
}

// Service runs tenants' statements: it checks them, waits for their turn, runs and charges them. The doors (Handler, the
// ClickHouse port, jobs) put questions to it. It is safe for concurrent use.
type Service struct {
	cfg      Config
	settings map[string]string
	guard    *Guard
	deps     Deps
	log      *slog.Logger
	metrics  *metrics
	barrier2 bool // always true, but in tests of barrier 1 alone
}

// NewService returns a service. It does no I/O.
func NewService(cfg Config, d Deps, log *slog.Logger, reg prometheus.Registerer) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("query metrics: %w", err)
	}
	cfg = cfg.withDefaults()
	return &Service{cfg: cfg, settings: cfg.settings(), guard: NewGuard(), deps: d, log: log.With("component", "query"), metrics: m, barrier2: true}, nil
}

// Ask runs one question.
func (s *Service) Ask(ctx context.Context, q *Question) (*Answer, *problem.Problem) {
	if p := q.Who.Require(tenant.RoleAnalyst); p != nil {
		return nil, p
	}
	id, p := q.Who.RequireTenant()
	if p != nil {
		return nil, p
	}
	checked, err := s.guard.Check(q.SQL, Scope{Tenant: id, Params: q.Params})
	if err != nil {
		return nil, refused(err)
	}
	f, p := pickFormat(q.Format, checked.Format)
	if p != nil {
		return nil, p
	}
	if p := s.await(ctx, q.MinToken); p != nil {
		return nil, p
	}
	asOf := s.deps.Visibility.AsOf()
	st := clickhouse.Statement{SQL: checked.SQL, Params: q.Params, Settings: s.settings, Format: f.name, QueryID: q.QueryID, Comment: "query/" + string(id), Tenant: string(id)}
	if !s.barrier2 {
		st.Tenant = ""
	}
	// The engine has its own clock; this one is for an engine that does not answer at all.
	run, cancel := context.WithTimeout(ctx, s.cfg.MaxTime+5*time.Second)
	res, err := s.deps.Engine.Query(run, st)
	if err != nil {
		cancel()
		return nil, s.engineProblem(ctx, err)
	}
	body := &answerBody{ReadCloser: res.Body, left: s.cfg.MaxResult, cancel: cancel}
	body.done = func() { s.charge(res.Summary()) }
	return &Answer{Body: body, Format: f.name, QueryID: st.QueryID, AsOf: asOf, Summary: res.Summary,
		Cost: func() usage.Cost { return costOf(res.Summary()) }}, nil
}

// Problem says what an error of reading an answer's body means.
func (s *Service) Problem(ctx context.Context, err error) *problem.Problem {
	return s.engineProblem(ctx, err)
}

// answerBody ends a body that is longer than the limit on answers with an error, and charges the statement at the end.
type answerBody struct {
	io.ReadCloser
	left   int64
	cancel context.CancelFunc
	done   func()
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// Close implements io.Closer. A second call does nothing.
func (b *answerBody) Close() error {
	if b.done == nil {
		return nil
	}
	err := b.ReadCloser.Close()
	b.cancel()
	b.done()
	b.done = nil
	return err
}

func (s *Service) charge(sum clickhouse.Summary) {
	s.metrics.cpu.Add(sum.CPU.Seconds())
	s.metrics.read.Add(float64(sum.ReadBytes))
}

func costOf(s clickhouse.Summary) usage.Cost {
	return usage.Cost{CPUSeconds: s.CPU.Seconds(), MemoryBytes: s.PeakMemory, RowsRead: s.ReadRows, BytesRead: s.ReadBytes}
}
