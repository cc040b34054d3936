package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// fakeMerges are the undone merges of one site.
type fakeMerges map[string]bool

func (f fakeMerges) UndoneMerges(tenant.ID, string) []string { return slices.Sorted(maps.Keys(f)) }
func (f fakeMerges) UndoMerge(_ context.Context, _ tenant.ID, _, id, _ string, most int) error {
	if !f[id] && len(f) >= most {
		return catalog.ErrFull
	}
	f[id] = true
	return nil
}
func (f fakeMerges) RestoreMerge(_ context.Context, _ tenant.ID, _, id string) error {
	delete(f, id)
	return nil
}

// TestMergesUndone undoes and restores merges in any order: whose events are is each time what the definition says, and after the last restoration exactly what it was at first.
func TestMergesUndone(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(21, 22))
	for round := range 2 {
		name := fmt.Sprint("undo", round)
		events := linkedEvents(rnd, name, "site", 60, 10, round%2 == 0)
		storePersons(t, c, append(slices.Clone(events), linkedEvents(rnd, name, "elsewhere", 20, 6, true)...))
		r := newReporter(t, c, clock{asOf: noon, positions: map[string]map[uint16]uint64{"links": {}}}, Config{})
		undone := fakeMerges{}
		r.deps.Merges, r.deps.Links = undone, seqs{1: 1000, 2: 1000}
		r.deps.Sources = sources{"site": catalog.Source{Tenant: tenant.ID(name), SiteID: "site"}}
		h := serve(r, tenant.Principal{Tenant: tenant.ID(name), Role: tenant.RoleAnalyst, KeyID: "k"})
		get := func(id string) (p Person) {
			t.Helper()
			status, _, text := call(t, h, "GET", "/api/v1/analytics/site/people/"+url.PathEscape(id), "")
			if err := json.Unmarshal([]byte(text), &p); err != nil || status != 200 {
				t.Fatalf("%s: %d %s", id, status, text)
			}
			return p
		}
		all := map[pair]Merge{}
		asked := map[string]bool{}
		for _, e := range events {
			for _, p := range e.links() {
				if asked[p.target] {
					continue
				}
				asked[p.target] = true
				for _, m := range get(p.target).Merges {
					all[pair{m.Kind == "alias", m.ClientID + m.PreviousID, m.UserID}] = m
				}
			}
		}
		without := map[pair]bool{}
		check := func() {
			t.Helper()
			want := personsOf(events, without)
			got, _ := answeredPersons(t, r, c, name, "site")
			for _, e := range events {
				if w := want(e); got[e.ID] != w {
					t.Fatalf("round %d without %v: %+v is of %q, by the definition of %q", round, without, e, got[e.ID], w)
				}
			}
		}
		before, _ := answeredPersons(t, r, c, name, "site")
		check()
		pairs := slices.SortedFunc(maps.Keys(all), func(a, b pair) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		if len(pairs) < 5 {
			t.Fatalf("only %d merges", len(pairs))
		}
		change := func(p pair, undo bool) {
			t.Helper()
			method, path := "DELETE", "/api/v1/analytics/site/people/merges/"+all[p].ID
			if !undo {
				method, path = "POST", path+"/restore"
			}
			want := all[p]
			want.Undone = undo
			status, _, text := call(t, h, method, path, "")
			var m Merge
			if err := json.Unmarshal([]byte(text), &m); err != nil || status != 200 || m != want {
				t.Fatalf("%s %s: %d %s", method, path, status, text)
			}
			if delete(without, p); undo {
				without[p] = true
			}
		}
		for range 4 {
			p := pairs[rnd.IntN(len(pairs))]
			change(p, !without[p])
			check()
			for _, m := range get(p.target).Merges {
				key := pair{m.Kind == "alias", m.ClientID + m.PreviousID, m.UserID}
				if m.Undone != without[key] {
					t.Errorf("%+v, want undone %v", m, without[key])
				}
			}
		}
		checkVisitors(t, h, events, personsOf(events, without))
		for p := range maps.Clone(without) {
			change(p, false)
		}
		after, _ := answeredPersons(t, r, c, name, "site")
		if diff := gocmp.Diff(before, after); diff != "" {
			t.Errorf("after everything is restored (-before +after): %s", diff)
		}
	}
}

// checkVisitors compares whose some visitors are said to be with the definition.
func checkVisitors(t *testing.T, h http.Handler, events []personEvent, personOf func(personEvent) string) {
	t.Helper()
	want := map[string]string{}
	for _, e := range events {
		if id := cmp.Or(e.Client, e.User); id != "" && len(want) < 4 {
			want[id] = personOf(personEvent{Client: e.Client, User: map[bool]string{true: e.User}[e.Client == ""]})
		}
	}
	got := map[string]string{}
	for id := range want {
		status, _, text := call(t, h, "GET", "/api/v1/analytics/site/visitors/"+url.PathEscape(id), "")
		var v Visitor
		if err := json.Unmarshal([]byte(text), &v); err != nil || status != 200 {
			t.Fatalf("visitor %s: %d %s", id, status, text)
		}
		got[id] = v.Person
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("persons of visitors (-want +got):\n%s", diff)
	}
}

// TestPersonEqualsOracle compares the ids of persons with the definition.
func TestPersonEqualsOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(23, 24))
	events := linkedEvents(rnd, "person", "site", 60, 14, true)
	events = append(events, personEvent{Tenant: "person", Site: "site", Type: "pageview", ID: "alone", Client: `a/"lone\`, at: noon})
	storePersons(t, c, events)
	r := newReporter(t, c, clock{asOf: noon, positions: map[string]map[uint16]uint64{"links": {}}}, Config{})
	r.deps.Links = seqs{1: 1000, 2: 1000}
	r.deps.Sources = sources{"site": catalog.Source{Tenant: "person", SiteID: "site"}}
	h := serve(r, tenant.Principal{Tenant: "person", Role: tenant.RoleViewer, KeyID: "k"})
	personOf := personsOf(events, nil)
	idsOf := map[string]map[string]bool{}
	note := func(e personEvent, id string) {
		p := personOf(e)
		if idsOf[p] == nil {
			idsOf[p] = map[string]bool{}
		}
		idsOf[p][id], idsOf[p][p] = true, true
	}
	user := map[string]bool{}
	for _, e := range events {
		for _, p := range e.links() {
			user[p.target], user[p.source] = true, user[p.source] || p.alias
			note(personEvent{User: p.target}, p.target)
			note(personEvent{Client: p.source}, p.source)
			if p.alias {
				note(personEvent{User: p.source}, p.source)
			}
		}
	}
	idsOf[`a/"lone\`] = map[string]bool{`a/"lone\`: true}
	for p, ids := range idsOf {
		for id := range ids {
			e := personEvent{Client: id}
			if user[id] {
				e = personEvent{User: id}
			}
			if personOf(e) != p {
				continue // a client id in the name of a user
			}
			status, _, text := call(t, h, "GET", "/api/v1/analytics/site/people/"+url.PathEscape(id), "")
			var got Person
			if err := json.Unmarshal([]byte(text), &got); err != nil || status != 200 {
				t.Fatalf("%s: %d %s", id, status, text)
			}
			if diff := gocmp.Diff(slices.Sorted(maps.Keys(ids)), got.IDs); got.Person != p || diff != "" {
				t.Errorf("%s is of %q, want %q; ids (-want +got)\n%s", id, got.Person, p, diff)
			}
		}
	}
	for path, want := range map[string]string{
		"GET people/nobody": "404 id", "GET people/" + strings.Repeat("x", 2000): "422 id", "GET people/%00": "422 id", "GET people/%ff": "422 id",
		"DELETE people/merges/00": "403 ", "POST people/merges/00/restore": "403 ",
	} {
		method, path, _ := strings.Cut(path, " ")
		status, _, text := call(t, h, method, "/api/v1/analytics/site/"+path, "")
		var p struct{ Field string }
		if _ = json.Unmarshal([]byte(text), &p); fmt.Sprint(status, " ", p.Field) != want {
			t.Errorf("%s %s: %d %s, want %s", method, path, status, text, want)
		}
	}
	r.deps.Merges = fakeMerges{}
	h = serve(r, tenant.Principal{Tenant: "person", Role: tenant.RoleAdmin, KeyID: "k"})
	for path, want := range map[string]int{"merges/00": 404, "merges/XY": 422, "merges/" + strings.Repeat("0", 65): 422, "merges/%27": 422} {
		if status, _, text := call(t, h, "DELETE", "/api/v1/analytics/site/people/"+path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, text, want)
		}
	}
	r.deps.Masks = func(tenant.ID) []catalog.Mask {
		return []catalog.Mask{{Column: "user_id", Roles: []tenant.Role{tenant.RoleAdmin}, Action: catalog.MaskHash}}
	}
	if status, _, text := call(t, h, "GET", "/api/v1/analytics/site/people/u1", ""); status != 403 {
		t.Errorf("who may not see user ids gets %d %s", status, text)
	}
}
