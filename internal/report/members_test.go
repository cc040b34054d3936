package report

import (
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

// TestMembersChangeNoAnswer: on random data, with links of all kinds and merges that are undone, an answer whose cohorts were found first is the one whose statements each find them.
func TestMembersChangeNoAnswer(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(5, 11))
	sites := map[string][]deed{}
	for round := range 3 {
		sites[fmt.Sprint("members", round)] = makeDeeds(rnd, 250, noon.AddDate(0, 0, -6), noon, round > 0, round > 1)
	}
	storeDeeds(t, c, sites)
	least, kept := 2, 0
	bodies := []catalog.Cohort{
		{Did: &catalog.Behaviour{Type: "buy", Filter: []string{"country:DE"}}, Within: "5d"},
		{Did: &catalog.Behaviour{}, Within: "3d", AtLeast: &least},
		{People: []string{"u3", "u7", "c1", "c2", "nobody"}},
		{People: []string{"nobody"}},
		{Step: 2, Funnel: json.RawMessage(`{"from":"2026-03-04","window":"35h","steps":[{"type":"signup"},{"type":"buy"}]}`)},
	}
	for round := range 3 {
		site := fmt.Sprint("members", round)
		src := testSources["site"]
		src.SiteID = site
		undone := fakeMerges{}
		r := newReporter(t, c, clock{asOf: noon}, Config{})
		r.deps.Streams, r.deps.Links, r.deps.Merges = c, seqs{1: 1000, 2: 1000}, undone
		saved := objects{}
		r.deps.Objects = saved
		for i, body := range bodies {
			saved.put(t, site, catalog.KindCohort, fmt.Sprint("x", i), body)
		}
		ctx := tenant.With(t.Context(), acmeViewer)
		for i := range 4 {
			if i == 2 { // half of all links are undone
				b := &builder{params: map[string]string{}}
				sql := "SELECT " + mergeID + " AS id FROM (\n" + b.links(r.linked("acme", site)) + "\n) ORDER BY id"
				if _, err := c.Rows(ctx, clickhouse.Statement{SQL: sql, Params: b.params}, func(row []any) error {
					if rnd.IntN(2) == 0 {
						undone[fmt.Sprint(row[0])] = true
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			a := ask{From: "6d", Bots: []string{BotsInclude, BotsExclude}[rnd.IntN(2)], Filter: []string{[]string{"", "!"}[rnd.IntN(2)] + fmt.Sprint("cohort:x", rnd.IntN(len(bodies)))}, Metric: [][]string{{"events"}, {"visitors", "users"}, {"sessions", "events"}}[rnd.IntN(3)],
				Interval: []string{"", "day"}[rnd.IntN(2)], GroupBy: [][]string{nil, {"country"}}[rnd.IntN(2)]}
			if rnd.IntN(2) == 0 {
				a.Filter = append(a.Filter, "!cohort:x0", "country:DE")
			}
			var answers [2]string
			for way := range answers {
				q, p := r.question(ctx, src, a)
				if p != nil {
					t.Fatal(p)
				}
				if way == 1 {
					if err := r.findMembers(ctx, &tally{}, q.cohorts()); err != nil {
						t.Fatal(err)
					}
				}
				k, err := r.answers(ctx, &tally{}, q, true, true)
				if err != nil {
					t.Fatal(err)
				}
				answers[way] = string(k.head) + string(k.tail)
			}
			if answers[0] != answers[1] {
				t.Errorf("%s, %+v:\n%s\nfound first:\n%s", site, a, answers[0], answers[1])
			}
			if strings.ContainsAny(strings.ReplaceAll(answers[1], "2026-03-", ""), "123456789") {
				kept++
			}
		}
	}
	if kept < 6 {
		t.Errorf("%d answers have numbers; the others compare nothing with nothing", kept)
	}
}

// TestCohortIsFoundOnce: of all statements of a question one finds the persons of a cohort, however often it is named, and the others are given them.
func TestCohortIsFoundOnce(t *testing.T) {
	saved := objects{}
	saved.put(t, "site", catalog.KindCohort, "did", catalog.Cohort{Did: &catalog.Behaviour{Type: "buy"}})
	saved.put(t, "site", catalog.KindSegment, "seg", catalog.Segment{Filter: []string{"cohort:did", "country:DE"}})
	saved.put(t, "site", catalog.KindGoal, "goal", catalog.Goal{Type: "signup", Filter: []string{"cohort:did"}})
	asked := func(r *Reporter, e *fakeEngine, path string) (find, given, all int) {
		e.got = nil
		if status, _, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/"+path, ""); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
		for _, s := range e.got {
			if strings.Contains(s.SQL, "HAVING count() >= ") {
				find++
			}
			if strings.Contains(fmt.Sprint(s.Params), "who-it-is") {
				given++
			}
		}
		return find, given, len(e.got)
	}
	e := &fakeEngine{answers: []fakeAnswer{{to: "buy", rows: `[[2,"who-it-is"]]`}, {rows: `[]`}}}
	r := newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
	r.deps.Objects = saved
	for path, least := range map[string]int{
		"report?metric=visitors,users,sessions&interval=day&compare=previous&filter=cohort:did&segment=seg": 8,
		"report?metric=users,conversions&goal=goal&filter=!cohort:did&group_by=country":                     2,
		"events?filter=cohort:did&from=30d":   5,
		"sessions?filter=cohort:did&from=30d": 2,
	} {
		if find, given, all := asked(r, e, path); find != 1 || given < least || given > all-1 {
			t.Errorf("%s: %d statements find the cohort's persons and %d of %d are given them, want 1 and %d at least", path, find, given, all, least)
		}
	}
	e.answers = []fakeAnswer{{rows: `[]`}}
	apart := func(s clickhouse.Statement) bool { return strings.HasPrefix(s.Comment, "cohort/") }
	if find, _, _ := asked(r, e, "report?metric=events&filter=cohort:did"); find != 1 || slices.ContainsFunc(e.got, apart) { // no other statement needs them
		t.Errorf("%d statements find the persons, one for itself: %v", find, !slices.ContainsFunc(e.got, apart))
	}

	// More than are passed on: each statement finds them, and for a while nobody tries again.
	rows := make([][]any, maxMembers+1)
	for i := range rows {
		rows[i] = []any{json.Number(fmt.Sprint(ofBoth)), fmt.Sprint("who-it-is-", i)}
	}
	e = &fakeEngine{answers: []fakeAnswer{{to: "many", rows: mustJSON(t, rows)}, {rows: `[]`}}}
	r = newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
	r.deps.Objects = saved
	saved.put(t, "site", catalog.KindCohort, "many", catalog.Cohort{Did: &catalog.Behaviour{Type: "buy", Filter: []string{"country:many"}}})
	for try, want := range []int{1, 0} {
		e.got = nil
		b := &builder{params: map[string]string{}, q: Question{}}
		q, p := r.question(tenant.With(t.Context(), acmeViewer), testSources["site"], ask{Filter: []string{"cohort:many"}})
		if p != nil {
			t.Fatal(p)
		}
		e.answers[0].to = clickhouse.ArrayParam([]string{"many"})
		e.got = nil
		if err := r.findMembers(t.Context(), &tally{}, q.cohorts()); err != nil || len(e.got) != want {
			t.Errorf("try %d: %d statements look for too many persons (%v), want %d", try, len(e.got), err, want)
		}
		if cond := b.conditions("f", q.Filters); !strings.Contains(cond, "HAVING count() >= ") {
			t.Errorf("try %d: too many persons are given to a statement: %s", try, cond)
		}
	}
	r.now = func() time.Time { return noon.Add(tiesFor) }
	e.answers[0].rows = mustJSON(t, rows[1:])
	q, p := r.question(tenant.With(t.Context(), acmeViewer), testSources["site"], ask{Filter: []string{"cohort:many"}})
	if p != nil {
		t.Fatal(p)
	}
	if err := r.findMembers(t.Context(), &tally{}, q.cohorts()); err != nil || q.Filters[0].Cohort.found == nil || len(q.Filters[0].Cohort.found.both) != maxMembers {
		t.Errorf("%v: %d persons are not passed on", err, maxMembers)
	}
}
