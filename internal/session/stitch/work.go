package stitch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/tenant"
)

// settings let a statement of the background use little of the machine.
func settings() map[string]string {
	m := clickhouse.OneBlockSettings()
	m["max_threads"] = "1"
	m["max_memory_usage"] = strconv.Itoa(2 << 30)
	m["max_bytes_before_external_group_by"] = strconv.Itoa(512 << 20)
	return m
}

// stitch makes a new version of a day. It is written whole before the record names it: a crash in between leaves rows that nobody reads, and findOrphans removes them.
func (s *Stitcher) stitch(ctx context.Context, t tenant.ID, day int32) error {
	if err := s.hold(ctx); err != nil {
		return err
	}
	defer s.release()
	if s.isGone(t) {
		return nil
	}
	r := record{day: day, timeout: s.deps.Timeout(t), layout: session.Layout, at: s.now()}
	// Before the rows are read: whatever is not counted here will be behind the version, be it in it or not.
	r.main, r.late = s.deps.Data.Committed()
	s.deps.Data.DayRows(t, day, day, func(_ int32, rows uint64) { r.rows = rows })
	var err error
	if r.version, err = s.newVersion(); err != nil {
		return err
	}
	if _, err := tenant.Parse(string(t)); err != nil {
		return err
	}
	begin := time.Now()
	if _, err := s.deps.Engine.Exec(ctx, clickhouse.Statement{SQL: session.StitchSQL(string(t), day, r.timeout, r.version), Settings: settings(), Comment: "rollup/" + string(t)}); err != nil {
		s.retire(retired{day: day, version: r.version, since: s.now()}) // it may be there all the same
		return fmt.Errorf("stitch the sessions of %s of %s: %w", t, session.Start(day).Format(time.DateOnly), err)
	}
	s.fault("stitched")
	if err := s.total(ctx, t, &r); err != nil {
		if ctx.Err() != nil {
			s.retire(retired{day: day, version: r.version, since: s.now()})
			return err
		}
		s.metrics.failures.Inc()
		s.log.Warn("a day has no totals; its reports are made of hours and events meanwhile", "error", err, "again_after", s.cfg.Again)
	}
	s.fault("totalled")
	if err := s.store(t, r); err != nil {
		s.retire(retired{day: day, version: r.version, since: s.now()})
		return err
	}
	s.fault("switched")
	s.metrics.stitched.Inc()
	s.metrics.rows.Add(float64(r.rows))
	s.metrics.seconds.Observe(time.Since(begin).Seconds())
	s.put(t, r, s.now().Sub(r.at))
	return nil
}

// totalled says whether a day that is over and has so many rows gets totals.
func (s *Stitcher) totalled(rows uint64) bool { return rows >= s.cfg.MinTotals }

// total writes the totals of a large day under the record's version. They count if they hold as many rows as the record says that
// the day has: then what comes later is behind the record's positions, and nothing else is.
func (s *Stitcher) total(ctx context.Context, t tenant.ID, r *record) error {
	if !s.totalled(r.rows) {
		return nil
	}
	if session.Start(r.day + 1).Add(s.cfg.Settle).After(r.at) {
		return s.part(ctx, t, r)
	}
	for _, sql := range daily.WriteSQL(string(t), session.Start(r.day), r.version, r.main, r.late) {
		if _, err := s.deps.Engine.Exec(ctx, clickhouse.Statement{SQL: sql, Settings: settings(), Comment: "rollup/" + string(t)}); err != nil {
			return fmt.Errorf("total %s of %s: %w", t, session.Start(r.day).Format(time.DateOnly), err)
		}
	}
	n, err := s.numbers(ctx, t, daily.CountSQL(string(t), session.Start(r.day), r.version), 1)
	if err != nil {
		return fmt.Errorf("count the totals of %s of %s: %w", t, session.Start(r.day).Format(time.DateOnly), err)
	}
	if n[0] == r.rows {
		r.totals = daily.Layout
		s.metrics.totalled.Inc()
	}
	return nil
}

// numbers asks for one row of numbers, which are texts.
func (s *Stitcher) numbers(ctx context.Context, t tenant.ID, sql string, want int) (out []uint64, err error) {
	_, err = s.deps.Engine.Rows(ctx, clickhouse.Statement{SQL: sql, Settings: map[string]string{"max_threads": "1"}, Comment: "rollup/" + string(t)}, func(row []any) error {
		for _, v := range row {
			text, _ := v.(string)
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return fmt.Errorf("%v is no number", v)
			}
			out = append(out, n)
		}
		return nil
	})
	if err == nil && len(out) != want {
		err = fmt.Errorf("the engine tells %d numbers, want %d", len(out), want)
	}
	return out, err
}

// put makes a stored record the one that readers get. took is how long it took to make.
func (s *Stitcher) put(t tenant.ID, r record, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.tenants[t]
	if k == nil {
		k = &known{}
		s.tenants[t] = k
	}
	k.took = took
	at, found := slices.BinarySearchFunc(k.days, r.day, compareDay)
	if found {
		s.old = append(s.old, retired{day: r.day, version: k.days[at].version, since: s.now()})
		k.days[at] = r
	} else {
		k.days = slices.Insert(k.days, at, r)
	}
}

func (s *Stitcher) retire(r retired) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = append(s.old, r)
}

func (s *Stitcher) isGone(t tenant.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone[t]
}

func (s *Stitcher) hold(ctx context.Context) error {
	select {
	case s.working <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Stitcher) release() { <-s.working }

func (s *Stitcher) fault(step string) {
	if s.deps.Fault != nil {
		s.deps.Fault("session-" + step)
	}
}

// Count is how many days of the tenant are stitched.
func (s *Stitcher) Count(t tenant.ID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.tenants[t]; k != nil {
		return len(k.days)
	}
	return 0
}

// Forget drops what is known of a tenant that is gone from the catalog, and waits for what is being written of it. Its rows stay in the table, for
// the caller to remove. It returns how many days there were.
func (s *Stitcher) Forget(ctx context.Context, t tenant.ID) (int, error) {
	if err := s.hold(ctx); err != nil {
		return 0, err
	}
	defer s.release()
	n := s.Count(t)
	if err := s.drop(t, nil); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tenants, t)
	s.gone[t] = true
	return n, nil
}

// Invalidate drops versions of days of which events were changed or removed (erasure, retention); of all days when none is named. Call it while the tenant's data
// version is not settled, after the change can be seen. Until the days are stitched again they are made of events; the old runs are removed from the table.
func (s *Stitcher) Invalidate(ctx context.Context, t tenant.ID, days ...int32) error {
	if err := s.hold(ctx); err != nil {
		return err
	}
	defer s.release()
	s.mu.Lock()
	k := s.tenants[t]
	var gone []record
	if k != nil {
		for _, r := range k.days {
			if len(days) == 0 || slices.Contains(days, r.day) {
				gone = append(gone, r)
			}
		}
	}
	s.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	list := make([]int32, len(gone))
	for i, r := range gone {
		list[i] = r.day
	}
	if err := s.drop(t, list); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k.days = slices.DeleteFunc(k.days, func(r record) bool { return slices.Contains(list, r.day) })
	for _, r := range gone {
		s.old = append(s.old, retired{day: r.day, version: r.version, since: s.now()})
	}
	return nil
}

// Clean removes versions that nobody reads any more from the table. With orphans, it looks for those that nobody knows, too.
func (s *Stitcher) Clean(ctx context.Context, orphans bool) error {
	if orphans {
		if err := s.findOrphans(ctx); err != nil {
			return err
		}
	}
	return s.sweep(ctx)
}

// findOrphans retires every version in the table that no record names: what a crash has left.
func (s *Stitcher) findOrphans(ctx context.Context) error {
	if err := s.hold(ctx); err != nil { // nothing is on its way to become a record then
		return err
	}
	defer s.release()
	var found []retired
	sql := "SELECT DISTINCT toString(toInt32(toDate(start_time))), toString(_version) FROM " + session.Table
	for _, table := range daily.SeamTables {
		sql += "\nUNION DISTINCT\nSELECT DISTINCT toString(toInt32(day)), toString(_version) FROM " + rollup.Database + "." + table
	}
	for _, table := range daily.DayTables {
		sql += "\nUNION DISTINCT\nSELECT DISTINCT toString(toInt32(toDate(time))), toString(_version) FROM " + rollup.Database + "." + table
	}
	if _, err := s.deps.Engine.Rows(ctx, clickhouse.Statement{SQL: sql, Settings: map[string]string{"max_threads": "1"}, Comment: "sessions"}, func(row []any) error {
		if len(row) != 2 {
			return fmt.Errorf("unexpected answer %v", row)
		}
		day, _ := row[0].(string)
		version, _ := row[1].(string)
		d, err := strconv.ParseInt(day, 10, 32)
		if err != nil {
			return err
		}
		v, err := strconv.ParseUint(version, 10, 64)
		found = append(found, retired{day: int32(d), version: v, since: s.now()})
		return err
	}); err != nil {
		return fmt.Errorf("list versions of stitched days: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	named := map[uint64]bool{}
	for _, k := range s.tenants {
		for _, r := range k.days {
			named[r.version] = true
		}
		for _, m := range k.seams {
			named[m.version] = true
		}
	}
	for _, r := range s.old {
		named[r.version] = true // known already
	}
	for _, r := range found {
		if !named[r.version] {
			s.old = append(s.old, r)
		}
	}
	return nil
}

// sweep removes versions that nobody can be reading any more. The mutations that it begins are durable and end by themselves.
func (s *Stitcher) sweep(ctx context.Context) error {
	s.mu.Lock()
	type place struct {
		day  int32
		seam bool
	}
	at := map[place][]string{}
	for _, r := range s.old {
		if s.now().Sub(r.since) >= s.cfg.Grace {
			p := place{r.day, r.seam}
			at[p] = append(at[p], strconv.FormatUint(r.version, 10))
		}
	}
	s.mu.Unlock()
	for p, versions := range at {
		tables := daily.SeamTables
		if !p.seam {
			tables = slices.Concat([]string{session.EngineTable}, daily.SeamTables, daily.DayTables)
		}
		for _, table := range tables {
			sql := fmt.Sprintf("ALTER TABLE %s.%s DELETE IN PARTITION ID '%s' WHERE _version IN (%s)", rollup.Database, table, session.Start(p.day).Format("20060102"), strings.Join(versions, ", "))
			if _, err := s.deps.Engine.Exec(ctx, clickhouse.Statement{SQL: sql, Settings: map[string]string{"mutations_sync": "0"}, Comment: "sessions"}); err != nil {
				return fmt.Errorf("remove old versions of stitched days: %w", err)
			}
		}
		s.metrics.removed.Add(float64(len(versions)))
		s.mu.Lock()
		s.old = slices.DeleteFunc(s.old, func(r retired) bool {
			return r.day == p.day && r.seam == p.seam && slices.Contains(versions, strconv.FormatUint(r.version, 10))
		})
		s.mu.Unlock()
	}
	return nil
}
