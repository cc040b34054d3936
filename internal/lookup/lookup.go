// Package lookup is the contract of lookup tables: small named tables that a tenant uploads and joins in SQL. It says what a table
// is, how its rows lie in the engine, and which names it may have. Package tables keeps them; package query shows them.
//
// Guarantees. The rows of all tables of all tenants lie in one table of the engine, each upload under a version of its own; the catalog says which version is
// the current one. A reader names tenant, table and version, so it sees one upload wholly or not at all, and what it reads never changes.
package lookup

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"weir/internal/tenant"
)

// EngineTable is the engine's table, in the database weir, that holds the rows. It has a column `tenant`, which the engine's row policy reads.
const EngineTable = "lookups"

// Type is what a column holds.
type Type string

// The types.
const (
	Bool    Type = "Bool"
	Int64   Type = "Int64"
	Float64 Type = "Float64"
	String  Type = "String"
)

// Column is one column of a table.
type Column struct {
	Name     string `json:"name"`
	Type     Type   `json:"type"`
	Nullable bool   `json:"nullable,omitempty"` // a row may have no value
}

// SQLType is the column's type in SQL: Int64, or Nullable(Int64).
func (c Column) SQLType() string {
	if c.Nullable {
		return "Nullable(" + string(c.Type) + ")"
	}
	return string(c.Type)
}

// ParseType reads a type as SQLType writes it.
func ParseType(s string) (t Type, nullable, ok bool) {
	if inner, is := strings.CutPrefix(s, "Nullable("); is {
		if s, nullable = strings.CutSuffix(inner, ")"); !nullable {
			return "", false, false
		}
	}
	switch t = Type(s); t {
	case Bool, Int64, Float64, String:
		return t, nullable, true
	}
	return "", false, false
}

// Table is what the catalog knows of a table.
type Table struct {
	Tenant  tenant.ID
	Name    string
	Version uint64 // of its rows; another one at each upload
	Columns []Column
	Rows    uint64
	Bytes   uint64 // its texts, and CellBytes for each value
	Updated time.Time
}

// CellBytes is what a value counts beside its text.
const CellBytes = 8

// arrays are the columns of EngineTable that hold values: a row's values of a kind in the order of the table's columns. A Bool is a number.
var arrays = map[Type]string{String: "texts", Bool: "ints", Int64: "ints", Float64: "floats"}

// Arrays are the names and the element types of those columns, in the order in which they are written.
func Arrays() (names, types []string) {
	return []string{"texts", "ints", "floats"}, []string{"String", "Int64", "Float64"}
}

// Array says in which of Arrays a column of the type lies.
func (t Type) Array() string { return arrays[t] }

// Expressions returns the SQL of each column over EngineTable, which is called alias there. None of them can fail, on whatever row: a row that a
// condition leaves out must not be felt.
func (t *Table) Expressions(alias string) []string {
	at := map[string]int{}
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		array := c.Type.Array()
		at[array]++
		e := alias + "." + array + "[" + strconv.Itoa(at[array]) + "]"
		if !c.Nullable {
			e = "assumeNotNull(" + e + ")"
		}
		if c.Type == Bool {
			e = "CAST(" + e + " AS " + c.SQLType() + ")"
		}
		out[i] = e
	}
	return out
}

// Condition selects the table's rows from EngineTable, which is called alias there. It is an error when tenant or name are not what they must be:
// both are written into the statement.
func (t *Table) Condition(alias string) (string, error) {
	if _, err := tenant.Parse(string(t.Tenant)); err != nil {
		return "", err
	}
	if !ValidName(t.Name) {
		return "", fmt.Errorf("%q is no name of a lookup table", t.Name)
	}
	return fmt.Sprintf("%[1]s.tenant = '%[2]s' AND %[1]s.lookup = '%[3]s' AND %[1]s.version = %[4]d", alias, t.Tenant, t.Name, t.Version), nil
}

// NameRule says what a name must be.
const NameRule = "1 to 63 characters of a-z, 0-9 and '_', beginning with a letter"

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// ValidName says whether a table may be called so, as far as its letters go. Package query knows which names are taken.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// MaxColumnName is the longest name of a column, in bytes.
const MaxColumnName = 128

// CheckColumnName says what is wrong with the name of a column, empty if nothing is: it must be one that SQL can quote, and a name that begins with
// _ could be one of weir's own.
func CheckColumnName(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > MaxColumnName:
		return fmt.Sprintf("it has %d bytes, at most %d are allowed", len(s), MaxColumnName)
	case !utf8.ValidString(s):
		return "it is not valid UTF-8"
	case s[0] == '_' || s[0] == '@':
		return "it begins with " + s[:1]
	case strings.TrimSpace(s) != s:
		return "it begins or ends with a space"
	case strings.ContainsFunc(s, func(r rune) bool {
		return r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r)) || r == '"' || r == '`' || r == '\\' || r == '\'' || r == utf8.RuneError
	}):
		return "it has a quote, a backslash, or a character that does not show"
	}
	return ""
}
