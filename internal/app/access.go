package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/audit"
	"weir/internal/audit/chain"
	"weir/internal/auth"
	"weir/internal/auth/oidc"
	"weir/internal/catalog/sqlite"
	"weir/internal/certs"
	"weir/internal/config"
	"weir/internal/httpapi"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
	workload "weir/internal/usage" // usage is an adapter here
)

// openAuth builds what finds out who makes a request.
func (a *app) openAuth(ctx context.Context) error {
	c := a.cfg.SignIn
	devices, err := a.secret(ctx, "device_secret", "known devices")
	if err != nil {
		return err
	}
	if a.passwords, err = auth.NewPasswords(auth.PasswordConfig{Memory: int64(c.PasswordMemory), Passes: c.PasswordPasses, Concurrent: c.PasswordConcurrent}); err != nil {
		return err
	}
	if a.sessions, err = auth.NewSessions(auth.SessionConfig{Store: a.catalog, Passwords: a.passwords, Idle: c.SessionIdle, Max: c.SessionMax,
		Attempts: c.Attempts, AttemptsIP: c.AttemptsIP, Secret: devices}); err != nil {
		return err
	}
	cfg := auth.Config{Keys: a.catalog, OperatorToken: a.token, Sessions: a.sessions, Refused: a.refused, Registerer: a.reg}
	if c.OIDC != "" {
		file, err := oidc.Load(c.OIDC)
		if err != nil {
			return err
		}
		if a.oidc, err = oidc.New(file, a.log, nil); err != nil {
			return err
		}
		cfg.Tokens = a.oidc
	}
	if a.auth, err = auth.New(cfg); err != nil {
		return err
	}
	return a.openCerts()
}

// openCerts reads the certificate of the listeners, if there is one.
func (a *app) openCerts() error {
	if a.cfg.TLS.Cert == "" {
		return nil
	}
	var err error
	a.certs, err = certs.New(certs.Config{Cert: a.cfg.TLS.Cert, Key: a.cfg.TLS.Key, Logger: a.log, Registerer: a.reg})
	return err
}

// encrypted is the listener behind TLS, when there is a certificate.
func (a *app) encrypted(ln net.Listener) net.Listener {
	if a.certs == nil {
		return ln
	}
	return tls.NewListener(ln, a.certs.Config())
}

// logins signs browsers in with an identity provider; nil when none does.
func (a *app) logins() httpapi.Logins {
	if a.oidc == nil || !a.oidc.SignsIn() {
		return nil
	}
	return a.oidc
}

// openAudit opens the audit log. Its store waits for space like the state store, and ends the process when it cannot go on.
func (a *app) openAudit(ctx context.Context) error {
	log := pebbleLogger{a.log.With("component", "audit")}
	var err error
	a.audit, err = chain.Open(ctx, chain.Config{Dir: a.dir("audit"), FS: vfs.OnDiskFull(vfs.Default, a.room.wait), Anchors: a.catalog, Retention: a.cfg.Audit.Retention,
		Logger: a.log, Fatal: func(message string) { log.Fatalf("%s", message) }, Registerer: a.reg})
	if err != nil {
		return err
	}
	a.close = append(a.close, a.audit.Close)
	return nil
}

// startAccess starts what runs behind the doors: the audit log, and the noting of keys' uses.
func (a *app) startAccess() {
	a.units.start(unit{"audit log", labelled(workload.Control, a.audit.Run), 5 * time.Second})
	if a.certs != nil {
		a.units.start(unit{"certificate", labelled(workload.Control, a.certs.Run), 3 * time.Second})
	}
	a.units.start(unit{"sessions", labelled(workload.Control, func(ctx context.Context) error { return a.sessions.Run(ctx, a.log) }), 3 * time.Second})
	a.units.start(unit{"uses of keys", labelled(workload.Control, func(ctx context.Context) error { return a.auth.RunUses(ctx, a.catalog, a.log) }), 3 * time.Second})
}

// refused gathers requests with credentials that do not work.
func (a *app) refused(r *http.Request, who tenant.Principal, p *problem.Problem) {
	if a.audit != nil && p.Code != "missing_key" {
		a.audit.Gather(refusedEntry(r, who, p))
	}
}

// refusedEntry is by route: a path could be of any length, and a new one each time. The addresses of those who send events stay out: they never reach a disk.
func refusedEntry(r *http.Request, who tenant.Principal, p *problem.Problem) audit.Entry {
	e := audit.Entry{Action: audit.SignIn, Target: r.Pattern, From: origin.From(r.Context()).String(), Outcome: p.Code}
	switch {
	case p.Code == tenant.CodeExpired: // who has no more than an old key is nobody, but its tenant learns that it is used
		e.Tenant, e.Text = who.Tenant, p.Detail
	case who != (tenant.Principal{}):
		e.Tenant, e.Actor, e.Role = who.Tenant, who.Actor(), who.Role
	}
	switch r.URL.Path {
	case "/ingest", "/collect", "/pixel.gif":
		e.From = ""
	}
	return e
}

// ErrInUse says that a server uses the data directory.
var ErrInUse = errors.New("a server uses the data directory")

// VerifyAudit verifies the audit log of a data directory that no server uses. The error is ErrInUse when one does.
func VerifyAudit(ctx context.Context, dir string, kept audit.Head) (audit.Verdict, error) {
	for _, name := range []string{"catalog.db", "audit"} { // nothing is made here
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return audit.Verdict{}, fmt.Errorf("%s is not a data directory with an audit log: %w", dir, err)
		}
	}
	lock, err := lockDir(dir)
	if err != nil {
		return audit.Verdict{}, errors.Join(ErrInUse, err)
	}
	defer lock.Close()
	c, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "catalog.db"), Partitions: config.Default().Log.Partitions})
	if err != nil {
		return audit.Verdict{}, err
	}
	defer c.Close()
	l, err := chain.Open(ctx, chain.Config{Dir: filepath.Join(dir, "audit"), Anchors: c, ReadOnly: true})
	if err != nil {
		return audit.Verdict{}, err
	}
	defer l.Close()
	return l.Verify(ctx, kept)
}
