package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// CreateTenant implements catalog.Catalog. Tenants get partitions in turn.
func (c *Catalog) CreateTenant(ctx context.Context, t catalog.Tenant) (catalog.Tenant, error) {
	if _, err := tenant.Parse(string(t.ID)); err != nil {
		return catalog.Tenant{}, fmt.Errorf("catalog: create tenant %q: %w", t.ID, err)
	}
	err := c.change(ctx, t.ID, func(tx *sql.Tx) error {
		var deleted int64
		switch err := tx.QueryRowContext(ctx, "SELECT deleted_ns FROM tenants WHERE id = ?", string(t.ID)).Scan(&deleted); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return fmt.Errorf("catalog: look for tenant: %w", err)
		case deleted != 0:
			return &catalog.Conflict{Field: "id", Value: string(t.ID), Err: catalog.ErrUsed}
		default:
			return &catalog.Conflict{Field: "id", Value: string(t.ID), Err: catalog.ErrExists}
		}
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(number), 0) + 1 FROM tenants").Scan(&t.Number); err != nil {
			return fmt.Errorf("catalog: next tenant number: %w", err)
		}
		if t.Partitions.Count == 0 {
			t.Partitions = catalog.Range{First: uint16((int(t.Number) - 1) % c.cfg.Partitions), Count: 1}
		}
		if err := c.checkRange(t.Partitions); err != nil {
			return err
		}
		t.Created, t.Deleted = c.cfg.Now().UTC(), zeroTime
		return insertTenant(ctx, tx, t)
	})
	if err != nil {
		return catalog.Tenant{}, err
	}
	return c.Tenant(ctx, t.ID)
}

func (c *Catalog) checkRange(r catalog.Range) error {
	if r.Count < 1 || int(r.Count) > c.cfg.Partitions || int(r.First) >= c.cfg.Partitions {
		return fmt.Errorf("catalog: partition range of %d from %d does not fit into %d partitions", r.Count, r.First, c.cfg.Partitions)
	}
	return nil
}

func insertTenant(ctx context.Context, tx *sql.Tx, t catalog.Tenant) error {
	limits, err := json.Marshal(t.Limits)
	if err != nil {
		return fmt.Errorf("catalog: encode limits: %w", err)
	}
	policy, err := json.Marshal(t.Policy)
	if err != nil {
		return fmt.Errorf("catalog: encode policy: %w", err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO tenants ("+tenantColumns+", revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
		string(t.ID), t.Number, t.Name, t.Region, int64(t.Retention), string(limits), string(policy), nanos(t.Suspended), t.SuspendedFor,
		t.Partitions.First, t.Partitions.Count, t.Partitions.Epoch, nanos(t.Created))
	if err != nil {
		return fmt.Errorf("catalog: insert tenant: %w", err)
	}
	return nil
}

// Tenant implements catalog.Catalog.
func (c *Catalog) Tenant(_ context.Context, id tenant.ID) (catalog.Tenant, error) {
	t, ok := c.TenantByID(id)
	if !ok {
		return catalog.Tenant{}, errNoTenant(id)
	}
	return t, nil
}

func errNoTenant(id tenant.ID) error { return fmt.Errorf("tenant %q %w", id, catalog.ErrNotFound) }

// TenantByID implements catalog.Catalog.
func (c *Catalog) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	e, ok := c.snap.Load().tenants.lookup(id)
	if !ok {
		return catalog.Tenant{}, false
	}
	return e.tenant, true
}

// TenantByNumber implements catalog.Catalog.
func (c *Catalog) TenantByNumber(number uint32) (catalog.Tenant, bool) {
	e, ok := c.snap.Load().numbers.lookup(number)
	if !ok {
		return catalog.Tenant{}, false
	}
	return e.tenant, true
}

// Tenants implements catalog.Catalog.
func (c *Catalog) Tenants(context.Context) ([]catalog.Tenant, error) {
	s := c.snap.Load()
	out := []catalog.Tenant{}
	for _, shard := range s.tenants.shard {
		for _, e := range shard {
			out = append(out, e.tenant)
		}
	}
	slices.SortFunc(out, func(a, b catalog.Tenant) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// tenantInTx reads a living tenant inside a transaction, so that a change never works on an old copy.
func tenantInTx(ctx context.Context, tx *sql.Tx, id tenant.ID) (catalog.Tenant, error) {
	t, err := scanTenant(tx.QueryRowContext(ctx, "SELECT "+tenantColumns+" FROM tenants WHERE id = ? AND deleted_ns = 0", string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return t, errNoTenant(id)
	}
	if err != nil {
		return t, fmt.Errorf("catalog: read tenant: %w", err)
	}
	return t, nil
}

// UpdateTenant implements catalog.Catalog.
func (c *Catalog) UpdateTenant(ctx context.Context, id tenant.ID, change func(*catalog.Tenant) error) (catalog.Tenant, error) {
	err := c.change(ctx, id, func(tx *sql.Tx) error {
		old, err := tenantInTx(ctx, tx, id)
		if err != nil {
			return err
		}
		t := old
		if err := change(&t); err != nil {
			return err
		}
		if t.Partitions.First != old.Partitions.First || t.Partitions.Count != old.Partitions.Count {
			t.Partitions.Epoch = old.Partitions.Epoch + 1
			if err := c.checkRange(t.Partitions); err != nil {
				return err
			}
		} else {
			t.Partitions.Epoch = old.Partitions.Epoch
		}
		limits, err := json.Marshal(t.Limits)
		if err != nil {
			return fmt.Errorf("catalog: encode limits: %w", err)
		}
		policy, err := json.Marshal(t.Policy)
		if err != nil {
			return fmt.Errorf("catalog: encode policy: %w", err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE tenants SET name = ?, region = ?, retention_ns = ?, limits = ?, policy = ?, suspended_ns = ?, suspended_for = ?,
			partition_first = ?, partition_count = ?, partition_epoch = ? WHERE id = ?`,
			t.Name, t.Region, int64(t.Retention), string(limits), string(policy), nanos(t.Suspended), t.SuspendedFor,
			t.Partitions.First, t.Partitions.Count, t.Partitions.Epoch, string(id))
		if err != nil {
			return fmt.Errorf("catalog: update tenant: %w", err)
		}
		return nil
	})
	if err != nil {
		return catalog.Tenant{}, err
	}
	return c.Tenant(ctx, id)
}

// DeleteTenant implements catalog.Catalog. Its sources, keys, users and sessions are removed; its row stays, so that its id and number are never given
// again, and so do its names, but not whose they were. The import ledger stays too.
func (c *Catalog) DeleteTenant(ctx context.Context, id tenant.ID) error {
	return c.change(ctx, id, func(tx *sql.Tx) error {
		t, err := tenantInTx(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := retireNames(ctx, tx, id, "", 0); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE retired_names SET owner = 0 WHERE owner = ?", t.Number); err != nil {
			return fmt.Errorf("catalog: delete tenant: %w", err)
		}
		for _, q := range []string{
			"DELETE FROM keys WHERE tenant = ?1",
			"DELETE FROM key_uses WHERE tenant = ?1",
			"DELETE FROM sessions WHERE tenant = ?1",
			"DELETE FROM users WHERE tenant = ?1",
			"DELETE FROM saved WHERE tenant = ?1",
			"DELETE FROM undone_merges WHERE tenant = ?1",
			"DELETE FROM sources WHERE tenant = ?1",
			"UPDATE tenants SET deleted_ns = ?2 WHERE id = ?1",
		} {
			if _, err := tx.ExecContext(ctx, q, string(id), nanos(c.cfg.Now())); err != nil {
				return fmt.Errorf("catalog: delete tenant: %w", err)
			}
		}
		return nil
	})
}
