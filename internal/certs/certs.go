// Package certs gives listeners a certificate from files, and takes a new one when the files change.
package certs

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config configures a Source.
type Config struct {
	Cert, Key  string        // paths of PEM files
	Poll       time.Duration // how often the files are looked at: 10 s
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil keeps the metrics unregistered
}

// Source is a certificate that follows its files. It is safe for concurrent use.
type Source struct {
	cfg     Config
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	expires prometheus.Gauge
	failed  prometheus.Counter

	mu   sync.Mutex // held by Reload
	seen stamp      // the files of the certificate in use
}

// stamp tells one version of the files from another.
type stamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

// New reads the files. A pair that cannot be used is an error.
func New(cfg Config) (*Source, error) {
	if cfg.Cert == "" || cfg.Key == "" {
		return nil, errors.New("tls.cert and tls.key must both be set")
	}
	if cfg.Poll == 0 {
		cfg.Poll = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Source{cfg: cfg, log: cfg.Logger.With("component", "tls"),
		expires: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate in use expires."}),
		failed:  prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_tls_reload_failures_total", Help: "Changed certificate files that could not be used."})}
	if cfg.Registerer != nil {
		if err := errors.Join(cfg.Registerer.Register(s.expires), cfg.Registerer.Register(s.failed)); err != nil {
			return nil, err
		}
	}
	if _, err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Config is for listeners: TLS 1.2 at least, HTTP/2 and HTTP/1.1.
func (s *Source) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.current.Load(), nil }}
}

func (s *Source) look() (stamp, error) {
	cert, err := os.Stat(s.cfg.Cert)
	if err != nil {
		return stamp{}, fmt.Errorf("tls.cert: %w", err)
	}
	key, err := os.Stat(s.cfg.Key)
	if err != nil {
		return stamp{}, fmt.Errorf("tls.key: %w", err)
	}
	return stamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}

// Reload reads the files if they are not those of the certificate in use. On an error the old certificate stays, and the next call reads them again: what
// could not be read may be readable later without looking changed, for example after a chmod. It says whether there is a new one.
func (s *Source) Reload() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := s.look()
	if err != nil {
		return false, err
	}
	if now == s.seen {
		return false, nil
	}
	pair, err := tls.LoadX509KeyPair(s.cfg.Cert, s.cfg.Key)
	if err != nil {
		if needsPassphrase(s.cfg.Key) {
			return false, fmt.Errorf("tls.key: %s is encrypted, and there is nobody to ask for its passphrase: write it without one (openssl pkey -in %[1]s -out FILE) and protect it by the file's mode", s.cfg.Key)
		}
		return false, fmt.Errorf("tls.cert and tls.key (%s, %s): %w", s.cfg.Cert, s.cfg.Key, err)
	}
	if pair.Leaf != nil {
		s.expires.Set(float64(pair.Leaf.NotAfter.Unix()))
		if time.Now().After(pair.Leaf.NotAfter) {
			s.log.Warn("the certificate has expired", "file", s.cfg.Cert, "expired", pair.Leaf.NotAfter)
		}
	}
	s.current.Store(&pair)
	s.seen = now
	return true, nil
}

// needsPassphrase says whether the first key in a PEM file is encrypted (RFC 5958, or with the headers of RFC 1421).
func needsPassphrase(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
		}
	}
	return false
}

// Run looks at the files until ctx ends. What cannot be used is logged once, and the old certificate goes on.
func (s *Source) Run(ctx context.Context) error {
	t := time.NewTicker(s.cfg.Poll)
	defer t.Stop()
	last := ""
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		fresh, err := s.Reload()
		switch {
		case err != nil && err.Error() != last:
			s.failed.Inc()
			s.log.Error("the changed certificate cannot be used, the old one stays", "error", err)
			last = err.Error()
		case fresh:
			s.log.Info("a new certificate is in use", "file", s.cfg.Cert)
		}
		if err == nil {
			last = ""
		}
	}
}
