// Command analytics measures how fast the questions of a dashboard are answered over very many events: panels, funnels, retention, and how
// fresh they are. `make bench-analytics` runs it and writes its section of docs/BENCHMARKS.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"weir/test/load/drive"
	"weir/test/load/events"
	"weir/test/load/measure"
	"weir/test/load/publish"
	"weir/test/system/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-analytics:", err)
		os.Exit(1)
	}
}

// options are the sizes of a run.
type options struct {
	bin, dir string
	events   uint64
	weeks    int
	clients  int
	visit    int // events of one visit
	rounds   int // of each question
	fresh    time.Duration
	rate     float64       // events a second during the measurement of freshness
	only     string        // part of a question's name
	rest     time.Duration // between the first question and the others
	quick    bool          // a question that fails ends the run
	keep     string        // a data directory to make once and use again
}

// answered is what came of one question; times in milliseconds.
type answered struct {
	Name   string  `json:"name"`
	Budget float64 `json:"budget_ms"` // of the p95; 0: none
	Count  int64   `json:"count"`
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	Max    float64 `json:"max_ms"`
	CPU    float64 `json:"cpu_ms"` // of the engine, as the answers tell it, mean
	Rows   float64 `json:"rows_read"`
	Kept   int     `json:"kept"`   // answers that came from the cache: they do not count
	Failed string  `json:"failed"` // why, if one failed
}

// results are the figures of a run.
type results struct {
	When      time.Time       `json:"when"`
	Machine   measure.Machine `json:"machine"`
	Events    int64           `json:"events"`
	Weeks     int             `json:"weeks"`
	Clients   int             `json:"clients"`
	Visit     int             `json:"events_of_a_visit"`
	LoadRate  float64         `json:"import_events_per_second"` // until all could be seen; 0: another run imported them
	DiskGB    float64         `json:"disk_gb"`
	Rested    float64         `json:"minutes_after_import"` // until the first question
	Rest      float64         `json:"minutes_after_first"`  // until the others
	Questions []answered      `json:"questions"`
	FreshRate float64         `json:"fresh_events_per_second"`
	FreshP50  float64         `json:"fresh_p50_ms"`
	FreshP95  float64         `json:"fresh_p95_ms"`
	FreshN    int64           `json:"fresh_count"`
}

type bench struct {
	o      options
	s      *harness.Server
	t      harness.Tenant
	ids    events.Counter
	start  time.Time // of the events
	end    time.Time
	loaded time.Time // when all could be seen
	res    results
	report func(format string, args ...any)
}

func parse(args []string) (o options, docs string, write bool, err error) {
	root, err := harness.Root()
	if err != nil {
		return o, "", false, err
	}
	fs := flag.NewFlagSet("analytics", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "", "path of weir; empty: it is built")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "where the data directory of the run is made")
	fs.Uint64Var(&o.events, "events", 100_000_000, "events that are imported first")
	fs.IntVar(&o.weeks, "weeks", 12, "weeks up to now over which they are spread")
	fs.IntVar(&o.clients, "clients", 2_000_000, "visitors")
	fs.IntVar(&o.visit, "visit", 8, "events of a visit")
	fs.IntVar(&o.rounds, "rounds", 20, "times that each question is asked, always a little different, so that no answer is kept")
	fs.DurationVar(&o.fresh, "fresh", 30*time.Second, "how long freshness is measured")
	fs.Float64Var(&o.rate, "rate", 20_000, "events a second that come in meanwhile")
	fs.StringVar(&o.only, "only", "", "ask only the questions whose name contains this, and write nothing")
	fs.StringVar(&o.keep, "keep", "", "a data directory that is made once and used again, with its time of making (a second run imports nothing)")
	fs.DurationVar(&o.rest, "rest", 2*time.Minute, "how long nothing is asked after a first question: the current day has its sessions stitched in the background when somebody asks about it")
	fs.BoolVar(&o.quick, "quick", false, "a run of seconds that shows that the harness works; its figures mean nothing")
	fs.StringVar(&docs, "docs", filepath.Join(root, "docs"), "where BENCHMARKS.md and img/analytics.svg are written")
	fs.BoolVar(&write, "write", true, "write those; false prints the raw figures only")
	if err := fs.Parse(args); err != nil {
		return o, "", false, err
	}
	if o.quick {
		o.events, o.weeks, o.clients, o.rounds, o.fresh, o.rate, o.rest = 20_000, 1, 1000, 1, time.Second, 100, 0
	}
	return o, docs, write && o.only == "", nil
}

func run(ctx context.Context, args []string) error {
	o, docs, write, err := parse(args)
	if err != nil {
		return err
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp(o.dir, "weir-bench-analytics-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	b := &bench{o: o, report: func(f string, a ...any) { fmt.Fprintf(os.Stderr, f+"\n", a...) }}
	b.res = results{When: time.Now().UTC().Truncate(time.Second), Machine: measure.ThisMachine(),
		Weeks: o.weeks, Clients: o.clients, Visit: o.visit, FreshRate: o.rate, Rest: o.rest.Minutes()}
	if err := b.run(ctx, dir); err != nil {
		return err
	}
	if err := publish.Raw("analytics", b.res, write); err != nil || !write {
		return err
	}
	if err := plotTimes(b.res, filepath.Join(docs, "img", "analytics.svg")); err != nil {
		return err
	}
	return writeReport(b.res, filepath.Join(docs, "BENCHMARKS.md"))
}

func (b *bench) run(ctx context.Context, dir string) (err error) {
	b.s, err = harness.Start(ctx, harness.Config{Dir: filepath.Join(dir, "weir"), Binary: b.o.bin, Ready: 3 * time.Minute})
	if err != nil {
		return err
	}
	defer func() {
		if kerr := b.s.Kill(); err == nil {
			err = kerr
		}
	}()
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{{"import", func(ctx context.Context) error { return b.load(ctx, filepath.Join(dir, "bench.json")) }}, {"questions", b.questions}, {"freshness", b.freshness}} {
		if part.name == "freshness" && b.o.only != "" {
			continue
		}
		b.report("== %s", part.name)
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w\n%s", part.name, err, b.s.Output())
		}
	}
	return nil
}

// made is what a kept data directory remembers of its making.
type made struct {
	Tenant     harness.Tenant
	Start, End time.Time
	Events     int64
	Loaded     time.Time // when all of them could be seen
}

// afterStart is how long a server that was started with old data is left alone: it looks for what a crash may have left then.
const afterStart = time.Minute

// load makes the tenant and imports the events in the order of their time, or takes those of a kept directory.
func (b *bench) load(ctx context.Context, note string) (err error) {
	defer func() {
		sizes, derr := measure.Disk(b.s.Dir())
		for _, n := range sizes {
			b.res.DiskGB += float64(n) / 1e9
		}
		err = errors.Join(err, derr)
	}()
	if text, rerr := os.ReadFile(note); b.o.keep != "" && rerr == nil {
		var m made
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("read %s: %w", note, err)
		}
		b.t, b.start, b.end, b.res.Events, b.loaded = m.Tenant, m.Start, m.End, m.Events, m.Loaded // how fast they came in was measured then, not now
		time.Sleep(afterStart)
		return nil
	}
	if b.t, err = b.s.NewTenant(ctx, "big"); err != nil {
		return err
	}
	b.end = time.Now().UTC().Add(-time.Hour).Truncate(time.Hour)
	b.start = b.end.AddDate(0, 0, -7*b.o.weeks)
	step := b.end.Sub(b.start).Seconds() / float64(b.o.events)
	began := time.Now()
	r, err := drive.Run(ctx, drive.Config{Addr: b.addr(), Key: b.t.WriteKey, Conns: 16, IDs: &b.ids, Duration: 6 * time.Hour, Total: b.o.events, Import: true, Retry: true,
		Events: events.Config{SiteID: b.t.SiteID, Batch: 1000, Clients: b.o.clients, Own: true, Seed: 1, Visit: b.o.visit, Gap: 20 * time.Second, Bodies: 32,
			Clock: func(n uint64) time.Time { return b.start.Add(time.Duration(float64(n) * step * float64(time.Second))) }}})
	if err != nil {
		return err
	}
	if r.FirstErr != nil {
		return r.FirstErr
	}
	b.report("%d events accepted, %.0f a second", r.Accepted, r.AcceptedRate())
	if err := b.visible(ctx, r.Accepted); err != nil {
		return err
	}
	b.res.Events, b.res.LoadRate = r.Accepted, float64(r.Accepted)/time.Since(began).Seconds()
	b.loaded = time.Now().UTC().Truncate(time.Second)
	b.report("all can be seen, %.0f a second", b.res.LoadRate)
	if b.o.keep == "" {
		return nil
	}
	text, err := json.Marshal(made{b.t, b.start, b.end, b.res.Events, b.loaded})
	if err != nil {
		return err
	}
	return os.WriteFile(note, text, 0o600)
}

func (b *bench) addr() string { return strings.TrimPrefix(b.s.URL, "http://") }

// visible waits until so many events can be seen; it gives up when nothing new was seen for ten minutes.
func (b *bench) visible(ctx context.Context, want int64) error {
	c := b.s.Client(b.t.Analyst)
	last, since := int64(-1), time.Now()
	for ; ; time.Sleep(time.Second) {
		n, err := harness.Count(ctx, c, "SELECT count() FROM events")
		if err != nil {
			return err
		}
		if n >= want {
			return nil
		}
		if n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) > 10*time.Minute {
			return fmt.Errorf("%d of %d events can be seen, and no more come", n, want)
		}
	}
}

// freshness measures how long it takes from an acknowledgement until an answer holds the event, while others come in.
func (b *bench) freshness(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.o.fresh)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := drive.Run(ctx, drive.Config{Addr: b.addr(), Key: b.t.WriteKey, Conns: 4, Rate: b.o.rate, Duration: b.o.fresh,
			Events: events.Config{SiteID: b.t.SiteID, Batch: 100, Clients: b.o.clients, Own: true, Seed: 2, Visit: b.o.visit}})
		done <- err
	}()
	p := measure.Prober{Writer: b.s.Client(b.t.WriteKey), Reader: b.s.Client(b.t.Analyst), SiteID: b.t.SiteID, Every: 100 * time.Millisecond}
	f := p.Run(ctx, time.Minute)
	if err := <-done; err != nil {
		return err
	}
	if f.Err != nil || f.Lost > 0 {
		return fmt.Errorf("%d of %d markers were not seen: %w", f.Lost, f.Acked, f.Err)
	}
	b.res.FreshP50, b.res.FreshP95, b.res.FreshN = milliseconds(f.Visible.Quantile(0.5)), milliseconds(f.Visible.Quantile(0.95)), f.Visible.Count()
	b.report("visible after %.0f ms (p50), %.0f ms (p95) of %d", b.res.FreshP50, b.res.FreshP95, b.res.FreshN)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
