package rollup_test

import (
	"fmt"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/testkit"
)

// BenchmarkClients compares what the hashes of clients cost as plain arrays with what they would as states of uniq and groupUniqArray: a step of the page rollup over a
// million events, a merge of five such steps, and the question how many clients there were.
func BenchmarkClients(b *testing.B) {
	c := testkit.Engine(b)
	exec := func(sql string) {
		b.Helper()
		if _, err := c.Exec(b.Context(), clickhouse.Statement{SQL: sql, Settings: clickhouse.OneBlockSettings()}); err != nil {
			b.Fatalf("%.200s: %v", sql, err)
		}
	}
	exec("CREATE TABLE IF NOT EXISTS weir.bench_events (ts DateTime64(3, 'UTC'), type LowCardinality(String), host String, path String, client_id String) ENGINE = MergeTree ORDER BY ts")
	exec(`INSERT INTO weir.bench_events SELECT toDateTime64('2025-11-20 00:00:00', 3, 'UTC') + number / 200000, ['pageview', 'click', 'scroll', 'purchase'][1 + rand(1) % 4], concat('h', toString(rand(2) % 3)),
  concat('/section/', toString(rand(3) % 8), '/', toString(toUInt32(pow(rand(4) / 4294967296, 3) * 2000))), concat('c', leftPad(toString(rand(5) % 1000000), 9, '0')) FROM numbers(1000000)`)
	defer exec("DROP TABLE weir.bench_events SYNC")
	for _, v := range []struct{ name, columns, values, ask string }{
		{"arrays", fmt.Sprintf("clients SimpleAggregateFunction(%s, Array(UInt64)), sample SimpleAggregateFunction(%[1]s, Array(UInt64))", rollup.UnionSQL(rollup.CellClients)),
			rollup.HashesSQL(rollup.InClients, rollup.CellClients) + ", " + rollup.HashesSQL(rollup.InSample, rollup.CellClients),
			fmt.Sprintf("length(%s(clients)) + uniqExactArray(sample)", rollup.UnionSQL(rollup.ExactClients+1))},
		{"states", fmt.Sprintf("clients AggregateFunction(uniq, String), sample AggregateFunction(groupUniqArray(%d), UInt64)", rollup.ExactClients+1),
			fmt.Sprintf("uniqStateIf(client_id, client_id != ''), groupUniqArrayStateIf(%d)(%s, client_id != '')", rollup.ExactClients+1, rollup.VisitorHash("")),
			fmt.Sprintf("uniqMerge(clients) + length(groupUniqArrayMerge(%d)(sample))", rollup.ExactClients+1)},
	} {
		step := "INSERT INTO weir.bench_cells SELECT toStartOfHour(ts), type, host, path, count(), " + v.values + " FROM weir.bench_events GROUP BY ALL"
		create := func() {
			exec("DROP TABLE IF EXISTS weir.bench_cells SYNC")
			exec("CREATE TABLE weir.bench_cells (time DateTime('UTC'), type LowCardinality(String), host String, path String, events SimpleAggregateFunction(sum, UInt64), " + v.columns +
				") ENGINE = AggregatingMergeTree ORDER BY (time, type, host, path)")
			exec("SYSTEM STOP MERGES weir.bench_cells")
		}
		measure := func(name string, before func(), sql string) {
			b.Run(v.name+"/"+name, func(b *testing.B) {
				var used time.Duration
				for b.Loop() {
					b.StopTimer()
					before()
					at := testkit.EngineCPU(b)
					b.StartTimer()
					exec(sql)
					used += testkit.EngineCPU(b) - at
				}
				b.ReportMetric(float64(used.Milliseconds())/float64(b.N), "cpu-ms/op")
			})
		}
		measure("step", create, step)
		measure("merge", func() {
			create()
			for range 5 {
				exec(step)
			}
			exec("SYSTEM START MERGES weir.bench_cells")
		}, "OPTIMIZE TABLE weir.bench_cells FINAL")
		measure("question", func() {}, "SELECT type, "+v.ask+" FROM weir.bench_cells GROUP BY type FORMAT Null")
		exec("DROP TABLE weir.bench_cells SYNC")
	}
}
