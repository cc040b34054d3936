package stream

import (
	"context"
	"slices"
	"time"

	"weir/internal/catalog"
	"weir/internal/token"
)

// partitionsOf are the partitions in which rows of a tenant with this range may lie: all, when the range was ever moved.
func (p *Processor) partitionsOf(r catalog.Range) []uint16 {
	n := len(p.next)
	count := int(r.Count)
	if count == 0 || count > n || r.Epoch > 0 {
		count = n
	}
	list := make([]uint16, count)
	for i := range list {
		list[i] = uint16((int(r.First) + i) % n)
	}
	return list
}

// Snapshot is what of a tenant's range can be seen now: of each partition the highest offset at and below which every row of the
// tenant is visible, late rows included, and none will be added. A partition without a pair has nothing visible. A query
// that reads only rows at or below these offsets gives the same answer for ever (but for erasure and retention).
func (p *Processor) Snapshot(tenant string, r catalog.Range) token.Token {
	parts := p.partitionsOf(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	var pairs []token.Pair
	for _, part := range parts {
		if end := p.visibleEndLocked(tenant, part); end > 0 {
			pairs = append(pairs, token.Pair{Partition: part, Offset: end - 1})
		}
	}
	return token.Token{}.Merge(pairs...)
}

// Acknowledged is what of a tenant's range is durable now: whatever was acknowledged before the call is at or below it.
func (p *Processor) Acknowledged(r catalog.Range) token.Token {
	var pairs []token.Pair
	for _, part := range p.partitionsOf(r) {
		if _, end := p.cfg.Log.Bounds(part); end > 0 {
			pairs = append(pairs, token.Pair{Partition: part, Offset: end - 1})
		}
	}
	return token.Token{}.Merge(pairs...)
}

// visibleEndLocked is the offset below which every row of the tenant in the partition is visible.
func (p *Processor) visibleEndLocked(tenant string, part uint16) uint64 {
	if int(part) >= len(p.next) {
		return 0
	}
	return min(p.next[part], p.late.lowest(tenant, part))
}

// VisibleTo says whether every row of the tenant up to the token can be seen in SQL.
func (p *Processor) VisibleTo(tenant string, t token.Token) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visibleToLocked(tenant, t)
}

func (p *Processor) visibleToLocked(tenant string, t token.Token) bool {
	for _, pair := range t {
		if pair.Offset >= p.visibleEndLocked(tenant, pair.Partition) {
			return false
		}
	}
	return true
}

// WaitVisibleTo returns nil when VisibleTo is true, or the error of ctx. Late rows of other tenants are not waited for.
func (p *Processor) WaitVisibleTo(ctx context.Context, tenant string, t token.Token) error {
	for {
		p.mu.Lock()
		ok, changed := p.visibleToLocked(tenant, t), p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Distance is how far a token is from visible.
type Distance struct {
	Records  uint64        // of the log, up to the token, that wait to be processed
	LateRows int           // of the tenant that wait in the late stream
	Lag      time.Duration // how long ago the time lies up to which the token's partitions are processed
}

// Given says whether the log has given away every offset that the token names, and in partitions in which rows of a tenant with this range may lie. A token of
// which that is not so comes from elsewhere.
func (p *Processor) Given(r catalog.Range, t token.Token) bool {
	parts := p.partitionsOf(r)
	for _, pair := range t {
		if !slices.Contains(parts, pair.Partition) {
			return false
		}
		if _, end := p.cfg.Log.Bounds(pair.Partition); pair.Offset >= end {
			return false
		}
	}
	return true
}

// Distance returns how far a token is from visible to the tenant; zero when it is.
func (p *Processor) Distance(tenant string, t token.Token) Distance {
	var d Distance
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pair := range t {
		if int(pair.Partition) >= len(p.next) {
			continue
		}
		if at := p.next[pair.Partition]; pair.Offset >= at {
			d.Records += pair.Offset + 1 - at
			d.Lag = max(d.Lag, now.Sub(p.processed[pair.Partition]))
		}
		if rows, since := p.late.upTo(tenant, pair.Partition, pair.Offset); rows > 0 {
			d.LateRows += rows
			d.Lag = max(d.Lag, now.Sub(since))
		}
	}
	return d
}
