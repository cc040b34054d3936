package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// snowplowPath is a vendor's reversed domain and a version: two segments, the first with a dot.
var snowplowPath = regexp.MustCompile(`^/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+/[A-Za-z0-9._-]+$`)

// problems gathers what is wrong, each with its full key.
type problems []error

func (p *problems) check(ok bool, key, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
}

func between[T int | int64 | Size | time.Duration](p *problems, key string, v, low, high T, show func(T) string) {
	p.check(v >= low && v <= high, key, "is %s, want %s to %s", show(v), show(low), show(high))
}

// Validate reports every problem.
func (c *Config) Validate() error {
	var p problems
	p.check(c.DataDir != "", "data_dir", "is empty: name a directory")
	p.address("listen", c.Listen)
	if c.ClickHouseListen != "" {
		p.address("clickhouse_listen", c.ClickHouseListen)
	}
	p.roles(c.Roles)
	for _, r := range c.AdminToken {
		if r <= ' ' || r > '~' {
			p.check(false, "admin_token", "may hold visible ASCII characters only, without spaces")
			break
		}
	}
	c.validateHTTP(&p)
	c.validateStorage(&p)
	c.validateLimits(&p)
	c.validateMoney(&p)
	c.validateAccess(&p)
	p.check(slices.Contains([]string{"debug", "info", "warn", "error"}, c.Logging.Level), "logging.level", "is %q, want debug, info, warn or error", c.Logging.Level)
	p.check(slices.Contains([]string{"text", "json"}, c.Logging.Format), "logging.format", "is %q, want text or json", c.Logging.Format)
	return errors.Join(p...)
}

func (c *Config) validateHTTP(p *problems) {
	between(p, "http.header_timeout", c.HTTP.HeaderTimeout, 100*time.Millisecond, time.Hour, FormatDuration)
	between(p, "http.body_timeout", c.HTTP.BodyTimeout, 100*time.Millisecond, time.Hour, FormatDuration)
	between(p, "http.write_timeout", c.HTTP.WriteTimeout, 100*time.Millisecond, time.Hour, FormatDuration)
	between(p, "http.idle_timeout", c.HTTP.IdleTimeout, 100*time.Millisecond, 24*time.Hour, FormatDuration)
	between(p, "http.max_header", c.HTTP.MaxHeader, 4<<10, 1<<20, Size.String)
	between(p, "http.drain", c.HTTP.Drain, 0, 10*time.Minute, FormatDuration)
}

func (c *Config) validateStorage(p *problems) {
	p.check(c.Engine.Memory == 0 || c.Engine.Memory >= 512<<20, "engine.memory", "is %s, want at least 512MiB, or 0 for a share of the machine's", c.Engine.Memory)
	between(p, "log.partitions", c.Log.Partitions, 1, 1024, strconv.Itoa)
	between(p, "log.retention", c.Log.Retention, time.Minute, 400*24*time.Hour, FormatDuration)
	p.check(c.Log.MaxSize == 0 || c.Log.MaxSize >= 64<<20, "log.max_size", "is %s, want at least 64MiB, or 0 for no bound", c.Log.MaxSize)
	p.check(c.Log.MaxDisk >= 10 && c.Log.MaxDisk <= 99, "log.max_disk", "is %v%%, want 10%% to 99%%: the rest is what recovery works with", float64(c.Log.MaxDisk))
	between(p, "process.interval", c.Process.Interval, 10*time.Millisecond, time.Minute, FormatDuration)
	between(p, "process.max_backlog", c.Process.MaxBacklog, 16<<20, 16<<40, Size.String)
	between(p, "process.max_late", c.Process.MaxLate, 16<<20, 16<<40, Size.String)
	between(p, "process.late_after", c.Process.LateAfter, time.Hour, 400*24*time.Hour, FormatDuration)
	between(p, "dedupe.window", c.Dedupe.Window, time.Hour, 14*24*time.Hour, FormatDuration)
	between(p, "dedupe.lag", c.Dedupe.Lag, time.Minute, 14*24*time.Hour, FormatDuration)
	between(p, "dedupe.max_keys", c.Dedupe.MaxKeys, 1000, 100e9, formatInt)
}

func (c *Config) validateLimits(p *problems) {
	between(p, "ingest.max_event", c.Ingest.MaxEvent, 1<<10, 512<<10, Size.String)
	between(p, "ingest.max_body", c.Ingest.MaxBody, 64<<10, 1<<30, Size.String)
	p.check(c.Ingest.MaxBody >= c.Ingest.MaxEvent, "ingest.max_body", "is %s and so less than ingest.max_event, %s", c.Ingest.MaxBody, c.Ingest.MaxEvent)
	p.check(c.Ingest.SnowplowPath == "" || snowplowPath.MatchString(c.Ingest.SnowplowPath), "ingest.snowplow_path",
		"is %q, want /vendor/version with a dot in the vendor, like /com.acme/track: no other address has this form", c.Ingest.SnowplowPath)
	between(p, "ingest.in_flight", c.Ingest.InFlight, 1<<20, 1<<40, Size.String)
	between(p, "ingest.max_props", c.Ingest.MaxProps, 1, 10_000, strconv.Itoa)
	between(p, "ingest.max_depth", c.Ingest.MaxDepth, 2, 64, strconv.Itoa)
	between(p, "query.timeout", c.Query.Timeout, 100*time.Millisecond, time.Hour, FormatDuration)
	between(p, "query.job_timeout", c.Query.JobTimeout, 100*time.Millisecond, 24*time.Hour, FormatDuration)
	between(p, "query.token_wait", c.Query.TokenWait, time.Millisecond, time.Minute, FormatDuration)
	between(p, "query.cache", c.Query.Cache, 0, 1<<40, Size.String)
	between(p, "query.memory", c.Query.Memory, 16<<20, 1<<40, Size.String)
	between(p, "query.max_rows", c.Query.MaxRows, 1, 1e9, formatInt)
	between(p, "query.max_result", c.Query.MaxResult, 1<<20, 64<<30, Size.String)
	between(p, "query.concurrent", c.Query.Concurrent, 1, 1000, strconv.Itoa)
	between(p, "query.max_wait", c.Query.MaxWait, 100*time.Millisecond, time.Hour, FormatDuration)
	between(p, "query.max_queued", c.Query.MaxQueued, 1, 100_000, strconv.Itoa)
	between(p, "http.ip_rate", c.HTTP.IPRate, 0, 1e9, formatInt)
	between(p, "http.ip_burst", c.HTTP.IPBurst, 1, 1e9, formatInt)
	l := &c.Limits
	for key, v := range map[string]int64{
		"events_per_second": l.EventsPerSecond, "bytes_per_second": int64(l.BytesPerSecond), "burst_seconds": l.BurstSeconds, "queries": l.Queries,
		"expensive_queries": l.ExpensiveQueries, "cpu_seconds_per_minute": l.CPUSecondsPerMinute, "cpu_seconds_per_hour": l.CPUSecondsPerHour,
		"scan_bytes_per_hour": int64(l.ScanBytesPerHour), "result_bytes": int64(l.ResultBytes),
	} {
		p.check(v >= 0, "limits."+key, "is %d, it must not be negative; 0 is no limit", v)
	}
	c.validateJobs(p)
	c.validateLookups(p)
}

func (c *Config) validateLookups(p *problems) {
	between(p, "lookups.max_tables", c.Lookups.MaxTables, 1, 10_000, strconv.Itoa)
	between(p, "lookups.max_columns", c.Lookups.MaxColumns, 1, 10_000, strconv.Itoa)
	between(p, "lookups.max_rows", c.Lookups.MaxRows, 1, 1<<32-1, formatInt)
	between(p, "lookups.max_bytes", c.Lookups.MaxBytes, 1<<10, 1<<30, Size.String)
	between(p, "lookups.max_cell", c.Lookups.MaxCell, 16, 1<<30, Size.String)
	between(p, "lookups.uploads", c.Lookups.Uploads, 1, 1000, strconv.Itoa)
}

func (c *Config) validateMoney(p *problems) {
	between(p, "metering.interval", c.Metering.Interval, 100*time.Millisecond, 10*time.Second, FormatDuration)
	p.check(c.Metering.Provider != "", "metering.provider", "is empty")
	m := &c.Prices
	letters := len(m.Currency) == 3
	for _, r := range m.Currency {
		letters = letters && r >= 'A' && r <= 'Z'
	}
	p.check(letters, "prices.currency", "is %q, want a code of three capital letters like EUR", m.Currency)
	for key, v := range map[string]float64{
		"cpu_second": m.CPUSecond, "memory_gb_hour": m.MemoryGBHour, "scanned_gb": m.ScannedGB, "scanned_cold_gb": m.ScannedColdGB,
		"stored_gb_month": m.StoredGBMonth, "out_gb": m.OutGB, "million_events": m.MillionEvents, "cache_hits_1000": m.CacheHits1000,
	} {
		p.check(v >= 0, "prices."+key, "is %v, it must not be negative", v)
	}
}

func (c *Config) validateJobs(p *problems) {
	between(p, "jobs.keep", c.Jobs.Keep, time.Minute, 400*24*time.Hour, FormatDuration)
	between(p, "jobs.max_result", c.Jobs.MaxResult, 64<<10, 1<<40, Size.String)
	between(p, "jobs.max_disk", c.Jobs.MaxDisk, 1<<20, 1<<50, Size.String)
	between(p, "jobs.max_disk_tenant", c.Jobs.MaxDiskTenant, 64<<10, 1<<50, Size.String)
	between(p, "jobs.workers", c.Jobs.Workers, 1, 1000, strconv.Itoa)
	between(p, "jobs.tenant_running", c.Jobs.TenantRunning, 1, 1000, strconv.Itoa)
	between(p, "jobs.tenant_queued", c.Jobs.TenantQueued, 1, 100_000, strconv.Itoa)
}

func (c *Config) validateAccess(p *problems) {
	p.check(c.TLS.Cert != "" || c.TLS.Key == "", "tls.cert", "is empty although tls.key is set: name the certificate too")
	p.check(c.TLS.Key != "" || c.TLS.Cert == "", "tls.key", "is empty although tls.cert is set: name the private key too")
	between(p, "sign_in.password_memory", c.SignIn.PasswordMemory, 8<<20, 1<<30, Size.String)
	between(p, "sign_in.password_passes", c.SignIn.PasswordPasses, 1, 100, strconv.Itoa)
	between(p, "sign_in.password_concurrent", c.SignIn.PasswordConcurrent, 1, 64, strconv.Itoa)
	between(p, "sign_in.session_idle", c.SignIn.SessionIdle, time.Minute, 90*24*time.Hour, FormatDuration)
	between(p, "sign_in.session_max", c.SignIn.SessionMax, time.Minute, 400*24*time.Hour, FormatDuration)
	between(p, "sign_in.attempts", c.SignIn.Attempts, 1, 1000, strconv.Itoa)
	between(p, "sign_in.attempts_ip", c.SignIn.AttemptsIP, 1, 100_000, strconv.Itoa)
	p.check(c.Audit.Retention == 0 || c.Audit.Retention >= 24*time.Hour, "audit.keep", "is %s, want at least 1d, or 0 for ever", FormatDuration(c.Audit.Retention))
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

func (p *problems) address(key, addr string) {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	p.check(err == nil, key, "%q is not host:port, for example 127.0.0.1:8080", addr)
}

func (p *problems) roles(roles []string) {
	known := []string{RoleAll, RoleCollect, RoleProcess, RoleQuery, RoleControl}
	p.check(len(roles) > 0, "roles", "is empty: want all, or some of collect, process, query, control")
	for _, r := range roles {
		p.check(slices.Contains(known, r), "roles", "%q is no role%s: want all, or some of collect, process, query, control", r, suggestion(r, known))
	}
	p.check(len(roles) < 2 || !slices.Contains(roles, RoleAll), "roles", "all stands alone, without further roles")
}
