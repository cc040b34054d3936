package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/test/load/events"
	"weir/test/load/measure"
	"weir/test/system/harness"
)

// engineRun is the engine's own INSERT … FORMAT JSONEachRow of the same events into the same tables, with the same syncs, and the
// same rollups advanced after each insert. It gets large inserts, which it likes best, and no enrichment, deduplication or log.
type engineRun struct {
	Events  int64   `json:"events"`
	Rate    float64 `json:"events_per_s"` // of the better of the parallel counts
	Writers int     `json:"writers"`
	Insert  int     `json:"events_per_insert"`
	CPU     float64 `json:"engine_cpu_us_per_event"`
	One     float64 `json:"events_per_s_one_writer"`
	Two     float64 `json:"events_per_s_two_writers"`
}

const (
	engineInsertRows = 100_000
	engineBatch      = 1000 // events that are rendered at once
)

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
	run := &insertRun{c: c}
	run.renderer = events.New(events.Config{Layout: events.Engine, Tenant: "bench", SiteID: "site-bench", Batch: engineBatch, Seed: 7, Bodies: 100}, 1, &events.Counter{})
	if _, err := run.insertAll(ctx, 2*engineInsertRows, 1); err != nil { // warm-up
		return err
	}
	for _, writers := range []int{1, 2} {
		cpu, err := measure.CPU(s.EnginePID())
		if err != nil {
			return err
		}
		rate, err := run.insertAll(ctx, b.o.engine, writers)
		if err != nil {
			return err
		}
		after, err := measure.CPU(s.EnginePID())
		if err != nil {
			return err
		}
		say("%d writers: %.0f events/s, %.2f µs of CPU an event", writers, rate, float64((after-cpu).Microseconds())/float64(b.o.engine))
		if writers == 1 {
			b.res.Engine.One = rate
		} else {
			b.res.Engine.Two = rate
		}
		if rate > b.res.Engine.Rate {
			b.res.Engine.Rate, b.res.Engine.Writers, b.res.Engine.CPU = rate, writers, float64((after-cpu).Microseconds())/float64(b.o.engine)
		}
	}
	b.res.Engine.Events, b.res.Engine.Insert = int64(b.o.engine), engineInsertRows
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
	c        *clickhouse.Client
	renderer *events.Renderer
	seq      uint64
}

// insertAll inserts n events with so many writers at once, advances the rollups behind each insert, and returns the events a
// second. The bodies of the next insert are rendered meanwhile, on the engine's machine but outside of its time only as far as a core is free.
func (r *insertRun) insertAll(ctx context.Context, n, writers int) (float64, error) {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	bodies := make(chan []byte, writers+1)
	for range writers + 1 {
		bodies <- make([]byte, 0, engineInsertRows*400)
	}
	began := time.Now()
	for done := 0; done < n && gctx.Err() == nil; done += engineInsertRows {
		body := (<-bodies)[:0]
		r.seq++
		seq := r.seq
		for range engineInsertRows / engineBatch {
			body = append(body, r.renderer.Next(time.Now(), seq)...)
		}
		group.Go(func() error {
			defer func() { bodies <- body }()
			return r.insert(gctx, body, seq)
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(began).Seconds(), ctx.Err()
}

func (r *insertRun) insert(ctx context.Context, body []byte, seq uint64) error {
	_, err := r.c.Insert(ctx, clickhouse.Statement{SQL: "INSERT INTO " + rollup.Events +
		" (event_id, tenant, site_id, type, ts, _writer, _seq, client_id, url, host, path, referrer, user_agent, props, props_num) FORMAT JSONEachRow"}, bytes.NewReader(body))
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
