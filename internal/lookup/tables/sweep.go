package tables

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/lookup"
	"weir/internal/tenant"
)

// How old versions are removed.
const (
	sweepDelay = 2 * time.Second // those that come close together go in one mutation
	sweepBatch = 50              // versions of one mutation
	sweepRetry = 5 * time.Second // after a failure
	orphanScan = 6 * time.Hour   // between two searches for rows that nobody names
)

// Run removes old versions until ctx ends. It begins with what an earlier process has left.
func (s *Tables) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.deps.Ready:
	}
	const lost = "rows of lookup tables that nobody names could not be looked for, trying again"
	s.untilDone(ctx, lost, s.findOrphans)
	scan := time.NewTicker(orphanScan)
	defer scan.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-scan.C:
			s.untilDone(ctx, lost, s.findOrphans)
			continue
		case <-s.wake:
		}
		if !pause(ctx, sweepDelay) {
			return nil
		}
		s.untilDone(ctx, "old rows of lookup tables could not be removed, trying again", s.sweep)
	}
}

// untilDone tries again until it works or ctx ends.
func (s *Tables) untilDone(ctx context.Context, message string, do func(context.Context) error) {
	for warned := false; ; warned = true {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !warned {
			s.log.Warn(message, "error", err)
		}
		if !pause(ctx, sweepRetry) {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// findOrphans retires every version that is in the engine and is neither the current one nor on its way to become it.
func (s *Tables) findOrphans(ctx context.Context) error {
	var found []id
	sql := "SELECT tenant, lookup, toString(version) FROM weir." + lookup.EngineTable + " GROUP BY tenant, lookup, version"
	if _, err := s.deps.Engine.Rows(ctx, clickhouse.Statement{SQL: sql, Comment: "lookups"}, func(row []any) error {
		x, err := readID(row)
		found = append(found, x)
		return err
	}); err != nil {
		return fmt.Errorf("list versions of lookup tables: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range found {
		// In this order: a version that ceases to be on its way is the current one by then.
		if s.writing[x.tenant] == x || s.unsure[x] {
			continue
		}
		if now, ok := s.find(x.tenant, x.name); ok && now.Version == x.version {
			continue
		}
		s.old[x] = true
	}
	if len(s.old) > 0 {
		s.signal()
	}
	return nil
}

func readID(row []any) (id, error) {
	if len(row) == 3 {
		t, ok1 := row[0].(string)
		name, ok2 := row[1].(string)
		text, ok3 := row[2].(string)
		version, err := strconv.ParseUint(text, 10, 64)
		if ok1 && ok2 && ok3 && err == nil {
			return id{tenant.ID(t), name, version}, nil
		}
	}
	return id{}, fmt.Errorf("unexpected answer %v", row)
}

// due takes versions that can be removed now.
func (s *Tables) due() []id {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []id
	for x := range s.old {
		if s.pins[x] == 0 && len(out) < sweepBatch {
			out = append(out, x)
		}
	}
	return out
}

// sweep removes what can be removed. The mutations that it begins are durable and end by themselves.
func (s *Tables) sweep(ctx context.Context) error {
	for {
		batch := s.due()
		if len(batch) == 0 {
			return nil
		}
		where, err := condition(batch)
		if err != nil {
			return err
		}
		sql := "ALTER TABLE weir." + lookup.EngineTable + " DELETE WHERE " + where
		if _, err := s.deps.Engine.Exec(ctx, clickhouse.Statement{SQL: sql, Settings: map[string]string{"mutations_sync": "0"}, Comment: "lookups"}); err != nil {
			return fmt.Errorf("remove old versions: %w", err)
		}
		s.mu.Lock()
		for _, x := range batch {
			delete(s.old, x)
		}
		s.mu.Unlock()
		s.metrics.removed.Add(float64(len(batch)))
	}
}
