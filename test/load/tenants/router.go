package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"weir/internal/clickhouse"
)

// overhead is what weir adds to one statement.
type overhead struct {
	Name   string    `json:"name"`
	Weir   quantiles `json:"weir"`
	Engine quantiles `json:"engine"` // the same statement on the engine's socket, with the tenant's filter
	Own    quantiles `json:"own"`    // of Weir, what the engine did not take by its own clock
	Added  float64   `json:"added_p50_ms"`
	Share  float64   `json:"added_p50_share"`
}

// within says whether the router adds no more than 2 ms, or no more than a twentieth of a query that is not light.
func (o overhead) within() bool { return o.Added <= 2 || o.Share <= 0.05 }

// router asks the same through weir and on the engine's socket, in turn, each time with a number of its own, so that no answer is kept.
func (b *bench) router(ctx context.Context) error {
	socket, err := findSocket(b.s.Dir())
	if err != nil {
		return err
	}
	engine, err := clickhouse.New("unix://" + socket)
	if err != nil {
		return err
	}
	for _, q := range []struct {
		name, sql string
		pairs     int
	}{
		{"light: the latest events of one visitor", "SELECT ts, type, path, %d AS k FROM %s WHERE client_id = 'c000000042' AND ts >= now() - 3600%s ORDER BY ts DESC LIMIT 20", b.o.pairs},
		{"a count of all rows by a range of ts", "SELECT count() AS n, %d AS k FROM %s WHERE ts >= now() - 3600%s", b.o.pairs},
		{"heavy: all rows by client", "SELECT client_id, count() AS n, uniq(url) AS u, %d AS k FROM %s WHERE 1%s GROUP BY client_id ORDER BY n DESC, client_id LIMIT 10", max(5, b.o.pairs/10)},
	} {
		var through, direct, own tally
		a := &asker{addr: b.addr(), key: b.b.Analyst}
		for i := range q.pairs + 5 {
			began := time.Now()
			r := sql(fmt.Sprintf(q.sql, i, "events", ""))
			status, answer, err := a.ask(ctx, r.method, r.path, r.body)
			t1 := time.Since(began)
			began = time.Now()
			_, derr := engine.Rows(ctx, clickhouse.Statement{SQL: fmt.Sprintf(q.sql, i, "weir.events", " AND tenant = 'b'")}, func([]any) error { return nil })
			t2 := time.Since(began)
			if derr != nil {
				return derr
			}
			if err != nil || status != http.StatusOK {
				return fmt.Errorf("status %d, %v: %.300s", status, err, answer)
			}
			if i >= 5 { // the first ones warm up
				through.count("", status, answer, err, t1)
				own.count("", status, nil, nil, t1-elapsed(answer))
				direct.count("", http.StatusOK, nil, nil, t2)
			}
		}
		a.close()
		o := overhead{Name: q.name, Weir: quantilesOf(&through.ok, 0, 0), Engine: quantilesOf(&direct.ok, 0, 0), Own: quantilesOf(&own.ok, 0, 0)}
		o.Added = o.Weir.P50 - o.Engine.P50
		if o.Engine.P50 > 0 {
			o.Share = o.Added / o.Engine.P50
		}
		b.res.Router = append(b.res.Router, o)
		b.report("%s: weir %.2f ms, engine %.2f ms, added %.2f ms (%.1f %%), outside of the engine %.2f ms", q.name, o.Weir.P50, o.Engine.P50, o.Added, 100*o.Share, o.Own.P50)
	}
	return nil
}

// elapsed is the engine's time as its answer tells it.
func elapsed(answer []byte) time.Duration {
	var a struct {
		Statistics struct{ Elapsed float64 }
	}
	if json.Unmarshal(answer, &a) != nil {
		return 0
	}
	return time.Duration(a.Statistics.Elapsed * float64(time.Second))
}

// findSocket finds the engine's Unix socket in a data directory.
func findSocket(dir string) (string, error) {
	found := ""
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSocket != 0 {
			found = path
			return fs.SkipAll
		}
		return nil // files come and go
	})
	if found == "" {
		return "", fmt.Errorf("no socket of the engine in %s", dir)
	}
	return found, nil
}

// cachedRun is a run of panels whose answers are kept.
type cachedRun struct {
	Conns int       `json:"conns"`
	Rate  float64   `json:"per_second"`
	Times quantiles `json:"times"`
}

// cachedPanels asks the same four panels over and over, while nothing new comes in.
func (b *bench) cachedPanels(ctx context.Context) error {
	const past = "&from=2026-01-01&to=2026-01-31" // a range that is over: its answer stays
	panels := []request{
		{method: "GET", path: "/api/v1/analytics/" + b.b.SiteID + "/report?metric=pageviews,visitors&interval=day" + past},
		{method: "GET", path: "/api/v1/analytics/" + b.b.SiteID + "/report?metric=pageviews&group_by=path&limit=10" + past},
		sql("SELECT type, count() AS n FROM events GROUP BY type ORDER BY n DESC"),
		sql("SELECT path, count() AS n FROM events GROUP BY path ORDER BY n DESC LIMIT 10"),
	}
	ask := func(n int64) request { return panels[n%int64(len(panels))] }
	stream(ctx, b.addr(), b.b.Analyst, 1, 0, min(time.Second, b.o.cached), ask) // the answers are made
	began := time.Now()
	t := stream(ctx, b.addr(), b.b.Analyst, b.o.conns, 0, b.o.cached, ask)
	if t.failed > 0 {
		return t.first
	}
	b.res.Cached = cachedRun{b.o.conns, float64(t.ok.Count()) / time.Since(began).Seconds(), quantilesOf(&t.ok, t.refused, t.failed)}
	b.report("%.0f a second, p99 %.1f ms", b.res.Cached.Rate, b.res.Cached.Times.P99)
	return nil
}
