package embedded

import (
	"testing"
	"time"
)

// TestStopWaitsForSamples: a statement may end while it is sampled, and the engine must not stop before the sample has given its connection back.
func TestStopWaitsForSamples(t *testing.T) {
	s := &server{pool: &sessions{base: []string{"\x00"}}} // no connection can be made
	s.listing.pool = s.pool
	stopped := func() <-chan struct{} {
		done := make(chan struct{})
		go func() {
			s.awaitSamples()
			close(done)
		}()
		return done
	}
	for wait := 2 * firstSample; ; wait *= 2 { // until the sample has begun: a busy machine may be late with it
		c := &call{server: s, req: &request{}, sess: &session{}}
		s.pool.mu.Lock() // where the sample waits for a connection
		c.watch(t.Context())
		time.Sleep(wait)
		c.unwatch()
		done := stopped()
		var early bool
		select {
		case <-done:
			early = true
		case <-time.After(50 * time.Millisecond):
		}
		s.pool.mu.Unlock()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatal("nothing samples, and it is waited for")
		}
		if !early {
			break
		}
		if wait > 2*time.Second {
			t.Fatal("a sample that goes on was not waited for")
		}
	}
	c := &call{server: s, req: &request{}, sess: &session{}} // too short to be sampled
	c.watch(t.Context())
	c.unwatch()
	select {
	case <-stopped():
	case <-time.After(time.Minute):
		t.Error("the sample of a statement that is over is waited for")
	}
}
