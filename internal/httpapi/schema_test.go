package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/event"
	"weir/internal/httpapi"
	"weir/internal/problem"
	"weir/internal/tenant"
)

type fakeSchema struct {
	common []event.Property
	asked  string // to be forgotten
}

func (f *fakeSchema) ForgetProperties(_ context.Context, t tenant.ID, names []string, public bool) ([]event.Property, error) {
	f.asked = fmt.Sprintf("%s %q %v", t, names, public)
	var gone []event.Property
	for _, n := range names {
		switch n {
		case "plan", "a/b, c":
			gone = append(gone, event.Property{Name: n, Kind: event.PropString})
		case "busy":
			return nil, problem.New(http.StatusServiceUnavailable, "not_visible_yet", "wait")
		}
	}
	return gone, nil
}

func (f *fakeSchema) Schema(_ context.Context, t tenant.ID) (httpapi.TenantSchema, error) {
	if t != "acme" {
		return httpapi.TenantSchema{MaxNames: 2000}, nil
	}
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return httpapi.TenantSchema{Complete: true, Rows: 7, Bytes: 900, First: seen, Last: seen, MaxNames: 2000, LeftOut: 5, Examples: []string{"x1"}, Public: httpapi.PublicNames{Names: 1, MaxNames: 1000, Hourly: 200, LeftOut: 9, Examples: []string{"junk"}, Last: seen}, Properties: []httpapi.SchemaProperty{
		{Property: event.Property{Name: "it's", Kind: event.PropInt}, Sources: []string{"s1"}, First: seen, Last: seen, Public: true},
		{Property: event.Property{Name: "path", Kind: event.PropString}, Sources: []string{"s1"}, First: seen, Last: seen},
		{Property: event.Property{Name: "plan", Kind: event.PropBool}, Column: true, Common: true},
		{Property: event.Property{Name: "user.address.street", Kind: event.PropString}},
	}}, nil
}

func (f *fakeSchema) CommonProperties(context.Context) ([]event.Property, error) {
	return f.common, nil
}

func (f *fakeSchema) SetCommonProperties(_ context.Context, list []event.Property) error {
	if len(list) > 1 {
		return problem.New(http.StatusUnprocessableEntity, "invalid_field", "too many").WithField("properties")
	}
	f.common = list
	return nil
}

func (f *fixture) doAs(method, path, key, tenantID string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer "+key)
	if tenantID != "" {
		r.Header.Set(tenant.Header, tenantID)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

func TestSchema(t *testing.T) {
	f := newFixture(t)
	got := f.want(200, f.do("GET", "/api/v1/schema", f.keys["viewer"], ""))
	if got["tenant"] != "acme" || got["rows"] != 7.0 || got["complete"] != true || got["first_day"] != "2026-01-02" {
		t.Errorf("answer: %v", got)
	}
	if d := cmp.Diff(map[string]any{"limit": 2000.0, "values": 5.0, "examples": []any{"x1"},
		"public": map[string]any{"names": 1.0, "limit": 1000.0, "hour_limit": 200.0, "values": 9.0, "examples": []any{"junk"}, "last_day": "2026-01-02"}}, got["left_out"]); d != "" {
		t.Error(d)
	}
	columns := map[string]string{}
	for _, c := range got["columns"].([]any) {
		columns[c.(map[string]any)["name"].(string)] = c.(map[string]any)["type"].(string)
	}
	if columns["is_bot"] != "Bool" || columns["url"] != "String" || columns["props"] != "Map(String, String)" || columns["props_num"] != "Map(String, Float64)" || columns["tenant"] != "" || columns["_flags"] != "" {
		t.Errorf("columns: %v", columns)
	}
	if p := got["properties"].([]any); p[0].(map[string]any)["public"] != true || p[1].(map[string]any)["public"] != nil {
		t.Errorf("which are public: %v", p)
	}
	sql := []string{}
	for _, p := range got["properties"].([]any) {
		sql = append(sql, p.(map[string]any)["sql"].(string))
	}
	if d := cmp.Diff([]string{`props_num['it\'s']`, `props['path']`, "`plan`", "props['user.address.street']"}, sql); d != "" {
		t.Error(d)
	}
	if p := got["properties"].([]any)[2].(map[string]any); p["type"] != "Nullable(Bool)" || p["first_seen"] != nil {
		t.Errorf("a property that was never seen: %v", p)
	}
	f.wantProblem(f.do("GET", "/api/v1/schema", f.keys["writer"], ""), 403, "forbidden", "", "viewer")
	f.wantProblem(f.do("GET", "/api/v1/schema", "", ""), 401, "missing_key", "", "")
	f.wantProblem(f.do("GET", "/api/v1/schema", operator, ""), 422, "tenant_required", tenant.Header, tenant.Header)
	if got := f.want(200, f.doAs("GET", "/api/v1/schema", operator, "acme")); got["rows"] != 7.0 {
		t.Errorf("for the operator: %v", got)
	}
	if got := f.want(200, f.do("GET", "/api/v1/schema", f.keys["other"], "")); len(got["properties"].([]any)) != 0 {
		t.Errorf("of another tenant: %v", got)
	}
}

func TestCommonProperties(t *testing.T) {
	f := newFixture(t)
	const path = "/api/v1/properties"
	if got := f.want(200, f.do("GET", path, operator, "")); len(got["properties"].([]any)) != 0 {
		t.Errorf("at first: %v", got)
	}
	got := f.want(200, f.do("PUT", path, operator, `{"properties":[{"name":"revenue","kind":"float"}]}`))
	if d := cmp.Diff(map[string]any{"properties": []any{map[string]any{"name": "revenue", "kind": "float"}}}, got); d != "" {
		t.Error(d)
	}
	f.wantProblem(f.do("PUT", path, f.keys["admin"], `{"properties":[]}`), 403, "forbidden", "", "operator")
	f.wantProblem(f.do("GET", path, f.keys["admin"], ""), 403, "forbidden", "", "operator")
	f.wantProblem(f.do("PUT", path, operator, `{"properties":[{"name":"a","kind":"int"},{"name":"b","kind":"int"}]}`), 422, "invalid_field", "properties", "too many")
	if w := f.do("PUT", path, operator, `{"properties":[{"name":"a","kind":"date"}]}`); w.Code != 422 {
		t.Errorf("a kind that there is not: %d %s", w.Code, w.Body)
	}
	if got := f.want(200, f.do("GET", path, operator, "")); len(got["properties"].([]any)) != 1 {
		t.Errorf("after refusals: %v", got)
	}
}

// TestForgetProperties: an admin takes names out of the schema, of its own tenant; they are named one by one whatever is in them, and the audit log has them.
func TestForgetProperties(t *testing.T) {
	f := newFixture(t)
	const path = "/api/v1/schema/properties"
	f.audit.mu.Lock()
	f.audit.appended = nil
	f.audit.mu.Unlock()
	got := f.want(200, f.do("DELETE", path+"?name=plan&name=a%2Fb,%20c&name=none&name=none", f.keys["admin"], ""))
	want := map[string]any{"forgotten": []any{map[string]any{"name": "plan", "kind": "string"}, map[string]any{"name": "a/b, c", "kind": "string"}}, "unknown": []any{"none"}}
	delete(got, "$schema")
	if d := cmp.Diff(want, got); d != "" || f.schema.asked != `acme ["plan" "a/b, c" "none" "none"] false` {
		t.Errorf("%s; asked %s", d, f.schema.asked)
	}
	if e := f.audit.last(t); e.Action != "forget-properties" || e.Tenant != "acme" || e.Text != "name=plan&name=a%2Fb,%20c&name=none&name=none" || e.Outcome != "ok" {
		t.Errorf("in the audit log: %+v", e)
	}
	f.wantProblem(f.do("DELETE", path+"?name=none", f.keys["admin"], ""), 404, "not_found", "name", "no property \"none\"")
	if got := f.want(200, f.do("DELETE", path+"?public=true", f.keys["admin"], "")); len(got["forgotten"].([]any)) != 0 || f.schema.asked != `acme [] true` {
		t.Errorf("%v; asked %s", got, f.schema.asked)
	}
	f.wantProblem(f.do("DELETE", path, f.keys["admin"], ""), 422, "invalid_field", "name", "public=true")
	f.wantProblem(f.do("DELETE", path+"?name=busy", f.keys["admin"], ""), 503, "not_visible_yet", "", "wait")
	f.schema.asked = ""
	if w := f.do("DELETE", path+"?name=x"+strings.Repeat("&name=x", 100), f.keys["admin"], ""); w.Code != 422 {
		t.Errorf("101 names: %d %s", w.Code, w.Body)
	}
	for _, role := range []string{"viewer", "analyst", "writer"} {
		f.wantProblem(f.do("DELETE", path+"?name=plan", f.keys[role], ""), 403, "forbidden", "", "admin")
	}
	f.wantProblem(f.do("DELETE", path+"?name=plan", operator, ""), 422, "tenant_required", tenant.Header, tenant.Header)
	if f.schema.asked != "" {
		t.Errorf("a refusal asked for %s", f.schema.asked)
	}
	if f.want(200, f.doAs("DELETE", path+"?name=plan", operator, "acme")); f.schema.asked != `acme ["plan"] false` {
		t.Errorf("the operator asked for %s", f.schema.asked)
	}
}
