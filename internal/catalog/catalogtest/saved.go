package catalogtest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func newSaved(t *testing.T, c catalog.Catalog, ten, kind, site, name string) catalog.Saved {
	t.Helper()
	want := catalog.Saved{Tenant: tenant.ID(ten), Kind: kind, Site: site, Name: name, Body: []byte(`{"b":"ä\u0000'"}`), Owner: "key:k"}
	got := must[catalog.Saved](t)(c.CreateSaved(t.Context(), want, 100))
	if got.ID == "" || got.Version != 1 || got.Created.IsZero() || !got.Updated.Equal(got.Created) {
		t.Errorf("created %+v", got)
	}
	want.ID, want.Version, want.Created, want.Updated = got.ID, got.Version, got.Created, got.Updated
	diff(t, got, want)
	return got
}

func testSaved(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	newSource(t, c, "acme", "web", "s1")
	newSource(t, c, "acme", "app", "s2")
	goal, dash := newSaved(t, c, "acme", catalog.KindGoal, "s1", "Sign up"), newSaved(t, c, "acme", catalog.KindDashboard, "", "Main")
	newSaved(t, c, "acme", catalog.KindSegment, "s1", "sign UP") // another kind
	newSaved(t, c, "acme", catalog.KindQuery, "", "Main")        // another kind
	newSaved(t, c, "acme", catalog.KindGoal, "s2", "Sign up")    // another site
	early := newSaved(t, c, "acme", catalog.KindGoal, "s1", "a goal")
	diff(t, must[catalog.Saved](t)(c.Saved(t.Context(), "acme", catalog.KindGoal, goal.ID)), goal)
	diff(t, must[[]catalog.Saved](t)(c.SavedOf(t.Context(), "acme", catalog.KindGoal, "s1")), []catalog.Saved{early, goal})
	diff(t, must[[]catalog.Saved](t)(c.SavedOf(t.Context(), "acme", catalog.KindDashboard, "")), []catalog.Saved{dash})
	diff(t, must[[]catalog.Saved](t)(c.SavedOf(t.Context(), "other", catalog.KindDashboard, "")), []catalog.Saved{})

	_, err := c.CreateSaved(t.Context(), catalog.Saved{Tenant: "acme", Kind: catalog.KindGoal, Site: "s1", Name: "SIGN UP", Body: []byte("1")}, 100)
	wantConflict(t, err, "name", "SIGN UP")
	_, err = c.CreateSaved(t.Context(), catalog.Saved{Tenant: "acme", Kind: catalog.KindGoal, Site: "s1", Name: "third", Body: []byte("1")}, 2)
	wantErr(t, err, catalog.ErrFull)
	for _, missing := range []catalog.Saved{{Tenant: "none", Kind: catalog.KindDashboard}, {Tenant: "acme", Kind: catalog.KindGoal, Site: "none"}, {Tenant: "other", Kind: catalog.KindGoal, Site: "s1"}} {
		missing.Name, missing.Body = "n", []byte("1")
		_, err = c.CreateSaved(t.Context(), missing, 100)
		wantErr(t, err, catalog.ErrNotFound)
	}
	ok := catalog.Saved{Tenant: "acme", Kind: catalog.KindGoal, Site: "s1", Name: "n", Body: []byte("1")}
	for name, spoil := range map[string]func(*catalog.Saved){
		"kind": func(s *catalog.Saved) { s.Kind = "view" }, "no site": func(s *catalog.Saved) { s.Site = "" },
		"a site": func(s *catalog.Saved) { s.Kind = catalog.KindDashboard }, "a site of a query": func(s *catalog.Saved) { s.Kind = catalog.KindQuery }, "no name": func(s *catalog.Saved) { s.Name = "" },
		"long name": func(s *catalog.Saved) { s.Name = strings.Repeat("n", catalog.MaxSavedName+1) }, "no text": func(s *catalog.Saved) { s.Name = "\xff" },
		"control": func(s *catalog.Saved) { s.Name = "a\x00b" }, "no JSON": func(s *catalog.Saved) { s.Body = []byte("{") },
		"long body": func(s *catalog.Saved) { s.Body = []byte(`"` + strings.Repeat("b", catalog.MaxSavedBody) + `"`) },
	} {
		bad := ok
		spoil(&bad)
		if _, err := c.CreateSaved(t.Context(), bad, 100); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	testSavedChanges(t, c, goal, early)
}

func testSavedChanges(t *testing.T, c catalog.Catalog, goal, other catalog.Saved) {
	change := func(id string, fn func(*catalog.Saved)) (catalog.Saved, error) {
		return c.UpdateSaved(t.Context(), "acme", catalog.KindGoal, id, func(s *catalog.Saved) error { fn(s); return nil })
	}
	want := goal
	got := must[catalog.Saved](t)(change(goal.ID, func(s *catalog.Saved) {
		s.Name, s.Body, s.Owner = "SIGN UP", []byte("[2]"), "local:u"
		s.Tenant, s.ID, s.Site, s.Kind, s.Version = "other", "x", "s2", catalog.KindSegment, 99
	}))
	want.Name, want.Body, want.Owner, want.Version, want.Updated = "SIGN UP", []byte("[2]"), "local:u", 2, got.Updated
	diff(t, got, want)
	if got.Updated.Before(goal.Updated) {
		t.Error("Updated went back")
	}
	_, err := change(goal.ID, func(s *catalog.Saved) { s.Name = "A Goal" })
	wantConflict(t, err, "name", "A Goal")
	if _, err := change(goal.ID, func(s *catalog.Saved) { s.Body = nil }); err == nil {
		t.Error("a body that is no JSON is taken")
	}
	stop := errors.New("stop")
	_, err = c.UpdateSaved(t.Context(), "acme", catalog.KindGoal, goal.ID, func(*catalog.Saved) error { return stop })
	wantErr(t, err, stop)
	diff(t, must[catalog.Saved](t)(c.Saved(t.Context(), "acme", catalog.KindGoal, goal.ID)), want)

	for _, where := range [][3]string{{"other", catalog.KindGoal, goal.ID}, {"acme", catalog.KindSegment, goal.ID}, {"acme", catalog.KindGoal, "none"}, {"none", catalog.KindGoal, goal.ID}} {
		_, err = c.Saved(t.Context(), tenant.ID(where[0]), where[1], where[2])
		wantErr(t, err, catalog.ErrNotFound)
		_, err = c.DeleteSaved(t.Context(), tenant.ID(where[0]), where[1], where[2])
		wantErr(t, err, catalog.ErrNotFound)
		_, err = c.UpdateSaved(t.Context(), tenant.ID(where[0]), where[1], where[2], func(*catalog.Saved) error { return nil })
		wantErr(t, err, catalog.ErrNotFound)
	}
	diff(t, must[catalog.Saved](t)(c.DeleteSaved(t.Context(), "acme", catalog.KindGoal, goal.ID)), want)
	_, err = c.DeleteSaved(t.Context(), "acme", catalog.KindGoal, goal.ID)
	wantErr(t, err, catalog.ErrNotFound)
	diff(t, must[[]catalog.Saved](t)(c.SavedOf(t.Context(), "acme", catalog.KindGoal, "s1")), []catalog.Saved{other})
	newSaved(t, c, "acme", catalog.KindGoal, "s1", "Sign up") // the name is free again
}

// The bodies of a kind and site are bounded together.
func testSavedTotal(t *testing.T, s Store) {
	if testing.Short() {
		t.Skip("it writes megabytes one after the other: nothing for the race detector")
	}
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	newSource(t, c, "acme", "web", "s1")
	body := func(bytes int) []byte { return []byte(`"` + strings.Repeat("ä", (bytes-2)/2) + `"`) }
	create := func(ten, kind, site, name string, bytes int) (catalog.Saved, error) {
		return c.CreateSaved(t.Context(), catalog.Saved{Tenant: tenant.ID(ten), Kind: kind, Site: site, Name: name, Body: body(bytes)}, 100)
	}
	const each = catalog.MaxSavedBody
	var last catalog.Saved
	for i := range catalog.MaxSavedTotal / each {
		last = must[catalog.Saved](t)(create("acme", catalog.KindDashboard, "", fmt.Sprint(i), each))
	}
	_, err := create("acme", catalog.KindDashboard, "", "more", 4)
	wantErr(t, err, catalog.ErrSavedTotal)
	must[catalog.Saved](t)(create("other", catalog.KindDashboard, "", "d", 4))
	must[catalog.Saved](t)(create("acme", catalog.KindGoal, "s1", "d", 4))
	write := func(bytes int) error {
		_, err := c.UpdateSaved(t.Context(), "acme", catalog.KindDashboard, last.ID, func(s *catalog.Saved) error { s.Body = body(bytes); return nil })
		return err
	}
	noError(t, write(each-4)) // what it had is free
	must[catalog.Saved](t)(create("acme", catalog.KindDashboard, "", "more", 4))
	wantErr(t, write(each), catalog.ErrSavedTotal)
	diff(t, must[catalog.Saved](t)(c.Saved(t.Context(), "acme", catalog.KindDashboard, last.ID)).Body, body(each-4))
}

// What is saved outlives the process, and goes with its source and its tenant.
func testSavedEnd(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newSource(t, c, "acme", "web", "s1")
	newSource(t, c, "acme", "app", "s2")
	gone, stays, dash := newSaved(t, c, "acme", catalog.KindGoal, "s1", "g"), newSaved(t, c, "acme", catalog.KindGoal, "s2", "g"), newSaved(t, c, "acme", catalog.KindDashboard, "", "d")
	noError(t, c.Close())
	c = s.Open(t)
	diff(t, must[catalog.Saved](t)(c.Saved(t.Context(), "acme", catalog.KindGoal, gone.ID)), gone)
	noError(t, c.DeleteSource(t.Context(), "acme", "web"))
	_, err := c.Saved(t.Context(), "acme", catalog.KindGoal, gone.ID)
	wantErr(t, err, catalog.ErrNotFound)
	diff(t, must[catalog.Saved](t)(c.Saved(t.Context(), "acme", catalog.KindGoal, stays.ID)), stays)
	newSource(t, c, "acme", "web", "s1")
	diff(t, must[[]catalog.Saved](t)(c.SavedOf(t.Context(), "acme", catalog.KindGoal, "s1")), []catalog.Saved{})
	noError(t, c.DeleteTenant(t.Context(), "acme"))
	_, err = c.Saved(t.Context(), "acme", catalog.KindDashboard, dash.ID)
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.SavedOf(t.Context(), "acme", catalog.KindDashboard, "")
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.DeleteSaved(t.Context(), "acme", catalog.KindDashboard, dash.ID)
	wantErr(t, err, catalog.ErrNotFound)
}

// However many ask at once, there are no more than there may be, and each change counts.
func testSavedAtOnce(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	const most, tries = 3, 12
	var wg sync.WaitGroup
	errs := make([]error, tries)
	for i := range tries {
		wg.Go(func() {
			_, errs[i] = c.CreateSaved(t.Context(), catalog.Saved{Tenant: "acme", Kind: catalog.KindDashboard, Name: fmt.Sprint(i), Body: []byte("1")}, most)
		})
	}
	wg.Wait()
	full := 0
	for _, err := range errs {
		if errors.Is(err, catalog.ErrFull) {
			full++
		} else {
			noError(t, err)
		}
	}
	all := must[[]catalog.Saved](t)(c.SavedOf(t.Context(), "acme", catalog.KindDashboard, ""))
	if len(all) != most || full != tries-most {
		t.Fatalf("%d dashboards, %d refused", len(all), full)
	}
	for range tries {
		wg.Go(func() {
			_, err := c.UpdateSaved(t.Context(), "acme", catalog.KindDashboard, all[0].ID, func(s *catalog.Saved) error { s.Owner += "x"; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := must[catalog.Saved](t)(c.Saved(t.Context(), "acme", catalog.KindDashboard, all[0].ID)); got.Version != 1+tries || len(got.Owner) != tries {
		t.Errorf("after %d changes: version %d, owner %q", tries, got.Version, got.Owner)
	}
}
