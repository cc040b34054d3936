// Package catalogtest is the suite that every implementation of catalog.Catalog passes.
package catalogtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// Partitions is the number of log partitions that Open's catalog must be made for.
const Partitions = 4

// Store is one durable catalog that can be opened more than once.
type Store interface {
	// Open opens the store: again after a Close, or a second time while it is open, as another process would.
	Open(t *testing.T) catalog.Catalog
}

// Run checks an implementation. newStore makes an empty store.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	for name, fn := range map[string]func(*testing.T, Store){
		"tenants":             testTenants,
		"update tenant":       testUpdateTenant,
		"delete tenant":       testDeleteTenant,
		"sources":             testSources,
		"site names":          testSiteNames,
		"update source":       testUpdateSource,
		"keys as names":       testKeysAsNames,
		"delete source":       testDeleteSource,
		"retired names":       testRetiredNames,
		"released names":      testReleasedNames,
		"names of any case":   testNamesOfAnyCase,
		"keys":                testKeys,
		"rotate key":          testRotateKey,
		"rotate at once":      testRotateAtOnce,
		"key uses":            testKeyUses,
		"operators":           testOperators,
		"users":               testUsers,
		"sessions":            testSessions,
		"lookups":             testLookups,
		"lookups at once":     testLookupsAtOnce,
		"saved objects":       testSaved,
		"saved objects end":   testSavedEnd,
		"saved total":         testSavedTotal,
		"saved at once":       testSavedAtOnce,
		"undone merges":       testMerges,
		"ledger":              testLedger,
		"settings":            testSettings,
		"reopen":              testReopen,
		"two processes":       testTwoProcesses,
		"concurrent changes":  testConcurrent,
		"answers are copies":  testCopies,
		"cancelled context":   testCancelled,
		"refused by a change": testChangeError,
	} {
		t.Run(name, func(t *testing.T) { fn(t, newStore(t)) })
	}
}

var equal = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
}

func wantConflict(t *testing.T, err error, field, value string) {
	t.Helper()
	var c *catalog.Conflict
	if !errors.As(err, &c) || !errors.Is(err, catalog.ErrExists) || c.Field != field || c.Value != value {
		t.Errorf("error is %v, want a conflict of %s %q", err, field, value)
	}
}

func diff(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, equal); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

func newTenant(t *testing.T, c catalog.Catalog, id string) catalog.Tenant {
	t.Helper()
	return must[catalog.Tenant](t)(c.CreateTenant(t.Context(), catalog.Tenant{ID: tenant.ID(id), Name: id}))
}

func newSource(t *testing.T, c catalog.Catalog, ten, id, site string, aliases ...string) catalog.Source {
	t.Helper()
	s := catalog.Source{Tenant: tenant.ID(ten), ID: id, SiteID: site, Aliases: aliases}
	return must[catalog.Source](t)(c.CreateSource(t.Context(), s, catalog.Key{Role: tenant.RoleWriter, Hash: hash("write " + site)}))
}

func testTenants(t *testing.T, s Store) {
	c := s.Open(t)
	before := time.Now().Add(-time.Second)
	got := must[catalog.Tenant](t)(c.CreateTenant(t.Context(), catalog.Tenant{
		ID: "zoo", Name: "The Zoo", Region: "eu", Retention: 90 * 24 * time.Hour, Limits: catalog.Limits{DedupeKeys: 7, EventBytes: 9},
	}))
	if got.Created.Before(before) || got.Created.After(time.Now().Add(time.Second)) {
		t.Errorf("Created is %s", got.Created)
	}
	want := catalog.Tenant{ID: "zoo", Number: 1, Name: "The Zoo", Region: "eu", Retention: 90 * 24 * time.Hour, Created: got.Created,
		Limits: catalog.Limits{DedupeKeys: 7, EventBytes: 9}, Partitions: catalog.Range{First: got.Partitions.First, Count: 1}}
	diff(t, got, want)
	diff(t, must[catalog.Tenant](t)(c.Tenant(t.Context(), "zoo")), want)
	byID, ok := c.TenantByID("zoo")
	if !ok {
		t.Error("TenantByID does not find it")
	}
	diff(t, byID, want)
	byNumber, ok := c.TenantByNumber(1)
	if !ok {
		t.Error("TenantByNumber does not find it")
	}
	diff(t, byNumber, want)
	if _, ok := c.TenantByNumber(2); ok {
		t.Error("TenantByNumber finds a number that was not given")
	}

	_, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: "zoo"})
	wantConflict(t, err, "id", "zoo")
	_, err = c.CreateTenant(t.Context(), catalog.Tenant{ID: "Not An Id"})
	wantErr(t, err, tenant.ErrBadID)
	_, err = c.CreateTenant(t.Context(), catalog.Tenant{ID: "wide", Partitions: catalog.Range{First: Partitions, Count: 1}})
	if err == nil {
		t.Error("a range outside of the partitions is accepted")
	}
	_, err = c.Tenant(t.Context(), "none")
	wantErr(t, err, catalog.ErrNotFound)

	firsts := map[uint16]int{got.Partitions.First: 1}
	for i := 1; i < 2*Partitions; i++ {
		firsts[newTenant(t, c, fmt.Sprintf("a%d", i)).Partitions.First]++
	}
	if len(firsts) != Partitions {
		t.Errorf("tenants lie on %d partitions, want all %d: %v", len(firsts), Partitions, firsts)
	}
	set := must[catalog.Tenant](t)(c.CreateTenant(t.Context(), catalog.Tenant{ID: "set", Partitions: catalog.Range{First: 3, Count: 2}}))
	diff(t, set.Partitions, catalog.Range{First: 3, Count: 2})

	all := must[[]catalog.Tenant](t)(c.Tenants(t.Context()))
	var ids []tenant.ID
	for _, x := range all {
		ids = append(ids, x.ID)
	}
	diff(t, ids, []tenant.ID{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "set", "zoo"})
}

func testUpdateTenant(t *testing.T, s Store) {
	c := s.Open(t)
	old := newTenant(t, c, "acme")
	want := old
	want.Name, want.Region, want.Retention, want.Limits = "Acme", "us", time.Hour, catalog.Limits{EventBytes: 5}
	want.Partitions = catalog.Range{First: 1, Count: 3, Epoch: old.Partitions.Epoch + 1}
	got := must[catalog.Tenant](t)(c.UpdateTenant(t.Context(), "acme", func(x *catalog.Tenant) error {
		x.Name, x.Region, x.Retention, x.Limits = want.Name, want.Region, want.Retention, want.Limits
		x.Partitions.First, x.Partitions.Count = 1, 3
		x.ID, x.Number, x.Created, x.Deleted = "other", 99, time.Now().Add(time.Hour), time.Now() // must stay
		return nil
	}))
	diff(t, got, want)
	byID, _ := c.TenantByID("acme")
	diff(t, byID, want)
	got = must[catalog.Tenant](t)(c.UpdateTenant(t.Context(), "acme", func(x *catalog.Tenant) error { x.Name = "B"; return nil }))
	want.Name = "B"
	diff(t, got, want) // Epoch stays when the range stays
	want.Suspended, want.SuspendedFor = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), "unpaid"
	must[catalog.Tenant](t)(c.UpdateTenant(t.Context(), "acme", func(x *catalog.Tenant) error {
		x.Suspended, x.SuspendedFor = want.Suspended, want.SuspendedFor
		return nil
	}))
	noError(t, c.Close())
	got, _ = s.Open(t).TenantByID("acme")
	diff(t, got, want)
	c = s.Open(t)
	_, err := c.UpdateTenant(t.Context(), "none", func(*catalog.Tenant) error { return nil })
	wantErr(t, err, catalog.ErrNotFound)
}

func testDeleteTenant(t *testing.T, s Store) {
	c := s.Open(t)
	gone := newTenant(t, c, "gone")
	newSource(t, c, "gone", "web", "site1", "example.com")
	must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{Tenant: "gone", Role: tenant.RoleAdmin, Hash: hash("admin")}))
	noError(t, c.DeleteTenant(t.Context(), "gone"))

	if _, _, ok := c.SourceBySite("site1"); ok {
		t.Error("its site still works")
	}
	if _, _, ok := c.SourceBySite("example.com"); ok {
		t.Error("its alias still works")
	}
	for _, secret := range []string{"admin", "write site1"} {
		if _, _, ok := c.KeyByHash(hash(secret)); ok {
			t.Errorf("its key %q still works", secret)
		}
	}
	if _, ok := c.TenantByID("gone"); ok {
		t.Error("TenantByID still finds it")
	}
	if _, ok := c.TenantByNumber(gone.Number); ok {
		t.Error("TenantByNumber still finds it")
	}
	if all := must[[]catalog.Tenant](t)(c.Tenants(t.Context())); len(all) != 0 {
		t.Errorf("Tenants still lists %v", all)
	}
	_, err := c.Sources(t.Context(), "gone")
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.Keys(t.Context(), "gone")
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.CreateKey(t.Context(), catalog.Key{Tenant: "gone", Role: tenant.RoleAdmin, Hash: hash("new")})
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.CreateSource(t.Context(), catalog.Source{Tenant: "gone", ID: "x", SiteID: "x"}, catalog.Key{Role: tenant.RoleWriter, Hash: hash("x")})
	wantErr(t, err, catalog.ErrNotFound)
	wantErr(t, c.DeleteTenant(t.Context(), "gone"), catalog.ErrNotFound)

	_, err = c.CreateTenant(t.Context(), catalog.Tenant{ID: "gone"})
	wantErr(t, err, catalog.ErrUsed)
	if next := newTenant(t, c, "next"); next.Number <= gone.Number {
		t.Errorf("number %d is given after %d was", next.Number, gone.Number)
	}
	newSource(t, c, "next", "web", "site2")
	wantRetired(t, c, "next", "site1", "example.com")
}

// state is what can be seen of one tenant.
type state struct {
	Tenants []catalog.Tenant
	Sources []catalog.Source
	Keys    []catalog.Key
	Imports []catalog.Import
}

func stateOf(t *testing.T, c catalog.Catalog, id tenant.ID, site string) state {
	t.Helper()
	return state{must[[]catalog.Tenant](t)(c.Tenants(t.Context())), must[[]catalog.Source](t)(c.Sources(t.Context(), id)),
		must[[]catalog.Key](t)(c.Keys(t.Context(), id)), must[[]catalog.Import](t)(c.Imports(t.Context(), id, site))}
}

func testReopen(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "dead")
	newSource(t, c, "dead", "web", "s9")
	noError(t, c.DeleteTenant(t.Context(), "dead"))
	newSource(t, c, "acme", "web", "s1", "one.example")
	newSource(t, c, "acme", "app", "s2")
	must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{Tenant: "acme", Role: tenant.RoleAdmin, Hash: hash("admin"), Expires: time.Now().Add(time.Hour)}))
	noError(t, c.AdvanceImport(t.Context(), catalog.Import{Tenant: "acme", Site: "s1", File: "f", PrefixLen: 1, Lines: 2}))
	noError(t, c.SetSetting(t.Context(), "salt", "x"))
	want := stateOf(t, c, "acme", "s1")
	noError(t, c.Close())

	c = s.Open(t)
	diff(t, stateOf(t, c, "acme", "s1"), want)
	if v := must[string](t)(c.Setting(t.Context(), "salt")); v != "x" {
		t.Errorf("setting is %q", v)
	}
	for name, exists := range map[string]bool{"s1": true, "one.example": true, "s2": true, "s9": false} {
		if _, _, ok := c.SourceBySite(name); ok != exists {
			t.Errorf("SourceBySite(%q) = %v, want %v", name, ok, exists)
		}
	}
	if _, _, ok := c.KeyByHash(hash("admin")); !ok {
		t.Error("the key is lost")
	}
	_, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: "dead"})
	wantErr(t, err, catalog.ErrUsed)
}

// eventually waits until ok, at most a minute.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not happen", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func testTwoProcesses(t *testing.T, s Store) {
	a, b := s.Open(t), s.Open(t)
	newTenant(t, a, "one")
	newTenant(t, b, "two") // b need not have seen the first
	if x, y := must[catalog.Tenant](t)(a.Tenant(t.Context(), "one")), must[catalog.Tenant](t)(b.Tenant(t.Context(), "two")); x.Number == y.Number {
		t.Errorf("both tenants have number %d", x.Number)
	}
	eventually(t, "a sees two", func() bool { _, ok := a.TenantByID("two"); return ok })
	eventually(t, "b sees one", func() bool { _, ok := b.TenantByID("one"); return ok })

	newSource(t, a, "one", "web", "s1", "one.example")
	eventually(t, "b sees the source", func() bool { _, _, ok := b.SourceBySite("one.example"); return ok })
	eventually(t, "b sees the write key", func() bool { _, _, ok := b.KeyByHash(hash("write s1")); return ok })

	// A change works on the stored state, not on an old copy.
	must[catalog.Tenant](t)(a.UpdateTenant(t.Context(), "one", func(x *catalog.Tenant) error { x.Name = "A"; return nil }))
	must[catalog.Tenant](t)(b.UpdateTenant(t.Context(), "one", func(x *catalog.Tenant) error { x.Region = "B"; return nil }))
	if x := must[catalog.Tenant](t)(b.Tenant(t.Context(), "one")); x.Name != "A" || x.Region != "B" {
		t.Errorf("a change is lost: %v", x)
	}
	_, err := b.CreateSource(t.Context(), catalog.Source{Tenant: "two", ID: "web", SiteID: "s1"}, catalog.Key{Role: tenant.RoleWriter, Hash: hash("x")})
	wantConflict(t, err, "site_id", "s1")

	noError(t, b.DeleteTenant(t.Context(), "one"))
	eventually(t, "a forgets the tenant", func() bool { _, ok := a.TenantByID("one"); return !ok })
	if _, _, ok := a.SourceBySite("s1"); ok {
		t.Error("a still knows the source")
	}
}

func testConcurrent(t *testing.T, s Store) {
	c := s.Open(t)
	const workers, each = 8, 5
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 { // readers of the hot path during changes
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if src, ten, ok := c.SourceBySite("s-0-0"); ok && src.Tenant != ten.ID {
					t.Errorf("source of %s came with tenant %s", src.Tenant, ten.ID)
				}
				c.KeyByHash(hash("write s-0-0"))
			}
		})
	}
	var makers sync.WaitGroup
	for w := range workers {
		makers.Go(func() {
			for i := range each {
				id, site := tenant.ID(fmt.Sprintf("t-%d-%d", w, i)), fmt.Sprintf("s-%d-%d", w, i)
				if _, err := c.CreateTenant(context.Background(), catalog.Tenant{ID: id}); err != nil {
					t.Error(err)
				}
				_, err := c.CreateSource(context.Background(), catalog.Source{Tenant: id, ID: "web", SiteID: site},
					catalog.Key{Role: tenant.RoleWriter, Hash: hash("write " + site)})
				if err != nil {
					t.Error(err)
				}
				if _, _, ok := c.SourceBySite(site); !ok {
					t.Errorf("%s is not seen after its creation", site)
				}
			}
		})
	}
	makers.Wait()
	close(stop)
	wg.Wait()
	numbers := map[uint32]bool{}
	for _, x := range must[[]catalog.Tenant](t)(c.Tenants(t.Context())) {
		numbers[x.Number] = true
	}
	if len(numbers) != workers*each {
		t.Errorf("%d distinct numbers for %d tenants", len(numbers), workers*each)
	}
}

func testCopies(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	src := newSource(t, c, "acme", "web", "s1", "one.example")
	src.Aliases[0] = "changed"
	list := must[[]catalog.Source](t)(c.Sources(t.Context(), "acme"))
	list[0].Aliases[0] = "changed"
	list[0].Name = "changed"
	_, err := c.UpdateSource(t.Context(), "acme", "web", func(x *catalog.Source) error {
		x.Aliases[0] = "changed"
		return errors.New("no")
	})
	if err == nil {
		t.Error("the error of a change is lost")
	}
	if got := must[catalog.Source](t)(c.Source(t.Context(), "acme", "web")); got.Aliases[0] != "one.example" || got.Name != "" {
		t.Errorf("a caller changed the catalog: %v", got)
	}
}

func testCancelled(t *testing.T, s Store) {
	c := s.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.CreateTenant(ctx, catalog.Tenant{ID: "acme"}); err == nil {
		t.Error("a cancelled creation reports success")
	}
	newTenant(t, c, "acme") // it did not happen, and the catalog still works
}

func testChangeError(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	refusal := errors.New("refused")
	_, err := c.UpdateTenant(t.Context(), "acme", func(x *catalog.Tenant) error { x.Name = "changed"; return refusal })
	wantErr(t, err, refusal)
	if got := must[catalog.Tenant](t)(c.Tenant(t.Context(), "acme")); got.Name != "acme" {
		t.Errorf("a refused change took place: %v", got)
	}
}
