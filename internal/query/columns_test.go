package query

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/token"
)

// secret stands in everything of the tenant typed that masks hide.
const secret = "s3cr3t"

// seedTyped makes rows of the tenants typed and other, whose properties have the same names and other kinds.
func seedTyped(t testing.TB, c *clickhouse.Client) {
	for i, row := range []string{
		`'typed', 'a', map('plan', 'pro', 'ok', 'true', 'nul', 'null', 'it\'s', 'q', 'cart.total', 't', 'email', 'ann@s3cr3t', 'user.email', 'bob@s3cr3t', 'path', 's3cr3t', 'we,ird nämé', 'w', 'select', 'kw'), map('n', 5., 'amount', 1.5, 'mixed', 7., 'pin', 7331., 'user.pin', 7332.)`,
		`'typed', 'b', map('plan', '', 'ok', 'false', 'mixed', 'text'), map('n', 2.)`,
		`'typed', 'c', map(), map()`,
		`'other', 'a', map('n', 'many'), map('plan', 3.)`,
	} {
		testkit.Exec(t, c, fmt.Sprintf(`INSERT INTO weir.events (tenant, event_id, props, props_num, ts, type, client_id, url, path, user_id, city, _partition, _offset)
SELECT %s, '2026-04-0%d 12:00:00', 'view', 'c%d', 'https://x/s3cr3t', 's3cr3t', 'u-s3cr3t', 's3cr3t', %d, %d`, row, i+1, i, i%2, 10*i))
	}
}

// typedScope knows the properties of typed.
var typedScope = Scope{Tenant: "typed", MaskKey: []byte("key"), Properties: []event.Property{
	{Name: "plan", Kind: event.PropString}, {Name: "ok", Kind: event.PropBool}, {Name: "nul", Kind: event.PropString},
	{Name: "cart.total", Kind: event.PropString}, {Name: "email", Kind: event.PropString}, {Name: "user.email", Kind: event.PropString},
	{Name: "path", Kind: event.PropString}, {Name: "we,ird nämé", Kind: event.PropString}, {Name: "select", Kind: event.PropString},
	{Name: "n", Kind: event.PropInt}, {Name: "amount", Kind: event.PropFloat}, {Name: "mixed", Kind: event.PropString}, {Name: "pin", Kind: event.PropInt}, {Name: "user.pin", Kind: event.PropInt},
	// What never becomes a column.
	{Name: "tenant", Kind: event.PropString}, {Name: "_offset", Kind: event.PropInt}, {Name: "_e", Kind: event.PropString}, {Name: "", Kind: event.PropInt}, {Name: "it's", Kind: event.PropString}, {Name: "_id", Kind: event.PropString}, {Name: "@x", Kind: event.PropString}, {Name: "a`b", Kind: event.PropString},
	{Name: `a"b`, Kind: event.PropString}, {Name: `a\`, Kind: event.PropString}, {Name: "a\nb", Kind: event.PropString}, {Name: "a\xff", Kind: event.PropString}, {Name: "zz", Kind: 99},
}}

func (s Scope) with(change func(*Scope)) Scope {
	change(&s)
	return s
}

// TestPropertyColumns reads each kind, missing, null, and names that need quotes.
func TestPropertyColumns(t *testing.T) {
	c := engine(t)
	for _, tt := range []struct {
		sc        Scope
		sql, want string
	}{
		{typedScope, "SELECT n, amount, ok FROM events ORDER BY event_id", "5\t1.5\ttrue\n2\t\\N\tfalse\n\\N\t\\N\t\\N\n"},
		{typedScope, "SELECT plan, mixed, nul FROM events ORDER BY event_id", "pro\t7\t\\N\n\ttext\t\\N\n\\N\t\\N\t\\N\n"},
		{typedScope, "SELECT toTypeName(n), toTypeName(amount), toTypeName(ok), toTypeName(plan) FROM events LIMIT 1", "Nullable(Int64)\tNullable(Float64)\tNullable(Bool)\tNullable(String)\n"},
		{typedScope, "SELECT props['it\\'s'], cart.total, \"cart.total\", `we,ird nämé`, \"select\" FROM events ORDER BY event_id LIMIT 1", "q\tt\tt\tw\tkw\n"},
		{typedScope, "SELECT e.cart.total, e.n, events.plan FROM events AS e, events WHERE e.event_id = 'a' AND events.event_id = 'a'", "t\t5\tpro\n"},
		{typedScope, "SELECT events.n, \"events\".\"cart.total\" FROM default.events AS events WHERE events.event_id = 'a'", "5\tt\n"},
		{typedScope, "SELECT e.n, events.plan FROM events AS e, \"default\".\"events\" \"events\" WHERE e.event_id = 'a' AND events.event_id = 'a'", "5\tpro\n"},
		{typedScope, "SELECT path, props['path'] FROM events WHERE event_id = 'a'", secret + "\t" + secret + "\n"},
		{typedScope, "SELECT sum(n), avg(amount), countIf(ok), count(n) FROM events", "7\t1.5\t1\t2\n"},
		{typedScope, "SELECT count() FROM events WHERE n > 2 AND ok", "1\n"},
		{typedScope, "SELECT plan AS tenant, n AS _n FROM events WHERE event_id = 'a'", "pro\t5\n"},
		{typedScope, "WITH x AS (SELECT * FROM events) SELECT plan, user.email FROM x WHERE n = 5", "pro\tbob@s3cr3t\n"},
		{typedScope, "SELECT count(*), count() FROM events", "3\t3\n"},
		{typedScope, "SELECT COLUMNS('^(n|amount)$') FROM events WHERE n = 5", "1.5\t5\n"},
		{typedScope.with(func(s *Scope) {
			s.Tenant = "other"
			s.Properties = []event.Property{{Name: "n", Kind: event.PropString}, {Name: "plan", Kind: event.PropInt}}
		}), "SELECT n, plan, toTypeName(n), toTypeName(plan) FROM events", "many\t3\tNullable(String)\tNullable(Int64)\n"},
	} {
		for _, barrier2 := range []bool{true, false} {
			if got, err := answer(c, tt.sc, tt.sql, "TSV", barrier2); err != nil || got != tt.want {
				t.Errorf("%s: %q %v, want %q", tt.sql, got, err, tt.want)
			}
		}
	}
	for _, bad := range []string{"tenant", "_offset", "_e", "`_e`", "_id", "`@x`", "\"it's\"", "zz", "nosuch", "a", "_e.tenant", "tenant.x"} {
		if c, err := NewGuard().Check("SELECT "+bad+" FROM events", typedScope); err == nil {
			t.Errorf("%s: %s", bad, c.SQL)
		}
	}
	var r *Refusal
	if _, err := NewGuard().Check("SELECT amuont FROM events", typedScope); !errors.As(err, &r) || r.Nearest != "amount" || r.Code != CodeUnknownColumn {
		t.Errorf("a suggestion from the tenant's own names: %+v", err)
	}
	if _, err := NewGuard().Check("SELECT amuont FROM events", acme); !errors.As(err, &r) || r.Nearest == "amount" {
		t.Errorf("a suggestion from another tenant's names: %+v", err)
	}
}

// TestDescribed compares the types that DESCRIBE tells with those of the rows.
func TestDescribed(t *testing.T) {
	c := engine(t)
	for name, sc := range map[string]Scope{
		"plain": typedScope,
		"masks": typedScope.with(func(s *Scope) {
			for i, col := range []string{"ts", "is_bot", "city", "path", "client_id", "plan", "n", "ok", "amount", "user", "email", "received_at"} {
				s.Masks = append(s.Masks, catalog.Mask{Column: col, Action: []string{catalog.MaskHide, catalog.MaskHash}[i%2]})
			}
		}),
		"other masks": typedScope.with(func(s *Scope) {
			for i, col := range []string{"ts", "is_bot", "city", "path", "client_id", "plan", "n", "ok", "amount", "user", "email", "received_at", "props"} {
				s.Masks = append(s.Masks, catalog.Mask{Column: col, Action: []string{catalog.MaskHash, catalog.MaskHide}[i%2]})
			}
		}),
		"operator": typedScope.with(func(s *Scope) { s.All = true }),
	} {
		want, err := answer(c, sc, "SELECT * FROM events LIMIT 0", "TSVWithNamesAndTypes", true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines := strings.Split(want, "\n")
		got, err := answer(c, sc, "DESCRIBE TABLE events", "TSV", true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var names, types []string
		for line := range strings.Lines(got) {
			f := strings.Split(line, "\t")
			names, types = append(names, f[0]), append(types, f[1])
		}
		if diff := cmp.Diff(lines[:2], []string{strings.Join(names, "\t"), strings.Join(types, "\t")}); diff != "" {
			t.Errorf("%s: -rows +described:\n%s", name, diff)
		}
	}
}

// many has as many properties as become columns.
func many(n int) Scope {
	sc := Scope{Tenant: "typed"}
	for i := range n {
		sc.Properties = append(sc.Properties, event.Property{Name: fmt.Sprintf("a long property name %d", i), Kind: event.PropertyKind(i%4) + 1})
	}
	sc.Properties = append(sc.Properties, event.Property{Name: "n", Kind: event.PropInt})
	return sc
}

// TestManyProperties: * works with 2 000, however long the engine needs, and a statement that names one carries one.
func TestManyProperties(t *testing.T) {
	oneAfterTheOther(t)
	c := engine(t)
	sc := many(2000)
	got, err := answer(c, sc, "SELECT * FROM events WHERE n = 5", "JSONEachRow", true)
	if err != nil || strings.Count(got, "a long property name") != 2000 || !strings.Contains(got, `"n":5`) {
		t.Errorf("%.300s %v", got, err)
	}
	checked, err := NewGuard().Check("SELECT n FROM events", sc)
	if err != nil || strings.Contains(checked.SQL, "a long property") || !strings.Contains(checked.SQL, "AS n FROM weir.events") {
		t.Errorf("%v %s", err, checked.SQL)
	}
	checked, err = NewGuard().Check("SELECT * FROM (SELECT n FROM events)", sc)
	if err != nil || strings.Contains(checked.SQL, "a long property") {
		t.Errorf("%v %s", err, checked.SQL)
	}
	if got, err := answer(c, sc, "DESCRIBE events", "TSV", true); err != nil || strings.Count(got, "\n") != len(strings.Fields(everyColumn()))-1+2001 {
		t.Errorf("%d lines: %v", strings.Count(got, "\n"), err)
	}
}

// TestPushdown: conditions on the key reach it through the typed columns, and only the columns that are needed are read.
func TestPushdown(t *testing.T) {
	c := engine(t)
	sc := typedScope.with(func(s *Scope) { s.AsOf = token.Token{{Partition: 0, Offset: 100}} })
	sql := "SELECT count() FROM events WHERE n > 1 AND ts >= '2026-04-01 10:00:00' AND ts < '2026-04-02 00:00:00' AND type = 'view' AND client_id = 'c0' AND plan != 'x'"
	for _, masks := range [][]catalog.Mask{nil, {{Column: "email", Action: catalog.MaskHash}}} {
		sc.Masks = masks
		checked, err := NewGuard().Check(sql, sc)
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(testkit.Rows(t, c, "EXPLAIN indexes = 1 "+checked.SQL), "\n")
		for _, want := range []string{"tenant in ['typed', 'typed']", "toStartOfHour(ts) in", "type in ['view', 'view']", "client_id in ['c0', 'c0']", "toYYYYMMDD(ts) in", "Name: client"} {
			if !strings.Contains(plan, want) {
				t.Errorf("the plan lacks %q:\n%s", want, plan)
			}
		}
		tree := strings.Join(testkit.Rows(t, c, "EXPLAIN QUERY TREE run_passes = 1 "+checked.SQL), "\n")
		for _, col := range event.Columns {
			needed := slices.Contains(checked.Columns, col.Name)
			if read := strings.Contains(tree, "column_name: "+col.Name+","); read && !needed {
				t.Errorf("it reads %s, which Columns does not tell: %v", col.Name, checked.Columns)
			}
		}
	}
	header := strings.Join(testkit.Rows(t, c, "EXPLAIN header = 1 "+must(t, "SELECT n FROM events", typedScope).SQL), "\n")
	for _, no := range []string{"url", "city", "client_id"} {
		if strings.Contains(header[strings.Index(header, "ReadFromMergeTree"):], no) {
			t.Errorf("SELECT n reads %s:\n%s", no, header)
		}
	}
}

func must(t testing.TB, sql string, sc Scope) Checked {
	t.Helper()
	c, err := NewGuard().Check(sql, sc)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return c
}

// TestAsOf: a token shows the rows up to its offsets, and nothing of a partition that it does not name.
func TestAsOf(t *testing.T) {
	c := engine(t)
	for _, tt := range []struct {
		token token.Token
		want  string
	}{
		{nil, "a,b,c"},
		{token.Token{}, ""},
		{token.Token{{Partition: 0, Offset: 0}}, "a"},
		{token.Token{{Partition: 0, Offset: 20}}, "a,c"},
		{token.Token{{Partition: 1, Offset: 20}}, "b"},
		{token.Token{{Partition: 0, Offset: 19}, {Partition: 1, Offset: 10}}, "a,b"},
		{token.Token{{Partition: 0, Offset: 1<<64 - 1}, {Partition: 1, Offset: 9}, {Partition: 65535, Offset: 1 << 63}}, "a,c"},
	} {
		sc := typedScope
		sc.AsOf = tt.token
		for _, sql := range []string{
			"SELECT arrayStringConcat(arraySort(groupArray(event_id)), ',') FROM events",
			"WITH x AS (SELECT * FROM events) SELECT arrayStringConcat(arraySort(groupArray(event_id)), ',') FROM x",
			"SELECT arrayStringConcat(arraySort(groupArray(event_id)), ',') FROM typed.events",
			"SELECT arrayStringConcat(arraySort(groupArray(e.event_id)), ',') FROM events AS e WHERE 1 OR 1",
		} {
			if got, err := answer(c, sc, sql, "TSV", true); err != nil || strings.TrimSpace(got) != tt.want {
				t.Errorf("%v: %s: %q %v, want %q", tt.token, sql, got, err, tt.want)
			}
		}
	}
}

// TestMasks: nothing of a masked value is seen, whatever is tried; equal values have equal hashes, another tenant's or key's others.
func TestMasks(t *testing.T) {
	oneAfterTheOther(t)
	c := engine(t)
	mask := func(action string, cols ...string) []catalog.Mask {
		var out []catalog.Mask
		for _, col := range cols {
			out = append(out, catalog.Mask{Column: col, Action: action})
		}
		return out
	}
	tries := statements(t, "masks.sql")
	if len(tries) < 50 {
		t.Fatalf("%d statements", len(tries))
	}
	for _, action := range []string{catalog.MaskHide, catalog.MaskHash, "unknown"} {
		sc := typedScope
		sc.Metadata = true
		sc.Masks = mask(action, "email", "user", "path", "url", "user_id", "city", "pin")
		key := strings.Split(strings.Trim(maskKey(sc, false), "()"), ", ")
		ran := 0
		for _, sql := range tries {
			got, err := answer(c, sc, sql, "TSVWithNamesAndTypes", true)
			if err == nil {
				ran++
			} else if got = err.Error(); strings.Contains(sql, "HASH KEY") {
				continue
			}
			if strings.Contains(got, secret) || strings.Contains(got, "7331") || strings.Contains(got, "7332") {
				t.Errorf("%s: %s\n  shows %.300s", action, sql, got)
			}
			if err == nil && (strings.Contains(got, key[0]) || strings.Contains(got, key[1])) {
				t.Errorf("%s: %s\n  shows the key: %.300s", action, sql, got)
			}
		}
		if ran < len(tries)*2/3 {
			t.Errorf("%s: only %d of %d statements ran", action, ran, len(tries))
		}
	}
	hash := func(change func(*Scope)) string {
		sc := typedScope
		sc.Masks = mask(catalog.MaskHash, "email", "path", "n", "city")
		change(&sc)
		got, err := answer(c, sc, "SELECT path, city = path, props['email'] = email, length(email), n, mapContains(props_num, 'n'), plan FROM events WHERE event_id = 'a'", "TSV", true)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := hash(func(*Scope) {})
	f := strings.Split(first, "\t")
	if len(f) != 7 || len(f[0]) != 32 || f[1] != "1" || f[2] != "1" || f[3] != "32" || len(f[4]) != 32 || f[5] != "0" || f[6] != "pro\n" {
		t.Errorf("hashes: %q", first)
	}
	if again := hash(func(*Scope) {}); again != first {
		t.Errorf("%q became %q", first, again)
	}
	if other := hash(func(s *Scope) { s.MaskKey = []byte("other") }); other == first {
		t.Error("another key gives the same hashes")
	}
	if a, b := maskKey(typedScope, false), maskKey(acme.with(func(s *Scope) { s.MaskKey = typedScope.MaskKey }), false); a == b {
		t.Error("two tenants have the same key")
	}
	all := typedScope
	all.Masks = mask(catalog.MaskHide, "props")
	if got, err := answer(c, all, "SELECT props, props_num, n, plan, ok FROM events WHERE event_id = 'a'", "TSV", true); err != nil || got != "{}\t{}\t\\N\t\\N\t\\N\n" {
		t.Errorf("hidden props: %q %v", got, err)
	}
}

// TestExplainTellsNoHashes: EXPLAIN shows its key and evaluates scalar subqueries; what stands behind a mask must not go into what it shows.
func TestExplainTellsNoHashes(t *testing.T) {
	c := engine(t)
	sc := typedScope
	for _, col := range []string{"email", "path", "user_id", "user"} {
		sc.Masks = append(sc.Masks, catalog.Mask{Column: col, Action: catalog.MaskHash})
	}
	key := maskKey(sc, true)
	var hashes []string
	for _, v := range []string{"ann@s3cr3t", "s3cr3t", "u-s3cr3t", "bob@s3cr3t"} {
		hashes = append(hashes, testkit.Rows(t, c, "SELECT hex(sipHash128Keyed("+key+", '"+v+"'))")...)
	}
	told := 0
	for _, kind := range []string{"", "PLAN actions = 0", "PLAN json = 1, header = 1", "QUERY TREE", "QUERY TREE run_passes = 1", "SYNTAX", "AST", "PIPELINE"} {
		for _, sql := range []string{"SELECT (SELECT max(email) FROM events), (SELECT max(path) FROM events), (SELECT any(user_id) FROM events)", "WITH (SELECT groupArray(path) FROM events) AS p SELECT p",
			"SELECT (SELECT max(props['email']) FROM events), (SELECT max(user.email) FROM events)", "SELECT (SELECT max(toString(props)) FROM events)", "SELECT count() FROM events WHERE email = (SELECT max(email) FROM events)",
			"WITH (SELECT max(path) FROM rollup_hour_page) AS p SELECT p"} {
			got, err := answer(c, sc, "EXPLAIN "+kind+" "+sql, "TSVRaw", true)
			if err != nil {
				t.Errorf("%s %s: %v", kind, sql, err)
			}
			if strings.Contains(got, "'") {
				told++
			}
			for _, h := range hashes {
				if strings.Contains(got, h) {
					t.Errorf("EXPLAIN %s %s tells the hash of a value under a key that it shows too:\n%.1000s", kind, sql, got)
				}
			}
		}
	}
	if told == 0 {
		t.Error("EXPLAIN evaluates nothing any more: this test tests nothing")
	}
}

// TestNumbersAreMaskedAsTexts: who masks props_num masks the digits that are kept as text as well, and no texts.
func TestNumbersAreMaskedAsTexts(t *testing.T) {
	c := engine(t)
	testkit.Exec(t, c, "INSERT INTO weir.events (tenant, event_id, ts, props, props_num) SELECT 'digits', 'a', '2002-03-03 00:00:00', map('long', '12345678901234567891', 'plan', 'pro', 'mixed', 'x'), map('long', 12345678901234567891., 'n', 5.)"+
		" UNION ALL SELECT 'digits', 'b', '2002-03-03 00:00:00', map('plan', 'free'), map('mixed', 7.)")
	t.Cleanup(func() { testkit.Exec(t, c, "ALTER TABLE weir.events DROP PARTITION 20020303") })
	sc := Scope{Tenant: "digits", Properties: []event.Property{{Name: "long", Kind: event.PropFloat}, {Name: "plan", Kind: event.PropString}, {Name: "mixed", Kind: event.PropString}, {Name: "n", Kind: event.PropInt}}}
	const sql = "SELECT plan, mixed, long, n, mapContains(props, 'long'), props['plan'], length(props_num) FROM events ORDER BY event_id"
	for action, want := range map[string]string{
		"":               "pro\tx\t12345678901234567000\t5\t1\tpro\t2\nfree\t7\t\\N\t\\N\t0\tfree\t1\n",
		catalog.MaskHide: "pro\tx\t\\N\t\\N\t0\tpro\t0\nfree\t\\N\t\\N\t\\N\t0\tfree\t0\n",
		catalog.MaskHash: "pro\tx\t\\N\t\\N\t0\tpro\t0\nfree\t\\N\t\\N\t\\N\t0\tfree\t0\n",
	} {
		sc.Masks = nil
		if action != "" {
			sc.Masks = []catalog.Mask{{Column: "props_num", Action: action}}
		}
		if got, err := answer(c, sc, sql, "TSV", true); err != nil || got != want {
			t.Errorf("%q: %q %v\nwant %q", action, got, err, want)
		}
	}
	sc.Masks = []catalog.Mask{{Column: "plan", Action: catalog.MaskHash}, {Column: "mixed", Action: catalog.MaskHash}, {Column: "long", Action: catalog.MaskHash}}
	if got, err := answer(c, sc, "SELECT count(mixed), count(plan), uniqExact(mixed), countIf(long IS NULL) FROM events", "TSV", true); err != nil || got != "2\t2\t2\t1\n" {
		t.Errorf("hashes: %q %v", got, err)
	}
}

// TestPropertyThatIsNoColumn: who names one is told how it is read, and not of a name that is like it.
func TestPropertyThatIsNoColumn(t *testing.T) {
	sc := Scope{Tenant: "acme", Properties: []event.Property{{Name: "__x", Kind: event.PropString}, {Name: "mm_2_99", Kind: event.PropInt}, {Name: "tenant", Kind: event.PropInt}}}
	for name, want := range map[string]string{"__x": "__x is a property that is no column; read it as props['__x']", "tenant": "read it as props_num['tenant']", "mm_24_99": "there is no column or name mm_24_99; the nearest allowed name is mm_2_99"} {
		_, err := NewGuard().Check("SELECT "+name+" FROM events", sc)
		if r, _ := err.(*Refusal); r == nil || r.Code != CodeUnknownColumn || !strings.Contains(r.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	// The properties of a tenant's scope are those that are columns: nothing is known of others.
	for _, name := range []string{"tenant", "_seq", "__x"} {
		_, err := NewGuard().Check("SELECT "+name+" FROM events", Scope{Tenant: "acme", Properties: []event.Property{{Name: "tenant_id", Kind: event.PropString}}})
		if r, _ := err.(*Refusal); r == nil || r.Code != CodeUnknownColumn || !strings.Contains(r.Error(), "read it as props['"+name+"'], or props_num['"+name+"'] of numbers") || r.Nearest != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	sc.LeftOut = func() bool { return true }
	for name, want := range map[string]string{
		"mm_24_99": "read it as props['mm_24_99'], or props_num['mm_24_99'] of numbers; the nearest allowed name is mm_2_99", "`it''s`": `props['it\'\'s']`, "tenant": "read it as props_num['tenant']",
	} {
		_, err := NewGuard().Check("SELECT "+name+" FROM events", sc)
		if r, _ := err.(*Refusal); r == nil || r.Code != CodeUnknownColumn || !strings.Contains(r.Error(), want) {
			t.Errorf("names were left out, %s: %v, want %q", name, err, want)
		}
	}
}

// TestPropertyAloneIsMasked: a property that is named like a column can be masked without it, and what was masked with its column stays so.
func TestPropertyAloneIsMasked(t *testing.T) {
	c := engine(t)
	testkit.Exec(t, c, "INSERT INTO weir.events (tenant, event_id, ts, path, props, props_num) SELECT 'alone', 'a', '2002-03-04 00:00:00', '/column', map('path', 'property', 'ts', 'secret', 'ts.day', 'below', 'props', 'own', 'plan', 'pro'), map('ts', 7.)")
	t.Cleanup(func() { testkit.Exec(t, c, "ALTER TABLE weir.events DROP PARTITION 20020304") })
	const sql = "SELECT path, props['path'], toDate(ts), props['ts'], props['ts.day'], props_num['ts'], props['props'], props['plan'] FROM events"
	for name, tc := range map[string]struct {
		masks []catalog.Mask
		want  string
	}{
		"none":     {nil, "/column\tproperty\t2002-03-04\tsecret\tbelow\t7\town\tpro\n"},
		"both":     {[]catalog.Mask{{Column: "path"}}, "\t\t2002-03-04\tsecret\tbelow\t7\town\tpro\n"},
		"path":     {[]catalog.Mask{{Column: "path", Property: true}}, "/column\t\t2002-03-04\tsecret\tbelow\t7\town\tpro\n"},
		"ts":       {[]catalog.Mask{{Column: "ts", Property: true}}, "/column\tproperty\t2002-03-04\t\t\t0\town\tpro\n"},
		"props":    {[]catalog.Mask{{Column: "props", Property: true}}, "/column\tproperty\t2002-03-04\tsecret\tbelow\t7\t\tpro\n"},
		"stricter": {[]catalog.Mask{{Column: "path", Action: catalog.MaskHide}, {Column: "path", Property: true, Action: catalog.MaskHash}}, "\t\t2002-03-04\tsecret\tbelow\t7\town\tpro\n"},
	} {
		sc := Scope{Tenant: "alone", Masks: tc.masks}
		if got, err := answer(c, sc, sql, "TSV", true); err != nil || got != tc.want {
			t.Errorf("%s: %q %v\nwant %q", name, got, err, tc.want)
		}
	}
}

// TestMaskKeyIsNotTold: the engine's messages lose the numbers of a key.
func TestMaskKeyIsNotTold(t *testing.T) {
	c := engine(t)
	h := newHandler(t, quick, c)
	sc := typedScope
	sc.Masks = []catalog.Mask{{Column: "email", Action: catalog.MaskHash}, {Column: "path", Action: catalog.MaskHash}}
	key := strings.Split(strings.Trim(maskKey(sc, false), "()"), ", ")
	for _, sql := range []string{"SELECT toUInt8(path) FROM events", "SELECT email + 1 FROM events", "SELECT sum(path) FROM events", "SELECT email.x FROM events",
		"SELECT CAST(path AS Enum8('a' = 1)) FROM events", "SELECT arrayMap(x -> x, path) FROM events", "SELECT e.nope FROM events AS e", "SELECT (SELECT path FROM events)"} {
		_, err := answer(c, sc, sql, "TSV", true)
		if err == nil {
			t.Errorf("%s: no error", sql)
			continue
		}
		p := h.engineProblem(t.Context(), err)
		for _, k := range append(key, "sipHash", "_e.", secret) {
			if strings.Contains(p.Detail, k) {
				t.Errorf("%s: %q tells %q", sql, p.Detail, k)
			}
		}
	}
	var logged strings.Builder
	h.log = slog.New(slog.NewTextHandler(&logged, nil))
	for _, code := range []int{49, 497} {
		p := h.engineProblem(t.Context(), &clickhouse.Error{Code: code, Name: "X", Message: "at sipHash128Keyed((" + strings.Join(key, ", ") + "), email)"})
		for _, k := range key {
			if strings.Contains(logged.String(), k) || strings.Contains(p.Detail, k) {
				t.Errorf("code %d: %q and the log %q tell the key", code, p.Detail, logged.String())
			}
		}
	}
	if logged.Len() == 0 {
		t.Error("nothing was logged")
	}
	explained, err := answer(c, sc, "EXPLAIN SYNTAX SELECT email FROM events", "TSV", true)
	if err != nil || strings.Contains(explained, key[0]) || strings.Contains(explained, key[1]) {
		t.Errorf("EXPLAIN tells the key: %s %v", explained, err)
	}
}

// TestOperator sees all tenants over the common columns, in a session that can do no more than a tenant's.
func TestOperator(t *testing.T) {
	c := engine(t)
	sc := Scope{All: true, Metadata: true, Properties: []event.Property{{Name: "plan", Kind: event.PropString}}}
	for sql, want := range map[string]string{
		"SELECT tenant, count(), any(plan) FROM events WHERE tenant IN ('typed', 'other') AND plan != '' GROUP BY tenant ORDER BY tenant": "other\t1\t3\ntyped\t1\tpro\n",
		"SELECT count() FROM default.events WHERE tenant = 'acme'":                                                                        "1000\n",
		"SELECT name FROM system.columns WHERE table = 'events' ORDER BY position LIMIT 2":                                                "tenant\nsite_id\n",
		"SELECT currentDatabase()": "default\n",
		"SHOW DATABASES":           "default\n",
	} {
		if got, err := answer(c, sc, sql, "TSV", true); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", sql, got, err, want)
		}
	}
	gone := sc // deleted, and still there
	gone.Gone = []tenant.ID{"acme", "typed"}
	for _, from := range []string{"events", "(SELECT * FROM events)", "rollup_minute"} {
		gone.RollupsFromEvents = true
		got, err := answer(c, gone, "SELECT groupUniqArray(tenant) AS t FROM "+from+" WHERE tenant IN ('acme', 'typed', 'other')", "TSV", true)
		if err != nil || got != "['other']\n" {
			t.Errorf("%s without the tenants that are deleted: %q %v", from, got, err)
		}
	}
	for _, sql := range []string{"SELECT * FROM weir.events", "SELECT _seq FROM events", "SELECT * FROM system.parts", "SELECT file('/etc/passwd')", "SELECT * FROM weir.rollup_minute_4"} {
		if c, err := NewGuard().Check(sql, sc); err == nil {
			t.Errorf("%s: %s", sql, c.SQL)
		}
	}
}
