package ingest

import (
	"context"
	"net/netip"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Gatherer makes batches durable. Append returns the offset of the record that holds the last row of b, or an
// error when b is not known to be durable. It does not change b, and does not use it after it has returned.
type Gatherer interface {
	Append(ctx context.Context, partition uint16, b *event.Batch) (offset uint64, err error)
}

// Backlog says whether what lies behind the log keeps up: an error when new events must be refused.
// A *problem.Problem is answered as it is, another error as 503.
type Backlog interface {
	Backlog() error
}

// Account counts what became of events, per tenant and site. The site is empty where it is not known. Accepted is called only
// after the events are durable; events of a request that failed as a whole and may be sent again are not counted.
type Account interface {
	Accepted(t tenant.ID, site string, n int)
	// Received is called once for each request with accepted events, with the bytes of its body after decompression.
	Received(t tenant.ID, bytes int)
	// Rejected is called once for each site and code of a request.
	Rejected(t tenant.ID, site string, r Rejection)
	// WantsExample says whether Rejection.Example would be kept: making one takes time.
	WantsExample(t tenant.ID, site, code, door string) bool
}

// Rejection is events of one request that were rejected for one reason. Nothing in it tells of a person.
type Rejection struct {
	Code  string
	Count int
	Door  string
	// Of the first of them, and only if an example was wanted.
	Field, Message string
	Example        string // its outline, at most 1 KB: names without values
}

// Limiter holds tenants to their limits. A reservation that Begin made ends with Take or Cancel.
type Limiter interface {
	// Begin is asked before a body of that length on the wire is decoded (negative: not known).
	Begin(t *catalog.Tenant, length int64) (usage.Reserve, *problem.Problem)
	// Take takes so many events and decompressed bytes, or none: then the request is refused before anything is appended.
	Take(t *catalog.Tenant, r usage.Reserve, events, bytes int) *problem.Problem
	Cancel(t *catalog.Tenant, r usage.Reserve)
}

// Addresses holds the senders of public doors to their limit.
type Addresses interface {
	Admit(ip netip.Addr) *problem.Problem
}

// Enricher derives facts about events and their senders. It keeps no argument.
type Enricher interface {
	// Enrich derives the facts about a sender; public says that nothing but the request tells who it is.
	Enrich(ip netip.Addr, userAgent []byte, public bool) event.Facts
	// Complete fills in what follows from the row as a whole, and does what the source's settings say about personal data. Texts that it
	// makes go to arena, which it returns.
	Complete(src *catalog.Source, r *event.Row, arena []byte) []byte
}

// Visitors derives ids for visitors of whom the protocol has none: the same for the same device, site and day, and useless the day after.
type Visitors interface {
	// AppendVisitor appends the id to dst. It keeps no argument.
	AppendVisitor(dst []byte, site string, ip netip.Addr, userAgent []byte) []byte
}

// Catalog is what the doors ask of the catalog; all answers come from memory.
type Catalog interface {
	SourceBySite(siteOrAlias string) (catalog.Source, catalog.Tenant, bool)
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
}
