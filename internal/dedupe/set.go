package dedupe

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Set is the set of remembered event keys. Check, Stage and Apply belong to one
// goroutine, Run or Maintain to another; everything else may be called by any.
type Set struct {
	cfg     Config
	k0, k1  uint64
	lagSec  uint32
	metrics *metrics
	wake    chan struct{} // tells Run that there is work

	newest atomic.Uint32 // highest received time ever stored, Unix seconds
	low    atomic.Uint32 // set by KeepFrom, Unix seconds, 0 if unknown

	commitMu sync.Mutex // held by Check, Stage and Apply; guards what follows
	head     *segment   // replaced under mu too
	scratch  scratch
	applied  uint64 // the highest commit that was applied
	spare    Staged // its memory is used by the next Stage

	maintainMu sync.Mutex // held by Maintain
	nextFile   uint64
	garbage    []*run // left the view, files to be removed

	mu     sync.Mutex // guards what follows
	view   *view
	behind error // why the last run file could not be written
	closed bool
}

// view is an immutable picture of the set without its head.
type view struct {
	frozen []*segment // oldest first
	runs   []*run
	floor  uint32            // keys received before it (Unix seconds) are forgotten
	floors map[uint32]uint32 // by tenant number: like floor, where higher
}

// floorOf is the received time from which on the tenant's keys are remembered.
func (v *view) floorOf(tenant uint32) uint32 {
	if len(v.floors) == 0 {
		return v.floor
	}
	return max(v.floor, v.floors[tenant])
}

func (v *view) release() {
	for _, r := range v.runs {
		r.release()
	}
}

// acquire returns the current view with its run files held open until release.
func (s *Set) acquire() (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	for _, r := range s.view.runs {
		r.acquire()
	}
	return s.view, nil
}

// Staged is a commit whose keys are in a batch but not yet visible.
type Staged struct {
	commit uint64
	recs   []rec
	days   []uint16
}

// Len is the number of keys.
func (st Staged) Len() int { return len(st.recs) }

// Stage adds the keys of new entries to the batch, at most MaxStage of them.
// commit is a number that rises from commit to commit, also over restarts. The
// caller then commits the batch with a sync, and calls Apply if that succeeded,
// before the next Stage. The only failures are a *BehindError, ErrClosed,
// a misuse, or a batch that cannot take more.
func (s *Set) Stage(b *pebble.Batch, entries []Entry, commit uint64) (Staged, error) {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if len(entries) > MaxStage {
		return Staged{}, fmt.Errorf("stage %d keys: one commit takes at most %d", len(entries), MaxStage)
	}
	if commit <= s.applied {
		return Staged{}, fmt.Errorf("stage commit %d: commit %d was applied already; numbers must rise", commit, s.applied)
	}
	if err := s.admit(len(entries)); err != nil {
		return Staged{}, err
	}
	st := Staged{commit: commit, recs: s.spare.recs[:0], days: s.spare.days[:0]}
	s.spare = Staged{}
	for i := range entries {
		e := &entries[i]
		a, b := keyHalves(&e.Key)
		sec := seconds(e.Received)
		st.recs = append(st.recs, rec{a: a, b: b, payload: e.Payload, sec: sec})
		st.days = append(st.days, storeDay(sec, e.IDTime))
	}
	for from, part := 0, uint16(0); from < len(st.recs); from, part = from+blobChunk, part+1 {
		to := min(from+blobChunk, len(st.recs))
		op := b.SetDeferred(len(s.cfg.Prefix)+blobKeyTail, blobSize(to-from))
		s.putBlobKey(op.Key, commit, part)
		encodeBlob(op.Value, st.recs[from:to], st.days[from:to])
		if err := op.Finish(); err != nil {
			return Staged{}, fmt.Errorf("stage commit %d: %w", commit, err)
		}
	}
	return st, nil
}

// admit refuses n more keys when too many wait for run files.
func (s *Set) admit(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	held := 0
	for _, g := range s.view.frozen {
		held += g.len()
	}
	if held > 0 && held+s.head.len()+n > s.cfg.HeadKeys {
		s.metrics.refused.Inc()
		return &BehindError{Held: held + s.head.len(), Limit: s.cfg.HeadKeys, Cause: s.behind}
	}
	return nil
}

// Apply makes staged keys visible, after their batch was committed.
func (s *Set) Apply(st Staged) {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if len(st.recs) == 0 {
		return
	}
	if s.head.len()+len(st.recs) > maxSegment {
		s.freezeHead()
	}
	before := s.newest.Load()
	s.head.add(st.recs, st.days, st.commit)
	newest := max(before, s.head.maxSec)
	s.newest.Store(newest)
	s.applied = st.commit
	s.spare = st
	if s.head.len() >= s.cfg.FreezeKeys || s.head.commits >= headCommits || newest/daySeconds != before/daySeconds && before > 0 {
		s.freezeHead()
	}
	s.metrics.head.Set(float64(s.headKeys()))
}

// headCommits is the number of commits after which the head is frozen however
// few keys it has, so that blobs do not pile up in the state store.
const headCommits = 20_000

// freezeHead hands the head over to Maintain. commitMu is held.
func (s *Set) freezeHead() {
	if s.head.len() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := *s.view
	v.frozen = append(append([]*segment(nil), v.frozen...), s.head)
	s.view = &v
	s.head = newSegment(s.head, s.cfg.FreezeKeys)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// KeepFrom tells the set that no event received before t will be checked any
// more. It matters when some partition lies further behind than Config.Lag:
// keys within the window before t are then kept for it. Without a call, or with
// a zero t, Lag alone decides.
func (s *Set) KeepFrom(t time.Time) {
	if t.IsZero() {
		s.low.Store(0)
		return
	}
	s.low.Store(seconds(t.UnixMilli()))
}

// Horizon is the time from which on every stored key of the tenant is
// remembered: an event id that was received before may be stored again. It is
// the newest received time minus the window, or later when the tenant's quota or
// the process's bound has made the set forget sooner. Zero if nothing was ever stored.
func (s *Set) Horizon(tenantNumber uint32) time.Time {
	newest, window := int64(s.newest.Load()), int64(s.cfg.Window.Seconds())
	if newest == 0 {
		return time.Time{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Unix(max(newest-window, int64(s.view.floorOf(tenantNumber))), 0).UTC()
}
