package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
)

// maxForgotten is how many forgotten names are remembered of a tenant.
const maxForgotten = MaxNames

// ErrRebuilding says that names cannot be forgotten while the profiles are rebuilt: what is learned from old rows would bring them back.
var ErrRebuilding = errors.New("the profiles are being rebuilt")

// forgotten is what is remembered of names that were taken away: rows have them still, so that nobody may say that no event has them, or that none has numbers under them.
type forgotten struct {
	traits map[string]event.Traits // of the values before
	more   bool                    // names beyond maxForgotten were taken away, too
}

// ForgetNames takes names of a tenant away, durably: those that are named, and with public those that only senders without a key have sent. It returns those that there were,
// as Properties had them, sorted. A name comes back with the next event that has it, as if it were new: of the kind of what is sent from then on.
func (s *Set) ForgetNames(tenant string, names []string, public bool) ([]event.Property, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.Complete() {
		return nil, ErrRebuilding
	}
	p := s.tenants[tenant]
	if p == nil {
		return nil, nil
	}
	gone := s.chosen(p, names, public)
	if len(gone) == 0 {
		return nil, nil
	}
	kept := p.forgotten.with(func(note func(string, event.Traits)) {
		for _, q := range gone {
			note(q.Name, p.props[q.Name].traits)
		}
	})
	b := s.db.NewBatch()
	if err := stageForgetNames(b, p, gone, kept); err != nil {
		return nil, fmt.Errorf("forget properties of %s: %w", tenant, err)
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return nil, fmt.Errorf("forget properties of %s: %w", tenant, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range gone {
		if p.props[q.Name].public {
			p.public--
		}
		delete(p.props, q.Name)
	}
	p.forgotten = kept
	s.version++
	p.version = s.version
	return gone, nil
}

// chosen returns the properties to forget. s.writing is held: nobody writes meanwhile.
func (s *Set) chosen(p *profile, names []string, public bool) []event.Property {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[string]event.Property{}
	add := func(name string, q property) {
		found[name] = event.Property{Name: name, Kind: s.kindLocked(name, q)}
	}
	for _, name := range names {
		if q, ok := p.props[name]; ok {
			add(name, q)
		}
	}
	for name, q := range p.props {
		if public && q.public {
			add(name, q)
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b event.Property) int { return strings.Compare(a.Name, b.Name) })
}

// with returns a copy that has what names adds.
func (f forgotten) with(names func(note func(name string, traits event.Traits))) forgotten {
	out := forgotten{traits: maps.Clone(f.traits), more: f.more}
	if out.traits == nil {
		out.traits = map[string]event.Traits{}
	}
	names(func(name string, traits event.Traits) {
		if _, known := out.traits[name]; !known && len(out.traits) >= maxForgotten {
			out.more = true
			return
		}
		out.traits[name] |= traits
	})
	return out
}
