package qos

import "weir/internal/tenant"

// Forget drops what is remembered of a deleted tenant: what its queries cost, in the state store too, and what they used. It returns how many shapes of
// queries were remembered. Queries of it that still run are dropped with the last. After an error it must be called again.
func (g *Gate) Forget(id tenant.ID) (shapes int, err error) {
	shapes, err = g.store.forget(g.history, id)
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.tenants[id]; p != nil && p.busy() == 0 {
		g.recent.Remove(p.element)
		delete(g.tenants, id)
	}
	return shapes, err
}

// Forget drops what is remembered of a deleted tenant, unless requests of it are in work.
func (i *Ingest) Forget(id tenant.ID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if m := i.meters[id]; m != nil && m.held == 0 {
		i.forget(m)
	}
}
