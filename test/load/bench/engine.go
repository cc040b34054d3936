package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/test/load/measure"
	"weir/test/system/harness"
)

// engineRun is the engine's own INSERT … FORMAT JSONEachRow of the same rows into the same tables, as many as the maximum run sent, with the same syncs,
// and the same rollups advanced after each insert. It gets large inserts, which it likes best, and rows that need no validation, enrichment,
// deduplication or log; columns that are empty are left out of their JSON.
type engineRun struct {
	Events  int64   `json:"events"`
	Rate    float64 `json:"events_per_s"` // of the better of the parallel counts
	Writers int     `json:"writers"`
	Insert  int     `json:"events_per_insert"`
	CPU     float64 `json:"engine_cpu_us_per_event"`
	One     float64 `json:"events_per_s_one_writer"`
	Two     float64 `json:"events_per_s_two_writers"`
}

const engineInsertRows = 100_000

// engineInsert starts a second weir on a fresh directory and writes to its engine directly, while the rest of it has nothing to do.
func (b *bench) engineInsert(ctx context.Context) (err error) {
	s, err := harness.Start(ctx, harness.Config{Dir: filepath.Join(b.dir, "engine"), Binary: b.o.bin})
	if err != nil {
		return err
	}
	defer func() {
		if kerr := s.Kill(); err == nil {
			err = kerr
		}
	}()
	socket, err := findSocket(s.Dir())
	if err != nil {
		return err
	}
	c, err := clickhouse.New("unix://" + socket)
	if err != nil {
		return err
	}
	run := &insertRun{c: c, rows: b.rows}
	if _, err := run.insertAll(ctx, 2*engineInsertRows, 1); err != nil { // warm-up
		return err
	}
	for _, writers := range []int{1, 2} {
		cpu, err := measure.CPU(s.EnginePID())
		if err != nil {
			return err
		}
		n := int(b.res.Max.Events) / engineInsertRows * engineInsertRows
		rate, err := run.insertAll(ctx, n, writers)
		if err != nil {
			return err
		}
		after, err := measure.CPU(s.EnginePID())
		if err != nil {
			return err
		}
		say("%d writers: %.0f events/s, %.2f µs of CPU an event", writers, rate, float64((after-cpu).Microseconds())/float64(n))
		if writers == 1 {
			b.res.Engine.One = rate
		} else {
			b.res.Engine.Two = rate
		}
		if rate > b.res.Engine.Rate {
			b.res.Engine.Rate, b.res.Engine.Writers, b.res.Engine.CPU = rate, writers, float64((after-cpu).Microseconds())/float64(n)
		}
	}
	b.res.Engine.Events, b.res.Engine.Insert = b.res.Max.Events, engineInsertRows
	return nil
}

// findSocket finds the engine's Unix socket in a data directory.
func findSocket(dir string) (string, error) {
	found := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSocket != 0 {
			found = path
			return fs.SkipAll
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("no socket of the engine in %s", dir)
	}
	return found, err
}

type insertRun struct {
	c    *clickhouse.Client
	rows *sample
	seq  uint64
}

// insertAll inserts n events with so many writers at once, advances the rollups behind each insert, and returns the events a second.
func (r *insertRun) insertAll(ctx context.Context, n, writers int) (float64, error) {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	bodies := make(chan *body, writers+1)
	for range writers + 1 {
		bodies <- r.rows.body()
	}
	began := time.Now()
	for done := 0; done < n && gctx.Err() == nil; done += engineInsertRows {
		next := <-bodies
		r.seq++
		seq := r.seq
		next.number(seq)
		group.Go(func() error {
			defer func() { bodies <- next }()
			return r.insert(gctx, next.text, seq)
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(began).Seconds(), ctx.Err()
}

func (r *insertRun) insert(ctx context.Context, body []byte, seq uint64) error {
	_, err := r.c.Insert(ctx, clickhouse.Statement{SQL: "INSERT INTO " + rollup.Events + " (" + strings.Join(r.rows.columns, ", ") + ") FORMAT JSONEachRow"},
		bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	for _, d := range rollup.All {
		if _, err := r.c.Exec(ctx, clickhouse.Statement{SQL: d.AdvanceSQL(1, seq-1, seq, nil)}); err != nil {
			return fmt.Errorf("advance %s: %w", d.Name, err)
		}
	}
	return nil
}
