package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

const cells = `[[0,-1,4],[0,0,4],[0,1,2],[1,-1,5],[1,0,1],[2,-1,7],[2,0,3]]`

func TestRetentionAnswers(t *testing.T) {
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{}} // a Tuesday; settled five minutes before
	want := `{"cohorts":[{"cohort":"2026-02-23","size":4,"values":[4,2,null]},{"cohort":"2026-03-02","size":5,"values":[1,null,null]},{"cohort":"2026-03-09","size":7,"values":[null,null,null]}],` +
		`"average":[0.5555555555555556,0.5,null],"from":"2026-02-23T00:00:00Z","to":"2026-03-16T00:00:00Z","period":"week","mode":"first_time","as_of":"2026-03-10T12:00:00.000Z","complete_until":"2026-03-10T11:55:00.000Z"}`
	for _, r := range []struct{ method, query, body string }{
		{"GET", "?periods=3", ""},
		{"GET", "?period=week&periods=3&from=2026-02-25&to=2026-03-09&mode=first_time", ""},
		{"POST", "", `{"periods":3,"start":{},"return":{"filter":[]}}`},
	} {
		e := &fakeEngine{answers: []fakeAnswer{{rows: `[[0,0]]`}, {rows: cells}}}
		status, _, got := call(t, serve(newReporter(t, e, clk, Config{}), acmeViewer), r.method, "/api/v1/analytics/site/retention"+r.query, r.body)
		if status != 200 || strings.TrimSpace(got) != want {
			t.Errorf("%s %s %s: %d\n%s\nwant\n%s", r.method, r.query, r.body, status, got, want)
		}
	}
}

func TestRetentionRefusals(t *testing.T) {
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{}}
	for _, c := range []struct{ method, query, body, field, detail string }{
		{"GET", "?period=dy", "", "period", "did you mean day?"},
		{"GET", "?period=hour", "", "period", "day, week, month"},
		{"GET", "?mode=first", "", "mode", "did you mean first_time?"},
		{"GET", "?periods=0", "", "periods", "between 1 and 100"},
		{"GET", "?periods=101", "", "periods", "between 1 and 100"},
		{"GET", "?periods=x", "", "periods", "between 1 and 100"},
		{"GET", "?from=2026-03-05&to=2026-03-01", "", "from", "before to"},
		{"GET", "?from=2020-01-01&to=2026-03-01&period=day", "", "from", "more than 100 cohorts"},
		{"GET", "?from=soon", "", "from", "write a date"},
		{"GET", "?bots=some", "", "bots", "it can be"},
		{"GET", "?filter=contry:DE", "", "filter", "did you mean country?"},
		{"GET", "?start=" + strings.Repeat("x", 257), "", "start.type", "256"},
		{"GET", "?return=%00", "", "return.type", "256"},
		{"POST", "", `{"start":{"filter":["contry:DE"]}}`, "start.filter", "did you mean country?"},
		{"POST", "", `{"return":{"filter":["cohort:none"]}}`, "return.filter", "no cohort"},
	} {
		e := &fakeEngine{answers: []fakeAnswer{{rows: `[]`}}}
		status, _, body := call(t, serve(newReporter(t, e, clk, Config{}), acmeViewer), c.method, "/api/v1/analytics/site/retention"+c.query, c.body)
		var p struct{ Field, Detail string }
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != 422 || p.Field != c.field || !strings.Contains(p.Detail, c.detail) || len(e.got) > 0 {
			t.Errorf("%s %.60s %s: %d %s", c.method, c.query, c.body, status, body)
		}
	}
}

// A retention keeps masks, and answers nobody who may not read the site.
func TestRetentionWhoMay(t *testing.T) {
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{}}
	viewers := []tenant.Role{tenant.RoleViewer}
	for _, c := range []struct {
		who  tenant.Principal
		mask string
		body string
		want int
	}{
		{acmeViewer, "", `{}`, 200},
		{acmeViewer, "client_id", `{}`, 403},
		{acmeViewer, "path", `{"start":{"filter":["path:/"]}}`, 403},
		{acmeViewer, "path", `{"return":{"filter":["!path:/"]}}`, 403},
		{acmeViewer, "type", `{"return":{"type":"buy"}}`, 403},
		{acmeViewer, "type", `{}`, 200},
		{acmeViewer, "is_bot", `{"bots":"only"}`, 403},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst}, "client_id", `{}`, 200},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, Site: "berlin"}, "", `{}`, 404},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleWriter}, "", `{}`, 403},
		{tenant.Principal{Tenant: "other", Role: tenant.RoleAdmin}, "", `{}`, 404},
	} {
		e := &fakeEngine{answers: []fakeAnswer{{rows: `[[0,0]]`}, {rows: cells}}}
		r := newReporter(t, e, clk, Config{})
		r.deps.Masks = func(tenant.ID) []catalog.Mask {
			return []catalog.Mask{{Column: c.mask, Roles: viewers, Action: catalog.MaskHide}}
		}
		status, _, body := call(t, serve(r, c.who), "POST", "/api/v1/analytics/site/retention", c.body)
		if status != c.want || status != 200 && len(e.got) > 0 {
			t.Errorf("%+v: %d %s", c, status, body)
		}
	}
}

// An answer that was kept is not given when one more period is over.
func TestRetentionIsKeptUntilAPeriodEnds(t *testing.T) {
	e := &fakeEngine{answers: []fakeAnswer{{rows: `[[0,0]]`}, {rows: cells}, {rows: `[[0,0]]`}, {rows: cells}}}
	d := &data{version: 1}
	r := reporterOf(t, Deps{Engine: e, Data: d, Cache: newCache(t)}, Config{})
	h := serve(r, acmeViewer)
	ask := func() string {
		status, head, body := call(t, h, "GET", "/api/v1/analytics/site/retention?period=day&from=2026-03-08&to=2026-03-10", "")
		if status != 200 {
			t.Fatal(status, body)
		}
		return head.Get("X-Weir-Cache") + " " + fmt.Sprint(strings.Count(body, "null"))
	}
	first := ask()
	if again := ask(); !strings.HasPrefix(first, "miss") || !strings.HasPrefix(again, "hit") {
		t.Errorf("%s, then %s", first, again)
	}
	c := clock{asOf: noon.AddDate(0, 0, 1), positions: map[string]map[uint16]uint64{}}
	r.deps.Clock = c
	if later := ask(); !strings.HasPrefix(later, "miss") || later[5:] == first[5:] {
		t.Errorf("a day later: %s, first %s", later, first)
	}
}
