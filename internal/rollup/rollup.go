// Package rollup defines the derived tables: what each groups by, and the
// statements that create and advance it. A rollup is a projection: it has its
// own position in every writer's sequence of inserts (_seq) and is moved forward by
// INSERT … SELECT over a range of it, never by insert triggers.
package rollup

import "time"

// Rollup is one version of a derived table. Its columns are tenant, site_id,
// time (DateTime UTC, start of the step), Dims (as in events), _writer, and the measures
//
//	events  SimpleAggregateFunction(sum, UInt64)   number of events
//	clients SimpleAggregateFunction(groupUniqArrayArray(CellClients), Array(UInt64)) hashes (VisitorHash) of their visitors, but for those of
//	sample  the same: the hashes that SampleShare divides, about one of so many, chosen by nothing but the hash
//	value   SimpleAggregateFunction(sum, Float64)  sum of props_num['value']
//	_seq    SimpleAggregateFunction(max, UInt64)   highest _seq that the cell holds
//
// Hashes stand in plain arrays, not in states of an aggregate function: to read a state of a thousand hashes, the engine makes a hash table and fills it; a question takes
// three times the CPU, and a merge two and a half times (BenchmarkClients).
//
// It is an AggregatingMergeTree, partitioned by month, ordered by
// (tenant, site_id, time, Dims…, _writer): cells must be summed at read time.
type Rollup struct {
	// Name is what questions call it, whatever its version.
	Name string
	// Version rises when the columns change. Each version has a table and a position of its own and is built anew from the events.
	Version int
	Step    time.Duration // time.Minute or time.Hour, UTC
	Dims    []string      // columns of events
}

// ExactClients is how many different visitors of any set of cells are counted exactly.
const ExactClients = 100_000

// SampleShare is of how many hashes of visitors one is in the sample: of very many visitors it is enough to read that.
const SampleShare = 8

// CellClients bounds the hashes of a cell, so that no merge takes more memory than there is: in clients and in sample at most so many. Clients of an hour
// beyond are not counted: from 33 million on.
const CellClients = 1 << 22

// All lists the current version of every rollup, finest use first.
var All = []Rollup{
	{"rollup_minute", 4, time.Minute, []string{"type", "is_bot"}},
	{"rollup_hour_page", 4, time.Hour, []string{"type", "host", "path", "is_bot"}},
	{"rollup_hour_audience", 4, time.Hour, []string{"type", "country", "device", "browser", "os", "referrer_host", "channel", "utm_source", "utm_medium", "utm_campaign", "is_bot"}},
}

// Former lists the tables of earlier versions. They are dropped at start: a question reads the events that the current version does not hold yet.
var Former = []string{"rollup_minute", "rollup_hour_page", "rollup_hour_audience", "rollup_minute_2", "rollup_hour_page_2", "rollup_hour_audience_2", "rollup_minute_3", "rollup_hour_page_3", "rollup_hour_audience_3"}

// Positions tells how far a rollup has come: for each writer (1 the main
// stream, 2 the late one) the highest _seq whose rows it holds. Rows of events with a
// higher _seq of that writer are not in the rollup yet.
type Positions interface {
	// Positions takes the rollup's Name.
	Positions(rollup string) map[uint16]uint64
}
