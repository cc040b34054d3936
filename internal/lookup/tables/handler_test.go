package tables

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

func TestPutAnswers(t *testing.T) {
	f := newFixture(t, &fakeEngine{})
	w := f.want(201, f.put("acme/lookups/stores", "id,region\nb1,north\nb2,\n"))
	if w.Header().Get("Location") != "/api/v1/tenants/acme/lookups/stores" {
		t.Errorf("Location is %q", w.Header().Get("Location"))
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["updated"] == "" {
		t.Error("no time")
	}
	delete(got, "updated")
	want := map[string]any{"name": "stores", "rows": 2., "bytes": float64(len("b1northb2") + 4*8), "columns": []any{map[string]any{"name": "id", "type": "String"}, map[string]any{"name": "region", "type": "Nullable(String)"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	f.want(200, f.put("acme/lookups/stores", "id\nb1\n"))
	f.want(201, f.do(operator, "PUT", "acme/lookups/codes", `[{"id":1}]`))
	var list struct {
		Lookups []struct {
			Name string
			Rows int
		}
	}
	if err := json.Unmarshal(f.want(200, f.do(analyst, "GET", "acme/lookups", "")).Body.Bytes(), &list); err != nil || fmt.Sprint(list.Lookups) != "[{codes 1} {stores 1}]" {
		t.Errorf("%v, %v", list, err)
	}
	if body := f.want(200, f.do(operator, "GET", "other/lookups", "")).Body.String(); !strings.Contains(body, `"lookups":[]`) {
		t.Error(body)
	}
	f.want(204, f.do(admin, "DELETE", "acme/lookups/codes", ""))
	f.wantProblem(404, "unknown_lookup", `"codes"`, f.do(admin, "DELETE", "acme/lookups/codes", ""))
	f.wantProblem(404, "unknown_lookup", `"codes"`, f.do(admin, "GET", "acme/lookups/codes", ""))
}

func TestWhoMay(t *testing.T) {
	f := newFixture(t, &fakeEngine{})
	f.want(201, f.put("acme/lookups/stores", "id\na\n"))
	who := func(role tenant.Role, t tenant.ID) tenant.Principal {
		return tenant.Principal{Tenant: t, Role: role, KeyID: "k"}
	}
	for _, p := range []tenant.Principal{who(tenant.RoleWriter, "acme"), who(tenant.RoleViewer, "acme"), who(tenant.RoleAnalyst, "acme"), who(tenant.RoleAdmin, "other"), {}} {
		for _, method := range []string{"PUT", "DELETE"} {
			if w := f.do(p, method, "acme/lookups/stores", "id\na\n"); w.Code != 403 {
				t.Errorf("%v may %s: %d", p, method, w.Code)
			}
		}
		if w := f.do(p, "GET", "acme/lookups/stores", ""); w.Code != 403 && !(p.Role == tenant.RoleAnalyst && p.Tenant == "acme") {
			t.Errorf("%v may read: %d", p, w.Code)
		}
		if w := f.do(p, "GET", "acme/lookups", ""); w.Code != 403 && !(p.Role == tenant.RoleAnalyst && p.Tenant == "acme") {
			t.Errorf("%v may list: %d", p, w.Code)
		}
	}
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		f.wantProblem(404, "not_found", "none", f.do(operator, method, "none/lookups/stores", "id\na\n"))
	}
	f.wantProblem(404, "not_found", "none", f.do(operator, "GET", "none/lookups", ""))
	if n := len(f.tables.Lookups("acme")); n != 1 {
		t.Errorf("%d tables", n)
	}
}

func TestRequestsRefused(t *testing.T) {
	f := newFixture(t, &fakeEngine{})
	for _, name := range []string{"Stores", "_l", "2x", "a-b", "st%C3%B6re", "a'b", strings.Repeat("a", 64), "a%20b", "%00"} {
		if p := f.wantProblem(422, "invalid_field", "no name of a lookup table", f.put("acme/lookups/"+name, "id\na\n")); p.Field != "name" {
			t.Errorf("%s: field %q", name, p.Field)
		}
	}
	f.wantProblem(422, "invalid_field", "cannot be called events: it is taken", f.put("acme/lookups/events", "id\na\n"))
	for query, detail := range map[string]string{"format=xml": `"xml" is none of`, "delimiter=%22": "is no delimiter", "delimiter=ab": "is no delimiter", "delimiter=": "is no delimiter", "type=id": "not column:type", "type=:String": "not column:type",
		"type=id:String&type=id:Int64": "two types", "type=no:String": `no column "no"`, "type=id:Text": `"Text" is no type`} {
		f.wantProblem(422, "invalid_field", detail, f.put("acme/lookups/stores?"+query, "id\na\n"))
	}
	f.wantProblem(422, "unknown_parameter", "parameter types is not known", f.put("acme/lookups/stores?types=id:String", "id\na\n"))
	f.wantProblem(422, "duplicate_parameter", "parameter delimiter is given 2 times", f.put("acme/lookups/stores?delimiter=%3B&delimiter=,", "id\na\n"))
	f.wantProblem(422, "duplicate_parameter", "parameter format is given 2 times", f.put("acme/lookups/stores?format=ndjson&format=csv", "id\na\n"))
	f.wantProblem(422, "duplicate_parameter", "parameter format is given 2 times", f.do(admin, "GET", "acme/lookups/stores?format=csv&format=tsv", ""))
	f.wantProblem(422, "unknown_parameter", "parameter limit", f.do(admin, "GET", "acme/lookups/stores?limit=1", ""))
	f.wantProblem(422, "invalid_field", "neither csv nor ndjson", f.do(admin, "GET", "acme/lookups/stores?format=json", ""))
	f.wantProblem(415, "unsupported_encoding", `"br"`, f.put("acme/lookups/stores", "id\na\n", "Content-Encoding", "br"))
	f.wantProblem(400, "malformed_upload", "not valid gzip", f.put("acme/lookups/stores", "id\na\n", "Content-Encoding", "gzip"))
	f.wantProblem(400, "malformed_upload", "empty", f.put("acme/lookups/stores", ""))
	for i := range 3 {
		f.want(201, f.put(fmt.Sprintf("acme/lookups/t%d", i), "id\na\n"))
	}
	if p := f.wantProblem(422, "too_many_lookups", "3 lookup tables already", f.put("acme/lookups/t4", "id\na\n")); p.Limit != "lookups.max_tables" || p.LimitValue != 3 {
		t.Errorf("limit %q, %v", p.Limit, p.LimitValue)
	}
	f.want(200, f.put("acme/lookups/t1", "id\nb\n")) // another version of one of them
}

// An export whose rows do not come, or are not read, ends.
func TestExportEnds(t *testing.T) {
	defer func(d time.Duration) { exportTime = d }(exportTime)
	exportTime = 20 * time.Millisecond
	f := newFixture(t, &fakeEngine{hangs: true})
	f.want(201, f.put("acme/lookups/stores", "id\na\n"))
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Errorf("it ended with %v", r)
		}
	}()
	f.do(admin, "GET", "acme/lookups/stores", "")
}

func TestBodies(t *testing.T) {
	f := newFixture(t, &fakeEngine{})
	for name, tc := range map[string]struct{ query, body, kind, encoding, want string }{
		"csv":             {"", "id;n\na;1\n", "text/csv", "", ""},
		"delimiter":       {"?delimiter=semicolon", "id;n\na;1\n", "text/csv; charset=utf-8", "", "id String, n Int64"},
		"tabs":            {"", "id\tn\na\t1\n", "text/tab-separated-values", "", "id String, n Int64"},
		"named tab":       {"?delimiter=tab", "id\tn\na\t1\n", "", "", "id String, n Int64"},
		"form of curl":    {"", "id,n\na,1\n", "application/x-www-form-urlencoded", "", "id String, n Int64"},
		"json":            {"", `[{"id":"a"}]`, "application/json", "", "id String"},
		"ndjson":          {"", "{\"id\":\"a\"}\n{\"id\":\"b\"}", "application/x-ndjson", "", "id String"},
		"gzip":            {"", zipped("id,n\na,1\n"), "", "gzip", "id String, n Int64"},
		"types":           {"?type=n:Nullable(Float64)&type=id:String", "id,n\n7,1\n", "", "", "id String, n Nullable(Float64)"},
		"colon in column": {"?type=a:b:String", "a:b\n7\n", "", "", "a:b String"},
	} {
		w := f.put("acme/lookups/stores"+tc.query, tc.body, "Content-Type", tc.kind, "Content-Encoding", tc.encoding)
		var got struct{ Columns []lookupColumn }
		_ = json.Unmarshal(w.Body.Bytes(), &got)
		var cols []string
		for _, c := range got.Columns {
			cols = append(cols, c.Name+" "+c.Type)
		}
		if s := strings.Join(cols, ", "); s != tc.want || (w.Code < 300) != (tc.want != "") {
			t.Errorf("%s: %d %s: %s", name, w.Code, s, w.Body)
		}
	}
	// A bomb meets the same bound as what is not compressed.
	f.wantProblem(413, "body_too_large", "", f.put("acme/lookups/stores", zipped("id\n"+strings.Repeat("\n", 40<<20)), "Content-Encoding", "gzip"))
	// So does one that unpacks to nothing, without end.
	f.wantProblem(413, "body_too_large", "", f.put("acme/lookups/stores", strings.Repeat(zipped(""), 2<<20), "Content-Encoding", "gzip"))
	r := httptest.NewRequest("PUT", "/api/v1/tenants/acme/lookups/stores", iotest.ErrReader(errors.New("reset")))
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), admin)))
	f.wantProblem(500, "internal", "", w)
}

// Every change, also one that is refused, and what takes data out is in the audit log before the caller knows.
func TestAudited(t *testing.T) {
	f := newFixture(t, &fakeEngine{})
	f.want(201, f.put("acme/lookups/stores", "id\nsecret value\n"))
	f.put("acme/lookups/stores", "id,id\n")
	f.do(analyst, "PUT", "acme/lookups/stores", "id\na\n")
	f.do(operator, "PUT", "other/lookups/stores", "id\na\n")
	f.do(analyst, "GET", "acme/lookups/none", "")
	var got []string
	for _, e := range f.audit.all {
		got = append(got, fmt.Sprint(e.Tenant, " ", e.Actor, " ", e.Role, " ", e.Action, " ", e.Target, " ", e.Outcome))
		if strings.Contains(e.Text, "secret value") {
			t.Errorf("the log has the rows: %s", e.Text)
		}
	}
	want := []string{"acme key:k admin put-lookup /api/v1/tenants/acme/lookups/stores ok", "acme key:k admin put-lookup /api/v1/tenants/acme/lookups/stores malformed_upload",
		"acme key:a analyst put-lookup /api/v1/tenants/acme/lookups/stores forbidden", "other key:operator operator put-lookup /api/v1/tenants/other/lookups/stores ok",
		"acme key:a analyst export-lookup /api/v1/tenants/acme/lookups/none unknown_lookup"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !strings.Contains(f.audit.all[0].Text, `"rows":1`) || !strings.Contains(f.audit.all[0].Text, `"name":"id"`) {
		t.Errorf("text is %s", f.audit.all[0].Text)
	}
	f.audit.fail = errBoom
	f.wantProblem(503, "audit_unavailable", "ended with ok", f.put("acme/lookups/stores", "id\nb\n"))
	f.wantProblem(503, "audit_unavailable", "unknown_lookup", f.do(admin, "GET", "acme/lookups/none", ""))
}

func TestCharged(t *testing.T) {
	f := newFixture(t, &fakeEngine{})
	body := "id\na\n"
	f.put("acme/lookups/stores", body)
	f.do(operator, "PUT", "other/lookups/stores", zipped(body), "Content-Encoding", "gzip")
	f.put("acme/lookups/stores", "id,id\n")
	if len(f.sink.all) != 3 {
		t.Fatalf("%v", f.sink.all)
	}
	for i, want := range []struct {
		tenant tenant.ID
		in     int
	}{{"acme", len(body)}, {"other", len(zipped(body))}, {"acme", 6}} {
		if r := f.sink.all[i]; r.Tenant != want.tenant || r.Kind != usage.KindControl || int(r.BytesIn) != want.in || r.Count != 1 || r.User == "" {
			t.Errorf("%d: %+v", i, r)
		}
	}
}

// What the engine does for a table waits for the tenant's turn, and what becomes of it, the place is given back.
func TestAdmitted(t *testing.T) {
	e := &fakeEngine{}
	f := newFixture(t, e)
	f.want(201, f.put("acme/lookups/stores", "id\n"+strings.Repeat("a\n", 1000)))
	f.want(200, f.do(analyst, "GET", "acme/lookups/stores", ""))
	for i, s := range e.settings {
		if s["priority"] != "5" {
			t.Errorf("%d: settings %v", i, s)
		}
	}
	e.err = errBoom
	f.put("acme/lookups/stores", "id\na\n")
	f.do(analyst, "GET", "acme/lookups/stores", "")
	if len(f.gate.asked) != 4 || len(f.gate.done) != 4 {
		t.Fatalf("asked %v, done %v", f.gate.asked, f.gate.done)
	}
	if q := f.gate.asked[0]; q.Tenant != "acme" || q.Kind != usage.KindControl || q.Measured == nil || q.Measured.CPU != 9000*cpuPerByte {
		t.Errorf("%+v", q)
	}
	if r := f.gate.done[0]; !r.Partial || r.Tenant != "acme" {
		t.Errorf("%+v", r)
	}
	n := len(e.sql)
	f.gate.refuse = problem.New(429, "over_limit", "too much")
	f.wantProblem(429, "over_limit", "too much", f.put("acme/lookups/stores", "id\na\n"))
	f.wantProblem(429, "over_limit", "too much", f.do(analyst, "GET", "acme/lookups/stores", ""))
	if len(e.sql) != n || len(f.tables.pins)+len(f.tables.writing) != 0 {
		t.Errorf("the engine was asked, or something is kept: %v", f.tables.pins)
	}
}

func TestDescribed(t *testing.T) {
	names := map[string]bool{}
	for _, op := range operations() {
		names[op.OperationID] = true
		if op.Summary == "" || len(op.Responses) == 0 || len(op.Parameters) < 3 {
			t.Errorf("%s is not described", op.OperationID)
		}
	}
	if !names["put-lookup"] || !names["export-lookup"] {
		t.Errorf("%v", names)
	}
}
