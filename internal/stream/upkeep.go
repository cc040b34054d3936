package stream

import (
	"context"
	"fmt"
	"time"

	"weir/internal/usage"
)

// runUpkeep writes what doors have reported every second, and truncates the log every minute.
func (p *Processor) runUpkeep(ctx context.Context) error {
	defer usage.Label(ctx, usage.Upkeep, "")()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p.noteIdle(time.Now())
		p.keepIDs(time.Now())
		full := p.cfg.DiskFull != nil && p.cfg.DiskFull()
		if n%60 == 0 { // on a full disk too: this is what frees it
			if err := p.truncate(ctx, time.Now()); err != nil && ctx.Err() == nil {
				p.log.Warn("the log could not be truncated", "error", err)
			}
			if err := p.purge(ctx, time.Now()); err != nil && ctx.Err() == nil {
				p.log.Warn("the files of the log may still hold records that were truncated away; trying again", "error", err)
			}
		}
		if full {
			continue
		}
		if err := p.acct.flush(time.Now()); err != nil {
			return err
		}
	}
}

// truncate removes records from the log that are processed and older than KeepLog, and then, oldest first,
// more of the processed ones while a partition is above its share of KeepBytes.
func (p *Processor) truncate(ctx context.Context, now time.Time) error {
	next := p.offsets()
	for part, processed := range next {
		part := uint16(part)
		to, err := p.cfg.Log.OffsetAt(ctx, part, now.Add(-p.cfg.KeepLog))
		if err != nil {
			return fmt.Errorf("partition %d: %w", part, err)
		}
		first, end := p.cfg.Log.Bounds(part)
		if over := p.cfg.Log.Size(part) - p.cfg.KeepBytes/int64(len(next)); over > 0 && end > first {
			share := float64(over) / float64(p.cfg.Log.Size(part))
			to = max(to, first+uint64(share*float64(end-first)))
		}
		if to = min(to, processed); to > first {
			if err := p.cfg.Log.Truncate(ctx, part, to); err != nil {
				return fmt.Errorf("partition %d: %w", part, err)
			}
			p.unpurged = true
		}
	}
	return nil
}

// purger is a log whose files keep for a while what was truncated away.
type purger interface {
	// Purge makes the files forget it.
	Purge(ctx context.Context) error
}

// purgeEvery is how long what was truncated away may lie in the files of the log.
func (p *Processor) purgeEvery() time.Duration {
	return min(max(p.cfg.KeepLog/24, time.Minute), time.Hour)
}

// purge makes the log's files forget what was truncated away, now and then.
func (p *Processor) purge(ctx context.Context, now time.Time) error {
	l, ok := p.cfg.Log.(purger)
	if !ok || !p.unpurged || now.Sub(p.purged) < p.purgeEvery()-time.Second {
		return nil
	}
	if err := l.Purge(ctx); err != nil {
		return err
	}
	p.purged, p.unpurged = now, false
	return nil
}

// keepIDs keeps event ids known for as long as a partition that is far behind may need them.
func (p *Processor) keepIDs(now time.Time) {
	asOf := p.Reached()
	if now.Sub(asOf) < time.Hour {
		p.cfg.Dedupe.KeepFrom(time.Time{}) // the set's own allowance is enough
		return
	}
	p.cfg.Dedupe.KeepFrom(asOf.Add(-time.Minute)) // a request may take that long from its arrival to the log
}

// noteIdle notes that partitions in which nothing waits are processed up to now.
func (p *Processor) noteIdle(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for part, at := range p.next {
		if _, end := p.cfg.Log.Bounds(uint16(part)); end == at && now.Add(-drainSlack).After(p.processed[part]) {
			p.processed[part] = now.Add(-drainSlack)
		}
	}
}
