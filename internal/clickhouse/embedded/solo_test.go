package embedded

import (
	"runtime"
	"testing"
	"time"
)

// What is reckoned of statements that run side by side is never more in sum than what the process used since the first of them began.
func TestReckonedWithinUsed(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &server{}
	s.solos.threads = &s.threads
	for range 2 { // what was charged before they began does not count
		from, said := s.threads.statements(), s.statements.all()
		var calls []*call
		for range 3 {
			c := &call{server: s, req: &request{comment: "query/acme"}, begin: time.Now().Add(-time.Second), thread: threadCPU()}
			c.last.CPU, c.last.at = time.Millisecond, time.Microsecond // at this rate it used a quarter of an hour
			s.solos.begin(c)
			calls = append(calls, c)
		}
		burned := make(chan struct{})
		go func() { // the statements' own threads do nothing
			defer close(burned)
			runtime.LockOSThread()
			for begin := threadCPU(); threadCPU()-begin < 20*time.Millisecond; {
			}
		}()
		<-burned
		var told time.Duration
		for _, c := range calls { // all are told before the first is over
			c.charge(c.last.CPU)
			u := c.usage()
			if told += u.CPU; u.CPU < time.Millisecond {
				t.Errorf("told as %v, less than was measured", u.CPU)
			}
		}
		for _, c := range calls {
			s.solos.end(c, c.own)
		}
		if used := s.threads.statements() - from; told < used/2 || told > used+3*time.Millisecond {
			t.Errorf("told %v of the %v that the process used", told, used)
		}
		charged, used := s.statements.all()-said, s.threads.statements()-from
		if charged < used/2 || charged > used+3*time.Millisecond {
			t.Errorf("charged %v of the %v that the process used", charged, used)
		}
	}
}
