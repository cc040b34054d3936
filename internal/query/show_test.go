package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestDatabaseOfMetadata: in the database system its relations need no name of a database, and those of the scope stay what they are.
func TestDatabaseOfMetadata(t *testing.T) {
	c := engine(t)
	sc := wide
	sc.Database = "system"
	for sql, want := range map[string]string{
		"SELECT name FROM tables WHERE name = 'events'":                  "events\n",
		`SELECT name FROM "databases"`:                                   "acme\n",
		"SELECT name FROM databases":                                     "acme\n",
		"SELECT tables.name FROM Tables AS tables WHERE name = 'events'": "events\n",
		"SELECT tables.name FROM tables WHERE tables.name = 'events'":    "events\n",
		"SELECT t.name, c.name FROM tables t JOIN columns AS c ON c.table = t.name WHERE c.name = 'ts' AND t.name = 'events'": "events\tts\n",
		"WITH tables AS (SELECT 1 AS name) SELECT name FROM tables":                                                           "1\n",
		"SELECT number FROM (SELECT number FROM numbers LIMIT 2) AS x":                                                        "0\n1\n",
		"SELECT n.number, m.number FROM numbers(1) AS n, (SELECT number FROM numbers LIMIT 1) AS m":                           "0\t0\n",
		"SELECT currentDatabase(), count() FROM events":                                                                       "system\t1000\n",
		"SELECT count() FROM acme.events":                                                                                     "1000\n",
		"SHOW TABLES LIKE 'one'":                                                                                              "one\n",
		"SHOW COLUMNS FROM one":                                                                                               "dummy\tUInt8\tNO\t\t\\N\t\n",
		"EXISTS one":                                                                                                          "1\n",
		"EXISTS parts":                                                                                                        "0\n",
		"DESCRIBE one":                                                                                                        "dummy\tUInt8\t\t\t\t\t\n",
		"SHOW CREATE TABLE one":                                                                                               "CREATE VIEW system.one\\n(\\n    `dummy` UInt8\\n)\n",
	} {
		for _, barrier2 := range []bool{true, false} {
			if got, err := answer(c, sc, sql, "TSV", barrier2); err != nil || got != want {
				t.Errorf("barrier 2 %v: %s: %q %v, want %q", barrier2, sql, got, err, want)
			}
		}
	}
	for _, sql := range []string{"SELECT * FROM parts", "SELECT * FROM processes", "SELECT * FROM stack_trace", "SELECT * FROM numbers_mt(3)", "SELECT path IN tables FROM events", "SELECT * FROM system.tables.x",
		"SHOW COLUMNS FROM parts", "DESCRIBE parts", "SHOW CREATE TABLE parts"} {
		if checked, err := NewGuard().Check(sql, sc); err == nil {
			t.Errorf("%s: %s", sql, checked.SQL)
		}
	}
	for _, sql := range []string{"SELECT * FROM tables", "DESCRIBE one"} { // the scope's own database has none of them
		if checked, err := NewGuard().Check(sql, wide); err == nil {
			t.Errorf("%s: %s", sql, checked.SQL)
		}
	}
}

// TestCompactDescribe: describe_compact_output leaves name and type.
func TestCompactDescribe(t *testing.T) {
	c := engine(t)
	sc := wide
	sc.CompactDescribe = true
	got, err := answer(c, sc, "DESCRIBE TABLE system.one", "TSVWithNames", true)
	if want := "name\ttype\ndummy\tUInt8\n"; err != nil || got != want {
		t.Errorf("%q %v, want %q", got, err, want)
	}
}

// TestFormsRefused: forms that are like those that are allowed, and what is said of them.
func TestFormsRefused(t *testing.T) {
	for sql, says := range map[string]string{
		"DESCRIBE (SELECT * FROM weir.events)":     "weir.events is not one of your relations",
		"DESCRIBE (SELECT file('x'))":              "function file",
		"DESCRIBE (SELECT 1) AS x":                 "with nothing behind the bracket",
		"DESCRIBE (SELECT 1), (SELECT 2)":          "closes nothing",
		"DESCRIBE (SELECT 1) UNION ALL (SELECT 2)": "closes nothing",
		"DESCRIBE ()":                                           "",
		"DESCRIBE (events)":                                     "",
		"DESCRIBE (SHOW TABLES)":                                "",
		"DESCRIBE (DESCRIBE events)":                            "",
		"DESCRIBE (EXPLAIN SELECT 1)":                           "",
		"DESCRIBE TABLE numbers(3)":                             "",
		"SHOW TABLES WHERE":                                     "write a condition",
		"SHOW TABLES WHERE LIMIT 1":                             "write a condition",
		"SHOW TABLES WHERE 1) UNION ALL (SELECT 1":              "closes nothing",
		"SHOW TABLES WHERE 1) OR (1":                            "",
		"SHOW TABLES WHERE nme = 'events'":                      "there is no column or name nme; the nearest allowed name is name",
		"SHOW TABLES WHERE name IN (SELECT * FROM weir.events)": "weir.events is not one of your relations",
		"SHOW TABLES WHERE name = 'x' ORDER BY name":            "",
		"SHOW CREATE DATABASE victim":                           "there is no database victim; the nearest allowed name is acme",
		"SHOW CREATE DATABASE weir":                             "there is no database weir",
		"SHOW CREATE TABLE system.parts":                        "there is no relation system.parts",
		"SHOW COLUMNS FROM parts FROM system":                   "there is no relation system.parts",
		"SHOW COLUMNS FROM events FROM system":                  "there is no relation system.events",
		"SHOW COLUMNS FROM one FROM acme":                       "there is no relation one",
		"EXPLAIN indexes = 1 SELECT 1":                          "EXPLAIN ESTIMATE counts your own rows",
		"EXPLAIN PLAN header = 1, projections = 1 SELECT 1":     "which hold rows of others",
		"EXPLAIN actions = 1 SELECT 1":                          "which hold rows of others",
		"EXPLAIN SYNTAX actions = 0 SELECT 1":                   "which hold rows of others",
		"EXPLAIN AST graph = 1 SELECT 1":                        "the setting graph of EXPLAIN AST is not allowed",
		"SELECT uptime()":                                       "the function uptime is not allowed",
		"SELECT queryID(1)":                                     "",
		"SELECT {_query_id:String}":                             "begins with _",
		"SELECT CURRENT_TIMESTAMP.x":                            "",
		"SELECT CURRENT_TIMESTAMP(SELECT 1 FROM weir.events)":   "",
	} {
		checked, err := NewGuard().Check(sql, wide)
		var r *Refusal
		if !errors.As(err, &r) || !strings.Contains(r.Error(), says) {
			t.Errorf("%s: %v, want %q (%s)", sql, err, says, checked.SQL)
		}
	}
	var r *Refusal
	if _, err := NewGuard().Check("SHOW TABLES WHERE nme = 'events'", wide); !errors.As(err, &r) || r.Line != 0 {
		t.Errorf("a condition has a place in a text that nobody wrote: %v", err)
	}
}

// TestShowTells: what the condition of SHOW reads is told, so that it is estimated, and what it needs is there when it runs.
func TestShowTells(t *testing.T) {
	for sql, want := range map[string]string{
		"SHOW TABLES WHERE name IN (SELECT path FROM events WHERE ts >= '2026-03-01')": "reads true true [path tenant ts] 03-01 [] false",
		"SHOW TABLES WHERE name IN (SELECT type FROM rollup_minute)":                   "reads true false [] 01-01 [rollup_minute] false",
		"SHOW COLUMNS FROM events WHERE 1 = (SELECT 1 FROM sessions LIMIT 1)":          "reads true false [browser",
		"SHOW TABLES WHERE name = 'events'":                                            "reads false false [] 01-01 [] false",
	} {
		c, err := NewGuard().Check(sql, wide)
		got := fmt.Sprintf("reads %v %v %v %s %v %v", c.Nested, c.ReadsEvents, c.Columns, c.From.Format("01-02"), c.Rollups, c.Sessions)
		if err != nil || !strings.HasPrefix(got, want) || c.Kind != KindShow || c.Sessions != strings.Contains(sql, "sessions") {
			t.Errorf("%s: %v %s, want %s", sql, err, got, want)
		}
	}
}

// TestBareFunctions: CURRENT_DATE without brackets is a function, but where the statement, a property or a lookup table has the name.
func TestBareFunctions(t *testing.T) {
	c := engine(t)
	for sql, want := range map[string]string{
		"SELECT CURRENT_DATE = today(), (CURRENT_TIMESTAMP) >= today(), [current_date] = [today()], NOT CURRENT_DATE < today()": "1\t1\t1\t1\n",
		"SELECT 1 AS current_date, current_date + 1":                                                "1\t2\n",
		"SELECT current_date + 1 FROM (SELECT 1 current_date)":                                      "2\n",
		"SELECT current_date + 1 FROM (SELECT lower('x') current_date, 1)":                          "",
		"SELECT arrayMap(current_date -> current_date + 1, [1])":                                    "[2]\n",
		"WITH current_date AS (SELECT 1 AS x) SELECT x FROM current_date":                           "1\n",
		"SELECT current_date.x FROM (SELECT 1 AS x) AS current_date":                                "1\n",
		"SELECT CASE WHEN 1 THEN 2 END current_date, current_date + 1":                              "2\t3\n",
		"SELECT max(ts) < CURRENT_TIMESTAMP FROM events HAVING CURRENT_DATE > toDate('2026-01-01')": "1\n",
	} {
		if got, err := answer(c, wide, sql, "TSV", true); (err == nil) != (want != "") || got != want {
			t.Errorf("%s: %q %v, want %q", sql, got, err, want)
		}
	}
	for sql, volatile := range map[string]bool{"SELECT CURRENT_TIMESTAMP": true, "SELECT current_date": true, "SELECT queryID()": true, "SELECT initial_query_id()": true, "SELECT currentRoles()": false} {
		if checked, err := NewGuard().Check(sql, wide); err != nil || checked.Volatile != volatile {
			t.Errorf("%s: volatile %v, %v", sql, checked.Volatile, err)
		}
	}
}
