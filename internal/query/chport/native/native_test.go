package native

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ClickHouse/ch-go/proto"

	"weir/internal/clickhouse"
	"weir/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestFrames are the bytes that were seen on the wire: interfaces.md, 1.3.
func TestFrames(t *testing.T) {
	const in = "\x01\x01\x01n\x05UInt8\x01"
	for version, want := range map[int]string{
		0:     in,
		54405: "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01n\x05UInt8\x01",
		54453: "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01n\x05UInt8\x01",
		54454: "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01n\x05UInt8\x00\x01",
		54460: "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01n\x05UInt8\x00\x01",
	} {
		for times := range 3 {
			var out bytes.Buffer
			err := Copy(&out, iotest.OneByteReader(strings.NewReader(strings.Repeat(in, times))), version)
			if got, want := out.String(), strings.Repeat(want, times); err != nil || got != want {
				t.Errorf("version %d: %q, %v; want %q", version, got, err, want)
			}
		}
	}
}

// columns are statements whose columns have every type that a tenant can select.
var columns = []string{
	"toUInt8(number) a, toInt16(number) b, toUInt32(number) c, toInt64(number) d, toUInt128(number) e, toInt256(number) f, toFloat32(number) g, toFloat64(number) h, toBFloat16(number) bf",
	"toDecimal32(number, 2) a, toDecimal64(number, 3) b, toDecimal128(number, 4) c, toDecimal256(number, 5) d, CAST(number, 'Decimal(76, 2)') e",
	"toString(number) a, toFixedString(toString(number % 10), 3) b, repeat('x', number % 300) c, '' d",
	"toDate(number) a, toDate32(number) b, toDateTime(number) c, toDateTime(number, 'Asia/Tokyo') d, toDateTime64(number, 3, 'Europe/Berlin') e, toIntervalDay(number) f, toIntervalSecond(1) g",
	"generateUUIDv4() a, toIPv4('1.2.3.4') b, toIPv6('::1') c, number % 2 = 0 d, true e, CAST(number % 2, 'Enum8(\\'a(,)\\' = 0, \\'b\\' = 1)') f, CAST('x', 'Enum16(\\'x\\' = 1000)') g",
	"if(number % 3 = 0, NULL, number) a, NULL b, toNullable('x') c, if(number % 2 = 0, NULL, toDateTime64(0, 9)) d",
	"range(number % 5) a, [] b, [[1], [], [number, 2]] c, arrayMap(x -> toString(x), range(number % 4)) d, [NULL, 'a'] e, CAST([], 'Array(Array(String))') f",
	"(1, 'a') a, tuple() b, CAST((number, 'x'), 'Tuple(`a b` UInt64, s String)') c, (NULL, [1]) d, ((1, 2), (3, ('x', 4))) e, [(1, 'a'), (2, 'b')] f",
	"map('a', number) a, map() b, map('k', [toString(number)]) c, CAST(map('x', 1.5), 'Map(LowCardinality(String), Nullable(Float64))') d, mapFromArrays(range(number % 3), range(number % 3)) e",
	"toLowCardinality(toString(number % 7)) a, toLowCardinality(if(number % 2 = 0, NULL, toString(number % 5))) b, [toLowCardinality('x'), toLowCardinality(toString(number))] c," +
		" CAST([], 'Array(LowCardinality(String))') d, (toLowCardinality('a'), number) e, CAST(toString(number), 'LowCardinality(FixedString(20))') f, CAST(toString(number), 'LowCardinality(String)') g, map(toLowCardinality('k'), [toLowCardinality('v')]) h",
	"CAST([(1, 'a')], 'Nested(x UInt8, y String)') a, CAST((1., 2.), 'Point') b, CAST([[(0., 0.), (1., 1.)]], 'Polygon') c, CAST(1, 'SimpleAggregateFunction(sum, UInt64)') d",
}

// TestEngine frames what the engine really sends, and reads it with ch-go: every value must be the same as in the engine's text.
func TestEngine(t *testing.T) {
	c := testkit.Engine(t)
	for _, list := range columns {
		for _, rows := range []string{"numbers(0)", "numbers(1)", "numbers(1000)", "numbers(150000)"} {
			if rows == "numbers(150000)" && list != columns[2] && list != columns[9] {
				continue
			}
			sql := "SELECT " + list + " FROM " + rows + " ORDER BY number"
			raw := ask(t, c, sql, "Native")
			var same bytes.Buffer
			if err := Copy(&same, bytes.NewReader(raw), 0); err != nil || !bytes.Equal(same.Bytes(), raw) {
				t.Fatalf("%s: walked and unchanged: %d bytes, %v; want %d", sql, same.Len(), err, len(raw))
			}
			for _, version := range []int{1, 54404, 54405, 54453, 54454, 54460} {
				var out bytes.Buffer
				if err := Copy(&out, iotest.HalfReader(bytes.NewReader(raw)), version); err != nil {
					t.Fatalf("%s\nversion %d: %v", sql, version, err)
				}
				if got := blocks(t, out.Bytes(), version, sql); got != blocks(t, raw, 0, sql) {
					t.Errorf("%s\nversion %d: %d rows, the engine's own have %d", sql, version, got, blocks(t, raw, 0, sql))
				}
				if version < WithLowCardinality && bytes.Contains(out.Bytes(), []byte("LowCardinality")) {
					t.Errorf("%s\nversion %d has a dictionary", sql, version)
				}
			}
		}
	}
}

// TestExpanded compares expanded dictionaries with the engine's own plain columns.
func TestExpanded(t *testing.T) {
	c := testkit.Engine(t)
	low := ask(t, c, "SELECT toLowCardinality(toString(number % 300)) a, toLowCardinality(if(number % 2 = 0, NULL, toString(number % 5))) b, [toLowCardinality('x'), toLowCardinality(toString(number))] c FROM numbers(1000)", "Native")
	plain := ask(t, c, "SELECT toString(number % 300) a, if(number % 2 = 0, NULL, toString(number % 5)) b, ['x', toString(number)] c FROM numbers(1000)", "Native")
	var got, want bytes.Buffer
	if err := errors.Join(Copy(&got, bytes.NewReader(low), 54000), Copy(&want, bytes.NewReader(plain), 54000)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes, want %d", got.Len(), want.Len())
	}
}

// blocks reads all blocks with ch-go and returns the number of rows.
func blocks(t *testing.T, data []byte, version int, sql string) (rows int) {
	t.Helper()
	r := proto.NewReader(bytes.NewReader(data))
	for {
		if version > 0 {
			var info proto.BlockInfo
			if err := info.Decode(r); errors.Is(err, io.EOF) {
				return rows
			} else if err != nil {
				t.Fatalf("%s: block info: %v", sql, err)
			}
		}
		var results proto.Results
		b := proto.Block{}
		err := b.DecodeRawBlock(r, version, results.Auto())
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			if strings.Contains(err.Error(), "not inferred") || strings.Contains(err.Error(), "automatic column inference not supported") || strings.Contains(err.Error(), "bad enum definition") {
				return -1 // ch-go does not know one of the types; that it was walked to the end is what can be shown
			}
			t.Fatalf("%s: version %d: %v", sql, version, err)
		}
		rows += b.Rows
	}
}

func ask(t *testing.T, c *clickhouse.Client, sql, format string) []byte {
	t.Helper()
	res, err := c.Query(context.Background(), clickhouse.Statement{SQL: sql, Format: format, Settings: map[string]string{"enable_time_time64_type": "1"}})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return b
}

func TestRefused(t *testing.T) {
	head := func(typ string) string { return "\x01\x01\x01n" + string(rune(len(typ))) + typ }
	for in, want := range map[string]string{
		head("AggregateFunction(sum, UInt8)"): "toString",
		head("JSON") + "x":                    "JSON",
		head("Variant(UInt8)"):                "Variant",
		head("Array(UInt8"):                   "bracket",
		head("FixedString(0)"):                "length",
		head("Decimal(77, 1)"):                "precision",
		head("Tuple('a)"):                     "quote",
		head("UInt8"):                         "EOF",
		head("String") + "\x05abc":            "EOF",
		"\x01":                                "EOF",
		"\xff\xff\xff\x7f\x01":                "columns",
		head("Array(UInt8)") + "\xff\xff\xff\xff\xff\xff\xff\xff":                                           "ends at",
		head("LowCardinality(String)") + "\x02\x00\x00\x00\x00\x00\x00\x00":                                 "version 2",
		head("LowCardinality(String)") + "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00": "kind",
	} {
		for _, version := range []int{1, 54460} {
			err := Copy(io.Discard, strings.NewReader(in), version)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %s", in, err, want)
			}
		}
	}
	fails := errors.New("source")
	if err := Copy(io.Discard, io.MultiReader(strings.NewReader("\x01\x02\x01n\x05UInt8\x01"), iotest.ErrReader(fails)), 54460); !errors.Is(err, fails) {
		t.Errorf("the source's error is %v", err)
	}
}

func FuzzCopy(f *testing.F) {
	for _, seed := range []string{"\x01\x01\x01n\x05UInt8\x01", "\x01\x01\x01n\x06String\x01a", "\x01\x02\x01n\x16LowCardinality(String)\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01a\x02\x00\x00\x00\x00\x00\x00\x00\x01\x01",
		"\x01\x01\x01n\x1dMap(String, Array(Nullable(UInt8)))\x01\x00\x00\x00\x00\x00\x00\x00"} {
		f.Add([]byte(seed), 54460)
		f.Add([]byte(seed), 54000)
	}
	f.Fuzz(func(t *testing.T, data []byte, version int) {
		var out bytes.Buffer
		err := Copy(&out, bytes.NewReader(data), version)
		if err == nil && version <= 0 && !bytes.Equal(out.Bytes(), data) && len(data) > 0 {
			// Lengths may be written longer than they must be; then it is shorter, never longer.
			if out.Len() > len(data) {
				t.Fatalf("%d bytes became %d", len(data), out.Len())
			}
		}
		if version >= WithLowCardinality && out.Len() > 12*len(data)+1<<16 {
			t.Fatalf("%d bytes became %d", len(data), out.Len())
		}
	})
}

func FuzzType(f *testing.F) {
	f.Add("Tuple(`a b` UInt8, c Map(String, LowCardinality(Nullable(String))))")
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = parseType(s)
		if w := withoutDictionaries(s); len(w) > len(s) {
			t.Fatalf("%q became %q", s, w)
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	raw := []byte(strings.Repeat("\x01\x64\x01s\x06String"+strings.Repeat("\x0a0123456789", 100), 100))
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if err := Copy(io.Discard, bytes.NewReader(raw), 54460); err != nil {
			b.Fatal(err)
		}
	}
}
