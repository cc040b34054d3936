package embedded

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/ClickHouse/ch-go/proto"

	"weir/internal/clickhouse"
)

// createEvents makes the database and a table like weir's own; partition is a key such as "toDate(ts)".
func createEvents(tb testing.TB, c *clickhouse.Client, table, partition string) {
	tb.Helper()
	mustExec(tb, c, "CREATE DATABASE IF NOT EXISTS weir")
	mustExec(tb, c, `CREATE TABLE weir.`+table+` (
		tenant LowCardinality(String), site_id LowCardinality(String), ts DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
		type LowCardinality(String), event_id String, client_id String, user_id String, session_id String, url String,
		host LowCardinality(String), path String, referrer String, referrer_host LowCardinality(String),
		utm_source LowCardinality(String), utm_medium LowCardinality(String), utm_campaign LowCardinality(String),
		country LowCardinality(String), region LowCardinality(String), city LowCardinality(String), device LowCardinality(String),
		os LowCardinality(String), browser LowCardinality(String), is_bot UInt8, user_agent LowCardinality(String), enrich_version UInt16,
		props Map(LowCardinality(String), String), props_num Map(LowCardinality(String), Float64), _seq UInt64)
		ENGINE = MergeTree PARTITION BY `+partition+` ORDER BY (tenant, toStartOfHour(ts), type, client_id)`)
}

// block makes a Native block of rows [from, from+n) of the table of createEvents, ts one a second.
func block(tb testing.TB, tenant string, from, n int) []byte {
	tb.Helper()
	low := func(f func(i int) string) *proto.ColLowCardinality[string] {
		c := new(proto.ColStr).LowCardinality()
		for i := from; i < from+n; i++ {
			c.Append(f(i))
		}
		return c
	}
	str := func(f func(i int) string) *proto.ColStr {
		c := new(proto.ColStr)
		for i := from; i < from+n; i++ {
			c.Append(f(i))
		}
		return c
	}
	is := func(s string) func(int) string { return func(int) string { return s } }
	of := func(s string, m int) func(int) string { return func(i int) string { return fmt.Sprint(s, i%m) } }
	ts := new(proto.ColDateTime64).WithPrecision(3)
	bot, seq, ver := new(proto.ColUInt8), new(proto.ColUInt64), new(proto.ColUInt16)
	props := proto.NewMap[string, string](new(proto.ColStr).LowCardinality(), new(proto.ColStr))
	nums := proto.NewMap[string, float64](new(proto.ColStr).LowCardinality(), new(proto.ColFloat64))
	for i := from; i < from+n; i++ {
		ts.AppendRaw(proto.DateTime64(1_750_000_000_000 + int64(i)*1000))
		bot.Append(0)
		seq.Append(uint64(i))
		ver.Append(1)
		props.Append(map[string]string{"plan": fmt.Sprint("p", i%5), "step": fmt.Sprint(i % 100)})
		nums.Append(map[string]float64{"value": float64(i)})
	}
	in := proto.Input{
		{Name: "tenant", Data: low(is(tenant))}, {Name: "site_id", Data: low(of("site", 3))}, {Name: "ts", Data: ts}, {Name: "received_at", Data: ts},
		{Name: "type", Data: low(of("type", 7))}, {Name: "event_id", Data: str(of("01J9Z0-", 1<<60))}, {Name: "client_id", Data: str(of("client-", 5000))},
		{Name: "user_id", Data: str(of("u", 1000))}, {Name: "session_id", Data: str(of("s", 20000))}, {Name: "url", Data: str(of("https://www.example.com/some/page?id=", 300))},
		{Name: "host", Data: low(is("www.example.com"))}, {Name: "path", Data: str(of("/some/page/", 300))}, {Name: "referrer", Data: str(is("https://search.example/"))},
		{Name: "referrer_host", Data: low(is("search.example"))}, {Name: "utm_source", Data: low(is(""))}, {Name: "utm_medium", Data: low(is(""))},
		{Name: "utm_campaign", Data: low(is(""))}, {Name: "country", Data: low(of("C", 40))}, {Name: "region", Data: low(is(""))}, {Name: "city", Data: low(of("city", 300))},
		{Name: "device", Data: low(of("d", 3))}, {Name: "os", Data: low(of("os", 5))}, {Name: "browser", Data: low(of("b", 6))}, {Name: "is_bot", Data: bot},
		{Name: "user_agent", Data: low(of("Mozilla/5.0 (X11; Linux x86_64) agent ", 50))}, {Name: "enrich_version", Data: ver},
		{Name: "props", Data: props}, {Name: "props_num", Data: nums}, {Name: "_seq", Data: seq},
	}
	var buf proto.Buffer
	for _, c := range in {
		if p, ok := c.Data.(proto.Preparable); ok {
			if err := p.Prepare(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := (proto.Block{Columns: len(in), Rows: n}).EncodeRawBlock(&buf, 0, in); err != nil {
		tb.Fatal(err)
	}
	return buf.Buf
}

// blocks makes one body of several blocks.
func blocks(tb testing.TB, tenant string, from, rows, perBlock int) []byte {
	tb.Helper()
	var b bytes.Buffer
	for i := from; i < from+rows; i += perBlock {
		b.Write(block(tb, tenant, i, min(perBlock, from+rows-i)))
	}
	return b.Bytes()
}

func insertSQL(table string) string { return "INSERT INTO weir." + table + " FORMAT Native" }

// one reads a statement's answer as text.
func one(tb testing.TB, c *clickhouse.Client, s clickhouse.Statement) (string, clickhouse.Summary) {
	tb.Helper()
	b, sum, err := ask(c, s)
	if err != nil {
		tb.Fatalf("%s: %v", s.SQL, err)
	}
	return b, sum
}

func ask(c *clickhouse.Client, s clickhouse.Statement) (string, clickhouse.Summary, error) {
	res, err := c.Query(ctx, s)
	if err != nil {
		return "", clickhouse.Summary{}, err
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	return string(b), res.Summary(), err
}

// value reads one value.
func value(tb testing.TB, c *clickhouse.Client, sql string) string {
	tb.Helper()
	s, _ := one(tb, c, clickhouse.Statement{SQL: sql, Format: "TSVRaw"})
	return string(bytes.TrimSpace([]byte(s)))
}
