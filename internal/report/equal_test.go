package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/testkit"
)

func decodeRows(s string) ([][]any, error) {
	var rows [][]any
	dec := json.NewDecoder(bytes.NewReader([]byte(s)))
	dec.UseNumber()
	return rows, dec.Decode(&rows)
}

// oracleEvent is an event as the independent count of the test sees it.
type oracleEvent struct {
	ts       time.Time
	typ      string
	client   string
	user     string
	cols     map[string]string // text columns that are set
	props    map[string]string
	value    float64
	hasValue bool
	writer   uint16
	seq      uint64
}

var world = struct {
	start, end time.Time
	values     map[string][]string
}{
	start: time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC), end: time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC), // over a change of clocks in Europe
	values: map[string][]string{
		"host": {"a.example", "b.example", ""}, "path": {"/", "/a", "/A", "/b's", "/\\c"}, "country": {"DE", "FR", "", "ÜÜ"}, "device": {"mobile", "desktop"},
		"browser": {"Firefox", "Chrome", "chrome", ""}, "os": {"Linux", "iOS"}, "referrer_host": {"", "x.test"}, "utm_source": {"", "mail"}, "region": {"BY", ""}, "city": {"Köln", ""}, "is_bot": {"false", "true"},
	},
}

// makeEvents makes events in the order in which they were stored: some late, some out of order, by two writers in many steps.
func makeEvents(rnd *rand.Rand, n int) []oracleEvent {
	types := []string{"pageview", "pageview", "pageview", "click", "signup"}
	events := make([]oracleEvent, n)
	span := world.end.Sub(world.start)
	for i := range events {
		e := oracleEvent{cols: map[string]string{}, props: map[string]string{}, typ: types[rnd.IntN(len(types))], writer: 1, seq: uint64(1 + i/37)}
		at := time.Duration(float64(span) * float64(i) / float64(n))
		if rnd.IntN(10) == 0 { // late
			at = time.Duration(rnd.Int64N(int64(span)))
			if rnd.IntN(2) == 0 {
				e.writer = 2
			}
		}
		e.ts = world.start.Add(at + time.Duration(rnd.Int64N(int64(time.Hour)))).Truncate(time.Millisecond)
		if rnd.IntN(8) == 0 { // on the edge of a step
			e.ts = e.ts.Truncate(time.Hour)
		}
		if rnd.IntN(5) > 0 {
			e.client = fmt.Sprint("c", rnd.IntN(60))
		}
		if rnd.IntN(3) == 0 {
			e.user = fmt.Sprint("u", rnd.IntN(20))
		}
		for col, values := range world.values {
			e.cols[col] = values[rnd.IntN(len(values))]
		}
		if rnd.IntN(2) == 0 {
			e.props["plan"] = []string{"pro", "free", ""}[rnd.IntN(3)]
		}
		if rnd.IntN(2) == 0 {
			e.value, e.hasValue = float64(rnd.IntN(1000))/4, true // sums of quarters are exact
		}
		events[i] = e
	}
	return events
}

// placed are events of a tenant's site.
type placed struct {
	tenant, site string
	events       []oracleEvent
}

func store(t testing.TB, c *clickhouse.Client, worlds ...placed) {
	t.Helper()
	cols := []string{"host", "path", "country", "device", "browser", "os", "referrer_host", "utm_source", "region", "city", "is_bot"}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	encode := func(w placed, e oracleEvent) {
		row := map[string]any{"tenant": w.tenant, "site_id": w.site, "ts": e.ts.Format("2006-01-02 15:04:05.000"), "type": e.typ, "client_id": e.client, "user_id": e.user,
			"props": e.props, "_writer": e.writer, "_seq": e.seq}
		for _, name := range cols {
			row[name] = e.cols[name]
		}
		row["is_bot"] = e.cols["is_bot"] == "true"
		if e.hasValue {
			row["props_num"] = map[string]float64{"value": e.value}
		}
		if err := enc.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range worlds {
		for _, e := range w.events {
			encode(w, e)
		}
	}
	insert := clickhouse.Statement{SQL: "INSERT INTO weir.events (tenant, site_id, ts, type, client_id, user_id, " + strings.Join(cols, ", ") + ", props, props_num, _writer, _seq) FORMAT JSONEachRow"}
	if _, err := c.Insert(context.Background(), insert, &b); err != nil {
		t.Fatal(err)
	}
}

// count answers a question by counting, without a rollup and without SQL.
func count(q Question, events []oracleEvent) []string {
	type cell struct {
		n, views uint64
		clients  map[string]bool
		value    float64
	}
	cells, groups := map[string]*cell{}, map[string]*cell{}
	groupOf := map[string]string{}
	for _, e := range events {
		if e.ts.Before(q.From) || !e.ts.Before(q.To) || !matches(q, e) {
			continue
		}
		var group []string
		for _, d := range q.GroupBy {
			group = append(group, e.dim(d))
		}
		g := strings.Join(group, "\x00")
		key := g
		if q.Interval != "" {
			key = bucketOf(q, e.ts) + "\x00" + g
		}
		groupOf[key] = g
		for _, at := range []struct {
			m map[string]*cell
			k string
		}{{cells, key}, {groups, g}} {
			c := at.m[at.k]
			if c == nil {
				c = &cell{clients: map[string]bool{}}
				at.m[at.k] = c
			}
			c.n++
			if e.typ == "pageview" {
				c.views++
			}
			who := e.client
			if who == "" {
				who = e.user
			}
			if who != "" {
				c.clients[who] = true
			}
			c.value += e.value
		}
	}
	metric := func(c *cell, m string) float64 {
		switch m {
		case Events:
			return float64(c.n)
		case Pageviews:
			return float64(c.views)
		case Visitors:
			return float64(len(c.clients))
		}
		return c.value
	}
	var order []string
	for g := range groups {
		order = append(order, g)
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := metric(groups[order[i]], q.Metrics[0]), metric(groups[order[j]], q.Metrics[0])
		return a > b || a == b && order[i] < order[j]
	})
	keep := map[string]bool{}
	for _, g := range order[min(len(order), q.Offset):min(len(order), q.Offset+max(q.Limit, 1))] {
		keep[g] = true
	}
	if q.Interval != "" && len(q.GroupBy) == 0 {
		step := 15 * time.Minute
		if q.Interval == Minute {
			step = time.Minute
		}
		for at := q.From; at.Before(q.To); at = at.Truncate(step).Add(step) {
			if key := bucketOf(q, at) + "\x00"; cells[key] == nil {
				cells[key] = &cell{}
			}
		}
		keep[""] = true
	}
	if q.Interval == "" && len(q.GroupBy) == 0 && len(cells) == 0 {
		cells[""] = &cell{}
		keep[""] = true
	}
	var out []string
	for key, c := range cells {
		if !keep[groupOf[key]] {
			continue
		}
		var row []string
		if q.Interval != "" || len(q.GroupBy) > 0 {
			row = strings.Split(key, "\x00")
		}
		if q.Interval != "" && len(q.GroupBy) == 0 {
			row = row[:1]
		}
		for _, m := range q.Metrics {
			row = append(row, fmt.Sprintf("%s=%g", m, metric(c, m)))
		}
		out = append(out, strings.Join(row, "|"))
	}
	sort.Strings(out)
	return out
}

func (e oracleEvent) dim(d Dim) string {
	switch {
	case d.Prop == "value" && e.hasValue:
		return fmt.Sprintf("%g", e.value)
	case d.Prop != "":
		return e.props[d.Prop]
	case d.Column == "type":
		return e.typ
	case d.Column == "client_id":
		return e.client
	}
	return e.cols[d.Column]
}

func matches(q Question, e oracleEvent) bool {
	if bot := e.cols["is_bot"] == "true"; q.Bots != BotsInclude && bot != (q.Bots == BotsOnly) {
		return false
	}
	for _, f := range q.Filters {
		v := e.dim(f.Dim)
		hit := slices.ContainsFunc(f.Values, func(want string) bool {
			return v == want || f.Contains && strings.Contains(v, want)
		})
		if hit == f.Not {
			return false
		}
	}
	return true
}

// counted finds a number that is not 0.
var counted = regexp.MustCompile(`(events|pageviews|visitors|value)=[1-9]`)

// bucketOf is written for itself, so that it checks Question.bucketStart too.
func bucketOf(q Question, ts time.Time) string {
	l := ts.In(q.Location)
	switch q.Interval {
	case Minute:
		return l.Format("2006-01-02T15:04") + ":00" + l.Format("Z07:00")
	case Hour:
		return l.Format("2006-01-02T15") + ":00:00" + l.Format("Z07:00")
	case Week:
		l = time.Date(l.Year(), l.Month(), l.Day(), 12, 0, 0, 0, q.Location) // a day without a midnight has a noon
		for int(l.Weekday()) != q.FirstDay%7 {
			l = l.AddDate(0, 0, -1)
		}
	case Month:
		return l.Format("2006-01") + "-01"
	}
	return l.Format("2006-01-02")
}

// lines writes rows as count does.
func lines(q Question, rows []Row) []string {
	var out []string
	for _, r := range rows {
		var parts []string
		for i, n := range r.names {
			if slices.Contains(q.Metrics, n) {
				v, _ := json.Marshal(r.values[i])
				var f float64
				_ = json.Unmarshal(v, &f)
				parts = append(parts, fmt.Sprintf("%s=%g", n, f))
			} else {
				parts = append(parts, fmt.Sprint(r.values[i]))
			}
		}
		out = append(out, strings.Join(parts, "|"))
	}
	sort.Strings(out)
	return out
}

// otherThanHalfHours asks for days instead of hours of a zone that moves its clocks by 30 minutes: these are the engine's own affair.
func (q *Question) otherThanHalfHours() {
	if q.Interval == Hour && q.Location.String() == "Australia/Lord_Howe" {
		q.Interval = Day
	}
}

func drawQuestion(t *rapid.T) Question {
	zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "America/Havana", "Australia/Lord_Howe"}).Draw(t, "zone")
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Tenant: "acme", Site: "site", Location: loc, FirstDay: rapid.IntRange(1, 7).Draw(t, "first day"), Limit: 100_000}
	if rapid.Bool().Draw(t, "limited") {
		q.Limit = rapid.IntRange(1, 5).Draw(t, "limit")
	}
	q.Interval = rapid.SampledFrom([]string{"", "", Minute, Hour, Day, Week, Month}).Draw(t, "interval")
	q.otherThanHalfHours()
	q.Metrics = rapid.SliceOfNDistinct(rapid.SampledFrom(metricNames), 1, 4, rapid.ID[string]).Draw(t, "metrics")
	dims := rapid.SampledFrom(rapid.SampledFrom([][][]string{
		{nil, {"type"}},
		{nil, {"path"}, {"host", "path", "type"}, {"host"}},
		// Where visits came from: TestAttributionEqualsProperties and TestByVisitEqualsCount.
		{nil, {"country", "device"}, {"is_bot"}, {"browser", "os", "device"}, {"country", "type"}, {"country"}},
		{nil, {"city"}, {"plan"}, {"country", "value"}, {"path", "country"}},
	}).Draw(t, "family"))
	dim := func(name string) Dim {
		if name == "plan" || name == "value" {
			return Dim{Prop: name}
		}
		return Dim{Column: name}
	}
	for _, n := range dims.Draw(t, "group by") {
		q.GroupBy = append(q.GroupBy, dim(n))
	}
	for _, n := range dims.Draw(t, "filter") {
		values := world.values[n]
		switch n {
		case "type":
			values = []string{"pageview", "click", "none"}
		case "plan":
			values = []string{"pro", "free", ""}
		case "value":
			values = []string{"1", "0.25", "2", "30.5"}
		}
		f := Filter{Dim: dim(n), Not: rapid.Bool().Draw(t, "not"), Values: rapid.SliceOfN(rapid.SampledFrom(values), 1, 3).Draw(t, "values")}
		if n != "is_bot" && !slices.Contains(f.Values, "") {
			f.Contains = rapid.Bool().Draw(t, "contains")
		}
		q.Filters = append(q.Filters, f)
	}
	q.Bots = rapid.SampledFrom(append(slices.Clone(botsNames), "")).Draw(t, "bots")
	// Numbers that rapid draws are mostly small; ranges should be anywhere.
	rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	span := world.end.Sub(world.start) + 24*time.Hour
	unit := []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Millisecond}[rnd.IntN(4)]
	length := []time.Duration{2 * time.Hour, 26 * time.Hour, 8 * 24 * time.Hour, span}[rnd.IntN(4)]
	q.From = world.start.Add(time.Duration(rnd.Int64N(int64(span))) - 12*time.Hour).Truncate(unit)
	q.To = q.From.Add(unit + time.Duration(rnd.Int64N(int64(length)))).Truncate(unit)
	if q.Interval != "" && len(q.buckets()) > maxBuckets {
		q.Interval = Day
	}
	return q
}

// rolled are the events of acme's site that tests share, how far each rollup has come, and the days that have totals.
var rolled struct {
	events []oracleEvent
	clock  clock
	days   []session.Stitched
}

// rolledEvents stores events of several sites, once, with each rollup at a random position of each writer.
func rolledEvents(t testing.TB, c *clickhouse.Client) ([]oracleEvent, clock) {
	t.Helper()
	if rolled.events != nil {
		return rolled.events, rolled.clock
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	events := makeEvents(rnd, 4000)
	store(t, c, placed{"acme", "site", events}, placed{"acme", "elsewhere", makeEvents(rnd, 300)}, placed{"other", "site", makeEvents(rnd, 300)})
	last := events[len(events)-1].seq
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{}, main: last + 1, late: last + 1}
	for i, r := range rollup.All {
		clk.positions[r.Name] = map[uint16]uint64{}
		for _, w := range []uint16{writerMain, writerLate} {
			at := uint64(0)
			steps := []uint64{last / 3, last/3 + 1 + rnd.Uint64N(last/2)}
			if i%2 == int(w)%2 { // this one has all rows of the writer
				steps[1] = last
			}
			for _, to := range steps {
				testkit.Exec(t, c, strings.Replace(r.AdvanceSQL(w, at, to, nil), "WHERE", "WHERE (tenant, site_id) IN (('acme', 'site'), ('acme', 'elsewhere'), ('other', 'site')) AND", 1))
				at = to
			}
			clk.positions[r.Name][w] = at
		}
	}
	rolled.events, rolled.clock = events, clk
	return events, clk
}

// TestRollupEqualsRaw asks random questions over random events, late and out of order, with each rollup at a random position
// of each writer: the answer with rollups, the answer without, and an independent count must be the same.
func TestRollupEqualsRaw(t *testing.T) {
	c := testkit.Engine(t)
	events, clk := rolledEvents(t, c)
	some, raw := newReporter(t, c, clk, Config{}), newReporter(t, c, clk, Config{Rollups: []rollup.Rollup{}})
	used := map[string]int{}
	missing := func() (list []rollup.Rollup) {
		for _, r := range rollup.All {
			if used[r.Name] == 0 {
				list = append(list, r)
			}
		}
		return list
	}
	ask := func(t *rapid.T) {
		q := drawQuestion(t)
		candidates := rollup.All
		if m := missing(); len(m) > 0 { // so that chance leaves none out
			candidates = m
		} else if rapid.Bool().Draw(t, "one rollup") {
			candidates = []rollup.Rollup{rapid.SampledFrom(rollup.All).Draw(t, "rollup")}
		}
		some.cfg.Rollups = candidates
		if rapid.Bool().Draw(t, "texts are known") {
			q.texts = func(property string) bool { return property != "value" }
		}
		p := choose(q, candidates, some.sizes(context.Background()))
		if p.rollup == nil {
			used["raw"]++
		} else {
			used[p.rollup.Name]++
		}
		got, err := some.Answer(context.Background(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		plain, err := raw.Answer(context.Background(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if diff := cmp.Diff(mustJSON2(plain), mustJSON2(got)); diff != "" {
			t.Fatalf("%+v by %+v (-raw +rollup):\n%s", q, p.rollup, diff)
		}
		if counted.MatchString(strings.Join(lines(q, got), "\n")) {
			used["not empty"]++
		}
		if diff := cmp.Diff(count(q, events), lines(q, got)); diff != "" {
			t.Fatalf("%+v (-counted +answered):\n%s", q, diff)
		}
	}
	for rounds := 0; rounds == 0 || rounds < 80 && len(missing()) > 0; rounds++ {
		rapid.Check(t, ask)
	}
	t.Log("read from:", used)
	if m := missing(); len(m) > 0 || used["not empty"] == 0 {
		t.Errorf("no question was answered from %v, or none counted anything: %v", m, used)
	}
}

func mustJSON2(rows []Row) string {
	b, err := json.Marshal(rows)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(b), "},{", "},\n{")
}

// TestOvertaken asks while the projection runs ahead of the positions that the reporter knows.
func TestOvertaken(t *testing.T) {
	c := testkit.Engine(t)
	events := makeEvents(rand.New(rand.NewPCG(3, 4)), 500)
	for i := range events {
		events[i].writer = 1
	}
	store(t, c, placed{"race", "site", events})
	last := events[len(events)-1].seq
	r := rollup.All[0]
	testkit.Exec(t, c, r.AdvanceSQL(1, 1000, 1000+last, nil)) // of nobody: seqs that do not exist
	testkit.Exec(t, c, strings.Replace(r.AdvanceSQL(1, 0, 5, nil), "WHERE", "WHERE tenant = 'race' AND", 1))
	q := Question{Tenant: "race", Site: "site", Metrics: []string{Events, Visitors}, From: world.start, To: world.end, Location: time.UTC, FirstDay: 1, Limit: 10}
	want := count(q, events)

	stale := clock{asOf: noon, positions: map[string]map[uint16]uint64{r.Name: {1: 3, 2: 0}}}
	rep := newReporter(t, c, stale, Config{Rollups: []rollup.Rollup{r}})
	_, overtaken, err := rep.ask(context.Background(), &tally{}, q, planAt(q, r, stale.positions[r.Name]), exactly)
	if err != nil || !overtaken {
		t.Fatalf("a rollup that is ahead was not noticed: %v, %v", overtaken, err)
	}
	got, err := rep.Answer(context.Background(), q) // falls back to raw events
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, lines(q, got)); diff != "" {
		t.Errorf("behind a rollup that is ahead (-counted +answered): %s", diff)
	}
	fresh := clock{asOf: noon, positions: map[string]map[uint16]uint64{r.Name: {1: 5, 2: 0}}}
	rep = newReporter(t, c, fresh, Config{Rollups: []rollup.Rollup{r}})
	a, overtaken, err := rep.ask(context.Background(), &tally{}, q, planAt(q, r, fresh.positions[r.Name]), exactly)
	if err != nil || overtaken {
		t.Fatalf("a rollup in its place counts as ahead: %v, %v", overtaken, err)
	}
	if diff := cmp.Diff(want, lines(q, a.rows)); diff != "" {
		t.Errorf("from the rollup (-counted +answered): %s", diff)
	}
}

func planAt(q Question, r rollup.Rollup, at map[uint16]uint64) plan {
	p := choose(q, []rollup.Rollup{r}, nil)
	p.positions = at
	return p
}

// TestVisitorsOfMany crosses the size at which uniq begins to sample: merged states must still equal one state.
func TestVisitorsOfMany(t *testing.T) {
	c := testkit.Engine(t)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, _writer, _seq)
SELECT 'many', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number % 86400, 'pageview', toString(cityHash64(number) % 400000), 1, 1 + number % 10 FROM numbers(600000)`)
	r := rollup.All[0]
	testkit.Exec(t, c, strings.Replace(r.AdvanceSQL(1, 0, 6, nil), "WHERE", "WHERE tenant = 'many' AND", 1))
	q := Question{Tenant: "many", Site: "site", Metrics: []string{Visitors}, From: world.start, To: world.end, Location: time.UTC, FirstDay: 1, Limit: 10}
	clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{r.Name: {1: 6, 2: 0}}}
	got, err := newReporter(t, c, clk, Config{Rollups: []rollup.Rollup{r}}).Answer(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	want, err := newReporter(t, c, clk, Config{Rollups: []rollup.Rollup{}}).Answer(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if mustJSON2(got) != mustJSON2(want) {
		t.Errorf("visitors from the rollup %s, from raw events %s", mustJSON2(got), mustJSON2(want))
	}
}
