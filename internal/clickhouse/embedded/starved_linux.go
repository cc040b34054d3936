package embedded

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// coreTime is what a process's threads had of the cores, and what they wanted: those of merges excepted, which yield to others (merges.go) and answer nobody.
type coreTime struct {
	had, waited time.Duration // of the threads that there are now; a wait counts when it is over
	wants       bool          // a thread is ready to run, or runs
}

// coreTimeOf reads it from the system (sched-stats.rst and proc.rst of the kernel's documentation); what it does not tell is 0.
func coreTimeOf(pid int) (c coreTime) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		if name, err := os.ReadFile(filepath.Join(task, "comm")); err == nil && string(bytes.TrimSpace(name)) == mergeThread {
			continue
		}
		text, err := os.ReadFile(filepath.Join(task, "schedstat"))
		var ran, waited int64
		if err == nil {
			if _, err := fmt.Sscan(string(text), &ran, &waited); err == nil {
				c.had += time.Duration(ran)
				c.waited += time.Duration(waited)
			}
		}
		if text, err = os.ReadFile(filepath.Join(task, "stat")); err == nil {
			_, state, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" "))
			c.wants = c.wants || bytes.HasPrefix(state, []byte("R"))
		}
	}
	return c
}

// starved says whether a process that has been silent since c was read wanted a core for half of that time and had none.
func (c coreTime) starved(pid int, silent time.Duration) bool {
	now := coreTimeOf(pid)
	return now.had > 0 && (now.waited-c.waited > silent/2 || now.wants && now.had-c.had < silent/2)
}
