package stitch

import (
	"context"
	"fmt"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/tenant"
)

// part writes the totals of events of a day that goes on: of the rows up to the positions and up to now. Where the times of some clocks lie ahead their rows are read as they are, as is
// what comes from now on. The record's rows become the number of those up to the positions: what was counted between the look at the positions and that at the counts is behind the version then.
func (s *Stitcher) part(ctx context.Context, t tenant.ID, r *record) error {
	start := session.Start(r.day)
	failed := func(what string, err error) error {
		return fmt.Errorf("%s %s of %s up to %s: %w", what, t, start.Format(time.DateOnly), r.at.UTC().Format(time.TimeOnly), err)
	}
	has, err := s.numbers(ctx, t, daily.PartSQL(string(t), start, r.at, r.main, r.late), 3)
	if err != nil {
		return failed("count", err)
	}
	rows, past, last := has[0], has[1], has[2]
	if rows > r.rows || past == 0 { // the first never happens: rows are counted before they can be seen
		return nil
	}
	until := time.UnixMilli(int64(last) + 1).UTC()
	if _, err := s.deps.Engine.Exec(ctx, clickhouse.Statement{SQL: daily.TotalSQL(string(t), start, until, r.version, r.main, r.late), Settings: settings(), Comment: "rollup/" + string(t)}); err != nil {
		return failed("total", err)
	}
	got, err := s.numbers(ctx, t, daily.PartCountSQL(string(t), start, r.version), 1)
	if err != nil {
		return failed("count the totals of", err)
	}
	if got[0] == past {
		r.rows, r.totals, r.part, r.last = rows, daily.Layout, until, rows == past
		s.metrics.totalled.Inc()
	}
	return nil
}
