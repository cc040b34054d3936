package daily

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"weir/internal/rollup"
	"weir/internal/session"
)

// SeamsEngineTable is the table of the totals of sessions near midnights (session.Seam), SeamsTable its full name. Each stands under a version of its own, which belongs to
// those of the two days beside the midnight. It is no part of the table of days' sessions, because a weir that knows nothing of seams removes from there what it does not know.
const (
	SeamsEngineTable = "day_seams_2"
	SeamsTable       = rollup.Database + "." + SeamsEngineTable
)

// seamsSQL is the statement that makes the table: that of days' sessions with the day before the midnight.
func seamsSQL() string {
	return "CREATE TABLE IF NOT EXISTS " + SeamsTable + sessionColumns("\n    day Date,") + `
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (tenant, site_id, dim, value, time)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`
}

// nearMidnight is the condition on the rows about the midnight behind the day that begins at start, under a version.
func nearMidnight(tenant string, start time.Time, seam uint64) string {
	return fmt.Sprintf("tenant = '%s' AND day = '%s' AND _version = %d", tenant, start.UTC().Format(time.DateOnly), seam)
}

// SeamSQL writes the totals of a tenant's sessions near the midnight behind the day that begins at start: of those that stand in session.SeamTable under the version.
func SeamSQL(tenant string, start time.Time, seam uint64) string {
	names, sums := sumsSQL()
	names += ", clients, sample"
	for _, set := range []string{rollup.HashesSQL(rollup.InClients, rollup.ExactClients+1), rollup.HashesSQL(rollup.InSample, rollup.CellClients)} {
		sums += ", if(tupleElement(_by, 1) IN ('" + strings.Join(VisitorDims, "', '") + "'), " + set + ", emptyArrayUInt64())"
	}
	return "INSERT INTO " + SeamsTable + " (tenant, site_id, dim, value, time, is_bot" + names + ", day, _version)\nSELECT tenant, site_id, tupleElement(_by, 1), tupleElement(_by, 2), tupleElement(_by, 3), is_bot" + sums +
		", day, _version\nFROM " + session.SeamTable + "\nARRAY JOIN " + byDims(SessionDims) + " AS _by\nWHERE " + nearMidnight(tenant, start, seam) + "\nGROUP BY tenant, site_id, _by, is_bot, day, _version"
}

// byDims is an array with a tuple for each dim of a session: its name, the session's value, and the step in which it began.
func byDims(dims []Dim) string {
	by := make([]string, len(dims))
	for i, d := range dims {
		value := "''"
		if d.Name != "" {
			value = "toString(" + d.Name + ")"
		}
		by[i] = fmt.Sprintf("('%s', %s, %s)", d.Name, value, d.bucket("start_time"))
	}
	return "[" + strings.Join(by, ", ") + "]"
}

// WriteSeamSQL are the statements that write the sessions near the midnight behind a day, of the versions of that day and the next, and what the tables hold of them, under a version of their own.
func WriteSeamSQL(tenant string, start time.Time, timeout time.Duration, version, next, seam uint64) []string {
	return []string{session.WriteSeamSQL(tenant, session.DayOf(start), timeout, version, next, seam), SeamSQL(tenant, start, seam), SeamPageSQL(tenant, start, seam), SeamHitSessionSQL(tenant, start, seam), SeamHitTotalSQL(tenant, start, seam), SeamCrossTotalSQL(tenant, start, seam)}
}

// SeamCountSQL is the query for what WriteSeamSQL wrote: the number of the sessions, if it is that of their totals by each dim too, which are made of the rows that were written, and if all of their
// pages and hits are there, else -1; and that of the visitors who are left out. Both are texts.
func SeamCountSQL(tenant string, start time.Time, timeout time.Duration, version, next, seam uint64) string {
	day, where := session.DayOf(start), " WHERE "+nearMidnight(tenant, start, seam)
	hits := "SELECT count() FROM " + SeamHitSessionsTable + where
	all := allPages("SELECT sum(pageviews) AS n FROM "+SeamPagesTable+where+" GROUP BY dim", session.SeamTable+where) +
		" AND " + allHits(hits, session.SeamTable+where) + " AND " + allHitTotals("SELECT sum(sessions) FROM "+SeamsTable+where+" AND "+hitDims(), hits) +
		" AND " + allCrossed(SeamsTable, nearMidnight(tenant, start, seam), hits+isCrossed)
	return fmt.Sprintf("SELECT toString(if(count() = if(_want = 0, 0, %d) AND min(_n) = _want AND max(_n) = _want AND %s, _want, -1)), toString((SELECT count() FROM (\n%s\n))), (SELECT toInt64(count()) FROM (\n%s\n)) AS _want\n"+
		"FROM (SELECT sum(sessions) AS _n FROM %s%s AND NOT "+hitDims()+" AND NOT "+crossDims()+" GROUP BY dim)", len(SessionDims), all, session.LeftOutSQL(tenant, day, timeout, version, next),
		session.SeamSQL(tenant, day, timeout, version, next), SeamsTable, where)
}

// SeamLayout stands for what the tables hold: totals of another one are made again. It is never 0.
var SeamLayout = func() uint32 {
	h := fnv.New32a()
	for _, sql := range WriteSeamSQL("t", time.Unix(0, 0), session.DefaultTimeout, 0, 0, 0) {
		h.Write([]byte(sql))
	}
	return max(1, h.Sum32())
}()
