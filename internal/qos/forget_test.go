package qos

import (
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// noTenants is a catalog in which nobody has limits.
type noTenants struct{}

func (noTenants) TenantByID(id tenant.ID) (catalog.Tenant, bool) { return catalog.Tenant{ID: id}, true }

// Of a deleted tenant nothing is remembered, and of others everything.
func TestForget(t *testing.T) {
	g, err := New(Config{Cores: 2}, Deps{Tenants: noTenants{}})
	if err != nil {
		t.Fatal(err)
	}
	question := func(id string) usage.Question {
		return usage.Question{Subject: usage.Subject{Tenant: tenant.ID(id), Shape: "f00d"}, Kind: usage.KindQuery}
	}
	for _, id := range []string{"a", "b"} {
		ticket, p := g.Admit(question(id), nil)
		if p != nil {
			t.Fatal(p)
		}
		ticket.Done(usage.Record{CPU: 3 * time.Second, BytesScanned: 1 << 30})
	}
	running, p := g.Admit(question("b"), nil)
	if p != nil {
		t.Fatal(p)
	}
	forget := func(id tenant.ID, want int) {
		t.Helper()
		if n, err := g.Forget(id); n != want || err != nil {
			t.Errorf("of %s %d shapes are forgotten, want %d; %v", id, n, want, err)
		}
	}
	forget("a", 1)
	forget("b", 1) // one still runs
	if len(g.tenants) != 1 || g.tenants["b"] == nil || g.recent.Len() != 1 || g.Estimate(question("a")).Learned || g.Estimate(question("b")).Learned {
		t.Errorf("%d tenants, a: %+v, b: %+v", len(g.tenants), g.Estimate(question("a")), g.Estimate(question("b")))
	}
	running.Done(usage.Record{CPU: time.Second})
	forget("b", 1)
	forget("b", 0)
	if len(g.tenants) != 0 || g.recent.Len() != 0 {
		t.Errorf("%d tenants, %d in order", len(g.tenants), g.recent.Len())
	}

	c := &clock{time.Unix(1e9, 0)}
	i := newIngest(t, c, IngestConfig{})
	limited := func(id string) *catalog.Tenant {
		return &catalog.Tenant{ID: tenant.ID(id), Limits: catalog.Limits{EventsPerSecond: 10}}
	}
	for _, id := range []string{"a", "b"} {
		if p := send(i, limited(id), 5, 500); p != nil {
			t.Fatal(p)
		}
	}
	held, p := i.Begin(limited("b"), 100)
	if p != nil {
		t.Fatal(p)
	}
	i.Forget("a")
	i.Forget("b")
	if len(i.meters) != 1 || i.meters["b"] == nil || i.recent.Len() != 1 {
		t.Errorf("%d meters", len(i.meters))
	}
	i.Cancel(limited("b"), held)
}
