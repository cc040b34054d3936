package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/tenant"
)

// ErrBacklog says that the processor is too far behind for doors to take more.
var ErrBacklog = errors.New("the processor is behind its bound")

// Backlog returns an error that wraps ErrBacklog when the unprocessed part of the log, or what waits in the late
// stream, is above its bound.
func (p *Processor) Backlog() error {
	if n := p.backlogBytes(); n > p.cfg.MaxBacklog {
		return fmt.Errorf("%w: %d bytes of records wait, process.max_backlog is %d", ErrBacklog, n, p.cfg.MaxBacklog)
	}
	p.mu.Lock()
	late, entries := p.late.bytes, len(p.late.entries)
	p.mu.Unlock()
	if entries > maxLateEntries {
		return fmt.Errorf("%w: late rows of very many days wait (%d entries, at most %d)", ErrBacklog, entries, maxLateEntries)
	}
	if late > p.cfg.MaxLate {
		return fmt.Errorf("%w: %d bytes of late rows wait, process.max_late is %d", ErrBacklog, late, p.cfg.MaxLate)
	}
	return nil
}

// backlogBytes estimates the bytes of unprocessed records from their share of each partition's records.
func (p *Processor) backlogBytes() int64 {
	var total int64
	for part, at := range p.offsets() {
		first, next := p.cfg.Log.Bounds(uint16(part))
		if next > at && next > first {
			total += int64(float64(p.cfg.Log.Size(uint16(part))) * float64(next-at) / float64(next-first))
		}
	}
	return total
}

// Visible says whether the record at offset of the partition can be seen in SQL, late rows included.
func (p *Processor) Visible(partition uint16, offset uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visibleLocked(partition, offset)
}

func (p *Processor) visibleLocked(partition uint16, offset uint64) bool {
	return int(partition) < len(p.next) && offset < min(p.next[partition], p.late.lowestOfAll(partition))
}

// WaitVisible returns nil when every given offset (by partition) can be seen in SQL, or the error of ctx.
func (p *Processor) WaitVisible(ctx context.Context, offsets map[uint16]uint64) error {
	for {
		p.mu.Lock()
		all := true
		for part, off := range offsets {
			all = all && p.visibleLocked(part, off)
		}
		changed := p.changed
		p.mu.Unlock()
		if all {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Progress returns by partition the offset below which everything is processed.
func (p *Processor) Progress() []uint64 { return p.offsets() }

// AsOf is the time up to which everything that was acknowledged to a tenant can be seen in SQL, late rows included. Without a tenant it is of all.
func (p *Processor) AsOf(tenant string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	asOf := p.reachedLocked()
	if at := p.late.acknowledged(tenant); at <= asOf.UnixMilli() { // within the same millisecond it is earlier too
		asOf = time.UnixMilli(at).UTC()
	}
	return asOf
}

// Reached is the time up to which everything that was acknowledged can be seen in SQL, but for rows older than
// Config.LateAfter that wait in the late stream.
func (p *Processor) Reached() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reachedLocked()
}

func (p *Processor) reachedLocked() time.Time {
	asOf := time.Now()
	for part, at := range p.next {
		if _, end := p.cfg.Log.Bounds(uint16(part)); end > at && p.processed[part].Before(asOf) {
			asOf = p.processed[part]
		}
	}
	return asOf.UTC()
}

// settle is how long numbers of a time still move after it: what arrives later corrects earlier results.
const settle = 5 * time.Minute

// CompleteUntil is the event time up to which answers to a tenant are settled.
func (p *Processor) CompleteUntil(tenant string) time.Time { return p.AsOf(tenant).Add(-settle) }

// Positions implements rollup.Positions.
func (p *Processor) Positions(rollup string) map[uint16]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[uint16]uint64{writerMain: 0, writerLate: 0}
	for w, at := range p.positions[rollup] {
		out[w] = at
	}
	return out
}

// Appended notes a batch of a tenant that became durable in the log: its rows are pending until they are processed.
func (p *Processor) Appended(b *event.Batch) {
	p.acct.pend(rowsByHour(b))
	p.senders.sent(TenantOf(b), b.Bytes(), time.Now())
}

// Received notes bytes of request bodies whose events were accepted.
func (p *Processor) Received(tenant string, at time.Time, bytes int) {
	p.acct.door(tenant, "", at, Counts{Bytes: uint64(bytes)})
}

// Rejected notes events that a door refused. The site is empty when it is not known.
func (p *Processor) Rejected(tenant, site string, r Rejection) {
	p.acct.door(tenant, site, r.At, Counts{Rejected: r.Count})
	p.acct.reject(tenant, site, r)
}

// WantsExample says whether an example of an event that the door rejected with that code would be kept: there is one a second.
func (p *Processor) WantsExample(tenant, site, code, door string) bool {
	return p.acct.wantsExample(tenant, site, reason{code, door})
}

// Filtered notes n events that a door left out because a rule says so.
func (p *Processor) Filtered(tenant, site string, at time.Time, n int) {
	p.acct.door(tenant, site, at, Counts{Filtered: uint64(n)})
}

// Usage returns the accounting of a tenant for the hours of arrival in [from, to), oldest first.
func (p *Processor) Usage(tenant string, from, to time.Time) ([]Hour, error) {
	return p.acct.hours(tenant, from, to, time.Now())
}

// SiteUsage is Usage of one site; of an empty one it is what doors rejected because it names no site of the tenant. All of these add up to
// Usage, but for bytes. Hours before SitesSince are not known by site.
func (p *Processor) SiteUsage(tenant, site string, from, to time.Time) ([]Hour, error) {
	return p.acct.siteHours(tenant, site, from, to)
}

// Lately returns what was received and rejected of a tenant in the hours from one to another, both included, as far as it is in memory: the last two days.
func (p *Processor) Lately(tenant string, from, to time.Time) (received, rejected uint64) {
	return p.acct.lately(tenant, from, to)
}

// LateAfter is how old rows are that go by the late stream.
func (p *Processor) LateAfter() time.Duration { return p.cfg.LateAfter }

// SitesSince is when accounting by site began; zero: with the first event of this data directory.
func (p *Processor) SitesSince() time.Time { return p.acct.since }

// RejectedOf returns what doors rejected of a site in the hours of [from, to), by code and door, the most frequent first. Without a site it is what the tenant sent
// without naming one that it has. The latest of each code and door stands for all, whenever it was. What was
// counted before doors were told apart has no door.
func (p *Processor) RejectedOf(tenant, site string, from, to time.Time) ([]Rejection, error) {
	return p.acct.rejectedOf(tenant, site, from, to)
}

// SeenOf returns when the first and the last event of a site arrived that were stored. Zero: none did since SitesSince.
func (p *Processor) SeenOf(tenant, site string) (first, last time.Time, err error) {
	return p.acct.seenOf(tenant, site)
}

// LastConflict returns the last event of a tenant whose id had come before with another payload, since the start.
func (p *Processor) LastConflict(tenant string) (Conflict, bool) { return p.acct.conflictOf(tenant) }

// LastConflictOf is LastConflict for one site.
func (p *Processor) LastConflictOf(tenant, site string) (Conflict, bool) {
	return p.acct.conflictOf(conflictKey(tenant, site))
}

// DedupeSince is the time from which a tenant's event ids are remembered.
func (p *Processor) DedupeSince(number uint32) time.Time { return p.cfg.Dedupe.Horizon(number) }

// CatalogTenants is Tenants on a catalog.
type CatalogTenants struct{ Catalog catalog.Catalog }

// Number implements Tenants.
func (c CatalogTenants) Number(id string) (uint32, bool) {
	t, ok := c.Catalog.TenantByID(tenant.ID(id))
	return t.Number, ok
}
