package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// CreateSource implements catalog.Catalog.
func (c *Catalog) CreateSource(ctx context.Context, s catalog.Source, write catalog.Key) (catalog.Source, error) {
	if s.ID == "" || s.SiteID == "" {
		return catalog.Source{}, errors.New("catalog: create source: ID and SiteID must be set")
	}
	s.Created = c.cfg.Now().UTC()
	setSourceDefaults(&s)
	write.Tenant, write.Site, write.Created = s.Tenant, s.SiteID, s.Created
	err := c.change(ctx, s.Tenant, func(tx *sql.Tx) error {
		owner, err := tenantInTx(ctx, tx, s.Tenant)
		if err != nil {
			return err
		}
		if _, err := sourceInTx(ctx, tx, s.Tenant, s.ID); err == nil {
			return &catalog.Conflict{Field: "id", Value: s.ID, Err: catalog.ErrExists}
		} else if !errors.Is(err, catalog.ErrNotFound) {
			return err
		}
		if err := refuseKeys(ctx, tx, s, catalog.Source{}); err != nil {
			return err
		}
		if err := insertSource(ctx, tx, s); err != nil {
			return err
		}
		if err := claimNames(ctx, tx, owner, s, catalog.Source{}); err != nil {
			return err
		}
		return insertKey(ctx, tx, &write)
	})
	if err != nil {
		return catalog.Source{}, err
	}
	return c.Source(ctx, s.Tenant, s.ID)
}

func setSourceDefaults(s *catalog.Source) {
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if s.FirstDay == 0 {
		s.FirstDay = 1
	}
}

func insertSource(ctx context.Context, tx *sql.Tx, s catalog.Source) error {
	aliases, err := json.Marshal(s.Aliases)
	if err != nil {
		return fmt.Errorf("catalog: encode aliases: %w", err)
	}
	hostnames, err := json.Marshal(s.Hostnames)
	if err != nil {
		return fmt.Errorf("catalog: encode hostnames: %w", err)
	}
	var privacy []byte
	if s.Privacy != nil {
		if privacy, err = json.Marshal(s.Privacy); err != nil {
			return fmt.Errorf("catalog: encode privacy: %w", err)
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO sources (`+sourceColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, aliases = excluded.aliases, hostnames = excluded.hostnames,
		time_zone = excluded.time_zone, first_day = excluded.first_day, strong = excluded.strong, privacy = excluded.privacy`,
		string(s.Tenant), s.ID, s.SiteID, s.Name, string(aliases), string(hostnames), s.TimeZone, s.FirstDay, s.Strong, nanos(s.Created), string(privacy))
	if err != nil {
		return fmt.Errorf("catalog: write source: %w", err)
	}
	return nil
}

// refuseKeys refuses names of s that are keys or look like them. Those that it had before stay: what is a key, or has the form of one, no door takes for a name.
func refuseKeys(ctx context.Context, tx *sql.Tx, s, old catalog.Source) error {
	refuse := func(field, name string) error {
		is := catalog.LooksLikeKey(name)
		if !is {
			hash := sha256.Sum256([]byte(name))
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM keys WHERE hash = ?)", hash[:]).Scan(&is); err != nil {
				return fmt.Errorf("catalog: look for key: %w", err)
			}
		}
		if is {
			return &catalog.Conflict{Field: field, Err: catalog.ErrKeyAsName} // without the name: it may be a secret
		}
		return nil
	}
	if s.SiteID != old.SiteID {
		if err := refuse("site_id", s.SiteID); err != nil {
			return err
		}
	}
	for _, a := range s.Aliases {
		if slices.Contains(old.Aliases, a) {
			continue
		}
		if err := refuse("aliases", a); err != nil {
			return err
		}
	}
	return nil
}

func sourceInTx(ctx context.Context, tx *sql.Tx, t tenant.ID, id string) (catalog.Source, error) {
	s, err := scanSource(tx.QueryRowContext(ctx, "SELECT "+sourceColumns+" FROM sources WHERE tenant = ? AND id = ?", string(t), id))
	if errors.Is(err, sql.ErrNoRows) {
		return s, errNoSource(t, id)
	}
	if err != nil {
		return s, fmt.Errorf("catalog: read source: %w", err)
	}
	return s, nil
}

func errNoSource(t tenant.ID, id string) error {
	return fmt.Errorf("source %q of tenant %q %w", id, t, catalog.ErrNotFound)
}

// Source implements catalog.Catalog.
func (c *Catalog) Source(_ context.Context, t tenant.ID, id string) (catalog.Source, error) {
	e, ok := c.snap.Load().tenants.lookup(t)
	if !ok {
		return catalog.Source{}, errNoTenant(t)
	}
	i, ok := slices.BinarySearchFunc(e.sources, id, func(s catalog.Source, id string) int { return strings.Compare(s.ID, id) })
	if !ok {
		return catalog.Source{}, errNoSource(t, id)
	}
	return cloneSource(e.sources[i]), nil
}

// Sources implements catalog.Catalog; they come by id.
func (c *Catalog) Sources(_ context.Context, t tenant.ID) ([]catalog.Source, error) {
	e, ok := c.snap.Load().tenants.lookup(t)
	if !ok {
		return nil, errNoTenant(t)
	}
	out := make([]catalog.Source, len(e.sources))
	for i, s := range e.sources {
		out[i] = cloneSource(s)
	}
	return out, nil
}

func cloneSource(s catalog.Source) catalog.Source {
	s.Aliases, s.Hostnames = slices.Clone(s.Aliases), slices.Clone(s.Hostnames)
	return s
}

// SourceBySite implements catalog.Catalog.
func (c *Catalog) SourceBySite(siteOrAlias string) (catalog.Source, catalog.Tenant, bool) {
	r, ok := c.snap.Load().names.lookup(siteOrAlias)
	if !ok {
		return catalog.Source{}, catalog.Tenant{}, false
	}
	return r.entry.sources[r.index], r.entry.tenant, true
}

// UpdateSource implements catalog.Catalog.
func (c *Catalog) UpdateSource(ctx context.Context, t tenant.ID, id string, change func(*catalog.Source) error) (catalog.Source, error) {
	err := c.change(ctx, t, func(tx *sql.Tx) error {
		owner, err := tenantInTx(ctx, tx, t)
		if err != nil {
			return err
		}
		old, err := sourceInTx(ctx, tx, t, id)
		if err != nil {
			return err
		}
		s := cloneSource(old)
		if err := change(&s); err != nil {
			return err
		}
		s.Tenant, s.ID, s.SiteID, s.Created = old.Tenant, old.ID, old.SiteID, old.Created
		setSourceDefaults(&s)
		if err := refuseKeys(ctx, tx, s, old); err != nil {
			return err
		}
		if err := insertSource(ctx, tx, s); err != nil {
			return err
		}
		return claimNames(ctx, tx, owner, s, old)
	})
	if err != nil {
		return catalog.Source{}, err
	}
	return c.Source(ctx, t, id)
}

// DeleteSource implements catalog.Catalog.
func (c *Catalog) DeleteSource(ctx context.Context, t tenant.ID, id string) error {
	return c.change(ctx, t, func(tx *sql.Tx) error {
		owner, err := tenantInTx(ctx, tx, t)
		if err != nil {
			return err
		}
		s, err := sourceInTx(ctx, tx, t, id)
		if err != nil {
			return err
		}
		if err := retireNames(ctx, tx, t, id, owner.Number); err != nil {
			return err
		}
		for _, q := range []string{
			"DELETE FROM keys WHERE tenant = ?1 AND site_id = ?3",
			"DELETE FROM saved WHERE tenant = ?1 AND site_id = ?3",
			"DELETE FROM undone_merges WHERE tenant = ?1 AND site_id = ?3",
			"DELETE FROM sources WHERE tenant = ?1 AND id = ?2",
		} {
			if _, err := tx.ExecContext(ctx, q, string(t), id, s.SiteID); err != nil {
				return fmt.Errorf("catalog: delete source: %w", err)
			}
		}
		return nil
	})
}
