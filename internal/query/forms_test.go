package query

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// watched runs Check and ends the process if it does not return: nothing else ends a loop of the parser, which takes all memory
// long before the tests' own limit.
func watched(g *Guard, sql string, sc Scope) (Checked, error) {
	type answer struct {
		c   Checked
		err error
	}
	done := make(chan answer, 1)
	go func() {
		c, err := g.Check(sql, sc)
		done <- answer{c, err}
	}()
	begin, tick := time.Now(), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case a := <-done:
			return a.c, a.err
		case <-tick.C:
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if time.Since(begin) > time.Minute || m.HeapAlloc > 2<<30 {
				panic(fmt.Sprintf("after %v and with %d MB the guard has not returned from %.2000q", time.Since(begin), m.HeapAlloc>>20, sql))
			}
		}
	}
}

// spinning are texts that keep the parser busy for ever, or lead it where it might be, with a part of what the guard says to them.
var spinning = [][2]string{
	{"SELECT * REPLACE (1 AS x = y) FROM events", "line 1, column 19: the list of REPLACE cannot be read here"},
	{"SELECT * REPLACE (=) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (= AS path) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (path AS = path) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (path AS path ->) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (path AS path, . AS host) FROM events", "column 33: the list of REPLACE"},
	{"SELECT * REPLACE STRICT (path AS path :: ) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (, path AS path) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (path AS path,) FROM events", "nothing follows the comma"},
	{"SELECT events.* REPLACE (path AS path || path) FROM events", "the list of REPLACE"},
	{"SELECT COLUMNS('path') REPLACE (path AS path / 2) FROM events", "the list of REPLACE"},
	{"SELECT COLUMNS(path, host) REPLACE STRICT (path AS path <= 2) FROM events", "the list of REPLACE"},
	{"SELECT events.COLUMNS('path') REPLACE (path AS path = 2) FROM events", "the list of REPLACE"},
	{"SELECT * EXCEPT (host) REPLACE (path AS path % 2) FROM events", "the list of REPLACE"},
	{"SELECT * APPLY (toString) REPLACE (path AS path >= 2) FROM events", "the list of REPLACE"},
	{"SELECT (*) REPLACE (path AS path != 2) FROM events", "the list of REPLACE"},
	{"SELECT f(* REPLACE (path AS path = 2)) FROM events", "the list of REPLACE"},
	{"SELECT [* REPLACE (path AS path = 2)] FROM events", "the list of REPLACE"},
	{"SELECT TOP 5 * REPLACE (path AS path = 2) FROM events", "the list of REPLACE"},
	{"SELECT DISTINCT ON (path) * REPLACE (path AS path = 2) FROM events", "the list of REPLACE"},
	{"SELECT 2 * REPLACE (path AS path = 2) FROM events", "the list of REPLACE"},
	{"SELECT * FROM (SELECT * REPLACE (path AS path = 2) FROM events)", "the list of REPLACE"},
	{"WITH x AS (SELECT * REPLACE (path AS path = 2) FROM events) SELECT * FROM x", "the list of REPLACE"},
	{"SELECT 1 UNION ALL SELECT * REPLACE (path AS path = 2) FROM events", "the list of REPLACE"},
	{"SELECT 1 FROM events WHERE path IN (SELECT * REPLACE (path AS path = 2) FROM events)", "the list of REPLACE"},
	{"SELECT 1 FROM events ORDER BY * REPLACE (path AS path = 2)", "the list of REPLACE"},
	{"SELECT * REPLACE ((* REPLACE (path AS path = 2)) AS path) FROM events", "column 31: the list of REPLACE"},
	{"SELECT * REPLACE ((SELECT 1 FORMAT x) AS path) FROM events", "column 19: the list of REPLACE"},
	{"SELECT * REPLACE ((SELECT 1 format('x')) AS path) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (1::INT(()) AS path) FROM events", "the list of REPLACE"},
	{"SELECT * REPLACE (1::INT([) AS path) FROM events", `the bracket ")" closes nothing`},
	{"SELECT * REPLACE (COLUMNS('a') REPLACE 1 AS x, = AS y) FROM events", "REPLACE needs a bracket"},
	{"SELECT * REPLACE path AS path = 2 FROM events", "REPLACE needs a bracket"},
	{"SELECT 1 x y * REPLACE (path AS path = 2) FROM events", "the list of REPLACE"},
	{"EXPLAIN SELECT * REPLACE (path AS path = 2) FROM events", "the list of REPLACE"},
	{"FROM events SELECT * REPLACE (path AS path = 2)", "the list of REPLACE"},
	{"(SELECT * REPLACE (path AS path = 2) FROM events)", "the list of REPLACE"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS (= path)", "column 52: GROUPING SETS cannot be read here"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS ((path) = host)", "GROUPING SETS"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS ((path), . , (host))", "GROUPING SETS"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS ((path =), (host))", "an expression is missing"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS (path =)", "an expression is missing"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS (path -> )", "an expression is missing"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS (path host = browser)", "GROUPING SETS"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS (path AS = browser)", "GROUPING SETS"},
	{"SELECT count() FROM events GROUP BY GROUPING SETS ((path),)", "nothing follows the comma"},
	{"CREATE TABLE x (a UInt8 =)", "CREATE is not allowed"},
	{"EXPLAIN CREATE TABLE x (a UInt8 =)", "CREATE is not allowed"},
	{"SELECT * FROM (EXPLAIN CREATE TABLE x (a UInt8 =))", "EXPLAIN is not allowed"},
	{"SELECT (EXPLAIN AST ALTER TABLE x MODIFY SETTING (=))", "EXPLAIN is not allowed"},
	{"WITH 1 AS x INSERT INTO y (=) SELECT 1", "INSERT is not allowed"},
	{"SELECT 1 PARALLEL WITH CREATE TABLE x (=)", "PARALLEL WITH is not allowed"},
	{"SELECT 1 x CREATE TABLE x (a UInt8 =)", "cannot be read to its end"},
	{"SELECT 1 x . CREATE TABLE x (a UInt8 =)", "cannot be read to its end"},
	{"SELECT 1 x AS CREATE DICTIONARY x (=)", "cannot be read to its end"},
	{"SELECT 1 x EXPLAIN ALTER TABLE x ADD INDEX (=)", "cannot be read to its end"},
	{"SELECT 1 x BACKUP TABLE x TO Disk(=)", "cannot be read to its end"},
	{"SELECT 1 x RENAME TABLE =", "cannot be read to its end"},
	{"SELECT 1 x REPLACE TABLE x (=)", "REPLACE needs a bracket"},
	{"SELECT 1 x GRANT SELECT (=) ON x TO y", "cannot be read to its end"},
}

// TestForms sends what the parser would not come back from.
func TestForms(t *testing.T) {
	g := NewGuard()
	for _, c := range spinning {
		_, err := watched(g, c[0], acme)
		var r *Refusal
		if !errors.As(err, &r) || !strings.Contains(r.Error(), c[1]) {
			t.Errorf("%s\n  %v, want %q", c[0], err, c[1])
		}
	}
}

// readableForms are valid statements with what forms looks at.
var readableForms = []string{
	"SELECT * REPLACE (upper(path) AS path, lower(host) AS host) FROM events",
	"SELECT * REPLACE STRICT (upper(path) AS path) FROM events",
	"SELECT * EXCEPT (host) REPLACE (if(path = '', 'x', path) AS path) FROM events",
	"SELECT * REPLACE (CASE WHEN path = '' THEN 'x' ELSE path END AS path) FROM events",
	"SELECT * REPLACE ((SELECT max(ts) FROM events) AS ts) FROM events",
	"SELECT * REPLACE (CAST(path AS String) AS path, path::String AS host, -1 AS props_num) FROM events",
	"SELECT * REPLACE ((SELECT count() FROM (SELECT * REPLACE (upper(path) AS path) FROM events)) AS path) FROM events",
	"SELECT * REPLACE (arrayMap(x -> x + 1, [1, 2])[1] AS path) FROM events",
	"SELECT COLUMNS('^path$') REPLACE (upper(path) AS path) FROM events",
	"SELECT events.* REPLACE (upper(path) AS path) FROM events",
	"SELECT replace(path, 'a', 'b'), replace(replace(path, 'a', 'b'), 'c', 'd') FROM events",
	"SELECT 2 * length(replace(path, 'a', 'b')) FROM events",
	"SELECT replace(path AS p, 'a', concat('b', p)) FROM events",
	"SELECT path, host, count() FROM events GROUP BY GROUPING SETS ((path), (host), ())",
	"SELECT path, host, count() FROM events GROUP BY GROUPING SETS (path, (path, host), (lower(path), host))",
	"SELECT path AS show, count() AS begin FROM events GROUP BY path ORDER BY begin DESC",
}

func TestFormsAllows(t *testing.T) {
	g := NewGuard()
	for _, q := range readableForms {
		if _, err := watched(g, q, acme); err != nil {
			t.Errorf("%s\n  refused: %v", q, err)
		}
	}
}

// TestNestedGroups: the longest text may not be read once for each of 64 brackets, and a short one may.
func TestNestedGroups(t *testing.T) {
	g := NewGuard()
	nested := func(inner string, n int) string {
		return "SELECT " + strings.Repeat("replace(", n) + inner + strings.Repeat(", 'a', 'b')", n)
	}
	if _, err := watched(g, nested("'text'", 40), acme); err != nil {
		t.Errorf("a short text: %v", err)
	}
	var r *Refusal
	if _, err := watched(g, nested(strings.Repeat("1+", 30_000)+"1", 20), acme); !errors.As(err, &r) || !strings.Contains(r.What, "too often") || r.Column == 0 {
		t.Errorf("a long text: %v", err)
	}
}

// chains are texts of nearly MaxText bytes that the parser, or the walker behind it, descends into once per word.
func chains() map[string]string {
	all := map[string]string{}
	for name, p := range map[string][3]string{
		"minus": {"- ", "1", ""}, "plus": {"+ ", "1", ""}, "not": {"NOT ", "1", ""}, "lambda": {"x->", "1", ""}, "case": {"CASE ", "1", ""}, "when": {"CASE WHEN ", "1", ""}, "else": {"CASE a WHEN b THEN c ELSE ", "1", ""},
		"interval": {"INTERVAL -", "1", ""}, "and": {"", "1", " AND 1"}, "or not": {"1 OR NOT ", "1", ""}, "power": {"1 + - ", "1", ""}, "cast": {"", "1", "::Int8"}, "dots": {"", "a", ".a"}, "tuple": {"", "a", ".1"},
		"between": {"1 BETWEEN ", "1", ""}, "in": {"1 IN ", "1", ""}, "like": {"1 LIKE ", "1", ""}, "index": {"", "a", "[1]"}, "call": {"", "a", "(1)"}, "comma": {"1,", "1", ""}, "except": {"", "1", " EXCEPT"},
		"union": {"", "1", " UNION ALL SELECT 1"}, "intersect": {"", "1", " INTERSECT"}, "union except": {"", "1", " UNION EXCEPT"}, "join": {"", "1 FROM events", " JOIN events"}, "is": {"", "1", " IS NULL"},
		"replace": {"", "*", " REPLACE (1 AS x)"}, "errors": {"", "1", " = ."}, "nested replace": {"", "", ""}, "as": {"", "1", " AS x"}, "top": {"TOP ", "1", ""}, "from": {"", "1", " FROM events"}, "words": {"", "1", " x"},
	} {
		if name == "nested replace" {
			open := strings.Repeat("replace(", MaxDepth)
			all[name] = "SELECT " + open + strings.Repeat("1+", (MaxText-1000)/2) + "1" + strings.Repeat(")", MaxDepth)
			continue
		}
		n := (MaxText - 200) / (len(p[0]) + len(p[2]))
		all[name] = "SELECT " + strings.Repeat(p[0], n) + p[1] + strings.Repeat(p[2], n)
	}
	return all
}

// TestChains makes sure that the longest statements neither exhaust the stack, which would end the process, nor take a minute.
func TestChains(t *testing.T) {
	oneAfterTheOther(t)
	g := NewGuard()
	for name, q := range chains() {
		begin := time.Now()
		_, err := watched(g, q, acme)
		var r *Refusal
		if err != nil && !errors.As(err, &r) || err != nil && strings.Contains(err.Error(), "cannot be analysed") {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %d bytes, %v: %.120v", name, len(q), time.Since(begin).Round(time.Millisecond), err)
	}
}

// FuzzForms looks for statements from which Check does not return: the seed chooses changes of tokens in a statement, most of them
// inside of brackets.
func FuzzForms(f *testing.F) {
	for i, q := range append(good(f), readableForms...) {
		f.Add(q, uint64(0))
		f.Add(q, uint64(i+1))
	}
	g := NewGuard()
	f.Fuzz(func(t *testing.T, q string, seed uint64) {
		if seed != 0 {
			q = changeTokens(rand.New(rand.NewPCG(seed, 3)), q)
		}
		_, _ = watched(g, q, wide)
	})
}

// parts are what changeTokens puts into statements: the brackets in them are closed.
var parts = strings.Split(`=|.|,|::|->|*|-|[]|()|(1)|[1]|AS|AS x|AS x =|x|1|'a'|.1|, =|( = )|CASE|END|WHEN|THEN|ELSE|NOT|IN|IN (1)|BETWEEN|AND|IS|LIKE|INTERVAL|DAY|EXISTS|CAST|CAST(1 AS Int8)|EXTRACT(DAY FROM ts)|TRIM(BOTH 'a' FROM 'b')|SUBSTRING(path FROM 1)|`+
	`* REPLACE (1 AS x)|REPLACE (1 AS x = 2)|REPLACE|REPLACE (|REPLACE STRICT (1 AS x)|STRICT|* EXCEPT (path)|EXCEPT (path)|EXCEPT|APPLY (toString)|APPLY|* APPLY (x -> x)|COLUMNS('a')|COLUMNS('a') REPLACE (1 AS path)|COLUMNS('a') REPLACE 1 AS x, = 2|`+
	`GROUP BY GROUPING SETS ((path), (host))|GROUPING SETS ((path) = 1)|GROUPING SETS|ROLLUP (path)|WITH ROLLUP|FORMAT|FORMAT x|SETTINGS x = 1|::INT(()|::INT(1)|::Tuple(a Int8, b String)|::Decimal(1, =)|::Nested(a =)|(SELECT 1)|(SELECT 1 FORMAT x)|(SELECT * REPLACE (1 AS x) FROM events)|`+
	`SELECT|WITH|FROM|FROM events|WHERE|GROUP|BY|ORDER BY|LIMIT|LIMIT 1 BY path|LIMIT 1, 2|OFFSET|WITH FILL|INTERPOLATE (x AS 1)|INTERPOLATE|WINDOW w AS (PARTITION BY path)|OVER (PARTITION BY path)|OVER|OVER w|OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)|FILTER (WHERE 1)|DISTINCT|DISTINCT ON (path)|TOP 1|`+
	`EXPLAIN|(EXPLAIN SELECT 1)|INSERT|CREATE TABLE x (a =)|ALTER|SHOW|CHECK|BEGIN|USE|PARALLEL WITH|DESC|DESCRIBE|ARRAY JOIN|JOIN|UNION ALL|INTERSECT|ANY|ALL|GLOBAL|LEFT|replace(path, 'a', 'b')|{x:String}|x -> x`, "|")

// changeTokens drops, doubles, swaps, moves and inserts tokens of a statement.
func changeTokens(r *rand.Rand, q string) string {
	t := pieces(q)
	for n := 1 + r.IntN(4); n > 0 && len(t) > 1; n-- {
		from, to := 0, len(t)
		if opens := brackets(t); len(opens) > 0 && r.IntN(4) > 0 { // inside of a bracket
			b := opens[r.IntN(len(opens))]
			from, to = b[0]+1, b[1]
		}
		i := from + r.IntN(to-from+1)
		j := min(from+r.IntN(to-from+1), len(t)-1)
		switch r.IntN(6) {
		case 0: // drop
			if i < len(t) && !strings.ContainsAny(t[i], "()[]") {
				t = append(t[:i:i], t[i+1:]...)
			}
		case 1: // double
			if !strings.ContainsAny(t[j], "()[]") {
				t = append(append(t[:i:i], t[j]), t[i:]...)
			}
		case 2: // swap
			if i < len(t) && !strings.ContainsAny(t[i]+t[j], "()[]") {
				t[i], t[j] = t[j], t[i]
			}
		default:
			t = append(append(t[:i:i], pieces(parts[r.IntN(len(parts))])...), t[i:]...)
		}
	}
	return strings.Join(t, " ")
}

// brackets pairs the brackets of tokens.
func brackets(t []string) (all [][2]int) {
	var open []int
	for i, p := range t {
		switch p {
		case "(", "[":
			open = append(open, i)
		case ")", "]":
			if n := len(open); n > 0 {
				all = append(all, [2]int{open[n-1], i})
				open = open[:n-1]
			}
		}
	}
	return all
}
