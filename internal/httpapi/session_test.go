package httpapi_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"weir/internal/audit"
)

// browser keeps cookies.
type browser struct {
	f       *fixture
	cookies map[string]*http.Cookie
	tls     bool
	from    string // an address; empty: that of httptest
}

// do sends a request as a page of the site does, unless header says otherwise.
func (b *browser) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	b.f.t.Helper()
	if !slices.Contains(header, "Sec-Fetch-Site") && !slices.Contains(header, "Origin") {
		header = append(header, "Sec-Fetch-Site", "same-origin")
	}
	return b.send(method, path, body, header...)
}

// send sends a request with the browser's cookies, and with no more headers than are given.
func (b *browser) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	b.f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if b.tls {
		r.TLS = new(tls.ConnectionState)
	}
	if b.from != "" {
		r.RemoteAddr = b.from + ":1234"
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.f.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return w
}

const annSignsIn = `{"tenant":"acme","email":"ANN@example.com","password":"correct horse"}`

func newBrowser(t *testing.T) (*browser, string) {
	f := newFixture(t)
	id := f.want(201, f.do("POST", "/api/v1/tenants/acme/users", f.keys["admin"], `{"email":"ann@example.com","name":"Ann","role":"admin","password":"correct horse"}`))["id"].(string)
	f.audit.appended = nil
	return &browser{f: f, cookies: map[string]*http.Cookie{}}, id
}

func TestSession(t *testing.T) {
	b, id := newBrowser(t)
	f := b.f
	f.want(204, b.do("POST", "/api/v1/session", annSignsIn))
	if e := f.audit.last(t); e.Action != audit.SignIn || e.Outcome != audit.OK || e.Actor != "local:"+id || e.Tenant != "acme" || e.From != "192.0.2.1" {
		t.Errorf("recorded %+v", e)
	}
	c := b.cookies["weir_session"]
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" {
		t.Fatalf("cookies are %+v", b.cookies)
	}
	me := f.want(200, b.do("GET", "/api/v1/me", ""))
	if me["tenant"] != "acme" || me["role"] != "admin" || me["user"] != "local:"+id || me["name"] != "Ann" || me["email"] != "ann@example.com" {
		t.Errorf("got %v", me)
	}
	// It may what its role may, from pages of this site only.
	f.want(201, b.do("POST", "/api/v1/tenants/acme/keys", `{"role":"viewer"}`, "Sec-Fetch-Site", "same-origin"))
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		f.wantProblem(b.do("POST", "/api/v1/tenants/acme/keys", `{"role":"viewer"}`, header...), 403, "cross_origin", "", "another site")
		f.wantProblem(b.do("POST", "/api/v1/session", annSignsIn, header...), 403, "cross_origin", "", "another site")
		f.wantProblem(b.do("DELETE", "/api/v1/session", "", header...), 403, "cross_origin", "", "another site")
	}
	// One that does not say where it comes from is not taken for one of a page; it may still read, and a key needs no page.
	for _, header := range [][]string{nil, {"Sec-Fetch-Site", "", "Origin", ""}} {
		f.wantProblem(b.send("POST", "/api/v1/tenants/acme/keys", `{"role":"viewer"}`, header...), 403, "cross_origin", "", "neither the header Sec-Fetch-Site nor Origin")
		f.wantProblem(b.send("DELETE", "/api/v1/session", "", header...), 403, "cross_origin", "", "neither the header Sec-Fetch-Site nor Origin")
		f.want(200, b.send("GET", "/api/v1/me", "", header...))
		f.want(201, b.send("POST", "/api/v1/tenants/acme/keys", `{"role":"viewer"}`, append(header, "Authorization", "Bearer "+f.keys["admin"])...))
	}
	f.want(201, b.send("POST", "/api/v1/tenants/acme/keys", `{"role":"viewer"}`, "Origin", "http://example.com"))
	f.wantProblem(b.do("GET", "/api/v1/me", "", "X-Weir-Tenant", "other"), 403, "wrong_tenant", "X-Weir-Tenant", "acme")
	// Signing out ends it in the store too.
	kept := *c
	f.want(204, b.do("DELETE", "/api/v1/session", ""))
	if b.cookies["weir_session"] != nil {
		t.Errorf("cookies are %v", b.cookies)
	}
	b.cookies["weir_session"] = &kept
	f.wantProblem(b.do("GET", "/api/v1/me", ""), 401, "session_ended", "", "sign in again")
	f.wantProblem(f.do("GET", "/api/v1/me", "", ""), 401, "missing_key", "", "no key")
	if me := f.want(200, f.do("GET", "/api/v1/me", f.keys["web"], "")); me["role"] != "writer" || me["site_id"] != "s1" {
		t.Errorf("got %v", me)
	}
}

// The same address may be a user of several tenants, and an operator: the tenant that is named decides, and none means operators.
func TestSignInNamesTheTenant(t *testing.T) {
	b, _ := newBrowser(t)
	f := b.f
	f.want(201, f.do("POST", "/api/v1/tenants/other/users", operator, `{"email":"ann@example.com","name":"Another","role":"viewer","password":"battery staple"}`))
	signIn := func(tenant, password string, status int) {
		t.Helper()
		body := `{"tenant":"` + tenant + `","email":"ann@example.com","password":"` + password + `"}`
		if w := b.do("POST", "/api/v1/session", body); w.Code != status {
			t.Errorf("tenant %q, %s: %d %s", tenant, password, w.Code, w.Body)
		} else if status == 204 {
			if me := f.want(200, b.do("GET", "/api/v1/me", "")); me["tenant"] != tenant {
				t.Errorf("signed in to %q: %v", tenant, me)
			}
		}
	}
	signIn("acme", "correct horse", 204)
	signIn("other", "battery staple", 204)
	signIn("acme", "battery staple", 401)
	signIn("", "correct horse", 401)
	signIn("nobody", "correct horse", 401)
}

// A session ends at once with the role, the password or the user it was made with.
func TestSessionEnds(t *testing.T) {
	b, id := newBrowser(t)
	f := b.f
	for _, end := range []func(){
		func() { f.want(200, f.do("PATCH", "/api/v1/tenants/acme/users/"+id, operator, `{"role":"viewer"}`)) },
		func() {
			f.want(200, f.do("PATCH", "/api/v1/tenants/acme/users/"+id, operator, `{"password":"battery staple"}`))
		},
		func() { f.want(204, f.do("DELETE", "/api/v1/tenants/acme/users/"+id, operator, "")) },
	} {
		if w := b.do("POST", "/api/v1/session", annSignsIn); w.Code != 204 {
			w = b.do("POST", "/api/v1/session", strings.Replace(annSignsIn, "correct horse", "battery staple", 1))
			f.want(204, w)
		}
		f.want(200, b.do("GET", "/api/v1/me", ""))
		end()
		f.wantProblem(b.do("GET", "/api/v1/me", ""), 401, "session_ended", "", "sign in again")
	}
	b.do("DELETE", "/api/v1/session", "")
	f.wantProblem(b.do("POST", "/api/v1/session", annSignsIn), 401, "wrong_password", "", "wrong")
}

// Blanks around an address are no part of it, as where a user is made.
func TestSignInWithBlanks(t *testing.T) {
	b, _ := newBrowser(t)
	b.f.want(204, b.do("POST", "/api/v1/session", strings.Replace(annSignsIn, "ANN@example.com", " ANN@example.com ", 1)))
}

func TestSecureSession(t *testing.T) {
	b, _ := newBrowser(t)
	b.tls = true
	w := b.do("POST", "/api/v1/session", annSignsIn)
	b.f.want(204, w)
	c := b.cookies["__Host-weir_session"]
	if c == nil || !c.Secure || c.Domain != "" || c.Path != "/" {
		t.Fatalf("cookies are %v", b.cookies)
	}
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("TLS without HSTS")
	}
	b.f.want(200, b.do("GET", "/api/v1/me", ""))
	// The plain name, which another host of the domain could set, does not count over TLS.
	c.Name = "weir_session"
	b.cookies = map[string]*http.Cookie{"x": c}
	b.f.wantProblem(b.do("GET", "/api/v1/me", ""), 401, "missing_key", "", "")
}

func TestSignInRefusals(t *testing.T) {
	b, id := newBrowser(t)
	f := b.f
	for _, body := range []string{"", "[]", `{"email":"x"}`, `{"email":"a","password":"b","password":"c"}`, `{"email":1,"password":"x"}`} {
		f.wantProblem(b.do("POST", "/api/v1/session", body), 400, "malformed_json", "", "email")
	}
	f.wantProblem(b.do("POST", "/api/v1/session", strings.Repeat(" ", 9000)), 413, "body_too_large", "", "8192")
	f.audit.appended = nil
	f.wantProblem(b.do("POST", "/api/v1/session", `{"email":"nobody@example.com","password":"my real password"}`), 401, "wrong_password", "", "wrong")
	// What anybody can cause without end is gathered, not synced one by one.
	if g := f.audit.gathered; len(f.audit.appended) != 0 || len(g) != 1 || g[0].Outcome != "wrong_password" || g[0].Actor != "" || strings.Contains(g[0].Target+g[0].Text, "nobody") {
		t.Errorf("recorded %+v, gathered %+v", f.audit.appended, g)
	}
	wrong := strings.Replace(annSignsIn, "horse", "house", 1)
	for range 5 {
		f.wantProblem(b.do("POST", "/api/v1/session", wrong), 401, "wrong_password", "", "wrong")
		if e := f.audit.last(t); e.Actor != "local:"+id || e.Tenant != "acme" || e.Outcome != "wrong_password" {
			t.Errorf("recorded %+v", e)
		}
	}
	w := b.do("POST", "/api/v1/session", annSignsIn) // also with the right one
	f.wantProblem(w, 429, "too_many_sign_ins", "", "sign_in.attempts")
	if w.Header().Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	if len(b.cookies) != 0 {
		t.Errorf("cookies are %v", b.cookies)
	}
	// Addresses are bounded too.
	refused := 0
	for i := range 40 {
		if b.do("POST", "/api/v1/session", `{"email":"x`+strings.Repeat("y", i)+`@example.com","password":"x"}`).Code == 429 {
			refused++
		}
	}
	if refused < 10 || refused > 35 {
		t.Errorf("%d of 40 are refused", refused)
	}
}

func TestSecurityHeaders(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/", "/docs", "/healthz", "/api/v1/tenants", "/nothing", "/api/v1/me"} {
		h := f.do("GET", path, "", "").Header()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS without TLS", path)
		}
	}
}

// TestKnownDevice: strangers with wrong passwords keep out whoever comes for the first time, and not a browser that has signed in to the account before.
func TestKnownDevice(t *testing.T) {
	ann, id := newBrowser(t)
	f := ann.f
	f.want(201, f.do("POST", "/api/v1/tenants/acme/users", f.keys["admin"], `{"email":"bob@example.com","name":"Bob","role":"admin","password":"battery staple"}`))
	again := func(b *browser) *browser {
		x := &browser{f: f, cookies: map[string]*http.Cookie{}, from: b.from, tls: b.tls}
		for name, c := range b.cookies {
			if strings.Contains(name, "weir_device") {
				kept := *c
				x.cookies[name] = &kept
			}
		}
		return x
	}
	bob := &browser{f: f, cookies: map[string]*http.Cookie{}, from: "198.51.100.9"}
	f.want(204, ann.do("POST", "/api/v1/session", annSignsIn))
	f.want(204, bob.do("POST", "/api/v1/session", `{"tenant":"acme","email":"bob@example.com","password":"battery staple"}`))
	laptop := &browser{f: f, cookies: map[string]*http.Cookie{}}
	f.want(204, laptop.do("POST", "/api/v1/session", annSignsIn))
	ann = again(ann)
	if len(ann.cookies) != 1 {
		t.Fatalf("cookies are %v", ann.cookies)
	}
	var name string
	for n, c := range ann.cookies {
		if name = n; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 365*24*3600 || strings.Contains(c.Value, "192.0.2.1") {
			t.Errorf("the cookie is %+v", c)
		}
	}
	wrong := strings.Replace(annSignsIn, "horse", "house", 1)
	refused := 0
	for i := range 40 { // from eight addresses, five each
		s := &browser{f: f, cookies: map[string]*http.Cookie{}, from: "203.0.113." + string(rune('1'+i%8))}
		if s.do("POST", "/api/v1/session", wrong).Code == 429 {
			refused++
		}
	}
	if refused < 20 || refused > 22 {
		t.Errorf("%d of 40 guesses are refused, want those beyond 20, two of which were hers", refused)
	}
	stranger := &browser{f: f, cookies: map[string]*http.Cookie{}, from: "203.0.113.77"}
	f.wantProblem(stranger.do("POST", "/api/v1/session", annSignsIn), 429, "too_many_sign_ins", "", "signed in to it before")
	forged := again(ann)
	forged.cookies[name].Value = strings.Replace(forged.cookies[name].Value, ".", ".X", 1)
	f.wantProblem(forged.do("POST", "/api/v1/session", annSignsIn), 429, "too_many_sign_ins", "", "")
	others := again(bob)
	for _, c := range others.cookies {
		c.Name = name
	}
	f.wantProblem(others.do("POST", "/api/v1/session", annSignsIn), 429, "too_many_sign_ins", "", "")
	f.want(204, again(bob).do("POST", "/api/v1/session", `{"tenant":"acme","email":"bob@example.com","password":"battery staple"}`))
	f.want(204, again(ann).do("POST", "/api/v1/session", annSignsIn))
	moved := again(ann) // the device counts, not the address
	moved.from = "203.0.113.1"
	f.want(204, moved.do("POST", "/api/v1/session", annSignsIn))
	// Whoever has the cookie has few guesses too.
	refused = 0
	for range 10 {
		if again(ann).do("POST", "/api/v1/session", wrong).Code == 429 {
			refused++
		}
	}
	if refused != 7 {
		t.Errorf("%d of 10 guesses of a device that has signed in twice are refused", refused)
	}
	f.want(204, again(laptop).do("POST", "/api/v1/session", annSignsIn))
	// Another password ends it.
	f.want(200, f.do("PATCH", "/api/v1/tenants/acme/users/"+id, operator, `{"password":"battery staple"}`))
	f.wantProblem(again(bob).do("POST", "/api/v1/session", `{"tenant":"acme","email":"ann@example.com","password":"battery staple"}`), 429, "too_many_sign_ins", "", "")
	f.wantProblem(again(laptop).do("POST", "/api/v1/session", strings.Replace(annSignsIn, "correct horse", "battery staple", 1)), 429, "too_many_sign_ins", "", "")
}
