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
	// SeamPagesEngineTable holds those of the sessions near midnights, under the versions of SeamsTable.
	SeamPagesEngineTable = "day_seam_pages"
	SeamPagesTable       = rollup.Database + "." + SeamPagesEngineTable
)

// PageDims are the attributes of sessions by which their pages are totalled: those that events have from their visits.
var PageDims = slices.DeleteFunc(slices.Clone(SessionDims), func(d Dim) bool { return !slices.Contains(VisitorDims, d.Name) })

// pagesSQL is the statement that makes the table: a row for each value of a dim and path with the page views of the sessions that began on the day. cut says that not all pages of one of them
// are kept (session.MaxPages), so that these are too few.
func pagesSQL() string { return pageTableSQL(PagesTable, "", "time") }

// seamPagesSQL is the statement that makes the table of the pages of the sessions near midnights: with the day before the midnight.
func seamPagesSQL() string { return pageTableSQL(SeamPagesTable, "\n    day Date,", "day") }

// pageTableSQL is the statement that makes a table of totals of pages; more are the columns before the last, each on a line of its own, and by is the one whose days are partitions.
func pageTableSQL(name, more, by string) string {
	return "CREATE TABLE IF NOT EXISTS " + name + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    dim LowCardinality(String),
    value String,
    path String,
    time DateTime('UTC'),
    is_bot Bool,
    pageviews UInt64,
    cut Bool,` + more + `
    _version UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(` + by + `)
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

// SeamPageSQL writes the totals of the pages of the sessions near the midnight behind a tenant's day: of those that stand in session.SeamTable under the version.
func SeamPageSQL(tenant string, start time.Time, seam uint64) string {
	return "INSERT INTO " + SeamPagesTable + " (tenant, site_id, dim, value, path, time, is_bot, pageviews, cut, day, _version)\n" +
		"SELECT tenant, site_id, tupleElement(_by, 1), tupleElement(_by, 2), path, tupleElement(_by, 3), is_bot, count() AS _views, max(pageviews != length(" + session.Pages + ")) AS _cut, day, _version\nFROM " + session.SeamTable +
		"\nARRAY JOIN " + session.Pages + " AS path\nARRAY JOIN " + byDims(PageDims) + " AS _by\nWHERE " + nearMidnight(tenant, start, seam) + "\nGROUP BY tenant, site_id, _by, path, is_bot, day, _version"
}

// allPages is an expression that says whether totals of pages hold all pages of some sessions, by each dim: sums is a statement of the totals' pageviews as n by dim.
func allPages(sums, sessions string) string {
	pages := "(SELECT sum(length(" + session.Pages + ")) FROM " + sessions + ")"
	return fmt.Sprintf("(SELECT (count(), min(n), max(n)) = (if(%s = 0, 0, %d), %[1]s, %[1]s) FROM (%[3]s))", pages, len(PageDims), sums)
}
