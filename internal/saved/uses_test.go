package saved

import (
	"fmt"
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
