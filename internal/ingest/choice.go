package ingest

import (
	"bytes"

	"weir/internal/tenant"
)

// maxTriedKeys is how many keys of one request are tried in search of one that is known: each that is not is noted where refusals are.
const maxTriedKeys = 8

// maxName is more bytes than a name of a source or a key can have.
const maxName = 1024

// Choice finds the name that opens a request whose events name their sources one by one: the first of a source that takes what the request's page sends; where none is, the first that is known,
// else the first of all, so that the refusal says what is wrong. The zero value is ready to use. It looks no further than at as many events as a request may have, and holds four names.
type Choice struct {
	first, known, open []byte
	last               []byte // what was looked at latest: events of one sender mostly name the same
	events, keys       int
}

// Offer takes the name that the next event brings; it may be empty.
func (c *Choice) Offer(q *Request, name []byte) {
	if c.events++; len(name) == 0 || c.Done() || c.events > q.j.h.cfg.MaxEvents || c.events > 1 && bytes.Equal(name, c.last) {
		return
	}
	if c.first == nil {
		c.first = q.Keep(name)
	}
	if len(name) > maxName {
		return
	}
	c.last = append(c.last[:0], name...)
	known, open := c.look(q, string(name))
	if known && c.known == nil {
		c.known = q.Keep(name)
	}
	if open {
		c.open = q.Keep(name)
	}
}

// look says whether a name is known, a source's or a key, and whether it would open the request.
func (c *Choice) look(q *Request, name string) (known, open bool) {
	h := q.j.h
	if !q.IsKey(name) {
		src, t, ok := h.deps.Catalog.SourceBySite(name)
		page, _ := pageOf(q.HTTP.Header)
		return ok, ok && t.Suspended.IsZero() && originAllowed(&src, page)
	}
	if c.keys++; c.keys > maxTriedKeys {
		return false, false
	}
	who, prob := h.deps.Auth.AuthenticateKey(unaddressed(q.HTTP), name)
	if prob != nil {
		return prob.Code == tenant.CodeSuspended || prob.Code == tenant.CodeExpired, false
	}
	src, _, ok := h.deps.Catalog.SourceBySite(who.Site)
	return true, sends(who.Role) && (!ok || originAllowed(&src, q.HTTP.Header.Get("Origin")))
}

// Done says whether no other name need be offered.
func (c *Choice) Done() bool { return c.open != nil }

// Known is the name that was chosen, if it is known; nil: none is.
func (c *Choice) Known() []byte {
	if c.open != nil {
		return c.open
	}
	return c.known
}

// Name is Known, else the first name; nil: no event brought one.
func (c *Choice) Name() []byte {
	if name := c.Known(); name != nil {
		return name
	}
	return c.first
}
