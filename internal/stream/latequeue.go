package stream

import (
	"math"
	"time"

	"weir/internal/event"
)

// lateQueue is what of the late stream is known in memory: how much waits, and which offsets of whom.
type lateQueue struct {
	entries map[string]lateEntry // by key
	rows    int
	bytes   int64
	oldest  time.Time                        // when the first of the waiting entries came
	waiting map[uint16]map[string]*lateSpans // by partition and tenant
}

// lateEntry is one entry of the late stream.
type lateEntry struct {
	rows  int
	bytes int
	spans map[lateRef]lateSpan
	since time.Time // when it came
}

// lateRef names a tenant's rows of one partition.
type lateRef struct {
	partition uint16
	tenant    string
}

// lateSpan is what one entry has of them.
type lateSpan struct {
	lowest uint64 // offset
	rows   int
	since  time.Time
	before int64 // ms: none of its rows was acknowledged up to then
}

// lateSpans are the spans of all waiting entries.
type lateSpans struct {
	spans  map[string]lateSpan // by key of the entry
	lowest uint64              // of all
	before int64               // of all
}

func newLateQueue() lateQueue {
	return lateQueue{entries: map[string]lateEntry{}, waiting: map[uint16]map[string]*lateSpans{}}
}

func newLateEntry(b *Block, bytes int) lateEntry {
	e := lateEntry{rows: b.Len(), bytes: bytes, spans: map[lateRef]lateSpan{}}
	received := b.Batch.Times(event.ColReceivedAt)
	tenants, of := b.Batch.Dict(event.ColTenant)
	names := make([]string, len(tenants))
	for i, t := range tenants {
		names[i] = string(t)
	}
	for i, part := range b.Partitions {
		ref := lateRef{part, names[of[i]]}
		s, ok := e.spans[ref]
		if !ok || b.Offsets[i] < s.lowest {
			s.lowest = b.Offsets[i]
		}
		if at := received[i] - 1; !ok || at < s.before {
			s.before = at
		}
		s.rows++
		e.spans[ref] = s
	}
	return e
}

func (q *lateQueue) add(key string, e lateEntry, now time.Time) {
	if len(q.entries) == 0 {
		q.oldest = now
	}
	e.since = now
	q.entries[key] = e
	q.rows += e.rows
	q.bytes += int64(e.bytes)
	for ref, s := range e.spans {
		s.since = now
		byTenant := q.waiting[ref.partition]
		if byTenant == nil {
			byTenant = map[string]*lateSpans{}
			q.waiting[ref.partition] = byTenant
		}
		all := byTenant[ref.tenant]
		if all == nil {
			all = &lateSpans{spans: map[string]lateSpan{}, lowest: math.MaxUint64, before: math.MaxInt64}
			byTenant[ref.tenant] = all
		}
		all.spans[key] = s
		all.lowest, all.before = min(all.lowest, s.lowest), min(all.before, s.before)
	}
}

func (q *lateQueue) remove(key string) {
	e, ok := q.entries[key]
	if !ok {
		return
	}
	delete(q.entries, key)
	q.rows -= e.rows
	q.bytes -= int64(e.bytes)
	for ref := range e.spans {
		all := q.waiting[ref.partition][ref.tenant]
		gone := all.spans[key]
		delete(all.spans, key)
		if len(all.spans) == 0 {
			delete(q.waiting[ref.partition], ref.tenant)
			continue
		}
		if gone.lowest == all.lowest || gone.before == all.before {
			all.lowest, all.before = math.MaxUint64, math.MaxInt64
			for _, s := range all.spans {
				all.lowest, all.before = min(all.lowest, s.lowest), min(all.before, s.before)
			}
		}
	}
}

// lowest is the lowest offset of the partition with a waiting row of the tenant; the highest number when none waits.
func (q *lateQueue) lowest(tenant string, partition uint16) uint64 {
	if all := q.waiting[partition][tenant]; all != nil {
		return all.lowest
	}
	return math.MaxUint64
}

// lowestOfAll is lowest over all tenants.
func (q *lateQueue) lowestOfAll(partition uint16) uint64 {
	low := uint64(math.MaxUint64)
	for _, all := range q.waiting[partition] {
		low = min(low, all.lowest)
	}
	return low
}

// acknowledged is a time up to which none of the waiting rows of the tenant was acknowledged, in ms; the highest number when none waits. Without a tenant it is of all.
func (q *lateQueue) acknowledged(tenant string) int64 {
	at := int64(math.MaxInt64)
	for _, byTenant := range q.waiting {
		if all := byTenant[tenant]; all != nil {
			at = min(at, all.before)
		}
		if tenant == "" {
			for _, all := range byTenant {
				at = min(at, all.before)
			}
		}
	}
	return at
}

// upTo returns how many of the tenant's rows of the partition wait in entries that begin at or below offset, and since when.
func (q *lateQueue) upTo(tenant string, partition uint16, offset uint64) (rows int, since time.Time) {
	all := q.waiting[partition][tenant]
	if all == nil {
		return 0, since
	}
	for _, s := range all.spans {
		if s.lowest <= offset {
			rows += s.rows
			if since.IsZero() || s.since.Before(since) {
				since = s.since
			}
		}
	}
	return rows, since
}
