package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
)

// statement is SQL with its parameters. What a caller said is only ever in the parameters.
type statement struct {
	sql    string
	params map[string]string
}

// shape names questions that differ in values only, wherever they are answered from.
func (q Question) shape() string {
	q.texts = nil // an answer without numbers is made in a cheaper way, and is of the same shape
	var texts []string
	for _, a := range q.aspects() {
		if p := q.aspectOf(a); a == ofEvents {
			texts = append(texts, build(p, rawOnly, exactly).sql)
		} else { // without the times and versions that stand in the statement itself
			texts = append(texts, fmt.Sprint(p.Metrics, p.Interval, p.groupNames()), (&builder{q: p, params: map[string]string{}}).filters())
		}
	}
	return shapeOf(strings.Join(texts, "\n"))
}

func (q Question) groupNames() []string {
	var names []string
	for _, d := range q.GroupBy {
		if d.Prop != "" {
			names = append(names, propPrefix)
		} else {
			names = append(names, d.Column)
		}
	}
	return names
}

// builder collects parameters while the statement is written.
type builder struct {
	q         Question
	params    map[string]string
	precision precision
	inDid     *attribution // those of the behaviour whose condition is written
	inTotals  bool         // what is written reads day totals, whose only dim is called value
	inPages   bool         // these are totals of pages, which have a path beside
}

const timeParam = "2006-01-02 15:04:05.000"

// text makes a parameter of a string and returns its placeholder.
func (b *builder) text(name, value string) string {
	b.params[name] = clickhouse.EscapeParam(value)
	return "{" + name + ":String}"
}

// texts makes a parameter of several strings.
func (b *builder) texts(name string, values []string) string {
	b.params[name] = clickhouse.ArrayParam(values)
	return "{" + name + ":Array(String)}"
}

// time makes a parameter of a time, in milliseconds of UTC.
func (b *builder) time(name string, t time.Time) string {
	b.params[name] = t.UTC().Format(timeParam)
	return "{" + name + ":DateTime64(3, 'UTC')}"
}

// build writes the statement that answers q by plan p. Its columns are: bucket if q has an interval,
// g0, g1, …, the metrics in their order, if p has a rollup seen1 and seen2, the highest _seq of each
// writer in what was read of the rollup (they must not be above p.positions, or rows may have been counted twice), if the totals come along whole, 1 in their row,
// and the sums that come along.
func build(q Question, p plan, c precision) statement {
	b := &builder{q: q, params: map[string]string{}, precision: c}
	scope := "tenant = " + b.text("tenant", q.Tenant) + " AND site_id = " + b.text("site", q.Site)
	where := b.filters() + b.bots()
	parts := b.parts(scope, where, p)
	var s strings.Builder
	s.WriteString("SELECT " + b.outer(p) + "\nFROM (\n")
	s.WriteString(b.ranked(p, strings.Join(parts, "\nUNION ALL\n")))
	s.WriteString("\n)")
	if len(q.GroupBy) > 0 {
		s.WriteString("\nWHERE " + b.places())
	}
	if order := b.order(); order != "" {
		s.WriteString("\nORDER BY " + order)
	}
	return statement{s.String(), b.params}
}

// places is the condition on the place of a group.
func (b *builder) places() string {
	b.params["limit"] = strconv.Itoa(b.q.Offset + b.q.Limit)
	if b.q.Offset == 0 {
		return "place <= {limit:UInt32}"
	}
	b.params["offset"] = strconv.Itoa(b.q.Offset)
	return "place > {offset:UInt32} AND place <= {limit:UInt32}"
}

// keys are the columns that identify a row of the answer.
func (b *builder) keys() []string {
	var keys []string
	if b.q.Interval != "" {
		keys = append(keys, "bucket")
	}
	return append(keys, b.groups()...)
}

func (b *builder) groups() []string {
	keys := make([]string, len(b.q.GroupBy))
	for i := range keys {
		keys[i] = "g" + strconv.Itoa(i)
	}
	return keys
}

// Each part of the UNION has the keys, partial values of the metrics (events, pageviews, value; of visitors the hashes that are in the sample, and the
// others), and the _seq seen in the rollup, by writer. What is read of rollups and totals is not grouped before, but for hits: rows of the others are few, and to unite sets twice
// would take twice as long.

// parts are all of the UNION: the totals of days, what came to these since, and the rest of the range by rollup and raw events.
func (b *builder) parts(scope, where string, p plan) []string {
	if p.visits != nil {
		return b.visitParts(p)
	}
	var parts []string
	rest := []span{{b.q.From, b.end()}}
	if len(p.totals) > 0 {
		parts = append(parts, b.fromTotals(scope, p)...)
		for i, s := range p.totals {
			for _, w := range s.behind(p) {
				n := strconv.Itoa(i)
				parts = append(parts, b.read(scope, where, p, b.between("ts", "dfrom"+n, s.from, "dto"+n, s.to)+
					fmt.Sprintf(" AND _writer = %d AND _seq > %s", w, b.position("d"+n+"p", w, s.position(w)))))
			}
		}
		rest = p.rest
	}
	for i, s := range rest {
		n := ""
		if i > 0 {
			n = strconv.Itoa(i + 1)
		}
		parts = append(parts, b.span(scope, where, p, s, n)...)
	}
	return parts
}

// span reads a part of the range, by rollup as far as it has one. The names of its parameters end in n. Behind a rollup, the edges and each writer's new rows are
// read for themselves: a condition that joins them with OR would keep the engine from using its index on _seq.
func (b *builder) span(scope, where string, p plan, s span, n string) []string {
	if p.rollup != nil {
		p.from, p.to = whole(s, p.rollup.Step)
	}
	if p.rollup == nil || !p.from.Before(p.to) {
		return []string{b.read(scope, where, p, b.between("ts", "from"+n, s.from, "to"+n, s.to))}
	}
	parts := []string{b.fromRollup(scope, where, p, n)}
	if s.from.Before(p.from) {
		parts = append(parts, b.read(scope, where, p, b.between("ts", "from"+n, s.from, "rfrom"+n, p.from)))
	}
	if p.to.Before(s.to) {
		parts = append(parts, b.read(scope, where, p, b.between("ts", "rto"+n, p.to, "to"+n, s.to)))
	}
	middle := b.between("ts", "rfrom"+n, p.from, "rto"+n, p.to)
	for _, w := range []uint16{writerMain, writerLate} {
		if !p.behind(w, p.positions[w]) {
			continue
		}
		parts = append(parts, b.read(scope, where, p, fmt.Sprintf("%s AND _writer = %d AND _seq > %s", middle, w, b.position("p", w, p.positions[w]))))
	}
	return parts
}

// read reads events.
func (b *builder) read(scope, where string, p plan, cond string) string {
	return "SELECT " + b.list("ts", partials{"count()", "countIf(type = 'pageview')", "sum(props_num['value'])",
		rollup.HashesSQL(rollup.InSample, rollup.CellClients), rollup.HashesSQL(rollup.InClients, fullSet)}, p.rollup != nil, "toUInt64(0)", "toUInt64(0)") +
		"\nFROM " + b.events() + "\nWHERE " + scope + " AND " + cond + where + b.groupBy()
}

func (b *builder) fromRollup(scope, where string, p plan, n string) string {
	cond := b.between("time", "rfrom"+n, p.from, "rto"+n, p.to)
	seen := func(w int) string { return fmt.Sprintf("if(_writer = %d, _seq, 0)", w) }
	return "SELECT " + b.list("time", partials{"events", "if(type = 'pageview', events, 0)", "value", "sample", "clients"}, true, seen(writerMain), seen(writerLate)) +
		"\nFROM " + p.rollup.Table() + "\nWHERE " + scope + " AND " + cond + where
}

// partials are the expressions of a part for the metrics.
type partials struct{ events, pageviews, value, sample, clients string }

func (p partials) of(metric string) string {
	switch metric {
	case Events:
		return p.events
	case Pageviews:
		return p.pageviews
	}
	return p.value
}

// list is the select list of one part: keys, the values that the metrics need, and what was seen.
func (b *builder) list(clock string, p partials, withSeen bool, seen1, seen2 string) string {
	var cols []string
	if b.q.Interval != "" {
		cols = append(cols, b.bucket(clock)+" AS bucket")
	}
	for i, d := range b.q.GroupBy {
		cols = append(cols, b.dim(d, "k"+strconv.Itoa(i))+" AS g"+strconv.Itoa(i))
	}
	for _, m := range metricNames {
		if m != Visitors && slices.Contains(b.q.Metrics, m) {
			cols = append(cols, p.of(m)+" AS part_"+m)
		}
	}
	if slices.Contains(b.q.Metrics, Visitors) {
		cols = append(cols, p.sample+" AS part_sample")
		switch b.precision {
		case exactly:
			cols = append(cols, p.clients+" AS part_clients")
		case bySize:
			cols = append(cols, "if("+b.isSmall()+", "+p.clients+", emptyArrayUInt64()) AS part_clients")
		}
	}
	if withSeen {
		cols = append(cols, seen1+" AS part_seen1", seen2+" AS part_seen2")
	}
	return strings.Join(cols, ", ")
}

// ranked sums up the parts, and gives each group its place.
func (b *builder) ranked(p plan, parts string) string {
	merged := b.keys()
	for _, m := range b.q.Metrics {
		merged = append(merged, b.merge(m)+" AS "+m)
	}
	if p.rollup != nil {
		merged = append(merged, "max(max(part_seen1)) OVER () AS seen1", "max(max(part_seen2)) OVER () AS seen2")
	}
	series := b.q.Interval != "" && len(b.q.GroupBy) > 0
	if series {
		merged = append(merged, b.total(b.q.Metrics[0], "OVER (PARTITION BY "+strings.Join(b.groups(), ", ")+")")+" AS total")
	}
	if b.q.along {
		merged = append(merged, b.isWhole()+" AS whole")
	}
	for _, m := range b.q.summedMetrics() {
		merged = append(merged, "sum(sum(part_"+m+")) OVER () AS all_"+m)
	}
	inner := "SELECT " + strings.Join(merged, ", ") + "\nFROM (\n" + parts + "\n)" + b.groupBy()
	over := ""
	if b.q.along {
		inner += " WITH ROLLUP"
		over = "PARTITION BY whole "
	}
	if len(b.q.GroupBy) == 0 {
		return inner
	}
	by := b.q.Metrics[0]
	if series {
		by = "total"
	}
	return "SELECT *, dense_rank() OVER (" + over + "ORDER BY " + by + " DESC, " + strings.Join(b.groups(), ", ") + ") AS place\nFROM (\n" + inner + "\n)"
}

// isWhole is 1 in the row of totals that come along, which is of the only key.
func (b *builder) isWhole() string { return "grouping(" + b.keys()[0] + ")" }

// outer is the final select list.
func (b *builder) outer(p plan) string {
	cols := append(b.keys(), b.q.Metrics...)
	if p.rollup != nil {
		cols = append(cols, "seen1", "seen2")
	}
	if b.q.along {
		cols = append(cols, "whole")
	}
	for _, m := range b.q.summedMetrics() {
		cols = append(cols, "all_"+m)
	}
	return strings.Join(cols, ", ")
}

func (b *builder) groupBy() string {
	if keys := b.keys(); len(keys) > 0 {
		return "\nGROUP BY " + strings.Join(keys, ", ")
	}
	return ""
}

func (b *builder) order() string {
	var by []string
	if b.q.Interval != "" {
		by = append(by, "bucket")
	}
	if len(b.q.GroupBy) > 0 {
		by = append(by, "place")
	}
	return strings.Join(by, ", ")
}

func (b *builder) between(column, fromName string, from time.Time, toName string, to time.Time) string {
	return column + " >= " + b.time(fromName, from) + " AND " + column + " < " + b.time(toName, to)
}

func (b *builder) position(prefix string, writer uint16, at uint64) string {
	name := prefix + strconv.Itoa(int(writer))
	b.params[name] = strconv.FormatUint(at, 10)
	return "{" + name + ":UInt64}"
}

// bucket is the start of the interval that holds clock: Unix seconds, or a date for a day and longer.
func (b *builder) bucket(clock string) string {
	zone := b.text("zone", b.q.Location.String())
	switch b.q.Interval {
	case Minute:
		return "toUnixTimestamp(toStartOfMinute(" + clock + ", " + zone + "))"
	case Hour:
		return "toUnixTimestamp(toStartOfHour(" + clock + ", " + zone + "))"
	case Day:
		return "toDate(" + clock + ", " + zone + ")"
	case Week:
		day := "toDate(" + clock + ", " + zone + ")"
		return fmt.Sprintf("%s - modulo(toDayOfWeek(%s) + %d, 7)", day, day, 7-b.q.FirstDay)
	default:
		return "toStartOfMonth(toDate(" + clock + ", " + zone + "))"
	}
}

// dim is the expression of a dim's value.
func (b *builder) dim(d Dim, param string) string {
	if d.Prop == "" {
		if b.inTotals && !(b.inPages && isPath(d)) {
			return "value"
		}
		return d.Column
	}
	k := b.text(param, d.Prop)
	if b.q.texts != nil && b.q.texts(d.Prop) {
		return "props[" + k + "]"
	}
	return "multiIf(mapContains(props, " + k + "), props[" + k + "], mapContains(props_num, " + k + "), toString(props_num[" + k + "]), '')"
}

// filters are the conditions of the question's filters, each with its AND.
func (b *builder) filters() string {
	cond := b.conditions("f", b.q.Filters)
	if a := b.attribution(); a != nil && a.begun && !slices.ContainsFunc(b.q.Filters, a.takes) {
		cond += " AND " + b.inVisit("f", nil, nil)
	}
	return cond
}

// conditions are those of filters, each with its AND. The names of their parameters begin with prefix.
func (b *builder) conditions(prefix string, filters []Filter) string {
	var s strings.Builder
	var ofVisit []int
	for i, f := range filters {
		if a := b.attribution(); a != nil && a.takes(f) {
			ofVisit = append(ofVisit, i)
			continue
		}
		s.WriteString(" AND " + b.condition(prefix, strconv.Itoa(i), f))
	}
	if ofVisit != nil { // of all of them at once: they look at one visit
		s.WriteString(" AND " + b.inVisit(prefix, filters, ofVisit))
	}
	return s.String()
}

func (b *builder) condition(prefix, n string, f Filter) string {
	if f.Cohort != nil {
		return negated(b.inCohort(prefix+n, f.Cohort), f.Not)
	}
	return b.filtered(prefix, n, f, textOf(b.dim(f.Dim, prefix+"k"+n)))
}

// textOf is a column, or another expression of a dim, as filters compare it.
func textOf(column string) string {
	if column == "is_bot" {
		return "toString(is_bot)"
	}
	return column
}

// filtered is the condition of a filter on a value.
func (b *builder) filtered(prefix, n string, f Filter, expr string) string {
	values := b.texts(prefix+n, f.Values)
	cond := expr + " IN " + values
	if f.Prefix {
		cond = "arrayExists(x -> startsWith(lowerUTF8(" + expr + "), lowerUTF8(x)), " + values + ")"
	}
	if f.Contains && len(f.Values) == 1 {
		delete(b.params, prefix+n)
		cond = "position(" + expr + ", " + b.text(prefix+n, f.Values[0]) + ") > 0"
	} else if f.Contains {
		cond = "arrayExists(x -> position(" + expr + ", x) > 0, " + values + ")"
	}
	return negated(cond, f.Not)
}

func negated(cond string, not bool) string {
	if not {
		cond = "NOT (" + cond + ")"
	}
	return cond
}
