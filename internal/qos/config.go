package qos

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"weir/internal/catalog"
)

// Config configures a Gate. Zero values stand for the defaults.
type Config struct {
	Cores     int           // of the machine; the number that Go sees
	Places    int           // queries that run at once, of all classes; 32
	MaxWait   time.Duration // how long a query waits for its turn, jobs excepted; 30 s
	MaxQueued int           // queries of one tenant that wait; 200
	Shapes    int           // shapes of queries, each of one tenant, whose cost is remembered, a quarter of them of one tenant at most; 20 000
	// Limits hold for tenants that have none of their own, field by field; zero: no limit.
	Limits catalog.Limits
}

// The bounds of the classes, in CPU time.
const (
	cheapBelow     = time.Second
	expensiveAbove = 10 * time.Second
)

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Cores, runtime.NumCPU())
	def(&c.Places, 32)
	def(&c.MaxQueued, 200)
	def(&c.Shapes, 20_000)
	if c.MaxWait == 0 {
		c.MaxWait = 30 * time.Second
	}
	return c
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	c = c.withDefaults()
	between := func(key string, v, low, high int64) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("%s is %d, it must be between %d and %d", key, v, low, high))
		}
	}
	between("cores", int64(c.Cores), 1, 4096)
	between("query.concurrent", int64(c.Places), 1, 10_000)
	between("query.max_wait (ms)", c.MaxWait.Milliseconds(), 1, time.Hour.Milliseconds())
	between("query.max_queued", int64(c.MaxQueued), 1, 100_000)
	between("shapes", int64(c.Shapes), 1, 10_000_000)
	for name, v := range limitFields(c.Limits) {
		if v < 0 {
			errs = append(errs, fmt.Errorf("limits.%s is %d, it must not be negative; 0 is no limit", name, v))
		}
	}
	return errors.Join(errs...)
}

func limitFields(l catalog.Limits) map[string]int64 {
	return map[string]int64{
		"events_per_second": l.EventsPerSecond, "bytes_per_second": l.BytesPerSecond, "burst_seconds": l.BurstSeconds,
		"queries": l.Queries, "expensive_queries": l.ExpensiveQueries, "cpu_seconds_per_minute": l.CPUSecondsPerMinute,
		"cpu_seconds_per_hour": l.CPUSecondsPerHour, "scan_bytes_per_hour": l.ScanBytesPerHour, "result_bytes": l.ResultBytes, "weight": l.Weight,
	}
}

// effective returns a tenant's limits with the defaults where it has none of its own.
func effective(own, def catalog.Limits) catalog.Limits {
	for _, f := range []struct{ own, def *int64 }{
		{&own.DedupeKeys, &def.DedupeKeys}, {&own.EventBytes, &def.EventBytes},
		{&own.EventsPerSecond, &def.EventsPerSecond}, {&own.BytesPerSecond, &def.BytesPerSecond}, {&own.BurstSeconds, &def.BurstSeconds},
		{&own.Queries, &def.Queries}, {&own.ExpensiveQueries, &def.ExpensiveQueries},
		{&own.CPUSecondsPerMinute, &def.CPUSecondsPerMinute}, {&own.CPUSecondsPerHour, &def.CPUSecondsPerHour},
		{&own.ScanBytesPerHour, &def.ScanBytesPerHour}, {&own.ResultBytes, &def.ResultBytes}, {&own.Weight, &def.Weight},
	} {
		if *f.own == 0 {
			*f.own = *f.def
		}
	}
	return own
}
