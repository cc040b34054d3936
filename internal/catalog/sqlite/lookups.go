package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"weir/internal/catalog"
	"weir/internal/lookup"
	"weir/internal/tenant"
)

const lookupColumns = `tenant, name, version, columns, rows, bytes, updated_ns`

// loadLookups reads the lookup tables of the tenants in changed.
func loadLookups(ctx context.Context, tx *sql.Tx, after int64, changed map[tenant.ID]*entry) error {
	const of = " WHERE tenant IN (SELECT id FROM tenants WHERE revision > ?) ORDER BY tenant, name"
	err := each(ctx, tx, "SELECT "+lookupColumns+" FROM lookups"+of, []any{after}, func(row scanner) error {
		t, err := scanLookup(row)
		if e := changed[t.Tenant]; err == nil && e != nil {
			e.lookups = append(e.lookups, t)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("lookup tables: %w", err)
	}
	return nil
}

func scanLookup(row scanner) (lookup.Table, error) {
	var (
		t                             lookup.Table
		version, rows, bytes, updated int64
		columns                       []byte
	)
	if err := row.Scan(&t.Tenant, &t.Name, &version, &columns, &rows, &bytes, &updated); err != nil {
		return t, err
	}
	t.Version, t.Rows, t.Bytes, t.Updated = uint64(version), uint64(rows), uint64(bytes), fromNanos(updated)
	if err := json.Unmarshal(columns, &t.Columns); err != nil {
		return t, fmt.Errorf("columns of lookup table %s/%s: %w", t.Tenant, t.Name, err)
	}
	return t, nil
}

// PutLookup implements catalog.Catalog.
func (c *Catalog) PutLookup(ctx context.Context, t lookup.Table, most int) (put, replaced lookup.Table, err error) {
	if !lookup.ValidName(t.Name) || t.Version == 0 || t.Version > 1<<63-1 {
		return put, replaced, fmt.Errorf("catalog: put lookup table %q, version %d: the name or the version is not valid", t.Name, t.Version)
	}
	columns, err := json.Marshal(t.Columns)
	if err != nil {
		return put, replaced, fmt.Errorf("catalog: encode columns: %w", err)
	}
	t.Updated = c.cfg.Now().UTC()
	err = c.change(ctx, t.Tenant, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, t.Tenant); err != nil {
			return err
		}
		old, err := lookupInTx(ctx, tx, t.Tenant, t.Name)
		switch {
		case err == nil:
			replaced = old
		case !errors.Is(err, catalog.ErrNotFound):
			return err
		default:
			var n int
			if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM lookups WHERE tenant = ?", string(t.Tenant)).Scan(&n); err != nil {
				return fmt.Errorf("catalog: count lookup tables: %w", err)
			}
			if n >= most {
				return fmt.Errorf("lookup tables of tenant %q: %w", t.Tenant, catalog.ErrFull)
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO lookups (`+lookupColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, name) DO UPDATE SET
			version = excluded.version, columns = excluded.columns, rows = excluded.rows, bytes = excluded.bytes, updated_ns = excluded.updated_ns`,
			string(t.Tenant), t.Name, int64(t.Version), string(columns), int64(t.Rows), int64(t.Bytes), nanos(t.Updated))
		if err != nil {
			return fmt.Errorf("catalog: write lookup table: %w", err)
		}
		return nil
	})
	if err != nil {
		return lookup.Table{}, lookup.Table{}, err
	}
	return t, replaced, nil
}

func lookupInTx(ctx context.Context, tx *sql.Tx, id tenant.ID, name string) (lookup.Table, error) {
	t, err := scanLookup(tx.QueryRowContext(ctx, "SELECT "+lookupColumns+" FROM lookups WHERE tenant = ? AND name = ?", string(id), name))
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("lookup table %q of tenant %q %w", name, id, catalog.ErrNotFound)
	}
	if err != nil {
		return t, fmt.Errorf("catalog: read lookup table: %w", err)
	}
	return t, nil
}

// DeleteLookup implements catalog.Catalog.
func (c *Catalog) DeleteLookup(ctx context.Context, id tenant.ID, name string) (lookup.Table, error) {
	var old lookup.Table
	err := c.change(ctx, id, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, id); err != nil {
			return err
		}
		var err error
		if old, err = lookupInTx(ctx, tx, id, name); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM lookups WHERE tenant = ? AND name = ?", string(id), name); err != nil {
			return fmt.Errorf("catalog: delete lookup table: %w", err)
		}
		return nil
	})
	return old, err
}

// Lookups implements catalog.Catalog.
func (c *Catalog) Lookups(t tenant.ID) []lookup.Table {
	e, ok := c.snap.Load().tenants.lookup(t)
	if !ok {
		return nil
	}
	return e.lookups
}
