package dedupe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Open reads the set's state and returns it ready for use. Run, or Maintain from
// time to time, must be called for keys to leave memory.
func Open(cfg Config) (*Set, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	cfg.Logger = cfg.Logger.With("component", "dedupe")
	s := &Set{
		cfg:    cfg,
		lagSec: uint32(cfg.Lag.Seconds()),
		wake:   make(chan struct{}, 1),
		head:   &segment{},
		view:   &view{floors: map[uint32]uint32{}},
	}
	s.k0, s.k1 = cfg.Secret.halves()
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("open dedupe set: %w", errors.Join(err, s.Close()))
	}
	var err error
	if s.metrics, err = newMetrics(cfg.Registerer); err != nil {
		return nil, fmt.Errorf("open dedupe set: register metrics: %w", errors.Join(err, s.Close()))
	}
	s.observe()
	return s, nil
}

func (s *Set) load() error {
	if err := makeDir(s.cfg.FS, s.cfg.Dir); err != nil {
		return fmt.Errorf("make directory of run files: %w", err)
	}
	if err := s.checkSecret(); err != nil {
		return err
	}
	v := s.view
	metas, err := s.loadManifest(v)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, m := range metas {
		known[runName(m.file)] = true
		s.nextFile = max(s.nextFile, m.file+1)
		r, err := openRun(s.cfg.FS, s.cfg.Dir, m)
		if err == nil && s.cfg.DropDamaged {
			if err = r.verify(); err != nil {
				err = errors.Join(err, r.file.Close())
			}
		}
		if err != nil {
			if err = s.dropDamaged(v, m, err); err != nil {
				return err
			}
			continue
		}
		v.runs = append(v.runs, r)
		s.newest.Store(max(s.newest.Load(), m.maxSec))
	}
	if err := s.removeOrphans(known); err != nil {
		return err
	}
	return s.loadHead()
}

// makeDir makes a directory and its parents, durably.
func makeDir(fs vfs.FS, dir string) error {
	parents := []string{fs.PathDir(dir)} // of dir, and of what is missing
	for path := dir; ; {
		_, err := fs.Stat(path)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		up := fs.PathDir(path)
		if up == path {
			break
		}
		path = up
		parents = append(parents, fs.PathDir(path))
	}
	if err := fs.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, p := range parents {
		if err := syncDir(fs, p); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// dropDamaged forgets a run that cannot be read, if that is allowed, and all keys
// that are not newer. Otherwise it returns why.
func (s *Set) dropDamaged(v *view, m runMeta, cause error) error {
	if errors.Is(cause, os.ErrNotExist) {
		cause = &CorruptError{What: "file " + s.cfg.FS.PathJoin(s.cfg.Dir, runName(m.file)), Detail: "it is missing"}
	}
	if !s.cfg.DropDamaged || !errors.Is(cause, ErrCorrupt) {
		return cause
	}
	v.floor = max(v.floor, m.maxSec+1)
	s.newest.Store(max(s.newest.Load(), m.maxSec))
	b := s.cfg.DB.NewBatch()
	defer b.Close()
	err := errors.Join(
		b.Set(s.key('f'), binary.LittleEndian.AppendUint32(nil, v.floor), nil),
		b.Delete(s.runKey(m.file), nil),
	)
	if err := errors.Join(err, b.Commit(pebble.Sync)); err != nil {
		return fmt.Errorf("drop damaged run file: %w", err)
	}
	s.cfg.Logger.Error("a damaged run file was dropped: event ids up to its newest are forgotten",
		"file", runName(m.file), "keys", m.count, "horizon_unix", v.floor, "error", cause)
	return nil
}

// removeOrphans removes run files that the manifest does not name: leftovers of a crash.
func (s *Set) removeOrphans(known map[string]bool) error {
	names, err := s.cfg.FS.List(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("list run files: %w", err)
	}
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, ".run")
		if !ok || known[name] {
			continue
		}
		file, err := strconv.ParseUint(digits, 16, 64)
		if err != nil || runName(file) != name {
			continue // not ours
		}
		s.nextFile = max(s.nextFile, file+1)
		if err := s.cfg.FS.Remove(s.cfg.FS.PathJoin(s.cfg.Dir, name)); err != nil {
			return fmt.Errorf("remove leftover run file: %w", err)
		}
	}
	return nil
}

// Stats describes the set at one moment.
type Stats struct {
	HeadKeys    int64  // keys in memory, not yet in run files
	RunKeys     int64  // keys in run files, forgotten ones included until their space is freed
	Runs        int    // run files
	RunBytes    int64  // size of the run files
	MemoryBytes int64  // of filters, indexes and the head
	Segments    int    // parts of the head that wait to be written to run files
	Newest      uint32 // highest received time stored, Unix seconds
}

// Stats returns figures of this moment.
func (s *Set) Stats() Stats {
	s.mu.Lock()
	v, head := s.view, s.head
	s.mu.Unlock()
	st := Stats{HeadKeys: s.headKeys(), Runs: len(v.runs), Segments: len(v.frozen), Newest: s.newest.Load()}
	for _, r := range v.runs {
		st.RunKeys += int64(r.meta.count)
		st.RunBytes += r.meta.size
		st.MemoryBytes += r.bytes()
	}
	for _, g := range v.frozen {
		st.MemoryBytes += g.bytes()
	}
	st.MemoryBytes += head.held.Load()
	return st
}

// headKeys is the number of keys that are in no run file.
func (s *Set) headKeys() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.head.size.Load()
	for _, g := range s.view.frozen {
		n += int64(g.len())
	}
	return n
}

func (s *Set) observe() {
	st := s.Stats()
	s.metrics.keys.Set(float64(st.RunKeys))
	s.metrics.runs.Set(float64(st.Runs))
	s.metrics.memory.Set(float64(st.MemoryBytes))
	s.metrics.head.Set(float64(st.HeadKeys))
}

// Close releases the run files, after Maintain has returned. What was applied
// stays; nothing is written. The state store stays open.
func (s *Set) Close() error {
	s.maintainMu.Lock()
	defer s.maintainMu.Unlock()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, r := range append(s.view.runs, s.garbage...) {
		errs = append(errs, r.file.Close())
	}
	return errors.Join(errs...)
}
