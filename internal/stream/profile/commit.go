package profile

import (
	"fmt"
	"slices"
	"sort"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
)

// change is what an insert makes of one tenant's profile: the new values, by which the old ones are replaced.
type change struct {
	tenant  string
	old     *profile // nil: the tenant has none yet
	props   map[string]property
	sites   []string
	left    leftOut
	rows    uint64
	bytes   uint64
	sizes   event.Sizes
	days    []Day
	entered int // of props: names that are new
}

// Commit adds what o has observed to the batch, calls commit, which must commit the batch, and then makes it visible. When
// commit fails nothing has changed.
func (s *Set) Commit(o *Observer, b *pebble.Batch, commit func() error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	changes, err := s.stage(o, b)
	if err != nil {
		return fmt.Errorf("store what is known of the tenants: %w", err)
	}
	if err := commit(); err != nil {
		return err
	}
	s.apply(changes)
	return nil
}

// stage works out what changes and adds it to the batch. It only reads, and s.writing keeps others from writing.
func (s *Set) stage(o *Observer, b *pebble.Batch) ([]change, error) {
	s.mu.RLock()
	common := s.common.traits
	s.mu.RUnlock()
	changes := make([]change, 0, len(o.used))
	byTenant := make([]int32, len(o.names.tenants)) // 1 and the index in changes, or 0
	for _, t := range o.used {
		c := change{old: s.tenants[string(o.names.tenants[t])]}
		if p := c.old; p != nil {
			c.tenant, c.sites, c.left, c.rows, c.bytes, c.sizes = p.tenant, p.sites, p.left, p.rows, p.bytes, p.sizes
		} else {
			c.tenant = string(o.names.tenants[t])
		}
		if !s.known(c.tenant) {
			continue
		}
		c.count(&o.tenants[t])
		changes = append(changes, c)
		byTenant[t] = int32(len(changes))
	}
	for i := range o.seen {
		g := &o.seen[i]
		if at := byTenant[g.tenant]; at > 0 {
			changes[at-1].see(o, g, common)
		}
	}
	var w writer
	for i := range changes {
		if err := w.stage(b, &changes[i]); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// count adds the rows of an insert.
func (c *change) count(t *tenantSeen) {
	c.rows += t.rows
	c.sizes.Add(&t.size)
	c.sizes.AddRows(t.rows)
	for _, d := range t.days {
		c.bytes += d.Bytes
		c.addDay(d)
	}
}

func (c *change) addDay(d Day) {
	d.Day = clampDay(d.Day)
	for i := range c.days {
		if c.days[i].Day == d.Day {
			c.days[i].Rows += d.Rows
			c.days[i].Bytes += d.Bytes
			return
		}
	}
	if c.old != nil {
		if at, ok := findDay(c.old.days, d.Day); ok {
			d.Rows += c.old.days[at].Rows
			d.Bytes += c.old.days[at].Bytes
		}
	}
	c.days = append(c.days, d)
}

func findDay(days []Day, day int32) (int, bool) {
	at := sort.Search(len(days), func(i int) bool { return days[i].Day >= day })
	return at, at < len(days) && days[at].Day == day
}

// see adds a sighting. A common name is never left out.
func (c *change) see(o *Observer, g *sighting, common map[string]event.Traits) {
	names := o.names.texts
	if g.num {
		names = o.names.nums
	}
	name := names[g.name]
	q, staged := c.props[string(name)]
	was, held := q, staged
	if !staged && c.old != nil {
		q, held = c.old.props[string(name)]
		was = q
	}
	if !held {
		if c.names() >= MaxNames && common[string(name)] == 0 {
			c.leaveOut(name, uint64(g.values))
			return
		}
		c.entered++
		q = property{first: g.first, last: dayOf(g.last)}
	}
	q.traits |= g.traits
	q.first, q.last = min(q.first, g.first), max(q.last, dayOf(g.last))
	for _, site := range g.sites {
		q.addSite(c, o.names.sites[site])
	}
	if held && q == was {
		return
	}
	if c.props == nil {
		c.props = map[string]property{}
	}
	c.props[string(name)] = q
}

// names is how many names the tenant has with those of this change.
func (c *change) names() int {
	if c.old == nil {
		return c.entered
	}
	return len(c.old.props) + c.entered
}

func (q *property) addSite(c *change, site []byte) {
	i := slices.IndexFunc(c.sites, func(s string) bool { return s == string(site) })
	if i < 0 {
		if i = len(c.sites); i == maxSites {
			q.more = true
			return
		}
		c.sites = append(slices.Clip(c.sites), string(site)) // the old list stays as it is
	}
	q.sites |= 1 << i
}

func (c *change) leaveOut(name []byte, values uint64) {
	c.left.Values += values
	if len(c.left.Examples) < maxExamples && !slices.Contains(c.left.Examples, string(name)) {
		c.left.Examples = append(slices.Clip(c.left.Examples), string(name))
	}
}

// apply makes changes visible that are stored.
func (s *Set) apply(changes []change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range changes {
		c := &changes[i]
		p := c.old
		if p == nil {
			p = &profile{tenant: c.tenant, props: map[string]property{}, version: 1}
			s.tenants[c.tenant] = p
		}
		s.metrics.leftOut.Add(float64(c.left.Values - p.left.Values))
		p.sites, p.left, p.rows, p.bytes, p.sizes = c.sites, c.left, c.rows, c.bytes, c.sizes
		for _, d := range c.days {
			if at, ok := findDay(p.days, d.Day); ok {
				p.days[at] = d
			} else {
				p.days = slices.Insert(p.days, at, d)
			}
		}
		s.applyPropsLocked(p, c.props)
	}
}

func (s *Set) applyPropsLocked(p *profile, props map[string]property) {
	changed := false
	for name, q := range props {
		old, held := p.props[name]
		changed = changed || (!held || s.kindLocked(name, old) != s.kindLocked(name, q)) && event.NameIsColumn(name)
		p.props[name] = q
	}
	if changed {
		s.version++
		p.version = s.version
	}
}
