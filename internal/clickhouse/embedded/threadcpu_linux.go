package embedded

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU returns the CPU time that the calling thread has used.
func threadCPU() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// processCPU is the CPU that all threads of this process have used.
func processCPU() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// threadCPUOf is the CPU that a thread of this process has used, 0 when there is no such thread.
func threadCPUOf(id int) time.Duration {
	const perThread, sched = 4, 2 // as the kernel makes the clocks of pthread_getcpuclockid
	return clock(int32(^id)<<3 | perThread | sched)
}

func clock(id int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(id, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
