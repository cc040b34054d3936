package report

import (
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func TestMasks(t *testing.T) {
	viewer := []tenant.Role{tenant.RoleViewer}
	masks := []catalog.Mask{{Column: "client_id", Roles: viewer, Action: catalog.MaskHash}, {Column: "user", Roles: viewer, Action: catalog.MaskHash},
		{Column: "path", Roles: viewer, Action: catalog.MaskHide}}
	r := &Reporter{deps: Deps{Masks: func(tenant.ID) []catalog.Mask { return masks }}}
	check := func(q Question, role tenant.Role, field string) {
		t.Helper()
		got := ""
		if p := r.masked(tenant.Principal{Tenant: "acme", Role: role}, q); p != nil {
			got = p.Field
			if p.Status != 403 || p.Code != "column_masked" {
				t.Errorf("got %+v", p)
			}
		}
		if got != field {
			t.Errorf("%+v: refused for %q, want %q", q, got, field)
		}
	}
	by := func(d Dim) Question { return Question{GroupBy: []Dim{d}} }
	check(by(Dim{Column: "path"}), tenant.RoleViewer, "group_by")
	check(by(Dim{Column: "path"}), tenant.RoleAnalyst, "")
	check(by(Dim{Prop: "path"}), tenant.RoleViewer, "group_by")
	check(by(Dim{Prop: "user.email"}), tenant.RoleViewer, "group_by") // what lies below
	check(by(Dim{Prop: "username"}), tenant.RoleViewer, "")
	masks[2].Property = true // the property alone
	check(by(Dim{Column: "path"}), tenant.RoleViewer, "")
	check(by(Dim{Prop: "path"}), tenant.RoleViewer, "group_by")
	masks[2].Property = false
	check(Question{Filters: []Filter{{Dim: Dim{Column: "client_id"}}}}, tenant.RoleViewer, "filter")
	check(Question{Metrics: []string{Visitors}}, tenant.RoleViewer, "") // hashes can be counted
	check(Question{Metrics: []string{Value}}, tenant.RoleViewer, "")
	masks[0].Action = catalog.MaskHide
	check(Question{Metrics: []string{Events, Visitors}}, tenant.RoleViewer, "metric")
	masks[1].Column = "props_num"
	check(Question{Metrics: []string{Value}}, tenant.RoleViewer, "metric")
	check(by(Dim{Prop: "anything"}), tenant.RoleViewer, "group_by") // it may be a number
	masks[1].Column = "props"
	check(Question{Metrics: []string{Value}}, tenant.RoleViewer, "metric")
	check(by(Dim{Prop: "anything"}), tenant.RoleViewer, "group_by")
}
