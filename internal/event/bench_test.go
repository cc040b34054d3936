package event

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
)

// webRows are n page views as a door makes them: 12 to 20 filled columns, of
// tenants sites of one tenant each.
func webRows(n, tenants int) []Row {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	agents := make([]string, 60)
	for i := range agents {
		agents[i] = fmt.Sprintf("Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.0 Safari/537.36",
			pick("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64", "Linux; Android 14; K"),
			110+i/4, 1000+rng.IntN(5000))
	}
	uuid := func() []byte {
		return fmt.Appendf(nil, "%08x-%04x-7%03x-%04x-%012x", rng.Uint32(), rng.Uint32()>>16, rng.Uint32()>>20, rng.Uint32()>>16, rng.Uint64()>>16)
	}
	clients := make([][2][]byte, max(1, n/20))
	for i := range clients {
		clients[i] = [2][]byte{uuid(), uuid()}
	}
	rows := make([]Row, n)
	for i := range rows {
		t, c := rng.IntN(tenants), clients[rng.IntN(len(clients))]
		host := fmt.Sprintf("www.shop%d.example", t)
		path := fmt.Sprintf("/%s/%s-%d", pick("products", "blog", "help"), pick("blue-shirt", "red-shoes", "how-to", "about"), rng.IntN(500))
		rows[i] = Row{
			Tenant: fmt.Sprintf("tenant%d", t), Site: fmt.Sprintf("site-%d", t),
			TS: 1_790_000_000_000 + int64(i)*7 + rng.Int64N(500), ReceivedAt: 1_790_000_000_900 + int64(i)*7,
			Type: []byte(pick("pageview", "pageview", "pageview", "click", "purchase")), EventID: uuid(),
			ClientID: c[0], SessionID: c[1], URL: []byte("https://" + host + path), Host: []byte(host), Path: []byte(path),
			Country: pick("US", "DE", "FR", "GB", "IN", "BR"), Device: pick("desktop", "mobile"),
			OS: pick("Windows", "macOS", "Linux", "Android"), Browser: "Chrome", UserAgent: []byte(agents[rng.IntN(len(agents))]),
			EnrichVersion: 1, PayloadHash: rng.Uint32(), Flags: FlagSenderID,
			Props: []Prop{{[]byte("theme"), []byte(pick("dark", "light"))}},
		}
		if rng.IntN(3) == 0 {
			rows[i].Referrer, rows[i].ReferrerHost = []byte("https://www.google.com/"), []byte("www.google.com")
			rows[i].UTMSource = []byte("newsletter")
		}
		if rng.IntN(5) == 0 {
			rows[i].Nums = []Num{{[]byte("price"), float64(rng.IntN(10000)) / 100}}
		}
	}
	return rows
}

// benchRows is a record of about 150 KB before compression.
const benchRows = 500

func perRow(b *testing.B, rows int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

func BenchmarkAppend(b *testing.B) {
	rows, batch := webRows(benchRows, 20), NewBatch()
	b.SetBytes(int64(batchOf(rows).Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		for i := range rows {
			batch.Append(&rows[i])
		}
	}
	perRow(b, len(rows))
}

// BenchmarkAppendSmall appends five rows at a time, as one request brings them,
// and joins the requests.
func BenchmarkAppendSmall(b *testing.B) {
	rows, small, batch := webRows(benchRows, 20), NewBatch(), NewBatch()
	b.SetBytes(int64(batchOf(rows).Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		for i := 0; i < len(rows); i += 5 {
			small.Reset()
			for j := i; j < i+5; j++ {
				small.Append(&rows[j])
			}
			batch.AppendBatch(small, nil)
		}
	}
	perRow(b, len(rows))
}

func BenchmarkAppendBatch(b *testing.B) {
	rows := webRows(benchRows, 20)
	src, batch := batchOf(rows), NewBatch()
	keep := make([]bool, len(rows))
	var index []int
	for i := range keep {
		keep[i] = i%20 != 0
		if i%4 == 1 {
			index = append(index, i)
		}
	}
	for name, f := range map[string]func() int{
		"all":   func() int { batch.AppendBatch(src, nil); return len(rows) },
		"keep":  func() int { batch.AppendBatch(src, keep); return len(rows) },
		"index": func() int { batch.AppendIndex(src, index); return len(index) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(src.Bytes()))
			b.ReportAllocs()
			n, i := 0, 0
			for b.Loop() {
				if i++; i%100 == 0 {
					batch.Reset()
				}
				n = f()
			}
			perRow(b, n)
		})
	}
}

func BenchmarkAppendRecord(b *testing.B) {
	for _, n := range []int{1, 10, benchRows, 2500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src := batchOf(webRows(n, 20))
			var rec []byte
			b.SetBytes(int64(src.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				rec = src.AppendRecord(rec[:0])
			}
			perRow(b, n)
			b.ReportMetric(float64(len(rec))/float64(n), "bytes/row")
		})
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	for _, n := range []int{1, 10, benchRows, 2500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src := batchOf(webRows(n, 20))
			rec, batch := src.AppendRecord(nil), NewBatch()
			b.SetBytes(int64(src.Bytes()))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if batch.Rows() > 50_000 {
					batch.Reset()
				}
				if err := batch.DecodeRecord(rec); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, n)
		})
	}
}

func BenchmarkNative(b *testing.B) {
	const n = 50_000
	src := batchOf(webRows(n, 20))
	seq := make(proto.ColUInt64, n)
	b.SetBytes(int64(src.Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, src.Native(Extra{"_seq", &seq})); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, n)
}
