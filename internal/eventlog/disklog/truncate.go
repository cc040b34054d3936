package disklog

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Truncate implements eventlog.Log. An offset beyond the end removes all. The
// new first offset and the removal are one synced write, so removed records
// stay removed after a crash; the space comes back within seconds, when Pebble
// drops whole tables.
func (l *Log) Truncate(ctx context.Context, partition uint16, offset uint64) error {
	p, err := l.partition(partition)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := l.acquire(true)
	if err != nil {
		return err
	}
	defer s.ops.Done()

	// Appends to this partition wait, so that the stored time and byte count are in order.
	p.appendMu.Lock()
	defer p.appendMu.Unlock()
	p.mu.Lock()
	old, stored, next, bytes := p.start, p.stored, p.durable, p.bytes
	p.mu.Unlock()
	offset = max(min(offset, next), old.first)
	if offset <= stored {
		return nil
	}
	begin := start{first: offset, bytes: bytes, time: p.time}
	if at, v, err := s.probe(p.id, offset, next); err != nil {
		return fmt.Errorf("truncate partition %d of the event log: %w", partition, err)
	} else if at < next {
		begin.bytes, begin.time = v.end-uint64(v.size), v.time
	}
	b := s.db.NewBatch()
	err = errors.Join(
		b.DeleteRange(recordKey(p.id, 0), recordKey(p.id, offset), nil),
		b.Set(startKey(p.id), encodeStart(begin), nil),
	)
	if err != nil {
		return fmt.Errorf("truncate partition %d of the event log: %w", partition, err)
	}
	// Readers are refused before the records go. If the write fails they stay refused.
	p.mu.Lock()
	p.start = begin
	p.mu.Unlock()
	if err := s.set(b); err != nil {
		return refused(err)
	}
	p.mu.Lock()
	p.stored = begin.first
	p.mu.Unlock()
	return b.Close()
}

// load reads the state of a partition from the store.
func (s *store) load(id uint16) (st start, next uint64, bytes uint64, last int64, err error) {
	fail := func(err error) (start, uint64, uint64, int64, error) {
		return start{}, 0, 0, 0, fmt.Errorf("partition %d: %w", id, err)
	}
	raw, closer, err := s.db.Get(startKey(id))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return fail(err)
	default:
		st, err = decodeStart(raw)
		closer.Close()
		if err != nil {
			return fail(fmt.Errorf("where its records begin is damaged: %w", err))
		}
	}
	next, bytes, last = st.first, st.bytes, st.time
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: recordKey(id, 0), UpperBound: endKey(id)})
	if err != nil {
		return fail(err)
	}
	defer it.Close()
	// The last readable record tells time and bytes; damaged ones above it only count.
	for ok, n := it.Last(), 0; ok && n < maxDamaged; ok, n = it.Prev(), n+1 {
		_, offset, valid := decodeKey(it.Key())
		if !valid {
			return fail(fmt.Errorf("unknown key %x", it.Key()))
		}
		next = max(next, offset+1)
		raw, err := it.ValueAndErr()
		if err != nil {
			continue
		}
		if v, err := decodeValue(it.Key(), raw); err == nil {
			bytes, last = max(bytes, v.end), max(last, v.time)
			break
		}
	}
	if err := it.Error(); err != nil {
		return fail(err)
	}
	return st, next, bytes, last, nil
}
