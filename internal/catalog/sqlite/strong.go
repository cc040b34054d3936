package sqlite

import "weir/internal/tenant"

// Strong says whether a source of the tenant is declared strong. It is answered from memory.
func (c *Catalog) Strong(t tenant.ID) bool {
	e, ok := c.snap.Load().tenants.lookup(t)
	if !ok {
		return false
	}
	for i := range e.sources {
		if e.sources[i].Strong {
			return true
		}
	}
	return false
}
