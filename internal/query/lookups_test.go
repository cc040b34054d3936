package query

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sqlc-dev/doubleclick/token"

	"weir/internal/cache"
	"weir/internal/clickhouse"
	"weir/internal/lookup"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// acmeLookups are the lookup tables of acme. Another tenant has tables of the same names and versions, and one more, full of the canary.
var acmeLookups = []lookup.Table{
	{Tenant: "acme", Name: "codes", Version: 17, Rows: 3, Bytes: 36, Updated: noon, Columns: []lookup.Column{{Name: "id", Type: lookup.String}}},
	{Tenant: "acme", Name: "none_yet", Version: 17, Updated: noon, Columns: []lookup.Column{{Name: "id", Type: lookup.String, Nullable: true}}},
	{Tenant: "acme", Name: "odd", Version: 17, Rows: 1, Bytes: 100, Updated: noon, Columns: []lookup.Column{{Name: "Store Name", Type: lookup.String}, {Name: "order", Type: lookup.Int64},
		{Name: "ts", Type: lookup.Int64, Nullable: true}, {Name: "tenant", Type: lookup.String}, {Name: "version", Type: lookup.Float64}, {Name: "texts", Type: lookup.Bool, Nullable: true}}},
	{Tenant: "acme", Name: "stores", Version: 17, Rows: 7, Bytes: 378, Updated: noon, Columns: []lookup.Column{{Name: "id", Type: lookup.String}, {Name: "region", Type: lookup.String, Nullable: true},
		{Name: "n", Type: lookup.Int64}, {Name: "open", Type: lookup.Bool}, {Name: "lat", Type: lookup.Float64}}},
}

// lookupRows is what is in weir.lookups.
const lookupRows = "1444"

func seedLookups(t testing.TB, c *clickhouse.Client) {
	insert := func(who, name string, version int, row, from string) {
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.lookups (tenant, lookup, version, _row, texts, ints, floats) SELECT '%s', '%s', %d, number, %s FROM numbers(%s)", who, name, version, row, from))
	}
	testkit.Exec(t, c, "SYSTEM STOP MERGES weir.lookups")
	stores := "['own' || toString(number), if(number = 6, NULL, 'region' || toString(number % 2))], [number, number % 2], [number / 2]"
	insert("acme", "stores", 17, stores, "7")
	insert("acme", "stores", 16, "['stale', 'stale'], [1, 1], [1]", "5")
	insert("acme", "codes", 17, "['own' || toString(number)], [], []", "3")
	insert("acme", "odd", 17, "['Main Street', 'acme'], [1, NULL, 1], [2.5]", "1")
	stolen := "['" + canary + "' || toString(number), '" + canary + "'], [987654321 + number, 1, 1], [987654321 + number]"
	insert("victim", "stores", 17, stolen, "1301")
	for _, name := range []string{"codes", "odd", "none_yet", "secrets", "events"} {
		insert("victim", name, 17, stolen, "20")
	}
	insert("victim", "stores", 18, stolen, "20")
	insert("acme2", "stores", 17, stolen, "7") // a name that begins like ours
}

// TestLookups runs statements over lookup tables with both barriers, and with that of the guard alone.
func TestLookups(t *testing.T) {
	c := engine(t)
	var out strings.Builder
	for _, q := range statements(t, "lookups.sql") {
		got, err := answer(c, wide, q, "TSVWithNames", true)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		alone, err := answer(c, wide, q, "TSVWithNames", false)
		if err != nil || alone != got {
			t.Errorf("%s: with both barriers\n%s\nwith the guard's alone (%v)\n%s", q, got, err, alone)
		}
		if leaks(got) || strings.Contains(got, "stale") {
			t.Errorf("%s shows what is another tenant's, or old: %s", q, got)
		}
		fmt.Fprintf(&out, "%s\n    %s\n", q, strings.ReplaceAll(strings.TrimRight(got, "\n"), "\n", "\n    "))
	}
	golden(t, "lookups.golden", out.String())
}

func TestLookupIsSent(t *testing.T) {
	checked := must(t, "SELECT l.region, count() FROM events AS e JOIN stores AS l ON e.path = l.id GROUP BY 1", wide)
	want := "stores AS (SELECT assumeNotNull(_l.texts[1]) AS id, _l.texts[2] AS region, assumeNotNull(_l.ints[1]) AS n, CAST(assumeNotNull(_l.ints[2]) AS Bool) AS open, " +
		"assumeNotNull(_l.floats[1]) AS lat FROM weir.lookups AS _l WHERE _l.tenant = 'acme' AND _l.lookup = 'stores' AND _l.version = 17)"
	if !strings.Contains(checked.SQL, want) {
		t.Errorf("sent %s", checked.SQL)
	}
	if d := cmp.Diff(acmeLookups[3:], checked.Lookups); d != "" {
		t.Error(d)
	}
	for _, q := range []string{"SELECT 1", "SELECT path FROM events", "WITH stores AS (SELECT 1 AS id) SELECT id FROM stores", "SELECT e.path AS stores FROM events AS e", "SELECT count() FROM events AS stores"} {
		if c := must(t, q, wide); len(c.Lookups) > 0 || strings.Contains(c.SQL, "weir.lookups") {
			t.Errorf("%s reads %v: %s", q, c.Lookups, c.SQL)
		}
	}
	// Across tenants there are none.
	if c, err := NewGuard().Check("SELECT * FROM stores", Scope{All: true, Lookups: acmeLookups}); err == nil {
		t.Errorf("an operator is sent %s", c.SQL)
	}
}

// reservedNames are names that no lookup table can have.
var reservedNames = []string{"events", "sessions", "rollup_minute", "rollups", "system", "weir", "default", "information_schema", "t_victim", "_l", "_e", "system_tables", "tables", "columns",
	"numbers", "one", "select", "from", "join", "table", "format", "settings", "count", "sum", "url", "file", "now", "plus", "counti", "sumif", "string", "int64", "day", "stack_trace", "schemata"}

func TestReservedNames(t *testing.T) {
	for _, name := range reservedNames {
		if _, allowed := map[string]bool{"counti": true, "rollups": false, "file": true, "url": true}[name]; ReservedRelation(name) == "" && !allowed {
			t.Errorf("%s is not reserved", name)
		}
	}
	for kw := range token.Keywords {
		if ReservedRelation(strings.ToLower(kw)) == "" {
			t.Errorf("the keyword %s is not reserved", kw)
		}
	}
	for _, name := range []string{"stores", "campaign_codes", "products", "region_names", "users_eu", "my_tables", "x1"} {
		if why := ReservedRelation(name); why != "" {
			t.Errorf("%s is reserved: %s", name, why)
		}
	}
}

// What the guard could not write safely it does not write, whatever the catalog says.
func TestHostileLookups(t *testing.T) {
	column := []lookup.Column{{Name: "id", Type: lookup.String}}
	bad := []lookup.Table{
		{Tenant: "victim", Name: "stores", Version: 17, Columns: column},
		{Tenant: "acme", Name: "st ores", Version: 17, Columns: column},
		{Tenant: "acme", Name: "stores) SELECT * FROM weir.lookups --", Version: 17, Columns: column},
		{Tenant: "acme", Name: "empty_one", Version: 17},
		{Tenant: "acme", Name: "twice", Version: 17, Columns: []lookup.Column{column[0], column[0]}},
		{Tenant: "acme", Name: "typed", Version: 17, Columns: []lookup.Column{{Name: "id", Type: "String) FROM weir.lookups --"}}},
	}
	for _, name := range []string{"_l", "tenant`", "a`, * FROM weir.lookups AS _l --", `a\`, "a\nb", "a\xff", ""} {
		bad = append(bad, lookup.Table{Tenant: "acme", Name: "named", Version: 17, Columns: []lookup.Column{{Name: name, Type: lookup.String}}})
	}
	for _, name := range reservedNames {
		if ReservedRelation(name) != "" {
			bad = append(bad, lookup.Table{Tenant: "acme", Name: name, Version: 17, Columns: column})
		}
	}
	for _, l := range bad {
		sc := Scope{Tenant: "acme", Metadata: true, Lookups: []lookup.Table{l}}
		for _, q := range []string{"SELECT * FROM " + l.Name, `SELECT * FROM "` + l.Name + `"`, "SELECT id FROM acme." + l.Name, "SELECT * FROM events WHERE path IN " + l.Name, "SHOW TABLES", "SELECT * FROM system.columns"} {
			if c, err := NewGuard().Check(q, sc); err == nil && strings.Contains(c.SQL, "weir.lookups") {
				t.Errorf("%q, %q: %s", l.Name, q, c.SQL)
			}
		}
		if shown := NewGuard().newView(sc, false).lookupTables(); len(shown) != 0 {
			t.Errorf("%q is shown", l.Name)
		}
	}
}

// changingLookups tells of stores, whose version changes before the first times that it is pinned.
type changingLookups struct {
	version  uint64
	changes  int
	gone     bool // instead of another version
	pins     int
	released int
	pinned   []uint64
}

func (c *changingLookups) Lookups(tenant.ID) []lookup.Table {
	if c.gone && c.pins > 0 {
		return nil
	}
	l := acmeLookups[3]
	l.Version = c.version
	return []lookup.Table{l}
}

func (c *changingLookups) Pin(tables []lookup.Table) (func(), bool) {
	c.pins++
	if c.pins <= c.changes {
		c.version++
		return nil, false
	}
	for _, l := range tables {
		c.pinned = append(c.pinned, l.Version)
	}
	return func() { c.released++ }, true
}

// A statement is run for the version that is pinned while it runs, and gives it back at its end, whatever that is.
func TestLookupsArePinned(t *testing.T) {
	const ask = "SELECT id FROM stores"
	for name, tc := range map[string]struct {
		lookups changingLookups
		sql     string
		engine  fakeEngine
		status  int
		pinned  []uint64
	}{
		"quiet":            {changingLookups{version: 17}, ask, fakeEngine{body: "{}"}, 200, []uint64{17}},
		"replaced":         {changingLookups{version: 17, changes: 3}, ask, fakeEngine{body: "{}"}, 200, []uint64{20}},
		"always replaced":  {changingLookups{version: 17, changes: 1 << 30}, ask, fakeEngine{body: "{}"}, 503, nil},
		"deleted":          {changingLookups{version: 17, changes: 1, gone: true}, ask, fakeEngine{body: "{}"}, 400, nil},
		"engine fails":     {changingLookups{version: 17}, ask, fakeEngine{err: clickhouse.ErrUnavailable}, 503, []uint64{17}},
		"breaks":           {changingLookups{version: 17}, ask, fakeEngine{body: "{", breakErr: errBoom}, -1, []uint64{17}},
		"reads no lookups": {changingLookups{version: 17, changes: 5}, "SELECT path FROM events", fakeEngine{body: "{}"}, 200, nil},
	} {
		d := &desk{}
		deps := d.deps(&tc.engine)
		deps.Lookups = &tc.lookups
		h := newService(t, Config{}, deps)
		w := run(h, tc.sql)
		if w.Code != tc.status && !(tc.status == -1 && w.Code >= 400) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if diff := cmp.Diff(tc.pinned, tc.lookups.pinned); diff != "" || tc.lookups.released != len(tc.pinned) {
			t.Errorf("%s: pinned and released %d times: %s", name, tc.lookups.released, diff)
		}
		if len(tc.pinned) > 0 && !strings.Contains(tc.engine.got[0].SQL, fmt.Sprintf("_l.version = %d", tc.pinned[0])) {
			t.Errorf("%s: sent %s", name, tc.engine.got[0].SQL)
		}
		if len(tc.pinned) == 0 && tc.status >= 400 && len(tc.engine.got) > 0 {
			t.Errorf("%s: the engine was asked", name)
		}
		if d.open != 0 || len(d.records) != 1 {
			t.Errorf("%s: %d places are taken, %d bills", name, d.open, len(d.records))
		}
	}
}

// replacing ends statements because a rollup has moved on, and a lookup table is replaced each time.
type replacing struct {
	fakeEngine
	lookups *changingLookups
	left    int
}

func (r *replacing) Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	r.lookups.version++
	if r.left--; r.left >= 0 {
		r.got = append(r.got, s)
		return nil, &clickhouse.Error{Code: codeOvertaken, Status: 500}
	}
	return r.fakeEngine.Query(ctx, s)
}

// A statement that is sent again, or written anew because of its rollups, stays with the version that is pinned.
func TestPinnedWhileItIsSentAgain(t *testing.T) {
	lookups := &changingLookups{version: 17}
	e := &replacing{fakeEngine: fakeEngine{body: "{}"}, lookups: lookups, left: sendings}
	h := newService(t, Config{}, Deps{Engine: e, Lookups: lookups, Rollups: positions{1: 5}})
	if w := run(h, "SELECT l.region, sum(r.events) FROM rollup_hour_page AS r JOIN stores AS l ON r.path = l.id GROUP BY 1"); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(e.got) != sendings+1 || lookups.released != 1 {
		t.Errorf("sent %d times, released %d times", len(e.got), lookups.released)
	}
	for i, st := range e.got {
		if !strings.Contains(st.SQL, "_l.version = 17") {
			t.Errorf("%d: %s", i, st.SQL)
		}
	}
}

// An answer from before a table was replaced is not given again.
func TestReplacedLookupIsNotKept(t *testing.T) {
	e := &fakeEngine{body: `{"data":[]}`}
	at := &data{version: 1}
	lookups := &changingLookups{version: 17}
	h := newService(t, Config{}, Deps{Engine: e, Data: at, Cache: newCache(t, cache.Config{}), Lookups: lookups})
	for i, want := range []string{"miss", "hit"} {
		if w := run(h, "SELECT id FROM stores"); w.Header().Get("X-Weir-Cache") != want {
			t.Errorf("%d: %s", i, w.Header().Get("X-Weir-Cache"))
		}
	}
	lookups.version = 18
	at.set(2, false)
	if w := run(h, "SELECT id FROM stores"); w.Header().Get("X-Weir-Cache") != "miss" || !strings.Contains(e.got[len(e.got)-1].SQL, "_l.version = 18") {
		t.Errorf("%s: %s", w.Header().Get("X-Weir-Cache"), e.got[len(e.got)-1].SQL)
	}
	// One that is replaced while the statement waits: its answer is of the new version, and not kept under the old one.
	at.set(3, false)
	lookups.changes, lookups.pins = 1, 0
	for range 2 {
		if w := run(h, "SELECT region FROM stores"); w.Code != 200 {
			t.Error(w.Body)
		}
		at.set(4, false)
	}
	if n := len(e.got); n != 4 {
		t.Errorf("the engine was asked %d times", n)
	}
}

// Reads of lookup tables of other versions and tenants must not fail or succeed by what stands in their rows: nothing of the definition can fail.
func TestLookupDefinitionNeverFails(t *testing.T) {
	c := engine(t)
	l := acmeLookups[3]
	l.Columns = []lookup.Column{{Name: "a", Type: lookup.Bool}, {Name: "b", Type: lookup.Bool, Nullable: true}, {Name: "c", Type: lookup.Int64}, {Name: "d", Type: lookup.Float64}, {Name: "e", Type: lookup.String}}
	for i := range 40 {
		l.Columns = append(l.Columns, lookup.Column{Name: fmt.Sprintf("x%d", i), Type: []lookup.Type{lookup.Bool, lookup.Int64, lookup.Float64, lookup.String}[i%4]})
	}
	var all []string
	for _, e := range l.Expressions("_l") {
		all = append(all, "toString("+e+")")
	}
	testkit.Exec(t, c, "SELECT max(concat("+strings.Join(all, ", ")+")) FROM weir.lookups AS _l")
}

func TestLookupJSON(t *testing.T) {
	h := newService(t, quick, Deps{Engine: engine(t), Lookups: &changingLookups{version: 17}})
	w := run(h, "SELECT region, open, n FROM stores WHERE n IN (5, 6) ORDER BY n")
	var got struct{ Data []map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	want := []map[string]any{{"region": "region1", "open": true, "n": 5.}, {"region": nil, "open": false, "n": 6.}}
	if d := cmp.Diff(want, got.Data); d != "" {
		t.Error(d)
	}
}
