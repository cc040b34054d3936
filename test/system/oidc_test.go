package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/audit"
	"weir/internal/testkit/idp"
	"weir/test/system/harness"
)

const providers = `issuers:
- name: corp
  issuer: %s
  audiences: [weir]
  tenant_claim: org.weir
  role_claim: roles
  roles: {weir-viewer: viewer, weir-analyst: analyst, weir-admin: admin}
  operators: [weir-operators]
  client_id: weir
  client_secret_file: %s
  redirect_url: %s
`

// withProvider starts a real provider, and weir that accepts its tokens. Tenants acme and beta have an event each, named after them.
func withProvider(t *testing.T) (*idp.Provider, *harness.Server) {
	t.Helper()
	listen, err := harness.FreeAddr() // the provider has to know it before weir runs
	if err != nil {
		t.Fatal(err)
	}
	back := "http://" + listen + "/auth/callback"
	p := idp.Start(t, back, nil)
	dir := t.TempDir()
	secret, file := filepath.Join(dir, "secret"), filepath.Join(dir, "oidc.yaml")
	for name, text := range map[string]string{secret: idp.Secret + "\n", file: fmt.Sprintf(providers, p.URL, secret, back)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	srv := harness.StartT(t, harness.Config{Listen: listen, ClickHouse: "auto", Args: []string{"--sign-in-oidc", file}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, id := range []string{"acme", "beta"} {
		tn, err := srv.NewTenant(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if a := call(ctx, t, http.MethodPost, srv.URL+"/ingest", tn.WriteKey, `{"type":"of-`+id+`"}`); a.status != http.StatusOK {
			t.Fatalf("ingest: %d %s", a.status, a.text)
		}
		if err := harness.WaitCount(ctx, srv.Client(tn.Analyst), "SELECT count() FROM events", 1); err != nil {
			t.Fatal(err)
		}
	}
	return p, srv
}

func claims(tenant string, roles ...string) map[string]any {
	return map[string]any{"org": map[string]any{"weir": tenant}, "roles": roles}
}

// Tokens of a real provider open the API and the ClickHouse port as their claims say, and nothing more.
func TestTokensOfAProvider(t *testing.T) {
	t.Parallel()
	p, srv := withProvider(t)
	token := func(client, tenant string, roles ...string) string {
		t.Helper()
		p.SetClaims(claims(tenant, roles...))
		return p.Token(t, client)
	}
	sign := func(k *idp.KeyPair, change map[string]any) string {
		t.Helper()
		all := claims("acme", "weir-analyst")
		all["iss"], all["sub"], all["aud"], all["iat"], all["exp"] = p.URL, "forged", "weir", time.Now().Add(-2*time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
		for k, v := range change {
			all[k] = v
		}
		return k.Sign(t, all)
	}
	for name, tc := range map[string]struct {
		token      string
		tenant     string // the operator names it
		api, port  int    // statuses
		code, says string // the problem's code, and what the port says
		sees       string
	}{
		"analyst":          {token(idp.Client, "acme", "weir-analyst"), "", 200, 200, "", "", "of-acme"},
		"of another":       {token(idp.Client, "beta", "weir-analyst"), "", 200, 200, "", "", "of-beta"},
		"admin":            {token(idp.Client, "acme", "other", "weir-admin"), "", 200, 200, "", "", "of-acme"},
		"operator":         {token(idp.Client, "acme", "weir-operators"), "beta", 200, 200, "", "", "of-beta"},
		"viewer":           {token(idp.Client, "acme", "weir-viewer"), "", 403, 403, "forbidden", "Code: 497", ""},
		"no role":          {token(idp.Client, "acme", "boss"), "", 403, 403, "no_role", "Code: 497", ""},
		"no such tenant":   {token(idp.Client, "gamma", "weir-admin"), "", 403, 403, "unknown_tenant", "Code: ", ""},
		"names another":    {token(idp.Client, "acme", "weir-admin"), "beta", 403, 403, "wrong_tenant", "Code: 516", ""},
		"wrong audience":   {token(idp.OtherClient, "acme", "weir-analyst"), "", 401, 403, "invalid_token", "Code: 516", ""},
		"expired":          {sign(p.Key(), map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), "", 401, 403, "invalid_token", "Code: 516", ""},
		"of a foreign key": {sign(idp.NewKey(t, p.Key().Name), nil), "", 401, 403, "invalid_token", "Code: 516", ""},
		"in time":          {sign(p.Key(), nil), "", 200, 200, "", "", "of-acme"}, // so that the three before fail for their reason
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{}
			if tc.tenant != "" {
				headers = append(headers, "X-Weir-Tenant", tc.tenant)
			}
			check := func(door string, a answer, want int) {
				t.Helper()
				if a.status != want || want == 200 && strings.TrimSpace(a.text) != tc.sees || want != 200 && door == "api" && a.Code != tc.code || door == "port" && !strings.Contains(a.text, tc.says) {
					t.Errorf("%s: %d %s", door, a.status, a.text)
				}
				if strings.Contains(a.text, tc.token) || want != 200 && (strings.Contains(a.text, "of-acme") || strings.Contains(a.text, "of-beta")) {
					t.Errorf("%s: the refusal says too much: %s", door, a.text)
				}
			}
			const sql = "SELECT type FROM events FORMAT TSV"
			check("api", call(t.Context(), t, http.MethodPost, srv.URL+"/api/v1/query", tc.token, `{"sql":"SELECT type FROM events","format":"TSV"}`, headers...), tc.api)
			check("port", call(t.Context(), t, http.MethodPost, srv.ClickHouse()+"/", tc.token, sql, headers...), tc.port)
			user := map[string]string{"of-acme": "acme", "of-beta": "beta", "": "acme"}[tc.sees]
			if tc.tenant != "" && tc.api != 200 {
				user = tc.tenant
			}
			check("port", call(t.Context(), t, http.MethodPost, srv.ClickHouse()+"/", "", sql, "X-ClickHouse-User", user, "X-ClickHouse-Key", tc.token), tc.port)
		})
	}
	// The user of the port is the tenant of the token, not one that the client chooses.
	a := call(t.Context(), t, http.MethodPost, srv.ClickHouse()+"/", "", "SELECT type FROM events", "X-ClickHouse-User", "beta", "X-ClickHouse-Key", token(idp.Client, "acme", "weir-admin"))
	if a.status != http.StatusForbidden || !strings.Contains(a.text, "Code: 516") {
		t.Errorf("acme's token as beta: %d %s", a.status, a.text)
	}
	testOIDCRights(t, srv, token)
}

// testOIDCRights tries what roles of tokens may beside queries, and finds it in the audit log.
func testOIDCRights(t *testing.T, srv *harness.Server, token func(client, tenant string, roles ...string) string) {
	ctx := t.Context()
	admin, analyst := token(idp.Client, "acme", "weir-admin"), token(idp.Client, "acme", "weir-analyst")
	const keys = "/api/v1/tenants/acme/keys"
	for _, tc := range []struct {
		method, path, token, body string
		status                    int
	}{
		{http.MethodPost, keys, admin, `{"role":"viewer"}`, 201},
		{http.MethodPost, keys, analyst, `{"role":"viewer"}`, 403},
		{http.MethodPost, "/api/v1/tenants/beta/keys", admin, `{"role":"viewer"}`, 403},
		{http.MethodGet, "/api/v1/tenants", admin, "", 403},
		{http.MethodGet, "/api/v1/costs/export", admin, "", 200},
	} {
		if a := call(ctx, t, tc.method, srv.URL+tc.path, tc.token, tc.body); a.status != tc.status {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, a.status, a.text)
		}
	}
	// Of their own: answers that are kept are recorded by the minute.
	call(ctx, t, http.MethodPost, srv.URL+"/api/v1/query", analyst, `{"sql":"SELECT 'by the API', type FROM events"}`)
	call(ctx, t, http.MethodPost, srv.ClickHouse()+"/", analyst, "SELECT 'by the port', type FROM events")
	a := call(ctx, t, http.MethodPost, srv.URL+"/api/v1/query", analyst, `{"sql":"SELECT type FROM events","async":true}`)
	var job struct{ ID string }
	if err := json.Unmarshal([]byte(a.text), &job); err != nil || a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.text)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a := call(ctx, t, http.MethodGet, srv.URL+"/jobs/"+job.ID+"/result", analyst, "")
		if a.status == http.StatusOK && strings.Contains(a.text, "of-acme") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
	want := map[string]bool{"query ok api": true, "query ok clickhouse": true, "query ok job": true, "create-key ok api": true, "create-key forbidden api": true,
		"create-job ok api": true, "get-job-result ok api": true, "export ok api": true}
	for deadline := time.Now().Add(time.Minute); len(want) > 0; time.Sleep(50 * time.Millisecond) {
		var page struct{ Entries []audit.Entry }
		if err := srv.Client(admin).Do(ctx, http.MethodGet, "/api/v1/audit?limit=1000&actor=oidc:"+idp.Subject, nil, &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			if e.Tenant != "acme" || e.From != "127.0.0.1" {
				t.Fatalf("an entry of acme is %+v", e)
			}
			delete(want, e.Action+" "+e.Outcome+" "+e.Door)
		}
		if len(want) > 0 && time.Now().After(deadline) {
			t.Fatalf("not in the audit log: %v", want)
		}
	}
}

// A browser signs in at the provider and is back with a session of the role that its claims say.
func TestBrowserSignsInAtProvider(t *testing.T) {
	t.Parallel()
	p, srv := withProvider(t)
	p.SetClaims(claims("acme", "weir-admin"))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(c *http.Client, at string) *http.Response {
		t.Helper()
		resp, err := c.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	resp := get(browser, srv.URL+"/auth/login?issuer=corp&return=/api/v1/me")
	if resp.StatusCode != http.StatusFound {
		t.Fatalf("sign in: %d", resp.StatusCode)
	}
	back := p.Browse(t, resp.Header.Get("Location"))
	if resp := get(http.DefaultClient, back.String()); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a browser that did not begin the sign-in gets %d", resp.StatusCode)
	}
	resp = get(browser, back.String())
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/api/v1/me" {
		t.Fatalf("back: %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	var me struct{ Tenant, Role, Actor string }
	r, err := browser.Get(srv.URL + "/api/v1/me")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&me); err != nil || me.Tenant != "acme" || me.Role != "admin" || me.Actor != "oidc:"+idp.Subject {
		t.Errorf("%+v, %v", me, err)
	}
	// The cookie is nobody on the ClickHouse port.
	port, err := url.Parse(srv.ClickHouse())
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(port, jar.Cookies(server))
	if resp := get(browser, port.String()+"/?query=SELECT+1"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the port answers a cookie with %d", resp.StatusCode)
	}
}
