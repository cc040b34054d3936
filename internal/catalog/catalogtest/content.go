package catalogtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func testSources(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	want := catalog.Source{Tenant: "acme", ID: "web", SiteID: "s1", Name: "Web", Aliases: []string{"example.com", "UA-1"},
		Hostnames: []string{"www.example.com"}, TimeZone: "Europe/Berlin", FirstDay: 7,
		Privacy: &catalog.Privacy{Cookieless: true, QueryParameters: []string{"q"}, Rules: []catalog.PrivacyRule{{Field: "props.email", Action: catalog.PrivacyDrop}}}}
	got := must[catalog.Source](t)(c.CreateSource(t.Context(), want, catalog.Key{ID: "k1", Role: tenant.RoleWriter, Name: "write key", Hash: hash("w")}))
	want.Created = got.Created
	if got.Created.IsZero() {
		t.Error("Created is not set")
	}
	diff(t, got, want)
	diff(t, must[catalog.Source](t)(c.Source(t.Context(), "acme", "web")), want)
	for _, name := range []string{"s1", "example.com", "UA-1"} {
		src, ten, ok := c.SourceBySite(name)
		if !ok || ten.ID != "acme" {
			t.Errorf("SourceBySite(%q) = %v, tenant %q", name, ok, ten.ID)
		}
		diff(t, src, want)
	}
	for _, name := range []string{"web", "", "ua-1"} {
		if _, _, ok := c.SourceBySite(name); ok {
			t.Errorf("SourceBySite(%q) finds something", name)
		}
	}
	key, ten, ok := c.KeyByHash(hash("w"))
	if !ok || ten.ID != "acme" {
		t.Errorf("the write key does not work")
	}
	diff(t, key, catalog.Key{ID: "k1", Tenant: "acme", Role: tenant.RoleWriter, Site: "s1", Name: "write key", Hash: hash("w"), Created: key.Created})

	// The same id in another tenant is another source; defaults are filled.
	plain := newSource(t, c, "other", "web", "s2")
	if plain.TimeZone != "UTC" || plain.FirstDay != 1 {
		t.Errorf("defaults are %q and %d", plain.TimeZone, plain.FirstDay)
	}
	newSource(t, c, "acme", "app", "s3")
	list := must[[]catalog.Source](t)(c.Sources(t.Context(), "acme"))
	if len(list) != 2 || list[0].ID != "app" || list[1].ID != "web" {
		t.Errorf("Sources = %v", list)
	}
	_, err := c.Source(t.Context(), "acme", "none")
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.Source(t.Context(), "none", "web")
	wantErr(t, err, catalog.ErrNotFound)
}

func testSiteNames(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "a")
	newTenant(t, c, "b")
	newSource(t, c, "a", "web", "s1", "one.example")
	for _, tc := range []struct {
		ten, id, site string
		aliases       []string
		field, value  string
	}{
		{"a", "web", "s9", nil, "id", "web"},
		{"b", "web", "s1", nil, "site_id", "s1"},
		{"b", "web", "one.example", nil, "site_id", "one.example"}, // an alias is a name like a site_id
		{"b", "web", "s2", []string{"two.example", "one.example"}, "aliases", "one.example"},
		{"b", "web", "s2", []string{"s1"}, "aliases", "s1"},
		{"b", "web", "s2", []string{"s2"}, "aliases", "s2"},
		{"b", "web", "s2", []string{"x", "x"}, "aliases", "x"},
	} {
		_, err := c.CreateSource(t.Context(), catalog.Source{Tenant: tenant.ID(tc.ten), ID: tc.id, SiteID: tc.site, Aliases: tc.aliases},
			catalog.Key{Role: tenant.RoleWriter, Hash: hash(fmt.Sprint(tc))})
		wantConflict(t, err, tc.field, tc.value)
		if _, _, ok := c.KeyByHash(hash(fmt.Sprint(tc))); ok {
			t.Errorf("%v: the write key of a refused source works", tc)
		}
	}
	if list := must[[]catalog.Source](t)(c.Sources(t.Context(), "b")); len(list) != 0 {
		t.Errorf("refused sources exist: %v", list)
	}
	// A secret that is taken refuses the source as a whole.
	_, err := c.CreateSource(t.Context(), catalog.Source{Tenant: "b", ID: "web", SiteID: "s2"}, catalog.Key{Role: tenant.RoleWriter, Hash: hash("write s1")})
	wantConflict(t, err, "key", "")
	if _, _, ok := c.SourceBySite("s2"); ok {
		t.Error("a source exists without its write key")
	}
}

// testKeysAsNames: nobody's key becomes the name of a source, nor what looks like one; names from before it was a key stay.
func testKeysAsNames(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "a")
	newTenant(t, c, "b")
	newSource(t, c, "a", "web", "s1")
	newSource(t, c, "b", "web", "s2", "old")
	for name, owner := range map[string]tenant.ID{"plain": "a", "own": "b", "old": "a", "ops": ""} { // keys of other forms than the present one
		role := tenant.RoleAdmin
		if owner == "" {
			role = tenant.RoleOperator
		}
		must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{Tenant: owner, Role: role, Hash: hash(name)}))
	}
	var said string
	refused := func(field, name string, err error) {
		t.Helper()
		var conflict *catalog.Conflict
		if !errors.As(err, &conflict) || !errors.Is(err, catalog.ErrKeyAsName) || conflict.Field != field || conflict.Value != "" {
			t.Errorf("%s %q: %v", field, name, err)
			return
		}
		if said == "" {
			said = conflict.Err.Error()
		}
		if conflict.Err.Error() != said {
			t.Errorf("%q is told from others: %v", name, err)
		}
	}
	for i, name := range []string{"write s1", "write s2", "plain", "own", "ops", "wk_w_abcdefghijklmnopqrstuvwxyz234567", "wk_", "id:wk_a_x"} {
		_, err := c.UpdateSource(t.Context(), "b", "web", func(x *catalog.Source) error { x.Aliases = []string{"fine", name}; return nil })
		refused("aliases", name, err)
		_, err = c.CreateSource(t.Context(), catalog.Source{Tenant: "b", ID: "new", SiteID: "s3", Aliases: []string{name}}, catalog.Key{Role: tenant.RoleWriter, Hash: hash(fmt.Sprint("a", i))})
		refused("aliases", name, err)
		_, err = c.CreateSource(t.Context(), catalog.Source{Tenant: "b", ID: "new", SiteID: name}, catalog.Key{Role: tenant.RoleWriter, Hash: hash(fmt.Sprint("s", i))})
		refused("site_id", name, err)
		if _, _, ok := c.SourceBySite(name); ok {
			t.Errorf("%q names a source", name)
		}
	}
	got := must[catalog.Source](t)(c.UpdateSource(t.Context(), "b", "web", func(x *catalog.Source) error { x.Name, x.Aliases = "N", []string{"old", "wkx", "a:b"}; return nil }))
	if got.Name != "N" || len(got.Aliases) != 3 {
		t.Errorf("a source with a name from before cannot be changed: %v", got)
	}
}

func testUpdateSource(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	want := newSource(t, c, "acme", "web", "s1", "old.example", "kept.example")
	newSource(t, c, "acme", "app", "s2", "taken.example")
	want.Name, want.Aliases, want.Hostnames, want.TimeZone, want.FirstDay = "N", []string{"kept.example", "new.example"}, []string{"h"}, "Asia/Tokyo", 7
	got := must[catalog.Source](t)(c.UpdateSource(t.Context(), "acme", "web", func(x *catalog.Source) error {
		*x = want
		x.Tenant, x.ID, x.SiteID, x.Created = "other", "other", "other", time.Now() // must stay
		return nil
	}))
	diff(t, got, want)
	for name, exists := range map[string]bool{"s1": true, "kept.example": true, "new.example": true, "old.example": false, "other": false} {
		src, _, ok := c.SourceBySite(name)
		if ok != exists || ok && !cmp.Equal(src, want, equal) {
			t.Errorf("SourceBySite(%q) = %v, %v", name, src, ok)
		}
	}
	_, err := c.UpdateSource(t.Context(), "acme", "web", func(x *catalog.Source) error { x.Aliases = []string{"taken.example"}; return nil })
	wantConflict(t, err, "aliases", "taken.example")
	diff(t, must[catalog.Source](t)(c.Source(t.Context(), "acme", "web")), want)
	if _, _, ok := c.SourceBySite("new.example"); !ok {
		t.Error("a refused change took a name away")
	}
	_, err = c.UpdateSource(t.Context(), "acme", "none", func(*catalog.Source) error { return nil })
	wantErr(t, err, catalog.ErrNotFound)
}

func testDeleteSource(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newSource(t, c, "acme", "web", "s1", "one.example")
	newSource(t, c, "acme", "app", "s2")
	must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{Tenant: "acme", Role: tenant.RoleWriter, Site: "s1", Hash: hash("second")}))
	must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{Tenant: "acme", Role: tenant.RoleAdmin, Hash: hash("admin")}))
	noError(t, c.DeleteSource(t.Context(), "acme", "web"))
	for _, name := range []string{"s1", "one.example"} {
		if _, _, ok := c.SourceBySite(name); ok {
			t.Errorf("%s still works", name)
		}
	}
	for secret, exists := range map[string]bool{"write s1": false, "second": false, "write s2": true, "admin": true} {
		if _, _, ok := c.KeyByHash(hash(secret)); ok != exists {
			t.Errorf("key %q works: %v, want %v", secret, ok, exists)
		}
	}
	wantErr(t, c.DeleteSource(t.Context(), "acme", "web"), catalog.ErrNotFound)
	newSource(t, c, "acme", "web", "s1", "one.example") // the names are the tenant's own
}

// wantRetired wants that the source web of a tenant gets none of these names, nor a new source.
func wantRetired(t *testing.T, c catalog.Catalog, ten tenant.ID, names ...string) {
	t.Helper()
	check := func(field, name string, err error) {
		t.Helper()
		var conflict *catalog.Conflict
		if !errors.As(err, &conflict) || !errors.Is(err, catalog.ErrRetired) || conflict.Field != field || conflict.Value != name {
			t.Errorf("%s claims %s %q: %v", ten, field, name, err)
		}
		if src, _, ok := c.SourceBySite(name); ok && src.Tenant == ten {
			t.Errorf("%q leads to %s", name, ten)
		}
	}
	for _, name := range names {
		_, err := c.UpdateSource(t.Context(), ten, "web", func(x *catalog.Source) error { x.Aliases = append(x.Aliases, name); return nil })
		check("aliases", name, err)
		_, err = c.CreateSource(t.Context(), catalog.Source{Tenant: ten, ID: "new", SiteID: name}, catalog.Key{Role: tenant.RoleWriter, Hash: hash("new " + name)})
		check("site_id", name, err)
		_, err = c.CreateSource(t.Context(), catalog.Source{Tenant: ten, ID: "new", SiteID: "new", Aliases: []string{name}}, catalog.Key{Role: tenant.RoleWriter, Hash: hash("new " + name)})
		check("aliases", name, err)
	}
}

// testRetiredNames: events that still come for what was deleted never reach another tenant.
func testRetiredNames(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "a")
	newTenant(t, c, "b")
	newSource(t, c, "a", "web", "s1", "one.example", "two.example", "off.example")
	newSource(t, c, "b", "web", "s2")
	aliases := func(ten tenant.ID, id string, names ...string) {
		t.Helper()
		must[catalog.Source](t)(c.UpdateSource(t.Context(), ten, id, func(x *catalog.Source) error { x.Aliases = names; return nil }))
	}
	aliases("a", "web", "one.example", "two.example")
	aliases("b", "web", "off.example") // what a tenant takes off by itself is free
	aliases("b", "web")
	noError(t, c.DeleteSource(t.Context(), "a", "web"))
	wantRetired(t, c, "b", "s1", "one.example", "ONE.example", "two.example")
	noError(t, c.Close())
	c = s.Open(t)
	wantRetired(t, c, "b", "s1", "one.example", "two.example")
	// Their owner has them again, as another source too, and may take them off.
	newSource(t, c, "a", "shop", "s3", "s1", "One.example")
	_, err := c.UpdateSource(t.Context(), "b", "web", func(x *catalog.Source) error { x.Aliases = []string{"one.example"}; return nil })
	wantConflict(t, err, "aliases", "one.example")
	aliases("a", "shop", "s1")
	aliases("b", "web", "one.example")
	wantRetired(t, c, "b", "two.example")
	noError(t, c.DeleteTenant(t.Context(), "a"))
	wantRetired(t, c, "b", "s1", "two.example", "s3")
	noError(t, c.Close())
	c = s.Open(t)
	wantRetired(t, c, "b", "s1", "two.example", "s3")
}

// testReleasedNames: an operator sees whose a retired name was, and can make it free.
func testReleasedNames(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "a")
	newTenant(t, c, "b")
	newTenant(t, c, "gone")
	newSource(t, c, "a", "web", "s1", "one.example")
	newSource(t, c, "gone", "web", "s2", "two.example")
	newSource(t, c, "b", "web", "s3")
	for _, name := range []string{"one.example", "s1", "free.example", ""} { // in use, or nobody's
		_, err := c.RetiredName(t.Context(), name)
		wantErr(t, err, catalog.ErrNotFound)
		wantErr(t, c.ReleaseName(t.Context(), name), catalog.ErrNotFound)
	}
	noError(t, c.DeleteSource(t.Context(), "a", "web"))
	noError(t, c.DeleteTenant(t.Context(), "gone"))
	for name, owner := range map[string]tenant.ID{"s1": "a", "one.example": "a", "ONE.example": "a", "s2": "", "two.example": ""} {
		if got, err := c.RetiredName(t.Context(), name); err != nil || got != owner {
			t.Errorf("%q was %q's: %v; want %q", name, got, err, owner)
		}
	}
	noError(t, c.ReleaseName(t.Context(), "One.Example"))
	noError(t, c.ReleaseName(t.Context(), "two.example"))
	wantErr(t, c.ReleaseName(t.Context(), "two.example"), catalog.ErrNotFound)
	noError(t, c.Close())
	c = s.Open(t)
	wantRetired(t, c, "b", "s1", "s2")
	must[catalog.Source](t)(c.UpdateSource(t.Context(), "b", "web", func(x *catalog.Source) error {
		x.Aliases = []string{"one.example", "two.example"}
		return nil
	}))
}

// testNamesOfAnyCase: domains in other letters are the same, so another tenant does not get them. What is written so by one tenant is its matter.
func testNamesOfAnyCase(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "a")
	newTenant(t, c, "b")
	newSource(t, c, "a", "web", "s1", "one.example", "One.Example")
	newSource(t, c, "a", "shop", "s2", "ONE.example")
	for _, name := range []string{"ONE.EXAMPLE", "S1"} {
		_, err := c.CreateSource(t.Context(), catalog.Source{Tenant: "b", ID: "web", SiteID: "s9", Aliases: []string{name}}, catalog.Key{Role: tenant.RoleWriter, Hash: hash(name)})
		wantConflict(t, err, "aliases", name)
	}
}

func testKeys(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	expires := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	a := must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{ID: "b", Tenant: "acme", Role: tenant.RoleAnalyst, Name: "Ann", Hash: hash("1"), Expires: expires}))
	b := must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{ID: "a", Tenant: "acme", Role: tenant.RoleViewer, Hash: hash("2")}))
	if a.Created.IsZero() || !a.Expires.Equal(expires) {
		t.Errorf("key = %v", a)
	}
	diff(t, must[[]catalog.Key](t)(c.Keys(t.Context(), "acme")), []catalog.Key{b, a})
	got, ten, ok := c.KeyByHash(hash("1"))
	if !ok || ten.ID != "acme" {
		t.Error("key is not found")
	}
	diff(t, got, a)
	if _, _, ok := c.KeyByHash(hash("3")); ok {
		t.Error("an unknown key is found")
	}
	_, err := c.CreateKey(t.Context(), catalog.Key{ID: "a", Tenant: "acme", Role: tenant.RoleViewer, Hash: hash("4")})
	wantConflict(t, err, "id", "a")
	_, err = c.CreateKey(t.Context(), catalog.Key{Tenant: "acme", Role: tenant.RoleViewer, Hash: hash("1")})
	wantConflict(t, err, "key", "")
	for _, bad := range []catalog.Key{
		{Tenant: "acme", Role: tenant.RoleOperator, Hash: hash("5")},
		{Tenant: "acme", Role: "boss", Hash: hash("5")},
		{Tenant: "acme", Role: tenant.RoleViewer},
	} {
		if _, err := c.CreateKey(t.Context(), bad); err == nil {
			t.Errorf("CreateKey(%v) is accepted", bad)
		}
	}
	_, err = c.CreateKey(t.Context(), catalog.Key{Tenant: "none", Role: tenant.RoleViewer, Hash: hash("6")})
	wantErr(t, err, catalog.ErrNotFound)
	auto := must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{Tenant: "acme", Role: tenant.RoleViewer, Hash: hash("7")}))
	if auto.ID == "" {
		t.Error("an empty ID is not filled")
	}

	newTenant(t, c, "other")
	wantErr(t, c.DeleteKey(t.Context(), "other", "a"), catalog.ErrNotFound)
	noError(t, c.DeleteKey(t.Context(), "acme", "a"))
	if _, _, ok := c.KeyByHash(hash("2")); ok {
		t.Error("a deleted key works")
	}
	wantErr(t, c.DeleteKey(t.Context(), "acme", "a"), catalog.ErrNotFound)
}

func testLedger(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	_, err := c.Import(t.Context(), "acme", "s1", "f1")
	wantErr(t, err, catalog.ErrNotFound)
	advance := func(ten, site, file string, prefix int, lines int64) {
		t.Helper()
		noError(t, c.AdvanceImport(t.Context(), catalog.Import{Tenant: tenant.ID(ten), Site: site, File: file, PrefixLen: prefix, Lines: lines}))
	}
	want := func(ten, site, file string, prefix int, lines int64) {
		t.Helper()
		got := must[catalog.Import](t)(c.Import(t.Context(), tenant.ID(ten), site, file))
		if got.Updated.IsZero() {
			t.Error("Updated is not set")
		}
		diff(t, got, catalog.Import{Tenant: tenant.ID(ten), Site: site, File: file, PrefixLen: prefix, Lines: lines, Updated: got.Updated})
	}
	advance("acme", "s1", "f1", 100, 10)
	advance("acme", "s1", "f0", 4096, 1)
	advance("acme", "s2", "f1", 100, 20)
	advance("other", "s1", "f1", 100, 30)
	want("acme", "s1", "f1", 100, 10)
	advance("acme", "s1", "f1", 100, 12)
	want("acme", "s1", "f1", 100, 12)
	advance("acme", "s1", "f1", 100, 5) // never back
	want("acme", "s1", "f1", 100, 12)
	want("acme", "s2", "f1", 100, 20)
	want("other", "s1", "f1", 100, 30)
	rejected := func(lines, rejected, wantLines, want int64) {
		t.Helper()
		noError(t, c.AdvanceImport(t.Context(), catalog.Import{Tenant: "acme", Site: "s3", File: "f1", PrefixLen: 1, Lines: lines, Rejected: rejected}))
		if got := must[catalog.Import](t)(c.Import(t.Context(), "acme", "s3", "f1")); got.Lines != wantLines || got.Rejected != want {
			t.Errorf("%d lines, %d of them rejected: the ledger has %d, %d", lines, rejected, got.Lines, got.Rejected)
		}
	}
	rejected(10, 3, 10, 3)
	rejected(12, 4, 12, 4)
	rejected(5, 1, 12, 4)  // never back
	rejected(13, 0, 13, 4) // a client of before says none
	list := must[[]catalog.Import](t)(c.Imports(t.Context(), "acme", "s1"))
	if len(list) != 2 || list[0].File != "f0" || list[1].File != "f1" || list[1].Lines != 12 {
		t.Errorf("Imports = %v", list)
	}
	wantErr(t, c.AdvanceImport(t.Context(), catalog.Import{Tenant: "none", Site: "s", File: "f"}), catalog.ErrNotFound)
	if err := c.AdvanceImport(t.Context(), catalog.Import{Tenant: "acme", Site: "s", File: "f", Lines: -1}); err == nil {
		t.Error("negative Lines are accepted")
	}
	for _, n := range []int64{-1, 3} {
		if err := c.AdvanceImport(t.Context(), catalog.Import{Tenant: "acme", Site: "s", File: "f", Lines: 2, Rejected: n}); err == nil {
			t.Errorf("%d of 2 lines are rejected", n)
		}
	}
}

func testSettings(t *testing.T, s Store) {
	c := s.Open(t)
	_, err := c.Setting(t.Context(), "salt")
	wantErr(t, err, catalog.ErrNotFound)
	for _, v := range []string{"one", "", "two"} {
		noError(t, c.SetSetting(t.Context(), "salt", v))
		if got := must[string](t)(c.Setting(t.Context(), "salt")); got != v {
			t.Errorf("setting is %q, want %q", got, v)
		}
	}
}
