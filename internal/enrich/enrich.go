// Package enrich derives facts about an event's sender at the door: the place
// from the address, browser, system, device and robot from the user agent. The
// address itself is neither kept nor logged.
package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"unsafe"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/zeebo/xxh3"

	"weir/internal/event"
)

// Version is the number of this set of rules and lists. It rises when the same input may give other facts.
const Version uint16 = 1

// Config says which files an Enricher reads and how much it remembers.
type Config struct {
	// CountryFile is an mmdb file with countries. If it is missing, countries stay empty.
	CountryFile string
	// CityFile is an mmdb file with countries, regions and cities, supplied by the operator. Empty: none.
	CityFile string
	// CachedAgents is the number of user agents remembered (16384 if 0; about 300 bytes each).
	CachedAgents int
}

// maxCachedAgents keeps the cache below about 2 GB.
const maxCachedAgents = 1 << 20

func (c Config) withDefaults() Config {
	if c.CachedAgents == 0 {
		c.CachedAgents = 16384
	}
	return c
}

// Validate reports every value that cannot be used.
func (c Config) Validate() error {
	if c.CachedAgents < 0 || c.CachedAgents > maxCachedAgents {
		return fmt.Errorf("enrich.cached_agents is %d: use 0 (default) to %d", c.CachedAgents, maxCachedAgents)
	}
	return nil
}

// MaxAgent is how many bytes of a user agent count.
const MaxAgent = 1024

const shards = 16 // power of two

// Enricher derives facts. All methods may be called at once.
type Enricher struct {
	geo     []*geoFile // the most exact first
	robots  *crawlers
	agents  [shards]*lru.Cache[string, agent]
	lookups *prometheus.CounterVec
	hit     prometheus.Counter
	miss    prometheus.Counter
}

// Open opens the files of the configuration. A missing country file costs only the countries and one
// warning; a city file that was asked for must be there.
func Open(cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*Enricher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	logger = logger.With("component", "enrich")
	robots, err := newCrawlers(crawlerList)
	if err != nil {
		return nil, err
	}
	e := &Enricher{robots: robots}
	for i := range e.agents {
		if e.agents[i], err = lru.New[string, agent](max(1, cfg.CachedAgents/shards)); err != nil {
			return nil, err
		}
	}
	if cfg.CityFile != "" {
		g, err := openGeo(cfg.CityFile)
		if err != nil {
			return nil, err
		}
		e.geo = append(e.geo, g)
	}
	if cfg.CountryFile != "" {
		g, err := openGeo(cfg.CountryFile)
		switch {
		case err == nil:
			e.geo = append(e.geo, g)
		case errors.Is(err, fs.ErrNotExist):
			logger.Warn("no country file: the country of events stays empty; run `make build` to fetch it", "file", cfg.CountryFile)
		default:
			return nil, errors.Join(err, e.Close())
		}
	} else if cfg.CityFile == "" {
		logger.Warn("no location file is configured: the country of events stays empty")
	}
	e.lookups = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_enrich_agents_total",
		Help: "User agents looked up, by whether the cache had them."}, []string{"cache"})
	if reg != nil {
		if err := reg.Register(e.lookups); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	e.hit, e.miss = e.lookups.WithLabelValues("hit"), e.lookups.WithLabelValues("miss")
	return e, nil
}

// Close releases the files. No other call may run or follow.
func (e *Enricher) Close() error {
	var err error
	for _, g := range e.geo {
		err = errors.Join(err, g.db.Close())
	}
	e.geo = nil
	return err
}

// Enrich derives the facts about a sender. An invalid address and an empty user agent mean that they are not
// known. The user agent is not kept.
func (e *Enricher) Enrich(ip netip.Addr, userAgent []byte) event.Facts {
	f := event.Facts{Version: Version}
	if ip.IsValid() {
		ip = ip.Unmap().WithZone("")
		for _, g := range e.geo {
			if p := g.lookup(ip); p.country != "" {
				f.Country, f.Region, f.City = p.country, p.region, p.city
				break
			}
		}
	}
	if len(userAgent) > 0 {
		a := e.agent(userAgent[:min(len(userAgent), MaxAgent)])
		f.Device, f.OS, f.Browser, f.IsBot = a.device, a.os, a.browser, a.bot
	}
	return f
}

func (e *Enricher) agent(ua []byte) agent {
	key := unsafe.String(unsafe.SliceData(ua), len(ua)) // only read during the lookup
	cache := e.agents[xxh3.HashString(key)%shards]
	if a, ok := cache.Get(key); ok {
		e.hit.Inc()
		return a
	}
	e.miss.Inc()
	key = strings.Clone(key)
	a := e.robots.classify(key)
	cache.Add(key, a)
	return a
}
