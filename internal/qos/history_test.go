package qos

import (
	"fmt"
	"testing"
	"time"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// shaped is a query of a shape of which nothing else is known.
func shaped(id tenant.ID, shape string) usage.Question {
	return usage.Question{Subject: usage.Subject{Tenant: id, Role: tenant.RoleAnalyst, User: "key:1", Shape: shape}, Kind: usage.KindQuery}
}

// What is remembered is bounded: a tenant makes its own shapes forgotten first, and of all the one that was used longest ago.
func TestHistoryIsBounded(t *testing.T) {
	g := newGate(t, newWorld(), Config{Shapes: 40})
	learned := func(id tenant.ID, shape string) bool { return g.Estimate(shaped(id, shape)).Learned }
	run(t, g, shaped("b", "quiet"), usage.Record{CPU: time.Minute})
	for i := range 100 {
		run(t, g, shaped("a", fmt.Sprint(i)), usage.Record{CPU: time.Second})
		if i > 0 && !learned("a", "0") { // a use of it
			t.Fatalf("after %d more shapes the one that is always used is forgotten", i)
		}
	}
	if n := len(g.history.shapes); n != 10+1 || !learned("b", "quiet") || !learned("a", "99") || learned("a", "90") {
		t.Errorf("%d shapes are remembered, of which another tenant's: %v", n, learned("b", "quiet"))
	}
	for i := range 60 {
		run(t, g, shaped(tenant.ID(fmt.Sprint("t", i)), "x"), usage.Record{CPU: time.Second})
	}
	if n := len(g.history.shapes); n != 40 || learned("a", "99") || learned("t19", "x") || !learned("t20", "x") || g.history.order.Len() != 40 || len(g.history.tenants) != 40 {
		t.Errorf("%d shapes of %d tenants are remembered", n, len(g.history.tenants))
	}
}
