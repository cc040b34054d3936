package event

import (
	"encoding/binary"
	"fmt"

	"github.com/ClickHouse/ch-go/proto"
)

// Extra is a further column behind the stored columns of a NativeBlock.
type Extra struct {
	Name string
	Data proto.Column // has Type() and EncodeColumn
}

// types are ClickHouse's names of the kinds.
var types = [KindNums + 1]string{
	KindString:  "String",
	KindLowCard: "LowCardinality(String)",
	KindTime:    "DateTime64(3, 'UTC')",
	KindUInt8:   "UInt8",
	KindUInt16:  "UInt16",
	KindUInt32:  "UInt32",
	KindUInt64:  "UInt64",
	KindProps:   "Map(LowCardinality(String), String)",
	KindNums:    "Map(LowCardinality(String), Float64)",
}

// Type is ClickHouse's name of the type in which a column of this kind is written.
func (k Kind) Type() string { return types[k] }

// TableType is ClickHouse's name of the type that the column has in the events table. It differs from Kind.Type for
// is_bot, which a record holds as UInt8, and for the maps, whose names have no dictionaries there: a merge would look each name of each row up in one.
func (c Column) TableType() string {
	switch {
	case c.Number == ColIsBot:
		return "Bool"
	case c.Kind == KindProps:
		return "Map(String, String)"
	case c.Kind == KindNums:
		return "Map(String, Float64)"
	}
	return c.Kind.Type()
}

// NativeColumns is the list of column names, in order, that a NativeBlock has for the stored
// columns, for the column list of an INSERT.
func NativeColumns() []string {
	var names []string
	for _, c := range Columns {
		if c.Stored {
			names = append(names, c.Name)
		}
	}
	return names
}

// nativeHeads are what stands in front of the data of a column, by index in Columns.
var nativeHeads = makeNativeHeads()

func makeNativeHeads() (heads [][]byte) {
	for _, c := range Columns {
		head := appendText(nil, c.Name)
		head = appendText(head, c.Kind.Type())
		heads = append(heads, head)
	}
	return heads
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// lowCardState is the state prefix of a LowCardinality column: its key version.
var lowCardState = [8]byte{1}

// nativeText is the data of a column of strings, the batch's own bytes; nil for other columns and where all are empty.
func (b *Batch) nativeText(col *Column) []byte {
	s := layout[col.Number]
	if s.kind != KindString || b.strs[s.index].empty() {
		return nil
	}
	b.strs[s.index].pad(b.rows)
	return b.strs[s.index].buf
}

func (b *Batch) appendNativeColumn(dst []byte, col *Column) []byte {
	switch s := layout[col.Number]; s.kind {
	case KindLowCard:
		dst = append(dst, lowCardState[:]...)
		c := &b.lcs[s.index]
		if c.empty() {
			return appendEmptyLowCard(dst, b.rows)
		}
		return c.appendNative(dst, b.rows)
	case KindString: // of empty ones; others are nativeText
		return appendZeros(dst, b.rows)
	case KindTime:
		if s.index == timeClientTS {
			return b.appendClientTimes(dst)
		}
		return b.times[s.index].appendNative(dst, b.rows)
	case KindUInt8:
		return b.u8s[s.index].appendNative(dst, b.rows)
	case KindUInt16:
		return b.u16s[s.index].appendNative(dst, b.rows)
	case KindUInt32:
		return b.u32s[s.index].appendNative(dst, b.rows)
	case KindProps, KindNums:
		dst = append(dst, lowCardState[:]...)
		c := b.pairsOf(s.kind)
		if c.empty() {
			return appendZeros(dst, 8*b.rows)
		}
		return c.appendNative(dst, b.rows)
	}
	panic("event: a column of unknown kind")
}

// appendClientTimes appends client_ts: a row that has none has the time of ts.
func (b *Batch) appendClientTimes(dst []byte) []byte {
	ts, client := &b.times[timeTS], &b.times[timeClientTS]
	if client.empty() {
		return ts.appendNative(dst, b.rows)
	}
	dst, out := extend(dst, 8*b.rows)
	for i := range b.rows {
		v := client.value(i)
		if v == 0 {
			v = ts.value(i)
		}
		binary.LittleEndian.PutUint64(out[8*i:], uint64(v))
	}
	return dst
}

func appendZeros(dst []byte, n int) []byte {
	dst, added := extend(dst, n)
	clear(added)
	return dst
}

// appendEmptyLowCard appends a LowCardinality column whose rows are all empty.
func appendEmptyLowCard(dst []byte, rows int) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, lowCardFlags)
	dst = binary.LittleEndian.AppendUint64(dst, 1)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(rows))
	return appendZeros(dst, rows)
}

func (b *Batch) appendExtra(buf *proto.Buffer, e *Extra) {
	if p, ok := e.Data.(proto.Preparable); ok {
		if err := p.Prepare(); err != nil {
			panic(fmt.Sprintf("event: column %q: %v", e.Name, err))
		}
	}
	buf.PutString(e.Name)
	buf.PutString(string(e.Data.Type()))
	if b.rows == 0 {
		return
	}
	if s, ok := e.Data.(proto.StateEncoder); ok {
		s.EncodeState(buf)
	}
	e.Data.EncodeColumn(buf)
}
