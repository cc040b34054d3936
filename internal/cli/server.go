package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"weir/internal/auth"
	"weir/internal/client"
	"weir/internal/tenant"
)

// Server are the flags of every command that talks to a server.
type Server struct {
	Server string `help:"Address of weir." default:"http://127.0.0.1:8080" env:"WEIR_SERVER"`
	Key    string `help:"API key, or the operator's token." env:"WEIR_KEY"`
	// The operator has no key of a tenant: on the server's machine the token is read from the data directory.
	AdminToken string `help:"The operator's token, used without a key." env:"WEIR_ADMIN_TOKEN" hidden:""`
	DataDir    string `help:"Data directory of a server on this machine: without a key, the operator's token is read from it." env:"WEIR_DATA_DIR" placeholder:"DIR"`
}

// ForTenant is the flag of commands that concern the key's tenant.
type ForTenant struct {
	Tenant string `help:"The tenant, when the operator asks." placeholder:"TENANT"`
}

// retryFor is how long a command tries again when the server is not there or asks for patience.
const retryFor = 5 * time.Second

// client returns a client that acts for a tenant (empty: the key's own).
func (s Server) client(forTenant string) (*client.Client, error) {
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	o := client.Options{RetryFor: retryFor, UserAgent: "weir-cli/" + Version}
	if forTenant != "" {
		o.HTTP = &http.Client{Transport: tenantHeader(forTenant)}
	}
	return client.New(s.Server, key, o), nil
}

func (s Server) key() (string, error) {
	switch {
	case s.Key != "":
		return s.Key, nil
	case s.AdminToken != "":
		return s.AdminToken, nil
	case s.DataDir != "":
		return auth.ReadOperatorToken(s.DataDir)
	}
	return "", errors.New("no key: give --key or WEIR_KEY, or --data-dir of a server on this machine to act as its operator")
}

// tenantHeader adds the header with which the operator names the tenant.
type tenantHeader string

func (h tenantHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(tenant.Header, string(h))
	return http.DefaultTransport.RoundTrip(r)
}

// do calls the API with the command's flags.
func (s Server) do(ctx context.Context, method, path string, in, out any) error {
	c, err := s.client("")
	if err != nil {
		return err
	}
	return c.Do(ctx, method, path, in, out)
}

// HealthcheckCmd is `weir healthcheck`.
type HealthcheckCmd struct {
	Server string        `help:"Address of weir." default:"http://127.0.0.1:8080" env:"WEIR_SERVER"`
	Wait   time.Duration `help:"How long to wait for it to be ready." default:"0s"`
}

// Run asks the server once, or until it is ready.
func (c *HealthcheckCmd) Run(ctx context.Context, p *Process) error {
	cl := client.New(c.Server, "", client.Options{RetryFor: -1})
	if c.Wait > 0 {
		ctx, cancel := context.WithTimeout(ctx, c.Wait)
		defer cancel()
		if err := cl.WaitReady(ctx); err != nil {
			return err
		}
	} else if err := cl.Do(ctx, http.MethodGet, "/readyz", nil, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.Out, "ready")
	return err
}
