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
		if err := ownerInTx(ctx, tx, k.Tenant); err != nil {
			return err
		}
		return insertKey(ctx, tx, &k)
	})
	if err != nil {
		return catalog.Key{}, err
	}
	return k, nil
}

// ownerInTx makes sure that the tenant lives; operators always do.
func ownerInTx(ctx context.Context, tx *sql.Tx, t tenant.ID) error {
	if t == operators {
		return nil
	}
	_, err := tenantInTx(ctx, tx, t)
	return err
}

func insertKey(ctx context.Context, tx *sql.Tx, k *catalog.Key) error {
	if !k.Role.ValidFor(k.Tenant) {
		return fmt.Errorf("catalog: create key: %q is not a role that a key of tenant %q can have", k.Role, k.Tenant)
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
	_, err = tx.ExecContext(ctx, "INSERT INTO keys ("+keyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		string(k.Tenant), k.ID, string(k.Role), k.Site, k.Name, k.Hash[:], nanos(k.Created), nanos(k.Expires), k.Successor)
	if err != nil {
		return fmt.Errorf("catalog: insert key: %w", err)
	}
	return nil
}

// Keys implements catalog.Catalog; they come by id.
func (c *Catalog) Keys(_ context.Context, t tenant.ID) ([]catalog.Key, error) {
	e, ok := c.snap.Load().of(t)
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
		if err := ownerInTx(ctx, tx, t); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM key_uses WHERE tenant = ? AND id = ?", string(t), id); err != nil {
			return fmt.Errorf("catalog: delete uses of key: %w", err)
		}
		return deleteOne(ctx, tx, "key", t, id, "DELETE FROM keys WHERE tenant = ? AND id = ?")
	})
}

// deleteOne runs a statement that deletes the thing of a tenant, or returns ErrNotFound.
func deleteOne(ctx context.Context, tx *sql.Tx, what string, t tenant.ID, id, statement string) error {
	r, err := tx.ExecContext(ctx, statement, string(t), id)
	if err != nil {
		return fmt.Errorf("catalog: delete %s: %w", what, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return fmt.Errorf("catalog: delete %s: %w", what, err)
	}
	if n == 0 {
		return errNone(what, t, id)
	}
	return nil
}

func errNone(what string, t tenant.ID, id string) error {
	if t == operators {
		return fmt.Errorf("%s %q of the operators %w", what, id, catalog.ErrNotFound)
	}
	return fmt.Errorf("%s %q of tenant %q %w", what, id, t, catalog.ErrNotFound)
}

// RotateKey implements catalog.Catalog.
func (c *Catalog) RotateKey(ctx context.Context, t tenant.ID, id string, next catalog.Key, until time.Time) (catalog.Key, error) {
	next.Created = c.cfg.Now().UTC()
	err := c.change(ctx, t, func(tx *sql.Tx) error {
		if err := ownerInTx(ctx, tx, t); err != nil {
			return err
		}
		old, err := scanKey(tx.QueryRowContext(ctx, "SELECT "+keyColumns+" FROM keys WHERE tenant = ? AND id = ?", string(t), id))
		if errors.Is(err, sql.ErrNoRows) {
			return errNone("key", t, id)
		}
		if err != nil {
			return fmt.Errorf("catalog: read key: %w", err)
		}
		if old.Successor != "" {
			var exists bool
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM keys WHERE tenant = ? AND id = ?)", string(t), old.Successor).Scan(&exists); err != nil {
				return fmt.Errorf("catalog: look for successor: %w", err)
			}
			if exists {
				return &catalog.Rotated{Key: old.ID, Successor: old.Successor, Until: old.Expires}
			}
		}
		next.Tenant, next.Role, next.Site, next.Successor = t, old.Role, old.Site, ""
		if next.Name == "" {
			next.Name = old.Name
		}
		if err := insertKey(ctx, tx, &next); err != nil {
			return err
		}
		if !old.Expires.IsZero() && old.Expires.Before(until) {
			until = old.Expires
		}
		if _, err := tx.ExecContext(ctx, "UPDATE keys SET expires_ns = ?, successor = ? WHERE tenant = ? AND id = ?", nanos(until), next.ID, string(t), id); err != nil {
			return fmt.Errorf("catalog: expire key: %w", err)
		}
		return nil
	})
	if err != nil {
		return catalog.Key{}, err
	}
	return next, nil
}

// NoteKeyUses implements catalog.Catalog. It does not count as a change of the tenant.
func (c *Catalog) NoteKeyUses(ctx context.Context, uses []catalog.KeyUse) error {
	return c.write(ctx, func(tx *sql.Tx) error {
		st, err := tx.PrepareContext(ctx, `INSERT INTO key_uses (tenant, id, used_ns) SELECT tenant, id, ?3 FROM keys WHERE tenant = ?1 AND id = ?2
			ON CONFLICT (tenant, id) DO UPDATE SET used_ns = max(used_ns, excluded.used_ns)`)
		if err != nil {
			return fmt.Errorf("catalog: note uses of keys: %w", err)
		}
		defer st.Close()
		for _, u := range uses {
			if _, err := st.ExecContext(ctx, string(u.Tenant), u.ID, nanos(u.At)); err != nil {
				return fmt.Errorf("catalog: note use of key %s: %w", u.ID, err)
			}
		}
		return nil
	})
}

// KeyUses implements catalog.Catalog.
func (c *Catalog) KeyUses(ctx context.Context, t tenant.ID) (map[string]time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]time.Time{}
	err := each(ctx, c.db, "SELECT id, used_ns FROM key_uses WHERE tenant = ?", []any{string(t)}, func(row scanner) error {
		var id string
		var used int64
		err := row.Scan(&id, &used)
		out[id] = fromNanos(used)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("catalog: uses of keys: %w", err)
	}
	return out, nil
}
