package query

import (
	"fmt"
	"strings"
	"testing"
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
