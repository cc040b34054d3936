package daily

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/rollup"
)

// HitsEngineTable is the table of who did what at which page, HitsTable its full name. It belongs to the totals of a day: the same rows of events, the same version.
const (
	HitsEngineTable = "day_hits"
	HitsTable       = rollup.Database + "." + HitsEngineTable
)

// HitsDim is no column: the table has many. Its step is that of the table's times.
var HitsDim = Dim{Step: 24 * time.Hour}

// HitsColumns are the columns of events that the table has, beside their path. Others need another table.
var HitsColumns = func() []string {
	var names []string
	for _, d := range Dims {
		if d.Name != "" && d.Name != "path" {
			names = append(names, d.Name)
		}
	}
	return names
}()

// hitsSQL is the statement that makes the table: a row for each page, visitor (rollup.VisitorHash) and values of the other columns. Events of nobody are rows too, so that all events are counted. Of each
// page the visitors of the sample (rollup.SampleShare) stand by themselves: who asks for these only reads the granules of an eighth of its rows.
func hitsSQL() string {
	return eventTableSQL(HitsTable, append([]string{"path String"}, visitorColumns()...), "path, sampled, type")
}

// visitorColumns are those of a visitor and the values of HitsColumns.
func visitorColumns() []string {
	columns := []string{"sampled Bool"}
	for _, name := range HitsColumns {
		columns = append(columns, name+" LowCardinality(String)")
	}
	return append(columns, "visitor UInt64")
}

// HitsSQL writes the hits of a tenant's day under the version: of the rows up to the writers' positions, as TotalSQL does.
func HitsSQL(tenant string, start time.Time, version, main, late uint64) string {
	columns := strings.Join(HitsColumns, ", ")
	return fmt.Sprintf("INSERT INTO %s (tenant, site_id, path, %s, time, is_bot, visitor, sampled, events, pageviews, amount, revenue, _version)\n"+
		"SELECT tenant, site_id, path, %[2]s, %s AS time, is_bot, %s AS visitor, visitor %% %d %s, %s, toUInt64(%d)\nFROM %s\nWHERE %s\nGROUP BY tenant, site_id, path, %[2]s, time, is_bot, visitor",
		HitsTable, columns, HitsDim.bucket("ts"), rollup.VisitorHash(""), rollup.SampleShare, rollup.InSample, eventSums, version, rollup.Events, upTo(tenant, start, start.AddDate(0, 0, 1), main, late))
}
