package profile

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
)

// A data directory that is older than the profiles has rows that no Observer has seen. They are rebuilt from the events table, once: from the
// inserts up to a bound for each writer, which is stored before anything is committed above it; what is
// committed above it is observed. So each row counts once, however often the rebuild begins anew.

const keyRebuild = "tr"

// States of the rebuild.
const (
	rebuildPending = 1
	rebuildDone    = 2
)

// StartRebuild is to be called before the first Commit of a process, with the last insert of each writer. It returns the bounds up to which
// inserts have to be rebuilt, or nil when there is nothing to do.
func (s *Set) StartRebuild(last map[uint16]uint64) (upTo map[uint16]uint64, err error) {
	v, closer, err := s.db.Get([]byte(keyRebuild))
	switch {
	case err == nil:
		upTo, err = decodeRebuild(v)
		if err = errors.Join(err, closer.Close()); err != nil {
			return nil, fmt.Errorf("rebuild of the profiles: %w", err)
		}
	case !errors.Is(err, pebble.ErrNotFound):
		return nil, fmt.Errorf("rebuild of the profiles: %w", err)
	default:
		for w, seq := range last {
			if seq > 0 {
				if upTo == nil {
					upTo = map[uint16]uint64{}
				}
				upTo[w] = seq
			}
		}
		if err := s.db.Set([]byte(keyRebuild), encodeRebuild(upTo), pebble.Sync); err != nil {
			return nil, fmt.Errorf("rebuild of the profiles: %w", err)
		}
	}
	s.rebuilding.Store(upTo != nil)
	return upTo, nil
}

// Complete says that everything that is stored is known: no rebuild is under way.
func (s *Set) Complete() bool { return !s.rebuilding.Load() }

func encodeRebuild(upTo map[uint16]uint64) []byte {
	if upTo == nil {
		return []byte{valueVersion, rebuildDone}
	}
	b := []byte{valueVersion, rebuildPending}
	for w, seq := range upTo {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(w)), seq)
	}
	return b
}

func decodeRebuild(v []byte) (map[uint16]uint64, error) {
	r := newReader(v)
	state := r.byte()
	if state == rebuildDone && !r.bad {
		return nil, nil
	}
	upTo := map[uint16]uint64{}
	for len(r.b) > 0 && !r.bad {
		w := r.uvarint()
		upTo[uint16(w)] = r.uvarint()
	}
	if r.bad || state != rebuildPending {
		return nil, errValue
	}
	return upTo, nil
}

// Rebuild gathers what the events table says. It is not safe for concurrent use.
type Rebuild struct {
	o       Observer
	tenants map[string]uint32
	names   map[string]uint32
	sites   map[string]uint32
	seen    map[[2]uint32]int // by tenant and name: index in o.seen
}

// NewRebuild returns an empty one.
func NewRebuild() *Rebuild {
	return &Rebuild{tenants: map[string]uint32{}, names: map[string]uint32{}, sites: map[string]uint32{}, seen: map[[2]uint32]int{}}
}

func number(of map[string]uint32, list *[][]byte, s string) uint32 {
	n, ok := of[s]
	if !ok {
		n = uint32(len(of))
		of[s] = n
		*list = append(*list, []byte(s))
	}
	return n
}

func (r *Rebuild) tenant(name string) uint32 {
	t := number(r.tenants, &r.o.names.tenants, name)
	if int(t) == len(r.o.tenants) {
		r.o.tenants = append(r.o.tenants, tenantSeen{})
		r.o.used = append(r.o.used, t)
	}
	return t
}

// AddDay adds rows of a tenant's day. values are the bytes of the columns whose values have lengths of their own, by name: as Batch.AddValues counts them.
func (r *Rebuild) AddDay(tenant string, day int32, rows uint64, values map[string]uint64) {
	seen := &r.o.tenants[r.tenant(tenant)]
	bytes := event.RowSize * rows
	for name, n := range values {
		if i, ok := columnIndex[name]; ok {
			seen.size[i] += n
			bytes += n
		}
	}
	seen.rows += rows
	seen.days = append(seen.days, Day{Day: day, Rows: rows, Bytes: bytes})
}

// Found is what some rows say of a property.
type Found struct {
	Tenant, Name string
	Traits       event.Traits
	Values       uint64
	First, Last  int64 // arrival, Unix ms
	Sites        []string
}

// AddProperty adds it.
func (r *Rebuild) AddProperty(f Found) {
	t := r.tenant(f.Tenant)
	n := number(r.names, &r.o.names.texts, f.Name)
	at, ok := r.seen[[2]uint32{t, n}]
	if !ok {
		at = len(r.o.seen)
		r.seen[[2]uint32{t, n}] = at
		r.o.seen = append(r.o.seen, sighting{tenant: t, name: n, keyed: true, first: f.First, last: f.Last})
	}
	s := &r.o.seen[at]
	s.traits |= f.Traits
	s.values += uint32(min(f.Values, 1<<31))
	s.first, s.last = min(s.first, f.First), max(s.last, f.Last)
	for _, site := range f.Sites {
		s.addSite(number(r.sites, &r.o.names.sites, site))
	}
}

// FinishRebuild adds what was gathered to what is known, durably, and notes that there is nothing more to rebuild.
func (s *Set) FinishRebuild(r *Rebuild) error {
	b := s.db.NewBatch()
	if err := b.Set([]byte(keyRebuild), encodeRebuild(nil), nil); err != nil {
		return fmt.Errorf("rebuild of the profiles: %w", err)
	}
	if err := s.Commit(&r.o, b, func() error { return b.Commit(pebble.Sync) }); err != nil {
		return fmt.Errorf("rebuild of the profiles: %w", err)
	}
	s.rebuilding.Store(false)
	return nil
}
