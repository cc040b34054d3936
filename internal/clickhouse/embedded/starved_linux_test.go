package embedded

import (
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A child that gets no core is not taken for a hanging one.
func TestStarvedChild(t *testing.T) {
	cfg := testConfig(t)
	cfg.HealthEvery, cfg.HangAfter = 50*time.Millisecond, 2*time.Second
	e := startEngine(t, cfg)
	pid := e.PID()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
	if err != nil || len(tasks) == 0 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0); err != nil {
			t.Log(err) // it has ended
		}
	}
	var done atomic.Bool
	for range 4 * runtime.NumCPU() {
		go func() {
			runtime.LockOSThread() // a thread of its own, for the system's scheduler
			for !done.Load() {
			}
		}()
	}
	old := runtime.GOMAXPROCS(8 * runtime.NumCPU())
	time.Sleep(5 * time.Second)
	done.Store(true)
	runtime.GOMAXPROCS(old)
	waitFor(t, "an answer", time.Minute, func() bool { return e.check(t.Context(), time.Second) == nil })
	if e.PID() != pid || e.Generation() != 1 {
		t.Errorf("generation %d: the child was restarted", e.Generation())
	}
}
