package stream

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
)

// Counts says what became of the events of one tenant that arrived in one hour.
type Counts struct {
	Stored       uint64 `json:"stored"`
	Deduplicated uint64 `json:"deduplicated"` // includes conflicts
	Rejected     uint64 `json:"rejected"`
	Filtered     uint64 `json:"filtered"`
	Quarantined  uint64 `json:"quarantined"`
	Erased       uint64 `json:"erased"`
	Late         uint64 `json:"late"`      // accepted, waiting in the late stream: part of pending
	Conflicts    uint64 `json:"conflicts"` // repeats whose payload differs from the first
	Bytes        uint64 `json:"bytes"`     // bytes of request bodies, as they arrived
	// Delayed are those of Stored and Late whose time lies before their arrival by more than settle, an hour, Config.LateAfter (each only in
	// the last that holds). What was imported is not among them.
	Delayed [delays]uint64 `json:"delayed,omitzero"`
}

func (c *Counts) add(d Counts) {
	c.Stored += d.Stored
	c.Deduplicated += d.Deduplicated
	c.Rejected += d.Rejected
	c.Filtered += d.Filtered
	c.Quarantined += d.Quarantined
	c.Erased += d.Erased
	c.Late += d.Late
	c.Conflicts += d.Conflicts
	c.Bytes += d.Bytes
	for i, n := range d.Delayed {
		c.Delayed[i] += n
	}
}

// Hour is the accounting of one tenant and hour of arrival. Received is the sum of the other
// counts but conflicts, which are part of Deduplicated.
type Hour struct {
	Hour     time.Time
	Received uint64
	Pending  uint64 // accepted and not processed yet
	Counts
}

// Conflict is an example of an event id that came with two payloads.
type Conflict struct {
	Site    string    `json:"site_id"`
	EventID string    `json:"event_id"`
	Type    string    `json:"type"`
	At      time.Time `json:"at"`
}

// hourKey names what is counted together. Without a site it is all of the tenant's, with one what is that site's part of it.
type hourKey struct {
	hour   uint32 // hours since the Unix epoch
	tenant string
	site   string
}

func hourOf(ms int64) uint32 { return uint32(ms / (60 * 60 * 1000)) }

// recentHours is how many hours of accounting stay in memory; older ones are read from the state store when they are asked for.
const recentHours = 48

// recentSiteHours is the same for the accounting of sites, which is read far less often.
const recentSiteHours = 2

// account keeps the accounting: in the state store for ever, the last hours in memory. What a commit
// changes is written in that commit's batch; what doors report is written within a second, and durable a second later.
type account struct {
	db *pebble.DB
	// writing is held from computing what is stored until it is stored and visible, so that two writers
	// of one hour do not overwrite each other.
	writing  sync.Mutex
	unsynced bool // something is written that no synced write has followed; writing guards it

	mu        sync.Mutex
	recent    uint32    // the first hour that is in memory
	since     time.Time // when accounting by site began; zero: with the first event
	aged      uint32    // the hour in which memory was last rid of what is old
	counts    map[hourKey]*Counts
	pending   map[hourKey]int64   // may be below zero for a moment: the processor can be faster than the door's report
	dirty     map[hourKey]bool    // changed by doors since the last flush
	totals    map[string]*Counts  // by tenant, since the start
	conflicts map[string]Conflict // by tenant, and by tenant and site (conflictKey)
	rejects   rejects
	seen      sightings
	gone      map[string]bool // tenants whose accounting was erased: nothing more is kept of them
}

func newAccount(db *pebble.DB) *account {
	return &account{db: db, counts: map[hourKey]*Counts{}, pending: map[hourKey]int64{}, dirty: map[hourKey]bool{},
		totals: map[string]*Counts{}, conflicts: map[string]Conflict{}, rejects: newRejects(), seen: newSightings(), gone: map[string]bool{}}
}

// load reads the last hours.
func (a *account) load(now time.Time) error {
	if err := a.loadGone(); err != nil {
		return err
	}
	a.recent = hourOf(now.UnixMilli()) - recentHours
	if err := a.loadSince(now); err != nil {
		return err
	}
	return scanFrom(a.db, []byte{keyAccount}, hourKey{hour: a.recent}.bytes(), func(key, value []byte) error {
		if len(key) < 5 {
			return fmt.Errorf("accounting key %q is too short", key)
		}
		c := &Counts{}
		if err := json.Unmarshal(value, c); err != nil {
			return fmt.Errorf("accounting of %q: %w", key, err)
		}
		a.counts[hourKey{hour: binary.BigEndian.Uint32(key[1:]), tenant: string(key[5:])}] = c
		return nil
	})
}

// read returns the stored counts of an hour that is not in memory.
func (a *account) read(k hourKey) (Counts, error) {
	var c Counts
	v, err := readValue(a.db, k.bytes())
	if err != nil || v == nil {
		return c, err
	}
	if err := json.Unmarshal(v, &c); err != nil {
		return c, fmt.Errorf("accounting of %q: %w", k.bytes(), err)
	}
	return c, nil
}

// ofLocked returns the counts of an hour, read from the store if it is an old one.
func (a *account) ofLocked(k hourKey) (*Counts, error) {
	if c := a.counts[k]; c != nil {
		return c, nil
	}
	c := &Counts{}
	if k.hour < a.recent || k.site != "" {
		old, err := a.read(k)
		if err != nil {
			return nil, err
		}
		*c = old
	}
	a.counts[k] = c
	return c, nil
}

// addLocked adds to an hour that ofLocked has returned before, and to the tenant's total.
func (a *account) addLocked(k hourKey, d Counts) {
	a.counts[k].add(d)
	if k.site != "" {
		return
	}
	t := a.totals[k.tenant]
	if t == nil {
		t = &Counts{}
		a.totals[k.tenant] = t
	}
	t.add(d)
}

func (k hourKey) bytes() []byte {
	if k.site != "" {
		return k.under(keySites)
	}
	return append(binary.BigEndian.AppendUint32([]byte{keyAccount}, k.hour), k.tenant...)
}

// commit commits the batch, synced, with delta added to the stored counts, and then makes delta visible
// and takes the processed rows from pending.
func (a *account) commit(b *pebble.Batch, delta map[hourKey]Counts, processed map[hourKey]int64) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	delta, processed = a.living(withTenants(delta)), waiting(processed)
	if err := a.stage(b, delta); err != nil {
		return err
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	a.unsynced = false
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, d := range delta {
		a.addLocked(k, d)
	}
	for k, n := range processed {
		a.movePending(k, -n)
	}
	return nil
}

func (a *account) stage(b *pebble.Batch, delta map[hourKey]Counts) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, c := range delta {
		old, err := a.ofLocked(k)
		if err != nil {
			return err
		}
		c.add(*old)
		if err := put(b, k, c); err != nil {
			return err
		}
	}
	return nil
}

func put(b *pebble.Batch, k hourKey, c Counts) error {
	v, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode accounting: %w", err)
	}
	return b.Set(k.bytes(), v, nil)
}

func (a *account) movePending(k hourKey, n int64) {
	if a.gone[k.tenant] {
		return
	}
	if a.pending[k] += n; a.pending[k] == 0 {
		delete(a.pending, k)
	}
}

// pend adds rows that wait in the log.
func (a *account) pend(rows map[hourKey]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, n := range waiting(rows) {
		a.movePending(k, n)
	}
}

// rowsByHour counts the rows of a batch by site and hour of arrival.
func rowsByHour(b *event.Batch) map[hourKey]int64 {
	out := map[hourKey]int64{}
	tenants, of := b.Dict(event.ColTenant)
	sites, siteOf := b.Dict(event.ColSite)
	times := b.Times(event.ColReceivedAt)
	for from := 0; from < len(times); { // rows of one site and hour mostly lie together
		tenant, site, hour := of[from], siteOf[from], hourOf(times[from])
		to := from + 1
		for to < len(times) && of[to] == tenant && siteOf[to] == site && hourOf(times[to]) == hour {
			to++
		}
		out[hourKey{hour, string(tenants[tenant]), string(sites[site])}] += int64(to - from)
		from = to
	}
	return out
}

// door notes what a door decided by itself. Without a site it counts for the tenant, as siteless.
func (a *account) door(tenant, site string, at time.Time, d Counts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone[tenant] {
		return
	}
	k := hourKey{hour: hourOf(at.UnixMilli()), tenant: tenant}
	a.doorLocked(k, d)
	if site == "" && d.Rejected+d.Filtered == 0 {
		return // bytes are not told apart by site
	}
	k.site = cmp.Or(site, siteless)
	a.doorLocked(k, d)
}

func (a *account) doorLocked(k hourKey, d Counts) {
	if _, err := a.ofLocked(k); err != nil {
		return // the hour lies two days back and cannot be read: a door never reports such a one
	}
	a.addLocked(k, d)
	a.dirty[k] = true
}

// flush writes what doors have reported, and drops from memory what is not recent any more. What is written is durable with the next commit, or, where none
// comes, at the next flush: the state store keeps what is not synced in the memory of the process.
func (a *account) flush(now time.Time) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.unsynced {
		if err := a.db.LogData(nil, pebble.Sync); err != nil {
			return fmt.Errorf("sync accounting: %w", err)
		}
		a.unsynced = false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.db.NewBatch()
	defer b.Close()
	for k := range a.dirty {
		if err := put(b, k, *a.counts[k]); err != nil {
			return err
		}
	}
	if err := a.rejects.stage(b, a.db); err != nil {
		return err
	}
	if err := a.seen.stage(b); err != nil {
		return err
	}
	if !b.Empty() {
		if err := b.Commit(pebble.NoSync); err != nil {
			return fmt.Errorf("write accounting: %w", err)
		}
		a.unsynced = true
		clear(a.dirty)
		a.rejects.written()
		a.seen.written()
	}
	a.age(hourOf(now.UnixMilli()))
	return nil
}

// age drops from memory what is not recent any more; all of it is in the store.
func (a *account) age(hour uint32) {
	of := hour - recentHours
	if of > a.recent {
		a.recent = of
	}
	if hour == a.aged {
		return
	}
	a.aged = hour
	for k := range a.counts {
		if k.hour < a.recent || k.site != "" && k.hour < hour-recentSiteHours {
			delete(a.counts, k)
		}
	}
	a.rejects.age(hour - recentSiteHours)
	a.seen.age(hour - recentHours)
}

func (a *account) conflict(tenant string, c Conflict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone[tenant] {
		return
	}
	a.conflicts[tenant] = c
	a.conflicts[conflictKey(tenant, c.Site)] = c
}

func conflictKey(tenant, site string) string { return tenant + "\x00" + site }

// dropConflicts forgets those of a tenant; a.mu is held.
func (a *account) dropConflicts(tenant string) {
	maps.DeleteFunc(a.conflicts, func(key string, _ Conflict) bool {
		return key == tenant || strings.HasPrefix(key, conflictKey(tenant, ""))
	})
}

func (a *account) conflictOf(key string) (Conflict, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.conflicts[key]
	return c, ok
}

// forget drops from memory what is of a tenant that is gone.
func (a *account) forget(tenant string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.totals, tenant)
	a.dropConflicts(tenant)
}
