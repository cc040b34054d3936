package oidc

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// login is a sign-in that has begun: the browser is at the provider. Nothing of it is kept here: the browser's cookie holds it, sealed, so that however many
// begin, none crowds out another.
type login struct {
	Issuer   string `json:"i"` // its name
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE
	Back     string `json:"b"`
	Begun    int64  `json:"t"` // Unix seconds
}

const (
	loginTime = 10 * time.Minute
	maxBack   = 1000 // bytes of the path to go to in the end: a cookie has about 4 KB
)

// sealer seals logins with a key of this process. A restart forgets it: people begin again.
type sealer struct{ aead cipher.AEAD }

func newSealer() (sealer, error) {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return sealer{}, fmt.Errorf("oidc: random: %w", err)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return sealer{}, fmt.Errorf("oidc: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

func (s sealer) seal(x login) (string, error) {
	text, err := json.Marshal(x)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, nil)), nil
}

// open returns a login that was sealed here and is not too old.
func (s sealer) open(sealed string, now time.Time) (x login, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		raw, err = s.aead.Open(nil, nil, raw, nil)
	}
	if err == nil {
		err = json.Unmarshal(raw, &x)
	}
	return x, err == nil && now.Sub(time.Unix(x.Begun, 0)) <= loginTime
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
	x := login{Issuer: i.Name, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Back: back, Begun: p.now().Unix()}
	if browser, err := p.sealer.seal(x); err == nil {
		return i.oauth().AuthCodeURL(x.State, gooidc.Nonce(x.Nonce), oauth2.S256ChallengeOption(x.Verifier)), browser, nil
	}
	return "", "", problem.New(http.StatusInternalServerError, "internal", "the sign-in could not begin")
}

// localPath says whether s is a path of this installation: nothing that a browser would take for another host.
func localPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.ContainsAny(s, "\\\r\n\t") && len(s) <= maxBack
}

func (i *issuer) oauth() *oauth2.Config {
	meta, _, _, _ := i.provider.state()
	return &oauth2.Config{ClientID: i.ClientID, ClientSecret: i.secret, RedirectURL: i.RedirectURL, Scopes: i.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: meta.AuthURL, TokenURL: meta.TokenURL}}
}

// Finish ends a sign-in: the browser is back with a code. It returns who signed in, their name, and the path to go to.
func (p *Providers) Finish(r *http.Request, browser string) (who tenant.Principal, name, back string, prob *problem.Problem) {
	q := r.URL.Query()
	x, ok := p.sealer.open(browser, p.now())
	i := p.named(x.Issuer)
	if !ok || i == nil || !constantEqual(x.State, q.Get("state")) {
		return who, "", "", problem.New(http.StatusBadRequest, "unknown_sign_in", "this sign-in was not begun by this browser, or too long ago: begin again at /auth/login")
	}
	if q.Get("error") != "" {
		return who, "", "", problem.New(http.StatusForbidden, "sign_in_refused", "the identity provider %s refused the sign-in", i.Name)
	}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), oauth2.HTTPClient, i.provider.client), askTimeout)
	defer cancel()
	t, err := i.oauth().Exchange(ctx, q.Get("code"), oauth2.VerifierOption(x.Verifier))
	if err != nil {
		p.log.Warn("an identity provider gave no token for a code", "issuer", i.URL, "error", withoutBody(err))
		return who, "", "", problem.New(http.StatusBadGateway, "sign_in_failed", "the identity provider %s gave no token: begin again at /auth/login", i.Name)
	}
	raw, _ := t.Extra("id_token").(string)
	who, id, prob := p.verify(ctx, raw)
	if prob != nil {
		return who, "", "", prob
	}
	if id.Issuer != i.URL || !constantEqual(id.Nonce, x.Nonce) || !containsString(id.Audience, i.ClientID) {
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
	return who, name, x.Back, nil
}

// named is the provider with a name; nil if there is none that signs browsers in.
func (p *Providers) named(name string) *issuer {
	for _, x := range p.all {
		if x.ClientID != "" && x.Name == name {
			return x
		}
	}
	return nil
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

// Names are those of the providers that sign browsers in, as in the file.
func (p *Providers) Names() []string {
	names := []string{}
	for _, x := range p.all {
		if x.ClientID != "" {
			names = append(names, x.Name)
		}
	}
	return names
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
