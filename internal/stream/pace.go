package stream

import (
	"sync"
	"time"

	"weir/internal/event"
)

// Bounds of Pace.
const (
	paceFrom  = 1600 * time.Millisecond // how old the oldest waiting record may be before doors are slowed down: so an insert at the maximum rate has what came in a second and more, see DESIGN.md
	paceAll   = 3500 * time.Millisecond // the same for tenants that send little beside others
	paceBytes = 2 << 20                 // of waiting records: so much the engine takes in a moment, and fewer senders could not help it
	paceMax   = 2 * time.Second         // the longest wait
	paceAlive = 10 * time.Second        // a processor that has not committed for that long is not helped by waiting
)

// Pace is how long a door should wait before it makes more events of a tenant durable, so that what it takes and what the processor can
// take stay in balance on the CPUs they share, and events stay visible within seconds at the highest rate. It is zero while the
// processor is less than 1.6 seconds behind, while little waits (then it is slow for another reason than the doors), and when it does not move at
// all, because the engine is down: then the log is there to go on taking events. A tenant that sends little beside others waits later than they.
func (p *Processor) Pace(tenant string) time.Duration {
	now := time.Now()
	if p.stalled.Load() || now.Sub(time.Unix(0, p.lastCommit.Load())) > paceAlive {
		return 0
	}
	behind := now.Sub(p.Reached())
	if behind <= paceFrom || p.backlogBytes() < paceBytes {
		return 0
	}
	from := paceFrom
	if p.senders.light(tenant, now) {
		from = paceAll
	}
	x := min((behind - from).Seconds(), 60)
	if x <= 0 {
		return 0
	}
	return min(paceMax, time.Duration((x+x*x)*float64(50*time.Millisecond)))
}

// senderWindow is the time over which senders are compared.
const senderWindow = 2 * time.Second

// senders knows how much each tenant has appended of late. It is safe for concurrent use; its memory is that of the tenants that sent within the last two windows.
type senders struct {
	mu          sync.Mutex
	began       time.Time // of the window that runs
	now, before map[string]float64
	typical     float64 // what the sender of a byte sent in the window before: the mean over bytes, not over tenants, so that many that send next to nothing do not lower it
}

// sent notes bytes of a tenant.
func (s *senders) sent(tenant string, bytes int, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnLocked(at)
	s.now[tenant] += float64(bytes)
}

// light says whether a tenant sends less than half of what is typical.
func (s *senders) light(tenant string, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnLocked(at)
	return max(s.now[tenant], s.before[tenant]) < s.typical/2
}

// turnLocked begins another window when the one that runs is over.
func (s *senders) turnLocked(at time.Time) {
	over := at.Sub(s.began)
	if s.now != nil && over < senderWindow {
		return
	}
	s.before, s.now, s.began = s.now, map[string]float64{}, at
	if over >= 2*senderWindow {
		s.before = nil // long ago
	}
	s.typical = 0
	var sum, squares float64
	for _, bytes := range s.before {
		sum += bytes
		squares += bytes * bytes
	}
	if sum > 0 {
		s.typical = squares / sum
	}
}

// TenantOf is whose rows a batch has, of a door: that of the first one.
func TenantOf(b *event.Batch) string {
	if b.Rows() == 0 {
		return ""
	}
	tenants, of := b.Dict(event.ColTenant)
	return string(tenants[of[0]])
}
