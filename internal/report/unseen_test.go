package report

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// TestUnseenProperties: a question for a property that no event has had is refused with its place and the name that was meant; one that was saved before is answered, and tells it.
func TestUnseenProperties(t *testing.T) {
	saved := objects{}
	saved.put(t, "site", catalog.KindGoal, "g", catalog.Goal{Type: "buy", Filter: []string{"props.coupon:x"}})
	saved.put(t, "site", catalog.KindSegment, "s", catalog.Segment{Filter: []string{"props.coupon:y"}})
	saved.put(t, "site", catalog.KindCohort, "c", catalog.Cohort{Did: &catalog.Behaviour{Filter: []string{"props.coupon:z"}}})
	names := []string{"plan", "user.email", "a:b"}
	var here []bool
	e := &fakeEngine{answers: []fakeAnswer{{rows: "[]"}}}
	r := newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
	r.deps.Links, r.deps.Objects = seqs{}, saved
	r.deps.Unseen = func(_ tenant.ID, site, property string, only bool) ([]string, bool) {
		here = append(here, only)
		return slices.Clone(names), site == "site" && !slices.Contains(names, property)
	}
	const steps = `{"steps":[{"type":"a"},{"type":"b","filter":["props.plam:1"]}]}`
	for _, c := range []struct{ target, body, field, detail string }{
		{"report?group_by=props.plam", "", "group_by", `\"plam\" yet (did you mean plan?)`},
		{"report?filter=props.plam:x", "", "filter", "did you mean plan?"},
		{"report?filter=!props.zzzzzzzzz:x", "", "filter", `the property \"zzzzzzzzz\" yet"`},
		{"report?filter=props.user:x", "", "filter", "did you mean user.email?"},
		{"report?filter=props.a:b:x", "", "filter", `there is a:b: in a filter, a colon of a name is written \\:`},
		{"events?filter=props.plam:x", "", "filter", "plan"},
		{"values?dim=props.plam", "", "dim", "plan"},
		{"values?dim=props.plam", "", "dim", `"code":"invalid_dim"`},
		{"sessions?filter=props.plam:x", "", "filter", "plan"},
		{"conversions?filter=props.plam:x", "", "filter", "plan"},
		{"funnel", steps, "steps[1].filter", "plan"},
		{"funnel", strings.Replace(strings.Replace(steps, "plam", "plan", 1), "{", `{"breakdown":"props.plam",`, 1), "breakdown", "plan"},
		{"funnel", strings.Replace(strings.Replace(steps, "plam", "plan", 1), "{", `{"exclude":[{"filter":["props.plam:1"],"after":1,"before":2}],`, 1), "exclude[0].filter", "plan"},
		{"retention", `{"start":{"filter":["props.plam:1"]}}`, "start.filter", "plan"},
		{"paths", `{"filter":["props.plam:1"],"anchor":{"type":"pageview","path":"/"}}`, "filter", "plan"},
	} {
		method := "GET"
		if c.body != "" {
			method = "POST"
		}
		status, _, body := call(t, serve(r, acmeViewer), method, "/api/v1/analytics/site/"+c.target, c.body)
		if status != 422 || !strings.Contains(body, fmt.Sprintf(`"field":%q`, c.field)) || !strings.Contains(body, c.detail) {
			t.Errorf("%s %s: %d %s", c.target, c.body, status, body)
		}
	}
	if len(e.got) > 0 {
		t.Errorf("refused questions are put to the engine: %s", e.got[0].SQL)
	}
	answered := func(who tenant.Principal, target, prefer, want string) {
		t.Helper()
		req := httptest.NewRequest("GET", "/api/v1/analytics/"+target, nil)
		req.Header.Set("Prefer", prefer)
		w := httptest.NewRecorder()
		serve(r, who).ServeHTTP(w, req)
		if body := w.Body.String(); w.Code != 200 || strings.Contains(body, `"unknown"`) != (want != "") || !strings.Contains(body, want) {
			t.Errorf("%s, Prefer: %s: %d %s", target, prefer, w.Code, body)
		}
	}
	answered(acmeViewer, "site/report?filter=props.plan:x", "", "")
	answered(acmeViewer, "site/report?filter=props.plam:x&group_by=props.nope&filter=props.plam:y", "return=minimal, handling=lenient", `,"unknown":["props.nope","props.plam"]}`)
	answered(acmeViewer, "site/report?metric=conversions&goal=g", "", `,"unknown":["props.coupon"]}`)
	answered(acmeViewer, "site/report?segment=s", "", `,"unknown":["props.coupon"]}`)
	answered(acmeViewer, "site/report?filter=cohort:c", "", "")
	answered(acmeViewer, "site/events?filter=props.plam:x", "handling=lenient", `,"unknown":["props.plam"]}`)
	answered(acmeViewer, "berlin/report?filter=props.plam:x", "", "") // it is not certain there
	bound := acmeViewer
	bound.Site = "site"
	here = nil
	answered(bound, "site/report?filter=props.plan:x", "", "")
	if fmt.Sprint(here) != "[true]" {
		t.Errorf("a key of a site learns what others send: %v", here)
	}
	// A panel that asks for what comes later can be saved and shown.
	src, _, _ := testSources.SourceBySite("site")
	ctx := tenant.With(t.Context(), acmeViewer)
	question := []byte(`{"group_by":["props.later"]}`)
	if p := r.CheckPanel(ctx, src, "table", question); p != nil {
		t.Error(p)
	}
	if body, _, p := r.AnswerPanel(ctx, src, "table", question); p != nil || !strings.Contains(string(body), `"unknown":["props.later"]`) {
		t.Errorf("%v %s", p, body)
	}
}

// TestUnseenOfStrongSources: what was acknowledged before the question may bring the property: a tenant with a strong source waits for it before a refusal.
func TestUnseenOfStrongSources(t *testing.T) {
	r := newReporter(t, &fakeEngine{answers: []fakeAnswer{{rows: "[]"}}}, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
	asked := 0
	r.deps.Strong = func(tenant.ID) bool { return true }
	r.deps.Unseen = func(tenant.ID, string, string, bool) ([]string, bool) { asked++; return nil, asked == 1 }
	if status, _, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/report?filter=props.new:x", ""); status != 200 || asked != 2 {
		t.Errorf("asked %d times: %d %s", asked, status, body)
	}
}

// TestUnseenSuggestsNothingMasked: the name of a property that is masked for the role is no suggestion; an answer for a key of one site is not kept for others, who are told other names.
func TestUnseenSuggestsNothingMasked(t *testing.T) {
	r := newReporter(t, &fakeEngine{answers: []fakeAnswer{{rows: "[]"}}}, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
	r.deps.Unseen = func(tenant.ID, string, string, bool) ([]string, bool) {
		return []string{"salary", "health.diagnosis"}, true
	}
	for _, masked := range []bool{false, true} {
		if masked {
			r.deps.Masks = func(tenant.ID) []catalog.Mask {
				return []catalog.Mask{{Column: "props.salary", Action: catalog.MaskHide, Roles: []tenant.Role{tenant.RoleViewer}}, {Column: "props.health", Action: catalog.MaskHide, Roles: []tenant.Role{tenant.RoleViewer}}}
			}
		}
		for query, name := range map[string]string{"group_by=props.salaryy": "salary?", "filter=props.health:x": "health.diagnosis"} {
			status, _, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/report?"+query, "")
			if status != 422 || strings.Contains(body, name) == masked {
				t.Errorf("masked %v, %s: %d %s", masked, query, status, body)
			}
		}
	}
	key := keyOf("a question")
	if all, one := keyFor(tenant.Principal{}, key), keyFor(tenant.Principal{Site: "site"}, key); all != key || one == key {
		t.Error("the keys of answers are the same")
	}
}
