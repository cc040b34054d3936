package event

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files of the current format version")

// golden are the batches behind the golden files.
func golden() map[string]*Batch {
	lone := webRows(1, 1)
	wide := make([]Row, 300) // two bytes a key, long texts, every column
	for i := range wide {
		s := fmt.Sprint("value ", i)
		v := []byte(s)
		wide[i] = Row{Tenant: "acme", TS: int64(i) - 5, Path: v, UserAgent: v, PayloadHash: uint32(i) << 20}
		if i%10 != 3 {
			continue
		}
		wide[i] = Row{
			Tenant: "acme", Site: s, TS: int64(i) - 5, ReceivedAt: 1 << 62, Type: v, EventID: v, ClientID: v, UserID: v,
			SessionID: v, URL: fmt.Appendf(nil, "https://example.com/%0*d", i, i), Host: v, Path: v, Referrer: v,
			ReferrerHost: v, UTMSource: v, UTMMedium: v, UTMCampaign: v, Country: s, Region: s, City: s, Device: s, OS: s,
			Browser: s, IsBot: i%20 == 3, UserAgent: v, EnrichVersion: uint16(i * 200), PayloadHash: uint32(i) << 20,
			Channel: s, UTMTerm: v, UTMContent: v, BotRule: s, BotScore: uint8(i), Net: v, ClientTS: int64(i) - 1000,
			Flags: uint8(i), Props: []Prop{{v, v}, {[]byte("ключ"), []byte("значение")}}, Nums: []Num{{v, float64(i) / 7}},
		}
	}
	return map[string]*Batch{
		"empty": NewBatch(), "blank": batchOf(make([]Row, 3)), "lone": batchOf(lone),
		"web": batchOf(webRows(40, 3)), "wide": batchOf(wide),
	}
}

func valuesJSON(t *testing.T, b *Batch) []byte {
	t.Helper()
	rows := []map[string]any{}
	for i := range b.Rows() {
		rows = append(rows, b.Values(i))
	}
	out, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// TestGolden checks that records written by any release decode to the same rows
// for ever. Files of old versions, of the format or the schema (v1 is v1.1), are never rewritten.
func TestGolden(t *testing.T) {
	if *update {
		for name, b := range golden() {
			path := filepath.Join("testdata", fmt.Sprintf("v%d.%d-%s", formatVersion, SchemaVersion, name))
			if err := errors.Join(os.MkdirAll("testdata", 0o755),
				os.WriteFile(path+".rec", b.AppendRecord(nil), 0o644),
				os.WriteFile(path+".json", valuesJSON(t, b), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob("testdata/v*.rec")
	if err != nil || len(files) < 10 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		rec, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(file[:len(file)-len(".rec")] + ".json")
		if err != nil {
			t.Fatal(err)
		}
		b := NewBatch()
		if err := b.DecodeRecord(rec); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(string(want), string(valuesJSON(t, b))); diff != "" {
			t.Errorf("%s (-stored +decoded):\n%s", file, diff)
		}
	}
}

// TestRecordSize holds the costs of records that the log was planned with.
func TestRecordSize(t *testing.T) {
	// Both as a 300-byte JSON event brings them, enriched.
	rows := make([]Row, 100)
	content := 0
	for i := range rows {
		rows[i] = webRows(i+1, 1)[i]
		r := &rows[i]
		r.ClientID, r.SessionID, r.Referrer, r.ReferrerHost, r.UTMSource = r.ClientID[:16], nil, nil, nil, nil
		r.EventID, r.Nums = r.EventID[:18], nil
	}
	for _, text := range rows[0].texts() {
		content += len(text)
	}
	content += 8 + 8 + 2 + 4 + 1 // times, enrich_version, payload hash, flags
	for _, p := range rows[0].Props {
		content += len(p.Key) + len(p.Value)
	}
	lone := len(batchOf(rows[:1]).AppendRecord(nil))
	hundred := len(batchOf(rows).AppendRecord(nil))
	t.Logf("a lone row: %d bytes for %d of values; a row among a hundred: %d", lone, content, hundred/100)
	if overhead := lone - content; overhead > 100 {
		t.Errorf("a lone row costs %d bytes more than its values", overhead)
	}

	// What a row adds to a full record beside its own bytes: nothing but an id of 18 random bytes,
	// a time and a payload hash differs.
	for i := range rows {
		id, hash := rows[i].EventID, rows[i].PayloadHash
		rows[i] = rows[0]
		rows[i].EventID, rows[i].PayloadHash, rows[i].TS = id, hash, rows[0].TS+int64(i)
	}
	hundred, lone = len(batchOf(rows).AppendRecord(nil)), len(batchOf(rows[:1]).AppendRecord(nil))
	perRow := (hundred - lone) / 99
	t.Logf("a further row of 18 + 4 bytes that differ and a time: %d", perRow)
	if overhead := perRow - 18 - 4; overhead > 12 {
		t.Errorf("a row among a hundred costs %d bytes more than what differs", overhead)
	}

	// Rows without any value cost nothing.
	if n := len(batchOf(make([]Row, 10_000)).AppendRecord(nil)); n > 16 {
		t.Errorf("10 000 blank rows: a record of %d bytes", n)
	}
}

// body builds a body of columns.
func column(dst []byte, number uint16, kind Kind, data ...byte) []byte {
	return append(appendColumnHeader(dst, number, kind, len(data)), data...)
}

func TestDecodeSkipsUnknownColumns(t *testing.T) {
	body := column(nil, 77, KindString, 1, 'x', 1, 'y')
	body = column(body, 60_000, 99, 1, 2, 3)
	body = column(body, ColURL, KindString, 1, 'a', 0)
	b := NewBatch()
	if err := b.DecodeRecord(seal(nil, body, 2)); err != nil {
		t.Fatal(err)
	}
	if b.Rows() != 2 || string(b.Str(ColURL, 0)) != "a" || len(b.Str(ColURL, 1)) != 0 || len(b.Str(ColCity, 1)) != 0 {
		t.Errorf("rows %v, %v", b.Values(0), b.Values(1))
	}
}

// TestDecodeForeignDictionary reads dictionaries as another writer may order them:
// the empty string anywhere, a value twice.
func TestDecodeForeignDictionary(t *testing.T) {
	lowCard := func(values string, keys ...byte) []byte {
		data := []byte{0, 6, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}
		data = append(append(data, values...), byte(len(keys)), 0, 0, 0, 0, 0, 0, 0)
		return append(data, keys...)
	}
	body := column(nil, ColSite, KindLowCard, lowCard("\x01a\x01b\x01a", 2, 1, 0)...)
	body = column(body, ColType, KindLowCard, lowCard("\x01c\x00\x01d", 1, 2, 0)...)
	b := NewBatch()
	if err := b.DecodeRecord(seal(nil, body, 3)); err != nil {
		t.Fatal(err)
	}
	var got string
	for i := range 3 {
		got += fmt.Sprintf("%s/%s ", b.Str(ColSite, i), b.Str(ColType, i))
	}
	if want := "a/ b/d a/c "; got != want {
		t.Errorf("rows are %q, want %q", got, want)
	}
	if values, _ := b.Dict(ColSite); len(values) != 3 {
		t.Errorf("values are %q", values)
	}
}

func TestDecodeRefuses(t *testing.T) {
	le := func(n byte) []byte { return []byte{n, 0, 0, 0, 0, 0, 0, 0} }
	lowCard := func(width, dict byte, values string, rows byte, keys ...byte) []byte {
		data := []byte{width, 6, 0, 0, 0, 0, 0, 0}
		data = append(append(data, le(dict)...), values...)
		return append(append(data, le(rows)...), keys...)
	}
	good := batchOf(webRows(3, 1)).AppendRecord(nil)
	flip := func(i int) []byte {
		rec := append([]byte(nil), good...)
		rec[i] ^= 0x10
		return rec
	}
	for name, rec := range map[string][]byte{
		"nothing":           {},
		"header only":       good[:5],
		"short":             good[:3],
		"cut":               good[:len(good)-1],
		"version":           flip(0),
		"checksum":          flip(2),
		"rows":              flip(6),
		"body":              flip(20),
		"too many rows":     seal(nil, nil, MaxRecordRows+1),
		"too large":         seal(nil, make([]byte, MaxRecordRaw+1), 1),
		"half a header":     seal(nil, []byte{1}, 1),
		"column number":     seal(nil, []byte{0xff, 0xff, 4, 1, 0}, 1),
		"column length":     seal(nil, []byte{ColURL, byte(KindString), 9, 0}, 1),
		"wrong kind":        seal(nil, column(nil, ColURL, KindUInt8, 0), 1),
		"column twice":      seal(nil, column(column(nil, ColURL, KindString, 0), ColURL, KindString, 0), 1),
		"string cut":        seal(nil, column(nil, ColURL, KindString, 2, 'a'), 1),
		"string length":     seal(nil, column(nil, ColURL, KindString, 0xff, 0xff, 0xff, 0xff, 0x7f), 1),
		"long length":       seal(nil, column(nil, ColURL, KindString, 0x81, 0, 'a'), 1),
		"string too few":    seal(nil, column(nil, ColURL, KindString, 0), 2),
		"string too many":   seal(nil, column(nil, ColURL, KindString, 0, 0), 1),
		"number short":      seal(nil, column(nil, ColTS, KindTime, 1, 2, 3), 1),
		"number long":       seal(nil, column(nil, ColFlags, KindUInt8, 1, 2), 1),
		"key beyond":        seal(nil, column(nil, ColSite, KindLowCard, lowCard(0, 1, "\x00", 1, 1)...), 1),
		"key width":         seal(nil, column(nil, ColSite, KindLowCard, lowCard(3, 1, "\x00", 1, le(0)...)...), 1),
		"dictionary size":   seal(nil, column(nil, ColSite, KindLowCard, lowCard(0, 200, "\x00", 1, 0)...), 1),
		"dictionary rows":   seal(nil, column(nil, ColSite, KindLowCard, lowCard(0, 1, "\x00", 2, 0)...), 1),
		"text in place":     seal(nil, column(nil, ColSite, KindString, 5, 'a'), 1),
		"offsets fall":      seal(nil, column(nil, ColProps, KindProps, slices.Concat(le(2), le(1), lowCard(0, 1, "\x00", 1, 0), []byte{0})...), 2),
		"offsets beyond":    seal(nil, column(nil, ColProps, KindProps, 0, 0, 0, 0, 0, 0, 0, 0x80), 1),
		"pairs cut":         seal(nil, column(nil, ColProps, KindProps, le(1)...), 1),
		"values cut":        seal(nil, column(nil, ColPropsNum, KindNums, append(le(1), lowCard(0, 1, "\x00", 1, 0)...)...), 1),
		"column of no rows": seal(nil, column(nil, ColURL, KindString, 0), 0),
	} {
		rows := webRows(4, 2)
		b := batchOf(rows)
		err := b.DecodeRecord(rec)
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v, want ErrCorrupt", name, err)
		}
		// The batch is as before and still works.
		if !b.Equal(batchOf(rows)) {
			t.Errorf("%s: the batch changed", name)
		}
		b.AppendBatch(batchOf(rows), nil)
		if err := b.DecodeRecord(good); err != nil || b.Rows() != 11 || !b.Equal(again(t, b)) {
			t.Errorf("%s: the batch does not work after it: %v", name, err)
		}
	}
}

// again is b after a record.
func again(t *testing.T, b *Batch) *Batch {
	t.Helper()
	o := NewBatch()
	if err := o.DecodeRecord(b.AppendRecord(nil)); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRecordLimitPanics(t *testing.T) {
	for name, b := range map[string]*Batch{
		"rows":  batchOf(make([]Row, MaxRecordRows+1)),
		"bytes": batchOf([]Row{{URL: make([]byte, MaxRecordRaw)}}),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a record beyond the limit was written", name)
				}
			}()
			b.AppendRecord(nil)
		}()
	}
}

func TestPoolResets(t *testing.T) {
	var p Pool
	b := p.Get()
	b.Append(&Row{Tenant: "a", Props: []Prop{{[]byte("k"), []byte("v")}}})
	p.Put(b)
	for range 3 {
		if b := p.Get(); b.Rows() != 0 {
			t.Fatalf("%d rows in a batch from the pool", b.Rows())
		}
	}
}
