package report

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
)

// isAction is the condition that an event is an action.
func (b *builder) isAction(prefix string, a action) string {
	cond := "1"
	if a.typ != "" {
		cond = "type = " + b.text(prefix+"type", a.typ)
	}
	return "(" + cond + b.conditions(prefix+"f", a.filters) + ")"
}

// eventOrder is the order of events: ties of time by the order of arrival.
const eventOrder = "(ts, _partition, _offset, _row)"

// buildRetention writes the statement of a retention. Its rows are cohort, period and the number of persons; period -1 counts the cohort itself.
//
// Events become, for each person and period i (counted from the first cohort's; all before it are -1): s, whether there was a start event, r, whether
// there was a return event, and z, whether one came with or after the first start event of the period. Then each person's periods become cells.
func buildRetention(b *builder, x *Retention, of people) statement {
	start, back := b.isAction("s", x.start), ""
	either := start
	if !x.start.same(x.back) {
		back = b.isAction("r", x.back)
		either = "(" + start + " OR " + back + ")"
	}
	scope := "tenant = " + b.text("tenant", x.q.Tenant) + " AND site_id = " + b.text("site", x.q.Site)
	from, end := b.time("from", x.q.From), b.time("end", x.ends()[len(x.ends())-1])
	// What came before the first cohort says only who is not new.
	times := "ts >= " + from + " AND ts < " + end + " AND " + either
	if x.mode == FirstTime {
		times = "ts < " + end + " AND " + either
		if back != "" {
			times += " AND (ts >= " + from + " OR " + start + ")"
		}
	}
	where := "\nWHERE " + scope + " AND " + times + b.filters() + botsCondition(x.q.Bots)
	i := "toInt32(if(ts < " + from + ", -1, " + b.periodOf("ts", x.q.From) + "))"
	inner := b.activity(of, i, start, back, where)
	first := "arrayFilter(c -> c >= 0 AND c < {cohorts:Int32}, starts)"
	if x.mode == FirstTime {
		first = "arrayFilter(c -> c >= 0 AND c < {cohorts:Int32}, [arrayMin(starts)])"
	}
	b.params["cohorts"], b.params["periods"] = strconv.Itoa(len(x.starts(maxCohorts))), strconv.Itoa(x.periods)
	sql := `SELECT c, k, count() FROM (
SELECT arrayJoin(` + first + `) AS c, arrayJoin(arrayConcat([toInt32(-1)], if(has(zeros, c), [toInt32(0)], []), arrayMap(x -> toInt32(x - c), arrayFilter(x -> x > c AND x < c + {periods:Int32}, backs)))) AS k FROM (
SELECT p, groupArrayIf(i, s) AS starts, groupArrayIf(i, r) AS backs, groupArrayIf(i, z) AS zeros FROM (
` + inner + `
) GROUP BY p HAVING notEmpty(starts)
)
) GROUP BY c, k`
	return statement{sql, b.params}
}

// activity selects p, i, s, r and z. back is empty when it is the same as start.
func (b *builder) activity(of people, i, start, back, where string) string {
	who, keys := of.person+" AS p", "p, i"
	where += " AND (client_id != '' OR user_id != '')"
	if of.join != "" { // ids first: there are far fewer of them than of events
		who, keys = "client_id, user_id", "client_id, user_id, i"
	}
	from := "\nFROM " + rollup.Events + where + "\nGROUP BY " + keys
	if back == "" { // the start event is its own return
		ids := "SELECT " + who + ", " + i + " AS i, 1 AS s, 1 AS r, 1 AS z" + from
		if of.join == "" {
			return ids
		}
		return "SELECT " + of.person + " AS p, i, 1 AS s, 1 AS r, 1 AS z FROM (\n" + ids + "\n) AS ids" + of.join + "\nGROUP BY p, i"
	}
	ids := "WITH " + start + " AS is_start, " + back + " AS is_back\nSELECT " + who + ", " + i + " AS i, countIf(is_start) AS sn, countIf(is_back) AS rn, minIf(" + eventOrder +
		", is_start) AS first, maxIf(" + eventOrder + ", is_back) AS last" + from
	if of.join != "" {
		ids = "SELECT " + of.person + " AS p, i, sum(sn) AS sn, sum(rn) AS rn, minIf(first, ids.sn > 0) AS first, maxIf(last, ids.rn > 0) AS last FROM (\n" + ids + "\n) AS ids" + of.join + "\nGROUP BY p, i"
	}
	return "SELECT p, i, sn > 0 AS s, rn > 0 AS r, s AND r AND last >= first AS z FROM (\n" + ids + "\n)"
}

// periodOf is the number of the period that holds clock, counted from the one that begins at first.
func (b *builder) periodOf(clock string, first time.Time) string {
	day := "toDate(" + clock + ", " + b.text("zone", b.q.Location.String()) + ")"
	y, m, d := first.Date()
	b.params["base"] = strconv.FormatInt(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400, 10)
	switch b.q.Interval {
	case Day:
		return "toInt32(" + day + ") - {base:Int32}"
	case Week:
		return "intDiv(toInt32(" + day + ") - {base:Int32}, 7)"
	}
	b.params["base"] = strconv.Itoa(y*12 + int(m))
	return "toInt32(toYear(" + day + ")) * 12 + toInt32(toMonth(" + day + ")) - {base:Int32}"
}

// retained counts the cells of a retention.
func (r *Reporter) retained(ctx context.Context, t *tally, x *Retention) (map[cell]uint64, error) {
	b := &builder{q: x.q, params: map[string]string{}}
	of, err := r.people(ctx, t, b, x.q.Tenant, x.q.Site)
	if err != nil {
		return nil, err
	}
	st := buildRetention(b, x, of)
	counts := map[cell]uint64{}
	err = r.statement(ctx, t, clickhouse.Statement{SQL: st.sql, Params: st.params, Comment: "retention/" + x.q.Tenant}, func(row []any) error {
		if len(row) != 3 {
			return errCell
		}
		c, ok1 := row[0].(json.Number)
		k, ok2 := row[1].(json.Number)
		n, err := unsigned(row[2])
		if !ok1 || !ok2 || err != nil {
			return errCell
		}
		cohort, err1 := strconv.Atoi(c.String())
		period, err2 := strconv.Atoi(k.String())
		if err1 != nil || err2 != nil {
			return errCell
		}
		counts[cell{cohort, period}] = n
		return nil
	})
	return counts, err
}
