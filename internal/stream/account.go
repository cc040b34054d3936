package stream

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sort"
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

type hourKey struct {
	hour   uint32 // hours since the Unix epoch
	tenant string
}

func hourOf(ms int64) uint32 { return uint32(ms / (60 * 60 * 1000)) }

// account keeps the accounting: in memory for answers, in the state store for ever. What a commit
// changes is written in that commit's batch; what doors report is written within a second.
type account struct {
	// writing is held from computing what is stored until it is stored and visible, so that two writers
	// of one hour do not overwrite each other.
	writing sync.Mutex

	mu        sync.Mutex
	counts    map[hourKey]*Counts
	pending   map[hourKey]int64 // may be below zero for a moment: the processor can be faster than the door's report
	dirty     map[hourKey]bool  // changed by doors since the last flush
	conflicts map[string]Conflict
}

func newAccount() *account {
	return &account{counts: map[hourKey]*Counts{}, pending: map[hourKey]int64{}, dirty: map[hourKey]bool{}, conflicts: map[string]Conflict{}}
}

func (a *account) load(db *pebble.DB) error {
	return scan(db, []byte{keyAccount}, func(key, value []byte) error {
		if len(key) < 5 {
			return fmt.Errorf("accounting key %q is too short", key)
		}
		c := &Counts{}
		if err := json.Unmarshal(value, c); err != nil {
			return fmt.Errorf("accounting of %q: %w", key, err)
		}
		a.counts[hourKey{binary.BigEndian.Uint32(key[1:]), string(key[5:])}] = c
		return nil
	})
}

func (k hourKey) bytes() []byte {
	return append(binary.BigEndian.AppendUint32([]byte{keyAccount}, k.hour), k.tenant...)
}

// commit commits the batch, synced, with delta added to the stored counts, and then makes delta visible
// and takes the processed rows from pending.
func (a *account) commit(b *pebble.Batch, delta map[hourKey]Counts, processed map[hourKey]int64) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	if err := a.stage(b, delta); err != nil {
		return err
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, d := range delta {
		a.of(k).add(d)
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
		if old := a.counts[k]; old != nil {
			c.add(*old)
		}
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

func (a *account) of(k hourKey) *Counts {
	c := a.counts[k]
	if c == nil {
		c = &Counts{}
		a.counts[k] = c
	}
	return c
}

func (a *account) movePending(k hourKey, n int64) {
	if a.pending[k] += n; a.pending[k] == 0 {
		delete(a.pending, k)
	}
}

// pend adds rows that wait in the log.
func (a *account) pend(rows map[hourKey]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, n := range rows {
		a.movePending(k, n)
	}
}

// rowsByHour counts the rows of a batch by tenant and hour of arrival.
func rowsByHour(b *event.Batch) map[hourKey]int64 {
	out := map[hourKey]int64{}
	tenants, of := b.Dict(event.ColTenant)
	for i, ms := range b.Times(event.ColReceivedAt) {
		out[hourKey{hourOf(ms), string(tenants[of[i]])}]++
	}
	return out
}

// door notes what a door decided by itself.
func (a *account) door(tenant string, at time.Time, d Counts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := hourKey{hourOf(at.UnixMilli()), tenant}
	a.of(k).add(d)
	a.dirty[k] = true
}

// flush writes what doors have reported.
func (a *account) flush(db *pebble.DB) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.dirty) == 0 {
		return nil
	}
	b := db.NewBatch()
	for k := range a.dirty {
		if err := put(b, k, *a.counts[k]); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("write accounting: %w", err)
	}
	clear(a.dirty)
	return nil
}

// hours returns the accounting of a tenant for hours that begin in [from, to), oldest first.
func (a *account) hours(tenant string, from, to time.Time) []Hour {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := map[uint32]*Hour{}
	at := func(k hourKey) *Hour {
		t := time.Unix(int64(k.hour)*3600, 0).UTC()
		if k.tenant != tenant || t.Before(from) || !t.Before(to) {
			return nil
		}
		if seen[k.hour] == nil {
			seen[k.hour] = &Hour{Hour: t}
		}
		return seen[k.hour]
	}
	for k, c := range a.counts {
		if h := at(k); h != nil {
			h.Counts = *c
		}
	}
	for k, n := range a.pending {
		if h := at(k); h != nil && n > 0 {
			h.Pending = uint64(n)
		}
	}
	out := make([]Hour, 0, len(seen))
	for _, h := range seen {
		h.Pending += h.Late
		h.Received = h.Stored + h.Deduplicated + h.Rejected + h.Filtered + h.Quarantined + h.Erased + h.Pending
		out = append(out, *h)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Hour.Before(out[j].Hour) })
	return out
}

func (a *account) conflict(tenant string, c Conflict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conflicts[tenant] = c
}

func (a *account) conflictOf(tenant string) (Conflict, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.conflicts[tenant]
	return c, ok
}
