package stream

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/damage"
)

// Rejection is events of one tenant and site that one door rejected for one reason, or the latest of them.
type Rejection struct {
	Code    string    `json:"-"`
	Count   uint64    `json:"-"`
	At      time.Time `json:"at"`
	Door    string    `json:"door,omitempty"`
	Field   string    `json:"field,omitempty"`
	Message string    `json:"message,omitempty"`
	Example string    `json:"example,omitempty"` // redacted by the door
}

// Bounds of what is kept of rejected events. Senders choose no codes, and of doors those that there are, so that these are never met but by a fault.
const (
	maxReasons  = 512    // of a site and hour; the others are counted as otherCode, of no door
	maxExamples = 10_000 // that wait to be written, of all tenants: a second's
	maxExample  = 1 << 10
)

const otherCode = "other"

// reason is a code and the door that said it. What was kept before doors were told apart has none.
type reason struct{ code, door string }

// text is how a reason is kept. Codes and doors are words.
func (r reason) text() string {
	if r.door == "" {
		return r.code
	}
	return r.code + "@" + r.door
}

func reasonOf(text string) reason {
	code, door, _ := strings.Cut(text, "@")
	return reason{code, door}
}

// rejects tells what doors rejected. The account's lock guards it.
type rejects struct {
	codes    map[hourKey]map[string]uint64 // by reason.text, with the site; without one, those of which none is known
	dirty    map[hourKey]bool
	examples map[exampleName]Rejection // not written yet: one a second of each
}

type exampleName struct {
	siteName
	reason string // its text
}

func newRejects() rejects {
	return rejects{map[hourKey]map[string]uint64{}, map[hourKey]bool{}, map[exampleName]Rejection{}}
}

func (a *account) wantsExample(tenant, site string, why reason) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, there := a.rejects.examples[exampleName{siteName{tenant, site}, why.text()}]
	return !there && len(a.rejects.examples) < maxExamples
}

func (a *account) reject(tenant, site string, r Rejection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone[tenant] {
		return
	}
	x := &a.rejects
	k := hourKey{hourOf(r.At.UnixMilli()), tenant, site}
	codes, err := x.of(a.db, k)
	if err != nil {
		return // read again with the next one: a part of the codes is missing then, not of the count
	}
	why := reason{r.Code, r.Door}.text()
	if _, known := codes[why]; !known && len(codes) >= maxReasons {
		why = otherCode
	}
	codes[why] += r.Count
	x.codes[k], x.dirty[k] = codes, true
	name := exampleName{siteName{tenant, site}, why}
	old, there := x.examples[name]
	switch {
	case there:
		old.At = r.At
		x.examples[name] = old
	case len(x.examples) < maxExamples:
		if len(r.Example) > maxExample {
			r.Example = ""
		}
		x.examples[name] = r
	}
}

// of returns the codes of an hour, from memory or from the store.
func (x *rejects) of(db *pebble.DB, k hourKey) (map[string]uint64, error) {
	if c := x.codes[k]; c != nil {
		return c, nil
	}
	return readCodes(db, k)
}

func readCodes(db *pebble.DB, k hourKey) (map[string]uint64, error) {
	v, err := readValue(db, k.under(keyCodes))
	if err != nil || v == nil {
		return map[string]uint64{}, err
	}
	return decodeCodes(v, k.tenant)
}

func decodeCodes(v []byte, tenant string) (map[string]uint64, error) {
	c := map[string]uint64{}
	if err := json.Unmarshal(v, &c); err != nil {
		return nil, fmt.Errorf("rejected events of %q: %w", tenant, err)
	}
	return c, nil
}

// stage writes what is new. A rejection without an example leaves the one that is there.
func (x *rejects) stage(b *pebble.Batch, db *pebble.DB) error {
	for k := range x.dirty {
		v, err := json.Marshal(x.codes[k])
		if err != nil {
			return fmt.Errorf("encode rejected events: %w", err)
		}
		if err := b.Set(k.under(keyCodes), v, nil); err != nil {
			return fmt.Errorf("write rejected events: %w", err)
		}
	}
	for name, r := range x.examples {
		if r.Message == "" {
			old, err := readExample(db, name)
			if err != nil && !damage.Of(err) { // one that is damaged is lost; nobody else's counts wait for it
				return err
			}
			r = Rejection{At: r.At, Door: old.Door, Field: old.Field, Message: old.Message, Example: old.Example}
		}
		v, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode a rejected event: %w", err)
		}
		if err := b.Set(siteKey(keyExample, name.tenant, name.site, name.reason), v, nil); err != nil {
			return fmt.Errorf("write a rejected event: %w", err)
		}
	}
	return nil
}

func readExample(db *pebble.DB, name exampleName) (Rejection, error) {
	var r Rejection
	v, err := readValue(db, siteKey(keyExample, name.tenant, name.site, name.reason))
	if err != nil || v == nil {
		return r, err
	}
	if err := json.Unmarshal(v, &r); err != nil {
		return r, fmt.Errorf("a rejected event of %q: %w", name.tenant, err)
	}
	return r, nil
}

func (x *rejects) written() {
	clear(x.dirty)
	clear(x.examples)
}

func (x *rejects) age(hour uint32) {
	for k := range x.codes {
		if k.hour < hour && !x.dirty[k] {
			delete(x.codes, k)
		}
	}
}

func (x *rejects) forget(tenant string) {
	for k := range x.codes {
		if k.tenant == tenant {
			delete(x.codes, k)
			delete(x.dirty, k)
		}
	}
	for name := range x.examples {
		if name.tenant == tenant {
			delete(x.examples, name)
		}
	}
}

func (a *account) rejectedOf(tenant, site string, from, to time.Time) ([]Rejection, error) {
	recent, fresh := a.rejectedLately(tenant, site)
	counts := map[string]uint64{}
	first, end := hourSpan(from, to)
	add := func(codes map[string]uint64) {
		for code, n := range codes {
			counts[code] += n
		}
	}
	for h, codes := range recent {
		if h >= first && h < end {
			add(codes)
		}
	}
	err := eachStored(a.db, hourKey{tenant: tenant, site: site}.under(keyCodes), first, end, func(h uint32, value []byte) error {
		if _, ok := recent[h]; ok {
			return nil
		}
		codes, err := decodeCodes(value, tenant)
		add(codes)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Rejection, 0, len(counts))
	for text, n := range counts {
		r, at := fresh[text], fresh[text].At
		if r.Message == "" {
			if r, err = readExample(a.db, exampleName{siteName{tenant, site}, text}); err != nil {
				return nil, err
			}
			if at.After(r.At) {
				r.At = at
			}
		}
		why := reasonOf(text)
		r.Code, r.Door, r.Count, r.At = why.code, why.door, n, r.At.UTC()
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y Rejection) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Door, y.Door))
	})
	return out, nil
}

// rejectedLately copies what is in memory of a site, so that doors do not wait while the rest is read.
func (a *account) rejectedLately(tenant, site string) (codes map[uint32]map[string]uint64, fresh map[string]Rejection) {
	codes, fresh = map[uint32]map[string]uint64{}, map[string]Rejection{}
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, c := range a.rejects.codes {
		if k.tenant == tenant && k.site == site {
			codes[k.hour] = maps.Clone(c)
		}
	}
	for name, r := range a.rejects.examples {
		if name.tenant == tenant && name.site == site {
			fresh[name.reason] = r
		}
	}
	return codes, fresh
}
