package saved

import (
	"strings"
	"testing"

	"weir/internal/tenant"
)

func TestQueries(t *testing.T) {
	f := newFixture(t, Limits{Queries: 2})
	const body = `{"name":" Top pages ","sql":"SELECT path,\n count() FROM events -- ü"}`
	made := f.want(t, 201, analyst, "POST", queriesPath, body)
	one := queriesPath + "/" + text(made["id"])
	if made["name"] != "Top pages" || made["sql"] != "SELECT path,\n count() FROM events -- ü" || made["owner"] != "key:ana" {
		t.Errorf("made %v", made)
	}
	if got := f.want(t, 200, admin, "PATCH", one, `{"sql":"SELECT 1"}`); got["sql"] != "SELECT 1" || got["name"] != "Top pages" || got["owner"] != "key:ana" {
		t.Errorf("changed %v", got)
	}
	if got := f.want(t, 200, analyst, "PATCH", one, `{"name":"Z"}`); got["sql"] != "SELECT 1" || got["name"] != "Z" {
		t.Errorf("renamed %v", got)
	}
	f.want(t, 201, analyst, "POST", queriesPath, body)
	list, _ := f.want(t, 200, analyst, "GET", queriesPath, "")["queries"].([]any)
	if len(list) != 2 || text(list[0].(map[string]any)["name"]) != "Top pages" {
		t.Errorf("list %v", list)
	}
	if p := f.want(t, 409, analyst, "PATCH", one, `{"name":"top PAGES"}`); p["code"] != "name_taken" || p["field"] != "name" {
		t.Errorf("%v", p)
	}
	if p := f.want(t, 409, analyst, "POST", queriesPath, `{"name":"more","sql":"SELECT 1"}`); p["code"] != "too_many_queries" || p["limit"] != "saved.queries" {
		t.Errorf("%v", p)
	}
	f.want(t, 204, analyst, "DELETE", one, "")
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		if p := f.want(t, 404, analyst, method, one, `{}`); p["code"] != "unknown_query" {
			t.Errorf("%s: %v", method, p)
		}
	}
}

// Only who may run a statement of the whole tenant sees and changes what is saved, and nobody sees another tenant's.
func TestWhoMayQueries(t *testing.T) {
	f := newFixture(t, Limits{})
	one := queriesPath + "/" + text(f.want(t, 201, admin, "POST", queriesPath, `{"name":"q","sql":"SELECT 1"}`)["id"])
	for _, c := range []struct {
		who       tenant.Principal
		list, one int
	}{
		{viewer, 403, 403}, {writer, 403, 403}, {bound, 403, 403}, {other, 200, 404}, {tenant.Principal{}, 401, 401}, {op, 422, 422},
	} {
		got := f.want(t, c.list, c.who, "GET", queriesPath, "")
		if l, _ := got["queries"].([]any); len(l) != 0 {
			t.Errorf("%v sees %v", c.who, l)
		}
		f.want(t, c.one, c.who, "GET", one, "")
		f.want(t, c.one, c.who, "PATCH", one, `{"name":"x"}`)
		f.want(t, c.one, c.who, "DELETE", one, "")
		if c.list != 200 {
			f.want(t, c.list, c.who, "POST", queriesPath, `{"name":"mine","sql":"SELECT 1"}`)
		}
	}
	acting := tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator, KeyID: "operator"}
	f.want(t, 200, acting, "GET", one, "")
}

func TestQueryRefusals(t *testing.T) {
	f := newFixture(t, Limits{})
	for _, c := range []struct{ body, field, detail string }{
		{`{"sql":"SELECT 1"}`, "name", "missing"},
		{`{"name":"a"}`, "sql", "missing"},
		{`{"name":"a","sql":" \n"}`, "sql", "empty"},
		{`{"name":"","sql":"SELECT 1"}`, "name", "1 to 200"},
		{`{"name":"a\u0000","sql":"SELECT 1"}`, "name", "control"},
		{`{"name":"a","sql":"` + strings.Repeat("x", maxSQL+1) + `"}`, "sql", "65536"},
	} {
		p := f.want(t, 422, analyst, "POST", queriesPath, c.body)
		if p["field"] != c.field || !strings.Contains(text(p["detail"]), c.detail) {
			t.Errorf("%.80s: %v", c.body, p)
		}
	}
	one := queriesPath + "/" + text(f.want(t, 201, analyst, "POST", queriesPath, `{"name":"a","sql":"SELECT 1"}`)["id"])
	f.want(t, 422, analyst, "PATCH", one, `{"sql":""}`)
	f.want(t, 422, analyst, "PATCH", one, `{"statement":"SELECT 1"}`)
	if got := f.want(t, 200, analyst, "GET", one, ""); got["sql"] != "SELECT 1" || got["name"] != "a" {
		t.Errorf("a refused change changed it: %v", got)
	}
}
