package saved

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

const (
	line  = `{"id":"p1","title":"Views","kind":"line","site_id":"a1","question":{"metric":["pageviews"],"from":"2026-03-01","to":"2026-03-07","interval":"day"},"x":0,"y":1,"w":6,"h":2}`
	tile  = `{"kind":"tile","site_id":"s2","question":{"metric":"visitors"}}`
	table = `{"id":"sql","kind":"sql","question":{"sql":"SELECT 1"}}`
)

func panels(v map[string]any) []map[string]any {
	var out []map[string]any
	list, _ := v["panels"].([]any)
	for _, p := range list {
		m, _ := p.(map[string]any)
		out = append(out, m)
	}
	return out
}

func TestDashboards(t *testing.T) {
	f := newFixture(t, Limits{})
	made := f.want(t, 201, analyst, "POST", "/api/v1/dashboards", `{"name":"Main","panels":[`+line+`,`+tile+`,`+table+`]}`)
	id, ps := text(made["id"]), panels(made)
	if len(ps) != 3 || ps[0]["id"] != "p1" || ps[0]["site_id"] != "s1" || !strings.HasPrefix(text(ps[1]["id"]), "p_") || fmt.Sprint(ps[0]["question"]) != "map[from:2026-03-01 interval:day metric:[pageviews] to:2026-03-07]" ||
		fmt.Sprintf("%v %v", ps[0]["y"], ps[0]["w"]) != "1 6" || made["owner"] != "key:ana" {
		t.Errorf("made %v", made)
	}
	one := "/api/v1/dashboards/" + id
	if got := f.want(t, 200, viewer, "GET", one, ""); fmt.Sprint(got) != fmt.Sprint(made) {
		t.Errorf("shown %v\nwant %v", got, made)
	}
	all, _ := f.want(t, 200, viewer, "GET", "/api/v1/dashboards", "")["dashboards"].([]any)
	if len(all) != 1 || fmt.Sprint(all[0].(map[string]any)["panels"]) != "3" {
		t.Errorf("list %v", all)
	}
	put := func(version int, panels string) string {
		return fmt.Sprintf(`{"name":"Main","version":%d,"panels":[%s]}`, version, panels)
	}
	if got := f.want(t, 200, admin, "PUT", one, put(1, line)); fmt.Sprint(got["version"]) != "2" || len(panels(got)) != 1 || got["owner"] != "key:ana" {
		t.Errorf("replaced %v", got)
	}
	if p := f.want(t, 409, admin, "PUT", one, put(1, tile)); p["code"] != "version_conflict" || p["field"] != "version" {
		t.Errorf("%v", p)
	}
	for who, want := range map[tenant.Principal][3]int{viewer: {200, 403, 403}, other: {404, 404, 404}, writer: {403, 403, 403}, op: {422, 422, 422}, {}: {401, 401, 401}} {
		f.want(t, want[0], who, "GET", one, "")
		f.want(t, want[1], who, "PUT", one, put(2, line))
		f.want(t, want[2], who, "DELETE", one, "")
	}
	f.want(t, 409, admin, "POST", "/api/v1/dashboards", `{"name":"main"}`)
	f.want(t, 204, admin, "DELETE", one, "")
	f.want(t, 404, viewer, "GET", one, "")
}

// A key of one site reaches only dashboards of that site alone.
func TestDashboardsOfASite(t *testing.T) {
	f := newFixture(t, Limits{})
	own := text(f.want(t, 201, bound, "POST", "/api/v1/dashboards", `{"name":"own","panels":[`+line+`]}`)["id"])
	mixed := text(f.want(t, 201, admin, "POST", "/api/v1/dashboards", `{"name":"mixed","panels":[`+line+`,`+tile+`]}`)["id"])
	sql := text(f.want(t, 201, admin, "POST", "/api/v1/dashboards", `{"name":"sql","panels":[`+table+`]}`)["id"])
	if got := f.want(t, 200, bound, "GET", "/api/v1/dashboards", "")["dashboards"].([]any); len(got) != 1 {
		t.Errorf("it lists %v", got)
	}
	for id, status := range map[string]int{own: 200, mixed: 404, sql: 404} {
		f.want(t, status, bound, "GET", "/api/v1/dashboards/"+id, "")
		f.want(t, status, bound, "PUT", "/api/v1/dashboards/"+id, `{"name":"mine `+id+`","version":1,"panels":[`+line+`]}`)
	}
	for _, panel := range []string{tile, table} {
		f.want(t, 422, bound, "POST", "/api/v1/dashboards", `{"name":"x","panels":[`+panel+`]}`)
	}
	f.want(t, 404, bound, "POST", "/api/v1/embeds", `{"dashboard":"`+mixed+`","panel":"p1"}`)
	f.want(t, 201, bound, "POST", "/api/v1/embeds", `{"dashboard":"`+own+`","panel":"p1"}`)
}

// A panel that was kept before its place was bounded does not keep its neighbours from being changed, and can be made smaller.
func TestPanelsFromBeforeBounds(t *testing.T) {
	f := newFixture(t, Limits{})
	made := f.want(t, 201, admin, "POST", "/api/v1/dashboards", `{"name":"old","panels":[`+line+`]}`)
	one := "/api/v1/dashboards/" + text(made["id"])
	if _, err := f.catalog.UpdateSaved(t.Context(), "acme", catalog.KindDashboard, text(made["id"]), func(s *catalog.Saved) error {
		s.Body = []byte(strings.Replace(string(s.Body), `"h":2`, `"h":1000`, 1))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	put := func(version, h string) string {
		return `{"name":"old","version":` + version + `,"panels":[` + strings.Replace(line, `"h":2`, `"h":`+h, 1) + `,` + tile + `]}`
	}
	f.want(t, 200, admin, "PUT", one, put("2", "1000"))
	f.want(t, 422, admin, "PUT", one, put("3", "1001"))
	f.want(t, 200, admin, "PUT", one, put("3", "100"))
	f.want(t, 422, admin, "PUT", one, put("4", "1000"))
}

func TestDashboardRefusals(t *testing.T) {
	f := newFixture(t, Limits{Panels: 2, Dashboards: 1})
	for _, c := range []struct{ panels, field, detail string }{
		{line + "," + line, "panels[1].id", "two panels"},
		{line + "," + tile + "," + table, "panels", "at most 2"},
		{`{"kind":"tils","site_id":"s1","question":{}}`, "panels[0].kind", "did you mean"},
		{`{"kind":"tile","site_id":"s3","question":{}}`, "panels[0].site_id", "no site"}, // another tenant's
		{`{"kind":"tile","question":{}}`, "panels[0].site_id", "no site"},
		{`{"kind":"tile","site_id":"s1","question":{"metrc":"events"}}`, "panels[0].question.metrc", "did you mean metric?"},
		{`{"kind":"tile","site_id":"s1","question":{"metric":"evnts"}}`, "panels[0].question.metric", "did you mean events?"},
		{`{"kind":"tile","site_id":"s1","question":{"limit":"x"}}`, "panels[0].question.limit", "cannot be a string"},
		{`{"kind":"tile","site_id":"s1","question":{"filter":["a"]}}`, "panels[0].question.filter", "no value"},
		{`{"kind":"tile","site_id":"s1","question":{"segment":"none"}}`, "panels[0].question.segment", "no segment"},
		{`{"kind":"tile","site_id":"s1","question":{},"w":13}`, "panels[0].w", "between 0 and 12"},
		{`{"kind":"tile","site_id":"s1","question":{},"h":1000}`, "panels[0].h", "between 0 and 100"},
		{`{"kind":"tile","site_id":"s1","question":{},"y":5001}`, "panels[0].y", "between 0 and 5000"},
		{`{"kind":"tile","site_id":"s1","question":{},"x":-1}`, "panels[0].x", "between 0 and 11"},
		{`{"kind":"bar","site_id":"s1","question":{"interval":"day"}}`, "panels[0].question.interval", "make it a line"},
		{`{"kind":"bar","site_id":"s1","question":{"interval":"day","group_by":"path"}}`, "panels[0].question.interval", "groups, not times"},
		{`{"kind":"bar","site_id":"s1","question":{"group_by":[" "]}}`, "panels[0].question.group_by", "whose values are its bars"},
		{`{"kind":"bar","site_id":"s1","question":{"group_by":["pth"]}}`, "panels[0].question.group_by", "did you mean path?"},
		{`{"kind":"bar","site_id":"s1","question":{"group_by":"path,country"}}`, "panels[0].question.group_by", "one column"},
		{`{"kind":"bar","site_id":"s1","question":{"group_by":"path","metric":"events,visitors"}}`, "panels[0].question.metric", "one metric"},
		{`{"kind":"bar","site_id":"s1","question":{"group_by":"path","compare":"previous"}}`, "panels[0].question.compare", "a tile or a line"},
		{`{"kind":"table","site_id":"s1","question":{"group_by":"path","compare":"previous"}}`, "panels[0].question.compare", "a tile or a line"},
		{`{"kind":"tile","site_id":"s1","question":{"interval":"day"}}`, "panels[0].question.interval", "make it a line"},
		{`{"kind":"tile","site_id":"s1","question":{"group_by":["path"]}}`, "panels[0].question.group_by", "make it a bar"},
		{`{"kind":"tile","site_id":"s1","question":{"metric":["events","visitors"]}}`, "panels[0].question.metric", "one metric"},
		{`{"kind":"line","site_id":"s1","question":{"metric":"events"}}`, "panels[0].question.interval", "such as day"},
		{`{"kind":"line","site_id":"s1","question":{"interval":"day","group_by":"path"}}`, "panels[0].question.group_by", "without groups"},
		{`{"kind":"line","site_id":"s1","question":{"interval":"day","metric":"events,visitors"}}`, "panels[0].question.metric", "one metric"},
		{`{"id":"a b","kind":"tile","site_id":"s1","question":{}}`, "panels[0].id", "63"},
		{`{"kind":"tile","site_id":"s1","question":{},"title":"` + strings.Repeat("t", 201) + `"}`, "panels[0].title", "200"},
		{`{"kind":"sql","question":{"sql":" "}}`, "panels[0].question", "SELECT"},
		{`{"kind":"sql","question":{"sql":"SELECT 1","x":1}}`, "panels[0].question", "SELECT"},
		{`{"kind":"sql","site_id":"s1","question":{"sql":"SELECT 1"}}`, "panels[0].site_id", "whole tenant"},
		{`{"kind":"sql","question":{"sql":"` + strings.Repeat("x", 64<<10) + `"}}`, "panels[0].question", "65536"},
	} {
		p := f.want(t, 422, admin, "POST", "/api/v1/dashboards", `{"name":"d","panels":[`+c.panels+`]}`)
		if p["field"] != c.field || !strings.Contains(text(p["detail"]), c.detail) {
			t.Errorf("%.100s: %v", c.panels, p)
		}
	}
	f.want(t, 201, admin, "POST", "/api/v1/dashboards", `{"name":"d"}`)
	if p := f.want(t, 409, admin, "POST", "/api/v1/dashboards", `{"name":"e"}`); p["code"] != "too_many_dashboards" {
		t.Errorf("%v", p)
	}
}

// A dashboard can be saved although a site of one of its panels has gone, but not that panel anew.
func TestPanelOfASiteThatHasGone(t *testing.T) {
	f := newFixture(t, Limits{})
	made := f.want(t, 201, admin, "POST", "/api/v1/dashboards", `{"name":"d","panels":[`+line+`]}`)
	if err := f.catalog.DeleteSource(t.Context(), "acme", "web"); err != nil {
		t.Fatal(err)
	}
	one := "/api/v1/dashboards/" + text(made["id"])
	f.want(t, 200, admin, "PUT", one, `{"name":"d","version":1,"panels":[`+strings.Replace(line, "a1", "s1", 1)+`,`+tile+`]}`)
	f.want(t, 422, admin, "PUT", one, `{"name":"d","version":2,"panels":[`+strings.Replace(line, "p1", "p2", 1)+`]}`)
}

// Only the owner and an admin hand a dashboard over, and only to somebody who is there.
func TestHandOver(t *testing.T) {
	f := newFixture(t, Limits{})
	u, err := f.catalog.CreateUser(t.Context(), catalog.User{Tenant: "acme", Role: tenant.RoleAnalyst, Email: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	one := "/api/v1/dashboards/" + text(f.want(t, 201, analyst, "POST", "/api/v1/dashboards", `{"name":"d"}`)["id"])
	second := analyst
	second.KeyID = "second"
	give := func(version int, to string) string {
		return fmt.Sprintf(`{"name":"d","version":%d,"owner":%q}`, version, to)
	}
	f.want(t, 403, second, "PUT", one, give(1, "key:second"))
	f.want(t, 200, second, "PUT", one, give(1, "key:ana")) // it stays
	f.want(t, 422, analyst, "PUT", one, give(2, "key:second"))
	f.want(t, 422, analyst, "PUT", one, give(2, "local:nobody"))
	if got := f.want(t, 200, analyst, "PUT", one, give(2, "local:"+u.ID)); got["owner"] != "local:"+u.ID {
		t.Errorf("%v", got)
	}
	f.want(t, 403, analyst, "PUT", one, give(3, "key:ana"))
	if got := f.want(t, 200, admin, "PUT", one, give(3, "key:adm")); got["owner"] != "key:adm" {
		t.Errorf("%v", got)
	}
}
