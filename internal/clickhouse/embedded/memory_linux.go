package embedded

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machineMemory returns the memory that this process may use in bytes: the machine's, or its control group's if that is less. 0 if unknown.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	total := int64(uint64(info.Totalram) * uint64(info.Unit))
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
			total = min(total, n)
		}
	}
	return total
}

// boundMemory keeps the process from having more than limit bytes of memory of its own, until ctx ends: what asks for more gets an error. The system bounds what is mapped. Stacks and what the allocator keeps
// for later are mapped and not had, so that the bound is moved by what they are.
func boundMemory(ctx context.Context, limit int64) error {
	if err := moveBound(limit); err != nil {
		return fmt.Errorf("engine: limit of memory: %w", err)
	}
	go func() {
		tick := time.NewTicker(boundEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = moveBound(limit) // it has been possible, and the last one holds
			}
		}
	}()
	return nil
}

// boundEvery is short beside the time in which a process takes a GB.
const boundEvery = 200 * time.Millisecond

func moveBound(limit int64) error {
	mapped, had, err := ownMemory()
	if err != nil {
		return err
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &now); err != nil {
		return err
	}
	now.Cur = min(uint64(limit+max(0, mapped-had)), now.Max)
	return unix.Setrlimit(unix.RLIMIT_DATA, &now)
}

// ownMemory returns how many bytes of memory of its own this process has mapped, and how many of them it has: proc_pid_statm(5).
func ownMemory() (mapped, had int64, err error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, 0, err
	}
	var size, resident, shared, code, lib, data int64
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared, &code, &lib, &data); err != nil {
		return 0, 0, fmt.Errorf("statm: %w", err)
	}
	page := int64(os.Getpagesize())
	return data * page, (resident - shared) * page, nil
}
