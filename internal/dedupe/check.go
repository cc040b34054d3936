package dedupe

import "fmt"

// chunk is how many lookups are done side by side, so that their cache misses overlap.
const chunk = 128

// scratch is the memory of Check, kept between calls.
type scratch struct {
	a      []uint64
	b      []uint64
	sec    []uint32
	minSec uint32

	anywhere []uint32            // entries that any bucket may hold
	inDay    map[uint16][]uint32 // entries that only one bucket can hold

	table  []uint32 // open addressing, index of the first entry with a key plus 1
	first  []uint32 // for a repeat inside the batch: index of the first entry with its key plus 1
	found  []uint32 // index in copies plus 1 of the latest stored copy
	copies []stored

	hits   []uint32
	pages  []uint32
	reader reader
}

// stored is a copy found in the set.
type stored struct{ payload, sec uint32 }

// Check fills verdicts, which must have the length of entries. A key that
// occurs several times in entries is New at most once per window: the first one
// wins. Nothing is changed. An error means that the set could not be read; the
// verdicts are then void.
//
// Check, Stage and Apply are for one goroutine at a time, the committer.
func (s *Set) Check(entries []Entry, verdicts []Verdict) error {
	if len(entries) != len(verdicts) {
		return fmt.Errorf("check %d entries: there is room for %d verdicts", len(entries), len(verdicts))
	}
	if len(entries) == 0 {
		return nil
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()

	c := &s.scratch
	c.load(s, entries)
	c.link()
	for _, g := range v.frozen {
		c.probeSegment(g)
	}
	c.probeSegment(s.head)
	if err := c.probeRuns(s, v); err != nil {
		s.metrics.readErrors.Inc()
		return fmt.Errorf("check %d keys: %w", len(entries), err)
	}
	c.judge(v, uint32(s.cfg.Window.Seconds()), entries, verdicts)
	s.metrics.count(verdicts)
	return nil
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

func (c *scratch) load(s *Set, entries []Entry) {
	n := len(entries)
	c.a, c.b, c.sec = resize(c.a, n), resize(c.b, n), resize(c.sec, n)
	c.first, c.found = resize(c.first, n), resize(c.found, n)
	clear(c.first)
	clear(c.found)
	c.copies, c.anywhere = c.copies[:0], c.anywhere[:0]
	if len(c.inDay) > 64 {
		c.inDay = nil
	}
	for day, list := range c.inDay {
		c.inDay[day] = list[:0]
	}
	if c.inDay == nil {
		c.inDay = map[uint16][]uint32{}
	}
	newest := s.newest.Load()
	c.minSec = ^uint32(0)
	lastDay, list := uint16(0), c.anywhere
	flush := func() {
		if lastDay == 0 {
			c.anywhere = list
		} else {
			c.inDay[lastDay] = list
		}
	}
	for i := range entries {
		e := &entries[i]
		c.a[i], c.b[i] = keyHalves(&e.Key)
		sec := seconds(e.Received)
		c.sec[i] = sec
		c.minSec = min(c.minSec, sec)
		if day := lookupDay(sec, e.IDTime, newest); day != lastDay {
			flush()
			lastDay, list = day, c.anywhere
			if day != 0 {
				list = c.inDay[day]
			}
		}
		list = append(list, uint32(i))
	}
	flush()
}

// link finds repeats inside the batch.
func (c *scratch) link() {
	size := 1024
	for size < 2*len(c.a) {
		size *= 2
	}
	c.table = resize(c.table, size)
	clear(c.table)
	table, mask := c.table, uint64(size-1)
	for i, a := range c.a {
		at := a & mask
		for {
			slot := table[at]
			if slot == 0 {
				table[at] = uint32(i + 1)
				break
			}
			if c.a[slot-1] == a && c.b[slot-1] == c.b[i] {
				c.first[i] = slot
				break
			}
			at = (at + 1) & mask
		}
	}
}

// note remembers a stored copy of entry i if it is the latest found so far.
func (c *scratch) note(i int, payload, sec uint32) {
	if at := c.found[i]; at != 0 {
		if p := &c.copies[at-1]; sec > p.sec {
			*p = stored{payload, sec}
		}
		return
	}
	c.copies = append(c.copies, stored{payload, sec})
	c.found[i] = uint32(len(c.copies))
}

func (c *scratch) probeSegment(g *segment) {
	if len(g.recs) == 0 {
		return
	}
	table, mask := g.table, uint64(len(g.table)-1)
	var slots [chunk]uint32
	for from := 0; from < len(c.a); from += chunk {
		part := c.a[from:min(from+chunk, len(c.a))]
		for i, a := range part {
			slots[i%chunk] = table[a&mask]
		}
		for i, a := range part {
			slot := slots[i%chunk]
			if slot == 0 {
				continue
			}
			tag := slotTag(a)
			for at := a & mask; slot != 0; slot = table[at] {
				if slot&^slotMask == tag {
					r := &g.recs[slot&slotMask-1]
					if r.a == a && r.b == c.b[from+i] {
						c.note(from+i, r.payload, r.sec)
					}
				}
				at = (at + 1) & mask
			}
		}
	}
}

// judge turns what was found into verdicts. Copies of one key are stored with
// rising times, each more than a window after the one before, so that only the
// latest copy matters.
func (c *scratch) judge(v *view, window uint32, entries []Entry, verdicts []Verdict) {
	var again map[uint32]uint32 // by index of a key's first entry: its latest New entry of this batch, if not the first
	for i := range entries {
		sec, payload := c.sec[i], entries[i].Payload
		if at := c.first[i]; at != 0 {
			first := at - 1
			last, ok := again[first]
			if !ok && verdicts[first] == New {
				last, ok = first, true
			}
			if ok {
				verdicts[i] = compare(sec, payload, c.sec[last], entries[last].Payload, window)
				if verdicts[i] == New {
					if again == nil {
						again = map[uint32]uint32{}
					}
					again[first] = uint32(i)
				}
				continue
			}
		}
		verdicts[i] = New
		if at := c.found[i]; at != 0 {
			if p := c.copies[at-1]; p.sec >= v.floorOf(uint32(c.b[i])) {
				verdicts[i] = compare(sec, payload, p.sec, p.payload, window)
			}
		}
		if at := c.first[i]; at != 0 && verdicts[i] == New {
			if again == nil {
				again = map[uint32]uint32{}
			}
			again[at-1] = uint32(i)
		}
	}
}

// compare judges an entry against the latest stored copy of its key.
func compare(sec, payload, storedSec, storedPayload, window uint32) Verdict {
	switch {
	case int64(sec)-int64(storedSec) > int64(window):
		return New
	case payload == storedPayload:
		return Duplicate
	}
	return Conflict
}
