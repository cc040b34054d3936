package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// login is a sign-in that has begun: the browser is at the provider.
type login struct {
	issuer   *issuer
	browser  string // what the cookie of the browser that began it holds
	nonce    string
	verifier string // of PKCE
	back     string
	begun    time.Time
}

// logins remembers them by their state. A restart forgets them: people begin again.
type logins struct {
	mu  sync.Mutex
	all map[string]login
}

const (
	loginTime = 10 * time.Minute
	maxLogins = 10_000
)

func (l *logins) put(state string, x login) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]login{}
	}
	if len(l.all) >= maxLogins {
		for k, v := range l.all {
			if x.begun.Sub(v.begun) > loginTime {
				delete(l.all, k)
			}
		}
		if len(l.all) >= maxLogins {
			return false
		}
	}
	l.all[state] = x
	return true
}

// take returns a login once.
func (l *logins) take(state string, now time.Time) (login, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x, ok := l.all[state]
	delete(l.all, state)
	return x, ok && now.Sub(x.begun) <= loginTime
}

// Begin begins a sign-in with the named provider (empty: the first that signs browsers in) and returns the address to send the browser to, and what its
// cookie must hold when it comes back. back is the path to go to in the end.
func (p *Providers) Begin(ctx context.Context, name, back string) (to, browser string, prob *problem.Problem) {
	var i *issuer
	for _, x := range p.all {
		if x.ClientID != "" && (name == "" || x.Name == name) {
			i = x
			break
		}
	}
	if i == nil {
		return "", "", problem.New(http.StatusNotFound, "unknown_provider", "there is no identity provider %q that signs browsers in", name).WithField("issuer")
	}
	if err := i.provider.ready(ctx); err != nil {
		p.log.Warn("an identity provider cannot be reached", "issuer", i.URL, "error", err)
		return "", "", problem.New(http.StatusServiceUnavailable, "identity_provider_unavailable", "the identity provider %s cannot be reached: try again", i.Name).WithRetry(askAgain)
	}
	if !localPath(back) {
		back = "/"
	}
	x := login{issuer: i, browser: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), back: back, begun: p.now()}
	state := rand.Text()
	if !p.logins.put(state, x) {
		return "", "", problem.New(http.StatusServiceUnavailable, "sign_in_busy", "too many sign-ins have begun: try again").WithRetry(time.Minute)
	}
	return i.oauth().AuthCodeURL(state, gooidc.Nonce(x.nonce), oauth2.S256ChallengeOption(x.verifier)), x.browser, nil
}

// localPath says whether s is a path of this installation: nothing that a browser would take for another host.
func localPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.ContainsAny(s, "\\\r\n\t") && len(s) < 2000
}

func (i *issuer) oauth() *oauth2.Config {
	meta, _, _, _ := i.provider.state()
	return &oauth2.Config{ClientID: i.ClientID, ClientSecret: i.secret, RedirectURL: i.RedirectURL, Scopes: i.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: meta.AuthURL, TokenURL: meta.TokenURL}}
}

// Finish ends a sign-in: the browser is back with a code. It returns who signed in, their name, and the path to go to.
func (p *Providers) Finish(r *http.Request, browser string) (who tenant.Principal, name, back string, prob *problem.Problem) {
	q := r.URL.Query()
	x, ok := p.logins.take(q.Get("state"), p.now())
	if !ok || subtle.ConstantTimeCompare([]byte(x.browser), []byte(browser)) != 1 {
		return who, "", "", problem.New(http.StatusBadRequest, "unknown_sign_in", "this sign-in was not begun by this browser, or too long ago: begin again at /auth/login")
	}
	if q.Get("error") != "" {
		return who, "", "", problem.New(http.StatusForbidden, "sign_in_refused", "the identity provider %s refused the sign-in", x.issuer.Name)
	}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), oauth2.HTTPClient, x.issuer.provider.client), askTimeout)
	defer cancel()
	t, err := x.issuer.oauth().Exchange(ctx, q.Get("code"), oauth2.VerifierOption(x.verifier))
	if err != nil {
		p.log.Warn("an identity provider gave no token for a code", "issuer", x.issuer.URL, "error", withoutBody(err))
		return who, "", "", problem.New(http.StatusBadGateway, "sign_in_failed", "the identity provider %s gave no token: begin again at /auth/login", x.issuer.Name)
	}
	raw, _ := t.Extra("id_token").(string)
	who, id, prob := p.verify(ctx, raw)
	if prob != nil {
		return who, "", "", prob
	}
	if id.Issuer != x.issuer.URL || !constantEqual(id.Nonce, x.nonce) || !containsString(id.Audience, x.issuer.ClientID) {
		return tenant.Principal{}, "", "", refuse("the token was not made for this sign-in")
	}
	var claims struct {
		Name     string `json:"name"`
		Username string `json:"preferred_username"`
	}
	if err := id.Claims(&claims); err == nil {
		if name = claims.Name; name == "" {
			name = claims.Username
		}
	}
	return who, name, x.back, nil
}

func constantEqual(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func containsString(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// withoutBody keeps the provider's answer, which may hold tokens, out of the log.
func withoutBody(err error) string {
	if e, ok := err.(*oauth2.RetrieveError); ok && e.Response != nil {
		return e.Response.Status + " " + e.ErrorCode
	}
	return "no answer"
}

// SignsIn says whether a provider signs browsers in.
func (p *Providers) SignsIn() bool {
	for _, x := range p.all {
		if x.ClientID != "" {
			return true
		}
	}
	return false
}
