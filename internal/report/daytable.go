package report

import (
	"slices"
	"strconv"
	"time"

	"weir/internal/daily"
	"weir/internal/rollup"
)

// dayTable is a table of totals of days' events.
type dayTable struct {
	name string
	dim  daily.Dim // whose rows are read: of a table without dims only the step counts
	// whole says that of an audience the rows are read that have only what seldom changes from one event of a visitor to the next: about one for each visitor.
	whole bool
}

// ofDays says whether totals of days' events know what the question counts.
func (q Question) ofDays() bool {
	return !q.byVisit() && !q.byVisitDim() && !slices.ContainsFunc(q.Metrics, func(m string) bool { return !slices.Contains(metricNames, m) })
}

// dayTable is the table that answers the question: of those that can the one with the fewest rows; ok is false if none does.
func (q Question) dayTable() (t dayTable, ok bool) {
	if dim, ok := q.totalsDim(); ok {
		return dayTable{name: daily.Table, dim: dim}, true
	}
	if dim, ok := q.eventPagesDim(); ok {
		return dayTable{name: daily.EventPagesTable, dim: dim}, true
	}
	if q.ofAudience() {
		return dayTable{daily.AudienceTable, daily.HitsDim, q.ofVisitors(daily.VisitorColumns)}, true
	}
	return dayTable{name: daily.HitsTable, dim: daily.HitsDim}, q.ofHits()
}

// hasVisitors says whether each row of the table is of one visitor.
func (t dayTable) hasVisitors() bool {
	return t.name == daily.AudienceTable || t.name == daily.HitsTable
}

// beats says whether the table is read where a rollup answers the question, too. That has its sets of visitors made already, and seldom more rows than a table of visitors; but where there are many combinations of
// what it has, as of cities and browsers, these are nearly one for each visitor and hour.
func (t dayTable) beats(q Question) bool {
	return !t.hasVisitors() || t.whole && slices.Contains(q.Metrics, Visitors) || slices.ContainsFunc(q.Filters, Filter.namesPaths)
}

// eventPagesDim is the dim of totals of the pages of events that answers the question: all that it looks at are paths and one attribute; ok is false if none does.
func (q Question) eventPagesDim() (dim daily.Dim, ok bool) {
	if !q.ofDays() || slices.Contains(q.Metrics, Visitors) {
		return dim, false
	}
	names, ok := q.looksAt()
	if !ok {
		return dim, false
	}
	others := slices.DeleteFunc(names, func(name string) bool { return name == "path" })
	if len(others) != 1 {
		return dim, false
	}
	if dim, ok = daily.Find(daily.EventPageDims, others[0]); !ok {
		return dim, false
	}
	return dim, q.inSteps(dim)
}

// ofAudience says whether the audience of days answers the question: it looks at nothing that they do not have.
func (q Question) ofAudience() bool { return q.ofVisitors(daily.HitsColumns) }

// ofHits says whether the hits of days answer the question: it looks at nothing that they do not have. Where it names paths the key finds these; else all are read, which is still less than all events.
func (q Question) ofHits() bool { return q.ofVisitors(append([]string{"path"}, daily.HitsColumns...)) }

// ofVisitors says whether a table of days' visitors by these columns answers the question.
func (q Question) ofVisitors(columns []string) bool {
	names, ok := q.looksAt()
	return ok && q.ofDays() && q.inSteps(daily.HitsDim) && !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(columns, name) })
}

// namesPaths says whether the filter lets some paths through and no others.
func (f Filter) namesPaths() bool { return f.ofPath() && !f.Not && !f.Contains && !f.Prefix }

// inSteps says whether the steps of a dim are not longer than the intervals, and lie in one each.
func (q Question) inSteps(dim daily.Dim) bool {
	return !(q.Interval == Hour && dim.Step > time.Hour) && divides(q, dim.Step)
}

// fromTotals reads the totals of days. The sets of large groups are by far the largest there, so that they are not read where others are counted exactly.
func (b *builder) fromTotals(scope string, p plan) []string {
	table, _ := b.q.dayTable() // there is one: the plan has totals
	if table.hasVisitors() {
		return b.fromVisitors(table, scope, p)
	}
	b.inTotals, b.inPages = true, table.name == daily.EventPagesTable
	defer func() { b.inTotals, b.inPages = false, false }()
	where := b.ofTotals(scope, table.dim, p.totals) + b.filters() + botsCondition(b.q.Bots)
	return b.eachSize("clients", func(clients, more string) string {
		return "SELECT " + b.list("time", partials{"events", "pageviews", "amount", "sample", clients}, p.rollup != nil, "toUInt64(0)", "toUInt64(0)") +
			"\nFROM " + table.name + "\nWHERE " + where + more
	})
}

// fromVisitors reads a table of days' visitors. Where visitors are all that is asked for, and the sample is all that is read of them, whose the others are is not: only that their groups and intervals are there.
func (b *builder) fromVisitors(table dayTable, scope string, p plan) []string {
	where := scope + b.ofDays(p.totals) + b.filters() + botsCondition(b.q.Bots)
	if table.name == daily.AudienceTable {
		where += " AND whole = " + strconv.FormatBool(table.whole)
	}
	read := func(sample, clients, more string) string {
		return "SELECT " + b.list("time", partials{"sum(events)", "sum(pageviews)", "sum(amount)", sample, clients}, p.rollup != nil, "toUInt64(0)", "toUInt64(0)") +
			"\nFROM " + table.name + "\nWHERE " + where + more + b.groupBy()
	}
	sample := rollup.HashesOf("visitor", rollup.InSample, rollup.CellClients)
	return b.eachSize(rollup.HashesOf("visitor", rollup.InClients, fullSet), func(clients, more string) string {
		if !slices.Equal(b.q.Metrics, []string{Visitors}) || b.precision != roughly && clients != noHashes {
			return read(sample, clients, more)
		}
		sql := read(sample, noHashes, more+" AND sampled = true")
		if len(b.keys()) > 0 {
			sql += "\nUNION ALL\n" + read(noHashes, noHashes, more+" AND sampled = false")
		}
		return sql
	})
}

// noHashes is the set of nobody: that of the clients where groups are counted by the sample.
const noHashes = "emptyArrayUInt64()"

// eachSize reads a table once or, where some groups are counted exactly and the others by the sample, each of these by itself. clients is the expression of their set, and more a condition with its AND.
func (b *builder) eachSize(clients string, read func(clients, more string) string) []string {
	if b.precision != bySize {
		return []string{read(clients, "")}
	}
	group, small := b.dim(b.q.GroupBy[0], "k0"), b.texts("small", b.q.small)
	return []string{read(clients, " AND "+group+" IN "+small), read(noHashes, " AND "+group+" NOT IN "+small)}
}

// narrows says whether visitors are counted best of some groups only, which other numbers tell: where totals have these of all groups, and days know the visitors of some.
func (r *Reporter) narrows(q Question) bool {
	counts := q.withoutVisitors()
	table, ok := counts.dayTable()
	_, also := q.narrowed(nil).dayTable()
	return ok && also && !table.hasVisitors() && r.totals(counts) // of visitors all numbers are read at once
}
