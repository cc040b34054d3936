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

// SessionsEngineTable is the table of the totals of a day's sessions, SessionsTable its full name. They belong to the stitched day of their version and hold
// its sessions away from midnight: those that no event of another day can lengthen.
const (
	SessionsEngineTable = "day_sessions_3"
	SessionsTable       = rollup.Database + "." + SessionsEngineTable
)

// SessionDims are the attributes of sessions by which they are totalled.
var SessionDims = func() []Dim {
	dims := []Dim{{"", time.Hour}}
	for _, c := range session.Columns {
		if c.Type != "Bool" && c.Name != "client_id" && c.Name != "user_id" {
			dims = append(dims, Dim{c.Name, 24 * time.Hour})
		}
	}
	return dims
}()

// SessionSums are the columns of the table that add up, each with the expression over sessions (package session) that it is the sum of.
var SessionSums = []struct{ Name, SQL string }{
	{"sessions", "count()"},
	{"bounced", "countIf(actions = 1)"},
	{"lasted", "sum(toUnixTimestamp64Milli(end_time) - toUnixTimestamp64Milli(start_time))"}, // milliseconds
	{"pageviews", "sum(pageviews)"},
	{"paged", "countIf(pageviews > 0)"}, // sessions with a page view
	{"events", "sum(events)"},
}

// sumsSQL are the columns of the sums and their expressions, each with a comma in front of it.
func sumsSQL() (names, sums string) {
	for _, s := range SessionSums {
		names, sums = names+", "+s.Name, sums+", toInt64("+s.SQL+") AS _"+s.Name
	}
	return names, sums
}

// VisitorDims are the dims of which the table holds the sets of visitors too, as that of events has them: those that events have from their visits. Of the others they are empty.
var VisitorDims = []string{"channel", "referrer_host", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "entry_host", "entry_path", "exit_host", "exit_path"}

// visitors are the expressions for a dim's sets of visitors: clients and sample.
func visitors(dim string) (clients, sample string) {
	if !slices.Contains(VisitorDims, dim) {
		return "emptyArrayUInt64()", "emptyArrayUInt64()"
	}
	return rollup.HashesSQL(rollup.InClients, rollup.ExactClients+1), rollup.HashesSQL(rollup.InSample, rollup.CellClients)
}

// sessionsSQL is the statement that makes the table: a row for each value of a dim and step of it, in which the sessions began. Values stand before times in the key, so that those of a few are read without the others.
func sessionsSQL() string {
	return "CREATE TABLE IF NOT EXISTS " + SessionsTable + sessionColumns("") + `
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, site_id, dim, value, time)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`
}

// sessionColumns are the columns of a table of totals of sessions; more are those before the last, each on a line of its own.
func sessionColumns(more string) string {
	var sums strings.Builder
	for _, s := range SessionSums {
		sums.WriteString("\n    " + s.Name + " Int64,")
	}
	sums.WriteString("\n    clients Array(UInt64),\n    sample Array(UInt64),")
	return `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    dim LowCardinality(String),
    value String,
    time DateTime('UTC'),
    is_bot Bool,` + sums.String() + more + `
    _version UInt64
)`
}

// SessionTotalSQL writes the totals of a tenant's day from its stitched sessions of the version.
func SessionTotalSQL(tenant string, start time.Time, version uint64) string {
	var names, sums []string
	for _, s := range SessionSums {
		names, sums = append(names, s.Name), append(sums, "toInt64("+s.SQL+") AS _"+s.Name)
	}
	parts := make([]string, len(SessionDims))
	for i, d := range SessionDims {
		value := "''"
		if d.Name != "" {
			value = "toString(" + d.Name + ")"
		}
		clients, sample := visitors(d.Name)
		parts[i] = fmt.Sprintf("SELECT tenant, site_id, '%s' AS dim, %s AS value, %s AS time, is_bot, %s, %s AS _clients, %s AS _sample\nFROM %s\nWHERE %s\nGROUP BY tenant, site_id, value, time, is_bot",
			d.Name, value, d.bucket("start_time"), strings.Join(sums, ", "), clients, sample, session.Table, inner(tenant, start, version))
	}
	return "INSERT INTO " + SessionsTable + " (tenant, site_id, dim, value, time, is_bot, " + strings.Join(names, ", ") + ", clients, sample, _version)\nSELECT *, toUInt64(" + strconv.FormatUint(version, 10) + ")\nFROM (\n" +
		strings.Join(parts, "\nUNION ALL\n") + "\n)"
}

// inner is the condition on the sessions of a version that lie away from midnight.
func inner(tenant string, start time.Time, version uint64) string {
	return fmt.Sprintf("tenant = '%s' AND NOT edge AND start_time >= %s AND start_time < %s AND _version = %d", tenant, literal(start), literal(start.AddDate(0, 0, 1)), version)
}
