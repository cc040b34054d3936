package dedupe

import (
	"encoding/binary"
	"math/bits"
)

// filter is a blocked Bloom filter: each key has one block of 64 bytes (a cache
// line) and one bit in each of its eight words. With 16 bits a key one lookup in
// about a thousand is a false hit. Blocks are in the order of the keys, so that
// building it from sorted keys touches memory in order.
type filter []byte

const (
	filterBlock   = 64
	filterKeyBits = 16
)

func newFilter(keys int64) filter {
	return make(filter, filterBlock*max(1, (keys*filterKeyBits+8*filterBlock-1)/(8*filterBlock)))
}

// filterBits gives 6 bits for each of the eight words, from parts of the hash
// that do not choose the block.
func filterBits(a, b uint64) uint64 { return b>>32 | a<<32 }

func (f filter) add(a, b uint64) {
	block, _ := bits.Mul64(a, uint64(len(f)/filterBlock))
	p := f[block*filterBlock:][:filterBlock]
	g := filterBits(a, b)
	for w := 0; w < filterBlock; w += 8 {
		binary.LittleEndian.PutUint64(p[w:], binary.LittleEndian.Uint64(p[w:])|1<<(g&63))
		g >>= 6
	}
}

// match appends to hits the entries of list (indexes into a and b) that may be in
// the filter. It works in chunks, all first words before the others, so that
// cache misses overlap.
func (f filter) match(a, b []uint64, list, hits []uint32) []uint32 {
	blocks := uint64(len(f) / filterBlock)
	var left [chunk]struct {
		at    uint64
		entry uint32
	}
	for len(list) > 0 {
		part := list[:min(chunk, len(list))]
		list = list[len(part):]
		n := 0
		for _, e := range part {
			block, _ := bits.Mul64(a[e], blocks)
			at := block * filterBlock
			word := binary.LittleEndian.Uint64(f[at:])
			left[n%chunk].at, left[n%chunk].entry = at, e
			n += int(word >> (b[e] >> 32 & 63) & 1)
		}
		for _, l := range left[:n] {
			p := f[l.at:][:filterBlock]
			g := filterBits(a[l.entry], b[l.entry])
			in := binary.LittleEndian.Uint64(p[8:]) >> (g >> 6 & 63)
			in &= binary.LittleEndian.Uint64(p[16:]) >> (g >> 12 & 63)
			in &= binary.LittleEndian.Uint64(p[24:]) >> (g >> 18 & 63)
			in &= binary.LittleEndian.Uint64(p[32:]) >> (g >> 24 & 63)
			in &= binary.LittleEndian.Uint64(p[40:]) >> (g >> 30 & 63)
			in &= binary.LittleEndian.Uint64(p[48:]) >> (g >> 36 & 63)
			in &= binary.LittleEndian.Uint64(p[56:]) >> (g >> 42 & 63)
			if in&1 != 0 {
				hits = append(hits, l.entry)
			}
		}
	}
	return hits
}
