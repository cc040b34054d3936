package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option is one thing that can be set.
type Option struct {
	Key     string // in the YAML file: "log.retention" is key retention of section log
	Flag    string // without the dashes before it
	Env     string
	Kind    string // for people: "duration", "size"
	Default string
	Help    string
	Secret  bool
	value   value
}

// value binds an option to a field of a Config.
type value struct {
	set func(string) error
	get func() string // in the form that set reads; masked for a secret
}

// Options lists every option with its default, in the order of the reference page.
func Options() []Option { return options(Default()) }

// Default is the configuration when nothing is set.
func Default() *Config {
	return &Config{
		DataDir: "./data", Roles: []string{RoleAll}, Listen: "127.0.0.1:8080", ClickHouseListen: "127.0.0.1:8123",
		HTTP: HTTP{HeaderTimeout: 10 * time.Second, BodyTimeout: time.Minute, WriteTimeout: 30 * time.Second,
			IdleTimeout: 2 * time.Minute, MaxHeader: 64 << 10, Drain: 8 * time.Second, IPBurst: 1000},
		Log:     Log{Partitions: 8, Retention: 24 * time.Hour, MaxSize: 32 << 30, MaxDisk: 95},
		Ingest:  Ingest{MaxEvent: 50 << 10, MaxBody: 10 << 20, MaxProps: 1000, MaxDepth: 16, InFlight: 64 << 20},
		Process: Process{Interval: 500 * time.Millisecond, MaxBacklog: 8 << 30, MaxLate: 4 << 30, LateAfter: 48 * time.Hour},
		Dedupe:  Dedupe{Window: 7 * 24 * time.Hour, Lag: 24 * time.Hour, MaxKeys: 100_000_000},
		Jobs:    Jobs{Keep: 24 * time.Hour, MaxResult: 1 << 30, MaxDisk: 16 << 30, MaxDiskTenant: 4 << 30, Workers: 32, TenantRunning: 2, TenantQueued: 100},
		Query: Query{Timeout: 15 * time.Second, Memory: 2 << 30, MaxRows: 1_000_000, MaxResult: 256 << 20, Concurrent: 32, MaxWait: 30 * time.Second, MaxQueued: 200,
			JobTimeout: 15 * time.Minute, TokenWait: 5 * time.Second, Cache: 64 << 20},
		Lookups:  Lookups{MaxTables: 50, MaxColumns: 100, MaxRows: 1_000_000, MaxBytes: 64 << 20, MaxCell: 64 << 10, Uploads: 4},
		Logging:  Logging{Level: "info", Format: "text"},
		Metering: Metering{Interval: 9 * time.Second, Provider: "weir", Region: "local"},
		Prices: Prices{Currency: "USD", CPUSecond: 0.000_015, MemoryGBHour: 0.006, ScannedGB: 0.000_2, ScannedColdGB: 0.002,
			StoredGBMonth: 0.08, OutGB: 0.05, MillionEvents: 0.02, CacheHits1000: 0.000_05},
		SignIn: SignIn{PasswordMemory: 32 << 20, PasswordPasses: 3, PasswordConcurrent: 2, SessionIdle: 12 * time.Hour, SessionMax: 7 * 24 * time.Hour,
			Attempts: 5, AttemptsIP: 30},
		Audit: Audit{Retention: 730 * 24 * time.Hour},
	}
}

// options binds the table to the fields of c.
func options(c *Config) []Option {
	list := []Option{
		{Key: "data_dir", Kind: "path", Help: "The directory that holds everything: log, state, engine, catalog. One process owns it at a time.", value: text(&c.DataDir)},
		{Key: "roles", Kind: "list", Help: "What this process does: all, or some of collect, process, query, control.", value: list(&c.Roles)},
		{Key: "listen", Kind: "host:port", Help: "Address of the HTTP API. Port 0 takes a free one.", value: text(&c.Listen)},
		{Key: "clickhouse_listen", Kind: "host:port", Help: "Address of the ClickHouse HTTP protocol, for drivers and BI tools (docs/CLICKHOUSE.md). Port 0 takes a free one. Empty: it is not served.", value: text(&c.ClickHouseListen)},
		{Key: "admin_token", Kind: "secret", Help: "The operator's token; use at least 16 characters. Empty: it is read from DIR/admin-token, which is generated at the first start.", Secret: true, value: secret(&c.AdminToken)},
		{Key: "libchdb", Kind: "path", Help: "Path of libchdb.so, the embedded engine. Empty: the build's cache, then beside the binary.", value: text(&c.Libchdb)},

		{Key: "http.trusted_proxies", Kind: "list of CIDR", Help: "Proxies whose X-Forwarded-For counts. Empty: the sender of the connection is the client.", value: prefixes(&c.HTTP.TrustedProxies)},
		{Key: "http.header_timeout", Kind: "duration", Help: "How long a client may take to send a request's head.", value: duration(&c.HTTP.HeaderTimeout)},
		{Key: "http.body_timeout", Kind: "duration", Help: "How long a client may take to send a request's body. Then the answer is 408.", value: duration(&c.HTTP.BodyTimeout)},
		{Key: "http.write_timeout", Kind: "duration", Help: "How long a client may take none of an answer before the connection is cut. A long answer that moves is not cut.", value: duration(&c.HTTP.WriteTimeout)},
		{Key: "http.idle_timeout", Kind: "duration", Help: "How long a connection may be idle between requests.", value: duration(&c.HTTP.IdleTimeout)},
		{Key: "http.max_header", Kind: "size", Help: "Largest head of a request. Above it the answer is 431.", value: size(&c.HTTP.MaxHeader)},
		{Key: "http.drain", Kind: "duration", Help: "How long running requests may take to end when the process stops.", value: duration(&c.HTTP.Drain)},
		{Key: "http.ip_rate", Kind: "number", Help: "Requests a second that one address (of IPv6: one /64) may send to the public doors: weir's own and, without a key, those of SDKs. Above it the answer is 429. 0: no limit.", value: number(&c.HTTP.IPRate)},
		{Key: "http.ip_burst", Kind: "number", Help: "Requests that one address may send at once, when http.ip_rate is set.", value: number(&c.HTTP.IPBurst)},

		{Key: "engine.memory", Kind: "size", Help: "Memory limit of the embedded engine. 0: 60 % of the machine's memory, leaving at least 1 GiB. On Linux its process may have a quarter and 256 MiB more, for the text of answers.", value: size(&c.Engine.Memory)},

		{Key: "log.partitions", Kind: "number", Help: "Partitions of the event log, 1 to 1024. Fixed when the data directory is created.", value: number(&c.Log.Partitions)},
		{Key: "log.retention", Kind: "duration", Help: "How long events stay in the log after they were processed.", value: duration(&c.Log.Retention)},
		{Key: "log.max_size", Kind: "size", Help: "Bound on processed events kept in the log. 0: bounded by age only.", value: size(&c.Log.MaxSize)},
		{Key: "log.max_disk", Kind: "percent", Help: "Used share of the disk from which on new events get 503, before anything breaks.", value: percent(&c.Log.MaxDisk)},

		{Key: "ingest.max_event", Kind: "size", Help: "Largest event. A tenant's limit event_bytes may be lower.", value: size(&c.Ingest.MaxEvent)},
		{Key: "ingest.max_body", Kind: "size", Help: "Largest body of a request, after decompression. Above it the answer is 413.", value: size(&c.Ingest.MaxBody)},
		{Key: "ingest.in_flight", Kind: "size", Help: "Bytes of the bodies of one tenant that may be in work at once: of /ingest and /api/v1/events as they are sent, of other doors decompressed. Above it the answer is 503 with Retry-After; a request by itself always may.", value: size(&c.Ingest.InFlight)},
		{Key: "ingest.max_props", Kind: "number", Help: "Most properties of one event, nested ones counted.", value: number(&c.Ingest.MaxProps)},
		{Key: "ingest.max_depth", Kind: "number", Help: "Deepest nesting of an event's JSON.", value: number(&c.Ingest.MaxDepth)},
		{Key: "ingest.snowplow_path", Kind: "path", Help: "Where trackers of Snowplow send that have a postPath of their own, for example /com.acme/track, beside /com.snowplowanalytics.snowplow/tp2. Empty: nowhere.", value: text(&c.Ingest.SnowplowPath)},

		{Key: "enrich.country_file", Kind: "path", Help: "MaxMind-format file (mmdb) with countries. Empty: the one that the build fetched. A file that is replaced is used within seconds.", value: text(&c.Enrich.CountryFile)},
		{Key: "enrich.city_file", Kind: "path", Help: "MaxMind-format file (mmdb) with regions and cities, supplied by you; it is held in memory. Empty: region and city stay empty. A file that is replaced is used within seconds.", value: text(&c.Enrich.CityFile)},
		{Key: "enrich.salt_file", Kind: "path", Help: "Where the salts of today and yesterday lie, from which ids of visitors without cookies are derived (docs/PRIVACY.md); leave it out of backups. Empty: DIR/salts.", value: text(&c.Enrich.SaltFile)},

		{Key: "process.interval", Kind: "duration", Help: "Least time between two commits. Longer costs freshness and saves CPU.", value: duration(&c.Process.Interval)},
		{Key: "process.max_backlog", Kind: "size", Help: "Unprocessed events in the log from which on new events get 503 with Retry-After.", value: size(&c.Process.MaxBacklog)},
		{Key: "process.max_late", Kind: "size", Help: "The same bound for the stream of late events.", value: size(&c.Process.MaxLate)},
		{Key: "process.late_after", Kind: "duration", Help: "Age from which an event goes through the late stream.", value: duration(&c.Process.LateAfter)},

		{Key: "dedupe.window", Kind: "duration", Help: "How long an event id is remembered, 1h to 14d. A repeat within it is counted once.", value: duration(&c.Dedupe.Window)},
		{Key: "dedupe.lag", Kind: "duration", Help: "How far arrival times may go back without losing exactness.", value: duration(&c.Dedupe.Lag)},
		{Key: "dedupe.max_keys", Kind: "number", Help: "Most event ids that the process remembers; the oldest are forgotten first. A tenant's quota is its limit dedupe_keys.", value: number(&c.Dedupe.MaxKeys)},

		{Key: "query.timeout", Kind: "duration", Help: "How long a query may run before it is cut.", value: duration(&c.Query.Timeout)},
		{Key: "query.job_timeout", Kind: "duration", Help: "How long a query that runs as a job may run; it may be less than query.timeout.", value: duration(&c.Query.JobTimeout)},
		{Key: "query.token_wait", Kind: "duration", Help: "How long a query waits for what its min_token or as_of names, or a strong source demands. Then the answer is 503.", value: duration(&c.Query.TokenWait)},
		{Key: "query.cache", Kind: "size", Help: "Memory for answers that are given again while a tenant's data does not change; 0 keeps none.", value: size(&c.Query.Cache)},
		{Key: "query.memory", Kind: "size", Help: "Memory limit of one query.", value: size(&c.Query.Memory)},
		{Key: "query.max_rows", Kind: "number", Help: "Most rows of one answer.", value: number(&c.Query.MaxRows)},
		{Key: "query.max_result", Kind: "size", Help: "Most bytes of one answer. What has been streamed by then is cut off.", value: size(&c.Query.MaxResult)},
		{Key: "query.concurrent", Kind: "number", Help: "Queries that run at once; further ones wait.", value: number(&c.Query.Concurrent)},
		{Key: "query.max_wait", Kind: "duration", Help: "How long a query may wait for its turn. Then the answer is 429. Jobs wait as long as they must.", value: duration(&c.Query.MaxWait)},
		{Key: "query.max_queued", Kind: "number", Help: "Queries of one tenant that may wait for their turn. Above it the answer is 429.", value: number(&c.Query.MaxQueued)},

		{Key: "limits.events_per_second", Kind: "number", Help: "Events a second of a tenant that has no limit of its own. All limits.* are such defaults, and 0 is no limit.", value: number(&c.Limits.EventsPerSecond)},
		{Key: "limits.bytes_per_second", Kind: "size", Help: "Bytes of request bodies, decompressed, a second.", value: size(&c.Limits.BytesPerSecond)},
		{Key: "limits.burst_seconds", Kind: "number", Help: "How many seconds' worth of events and bytes may come at once; 0: 5.", value: number(&c.Limits.BurstSeconds)},
		{Key: "limits.queries", Kind: "number", Help: "Queries that run at once.", value: number(&c.Limits.Queries)},
		{Key: "limits.expensive_queries", Kind: "number", Help: "Queries of the class expensive that run at once.", value: number(&c.Limits.ExpensiveQueries)},
		{Key: "limits.cpu_seconds_per_minute", Kind: "number", Help: "Seconds of CPU of all queries in a minute.", value: number(&c.Limits.CPUSecondsPerMinute)},
		{Key: "limits.cpu_seconds_per_hour", Kind: "number", Help: "Seconds of CPU of all queries in an hour.", value: number(&c.Limits.CPUSecondsPerHour)},
		{Key: "limits.scan_bytes_per_hour", Kind: "size", Help: "Bytes that all queries read in an hour, uncompressed.", value: size(&c.Limits.ScanBytesPerHour)},
		{Key: "limits.result_bytes", Kind: "size", Help: "Bytes of one answer; query.max_result holds beside it.", value: size(&c.Limits.ResultBytes)},

		{Key: "lookups.max_tables", Kind: "number", Help: "Lookup tables of one tenant (docs/LOOKUPS.md).", value: number(&c.Lookups.MaxTables)},
		{Key: "lookups.max_columns", Kind: "number", Help: "Columns of one lookup table.", value: number(&c.Lookups.MaxColumns)},
		{Key: "lookups.max_rows", Kind: "number", Help: "Rows of one lookup table.", value: number(&c.Lookups.MaxRows)},
		{Key: "lookups.max_bytes", Kind: "size", Help: "Bytes of one lookup table: its texts, and 8 for each value. An upload may have four times as many, after decompression; above that the answer is 413.", value: size(&c.Lookups.MaxBytes)},
		{Key: "lookups.max_cell", Kind: "size", Help: "Bytes of one value of a lookup table.", value: size(&c.Lookups.MaxCell)},
		{Key: "lookups.uploads", Kind: "number", Help: "Uploads of lookup tables that are read at once, each in memory; further ones wait.", value: number(&c.Lookups.Uploads)},

		{Key: "jobs.keep", Kind: "duration", Help: "How long a job that has ended stays with its result.", value: duration(&c.Jobs.Keep)},
		{Key: "jobs.max_result", Kind: "size", Help: "Largest result of a job.", value: size(&c.Jobs.MaxResult)},
		{Key: "jobs.max_disk", Kind: "size", Help: "Bound on the results of all jobs. Above it new jobs get 429.", value: size(&c.Jobs.MaxDisk)},
		{Key: "jobs.max_disk_tenant", Kind: "size", Help: "The same bound for one tenant.", value: size(&c.Jobs.MaxDiskTenant)},
		{Key: "jobs.workers", Kind: "number", Help: "Jobs that run, or wait for their turn at the admission of queries, at once; further ones wait before it.", value: number(&c.Jobs.Workers)},
		{Key: "jobs.tenant_running", Kind: "number", Help: "Of these, jobs of one tenant.", value: number(&c.Jobs.TenantRunning)},
		{Key: "jobs.tenant_queued", Kind: "number", Help: "Jobs of one tenant that wait or run, from which on new ones get 429.", value: number(&c.Jobs.TenantQueued)},

		{Key: "metering.interval", Kind: "duration", Help: "Time between two looks at what the processes have used, 100ms to 10s. Costs are at most so old; shorter ones cost more CPU.", value: duration(&c.Metering.Interval)},
		{Key: "metering.webhook_private", Kind: "yes or no", Help: "Whether webhooks of budgets may go to loopback, private and link-local addresses. Tenants choose the URL: say yes only where they may reach this network.", value: yesNo(&c.Metering.WebhookPrivate)},
		{Key: "metering.keep_billing", Kind: "yes or no", Help: "Whether the costs of a deleted tenant by hour, kind and source are kept for the bill, without users and queries, unless the request to delete it says otherwise (keep_billing).", value: yesNo(&c.Metering.KeepBilling)},
		{Key: "metering.provider", Kind: "text", Help: "Who bills, in exports of costs.", value: text(&c.Metering.Provider)},
		{Key: "metering.region", Kind: "text", Help: "Region of the installation, in exports of costs.", value: text(&c.Metering.Region)},

		{Key: "prices.currency", Kind: "word", Help: "Currency of the price book, a code of three letters. A changed price holds from the hour in which weir starts with it; what was used before keeps its price.", value: text(&c.Prices.Currency)},
		{Key: "prices.cpu_second", Kind: "price", Help: "A second of CPU, of weir and the engine.", value: price(&c.Prices.CPUSecond)},
		{Key: "prices.memory_gb_hour", Kind: "price", Help: "A GB of memory for an hour.", value: price(&c.Prices.MemoryGBHour)},
		{Key: "prices.scanned_gb", Kind: "price", Help: "A GB read by queries from hot storage, uncompressed.", value: price(&c.Prices.ScannedGB)},
		{Key: "prices.scanned_cold_gb", Kind: "price", Help: "The same from cold storage.", value: price(&c.Prices.ScannedColdGB)},
		{Key: "prices.stored_gb_month", Kind: "price", Help: "A GB on disk for a month (730 hours).", value: price(&c.Prices.StoredGBMonth)},
		{Key: "prices.out_gb", Kind: "price", Help: "A GB of answers.", value: price(&c.Prices.OutGB)},
		{Key: "prices.million_events", Kind: "price", Help: "A million events that were taken.", value: price(&c.Prices.MillionEvents)},
		{Key: "prices.cache_hits_1000", Kind: "price", Help: "A thousand answers from the result cache.", value: price(&c.Prices.CacheHits1000)},
		{Key: "tls.cert", Kind: "path", Help: "Certificate chain (PEM) of both listeners. A changed file is read again; one that cannot be used is reported and the old one stays. Empty: no TLS.", value: text(&c.TLS.Cert)},
		{Key: "tls.key", Kind: "path", Help: "Private key (PEM) of the certificate.", value: text(&c.TLS.Key)},

		{Key: "sign_in.oidc", Kind: "path", Help: "File that describes the OpenID Connect providers whose tokens are accepted; see docs/ACCESS.md. Empty: none.", value: text(&c.SignIn.OIDC)},
		{Key: "sign_in.password_memory", Kind: "size", Help: "Memory that one hash of a password takes (argon2id).", value: size(&c.SignIn.PasswordMemory)},
		{Key: "sign_in.password_passes", Kind: "number", Help: "Passes over that memory.", value: number(&c.SignIn.PasswordPasses)},
		{Key: "sign_in.password_concurrent", Kind: "number", Help: "Passwords that are hashed at once; further sign-ins wait.", value: number(&c.SignIn.PasswordConcurrent)},
		{Key: "sign_in.session_idle", Kind: "duration", Help: "How long a browser stays signed in without being used.", value: duration(&c.SignIn.SessionIdle)},
		{Key: "sign_in.session_max", Kind: "duration", Help: "How long it stays signed in at most.", value: duration(&c.SignIn.SessionMax)},
		{Key: "sign_in.attempts", Kind: "number", Help: "Sign-ins that may be tried at once for one account from one address (of IPv6: one /64), or from one browser that has signed in to it before; further ones get one try each half minute. From all other addresses together it is four times that.", value: number(&c.SignIn.Attempts)},
		{Key: "sign_in.attempts_ip", Kind: "number", Help: "Sign-ins a minute that may be tried from one address (of IPv6: one /64).", value: number(&c.SignIn.AttemptsIP)},

		{Key: "audit.keep", Kind: "duration", Help: "How long entries of the audit log are kept, at least 1d. 0: for ever.", value: duration(&c.Audit.Retention)},

		{Key: "logging.level", Kind: "word", Help: "What is logged: debug, info, warn or error.", value: text(&c.Logging.Level)},
		{Key: "logging.format", Kind: "word", Help: "How it is logged: text or json.", value: text(&c.Logging.Format)},
	}
	for i := range list {
		o := &list[i]
		o.Flag = strings.NewReplacer(".", "-", "_", "-").Replace(o.Key)
		o.Env = "WEIR_" + strings.ToUpper(strings.ReplaceAll(o.Key, ".", "_"))
		o.Default = o.value.get()
	}
	return list
}

func text(p *string) value {
	return value{func(s string) error { *p = s; return nil }, func() string { return *p }}
}

func secret(p *Secret) value {
	return value{func(s string) error { *p = Secret(s); return nil }, func() string { return p.String() }}
}

func list(p *[]string) value {
	return value{
		func(s string) error { *p = splitList(s); return nil },
		func() string { return strings.Join(*p, ",") },
	}
}

func splitList(s string) []string {
	var out []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}

func prefixes(p *[]netip.Prefix) value {
	return value{
		func(s string) error {
			var out []netip.Prefix
			var errs []error
			for _, item := range splitList(s) {
				prefix, err := parsePrefix(item)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				out = append(out, prefix)
			}
			*p = out
			return errors.Join(errs...)
		},
		func() string {
			var out []string
			for _, prefix := range *p {
				out = append(out, prefix.String())
			}
			return strings.Join(out, ",")
		},
	}
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a range like 10.0.0.0/8", s)
	}
	return prefix.Masked(), nil
}

func duration(p *time.Duration) value {
	return value{
		func(s string) (err error) { *p, err = ParseDuration(s); return err },
		func() string { return FormatDuration(*p) },
	}
}

func size(p *Size) value {
	return value{func(s string) (err error) { *p, err = ParseSize(s); return err }, func() string { return p.String() }}
}

func number[T int | int64](p *T) value {
	return value{
		func(s string) error {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil || int64(T(n)) != n {
				return fmt.Errorf("%q is not a whole number", s)
			}
			*p = T(n)
			return nil
		},
		func() string { return strconv.FormatInt(int64(*p), 10) },
	}
}

func yesNo(p *bool) value {
	return value{
		func(s string) error {
			switch s {
			case "yes", "true":
				*p = true
			case "no", "false":
				*p = false
			default:
				return fmt.Errorf("%q is neither yes nor no", s)
			}
			return nil
		},
		func() string {
			if *p {
				return "yes"
			}
			return "no"
		},
	}
}

func price(p *float64) value {
	return value{
		func(s string) error {
			n, err := strconv.ParseFloat(s, 64)
			if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
				return fmt.Errorf("%q is not a price like 0.05", s)
			}
			*p = n
			return nil
		},
		func() string { return strconv.FormatFloat(*p, 'f', -1, 64) },
	}
}

func percent(p *Percent) value {
	return value{
		func(s string) error {
			digits, ok := strings.CutSuffix(s, "%")
			n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
			if err != nil || !ok {
				return fmt.Errorf("%q is not a share like 95%%", s)
			}
			*p = Percent(n)
			return nil
		},
		func() string { return strconv.FormatFloat(float64(*p), 'f', -1, 64) + "%" },
	}
}
