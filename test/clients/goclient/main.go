// Command goclient does with clickhouse-go what programs do with it, and prints what came of it: a line for each step, its
// name, a tab, and the result as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

func main() {
	for _, mode := range []struct {
		name   string
		method clickhouse.CompressionMethod
	}{{"none", clickhouse.CompressionNone}, {"lz4", clickhouse.CompressionLZ4}, {"zstd", clickhouse.CompressionZSTD}, {"gzip", clickhouse.CompressionGZIP},
		{"deflate", clickhouse.CompressionDeflate}, {"br", clickhouse.CompressionBrotli}} {
		run(mode.name, mode.method)
	}
}

func open(password string, method clickhouse.CompressionMethod) (driver.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{
		Addr: []string{os.Getenv("CH_HOST") + ":" + os.Getenv("CH_PORT")}, Protocol: clickhouse.HTTP,
		Auth:        clickhouse.Auth{Database: os.Getenv("CH_USER"), Username: os.Getenv("CH_USER"), Password: password},
		Compression: &clickhouse.Compression{Method: method, Level: 1}, Settings: clickhouse.Settings{"max_execution_time": 10},
		DialTimeout: 5 * time.Second,
	})
}

func say(mode, step string, v any, err error) {
	if err != nil {
		var e *clickhouse.Exception
		if errors.As(err, &e) {
			v = fmt.Sprintf("code %d: %s", e.Code, e.Message)
		} else {
			v = "error: " + err.Error()
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte(fmt.Sprintf("%q", err))
	}
	fmt.Printf("%s/%s\t%s\n", mode, step, b)
}

func run(mode string, method clickhouse.CompressionMethod) {
	ctx := context.Background()
	conn, err := open(os.Getenv("CH_KEY"), method)
	if err != nil {
		say(mode, "open", nil, err)
		return
	}
	defer conn.Close()
	say(mode, "ping", "ok", conn.Ping(ctx))
	v, err := conn.ServerVersion()
	if err == nil {
		say(mode, "version", v.DisplayName+" "+v.Version.String(), nil)
	} else {
		say(mode, "version", nil, err)
	}
	var n, users uint64
	err = conn.QueryRow(ctx, "SELECT count(), uniqExact(client_id) FROM events").Scan(&n, &users)
	say(mode, "count", []uint64{n, users}, err)
	err = conn.QueryRow(ctx, "SELECT count() FROM events WHERE type = ? AND ts > ?", "view", time.Now().Add(-240*time.Hour)).Scan(&n)
	say(mode, "bound", n, err)
	pctx := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"type": "view", "list": "['view','x']"}))
	err = conn.QueryRow(pctx, "SELECT count() FROM events WHERE type = {type:String} AND has({list:Array(String)}, type)").Scan(&n)
	say(mode, "params", n, err)
	types(ctx, conn, mode)
	many(ctx, conn, mode)
	rows, err := conn.Query(ctx, "SELECT type, count() FROM events WHERE 0 GROUP BY type")
	got := 0
	if err == nil {
		for rows.Next() {
			got++
		}
		err = rows.Err()
	}
	say(mode, "empty", got, err)
	err = conn.QueryRow(ctx, "SELECT 1 FROM nothing").Scan(&n)
	say(mode, "unknown table", nil, err)
	other, err := open("wrong", method)
	if err == nil {
		err = other.Ping(ctx)
	}
	say(mode, "wrong key", "let in", err)
	names := []string{}
	tables, err := conn.Query(ctx, "SHOW TABLES")
	if err == nil {
		for tables.Next() {
			var name string
			if err = tables.Scan(&name); err != nil {
				break
			}
			names = append(names, name)
		}
	}
	say(mode, "tables", names, err)
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO events (type, client_id)")
	if err == nil {
		if err = batch.Append("view", "c"); err == nil {
			err = batch.Send()
		}
	}
	say(mode, "insert", "inserted", err)
	short := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_result_rows": 10}))
	err = conn.QueryRow(short, "SELECT arrayJoin(range(100))").Scan(&n)
	say(mode, "limit", nil, err)
}

// types reads one value of every kind.
func types(ctx context.Context, conn driver.Conn, mode string) {
	rows, err := conn.Query(ctx, `SELECT toUInt8(1), toInt64(-2), 1.5, 'text', toFixedString('ab', 2), toDate('2026-03-09'), toDateTime64('2026-03-09 10:11:12.345', 3, 'UTC'),
		toDecimal64(1.25, 2), CAST(NULL, 'Nullable(String)'), [1, 2, 3], map('a', 1), (1, 'b'), toLowCardinality('low'), [toLowCardinality('x')],
		toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), toIPv4('1.2.3.4'), true, CAST('b', 'Enum8(\'a\' = 1, \'b\' = 2)')`)
	if err != nil {
		say(mode, "types", nil, err)
		return
	}
	var values []string
	for rows.Next() {
		all := make([]any, len(rows.ColumnTypes()))
		for i, c := range rows.ColumnTypes() {
			all[i] = newOf(c)
		}
		if err = rows.Scan(all...); err != nil {
			break
		}
		for i, c := range rows.ColumnTypes() {
			b, _ := json.Marshal(all[i])
			values = append(values, c.DatabaseTypeName()+"="+string(b))
		}
	}
	say(mode, "types", values, errors.Join(err, rows.Err()))
}

// many reads an answer of several blocks.
func many(ctx context.Context, conn driver.Conn, mode string) {
	rows, err := conn.Query(ctx, "SELECT arrayJoin(range(300000)) AS n, toString(n) AS s, toLowCardinality(toString(n % 10)) AS l")
	if err != nil {
		say(mode, "many", nil, err)
		return
	}
	var count, sum uint64
	for rows.Next() {
		var n uint32
		var s, l string
		if err = rows.Scan(&n, &s, &l); err != nil || s != fmt.Sprint(n) || l != fmt.Sprint(n%10) {
			break
		}
		count++
		sum += uint64(n)
	}
	say(mode, "many", []uint64{count, sum}, errors.Join(err, rows.Err()))
}
