package app

import (
	"context"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// people is a catalog of one tenant.
type people struct {
	keys  map[tenant.ID][]catalog.Key
	users map[tenant.ID][]catalog.User
}

func (p people) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	return catalog.Tenant{ID: id}, id == "acme"
}

func (p people) Keys(_ context.Context, t tenant.ID) ([]catalog.Key, error) {
	return p.keys[t], nil
}

func (p people) UserByID(t tenant.ID, id string) (catalog.User, bool) {
	for _, u := range p.users[t] {
		if u.ID == id {
			return u, true
		}
	}
	return catalog.User{}, false
}

func TestWhoMayHaveWorkDone(t *testing.T) {
	o := owners{people{
		keys: map[tenant.ID][]catalog.Key{
			"acme": {{ID: "k1", Role: tenant.RoleAnalyst}, {ID: "expired", Role: tenant.RoleAnalyst, Expires: time.Now().Add(-time.Second)}, {ID: "valid", Role: tenant.RoleAnalyst, Expires: time.Now().Add(time.Hour)}},
			"":     {{ID: "op1", Role: tenant.RoleOperator}},
		},
		users: map[tenant.ID][]catalog.User{"acme": {{ID: "ann", Role: tenant.RoleAdmin}, {ID: "bob", Role: tenant.RoleViewer}}, "": {{ID: "root", Role: tenant.RoleOperator}}},
	}}
	for _, tc := range []struct {
		name string
		who  tenant.Principal
		may  bool
	}{
		{"a key", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "k1"}, true},
		{"a deleted key", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "k2"}, false},
		{"an expired key", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "expired"}, false},
		{"a key that will expire", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "valid"}, true},
		{"a key of a deleted tenant", tenant.Principal{Tenant: "gone", Role: tenant.RoleAnalyst, KeyID: "k1"}, false},
		{"a user", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "local:ann"}, true},
		{"a user with a lesser role than then", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "local:bob"}, false},
		{"a removed user", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "local:eve"}, false},
		{"somebody whom an identity provider knows", tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "oidc:x"}, true},
		{"the same of a deleted tenant", tenant.Principal{Tenant: "gone", Role: tenant.RoleAnalyst, User: "oidc:x"}, false},
		{"the operator's token", tenant.Principal{Role: tenant.RoleOperator, KeyID: "operator"}, true},
		{"the operator's token for a tenant", tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator, KeyID: "operator"}, true},
		{"the operator's token for a deleted tenant", tenant.Principal{Tenant: "gone", Role: tenant.RoleOperator, KeyID: "operator"}, false},
		{"an operator's key for a tenant", tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator, KeyID: "op1"}, true},
		{"an operator's deleted key", tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator, KeyID: "op2"}, false},
		{"an operator who signed in", tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator, User: "local:root"}, true},
		{"an operator who was removed", tenant.Principal{Role: tenant.RoleOperator, User: "local:ann"}, false},
	} {
		if got := o.may(tc.who); got != tc.may {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
