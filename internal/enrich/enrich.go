// Package enrich derives facts about an event's sender at the door: the place
// from the address, browser, system, device and robot from the user agent, the channel from URL and referrer; and it does what
// the source's settings say about personal data. The address itself is neither kept nor logged.
package enrich

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unsafe"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/zeebo/xxh3"

	"weir/internal/catalog"
	"weir/internal/event"
)

// Version is the number of this set of rules and lists. It rises when the same input may give other facts.
const Version uint16 = 2

// Config says which files an Enricher reads and how much it remembers.
type Config struct {
	// CountryFile is an mmdb file with countries. If it is missing, countries stay empty.
	CountryFile string
	// CityFile is an mmdb file with countries, regions and cities, supplied by the operator. Empty: none.
	CityFile string
	// CachedAgents is the number of user agents remembered (16384 if 0; about 300 bytes each).
	CachedAgents int
	// SaltFile keeps the salts of today and yesterday over restarts. Empty: in memory only.
	SaltFile string
	// Secret is the installation's key behind pseudonyms and hashes of personal data.
	Secret []byte
	// Reload is how often the location files are looked at (2 s if 0).
	Reload time.Duration
	// Now is the clock (time.Now if nil); a seam of tests.
	Now func() time.Time
}

// maxCachedAgents keeps the cache below about 2 GB.
const maxCachedAgents = 1 << 20

func (c Config) withDefaults() Config {
	if c.CachedAgents == 0 {
		c.CachedAgents = 16384
	}
	if c.Reload == 0 {
		c.Reload = 2 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
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
	cfg       Config
	log       *slog.Logger
	geo       []*geoFile // the most exact first
	robots    *crawlers
	referrers *referrers
	salts     *salts
	policies  *policies
	agents    [shards]*lru.Cache[string, agent]

	hit, miss prometheus.Counter
	redacted  [kinds]prometheus.Counter
}

// Open opens the files of the configuration. A missing country file costs only the countries and one
// warning; a city file that was asked for must be there.
func Open(cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*Enricher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	e := &Enricher{cfg: cfg, log: logger.With("component", "enrich"), policies: &policies{secret: cfg.Secret}}
	var err error
	if e.robots, err = newCrawlers(crawlerList); err != nil {
		return nil, err
	}
	if e.referrers, err = newReferrers(referrersMore, referrerList); err != nil {
		return nil, err
	}
	for i := range e.agents {
		if e.agents[i], err = lru.New[string, agent](max(1, cfg.CachedAgents/shards)); err != nil {
			return nil, err
		}
	}
	if e.salts, err = openSalts(cfg.SaltFile, cfg.Now, e.log); err != nil {
		return nil, err
	}
	if err := e.openGeo(); err != nil {
		return nil, err
	}
	return e, e.register(reg)
}

// register makes the metrics.
func (e *Enricher) register(reg prometheus.Registerer) error {
	agents := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_enrich_agents_total",
		Help: "User agents looked up, by whether the cache had them."}, []string{"cache"})
	redacted := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_enrich_redacted_total",
		Help: "Texts of events that were dropped, hashed or masked, by what was found."}, []string{"kind"})
	places := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_enrich_location_built_seconds",
		Help: "When the location file in use was built, Unix seconds; 0 if there is none."}, e.built)
	if reg != nil {
		for _, c := range []prometheus.Collector{agents, redacted, places} {
			if err := reg.Register(c); err != nil {
				return err
			}
		}
	}
	e.hit, e.miss = agents.WithLabelValues("hit"), agents.WithLabelValues("miss")
	for i, name := range kindNames {
		e.redacted[i] = redacted.WithLabelValues(name)
	}
	return nil
}

// Run takes up location files that were replaced, and rotates the salts when days begin without events. It returns nil when ctx ends.
func (e *Enricher) Run(ctx context.Context) error {
	t := time.NewTicker(e.cfg.Reload)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			e.salts.tick()
			for _, g := range e.geo {
				g.reload(e.log)
			}
		}
	}
}

// Enrich derives the facts about a sender. An invalid address and an empty user agent mean that they are not
// known; at a public door, where every browser says what it is, an empty one is the mark of a program. The user agent is not kept.
func (e *Enricher) Enrich(ip netip.Addr, userAgent []byte, public bool) event.Facts {
	f := event.Facts{Version: Version}
	if ip.IsValid() {
		ip = ip.Unmap().WithZone("")
		for _, g := range e.geo {
			if p := g.lookup(ip); p.country != "" {
				f.Country, f.Region, f.City = p.country, p.region, p.city
				break
			}
		}
		e.salts.network(&f.Net, ip)
	}
	if len(userAgent) > 0 {
		a := e.agent(userAgent[:min(len(userAgent), MaxAgent)])
		f.Device, f.OS, f.Browser, f.BotRule, f.BotScore = a.device, a.os, a.browser, a.rule, a.score
	} else if public {
		f.BotRule, f.BotScore = ruleNoAgent, 60
	}
	f.IsBot = f.BotScore >= botScore
	return f
}

// AppendVisitor appends the id of the day of who has an address and a user agent at a site.
func (e *Enricher) AppendVisitor(dst []byte, site string, ip netip.Addr, userAgent []byte) []byte {
	return e.salts.visitor(dst, site, ip.Unmap().WithZone(""), userAgent[:min(len(userAgent), MaxAgent)])
}

// Complete fills in the channel of a row of a source, which has its host, path, campaign and referrer's host already, and does what the
// source's settings say about personal data. The texts that it makes go to arena, which it returns.
func (e *Enricher) Complete(src *catalog.Source, r *event.Row, arena []byte) []byte {
	p := e.policies.of(src)
	x := redaction{p: p, arena: arena}
	click := ""
	if len(r.URL) > 0 {
		r.URL, click = x.url(r.URL)
	}
	if len(r.Referrer) > 0 {
		r.Referrer, _ = x.url(r.Referrer)
	}
	r.Channel = e.referrers.channel(r, click, p.own)
	x.row(r)
	if p.pseudonymise {
		x.identities(r)
	}
	for kind, n := range x.found {
		if n > 0 {
			e.redacted[kind].Add(float64(n))
		}
	}
	return x.arena
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
