package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/internal/event"
	"weir/internal/lookup"
	"weir/internal/rollup"
	"weir/internal/session"
)

// A tenant's rollups are relations beside events. What stands for one is exact and as fresh as events: the cells of the rollup's table,
// and the rows of events behind the rollup's position. The positions are parameters of the statement, which are read when it is sent.
// If the table has moved on when the engine reads it, some rows would count twice: the statement ends with codeOvertaken then, and is sent again.

// derived are the rollups by name.
var derived = func() map[string]rollup.Rollup {
	m := map[string]rollup.Rollup{}
	for _, r := range rollup.All {
		m[r.Name] = r
	}
	return m
}()

// codeOvertaken is the engine's code of throwIf, which tenants cannot call.
const codeOvertaken = 395

// The writers of events, by number.
const (
	writerMain = 1
	writerLate = 2
)

// positionParam is the name of the parameter that says how far a rollup has come with a writer's inserts.
func positionParam(rollup string, writer int) string {
	return "_" + rollup + "_" + strconv.Itoa(writer)
}

// positionParams are the parameters of a statement that reads these rollups.
func positionParams(names []string, at rollup.Positions) map[string]string {
	out := map[string]string{}
	for _, name := range names {
		for w, seq := range at.Positions(name) {
			out[positionParam(name, int(w))] = strconv.FormatUint(seq, 10)
		}
	}
	return out
}

// ownRelation says whether a name is that of a relation of the tenant's data.
func ownRelation(name string) bool {
	_, ok := derived[name]
	return ok || name == relation || name == session.EngineTable
}

// ownLike is ownRelation for a name in any case: others are too much like one to be another's.
func ownLike(name string) bool { return ownRelation(strings.ToLower(name)) }

func ownRelations(yield func(string) bool) {
	if !yield(relation) || !yield(session.EngineTable) {
		return
	}
	for _, r := range rollup.All {
		if !yield(r.Name) {
			return
		}
	}
}

// ownTable is a relation of the tenant's data, as the relations of metadata tell of it.
type ownTable struct {
	name, comment string
	columns       []column
	lookup        *lookup.Table // nil: it is none
}

// tables are the relations of the tenant's data, by name.
func (v *view) tables() []ownTable {
	out := []ownTable{{name: relation, comment: "Events, one row each", columns: v.allColumns()}}
	for _, r := range rollup.All {
		out = append(out, ownTable{name: r.Name, comment: "Events by " + strings.Join(append([]string{r.Step.String()}, r.Dims...), ", ") + ": sum(events), uniqMerge(clients), sum(value)", columns: v.rollupColumns(r)})
	}
	if !v.sc.All {
		out = append(out, ownTable{name: session.EngineTable, comment: "Sessions of visitors, one row each", columns: v.sessionColumns()})
	}
	out = append(out, v.lookupTables()...)
	slices.SortFunc(out, func(a, b ownTable) int { return strings.Compare(a.name, b.name) })
	return out
}

// masksNumbers says whether the measure value is hidden: it is the sum of a property.
func (v *view) masksNumbers() bool {
	return v.action("value") != "" || v.masks["props_num"] != ""
}

// rollupKeys are the columns by which a rollup groups, over the table of the rollup or that of the events: both are called _e.
func (v *view) rollupKeys(r rollup.Rollup, at string) []column {
	var keys []column
	if v.sc.All {
		keys = append(keys, column{name: "tenant", typ: event.KindLowCard.Type(), expr: "_e.tenant"})
	}
	named := func(name string) column {
		i := slices.IndexFunc(event.Columns, func(c event.Column) bool { return c.Name == name })
		return v.masked(event.Columns[i])
	}
	keys = append(keys, named("site_id"), column{name: "time", typ: "DateTime('UTC')", expr: at})
	for _, d := range r.Dims {
		keys = append(keys, named(d))
	}
	return keys
}

// measure is a column of a rollup that is summed up; the expressions are those over its table, over events, and over both together.
type measure struct{ name, typ, cell, raw, sum string }

func (v *view) measures() []measure {
	out := []measure{{"events", "UInt64", "toUInt64(_e.events)", "count()", "sum(_u.events)"}}
	// A state tells whether an id that one can guess is in it, so it is there only where the ids of visitors are to be seen as they are.
	if v.masks["client_id"] == "" && v.masks["user_id"] == "" {
		out = append(out, measure{"clients", "AggregateFunction(uniq, UInt64)", "arrayReduce('uniqState', arrayConcat(_e.clients, _e.sample))",
			"uniqStateIf(" + rollup.VisitorHash("_e.") + ", " + rollup.HasVisitor("_e.") + ")", "uniqMergeState(_u.clients)"})
	}
	if v.masksNumbers() {
		const null = "CAST(NULL AS Nullable(Float64))"
		return append(out, measure{"value", "Nullable(Float64)", null, null, null})
	}
	return append(out, measure{"value", "Float64", "toFloat64(_e.value)", "sum(_e.props_num['value'])", "sum(_u.value)"})
}

// rollupColumns are the columns of the relation of a rollup.
func (v *view) rollupColumns(r rollup.Rollup) []column {
	cols := v.rollupKeys(r, "_e.time")
	for _, m := range v.measures() {
		cols = append(cols, column{name: m.name, typ: m.typ})
	}
	return cols
}

// rollupCTE is the definition of the relation of a rollup. tables are those in it, in order.
func (v *view) rollupCTE(r rollup.Rollup) (text string, tables []string) {
	var parts []string
	if v.sc.RollupsFromEvents {
		parts, tables = []string{v.rollupRows(r, "")}, []string{rollup.Events}
	} else {
		at := func(w int) string { return "{" + positionParam(r.Name, w) + ":UInt64}" }
		ahead := fmt.Sprintf("throwIf(_e._seq > if(_e._writer = %d, %s, %s), 'the rollup has moved on') = 0", writerMain, at(writerMain), at(writerLate))
		parts, tables = []string{v.rollupCells(r, ahead)}, []string{r.Table()}
		for _, w := range []int{writerMain, writerLate} {
			parts = append(parts, v.rollupRows(r, fmt.Sprintf("_e._writer = %d AND _e._seq > %s", w, at(w))))
			tables = append(tables, rollup.Events)
		}
	}
	text = strings.Join(parts, " UNION ALL ")
	if v.mergesCells(r) {
		text = v.merged(r, text)
	}
	return r.Name + " AS (" + text + ")", tables
}

// mergesCells says whether a column by which the rollup groups is masked: how many cells differ by it would show.
func (v *view) mergesCells(r rollup.Rollup) bool {
	return slices.ContainsFunc(append([]string{"site_id"}, r.Dims...), func(d string) bool { return v.masks[d] != "" })
}

func (v *view) where(cond string) string {
	glue, out := " WHERE ", ""
	for _, c := range []string{v.tenantCondition(), cond} {
		if c != "" {
			out += glue + c
			glue = " AND "
		}
	}
	return out
}

// rollupCells reads the table of the rollup.
func (v *view) rollupCells(r rollup.Rollup, cond string) string {
	var cols []string
	for _, k := range v.rollupKeys(r, "_e.time") {
		cols = append(cols, k.expr+" AS "+quoteName(k.name))
	}
	for _, m := range v.measures() {
		cols = append(cols, m.cell+" AS "+quoteName(m.name))
	}
	return "SELECT " + strings.Join(cols, ", ") + " FROM " + r.Table() + " AS _e" + v.where(cond)
}

// rollupRows makes cells of rows of events.
func (v *view) rollupRows(r rollup.Rollup, cond string) string {
	bucket := r.Bucket("_e.ts")
	var cols []string
	for _, k := range v.rollupKeys(r, "CAST("+bucket+" AS DateTime('UTC'))") {
		cols = append(cols, k.expr+" AS "+quoteName(k.name))
	}
	for _, m := range v.measures() {
		cols = append(cols, m.raw+" AS "+quoteName(m.name))
	}
	keys := []string{"_e.tenant", "_e.site_id", bucket}
	for _, d := range r.Dims {
		keys = append(keys, "_e."+d)
	}
	return "SELECT " + strings.Join(cols, ", ") + " FROM " + rollup.Events + " AS _e" + v.where(cond) + " GROUP BY " + strings.Join(keys, ", ")
}

// merged sums up the cells that do not differ for those who read them.
func (v *view) merged(r rollup.Rollup, cells string) string {
	var cols, keys []string
	for _, k := range v.rollupKeys(r, "") {
		keys = append(keys, "_u."+quoteName(k.name))
		cols = append(cols, "_u."+quoteName(k.name)+" AS "+quoteName(k.name))
	}
	for _, m := range v.measures() {
		cols = append(cols, m.sum+" AS "+quoteName(m.name))
	}
	return "SELECT " + strings.Join(cols, ", ") + " FROM (" + cells + ") AS _u GROUP BY " + strings.Join(keys, ", ")
}
