package event

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// hashSeed is one for the process, so that a batch can take over the hashes of
// another; it is random, so that nobody can send values that collide.
var hashSeed = maphash.MakeSeed()

func hashOf(v []byte) uint32 { return uint32(maphash.Bytes(hashSeed, v)) }

// minSlots is the size of the smallest hash table, a power of two.
const minSlots = 32

// place is where a value lies in the buffer of a dictionary.
type place struct{ start, size uint32 }

// lowCard is a LowCardinality(String) column: a dictionary, and by row a key
// into it. Value 0 is the empty string. The dictionary grows as far as it must;
// there is no limit at which another form takes over.
type lowCard struct {
	keys []uint32

	buf    []byte   // the values of the dictionary in ClickHouse's String encoding
	places []place  // by key; empty until the first value is added
	hashes []uint32 // by key
	// slots is an open-addressing hash table: hash in the upper half, key in the
	// lower half, 0 is free (key 0 is never in the table).
	slots []uint64
	last  uint32 // the key found last

	list [][]byte // what entries returned last
}

func (c *lowCard) reset() {
	c.keys = c.keys[:0]
	if len(c.places) > 0 {
		clear(c.slots)
		c.slots = c.slots[:min(len(c.slots), minSlots)]
	}
	c.buf, c.places, c.hashes, c.last = c.buf[:0], c.places[:0], c.hashes[:0], 0
}

// empty says that no row holds a value.
func (c *lowCard) empty() bool { return len(c.places) <= 1 }

// init adds the empty string as value 0 and makes a table.
func (c *lowCard) init() {
	c.buf = append(c.buf, 0)
	c.places = append(c.places, place{1, 0})
	c.hashes = append(c.hashes, 0)
	if len(c.slots) == 0 {
		c.slots = make([]uint64, minSlots)
	}
}

func (c *lowCard) pad(n int) {
	if add := n - len(c.keys); add > 0 {
		c.keys = slices.Grow(c.keys, add)[:n]
		clear(c.keys[n-add:])
	}
}

func (c *lowCard) append(v []byte) { c.keys = append(c.keys, c.intern(v)) }

// set appends v as the value of a row; rows between are empty.
func (c *lowCard) set(row int, v []byte) {
	if len(v) != 0 {
		c.pad(row)
		c.keys = append(c.keys, c.intern(v))
	}
}

// entry is a value of the dictionary.
func (c *lowCard) entry(key uint32) []byte {
	p := c.places[key]
	return c.buf[p.start : p.start+p.size]
}

// entries are the values by key, valid until the dictionary changes.
func (c *lowCard) entries() [][]byte {
	c.list = c.list[:0]
	for key := range c.places {
		c.list = append(c.list, c.entry(uint32(key)))
	}
	return c.list
}

func (c *lowCard) value(row int) []byte {
	if row >= len(c.keys) || c.keys[row] == 0 {
		return nil
	}
	return c.entry(c.keys[row])
}

// intern returns the key of v and adds it to the dictionary if it is new.
func (c *lowCard) intern(v []byte) uint32 {
	if len(c.places) == 0 {
		c.init()
	}
	if bytes.Equal(c.entry(c.last), v) {
		return c.last
	}
	if len(v) == 0 {
		return 0
	}
	c.last = c.internHashed(v, hashOf(v))
	return c.last
}

// internHashed is intern for a value that is not empty and whose hash is known.
func (c *lowCard) internHashed(v []byte, hash uint32) uint32 {
	mask := uint32(len(c.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := c.slots[i]
		if s == 0 {
			return c.insert(v, hash, i)
		}
		if uint32(s>>32) == hash && bytes.Equal(c.entry(uint32(s)), v) {
			return uint32(s)
		}
	}
}

func (c *lowCard) insert(v []byte, hash, slot uint32) uint32 {
	key := uint32(len(c.places))
	c.slots[slot] = uint64(hash)<<32 | uint64(key)
	c.buf = binary.AppendUvarint(c.buf, uint64(len(v)))
	c.places = append(c.places, place{uint32(len(c.buf)), uint32(len(v))})
	c.buf = append(c.buf, v...)
	c.hashes = append(c.hashes, hash)
	if 2*len(c.places) > len(c.slots) {
		c.rehash(2 * len(c.slots))
	}
	return key
}

// rehash gives the table n slots, a power of two.
func (c *lowCard) rehash(n int) {
	if cap(c.slots) >= n {
		c.slots = c.slots[:n]
		clear(c.slots)
	} else {
		c.slots = make([]uint64, n)
	}
	mask := uint32(n - 1)
	for key := 1; key < len(c.hashes); key++ {
		i := c.hashes[key] & mask
		for c.slots[i] != 0 {
			i = (i + 1) & mask
		}
		c.slots[i] = uint64(c.hashes[key])<<32 | uint64(key)
	}
}

// copyDict makes the dictionary of c, which is empty, that of src.
func (c *lowCard) copyDict(src *lowCard) {
	c.buf = append(c.buf[:0], src.buf...)
	c.places = append(c.places[:0], src.places...)
	c.hashes = append(c.hashes[:0], src.hashes...)
	c.slots = append(c.slots[:0], src.slots...)
	c.last = 0
}

// appendSpans copies total rows of src behind the first row rows of c.
func (c *lowCard) appendSpans(src *lowCard, spans []span, row, total int, m *remap) {
	if src.empty() {
		return
	}
	n := len(src.keys)
	m.start(c, src, total, total >= n)
	c.pad(row)
	c.keys = slices.Grow(c.keys, total)[:row+total]
	out := c.keys[row:]
	for _, s := range spans {
		if s.to-s.from == 1 && s.from < n { // shorter for single rows
			k := src.keys[s.from]
			if int(k) < len(m.table) && m.table[k] != unmapped {
				out[0], out = m.table[k], out[1:]
				continue
			}
		}
		from, to := min(s.from, n), min(s.to, n)
		m.translate(out, src.keys[from:to])
		clear(out[to-from : s.to-s.from])
		out = out[s.to-s.from:]
	}
}

// unmapped marks a key of the source that was not needed yet.
const unmapped = ^uint32(0)

// remap carries keys of one dictionary over to another. Its memory is reused.
type remap struct {
	dst, src *lowCard
	table    []uint32 // by key of src, the key of dst
	identity bool     // both dictionaries give the same keys
	lazy     bool     // table is filled as keys are met, so that dst gets only what it uses
}

// start prepares m to copy n rows, or pairs, of src. Whole says that these are
// all there are, so that every value of the dictionary is needed.
func (m *remap) start(dst, src *lowCard, n int, whole bool) {
	m.dst, m.src, m.identity, m.lazy, m.table = dst, src, false, false, m.table[:0]
	if len(dst.places) <= 1 && whole {
		dst.copyDict(src)
		m.identity = true
		return
	}
	if len(dst.places) == 0 {
		dst.init()
	}
	if !whole && 8*n < len(src.places) {
		return // a table would cost more than it saves
	}
	m.table = slices.Grow(m.table, len(src.places))[:len(src.places)]
	m.table[0] = 0
	if !whole {
		m.lazy = true
		for i := 1; i < len(m.table); i++ {
			m.table[i] = unmapped
		}
		return
	}
	m.identity = true
	for i := 1; i < len(m.table); i++ {
		key := m.add(uint32(i))
		m.table[i] = key
		m.identity = m.identity && key == uint32(i)
	}
}

// add interns the value that src calls key into dst.
func (m *remap) add(key uint32) uint32 {
	if key == 0 {
		return 0
	}
	return m.dst.internHashed(m.src.entry(key), m.src.hashes[key])
}

// translate sets out, which is at least as long as keys, to what keys are in dst.
func (m *remap) translate(out, keys []uint32) {
	out = out[:len(keys)]
	switch {
	case m.identity:
		copy(out, keys)
	case m.lazy:
		for i, k := range keys {
			key := m.table[k]
			if key == unmapped {
				key = m.add(k)
				m.table[k] = key
			}
			out[i] = key
		}
	case len(m.table) == 0:
		for i, k := range keys {
			out[i] = m.add(k)
		}
	default:
		for i, k := range keys {
			out[i] = m.table[k]
		}
	}
}

// appendKeys appends keys of src to dst.
func (m *remap) appendKeys(keys []uint32) {
	n := len(m.dst.keys)
	m.dst.keys = slices.Grow(m.dst.keys, len(keys))[:n+len(keys)]
	m.translate(m.dst.keys[n:], keys)
}
