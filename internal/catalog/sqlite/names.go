package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// claimNames makes the site_id and the aliases of s its own, and no others. Those that old had before are not looked at again.
func claimNames(ctx context.Context, tx *sql.Tx, owner catalog.Tenant, s, old catalog.Source) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM site_names WHERE tenant = ? AND source = ?", string(s.Tenant), s.ID); err != nil {
		return fmt.Errorf("catalog: release names: %w", err)
	}
	claim := func(field, name string, had bool) error {
		if !had {
			if err := refuseOthers(ctx, tx, owner, field, name); err != nil {
				return err
			}
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO site_names (name, tenant, source) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			name, string(s.Tenant), s.ID)
		if err != nil {
			return fmt.Errorf("catalog: claim name: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil {
			return fmt.Errorf("catalog: claim name: %w", err)
		} else if n == 0 {
			return &catalog.Conflict{Field: field, Value: name, Err: catalog.ErrExists}
		}
		return nil
	}
	if err := claim("site_id", s.SiteID, s.SiteID == old.SiteID); err != nil {
		return err
	}
	for _, a := range s.Aliases {
		if err := claim("aliases", a, slices.Contains(old.Aliases, a)); err != nil {
			return err
		}
	}
	return nil
}

// refuseOthers refuses a name that another tenant has in other letters, or that was retired as another's. One that was retired as the owner's is in use again.
func refuseOthers(ctx context.Context, tx *sql.Tx, owner catalog.Tenant, field, name string) error {
	var taken bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM site_names WHERE name = ? COLLATE NOCASE AND tenant <> ?)", name, string(owner.ID)).Scan(&taken); err != nil {
		return fmt.Errorf("catalog: look for name: %w", err)
	}
	if taken {
		return &catalog.Conflict{Field: field, Value: name, Err: catalog.ErrExists}
	}
	var retired uint32
	err := tx.QueryRowContext(ctx, "DELETE FROM retired_names WHERE hash = ? RETURNING owner", nameHash(name)).Scan(&retired)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("catalog: look for retired name: %w", err)
	case retired != owner.Number:
		return &catalog.Conflict{Field: field, Value: name, Err: catalog.ErrRetired} // the transaction ends without a change
	}
	return nil
}

// nameHash is how a retired name is remembered: of a deleted tenant no text may stay. Names that differ in the case of letters only are one, as domains are.
func nameHash(name string) []byte {
	h := sha256.Sum256([]byte(strings.ToLower(name)))
	return h[:]
}

func retireName(ctx context.Context, tx *sql.Tx, owner uint32, name string) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO retired_names (hash, owner) VALUES (?, ?) ON CONFLICT DO NOTHING", nameHash(name), owner); err != nil {
		return fmt.Errorf("catalog: retire name: %w", err)
	}
	return nil
}

// retireNames takes the names of a source away, or, without one, those of all sources of a tenant, and remembers them as the owner's.
func retireNames(ctx context.Context, tx *sql.Tx, t tenant.ID, source string, owner uint32) error {
	var names []string
	err := each(ctx, tx, "DELETE FROM site_names WHERE tenant = ?1 AND (?2 = '' OR source = ?2) RETURNING name", []any{string(t), source}, func(row scanner) error {
		var name string
		err := row.Scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("catalog: release names: %w", err)
	}
	for _, name := range names {
		if err := retireName(ctx, tx, owner, name); err != nil {
			return err
		}
	}
	return nil
}

// retireImported retires what is still known of the names of sources that were deleted before there were retired names: the site_ids in the import ledger.
func retireImported(ctx context.Context, tx *sql.Tx) error {
	type known struct {
		name  string
		owner uint32
	}
	var all []known
	err := each(ctx, tx, `SELECT DISTINCT i.site_id, CASE WHEN t.deleted_ns = 0 THEN t.number ELSE 0 END FROM imports i JOIN tenants t ON t.id = i.tenant
		WHERE i.site_id <> '' AND NOT EXISTS (SELECT 1 FROM site_names n WHERE n.name = i.site_id)`, nil, func(row scanner) error {
		var k known
		err := row.Scan(&k.name, &k.owner)
		all = append(all, k)
		return err
	})
	if err != nil {
		return fmt.Errorf("catalog: names in the import ledger: %w", err)
	}
	for _, k := range all {
		if err := retireName(ctx, tx, k.owner, k.name); err != nil {
			return err
		}
	}
	return nil
}

// RetiredName implements catalog.Catalog.
func (c *Catalog) RetiredName(ctx context.Context, name string) (tenant.ID, error) {
	var owner string
	err := c.db.QueryRowContext(ctx, "SELECT coalesce(t.id, '') FROM retired_names r LEFT JOIN tenants t ON t.number = r.owner AND t.deleted_ns = 0 WHERE r.hash = ?", nameHash(name)).Scan(&owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", notRetired(name)
	case err != nil:
		return "", fmt.Errorf("catalog: look for retired name: %w", err)
	}
	return tenant.ID(owner), nil
}

// ReleaseName implements catalog.Catalog.
func (c *Catalog) ReleaseName(ctx context.Context, name string) error {
	return c.write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "DELETE FROM retired_names WHERE hash = ?", nameHash(name))
		if err != nil {
			return fmt.Errorf("catalog: release name: %w", err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return fmt.Errorf("catalog: release name: %w", err)
		}
		if n == 0 {
			return notRetired(name)
		}
		return nil
	})
}

func notRetired(name string) error {
	return fmt.Errorf("retired name %q: %w", name, catalog.ErrNotFound)
}
