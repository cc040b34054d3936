package saved

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/catalog/sqlite"
	"weir/internal/clickhouse"
	"weir/internal/report"
	"weir/internal/tenant"
	"weir/internal/usage"
)

var (
	admin   = tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, KeyID: "adm"}
	analyst = tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "ana"}
	viewer  = tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, KeyID: "vie"}
	bound   = tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "bou", Site: "s1"}
	other   = tenant.Principal{Tenant: "other", Role: tenant.RoleAdmin, KeyID: "oth"}
	writer  = tenant.Principal{Tenant: "acme", Role: tenant.RoleWriter, KeyID: "wri"}
	op      = tenant.Principal{Role: tenant.RoleOperator, KeyID: "operator"}
)

// engine answers every statement with no row.
type engine struct {
	run func(ctx context.Context) error // nil: at once

	mu  sync.Mutex
	got []clickhouse.Statement
}

func (e *engine) Rows(ctx context.Context, s clickhouse.Statement, _ func([]any) error) (clickhouse.Summary, error) {
	if strings.Contains(s.SQL, "system.parts") {
		return clickhouse.Summary{}, nil
	}
	e.mu.Lock()
	e.got = append(e.got, s)
	e.mu.Unlock()
	if e.run == nil {
		return clickhouse.Summary{}, nil
	}
	return clickhouse.Summary{}, e.run(ctx)
}

func (e *engine) statements() []clickhouse.Statement {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.got
}

type clock struct{}

func (clock) Reached() time.Time                          { return time.Now() }
func (clock) AsOf(tenant.ID) time.Time                    { return time.Now() }
func (clock) CompleteUntil(tenant.ID) time.Time           { return time.Now().Add(-5 * time.Minute) }
func (clock) Positions(string) map[uint16]uint64          { return nil }
func (clock) Committed() (main, late uint64)              { return ^uint64(0), ^uint64(0) }
func (d *desk) Append(context.Context, audit.Entry) error { return nil }
func (d *desk) Record(audit.Entry)                        {}

// desk notes what is charged and gathered.
type desk struct {
	mu       sync.Mutex
	charged  []usage.Record
	gathered []audit.Entry
}

func (d *desk) Gather(e audit.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gathered = append(d.gathered, e)
}

type sink struct{ *desk }

func (s sink) Record(r usage.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charged = append(s.charged, r)
}

type fixture struct {
	catalog *sqlite.Catalog
	objects *Objects
	engine  *engine
	desk    *desk
	mux     *http.ServeMux

	gone  atomic.Bool  // who makes tokens, where a test says so
	later atomic.Int64 // nanoseconds that the clock is ahead, where a test says so
}

// newFixture has tenants acme (sites s1 with the alias a1, and s2) and other (site s3).
func newFixture(t testing.TB, l Limits) *fixture {
	t.Helper()
	ctx := context.Background()
	c, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{catalog: c, engine: &engine{}, desk: &desk{}, mux: http.NewServeMux()}
	for _, id := range []tenant.ID{"acme", "other"} {
		if _, err := c.CreateTenant(ctx, catalog.Tenant{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range []catalog.Source{{Tenant: "acme", ID: "web", SiteID: "s1", Aliases: []string{"a1"}}, {Tenant: "acme", ID: "app", SiteID: "s2"}, {Tenant: "other", ID: "web", SiteID: "s3"}} {
		if _, err := c.CreateSource(ctx, s, catalog.Key{Tenant: s.Tenant, ID: s.ID, Role: tenant.RoleWriter, Site: s.SiteID, Hash: [32]byte{byte(i + 1)}}); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	r, err := report.New(report.Config{}, report.Deps{Engine: f.engine, Sources: c, Clock: clock{}, Positions: clock{}, Objects: c, Sink: sink{f.desk},
		Masks: func(id tenant.ID) []catalog.Mask { found, _ := c.TenantByID(id); return found.Policy.Masks }}, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if f.objects, err = New(l, Deps{Catalog: c, Questions: r, Audit: f.desk, EmbedKey: make([]byte, 32), Public: map[string]any{"public": true}}, log); err != nil {
		t.Fatal(err)
	}
	cfg := huma.DefaultConfig("weir", "1")
	cfg.CreateHooks = nil
	f.objects.Register(humago.New(f.mux, cfg))
	return f
}

// call makes a request as who; nobody is the zero Principal.
func (f *fixture) call(t testing.TB, who tenant.Principal, method, path, body string) (int, map[string]any) {
	t.Helper()
	return f.request(t, who, method, path, body, nil)
}

func (f *fixture) request(t testing.TB, who tenant.Principal, method, path, body string, head http.Header) (int, map[string]any) {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for k, v := range head {
		req.Header[k] = v
	}
	if who != (tenant.Principal{}) {
		req = req.WithContext(tenant.With(req.Context(), who))
	}
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, req)
	var out map[string]any
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 0 {
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber()
		if err := d.Decode(&out); err != nil {
			t.Fatalf("%s %s: %d, no JSON: %s", method, path, w.Code, b)
		}
	}
	return w.Code, out
}

// want makes a request that must have the status.
func (f *fixture) want(t testing.TB, status int, who tenant.Principal, method, path, body string) map[string]any {
	t.Helper()
	got, out := f.call(t, who, method, path, body)
	if got != status {
		t.Fatalf("%s %s %s as %s: %d, want %d: %v", method, path, body, who.Role, got, status, out)
	}
	return out
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
