package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func scanUser(row scanner) (catalog.User, error) {
	var (
		u       catalog.User
		created int64
	)
	err := row.Scan(&u.Tenant, &u.ID, &u.Role, &u.Name, &u.Email, &u.Password, &created)
	u.Created = fromNanos(created)
	return u, err
}

// CreateUser implements catalog.Catalog.
func (c *Catalog) CreateUser(ctx context.Context, u catalog.User) (catalog.User, error) {
	u.ID, u.Created = "u_"+rand.Text()[:12], c.cfg.Now().UTC()
	err := c.change(ctx, u.Tenant, func(tx *sql.Tx) error {
		if err := ownerInTx(ctx, tx, u.Tenant); err != nil {
			return err
		}
		if err := checkUser(ctx, tx, u); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO users ("+userColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
			string(u.Tenant), u.ID, string(u.Role), u.Name, u.Email, u.Password, nanos(u.Created))
		if err != nil {
			return fmt.Errorf("catalog: insert user: %w", err)
		}
		return nil
	})
	if err != nil {
		return catalog.User{}, err
	}
	return u, nil
}

func checkUser(ctx context.Context, tx *sql.Tx, u catalog.User) error {
	if !u.Role.ValidFor(u.Tenant) {
		return fmt.Errorf("catalog: user: %q is not a role that a user of tenant %q can have", u.Role, u.Tenant)
	}
	if u.Email == "" {
		return errors.New("catalog: user: Email is empty")
	}
	var taken int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE tenant = ? AND email = ? AND id != ?", string(u.Tenant), u.Email, u.ID).Scan(&taken); err != nil {
		return fmt.Errorf("catalog: look for user: %w", err)
	}
	if taken > 0 {
		return &catalog.Conflict{Field: "email", Value: u.Email, Err: catalog.ErrExists}
	}
	return nil
}

// User implements catalog.Catalog.
func (c *Catalog) User(_ context.Context, t tenant.ID, id string) (catalog.User, error) {
	if _, ok := c.snap.Load().of(t); !ok {
		return catalog.User{}, errNoTenant(t)
	}
	u, ok := c.UserByID(t, id)
	if !ok {
		return u, errNone("user", t, id)
	}
	return u, nil
}

// UserByID implements catalog.Catalog.
func (c *Catalog) UserByID(t tenant.ID, id string) (catalog.User, bool) {
	e, ok := c.snap.Load().of(t)
	if !ok {
		return catalog.User{}, false
	}
	i, ok := slices.BinarySearchFunc(e.users, id, func(u catalog.User, id string) int { return strings.Compare(u.ID, id) })
	if !ok {
		return catalog.User{}, false
	}
	return e.users[i], true
}

// UserByEmail implements catalog.Catalog.
func (c *Catalog) UserByEmail(t tenant.ID, email string) (catalog.User, bool) {
	refs, _ := c.snap.Load().emails.lookup(strings.ToLower(email))
	for _, r := range refs {
		if u := r.entry.users[r.index]; u.Tenant == t {
			return u, true
		}
	}
	return catalog.User{}, false
}

// HasUsers implements catalog.Catalog.
func (c *Catalog) HasUsers() bool { return !c.snap.Load().emails.empty() }

// Users implements catalog.Catalog.
func (c *Catalog) Users(_ context.Context, t tenant.ID) ([]catalog.User, error) {
	e, ok := c.snap.Load().of(t)
	if !ok {
		return nil, errNoTenant(t)
	}
	return append([]catalog.User{}, e.users...), nil
}

// UpdateUser implements catalog.Catalog.
func (c *Catalog) UpdateUser(ctx context.Context, t tenant.ID, id string, change func(*catalog.User) error) (catalog.User, error) {
	var u catalog.User
	err := c.change(ctx, t, func(tx *sql.Tx) error {
		if err := ownerInTx(ctx, tx, t); err != nil {
			return err
		}
		old, err := scanUser(tx.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users WHERE tenant = ? AND id = ?", string(t), id))
		if errors.Is(err, sql.ErrNoRows) {
			return errNone("user", t, id)
		}
		if err != nil {
			return fmt.Errorf("catalog: read user: %w", err)
		}
		u = old
		if err := change(&u); err != nil {
			return err
		}
		u.Tenant, u.ID, u.Created = old.Tenant, old.ID, old.Created
		if err := checkUser(ctx, tx, u); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE users SET role = ?, name = ?, email = ?, password = ? WHERE tenant = ? AND id = ?",
			string(u.Role), u.Name, u.Email, u.Password, string(t), id); err != nil {
			return fmt.Errorf("catalog: update user: %w", err)
		}
		if u.Role == old.Role && u.Password == old.Password {
			return nil
		}
		return endSessions(ctx, tx, t, id)
	})
	if err != nil {
		return catalog.User{}, err
	}
	return u, nil
}

func endSessions(ctx context.Context, tx *sql.Tx, t tenant.ID, id string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE tenant = ? AND user = ?", string(t), catalog.LocalUser(id)); err != nil {
		return fmt.Errorf("catalog: end sessions: %w", err)
	}
	return nil
}

// DeleteUser implements catalog.Catalog.
func (c *Catalog) DeleteUser(ctx context.Context, t tenant.ID, id string) error {
	return c.change(ctx, t, func(tx *sql.Tx) error {
		if err := ownerInTx(ctx, tx, t); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, t, id); err != nil {
			return err
		}
		return deleteOne(ctx, tx, "user", t, id, "DELETE FROM users WHERE tenant = ? AND id = ?")
	})
}

// CreateSession implements catalog.Catalog.
func (c *Catalog) CreateSession(ctx context.Context, s catalog.Session) error {
	if s.Hash == ([32]byte{}) || s.User == "" || s.Expires.IsZero() {
		return errors.New("catalog: create session: Hash, User or Expires is not set")
	}
	return c.write(ctx, func(tx *sql.Tx) error {
		if err := ownerInTx(ctx, tx, s.Tenant); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO sessions (hash, tenant, user, role, name, created_ns, seen_ns, expires_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			s.Hash[:], string(s.Tenant), s.User, string(s.Role), s.Name, nanos(s.Created), nanos(s.Seen), nanos(s.Expires))
		if err != nil {
			return fmt.Errorf("catalog: insert session: %w", err)
		}
		return nil
	})
}

// Session implements catalog.Catalog. It reads the store.
func (c *Catalog) Session(ctx context.Context, hash [32]byte) (catalog.Session, error) {
	s := catalog.Session{Hash: hash}
	var created, seen, expires int64
	err := c.db.QueryRowContext(ctx, "SELECT tenant, user, role, name, created_ns, seen_ns, expires_ns FROM sessions WHERE hash = ?", hash[:]).
		Scan(&s.Tenant, &s.User, &s.Role, &s.Name, &created, &seen, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Session{}, fmt.Errorf("session %w", catalog.ErrNotFound)
	}
	if err != nil {
		return catalog.Session{}, fmt.Errorf("catalog: read session: %w", err)
	}
	s.Created, s.Seen, s.Expires = fromNanos(created), fromNanos(seen), fromNanos(expires)
	return s, nil
}

// TouchSession implements catalog.Catalog.
func (c *Catalog) TouchSession(ctx context.Context, hash [32]byte, seen, expires time.Time) error {
	n, err := c.execSessions(ctx, "UPDATE sessions SET seen_ns = ?, expires_ns = ? WHERE hash = ?", nanos(seen), nanos(expires), hash[:])
	if err == nil && n == 0 {
		err = fmt.Errorf("session %w", catalog.ErrNotFound)
	}
	return err
}

// DeleteSession implements catalog.Catalog.
func (c *Catalog) DeleteSession(ctx context.Context, hash [32]byte) error {
	_, err := c.execSessions(ctx, "DELETE FROM sessions WHERE hash = ?", hash[:])
	return err
}

// DeleteSessions implements catalog.Catalog.
func (c *Catalog) DeleteSessions(ctx context.Context, t tenant.ID, user string) (int, error) {
	return c.execSessions(ctx, "DELETE FROM sessions WHERE tenant = ? AND user = ?", string(t), user)
}

// ForgetSessions implements catalog.Catalog.
func (c *Catalog) ForgetSessions(ctx context.Context, expiredBefore time.Time) (int, error) {
	return c.execSessions(ctx, "DELETE FROM sessions WHERE expires_ns < ?", nanos(expiredBefore))
}

func (c *Catalog) execSessions(ctx context.Context, statement string, args ...any) (int, error) {
	var n int64
	err := c.write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, statement, args...)
		if err == nil {
			n, err = r.RowsAffected()
		}
		if err != nil {
			return fmt.Errorf("catalog: sessions: %w", err)
		}
		return nil
	})
	return int(n), err
}
