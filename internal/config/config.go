// Package config is weir's configuration: what can be set, from where, and whether it makes sense.
//
// A value comes from, in this order, a flag, an environment variable, the YAML file, or its default. The table in
// options.go is the one list of what exists; flags, variables, the file's keys and docs/CONFIG.md come from it.
package config

import (
	"net/netip"
	"time"
)

// Config is the effective configuration. Load fills it; Default has the defaults.
type Config struct {
	DataDir          string   // everything that weir keeps lies here
	Roles            []string // what this process does; "all" alone means every role
	Listen           string   // host:port of the HTTP API
	ClickHouseListen string   // of the ClickHouse protocol; empty: not served
	AdminToken       Secret   // the operator's token; empty: DIR/admin-token, generated at the first start
	Libchdb          string   // path of libchdb.so; empty: looked for in the cache and beside the binary

	HTTP     HTTP
	Engine   Engine
	Log      Log
	Ingest   Ingest
	Enrich   Enrich
	Process  Process
	Dedupe   Dedupe
	Query    Query
	Jobs     Jobs
	Limits   Limits
	Lookups  Lookups
	Logging  Logging
	Metering Metering
	Prices   Prices
	TLS      TLS
	SignIn   SignIn
	Audit    Audit
}

// TLS configures encryption of both listeners.
type TLS struct {
	Cert string // path of the certificate chain; empty: no TLS
	Key  string // path of its private key
}

// SignIn configures how people sign in.
type SignIn struct {
	OIDC               string        // path of the file that describes identity providers; empty: none
	PasswordMemory     Size          // that one hash of a password takes
	PasswordPasses     int           // over it
	PasswordConcurrent int           // hashes at once
	SessionIdle        time.Duration // without use, after which a session ends
	SessionMax         time.Duration // after which it ends in any case
	Attempts           int           // failed ones in a row for one account, before it waits
	AttemptsIP         int           // a minute from one address
}

// Audit configures the audit log.
type Audit struct {
	Retention time.Duration // 0: for ever
}

// HTTP configures the HTTP server.
type HTTP struct {
	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts
	HeaderTimeout  time.Duration  // to send the request's head
	BodyTimeout    time.Duration  // to send the whole body
	WriteTimeout   time.Duration  // without progress of an answer, not for all of it
	IdleTimeout    time.Duration  // between requests of one connection
	MaxHeader      Size           // of a request's head
	Drain          time.Duration  // for running requests when the process stops
	IPRate         int64          // requests a second of one address at the public doors; 0: no limit
	IPBurst        int64          // how many of them may come at once
}

// Engine configures the embedded engine.
type Engine struct {
	Memory Size // its memory limit; 0: 60 % of the machine's
}

// Log configures the event log.
type Log struct {
	Partitions int           // fixed when the data directory is created
	Retention  time.Duration // how long records stay after they were processed
	MaxSize    Size          // bound on the kept records
	MaxDisk    Percent       // of the file system, from which on new events get 503
}

// Ingest configures the limits of the doors.
type Ingest struct {
	MaxEvent Size // one event
	MaxBody  Size // a request's body after decompression
	MaxProps int  // properties of one event
	InFlight Size // bodies of one tenant in work at once
	// SnowplowPath is where Snowplow trackers with a postPath of their own send, such as /com.acme/track; empty: nowhere.
	SnowplowPath string
	MaxDepth     int // nesting of JSON
}

// Enrich configures what is derived at the doors.
type Enrich struct {
	CountryFile string // mmdb with countries; empty: looked for in the cache
	CityFile    string // mmdb with regions and cities; empty: none
	SaltFile    string // of ids without cookies; empty: DIR/salts
}

// Process configures the processor.
type Process struct {
	Interval   time.Duration // least time between two commits
	MaxBacklog Size          // unprocessed records, from which on new events get 503
	MaxLate    Size          // the same for the late stream
	LateAfter  time.Duration // age from which an event goes through the late stream
}

// Dedupe configures deduplication.
type Dedupe struct {
	Window  time.Duration // how long an event id is remembered
	Lag     time.Duration // how far arrival times may go back without losing exactness
	MaxKeys int64         // bound on remembered event ids of the process
}

// Query configures the limits of one query.
type Query struct {
	Timeout    time.Duration
	Memory     Size
	MaxRows    int64         // rows of an answer
	MaxResult  Size          // bytes of an answer
	Concurrent int           // queries that run at once
	MaxWait    time.Duration // for its turn, of one query
	MaxQueued  int           // queries of one tenant that wait
	JobTimeout time.Duration // of a query that runs as a job
	TokenWait  time.Duration // for what a token names, or a strong source demands
	Cache      Size          // of all kept answers; 0: none is kept
}

// Lookups bounds the lookup tables that tenants upload.
type Lookups struct {
	MaxTables  int   // of one tenant
	MaxColumns int   // of one table
	MaxRows    int64 // of one table
	MaxBytes   Size  // of one table
	MaxCell    Size  // of one value
	Uploads    int   // that are read at once
}

// Limits are the limits of tenants that have none of their own, field by field; 0: no limit.
type Limits struct {
	EventsPerSecond     int64
	BytesPerSecond      Size
	BurstSeconds        int64
	Queries             int64
	ExpensiveQueries    int64
	CPUSecondsPerMinute int64
	CPUSecondsPerHour   int64
	ScanBytesPerHour    Size
	ResultBytes         Size
}

// Jobs configures asynchronous work.
type Jobs struct {
	Keep          time.Duration // how long an ended job and its result stay
	MaxResult     Size          // of one result
	MaxDisk       Size          // of all results
	MaxDiskTenant Size          // of one tenant's results
	Workers       int           // jobs that run at once
	TenantRunning int           // of these, jobs of one tenant
	TenantQueued  int           // jobs of one tenant that wait or run
}

// Metering configures how work is measured and budgets are watched.
type Metering struct {
	Interval       time.Duration // between two looks at the processes
	WebhookPrivate bool          // tenants' webhooks may go to private addresses
	KeepBilling    bool          // a deleted tenant's billing figures are kept unless the request says otherwise
	Provider       string        // who bills, in exports
	Region         string        // where, in exports
}

// Prices is the price book: what a unit costs, in Currency. A GB has 10⁹ bytes, a month 730 hours.
type Prices struct {
	Currency      string
	CPUSecond     float64
	MemoryGBHour  float64
	ScannedGB     float64
	ScannedColdGB float64
	StoredGBMonth float64
	OutGB         float64
	MillionEvents float64
	CacheHits1000 float64
}

// Logging configures the process's log on standard error.
type Logging struct {
	Level  string
	Format string
}

// Percent is a share of a hundred: 95 is 95 %.
type Percent float64

// Fraction is the share of one: 0.95 for 95 %.
func (p Percent) Fraction() float64 { return float64(p) / 100 }

// The roles of a process.
const (
	RoleAll     = "all"
	RoleCollect = "collect"
	RoleProcess = "process"
	RoleQuery   = "query"
	RoleControl = "control"
)

// HasRole says whether the process has a role.
func (c *Config) HasRole(role string) bool {
	for _, r := range c.Roles {
		if r == role || r == RoleAll {
			return true
		}
	}
	return false
}
