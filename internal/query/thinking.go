package query

import (
	"sync"
	"time"

	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// spender is implemented by gates that also count what a statement costs before it is admitted: who has used up a limit of CPU is not even read, and reading what is then refused counts.
type spender interface {
	// Over is a problem when the tenant has used up a limit.
	Over(s usage.Subject) *problem.Problem
	// Spend counts CPU that was used for a subject without a ticket.
	Spend(s usage.Subject, cpu time.Duration)
}

// checks lets one statement of a tenant at a time be read by the guard: a flood of statements that are refused takes one core at most.
type checks struct {
	mu   sync.Mutex
	held map[tenant.ID]*check
}

type check struct {
	sync.Mutex
	users int
}

// enter waits for the tenant's turn. leave must be called.
func (c *checks) enter(id tenant.ID) (leave func()) {
	c.mu.Lock()
	if c.held == nil {
		c.held = map[tenant.ID]*check{}
	}
	k := c.held[id]
	if k == nil {
		k = &check{}
		c.held[id] = k
	}
	k.users++
	c.mu.Unlock()
	k.Lock()
	return func() {
		k.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(c.held, id)
		}
	}
}

// check reads the statement, in the tenant's turn, unless it has used up its CPU.
func (a *asking) check() (Checked, *problem.Problem) {
	who := a.subject("")
	s, counts := a.deps.Gate.(spender)
	counts = counts && !a.scope.All
	defer a.checks.enter(a.scope.Tenant)()
	if counts && a.q.Door != DoorJob { // a job waits for room
		if p := s.Over(who); p != nil {
			return Checked{}, p
		}
	}
	cpu := usage.StartCPU()
	checked, err := a.guard.Check(a.q.SQL, a.scope)
	used := cpu.Stop()
	if err != nil {
		if counts {
			s.Spend(who, used)
		}
		return Checked{}, refused(err)
	}
	return checked, nil
}
