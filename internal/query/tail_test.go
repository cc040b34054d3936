package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCutEnding(t *testing.T) {
	for sql, want := range map[string]Ending{
		"SELECT 1":                 {SQL: "SELECT 1", First: "SELECT"},
		"SELECT 1 FORMAT Native":   {SQL: "SELECT 1", Format: "Native", First: "SELECT"},
		"select 1 format JSON ;\n": {SQL: "select 1", Format: "JSON", First: "SELECT"},
		"SELECT 1 SETTINGS max_threads = 2, a='x\\'y', b=-1 FORMAT CSV": {SQL: "SELECT 1", Format: "CSV", First: "SELECT",
			Settings: []Setting{{"max_threads", "2"}, {"a", "x'y"}, {"b", "-1"}}},
		"SELECT 1 FORMAT CSV SETTINGS a=1;":           {SQL: "SELECT 1", Format: "CSV", First: "SELECT", Settings: []Setting{{"a", "1"}}},
		"/* hi */ SELECT 1 -- SETTINGS a=1":           {SQL: "/* hi */ SELECT 1", First: "SELECT"},
		"SELECT (SELECT 1 SETTINGS a=1)":              {SQL: "SELECT (SELECT 1 SETTINGS a=1)", First: "SELECT"},
		"SELECT 1 SETTINGS a=1 UNION ALL SELECT 2":    {SQL: "SELECT 1 SETTINGS a=1 UNION ALL SELECT 2", First: "SELECT"},
		"SELECT 1 AS FORMAT":                          {SQL: "SELECT 1 AS FORMAT", First: "SELECT"},
		"SELECT 'FORMAT CSV'":                         {SQL: "SELECT 'FORMAT CSV'", First: "SELECT"},
		"insert into t values ('":                     {SQL: "insert into t values ('", First: "INSERT"},
		"-- a\n(SELECT 1 FORMAT $x$":                  {SQL: "-- a\n(SELECT 1 FORMAT $x$", First: "SELECT"},
		"SELECT 1 SETTINGS a=[1]":                     {SQL: "SELECT 1 SETTINGS a=[1]", First: "SELECT"},
		"":                                            {},
		"SELECT 1 FORMAT CSV FORMAT JSON SETTINGS a=": {SQL: "SELECT 1 FORMAT CSV FORMAT JSON SETTINGS a=", First: "SELECT"},
	} {
		if d := cmp.Diff(want, CutEnding(sql)); d != "" {
			t.Errorf("%s: %s", sql, d)
		}
	}
}

func FuzzCutEnding(f *testing.F) {
	f.Add("SELECT version(), 1 SETTINGS a=1 FORMAT Native;")
	f.Fuzz(func(t *testing.T, sql string) {
		e := CutEnding(sql)
		if len(e.SQL) > len(sql) || sql[:len(e.SQL)] != e.SQL {
			t.Fatalf("%q is not the beginning of %q", e.SQL, sql)
		}
	})
}
