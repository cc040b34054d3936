package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// TestErase removes everything that is kept of a deleted tenant, also from the file, and leaves its id taken.
func TestErase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c, err := Open(t.Context(), Config{Path: path, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for i, id := range []tenant.ID{"gone", "stays"} {
		if _, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: id, Name: "canary-name-" + string(id)}); err != nil {
			t.Fatal(err)
		}
		s := catalog.Source{Tenant: id, ID: "web", SiteID: "canary-site-" + string(id), Aliases: []string{"canary-alias-" + string(id)}}
		if _, err := c.CreateSource(t.Context(), s, catalog.Key{Tenant: id, ID: "k", Role: tenant.RoleWriter, Site: s.SiteID, Hash: [32]byte{byte(i + 1)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateSaved(t.Context(), catalog.Saved{Tenant: id, Kind: catalog.KindDashboard, Name: "canary-saved-" + string(id), Body: []byte(`"canary-saved-` + string(id) + `"`)}, 1); err != nil {
			t.Fatal(err)
		}
		if err := c.UndoMerge(t.Context(), id, s.SiteID, "0a", "canary-actor-"+string(id), 1); err != nil {
			t.Fatal(err)
		}
		if err := c.AdvanceImport(t.Context(), catalog.Import{Tenant: id, Site: s.SiteID, File: "canary-file-" + string(id), PrefixLen: 1, Lines: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Erase(t.Context(), "stays"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("a living tenant: %v", err)
	}
	if err := c.DeleteTenant(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	if n, err := c.RowsOf(t.Context(), "gone"); err != nil || n != 1 {
		t.Errorf("%d rows, %v: the import ledger has one", n, err)
	}
	left, err := c.Deleted(t.Context())
	if err != nil || len(left) != 1 || left[0].ID != "gone" || left[0].Number != 1 {
		t.Errorf("to be erased: %+v, %v", left, err)
	}
	for range 2 {
		if err := c.Erase(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.RowsOf(t.Context(), "gone"); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
	if n, err := c.RowsOf(t.Context(), "stays"); err != nil || n < 4 {
		t.Errorf("the other has %d rows, %v", n, err)
	}
	if err := c.MarkErased(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	if left, err = c.Deleted(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("to be erased: %+v, %v", left, err)
	}
	if _, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: "gone"}); !errors.Is(err, catalog.ErrUsed) {
		t.Errorf("its id is given again: %v", err)
	}
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"name", "site", "alias", "file", "saved", "actor"} {
			if bytes.Contains(text, []byte("canary-"+what+"-gone")) {
				t.Errorf("%s still holds its %s", filepath.Base(path)+suffix, what)
			}
		}
	}
}
