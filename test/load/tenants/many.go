package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"weir/test/load/drive"
	"weir/test/load/events"
	"weir/test/load/measure"
	"weir/test/system/harness"
)

// manyRun is what many tenants cost.
type manyRun struct {
	Tenants   int       `json:"tenants"`
	Create    quantiles `json:"create"`     // of one tenant, without its source and keys
	With      quantiles `json:"create_all"` // with a source and two keys
	PerTenant float64   `json:"bytes_each"` // growth of both processes' memory without mapped files, divided
	Before    int64     `json:"anon_before"`
	After     int64     `json:"anon_after"`
	Start     float64   `json:"start_ms"` // until ready, with all of them
	Metrics   int       `json:"metrics_bytes"`
	First     probe     `json:"first"`
	Last      probe     `json:"last"`
}

// probe is how fast a tenant is, right after a start.
type probe struct {
	FirstQuery float64   `json:"first_query_ms"`
	Queries    quantiles `json:"queries"`
	Acks       quantiles `json:"acks"`
}

// many creates tenants, each with a source and two keys, and compares the first one with the last.
func (b *bench) many(ctx context.Context) error {
	m := manyRun{Tenants: b.o.tenants}
	var err error
	if m.Before, err = b.restarted(ctx); err != nil {
		return err
	}
	first, last, err := b.create(ctx, &m)
	if err != nil {
		return err
	}
	if m.After, err = b.restarted(ctx); err != nil {
		return err
	}
	m.PerTenant = float64(m.After-m.Before) / float64(m.Tenants)
	b.report("a tenant: created in %.2f ms (p99 %.2f), %.0f bytes", m.Create.P50, m.Create.P99, m.PerTenant)
	m.Start = ms(b.s.ReadyT)
	a := &asker{addr: b.addr(), key: harness.AdminToken}
	defer a.close()
	if status, text, err := a.ask(ctx, "GET", "/metrics", nil); err != nil || status != http.StatusOK {
		return fmt.Errorf("/metrics: status %d, %v", status, err)
	} else {
		m.Metrics = len(text)
	}
	if m.First, err = b.probe(ctx, first); err != nil {
		return err
	}
	if m.Last, err = b.probe(ctx, last); err != nil {
		return err
	}
	b.report("ready after %.0f ms; first query %.1f and %.1f ms, then p50 %.1f and %.1f ms, acks p50 %.1f and %.1f ms", m.Start, m.First.FirstQuery, m.Last.FirstQuery,
		m.First.Queries.P50, m.Last.Queries.P50, m.First.Acks.P50, m.Last.Acks.P50)
	b.res.Many = m
	return nil
}

// restarted starts weir anew and returns the memory of both processes at rest: what earlier work has left in them does not count.
func (b *bench) restarted(ctx context.Context) (sum int64, err error) {
	if err := b.s.Stop(); err != nil {
		return 0, err
	}
	if err := b.s.Restart(ctx); err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(min(5*time.Second, time.Duration(b.o.tenants)*5*time.Millisecond)): // both come to rest
	}
	for _, pid := range []int{b.s.PID(), b.s.EnginePID()} {
		m, err := measure.MemoryOf(pid)
		if err != nil {
			return 0, err
		}
		sum += m.Anon
	}
	return sum, nil
}

// create makes the tenants, and returns the first and the last of them.
func (b *bench) create(ctx context.Context, m *manyRun) (first, last harness.Tenant, err error) {
	var alone, all drive.Histogram
	a := &asker{addr: b.addr(), key: harness.AdminToken}
	defer a.close()
	post := func(path, body string) error {
		status, answer, err := a.ask(ctx, "POST", path, []byte(body))
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("POST %s: status %d: %.300s", path, status, answer)
		}
		return err
	}
	for i := range m.Tenants {
		id := fmt.Sprintf("many-%05d", i)
		if i == 0 || i == m.Tenants-1 { // these two are used afterwards
			t, err := b.s.NewTenant(ctx, id)
			if err != nil {
				return first, last, err
			}
			if last = t; i == 0 {
				first = t
			}
			continue
		}
		began := time.Now()
		if err := post("/api/v1/tenants", `{"id":"`+id+`","name":"Tenant"}`); err != nil {
			return first, last, err
		}
		alone.Add(time.Since(began))
		for _, more := range [][2]string{{"/sources", `{"id":"web"}`}, {"/keys", `{"role":"admin"}`}, {"/keys", `{"role":"analyst"}`}} {
			if err := post("/api/v1/tenants/"+id+more[0], more[1]); err != nil {
				return first, last, err
			}
		}
		all.Add(time.Since(began))
	}
	m.Create, m.With = quantilesOf(&alone, 0, 0), quantilesOf(&all, 0, 0)
	return first, last, nil
}

// probe measures one tenant: its first query, then 200, and 200 acknowledged requests.
func (b *bench) probe(ctx context.Context, t harness.Tenant) (p probe, err error) {
	a := &asker{addr: b.addr(), key: t.Analyst}
	defer a.close()
	var queries tally
	for i := range 201 {
		r := sql(fmt.Sprintf("SELECT count() AS n, %d AS k FROM events", i))
		began := time.Now()
		status, answer, err := a.ask(ctx, r.method, r.path, r.body)
		took := time.Since(began)
		if i == 0 {
			p.FirstQuery = ms(took)
			continue
		}
		queries.count("", status, answer, err, took)
	}
	if queries.failed > 0 {
		return p, queries.first
	}
	p.Queries = quantilesOf(&queries.ok, queries.refused, 0)
	r, err := drive.Run(ctx, drive.Config{Addr: b.addr(), Key: t.WriteKey, Conns: 1, IDs: &b.ids, Rate: 1000, Duration: 2 * time.Second,
		Events: events.Config{SiteID: t.SiteID, Batch: 10, Clients: 1000, Seed: 4}})
	if err == nil {
		err = r.FirstErr
	}
	if err != nil {
		return p, err
	}
	p.Acks = quantilesOf(&r.Latency, r.Refused, r.Failed)
	return p, nil
}
