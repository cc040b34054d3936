package stitch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/tenant"
)

// Keys in the state store:
//
//	visits/d <tenant> 0 <day 4>   the version of a stitched day
//	visits/s <tenant> 0 <day 4>   the totals of the midnight behind a stitched day
//	visits/v                      versions below it may have been used, 8 bytes
//
// Integers are big endian. A tenant's id holds no zero byte.
const (
	prefix     = "visits/"
	keyDay     = prefix + "d"
	keySeam    = prefix + "s"
	keyVersion = prefix + "v"
)

// recordVersion is that of records that are written; those of wholeVersion, which say nothing of parts of days, are read too.
const (
	wholeVersion  = 2
	recordVersion = 3
)

// The lengths of a record: its own version, version, rows, main, late, timeout in seconds, layout, time in seconds, layout of the totals; part in milliseconds, last.
const (
	wholeBytes  = 1 + 4*8 + 4 + 4 + 8 + 4
	recordBytes = wholeBytes + 8 + 1
)

func (r record) encode() []byte {
	b := []byte{recordVersion}
	for _, n := range []uint64{r.version, r.rows, r.main, r.late} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(r.timeout/time.Second))
	b = binary.BigEndian.AppendUint32(b, r.layout)
	b = binary.BigEndian.AppendUint64(b, uint64(r.at.Unix()))
	b = binary.BigEndian.AppendUint32(b, r.totals)
	part := int64(0)
	if !r.part.IsZero() {
		part = r.part.UnixMilli()
	}
	return append(binary.BigEndian.AppendUint64(b, uint64(part)), flag(r.last))
}

var errRecord = errors.New("a record of a stitched day cannot be read")

func decodeRecord(day int32, b []byte) (r record, err error) {
	if len(b) == wholeBytes && b[0] == wholeVersion {
		b = append(slices.Clone(b), make([]byte, recordBytes-wholeBytes)...)
	} else if len(b) != recordBytes || b[0] != recordVersion || b[recordBytes-1] > 1 {
		return r, errRecord
	}
	n := func(at int) uint64 { return binary.BigEndian.Uint64(b[1+8*at:]) }
	r = record{day: day, version: n(0), rows: n(1), main: n(2), late: n(3), timeout: time.Duration(binary.BigEndian.Uint32(b[33:])) * time.Second,
		layout: binary.BigEndian.Uint32(b[37:]), at: time.Unix(int64(binary.BigEndian.Uint64(b[41:])), 0), totals: binary.BigEndian.Uint32(b[49:]), last: b[recordBytes-1] == 1}
	if part := int64(binary.BigEndian.Uint64(b[wholeBytes:])); part != 0 {
		r.part = time.UnixMilli(part).UTC()
	}
	return r, nil
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func dayKey(t tenant.ID, day int32) []byte { return keyOf(keyDay, t, day) }

func seamKey(t tenant.ID, day int32) []byte { return keyOf(keySeam, t, day) }

func keyOf(kind string, t tenant.ID, day int32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(kind+string(t)), 0), uint32(day))
}

// decodeKey takes a key behind keyDay or keySeam apart.
func decodeKey(key []byte) (t tenant.ID, day int32, ok bool) {
	name, rest, found := bytes.Cut(key, []byte{0})
	if !found || len(rest) != 4 {
		return "", 0, false
	}
	return tenant.ID(name), int32(binary.BigEndian.Uint32(rest)), true
}

// load reads what is stored.
func (s *Stitcher) load() error {
	v, closer, err := s.deps.State.Get([]byte(keyVersion))
	if err == nil {
		if len(v) == 8 {
			s.limit = binary.BigEndian.Uint64(v)
		}
		err = closer.Close()
	}
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	s.next = max(1, s.limit)
	s.limit = s.next
	if err := s.each(keyDay, func(k *known, day int32, value []byte) error {
		r, err := decodeRecord(day, value)
		if err == nil {
			k.days = append(k.days, r) // keys are in order of the days
		}
		return err
	}); err != nil {
		return err
	}
	if err := s.each(keySeam, func(k *known, day int32, value []byte) error {
		m, err := decodeSeam(day, value)
		if err == nil {
			k.seams = append(k.seams, m)
		}
		return err
	}); err != nil {
		return err
	}
	for t := range s.tenants { // a weir that knows nothing of seams may have forgotten the days, or the tenant
		if err := s.unseam(context.Background(), t); err != nil {
			return err
		}
	}
	return nil
}

// each reads all records of a kind, with what is known of their tenants. Those that add cannot read are of a version of weir that is not this one: what they stand for is
// made of events, and again.
func (s *Stitcher) each(kind string, add func(k *known, day int32, value []byte) error) error {
	end := []byte(kind)
	end[len(end)-1]++
	it, err := s.deps.State.NewIter(&pebble.IterOptions{LowerBound: []byte(kind), UpperBound: end})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		t, day, ok := decodeKey(it.Key()[len(kind):])
		k := s.tenants[t]
		if k == nil {
			k = &known{}
		}
		if !ok || add(k, day, v) != nil {
			s.log.Warn("a record of a stitched day cannot be read and is left out", "key", fmt.Sprintf("%q", it.Key()))
			continue
		}
		s.tenants[t] = k
	}
	return it.Close()
}

// reserve is how many versions are reserved at once.
const reserve = 1000

// newVersion returns a version that was never used before, also not by a process that has crashed since.
func (s *Stitcher) newVersion() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next >= s.limit {
		limit := s.next + reserve
		if err := s.deps.State.Set([]byte(keyVersion), binary.BigEndian.AppendUint64(nil, limit), pebble.Sync); err != nil {
			return 0, fmt.Errorf("reserve versions of stitched days: %w", err)
		}
		s.limit = limit
	}
	s.next++
	return s.next - 1, nil
}

func (s *Stitcher) store(t tenant.ID, r record) error {
	if err := s.deps.State.Set(dayKey(t, r.day), r.encode(), pebble.Sync); err != nil {
		return fmt.Errorf("store a stitched day: %w", err)
	}
	return nil
}

// drop removes the records of days; nil: of all.
func (s *Stitcher) drop(t tenant.ID, days []int32) error {
	b := s.deps.State.NewBatch()
	if days == nil {
		for _, kind := range []string{keyDay, keySeam} {
			end := append([]byte(kind+string(t)), 1)
			if err := b.DeleteRange(append([]byte(kind+string(t)), 0), end, nil); err != nil {
				return fmt.Errorf("forget stitched days: %w", err)
			}
		}
	}
	for _, day := range days {
		if err := b.Delete(dayKey(t, day), nil); err != nil {
			return fmt.Errorf("forget stitched days: %w", err)
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("forget stitched days: %w", err)
	}
	return nil
}
