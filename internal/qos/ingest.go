package qos

import (
	"container/list"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// IngestConfig configures an Ingest. Zero values stand for the defaults.
type IngestConfig struct {
	Limits   catalog.Limits // of tenants that have none of their own, field by field; zero: no limit
	InFlight int64          // bytes of requests of one tenant that are in work at once; 64 MiB
	Now      func() time.Time
}

// Ingest admits events: so many a second, so many bytes a second, and so many bytes in work, of each tenant. It keeps something for a tenant only
// while a request of it is in work or its buckets are not full. It is safe for concurrent use.
type Ingest struct {
	cfg      IngestConfig
	refusals *prometheus.CounterVec

	mu     sync.Mutex
	meters map[tenant.ID]*meter
	recent list.List // of *meter, the one used longest ago first
}

// meter is what is kept of a tenant.
type meter struct {
	id      tenant.ID
	element *list.Element
	seen    time.Time
	keep    time.Duration // after which the buckets are full
	held    int64         // bytes in work
	events  bucket
	bytes   bucket
	// What requests looked like: bytes on the wire of an event, and decompressed bytes of one on the wire. Of those that did not announce
	// their length: events and decompressed bytes.
	perEvent, growth            float64
	unknownEvents, unknownBytes float64
}

const (
	defaultBurst    = 5 // seconds' worth that may come at once
	defaultInFlight = 64 << 20
	firstPerEvent   = 250.0
	unknownLength   = 256 << 10 // a body without an announced length counts as so long while it is in work
)

// NewIngest returns an Ingest. reg may be nil.
func NewIngest(cfg IngestConfig, reg prometheus.Registerer) (*Ingest, error) {
	if cfg.InFlight == 0 {
		cfg.InFlight = defaultInFlight
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.InFlight < 0 {
		return nil, errors.New("qos: the bytes of one tenant in work must not be negative")
	}
	i := &Ingest{cfg: cfg, refusals: newRefusals(), meters: map[tenant.ID]*meter{}}
	if reg == nil {
		return i, nil
	}
	var err error
	i.refusals, err = shared(reg, i.refusals)
	return i, err
}

// rates are a tenant's limits as of now; zero: none.
type rates struct{ events, bytes, burst float64 }

func (i *Ingest) rates(t *catalog.Tenant) rates {
	l := effective(t.Limits, i.cfg.Limits)
	if l.BurstSeconds <= 0 {
		l.BurstSeconds = defaultBurst
	}
	return rates{float64(l.EventsPerSecond), float64(l.BytesPerSecond), float64(l.BurstSeconds)}
}

// Begin is asked before a request's body is decoded. length is its length on the wire, negative if that is not known. It reserves what a
// request of that length is likely to need, or refuses it (429, or 503 for what is in work): that costs next to nothing, which is what a flood is answered with. The
// reservation must be ended with Take or Cancel.
func (i *Ingest) Begin(t *catalog.Tenant, length int64) (usage.Reserve, *problem.Problem) {
	r, now := i.rates(t), i.cfg.Now()
	res := usage.Reserve{Length: length, Held: length}
	if length < 0 {
		res.Held = unknownLength
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	m := i.meter(t.ID, now)
	if m.held > 0 && m.held+res.Held > i.cfg.InFlight {
		// It passes as soon as others are answered, and whether it comes depends on how fast they are: no limit that the tenant used up.
		return usage.Reserve{}, i.refuse(problem.New(http.StatusServiceUnavailable, "too_busy",
			"requests of the tenant with %d bytes are in work, and no more than %d may be at once (ingest.in_flight): send the same request again a little later, and wait for answers before sending more", m.held, i.cfg.InFlight).
			WithLimit("ingest.in_flight", i.cfg.InFlight).WithRetry(time.Second))
	}
	m.keep = time.Duration(r.burst) * time.Second
	events, bytes := m.expect(length)
	if p := i.early(m, &m.events, now, r.events, r.burst, events, &res.Events, eventsLimit); p != nil {
		return usage.Reserve{}, p
	}
	if p := i.early(m, &m.bytes, now, r.bytes, r.burst, bytes, &res.Bytes, bytesLimit); p != nil {
		m.events.tokens += float64(res.Events)
		return usage.Reserve{}, p
	}
	m.held += res.Held
	res.Taken = true
	return res, nil
}

// limitText is how a limit is called.
type limitText struct{ name, unit string }

var (
	eventsLimit = limitText{"limits.events_per_second", "events"}
	bytesLimit  = limitText{"limits.bytes_per_second", "bytes"}
)

// early reserves tokens of one bucket. A full bucket always lets a request through to be looked at: what is expected may be wrong.
func (i *Ingest) early(m *meter, b *bucket, now time.Time, rate, burst, need float64, reserved *int64, l limitText) *problem.Problem {
	if rate <= 0 {
		*b = bucket{}
		return nil
	}
	size := rate * burst
	b.fill(now, rate, size)
	need = float64(int64(need))
	if need > b.tokens && b.tokens < size {
		return i.refuse(overRate(m.id, l, int64(rate), int64(burst), b.after(min(need, size), rate)))
	}
	*reserved = int64(min(need, max(0, b.tokens)))
	b.tokens -= float64(*reserved)
	return nil
}

// Take ends a reservation of a request that turned out to hold so many events and decompressed bytes: they are taken, all or none. A problem says
// that they are over a limit; the request must then be refused as a whole.
func (i *Ingest) Take(t *catalog.Tenant, res usage.Reserve, events, bytes int) *problem.Problem {
	if !res.Taken {
		return nil
	}
	r, now := i.rates(t), i.cfg.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	m := i.meter(t.ID, now)
	m.learn(res.Length, events, bytes)
	i.giveBack(m, res)
	if p := i.over(m, &m.events, now, r.events, r.burst, float64(events), eventsLimit); p != nil {
		return p
	}
	if p := i.over(m, &m.bytes, now, r.bytes, r.burst, float64(bytes), bytesLimit); p != nil {
		return p
	}
	if r.events > 0 {
		m.events.tokens -= float64(events)
	}
	if r.bytes > 0 {
		m.bytes.tokens -= float64(bytes)
	}
	i.drop(m, r)
	return nil
}

// over refuses what is more than a bucket holds.
func (i *Ingest) over(m *meter, b *bucket, now time.Time, rate, burst, n float64, l limitText) *problem.Problem {
	if rate <= 0 {
		return nil
	}
	size := rate * burst
	b.fill(now, rate, size)
	switch {
	case n <= b.tokens:
		return nil
	case n > size:
		return i.refuse(problem.New(http.StatusRequestEntityTooLarge, "over_burst",
			"the request holds %.0f %s, more than may come at once: %d a second (%s) for %d seconds (limits.burst_seconds); send at most %.0f in one request, or ask the operator to raise a limit. Nothing of it was accepted, nor will be",
			n, l.unit, int64(rate), l.name, int64(burst), size).WithLimit(l.name, int64(rate)))
	}
	return i.refuse(overRate(m.id, l, int64(rate), int64(burst), b.after(n, rate)))
}

func overRate(id tenant.ID, l limitText, rate, burst int64, retry time.Duration) *problem.Problem {
	return problem.New(http.StatusTooManyRequests, "over_limit",
		"the tenant sends more than %d %s a second (%s; %d seconds' worth may come at once): nothing of the request was accepted. Send it again in %s, or ask the operator to raise the limit (PATCH /api/v1/tenants/%s)",
		rate, l.unit, l.name, burst, whole(retry), id).WithLimit(l.name, rate).WithRetry(retry)
}

// Cancel ends a reservation of a request that came to nothing.
func (i *Ingest) Cancel(t *catalog.Tenant, res usage.Reserve) {
	if !res.Taken {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	m := i.meter(t.ID, i.cfg.Now())
	i.giveBack(m, res)
	i.drop(m, i.rates(t))
}

func (i *Ingest) giveBack(m *meter, res usage.Reserve) {
	m.held = max(0, m.held-res.Held)
	m.events.tokens += float64(res.Events)
	m.bytes.tokens += float64(res.Bytes)
}

// expect returns the events and decompressed bytes that a request of this length is likely to hold.
func (m *meter) expect(length int64) (events, bytes float64) {
	if length < 0 {
		return max(1, m.unknownEvents), max(1, m.unknownBytes)
	}
	wire := float64(max(length, 1))
	return max(1, wire/m.perEvent), max(1, wire*m.growth)
}

// learn keeps what requests of the tenant look like.
func (m *meter) learn(length int64, events, bytes int) {
	if length == 0 || events <= 0 || bytes <= 0 {
		return
	}
	const rate = 0.2
	if length < 0 {
		m.unknownEvents += rate * (float64(events) - m.unknownEvents)
		m.unknownBytes += rate * (float64(bytes) - m.unknownBytes)
		return
	}
	m.perEvent += rate * (float64(length)/float64(events) - m.perEvent)
	m.growth += rate * (max(1, float64(bytes)/float64(length)) - m.growth)
}

// meter finds a tenant's, and forgets others' whose buckets are full by now.
func (i *Ingest) meter(id tenant.ID, now time.Time) *meter {
	for range 2 {
		f := i.recent.Front()
		if f == nil {
			break
		}
		old := f.Value.(*meter)
		if old.held > 0 && now.Sub(old.seen) < time.Hour || now.Sub(old.seen) <= old.keep {
			break
		}
		i.forget(old)
	}
	m := i.meters[id]
	if m == nil {
		m = &meter{id: id, perEvent: firstPerEvent, growth: 1}
		m.element = i.recent.PushBack(m)
		i.meters[id] = m
	} else {
		i.recent.MoveToBack(m.element)
	}
	m.seen = now
	return m
}

// drop forgets a tenant that has no limits and nothing in work.
func (i *Ingest) drop(m *meter, r rates) {
	if m.held == 0 && r.events <= 0 && r.bytes <= 0 {
		i.forget(m)
	}
}

func (i *Ingest) forget(m *meter) {
	i.recent.Remove(m.element)
	delete(i.meters, m.id)
}

func (i *Ingest) refuse(p *problem.Problem) *problem.Problem {
	i.refusals.WithLabelValues("ingest", reason(p)).Inc()
	return p
}

// IngestState is how a tenant stands to its ingest limits now.
type IngestState struct {
	Events, Bytes int64 // that may come at once; -1: no limit
	InFlight      int64 // bytes in work
	MaxInFlight   int64
}

// State returns how a tenant stands.
func (i *Ingest) State(t *catalog.Tenant) IngestState {
	r, now := i.rates(t), i.cfg.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	s := IngestState{Events: -1, Bytes: -1, MaxInFlight: i.cfg.InFlight}
	m := i.meters[t.ID]
	if m == nil {
		m = &meter{}
	}
	s.InFlight = m.held
	if r.events > 0 {
		m.events.fill(now, r.events, r.events*r.burst)
		s.Events = int64(m.events.tokens)
	}
	if r.bytes > 0 {
		m.bytes.fill(now, r.bytes, r.bytes*r.burst)
		s.Bytes = int64(m.bytes.tokens)
	}
	return s
}
