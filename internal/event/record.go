package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
)

// A record is one batch in the log. Format version 1:
//
//	byte      0xE1: 0xE0 marks a record, the lower four bits are the format version
//	uint32    CRC-32C of everything behind it, little endian
//	uvarint   schema version
//	uvarint   number of rows
//	uvarint   length of the body before compression
//	...       body, one S2 block
//
// The body holds columns in any order, each at most once:
//
//	uvarint   number of the column, at most 65535
//	byte      kind of the column's data; a KindLowCard column may come as KindString
//	uvarint   length of the data
//	...       data: the column in ClickHouse's Native encoding, without state prefix
//
// A column in which every row is empty or zero is left out.
//
// S2 because it takes the least time by far. Measured on web events (390 bytes of
// values each, 500 to a record, one core of an AMD EPYC): bytes in the record, and
// nanoseconds to compress and to decompress, per row:
//
//	S2             117   90   41        MinLZ level 1  115   87   40
//	S2 better       89  255   51        MinLZ level 2   86  247   46
//	zstd fastest    95  449  171        LZ4             97  192   50
//
// The log keeps about a day; 30 bytes less a row are not worth twice the time of the
// whole codec. MinLZ is no better, and fewer tools read it. A lone row: S2 449 and
// 110 ns, zstd 5562 and 2459 ns.
//
// CRC-32C because the processor computes it (about 20 GB/s), because it is four
// bytes in a lone row, and because the logs below have checksums of their own.
const (
	recordMark    = 0xE0
	formatVersion = 1
	// columnHeaderMax is the most that the fields before the data of a column take.
	columnHeaderMax = binary.MaxVarintLen16 + 1 + binary.MaxVarintLen32
)

// Limits of a record. DecodeRecord refuses what is beyond them.
const (
	// MaxRecordRaw bounds the body of a record before compression, in bytes.
	MaxRecordRaw = 16 << 20
	// MaxRecordRows bounds the rows of a record.
	MaxRecordRows = 1 << 20
)

// ErrCorrupt is wrapped by every error of DecodeRecord that says that the bytes are not a valid record.
var ErrCorrupt = errors.New("corrupt record")

// corruptf is an error that wraps ErrCorrupt.
func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// scratch holds the bodies of records between compression and columns.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// scratchKeep is the largest buffer, in bytes, that goes back into the pool.
const scratchKeep = 4 << 20

func putScratch(p *[]byte, buf []byte) {
	if cap(buf) <= scratchKeep {
		*p = buf[:0]
		scratch.Put(p)
	}
}

// Bytes estimates the encoded size of the batch before compression, in bytes. It
// is never less than the body of a record.
func (b *Batch) Bytes() int {
	n := len(Columns) * columnHeaderMax
	for i := range b.lcs {
		if c := &b.lcs[i]; !c.empty() {
			n += c.size(b.rows)
		}
	}
	for i := range b.strs {
		if c := &b.strs[i]; !c.empty() {
			n += len(c.buf) + b.rows - len(c.ends)
		}
	}
	for i := range b.times {
		if len(b.times[i].v) != 0 {
			n += 8 * b.rows
		}
	}
	n += (u8Count + 2*u16Count + 4*u32Count) * b.rows
	for _, c := range []*pairs{&b.props, &b.nums} {
		if !c.empty() {
			n += c.size(b.rows)
		}
	}
	return n
}

// AppendRecord appends the encoded record of the batch to dst: format version,
// schema version, row count, checksum, then the compressed columns.
//
// The caller keeps Rows within MaxRecordRows and Bytes within MaxRecordRaw, by
// splitting a batch with AppendRange if need be. AppendRecord panics beyond:
// nobody could read that record.
func (b *Batch) AppendRecord(dst []byte) []byte {
	if b.rows > MaxRecordRows {
		panic(fmt.Sprintf("event: %d rows for one record, the limit is %d", b.rows, MaxRecordRows))
	}
	p := scratch.Get().(*[]byte)
	body := b.appendBody(slices.Grow((*p)[:0], b.Bytes()))
	if len(body) > MaxRecordRaw {
		panic(fmt.Sprintf("event: a record of %d bytes before compression, the limit is %d", len(body), MaxRecordRaw))
	}
	dst = seal(dst, body, b.rows)
	putScratch(p, body)
	return dst
}

// seal appends a record of format version 1.
func seal(dst, body []byte, rows int) []byte {
	start := len(dst)
	dst = append(dst, recordMark|formatVersion, 0, 0, 0, 0)
	dst = binary.AppendUvarint(dst, SchemaVersion)
	dst = binary.AppendUvarint(dst, uint64(rows))
	dst = binary.AppendUvarint(dst, uint64(len(body)))
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(body)))
	dst = dst[:len(dst)+len(s2.Encode(dst[len(dst):cap(dst)], body))]
	binary.LittleEndian.PutUint32(dst[start+1:], crc32.Checksum(dst[start+5:], castagnoli))
	return dst
}

func (b *Batch) appendBody(dst []byte) []byte {
	for i := range Columns {
		dst = b.appendColumn(dst, &Columns[i])
	}
	return dst
}

func (b *Batch) appendColumn(dst []byte, col *Column) []byte {
	switch s := layout[col.Number]; s.kind {
	case KindLowCard:
		if c := &b.lcs[s.index]; !c.empty() {
			return b.appendLowCard(dst, col, c)
		}
	case KindString:
		if c := &b.strs[s.index]; !c.empty() {
			c.pad(b.rows)
			dst = appendColumnHeader(dst, col.Number, col.Kind, len(c.buf))
			return append(dst, c.buf...)
		}
	case KindTime:
		if c := &b.times[s.index]; !c.empty() {
			dst = appendColumnHeader(dst, col.Number, col.Kind, 8*b.rows)
			return c.appendNative(dst, b.rows)
		}
	case KindUInt8:
		if c := &b.u8s[s.index]; !c.empty() {
			dst = appendColumnHeader(dst, col.Number, col.Kind, b.rows)
			return c.appendNative(dst, b.rows)
		}
	case KindUInt16:
		if c := &b.u16s[s.index]; !c.empty() {
			dst = appendColumnHeader(dst, col.Number, col.Kind, 2*b.rows)
			return c.appendNative(dst, b.rows)
		}
	case KindUInt32:
		if c := &b.u32s[s.index]; !c.empty() {
			dst = appendColumnHeader(dst, col.Number, col.Kind, 4*b.rows)
			return c.appendNative(dst, b.rows)
		}
	case KindProps, KindNums:
		if c := b.pairsOf(s.kind); !c.empty() {
			dst = appendColumnHeader(dst, col.Number, col.Kind, c.size(b.rows))
			return c.appendNative(dst, b.rows)
		}
	}
	return dst
}

// textRows is the most rows for which appendLowCard tries the String encoding.
const textRows = 4

// appendLowCard writes a column with a dictionary, or, if that is shorter, as a
// String column: for a row or two the dictionary is mostly overhead.
func (b *Batch) appendLowCard(dst []byte, col *Column, c *lowCard) []byte {
	size := c.size(b.rows)
	if b.rows <= textRows {
		c.pad(b.rows)
		if n := c.textSize(); n < size {
			dst = appendColumnHeader(dst, col.Number, KindString, n)
			return c.appendText(dst)
		}
	}
	dst = appendColumnHeader(dst, col.Number, col.Kind, size)
	return c.appendNative(dst, b.rows)
}

func (b *Batch) pairsOf(kind Kind) *pairs {
	if kind == KindNums {
		return &b.nums
	}
	return &b.props
}

func appendColumnHeader(dst []byte, number uint16, kind Kind, size int) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(number)), byte(kind))
	return binary.AppendUvarint(dst, uint64(size))
}

// What stands in front of the keys of a LowCardinality column: the dictionary
// comes with the column (additional keys) and replaces what was before.
const (
	lowCardFlags  = 1<<9 | 1<<10
	lowCardHeader = 3 * 8 // flags with key width, size of the dictionary, rows
)

// keyWidth is the code of the narrowest key type for a dictionary of n values:
// 1 << code bytes.
func keyWidth(n int) uint {
	switch {
	case n <= math.MaxUint8+1:
		return 0
	case n <= math.MaxUint16+1:
		return 1
	}
	return 2
}

// size is the encoded size of a column of rows rows.
func (c *lowCard) size(rows int) int {
	return lowCardHeader + len(c.buf) + rows<<keyWidth(len(c.places))
}

// appendNative pads c to rows and appends its Native encoding. The column has a
// dictionary.
func (c *lowCard) appendNative(dst []byte, rows int) []byte {
	c.pad(rows)
	width := keyWidth(len(c.places))
	dst = binary.LittleEndian.AppendUint64(dst, lowCardFlags|uint64(width))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(c.places)))
	dst = append(dst, c.buf...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(c.keys)))
	dst, out := extend(dst, len(c.keys)<<width)
	switch width {
	case 0:
		for i, k := range c.keys {
			out[i] = byte(k)
		}
	case 1:
		for i, k := range c.keys {
			binary.LittleEndian.PutUint16(out[2*i:], uint16(k))
		}
	default:
		for i, k := range c.keys {
			binary.LittleEndian.PutUint32(out[4*i:], k)
		}
	}
	return dst
}

// encoded is a value of the dictionary in String encoding.
func (c *lowCard) encoded(key uint32) []byte {
	p := c.places[key]
	return c.buf[int(p.start)-lengthSize(p.size) : p.start+p.size]
}

// lengthSize is how many bytes a length takes in front of a String.
func lengthSize(n uint32) int { return (bits.Len32(n|1) + 6) / 7 }

// textSize is the size of the column in String encoding.
func (c *lowCard) textSize() int {
	n := 0
	for _, k := range c.keys {
		size := c.places[k].size
		n += lengthSize(size) + int(size)
	}
	return n
}

// appendText appends the column in String encoding.
func (c *lowCard) appendText(dst []byte) []byte {
	for _, k := range c.keys {
		dst = append(dst, c.encoded(k)...)
	}
	return dst
}

// extend lengthens dst by n bytes and returns those as well; they are not cleared.
func extend(dst []byte, n int) (all, added []byte) {
	all = slices.Grow(dst, n)[:len(dst)+n]
	return all, all[len(dst):]
}

// appendNative pads c to rows and appends its Native encoding.
func (c *numbers[T]) appendNative(dst []byte, rows int) []byte {
	c.pad(rows)
	switch v := any(c.v).(type) {
	case []uint8:
		return append(dst, v...)
	case []uint16:
		dst, out := extend(dst, 2*len(v))
		for i, x := range v {
			binary.LittleEndian.PutUint16(out[2*i:], x)
		}
		return dst
	case []uint32:
		dst, out := extend(dst, 4*len(v))
		for i, x := range v {
			binary.LittleEndian.PutUint32(out[4*i:], x)
		}
		return dst
	case []int64:
		dst, out := extend(dst, 8*len(v))
		for i, x := range v {
			binary.LittleEndian.PutUint64(out[8*i:], uint64(x))
		}
		return dst
	}
	panic("event: unknown type of number")
}

// size is the encoded size of a column of rows rows that has pairs.
func (c *pairs) size(rows int) int {
	return 8*rows + c.keys.size(len(c.keys.keys)) + len(c.values.buf) + 8*len(c.nums)
}

// appendNative pads c to rows and appends its Native encoding.
func (c *pairs) appendNative(dst []byte, rows int) []byte {
	c.pad(rows)
	dst, out := extend(dst, 8*len(c.ends))
	for i, e := range c.ends {
		binary.LittleEndian.PutUint64(out[8*i:], uint64(e))
	}
	dst = c.keys.appendNative(dst, len(c.keys.keys))
	dst = append(dst, c.values.buf...)
	dst, out = extend(dst, 8*len(c.nums))
	for i, x := range c.nums {
		binary.LittleEndian.PutUint64(out[8*i:], math.Float64bits(x))
	}
	return dst
}
