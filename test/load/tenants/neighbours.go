package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"weir/test/load/drive"
	"weir/test/load/events"
)

// sideBySide compares B alone with B while A floods.
type sideBySide struct {
	Alone, Under quantiles
	RatioP50     float64 `json:"ratio_p50"`
	RatioP99     float64 `json:"ratio_p99"`
}

type quantiles struct {
	Count   int64   `json:"count"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
	Refused int64   `json:"refused"`
	Failed  int64   `json:"failed"`
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func quantilesOf(h *drive.Histogram, refused, failed int64) quantiles {
	return quantiles{h.Count(), ms(h.Quantile(0.5)), ms(h.Quantile(0.99)), ms(h.Quantile(1)), refused, failed}
}

func compare(alone, under quantiles) sideBySide {
	s := sideBySide{Alone: alone, Under: under}
	if alone.P50 > 0 && alone.P99 > 0 {
		s.RatioP50, s.RatioP99 = under.P50/alone.P50, under.P99/alone.P99
	}
	return s
}

// phaseResult is one phase, for the plot.
type phaseResult struct {
	Under    bool    `json:"under_load"`
	QueryP50 float64 `json:"query_p50_ms"`
	QueryP99 float64 `json:"query_p99_ms"`
	AckP50   float64 `json:"ack_p50_ms"`
	AckP99   float64 `json:"ack_p99_ms"`
}

// kindResult is one kind of B's queries.
type kindResult struct {
	Kind string `json:"kind"`
	sideBySide
}

// neighbour is what A got.
type neighbour struct {
	Scans    quantiles `json:"scans"`
	Sent     int64     `json:"events_sent"`
	Accepted int64     `json:"events_accepted"`
	Refused  int64     `json:"events_refused"`
}

// phase is what is gathered of one kind of phase.
type phase struct {
	queries tally
	acks    drive.Result
}

// neighbours runs B alone and beside A, in turn, so that drift of the machine falls on both.
func (b *bench) neighbours(ctx context.Context) error {
	patch := map[string]any{"limits": map[string]int64{"events_per_second": b.o.limit}}
	if err := b.s.Admin().Do(ctx, "PATCH", "/api/v1/tenants/a", patch, nil); err != nil {
		return err
	}
	if _, err := b.phase(ctx, min(b.o.phase, 5*time.Second)); err != nil { // warm-up: estimates are learned
		return err
	}
	var alone, under phase
	for range b.o.rounds {
		for _, flood := range []bool{false, true} {
			one, err := b.round(ctx, flood)
			if err != nil {
				return err
			}
			into := &alone
			if flood {
				into = &under
			}
			into.add(one)
			q, a := quantilesOf(&one.queries.ok, 0, 0), quantilesOf(&one.acks.Latency, 0, 0)
			b.res.Phases = append(b.res.Phases, phaseResult{flood, q.P50, q.P99, a.P50, a.P99})
			b.report("flood %v: queries p50 %.1f p99 %.1f ms, acks p50 %.1f p99 %.1f ms (%d and %d)", flood, q.P50, q.P99, a.P50, a.P99, q.Count, a.Count)
		}
	}
	b.res.Queries = compare(alone.queryQuantiles(), under.queryQuantiles())
	b.res.Acks = compare(alone.ackQuantiles(), under.ackQuantiles())
	for _, name := range slices.Sorted(maps.Keys(alone.queries.kinds)) {
		k := kindResult{Kind: name, sideBySide: compare(quantilesOf(alone.queries.kind(name), 0, 0), quantilesOf(under.queries.kind(name), 0, 0))}
		b.res.Kinds = append(b.res.Kinds, k)
		b.report("%-32s alone p50 %7.1f p99 %7.1f, beside A %7.1f %7.1f ms", name, k.Alone.P50, k.Alone.P99, k.Under.P50, k.Under.P99)
	}
	b.report("ratios of p99: queries %.2f, acks %.2f", b.res.Queries.RatioP99, b.res.Acks.RatioP99)
	return nil
}

func (p *phase) queryQuantiles() quantiles {
	return quantilesOf(&p.queries.ok, p.queries.refused, p.queries.failed)
}

func (p *phase) ackQuantiles() quantiles {
	return quantilesOf(&p.acks.Latency, p.acks.Refused, p.acks.Failed)
}

func (p *phase) add(o *phase) {
	p.queries.add(&o.queries)
	p.acks.Latency.Merge(&o.acks.Latency)
	p.acks.Refused += o.acks.Refused
	p.acks.Failed += o.acks.Failed
}

// round is one phase, with A's flood beside it if asked for.
func (b *bench) round(ctx context.Context, flood bool) (*phase, error) {
	if !flood {
		return b.phase(ctx, b.o.phase)
	}
	floodCtx, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return b.flood(floodCtx) })
	time.Sleep(min(time.Second, b.o.phase/4)) // until it is under way
	one, err := b.phase(ctx, b.o.phase)
	stop()
	if ferr := g.Wait(); err == nil {
		err = ferr
	}
	if err == nil {
		time.Sleep(min(2*time.Second, b.o.phase/4)) // what A has begun comes to its end
	}
	return one, err
}

// phase is B's life: dashboard queries and acknowledged events at fixed rates.
func (b *bench) phase(ctx context.Context, d time.Duration) (*phase, error) {
	one := &phase{}
	var g errgroup.Group
	g.Go(func() error {
		one.queries = *stream(ctx, b.addr(), b.b.Analyst, 32, b.o.queryRate, d, b.panel)
		if one.queries.failed > 0 { // told among the figures: under load it is what is measured
			b.report("%d queries of B failed: %v", one.queries.failed, one.queries.first)
		}
		if one.queries.ok.Count() == 0 {
			return fmt.Errorf("no query of B was answered: %w", one.queries.first)
		}
		return nil
	})
	g.Go(func() error {
		const batch = 10
		r, err := drive.Run(ctx, drive.Config{Addr: b.addr(), Key: b.b.WriteKey, Conns: 16, IDs: &b.ids, Rate: batch * b.o.ackRate, Duration: d,
			Events: events.Config{SiteID: b.b.SiteID, Batch: batch, Clients: 100_000, Seed: 2}})
		if err == nil {
			one.acks = *r
			err = r.FirstErr
		}
		return err
	})
	return one, g.Wait()
}

// panel is the n-th request of B's dashboards: reports, and panels in SQL. B's own events change its data all the time, so hardly any is answered from the cache.
func (b *bench) panel(n int64) request {
	now := time.Now().UTC()
	day := now.Format(time.DateOnly)
	switch n % 5 {
	case 0:
		return request{kind: "report by hour", method: "GET", path: "/api/v1/analytics/" + b.b.SiteID + "/report?metric=pageviews,visitors&interval=hour&from=" + day + "&to=" + day}
	case 1:
		return request{kind: "report of pages", method: "GET", path: "/api/v1/analytics/" + b.b.SiteID + "/report?metric=pageviews&group_by=path&limit=10&from=" + day + "&to=" + day}
	case 2:
		return request{kind: "real time", method: "GET", path: "/api/v1/analytics/" + b.b.SiteID + "/realtime"}
	case 3:
		return sql("SELECT toStartOfMinute(ts) AS minute, count() AS n FROM events WHERE ts >= now() - 600 GROUP BY minute ORDER BY minute").of("SQL by minute")
	}
	return sql("SELECT type, count() AS n, uniq(client_id) AS clients FROM events WHERE ts >= now() - 300 GROUP BY type ORDER BY n DESC LIMIT 10").of("SQL by type")
}

// sql is a question in SQL.
func sql(text string) request {
	body, err := json.Marshal(map[string]any{"sql": text})
	if err != nil {
		panic(err) // a map of strings
	}
	return request{method: "POST", path: "/api/v1/query", body: body}
}

// floods are A's statements: full scans and wide group-bys.
var floods = []string{
	"SELECT count(), uniq(client_id), sum(length(url)), max(length(user_agent)), %d AS k FROM events",
	"SELECT client_id, url, count() AS n, %d AS k FROM events GROUP BY client_id, url ORDER BY n DESC LIMIT 10",
	"SELECT event_id, count() AS n, %d AS k FROM events GROUP BY event_id ORDER BY n DESC LIMIT 10",
	"SELECT path, referrer, country, uniqExact(client_id) AS n, %d AS k FROM events GROUP BY path, referrer, country ORDER BY n DESC LIMIT 10",
}

// flood is A: a hundred statements at once over and over, and ten times its limit of events, until ctx ends.
func (b *bench) flood(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error {
		t := stream(ctx, b.addr(), b.a.Analyst, 100, 0, time.Hour, func(n int64) request {
			return sql(fmt.Sprintf(floods[n%int64(len(floods))], n))
		})
		q := quantilesOf(&t.ok, t.refused, t.failed)
		b.res.A.Scans = q
		b.report("A: %d statements answered, %d refused, %d failed (%v), p50 %.0f ms", q.Count, q.Refused, q.Failed, t.first, q.P50)
		return nil
	})
	g.Go(func() error {
		r, err := drive.Run(ctx, drive.Config{Addr: b.addr(), Key: b.a.WriteKey, Conns: 16, IDs: &b.ids, Rate: 10 * float64(b.o.limit), Duration: time.Hour,
			Events: events.Config{SiteID: b.a.SiteID, Batch: 100, Clients: 100_000, Seed: 3}})
		if err != nil {
			return err
		}
		b.res.A.Sent += r.Sent
		b.res.A.Accepted += r.Accepted
		b.res.A.Refused += r.Refused
		return nil
	})
	return g.Wait()
}
