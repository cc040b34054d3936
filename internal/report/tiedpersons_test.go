package report

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"weir/internal/tenant"
	"weir/internal/testkit"
)

// TestTiedPersons: of persons with events at the same time only these events are read again, or all of theirs where they are many. The answer is that of a statement that reads the place of each event.
func TestTiedPersons(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(5, 21))
	var steps []step
	for client := range 90 {
		tied := client%3 > 0
		for range 10 {
			at := sessionStart.Add(time.Duration(rnd.IntN(120)) * time.Second)
			if !tied {
				at = at.Add(time.Duration(len(steps)%1000) * time.Millisecond)
			}
			steps = append(steps, step{at: at, client: fmt.Sprint("c", client), typ: []string{"a", "b", "c", "no"}[rnd.IntN(4)], country: []string{"DE", "FR", "US"}[rnd.IntN(3)], path: "/", host: "a.example", n: len(steps)})
		}
	}
	storeSteps(t, c, "tiedpersons", "site", 1, steps)
	r := newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
	r.deps.Streams, r.deps.Sources = c, sources{"site": {Tenant: "tiedpersons", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
	h := serve(r, tenant.Principal{Tenant: "tiedpersons", Role: tenant.RoleViewer, KeyID: "k"})
	met := map[string]int{}
	for _, more := range []string{`"order":"ordered"`, `"order":"strict"`, `"order":"any"`, `"order":"ordered","breakdown":"country"`, `"order":"any","breakdown":"country"`, `"order":"ordered","exclude":[{"type":"no","after":1,"before":3}]`} {
		body := `{"steps":[{"type":"a"},{"type":"b"},{"type":"c"}],"from":"2026-03-01","to":"2026-03-01","window":"40s",` + more + `}`
		ask := func() any {
			t.Helper()
			status, _, got := call(t, h, "POST", "/api/v1/analytics/site/funnel", body)
			if status != 200 {
				t.Fatalf("%s: %d %s", body, status, got)
			}
			return got
		}
		r.ties.sites = map[string]time.Time{"site": r.now()}
		want := ask()
		for name, bounds := range map[string]tiedBounds{"some events": maxTied, "few events": {events: 100, times: 2000}, "few times": {events: 100_000, times: 5}} {
			r.ties.sites, r.tied = nil, bounds
			if d := diff.Diff(want, ask()); d != "" {
				t.Errorf("%s, %s (-want +got):\n%s", more, name, d)
			}
			if r.ties.many("site", r.now()) {
				met[name]++
			}
		}
	}
	if len(met) != 3 {
		t.Errorf("ties were met in %v", met)
	}
}
