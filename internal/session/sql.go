package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/rollup"
)

// Sessions are computed in two steps. Runs are stretches of events of one visitor that certainly belong to one session, with what is to be known of
// them; sessions are runs joined where the gap between them is not longer than the timeout. Runs come from two places:
//
//   - raw events, grouped by visitor and by time cut into pieces as long as the timeout: within a piece no gap can be longer;
//   - stitched days, whose rows are the runs of a day joined with each other already. Of these only those near midnight can still
//     have neighbours; the others are sessions as they are.
//
// It does not matter how runs are cut, as long as no two of a visitor overlap: joining them gives the same sessions.

// Query makes sessions.
type Query struct {
	Timeout time.Duration // not 0, unless TimeoutSQL is set
	// TimeoutSQL is the timeout in milliseconds as an expression, for a statement that is written before the timeout is known; empty: Timeout.
	TimeoutSQL string
	// Columns are the attributes that are wanted; more make it slower.
	Columns []string
	// Lists are those that are wanted: see Pages.
	Lists []string
	// Raw are the conditions on the rows of events, as _e, to compute from; none: no raw events are read.
	Raw []string
	// Edges and Inner are the conditions on the rows of Table, as _s: on those near to midnight, and on the others; none: no such rows are read.
	Edges, Inner []string
	// Totalled are stretches of time whose stitched rows away from midnight Within leaves out, for their totals (package daily) are read: in order, apart.
	Totalled []Span
	// Seams are the days, of those given to Within, whose Seam is read too: no edge that is totalled there is read. Both days beside such a midnight must be in Totalled as a whole.
	Seams []int32
	// Outdated are the conditions on those of these rows that do not hold any more, because their visitors have rows behind the stitched ones: to be taken from the
	// totals. none: there are none. Within sets it.
	Outdated []string
	// Growing is one of the days given to Within, if it is to be read so; not one whose totals are read. Its statements have parameters.
	Growing *Growing
	// more are conditions like Raw, Edges and Inner, each of a statement of its own. Within sets them.
	more struct{ raw, joined, apart, seams [][]string }
	// joins are the days whose Seam is read as it stands in SeamTable. Within sets them.
	joins []int32
}

// order is the place of an event among those of its visitor: its time, then its place in the log. 43 bits hold the milliseconds since 1900, the others
// the partition (16), the record (45) and the row in it (24).
const order = "bitShiftLeft(toUInt128(toUnixTimestamp64Milli(_e.ts) + 2208988800000), 85) + bitShiftLeft(toUInt128(_e._partition), 69)" +
	" + bitShiftLeft(toUInt128(_e._offset), 24) + _e._row"

// visitor is the visitor of an event; empty: it has none.
const visitor = "if(_e.client_id = '', _e.user_id, _e.client_id)"

// Visitor is the expression of an event's visitor over a table that is called alias.
func Visitor(alias string) string { return strings.ReplaceAll(visitor, "_e.", alias+".") }

const millis = "toUnixTimestamp64Milli"

// attributes are the wanted columns, in the order of Columns.
func (q Query) attributes() []Column { return named(q.Columns) }

// ofRun are the columns that runs have: those that are wanted, and what decides which run these are taken from.
func (q Query) ofRun() []Column {
	wanted := q.attributes()
	if !slices.ContainsFunc(wanted, func(c Column) bool { return c.pick == pickSource }) {
		return wanted
	}
	return named(append(q.Columns[:len(q.Columns):len(q.Columns)], channel))
}

// named are the columns of these names, in the order of Columns.
func named(names []string) []Column {
	var out []Column
	for _, c := range Columns {
		for _, name := range names {
			if c.Name == name {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

// SQL is a statement whose rows are sessions: tenant, site_id, visitor, start_time and end_time (Int64, milliseconds since 1970), events, pageviews, actions,
// the wanted columns, and the wanted lists. Without anything to read it has no rows.
func (q Query) SQL() string {
	var parts, runs []string
	raw, edges, inner := q.more.raw, q.more.joined, q.more.apart
	if len(q.Raw) > 0 {
		raw = append(raw[:len(raw):len(raw)], q.Raw)
	}
	for _, conditions := range raw {
		runs = append(runs, q.rawRuns(conditions))
	}
	if len(q.Inner) > 0 {
		inner = append(inner[:len(inner):len(inner)], append(q.Inner[:len(q.Inner):len(q.Inner)], "NOT _s.edge"))
	}
	for _, conditions := range inner {
		parts = append(parts, q.stitched(q.attributes(), conditions))
	}
	for _, conditions := range q.more.seams {
		parts = append(parts, q.rows(SeamTable, q.attributes(), conditions))
	}
	if len(q.Edges) > 0 {
		edges = append(edges[:len(edges):len(edges)], append(q.Edges[:len(q.Edges):len(q.Edges)], "_s.edge"))
	}
	for _, conditions := range edges {
		runs = append(runs, q.stitched(q.ofRun(), conditions))
	}
	if len(runs) == 0 {
		runs = append(runs, q.stitched(q.ofRun(), []string{"1 = 0"}))
	}
	parts = append(parts, q.join(strings.Join(runs, "\nUNION ALL\n")))
	return strings.Join(parts, "\nUNION ALL\n")
}

// OutdatedSQL is a statement whose rows are the sessions that are to be taken from the totals of the stretches; "": there are none.
func (q Query) OutdatedSQL() string {
	if len(q.Outdated) == 0 {
		return ""
	}
	return q.stitched(q.attributes(), append(q.Outdated[:len(q.Outdated):len(q.Outdated)], "NOT _s.edge"))
}

func (q Query) timeout() string {
	if q.TimeoutSQL != "" {
		return q.TimeoutSQL
	}
	return strconv.FormatInt(q.Timeout.Milliseconds(), 10)
}

// rawRuns makes runs of events.
func (q Query) rawRuns(conditions []string) string {
	cols := []string{"_e.tenant AS tenant", "_e.site_id AS site_id", visitor + " AS visitor",
		"min(" + millis + "(_e.ts)) AS start_time", "max(" + millis + "(_e.ts)) AS end_time", "count() AS events",
		"countIf(_e.type = 'pageview') AS pageviews", "countIf(_e.type NOT IN ('" + strings.Join(Passive, "', '") + "')) AS actions"}
	for _, c := range q.ofRun() {
		cols = append(cols, c.ofEvents()+" AS "+c.Name)
	}
	for _, l := range q.lists() {
		cols = append(cols, l.ofEvents+" AS "+l.name)
	}
	// Shifted to be positive: intDiv rounds towards 0, and the piece around it would be twice as long.
	piece := "intDiv(" + millis + "(_e.ts) + 4000000000000, " + q.timeout() + ")"
	return "SELECT " + strings.Join(cols, ", ") + "\nFROM " + rollup.Events + " AS _e\nWHERE " + strings.Join(conditions, " AND ") +
		" AND (_e.client_id != '' OR _e.user_id != '')\nGROUP BY _e.tenant, _e.site_id, " + visitor + ", " + piece
}

// ofEvents is the column's value of a group of events.
func (c Column) ofEvents() string {
	value := "toString(_e." + c.From + ")"
	if c.Type == "Bool" {
		value = "_e." + c.From
	}
	switch c.pick {
	case pickSource:
		return "argMinIf(" + value + ", " + order + ", _e." + channel + " != '')"
	case pickEntry:
		return "argMinIf(" + value + ", " + order + ", _e.type = 'pageview')"
	case pickExit:
		return "argMaxIf(" + value + ", " + order + ", _e.type = 'pageview')"
	case pickLast:
		return "argMaxIf(" + value + ", " + order + ", _e." + c.From + " != '')"
	}
	return "argMin(" + value + ", " + order + ")"
}

// stitched reads rows of stitched days, with the columns.
func (q Query) stitched(columns []Column, conditions []string) string {
	return q.rows(Table, columns, conditions)
}

// rows reads rows of a table of sessions, or of runs.
func (q Query) rows(table string, columns []Column, conditions []string) string {
	cols := []string{"_s.tenant AS tenant", "_s.site_id AS site_id", "_s.visitor AS visitor", millis + "(_s.start_time) AS start_time", millis + "(_s.end_time) AS end_time",
		"_s.events AS events", "_s.pageviews AS pageviews", "_s.actions AS actions"}
	for _, c := range columns {
		if c.Type == "Bool" {
			cols = append(cols, "_s."+c.Name+" AS "+c.Name)
		} else {
			cols = append(cols, "toString(_s."+c.Name+") AS "+c.Name)
		}
	}
	for _, l := range q.lists() {
		cols = append(cols, "_s."+l.name+" AS "+l.name)
	}
	return "SELECT " + strings.Join(cols, ", ") + "\nFROM " + table + " AS _s\nWHERE " + strings.Join(conditions, " AND ")
}

// The places of what every run has in the tuple of a run.
const (
	runStart = 1 + iota
	runEnd
	runEvents
	runPageviews
	runActions
	runColumns // and its columns from here on
)

// join makes sessions of runs.
func (q Query) join(runs string) string {
	names := []string{"start_time", "end_time", "events", "pageviews", "actions"}
	for _, c := range q.ofRun() {
		names = append(names, c.Name)
	}
	for _, l := range q.lists() {
		names = append(names, l.name)
	}
	part := func(i int) string { return "tupleElement(_r, " + strconv.Itoa(i) + ")" }
	cols := []string{"tenant", "site_id", "visitor", part(runStart) + "[1] AS start_time", part(runEnd) + "[-1] AS end_time"}
	for i, name := range names[runEvents-1 : runColumns-1] {
		cols = append(cols, "arraySum("+part(runEvents+i)+") AS "+name)
	}
	of := func(name string) string { return part(1 + slices.Index(names, name)) }
	for _, c := range q.attributes() {
		value := c.ofRuns(of)
		if strings.HasPrefix(c.Type, "LowCardinality(") { // as in the tables: else all rows of these, which stand beside, would be made texts before they are filtered
			value = "toLowCardinality(" + value + ")"
		}
		cols = append(cols, value+" AS "+c.Name)
	}
	for _, l := range q.lists() {
		cols = append(cols, l.ofRuns(of(l.name))+" AS "+l.name)
	}
	gaps := fmt.Sprintf("arrayMap((_a, _b) -> _a - _b > %s, tupleElement(_all, %d), arrayPushFront(arrayPopBack(tupleElement(_all, %d)), tupleElement(_all, %d)[1]))",
		q.timeout(), runStart, runEnd, runStart)
	return "SELECT " + strings.Join(cols, ", ") + "\nFROM (\nSELECT tenant, site_id, visitor, arrayJoin(arraySplit((_x, _new) -> _new, _all, " + gaps + ")) AS _r" +
		"\nFROM (\nSELECT tenant, site_id, visitor, arraySort(_x -> tupleElement(_x, 1), groupArray((" + strings.Join(names, ", ") + "))) AS _all\nFROM (\n" + runs +
		"\n)\nGROUP BY tenant, site_id, visitor\n)\n)"
}

// ofRuns is the column's value of runs in their order; of are their values of a column.
func (c Column) ofRuns(of func(name string) string) string {
	values := of(c.Name)
	switch c.pick {
	case pickSource:
		return "arrayFirst((_v, _c) -> _c != '', " + values + ", " + of(channel) + ")"
	case pickEntry:
		return "arrayFirst((_v, _n) -> _n > 0, " + values + ", " + of("pageviews") + ")"
	case pickExit:
		return "arrayLast((_v, _n) -> _n > 0, " + values + ", " + of("pageviews") + ")"
	case pickLast:
		return "arrayLast(_v -> _v != '', " + values + ")"
	}
	return values + "[1]"
}
