package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSites(t *testing.T) {
	f := newFixture(t)
	f.want(201, f.do("POST", "/api/v1/tenants/acme/sources", f.keys["admin"], `{"id":"shop","site_id":"s-shop","name":"The shop","time_zone":"Europe/Berlin","first_day":7}`))
	f.want(201, f.do("POST", "/api/v1/tenants/other/sources", f.keys["other"], `{"id":"theirs","site_id":"s-theirs"}`))
	viewer := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", f.keys["admin"], `{"role":"viewer","name":"v"}`))["key"].(string)
	shop := map[string]any{"site_id": "s-shop", "source": "shop", "name": "The shop", "time_zone": "Europe/Berlin", "first_day": 7.0}
	theirs := map[string]any{"site_id": "s-theirs", "source": "theirs", "name": "theirs", "time_zone": "UTC", "first_day": 1.0}
	got := f.want(200, f.do("GET", "/api/v1/sites", viewer, ""))["sites"].([]any)
	if !slices.ContainsFunc(got, func(x any) bool { return cmp.Equal(x, any(shop)) }) || strings.Contains(fmt.Sprint(got), "theirs") {
		t.Errorf("a viewer sees %v", got)
	}
	b := browser{f: f, cookies: map[string]*http.Cookie{}}
	w := b.do("GET", "/api/v1/sites", "", "Authorization", "Bearer "+operator, "X-Weir-Tenant", "other")
	if d := cmp.Diff(map[string]any{"sites": []any{theirs}}, f.want(200, w)); d != "" {
		t.Errorf("the operator: %s", d)
	}
	f.wantProblem(f.do("GET", "/api/v1/sites", operator, ""), 422, "tenant_required", "X-Weir-Tenant", "")
	f.wantProblem(f.do("GET", "/api/v1/sites", f.keys["web"], ""), 403, "forbidden", "", "")
	f.wantProblem(f.do("GET", "/api/v1/sites", "", ""), 401, "missing_key", "", "")
}

// TestSignInOptions: whoever asks learns whether a password can be of use, and nothing of whose.
func TestSignInOptions(t *testing.T) {
	f := newFixture(t)
	want := func(accounts bool) {
		t.Helper()
		if d := cmp.Diff(map[string]any{"password": true, "accounts": accounts, "providers": []any{}}, f.want(200, f.do("GET", "/api/v1/sign-in", "", ""))); d != "" {
			t.Error(d)
		}
	}
	want(false)
	id := f.want(201, f.do("POST", "/api/v1/tenants/acme/users", f.keys["admin"], `{"email":"ann@example.com","name":"Ann","role":"viewer","password":"correct horse"}`))["id"].(string)
	want(true)
	f.want(204, f.do("DELETE", "/api/v1/tenants/acme/users/"+id, f.keys["admin"], ""))
	want(false)
}

// TestPages: browsers get the page where there is nothing else; programs, and what lies under /api/, get a problem.
func TestPages(t *testing.T) {
	f := newFixture(t)
	f.api.Pages(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "the page")
	}))
	other := f.api.Guard(http.NewServeMux())
	for _, tc := range []struct {
		handler              http.Handler
		method, path, accept string
		status               int
		page                 bool
	}{
		{f.handler, "GET", "/sites/x/overview", "text/html,*/*;q=0.8", 200, true},
		{f.handler, "HEAD", "/sites/x/overview", "text/html", 200, true},
		{f.handler, "GET", "/sites/x/overview", "*/*", 404, false},
		{f.handler, "GET", "/sites/x/overview", "", 404, false},
		{f.handler, "POST", "/sites/x/overview", "text/html", 404, false},
		{f.handler, "GET", "/api/v1/nothing", "text/html", 404, false},
		{f.handler, "GET", "/api/v1/session", "text/html", 405, false},
		{f.handler, "GET", "/api/v1/me", "text/html", 401, false},
		{f.handler, "GET", "/status", "text/html", 200, false},
		{other, "GET", "/x", "text/html", 404, false},
	} {
		r := httptest.NewRequest(tc.method, tc.path, nil)
		if tc.accept != "" {
			r.Header.Set("Accept", tc.accept)
		}
		w := httptest.NewRecorder()
		tc.handler.ServeHTTP(w, r)
		if w.Code != tc.status || (w.Body.String() == "the page") != tc.page && tc.method == "GET" {
			t.Errorf("%s %s for %q: %d %q", tc.method, tc.path, tc.accept, w.Code, w.Body)
		}
		if kind := w.Header().Get("Content-Type"); w.Code == 404 && kind != "application/problem+json" {
			t.Errorf("%s %s: 404 as %s", tc.method, tc.path, kind)
		}
	}
}
