package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// waitedForCores is how long the threads that a process has now were ready to run and had no core to run on (sched-stats.rst of the kernel's documentation); 0 where it is not told.
func waitedForCores(pid int) (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		text, err := os.ReadFile(f)
		var ran, waited int64
		if err == nil {
			if _, err := fmt.Sscan(string(text), &ran, &waited); err == nil {
				sum += time.Duration(waited)
			}
		}
	}
	return sum
}
