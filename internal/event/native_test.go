package event

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/ClickHouse/ch-go/proto"
	"pgregory.net/rapid"
)

// target is a ch-go column for one kind.
type target struct {
	col  Column
	data proto.Column
}

func newTarget(col Column) target {
	str := func() *proto.ColStr { return new(proto.ColStr) }
	switch col.Kind {
	case KindString:
		return target{col, str()}
	case KindLowCard:
		return target{col, str().LowCardinality()}
	case KindTime:
		return target{col, proto.Alias(new(proto.ColInt64), "DateTime64(3, 'UTC')")}
	case KindUInt8:
		return target{col, new(proto.ColUInt8)}
	case KindUInt16:
		return target{col, new(proto.ColUInt16)}
	case KindUInt32:
		return target{col, new(proto.ColUInt32)}
	case KindProps:
		return target{col, proto.NewMap[string, string](str().LowCardinality(), str())}
	case KindNums:
		return target{col, proto.NewMap[string, float64](str().LowCardinality(), new(proto.ColFloat64))}
	}
	panic("kind")
}

// fill appends the values of a batch, row by row, to the ch-go column.
func (g target) fill(times *proto.ColInt64, b *Batch) {
	for i := range b.Rows() {
		switch c := g.data.(type) {
		case *proto.ColStr:
			c.AppendBytes(b.Str(g.col.Number, i))
		case *proto.ColLowCardinality[string]:
			c.Append(string(b.Str(g.col.Number, i)))
		case *proto.ColUInt8:
			c.Append(b.u8s[slotOf(g.col.Number).index].value(i))
		case *proto.ColUInt16:
			c.Append(b.u16s[slotOf(g.col.Number).index].value(i))
		case *proto.ColMap[string, string]:
			var kv []proto.KV[string, string]
			for _, p := range b.Row(i).Props {
				kv = append(kv, proto.KV[string, string]{Key: string(p.Key), Value: string(p.Value)})
			}
			c.AppendKV(kv)
		case *proto.ColMap[string, float64]:
			var kv []proto.KV[string, float64]
			for _, p := range b.Row(i).Nums {
				kv = append(kv, proto.KV[string, float64]{Key: string(p.Key), Value: p.Value})
			}
			c.AppendKV(kv)
		default:
			ms := b.Times(g.col.Number)[i]
			if g.col.Number == ColClientTS && ms == 0 {
				ms = b.Times(ColTS)[i]
			}
			times.Append(ms)
		}
	}
}

// chBlock is the block that ch-go writes for the stored columns of b.
func chBlock(t interface{ Fatal(...any) }, b *Batch) []byte {
	var in []proto.InputColumn
	for _, col := range Columns {
		if !col.Stored {
			continue
		}
		g := newTarget(col)
		times := new(proto.ColInt64)
		if col.Kind == KindTime {
			g.data = proto.Alias(times, "DateTime64(3, 'UTC')")
		}
		g.fill(times, b)
		in = append(in, proto.InputColumn{Name: col.Name, Data: g.data})
	}
	var buf proto.Buffer
	block := proto.Block{Rows: b.Rows(), Columns: len(in)}
	if err := block.EncodeRawBlock(&buf, 0, in); err != nil {
		t.Fatal(err)
	}
	return buf.Buf
}

// TestNativeEqualsLibrary compares the block, byte by byte, with what ch-go
// writes. ch-go orders a dictionary by first occurrence; a first row of empty
// values gives it the order of ours.
func TestNativeEqualsLibrary(t *testing.T) {
	first := Row{Props: []Prop{{}}, Nums: []Num{{}}}
	rapid.Check(t, func(t *rapid.T) {
		b := batchOf(append([]Row{first}, drawRows(t)...))
		if got, want := native(b), chBlock(t, b); !bytes.Equal(got, want) {
			t.Fatalf("block is\n%q, ch-go writes\n%q", got, want)
		}
	})
	for _, n := range []int{0, 1, 300} {
		b := batchOf(make([]Row, n))
		if got, want := native(b), chBlock(t, b); !bytes.Equal(got, want) {
			t.Errorf("%d blank rows: block is\n%q, ch-go writes\n%q", n, got, want)
		}
	}
	t.Run("many values", func(t *testing.T) { // keys of 1, 2 and 4 bytes
		for _, n := range []int{255, 256, 65535, 65536} {
			b := batchOf([]Row{first})
			for i := range n {
				v := fmt.Append(nil, i)
				b.Append(&Row{Type: v, Props: []Prop{{v, v}}})
			}
			if !bytes.Equal(native(b), chBlock(t, b)) {
				t.Errorf("%d values: not what ch-go writes", n)
			}
		}
	})
}

// decodeNative reads a block with ch-go.
func decodeNative(t *testing.T, data []byte, extra ...proto.ResultColumn) map[string]proto.ColResult {
	t.Helper()
	var results proto.Results
	for _, col := range Columns {
		if col.Stored {
			results = append(results, proto.ResultColumn{Name: col.Name, Data: newTarget(col).data})
		}
	}
	results = append(results, extra...)
	r := proto.NewReader(bytes.NewReader(data))
	var block proto.Block
	if err := block.DecodeRawBlock(r, 0, &results); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadByte(); err == nil {
		t.Fatal("bytes behind the block")
	}
	columns := make(map[string]proto.ColResult)
	for _, c := range results {
		columns[c.Name] = c.Data
	}
	return columns
}

// TestNativeReadByLibrary reads a large block with ch-go.
func TestNativeReadByLibrary(t *testing.T) {
	const n = 300_000
	rows := webRows(1000, 20)
	b := NewBatch()
	for i := range n {
		r := rows[i%len(rows)]
		r.UserAgent = fmt.Append(nil, "agent ", i/3) // 100 000 values
		b.Append(&r)
	}
	seq, writer := make(proto.ColUInt64, n), new(proto.ColStr).LowCardinality()
	for i := range seq {
		seq[i] = uint64(i)
		writer.Append("w1")
	}
	block := b.Native(Extra{"_seq", &seq}, Extra{"_writer", writer})
	whole, err := io.ReadAll(iotest.HalfReader(block))
	if err != nil {
		t.Fatal(err)
	}
	columns := decodeNative(t, whole,
		proto.ResultColumn{Name: "_seq", Data: new(proto.ColUInt64)},
		proto.ResultColumn{Name: "_writer", Data: new(proto.ColStr).LowCardinality()})

	props := columns["props"].(*proto.ColMap[string, string])
	nums := columns["props_num"].(*proto.ColMap[string, float64])
	withNums := 0
	for i := 0; i < n; i += 7 {
		want := rows[i%len(rows)]
		if got := columns["url"].(*proto.ColStr).Row(i); got != string(want.URL) {
			t.Fatalf("row %d: url %q, want %q", i, got, want.URL)
		}
		if got, want := columns["user_agent"].(*proto.ColLowCardinality[string]).Row(i), fmt.Sprint("agent ", i/3); got != want {
			t.Fatalf("row %d: user_agent %q, want %q", i, got, want)
		}
		if got := columns["tenant"].(*proto.ColLowCardinality[string]).Row(i); got != want.Tenant {
			t.Fatalf("row %d: tenant %q, want %q", i, got, want.Tenant)
		}
		if got := props.Row(i)["theme"]; got != string(want.Props[0].Value) {
			t.Fatalf("row %d: theme %q, want %q", i, got, want.Props[0].Value)
		}
		if len(want.Nums) > 0 {
			withNums++
			if got := nums.Row(i)["price"]; got != want.Nums[0].Value {
				t.Fatalf("row %d: price %v, want %v", i, got, want.Nums[0].Value)
			}
		} else if got := nums.Row(i); len(got) != 0 {
			t.Fatalf("row %d: numbers %v, want none", i, got)
		}
		if columns["_seq"].(*proto.ColUInt64).Row(i) != uint64(i) || columns["_writer"].(*proto.ColLowCardinality[string]).Row(i) != "w1" {
			t.Fatalf("row %d: extra columns", i)
		}
	}
	if withNums == 0 {
		t.Fatal("no row had numbers")
	}
}

func TestNativeRefusesShortExtra(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an extra column of the wrong length was accepted")
		}
	}()
	b := batchOf([]Row{{Tenant: "a"}})
	b.Native(Extra{"_seq", new(proto.ColUInt64)})
}

func TestNativeColumns(t *testing.T) {
	names := NativeColumns()
	if len(names) != 35 || names[0] != "tenant" || names[34] != "props_num" {
		t.Errorf("columns are %v", names)
	}
}

// TestRecordBodyEqualsLibrary decodes the columns of a body with ch-go.
func TestRecordBodyEqualsLibrary(t *testing.T) {
	rows := webRows(100, 5) // more than textRows
	b := batchOf(rows)
	in := input{b.appendBody(nil)}
	found := 0
	for len(in.data) > 0 {
		number, _ := in.uvarint()
		kind, _ := in.take(1)
		size, _ := in.uvarint()
		data, ok := in.take(int(size))
		if !ok {
			t.Fatal("cut off")
		}
		for _, col := range Columns {
			if uint64(col.Number) != number || kind[0] != byte(col.Kind) {
				continue
			}
			found++
			g := newTarget(col)
			r := proto.NewReader(bytes.NewReader(data))
			if err := g.data.DecodeColumn(r, len(rows)); err != nil {
				t.Fatalf("column %s: %v", col.Name, err)
			}
			if _, err := r.ReadByte(); err == nil {
				t.Errorf("column %s: bytes behind it", col.Name)
			}
			for i := range rows {
				switch c := g.data.(type) {
				case *proto.ColStr:
					if c.Row(i) != string(b.Str(col.Number, i)) {
						t.Fatalf("column %s, row %d: %q", col.Name, i, c.Row(i))
					}
				case *proto.ColLowCardinality[string]:
					if c.Row(i) != string(b.Str(col.Number, i)) {
						t.Fatalf("column %s, row %d: %q", col.Name, i, c.Row(i))
					}
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("%d columns in the body, expected at least 20", found)
	}
}
