package cache

import (
	"context"

	"weir/internal/tenant"
)

type flightKey struct {
	tenant tenant.ID
	key    Key
}

// flight is one run of a question, and those who wait for its answer. Who comes while a run is under way waits for the next one: what that
// run finds cannot be older than what its waiters have seen elsewhere.
type flight struct {
	done chan struct{} // closed when the run is over
	next *flight       // gathers those who came after this one began
	// Set before done is closed.
	value any
	end   End
}

// End says how a run ended.
type End int

// The ends of a run.
const (
	Shared    End = iota // its answer is for all who waited for it
	Unshared             // its answer cannot be shared: those who waited run for themselves
	Abandoned            // whoever ran it went away: another one takes over
)

// Turn lets one caller at a time run a question. Either the caller's turn has come: leave is not nil, and must be called exactly once, with the answer if it
// can be shared. Or another's run, which began after the call, is over: value is its answer, or nil when the caller must run for itself.
// The error is that of ctx, which ended first.
func (c *Cache) Turn(ctx context.Context, t tenant.ID, key Key) (value any, leave func(value any, end End), err error) {
	k := flightKey{t, key}
	for {
		c.mu.Lock()
		running := c.flights[k]
		if running == nil {
			f := &flight{done: make(chan struct{})}
			c.flights[k] = f
			c.mu.Unlock()
			return nil, c.leaver(k, f), nil
		}
		f := running.next
		first := f == nil
		if first {
			f = &flight{done: make(chan struct{})}
			running.next = f
		}
		c.mu.Unlock()
		if first {
			return c.takeOver(ctx, k, running, f)
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-f.done:
		}
		switch f.end {
		case Shared:
			c.metrics.shared.Inc()
			return f.value, nil, nil
		case Unshared:
			return nil, nil, nil
		}
	}
}

// takeOver waits until the run before f is over; then the caller runs f.
func (c *Cache) takeOver(ctx context.Context, k flightKey, running, f *flight) (any, func(any, End), error) {
	select {
	case <-ctx.Done():
		// The others who wait for f look again when it ends: one of them takes over, behind the same run.
		c.mu.Lock()
		defer c.mu.Unlock()
		if running.next == f {
			running.next = nil
			f.end = Abandoned
			close(f.done)
		} else { // its turn had come
			c.leaveLocked(k, f, nil, Abandoned)
		}
		return nil, nil, ctx.Err()
	case <-running.done:
	}
	return nil, c.leaver(k, f), nil
}

func (c *Cache) leaver(k flightKey, f *flight) func(any, End) {
	return func(v any, end End) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leaveLocked(k, f, v, end)
	}
}

// leaveLocked ends the run f, and makes those who came meanwhile the next.
func (c *Cache) leaveLocked(k flightKey, f *flight, v any, end End) {
	f.value, f.end = v, end
	if f.next != nil {
		c.flights[k] = f.next
	} else {
		delete(c.flights, k)
	}
	close(f.done)
}

// Share lets one caller at a time run a question, and returns its value: of the caller's own run, or of another's that began after the call and whose value is
// shared. A run whose value is not shared keeps it for itself. The error is that of ctx.
func (c *Cache) Share(ctx context.Context, t tenant.ID, key Key, run func() (value any, shared bool)) (any, error) {
	v, leave, err := c.Turn(ctx, t, key)
	switch {
	case err != nil:
		return nil, err
	case leave == nil && v != nil:
		return v, nil
	case leave == nil:
		v, _ = run()
		return v, nil
	}
	end := Abandoned // also when run panics
	defer func() { leave(v, end) }()
	var shared bool
	v, shared = run()
	switch {
	case shared:
		end = Shared
	case ctx.Err() == nil:
		end = Unshared
	}
	return v, nil
}
