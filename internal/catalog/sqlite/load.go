package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

const (
	tenantColumns = `id, number, name, region, retention_ns, limits, policy, suspended_ns, suspended_for, partition_first, partition_count, partition_epoch, created_ns, deleted_ns`
	sourceColumns = `tenant, id, site_id, name, aliases, hostnames, time_zone, first_day, strong, created_ns, privacy`
	keyColumns    = `tenant, id, role, site_id, name, hash, created_ns, expires_ns, successor`
	userColumns   = `tenant, id, role, name, email, password, created_ns`
)

type scanner interface{ Scan(dest ...any) error }

// operators is the id under which the keys and users of operators are kept. No tenant has it.
const operators = tenant.ID("")

// load reads the entries of tenants (and of the operators) that changed after a revision, nil for a deleted one, and the present revision.
func load(ctx context.Context, tx *sql.Tx, after int64) (map[tenant.ID]*entry, int64, error) {
	var revision int64
	if err := tx.QueryRowContext(ctx, "SELECT value FROM revision").Scan(&revision); err != nil {
		return nil, 0, fmt.Errorf("revision: %w", err)
	}
	changed := map[tenant.ID]*entry{}
	err := each(ctx, tx, "SELECT "+tenantColumns+" FROM tenants WHERE revision > ?", []any{after}, func(row scanner) error {
		t, err := scanTenant(row)
		if err != nil {
			return err
		}
		if !t.Deleted.IsZero() {
			changed[t.ID] = nil
			return nil
		}
		changed[t.ID] = &entry{tenant: t}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("tenants: %w", err)
	}
	var operatorsRevision int64
	if err := tx.QueryRowContext(ctx, "SELECT revision FROM operators").Scan(&operatorsRevision); err != nil {
		return nil, 0, fmt.Errorf("operators: %w", err)
	}
	if operatorsRevision > after {
		changed[operators] = &entry{}
	}
	if err := loadParts(ctx, tx, after, changed); err != nil {
		return nil, 0, err
	}
	return changed, revision, nil
}

// loadParts reads what belongs to the tenants in changed.
func loadParts(ctx context.Context, tx *sql.Tx, after int64, changed map[tenant.ID]*entry) error {
	const (
		of  = " WHERE tenant IN (SELECT id FROM tenants WHERE revision > ?) ORDER BY tenant, id"
		all = " WHERE tenant IN (SELECT id FROM tenants WHERE revision > ?1 UNION ALL SELECT '' FROM operators WHERE revision > ?1) ORDER BY tenant, id"
	)
	err := each(ctx, tx, "SELECT "+sourceColumns+" FROM sources"+of, []any{after}, func(row scanner) error {
		s, err := scanSource(row)
		if e := changed[s.Tenant]; err == nil && e != nil {
			e.sources = append(e.sources, s)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("sources: %w", err)
	}
	err = each(ctx, tx, "SELECT "+keyColumns+" FROM keys"+all, []any{after}, func(row scanner) error {
		k, err := scanKey(row)
		if e := changed[k.Tenant]; err == nil && e != nil {
			e.keys = append(e.keys, k)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	err = each(ctx, tx, "SELECT "+userColumns+" FROM users"+all, []any{after}, func(row scanner) error {
		u, err := scanUser(row)
		if e := changed[u.Tenant]; err == nil && e != nil {
			e.users = append(e.users, u)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	if err := loadLookups(ctx, tx, after, changed); err != nil {
		return err
	}
	return loadMerges(ctx, tx, after, changed)
}

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func each(ctx context.Context, q queryer, query string, args []any, fn func(row scanner) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func scanTenant(row scanner) (catalog.Tenant, error) {
	var (
		t                           catalog.Tenant
		retention, created, deleted int64
		suspended                   int64
		limits, policy              []byte
	)
	err := row.Scan(&t.ID, &t.Number, &t.Name, &t.Region, &retention, &limits, &policy, &suspended, &t.SuspendedFor,
		&t.Partitions.First, &t.Partitions.Count, &t.Partitions.Epoch, &created, &deleted)
	if err != nil {
		return t, err
	}
	t.Retention, t.Created, t.Deleted = time.Duration(retention), fromNanos(created), fromNanos(deleted)
	t.Suspended = fromNanos(suspended)
	if err := json.Unmarshal(limits, &t.Limits); err != nil {
		return t, fmt.Errorf("limits of tenant %s: %w", t.ID, err)
	}
	if err := json.Unmarshal(policy, &t.Policy); err != nil {
		return t, fmt.Errorf("policy of tenant %s: %w", t.ID, err)
	}
	return t, nil
}

func scanSource(row scanner) (catalog.Source, error) {
	var (
		s                  catalog.Source
		created            int64
		aliases, hostnames []byte
		privacy            []byte
	)
	err := row.Scan(&s.Tenant, &s.ID, &s.SiteID, &s.Name, &aliases, &hostnames, &s.TimeZone, &s.FirstDay, &s.Strong, &created, &privacy)
	if err != nil {
		return s, err
	}
	s.Created = fromNanos(created)
	if err := json.Unmarshal(aliases, &s.Aliases); err != nil {
		return s, fmt.Errorf("aliases of source %s/%s: %w", s.Tenant, s.ID, err)
	}
	if err := json.Unmarshal(hostnames, &s.Hostnames); err != nil {
		return s, fmt.Errorf("hostnames of source %s/%s: %w", s.Tenant, s.ID, err)
	}
	if len(privacy) > 0 {
		if err := json.Unmarshal(privacy, &s.Privacy); err != nil {
			return s, fmt.Errorf("privacy of source %s/%s: %w", s.Tenant, s.ID, err)
		}
	}
	return s, nil
}

func scanKey(row scanner) (catalog.Key, error) {
	var (
		k                catalog.Key
		created, expires int64
		hash             []byte
	)
	if err := row.Scan(&k.Tenant, &k.ID, &k.Role, &k.Site, &k.Name, &hash, &created, &expires, &k.Successor); err != nil {
		return k, err
	}
	if len(hash) != len(k.Hash) {
		return k, fmt.Errorf("key %s/%s: its hash has %d bytes, not %d", k.Tenant, k.ID, len(hash), len(k.Hash))
	}
	copy(k.Hash[:], hash)
	k.Created, k.Expires = fromNanos(created), fromNanos(expires)
	return k, nil
}
