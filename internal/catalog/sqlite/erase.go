package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// erased is the retention of a tombstone whose data has been removed: a living tenant has none below 0.
const erased = -1

// Deleted returns the deleted tenants whose data has not been erased yet, by id. Only ID, Number, Partitions and the times are of use.
func (c *Catalog) Deleted(ctx context.Context) ([]catalog.Tenant, error) {
	var out []catalog.Tenant
	err := each(ctx, c.db, "SELECT "+tenantColumns+" FROM tenants WHERE deleted_ns <> 0 AND retention_ns <> ? ORDER BY id", []any{erased}, func(row scanner) error {
		t, err := scanTenant(row)
		out = append(out, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("catalog: list deleted tenants: %w", err)
	}
	return out, nil
}

// RowsOf counts the rows of a tenant in all tables but its tombstone.
func (c *Catalog) RowsOf(ctx context.Context, id tenant.ID) (uint64, error) {
	tables, err := tablesOfTenants(ctx, c.db)
	if err != nil {
		return 0, err
	}
	total := uint64(0)
	for _, table := range tables {
		var n uint64
		if err := c.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE tenant = ?", string(id)).Scan(&n); err != nil {
			return 0, fmt.Errorf("catalog: count %s: %w", table, err)
		}
		total += n
	}
	return total, nil
}

// Erase removes what is kept of a deleted tenant: its rows in every table that has a column tenant, and all of its own row but
// the id and number, which are never given again, and when it was deleted. Freed pages are overwritten. ErrNotFound when it is not a deleted tenant.
// MarkErased says that nothing else is left of it either.
func (c *Catalog) Erase(ctx context.Context, id tenant.ID) error {
	err := c.change(ctx, id, func(tx *sql.Tx) error {
		tables, err := tablesOfTenants(ctx, tx)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "UPDATE tenants SET name = '', region = '', limits = '{}', policy = '{}', suspended_for = '' WHERE id = ? AND deleted_ns <> 0", string(id))
		if err != nil {
			return fmt.Errorf("catalog: erase tenant: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errNoTenant(id)
		}
		for _, table := range tables {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE tenant = ?", string(id)); err != nil {
				return fmt.Errorf("catalog: erase %s: %w", table, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil { // the write-ahead log holds old pages
		return fmt.Errorf("catalog: checkpoint: %w", err)
	}
	return nil
}

// MarkErased notes that no data of a deleted tenant is left anywhere: Deleted leaves it out from then on.
func (c *Catalog) MarkErased(ctx context.Context, id tenant.ID) error {
	return c.change(ctx, id, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE tenants SET retention_ns = ? WHERE id = ? AND deleted_ns <> 0", erased, string(id)); err != nil {
			return fmt.Errorf("catalog: mark tenant: %w", err)
		}
		return nil
	})
}

// tablesOfTenants lists the tables with a column tenant, those that others refer to last.
func tablesOfTenants(ctx context.Context, q queryer) ([]string, error) {
	var out []string
	err := each(ctx, q, `SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c ON c.name = 'tenant'
		WHERE m.type = 'table' ORDER BY (SELECT count(*) FROM sqlite_schema o JOIN pragma_foreign_key_list(o.name) f ON f."table" = m.name), m.name`, nil,
		func(row scanner) error {
			var name string
			err := row.Scan(&name)
			out = append(out, name)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("catalog: list tables: %w", err)
	}
	return out, nil
}
