// Package idp runs a real OpenID Connect provider on loopback, for tests: the server of zitadel/oidc, with claims and a key that a test can change.
package idp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The clients that the provider knows, and their secret.
const (
	Client      = "weir"
	OtherClient = "another"
	Secret      = "client secret"
)

// Subject is who signs in.
const Subject = "id2"

// KeyPair is what tokens are signed with.
type KeyPair struct {
	Name    string
	Private *rsa.PrivateKey
}

// NewKey makes a key.
func NewKey(t testing.TB, name string) *KeyPair {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &KeyPair{name, k}
}

// SignatureAlgorithm, Key and ID implement op.SigningKey.
func (k *KeyPair) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *KeyPair) Key() any                                    { return k.Private }
func (k *KeyPair) ID() string                                  { return k.Name }

// Sign makes a token with any claims.
func (k *KeyPair) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return Sign(t, jose.RS256, k.Private, k.Name, claims)
}

// Sign makes a token with any algorithm, key and claims.
func Sign(t testing.TB, alg jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	out, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type public struct{ *KeyPair }

func (p public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (p public) Use() string                        { return "sig" }
func (p public) Key() any                           { return &p.Private.PublicKey }

// store is the provider's storage with the claims and the key of the test.
type store struct {
	*storage.Storage
	mu     sync.Mutex
	claims map[string]any
	key    *KeyPair
	asked  int
}

func (s *store) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key, nil
}

func (s *store) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return []op.Key{public{s.key}}, nil
}

func (s *store) add(u *oidc.UserInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.claims {
		u.AppendClaims(k, v)
	}
}

func (s *store) SetUserinfoFromScopes(ctx context.Context, u *oidc.UserInfo, user, client string, scopes []string) error {
	s.add(u)
	return s.Storage.SetUserinfoFromScopes(ctx, u, user, client, scopes)
}

func (s *store) SetUserinfoFromRequest(ctx context.Context, u *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	s.add(u)
	return s.Storage.SetUserinfoFromRequest(ctx, u, r, scopes)
}

// Provider is a running provider.
type Provider struct {
	URL      string
	redirect string
	store    *store
}

// Start runs a provider until the test ends. Its clients send browsers back to redirect. front, if set, stands before it.
func Start(t testing.TB, redirect string, front func(http.Handler) http.Handler) *Provider {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	clients := map[string]*storage.Client{}
	for _, id := range []string{Client, OtherClient} {
		clients[id] = storage.WebClient(id, Secret, redirect)
	}
	s := &store{Storage: storage.NewStorageWithClients(storage.NewUserStore(server.URL), clients), claims: map[string]any{}, key: NewKey(t, "key-1")}
	handler = exampleop.SetupServer(server.URL, s, slog.New(slog.DiscardHandler), false, op.WithAllowInsecure())
	if front != nil {
		handler = front(handler)
	}
	return &Provider{server.URL, redirect, s}
}

// SetClaims replaces the claims that tokens have beside the usual ones.
func (p *Provider) SetClaims(claims map[string]any) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.claims = maps.Clone(claims)
}

// Key is what tokens are signed with now.
func (p *Provider) Key() *KeyPair {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	return p.store.key
}

// SetKey replaces the key.
func (p *Provider) SetKey(k *KeyPair) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.key = k
}

// Asked is how often its keys were asked for.
func (p *Provider) Asked() int {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	return p.store.asked
}

var form = regexp.MustCompile(`name="id" value="([^"]+)"`)

// Browse signs in at the provider as a browser does that is sent to an address, and returns the address that it is sent back to.
func (p *Provider) Browse(t testing.TB, to string) *url.URL {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	var back *url.URL
	c := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), p.redirect) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page := body(t)(c.Get(to))
	m := form.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no form: %s", page)
	}
	page = body(t)(c.PostForm(p.URL+"/login/username", url.Values{"username": {"test-user2"}, "password": {"verysecure"}, "id": {m[1]}}))
	if back == nil {
		t.Fatalf("not sent back: %s", page)
	}
	return back
}

func body(t testing.TB) func(*http.Response, error) string {
	return func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// Token signs in by a client of the provider, as another application of the same people does, and returns the token that it gets.
func (p *Provider) Token(t testing.TB, client string) string {
	t.Helper()
	var at struct {
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
	}
	if err := json.Unmarshal([]byte(body(t)(http.Get(p.URL+"/.well-known/openid-configuration"))), &at); err != nil {
		t.Fatal(err)
	}
	back := p.Browse(t, at.Authorize+"?"+url.Values{"client_id": {client}, "redirect_uri": {p.redirect}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"s"}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at.Token,
		strings.NewReader(url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {p.redirect}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, url.QueryEscape(Secret))
	text := body(t)(http.DefaultClient.Do(req))
	var got struct {
		Token string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Token == "" {
		t.Fatalf("no token: %s", text)
	}
	return got.Token
}
