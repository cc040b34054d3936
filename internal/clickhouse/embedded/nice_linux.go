package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// freeThread is the name of a thread of the library's pool that has nothing to do.
const freeThread = "ThreadPool"

// unnice gives threads of the library's pool that have nothing to do their usual priority back. The library sets the priority of the threads
// that it puts to work, and takes it back; but a thread that is made by one of those inherits it, goes back to the pool with it, and
// would make whatever it works on next slow. It returns how many it found. Without the right to change priorities there are none.
func unnice() (found int) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		const usual = 20 // the system call counts down from 20
		if p, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err != nil || p >= usual {
			continue
		}
		name, err := os.ReadFile(filepath.Join("/proc/self/task", task.Name(), "comm"))
		if err != nil || strings.TrimSpace(string(name)) != freeThread {
			continue
		}
		if unix.Setpriority(unix.PRIO_PROCESS, tid, 0) == nil {
			found++
		}
	}
	return found
}
