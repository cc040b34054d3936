package metering

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/tenant"
)

// Ledger keeps the sums. What is added stands in memory, as the whole sum of its row, until Flush writes it: a row is only ever replaced by a
// later sum, so nothing can count twice, and a crash loses what was added since the last Flush. It is safe for concurrent use.
type Ledger struct {
	db      *pebble.DB
	maxRows int // of one tenant and hour, before users and shapes become Other

	mu    sync.Mutex
	rows  map[Key]*row
	hours map[tenantHour]int // rows of the hours that rows are added to
}

type row struct {
	Amounts
	dirty bool
}

type tenantHour struct {
	tenant tenant.ID
	hour   uint32
}

// defaultMaxRows bounds the rows of one tenant and hour: some 100 bytes each.
const defaultMaxRows = 1000

// NewLedger returns a ledger on a store that is the caller's. It does no I/O.
func NewLedger(db *pebble.DB) *Ledger {
	return &Ledger{db: db, maxRows: defaultMaxRows, rows: map[Key]*row{}, hours: map[tenantHour]int{}}
}

// Add adds to a row.
func (l *Ledger) Add(k Key, a Amounts) error {
	k.Source, k.User, k.Shape = clean(k.Source), clean(k.User), clean(k.Shape)
	l.mu.Lock()
	defer l.mu.Unlock()
	r, err := l.rowLocked(k)
	if err != nil {
		return err
	}
	r.Amounts.Add(a)
	r.dirty = true
	return nil
}

// rowLocked finds the row, or the one that stands for it when the tenant's hour has too many.
func (l *Ledger) rowLocked(k Key) (*row, error) {
	for {
		if r := l.rows[k]; r != nil {
			return r, nil
		}
		n, err := l.countLocked(tenantHour{k.Tenant, k.Hour})
		if err != nil {
			return nil, err
		}
		r, found, err := l.read(k)
		if err != nil {
			return nil, err
		}
		switch {
		case found || k.Tenant == "":
		case n >= l.maxRows && (k.User != Other || k.Shape != Other):
			k.User, k.Shape = Other, Other
			continue
		case n >= 2*l.maxRows && k.Source != Other:
			k.Source = Other
			continue
		}
		if !found {
			l.hours[tenantHour{k.Tenant, k.Hour}]++
		}
		l.rows[k] = r
		return r, nil
	}
}

func (l *Ledger) read(k Key) (*row, bool, error) {
	v, closer, err := l.db.Get(k.encode())
	if errors.Is(err, pebble.ErrNotFound) {
		return &row{}, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("metering: read the ledger: %w", err)
	}
	defer closer.Close()
	a, err := decodeAmounts(v)
	return &row{Amounts: a}, true, err
}

// countLocked counts the rows of a tenant's hour, from the store at its first use.
func (l *Ledger) countLocked(h tenantHour) (int, error) {
	if n, ok := l.hours[h]; ok {
		return n, nil
	}
	n := 0
	err := l.iterate(hourPrefix(h.tenant, h.hour), hourPrefix(h.tenant, h.hour+1), func(_, _ []byte) error { n++; return nil })
	l.hours[h] = n
	return n, err
}

func (l *Ledger) iterate(from, to []byte, fn func(k, v []byte) error) error {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("metering: read the ledger: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		if err = fn(it.Key(), it.Value()); err != nil {
			break
		}
	}
	return errors.Join(err, it.Error(), it.Close())
}

// Flush writes what was added, in one batch; synced says that it must survive a power cut. Rows of hours that are over leave the memory.
func (l *Ledger) Flush(now time.Time, synced bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.db.NewBatch()
	defer b.Close()
	for k, r := range l.rows {
		if r.dirty {
			if err := b.Set(k.encode(), r.encode(nil), nil); err != nil {
				return fmt.Errorf("metering: write the ledger: %w", err)
			}
		}
	}
	how := pebble.NoSync
	if synced {
		how = pebble.Sync
	}
	if b.Count() == 0 && !synced {
		return nil
	}
	if b.Count() > 0 {
		if err := b.Commit(how); err != nil {
			return fmt.Errorf("metering: write the ledger: %w", err)
		}
	}
	for k, r := range l.rows {
		if r.dirty = false; k.Hour < hourOf(now) {
			delete(l.rows, k)
		}
	}
	for h := range l.hours {
		if h.hour < hourOf(now) {
			delete(l.hours, h)
		}
	}
	return nil
}

// Scan calls fn with the rows of hours in [from, to) of a tenant, or of all tenants and the installation when all is set. What was added
// before is seen.
func (l *Ledger) Scan(t tenant.ID, all bool, from, to uint32, fn func(Key, Amounts) error) error {
	if err := l.Flush(time.Now(), false); err != nil {
		return err
	}
	if !all {
		return l.scanTenant(t, from, to, fn)
	}
	ids, err := l.tenants()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := l.scanTenant(id, from, to, fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) scanTenant(t tenant.ID, from, to uint32, fn func(Key, Amounts) error) error {
	return l.iterate(hourPrefix(t, from), hourPrefix(t, to), func(kb, v []byte) error {
		k, ok := decodeKey(kb)
		if !ok {
			return errAmounts
		}
		a, err := decodeAmounts(v)
		if err != nil {
			return err
		}
		return fn(k, a)
	})
}

// tenants lists who has rows, the installation first.
func (l *Ledger) tenants() ([]tenant.ID, error) {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceUsage}, UpperBound: []byte{spaceUsage + 1}})
	if err != nil {
		return nil, fmt.Errorf("metering: read the ledger: %w", err)
	}
	var out []tenant.ID
	for ok := it.First(); ok; {
		id, _, found := bytes.Cut(it.Key()[1:], []byte{0})
		if !found {
			ok = it.Next()
			continue
		}
		t := tenant.ID(id)
		out = append(out, t)
		ok = it.SeekGE(append(tenantPrefix(spaceUsage, t)[:1+len(t)], 1)) // behind all of its rows
	}
	return out, errors.Join(it.Error(), it.Close())
}

// Forget removes everything about a tenant, durably.
func (l *Ledger) Forget(t tenant.ID) error {
	if t == "" {
		return errors.New("metering: no tenant is named")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.rows {
		if k.Tenant == t {
			delete(l.rows, k)
		}
	}
	for h := range l.hours {
		if h.tenant == t {
			delete(l.hours, h)
		}
	}
	b := l.db.NewBatch()
	defer b.Close()
	for _, space := range []byte{spaceUsage, spaceBudget} {
		from := tenantPrefix(space, t)
		to := append(bytes.Clone(from[:len(from)-1]), 1)
		if err := b.DeleteRange(from, to, nil); err != nil {
			return fmt.Errorf("metering: forget %s: %w", t, err)
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("metering: forget %s: %w", t, err)
	}
	if err := l.db.Flush(); err != nil {
		return fmt.Errorf("metering: forget %s: %w", t, err)
	}
	from, to := tenantPrefix(spaceUsage, t), tenantPrefix(spaceUsage, t)
	to[len(to)-1] = 1
	if err := l.db.Compact(context.Background(), from, to, false); err != nil { // the files shall not hold them either
		return fmt.Errorf("metering: forget %s: %w", t, err)
	}
	return nil
}

// RowsOf counts the rows of a tenant and their bytes.
func (l *Ledger) RowsOf(t tenant.ID) (rows, bytes uint64, err error) {
	if err := l.Flush(time.Now(), false); err != nil {
		return 0, 0, err
	}
	from, to := tenantPrefix(spaceUsage, t), tenantPrefix(spaceUsage, t)
	to[len(to)-1] = 1
	err = l.iterate(from, to, func(k, v []byte) error {
		rows++
		bytes += uint64(len(k) + len(v))
		return nil
	})
	return rows, bytes, err
}

// keepHours is how long hours stay before they become days.
const keepHours = 90 * 24

// Compact makes days of the hours of whole days that are older than 90 days: each in one batch, so that a crash leaves a day in one form.
func (l *Ledger) Compact(now time.Time) (days int, err error) {
	ids, err := l.tenants()
	if err != nil {
		return 0, err
	}
	end := (hourOf(now) - keepHours) / 24 * 24
	for _, id := range ids {
		n, err := l.compactTenant(id, end)
		if days += n; err != nil {
			return days, err
		}
	}
	return days, nil
}

func (l *Ledger) compactTenant(id tenant.ID, end uint32) (days int, err error) {
	sums := map[Key]*Amounts{}
	b := l.db.NewBatch()
	defer func() { b.Close() }()
	day := uint32(0)
	commit := func() error {
		if len(sums) == 0 {
			return nil
		}
		for k, a := range sums {
			old, _, err := l.read(k)
			if err != nil {
				return err
			}
			a.Add(old.Amounts)
			if err := b.Set(k.encode(), a.encode(nil), nil); err != nil {
				return err
			}
		}
		if err := b.Commit(pebble.Sync); err != nil {
			return fmt.Errorf("metering: compact: %w", err)
		}
		b.Close()
		b, days = l.db.NewBatch(), days+1
		clear(sums)
		return nil
	}
	err = l.scanTenant(id, 0, end, func(k Key, a Amounts) error {
		if k.Day {
			return nil
		}
		if d := k.Hour / 24; d != day {
			if err := commit(); err != nil {
				return err
			}
			day = d
		}
		if err := b.Delete(k.encode(), nil); err != nil {
			return err
		}
		k.Day, k.Hour = true, k.Hour/24*24
		if sums[k] == nil {
			sums[k] = &Amounts{}
		}
		sums[k].Add(a)
		return nil
	})
	if err == nil {
		err = commit()
	}
	return days, err
}

// Prices returns the price books by the time from which each holds, the oldest first.
func (l *Ledger) Prices() ([]PricedFrom, error) {
	var out []PricedFrom
	err := l.iterate([]byte{spacePrices}, []byte{spacePrices + 1}, func(k, v []byte) error {
		if len(k) != 9 {
			return errAmounts
		}
		p := PricedFrom{From: time.Unix(int64(binary.BigEndian.Uint64(k[1:])), 0).UTC()}
		if err := json.Unmarshal(v, &p.Book); err != nil {
			return fmt.Errorf("metering: price book of %s: %w", p.From, err)
		}
		out = append(out, p)
		return nil
	})
	return out, err
}

// PricedFrom is a price book and the time from which it holds.
type PricedFrom struct {
	From time.Time
	Book Book
}

// SetPrices makes a book hold from now on (from the hour that has begun), if it differs from the latest.
func (l *Ledger) SetPrices(b Book, now time.Time) ([]PricedFrom, error) {
	list, err := l.Prices()
	if err != nil {
		return nil, err
	}
	if n := len(list); n > 0 && list[n-1].Book == b {
		return list, nil
	}
	v, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("metering: price book: %w", err)
	}
	from := now.Truncate(time.Hour)
	if err := l.db.Set(binary.BigEndian.AppendUint64([]byte{spacePrices}, uint64(from.Unix())), v, pebble.Sync); err != nil {
		return nil, fmt.Errorf("metering: price book: %w", err)
	}
	return l.Prices()
}
