package rollup

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/event"
)

// Database is the database of weir's own tables.
const Database = "weir"

// Events is the full name of the table of raw events.
const Events = Database + ".events"

// ID is the name of the rollup's table, and of its position in the state store: the Name, and behind it the version from 2 on.
func (r Rollup) ID() string {
	if r.Version < 2 {
		return r.Name
	}
	return fmt.Sprintf("%s_%d", r.Name, r.Version)
}

// Table is the full name of the rollup's table.
func (r Rollup) Table() string { return Database + "." + r.ID() }

// VisitorHash is the expression of the hash of an event's visitor: 64 bits of its client id or, where it has none, of its user id. That two of 100 000 visitors share one has a
// probability of 3 in 10 thousand million (n²/2⁶⁵, the birthday bound). The table stands as alias before its columns, with a point, or is empty.
func VisitorHash(alias string) string {
	return "if(" + alias + "client_id != '', " + IDHash(alias+"client_id") + ", " + IDHash(alias+"user_id") + ")"
}

// IDHash is the expression of the hash of an id.
func IDHash(id string) string { return "sipHash64(" + id + ")" }

// HasVisitor is the condition that an event is somebody's.
func HasVisitor(alias string) string {
	return "(" + alias + "client_id != '' OR " + alias + "user_id != '')"
}

// Of which part of the visitors an expression speaks.
const (
	InClients = "!= 0" // those that are not in the sample
	InSample  = "= 0"
)

// HashesSQL is the aggregate expression over events, or sessions, for the hashes of one part of their visitors, at most limit of them: an array.
func HashesSQL(part string, limit int) string {
	return hashesSQL(VisitorHash(""), HasVisitor(""), part, limit)
}

// HashesOf is HashesSQL over rows of which a column is the hash.
func HashesOf(column, part string, limit int) string {
	return hashesSQL(column, column+" != "+IDHash("''"), part, limit) // that of nobody is the empty id's
}

func hashesSQL(hash, has, part string, limit int) string {
	return fmt.Sprintf("groupUniqArrayIf(%d)(%s, %s AND %s %% %d %s)", limit, hash, has, hash, SampleShare, part)
}

// UnionSQL is the aggregate function of arrays of hashes that holds each once, at most limit of them.
func UnionSQL(limit int) string { return fmt.Sprintf("groupUniqArrayArray(%d)", limit) }

// DropFormerSQL are the statements that remove the tables of earlier versions. They can be repeated.
func DropFormerSQL() []string {
	var out []string
	for _, name := range Former {
		out = append(out, "DROP TABLE IF EXISTS "+Database+"."+name+" SYNC")
	}
	return out
}

// CreateSQL is the statement that creates the table unless it exists. The engine syncs each
// insert (part and directory) before it answers, as it does for events.
// The primary key stops at time: the dims behind it only sort, so that the index stays small.
func (r Rollup) CreateSQL() string {
	if r.isLinks() {
		return createLinks
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s\n(\n", r.Table())
	b.WriteString("    tenant LowCardinality(String),\n    site_id LowCardinality(String),\n    time DateTime('UTC'),\n")
	for _, d := range r.Dims {
		fmt.Fprintf(&b, "    %s %s,\n", d, columnType(d))
	}
	fmt.Fprintf(&b, `    _writer UInt16,
    events SimpleAggregateFunction(sum, UInt64),
    clients SimpleAggregateFunction(%[1]s, Array(UInt64)),
    sample SimpleAggregateFunction(%[1]s, Array(UInt64)),
    value SimpleAggregateFunction(sum, Float64),
    _seq SimpleAggregateFunction(max, UInt64),
    INDEX seq _seq TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (tenant, site_id, time)
`, UnionSQL(CellClients))
	fmt.Fprintf(&b, "ORDER BY (%s, _writer)\n", r.key())
	b.WriteString("SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1")
	return b.String()
}

// AdvanceSQL is the statement that moves the rollup forward: it adds the rows of events that
// the writer inserted with from < _seq <= to, and marks every cell with _seq = to. With month
// (as 202601) it adds only rows of that month: the repair of a step that reached some of the
// table's partitions before a crash, once HoldsSQL has told which. Run it with settings that make one block of it,
// so that each partition receives all of the step or nothing.
func (r Rollup) AdvanceSQL(writer uint16, from, to uint64, month *int) string {
	if r.isLinks() {
		return advanceLinksSQL(writer, from, to)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (tenant, site_id, time", r.Table())
	for _, d := range r.Dims {
		b.WriteString(", " + d)
	}
	b.WriteString(", _writer, events, clients, sample, value, _seq)\n")
	fmt.Fprintf(&b, "SELECT tenant, site_id, %s AS time", r.Bucket("ts"))
	for _, d := range r.Dims {
		b.WriteString(", " + d)
	}
	fmt.Fprintf(&b, ", toUInt16(%d), count(), %s, %s, sum(props_num['value']), toUInt64(%d)\n",
		writer, HashesSQL(InClients, CellClients), HashesSQL(InSample, CellClients), to)
	fmt.Fprintf(&b, "FROM %s\nWHERE _writer = %d AND _seq > %d AND _seq <= %d", Events, writer, from, to)
	if month != nil {
		fmt.Fprintf(&b, " AND toYYYYMM(ts) = %d", *month)
	}
	fmt.Fprintf(&b, "\nGROUP BY %s", r.key())
	return b.String()
}

// HoldsSQL is the query for the months (one column, as 202601) that already hold the writer's
// step that ended at to. It is exact for the writer's last step only: merging cells keeps the highest _seq.
func (r Rollup) HoldsSQL(writer uint16, to uint64) string {
	if r.isLinks() {
		return fmt.Sprintf("SELECT DISTINCT 0 FROM %s WHERE _writer = %d AND _seq = %d", r.Table(), writer, to)
	}
	return fmt.Sprintf("SELECT DISTINCT toYYYYMM(time) AS month FROM %s WHERE _writer = %d AND _seq = %d ORDER BY month", r.Table(), writer, to)
}

// EndSQL is the query for the end of a step (one column) that begins behind from: the highest _seq up to which the writer's rows of events are at most rows
// in number, or 0 if already those of the first insert are more. It looks no further than to.
func EndSQL(writer uint16, from, to uint64, rows int) string {
	return fmt.Sprintf("SELECT maxIf(_seq, total <= %d) AS end, count() AS inserts FROM (SELECT _seq, sum(count()) OVER (ORDER BY _seq) AS total FROM %s WHERE _writer = %d AND _seq > %d AND _seq <= %d GROUP BY _seq)",
		rows, Events, writer, from, to)
}

// Bucket is the expression for the start of the step that holds the DateTime expression ts, in UTC.
func (r Rollup) Bucket(ts string) string {
	switch r.Step {
	case time.Minute:
		return "toStartOfMinute(" + ts + ", 'UTC')"
	case time.Hour:
		return "toStartOfHour(" + ts + ", 'UTC')"
	}
	panic(fmt.Sprintf("rollup %s: no bucket for a step of %v", r.Name, r.Step))
}

// Has says whether column is one of the rollup's dims.
func (r Rollup) Has(column string) bool {
	for _, d := range r.Dims {
		if d == column {
			return true
		}
	}
	return false
}

func (r Rollup) key() string {
	return strings.Join(append([]string{"tenant", "site_id", "time"}, r.Dims...), ", ")
}

// columnType is the type that a dim has in events.
func columnType(name string) string {
	for _, c := range event.Columns {
		if c.Name != name || !c.Stored {
			continue
		}
		switch {
		case name == "is_bot":
			return "Bool"
		case c.Kind == event.KindLowCard:
			return "LowCardinality(String)"
		case c.Kind == event.KindString:
			return "String"
		}
	}
	panic("rollup: " + name + " cannot be a dim: it is no stored text column of events")
}
