package cli

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/config"
)

// encrypted is a server over TLS, and the file of its certificate, which no authority of the system has signed.
func encrypted(t *testing.T, h http.HandlerFunc) (s *httptest.Server, file string) {
	t.Helper()
	s = httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of handshakes that shall fail
	s.StartTLS()
	t.Cleanup(s.Close)
	file = filepath.Join(t.TempDir(), "cert.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, file
}

// Every command trusts the authority of --ca-file and WEIR_CA_FILE, and no other than it and the system's.
func TestCAFile(t *testing.T) {
	server(t, nil) // for its environment
	t.Setenv("WEIR_CA_FILE", "")
	os.Unsetenv("WEIR_CA_FILE")
	s, ca := encrypted(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"tenants":[],"masks":[],"jobs":[]}`))
	})
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"tenant list --key k", "mask list acme --key k", "job list --key k --tenant acme", "healthcheck"} {
		args := append(strings.Fields(command), "--server", s.URL)
		if code, out, errs := weir(t, "", args...); code != 1 || !strings.Contains(errs, "certificate") || !strings.Contains(errs, "with --ca-file") {
			t.Errorf("%s without the authority: %d %s%s", command, code, out, errs)
		}
		if code, out, errs := weir(t, "", append(args, "--ca-file", ca)...); code != 0 {
			t.Errorf("%s: %d %s%s", command, code, out, errs)
		}
		for file, says := range map[string]string{empty: "no certificate in PEM form", "/nowhere.pem": "nowhere.pem"} {
			if code, out, errs := weir(t, "", append(args, "--ca-file", file)...); code != 1 || !strings.Contains(errs, "--ca-file") || !strings.Contains(errs, says) {
				t.Errorf("%s with %s: %d %s%s", command, file, code, out, errs)
			}
		}
	}
	t.Setenv("WEIR_CA_FILE", ca)
	if code, out, errs := weir(t, "", "tenant", "list", "--key", "k", "--server", s.URL); code != 0 {
		t.Errorf("WEIR_CA_FILE: %d %s%s", code, out, errs)
	}
}

// The demo of a server with TLS speaks TLS with it, and trusts its certificate alone.
func TestDemoOverTLS(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := ""
	s, cert := encrypted(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		if r.TLS == nil {
			t.Error("it is asked without TLS")
		}
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	addr, err := net.ResolveTCPAddr("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	loaded := &config.Config{DataDir: t.TempDir(), TLS: config.TLS{Cert: cert}}
	if err := (&ServeCmd{}).demo(ctx, &Process{}, slog.New(slog.DiscardHandler), addr, "token", loaded); err != nil || asked != "/readyz" {
		t.Errorf("%v, asked for %q", err, asked)
	}
	_, other := encrypted(t, nil)
	rubbish := filepath.Join(t.TempDir(), "rubbish.pem")
	if err := os.WriteFile(rubbish, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, ok := range map[string]bool{cert: true, other: true, rubbish: false, "/nowhere.pem": false} { // test servers share a certificate
		c, err := tls.Dial("tcp", addr.String(), ownCertificate(file))
		if (err == nil) != ok {
			t.Errorf("with %s: %v", file, err)
		}
		if err == nil {
			c.Close()
		}
	}
}
