package report

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/testkit"
)

// totalDays writes, once, the totals of some of the 25 days before the last ones of the world: at positions behind which there may be rows, and under versions of which only one is read.
func totalDays(t *testing.T, tenant string, events []oracleEvent) (days []session.Stitched) {
	t.Helper()
	if rolled.days != nil {
		return rolled.days
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	c := testkit.Engine(t)
	last := events[len(events)-1].seq
	for at := world.end.AddDate(0, 0, -30); at.Before(world.end.AddDate(0, 0, -5)); at = at.AddDate(0, 0, 1) {
		d := session.Stitched{Day: session.DayOf(at), Version: uint64(1000 + len(days)), Main: last, Late: last, Totals: rnd.IntN(6) > 0}
		if rnd.IntN(3) == 0 {
			d.Main, d.Late = rnd.Uint64N(last), rnd.Uint64N(last)
		}
		for _, e := range events {
			behind := e.writer == writerMain && e.seq > d.Main || e.writer == writerLate && e.seq > d.Late
			d.Stale = d.Stale || behind && session.DayOf(e.ts) == d.Day
		}
		until := at.AddDate(0, 0, 1)
		if d.Totals && rnd.IntN(5) == 0 || d.Day == session.DayOf(world.end)-6 { // of a part of the day
			until = at.Add(time.Duration(1 + rnd.Int64N(int64(24*time.Hour)))).Truncate(time.Millisecond)
			d.Totals, d.Part, d.Last = false, until, true
			for _, e := range events {
				in := e.writer == writerMain && e.seq <= d.Main || e.writer == writerLate && e.seq <= d.Late
				d.Last = d.Last && !(in && session.DayOf(e.ts) == d.Day && !e.ts.Before(until))
			}
		}
		if d.Totals || !d.Part.IsZero() {
			testkit.Exec(t, c, daily.TotalSQL(tenant, at, until, d.Version, d.Main, d.Late))
		}
		if d.Totals {
			for _, write := range []func(string, time.Time, uint64, uint64, uint64) string{daily.EventPagesSQL, daily.HitsSQL} {
				testkit.Exec(t, c, write(tenant, at, d.Version, d.Main, d.Late))
				testkit.Exec(t, c, write("other", at, d.Version, last, last))
			}
			testkit.Exec(t, c, daily.AudienceSQL(tenant, at, d.Version))
			testkit.Exec(t, c, daily.AudienceSQL("other", at, d.Version))
		}
		if rnd.IntN(8) > 0 { // else not even stitched
			days = append(days, d)
		}
	}
	for _, table := range []string{daily.Table, daily.EventPagesTable, daily.HitsTable, daily.AudienceTable} {
		testkit.Exec(t, c, "INSERT INTO "+table+" SELECT * REPLACE (_version + 10000 AS _version) FROM "+table+" WHERE tenant = '"+tenant+"'") // versions that nobody reads
	}
	rolled.days = days
	return days
}

// TestTotalsEqualRaw asks random questions, with totals of days of which some have got rows since and some have none: the answer must be that of
// an independent count.
func TestTotalsEqualRaw(t *testing.T) {
	c := testkit.Engine(t)
	events, clk := rolledEvents(t, c)
	rep := newReporter(t, c, clk, Config{})
	days := someDays{timeout: session.DefaultTimeout, days: totalDays(t, "acme", events)}
	rep.deps.Sessions = days
	used := map[string]int{}
	kinds := []string{"", "type", "path", "country", "host", "stale", "part", "part of the last step", "narrowed", "by size", "by size, few", "by events"}
	missing := func() []string {
		return slices.DeleteFunc(slices.Clone(kinds), func(n string) bool { return used[n] > 4 || !strings.HasPrefix(n, "by size") && used[n] > 0 })
	}
	ask := func(t *rapid.T) {
		q := drawQuestion(t)
		if m := missing(); len(m) > 0 { // so that chance leaves none out
			q.ofTotals(m[0])
		}
		rep.cfg.Rollups = rapid.SampledFrom([][]rollup.Rollup{rollup.All, {}}).Draw(t, "rollups")
		p := rep.planned(q, choose(q, rep.cfg.Rollups, nil))
		if dim, ok := q.totalsDim(); ok && len(p.totals) > 0 {
			used[dim.Name]++
			if len(p.rest) > maxRests {
				t.Fatalf("%d parts of the range are left", len(p.rest))
			}
			if slices.ContainsFunc(p.totals, func(d totalled) bool { return d.day.Stale }) {
				used["stale"]++
			}
			for _, d := range p.totals {
				if !d.day.Totals {
					used["part"]++
					if dim.Step > time.Hour && d.to.Equal(d.day.Part) {
						used["part of the last step"]++
					}
				}
			}
			if q.ranks() {
				used["narrowed"]++
			}
			if _, ok, err := rep.byEvents(context.Background(), &tally{}, q); err != nil {
				t.Fatalf("%+v: %v", q, err)
			} else if ok {
				used["by events"]++
			}
		}
		got, err := rep.Answer(context.Background(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if diff := cmp.Diff(count(q, events), lines(q, got)); diff != "" {
			t.Fatalf("%+v (-counted +answered):\n%s", q, diff)
		}
		own := q.fewGroups()
		if !(q.ranks() || own) || len(p.totals) == 0 || len(got) < 2 {
			return
		}
		sizes := drawSizes(t, got)
		rep.large.set(q.kind(), countRough, groupSizes{small: sizes[0], large: sizes[1], own: own})
		if got, err = rep.Answer(context.Background(), q); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if diff := cmp.Diff(count(q, events), lines(q, got)); diff != "" {
			t.Fatalf("%+v by size %q (-counted +answered):\n%s", q, sizes, diff)
		}
		used["by size"]++
		if own {
			used["by size, few"]++
		}
	}
	for rounds := 0; rounds == 0 || rounds < 80 && len(missing()) > 0; rounds++ {
		rapid.Check(t, ask)
	}
	t.Log("totals read:", used)
	for _, n := range missing() {
		t.Errorf("no question used totals: %q", n)
	}
}

// drawSizes are the groups that are said to be small, and to be large, of which some is not.
func drawSizes(t *rapid.T, rows []Row) (sizes [2][]string) {
	for i, row := range rows {
		at := i % 2
		if i > 1 {
			at = rapid.IntRange(0, 1).Draw(t, "size")
		}
		sizes[at] = append(sizes[at], fmt.Sprint(row.values[0]))
	}
	return sizes
}

// ofTotals makes a question one that totals of days can answer in part: by a dim, over some days at least.
func (q *Question) ofTotals(kind string) {
	name := kind
	switch kind {
	case "stale", "part":
		name = ""
	case "part of the last step":
		name = "path"
	case "by events":
		name, q.Interval, q.Metrics = "path", "", []string{Visitors, Events}
		q.Offset, q.Limit = 1, 3
	case "by size, few":
		name, q.Interval, q.Metrics = "country", "", []string{Visitors, Events}
		q.Offset, q.Limit = 1, 3
	case "narrowed", "by size":
		name, q.Interval, q.Metrics = "path", "", []string{Events, Visitors}
		q.Offset, q.Limit = 1, 3
	}
	q.GroupBy, q.Filters = nil, nil
	if name != "" {
		q.GroupBy = []Dim{{Column: name}}
	}
	if q.Interval != "" {
		q.Interval, q.Location = Day, time.UTC
	}
	q.overTotals()
}

// overTotals moves a question's range to days with totals.
func (q *Question) overTotals() {
	for q.From.After(world.end.AddDate(0, 0, -10)) {
		q.From, q.To = q.From.AddDate(0, 0, -7), q.To.AddDate(0, 0, -7)
	}
	if least := world.end.AddDate(0, 0, -20); q.To.Before(least) {
		q.To = least
	}
}

// TestPlanOfTotals shows what of a range is read from where.
func TestPlanOfTotals(t *testing.T) {
	at := func(text string) time.Time {
		out, err := time.Parse("01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return out.AddDate(2026, 0, 0)
	}
	day := func(text string, stale bool) session.Stitched {
		return session.Stitched{Day: session.DayOf(at(text + " 00:00")), Version: 1, Totals: true, Stale: stale}
	}
	part := func(text string) session.Stitched {
		return session.Stitched{Day: session.DayOf(at(text)), Version: 1, Part: at(text)}
	}
	last := func(d session.Stitched) session.Stitched {
		d.Last = true
		return d
	}
	show := func(list []span) string {
		var out []string
		for _, s := range list {
			out = append(out, s.from.Format("01-02 15:04")+" – "+s.to.Format("01-02 15:04"))
		}
		return strings.Join(out, ", ")
	}
	var alternate, late []session.Stitched
	for i := range 16 {
		alternate = append(alternate, day(fmt.Sprintf("03-%02d", 1+2*i%31), false))
		late = append(late, day(fmt.Sprintf("03-%02d", 1+i), true))
	}
	hour, whole := daily.Dims[0], daily.Dim{Name: "path", Step: 24 * time.Hour}
	for _, tc := range []struct {
		name       string
		from, to   string
		dim        daily.Dim
		days       []session.Stitched
		read, rest string
	}{
		{"nothing", "03-01 00:00", "03-02 00:00", hour, nil, "", "03-01 00:00 – 03-02 00:00"},
		{"all", "03-01 00:00", "03-03 00:00", hour, []session.Stitched{day("03-01", false), day("03-02", false)}, "03-01 00:00 – 03-02 00:00, 03-02 00:00 – 03-03 00:00", ""},
		{"edges by the hour", "03-01 10:30", "03-02 05:15", hour, []session.Stitched{day("03-01", false), day("03-02", false)}, "03-01 11:00 – 03-02 00:00, 03-02 00:00 – 03-02 05:00", "03-01 10:30 – 03-01 11:00, 03-02 05:00 – 03-02 05:15"},
		{"edges by the day", "03-01 10:30", "03-03 05:15", whole, []session.Stitched{day("03-01", false), day("03-02", false), day("03-03", false)}, "03-02 00:00 – 03-03 00:00", "03-01 10:30 – 03-02 00:00, 03-03 00:00 – 03-03 05:15"},
		{"without totals", "03-01 00:00", "03-03 00:00", hour, []session.Stitched{{Day: day("03-01", false).Day}, day("03-02", false)}, "03-02 00:00 – 03-03 00:00", "03-01 00:00 – 03-02 00:00"},
		{"a part", "03-01 00:00", "03-03 09:20", hour, []session.Stitched{day("03-02", false), part("03-03 09:17")}, "03-02 00:00 – 03-03 00:00, 03-03 00:00 – 03-03 09:17", "03-01 00:00 – 03-02 00:00, 03-03 09:17 – 03-03 09:20"},
		{"a part by the day", "03-01 00:00", "03-03 09:17", whole, []session.Stitched{day("03-02", false), part("03-03 09:17")}, "03-02 00:00 – 03-03 00:00, 03-03 00:00 – 03-03 09:17", "03-01 00:00 – 03-02 00:00"},
		{"a part without rows behind", "03-01 00:00", "03-03 09:20", hour, []session.Stitched{day("03-02", false), last(part("03-03 09:17"))}, "03-02 00:00 – 03-03 00:00, 03-03 00:00 – 03-03 09:20", "03-01 00:00 – 03-02 00:00"},
		{"and days behind", "03-03 00:00", "03-05 00:00", whole, []session.Stitched{last(part("03-03 09:17"))}, "03-03 00:00 – 03-04 00:00", "03-04 00:00 – 03-05 00:00"},
		{"less than a part without rows behind", "03-02 00:00", "03-03 09:16", whole, []session.Stitched{last(part("03-03 09:17"))}, "", "03-02 00:00 – 03-03 09:16"},
		{"less than the part", "03-02 00:00", "03-03 09:16", hour, []session.Stitched{day("03-02", false), part("03-03 09:17")}, "03-02 00:00 – 03-03 00:00, 03-03 00:00 – 03-03 09:00", "03-03 09:00 – 03-03 09:16"},
		{"less than the part by the day", "03-02 00:00", "03-03 09:16", whole, []session.Stitched{day("03-02", false), part("03-03 09:17")}, "03-02 00:00 – 03-03 00:00", "03-03 00:00 – 03-03 09:16"},
		{"from within the part by the day", "03-03 01:00", "03-03 09:20", whole, []session.Stitched{part("03-03 09:17")}, "", "03-03 01:00 – 03-03 09:20"},
		{"too many gaps", "03-01 00:00", "04-01 00:00", hour, alternate[:15], "03-21 00:00 – 03-22 00:00, 03-23 00:00 – 03-24 00:00, 03-25 00:00 – 03-26 00:00, 03-27 00:00 – 03-28 00:00, 03-29 00:00 – 03-30 00:00",
			"03-01 00:00 – 03-21 00:00, 03-22 00:00 – 03-23 00:00, 03-24 00:00 – 03-25 00:00, 03-26 00:00 – 03-27 00:00, 03-28 00:00 – 03-29 00:00, 03-30 00:00 – 04-01 00:00"},
		{"too many that have got rows", "03-01 00:00", "03-17 00:00", hour, late, "03-11 00:00 – 03-12 00:00, 03-12 00:00 – 03-13 00:00, 03-13 00:00 – 03-14 00:00, 03-14 00:00 – 03-15 00:00, 03-15 00:00 – 03-16 00:00, 03-16 00:00 – 03-17 00:00", "03-01 00:00 – 03-11 00:00"},
	} {
		p := rawOnly.withTotals(Question{From: at(tc.from), To: at(tc.to)}, tc.dim, tc.days)
		var read []span
		for _, d := range p.totals {
			read = append(read, d.span)
		}
		if got := show(read); got != tc.read {
			t.Errorf("%s: reads totals of %s, want %s", tc.name, got, tc.read)
		}
		if got := show(p.rest); got != tc.rest {
			t.Errorf("%s: leaves %s, want %s", tc.name, got, tc.rest)
		}
		if len(p.rest) > maxRests {
			t.Errorf("%s: leaves %s", tc.name, show(p.rest))
		}
	}
}
