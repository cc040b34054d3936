package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

var ctx = context.Background()

func TestInsert(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()

	t.Run("one part per partition", func(t *testing.T) {
		if testing.Short() {
			t.Skip("hundreds of thousands of rows in one request: those that are cut off below take the same way with fewer")
		}
		createEvents(t, c, "one_block", "toDate(ts)")
		mustExec(t, c, "SYSTEM STOP MERGES weir.one_block")
		// Three days in 25 blocks of odd sizes.
		body := blocks(t, "acme", 0, 3*86400, 10_417)
		begin := time.Now()
		sum, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("one_block"), Settings: clickhouse.OneBlockSettings()}, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if sum.WrittenRows != 3*86400 || sum.CPU == 0 {
			t.Errorf("summary %+v", sum)
		}
		t.Logf("%d rows, %d bytes in %v, %+v", 3*86400, len(body), time.Since(begin), sum)
		days := value(t, c, "SELECT uniq(toDate(ts)) FROM weir.one_block")
		if parts := value(t, c, "SELECT count() FROM system.parts WHERE table = 'one_block'"); parts != days {
			t.Errorf("%s parts for %s days", parts, days)
		}
		if rows := value(t, c, "SELECT count(), uniqExact(_seq), min(_seq), max(_seq) FROM weir.one_block"); rows != "259200\t259200\t0\t259199" {
			t.Errorf("rows %q", rows)
		}
		if got := value(t, c, "SELECT tenant, type, client_id, props['step'], props_num['value'] FROM weir.one_block WHERE _seq = 12345"); got != "acme\ttype4\tclient-2345\t45\t12345" {
			t.Errorf("row %q", got)
		}
	})

	t.Run("half a million rows", func(t *testing.T) {
		if testing.Short() {
			t.Skip("as above")
		}
		createEvents(t, c, "large", "toYYYYMM(ts)")
		body := blocks(t, "acme", 0, 500_000, 50_000)
		if _, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("large"), Settings: clickhouse.OneBlockSettings()}, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if parts := value(t, c, "SELECT count(), sum(rows) FROM system.parts WHERE table = 'large' AND active"); parts != "1\t500000" {
			t.Errorf("parts %q", parts)
		}
	})

	t.Run("cut off", func(t *testing.T) {
		createEvents(t, c, "cut", "toDate(ts)")
		body := blocks(t, "acme", 0, 60_000, 5_000)
		// At many places: within a block, between blocks, just before the end.
		for _, at := range []int{0, 1, len(body) / 3, len(body) / 2, len(block(t, "acme", 0, 5_000)), len(body) - 1, len(body)} {
			broken := io.MultiReader(bytes.NewReader(body[:at]), failingReader{})
			_, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("cut"), Settings: clickhouse.OneBlockSettings()}, broken)
			if err == nil {
				t.Errorf("at %d: no error", at)
			}
		}
		ctx, cancel := context.WithCancel(ctx)
		_, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("cut"), Settings: clickhouse.OneBlockSettings()},
			io.MultiReader(bytes.NewReader(body), &endless{cancel, block(t, "acme", 60_000, 100), 0}))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		waitIdle(t, c)
		if rows := value(t, c, "SELECT count() FROM weir.cut"); rows != "0" {
			t.Errorf("%s rows are there after inserts that were cut off", rows)
		}
		// A whole one still works.
		if _, err := c.Insert(ctx2(t), clickhouse.Statement{SQL: insertSQL("cut"), Settings: clickhouse.OneBlockSettings()}, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if rows := value(t, c, "SELECT count() FROM weir.cut"); rows != "60000" {
			t.Errorf("%s rows", rows)
		}
	})

	t.Run("broken framing", func(t *testing.T) {
		createEvents(t, c, "framing", "toDate(ts)")
		body := block(t, "acme", 0, 1000)
		// The sender stays; only the frame after a whole block is wrong.
		conn, err := net.Dial("unix", strings.TrimPrefix(e.Endpoint(), "unix://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /?query=%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nnonsense\r\n", url.QueryEscape(insertSQL("framing")), len(body), body)
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 400 || resp.Header.Get("X-ClickHouse-Exception-Code") != "3" {
			t.Errorf("status %d, %v", resp.StatusCode, resp.Header)
		}
		if rows := value(t, c, "SELECT count() FROM weir.framing"); rows != "0" {
			t.Errorf("%s rows", rows)
		}
	})

	t.Run("broken data", func(t *testing.T) {
		createEvents(t, c, "broken", "toDate(ts)")
		good := block(t, "acme", 0, 1000)
		for name, body := range map[string][]byte{
			"cut at the end by the sender": good[:len(good)-10],
			"garbage":                      bytes.Repeat([]byte("garbage"), 100_000),
			"large garbage":                append(bytes.Clone(good), bytes.Repeat([]byte{0xff}, 30<<20)...),
		} {
			_, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("broken"), Settings: clickhouse.OneBlockSettings()}, bytes.NewReader(body))
			var e *clickhouse.Error
			if !errors.As(err, &e) || e.Code == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if rows := value(t, c, "SELECT count() FROM weir.broken"); rows != "0" {
			t.Errorf("%s rows", rows)
		}
		for sql, want := range map[string]int{
			"INSERT INTO weir.nope FORMAT Native":                   clickhouse.CodeUnknownTable,
			"INSERT INTO weir.broken (nope) FORMAT Native":          16,
			"INSERT INTO weir.broken FORMAT Nope":                   73,
			"INSERT INTO weir.broken SELEKT 1 FORMAT Native":        clickhouse.CodeSyntaxError,
			"INSERT INTO weir.broken SELECT * FROM x FORMAT Native": 0,
		} {
			_, err := c.Insert(ctx, clickhouse.Statement{SQL: sql}, bytes.NewReader(good))
			var e *clickhouse.Error
			if !errors.As(err, &e) || want != 0 && (e.Code != want || e.Status/100 != 4) {
				t.Errorf("%s: %v, want code %d and status 4xx", sql, err, want)
			}
		}
	})

	t.Run("other formats", func(t *testing.T) {
		mustExec(t, c, "CREATE TABLE weir.small (a UInt32, b String DEFAULT 'x') ENGINE = MergeTree ORDER BY a")
		for sql, body := range map[string]string{
			"INSERT INTO weir.small (a) FORMAT JSONEachRow":      `{"a":1}` + "\n" + `{"a":2}`,
			"INSERT INTO weir.small (a, b) FORMAT CSV;":          "3,three\n4,\"four; five\"\n",
			"insert into weir.small (a, b) values":               "(5, 'five''s'), (6, 'FORMAT TSV')",
			"INSERT INTO weir.small (a, b) FORMAT TabSeparated ": "7\tFORMAT\n",
		} {
			if _, err := c.Insert(ctx, clickhouse.Statement{SQL: sql}, strings.NewReader(body)); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
		if got := value(t, c, "SELECT groupArray((a, b)) FROM (SELECT * FROM weir.small ORDER BY a)"); got !=
			`[(1,'x'),(2,'x'),(3,'three'),(4,'four; five'),(5,'five\'s'),(6,'FORMAT TSV'),(7,'FORMAT')]` {
			t.Errorf("rows %s", got)
		}
	})

	t.Run("durable", func(t *testing.T) {
		got := value(t, c, "SELECT arraySort(groupArray(name || '=' || value)) FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory')")
		if got != "['fsync_after_insert=1','fsync_part_directory=1']" {
			t.Errorf("settings %s", got)
		}
		before := value(t, c, "SELECT value FROM system.events WHERE event = 'FileSync'")
		mustExec(t, c, "INSERT INTO weir.small VALUES (10, 'ten')")
		after := value(t, c, "SELECT value FROM system.events WHERE event = 'FileSync'")
		if before == after {
			t.Error("an insert synced no file")
		}
	})
}

// failingReader ends a body in a way that the receiver must see as a cut.
type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("the sender broke") }

// endless calls begin and then gives more of a body, again and again: it has no end before its reader has.
type endless struct {
	begin func()
	block []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	e.begin()
	time.Sleep(time.Millisecond)
	n := copy(p, e.block[e.at:])
	e.at = (e.at + n) % len(e.block)
	return n, nil
}

func ctx2(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// waitIdle waits until no other statement runs.
func waitIdle(t *testing.T, c *clickhouse.Client) {
	t.Helper()
	waitFor(t, "the end of all statements", time.Minute, func() bool {
		return value(t, c, "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%'") == "0"
	})
}
