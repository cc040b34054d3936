package stream

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
	"weir/internal/rollup"
)

// linkNotes know which inserts may hold events that link ids (rollup.Links). Most hold none: the projection passes them without asking the engine,
// and a report need not look for links behind its position. What was inserted before this start is not known, and taken to hold some.
type linkNotes struct {
	boot map[uint16]uint64 // by writer: the last insert before this start

	mu      sync.Mutex
	seqs    map[uint16][]uint64 // by writer: inserts with links that the projection has not passed, rising
	tenants map[string]*[writers + 1]uint64
}

func newLinkNotes() *linkNotes {
	return &linkNotes{boot: map[uint16]uint64{}, seqs: map[uint16][]uint64{}, tenants: map[string]*[writers + 1]uint64{}}
}

// note looks at the rows of an insert. It is called before any of them can be seen, and when the tenants' versions are no longer settled: who finds an insert
// noted and the version settled sees its rows.
func (n *linkNotes) note(writer uint16, seq uint64, b *event.Batch) {
	types, of := b.Dict(event.ColType)
	links := make([]bool, len(types))
	found := false
	for i, t := range types {
		links[i] = string(t) == rollup.TypeIdentify || string(t) == rollup.TypeAlias
		found = found || links[i]
	}
	if !found {
		return
	}
	tenants, tenantOf := b.Dict(event.ColTenant)
	hit := make([]bool, len(tenants))
	for i, t := range of {
		hit[tenantOf[i]] = hit[tenantOf[i]] || links[t]
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, t := range tenants {
		if !hit[i] {
			continue
		}
		at := n.tenants[string(t)]
		if at == nil {
			at = new([writers + 1]uint64)
			n.tenants[string(t)] = at
		}
		at[writer] = max(at[writer], seq)
	}
	if s := n.seqs[writer]; len(s) == 0 || s[len(s)-1] < seq {
		n.seqs[writer] = append(s, seq)
	}
}

// any says whether an insert of (from, to] may hold links. What lies at or below from is forgotten.
func (n *linkNotes) any(writer uint16, from, to uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.seqs[writer]
	for len(s) > 0 && s[0] <= from {
		s = s[1:]
	}
	n.seqs[writer] = slices.Clone(s)
	return from < n.boot[writer] || len(s) > 0 && s[0] <= to
}

// LinkSeqs returns, by writer, the last insert that may hold links of the tenant: everything behind it holds none. It says so before
// such rows can be seen.
func (p *Processor) LinkSeqs(tenant string) map[uint16]uint64 {
	p.links.mu.Lock()
	defer p.links.mu.Unlock()
	out := map[uint16]uint64{}
	for _, w := range []uint16{writerMain, writerLate} {
		out[w] = p.links.boot[w]
		if at := p.links.tenants[tenant]; at != nil {
			out[w] = max(out[w], at[w])
		}
	}
	return out
}

// passLinks moves the links' position over inserts that hold none. It need not survive a crash: the projection would take the step again.
func (p *Processor) passLinks(w uint16, to uint64) error {
	name := rollup.Links.Name
	if err := p.db.Set(keyRollup(keyPosition, name, w), uint64Value(to), pebble.NoSync); err != nil {
		return fmt.Errorf("commit step of %s: %w", name, err)
	}
	p.mu.Lock()
	p.positions[name][w] = to
	p.mu.Unlock()
	return nil
}
