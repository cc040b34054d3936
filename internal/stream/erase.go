package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
)

// inTurn runs do while nobody else has the slot. While do runs, something of that writer (or of the rollups) may be half done.
func (p *Processor) inTurn(ctx context.Context, s slot, do func() error) error {
	select {
	case p.turns[s] <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turns[s] }()
	return do()
}

// What Quiet can hold still.
const (
	QuietInserts = 1 << iota // both writers
	QuietRollups
)

// Quiet runs do while nothing of what is named is half done: no intent of a writer, no step of a rollup is pending. It waits for those
// under way, and they wait for do, so do must be short. Whoever changes rows that are in the tables, by a mutation, begins it here: a mutation
// touches what was inserted before it began, and so never an insert whose rows may have to be counted again. (Migration 4, which stores the maps anew, changes neither
// how many rows there are nor whose they are, and begins before anything is processed.)
func (p *Processor) Quiet(ctx context.Context, what int, do func(ctx context.Context) error) error {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		done := false
		err := p.hold(ctx, what, func() error {
			pending, err := p.pending(what)
			if err != nil || pending {
				return err
			}
			done = true
			return do(ctx)
		})
		if err != nil || done {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil { // what the last process left is being finished
			return err
		}
	}
}

// hold takes the turns; the main stream's last, so that it is held for the shortest time.
func (p *Processor) hold(ctx context.Context, what int, do func() error) error {
	var slots []slot
	if what&QuietRollups != 0 {
		slots = append(slots, slotRollup)
	}
	if what&QuietInserts != 0 {
		slots = append(slots, slotLate, slotMain)
	}
	for i := len(slots) - 1; i >= 0; i-- {
		s, inner := slots[i], do
		do = func() error { return p.inTurn(ctx, s, inner) }
	}
	return do()
}

func (p *Processor) pending(what int) (bool, error) {
	if what&QuietInserts != 0 {
		for _, w := range []uint16{writerMain, writerLate} {
			if v, err := readValue(p.db, key16(keyIntent, w)); err != nil || v != nil {
				return v != nil, err
			}
		}
	}
	found := false
	if what&QuietRollups != 0 {
		err := scan(p.db, []byte{keyStep}, func(_, _ []byte) error { found = true; return errStop })
		if err != nil && !errors.Is(err, errStop) {
			return false, err
		}
	}
	return found, nil
}

// Erased says how much of a tenant there is, or was removed.
type Erased struct{ Rows, Bytes uint64 }

// LateOf counts what waits of a tenant in the late stream.
func (p *Processor) LateOf(tenant string) Erased {
	p.mu.Lock()
	defer p.mu.Unlock()
	var e Erased
	for _, entry := range p.late.entries {
		rows := 0
		for ref, s := range entry.spans {
			if ref.tenant == tenant {
				rows += s.rows
			}
		}
		e.Rows += uint64(rows)
		e.Bytes += uint64(entry.bytes) * uint64(rows) / uint64(max(1, entry.rows))
	}
	return e
}

// EraseLate removes a tenant's rows from the late stream. The tenant must be gone from the catalog: the main stream then hands over no more of it.
func (p *Processor) EraseLate(ctx context.Context, tenant string) error {
	return p.Quiet(ctx, QuietInserts, func(context.Context) error {
		for _, key := range p.lateKeysOf(tenant) {
			if err := p.eraseLateEntry(key, tenant); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *Processor) lateKeysOf(tenant string) (keys []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, entry := range p.late.entries {
		for ref := range entry.spans {
			if ref.tenant == tenant {
				keys = append(keys, key)
				break
			}
		}
	}
	return keys
}

// eraseLateEntry rewrites an entry without the tenant's rows, and moves them from pending to erased.
func (p *Processor) eraseLateEntry(key, tenant string) error {
	v, err := readValue(p.db, []byte(key))
	if err != nil || v == nil {
		return err
	}
	all, rest := newBlock(), newBlock()
	if err := decodeLate(v, all); err != nil {
		return err
	}
	names, of := all.Batch.Dict(event.ColTenant)
	sites, siteOf := all.Batch.Dict(event.ColSite)
	received := all.Batch.Times(event.ColReceivedAt)
	var keep []int
	delta := map[hourKey]Counts{}
	for i := range of {
		if string(names[of[i]]) != tenant {
			keep = append(keep, i)
			continue
		}
		k := hourKey{hourOf(received[i]), tenant, string(sites[siteOf[i]])}
		c := delta[k]
		c.Erased++
		c.Late-- // wraps: added to what waits, it takes one away
		delta[k] = c
	}
	rest.pick(all, keep)
	b := p.db.NewBatch()
	value := []byte(nil)
	if rest.Len() == 0 {
		err = b.Delete([]byte(key), nil)
	} else {
		value = encodeLate(rest)
		err = b.Set([]byte(key), value, nil)
	}
	if err != nil {
		return fmt.Errorf("erase from the late stream: %w", err)
	}
	if err := p.acct.commit(b, delta, nil); err != nil {
		return fmt.Errorf("erase from the late stream: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late.remove(key)
	if rest.Len() > 0 {
		p.late.add(key, newLateEntry(rest, len(value)), time.Now())
	}
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

// AccountOf counts the hours of accounting of a tenant.
func (p *Processor) AccountOf(tenant string) (Erased, error) { return p.acct.sizeOf(tenant) }

// EraseAccount removes a tenant's accounting, and keeps none of it from now on: rows of it that the log still holds are dropped uncounted.
func (p *Processor) EraseAccount(tenant string) error { return p.acct.erase(tenant) }

// LogKept says until when the log's files may hold events that were appended by now, if they are processed by then.
func (p *Processor) LogKept(now time.Time) time.Time {
	return now.Add(p.cfg.KeepLog + p.purgeEvery() + 3*time.Minute) // it is truncated every minute
}

// sizeOf counts the stored hours of a tenant, and the bytes of all that is kept of it.
func (a *account) sizeOf(tenant string) (Erased, error) {
	var e Erased
	err := a.scanOf(tenant, func(key, value []byte) error {
		if key[0] == keyAccount {
			e.Rows++
		}
		e.Bytes += uint64(len(key) + len(value))
		return nil
	})
	return e, err
}

// erase removes a tenant's hours, and notes that there shall be no more.
func (a *account) erase(tenant string) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	b := a.db.NewBatch()
	if err := b.Set(append([]byte{keyGone}, tenant...), nil, nil); err != nil {
		return fmt.Errorf("erase accounting: %w", err)
	}
	err := a.scanOf(tenant, func(key, _ []byte) error { return b.Delete(key, nil) })
	if err != nil {
		return err
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("erase accounting: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone[tenant] = true
	for k := range a.counts {
		if k.tenant == tenant {
			delete(a.counts, k)
			delete(a.dirty, k)
		}
	}
	for k := range a.pending {
		if k.tenant == tenant {
			delete(a.pending, k)
		}
	}
	a.rejects.forget(tenant)
	a.seen.forget(tenant)
	delete(a.totals, tenant)
	a.dropConflicts(tenant)
	return nil
}

// loadGone reads whose accounting was erased.
func (a *account) loadGone() error {
	return scan(a.db, []byte{keyGone}, func(key, _ []byte) error {
		a.gone[string(key[1:])] = true
		return nil
	})
}

// living returns delta without the tenants whose accounting was erased.
func (a *account) living(delta map[hourKey]Counts) map[hourKey]Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.gone) == 0 {
		return delta
	}
	out := make(map[hourKey]Counts, len(delta))
	for k, c := range delta {
		if !a.gone[k.tenant] {
			out[k] = c
		}
	}
	return out
}
