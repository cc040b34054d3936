package disklog

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// neverStall puts Pebble's own stall out of reach: see backlog.
const neverStall = 100_000

// store is one opening of the directory.
type store struct {
	db     *pebble.DB
	fence  *fence
	ops    sync.WaitGroup // operations that use db
	behind sync.WaitGroup // what goes on after its operation has given up on a broken store
	broken chan struct{}  // closed when the fence closes

	readOnly bool
	backlog  *backlog
}

// openStore opens the directory behind a fresh fence. onFail is called once, at
// the first failure of the disk; it must not block. Opened read-only, the
// directory is not changed and the write-ahead log is replayed into memory.
func openStore(cfg Config, lock *pebble.Lock, readOnly bool, onFail func(*store, error)) (s *store, err error) {
	s = &store{broken: make(chan struct{}), backlog: newBacklog(cfg), readOnly: readOnly}
	s.fence = newFence(cfg.FS, func(err error) {
		close(s.broken)
		onFail(s, err)
	})
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while opening: %v\n%s", p, debug.Stack())
		}
		if ferr := s.fence.failed(); ferr != nil {
			// What Pebble reports after the fence has closed is only a consequence.
			err = &diskError{ferr}
		}
		if err != nil {
			s.fence.release()
			if s.db != nil {
				s.db.Close()
			}
			s = nil
		}
	}()
	s.db, err = pebble.Open(cfg.Dir, s.options(cfg, lock))
	if err != nil {
		return s, err
	}
	s.fence.hold()
	s.backlog.begin()
	return s, nil
}

func (s *store) options(cfg Config, lock *pebble.Lock) *pebble.Options {
	log := pebbleLogger{log: cfg.Logger, fence: s.fence}
	o := &pebble.Options{
		FS:                          s.fence,
		ReadOnly:                    s.readOnly,
		Lock:                        lock,
		Logger:                      log,
		CacheSize:                   cfg.CacheBytes,
		MemTableSize:                uint64(cfg.MemTableBytes),
		MemTableStopWritesThreshold: neverStall,
		L0StopWritesThreshold:       neverStall,
		L0CompactionThreshold:       4,
		LBaseMaxBytes:               4 * cfg.MemTableBytes,
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		FlushDelayDeleteRange:       time.Second,
		MaxOpenFiles:                500,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		EventListener:               s.listener(cfg.Logger),
	}
	for i := range o.Levels {
		o.TargetFileSizes[i] = max(cfg.MemTableBytes/2, 2<<20)
	}
	// Records are compressed by their writer.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return o
}

func (s *store) listener(log *slog.Logger) *pebble.EventListener {
	l := &pebble.EventListener{
		WALCreated:      s.backlog.rotated,
		FlushEnd:        s.backlog.flushed,
		BackgroundError: func(err error) { log.Warn("store reports a background error", "err", err) },
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			log.Error("a table of the event log is damaged; its records are handed out as unreadable", "path", i.Path, "err", i.Details)
		},
	}
	l.EnsureDefaults(nil)
	return l
}

// commit writes a batch without waiting for the disk; wait waits and says
// whether the batch is durable.
func (s *store) commit(b *pebble.Batch) error {
	if err := s.fence.failed(); err != nil {
		return err
	}
	s.backlog.committed(b.Len())
	if err := s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		s.fence.fail(err)
		return err
	}
	return nil
}

func (s *store) wait(b *pebble.Batch) error {
	if err := b.SyncWait(); err != nil {
		s.fence.fail(err)
	}
	// Behind a closed fence every sync seems to succeed.
	return s.fence.failed()
}

// set commits a batch and waits until it is durable.
func (s *store) set(b *pebble.Batch) error {
	if err := s.commit(b); err != nil {
		return err
	}
	return s.wait(b)
}

// admit waits while flushes are too far behind.
func (s *store) admit(ctx context.Context) error {
	for {
		relief := s.backlog.relief.next()
		if !s.backlog.high() {
			return nil
		}
		look := time.NewTimer(lookAgain)
		select {
		case <-relief:
			look.Stop()
		case <-look.C:
			s.backlog.flushable(s.db.Metrics().MemTable.Count)
		case <-s.broken:
			return s.fence.failed()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lookAgain is how long appends wait for Pebble's events before they ask Pebble itself.
const lookAgain = time.Second

// diskError is a failure of the disk, as opposed to a directory that is not right.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// close releases the store. All operations must have ended. After a failure
// it leaves the files as they were when the fence closed.
func (s *store) close() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while closing the store: %v\n%s", p, debug.Stack())
		}
	}()
	s.fence.release()
	s.behind.Wait()
	failed := s.fence.failed() != nil
	err = s.db.Close()
	switch {
	case failed:
		return nil // what a fenced store says about itself means nothing
	case err != nil:
		return fmt.Errorf("close the event log's store: %w", err)
	}
	if err := s.fence.failed(); err != nil {
		return fmt.Errorf("close the event log's store: %w", err)
	}
	return nil
}

// pebbleLogger hands Pebble's messages on. Fatalf does not end the process: it
// closes the fence, so that the store is reopened.
type pebbleLogger struct {
	log   *slog.Logger
	fence *fence
}

func (l pebbleLogger) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...))
	}
}

func (l pebbleLogger) Errorf(format string, args ...any) { l.log.Warn(fmt.Sprintf(format, args...)) }

func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.log.Error("store gave up; it will be reopened", "err", err)
	l.fence.fail(err)
}
