package schema_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

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
	if _, err := c.Insert(context.Background(), clickhouse.Statement{SQL: "INSERT INTO weir.events (" + strings.Join(event.NativeColumns(), ", ") + ") FORMAT Native"}, b.Native()); err != nil {
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

// TestUpgradeMaps shows that maps with dictionaries of names are read as those without before they are stored anew, beside new rows, and after that.
func TestUpgradeMaps(t *testing.T) {
	c := testkit.Engine(t)
	older(t, c, 3)
	testkit.Exec(t, c, "ALTER TABLE weir.events MODIFY SETTING min_bytes_for_wide_part = 100000")
	testkit.Exec(t, c, "SYSTEM STOP MERGES weir.events")
	insert := func(seq, rows int) {
		testkit.Exec(t, c, fmt.Sprintf(`INSERT INTO weir.events (tenant, site_id, ts, type, client_id, props, props_num, _writer, _seq) SELECT 'acme', 'site-1',
			toDateTime64('2026-03-09 10:00:00', 3, 'UTC'), 'pageview', toString(number), map('plan', toString(number %% 3), 'größe', 'x'), map('value', number), 1, %d FROM numbers(%d)`, seq, rows))
	}
	insert(7, 30) // a compact part
	insert(8, 30_000)
	read := func() []string {
		t.Helper()
		return testkit.Rows(t, c, `SELECT toTypeName(props), toTypeName(props_num), props['plan'] AS plan, count(), sum(props_num['value']), countIf(props['größe'] = 'x' AND mapContains(props_num, 'value')),
			sum(length(props.keys)), groupUniqArrayArray(mapKeys(props_num))[1], sum(mapApply((k, v) -> (k, v + 1), props_num)['value']), min(_seq), max(_seq) FROM weir.events GROUP BY ALL ORDER BY plan`)
	}
	mutations := func() string {
		return testkit.Rows(t, c, "SELECT countIf(is_done), count() FROM system.mutations WHERE database = 'weir' AND table = 'events'")[0]
	}
	migrate(t, c)
	insert(9, 3)
	if got := mutations(); !strings.HasPrefix(got, "0 ") || got == "0 0" {
		t.Fatalf("mutations, done and all: %s", got)
	}
	const types = "Map(String, String) Map(String, Float64) "
	want := []string{types + "0 10011 149985135 10011 20022 value 149995146 7 9", types + "1 10011 149995146 10011 20022 value 150005157 7 9", types + "2 10011 150005157 10011 20022 value 150015168 7 9"}
	if d := cmp.Diff(want, read()); d != "" {
		t.Errorf("before (-want +got): %s", d)
	}
	migrate(t, c)
	testkit.Exec(t, c, "SYSTEM START MERGES weir.events")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if done, all, _ := strings.Cut(mutations(), " "); done == all {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the maps are not stored anew within a minute: %s", mutations())
		}
	}
	stored := testkit.Rows(t, c, "SELECT DISTINCT type, part_type FROM system.parts_columns WHERE database = 'weir' AND table = 'events' AND active AND column = 'props' ORDER BY ALL")
	if d := cmp.Diff([]string{"Map(String, String) Compact", "Map(String, String) Wide"}, stored); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, read()); d != "" {
		t.Errorf("after (-want +got): %s", d)
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
