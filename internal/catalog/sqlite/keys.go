package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

var zeroTime time.Time

// CreateKey implements catalog.Catalog. It fills Created, and ID when that is empty.
func (c *Catalog) CreateKey(ctx context.Context, k catalog.Key) (catalog.Key, error) {
	k.Created = c.cfg.Now().UTC()
	err := c.change(ctx, k.Tenant, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, k.Tenant); err != nil {
			return err
		}
		return insertKey(ctx, tx, &k)
	})
	if err != nil {
		return catalog.Key{}, err
	}
	return k, nil
}

func insertKey(ctx context.Context, tx *sql.Tx, k *catalog.Key) error {
	if !k.Role.Valid() {
		return fmt.Errorf("catalog: create key: %q is not a role that a key can have", k.Role)
	}
	if k.Hash == ([32]byte{}) {
		return errors.New("catalog: create key: Hash is not set")
	}
	if k.ID == "" {
		k.ID = "k_" + rand.Text()[:12]
	}
	var sameID, sameHash int
	err := tx.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM keys WHERE tenant = ? AND id = ?), (SELECT count(*) FROM keys WHERE hash = ?)",
		string(k.Tenant), k.ID, k.Hash[:]).Scan(&sameID, &sameHash)
	switch {
	case err != nil:
		return fmt.Errorf("catalog: look for key: %w", err)
	case sameID > 0:
		return &catalog.Conflict{Field: "id", Value: k.ID, Err: catalog.ErrExists}
	case sameHash > 0:
		return &catalog.Conflict{Field: "key", Err: catalog.ErrExists}
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO keys ("+keyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		string(k.Tenant), k.ID, string(k.Role), k.Site, k.Name, k.Hash[:], nanos(k.Created), nanos(k.Expires))
	if err != nil {
		return fmt.Errorf("catalog: insert key: %w", err)
	}
	return nil
}

// Keys implements catalog.Catalog; they come by id.
func (c *Catalog) Keys(_ context.Context, t tenant.ID) ([]catalog.Key, error) {
	e, ok := c.snap.Load().tenants.lookup(t)
	if !ok {
		return nil, errNoTenant(t)
	}
	return append([]catalog.Key{}, slices.Clone(e.keys)...), nil
}

// KeyByHash implements catalog.Catalog.
func (c *Catalog) KeyByHash(hash [32]byte) (catalog.Key, catalog.Tenant, bool) {
	r, ok := c.snap.Load().keys.lookup(hash)
	if !ok {
		return catalog.Key{}, catalog.Tenant{}, false
	}
	return r.entry.keys[r.index], r.entry.tenant, true
}

// DeleteKey implements catalog.Catalog.
func (c *Catalog) DeleteKey(ctx context.Context, t tenant.ID, id string) error {
	return c.change(ctx, t, func(tx *sql.Tx) error {
		if _, err := tenantInTx(ctx, tx, t); err != nil {
			return err
		}
		r, err := tx.ExecContext(ctx, "DELETE FROM keys WHERE tenant = ? AND id = ?", string(t), id)
		if err != nil {
			return fmt.Errorf("catalog: delete key: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil {
			return fmt.Errorf("catalog: delete key: %w", err)
		} else if n == 0 {
			return fmt.Errorf("key %q of tenant %q %w", id, t, catalog.ErrNotFound)
		}
		return nil
	})
}
