package dedupe

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// The manifest is a few keys of the state store, all below Config.Prefix:
//
//	b<commit 8><part 2>  a blob: keys of a commit that are in no run file yet
//	f                    the floor, 4 bytes
//	l                    the highest commit whose keys are in run files, 8 bytes
//	q<tenant 4>          the tenant's floor, 4 bytes
//	r<file 8>            a run file, its runMeta
//	v                    version 1 and a check value of the secret, 9 bytes
const (
	blobKeyTail = 1 + 8 + 2
	runMetaSize = 40
)

func (s *Set) key(kind byte, tail ...byte) []byte {
	k := append(make([]byte, 0, len(s.cfg.Prefix)+1+len(tail)), s.cfg.Prefix...)
	return append(append(k, kind), tail...)
}

func (s *Set) putBlobKey(p []byte, commit uint64, part uint16) {
	n := copy(p, s.cfg.Prefix)
	p[n] = 'b'
	binary.BigEndian.PutUint64(p[n+1:], commit)
	binary.BigEndian.PutUint16(p[n+9:], part)
}

func (s *Set) runKey(file uint64) []byte {
	return s.key('r', binary.BigEndian.AppendUint64(nil, file)...)
}

// runMeta is what the manifest says of a run file.
type runMeta struct {
	file   uint64
	day    uint16
	count  uint64
	size   int64 // of the file, bytes
	minSec uint32
	maxSec uint32
	sum    uint32 // checksum of the file's footer, which holds the checksums of the rest
}

func (m runMeta) encode() []byte {
	p := make([]byte, runMetaSize)
	binary.LittleEndian.PutUint16(p, 1)
	binary.LittleEndian.PutUint16(p[2:], m.day)
	binary.LittleEndian.PutUint32(p[4:], m.sum)
	binary.LittleEndian.PutUint64(p[8:], m.count)
	binary.LittleEndian.PutUint64(p[16:], uint64(m.size))
	binary.LittleEndian.PutUint32(p[24:], m.minSec)
	binary.LittleEndian.PutUint32(p[28:], m.maxSec)
	binary.LittleEndian.PutUint64(p[32:], m.file)
	return p
}

func decodeRunMeta(p []byte) (runMeta, error) {
	if len(p) != runMetaSize || binary.LittleEndian.Uint16(p) != 1 {
		return runMeta{}, fmt.Errorf("entry of %d bytes is of an unknown version", len(p))
	}
	return runMeta{
		day:    binary.LittleEndian.Uint16(p[2:]),
		sum:    binary.LittleEndian.Uint32(p[4:]),
		count:  binary.LittleEndian.Uint64(p[8:]),
		size:   int64(binary.LittleEndian.Uint64(p[16:])),
		minSec: binary.LittleEndian.Uint32(p[24:]),
		maxSec: binary.LittleEndian.Uint32(p[28:]),
		file:   binary.LittleEndian.Uint64(p[32:]),
	}, nil
}

// scan calls f for each key of a kind with what follows the kind.
func (s *Set) scan(kind byte, f func(tail, value []byte) error) (err error) {
	it, err := s.cfg.DB.NewIter(&pebble.IterOptions{LowerBound: s.key(kind), UpperBound: s.key(kind + 1)})
	if err != nil {
		return fmt.Errorf("read keys %q of the state store: %w", kind, err)
	}
	defer func() {
		if cerr := it.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("read keys %q of the state store: %w", kind, cerr)
		}
	}()
	skip := len(s.cfg.Prefix) + 1
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read keys %q of the state store: %w", kind, err)
		}
		if err := f(it.Key()[skip:], value); err != nil {
			return err
		}
	}
	return it.Error()
}

// loadManifest reads floors and the last frozen commit, and returns the run files.
func (s *Set) loadManifest(v *view) ([]runMeta, error) {
	damaged := func(kind byte, tail []byte, detail string) error {
		return &CorruptError{What: fmt.Sprintf("key %q of the state store", s.key(kind, tail...)), Detail: detail}
	}
	one := func(kind byte, size int, set func([]byte)) error {
		return s.scan(kind, func(tail, value []byte) error {
			if len(tail) != 0 || len(value) != size {
				return damaged(kind, tail, fmt.Sprintf("it has %d bytes, not %d", len(value), size))
			}
			set(value)
			return nil
		})
	}
	if err := one('f', 4, func(p []byte) { v.floor = binary.LittleEndian.Uint32(p) }); err != nil {
		return nil, err
	}
	if err := one('l', 8, func(p []byte) { s.applied = binary.LittleEndian.Uint64(p) }); err != nil {
		return nil, err
	}
	err := s.scan('q', func(tail, value []byte) error {
		if len(tail) != 4 || len(value) != 4 {
			return damaged('q', tail, "it is not a tenant's floor")
		}
		v.floors[binary.BigEndian.Uint32(tail)] = binary.LittleEndian.Uint32(value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var metas []runMeta
	err = s.scan('r', func(tail, value []byte) error {
		m, err := decodeRunMeta(value)
		if err != nil {
			return damaged('r', tail, err.Error())
		}
		if len(tail) != 8 || binary.BigEndian.Uint64(tail) != m.file {
			return damaged('r', tail, "it names another file")
		}
		metas = append(metas, m)
		return nil
	})
	return metas, err
}

// loadHead rebuilds the head from the blobs of commits that are in no run file.
func (s *Set) loadHead() error {
	var recs []rec
	var days []uint16
	written := s.applied
	return s.scan('b', func(tail, value []byte) (err error) {
		what := fmt.Sprintf("key %q of the state store", s.key('b', tail...))
		if len(tail) != blobKeyTail-1 {
			return &CorruptError{What: what, Detail: "it is not a commit's"}
		}
		commit := binary.BigEndian.Uint64(tail)
		if commit <= written {
			return &CorruptError{What: what, Detail: fmt.Sprintf("commits up to %d are in run files", written)}
		}
		recs, days, err = decodeBlob(value, recs[:0], days[:0])
		if err != nil {
			return &CorruptError{What: what, Detail: err.Error()}
		}
		if s.head.len()+len(recs) > s.cfg.FreezeKeys && s.head.last != commit {
			s.freezeHead()
		}
		s.head.add(recs, days, commit)
		s.applied = commit
		s.newest.Store(max(s.newest.Load(), s.head.maxSec))
		return nil
	})
}

// checkSecret refuses a secret other than the one that the stored keys were hashed with.
func (s *Set) checkSecret() error {
	want := append([]byte{1}, 0, 0, 0, 0, 0, 0, 0, 0)
	k := makeKey(s.k0, s.k1, 0, false, []byte("weir dedupe secret"), nil)
	copy(want[1:], k[4:12])
	found := false
	err := s.scan('v', func(_, value []byte) error {
		found = true
		if len(value) != len(want) || value[0] != want[0] {
			return fmt.Errorf("the state store holds dedupe keys of an unknown version: open it with the release that wrote it")
		}
		if string(value) != string(want) {
			return fmt.Errorf("dedupe.secret is not the one that the state store's keys were hashed with: set the old one again")
		}
		return nil
	})
	if err != nil || found {
		return err
	}
	return s.cfg.DB.Set(s.key('v'), want, pebble.Sync)
}
