package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func TestStrong(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := Open(ctx, Config{Path: path, Partitions: 4})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []tenant.ID{"acme", "other"} {
		if _, err := c.CreateTenant(ctx, catalog.Tenant{ID: id}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateSource(ctx, catalog.Source{Tenant: id, ID: "web", SiteID: string(id) + "-web"}, catalog.Key{Role: tenant.RoleWriter, Hash: [32]byte{byte(i + 1)}}); err != nil {
			t.Fatal(err)
		}
	}
	if c.Strong("acme") || c.Strong("nobody") {
		t.Error("strong by default")
	}
	if _, err := c.UpdateSource(ctx, "acme", "web", func(s *catalog.Source) error { s.Strong = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if !c.Strong("acme") || c.Strong("other") {
		t.Errorf("acme %v, other %v", c.Strong("acme"), c.Strong("other"))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = Open(ctx, Config{Path: path, Partitions: 4}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !c.Strong("acme") {
		t.Error("forgotten")
	}
}
