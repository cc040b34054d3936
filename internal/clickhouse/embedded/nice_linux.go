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
	usual := usualPriority()
	eachThread(func(tid, priority int, name func() string) {
		if priority < usual && (name() == freeThread || all && name() != mergeThread) {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, 20-usual) // it may have ended
		}
	})
}

// niceMerges sets the nice value of the threads of merges: so much more than this process's.
func niceMerges(nice int) {
	usual := usualPriority()
	eachThread(func(tid, priority int, name func() string) {
		if want := max(usual-nice, 1); priority != want && name() == mergeThread {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, 20-want)
		}
	})
}

// mayUnnice says whether the process may raise the priority of a thread that it lowered.
func mayUnnice() bool {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NICE, &limit) == nil && int(min(limit.Cur, 40)) >= usualPriority() {
		return true
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_NICE) != 0
}

// eachThread calls fn with each thread of this process: its id, its priority as the system call says it, and its name.
func eachThread(fn func(tid, priority int, name func() string)) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		priority, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		if err != nil {
			continue
		}
		fn(tid, priority, func() string {
			name, _ := os.ReadFile(filepath.Join("/proc/self/task", task.Name(), "comm")) // none: it has just ended
			return strings.TrimSpace(string(name))
		})
	}
}
