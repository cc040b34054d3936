package weir

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Version is that of this package, as the server sees it in User-Agent.
const Version = "0.1.0"

// Client queues and sends events. It is safe for concurrent use. Close it: until then a goroutine runs.
type Client struct {
	opts     Options
	endpoint string
	http     *http.Client
	queue    queue
	backoff  time.Duration // of the next failure; of the sender
	limit    int           // bytes of a batch, less than Options.BatchBytes after a 413; of the sender
	zip      *gzip.Writer  // of the sender

	stop    context.CancelFunc
	running sync.WaitGroup
	arrived chan struct{} // holds one: something was pushed
	full    chan struct{} // holds one: a batch is full
	urgent  chan struct{} // holds one: somebody waits for what is queued

	mu      sync.Mutex
	closed  bool
	pushing sync.WaitGroup // Tracks that are between the check of closed and their push; Add under mu
	changed chan struct{}  // closed and replaced when events were settled, an attempt failed, or the client is closed
	settled uint64
	stats   Stats
}

// Stats is what became of the events, and what waits.
type Stats struct {
	Queued                  uint64 // events that wait, also those of an earlier life of the spool
	QueuedBytes             int64  // what they take in the queue
	Sent, Rejected, Dropped uint64 // events: confirmed by the server; refused by it; given up (ErrExpired)
	Requests, Failures      uint64 // attempts, and those that were or will be repeated
	LastError               error  // of the last attempt; nil if it went well
}

// New checks the options, opens the spool if there is one and begins to send what waits in it. It does not speak to the server.
func New(opts Options) (*Client, error) {
	endpoint, err := opts.fill()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: opts, endpoint: endpoint, limit: opts.BatchBytes, zip: gzip.NewWriter(nil), arrived: make(chan struct{}, 1), full: make(chan struct{}, 1), urgent: make(chan struct{}, 1), changed: make(chan struct{})}
	c.http = sender(opts.HTTP)
	if opts.Spool == "" {
		c.queue = &memory{maxEvents: opts.QueueEvents, maxBytes: int64(opts.QueueBytes)}
	} else if c.queue, err = openSpool(opts.Spool, opts.SpoolBytes, c.fault); err != nil {
		return nil, err
	}
	if waiting, _, _ := c.queue.count(); waiting > 0 { // left by an earlier client
		c.wake(c.urgent)
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.running.Go(func() { c.run(ctx) })
	if opts.Spool != "" && opts.Sync == SyncSecond {
		c.running.Go(func() { c.syncEachSecond(ctx) })
	}
	return c, nil
}

// Track queues an event. A nil error means: the event is in the queue, with all that the package's text promises. Else it was not taken, but for one case: with
// SyncEach an error of the sync itself leaves it in the queue, without promise. The event is encoded before Track returns, so its maps may be used again.
func (c *Client) Track(ctx context.Context, e Event) error {
	now := time.Now()
	line, err := e.encode(now)
	if err != nil {
		return err
	}
	if len(line) > c.opts.MaxEventBytes {
		return fmt.Errorf("%w: %d bytes, MaxEventBytes is %d", ErrTooLarge, len(line), c.opts.MaxEventBytes)
	}
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("weir: track: %w", err)
		}
		room, err := c.enter()
		if err != nil {
			return err
		}
		err = c.push(item{at: now.UnixMilli(), line: line})
		c.pushing.Done()
		if !errors.Is(err, ErrQueueFull) || !c.opts.Block {
			return err
		}
		c.wake(c.urgent)
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrQueueFull, ctx.Err())
		}
	}
}

// enter lets a Track through if the client is open, and gives what is closed when something changes from now on.
func (c *Client) enter() (changed <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	c.pushing.Add(1)
	return c.changed, nil
}

func (c *Client) push(it item) error {
	n, err := c.queue.push(it)
	if err != nil {
		return err
	}
	c.wake(c.arrived)
	if c.batchIsFull() {
		c.wake(c.full)
	}
	if c.opts.Sync == SyncEach {
		return c.queue.sync(n)
	}
	return nil
}

// Page tracks a page view: an event of the type "pageview", whose URL says which page.
func (c *Client) Page(ctx context.Context, e Event) error {
	if e.Type != "" && e.Type != "pageview" {
		return fmt.Errorf("weir: a page view cannot have the type %q", e.Type)
	}
	e.Type = "pageview"
	return c.Track(ctx, e)
}

// Identify says that a visitor is a user: reports about persons count what the visitor did before as the user's. Traits may be nil.
func (c *Client) Identify(ctx context.Context, clientID, userID string, traits map[string]any) error {
	if userID == "" {
		return errors.New("weir: identify needs a user id")
	}
	return c.Track(ctx, Event{Type: "identify", ClientID: clientID, UserID: userID, Props: traits})
}

// Alias says that a user was known by another id before.
func (c *Client) Alias(ctx context.Context, userID, previousID string) error {
	if userID == "" || previousID == "" {
		return errors.New("weir: alias needs both ids")
	}
	return c.Track(ctx, Event{Type: "alias", UserID: userID, Props: map[string]any{"previous_id": previousID}})
}

// Flush sends what is queued now without waiting for more, and returns when all of it is settled: confirmed, rejected or expired. When ctx ends before that,
// the error says how many events wait and why the last attempt failed; they stay in the queue. Pauses that the server asked for are kept.
func (c *Client) Flush(ctx context.Context) error {
	_, upTo, _ := c.queue.count()
	for {
		c.mu.Lock()
		changed, settled, closed := c.changed, c.settled, c.closed
		c.mu.Unlock()
		if settled >= upTo {
			return nil
		}
		if closed { // Close flushes; what it gave up is settled no more
			return fmt.Errorf("%w: %d events wait", ErrClosed, upTo-settled)
		}
		if err := c.await(ctx, changed); err != nil {
			return fmt.Errorf("weir: flush: %d events wait: %w", upTo-settled, errors.Join(err, c.Stats().LastError))
		}
	}
}

// await lets the sender hurry, and waits for a change.
func (c *Client) await(ctx context.Context, changed <-chan struct{}) error {
	c.wake(c.urgent)
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close takes no more events, sends what is queued until ctx ends, and stops everything that the client started; then it returns, at once when ctx has ended. The error
// says how many events are left: in the spool for the next client, or lost. Further calls return nil at once.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.changeLocked()
	c.mu.Unlock()
	c.pushing.Wait()
	err := c.drain(ctx)
	c.stop()
	c.running.Wait()
	if c.opts.HTTP == nil {
		c.http.CloseIdleConnections()
	}
	left, _, _ := c.queue.count()
	if left == 0 {
		err = nil // the last batch was settled while ctx ended
	} else if c.opts.Spool != "" {
		err = fmt.Errorf("weir: close: %d events stay in the spool %s: %w", left, c.opts.Spool, err)
	} else {
		err = fmt.Errorf("weir: close: %d events were not confirmed and are given up: %w", left, err)
	}
	return errors.Join(err, c.queue.close())
}

// drain waits until the queue is empty.
func (c *Client) drain(ctx context.Context) error {
	_, upTo, _ := c.queue.count()
	for {
		c.mu.Lock()
		changed, settled := c.changed, c.settled
		c.mu.Unlock()
		if settled >= upTo {
			return nil
		}
		if err := c.await(ctx, changed); err != nil {
			return errors.Join(err, c.Stats().LastError)
		}
	}
}

// Stats says what became of the events since New.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	s := c.stats
	c.mu.Unlock()
	s.Queued, _, s.QueuedBytes = c.queue.count()
	return s
}

func (c *Client) wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// note changes the statistics and tells those who wait.
func (c *Client) note(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
	c.changeLocked()
}

func (c *Client) changeLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// fault tells of something that went wrong and lets the client go on.
func (c *Client) fault(err error) {
	if c.opts.OnError != nil {
		c.opts.OnError(err)
	}
}

func (c *Client) syncEachSecond(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, pushed, _ := c.queue.count()
			if err := c.queue.sync(pushed); err != nil {
				c.fault(err)
			}
		}
	}
}
