package tables

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/catalog/sqlite"
	"weir/internal/clickhouse"
	"weir/internal/lookup"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/usage"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// fixture is tables over a real catalog, and the real engine unless another one is given.
type fixture struct {
	t       *testing.T
	dir     string
	catalog *sqlite.Catalog
	engine  Engine
	tables  *Tables
	mux     http.Handler
	data    *changes
	audit   *entries
	sink    *records
	gate    *gate
}

// changes counts the changes of data that were told of, and of those that are under way.
type changes struct {
	mu          sync.Mutex
	begun, open int
	tenants     []string
}

func (c *changes) ChangeData(tenants ...string) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun++
	c.open++
	c.tenants = append(c.tenants, tenants...)
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
	})
}

type entries struct {
	audit.Recorder
	mu   sync.Mutex
	all  []audit.Entry
	fail error
}

func (e *entries) Append(_ context.Context, entry audit.Entry) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, entry)
	return e.fail
}

// gate admits everything, or refuses it.
type gate struct {
	mu     sync.Mutex
	refuse *problem.Problem
	asked  []usage.Question
	done   []usage.Record
}

func (g *gate) Estimate(usage.Question) usage.Estimate { return usage.Estimate{} }

func (g *gate) Admit(q usage.Question, _ <-chan struct{}) (usage.Ticket, *problem.Problem) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, q)
	if g.refuse != nil {
		return nil, g.refuse
	}
	return place{g}, nil
}

type place struct{ *gate }

func (place) Waited() time.Duration { return 0 }

func (place) Settings() map[string]string { return map[string]string{"priority": "5"} }

func (p place) Done(r usage.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, r)
}

type records struct {
	mu  sync.Mutex
	all []usage.Record
}

func (r *records) Record(x usage.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, x)
}

func newFixture(t *testing.T, e Engine) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), engine: e, data: &changes{}, audit: &entries{}, sink: &records{}, gate: &gate{}}
	f.open()
	for _, id := range []tenant.ID{"acme", "other"} {
		if _, err := f.catalog.CreateTenant(t.Context(), catalog.Tenant{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// open opens everything, as after a start.
func (f *fixture) open() {
	f.t.Helper()
	if f.catalog != nil {
		if err := f.catalog.Close(); err != nil {
			f.t.Fatal(err)
		}
	}
	var err error
	if f.catalog, err = sqlite.Open(f.t.Context(), sqlite.Config{Path: filepath.Join(f.dir, "catalog.db"), Partitions: 1}); err != nil {
		f.t.Fatal(err)
	}
	c := f.catalog
	f.t.Cleanup(func() {
		if c == f.catalog {
			_ = c.Close()
		}
	})
	l := Limits{MaxTables: 3, MaxColumns: 20, MaxRows: 100_000, MaxBytes: 8 << 20, MaxCell: 10_000, Uploads: 2}
	f.tables, err = New(l, Deps{Catalog: f.catalog, Engine: f.engine, Data: f.data, Audit: f.audit, Sink: f.sink, Gate: f.gate,
		Reserved: func(name string) string { return map[string]string{"events": "it is taken"}[name] }}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("test", "1"))
	f.tables.Register(api, mux, func(h http.Handler) http.Handler { return h }, func(op *huma.Operation) { api.OpenAPI().AddOperation(op) })
	f.mux = mux
}

var (
	admin    = tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, KeyID: "k"}
	analyst  = tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "a"}
	operator = tenant.Principal{Role: tenant.RoleOperator, KeyID: "operator"}
)

// do makes a request; head are pairs of names and values.
func (f *fixture) do(who tenant.Principal, method, path, body string, head ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api/v1/tenants/"+path, strings.NewReader(body))
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), who)))
	return w
}

func (f *fixture) put(path, body string, head ...string) *httptest.ResponseRecorder {
	return f.do(admin, "PUT", path, body, head...)
}

// want checks a status.
func (f *fixture) want(status int, w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	f.t.Helper()
	if w.Code != status {
		f.t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	return w
}

func (f *fixture) wantProblem(status int, code, detail string, w *httptest.ResponseRecorder) *problem.Problem {
	f.t.Helper()
	p := &problem.Problem{}
	if err := json.Unmarshal(w.Body.Bytes(), p); err != nil || w.Code != status || p.Code != code || !strings.Contains(p.Detail, detail) {
		f.t.Errorf("status %d, want %d %s %q: %s (%v)", w.Code, status, code, detail, w.Body, err)
	}
	return p
}

// rows counts the rows in the engine, of a version if it is not 0.
func (f *fixture) rows(who, name string, version uint64) string {
	f.t.Helper()
	sql := "SELECT toString(count()) FROM weir.lookups WHERE tenant = '" + who + "' AND lookup = '" + name + "'"
	if version != 0 {
		where, err := (&lookup.Table{Tenant: tenant.ID(who), Name: name, Version: version}).Condition("lookups")
		if err != nil {
			f.t.Fatal(err)
		}
		sql += " AND " + where
	}
	return testkit.Rows(f.t, f.engine.(*clickhouse.Client), sql)[0]
}

// waitRows waits until the engine has that many rows of a table: mutations end by themselves.
func (f *fixture) waitRows(who, name, want string) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); f.rows(who, name, 0) != want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s has %s rows, not %s", name, f.rows(who, name, 0), want)
		}
	}
}

func (f *fixture) clean() {
	testkit.Exec(f.t, f.engine.(*clickhouse.Client), "TRUNCATE TABLE weir.lookups")
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

var errBoom = errors.New("boom")

// fakeEngine takes rows, or fails.
type fakeEngine struct {
	mu       sync.Mutex
	err      error
	during   func() // called while rows are inserted
	hangs    bool   // answers have no end
	sql      []string
	settings []map[string]string
}

// hung is an answer without an end.
type hung struct{ ctx context.Context }

func (h hung) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

func (e *fakeEngine) Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	if err := e.exec(s); err != nil {
		return nil, err
	}
	if e.hangs {
		return &clickhouse.Result{Body: io.NopCloser(hung{ctx}), Summary: func() clickhouse.Summary { return clickhouse.Summary{} }}, nil
	}
	return &clickhouse.Result{Body: io.NopCloser(strings.NewReader("")), Summary: func() clickhouse.Summary { return clickhouse.Summary{} }}, nil
}

func (e *fakeEngine) Exec(_ context.Context, s clickhouse.Statement) (clickhouse.Summary, error) {
	return clickhouse.Summary{}, e.exec(s)
}

func (e *fakeEngine) Insert(_ context.Context, s clickhouse.Statement, body io.Reader) (clickhouse.Summary, error) {
	if _, err := io.Copy(io.Discard, body); err != nil {
		return clickhouse.Summary{}, err
	}
	if e.during != nil {
		e.during()
	}
	return clickhouse.Summary{}, e.exec(s)
}

func (e *fakeEngine) Rows(_ context.Context, s clickhouse.Statement, _ func([]any) error) (clickhouse.Summary, error) {
	return clickhouse.Summary{}, e.exec(s)
}

func (e *fakeEngine) exec(s clickhouse.Statement) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sql, e.settings = append(e.sql, s.SQL), append(e.settings, s.Settings)
	return e.err
}
