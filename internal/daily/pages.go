package daily

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/rollup"
	"weir/internal/session"
)

// PagesEngineTable is the table of the pages of a day's sessions by one attribute of theirs, PagesTable its full name. They belong to the totals of sessions of their version: the same
// sessions, those away from midnight.
const (
	PagesEngineTable = "day_pages"
	PagesTable       = rollup.Database + "." + PagesEngineTable
)

// PageDims are the attributes of sessions by which their pages are totalled: those that events have from their visits.
var PageDims = slices.DeleteFunc(slices.Clone(SessionDims), func(d Dim) bool { return !slices.Contains(VisitorDims, d.Name) })

// pagesSQL is the statement that makes the table: a row for each value of a dim and path with the page views of the sessions that began on the day. cut says that not all pages of one of them
// are kept (session.MaxPages), so that these are too few.
func pagesSQL() string {
	return "CREATE TABLE IF NOT EXISTS " + PagesTable + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    dim LowCardinality(String),
    value String,
    path String,
    time DateTime('UTC'),
    is_bot Bool,
    pageviews UInt64,
    cut Bool,
    _version UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, site_id, dim, value, path)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`
}

// PageTotalSQL writes the totals of the pages of a tenant's day from its stitched sessions of the version.
func PageTotalSQL(tenant string, start time.Time, version uint64) string {
	parts := make([]string, len(PageDims))
	for i, d := range PageDims {
		parts[i] = fmt.Sprintf("SELECT tenant, site_id, '%s' AS dim, toString(%s) AS value, path, %s AS time, is_bot, count() AS _views, max(pageviews != length(%s)) AS _cut\nFROM %s\nARRAY JOIN %s AS path\nWHERE %s\nGROUP BY tenant, site_id, value, path, time, is_bot",
			d.Name, d.Name, d.bucket("start_time"), session.Pages, session.Table, session.Pages, inner(tenant, start, version))
	}
	return "INSERT INTO " + PagesTable + " (tenant, site_id, dim, value, path, time, is_bot, pageviews, cut, _version)\nSELECT *, toUInt64(" + strconv.FormatUint(version, 10) + ")\nFROM (\n" + strings.Join(parts, "\nUNION ALL\n") + "\n)"
}

// pagesCountSQL is an expression that says whether the totals of pages of a day's version hold all pages of its sessions, by each dim.
func pagesCountSQL(tenant string, start time.Time, version uint64) string {
	pages := "(SELECT sum(length(" + session.Pages + ")) FROM " + session.Table + " WHERE " + inner(tenant, start, version) + ")"
	return fmt.Sprintf("(SELECT (count(), min(n), max(n)) = (if(%s = 0, 0, %d), %[1]s, %[1]s) FROM (%[3]s GROUP BY dim))", pages, len(PageDims), sumOf(PagesTable, "pageviews", "", tenant, start, version))
}
