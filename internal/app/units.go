package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// unit is something that runs for the life of the process.
type unit struct {
	name string
	run  func(ctx context.Context) error
	// grace is how long it may take to stop before the process goes on without it.
	grace time.Duration
}

type running struct {
	unit
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid after done
}

// units starts things in order, each on a context of its own, and stops them in reverse: nobody loses what it
// stands on while it still works.
type units struct {
	log     *slog.Logger
	started []*running
	failed  chan *running
}

func newUnits(log *slog.Logger) *units {
	return &units{log: log, failed: make(chan *running, 16)}
}

func (us *units) start(u unit) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{unit: u, cancel: cancel, done: make(chan struct{})}
	us.started = append(us.started, r)
	go func() {
		r.err = u.run(ctx)
		close(r.done)
		if ctx.Err() == nil { // nobody asked it to stop
			us.failed <- r
		}
	}()
}

// wait returns when ctx ends, with nil, or when a unit stops by itself, with the reason.
func (us *units) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case r := <-us.failed:
		if r.err == nil {
			return fmt.Errorf("%s stopped by itself", r.name)
		}
		return fmt.Errorf("%s: %w", r.name, r.err)
	}
}

// lastGrace is how long those may take to stop that are stopped at once, because a stop was aborted.
const lastGrace = time.Second

// stop stops everything, the last started first. abort, when it ends, ends the patience: all that still runs is stopped at once then. A second call
// stops what is left.
func (us *units) stop(abort context.Context) error {
	var errs []error
	for i := len(us.started) - 1; i >= 0; i-- {
		r := us.started[i]
		begin := time.Now()
		r.cancel()
		select {
		case <-r.done:
			if r.err != nil && !errors.Is(r.err, context.Canceled) {
				errs = append(errs, fmt.Errorf("stop %s: %w", r.name, r.err))
			}
			us.log.Debug("stopped", "unit", r.name, "took", time.Since(begin))
		case <-time.After(r.grace):
			errs = append(errs, fmt.Errorf("%s did not stop within %s", r.name, r.grace))
		case <-abort.Done():
			us.stopAtOnce()
			return errors.Join(append(errs, errors.New("aborted while stopping "+r.name))...)
		}
	}
	return errors.Join(errs...)
}

func (us *units) stopAtOnce() {
	for _, r := range us.started {
		r.cancel()
	}
	late := time.After(lastGrace)
	for _, r := range us.started {
		select {
		case <-r.done:
		case <-late:
			return
		}
	}
}

// left names what has not stopped.
func (us *units) left() (names []string) {
	for _, r := range us.started {
		select {
		case <-r.done:
		default:
			names = append(names, r.name)
		}
	}
	return names
}
