package embedded

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

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

// Merges that wait for a core do not make a process one that wants a core: they yield, and answer nobody.
func TestCoreTimeWithoutMerges(t *testing.T) {
	spin := func(name string) time.Duration {
		before := coreTimeOf(os.Getpid()).had
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // ends with its goroutine
			text := append([]byte(name), 0)
			err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&text[0])), 0, 0, 0)
			for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			}
			done <- err
			<-done
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		defer close(done)
		return coreTimeOf(os.Getpid()).had - before
	}
	if merge, other := spin(mergeThread), spin("OtherThread"); merge > 100*time.Millisecond || other <= merge {
		t.Errorf("of 300 ms a thread of merges is seen to have had %v, another one %v", merge, other)
	}
}
