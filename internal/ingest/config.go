package ingest

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config holds the limits of the doors. A zero value means the default.
type Config struct {
	MaxBodyBytes     int            // decoded bytes of a request's body: 10 MB
	MaxEventBytes    int            // bytes of one event's JSON: 50 KB; a tenant's own limit goes before it
	MaxEvents        int            // events of one request: 100 000
	MaxProperties    int            // properties of one event, nested objects included: 1 000
	MaxDepth         int            // depth of nesting of an event, the event itself being 1: 16
	MaxKeyBytes      int            // bytes of a property's name, dots included: 512
	MaxRejects       int            // rejected events that an answer lists: 10 000; the others are only counted
	MaxBufferedBytes int64          // bytes of bodies and columns held by all requests together: 256 MB
	BodyTimeout      time.Duration  // for reading a body: 30 s
	AppendTimeout    time.Duration  // for making events durable: 15 s
	MaxAge           time.Duration  // how old ts may be, except for imports: 400 days
	MaxAhead         time.Duration  // how far in the future ts may be: 24 h
	TrustedProxies   []netip.Prefix // peers whose X-Forwarded-For counts: none
}

// Defaults of Config.
const (
	defaultBodyBytes     = 10 << 20
	defaultEventBytes    = 50 << 10
	defaultEvents        = 100_000
	defaultProperties    = 1000
	defaultDepth         = 16
	defaultKeyBytes      = 512
	defaultRejects       = 10_000
	defaultBufferedBytes = 256 << 20
	defaultBodyTimeout   = 30 * time.Second
	defaultAppendTimeout = 15 * time.Second
	defaultMaxAge        = 400 * 24 * time.Hour
	defaultMaxAhead      = 24 * time.Hour
)

func orDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

func (c Config) withDefaults() Config {
	orDefault(&c.MaxBodyBytes, defaultBodyBytes)
	orDefault(&c.MaxEventBytes, defaultEventBytes)
	orDefault(&c.MaxEvents, defaultEvents)
	orDefault(&c.MaxProperties, defaultProperties)
	orDefault(&c.MaxDepth, defaultDepth)
	orDefault(&c.MaxKeyBytes, defaultKeyBytes)
	orDefault(&c.MaxRejects, defaultRejects)
	orDefault(&c.MaxBufferedBytes, defaultBufferedBytes)
	orDefault(&c.BodyTimeout, defaultBodyTimeout)
	orDefault(&c.AppendTimeout, defaultAppendTimeout)
	orDefault(&c.MaxAge, defaultMaxAge)
	orDefault(&c.MaxAhead, defaultMaxAhead)
	return c
}

// Validate reports every value that cannot be used.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	between := func(key string, v, low, high int64) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("ingest.%s is %d: use %d to %d", key, v, low, high))
		}
	}
	between("max_body_bytes", int64(c.MaxBodyBytes), 1<<10, 256<<20)
	between("max_event_bytes", int64(c.MaxEventBytes), 256, maxEventBytes)
	between("max_events", int64(c.MaxEvents), 1, 10_000_000)
	between("max_properties", int64(c.MaxProperties), 1, 100_000)
	between("max_depth", int64(c.MaxDepth), 2, 1000)
	between("max_key_bytes", int64(c.MaxKeyBytes), 16, 1<<16)
	between("max_rejects", int64(c.MaxRejects), 1, 1_000_000)
	between("max_buffered_bytes", c.MaxBufferedBytes, int64(c.MaxBodyBytes), 1<<40)
	between("body_timeout (ns)", int64(c.BodyTimeout), int64(time.Millisecond), int64(time.Hour))
	between("append_timeout (ns)", int64(c.AppendTimeout), int64(time.Millisecond), int64(time.Hour))
	between("max_age (ns)", int64(c.MaxAge), 0, int64(100*365*24*time.Hour))
	between("max_ahead (ns)", int64(c.MaxAhead), 0, int64(365*24*time.Hour))
	for _, p := range c.TrustedProxies {
		if !p.IsValid() {
			errs = append(errs, errors.New("ingest.trusted_proxies holds an invalid network: use CIDR notation, as in 10.0.0.0/8"))
		}
	}
	return errors.Join(errs...)
}

// maxEventBytes keeps an event well inside one record of the log.
const maxEventBytes = 512 << 10
