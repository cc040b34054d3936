package daily

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/session"
)

// HitDims are the columns of session.AllHits by which sessions are totalled too, in the tables of totals of sessions (SessionsTable, SeamsTable): a row stands for the sessions that have an event with the
// value. A session counts under each of its values, one that is cut under CutDim and nowhere else. Paths are many, so that their hours do not stand by themselves.
var HitDims = func() []Dim {
	dims := make([]Dim, len(session.AllHits))
	for i, h := range session.AllHits {
		dims[i] = Dim{h.Column, time.Hour}
		if h.Column == "path" {
			dims[i].Step = 24 * time.Hour
		}
	}
	return dims
}()

// CutDim is the dim of the sessions that are cut (session.Hits) by a dim of HitDims; its value is empty.
func CutDim(dim string) string { return dim + cutSuffix }

const cutSuffix = "_cut"

// HitTotalSQL writes the totals of a tenant's day by what its sessions have an event of, from the rows of HitSessionSQL of the version.
func HitTotalSQL(tenant string, start time.Time, version uint64) string {
	return hitTotalSQL(SessionsTable, "", HitSessionsTable, ofDay(tenant, start, version))
}

// SeamHitTotalSQL writes those of the sessions near the midnight behind a tenant's day, from the rows of SeamHitSessionSQL of the version.
func SeamHitTotalSQL(tenant string, start time.Time, seam uint64) string {
	return hitTotalSQL(SeamsTable, ", day", SeamHitSessionsTable, nearMidnight(tenant, start, seam))
}

func hitTotalSQL(into, more, from, where string) string {
	names, sums := sumsSQL()
	bucket := HitDims[0].bucket("start_time")
	for _, d := range HitDims[1:] {
		bucket = fmt.Sprintf("if(dim = '%s', %s, %s)", d.Name, d.bucket("start_time"), bucket)
	}
	return "INSERT INTO " + into + " (tenant, site_id, dim, value, time, is_bot" + names + more + ", _version)\nSELECT tenant, site_id, if(cut, concat(dim, '" + cutSuffix + "'), dim) AS _dim, value, " + bucket + " AS _time, is_bot" + sums + more +
		", _version\nFROM (SELECT *, time AS start_time FROM " + from + " WHERE " + where + ")\nGROUP BY tenant, site_id, _dim, value, _time, is_bot" + more + ", _version"
}

// hitDims is the condition on the rows of totals by what sessions have an event of.
func hitDims() string {
	names := make([]string, 0, 2*len(HitDims))
	for _, d := range HitDims {
		names = append(names, d.Name, CutDim(d.Name))
	}
	return "dim IN ('" + strings.Join(names, "', '") + "')"
}

// allHitTotals is an expression that says whether the totals (a statement of the sum of their sessions) are of as many hits as rows, a statement of their number, finds.
func allHitTotals(totals, rows string) string {
	return "(ifNull((" + totals + "), 0) = (" + rows + "))"
}
