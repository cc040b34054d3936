package qos

import (
	"time"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/usage"
)

// Blocked says at once whether a subject may ask at all. It is for answers that cost nothing and need no turn: whose budget is spent, and is to block
// queries, gets no kept answers either.
func (g *Gate) Blocked(s usage.Subject, kind usage.Kind) *problem.Problem {
	if g.deps.Budgets == nil || s.Tenant == "" || kind == usage.KindReport || g.deps.Budgets.BudgetAction(s.Tenant) != catalog.BudgetBlock {
		return nil
	}
	return g.refuse(g.budgetSpent(s.Tenant, g.now()))
}

// Over is a problem when a tenant has used up a limit: nothing more needs to be known of what it asks.
func (g *Gate) Over(s usage.Subject) *problem.Problem {
	if s.Tenant == "" {
		return nil
	}
	limits, now := g.Limits(s.Tenant), g.now()
	g.mu.Lock()
	p := usedUp(g.party(s.Tenant, now), limits, now)
	g.mu.Unlock()
	if p == nil {
		return nil
	}
	return g.refuse(p)
}

// Spend counts CPU that was used for a subject without a ticket: to read a statement that is then refused.
func (g *Gate) Spend(s usage.Subject, cpu time.Duration) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.party(s.Tenant, now).spend(now, usage.Record{CPU: cpu})
}
