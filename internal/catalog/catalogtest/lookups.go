package catalogtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/lookup"
)

func newLookup(t *testing.T, c catalog.Catalog, name string, version uint64) lookup.Table {
	t.Helper()
	table := lookup.Table{Tenant: "acme", Name: name, Version: version, Rows: 2, Bytes: 40,
		Columns: []lookup.Column{{Name: "id", Type: lookup.String}, {Name: "Größe m²", Type: lookup.Float64, Nullable: true}}}
	put, _, err := c.PutLookup(t.Context(), table, 10)
	noError(t, err)
	if put.Updated.IsZero() || time.Since(put.Updated) < 0 {
		t.Errorf("Updated is %v", put.Updated)
	}
	table.Updated = put.Updated
	diff(t, put, table)
	return table
}

func testLookups(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	if all := c.Lookups("acme"); len(all) != 0 {
		t.Errorf("a new tenant has %v", all)
	}
	stores, codes := newLookup(t, c, "stores", 7), newLookup(t, c, "codes", 8)
	diff(t, c.Lookups("acme"), []lookup.Table{codes, stores})
	if all := append(c.Lookups("other"), c.Lookups("none")...); len(all) != 0 {
		t.Errorf("another tenant has %v", all)
	}
	next := stores
	next.Version, next.Rows, next.Columns = 9, 3, next.Columns[:1]
	put, replaced, err := c.PutLookup(t.Context(), next, 2)
	noError(t, err)
	diff(t, replaced, stores)
	diff(t, c.Lookups("acme"), []lookup.Table{codes, put})

	_, _, err = c.PutLookup(t.Context(), lookup.Table{Tenant: "acme", Name: "third", Version: 10}, 2)
	wantErr(t, err, catalog.ErrFull)
	_, _, err = c.PutLookup(t.Context(), lookup.Table{Tenant: "none", Name: "third", Version: 10}, 2)
	wantErr(t, err, catalog.ErrNotFound)
	for _, bad := range []lookup.Table{{Tenant: "acme", Name: "a'b", Version: 1}, {Tenant: "acme", Name: "ok"}, {Tenant: "acme", Name: "ok", Version: 1 << 63}} {
		if _, _, err := c.PutLookup(t.Context(), bad, 100); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	diff(t, c.Lookups("acme"), []lookup.Table{codes, put})

	noError(t, c.Close())
	c = s.Open(t)
	diff(t, c.Lookups("acme"), []lookup.Table{codes, put})
	gone, err := c.DeleteLookup(t.Context(), "acme", "stores")
	noError(t, err)
	diff(t, gone, put)
	diff(t, c.Lookups("acme"), []lookup.Table{codes})
	_, err = c.DeleteLookup(t.Context(), "acme", "stores")
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.DeleteLookup(t.Context(), "other", "codes")
	wantErr(t, err, catalog.ErrNotFound)
	noError(t, c.DeleteTenant(t.Context(), "acme"))
	if all := c.Lookups("acme"); len(all) != 0 {
		t.Errorf("a deleted tenant has %v", all)
	}
}

// However many ask at once, a tenant gets no more tables than it may have.
func testLookupsAtOnce(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	const most, tries = 3, 12
	var wg sync.WaitGroup
	errs := make([]error, tries)
	for i := range tries {
		wg.Go(func() {
			_, _, errs[i] = c.PutLookup(t.Context(), lookup.Table{Tenant: "acme", Name: fmt.Sprintf("t%d", i), Version: 1}, most)
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
	if n := len(c.Lookups("acme")); n != most || full != tries-most {
		t.Errorf("%d tables, %d refused", n, full)
	}
}
