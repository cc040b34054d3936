package app

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"weir/internal/session/stitch"
)

// faultFromEnv returns the fault of WEIR_FAULT, "step:n": the process kills itself with SIGKILL when the processor does that step for the
// n-th time. It exists for tests of crashes between two steps of the commit protocol.
func faultFromEnv() func(step string) {
	step, times, ok := strings.Cut(os.Getenv("WEIR_FAULT"), ":")
	n, err := strconv.ParseInt(times, 10, 64)
	if !ok || err != nil {
		return nil
	}
	var seen atomic.Int64
	return func(at string) {
		if at == step && seen.Add(1) == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing after this runs
			select {}
		}
	}
}

// stitchFromEnv reads WEIR_STITCH: the fields of stitch.Config as JSON, times in milliseconds. Without it the defaults hold. It exists for tests of sessions, which cannot
// wait for an hour.
func stitchFromEnv() (stitch.Config, error) {
	text := os.Getenv("WEIR_STITCH")
	if text == "" {
		return stitch.Config{}, nil
	}
	var c stitch.Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, fmt.Errorf("WEIR_STITCH: %w", err)
	}
	for _, d := range []*time.Duration{&c.Every, &c.Settle, &c.Again, &c.Calm, &c.Grace, &c.Orphans, &c.Asked} {
		*d *= time.Millisecond
	}
	return c, nil
}
