package app

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/audit"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// TestRefusedEntry: of credentials that do not work the audit log has what is known of whose they are. A key that has expired makes nobody of who has it, and its tenant reads of it.
func TestRefusedEntry(t *testing.T) {
	expired := problem.New(http.StatusUnauthorized, tenant.CodeExpired, "the key k_1 of tenant acme expired")
	const from = "192.0.2.7"
	for name, c := range map[string]struct {
		path string
		who  tenant.Principal
		p    *problem.Problem
		want audit.Entry
	}{
		"expired":    {"/api/v1/query", tenant.Principal{Tenant: "acme", Site: "s"}, expired, audit.Entry{Tenant: "acme", Text: expired.Detail, Outcome: tenant.CodeExpired, From: from}},
		"unknown":    {"/api/v1/query", tenant.Principal{}, problem.New(http.StatusUnauthorized, "unknown_key", "no"), audit.Entry{Outcome: "unknown_key", From: from}},
		"who sends":  {"/ingest", tenant.Principal{}, problem.New(http.StatusUnauthorized, "unknown_key", "no"), audit.Entry{Outcome: "unknown_key"}},
		"of another": {"/api/v1/query", tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, KeyID: "k_1"}, problem.New(http.StatusForbidden, "wrong_tenant", "no"), audit.Entry{Tenant: "acme", Actor: "key:k_1", Role: tenant.RoleAdmin, Outcome: "wrong_tenant", From: from}},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r = r.WithContext(origin.With(r.Context(), origin.Origin{Addr: netip.MustParseAddr(from)}))
		r.Pattern = "GET " + c.path
		c.want.Action, c.want.Target = audit.SignIn, r.Pattern
		if d := cmp.Diff(c.want, refusedEntry(r, c.who, c.p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
