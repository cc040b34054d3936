package qos

import (
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
