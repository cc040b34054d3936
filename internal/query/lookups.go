package query

import (
	"strconv"
	"strings"

	"github.com/sqlc-dev/doubleclick/token"

	"weir/internal/lookup"
	"weir/internal/tenant"
)

// Lookups knows tenants' lookup tables.
type Lookups interface {
	// Lookups returns the tenant's tables as they are now, by name. The slice is shared.
	Lookups(t tenant.ID) []lookup.Table
	// Pin keeps the rows of tables until release is called; false when one of them is not the current version any more.
	Pin(tables []lookup.Table) (release func(), ok bool)
}

// ReservedRelation says why a lookup table cannot have a name, empty if it can. What may be read in two ways is refused: the names of other
// relations, words of SQL, and functions.
func ReservedRelation(name string) string {
	upper := strings.ToUpper(name)
	_, keyword := token.Keywords[upper]
	_, isType := typeArity[strings.ToLower(name)]
	switch {
	case ownRelation(name), name == "sessions", strings.HasPrefix(name, "rollup"):
		return "the name is that of a relation of weir's"
	case reserved(name), metadata[name] != nil, metaDatabases[name]:
		return "the name is reserved"
	case keyword, keywords[upper], units[upper], hints[upper] != "", isType:
		return "it is a word of SQL; add something to it, such as " + name + "_names"
	case allowedFunction(name), name == "stack_trace":
		return "it is the name of a function; add something to it, such as " + name + "_names"
	}
	for _, r := range metadata {
		if r.table == name {
			return "system tables are called so; add something to it, such as my_" + name
		}
	}
	return ""
}

// lookup returns a lookup table of the scope; nil if there is none of that name. Only those that a statement may mean are looked at: a tenant can have thousands of
// columns in them.
func (v *view) lookup(name string) *lookup.Table {
	if v.sc.All {
		return nil
	}
	for i := range v.sc.Lookups {
		if v.sc.Lookups[i].Name != name {
			continue
		}
		t, known := v.lookups[name]
		if !known {
			if t = &v.sc.Lookups[i]; !v.writable(t) {
				t = nil
			}
			v.lookups[name] = t
		}
		return t
	}
	return nil
}

// writable says whether the guard can write a lookup table of the scope into a statement. Another one is left out, wherever it comes from.
func (v *view) writable(t *lookup.Table) bool {
	ok := t.Tenant == v.sc.Tenant && lookup.ValidName(t.Name) && v.guard.reserved(t.Name) == "" && len(t.Columns) > 0
	seen := map[string]bool{}
	for _, c := range t.Columns {
		_, _, known := lookup.ParseType(c.SQLType())
		ok = ok && known && !seen[c.Name] && lookup.CheckColumnName(c.Name) == ""
		seen[c.Name] = true
	}
	return ok
}

// lookupNames are the names of the scope's lookup tables.
func (v *view) lookupNames(yield func(string) bool) {
	for _, t := range v.sc.Lookups {
		if v.lookup(t.Name) != nil && !yield(t.Name) {
			return
		}
	}
}

// lookupTable notes a lookup table that the statement names. One of its own WITH queries of that name goes over it.
func (w *walker) lookupTable(name string) {
	t := w.s.view.lookup(name)
	if t == nil {
		return
	}
	w.lookups[name] = true
	for _, c := range t.Columns {
		w.columns[c.Name] = true
	}
}

// usedLookups are the lookup tables that the statement reads, by name.
func (s *statement) usedLookups() []lookup.Table {
	var out []lookup.Table
	for _, t := range s.view.sc.Lookups { // by name
		if s.walked.lookups[t.Name] && !s.walked.relations[t.Name] {
			out = append(out, t)
		}
	}
	return out
}

// lookupCTE is the definition of a lookup table: the rows of its current version. Every name of the table is qualified, as in that of events, and the tenant
// in the condition is the first barrier.
func (v *view) lookupCTE(t *lookup.Table) (string, error) {
	where, err := t.Condition("_l")
	if err != nil {
		return "", err
	}
	var cols []string
	for i, e := range t.Expressions("_l") {
		cols = append(cols, e+" AS "+quoteName(t.Columns[i].Name))
	}
	return t.Name + " AS (SELECT " + strings.Join(cols, ", ") + " FROM weir." + lookup.EngineTable + " AS _l WHERE " + where + ")", nil
}

// sizes are its rows and bytes as SQL, NULL where they are not counted.
func (t ownTable) sizes() (rows, bytes string) {
	if t.lookup == nil {
		return "CAST(NULL AS Nullable(UInt64))", "CAST(NULL AS Nullable(UInt64))"
	}
	return "toUInt64(" + strconv.FormatUint(t.lookup.Rows, 10) + ")", "toUInt64(" + strconv.FormatUint(t.lookup.Bytes, 10) + ")"
}

// lookupTables are the scope's lookup tables, as the relations of metadata tell of them.
func (v *view) lookupTables() []ownTable {
	var out []ownTable
	for _, l := range v.sc.Lookups {
		found := v.lookup(l.Name)
		if found == nil {
			continue
		}
		t := ownTable{name: l.Name, comment: "Lookup table, uploaded " + l.Updated.UTC().Format("2006-01-02 15:04:05"), lookup: found}
		for _, c := range l.Columns {
			t.columns = append(t.columns, column{name: c.Name, typ: c.SQLType()})
		}
		out = append(out, t)
	}
	return out
}

// hasRelation says whether the scope can read a relation of that name.
func (v *view) hasRelation(name string) bool { return ownRelation(name) || v.lookup(name) != nil }
