package embedded

import (
	"context"

	"golang.org/x/sys/unix"
)

// machineMemory returns the machine's memory in bytes, 0 if unknown.
func machineMemory() int64 {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(n)
}

// boundMemory does nothing: the system has no limit that holds for memory that is mapped.
func boundMemory(context.Context, int64) error { return nil }
