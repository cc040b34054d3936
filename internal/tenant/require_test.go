package tenant

import (
	"strings"
	"testing"
)

func TestRequire(t *testing.T) {
	roles := []Role{RoleWriter, RoleViewer, RoleAnalyst, RoleAdmin, RoleOperator}
	reads := map[Role]string{ // which roles pass, in the order of roles
		RoleViewer: "01111", RoleAnalyst: "00111", RoleAdmin: "00011", RoleOperator: "00001",
	}
	check := func(prob interface{ GetStatus() int }, passes bool, what string, isNil bool) {
		t.Helper()
		if isNil != passes {
			t.Errorf("%s: passes %v, want %v", what, isNil, passes)
		}
		if !isNil && prob.GetStatus() != 403 {
			t.Errorf("%s: status %d", what, prob.GetStatus())
		}
	}
	for min, want := range reads {
		for i, r := range roles {
			prob := (Principal{Role: r}).Require(min)
			check(prob, want[i] == '1', string(r)+" as "+string(min), prob == nil)
			if prob != nil && (!strings.Contains(prob.Detail, string(min)) || !strings.Contains(prob.Detail, string(r))) {
				t.Errorf("the answer does not name both roles: %s", prob.Detail)
			}
		}
	}
	for i, r := range roles {
		prob := (Principal{Role: r}).RequireWrite()
		check(prob, "10011"[i] == '1', string(r)+" writes", prob == nil)
	}
	if id, prob := (Principal{Tenant: "acme"}).RequireTenant(); id != "acme" || prob != nil {
		t.Errorf("RequireTenant = %q, %v", id, prob)
	}
	if _, prob := (Principal{Role: RoleOperator}).RequireTenant(); prob == nil || prob.Status != 422 || prob.Field != Header {
		t.Errorf("RequireTenant without a tenant = %v", prob)
	}
}

func TestParse(t *testing.T) {
	for _, good := range []string{"a", "0", "acme", "a-b_c", strings.Repeat("x", 63)} {
		if id, err := Parse(good); err != nil || string(id) != good {
			t.Errorf("Parse(%q) = %q, %v", good, id, err)
		}
	}
	for _, bad := range []string{"", "-a", "_a", "A", "a b", "a.b", "ä", "a\n", strings.Repeat("x", 64)} {
		if id, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %q", bad, id)
		}
	}
}

func TestContext(t *testing.T) {
	if _, err := From(t.Context()); err != ErrMissing {
		t.Errorf("error is %v", err)
	}
	p := Principal{Tenant: "acme", Role: RoleViewer}
	if got, err := From(With(t.Context(), p)); err != nil || got != p {
		t.Errorf("From = %v, %v", got, err)
	}
}
