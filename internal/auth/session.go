package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"weir/internal/catalog"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// SessionStore is what sessions need of the catalog.
type SessionStore interface {
	CreateSession(ctx context.Context, s catalog.Session) error
	Session(ctx context.Context, hash [32]byte) (catalog.Session, error)
	TouchSession(ctx context.Context, hash [32]byte, seen, expires time.Time) error
	DeleteSession(ctx context.Context, hash [32]byte) error
	ForgetSessions(ctx context.Context, expiredBefore time.Time) (int, error)
	UserByEmail(t tenant.ID, email string) (catalog.User, bool)
	UserByID(t tenant.ID, id string) (catalog.User, bool)
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
}

// SessionConfig configures Sessions. A zero number is replaced by its default.
type SessionConfig struct {
	Store      SessionStore
	Passwords  *Passwords
	Idle       time.Duration    // without use, after which a session ends: 12 h
	Max        time.Duration    // after which it ends in any case: 7 days
	Attempts   int              // sign-ins for one account at once, from one address or device: 5; then one each 30 s
	AttemptsIP int              // sign-ins a minute from one address: 30
	Secret     []byte           // signs the cookies of known devices; nil makes one that ends with the process
	Now        func() time.Time // default: time.Now; a seam of tests
}

// Sessions signs people in with a password, and knows browsers that are signed in by their cookie. It is safe for concurrent use.
type Sessions struct {
	cfg   SessionConfig
	cross *http.CrossOriginProtection
	// Attempts to sign in, each counted where it belongs: see admit.
	sources  *limiters[netip.Prefix]
	pairs    *limiters[pair]
	accounts *limiters[string]
	devices  *limiters[string]

	mu    sync.Mutex
	known map[[32]byte]remembered
}

// remembered spares a look into the store. What another process ends is noticed when it is looked up again.
type remembered struct {
	session  catalog.Session
	password string // the hash of the user's password then: another one has ended the session
	at       time.Time
}

const (
	rememberFor   = 3 * time.Second
	maxRemembered = 20_000
	touchEvery    = time.Minute
)

// The names of the cookie. The prefix makes browsers accept it only over TLS, for this host alone.
const (
	cookieName       = "weir_session"
	secureCookieName = "__Host-weir_session"
)

// NewSessions returns Sessions.
func NewSessions(cfg SessionConfig) (*Sessions, error) {
	if cfg.Store == nil || cfg.Passwords == nil {
		return nil, errors.New("auth: sessions need a Store and Passwords")
	}
	if cfg.Idle == 0 {
		cfg.Idle = 12 * time.Hour
	}
	if cfg.Max == 0 {
		cfg.Max = 7 * 24 * time.Hour
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 5
	}
	if cfg.AttemptsIP == 0 {
		cfg.AttemptsIP = 30
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Secret == nil {
		cfg.Secret = []byte(rand.Text() + rand.Text())
	}
	slow := rate.Every(30 * time.Second)
	return &Sessions{cfg: cfg, cross: http.NewCrossOriginProtection(), known: map[[32]byte]remembered{},
		sources:  newLimiters[netip.Prefix](rate.Limit(float64(cfg.AttemptsIP)/60), cfg.AttemptsIP),
		pairs:    newLimiters[pair](slow, cfg.Attempts),
		accounts: newLimiters[string](strangers*slow, strangers*cfg.Attempts),
		devices:  newLimiters[string](slow, cfg.Attempts),
	}, nil
}

// SignIn checks an email address and a password, and begins a session. It takes as long for an address that nobody has. Users of a tenant
// name it; operators name none. To look in all tenants would tell who is in another one.
//
// Beside the session's cookie it returns the one by which the browser is known the next time.
func (s *Sessions) SignIn(r *http.Request, t tenant.ID, email, password string) ([]*http.Cookie, tenant.Principal, *problem.Problem) {
	if err := s.cross.Check(r); err != nil {
		return nil, tenant.Principal{}, crossOrigin()
	}
	u, there := s.cfg.Store.UserByEmail(t, email)
	account, device := string(t)+" "+strings.ToLower(email), ""
	if there {
		account, device = string(t)+" "+u.ID, s.deviceOf(r, u)
	}
	if p := s.admit(origin.From(r.Context()).Addr, account, device); p != nil {
		return nil, tenant.Principal{}, p
	}
	ok, err := s.cfg.Passwords.Verify(r.Context(), u.Password, password)
	switch {
	case errors.Is(err, ErrPasswordBusy):
		return nil, tenant.Principal{}, problem.New(http.StatusServiceUnavailable, "sign_in_busy", "too many sign in at once: try again").WithRetry(2 * time.Second)
	case err != nil || !ok:
		return nil, tenant.Principal{}, problem.New(http.StatusUnauthorized, "wrong_password", "the tenant, the email address or the password is wrong; users of a tenant must name it (tenant), operators name none")
	}
	if t, ok := s.cfg.Store.TenantByID(u.Tenant); ok && !t.Suspended.IsZero() {
		return nil, tenant.Principal{}, tenant.Suspended(t.ID, t.SuspendedFor)
	}
	who := tenant.Principal{Tenant: u.Tenant, Role: u.Role, User: catalog.LocalUser(u.ID)}
	c, err := s.Begin(r, who, u.Name)
	if err != nil {
		return nil, who, problem.New(http.StatusServiceUnavailable, "sign_in_failed", "the session could not be stored: try again").WithRetry(time.Second)
	}
	return []*http.Cookie{c, s.device(r, u, device)}, who, nil
}

// Begin begins a session of somebody who has proved who they are.
func (s *Sessions) Begin(r *http.Request, who tenant.Principal, name string) (*http.Cookie, error) {
	secret := rand.Text() + rand.Text()
	now := s.cfg.Now().UTC()
	x := catalog.Session{Hash: Hash(secret), Tenant: who.Tenant, User: who.User, Role: who.Role, Name: name, Created: now, Seen: now, Expires: now.Add(min(s.cfg.Idle, s.cfg.Max))}
	if err := s.cfg.Store.CreateSession(r.Context(), x); err != nil {
		return nil, err
	}
	c := s.cookie(r, secret)
	c.MaxAge = int(s.cfg.Max.Seconds())
	return c, nil
}

func (s *Sessions) cookie(r *http.Request, value string) *http.Cookie {
	c := &http.Cookie{Name: cookieName, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if origin.From(r.Context()).Secure || r.TLS != nil {
		c.Name, c.Secure = secureCookieName, true
	}
	return c
}

// secretOf is what the request's cookie holds; empty if it has none.
func (s *Sessions) secretOf(r *http.Request) string {
	c, err := r.Cookie(s.cookie(r, "").Name)
	if err != nil || len(c.Value) > 100 {
		return ""
	}
	return c.Value
}

// End ends the session of the request, if it has one, and returns the cookie that makes the browser forget it.
func (s *Sessions) End(r *http.Request) (*http.Cookie, *problem.Problem) {
	if err := s.cross.Check(r); err != nil {
		return nil, crossOrigin()
	}
	c := s.cookie(r, "")
	c.MaxAge = -1
	secret := s.secretOf(r)
	if secret == "" {
		return c, nil
	}
	if p := s.ownPage(r); p != nil {
		return nil, p
	}
	hash := Hash(secret)
	if err := s.cfg.Store.DeleteSession(r.Context(), hash); err != nil {
		return nil, problem.New(http.StatusServiceUnavailable, "sign_out_failed", "the session could not be ended: try again").WithRetry(time.Second)
	}
	s.forget(hash)
	return c, nil
}

func (s *Sessions) forget(hash [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, hash)
}

// principal is who the request's cookie stands for; false when it has none.
func (s *Sessions) principal(r *http.Request) (tenant.Principal, *problem.Problem, bool) {
	secret := s.secretOf(r)
	if secret == "" {
		return tenant.Principal{}, nil, false
	}
	x, err := s.find(r.Context(), Hash(secret))
	ended := problem.New(http.StatusUnauthorized, "session_ended", "the session has ended: sign in again")
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return tenant.Principal{}, ended, true
	case err != nil:
		return tenant.Principal{}, problem.New(http.StatusServiceUnavailable, "session_unknown", "the session could not be looked up: try again").WithRetry(time.Second), true
	case !s.alive(x):
		return tenant.Principal{}, ended, true
	}
	if p := s.ownPage(r); p != nil {
		return tenant.Principal{}, p, true
	}
	return tenant.Principal{Tenant: x.Tenant, Role: x.Role, User: x.User}, nil, true
}

// alive says whether a session still holds: in time, of a living tenant, and for a local user with the role that they have.
func (s *Sessions) alive(x catalog.Session) bool {
	if !s.cfg.Now().Before(x.Expires) {
		return false
	}
	if x.Tenant != "" {
		if _, ok := s.cfg.Store.TenantByID(x.Tenant); !ok {
			return false
		}
	}
	if id, ok := strings.CutPrefix(x.User, catalog.LocalUser("")); ok {
		u, ok := s.cfg.Store.UserByID(x.Tenant, id)
		return ok && u.Role == x.Role
	}
	return true
}

// find returns a session from memory or the store, and moves its end.
func (s *Sessions) find(ctx context.Context, hash [32]byte) (catalog.Session, error) {
	now := s.cfg.Now().UTC()
	s.mu.Lock()
	k, ok := s.known[hash]
	s.mu.Unlock()
	if ok && now.Sub(k.at) < rememberFor && k.password == s.passwordOf(k.session) {
		return k.session, nil
	}
	x, err := s.cfg.Store.Session(ctx, hash)
	if err != nil {
		s.forget(hash)
		return x, err
	}
	password := s.passwordOf(x)
	if now.Before(x.Expires) && now.Sub(x.Seen) >= touchEvery {
		x.Seen, x.Expires = now, now.Add(s.cfg.Idle)
		if end := x.Created.Add(s.cfg.Max); x.Expires.After(end) {
			x.Expires = end
		}
		if err := s.cfg.Store.TouchSession(ctx, hash, x.Seen, x.Expires); err != nil {
			return x, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxRemembered {
		clear(s.known)
	}
	s.known[hash] = remembered{x, password, now}
	return x, nil
}

// passwordOf is the hash of the password of a session's user; empty for one of an identity provider.
func (s *Sessions) passwordOf(x catalog.Session) string {
	if id, ok := strings.CutPrefix(x.User, catalog.LocalUser("")); ok {
		u, _ := s.cfg.Store.UserByID(x.Tenant, id)
		return u.Password
	}
	return ""
}

// Run forgets sessions that have ended, every hour, until ctx ends.
func (s *Sessions) Run(ctx context.Context, log *slog.Logger) error {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		if _, err := s.cfg.Store.ForgetSessions(ctx, s.cfg.Now()); err != nil && ctx.Err() == nil {
			log.Warn("sessions that have ended could not be removed", "component", "auth", "error", err) // they are refused all the same
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ownPage refuses a request with a session that may change something unless it says that it comes from a page of this site. All browsers that send cookies
// along say where such a request comes from; the check of net/http lets pass what says nothing.
func (s *Sessions) ownPage(r *http.Request) *problem.Problem {
	if err := s.cross.Check(r); err != nil {
		return crossOrigin()
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return problem.New(http.StatusForbidden, codeCrossOrigin,
			"the request has a session and neither the header Sec-Fetch-Site nor Origin, one of which says that it comes from a page of this site, as browsers do. Programs send a key as `Authorization: Bearer KEY`")
	}
	return nil
}

const codeCrossOrigin = "cross_origin"

func crossOrigin() *problem.Problem {
	return problem.New(http.StatusForbidden, codeCrossOrigin,
		"the request comes from another site: with a session only pages of this one may change something. Programs send a key as `Authorization: Bearer KEY`")
}
