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
	tenant string
	old    *profile // nil: the tenant has none yet
	props  map[string]property
	sites  []string
	left   leftOut
	barred leftOut
	rows   uint64
	bytes  uint64
	sizes  event.Sizes
	days   []Day
	keyed  int                          // how many names came with a key, those of this change included
	public int                          // and how many only without
	gone   map[string]bool              // names of old that made room
	fresh  map[int64]*[maxSites + 1]int // by hour of arrival and source, its number among sites: names of c.public that are new
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
			c.tenant, c.sites, c.left, c.barred, c.rows, c.bytes, c.sizes = p.tenant, p.sites, p.left, p.barred, p.rows, p.bytes, p.sizes
			c.keyed, c.public = len(p.props)-p.public, p.public
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
	if !staged && c.old != nil && !c.gone[string(name)] {
		q, held = c.old.props[string(name)]
		was = q
	}
	declared := common[string(name)] != 0
	room := c.keyed < MaxNames || declared // for one more with a key
	switch {
	case held && q.public && g.keyed && room:
		q.public = false
		c.keyed, c.public = c.keyed+1, c.public-1
	case held:
	case !g.keyed && !declared && !c.admits(o, g):
		c.barred.note(name, uint64(g.values), g.last)
		return
	case g.keyed && !room:
		c.leaveOut(name, uint64(g.values))
		return
	default:
		if g.keyed && !declared && c.keyed+c.public >= MaxNames {
			c.makeRoom()
		}
		q = property{first: g.first, last: dayOf(g.last), public: !g.keyed}
		if q.public {
			c.public++
		} else {
			c.keyed++
		}
	}
	q.traits |= g.traits
	q.first, q.last = min(q.first, g.first), max(q.last, dayOf(g.last))
	for _, site := range g.sites {
		q.addSite(c, o.names.sites[site])
	}
	if !held && q.public {
		q.enters(c.freshIn(q.first))
	}
	if held && q == was {
		return
	}
	if c.props == nil {
		c.props = map[string]property{}
	}
	c.props[string(name)] = q
}

// admits says whether there is a place for a new name that only senders without a key have sent: one of the sources that sent it must not have had its share of the hour.
func (c *change) admits(o *Observer, g *sighting) bool {
	if c.public >= MaxPublic || c.keyed+c.public >= MaxNames {
		return false
	}
	fresh := c.freshIn(g.first)
	for _, site := range g.sites {
		i := slices.IndexFunc(c.sites, func(s string) bool { return s == string(o.names.sites[site]) })
		if i < 0 {
			i = len(c.sites) // all beyond maxSites have one share
		}
		if fresh[i] < PublicHourly {
			return true
		}
	}
	return false
}

// makeRoom takes away the newest name that only senders without a key have sent.
func (c *change) makeRoom() {
	var newest string
	var found property
	look := func(name string, q property) {
		if q.public && (!found.public || q.first > found.first || q.first == found.first && name > newest) {
			newest, found = name, q
		}
	}
	if c.old != nil {
		for name, q := range c.old.props {
			if _, staged := c.props[name]; !staged && !c.gone[name] {
				look(name, q)
			}
		}
	}
	for name, q := range c.props {
		look(name, q)
	}
	if !found.public {
		return
	}
	delete(c.props, newest)
	if c.gone == nil {
		c.gone = map[string]bool{}
	}
	c.gone[newest] = true
	c.public--
	c.barred.note([]byte(newest), 1, int64(found.last)*dayMillis)
}

// freshIn counts, by source, the names that only senders without a key have sent and whose first value arrived in the hour of a time. Nothing is stored for it: the names say so.
func (c *change) freshIn(ms int64) *[maxSites + 1]int {
	hour := hourOf(ms)
	n := c.fresh[hour]
	if n == nil {
		n = &[maxSites + 1]int{}
		if c.fresh == nil {
			c.fresh = map[int64]*[maxSites + 1]int{}
		}
		c.fresh[hour] = n
		if c.old != nil {
			for _, q := range c.old.props {
				if q.public && hourOf(q.first) == hour {
					q.enters(n)
				}
			}
		}
	}
	return n
}

func hourOf(ms int64) int64 { return ms / hourMillis }

// enters counts the name for each source that has sent it.
func (q *property) enters(n *[maxSites + 1]int) {
	for i := range maxSites {
		if q.sites&(1<<i) != 0 {
			n[i]++
		}
	}
	if q.more {
		n[maxSites]++
	}
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

// note counts values of a name for which there is no place, and keeps the latest names.
func (l *leftOut) note(name []byte, values uint64, last int64) {
	l.Values += values
	l.Last = max(l.Last, dayOf(last))
	if slices.Contains(l.Examples, string(name)) {
		return
	}
	keep := l.Examples[max(0, len(l.Examples)-maxExamples+1):]
	l.Examples = append(slices.Clip(keep), string(name))
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
		s.metrics.barred.Add(float64(c.barred.Values - p.barred.Values))
		p.sites, p.left, p.barred, p.public, p.rows, p.bytes, p.sizes = c.sites, c.left, c.barred, c.public, c.rows, c.bytes, c.sizes
		for _, d := range c.days {
			if at, ok := findDay(p.days, d.Day); ok {
				p.days[at] = d
			} else {
				p.days = slices.Insert(p.days, at, d)
			}
		}
		s.applyPropsLocked(p, c.gone, c.props)
	}
}

func (s *Set) applyPropsLocked(p *profile, gone map[string]bool, props map[string]property) {
	changed := len(gone) > 0
	for name := range gone {
		delete(p.props, name)
	}
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
