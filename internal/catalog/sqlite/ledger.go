package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

const importColumns = "tenant, site_id, file, prefix_len, lines, rejected, updated_ns"

func scanImport(row scanner) (catalog.Import, error) {
	var (
		im      catalog.Import
		updated int64
	)
	err := row.Scan(&im.Tenant, &im.Site, &im.File, &im.PrefixLen, &im.Lines, &im.Rejected, &updated)
	im.Updated = fromNanos(updated)
	return im, err
}

// Imports implements catalog.Catalog; they come by file.
func (c *Catalog) Imports(ctx context.Context, t tenant.ID, site string) ([]catalog.Import, error) {
	out := []catalog.Import{}
	err := each(ctx, c.db, "SELECT "+importColumns+" FROM imports WHERE tenant = ? AND site_id = ? ORDER BY file",
		[]any{string(t), site}, func(row scanner) error {
			im, err := scanImport(row)
			out = append(out, im)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("catalog: list imports: %w", err)
	}
	return out, nil
}

// Import implements catalog.Catalog.
func (c *Catalog) Import(ctx context.Context, t tenant.ID, site, file string) (catalog.Import, error) {
	im, err := scanImport(c.db.QueryRowContext(ctx, "SELECT "+importColumns+" FROM imports WHERE tenant = ? AND site_id = ? AND file = ?",
		string(t), site, file))
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Import{}, fmt.Errorf("import of file %q for site %q %w", file, site, catalog.ErrNotFound)
	}
	if err != nil {
		return catalog.Import{}, fmt.Errorf("catalog: read import: %w", err)
	}
	return im, nil
}

// AdvanceImport implements catalog.Catalog. PrefixLen stays what it was first.
func (c *Catalog) AdvanceImport(ctx context.Context, im catalog.Import) error {
	if im.File == "" || im.Site == "" || im.Lines < 0 || im.PrefixLen < 0 || im.Rejected < 0 || im.Rejected > im.Lines {
		return errors.New("catalog: advance import: Site and File must be set, Lines and PrefixLen must not be negative, nor Rejected, which is part of Lines")
	}
	if _, ok := c.TenantByID(im.Tenant); !ok {
		return errNoTenant(im.Tenant)
	}
	_, err := c.db.ExecContext(ctx, `INSERT INTO imports (`+importColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, site_id, file) DO UPDATE SET lines = max(lines, excluded.lines), rejected = max(rejected, excluded.rejected), updated_ns = excluded.updated_ns`,
		string(im.Tenant), im.Site, im.File, im.PrefixLen, im.Lines, im.Rejected, nanos(c.cfg.Now()))
	if err != nil {
		return fmt.Errorf("catalog: advance import: %w", err)
	}
	return nil
}

// Setting implements catalog.Catalog.
func (c *Catalog) Setting(ctx context.Context, name string) (string, error) {
	var v string
	err := c.db.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("setting %q %w", name, catalog.ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("catalog: read setting: %w", err)
	}
	return v, nil
}

// SetSetting implements catalog.Catalog.
func (c *Catalog) SetSetting(ctx context.Context, name, value string) error {
	_, err := c.db.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	if err != nil {
		return fmt.Errorf("catalog: write setting: %w", err)
	}
	return nil
}
