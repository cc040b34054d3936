package stream

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// The state store is one Pebble database. Keys:
//
//	o <partition 2>                 next offset to process, 8 bytes
//	i <writer 2>                    the pending intent of a writer
//	s <writer 2>                    last committed _seq, 8 bytes
//	n <writer 2><seq 8>             rows of that insert, until every rollup has passed it
//	p <rollup> 0 <writer 2>         position of a rollup, 8 bytes
//	P <rollup> 0 <writer 2>         pending step of a rollup: from 8, to 8
//	l <day 4><seq 8><part 4>        rows waiting in the late stream
//	a <hour 4><tenant>              accounting of a tenant's hour
//	A <hour 4><tenant> 0 <site>     the part of it that is of one site
//	R <hour 4><tenant> 0 <site>     its rejected events by code; without a site those of which none is known
//	E <tenant> 0 <site> 0 <code>    the last rejected event with that code, redacted
//	F <tenant> 0 <site>             arrival of the site's first and last event; F alone: since when sites are told apart
//	q <tenant> 0 <id 16>            quarantine
//	g                               generation of data versions: number of starts, 8 bytes
//	t…                              what is known of tenants: package profile
//	x <tenant>                      this tenant's accounting was erased and shall not begin again
//	costs/…                         what queries cost, by tenant and shape: package qos
//	dedupe/…                        keys of package dedupe
//	jobs/…                          records of package jobs
//	visits/…                        stitched days of package session/stitch
//	z…                              the id of the store, kept by package app
//
// All integers are big endian, so that keys sort by number.
const (
	keyOffset     = 'o'
	keyIntent     = 'i'
	keySeq        = 's'
	keySeqRows    = 'n'
	keyPosition   = 'p'
	keyStep       = 'P'
	keyLate       = 'l'
	keyAccount    = 'a'
	keySites      = 'A'
	keyCodes      = 'R'
	keyExample    = 'E'
	keySeen       = 'F'
	keyQuarantine = 'q'
	keyGone       = 'x'
	keyGeneration = 'g'
)

func key16(prefix byte, n uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{prefix}, n)
}

func keySeqRowsOf(writer uint16, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(key16(keySeqRows, writer), seq)
}

func keyRollup(prefix byte, rollup string, writer uint16) []byte {
	k := append([]byte{prefix}, rollup...)
	return binary.BigEndian.AppendUint16(append(k, 0), writer)
}

func uint64Value(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// readUint64 returns the value of key, or 0 when it is absent.
func readUint64(db *pebble.DB, key []byte) (uint64, error) {
	v, err := readValue(db, key)
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("state key %q holds %d bytes, want 8", key, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// readValue returns a copy of the value of key, or nil when it is absent.
func readValue(db *pebble.DB, key []byte) ([]byte, error) {
	v, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state key %q: %w", key, err)
	}
	out := append([]byte{}, v...)
	return out, closer.Close()
}

// errStop ends a scan early.
var errStop = errors.New("stop")

// scan calls fn with each key and value under prefix, in order. They are valid for the call only.
func scan(db *pebble.DB, prefix []byte, fn func(key, value []byte) error) error {
	return scanFrom(db, prefix, nil, fn)
}

// scanFrom is scan beginning behind the key after.
func scanFrom(db *pebble.DB, prefix, after []byte, fn func(key, value []byte) error) error {
	lower := prefix
	if len(after) > 0 {
		lower = append(append([]byte{}, after...), 0)
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return fmt.Errorf("scan state: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err == nil {
			err = fn(it.Key(), v)
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}

func prefixEnd(prefix []byte) []byte {
	end := append([]byte{}, prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
