package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

func serve(r *Reporter, who tenant.Principal) http.Handler {
	mux := http.NewServeMux()
	Register(humago.New(mux, huma.DefaultConfig("weir", "1")), r)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mux.ServeHTTP(w, req.WithContext(tenant.With(req.Context(), who)))
	})
}

// huma complains on standard error about an answer whose schema it cannot link: one that embeds a type with methods elsewhere than first.
func TestAnswersCanBeLinked(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = w
	serve(&Reporter{}, acmeViewer)
	os.Stderr = before
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(r); err != nil || len(said) > 0 {
		t.Errorf("%s%v", said, err)
	}
}

var acmeViewer = tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, KeyID: "k"}

func call(t *testing.T, h http.Handler, method, target, body string) (int, http.Header, string) {
	t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Code, w.Header(), w.Body.String()
}

func TestReportAnswers(t *testing.T) {
	e := &fakeEngine{answers: []fakeAnswer{{rows: `[["US", 1523000, 100, 5, 0], ["DE", 12, 3, 5, 0]]`}}}
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{"rollup_hour_audience": {1: 5, 2: 0}}}
	h := serve(newReporter(t, e, clk, Config{}), acmeViewer)
	want := `{"data":[{"country":"US","pageviews":1523000,"visitors":100},{"country":"DE","pageviews":12,"visitors":3}],` +
		`"from":"2026-03-01T00:00:00Z","to":"2026-03-08T00:00:00Z","as_of":"2026-03-10T12:00:00.000Z","complete_until":"2026-03-10T11:55:00.000Z"}`
	requests := []struct{ method, target, body string }{
		{"GET", "/api/v1/analytics/site/report?metric=pageviews,visitors&from=2026-03-01&to=2026-03-07&group_by=country&filter=device:mobile&filter=browser:Firefox&totals=false", ""},
		{"GET", "/api/v1/analytics/alias/report?metric=pageviews,visitors&from=2026-03-01&to=2026-03-07&group_by=country&filter=device:mobile&filter=browser:Firefox&totals=false", ""},
		{"POST", "/api/v1/analytics/site/report", `{"metric":["pageviews","visitors"],"from":"2026-03-01","to":"2026-03-07","group_by":["country"],"filter":["device:mobile","browser:Firefox"],"totals":false}`},
		{"POST", "/api/v1/analytics/site/report", `{"metric":"pageviews,visitors","from":"2026-03-01","to":"2026-03-07","group_by":"country","filter":["device:mobile","browser:Firefox"],"totals":false}`},
	}
	for _, r := range requests {
		status, _, got := call(t, h, r.method, r.target, r.body)
		var c map[string]json.RawMessage
		if err := json.Unmarshal([]byte(got), &c); err != nil {
			t.Fatalf("%s %s: %d %s", r.method, r.target, status, got)
		}
		delete(c, "$schema")
		if status != 200 || !strings.Contains(got, strings.TrimPrefix(want, "{")) {
			t.Errorf("%s %s: %d\n%s\nwant\n%s", r.method, r.target, status, got, want)
		}
	}
	if len(e.got) != 1+len(requests) { // the first one is asked by the sample too, before it is known that the numbers are small
		t.Fatalf("%d statements", len(e.got))
	}
	for _, st := range e.got[2:] {
		if diff := cmp.Diff(e.got[1], st); diff != "" {
			t.Errorf("two forms of one question differ: %s", diff)
		}
	}
	if e.got[0].Params["tenant"] != "acme" || e.got[0].Params["site"] != "site" || e.got[0].Settings["max_execution_time"] != "15" {
		t.Errorf("statement %+v", e.got[0])
	}
}

// TestReportBounds: an answer says exactly which range it is of.
func TestReportBounds(t *testing.T) {
	for query, want := range map[string]string{
		"from=2026-03-01T00:00:27.250Z&to=2026-03-01T00:00:27.7509Z": `"from":"2026-03-01T00:00:27.250Z","to":"2026-03-01T00:00:27.750Z"`,
		"from=2026-03-01T00:00:27Z&to=2026-03-01T00:00:27.5Z":        `"from":"2026-03-01T00:00:27Z","to":"2026-03-01T00:00:27.500Z"`,
	} {
		e := &fakeEngine{answers: []fakeAnswer{{rows: `[]`}}}
		status, _, got := call(t, serve(newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{}), acmeViewer), "GET", "/api/v1/analytics/site/report?group_by=country&"+query, "")
		if status != 200 || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s, want %s", query, status, got, want)
		}
	}
}

func TestReportCompares(t *testing.T) {
	e := &fakeEngine{answers: []fakeAnswer{{rows: `[]`, to: "2026-02-27 00:00:00.000"}, {rows: `[["2026-03-02", 7, 0, 0]]`, to: "2026-03-03 00:00:00.000"}}}
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{}}
	status, _, got := call(t, serve(newReporter(t, e, clk, Config{}), acmeViewer), "GET",
		"/api/v1/analytics/site/report?from=2026-03-01&to=2026-03-02&interval=day&compare=previous", "")
	want := `"data":[{"time":"2026-03-01","events":0},{"time":"2026-03-02","events":7}],"from":"2026-03-01T00:00:00Z","to":"2026-03-03T00:00:00Z","totals":{"events":7}`
	prev := `"previous":{"data":[{"time":"2026-02-27","events":0},{"time":"2026-02-28","events":0}],"from":"2026-02-27T00:00:00Z","to":"2026-03-01T00:00:00Z","totals":{"events":0}}`
	if status != 200 || !strings.Contains(got, want) || !strings.Contains(got, prev) {
		t.Errorf("%d %s", status, got)
	}
}

func TestReportRetriesWhenOvertaken(t *testing.T) {
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{"rollup_hour_page": {1: 5, 2: 1}}}
	e := &fakeEngine{answers: []fakeAnswer{{rows: `[[10, 6, 1]]`}, {rows: `[[11, 5, 2]]`}, {rows: `[[12, 5, 1]]`}}}
	r := newReporter(t, e, clk, Config{})
	q, _ := ask{From: "2026-03-01", To: "2026-03-02"}.question(testSources["site"], noon, time.LoadLocation)
	rows, err := r.Answer(context.Background(), q)
	if err != nil || mustJSON(t, rows) != `[{"events":12}]` || len(e.got) != 3 {
		t.Errorf("%v, %v after %d statements", mustJSON(t, rows), err, len(e.got))
	}
	e = &fakeEngine{answers: []fakeAnswer{{rows: `[[10, 6, 1]]`}, {rows: `[[10, 6, 1]]`}, {rows: `[[10, 6, 1]]`}, {rows: `[[9]]`}}}
	r = newReporter(t, e, clk, Config{})
	rows, err = r.Answer(context.Background(), q)
	if err != nil || mustJSON(t, rows) != `[{"events":9}]` || len(e.got) != 4 || strings.Contains(e.got[3].SQL, "rollup_") {
		t.Errorf("%v, %v after %d statements", mustJSON(t, rows), err, len(e.got))
	}
}

func TestWhoMayRead(t *testing.T) {
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{}}
	for _, c := range []struct {
		who  tenant.Principal
		site string
		want int
	}{
		{acmeViewer, "site", 200},
		{acmeViewer, "alias", 200},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin}, "site", 200},
		{tenant.Principal{Role: tenant.RoleOperator}, "site", 200},
		{tenant.Principal{Tenant: "other", Role: tenant.RoleOperator}, "site", 404},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, Site: "berlin"}, "site", 404},
		{tenant.Principal{Tenant: "acme", Role: tenant.RoleWriter}, "site", 403},
		{tenant.Principal{Tenant: "other", Role: tenant.RoleAdmin}, "site", 404},
		{tenant.Principal{Role: tenant.RoleViewer}, "nowhere", 404},
		{acmeViewer, "nowhere", 404},
	} {
		for path, rows := range map[string]string{"report?from=1d": `[[1,0,0]]`, "realtime": `[[1,2,[]]]`} {
			e := &fakeEngine{answers: []fakeAnswer{{rows: rows}}}
			status, head, body := call(t, serve(newReporter(t, e, clk, Config{}), c.who), "GET", "/api/v1/analytics/"+c.site+"/"+path, "")
			if status != c.want || status != 200 && (len(e.got) > 0 || !strings.HasPrefix(head.Get("Content-Type"), "application/problem+json")) {
				t.Errorf("%+v, %s/%s: %d, want %d: %s", c.who, c.site, path, status, c.want, body)
			}
		}
	}
}

func TestProblems(t *testing.T) {
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{}}
	for _, c := range []struct {
		query        string
		err          error
		status       int
		code, header string
	}{
		{"group_by=contry", nil, 422, "did you mean country?", ""},
		{"limit=many", nil, 422, `"field":"limit"`, ""},
		{"limit=0", nil, 422, `"field":"limit"`, ""},
		{"", fmt.Errorf("query: %w", clickhouse.ErrUnavailable), 503, `"code":"engine_unavailable"`, "2"},
		{"", &clickhouse.Error{Code: 159, Name: "TIMEOUT_EXCEEDED"}, 422, `"limit":"query.timeout","limit_value":15`, ""},
		{"", &clickhouse.Error{Code: 241, Name: "MEMORY_LIMIT_EXCEEDED"}, 422, `"limit":"query.memory"`, ""},
		{"", &clickhouse.Error{Code: 241, Name: "MEMORY_LIMIT_EXCEEDED", Message: "(total) memory limit exceeded"}, 503, `"limit":"engine.memory"`, "2"},
		{"", &clickhouse.Error{Code: 47, Message: "Unknown weir.events"}, 500, `"code":"internal"`, ""},
		{"", errors.New("secret"), 500, `"code":"internal"`, ""},
	} {
		e := &fakeEngine{answers: []fakeAnswer{{rows: `[[1,0,0]]`, err: c.err}}}
		status, head, body := call(t, serve(newReporter(t, e, clk, Config{}), acmeViewer), "GET", "/api/v1/analytics/site/report?"+c.query, "")
		if status != c.status || !strings.Contains(body, c.code) || head.Get("Retry-After") != c.header ||
			!strings.HasPrefix(head.Get("Content-Type"), "application/problem+json") || strings.Contains(body, "secret") || strings.Contains(body, "weir.") {
			t.Errorf("%s, %v: %d %v %s", c.query, c.err, status, head, body)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("weir", "1"))
	Register(api, newReporter(t, &fakeEngine{}, clock{}, Config{}))
	b, err := api.OpenAPI().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"/api/v1/analytics/{site_id}/report"`, `"/api/v1/analytics/{site_id}/realtime"`, `"group_by"`, `"complete_until"`, `"active_users"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the description lacks %s", want)
		}
	}
	for _, want := range []struct {
		path, name         string
		least, most, given float64
	}{
		{"report", "limit", 1, 10000, 1000}, {"report", "offset", 0, 100000, 0}, {"events", "limit", 1, 500, 50}, {"sessions", "limit", 1, 500, 50}, {"values", "limit", 1, 200, 20},
		{"paths", "limit", 1, 50, 5}, {"paths", "depth", 1, 10, 3}, {"retention", "periods", 1, 100, 12},
	} {
		var found int
		for _, p := range api.OpenAPI().Paths[basePath+"/"+want.path].Get.Parameters {
			if p.Name != want.name {
				continue
			}
			found++
			if p.Schema.Type != huma.TypeInteger || *p.Schema.Minimum != want.least || *p.Schema.Maximum != want.most || fmt.Sprint(p.Schema.Default) != fmt.Sprint(want.given) || p.Description == "" {
				t.Errorf("%s of %s: %+v", want.name, want.path, p.Schema)
			}
		}
		if found != 1 {
			t.Errorf("%s of %s is there %d times", want.name, want.path, found)
		}
	}
}

// TestRealtime asks the real engine.
func TestRealtime(t *testing.T) {
	c := testkit.Engine(t)
	at := func(back time.Duration) string { return noon.Add(-back).Format("2006-01-02 15:04:05.000") }
	for _, e := range []struct {
		tenant, site, typ, client, url string
		back                           time.Duration
	}{
		{"now", "site", "pageview", "a", "https://x/1", 5 * time.Second},
		{"now", "site", "pageview", "b", "https://x/1", 30 * time.Second},
		{"now", "site", "pageview", "b", "https://x/2", 9 * time.Second},
		{"now", "site", "click", "c", "https://x/3", 8 * time.Second},
		{"now", "site", "pageview", "d", "https://x/4", 2 * time.Minute},
		{"now", "site", "pageview", "", "https://x/2", 59 * time.Second},
		{"now", "site", "pageview", "e", "https://x/5", 6 * time.Minute},
		{"now", "site", "pageview", "f", "https://x/6", -time.Hour}, // in the future
		{"now", "elsewhere", "pageview", "g", "https://x/7", time.Second},
		{"later", "site", "pageview", "h", "https://x/8", time.Second},
	} {
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, site_id, ts, type, client_id, url) SELECT '%s', '%s', '%s', '%s', '%s', '%s'", e.tenant, e.site, at(e.back), e.typ, e.client, e.url))
	}
	testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, site_id, ts, type, client_id, url, is_bot) SELECT 'now', 'site', '%s', 'pageview', 'bot', 'https://x/1', true", at(time.Second)))
	got, err := newReporter(t, c, clock{asOf: noon}, Config{}).Now(context.Background(), "now", "site")
	if err != nil {
		t.Fatal(err)
	}
	want := Realtime{ActiveUsers: 4, EventsPerSec: 0.3, TopPages: []Page{{"https://x/1", 2}, {"https://x/2", 2}}, AsOf: "2026-03-10T12:00:00.000Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
}

// TestStatementsRun runs the statements of odd questions on the real engine: names and values that SQL would trip over.
func TestStatementsRun(t *testing.T) {
	c := testkit.Engine(t)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, path, props) SELECT 'odd', 'odd', '2026-03-09 10:00:00', 'pageview', 'a\'b\\c\td\ne|f', map('pl\'an', 'x\ty', 'p.q', '{}')`)
	src := testSources["site"]
	src.Tenant, src.SiteID = "odd", "odd"
	r := newReporter(t, c, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{Rollups: []rollup.Rollup{}})
	for _, c := range []struct {
		ask  ask
		want string
	}{
		{ask{GroupBy: []string{"props.pl'an", "path"}}, `[{"props.pl'an":"x\ty","path":"a'b\\c\td\ne|f","events":1}]`},
		{ask{Filter: []string{"path:a'b\\\\c\td\ne\\|f"}}, `[{"events":1}]`},
		{ask{Filter: []string{"path:~\\\\c\td"}}, `[{"events":1}]`},
		{ask{Filter: []string{"props.pl'an:x\ty", "props.p.q:{}"}}, `[{"events":1}]`},
		{ask{Filter: []string{"path:' OR 1 = 1 --"}}, `[{"events":0}]`},
		{ask{Filter: []string{"path:~') OR 1 = 1 --", "path:\\"}}, `[{"events":0}]`},
		{ask{GroupBy: []string{"props.nothing"}}, `[{"props.nothing":"","events":1}]`},
		{ask{GroupBy: []string{"country"}, From: "1d"}, `[]`},
	} {
		if c.ask.From == "" {
			c.ask.From = "2d"
		} else {
			c.ask.From, c.ask.To = "2026-02-01", "2026-02-02"
		}
		q, p := c.ask.question(src, noon, time.LoadLocation)
		if p != nil {
			t.Fatal(p)
		}
		rows, err := r.Answer(context.Background(), q)
		if err != nil {
			t.Errorf("%+v: %v", c.ask, err)
			continue
		}
		b, err := json.Marshal(rows)
		if err != nil || string(b) != c.want {
			t.Errorf("%+v: %s, want %s", c.ask, b, c.want)
		}
	}
}
