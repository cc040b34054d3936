package query

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Version is what version() answers on the ClickHouse port: clients choose their dialect by it.
const Version = "25.8.1.1"

// Revision is what revision() answers.
const Revision = 54477

// TimeZone is what timezone() answers.
const TimeZone = "UTC"

// DisplayName is what displayName() and hostName() answer.
const DisplayName = "weir"

// queryIDParam stands for the id of the statement, which is known when it is sent.
const (
	queryIDName  = "_query_id"
	queryIDParam = "{" + queryIDName + ":String}"
)

// answered are the functions without arguments that weir answers itself: what the engine would say is none of the tenant's business.
func (v *view) answered(name string) (value string, ok bool) {
	switch strings.ToLower(name) {
	case "currentdatabase", "database", "schema", "current_database", "current_schema":
		return literal(cmp.Or(v.sc.Database, v.database())), true
	case "currentuser", "user", "current_user", "session_user", "authenticateduser":
		return literal(v.database()), true
	case "version":
		return literal(Version), true
	case "timezone", "servertimezone":
		return literal(TimeZone), true
	case "displayname", "hostname", "fqdn":
		return literal(DisplayName), true
	case "revision":
		return "toUInt32(" + strconv.Itoa(Revision) + ")", true
	case "connectionid", "connection_id": // there are no sessions, and HTTP has none on a server either
		return "toUInt64(0)", true
	case "serveruuid":
		return "toUUID('00000000-0000-0000-0000-000000000000')", true
	case "queryid", "query_id", "initialqueryid", "initial_query_id":
		return queryIDParam, true
	case "currentroles", "enabledroles", "defaultroles": // rights come with the key
		return "CAST([] AS Array(String))", true
	}
	return "", false
}

// metaColumn is a column of a relation of metadata. What fixed is not empty for has that value, as SQL, in every row.
type metaColumn struct{ name, typ, fixed string }

// metaRelation is a relation that tools read: a table of constants about the scope's own relations.
type metaRelation struct {
	database, table string
	columns         []metaColumn
	rows            func(v *view) [][]string // SQL literals of the columns that are not fixed
	sql             string                   // instead of rows
}

// cteName is the name under which the relation stands in front of the statement: as long as database.table.
func (r *metaRelation) cteName() string { return r.database + "_" + r.table }

// metaColumns reads "name Type [= value]" lines.
func metaColumns(text string) []metaColumn {
	var out []metaColumn
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		def, fixed, _ := strings.Cut(line, " = ")
		name, typ, _ := strings.Cut(def, " ")
		out = append(out, metaColumn{name, typ, fixed})
	}
	return out
}

// twice adds every column once more under its upper-case name, as information_schema has it.
func twice(cols []metaColumn) []metaColumn {
	for _, c := range slices.Clone(cols) {
		cols = append(cols, metaColumn{strings.ToUpper(c.name), c.typ, "\x00" + c.name})
	}
	return cols
}

func metaRelations() []*metaRelation {
	return slices.Concat(systemTables(), schemaTables(), noneTables())
}

// metadata are all relations of metadata, by cteName.
var metadata = metaByName()

func metaByName() map[string]*metaRelation {
	m := map[string]*metaRelation{}
	for _, r := range metaRelations() {
		m[r.cteName()] = r
	}
	return m
}

// metaDatabases are the databases that a qualified name may begin with, beside the tenant's own.
var metaDatabases = map[string]bool{"system": true, "information_schema": true}

// metaRelation returns the relation of metadata of a name: database_table, or the table alone in a database of metadata; nil: there is none.
func (v *view) metaRelation(name string) *metaRelation {
	if !v.sc.Metadata {
		return nil
	}
	if r := metadata[name]; r != nil || v.sc.Database == "" {
		return r
	}
	return metadata[v.sc.Database+"_"+strings.ToLower(name)]
}

// allColumns are the columns of the relation of events, of all properties.
func (v *view) allColumns() []column {
	return append(v.builtin(nil), v.properties()...)
}

// createTable is what SHOW CREATE TABLE says.
func (v *view) createTable(t ownTable) string {
	var lines []string
	for _, c := range t.columns {
		lines = append(lines, "    `"+c.name+"` "+c.typ)
	}
	return createView(quoteName(v.database())+"."+t.name, lines)
}

// create is what SHOW CREATE TABLE says of a relation of metadata.
func (r *metaRelation) create() string {
	var lines []string
	for _, c := range r.columns {
		lines = append(lines, "    `"+c.name+"` "+c.typ)
	}
	return createView(r.database+"."+r.table, lines)
}

func createView(name string, columns []string) string {
	return "CREATE VIEW " + name + "\n(\n" + strings.Join(columns, ",\n") + "\n)"
}

// cte is the definition of the relation for a scope.
func (r *metaRelation) cte(v *view) string {
	if r.sql != "" {
		return r.cteName() + " AS (" + r.sql + ")"
	}
	var cols, types []string
	at := 0
	for _, c := range r.columns {
		value := c.fixed
		if value == "" {
			at++
			types = append(types, c.typ)
			value = "_r." + strconv.Itoa(at)
		}
		if upper, ok := strings.CutPrefix(c.fixed, "\x00"); ok {
			value = quoteName(upper)
		} else if c.fixed == "\x01" {
			value = "data_type"
		}
		cols = append(cols, "CAST("+value+" AS "+c.typ+") AS "+quoteName(c.name))
	}
	if at == 0 {
		return r.cteName() + " AS (SELECT " + strings.Join(cols, ", ") + ")"
	}
	var rows []string
	for _, row := range r.rows(v) {
		rows = append(rows, "("+strings.Join(row, ", ")+", 0)") // a tuple of one would be a number in brackets
	}
	all := "[" + strings.Join(rows, ", ") + "]"
	if len(rows) == 0 { // has no type
		all = "CAST([] AS Array(Tuple(" + strings.Join(types, ", ") + ", UInt8)))"
	}
	return r.cteName() + " AS (SELECT " + strings.Join(cols, ", ") + " FROM (SELECT arrayJoin(" + all + ") AS _r))"
}

// settingRows are the settings that clients look for. All of them are weir's to set, so they are read-only.
var settingRows = [][]string{
	{"'max_result_rows'", "'0'", "'0'", "0", "'UInt64'"},
	{"'max_execution_time'", "'0'", "'0'", "0", "'Seconds'"},
	{"'max_memory_usage'", "'0'", "'0'", "0", "'UInt64'"},
	{"'max_threads'", "'0'", "'0'", "0", "'MaxThreads'"},
	{"'readonly'", "'1'", "'0'", "1", "'UInt64'"},
	{"'session_timezone'", "''", "''", "0", "'Timezone'"},
}

func functionRows() [][]string {
	var rows [][]string
	for kind, m := range []map[string]string{functions, aggregates} {
		for _, lower := range slices.Sorted(maps.Keys(m)) {
			rows = append(rows, []string{literal(m[lower]), strconv.Itoa(kind)})
		}
	}
	return rows
}

func typeRows() [][]string {
	var rows [][]string
	for _, name := range typeSpellings {
		folded := "0"
		if strings.HasPrefix(name, "Date") || strings.HasPrefix(name, "Decimal") || name == "Bool" {
			folded = "1"
		}
		rows = append(rows, []string{literal(name), folded, "''"})
	}
	return rows
}

// formatRows are all formats that can be had by the ClickHouse port. None of them is one of events that come in.
func formatRows() [][]string {
	var rows [][]string
	for _, f := range slices.Concat(formats, anyFormats) {
		rows = append(rows, []string{literal(f.name), literal(f.contentType)})
	}
	return rows
}

// nearestMeta returns the relation of metadata most like a qualified name.
func nearestMeta(name string) string {
	return nearest(name, func(yield func(string) bool) {
		for _, r := range metadata {
			if !yield(r.database + "." + r.table) {
				return
			}
		}
	})
}
