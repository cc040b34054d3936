package metering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/damage"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Half-lives of the shares: how long work comes after what caused it.
const (
	doorHalf    = 5 * time.Second  // the log
	processHalf = 10 * time.Second // inserts and rollups
	mergeHalf   = 10 * time.Minute
	diskHalf    = 12 * time.Hour // what lies in the log
)

// Meter measures and charges. It is a usage.Sink and a usage.Pricer. It is safe for concurrent use.
type Meter struct {
	cfg     Config
	log     *slog.Logger
	ledger  *Ledger
	metrics *metrics
	sampler *sampler
	budgets *budgets
	engine  engineMeter // owned by tick
	asOf    atomic.Int64
	ticking sync.Mutex // one tick at a time

	pricesMu sync.RWMutex
	prices   []PricedFrom

	mu       sync.Mutex
	pending  map[Key]*Amounts // without CPU, since the last tick
	claims   map[tenant.ID]map[detail]*claim
	requests map[detailOwner]float64 // by tenant and kind, since the last tick
	doors    *shares
	stored   *shares // of rows that commits stored
	merged   *shares
	disk     *shares
	rowBytes map[tenant.ID]float64 // bytes of an event as it arrives, averaged
	pools    map[pool]*pooled
	last     map[part]float64 // of the last window with samples; nil after one without
	client   float64          // CPU of the connections to the engine that waits for the engine's answer
	scale    ratio
	serving  float64   // of engine_server since the start: CPU seconds that no statement has said yet, and the engine's server's own
	recent   []balance // of the last minute
	storedAt time.Time
}

// detail is what a tenant's CPU is told apart by.
type detail struct {
	kind                usage.Kind
	source, user, shape string
}

// claim says how a tenant's measured CPU is divided among its work.
type claim struct {
	engine float64 // CPU seconds of the engine, as the record says
	work   float64 // of this process: bytes, and a constant for each request
}

type detailOwner struct {
	tenant tenant.ID
	kind   usage.Kind
}

// pool is CPU of the engine that was charged to a tenant and waits for the record of the statement that used it.
type pool struct {
	tenant tenant.ID
	kind   usage.Kind
}

type pooled struct {
	cpu   float64
	hour  uint32 // in whose row it stands
	quiet int    // ticks without CPU
}

// balance is what a tick found.
type balance struct {
	at                                    time.Time
	cpu, overhead, unexplained, estimated float64
	profiled, sampled                     float64 // CPU of this process under a profile, and what its samples stand for at 10 ms each
}

// New returns a meter. It reads the price books of the store and makes cfg.Book hold from now on. Close it before the store.
func New(cfg Config) (*Meter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	ledger, err := NewLedger(cfg.DB)
	if err != nil {
		return nil, err
	}
	m := &Meter{
		cfg: cfg, log: cfg.Logger.With("component", "metering"), ledger: ledger, sampler: newSampler(),
		pending: map[Key]*Amounts{}, claims: map[tenant.ID]map[detail]*claim{}, requests: map[detailOwner]float64{},
		doors: newShares(doorHalf), stored: newShares(processHalf), merged: newShares(mergeHalf), disk: newShares(diskHalf),
		rowBytes: map[tenant.ID]float64{}, pools: map[pool]*pooled{},
	}
	if m.prices, err = m.ledger.SetPrices(cfg.Book, cfg.Now()); err != nil {
		return nil, err
	}
	if m.metrics, err = newMetrics(cfg.Registerer, m); err != nil {
		return nil, fmt.Errorf("metering metrics: %w", err)
	}
	m.budgets = newBudgets(m)
	m.asOf.Store(cfg.Now().UnixNano())
	return m, nil
}

// Close ends the profile of the process and the use of the store: whoever comes later is refused. It waits for those who use the store, and can be
// repeated. Run should have ended: what was used since its last look is not charged.
func (m *Meter) Close() error {
	_, err := m.sampler.close()
	m.ledger.Close()
	return err
}

// requestWork is the work of a request beside its bytes, in bytes.
const requestWork = 4096

// Record implements usage.Sink. CPU of records counts as a claim to the CPU that was measured for the tenant, not as CPU.
func (m *Meter) Record(r usage.Record) {
	now := m.cfg.Now()
	if r.At.IsZero() || r.At.After(now) || now.Sub(r.At) > time.Hour {
		r.At = now
	}
	a := amountsOf(&r)
	d := detail{r.Kind, r.Source, r.User, r.Shape}
	m.metrics.records.WithLabelValues(string(r.Kind)).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg.Engine != nil {
		m.claimLocked(r.Tenant, d, claim{engine: a.CPU, work: requestWork*max(a.Count, 1) + a.In + a.Out})
		a.CPU = 0
	}
	if a.Count > 0 && r.Kind != usage.KindStorage {
		m.requests[detailOwner{r.Tenant, r.Kind}] += a.Count
	}
	switch r.Kind {
	case usage.KindIngest:
		m.arrivedLocked(owner{r.Tenant, r.Source}, a.Events, a.In)
	case usage.KindProcess:
		m.storedLocked(owner{r.Tenant, r.Source}, float64(r.Events))
	}
	k := Key{Tenant: r.Tenant, Hour: hourOf(r.At), Kind: r.Kind, Source: r.Source, User: r.User, Shape: r.Shape}
	p := m.pending[k]
	if p == nil {
		p = &Amounts{}
		m.pending[k] = p
	}
	p.Add(a)
}

func (m *Meter) claimLocked(t tenant.ID, d detail, c claim) {
	of := m.claims[t]
	if of == nil {
		of = map[detail]*claim{}
		m.claims[t] = of
	}
	have := of[d]
	if have == nil {
		have = &claim{}
		of[d] = have
	}
	have.engine += c.engine
	have.work += c.work
}

// eventWork is the work of an event beside its bytes, in bytes.
const eventWork = 200

func (m *Meter) arrivedLocked(o owner, events, bytes float64) {
	if events <= 0 {
		return
	}
	m.doors.add(o, events*eventWork+bytes)
	m.disk.add(o, bytes)
	old, known := m.rowBytes[o.tenant]
	if fresh := bytes / events; known {
		m.rowBytes[o.tenant] = 0.9*old + 0.1*fresh
	} else {
		m.rowBytes[o.tenant] = fresh
	}
}

func (m *Meter) storedLocked(o owner, rows float64) {
	w := rows * (eventWork + m.rowBytes[o.tenant])
	m.stored.add(o, w)
	m.merged.add(o, w)
}

// Price implements usage.Pricer by the book that holds now.
func (m *Meter) Price(r usage.Record) (float64, string) {
	b := m.book(hourOf(m.cfg.Now()))
	return b.Cost(r.Kind, amountsOf(&r)), b.Currency
}

// book returns the price book of an hour: the last one that holds from it or before, else the first.
func (m *Meter) book(hour uint32) *Book {
	m.pricesMu.RLock()
	defer m.pricesMu.RUnlock()
	at := 0
	for i := range m.prices {
		if hourOf(m.prices[i].From) <= hour {
			at = i
		}
	}
	return &m.prices[at].Book
}

// priceList are the price books by the time from which each holds. It is shared: read it only.
func (m *Meter) priceList() []PricedFrom {
	m.pricesMu.RLock()
	defer m.pricesMu.RUnlock()
	return m.prices
}

// Pause lets somebody else take a CPU profile until resume is called. What is used meanwhile is shared out like what was used before, and marked as estimated.
func (m *Meter) Pause() (resume func()) { return m.sampler.Pause() }

// AsOf is when the processes were looked at last.
func (m *Meter) AsOf() time.Time { return time.Unix(0, m.asOf.Load()).UTC() }

// Forget removes a deleted tenant's usage. What is charged to it later is overhead.
func (m *Meter) Forget(_ context.Context, t tenant.ID) error {
	m.leave(t)
	return m.ledger.Forget(t)
}

// Keep removes of a deleted tenant what names users and queries, and the notices of its budget. Its amounts by hour, kind and source stay.
func (m *Meter) Keep(_ context.Context, t tenant.ID) error {
	m.leave(t)
	return m.ledger.Keep(t)
}

// Kept says whether a deleted tenant's billing figures were kept.
func (m *Meter) Kept(t tenant.ID) bool { return m.ledger.Kept(t) }

// leave forgets in memory what a deleted tenant causes.
func (m *Meter) leave(t tenant.ID) {
	m.ticking.Lock()
	defer m.ticking.Unlock()
	m.mu.Lock()
	delete(m.claims, t)
	delete(m.rowBytes, t)
	for _, s := range []*shares{m.doors, m.stored, m.merged, m.disk} {
		s.forget(t)
	}
	for o := range m.requests {
		if o.tenant == t {
			delete(m.requests, o)
		}
	}
	for p := range m.pools {
		if p.tenant == t {
			delete(m.pools, p)
		}
	}
	m.mu.Unlock()
	m.budgets.forget(t)
}

// RowsOf counts the rows of the ledger about a tenant, and their bytes: all, or those that Keep removes.
func (m *Meter) RowsOf(t tenant.ID, keeping bool) (rows, bytes uint64, err error) {
	return m.ledger.RowsOf(t, keeping)
}

// Run measures until ctx ends, and then once more. It returns an error when the ledger cannot be written.
func (m *Meter) Run(ctx context.Context) error {
	defer usage.Label(ctx, usage.Metered, "")()
	m.sampler.mu.Lock()
	m.sampler.startLocked()
	m.sampler.mu.Unlock()
	hooks, stop := context.WithCancel(context.WithoutCancel(ctx))
	var sending sync.WaitGroup
	sending.Go(func() { m.budgets.run(hooks) })
	err := m.run(ctx)
	stop()
	sending.Wait()
	return err
}

func (m *Meter) run(ctx context.Context) error {
	tick := time.NewTicker(m.cfg.Interval)
	defer tick.Stop()
	day := time.Time{}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			return m.tick(last, true)
		case <-tick.C:
		}
		if err := m.tick(ctx, false); err != nil {
			return err
		}
		if now := m.cfg.Now(); now.Sub(day) > 24*time.Hour {
			day = now
			n, err := m.ledger.Compact(now)
			if err != nil && !damage.Of(err) { // of that the store's log tells: the hours stay, and are tried again tomorrow
				return err
			}
			if n > 0 {
				m.log.Info("hours of the ledger became days", "days", n)
			}
		}
	}
}

// tick looks at the processes and charges what was used since the last look. An error means that the ledger cannot be written.
func (m *Meter) tick(ctx context.Context, last bool) error {
	m.ticking.Lock()
	defer m.ticking.Unlock()
	began, asOf := time.Now(), m.cfg.Now() // what is used during the look is the next one's
	look := m.sampler.look
	if last {
		look = m.sampler.close
	}
	w, err := look()
	if err != nil {
		m.metrics.failures.WithLabelValues("profile").Inc()
		m.log.Warn("a profile of this process cannot be read: its window is estimated", "error", err)
	}
	e, ok, err := m.engine.look(ctx, m.cfg.Engine)
	if err != nil && ctx.Err() == nil {
		m.metrics.failures.WithLabelValues("engine").Inc()
		m.log.Debug("the engine does not say what it used", "error", err)
	}
	stored := m.sampleStorage(ctx)
	now := m.cfg.Now()
	m.mu.Lock()
	c := newCharge(m, now)
	c.process(w)
	switch {
	case ok:
		c.engineProcess(e)
	case last || m.cfg.Engine == nil:
		c.withoutEngine()
	}
	c.records(stored)
	m.fadeLocked(m.cfg.Interval)
	m.recent = append(m.recent, c.balance)
	for len(m.recent) > 1 && now.Sub(m.recent[0].at) >= time.Minute {
		m.recent = m.recent[1:]
	}
	m.mu.Unlock()
	if err := errors.Join(c.write(), m.noteTexts(now), m.ledger.Flush(now, true)); err != nil {
		return err
	}
	m.asOf.Store(asOf.UnixNano())
	m.budgets.look(now, c.touched)
	m.metrics.seconds.Observe(time.Since(began).Seconds())
	return nil
}

// noteTexts keeps the texts of the queries whose rows are new.
func (m *Meter) noteTexts(now time.Time) error {
	text := m.cfg.ShapeText
	if text == nil {
		text = func(tenant.ID, string) string { return "" }
	}
	return m.ledger.NoteTexts(now, text)
}

func (m *Meter) fadeLocked(d time.Duration) {
	for _, s := range []*shares{m.doors, m.stored, m.merged, m.disk} {
		s.fade(d)
	}
	if len(m.rowBytes) > 2*len(m.disk.weights)+1000 {
		clear(m.rowBytes) // they are learned anew
	}
}

// balanceNow sums up the last minute.
func (m *Meter) balanceNow() balance {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b balance
	for _, r := range m.recent {
		b.cpu += r.cpu
		b.overhead += r.overhead
		b.unexplained += r.unexplained
		b.estimated += r.estimated
		b.profiled += r.profiled
		b.sampled += r.sampled
	}
	return b
}

var (
	_ usage.Sink   = (*Meter)(nil)
	_ usage.Pricer = (*Meter)(nil)
)
