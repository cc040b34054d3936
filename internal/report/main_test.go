package report

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	testkit.Checks(10)
	testkit.Main(m)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; run with -update if the change is wanted):\n%s", name, diff)
	}
}

// sources are the sites that the tests know.
type sources map[string]catalog.Source

func (s sources) SourceBySite(site string) (catalog.Source, catalog.Tenant, bool) {
	src, ok := s[site]
	return src, catalog.Tenant{ID: src.Tenant}, ok
}

var testSources = sources{
	"site":   {Tenant: "acme", SiteID: "site", TimeZone: "UTC", FirstDay: 1},
	"alias":  {Tenant: "acme", SiteID: "site", TimeZone: "UTC", FirstDay: 1},
	"berlin": {Tenant: "acme", SiteID: "berlin", TimeZone: "Europe/Berlin", FirstDay: 1},
	"other":  {Tenant: "other", SiteID: "other"},
}

// clock is a Clock and rollup.Positions that stand still.
type clock struct {
	asOf       time.Time
	positions  map[string]map[uint16]uint64
	main, late uint64                      // behind what is committed; 0: more than any position
	waited     map[tenant.ID]time.Duration // how long late rows of a tenant have waited
}

func (c clock) Committed() (main, late uint64) { return c.main - 1, c.late - 1 }

func (c clock) AsOf(t tenant.ID) time.Time              { return c.asOf.Add(-c.waited[t]) }
func (c clock) CompleteUntil(t tenant.ID) time.Time     { return c.AsOf(t).Add(-5 * time.Minute) }
func (c clock) Reached() time.Time                      { return c.asOf }
func (c clock) Positions(name string) map[uint16]uint64 { return c.positions[name] }

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func newReporter(t testing.TB, e Engine, c clock, cfg Config) *Reporter {
	t.Helper()
	r, err := New(cfg, Deps{Engine: e, Sources: testSources, Clock: c, Positions: c}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r.now = func() time.Time { return noon }
	if _, fake := e.(*fakeEngine); fake {
		r.counted = time.Now() // the fake knows no sizes
	}
	return r
}

// fakeEngine answers each statement with the next of its answers.
// fakeEngine gives its answers one after the other, the last one again and again.
type fakeEngine struct {
	answers []fakeAnswer
	mu      sync.Mutex
	got     []clickhouse.Statement
}

type fakeAnswer struct {
	to   string // a statement with this parameter, whenever it comes; empty: any
	rows string // a JSON array of rows
	err  error
}

func (f *fakeEngine) next(s clickhouse.Statement) fakeAnswer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, s)
	var any []fakeAnswer
	for _, a := range f.answers {
		if a.to == "" {
			any = append(any, a)
		}
		for _, v := range s.Params {
			if a.to != "" && a.to == v {
				return a
			}
		}
	}
	return any[min(len(f.got), len(any))-1]
}

func (f *fakeEngine) Rows(_ context.Context, s clickhouse.Statement, fn func([]any) error) (clickhouse.Summary, error) {
	a := f.next(s)
	if a.err != nil {
		return clickhouse.Summary{}, a.err
	}
	rows, err := decodeRows(a.rows)
	if err != nil {
		return clickhouse.Summary{}, err
	}
	for _, r := range rows {
		if err := fn(r); err != nil {
			return clickhouse.Summary{}, err
		}
	}
	return clickhouse.Summary{}, nil
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// crowded is an engine without rows that counts how many statements are in it; each waits until it is released.
type crowded struct {
	inside, most atomic.Int64
	release      chan struct{}
}

func (c *crowded) Rows(ctx context.Context, _ clickhouse.Statement, _ func([]any) error) (clickhouse.Summary, error) {
	n := c.inside.Add(1)
	defer c.inside.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	select {
	case <-c.release:
	case <-ctx.Done():
	}
	return clickhouse.Summary{}, ctx.Err()
}
