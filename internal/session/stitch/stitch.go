// Package stitch keeps the runs of tenants' days in the table of stitched days, and the totals of large days that are over (package daily), so that
// sessions and reports of the past need not be made of events again. It tells
// readers which days are stitched, and how far. ../DESIGN.md says why what they read is exact whatever happens here.
package stitch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Engine runs statements. *clickhouse.Client does.
type Engine interface {
	Exec(ctx context.Context, s clickhouse.Statement) (clickhouse.Summary, error)
	Rows(ctx context.Context, s clickhouse.Statement, fn func(row []any) error) (clickhouse.Summary, error)
}

// Data knows what tenants have. What is added to it is counted not later than it can be seen by whoever asks afterwards.
type Data interface {
	// DayRows calls fn with the number of rows that the tenant has of each day in [from, to], in order. A count never comes again: what is
	// taken away from a day is told to Forget.
	DayRows(t tenant.ID, from, to int32, fn func(day int32, rows uint64))
	// Committed is the last _seq of each writer whose rows can be seen.
	Committed() (main, late uint64)
}

// Config says when days are stitched. Zero values stand for the defaults.
type Config struct {
	Every  time.Duration // how often days are looked for; 1 min
	Settle time.Duration // how long after its end a day is stitched first; 10 min
	Again  time.Duration // how long a day that got rows waits until it is stitched again; 1 h
	// Calm is how long a day that is over must get nothing to be stitched again before that, if a hundredth of its rows is behind; 5 min.
	Calm    time.Duration
	MinRows uint64 // days with fewer are always made of events; 2000, and for today 100 times as many
	// MinTotals is how many rows a day must have to be totalled; daily.MinRows.
	MinTotals uint64
	// Grace is how long an old version is kept for those who have just begun to read it; 15 min. Orphans is how often versions that nobody knows are looked for; 6 h.
	Grace, Orphans time.Duration
	// Asked is how long a tenant's current day is kept stitched after somebody has asked for its stitched days; 1 h. Meanwhile it is stitched again when it has grown by half, and every
	// Fresh, 5 min, if it got anything, but not before 20 times as long have passed as it took.
	Asked, Fresh time.Duration
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		at  *time.Duration
		def time.Duration
	}{{&c.Every, time.Minute}, {&c.Settle, 10 * time.Minute}, {&c.Again, time.Hour}, {&c.Calm, 5 * time.Minute}, {&c.Grace, 15 * time.Minute}, {&c.Orphans, 6 * time.Hour}, {&c.Asked, time.Hour}, {&c.Fresh, 5 * time.Minute}} {
		if *d.at == 0 {
			*d.at = d.def
		}
	}
	if c.MinRows == 0 {
		c.MinRows = 2000
	}
	if c.MinTotals == 0 {
		c.MinTotals = daily.MinRows
	}
	return c
}

// Deps are what a Stitcher works with. All but the last three must be set.
type Deps struct {
	State   *pebble.DB // owned by the caller; keys begin with prefix
	Engine  Engine
	Data    Data
	Tenants func(context.Context) ([]tenant.ID, error) // those that are there
	Timeout func(tenant.ID) time.Duration
	Ready   <-chan struct{}   // closed when the tables are
	Full    func() bool       // whether nothing more may be written; nil: never
	Now     func() time.Time  // nil: time.Now
	Fault   func(step string) // called between the steps of stitching a day: tests end the process there; nil: not
}

// Stitcher keeps days stitched. It is safe for concurrent use.
type Stitcher struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time

	working chan struct{} // held while a day is being stitched, or a tenant forgotten

	mu      sync.Mutex
	tenants map[tenant.ID]*known
	gone    map[tenant.ID]bool // forgotten in this process: not stitched again
	old     []retired
	next    uint64 // version
	limit   uint64 // versions below it are reserved in the state store
}

// known is what is known of a tenant's days.
type known struct {
	days  []record       // in order
	seams []seam         // in order
	calm  map[int32]calm // the days that are over and got rows since they were stitched
	asked time.Time
	took  time.Duration // to stitch a day the last time
}

// calm is how many rows a day had when it was looked at last, and since when.
type calm struct {
	rows  uint64
	since time.Time
}

// record is a stitched day.
type record struct {
	day        int32
	version    uint64
	rows       uint64 // that the day had when it was stitched, or more
	main, late uint64 // positions: the rows up to them are in it
	timeout    time.Duration
	layout     uint32
	at         time.Time
	totals     uint32 // layout of the totals that stand under the version; 0: none
	// part is set where the day was not over: there are no other totals then than those of events (daily.TotalSQL), of the rows before it.
	part time.Time
	last bool // session.Stitched.Last
}

// whole says whether the day has all totals; unless it does, parted is up to when it has those of events, zero: it has none.
func (r record) whole() bool { return r.totals == daily.Layout && r.part.IsZero() }

func (r record) parted() time.Time {
	if r.totals != daily.Layout {
		return time.Time{}
	}
	return r.part
}

// retired is a version that is not read any more.
type retired struct {
	day     int32
	version uint64
	since   time.Time
	seam    bool // of a midnight: no other table has it
}

// New reads the records. It asks the engine nothing.
func New(cfg Config, d Deps, log *slog.Logger, reg prometheus.Registerer) (*Stitcher, error) {
	s := &Stitcher{cfg: cfg.withDefaults(), deps: d, log: log.With("component", "sessions"), now: d.Now, working: make(chan struct{}, 1),
		tenants: map[tenant.ID]*known{}, gone: map[tenant.ID]bool{}}
	if s.now == nil {
		s.now = time.Now
	}
	var err error
	if s.metrics, err = newMetrics(reg, s); err != nil {
		return nil, fmt.Errorf("session metrics: %w", err)
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("read the stitched days: %w", err)
	}
	return s, nil
}

// Timeout is the tenant's timeout.
func (s *Stitcher) Timeout(t tenant.ID) time.Duration { return s.deps.Timeout(t) }

// worthless is the share of a stitched day's rows behind it from which on the day is made of events as a whole.
const worthless = 2 // 1/2

// Stitched are the days of the tenant in [from, to], in order, whose runs may be read: of days that got rows since with what is behind them.
func (s *Stitcher) Stitched(t tenant.ID, from, to int32, timeout time.Duration) []session.Stitched {
	s.mu.Lock()
	k := s.tenants[t]
	if k == nil {
		k = &known{}
		s.tenants[t] = k
	}
	k.asked = s.now()
	at, _ := slices.BinarySearchFunc(k.days, from, compareDay)
	var list []record
	seams := map[int32]session.Seam{} // by the day before
	for ; at < len(k.days) && k.days[at].day <= to; at++ {
		r := k.days[at]
		if r.timeout != timeout || r.layout != session.Layout {
			continue
		}
		if n := len(list); n > 0 {
			if m, ok := k.seamOf(list[n-1], r); ok {
				seams[m.day] = session.Seam{Version: m.version, Open: m.open}
			}
		}
		list = append(list, r)
	}
	s.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	// After the records: a row that is counted behind them is behind every version.
	var out []session.Stitched
	s.deps.Data.DayRows(t, list[0].day, list[len(list)-1].day, func(day int32, rows uint64) {
		for len(list) > 0 && list[0].day < day {
			list = list[1:] // a day that has nothing any more
		}
		if len(list) == 0 || list[0].day != day {
			return
		}
		r := list[0]
		switch {
		case rows == r.rows:
			out = append(out, session.Stitched{Day: day, Version: r.version, Totals: r.whole(), Part: r.parted(), Last: r.last})
		case rows > r.rows && (rows-r.rows)*worthless < rows:
			out = append(out, session.Stitched{Day: day, Version: r.version, Stale: true, Main: r.main, Late: r.late, Totals: r.whole(), Part: r.parted(), Last: r.last})
		}
	})
	for i := 1; i < len(out); i++ {
		if d, next := &out[i-1], out[i]; d.Day+1 == next.Day && d.Totals && next.Totals && !d.Stale && !next.Stale {
			d.Seam = seams[d.Day]
		}
	}
	return out
}

func compareDay(r record, day int32) int { return int(r.day) - int(day) }

// Run stitches days until ctx ends.
func (s *Stitcher) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.deps.Ready:
	}
	defer usage.Label(ctx, usage.Rollup, "")()
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	var scanned time.Time
	for warned := false; ; {
		err := s.Pass(ctx)
		if err == nil {
			look := time.Since(scanned) >= s.cfg.Orphans
			if err = s.Clean(ctx, look); err == nil && look {
				scanned = time.Now()
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !warned {
			s.log.Warn("sessions could not be stitched; answers are made of events meanwhile; trying again", "error", err, "every", s.cfg.Every)
		}
		warned = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Pass stitches every day that is due, once.
func (s *Stitcher) Pass(ctx context.Context) error {
	list, err := s.deps.Tenants(ctx)
	if err != nil {
		return err
	}
	var errs []error
	failed := func(err error) {
		s.metrics.failures.Inc()
		errs = append(errs, err)
	}
	for _, t := range list {
		days := s.due(t)
		for i := 0; ; i++ {
			if s.deps.Full != nil && s.deps.Full() {
				return errors.Join(errs...)
			}
			if err := s.seams(ctx, t); err != nil { // of the days that are there: all days of an import take their time
				if ctx.Err() != nil {
					return ctx.Err()
				}
				failed(err)
			}
			if i == len(days) {
				break
			}
			if err := s.stitch(ctx, t, days[i]); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				failed(err)
				break // of this tenant; the others have their turn
			}
		}
	}
	return errors.Join(errs...)
}

// The first and the last day that a tenant can have: they stand for all that lies beyond.
const (
	firstDay = 10957
	lastDay  = 47846
)

// grown says whether there is half as much again as there was: whoever works at each such time has worked on three times all there is at most.
func grown(rows, was uint64) bool { return (rows-min(rows, was))*3 >= rows }

// much is the share of a day's rows behind its version for which it is stitched again when it is calm: who has rows there is made anew by every question, and to find them all rows of the day are read.
const much = 100 // 1/100

// idle is how many times as long as it takes to stitch the current day passes until it is stitched again.
const idle = 20

// due are the tenant's days that are to be stitched now, the latest first.
func (s *Stitcher) due(t tenant.ID) []int32 {
	now := s.now()
	timeout := s.deps.Timeout(t)
	s.mu.Lock()
	var days []record
	var asked time.Time
	var took time.Duration
	var was map[int32]calm
	if k := s.tenants[t]; k != nil {
		days, asked, took, was = slices.Clone(k.days), k.asked, k.took, k.calm
	}
	s.mu.Unlock()
	var out []int32
	var is map[int32]calm // nil for most tenants
	s.deps.Data.DayRows(t, firstDay+1, lastDay-1, func(day int32, rows uint64) {
		at, found := slices.BinarySearchFunc(days, day, compareDay)
		var r record
		if found {
			if r = days[at]; r.timeout != timeout || r.layout != session.Layout {
				r = record{} // of no use
			}
		}
		over := !session.Start(day + 1).Add(s.cfg.Settle).After(now)
		switch {
		case over && s.totalled(rows) && r.version > 0 && !r.whole() && (r.totals != 0 || now.Sub(r.at) >= s.cfg.Again): // those of a former layout, and those of a part of the day, at once
			out = append(out, day)
		case rows == r.rows, rows < s.cfg.MinRows:
		case r.version == 0 && over:
			out = append(out, day)
		case over:
			c := was[day]
			if c.rows != rows {
				c = calm{rows, now}
			}
			if is == nil {
				is = map[int32]calm{}
			}
			is[day] = c
			behind := rows - min(rows, r.rows)
			if now.Sub(r.at) >= s.cfg.Again || grown(rows, r.rows) || behind*much >= rows && now.Sub(c.since) >= s.cfg.Calm { // the last two: an import, say
				out = append(out, day)
			}
		case now.Sub(asked) < s.cfg.Asked && rows >= 100*s.cfg.MinRows && (grown(rows, r.rows) || now.Sub(r.at) >= max(s.cfg.Fresh, idle*took)):
			out = append(out, day)
		}
	})
	s.mu.Lock()
	if k := s.tenants[t]; k != nil {
		k.calm = is
	}
	s.mu.Unlock()
	slices.Reverse(out)
	return out
}
