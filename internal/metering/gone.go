package metering

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/tenant"
)

// fate is what became of a deleted tenant's rows.
type fate byte

const (
	forgotten fate = 1 // there are none, and none come any more: what is still charged to it is overhead
	kept      fate = 2 // amounts by hour, kind and source are kept for the bill, without users and shapes
)

// loadGone reads which tenants were deleted.
func (l *Ledger) loadGone() error {
	l.gone = map[tenant.ID]fate{}
	return l.iterate([]byte{spaceGone}, []byte{spaceGone + 1}, func(k, v []byte) error {
		if len(k) < 2 || len(v) != 1 {
			return errAmounts
		}
		l.gone[tenant.ID(k[1:])] = fate(v[0])
		return nil
	})
}

// Kept says whether a deleted tenant's billing figures were kept.
func (l *Ledger) Kept(t tenant.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone[t] == kept
}

// Forget removes everything about a deleted tenant, durably and for ever: what is charged to it later is overhead.
func (l *Ledger) Forget(t tenant.ID) error {
	return l.depart(t, forgotten, func() error { return l.end(t, forgotten, spaceUsage, spaceBudget, spaceText) })
}

// Keep removes everything about a deleted tenant but its amounts by hour, kind and source, durably: users, shapes, their texts, and the notices of
// its budget. It can be repeated, and goes on where a crash has ended it.
func (l *Ledger) Keep(t tenant.ID) error {
	return l.depart(t, kept, func() error {
		if err := l.coarsen(t); err != nil {
			return err
		}
		return l.end(t, kept, spaceBudget, spaceText)
	})
}

// depart lets a tenant meet its fate.
func (l *Ledger) depart(t tenant.ID, f fate, do func() error) error {
	if t == "" {
		return errors.New("metering: no tenant is named")
	}
	done, err := l.use()
	if err != nil {
		return err
	}
	defer done()
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	if err := l.leave(t, f); err != nil {
		return fmt.Errorf("metering: the rows of deleted tenant %s: %w", t, err)
	}
	if err := do(); err != nil {
		return fmt.Errorf("metering: the rows of deleted tenant %s: %w", t, err)
	}
	return nil
}

// leave takes a tenant out of memory: what is added from now on follows its fate.
func (l *Ledger) leave(t tenant.ID, f fate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, r := range l.rows {
		if k.Tenant != t {
			continue
		}
		if f == kept && r.dirty {
			if err := l.db.Set(k.encode(), r.encode(nil), pebble.NoSync); err != nil {
				return err
			}
			l.unsynced = true
		}
		delete(l.rows, k)
	}
	for h := range l.hours {
		if h.tenant == t {
			delete(l.hours, h)
		}
	}
	for k := range l.fresh {
		if k.tenant == t {
			delete(l.fresh, k)
		}
	}
	delete(l.texts, t)
	l.gone[t] = f
	return nil
}

// coarsen makes rows without user and shape of all rows. An hour is one batch: it is in one form or the other.
func (l *Ledger) coarsen(t tenant.ID) error {
	b := l.db.NewBatch()
	defer func() { b.Close() }()
	sums := map[Key]Amounts{}
	hour := uint32(0)
	commit := func() error {
		if b.Empty() {
			return nil
		}
		if err := l.merge(b, sums); err != nil {
			return err
		}
		b.Close()
		b = l.db.NewBatch()
		clear(sums)
		return nil
	}
	err := l.scanTenant(t, 0, ^uint32(0), func(k Key, a Amounts) error {
		if k.Hour != hour {
			if err := commit(); err != nil {
				return err
			}
			hour = k.Hour
		}
		if k.User == "" && k.Shape == "" {
			return nil
		}
		if err := b.Delete(k.encode(), nil); err != nil {
			return err
		}
		k.User, k.Shape = "", ""
		sum := sums[k]
		sum.Add(a)
		sums[k] = sum
		return nil
	})
	if err != nil {
		return err
	}
	return commit()
}

// merge commits a batch with sums added to their rows, also to those in memory.
func (l *Ledger) merge(b *pebble.Batch, sums map[Key]Amounts) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, a := range sums {
		r := l.rows[k]
		if r == nil {
			var err error
			if r, _, err = l.read(k); err != nil {
				return err
			}
		}
		a.Add(r.Amounts)
		if err := b.Set(k.encode(), a.encode(nil), nil); err != nil {
			return err
		}
		sums[k] = a
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return err
	}
	for k, a := range sums {
		if r := l.rows[k]; r != nil {
			r.Amounts = a
		}
	}
	return nil
}

// end notes a deleted tenant's fate and removes it from spaces, in one durable batch; then the files shall not hold it either.
func (l *Ledger) end(t tenant.ID, f fate, spaces ...byte) error {
	b := l.db.NewBatch()
	defer b.Close()
	if err := b.Set(append([]byte{spaceGone}, t...), []byte{byte(f)}, nil); err != nil {
		return err
	}
	for _, space := range spaces {
		if err := b.DeleteRange(tenantPrefix(space, t), tenantEnd(space, t), nil); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	if err := l.db.Flush(); err != nil {
		return err
	}
	for _, space := range []byte{spaceUsage, spaceBudget, spaceText} {
		if err := l.db.Compact(context.Background(), tenantPrefix(space, t), tenantEnd(space, t), false); err != nil {
			return err
		}
	}
	return nil
}

// tenantEnd is behind all keys of a tenant in a space.
func tenantEnd(space byte, t tenant.ID) []byte {
	b := bytes.Clone(tenantPrefix(space, t))
	b[len(b)-1] = 1
	return b
}

// RowsOf counts what Forget would remove, or what Keep would where keeping is set: rows of a tenant that name users or shapes, its notices and texts.
func (l *Ledger) RowsOf(t tenant.ID, keeping bool) (rows, bytes uint64, err error) {
	leave, err := l.use()
	if err != nil {
		return 0, 0, err
	}
	defer leave()
	if err := l.flushNow(); err != nil {
		return 0, 0, err
	}
	for _, space := range []byte{spaceUsage, spaceBudget, spaceText} {
		err := l.iterate(tenantPrefix(space, t), tenantEnd(space, t), func(k, v []byte) error {
			if key, ok := decodeKey(k); ok && keeping && key.User == "" && key.Shape == "" {
				return nil
			}
			rows++
			bytes += uint64(len(k) + len(v))
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return rows, bytes, nil
}
