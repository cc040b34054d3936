package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"

	"weir/internal/audit"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// fakeAudit keeps entries in memory.
type fakeAudit struct {
	mu       sync.Mutex
	appended []audit.Entry
	gathered []audit.Entry
	asked    audit.Question
	err      error
	damaged  error // of reads
}

func (f *fakeAudit) Append(_ context.Context, e audit.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.appended = append(f.appended, e)
	return nil
}

func (f *fakeAudit) Record(e audit.Entry) { _ = f.Append(context.Background(), e) }

func (f *fakeAudit) Gather(e audit.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gathered = append(f.gathered, e)
}

func (f *fakeAudit) List(_ context.Context, q audit.Question) (audit.Page, error) {
	f.asked = q
	if f.damaged != nil {
		return audit.Page{}, f.damaged
	}
	if q.Before == 0 {
		return audit.Page{Entries: []audit.Entry{{Seq: 2, Action: "x", Text: "=1+1"}}, Next: 2}, nil
	}
	return audit.Page{Entries: []audit.Entry{{Seq: 1, Action: "y"}}}, nil
}

func (f *fakeAudit) Verify(_ context.Context, kept audit.Head) (audit.Verdict, error) {
	return audit.Verdict{OK: kept.Seq == 0, Findings: []audit.Finding{}}, nil
}

func (f *fakeAudit) Head() audit.Head { return audit.Head{Seq: 2, Hash: "ff"} }

// take returns what was appended and gathered, and forgets it.
func (f *fakeAudit) take() []audit.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := append(f.appended, f.gathered...)
	f.appended, f.gathered = nil, nil
	return all
}

// last returns the last entry that was appended, and forgets all.
func (f *fakeAudit) last(t *testing.T) audit.Entry {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.appended) != 1 {
		t.Fatalf("%d entries, want 1: %+v", len(f.appended), f.appended)
	}
	e := f.appended[0]
	f.appended = nil
	e.Request = ""
	return e
}

func TestRotateKey(t *testing.T) {
	f := newFixture(t)
	admin := f.keys["admin"]
	made := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", admin, `{"role":"analyst","name":"Ann"}`))
	path := "/api/v1/tenants/acme/keys/" + made["id"].(string) + "/rotate"
	w := f.do("POST", path, admin, `{"overlap":"2h"}`)
	next := f.want(201, w)
	if next["role"] != "analyst" || next["name"] != "Ann" || next["key"] == made["key"] || !strings.HasPrefix(next["key"].(string), "wk_n_") || w.Header().Get("Location") == "" {
		t.Errorf("got %v", next)
	}
	for _, key := range []string{made["key"].(string), next["key"].(string)} { // both are known: 403 is for their role
		f.wantProblem(f.do("GET", "/api/v1/tenants/acme/keys", key, ""), 403, "forbidden", "", "admin")
	}
	for _, k := range f.want(200, f.do("GET", "/api/v1/tenants/acme/keys", admin, ""))["keys"].([]any) {
		k := k.(map[string]any)
		if k["id"] != made["id"] {
			continue
		}
		if at, err := time.Parse(time.RFC3339, k["expires"].(string)); err != nil || time.Until(at) > 2*time.Hour || time.Until(at) < time.Hour {
			t.Errorf("the old key is %v", k)
		}
	}
	// It has one successor: which one, and until when it works itself, is told, whatever the request says about its end.
	for _, body := range []string{"", `{"never":true}`, `{"overlap":"0","expires":"2099-01-01T00:00:00Z"}`} {
		f.wantProblem(f.do("POST", path, admin, body), 409, "rotated", "", `rotated already: "`+next["id"].(string)+`" replaces it, and it works until 20`)
	}
	f.want(204, f.do("DELETE", "/api/v1/tenants/acme/keys/"+next["id"].(string), admin, ""))
	// Without a body the overlap is a day; 0 ends the old key at once.
	f.wantProblem(f.do("POST", path, admin, ""), 422, "invalid_field", "expires", "never") // it has an end now, and so must its successor, unless that is said
	f.wantProblem(f.do("POST", path, admin, `{"never":true,"expires":"2099-01-01T00:00:00Z"}`), 422, "invalid_field", "never", "expires")
	if k := f.want(201, f.do("POST", path, admin, `{"overlap":"0","expires":"2099-01-01T00:00:00Z"}`)); k["expires"] != "2099-01-01T00:00:00Z" {
		t.Errorf("got %v", k)
	}
	f.wantProblem(f.do("GET", "/api/v1/tenants/acme/keys", made["key"].(string), ""), 401, "key_expired", "", "expired")
	for _, ahead := range []string{"90d", "12w6d"} {
		k := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", admin, `{"role":"viewer","expires":"`+ahead+`"}`))
		if at, err := time.Parse(time.RFC3339, k["expires"].(string)); err != nil || time.Until(at) > 90*24*time.Hour || time.Until(at) < 90*24*time.Hour-time.Minute {
			t.Errorf("%s: %v", ahead, k)
		}
	}
	f.wantProblem(f.do("POST", "/api/v1/tenants/acme/keys", admin, `{"role":"viewer","expires":""}`), 422, "invalid_field", "expires", "a length such as 90s")
	f.wantProblem(f.do("POST", path, admin, `{"overlap":"91d"}`), 422, "invalid_field", "overlap", "90d")
	f.wantProblem(f.do("POST", path, admin, `{"overlap":"1"}`), 422, "invalid_field", "overlap", "unit")
	f.wantProblem(f.do("POST", path, admin, `{"expires":"2001-01-01T00:00:00Z"}`), 422, "invalid_field", "expires", "past")
	f.wantProblem(f.do("POST", "/api/v1/tenants/acme/keys/none/rotate", admin, ""), 404, "not_found", "", "none")
	f.wantProblem(f.do("POST", strings.Replace(path, "acme", "other", 1), admin, ""), 403, "wrong_tenant", "tenant", "acme")
	f.wantProblem(f.do("POST", path, f.keys["analyst"], ""), 403, "forbidden", "", "admin")
}

func TestOperatorKeys(t *testing.T) {
	f := newFixture(t)
	const path = "/api/v1/operators/keys"
	made := f.want(201, f.do("POST", path, operator, `{"name":"Olga"}`))
	second := made["key"].(string)
	if made["role"] != "operator" || !strings.HasPrefix(second, "wk_o_") {
		t.Errorf("got %v", made)
	}
	f.want(200, f.do("GET", "/api/v1/tenants", second, "")) // it may what the token may
	list := f.do("GET", path, second, "").Body.String()
	if !strings.Contains(list, "Olga") || strings.Contains(list, second) {
		t.Errorf("list is %s", list)
	}
	third := f.want(201, f.do("POST", path+"/"+made["id"].(string)+"/rotate", second, `{"overlap":"1h"}`))
	f.want(204, f.do("DELETE", path+"/"+made["id"].(string), third["key"].(string), ""))
	f.wantProblem(f.do("GET", "/api/v1/tenants", second, ""), 401, "unknown_key", "", "")
	for _, key := range []string{f.keys["admin"], f.keys["writer"]} {
		f.wantProblem(f.do("GET", path, key, ""), 403, "forbidden", "", "operator")
		f.wantProblem(f.do("POST", path, key, `{"name":"x"}`), 403, "forbidden", "", "operator")
		f.wantProblem(f.do("DELETE", path+"/x", key, ""), 403, "forbidden", "", "operator")
		f.wantProblem(f.do("POST", path+"/x/rotate", key, ""), 403, "forbidden", "", "operator")
	}
	f.wantProblem(f.do("POST", "/api/v1/tenants/acme/keys", operator, `{"role":"operator"}`), 422, "invalid_field", "role", "")
}

func TestUsers(t *testing.T) {
	f := newFixture(t)
	admin := f.keys["admin"]
	const path = "/api/v1/tenants/acme/users"
	w := f.do("POST", path, admin, `{"email":"Ann@example.com","name":"Ann","role":"analyst","password":"correct horse"}`)
	got := f.want(201, w)
	id := got["id"].(string)
	delete(got, "created")
	want := map[string]any{"id": id, "email": "Ann@example.com", "name": "Ann", "role": "analyst", "password": true}
	if d := cmp.Diff(want, got); d != "" || w.Header().Get("Location") != path+"/"+id {
		t.Error(d, w.Header())
	}
	f.wantProblem(f.do("POST", path, admin, `{"email":"ann@EXAMPLE.com","role":"viewer"}`), 409, "exists", "email", "ann@EXAMPLE.com")
	f.wantProblem(f.do("POST", path, admin, `{"email":"bob@example.com","role":"viewer","password":"short"}`), 422, "invalid_field", "password", "12")
	f.wantProblem(f.do("POST", path, admin, `{"email":"Bob <bob@example.com>","role":"viewer"}`), 422, "invalid_field", "email", "ann@example.com")
	f.wantProblem(f.do("POST", path, admin, `{"email":"bob@example.com","role":"operator"}`), 422, "invalid_field", "role", "")
	f.wantProblem(f.do("POST", path, f.keys["analyst"], `{"email":"bob@example.com","role":"viewer"}`), 403, "forbidden", "", "admin")
	f.wantProblem(f.do("POST", path, f.keys["other"], `{"email":"bob@example.com","role":"viewer"}`), 403, "wrong_tenant", "tenant", "")
	got = f.want(200, f.do("PATCH", path+"/"+id, admin, `{"role":"viewer","password":""}`))
	if got["role"] != "viewer" || got["password"] != false || got["name"] != "Ann" {
		t.Errorf("got %v", got)
	}
	f.wantProblem(f.do("PATCH", path+"/"+id, admin, `{"password":"ann@example.com"}`), 422, "invalid_field", "password", "email")
	if list := f.want(200, f.do("GET", path, admin, ""))["users"].([]any); len(list) != 1 {
		t.Errorf("list is %v", list)
	}
	f.want(204, f.do("DELETE", path+"/"+id, admin, ""))
	f.wantProblem(f.do("DELETE", path+"/"+id, admin, ""), 404, "not_found", "", id)

	const ops = "/api/v1/operators/users"
	id = f.want(201, f.do("POST", ops, operator, `{"email":"op@example.com"}`))["id"].(string)
	f.wantProblem(f.do("PATCH", ops+"/"+id, operator, `{"role":"viewer"}`), 422, "invalid_field", "role", "no other role")
	f.want(200, f.do("PATCH", ops+"/"+id, operator, `{"name":"Olga"}`))
	for _, m := range []string{"GET", "POST"} {
		f.wantProblem(f.do(m, ops, admin, map[string]string{"POST": `{"email":"x@example.com"}`}[m]), 403, "forbidden", "", "operator")
	}
	f.want(204, f.do("DELETE", ops+"/"+id, operator, ""))
}

// What changes something is recorded before it is answered, without secrets.
func TestAudited(t *testing.T) {
	f := newFixture(t)
	f.audit.appended = nil
	f.want(201, f.do("POST", "/api/v1/tenants/acme/users", f.keys["admin"], `{"email":"ann@example.com","role":"viewer","password":"correct horse"}`))
	e := f.audit.last(t)
	if !strings.HasPrefix(e.Target, "/api/v1/tenants/acme/users/u_") {
		t.Errorf("the target is %s", e.Target)
	}
	e.Target = ""
	if !strings.HasPrefix(e.Actor, "key:k_") {
		t.Errorf("the actor is %s", e.Actor)
	}
	e.Actor = ""
	want := audit.Entry{Tenant: "acme", Role: "admin", Action: "create-user", Text: `{"email":"ann@example.com","password":"***","role":"viewer"}`,
		From: "192.0.2.1", Door: "api", Outcome: audit.OK}
	if d := cmp.Diff(want, e); d != "" {
		t.Error(d)
	}
	// Of a key that is replaced both are named.
	made := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", operator, `{"role":"viewer"}`))
	next := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys/"+made["id"].(string)+"/rotate", operator, ""))
	f.audit.appended = f.audit.appended[1:]
	if e := f.audit.last(t); e.Target != fmt.Sprintf("/api/v1/tenants/acme/keys/%s replaced by %s", made["id"], next["id"]) {
		t.Errorf("the target is %s", e.Target)
	}
	for _, tc := range []struct {
		method, path, key, body string
		status                  int
		want                    audit.Entry
	}{
		{"DELETE", "/api/v1/tenants/acme/keys/none", operator, "", 404,
			audit.Entry{Tenant: "acme", Actor: "key:operator", Role: "operator", Action: "delete-key", Target: "/api/v1/tenants/acme/keys/none", Outcome: "not_found"}},
		{"DELETE", "/api/v1/operator/retired-names/shop.example", operator, "", 404,
			audit.Entry{Actor: "key:operator", Role: "operator", Action: "release-name", Target: "/api/v1/operator/retired-names/shop.example", Outcome: "not_found"}},
		{"DELETE", "/api/v1/tenants/other/sources/x", f.keys["web"], "", 403,
			audit.Entry{Tenant: "acme", Actor: "key:write:web", Role: "writer", Action: "delete-source", Target: "/api/v1/tenants/other/sources/x", Outcome: "forbidden"}},
		{"POST", "/api/v1/tenants/acme/users", operator, `{"email":"x","password":{"value":"correct","x":["horse"]}}`, 422,
			audit.Entry{Tenant: "acme", Actor: "key:operator", Role: "operator", Action: "create-user", Target: "/api/v1/tenants/acme/users",
				Text: `{"email":"x","password":{"value":"***","x":["***"]}}`, Outcome: "invalid_field"}},
		{"POST", "/api/v1/tenants", operator, `{"id":`, 400,
			audit.Entry{Actor: "key:operator", Role: "operator", Action: "create-tenant", Target: "/api/v1/tenants", Text: "(a body that is not recorded)", Outcome: "malformed_json"}},
	} {
		if w := f.do(tc.method, tc.path, tc.key, tc.body); w.Code != tc.status {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, w.Code, w.Body)
		}
		tc.want.From, tc.want.Door = "192.0.2.1", "api"
		if d := cmp.Diff(tc.want, f.audit.last(t)); d != "" {
			t.Error(d)
		}
	}
	// Reading is not recorded; taking out is.
	f.want(200, f.do("GET", "/api/v1/tenants/acme/keys", operator, ""))
	if len(f.audit.appended) != 0 {
		t.Errorf("a look is recorded: %v", f.audit.appended)
	}
	w := f.do("GET", "/api/v1/audit/export?format=csv", f.keys["admin"], "")
	if w.Code != 200 || strings.Count(w.Body.String(), "\n") != 3 || !strings.Contains(w.Body.String(), "'=1+1") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if e := f.audit.last(t); e.Action != "export-audit" || e.Tenant != "acme" {
		t.Errorf("got %+v", e)
	}
	// What cannot be recorded is not answered.
	f.audit.err = errors.New("no disk")
	w = f.do("POST", "/api/v1/tenants/acme/keys", operator, `{"role":"viewer"}`)
	f.wantProblem(w, 503, "audit_unavailable", "", "status 201")
	if strings.Contains(w.Body.String(), "wk_v_") || w.Header().Get("Location") != "" {
		t.Error("the withheld answer is sent")
	}
}

// What takes data out is recorded before its first byte, and not answered when that fails.
func TestTakingOutIsRecorded(t *testing.T) {
	f := newFixture(t)
	var seen int // entries that there were at the first byte
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "get-job-result", Method: http.MethodGet, Path: "/jobs/{id}/result"},
		func(_ context.Context, in *struct {
			ID string `path:"id"`
		}) (*huma.StreamResponse, error) {
			if in.ID == "none" {
				return nil, problem.New(404, "job_not_found", "no")
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				_, w := humago.Unwrap(hc)
				w.Header().Set("Content-Length", "6")
				_, _ = w.Write([]byte("rows"))
				seen = len(f.audit.appended)
				if in.ID == "torn" {
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write([]byte("!\n"))
			}}, nil
		})
	f.api.Mux().Handle("GET /costs", f.api.Exported(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "bad" {
			problem.New(422, "bad_format", "no").Write(w)
			return
		}
		_, _ = w.Write([]byte("rows!\n"))
		seen = len(f.audit.appended)
	})))
	plain := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", path, nil)
		f.handler.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, KeyID: "k1"})))
		return w
	}
	operation := func(path string) *httptest.ResponseRecorder { return f.do("GET", path, f.keys["analyst"], "") }
	for _, tc := range []struct {
		do                    func(string) *httptest.ResponseRecorder
		path, action, outcome string
		status                int
	}{
		{operation, "/jobs/j1/result", "get-job-result", audit.OK, 200},
		{operation, "/jobs/none/result", "get-job-result", "job_not_found", 404},
		{operation, "/jobs/torn/result", "get-job-result", audit.OK, 200},
		{plain, "/costs", audit.Export, audit.OK, 200},
		{plain, "/costs?bad", audit.Export, "bad_format", 422},
	} {
		f.audit.appended, seen = nil, 0
		w := func() (w *httptest.ResponseRecorder) {
			defer func() {
				if v := recover(); v != nil && v != http.ErrAbortHandler {
					panic(v)
				}
			}()
			return tc.do(tc.path)
		}()
		if w != nil && (w.Code != tc.status || tc.status == 200 && w.Body.String() != "rows!\n") {
			t.Errorf("%s: %d %s", tc.path, w.Code, w.Body)
		}
		target, _, _ := strings.Cut(tc.path, "?")
		if e := f.audit.last(t); e.Action != tc.action || e.Outcome != tc.outcome || e.Target != target || e.Tenant != "acme" || e.From != "192.0.2.1" || e.Actor == "" {
			t.Errorf("%s: recorded %+v", tc.path, e)
		}
		if tc.status == 200 && seen != 1 {
			t.Errorf("%s: the first byte is out before the entry is durable", tc.path)
		}
	}
	f.audit.err = errors.New("no disk")
	for _, w := range []*httptest.ResponseRecorder{operation("/jobs/j1/result"), plain("/costs"), operation("/jobs/none/result")} {
		if strings.Contains(w.Body.String(), "rows") {
			t.Errorf("what could not be recorded is sent: %s", w.Body)
		}
		if w.Code == 404 {
			continue // it holds nothing
		}
		f.wantProblem(w, 503, "audit_unavailable", "", "nothing was sent")
		if w.Header().Get("Content-Length") == "6" {
			t.Error("the problem has the length of the result")
		}
	}
}

// An operation that panics may have changed something: it is recorded too.
func TestPanicIsRecorded(t *testing.T) {
	f := newFixture(t)
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "break-things", Method: http.MethodPost, Path: "/break"},
		func(context.Context, *struct{}) (*struct{}, error) { panic("broken") })
	f.audit.appended = nil
	f.wantProblem(f.do("POST", "/break", f.keys["admin"], `{"password":"x"}`), 500, "internal", "", "")
	if e := f.audit.last(t); e.Action != "break-things" || e.Outcome != "internal" || strings.Contains(e.Text, `"x"`) {
		t.Errorf("recorded %+v", e)
	}
}

// A report is gathered with what it cost.
func TestReportIsGathered(t *testing.T) {
	f := newFixture(t)
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "report", Method: http.MethodGet, Path: "/api/v1/analytics/{site}/report"},
		func(_ context.Context, in *struct {
			Site string `path:"site"`
		}) (*struct {
			Cost string `header:"X-Weir-Cost"`
		}, error) {
			if in.Site == "masked" {
				return nil, problem.New(http.StatusForbidden, "column_masked", "the column is masked")
			}
			return &struct {
				Cost string `header:"X-Weir-Cost"`
			}{`{"amount":0.5,"currency":"EUR","cpu_seconds":2,"rows_read":7,"bytes_read":9,"budget_remaining":3}`}, nil
		})
	f.audit.gathered = nil
	if w := f.do("GET", "/api/v1/analytics/s1/report", f.keys["viewer"], ""); w.Code >= 300 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := &audit.Cost{Amount: .5, Currency: "EUR", CPUSeconds: 2, RowsRead: 7, BytesRead: 9}
	if g := f.audit.gathered; len(g) != 1 || g[0].Action != audit.Report || cmp.Diff(want, g[0].Cost) != "" {
		t.Errorf("gathered %+v", g)
	}
	// One that is refused says why, as its answer does.
	f.audit.gathered = nil
	f.wantProblem(f.do("GET", "/api/v1/analytics/masked/report", f.keys["viewer"], ""), 403, "column_masked", "", "masked")
	if g := f.audit.gathered; len(g) != 1 || g[0].Outcome != "column_masked" {
		t.Errorf("gathered %+v", g)
	}
}

// What an operator does about a site, and that a tenant was made, stands in the log of that tenant, with which its text goes.
func TestOperatorAboutATenant(t *testing.T) {
	f := newFixture(t)
	type input struct {
		Site string `path:"site_id"`
		Body struct {
			People []string `json:"people,omitempty"`
		}
	}
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "create-cohort", Method: http.MethodPost, Path: "/api/v1/analytics/{site_id}/cohorts", Metadata: map[string]any{"audit": "change"}},
		func(context.Context, *input) (*struct{}, error) { return nil, nil })
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "report", Method: http.MethodPost, Path: "/api/v1/analytics/{site_id}/report"},
		func(context.Context, *input) (*struct{}, error) { return nil, nil })
	f.audit.appended = nil
	f.want(201, f.do("POST", "/api/v1/tenants", operator, `{"id":"third","name":"Third"}`))
	if e := f.audit.last(t); e.Tenant != "third" || e.Target != "/api/v1/tenants/third" || e.Text != `{"id":"third","name":"Third"}` {
		t.Errorf("a new tenant: %+v", e)
	}
	for site, want := range map[string]tenant.ID{"s1": "acme", "one.example": "acme", "nowhere": ""} {
		f.audit.appended, f.audit.gathered = nil, nil
		f.do("POST", "/api/v1/analytics/"+site+"/cohorts", operator, `{"people":["ann"]}`)
		if e := f.audit.last(t); e.Tenant != want || e.Action != "create-cohort" || e.Text != `{"people":["ann"]}` {
			t.Errorf("%s: recorded %+v", site, e)
		}
		f.do("POST", "/api/v1/analytics/"+site+"/report", operator, `{}`)
		if g := f.audit.gathered; len(g) != 1 || g[0].Tenant != want {
			t.Errorf("%s: gathered %+v", site, g)
		}
	}
	f.do("POST", "/api/v1/analytics/s1/cohorts", f.keys["other"], `{}`)
	if e := f.audit.last(t); e.Tenant != "other" {
		t.Errorf("another tenant's admin: %+v", e)
	}
}

// Damage is answered as what it is, and an export that meets it first has sent nothing.
func TestAuditDamaged(t *testing.T) {
	f := newFixture(t)
	f.audit.damaged = fmt.Errorf("audit: read: %w: file 000009.sst", audit.ErrDamaged)
	for _, path := range []string{"/api/v1/audit", "/api/v1/audit/export", "/api/v1/audit/export?format=csv"} {
		w := f.do("GET", path, f.keys["admin"], "")
		f.wantProblem(w, 500, "audit_damaged", "", "weir audit verify")
		if strings.Contains(w.Body.String(), ".sst") {
			t.Errorf("a tenant is told of files: %s", w.Body)
		}
	}
}

func TestAuditRead(t *testing.T) {
	f := newFixture(t)
	got := f.want(200, f.do("GET", "/api/v1/audit?action=query&from=2026-01-01T00:00:00Z&limit=7&before=9&actor=key:x&outcome=failed&target=/x", f.keys["admin"], ""))
	want := audit.Question{Tenant: "acme", Action: "query", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 7, Before: 9, Actor: "key:x", Outcome: "failed", Target: "/x"}
	if d := cmp.Diff(want, f.audit.asked); d != "" {
		t.Error(d)
	}
	if len(got["entries"].([]any)) != 1 {
		t.Errorf("got %v", got)
	}
	f.want(200, f.do("GET", "/api/v1/audit?from=1h&to=30m", f.keys["admin"], ""))
	if asked := f.audit.asked; asked.To.Sub(asked.From) != time.Hour || time.Since(asked.To) < 30*time.Minute || time.Since(asked.To) > 31*time.Minute {
		t.Errorf("asked %+v", asked)
	}
	f.do("GET", "/api/v1/audit/export?from=1h", f.keys["admin"], "")
	if asked := f.audit.asked; time.Since(asked.From) < time.Hour || time.Since(asked.From) > time.Hour+time.Minute || !asked.To.IsZero() {
		t.Errorf("asked %+v", asked)
	}
	f.wantProblem(f.do("GET", "/api/v1/audit?from=yesterday", f.keys["admin"], ""), 422, "invalid_field", "from", "a length such as 90s")
	got = f.want(200, f.do("GET", "/api/v1/audit", operator, ""))
	if !f.audit.asked.All || got["next"] != 2. {
		t.Errorf("asked %+v, got %v", f.audit.asked, got)
	}
	r := httptest.NewRequest("GET", "/api/v1/audit", nil)
	r.Header.Set("Authorization", "Bearer "+operator)
	r.Header.Set("X-Weir-Tenant", "other")
	f.handler.ServeHTTP(httptest.NewRecorder(), r)
	if f.audit.asked.All || f.audit.asked.Tenant != "other" {
		t.Errorf("asked %+v", f.audit.asked)
	}
	for _, path := range []string{"/api/v1/audit", "/api/v1/audit/export"} {
		for _, to := range []string{"2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"} { // before it, and equal
			f.wantProblem(f.do("GET", path+"?from=2026-01-02T00:00:00Z&to="+to, f.keys["admin"], ""), 422, "invalid_field", "from", "is not before to, "+to)
		}
	}
	for _, key := range []string{f.keys["analyst"], f.keys["viewer"], f.keys["writer"]} {
		for _, path := range []string{"/api/v1/audit", "/api/v1/audit/export"} {
			f.wantProblem(f.do("GET", path, key, ""), 403, "forbidden", "", "admin")
		}
	}
	if v := f.want(200, f.do("POST", "/api/v1/audit/verify", operator, "")); v["ok"] != true {
		t.Errorf("got %v", v)
	}
	if v := f.want(200, f.do("POST", "/api/v1/audit/verify", operator, `{"head":{"seq":3,"hash":"ff"}}`)); v["ok"] != false {
		t.Errorf("got %v", v)
	}
	if h := f.want(200, f.do("GET", "/api/v1/audit/head", operator, "")); h["seq"] != 2. {
		t.Errorf("got %v", h)
	}
	for _, m := range []string{"POST verify", "GET head"} {
		method, name, _ := strings.Cut(m, " ")
		f.wantProblem(f.do(method, "/api/v1/audit/"+name, f.keys["admin"], ""), 403, "forbidden", "", "operator")
	}
}
