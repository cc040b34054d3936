// Package rollup defines the derived tables: what each groups by, and the
// statements that create and advance it. A rollup is a projection: it has its
// own position in every writer's sequence of inserts (_seq) and is moved forward by
// INSERT … SELECT over a range of it, never by insert triggers.
package rollup

import "time"

// Rollup is one derived table, weir.<Name>. Its columns are tenant, site_id,
// time (DateTime UTC, start of the step), Dims (as in events), _writer, and the measures
//
//	events   SimpleAggregateFunction(sum, UInt64)      number of events
//	clients  AggregateFunction(uniq, String)           uniqState(client_id) of events with a client id
//	value    SimpleAggregateFunction(sum, Float64)     sum of props_num['value']
//	_seq     SimpleAggregateFunction(max, UInt64)      highest _seq that the cell holds
//
// It is an AggregatingMergeTree, partitioned by month, ordered by
// (tenant, site_id, time, Dims…, _writer): cells must be summed at read time.
type Rollup struct {
	Name string
	Step time.Duration // time.Minute or time.Hour, UTC
	Dims []string      // columns of events
}

// All lists every rollup, finest use first.
var All = []Rollup{
	{"rollup_minute", time.Minute, []string{"type"}},
	{"rollup_hour_page", time.Hour, []string{"type", "host", "path"}},
	{"rollup_hour_audience", time.Hour, []string{"type", "country", "device", "browser", "os", "referrer_host", "utm_source", "is_bot"}},
}

// Positions tells how far a rollup has come: for each writer (1 the main
// stream, 2 the late one) the highest _seq whose rows it holds. Rows of events with a
// higher _seq of that writer are not in the rollup yet.
type Positions interface {
	Positions(rollup string) map[uint16]uint64
}
