package stream

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// siteless stands for the site of what names none that the tenant has. No site is called so.
const siteless = "\x00"

// delays are the classes of Counts.Delayed.
const delays = 3

const (
	delayFrom  = int64(settle / time.Millisecond)    // less is no delay: sessions and reports are not settled before
	delayLong  = int64(time.Hour / time.Millisecond) // the second class
	classShort = 0
	classLong  = 1
	classLate  = 2 // went by the late stream
)

// delayOf is the class of a delay in milliseconds, which is more than delayFrom.
func delayOf(ms, lateAfter int64) int {
	switch {
	case ms > lateAfter:
		return classLate
	case ms > delayLong:
		return classLong
	}
	return classShort
}

// under is the key of what a site has in an hour.
func (k hourKey) under(prefix byte) []byte {
	b := append(binary.BigEndian.AppendUint32([]byte{prefix}, k.hour), k.tenant...)
	return append(append(b, 0), k.site...)
}

// withTenants adds to what belongs to sites what that makes of their tenants.
func withTenants(delta map[hourKey]Counts) map[hourKey]Counts {
	out := maps.Clone(delta)
	for k, c := range delta {
		if k.site == "" {
			continue
		}
		k.site = ""
		all := out[k]
		all.add(c)
		out[k] = all
	}
	return out
}

// waiting is withTenants for rows that wait.
func waiting(rows map[hourKey]int64) map[hourKey]int64 {
	out := maps.Clone(rows)
	for k, n := range rows {
		if k.site != "" {
			k.site = ""
			out[k] += n
		}
	}
	return out
}

// siteHours is hours for one site, or for what has none. Doors do not wait while it reads old hours.
func (a *account) siteHours(tenant, site string, from, to time.Time) ([]Hour, error) {
	site = cmp.Or(site, siteless)
	type state struct {
		counts  *Counts // nil: in the store
		pending uint64
	}
	recent := map[uint32]state{}
	a.mu.Lock()
	for k, c := range a.counts {
		if k.tenant == tenant && k.site == site {
			copied := *c
			recent[k.hour] = state{counts: &copied}
		}
	}
	for k, n := range a.pending {
		if k.tenant == tenant && k.site == site && n > 0 {
			recent[k.hour] = state{recent[k.hour].counts, uint64(n)}
		}
	}
	a.mu.Unlock()
	seen := map[uint32]*Hour{}
	note := func(h uint32, c Counts, pending uint64) {
		if c != (Counts{}) || pending > 0 {
			seen[h] = &Hour{Hour: time.Unix(int64(h)*3600, 0).UTC(), Pending: pending, Counts: c}
		}
	}
	first, end := hourSpan(from, to)
	for h, s := range recent {
		if h < first || h >= end {
			continue
		}
		if s.counts == nil {
			s.counts = &Counts{} // the store knows, if there are some
		}
		note(h, *s.counts, s.pending)
	}
	err := eachStored(a.db, hourKey{tenant: tenant, site: site}.under(keySites), first, end, func(h uint32, value []byte) error {
		s := recent[h]
		if s.counts != nil {
			return nil
		}
		var c Counts
		if err := json.Unmarshal(value, &c); err != nil {
			return fmt.Errorf("accounting of %s, site %q: %w", tenant, site, err)
		}
		note(h, c, s.pending)
		return nil
	})
	return finish(seen), err
}

// hourSpan is the hours that begin in [from, to): first to end, which is not one of them.
func hourSpan(from, to time.Time) (first, end uint32) {
	up := func(t time.Time) uint32 { // the first that does not begin before t
		const hour = 60 * 60 * 1000
		return uint32(min(max(0, (t.UnixMilli()+hour-1)/hour), math.MaxUint32))
	}
	return up(from), up(to)
}

// eachStored calls fn, in order, with what is stored for the hours first to end, which is not one of them, under a key as hourKey.under makes it, of whatever hour. The keys of
// all tenants lie between those of two hours: it reads none of them, and skips hours in which nobody has any. The value is valid for the call only.
func eachStored(db *pebble.DB, key []byte, first, end uint32, fn func(h uint32, value []byte) error) error {
	if first >= end {
		return nil
	}
	of := func(h uint32) []byte { return binary.BigEndian.AppendUint32(key[:1:1], h) }
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: of(first), UpperBound: of(end)})
	if err != nil {
		return fmt.Errorf("read hours: %w", err)
	}
	for h := first; h < end; {
		binary.BigEndian.PutUint32(key[1:5], h)
		if !it.SeekGE(key) {
			break
		}
		if next := binary.BigEndian.Uint32(it.Key()[1:5]); next > h {
			h = next
			continue
		}
		if bytes.Equal(it.Key(), key) {
			v, err := it.ValueAndErr()
			if err == nil {
				err = fn(h, v)
			}
			if err != nil {
				return errors.Join(err, it.Close())
			}
		}
		h++
	}
	return errors.Join(it.Error(), it.Close())
}

// loadSince reads since when sites are told apart, and notes it at the first start.
func (a *account) loadSince(now time.Time) error {
	key := []byte{keySeen}
	v, err := readValue(a.db, key)
	if err != nil {
		return err
	}
	if len(v) == 8 {
		if ms := binary.BigEndian.Uint64(v); ms > 0 {
			a.since = time.UnixMilli(int64(ms)).UTC()
		}
		return nil
	}
	ms := uint64(0)
	if _, old, err := a.firstHour(); err != nil {
		return err
	} else if old {
		a.since = now.UTC().Truncate(time.Millisecond)
		ms = uint64(a.since.UnixMilli())
	}
	if err := a.db.Set(key, uint64Value(ms), pebble.Sync); err != nil {
		return fmt.Errorf("note since when sites are told apart: %w", err)
	}
	return nil
}

// scanOf calls fn with everything that the accounting has stored of a tenant.
func (a *account) scanOf(tenant string, fn func(key, value []byte) error) error {
	hours := func(prefix byte) error {
		return scan(a.db, []byte{prefix}, func(key, value []byte) error {
			if len(key) < 5 {
				return nil
			}
			rest := string(key[5:])
			if rest == tenant || len(rest) > len(tenant) && rest[:len(tenant)] == tenant && rest[len(tenant)] == 0 {
				return fn(key, value)
			}
			return nil
		})
	}
	var errs []error
	for _, prefix := range []byte{keyAccount, keySites, keyCodes} {
		errs = append(errs, hours(prefix))
	}
	for _, prefix := range []byte{keyExample, keySeen} {
		errs = append(errs, scan(a.db, siteKey(prefix, tenant), fn))
	}
	return errors.Join(errs...)
}

// siteKey joins a tenant and what is further told apart.
func siteKey(prefix byte, tenant string, more ...string) []byte {
	b := append(append([]byte{prefix}, tenant...), 0)
	for i, s := range more {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, s...)
	}
	return b
}

// sighting is when the first and the last event of a site arrived, Unix milliseconds.
type sighting struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

type siteName struct{ tenant, site string }

// sightings are those of the sites that sent something of late. The account's lock guards them.
type sightings struct {
	at    map[siteName]sighting
	dirty map[siteName]bool
}

func newSightings() sightings {
	return sightings{map[siteName]sighting{}, map[siteName]bool{}}
}

// sight notes that a commit stored events of sites.
func (a *account) sight(delta map[hourKey]Counts, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ms := now.UnixMilli()
	for k, c := range delta {
		if k.site == "" || c.Stored+c.Late == 0 || a.gone[k.tenant] {
			continue
		}
		name := siteName{k.tenant, k.site}
		s, err := a.seen.of(a.db, name)
		if err != nil {
			continue // what cannot be read now is not overwritten
		}
		if s.First == 0 {
			s.First = ms
		}
		s.Last = max(s.Last, ms)
		a.seen.at[name], a.seen.dirty[name] = s, true
	}
}

func (s *sightings) of(db *pebble.DB, name siteName) (sighting, error) {
	if x, ok := s.at[name]; ok {
		return x, nil
	}
	var x sighting
	v, err := readValue(db, siteKey(keySeen, name.tenant, name.site))
	if err != nil || v == nil {
		return x, err
	}
	if err := json.Unmarshal(v, &x); err != nil {
		return x, fmt.Errorf("first and last event of %s: %w", name.site, err)
	}
	return x, nil
}

func (a *account) seenOf(tenant, site string) (first, last time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, err := a.seen.of(a.db, siteName{tenant, site})
	if err != nil || x == (sighting{}) {
		return first, last, err
	}
	return time.UnixMilli(x.First).UTC(), time.UnixMilli(x.Last).UTC(), nil
}

func (s *sightings) stage(b *pebble.Batch) error {
	for name := range s.dirty {
		v, err := json.Marshal(s.at[name])
		if err != nil {
			return fmt.Errorf("encode first and last event: %w", err)
		}
		if err := b.Set(siteKey(keySeen, name.tenant, name.site), v, nil); err != nil {
			return fmt.Errorf("write first and last event: %w", err)
		}
	}
	return nil
}

func (s *sightings) written() { clear(s.dirty) }

func (s *sightings) age(hour uint32) {
	for name, x := range s.at {
		if hourOf(x.Last) < hour && !s.dirty[name] {
			delete(s.at, name)
		}
	}
}

func (s *sightings) forget(tenant string) {
	for name := range s.at {
		if name.tenant == tenant {
			delete(s.at, name)
			delete(s.dirty, name)
		}
	}
}
