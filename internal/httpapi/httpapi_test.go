package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/auth"
	"weir/internal/catalog"
	"weir/internal/catalog/sqlite"
	"weir/internal/httpapi"
	"weir/internal/metering"
	"weir/internal/problem"
	"weir/internal/tenant"
)

const operator = "the-operators-token"

// fixture is an API on a real catalog, with the tenants acme and other and an admin's key of each.
type fixture struct {
	t       *testing.T
	api     *httpapi.API
	handler http.Handler
	log     *logBuffer
	ready   []string
	keys    map[string]string // by role of acme, "other" and "web" (the write key of its source web)
	usage   *fakeUsage
	audit   *fakeAudit
	loads   *fakeLoads
	schema  *fakeSchema
}

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type fakeUsage struct {
	from, to time.Time
	err      error
}

func (f *fakeUsage) Usage(_ context.Context, t tenant.ID, from, to time.Time) ([]httpapi.UsageRow, error) {
	f.from, f.to = from, to
	if t != "acme" {
		return nil, f.err
	}
	return []httpapi.UsageRow{{Hour: from, Received: 5, Stored: 3, Deduplicated: 1, Pending: 1, Conflicts: 1, Bytes: 700}, {Hour: from.Add(time.Hour), Received: 2, Rejected: 2, Bytes: 90}}, f.err
}

func (f *fakeUsage) Conflict(_ context.Context, t tenant.ID) (*httpapi.ConflictExample, error) {
	if t != "acme" {
		return nil, nil
	}
	return &httpapi.ConflictExample{SiteID: "s1", EventID: "e1", Type: "x"}, nil
}

type fakeQuarantine struct{ dropped []string }

func (f *fakeQuarantine) Quarantine(context.Context) ([]httpapi.QuarantineItem, error) {
	return []httpapi.QuarantineItem{{ID: "00ff", Reason: "torn", Bytes: 3}}, nil
}

func (f *fakeQuarantine) QuarantineItem(_ context.Context, id string) (httpapi.QuarantineItem, error) {
	if id != "00ff" {
		return httpapi.QuarantineItem{}, httpapi.ErrNotQuarantined(id)
	}
	return httpapi.QuarantineItem{ID: id, Data: []byte("abc")}, nil
}

func (f *fakeQuarantine) ReplayQuarantine(_ context.Context, id string) (int, error) {
	return 0, httpapi.ErrNotDecodable(id, errors.New("torn"))
}

func (f *fakeQuarantine) QuarantineOf(_ context.Context, t tenant.ID) ([]httpapi.QuarantineItem, error) {
	if t != "acme" {
		return nil, nil
	}
	return []httpapi.QuarantineItem{{ID: "00aa", Reason: "torn"}}, nil
}

func (f *fakeQuarantine) QuarantineItemOf(_ context.Context, t tenant.ID, id string) (httpapi.QuarantineItem, error) {
	switch {
	case t == "acme" && id == "00aa":
		return httpapi.QuarantineItem{ID: id, Data: []byte("own")}, nil
	case t == "acme" && id == "00dd": // damaged
		return httpapi.QuarantineItem{ID: id}, nil
	}
	return httpapi.QuarantineItem{}, httpapi.ErrNotQuarantined(id)
}

func (f *fakeQuarantine) DeleteQuarantine(_ context.Context, id string) error {
	f.dropped = append(f.dropped, id)
	return nil
}

// deletions hides tenants, and has nothing else to remove.
type deletions struct{ catalog.Catalog }

func (d deletions) DeleteTenant(ctx context.Context, _ tenant.Principal, id tenant.ID, keep *bool) (string, any, error) {
	kept := "as configured"
	if keep != nil {
		kept = strconv.FormatBool(*keep)
	}
	return "/jobs/abc", map[string]string{"id": "abc", "state": "queued", "title": "billing kept: " + kept}, d.Catalog.DeleteTenant(ctx, id)
}

func newFixture(t *testing.T, change ...func(*httpapi.Config)) *fixture {
	t.Helper()
	c, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	passwords, err := auth.NewPasswords(auth.PasswordConfig{Memory: 8 << 20, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now() // it stands: attempts are counted alike, however long they take
	sessions, err := auth.NewSessions(auth.SessionConfig{Store: c, Passwords: passwords, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	a, err := auth.New(auth.Config{Keys: c, OperatorToken: operator, Sessions: sessions})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, log: &logBuffer{}, keys: map[string]string{}, usage: &fakeUsage{}, audit: &fakeAudit{}, schema: &fakeSchema{}, loads: &fakeLoads{loads: map[tenant.ID]httpapi.TenantLoad{}}}
	reg := prometheus.NewRegistry()
	cfg := httpapi.Config{Catalog: c, Auth: a, Webhook: metering.WebhookConfig{}.Check, Passwords: passwords, Sessions: sessions, Audit: f.audit, Usage: f.usage, Resources: func(t tenant.ID, from, to time.Time) (httpapi.Resources, error) {
		return httpapi.Resources{CPUSeconds: to.Sub(from).Hours(), Amount: 3, Currency: string(t)}, nil
	}, Limits: fakeLimits{}, Loads: f.loads, Quarantine: &fakeQuarantine{}, Schema: f.schema, Deletions: deletions{c}, Ready: func() []string { return f.ready }, Version: "1.2.3",
		BodyTimeout: time.Minute, WriteTimeout: time.Minute, Drain: time.Minute, // a busy machine keeps none of them waiting
		Logger: slog.New(slog.NewTextHandler(f.log, nil)), Registerer: reg, Gatherer: reg}
	for _, c := range change {
		c(&cfg)
	}
	f.api, err = httpapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = f.api.Handler()
	for _, id := range []string{"acme", "other"} {
		f.want(201, f.do("POST", "/api/v1/tenants", operator, `{"id":"`+id+`"}`))
	}
	for _, role := range []string{"writer", "viewer", "analyst", "admin"} {
		f.keys[role] = f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", operator, `{"role":"`+role+`"}`))["key"].(string)
	}
	f.keys["other"] = f.want(201, f.do("POST", "/api/v1/tenants/other/keys", operator, `{"role":"admin"}`))["key"].(string)
	f.keys["web"] = f.want(201, f.do("POST", "/api/v1/tenants/acme/sources", f.keys["admin"], `{"id":"web","site_id":"s1","aliases":["one.example"]}`))["write_key"].(string)
	return f
}

func (f *fixture) do(method, path, key, body string) *httptest.ResponseRecorder {
	f.t.Helper()
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, path, nil)
	} else {
		r = httptest.NewRequest(method, path, strings.NewReader(body))
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// want checks the status and decodes the body.
func (f *fixture) want(status int, w *httptest.ResponseRecorder) map[string]any {
	f.t.Helper()
	if w.Code != status {
		f.t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if status == 204 {
		if w.Body.Len() > 0 {
			f.t.Errorf("204 with a body: %s", w.Body)
		}
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		f.t.Fatalf("%v: %s", err, w.Body)
	}
	return out
}

func (f *fixture) wantProblem(w *httptest.ResponseRecorder, status int, code, field, detail string) {
	f.t.Helper()
	if w.Code != status {
		f.t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		f.t.Errorf("content type %q", got)
	}
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		f.t.Fatalf("%v: %s", err, w.Body)
	}
	if p.Status != status || p.Code != code || p.Field != field || !strings.Contains(p.Detail, detail) || p.Type == "" {
		f.t.Errorf("got %+v, want code %q, field %q, detail with %q", p, code, field, detail)
	}
	if (status == 401) != (w.Header().Get("WWW-Authenticate") != "") {
		f.t.Errorf("WWW-Authenticate is %q with status %d", w.Header().Get("WWW-Authenticate"), status)
	}
}

func TestTenantLife(t *testing.T) {
	f := newFixture(t)
	w := f.do("POST", "/api/v1/tenants", operator, `{"id":"zoo","name":"Zoo","region":"eu","retention":"90d","limits":{"event_bytes":1000}}`)
	got := f.want(201, w)
	if got["created"] == nil || w.Header().Get("Location") != "/api/v1/tenants/zoo" {
		t.Errorf("got %v, location %q", got, w.Header().Get("Location"))
	}
	delete(got, "created")
	want := map[string]any{"id": "zoo", "name": "Zoo", "region": "eu", "retention": "90d", "limits": ownLimits(map[string]any{"event_bytes": 1000.}),
		"settings": map[string]any{"session_timeout": "30m"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = f.want(200, f.do("PATCH", "/api/v1/tenants/zoo", operator, `{"name":"New","retention":"0","limits":{"dedupe_keys":5}}`))
	delete(got, "created")
	want["name"], want["retention"], want["limits"] = "New", "0", ownLimits(map[string]any{"dedupe_keys": 5., "event_bytes": 1000.})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = f.want(200, f.do("GET", "/api/v1/tenants/zoo", operator, ""))
	delete(got, "created")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = f.want(200, f.do("PATCH", "/api/v1/tenants/acme", f.keys["admin"], `{"settings":{"session_timeout":"1h"}}`))
	again := f.want(200, f.do("GET", "/api/v1/tenants/acme", f.keys["admin"], ""))
	if d := cmp.Diff(map[string]any{"session_timeout": "1h"}, got["settings"]); d != "" || cmp.Diff(got, again) != "" {
		t.Errorf("an admin's setting: %s, then %v", d, again)
	}
	list := f.want(200, f.do("GET", "/api/v1/tenants", operator, ""))["tenants"].([]any)
	if len(list) != 3 || list[2].(map[string]any)["id"] != "zoo" {
		t.Errorf("list is %v", list)
	}
	w = f.do("DELETE", "/api/v1/tenants/zoo", operator, "")
	if got := f.want(202, w); got["id"] != "abc" || w.Header().Get("Location") != "/jobs/abc" {
		t.Errorf("deletion answers %v, %v", got, w.Header())
	}
	f.wantProblem(f.do("DELETE", "/api/v1/tenants/zoo", operator, ""), 404, "not_found", "", `tenant "zoo"`)
	f.wantProblem(f.do("DELETE", "/api/v1/tenants/acme", f.keys["admin"], ""), 403, "forbidden", "", "operator")
	f.wantProblem(f.do("GET", "/api/v1/tenants/zoo", operator, ""), 404, "not_found", "", `tenant "zoo"`)
	f.wantProblem(f.do("POST", "/api/v1/tenants", operator, `{"id":"zoo"}`), 409, "exists", "id", `id "zoo" was the id of a tenant that was deleted`)

	// Keys and sources of a deleted tenant stop at once.
	f.audit.appended = nil
	r := httptest.NewRequest("DELETE", "/api/v1/tenants/acme", nil)
	r.Header.Set("Authorization", "Bearer "+operator)
	r.Header.Set(tenant.Header, "acme")
	w = httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	f.want(202, w)
	if e := f.audit.last(t); e.Action != "delete-tenant" || e.Tenant != "" || e.Target != "/api/v1/tenants/acme" || e.Actor == "" || e.Outcome != "ok" { // it must not go with the tenant
		t.Errorf("recorded %+v", e)
	}
	f.wantProblem(f.do("GET", "/api/v1/tenants/acme/sources", f.keys["admin"], ""), 401, "unknown_key", "", "not known")
}

func TestSourceLife(t *testing.T) {
	f := newFixture(t)
	admin := f.keys["admin"]
	w := f.do("POST", "/api/v1/tenants/acme/sources", admin, `{"id":"app","name":"App","aliases":["G-1"],"hostnames":["WWW.Example.com","*.example.org","::1","[2001:DB8:0:0::A]","[::1]:8080"],"time_zone":"Europe/Berlin","first_day":7}`)
	got := f.want(201, w)
	site, write := got["site_id"].(string), got["write_key"].(string)
	if !strings.HasPrefix(site, "site-") || !strings.HasPrefix(write, "wk_w_") || w.Header().Get("Location") != "/api/v1/tenants/acme/sources/app" {
		t.Errorf("got %v", got)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("an answer with a secret may be cached")
	}
	delete(got, "created")
	delete(got, "write_key")
	want := map[string]any{"id": "app", "site_id": site, "name": "App", "aliases": []any{"G-1"}, "hostnames": []any{"www.example.com", "*.example.org", "[::1]", "[2001:db8::a]", "[::1]:8080"}, "time_zone": "Europe/Berlin", "first_day": 7., "strong": false,
		"privacy": map[string]any{"consent_required": false, "cookieless": false, "pseudonymise": false, "keep_query_strings": false, "query_parameters": []any{}, "rules": []any{}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = f.want(200, f.do("PATCH", "/api/v1/tenants/acme/sources/app", admin, `{"aliases":[],"first_day":1,"strong":true}`))
	delete(got, "created")
	want["aliases"], want["first_day"], want["strong"] = []any{}, 1., true
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	f.audit.appended = nil
	f.want(200, f.do("PATCH", "/api/v1/tenants/acme/sources/app", admin, `{"privacy":{"pseudonymise":true,"query_parameters":["Page"],"rules":[{"field":"props.email","action":"drop"},{"pattern":"re:[0-9]{9}","action":"hash"}]}}`))
	if e := f.audit.last(t); e.Action != "update-source" || e.Outcome != "ok" || e.Target != "/api/v1/tenants/acme/sources/app" || !strings.Contains(e.Text, `"pseudonymise":true`) {
		t.Errorf("recorded %+v", e)
	}
	got = f.want(200, f.do("PATCH", "/api/v1/tenants/acme/sources/app", admin, `{"privacy":{"cookieless":true}}`)) // the others stay
	rules := []any{map[string]any{"field": "props.email", "action": "drop"}, map[string]any{"pattern": "re:[0-9]{9}", "action": "hash"}}
	if d := cmp.Diff(map[string]any{"consent_required": false, "cookieless": true, "pseudonymise": true, "keep_query_strings": false, "query_parameters": []any{"page"}, "rules": rules}, got["privacy"]); d != "" {
		t.Error(d)
	}
	got = f.want(200, f.do("PATCH", "/api/v1/tenants/acme/sources/app", admin, `{"privacy":{"rules":[]}}`))
	if p := got["privacy"].(map[string]any); len(p["rules"].([]any)) != 0 || p["cookieless"] != true {
		t.Errorf("privacy is %v", p)
	}
	f.want(200, f.do("GET", "/api/v1/tenants/acme/sources/app", operator, "")) // the operator may, too
	if list := f.want(200, f.do("GET", "/api/v1/tenants/acme/sources", admin, ""))["sources"].([]any); len(list) != 2 {
		t.Errorf("list is %v", list)
	}
	path := "/api/v1/imports?site_id=" + site
	f.want(200, f.do("GET", path, write, "")) // the write key works
	f.want(204, f.do("DELETE", "/api/v1/tenants/acme/sources/app", admin, ""))
	f.wantProblem(f.do("GET", path, write, ""), 401, "unknown_key", "", "")
	f.wantProblem(f.do("GET", "/api/v1/tenants/acme/sources/app", admin, ""), 404, "not_found", "", `source "app" of tenant "acme"`)
	// Its names are its tenant's for ever, and who that is is not told.
	w = f.do("POST", "/api/v1/tenants/other/sources", f.keys["other"], `{"id":"x","aliases":["`+site+`"]}`)
	if strings.Contains(w.Body.String(), "acme") {
		t.Errorf("the refusal tells whose name it was: %s", w.Body)
	}
	f.wantProblem(w, 409, "retired", "aliases", "a source that was deleted")
	f.want(201, f.do("POST", "/api/v1/tenants/acme/sources", admin, `{"id":"app","aliases":["`+site+`"]}`))
}

func TestRetiredNames(t *testing.T) {
	f := newFixture(t)
	const path, odd = "/api/v1/operator/retired-names/", "a/b?c"
	f.want(201, f.do("POST", "/api/v1/tenants/acme/sources", f.keys["admin"], `{"id":"app","aliases":["shop.example","`+odd+`"]}`))
	f.wantProblem(f.do("GET", path+"shop.example", operator, ""), 404, "not_found", "", `retired name "shop.example"`) // in use
	f.wantProblem(f.do("DELETE", path+"shop.example", operator, ""), 404, "not_found", "", "")
	f.want(204, f.do("DELETE", "/api/v1/tenants/acme/sources/app", f.keys["admin"], ""))
	for _, name := range []string{"Shop.example", odd} {
		at := path + url.PathEscape(name)
		if got := f.want(200, f.do("GET", at, operator, "")); got["name"] != name || got["tenant"] != "acme" {
			t.Errorf("got %v", got)
		}
		for _, who := range []string{"admin", "other"} { // not its own tenant's admin, either: whose it is is for the operator to decide
			f.wantProblem(f.do("GET", at, f.keys[who], ""), 403, "forbidden", "", "operator")
			f.wantProblem(f.do("DELETE", at, f.keys[who], ""), 403, "forbidden", "", "operator")
		}
	}
	create := func(alias string) *httptest.ResponseRecorder {
		return f.do("POST", "/api/v1/tenants/other/sources", f.keys["other"], `{"id":"x","aliases":["`+alias+`"]}`)
	}
	f.wantProblem(create("shop.example"), 409, "retired", "aliases", "")
	f.want(204, f.do("DELETE", path+"shop.example", operator, ""))
	f.wantProblem(f.do("DELETE", path+"shop.example", operator, ""), 404, "not_found", "", "")
	f.want(201, create("shop.example"))
	f.wantProblem(f.do("GET", path+strings.Repeat("x", 254), operator, ""), 422, "invalid_field", "name", "253")
}

func TestKeyLife(t *testing.T) {
	f := newFixture(t)
	admin := f.keys["admin"]
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	w := f.do("POST", "/api/v1/tenants/acme/keys", admin, `{"role":"analyst","name":"Ann","expires":"`+soon.Format(time.RFC3339)+`"}`)
	made := f.want(201, w)
	if made["role"] != "analyst" || made["name"] != "Ann" || made["expires"] != soon.Format(time.RFC3339) || made["expired"] != false || !strings.HasPrefix(made["key"].(string), "wk_n_") {
		t.Errorf("got %v", made)
	}
	if role, err := auth.RoleOf(made["key"].(string)); err != nil || role != tenant.RoleAnalyst {
		t.Errorf("the key is for %q, %v", role, err)
	}
	raw := f.do("GET", "/api/v1/tenants/acme/keys", admin, "").Body.String()
	if strings.Contains(raw, made["key"].(string)) || !strings.Contains(raw, made["id"].(string)) || strings.Count(raw, `"id"`) != 6 {
		t.Errorf("list is %s", raw)
	}
	// Rotation of a write key: a second one, then the first goes.
	second := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", admin, `{"role":"writer","source":"web"}`))
	if second["site_id"] != "s1" {
		t.Errorf("got %v", second)
	}
	for _, k := range []string{f.keys["web"], second["key"].(string)} {
		f.want(200, f.do("GET", "/api/v1/imports?site_id=s1", k, ""))
	}
	f.want(204, f.do("DELETE", "/api/v1/tenants/acme/keys/"+second["id"].(string), admin, ""))
	f.wantProblem(f.do("GET", "/api/v1/imports?site_id=s1", second["key"].(string), ""), 401, "unknown_key", "", "")
	f.wantProblem(f.do("DELETE", "/api/v1/tenants/acme/keys/"+second["id"].(string), admin, ""), 404, "not_found", "", "key")
}

func TestContentTypeDoesNotMatter(t *testing.T) {
	f := newFixture(t)
	for i, ct := range []string{"application/x-www-form-urlencoded", "text/plain", "application/cbor", "nonsense"} {
		r := httptest.NewRequest("POST", "/api/v1/tenants", strings.NewReader(fmt.Sprintf(`{"id":"ct%d"}`, i)))
		r.Header.Set("Authorization", "Bearer "+operator)
		r.Header.Set("Content-Type", ct)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		f.want(201, w)
	}
}

func TestLedger(t *testing.T) {
	f := newFixture(t)
	sha := strings.Repeat("0a", 32)
	path := "/api/v1/imports/one.example/" + sha // by its alias
	for _, lines := range []int{10, 5} {
		got := f.want(200, f.do("PUT", path, f.keys["web"], fmt.Sprintf(`{"prefix_len":4096,"lines":%d}`, lines)))
		if got["lines"] != 10. || got["prefix_len"] != 4096. || got["file"] != sha {
			t.Errorf("got %v", got)
		}
	}
	if got := f.want(200, f.do("GET", "/api/v1/imports/s1/"+sha, f.keys["admin"], "")); got["lines"] != 10. {
		t.Errorf("got %v", got)
	}
	if got := f.want(200, f.do("PUT", path, f.keys["web"], `{"prefix_len":4096,"lines":12,"rejected":2}`)); got["lines"] != 12. || got["rejected"] != 2. {
		t.Errorf("got %v", got)
	}
	f.wantProblem(f.do("PUT", path, f.keys["web"], `{"prefix_len":4096,"lines":12,"rejected":13}`), 422, "invalid_value", "rejected", "13 of 12 lines")
	if w := f.do("PUT", path, f.keys["web"], `{"prefix_len":4096,"lines":12,"rejected":-1}`); w.Code != 422 && w.Code != 400 {
		t.Errorf("-1 lines: %d %s", w.Code, w.Body)
	}
	list := f.want(200, f.do("GET", "/api/v1/imports?site_id=s1", f.keys["writer"], ""))
	if first := list["imports"].([]any)[0].(map[string]any); first["rejected"] != 2. {
		t.Errorf("got %v", first)
	}
	again := f.want(200, f.do("GET", "/api/v1/imports?site_id=one.example", f.keys["writer"], ""))
	if len(list["imports"].([]any)) != 1 || len(list["salt"].(string)) != 64 || list["salt"] != again["salt"] {
		t.Errorf("got %v and %v", list, again)
	}
	f.want(201, f.do("POST", "/api/v1/tenants/acme/sources", f.keys["admin"], `{"id":"app","site_id":"s2"}`))
	if other := f.want(200, f.do("GET", "/api/v1/imports?site_id=s2", f.keys["writer"], "")); other["salt"] == list["salt"] {
		t.Error("two sources have one salt")
	}
	f.wantProblem(f.do("GET", "/api/v1/imports?site_id=s2", f.keys["web"], ""), 403, "wrong_site", "site_id", "write key of site s1")
}

func TestUsage(t *testing.T) {
	f := newFixture(t)
	got := f.want(200, f.do("GET", "/api/v1/usage?from=2026-01-01T10:20:00Z&to=2026-01-01T12:00:01%2B01:00", f.keys["admin"], ""))
	from := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	if !f.usage.from.Equal(from) || !f.usage.to.Equal(from.Add(2*time.Hour)) {
		t.Errorf("range is %s to %s", f.usage.from, f.usage.to)
	}
	if len(got["hours"].([]any)) != 2 {
		t.Errorf("got %v", got)
	}
	total := got["totals"].([]any)[0].(map[string]any)
	want := map[string]any{"tenant": "acme", "hour": "2026-01-01T10:00:00Z", "received": 7., "stored": 3., "deduplicated": 1., "rejected": 2., "filtered": 0., "quarantined": 0., "erased": 0.,
		"pending": 1., "conflicts": 1., "bytes": 790., "conflict_example": map[string]any{"site_id": "s1", "event_id": "e1", "type": "x", "at": "0001-01-01T00:00:00Z"},
		"resources": map[string]any{"cpu_seconds": 2., "memory_byte_seconds": 0., "bytes_scanned": 0., "bytes_scanned_cold": 0., "bytes_out": 0., "stored_byte_seconds": 0., "amount": 3., "currency": "acme"}}
	if d := cmp.Diff(want, total); d != "" {
		t.Error(d)
	}
	for query, hours := range map[string][2]int{"from=2h": {2, 0}, "from=1d&to=now": {24, 0}, "from=90m&to=3h": {5, 3}, "to=2d": {72, 48}, "": {24, 0}} { // to is the next full hour, or that many before it
		f.want(200, f.do("GET", "/api/v1/usage?"+query, f.keys["admin"], ""))
		now := time.Now()
		from, to := f.usage.from.Sub(now.Add(-time.Duration(hours[0])*time.Hour)), f.usage.to.Sub(now.Add(-time.Duration(hours[1])*time.Hour))
		if from < -time.Hour || from > time.Hour || to < -time.Minute || to > time.Hour || f.usage.from.Minute() != 0 {
			t.Errorf("%s: %s to %s", query, f.usage.from, f.usage.to)
		}
	}
	for _, at := range []string{"1", "2026-01-01", "yesterday"} {
		w := f.do("GET", "/api/v1/usage?from="+at, f.keys["admin"], "")
		f.wantProblem(w, 422, "invalid_field", "from", "as 2026-01-31T10:00:00Z), now, or a length such as 90s")
		if !strings.Contains(w.Body.String(), at) || strings.Contains(w.Body.String(), "2006") {
			t.Errorf("from=%s: %s", at, w.Body)
		}
	}
	if all := f.want(200, f.do("GET", "/api/v1/usage", operator, ""))["totals"].([]any); len(all) != 2 {
		t.Errorf("the operator sees %v", all)
	}
	f.usage.err = errors.New("secret detail")
	w := f.do("GET", "/api/v1/usage", f.keys["admin"], "")
	f.wantProblem(w, 500, "internal", "", "server's log")
	if strings.Contains(w.Body.String(), "secret detail") || !strings.Contains(f.log.String(), "secret detail") {
		t.Errorf("the caller gets %s, the log %s", w.Body, f.log)
	}
	f.usage.err = fmt.Errorf("secret detail: %w", pebble.ErrCorruption)
	w = f.do("GET", "/api/v1/usage", f.keys["admin"], "")
	f.wantProblem(w, 500, "store_damaged", "", "restores the data directory")
	if strings.Contains(w.Body.String(), "secret detail") {
		t.Errorf("the caller gets %s", w.Body)
	}
}

func TestQuarantine(t *testing.T) {
	f := newFixture(t)
	if got := f.want(200, f.do("GET", "/api/v1/quarantine", operator, ""))["records"].([]any); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := f.want(200, f.do("GET", "/api/v1/quarantine/00ff", operator, "")); got["data"] != "YWJj" {
		t.Errorf("got %v", got)
	}
	f.want(204, f.do("DELETE", "/api/v1/quarantine/00ff", operator, ""))
}

// TestQuarantineOfATenant: an admin looks after the records of the tenant alone; those of others do not exist. Less than an admin sees nothing.
func TestQuarantineOfATenant(t *testing.T) {
	f := newFixture(t)
	keys := map[string]string{}
	for _, x := range [][2]string{{"acme", "admin"}, {"acme", "viewer"}, {"other", "admin"}} {
		keys[x[0]+x[1]] = f.want(201, f.do("POST", "/api/v1/tenants/"+x[0]+"/keys", operator, `{"role":"`+x[1]+`"}`))["key"].(string)
	}
	const list, own, foreign = "/api/v1/quarantine", "/api/v1/quarantine/00aa", "/api/v1/quarantine/00ff"
	if got := f.want(200, f.do("GET", list, keys["acmeadmin"], ""))["records"].([]any); len(got) != 1 || got[0].(map[string]any)["id"] != "00aa" {
		t.Errorf("got %v", got)
	}
	if got := f.want(200, f.do("GET", list, keys["otheradmin"], ""))["records"].([]any); len(got) != 0 {
		t.Errorf("the other tenant gets %v", got)
	}
	f.want(200, f.do("GET", own, keys["acmeadmin"], ""))
	f.want(204, f.do("DELETE", own, keys["acmeadmin"], ""))
	f.wantProblem(f.do("DELETE", strings.Replace(own, "00aa", "00dd", 1), keys["acmeadmin"], ""), 403, "forbidden", "id", "damaged")
	f.wantProblem(f.do("POST", own+"/replay", keys["acmeadmin"], ""), 422, "not_decodable", "id", "still cannot be decoded")
	for _, x := range [][2]string{{"GET", foreign}, {"DELETE", foreign}, {"POST", foreign + "/replay"}} {
		f.wantProblem(f.do(x[0], x[1], keys["acmeadmin"], ""), 404, "not_found", "id", "no record")
		f.wantProblem(f.do(x[0], strings.Replace(x[1], "00ff", "00aa", 1), keys["otheradmin"], ""), 404, "not_found", "id", "no record")
		f.wantProblem(f.do(x[0], strings.Replace(x[1], "00ff", "00aa", 1), keys["acmeviewer"], ""), 403, "forbidden", "", "")
	}
	f.wantProblem(f.do("GET", list, keys["acmeviewer"], ""), 403, "forbidden", "", "")
}

func TestHealth(t *testing.T) {
	f := newFixture(t)
	f.ready = []string{"the engine starts", "the log is replayed"}
	if w := f.do("GET", "/healthz", "", ""); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	w := f.do("GET", "/readyz", "", "")
	f.wantProblem(w, 503, "not_ready", "", "the engine starts; the log is replayed")
	if w.Header().Get("Retry-After") != "1" {
		t.Error("503 without Retry-After")
	}
	if body := f.do("GET", "/status", "", "").Body.String(); !strings.Contains(body, "the engine starts") {
		t.Errorf("page: %s", body)
	}
	f.ready = nil
	if w := f.do("GET", "/readyz", "", ""); w.Code != 200 {
		t.Errorf("readyz: %d", w.Code)
	}
	if body := f.do("GET", "/status", "", "").Body.String(); !strings.Contains(body, "Ready.") || !strings.Contains(body, "Version 1.2.3, up 0s.") {
		t.Errorf("page: %s", body)
	}
}

func TestMetricsAccess(t *testing.T) {
	f := newFixture(t)
	for _, tc := range []struct {
		from, key, forwarded string
		status               int
	}{
		{"127.0.0.1:1", "", "", 200}, {"[::1]:1", "", "", 200}, {"[::ffff:127.0.0.1]:1", "", "", 200},
		{"192.0.2.1:1", "", "", 401}, {"192.0.2.1:1", operator, "", 200}, {"192.0.2.1:1", f.keys["admin"], "", 403},
		{"127.0.0.1:1", "", "192.0.2.1", 401}, {"nonsense", "", "", 401}, {"127.0.0.1:1", operator, "192.0.2.1", 200},
	} {
		r := httptest.NewRequest("GET", "http://localhost:8000/metrics", nil)
		r.RemoteAddr = tc.from
		if tc.key != "" {
			r.Header.Set("Authorization", "Bearer "+tc.key)
		}
		if tc.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tc.forwarded)
		}
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != tc.status {
			t.Errorf("%+v: status %d", tc, w.Code)
		}
		if tc.status == 200 {
			for _, want := range []string{`weir_http_requests_total{route="POST /api/v1/tenants",status="201"} 2`, `weir_http_running_requests 1`} {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("metrics lack %s", want)
				}
			}
		}
	}
}

// What a proxy on this machine passes on needs a key, also when it adds no header.
func TestMetricsBehindProxy(t *testing.T) {
	f := newFixture(t)
	check := func(what string, status int, change func(r *http.Request)) {
		t.Helper()
		r := httptest.NewRequest("GET", "http://127.0.0.1:8000/metrics", nil)
		r.RemoteAddr = "127.0.0.1:1"
		change(r)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%s: status %d, want %d", what, w.Code, status)
		}
	}
	check("HTTP/1.0", 401, func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 })
	check("HTTP/2", 200, func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0 })
	for host, status := range map[string]int{"localhost": 200, "LOCALHOST:8000": 200, "127.1.2.3:8000": 200, "[::1]:8000": 200, "[::1]": 200, "[::ffff:127.0.0.1]:1": 200,
		"weir.example.com": 401, "weir.example.com:8000": 401, "127.0.0.1.example.com": 401, "localhost.example.com": 401, "192.0.2.1": 401, "0.0.0.0:8000": 401, "": 401, ":8000": 401} {
		check("host "+host, status, func(r *http.Request) { r.Host = host })
	}
	for _, name := range []string{"X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP", "CF-Ray", "True-Client-IP", "X-Client-IP",
		"Fastly-Client-IP", "Fly-Client-IP", "X-Envoy-External-Address", "CDN-Loop", "X-Amzn-Trace-Id"} {
		check("header "+name, 401, func(r *http.Request) { r.Header.Set(name, "127.0.0.1") })
		check("empty header "+name, 401, func(r *http.Request) { r.Header.Set(name, "") })
	}
	check("what Prometheus sends", 200, func(r *http.Request) {
		r.Header.Set("User-Agent", "Prometheus/3")
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	})
}

func TestPagesNeedNothingElse(t *testing.T) {
	f := newFixture(t)
	for path, kind := range map[string]string{"/status": "text/html", "/docs": "text/html", "/docs.js": "text/javascript", "/weir.css": "text/css", "/openapi.json": "application/json"} {
		w := f.do("GET", path, "", "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
		if body := w.Body.String(); strings.Contains(body, "https://") || strings.Contains(body, "http://") || strings.Contains(body, "//cdn") {
			t.Errorf("%s refers to another host", path)
		}
		if strings.HasPrefix(kind, "text/") && !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s has no content security policy", path)
		}
		if head := f.do("HEAD", path, "", ""); head.Code != 200 {
			t.Errorf("HEAD %s: %d", path, head.Code)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	f := newFixture(t)
	spec := f.want(200, f.do("GET", "/openapi.json", "", ""))
	paths := spec["paths"].(map[string]any)
	for _, p := range []string{"/api/v1/tenants", "/api/v1/tenants/{tenant}", "/api/v1/tenants/{tenant}/sources", "/api/v1/tenants/{tenant}/sources/{source}", "/api/v1/tenants/{tenant}/keys",
		"/api/v1/tenants/{tenant}/keys/{key}", "/api/v1/imports", "/api/v1/imports/{site_id}/{file}", "/api/v1/usage", "/api/v1/quarantine", "/healthz", "/readyz", "/metrics"} {
		if paths[p] == nil {
			t.Errorf("%s is not described", p)
		}
	}
	post := paths["/api/v1/tenants"].(map[string]any)["post"].(map[string]any)
	for _, status := range []string{"201", "400", "401", "403", "409", "422", "500"} {
		if post["responses"].(map[string]any)[status] == nil {
			t.Errorf("answer %s is not described", status)
		}
	}
	content := post["responses"].(map[string]any)["409"].(map[string]any)["content"].(map[string]any)
	if content["application/problem+json"] == nil {
		t.Errorf("an error is described as %v", content)
	}
	schemas := spec["components"].(map[string]any)["schemas"].(map[string]any)
	fields := schemas["Problem"].(map[string]any)["properties"].(map[string]any)
	for _, name := range []string{"code", "detail", "field", "limit", "status"} {
		if fields[name] == nil {
			t.Errorf("a problem's %s is not described", name)
		}
	}
}

func TestOthersRegister(t *testing.T) {
	f := newFixture(t)
	type output struct{ Body tenant.Principal }
	huma.Register(f.api.Huma(), huma.Operation{Method: "GET", Path: "/x/who"}, func(ctx context.Context, _ *struct{}) (*output, error) {
		p, err := tenant.From(ctx)
		return &output{p}, err
	})
	huma.Register(f.api.Huma(), huma.Operation{Method: "GET", Path: "/x/open", Metadata: httpapi.Public()}, func(ctx context.Context, _ *struct{}) (*output, error) {
		_, err := tenant.From(ctx)
		return &output{}, fmt.Errorf("wrapped: %w", problem.New(429, "slow_down", "because %v", err).WithRetry(3*time.Second))
	})
	f.api.Mux().HandleFunc("GET /x/plain", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plain") })
	f.wantProblem(f.do("GET", "/x/who", "", ""), 401, "missing_key", "", "")
	if got := f.want(200, f.do("GET", "/x/who", f.keys["web"], "")); got["Tenant"] != "acme" || got["Role"] != "writer" || got["Site"] != "s1" || got["KeyID"] != "write:web" {
		t.Errorf("got %v", got)
	}
	w := f.do("GET", "/x/open", "", "")
	f.wantProblem(w, 429, "slow_down", "", "no authenticated principal")
	if w.Header().Get("Retry-After") != "3" {
		t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
	}
	if w := f.do("GET", "/x/plain", "", ""); w.Body.String() != "plain" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %q, %v", w.Body, w.Header())
	}
}

func TestNewReportsProblems(t *testing.T) {
	_, err := httpapi.New(httpapi.Config{})
	if err == nil || !strings.Contains(err.Error(), "Catalog is nil") || !strings.Contains(err.Error(), "Auth is nil") {
		t.Errorf("error is %v", err)
	}
}

func TestDeleteTenantKeepsBilling(t *testing.T) {
	f := newFixture(t)
	f.wantProblem(f.do("DELETE", "/api/v1/tenants/acme?keep_billing=perhaps", operator, ""), 422, "invalid_field", "keep_billing", "")
	f.wantProblem(f.do("DELETE", "/api/v1/tenants/acme?keep_billing=true", f.keys["admin"], ""), 403, "forbidden", "", "")
	for id, query := range map[string]string{"acme": "?keep_billing=true", "other": ""} {
		got := f.want(202, f.do("DELETE", "/api/v1/tenants/"+id+query, operator, ""))
		if want := map[string]string{"?keep_billing=true": "billing kept: true", "": "billing kept: as configured"}[query]; got["title"] != want {
			t.Errorf("%s: %v, want %q", query, got, want)
		}
	}
}
