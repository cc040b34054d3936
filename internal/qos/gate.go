package qos

import (
	"container/list"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Tenants knows tenants' limits, from memory.
type Tenants interface {
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
}

// Budgets knows what a tenant's spent budget asks for.
type Budgets interface {
	// BudgetAction returns catalog.BudgetThrottle or catalog.BudgetBlock when the tenant's budget of this month is used up and that is its
	// action, else something else.
	BudgetAction(t tenant.ID) string
}

// Deps are what a Gate works with. Tenants must be set.
type Deps struct {
	Tenants    Tenants
	Statistics Statistics   // nil: nothing is known before a shape has run once
	Pricer     usage.Pricer // nil: amounts are 0
	Budgets    Budgets      // nil: nobody has one
	State      *pebble.DB   // keeps what queries cost over restarts, in keys that begin with costs/; owned by the caller. nil: nothing is kept
	Full       func() bool  // whether nothing more may be written; nil: never
	Logger     *slog.Logger // nil: nothing is logged
	Registerer prometheus.Registerer
	Now        func() time.Time // time.Now; a seam of tests
}

// Gate admits queries. It implements usage.Gate and is safe for concurrent use.
type Gate struct {
	cfg     Config
	deps    Deps
	now     func() time.Time
	history *history
	store   *store
	metrics *metrics
	tunings map[mode]tuning

	mu      sync.Mutex
	lanes   [3]lane // cheap, medium, expensive
	heavy   int     // medium and expensive queries that run
	tenants map[tenant.ID]*party
	recent  list.List        // of *party, the one used longest ago first
	away    map[*ticket]bool // jobs that were turned away, and will ask again
	shares  shares
}

var _ usage.Gate = (*Gate)(nil)

// New returns a gate that knows what queries cost before, as far as State can be read. Run keeps what they cost from now on.
func New(cfg Config, d Deps) (*Gate, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("qos: %w", err)
	}
	if d.Tenants == nil {
		return nil, fmt.Errorf("qos: Tenants is missing")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	cfg = cfg.withDefaults()
	g := &Gate{cfg: cfg, deps: d, now: d.Now, history: newHistory(cfg.Shapes), tenants: map[tenant.ID]*party{}, away: map[*ticket]bool{}, lanes: newLanes(cfg), tunings: newTunings(cfg.Cores)}
	g.store = newStore(d)
	g.store.load(g.history, g.now())
	var err error
	g.metrics, err = newMetrics(d.Registerer, g)
	return g, err
}

// Limits returns the limits that hold for a tenant: its own, and the defaults where it has none.
func (g *Gate) Limits(t tenant.ID) catalog.Limits {
	if t == "" { // the operator
		return catalog.Limits{}
	}
	found, _ := g.deps.Tenants.TenantByID(t)
	return effective(found.Limits, g.cfg.Limits)
}

// Admit implements usage.Gate. It returns when the query's turn has come. Limits that count what was used are met by what was used before: a
// query that begins below them runs to its end.
func (g *Gate) Admit(q usage.Question, done <-chan struct{}) (usage.Ticket, *problem.Problem) {
	e, expected := g.estimate(&q)
	if p := overAsked(&q, e); p != nil {
		return nil, g.refuse(p)
	}
	action := ""
	if g.deps.Budgets != nil && q.Tenant != "" {
		action = g.deps.Budgets.BudgetAction(q.Tenant)
	}
	now := g.now()
	if action == catalog.BudgetBlock && q.Kind != usage.KindReport {
		return nil, g.refuse(g.budgetSpent(q.Tenant, now))
	}
	t := &ticket{gate: g, subject: q.Subject, kind: q.Kind, class: e.Class, cpu: e.CPU, bytes: e.Bytes, expected: expected, since: now, last: action == catalog.BudgetThrottle && q.Kind != usage.KindReport}
	proven := !unproven(&q, e)
	if !proven {
		t.cpu = max(t.cpu, smallBelow)
	}
	limits := g.Limits(q.Tenant)
	g.mu.Lock()
	t.party = g.party(q.Tenant, now)
	if p := g.overLimit(t, limits, now); p != nil {
		g.mu.Unlock()
		return nil, g.refuse(p)
	}
	t.party.limits = limits
	t.party.ahead = g.ahead(t.party, now)
	t.ahead, t.among = t.party.ahead, g.among(t.party, now)
	t.modest = proven && !t.ahead && g.modest(t, now)
	g.enter(t)
	g.pump(now)
	if t.running {
		g.mu.Unlock()
		g.metrics.admit(t.class, 0)
		return t, nil
	}
	t.turn = make(chan struct{})
	if t.problem != nil { // what started before it used up the limit
		close(t.turn)
	}
	g.mu.Unlock()
	if q.Waiting != nil {
		q.Waiting(t.waits)
	}
	return g.wait(t, done)
}

// wait waits for the turn of a ticket that is in a queue.
func (g *Gate) wait(t *ticket, done <-chan struct{}) (usage.Ticket, *problem.Problem) {
	var late <-chan time.Time
	if t.kind != usage.KindJob {
		timer := time.NewTimer(g.cfg.MaxWait)
		defer timer.Stop()
		late = timer.C
	}
	var p *problem.Problem
	for t.turned(done, late, &p) && t.kind == usage.KindJob { // it waits until its tenant's limit lets it through
		g.mu.Lock()
		retry := t.problem.RetryAfter
		t.until = g.now().Add(retry)
		g.away[t] = true
		g.mu.Unlock()
		left := false
		select {
		case <-time.After(min(retry, againEvery)):
		case <-done:
			left = true
		}
		g.mu.Lock()
		delete(g.away, t)
		g.mu.Unlock()
		if left {
			return nil, g.refuse(clientGone())
		}
		g.again(t)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if t.problem != nil { // it stands in no queue any more
		if p == nil {
			p = t.problem
		}
		return nil, g.refuse(p)
	}
	if t.running { // perhaps at the last moment
		if p == nil {
			t.waited = t.began.Sub(t.since)
			g.metrics.admit(t.class, t.waited)
			return t, nil
		}
		g.stop(t, usage.Record{Partial: true}, now)
		return nil, g.refuse(p)
	}
	if p == nil {
		p = g.waitedTooLong(t, now)
	}
	g.abandon(t)
	g.pump(now) // what stood behind it may fit
	return nil, g.refuse(p)
}

// againEvery is how soon a job that was turned away asks again: what runs may use less than was expected.
const againEvery = 5 * time.Second

// turned waits for the turn of t and says whether it was turned away. It sets p if the client leaves before.
func (t *ticket) turned(done <-chan struct{}, late <-chan time.Time, p **problem.Problem) bool {
	select {
	case <-t.turn:
	case <-done:
		*p = clientGone()
		return false
	case <-late:
		return false
	}
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	return t.problem != nil
}

// again puts t, which was turned away, into its queue once more.
func (g *Gate) again(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	t.party = g.party(t.subject.Tenant, now)
	t.party.limits = g.Limits(t.subject.Tenant)
	t.problem, t.over, t.turn = nil, false, make(chan struct{})
	g.enter(t)
	g.pump(now)
}

// waits is what t waits for now; nil: it does not wait.
func (t *ticket) waits() *usage.Wait {
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away[t] {
		return &usage.Wait{Limit: t.problem.Limit, Value: int64(t.problem.LimitValue), Why: t.problem.Detail, Until: t.until}
	}
	if t.running || t.over {
		return nil
	}
	w := &usage.Wait{}
	w.Limit, w.Value, w.Why = g.waitsFor(t)
	return w
}

func clientGone() *problem.Problem {
	return problem.New(499, "client_gone", "the client left while its query waited for its turn")
}

// refuse counts a refusal.
func (g *Gate) refuse(p *problem.Problem) *problem.Problem {
	g.metrics.refusals.WithLabelValues("query", reason(p)).Inc()
	return p
}

// ticket is a query that waits or runs. It implements usage.Ticket and usage.Tuned.
type ticket struct {
	gate     *Gate
	subject  usage.Subject
	kind     usage.Kind
	class    usage.Class
	cpu      time.Duration // estimated
	bytes    uint64        // estimated
	expected uint64        // by the statistics
	last     bool          // its tenant's budget is spent: it comes last
	ahead    bool          // its tenant had more than its share of late
	modest   bool          // its tenant asks for little
	among    bool          // other tenants ask too
	since    time.Time
	party    *party
	leaf     *node
	element  *list.Element // in its lane's list of those that wait
	turn     chan struct{} // closed when it runs or is turned away; nil if it did not wait

	// Under the gate's lock.
	running, over bool
	problem       *problem.Problem // why it was turned away while it waited
	until         time.Time        // when the limit that it was turned away for is expected to have room
	began         time.Time
	waited        time.Duration
}

// Waited implements usage.Ticket.
func (t *ticket) Waited() time.Duration { return t.waited }

// Done implements usage.Ticket. A second call does nothing.
func (t *ticket) Done(r usage.Record) {
	g := t.gate
	now := g.now()
	g.mu.Lock()
	if t.over {
		g.mu.Unlock()
		return
	}
	g.stop(t, r, now)
	g.mu.Unlock()
	if t.kind != usage.KindCache {
		g.history.learn(t.subject, t.expected, r, now)
	}
	g.metrics.judged(t.class, classOf(r.CPU))
}

// budgetSpent refuses a query because of the tenant's budget.
func (g *Gate) budgetSpent(id tenant.ID, now time.Time) *problem.Problem {
	t, _ := g.deps.Tenants.TenantByID(id)
	amount := t.Policy.Budget.Amount
	currency := ""
	if g.deps.Pricer != nil {
		_, currency = g.deps.Pricer.Price(usage.Record{})
	}
	y, m, _ := now.UTC().Date()
	return problem.New(http.StatusTooManyRequests, "budget_spent",
		"the tenant has used up its budget of %.6g %s for this month (GET /api/v1/budget), and its action is block: queries are refused until the month ends (UTC); reports and ingest go on. "+
			"An operator can raise budget.amount in the tenant's policy, or set budget.action to notify or throttle", amount, currency).
		WithAmount("budget.amount", amount).WithRetry(time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC).Sub(now))
}
