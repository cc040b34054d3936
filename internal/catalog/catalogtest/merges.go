package catalogtest

import (
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func testMerges(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	for _, site := range []string{"s1", "s2"} {
		must[catalog.Source](t)(c.CreateSource(t.Context(), catalog.Source{Tenant: "acme", ID: site, SiteID: site}, catalog.Key{ID: "k" + site, Role: tenant.RoleWriter, Hash: hash(site)}))
	}
	noError(t, c.UndoMerge(t.Context(), "acme", "s1", "b0", "somebody", 2))
	noError(t, c.UndoMerge(t.Context(), "acme", "s1", "a0", "somebody", 2))
	noError(t, c.UndoMerge(t.Context(), "acme", "s1", "a0", "somebody", 2)) // again
	wantErr(t, c.UndoMerge(t.Context(), "acme", "s1", "c0", "somebody", 2), catalog.ErrFull)
	wantErr(t, c.UndoMerge(t.Context(), "acme", "none", "c0", "somebody", 2), catalog.ErrNotFound)
	wantErr(t, c.UndoMerge(t.Context(), "other", "s1", "c0", "somebody", 2), catalog.ErrNotFound)
	wantErr(t, c.UndoMerge(t.Context(), "none", "s1", "c0", "somebody", 2), catalog.ErrNotFound)
	for _, bad := range []string{"", "A0", "x", "a'"} {
		if err := c.UndoMerge(t.Context(), "acme", "s2", bad, "somebody", 2); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	diff(t, c.UndoneMerges("acme", "s1"), []string{"a0", "b0"})
	if all := append(append(c.UndoneMerges("acme", "s2"), c.UndoneMerges("other", "s1")...), c.UndoneMerges("none", "s1")...); len(all) != 0 {
		t.Errorf("others have %v", all)
	}
	noError(t, c.RestoreMerge(t.Context(), "acme", "s1", "a0"))
	noError(t, c.RestoreMerge(t.Context(), "acme", "s1", "a0"))
	wantErr(t, c.RestoreMerge(t.Context(), "none", "s1", "a0"), catalog.ErrNotFound)
	noError(t, c.Close())
	c = s.Open(t)
	diff(t, c.UndoneMerges("acme", "s1"), []string{"b0"})
	noError(t, c.DeleteSource(t.Context(), "acme", "s1"))
	if all := c.UndoneMerges("acme", "s1"); len(all) != 0 {
		t.Errorf("a deleted source has %v", all)
	}
	noError(t, c.UndoMerge(t.Context(), "acme", "s2", "b0", "somebody", 2))
	noError(t, c.DeleteTenant(t.Context(), "acme"))
	if all := c.UndoneMerges("acme", "s2"); len(all) != 0 {
		t.Errorf("a deleted tenant has %v", all)
	}
}
