// Package sqlite keeps the metadata catalog in one SQLite file. Every change is a transaction that is
// synced before it is answered; every question of the hot path is answered from an immutable
// snapshot in memory, which is swapped after each change.
//
// Several processes may open one file. Each sees the others' changes within Config.Poll: a change stamps its tenant
// with a rising revision, and a process loads the tenants whose revision it has not seen.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// Config configures a Catalog.
type Config struct {
	Path       string           // the database file; created with mode 0600 when missing
	Partitions int              // partitions of the event log, 1 to 65535: new tenants are spread over them
	Poll       time.Duration    // how often other processes' changes are looked for; default 1 s
	Logger     *slog.Logger     // default: discard
	Now        func() time.Time // default: time.Now; a seam of tests
}

func (c *Config) setDefaults() {
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Validate reports every problem.
func (c Config) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("catalog: Path is empty"))
	}
	if c.Partitions < 1 || c.Partitions > 1<<16-1 {
		errs = append(errs, fmt.Errorf("catalog: Partitions is %d, want 1 to 65535", c.Partitions))
	}
	if c.Poll < 0 {
		errs = append(errs, fmt.Errorf("catalog: Poll is %s, want more than 0", c.Poll))
	}
	return errors.Join(errs...)
}

// Catalog implements catalog.Catalog.
type Catalog struct {
	cfg  Config
	log  *slog.Logger
	db   *sql.DB // one connection: PRAGMA data_version then tells of other processes only
	snap atomic.Pointer[snapshot]
	stop context.CancelFunc
	done chan struct{}

	mu       sync.Mutex // held by a change and by a reload
	revision int64      // the highest in snap
	version  int64      // the last data_version
	unsure   bool       // a commit failed: whether it took place must be looked up
}

var _ catalog.Catalog = (*Catalog)(nil)

// Open opens the file, brings its schema up to date and loads it. It watches for other processes' changes until Close.
func Open(ctx context.Context, cfg Config) (*Catalog, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := createFile(cfg.Path); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(cfg.Path))
	if err != nil {
		return nil, fmt.Errorf("catalog: open %s: %w", cfg.Path, err)
	}
	db.SetMaxOpenConns(1)
	c := &Catalog{cfg: cfg, log: cfg.Logger.With("component", "catalog"), db: db, done: make(chan struct{})}
	c.snap.Store(&snapshot{})
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("catalog %s: %w", cfg.Path, err), db.Close())
	}
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = cancel
	go c.watch(watchCtx)
	return c, nil
}

func dsn(path string) string {
	q := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)"},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// createFile makes an empty file that only its owner can read (SQLite gives its companions the same
// mode) and syncs the directory, so that the file survives power loss.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (c *Catalog) start(ctx context.Context) error {
	if err := migrate(ctx, c.db, migrationFiles); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(c.cfg.Path)); err != nil { // the write-ahead log exists now
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reloadLocked(ctx)
}

// watch looks for other processes' changes until ctx ends.
func (c *Catalog) watch(ctx context.Context) {
	defer close(c.done)
	t := time.NewTicker(c.cfg.Poll)
	defer t.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		err := c.poll(ctx)
		switch {
		case err != nil && ctx.Err() == nil && !failed:
			c.log.Warn("cannot look for changes of other processes; the catalog in memory may be old until this works again", "error", err)
		case err == nil && failed:
			c.log.Info("changes of other processes are seen again")
		}
		failed = err != nil
	}
}

func (c *Catalog) poll(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var v int64
	if err := c.db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v); err != nil {
		return err
	}
	if v == c.version && !c.unsure {
		return nil
	}
	return c.reloadLocked(ctx)
}

// reloadLocked loads what changed since c.revision.
func (c *Catalog) reloadLocked(ctx context.Context) error {
	var v int64 // read first: a change after it is seen by the next poll
	if err := c.db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v); err != nil {
		return fmt.Errorf("read data version: %w", err)
	}
	tx, err := c.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin reload: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	changed, revision, err := load(ctx, tx, c.revision)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	c.publishLocked(changed, revision)
	c.version, c.unsure = v, false
	return nil
}

func (c *Catalog) publishLocked(changed map[tenant.ID]*entry, revision int64) {
	c.revision = revision
	if len(changed) > 0 {
		c.snap.Store(c.snap.Load().with(changed))
	}
}

// change runs fn in a transaction, stamps the tenant that it touched, and publishes the new state after the commit.
func (c *Catalog) change(ctx context.Context, id tenant.ID, fn func(tx *sql.Tx) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("catalog: begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	if err := fn(tx); err != nil {
		return err
	}
	var revision int64
	if err := tx.QueryRowContext(ctx, "UPDATE revision SET value = value + 1 RETURNING value").Scan(&revision); err != nil {
		return fmt.Errorf("catalog: next revision: %w", err)
	}
	stamp, args := "UPDATE tenants SET revision = ? WHERE id = ?", []any{revision, string(id)}
	if id == operators {
		stamp, args = "UPDATE operators SET revision = ?", args[:1]
	}
	if _, err := tx.ExecContext(ctx, stamp, args...); err != nil {
		return fmt.Errorf("catalog: stamp tenant: %w", err)
	}
	// What is published is read back inside the transaction: reading after the commit could fail and leave an old snapshot.
	changed, revision, err := load(ctx, tx, c.revision)
	if err != nil {
		return fmt.Errorf("catalog: read back: %w", err)
	}
	if err := tx.Commit(); err != nil {
		c.unsure = true
		return fmt.Errorf("catalog: commit: %w", err)
	}
	c.publishLocked(changed, revision)
	return nil
}

// write runs fn in a transaction that changes nothing of the snapshot.
func (c *Catalog) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("catalog: begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("catalog: commit: %w", err)
	}
	return nil
}

// Close stops the watch, waits for a running change and closes the file.
func (c *Catalog) Close() error {
	c.stop()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.db.Close(); err != nil {
		return fmt.Errorf("catalog: close: %w", err)
	}
	return nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
