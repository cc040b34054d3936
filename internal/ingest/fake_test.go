package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/testkit/rowkit"
)

// now is the time in these tests.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

type fakeCatalog struct {
	tenants map[tenant.ID]catalog.Tenant
	sources map[string]catalog.Source // by site and alias
}

func (c *fakeCatalog) SourceBySite(name string) (catalog.Source, catalog.Tenant, bool) {
	s, ok := c.sources[name]
	return s, c.tenants[s.Tenant], ok
}

func (c *fakeCatalog) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	t, ok := c.tenants[id]
	return t, ok
}

// fakeAuth knows keys as "role:tenant:site".
type fakeAuth struct{}

func (fakeAuth) Authenticate(r *http.Request) (tenant.Principal, *problem.Problem) {
	return fakeAuth{}.AuthenticateKey(r, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
}

func (fakeAuth) AuthenticateKey(_ *http.Request, key string) (tenant.Principal, *problem.Problem) {
	f := strings.Split(key, ":")
	if len(f) != 3 {
		return tenant.Principal{}, problem.New(401, "unknown_key", "the key is not known")
	}
	return tenant.Principal{Role: tenant.Role(f[0]), Tenant: tenant.ID(f[1]), Site: f[2]}, nil
}

func (fakeAuth) IsKey(text string) bool { return strings.Count(text, ":") == 2 }

type fakeEnricher struct{}

// Enrich tells what it was asked, so that tests see which address and user agent counted.
func (fakeEnricher) Enrich(ip netip.Addr, ua []byte, _ bool) event.Facts {
	f := event.Facts{Version: 7, Browser: string(ua)}
	if ip.IsValid() {
		f.Country = ip.String()
	}
	return f
}

// Complete does nothing.
func (fakeEnricher) Complete(_ *catalog.Source, _ *event.Row, arena []byte) []byte { return arena }

// fakeLog keeps the rows of each partition.
type fakeLog struct {
	mu      sync.Mutex
	rows    map[uint16][]map[string]any
	flags   []uint8
	hashes  []uint32
	appends map[uint16]uint64
	err     error
	block   chan struct{}
}

func (l *fakeLog) Append(ctx context.Context, p uint16, b *event.Batch) (uint64, error) {
	if l.block != nil {
		select {
		case <-l.block:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	if l.rows == nil {
		l.rows, l.appends = map[uint16][]map[string]any{}, map[uint16]uint64{}
	}
	for i := range b.Rows() {
		l.rows[p] = append(l.rows[p], rowkit.Flatten(b.Row(i)))
	}
	l.flags = append(l.flags, b.Flags()...)
	l.hashes = append(l.hashes, b.PayloadHashes()...)
	off := l.appends[p]
	l.appends[p]++
	return off, nil
}

type fakeAccount struct {
	mu         sync.Mutex
	count      map[string]int
	rejections []Rejection
	plain      bool // no examples are wanted
}

func (a *fakeAccount) add(key string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == nil {
		a.count = map[string]int{}
	}
	a.count[key] += n
}

func (a *fakeAccount) Accepted(t tenant.ID, site string, n int) {
	a.add(fmt.Sprintf("%s/%s accepted", t, site), n)
}

func (a *fakeAccount) Received(t tenant.ID, bytes int) {
	if bytes <= 0 {
		panic("a request with accepted events has a body")
	}
}

func (a *fakeAccount) Rejected(t tenant.ID, site string, r Rejection) {
	a.add(fmt.Sprintf("%s/%s %s", t, site, r.Code), r.Count)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rejections = append(a.rejections, r)
}

func (a *fakeAccount) WantsExample(tenant.ID, string, string, string) bool { return !a.plain }

type rig struct {
	*Handler
	mux     *http.ServeMux
	log     *fakeLog
	account *fakeAccount
	catalog *fakeCatalog
}

func newRig(t testing.TB, change ...func(*Config, *Deps)) *rig {
	t.Helper()
	r := &rig{log: &fakeLog{}, account: &fakeAccount{}, mux: http.NewServeMux()}
	r.catalog = &fakeCatalog{
		tenants: map[tenant.ID]catalog.Tenant{
			"acme":  {ID: "acme", Partitions: catalog.Range{First: 3, Count: 1}},
			"globe": {ID: "globe", Partitions: catalog.Range{First: 6, Count: 4}},
		},
		sources: map[string]catalog.Source{
			"site-1": {Tenant: "acme", ID: "one", SiteID: "site-1"},
			"site-2": {Tenant: "acme", ID: "two", SiteID: "site-2", Hostnames: []string{"shop.example.com", "*.example.org"}},
			"site-3": {Tenant: "globe", ID: "three", SiteID: "site-3"},
		},
	}
	r.catalog.sources["alias.example"] = r.catalog.sources["site-1"]
	cfg := Config{}
	deps := Deps{Catalog: r.catalog, Auth: fakeAuth{}, Enricher: fakeEnricher{}, Gatherer: r.log, Partitions: 8, Account: r.account,
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	for _, c := range change {
		c(&cfg, &deps)
	}
	h, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	r.Handler = h
	h.Register(r.mux)
	return r
}

// do sends a request; the headers are "Name: value".
func (r *rig) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.RemoteAddr = "192.0.2.1:1234"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, req)
	return w
}

const acmeKey = "Authorization: Bearer writer:acme:site-1"

// all returns the rows of all partitions in order.
func (l *fakeLog) all() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []map[string]any
	for p := range uint16(8) {
		out = append(out, l.rows[p]...)
	}
	return out
}
