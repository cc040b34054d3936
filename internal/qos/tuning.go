package qos

import (
	"strconv"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/usage"
)

// tuning is how the engine is told to run a query: settings for its statement.
type tuning map[string]string

// The engine's priorities: a statement pauses between two blocks while one with a lower number runs.
const (
	priorityCheap     = 1
	priorityModest    = 2 // as priorityAhead, but of a tenant that asks for little
	priorityAhead     = 3 // cheap, but no report and not small while others ask too, or of a tenant that had more than its share
	priorityMedium    = 5
	priorityExpensive = 9
	priorityLast      = 20
)

// mode is of what the engine is told about a statement.
type mode struct {
	priority int
	alone    bool // no other tenant asks
}

// behind makes settings for a statement that must not be felt by others: one thread unless no other tenant asks, small blocks, so that it pauses soon; pauses so short
// that it gets a twentieth of a core at least; and threads that the system's scheduler gives a fifteenth of what others get. The last
// does nothing where the process may not change priorities (no CAP_SYS_NICE). DESIGN.md has the measurements.
func behind(priority, threads int) tuning {
	return tuning{
		"max_threads": strconv.Itoa(threads), "max_block_size": "8192", "priority": strconv.Itoa(priority), "low_priority_query_wait_time_ms": "20",
		clickhouse.NiceSetting: "12",
	}
}

// newTunings makes all that there are: few, because the engine keeps a connection of a tenant for each.
func newTunings(cores int) map[mode]tuning {
	m := map[mode]tuning{}
	for _, alone := range []bool{false, true} {
		m[mode{priorityCheap, alone}] = tuning{"priority": strconv.Itoa(priorityCheap)}
		m[mode{priorityModest, alone}] = tuning{"priority": strconv.Itoa(priorityModest), "max_block_size": "8192", "low_priority_query_wait_time_ms": "20"}
		for _, p := range []int{priorityAhead, priorityMedium, priorityExpensive, priorityLast} {
			threads := 1
			if alone && p != priorityLast {
				threads = cores
			}
			m[mode{p, alone}] = behind(p, threads)
		}
	}
	return m
}

// Settings implements usage.Tuned.
func (t *ticket) Settings() map[string]string {
	p := priorityExpensive
	switch {
	case t.last:
		p = priorityLast
	case t.class == usage.Cheap && (t.ahead || t.cpu >= smallBelow && t.among && t.kind != usage.KindReport):
		p = priorityAhead
		if t.modest {
			p = priorityModest
		}
	case t.class == usage.Cheap:
		p = priorityCheap
	case t.class == usage.Medium:
		p = priorityMedium
	}
	return t.gate.tunings[mode{p, !t.among}]
}

// How much more than its share makes a tenant one that is ahead.
const (
	aheadFactor = 1.25
	aheadLeast  = 0.6 // of the machine: a tenant whose panels keep half of it busy stays what it is when another begins
	shareEvery  = time.Second
)

// shares is what tenants used of late, all together. It is renewed once a second.
type shares struct {
	at      time.Time
	total   float64 // CPU seconds in the last minute, what runs counted as estimated
	weights float64 // of the tenants that used them
}

// ahead says whether a tenant used more of the last minute's CPU than its share among those that used any. Then even its cheap queries
// make room for others'.
func (g *Gate) ahead(p *party, now time.Time) bool {
	if now.Sub(g.shares.at) >= shareEvery || g.shares.at.IsZero() {
		g.shares = shares{at: now}
		for e := g.recent.Back(); e != nil; e = e.Prev() {
			x := e.Value.(*party)
			if x.busy() == 0 && now.Sub(x.seen) > time.Minute+5*time.Second {
				break // so has nobody before it: they are in order
			}
			if used := x.lately(now); used > 0 {
				g.shares.total += used
				g.shares.weights += x.weight()
			}
		}
	}
	used := p.lately(now)
	return used > aheadLeast*60*float64(g.cfg.Cores) && used > aheadFactor*g.shares.total*p.weight()/max(g.shares.weights, p.weight())
}

// modestLoad is the estimated CPU, a core, of all that a tenant has running and waiting when it still asks for little: a dashboard's panels, and not a flood.
const modestLoad = time.Second

// modest says whether t, which comes now, is of a tenant that asks for little: what it has running and waiting is little, and it had no more of the last minute than is
// its share of the machine, or of what was used, among those that used any.
func (g *Gate) modest(t *ticket, now time.Time) bool {
	p := t.party
	all := max(g.shares.total, 60*float64(g.cfg.Cores))
	return p.pending()+p.backlog+t.cpu <= time.Duration(g.cfg.Cores)*modestLoad && p.lately(now) <= all*p.weight()/max(g.shares.weights, p.weight())
}

// Small queries are those of dashboards. They come before all others, however much their tenant asks.
const (
	smallBelow  = 100 * time.Millisecond // estimated CPU
	tenantLoad  = 150 * time.Millisecond // estimated CPU of the cheap queries of one tenant that run, a core; what runs alone may be larger
	othersAwait = 10 * time.Second       // how long ago another tenant asked that is still there
)

// among says whether other tenants ask too, so that p's larger queries must not be felt by them. A tenant that is alone has the whole machine.
func (g *Gate) among(p *party, now time.Time) bool {
	for e := g.recent.Back(); e != nil; e = e.Prev() {
		if x := e.Value.(*party); x != p {
			return x.busy() > 0 || now.Sub(x.seen) < othersAwait
		}
	}
	return false
}

// lately is the CPU that the tenant used in the last minute, and what it is expected to use for what runs.
func (p *party) lately(now time.Time) float64 {
	return p.minute.sum(now) + p.pending().Seconds()
}

func (p *party) pending() time.Duration { return p.load[cheap] + p.load[medium] + p.load[expensive] }

func (p *party) weight() float64 { return float64(max(1, p.limits.Weight)) }

func (p *party) busy() int { return p.waiting + p.all() }
