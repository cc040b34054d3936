package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"weir/internal/audit"
	"weir/internal/cache"
	"weir/internal/catalog"
	"weir/internal/config"
	"weir/internal/event"
	"weir/internal/httpapi"
	"weir/internal/jobs"
	"weir/internal/metering"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/query"
	"weir/internal/report"
	"weir/internal/saved"
	"weir/internal/tenant"
	"weir/internal/token"
	work "weir/internal/usage"
)

// measuring is what questions pass on their way: metering and the price book. Parts that are nil are left out.
type measuring struct {
	meter   *metering.Meter
	sink    work.Sink
	pricer  work.Pricer
	queries *query.Service
	reports *report.Reporter
	cache   *cache.Cache
}

// openPipeline builds what answers questions. Gate, sink and pricer must have been opened.
func (a *app) openPipeline(ctx context.Context) error {
	var kept query.Cache // nil when nothing is to be kept
	var keptReports report.Cache
	if n := int64(a.cfg.Query.Cache); n > 0 {
		c, err := cache.New(cache.Config{Bytes: n}, a.reg)
		if err != nil {
			return err
		}
		a.cache, kept, keptReports = c, c, c
	}
	maskKey, err := a.maskKey(ctx)
	if err != nil {
		return err
	}
	if a.queries, err = query.NewService(queryConfig(a.cfg.Query), query.Deps{
		Engine: a.engine.Client(), Watcher: a.engine.Client(), Visibility: tenantData{a}, Data: tenantData{a}, Properties: tenantData{a}, LeftOut: tenantData{a}.LeftOut, Cache: kept, Tenants: a.catalog, Limits: a.gate.Limits, Gone: a.leaving,
		Sessions: a.stitcher,
		Rollups:  a.processor, Lookups: a.lookups, MaskKey: maskKey, Gate: a.gate, Sink: a.sink, Pricer: a.pricer, Audit: a.audit,
	}, a.log, a.reg); err != nil {
		return err
	}
	door := query.NewHandler(a.queries)
	door.Jobs = queryJobs{a}
	a.jobs.Register(jobs.Kind{Name: query.JobKind, Resumable: true, Run: a.runQuery, MayRead: func(who tenant.Principal, j jobs.Job) *problem.Problem {
		return a.queries.MayRead(who, j.Who, j.Under)
	}})
	a.api.Mux().Handle("/api/v1/query", authenticated(a.auth, door))
	if a.reports, err = report.New(report.Config{MaxTime: a.cfg.Query.Timeout, MaxMemory: int64(a.cfg.Query.Memory), TokenWait: a.cfg.Query.TokenWait}, report.Deps{
		Engine: a.engine.Client(), Watcher: a.engine.Client(), Sources: a.catalog, Clock: tenantData{a}, Positions: a.processor, Links: a.processor, Merges: a.catalog, Streams: a.engine.Client(), Data: tenantData{a}, Cache: keptReports,
		Strong: a.catalog.Strong, Masks: tenantData{a}.Masks, Objects: a.catalog, Health: siteHealth{a.processor}, Gate: a.gate, Sink: a.sink, Pricer: a.pricer,
		Sessions: a.stitcher, Texts: func(t tenant.ID, property string) bool { return a.processor.Texts(string(t), property) },
		Unseen: func(t tenant.ID, site, property string, here bool) ([]string, bool) {
			return a.processor.Unseen(string(t), site, property, here)
		},
	}, a.log, a.reg); err != nil {
		return err
	}
	report.Register(a.api.Huma(), a.reports)
	return a.openSaved(ctx)
}

// openSaved builds what keeps goals, segments, cohorts and dashboards, and shows panels by tokens.
func (a *app) openSaved(ctx context.Context) error {
	key, err := a.secret(ctx, "embed_secret", "embed tokens")
	if err != nil {
		return err
	}
	objects, err := saved.New(saved.Limits{}, saved.Deps{Catalog: a.catalog, Questions: a.reports, Audit: a.audit, May: owners{a.catalog}.may, EmbedKey: key, Public: httpapi.Public()}, a.log)
	if err != nil {
		return err
	}
	objects.Register(a.api.Huma())
	return nil
}

// runQuery runs the query of a job. One that goes on after a restart waits until there is something to answer it.
func (a *app) runQuery(ctx context.Context, r *jobs.Run) error {
	if err := a.engine.WaitReady(ctx); err != nil {
		return err
	}
	for _, ready := range []<-chan struct{}{a.migrated, a.processor.Ready()} {
		select {
		case <-ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return a.queries.RunJob(ctx, queryRun{r})
}

// tenantData tells of tenants' rows what the processor knows.
type tenantData struct{ *app }

func (d tenantData) AsOf(t tenant.ID) time.Time { return d.processor.AsOf(string(t)) }

func (d tenantData) CompleteUntil(t tenant.ID) time.Time { return d.processor.CompleteUntil(string(t)) }

func (d tenantData) Reached() time.Time { return d.processor.Reached() }

func (d tenantData) rangeOf(t tenant.ID) catalog.Range {
	found, _ := d.catalog.TenantByID(t)
	return found.Partitions
}

func (d tenantData) VisibleTo(t tenant.ID, to token.Token) bool {
	return d.processor.VisibleTo(string(t), to)
}

func (d tenantData) WaitVisibleTo(ctx context.Context, t tenant.ID, to token.Token) error {
	return d.processor.WaitVisibleTo(ctx, string(t), to)
}

func (d tenantData) DataVersion(t tenant.ID) (version uint64, settled bool) {
	return d.processor.DataVersion(string(t))
}

func (d tenantData) Snapshot(t tenant.ID) token.Token {
	return d.processor.Snapshot(string(t), d.rangeOf(t))
}

func (d tenantData) Acknowledged(t tenant.ID) token.Token {
	return d.processor.Acknowledged(d.rangeOf(t))
}

func (d tenantData) Given(t tenant.ID, to token.Token) bool {
	return d.processor.Given(d.rangeOf(t), to)
}

func (d tenantData) Distance(t tenant.ID, to token.Token) (records uint64, late int, lag time.Duration) {
	x := d.processor.Distance(string(t), to)
	return x.Records, x.LateRows, x.Lag
}

func (d tenantData) Properties(t tenant.ID) []event.Property {
	if t == "" { // an operator across tenants
		return d.processor.CommonProperties()
	}
	return d.processor.Properties(string(t))
}

// LeftOut says whether a tenant's events had names of properties for which there was no place.
func (d tenantData) LeftOut(t tenant.ID) bool {
	s := d.processor.Schema(string(t))
	return s.LeftOut > 0 || s.Public.LeftOut > 0
}

// Masks are those of all roles of a tenant.
func (d tenantData) Masks(t tenant.ID) []catalog.Mask {
	found, _ := d.catalog.TenantByID(t)
	return found.Policy.Masks
}

// maskKey is the secret behind the hashes of masked columns.
func (a *app) maskKey(ctx context.Context) ([]byte, error) {
	return a.secret(ctx, "mask_secret", "masks")
}

// secret is 32 random bytes, made at the first start and kept in the catalog.
func (a *app) secret(ctx context.Context, name, of string) ([]byte, error) {
	text, err := a.catalog.Setting(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && text == "" {
		var raw [32]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return nil, fmt.Errorf("make the secret of %s: %w", of, err)
		}
		text = hex.EncodeToString(raw[:])
		err = a.catalog.SetSetting(ctx, name, text)
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("the secret of %s in the catalog is damaged: %w", of, err)
	}
	return key, nil
}

// queryJobs starts jobs of queries, and records that.
type queryJobs struct{ app *app }

func (q queryJobs) Start(ctx context.Context, who tenant.Principal, title string, in query.JobInput) (func(http.ResponseWriter), *problem.Problem) {
	a := q.app
	j, p := a.jobs.Start(who, query.JobKind, title, in)
	if p != nil {
		return nil, p
	}
	e := audit.Entry{Tenant: who.Tenant, Actor: who.Actor(), Role: who.Role, Action: audit.Job, Target: jobs.Path(j.ID), Text: in.SQL, From: in.From, Door: query.DoorAPI,
		Outcome: audit.OK, Request: origin.From(ctx).Request}
	if err := a.audit.Append(ctx, e); err != nil {
		_, _, cerr := a.jobs.Cancel(who, j.ID)
		a.log.Error("a job could not be recorded in the audit log and was cancelled", "component", "audit", "job", j.ID, "error", errors.Join(err, cerr))
		return nil, problem.New(http.StatusServiceUnavailable, "audit_unavailable", "the job could not be recorded in the audit log and was cancelled: try again").WithRetry(time.Second)
	}
	return func(w http.ResponseWriter) { jobs.WriteAccepted(w, j) }, nil
}

// queryRun is a job of a query under way.
type queryRun struct{ *jobs.Run }

func (r queryRun) Waiting(ask func() *work.Wait) {
	r.Run.Waiting(func() *jobs.Wait {
		w := ask()
		if w == nil {
			return nil
		}
		out := &jobs.Wait{Limit: w.Limit, Value: w.Value, Text: w.Why}
		if !w.Until.IsZero() {
			until := w.Until.UTC()
			out.Until = &until
		}
		return out
	})
}

func (r queryRun) Progress(done, total uint64) {
	r.Run.Progress(jobs.Progress{Done: done, Total: total, Unit: "rows"})
}

// queryConfig are the bounds of queries as the configuration has them. A job may be given less time than other queries.
func queryConfig(c config.Query) query.Config {
	return query.Config{MaxTime: c.Timeout, MaxMemory: int64(c.Memory), MaxResultRows: c.MaxRows, MaxResult: int64(c.MaxResult), TokenWait: c.TokenWait, JobTime: c.JobTimeout}
}
