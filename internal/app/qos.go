package app

import (
	"weir/internal/catalog"
	"weir/internal/config"
	"weir/internal/qos"
)

// openGate makes what admits queries.
func (a *app) openGate() error {
	var err error
	a.gate, err = qos.New(qos.Config{
		Places: a.cfg.Query.Concurrent, MaxWait: a.cfg.Query.MaxWait, MaxQueued: a.cfg.Query.MaxQueued, Limits: defaultLimits(a.cfg.Limits),
	}, qos.Deps{Tenants: a.catalog, Budgets: a.meter, Registerer: a.reg})
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
