package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// loadMerges reads the undone merges of the tenants in changed.
func loadMerges(ctx context.Context, tx *sql.Tx, after int64, changed map[tenant.ID]*entry) error {
	const of = "SELECT tenant, site_id, id FROM undone_merges WHERE tenant IN (SELECT id FROM tenants WHERE revision > ?) ORDER BY tenant, site_id, id"
	err := each(ctx, tx, of, []any{after}, func(row scanner) error {
		var t tenant.ID
		var site, id string
		err := row.Scan(&t, &site, &id)
		if e := changed[t]; err == nil && e != nil {
			if e.undone == nil {
				e.undone = map[string][]string{}
			}
			e.undone[site] = append(e.undone[site], id)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("undone merges: %w", err)
	}
	return nil
}

// UndoMerge implements catalog.Merges.
func (c *Catalog) UndoMerge(ctx context.Context, id tenant.ID, site, merge, actor string, most int) error {
	if err := catalog.ValidMergeID(merge); err != nil {
		return fmt.Errorf("catalog: undo merge: %w", err)
	}
	return c.change(ctx, id, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, id); err != nil {
			return err
		}
		var sites, n, has int
		if err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM sources WHERE tenant = ?1 AND site_id = ?2), (SELECT count(*) FROM undone_merges WHERE tenant = ?1 AND site_id = ?2),
			(SELECT count(*) FROM undone_merges WHERE tenant = ?1 AND site_id = ?2 AND id = ?3)`, string(id), site, merge).Scan(&sites, &n, &has); err != nil {
			return fmt.Errorf("catalog: count undone merges: %w", err)
		}
		switch {
		case sites == 0:
			return fmt.Errorf("site %q of tenant %q %w", site, id, catalog.ErrNotFound)
		case has > 0:
			return nil
		case n >= most:
			return fmt.Errorf("undone merges of site %q: %w", site, catalog.ErrFull)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO undone_merges (tenant, site_id, id, actor, undone_ns) VALUES (?, ?, ?, ?, ?)", string(id), site, merge, actor, nanos(c.cfg.Now().UTC())); err != nil {
			return fmt.Errorf("catalog: undo merge: %w", err)
		}
		return nil
	})
}

// RestoreMerge implements catalog.Merges.
func (c *Catalog) RestoreMerge(ctx context.Context, id tenant.ID, site, merge string) error {
	return c.change(ctx, id, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM undone_merges WHERE tenant = ? AND site_id = ? AND id = ?", string(id), site, merge); err != nil {
			return fmt.Errorf("catalog: restore merge: %w", err)
		}
		return nil
	})
}

// UndoneMerges implements catalog.Merges.
func (c *Catalog) UndoneMerges(t tenant.ID, site string) []string {
	e, ok := c.snap.Load().tenants.lookup(t)
	if !ok {
		return nil
	}
	return e.undone[site]
}
