package event

import (
	"encoding/binary"
	"slices"
)

// A span is a range of rows [from, to).
type span struct{ from, to int }

// A column may hold fewer rows than its batch: the rows that are missing at its
// end are empty. So a column that no row fills costs nothing at all. Every
// column type has pad, which adds empty rows until there are n of them.

// texts is a String column. Its buffer is the ClickHouse encoding itself, the
// values one after the other with their lengths in front, so that encoding is
// one copy; ends holds where each value ends, for access by row.
type texts struct {
	buf  []byte
	ends []uint32
}

func (c *texts) reset() { c.buf, c.ends = c.buf[:0], c.ends[:0] }

// empty says that no row holds a value: an empty value is one byte long.
func (c *texts) empty() bool { return len(c.buf) == len(c.ends) }

func (c *texts) pad(n int) {
	for len(c.ends) < n {
		c.buf = append(c.buf, 0)
		c.ends = append(c.ends, uint32(len(c.buf)))
	}
}

func (c *texts) append(v []byte) {
	if len(v) < 0x80 {
		c.buf = append(c.buf, byte(len(v)))
	} else {
		c.buf = binary.AppendUvarint(c.buf, uint64(len(v)))
	}
	c.buf = append(c.buf, v...)
	c.ends = append(c.ends, uint32(len(c.buf)))
}

func (c *texts) start(row int) uint32 {
	if row == 0 {
		return 0
	}
	return c.ends[row-1]
}

func (c *texts) value(row int) []byte {
	if row >= len(c.ends) {
		return nil
	}
	v := c.buf[c.start(row):c.ends[row]]
	i := 0
	for v[i] >= 0x80 {
		i++
	}
	return v[i+1:]
}

// appendSpan copies the values [from, to), of which there is at least one.
func (c *texts) appendSpan(src *texts, from, to int) {
	start := src.start(from)
	base := uint32(len(c.buf)) - start
	c.buf = append(c.buf, src.buf[start:src.ends[to-1]]...)
	if to-from == 1 {
		c.ends = append(c.ends, uint32(len(c.buf)))
		return
	}
	c.ends = appendShifted(c.ends, src.ends[from:to], base)
}

func (c *texts) appendSpans(src *texts, spans []span, row int) {
	if src.empty() {
		return
	}
	n := len(src.ends)
	for _, s := range spans {
		if to := min(s.to, n); s.from < to {
			if len(c.ends) < row {
				c.pad(row)
			}
			c.appendSpan(src, s.from, to)
		}
		row += s.to - s.from
	}
}

// appendShifted appends every element of src plus shift (modulo 1<<32).
func appendShifted(dst, src []uint32, shift uint32) []uint32 {
	n := len(dst)
	dst = slices.Grow(dst, len(src))[:n+len(src)]
	out := dst[n:]
	out = out[:len(src)]
	for i, v := range src {
		out[i] = v + shift
	}
	return dst
}

// numbers is a column of a fixed width.
type numbers[T int64 | uint8 | uint16 | uint32 | uint64] struct{ v []T }

func (c *numbers[T]) reset() { c.v = c.v[:0] }

func (c *numbers[T]) empty() bool {
	for _, v := range c.v {
		if v != 0 {
			return false
		}
	}
	return true
}

func (c *numbers[T]) pad(n int) {
	if add := n - len(c.v); add > 0 {
		c.v = slices.Grow(c.v, add)[:n]
		clear(c.v[n-add:])
	}
}

func (c *numbers[T]) set(row int, v T) {
	if v != 0 {
		c.pad(row)
		c.v = append(c.v, v)
	}
}

func (c *numbers[T]) value(row int) T {
	if row >= len(c.v) {
		return 0
	}
	return c.v[row]
}

// appendSpans copies total rows of src behind the first row rows of c.
func (c *numbers[T]) appendSpans(src *numbers[T], spans []span, row, total int) {
	n := len(src.v)
	if n == 0 {
		return
	}
	c.pad(row)
	c.v = slices.Grow(c.v, total)[:row+total]
	out := c.v[row:]
	for _, s := range spans {
		if s.to-s.from == 1 && s.from < n {
			out[0], out = src.v[s.from], out[1:]
			continue
		}
		copied := copy(out, src.v[min(s.from, n):min(s.to, n)])
		clear(out[copied : s.to-s.from])
		out = out[s.to-s.from:]
	}
}

// A pairs column is a map: the keys and values of all rows one after the other.
type pairs struct {
	ends   []uint32 // by row, where its pairs end
	keys   lowCard
	values texts     // of a KindProps column
	nums   []float64 // of a KindNums column
}

func (c *pairs) reset() {
	c.ends, c.nums = c.ends[:0], c.nums[:0]
	c.keys.reset()
	c.values.reset()
}

func (c *pairs) empty() bool { return len(c.keys.keys) == 0 }

func (c *pairs) pad(n int) {
	for end := uint32(len(c.keys.keys)); len(c.ends) < n; {
		c.ends = append(c.ends, end)
	}
}

// bounds are the pairs of one row.
func (c *pairs) bounds(row int) (from, to int) {
	if row >= len(c.ends) {
		return 0, 0
	}
	if row > 0 {
		from = int(c.ends[row-1])
	}
	return from, int(c.ends[row])
}

func (c *pairs) setProps(row int, props []Prop) {
	if len(props) == 0 {
		return
	}
	c.pad(row)
	for i := range props {
		c.keys.append(props[i].Key)
		c.values.append(props[i].Value)
	}
	c.ends = append(c.ends, uint32(len(c.keys.keys)))
}

func (c *pairs) setNums(row int, nums []Num) {
	if len(nums) == 0 {
		return
	}
	c.pad(row)
	for i := range nums {
		c.keys.append(nums[i].Key)
		c.nums = append(c.nums, nums[i].Value)
	}
	c.ends = append(c.ends, uint32(len(c.keys.keys)))
}

func (c *pairs) appendSpans(src *pairs, spans []span, row, total int, m *remap) {
	if src.empty() {
		return
	}
	// How many pairs the rows have is not known yet; the number of rows is good enough.
	m.start(&c.keys, &src.keys, total, total >= len(src.ends))
	n := len(src.ends)
	for _, s := range spans {
		if to := min(s.to, n); s.from < to {
			c.pad(row)
			first := 0
			if s.from > 0 {
				first = int(src.ends[s.from-1])
			}
			last := int(src.ends[to-1])
			c.ends = appendShifted(c.ends, src.ends[s.from:to], uint32(len(c.keys.keys)-first))
			if first < last {
				m.appendKeys(src.keys.keys[first:last])
				if len(src.nums) > 0 {
					c.nums = append(c.nums, src.nums[first:last]...)
				} else {
					c.values.appendSpan(&src.values, first, last)
				}
			}
		}
		row += s.to - s.from
	}
}
