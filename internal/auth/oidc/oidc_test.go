package oidc

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/testkit/idp"
)

// fixture is a real provider on loopback, and Providers that know it.
type fixture struct {
	t *testing.T
	*idp.Provider
	down  atomic.Bool
	hangs atomic.Bool
	tried atomic.Int32
	// What happens when it hangs: a request has come, and its client has gone.
	hanging, gaveUp chan struct{}
	now             time.Time
	cfg             Config
	log             strings.Builder
	*Providers
}

const redirect = "http://127.0.0.1:1/auth/callback" // nobody is there: the browser of the test stops before

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Now(), hanging: make(chan struct{}, 10), gaveUp: make(chan struct{}, 10)}
	f.Provider = idp.Start(t, redirect, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.tried.Add(1)
			if f.hangs.Load() {
				f.hanging <- struct{}{}
				<-r.Context().Done()
				f.gaveUp <- struct{}{}
				return
			}
			if f.down.Load() {
				http.Error(w, "down", http.StatusBadGateway)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	f.SetClaims(map[string]any{"org": map[string]any{"weir": "acme"}, "roles": []string{"other", "weir-analyst", "weir-viewer"}})
	f.cfg = Config{Issuers: []Issuer{{Name: "corp", URL: f.URL, TenantClaim: "org.weir", RoleClaim: "roles",
		Roles: map[string]string{"weir-viewer": "viewer", "weir-analyst": "analyst", "weir-admin": "admin"}, Operators: []string{"weir-operators"},
		ClientID: idp.Client, RedirectURL: redirect, secret: idp.Secret}}}
	f.open()
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	p, err := New(f.cfg, slog.New(slog.NewTextHandler(&f.log, nil)), func() time.Time { return f.now })
	if err != nil {
		f.t.Fatal(err)
	}
	f.Providers = p
}

func (f *fixture) wantProblem(p *problem.Problem, status int, code, says string) {
	f.t.Helper()
	if p == nil || p.Status != status || p.Code != code || !strings.Contains(p.Detail, says) {
		f.t.Errorf("got %v, want %d %s with %q", p, status, code, says)
	}
}

// sign makes a token as the provider does, with claims changed.
func (f *fixture) sign(k *idp.KeyPair, change map[string]any) string {
	f.t.Helper()
	claims := map[string]any{"iss": f.URL, "sub": "u1", "aud": []string{"x", "weir"}, "exp": f.now.Add(time.Hour).Unix(), "iat": f.now.Unix(),
		"org": map[string]any{"weir": "acme"}, "roles": []string{"weir-viewer"}}
	for k, v := range change {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	return k.Sign(f.t, claims)
}

// A browser signs in with code and PKCE at a real provider, and the token that comes back says who it is.
func TestLogin(t *testing.T) {
	f := newFixture(t)
	to, browser, p := f.Begin(t.Context(), "corp", "/reports?x=1")
	if p != nil {
		t.Fatal(p)
	}
	q, _ := url.Parse(to)
	if q.Query().Get("code_challenge_method") != "S256" || q.Query().Get("nonce") == "" || q.Query().Get("state") == "" {
		t.Errorf("sent to %s", to)
	}
	back := f.Browse(t, to)
	r := httptest.NewRequest("GET", back.String(), nil)
	// Another browser that is given the address gets nothing, with a cookie of its own or one that was changed.
	_, foreign, p := f.Begin(t.Context(), "corp", "/")
	noProblem(t, p)
	for _, cookie := range []string{"", "another", foreign, browser[:20] + map[bool]string{true: "B", false: "A"}[browser[20] == 'A'] + browser[21:]} {
		_, _, _, p = f.Finish(r, cookie)
		f.wantProblem(p, 400, "unknown_sign_in", "begin again")
	}
	_, _, path, p := f.Finish(r, browser)
	if noProblem(t, p); path != "/reports?x=1" {
		t.Errorf("sent to %q", path)
	}
	_, _, _, p = f.Finish(r, browser) // the code is used up
	f.wantProblem(p, 502, "sign_in_failed", "no token")

	to, browser, p = f.Begin(t.Context(), "", "//evil.example/")
	if p != nil {
		t.Fatal(p)
	}
	r = httptest.NewRequest("GET", f.Browse(t, to).String(), nil)
	who, _, path, p := f.Finish(r, browser)
	if p != nil {
		t.Fatal(p)
	}
	want := tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "oidc:id2", KeyID: "oidc"}
	if d := cmp.Diff(want, who); d != "" || path != "/" {
		t.Errorf("%s, sent to %q", d, path)
	}
	_, _, p = f.Begin(t.Context(), "none", "/")
	f.wantProblem(p, 404, "unknown_provider", "none")
	_, _, _, p = f.Finish(httptest.NewRequest("GET", "/auth/callback?state=x&code=y", nil), "")
	f.wantProblem(p, 400, "unknown_sign_in", "begin again")
	// Too late.
	to, browser, _ = f.Begin(t.Context(), "", "/")
	r = httptest.NewRequest("GET", f.Browse(t, to).String(), nil)
	f.now = f.now.Add(loginTime + time.Second)
	_, _, _, p = f.Finish(r, browser)
	f.wantProblem(p, 400, "unknown_sign_in", "too long ago")
	// A code that the provider did not give.
	to, browser, _ = f.Begin(t.Context(), "", "/")
	q, _ = url.Parse(to)
	_, _, _, p = f.Finish(httptest.NewRequest("GET", "/auth/callback?code=stolen&state="+q.Query().Get("state"), nil), browser)
	f.wantProblem(p, 502, "sign_in_failed", "no token")
	if strings.Contains(f.log.String(), "stolen") || strings.Contains(f.log.String(), idp.Secret) {
		t.Error("the log holds a secret")
	}
}

// However many sign-ins somebody begins, those of others can begin and end.
func TestManyLogins(t *testing.T) {
	f := newFixture(t)
	to, browser, p := f.Begin(t.Context(), "corp", "/")
	noProblem(t, p)
	for range 20_000 {
		if _, _, p := f.Begin(t.Context(), "corp", "/"); p != nil {
			t.Fatal(p)
		}
	}
	_, _, _, p = f.Finish(httptest.NewRequest("GET", f.Browse(t, to).String(), nil), browser)
	noProblem(t, p)
	_, cookie, p := f.Begin(t.Context(), "corp", "/"+strings.Repeat("x", maxBack-1))
	if noProblem(t, p); len(cookie) > 3500 {
		t.Errorf("the cookie has %d bytes", len(cookie))
	}
}

// While the provider does not answer, those who come with known keys do not wait for it.
func TestHangingProvider(t *testing.T) {
	f := newFixture(t)
	k := f.Key()
	_, p := f.Verify(t.Context(), f.sign(k, nil))
	noProblem(t, p)
	f.hangs.Store(true)
	f.now = f.now.Add(refresh + time.Minute)
	token := f.sign(k, nil)
	first := make(chan *problem.Problem, 1)
	go func() { _, p := f.Verify(t.Context(), token); first <- p }()
	<-f.hanging // one waits for the provider
	for range 100 {
		_, p := f.Verify(t.Context(), token)
		noProblem(t, p)
	}
	select {
	case <-f.gaveUp:
		t.Error("the others waited until the provider was given up")
	default:
	}
	noProblem(t, <-first)
	asked := f.tried.Load()
	f.now = f.now.Add(askAgain + time.Second)
	_, p = f.Verify(t.Context(), token)
	noProblem(t, p)
	if f.tried.Load() != asked {
		t.Error("a provider that is away is asked again at once")
	}
}

func TestVerify(t *testing.T) {
	f := newFixture(t)
	k := f.Key()
	stranger := idp.NewKey(t, "key-1")
	public, err := json.Marshal(jose.JSONWebKey{Key: &k.Private.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	now := f.now
	for name, tc := range map[string]struct {
		token  string
		want   tenant.Principal
		status int
		says   string
	}{
		"good":            {f.sign(k, nil), tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, User: "oidc:u1", KeyID: "oidc"}, 0, ""},
		"highest role":    {f.sign(k, map[string]any{"roles": []string{"weir-viewer", "weir-admin", "weir-analyst"}}), tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, User: "oidc:u1", KeyID: "oidc"}, 0, ""},
		"role as a text":  {f.sign(k, map[string]any{"roles": "weir-analyst"}), tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "oidc:u1", KeyID: "oidc"}, 0, ""},
		"operator":        {f.sign(k, map[string]any{"roles": []string{"weir-operators"}}), tenant.Principal{Role: tenant.RoleOperator, User: "oidc:u1", KeyID: "oidc"}, 0, ""},
		"within the skew": {f.sign(k, map[string]any{"exp": now.Add(-20 * time.Second).Unix(), "nbf": now.Add(20 * time.Second).Unix()}), tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, User: "oidc:u1", KeyID: "oidc"}, 0, ""},
		"expired":         {f.sign(k, map[string]any{"exp": now.Add(-40 * time.Second).Unix()}), tenant.Principal{}, 401, "expired"},
		"no expiry":       {f.sign(k, map[string]any{"exp": nil}), tenant.Principal{}, 401, "has no expiry (exp)"},
		"not yet":         {f.sign(k, map[string]any{"nbf": now.Add(time.Minute).Unix()}), tenant.Principal{}, 401, "not valid yet"},
		"for others":      {f.sign(k, map[string]any{"aud": "x"}), tenant.Principal{}, 401, "audience"},
		"other issuer":    {f.sign(k, map[string]any{"iss": "https://evil.example"}), tenant.Principal{}, 401, "not come from"},
		"stranger's key":  {f.sign(stranger, nil), tenant.Principal{}, 401, "signature"},
		"unknown key":     {f.sign(&idp.KeyPair{Name: "key-9", Private: stranger.Private}, nil), tenant.Principal{}, 401, "does not have"},
		"shared secret":   {idp.Sign(t, jose.HS256, public, "key-1", map[string]any{"iss": f.URL, "sub": "u1", "aud": "weir", "exp": now.Add(time.Hour).Unix()}), tenant.Principal{}, 401, "RS256"},
		"no algorithm":    {"eyJhbGciOiJub25lIn0." + strings.Split(f.sign(k, nil), ".")[1] + ".", tenant.Principal{}, 401, "RS256"},
		"changed":         {swap(f.sign(k, nil), f.sign(k, map[string]any{"roles": []string{"weir-admin"}})), tenant.Principal{}, 401, "signature"},
		"no subject":      {f.sign(k, map[string]any{"sub": nil}), tenant.Principal{}, 401, "subject"},
		"no role":         {f.sign(k, map[string]any{"roles": []string{"boss"}}), tenant.Principal{}, 403, "roles"},
		"no tenant":       {f.sign(k, map[string]any{"org": nil}), tenant.Principal{}, 403, "org.weir"},
		"not a tenant":    {f.sign(k, map[string]any{"org": map[string]any{"weir": "../x"}}), tenant.Principal{}, 403, "org.weir"},
		"nonsense":        {"eyJx.eyJ.x", tenant.Principal{}, 401, "not come from"},
	} {
		t.Run(name, func(t *testing.T) {
			who, p := f.Verify(t.Context(), tc.token)
			if tc.status == 0 {
				if p != nil {
					t.Fatal(p)
				}
				if d := cmp.Diff(tc.want, who); d != "" {
					t.Error(d)
				}
				return
			}
			if p == nil || p.Status != tc.status || !strings.Contains(p.Detail, tc.says) || who != (tenant.Principal{}) {
				t.Errorf("got %v, %v, want %d with %q", who, p, tc.status, tc.says)
			}
			if p != nil && strings.Contains(p.Detail, tc.token) {
				t.Error("the answer holds the token")
			}
		})
	}
}

// swap puts the claims of b under the signature of a.
func swap(a, b string) string {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	return x[0] + "." + y[1] + "." + x[2]
}

// New keys are found, withdrawn ones go, and a provider that is away does not stop those who come with known keys.
func TestKeys(t *testing.T) {
	f := newFixture(t)
	first := f.Key()
	good := func(k *idp.KeyPair) { t.Helper(); _, p := f.Verify(t.Context(), f.sign(k, nil)); noProblem(t, p) }
	f.down.Store(true)
	_, p := f.Verify(t.Context(), f.sign(first, nil))
	f.wantProblem(p, 503, "identity_provider_unavailable", "try again")
	f.down.Store(false)
	_, p = f.Verify(t.Context(), f.sign(first, nil))
	f.wantProblem(p, 503, "identity_provider_unavailable", "try again") // it is not asked again at once
	f.now = f.now.Add(askAgain)
	good(first)

	second := idp.NewKey(t, "key-2")
	f.SetKey(second)
	f.now = f.now.Add(askAgain)
	good(second)
	_, p = f.Verify(t.Context(), f.sign(first, nil)) // it was withdrawn
	f.wantProblem(p, 401, "invalid_token", "does not have")

	asked := f.Asked()
	for range 50 { // made-up keys do not make it ask
		f.Verify(t.Context(), f.sign(&idp.KeyPair{Name: "made-up", Private: first.Private}, nil))
	}
	if n := f.Asked() - asked; n > 1 {
		t.Errorf("asked %d times", n)
	}
	f.down.Store(true)
	f.now = f.now.Add(refresh + time.Minute)
	good(second)
	f.now = f.now.Add(staleAfter)
	_, p = f.Verify(t.Context(), f.sign(second, nil))
	f.wantProblem(p, 503, "identity_provider_unavailable", "try again")
	f.down.Store(false)
	f.now = f.now.Add(askAgain)
	good(second)
}

func noProblem(t *testing.T, p *problem.Problem) {
	t.Helper()
	if p != nil {
		t.Fatal(p)
	}
}

func TestConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oidc.yaml")
	load := func(text string) (Config, error) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(path)
	}
	good := `issuers:
- name: corp
  issuer: https://idp.example.com
  audiences: [weir]
  tenant_claim: org
  tenants: {Acme Inc: acme}
  role_claim: groups
  roles: {staff: viewer}
`
	c, err := load(good)
	if err != nil || c.Issuers[0].Skew != 30*time.Second || len(c.Issuers[0].Algorithms) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	for change, says := range map[string]string{
		"name: corp→name: a b":                           "name",
		"https://idp→http://idp":                         "https",
		"audiences: [weir]→audiences: []":                "audiences",
		"audiences: [weir]→algorithms: [HS256]":          "HS256",
		"tenant_claim: org→tenant: x":                    "",
		"tenant_claim: org→skew: 1h":                     "skew",
		"Acme Inc: acme→Acme Inc: Acme":                  "Acme",
		"staff: viewer→staff: operator":                  "operators have a list",
		"role_claim: groups→rol: groups":                 "rol",
		"tenant_claim: org→client_secret_file: /nowhere": "client_secret_file",
		"tenant_claim: org→client_id: weir":              "redirect_url",
		"issuers:→x:":                                    "x",
	} {
		from, to, _ := strings.Cut(change, "→")
		_, err := load(strings.Replace(good, from, to, 1))
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", change, err)
		}
	}
	if _, err := load("issuers: []"); err == nil {
		t.Error("a file without issuers is accepted")
	}
}

func FuzzIssuerOf(f *testing.F) {
	p, err := New(Config{Issuers: []Issuer{{Name: "a", URL: "https://x", Audiences: []string{"a"}, Tenant: "t", Role: "viewer"}}}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("eyJh.eyJpc3MiOiJodHRwczovL3gifQ.x")
	f.Fuzz(func(t *testing.T, s string) { p.issuerOf(s) })
}
