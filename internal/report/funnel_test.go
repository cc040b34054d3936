package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// oracleFunnel answers a funnel by trying, for each person, every choice of events. Its answer is, by person, the times of the best attempt, and the event that it begins with.
type oracleFunnel struct {
	ask    FunnelQuery
	window time.Duration
	from   time.Time
	to     time.Time
}

func passes(e personEvent, typ string, filters texts) bool {
	if typ != "" && e.Type != typ {
		return false
	}
	for _, f := range filters {
		name, value, _ := strings.Cut(f, ":")
		name, not := strings.CutPrefix(name, "!")
		have := map[string]string{"path": e.Path, "country": e.Country, "type": e.Type, "props.plan": e.Props["plan"]}[name]
		hit := slices.Contains(strings.Split(value, "|"), have)
		if part, contains := strings.CutPrefix(value, "~"); contains {
			hit = strings.Contains(have, part)
		}
		if hit == not {
			return false
		}
	}
	return true
}

type attempt []personEvent

func (o oracleFunnel) best(events []personEvent) attempt {
	var best []int
	n := len(o.ask.Steps)
	serves := func(q, s int) bool { return passes(events[q], o.ask.Steps[s].Type, o.ask.Steps[s].Filter) }
	ok := func(chain []int) bool {
		last := len(chain) - 1
		if events[chain[last]].at.Sub(events[chain[0]].at) > o.window {
			return false
		}
		for i := 1; i <= last && o.ask.Order == "strict"; i++ {
			for q := chain[i-1] + 1; q < chain[i]; q++ {
				action := !slices.Contains([]string{"engagement", "scroll", "identify", "alias", "group"}, events[q].Type)
				for s := range n {
					action = action || serves(q, s)
				}
				if action {
					return false
				}
			}
		}
		for _, x := range o.ask.Exclude {
			if x.After > last {
				continue
			}
			for q := chain[x.After-1] + 1; q < chain[min(x.Before-1, last)]; q++ {
				if passes(events[q], x.Type, x.Filter) {
					return false
				}
			}
		}
		return true
	}
	better := func(c []int) bool {
		if len(c) != len(best) {
			return len(c) > len(best)
		}
		if o.ask.Order == "any" {
			return slices.Compare(c, best) < 0
		}
		if c[0] != best[0] {
			return c[0] < best[0]
		}
		for i := len(c) - 1; i > 0; i-- {
			if c[i] != best[i] {
				return c[i] < best[i]
			}
		}
		return false
	}
	var extend func(chain []int, used uint32)
	extend = func(chain []int, used uint32) {
		if len(chain) > 0 && better(chain) {
			best = slices.Clone(chain)
		}
		from := 0
		if len(chain) > 0 {
			from = chain[len(chain)-1] + 1
		}
		for q := from; q < len(events); q++ {
			for s := range n {
				if used&(1<<s) != 0 || o.ask.Order != "any" && s != len(chain) || !serves(q, s) {
					continue
				}
				if next := append(slices.Clone(chain), q); ok(next) {
					extend(next, used|1<<s)
				}
			}
		}
	}
	extend(nil, 0)
	var out attempt
	for _, q := range best {
		out = append(out, events[q])
	}
	return out
}

// attempts are those of all persons.
func (o oracleFunnel) attempts(all []personEvent, personOf func(personEvent) string) map[string]attempt {
	by := map[string][]personEvent{}
	for _, e := range all {
		bot := o.ask.Bots == "include" || o.ask.Bots == "" && o.ask.Breakdown == "is_bot" || e.Bot == (o.ask.Bots == "only")
		if p := personOf(e); p != "" && bot && passes(e, "", o.ask.Filter) && !e.at.Before(o.from) && e.at.Before(o.to) {
			by[p] = append(by[p], e)
		}
	}
	out := map[string]attempt{}
	for p, events := range by {
		slices.SortFunc(events, personEvent.compare)
		if a := o.best(events); len(a) > 0 {
			out[p] = a
		}
	}
	return out
}

// steps are the rows of the answer for some persons.
func (o oracleFunnel) steps(attempts map[string]attempt, keep func(attempt) bool) []FunnelStep {
	n := len(o.ask.Steps)
	count, took := make([]uint64, n), make([][]float64, n)
	for _, a := range attempts {
		if !keep(a) {
			continue
		}
		for i := range a {
			count[i]++
			if i > 0 {
				took[i] = append(took[i], a[i].at.Sub(a[i-1].at).Seconds())
			}
		}
	}
	rows := make([]FunnelStep, n)
	for i := range rows {
		rows[i] = FunnelStep{Step: i + 1, Count: count[i]}
		if count[0] > 0 {
			rows[i].Conversion = float64(count[i]) / float64(count[0])
		}
		if prev := count[max(0, i-1)]; prev > 0 {
			rows[i].StepConversion = float64(count[i]) / float64(prev)
		}
		if i > 0 {
			rows[i].Dropped = count[i-1] - count[i]
			if slices.Sort(took[i]); len(took[i]) > 0 {
				m := (took[i][(len(took[i])-1)/2] + took[i][len(took[i])/2]) / 2
				rows[i].MedianSeconds = &m
			}
		}
	}
	return rows
}

// funnelWorld adds to linkedEvents what steps look at.
func funnelWorld(rnd *rand.Rand, tenant string, n int) []personEvent {
	events := linkedEvents(rnd, tenant, "site", n, n/12, rnd.IntN(2) == 0)
	for i := range events {
		e := &events[i]
		e.Path = []string{"/", "/a", "/b", "/c"}[rnd.IntN(4)]
		e.Country = []string{"DE", "FR", ""}[rnd.IntN(3)]
		e.Bot = rnd.IntN(12) == 0
		if rnd.IntN(2) == 0 {
			e.Props["plan"] = []string{"pro", "free"}[rnd.IntN(2)]
		}
		if e.Type == "pageview" && rnd.IntN(3) == 0 {
			e.Type = []string{"click", "scroll", "engagement", "group", "signup"}[rnd.IntN(5)]
		}
	}
	return events
}

// drawFunnel makes a funnel about a funnelWorld.
func drawFunnel(rnd *rand.Rand) (FunnelQuery, time.Duration) {
	match := func() (string, texts) {
		var f texts
		for _, x := range []string{"path:/a", "path:/a|/b", "!path:/c", "country:DE", "props.plan:pro", "path:~/", "!country:FR|", "path:/", "!props.plan:free"} {
			if rnd.IntN(12) == 0 {
				f = append(f, x)
			}
		}
		typ := []string{"pageview", "pageview", "click", "signup", "scroll", "group", ""}[rnd.IntN(7)]
		if typ == "" && len(f) == 0 {
			typ = "pageview"
		}
		return typ, f
	}
	a := FunnelQuery{From: "2026-03-10", To: "2026-03-10", Order: orderNames[rnd.IntN(3)], Bots: []string{"", "exclude", "include", "only"}[rnd.IntN(4)]}
	for range 2 + rnd.IntN(3) {
		typ, f := match()
		a.Steps = append(a.Steps, askedStep{Type: typ, Filter: f})
	}
	for range rnd.IntN(3) {
		if a.Order == "any" {
			break
		}
		typ, f := match()
		after := 1 + rnd.IntN(len(a.Steps)-1)
		a.Exclude = append(a.Exclude, askedExclusion{Type: typ, Filter: f, After: after, Before: after + 1 + rnd.IntN(len(a.Steps)-after)})
	}
	if rnd.IntN(4) == 0 {
		a.Filter = texts{"!path:/c"}
	}
	a.Breakdown = []string{"", "country", "props.plan", "is_bot"}[rnd.IntN(4)]
	window := time.Duration(rnd.IntN(4)) * 10 * time.Second
	if a.Window = fmt.Sprint(int(window.Seconds()), "s"); window == 0 {
		a.Window, window = "", defaultWindow
	}
	return a, window
}

// checkFunnel compares an answer about a tenant's site with the oracle.
func checkFunnel(t *testing.T, h http.Handler, o oracleFunnel, attempts map[string]attempt) {
	t.Helper()
	body, _ := json.Marshal(o.ask)
	status, _, text := call(t, h, "POST", "/api/v1/analytics/site/funnel", string(body))
	var got Funnel
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != 200 {
		t.Fatalf("%d %s\n%s", status, text, body)
	}
	unnamed := func(steps []FunnelStep) []FunnelStep {
		for i := range steps {
			steps[i].Name = ""
		}
		return steps
	}
	if diff := gocmp.Diff(o.steps(attempts, func(attempt) bool { return true }), unnamed(got.Steps)); diff != "" {
		t.Fatalf("%s\n(-want +got)\n%s", body, diff)
	}
	if o.ask.Breakdown == "" {
		return
	}
	valueOf := func(a attempt) string {
		return map[string]string{"country": a[0].Country, "props.plan": a[0].Props["plan"], "is_bot": fmt.Sprint(a[0].Bot)}[o.ask.Breakdown]
	}
	values := map[string]uint64{}
	for _, a := range attempts {
		values[valueOf(a)]++
	}
	want := []FunnelGroup{}
	for v := range values {
		want = append(want, FunnelGroup{v, o.steps(attempts, func(a attempt) bool { return valueOf(a) == v })})
	}
	slices.SortFunc(want, func(a, b FunnelGroup) int {
		return cmp.Or(cmp.Compare(values[b.Value], values[a.Value]), cmp.Compare(a.Value, b.Value))
	})
	for i := range got.Breakdown {
		unnamed(got.Breakdown[i].Steps)
	}
	if diff := gocmp.Diff(want, got.Breakdown); diff != "" {
		t.Fatalf("%s\nbreakdown (-want +got)\n%s", body, diff)
	}
}

// checkFunnelPeople compares pages of persons with the oracle.
func checkFunnelPeople(t *testing.T, h http.Handler, o oracleFunnel, attempts map[string]attempt, personOf func(personEvent) string, step int, dropped bool) {
	t.Helper()
	var want, got []string
	for p, a := range attempts {
		at := step - 1
		if dropped {
			at--
		}
		if len(a) > at && (!dropped || len(a) == at+1) {
			want = append(want, p+" "+formatTime(a[at].at))
		}
	}
	slices.Sort(want)
	raw, _ := json.Marshal(o.ask)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	body["step"], body["dropped"], body["limit"] = step, dropped, 7
	for cursor := ""; ; {
		body["cursor"] = cursor
		text, _ := json.Marshal(body)
		status, _, answer := call(t, h, "POST", "/api/v1/analytics/site/funnel/people", string(text))
		var page FunnelPeople
		if err := json.Unmarshal([]byte(answer), &page); err != nil || status != 200 || len(page.People) > 7 {
			t.Fatalf("%d %s\n%s", status, answer, text)
		}
		for _, p := range page.People {
			got = append(got, p.Person+" "+p.ReachedAt)
			for _, id := range p.ClientIDs {
				if owner := personOf(personEvent{Client: id}); owner != p.Person && !strings.HasPrefix(p.Person, "u") {
					t.Errorf("client %s is said to be of %s", id, p.Person)
				}
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%s, persons at step %d, dropped %v (-want +got)\n%s", raw, step, dropped, diff)
	}
}

// TestFunnelRefusals: what cannot be is told by the field, with what to do.
func TestFunnelRefusals(t *testing.T) {
	r := newReporter(t, &fakeEngine{answers: []fakeAnswer{{rows: `[[0,0]]`}}}, clock{asOf: noon}, Config{})
	r.deps.Masks = func(tenant.ID) []catalog.Mask {
		return []catalog.Mask{{Column: "country", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHash}, {Column: "user_id", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHash}}
	}
	h := serve(r, acmeViewer)
	const two = `"steps":[{"type":"a"},{"type":"b"}]`
	many := strings.Repeat(`{"type":"a"},`, 33)
	check := func(path, body string, status int, field, hint string) {
		t.Helper()
		got, _, text := call(t, h, "POST", "/api/v1/analytics/site/"+path, body)
		var p struct{ Field, Code string }
		if got != status || json.Unmarshal([]byte(text), &p) != nil || p.Field != field || strings.ContainsAny(p.Code, "[].0123456789") || !strings.Contains(text, hint) {
			t.Errorf("%s: %d %s; want %d of the field %q, saying %q", body, got, text, status, field, hint)
		}
	}
	check("funnel", `{}`, 422, "steps", "it must have 2 to 32")
	check("funnel", `{"steps":[]}`, 422, "steps", "for example")
	check("funnel", `{"steps":[{"type":"a"}]}`, 422, "steps", "has 1 step, it must")
	check("funnel", `{"steps":[`+strings.TrimSuffix(many, ",")+`]}`, 422, "steps", "33 steps")
	check("funnel", `{"steps":[{"type":"a"},{}]}`, 422, "steps[1].type", "give it a type")
	check("funnel", `{"steps":[{"type":"a"},{"type":"b","filter":["contry:DE"]}]}`, 422, "steps[1].filter", "did you mean country?")
	check("funnel", `{"steps":[{"type":"a"},{"type":"b","filter":["entry_pth:/"]}]}`, 422, "steps[1].filter", "did you mean entry_path?")
	check("funnel", `{"steps":[{"type":"a"},{"goal":"nope"}]}`, 422, "steps[1].goal", "there is no goal")
	check("funnel", `{"steps":[{"type":"a"},{"type":"`+strings.Repeat("x", 300)+`"}]}`, 422, "steps[1].type", "256 bytes")
	check("funnel", `{`+two+`,"window":"0h"}`, 422, "window", "at most 366d")
	check("funnel", `{`+two+`,"window":"0s"}`, 422, "window", "more than 0")
	check("funnel", `{`+two+`,"window":"367d"}`, 422, "window", "at most 366d")
	check("funnel", `{`+two+`,"window":"-1d"}`, 422, "window", "at most 366d")
	check("funnel", `{`+two+`,"window":"d"}`, 422, "window", "such as")
	check("funnel", `{`+two+`,"order":"stric"}`, 422, "order", "did you mean strict?")
	check("funnel", `{`+two+`,"from":"2026-03-05","to":"2026-03-01"}`, 422, "from", "exchange them")
	check("funnel", `{`+two+`,"filter":["pth:/"]}`, 422, "filter", "did you mean path?")
	check("funnel", `{`+two+`,"bots":"exclud"}`, 422, "bots", "did you mean exclude?")
	check("funnel", `{`+two+`,"breakdown":"browsr"}`, 422, "breakdown", "did you mean browser?")
	check("funnel", `{`+two+`,"breakdown":"country"}`, 403, "breakdown", "masked")
	check("funnel", `{`+two+`,"limit":-1}`, 422, "limit", "between 1")
	check("funnel", `{`+two+`,"segment":"x"}`, 422, "segment", "there is no segment")
	check("funnel", `{`+two+`,"exclude":[{"type":"x","after":2,"before":1}]}`, 422, "exclude[0].after", "before a later one")
	check("funnel", `{`+two+`,"exclude":[{"type":"x","after":1,"before":3}]}`, 422, "exclude[0].before", "of 1 to 2")
	check("funnel", `{`+two+`,"exclude":[{"type":"x"}]}`, 422, "exclude[0].after", "write for example")
	check("funnel", `{`+two+`,"exclude":[{"after":1,"before":2}]}`, 422, "exclude[0].type", "names no event")
	check("funnel", `{`+two+`,"order":"any","exclude":[{"type":"x","after":1,"before":2}]}`, 422, "exclude", "order")
	check("funnel/people", `{`+two+`,"step":3}`, 422, "step", "between 1 and 2")
	check("funnel/people", `{`+two+`,"step":0}`, 422, "step", "step is 0, it must be between 1 and 2")
	check("funnel/people", `{`+two+`,"step":-1}`, 422, "step", "between 1 and 2")
	check("funnel/people", `{`+two+`,"step":1,"dropped":true}`, 422, "step", "between 2 and 2")
	check("funnel/people", `{`+two+`,"limit":2000}`, 422, "limit", "between 1 and 1000")
	check("funnel/people", `{`+two+`,"cursor":"!"}`, 422, "cursor", "first page")
	check("funnel/people", `{`+two+`}`, 403, "people", "masked") // who they are is hidden, counting them is not
	check("funnel", `{`+two+`,"filter":["country:DE"]}`, 403, "filter", "masked")
	check("funnel", `{"steps":[{"type":"a"},{"filter":["country:DE"]}]}`, 403, "steps", "masked")
	bound := serve(r, tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, KeyID: "k", Site: "berlin"})
	if status, _, text := call(t, bound, "POST", "/api/v1/analytics/site/funnel", `{`+two+`}`); status != 404 {
		t.Errorf("a key of another site: %d %s", status, text)
	}
}

// TestFunnelEqualsOracle asks random funnels about random events, with ties, merges, robots and exclusions.
func TestFunnelEqualsOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(13, 12))
	reached, kept := map[int]int{}, 0
	for round := range 5 {
		name := fmt.Sprint("funnel", round)
		events := funnelWorld(rnd, name, 60+rnd.IntN(100))
		if round%2 == 1 { // nothing is linked: persons are known before the events are grouped
			events = slices.DeleteFunc(events, func(e personEvent) bool { return e.Type == rollup.TypeIdentify || e.Type == rollup.TypeAlias })
		}
		for i := range events { // seconds, so that windows cut; few, so that there are ties, in each second world many
			events[i].at = noon.Add(time.Duration(rnd.IntN(40)) * time.Second)
			if round%2 == 1 && rnd.IntN(4) > 0 {
				events[i].at = events[i].at.Add(time.Duration(rnd.IntN(8)) * 125 * time.Millisecond)
			}
			if rnd.IntN(10) == 0 {
				events[i].at = events[i].at.Add(12 * time.Hour) // out of the range
			}
		}
		storePersons(t, c, append(slices.Clone(events), funnelWorld(rnd, name+"x", 40)...))
		r := newReporter(t, c, clock{asOf: noon, positions: map[string]map[uint16]uint64{"links": {}}}, Config{})
		r.deps.Links = seqs{1: 1000, 2: 1000} // behind the position: it reads the events
		r.deps.Streams, r.deps.Sources = c, sources{"site": catalog.Source{Tenant: tenant.ID(name), SiteID: "site"}}
		h := serve(r, tenant.Principal{Tenant: tenant.ID(name), Role: tenant.RoleViewer, KeyID: "k"})
		personOf := personsOf(events, nil)
		for range 8 {
			ask, window := drawFunnel(rnd)
			o := oracleFunnel{ask, window, noon.Truncate(24 * time.Hour), noon.Truncate(24 * time.Hour).Add(24 * time.Hour)}
			if rnd.IntN(2) == 0 {
				r.ties.sites = nil // asked anew, in one or two statements
				r.tied = []tiedBounds{maxTied, {events: 20, times: 2000}, {events: 100_000, times: 3}}[kept%3]
				kept++
			}
			attempts := o.attempts(events, personOf)
			for _, a := range attempts {
				reached[len(a)]++
			}
			checkFunnel(t, h, o, attempts)
			step := 1 + rnd.IntN(len(ask.Steps))
			if rnd.IntN(2) == 0 {
				continue
			}
			checkFunnelPeople(t, h, o, attempts, personOf, step, step > 1 && rnd.IntN(2) == 0)
		}
	}
	if reached[3]+reached[4]+reached[5] < 15 {
		t.Errorf("the funnels are too hard: %v", reached)
	}
}
