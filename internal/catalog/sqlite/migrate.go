package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// retiredNames is the migration that SQL cannot do alone: it has no SHA-256.
const retiredNames = "011_retired_names.sql"

// migration is one numbered step of the schema. Numbers rise by one from 1.
type migration struct {
	number int
	name   string
	sql    string
}

func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted by name
	if err != nil {
		return nil, err
	}
	out := make([]migration, 0, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimPrefix(name, "migrations/")
		prefix, _, _ := strings.Cut(base, "_")
		number, err := strconv.Atoi(prefix)
		if err != nil || number != i+1 {
			return nil, fmt.Errorf("migration %s: its number must be %d", base, i+1)
		}
		out = append(out, migration{number, base, string(text)})
	}
	return out, nil
}

// migrate brings the schema to the newest version. The version is SQLite's user_version. Each
// step and its number are one transaction, so a crash leaves the schema before or after a step.
func migrate(ctx context.Context, db *sql.DB, files fs.FS) error {
	steps, err := migrations(files)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil) // immediate: two processes that start at once take turns
	if err != nil {
		return fmt.Errorf("begin migration: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if version > len(steps) {
		return fmt.Errorf("the catalog has schema version %d and this weir knows up to %d: start the newer weir that wrote it", version, len(steps))
	}
	if version == len(steps) {
		return nil
	}
	for _, m := range steps[version:] {
		if _, err := tx.ExecContext(ctx, m.sql); err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
		if m.name == retiredNames {
			if err := retireImported(ctx, tx); err != nil {
				return fmt.Errorf("migration %s: %w", m.name, err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(steps))); err != nil {
		return fmt.Errorf("write schema version: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit migration: %w", err)
	}
	return nil
}
