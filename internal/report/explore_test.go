package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// listed is an event of a page, as far as the test looks at it.
type listed struct {
	TS      string `json:"ts"`
	Type    string `json:"type"`
	Client  string `json:"client_id"`
	Path    *string
	Country *string
	Props   map[string]any
}

func (l listed) n() int { n, _ := l.Props["n"].(float64); return int(n) }

// explorer stores events of two tenants and returns a reporter over them, with what it was given of the one.
func explorer(t *testing.T, name string) (*Reporter, []step, func(target string) (int, string)) {
	t.Helper()
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(11, 12))
	steps := makeSteps(rnd, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 6, 500)
	for i := range steps { // many at the same time
		if i%3 == 0 {
			steps[i].at = steps[i].at.Truncate(time.Hour)
		}
	}
	storeSteps(t, c, name, "site", 1, steps)
	storeSteps(t, c, name, "elsewhere", 1, makeSteps(rnd, steps[0].at, 6, 100))
	storeSteps(t, c, "not"+name, "site", 1, makeSteps(rnd, steps[0].at, 6, 100))
	r := newReporter(t, c, clock{asOf: noon}, Config{})
	r.deps.Sources = sources{"site": {Tenant: tenant.ID(name), SiteID: "site", TimeZone: "UTC", FirstDay: 1}, "other": {Tenant: "other", SiteID: "other"}}
	h := serve(r, tenant.Principal{Tenant: tenant.ID(name), Role: tenant.RoleViewer, KeyID: "k"})
	return r, steps, func(target string) (int, string) {
		status, _, body := call(t, h, "GET", "/api/v1/analytics/site/"+target, "")
		return status, body
	}
}

// latestFirst are the numbers of the steps that keep lets through, in the explorer's order.
func latestFirst(steps []step, keep func(step) bool) []int {
	var list []step
	for _, s := range steps {
		if keep(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b step) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.n, a.n)) })
	out := make([]int, len(list))
	for i, s := range list {
		out[i] = s.n
	}
	return out
}

// TestEventPages reads all pages of several questions, while new events come in, and finds each event once, in order.
func TestEventPages(t *testing.T) {
	testkit.Alone(t)
	_, steps, ask := explorer(t, "explored")
	byNumber := map[int]step{}
	for _, s := range steps {
		byNumber[s.n] = s
	}
	const added = 100_000 // numbers from here on came while pages were read
	later := steps[0]
	later.at, later.n = time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), added // newer than all others
	for _, tc := range []struct {
		query string
		keep  func(step) bool
	}{
		{"bots=include&limit=500&from=2026-02-01&to=2026-03-20", func(step) bool { return true }},
		{"limit=37&from=2026-02-01&to=2026-03-20", func(s step) bool { return !s.bot }},
		{"bots=only&limit=20&from=2026-02-01&to=2026-03-20", func(s step) bool { return s.bot }},
		{"bots=include&limit=100&from=2026-03-02&to=2026-03-03&filter=type:click&filter=!country:DE", func(s step) bool {
			return s.typ == "click" && s.country != "DE" && s.at.Day() >= 2 && s.at.Day() <= 3 && s.at.Month() == 3
		}},
		{"bots=include&limit=50&from=2026-02-01&to=2026-03-20&filter=props.plan:" + url.QueryEscape(steps[3].plan), func(s step) bool { return s.plan == steps[3].plan }},
	} {
		want, before := latestFirst(steps, tc.keep), later.n
		var got []int
		for cursor := ""; ; {
			status, body := ask("events?" + tc.query + "&cursor=" + cursor)
			var page struct {
				Events []listed
				Next   string
			}
			if err := json.Unmarshal([]byte(body), &page); status != 200 || err != nil {
				t.Fatalf("%s: %d %v %.300s", tc.query, status, err, body)
			}
			for _, e := range page.Events {
				if e.n() >= added && e.n() <= before {
					continue // of an earlier question
				}
				got = append(got, e.n())
				if s := byNumber[e.n()]; e.TS != formatTime(s.at) || e.Type != s.typ || e.Client != s.client || *e.Path != s.path || e.Props["plan"] != s.plan {
					t.Fatalf("%+v is shown as %+v", s, e)
				}
			}
			if cursor = page.Next; cursor == "" {
				break
			}
			if len(got) < 200 { // one that is newer than everything shown
				later.at, later.n = later.at.Add(time.Second), later.n+1
				storeSteps(t, testkit.Engine(t), "explored", "site", 1, []step{later})
			}
		}
		if d := diff.Diff(want, got); d != "" || len(want) == 0 {
			t.Errorf("%s (-want +got):\n%.1500s", tc.query, d)
		}
	}
}

// TestExactIntegers: what a double cannot hold is shown with all its digits, by whatever shows properties; other numbers are numbers, and digits that came as text are text.
func TestExactIntegers(t *testing.T) {
	texts := map[string]any{"big": "9007199254740993", "minus": "-9007199254740993", "digits": "9007199254740993", "odd": "not the number"}
	nums := map[string]any{"big": json.Number("9007199254740992"), "minus": "-9007199254740992", "small": json.Number("42"), "odd": json.Number("7")}
	want := `{"big":"9007199254740993","digits":"9007199254740993","minus":"-9007199254740993","odd":7,"small":42}`
	if got := mustJSON(t, listing{}.properties(texts, nums)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for mask, want := range map[string]string{"big": `{"minus":"-9007199254740993","odd":7,"small":42}`, "props_num": "{}"} {
		delete(texts, "digits")
		if got := mustJSON(t, listing{hidden: []string{mask}}.properties(texts, nums)); got != want {
			t.Errorf("%s masked: %s, want %s", mask, got, want)
		}
	}
}

// TestEventMasks hides columns and properties, and does not let hidden ones be filtered by.
func TestEventMasks(t *testing.T) {
	r, _, ask := explorer(t, "hiding")
	r.deps.Masks = func(tenant.ID) []catalog.Mask {
		return []catalog.Mask{{Column: "path", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide}, {Column: "plan", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHash},
			{Column: "country", Roles: []tenant.Role{tenant.RoleAnalyst}, Action: catalog.MaskHide}}
	}
	const span = "from=2026-02-01&to=2026-03-20"
	status, body := ask("events?limit=20&" + span)
	var page struct{ Events []listed }
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || len(page.Events) != 20 {
		t.Fatalf("%d %v %.300s", status, err, body)
	}
	for _, e := range page.Events {
		if e.Path != nil || e.Props["plan"] != nil || e.Country != nil || e.Type == "" || e.Props["n"] == nil { // what analysts do not see, viewers do not see
			t.Fatalf("%+v", e)
		}
	}
	for _, q := range []string{"events?filter=path:/a", "events?filter=props.plan:x", "values?dim=path", "values?dim=props.plan", "values?dim=country", "values?dim=device&filter=path:/a"} {
		if status, body := ask(q + "&" + span); status != 403 || !strings.Contains(body, "column_masked") {
			t.Errorf("%s: %d %.200s", q, status, body)
		}
	}
}

// TestAliasMasks: what masks an id of a person masks it in alias events, in lists and values.
func TestAliasMasks(t *testing.T) {
	r, _, ask := explorer(t, "aliases")
	testkit.Exec(t, testkit.Engine(t), "INSERT INTO weir.events (tenant, site_id, event_id, ts, type, client_id, user_id, props, _partition, _offset) SELECT 'aliases', 'site', 'a', '2026-03-05 00:00:00', 'alias', 'c', 'u-new', map('previous_id', 'u-old', 'via', 'web'), 1, 1")
	const span = "&from=2026-02-01&to=2026-03-20"
	questions := []string{"values?dim=props.previous_id", "events?filter=props.previous_id:u-old", "report?metric=events&group_by=props.previous_id", "report?metric=events&filter=props.previous_id:u-old"}
	for _, q := range append(questions, "events?filter=type:alias") {
		if status, body := ask(q + span); status != 200 || strings.Contains(q, "dim") && !strings.Contains(body, "u-old") {
			t.Errorf("without a mask, %s: %d %.200s", q, status, body)
		}
	}
	for _, m := range []catalog.Mask{{Column: "user_id", Action: catalog.MaskHide}, {Column: "user_id", Action: catalog.MaskHash}, {Column: "client_id", Action: catalog.MaskHide}} {
		m.Roles = []tenant.Role{tenant.RoleViewer}
		r.deps.Masks = func(tenant.ID) []catalog.Mask { return []catalog.Mask{m} }
		if status, body := ask("events?filter=type:alias" + span); status != 200 || strings.Contains(body, "u-old") || !strings.Contains(body, `"via":"web"`) {
			t.Errorf("%s of %s: %d %.400s", m.Action, m.Column, status, body)
		}
		for _, q := range questions {
			if status, body := ask(q + span); status != 403 || !strings.Contains(body, "column_masked") {
				t.Errorf("%s of %s, %s: %d %.200s", m.Action, m.Column, q, status, body)
			}
		}
	}
}

// TestValues compares the values of columns and properties with those counted.
func TestValues(t *testing.T) {
	_, steps, ask := explorer(t, "valued")
	for _, tc := range []struct {
		query string
		value func(step) string
		keep  func(step) bool
	}{
		{"dim=country&bots=include", func(s step) string { return s.country }, func(step) bool { return true }},
		{"dim=type", func(s step) string { return s.typ }, func(s step) bool { return !s.bot }},
		{"dim=path&bots=include&prefix=" + url.QueryEscape("/A"), func(s step) string { return s.path }, func(s step) bool { return strings.HasPrefix(s.path, "/a") }},
		{"dim=props.plan&bots=include&filter=type:click", func(s step) string { return s.plan }, func(s step) bool { return s.typ == "click" }},
		{"dim=country&bots=include&prefix=x", func(s step) string { return s.country }, func(step) bool { return false }},
	} {
		counts := map[string]int{}
		for _, s := range steps {
			if v := tc.value(s); v != "" && tc.keep(s) {
				counts[v]++
			}
		}
		var want []string
		for v, n := range counts {
			want = append(want, fmt.Sprintf("%05d %s", n, v))
		}
		slices.Sort(want)
		status, body := ask("values?from=2026-02-01&to=2026-03-20&" + tc.query)
		var answer struct {
			Values []struct {
				Value  string
				Events int
			}
		}
		if err := json.Unmarshal([]byte(body), &answer); status != 200 || err != nil {
			t.Fatalf("%s: %d %v %.300s", tc.query, status, err, body)
		}
		var got []string
		for i, v := range answer.Values {
			got = append(got, fmt.Sprintf("%05d %s", v.Events, v.Value))
			if i > 0 && v.Events > answer.Values[i-1].Events {
				t.Errorf("%s: %v stands behind fewer", tc.query, v)
			}
		}
		slices.Sort(got)
		if d := diff.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.query, d)
		}
	}
}

// TestExplorerRefusals shows what a wrong question gets.
func TestExplorerRefusals(t *testing.T) {
	r := newReporter(t, testkit.Engine(t), clock{asOf: noon}, Config{})
	h := serve(r, acmeViewer)
	for _, tc := range []struct {
		target string
		status int
		words  []string
	}{
		{"events?limit=501", 422, []string{"limit", "500"}},
		{"events?limit=-1", 422, []string{"limit"}},
		{"events?limit=0", 422, []string{`"field":"limit"`, "between 1 and 500", `"code":"invalid_limit"`, `"limit_value":500`}},
		{"sessions?limit=0", 422, []string{`"field":"limit"`, "between 1 and 500", `"limit_value":500`}},
		{"values?dim=country&limit=0", 422, []string{`"field":"limit"`, "between 1 and 200", `"limit_value":200`}},
		{"report?limit=0", 422, []string{`"field":"limit"`, "between 1 and 10000", `"limit_value":10000`}},
		{"paths?limit=0", 422, []string{`"field":"limit"`, "between 1 and 50", `"limit_value":50`}},
		{"paths?depth=0", 422, []string{`"field":"depth"`, "between 1 and 10", `"limit_value":10`}},
		{"retention?periods=0", 422, []string{`"field":"periods"`, "between 1 and 100", `"limit_value":100`}},
		{"retention?periods=many", 422, []string{`"field":"periods"`, "between 1 and 100", `"code":"invalid_periods"`, `"limit_value":100`}},
		{"report?offset=-1&group_by=country", 422, []string{`"field":"offset"`, "between 0 and"}},
		{"report?metric=", 422, []string{`"field":"metric"`, `"code":"invalid_metric"`, "metric is empty: name what you want, or leave it out for events"}},
		{"report?metric=pageviews&group_by=", 422, []string{`"field":"group_by"`, "leave it out for no groups"}},
		{"events?cursor=AAAA", 422, []string{"cursor", "first page"}},
		{"events?cursor=" + strings.Repeat("A", 5000), 422, []string{"cursor"}},
		{"events?filter=cuntry:DE", 422, []string{"cuntry", "country"}},
		{"events?from=2026-03-02&to=2026-03-01", 422, []string{"from"}},
		{"values", 422, []string{"dim"}},
		{"values?dim=cuntry", 422, []string{"dim", "country"}},
		{"values?dim=country&prefix=%ff", 422, []string{"prefix"}},
		{"values?dim=country&limit=201", 422, []string{"limit", "200"}},
		{"values?dim=ts", 422, []string{"ts"}},
	} {
		status, _, body := call(t, h, "GET", "/api/v1/analytics/site/"+tc.target, "")
		if status != tc.status {
			t.Errorf("%.60s: %d %.300s", tc.target, status, body)
		}
		for _, w := range tc.words {
			if !strings.Contains(body, w) {
				t.Errorf("%.60s: %q is not said in %.300s", tc.target, w, body)
			}
		}
	}
	if status, _, body := call(t, h, "GET", "/api/v1/analytics/nowhere/events", ""); status != 404 || !strings.Contains(body, "unknown_site") {
		t.Errorf("a site that is not there: %d %s", status, body)
	}
}

func FuzzPlace(f *testing.F) {
	f.Add(place{1772323200000, 3, 77, 5}.String())
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := parsePlace(s)
		if ok && p.String() != s {
			t.Errorf("%q is read as %+v, which is written %q", s, p, p)
		}
	})
}

// TestZeroes: a number that a body has is at least 1, as in a query; what is left out has its default.
func TestZeroes(t *testing.T) {
	r := newReporter(t, testkit.Engine(t), clock{asOf: noon}, Config{})
	h := serve(r, acmeViewer)
	const two = `"steps":[{"type":"a"},{"type":"b"}]`
	for _, tc := range []struct {
		endpoint, more, field string
		most                  int
	}{
		{"report", ``, "limit", maxLimit}, {"events", ``, "limit", maxEvents}, {"sessions", ``, "limit", maxSessions}, {"paths", ``, "limit", maxLinks}, {"paths", ``, "depth", maxDepth},
		{"funnel", two + ",", "limit", maxBreakdown}, {"funnel/people", two + ",", "limit", maxPersons}, {"retention", ``, "periods", maxPeriods},
	} {
		for _, n := range []int{0, -1, tc.most + 1} {
			status, _, body := call(t, h, "POST", "/api/v1/analytics/site/"+tc.endpoint, fmt.Sprintf(`{%s"%s":%d}`, tc.more, tc.field, n))
			want := []string{fmt.Sprintf(`"code":"invalid_%s"`, tc.field), fmt.Sprintf(`"field":"%s"`, tc.field), fmt.Sprintf("%s is %d, it must be between 1 and %d", tc.field, n, tc.most), fmt.Sprintf(`"limit_value":%d`, tc.most)}
			for _, w := range want {
				if status != 422 || !strings.Contains(body, w) {
					t.Errorf("%s with %s %d: %d %s, want %s", tc.endpoint, tc.field, n, status, body, w)
				}
			}
		}
	}
}
