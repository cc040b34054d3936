package app

import (
	"weir/internal/catalog"
	"weir/internal/config"
	"weir/internal/httpapi"
	"weir/internal/qos"
	"weir/internal/tenant"
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
	deps := qos.Deps{Tenants: a.catalog, Statistics: a.processor, Pricer: a.pricer, Budgets: a.meter, State: a.state, Full: a.room.Full, Logger: a.log, Registerer: a.reg}
	var err error
	if a.gate, err = qos.New(qos.Config{Places: a.cfg.Query.Concurrent, MaxWait: a.cfg.Query.MaxWait, MaxQueued: a.cfg.Query.MaxQueued, Limits: def}, deps); err != nil {
		return err
	}
	a.limits.gate, a.limits.tenants = a.gate, a.catalog
	if a.limits.ingest, err = qos.NewIngest(qos.IngestConfig{Limits: def, InFlight: int64(a.cfg.Ingest.InFlight)}, a.reg); err != nil {
		return err
	}
	a.limits.addresses, err = qos.NewAddresses(qos.AddressConfig{Rate: a.cfg.HTTP.IPRate, Burst: a.cfg.HTTP.IPBurst}, a.reg)
	return err
}

// LimitState serves /api/v1/limits.
func (l limits) LimitState(id tenant.ID) httpapi.LimitState {
	s := l.gate.State(id)
	t, _ := l.tenants.TenantByID(id)
	in := l.ingest.State(&t)
	out := httpapi.LimitState{
		Limits: s.Limits, CPUSecondsMinute: s.CPUSecondsMinute, CPUSecondsHour: s.CPUSecondsHour, ScanBytesHour: s.ScannedHour,
		OldestWait: s.OldestWait.Seconds(), WaitsFor: s.WaitsFor, WaitsForValue: s.WaitsForValue, MaxWait: s.MaxWait.Seconds(), MaxQueued: s.MaxQueued,
		Events: in.Events, Bytes: in.Bytes, InFlight: in.InFlight, MaxInFlight: in.MaxInFlight,
	}
	switch {
	case s.Throttled:
		out.Budget = catalog.BudgetThrottle
	case s.Closed:
		out.Budget = catalog.BudgetBlock
	}
	for _, c := range s.Classes {
		out.Queries = append(out.Queries, httpapi.QueriesState{Class: string(c.Class), Running: c.Running, Waiting: c.Waiting, Places: c.Places})
	}
	return out
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
