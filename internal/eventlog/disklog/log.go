package disklog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"weir/internal/eventlog"
)

// Log is an eventlog.Log in one directory. See the package comment.
type Log struct {
	cfg     Config
	log     *slog.Logger
	lock    *pebble.Lock
	metrics *metrics
	parts   []*partition
	guard   guard

	stop     chan struct{} // closed by Close
	reopener sync.WaitGroup

	mu     sync.Mutex
	store  *store // nil while it is being replaced
	cause  error  // why appends are refused; nil when they are not
	closed bool

	advance broadcast // some durable offset or the closed flag changed
}

var (
	_ eventlog.Log     = (*Log)(nil)
	_ eventlog.Starter = (*Log)(nil)
)

// partition is the state of one partition. Locks: appendMu before mu.
type partition struct {
	id uint16

	appendMu sync.Mutex // orders offsets and entries of the write-ahead log
	assigned uint64     // offset of the next append
	end      uint64     // running bytes of all assigned
	time     int64      // time of the last assigned

	mu      sync.Mutex
	cond    *sync.Cond // durable advanced, or the store failed
	durable uint64     // records below are durable and readable
	bytes   uint64     // running bytes of the durable ones
	start   start      // where kept records begin
	stored  uint64     // start.first as the disk has it; lower after a failed truncation
}

// Open opens or creates the log in cfg.Dir. It replays what the last process
// left in the write-ahead log. If the disk is full, an existing log is opened for
// reading and takes appends when there is space. A directory that another process has open is an
// error, as is one with another number of partitions.
func Open(cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	cfg.Logger = cfg.Logger.With("component", "disklog")
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the event log's directory %s: %w", cfg.Dir, err)
	}
	lock, err := pebble.LockDirectory(cfg.Dir, cfg.FS)
	if err != nil {
		return nil, fmt.Errorf("event log directory %s is in use by another process, or cannot be locked: stop that process or choose another data directory: %w", cfg.Dir, err)
	}
	l := &Log{cfg: cfg, log: cfg.Logger, lock: lock, stop: make(chan struct{})}
	l.guard = guard{fs: cfg.FS, dir: cfg.Dir, maxUse: cfg.MaxDiskUse, minFree: cfg.MinDiskFree}
	for i := range cfg.Partitions {
		p := &partition{id: uint16(i)}
		p.cond = sync.NewCond(&p.mu)
		l.parts = append(l.parts, p)
	}
	s, err := l.openAndLoad(false)
	var disk *diskError
	if errors.As(err, &disk) {
		// A disk that is full right now may still let us read.
		if ro, roErr := l.openAndLoad(true); roErr == nil {
			s, err = ro, nil
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the event log in %s: %w", cfg.Dir, err), lock.Close())
	}
	l.metrics = newMetrics(cfg.Registerer, l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store = s
	if s.readOnly {
		l.failedLocked(s, disk.err)
	} else if err := s.fence.failed(); err != nil {
		l.failedLocked(s, err)
	}
	return l, nil
}

// Partitions implements eventlog.Log.
func (l *Log) Partitions() int { return len(l.parts) }

// acquire returns the store for one operation; the caller calls s.ops.Done.
// Reading works on a store that has failed.
func (l *Log) acquire(write bool) (*store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, eventlog.ErrClosed
	case write && l.cause != nil:
		return nil, refused(l.cause)
	case l.store == nil:
		return nil, fmt.Errorf("event log is being reopened after: %w", l.cause)
	}
	l.store.ops.Add(1)
	return l.store, nil
}

// refused is the error of an append that the log does not take after a failure.
func refused(cause error) error {
	if isNoSpace(cause) {
		return fmt.Errorf("%w: %w: free some space, appends resume by themselves", eventlog.ErrFull, cause)
	}
	return fmt.Errorf("event log cannot write: %w: appends resume by themselves once the disk works", cause)
}

func (l *Log) partition(id uint16) (*partition, error) {
	if int(id) >= len(l.parts) {
		return nil, fmt.Errorf("partition %d does not exist: the event log has %d", id, len(l.parts))
	}
	return l.parts[id], nil
}

// Bounds implements eventlog.Log. A partition that does not exist is empty.
func (l *Log) Bounds(partition uint16) (first, next uint64) {
	p, err := l.partition(partition)
	if err != nil {
		return 0, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.start.first, p.durable
}

// Size implements eventlog.Log: bytes of the data of kept records, exact unless
// records next to a truncation were damaged.
func (l *Log) Size(partition uint16) int64 {
	p, err := l.partition(partition)
	if err != nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.bytes - min(p.start.bytes, p.bytes))
}

// Wait implements eventlog.Log.
func (l *Log) Wait(ctx context.Context, seen []uint64) error {
	for {
		// The channel is taken before looking, so that an advance in between is not missed.
		ch := l.advance.next()
		l.mu.Lock()
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return eventlog.ErrClosed
		}
		for i, p := range l.parts {
			p.mu.Lock()
			more := i >= len(seen) && p.durable > 0 || i < len(seen) && p.durable > seen[i]
			p.mu.Unlock()
			if more {
				return nil
			}
		}
		select {
		case <-ch:
		case <-l.stop:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close implements eventlog.Log: it waits for running operations, stops a
// reopening that is under way and releases the directory. A second call
// returns ErrClosed.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return eventlog.ErrClosed
	}
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	l.reopener.Wait()

	l.mu.Lock()
	s := l.store
	l.store = nil
	l.mu.Unlock()
	var err error
	if s != nil {
		s.ops.Wait()
		err = s.close()
	}
	l.metrics.unregister()
	return errors.Join(err, l.lock.Close())
}
