package app

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
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
