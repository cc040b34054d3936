package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

const savedColumns = `tenant, kind, id, site_id, name, body, version, owner, created_ns, updated_ns`

func scanSaved(row scanner) (catalog.Saved, error) {
	var (
		s                catalog.Saved
		created, updated int64
	)
	err := row.Scan(&s.Tenant, &s.Kind, &s.ID, &s.Site, &s.Name, &s.Body, &s.Version, &s.Owner, &created, &updated)
	s.Created, s.Updated = fromNanos(created), fromNanos(updated)
	return s, err
}

// folded is a name as it is compared with others.
func folded(name string) string { return strings.ToLower(name) }

// CreateSaved implements catalog.SavedObjects.
func (c *Catalog) CreateSaved(ctx context.Context, s catalog.Saved, most int) (catalog.Saved, error) {
	if err := s.Validate(); err != nil {
		return catalog.Saved{}, fmt.Errorf("catalog: create saved object: %w", err)
	}
	s.ID, s.Version = s.Kind[:1]+"_"+rand.Text()[:16], 1
	s.Created = c.cfg.Now().UTC()
	s.Updated = s.Created
	err := c.write(ctx, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, s.Tenant); err != nil {
			return err
		}
		if err := savedFits(ctx, tx, s, most); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO saved (`+savedColumns+`, folded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			string(s.Tenant), s.Kind, s.ID, s.Site, s.Name, string(s.Body), s.Version, s.Owner, nanos(s.Created), nanos(s.Updated), folded(s.Name))
		if err != nil {
			return fmt.Errorf("catalog: write saved object: %w", err)
		}
		return nil
	})
	if err != nil {
		return catalog.Saved{}, err
	}
	return s, nil
}

// savedFits says whether a new object has a place and its name is free.
func savedFits(ctx context.Context, tx *sql.Tx, s catalog.Saved, most int) error {
	var sites, n int
	err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM sources WHERE tenant = ?1 AND site_id = ?3), (SELECT count(*) FROM saved WHERE tenant = ?1 AND kind = ?2 AND site_id = ?3)`,
		string(s.Tenant), s.Kind, s.Site).Scan(&sites, &n)
	switch {
	case err != nil:
		return fmt.Errorf("catalog: count saved objects: %w", err)
	case s.Site != "" && sites == 0:
		return fmt.Errorf("site %q of tenant %q %w", s.Site, s.Tenant, catalog.ErrNotFound)
	}
	if err := savedNameFree(ctx, tx, s); err != nil {
		return err
	}
	if n >= most {
		return fmt.Errorf("%ss of tenant %q: %w", s.Kind, s.Tenant, catalog.ErrFull)
	}
	return savedBytesFit(ctx, tx, s)
}

// savedBytesFit says whether the body has room beside those of the other objects of the kind and site.
func savedBytesFit(ctx context.Context, tx *sql.Tx, s catalog.Saved) error {
	var others int
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM saved WHERE tenant = ? AND kind = ? AND site_id = ? AND id <> ?",
		string(s.Tenant), s.Kind, s.Site, s.ID).Scan(&others); err != nil {
		return fmt.Errorf("catalog: add up saved objects: %w", err)
	}
	if others+len(s.Body) > catalog.MaxSavedTotal {
		return fmt.Errorf("%ss of tenant %q: %w", s.Kind, s.Tenant, catalog.ErrSavedTotal)
	}
	return nil
}

// savedNameFree returns a conflict when another object of the kind and site has the name.
func savedNameFree(ctx context.Context, tx *sql.Tx, s catalog.Saved) error {
	var same int
	err := tx.QueryRowContext(ctx, "SELECT count(*) FROM saved WHERE tenant = ? AND kind = ? AND site_id = ? AND folded = ? AND id <> ?",
		string(s.Tenant), s.Kind, s.Site, folded(s.Name), s.ID).Scan(&same)
	if err != nil {
		return fmt.Errorf("catalog: look for a name: %w", err)
	}
	if same > 0 {
		return &catalog.Conflict{Field: "name", Value: s.Name, Err: catalog.ErrExists}
	}
	return nil
}

type rowQueryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func savedIn(ctx context.Context, q rowQueryer, t tenant.ID, kind, id string) (catalog.Saved, error) {
	s, err := scanSaved(q.QueryRowContext(ctx, "SELECT "+savedColumns+" FROM saved WHERE tenant = ? AND kind = ? AND id = ?", string(t), kind, id))
	if errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("%s %q of tenant %q %w", kind, id, t, catalog.ErrNotFound)
	}
	if err != nil {
		return s, fmt.Errorf("catalog: read saved object: %w", err)
	}
	return s, nil
}

// Saved implements catalog.SavedObjects.
func (c *Catalog) Saved(ctx context.Context, t tenant.ID, kind, id string) (catalog.Saved, error) {
	if _, ok := c.snap.Load().tenants.lookup(t); !ok {
		return catalog.Saved{}, errNoTenant(t)
	}
	return savedIn(ctx, c.db, t, kind, id)
}

// SavedOf implements catalog.SavedObjects.
func (c *Catalog) SavedOf(ctx context.Context, t tenant.ID, kind, site string) ([]catalog.Saved, error) {
	if _, ok := c.snap.Load().tenants.lookup(t); !ok {
		return nil, errNoTenant(t)
	}
	var out []catalog.Saved
	err := each(ctx, c.db, "SELECT "+savedColumns+" FROM saved WHERE tenant = ? AND kind = ? AND site_id = ? ORDER BY folded", []any{string(t), kind, site}, func(row scanner) error {
		s, err := scanSaved(row)
		out = append(out, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("catalog: list saved objects: %w", err)
	}
	return out, nil
}

// UpdateSaved implements catalog.SavedObjects.
func (c *Catalog) UpdateSaved(ctx context.Context, t tenant.ID, kind, id string, change func(*catalog.Saved) error) (catalog.Saved, error) {
	var s catalog.Saved
	err := c.write(ctx, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, t); err != nil {
			return err
		}
		old, err := savedIn(ctx, tx, t, kind, id)
		if err != nil {
			return err
		}
		next := old
		if err := change(&next); err != nil {
			return err
		}
		s = old
		s.Name, s.Body, s.Owner = next.Name, next.Body, next.Owner
		s.Version, s.Updated = old.Version+1, c.cfg.Now().UTC()
		if err := s.Validate(); err != nil {
			return fmt.Errorf("catalog: update saved object: %w", err)
		}
		if err := savedNameFree(ctx, tx, s); err != nil {
			return err
		}
		if err := savedBytesFit(ctx, tx, s); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE saved SET name = ?, folded = ?, body = ?, owner = ?, version = ?, updated_ns = ? WHERE tenant = ? AND kind = ? AND id = ?",
			s.Name, folded(s.Name), string(s.Body), s.Owner, s.Version, nanos(s.Updated), string(t), kind, id)
		if err != nil {
			return fmt.Errorf("catalog: write saved object: %w", err)
		}
		return nil
	})
	if err != nil {
		return catalog.Saved{}, err
	}
	return s, nil
}

// DeleteSaved implements catalog.SavedObjects.
func (c *Catalog) DeleteSaved(ctx context.Context, t tenant.ID, kind, id string) (catalog.Saved, error) {
	var old catalog.Saved
	err := c.write(ctx, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, t); err != nil {
			return err
		}
		var err error
		if old, err = savedIn(ctx, tx, t, kind, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM saved WHERE tenant = ? AND kind = ? AND id = ?", string(t), kind, id); err != nil {
			return fmt.Errorf("catalog: delete saved object: %w", err)
		}
		return nil
	})
	if err != nil {
		return catalog.Saved{}, err
	}
	return old, nil
}
