package qos

import (
	"container/list"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// State is how a tenant stands to its limits now.
type State struct {
	Limits            catalog.Limits // that hold, the defaults included
	CPUSecondsMinute  float64        // used in the last minute
	CPUSecondsHour    float64
	ScannedHour       uint64 // bytes
	Classes           []ClassState
	OldestWait        time.Duration
	WaitsFor          string // the limit that its oldest waiting query waits for
	WaitsForValue     int64
	MaxWait           time.Duration
	MaxQueued         int
	Throttled, Closed bool // by its budget
}

// ClassState is how many of a tenant's queries of a class wait and run, and how many of all tenants' may run.
type ClassState struct {
	Class            usage.Class
	Running, Waiting int
	Places           int
}

// State returns how a tenant stands.
func (g *Gate) State(id tenant.ID) State {
	s := State{Limits: g.Limits(id), MaxWait: g.cfg.MaxWait, MaxQueued: g.cfg.MaxQueued}
	if g.deps.Budgets != nil {
		action := g.deps.Budgets.BudgetAction(id)
		s.Throttled, s.Closed = action == catalog.BudgetThrottle, action == catalog.BudgetBlock
	}
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.tenants[id]
	var first *ticket
	for n, class := range classes {
		l := &g.lanes[n]
		c := ClassState{Class: class, Places: l.places}
		if p != nil {
			c.Running = p.running[n]
		}
		if p != nil && p.waiting > 0 {
			for e := l.waiting.Front(); e != nil; e = e.Next() {
				t := e.Value.(*ticket)
				if t.party != p {
					continue
				}
				c.Waiting++
				if first == nil || t.since.Before(first.since) {
					first = t
				}
			}
		}
		for t := range g.away {
			if t.subject.Tenant != id || laneOf(t.class) != n {
				continue
			}
			c.Waiting++
			if first == nil || t.since.Before(first.since) {
				first = t
			}
		}
		s.Classes = append(s.Classes, c)
	}
	if p != nil {
		s.CPUSecondsMinute, s.CPUSecondsHour, s.ScannedHour = p.minute.sum(now), p.hour.sum(now), uint64(p.scanned.sum(now))
	}
	if first != nil {
		s.OldestWait = now.Sub(first.since)
		if g.away[first] {
			s.WaitsFor, s.WaitsForValue = first.problem.Limit, int64(first.problem.LimitValue)
		} else {
			s.WaitsFor, s.WaitsForValue, _ = g.waitsFor(first)
		}
	}
	return s
}

// oldest is how long the first of a list of waiting tickets has waited.
func oldest(l *list.List, now time.Time) time.Duration {
	if e := l.Front(); e != nil {
		return now.Sub(e.Value.(*ticket).since)
	}
	return 0
}
