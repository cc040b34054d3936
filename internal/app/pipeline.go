package app

import (
	"context"
	"time"

	"weir/internal/cache"
	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/metering"
	"weir/internal/query"
	"weir/internal/report"
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
func (a *app) openPipeline() error {
	var err error
	if a.cache, err = cache.New(cache.Config{}, a.reg); err != nil {
		return err
	}
	if a.queries, err = query.NewService(query.Config{
		MaxTime: a.cfg.Query.Timeout, MaxMemory: int64(a.cfg.Query.Memory), MaxResultRows: a.cfg.Query.MaxRows, MaxResult: int64(a.cfg.Query.MaxResult),
	}, query.Deps{
		Engine: a.engine.Client(), Watcher: a.engine.Client(), Visibility: tenantData{a}, Data: tenantData{a}, Properties: tenantData{a}, Cache: a.cache, Tenants: a.catalog, Limits: a.gate.Limits,
		Gate: a.gate, Sink: a.sink, Pricer: a.pricer,
	}, a.log, a.reg); err != nil {
		return err
	}
	a.api.Mux().Handle("/api/v1/query", authenticated(a.auth, query.NewHandler(a.queries)))
	if a.reports, err = report.New(report.Config{MaxTime: a.cfg.Query.Timeout, MaxMemory: int64(a.cfg.Query.Memory)}, report.Deps{
		Engine: a.engine.Client(), Watcher: a.engine.Client(), Sources: a.catalog, Clock: a.processor, Positions: a.processor, Data: tenantData{a}, Cache: a.cache,
		Strong: a.catalog.Strong, Masks: tenantData{a}.Masks, Gate: a.gate, Sink: a.sink, Pricer: a.pricer,
	}, a.log, a.reg); err != nil {
		return err
	}
	report.Register(a.api.Huma(), a.reports)
	return nil
}

// tenantData tells of tenants' rows what the processor knows.
type tenantData struct{ *app }

func (d tenantData) AsOf() time.Time { return d.processor.AsOf() }

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

func (d tenantData) Distance(t tenant.ID, to token.Token) (records uint64, late int, lag time.Duration, unknown bool) {
	x := d.processor.Distance(string(t), to)
	return x.Records, x.LateRows, x.Lag, x.Unknown
}

func (d tenantData) Properties(t tenant.ID) []event.Property {
	return d.processor.Properties(string(t))
}

// Masks are those of all roles of a tenant.
func (d tenantData) Masks(t tenant.ID) []catalog.Mask {
	found, _ := d.catalog.TenantByID(t)
	return found.Policy.Masks
}
