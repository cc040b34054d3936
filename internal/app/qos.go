package app

import (
	"weir/internal/catalog"
	"weir/internal/config"
	"weir/internal/qos"
)

// limits is what holds tenants, and addresses, to their limits.
type limits struct {
	gate      *qos.Gate
	ingest    *qos.Ingest
	addresses *qos.Addresses // of the public doors
	tenants   qos.Tenants
}

// openLimits makes what admits queries, events and addresses. The metering must have been opened.
func (a *app) openLimits() error {
	def := defaultLimits(a.cfg.Limits)
	deps := qos.Deps{Tenants: a.catalog, Statistics: a.processor, Pricer: a.pricer, Budgets: a.meter, Registerer: a.reg}
	var err error
	if a.gate, err = qos.New(qos.Config{Places: a.cfg.Query.Concurrent, MaxWait: a.cfg.Query.MaxWait, MaxQueued: a.cfg.Query.MaxQueued, Limits: def}, deps); err != nil {
		return err
	}
	a.limits.gate, a.limits.tenants = a.gate, a.catalog
	if a.limits.ingest, err = qos.NewIngest(qos.IngestConfig{Limits: def}, a.reg); err != nil {
		return err
	}
	a.limits.addresses, err = qos.NewAddresses(qos.AddressConfig{Rate: a.cfg.HTTP.IPRate, Burst: a.cfg.HTTP.IPBurst}, a.reg)
	return err
}

// defaultLimits are the limits of tenants that have none of their own.
func defaultLimits(l config.Limits) catalog.Limits {
	return catalog.Limits{
		EventsPerSecond: l.EventsPerSecond, BytesPerSecond: int64(l.BytesPerSecond), BurstSeconds: l.BurstSeconds,
		Queries: l.Queries, ExpensiveQueries: l.ExpensiveQueries,
		CPUSecondsPerMinute: l.CPUSecondsPerMinute, CPUSecondsPerHour: l.CPUSecondsPerHour,
		ScanBytesPerHour: int64(l.ScanBytesPerHour), ResultBytes: int64(l.ResultBytes),
	}
}
