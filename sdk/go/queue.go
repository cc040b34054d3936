package weir

import "sync"

// item is an event in the queue: its line, and when it was queued (milliseconds since 1970).
type item struct {
	at   int64
	line []byte
}

// batch is what a queue gives to be sent next.
type batch struct {
	items []item
	done  uint64 // how many events have left the queue when this batch has, of all that were ever in it
	next  cursor // of the spool
}

// queue is where events wait. One goroutine calls next and settle; push, sync and count may be called at the same time by others.
type queue interface {
	// push takes an event and returns its number, from 1, or ErrQueueFull. An event that could never fit is ErrTooLarge.
	push(item) (uint64, error)
	// sync returns when the events up to number n survive power loss, as far as the queue promises that.
	sync(n uint64) error
	// next gives the first events, at most n and bytes of them but at least one; it does not remove them. done is 0 when nothing waits. A batch
	// without items but with done is of events that could not be read any more.
	next(n, bytes int) (batch, error)
	// settle removes a batch that next gave. An error means that it may come again after a restart.
	settle(batch) error
	// count is how many events wait, the number of the last that was pushed, and the bytes of those that wait.
	count() (waiting, pushed uint64, bytes int64)
	close() error
}

// memory is a queue in memory.
type memory struct {
	mu        sync.Mutex
	items     []item
	bytes     int64
	settled   uint64
	maxEvents int
	maxBytes  int64
}

func (m *memory) push(it item) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := int64(len(it.line))
	if size > m.maxBytes {
		return 0, ErrTooLarge
	}
	if len(m.items) >= m.maxEvents || m.bytes+size > m.maxBytes {
		return 0, ErrQueueFull
	}
	m.items = append(m.items, it)
	m.bytes += size
	return m.settled + uint64(len(m.items)), nil
}

func (m *memory) sync(uint64) error { return nil }

func (m *memory) next(n, bytes int) (batch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b batch
	for _, it := range m.items {
		if len(b.items) == n || len(b.items) > 0 && len(it.line) > bytes {
			break
		}
		bytes -= len(it.line) + 1
		b.items = append(b.items, it)
	}
	if len(b.items) > 0 {
		b.done = m.settled + uint64(len(b.items))
	}
	return b, nil
}

func (m *memory) settle(b batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := int(b.done - m.settled)
	for i := range m.items[:n] {
		m.bytes -= int64(len(m.items[i].line))
		m.items[i] = item{} // what append keeps behind the slice must not keep lines alive
	}
	m.items = m.items[n:]
	if len(m.items) == 0 {
		m.items = nil
	}
	m.settled = b.done
	return nil
}

func (m *memory) count() (waiting, pushed uint64, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.items)), m.settled + uint64(len(m.items)), m.bytes
}

func (m *memory) close() error { return nil }
