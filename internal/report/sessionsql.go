package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
)

// source is what sessions are read from: those that begin in [from, to). What lies from a timeout before the range on is read, so that a session that
// began earlier is known as one; and up to the horizon.
type source struct {
	from, to, horizon time.Time
	timeout           time.Duration
	read              readDays
	totals            []totalled    // whose sessions are not wanted: their totals are read
	visitor           string        // only this one's; empty: everybody's
	lists             []string      // those that are wanted
	hits              *session.Hits // what the filters on events are answered by; nil: by events
}

// siteScope are the conditions on rows of the question's site, over a table that stands as %s.
func (b *builder) siteScope() []string {
	return []string{"%s.tenant = " + b.text("tenant", b.q.Tenant), "%s.site_id = " + b.text("site", b.q.Site)}
}

// sessionsOf writes the statement of sessions. attributes are those that are wanted beside those of the filters, conditions more conditions over the sessions.
// outdated is the statement of those that must be taken from the totals that the source names; empty: there are none.
func (b *builder) sessionsOf(s source, attributes []string, filters []Filter, conditions string) (sql, outdated string) {
	scope := b.siteScope()
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
	sq := session.Query{Timeout: s.timeout, Columns: attributes, Lists: s.lists, Growing: s.read.growing}
	if s.read.growing != nil {
		maps.Copy(b.params, s.read.growing.Params(clickhouse.ArrayParam))
	}
	for _, t := range s.totals {
		sq.Totalled = append(sq.Totalled, session.Span{From: t.from, To: t.to})
	}
	for _, d := range seams(s.totals) {
		sq.Seams = append(sq.Seams, d.Day)
	}
	sq.Within(s.from.Add(-s.timeout), s.horizon, s.read.days, scope...)
	where := fmt.Sprintf("start_time >= %s AND start_time < %s", b.millis("sfrom", s.from), b.millis("sto", s.to)) + b.conditions("f", own) + bots + conditions
	joins := ""
	switch {
	case len(of) > 0 && s.hits != nil:
		where += " AND (" + b.hit(*s.hits, of) + " OR " + s.hits.Cut + ")"
	case len(of) > 0:
		var matches string
		joins, matches = b.matches(scope, s.from, s.horizon, of)
		where += matches
	}
	narrowed := func(rows string) string {
		return "SELECT _sessions.* FROM (\n" + rows + "\n) AS _sessions" + joins + "\nWHERE " + where
	}
	if outdated = sq.OutdatedSQL(); outdated != "" {
		outdated = narrowed(outdated)
	}
	return narrowed(sq.SQL()), outdated
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
// order, the latest end of all sessions that were counted, in milliseconds, and the metrics of all groups and intervals together, in every row.
func buildSessions(q Question, timeout time.Duration, horizon time.Time, read readDays, hits *session.Hits) statement {
	b := &builder{q: q, params: map[string]string{}}
	var sql, keep string
	s := source{from: q.From, to: q.To, horizon: horizon, timeout: timeout, read: read, hits: hits}
	switch {
	case q.views():
		sql, keep = b.viewSums(s), orCut
	case hits != nil:
		s.lists, s.totals = hits.Lists, q.hitTotals(*hits, read.days)
		sql, keep = b.sessionSums(s), orCut
	default:
		s.totals = q.sessionTotals(read.days)
		sql = b.sessionSums(s)
	}
	outer, all := append(b.keys(), q.Metrics...), []string{"*"}
	for _, m := range q.Metrics {
		all = append(all, sessionMetric(m, "")+" AS "+m)
	}
	outer = append(outer, "last")
	for _, m := range q.Metrics {
		all = append(all, sessionMetric(m, "OVER ()")+" AS all_"+m)
		outer = append(outer, "all_"+m)
	}
	if len(q.GroupBy) > 0 {
		rank := sessionMetric(q.Metrics[0], "")
		if q.Interval != "" {
			rank = sessionMetric(q.Metrics[0], "OVER (PARTITION BY "+strings.Join(b.groups(), ", ")+")")
		}
		all = append(all, rank+" AS total")
	}
	sql = "SELECT " + strings.Join(all, ", ") + "\nFROM (\n" + sql + "\n)"
	if len(q.GroupBy) > 0 {
		sql = "SELECT *, dense_rank() OVER (ORDER BY total DESC, " + strings.Join(b.groups(), ", ") + ") AS place\nFROM (\n" + sql + "\n)\nQUALIFY " + b.places() + keep
	}
	sql = "SELECT " + strings.Join(outer, ", ") + "\nFROM (\n" + sql + "\n)"
	if order := b.order(); order != "" {
		sql += "\nORDER BY " + order
	}
	return statement{sql, b.params}
}

// The sums that session metrics are made of, as totals of days name them, and the same over sessions: their number, those with one action, milliseconds, page views,
// those with a page view, and events.
var (
	sessionSums   = []string{"sessions", "bounced", "lasted", "pageviews", "paged", "events"}
	sumOfSessions = []string{"count()", "countIf(actions = 1)", "sum(end_time - start_time)", "sum(pageviews)", "countIf(pageviews > 0)", "sum(events)"}
)

// sessionSums writes the statement of the sums, by the question's keys: of sessions, of totals where the source has them, and less what is outdated of these. last is the latest end of
// a session in any of its rows; the sessions in totals end before the day does that they lie in.
func (b *builder) sessionSums(s source) string {
	conditions, wanted := "", "_sessions"
	if b.q.pagesOnly() {
		conditions, wanted = " AND pageviews > 0", "_paged"
	}
	var attributes []string
	for _, d := range b.q.GroupBy {
		attributes = append(attributes, d.Column)
	}
	sessions, outdated := b.sessionsOf(s, attributes, b.q.Filters, conditions)
	cut, keep := "", ""
	last := func(string, ends string) string { return "max(max(" + ends + ")) OVER ()" }
	if s.hits != nil {
		cut, keep, last = ", max("+s.hits.Cut+") AS cut", orCut, lastOrCut
	}
	if len(s.totals) == 0 {
		is := ""
		if s.hits != nil {
			is = s.hits.Cut
		}
		return "SELECT " + b.sums(sessionBegan, sumOfSessions, "%s") + ", " + last(is, "end_time") + " AS last\nFROM (\n" + sessions + "\n)" + b.groupBy()
	}
	parts := []string{"SELECT " + b.sums(sessionBegan, sumOfSessions, "toInt64(%s)") + cut + ", max(end_time) AS ends\nFROM (\n" + sessions + "\n)" + b.groupBy()}
	if outdated != "" {
		parts = append(parts, "SELECT "+b.sums(sessionBegan, sumOfSessions, "-toInt64(%s)")+cut+", 0 AS ends\nFROM (\n"+outdated+"\n)"+b.groupBy())
	}
	if s.hits != nil {
		parts = append(parts, b.fromHitDays(*s.hits, s.totals, attributes))
	} else {
		parts = append(parts, b.fromSessionTotals(s.totals))
	}
	cols := b.keys()
	for _, name := range sessionSums {
		cols = append(cols, "sum(_"+name+") AS _"+name)
	}
	sql := "SELECT " + strings.Join(append(cols, last("cut", "ends")+" AS last"), ", ") + "\nFROM (\n" + strings.Join(parts, "\nUNION ALL\n") + "\n)" + b.groupBy()
	if len(b.keys()) > 0 {
		sql = "SELECT *\nFROM (\n" + sql + "\n)\nWHERE " + wanted + " > 0" + keep // of a row that is none all sessions are outdated
	}
	return sql
}

// sessionBegan is when a session began.
const sessionBegan = "fromUnixTimestamp64Milli(start_time, 'UTC')"

// sums are the keys and the sums of one part; as is the form of a sum.
func (b *builder) sums(clock string, sums []string, as string) string {
	var cols []string
	if b.q.Interval != "" {
		cols = append(cols, b.bucket(clock)+" AS bucket")
	}
	for i, d := range b.q.GroupBy {
		cols = append(cols, b.dim(d, "")+" AS g"+strconv.Itoa(i))
	}
	for i, name := range sessionSums {
		cols = append(cols, fmt.Sprintf(as, sums[i])+" AS _"+name)
	}
	return strings.Join(cols, ", ")
}

// fromSessionTotals reads the totals of days' sessions.
func (b *builder) fromSessionTotals(days []totalled) string {
	dim, _ := b.q.sessionTotalsDim() // there is one: the source has totals
	scope := "site_id = " + b.text("site", b.q.Site)
	b.inTotals = true
	defer func() { b.inTotals = false }()
	// The key finds nearly all that is wanted, and rows are short. Left to itself the engine reads column by column and filters in between, for each of the many short ranges.
	of := func(table, where string) string {
		return "SELECT " + b.sums("time", sessionSums, "sum(%s)") + ", 0 AS ends\nFROM " + table + "\nPREWHERE tenant = " + b.text("tenant", b.q.Tenant) + "\nWHERE " + where + b.filters() + botsCondition(b.q.Bots) + b.groupBy()
	}
	sql := of(daily.SessionsTable, b.ofTotals(scope, dim, days))
	if where := b.ofSeams(scope, dim, days); where != "" {
		sql += "\nUNION ALL\n" + of(daily.SeamsTable, where)
	}
	return sql
}

// ofSeams is the condition on the rows of totals of the seams between days; "": there are none.
func (b *builder) ofSeams(scope string, dim daily.Dim, days []totalled) string {
	if seams := ofSeamDays(days); seams != "" {
		return scope + " AND dim = " + b.text("totals", dim.Name) + seams
	}
	return ""
}

// ofSeamDays is the condition on the rows of the seams between days, with its AND; "": there are none.
func ofSeamDays(days []totalled) string {
	list := seams(days)
	if len(list) == 0 {
		return ""
	}
	versions := make([]string, len(list))
	for i, d := range list {
		versions[i] = strconv.FormatUint(d.Seam.Version, 10)
	}
	return fmt.Sprintf(" AND day >= '%s' AND day <= '%s' AND _version IN (%s)",
		session.Start(list[0].Day).Format(time.DateOnly), session.Start(list[len(list)-1].Day).Format(time.DateOnly), strings.Join(versions, ", "))
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

// sessionMetric is the expression of a metric over sums: of each row, or over a window.
func sessionMetric(metric, window string) string {
	over := func(sum string) string {
		if window == "" {
			return sum
		}
		return "sum(" + sum + ") " + window
	}
	n := over("_sessions")
	mean := func(what string) string { return "if(" + n + " = 0, NULL, " + over(what) + " / " + n + ")" }
	switch metric {
	case BounceRate:
		return mean("_bounced")
	case SessionDuration:
		return "if(" + n + " = 0, NULL, " + over("_lasted") + " / 1000 / " + n + ")"
	case ViewsPerSession:
		return mean("_pageviews")
	case Entries, Exits:
		return over("_paged")
	case Events, Pageviews:
		return over("_" + metric)
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
