// Package oidc accepts the tokens of OpenID Connect providers, and signs browsers in with them. What a token's claims mean here — the tenant, the
// role — is said by a file.
package oidc

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weir/internal/tenant"
)

// Config is the file that describes the providers.
type Config struct {
	Issuers []Issuer `yaml:"issuers"`
}

// Issuer is one provider, and what its claims mean.
type Issuer struct {
	Name       string        `yaml:"name"`       // for the link to sign in, and for actors when there are several
	URL        string        `yaml:"issuer"`     // exactly as in its tokens
	Audiences  []string      `yaml:"audiences"`  // one of them must be in a token
	Algorithms []string      `yaml:"algorithms"` // RS256 and ES256 by default; none and those with shared secrets are never accepted
	Skew       time.Duration `yaml:"skew"`       // between clocks: 30 s

	Tenant      string            `yaml:"tenant"`       // every token is of this tenant
	TenantClaim string            `yaml:"tenant_claim"` // or of the one in this claim; a dot goes down into objects
	Tenants     map[string]string `yaml:"tenants"`      // from values of the claim to ids; empty: the value is the id

	RoleClaim string            `yaml:"role_claim"` // a text or a list of texts
	Roles     map[string]string `yaml:"roles"`      // from values of the claim to viewer, analyst, admin, writer; the highest counts
	Role      string            `yaml:"role"`       // of tokens without any; empty: they are refused
	Operators []string          `yaml:"operators"`  // values of role_claim that make an operator of the installation

	// For browsers. Without ClientID there is no sign-in at /auth/login.
	ClientID         string   `yaml:"client_id"`
	ClientSecretFile string   `yaml:"client_secret_file"` // empty: a public client
	RedirectURL      string   `yaml:"redirect_url"`       // https://…/auth/callback, as the provider knows it
	Scopes           []string `yaml:"scopes"`             // openid, profile by default

	secret string
}

var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Load reads and checks the file.
func Load(path string) (Config, error) {
	var c Config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("sign_in.oidc: %w", err)
	}
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("sign_in.oidc: %s: %w", path, err)
	}
	var errs []error
	for i := range c.Issuers {
		x := &c.Issuers[i]
		if x.ClientSecretFile != "" {
			secret, err := os.ReadFile(x.ClientSecretFile)
			if err != nil {
				errs = append(errs, fmt.Errorf("sign_in.oidc: issuers[%d].client_secret_file: %w", i, err))
			}
			x.secret = strings.TrimSpace(string(secret))
		}
	}
	return c, errors.Join(append(errs, c.Validate())...)
}

// Validate reports every problem, and fills defaults.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Issuers) == 0 {
		errs = append(errs, errors.New("sign_in.oidc: issuers is empty: describe one, or leave sign_in.oidc empty"))
	}
	seen := map[string]bool{}
	for i := range c.Issuers {
		x := &c.Issuers[i]
		bad := func(key, format string, args ...any) {
			errs = append(errs, fmt.Errorf("sign_in.oidc: issuers[%d].%s %s", i, key, fmt.Sprintf(format, args...)))
		}
		x.setDefaults()
		if x.Name == "" || strings.ContainsAny(x.Name, ":/? ") || seen["n"+x.Name] {
			bad("name", "is %q: want a name of its own, without blanks, colons and slashes", x.Name)
		}
		if !safeURL(x.URL) || seen["u"+x.URL] {
			bad("issuer", "is %q: want an https URL (http on this machine only) that no other issuer has", x.URL)
		}
		seen["n"+x.Name], seen["u"+x.URL] = true, true
		x.validateClaims(bad)
		if x.ClientID != "" {
			if !safeURL(x.RedirectURL) || !strings.HasSuffix(x.RedirectURL, "/auth/callback") {
				bad("redirect_url", "is %q: want the address of this installation that ends with /auth/callback", x.RedirectURL)
			}
			if !slices.Contains(x.Scopes, "openid") {
				bad("scopes", "lacks openid")
			}
		}
	}
	return errors.Join(errs...)
}

func (x *Issuer) setDefaults() {
	if len(x.Algorithms) == 0 {
		x.Algorithms = []string{"RS256", "ES256"}
	}
	if x.Skew == 0 {
		x.Skew = 30 * time.Second
	}
	if len(x.Scopes) == 0 {
		x.Scopes = []string{"openid", "profile"}
	}
	if x.ClientID != "" && !slices.Contains(x.Audiences, x.ClientID) {
		x.Audiences = append(x.Audiences, x.ClientID)
	}
}

func (x *Issuer) validateClaims(bad func(key, format string, args ...any)) {
	if len(x.Audiences) == 0 {
		bad("audiences", "is empty: tokens for others would be accepted")
	}
	for _, a := range x.Algorithms {
		if !slices.Contains(algorithms, a) {
			bad("algorithms", "names %q: want some of %s", a, strings.Join(algorithms, ", "))
		}
	}
	if x.Skew < 0 || x.Skew > 10*time.Minute {
		bad("skew", "is %s: want 0s to 10m", x.Skew)
	}
	if (x.Tenant == "") == (x.TenantClaim == "") {
		bad("tenant", "and tenant_claim: set one of them")
	}
	for value, id := range x.Tenants {
		if _, err := tenant.Parse(id); err != nil {
			bad("tenants", "gives %q the tenant %q: %v", value, id, err)
		}
	}
	for value, role := range x.Roles {
		if !tenant.Role(role).Valid() {
			bad("roles", "gives %q the role %q: want viewer, analyst, admin or writer; operators have a list of their own", value, role)
		}
	}
	if x.Role != "" && !tenant.Role(x.Role).Valid() {
		bad("role", "is %q: want viewer, analyst, admin or writer", x.Role)
	}
	if x.Role == "" && len(x.Roles) == 0 && len(x.Operators) == 0 {
		bad("roles", "is empty, and there is no role: nobody could do anything")
	}
	if x.RoleClaim == "" && (len(x.Roles) > 0 || len(x.Operators) > 0) {
		bad("role_claim", "is empty")
	}
}

func safeURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
