// Package schema creates and migrates weir's tables in the engine. Migrations
// are numbered files that run once, in order, at start; every statement in them
// can be repeated, because a crash may come between a migration and its record.
package schema

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"sort"
	"strconv"
	"strings"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
)

//go:embed migrations/*.sql
var files embed.FS

// Engine is what a migration needs of the engine.
type Engine interface {
	Exec(ctx context.Context, s clickhouse.Statement) (clickhouse.Summary, error)
	Rows(ctx context.Context, s clickhouse.Statement, fn func(row []any) error) (clickhouse.Summary, error)
}

type migration struct {
	version    int
	name       string
	statements []string
}

// Migrate brings the tables to the newest version and creates the derived tables that are missing.
func Migrate(ctx context.Context, e Engine, log *slog.Logger) error {
	all, err := load(files)
	if err != nil {
		return err
	}
	for _, sql := range bootstrap {
		if _, err := e.Exec(ctx, clickhouse.Statement{SQL: sql}); err != nil {
			return fmt.Errorf("prepare schema: %w", err)
		}
	}
	done, err := applied(ctx, e)
	if err != nil {
		return err
	}
	for v := range done {
		if v > all[len(all)-1].version {
			return fmt.Errorf("the tables have schema version %d, this weir knows up to %d: it is older than the data; start the newer version", v, all[len(all)-1].version)
		}
	}
	for _, m := range all {
		if done[m.version] {
			continue
		}
		if err := apply(ctx, e, m); err != nil {
			return err
		}
		log.Info("schema migrated", "version", m.version, "name", m.name)
	}
	for _, r := range rollup.Projections {
		if _, err := e.Exec(ctx, clickhouse.Statement{SQL: r.CreateSQL()}); err != nil {
			return fmt.Errorf("create %s: %w", r.ID(), err)
		}
	}
	for _, sql := range append(rollup.DropFormerSQL(), daily.DropFormerSQL()...) {
		if _, err := e.Exec(ctx, clickhouse.Statement{SQL: sql}); err != nil {
			return fmt.Errorf("drop a former table: %w", err)
		}
	}
	for _, sql := range append(session.CreateSQL(), daily.CreateSQL()...) {
		if _, err := e.Exec(ctx, clickhouse.Statement{SQL: sql}); err != nil {
			return fmt.Errorf("create the tables of stitched days: %w", err)
		}
	}
	return nil
}

var bootstrap = []string{
	`CREATE DATABASE IF NOT EXISTS weir`,
	`CREATE TABLE IF NOT EXISTS weir.schema_migrations (version UInt32, name String, applied DateTime DEFAULT now())
ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
}

func applied(ctx context.Context, e Engine) (map[int]bool, error) {
	done := map[int]bool{}
	_, err := e.Rows(ctx, clickhouse.Statement{SQL: `SELECT DISTINCT toString(version) FROM weir.schema_migrations`}, func(row []any) error {
		s, _ := row[0].(string)
		v, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("schema version %q: %w", s, err)
		}
		done[v] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read schema versions: %w", err)
	}
	return done, nil
}

func apply(ctx context.Context, e Engine, m migration) error {
	for _, sql := range m.statements {
		if _, err := e.Exec(ctx, clickhouse.Statement{SQL: sql}); err != nil {
			return fmt.Errorf("schema migration %d (%s): %w", m.version, m.name, err)
		}
	}
	record := fmt.Sprintf(`INSERT INTO weir.schema_migrations (version, name) SELECT %d, '%s'`, m.version, m.name)
	if _, err := e.Exec(ctx, clickhouse.Statement{SQL: record}); err != nil {
		return fmt.Errorf("record schema migration %d: %w", m.version, err)
	}
	return nil
}

// load reads the migrations: NNNN_name.sql, statements ended by a line that ends in ';'.
func load(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	sort.Strings(names)
	var all []migration
	for i, path := range names {
		file := strings.TrimSuffix(strings.TrimPrefix(path, "migrations/"), ".sql")
		num, name, ok := strings.Cut(file, "_")
		v, err := strconv.Atoi(num)
		if !ok || err != nil || v != i+1 {
			return nil, fmt.Errorf("migration file %s: want %04d_name.sql", path, i+1)
		}
		text, err := fs.ReadFile(fsys, path)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", path, err)
		}
		m := migration{version: v, name: name}
		for _, s := range strings.Split(string(text), ";\n") {
			if s = strings.TrimSpace(s); s != "" {
				m.statements = append(m.statements, s)
			}
		}
		all = append(all, m)
	}
	return all, nil
}
