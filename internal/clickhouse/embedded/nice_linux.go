package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// freeThread is the name of a thread of the library's pool that has nothing to do.
const freeThread = "ThreadPool"

// usualPriority is that of this process, as the system call says it: 20 less the nice value. It is first asked for before any statement changes one.
var usualPriority = sync.OnceValue(func() int {
	p, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return 20
	}
	return p
})

// unnice gives threads that have nothing to do their usual priority back: all if no statement of lower priority runs, else those of
// the library's pool. The library sets the priority of the threads that it puts to work, and takes it back; but a thread that is made by one of those
// inherits it, goes back to the pool with it, and would make whatever it works on next slow. Without the right to change priorities there are none.
func unnice(all bool) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	usual := usualPriority()
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if p, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err != nil || p >= usual {
			continue
		}
		name, err := os.ReadFile(filepath.Join("/proc/self/task", task.Name(), "comm"))
		if err != nil || !all && strings.TrimSpace(string(name)) != freeThread {
			continue
		}
		_ = unix.Setpriority(unix.PRIO_PROCESS, tid, 20-usual) // it may have ended
	}
}
