package eventlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"weir/internal/event"
)

// worker writes the records of one partition.
type worker struct {
	ctx    context.Context // of the log's operations; never ends
	g      *Gatherer
	p      *gathering
	flight sync.WaitGroup
}

// run takes what waits, record by record. It takes only when a record may be
// started, so that as much as possible gathers until then; the record is made
// while the one before it is being synced.
func (w *worker) run() {
	for {
		w.p.slots <- struct{}{}
		taken := w.take()
		if taken == nil {
			<-w.p.slots
			w.flight.Wait()
			return
		}
		records := w.encode(taken)
		w.copied(taken)
		w.start(taken, records)
	}
}

// take waits for batches and takes as many as fit into a record, at least one.
// It returns nil when the gatherer has stopped and nothing is left.
func (w *worker) take() []*entry {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 {
		if p.stop {
			return nil
		}
		p.ready.Wait()
	}
	n, size := 0, 0
	for n < len(p.queue) && (n == 0 || size+p.queue[n].size <= w.g.cfg.MaxRecordBytes) {
		size += p.queue[n].size
		p.queue[n].future.copied++
		n++
	}
	taken := append([]*entry(nil), p.queue[:n]...)
	rest := copy(p.queue, p.queue[n:])
	clear(p.queue[rest:])
	p.queue = p.queue[:rest]
	return taken
}

// buffers hold encoded records; one that grew past the usual is not kept.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// encode makes the record of the taken batches; more than one only if it came
// out larger than the log takes.
func (w *worker) encode(taken []*entry) []*[]byte {
	b := taken[0].batch
	if len(taken) > 1 {
		b = w.g.pool.Get()
		defer w.g.pool.Put(b)
		for _, e := range taken {
			b.AppendBatch(e.batch, nil)
		}
	}
	w.g.metrics.rows.Add(float64(b.Rows()))
	return w.encodeBatch(nil, b)
}

func (w *worker) encodeBatch(out []*[]byte, b *event.Batch) []*[]byte {
	buf := buffers.Get().(*[]byte)
	*buf = b.AppendRecord((*buf)[:0])
	if len(*buf) <= MaxRecord || b.Rows() == 1 {
		w.g.metrics.recordRows.Observe(float64(b.Rows()))
		return append(out, buf)
	}
	buffers.Put(buf)
	half := w.g.pool.Get()
	defer w.g.pool.Put(half)
	for _, r := range [][2]int{{0, b.Rows() / 2}, {b.Rows() / 2, b.Rows()}} {
		half.Reset()
		half.AppendRange(b, r[0], r[1])
		out = w.encodeBatch(out, half)
	}
	return out
}

// copied gives borrowed batches free: their callers may go when ctx ends.
func (w *worker) copied(taken []*entry) {
	w.g.recycle(taken)
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	for _, e := range taken {
		e.future.copied--
	}
	w.p.freed.Broadcast()
}

// start hands the records to the log and leaves the wait to another goroutine,
// which frees the slot.
func (w *worker) start(taken []*entry, records []*[]byte) {
	began := time.Now()
	starter, ok := w.g.cfg.Log.(Starter)
	if !ok || len(records) > 1 {
		w.flight.Go(func() {
			var offset uint64
			var err error
			for _, r := range records {
				if offset, err = w.g.cfg.Log.Append(w.ctx, w.p.id, *r); err != nil {
					break
				}
			}
			w.finish(taken, records, began, offset, err)
		})
		if ok {
			// These are appended one after another, the next record comes after them.
			w.flight.Wait()
		}
		return
	}
	wait, err := starter.Start(w.ctx, w.p.id, *records[0])
	if err != nil {
		w.finish(taken, records, began, 0, err)
		return
	}
	w.flight.Go(func() {
		offset, err := wait()
		w.finish(taken, records, began, offset, err)
	})
}

// finish answers the callers and frees the slot.
func (w *worker) finish(taken []*entry, records []*[]byte, began time.Time, offset uint64, err error) {
	m := w.g.metrics
	if err != nil {
		err = fmt.Errorf("append to partition %d of the event log: %w", w.p.id, err)
		m.failed.Inc()
	} else {
		m.seconds.Observe(time.Since(began).Seconds())
		m.records.Add(float64(len(records)))
	}
	for _, r := range records {
		if err == nil {
			m.bytes.Add(float64(len(*r)))
		}
		buffers.Put(r)
	}
	w.g.release(taken)
	w.p.mu.Lock()
	for _, e := range taken {
		e.future.result(offset, err)
	}
	w.p.mu.Unlock()
	<-w.p.slots
}

// result takes the outcome of one entry. part.mu is held.
func (f *Future) result(offset uint64, err error) {
	if f.err == nil {
		f.offset, f.err = max(f.offset, offset), err
	}
	if f.left--; f.left == 0 {
		if f.err != nil {
			f.offset = 0
		}
		close(f.done)
	}
}
