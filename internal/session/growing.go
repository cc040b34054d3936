package session

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/internal/rollup"
)

// Growing is a stitched day that gets rows while it is read. Most of them lie behind everything that was stitched of their visitor: the stitched runs stay, and the new rows make runs of their
// own, which are joined with them. Only the visitors of whom a new row does not lie behind all runs are made anew, from there on.
type Growing struct {
	Day Stitched
	// Main and Late are up to where the rows of each writer are read.
	Main, Late uint64
	// Rows says that there are rows behind the stitched ones; the first of them has the time First.
	Rows  bool
	First time.Time
	Anew  []Anew
}

// Anew is a visitor who is made anew: the runs that end at Since or later do not hold, and the events from From on, milliseconds since 1970, make others.
type Anew struct {
	Visitor     string
	Since, From int64
}

// MaxAnew is how many visitors a statement can make anew.
const MaxAnew = 500

// GrowingSQL is the statement that looks at what a day has got, over scope as in Within, which must be of one site. Its first row is the number of new rows, after an empty text, and the time of the first; each other one
// is of a visitor who must be made anew: the visitor, Since and From. If there are more than MaxAnew of them, the day is not to be read so.
func GrowingSQL(d Stitched, main, late uint64, scope ...string) string {
	g := Growing{Day: d, Main: main, Late: late}
	on := func(alias string) string {
		return strings.ReplaceAll(strings.Join(scope, " AND "), "%s", alias) + " AND "
	}
	var behind []string
	for _, cond := range g.behind("_d") {
		behind = append(behind, "SELECT "+Visitor("_d")+" AS visitor, "+millis+"(_d.ts) AS at FROM "+rollup.Events+" AS _d WHERE "+on("_d")+cond+" AND (_d.client_id != '' OR _d.user_id != '')")
	}
	rows := "(" + strings.Join(behind, " UNION ALL ") + ")"
	runs := Table + " AS _s WHERE " + on("_s") + g.stitched() + " AND _s.end_time >= fromUnixTimestamp64Milli(first, 'UTC')"
	return "WITH (SELECT (count(), min(at)) FROM " + rows + ") AS new, tupleElement(new, 2) AS first\nSELECT '' AS visitor, tupleElement(new, 1) AS since, first AS begin" +
		"\nUNION ALL\nSELECT visitor, toUInt64(since) AS since, least(since, min(start)) AS begin\nFROM (SELECT visitor, min(at) AS since FROM " + rows + " WHERE visitor IN (SELECT _s.visitor FROM " + runs + ") GROUP BY visitor) AS _n" +
		"\nINNER JOIN (SELECT _s.visitor AS visitor, " + millis + "(_s.start_time) AS start, " + millis + "(_s.end_time) AS end FROM " + runs + ") AS _r USING (visitor)" +
		"\nWHERE end >= since GROUP BY visitor, since LIMIT " + strconv.Itoa(MaxAnew+1)
}

// Read takes a row of the statement.
func (g *Growing) Read(visitor string, since, begin int64) {
	if visitor == "" {
		if g.Rows = since > 0; g.Rows {
			g.First = time.UnixMilli(begin).UTC()
		}
		return
	}
	g.Anew = append(g.Anew, Anew{visitor, since, begin})
}

// behind are the conditions on the rows behind the stitched ones, by writer: one condition of both would keep the engine from using its index on _seq.
func (g *Growing) behind(alias string) []string {
	var out []string
	for i, w := range []struct{ from, to uint64 }{{g.Day.Main, g.Main}, {g.Day.Late, g.Late}} {
		if w.from < w.to || i == 0 { // there is always one
			out = append(out, fmt.Sprintf("%s AND %s._writer = %d AND %[2]s._seq > %[4]d AND %[2]s._seq <= %[5]d", between(alias+".ts", Start(g.Day.Day), Start(g.Day.Day+1)), alias, i+1, w.from, w.to))
		}
	}
	return out
}

func (g *Growing) stitched() string {
	return between("_s.start_time", Start(g.Day.Day), Start(g.Day.Day+1)) + " AND _s._version = " + strconv.FormatUint(g.Day.Version, 10)
}

// The parameters of a statement with visitors who are made anew.
const (
	paramAnew  = "{anew:Array(String)}"
	paramSince = "{anew_since:Array(Int64)}"
	paramFrom  = "{anew_from:Array(Int64)}"
)

// Params are the parameters that statements of a query with this day need; texts writes an Array(String).
func (g *Growing) Params(texts func([]string) string) map[string]string {
	if len(g.Anew) == 0 {
		return nil
	}
	var visitors, since, from []string
	for _, a := range g.Anew {
		visitors = append(visitors, a.Visitor)
		since, from = append(since, strconv.FormatInt(a.Since, 10)), append(from, strconv.FormatInt(a.From, 10))
	}
	return map[string]string{"anew": texts(visitors), "anew_since": "[" + strings.Join(since, ",") + "]", "anew_from": "[" + strings.Join(from, ",") + "]"}
}

// runs are the conditions on stitched runs that new ones may be joined with, and on those that lie before all new rows.
func (g *Growing) runs(timeout string) (joined, apart string) {
	near := fmt.Sprintf("_s.edge OR %s(_s.end_time) >= %d - %s", millis, g.First.UnixMilli(), timeout)
	joined = g.stitched() + " AND (" + near + ")"
	if len(g.Anew) > 0 {
		joined += " AND NOT (_s.visitor IN " + paramAnew + " AND " + millis + "(_s.end_time) >= transform(_s.visitor, " + paramAnew + ", " + paramSince + ", toInt64(0)))"
	}
	return joined, g.stitched() + " AND NOT (" + near + ")"
}

// raw are the conditions on the events that make runs: the new rows, of both writers together for their runs must not overlap, and all rows of the visitors who are made anew.
func (g *Growing) raw() []string {
	rows := either(g.behind("_e"))
	if len(g.Anew) == 0 {
		return []string{rows}
	}
	first := g.Anew[0].From
	for _, a := range g.Anew {
		first = min(first, a.From)
	}
	return []string{rows + " AND " + visitor + " NOT IN " + paramAnew, between("_e.ts", time.UnixMilli(first), Start(g.Day.Day+1)) + " AND " + visitor + " IN " + paramAnew + " AND " + millis + "(_e.ts) >= transform(" + visitor + ", " + paramAnew + ", " + paramFrom + ", toInt64(0))"}
}
