package schema_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/schema"
	"weir/internal/event"
	"weir/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// older brings the tables to an older version, with rows of that version.
func older(t *testing.T, c *clickhouse.Client, version int) {
	t.Helper()
	testkit.Exec(t, c, "DROP TABLE weir.events")
	testkit.Exec(t, c, "TRUNCATE TABLE weir.schema_migrations")
	if err := schema.MigrateTo(context.Background(), c, version); err != nil {
		t.Fatal(err)
	}
}

func migrate(t *testing.T, c *clickhouse.Client) {
	t.Helper()
	if err := schema.Migrate(context.Background(), c, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// TestUpgrade shows that tables of version 2, the first release, keep their rows: the new columns have defaults, and rows of
// this version come in beside them.
func TestUpgrade(t *testing.T) {
	c := testkit.Engine(t)
	older(t, c, 2)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, is_bot, props, _writer, _seq) SELECT 'acme', 'site-1',
		toDateTime64('2026-03-09 10:00:00.123', 3, 'UTC') + number, 'pageview', 'c1', number = 1, map('plan', 'pro'), 1, number FROM numbers(3)`)
	for range 2 { // the second time there is nothing to do
		migrate(t, c)
	}
	b := event.NewBatch()
	ts := int64(1_773_050_400_456)
	b.Append(&event.Row{Tenant: "acme", Site: "site-1", TS: ts, ReceivedAt: ts, Type: []byte("pageview"), Channel: "search", UTMTerm: []byte("shoes"), UTMContent: []byte("banner"),
		IsBot: true, BotRule: "headless", BotScore: 90, Net: []byte("0123456789abcdef"), ClientTS: ts - 3_600_000})
	b.Append(&event.Row{Tenant: "acme", Site: "site-1", TS: ts + 1, ReceivedAt: ts, Type: []byte("pageview"), ClientTS: ts + 1})
	var buf proto.Buffer
	b.AppendNative(&buf)
	if _, err := c.Insert(context.Background(), clickhouse.Statement{SQL: "INSERT INTO weir.events (" + strings.Join(event.NativeColumns(), ", ") + ") FORMAT Native"}, bytes.NewReader(buf.Buf)); err != nil {
		t.Fatal(err)
	}
	got := testkit.Rows(t, c, `SELECT toString(ts), toString(is_bot), channel, utm_term, utm_content, bot_rule, toString(bot_score), net, toString(client_ts), mapContains(props, 'plan')::String FROM weir.events ORDER BY ts`)
	want := []string{
		"2026-03-09 10:00:00.123 false     0  2026-03-09 10:00:00.123 1",
		"2026-03-09 10:00:00.456 true search shoes banner headless 90 0123456789abcdef 2026-03-09 09:00:00.456 0",
		"2026-03-09 10:00:00.457 false     0  2026-03-09 10:00:00.457 0",
		"2026-03-09 10:00:01.123 true     0  2026-03-09 10:00:01.123 1",
		"2026-03-09 10:00:02.123 false     0  2026-03-09 10:00:02.123 1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestUpgradeMaps shows that maps with dictionaries of names are read as they were while they are stored anew, and after that.
func TestUpgradeMaps(t *testing.T) {
	c := testkit.Engine(t)
	older(t, c, 3)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, props, props_num, _writer, _seq) SELECT 'acme', 'site-1',
		toDateTime64('2026-03-09 10:00:00', 3, 'UTC'), 'pageview', toString(number), map('plan', toString(number % 3), 'größe', 'x'), map('value', number), 1, 7 FROM numbers(50000)`)
	read := func() []string {
		return testkit.Rows(t, c, `SELECT toTypeName(props), toTypeName(props_num), props['plan'] AS plan, count(), sum(props_num['value']), countIf(props['größe'] = 'x'), countIf(_seq = 7 AND _writer = 1)
			FROM weir.events GROUP BY ALL ORDER BY plan`)
	}
	types := "Map(String, String) Map(String, Float64) "
	want := []string{types + "0 16667 416658333 16667 16667", types + "1 16667 416675000 16667 16667", types + "2 16666 416641667 16666 16666"}
	for range 2 {
		migrate(t, c)
		if d := cmp.Diff(want, read()); d != "" {
			t.Error(d)
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		left := testkit.Rows(t, c, "SELECT count() FROM system.mutations WHERE database = 'weir' AND table = 'events' AND NOT is_done")
		if left[0] == "0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the maps are not stored anew within a minute")
		}
	}
	stored := testkit.Rows(t, c, "SELECT DISTINCT type FROM system.parts_columns WHERE database = 'weir' AND table = 'events' AND active AND column = 'props'")
	if d := cmp.Diff([]string{"Map(String, String)"}, stored); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, read()); d != "" {
		t.Error(d)
	}
}

// TestColumns compares the table, new or upgraded, with event.Columns.
func TestColumns(t *testing.T) {
	c := testkit.Engine(t)
	var want []string
	for _, col := range event.Columns {
		if col.Stored {
			want = append(want, col.Name+" "+col.TableType())
		}
	}
	want = append(want, "_writer UInt16", "_seq UInt64", "_partition UInt16", "_offset UInt64", "_row UInt32")
	for _, version := range []int{0, 1, 2, 3} {
		t.Run(fmt.Sprint("from ", version), func(t *testing.T) {
			older(t, c, version)
			migrate(t, c)
			if d := cmp.Diff(want, testkit.Rows(t, c, "SELECT name, type FROM system.columns WHERE database = 'weir' AND table = 'events' ORDER BY position")); d != "" {
				t.Errorf("-event +table:\n%s", d)
			}
		})
	}
}
