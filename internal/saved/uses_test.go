package saved

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/internal/tenant"
)

// TestUses: what others name is not deleted, and what a cohort is made of does not become one.
func TestUses(t *testing.T) {
	f := newFixture(t, Limits{})
	made := func(plural, body string) string {
		t.Helper()
		return text(f.want(t, 201, analyst, "POST", base+"/"+plural, body)["id"])
	}
	refused := func(status int, method, path, body string, says ...string) {
		t.Helper()
		got := f.want(t, status, analyst, method, base+"/"+path, body)
		for _, s := range says {
			if !strings.Contains(fmt.Sprint(got), s) {
				t.Errorf("%s %s %s: %v does not say %q", method, path, body, got, s)
			}
		}
	}
	segment := made("segments", `{"name":"Germany","filter":["country:DE"]}`)
	goal := made("goals", `{"name":"Sale","type":"buy"}`)
	free := made("segments", `{"name":"Free","filter":["country:AT"]}`)
	funnel := made("cohorts", `{"name":"Came far","question":{"funnel":{"segment":"`+segment+`","steps":[{"type":"view"},{"goal":"`+goal+`"}]},"step":1}}`)
	list := made("cohorts", `{"name":"Friends","question":{"people":["a"]}}`)

	// A filter on a cohort, whichever, would break the cohort that is made of the segment or goal.
	for _, filter := range []string{`["cohort:` + funnel + `"]`, `["country:DE","!cohort:` + list + `"]`} {
		refused(422, "PATCH", "segments/"+segment, `{"filter":`+filter+`}`, "filter", `the cohort "Came far"`, "cannot be made of another cohort")
		refused(422, "PATCH", "goals/"+goal, `{"filter":`+filter+`}`, "filter", `the cohort "Came far"`)
	}
	f.want(t, 200, analyst, "PATCH", base+"/segments/"+segment, `{"filter":["country:FR"]}`)
	f.want(t, 200, analyst, "PATCH", base+"/segments/"+segment, `{"name":"France"}`)
	f.want(t, 200, analyst, "PATCH", base+"/segments/"+free, `{"filter":["cohort:`+funnel+`"]}`) // nothing is made of it
	buyers := made("goals", `{"name":"Sale to them","type":"buy","filter":["!cohort:`+funnel+`"]}`)

	refused(409, "DELETE", "segments/"+segment, "", "in_use", `the cohort "Came far"`)
	refused(409, "DELETE", "goals/"+goal, "", "in_use", `the cohort "Came far"`)
	refused(409, "DELETE", "cohorts/"+funnel, "", "in_use", `the goal "Sale to them", the segment "Free"`)
	f.want(t, 204, analyst, "DELETE", base+"/cohorts/"+list, "")
	f.want(t, 204, analyst, "DELETE", base+"/goals/"+buyers, "")
	f.want(t, 200, analyst, "PATCH", base+"/segments/"+free, `{"filter":["country:AT"]}`)
	f.want(t, 204, analyst, "DELETE", base+"/cohorts/"+funnel, "")
	f.want(t, 204, analyst, "DELETE", base+"/segments/"+segment, "")
	f.want(t, 204, analyst, "DELETE", base+"/goals/"+goal, "")

	// Whoever may not change anything hears nothing of what there is, and a message does not grow with the site.
	many := made("cohorts", `{"name":"Many","question":{"people":["a"]}}`)
	for i := range maxUsers + 2 {
		made("segments", fmt.Sprintf(`{"name":"s%d","filter":["cohort:%s"]}`, i, many))
	}
	refused(409, "DELETE", "cohorts/"+many, "", `the segment "s4" and 2 more`)
	for _, who := range []tenant.Principal{viewer, other} {
		if status, got := f.call(t, who, "DELETE", base+"/cohorts/"+many, ""); status != 403 && status != 404 || strings.Contains(fmt.Sprint(got), "segment") {
			t.Errorf("%s: %d %v", who.Role, status, got)
		}
	}
}

// TestPanelsAreUses: what a panel asks with is not deleted, wherever in its question it stands, and the message names panel and dashboard to whoever may see them.
func TestPanelsAreUses(t *testing.T) {
	f := newFixture(t, Limits{})
	made := func(path, body string) string {
		t.Helper()
		return text(f.want(t, 201, analyst, "POST", path, body)["id"])
	}
	segment := made(base+"/segments", `{"name":"Germany","filter":["country:DE"]}`)
	goal := made(base+"/goals", `{"name":"Sale","type":"buy"}`)
	cohort := made(base+"/cohorts", `{"name":"Friends","question":{"people":["a"]}}`)
	paths := map[string]string{"segment": base + "/segments/" + segment, "goal": base + "/goals/" + goal, "cohort": base + "/cohorts/" + cohort}
	for question, names := range map[string][]string{
		`"kind":"tile","question":{"segment":"` + segment + `","metric":"conversions","goal":"` + goal + `","filter":"!cohort:` + cohort + `"}`:                      {"segment", "goal", "cohort"},
		`"kind":"funnel","question":{"steps":[{"type":"view","filter":["country:DE","cohort:` + cohort + `"]},{"goal":"` + goal + `"}],"segment":"` + segment + `"}`: {"segment", "goal", "cohort"},
		`"kind":"retention","question":{"period":"day","start":{"type":"view","filter":["cohort:` + cohort + `"]},"filter":["country:DE"]}`:                          {"cohort"},
		`"kind":"line","question":{"interval":"day","filter":["path:cohort:` + cohort + `","country:` + segment + `","path:` + goal + `"]}`:                          nil,
		`"kind":"tile","question":{"metric":["events"]}`: nil,
	} {
		dashboard := made("/api/v1/dashboards", `{"name":"Mine","panels":[{"id":"a","title":"First one","site_id":"s1",`+question+`},{"id":"b","kind":"sql","question":{"sql":"SELECT '`+goal+`'"}}]}`)
		for kind, path := range paths {
			if !slices.Contains(names, kind) {
				continue
			}
			if got := fmt.Sprint(f.want(t, 409, analyst, "DELETE", path, "")); !strings.Contains(got, "in_use") || !strings.Contains(got, `the panel "First one" of the dashboard "Mine"`) {
				t.Errorf("%s, %s: %s", question, kind, got)
			}
		}
		f.want(t, 204, analyst, "DELETE", "/api/v1/dashboards/"+dashboard, "")
		if len(names) > 0 {
			continue
		}
		dashboard = made("/api/v1/dashboards", `{"name":"Mine","panels":[{"id":"a","site_id":"s1",`+question+`}]}`)
		for _, path := range []string{"/segments", "/goals", "/cohorts"} { // others of the kind
			body := map[string]string{"/segments": `{"name":"New","filter":["country:DE"]}`, "/goals": `{"name":"New","type":"buy"}`, "/cohorts": `{"name":"New","question":{"people":["a"]}}`}[path]
			f.want(t, 204, analyst, "DELETE", base+path+"/"+made(base+path, body), "")
		}
		f.want(t, 204, analyst, "DELETE", "/api/v1/dashboards/"+dashboard, "")
	}
	untitled := made("/api/v1/dashboards", `{"name":"Plain","panels":[{"kind":"tile","site_id":"s1","question":{"segment":"`+segment+`"}},{"kind":"sql","question":{"sql":"SELECT 1"}}]}`)
	if got := fmt.Sprint(f.want(t, 409, analyst, "DELETE", paths["segment"], "")); !strings.Contains(got, `a panel of the kind tile of the dashboard "Plain"`) {
		t.Error(got)
	}
	bound := bound // to the site: it does not see the panel of SQL, and so not the dashboard
	if got := fmt.Sprint(f.want(t, 409, bound, "DELETE", paths["segment"], "")); strings.Contains(got, "Plain") || !strings.Contains(got, "a dashboard that you may not see") {
		t.Error(got)
	}
	f.want(t, 204, analyst, "DELETE", "/api/v1/dashboards/"+untitled, "")
	for _, path := range paths {
		f.want(t, 204, analyst, "DELETE", path, "")
	}
}
