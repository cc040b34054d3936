package metering

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/sys/unix"
)

// window is what this process used between two looks.
type window struct {
	parts map[part]float64 // seconds, by samples
	// cpu is what the process used while it was sampled, gap what it used while it was not: between two profiles, or while somebody
	// else took one.
	cpu, gap float64
	startup  float64 // before anything was sampled at all
	sampled  bool    // false: the whole window is gap
}

// sampler profiles this process all the time, window by window. One profile can run in a process: Pause gives way to others.
type sampler struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	running bool
	pauses  int
	end     float64 // CPU at the end of the last profile, or at the last look without one
	begin   float64 // CPU at the begin of the running one
	// done holds profiles that were ended by a pause and not looked at yet.
	parts   map[part]float64
	cpu     float64
	gap     float64
	startup float64
	begun   bool // a profile has run
}

// newSampler returns a sampler. What the process uses until the first profile is its start-up.
func newSampler() *sampler { return &sampler{parts: map[part]float64{}} }

// selfCPU is the user and system time of this process in seconds.
func selfCPU() float64 { return rusage(unix.RUSAGE_SELF) }

// childrenCPU is that of children that have ended.
func childrenCPU() float64 { return rusage(unix.RUSAGE_CHILDREN) }

func rusage(who int) float64 {
	var r unix.Rusage
	if unix.Getrusage(who, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// Pause ends the running profile so that somebody else can take one, until resume is called. What the process uses meanwhile is
// shared out as what it used before.
func (s *sampler) Pause() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pauses++
	_ = s.stopLocked() // a profile that cannot be read is one that nobody explains: the window says so
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pauses--
		s.startLocked()
	})
}

// startLocked starts a profile, unless somebody else has one running.
func (s *sampler) startLocked() {
	if s.running || s.pauses > 0 {
		return
	}
	s.buf.Reset()
	if pprof.StartCPUProfile(&s.buf) != nil {
		return // another one runs
	}
	s.running, s.begin = true, selfCPU()
	s.passed(s.begin)
	s.begun = true
}

// passed takes in what was used until now without a profile.
func (s *sampler) passed(now float64) {
	if s.begun {
		s.gap += now - s.end
	} else {
		s.startup += now - s.end
	}
	s.end = now
}

// stopLocked ends the running profile and adds up its samples.
func (s *sampler) stopLocked() error {
	if !s.running {
		return nil
	}
	now := selfCPU()
	pprof.StopCPUProfile()
	s.running, s.end = false, now
	s.cpu += now - s.begin
	p, err := profile.ParseData(s.buf.Bytes())
	if err != nil {
		return fmt.Errorf("metering: read the process's own profile: %w", err)
	}
	at := len(p.SampleType) - 1
	if at < 0 || p.SampleType[at].Type != "cpu" {
		return errors.New("metering: the process's own profile has no CPU")
	}
	for _, sample := range p.Sample {
		s.parts[classify(sample)] += time.Duration(sample.Value[at]).Seconds()
	}
	return nil
}

// look ends the window, returns what it saw, and begins the next one.
func (s *sampler) look() (window, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.stopLocked()
	s.startLocked()
	if !s.running { // not allowed to: everything since the last look is gap
		s.passed(selfCPU())
	}
	return s.take(), err
}

func (s *sampler) take() window {
	w := window{parts: s.parts, cpu: s.cpu, gap: s.gap, startup: s.startup, sampled: s.cpu > 0}
	s.parts, s.cpu, s.gap, s.startup = map[part]float64{}, 0, 0, 0
	return w
}

// close ends the profile for good.
func (s *sampler) close() (window, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.stopLocked()
	s.pauses++ // nothing starts again
	s.passed(selfCPU())
	return s.take(), err
}
