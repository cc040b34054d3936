package deletion

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/tenant"
)

// Engine runs statements. *clickhouse.Client does.
type Engine interface {
	Exec(ctx context.Context, s clickhouse.Statement) (clickhouse.Summary, error)
	Rows(ctx context.Context, s clickhouse.Statement, fn func(row []any) error) (clickhouse.Summary, error)
}

// Quiet runs do while no insert, or no step of a rollup, is half done: a mutation that begins there never touches rows that
// may have to be counted again.
type Quiet func(ctx context.Context, do func(ctx context.Context) error) error

// Tables are the engine's tables.
type Tables struct {
	Engine  Engine
	Inserts Quiet // of the events table
	Rollups Quiet
	// Every is how often a mutation under way is looked at: 200 ms by default.
	Every time.Duration
}

// events is the table that the others are derived from. It goes first: a rollup's step that begins afterwards finds no rows of the tenant.
const events = "events"

// Events is the place of the raw events.
func (e Tables) Events() Place {
	return Place{Name: "table weir." + events,
		Count: func(ctx context.Context, t Target) (Amount, error) { return e.count(ctx, events, t.Tenant) },
		Forget: func(ctx context.Context, t Target, say func(string)) error {
			return e.mutate(ctx, []string{events}, t.Tenant, e.Inserts, say)
		}}
}

// Of is the place of the tenant's rows in one table that nothing is derived from. quiet begins the mutation when nobody writes such rows.
func (e Tables) Of(name, table string, quiet Quiet) Place {
	return Place{Name: name,
		Count: func(ctx context.Context, t Target) (Amount, error) { return e.count(ctx, table, t.Tenant) },
		Forget: func(ctx context.Context, t Target, say func(string)) error {
			return e.mutate(ctx, []string{table}, t.Tenant, quiet, say)
		}}
}

// Derived is the place of all other tables with a column tenant. It comes after Events.
func (e Tables) Derived() Place {
	return Place{Name: "derived tables",
		Count: func(ctx context.Context, t Target) (Amount, error) {
			tables, err := e.derived(ctx)
			var sum Amount
			for _, table := range tables {
				a, cerr := e.count(ctx, table, t.Tenant)
				err = errors.Join(err, cerr)
				sum.Rows += a.Rows
				sum.Bytes += a.Bytes
			}
			return sum, err
		},
		Forget: func(ctx context.Context, t Target, say func(string)) error {
			tables, err := e.derived(ctx)
			if err != nil {
				return err
			}
			return e.mutate(ctx, tables, t.Tenant, e.Rollups, say)
		}}
}

// Inactive is the place of the parts that mutations and merges have replaced: the engine keeps them for a while. It comes after Events and
// Derived, and waits until those that were there are gone. It belongs to one run.
func (e Tables) Inactive() Place {
	var waitFor []string // those of the mutations: later ones hold nothing of the tenant
	return Place{Name: "replaced parts",
		Note: "parts of tables, all tenants together, that were replaced before the rows had gone",
		Count: func(ctx context.Context, _ Target) (Amount, error) {
			if waitFor != nil {
				return e.parts(ctx, waitFor)
			}
			return e.parts(ctx, nil)
		},
		Forget: func(ctx context.Context, _ Target, say func(string)) error {
			names, err := e.inactive(ctx)
			if err != nil {
				return err
			}
			waitFor = append(names, "") // not nil
			for {
				left, err := e.parts(ctx, waitFor)
				if err != nil || left.Rows == 0 {
					return err
				}
				say(fmt.Sprintf("waiting for the engine to remove %d", left.Rows))
				if err := e.sleep(ctx, time.Second); err != nil {
					return err
				}
			}
		}}
}

func (e Tables) inactive(ctx context.Context) ([]string, error) {
	var names []string
	err := e.strings(ctx, "SELECT path FROM system.parts WHERE database = 'weir' AND NOT active", func(row []string) error {
		names = append(names, row[0])
		return nil
	})
	return names, err
}

// parts counts the inactive parts, of the given ones if only is not nil.
func (e Tables) parts(ctx context.Context, only []string) (Amount, error) {
	sql := "SELECT toString(count()), toString(sum(bytes_on_disk)) FROM system.parts WHERE database = 'weir' AND NOT active"
	if only != nil {
		sql += " AND path IN (" + quoted(only) + ")"
	}
	return e.amount(ctx, sql)
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	return strings.Join(out, ", ")
}

// where selects the tenant's rows. An id has no character with a meaning in SQL; that is checked all the same.
func where(id tenant.ID) (string, error) {
	if _, err := tenant.Parse(string(id)); err != nil {
		return "", err
	}
	return "tenant = '" + string(id) + "'", nil
}

func (e Tables) derived(ctx context.Context) (tables []string, err error) {
	err = e.strings(ctx, "SELECT table FROM system.columns WHERE database = 'weir' AND name = 'tenant' AND table <> '"+events+"' ORDER BY table", func(row []string) error {
		tables = append(tables, row[0])
		return nil
	})
	return tables, err
}

// count counts rows; their bytes are a share of the table's, uncompressed.
func (e Tables) count(ctx context.Context, table string, id tenant.ID) (Amount, error) {
	cond, err := where(id)
	if err != nil {
		return Amount{}, err
	}
	return e.amount(ctx, fmt.Sprintf(`SELECT toString(n), toString(toUInt64(if(rows = 0, 0, n * bytes / rows))) FROM
(SELECT count() AS n FROM weir.%[1]s WHERE %[2]s) AS c,
(SELECT sum(rows) AS rows, sum(data_uncompressed_bytes) AS bytes FROM system.parts WHERE database = 'weir' AND table = '%[1]s' AND active) AS p`, table, cond))
}

// mutate removes the tenant's rows from tables by a mutation of each, and waits for them.
func (e Tables) mutate(ctx context.Context, tables []string, id tenant.ID, quiet Quiet, say func(string)) error {
	cond, err := where(id)
	if err != nil {
		return err
	}
	begin := func(ctx context.Context) error {
		for _, table := range tables {
			if _, err := e.Engine.Exec(ctx, clickhouse.Statement{
				SQL: "ALTER TABLE weir." + table + " DELETE WHERE " + cond, Settings: map[string]string{"mutations_sync": "0"}, Comment: "erase",
			}); err != nil {
				return fmt.Errorf("begin to erase from %s: %w", table, err)
			}
		}
		return nil
	}
	// One that the last process began, or an earlier try, still runs: a second one would do its work again.
	if running, err := e.running(ctx, tables, cond); err != nil {
		return err
	} else if running.parts == 0 && !running.any {
		if err := quiet(ctx, begin); err != nil {
			return err
		}
	}
	for {
		r, err := e.running(ctx, tables, cond)
		switch {
		case err != nil:
			return err
		case !r.any:
			return nil
		case r.failed != "":
			return fmt.Errorf("the engine cannot rewrite a part: %s", r.failed)
		}
		say(fmt.Sprintf("rewriting, %d parts to do", r.parts))
		if err := e.sleep(ctx, e.Every); err != nil {
			return err
		}
	}
}

// mutations is what of a deletion is still under way in the engine.
type mutations struct {
	any    bool
	parts  uint64
	failed string
}

func (e Tables) running(ctx context.Context, tables []string, cond string) (m mutations, err error) {
	err = e.strings(ctx, fmt.Sprintf(`SELECT toString(count()), toString(sum(parts_to_do)), any(latest_fail_reason) FROM system.mutations
WHERE database = 'weir' AND table IN (%s) AND NOT is_done AND position(command, %s) > 0`, quoted(tables), quoted([]string{cond})), func(row []string) error {
		m.any, m.failed = row[0] != "0", row[2]
		var err error
		m.parts, err = strconv.ParseUint(row[1], 10, 64)
		return err
	})
	return m, err
}

func (e Tables) amount(ctx context.Context, sql string) (a Amount, err error) {
	err = e.strings(ctx, sql, func(row []string) error {
		var err1, err2 error
		a.Rows, err1 = strconv.ParseUint(row[0], 10, 64)
		a.Bytes, err2 = strconv.ParseUint(row[1], 10, 64)
		return errors.Join(err1, err2)
	})
	return a, err
}

func (e Tables) strings(ctx context.Context, sql string, fn func(row []string) error) error {
	_, err := e.Engine.Rows(ctx, clickhouse.Statement{SQL: sql, Comment: "erase"}, func(row []any) error {
		out := make([]string, len(row))
		for i, v := range row {
			s, ok := v.(string)
			if !ok {
				return fmt.Errorf("unexpected answer %v", row)
			}
			out[i] = s
		}
		return fn(out)
	})
	return err
}

func (e Tables) sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		d = 200 * time.Millisecond
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
