package daily

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Crossed is the column of session.AllHits by whose values the sessions are totalled together with one of their attributes, in the tables of totals of sessions (SessionsTable, SeamsTable):
// few values, that many sessions have. Of others the sessions themselves (HitSessionsTable) are few enough to be read.
const Crossed = "type"

// CrossDims are the dims of these totals. A session counts in a dim once for each of its values of Crossed, under CrossPrefix of that and the attribute; one that is cut (session.Hits) once, under
// CutPrefix and the attribute.
var CrossDims = func() []Dim {
	var dims []Dim
	for _, d := range SessionDims {
		if d.Name != "" {
			dims = append(dims, Dim{CrossDim(d.Name), d.Step})
		}
	}
	return dims
}()

// CrossDim is the dim of an attribute of sessions.
func CrossDim(attribute string) string { return Crossed + "/" + attribute }

// CutPrefix is what the values of sessions that are cut begin with. It is nobody's CrossPrefix.
const CutPrefix = "cut:"

// CrossPrefix is what the values of the sessions begin with that have an event with the value: its length stands before it, so that no other one begins like it.
func CrossPrefix(value string) string { return strconv.Itoa(len(value)) + ":" + value }

// CrossTotalSQL writes the totals of a tenant's day, from the rows of HitSessionSQL of the version.
func CrossTotalSQL(tenant string, start time.Time, version uint64) string {
	return crossTotalSQL(SessionsTable, "", HitSessionsTable, ofDay(tenant, start, version))
}

// SeamCrossTotalSQL writes those of the sessions near the midnight behind a tenant's day, from the rows of SeamHitSessionSQL of the version.
func SeamCrossTotalSQL(tenant string, start time.Time, seam uint64) string {
	return crossTotalSQL(SeamsTable, ", day", SeamHitSessionsTable, nearMidnight(tenant, start, seam))
}

func crossTotalSQL(into, more, from, where string) string {
	names, sums := sumsSQL()
	return "INSERT INTO " + into + " (tenant, site_id, dim, value, time, is_bot" + names + more + ", _version)\nSELECT tenant, site_id, concat('" + CrossDim("") + "', tupleElement(_by, 1)), concat(_hit, tupleElement(_by, 2)), tupleElement(_by, 3), is_bot" +
		sums + more + ", _version\nFROM (SELECT *, time AS start_time, if(cut, '" + CutPrefix + "', concat(toString(length(value)), ':', value)) AS _hit FROM " + from + " WHERE " + where + isCrossed + ")\nARRAY JOIN " + byDims(SessionDims[1:]) +
		" AS _by\nGROUP BY tenant, site_id, _by, _hit, is_bot" + more + ", _version"
}

// crossDims is the condition on the rows of these totals.
func crossDims() string {
	names := make([]string, len(CrossDims))
	for i, d := range CrossDims {
		names[i] = d.Name
	}
	return "dim IN ('" + strings.Join(names, "', '") + "')"
}

// allCrossed is an expression that says whether the totals of a table are of all sessions by Crossed: totals is the condition on its rows, rows a statement of the number of these sessions.
func allCrossed(table, totals, rows string) string {
	return fmt.Sprintf("(SELECT count() = if((%[1]s) = 0, 0, %[2]d) AND countIf(_n != (%[1]s)) = 0 FROM (SELECT sum(sessions) AS _n FROM %[3]s WHERE %[4]s AND %[5]s GROUP BY dim))", rows, len(CrossDims), table, totals, crossDims())
}

// isCrossed is the condition on the rows by Crossed of a table of sessions by their hits, with its AND.
const isCrossed = " AND dim = '" + Crossed + "'"
