package metering

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/damage"
	"weir/internal/tenant"
)

// keepHours is how long hours stay before they become days.
const keepHours = 90 * 24

// Compact makes days of the hours of whole days that are older than 90 days: each in one batch, so that a crash leaves a day in one form. A day in
// which prices changed stays in as many parts. Texts of shapes that were not asked for 90 days go too, and notices of months before the last year.
// What damage keeps from being read stays as it is, and is an error when the rest is done.
func (l *Ledger) Compact(now time.Time) (days int, err error) {
	leave, err := l.use()
	if err != nil {
		return 0, err
	}
	defer leave()
	ids, err := l.tenants() // those before the damage
	if err != nil && !damage.Of(err) {
		return 0, err
	}
	damaged := err
	prices, err := l.priceList()
	if err != nil {
		return 0, err
	}
	end := (hourOf(now) - keepHours) / 24 * 24
	for _, id := range ids {
		c := compaction{ledger: l, prices: prices, sums: map[Key]*Amounts{}, batch: l.db.NewBatch()}
		l.rewriting.Lock()
		err := c.tenant(id, end)
		l.rewriting.Unlock()
		if days += c.days; err != nil && !damage.Of(err) {
			return days, err
		}
		damaged = errors.Join(damaged, err)
	}
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	for _, drop := range []func(time.Time) error{l.dropTexts, l.dropNotices} {
		err := drop(now)
		if err != nil && !damage.Of(err) {
			return days, err
		}
		damaged = errors.Join(damaged, err)
	}
	return days, damaged
}

// compaction makes days of one tenant's hours.
type compaction struct {
	ledger *Ledger
	prices []PricedFrom
	sums   map[Key]*Amounts // of one day
	batch  *pebble.Batch
	days   int
}

func (c *compaction) tenant(id tenant.ID, end uint32) (err error) {
	defer func() { c.batch.Close() }()
	day := uint32(0)
	err = c.ledger.scanTenant(id, 0, end, func(k Key, a Amounts) error {
		if k.Day {
			return nil
		}
		if d := k.Hour / 24; d != day {
			if err := c.commit(); err != nil {
				return err
			}
			day = d
		}
		if err := c.batch.Delete(k.encode(), nil); err != nil {
			return err
		}
		k.Day = true
		k.Hour, _ = segment(c.prices, k.Hour)
		c.add(k, a)
		return nil
	})
	if err == nil {
		err = c.commit()
	}
	return err
}

func (c *compaction) add(k Key, a Amounts) {
	if c.sums[k] == nil {
		c.sums[k] = &Amounts{}
	}
	c.sums[k].Add(a)
}

// commit writes a day.
func (c *compaction) commit() error {
	if len(c.sums) == 0 {
		return nil
	}
	c.bound()
	for k, a := range c.sums {
		old, _, err := c.ledger.read(k)
		if err != nil {
			return err
		}
		a.Add(old.Amounts)
		if err := c.batch.Set(k.encode(), a.encode(nil), nil); err != nil {
			return err
		}
	}
	if err := c.batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("metering: compact: %w", err)
	}
	c.batch.Close()
	c.batch, c.days = c.ledger.db.NewBatch(), c.days+1
	clear(c.sums)
	return nil
}

// bound keeps the users and shapes of a day that used the most CPU, and sums up the others as Other, sources only when that is not enough: a day has about as many rows as an hour may have.
func (c *compaction) bound() {
	if len(c.sums) <= c.ledger.maxRows {
		return
	}
	keys := make([]Key, 0, len(c.sums))
	for k := range c.sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(c.sums[b].CPU, c.sums[a].CPU), cmp.Compare(c.sums[b].Count, c.sums[a].Count), cmp.Compare(string(a.encode()), string(b.encode())))
	})
	rest := map[Key]*Amounts{}
	for _, k := range keys[c.ledger.maxRows:] {
		rest[k] = c.sums[k]
		delete(c.sums, k)
	}
	for _, k := range keys[c.ledger.maxRows:] {
		a := rest[k]
		if k.User != "" || k.Shape != "" { // others have nothing to be summed up by
			k.User, k.Shape = Other, Other
		}
		if len(c.sums) >= 2*c.ledger.maxRows && c.sums[k] == nil {
			k.Source = Other
		}
		c.add(k, *a)
	}
}
