package dedupe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	maxBackoff   = 30 * time.Second
	maintainIdle = time.Minute // quotas may change without any event
)

// Run does background work until ctx ends: it writes the head to run files,
// merges and forgets. Failures are logged, counted and retried. It returns nil
// when ctx ends.
func (s *Set) Run(ctx context.Context) error {
	backoff := 100 * time.Millisecond
	for {
		err := s.Maintain(ctx)
		if ctx.Err() != nil {
			return nil
		}
		pause, wake := maintainIdle, s.wake
		if err != nil {
			s.cfg.Logger.Warn("background work on dedupe keys failed; it is retried", "error", err, "retry_in", backoff)
			pause, wake = backoff, nil
			backoff = min(2*backoff, maxBackoff)
		} else {
			backoff = 100 * time.Millisecond
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Maintain does all background work that is due and returns. It may run beside
// everything else. After an error it can be called again.
func (s *Set) Maintain(ctx context.Context) error {
	s.maintainMu.Lock()
	defer s.maintainMu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		did, err := s.step(ctx)
		s.sweep()
		s.observe()
		if err != nil || !did {
			return err
		}
	}
}

// step does the most urgent piece of work, if any.
func (s *Set) step(ctx context.Context) (did bool, err error) {
	v, err := s.acquire()
	if err != nil {
		return false, err
	}
	defer v.release()
	steps := []struct {
		name string
		do   func(context.Context, *view) (bool, error)
	}{
		{"freeze", s.freeze}, {"floors", s.moveFloors}, {"forget", s.forget}, {"merge", s.merge},
	}
	for _, st := range steps {
		did, err := st.do(ctx, v)
		if err != nil && ctx.Err() == nil {
			s.metrics.failures.WithLabelValues(st.name).Inc()
		}
		if st.name == "freeze" && ctx.Err() == nil {
			s.mu.Lock()
			s.behind = err
			s.mu.Unlock()
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", st.name, err)
		}
		if did {
			return true, nil
		}
	}
	return false, nil
}

// freeze writes the oldest frozen segment to run files, one for each bucket.
func (s *Set) freeze(ctx context.Context, v *view) (bool, error) {
	if len(v.frozen) == 0 {
		return false, nil
	}
	g := v.frozen[0]
	var runs []*run
	for _, day := range g.buckets() {
		r, err := s.writeRun(ctx, "freeze", day, sortRecs(g.bucket(day)))
		if err != nil {
			return false, errors.Join(err, s.discard(runs))
		}
		runs = append(runs, r)
	}
	b := s.cfg.DB.NewBatch()
	defer b.Close()
	err := errors.Join(
		b.DeleteRange(s.key('b'), s.key('b', binary.BigEndian.AppendUint64(nil, g.last+1)...), nil),
		b.Set(s.key('l'), binary.LittleEndian.AppendUint64(nil, g.last), nil),
	)
	if err := errors.Join(err, s.commitRuns(b, runs, nil)); err != nil {
		return false, err
	}
	s.publish(func(v *view) {
		v.frozen = v.frozen[1:]
		v.runs = append(v.runs, runs...)
	})
	return true, nil
}

// writeRun writes recs, which are in order, as a run file.
func (s *Set) writeRun(ctx context.Context, reason string, day uint16, recs []rec) (*run, error) {
	return s.buildRun(reason, day, int64(len(recs)), func(w *runWriter) error {
		for i := range recs {
			if i%(1<<16) == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := w.add(&recs[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// buildRun makes a run file of what fill adds; the run is nil if that is nothing.
func (s *Set) buildRun(reason string, day uint16, expect int64, fill func(*runWriter) error) (*run, error) {
	file := s.nextFile
	s.nextFile++
	w, err := createRun(s.cfg.FS, s.cfg.Dir, file, day, expect)
	if err != nil {
		return nil, err
	}
	var r *run
	if err = fill(w); err == nil {
		r, err = w.finish()
	}
	if err != nil {
		return nil, errors.Join(err, w.abort())
	}
	if r != nil {
		s.metrics.writes.WithLabelValues(reason).Add(float64(r.meta.count))
	}
	return r, nil
}

// discard removes new run files that no manifest names.
func (s *Set) discard(runs []*run) error {
	var errs []error
	for _, r := range runs {
		errs = append(errs, r.file.Close(), s.cfg.FS.Remove(r.path))
	}
	return errors.Join(errs...)
}

// commitRuns makes the names of new run files durable, then the manifest. If
// the manifest's commit fails its fate is unknown: the files stay until the next Open.
func (s *Set) commitRuns(b *pebble.Batch, added, removed []*run) error {
	if len(added) > 0 {
		if err := syncDir(s.cfg.FS, s.cfg.Dir); err != nil {
			return errors.Join(fmt.Errorf("sync directory of run files: %w", err), s.discard(added))
		}
	}
	for _, r := range added {
		if err := b.Set(s.runKey(r.meta.file), r.meta.encode(), nil); err != nil {
			return err
		}
	}
	for _, r := range removed {
		if err := b.Delete(s.runKey(r.meta.file), nil); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		for _, r := range added {
			err = errors.Join(err, r.file.Close())
		}
		return fmt.Errorf("commit manifest: %w", err)
	}
	return nil
}

// publish replaces the view by a changed copy.
func (s *Set) publish(change func(*view)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := *s.view
	v.runs = append([]*run(nil), v.runs...)
	change(&v)
	s.view = &v
}

// replaceRuns publishes that added stand for removed.
func (s *Set) replaceRuns(added, removed []*run) {
	gone := map[*run]bool{}
	for _, r := range removed {
		gone[r] = true
	}
	s.publish(func(v *view) {
		kept := v.runs[:0]
		for _, r := range v.runs {
			if !gone[r] {
				kept = append(kept, r)
			}
		}
		v.runs = append(kept, added...)
	})
	s.garbage = append(s.garbage, removed...)
}

// sweep removes files of runs that left the view and that nobody reads any more.
func (s *Set) sweep() {
	kept := s.garbage[:0]
	for _, r := range s.garbage {
		if r.refs.Load() > 1 {
			kept = append(kept, r)
			continue
		}
		if err := errors.Join(r.file.Close(), s.cfg.FS.Remove(r.path)); err != nil {
			s.cfg.Logger.Warn("a run file that is not needed could not be removed; the next start removes it", "file", r.path, "error", err)
		}
	}
	clear(s.garbage[len(kept):])
	s.garbage = kept
}
