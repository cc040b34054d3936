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

// usualNice is the nice value of this process. It is first asked for before any statement changes that of a thread.
var usualNice = sync.OnceValue(func() int {
	p, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return 0
	}
	return 20 - p // the system call says it so
})

// niceValue returns the value that the library shall give the threads of a statement which asks for one that is by so much above the usual: it takes them as they are
// written, and knows nothing of the process's own. Anything but a whole number is the library's to refuse.
func niceValue(above string) string {
	n, err := strconv.Atoi(above)
	if err != nil {
		return above
	}
	return strconv.Itoa(min(max(n, 0)+usualNice(), 19))
}

// yield raises the nice value of this process by so much, in every thread that it has; those to come have that of the thread which makes them.
func yield(by int) {
	p, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return
	}
	nice := min(20-p+by, 19)
	for range 3 { // a thread that is made meanwhile may be missed
		eachThread(func(tid, now int, _ func() string) {
			if now < nice {
				_ = unix.Setpriority(unix.PRIO_PROCESS, tid, nice)
			}
		})
	}
}

// unnice gives threads their usual nice value back: those that have 0, to which the library takes its change back; and those that have a higher one and nothing
// to do: all if no statement of lower priority runs, else those of the library's pool. A thread that is made by one of a lower priority
// inherits it, goes back to the pool with it, and would make whatever it works on next slow. Without the right to change priorities there are none.
func unnice(all bool) {
	usual := usualNice()
	eachThread(func(tid, nice int, name func() string) {
		if nice == 0 && usual > 0 || nice > usual && (all || name() == freeThread) {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, usual) // it may have ended
		}
	})
}

// eachThread calls do for every thread of this process.
func eachThread(do func(tid, nice int, name func() string)) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		p, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		if err != nil {
			continue
		}
		do(tid, 20-p, func() string {
			name, _ := os.ReadFile(filepath.Join("/proc/self/task", task.Name(), "comm"))
			return strings.TrimSpace(string(name))
		})
	}
}
