package query

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/token"
	"weir/internal/usage"
)

// Engine runs statements. *clickhouse.Client does.
type Engine interface {
	Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error)
}

// Visibility knows what can be seen in SQL.
type Visibility interface {
	// AsOf is the time up to which everything that was acknowledged to the tenant can be seen; of all tenants, where none is named.
	AsOf(t tenant.ID) time.Time
	// VisibleTo says whether every row of the tenant up to the token can be seen.
	VisibleTo(t tenant.ID, to token.Token) bool
	// WaitVisibleTo returns nil when VisibleTo is true, or the error of ctx.
	WaitVisibleTo(ctx context.Context, t tenant.ID, to token.Token) error
}

// Data knows where a tenant's rows stand.
type Data interface {
	// DataVersion rises whenever what the tenant can see changes; settled says that no such change is under way.
	DataVersion(t tenant.ID) (version uint64, settled bool)
	// Snapshot names, for each partition that holds visible rows of the tenant, the offset up to which all can be seen.
	Snapshot(t tenant.ID) token.Token
	// Acknowledged names what was acknowledged until now.
	Acknowledged(t tenant.ID) token.Token
	// Given says whether the log has given away all that a token names, in partitions in which the tenant's events may lie.
	Given(t tenant.ID, to token.Token) bool
	// Distance is how far a token is from visible: log records and late rows that are to come, and for how long the oldest has waited.
	Distance(t tenant.ID, to token.Token) (records uint64, late int, lag time.Duration)
}

// Tenants knows tenants, without I/O.
type Tenants interface {
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
	// Strong says whether the tenant's questions wait for everything that was acknowledged before them.
	Strong(id tenant.ID) bool
}

// Properties knows the properties of a tenant's events; of the tenant "", those that all have in common.
type Properties interface {
	Properties(t tenant.ID) []event.Property
}

// Cache keeps answers until a tenant's data changes.
type Cache interface {
	// Load and Store find and keep a value at one version of the tenant's data.
	Load(t tenant.ID, key [32]byte, version uint64) (any, bool)
	Store(t tenant.ID, key [32]byte, version uint64, value any, bytes int)
	// Share lets one caller at a time run a question, and gives its answer to those who asked before it began.
	Share(ctx context.Context, t tenant.ID, key [32]byte, run func() (value any, shared bool)) (any, error)
	// EntryBytes is the largest answer that is kept.
	EntryBytes() int64
}

// Deps are what a Service works with. Engine and Visibility must be set.
type Deps struct {
	Engine     Engine
	Visibility Visibility
	Watcher    clickhouse.Watcher             // nil: cancelled statements are charged for what is known when they are
	Data       Data                           // nil: no answer is kept, and there are no snapshots
	Cache      Cache                          // nil: no answer is kept
	Tenants    Tenants                        // nil: no tenant has limits, masks or strong sources
	Gone       func() []tenant.ID             // of Scope; nil: none
	Limits     func(tenant.ID) catalog.Limits // nil: those of Tenants alone
	Properties Properties                     // nil: properties have no columns of their own
	LeftOut    func(tenant.ID) bool           // of Scope; nil: never
	Sessions   SessionDays                    // nil: sessions are made of the events, with the default timeout
	Rollups    rollup.Positions               // nil: rollups are computed from the events
	Lookups    Lookups                        // nil: there are no lookup tables
	MaskKey    []byte                         // the installation's secret behind hashes of masked columns
	Gate       usage.Gate                     // nil: everything is admitted at once
	Sink       usage.Sink                     // nil: nobody is told
	Pricer     usage.Pricer                   // nil: amounts are 0
	Audit      audit.Recorder                 // nil: nothing is recorded
}

// Question is one statement that somebody asks.
type Question struct {
	Who      tenant.Principal
	Door     string // DoorAPI, DoorClickHouse or DoorJob
	From     string // the address it came from
	SQL      string
	Params   map[string]string // typed placeholders, in the engine's text form
	Format   string            // of the answer; empty: the statement's own, or JSON
	QueryID  string            // empty: one is made
	Settings map[string]string // of the answer's form, and limits, which can only be lowered; the door has checked their names
	MinToken string            // wait until this can be seen
	AsOf     string            // see only this
	MaxCost  float64           // refuse what is expected to cost more; 0: no bound
	MaxBytes uint64            // refuse what is expected to read more; 0: no bound
	// Database is that of metadata whose relations need no database in front of them: system or information_schema; empty: none.
	Database string
	// AnyFormat also allows the binary formats of the ClickHouse protocol.
	AnyFormat bool
	// Running, if set, is told the id under which the engine runs the statement, and what it is expected to read, before it starts.
	Running func(engineID string, expected usage.Estimate)

	// Waiting, if set, is told how to learn what the statement waits for, when it has to wait for its turn.
	Waiting func(ask func() *usage.Wait)

	spent *usage.Cost // see Spent
}

// Spent is what a question has cost that gave no answer, or that was only planned; nil: nothing was run for it.
func (q *Question) Spent() *usage.Cost { return q.spent }

// The doors.
const (
	DoorAPI        = "api"
	DoorClickHouse = "clickhouse"
	DoorJob        = "job" // may run for Config.JobTime, and its answer is not taken from the cache
)

// Answer is a streamed answer. Cost and Summary are complete when Body was read to its end. Close must be called: it ends the
// statement if it still runs, and charges it.
type Answer struct {
	Body     io.ReadCloser
	Format   string
	QueryID  string
	AsOf     time.Time
	Snapshot string // a token that asks for these rows again; empty if unknown
	Cached   bool
	Summary  func() clickhouse.Summary
	Cost     func() usage.Cost

	masks []catalog.Mask // under which a job's was made
}

// Service runs tenants' statements: it checks them, waits for their turn, runs and charges them. The doors (Handler, the
// ClickHouse port, jobs) put questions to it. It is safe for concurrent use.
type Service struct {
	cfg      Config
	settings map[string]string
	long     map[string]string // settings of jobs
	guard    *Guard
	deps     Deps
	log      *slog.Logger
	metrics  *metrics
	texts    *usage.Texts
	recheck  time.Duration // recheckEvery
	checks   checks
	grace    time.Duration // after a statement's time, for the engine to end it by itself
	barrier2 bool          // always true, but in tests of barrier 1 alone
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
	job := cfg
	job.MaxTime = cfg.JobTime
	return &Service{cfg: cfg, settings: cfg.settings(), long: job.settings(), guard: NewGuard(), deps: d, log: log.With("component", "query"), metrics: m, texts: usage.NewTexts(), recheck: recheckEvery, grace: 5 * time.Second, barrier2: true}, nil
}

// Ask answers one question: from the cache, or by running it when its turn has come.
func (s *Service) Ask(ctx context.Context, q *Question) (*Answer, *problem.Problem) {
	watched, stop := tenant.Watch(ctx, q.Who, s.recheck)
	ans, p := s.answer(watched, q)
	if p != nil {
		stop()
		if why := tenant.Revoked(watched); why != nil {
			p = why
		}
	} else {
		ans.Body = &watchedBody{ans.Body, watched, stop}
	}
	s.audit(ctx, q, ans, p)
	return ans, p
}

// recheckEvery is how often it is asked whether who has put a question may still have the answer.
const recheckEvery = 3 * time.Second

// watchedBody ends when whoever asked may not have the answer any more: the error is then the *problem.Problem that says so.
type watchedBody struct {
	io.ReadCloser
	watched context.Context
	stop    func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if why := tenant.Revoked(b.watched); why != nil {
		return 0, why
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		if why := tenant.Revoked(b.watched); why != nil {
			err = why
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	b.stop()
	return b.ReadCloser.Close()
}

func (s *Service) answer(ctx context.Context, q *Question) (*Answer, *problem.Problem) {
	a, p := s.asking(q)
	if p != nil {
		return nil, p
	}
	if p := a.settle(ctx); p != nil {
		return nil, p
	}
	if a.keeps() {
		return a.fromCache(ctx)
	}
	if p := a.prepare(); p != nil {
		return nil, p
	}
	return a.run(ctx)
}

// Problem says what an error of reading the body of the answer to q means.
func (s *Service) Problem(ctx context.Context, q *Question, err error) *problem.Problem {
	return (&asking{Service: s, q: q}).problem(ctx, err)
}
