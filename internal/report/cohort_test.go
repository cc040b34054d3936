package report

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// objects are saved objects of a site, by kind and id.
type objects map[string]catalog.Saved

func (o objects) Saved(_ context.Context, t tenant.ID, kind, id string) (catalog.Saved, error) {
	s, ok := o[kind+"/"+id]
	if !ok || s.Tenant != t {
		return catalog.Saved{}, catalog.ErrNotFound
	}
	return s, nil
}

func (o objects) put(t testing.TB, site, kind, id string, body any) {
	t.Helper()
	o[kind+"/"+id] = catalog.Saved{Tenant: "acme", Kind: kind, Site: site, ID: id, Name: "named " + id, Version: 1, Body: []byte(mustJSON(t, body))}
}

// byPerson are the deeds of each person that are not robots', in order.
func byPerson(deeds []deed, who func(deed) string) map[string][]deed {
	all := map[string][]deed{}
	for _, d := range deeds {
		if p := who(d); p != "" && !d.bot && d.ts.Before(noon) {
			all[p] = append(all[p], d)
		}
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b deed) int { return a.ts.Compare(b.ts) })
	}
	return all
}

// signedUpAndBought says whether a purchase in Germany came behind a sign-up, within the window.
func signedUpAndBought(deeds []deed, window time.Duration) bool {
	for i, d := range deeds {
		for _, later := range deeds[i+1:] {
			if d.typ == "signup" && later.typ == "buy" && later.country == "DE" && later.ts.Sub(d.ts) <= window {
				return true
			}
		}
	}
	return false
}

// TestCohortsEqualOracle: on random data, with linked ids and without, a filter on a cohort keeps the events of its persons and no others.
func TestCohortsEqualOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(3, 9))
	from, to := noon.AddDate(0, 0, -6), noon
	sites := map[string][]deed{}
	for round := range 3 {
		sites[fmt.Sprint("cohorts", round)] = makeDeeds(rnd, 300, from, to, round > 0, round > 1)
	}
	storeDeeds(t, c, sites)
	for round := range 3 {
		site := fmt.Sprint("cohorts", round)
		deeds := sites[site]
		src := testSources["site"]
		src.SiteID = site
		who := personOf(deeds)
		r := newReporter(t, c, clock{asOf: noon}, Config{})
		r.deps.Streams, r.deps.Links = c, seqs{1: 1000, 2: 1000} // it asks for the site's links once
		for i := range 6 {
			saved := objects{}
			r.deps.Objects = saved
			days, least := 1+rnd.IntN(6), 1+rnd.IntN(4)
			typ := []string{"", "buy", "signup"}[rnd.IntN(3)]
			in := map[string]bool{}
			if i%3 == 0 {
				saved.put(t, site, catalog.KindCohort, "x", catalog.Cohort{Step: 2, Funnel: json.RawMessage(`{"from":"2026-03-04","window":"35h","steps":[{"type":"signup"},{"type":"buy","filter":["country:DE"]}]}`)})
				for p, all := range byPerson(deeds, who) {
					in[p] = signedUpAndBought(all, 35*time.Hour)
				}
			} else if i%3 == 1 {
				ids := []string{"u3", "u7", "c1", "c2", "nobody"}
				saved.put(t, site, catalog.KindCohort, "x", catalog.Cohort{People: ids})
				for _, id := range ids {
					in[who(deed{user: id})], in[who(deed{client: id})] = true, true
				}
			} else {
				saved.put(t, site, catalog.KindCohort, "x", catalog.Cohort{Did: &catalog.Behaviour{Type: typ, Filter: []string{"country:DE"}}, Within: fmt.Sprint(days, "d"), AtLeast: &least})
				n := map[string]int{}
				for _, d := range deeds {
					if (typ == "" || d.typ == typ) && !d.bot && d.country == "DE" && !d.ts.Before(noon.AddDate(0, 0, -days)) && d.ts.Before(noon) && who(d) != "" {
						n[who(d)]++
					}
				}
				for p, k := range n {
					in[p] = k >= least
				}
			}
			for _, not := range []bool{false, true} {
				filter := "cohort:x"
				if not {
					filter = "!cohort:x"
				}
				want := 0
				for _, d := range deeds {
					if (in[who(d)] && who(d) != "") != not && !d.ts.Before(from) && d.ts.Before(noon) {
						want++
					}
				}
				q, p := ask{From: from.Format(time.RFC3339), To: noon.Format(time.RFC3339), Bots: BotsInclude}.question(src, noon, time.LoadLocation)
				if p != nil {
					t.Fatal(p)
				}
				if q.Filters, p = r.filters(tenant.With(t.Context(), acmeViewer), src, []string{filter}, ""); p != nil {
					t.Fatal(p)
				}
				for _, first := range []bool{false, true} { // its persons are found by the statement, or before it
					if first {
						if err := r.findMembers(t.Context(), &tally{}, q.cohorts()); err != nil {
							t.Fatal(err)
						}
					}
					rows, err := r.Answer(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if got := mustJSON(t, rows); got != fmt.Sprintf(`[{"events":%d}]`, want) {
						t.Errorf("site %s, %s, %s, found first %v: %s, want %d of %d", site, filter, saved["cohort/x"].Body, first, got, want, len(deeds))
					}
				}
			}
		}
	}
}

// TestSegmentsAndCohortsInQuestions: every question takes both, refuses what there is not, and keeps the masks of what they look at.
func TestSegmentsAndCohortsInQuestions(t *testing.T) {
	saved := objects{}
	saved.put(t, "site", catalog.KindSegment, "seg", catalog.Segment{Filter: []string{"country:DE", "cohort:did"}})
	saved.put(t, "site", catalog.KindCohort, "did", catalog.Cohort{Did: &catalog.Behaviour{Type: "buy", Filter: []string{"path:/x"}}})
	saved.put(t, "site", catalog.KindCohort, "self", catalog.Cohort{Step: 1, Funnel: json.RawMessage(`{"segment":"self","steps":[{"type":"a"},{"type":"b"}]}`)})
	saved.put(t, "site", catalog.KindCohort, "funnel", catalog.Cohort{Step: 1, Funnel: json.RawMessage(`{"steps":[{"type":"a"},{"type":"b","filter":["path:/"]}]}`)})
	saved.put(t, "site", catalog.KindSegment, "self", catalog.Segment{Filter: []string{"cohort:self"}})
	saved.put(t, "site", catalog.KindCohort, "list", catalog.Cohort{People: []string{"a"}})
	saved.put(t, "berlin", catalog.KindCohort, "theirs", catalog.Cohort{People: []string{"a"}})
	saved.put(t, "berlin", catalog.KindSegment, "theirs", catalog.Segment{Filter: []string{"country:DE"}})
	masks := []catalog.Mask{}
	for _, path := range []string{"report", "retention", "sessions"} {
		ask := func(query string) (int, string, []string) {
			e := &fakeEngine{answers: []fakeAnswer{{rows: `[]`}}}
			r := newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
			r.deps.Objects, r.deps.Masks = saved, func(tenant.ID) []catalog.Mask { return masks }
			status, _, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/"+path+"?"+query, "")
			var sql []string
			for _, s := range e.got {
				sql = append(sql, s.SQL+fmt.Sprint(s.Params))
			}
			return status, body, sql
		}
		masks = nil
		status, body, sql := ask("segment=seg")
		if status != 200 || !slices.ContainsFunc(sql, func(s string) bool {
			return strings.Contains(s, "HAVING count() >= ") && strings.Contains(s, "/x") && strings.Contains(s, "buy")
		}) || !strings.Contains(sql[len(sql)-1], "DE") {
			t.Errorf("%s: %d %s\n%s", path, status, body, sql)
		}
		for query, field := range map[string]string{"segment=none": "segment", "segment=theirs": "segment", "segment=%ff": "segment", "filter=cohort:none": "filter", "segment=self": "question.funnel.filter", "filter=cohort:theirs": "filter",
			"filter=cohort:": "filter", "filter=cohort:a|b": "filter", "filter=cohort:~did": "filter"} {
			status, body, sql := ask(query)
			var p struct{ Field string }
			if err := json.Unmarshal([]byte(body), &p); err != nil || status != 422 || p.Field != field || len(sql) > 0 {
				t.Errorf("%s?%s: %d %s, %d statements", path, query, status, body, len(sql))
			}
		}
		for column, queries := range map[string]map[string]int{
			"path": {"filter=cohort:did": 403, "segment=seg": 403, "filter=!cohort:did": 403, "filter=cohort:list": 200, "filter=cohort:funnel": 403}, "country": {"segment=seg": 403, "filter=cohort:did": 200},
			"user_id": {"filter=cohort:list": 403, "filter=cohort:did": 200},
		} {
			masks = []catalog.Mask{{Column: column, Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHash}}
			for query, want := range queries {
				if path == "sessions" && column == "user_id" {
					want = 403 // sessions name visitors
				}
				if status, body, _ := ask(query); status != want {
					t.Errorf("%s masked, %s?%s: %d %s, want %d", column, path, query, status, body, want)
				}
			}
		}
	}
}

// TestCohortOfAFunnelIsBounded: a cohort of a funnel has 100 000 persons, not one more, and no more bytes of ids than fit into a statement; what is more is refused with the limit and what to do.
func TestCohortOfAFunnelIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("200 000 events")
	}
	c := testkit.Engine(t)
	persons := func(site string, from, to, length int) {
		t.Helper()
		sql := fmt.Sprintf(`INSERT INTO weir.events (tenant, site_id, ts, type, client_id, _writer, _seq, _partition, _offset, _row)
SELECT 'acme', '%s', toDateTime64('2026-03-09 12:00:00', 3, 'UTC') + number %% 2, if(number %% 2 = 0, 'a', 'b'), leftPad(toString(intDiv(number, 2)), %d, 'p'), 1, 1, 1, number, 0 FROM numbers(%d, %d)`,
			site, length, 2*from, 2*(to-from))
		if _, err := c.Exec(t.Context(), clickhouse.Statement{SQL: sql}); err != nil {
			t.Fatal(err)
		}
	}
	r := newReporter(t, c, clock{asOf: noon}, Config{})
	r.deps.Streams, r.deps.Links = c, seqs{1: 1000, 2: 1000}
	saved := objects{}
	r.deps.Objects = saved
	check := func(site string, want int) {
		t.Helper()
		src := testSources["site"]
		src.SiteID = site
		saved.put(t, site, catalog.KindCohort, "x", catalog.Cohort{Step: 2, Funnel: json.RawMessage(`{"from":"2026-03-09","to":"2026-03-09","steps":[{"type":"a"},{"type":"b"}]}`)})
		q, p := ask{From: "2026-03-09", To: "2026-03-09"}.question(src, noon, time.LoadLocation)
		if p != nil {
			t.Fatal(p)
		}
		q.Filters, p = r.filters(tenant.With(t.Context(), acmeViewer), src, []string{"cohort:x"}, "")
		if want < 0 {
			if p == nil || p.Code != "cohort_too_large" || p.Status != 422 || p.Field != "filter" || !strings.Contains(p.Detail, "shorter range") {
				t.Errorf("%s: %v", site, p)
			}
			return
		}
		if p != nil {
			t.Fatalf("%s: %v", site, p)
		}
		rows, err := r.Answer(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustJSON(t, rows); got != fmt.Sprintf(`[{"events":%d}]`, want) {
			t.Errorf("%s: %s, want %d", site, got, want)
		}
	}
	persons("cap", 0, maxFunnelCohort, 6)
	check("cap", 2*maxFunnelCohort)
	persons("cap", maxFunnelCohort, maxFunnelCohort+1, 6)
	check("cap", -1)
	persons("capbytes", 0, maxFunnelCohortBytes/100+1, 100)
	check("capbytes", -1)
}
