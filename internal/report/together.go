package report

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"
)

// together runs functions at the same time and waits for all of them. The first error is returned, and ends the context of the others. A panic in one becomes one of the caller's
// goroutine, where it can be recovered from, when all have returned.
func together(ctx context.Context, run ...func(context.Context) error) error {
	if len(run) == 1 {
		return run[0](ctx)
	}
	g, ctx := errgroup.WithContext(ctx)
	var once sync.Once
	var panicked error
	for _, f := range run {
		g.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("%v\n%s", v, debug.Stack())
					once.Do(func() { panicked = err })
				}
			}()
			return f(ctx)
		})
	}
	err := g.Wait()
	if panicked != nil {
		panic(panicked)
	}
	return err
}
