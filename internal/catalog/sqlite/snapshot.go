package sqlite

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"weir/internal/catalog"
	"weir/internal/lookup"
	"weir/internal/tenant"
)

// snapshot is everything that the hot path answers from. It is immutable.
type snapshot struct {
	tenants table[tenant.ID, *entry]
	numbers table[uint32, *entry]
	names   table[string, ref]   // site_ids and aliases
	keys    table[[32]byte, ref] // by hash
	emails  table[string, []ref] // of users, lower case; those of several tenants may have the same
	// operators has the keys and users that belong to no tenant; nil when there are none.
	operators *entry
}

// of returns the entry of a tenant, or of the operators.
func (s *snapshot) of(id tenant.ID) (*entry, bool) {
	if id == operators {
		if s.operators == nil {
			return &entry{}, true
		}
		return s.operators, true
	}
	return s.tenants.lookup(id)
}

// entry is one living tenant with what belongs to it. It is immutable; a change replaces it.
type entry struct {
	tenant  catalog.Tenant
	sources []catalog.Source    // by id
	keys    []catalog.Key       // by id
	users   []catalog.User      // by id
	lookups []lookup.Table      // by name
	undone  map[string][]string // merges, by site
}

// ref points at one source or key of an entry.
type ref struct {
	entry *entry
	index int
}

// with returns a snapshot in which the given tenants have new entries; nil removes one.
func (s *snapshot) with(changed map[tenant.ID]*entry) *snapshot {
	tenants, numbers, names, keys, emails := s.tenants.edit(), s.numbers.edit(), s.names.edit(), s.keys.edit(), s.emails.edit()
	ops := s.operators
	for id := range changed { // all old names first: a name may move from one tenant to another
		old, ok := s.of(id)
		if !ok {
			continue
		}
		for i := range old.users {
			email := strings.ToLower(old.users[i].Email)
			if refs := slices.DeleteFunc(slices.Clone(refsOf(emails, email)), func(r ref) bool { return r.entry == old }); len(refs) > 0 {
				emails.set(email, refs)
			} else {
				emails.remove(email)
			}
		}
		for i := range old.sources {
			names.remove(old.sources[i].SiteID)
			for _, a := range old.sources[i].Aliases {
				names.remove(a)
			}
		}
		for i := range old.keys {
			keys.remove(old.keys[i].Hash)
		}
		if id != operators {
			tenants.remove(id)
			numbers.remove(old.tenant.Number)
		}
	}
	for id, e := range changed {
		if e == nil {
			continue
		}
		if id == operators {
			ops = e
		} else {
			tenants.set(id, e)
			numbers.set(e.tenant.Number, e)
		}
		for i := range e.users {
			email := strings.ToLower(e.users[i].Email)
			emails.set(email, append(slices.Clone(refsOf(emails, email)), ref{e, i}))
		}
		for i := range e.sources {
			names.set(e.sources[i].SiteID, ref{e, i})
			for _, a := range e.sources[i].Aliases {
				names.set(a, ref{e, i})
			}
		}
		for i := range e.keys {
			keys.set(e.keys[i].Hash, ref{e, i})
		}
	}
	return &snapshot{tenants.table, numbers.table, names.table, keys.table, emails.table, ops}
}

func refsOf(e *tableEdit[string, []ref], name string) []ref {
	refs, _ := e.lookup(name)
	return refs
}

// shards is the number of parts of a table. A change copies the parts that it touches, so that
// one among 10 000 tenants costs microseconds.
const shards = 256

var shardSeed = maphash.MakeSeed()

// table is an immutable map in shards.
type table[K comparable, V any] struct{ shard [shards]map[K]V }

func shardOf[K comparable](k K) int { return int(maphash.Comparable(shardSeed, k) % shards) }

func (t *table[K, V]) lookup(k K) (V, bool) {
	v, ok := t.shard[shardOf(k)][k]
	return v, ok
}

func (t *table[K, V]) empty() bool {
	return !slices.ContainsFunc(t.shard[:], func(m map[K]V) bool { return len(m) > 0 })
}

// edit begins a changed copy of the table.
func (t *table[K, V]) edit() *tableEdit[K, V] { return &tableEdit[K, V]{table: *t} }

// tableEdit is a table in the making: a shard is copied before its first change.
type tableEdit[K comparable, V any] struct {
	table[K, V]
	owned [shards]bool
}

func (e *tableEdit[K, V]) own(k K) map[K]V {
	i := shardOf(k)
	if !e.owned[i] {
		e.owned[i] = true
		if e.shard[i] == nil {
			e.shard[i] = map[K]V{}
		} else {
			e.shard[i] = maps.Clone(e.shard[i])
		}
	}
	return e.shard[i]
}

func (e *tableEdit[K, V]) set(k K, v V) { e.own(k)[k] = v }
func (e *tableEdit[K, V]) remove(k K)   { delete(e.own(k), k) }
