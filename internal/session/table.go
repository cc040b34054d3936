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
)

// CreateSQL are the statements that create the table of stitched days, or bring it up to date. Each row is a run that is as long as it can be
// within its day (UTC), stitched under the timeout of its version: see DESIGN.md. edge says that it lies so near to midnight that it may be
// joined with one of another day. Inserts are synced before they are answered.
func CreateSQL() []string {
	var b strings.Builder
	b.WriteString("CREATE TABLE IF NOT EXISTS " + Table + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    visitor String,
    start_time DateTime64(3, 'UTC'),
    end_time DateTime64(3, 'UTC'),
    events UInt64,
    pageviews UInt64,
    actions UInt64,
    edge Bool,
    _version UInt64,
    INDEX visitor visitor TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(start_time)
ORDER BY (tenant, site_id, edge, start_time)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`)
	out := []string{b.String()}
	for _, c := range Columns {
		out = append(out, "ALTER TABLE "+Table+" ADD COLUMN IF NOT EXISTS "+c.Name+" "+c.Type)
	}
	for _, l := range lists {
		out = append(out, "ALTER TABLE "+Table+" ADD COLUMN IF NOT EXISTS "+l.name+" "+listType)
	}
	return out
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
