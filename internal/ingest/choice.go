package ingest

import "bytes"

// maxTriedKeys is how many keys of one request are tried in search of one that is known: each that is not is noted where refusals are.
const maxTriedKeys = 8

// maxName is more bytes than a name of a source or a key can have.
const maxName = 1024

// Choice finds the name that opens a request whose events name their sources one by one: the first that is known, and where none is, the first of all, so that
// the refusal says what is wrong. The zero value is ready to use. It looks no further than at as many events as a request may have, and holds two names.
type Choice struct {
	first, known []byte
	last         []byte // what was looked at latest: events of one sender mostly name the same
	events, keys int
}

// Offer takes the name that the next event brings; it may be empty.
func (c *Choice) Offer(q *Request, name []byte) {
	if c.events++; len(name) == 0 || c.known != nil || c.events > q.j.h.cfg.MaxEvents || c.events > 1 && bytes.Equal(name, c.last) {
		return
	}
	if c.first == nil {
		c.first = q.Keep(name)
	}
	if len(name) > maxName {
		return
	}
	c.last = append(c.last[:0], name...)
	if c.opens(q, string(name)) {
		c.known = q.Keep(name)
	}
}

// opens says whether a name is a source's, or a key that may be used.
func (c *Choice) opens(q *Request, name string) bool {
	if !q.IsKey(name) {
		_, _, ok := q.j.h.deps.Catalog.SourceBySite(name)
		return ok
	}
	if c.keys++; c.keys > maxTriedKeys {
		return false
	}
	_, prob := q.j.h.deps.Auth.AuthenticateKey(unaddressed(q.HTTP), name)
	return prob == nil
}

// Known is the name of the first event whose source is known; nil: there is none.
func (c *Choice) Known() []byte { return c.known }

// Name is Known, else the first name; nil: no event brought one.
func (c *Choice) Name() []byte {
	if c.known != nil {
		return c.known
	}
	return c.first
}
