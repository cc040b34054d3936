// Package app wires weir together: which components there are, what each gets of the others, and in which order they
// start and stop. It is the only package that sees all of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"weir/internal/audit/chain"
	"weir/internal/auth"
	"weir/internal/auth/oidc"
	"weir/internal/catalog/sqlite"
	"weir/internal/certs"
	"weir/internal/clickhouse/embedded"
	"weir/internal/clickhouse/schema"
	"weir/internal/config"
	"weir/internal/daily"
	"weir/internal/damage"
	"weir/internal/dashboard"
	"weir/internal/dedupe"
	"weir/internal/enrich"
	"weir/internal/erasable"
	"weir/internal/eventlog"
	"weir/internal/eventlog/disklog"
	"weir/internal/httpapi"
	"weir/internal/ingest"
	"weir/internal/jobs"
	"weir/internal/lookup"
	"weir/internal/lookup/tables"
	"weir/internal/metering"
	"weir/internal/qos"
	"weir/internal/rollup"
	"weir/internal/sdk"
	"weir/internal/session"
	"weir/internal/session/stitch"
	"weir/internal/stream"
	workload "weir/internal/usage" // usage is an adapter here
)

// Options are what Run takes beside the configuration.
type Options struct {
	Version string
	Log     *slog.Logger
	// Abort, when it ends, ends a stop that is under way at once.
	Abort context.Context
	// Started, if set, is called with the address that is listened on and the operator's token, when doors are open. It must not block.
	Started func(addr net.Addr, operatorToken string)
}

// app holds what is open, in the order in which it was opened.
type app struct {
	cfg   config.Config
	opt   Options
	log   *slog.Logger
	reg   *prometheus.Registry
	units *units
	close []func() error // called in reverse

	catalog   *sqlite.Catalog
	token     string
	auth      *auth.Authenticator
	events    *disklog.Log
	state     *pebble.DB
	stateLogs *erasable.Logs
	dedupe    *dedupe.Set
	gatherer  *eventlog.Gatherer
	engine    *embedded.Engine
	processor *stream.Processor
	api       *httpapi.API
	enricher  *enrich.Enricher
	port      http.Handler // of the ClickHouse protocol; nil: not served
	jobs      *jobs.Jobs
	lookups   *tables.Tables
	stitcher  *stitch.Stitcher
	gate      *qos.Gate
	limits    limits
	audit     *chain.Log
	passwords *auth.Passwords
	sessions  *auth.Sessions
	certs     *certs.Source   // nil: no TLS
	oidc      *oidc.Providers // nil: none
	room      *room
	migrated  chan struct{} // closed when the tables are ready
	measuring
}

// Run serves until ctx ends, then stops in order and returns nil. It returns an error when it cannot start, or when a part of it fails.
func Run(ctx context.Context, cfg config.Config, opt Options) error {
	a := &app{cfg: cfg, opt: opt, log: opt.Log, reg: prometheus.NewRegistry(), migrated: make(chan struct{})}
	a.units = newUnits(a.log.With("component", "app"))
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	err := a.open(ctx)
	if err == nil {
		err = a.serve(ctx)
	}
	abort := opt.Abort
	if abort == nil {
		abort = context.Background()
	}
	return errors.Join(err, a.shutdown(abort))
}

// shutdown stops what runs and then closes what is open, in reverse. While something still runs nothing is closed under it: the process ends then, and
// the next start finds everything as after a crash, which loses nothing.
func (a *app) shutdown(abort context.Context) error {
	err := a.units.stop(abort)
	if left := a.units.left(); len(left) > 0 {
		return errors.Join(err, fmt.Errorf("left open, as after a crash: %s still runs", strings.Join(left, ", ")))
	}
	for i := len(a.close) - 1; i >= 0; i-- {
		err = errors.Join(err, a.close[i]())
	}
	a.close = nil
	return err
}

// open opens everything that keeps state, and builds what works on it. Nothing runs yet.
func (a *app) open(ctx context.Context) error {
	if !a.cfg.HasRole(config.RoleAll) {
		return errors.New("roles: this version runs all roles in one process: the embedded log and engine cannot be shared; use roles = all")
	}
	lock, err := lockDir(a.cfg.DataDir)
	if err != nil {
		return err
	}
	a.close = append(a.close, lock.Close)
	if mode, ok := exposed(a.cfg.DataDir); ok {
		a.log.Warn("others than the user of weir may look into the data directory: what weir makes there from now on is private, what an earlier weir made may not be; if nobody else is meant to, chmod -R go= DIR",
			"dir", a.cfg.DataDir, "mode", mode)
	}
	for _, step := range []func(context.Context) error{a.openCatalog, a.openLog, a.openState, a.openAudit, a.openEngine, a.openMetering, a.openProcessor, a.openSessions, a.openJobs, a.openAPI} {
		if err := step(ctx); err != nil {
			return damage.Told(err, mendState) // what is damaged otherwise has said so
		}
	}
	return nil
}

// mendState is what can be done about a damaged state store: what it holds keeps events from being stored twice, so nothing begins anew without it.
const mendState = "restore the whole data directory from one backup"

func (a *app) dir(name string) string { return filepath.Join(a.cfg.DataDir, name) }

func (a *app) openCatalog(ctx context.Context) error {
	var err error
	if a.catalog, err = sqlite.Open(ctx, sqlite.Config{Path: a.dir("catalog.db"), Partitions: a.cfg.Log.Partitions, Logger: a.log}); err != nil {
		return err
	}
	a.close = append(a.close, a.catalog.Close)
	var created bool
	if a.token, created, err = auth.OperatorToken(a.cfg.DataDir, string(a.cfg.AdminToken)); err != nil {
		return err
	}
	if created {
		a.log.Info("made an operator token", "file", a.dir(auth.TokenFile))
	}
	return a.openAuth(ctx)
}

func (a *app) openLog(context.Context) error {
	var err error
	if a.events, err = disklog.Open(disklog.Config{
		Dir: a.dir("log"), Partitions: a.cfg.Log.Partitions, MaxDiskUse: a.cfg.Log.MaxDisk.Fraction(), Logger: a.log, Registerer: a.reg,
	}); err != nil {
		return err
	}
	a.close = append(a.close, a.events.Close)
	a.gatherer, err = eventlog.NewGatherer(eventlog.GathererConfig{Log: a.events, Logger: a.log, Registerer: a.reg})
	return err
}

func (a *app) openState(ctx context.Context) error {
	a.room = &room{dir: a.cfg.DataDir, share: (1 + a.cfg.Log.MaxDisk.Fraction()) / 2, log: a.log}
	cache := pebble.NewCache(16 << 20)
	defer cache.Unref()
	var err error
	a.stateLogs = &erasable.Logs{FS: vfs.OnDiskFull(vfs.Default, a.room.wait)} // commits wait for space; Pebble would give up for good
	options := &pebble.Options{
		FS:    a.stateLogs,
		Cache: cache, MemTableSize: 16 << 20, CompactionConcurrencyRange: func() (int, int) { return 1, 1 }, Logger: pebbleLogger{a.log.With("component", "state")},
	}
	// Most of it are hashes and records that are compressed already.
	options.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	if err := damage.Survive(options, damage.Config{Store: "state", Mend: mendState, Logger: a.log.With("component", "state"), Registerer: a.reg}); err != nil {
		return err
	}
	if a.state, err = pebble.Open(a.dir("state"), options); err != nil {
		return fmt.Errorf("open the state store: %w", err)
	}
	a.close = append(a.close, a.state.Close)
	if err := a.checkState(ctx); err != nil {
		return err
	}
	secret, err := a.dedupeSecret(ctx)
	if err != nil {
		return err
	}
	if a.dedupe, err = dedupe.Open(dedupe.Config{
		DB: a.state, Dir: a.dir("dedupe"), Secret: secret, Window: a.cfg.Dedupe.Window, Lag: a.cfg.Dedupe.Lag, MaxKeys: a.cfg.Dedupe.MaxKeys,
		QuotaOf: a.dedupeQuota, Logger: a.log, Registerer: a.reg,
	}); err != nil {
		return err
	}
	a.close = append(a.close, a.dedupe.Close)
	return nil
}

func (a *app) openEngine(context.Context) error {
	tables := append([]string{"events", lookup.EngineTable, session.EngineTable}, daily.EngineTables...)
	for _, r := range rollup.All {
		tables = append(tables, r.ID())
	}
	library, err := embedded.FindLibrary(a.libraryPath())
	if err != nil {
		return err
	}
	a.engine, err = embedded.New(embedded.Config{
		Engine: embedded.EngineConfig{
			DataDir: a.dir("engine"), Library: library, MemoryLimit: int64(a.cfg.Engine.Memory), TenantTables: tables,
			MaxConcurrent: max(a.cfg.Query.Concurrent, 16), // weir's own statements have as many places of their own
		},
		Logger: a.log, Registerer: a.reg,
	})
	return err
}

func (a *app) openProcessor(ctx context.Context) error {
	client := a.engine.Client()
	var err error
	a.processor, err = stream.Open(stream.Config{
		Log: a.events, State: a.state, Dedupe: a.dedupe,
		Table: stream.NewEventsTable(client), LateTable: stream.NewEventsTable(client), Rollups: stream.EngineRollups{Engine: client},
		Tenants: stream.CatalogTenants{Catalog: a.catalog}, History: stream.EngineHistory{Engine: client}, DiskFull: a.room.Full,
		MinInterval: a.cfg.Process.Interval, LateAfter: a.cfg.Process.LateAfter,
		MaxBacklog: int64(a.cfg.Process.MaxBacklog), MaxLate: int64(a.cfg.Process.MaxLate),
		KeepLog: a.cfg.Log.Retention, KeepBytes: keepBytes(a.cfg.Log.MaxSize),
		Logger: a.log, Registerer: a.reg, Fault: faultFromEnv(), Sink: a.sink,
	})
	if err != nil {
		return err
	}
	return loadCommon(ctx, a.catalog, a.processor, a.log)
}

func (a *app) openAPI(ctx context.Context) error {
	if err := a.openLimits(); err != nil {
		return err
	}
	enricher, err := a.openEnricher(ctx)
	if err != nil {
		return err
	}
	if a.api, err = httpapi.New(httpapi.Config{
		Catalog: a.catalog, Auth: a.auth, Usage: usage{a.processor, a.catalog}, Resources: a.resources, Limits: a.limits, Loads: loads{a}, Quarantine: quarantine{a.processor, a.gatherer},
		Passwords: a.passwords, Sessions: a.sessions, Logins: a.logins(), Audit: a.audit, TrustedProxies: a.cfg.HTTP.TrustedProxies,
		Schema: newSchema(a.processor, a.catalog, a.cfg.Query.TokenWait), Deletions: deletions{a}, Ready: a.notReady, Version: a.opt.Version,
		Webhook:       metering.WebhookConfig{AllowPrivate: a.cfg.Metering.WebhookPrivate}.Check,
		HeaderTimeout: a.cfg.HTTP.HeaderTimeout, BodyTimeout: a.cfg.HTTP.BodyTimeout, WriteTimeout: a.cfg.HTTP.WriteTimeout,
		IdleTimeout: a.cfg.HTTP.IdleTimeout, Drain: a.cfg.HTTP.Drain, MaxHeader: int(a.cfg.HTTP.MaxHeader),
		Logger: a.log, Registerer: a.reg, Gatherer: a.reg,
	}); err != nil {
		return err
	}
	doors, err := ingest.New(ingest.Config{
		MaxBodyBytes: int(a.cfg.Ingest.MaxBody), MaxEventBytes: int(a.cfg.Ingest.MaxEvent), MaxProperties: a.cfg.Ingest.MaxProps,
		MaxDepth: a.cfg.Ingest.MaxDepth, BodyTimeout: a.cfg.HTTP.BodyTimeout, TrustedProxies: a.cfg.HTTP.TrustedProxies,
	}, ingest.Deps{
		Catalog: a.catalog, Auth: a.auth.WithoutSessions(), Enricher: enricher, Visitors: enricher, Gatherer: counted{a.gatherer, a.processor}, Partitions: a.events.Partitions(),
		Backlog: a.processor, Account: account{a.processor}, Sink: a.sink, Limiter: a.limits.ingest, Addresses: a.limits.addresses, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	doors.Register(a.api.Mux())
	foreignDoors(a.api.Mux(), doors, a.cfg.Ingest.SnowplowPath)
	pages, err := dashboard.New()
	if err != nil {
		return err
	}
	pages.Register(a.api.Mux())
	a.api.Pages(pages)
	browser, err := sdk.New(sdk.Config{Files: sdk.Built(), Sites: a.catalog})
	if err != nil {
		return err
	}
	browser.Register(a.api.Mux())
	a.jobs.Mount(a.api.Huma())
	return a.openQueries(ctx)
}

func (a *app) openQueries(ctx context.Context) error {
	if err := a.openLookups(); err != nil {
		return err
	}
	if err := a.openPipeline(ctx); err != nil {
		return err
	}
	if err := a.openPort(a.queries); err != nil {
		return err
	}
	a.serveCosts()
	a.api.Mux().Handle("/debug/pprof/", debugHandler(a.auth, a.meter))
	for _, op := range append(plainOperations(), foreignOperations(a.cfg.Ingest.SnowplowPath)...) {
		a.api.Describe(op)
	}
	return nil
}

// openEnricher opens the location files and the salts. The salts are not in the data of events or the catalog, and may be elsewhere.
func (a *app) openEnricher(ctx context.Context) (*enrich.Enricher, error) {
	secret, err := a.secret(ctx, "pseudonym_secret", "pseudonyms")
	if err != nil {
		return nil, err
	}
	country, salts := a.cfg.Enrich.CountryFile, a.cfg.Enrich.SaltFile
	if country == "" {
		country = cacheFile(enrich.CountryFile)
	}
	if salts == "" {
		salts = a.dir("salts")
	}
	a.enricher, err = enrich.Open(enrich.Config{CountryFile: country, CityFile: a.cfg.Enrich.CityFile, SaltFile: salts, Secret: secret}, a.log, a.reg)
	return a.enricher, err
}

// keepBytes is the bound on the kept log; 0 in the configuration means none.
func keepBytes(s config.Size) int64 {
	if s == 0 {
		return math.MaxInt64
	}
	return int64(s)
}

// serve starts everything and returns when ctx ends or something fails.
func (a *app) serve(ctx context.Context) error {
	ln, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", a.cfg.Listen, err)
	}
	a.units.start(unit{"gatherer", labelled(workload.Log, a.gatherer.Run), 5 * time.Second})
	a.startAccess()
	a.units.start(unit{"engine", a.engine.Run, 8 * time.Second})
	a.units.start(unit{"metering", a.meter.Run, 5 * time.Second})
	a.units.start(unit{"learned costs", labelled(workload.Control, a.gate.Run), 3 * time.Second})
	a.units.start(unit{"processor", a.process, 5 * time.Second})
	a.units.start(unit{"enrichment", labelled(workload.Control, a.enricher.Run), 3 * time.Second})
	a.units.start(unit{"jobs", labelled(workload.Control, a.jobs.Run), 5 * time.Second})
	a.units.start(unit{"sessions", a.stitcher.Run, 3 * time.Second})
	a.units.start(unit{"lookup tables", labelled(workload.Control, a.lookups.Run), 3 * time.Second})
	a.units.start(unit{"http", func(ctx context.Context) error { return a.api.Run(ctx, a.encrypted(ln)) }, a.cfg.HTTP.Drain + time.Second})
	if err := a.servePort(); err != nil {
		return err
	}
	a.log.Info("listening", "address", ln.Addr().String(), "data", a.cfg.DataDir, "version", a.opt.Version, "go", runtime.Version(), "pid", os.Getpid())
	if a.opt.Started != nil {
		a.opt.Started(ln.Addr(), a.token)
	}
	return a.units.wait(ctx)
}

// process brings the tables up to date and then runs the processor.
func (a *app) process(ctx context.Context) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		if err := a.engine.WaitReady(ctx); err != nil {
			return nil // ctx ended
		}
		err := schema.Migrate(ctx, a.engine.Client(), a.log.With("component", "schema"))
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, errUnavailable) {
			return err
		}
		a.log.Warn("tables cannot be prepared, trying again", "error", err, "wait", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
	close(a.migrated)
	return a.processor.Run(ctx)
}

// notReady tells what answers still wait for.
func (a *app) notReady() []string {
	var why []string
	if !a.engine.Ready() {
		why = append(why, "the engine is starting")
	}
	select {
	case <-a.processor.Ready():
	default:
		why = append(why, "the processor is finishing what was interrupted")
	}
	return why
}
