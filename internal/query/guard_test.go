package query

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/tenant"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// statements reads a file of statements, one a line; lines that begin with "# " are comments.
func statements(t testing.TB, name string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, line := range strings.Split(string(b), "\n") {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "# ") {
			all = append(all, line)
		}
	}
	return all
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; run with -update if the change is wanted):\n%s", name, diff)
	}
}

// acme is the scope of most tests.
var acme = Scope{Tenant: "acme"}

// own is the relation of events of acme as it stands in front of a statement, without properties.
var own = regexp.MustCompile(`\bevents AS \(SELECT (_e\.(\w+) AS (\w+)(?:, _e\.\w+ AS \w+)*) FROM weir\.events AS _e WHERE _e\.tenant = 'acme'\)`)

// allColumns is what own lists behind a star.
func allColumns(g *Guard) string {
	list, _, _ := strings.Cut(strings.TrimPrefix(g.newView(acme, false).cte(g.newView(acme, false).builtin(nil)), "events AS (SELECT "), " FROM weir.events")
	return list
}

func TestGuardAllows(t *testing.T) {
	g := NewGuard()
	list := allColumns(g)
	all := statements(t, "allowed.sql")
	if len(all) < 150 {
		t.Fatalf("%d statements, want at least 150", len(all))
	}
	var sent strings.Builder
	for _, q := range all {
		c, err := g.Check(q, Scope{Tenant: "acme"})
		if err != nil {
			t.Errorf("%s\n  refused: %v", q, err)
			continue
		}
		if len(own.FindAllString(c.SQL, -1)) != 1 {
			t.Errorf("%s\n  is sent without the tenant's relation: %s", q, c.SQL)
		}
		sent.WriteString(strings.Replace(c.SQL, list, "…", 1))
		if c.Format != "" {
			sent.WriteString("  [" + c.Format + "]")
		}
		sent.WriteString("\n")
	}
	golden(t, "sent.golden", sent.String())
}

func TestGuardRefuses(t *testing.T) {
	g := NewGuard()
	all := append(statements(t, "hostile.sql"), hostile()...)
	if len(all) < 400 {
		t.Fatalf("%d statements, want at least 400", len(all))
	}
	var out strings.Builder
	for _, q := range all {
		c, err := g.Check(q, Scope{Tenant: "acme"})
		var r *Refusal
		switch {
		case err == nil:
			t.Errorf("%.200q was let through: %.300s", q, c.SQL)
		case !errors.As(err, &r):
			t.Errorf("%.200q: %v is no Refusal", q, err)
		case c.SQL != "":
			t.Errorf("%.200q was refused and yet gave a text", q)
		default:
			out.WriteString(strings.ToValidUTF8(abbreviate(q), "?") + "\n    " + r.Code + ": " + r.Error() + "\n")
		}
	}
	golden(t, "refused.golden", out.String())
}

func abbreviate(q string) string {
	q = strings.ReplaceAll(q, "\x00", "<NUL>")
	if len(q) > 120 {
		return q[:120] + "…"
	}
	return q
}

// hostile are statements that do not fit into a text file.
func hostile() []string {
	deep := func(open, in, shut string, n int) string {
		return strings.Repeat(open, n) + in + strings.Repeat(shut, n)
	}
	return []string{
		"",
		" \n\t ",
		";",
		"-- only a comment",
		"SELECT 1\x00",
		"SELECT '\x00'",
		"SELECT '\x00' FROM weir.events",
		"SELECT \xff",
		"SELECT 'a\xff'",
		"SELECT\u00a01",
		"SELECT\u20031",
		"SELECT 1\u2028FROM events",
		"\ufeffSELECT 1",
		"SELECT 1\vFROM events",
		"SELECT 1\fFROM events",
		"SELECT 1\n;\nSELECT * FROM weir.events",
		"SELECT 1\n\nSELECT 2",
		"SELECT 1 --\rFROM weir.events\n;SELECT 2",
		"SELECT 1 -- \u2028\n FROM weir.events",
		"SELECT * FROM weir.\nevents",
		"SELECT * FROM weir\n.\nevents",
		"SELECT * FROM weir--\n.events",
		"SELECT 'x\\",
		"SELECT 'x\\'",
		"SELECT 'a' 'b' FROM weir.events",
		"SELECT \"a\nb\" FROM events",
		"SELECT " + strings.Repeat("a", MaxText),
		"SELECT '" + strings.Repeat("a", MaxText) + "'",
		"SELECT " + deep("(", "1", ")", MaxDepth+1),
		"SELECT " + deep("[", "1", "]", MaxDepth+1),
		"SELECT " + deep("(", "1", ")", 20000),
		"SELECT " + deep("(SELECT ", "1", ")", 5000),
		"SELECT * FROM " + deep("(SELECT * FROM ", "events", ")", MaxDepth+1),
		"SELECT " + strings.Repeat("NOT ", 15000) + "1",
		"SELECT " + strings.Repeat("- ", 30000) + "1",
		"SELECT " + strings.Repeat("CASE WHEN ", 6000) + "1" + strings.Repeat(" THEN 1 END", 100),
		"SELECT 1" + strings.Repeat(" + 1", 5000),
		"SELECT " + strings.Repeat("x -> ", 10000) + "1",
		"SELECT " + strings.Repeat("(", 60000),
		"SELECT 1" + strings.Repeat(" UNION ALL (SELECT 1", 3000),
		strings.Repeat("(", 30) + "SELECT * FROM weir.events" + strings.Repeat(")", 30),
	}
}

func TestGuardNamesPositionAndNearest(t *testing.T) {
	for _, c := range []struct {
		sql, nearest string
		line, column int
	}{
		{"SELECT uniqq(client_id) FROM events", "uniq", 1, 8},
		{"SELECT cuont() FROM events", "count", 1, 8},
		{"SELECT toStartOfHuor(ts) FROM events", "toStartOfHour", 1, 8},
		{"SELECT cuontry FROM events", "country", 1, 8},
		{"SELECT path,\n  brwser\nFROM events", "browser", 2, 3},
		{"SELECT 'ü', brwser FROM events", "browser", 1, 13},
		{"SELECT 1 FROM evnts", "events", 1, 15},
		{"WITH top AS (SELECT 1 AS x) SELECT x FROM topp", "top", 1, 43},
		{"SELECT 1 FORMAT JOSN", "JSON", 1, 17},
		{"SELECT CAST(1 AS UInt88)", "", 1, 18},
		{"SELECT sleep(1)", "", 1, 8},
	} {
		_, err := NewGuard().Check(c.sql, Scope{Tenant: "acme"})
		var r *Refusal
		if !errors.As(err, &r) {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if r.Nearest == "" && strings.Contains(r.What, "function") && !strings.Contains(r.What, "system.functions") {
			t.Errorf("%s: it is not said where the allowed ones are: %v", c.sql, r)
		}
		if r.Nearest != c.nearest || r.Line != c.line || r.Column != c.column {
			t.Errorf("%s: nearest %q at %d:%d, want %q at %d:%d (%v)", c.sql, r.Nearest, r.Line, r.Column, c.nearest, c.line, c.column, r)
		}
	}
}

func TestGuardRefusesTenantIDs(t *testing.T) {
	for _, id := range []tenant.ID{"", "A", "a'b", "a' OR 1 --", "a\\", strings64} {
		if c, err := NewGuard().Check("SELECT 1", Scope{Tenant: id}); err == nil {
			t.Errorf("tenant %q: %s", id, c.SQL)
		}
	}
}

const strings64 = tenant.ID("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")

// call is a table function as it may be sent.
var call = regexp.MustCompile(`^\w+\s*\(\s*\d{1,20}(\s*,\s*\d{1,20}){0,2}\s*\)`)

// FuzzGuard mutates statements. Whatever comes: no panic, and what is let through begins with
// the tenant's relation, names no other table with its database, and is let through again unchanged.
func FuzzGuard(f *testing.F) {
	for _, name := range []string{"allowed.sql", "hostile.sql"} {
		for _, q := range statements(f, name) {
			f.Add(q)
		}
	}
	g := NewGuard()
	f.Fuzz(func(t *testing.T, q string) {
		c, err := g.Check(q, Scope{Tenant: "acme"})
		if err != nil {
			return
		}
		at := own.FindAllStringIndex(c.SQL, -1)
		if len(at) != 1 || !strings.HasSuffix(c.SQL[:at[0][0]], "WITH ") {
			t.Fatalf("%q is sent without the tenant's relation: %q", q, c.SQL)
		}
		rest := c.SQL[:at[0][0]] + c.SQL[at[0][1]:]
		for _, r := range derived { // these are ours
			text, _ := g.newView(acme, false).rollupCTE(r)
			rest = strings.Replace(rest, ", "+text, "", 1)
		}
		toks, clean, err := scan(rest)
		if err != nil || clean != rest {
			t.Fatalf("%q is sent with comments or unreadable: %q: %v", q, c.SQL, err)
		}
		for i, l := range toks {
			if l.name() && i+1 < len(toks) && toks[i+1].is(".") && (i == 0 || !toks[i-1].is(".")) && reserved(l.text) {
				t.Fatalf("%q is sent with a table of the engine: %q", q, c.SQL)
			}
			if _, ok := series[l.text]; ok && i+1 < len(toks) && toks[i+1].is("(") {
				if call.FindString(rest[l.start:]) == "" || !toks[i-1].keyword("FROM") && !toks[i-1].keyword("JOIN") && !toks[i-1].is(",") {
					t.Fatalf("%q is sent with another call of %s: %q", q, l.text, c.SQL)
				}
				continue
			}
			if l.keyword("PREWHERE") {
				t.Fatalf("%q is sent with PREWHERE: %q", q, c.SQL)
			}
			if l.name() && i+1 < len(toks) && toks[i+1].is("(") && !allowedFunction(l.text) && !beforeBracket[strings.ToUpper(l.text)] && typeArity[strings.ToLower(l.text)] == 0 {
				if _, isType := typeArity[strings.ToLower(l.text)]; !isType && !strings.EqualFold(l.text, "COLUMNS") {
					t.Fatalf("%q is sent with the function %s: %q", q, l.text, c.SQL)
				}
			}
			if l.is(";") || l.keyword("SETTINGS") && !toks[i-1].is(".") || l.keyword("OUTFILE") && !toks[i-1].is(".") {
				t.Fatalf("%q is sent with %s: %q", q, l.text, c.SQL)
			}
		}
	})
}

func BenchmarkGuard(b *testing.B) {
	g := NewGuard()
	all := statements(b, "allowed.sql")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := g.Check(all[i%len(all)], Scope{Tenant: "acme"}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNets tests the checks that nothing reaches while the ones before them hold.
func TestNets(t *testing.T) {
	g := NewGuard()
	at := func(src string) *statement {
		toks, clean, err := scan(src)
		if err != nil {
			t.Fatal(err)
		}
		s := newStatement(g.newView(acme, false), src, clean, toks)
		s.ctes, s.qualified = []string{relation}, []string{"weir.events"}
		return s
	}
	s := at("SELECT 1 + 2")
	if err := s.sameTokens(); err != nil {
		t.Errorf("same tokens: %v", err)
	}
	for name, change := range map[string]func(*statement){
		"one token less":   func(s *statement) { s.toks = s.toks[:len(s.toks)-1] },
		"one token more":   func(s *statement) { s.toks = append(s.toks, lexeme{kind: word, text: "x", start: 20}) },
		"another place":    func(s *statement) { s.toks[1].start++ },
		"another kind":     func(s *statement) { s.toks[1].kind = str },
		"another text":     func(s *statement) { s.toks[0].text = "SELEKT" },
		"another operator": func(s *statement) { s.toks[2].text = "-" },
	} {
		s := at("SELECT 1 + 2")
		change(s)
		if s.sameTokens() == nil {
			t.Errorf("%s was not noticed", name)
		}
	}
	cte := g.newView(acme, false).cte(g.newView(acme, false).builtin(nil))
	for _, sql := range []string{
		"SELECT 1",
		"SELECT * FROM weir.events",
		"WITH x AS (SELECT 1) SELECT 1",
		"WITH x AS (SELECT 1), " + cte + " SELECT 1",
		"WITH (SELECT count() FROM weir.events) AS events SELECT 1",
		"WITH " + cte + " SELECT * FROM weir.events",
		"WITH " + cte + " SELECT * FROM system.one",
		"WITH " + cte + " SELECT sleep(1)",
		"WITH " + cte + " SELECT 1; SELECT 2",
		"WITH events AS (SELECT 1) SELECT 1",
		"WITH " + cte + " SELECT 1 UNION ALL SELECT count() FROM weir.events",
		"WITH " + cte + " SELECT count() FROM numbers(3)",
		"WITH " + cte + " SELECT 1 FROM events PREWHERE 1",
	} {
		if s.verify(sql) == nil {
			t.Errorf("%s may be sent", sql)
		}
	}
	if err := s.verify("WITH " + cte + " SELECT * FROM events"); err != nil {
		t.Errorf("a good statement may not be sent: %v", err)
	}
}

// BenchmarkGuardLight checks one statement of a dashboard.
func BenchmarkGuardLight(b *testing.B) {
	g := NewGuard()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Check("SELECT ts, type, path, 7 AS k FROM events WHERE client_id = 'c000000042' AND ts >= now() - 3600 ORDER BY ts DESC LIMIT 20", Scope{Tenant: "acme"}); err != nil {
			b.Fatal(err)
		}
	}
}
