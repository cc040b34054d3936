package saved

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"weir/internal/catalog"
	"weir/internal/httpapi"
	"weir/internal/tenant"
)

// null is refused in what changes a saved object.
var _ = []httpapi.Change{new(QueryPatch), new(goalPatch), new(segmentPatch), new(cohortPatch)}

const base = "/api/v1/analytics/s1"

func TestObjects(t *testing.T) {
	f := newFixture(t, Limits{})
	for _, k := range []struct{ plural, body, field, want, patch, patched string }{
		{"goals", `{"name":" Sign-up ","type":"signup","filter":["path:/thanks"],"value":2.5}`, "type", "signup", `{"type":"buy"}`, "buy"},
		{"segments", `{"name":"Sign-up","filter":["country:DE|AT","!device:mobile"]}`, "filter", "[country:DE|AT !device:mobile]", `{"filter":["props.plan:pro"]}`, "[props.plan:pro]"},
		{"cohorts", `{"name":"Sign-up","question":{"did":{"type":"signup","filter":["country:DE"]},"within":"7d","at_least":2}}`, "question", "map[at_least:2 did:map[filter:[country:DE] type:signup] within:7d]",
			`{"question":{"people":["a","b","a","a"]}}`, "map[people:[a b a a] people_count:2]"},
	} {
		list := base + "/" + k.plural
		made := f.want(t, 201, analyst, "POST", "/api/v1/analytics/a1/"+k.plural, k.body)
		id := text(made["id"])
		if id == "" || made["name"] != "Sign-up" || fmt.Sprint(made[k.field]) != k.want || made["owner"] != "key:ana" || fmt.Sprint(made["version"]) != "1" {
			t.Errorf("%s: made %v", k.plural, made)
		}
		if got := f.want(t, 200, viewer, "GET", list+"/"+id, ""); fmt.Sprint(got[k.field]) != k.want {
			t.Errorf("%s: shown %v", k.plural, got)
		}
		got := f.want(t, 200, admin, "PATCH", list+"/"+id, k.patch)
		if fmt.Sprint(got[k.field]) != k.patched || got["name"] != "Sign-up" || fmt.Sprint(got["version"]) != "2" || got["owner"] != "key:ana" {
			t.Errorf("%s: changed %v", k.plural, got)
		}
		f.want(t, 200, admin, "PATCH", list+"/"+id, `{"name":"Other"}`)
		f.want(t, 201, op, "POST", list, k.body) // the name is free
		all, _ := f.want(t, 200, viewer, "GET", list, "")[k.plural].([]any)
		if len(all) != 2 || text(all[0].(map[string]any)["name"]) != "Other" {
			t.Errorf("%s: list %v", k.plural, all)
		}
		if p := f.want(t, 409, admin, "PATCH", list+"/"+id, `{"name":"SIGN-up"}`); p["code"] != "name_taken" || p["field"] != "name" {
			t.Errorf("%s: %v", k.plural, p)
		}
		f.want(t, 204, analyst, "DELETE", list+"/"+id, "")
		f.want(t, 404, viewer, "GET", list+"/"+id, "")
		f.want(t, 404, analyst, "DELETE", list+"/"+id, "")
		f.want(t, 404, analyst, "PATCH", list+"/"+id, k.patch)
	}
}

// Viewers read, analysts and admins write, and nobody sees another tenant's or, with a key of one site, another site's.
func TestWhoMay(t *testing.T) {
	f := newFixture(t, Limits{})
	const body = `{"name":"g","type":"signup"}`
	mine := text(f.want(t, 201, admin, "POST", base+"/goals", body)["id"])
	two := text(f.want(t, 201, admin, "POST", "/api/v1/analytics/s2/goals", body)["id"])
	for _, c := range []struct {
		who                    tenant.Principal
		site, id               string
		list, read, write, del int
	}{
		{viewer, "s1", mine, 200, 200, 403, 403},
		{writer, "s1", mine, 403, 403, 403, 403},
		{other, "s1", mine, 404, 404, 404, 404},
		{bound, "s2", two, 404, 404, 404, 404},
		{bound, "s1", two, 200, 404, 409, 404}, // an id of another site
		{analyst, "s1", two, 200, 404, 409, 404},
		{tenant.Principal{}, "s1", mine, 401, 401, 401, 401},
		{bound, "s1", mine, 200, 200, 409, 204},
	} {
		path := "/api/v1/analytics/" + c.site + "/goals"
		f.want(t, c.list, c.who, "GET", path, "")
		f.want(t, c.read, c.who, "GET", path+"/"+c.id, "")
		f.want(t, c.write, c.who, "POST", path, body)
		f.want(t, c.del, c.who, "DELETE", path+"/"+c.id, "")
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t, Limits{})
	long := strings.Repeat("x", 300)
	people := `["` + strings.Repeat(`x","`, 10_000) + `x"]`
	for _, c := range []struct{ plural, body, field, detail string }{
		{"goals", `{"type":"x"}`, "name", "missing"},
		{"goals", `{"name":"  ","type":"x"}`, "name", "1 to 200"},
		{"goals", `{"name":"a\u0000b","type":"x"}`, "name", "control"},
		{"goals", `{"name":"` + long + `","type":"x"}`, "name", "1 to 200"},
		{"goals", `{"name":"a"}`, "type", "missing"},
		{"goals", `{"name":"a","type":"` + long + `"}`, "type", "256"},
		{"goals", `{"name":"a","type":"x","filter":["contry:DE"]}`, "filter", "did you mean country?"},
		{"goals", `{"name":"a","type":"x","filter":["country"]}`, "filter", "no value"},
		{"goals", `{"name":"a","type":"x","value":1e308}`, "value", "between -1e+12 and 1e+12"},
		{"goals", `{"name":"a","type":"x","value":-1.1e12}`, "value", "a larger unit"},
		{"segments", `{"name":"a"}`, "filter", "missing"},
		{"segments", `{"name":"a","filter":[]}`, "filter", "one filter"},
		{"segments", `{"name":"a","filter":["cohort:a|b"]}`, "filter", "one saved cohort"},
		{"cohorts", `{"name":"a"}`, "question", "one of"},
		{"cohorts", `{"name":"a","question":{"did":{},"people":["x"]}}`, "question", "2 of"},
		{"cohorts", `{"name":"a","question":{"people":[]}}`, "question.people", "1 to"},
		{"cohorts", `{"name":"a","question":{"people":[""]}}`, "question.people", "1 to 1024"},
		{"cohorts", `{"name":"a","question":{"people":` + people + `}}`, "question.people", "10000"},
		{"cohorts", `{"name":"a","question":{"people":["x"],"within":"1d"}}`, "question.within", "belong"},
		{"cohorts", `{"name":"a","question":{"did":{},"step":2}}`, "question.step", "belongs"},
		{"cohorts", `{"name":"a","question":{"funnel":{},"step":1}}`, "question.funnel.steps", "2 to 32"},
		{"cohorts", `{"name":"a","question":{"funnel":{"stps":[]},"step":1}}`, "question.funnel.stps", "did you mean steps?"},
		{"cohorts", `{"name":"a","question":{"funnel":{"steps":[{"type":"a"},{"type":"b"}]},"step":3}}`, "question.step", "between 1 and 2"},
		{"cohorts", `{"name":"a","question":{"funnel":{"steps":[{"type":"a"},{"type":"b"}]}}}`, "question.step", "between 1 and 2"},
		{"cohorts", `{"name":"a","question":{"funnel":{"filter":["cohort:c"],"steps":[{"type":"a"},{"type":"b"}]},"step":1}}`, "question.funnel.filter", "another cohort"},
		{"goals", `{"name":"a","type":"x","filter":["entry_pth:/"]}`, "filter", "did you mean entry_path?"},
		{"cohorts", `{"name":"a","question":{"did":{},"within":"soon"}}`, "question.within", "1h30m"},
		{"cohorts", `{"name":"a","question":{"did":{},"within":"401d"}}`, "question.within", "400d"},
		{"cohorts", `{"name":"a","question":{"did":{},"within":"-1d"}}`, "question.within", "1h30m"},
		{"cohorts", `{"name":"a","question":{"did":{},"at_least":-1}}`, "question.at_least", "between"},
		{"cohorts", `{"name":"a","question":{"did":{},"at_least":0}}`, "question.at_least", "between 1 and"},
		{"cohorts", `{"name":"a","question":{"people":["x"],"at_least":0}}`, "question.within", "belong"},
		{"cohorts", `{"name":"a","question":{"did":{"filter":["cohort:c_x"]}}}`, "question.did.filter", "another cohort"},
	} {
		p := f.want(t, 422, admin, "POST", base+"/"+c.plural, c.body)
		if p["field"] != c.field || !strings.Contains(text(p["detail"]), c.detail) {
			t.Errorf("%s %.80s: %v", c.plural, c.body, p)
		}
	}
	for _, kind := range []string{catalog.KindGoal, catalog.KindSegment, catalog.KindCohort} {
		if all, err := f.catalog.SavedOf(t.Context(), "acme", kind, "s1"); err != nil || len(all) > 0 {
			t.Errorf("refused %ss are kept: %v, %v", kind, all, err)
		}
	}
}

// A tenant keeps no more than it may, and who persons are is hidden from those who do not see it.
func TestBoundsAndMasks(t *testing.T) {
	f := newFixture(t, Limits{PerSite: 2})
	for i := range 2 {
		f.want(t, 201, admin, "POST", base+"/cohorts", fmt.Sprintf(`{"name":"%d","question":{"people":["canary"]}}`, i))
	}
	if p := f.want(t, 409, admin, "POST", base+"/cohorts", `{"name":"3","question":{"people":["x"]}}`); p["code"] != "too_many_cohorts" || fmt.Sprint(p["limit_value"]) != "2" {
		t.Errorf("%v", p)
	}
	f.want(t, 201, admin, "POST", "/api/v1/analytics/s2/cohorts", `{"name":"3","question":{"people":["x"]}}`)
	if _, err := f.catalog.UpdateTenant(context.Background(), "acme", func(x *catalog.Tenant) error {
		x.Policy.Masks = []catalog.Mask{{Column: "user_id", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHash}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.want(t, 200, viewer, "GET", base+"/cohorts", "")); strings.Contains(got, "canary") || !strings.Contains(got, "people_count:1") {
		t.Errorf("a viewer sees %s", got)
	}
	if got := fmt.Sprint(f.want(t, 200, analyst, "GET", base+"/cohorts", "")); !strings.Contains(got, "canary") {
		t.Errorf("an analyst sees %s", got)
	}
}

// Changes at once are all made: none overwrites another's field.
func TestChangesAtOnce(t *testing.T) {
	f := newFixture(t, Limits{})
	id := text(f.want(t, 201, admin, "POST", base+"/goals", `{"name":"g","type":"a"}`)["id"])
	var wg sync.WaitGroup
	for _, body := range []string{`{"name":"h"}`, `{"type":"b"}`, `{"value":3}`, `{"filter":["country:DE"]}`} {
		wg.Go(func() {
			if status, out := f.call(t, admin, "PATCH", base+"/goals/"+id, body); status != 200 {
				t.Errorf("%s: %d %v", body, status, out)
			}
		})
	}
	wg.Wait()
	if got := f.want(t, 200, admin, "GET", base+"/goals/"+id, ""); got["name"] != "h" || got["type"] != "b" || fmt.Sprintf("%v %v %v", got["value"], got["filter"], got["version"]) != "3 [country:DE] 5" {
		t.Errorf("%v", got)
	}
}
