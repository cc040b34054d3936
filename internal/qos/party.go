package qos

import (
	"container/list"
	"net/http"
	"strconv"
	"time"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// party is a tenant that has queries, or had some within the last hour. The gate's lock guards it.
type party struct {
	id      tenant.ID
	element *list.Element // in Gate.recent
	seen    time.Time
	limits  catalog.Limits // as of its latest query
	waiting int
	backlog time.Duration    // estimated CPU of what waits
	running [3]int           // by lane
	load    [3]time.Duration // estimated CPU of what runs
	bytes   uint64           // estimated bytes of what runs

	ahead       bool // it used more than its share of late
	lastRunning int  // queries that run although the budget is spent

	minute, hour, scanned window // CPU seconds, CPU seconds, bytes
}

// party finds a tenant's, and forgets one that did nothing for longer than its limits look back.
func (g *Gate) party(id tenant.ID, now time.Time) *party {
	for range 2 {
		f := g.recent.Front()
		if f == nil {
			break
		}
		old := f.Value.(*party)
		if now.Sub(old.seen) <= time.Hour+time.Minute {
			break
		}
		if old.busy() > 0 { // a job that waits or runs for hours
			old.seen = now
			g.recent.MoveToBack(f)
			continue
		}
		g.recent.Remove(f)
		delete(g.tenants, old.id)
	}
	p := g.tenants[id]
	if p == nil {
		p = &party{id: id, minute: newWindow(time.Minute, 12), hour: newWindow(time.Hour, 60), scanned: newWindow(time.Hour, 60)}
		p.element = g.recent.PushBack(p)
		g.tenants[id] = p
	} else {
		g.recent.MoveToBack(p.element)
	}
	p.seen = now
	return p
}

func (p *party) all() int { return p.running[cheap] + p.running[medium] + p.running[expensive] }

// mayRun says whether the tenant may have one more query running in a lane: within its own limits, and of the cheap lane no more than
// three quarters, so that another tenant's cheap query always finds a place, and no more estimated CPU than keeps the cores busy for a moment:
// more at once would not be faster, and would be felt by all. When it had more than its share, one for each core.
func (p *party) mayRun(n int, l *lane, cores int) bool {
	if lim := p.limits.Queries; lim > 0 && int64(p.all()) >= lim {
		return false
	}
	if p.lastRunning > 0 && n == expensive {
		return false
	}
	switch n {
	case cheap:
		if p.ahead {
			return p.running[n] < cores
		}
		return p.running[n] == 0 || p.running[n] < (3*l.places+3)/4 && p.load[n] < time.Duration(cores)*tenantLoad
	case expensive:
		lim := p.limits.ExpensiveQueries
		return lim <= 0 || int64(p.running[n]) < lim
	}
	return true
}

// spend adds what a query used.
func (p *party) spend(now time.Time, r usage.Record) {
	p.minute.add(now, r.CPU.Seconds())
	p.hour.add(now, r.CPU.Seconds())
	p.scanned.add(now, float64(r.BytesScanned))
}

// overLimit refuses t when its tenant is over a limit.
func (g *Gate) overLimit(t *ticket, lim catalog.Limits, now time.Time) *problem.Problem {
	p := t.party
	if t.subject.Tenant == "" {
		return nil
	}
	if prob := usedUp(p, lim, now); prob != nil && t.kind != usage.KindJob { // a job waits for room
		return prob
	}
	if p.waiting >= g.cfg.MaxQueued {
		return problem.New(http.StatusTooManyRequests, "queue_full",
			"%d queries of the tenant wait for their turn, and no more may (query.max_queued): wait for some to end, send fewer at once, or ask the operator to raise it in the configuration", p.waiting).
			WithLimit("query.max_queued", int64(g.cfg.MaxQueued)).WithRetry(g.drainTime(t))
	}
	return nil
}

// usedUp refuses what a tenant asks when it has used up a limit. What runs counts with its estimate.
func usedUp(p *party, lim catalog.Limits, now time.Time) *problem.Problem {
	pending := p.pending().Seconds()
	for _, c := range []struct {
		name    string
		limit   int64
		w       *window
		pending float64
		what    string
	}{
		{"limits.cpu_seconds_per_minute", lim.CPUSecondsPerMinute, &p.minute, pending, "seconds of CPU in the last minute"},
		{"limits.cpu_seconds_per_hour", lim.CPUSecondsPerHour, &p.hour, pending, "seconds of CPU in the last hour"},
		{"limits.scan_bytes_per_hour", lim.ScanBytesPerHour, &p.scanned, float64(p.bytes), "scanned bytes in the last hour"},
	} {
		if c.limit <= 0 {
			continue
		}
		used := c.w.sum(now) + c.pending
		if used < float64(c.limit) {
			continue
		}
		retry := max(c.w.below(now, float64(c.limit)-c.pending), time.Second)
		return problem.New(http.StatusTooManyRequests, "over_limit",
			"the tenant's queries used %s %s, what runs counted as estimated; its limit %s is %d. Try again in %s, or ask the operator to raise the limit (PATCH /api/v1/tenants/%s)",
			amount(used), c.what, c.name, c.limit, whole(retry), p.id).WithLimit(c.name, c.limit).WithRetry(retry)
	}
	return nil
}

// amount writes what was used: whole from a thousand on, else with four digits.
func amount(used float64) string {
	if used >= 1000 {
		return strconv.FormatFloat(used, 'f', 0, 64)
	}
	return strconv.FormatFloat(used, 'g', 4, 64)
}

// waitedTooLong refuses t after it waited, and says for what.
func (g *Gate) waitedTooLong(t *ticket, now time.Time) *problem.Problem {
	p, n := t.party, laneOf(t.class)
	name, value, why := g.waitsFor(t)
	how := ""
	switch name {
	case "limits.queries", "limits.expensive_queries":
		how = "; the operator can raise " + name + " (PATCH /api/v1/tenants/" + string(p.id) + ")"
	case "query.concurrent":
		how = "; the operator can raise query.concurrent in the configuration"
	}
	return problem.New(http.StatusTooManyRequests, "queue_timeout",
		"the query waited %s for its turn and did not get it: %s; it is expected to be %s (%s of CPU), and %d of the tenant's queries run. Try again later, narrow its range of ts, or run it as a job%s",
		whole(now.Sub(t.since)), why, t.class, t.cpu.Round(time.Millisecond), p.running[n], how).WithLimit(name, value).WithRetry(g.drainTime(t))
}

// waitsFor names the limit that a waiting ticket waits for.
func (g *Gate) waitsFor(t *ticket) (name string, value int64, why string) {
	p, n := t.party, laneOf(t.class)
	l := &g.lanes[n]
	switch lim := p.limits; {
	case t.last && p.lastRunning > 0:
		return "budget.amount", 0, "the tenant's budget is spent and its action is throttle, so its queries run one at a time, after all others"
	case lim.Queries > 0 && int64(p.all()) >= lim.Queries:
		return "limits.queries", lim.Queries, "as many of the tenant's queries run as may (limits.queries)"
	case n == expensive && lim.ExpensiveQueries > 0 && int64(p.running[n]) >= lim.ExpensiveQueries:
		return "limits.expensive_queries", lim.ExpensiveQueries, "as many of the tenant's expensive queries run as may (limits.expensive_queries)"
	case n == cheap && !p.mayRun(n, l, g.cfg.Cores):
		return "query.concurrent", int64(l.places), "as many cheap queries of one tenant run as may, so that others find a place; statements that it never asked before count for more than small ones"
	case n == cheap:
		return "query.concurrent", int64(l.places), "the machine runs as many cheap queries as it can"
	}
	return "query.heavy_places", int64(g.lanes[medium].places), "the machine runs as many medium and expensive queries as it can beside the cheap ones"
}

// drainTime guesses when a place of t's lane is free: the work of the tenant that is before it, shared by the places.
func (g *Gate) drainTime(t *ticket) time.Duration {
	l := &g.lanes[laneOf(t.class)]
	return min(max(l.load/time.Duration(max(1, l.places)), time.Second), time.Minute)
}

// overAsked refuses a query that is expected to exceed what its sender allowed.
func overAsked(q *usage.Question, e usage.Estimate) *problem.Problem {
	if q.MaxBytes > 0 && e.Bytes > q.MaxBytes {
		return problem.New(http.StatusUnprocessableEntity, "over_max_bytes",
			"the query is expected to read %d bytes (%d rows), more than its max_bytes of %d; nothing was read. Narrow the range of ts, read fewer columns, or raise max_bytes",
			e.Bytes, e.Rows, q.MaxBytes).WithLimit("max_bytes", int64(min(q.MaxBytes, 1<<62))).WithField("max_bytes")
	}
	if q.MaxCost > 0 && e.Amount > q.MaxCost {
		return problem.New(http.StatusUnprocessableEntity, "over_max_cost",
			"the query is expected to cost %.6g (%s of CPU, %d bytes), more than its max_cost of %.6g; nothing was read. Narrow the range of ts, read fewer columns, or raise max_cost",
			e.Amount, e.CPU.Round(time.Millisecond), e.Bytes, q.MaxCost).WithAmount("max_cost", q.MaxCost).WithField("max_cost")
	}
	return nil
}

// whole rounds a time up to seconds, as Retry-After does.
func whole(d time.Duration) time.Duration {
	return max((d + time.Second - 1).Truncate(time.Second), time.Second)
}

// reason is the label of a refusal: what the problem's code says, and the limit's name where the code is for several.
func reason(p *problem.Problem) string {
	if p.Code == "over_limit" {
		return p.Limit
	}
	return p.Code
}
