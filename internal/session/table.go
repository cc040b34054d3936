package session

import (
	"hash/fnv"
	"strings"

	"weir/internal/rollup"
)

// EngineTable is the table of stitched days, Table its full name.
const (
	EngineTable = "sessions"
	Table       = rollup.Database + "." + EngineTable
	// SeamEngineTable is the table of the sessions near the midnights between stitched days (Seam), SeamTable its full name.
	SeamEngineTable = "seam_sessions"
	SeamTable       = rollup.Database + "." + SeamEngineTable
)

// CreateSQL are the statements that create the table of stitched days, or bring it up to date. Each row is a run that is as long as it can be
// within its day (UTC), stitched under the timeout of its version: see DESIGN.md. edge says that it lies so near to midnight that it may be
// joined with one of another day. Inserts are synced before they are answered.
func CreateSQL() []string {
	return createSQL(Table, "edge Bool", "toYYYYMMDD(start_time)", "edge, start_time")
}

// CreateSeamSQL are the statements that create the table of sessions near midnights, or bring it up to date. Each row is a session, with the day before the midnight, under a version of its own: that
// of the totals of the midnight (package daily).
func CreateSeamSQL() []string {
	return createSQL(SeamTable, "day Date", "toYYYYMMDD(day)", "start_time")
}

func createSQL(table, more, partition, order string) []string {
	out := []string{"CREATE TABLE IF NOT EXISTS " + table + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    visitor String,
    start_time DateTime64(3, 'UTC'),
    end_time DateTime64(3, 'UTC'),
    events UInt64,
    pageviews UInt64,
    actions UInt64,
    ` + more + `,
    _version UInt64,
    INDEX visitor visitor TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY ` + partition + `
ORDER BY (tenant, site_id, ` + order + `)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`}
	for _, c := range Columns {
		out = append(out, "ALTER TABLE "+table+" ADD COLUMN IF NOT EXISTS "+c.Name+" "+c.Type)
	}
	for _, l := range lists {
		out = append(out, "ALTER TABLE "+table+" ADD COLUMN IF NOT EXISTS "+l.name+" "+listType)
	}
	return out
}

// written are the columns that statements write into a table of sessions, and how they are made of rows of Query.SQL.
func written() (into, from []string) {
	into = []string{"tenant", "site_id", "visitor", "start_time", "end_time", "events", "pageviews", "actions"}
	from = []string{"tenant", "site_id", "visitor", "fromUnixTimestamp64Milli(start_time, 'UTC')", "fromUnixTimestamp64Milli(end_time, 'UTC')", "events", "pageviews", "actions"}
	for _, c := range Columns {
		into, from = append(into, c.Name), append(from, c.Name)
	}
	return append(into, Lists()...), append(from, Lists()...)
}

// allColumns are the names of Columns.
func allColumns() (names []string) {
	for _, c := range Columns {
		names = append(names, c.Name)
	}
	return names
}

// Layout stands for the columns of the table and for what they mean: days that were stitched under another one are stitched again.
var Layout = func() uint32 {
	h := fnv.New32a()
	h.Write([]byte("1\x00" + strings.Join(Passive, ",")))
	for _, c := range Columns {
		h.Write([]byte("\x00" + c.Name + "\x00" + c.Type + "\x00" + c.ofEvents()))
	}
	for _, l := range lists {
		h.Write([]byte("\x00" + l.name + "\x00" + l.ofEvents))
	}
	return h.Sum32()
}()
