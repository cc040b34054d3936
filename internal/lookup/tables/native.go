package tables

import (
	"encoding/binary"
	"io"
	"math"

	"weir/internal/lookup"
)

// blockRows is how many rows a block of an insert has.
const blockRows = 16 << 10

// insertSQL is the statement for what rows makes.
func insertSQL() string {
	arrays, _ := lookup.Arrays()
	sql := "INSERT INTO weir." + lookup.EngineTable + " (tenant, lookup, version, _row"
	for _, name := range arrays {
		sql += ", " + name
	}
	return sql + ") FORMAT Native"
}

// rows is a reader of the content as blocks of ClickHouse's Native format, made as they are read.
type rows struct {
	table   lookup.Table
	columns map[string][]int // by array, the columns whose values it holds
	content *Content
	next    int // row
	buf     []byte
	at      int
}

func newRows(t lookup.Table, c *Content) *rows {
	r := &rows{table: t, content: c, columns: map[string][]int{}}
	for i, col := range c.Columns {
		r.columns[col.Type.Array()] = append(r.columns[col.Type.Array()], i)
	}
	return r
}

// Read implements io.Reader.
func (r *rows) Read(p []byte) (int, error) {
	if r.at == len(r.buf) {
		if r.next == int(r.content.Rows) {
			return 0, io.EOF
		}
		r.buf, r.at = r.block(r.buf[:0]), 0
	}
	n := copy(p, r.buf[r.at:])
	r.at += n
	return n, nil
}

// block appends the next block to dst.
func (r *rows) block(dst []byte) []byte {
	from := r.next
	n := min(blockRows, int(r.content.Rows)-from)
	r.next += n
	names, types := lookup.Arrays()
	dst = binary.AppendUvarint(dst, uint64(4+len(names)))
	dst = binary.AppendUvarint(dst, uint64(n))
	for _, c := range [][2]string{{"tenant", string(r.table.Tenant)}, {"lookup", r.table.Name}} {
		dst = appendText(appendText(dst, c[0]), "String")
		for range n {
			dst = appendText(dst, c[1])
		}
	}
	dst = appendText(appendText(dst, "version"), "UInt64")
	for range n {
		dst = binary.LittleEndian.AppendUint64(dst, r.table.Version)
	}
	dst = appendText(appendText(dst, "_row"), "UInt32")
	for i := range n {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(from+i))
	}
	for i, name := range names {
		dst = appendText(appendText(dst, name), "Array(Nullable("+types[i]+"))")
		dst = r.array(dst, r.columns[name], from, n)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// array appends the values of columns, row after row: where each row's end, which of them are NULL, and the values.
func (r *rows) array(dst []byte, columns []int, from, n int) []byte {
	for i := range n {
		dst = binary.LittleEndian.AppendUint64(dst, uint64((i+1)*len(columns)))
	}
	each := func(fn func(lookup.Type, shape, []byte)) {
		for row := from; row < from+n; row++ {
			for _, c := range columns {
				s, value := r.content.data[c].at(row)
				fn(r.content.Columns[c].Type, s, value)
			}
		}
	}
	each(func(_ lookup.Type, s shape, _ []byte) {
		null := byte(0)
		if s == absent {
			null = 1
		}
		dst = append(dst, null)
	})
	each(func(t lookup.Type, s shape, value []byte) { dst = appendValue(dst, t, s, value) })
	return dst
}

// appendValue appends one value; of an absent one, the type's default. That the value is of its type was found when it was read.
func appendValue(dst []byte, t lookup.Type, s shape, value []byte) []byte {
	switch t {
	case lookup.String:
		return append(binary.AppendUvarint(dst, uint64(len(value))), value...)
	case lookup.Float64:
		f := 0.0
		if s != absent {
			f, _ = parseNumber(value)
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	var n int64
	if s != absent && t == lookup.Int64 {
		n, _ = parseInteger(value)
	} else if v, _ := parseTruth(value); v {
		n = 1
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(n))
}
