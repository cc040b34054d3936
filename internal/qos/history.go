package qos

import (
	"container/list"
	"sync"
	"time"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// history is what earlier queries cost, by tenant and shape: what others ask must not show in a tenant's estimates. It is bounded: of all shapes the one
// that was used longest ago gives way, and of a tenant that has tenantShare of all its own one. It is safe for concurrent use.
type history struct {
	size, each int // shapes that are remembered of all tenants, and of one

	mu      sync.Mutex
	shapes  map[shapeKey]*remembered
	order   list.List                // of *remembered, the one used longest ago first
	tenants map[tenant.ID]*list.List // of *remembered, likewise
	changed map[shapeKey]bool        // what the store does not have as it is here, or has and should not; nil: nothing is stored
	perByte float64                  // CPU nanoseconds per byte that the statistics expected, of queries of any shape
}

type shapeKey struct {
	tenant tenant.ID
	shape  string
}

// remembered is a shape with its places in the orders of use.
type remembered struct {
	key      shapeKey
	cost     cost
	all, own *list.Element
	stored   bool // the store has it, perhaps with an older cost
}

// tenantShare is the part of all shapes that one tenant can have: a new alias makes a new shape, and nobody shall make others' forgotten.
const tenantShare = 4 // 1/4

func newHistory(size int) *history {
	return &history{size: size, each: (size + tenantShare - 1) / tenantShare, shapes: map[shapeKey]*remembered{}, tenants: map[tenant.ID]*list.List{}, perByte: firstPerByte}
}

// findLocked returns what is remembered of a shape, which counts as use; nil: nothing.
func (h *history) findLocked(k shapeKey) *remembered {
	r := h.shapes[k]
	if r != nil {
		h.order.MoveToBack(r.all)
		h.tenants[k.tenant].MoveToBack(r.own)
	}
	return r
}

// addLocked remembers a shape that was not. Another may have to give way.
func (h *history) addLocked(r *remembered) {
	own := h.tenants[r.key.tenant]
	if own == nil {
		own = list.New()
		h.tenants[r.key.tenant] = own
	}
	r.all, r.own = h.order.PushBack(r), own.PushBack(r)
	r.stored = r.stored || h.changed[r.key] // it gave way, and the store has it still
	h.shapes[r.key] = r
	if own.Len() > h.each {
		h.removeLocked(own.Front().Value.(*remembered))
	}
	if h.order.Len() > h.size {
		h.removeLocked(h.order.Front().Value.(*remembered))
	}
}

func (h *history) removeLocked(r *remembered) {
	own := h.tenants[r.key.tenant]
	h.order.Remove(r.all)
	own.Remove(r.own)
	if own.Len() == 0 {
		delete(h.tenants, r.key.tenant)
	}
	delete(h.shapes, r.key)
	if r.stored {
		h.changedLocked(r.key)
	} else {
		delete(h.changed, r.key)
	}
}

func (h *history) changedLocked(k shapeKey) {
	if h.changed != nil {
		h.changed[k] = true
	}
}

// forget removes what is remembered of a tenant and says how many shapes that were. The store is left to the caller.
func (h *history) forget(id tenant.ID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	if own := h.tenants[id]; own != nil {
		for n = own.Len(); own.Len() > 0; {
			h.removeLocked(own.Front().Value.(*remembered))
		}
	}
	for k := range h.changed {
		if k.tenant == id {
			delete(h.changed, k)
		}
	}
	return n
}

// change is what the store is to have of a shape.
type change struct {
	key  shapeKey
	cost *cost // nil: nothing
}

// take returns what has changed since the last time; all: everything that is remembered, too.
func (h *history) take(all bool) []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	if all {
		for k := range h.shapes {
			h.changed[k] = true
		}
	}
	list := make([]change, 0, len(h.changed))
	for k := range h.changed {
		c := change{key: k}
		if r := h.shapes[k]; r != nil {
			r.stored = true
			learned := r.cost
			c.cost = &learned
		}
		list = append(list, c)
	}
	clear(h.changed)
	return list
}

// giveBack takes back what was taken and could not be stored.
func (h *history) giveBack(list []change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range list {
		h.changed[c.key] = true
	}
}

// knownLocked returns what queries of s cost; nil if nothing is known that is still believed.
func (h *history) knownLocked(s usage.Subject, now time.Time) *cost {
	if r := h.findLocked(shapeKey{s.Tenant, s.Shape}); r != nil && now.Sub(r.cost.at) < forgetAfter {
		return &r.cost
	}
	return nil
}
