package metering

import (
	"errors"
	"math"
	"strings"
	"time"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// charge is one tick's charges on their way to the ledger. Meter.mu is held but by write.
type charge struct {
	m         *Meter
	hour      uint32
	rows      map[Key]*Amounts
	touched   map[tenant.ID]bool
	estimated float64 // share of the CPU that is being added which no sample showed
	scale     float64 // measured CPU of statements per second that they say
	balance   balance
}

func newCharge(m *Meter, now time.Time) *charge {
	return &charge{m: m, hour: hourOf(now), rows: map[Key]*Amounts{}, touched: map[tenant.ID]bool{}, scale: m.scale.value(), balance: balance{at: now}}
}

func (c *charge) add(k Key, a Amounts) {
	p := c.rows[k]
	if p == nil {
		p = &Amounts{}
		c.rows[k] = p
	}
	p.Add(a)
	if k.Tenant != "" {
		c.touched[k.Tenant] = true
	}
}

// cpu charges CPU seconds.
func (c *charge) cpu(t tenant.ID, d detail, seconds float64) {
	if t == "" && d.kind != KindUnexplained {
		c.balance.overhead += seconds
	}
	c.add(Key{Tenant: t, Hour: c.hour, Kind: d.kind, Source: d.source, User: d.user, Shape: d.shape},
		Amounts{CPU: seconds, CPUEstimated: seconds * c.estimated})
}

func (c *charge) overhead(name string, seconds float64) {
	if seconds == 0 {
		return
	}
	c.cpu("", detail{kind: KindOverhead, source: name}, seconds)
}

func (c *charge) unexplained(process string, seconds float64) {
	c.balance.unexplained += seconds
	c.cpu("", detail{kind: KindUnexplained, source: process}, seconds)
}

// shared charges work done for many to those who caused it; when nobody did, it is overhead of that name.
func (c *charge) shared(s *shares, kind usage.Kind, name string, seconds float64) {
	if !s.each(seconds, func(o owner, part float64) { c.cpu(o.tenant, detail{kind: kind, source: o.source}, part) }) {
		c.overhead(name, seconds)
	}
}

// process charges what this process used. Each sample stands for the CPU that was used since the sample before it: the timer's 10 ms, or more when
// the kernel notices them late. What was used while nobody sampled is charged like the samples around it, and marked. Samples that neither a
// label nor a known stack explains are unexplained.
//
// A window that was sampled and has no sample used next to nothing, for nobody: an idle process is not the expense of who came last.
func (c *charge) process(w window) {
	c.balance.cpu += w.startup + w.cpu + w.gap
	c.overhead(overheadStartup, w.startup)
	parts, sum := w.parts, total(w.parts)
	c.balance.sampled += sum
	c.balance.profiled += w.cpu
	switch {
	case sum > 0:
		sum, c.m.last = w.cpu, parts
	case w.cpu > 0 && w.gap <= w.cpu:
		c.overhead(overheadIdle, w.cpu+w.gap)
		c.m.last = nil
		return
	default: // nobody sampled but for a moment
		w.gap += w.cpu
		parts = c.m.last
	}
	if sum+w.gap == 0 {
		return
	}
	of := total(parts)
	if of == 0 { // nothing was ever sampled
		c.estimated = 1
		c.unexplained("server", w.gap)
		c.balance.estimated += w.gap
		c.estimated = 0
		return
	}
	c.estimated = w.gap / (sum + w.gap)
	c.balance.estimated += w.gap
	for p, s := range parts {
		c.part(p, s*(sum+w.gap)/of)
	}
	c.estimated = 0
}

func total(parts map[part]float64) float64 {
	sum := 0.0
	for _, s := range parts {
		sum += s
	}
	return sum
}

func (c *charge) part(p part, seconds float64) {
	m := c.m
	switch {
	case p.overhead == overheadOther:
		c.unexplained("server", seconds)
	case p.overhead != "":
		c.overhead(p.overhead, seconds)
	case p.tenant != "":
		c.tenantPart(p.tenant, p.component, seconds)
	case p.component == partEngine:
		m.client += seconds
	case p.component == partHTTP:
		c.byRequests(seconds)
	case p.component == usage.Log || p.component == usage.Door:
		c.shared(m.doors, usage.KindIngest, string(p.component), seconds)
	case p.component == partStore:
		c.shared(m.doors, usage.KindProcess, string(p.component), seconds)
	case p.component == usage.Stream || p.component == usage.Upkeep:
		c.shared(m.stored, usage.KindProcess, string(p.component), seconds)
	case p.component == usage.Rollup:
		c.shared(m.stored, usage.KindRollup, string(p.component), seconds)
	default: // the operator's own
		c.overhead(string(p.component), seconds)
	}
}

// tenantPart charges CPU of this process to a tenant, divided among the work of that component by bytes and requests.
func (c *charge) tenantPart(t tenant.ID, component usage.Component, seconds float64) {
	kinds := map[usage.Component][]usage.Kind{
		usage.Door: {usage.KindIngest}, usage.Control: {usage.KindControl},
		usage.Query: {usage.KindQuery, usage.KindJob, usage.KindCache}, usage.Report: {usage.KindReport, usage.KindCache},
	}[component]
	if kinds == nil {
		kinds = []usage.Kind{usage.Kind(component)}
	}
	sum := 0.0
	each := func(fn func(detail, *claim)) {
		for d, cl := range c.m.claims[t] {
			for _, k := range kinds {
				if d.kind == k {
					fn(d, cl)
				}
			}
		}
	}
	each(func(_ detail, cl *claim) { sum += cl.work })
	if sum == 0 {
		c.cpu(t, detail{kind: kinds[0]}, seconds)
		return
	}
	each(func(d detail, cl *claim) { c.cpu(t, d, seconds*cl.work/sum) })
}

func (c *charge) byRequests(seconds float64) {
	sum := 0.0
	for _, n := range c.m.requests {
		sum += n
	}
	if sum == 0 {
		c.overhead(string(partHTTP), seconds)
		return
	}
	for o, n := range c.m.requests {
		if part := seconds * n / sum; o.tenant == "" {
			c.overhead(string(partHTTP), part)
		} else {
			c.cpu(o.tenant, detail{kind: o.kind}, part)
		}
	}
}

// engineProcess charges what the engine used: merges to those whose rows were stored of late, statements to those whom they serve.
func (c *charge) engineProcess(w engineWindow) {
	m := c.m
	c.balance.cpu += w.cpu + w.lost
	c.overhead("engine_lost", w.lost)
	if w.statement+w.merge+w.housekeeping == 0 {
		w.statement = w.cpu // the system does not tell threads apart
	}
	c.unexplained("engine", w.cpu-w.statement-w.merge-w.housekeeping)
	c.overhead("engine_housekeeping", w.housekeeping)
	c.shared(m.merged, usage.KindMerge, "engine_merge", w.merge)
	said := 0.0
	for _, s := range w.statements {
		said += s
	}
	all := w.statement + m.client
	m.client = 0
	if !w.first {
		m.scale.see(all, said)
	}
	c.scale = m.scale.value()
	// A statement's CPU is told late, and all of it only at its end: what its threads have used and it has not said yet stands
	// here and is taken back when it says so. More is not taken back than stands here: statements are never charged what nobody used.
	if most := m.serving + all; said*c.scale > most {
		c.scale = max(0, most/said)
	}
	m.serving += all - said*c.scale
	c.overhead("engine_server", all-said*c.scale)
	for comment, s := range w.statements {
		c.statement(comment, s*c.scale)
	}
}

// withoutEngine charges the connections to an engine that will not be asked any more.
func (c *charge) withoutEngine() {
	c.overhead("engine_server", c.m.client)
	c.m.serving += c.m.client
	c.m.client = 0
}

func (c *charge) statement(comment string, seconds float64) {
	kind, id, _ := strings.Cut(comment, "/")
	m := c.m
	switch kind {
	case "explain":
		kind = string(usage.KindQuery)
	case "realtime":
		kind = string(usage.KindReport)
	}
	switch k := usage.Kind(kind); {
	case (k == usage.KindQuery || k == usage.KindReport || k == usage.KindJob) && id != "":
		if k == usage.KindJob {
			k = usage.KindQuery // a job is a query to the engine
		}
		p := m.pools[pool{tenant.ID(id), k}]
		if p == nil {
			p = &pooled{}
			m.pools[pool{tenant.ID(id), k}] = p
		}
		if p.hour != c.hour {
			*p = pooled{hour: c.hour} // what waited stays where it stands
		}
		p.cpu += seconds
		p.quiet = 0
		c.cpu(tenant.ID(id), detail{kind: k}, seconds)
	case kind == string(usage.KindControl) && id != "":
		c.cpu(tenant.ID(id), detail{kind: usage.KindControl}, seconds)
	case kind == "insert" || kind == "reconcile":
		c.shared(m.stored, usage.KindProcess, "engine_"+kind, seconds)
	case kind == "rollup" && id != "": // what is derived of one tenant's rows alone
		c.cpu(tenant.ID(id), detail{kind: usage.KindRollup}, seconds)
	case kind == "rollup":
		c.shared(m.stored, usage.KindRollup, "engine_rollup", seconds)
	case kind == "":
		c.overhead("engine_health", seconds)
	default:
		c.overhead("engine_"+kind, seconds)
	}
}

// records charges what records say beside CPU, the bytes that were stored, and moves the engine's CPU to the statements that claim it.
func (c *charge) records(stored map[tenant.ID]float64) {
	m := c.m
	for k, a := range m.pending {
		c.add(k, *a)
	}
	for t, byteSeconds := range stored {
		c.add(Key{Tenant: t, Hour: c.hour, Kind: usage.KindStorage}, Amounts{ByteSeconds: byteSeconds})
	}
	for t, of := range m.claims {
		for d, cl := range of {
			c.settle(t, d, cl.engine*c.scale)
		}
	}
	for at, p := range m.pools {
		if p.quiet++; p.quiet > quietTicks || p.hour != c.hour {
			delete(m.pools, at) // nobody has claimed the rest: it stays without a shape
		}
	}
	m.pending, m.claims, m.requests = map[Key]*Amounts{}, map[tenant.ID]map[detail]*claim{}, map[detailOwner]float64{}
}

const quietTicks = 24

// settle moves CPU that the engine measured for a tenant to the row of the statement that used it.
func (c *charge) settle(t tenant.ID, d detail, seconds float64) {
	kind := usage.KindQuery
	switch d.kind {
	case usage.KindReport:
		kind = usage.KindReport
	case usage.KindQuery, usage.KindJob:
	default:
		return
	}
	p := c.m.pools[pool{t, kind}]
	if p == nil || p.hour != c.hour {
		return
	}
	seconds = min(seconds, p.cpu)
	p.cpu -= seconds
	c.add(Key{Tenant: t, Hour: c.hour, Kind: kind}, Amounts{CPU: -seconds})
	c.add(Key{Tenant: t, Hour: c.hour, Kind: d.kind, Source: d.source, User: d.user, Shape: d.shape}, Amounts{CPU: seconds})
}

// write puts the charges into the ledger.
func (c *charge) write() error {
	c.m.metrics.charged(c.balance)
	var errs []error
	for k, a := range c.rows {
		errs = append(errs, c.m.budgets.charge(k, *a))
	}
	return errors.Join(errs...)
}

// ratio is how much CPU the engine's statements really use per second that they say: over the last minutes, because a long statement says
// some of it only at its end.
type ratio struct{ real, said float64 }

const (
	ratioKeeps         = 0.94 // of the past at each tick: a half-life of about a minute
	minRatio, maxRatio = 0.8, 2
	ratioTrust         = 0.5 // seconds that must have been said before the ratio is used
)

func (r *ratio) see(real, said float64) {
	r.real, r.said = r.real*ratioKeeps+real, r.said*ratioKeeps+said
}

func (r *ratio) value() float64 {
	if r.said < ratioTrust {
		return 1
	}
	return math.Min(maxRatio, math.Max(minRatio, r.real/r.said))
}
