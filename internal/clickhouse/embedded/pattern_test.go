package embedded

import (
	"bufio"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/internal/clickhouse"
)

// corpus is the statements that the guard is tested with, and this package's own.
func corpus(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../query/testdata/*.sql")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files of statements: %v", len(files), err)
	}
	all := append([]string{
		"WITH events AS (SELECT _e.ts AS `ts`, _e.path AS `path` FROM weir.events AS _e WHERE _e.tenant = 'acme') SELECT path, count() AS n FROM events WHERE ts >= now() - INTERVAL 3600 SECOND GROUP BY path HAVING n > 5 ORDER BY n DESC LIMIT 20 OFFSET 7",
		"SELECT 'a' IN ('b', 'c'), [1, 2, 3], (4, 'x'), -5, 6 BETWEEN 7 AND 8, x[9], t.1, CAST(10 AS Decimal(12, 3)), 'y'::String, position('b' IN 'abc'), substring('abc' FROM 2 FOR 1), TRIM(BOTH ' ' FROM ' x ')",
		"SELECT CASE 1 WHEN 2 THEN 'three' ELSE 'four' END, DATE '2026-01-01', toDateTime('2026-01-01 00:00:00') FROM numbers(5) LIMIT 3 BY number",
		"SELECT arrayMap(x -> x + 1, range(10)), {'k': 5}, NOT 1, 1 ? 2 : 3, INTERVAL '3 days', x'4142', 12e3, 0, 00, 1.5, .5, 1_000",
	}, hostile...)
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			if sql := lines.Text(); sql != "" && !strings.HasPrefix(sql, "#") {
				all = append(all, sql)
			}
		}
	}
	return all
}

// with is the text of a skeleton with other literals.
func (s skeleton) with(r *rand.Rand) string {
	var b strings.Builder
	for i := range len(s.key) {
		switch c := s.key[i]; c {
		case numberMark:
			b.WriteString(strconv.FormatInt(r.Int64N(1e15)>>r.IntN(50), 10))
		case textMark:
			b.WriteString("'x")
			for range r.IntN(12) {
				if c := byte(' ' + r.IntN('~'-' ')); c != '\'' && c != '\\' {
					b.WriteByte(c)
				}
			}
			b.WriteByte('\'')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// TestPatternsPrintAsTheEngine: a print that was made of a pattern is the engine's own, for each statement of the tests of both barriers with any literals, and the check
// says the same of it as of the text that the pattern was made of.
func TestPatternsPrintAsTheEngine(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()
	asked := map[string]string{}
	engine := func(sql string) (string, error) {
		if p, ok := asked[sql]; ok {
			return p, nil
		}
		out, _, err := ask(c, clickhouse.Statement{SQL: "SELECT formatQuerySingleLine({q:String})", Format: "TSVRaw", Params: map[string]string{"q": clickhouse.EscapeParam(sql)}})
		if err != nil {
			return "", err
		}
		asked[sql] = strings.TrimSuffix(out, "\n")
		return asked[sql], nil
	}
	b := &barrier{tables: set("file url s3 remote merge mergetreeindex"), functions: set("file dictget sleep hostname")}
	r := rand.New(rand.NewPCG(1, 2))
	plain, made, compared := 0, 0, 0
	for _, sql := range corpus(t) {
		s, ok := skeletonOf(sql)
		if !ok {
			continue
		}
		plain++
		a := &admitted{}
		for _, like := range []string{sql, s.with(r)} {
			print, err := engine(like)
			if err != nil {
				break // the text itself, or these literals in it, are no SQL
			}
			a.keep("acme", like, print, engine)
		}
		p, _ := a.patterns.find("acme" + separator + s.key)
		if p == nil || p.parts == nil {
			continue
		}
		made++
		first, err := engine(sql)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			like := s.with(r)
			got, ok := a.find("acme", like)
			want, err := engine(like)
			switch {
			case err != nil:
				continue // such as a number of days that no date has
			case !ok:
				t.Errorf("%q is not found, though %q has a pattern", like, sql)
			case got != want:
				t.Errorf("%q\nis printed %q\nby the engine %q", like, got, want)
			}
			compared++
			if one, other := b.refused(scan(first)), b.refused(scan(got)); (one == nil) != (other == nil) {
				t.Errorf("%q: %v\n%q: %v", first, one, got, other)
			}
		}
	}
	t.Logf("%d statements are plain, %d have a pattern, %d prints compared", plain, made, compared)
	if made < 300 || compared < 800 {
		t.Errorf("only %d of %d statements have a pattern, %d prints compared", made, plain, compared)
	}
}
