package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"weir/internal/auth"
	"weir/internal/client"
)

// Address are the flags that say where a server is.
type Address struct {
	Server string `help:"Address of weir." default:"http://127.0.0.1:8080" env:"WEIR_SERVER"`
	CAFile string `help:"PEM file of the authority that the server's certificate comes from, beside those of the system." name:"ca-file" env:"WEIR_CA_FILE" placeholder:"FILE"`
}

// connect returns a client of the server.
func (a Address) connect(key string, o client.Options) (*client.Client, error) {
	var err error
	o.UserAgent = "weir-cli/" + Version
	o.CAs, err = a.authorities()
	return client.New(a.Server, key, o), err
}

// authorities are those that the server's certificate may come from; nil: those of the system.
func (a Address) authorities() (*x509.CertPool, error) {
	if a.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(a.CAFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("--ca-file: the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca-file: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", a.CAFile)
	}
	return pool, nil
}

// Server are the flags of every command that talks to a server with a key.
type Server struct {
	Address
	Key string `help:"API key, or the operator's token." env:"WEIR_KEY"`
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
	return s.connect(key, client.Options{RetryFor: retryFor, Tenant: forTenant})
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
	Address
	Wait time.Duration `help:"How long to wait for it to be ready." default:"0s"`
}

// Run asks the server once, or until it is ready.
func (c *HealthcheckCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.connect("", client.Options{RetryFor: -1})
	if err != nil {
		return err
	}
	if c.Wait > 0 {
		ctx, cancel := context.WithTimeout(ctx, c.Wait)
		defer cancel()
		if err := cl.WaitReady(ctx); err != nil {
			return err
		}
	} else if err := cl.Do(ctx, http.MethodGet, "/readyz", nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Out, "ready")
	return err
}
