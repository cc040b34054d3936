package qos

import (
	"container/list"
	"time"

	"weir/internal/usage"
)

// lane is a fair queue for the queries of one class, and what of them runs.
type lane struct {
	root    node
	waiting list.List // of *ticket, the oldest first
	running int
	load    time.Duration // the estimated CPU of what runs
	places  int           // that may run at once
	bound   time.Duration // on load; what runs alone may be larger
	used    float64       // CPU seconds by weight: the turn among the heavy lanes
	weight  float64
}

const (
	cheap = iota
	medium
	expensive
)

func laneOf(c usage.Class) int {
	switch c {
	case usage.Cheap:
		return cheap
	case usage.Medium:
		return medium
	}
	return expensive
}

// heavyPlaces is how many medium and expensive queries run at once: each on one thread of the engine, and one core is left to the cheap ones.
func heavyPlaces(cores int) int { return max(1, cores-1) }

// newLanes divides the machine. DESIGN.md has the reasons and the measurements.
func newLanes(cfg Config) [3]lane {
	heavy := min(heavyPlaces(cfg.Cores), max(1, cfg.Places/2))
	core := time.Duration(cfg.Cores)
	return [3]lane{
		cheap:     {places: max(1, min(8*cfg.Cores, cfg.Places-heavy)), bound: core * cheapBelow, weight: 1},
		medium:    {places: heavy, bound: time.Duration(heavy) * expensiveAbove, weight: 2},
		expensive: {places: (heavy + 1) / 2, bound: time.Duration(heavy) * 10 * expensiveAbove, weight: 1},
	}
}

// fits says whether the lane has room for t.
func (l *lane) fits(t *ticket) bool {
	return l.running == 0 || l.running < l.places && l.load+t.cpu <= l.bound
}

// enter puts t into its queue.
func (g *Gate) enter(t *ticket) {
	if t.last {
		t.class = usage.Expensive // it waits with those
	}
	l := &g.lanes[laneOf(t.class)]
	weight := t.party.weight()
	if t.last {
		weight /= 1000
	}
	if n := laneOf(t.class); n != cheap && l.root.busy == 0 { // what it did not use while it was empty is not owed to it
		l.used = max(l.used, g.lanes[medium+expensive-n].used)
	}
	l.root.busy++
	t.leaf = l.root.child(string(t.subject.Tenant), weight).child(string(t.subject.Role), 1).child(t.subject.User, 1)
	t.leaf.enqueue(t)
	t.party.waiting++
	t.party.backlog += t.cpu
	t.element = l.waiting.PushBack(t)
	g.park(t.party)
}

// abandon takes t, which waits, out of its queue.
func (g *Gate) abandon(t *ticket) {
	l := &g.lanes[laneOf(t.class)]
	t.leaf.dequeue(t)
	t.leaf.leave()
	l.waiting.Remove(t.element)
	t.party.waiting--
	t.party.backlog -= t.cpu
	t.over = true
}

// pump lets run what may: cheap queries first and whatever else runs, then the heavy ones by turns.
func (g *Gate) pump(now time.Time) {
	for t := g.due(cheap, now); t != nil; t = g.due(cheap, now) {
		g.start(t, now)
	}
	for g.heavy < g.lanes[medium].places {
		m, e := g.due(medium, now), g.due(expensive, now)
		switch {
		case m == nil && e == nil:
			return
		case m == nil, e != nil && g.lanes[expensive].used < g.lanes[medium].used:
			g.start(e, now)
		default:
			g.start(m, now)
		}
	}
}

// due is the ticket of a lane that may run now. Those whose tenant has used up a limit while they waited are turned away.
func (g *Gate) due(n int, now time.Time) *ticket {
	l := &g.lanes[n]
	for {
		t := l.root.first()
		if t == nil || !l.fits(t) {
			return nil
		}
		p := usedUp(t.party, t.party.limits, now)
		if p == nil {
			return t
		}
		t.problem = p
		g.abandon(t)
		if t.turn != nil {
			close(t.turn)
		}
	}
}

// start lets t run.
func (g *Gate) start(t *ticket, now time.Time) {
	n := laneOf(t.class)
	l := &g.lanes[n]
	t.leaf.dequeue(t)
	t.leaf.serve()
	t.leaf.charge(t.cpu.Seconds())
	l.waiting.Remove(t.element)
	l.running++
	l.load += t.cpu
	l.used += t.cpu.Seconds() / l.weight
	if n != cheap {
		g.heavy++
	}
	p := t.party
	p.waiting--
	p.backlog -= t.cpu
	p.running[n]++
	p.load[n] += t.cpu
	p.bytes += t.bytes
	if t.last {
		p.lastRunning++
	}
	g.park(p)
	t.running, t.began = true, now
	if t.turn != nil {
		close(t.turn)
	}
}

// stop ends t, which runs, and lets others run in its place.
func (g *Gate) stop(t *ticket, r usage.Record, now time.Time) {
	n := laneOf(t.class)
	l := &g.lanes[n]
	correction := (r.CPU - t.cpu).Seconds()
	l.running--
	l.load -= t.cpu
	l.used += correction / l.weight
	if n != cheap {
		g.heavy--
	}
	p := t.party
	p.running[n]--
	p.load[n] -= t.cpu
	p.bytes -= t.bytes
	if t.last {
		p.lastRunning--
	}
	p.spend(now, r)
	p.seen = now
	g.recent.MoveToBack(p.element)
	t.leaf.charge(correction)
	t.leaf.leave()
	t.over, t.running = true, false
	g.park(p)
	g.pump(now)
}

// park takes a tenant out of the lanes in which it may not have more running, and puts it back where it may.
func (g *Gate) park(p *party) {
	for n := range g.lanes {
		c := g.lanes[n].root.children[string(p.id)]
		if c == nil {
			continue
		}
		c.park(!p.mayRun(n, &g.lanes[n], g.cfg.Cores), p.limits.Queries > 0 || p.limits.ExpensiveQueries > 0 || p.lastRunning > 0)
	}
}
