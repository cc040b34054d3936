package rollup

import (
	"fmt"
	"slices"

	"weir/internal/event"
)

// Links is the derived table weir.links: which ids the events of type identify and alias say belong together. It is no
// rollup of numbers and cannot answer a report, but it is moved forward, checked and repeated like one: it has no Step. A row is
//
//	tenant, site_id
//	alias    Bool: an alias of two users; else a client of a user
//	source   the client id of an identify, or the previous id of an alias or an identify
//	target   the user id
//	_writer
//	first    SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), UInt16, UInt64, UInt32)): ts, _partition,
//	         _offset, _row of the earliest event that says so
//	_seq     SimpleAggregateFunction(max, UInt64): highest _seq that the row holds
//
// It is a set: reading an event into it twice changes nothing. So whoever reads it together with the events behind its position
// needs no care for a position that moves meanwhile.
var Links = Rollup{Name: "links"}

// Projections lists every table that is derived from events by _seq.
var Projections = append(slices.Clone(All), Links)

// The types of the events that link ids, and the property with a previous id.
const (
	TypeIdentify = event.TypeIdentify
	TypeAlias    = event.TypeAlias
	PropPrevious = event.PropPrevious
)

func (r Rollup) isLinks() bool { return r.Name == Links.Name }

const createLinks = `CREATE TABLE IF NOT EXISTS ` + Database + `.links
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    alias Bool,
    source String,
    target String,
    _writer UInt16,
    first SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), UInt16, UInt64, UInt32)),
    _seq SimpleAggregateFunction(max, UInt64),
    INDEX seq _seq TYPE minmax GRANULARITY 1,
    INDEX target target TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PRIMARY KEY (tenant, site_id, alias, source)
ORDER BY (tenant, site_id, alias, source, target, _writer)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1`

// previousID is the previous id of an event: a text, or the text of a number.
const previousID = "if(mapContains(props, '" + PropPrevious + "'), props['" + PropPrevious + "'], if(mapContains(props_num, '" + PropPrevious + "'), toString(props_num['" + PropPrevious + "']), ''))"

// linking are the events that link ids.
const linking = "type IN ('" + TypeIdentify + "', '" + TypeAlias + "') AND user_id != ''"

// linksOfEvent are the links of one event: whether it is an alias, and the source. An identify with a previous id is an alias of that too; where the client has the same id, the alias says it all.
// An alias to itself says nothing.
var linksOfEvent = "arrayFilter(l -> l.2 != '' AND NOT (l.1 AND l.2 = user_id) AND length(l.2) <= " + fmt.Sprint(event.MaxID) + ",\n[(toUInt8(0), if(type = '" + TypeIdentify +
	"' AND NOT (client_id = previous AND previous != user_id), client_id, '')), (toUInt8(1), previous)])"

// LinksSQL is the query for the links that the events which match cond make: alias, source, target, first.
// Columns named before come first, and are part of the key.
func LinksSQL(cond string, before ...string) string {
	key := ""
	for _, c := range before {
		key += c + ", "
	}
	return "SELECT " + key + "link.1 AS alias, link.2 AS source, user_id AS target, min((ts, _partition, _offset, _row)) AS first FROM (\nSELECT " + key + "user_id, ts, _partition, _offset, _row, " +
		previousID + " AS previous, arrayJoin(" + linksOfEvent + ") AS link\nFROM " + Events + "\nWHERE " + cond + " AND " + linking + "\n)\nGROUP BY " + key + "alias, source, target"
}

// advanceLinksSQL is AdvanceSQL of Links. The table has one partition: a month is not looked at.
func advanceLinksSQL(writer uint16, from, to uint64) string {
	cond := fmt.Sprintf("_writer = %d AND _seq > %d AND _seq <= %d", writer, from, to)
	return fmt.Sprintf("INSERT INTO %s (tenant, site_id, alias, source, target, first, _writer, _seq)\nSELECT *, toUInt16(%d), toUInt64(%d) FROM (\n%s\n)",
		Links.Table(), writer, to, LinksSQL(cond, "tenant", "site_id"))
}

// WantSQL is the query for the partitions (one column of text, as 202601; 0 where a table has one partition only) in which the step over (from, to] leaves rows.
func (r Rollup) WantSQL(writer uint16, from, to uint64) string {
	cond := fmt.Sprintf("_writer = %d AND _seq > %d AND _seq <= %d", writer, from, to)
	if r.isLinks() {
		return "SELECT DISTINCT '0' FROM (\n" + LinksSQL(cond) + "\n)"
	}
	return "SELECT DISTINCT toString(toYYYYMM(ts)) FROM " + Events + " WHERE " + cond
}
