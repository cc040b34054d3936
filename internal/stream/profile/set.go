// Package profile keeps what is known of each tenant's data: which properties its events have and of what kind, and
// how many rows and bytes there are by day. Readers are answered from memory. What an insert changes is stored in the
// batch that commits the insert, so it is as exact as the rows, whatever is killed and whenever.
package profile

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/event"
)

// Limits of what is kept of a tenant.
const (
	// MaxNames is how many names of properties a tenant has; further ones are counted.
	MaxNames = 2000
	// MaxPublic is how many of these may be names that only senders without a key have sent. They make room for such that come with one: whoever knows a site's public id keeps nobody else out.
	MaxPublic = MaxNames / 2
	// PublicHourly is how many of these one source gets in an hour of arrival.
	PublicHourly = 200
	// MaxCommon is how many properties the operator can declare.
	MaxCommon = 500
	// maxSites is how many sources of a tenant are told apart.
	maxSites = 64
	// maxExamples is how many names beyond MaxNames are kept as examples.
	maxExamples = 10
)

// Config is what a Set works on.
type Config struct {
	DB *pebble.DB // owned by the caller
	// Known says whether there is such a tenant. What inserts have of others is not kept.
	Known      func(tenant string) bool
	Registerer prometheus.Registerer
}

// Set is what is known of all tenants. It is safe for concurrent use; Observers belong to one writer each.
type Set struct {
	db      *pebble.DB
	known   func(string) bool
	metrics *metrics

	// writing is held from computing what is stored until it is stored and visible: there are two writers.
	writing    sync.Mutex
	rebuilding atomic.Bool

	mu      sync.RWMutex
	tenants map[string]*profile
	common  commonList
	version uint64 // the last that was given away
}

// profile is what is known of one tenant. A tenant without events has none.
type profile struct {
	tenant string
	props  map[string]property
	sites  []string // that sent properties; property.sites counts in it
	left   leftOut
	public int     // of props: names that only senders without a key have sent
	barred leftOut // of these senders

	forgotten forgotten

	rows  uint64
	bytes uint64
	sizes event.Sizes
	days  []Day // sorted

	version uint64 // of props
	list    atomic.Pointer[propertyList]
}

// property is what is known of one name.
type property struct {
	first  int64 // arrival of the first value, Unix ms
	sites  uint64
	last   int32 // day of arrival of the last value
	traits event.Traits
	more   bool // sites beyond maxSites have it too
	public bool // only senders without a key have sent it
}

// leftOut is what was seen of names for which there was no place.
type leftOut struct {
	Values   uint64
	Examples []string
	Last     int32 // day of arrival of the last value; not known of those with a key
}

// certain says that every name that ever came is in props or forgotten.
func (p *profile) certain() bool {
	return p.left.Values == 0 && p.barred.Values == 0 && !p.forgotten.more
}

type propertyList struct {
	version uint64
	list    []event.Property
}

// commonList is what the operator has declared.
type commonList struct {
	version uint64
	list    []event.Property // sorted
	traits  map[string]event.Traits
}

// Open reads what is known.
func Open(cfg Config) (*Set, error) {
	if cfg.DB == nil || cfg.Known == nil || cfg.Registerer == nil {
		return nil, errors.New("profile: a config field is missing")
	}
	s := &Set{db: cfg.DB, known: cfg.Known, tenants: map[string]*profile{}, version: 1, common: commonList{version: 1, list: []event.Property{}}}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("load the tenants' profiles: %w", err)
	}
	var err error
	if s.metrics, err = newMetrics(cfg.Registerer, s); err != nil {
		return nil, fmt.Errorf("profile metrics: %w", err)
	}
	return s, nil
}

// Properties returns the properties of a tenant that can be columns, sorted by name, with the kind in which they are to be
// read: those that its events have had, and the common ones. The version changes whenever the list does, and never
// comes again in this process. The list is shared: read it only.
func (s *Set) Properties(tenant string) (list []event.Property, version uint64) {
	s.mu.RLock()
	p := s.tenants[tenant]
	if p == nil {
		defer s.mu.RUnlock()
		return s.common.list, s.common.version
	}
	version = max(p.version, s.common.version)
	if l := p.list.Load(); l != nil && l.version == version {
		s.mu.RUnlock()
		return l.list, version
	}
	l := &propertyList{version: version, list: s.mergedLocked(p)}
	p.list.Store(l) // under the read lock: nobody changes p or common meanwhile
	s.mu.RUnlock()
	return l.list, version
}

// Texts says whether the tenant's events have had the property, and never with a number as its value. It is false where names were left out: these may have been its numbers. What was
// forgotten of the property counts.
func (s *Set) Texts(tenant, name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.tenants[tenant]
	if p == nil {
		return false
	}
	q, known := p.props[name]
	return known && p.certain() && (q.traits|p.forgotten.traits[name])&(event.TraitInt|event.TraitFloat) == 0
}

// Unseen says whether it is certain that no event of the tenant has had a property of that name, nor the operator declared it; here asks for events of the site only. It is not while
// names are left out, nor of a tenant without events or a name that was forgotten. known are the names that there are, here those of the site, in no order; nil unless unseen.
func (s *Set) Unseen(tenant, site, name string, here bool) (known []string, unseen bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.tenants[tenant]
	if p == nil || p.rows == 0 || !p.certain() || s.common.traits[name] != 0 {
		return nil, false
	}
	if _, had := p.forgotten.traits[name]; had {
		return nil, false
	}
	at := slices.Index(p.sites, site)
	sent := func(q property) bool { return !here || q.more || at >= 0 && q.sites&(1<<at) != 0 }
	if q, ok := p.props[name]; ok && sent(q) {
		return nil, false
	}
	known = make([]string, 0, len(p.props))
	for n, q := range p.props {
		if sent(q) {
			known = append(known, n)
		}
	}
	return known, true
}

// mergedLocked is the tenant's properties and the common ones.
func (s *Set) mergedLocked(p *profile) []event.Property {
	list := make([]event.Property, 0, len(p.props)+len(s.common.list))
	for name, q := range p.props {
		if event.NameIsColumn(name) {
			list = append(list, event.Property{Name: name, Kind: s.kindLocked(name, q)})
		}
	}
	for _, c := range s.common.list {
		if _, own := p.props[c.Name]; !own {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// kindLocked is the kind of a tenant's property: what the tenant has sent, widened by what is declared of the name.
func (s *Set) kindLocked(name string, q property) event.PropertyKind {
	return (q.traits | s.common.traits[name]).Kind()
}

// ErrCommon says why properties cannot be declared.
var ErrCommon = errors.New("these properties cannot be common")

// CheckCommon returns an error that wraps ErrCommon, and the name concerned, when list cannot be declared.
func CheckCommon(list []event.Property) (name string, err error) {
	if len(list) > MaxCommon {
		return "", fmt.Errorf("%w: there are %d, the limit is %d", ErrCommon, len(list), MaxCommon)
	}
	seen := map[string]bool{}
	for _, p := range list {
		switch {
		case !event.NameIsColumn(p.Name):
			return p.Name, fmt.Errorf("%w: %q cannot be a column: it is one of weir's, longer than %d bytes, or has quotes or characters that cannot be seen", ErrCommon, p.Name, event.MaxPropertyName)
		case p.Kind < event.PropBool || p.Kind > event.PropString:
			return p.Name, fmt.Errorf("%w: %q has no kind: say bool, int, float or string", ErrCommon, p.Name)
		case seen[p.Name]:
			return p.Name, fmt.Errorf("%w: %q is there twice", ErrCommon, p.Name)
		}
		seen[p.Name] = true
	}
	return "", nil
}

// SetCommon declares the properties that every tenant has. It is not stored here.
func (s *Set) SetCommon(list []event.Property) error {
	if _, err := CheckCommon(list); err != nil {
		return err
	}
	list = slices.Clone(list)
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	traits := make(map[string]event.Traits, len(list))
	for _, p := range list {
		traits[p.Name] = p.Kind.Traits()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.common = commonList{version: s.version, list: append([]event.Property{}, list...), traits: traits}
	return nil
}

// Common returns the common properties. The list is shared: read it only.
func (s *Set) Common() []event.Property {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.common.list
}

// Forget removes everything that is known of a tenant, for good. Call it when the tenant is gone from the catalog, so that no
// insert brings it back.
func (s *Set) Forget(tenant string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	b := s.db.NewBatch()
	if err := stageForget(b, tenant); err != nil {
		return fmt.Errorf("forget the profile of %s: %w", tenant, err)
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("forget the profile of %s: %w", tenant, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tenants, tenant)
	return nil
}
