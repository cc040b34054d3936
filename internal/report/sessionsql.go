package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/rollup"
	"weir/internal/session"
)

// source is what sessions are read from: those that begin in [from, to). What lies from a timeout before the range on is read, so that a session that
// began earlier is known as one; and up to the horizon.
type source struct {
	from, to, horizon time.Time
	timeout           time.Duration
	days              []session.Stitched
	visitor           string // only this one's; empty: everybody's
}

// sessionsOf writes the statement of sessions. attributes are those that are wanted beside those of the filters, conditions more conditions over the sessions.
func (b *builder) sessionsOf(s source, attributes []string, filters []Filter, conditions string) string {
	scope := []string{"%s.tenant = " + b.text("tenant", b.q.Tenant), "%s.site_id = " + b.text("site", b.q.Site)}
	if s.visitor != "" {
		v := b.text("visitor", s.visitor)
		scope = append(scope, "(%s.client_id = "+v+" OR %s.client_id = '' AND %s.user_id = "+v+")")
	}
	own, of := split(filters)
	for _, f := range own {
		if !slices.Contains(attributes, f.Dim.Column) {
			attributes = append(attributes, f.Dim.Column)
		}
	}
	bots := ""
	if s.visitor == "" { // who asks for one visitor means that one
		bots = botsCondition(b.q.Bots)
	}
	if bots != "" && !slices.Contains(attributes, "is_bot") {
		attributes = append(attributes, "is_bot")
	}
	sq := session.Query{Timeout: s.timeout, Columns: attributes}
	sq.Within(s.from.Add(-s.timeout), s.horizon, s.days, scope...)
	where := fmt.Sprintf("start_time >= %s AND start_time < %s", b.millis("sfrom", s.from), b.millis("sto", s.to)) + b.conditions("f", own) + bots + conditions
	sql := "SELECT _sessions.* FROM (\n" + sq.SQL() + "\n) AS _sessions"
	if len(of) > 0 {
		joins, matches := b.matches(scope, s.from, s.horizon, of)
		sql += joins
		where += matches
	}
	return sql + "\nWHERE " + where
}

// split tells filters on attributes of sessions from filters on events.
func split(filters []Filter) (own, of []Filter) {
	for _, f := range filters {
		if _, ok := session.Find(f.Dim.Column); ok && f.Dim.Prop == "" {
			own = append(own, f)
		} else {
			of = append(of, f)
		}
	}
	return own, of
}

// matches are the joins and conditions for filters on events: the session has an event that matches all of them; of a negated one, it has none that matches it.
func (b *builder) matches(scope []string, from, horizon time.Time, filters []Filter) (joins, conditions string) {
	var sets [][]Filter
	var positive []Filter
	for _, f := range filters {
		if f.Not {
			f.Not = false
			sets = append(sets, []Filter{f})
		} else {
			positive = append(positive, f)
		}
	}
	negated := len(sets)
	if len(positive) > 0 {
		sets = append(sets, positive)
	}
	for i, set := range sets {
		name := "_m" + strconv.Itoa(i)
		where := strings.ReplaceAll(strings.Join(scope, " AND "), "%s", "_e") + " AND " + b.between("_e.ts", "mfrom", from, "mto", horizon) + b.conditions("m"+strconv.Itoa(i)+"_", set)
		joins += "\nLEFT JOIN (SELECT " + session.Visitor("_e") + " AS _visitor, groupArray(toUnixTimestamp64Milli(_e.ts)) AS _at FROM " + rollup.Events + " AS _e WHERE " + where +
			" GROUP BY _visitor) AS " + name + " ON " + name + "._visitor = _sessions.visitor"
		not := ""
		if i < negated {
			not = "NOT "
		}
		conditions += " AND " + not + "arrayExists(_x -> _x >= _sessions.start_time AND _x <= _sessions.end_time, " + name + "._at)"
	}
	return joins, conditions
}

func (b *builder) millis(name string, t time.Time) string {
	b.params[name] = strconv.FormatInt(t.UnixMilli(), 10)
	return "{" + name + ":Int64}"
}

// buildSessions writes the statement that answers a question about sessions. Its columns are: bucket if q has an interval, g0, g1, …, the metrics in their
// order, and the latest end of all sessions that were counted, in milliseconds.
func buildSessions(q Question, timeout time.Duration, horizon time.Time, days []session.Stitched) statement {
	b := &builder{q: q, params: map[string]string{}}
	var attributes, cols []string
	if q.Interval != "" {
		cols = append(cols, b.bucket("fromUnixTimestamp64Milli(start_time, 'UTC')")+" AS bucket")
	}
	for i, d := range q.GroupBy {
		cols = append(cols, d.Column+" AS g"+strconv.Itoa(i))
		attributes = append(attributes, d.Column)
	}
	conditions := ""
	if q.pagesOnly() {
		conditions = " AND pageviews > 0"
	}
	cols = append(cols, "count() AS n", "countIf(actions = 1) AS bounced", "sum(end_time - start_time) AS lasted", "sum(pageviews) AS views", "countIf(pageviews > 0) AS paged",
		"max(max(end_time)) OVER () AS last")
	sql := "SELECT " + strings.Join(cols, ", ") + "\nFROM (\n" + b.sessionsOf(source{from: q.From, to: q.To, horizon: horizon, timeout: timeout, days: days}, attributes, q.Filters, conditions) + "\n)" + b.groupBy()
	outer := b.keys()
	for _, m := range q.Metrics {
		outer = append(outer, sessionMetric(m, func(s string) string { return s })+" AS "+m)
	}
	if len(q.GroupBy) > 0 {
		rank := sessionMetric(q.Metrics[0], func(s string) string {
			if q.Interval == "" {
				return s
			}
			return "sum(" + s + ") OVER (PARTITION BY " + strings.Join(b.groups(), ", ") + ")"
		})
		sql = "SELECT *, " + rank + " AS total\nFROM (\n" + sql + "\n)"
		sql = "SELECT *, dense_rank() OVER (ORDER BY total DESC, " + strings.Join(b.groups(), ", ") + ") AS place\nFROM (\n" + sql + "\n)\nQUALIFY " + b.places()
	}
	sql = "SELECT " + strings.Join(append(outer, "last"), ", ") + "\nFROM (\n" + sql + "\n)"
	if order := b.order(); order != "" {
		sql += "\nORDER BY " + order
	}
	return statement{sql, b.params}
}

// pagesOnly says that the question counts sessions by a page that they must have.
func (q Question) pagesOnly() bool {
	for _, m := range q.Metrics {
		if m != Entries && m != Exits {
			return false
		}
	}
	return len(q.Metrics) > 0
}

// sessionMetric is the expression of a metric over sums; over says how a sum is taken.
func sessionMetric(metric string, over func(string) string) string {
	n := over("n")
	mean := func(what string) string { return "if(" + n + " = 0, NULL, " + over(what) + " / " + n + ")" }
	switch metric {
	case BounceRate:
		return mean("bounced")
	case SessionDuration:
		return "if(" + n + " = 0, NULL, " + over("lasted") + " / 1000 / " + n + ")"
	case ViewsPerSession:
		return mean("views")
	case Entries, Exits:
		return over("paged")
	}
	return n
}

func signed(v any) (int64, error) {
	switch x := v.(type) {
	case json.Number:
		return strconv.ParseInt(x.String(), 10, 64)
	case string:
		return strconv.ParseInt(x, 10, 64)
	}
	return 0, fmt.Errorf("report: %v is not a number", v)
}
