// Command tenants measures what tenants of one weir feel of each other, what the router adds to a query, how fast kept answers are, how
// much CPU stays unexplained, and what 10 000 tenants cost. `make bench-tenants` runs it and writes its section of docs/BENCHMARKS.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
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
		fmt.Fprintln(os.Stderr, "bench-tenants:", err)
		os.Exit(1)
	}
}

// options are the sizes of a run.
type options struct {
	bin       string
	dir       string
	events    int           // of each of A and B before the measurements
	phase     time.Duration // of each alone or under-load phase
	rounds    int           // of alone, under load
	queryRate float64       // B's queries a second
	ackRate   float64       // B's ingest requests a second
	limit     int64         // A's events a second; it sends ten times as many
	pairs     int           // of a query through weir and one on the engine's socket
	cached    time.Duration
	conns     int // of the kept panels
	leavings  int // of clients
	tenants   int
	only      string // names of the parts to run, by commas; empty: all
}

// results are the figures of a run; times in milliseconds.
type results struct {
	When    time.Time     `json:"when"`
	Cores   int           `json:"cores"`
	Load    float64       `json:"load_average_before"`
	Events  int           `json:"events_each"`
	Queries sideBySide    `json:"queries"`
	Acks    sideBySide    `json:"acks"`
	Kinds   []kindResult  `json:"query_kinds"`
	Phases  []phaseResult `json:"phases"`
	A       neighbour     `json:"neighbour"`
	Router  []overhead    `json:"router"`
	Cached  cachedRun     `json:"cached"`
	Leaving quantiles     `json:"leaving"` // until the statement of a client that left has ended
	CPU     cpuShare      `json:"cpu"`
	Many    manyRun       `json:"many"`
	Wall    time.Duration `json:"wall_ns"`
}

type bench struct {
	o      options
	s      *harness.Server
	a, b   harness.Tenant
	ids    events.Counter
	res    results
	report func(format string, args ...any)
}

func parse(args []string) (o options, docs string, write bool, err error) {
	root, err := harness.Root()
	if err != nil {
		return o, "", false, err
	}
	fs := flag.NewFlagSet("tenants", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "", "path of weir; empty: it is built")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "where the data directory of the run is made")
	fs.IntVar(&o.events, "events", 500_000, "events of each of A and B that are loaded first")
	fs.DurationVar(&o.phase, "phase", 20*time.Second, "length of each phase, alone or under load")
	fs.IntVar(&o.rounds, "rounds", 9, "rounds of a phase alone and one under load")
	fs.Float64Var(&o.queryRate, "query-rate", 6, "B's queries a second")
	fs.Float64Var(&o.ackRate, "ack-rate", 30, "B's ingest requests a second")
	fs.Int64Var(&o.limit, "limit", 2000, "A's limit of events a second; it sends ten times as many")
	fs.IntVar(&o.pairs, "pairs", 300, "queries through weir and on the engine's socket, in turn")
	fs.DurationVar(&o.cached, "cached", 10*time.Second, "length of the run of kept panels")
	fs.IntVar(&o.conns, "conns", 16, "connections of the run of kept panels")
	fs.IntVar(&o.leavings, "leavings", 100, "clients that leave a statement that runs")
	fs.IntVar(&o.tenants, "tenants", 10_000, "tenants that are created")
	fs.StringVar(&o.only, "only", "", "run only these parts, by commas (router, kept panels, leaving, neighbours, unexplained CPU, many tenants), and write nothing")
	quick := fs.Bool("quick", false, "a run of seconds that shows that the harness works; its figures mean nothing")
	fs.StringVar(&docs, "docs", filepath.Join(root, "docs"), "where BENCHMARKS.md and img/tenants.svg are written")
	fs.BoolVar(&write, "write", true, "write those; false prints the raw figures only")
	if err := fs.Parse(args); err != nil {
		return o, "", false, err
	}
	write = write && o.only == ""
	if *quick {
		o.events, o.phase, o.rounds, o.pairs, o.cached, o.tenants, o.conns, o.leavings = 5000, time.Second, 1, 5, time.Second, 20, 4, 2
	}
	return o, docs, write, nil
}

func run(ctx context.Context, args []string) error {
	o, docs, write, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "weir-bench-tenants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{o: o, report: func(f string, a ...any) { fmt.Fprintf(os.Stderr, f+"\n", a...) }}
	b.res = results{When: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), Load: measure.LoadAverage(), Events: o.events}
	if err := b.run(ctx, dir); err != nil {
		return err
	}
	if err := publish.Raw("tenants", b.res, write); err != nil || !write {
		return err
	}
	if err := plotPhases(b.res, filepath.Join(docs, "img", "tenants.svg")); err != nil {
		return err
	}
	return writeReport(b.res, filepath.Join(docs, "BENCHMARKS.md"))
}

func (b *bench) run(ctx context.Context, dir string) (err error) {
	began := time.Now()
	b.s, err = harness.Start(ctx, harness.Config{Dir: filepath.Join(dir, "weir"), Binary: b.o.bin})
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
	}{{"load", b.load}, {"router", b.router}, {"kept panels", b.cachedPanels}, {"leaving", b.leaving}, {"neighbours", b.neighbours}, {"unexplained CPU", b.unexplained}, {"many tenants", b.many}} {
		if b.o.only != "" && part.name != "load" && !slices.Contains(strings.Split(b.o.only, ","), part.name) {
			continue
		}
		b.report("== %s", part.name)
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w\n%s", part.name, err, b.s.Output())
		}
	}
	b.res.Wall = time.Since(began)
	return nil
}

// load makes A and B, gives them events, and waits until all can be seen.
func (b *bench) load(ctx context.Context) (err error) {
	if b.a, err = b.s.NewTenant(ctx, "a"); err != nil {
		return err
	}
	if b.b, err = b.s.NewTenant(ctx, "b"); err != nil {
		return err
	}
	for _, t := range []harness.Tenant{b.a, b.b} {
		accepted := int64(0)
		for accepted < int64(b.o.events) {
			left := float64(int64(b.o.events) - accepted)
			r, err := drive.Run(ctx, drive.Config{Addr: b.addr(), Key: t.WriteKey, Conns: 8, IDs: &b.ids, Rate: 50_000,
				Events:   events.Config{SiteID: t.SiteID, Batch: 500, Clients: 100_000, Seed: 1},
				Duration: max(50*time.Millisecond, time.Duration(left/50_000*float64(time.Second)))})
			if err != nil {
				return err
			}
			if r.FirstErr != nil {
				return r.FirstErr
			}
			accepted += r.Accepted
		}
		if err := b.visible(ctx, t, accepted); err != nil {
			return err
		}
		b.report("%s has %d events", t.ID, accepted)
	}
	return nil
}

func (b *bench) addr() string { return strings.TrimPrefix(b.s.URL, "http://") }

func (b *bench) visible(ctx context.Context, t harness.Tenant, want int64) error {
	c := b.s.Client(t.Analyst)
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		n, err := harness.Count(ctx, c, "SELECT count() FROM events")
		if err != nil {
			return err
		}
		if n >= want {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d events of %s can be seen", n, want, t.ID)
		}
	}
}

// cpuShare says where the processes' CPU went, as weir accounts for it.
type cpuShare struct {
	Ratio      float64 `json:"unexplained_ratio"`
	LastMinute float64 `json:"unexplained_ratio_last_minute"`
	Tenants    float64 `json:"tenants_s"`
	Overhead   float64 `json:"overhead_s"`
	Measured   float64 `json:"measured_s"` // of both processes, by the kernel
}

func (b *bench) unexplained(ctx context.Context) error {
	var costs struct {
		Installation struct {
			Tenants    float64 `json:"tenants_cpu_seconds"`
			Overhead   float64 `json:"overhead_cpu_seconds"`
			Ratio      float64 `json:"unexplained_ratio"`
			LastMinute float64 `json:"unexplained_ratio_last_minute"`
		} `json:"installation"`
	}
	if err := b.s.Admin().Do(ctx, "GET", "/api/v1/costs", nil, &costs); err != nil {
		return err
	}
	i := costs.Installation
	b.res.CPU = cpuShare{Ratio: i.Ratio, LastMinute: i.LastMinute, Tenants: i.Tenants, Overhead: i.Overhead}
	for _, pid := range []int{b.s.PID(), b.s.EnginePID()} {
		d, err := measure.CPU(pid)
		if err != nil {
			return err
		}
		b.res.CPU.Measured += d.Seconds()
	}
	b.report("unexplained %.2f %%, of the last minute %.2f %%", 100*i.Ratio, 100*i.LastMinute)
	return nil
}
