// Package doorkit stands in for what is behind the doors, for tests of protocols: a catalog with a few sources, keys, limits, and a log
// that keeps rows readable.
package doorkit

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
	"unicode/utf8"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/ingest"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/testkit/rowkit"
	"weir/internal/usage"
)

// Now is the time in these tests.
var Now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// What the catalog holds: WriteKey belongs to the source site-1 of tenant acme, ShopKey to its site-2, TenantKey to acme without a source, OtherKey to tenant globe.
// site-1 has the aliases example.com, app-1, phc_alias and G-ALIAS; site-2 (alias shop.example.com) takes only pages of shop.example.com.
// globe's site-3 has the aliases other.example and theirs and, from before they were refused, WriteKey alone and behind theirs.
const (
	WriteKey  = "wk_site_1"
	ShopKey   = "wk_site_2"
	TenantKey = "wk_acme"
	OtherKey  = "wk_globe"
	ViewerKey = "vk_acme"
)

// Rig is a handler with all that it needs. Limit, if set, is what the limiter answers first; LimitAfter what it answers once the events are known.
type Rig struct {
	Handler           *ingest.Handler
	Mux               *http.ServeMux
	Limit, LimitAfter *problem.Problem
	AddressLimit      *problem.Problem
	LogErr            error
	Behind            error // what lies behind the log does not keep up

	mu      sync.Mutex
	rows    []map[string]any
	hashes  []uint32
	rejects map[string]int
	tried   int // keys
	sources map[string]catalog.Source
}

// New makes a rig and lets register add the doors.
func New(t testing.TB, register func(*http.ServeMux, *ingest.Handler)) *Rig {
	t.Helper()
	r := &Rig{Mux: http.NewServeMux(), rejects: map[string]int{}}
	one := catalog.Source{Tenant: "acme", ID: "one", SiteID: "site-1"}
	two := catalog.Source{Tenant: "acme", ID: "two", SiteID: "site-2", Hostnames: []string{"shop.example.com"}}
	other := catalog.Source{Tenant: "globe", ID: "three", SiteID: "site-3"}
	r.sources = map[string]catalog.Source{"site-1": one, "example.com": one, "app-1": one, "phc_alias": one, "G-ALIAS": one,
		"site-2": two, "shop.example.com": two, "site-3": other, "other.example": other, WriteKey: other, "theirs": other, "theirs:" + WriteKey: other}
	h, err := ingest.New(ingest.Config{}, ingest.Deps{Catalog: r, Auth: r, Enricher: r, Gatherer: r, Partitions: 8, Account: r, Limiter: limiter{r}, Addresses: addresses{r},
		Visitors: r, Backlog: backlog{r}, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return Now }})
	if err != nil {
		t.Fatal(err)
	}
	r.Handler = h
	register(r.Mux, h)
	return r
}

// Do sends a request; the headers are "Name: value".
func (r *Rig) Do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.RemoteAddr = "192.0.2.1:1234"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	r.Mux.ServeHTTP(w, req)
	return w
}

// Take returns the rows that came since the last time.
func (r *Rig) Take() []map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := r.rows
	r.rows = nil
	return rows
}

// Hashes are the payload hashes of all rows so far.
func (r *Rig) Hashes() []uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]uint32(nil), r.hashes...)
}

// Rejects returns how many events were rejected since the last time, by "site code".
func (r *Rig) Rejects() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.rejects
	r.rejects = map[string]int{}
	return m
}

// One sends a request that must succeed with that status and store one event without rejecting any, and returns it.
func (r *Rig) One(t testing.TB, status int, method, target, body string, headers ...string) map[string]any {
	t.Helper()
	w := r.Do(method, target, body, headers...)
	rows, rejects := r.Take(), r.Rejects()
	if w.Code != status || len(rows) != 1 || len(rejects) > 0 {
		t.Fatalf("%s %s: %d %s, %d rows, rejected %v; want %d and one event", method, target, w.Code, w.Body, len(rows), rejects, status)
	}
	return rows[0]
}

// Check compares a row with what is wanted of it; nil says that a name must be absent.
func Check(t testing.TB, row, want map[string]any) {
	t.Helper()
	for k, v := range want {
		if got := row[k]; got != v {
			t.Errorf("%s is %#v, want %#v", k, got, v)
		}
	}
	if t.Failed() {
		t.Logf("the row is %v", row)
	}
}

// Exact is Check, and there must be no other names.
func Exact(t testing.TB, row, want map[string]any) {
	t.Helper()
	Check(t, row, want)
	for k, v := range row {
		if _, ok := want[k]; !ok {
			t.Errorf("%s is %#v, want none", k, v)
		}
	}
}

// Sound looks for what must never be stored, after hostile input.
func (r *Rig) Sound(t testing.TB) {
	t.Helper()
	for _, row := range r.Take() {
		if row["twice"] != nil || row["type"] == nil || row["event_id"] == nil || row["tenant"] == nil {
			t.Errorf("stored %v", row)
		}
		for k, v := range row {
			if s, ok := v.(string); ok && (!utf8.ValidString(s) || strings.ContainsRune(s, 0)) || !utf8.ValidString(k) || strings.ContainsRune(k, 0) {
				t.Errorf("stored %q: %q", k, v)
			}
		}
	}
}

// SourceBySite implements ingest.Catalog.
func (r *Rig) SourceBySite(name string) (catalog.Source, catalog.Tenant, bool) {
	s, ok := r.sources[name]
	t, _ := r.TenantByID(s.Tenant)
	return s, t, ok
}

// TenantByID implements ingest.Catalog.
func (r *Rig) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	return catalog.Tenant{ID: id, Partitions: catalog.Range{Count: 1}}, id == "acme" || id == "globe"
}

// Authenticate implements ingest.Authenticator: it knows Bearer only.
func (r *Rig) Authenticate(req *http.Request) (tenant.Principal, *problem.Problem) {
	key := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if key == "" {
		return tenant.Principal{}, problem.New(401, "missing_key", "no key")
	}
	return r.AuthenticateKey(req, key)
}

// AuthenticateKey implements ingest.Authenticator.
func (r *Rig) AuthenticateKey(_ *http.Request, key string) (tenant.Principal, *problem.Problem) {
	r.mu.Lock()
	r.tried++
	r.mu.Unlock()
	p, ok := keys[key]
	if !ok {
		return p, problem.New(401, "unknown_key", "the key is not known")
	}
	return p, nil
}

// Tried is how many keys were authenticated so far.
func (r *Rig) Tried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried
}

var keys = map[string]tenant.Principal{
	WriteKey:  {Tenant: "acme", Role: tenant.RoleWriter, Site: "site-1"},
	ShopKey:   {Tenant: "acme", Role: tenant.RoleWriter, Site: "site-2"},
	TenantKey: {Tenant: "acme", Role: tenant.RoleWriter},
	OtherKey:  {Tenant: "globe", Role: tenant.RoleWriter, Site: "site-3"},
	ViewerKey: {Tenant: "acme", Role: tenant.RoleViewer},
}

// IsKey implements ingest.Authenticator.
func (r *Rig) IsKey(text string) bool {
	_, ok := keys[text]
	return ok || strings.HasPrefix(text, "wk_gone")
}

// Enrich implements ingest.Enricher; it tells what it was asked: the address as country, the user agent as browser.
func (r *Rig) Enrich(ip netip.Addr, ua []byte, _ bool) event.Facts {
	f := event.Facts{Version: 7, Browser: string(ua)}
	if ip.IsValid() {
		f.Country = ip.String()
	}
	return f
}

// Complete implements ingest.Enricher; it does nothing.
func (r *Rig) Complete(_ *catalog.Source, _ *event.Row, arena []byte) []byte { return arena }

// AppendVisitor implements ingest.Visitors.
func (r *Rig) AppendVisitor(dst []byte, site string, ip netip.Addr, ua []byte) []byte {
	return fmt.Appendf(dst, "derived:%s:%s", site, ip)
}

// Append implements ingest.Gatherer.
func (r *Rig) Append(_ context.Context, _ uint16, b *event.Batch) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.LogErr != nil {
		return 0, r.LogErr
	}
	for i := range b.Rows() {
		r.rows = append(r.rows, readable(b.Row(i)))
	}
	r.hashes = append(r.hashes, b.PayloadHashes()...)
	return uint64(len(r.rows)), nil
}

// Accepted implements ingest.Account.
func (r *Rig) Accepted(tenant.ID, string, int) {}

// Received implements ingest.Account.
func (r *Rig) Received(tenant.ID, int) {}

// Rejected implements ingest.Account.
func (r *Rig) Rejected(_ tenant.ID, site string, x ingest.Rejection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejects[strings.TrimSpace(site+" "+x.Code)] += x.Count
}

// WantsExample implements ingest.Account.
func (r *Rig) WantsExample(tenant.ID, string, string, string) bool { return true }

// Begin implements ingest.Limiter.
func (r *Rig) Begin(*catalog.Tenant, int64) (usage.Reserve, *problem.Problem) {
	return usage.Reserve{Taken: r.Limit == nil}, r.Limit
}

// Take implements ingest.Limiter.
func (l limiter) Take(*catalog.Tenant, usage.Reserve, int, int) *problem.Problem { return l.LimitAfter }

// Cancel implements ingest.Limiter.
func (r *Rig) Cancel(*catalog.Tenant, usage.Reserve) {}

type limiter struct{ *Rig }

type backlog struct{ *Rig }

// Backlog implements ingest.Backlog.
func (b backlog) Backlog() error { return b.Behind }

type addresses struct{ r *Rig }

func (a addresses) Admit(netip.Addr) *problem.Problem { return a.r.AddressLimit }

// OverLimit is what a limit of the tenant answers.
func OverLimit() *problem.Problem {
	return problem.New(http.StatusTooManyRequests, "over_limit", "too many events").WithLimit("limits.events_per_second", 1).WithRetry(3 * time.Second)
}

// Busy is what is answered when too much of the tenant is in work.
func Busy() *problem.Problem {
	return problem.New(http.StatusServiceUnavailable, "too_busy", "too much is in work").WithLimit("ingest.in_flight", 1).WithRetry(time.Second)
}

// readable is a row as rowkit has it, but that what Enrich put into country is called ip, and the browser left out.
func readable(r event.Row) map[string]any {
	m := rowkit.Flatten(r)
	if ip, ok := m["country"]; ok {
		m["ip"] = ip
	}
	delete(m, "country")
	delete(m, "browser")
	return m
}
