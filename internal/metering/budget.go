package metering

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"weir/internal/catalog"
	"weir/internal/damage"
	"weir/internal/tenant"
)

// thresholds are the percentages of a budget that its tenant is told of, once each a month. A changed amount is another budget.
var thresholds = []int{50, 80, 100}

// budgets knows what tenants have spent this month, and tells them.
type budgets struct {
	m      *Meter
	sender *sender
	wake   chan struct{}

	mu      sync.Mutex
	month   time.Time
	spent   map[tenant.ID]*spending
	notices map[string]*notice // by key; what is not settled, and what is settled of this month
}

// spending is what a tenant has cost this month, in the currency of today.
type spending struct {
	amount float64       // what was charged since the ledger was looked at, and, once read is closed, what stood there
	read   chan struct{} // closed when the ledger has been read, or could not be
	err    error         // valid after read
	damage error         // valid after read: damage that keeps hours of the month from being read; the others are in amount
}

// notice is a message about a budget. It is written before it is sent, and again when its fate is known: a crash in between sends it again under
// the same ID and with a higher Attempt.
type notice struct {
	ID        string      `json:"id"`
	Tenant    tenant.ID   `json:"tenant"`
	Month     string      `json:"month"`
	Threshold int         `json:"threshold_percent"`
	Budget    float64     `json:"budget"`
	Spent     float64     `json:"spent"`
	Currency  string      `json:"currency"`
	Action    string      `json:"action"`
	At        time.Time   `json:"at"`
	Attempts  int         `json:"attempts"`
	State     noticeState `json:"state"`
	Reason    string      `json:"reason,omitempty"`

	key  []byte
	next time.Time
}

type noticeState string

const (
	noticePending noticeState = "pending"
	noticeSent    noticeState = "sent"
	noticeNoHook  noticeState = "no_webhook" // nobody to send it to: shown in the API only
	noticeFailed  noticeState = "failed"     // given up, Reason says why
)

func newBudgets(m *Meter) *budgets {
	return &budgets{m: m, sender: newSender(m.cfg.Webhook), wake: make(chan struct{}, 1), spent: map[tenant.ID]*spending{}}
}

// monthOf is the begin of a calendar month, UTC.
func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// turnLocked begins a new month when there is one, and reads the notices at the first call.
func (b *budgets) turnLocked(now time.Time) error {
	m := monthOf(now)
	if m.Equal(b.month) {
		return nil
	}
	if err := b.loadLocked(m); err != nil {
		return err
	}
	b.month, b.spent = m, map[tenant.ID]*spending{}
	return nil
}

// loadLocked reads the notices that wait, or are of a month; with damage, those that lie before it: the others are told again when a threshold is passed.
func (b *budgets) loadLocked(month time.Time) error {
	notices := map[string]*notice{}
	err := b.m.ledger.Notices(func(k, v []byte) error {
		n := &notice{}
		if err := json.Unmarshal(v, n); err != nil {
			return fmt.Errorf("metering: notice of a budget: %w", err)
		}
		if n.State == noticePending || n.Month == month.Format("2006-01") {
			n.key = append([]byte{}, k...)
			notices[string(k)] = n
		}
		return nil
	})
	if err != nil && !damage.Of(err) {
		return err
	}
	b.notices = notices
	return nil
}

// charge adds a row to the ledger and its cost to what the tenant has spent, in one step for those who read it.
func (b *budgets) charge(k Key, a Amounts) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.m.ledger.Add(k, a); err != nil {
		return err
	}
	if s := b.spent[k.Tenant]; s != nil && !timeOf(k.Hour).Before(b.month) {
		s.amount += b.m.costToday(k, a)
	}
	return nil
}

// spentBy returns what a tenant has cost this month, from the ledger at its first use: nobody else waits for that. Hours that damage keeps from being read are
// not in it. b.mu must not be held.
func (b *budgets) spentBy(t tenant.ID, now time.Time) (float64, error) {
	s, err := b.spending(t, now)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.amount, s.err
}

// spending returns it when it has been read.
func (b *budgets) spending(t tenant.ID, now time.Time) (*spending, error) {
	b.mu.Lock()
	if err := b.turnLocked(now); err != nil {
		b.mu.Unlock()
		return nil, err
	}
	s := b.spent[t]
	if s == nil {
		view, err := b.m.ledger.View(t) // under the lock: what is charged later is not in it, and is added to s
		if err != nil {
			b.mu.Unlock()
			return nil, err
		}
		s = &spending{read: make(chan struct{})}
		b.spent[t] = s
		from := hourOf(b.month)
		b.mu.Unlock()
		b.readSpent(s, view, t, from, hourOf(now)+1)
	} else {
		b.mu.Unlock()
	}
	<-s.read
	return s, nil
}

// readSpent adds up what stands in the ledger. When it cannot be read, the next who asks tries again.
func (b *budgets) readSpent(s *spending, view *View, t tenant.ID, from, to uint32) {
	sum := 0.0
	add := func(k Key, a Amounts) error {
		sum += b.m.costToday(k, a)
		return nil
	}
	err := view.Scan(from, to, add)
	var damaged error
	if damage.Of(err) { // then hour by hour: a budget holds for what can be read
		damaged, err, sum = err, nil, 0
		for h := from; h < to && err == nil; h++ {
			if err = view.Scan(h, h+1, add); damage.Of(err) {
				err = nil
			}
		}
	}
	err = errors.Join(err, view.Close())
	b.mu.Lock()
	defer b.mu.Unlock()
	s.amount, s.err, s.damage = s.amount+sum, err, damaged
	if err != nil && b.spent[t] == s {
		delete(b.spent, t)
	}
	close(s.read)
}

func (b *budgets) forget(t tenant.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.spent, t)
	for k, n := range b.notices {
		if n.Tenant == t {
			delete(b.notices, k)
		}
	}
}

// BudgetState is how a tenant stands with its budget of this month.
type BudgetState struct {
	catalog.Budget
	Month     time.Time
	Spent     float64
	Remaining float64 // not below 0
	Exceeded  bool
}

// budgetDamage is the error that hours of a tenant's month cannot be read, if that is so.
func (m *Meter) budgetDamage(t tenant.ID) error {
	s, err := m.budgets.spending(t, m.cfg.Now())
	if err != nil {
		return err
	}
	return s.damage
}

// BudgetState returns how a tenant stands with its budget; false when it has none.
func (m *Meter) BudgetState(t tenant.ID) (BudgetState, bool) {
	budget, ok := m.cfg.Budget(t)
	if !ok || budget.Amount <= 0 {
		return BudgetState{}, false
	}
	now := m.cfg.Now()
	spent, err := m.budgets.spentBy(t, now)
	if err != nil {
		m.log.Error("what a tenant has spent cannot be read: its budget is taken as unused", "tenant", t, "error", err)
		return BudgetState{}, false
	}
	return BudgetState{Budget: budget, Month: monthOf(now), Spent: spent, Remaining: max(0, budget.Amount-spent), Exceeded: spent >= budget.Amount}, true
}

// Remaining implements usage.Pricer.
func (m *Meter) Remaining(t tenant.ID) (float64, bool) {
	s, ok := m.BudgetState(t)
	return s.Remaining, ok
}

// BudgetAction returns catalog.BudgetThrottle or catalog.BudgetBlock when the tenant's budget of this month is used up and asks for that; else "".
func (m *Meter) BudgetAction(t tenant.ID) string {
	s, ok := m.BudgetState(t)
	if !ok || !s.Exceeded || s.Action != catalog.BudgetThrottle && s.Action != catalog.BudgetBlock {
		return ""
	}
	return s.Action
}

// look notes, durably, which of the tenants that were just charged have passed a threshold. They are told by run.
func (b *budgets) look(now time.Time, touched map[tenant.ID]bool) {
	for t := range touched {
		budget, ok := b.m.cfg.Budget(t)
		if !ok || budget.Amount <= 0 {
			continue
		}
		if err := b.check(now, t, budget); err != nil {
			b.m.log.Error("a notice of a budget cannot be noted; it is tried again", "tenant", t, "error", err)
		}
	}
}

func (b *budgets) check(now time.Time, t tenant.ID, budget catalog.Budget) error {
	spent, err := b.spentBy(t, now)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.month.Equal(monthOf(now)) { // it has just turned: the next look sees the new one
		return nil
	}
	for _, percent := range thresholds {
		if spent < budget.Amount*float64(percent)/100 {
			break
		}
		month := b.month.Format("2006-01")
		key := noticeKey(t, month, percent, budget.Amount)
		if b.notices[string(key)] != nil {
			continue
		}
		n := &notice{ID: rand.Text(), Tenant: t, Month: month, Threshold: percent, Budget: budget.Amount, Spent: spent,
			Currency: b.m.book(hourOf(now)).Currency, Action: orNotify(budget.Action), At: now.UTC(), State: noticePending, key: key}
		if budget.Webhook == "" {
			n.State = noticeNoHook
		}
		if err := b.put(n); err != nil {
			return err
		}
		b.notices[string(key)] = n
		b.m.log.Info("a budget has passed a threshold", "tenant", t, "percent", percent, "spent", spent, "budget", budget.Amount)
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

func orNotify(action string) string {
	if action == "" {
		return catalog.BudgetNotify
	}
	return action
}

func noticeKey(t tenant.ID, month string, percent int, amount float64) []byte {
	k := append(tenantPrefix(spaceBudget, t), month...)
	return binary.BigEndian.AppendUint64(append(k, byte(percent)), math.Float64bits(amount))
}

func (b *budgets) put(n *notice) error {
	v, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("metering: notice of a budget: %w", err)
	}
	return b.m.ledger.PutNotice(n.key, v)
}

// run sends notices until ctx ends. What is under way then is sent again after the next start.
func (b *budgets) run(ctx context.Context) {
	for {
		wait := b.sendDue(ctx)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-b.wake:
			t.Stop()
		case <-t.C:
		}
	}
}

// sendDue sends what is due and returns how long nothing will be.
func (b *budgets) sendDue(ctx context.Context) time.Duration {
	b.mu.Lock()
	if err := b.turnLocked(b.m.cfg.Now()); err != nil {
		b.mu.Unlock()
		b.m.log.Error("notices of budgets cannot be read; trying again", "error", err)
		return time.Minute
	}
	var due []*notice
	wait := time.Minute
	now := time.Now()
	for _, n := range b.notices {
		if n.State != noticePending {
			continue
		}
		if d := n.next.Sub(now); d > 0 {
			wait = min(wait, d)
		} else {
			due = append(due, n)
		}
	}
	b.mu.Unlock()
	b.sendAll(ctx, due)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range due {
		if n.State == noticePending {
			wait = min(wait, time.Until(n.next))
		}
	}
	return max(wait, 10*time.Millisecond)
}

// sendAtOnce is how many notices are under way at once: a webhook that does not answer keeps its place for as long as Timeout, and others go on.
const sendAtOnce = 16

func (b *budgets) sendAll(ctx context.Context, due []*notice) {
	var wg sync.WaitGroup
	places := make(chan struct{}, sendAtOnce)
	for _, n := range due {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			if err := b.send(ctx, n); err != nil {
				b.m.log.Error("the fate of a notice cannot be noted", "tenant", n.Tenant, "error", err)
			}
		})
	}
	wg.Wait()
}

// send tries once. The attempt is noted before it is made.
func (b *budgets) send(ctx context.Context, n *notice) error {
	b.mu.Lock()
	if b.notices[string(n.key)] != n { // its tenant was forgotten meanwhile
		b.mu.Unlock()
		return nil
	}
	n.Attempts++
	err := b.put(n)
	if err != nil {
		n.next = time.Now().Add(time.Minute)
	}
	msg := *n
	b.mu.Unlock()
	if err != nil {
		return err
	}
	state, reason, wait := noticeNoHook, "", time.Duration(0)
	if budget, ok := b.m.cfg.Budget(n.Tenant); ok && budget.Webhook != "" {
		state, reason, wait = b.attempt(ctx, budget.Webhook, &msg)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.notices[string(n.key)] != n {
		return nil
	}
	n.State, n.Reason, n.next = state, reason, time.Now().Add(wait)
	return b.put(n)
}

func (b *budgets) attempt(ctx context.Context, url string, n *notice) (noticeState, string, time.Duration) {
	err := b.sender.send(ctx, url, n)
	count := b.m.metrics.notices.WithLabelValues
	var refused *refusedError
	switch {
	case err == nil:
		count("sent").Inc()
		return noticeSent, "", 0
	case ctx.Err() != nil:
		return noticePending, "", 0
	case errors.As(err, &refused):
		count("refused").Inc()
		b.m.log.Warn("the webhook of a budget is refused", "tenant", n.Tenant, "error", err)
		return noticeFailed, reasonOf(err), 0
	case n.Attempts >= b.sender.cfg.Attempts:
		count("given_up").Inc()
		b.m.log.Warn("the webhook of a budget does not take a notice; given up", "tenant", n.Tenant, "attempts", n.Attempts, "error", err)
		return noticeFailed, reasonOf(err), 0
	}
	count("retried").Inc()
	b.m.log.Info("the webhook of a budget does not take a notice; it is tried again", "tenant", n.Tenant, "attempts", n.Attempts, "error", err)
	return noticePending, reasonOf(err), min(b.sender.cfg.Backoff<<min(n.Attempts-1, 20), time.Hour)
}
