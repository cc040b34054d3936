package report

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// oracleWays walks from each person's first anchor, event by event.
func oracleWays(a PathsQuery, events []personEvent, personOf func(personEvent) string) [][]string {
	by := map[string][]personEvent{}
	for _, e := range events {
		if p := personOf(e); p != "" && !e.Bot && passes(e, "", a.Filter) && e.at.Before(noon.Truncate(24*time.Hour).Add(24*time.Hour)) {
			by[p] = append(by[p], e)
		}
	}
	var out [][]string
	for _, list := range by {
		slices.SortFunc(list, personEvent.compare)
		at := slices.IndexFunc(list, func(e personEvent) bool {
			return e.Type == a.Anchor.Type && (a.Anchor.Path == "" || e.Path == a.Anchor.Path)
		})
		if at < 0 {
			continue
		}
		label := list[at].Path
		if a.Anchor.Type != "pageview" {
			label = a.Anchor.Type
		}
		way, last, step := []string{label}, list[at], 1
		if a.Direction == "previous" {
			step = -1
		}
		for i := at + step; i >= 0 && i < len(list) && len(way) <= *a.Depth; i += step {
			if list[i].Type != "pageview" {
				continue
			}
			if list[i].at.Sub(last.at).Abs() > 30*time.Minute {
				break
			}
			if last = list[i]; last.Path != way[len(way)-1] {
				way = append(way, last.Path)
			}
		}
		if len(way) <= *a.Depth {
			way = append(way, map[string]string{"previous": "entry", "next": "exit"}[a.Direction])
		}
		out = append(out, way)
	}
	return out
}

// oracleGraph counts nodes and links, in lines.
func oracleGraph(a PathsQuery, all [][]string) []string {
	counts := make([]map[string]int, *a.Depth+1)
	for i := range counts {
		counts[i] = map[string]int{}
	}
	isEnd := func(s string) bool { return s == "exit" || s == "entry" }
	for _, w := range all {
		for i, s := range w {
			if !isEnd(s) {
				counts[i][s]++
			}
		}
	}
	shown := func(i int, s string) string {
		if isEnd(s) {
			return s
		}
		better := 0
		for o, n := range counts[i] {
			if n > counts[i][s] || n == counts[i][s] && o < s {
				better++
			}
		}
		if better >= *a.Limit {
			return "other"
		}
		return s
	}
	lines := map[string]int{}
	for _, w := range all {
		for i, s := range w {
			lines[fmt.Sprint("node ", i, " ", shown(i, s))]++
			if i > 0 {
				lines[fmt.Sprint("link ", i, " ", shown(i-1, w[i-1]), " ", shown(i, s))]++
			}
		}
	}
	var out []string
	for l, n := range lines {
		out = append(out, fmt.Sprint(l, " = ", n))
	}
	slices.Sort(out)
	return out
}

func answeredGraph(t *testing.T, h http.Handler, a PathsQuery) []string {
	t.Helper()
	body, _ := json.Marshal(a)
	status, _, text := call(t, h, "POST", "/api/v1/analytics/site/paths", string(body))
	var got Paths
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != 200 {
		t.Fatalf("%d %s\n%s", status, text, body)
	}
	nodes := map[string]PathNode{}
	var out []string
	for _, n := range got.Nodes {
		nodes[n.ID] = n
		out = append(out, fmt.Sprint("node ", n.Step, " ", n.Path, " = ", n.People))
	}
	if len(nodes) != len(got.Nodes) {
		t.Errorf("two nodes have one id: %s", text)
	}
	for _, l := range got.Links {
		out = append(out, fmt.Sprint("link ", nodes[l.Target].Step, " ", nodes[l.Source].Path, " ", nodes[l.Target].Path, " = ", l.People))
	}
	slices.Sort(out)
	return out
}

// TestPathsEqualOracle asks about random events, with ties, merges, robots and pauses.
func TestPathsEqualOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(31, 32))
	links := 0
	for round := range 3 {
		name := fmt.Sprint("paths", round)
		events := funnelWorld(rnd, name, 150)
		for i := range events {
			events[i].at = noon.Add(time.Duration(rnd.IntN(40)) * 5 * time.Minute)
			if rnd.IntN(12) == 0 {
				events[i].at = events[i].at.Add(12 * time.Hour) // out of the range
			}
		}
		storePersons(t, c, append(slices.Clone(events), funnelWorld(rnd, name+"x", 40)...))
		r := newReporter(t, c, clock{asOf: noon, positions: map[string]map[uint16]uint64{"links": {}}}, Config{})
		r.deps.Links, r.deps.Streams = seqs{1: 1000, 2: 1000}, c
		r.deps.Sources = sources{"site": catalog.Source{Tenant: tenant.ID(name), SiteID: "site"}}
		h := serve(r, tenant.Principal{Tenant: tenant.ID(name), Role: tenant.RoleViewer, KeyID: "k"})
		personOf := personsOf(events, nil)
		for range 8 {
			a := PathsQuery{From: "2026-03-10", To: "2026-03-10", Direction: directionNames[rnd.IntN(2)], Depth: new(1 + rnd.IntN(4)), Limit: new(1 + rnd.IntN(4)),
				Anchor: PathAnchor{Type: []string{"pageview", "pageview", "signup"}[rnd.IntN(3)], Path: []string{"", "/a", "/b"}[rnd.IntN(3)]}}
			if rnd.IntN(3) == 0 {
				a.Filter = texts{"!country:FR"}
			}
			want := oracleGraph(a, oracleWays(a, events, personOf))
			links += len(want)
			if diff := cmp.Diff(want, append([]string(nil), answeredGraph(t, h, a)...)); diff != "" {
				t.Fatalf("%+v (-want +got)\n%s", a, diff)
			}
		}
	}
	if links < 150 {
		t.Errorf("only %d nodes and links in all", links)
	}
}

func TestPathsRefusals(t *testing.T) {
	r := newReporter(t, &fakeEngine{answers: []fakeAnswer{{rows: `[[0,0]]`}}}, clock{asOf: noon}, Config{})
	h := serve(r, acmeViewer)
	check := func(method, target, body string, status int, field string) {
		t.Helper()
		got, _, text := call(t, h, method, "/api/v1/analytics/site/paths"+target, body)
		var p struct{ Field string }
		if got != status || json.Unmarshal([]byte(text), &p) != nil || p.Field != field {
			t.Errorf("%s %s: %d %s; want %d of %q", target, body, got, text, status, field)
		}
	}
	check("GET", "?direction=nxt", "", 422, "direction")
	check("GET", "?depth=0", "", 422, "depth")
	check("GET", "?depth=11", "", 422, "depth")
	check("GET", "?limit=x", "", 422, "limit")
	check("GET", "?from=2026-03-05&to=2026-03-01", "", 422, "from")
	check("GET", "?filter=pth:/", "", 422, "filter")
	check("GET", "?path=%00", "", 422, "anchor.path")
	check("POST", "", `{"limit":51}`, 422, "limit")
	check("POST", "", `{"anchor":{"type":"a\u0000"}}`, 422, "anchor.type")
	r.deps.Masks = func(tenant.ID) []catalog.Mask {
		return []catalog.Mask{{Column: "path", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHash}}
	}
	check("GET", "", "", 403, "anchor")
	h = serve(r, tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer, KeyID: "k", Site: "berlin"})
	check("GET", "", "", 404, "site_id")
}
