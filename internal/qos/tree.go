package qos

import (
	"container/heap"
	"sync"
)

// node is a party of a fair queue: the queue itself, a tenant in it, a role of the tenant, a user of the role. Parties with the
// same parent share what their parent gets, by weight: start-time fair queueing, see DESIGN.md. A party exists while something
// of its waits or runs, and as long after as it has had more than its share. The Gate's lock guards all of them.
type node struct {
	key    string
	parent *node // nil: the queue itself
	weight float64
	used   float64 // its virtual time: seconds of CPU by weight
	floor  float64 // virtual time among its children: where the one that was served last stood
	waits  int     // tickets below it that wait
	busy   int     // tickets below it that wait or run
	parked bool    // is not served now, whatever waits

	children map[string]*node
	ready    byUsed // children that are to be served, least used first
	idle     byUsed // children with nothing to do that are ahead of floor
	in       *byUsed
	at       int // place in *in

	queue []*ticket // of a user: first come, first served
}

// child returns the party of that name, which gets a ticket more.
func (n *node) child(key string, weight float64) *node {
	c := n.children[key]
	if c == nil {
		c = nodes.Get().(*node)
		c.key, c.parent, c.used = key, n, n.floor
		if n.children == nil {
			n.children = map[string]*node{}
		}
		n.children[key] = c
	}
	c.weight = weight
	if c.waits == 0 { // it did not compete: what it did not take is not owed to it
		c.used = max(c.used, n.floor)
	}
	if c.in == &n.idle {
		c.take()
	}
	c.busy++
	return c
}

// enqueue lets t wait at n, a leaf.
func (n *node) enqueue(t *ticket) {
	n.queue = append(n.queue, t)
	for ; n.parent != nil; n = n.parent {
		n.waits++
		n.list()
	}
	n.waits++
}

// list puts n into its parent's heap if it is to be served.
func (n *node) list() {
	if n.waits > 0 && !n.parked && n.in == nil {
		n.put(&n.parent.ready)
	}
}

// park keeps a party from being served, or lets it be served again. What it missed in between is not owed to it if it missed it by its own limits.
func (n *node) park(parked, own bool) {
	if n.parked == parked {
		return
	}
	n.parked = parked
	if parked {
		if n.in == &n.parent.ready {
			n.take()
		}
		return
	}
	if own {
		n.used = max(n.used, n.parent.floor)
	}
	n.list()
}

// first returns the ticket whose turn it is, nil if none is to be served.
func (n *node) first() *ticket {
	for len(n.queue) == 0 {
		if len(n.ready) == 0 {
			return nil
		}
		n = n.ready[0]
	}
	return n.queue[0]
}

// dequeue takes t, which waits, out of the queue of leaf n.
func (n *node) dequeue(t *ticket) {
	for i, q := range n.queue {
		if q == t {
			copy(n.queue[i:], n.queue[i+1:])
			n.queue[len(n.queue)-1] = nil
			n.queue = n.queue[:len(n.queue)-1]
			break
		}
	}
	for ; n != nil; n = n.parent {
		if n.waits--; n.waits == 0 && n.parent != nil && n.in == &n.parent.ready {
			n.take()
		}
	}
}

// serve notes that leaf n is served now.
func (n *node) serve() {
	for ; n.parent != nil; n = n.parent {
		n.parent.advance(n.used)
	}
}

// advance moves the virtual time forward and forgets idle children that are not ahead of it any more.
func (n *node) advance(to float64) {
	n.floor = max(n.floor, to)
	for len(n.idle) > 0 && n.idle[0].used <= n.floor {
		c := n.idle[0]
		c.take()
		n.forget(c)
	}
}

// nodes are parties without a parent, for reuse.
var nodes = sync.Pool{New: func() any { return new(node) }}

// forget takes c, which has nothing to do, from n's children.
func (n *node) forget(c *node) {
	delete(n.children, c.key)
	*c = node{children: c.children, ready: c.ready[:0], idle: c.idle[:0], queue: c.queue[:0]}
	nodes.Put(c)
}

// charge adds CPU seconds to leaf n and all that it belongs to. They may be negative: a correction.
func (n *node) charge(seconds float64) {
	for ; n.parent != nil; n = n.parent {
		n.used += seconds / n.weight
		if n.in != nil {
			heap.Fix(n.in, n.at)
		}
	}
}

// leave ends a ticket of leaf n. Parties with nothing left to do are forgotten, unless they are ahead.
func (n *node) leave() {
	for p := n; n != nil; n = p {
		p = n.parent
		if n.busy--; n.busy > 0 {
			continue
		}
		for len(n.idle) > 0 { // alone, nobody is ahead of anybody
			c := n.idle[len(n.idle)-1]
			c.take()
			n.forget(c)
		}
		switch {
		case p == nil:
			n.floor = 0
		case n.used > p.floor && p.busy > 1:
			n.parked = false
			n.put(&p.idle)
		default:
			p.forget(n)
		}
	}
}

func (n *node) put(h *byUsed) {
	n.in = h
	heap.Push(h, n)
}

func (n *node) take() { heap.Remove(n.in, n.at) }

// byUsed is a heap of parties, the one that used least first; among equals, by name, so that the order is always the same.
type byUsed []*node

func (h byUsed) Len() int { return len(h) }

func (h byUsed) Less(i, j int) bool {
	if h[i].used != h[j].used {
		return h[i].used < h[j].used
	}
	return h[i].key < h[j].key
}

func (h byUsed) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *byUsed) Push(x any) {
	n := x.(*node)
	n.at = len(*h)
	*h = append(*h, n)
}

// Pop implements heap.Interface.
func (h *byUsed) Pop() any {
	n := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	n.in, n.at = nil, 0
	return n
}
