// Command bench measures weir on this machine and writes docs/BENCHMARKS.md: ingest over HTTP against the engine's own INSERT of
// the same events, acknowledgement and freshness against offered load, memory, disk, CPU by stage, and the time to be
// ready after a kill. `make bench` runs it; it takes about five minutes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"weir/test/load/measure"
	"weir/test/load/publish"
	"weir/test/system/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the sizes of a run.
type options struct {
	bin    string        // path of weir
	dir    string        // where the servers' data directories are made
	max    time.Duration // of the run at the maximum rate
	step   time.Duration // of each step of offered load
	warm   time.Duration
	conns  int
	batch  int
	shares []float64
}

func run(ctx context.Context) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	var o options
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where the data directories of the run are made")
	flag.DurationVar(&o.max, "max", 20*time.Second, "length of the run at the maximum rate")
	flag.DurationVar(&o.step, "step", 15*time.Second, "length of each step of offered load")
	flag.DurationVar(&o.warm, "warm", 4*time.Second, "length of the warm-up")
	flag.IntVar(&o.conns, "conns", 32, "connections")
	flag.IntVar(&o.batch, "batch", 200, "events in a request")
	shares := flag.String("shares", "0.1,0.25,0.5,0.75,0.9,1", "offered loads, as shares of the maximum")
	flag.StringVar(&o.bin, "bin", "", "path of weir; empty: it is built")
	docs := flag.String("docs", filepath.Join(root, "docs"), "where BENCHMARKS.md and img/load.svg are written; the raw figures go to test/load/results")
	write := flag.Bool("write", true, "write those; false prints the raw figures only")
	flag.Parse()
	if o.bin != "" {
		if o.bin, err = filepath.Abs(o.bin); err != nil {
			return err
		}
	}
	for s := range strings.SplitSeq(*shares, ",") {
		var f float64
		if _, err := fmt.Sscanf(s, "%g", &f); err != nil || f <= 0 {
			return fmt.Errorf("shares: %q is not a positive number", s)
		}
		o.shares = append(o.shares, f)
	}
	dir, err := os.MkdirTemp(o.dir, "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{o: o, dir: dir, res: results{When: time.Now().UTC().Truncate(time.Second), Machine: measure.ThisMachine(), Conns: o.conns, Batch: o.batch}}
	if err := b.run(ctx); err != nil {
		return err
	}
	if err := publish.Raw("bench", b.res, *write); err != nil || !*write {
		return err
	}
	if err := plotLoad(b.res, filepath.Join(*docs, "img", "load.svg")); err != nil {
		return err
	}
	return writeReport(b.res, filepath.Join(*docs, "BENCHMARKS.md"))
}
