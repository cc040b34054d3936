package daily

import (
	"fmt"
	"hash/fnv"
	"strconv"
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

// SeamSQL writes the totals of a tenant's sessions near the midnight behind the day that begins at start, of the versions of that day and the next, under a version of their own.
func SeamSQL(tenant string, start time.Time, timeout time.Duration, version, next, seam uint64) string {
	names, sums := "", ""
	for _, s := range SessionSums {
		sql := s.SQL
		if s.Name == "lasted" {
			sql = "sum(end_time - start_time)" // both are numbers there
		}
		names, sums = names+", "+s.Name, sums+", toInt64("+sql+") AS _"+s.Name
	}
	names += ", clients, sample"
	for _, set := range []string{rollup.HashesSQL(rollup.InClients, rollup.ExactClients+1), rollup.HashesSQL(rollup.InSample, rollup.CellClients)} {
		sums += ", if(tupleElement(_by, 1) IN ('" + strings.Join(VisitorDims, "', '") + "'), " + set + ", emptyArrayUInt64())"
	}
	return "INSERT INTO " + SeamsTable + " (tenant, site_id, dim, value, time, is_bot" + names + ", day, _version)\nSELECT tenant, site_id, tupleElement(_by, 1), tupleElement(_by, 2), tupleElement(_by, 3), is_bot" + sums +
		", toDate('" + start.UTC().Format(time.DateOnly) + "'), toUInt64(" + strconv.FormatUint(seam, 10) + ")\nFROM (\n" + session.SeamSQL(tenant, session.DayOf(start), timeout, version, next) + "\n)\nARRAY JOIN " + byDims(SessionDims) +
		" AS _by\nGROUP BY tenant, site_id, _by, is_bot"
}

// byDims is an array with a tuple for each dim of a session: its name, the session's value, and the step in which it began.
func byDims(dims []Dim) string {
	by := make([]string, len(dims))
	for i, d := range dims {
		value := "''"
		if d.Name != "" {
			value = d.Name
		}
		by[i] = fmt.Sprintf("('%s', %s, %s)", d.Name, value, d.bucket("fromUnixTimestamp64Milli(start_time, 'UTC')"))
	}
	return "[" + strings.Join(by, ", ") + "]"
}

// WriteSeamSQL are the statements that write what the tables hold of the midnight behind a day.
func WriteSeamSQL(tenant string, start time.Time, timeout time.Duration, version, next, seam uint64) []string {
	return []string{SeamSQL(tenant, start, timeout, version, next, seam), SeamPageSQL(tenant, start, timeout, version, next, seam),
		SeamHitSessionSQL(tenant, start, timeout, version, next, seam)}
}

// SeamCountSQL is the query for what WriteSeamSQL wrote: the number of the sessions, if it is that of their totals by each dim too, and if all of their pages and hits are there, else -1; and that of the
// visitors who are left out. Both are texts.
func SeamCountSQL(tenant string, start time.Time, timeout time.Duration, version, next, seam uint64) string {
	day := session.DayOf(start)
	of := fmt.Sprintf("WHERE tenant = '%s' AND day = '%s' AND _version = %d", tenant, start.UTC().Format(time.DateOnly), seam)
	lists := "(\n" + session.SeamListsSQL(tenant, day, timeout, version, next, session.Lists()...) + "\n)"
	pages := allPages("SELECT sum(pageviews) AS n FROM "+SeamPagesTable+" "+of+" GROUP BY dim", lists) + " AND " + allHits("SELECT count() FROM "+SeamHitSessionsTable+" "+of, lists)
	return fmt.Sprintf("SELECT toString(if(count() = if(_want = 0, 0, %d) AND min(_n) = _want AND max(_n) = _want AND %s, _want, -1)), toString((SELECT count() FROM (\n%s\n))), (SELECT toInt64(count()) FROM (\n%s\n)) AS _want\n"+
		"FROM (SELECT sum(sessions) AS _n FROM %s %s GROUP BY dim)", len(SessionDims), pages, session.LeftOutSQL(tenant, day, timeout, version, next),
		session.SeamSQL(tenant, day, timeout, version, next), SeamsTable, of)
}

// SeamLayout stands for what the table holds: totals of another one are made again. It is never 0.
var SeamLayout = func() uint32 {
	h := fnv.New32a()
	for _, sql := range WriteSeamSQL("t", time.Unix(0, 0), session.DefaultTimeout, 0, 0, 0) {
		h.Write([]byte(sql))
	}
	return max(1, h.Sum32())
}()
