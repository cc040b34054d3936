package ingest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// standingAuth is fakeAuth, which refuses keys of suspended tenants as the real one does.
type standingAuth struct {
	fakeAuth
	catalog *fakeCatalog
}

func (a standingAuth) Authenticate(r *http.Request) (tenant.Principal, *problem.Problem) {
	p, prob := a.fakeAuth.Authenticate(r)
	if t := a.catalog.tenants[p.Tenant]; prob == nil && p.Role != tenant.RoleOperator && !t.Suspended.IsZero() {
		prob = tenant.Suspended(t.ID, t.SuspendedFor)
	}
	return p, prob
}

// TestSuspendedTenant: weir's own doors refuse its events with 403, by key or by site, and count each request as one rejected event of the site that is known; the reason is told to keys only.
func TestSuspendedTenant(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) { d.Auth = standingAuth{catalog: d.Catalog.(*fakeCatalog)} })
	acme := r.catalog.tenants["acme"]
	acme.Suspended, acme.SuspendedFor = now, "unpaid"
	r.catalog.tenants["acme"] = acme
	const operator = "Authorization: Bearer operator:acme:"
	for _, c := range []struct {
		method, target, body, key string
		says                      bool
	}{
		{"POST", "/collect", `{"site_id":"site-1","events":[{"type":"a"},{"type":"b"}]}`, "X: y", false},
		{"GET", "/pixel.gif?site_id=site-1&events=%7B%22type%22:%22a%22%7D", "", "X: y", false},
		{"POST", "/ingest", `{"type":"a"}`, acmeKey, true},
		{"POST", "/ingest", `[{"type":"a"},`, acmeKey, true}, // it is not read
		{"POST", "/ingest", `{"type":"a","site_id":"site-1"}`, operator, true},
		{"POST", "/ingest", `{"type":"a","site_id":"site-1"}`, "Authorization: Bearer writer:acme:", true},
	} {
		w := r.do(c.method, c.target, c.body, c.key)
		if w.Code != 403 || !strings.Contains(w.Body.String(), "tenant_suspended") || strings.Contains(w.Body.String(), "unpaid") != c.says || w.Header().Get("Retry-After") != "" {
			t.Errorf("%s %s with %s: %d %s", c.method, c.target, c.key, w.Code, w.Body)
		}
	}
	if w := r.do("POST", "/ingest", `{"type":"a"}`, "Authorization: Bearer writer:globe:site-3"); w.Code != 200 {
		t.Errorf("another tenant: %d %s", w.Code, w.Body)
	}
	if d := cmp.Diff(map[string]int{"acme/site-1 tenant_suspended": 4, "acme/ tenant_suspended": 2, "globe/site-3 accepted": 1}, r.account.count); d != "" {
		t.Error(d)
	}
	if n := len(r.log.all()); n != 1 {
		t.Errorf("%d events are in the log", n)
	}
}
