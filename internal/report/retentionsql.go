package report

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"weir/internal/clickhouse"
)

// isAction is the condition that an event is an action.
func (b *builder) isAction(prefix string, a action) string {
	cond := "1"
	if a.typ != "" {
		cond = "type = " + b.text(prefix+"type", a.typ)
	}
	return "(" + cond + b.conditions(prefix+"f", a.filters) + ")"
}

// packedOrder is the order of events as one number, which is compared much faster than a tuple: the time, and for ties the order of arrival. There is room for
// 2⁴⁴ milliseconds since 1970, 2⁴⁴ records of a partition and 2²⁴ rows of a record, all of which are far away.
const packedOrder = "bitOr(bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(ts)), 84), bitShiftLeft(toUInt128(_partition), 68)), bitOr(bitShiftLeft(toUInt128(_offset), 24), toUInt128(_row)))"

// buildRetention writes the statement of a retention. Its rows are cohort, period and the number of persons; period -1 counts the cohort itself.
//
// Periods are slots: the first cohort's is 1, all time before it is 0. Of each person there are three sets of slots, as the bits of a number: s, where a start
// event is, r, where a return event is, and z, where one came with or after the first start event of the period. Few different sets stand for
// many persons, and become cells. Persons are grouped by a 64-bit hash: two of a million share one with a probability of 3·10⁻⁸ (n²/2⁶⁵).
func buildRetention(b *builder, x *Retention, of people, days *visited) statement {
	start, back := b.isAction("s", x.start), ""
	either := start
	if !x.start.same(x.back) {
		back = b.isAction("r", x.back)
		either = "(" + start + " OR " + back + ")"
	}
	from, end := b.time("from", x.q.From), b.time("end", x.ends()[len(x.ends())-1])
	// What came before the first cohort says only who is not new.
	times := "ts >= " + from + " AND ts < " + end + " AND " + either
	if x.mode == FirstTime {
		times = "ts < " + end + " AND " + either
		if back != "" {
			times += " AND (ts >= " + from + " OR " + start + ")"
		}
	}
	where := "\nWHERE tenant = " + b.text("tenant", x.q.Tenant) + " AND site_id = " + b.text("site", x.q.Site) + " AND " + times + b.filters() + botsCondition(x.q.Bots) +
		" AND (client_id != '' OR user_id != '')"
	cohorts := len(x.starts(maxCohorts))
	slots := cohorts + x.periods // with slot 0
	set := slotSet("UInt64")
	if slots > 64 {
		set = "UInt256"
	}
	slot := func(clock string) string {
		return "toUInt8(if(" + clock + " < " + from + ", 0, 1 + " + b.periodOf(clock, x.q.From) + "))"
	}
	var inner string
	switch {
	case back != "":
		inner = set.ofTwo(of, slot("ts"), start, back, b.events()+where)
	case days != nil:
		inner = set.ofVisits(of, b.visits(days, x, func(clock string) string { return set.of(slot(clock)) }, of.join != ""))
	default:
		inner = set.ofSame(of, slot("ts"), b.events()+where)
	}
	b.params["cohorts"], b.params["periods"], b.params["slots"] = strconv.Itoa(cohorts), strconv.Itoa(x.periods), strconv.Itoa(slots)
	first := "arrayFilter(c -> " + set.has("s", "c") + ", range(1, 1 + {cohorts:UInt8}))"
	if x.mode == FirstTime {
		first = "arrayFilter(c -> c > 0 AND c <= {cohorts:UInt8}, [arrayFirst(c -> " + set.has("s", "c") + ", range({slots:UInt8}))])"
	}
	return statement{`SELECT toInt32(c) - 1, k, sum(n) FROM (
SELECT n, arrayJoin(` + first + `) AS c, arrayJoin(arrayConcat([toInt32(-1)], arrayMap(k -> toInt32(k), arrayFilter(k -> if(k = 0, ` + set.has("z", "c") + ", " + set.has("r", "c + k") + `), range({periods:UInt8}))))) AS k FROM (
SELECT s, r, z, count() AS n FROM (
` + inner + `
) GROUP BY s, r, z HAVING s != 0
)
) GROUP BY c, k`, b.params}
}

// slotSet is the type of a set of slots.
type slotSet string

func (t slotSet) of(slot string) string       { return "bitShiftLeft(to" + string(t) + "(1), " + slot + ")" }
func (t slotSet) has(set, slot string) string { return "bitAnd(" + set + ", " + t.of(slot) + ") != 0" }

// ofSame selects the sets of each person where a start event is its own return.
func (t slotSet) ofSame(of people, slot, events string) string {
	from := "\nFROM " + events + "\nGROUP BY "
	if of.join == "" {
		return "SELECT groupBitOr(" + t.of(slot) + ") AS s, s AS r, s AS z" + from + "sipHash64(" + of.person + ")"
	}
	// Ids first: there are far fewer of them than of events.
	return "SELECT groupBitOr(m) AS s, s AS r, s AS z FROM (\nSELECT client_id, user_id, groupBitOr(" + t.of(slot) + ") AS m" + from + "client_id, user_id\n) AS ids" + of.join +
		"\nGROUP BY sipHash64(" + of.person + ")"
}

// ofVisits is ofSame from the relation that visits makes.
func (t slotSet) ofVisits(of people, visits string) string {
	if of.join == "" {
		return "SELECT groupBitOr(m) AS s, s AS r, s AS z FROM (\n" + visits + "\n) GROUP BY v"
	}
	return "SELECT groupBitOr(m) AS s, s AS r, s AS z FROM (\nSELECT client_id, user_id, groupBitOr(m) AS m FROM (\n" + visits + "\n) GROUP BY client_id, user_id\n) AS ids" + of.join +
		"\nGROUP BY sipHash64(" + of.person + ")"
}

// ofTwo selects the sets of each person where start and return are different events.
func (t slotSet) ofTwo(of people, slot, start, back, events string) string {
	who, keys := "sipHash64("+of.person+") AS p", "p, i"
	if of.join != "" {
		who, keys = "client_id, user_id", "client_id, user_id, i"
	}
	rows := "WITH " + start + " AS is_start, " + back + " AS is_back\nSELECT " + who + ", " + slot + " AS i, max(is_start) AS sn, max(is_back) AS rn, minIf(" + packedOrder +
		", is_start) AS first, maxIf(" + packedOrder + ", is_back) AS last\nFROM " + events + "\nGROUP BY " + keys
	if of.join != "" {
		rows = "SELECT sipHash64(" + of.person + ") AS p, i, max(ids.sn) AS sn, max(ids.rn) AS rn, minIf(ids.first, ids.sn) AS first, maxIf(ids.last, ids.rn) AS last FROM (\n" + rows + "\n) AS ids" + of.join +
			"\nGROUP BY p, i"
	}
	bit := t.of("i")
	return "SELECT groupBitOrIf(" + bit + ", sn) AS s, groupBitOrIf(" + bit + ", rn) AS r, groupBitOrIf(" + bit + ", sn AND rn AND last >= first) AS z FROM (\n" + rows + "\n) GROUP BY p"
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
	from, ends := x.q.From, x.ends()
	if x.mode == FirstTime {
		from = time.Time{}
	}
	q, err := r.attributed(ctx, t, x.q, from, ends[len(ends)-1], nil, slices.Concat(x.start.filters, x.back.filters))
	if err != nil {
		return nil, err
	}
	b := &builder{q: q, params: map[string]string{}}
	of, err := r.people(ctx, t, b, x.q.Tenant, x.q.Site)
	if err != nil {
		return nil, err
	}
	st := buildRetention(b, x, of, r.visited(x))
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
