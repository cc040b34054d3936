package auth

import (
	"net/http"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// suspending is the catalog of keys in which some tenants are suspended.
type suspending struct {
	keys
	why map[tenant.ID]string
}

func (s suspending) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	t, ok := s.keys.TenantByID(id)
	if why, suspended := s.why[id]; suspended {
		t.Suspended, t.SuspendedFor = now, why
	}
	return t, ok
}

// TestSuspended: keys of a suspended tenant are refused with 403 and the reason, wherever they stand in a request; whose they are stays known, so that the loss can be counted. Operators and
// other tenants notice nothing.
func TestSuspended(t *testing.T) {
	a, _ := authenticator(t)
	why := map[tenant.ID]string{"acme": "unpaid bill"}
	a.cfg.Keys = suspending{a.cfg.Keys.(keys), why}
	var told *problem.Problem
	a.cfg.Refused = func(_ *http.Request, _ tenant.Principal, p *problem.Problem) { told = p }
	byHeader := func(key string, header map[string]string) (tenant.Principal, *problem.Problem) {
		return a.Authenticate(request("Bearer "+key, header, ""))
	}
	keyed := func(key string, header map[string]string) (tenant.Principal, *problem.Problem) {
		return a.WithoutSessions().Authenticate(request("Bearer "+key, header, ""))
	}
	inBody := func(key string, header map[string]string) (tenant.Principal, *problem.Problem) {
		return a.WithoutSessions().AuthenticateKey(request("", header, ""), key)
	}
	for way, ask := range map[string]func(string, map[string]string) (tenant.Principal, *problem.Problem){"a header": byHeader, "a header of a door": keyed, "the body": inBody} {
		for _, key := range []string{admin, write} {
			told = nil
			p, prob := ask(key, nil)
			if prob == nil || prob.Status != 403 || prob.Code != tenant.CodeSuspended || !strings.Contains(prob.Detail, "unpaid bill") || p.Tenant != "acme" || told != prob {
				t.Errorf("%s in %s: %+v, %+v, told %v", key, way, p, prob, told)
			}
		}
		for _, c := range []struct {
			key    string
			header map[string]string
		}{{viewer, nil}, {operator, nil}, {operator, map[string]string{tenant.Header: "acme"}}, {second, map[string]string{tenant.Header: "acme"}}} {
			if _, prob := ask(c.key, c.header); prob != nil {
				t.Errorf("%s in %s: %v", c.key, way, prob)
			}
		}
		if _, prob := ask(stale, nil); prob == nil || prob.Code != "key_expired" { // who proves nothing learns nothing of the tenant
			t.Errorf("an expired key in %s: %v", way, prob)
		}
	}
	delete(why, "acme")
	if p, prob := byHeader(admin, nil); prob != nil || p.Tenant != "acme" {
		t.Errorf("after it resumed: %v, %v", p, prob)
	}
	a.cfg.Keys = suspending{a.cfg.Keys.(suspending).keys, map[tenant.ID]string{"other": ""}}
	if _, prob := byHeader(viewer, nil); prob == nil || prob.Code != tenant.CodeSuspended || prob.RetryAfter != 0 {
		t.Errorf("without a reason: %v", prob)
	}
}
