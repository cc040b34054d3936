package lookup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpressions(t *testing.T) {
	table := Table{Tenant: "acme", Name: "stores", Version: 17, Columns: []Column{
		{Name: "id", Type: String}, {Name: "open", Type: Bool}, {Name: "n", Type: Int64, Nullable: true}, {Name: "city", Type: String, Nullable: true},
		{Name: "lat", Type: Float64}, {Name: "maybe", Type: Bool, Nullable: true},
	}}
	want := []string{"assumeNotNull(_l.texts[1])", "CAST(assumeNotNull(_l.ints[1]) AS Bool)", "_l.ints[2]", "_l.texts[2]", "assumeNotNull(_l.floats[1])", "CAST(_l.ints[3] AS Nullable(Bool))"}
	if d := cmp.Diff(want, table.Expressions("_l")); d != "" {
		t.Error(d)
	}
	cond, err := table.Condition("_l")
	if err != nil || cond != "_l.tenant = 'acme' AND _l.lookup = 'stores' AND _l.version = 17" {
		t.Errorf("%s, %v", cond, err)
	}
}

// What is written into a statement is checked where it is written.
func TestConditionRefuses(t *testing.T) {
	for _, table := range []Table{{Tenant: "acme' OR 1=1 --", Name: "stores"}, {Tenant: "", Name: "stores"}, {Tenant: "acme", Name: "x' OR ''='"}, {Tenant: "acme", Name: ""}} {
		if cond, err := table.Condition("_l"); err == nil {
			t.Errorf("%q, %q: %s", table.Tenant, table.Name, cond)
		}
	}
}

func TestParseType(t *testing.T) {
	for text, want := range map[string]Column{"Bool": {Type: Bool}, "Int64": {Type: Int64}, "Nullable(String)": {Type: String, Nullable: true}, "Nullable(Float64)": {Type: Float64, Nullable: true}} {
		typ, nullable, ok := ParseType(text)
		if got := (Column{Type: typ, Nullable: nullable}); !ok || got != want || got.SQLType() != text {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "int64", "Nullable(Int64", "Nullable()", "Nullable(Nullable(Int64))", "Array(String)", "String) OR (1"} {
		if typ, _, ok := ParseType(text); ok {
			t.Errorf("%q is the type %s", text, typ)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "stores", "store_2", strings.Repeat("a", 63)} {
		if !ValidName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", "_a", "2a", "Stores", "störe", "a-b", "a.b", "a b", "a'", "ѕtores", strings.Repeat("a", 64)} {
		if ValidName(name) {
			t.Errorf("%q is allowed", name)
		}
	}
	for _, name := range []string{"id", "Store Name", "größe", "a.b", "order", strings.Repeat("a", MaxColumnName)} {
		if why := CheckColumnName(name); why != "" {
			t.Errorf("%q is refused: %s", name, why)
		}
	}
	for _, name := range []string{"", "_l", "@x", " a", "a ", "a`b", `a"b`, `a\b`, "a'b", "a\x00", "a\nb", "\xff", "a\x7f", strings.Repeat("a", MaxColumnName+1)} {
		if CheckColumnName(name) == "" {
			t.Errorf("%q is allowed", name)
		}
	}
}
