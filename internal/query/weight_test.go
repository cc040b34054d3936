package query

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/event"
)

// TestSelectsAreBounded: SELECTs are counted as often as the engine analyses them, however short the text is.
func TestSelectsAreBounded(t *testing.T) {
	doubling := func(n int) string { // 2^n - 1 SELECTs and the last
		sql := "WITH a0 AS (SELECT 1 AS x)"
		for i := 1; i < n; i++ {
			sql += fmt.Sprintf(", a%d AS (SELECT l.x FROM a%d AS l, a%[2]d AS r)", i, i-1)
		}
		return sql + fmt.Sprintf(" SELECT x FROM a%d", n-1)
	}
	chain := func(n int) string {
		sql := "WITH a0 AS (SELECT path FROM events)"
		for i := 1; i < n; i++ {
			sql += fmt.Sprintf(", a%d AS (SELECT path FROM a%d)", i, i-1)
		}
		return sql + fmt.Sprintf(" SELECT path FROM a%d", n-1)
	}
	for name, x := range map[string]struct {
		sql     string
		allowed bool
	}{
		"200 of UNION":              {"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 199), true},
		"201 of UNION":              {"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 200), false},
		"201 of INTERSECT":          {"SELECT 1" + strings.Repeat(" INTERSECT SELECT 1", 200), false},
		"201 subqueries":            {"SELECT 1 WHERE 1 IN (SELECT 1)" + strings.Repeat(" OR 1 IN (SELECT 1)", 199), false},
		"WITH named twice, 6 deep":  {doubling(6), true},
		"WITH named twice, 8 deep":  {doubling(8), false},
		"WITH named twice, 60 deep": {doubling(60), false},
		"a long chain of WITH":      {chain(199), true},
		"a longer chain of WITH":    {chain(201), false},
		"WITH named often":          {"WITH a AS (SELECT 1 AS x UNION ALL SELECT 2) SELECT x FROM a" + strings.Repeat(" UNION ALL SELECT x FROM a", 70), false},
	} {
		_, err := NewGuard().Check(x.sql, Scope{Tenant: "acme"})
		if x.allowed && err != nil || !x.allowed && (err == nil || !strings.Contains(err.Error(), "more than 200 SELECTs")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestColumnsAreBounded: * is as many columns as it stands for, in every place where it stands.
func TestColumnsAreBounded(t *testing.T) {
	wide := NewGuard().newView(Scope{Tenant: "acme"}, false).width()
	if wide < 20 || wide > 200 {
		t.Fatalf("the events have %d columns", wide)
	}
	stars := func(n int) string { return strings.TrimSuffix(strings.Repeat("*, ", n), ", ") }
	joined := func(n int, list string) string {
		sql := "SELECT " + list + " FROM events AS e0"
		for i := 1; i < n; i++ {
			sql += fmt.Sprintf(" JOIN events AS e%d ON e0.event_id = e%[1]d.event_id", i)
		}
		return sql
	}
	most := maxColumns / wide
	for name, x := range map[string]struct {
		sql     string
		allowed bool
	}{
		"as many as may be":         {"SELECT " + stars(most) + " FROM events", true},
		"one more":                  {"SELECT " + stars(most+1) + " FROM events", false},
		"over * over *":             {"SELECT " + stars(10) + " FROM (SELECT " + stars(10) + " FROM (SELECT " + stars(10) + " FROM events)) LIMIT 1", false},
		"in a WITH query":           {"WITH a AS (SELECT " + stars(10) + " FROM events), b AS (SELECT " + stars(10) + " FROM a) SELECT " + stars(10) + " FROM b", false},
		"a WITH query named often":  {"WITH a AS (SELECT " + stars(most/3) + " FROM events) SELECT 1 FROM a AS x, a AS y, a AS z, a AS u", false},
		"named columns of it":       {"WITH a AS (SELECT " + stars(most/3) + " FROM events) SELECT type FROM a", true},
		"in functions":              {"SELECT " + strings.TrimSuffix(strings.Repeat("tuple(*), ", most+1), ", ") + " FROM events", false},
		"COLUMNS":                   {"SELECT " + strings.TrimSuffix(strings.Repeat("COLUMNS('a'), ", most+1), ", ") + " FROM events", false},
		"APPLY":                     {"SELECT *" + strings.Repeat(" APPLY(toString)", most+1) + " FROM events", false},
		"in ORDER BY":               {"SELECT 1 FROM events ORDER BY " + strings.TrimSuffix(strings.Repeat("tuple(*), ", most+1), ", "), false},
		"of UNION":                  {"SELECT " + stars(most/2) + " FROM events UNION ALL SELECT " + stars(most/2) + " FROM events", true},
		"of a longer UNION":         {"SELECT " + stars(most/2) + " FROM events" + strings.Repeat(" UNION ALL SELECT "+stars(most/2)+" FROM events", 2), false},
		"in a subquery of WHERE":    {"SELECT 1 WHERE 1 IN (SELECT count() FROM (SELECT " + stars(most+1) + " FROM events))", false},
		"of joined relations":       {joined(20, stars(most/20+1)), false},
		"of one of many each":       {joined(20, "e0.*, e1.*, e2.*, e3.*, e4.*, e5.*, e6.*, e7.*, e8.*, e9.*"), true},
		"of a subquery's few":       {"SELECT " + stars(4000) + " FROM (SELECT type, path FROM events)", true},
		"of a subquery's, too many": {"SELECT " + stars(12_000) + " FROM (SELECT type, path FROM events)", false},
		"count(*) is none":          {"SELECT " + strings.TrimSuffix(strings.Repeat("count(*), ", 2000), ", ") + " FROM events", true},
		"of a rollup":               {"SELECT " + stars(500) + " FROM rollup_hour_page", true},
		"one relation's, by name":   {joined(10, strings.TrimSuffix(strings.Repeat("events.*, ", most), ", ")), false}, // it has another name: all are counted
	} {
		_, err := NewGuard().Check(x.sql, Scope{Tenant: "acme"})
		if x.allowed && err != nil || !x.allowed && (err == nil || !strings.Contains(err.Error(), "more than 20000 columns")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJoinsAreBounded: the engine takes longer for each JOIN of a SELECT than for the one before.
func TestJoinsAreBounded(t *testing.T) {
	joined := func(of string, n int) string {
		return "SELECT count() FROM " + of + strings.Repeat(" CROSS JOIN "+of, n)
	}
	for name, x := range map[string]struct{ sql, want string }{
		"30":                       {joined("events", 30), ""},
		"31":                       {joined("events", 31), "more than 30 JOINs"},
		"31 by commas":             {"SELECT count() FROM events" + strings.Repeat(", events", 31), "more than 30 JOINs"},
		"100 in all":               {joined("events", 30) + " UNION ALL " + joined("events", 30) + " UNION ALL " + joined("events", 30) + " UNION ALL " + joined("events", 10), ""},
		"101 in all":               {joined("events", 30) + " UNION ALL " + joined("events", 30) + " UNION ALL " + joined("events", 30) + " UNION ALL " + joined("events", 11), "more than 100 JOINs"},
		"in a WITH query":          {"WITH a AS (" + joined("events", 30) + ") SELECT * FROM a, a AS b, a AS c, a AS d", "more than 100 JOINs"},
		"in a WITH query not read": {"WITH a AS (" + joined("events", 31) + ") SELECT 1", "more than 30 JOINs"},
	} {
		_, err := NewGuard().Check(x.sql, Scope{Tenant: "acme"})
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
}

// TestQuotedValues: the engine takes some words for values also in quotes; they are refused as names.
func TestQuotedValues(t *testing.T) {
	for _, sql := range []string{`SELECT "true" FROM events`, "SELECT `NaN` FROM events", `SELECT events."null" FROM events`, `SELECT 1 AS "inf", "inf" + 1`, `WITH "false" AS (SELECT 1) SELECT 2`} {
		if _, err := NewGuard().Check(sql, Scope{Tenant: "acme", Properties: []event.Property{{Name: "true", Kind: event.PropString}}}); err == nil || !strings.Contains(err.Error(), "is a value to the engine") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT true, NULL, nan FROM events", "SELECT 'true', props['nan'] FROM events", `SELECT 1 AS "truely"`, `SELECT 1 AS "null"`} {
		if _, err := NewGuard().Check(sql, Scope{Tenant: "acme"}); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
