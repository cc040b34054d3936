package event

import "sync"

// Pool keeps batches for reuse. Its zero value is ready; it may be used by many
// goroutines at once.
type Pool struct{ pool sync.Pool }

// poolKeep is the largest batch, in bytes of Batch.Bytes, that goes back into a
// pool: one huge batch must not hold its memory for ever.
const poolKeep = 64 << 20

// Get returns an empty batch.
func (p *Pool) Get() *Batch {
	if b, ok := p.pool.Get().(*Batch); ok {
		return b
	}
	return NewBatch()
}

// Put takes a batch back. The caller must not use it, nor slices of it, any more.
func (p *Pool) Put(b *Batch) {
	if b.Bytes() <= poolKeep {
		b.Reset()
		p.pool.Put(b)
	}
}
