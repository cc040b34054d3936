package certs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// write makes a certificate for loopback with a serial number.
func write(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "weir"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		stampIt(t, path, serial)
	}
}

// stampIt makes a file look changed, however coarse the clock of the file system is.
func stampIt(t *testing.T, path string, n int64) {
	t.Helper()
	at := time.Unix(1_700_000_000+n, 0)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := New(Config{Cert: cert, Key: key}); err == nil {
		t.Fatal("files that do not exist are accepted")
	}
	write(t, cert, key, 1)
	s, err := New(Config{Cert: cert, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Proto", r.Proto) })}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(tls.NewListener(ln, s.Config())) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	serial := func() int64 {
		t.Helper()
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get("https://" + ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Proto != "HTTP/2.0" || resp.TLS.Version < tls.VersionTLS12 {
			t.Errorf("the protocol is %s over %s", resp.Proto, tls.VersionName(resp.TLS.Version))
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	reload := func(fresh, ok bool) {
		t.Helper()
		if got, err := s.Reload(); got != fresh || (err == nil) != ok {
			t.Errorf("Reload() = %v, %v", got, err)
		}
	}
	if n := serial(); n != 1 {
		t.Errorf("certificate %d", n)
	}
	reload(false, true)
	write(t, cert, key, 2)
	reload(true, true)
	if n := serial(); n != 2 {
		t.Errorf("certificate %d", n)
	}
	// Rubbish, or a key of another certificate, keeps the old one.
	if err := os.WriteFile(cert, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	stampIt(t, cert, 3)
	reload(false, false)
	reload(false, false)
	write(t, cert, filepath.Join(dir, "other.pem"), 4)
	reload(false, false)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	reload(false, false)
	if n := serial(); n != 2 {
		t.Errorf("certificate %d", n)
	}
	write(t, cert, key, 5)
	reload(true, true)
	if n := serial(); n != 5 {
		t.Errorf("certificate %d", n)
	}
	// Old versions of the protocol are refused.
	c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// What could not be read is read again, also when it does not look changed: after a chmod its time is the same. It is told once.
func TestReadableLater(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, key, 1)
	var log bytes.Buffer // written by Run, read after its end
	s, err := New(Config{Cert: cert, Key: key, Poll: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, key, 2)
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(key, data, 0o600); err != nil {
			t.Fatal(err)
		}
		stampIt(t, key, 2)
	}
	put(bytes.Repeat([]byte("x"), len(good)))
	for range 3 {
		if fresh, err := s.Reload(); fresh || err == nil {
			t.Fatalf("Reload() = %v, %v", fresh, err)
		}
	}
	old := s.current.Load()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	wait := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	wait("the failure is not counted", func() bool { return testutil.ToFloat64(s.failed) > 0 })
	put(good)
	wait("the certificate is never taken", func() bool { return s.current.Load() != old })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(s.failed); n > 2 { // once, and once more if a half-written file was seen
		t.Errorf("%v failures are counted", n)
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, key, 1)
	s, err := New(Config{Cert: cert, Key: key, Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	first := s.current.Load()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	write(t, cert, key, 2)
	for deadline := time.Now().Add(time.Minute); s.current.Load() == first; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not taken")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPassphrase writes keys as openssl encrypts them: what is wrong must be said, not that no key was found.
func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for _, block := range []*pem.Block{
		{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0}},
		{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte{0x30, 0}},
	} {
		write(t, cert, key, 1)
		if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Config{Cert: cert, Key: key}); err == nil || !strings.Contains(err.Error(), "tls.key: "+key+" is encrypted") {
			t.Errorf("%s: %v", block.Type, err)
		}
	}
	write(t, cert, key, 1)
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Cert: cert, Key: key}); err == nil || strings.Contains(err.Error(), "encrypted") {
		t.Errorf("a file without a key: %v", err)
	}
}
