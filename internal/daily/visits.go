package daily

import (
	"fmt"
	"strconv"
	"time"

	"weir/internal/rollup"
)

// VisitsEngineTable is the table of who did what in which hour, VisitsTable its full name. It belongs to the totals of a day: the same rows of events, the same version.
const (
	VisitsEngineTable = "day_visits"
	VisitsTable       = rollup.Database + "." + VisitsEngineTable
)

// Visitor is the number that stands for whose an event is on a site where no ids are linked: a user's, else a client's. Events of nobody have that of the empty id.
const Visitor = "sipHash64(if(user_id != '', user_id, client_id))"

// visitsSQL is the statement that makes the table: a row for each pair of ids, type and hour (UTC). Events of nobody are rows too, so that all events are counted.
func visitsSQL() string {
	return "CREATE TABLE IF NOT EXISTS " + VisitsTable + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    type LowCardinality(String),
    time DateTime('UTC'),
    is_bot Bool,
    client_id String,
    user_id String,
    visitor UInt64,
    events UInt64,
    _version UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, site_id, type, time)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`
}

// VisitsSQL writes the visits of a tenant's day under the version: of the rows up to the writers' positions, as TotalSQL does.
func VisitsSQL(tenant string, start time.Time, version, main, late uint64) string {
	return "INSERT INTO " + VisitsTable + " (tenant, site_id, type, time, is_bot, client_id, user_id, visitor, events, _version)\n" +
		"SELECT tenant, site_id, type, " + Dim{Step: time.Hour}.bucket("ts") + " AS time, is_bot, client_id, user_id, any(" + Visitor + "), count(), toUInt64(" + strconv.FormatUint(version, 10) + ")\nFROM " +
		rollup.Events + "\nWHERE " + upTo(tenant, start, start.AddDate(0, 0, 1), main, late) + "\nGROUP BY tenant, site_id, type, time, is_bot, client_id, user_id"
}

// upTo is the condition on the events of a tenant from start until a time, up to the writers' positions.
func upTo(tenant string, start, until time.Time, main, late uint64) string {
	return fmt.Sprintf("tenant = '%s' AND ts >= %s AND ts < %s AND (_writer = 1 AND _seq <= %d OR _writer = 2 AND _seq <= %d)",
		tenant, literal(start), literal(until), main, late)
}
