package query

import (
	"context"
	"io"
	"sync"

	"weir/internal/clickhouse"
	"weir/internal/usage"
)

// answerBody ends a body that is longer than the limit on answers with an error, and charges the statement at the end. A reader that takes its time keeps the
// statement's place no longer than the statement may run: then it is ended and the place given back, also while the reader is away.
type answerBody struct {
	io.ReadCloser
	bill    *bill
	limit   resultLimit
	sent    int64
	err     error
	cancel  context.CancelFunc
	release func() bool // stops the watch over run's end
	summary func() clickhouse.Summary

	mu      sync.Mutex
	reading bool  // the reader is inside of Read, and finds the end by itself
	late    error // why run has ended; nil: it has not
	whole   bool  // read to its end
	charged bool
}

// watch gives the place back when run ends while nobody reads.
func (b *answerBody) watch(run context.Context) {
	b.release = context.AfterFunc(run, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.late = run.Err()
		if !b.reading {
			b.breakLocked(b.late)
		}
	})
}

// breakLocked charges a statement that has not given its whole answer.
func (b *answerBody) breakLocked(err error) {
	if b.charged {
		return
	}
	b.charged = true
	b.bill.broken(err, b.summary(), uint64(b.sent))
}

func (b *answerBody) Read(p []byte) (int, error) {
	if err := b.enter(); err != nil {
		b.err = err
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	if b.sent += int64(n); b.sent > b.limit.bytes {
		n, err = 0, &tooLong{b.limit}
	}
	if err != nil && err != io.EOF && b.err == nil {
		b.err = err
	}
	b.leave(err)
	return n, err
}

// enter says why nothing can be read any more. What was whole before the time was over stays whole.
func (b *answerBody) enter() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.late != nil && !b.whole {
		return b.late
	}
	b.reading = true
	return nil
}

// leave charges a statement that has given its whole answer: its place is free before the client has taken it. So is that of one whose time ended meanwhile.
func (b *answerBody) leave(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	switch {
	case err == io.EOF:
		b.whole = true
		if !b.charged {
			b.charged = true
			b.bill.finish(b.summary(), uint64(b.sent))
		}
	case b.late != nil:
		if b.err == nil {
			b.err = b.late
		}
		b.breakLocked(b.err)
	}
}

// cost is what the statement has cost so far.
func (b *answerBody) cost() usage.Cost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bill.cost(b.summary(), uint64(b.sent))
}

// Close implements io.Closer. A second call does nothing.
func (b *answerBody) Close() error {
	if b.cancel == nil {
		return nil
	}
	b.release()
	err := b.ReadCloser.Close()
	b.cancel()
	b.cancel = nil
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breakLocked(b.err)
	return err
}
