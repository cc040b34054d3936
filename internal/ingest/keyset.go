package ingest

import "bytes"

// origin ranks the places that a property can come from: of two properties with one
// name from different places, the one of the higher place stays.
type origin uint8

const (
	fromEnvelope origin = iota // attributes of a CloudEvent
	fromTop                    // unknown top-level fields
	fromProps                  // inside props
)

// place says where a name's value lies in the row.
type place uint8

const (
	inNone  place = iota // a nested object: it has a name but no value of its own
	inProps              // Row.Props
	inNums               // Row.Nums
	inBoth               // Row.Nums, and its exact text in Row.Props
)

type keyEntry struct {
	hash   uint64
	key    []byte
	origin origin
	place  place
	prop   int32 // index in Row.Props
	num    int32 // index in Row.Nums
	null   bool  // its value is JSON's null
	gone   bool  // another one counts, or none
	again  bool  // a later one of the same origin took its place: it is not found any more
}

// keySet is the set of flattened property names of one event. Few names are searched one by one, many by a table.
type keySet struct {
	entries []keyEntry
	table   []uint64 // epoch<<32 | index+1; a power of two long
	epoch   uint32
	tabled  bool
}

const keysSearched = 12

func (k *keySet) reset() {
	k.entries = k.entries[:0]
	k.tabled = false
}

// find looks for the entries with the key: same is the one of the given origin, other the living one of another
// origin; -1 means none.
func (k *keySet) find(hash uint64, key []byte, from origin) (same, other int) {
	same, other = -1, -1
	look := func(i int) {
		if e := &k.entries[i]; e.hash == hash && !e.again && bytes.Equal(e.key, key) {
			if e.origin == from {
				same = i
			} else if !e.gone {
				other = i
			}
		}
	}
	if !k.tabled {
		for i := range k.entries {
			if k.entries[i].hash == hash {
				look(i)
			}
		}
		return same, other
	}
	mask := uint64(len(k.table) - 1)
	for at := hash & mask; k.table[at] != 0 && uint32(k.table[at]>>32) == k.epoch; at = (at + 1) & mask {
		look(int(uint32(k.table[at]) - 1))
	}
	return same, other
}

func (k *keySet) add(e keyEntry) {
	k.entries = append(k.entries, e)
	n := len(k.entries)
	switch {
	case k.tabled && 2*n <= len(k.table):
		k.insert(n - 1)
	case n > keysSearched:
		k.build()
	}
}

// replace adds an entry with the name and origin of another, which is not found any more: many of one name do not make a search long.
func (k *keySet) replace(old int, e keyEntry) {
	k.entries[old].again = true
	if !k.tabled {
		k.add(e)
		return
	}
	k.entries = append(k.entries, e)
	mask := uint64(len(k.table) - 1)
	at := e.hash & mask
	for uint32(k.table[at]) != uint32(old+1) || uint32(k.table[at]>>32) != k.epoch {
		at = (at + 1) & mask
	}
	k.table[at] = uint64(k.epoch)<<32 | uint64(len(k.entries))
}

// build makes a table twice as large as needed for all entries and some more.
func (k *keySet) build() {
	size := 64
	for size < 4*len(k.entries) {
		size *= 2
	}
	if size > len(k.table) {
		k.table = make([]uint64, size)
		k.epoch = 0
	}
	k.epoch++
	if k.epoch == 0 { // wrapped round: old marks would look new
		clear(k.table)
		k.epoch = 1
	}
	k.tabled = true
	for i := range k.entries {
		if !k.entries[i].again {
			k.insert(i)
		}
	}
}

func (k *keySet) insert(i int) {
	mask := uint64(len(k.table) - 1)
	at := k.entries[i].hash & mask
	for uint32(k.table[at]>>32) == k.epoch && k.table[at] != 0 {
		at = (at + 1) & mask
	}
	k.table[at] = uint64(k.epoch)<<32 | uint64(i+1)
}
