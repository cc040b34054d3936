package qos

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/tenant"
)

// Keys in the state store:
//
//	costs/<tenant> 0 <shape>   what queries of that shape cost
//
// A tenant's id holds no zero byte; that of the operator is empty. A shape is a hash of a statement without its literals: no value of a query is stored.
const prefix = "costs/"

const costVersion = 1

// costBytes is the length of a value: its version, the mean and the deviation of CPU in nanoseconds, bytes read, bytes expected, and the time of the last run in
// milliseconds since 1970. Integers and floats are big endian.
const costBytes = 1 + 4*8 + 8

// writeEvery is how much learning a crash may lose.
const writeEvery = 2 * time.Second

func (k shapeKey) encode() []byte {
	return append(append(append([]byte(prefix), k.tenant...), 0), k.shape...)
}

var errCostKey = errors.New("its key has no tenant or no shape")

func decodeShapeKey(key []byte) (shapeKey, error) {
	id, shape, _ := strings.Cut(string(key[len(prefix):]), "\x00")
	if shape == "" {
		return shapeKey{}, errCostKey
	}
	return shapeKey{tenant.ID(id), shape}, nil
}

func (c *cost) encode() []byte {
	b := append(make([]byte, 0, costBytes), costVersion)
	for _, v := range []float64{c.cpu, c.dev, c.read, c.expected} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return binary.BigEndian.AppendUint64(b, uint64(c.at.UnixMilli()))
}

func decodeCost(b []byte) (c cost, err error) {
	switch {
	case len(b) > 0 && b[0] != costVersion:
		return c, fmt.Errorf("its version is %d, this weir knows %d", b[0], costVersion)
	case len(b) != costBytes:
		return c, fmt.Errorf("it has %d bytes, not %d", len(b), costBytes)
	}
	for i, to := range []*float64{&c.cpu, &c.dev, &c.read, &c.expected} {
		*to = math.Float64frombits(binary.BigEndian.Uint64(b[1+8*i:]))
		if !(*to >= 0) || math.IsInf(*to, 1) {
			return c, fmt.Errorf("its number %d is %v", i, *to)
		}
	}
	c.at = time.UnixMilli(int64(binary.BigEndian.Uint64(b[costBytes-8:])))
	return c, nil
}

// store keeps a history in the state store. It holds what the history holds, and until the next write what gave way in between.
type store struct {
	db      *pebble.DB // nil: nothing is stored
	tenants Tenants
	full    func() bool
	log     *slog.Logger

	mu   sync.Mutex // held while something is written
	anew bool       // there is what could not be read: the next write replaces everything
}

func newStore(d Deps) *store {
	s := &store{db: d.State, tenants: d.Tenants, full: d.Full, log: d.Logger}
	if s.full == nil {
		s.full = func() bool { return false }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("component", "qos")
	return s
}

// load reads what is stored into h, which is empty. What cannot be read is left out: it is learned again.
func (s *store) load(h *history, now time.Time) {
	if s.db == nil {
		return
	}
	h.changed = map[shapeKey]bool{}
	var list []*remembered
	bad := 0
	var first error // of those that cannot be read
	err := s.each([]byte(prefix), func(key, value []byte) {
		k, err := decodeShapeKey(key)
		c, problem := decodeCost(value)
		if err = cmp.Or(err, problem); err != nil {
			bad++
			first = cmp.Or(first, err)
			return
		}
		if c.at.After(now) { // the clock was set back
			c.at = now
		}
		if s.gone(k.tenant) || now.Sub(c.at) >= forgetAfter {
			h.changed[k] = true
			return
		}
		list = append(list, &remembered{key: k, cost: c, stored: true})
	})
	slices.SortFunc(list, func(a, b *remembered) int { return a.cost.at.Compare(b.cost.at) })
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range list {
		h.addLocked(r)
	}
	s.anew = bad > 0 || err != nil
	if bad > 0 {
		s.log.Warn("what some shapes of queries cost cannot be read: it is left out, and learned again", "shapes", bad, "error", first)
	}
	if err != nil {
		s.log.Warn("what shapes of queries cost cannot be read to its end: the rest is left out, and learned again", "read", len(list), "error", err)
	}
}

// gone says whether a tenant was deleted; by a weir that knew nothing of this store, perhaps.
func (s *store) gone(id tenant.ID) bool {
	_, ok := s.tenants.TenantByID(id)
	return id != "" && !ok
}

// each calls fn with each key below a prefix, and its value. They are valid for the call only.
func (s *store) each(below []byte, fn func(key, value []byte)) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: below, UpperBound: endOf(below)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		fn(it.Key(), v)
	}
	return it.Close()
}

// endOf is the first key behind all that begin with p, whose last byte is not the highest.
func endOf(p []byte) []byte {
	end := bytes.Clone(p)
	end[len(end)-1]++
	return end
}

// write stores what has changed in h.
func (s *store) write(h *history) error {
	if s.db == nil || s.full() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := h.take(s.anew)
	if len(list) == 0 && !s.anew {
		return nil
	}
	err := s.commit(func(b *pebble.Batch) error {
		var errs []error
		if s.anew {
			errs = append(errs, b.DeleteRange([]byte(prefix), endOf([]byte(prefix)), nil))
		}
		for _, c := range list {
			if c.cost == nil {
				errs = append(errs, b.Delete(c.key.encode(), nil))
			} else {
				errs = append(errs, b.Set(c.key.encode(), c.cost.encode(), nil))
			}
		}
		return errors.Join(errs...)
	})
	if err != nil {
		h.giveBack(list)
		return fmt.Errorf("store what queries cost: %w", err)
	}
	s.anew = false
	return nil
}

// forget removes what a tenant's queries cost from h and from the store, and returns how many shapes h had.
func (s *store) forget(h *history, id tenant.ID) (int, error) {
	s.mu.Lock() // a write that has taken some of them ends first
	defer s.mu.Unlock()
	n := h.forget(id)
	if s.db == nil {
		return n, nil
	}
	own := shapeKey{tenant: id}.encode()
	if err := s.commit(func(b *pebble.Batch) error { return b.DeleteRange(own, endOf(own), nil) }); err != nil {
		return n, fmt.Errorf("forget what queries cost: %w", err)
	}
	return n, nil
}

// commit makes what fill puts into a batch durable.
func (s *store) commit(fill func(*pebble.Batch) error) error {
	b := s.db.NewBatch()
	err := fill(b)
	if err == nil {
		err = b.Commit(pebble.Sync)
	}
	return errors.Join(err, b.Close())
}

// Run stores what is learned every two seconds until ctx ends, and then once more.
func (g *Gate) Run(ctx context.Context) error {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for warned := false; ; {
		select {
		case <-ctx.Done():
			return g.store.write(g.history)
		case <-tick.C:
		}
		err := g.store.write(g.history)
		if err != nil && !warned {
			g.store.log.Warn("what queries cost could not be stored; trying again", "error", err, "every", writeEvery)
		}
		warned = err != nil
	}
}
