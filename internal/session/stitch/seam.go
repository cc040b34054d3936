package stitch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/tenant"
)

// seam is what is known of the totals of a midnight's sessions: those of two versions, of the day before it and of the next.
type seam struct {
	day           int32 // before the midnight
	version       uint64
	dayOf, nextOf uint64 // versions of the day and of the next
	open          bool   // session.Seam
	layout        uint32
	refused       time.Time // when the engine refused it, in this process; it has no version then
}

// seamBytes is the length of a stored seam: its own version, version, those of the days, open, layout.
const (
	seamVersion = 1
	seamBytes   = 1 + 3*8 + 1 + 4
)

func (m seam) encode() []byte {
	b := []byte{seamVersion}
	for _, n := range []uint64{m.version, m.dayOf, m.nextOf} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return binary.BigEndian.AppendUint32(append(b, flag(m.open)), m.layout)
}

func decodeSeam(day int32, b []byte) (m seam, err error) {
	if len(b) != seamBytes || b[0] != seamVersion || b[25] > 1 {
		return m, errRecord
	}
	n := func(at int) uint64 { return binary.BigEndian.Uint64(b[1+8*at:]) }
	return seam{day: day, version: n(0), dayOf: n(1), nextOf: n(2), open: b[25] == 1, layout: binary.BigEndian.Uint32(b[26:])}, nil
}

func compareSeam(m seam, day int32) int { return int(m.day) - int(day) }

// between says whether the seam is that of two days as they are stitched now.
func (m seam) between(r, next record) bool {
	return m.day == r.day && m.day+1 == next.day && m.dayOf == r.version && m.nextOf == next.version && m.layout == daily.SeamLayout
}

// seamable says whether the sessions near the midnight between two records can be totalled.
func seamable(r, next record) bool {
	return r.day+1 == next.day && r.whole() && next.whole() && r.timeout == next.timeout && r.layout == session.Layout && next.layout == session.Layout
}

// seamOf finds the seam of two records. The lock is held.
func (k *known) seamOf(r, next record) (m seam, ok bool) {
	at, found := slices.BinarySearchFunc(k.seams, r.day, compareSeam)
	if !found || !k.seams[at].between(r, next) {
		return m, false
	}
	return k.seams[at], true
}

// dueSeams are the days of the tenant whose midnight behind them is to be totalled now: both days are as they are stitched. The latest comes first.
func (s *Stitcher) dueSeams(t tenant.ID) (out []int32) {
	now := s.now()
	timeout := s.deps.Timeout(t)
	var pairs [][2]record
	s.mu.Lock()
	if k := s.tenants[t]; k != nil {
		for i := 1; i < len(k.days); i++ {
			r, next := k.days[i-1], k.days[i]
			if !seamable(r, next) || r.timeout != timeout {
				continue
			}
			if m, ok := k.seamOf(r, next); !ok || m.version == 0 && now.Sub(m.refused) >= s.cfg.Again {
				pairs = append(pairs, [2]record{r, next})
			}
		}
	}
	s.mu.Unlock()
	if len(pairs) == 0 {
		return nil
	}
	rows := map[int32]uint64{}
	s.deps.Data.DayRows(t, pairs[0][0].day, pairs[len(pairs)-1][1].day, func(day int32, n uint64) { rows[day] = n })
	for _, p := range pairs {
		if rows[p[0].day] == p[0].rows && rows[p[1].day] == p[1].rows { // else one of them is about to be stitched again
			out = append(out, p[0].day)
		}
	}
	slices.Reverse(out)
	return out
}

// seams drops the tenant's seams that are of no use any more and totals every midnight that is due, once.
func (s *Stitcher) seams(ctx context.Context, t tenant.ID) error {
	if err := s.unseam(ctx, t); err != nil {
		return err
	}
	for _, day := range s.dueSeams(t) {
		if err := s.seam(ctx, t, day); err != nil {
			return err
		}
	}
	return nil
}

// seam totals the sessions near the midnight behind a day, and stores that it did. It is written whole before: a crash in between leaves rows that nobody reads.
func (s *Stitcher) seam(ctx context.Context, t tenant.ID, day int32) error {
	if err := s.hold(ctx); err != nil {
		return err
	}
	defer s.release()
	if _, err := tenant.Parse(string(t)); err != nil {
		return err
	}
	s.mu.Lock()
	var r, next record
	if k := s.tenants[t]; k != nil && !s.gone[t] {
		if at, ok := slices.BinarySearchFunc(k.days, day, compareDay); ok && at+1 < len(k.days) {
			r, next = k.days[at], k.days[at+1]
		}
	}
	s.mu.Unlock()
	if r.version == 0 || !seamable(r, next) {
		return nil // it has changed since
	}
	m := seam{day: day, dayOf: r.version, nextOf: next.version, layout: daily.SeamLayout}
	version, err := s.newVersion()
	if err != nil {
		return err
	}
	if m.open, err = s.writeSeam(ctx, t, r, next, version); err != nil {
		s.retireSeam(day, version) // it may be there all the same
		if ctx.Err() == nil {
			m.refused = s.now()
			s.putSeam(t, m)
		}
		return err
	}
	s.fault("seamed")
	m.version = version
	if err := s.deps.State.Set(seamKey(t, day), m.encode(), pebble.Sync); err != nil {
		s.retireSeam(day, version)
		return fmt.Errorf("store the totals of a midnight: %w", err)
	}
	s.putSeam(t, m)
	s.metrics.seams.Inc()
	return nil
}

// writeSeam writes the totals of a midnight under a version and looks at whether they are whole.
func (s *Stitcher) writeSeam(ctx context.Context, t tenant.ID, r, next record, version uint64) (open bool, err error) {
	start := session.Start(r.day)
	for _, sql := range daily.WriteSeamSQL(string(t), start, r.timeout, r.version, next.version, version) {
		if _, err := s.deps.Engine.Exec(ctx, clickhouse.Statement{SQL: sql, Settings: settings(), Comment: "rollup/" + string(t)}); err != nil {
			return false, fmt.Errorf("total the midnight after %s of %s: %w", start.Format(time.DateOnly), t, err)
		}
	}
	sessions, out := int64(-1), int64(0)
	sql := daily.SeamCountSQL(string(t), start, r.timeout, r.version, next.version, version)
	if _, err := s.deps.Engine.Rows(ctx, clickhouse.Statement{SQL: sql, Settings: map[string]string{"max_threads": "1"}, Comment: "rollup/" + string(t)}, func(row []any) error {
		var errs [2]error
		sessions, errs[0] = strconv.ParseInt(fmt.Sprint(row[0]), 10, 64)
		out, errs[1] = strconv.ParseInt(fmt.Sprint(row[1]), 10, 64)
		return errors.Join(errs[:]...)
	}); err != nil {
		return false, fmt.Errorf("count the totals of the midnight after %s of %s: %w", start.Format(time.DateOnly), t, err)
	}
	if sessions < 0 {
		return false, fmt.Errorf("the totals of the midnight after %s of %s do not hold all sessions", start.Format(time.DateOnly), t)
	}
	return out > 0, nil
}

// putSeam makes a stored seam the one that readers get.
func (s *Stitcher) putSeam(t tenant.ID, m seam) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.tenants[t]
	at, found := slices.BinarySearchFunc(k.seams, m.day, compareSeam)
	if !found {
		k.seams = slices.Insert(k.seams, at, m)
		return
	}
	s.retireSeamLocked(k.seams[at])
	k.seams[at] = m
}

// unseam drops the seams that are not those of the days as they are stitched now.
func (s *Stitcher) unseam(ctx context.Context, t tenant.ID) error {
	if err := s.hold(ctx); err != nil {
		return err
	}
	defer s.release()
	s.mu.Lock()
	var gone []int32
	k := s.tenants[t]
	if k != nil {
		for _, m := range k.seams {
			if !k.holds(m) {
				gone = append(gone, m.day)
			}
		}
	}
	s.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	b := s.deps.State.NewBatch()
	for _, day := range gone {
		if err := b.Delete(seamKey(t, day), nil); err != nil {
			return fmt.Errorf("forget the totals of midnights: %w", err)
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("forget the totals of midnights: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k.seams = slices.DeleteFunc(k.seams, func(m seam) bool {
		if !slices.Contains(gone, m.day) {
			return false
		}
		s.retireSeamLocked(m)
		return true
	})
	return nil
}

// holds says whether the days are still those of the seam. The lock is held.
func (k *known) holds(m seam) bool {
	at, ok := slices.BinarySearchFunc(k.days, m.day, compareDay)
	return ok && at+1 < len(k.days) && m.between(k.days[at], k.days[at+1])
}

func (s *Stitcher) retireSeam(day int32, version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retireSeamLocked(seam{day: day, version: version})
}

func (s *Stitcher) retireSeamLocked(m seam) {
	if m.version != 0 {
		s.old = append(s.old, retired{day: m.day, version: m.version, since: s.now(), seam: true})
	}
}
