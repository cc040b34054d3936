// Package auth finds out who makes a request: it reads the key from the headers, looks it up in the
// catalog and returns the tenant, the role and what the key is.
//
// A key comes as "Authorization: Bearer KEY", as Basic authentication (the password, or the user when the password is
// empty), or as "X-Weir-Key: KEY"; never in the URL, because URLs end up in logs and histories.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Keys is what is needed of the catalog; all of it is answered from memory.
type Keys interface {
	KeyByHash(hash [32]byte) (catalog.Key, catalog.Tenant, bool)
	SourceBySite(siteOrAlias string) (catalog.Source, catalog.Tenant, bool)
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
}

// Tokens verifies tokens of identity providers (JWT).
type Tokens interface {
	// Verify returns who a token stands for: a principal with User, and without Tenant for an operator.
	Verify(ctx context.Context, token string) (tenant.Principal, *problem.Problem)
}

// Config configures an Authenticator.
type Config struct {
	Keys          Keys
	OperatorToken string
	Sessions      *Sessions // nil: cookies are nobody
	Tokens        Tokens    // nil: no tokens of identity providers
	// Refused, if set, is told of each request that is refused, and whose credentials it had when they are good but for another tenant; of a key that has expired, of which tenant it was.
	Refused    func(r *http.Request, who tenant.Principal, p *problem.Problem)
	Registerer prometheus.Registerer // nil keeps the metrics unregistered
	Now        func() time.Time      // default: time.Now; a seam of tests
}

// Authenticator authenticates requests. It is safe for concurrent use. It keeps no cache: the hash of a
// key costs less than 100 ns, and a cache would hold secrets in memory and need a way to forget them.
type Authenticator struct {
	cfg      Config
	operator [32]byte // hash of the operator's token
	refused  *prometheus.CounterVec
	uses     uses
}

// New returns an Authenticator.
func New(cfg Config) (*Authenticator, error) {
	if cfg.Keys == nil {
		return nil, errors.New("auth: Keys is nil")
	}
	if cfg.OperatorToken == "" {
		return nil, errors.New("auth: OperatorToken is empty")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Authenticator{cfg: cfg, operator: Hash(cfg.OperatorToken)}
	a.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weir_auth_refused_total", Help: "Requests refused by authentication, by code of the answer.",
	}, []string{"code"})
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(a.refused); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// NewKey makes a key for a role, and the hash that is stored of it.
func (a *Authenticator) NewKey(role tenant.Role) (key string, hash [32]byte, err error) {
	key, err = NewKey(role)
	return key, Hash(key), err
}

// Hash is what is stored of a key.
func Hash(key string) [32]byte { return sha256.Sum256([]byte(key)) }

// Authenticate returns who makes the request, or a problem of status 400 (a header given twice, or an empty name of a tenant), 401 (no key, a wrong or an expired one: then with whose it was), 403 (a key of
// another tenant than the one named, or of one that is suspended: then with whose it is) or 404 (the operator named a tenant that does not exist).
func (a *Authenticator) Authenticate(r *http.Request) (tenant.Principal, *problem.Problem) {
	return a.counted(r, a.cfg.Sessions)
}

// WithoutSessions authenticates by keys and tokens only: cookies of browsers do not count at the doors that use it.
func (a *Authenticator) WithoutSessions() Keyed { return Keyed{a} }

// Keyed is an Authenticator that takes no cookies.
type Keyed struct{ a *Authenticator }

// Authenticate is Authenticator.Authenticate without cookies.
func (k Keyed) Authenticate(r *http.Request) (tenant.Principal, *problem.Problem) {
	return k.a.counted(r, nil)
}

// AuthenticateKey is Authenticate with a key that the request does not have in its headers but where a foreign protocol puts it: in the body,
// or in the address.
func (k Keyed) AuthenticateKey(r *http.Request, key string) (tenant.Principal, *problem.Problem) {
	if prob := ambiguous(r); prob != nil {
		return k.a.noted(r, tenant.Principal{}, prob)
	}
	p, prob := k.a.standing(k.a.byKey(r, "", key))
	return k.a.noted(r, p, prob)
}

// IsKey says whether a text is somebody's key, or written like one of weir's: a deleted key is still nothing but a key.
func (k Keyed) IsKey(text string) bool {
	if _, err := RoleOf(text); err == nil {
		return true
	}
	hash := Hash(text)
	if subtle.ConstantTimeCompare(hash[:], k.a.operator[:]) == 1 {
		return true
	}
	_, _, ok := k.a.cfg.Keys.KeyByHash(hash)
	return ok
}

func (a *Authenticator) counted(r *http.Request, s *Sessions) (tenant.Principal, *problem.Problem) {
	if prob := ambiguous(r); prob != nil {
		return a.noted(r, tenant.Principal{}, prob)
	}
	p, prob := a.standing(a.authenticate(r, s))
	return a.noted(r, p, prob)
}

// ambiguous refuses a request of which it would be chance who makes it, or for whom: with a header given twice, two different keys, or an empty name of a tenant, which
// for an operator would mean all of them.
func ambiguous(r *http.Request) *problem.Problem {
	for _, name := range [...]string{"Authorization", "X-Weir-Key", tenant.Header} {
		values := r.Header[name]
		switch {
		case len(values) > 1:
			return problem.New(http.StatusBadRequest, "duplicate_header", "the header %s is given %d times: send it once", name, len(values)).WithField(name)
		case name == tenant.Header && len(values) == 1 && values[0] == "":
			return problem.New(http.StatusBadRequest, "empty_header", "the header %s is empty: name a tenant, or leave the header out", name).WithField(name)
		}
	}
	if other := r.Header.Get("X-Weir-Key"); other != "" && r.Header.Get("Authorization") != "" {
		if _, key, prob := credentials(r); prob == nil && subtle.ConstantTimeCompare([]byte(other), []byte(key)) != 1 {
			return problem.New(http.StatusBadRequest, "ambiguous_key", "the headers Authorization and X-Weir-Key hold different keys: send one of them").WithField("X-Weir-Key")
		}
	}
	return nil
}

// standing refuses whoever belongs to a suspended tenant. Operators may look after it.
func (a *Authenticator) standing(p tenant.Principal, prob *problem.Problem) (tenant.Principal, *problem.Problem) {
	if prob == nil && p.Role != tenant.RoleOperator {
		if t, ok := a.cfg.Keys.TenantByID(p.Tenant); ok && !t.Suspended.IsZero() {
			return p, tenant.Suspended(t.ID, t.SuspendedFor)
		}
	}
	return p, prob
}

// noted counts a refusal, and hides from the caller whose credentials were refused, unless it is because the tenant is suspended or the key has expired: whose loss that is must be known.
func (a *Authenticator) noted(r *http.Request, p tenant.Principal, prob *problem.Problem) (tenant.Principal, *problem.Problem) {
	if prob != nil {
		a.refused.WithLabelValues(prob.Code).Inc()
		if a.cfg.Refused != nil {
			a.cfg.Refused(r, p, prob)
		}
		if prob.Code == tenant.CodeSuspended || prob.Code == tenant.CodeExpired {
			return p, prob
		}
		return tenant.Principal{}, prob
	}
	return p, nil
}

// authenticate returns with code wrong_tenant whose credentials they are.
func (a *Authenticator) authenticate(r *http.Request, s *Sessions) (tenant.Principal, *problem.Problem) {
	user, key, prob := credentials(r)
	named := r.Header.Get(tenant.Header)
	if prob != nil {
		if prob.Code != "missing_key" || s == nil {
			return tenant.Principal{}, prob
		}
		p, sessionProb, ok := s.principal(r)
		switch {
		case !ok:
			return tenant.Principal{}, prob
		case sessionProb != nil:
			return tenant.Principal{}, sessionProb
		}
		return a.person(p, named, "")
	}
	return a.byKey(r, user, key)
}

// byKey is who a key or a token stands for. user is the user name that came with it, if any.
func (a *Authenticator) byKey(r *http.Request, user, key string) (tenant.Principal, *problem.Problem) {
	named := r.Header.Get(tenant.Header)
	if a.cfg.Tokens != nil && looksLikeToken(key) {
		p, prob := a.cfg.Tokens.Verify(r.Context(), key)
		if prob != nil {
			return tenant.Principal{}, prob
		}
		return a.person(p, named, user)
	}
	hash := Hash(key)
	if subtle.ConstantTimeCompare(hash[:], a.operator[:]) == 1 {
		return a.operatorFor("operator", named, user)
	}
	k, t, ok := a.cfg.Keys.KeyByHash(hash)
	if !ok {
		return tenant.Principal{}, problem.New(http.StatusUnauthorized, "unknown_key",
			"the key is not known here: check for a typing error, or create one with `weir key create`; a deleted key or one of a deleted tenant does not work any more")
	}
	if !k.Expires.IsZero() && !a.cfg.Now().Before(k.Expires) {
		return tenant.Principal{Tenant: t.ID, Site: k.Site}, problem.New(http.StatusUnauthorized, tenant.CodeExpired,
			"the key %s%s expired at %s: create a new one with `weir key create`", k.ID, ofTenant(t.ID), k.Expires.Format(time.RFC3339))
	}
	a.uses.note(&k, a.cfg.Now())
	if k.Tenant == "" {
		return a.operatorFor(k.ID, named, user)
	}
	p := tenant.Principal{Tenant: t.ID, Role: k.Role, KeyID: k.ID, Site: k.Site}
	if k.Site != "" {
		if s, _, ok := a.cfg.Keys.SourceBySite(k.Site); ok {
			p.KeyID = "write:" + s.ID
		}
	}
	if named != "" && named != string(t.ID) {
		return p, problem.New(http.StatusForbidden, "wrong_tenant",
			"the key belongs to tenant %s, the header %s names %q: leave the header out or use a key of that tenant", t.ID, tenant.Header, named).WithField(tenant.Header)
	}
	return p, nil
}

// looksLikeToken says whether a credential has the form of a JWT, which no key has.
func looksLikeToken(s string) bool { return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 }

// person is somebody who signed in. Their tenant must live; an operator may act for one.
func (a *Authenticator) person(p tenant.Principal, named, user string) (tenant.Principal, *problem.Problem) {
	if p.Role == tenant.RoleOperator {
		op, prob := a.operatorFor(p.KeyID, named, user)
		if prob != nil {
			return tenant.Principal{}, prob
		}
		op.User = p.User
		return op, nil
	}
	if _, ok := a.cfg.Keys.TenantByID(p.Tenant); !ok {
		return tenant.Principal{}, problem.New(http.StatusForbidden, "unknown_tenant", "you signed in for tenant %q, which does not exist here", p.Tenant)
	}
	if named != "" && named != string(p.Tenant) {
		return p, problem.New(http.StatusForbidden, "wrong_tenant",
			"you signed in for tenant %s, the header %s names %q", p.Tenant, tenant.Header, named).WithField(tenant.Header)
	}
	return p, nil
}

func ofTenant(id tenant.ID) string {
	if id == "" {
		return ""
	}
	return " of tenant " + string(id)
}

// operatorFor is the operator, acting for the tenant in the header, else for the one that the user name of Basic
// authentication names, if there is such a tenant.
func (a *Authenticator) operatorFor(keyID, named, user string) (tenant.Principal, *problem.Problem) {
	p := tenant.Principal{Role: tenant.RoleOperator, KeyID: keyID}
	if named != "" {
		t, ok := a.cfg.Keys.TenantByID(tenant.ID(named))
		if !ok {
			return tenant.Principal{}, problem.New(http.StatusNotFound, "tenant_not_found",
				"the header %s names tenant %q, which does not exist", tenant.Header, named).WithField(tenant.Header)
		}
		p.Tenant = t.ID
	} else if t, ok := a.cfg.Keys.TenantByID(tenant.ID(user)); ok {
		p.Tenant = t.ID
	}
	return p, nil
}

// credentials reads the key, and the user name of Basic authentication.
func credentials(r *http.Request) (user, key string, prob *problem.Problem) {
	header := r.Header.Get("Authorization")
	if header == "" {
		if key := r.Header.Get("X-Weir-Key"); key != "" {
			return "", key, nil
		}
		return "", "", missing(r.URL)
	}
	scheme, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	ok := false
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		key, ok = rest, rest != ""
	case strings.EqualFold(scheme, "Basic"):
		user, key, ok = parseBasic(rest)
	}
	if !ok {
		return "", "", unauthorized("bad_authorization",
			"the header Authorization must be `Bearer KEY`, or Basic with the key as password").WithField("Authorization")
	}
	return user, key, nil
}

// parseBasic decodes "user:password" in base64. With an empty password the user is the key.
func parseBasic(s string) (user, key string, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(s); err != nil {
			return "", "", false
		}
	}
	user, key, ok = strings.Cut(string(raw), ":")
	if key == "" {
		user, key = "", user
	}
	return user, key, ok && key != ""
}

func missing(u *url.URL) *problem.Problem {
	if u != nil && u.RawQuery != "" && u.Query().Has("key") {
		return unauthorized("key_in_url",
			"a key in the URL is not accepted, because URLs end up in logs: send it as the header `Authorization: Bearer KEY` and replace this one").WithField("key")
	}
	return unauthorized("missing_key", "the request has no key: send it as the header `Authorization: Bearer KEY`")
}

func unauthorized(code, detail string) *problem.Problem {
	return problem.New(http.StatusUnauthorized, code, "%s", detail)
}
