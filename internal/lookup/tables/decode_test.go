package tables

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"weir/internal/lookup"
	"weir/internal/problem"
)

var limits = Limits{MaxTables: 3, MaxColumns: 8, MaxRows: 1000, MaxBytes: 64 << 10, MaxCell: 1000, Uploads: 2}

// table writes a content: its columns with their types, then its rows; what is absent is a dash.
func table(c *Content) string {
	var b strings.Builder
	for i, col := range c.Columns {
		if i > 0 {
			b.WriteString(" | ")
		}
		b.WriteString(col.Name + " " + col.SQLType())
	}
	for row := range int(c.Rows) {
		b.WriteString("\n")
		for i, d := range c.data {
			if i > 0 {
				b.WriteString(" | ")
			}
			if s, v := d.at(row); s == absent {
				b.WriteString("-")
			} else {
				fmt.Fprintf(&b, "%s", v)
			}
		}
	}
	return b.String()
}

func TestDecode(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		o    Options
		want string
	}{
		"csv":                {"id,region\nb1,north\nb2,\n", Options{}, "id String | region Nullable(String)\nb1 | north\nb2 | -"},
		"kinds":              {"b,i,f,s\ntrue,1,1.5,x\nFALSE,-20,2,7\n", Options{}, "b Bool | i Int64 | f Float64 | s String\ntrue | 1 | 1.5 | x\nFALSE | -20 | 2 | 7"},
		"names of numbers":   {"zip,code,ver,big,plus\n01234,1e5,1.10,9223372036854775808,+5\n99999,7,2.0,1,6\n", Options{}, "zip String | code String | ver Float64 | big String | plus String\n01234 | 1e5 | 1.10 | 9223372036854775808 | +5\n99999 | 7 | 2.0 | 1 | 6"},
		"absent kinds":       {"b,i,f,e\ntrue,1,1.5,\n,,,\n", Options{}, "b Nullable(Bool) | i Nullable(Int64) | f Nullable(Float64) | e Nullable(String)\ntrue | 1 | 1.5 | -\n- | - | - | -"},
		"no float for large": {"n\n9007199254740993\n0.5\n", Options{}, "n String\n9007199254740993\n0.5"},
		"bom and crlf":       {"\ufeffid,n\r\na,1\r\n\r\nb,2", Options{}, "id String | n Int64\na | 1\nb | 2"},
		"quotes":             {"id,text\n\"a,b\",\"he said \"\"hi\"\"\nand left\"\n", Options{}, "id String | text String\na,b | he said \"hi\"\nand left"},
		"quoted empty":       {"id,x\na,\"\"\n", Options{}, "id String | x Nullable(String)\na | -"},
		"spaces stay":        {"id, n \n a ,1\n", Options{}, "id String | n Int64\n a  | 1"},
		"semicolons":         {"id;n\na,b;1\n", Options{Delimiter: ';'}, "id String | n Int64\na,b | 1"},
		"tabs":               {"id\tn\na\t1\n", Options{Delimiter: '\t'}, "id String | n Int64\na | 1"},
		"header alone":       {"id,n\n", Options{}, "id Nullable(String) | n Nullable(String)"},
		"unicode":            {"größe,名\nä,b\n", Options{}, "größe String | 名 String\nä | b"},
		"types":              {"id,n,b,f\n007,3,1,7\n", Options{Types: map[string]string{"id": "Int64", "n": "Nullable(String)", "b": "Bool", "f": "Float64"}}, "id Int64 | n Nullable(String) | b Bool | f Float64\n007 | 3 | 1 | 7"},
		"types of none":      {"id,n\n", Options{Types: map[string]string{"n": "Int64"}}, "id Nullable(String) | n Int64"},
		"ndjson":             {`{"id":"a","n":1}` + "\n\n" + ` {"n":2.5,"id":"b","x":true}` + "\n", Options{}, "id String | n Float64 | x Nullable(Bool)\na | 1 | -\nb | 2.5 | true"},
		"array":              {` [ {"id":"a"}, {"id":null}, {} ] `, Options{}, "id Nullable(String)\na\n-\n-"},
		"one object":         {`{"id":"a","n":-3}`, Options{}, "id String | n Int64\na | -3"},
		"json mixed":         {`[{"a":1,"b":true,"c":"x"},{"a":"y","b":2,"c":""}]`, Options{}, "a String | b String | c String\n1 | true | x\ny | 2 | "},
		"json texts":         {`[{"a":"1","b":"true"}]`, Options{}, "a String | b String\n1 | true"},
		"json numbers":       {`[{"a":1e3,"b":-0,"c":12345678901234567890},{"a":1,"b":1,"c":2}]`, Options{}, "a Float64 | b Float64 | c String\n1e3 | -0 | 12345678901234567890\n1 | 1 | 2"},
		"json escapes":       {`{"a\u0062":"\u00e4\n\"\\"}`, Options{}, "ab String\nä\n\"\\"},
		"json late column":   {"{\"a\":1}\n{\"a\":2}\n{\"a\":3,\"b\":4}\n{\"a\":5}\n", Options{}, "a Int64 | b Nullable(Int64)\n1 | -\n2 | -\n3 | 4\n5 | -"},
		"json as asked":      {`[{"id":7,"n":"12"}]`, Options{Types: map[string]string{"id": "String", "n": "Int64"}}, "id String | n Int64\n7 | 12"},
		"csv like json":      {"[id],n\na,1\n", Options{Format: CSV}, "[id] String | n Int64\na | 1"},
	} {
		for way, r := range map[string]io.Reader{"whole": strings.NewReader(tc.in), "bytewise": iotest.OneByteReader(strings.NewReader(tc.in))} {
			c, err := Decode(r, tc.o, limits)
			if err != nil {
				t.Errorf("%s, %s: %v", name, way, err)
				continue
			}
			if d := cmp.Diff(tc.want, table(c)); d != "" {
				t.Errorf("%s, %s: %s", name, way, d)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	long, wide := strings.Repeat("x", 1001), strings.Repeat("c,", 8)+"c"
	for name, tc := range map[string]struct {
		in                  string
		o                   Options
		code, field, detail string // field: or the limit
	}{
		"empty":                {"", Options{}, "malformed_upload", "", "empty"},
		"only a mark":          {"\ufeff", Options{}, "malformed_upload", "", "empty"},
		"blanks":               {"\n \r\n", Options{}, "malformed_upload", "", "empty"},
		"many blanks":          {strings.Repeat(" ", 100_000), Options{}, "malformed_upload", "", "empty"},
		"empty array":          {"[]", Options{}, "malformed_upload", "", "empty"},
		"empty objects":        {"{}\n{}", Options{}, "malformed_upload", "", "empty"},
		"utf-16":               {"\xff\xfei\x00d\x00", Options{}, "malformed_upload", "", "UTF-16"},
		"latin-1":              {"id,city\na,K\xf6ln\n", Options{}, "malformed_upload", "", "line 2, column city: the value is not valid UTF-8"},
		"latin-1 header":       {"K\xf6ln\na\n", Options{}, "malformed_upload", "", "not valid UTF-8"},
		"latin-1 json":         {"{\"a\":\"K\xf6ln\"}", Options{}, "malformed_upload", "", "UTF-8"},
		"twice":                {"id,n,id\n1,2,3\n", Options{}, "malformed_upload", "", `the column "id" twice`},
		"twice but for blanks": {"id, id\n1,2\n", Options{}, "malformed_upload", "", `the column "id" twice`},
		"json twice":           {`{"a":1,"a":2}`, Options{}, "malformed_upload", "", `line 1 names the column "a" twice`},
		"nameless":             {"id,,n\n1,2,3\n", Options{}, "malformed_upload", "", "column 2 of the header has no name"},
		"json nameless":        {`{"":1}`, Options{}, "malformed_upload", "", "it is empty"},
		"name of ours":         {"_l\n1\n", Options{}, "malformed_upload", "", "begins with _"},
		"quoted name":          {"a`b\n1\n", Options{}, "malformed_upload", "", "a quote"},
		"ragged, short":        {"id,n\na,1\nb\n", Options{}, "malformed_upload", "", "line 3 has 1 values, the header names 2"},
		"ragged, long":         {"id,n\na,1\nb,2,3\n", Options{}, "malformed_upload", "", "line 3 has 3 values, the header names 2"},
		"ragged behind text":   {"id,n\n\"a\nb\",1\nc\n", Options{}, "malformed_upload", "", "line 4 has 1 values"},
		"open quote":           {"id,n\n\"a,1\nb,2\n", Options{}, "malformed_upload", "", "it began in line 2"},
		"quote inside":         {"id\na\"b\n", Options{}, "malformed_upload", "", "line 2, byte 2: a quote stands inside"},
		"behind a quote":       {"id\n\"a\"b\n", Options{}, "malformed_upload", "", "a quoted value does not end"},
		"semicolons":           {"id;n\na;1\n", Options{}, "invalid_field", "delimiter", "delimiter=semicolon"},
		"tabs":                 {"id\tn\na\t1\n", Options{}, "invalid_field", "delimiter", "delimiter=tab"},
		"delimiter of json":    {"[]", Options{Delimiter: ';'}, "invalid_field", "delimiter", "leave it out"},
		"no object":            {"{\"a\":1}\n7\n", Options{}, "malformed_upload", "", "line 2 is not a JSON object"},
		"no object in array":   {`[{"a":1},"x"]`, Options{}, "malformed_upload", "", "element 2 is not a JSON object"},
		"not json":             {"id,n\n", Options{Format: NDJSON}, "malformed_upload", "", "line 1 is not a JSON object"},
		"cut off":              {`{"a":1`, Options{}, "malformed_upload", "", "line 1 is not valid JSON"},
		"cut off text":         {`{"a":"x`, Options{}, "malformed_upload", "", "line 1 is not valid JSON"},
		"array cut off":        {`[{"a":1},`, Options{}, "malformed_upload", "", "element 2"},
		"array cut in object":  {`[{"a":1},{"a":`, Options{}, "malformed_upload", "", "element 2"},
		"trailing comma":       {`[{"a":1},]`, Options{}, "malformed_upload", "", "element 2"},
		"behind the object":    {`{"a":1} {"a":2}`, Options{}, "malformed_upload", "", "line 1: something follows"},
		"junk behind":          {`{"a":1}}`, Options{}, "malformed_upload", "", "line 1: something follows"},
		"behind the array":     {`[{"a":1}] x`, Options{}, "malformed_upload", "", "something follows the array"},
		"pretty":               {"{\n\"a\":1}", Options{}, "malformed_upload", "", "line 1"},
		"nested":               {`{"a":{"b":1}}`, Options{}, "malformed_upload", "", "line 1, column a: a value is a text, a number"},
		"nested array":         {`{"a":[1]}`, Options{}, "malformed_upload", "", "line 1, column a"},
		"long value":           {"id\n" + long + "\n", Options{}, "lookup_too_large", "lookups.max_cell", "line 2, column id: a value has 1001 bytes, at most 1000"},
		"long json value":      {`{"a":"` + long + `"}`, Options{}, "lookup_too_large", "lookups.max_cell", "line 1, column a"},
		"columns":              {"c1,c2,c3,c4,c5,c6,c7,c8,c9\n", Options{}, "lookup_too_large", "lookups.max_columns", "more than 8 columns"},
		"json columns":         {`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1}`, Options{}, "lookup_too_large", "lookups.max_columns", "raise lookups.max_columns"},
		"same columns":         {wide + "\n", Options{}, "malformed_upload", "", "twice"},
		"rows":                 {"a\n" + strings.Repeat("1\n", 1001), Options{}, "lookup_too_large", "lookups.max_rows", "more than 1000 rows"},
		"bytes":                {"a,b\n" + strings.Repeat(strings.Repeat("x", 900)+","+strings.Repeat("y", 900)+"\n", 40), Options{}, "lookup_too_large", "lookups.max_bytes", "more than 65536 bytes"},
		"body":                 {"a\n" + strings.Repeat("\n", 4*64<<10), Options{}, "body_too_large", "lookups.max_bytes", "more than 262144 bytes"},
		"body of json":         {"[" + strings.Repeat(" ", 4*64<<10), Options{}, "body_too_large", "lookups.max_bytes", "more than 262144 bytes"},
		"body of an open text": {"a\n\"" + strings.Repeat("x", 4*64<<10), Options{}, "body_too_large", "lookups.max_bytes", ""},
		"body of a long line":  {"{\"a\":\"" + strings.Repeat("x", 4*64<<10), Options{}, "body_too_large", "lookups.max_bytes", ""},
		"unknown column":       {"id,n\n", Options{Types: map[string]string{"m": "Int64"}}, "invalid_field", "type", `no column "m" in the upload; its columns are id, n`},
		"unknown type":         {"id\n", Options{Types: map[string]string{"id": "UInt8"}}, "invalid_field", "type", `"UInt8" is no type`},
		"no number":            {"id,n\na,1\nb,x\n", Options{Types: map[string]string{"n": "Int64"}}, "invalid_field", "type", `row 2, column n: "x" is no Int64`},
		"no value":             {"id,n\na,1\nb,\n", Options{Types: map[string]string{"n": "Int64"}}, "invalid_field", "type", "row 2 has no value in column n: ask for Nullable(Int64)"},
		"no truth":             {"n\nyes\n", Options{Types: map[string]string{"n": "Bool"}}, "invalid_field", "type", `"yes" is no Bool`},
		"no float":             {"n\nNaN\n", Options{Types: map[string]string{"n": "Float64"}}, "invalid_field", "type", `"NaN" is no Float64`},
		"large float":          {"n\n1e999\n", Options{Types: map[string]string{"n": "Float64"}}, "invalid_field", "type", `"1e999" is no Float64`},
	} {
		_, err := Decode(strings.NewReader(tc.in), tc.o, limits)
		var p *problem.Problem
		if !errors.As(err, &p) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Code != tc.code || p.Field+p.Limit != tc.field || !strings.Contains(p.Detail, tc.detail) {
			t.Errorf("%s: code %s, field %q, limit %q: %s", name, p.Code, p.Field, p.Limit, p.Detail)
		}
		if strings.HasPrefix(tc.field, "lookups.") && p.LimitValue == 0 {
			t.Errorf("%s: the limit has no value", name)
		}
	}
}

// A column that comes late takes place for the rows before it, too: it is counted before it is made.
func TestLateColumnsCount(t *testing.T) {
	l := limits
	l.MaxRows, l.MaxBytes = 1<<20, 64<<10
	in := strings.Repeat("{\"a\":1}\n", 4000) + `{"a":1,"b":1,"c":1}`
	_, err := Decode(strings.NewReader(in), Options{}, l)
	var p *problem.Problem
	if !errors.As(err, &p) || p.Limit != "lookups.max_bytes" {
		t.Errorf("%v", err)
	}
}

// What breaks the reader is not the upload's fault.
func TestDecodeReaderFails(t *testing.T) {
	for _, in := range []string{"id,n\na,1\n", "{\"a\":1}\n", "[{\"a\":1},"} {
		r := io.MultiReader(strings.NewReader(in), iotest.ErrReader(errors.New("gone")))
		_, err := Decode(r, Options{}, limits)
		var p *problem.Problem
		if err == nil || errors.As(err, &p) || !strings.Contains(err.Error(), "gone") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// FuzzDecode reads anything. What it takes is within the limits, of the types that it says, and reads again as the same table.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"id,n\na,1\n", "\ufeffa;b\r\n\"x\"\"y\";2\r\n", `[{"a":1,"b":null},{"b":"x"}]`, "{\"a\":true}\n{\"a\":1.5}\n", "a\n\"", "{\"a\":\"\\ud800\"}", "\xff\xfe", "[[", "{\"a\":-}", "a,a\n", "n\n9223372036854775807\n"} {
		f.Add([]byte(s), "", byte(0), "")
		f.Add([]byte(s), "csv", byte(';'), "Nullable(Int64)")
	}
	f.Fuzz(func(t *testing.T, in []byte, format string, delimiter byte, typ string) {
		o := Options{Format: Format(format)}
		if delimiter == ';' || delimiter == '\t' || delimiter == '|' {
			o.Delimiter = rune(delimiter)
		}
		if typ != "" {
			o.Types = map[string]string{"a": typ}
		}
		if format != "" && format != "csv" && format != "ndjson" && format != "json" {
			o.Format = ""
		}
		c, err := Decode(strings.NewReader(string(in)), o, limits)
		if err != nil {
			var p *problem.Problem
			if !errors.As(err, &p) || p.Status < 400 || p.Status > 499 || p.Detail == "" {
				t.Fatalf("%q: %v", in, err)
			}
			return
		}
		if len(c.Columns) == 0 || len(c.Columns) > limits.MaxColumns || int64(c.Rows) > limits.MaxRows || int64(c.Bytes) > limits.MaxBytes {
			t.Fatalf("%d columns, %d rows, %d bytes", len(c.Columns), c.Rows, c.Bytes)
		}
		names := map[string]bool{}
		for i, col := range c.Columns {
			if names[col.Name] || lookup.CheckColumnName(col.Name) != "" {
				t.Fatalf("column %q", col.Name)
			}
			names[col.Name] = true
			for row := range int(c.Rows) {
				s, v := c.data[i].at(row)
				if s == absent && !col.Nullable {
					t.Fatalf("column %s, row %d is absent and the column %s", col.Name, row, col.SQLType())
				}
				if s != absent && !fits(col.Type, v) {
					t.Fatalf("column %s, row %d: %q is no %s", col.Name, row, v, col.Type)
				}
			}
		}
		written, err := io.ReadAll(newRows(lookup.Table{Tenant: "acme", Name: "x", Version: 1}, c))
		if err != nil || c.Rows > 0 && len(written) == 0 {
			t.Fatal(err)
		}
	})
}
