package disklog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"weir/internal/eventlog"
)

// Bounds of what one Read returns, beside its maxBytes.
const (
	maxRecords = 16384
	maxDamaged = 256
)

// Read implements eventlog.Log.
func (l *Log) Read(ctx context.Context, partition uint16, offset uint64, maxBytes int) ([]eventlog.Record, error) {
	p, err := l.partition(partition)
	if err != nil {
		return nil, err
	}
	s, err := l.acquire(false)
	if err != nil {
		return nil, err
	}
	defer s.ops.Done()
	first, next := l.Bounds(partition)
	if offset < first {
		return nil, truncated(partition, offset, first)
	}
	if offset >= next {
		return nil, nil
	}
	records, err := s.read(ctx, p.id, offset, next, maxBytes)
	if err != nil {
		// A truncation may have removed what we were about to read.
		if first, _ := l.Bounds(partition); offset < first {
			return nil, truncated(partition, offset, first)
		}
		return nil, fmt.Errorf("read partition %d of the event log from offset %d: %w", partition, offset, err)
	}
	for i := range records {
		if records[i].Data == nil {
			l.metrics.damaged.Inc()
		}
	}
	return records, nil
}

func truncated(partition uint16, offset, first uint64) error {
	return fmt.Errorf("%w: partition %d, offset %d, first kept %d", eventlog.ErrTruncated, partition, offset, first)
}

// read returns records [from, to) up to maxBytes. Every offset of the range
// exists; one whose record cannot be read is returned without data.
func (s *store) read(ctx context.Context, partition uint16, from, to uint64, maxBytes int) ([]eventlog.Record, error) {
	var out []eventlog.Record
	size, damaged := 0, 0
	for from < to && (len(out) == 0 || size < maxBytes) && damaged < maxDamaged {
		n := len(out)
		var err error
		out, size, err = s.scan(ctx, out, size, partition, from, to, maxBytes)
		if err == nil {
			break
		}
		from += uint64(len(out) - n)
		if !pebble.IsCorruptionError(err) {
			return nil, err
		}
		// A block of a table is damaged: this record is lost, the next may not be.
		out = append(out, eventlog.Record{Partition: partition, Offset: from})
		damaged++
		from++
	}
	return out, nil
}

// scan appends to out until an error, the end, or maxBytes.
func (s *store) scan(ctx context.Context, out []eventlog.Record, size int, partition uint16, from, to uint64, maxBytes int) (_ []eventlog.Record, _ int, err error) {
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: recordKey(partition, from), UpperBound: recordKey(partition, to)})
	if err != nil {
		return out, size, err
	}
	defer func() { err = errors.Join(err, ignoreCorruption(it.Close(), err)) }()
	want := from
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return out, size, err
		}
		_, offset, ok := decodeKey(it.Key())
		if !ok || offset != want {
			return out, size, fmt.Errorf("record %d is missing, found key %x", want, it.Key())
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return out, size, err
		}
		r := eventlog.Record{Partition: partition, Offset: offset}
		if dec, err := decodeValue(it.Key(), v); err == nil {
			if len(out) > 0 && size+len(dec.data) > maxBytes {
				return out, size, nil
			}
			r.Time = time.UnixMilli(dec.time)
			r.Data = append(make([]byte, 0, len(dec.data)), dec.data...)
		}
		out = append(out, r)
		size += len(r.Data)
		want++
		if size >= maxBytes || len(out) >= maxRecords {
			return out, size, nil
		}
	}
	if err := it.Error(); err != nil {
		return out, size, err
	}
	if want < to {
		return out, size, fmt.Errorf("record %d is missing", want)
	}
	return out, size, nil
}

// ignoreCorruption drops the error of closing an iterator when it repeats err.
func ignoreCorruption(closeErr, err error) error {
	if err != nil {
		return nil
	}
	return closeErr
}

// OffsetAt implements eventlog.Log by binary search: times never fall within a partition.
func (l *Log) OffsetAt(ctx context.Context, partition uint16, t time.Time) (uint64, error) {
	p, err := l.partition(partition)
	if err != nil {
		return 0, err
	}
	s, err := l.acquire(false)
	if err != nil {
		return 0, err
	}
	defer s.ops.Done()
	want := t.UnixMilli()
	if t.After(time.UnixMilli(want)) {
		want++ // stored times are whole milliseconds
	}
	lo, hi := l.Bounds(partition)
	for lo < hi {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		mid := lo + (hi-lo)/2
		at, v, err := s.probe(p.id, mid, hi)
		if err != nil {
			if first, _ := l.Bounds(partition); mid < first {
				lo, hi = first, max(hi, first)
				continue
			}
			return 0, fmt.Errorf("search partition %d of the event log by time: %w", partition, err)
		}
		switch {
		case at == hi: // nothing readable from mid on: treat it as later
			hi = mid
		case v.time < want:
			lo = at + 1
		default:
			hi = mid
		}
	}
	return lo, nil
}

// probe returns the first readable record in [from, to), or to when there is
// none. The value's data is not kept.
func (s *store) probe(partition uint16, from, to uint64) (uint64, value, error) {
	for at := from; at < to; at++ {
		key := recordKey(partition, at)
		raw, closer, err := s.db.Get(key)
		switch {
		case pebble.IsCorruptionError(err):
			continue
		case err != nil:
			return 0, value{}, err
		}
		v, err := decodeValue(key, raw)
		v.size, v.data = len(v.data), nil
		closer.Close()
		if err == nil {
			return at, v, nil
		}
	}
	return to, value{}, nil
}
