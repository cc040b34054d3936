package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/client"
	"weir/test/load/drive"
	"weir/test/load/events"
	"weir/test/load/measure"
	"weir/test/system/harness"
)

// results are the figures of a run, as they are kept in test/load/results.
type results struct {
	When    time.Time       `json:"when"`
	Machine measure.Machine `json:"machine"`
	Conns   int             `json:"connections"`
	Batch   int             `json:"events_per_request"`

	Idle    memory        `json:"idle_memory"`
	Max     maxRun        `json:"max"`
	Engine  engineRun     `json:"engine_insert"`
	Ratio   float64       `json:"ratio_to_engine_insert"`
	Steps   []step        `json:"offered_load"`
	Restart restart       `json:"restart"`
	Stages  []stage       `json:"cpu_by_stage,omitempty"`
	Wall    time.Duration `json:"wall_ns"`
}

type memory struct {
	Parent int64 `json:"parent_rss_bytes"`
	Engine int64 `json:"engine_rss_bytes"`
	Anon   int64 `json:"anonymous_bytes"` // of both: without the mapped library
}

// maxRun is the run that sends as fast as answers come.
type maxRun struct {
	Events       int64            `json:"events"`
	BytesPer     float64          `json:"bytes_per_event"`
	AcceptedRate float64          `json:"accepted_per_s"` // while it was sending
	VisibleRate  float64          `json:"visible_per_s"`  // from the first request until every event was visible in SQL
	Refused      int64            `json:"refused"`
	AckP50       float64          `json:"ack_p50_ms"`
	AckP99       float64          `json:"ack_p99_ms"`
	ParentCPU    float64          `json:"parent_cpu_us_per_event"`
	EngineCPU    float64          `json:"engine_cpu_us_per_event"`
	GeneratorCPU float64          `json:"generator_cpu_us_per_event"`
	PeakRSS      int64            `json:"peak_rss_bytes"`
	PeakAnon     int64            `json:"peak_anonymous_bytes"`
	Disk         map[string]int64 `json:"disk_bytes"`
	TableBytes   float64          `json:"engine_disk_bytes_per_event"`
	LogBytes     float64          `json:"log_disk_bytes_per_event"`
}

// step is one offered load.
type step struct {
	Share    float64 `json:"share_of_max"`
	Offered  float64 `json:"offered_per_s"`
	Accepted float64 `json:"accepted_per_s"`
	AckP50   float64 `json:"ack_p50_ms"`
	AckP99   float64 `json:"ack_p99_ms"`
	FreshP50 float64 `json:"fresh_p50_ms"`
	FreshP95 float64 `json:"fresh_p95_ms"`
	Probes   int64   `json:"probes"`
	Lost     int64   `json:"probes_lost"`
	CPU      float64 `json:"cores_of_weir"`
	Refused  int64   `json:"refused"`
}

type restart struct {
	ReadyMS  float64 `json:"ready_ms"`
	Acked    int64   `json:"acknowledged_before_the_kill"`
	Stored   int64   `json:"stored_after_it"`
	Distinct int64   `json:"distinct_ids_after_it"`
}

type stage struct {
	Name  string  `json:"name"`
	Micro float64 `json:"cpu_us_per_event"`
}

type bench struct {
	o      options
	dir    string
	res    results
	s      *harness.Server
	tenant harness.Tenant
	total  int64 // events acknowledged so far
	ids    events.Counter
	rows   *sample // of the events table, for the engine's own INSERT
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (b *bench) run(ctx context.Context) (err error) {
	began := time.Now()
	defer func() { b.res.Wall = time.Since(began) }()
	b.s, err = harness.Start(ctx, harness.Config{Dir: filepath.Join(b.dir, "weir"), Binary: b.o.bin})
	if err != nil {
		return err
	}
	defer func() {
		if kerr := b.s.Kill(); err == nil {
			err = kerr
		}
	}()
	if b.tenant, err = b.s.NewTenant(ctx, "bench"); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{{"memory at rest", b.idle}, {"warm-up", b.warmUp}, {"maximum", b.maximum}, {"rows for the engine's own INSERT", b.sampleRows}, {"CPU by stage", b.stages}, {"offered load", b.offered}, {"restart", b.kill}} {
		say("== %s", part.name)
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w\n%s", part.name, err, b.s.Output())
		}
	}
	if err := b.s.Stop(); err != nil {
		return err
	}
	say("== the engine's own INSERT")
	if err := b.engineInsert(ctx); err != nil {
		return fmt.Errorf("the engine's own INSERT: %w", err)
	}
	b.res.Ratio = b.res.Max.VisibleRate / b.res.Engine.Rate
	say("%.2f times the engine's own INSERT", b.res.Ratio)
	return nil
}

func (b *bench) processes() measure.Processes {
	return measure.Processes{Parent: b.s.PID(), Engine: b.s.EnginePID()}
}

func (b *bench) load(rate float64, d time.Duration) drive.Config {
	return drive.Config{Addr: strings.TrimPrefix(b.s.URL, "http://"), Key: b.tenant.WriteKey, Conns: b.o.conns, IDs: &b.ids, Rate: rate, Duration: d,
		Events: events.Config{SiteID: b.tenant.SiteID, Batch: b.o.batch, Seed: 7}}
}

// reader is a client that may wait long for an answer but does not repeat questions.
func (b *bench) reader() *client.Client {
	return client.New(b.s.URL, b.tenant.Analyst, client.Options{RetryFor: 5 * time.Second})
}

// drained waits until all acknowledged events are visible.
func (b *bench) drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	return harness.WaitCount(ctx, b.reader(), "SELECT count() FROM events WHERE type != 'weir_probe'", b.total)
}

func (b *bench) drive(ctx context.Context, c drive.Config) (*drive.Result, error) {
	res, err := drive.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	b.total += res.Accepted
	if res.Rejected+res.Failed > 0 {
		return nil, fmt.Errorf("%d events were rejected and %d failed: %w", res.Rejected, res.Failed, res.FirstErr)
	}
	return res, ctx.Err()
}

func (b *bench) idle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(3 * time.Second):
	}
	p, err1 := measure.MemoryOf(b.s.PID())
	e, err2 := measure.MemoryOf(b.s.EnginePID())
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%w, %w", err1, err2)
	}
	b.res.Idle = memory{Parent: p.RSS, Engine: e.RSS, Anon: p.Anon + e.Anon}
	say("parent %d MB, engine %d MB, of both %d MB anonymous", p.RSS>>20, e.RSS>>20, b.res.Idle.Anon>>20)
	return nil
}

func (b *bench) warmUp(ctx context.Context) error {
	if _, err := b.drive(ctx, b.load(0, b.o.warm)); err != nil {
		return err
	}
	return b.drained(ctx)
}

func (b *bench) maximum(ctx context.Context) error {
	stop := measure.Watch(ctx, b.processes())
	began := time.Now()
	res, err := b.drive(ctx, b.load(0, b.o.max))
	if err == nil {
		err = b.drained(ctx)
	}
	wall := time.Since(began)
	use, uerr := stop()
	if err != nil || uerr != nil {
		return fmt.Errorf("%w, %w", err, uerr)
	}
	n := float64(res.Accepted)
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	m := maxRun{Events: res.Accepted, BytesPer: float64(res.Bytes) / float64(res.Sent), AcceptedRate: res.AcceptedRate(), VisibleRate: n / wall.Seconds(), Refused: res.Refused,
		AckP50: ms(res.Latency.Quantile(0.5)), AckP99: ms(res.Latency.Quantile(0.99)), ParentCPU: per(use.Parent), EngineCPU: per(use.Engine), GeneratorCPU: per(use.Generator),
		PeakRSS: use.PeakRSS, PeakAnon: use.PeakParent.Anon + use.PeakEngine.Anon}
	if m.Disk, err = measure.Disk(b.s.Dir()); err != nil {
		return err
	}
	for name, size := range m.Disk {
		switch {
		case strings.HasPrefix(name, "log"):
			m.LogBytes += float64(size) / float64(b.total)
		case strings.HasPrefix(name, "engine"), strings.HasPrefix(name, "clickhouse"):
			m.TableBytes += float64(size) / float64(b.total)
		}
	}
	b.res.Max = m
	say("%.0f accepted/s, %.0f visible/s, ack p50 %.1f ms p99 %.1f ms, CPU parent %.2f engine %.2f generator %.2f µs/event, peak %d MB (%d MB anonymous), refused %d, disk %v",
		m.AcceptedRate, m.VisibleRate, m.AckP50, m.AckP99, m.ParentCPU, m.EngineCPU, m.GeneratorCPU, m.PeakRSS>>20, m.PeakAnon>>20, m.Refused, m.Disk)
	return nil
}

// sampleRows keeps rows as weir stored them.
func (b *bench) sampleRows(ctx context.Context) error {
	socket, err := findSocket(b.s.Dir())
	if err != nil {
		return err
	}
	c, err := clickhouse.New("unix://" + socket)
	if err != nil {
		return err
	}
	b.rows, err = readSample(ctx, c, engineInsertRows)
	return err
}

// offered measures each share of the maximum that the system sustains to the end, not only at its door.
func (b *bench) offered(ctx context.Context) error {
	for _, share := range b.o.shares {
		rate := share * b.res.Max.VisibleRate
		stop := measure.Watch(ctx, b.processes())
		probing, stopProbing := context.WithCancel(ctx)
		p := measure.Prober{Writer: client.New(b.s.URL, b.tenant.WriteKey, client.Options{RetryFor: -1}), Reader: b.reader(), SiteID: b.tenant.SiteID}
		var fresh *measure.Fresh
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			fresh = p.Run(probing, time.Minute)
		}()
		res, err := b.drive(ctx, b.load(rate, b.o.step))
		use, uerr := stop()
		stopProbing()
		wg.Wait()
		if err != nil || uerr != nil {
			return fmt.Errorf("%w, %w", err, uerr)
		}
		if fresh.Err != nil {
			return fresh.Err
		}
		s := step{Share: share, Offered: rate, Accepted: res.AcceptedRate(), AckP50: ms(res.Latency.Quantile(0.5)), AckP99: ms(res.Latency.Quantile(0.99)),
			FreshP50: ms(fresh.Visible.Quantile(0.5)), FreshP95: ms(fresh.Visible.Quantile(0.95)), Probes: fresh.Acked, Lost: fresh.Lost,
			CPU: (use.Parent + use.Engine).Seconds() / use.Wall.Seconds(), Refused: res.Refused}
		b.res.Steps = append(b.res.Steps, s)
		say("%3.0f %%: %.0f offered, %.0f accepted/s, ack p50 %.1f p99 %.1f ms, fresh p50 %.0f p95 %.0f ms, %.2f cores", 100*share, s.Offered, s.Accepted, s.AckP50, s.AckP99, s.FreshP50, s.FreshP95, s.CPU)
		if err := b.drained(ctx); err != nil {
			return err
		}
	}
	return nil
}

// kill ends the server with SIGKILL under load and starts it again.
func (b *bench) kill(ctx context.Context) error {
	tenant, err := b.s.NewTenant(ctx, "bench-restart")
	if err != nil {
		return err
	}
	c := b.load(b.res.Max.VisibleRate/2, 20*time.Second)
	c.Key, c.Events.SiteID = tenant.WriteKey, tenant.SiteID
	loading, stop := context.WithCancel(ctx)
	var res *drive.Result
	var lerr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, lerr = drive.Run(loading, c)
	}()
	select {
	case <-time.After(5 * time.Second):
	case <-ctx.Done():
	}
	err = b.s.Kill()
	stop()
	<-done
	if err != nil || lerr != nil {
		return fmt.Errorf("%w, %w", err, lerr)
	}
	if err := b.s.Restart(ctx); err != nil {
		return err
	}
	r := restart{ReadyMS: ms(b.s.ReadyT), Acked: res.Accepted}
	reader := b.s.Client(tenant.Analyst)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		n, err := harness.Count(ctx, reader, "SELECT count() FROM events")
		if err == nil && n >= r.Acked && n == r.Stored {
			break
		}
		if err == nil {
			r.Stored = n
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d events were acknowledged, %d are visible (%w)", r.Acked, r.Stored, err)
		}
	}
	if r.Distinct, err = harness.Count(ctx, reader, "SELECT uniqExact(event_id) FROM events"); err != nil {
		return err
	}
	b.res.Restart = r
	say("ready in %.0f ms; %d acknowledged, %d stored, %d distinct", r.ReadyMS, r.Acked, r.Stored, r.Distinct)
	if r.Distinct != r.Stored {
		return fmt.Errorf("%d events are stored with %d distinct ids", r.Stored, r.Distinct)
	}
	return nil
}
