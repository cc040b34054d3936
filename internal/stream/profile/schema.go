package profile

import (
	"sort"
	"time"

	"weir/internal/event"
)

// PropertyInfo is everything that is known of one property of a tenant.
type PropertyInfo struct {
	event.Property
	// Column says that the property is a column of its own; otherwise it is reached through the maps only.
	Column   bool
	Common   bool               // declared by the operator
	Declared event.PropertyKind // what it was declared as, if Common
	OnlyNull bool               // every value was null
	Traits   event.Traits       // what was seen of its values; true and false among texts are texts, and null is nothing
	// Sources are the site ids that sent it, at most 64 of a tenant are told apart; MoreSources says that others did too.
	Sources     []string
	MoreSources bool
	Public      bool // only senders without a key have sent it
	// First is the arrival of its first value, Last the day of arrival of its last one. Zero: none yet.
	First, Last time.Time
}

// Schema is what is known of a tenant's properties.
type Schema struct {
	Properties []PropertyInfo // sorted by name
	Version    uint64         // as of Properties
	Names      int            // of the tenant's own, at most MaxNames
	// LeftOut are values of names beyond MaxNames, Examples some of these names.
	LeftOut  uint64
	Examples []string
	Public   PublicNames
}

// PublicNames is what is known of names that only senders without a key have sent.
type PublicNames struct {
	Names    int       // at most MaxPublic
	LeftOut  uint64    // values of names for which there was no place, or that had to make room
	Examples []string  // of these names, the latest
	Last     time.Time // day of arrival of the last such value; zero: there is none
}

// Schema returns what is known of a tenant's properties, the common ones included.
func (s *Set) Schema(tenant string) Schema {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := Schema{Version: s.common.version}
	var own map[string]property
	if p := s.tenants[tenant]; p != nil {
		own = p.props
		out.Version, out.Names = max(p.version, s.common.version), len(own)
		out.LeftOut, out.Examples = p.left.Values, append([]string{}, p.left.Examples...)
		out.Public = PublicNames{Names: p.public, LeftOut: p.barred.Values, Examples: append([]string{}, p.barred.Examples...)}
		if p.barred.Values > 0 {
			out.Public.Last = dayStart(p.barred.Last)
		}
		for name, q := range own {
			out.Properties = append(out.Properties, s.infoLocked(p, name, q))
		}
	}
	for _, c := range s.common.list {
		if _, ok := own[c.Name]; !ok {
			out.Properties = append(out.Properties, PropertyInfo{Property: c, Column: true, Common: true, Declared: c.Kind})
		}
	}
	sort.Slice(out.Properties, func(i, j int) bool { return out.Properties[i].Name < out.Properties[j].Name })
	return out
}

func (s *Set) infoLocked(p *profile, name string, q property) PropertyInfo {
	declared, common := s.common.traits[name]
	seen := q.traits &^ event.TraitNull
	if seen&event.TraitText != 0 {
		seen &^= event.TraitBool // is not looked for among texts
	}
	info := PropertyInfo{
		Property: event.Property{Name: name, Kind: s.kindLocked(name, q)}, Column: event.NameIsColumn(name), Common: common,
		MoreSources: q.more, Public: q.public, First: time.UnixMilli(q.first).UTC(), Last: dayStart(q.last), OnlyNull: q.traits == event.TraitNull, Traits: seen,
	}
	if common {
		info.Declared = declared.Kind()
	}
	for i, site := range p.sites {
		if q.sites&(1<<i) != 0 {
			info.Sources = append(info.Sources, site)
		}
	}
	return info
}

func dayStart(day int32) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }
