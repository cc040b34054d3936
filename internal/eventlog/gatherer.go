package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"weir/internal/event"
)

// ErrOverloaded says that more is waiting for the disk than the gatherer may
// hold. The error is an *OverloadError.
var ErrOverloaded = errors.New("event log is overloaded")

// OverloadError refuses a batch because of GathererConfig.MaxPending.
type OverloadError struct {
	Pending, Limit int64         // bytes
	Retry          time.Duration // when to try again
}

func (e *OverloadError) Error() string {
	return fmt.Sprintf("%v: %d bytes wait to be stored, the limit is %d (MaxPending): try again in %v", ErrOverloaded, e.Pending, e.Limit, e.Retry)
}

// Is makes errors.Is(err, ErrOverloaded) true.
func (e *OverloadError) Is(target error) bool { return target == ErrOverloaded }

// GathererConfig configures a Gatherer. The zero value of a field means its default.
type GathererConfig struct {
	// Log takes the records. Required. If it is a Starter, two records per
	// partition are in flight, else one.
	Log Log
	// MaxRecordBytes bounds a record before compression, as event.Batch.Bytes
	// estimates it (default 900 KB, at most 1 MB: a record that does not
	// compress must stay below MaxRecord).
	MaxRecordBytes int
	// MaxPending bounds the estimated bytes of all batches that are not durable yet (default 64 MiB).
	MaxPending int64
	// Retry is the hint of an OverloadError (default 1 s).
	Retry time.Duration
	// Logger is required.
	Logger *slog.Logger
	// Registerer takes the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

func (c GathererConfig) withDefaults() GathererConfig {
	if c.MaxRecordBytes == 0 {
		c.MaxRecordBytes = 900_000
	}
	if c.MaxPending == 0 {
		c.MaxPending = 64 << 20
	}
	if c.Retry == 0 {
		c.Retry = time.Second
	}
	return c
}

// Validate reports every problem of the configuration at once. Zero fields are
// valid where they have a default.
func (c GathererConfig) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Log == nil {
		errs = append(errs, errors.New("gatherer: Log is nil"))
	}
	if c.Logger == nil {
		errs = append(errs, errors.New("gatherer: Logger is nil"))
	}
	if c.MaxRecordBytes < 1000 || c.MaxRecordBytes > 1_000_000 {
		errs = append(errs, fmt.Errorf("gatherer: MaxRecordBytes is %d: choose 1 kB to 1 MB", c.MaxRecordBytes))
	}
	if c.MaxPending < int64(c.MaxRecordBytes) {
		errs = append(errs, fmt.Errorf("gatherer: MaxPending is %d: choose at least MaxRecordBytes, %d", c.MaxPending, c.MaxRecordBytes))
	}
	if c.Retry < 0 {
		errs = append(errs, fmt.Errorf("gatherer: Retry is %v: it cannot be negative", c.Retry))
	}
	return errors.Join(errs...)
}

// Gatherer joins batches of many requests and tenants into records: while the
// records of a partition are on their way to the disk, what arrives for it
// gathers and becomes the next one. An idle partition adds no delay.
//
// Guarantees: a batch is acknowledged when all its rows are durable, each once.
// Batches that one goroutine hands over one after another to one partition keep
// their order. A batch whose append failed, or whose wait was cancelled, may be
// stored wholly, partly (only when it is larger than a record) or not at all.
type Gatherer struct {
	cfg     GathererConfig
	log     *slog.Logger
	metrics *gathererMetrics
	parts   []*gathering
	pool    event.Pool
	pending atomic.Int64 // estimated bytes not yet durable
	stopped atomic.Bool
}

// gathering is what waits for one partition.
type gathering struct {
	id    uint16
	slots chan struct{} // one element per record in flight

	mu    sync.Mutex
	ready sync.Cond // the queue has grown, the gatherer stops
	freed sync.Cond // batches have been copied
	queue []*entry
	stop  bool
}

// entry is one batch in a queue: a caller's, or a piece of a larger one.
type entry struct {
	future *Future
	batch  *event.Batch
	owned  bool  // the batch is a piece that belongs to the gatherer's pool
	size   int   // estimated bytes of the batch
	bytes  int64 // its part of what is reserved from MaxPending
	since  time.Time
}

// Future is a batch on its way to the disk.
type Future struct {
	g    *Gatherer
	part *gathering
	done chan struct{}

	// Under part.mu until done is closed.
	left   int // entries without a result
	copied int // entries that are being copied right now
	offset uint64
	err    error
}

// NewGatherer checks the configuration. Appends wait until Run runs.
func NewGatherer(cfg GathererConfig) (*Gatherer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	g := &Gatherer{cfg: cfg, log: cfg.Logger.With("component", "gatherer")}
	inFlight := 1
	if _, ok := cfg.Log.(Starter); ok {
		inFlight = 2
	}
	for i := range cfg.Log.Partitions() {
		p := &gathering{id: uint16(i), slots: make(chan struct{}, inFlight)}
		p.ready.L, p.freed.L = &p.mu, &p.mu
		g.parts = append(g.parts, p)
	}
	g.metrics = newGathererMetrics(cfg.Registerer, g)
	return g, nil
}

// Append makes the batch durable and returns the offset of the record that
// holds its last row. The batch is borrowed until Append returns. It fails with
// ErrOverloaded at once when too much is waiting, with ErrTooLarge when one
// event does not fit into a record or the batch not into MaxPending, and with
// what the log says. When ctx ends first, the batch may still be stored.
func (g *Gatherer) Append(ctx context.Context, partition uint16, b *event.Batch) (offset uint64, err error) {
	f, err := g.AppendAsync(partition, b)
	if err != nil {
		return 0, err
	}
	return f.Wait(ctx)
}

// AppendAsync is Append without the wait, for a caller that appends to several
// partitions. The caller must call Wait; the batch is borrowed until Wait returns.
func (g *Gatherer) AppendAsync(partition uint16, b *event.Batch) (*Future, error) {
	f, err := g.enqueue(partition, b)
	if err != nil {
		g.metrics.refuse(err)
	}
	return f, err
}

func (g *Gatherer) enqueue(partition uint16, b *event.Batch) (*Future, error) {
	if int(partition) >= len(g.parts) {
		return nil, fmt.Errorf("partition %d does not exist: the event log has %d", partition, len(g.parts))
	}
	if b.Rows() == 0 {
		return nil, errors.New("batch has no rows: there is nothing to store")
	}
	bytes := int64(b.Bytes())
	if err := g.reserve(bytes); err != nil {
		return nil, err
	}
	entries, err := g.entries(b, bytes)
	if err != nil {
		g.pending.Add(-bytes)
		return nil, err
	}
	p := g.parts[partition]
	f := &Future{g: g, part: p, done: make(chan struct{}), left: len(entries)}
	now := time.Now()
	for _, e := range entries {
		e.future, e.since = f, now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop {
		g.release(entries)
		return nil, ErrClosed
	}
	p.queue = append(p.queue, entries...)
	p.ready.Signal()
	return f, nil
}

// reserve takes bytes from MaxPending.
func (g *Gatherer) reserve(bytes int64) error {
	if bytes > g.cfg.MaxPending {
		return fmt.Errorf("%w: a batch of %d bytes, the limit is %d (MaxPending): send smaller requests", ErrTooLarge, bytes, g.cfg.MaxPending)
	}
	if now := g.pending.Add(bytes); now > g.cfg.MaxPending {
		g.pending.Add(-bytes)
		return &OverloadError{Pending: now - bytes, Limit: g.cfg.MaxPending, Retry: g.cfg.Retry}
	}
	return nil
}

// entries makes the batch an entry, or cuts it into pieces of at most a record.
// The pieces share the bytes that are reserved for the batch.
func (g *Gatherer) entries(b *event.Batch, bytes int64) ([]*entry, error) {
	if bytes <= int64(g.cfg.MaxRecordBytes) {
		return []*entry{{batch: b, size: int(bytes), bytes: bytes}}, nil
	}
	rows, step := b.Rows(), max(1, int(int64(b.Rows())*int64(g.cfg.MaxRecordBytes)/bytes))
	var out []*entry
	for from := 0; from < rows; {
		n := min(step, rows-from)
		piece := g.pool.Get()
		piece.AppendRange(b, from, from+n)
		size := piece.Bytes()
		if size > g.cfg.MaxRecordBytes {
			g.pool.Put(piece)
			if n == 1 {
				g.recycle(out)
				return nil, fmt.Errorf("%w: event %d of the batch takes %d bytes, the limit is %d", ErrTooLarge, from, size, g.cfg.MaxRecordBytes)
			}
			step = max(1, n/2)
			continue
		}
		share := bytes * int64(n) / int64(rows)
		out = append(out, &entry{batch: piece, owned: true, size: size, bytes: share})
		from += n
	}
	var sum int64
	for _, e := range out {
		sum += e.bytes
	}
	out[len(out)-1].bytes += bytes - sum
	return out, nil
}

// recycle puts the batches of pieces back into the pool.
func (g *Gatherer) recycle(entries []*entry) {
	for _, e := range entries {
		if e.owned && e.batch != nil {
			g.pool.Put(e.batch)
		}
		e.batch = nil
	}
}

// release gives back what entries hold.
func (g *Gatherer) release(entries []*entry) {
	g.recycle(entries)
	var n int64
	for _, e := range entries {
		n += e.bytes
	}
	g.pending.Add(-n)
}

// Wait returns when the batch is durable, has failed, or ctx ends. In the last
// case what has not been taken into a record yet is dropped, the rest may be
// stored. Wait may be called once.
func (f *Future) Wait(ctx context.Context) (offset uint64, err error) {
	select {
	case <-f.done:
		return f.offset, f.err
	case <-ctx.Done():
	}
	p := f.part
	p.mu.Lock()
	defer p.mu.Unlock()
	var dropped []*entry
	p.queue = slices.DeleteFunc(p.queue, func(e *entry) bool {
		if e.future == f {
			dropped = append(dropped, e)
		}
		return e.future == f
	})
	f.g.release(dropped)
	for f.copied > 0 {
		p.freed.Wait()
	}
	if f.left == 0 && len(dropped) == 0 {
		return f.offset, f.err
	}
	f.g.metrics.refused.WithLabelValues("cancelled").Inc()
	return 0, fmt.Errorf("wait for the event log: %w", ctx.Err())
}

// Run writes records until ctx ends. It then refuses new batches with
// ErrClosed, stores those that it has, and returns nil.
func (g *Gatherer) Run(ctx context.Context) error {
	if g.stopped.Load() {
		return ErrClosed
	}
	var workers sync.WaitGroup
	for _, p := range g.parts {
		// Running appends outlive ctx: what was taken is stored.
		w := &worker{ctx: context.WithoutCancel(ctx), g: g, p: p}
		workers.Go(w.run)
	}
	<-ctx.Done()
	g.stopped.Store(true)
	for _, p := range g.parts {
		p.mu.Lock()
		p.stop = true
		p.ready.Broadcast()
		p.mu.Unlock()
	}
	workers.Wait()
	return nil
}
