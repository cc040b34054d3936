package usage

import (
	"runtime"
	"time"
)

// CPUTime measures the CPU that a piece of work uses which does not wait: an answer from memory. Work that waits for others belongs to a profile.
type CPUTime struct {
	at    time.Duration
	wall  time.Time
	known bool
}

// StartCPU begins. Stop must be called by the same goroutine: until then it keeps its thread for itself, which costs a wait two switches of threads.
func StartCPU() CPUTime {
	runtime.LockOSThread()
	at, known := threadCPU()
	return CPUTime{at, time.Now(), known}
}

// Stop ends the measurement and returns the CPU that the goroutine has used: user and system time of its thread. Where the system does not tell, it is the
// time that has passed.
func (c CPUTime) Stop() time.Duration {
	defer runtime.UnlockOSThread()
	if at, known := threadCPU(); known && c.known {
		return at - c.at
	}
	return time.Since(c.wall)
}
