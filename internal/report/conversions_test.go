package report

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// personCount counts a question about persons without SQL. Its rows are "time|country: users revenue conversions rate", the largest groups first.
func personCount(q Question, deeds []deed, goal func(deed) bool, limit int) []string {
	type sums struct {
		users, reached map[string]bool
		revenue        float64
		conversions    int
	}
	who := personOf(deeds)
	groups := map[[2]string]*sums{}
	totals := map[string]map[string]bool{}
	for _, d := range deeds {
		if d.bot || d.ts.Before(q.From) || !d.ts.Before(q.To) {
			continue
		}
		key := [2]string{}
		if q.Interval != "" {
			key[0] = q.bucketName(q.bucketStart(d.ts))
		}
		if len(q.GroupBy) > 0 {
			key[1] = d.country
		}
		g := groups[key]
		if g == nil {
			g = &sums{users: map[string]bool{}, reached: map[string]bool{}}
			groups[key] = g
		}
		if totals[key[1]] == nil {
			totals[key[1]] = map[string]bool{}
		}
		g.revenue += d.revenue
		if goal(d) {
			g.conversions++
		}
		if p := who(d); p != "" {
			g.users[p], totals[key[1]][p] = true, true
			if goal(d) {
				g.reached[p] = true
			}
		}
	}
	places := slices.SortedFunc(func(yield func(string) bool) {
		for c := range totals {
			if !yield(c) {
				return
			}
		}
	}, func(a, b string) int { return cmp.Or(len(totals[b])-len(totals[a]), strings.Compare(a, b)) })
	places = places[:min(limit, len(places))]
	var times []string
	if q.Interval != "" {
		times = q.buckets()
	} else {
		times = []string{""}
	}
	if len(q.GroupBy) == 0 {
		places = []string{""}
	}
	var rows []string
	for _, at := range times {
		for _, c := range places {
			g := groups[[2]string{at, c}]
			switch {
			case g == nil && len(q.GroupBy) > 0:
				continue
			case g == nil:
				g = &sums{}
			}
			rate := "null"
			if len(g.users) > 0 {
				rate = fmt.Sprintf("%.6f", float64(len(g.reached))/float64(len(g.users)))
			}
			rows = append(rows, fmt.Sprintf("%s|%s: %d %v %d %s", at, c, len(g.users), g.revenue, g.conversions, rate))
		}
	}
	return rows
}

// TestPersonMetricsEqualOracle: users, revenue and a goal's metrics, alone, as a series, by country and both, are what counting gives.
func TestPersonMetricsEqualOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(5, 5))
	from := noon.AddDate(0, 0, -4).Truncate(24 * time.Hour)
	sites := map[string][]deed{}
	for round := range 2 {
		sites[fmt.Sprint("goals", round)] = makeDeeds(rnd, 250, from, noon, round > 0, round > 0)
	}
	storeDeeds(t, c, sites)
	for round := range 2 {
		site := fmt.Sprint("goals", round)
		deeds := sites[site]
		src := testSources["berlin"]
		src.SiteID = site
		saved := objects{}
		saved.put(t, site, catalog.KindGoal, "g", catalog.Goal{Type: "buy", Filter: []string{"country:DE|FR", "!country:XX"}})
		r := newReporter(t, c, clock{asOf: noon}, Config{})
		r.deps.Objects, r.deps.Links = saved, seqs{1: 1000, 2: 1000} // it asks for the site's links once
		for _, a := range []ask{{}, {Interval: Day}, {GroupBy: []string{"country"}}, {GroupBy: []string{"country"}, Limit: 1}, {GroupBy: []string{"country"}, Interval: Day}, {GroupBy: []string{"country"}, Interval: Hour, Limit: 1}} {
			a.Metric, a.Goal, a.From, a.To = []string{Users, Revenue, Conversions, ConversionRate}, "g", from.Format(time.RFC3339), noon.Format(time.RFC3339)
			q, p := r.question(t.Context(), src, a)
			if p != nil {
				t.Fatal(p)
			}
			answer, err := r.Answer(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, row := range answer {
				keys := [2]string{}
				at := 0
				if q.Interval != "" {
					keys[0], at = fmt.Sprint(row.values[0]), 1
				}
				if len(q.GroupBy) > 0 {
					keys[1] = fmt.Sprint(row.values[at])
					at++
				}
				v := row.values[at:]
				rate := "null"
				if v[3] != nil {
					var x float64
					if _, err := fmt.Sscan(fmt.Sprint(v[3]), &x); err != nil {
						t.Fatal(err)
					}
					rate = fmt.Sprintf("%.6f", x)
				}
				got = append(got, fmt.Sprintf("%s|%s: %v %v %v %s", keys[0], keys[1], v[0], v[1], v[2], rate))
			}
			want := personCount(q, deeds, func(d deed) bool { return d.typ == "buy" }, cmp.Or(a.Limit, 1000))
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("site %s, %+v:\n%s\nwant\n%s", site, a, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

func TestGoalRefusals(t *testing.T) {
	saved := objects{}
	saved.put(t, "site", catalog.KindGoal, "g", catalog.Goal{Type: "buy", Filter: []string{"path:/x"}})
	saved.put(t, "berlin", catalog.KindGoal, "theirs", catalog.Goal{Type: "buy"})
	mask := ""
	ask := func(query string) (int, string, int) {
		e := &fakeEngine{answers: []fakeAnswer{{rows: `[[1]]`}}}
		r := newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
		r.deps.Objects, r.deps.Masks = saved, func(tenant.ID) []catalog.Mask {
			return []catalog.Mask{{Column: mask, Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide}}
		}
		status, _, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/report?"+query, "")
		return status, body, len(e.got)
	}
	for query, want := range map[string]string{"metric=conversions": `"field":"goal"`, "metric=conversion_rate": "needs goal=ID", "metric=conversions&goal=none": "no goal", "metric=conversions&goal=theirs": "no goal",
		"metric=revenu": "did you mean revenue?", "metric=users&group_by=entry_pth": `"field":"group_by"`} {
		if status, body, n := ask(query); status != 422 || !strings.Contains(body, want) || n > 0 {
			t.Errorf("%s: %d %s, %d statements", query, status, body, n)
		}
	}
	for _, c := range []struct {
		mask, query string
		want        int
	}{
		{"path", "metric=conversions&goal=g", 403}, {"type", "metric=conversions&goal=g", 403}, {"country", "metric=conversions&goal=g", 200}, {"revenue", "metric=revenue", 403}, {"props_num", "metric=revenue", 403},
		{"value", "metric=revenue", 200}, {"user_id", "metric=users", 403}, {"client_id", "metric=users", 403}, {"user_id", "metric=conversion_rate&goal=g", 403}, {"user_id", "metric=conversions&goal=g", 200},
	} {
		mask = c.mask
		if status, body, n := ask(c.query); status != c.want || status == 403 && n > 0 {
			t.Errorf("%s masked, %s: %d %s", c.mask, c.query, status, body)
		}
	}
}
