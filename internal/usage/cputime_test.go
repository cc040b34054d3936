package usage

import (
	"runtime"
	"testing"
	"time"
)

var sink int

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i := range 1000 {
			sink += i * i
		}
	}
}

// Waiting is not work, and what others use meanwhile is theirs.
func TestCPUTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell the CPU of a thread")
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				spin(time.Millisecond)
			}
		}
	}()
	c := StartCPU()
	time.Sleep(200 * time.Millisecond)
	idle := c.Stop()
	close(stop)
	<-done
	busy := time.Duration(0)
	for rounds := 0; busy < 50*time.Millisecond && rounds < 10_000; rounds++ { // by the CPU itself: a busy machine takes longer
		c = StartCPU()
		spin(time.Millisecond)
		busy += c.Stop()
	}
	if idle > 50*time.Millisecond || busy < 50*time.Millisecond {
		t.Errorf("asleep for 200 ms it used %v, and never 50 ms of CPU: %v", idle, busy)
	}
}

func BenchmarkCPUTime(b *testing.B) {
	for b.Loop() {
		StartCPU().Stop()
	}
}
