package disklog

import (
	"context"
	"errors"
	"fmt"

	"weir/internal/erasable"
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
	// That costs less than never using a log twice, which makes each append wait a fifth longer. It flushes, too.
	if err := erasable.Replace(ctx, s.db, s.fence, l.cfg.Dir, &s.fence.fresh, s.fence.failed); err != nil {
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
