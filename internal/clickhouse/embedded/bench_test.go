package embedded

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

func usageOf(tb testing.TB, e *Engine) Usage {
	tb.Helper()
	u, err := e.Usage(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// The sum of what statements are told to have used is near what the process used.
func TestUsage(t *testing.T) {
	e := startEngine(t, testConfig(t))
	u := usageOf(t, e)
	if u.CPU <= 0 || u.RSS < 50<<20 || u.RSS > 4<<30 {
		t.Fatalf("usage %+v", u)
	}
	var sum time.Duration
	for i, sql := range []string{"SELECT sum(cityHash64(number, 1, 2)) FROM numbers_mt(500000000)", "SELECT uniqExact(number) FROM numbers_mt(5000000)", "SELECT number FROM numbers(1000000)"} {
		_, s := one(t, e.Client(), clickhouse.Statement{SQL: sql, Format: []string{"JSON", "TSV", "JSONCompactEachRow"}[i]})
		t.Logf("%v of %v: %s", s.CPU, s.Elapsed, sql)
		sum += s.CPU
	}
	used := usageOf(t, e).CPU - u.CPU
	t.Logf("statements %v, process %v", sum, used)
	if sum < used*7/10 || sum > used*11/10 {
		t.Errorf("statements used %v, the process %v", sum, used)
	}
}

func BenchmarkSelect1(b *testing.B) {
	e := startEngine(b, testConfig(b))
	for _, tenant := range []string{"", "acme"} {
		name := "weir"
		if tenant != "" {
			name = "tenant"
		}
		b.Run(name, func(b *testing.B) {
			before := usageOf(b, e).CPU
			n := 0
			for b.Loop() {
				n++
				if _, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: "SELECT 1 + 0", Tenant: tenant}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((usageOf(b, e).CPU-before).Microseconds())/float64(n), "engine-cpu-µs/op")
		})
	}
}

func BenchmarkPing(b *testing.B) {
	e := startEngine(b, testConfig(b))
	for b.Loop() {
		if err := e.Client().Ping(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	e := startEngine(b, testConfig(b))
	c := e.Client()
	createEvents(b, c, "events", "toYYYYMM(ts)")
	mustExec(b, c, "SYSTEM STOP MERGES weir.events")
	for _, rows := range []int{1, 1000, 100_000, 500_000} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			body := blocks(b, "acme", 0, rows, min(rows, 100_000))
			before := usageOf(b, e).CPU
			n := 0
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				n++
				if _, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("events"), Settings: clickhouse.OneBlockSettings()}, bytes.NewReader(body)); err != nil {
					b.Fatal(err)
				}
			}
			cpu := usageOf(b, e).CPU - before
			b.ReportMetric(cpu.Seconds()/float64(n*rows)*1e6, "engine-cpu-s/Mrow")
			b.ReportMetric(float64(cpu.Microseconds())/float64(n)/1000, "engine-cpu-ms/op")
		})
	}
}

// BenchmarkParts looks for nothing in a table of many parts and a row policy, with the granules chosen by one thread, as all statements are run, and by as many as the engine takes by itself.
func BenchmarkParts(b *testing.B) {
	e := startEngine(b, testConfig(b))
	for _, sql := range []string{
		"CREATE DATABASE IF NOT EXISTS weir", // whose tables have row policies
		"CREATE TABLE weir.parts (day UInt16, tenant LowCardinality(String), n UInt32) ENGINE = MergeTree PARTITION BY day ORDER BY (tenant, n)",
		"INSERT INTO weir.parts SELECT number % 300, 'acme', number FROM numbers(300000)",
	} {
		if _, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: sql, Settings: map[string]string{"max_partitions_per_insert_block": "0"}}); err != nil {
			b.Fatal(err)
		}
	}
	for name, threads := range map[string]string{"one": "", "many": "0"} {
		settings := map[string]string{}
		if threads != "" {
			settings["max_threads_for_indexes"] = threads
		}
		b.Run(name, func(b *testing.B) {
			before := usageOf(b, e).CPU
			n := 0
			for b.Loop() {
				n++
				if _, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: "SELECT n, " + strconv.Itoa(n) + " FROM weir.parts WHERE tenant = 'nobody'", Settings: settings}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((usageOf(b, e).CPU-before).Microseconds())/float64(n), "engine-cpu-µs/op")
		})
	}
}
