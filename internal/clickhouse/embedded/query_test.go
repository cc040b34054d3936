package embedded

import (
	"context"
	"io"
	"testing"

	"weir/internal/clickhouse"
)

func read(tb testing.TB, c *clickhouse.Client, s clickhouse.Statement) (string, clickhouse.Summary) {
	tb.Helper()
	res, err := c.Query(context.Background(), s)
	if err != nil {
		tb.Fatalf("%s: %v", s.SQL, err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatalf("%s: %v", s.SQL, err)
	}
	res.Body.Close()
	return string(b), res.Summary()
}

func TestFirst(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()
	for _, f := range []string{"TSV", "JSON", "JSONCompact", "CSV", "JSONEachRow", "CSVWithNames"} {
		s, sum := read(t, c, clickhouse.Statement{SQL: "SELECT number, toString(number) AS s FROM numbers(3)", Format: f})
		t.Logf("%s\n%s %+v", f, s, sum)
	}
	mustExec(t, c, "CREATE DATABASE weir")
	mustExec(t, c, "CREATE TABLE weir.events (tenant LowCardinality(String), x UInt32) ENGINE=MergeTree ORDER BY tenant")
	mustExec(t, c, "INSERT INTO weir.events SELECT 'acme', number FROM numbers(5)")
	mustExec(t, c, "INSERT INTO weir.events SELECT 'canary', number FROM numbers(5)")
	s, sum := read(t, c, clickhouse.Statement{SQL: "SELECT * FROM weir.events WHERE x>={m:UInt32} ORDER BY x", Tenant: "acme", Params: map[string]string{"m": "2"}, Settings: map[string]string{"max_execution_time": "5"}})
	t.Logf("%s %+v", s, sum)
	_, err := c.Exec(context.Background(), clickhouse.Statement{SQL: "SELECT * FROM weir.nope"})
	t.Log(err)
	_, err = c.Exec(context.Background(), clickhouse.Statement{SQL: "SELEC 1"})
	t.Log(err)
	s, sum = read(t, c, clickhouse.Statement{SQL: "SELECT sum(cityHash64(number)) FROM numbers(100000000)"})
	t.Logf("%s %+v", s, sum)
	s, sum = read(t, c, clickhouse.Statement{SQL: "SELECT number FROM numbers(50000000) WHERE cityHash64(number)=1", Format: "JSON"})
	t.Logf("%s %+v", s, sum)
	s, sum = read(t, c, clickhouse.Statement{SQL: "SELECT number FROM numbers(50000000) WHERE cityHash64(number)=1", Format: "TSV"})
	t.Logf("%s %+v", s, sum)
}
