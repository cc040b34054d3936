package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Engine runs statements. *clickhouse.Client does.
type Engine interface {
	Rows(ctx context.Context, s clickhouse.Statement, fn func(row []any) error) (clickhouse.Summary, error)
}

// Sources finds a source by its site_id or an alias.
type Sources interface {
	SourceBySite(siteOrAlias string) (catalog.Source, catalog.Tenant, bool)
}

// Clock knows how far what can be seen reaches.
type Clock interface {
	// AsOf is the time up to which everything that was acknowledged to a tenant can be seen.
	AsOf(t tenant.ID) time.Time
	// CompleteUntil is the event time up to which answers to a tenant are settled.
	CompleteUntil(t tenant.ID) time.Time
	// Reached is AsOf but for rows that are so late that they wait, which no question about the last minutes looks at.
	Reached() time.Time
}

// Config bounds a report. Zero values stand for the defaults.
type Config struct {
	MaxTime   time.Duration // run time; 15 s
	MaxMemory int64         // bytes that the engine may use; 2 GiB
	TokenWait time.Duration // how long a report waits for what a strong source demands; 5 s
	// Rollups are those that may be read; nil: rollup.All. An empty list reads raw events only.
	Rollups []rollup.Rollup
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.MaxTime < 0 {
		errs = append(errs, fmt.Errorf("query.timeout is %v, it must not be negative", c.MaxTime))
	}
	if c.MaxMemory < 0 {
		errs = append(errs, fmt.Errorf("report.max_memory is %d, it must not be negative", c.MaxMemory))
	}
	return errors.Join(errs...)
}

// Reporter answers questions. It is safe for concurrent use.
type Reporter struct {
	cfg      Config
	settings map[string]string
	deps     Deps
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics
	zones    sync.Map // *time.Location by name: reading one from the database takes longer than an answer

	links   knownLinks
	reaches reaches
	texts   *usage.Texts

	large  large
	ties   ties
	tied   tiedBounds // maxTied; a seam of tests
	crowds ties       // the same of cohorts that have more ids than are passed on
	live   hubs
	// liveTimes are seams of tests.
	liveTimes struct{ heartbeat, recheck, pause time.Duration }

	mu      sync.Mutex
	rows    map[string]uint64 // by rollup.ID
	counted time.Time
}

// New returns a reporter. It does no I/O.
func New(cfg Config, d Deps, log *slog.Logger, reg prometheus.Registerer) (*Reporter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.MaxTime == 0 {
		cfg.MaxTime = 15 * time.Second
	}
	if cfg.MaxMemory == 0 {
		cfg.MaxMemory = 2 << 30
	}
	if cfg.TokenWait == 0 {
		cfg.TokenWait = 5 * time.Second
	}
	if cfg.Rollups == nil {
		cfg.Rollups = rollup.All
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("report metrics: %w", err)
	}
	r := &Reporter{tied: maxTied, cfg: cfg, deps: d, now: time.Now, log: log.With("component", "report"), metrics: m, texts: usage.NewTexts(),
		settings: map[string]string{
			"max_execution_time":    strconv.FormatFloat(cfg.MaxTime.Seconds(), 'f', -1, 64),
			"timeout_overflow_mode": "throw",
			"max_memory_usage":      strconv.FormatInt(cfg.MaxMemory, 10),
		}}
	r.liveTimes.heartbeat, r.liveTimes.recheck, r.liveTimes.pause = liveHeartbeat, liveRecheck, livePause
	return r, nil
}

// Row is one row of an answer, with its columns in order.
type Row struct {
	names  []string
	values []any
}

// MarshalJSON writes the row as an object.
func (r Row) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, n := range r.names {
		if i > 0 {
			b = append(b, ',')
		}
		k, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(told(n, r.values[i]))
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, k...), ':'), v...)
	}
	return append(b, '}'), nil
}

// tries is how often a question is put again because the projection overtook it; then only raw events are read.
const tries = 3

// Answer answers a question. The rows are in order: by time, then the largest group first.
func (r *Reporter) Answer(ctx context.Context, q Question) ([]Row, error) {
	return r.answer(ctx, &tally{}, q)
}

// answerEvents answers a question about events, and notes in t what the statements used.
func (r *Reporter) answerEvents(ctx context.Context, t *tally, q Question) (answered, error) {
	if a, ok, err := r.byEvents(ctx, t, q); ok || err != nil {
		return a, err
	}
	q, err := r.ofReport(ctx, t, q, nil)
	if err != nil {
		return answered{}, err
	}
	p := choose(q, r.cfg.Rollups, r.sizes(ctx))
	for try := 0; p.rollup != nil && try < tries; try++ {
		// Positions after the days: what has come to a day since is behind its positions, and a rollup's are not older.
		p = r.planned(q, plan{rollup: p.rollup, from: p.from, to: p.to})
		p.committed, p.positions = r.committed(), r.deps.Positions.Positions(p.rollup.Name)
		a, overtaken, err := r.counts(ctx, t, q, p)
		if err != nil {
			return answered{}, err
		}
		if !overtaken {
			r.metrics.answers.WithLabelValues(p.rollup.Name).Inc()
			return a, nil
		}
		r.metrics.overtaken.Inc()
	}
	raw := r.planned(q, rawOnly)
	raw.committed = r.committed()
	a, _, err := r.counts(ctx, t, q, raw)
	if err == nil {
		r.metrics.answers.WithLabelValues("raw").Inc()
	}
	return a, err
}

// committed are the last rows that can be seen, by writer.
func (r *Reporter) committed() map[uint16]uint64 {
	main, late := r.deps.Positions.Committed()
	return map[uint16]uint64{writerMain: main, writerLate: late}
}

// sizesEvery is how old the numbers of rows may be.
const sizesEvery = time.Minute

// sizes returns the number of rows of each rollup's table, of all tenants: a hint for the plan. It is empty when there is nothing to choose
// or the engine does not say.
func (r *Reporter) sizes(ctx context.Context) map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cfg.Rollups) < 2 || time.Since(r.counted) < sizesEvery {
		return r.rows
	}
	r.counted = time.Now() // also after a failure: no need to hurry
	rows := map[string]uint64{}
	st := clickhouse.Statement{SQL: sizesSQL, Settings: r.settings, Comment: "report"}
	if _, err := r.deps.Engine.Rows(ctx, st, func(row []any) error {
		name, ok := row[0].(string)
		n, err := unsigned(row[1])
		if ok && err == nil {
			rows[name] = n
		}
		return err
	}); err == nil {
		r.rows = rows
	}
	return r.rows
}

const sizesSQL = "SELECT table, sum(rows) FROM system.parts WHERE active AND database = '" + rollup.Database + "' GROUP BY table"

// ask runs one statement. overtaken says that the rollup already held rows behind the positions that were used.
func (r *Reporter) ask(ctx context.Context, t *tally, q Question, p plan, c precision) (a answered, overtaken bool, err error) {
	st := build(q, p, c)
	names, sums := q.names(), q.summedMetrics()
	a.rows = []Row{}
	var whole []any
	err = r.statement(ctx, t, clickhouse.Statement{SQL: st.sql, Params: st.params, Comment: "report/" + q.Tenant}, func(raw []any) error {
		want := len(names) + len(sums)
		if p.rollup != nil {
			want += 2
		}
		if q.along {
			want++
		}
		if len(raw) != want {
			return fmt.Errorf("report: the engine's row has %d columns, want %d", len(raw), want)
		}
		if p.rollup != nil {
			for i, w := range []uint16{writerMain, writerLate} {
				seen, err := unsigned(raw[len(names)+i])
				if err != nil {
					return err
				}
				overtaken = overtaken || seen > p.positions[w]
			}
		}
		if len(sums) > 0 && a.total == nil { // they are the same in every row
			a.total = map[string]any{}
			for i, m := range sums {
				a.total[m] = raw[want-len(sums)+i]
			}
		}
		values := slices.Clone(raw[:len(names)])
		if q.along && fmt.Sprint(raw[want-1]) != "0" {
			whole = values[len(names)-len(q.Metrics):]
			return nil
		}
		if q.Interval == Minute || q.Interval == Hour {
			at, err := unsigned(values[0])
			if err != nil {
				return err
			}
			values[0] = q.bucketName(time.Unix(int64(at), 0))
		}
		a.rows = append(a.rows, Row{names, values})
		return nil
	})
	if err != nil {
		return answered{}, false, err
	}
	if q.along {
		q.takeTotals(&a, whole, c)
	}
	return a, overtaken, nil
}

// filled are the rows with the intervals in which nothing happened, where there is one row for each.
func (q Question) filled(rows []Row) []Row {
	if q.Interval != "" && len(q.GroupBy) == 0 && rows != nil {
		return q.fill(rows)
	}
	return rows
}

// names are the columns of an answer.
func (q Question) names() []string {
	var names []string
	if q.Interval != "" {
		names = append(names, "time")
	}
	for _, d := range q.GroupBy {
		names = append(names, d.Name())
	}
	return append(names, q.Metrics...)
}

// fill adds the intervals in which nothing happened.
func (q Question) fill(rows []Row) []Row {
	have := map[string]Row{}
	for _, r := range rows {
		if name, ok := r.values[0].(string); ok {
			have[name] = r
		}
	}
	var out []Row
	for _, name := range q.buckets() {
		r, ok := have[name]
		if !ok {
			r = Row{q.names(), make([]any, 1+len(q.Metrics))}
			r.values[0] = name
			copy(r.values[1:], q.nothing())
		}
		delete(have, name)
		out = append(out, r)
	}
	if len(have) > 0 { // the engine's idea of an interval differs from ours: lose nothing
		return rows
	}
	return out
}

func unsigned(v any) (uint64, error) {
	switch x := v.(type) {
	case json.Number:
		return strconv.ParseUint(x.String(), 10, 64)
	case string:
		return strconv.ParseUint(x, 10, 64)
	}
	return 0, fmt.Errorf("report: %v is not a number", v)
}

// problemOf says to a caller why a statement failed.
func (r *Reporter) problemOf(ctx context.Context, q string, err error) *problem.Problem {
	var e *clickhouse.Error
	var known *problem.Problem
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return problem.New(499, "client_gone", "the client closed the request")
	case errors.Is(err, clickhouse.ErrUnavailable):
		return problem.New(http.StatusServiceUnavailable, "engine_unavailable", "the query engine is restarting; try again").WithRetry(2 * time.Second)
	case errors.As(err, &e) && (e.Code == 159 || e.Code == 160):
		return problem.New(http.StatusUnprocessableEntity, "report_too_slow",
			"the report was stopped after %v, the limit query.timeout; choose a shorter range or fewer columns, or ask the operator to raise it", r.cfg.MaxTime).WithAmount("query.timeout", r.cfg.MaxTime.Seconds())
	case errors.As(err, &e) && e.EngineMemory(): // it need not be this report that takes it
		p := problem.New(http.StatusServiceUnavailable, "engine_memory",
			"the memory of the engine, which all that runs shares (engine.memory), is used up; try again, and if that does not help choose a shorter range or ask the operator to raise it").WithRetry(2 * time.Second)
		p.Limit = "engine.memory"
		return p
	case errors.As(err, &e) && e.Code == clickhouse.CodeMemoryLimitExceeded:
		return problem.New(http.StatusUnprocessableEntity, "report_memory",
			"the report needs more than %d bytes of memory, the limit query.memory; group by fewer columns, choose a shorter range, or ask the operator to raise it", r.cfg.MaxMemory).WithLimit("query.memory", r.cfg.MaxMemory)
	}
	r.log.Error("a report failed", "question", q, "error", err)
	return problem.New(http.StatusInternalServerError, "internal", "the report could not be made; the operator's log says why")
}
