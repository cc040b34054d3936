package profile

import (
	"bytes"
	"slices"

	"weir/internal/event"
)

// Observer looks at the rows of one insert: which properties they have, and how much they are. It belongs to one
// writer, which uses it for one insert after the other; its memory is reused.
type Observer struct {
	tenants []tenantSeen // by index in the batch's dictionary
	used    []uint32     // of tenants: those that have rows, in their order
	seen    []sighting   // in the order of first sight

	texts, nums slots
	names       struct{ tenants, sites, texts, nums [][]byte }
}

// tenantSeen is what one insert has of a tenant.
type tenantSeen struct {
	rows uint64
	size event.Sizes
	days []Day // very few
}

// sighting is one name of a property that one insert has of a tenant.
type sighting struct {
	tenant, name uint32 // in the batch's dictionaries
	num          bool   // the name is one of props_num
	keyed        bool   // a sender with a key has sent it
	traits       event.Traits
	values       uint32
	first, last  int64 // arrival, Unix ms
	site         uint32
	sites        []uint32 // in the batch's dictionary, at most maxSites
}

// slots find the sighting of a tenant and a name: 1 and its index, or 0. Small batches have a table for all that
// there could be; where that would be large, because a sender makes names up, a map does.
type slots struct {
	width  int
	table  []int32
	sparse map[uint64]int32
}

// keepSightings is how many sightings' memory is kept for the next insert.
const keepSightings = 1 << 15

// maxTable bounds the table, in entries of 4 bytes.
const maxTable = 1 << 20

func (s *slots) reset(tenants, names int) {
	s.width = names
	n := tenants * names
	if n > maxTable {
		s.table = s.table[:0]
		s.sparse = map[uint64]int32{}
		return
	}
	s.sparse = nil
	if cap(s.table) < n {
		s.table = make([]int32, n)
		return
	}
	s.table = s.table[:n]
	clear(s.table)
}

func (s *slots) at(tenant, name uint32) int32 {
	if s.sparse != nil {
		return s.sparse[uint64(tenant)<<32|uint64(name)]
	}
	return s.table[int(tenant)*s.width+int(name)]
}

func (s *slots) set(tenant, name uint32, v int32) {
	if s.sparse != nil {
		s.sparse[uint64(tenant)<<32|uint64(name)] = v
		return
	}
	s.table[int(tenant)*s.width+int(name)] = v
}

const dayMillis = 24 * 60 * 60 * 1000

// Observe looks at all rows of b, which must not change until the insert is committed.
func (o *Observer) Observe(b *event.Batch) {
	tenants, of := b.Dict(event.ColTenant)
	sites, siteOf := b.Dict(event.ColSite)
	ts := b.Times(event.ColTS)
	from := origin{sites: siteOf, received: b.Times(event.ColReceivedAt), flags: b.Flags()}
	texts, nums := b.PropTexts(), b.PropNums()
	o.names.tenants, o.names.sites, o.names.texts, o.names.nums = tenants, sites, texts.Names, nums.Names
	o.reset(len(tenants))
	o.texts.reset(len(tenants), len(texts.Names))
	o.nums.reset(len(tenants), len(nums.Names))
	for first := 0; first < len(of); { // rows of one tenant and day mostly lie together
		t, day := of[first], dayOf(ts[first])
		begin := int64(day) * dayMillis
		to := first + 1
		for to < len(of) && of[to] == t && ts[to] >= begin && ts[to] < begin+dayMillis {
			to++
		}
		o.count(b, t, day, first, to)
		o.properties(t, first, to, &texts, &nums, &from)
		first = to
	}
}

// origin is where the rows of a batch come from, by row.
type origin struct {
	sites    []uint32
	received []int64
	flags    []uint8
}

func (o *Observer) reset(tenants int) {
	for _, t := range o.used {
		o.tenants[t] = tenantSeen{days: o.tenants[t].days[:0]}
	}
	o.used, o.seen = o.used[:0], o.seen[:0]
	if cap(o.seen) > keepSightings {
		o.seen = nil // somebody makes names up
	}
	for len(o.tenants) < tenants {
		o.tenants = append(o.tenants, tenantSeen{})
	}
}

// Tenants are the tenants that have rows in the insert.
func (o *Observer) Tenants() []string {
	out := make([]string, len(o.used))
	for i, t := range o.used {
		out[i] = string(o.names.tenants[t])
	}
	return out
}

// count adds rows [from, to), which are of one tenant and day.
func (o *Observer) count(b *event.Batch, t uint32, day int32, from, to int) {
	seen := &o.tenants[t]
	if seen.rows == 0 {
		o.used = append(o.used, t)
	}
	rows := uint64(to - from)
	seen.rows += rows
	bytes := b.AddValues(&seen.size, from, to) + event.RowSize*rows
	for i := range seen.days {
		if d := &seen.days[i]; d.Day == day {
			d.Rows += rows
			d.Bytes += bytes
			return
		}
	}
	seen.days = append(seen.days, Day{Day: day, Rows: rows, Bytes: bytes})
}

// properties looks at the properties of rows [from, to), which are of one tenant.
func (o *Observer) properties(t uint32, from, to int, texts, nums *event.Pairs, of *origin) {
	text, num := start(texts.Ends, from), start(nums.Ends, from)
	for row := from; row < to; row++ {
		textEnd, numFrom, numEnd := int(texts.Ends[row]), num, int(nums.Ends[row])
		for ; text < textEnd; text++ {
			s := o.sight(&o.texts, t, texts.Keys[text], false, of, row)
			if s.traits&event.TraitText != 0 {
				continue // as wide as it gets
			}
			v := texts.Text(text)
			trait := event.TextTrait(v)
			if trait == event.TraitText && numEnd > numFrom && event.LongInteger(v) && hasNum(nums, numFrom, numEnd, texts.Names[texts.Keys[text]]) {
				trait = event.TraitFloat // the digits of a number that is also in props_num
			}
			s.traits |= trait
		}
		for ; num < numEnd; num++ {
			s := o.sight(&o.nums, t, nums.Keys[num], true, of, row)
			s.traits |= event.NumTrait(nums.Nums[num])
		}
	}
}

func start(ends []uint32, row int) int {
	if row == 0 {
		return 0
	}
	return int(ends[row-1])
}

func hasNum(nums *event.Pairs, from, to int, name []byte) bool {
	for i := from; i < to; i++ {
		if bytes.Equal(nums.Names[nums.Keys[i]], name) {
			return true
		}
	}
	return false
}

// sight finds or makes the sighting of a name, and notes that a row has it. It is valid until the next one.
func (o *Observer) sight(in *slots, tenant, name uint32, num bool, of *origin, row int) *sighting {
	site, received, keyed := of.sites[row], of.received[row], of.flags[row]&event.FlagPublic == 0
	at := in.at(tenant, name)
	if at == 0 {
		n := len(o.seen)
		o.seen = slices.Grow(o.seen, 1)[:n+1]
		s := &o.seen[n]
		*s = sighting{tenant: tenant, name: name, num: num, keyed: keyed, values: 1, first: received, last: received, site: site, sites: append(s.sites[:0], site)}
		in.set(tenant, name, int32(n+1))
		return s
	}
	s := &o.seen[at-1]
	s.values++
	s.keyed = s.keyed || keyed
	s.first, s.last = min(s.first, received), max(s.last, received)
	if s.site != site {
		s.site = site
		s.addSite(site)
	}
	return s
}

func (s *sighting) addSite(site uint32) {
	for _, have := range s.sites {
		if have == site {
			return
		}
	}
	if len(s.sites) <= maxSites { // one more than is kept says that there were more
		s.sites = append(s.sites, site)
	}
}

func dayOf(ms int64) int32 {
	d := ms / dayMillis
	if ms%dayMillis < 0 {
		d--
	}
	return int32(d)
}
