package metering

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/damage"
	"weir/internal/tenant"
)

// Ledger keeps the sums. What is added stands in memory, as the whole sum of its row, until Flush writes it: a row is only ever replaced by a
// later sum, so nothing can count twice, and a crash loses what was added since the last Flush. It is safe for concurrent use.
type Ledger struct {
	db      *pebble.DB
	maxRows int // of one tenant and hour (or day), before users and shapes become Other
	maxHeld int // rows in memory after a Flush

	life sync.RWMutex // held for reading by whoever uses the store
	// rewriting is held by whoever writes rows anew that it has read before: making days, a deleted tenant's fate, texts.
	rewriting sync.Mutex
	closed    bool

	mu    sync.Mutex
	rows  map[Key]*row
	hours map[tenantHour]int // rows of the hours that rows are added to
	// Something was added since the last flush; something was written since the last sync.
	changed, unsynced bool
	gone              map[tenant.ID]fate // deleted tenants
	fresh             map[textKey]bool   // shapes of rows that are new, whose text is not noted yet
	texts             map[tenant.ID]int  // how many texts are kept, of tenants that were looked at
}

type row struct {
	Amounts
	dirty bool
}

type tenantHour struct {
	tenant tenant.ID
	hour   uint32
}

const (
	defaultMaxRows = 1000    // of one tenant and hour: some 100 bytes each
	defaultMaxHeld = 100_000 // in memory: some 350 bytes each
)

// ErrClosed says that the ledger was closed.
var ErrClosed = errors.New("metering: the ledger is closed: the process stops")

// NewLedger returns a ledger on a store that is the caller's, who closes it after Close. It reads which tenants were deleted.
func NewLedger(db *pebble.DB) (*Ledger, error) {
	l := &Ledger{db: db, maxRows: defaultMaxRows, maxHeld: defaultMaxHeld, rows: map[Key]*row{}, hours: map[tenantHour]int{},
		fresh: map[textKey]bool{}, texts: map[tenant.ID]int{}}
	return l, l.loadGone()
}

// Close waits for those who use the store, and refuses everything that comes later with ErrClosed. What was added and not flushed is discarded.
// It does not close the store. It can be repeated.
func (l *Ledger) Close() {
	l.life.Lock()
	defer l.life.Unlock()
	l.closed = true
}

// use must be called before the store is used, by the exported methods only; leave ends that.
func (l *Ledger) use() (leave func(), err error) {
	l.life.RLock()
	if l.closed {
		l.life.RUnlock()
		return nil, ErrClosed
	}
	return l.life.RUnlock, nil
}

// Add adds to a row.
func (l *Ledger) Add(k Key, a Amounts) error {
	leave, err := l.use()
	if err != nil {
		return err
	}
	defer leave()
	k.Source, k.User, k.Shape = clean(k.Source), clean(k.User), clean(k.Shape)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.gone[k.Tenant] {
	case kept:
		k.User, k.Shape = "", ""
	case forgotten:
		if a = (Amounts{CPU: a.CPU, CPUEstimated: a.CPUEstimated}); a == (Amounts{}) {
			return nil
		}
		k = Key{Hour: k.Hour, Kind: KindOverhead, Source: overheadDeleted}
	}
	r, err := l.rowLocked(k)
	if err != nil {
		return err
	}
	r.Amounts.Add(a)
	r.dirty, l.changed = true, true
	return nil
}

// rowLocked finds the row, or the one that stands for it when the tenant's hour has too many. A row that damage keeps from being read begins anew: what stood in
// it is lost, what comes is not.
func (l *Ledger) rowLocked(k Key) (*row, error) {
	for {
		if r := l.rows[k]; r != nil {
			return r, nil
		}
		n, err := l.countLocked(tenantHour{k.Tenant, k.Hour})
		if err != nil && !damage.Of(err) { // rows that cannot be counted do not count for the bound
			return nil, err
		}
		r, found, err := l.read(k)
		if err != nil && !damage.Of(err) {
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
			if k.Shape != "" && k.Shape != Other {
				l.fresh[textKey{k.Tenant, k.Shape}] = true
			}
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
		return &row{}, false, fmt.Errorf("metering: read the ledger: %w", err)
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
	return iterate(l.db, from, to, fn)
}

func iterate(r pebble.Reader, from, to []byte, fn func(k, v []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
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

// Flush writes what was added, in one batch; synced says that it must survive a power cut. Rows of hours that are over leave the memory, and
// all rows when they are too many: a row is read again when something is added to it.
func (l *Ledger) Flush(now time.Time, synced bool) error {
	leave, err := l.use()
	if err != nil {
		return err
	}
	defer leave()
	return l.flush(now, synced)
}

func (l *Ledger) flushNow() error { return l.flush(time.Now(), false) }

func (l *Ledger) flush(now time.Time, synced bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed {
		if err := l.writeLocked(now, synced); err != nil {
			return err
		}
		l.changed, l.unsynced = false, !synced
	}
	if synced && l.unsynced { // what an earlier flush has written
		if err := l.db.LogData(nil, pebble.Sync); err != nil {
			return fmt.Errorf("metering: sync the ledger: %w", err)
		}
		l.unsynced = false
	}
	return nil
}

func (l *Ledger) writeLocked(now time.Time, synced bool) error {
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
	if err := b.Commit(how); err != nil {
		return fmt.Errorf("metering: write the ledger: %w", err)
	}
	many := len(l.rows) > l.maxHeld
	for k, r := range l.rows {
		if r.dirty = false; many || k.Hour < hourOf(now) {
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
	leave, err := l.use()
	if err != nil {
		return err
	}
	defer leave()
	if err := l.flushNow(); err != nil {
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
	return scanTenant(l.db, t, from, to, fn)
}

func scanTenant(r pebble.Reader, t tenant.ID, from, to uint32, fn func(Key, Amounts) error) error {
	return iterate(r, hourPrefix(t, from), hourPrefix(t, to), func(kb, v []byte) error {
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

// View fixes what a tenant has used until now, for Scan. It must be closed.
type View struct {
	ledger *Ledger
	tenant tenant.ID
	at     *pebble.Snapshot
	leave  func()
}

// View returns the ledger as it stands: what is added later is not in it.
func (l *Ledger) View(t tenant.ID) (*View, error) {
	leave, err := l.use()
	if err != nil {
		return nil, err
	}
	if err := l.flushNow(); err != nil {
		leave()
		return nil, err
	}
	return &View{l, t, l.db.NewSnapshot(), leave}, nil
}

// Scan calls fn with the tenant's rows of hours in [from, to).
func (v *View) Scan(from, to uint32, fn func(Key, Amounts) error) error {
	return scanTenant(v.at, v.tenant, from, to, fn)
}

// Close ends the view.
func (v *View) Close() error {
	defer v.leave()
	return v.at.Close()
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
