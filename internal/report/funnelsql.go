package report

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/report/funnel"
	"weir/internal/session"
)

// The columns of a funnel's statement that are always there: the person, and by event its place in the order and the steps that it can serve; packed, e is its
// time and the steps in one number, and of events at the same time it is not said which came first.
// Behind them come, where the funnel needs them: x, what forbids it; act, whether it is an action; v, the value of the breakdown by event that may be the first.
var (
	funnelColumns = []string{"at", "part", "off", "row", "m"}
	packedColumns = []string{"e"}
)

// packs says whether the time of an event since the range's start, in milliseconds, and its steps fit into 64 bits together. It does up to 32 steps over 49 days, 16 over 8900 years.
func (f *funnelQuestion) packs() bool {
	return bits.Len64(uint64(f.q.To.Sub(f.q.From).Milliseconds()))+len(f.steps) <= 64
}

// funnelSQL writes the statement that reads, for each person that may have begun, its events that have a meaning for the funnel. The columns are person, and an
// array of each of funnelColumns or packedColumns, x, act and v, as said there. Of what happened at some times only, it is read of all who did something then.
func (b *builder) funnelSQL(f *funnelQuestion, p people, read funnelRead) string {
	q := f.q
	any, strict := f.funnel.Order == funnel.Any, f.funnel.Order == funnel.Strict
	cols := []string{b.stageMask("s", f.steps) + " AS m", "toUnixTimestamp64Milli(ts) AS at", "_partition AS part", "_offset AS off", "_row AS row"}
	arrays := slices.Clone(funnelColumns)
	if read.packed {
		b.params["base"] = strconv.FormatInt(q.From.UnixMilli(), 10)
		cols = []string{cols[0], fmt.Sprintf("bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(ts) - {base:Int64}), %d), toUInt64(m)) AS e", len(f.steps))}
		arrays = slices.Clone(packedColumns)
	}
	matters := []string{"m != 0"}
	if len(f.excluded) > 0 {
		cols, arrays, matters = append(cols, b.stageMask("x", f.excluded)+" AS x"), append(arrays, "x"), append(matters, "x != 0")
	}
	if strict { // what is no action does not come between the steps, unless it serves one
		cols, arrays, matters = append(cols, "type NOT IN "+b.texts("noaction", session.Passive)+" AS act"), append(arrays, "act"), append(matters, "act")
	}
	if f.breakdown != nil {
		cols, arrays = append(cols, b.dim(*f.breakdown, "bk")+" AS v"), append(arrays, "v")
		if f.breakdown.Column == "is_bot" || f.breakdown.Prop == "" {
			cols[len(cols)-1] = "toString(" + b.dim(*f.breakdown, "bk") + ") AS v"
		}
	}
	first := "bitTest(m, 0)"
	if any {
		first = "m != 0"
	}
	var agg, merged []string
	for _, a := range arrays {
		if a == "v" {
			agg = append(agg, "groupArrayIf(v, "+first+") AS vs")
		} else {
			agg = append(agg, "groupArray("+a+") AS "+a+"s")
		}
		merged = append(merged, "groupArrayArray("+a+"s)")
	}
	where := "WHERE tenant = " + b.text("tenant", q.Tenant) + " AND site_id = " + b.text("site", q.Site) + " AND " + b.between("ts", "from", q.From, "to", q.To) + b.conditions("f", q.Filters) + botsCondition(q.Bots)
	if types, ok := typesOf(append(slices.Clone(f.steps), f.excluded...)); ok && !strict {
		where += " AND type IN " + b.texts("types", types)
	}
	if len(read.only) > 0 && p.join == "" { // else a person's ids are known only behind the join
		where += " AND " + p.person + " IN " + b.texts("only", read.only)
	}
	if len(read.at) > 0 {
		times := make([]string, len(read.at))
		for i, at := range read.at {
			times[i] = time.UnixMilli(at).UTC().Format("'2006-01-02 15:04:05.000'")
		}
		b.params["at"] = "[" + strings.Join(times, ",") + "]"
		where += " AND ts IN {at:Array(DateTime64(3, 'UTC'))}"
	}
	where += " AND (" + strings.Join(matters, " OR ") + ")"
	began := "bitAnd(groupBitOr(m), 1) = 1"
	if any {
		began = "groupBitOr(m) != 0"
	}
	if len(read.at) > 0 {
		began = "1 = 1"
	}
	if p.join == "" {
		return "SELECT " + p.person + " AS person, " + strings.Join(agg, ", ") + "\nFROM (\nSELECT client_id, user_id, " + strings.Join(cols, ", ") + "\nFROM " + b.events() + "\n" + where +
			"\n)\nGROUP BY person\nHAVING person != '' AND " + began
	}
	// The groups are joined, not the events.
	return "SELECT " + p.person + " AS person, " + strings.Join(merged, ", ") + "\nFROM (\nSELECT client_id, user_id, groupBitOr(m) AS mall, " + strings.Join(agg, ", ") +
		"\nFROM (\nSELECT client_id, user_id, " + strings.Join(cols, ", ") + "\nFROM " + b.events() + "\n" + where + "\n)\nGROUP BY client_id, user_id\n) AS visitors" + p.join +
		"\nGROUP BY person\nHAVING person != '' AND " + strings.ReplaceAll(began, "groupBitOr(m)", "groupBitOr(mall)")
}

// typesOf are the types of events that stages look at; ok is false if one takes any.
func typesOf(stages []stage) (types []string, ok bool) {
	for _, s := range stages {
		if s.typ == "" {
			return nil, false
		}
		types = append(types, s.typ)
	}
	slices.Sort(types)
	return slices.Compact(types), true
}

// stageMask is the expression of the stages that an event belongs to: a UInt32, bit i for stage i. A lookup of the value gives, for each column, the stages whose
// condition on it is met, whatever their number: sixteen steps that each look for a path cost one lookup of the path. What is not a list of values is a condition for itself.
func (b *builder) stageMask(prefix string, stages []stage) string {
	all := uint32(1)<<len(stages) - 1
	if len(stages) == 32 {
		all = ^uint32(0)
	}
	tables, conditions := b.stageTables(stages, prefix, all)
	parts := make([]string, 0, len(tables)+len(conditions))
	for i, t := range tables {
		parts = append(parts, b.lookup(prefix+"t"+strconv.Itoa(i), t))
	}
	parts = append(parts, conditions...)
	if len(parts) == 0 {
		return fmt.Sprintf("toUInt32(%d)", all)
	}
	expr := parts[0]
	for _, p := range parts[1:] {
		expr = "bitAnd(" + expr + ", " + p + ")"
	}
	return "toUInt32(" + expr + ")"
}

// stageTable says, for the values of one expression, which stages' conditions on it are met: by value, and for all other values.
type stageTable struct {
	expr   string
	values []string
	masks  map[string]uint32
	rest   uint32
}

// stageTables sorts the conditions of stages into tables, at most one of a stage in each, and other conditions.
func (b *builder) stageTables(stages []stage, prefix string, all uint32) (tables []*stageTable, conditions []string) {
	taken := map[string]int{} // column and stage: how many conditions it has there
	byKey := map[string]*stageTable{}
	values := map[*stageTable][]stageValues{}
	add := func(i int, d Dim, v stageValues) {
		at := fmt.Sprint(d.Name(), "\x00", i)
		key := fmt.Sprint(d.Name(), "\x00", taken[at])
		taken[at]++
		t := byKey[key]
		if t == nil {
			t = &stageTable{expr: b.dim(d, prefix+"d"+strconv.Itoa(len(tables))), masks: map[string]uint32{}, rest: all}
			if d.Column == "is_bot" {
				t.expr = "toString(is_bot)"
			}
			byKey[key] = t
			tables = append(tables, t)
		}
		values[t] = append(values[t], v)
	}
	byCondition := map[string]uint32{} // the stages of each
	var named []Filter
	var names []string
	for i, s := range stages {
		if s.typ != "" {
			add(i, Dim{Column: "type"}, stageValues{i, []string{s.typ}, false})
		}
		for j, f := range s.filters {
			if f.Cohort == nil && !f.Contains {
				add(i, f.Dim, stageValues{i, f.Values, f.Not})
				continue
			}
			key := fmt.Sprint("cohort", i, j)
			if f.Cohort == nil {
				key = fmt.Sprintf("%q %q %v %v", f.Dim.Name(), f.Values, f.Not, f.Prefix)
			}
			if byCondition[key] == 0 {
				named, names = append(named, f), append(names, key)
			}
			byCondition[key] |= 1 << i
		}
	}
	for i, f := range named {
		conditions = append(conditions, fmt.Sprintf("if(%s, %d, %d)", b.condition(prefix+"c", strconv.Itoa(i), f), all, all&^byCondition[names[i]]))
	}
	for _, t := range tables {
		t.fill(values[t])
	}
	return tables, conditions
}

// stageValues is a stage's condition on a column: one of the values, or none of them.
type stageValues struct {
	stage  int
	values []string
	not    bool
}

func (t *stageTable) fill(conditions []stageValues) {
	for _, c := range conditions {
		if !c.not {
			t.rest &^= 1 << c.stage
		}
		t.values = append(t.values, c.values...)
	}
	slices.Sort(t.values)
	t.values = slices.Compact(t.values)
	for _, v := range t.values {
		t.masks[v] = t.rest
	}
	for _, c := range conditions {
		for _, v := range c.values {
			if c.not {
				t.masks[v] &^= 1 << c.stage
			} else {
				t.masks[v] |= 1 << c.stage
			}
		}
	}
}

// lookup is the expression of a table.
func (b *builder) lookup(name string, t *stageTable) string {
	masks := make([]string, len(t.values))
	for i, v := range t.values {
		masks[i] = strconv.FormatUint(uint64(t.masks[v]), 10)
	}
	b.params[name+"m"] = "[" + strings.Join(masks, ",") + "]"
	return fmt.Sprintf("transform(%s, %s, {%sm:Array(UInt32)}, toUInt32(%d))", t.expr, b.texts(name, t.values), name, t.rest)
}
