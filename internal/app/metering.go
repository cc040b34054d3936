package app

import (
	"context"

	workload "weir/internal/usage" // usage is an adapter here
)

// labelled runs a unit, and the goroutines that it starts, as a component's work.
func labelled(c workload.Component, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		defer workload.Label(ctx, c, "")()
		return run(ctx)
	}
}
