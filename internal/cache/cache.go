// Package cache keeps answers of tenants' questions until their data changes.
//
// A kept answer belongs to one version of its tenant's data: it is found only at that version, so a cached answer is never older than
// the answer that it replaces. Identical questions that come at once are answered by one run (Turn).
package cache

import (
	"container/heap"
	"container/list"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/tenant"
)

// Key identifies a question of a tenant: the hash of everything that its answer depends on, but for the data.
type Key = [32]byte

// Config bounds the cache. Zero values stand for the defaults.
type Config struct {
	Bytes       int64 // of all answers; 64 MiB
	TenantBytes int64 // of one tenant's; a quarter of Bytes
	EntryBytes  int64 // of one answer; 1 MiB, at most TenantBytes
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value int64
	}{{"cache", c.Bytes}, {"cache_tenant", c.TenantBytes}, {"cache_entry", c.EntryBytes}} {
		if v.value < 0 {
			errs = append(errs, fmt.Errorf("query.%s is %d, it must not be negative", v.name, v.value))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Bytes == 0 {
		c.Bytes = 64 << 20
	}
	if c.TenantBytes == 0 {
		c.TenantBytes = c.Bytes / 4
	}
	if c.EntryBytes == 0 {
		c.EntryBytes = min(1<<20, c.TenantBytes)
	}
	return c
}

// Cache keeps answers in memory. It is safe for concurrent use.
type Cache struct {
	cfg     Config
	metrics *metrics

	mu      sync.Mutex
	tenants map[tenant.ID]*share
	largest largest // the tenants with answers, the one with the most bytes first
	bytes   int64
	flights map[flightKey]*flight
}

// New returns an empty cache.
func New(cfg Config, reg prometheus.Registerer) (*Cache, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("cache metrics: %w", err)
	}
	return &Cache{cfg: cfg.withDefaults(), metrics: m, tenants: map[tenant.ID]*share{}, flights: map[flightKey]*flight{}}, nil
}

// share is what one tenant has in the cache: answers of one version of its data. It exists while there are any.
type share struct {
	id      tenant.ID
	version uint64
	entries map[Key]*list.Element // of *entry
	recent  list.List             // the last used first
	bytes   int64
	place   int // in largest
}

type entry struct {
	key   Key
	value any
	bytes int64
}

// overhead is what an entry costs beside its value, in bytes: about that of the map and the list.
const overhead = 256

// EntryBytes is the largest answer that is kept.
func (c *Cache) EntryBytes() int64 { return c.cfg.EntryBytes }

// Load returns what was stored under a key at this version of the tenant's data. A higher version than before drops what the tenant has.
func (c *Cache) Load(t tenant.ID, key Key, version uint64) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.tenants[t]
	if s != nil && version > s.version {
		c.dropLocked(s, reasonChanged)
		s = nil
	}
	if s == nil || version != s.version {
		c.metrics.misses.Inc()
		return nil, false
	}
	e, ok := s.entries[key]
	if !ok {
		c.metrics.misses.Inc()
		return nil, false
	}
	s.recent.MoveToFront(e)
	c.metrics.hits.Inc()
	return e.Value.(*entry).value, true
}

// Store keeps a value of so many bytes, which must be the answer at this version from its first row to its last. What is too large, or of an
// older version than the tenant's other answers, is not kept. The value is shared: nobody may write to it any more.
func (c *Cache) Store(t tenant.ID, key Key, version uint64, value any, bytes int) {
	size := int64(bytes) + overhead
	c.mu.Lock()
	defer c.mu.Unlock()
	if int64(bytes) > c.cfg.EntryBytes || size > c.cfg.TenantBytes {
		c.metrics.refused.Inc()
		return
	}
	s := c.tenants[t]
	if s != nil && version < s.version {
		return
	}
	if s != nil && version > s.version {
		c.dropLocked(s, reasonChanged)
		s = nil
	}
	if s == nil {
		s = &share{id: t, version: version, entries: map[Key]*list.Element{}}
		c.tenants[t] = s
		heap.Push(&c.largest, s)
	}
	if old, ok := s.entries[key]; ok {
		c.removeLocked(s, old)
	}
	s.entries[key] = s.recent.PushFront(&entry{key, value, size})
	c.growLocked(s, size)
	for s.bytes > c.cfg.TenantBytes {
		c.evictLocked(s, reasonTenant)
	}
	for c.bytes > c.cfg.Bytes { // whoever has the most gives way: nobody can push out all others
		c.evictLocked(c.largest[0], reasonSpace)
	}
	c.metrics.size(c)
}

// Drop forgets all answers of a tenant: it is to be deleted, or a person's data in it. A nil cache has none.
func (c *Cache) Drop(t tenant.ID) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.tenants[t]; s != nil {
		c.dropLocked(s, reasonDropped)
		c.metrics.size(c)
	}
}

// growLocked notes that a tenant's answers became larger or, with a negative number, smaller.
func (c *Cache) growLocked(s *share, by int64) {
	s.bytes += by
	c.bytes += by
	heap.Fix(&c.largest, s.place)
}

func (c *Cache) removeLocked(s *share, e *list.Element) {
	old := s.recent.Remove(e).(*entry)
	delete(s.entries, old.key)
	c.growLocked(s, -old.bytes)
}

// evictLocked drops the answer of a tenant that was not asked for the longest.
func (c *Cache) evictLocked(s *share, why string) {
	c.metrics.evicted.WithLabelValues(why).Inc()
	c.removeLocked(s, s.recent.Back())
	if len(s.entries) == 0 {
		c.forgetLocked(s)
	}
}

func (c *Cache) dropLocked(s *share, why string) {
	c.metrics.evicted.WithLabelValues(why).Add(float64(len(s.entries)))
	c.growLocked(s, -s.bytes)
	c.forgetLocked(s)
}

func (c *Cache) forgetLocked(s *share) {
	heap.Remove(&c.largest, s.place)
	delete(c.tenants, s.id)
}

// largest is a heap of tenants.
type largest []*share

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return l[i].bytes > l[j].bytes }
func (l largest) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}

// Push implements heap.Interface.
func (l *largest) Push(x any) {
	s := x.(*share)
	s.place = len(*l)
	*l = append(*l, s)
}

// Pop implements heap.Interface.
func (l *largest) Pop() any {
	old := *l
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*l = old[:len(old)-1]
	return s
}
