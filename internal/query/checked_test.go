package query

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/event"
	"weir/internal/tenant"
)

func TestShape(t *testing.T) {
	g := NewGuard()
	of := func(sql string) Checked {
		c, err := g.Check(sql, wide)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if len(c.Shape) != 16 || strings.Trim(c.Shape, "0123456789abcdef") != "" || len(c.ShapeText) > maxShapeText {
			t.Errorf("%s: shape %q, %d bytes", sql, c.Shape, len(c.ShapeText))
		}
		return c
	}
	for _, same := range [][]string{
		{"SELECT count() FROM events WHERE path = '/a' AND ts > 5", "select  count( )\nfrom events -- x\nWhere path='/b' and ts>77", "SELECT count() FROM events WHERE path = {p:String} AND ts > {t:UInt32};"},
		{"SELECT 1 IN (1, 2, 3)", "SELECT 2 IN (4)", "SELECT 1 IN ('a', 'b') FORMAT CSV"},
		{`SELECT "path" FROM events`, "SELECT path FROM events", "SELECT `path` FROM events"},
	} {
		for _, sql := range same[1:] {
			if of(sql).Shape != of(same[0]).Shape {
				t.Errorf("%q and %q have different shapes: %q, %q", sql, same[0], of(sql).ShapeText, of(same[0]).ShapeText)
			}
		}
	}
	for _, other := range [][2]string{{"SELECT path FROM events", "SELECT host FROM events"}, {"SELECT 1", "SELECT -1"}, {"SELECT 1", "EXPLAIN SELECT 1"}, {"SELECT uniq(path) FROM events", "SELECT uniqExact(path) FROM events"}} {
		if of(other[0]).Shape == of(other[1]).Shape {
			t.Errorf("%q and %q have the same shape", other[0], other[1])
		}
	}
	if c := of("SELECT 'secret', 42 FROM events WHERE path = {p:String}"); c.ShapeText != "SELECT ? FROM events WHERE path = ?" {
		t.Errorf("text %q", c.ShapeText)
	}
	if c := of("SELECT path" + strings.Repeat(", path", 1000) + " FROM events"); len(c.ShapeText) != maxShapeText {
		t.Errorf("%d bytes", len(c.ShapeText))
	}
}

func TestChecked(t *testing.T) {
	sc := typedScope
	sc.Params = map[string]string{"from": "2026-01-01 00:00:00"}
	now := time.Now().UTC()
	for sql, want := range map[string]struct {
		kind     Kind
		columns  string
		from, to string // "-1d": before now
		volatile bool
	}{
		"SELECT 1":                                               {kind: KindSelect},
		"SHOW TABLES":                                            {kind: KindShow},
		"DESCRIBE events":                                        {kind: KindDescribe},
		"EXPLAIN SELECT path FROM events":                        {kind: KindExplain, columns: "path tenant"},
		"SELECT count() FROM events":                             {columns: "tenant"},
		"SELECT count(*) FROM events":                            {columns: "tenant"},
		"SELECT count(DISTINCT *) FROM events":                   {columns: everyColumn()},
		"SELECT uniq(*) FROM events":                             {columns: everyColumn()},
		"SELECT count(*), e.* FROM events AS e":                  {columns: everyColumn()},
		"SELECT COLUMNS('path') FROM events":                     {columns: everyColumn()},
		"SELECT n FROM events":                                   {columns: "props_num tenant"},
		"SELECT ok, url FROM events":                             {columns: "props tenant url"},
		"SELECT cart.total FROM events":                          {columns: "props props_num tenant"},
		"SELECT now(), path FROM events":                         {columns: "path tenant", volatile: true},
		"SELECT RAND()":                                          {volatile: true},
		"SELECT parseDateTimeBestEffortOrNull('12 Aug')":         {volatile: true},
		"SELECT parseDateTime64BestEffortUS('12/8')":             {volatile: true},
		"SELECT parseDateTime('2026', '%Y')":                     {},
		"SELECT arrayMap(x -> generateUUIDv4(), [1])":            {volatile: true},
		"SELECT uniq(path) FROM events WHERE ts >= '2026-01-01'": {columns: "path tenant ts", from: "2026-01-01"},
		"SELECT 1 FROM events WHERE ts >= '2026-01-01' AND ts < '2026-02-01 10:00:00' AND path = 'x'":                                 {columns: "path tenant ts", from: "2026-01-01", to: "2026-02-01 10:00:00"},
		"SELECT 1 FROM events WHERE ts BETWEEN toDateTime('2026-01-01 00:00:00') AND toDate('2026-01-02')":                            {columns: "tenant ts", from: "2026-01-01", to: "2026-01-02"},
		"SELECT 1 FROM events WHERE ts >= '2026-01-01' OR path = 'x'":                                                                 {columns: "path tenant ts"},
		"SELECT 1 FROM events WHERE NOT ts >= '2026-01-01'":                                                                           {columns: "tenant ts"},
		"SELECT 1 FROM events WHERE ts > now() - INTERVAL 1 DAY":                                                                      {columns: "tenant ts", from: "-1d", volatile: true},
		"SELECT 1 FROM events WHERE now() - toIntervalDay(1) <= ts":                                                                   {columns: "tenant ts", from: "-1d", volatile: true},
		"SELECT 1 FROM events WHERE ts > subtractDays(now(), 1)":                                                                      {columns: "tenant ts", from: "-1d", volatile: true},
		"SELECT 1 FROM events WHERE ts >= {from:DateTime}":                                                                            {columns: "tenant ts", from: "2026-01-01"},
		"WITH toDate('2026-01-01') AS since SELECT 1 FROM events WHERE ts >= since":                                                   {columns: "tenant ts", from: "2026-01-01"},
		"SELECT 1 FROM events WHERE toDate(ts) = '2026-01-01'":                                                                        {columns: "tenant ts", from: "2026-01-01", to: "2026-01-02"},
		"SELECT 1 FROM events WHERE ts >= '2026-01-01' UNION ALL SELECT 1 FROM events WHERE ts >= '2026-01-05' AND ts < '2026-01-06'": {columns: "tenant ts", from: "2026-01-01"},
		"SELECT 1 FROM events WHERE ts >= '2026-01-01' UNION ALL SELECT 1 FROM events":                                                {columns: "tenant ts"},
		"SELECT 1 FROM (SELECT ts FROM events WHERE ts < '2026-01-05') WHERE ts >= '2026-01-01'":                                      {columns: "tenant ts", to: "2026-01-05"},
	} {
		c, err := NewGuard().Check(sql, sc)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if want.kind == "" {
			want.kind = KindSelect
		}
		if c.Kind != want.kind || strings.Join(c.Columns, " ") != want.columns || c.Volatile != want.volatile || c.ReadsEvents != (want.columns != "") {
			t.Errorf("%s: %+v", sql, c)
		}
		for _, b := range []struct {
			got  time.Time
			want string
		}{{c.From, want.from}, {c.To, want.to}} {
			at, _ := parseTime(b.want)
			if b.want == "-1d" {
				if d := now.AddDate(0, 0, -1).Sub(b.got).Abs(); d > time.Hour {
					t.Errorf("%s: %v", sql, b.got)
				}
			} else if !b.got.Equal(at) {
				t.Errorf("%s: bound %v, want %q", sql, b.got, b.want)
			}
		}
	}
}

// everyColumn lists the columns of the table that a star reads.
func everyColumn() string {
	names := []string{"tenant"}
	for _, c := range event.Columns {
		if c.Visible && c.Stored {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// evil are names of properties that try to be more than names.
var evil = []string{
	"'", "''", "'||tenant||'", "x') FROM weir.events --", "x'] AS y FROM weir.events AS _e UNION ALL SELECT path FROM weir.events --", `\`, `\'`, `'\`, `x\' OR 1=1 --`,
	"`", "a`, tenant AS b", `"`, `a" , tenant AS "b`, "a b", "a,b", "a;b", "a--b", "a/*b", "*/", "(", ")", "[", "]", "{x:String}", "{t:Identifier}", "?", "%", "$$", "#",
	"tenant", "_e", "_e.tenant", "_s", "_n", "_offset", "weir", "weir.events", "events", "events.tenant", "system", "system.tables", "system_tables", "default", "t_victim", "t_victim.events", "victim.events",
	"SELECT", "FROM", "WHERE", "SETTINGS", "FORMAT", "null", "NULL", "true", "version()", "count()", "file('/etc/passwd')", "a.b.c", ".a", "a.", "..", "a\x00b", "a\nb", "a\tb", "\u202e", "ｗeir.events",
	strings.Repeat("n", 256), strings.Repeat("n", 257), strings.Repeat("é", 128), "props", "props_num", "props.values", "path", "x" + strings.Repeat("'", 50), "1", "1a", "-", "@@version", "é", "日本", "🙂",
}

// TestEvilProperties: whatever a property is called, the statement stays what it is, and the column has that name.
func TestEvilProperties(t *testing.T) {
	oneAfterTheOther(t)
	c := engine(t)
	sc := Scope{Tenant: "acme", Metadata: true}
	for i, name := range evil {
		sc.Properties = append(sc.Properties, event.Property{Name: name, Kind: event.PropertyKind(i%4) + 1})
	}
	var columns []string
	for _, p := range sc.Properties {
		if exposed(p) {
			columns = append(columns, p.Name)
		}
	}
	slices.Sort(columns)
	for _, barrier2 := range []bool{true, false} {
		for _, sql := range []string{"SELECT * FROM events", "SELECT * EXCEPT (props, props_num) FROM acme.events", "SELECT COLUMNS('.*') FROM events LIMIT 10", "DESCRIBE events", "SHOW CREATE TABLE events", "SELECT * FROM system.columns", "EXPLAIN SYNTAX SELECT * FROM events"} {
			got, err := answer(c, sc, sql, "JSONCompact", barrier2)
			if err != nil || foreignText.MatchString(got) || theirs.MatchString(strings.Split(got, `"statistics"`)[0]) {
				t.Errorf("barrier 2 %v: %s: %v %.500s", barrier2, sql, err, got)
			}
		}
	}
	got, err := answer(c, sc, fmt.Sprintf("SELECT name FROM system.columns WHERE position > %d ORDER BY position", len(strings.Fields(everyColumn()))-1), "TSVRaw", true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(columns, strings.Split(strings.TrimSuffix(got, "\n"), "\n")); diff != "" {
		t.Errorf("-exposed +named:\n%s", diff)
	}
	for _, name := range columns {
		for _, sql := range []string{fmt.Sprintf("SELECT \"%s\" FROM events LIMIT 1", name), fmt.Sprintf("SELECT `%s` FROM events LIMIT 1", name), fmt.Sprintf("SELECT %s FROM events LIMIT 1", name)} {
			got, err := answer(c, sc, sql, "TSV", false)
			if strings.HasPrefix(sql, "SELECT \"") && err != nil {
				t.Errorf("%s: %v", sql, err)
			}
			if err == nil && foreignText.MatchString(got) && !foreignText.MatchString(sql) {
				t.Errorf("%s: %.300s", sql, got)
			}
		}
	}
	for _, hidden := range []string{"tenant", "_e", "_e.tenant", "_offset", "path", "props", "a`, tenant AS b", `\`, "a\x00b", strings.Repeat("n", 257)} {
		if exposed(event.Property{Name: hidden, Kind: event.PropString}) {
			t.Errorf("%q is a column", hidden)
		}
	}
}

// The text of a shape that a tenant asked, without its values, can be had by the hash that its bill has, by that tenant only, until it is forgotten.
func TestShapeText(t *testing.T) {
	d := &desk{}
	s := newService(t, Config{}, d.deps(&fakeEngine{body: engineJSON}))
	other := tenant.Principal{Tenant: "other", Role: tenant.RoleAnalyst}
	for _, ask := range []struct {
		who tenant.Principal
		sql string
	}{{analyst, "SELECT path, 'mine' FROM events WHERE url = 'a secret'"}, {other, "SELECT host FROM events LIMIT 7"}, {analyst, "SELECT sleep(1)"}} {
		post(s, ask.who, fmt.Sprintf(`{"sql":%q}`, ask.sql))
	}
	if len(d.records) != 2 {
		t.Fatalf("%d records", len(d.records))
	}
	mine, theirs := d.records[0].Shape, d.records[1].Shape
	check := func(id tenant.ID, shape, want string) {
		t.Helper()
		if got := s.ShapeText(id, shape); got != want {
			t.Errorf("%s, %s: %q, want %q", id, shape, got, want)
		}
	}
	check("acme", mine, "SELECT path , ? FROM events WHERE url = ?")
	check("other", theirs, "SELECT host FROM events LIMIT ?")
	check("other", mine, "")
	check("acme", theirs, "")
	check("", mine, "")
	s.ForgetTenant("acme")
	check("acme", mine, "")
	check("other", theirs, "SELECT host FROM events LIMIT ?")
}
