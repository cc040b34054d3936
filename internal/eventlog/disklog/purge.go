package disklog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Purge makes the files forget what Truncate has removed: until then records below the first kept one may still lie in tables that hold kept ones too,
// and in write-ahead logs, which are used again and again: a used one holds old records until it is overwritten. It writes such tables anew and replaces
// such logs, which is little work when it is done now and then. Appends and reads go on meanwhile.
func (l *Log) Purge(ctx context.Context) error {
	s, err := l.acquire(true)
	if err != nil {
		return err
	}
	defer s.ops.Done()
	done := make(chan error, 1)
	s.behind.Go(func() { done <- l.purge(ctx, s) })
	select {
	case err := <-done:
		return err
	case <-s.broken: // a flush hangs then until the store is replaced, and that waits for all operations
		return fmt.Errorf("purge the event log: %w", s.fence.failed())
	}
}

func (l *Log) purge(ctx context.Context, s *store) error {
	if err := s.replaceLogs(ctx, l.cfg.Dir); err != nil { // this flushes, too
		return fmt.Errorf("purge the event log: %w", errors.Join(err, s.fence.failed()))
	}
	for _, p := range l.parts {
		p.mu.Lock()
		first := p.stored
		p.mu.Unlock()
		if first == 0 {
			continue
		}
		if err := errors.Join(s.fence.failed(), s.db.Compact(ctx, recordKey(p.id, 0), recordKey(p.id, first), false)); err != nil {
			return fmt.Errorf("purge partition %d of the event log: %w", p.id, err)
		}
	}
	return nil
}

// maxRotations bounds how often Purge begins a new write-ahead log: some more than there can be.
const maxRotations = 200

// replaceLogs begins new write-ahead logs until those that there are now have gone. That costs less than never using one twice, which makes each
// append wait a fifth longer.
func (s *store) replaceLogs(ctx context.Context, dir string) error {
	s.fence.fresh.Store(true)
	defer s.fence.fresh.Store(false)
	_, newest, err := s.logs(dir)
	if err != nil {
		return err
	}
	for range maxRotations {
		if err := errors.Join(s.db.Flush(), s.fence.failed()); err != nil {
			return err
		}
		oldest, _, err := s.logs(dir)
		if err != nil || oldest > newest {
			return err
		}
		select { // Pebble lets go of a log a moment after the flush
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("write-ahead logs up to number %d are still there after %d others were begun", newest, maxRotations)
}

// logs returns the lowest and the highest number of a write-ahead log.
func (s *store) logs(dir string) (oldest, newest uint64, err error) {
	names, err := s.fence.List(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		text, ok := strings.CutSuffix(name, ".log")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			continue
		}
		if oldest == 0 || n < oldest {
			oldest = n
		}
		newest = max(newest, n)
	}
	return oldest, newest, nil
}
