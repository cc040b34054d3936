package event

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/klauspost/compress/s2"
)

// DecodeRecord decodes a record and appends its rows to b. It reads every
// format and schema version ever written; columns that the record lacks are
// filled with zero values, columns that this version does not know are skipped.
// It never panics and allocates no more than a small multiple of MaxRecordRaw.
// Text is not checked to be UTF-8. After an error b has the rows that it had before.
func (b *Batch) DecodeRecord(rec []byte) error {
	if len(rec) == 0 {
		return corruptf("it is empty")
	}
	switch rec[0] {
	case recordMark | 1:
		return b.decodeV1(rec)
	}
	return corruptf("its first byte 0x%02X is not that of a known format version", rec[0])
}

func (b *Batch) decodeV1(rec []byte) error {
	if len(rec) < 5 {
		return corruptf("%d bytes are less than a header", len(rec))
	}
	if got, want := crc32.Checksum(rec[5:], castagnoli), binary.LittleEndian.Uint32(rec[1:]); got != want {
		return corruptf("checksum %08X, the record says %08X", got, want)
	}
	in := input{rec[5:]}
	if _, ok := in.uvarint(); !ok {
		return corruptf("schema version is cut off")
	}
	rows, ok := in.uvarint()
	if !ok || rows > MaxRecordRows {
		return corruptf("number of rows %d, the limit is %d", rows, MaxRecordRows)
	}
	size, ok := in.uvarint()
	if !ok || size > MaxRecordRaw {
		return corruptf("body of %d bytes, the limit is %d", size, MaxRecordRaw)
	}
	if n, err := s2.DecodedLen(in.data); err != nil || uint64(n) != size {
		return corruptf("the compressed body is not of %d bytes", size)
	}
	p := scratch.Get().(*[]byte)
	buf := slices.Grow((*p)[:0], int(size))
	body, err := s2.Decode(buf[:cap(buf)], in.data)
	if err != nil {
		putScratch(p, buf)
		return corruptf("decompress: %v", err)
	}
	err = b.decodeBody(input{body}, int(rows))
	putScratch(p, body)
	if err != nil {
		b.truncate()
		return err
	}
	b.rows += int(rows)
	return nil
}

func (b *Batch) decodeBody(in input, rows int) error {
	var seen [maxNumber + 1]bool
	for len(in.data) > 0 {
		n, ok := in.uvarint()
		wire, ok2 := in.take(1)
		if !ok || !ok2 || n > math.MaxUint16 {
			return corruptf("a column header is cut off or not valid")
		}
		number, kind := uint16(n), Kind(wire[0])
		size, ok := in.uvarint()
		if !ok || size > uint64(len(in.data)) {
			return corruptf("column %d: %d bytes, %d are left", number, size, len(in.data))
		}
		data, _ := in.take(int(size))
		s := slotOf(number)
		if s.kind == 0 {
			continue
		}
		asText := s.kind == KindLowCard && kind == KindString
		if s.kind != kind && !asText {
			return corruptf("column %d: kind %d, it is of kind %d", number, kind, s.kind)
		}
		if seen[number] {
			return corruptf("column %d occurs twice", number)
		}
		seen[number] = true
		if rows == 0 && size == 0 {
			continue
		}
		rest, ok := b.decodeColumn(s, kind, input{data}, rows)
		if !ok {
			return corruptf("column %d: invalid data", number)
		}
		if len(rest.data) != 0 {
			return corruptf("column %d: %d bytes too many", number, len(rest.data))
		}
	}
	return nil
}

// decodeColumn appends rows values to a column and returns what is left of in.
// If it returns false, the column may hold any number of values more than before.
func (b *Batch) decodeColumn(s slot, kind Kind, in input, rows int) (rest input, ok bool) {
	switch s.kind {
	case KindLowCard:
		c := &b.lcs[s.index]
		c.pad(b.rows)
		if kind == KindString {
			return c.decodeText(in, rows)
		}
		return c.decode(in, rows, &b.remap)
	case KindString:
		c := &b.strs[s.index]
		c.pad(b.rows)
		return c.decode(in, rows)
	case KindTime:
		c := &b.times[s.index]
		c.pad(b.rows)
		return c.decode(in, rows, 8)
	case KindUInt8:
		c := &b.u8s[s.index]
		c.pad(b.rows)
		return c.decode(in, rows, 1)
	case KindUInt16:
		c := &b.u16s[s.index]
		c.pad(b.rows)
		return c.decode(in, rows, 2)
	case KindUInt32:
		c := &b.u32s[s.index]
		c.pad(b.rows)
		return c.decode(in, rows, 4)
	case KindProps, KindNums:
		c := b.pairsOf(s.kind)
		c.pad(b.rows)
		return c.decode(in, rows, s.kind, &b.remap)
	}
	return in, false
}

// truncate cuts every column to the rows of the batch.
func (b *Batch) truncate() {
	for i := range b.lcs {
		b.lcs[i].keys = cut(b.lcs[i].keys, b.rows)
	}
	for i := range b.strs {
		b.strs[i].truncate(b.rows)
	}
	for i := range b.times {
		b.times[i].v = cut(b.times[i].v, b.rows)
	}
	for i := range b.u8s {
		b.u8s[i].v = cut(b.u8s[i].v, b.rows)
	}
	for i := range b.u16s {
		b.u16s[i].v = cut(b.u16s[i].v, b.rows)
	}
	for i := range b.u32s {
		b.u32s[i].v = cut(b.u32s[i].v, b.rows)
	}
	b.props.truncate(b.rows)
	b.nums.truncate(b.rows)
}

func cut[T any](s []T, n int) []T { return s[:min(len(s), n)] }

func (c *texts) truncate(n int) {
	c.ends = cut(c.ends, n)
	c.buf = c.buf[:c.start(len(c.ends))]
}

func (c *pairs) truncate(n int) {
	c.ends = cut(c.ends, n)
	end := 0
	if len(c.ends) > 0 {
		end = int(c.ends[len(c.ends)-1])
	}
	c.keys.keys = cut(c.keys.keys, end)
	c.values.truncate(end)
	c.nums = cut(c.nums, end)
}

// input is what is left to decode.
type input struct{ data []byte }

func (in *input) take(n int) (data []byte, ok bool) {
	if n < 0 || n > len(in.data) {
		return nil, false
	}
	data, in.data = in.data[:n], in.data[n:]
	return data, true
}

func (in *input) uvarint() (v uint64, ok bool) {
	v, n := binary.Uvarint(in.data)
	if n <= 0 {
		return 0, false
	}
	in.data = in.data[n:]
	return v, true
}

// count reads a count, which is at most max.
func (in *input) count(max int) (n int, ok bool) {
	data, ok := in.take(8)
	if !ok {
		return 0, false
	}
	v := binary.LittleEndian.Uint64(data)
	return int(v), v <= uint64(max)
}

// textEnd returns where the String that starts at data[at] has its content and
// where it ends. The length must be in its shortest form.
func textEnd(data []byte, at int) (start, end int, ok bool) {
	if at >= len(data) {
		return 0, 0, false
	}
	n, start := int(data[at]), at+1
	if n >= 0x80 {
		v, size := binary.Uvarint(data[at:])
		if size <= 0 || v > MaxRecordRaw || data[at+size-1] == 0 {
			return 0, 0, false
		}
		n, start = int(v), at+size
	}
	end = start + n
	return start, end, end <= len(data)
}

func (c *texts) decode(in input, rows int) (rest input, ok bool) {
	if rows > len(in.data) {
		return in, false
	}
	base := uint32(len(c.buf))
	n := len(c.ends)
	all := slices.Grow(c.ends, rows)[:n+rows]
	ends := all[n:]
	at := 0
	for i := range ends {
		_, end, ok := textEnd(in.data, at)
		if !ok {
			return in, false
		}
		ends[i] = base + uint32(end)
		at = end
	}
	c.ends = all
	c.buf = append(c.buf, in.data[:at]...)
	return input{in.data[at:]}, true
}

func (c *numbers[T]) decode(in input, rows, size int) (rest input, ok bool) {
	data, ok := in.take(rows * size)
	if !ok {
		return in, false
	}
	n := len(c.v)
	c.v = slices.Grow(c.v, rows)[:n+rows]
	switch out := any(c.v[n:]).(type) {
	case []uint8:
		copy(out, data)
	case []uint16:
		for i := range out {
			out[i] = binary.LittleEndian.Uint16(data[2*i:])
		}
	case []uint32:
		for i := range out {
			out[i] = binary.LittleEndian.Uint32(data[4*i:])
		}
	case []int64:
		for i := range out {
			out[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
	}
	return in, true
}

func (c *lowCard) decode(in input, rows int, m *remap) (rest input, ok bool) {
	flags, ok := in.take(8)
	if !ok {
		return in, false
	}
	f := binary.LittleEndian.Uint64(flags)
	width := f &^ lowCardFlags
	if f != lowCardFlags|width || width > 2 {
		return in, false
	}
	if ok = c.decodeDict(&in, m); !ok {
		return in, false
	}
	if n, ok := in.count(rows); !ok || n != rows {
		return in, false
	}
	data, ok := in.take(rows << width)
	if !ok {
		return in, false
	}
	n := len(c.keys)
	c.keys = slices.Grow(c.keys, rows)[:n+rows]
	return in, translate(c.keys[n:], data, uint(width), m.table)
}

// decodeText reads a column in String encoding.
func (c *lowCard) decodeText(in input, rows int) (rest input, ok bool) {
	if rows > len(in.data) {
		return in, false
	}
	at := 0
	for range rows {
		start, end, ok := textEnd(in.data, at)
		if !ok {
			return in, false
		}
		c.append(in.data[start:end])
		at = end
	}
	return input{in.data[at:]}, true
}

// decodeDict reads a dictionary and leaves in m.table which key each of its values has in c.
func (c *lowCard) decodeDict(in *input, m *remap) bool {
	n, ok := in.count(len(in.data))
	if !ok || n > len(in.data) {
		return false
	}
	if len(c.places) == 0 {
		c.init()
	}
	m.table = slices.Grow(m.table[:0], n)[:n]
	at := 0
	for i := range m.table {
		start, end, ok := textEnd(in.data, at)
		if !ok {
			return false
		}
		m.table[i] = 0
		if v := in.data[start:end]; len(v) != 0 {
			m.table[i] = c.internHashed(v, hashOf(v))
		}
		at = end
	}
	in.data = in.data[at:]
	return true
}

// translate sets every key of out to what table has for the key in data.
func translate(out []uint32, data []byte, width uint, table []uint32) bool {
	switch width {
	case 0:
		data = data[:len(out)]
		for i := range out {
			k := int(data[i])
			if k >= len(table) {
				return false
			}
			out[i] = table[k]
		}
	case 1:
		for i := range out {
			k := int(binary.LittleEndian.Uint16(data[2*i:]))
			if k >= len(table) {
				return false
			}
			out[i] = table[k]
		}
	default:
		for i := range out {
			k := binary.LittleEndian.Uint32(data[4*i:])
			if uint64(k) >= uint64(len(table)) {
				return false
			}
			out[i] = table[k]
		}
	}
	return true
}

func (c *pairs) decode(in input, rows int, kind Kind, m *remap) (rest input, ok bool) {
	data, ok := in.take(8 * rows)
	if !ok {
		return in, false
	}
	n := len(c.ends)
	base := uint32(len(c.keys.keys))
	c.ends = slices.Grow(c.ends, rows)[:n+rows]
	out := c.ends[n:]
	last := uint64(0)
	for i := range out {
		end := binary.LittleEndian.Uint64(data[8*i:])
		if end < last || end > MaxRecordRaw {
			c.ends = c.ends[:n]
			return in, false
		}
		out[i], last = base+uint32(end), end
	}
	count := int(last)
	if count == 0 {
		return in, true
	}
	if in, ok = c.keys.decode(in, count, m); ok {
		if kind == KindProps {
			in, ok = c.values.decode(in, count)
		} else {
			in, ok = c.decodeNums(in, count)
		}
	}
	return in, ok
}

func (c *pairs) decodeNums(in input, count int) (rest input, ok bool) {
	data, ok := in.take(8 * count)
	if !ok {
		return in, false
	}
	n := len(c.nums)
	c.nums = slices.Grow(c.nums, count)[:n+count]
	out := c.nums[n:]
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return in, true
}
