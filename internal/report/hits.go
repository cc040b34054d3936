package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/daily"
	"weir/internal/session"
)

// hits are the lists of sessions that tell which of them have an event that passes the question's filters on events; nil: they do not tell, for an event must pass filters on several columns, or
// on one without lists.
func (q Question) hits() *session.Hits {
	_, of := split(q.Filters)
	if len(of) == 0 || q.views() {
		return nil
	}
	for i, h := range session.AllHits {
		if !slices.ContainsFunc(of, func(f Filter) bool { return f.Cohort != nil || f.Dim.Prop != "" || f.Dim.Column != h.Column }) {
			return &session.AllHits[i]
		}
	}
	return nil
}

// hit is the condition that a session has such an event as matches tells of, by its lists. Of one that is cut they do not tell it.
func (b *builder) hit(h session.Hits, filters []Filter) string {
	exists := func(form string) string {
		parts := make([]string, len(h.Lists))
		for i, l := range h.Lists {
			parts[i] = strings.ReplaceAll(form, "_list", l)
		}
		return "(" + strings.Join(parts, " OR ") + ")"
	}
	conditions, each := "", []string{}
	for i, f := range filters {
		not := f.Not
		f.Not = false
		cond := b.filtered("m", strconv.Itoa(i), f, "_v")
		if not {
			conditions += " AND NOT " + exists("arrayExists(_v -> "+cond+", _list)")
		} else {
			each = append(each, cond)
		}
	}
	if len(each) > 0 {
		conditions += " AND " + exists("arrayExists(_v -> "+strings.Join(each, " AND ")+", _list)")
	}
	return strings.TrimPrefix(conditions, " AND ")
}

// hitTotals are the days that are read by what their sessions have an event of: where that is one value, and all else that is asked for stands there too.
func (q Question) hitTotals(h session.Hits, days []session.Stitched) []totalled {
	own, of := split(q.Filters)
	if f := of[0]; len(of) > 1 || f.Not || f.Contains || f.Prefix || len(f.Values) != 1 || f.Values[0] == h.Usual && h.Usual != "" {
		return nil
	}
	columns := slices.Clone(q.GroupBy)
	for _, f := range own {
		columns = append(columns, f.Dim)
	}
	if slices.ContainsFunc(columns, func(d Dim) bool { return !daily.HasHitAttribute(d.Column) }) {
		return nil
	}
	dim, ok := q.hitTotalsDim(h)
	if !ok {
		dim, ok = q.crossDim(h)
	}
	if !ok {
		dim = daily.Dim{Name: h.Column, Step: time.Hour}
	}
	return q.wholeDays(dim, days, func(session.Stitched) bool { return true })
}

// hitTotalsDim is the dim of totals that answers the question: no attribute is asked for; ok is false if none does.
func (q Question) hitTotalsDim(h session.Hits) (dim daily.Dim, ok bool) {
	if own, _ := split(q.Filters); len(own) > 0 || len(q.GroupBy) > 0 {
		return dim, false
	}
	if dim, ok = daily.Find(daily.HitDims, h.Column); !ok {
		return dim, false
	}
	return dim, q.inSteps(dim)
}

// crossDim is the dim of totals that answers the question about one attribute beside; ok is false if none does.
func (q Question) crossDim(h session.Hits) (dim daily.Dim, ok bool) {
	q.Filters, _ = split(q.Filters)
	name, ok := q.single()
	if !ok || h.Column != daily.Crossed {
		return dim, false
	}
	if dim, ok = daily.Find(daily.CrossDims, daily.CrossDim(name)); !ok {
		return dim, false
	}
	return dim, q.inSteps(dim)
}

// fromHitDays reads days by what their sessions have an event of: their totals, or the sessions themselves.
func (b *builder) fromHitDays(h session.Hits, days []totalled, attributes []string) string {
	if dim, ok := b.q.hitTotalsDim(h); ok {
		return b.fromHitTotals(dim, days)
	}
	if dim, ok := b.q.crossDim(h); ok {
		return b.fromCrossTotals(dim, days)
	}
	return b.fromHitSessions(h, days, attributes)
}

// fromHitTotals reads the totals of days by what their sessions have an event of.
func (b *builder) fromHitTotals(dim daily.Dim, days []totalled) string {
	_, of := split(b.q.Filters)
	name := b.text("totals", dim.Name)
	scope := "site_id = " + b.text("site", b.q.Site) + " AND (dim, value) IN ((" + name + ", " + b.text("hit", of[0].Values[0]) + "), (" + b.text("cut", daily.CutDim(dim.Name)) + ", ''))"
	read := func(table, where string) string {
		return "SELECT " + b.sums("time", sessionSums, "sum(%s)") + ", max(dim != " + name + ") AS cut, 0 AS ends\nFROM " + table + "\nPREWHERE tenant = " + b.text("tenant", b.q.Tenant) + "\nWHERE " + where + botsCondition(b.q.Bots) + b.groupBy()
	}
	sql := read(daily.SessionsTable, scope+b.ofDays(days))
	if seams := ofSeamDays(days); seams != "" {
		sql += "\nUNION ALL\n" + read(daily.SeamsTable, scope+seams)
	}
	return sql
}

// fromCrossTotals reads the totals of days by what their sessions have an event of and one attribute.
func (b *builder) fromCrossTotals(dim daily.Dim, days []totalled) string {
	own, of := split(b.q.Filters)
	b.inTotals = true
	defer func() { b.inTotals = false }()
	hit := daily.CrossPrefix(of[0].Values[0])
	value, cut := "_t.value", "'"+daily.CutPrefix+"'"
	begins := b.text("hit", hit)
	columns := append([]string{"time", "is_bot"}, sessionSums...)
	columns = append(columns, "startsWith("+value+", "+cut+") AS cut", fmt.Sprintf("if(cut, substring(%[1]s, %[2]d), substring(%[1]s, %[3]d)) AS value", value, len(daily.CutPrefix)+1, len(hit)+1))
	scope := "site_id = " + b.text("site", b.q.Site)
	read := func(table, where string) string {
		return "SELECT " + b.sums("time", sessionSums, "sum(%s)") + ", max(cut) AS cut, 0 AS ends\nFROM (\nSELECT " + strings.Join(columns, ", ") + "\nFROM " + table + " AS _t\nPREWHERE tenant = " + b.text("tenant", b.q.Tenant) +
			"\nWHERE " + where + " AND (startsWith(" + value + ", " + begins + ") OR startsWith(" + value + ", " + cut + "))\n)\nWHERE true" + b.conditions("f", own) + botsCondition(b.q.Bots) + b.groupBy()
	}
	sql := read(daily.SessionsTable, b.ofTotals(scope, dim, days))
	if where := b.ofSeams(scope, dim, days); where != "" {
		sql += "\nUNION ALL\n" + read(daily.SeamsTable, where)
	}
	return sql
}

// fromHitSessions reads the sessions of days by what they have an event of.
func (b *builder) fromHitSessions(h session.Hits, days []totalled, attributes []string) string {
	own, of := split(b.q.Filters)
	columns := []string{"toUnixTimestamp64Milli(time) AS start_time", "toUnixTimestamp64Milli(end_time) AS end_time", "events", "pageviews", "actions", "cut"}
	scope := "site_id = " + b.text("site", b.q.Site)
	value := "(cut OR value = " + b.text("hit", of[0].Values[0]) + ")"
	read := func(table, where string) string {
		return "SELECT " + b.sums(sessionBegan, sumOfSessions, "toInt64(%s)") + ", max(cut) AS cut, 0 AS ends\nFROM (\nSELECT " + strings.Join(append(columns, attributes...), ", ") + "\nFROM " + table +
			"\nPREWHERE tenant = " + b.text("tenant", b.q.Tenant) + " AND " + value + "\nWHERE " + where + b.conditions("f", own) + botsCondition(b.q.Bots) + "\n)" + b.groupBy()
	}
	dim := daily.Dim{Name: h.Column}
	sql := read(daily.HitSessionsTable, b.ofTotals(scope, dim, days))
	if where := b.ofSeams(scope, dim, days); where != "" {
		sql += "\nUNION ALL\n" + read(daily.SeamHitSessionsTable, where)
	}
	return sql
}
