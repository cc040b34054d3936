package event

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func drawBytes(t *rapid.T, name string) []byte {
	switch rapid.IntRange(0, 5).Draw(t, name+" kind") {
	case 0, 1:
		return nil
	case 2:
		return []byte(rapid.SampledFrom([]string{"a", "b", "GET", "pageview"}).Draw(t, name))
	case 3:
		return make([]byte, rapid.SampledFrom([]int{127, 128, 129, 300, 16384}).Draw(t, name))
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, name)
}

// drawRow draws a row in which every column may be empty.
func drawRow(t *rapid.T) Row {
	text := func(name string) string { return string(drawBytes(t, name)) }
	r := Row{
		Tenant: text("tenant"), Site: text("site"),
		TS: rapid.Int64().Draw(t, "ts"), ReceivedAt: rapid.Int64Range(0, 1).Draw(t, "received"),
		Type: drawBytes(t, "type"), EventID: drawBytes(t, "event_id"), ClientID: drawBytes(t, "client"),
		UserID: drawBytes(t, "user"), SessionID: drawBytes(t, "session"), URL: drawBytes(t, "url"),
		Host: drawBytes(t, "host"), Path: drawBytes(t, "path"), Referrer: drawBytes(t, "referrer"),
		ReferrerHost: drawBytes(t, "referrer_host"), UTMSource: drawBytes(t, "source"),
		UTMMedium: drawBytes(t, "medium"), UTMCampaign: drawBytes(t, "campaign"),
		Country: text("country"), Region: text("region"), City: text("city"), Device: text("device"),
		OS: text("os"), Browser: text("browser"), IsBot: rapid.Bool().Draw(t, "bot"),
		Channel: text("channel"), UTMTerm: drawBytes(t, "term"), UTMContent: drawBytes(t, "content"), BotRule: text("rule"),
		BotScore: rapid.Uint8().Draw(t, "score"), Net: drawBytes(t, "net"), ClientTS: rapid.Int64Range(0, 2).Draw(t, "client_ts"),
		UserAgent: drawBytes(t, "agent"), EnrichVersion: rapid.Uint16().Draw(t, "enrich"),
		PayloadHash: rapid.Uint32().Draw(t, "hash"), Flags: rapid.Uint8().Draw(t, "flags"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "props") {
		r.Props = append(r.Props, Prop{drawBytes(t, "key"), drawBytes(t, "value")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "nums") {
		r.Nums = append(r.Nums, Num{drawBytes(t, "num key"), rapid.Float64().Draw(t, "num")})
	}
	return r
}

var usedRow = func() Row {
	v := []byte("used")
	return Row{
		Tenant: "used", Site: "used", TS: -1, ReceivedAt: -1, Type: v, EventID: v, ClientID: v, UserID: v, SessionID: v,
		URL: v, Host: v, Path: v, Referrer: v, ReferrerHost: v, UTMSource: v, UTMMedium: v, UTMCampaign: v, Country: "used",
		Region: "used", City: "used", Device: "used", OS: "used", Browser: "used", IsBot: true, UserAgent: v,
		Channel: "used", UTMTerm: v, UTMContent: v, BotRule: "used", BotScore: 99, Net: v, ClientTS: -2,
		EnrichVersion: 99, Props: []Prop{{v, v}}, Nums: []Num{{v, 1}}, PayloadHash: 99, Flags: 99,
	}
}()

func drawRows(t *rapid.T) []Row {
	return rapid.SliceOfN(rapid.Custom(drawRow), 0, 12).Draw(t, "rows")
}

// batchOf is a batch that was used before, so that what Reset leaves behind must not show.
func batchOf(rows []Row) *Batch {
	b := NewBatch()
	for range 40 {
		b.Append(&usedRow)
	}
	b.Reset()
	for i := range rows {
		b.Append(&rows[i])
	}
	return b
}

// checkRows compares every row of b with what was appended.
func checkRows(t *rapid.T, b *Batch, want []Row) {
	t.Helper()
	if b.Rows() != len(want) {
		t.Fatalf("%d rows, want %d", b.Rows(), len(want))
	}
	for i := range want {
		if got := b.Row(i); !got.equal(&want[i]) {
			t.Fatalf("row %d is\n%+v, want\n%+v", i, got, want[i])
		}
	}
}

func TestBatchKeepsRows(t *testing.T) {
	b := NewBatch() // reused, so that Reset is tested as well
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		b.Reset()
		for i := range rows {
			b.Append(&rows[i])
		}
		checkRows(t, b, rows)
	})
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, rows := drawRows(t), drawRows(t)
		src := batchOf(rows)
		rec := src.AppendRecord([]byte("prefix"))
		checkRows(t, src, rows) // encoding changes nothing
		if n := len(src.appendBody(nil)); n > src.Bytes() {
			t.Fatalf("Bytes is %d, the body has %d", src.Bytes(), n)
		}
		b := batchOf(before)
		if err := b.DecodeRecord(rec[len("prefix"):]); err != nil {
			t.Fatal(err)
		}
		checkRows(t, b, append(before, rows...))
	})
}

func TestAppendBatchFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, rows := drawRows(t), drawRows(t)
		keep := make([]bool, len(rows))
		want := before
		var index []int
		for i := range rows {
			if keep[i] = rapid.Bool().Draw(t, "keep"); keep[i] {
				want = append(want, rows[i])
				index = append(index, i)
			}
		}
		src := batchOf(rows)
		b := batchOf(before)
		b.AppendBatch(src, keep)
		checkRows(t, b, want)
		b = batchOf(before)
		b.AppendIndex(src, index)
		checkRows(t, b, want)
		checkRows(t, src, rows)
	})
}

func TestAppendIndexReorders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawRows(t)
		rows := rapid.SliceOfN(rapid.Custom(drawRow), 1, 8).Draw(t, "source")
		index := rapid.SliceOf(rapid.IntRange(0, len(rows)-1)).Draw(t, "index")
		want := before
		for _, i := range index {
			want = append(want, rows[i])
		}
		b := batchOf(before)
		b.AppendIndex(batchOf(rows), index)
		checkRows(t, b, want)
	})
}

// TestSplitsJoin splits rows anywhere and joins the pieces again, some of them as records.
func TestSplitsJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		whole, b := batchOf(rows), NewBatch()
		for from := 0; from < len(rows); {
			to := rapid.IntRange(from, len(rows)).Draw(t, "cut")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				b.AppendRange(whole, from, to)
			case 1:
				b.AppendBatch(batchOf(rows[from:to]), nil)
			case 2:
				if err := b.DecodeRecord(batchOf(rows[from:to]).AppendRecord(nil)); err != nil {
					t.Fatal(err)
				}
			}
			from = to
		}
		checkRows(t, b, rows)
		if !b.Equal(whole) {
			t.Fatal("not equal to the whole")
		}
	})
}

func native(b *Batch) []byte {
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, b.Native()); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func TestAccessors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		b := batchOf(rows)
		values, keys := b.Dict(ColSite)
		types, typeKeys := b.Dict(ColType)
		for i := range rows {
			if got := string(values[keys[i]]); got != rows[i].Site {
				t.Fatalf("row %d: site %q, want %q", i, got, rows[i].Site)
			}
			if got := types[typeKeys[i]]; string(got) != string(rows[i].Type) {
				t.Fatalf("row %d: type %q, want %q", i, got, rows[i].Type)
			}
			if b.Times(ColTS)[i] != rows[i].TS || b.Times(ColReceivedAt)[i] != rows[i].ReceivedAt {
				t.Fatalf("row %d: times", i)
			}
			if b.Flags()[i] != rows[i].Flags || b.PayloadHashes()[i] != rows[i].PayloadHash {
				t.Fatalf("row %d: flags or payload hash", i)
			}
			if string(b.Str(ColURL, i)) != string(rows[i].URL) || string(b.Str(ColCity, i)) != rows[i].City {
				t.Fatalf("row %d: Str", i)
			}
		}
		if len(keys) != len(rows) || len(b.Times(ColTS)) != len(rows) || len(b.Flags()) != len(rows) {
			t.Fatal("a column is too long")
		}
	})
}

// TestLayout checks that the constants by which Append finds columns agree with Columns.
func TestLayout(t *testing.T) {
	want := map[uint16]int{
		ColTenant: lcTenant, ColSite: lcSite, ColType: lcType, ColHost: lcHost,
		ColReferrerHost: lcReferrerHost, ColUTMSource: lcUTMSource, ColUTMMedium: lcUTMMedium,
		ColUTMCampaign: lcUTMCampaign, ColCountry: lcCountry, ColRegion: lcRegion, ColCity: lcCity,
		ColDevice: lcDevice, ColOS: lcOS, ColBrowser: lcBrowser, ColUserAgent: lcUserAgent,
		ColEventID: strEventID, ColClientID: strClientID, ColUserID: strUserID, ColSessionID: strSessionID,
		ColURL: strURL, ColPath: strPath, ColReferrer: strReferrer, ColChannel: lcChannel, ColUTMTerm: lcUTMTerm, ColUTMContent: lcUTMContent,
		ColBotRule: lcBotRule, ColBotScore: u8BotScore, ColNet: strNet, ColClientTS: timeClientTS,
		ColTS: timeTS, ColReceivedAt: timeReceivedAt, ColIsBot: u8IsBot, ColFlags: u8Flags,
		ColEnrichVersion: u16EnrichVersion, ColPayloadHash: u32PayloadHash, ColProps: 0, ColPropsNum: 0,
	}
	if len(want) != len(Columns) {
		t.Errorf("%d columns, the test knows %d", len(Columns), len(want))
	}
	for _, c := range Columns {
		if got := int(slotOf(c.Number).index); got != want[c.Number] {
			t.Errorf("column %s is at %d, Append uses %d", c.Name, got, want[c.Number])
		}
	}
}

// TestLargeDictionary crosses the widths of keys, 1, 2 and 4 bytes.
func TestLargeDictionary(t *testing.T) {
	for _, distinct := range []int{254, 255, 256, 257, 65534, 65535, 65536, 65537, 100_000} {
		src := NewBatch()
		for i := range distinct {
			src.Append(&Row{Tenant: "t", UserAgent: fmt.Append(nil, "agent", i), Props: []Prop{{fmt.Append(nil, i), nil}}})
		}
		b := NewBatch()
		b.Append(&Row{UserAgent: []byte("other")})
		b.AppendBatch(src, nil)
		if err := b.DecodeRecord(src.AppendRecord(nil)); err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 255, 256, distinct - 1} {
			if i >= distinct {
				continue
			}
			for _, row := range []int{1 + i, 1 + distinct + i} {
				if got, want := string(b.Str(ColUserAgent, row)), fmt.Sprint("agent", i); got != want {
					t.Errorf("%d values: row %d is %q, want %q", distinct, row, got, want)
				}
				if got, want := string(b.Row(row).Props[0].Key), fmt.Sprint(i); got != want {
					t.Errorf("%d values: row %d has key %q, want %q", distinct, row, got, want)
				}
			}
		}
		few := NewBatch() // too few rows for a table of all keys
		few.AppendIndex(src, []int{distinct - 1, 3, 3})
		for row, i := range []int{distinct - 1, 3, 3} {
			if got, want := string(few.Str(ColUserAgent, row)), fmt.Sprint("agent", i); got != want {
				t.Errorf("%d values: of few rows %d is %q, want %q", distinct, row, got, want)
			}
		}
		if values, _ := few.Dict(ColUserAgent); len(values) != 3 {
			t.Errorf("%d values: few rows have %d, want 3", distinct, len(values))
		}
		if values, _ := b.Dict(ColUserAgent); len(values) != distinct+2 {
			t.Errorf("%d values in the dictionary, want %d", len(values), distinct+2)
		}
		b.Reset()
		b.Append(&Row{UserAgent: []byte("x")})
		if got := string(b.Str(ColUserAgent, 0)); got != "x" {
			t.Errorf("after Reset: %q", got)
		}
	}
}
