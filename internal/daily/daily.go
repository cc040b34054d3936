// Package daily is the contract of day totals: a table that holds, for each whole day of a tenant, what a dashboard asks most, by one column at a time. It
// saves reading the hours of long ranges, in which nearly every visitor is a state of its own.
//
// The totals of a day are made of the raw events in one go, under the version of the stitched day that they belong to (package session): of exactly the rows up to
// that version's positions. Rows that came to the day since are read beside them. So an answer never differs from what the raw events give. A day that goes on has totals of its events alone (PartSQL).
package daily

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/event"
	"weir/internal/rollup"
	"weir/internal/session"
)

// EngineTable is the table, Table its full name.
const (
	EngineTable = "day_totals_2"
	Table       = rollup.Database + "." + EngineTable
)

// MinRows is how many rows a day must have: of smaller ones the hours are as fast.
const MinRows = 20_000

// Dim is a column by which days are totalled.
type Dim struct {
	Name string        // a column of events; empty: no column, everything together
	Step time.Duration // time.Hour: the hours of the day stand by themselves, for zones that are not UTC and for series by hour
}

// Dims are the columns by which days are totalled. Each row of the table belongs to one of them.
var Dims = func() []Dim {
	dims := []Dim{{"", time.Hour}, {"type", time.Hour}}
	for _, name := range []string{"host", "path", "country", "region", "city", "device", "os", "browser"} { // where events came from, their visits say: SessionDims
		if slices.ContainsFunc(event.Columns, func(c event.Column) bool { return c.Name == name && c.Stored }) {
			dims = append(dims, Dim{name, 24 * time.Hour})
		}
	}
	return dims
}()

// Layout stands for what the table holds: days that were totalled under another one are totalled again. It is never 0.
var Layout = func() uint32 {
	h := fnv.New32a()
	for _, sql := range WriteSQL("t", time.Unix(0, 0), 0, 0, 0) {
		h.Write([]byte(sql))
	}
	return max(1, h.Sum32())
}()

// Find returns the dim of a name among dims.
func Find(dims []Dim, name string) (Dim, bool) {
	i := slices.IndexFunc(dims, func(d Dim) bool { return d.Name == name })
	if i < 0 {
		return Dim{}, false
	}
	return dims[i], true
}

// DropFormerSQL are the statements that remove the tables of earlier versions. They can be repeated.
func DropFormerSQL() []string {
	var out []string
	for _, name := range []string{"day_totals", "day_sessions", "day_sessions_2", "day_seams", "day_audience", "day_hit_sessions", "day_seam_hit_sessions"} {
		out = append(out, "DROP TABLE IF EXISTS "+rollup.Database+"."+name+" SYNC")
	}
	return out
}

// EngineTables are all tables of the package, as the engine names them; SeamTables those of midnights, of which the day before is a partition; DayTables those of which a day (UTC, by time) is a
// partition, under the version of its sessions.
var (
	EngineTables = slices.Concat(SeamTables, DayTables)
	SeamTables   = []string{session.SeamEngineTable, SeamsEngineTable, SeamPagesEngineTable, SeamHitSessionsEngineTable}
	DayTables    = []string{EngineTable, VisitsEngineTable, EventPagesEngineTable, HitsEngineTable, AudienceEngineTable, SessionsEngineTable, PagesEngineTable, HitSessionsEngineTable}
)

// CreateSQL are the statements that create the tables unless they exist.
func CreateSQL() []string {
	return append(session.CreateSeamSQL(), totalsSQL(), visitsSQL(), eventPagesSQL(), hitsSQL(), audienceSQL(), sessionsSQL(), pagesSQL(), hitSessionsSQL(), seamsSQL(), seamPagesSQL(), seamHitSessionsSQL())
}

// WriteSQL are the statements that write what the tables hold of a tenant's day, which begins at start (UTC) and whose sessions are stitched under the version: of
// the rows that the writers inserted up to the positions main and late. All rows of a statement are of one partition of its table.
func WriteSQL(tenant string, start time.Time, version, main, late uint64) []string {
	return []string{TotalSQL(tenant, start, start.AddDate(0, 0, 1), version, main, late), VisitsSQL(tenant, start, version, main, late), EventPagesSQL(tenant, start, version, main, late), HitsSQL(tenant, start, version, main, late),
		AudienceSQL(tenant, start, version), SessionTotalSQL(tenant, start, version), PageTotalSQL(tenant, start, version), HitSessionSQL(tenant, start, version), HitTotalSQL(tenant, start, version), CrossTotalSQL(tenant, start, version)}
}

// totalsSQL is the statement for the table of totals. Its columns are those of a rollup (package rollup), for value of dim and time, the start
// of the dim's step; revenue is sum(props_num['revenue']). Of clients, at most rollup.ExactClients+1 hashes are kept; of more the sample tells. Values stand before times in the key, so that the hashes of the values
// that are shown are read without those of the others: of a day with ten thousand pages a few hundred rows. Inserts are synced before they are answered.
func totalsSQL() string {
	return "CREATE TABLE IF NOT EXISTS " + Table + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    dim LowCardinality(String),
    value String,
    time DateTime('UTC'),
    is_bot Bool,
    events UInt64,
    pageviews UInt64,
    clients Array(UInt64),
    sample Array(UInt64),
    amount Float64,
    revenue Float64,
    _version UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, site_id, dim, value, time)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`
}

// TotalSQL is the statement that writes the totals of a tenant's day, which begins at start (UTC), or of its part before until, marked with the version: of the rows that the
// writers inserted up to the positions main and late. tenant needs no escaping: the alphabet of ids has no character with a meaning in SQL. All rows are of one
// partition of the table.
func TotalSQL(tenant string, start, until time.Time, version, main, late uint64) string {
	where := upTo(tenant, start, until, main, late)
	parts := make([]string, len(Dims))
	for i, d := range Dims {
		keys, value := "tenant, site_id, is_bot, time", "''"
		if d.Name != "" {
			keys, value = keys+", "+d.Name, "toString("+d.Name+")"
		}
		parts[i] = fmt.Sprintf("SELECT tenant, site_id, '%s' AS dim, %s AS value, %s AS time, is_bot, count() AS events, countIf(type = 'pageview') AS pageviews, %s AS clients, %s AS sample, sum(props_num['value']) AS amount, sum(props_num['revenue']) AS revenue\nFROM %s\nWHERE %s\nGROUP BY %s",
			d.Name, value, d.bucket("ts"), rollup.HashesSQL(rollup.InClients, rollup.ExactClients+1), rollup.HashesSQL(rollup.InSample, rollup.CellClients), rollup.Events, where, keys)
	}
	return "INSERT INTO " + Table + " (tenant, site_id, dim, value, time, is_bot, events, pageviews, clients, sample, amount, revenue, _version)\nSELECT tenant, site_id, dim, value, time, is_bot, events, pageviews, clients, sample, amount, revenue, toUInt64(" +
		strconv.FormatUint(version, 10) + ")\nFROM (\n" + strings.Join(parts, "\nUNION ALL\n") + "\n)"
}

// PartSQL is the query for what a day that is not over has up to the positions: the number of its events, of these the number up to now, and the time of the last one of these in
// milliseconds since 1970, 0 if there is none. All three are texts. Behind that time are the clocks that run ahead, and nothing else.
func PartSQL(tenant string, start, now time.Time, main, late uint64) string {
	until := "ts <= " + literal(now)
	return "SELECT toString(count()), toString(countIf(" + until + ")), toString(toUnixTimestamp64Milli(maxIf(ts, " + until + "))) FROM " + rollup.Events + " WHERE " + upTo(tenant, start, start.AddDate(0, 0, 1), main, late)
}

// PartCountSQL is the query for the number of events (one column, a text) in the totals of events of a day's version.
func PartCountSQL(tenant string, start time.Time, version uint64) string {
	return "SELECT toString(ifNull((" + sumOf(Table, "events", " AND dim = ''", tenant, start, version) + "), 0))"
}

// sumOf is the sum of a column of a table over a day's version.
func sumOf(table, column, more, tenant string, start time.Time, version uint64) string {
	return fmt.Sprintf("SELECT sum(%s) AS n FROM %s WHERE %s%s", column, table, ofDay(tenant, start, version), more)
}

// ofDay is the condition on the rows of a table of a day's version.
func ofDay(tenant string, start time.Time, version uint64) string {
	return fmt.Sprintf("tenant = '%s' AND time >= %s AND time < %s AND _version = %d", tenant, literal(start), literal(start.AddDate(0, 0, 1)), version)
}

// CountSQL is the query for the number of events (one column) in the totals of a day's version: 0 if that is another one in its visits, its hits, its audience or its pages by a dim, or if the totals of sessions,
// those of their pages or the sessions by what they have an event of, with the totals of these, are not of as many as there are.
func CountSQL(tenant string, start time.Time, version uint64) string {
	of := func(table, column, more string) string { return sumOf(table, column, more, tenant, start, version) }
	stitched := "SELECT count() FROM " + session.Table + " WHERE " + inner(tenant, start, version)
	hits := "SELECT count() FROM " + HitSessionsTable + " WHERE " + ofDay(tenant, start, version)
	counts := []string{of(Table, "events", " AND dim = ''"), of(VisitsTable, "events", ""), of(HitsTable, "events", ""), of(AudienceTable, "events", " AND whole = false"), of(AudienceTable, "events", " AND whole = true")}
	for _, d := range EventPageDims {
		counts = append(counts, of(EventPagesTable, "events", " AND dim = '"+d.Name+"'"))
	}
	return "SELECT toString(if(min(n) = max(n) AND (" + stitched + ") = ifNull((" + of(SessionsTable, "sessions", " AND dim = ''") + "), 0) AND " + allPages(sumOf(PagesTable, "pageviews", "", tenant, start, version)+" GROUP BY dim", session.Table+" WHERE "+inner(tenant, start, version)) + " AND " +
		allHits(hits, session.Table+" WHERE "+inner(tenant, start, version)) + " AND " + allHitTotals(of(SessionsTable, "sessions", " AND "+hitDims()), hits) + " AND " + allCrossed(SessionsTable, ofDay(tenant, start, version), hits+isCrossed) + ", max(n), 0)) FROM (" +
		strings.Join(counts, " UNION ALL ") + ")"
}

// bucket is the expression for the start of the step that holds the DateTime expression ts.
func (d Dim) bucket(ts string) string {
	if d.Step == time.Hour {
		return "toStartOfHour(" + ts + ", 'UTC')"
	}
	return "toDateTime(toDate(" + ts + ", 'UTC'), 'UTC')"
}

func literal(t time.Time) string {
	return "toDateTime64('" + t.UTC().Format("2006-01-02 15:04:05.000") + "', 3, 'UTC')"
}
