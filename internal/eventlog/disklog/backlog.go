package disklog

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// backlog follows, by Pebble's events, how far flushes are behind, and lets appends wait. Pebble's own
// stall is set out of reach because it cannot be left when the disk fails; and asking Pebble for its
// metrics would wait for writes to its manifest. The top level of tables has no bound: a log's
// keys rise, so its tables hardly overlap there, Pebble rightly leaves them where they are, and a bound on their
// bytes would never be met again.
type backlog struct {
	maxMem int64 // bytes

	mu      sync.Mutex
	current int64   // bytes committed since the last rotation
	sealed  []int64 // bytes of the memtables that wait for their flush, oldest first
	waiting int64   // sum of sealed

	relief broadcast
}

func newBacklog(cfg Config) *backlog {
	return &backlog{maxMem: int64(cfg.MaxMemTables) * cfg.MemTableBytes}
}

// begin sets the state after opening, which leaves one empty memtable.
func (b *backlog) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.sealed, b.waiting = 0, nil, 0
}

func (b *backlog) committed(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current += int64(bytes)
}

// rotated follows a new write-ahead log, which comes with a new memtable.
func (b *backlog) rotated(pebble.WALCreateInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sealed = append(b.sealed, b.current)
	b.waiting += b.current
	b.current = 0
}

func (b *backlog) flushed(i pebble.FlushInfo) {
	if i.Err != nil {
		return
	}
	b.mu.Lock()
	n := min(i.Input, len(b.sealed))
	for _, bytes := range b.sealed[:n] {
		b.waiting -= bytes
	}
	b.sealed = append(b.sealed[:0], b.sealed[n:]...)
	b.mu.Unlock()
	b.relief.wake()
}

// flushable sets right what Pebble itself says: with one memtable left, none waits for its flush. Should an event have been missed, appends
// would otherwise wait for ever.
func (b *backlog) flushable(memTables int64) {
	b.mu.Lock()
	if memTables <= 1 {
		b.sealed, b.waiting = nil, 0
		b.current = min(b.current, b.maxMem)
	}
	b.mu.Unlock()
}

// high says that appends should wait.
func (b *backlog) high() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting+b.current > b.maxMem
}

// inMemory is the number of bytes that are not in tables yet.
func (b *backlog) inMemory() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting + b.current
}

// broadcast wakes all who wait. The zero value is ready.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{} // nil when nobody waits
}

// next is closed at the next wake. Take it before looking at what you wait for.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
