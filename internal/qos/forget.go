package qos

import "weir/internal/tenant"

// Forget drops what is remembered of a deleted tenant: what its queries cost and used. Queries of it that still run are dropped with the last.
func (g *Gate) Forget(id tenant.ID) {
	g.history.forget(id)
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.tenants[id]; p != nil && p.busy() == 0 {
		g.recent.Remove(p.element)
		delete(g.tenants, id)
	}
}

func (h *history) forget(id tenant.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.own.Keys() {
		if k.tenant == id {
			h.own.Remove(k)
		}
	}
}

// Forget drops what is remembered of a deleted tenant, unless requests of it are in work.
func (i *Ingest) Forget(id tenant.ID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if m := i.meters[id]; m != nil && m.held == 0 {
		i.forget(m)
	}
}
