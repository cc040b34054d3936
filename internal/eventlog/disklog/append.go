package disklog

import (
	"context"
	"fmt"
	"time"

	"weir/internal/eventlog"
)

// Append implements eventlog.Log. Once the record has entered the write-ahead
// log the call returns only when its fate is known, whatever ctx says.
func (l *Log) Append(ctx context.Context, partition uint16, data []byte) (offset uint64, err error) {
	began := time.Now()
	offset, err = l.append(ctx, partition, data)
	l.metrics.appended(len(data), time.Since(began), err)
	return offset, err
}

func (l *Log) append(ctx context.Context, partition uint16, data []byte) (uint64, error) {
	p, err := l.partition(partition)
	if err != nil {
		return 0, err
	}
	if len(data) > eventlog.MaxRecord {
		return 0, fmt.Errorf("%w: %d bytes, the limit is %d", eventlog.ErrTooLarge, len(data), eventlog.MaxRecord)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s, err := l.acquire(true)
	if err != nil {
		return 0, err
	}
	defer s.ops.Done()
	if err := l.guard.check(); err != nil {
		return 0, err
	}
	if err := s.admit(ctx); err != nil {
		if cause := s.fence.failed(); cause != nil {
			err = refused(cause)
		}
		return 0, err
	}
	offset, end, err := l.write(s, p, data)
	if err != nil {
		return 0, refused(err)
	}
	if err := p.publish(s, offset, end); err != nil {
		return 0, refused(err)
	}
	l.advance.wake()
	return offset, nil
}

// write gives the record its offset and returns when its own sync has.
func (l *Log) write(s *store, p *partition, data []byte) (offset, end uint64, err error) {
	// Everything that does not depend on the offset is done outside of the lock.
	b := s.db.NewBatchWithSize(len(data) + headerSize + keySize + 32)
	op := b.SetDeferred(keySize, headerSize+len(data))
	copy(op.Value[headerSize:], data)
	sum := dataSum(data)
	now := l.cfg.Now().UnixMilli()

	p.appendMu.Lock()
	offset, end = p.assigned, p.end+uint64(len(data))
	at := max(now, p.time)
	appendKey(op.Key[:0], p.id, offset)
	putHeader(op.Value, op.Key, sum, at, end)
	if err = op.Finish(); err == nil {
		err = s.commit(b)
	}
	if err == nil {
		p.assigned, p.end, p.time = offset+1, end, at
	}
	p.appendMu.Unlock()
	if err != nil {
		return 0, 0, err
	}
	if err := s.wait(b); err != nil {
		return 0, 0, err
	}
	// A batch whose sync failed is left to the collector: Pebble may still hold it.
	return offset, end, b.Close()
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
