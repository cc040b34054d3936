package daily

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/rollup"
	"weir/internal/session"
)

// HitSessionsEngineTable is the table of a day's sessions by what they have an event of (session.AllHits), HitSessionsTable its full name. They belong to the totals of sessions of their
// version: the same sessions, those away from midnight.
const (
	HitSessionsEngineTable = "day_hit_sessions_2"
	HitSessionsTable       = rollup.Database + "." + HitSessionsEngineTable
	// SeamHitSessionsEngineTable holds those of the sessions near midnights, under the versions of SeamsTable.
	SeamHitSessionsEngineTable = "day_seam_hit_sessions_2"
	SeamHitSessionsTable       = rollup.Database + "." + SeamHitSessionsEngineTable
)

// hitAttributes are the attributes that a row has of its session.
var hitAttributes = slices.DeleteFunc(slices.Clone(session.Columns), func(c session.Column) bool { return c.Name == "client_id" || c.Name == "user_id" })

// HasHitAttribute says whether the tables have an attribute of sessions.
func HasHitAttribute(name string) bool {
	return slices.ContainsFunc(hitAttributes, func(c session.Column) bool { return c.Name == name })
}

// hitSessionsSQL is the statement that makes the table: a row for each session and value of a dim. Of a session that is cut there is one row, which says so, and no value: it may have any. The
// usual value of a dim has no rows.
func hitSessionsSQL() string { return hitTableSQL(HitSessionsTable, "", "time") }

// seamHitSessionsSQL is the statement that makes the table of those near midnights: with the day before the midnight.
func seamHitSessionsSQL() string {
	return hitTableSQL(SeamHitSessionsTable, "\n    day Date,", "day")
}

// hitTableSQL is the statement that makes a table of sessions by their hits; more are the columns before the last, each on a line of its own, and by is the one whose days are partitions. A session
// has several rows, and those of one value have nothing else in common: so texts stand in dictionaries, and numbers are packed tighter than elsewhere. Paths do not: a dictionary of more
// than 8192 values, as large sites have, takes longer to read than the texts (by hand, a hint: 135 and 50 ns of CPU a row of 12 700 paths). Rows of one entry page stand together, so that groups of these are found faster, and take less room.
func hitTableSQL(name, more, by string) string {
	columns := ""
	for _, c := range hitAttributes {
		typ := "LowCardinality(String)"
		if c.Type == "Bool" || c.From == "path" {
			typ = c.Type
		}
		columns += "\n    " + c.Name + " " + typ + ","
	}
	return "CREATE TABLE IF NOT EXISTS " + name + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    dim LowCardinality(String),
    value String,
    cut Bool,
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    end_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    events UInt64 CODEC(ZSTD),
    pageviews UInt64 CODEC(ZSTD),
    actions UInt64 CODEC(ZSTD),` + columns + more + `
    _version UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(` + by + `)
ORDER BY (tenant, site_id, dim, cut, value, entry_path, time)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`
}

// hitNames are the columns of a row that are those of its session.
func hitNames() string {
	names := []string{"tenant", "site_id", "events", "pageviews", "actions"}
	for _, c := range hitAttributes {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// hits is an array over a session with lists: a tuple of dim, value and cut for each row of it.
func hits() string {
	parts := make([]string, len(session.AllHits))
	for i, h := range session.AllHits {
		values := "arrayDistinct(arrayConcat(" + strings.Join(h.Lists, ", ") + "))"
		if h.Usual != "" {
			values = "arrayFilter(_v -> _v != '" + h.Usual + "', " + values + ")"
		}
		parts[i] = fmt.Sprintf("if(%s, [('%s', '', true)], arrayMap(_v -> ('%[2]s', _v, false), %s))", h.Cut, h.Column, values)
	}
	return "arrayConcat(" + strings.Join(parts, ", ") + ")"
}

// HitSessionSQL writes the sessions of a tenant's day by their hits, from its stitched sessions of the version.
func HitSessionSQL(tenant string, start time.Time, version uint64) string {
	return hitSQL(HitSessionsTable, "", session.Table, inner(tenant, start, version))
}

// SeamHitSessionSQL writes those of the sessions near the midnight behind a tenant's day that stand in session.SeamTable under the version.
func SeamHitSessionSQL(tenant string, start time.Time, seam uint64) string {
	return hitSQL(SeamHitSessionsTable, ", day", session.SeamTable, nearMidnight(tenant, start, seam))
}

func hitSQL(into, more, from, where string) string {
	return "INSERT INTO " + into + " (" + hitNames() + ", dim, value, cut, time, end_time" + more + ", _version)\nSELECT " + hitNames() +
		", tupleElement(_hit, 1), tupleElement(_hit, 2), tupleElement(_hit, 3), start_time, end_time" + more + ", _version\nFROM " + from + "\nARRAY JOIN " + hits() + " AS _hit\nWHERE " + where
}

// allHits is an expression that says whether there is a row for each hit of some sessions, which have lists: rows is a statement of their number.
func allHits(rows, sessions string) string {
	return "((" + rows + ") = (SELECT sum(length(" + hits() + ")) FROM " + sessions + "))"
}
