package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/token"
	"weir/internal/usage"
)

// positions says how far every rollup has come with each writer.
type positions map[uint16]uint64

func (p positions) Positions(string) map[uint16]uint64 { return p }

// everyPosition are the parameters of statements that read any rollup.
func everyPosition(at rollup.Positions) map[string]string {
	var names []string
	for name := range derived {
		names = append(names, name)
	}
	return positionParams(names, at)
}

// seedRollups makes events of the tenants roll and rolled, and rollups that have taken half of them.
func seedRollups(t testing.TB, c *clickhouse.Client) positions {
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, host, path, country, is_bot, props_num, _writer, _seq)
SELECT if(number % 3 = 0, 'rolled', 'roll'), if(number % 4 = 0, 'shop', 'blog'), toDateTime64('2002-02-02 00:00:00', 3, 'UTC') + number * 61, if(number % 2 = 0, 'pageview', 'click'),
  if(number % 5 = 0, '', toString(number % 50)), 'h', concat('/s3cr3t', toString(number % 7)), if(number % 4 = 0, 'DE', 'FR'), number % 11 = 0,
  map('value', toFloat64(number % 10)), 1 + (number % 10 = 9), 1 + intDiv(number, 100)
FROM numbers(1000)`)
	t.Cleanup(func() {
		testkit.Exec(t, c, "ALTER TABLE weir.events DROP PARTITION 20020202")
		for _, r := range rollup.All {
			testkit.Exec(t, c, "ALTER TABLE "+r.Table()+" DROP PARTITION 200202")
		}
	})
	for _, r := range rollup.All {
		for _, w := range []uint16{writerMain, writerLate} {
			testkit.Exec(t, c, r.AdvanceSQL(w, 0, 4, nil))
		}
	}
	return positions{writerMain: 4, writerLate: 4}
}

// summed is a question that a rollup and the events answer alike.
func summed(r rollup.Rollup) string {
	keys := "site_id, " + strings.Join(r.Dims, ", ")
	return fmt.Sprintf("SELECT %s, time, sum(events), uniqMerge(clients), sum(value) FROM %s GROUP BY %[1]s, time ORDER BY %[1]s, time", keys, r.Name)
}

func summedEvents(r rollup.Rollup, where string) string {
	keys := "site_id, " + strings.Join(r.Dims, ", ")
	return fmt.Sprintf("SELECT %s, %s AS time, count(), uniqIf(client_id, client_id != ''), sum(props_num['value']) FROM weir.events WHERE ts < '2003-01-01' AND %s GROUP BY %[1]s, time ORDER BY %[1]s, time", keys, r.Bucket("ts"), where)
}

// spaced is answer in the form of testkit.Rows.
func spaced(c *clickhouse.Client, sc Scope, sql string, barrier2 bool) (string, error) {
	got, err := answer(c, sc, sql, "TSV", barrier2)
	return strings.ReplaceAll(got, "\t", " "), err
}

// TestRollups: what stands for a rollup is what the events say, those that its table does not hold yet included, of the tenant alone, behind either barrier.
func TestRollups(t *testing.T) {
	c := engine(t)
	at := seedRollups(t, c)
	roll := Scope{Tenant: "roll", Metadata: true, Params: everyPosition(at)}
	for _, r := range rollup.All {
		want := testkit.Rows(t, c, summedEvents(r, "tenant = 'roll'"))
		if len(want) < 10 {
			t.Fatalf("%d rows", len(want))
		}
		for _, fromEvents := range []bool{false, true} {
			for _, barrier2 := range []bool{true, false} {
				roll.RollupsFromEvents = fromEvents
				got, err := spaced(c, roll, summed(r), barrier2)
				if diff := cmp.Diff(strings.Join(want, "\n")+"\n", got); err != nil || diff != "" {
					t.Errorf("%s, from events %v, barrier 2 %v: %v (-events +rollup):\n%.2000s", r.Name, fromEvents, barrier2, err, diff)
				}
			}
		}
		// Conditions on time and dims hold for both parts.
		roll.RollupsFromEvents = false
		where := "site_id = 'blog' AND type = 'click' AND time >= '2002-02-02 03:00:00' AND time < '2002-02-02 15:00:00'"
		got, err := spaced(c, roll, "SELECT sum(events), uniqMerge(clients), sum(value) FROM roll."+r.Name+" AS x WHERE "+where, true)
		raw := testkit.Rows(t, c, "SELECT count(), uniqIf(client_id, client_id != ''), sum(props_num['value']) FROM weir.events WHERE tenant = 'roll' AND "+strings.ReplaceAll(where, "time", "ts"))
		if err != nil || strings.TrimSpace(got) != raw[0] {
			t.Errorf("%s: %q %v, want %q", r.Name, got, err, raw)
		}
		all := Scope{All: true, Params: roll.Params}
		got, err = answer(c, all, "SELECT tenant, sum(events) FROM "+r.Name+" WHERE startsWith(tenant, 'roll') GROUP BY tenant ORDER BY tenant", "TSV", true)
		if err != nil || got != "roll\t666\nrolled\t334\n" {
			t.Errorf("operator: %s: %q %v", r.Name, got, err)
		}
	}
	for sql, want := range map[string]string{
		"SELECT a.time = b.time FROM rollup_minute AS a JOIN rollup_hour_page AS b ON a.time = b.time LIMIT 1": "1\n",
		"WITH x AS (SELECT sum(events) AS n FROM rollup_minute) SELECT n FROM x":                               "666\n",
		"SELECT sum(rollup_minute.events) FROM rollup_minute":                                                  "666\n",
		"SELECT (SELECT sum(events) FROM rollup_minute) = (SELECT sum(events) FROM rollup_hour_audience)":      "1\n",
		"EXISTS TABLE rollup_minute": "1\n",
		"SHOW TABLES":                "events\nrollup_hour_audience\nrollup_hour_page\nrollup_minute\nsessions\n",
		"SELECT name FROM system.columns WHERE table = 'rollup_minute' ORDER BY position":              "site_id\ntime\ntype\nis_bot\nevents\nclients\nvalue\n",
		"SELECT toTypeName(events), toTypeName(time), toTypeName(value) FROM rollup_hour_page LIMIT 1": "UInt64\tDateTime(\\'UTC\\')\tFloat64\n",
	} {
		if got, err := answer(c, roll, sql, "TSV", true); err != nil || got != want {
			t.Errorf("%s: %q %v", sql, got, err)
		}
	}
	h := newService(t, quick, Deps{Engine: c, Rollups: at})
	if w := post(h, tenant.Principal{Tenant: "roll", Role: tenant.RoleAnalyst}, `{"sql":"SELECT sum(events) FROM rollup_minute","dry_run":true}`); w.Code != 200 || strings.Contains(w.Body.String(), `"rows":0,`) || !strings.Contains(w.Body.String(), `"measured":true`) {
		t.Errorf("dry run: %d %s", w.Code, w.Body)
	}
	got, err := answer(c, roll, "EXPLAIN ESTIMATE SELECT sum(events) FROM rollup_hour_page", "TSV", true)
	if f := strings.Split(got, "\t"); err != nil || len(f) != 5 || f[1] != "rollup_hour_page" || f[3] == "0" {
		t.Errorf("estimate: %q %v", got, err)
	}
}

// TestRollupsDescribed compares the types that DESCRIBE tells with those of the rows, with masks too.
func TestRollupsDescribed(t *testing.T) {
	c := engine(t)
	masks := []catalog.Mask{{Column: "path", Action: catalog.MaskHide}, {Column: "type", Action: catalog.MaskHash}, {Column: "is_bot", Action: catalog.MaskHide}, {Column: "client_id", Action: catalog.MaskHash}, {Column: "props", Action: catalog.MaskHide}}
	for _, sc := range []Scope{{Tenant: "acme"}, {Tenant: "acme", Masks: masks}, {Tenant: "acme", Masks: masks, RollupsFromEvents: true}, {All: true}} {
		sc.Params, sc.Metadata = everyPosition(positions{1: 1 << 60, 2: 1 << 60}), true
		for _, r := range rollup.All {
			head, err := answer(c, sc, "SELECT * FROM "+r.Name+" LIMIT 0", "TSVWithNamesAndTypes", true)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := answer(c, sc, "DESCRIBE TABLE "+r.Name, "TSV", true)
			if err != nil {
				t.Fatal(err)
			}
			var names, types []string
			for line := range strings.Lines(rows) {
				f := strings.Split(line, "\t")
				names, types = append(names, f[0]), append(types, f[1])
			}
			if diff := cmp.Diff(strings.Split(head, "\n")[:2], []string{strings.Join(names, "\t"), strings.Join(types, "\t")}); diff != "" {
				t.Errorf("%s, %d masks: -rows +described:\n%s", r.Name, len(sc.Masks), diff)
			}
		}
	}
}

// TestRollupsAreMasked: a rollup shows no more than the events do, not even how many different values there are.
func TestRollupsAreMasked(t *testing.T) {
	c := engine(t)
	at := seedRollups(t, c)
	for _, fromEvents := range []bool{false, true} {
		sc := Scope{Tenant: "roll", MaskKey: []byte("key"), Params: everyPosition(at), RollupsFromEvents: fromEvents}
		sc.Masks = []catalog.Mask{{Column: "path", Action: catalog.MaskHide}, {Column: "client_id", Action: catalog.MaskHash}, {Column: "value", Action: catalog.MaskHash}}
		got, err := answer(c, sc, "SELECT max(n), max(path), sum(events), max(value) FROM (SELECT count() OVER (PARTITION BY site_id, time, type, host, is_bot) AS n, * FROM rollup_hour_page)", "TSV", true)
		if err != nil || got != "1\t\t666\t\\N\n" {
			t.Errorf("from events %v: %q %v", fromEvents, got, err)
		}
		if got, err := answer(c, sc, "SELECT * FROM rollup_hour_page", "TSV", true); err != nil || strings.Contains(got, secret) {
			t.Errorf("from events %v: %.300s %v", fromEvents, got, err)
		}
		if c, err := NewGuard().Check("SELECT uniqMerge(clients) FROM rollup_minute", sc); err == nil {
			t.Errorf("who sees hashes of client ids can look for one that he knows: %s", c.SQL)
		}
		sc.Masks = []catalog.Mask{{Column: "path", Action: catalog.MaskHash}}
		got, err = spaced(c, sc, "SELECT uniqExact(path), min(length(path)), uniqMerge(clients), sum(value), sum(events) FROM rollup_hour_page", true)
		want := testkit.Rows(t, c, "SELECT 7, 32, uniqIf(client_id, client_id != ''), sum(props_num['value']), count() FROM weir.events WHERE tenant = 'roll'")
		if err != nil || strings.TrimSpace(got) != want[0] {
			t.Errorf("from events %v: hashed: %q %v, want %q", fromEvents, got, err, want)
		}
	}
	sc := Scope{Tenant: "roll", AsOf: token.Token{{Partition: 0, Offset: 5}}}
	var r *Refusal
	if _, err := NewGuard().Check("SELECT sum(events) FROM rollup_minute", sc); !errors.As(err, &r) || !strings.Contains(r.What, "as of a token") {
		t.Errorf("as_of: %v", err)
	}
}

// moving are positions that are behind for the first asks.
type moving struct {
	behind int
	asked  int
	at     positions
}

func (m *moving) Positions(string) map[uint16]uint64 {
	if m.asked++; m.asked <= m.behind {
		return positions{writerMain: 2, writerLate: 2}
	}
	return m.at
}

// TestRollupMovesOn: a rollup that has moved on between its position and the engine's look counts nothing twice. Every run is charged.
func TestRollupMovesOn(t *testing.T) {
	c := engine(t)
	at := seedRollups(t, c)
	who := tenant.Principal{Tenant: "roll", Role: tenant.RoleAnalyst}
	for behind, runs := range map[int]int{0: 1, 1: 2, 2: 3, 1000: 4} {
		m := &moving{behind: behind, at: at}
		d := &desk{}
		deps := d.deps(counting{c, new(int)})
		deps.Rollups = m
		h := newService(t, quick, deps)
		w := post(h, who, `{"sql":"SELECT sum(events) AS n, uniqMerge(clients) AS u FROM rollup_hour_page"}`)
		var got struct{ Data []struct{ N, U int } }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || len(got.Data) != 1 || got.Data[0].N != 666 {
			t.Fatalf("behind %d times: %d %s %v", behind, w.Code, w.Body, err)
		}
		if n := *h.deps.Engine.(counting).n; n != runs || len(d.records) != 1 || d.records[0].RowsRead == 0 || d.open != 0 {
			t.Errorf("behind %d times: %d runs, records %+v", behind, n, d.records)
		}
	}
	// What is known of a run that came to nothing is paid for.
	d := &desk{}
	deps := d.deps(&overtakes{})
	deps.Rollups = at
	if w := post(newService(t, quick, deps), who, `{"sql":"SELECT sum(events) FROM rollup_minute"}`); w.Code != 200 || len(d.records) != 1 || d.records[0].RowsRead != 111 || d.records[0].Kind != usage.KindQuery {
		t.Errorf("%d %+v", w.Code, d.records)
	}
}

// A run that is overtaken and followed by none is paid for once.
func TestOvertakenAndLeft(t *testing.T) {
	c := engine(t)
	d := &desk{}
	ctx, leave := context.WithCancel(t.Context())
	o := &overtakes{left: leave}
	deps := d.deps(o)
	deps.Rollups = seedRollups(t, c)
	s := newService(t, quick, deps)
	if _, p := s.Ask(ctx, &Question{Who: tenant.Principal{Tenant: "roll", Role: tenant.RoleAnalyst}, Door: DoorAPI, SQL: "SELECT sum(events) FROM rollup_minute"}); p == nil || p.Status != 499 {
		t.Errorf("%+v", p)
	}
	if len(d.records) != 1 || d.records[0].RowsRead != 100 {
		t.Errorf("charged %+v", d.records)
	}
}

// counting counts statements.
type counting struct {
	Engine
	n *int
}

func (c counting) Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	*c.n++
	return c.Engine.Query(ctx, s)
}

// overtakes fails once.
type overtakes struct {
	fakeEngine
	failed bool
	left   func() // called when it fails
}

func (o *overtakes) Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	if !o.failed {
		o.failed = true
		if o.left != nil {
			o.left()
		}
		return nil, &clickhouse.Error{Code: codeOvertaken, Status: 500, Summary: clickhouse.Summary{ReadRows: 100}}
	}
	o.body = engineJSON
	return o.fakeEngine.Query(ctx, s)
}
