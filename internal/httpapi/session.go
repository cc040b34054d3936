package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/audit"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Sessions signs browsers in.
type Sessions interface {
	// SignIn returns the cookies to set.
	SignIn(r *http.Request, t tenant.ID, email, password string) ([]*http.Cookie, tenant.Principal, *problem.Problem)
	// Begin begins a session of somebody who has proved who they are.
	Begin(r *http.Request, who tenant.Principal, name string) (*http.Cookie, error)
	// End ends the request's session, and returns the cookie that makes the browser forget it.
	End(r *http.Request) (*http.Cookie, *problem.Problem)
}

// Logins signs browsers in with an identity provider.
type Logins interface {
	Begin(ctx context.Context, name, back string) (to, browser string, prob *problem.Problem)
	// Names are those of the providers that sign browsers in.
	Names() []string
	Finish(r *http.Request, browser string) (who tenant.Principal, name, back string, prob *problem.Problem)
}

const (
	sessionPath  = "/api/v1/session"
	callbackPath = "/auth/callback"
	loginCookie  = "weir_login"
	maxSignIn    = 8 << 10 // bytes of a body
)

type meOutput struct {
	Body struct {
		Tenant string `json:"tenant,omitempty" doc:"Absent for an operator who acts for no tenant"`
		Role   string `json:"role"`
		Actor  string `json:"actor" doc:"As in the audit log"`
		User   string `json:"user,omitempty" doc:"Absent for a key"`
		Name   string `json:"name,omitempty"`
		Email  string `json:"email,omitempty"`
		SiteID string `json:"site_id,omitempty" doc:"Set when the key belongs to one source"`
	}
}

func (a *API) registerSessions() {
	huma.Register(a.huma, huma.Operation{OperationID: "me", Method: http.MethodGet, Path: "/api/v1/me", Tags: []string{"Signing in"},
		Summary: "Who am I", Errors: []int{401}}, a.me)
	if a.cfg.Sessions == nil {
		return
	}
	a.mux.HandleFunc("POST "+sessionPath, a.signIn)
	a.mux.HandleFunc("DELETE "+sessionPath, a.signOut)
	a.Describe(&huma.Operation{OperationID: "sign-in", Method: http.MethodPost, Path: sessionPath, Tags: []string{"Signing in"}, Security: []map[string][]string{},
		Summary: "Sign in with email and password", Description: `Takes {"tenant", "email", "password"} (without tenant for operators) and sets the cookie of the session, which is accepted in place of a key, and one by which the browser is known the next time.`,
		Responses: map[string]*huma.Response{"204": {Description: "Signed in"}, "401": {Description: "The address or the password is wrong"}, "429": {Description: "Too many attempts"}}})
	a.Describe(&huma.Operation{OperationID: "sign-out", Method: http.MethodDelete, Path: sessionPath, Tags: []string{"Signing in"}, Security: []map[string][]string{},
		Summary: "Sign out", Responses: map[string]*huma.Response{"204": {Description: "Signed out"}}})
	if a.cfg.Logins == nil {
		return
	}
	a.mux.HandleFunc("GET /auth/login", a.beginLogin)
	a.mux.HandleFunc("GET "+callbackPath, a.finishLogin)
	a.Describe(&huma.Operation{OperationID: "sign-in-with-provider", Method: http.MethodGet, Path: "/auth/login", Tags: []string{"Signing in"}, Security: []map[string][]string{},
		Summary: "Sign in at an identity provider", Description: "For browsers: sends them to the provider (parameter issuer, where there are several), which sends them back.",
		Responses: map[string]*huma.Response{"302": {Description: "To the provider"}}})
}

func (a *API) me(ctx context.Context, _ *struct{}) (*meOutput, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return nil, err
	}
	out := &meOutput{}
	out.Body.Tenant, out.Body.Role, out.Body.Actor, out.Body.User, out.Body.SiteID = string(p.Tenant), string(p.Role), p.Actor(), p.User, p.Site
	home := p.Tenant
	if p.Role == tenant.RoleOperator {
		home = "" // whatever tenant they act for
	}
	if id, ok := localUser(p.User); ok {
		if u, ok := a.cfg.Catalog.UserByID(home, id); ok {
			out.Body.Name, out.Body.Email = u.Name, u.Email
		}
	}
	return out, nil
}

func localUser(actor string) (string, bool) {
	const local = "local:"
	if len(actor) > len(local) && actor[:len(local)] == local {
		return actor[len(local):], true
	}
	return "", false
}

// signIn reads the body by itself, so that a password never meets what logs or describes bodies.
func (a *API) signIn(w http.ResponseWriter, r *http.Request) {
	defer usage.Label(r.Context(), usage.Control, "")() // a password's hash is made in threads of its own
	w.Header().Set("Cache-Control", "no-store")
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSignIn))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		problem.New(http.StatusRequestEntityTooLarge, "body_too_large", "a sign-in has at most %d bytes", maxSignIn).Write(w)
		return
	}
	var in struct {
		Tenant   string `json:"tenant"`
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err != nil || unmarshalStrict(data, &in) != nil || in.Email == "" || in.Password == "" || len(in.Email) > 254 || len(in.Tenant) > 64 {
		problem.New(http.StatusBadRequest, "malformed_json", `the body must be {"email": "…", "password": "…"}, and "tenant" for users of one`).Write(w)
		return
	}
	in.Email = strings.TrimSpace(in.Email) // as where users are made
	cookies, who, prob := a.cfg.Sessions.SignIn(r, tenant.ID(in.Tenant), in.Email, in.Password)
	if !a.recordSignIn(w, r, who, "password", tenant.ID(in.Tenant), in.Email, prob) {
		return
	}
	for _, c := range cookies {
		http.SetCookie(w, c)
	}
	w.WriteHeader(http.StatusNoContent)
}

// recordSignIn records a sign-in and answers one that failed; false when the answer was given.
func (a *API) recordSignIn(w http.ResponseWriter, r *http.Request, who tenant.Principal, how string, t tenant.ID, email string, prob *problem.Problem) bool {
	if a.cfg.Audit != nil {
		o := origin.From(r.Context())
		e := audit.Entry{Tenant: who.Tenant, Actor: who.Actor(), Role: who.Role, Action: audit.SignIn, Target: how, From: o.String(), Door: "api", Outcome: audit.OK, Request: o.Request}
		if prob != nil {
			e.Tenant, e.Actor, e.Role, e.Outcome = "", "", "", prob.Code
			if u, ok := a.cfg.Catalog.UserByEmail(t, email); ok { // what somebody typed who has no account may be their password
				e.Tenant, e.Actor = u.Tenant, "local:"+u.ID
			}
		}
		if prob != nil && (e.Actor == "" || prob.Status == http.StatusTooManyRequests) {
			a.cfg.Audit.Gather(e) // nothing else bounds how many come: there may be thousands, and each would be synced
		} else if err := a.cfg.Audit.Append(r.Context(), e); err != nil {
			a.log.Error("a sign-in could not be recorded in the audit log", "error", err)
			problem.New(http.StatusServiceUnavailable, "audit_unavailable", "the sign-in could not be recorded in the audit log: try again").WithRetry(time.Second).Write(w)
			return false
		}
	}
	if prob != nil {
		prob.Write(w)
		return false
	}
	return true
}

func (a *API) signOut(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	who, unknown := a.cfg.Auth.Authenticate(r)
	cookie, prob := a.cfg.Sessions.End(r)
	if prob != nil {
		prob.Write(w)
		return
	}
	if a.cfg.Audit != nil && unknown == nil {
		o := origin.From(r.Context())
		a.cfg.Audit.Record(audit.Entry{Tenant: who.Tenant, Actor: who.Actor(), Role: who.Role, Action: audit.SignOut, From: o.String(), Door: "api", Outcome: audit.OK, Request: o.Request})
	}
	http.SetCookie(w, cookie)
	w.WriteHeader(http.StatusNoContent)
}

// beginLogin sends the browser to the identity provider.
func (a *API) beginLogin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	to, browser, prob := a.cfg.Logins.Begin(r.Context(), r.URL.Query().Get("issuer"), r.URL.Query().Get("return"))
	if prob != nil {
		prob.Write(w)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: loginCookie, Value: browser, Path: callbackPath, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: origin.From(r.Context()).Secure, MaxAge: 600})
	http.Redirect(w, r, to, http.StatusFound)
}

// finishLogin begins the session of a browser that is back.
func (a *API) finishLogin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds the code
	var browser string
	if c, err := r.Cookie(loginCookie); err == nil {
		browser = c.Value
	}
	who, name, back, prob := a.cfg.Logins.Finish(r, browser)
	if prob == nil && who.Role != tenant.RoleOperator {
		if t, ok := a.cfg.Catalog.TenantByID(who.Tenant); !ok {
			prob = problem.New(http.StatusForbidden, "unknown_tenant", "you signed in for tenant %q, which does not exist here", who.Tenant)
		} else if !t.Suspended.IsZero() {
			prob = tenant.Suspended(t.ID, t.SuspendedFor)
		}
	}
	var cookie *http.Cookie
	if prob == nil {
		var err error
		if cookie, err = a.cfg.Sessions.Begin(r, who, name); err != nil {
			a.log.Error("a session could not be stored", "error", err)
			prob = problem.New(http.StatusServiceUnavailable, "sign_in_failed", "the session could not be stored: try again").WithRetry(time.Second)
		}
	}
	if !a.recordSignIn(w, r, who, "oidc", "", "", prob) {
		return
	}
	http.SetCookie(w, cookie)
	http.SetCookie(w, &http.Cookie{Name: loginCookie, Path: callbackPath, MaxAge: -1})
	http.Redirect(w, r, back, http.StatusFound)
}
