package schema_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/testkit"
)

// nativeEvents are page views of many visitors, as one block of an insert.
func nativeEvents(rows int, rng *rand.Rand) []byte {
	b := event.NewBatch()
	ts := int64(1_773_050_400_000)
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	for i := range rows {
		client := fmt.Sprintf("%08x-%04x", rng.IntN(500_000), rng.IntN(500))
		path := "/section/" + strconv.Itoa(rng.IntN(8)) + "/" + strconv.Itoa(rng.IntN(2000))
		b.Append(&event.Row{Tenant: "acme", Site: "site-1", TS: ts + int64(i), ReceivedAt: ts + int64(i) + 80, Type: []byte(pick("pageview", "click", "scroll")), EventID: []byte(fmt.Sprintf("%032x", rng.Uint64())),
			ClientID: []byte(client), SessionID: []byte(client + "-1"), URL: []byte("https://www.example.com" + path), Host: []byte("www.example.com"), Path: []byte(path),
			Referrer: []byte("https://search.example/"), ReferrerHost: []byte("search.example"), Channel: pick("search", "social", "direct"), Country: pick("DE", "FR", "US", "JP"), Device: pick("mobile", "desktop"),
			Browser: pick("Chrome", "Firefox", "Safari"), OS: pick("Linux", "Windows", "iOS"), UserAgent: []byte("Mozilla/5.0 " + strconv.Itoa(rng.IntN(60))),
			Props: []event.Prop{{Key: []byte("plan"), Value: []byte(pick("free", "pro"))}, {Key: []byte("theme"), Value: []byte("dark")}},
			Nums:  []event.Num{{Key: []byte("width"), Value: float64(rng.IntN(2000))}, {Key: []byte("value"), Value: rng.Float64()}}})
	}
	block, err := io.ReadAll(b.Native())
	if err != nil {
		panic(err)
	}
	return block
}

// BenchmarkMerge tells the engine's CPU of inserts and of the merge of fourteen of them, a row: of the table of events as it is, and as it was up to version 3, with
// dictionaries of the names in the maps, and merged column by column from 131 072 rows on.
func BenchmarkMerge(b *testing.B) {
	const parts, rows = 14, 150_000
	c := testkit.Engine(b)
	rng := rand.New(rand.NewPCG(1, 2))
	var blocks [][]byte
	for range parts {
		blocks = append(blocks, nativeEvents(rows, rng))
	}
	insert := "INSERT INTO weir.bench_merge (" + strings.Join(event.NativeColumns(), ", ") + ") FORMAT Native"
	exec := func(sql string) {
		b.Helper()
		if _, err := c.Exec(b.Context(), clickhouse.Statement{SQL: sql}); err != nil {
			b.Fatalf("%.200s: %v", sql, err)
		}
	}
	dictionaries := "ALTER TABLE weir.bench_merge MODIFY COLUMN props Map(LowCardinality(String), String), MODIFY COLUMN props_num Map(LowCardinality(String), Float64)"
	columns := "ALTER TABLE weir.bench_merge MODIFY SETTING vertical_merge_algorithm_min_bytes_to_activate = 0, merge_max_block_size = 8192"
	for _, v := range []struct {
		name  string
		alter []string
	}{{"now", nil}, {"column-by-column", []string{columns}}, {"version-3", []string{dictionaries, columns}}} {
		b.Run(v.name, func(b *testing.B) {
			var inserts, merge float64
			for range b.N {
				exec("DROP TABLE IF EXISTS weir.bench_merge SYNC")
				exec("CREATE TABLE weir.bench_merge AS weir.events")
				for _, sql := range v.alter {
					exec(sql)
				}
				exec("SYSTEM STOP MERGES weir.bench_merge")
				used := testkit.EngineCPU(b)
				for _, block := range blocks {
					if _, err := c.Insert(b.Context(), clickhouse.Statement{SQL: insert, Settings: clickhouse.OneBlockSettings()}, bytes.NewReader(block)); err != nil {
						b.Fatal(err)
					}
				}
				inserted := testkit.EngineCPU(b)
				exec("SYSTEM START MERGES weir.bench_merge")
				exec("OPTIMIZE TABLE weir.bench_merge FINAL")
				inserts += (inserted - used).Seconds()
				merge += (testkit.EngineCPU(b) - inserted).Seconds()
			}
			n := float64(b.N * parts * rows)
			b.ReportMetric(inserts/n*1e6, "insert-µs/row")
			b.ReportMetric(merge/n*1e6, "merge-µs/row")
		})
	}
	exec("DROP TABLE weir.bench_merge SYNC")
}
