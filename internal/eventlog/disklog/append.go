package disklog

import (
	"context"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"weir/internal/eventlog"
)

// Append implements eventlog.Log. Once the record has entered the write-ahead
// log the call returns only when its fate is known, whatever ctx says.
func (l *Log) Append(ctx context.Context, partition uint16, data []byte) (offset uint64, err error) {
	wait, err := l.Start(ctx, partition, data)
	if err != nil {
		return 0, err
	}
	return wait()
}

// Start implements eventlog.Starter. It copies data.
func (l *Log) Start(ctx context.Context, partition uint16, data []byte) (func() (uint64, error), error) {
	began, size := time.Now(), len(data)
	a, err := l.start(ctx, partition, data)
	if err != nil {
		l.metrics.appended(size, 0, err)
		return nil, err
	}
	return func() (uint64, error) {
		err := a.finish(l)
		l.metrics.appended(size, time.Since(began), err)
		if err != nil {
			return 0, err
		}
		return a.offset, nil
	}, nil
}

// pending is a record that is in the write-ahead log and waits for its sync.
type pending struct {
	store  *store
	part   *partition
	batch  *pebble.Batch
	offset uint64
	end    uint64 // running bytes of the partition
}

func (l *Log) start(ctx context.Context, partition uint16, data []byte) (a *pending, err error) {
	p, err := l.partition(partition)
	if err != nil {
		return nil, err
	}
	if len(data) > eventlog.MaxRecord {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", eventlog.ErrTooLarge, len(data), eventlog.MaxRecord)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := l.acquire(true)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.ops.Done()
		}
	}()
	if err := l.guard.check(len(data)); err != nil {
		return nil, err
	}
	if err := s.admit(ctx); err != nil {
		if cause := s.fence.failed(); cause != nil {
			err = refused(cause)
		}
		return nil, err
	}
	a = &pending{store: s, part: p}
	if err := a.write(data, l.cfg.Now().UnixMilli()); err != nil {
		return nil, refused(err)
	}
	return a, nil
}

// write gives the record its offset and enters it into the write-ahead log.
func (a *pending) write(data []byte, now int64) (err error) {
	// Everything that does not depend on the offset is done outside of the lock.
	a.batch = a.store.db.NewBatchWithSize(len(data) + headerSize + keySize + 32)
	op := a.batch.SetDeferred(keySize, headerSize+len(data))
	copy(op.Value[headerSize:], data)
	sum := dataSum(data)

	p := a.part
	p.appendMu.Lock()
	defer p.appendMu.Unlock()
	a.offset, a.end = p.assigned, p.end+uint64(len(data))
	at := max(now, p.time)
	appendKey(op.Key[:0], p.id, a.offset)
	putHeader(op.Value, op.Key, sum, at, a.end)
	if err := op.Finish(); err != nil {
		return err
	}
	if err := a.store.commit(a.batch); err != nil {
		return err
	}
	p.assigned, p.end, p.time = a.offset+1, a.end, at
	return nil
}

// finish waits until the record is durable and shows it to readers.
func (a *pending) finish(l *Log) error {
	defer a.store.ops.Done()
	if err := a.store.wait(a.batch); err != nil {
		// The batch is left to the collector: Pebble may still hold it.
		return refused(err)
	}
	if err := a.batch.Close(); err != nil {
		return refused(err)
	}
	if err := a.part.publish(a.store, a.offset, a.end); err != nil {
		return refused(err)
	}
	l.advance.wake()
	return nil
}

// publish shows the record to readers once all lower ones have been shown.
func (p *partition) publish(s *store, offset, end uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.durable < offset {
		if err := s.fence.failed(); err != nil {
			return err
		}
		p.cond.Wait()
	}
	p.durable, p.bytes = offset+1, end
	p.cond.Broadcast()
	return nil
}
