package app

import (
	"weir/internal/cache"
	"weir/internal/query"
	"weir/internal/report"
	work "weir/internal/usage"
)

// measuring is what questions pass on their way: metering and the price book. Parts that are nil are left out.
type measuring struct {
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
		Engine: a.engine.Client(), Watcher: a.engine.Client(), Visibility: a.processor, Cache: a.cache, Tenants: a.catalog,
		Gate: a.gate, Sink: a.sink, Pricer: a.pricer,
	}, a.log, a.reg); err != nil {
		return err
	}
	a.api.Mux().Handle("/api/v1/query", authenticated(a.auth, query.NewHandler(a.queries)))
	if a.reports, err = report.New(report.Config{MaxTime: a.cfg.Query.Timeout, MaxMemory: int64(a.cfg.Query.Memory)},
		a.engine.Client(), a.catalog, a.processor, a.processor, a.log, a.reg); err != nil {
		return err
	}
	report.Register(a.api.Huma(), a.reports)
	return nil
}
