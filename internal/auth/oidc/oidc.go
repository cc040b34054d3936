package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Providers verifies tokens. It is safe for concurrent use.
type Providers struct {
	all    []*issuer
	log    *slog.Logger
	now    func() time.Time
	sealer sealer
}

type issuer struct {
	Issuer
	provider *provider
	verifier *gooidc.IDTokenVerifier
	actor    string // before the subject
}

// New returns Providers. It asks nobody yet.
func New(cfg Config, log *slog.Logger, now func() time.Time) (*Providers, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	seal, err := newSealer()
	if err != nil {
		return nil, err
	}
	p := &Providers{log: log.With("component", "oidc"), now: now, sealer: seal}
	client := &http.Client{Timeout: askTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, x := range cfg.Issuers {
		i := &issuer{Issuer: x, actor: "oidc:"}
		if len(cfg.Issuers) > 1 {
			i.actor += x.Name + ":" // subjects are unique in an issuer only
		}
		i.provider = &provider{issuer: x.URL, client: client, now: now}
		for _, a := range x.Algorithms {
			i.provider.algorithms = append(i.provider.algorithms, jose.SignatureAlgorithm(a))
		}
		// Audience and times are checked here, with several audiences and the skew.
		i.verifier = gooidc.NewVerifier(x.URL, i.provider, &gooidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: x.Algorithms})
		p.all = append(p.all, i)
	}
	return p, nil
}

func refuse(format string, args ...any) *problem.Problem {
	return problem.New(http.StatusUnauthorized, "invalid_token", format, args...)
}

// Verify implements auth.Tokens.
func (p *Providers) Verify(ctx context.Context, token string) (tenant.Principal, *problem.Problem) {
	who, _, prob := p.verify(ctx, token)
	return who, prob
}

func (p *Providers) verify(ctx context.Context, token string) (tenant.Principal, *gooidc.IDToken, *problem.Problem) {
	i := p.issuerOf(token)
	if i == nil {
		return tenant.Principal{}, nil, refuse("the token does not come from an identity provider that is known here: see sign_in.oidc")
	}
	var cause error
	t, err := i.verifier.Verify(context.WithValue(ctx, causeKey{}, &cause), token)
	if cause != nil {
		err = cause
	}
	switch {
	case errors.Is(err, errUnreachable):
		p.log.Warn("an identity provider cannot be reached", "issuer", i.URL, "error", err)
		return tenant.Principal{}, nil, problem.New(http.StatusServiceUnavailable, "identity_provider_unavailable",
			"the identity provider %s cannot be reached and its keys are not known: try again", i.Name).WithRetry(askAgain)
	case errors.Is(err, errUnknownKey):
		return tenant.Principal{}, nil, refuse("%v", errUnknownKey)
	case err != nil:
		return tenant.Principal{}, nil, refuse("the token cannot be verified: its signature, its algorithm or its form is not right; %s accepts %s", i.Name, strings.Join(i.Algorithms, ", "))
	}
	if prob := p.checkTimes(i, t); prob != nil {
		return tenant.Principal{}, nil, prob
	}
	if !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(i.Audiences, a) }) {
		return tenant.Principal{}, nil, refuse("the token is for others: its audience must hold one of %s", strings.Join(i.Audiences, ", "))
	}
	who, prob := i.principal(t)
	return who, t, prob
}

// issuerOf reads the issuer that a token claims. It proves nothing: the signature decides.
func (p *Providers) issuerOf(token string) *issuer {
	part := strings.Split(token, ".")
	if len(part) != 3 {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(part[1])
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return nil
	}
	for _, i := range p.all {
		if i.URL == claims.Issuer {
			return i
		}
	}
	return nil
}

func (p *Providers) checkTimes(i *issuer, t *gooidc.IDToken) *problem.Problem {
	now := p.now()
	var claims struct {
		NotBefore *float64 `json:"nbf"`
	}
	if err := t.Claims(&claims); err != nil {
		return refuse("the token's times cannot be read")
	}
	if t.Expiry.IsZero() {
		return refuse("the token has no expiry (exp): weir takes only tokens that end")
	}
	if !t.Expiry.After(now.Add(-i.Skew)) {
		return refuse("the token expired at %s: get a new one", t.Expiry.UTC().Format(time.RFC3339))
	}
	if claims.NotBefore != nil && time.Unix(int64(*claims.NotBefore), 0).After(now.Add(i.Skew)) || t.IssuedAt.After(now.Add(i.Skew)) {
		return refuse("the token is not valid yet: one of the clocks is wrong")
	}
	return nil
}

// principal maps the claims.
func (i *issuer) principal(t *gooidc.IDToken) (tenant.Principal, *problem.Problem) {
	var claims map[string]any
	if err := t.Claims(&claims); err != nil || t.Subject == "" || len(t.Subject) > 255 {
		return tenant.Principal{}, refuse("the token has no subject, or claims that cannot be read")
	}
	who := tenant.Principal{User: i.actor + t.Subject, KeyID: "oidc"}
	values := texts(claimAt(claims, i.RoleClaim))
	for _, v := range values {
		if slices.Contains(i.Operators, v) {
			who.Role = tenant.RoleOperator
			return who, nil
		}
	}
	who.Role = tenant.Role(i.Role)
	for _, v := range values {
		if r := tenant.Role(i.Roles[v]); r != "" && (who.Role == "" || higher(r, who.Role)) {
			who.Role = r
		}
	}
	if who.Role == "" {
		return tenant.Principal{}, problem.New(http.StatusForbidden, "no_role", "the claim %s of the token has no value that gives a role here: ask for one at the identity provider", i.RoleClaim)
	}
	who.Tenant = tenant.ID(i.Tenant)
	if i.TenantClaim != "" {
		value, _ := claimAt(claims, i.TenantClaim).(string)
		if len(i.Tenants) > 0 {
			value = i.Tenants[value]
		}
		id, err := tenant.Parse(value)
		if err != nil {
			return tenant.Principal{}, problem.New(http.StatusForbidden, "no_tenant", "the claim %s of the token names no tenant of this installation", i.TenantClaim)
		}
		who.Tenant = id
	}
	return who, nil
}

// higher orders roles; writer, which reads nothing, is the lowest.
func higher(a, b tenant.Role) bool {
	return a.CanRead(tenant.RoleViewer) && (!b.CanRead(tenant.RoleViewer) || a != b && a.CanRead(b))
}

// claimAt goes down into objects at the dots, unless a claim has the whole name.
func claimAt(claims map[string]any, path string) any {
	if path == "" {
		return nil
	}
	if v, ok := claims[path]; ok {
		return v
	}
	head, rest, ok := strings.Cut(path, ".")
	if !ok {
		return nil
	}
	inner, _ := claims[head].(map[string]any)
	return claimAt(inner, rest)
}

func texts(v any) []string {
	switch x := v.(type) {
	case string:
		return []string{x}
	case []any:
		var out []string
		for _, e := range x {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

func joinPath(base, path string) string { return strings.TrimSuffix(base, "/") + "/" + path }

func trimQuery(s string) string { return strings.SplitN(s, "?", 2)[0] }
