package usage

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the CPU that the calling thread has used.
func threadCPU() (time.Duration, bool) {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
