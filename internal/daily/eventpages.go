package daily

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/rollup"
)

// EventPagesEngineTable is the table of the pages of a day's events by one attribute of theirs, EventPagesTable its full name. It belongs to the totals of a day: the same rows of events, the same version.
const (
	EventPagesEngineTable = "day_event_pages"
	EventPagesTable       = rollup.Database + "." + EventPagesEngineTable
)

// EventPageDims are the attributes of events by which their pages are totalled: those with few values, and their hosts, of which a page seldom has many. The day stands as one.
var EventPageDims = func() []Dim {
	var dims []Dim
	for _, d := range Dims {
		if slices.Contains([]string{"type", "host", "country", "device", "os", "browser"}, d.Name) {
			dims = append(dims, Dim{d.Name, 24 * time.Hour})
		}
	}
	return dims
}()

// eventSums are the numbers of the events of a row, as the tables of totals call them.
const eventSums = "count() AS events, countIf(type = 'pageview') AS pageviews, sum(props_num['value']) AS amount, sum(props_num['revenue']) AS revenue"

// eventPagesSQL is the statement that makes the table: a row for each value of a dim, path and is_bot.
func eventPagesSQL() string {
	return eventTableSQL(EventPagesTable, []string{"dim LowCardinality(String)", "value String", "path String"}, "dim, value, path")
}

// eventTableSQL is the statement that makes a table with the numbers of a day's events by some columns. time is the beginning of the day.
func eventTableSQL(name string, columns []string, order string) string {
	return "CREATE TABLE IF NOT EXISTS " + name + `
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    ` + strings.Join(columns, ",\n    ") + `,
    time DateTime('UTC'),
    is_bot Bool,
    events UInt64,
    pageviews UInt64,
    amount Float64,
    revenue Float64,
    _version UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, site_id, ` + order + `)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`
}

// EventPagesSQL writes the pages of a tenant's day under the version: of the rows up to the writers' positions, as TotalSQL does.
func EventPagesSQL(tenant string, start time.Time, version, main, late uint64) string {
	where := upTo(tenant, start, start.AddDate(0, 0, 1), main, late)
	parts := make([]string, len(EventPageDims))
	for i, d := range EventPageDims {
		parts[i] = fmt.Sprintf("SELECT tenant, site_id, '%s' AS dim, toString(%[1]s) AS value, path, %s AS time, is_bot, %s\nFROM %s\nWHERE %s\nGROUP BY tenant, site_id, %[1]s, path, time, is_bot",
			d.Name, d.bucket("ts"), eventSums, rollup.Events, where)
	}
	return fmt.Sprintf("INSERT INTO %s (tenant, site_id, dim, value, path, time, is_bot, events, pageviews, amount, revenue, _version)\nSELECT *, toUInt64(%d)\nFROM (\n%s\n)",
		EventPagesTable, version, strings.Join(parts, "\nUNION ALL\n"))
}
