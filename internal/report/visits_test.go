package report

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/testkit"
)

// visitDays writes the visits of some of the days: at positions behind which there may be deeds, and once more under versions that nobody reads.
func visitDays(t *testing.T, rnd *rand.Rand, from, to time.Time, deeds [][]deed) (days []session.Stitched) {
	t.Helper()
	c := testkit.Engine(t)
	last := uint64(1 + (len(deeds[0])-1)/perInsert)
	for at := from; at.Before(to); at = at.AddDate(0, 0, 1) {
		d := session.Stitched{Day: session.DayOf(at), Version: uint64(50_000 + len(days)), Main: last, Late: last, Totals: rnd.IntN(12) > 0}
		if rnd.IntN(6) == 0 {
			d.Main = 1 + rnd.Uint64N(last)
		}
		for _, site := range deeds {
			for i, e := range site {
				d.Stale = d.Stale || session.DayOf(e.ts) == d.Day && uint64(1+i/perInsert) > d.Main
			}
		}
		if d.Totals {
			testkit.Exec(t, c, daily.VisitsSQL("acme", at, d.Version, d.Main, d.Late))
		} else {
			d.Part = at.Add(12 * time.Hour) // totals of events, and no visits
		}
		days = append(days, d)
	}
	testkit.Exec(t, c, "INSERT INTO "+daily.VisitsTable+" SELECT * REPLACE (_version + 10000 AS _version, visitor + 1 AS visitor, concat(client_id, 'x') AS client_id) FROM "+daily.VisitsTable+" WHERE _version >= 50000")
	return days
}

// TestRetentionByVisits: a retention of one action without filters is answered from the visits of days, of which some have got deeds since and some have none; the answer is that of a loop over persons.
func TestRetentionByVisits(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(3, 9))
	from, to := time.Date(2025, 3, 6, 0, 0, 0, 0, time.UTC), time.Date(2025, 4, 12, 0, 0, 0, 0, time.UTC) // over a change of clocks
	sites, all := map[string][]deed{}, [][]deed{}
	for i := range 3 {
		deeds := makeDeeds(rnd, 700, from, to, i > 0, i > 1)
		sites[fmt.Sprint("v", i)], all = deeds, append(all, deeds)
	}
	storeDeeds(t, c, sites)
	days := someDays{timeout: session.DefaultTimeout, days: visitDays(t, rnd, from, to.AddDate(0, 0, -2), all)}
	used := map[string]int{}
	for round := range 24 {
		site := fmt.Sprint("v", round%3)
		r := newReporter(t, c, clock{asOf: noon}, Config{})
		r.deps.Links, r.deps.Sessions = seqs{1: 1000, 2: 1000}, days
		src := testSources["site"]
		src.SiteID, src.FirstDay = site, 1+rnd.IntN(7)
		src.TimeZone = []string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Los_Angeles"}[rnd.IntN(4)]
		loc, err := time.LoadLocation(src.TimeZone)
		if err != nil {
			t.Fatal(err)
		}
		x := retentionCase{period: retentionPeriods[rnd.IntN(3)], mode: retentionModes[round/3%2], periods: 1 + rnd.IntN(8), loc: loc, firstDay: src.FirstDay, till: noon, keeps: func(d deed) bool { return !d.bot }}
		typ := []string{"", "pageview", "signup"}[rnd.IntN(3)]
		x.start = func(d deed) bool { return typ == "" || d.typ == typ }
		x.back = x.start
		day := from.AddDate(0, 0, rnd.IntN(25))
		last := day.AddDate(0, 0, rnd.IntN(12))
		a := retentionAsk{From: day.Format(time.DateOnly), To: last.Format(time.DateOnly), Period: x.period, Mode: x.mode, Periods: &x.periods, Start: behaviourAsk{Type: typ}, Return: behaviourAsk{Type: typ}}
		switch rnd.IntN(4) {
		case 0:
			a.Bots, x.keeps = BotsInclude, func(deed) bool { return true }
		case 1:
			a.Bots, x.keeps = BotsOnly, func(d deed) bool { return d.bot }
		}
		asked, p := r.retention(t.Context(), src, a)
		if p != nil {
			t.Fatal(p)
		}
		v := r.visited(&asked)
		if whole := src.TimeZone != "Asia/Kathmandu"; v != nil != whole {
			t.Errorf("%s: visits of days are read: %v", src.TimeZone, v != nil)
		}
		if v != nil {
			used[site]++
			used[x.mode]++
			for _, d := range v.days {
				if d.day.Stale {
					used["stale"]++
				}
			}
			if len(v.rest) > 1 {
				used["gaps"]++
			}
		}
		x.from, x.to = x.begin(day), x.next(x.begin(last))
		if diff := gocmp.Diff(x.oracle(sites[site]), rowsOf(askRetention(t, r, src, a, x.till))); diff != "" {
			t.Fatalf("site %s, %+v, zone %s, weeks from %d (-want +got):\n%s", site, a, src.TimeZone, src.FirstDay, diff)
		}
	}
	for _, what := range []string{"v0", "v1", "v2", FirstTime, Recurring, "stale", "gaps"} {
		if used[what] == 0 {
			t.Errorf("no question met %q", what)
		}
	}
	t.Log("met:", used)
}

// TestVisitedAsks: questions that the visits of days cannot answer are answered by events.
func TestVisitedAsks(t *testing.T) {
	r := newReporter(t, testkit.Engine(t), clock{asOf: noon}, Config{})
	r.deps.Sessions = someDays{timeout: session.DefaultTimeout, days: []session.Stitched{{Day: session.DayOf(noon) - 3, Version: 1, Totals: true}}}
	for name, tc := range map[string]struct {
		ask  retentionAsk
		want bool
	}{
		"any event":            {retentionAsk{}, true},
		"recurring":            {retentionAsk{Mode: Recurring}, true},
		"by month":             {retentionAsk{Period: Month}, true},
		"another return":       {retentionAsk{Start: behaviourAsk{Type: "signup"}}, false},
		"a filter":             {retentionAsk{Filter: []string{"country:DE"}}, false},
		"a filter of an event": {retentionAsk{Start: behaviourAsk{Filter: texts{"path:/"}}, Return: behaviourAsk{Filter: texts{"path:/"}}}, false},
		"days without visits":  {retentionAsk{From: "2020-01-01", To: "2020-02-01", Mode: Recurring, Periods: new(int)}, false},
	} {
		if tc.ask.Periods != nil {
			*tc.ask.Periods = 2
		}
		x, p := r.retention(t.Context(), testSources["site"], tc.ask)
		if p != nil {
			t.Fatalf("%s: %v", name, p)
		}
		if got := r.visited(&x) != nil; got != tc.want {
			t.Errorf("%s: answered by visits: %v, want %v", name, got, tc.want)
		}
	}
}
