package disklog

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// maxL0MemTables is how many memtables' worth of bytes may lie in the top level
// of tables, where every further one makes reading slower.
const maxL0MemTables = 24

// backlog follows, by Pebble's events, how far flushes and compactions are
// behind, and lets appends wait. Pebble's own stall is set out of reach because
// it cannot be left when the disk fails; and asking Pebble for its metrics would
// wait for writes to its manifest.
type backlog struct {
	maxMem, maxL0 int64 // bytes

	mu      sync.Mutex
	current int64   // bytes committed since the last rotation
	sealed  []int64 // bytes of the memtables that wait for their flush, oldest first
	waiting int64   // sum of sealed
	l0      int64   // bytes of tables in the top level

	relief broadcast
}

func newBacklog(cfg Config) *backlog {
	return &backlog{maxMem: int64(cfg.MaxMemTables) * cfg.MemTableBytes, maxL0: maxL0MemTables * cfg.MemTableBytes}
}

// begin sets the state after opening, which leaves one empty memtable.
func (b *backlog) begin(l0 int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.sealed, b.waiting, b.l0 = 0, nil, 0, l0
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
	b.l0 += tableBytes(i.Output)
	b.mu.Unlock()
	b.relief.wake()
}

func (b *backlog) compacted(i pebble.CompactionInfo) {
	if i.Err != nil {
		return
	}
	b.mu.Lock()
	for _, in := range i.Input {
		if in.Level == 0 {
			b.l0 -= tableBytes(in.Tables)
		}
	}
	if i.Output.Level == 0 {
		b.l0 += tableBytes(i.Output.Tables)
	}
	b.l0 = max(b.l0, 0)
	b.mu.Unlock()
	b.relief.wake()
}

func tableBytes(ts []pebble.TableInfo) (n int64) {
	for _, t := range ts {
		n += int64(t.Size)
	}
	return n
}

// high says that appends should wait.
func (b *backlog) high() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting+b.current > b.maxMem || b.l0 > b.maxL0
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
