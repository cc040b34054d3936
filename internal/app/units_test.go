package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func newApp() *app { return &app{units: newUnits(slog.New(slog.DiscardHandler))} }

// Everything is stopped in reverse, and then closed in reverse.
func TestShutdown(t *testing.T) {
	a := newApp()
	var order []string
	for _, name := range []string{"a", "b"} {
		a.close = append(a.close, func() error { order = append(order, "close "+name); return nil })
		a.units.start(unit{name, func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, "stop "+name)
			return ctx.Err()
		}, time.Minute})
	}
	for range 2 { // a second call has nothing to do
		if err := a.shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"stop b", "stop a", "close b", "close a"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}

// Nothing is closed under something that still runs: neither after an abort nor when one does not stop in time.
func TestNothingIsClosedUnderWhatRuns(t *testing.T) {
	for _, tc := range []struct {
		name  string
		grace time.Duration
	}{{"aborted", time.Hour}, {"too slow", time.Millisecond}} {
		t.Run(tc.name, func(t *testing.T) {
			a := newApp()
			closed, release, stopped := false, make(chan struct{}), make(chan struct{})
			a.close = append(a.close, func() error { closed = true; return nil })
			a.units.start(unit{"behind", func(ctx context.Context) error { <-ctx.Done(); close(stopped); return nil }, time.Hour})
			a.units.start(unit{"deaf", func(context.Context) error { <-release; return nil }, tc.grace})
			abort, cancel := context.WithCancel(context.Background())
			if tc.grace == time.Hour {
				cancel()
			}
			defer cancel()
			err := a.shutdown(abort)
			if closed || err == nil || !strings.Contains(err.Error(), "deaf still runs") {
				t.Errorf("closed: %v, %v", closed, err)
			}
			select {
			case <-stopped: // what stands behind it was stopped all the same
			case <-time.After(time.Minute):
				t.Error("what stands behind it still runs")
			}
			close(release)
			for len(a.units.left()) > 0 {
				time.Sleep(time.Millisecond)
			}
			if err := a.shutdown(context.Background()); err != nil || !closed {
				t.Errorf("when nothing runs any more: closed %v, %v", closed, err)
			}
		})
	}
}

// An error of something that stops is the reason that is told.
func TestStopTellsWhy(t *testing.T) {
	a := newApp()
	a.units.start(unit{"broken", func(ctx context.Context) error { <-ctx.Done(); return errors.New("the disk is gone") }, time.Minute})
	if err := a.shutdown(context.Background()); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("%v", err)
	}
}
