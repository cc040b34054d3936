package profile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
)

// Keys in the state store, all below Prefix:
//
//	td <tenant> 0 <day 4>   rows and bytes of a day
//	th <tenant>             head: sources, what is left out, bytes by column
//	tl <tenant>             what is left out of senders without a key
//	tp <tenant> 0 <name>    a property
//	tf <tenant> 0 <name>    a property that was forgotten: the traits of its values
//	tm <tenant>             more were forgotten than are remembered
//	tr                      the rebuild: see rebuild.go
//
// A tenant's id holds no zero byte. Days are big endian, so that they sort.
const Prefix = 't'

const (
	keyDay      = "td"
	keyHead     = "th"
	keyBarred   = "tl"
	keyProperty = "tp"
	keyForgot   = "tf"
	keyMore     = "tm"
)

const valueVersion = 1

var errValue = errors.New("it cannot be read")

func appendKey(b []byte, prefix, tenant string) []byte {
	return append(append(b, prefix...), tenant...)
}

// splitKey takes a key behind its prefix apart.
func splitKey(key []byte) (tenant string, rest []byte, ok bool) {
	t, rest, ok := bytes.Cut(key, []byte{0})
	return string(t), rest, ok
}

// writer adds changes to a batch; its memory is reused.
type writer struct{ key, value []byte }

func (w *writer) stage(b *pebble.Batch, c *change) error {
	w.key = appendKey(w.key[:0], keyHead, c.tenant)
	w.value = c.appendHead(w.value[:0])
	if err := b.Set(w.key, w.value, nil); err != nil {
		return err
	}
	if c.old == nil && c.barred.Values > 0 || c.old != nil && c.barred.Values != c.old.barred.Values {
		w.key = appendKey(w.key[:0], keyBarred, c.tenant)
		w.value = c.barred.append(w.value[:0])
		if err := b.Set(w.key, w.value, nil); err != nil {
			return err
		}
	}
	for _, d := range c.days {
		w.key = binary.BigEndian.AppendUint32(append(appendKey(w.key[:0], keyDay, c.tenant), 0), uint32(d.Day))
		w.value = binary.AppendUvarint(append(w.value[:0], valueVersion), d.Rows)
		w.value = binary.AppendUvarint(w.value, d.Bytes)
		if err := b.Set(w.key, w.value, nil); err != nil {
			return err
		}
	}
	for name := range c.gone {
		w.key = append(append(appendKey(w.key[:0], keyProperty, c.tenant), 0), name...)
		if err := b.Delete(w.key, nil); err != nil {
			return err
		}
	}
	for name, q := range c.props {
		w.key = append(append(appendKey(w.key[:0], keyProperty, c.tenant), 0), name...)
		w.value = q.append(w.value[:0])
		if err := b.Set(w.key, w.value, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) appendHead(b []byte) []byte {
	b = binary.AppendUvarint(append(b, valueVersion), uint64(len(c.sites)))
	for _, s := range c.sites {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, c.left.Values)
	b = binary.AppendUvarint(b, uint64(len(c.left.Examples)))
	for _, s := range c.left.Examples {
		b = appendText(b, s)
	}
	for i, n := range c.sizes {
		if n > 0 { // by number: the list of columns may change
			b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(event.Columns[i].Number)), n)
		}
	}
	return b
}

func (l *leftOut) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, valueVersion), l.Values)
	b = binary.AppendVarint(b, int64(l.Last))
	b = binary.AppendUvarint(b, uint64(len(l.Examples)))
	for _, s := range l.Examples {
		b = appendText(b, s)
	}
	return b
}

func (l *leftOut) decode(v []byte) error {
	r := newReader(v)
	l.Values, l.Last, l.Examples = r.uvarint(), int32(r.varint()), r.texts(maxExamples)
	if r.bad || len(r.b) > 0 {
		return errValue
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (q property) append(b []byte) []byte {
	b = append(b, valueVersion, byte(q.traits))
	b = binary.AppendVarint(b, q.first)
	b = binary.AppendVarint(b, int64(q.last))
	b = binary.AppendUvarint(b, q.sites)
	var bits byte
	if q.more {
		bits |= bitMore
	}
	if q.public {
		bits |= bitPublic
	}
	return append(b, bits)
}

// Bits of a property. One that was stored before they were told apart counts as one that came with a key.
const (
	bitMore = 1 << iota
	bitPublic
)

// reader takes a value apart. After the first thing that is not there it is bad, and gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func newReader(v []byte) *reader {
	r := &reader{b: v}
	if r.byte() != valueVersion {
		r.bad = true
	}
	return r
}

func (r *reader) byte() byte {
	if r.bad || len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) texts(max int) []string {
	n := r.uvarint()
	if n > uint64(max) {
		r.bad = true
	}
	var out []string
	for ; n > 0 && !r.bad; n-- {
		size := r.uvarint()
		if size > uint64(len(r.b)) {
			r.bad = true
			break
		}
		out = append(out, string(r.b[:size]))
		r.b = r.b[size:]
	}
	return out
}

func (p *profile) decodeHead(v []byte) error {
	r := newReader(v)
	p.sites = r.texts(maxSites)
	p.left.Values = r.uvarint()
	p.left.Examples = r.texts(maxExamples)
	for len(r.b) > 0 && !r.bad {
		number, n := r.uvarint(), r.uvarint()
		for i, c := range event.Columns {
			if uint64(c.Number) == number {
				p.sizes[i] = n
			}
		}
	}
	if r.bad {
		return errValue
	}
	return nil
}

func decodeDay(v []byte) (d Day, err error) {
	r := newReader(v)
	d.Rows, d.Bytes = r.uvarint(), r.uvarint()
	if r.bad || len(r.b) > 0 {
		err = errValue
	}
	return d, err
}

func decodeProperty(v []byte) (q property, err error) {
	r := newReader(v)
	q.traits = event.Traits(r.byte())
	q.first, q.last, q.sites = r.varint(), int32(r.varint()), r.uvarint()
	bits := r.byte()
	q.more, q.public = bits&bitMore != 0, bits&bitPublic != 0
	if r.bad || len(r.b) > 0 {
		err = errValue
	}
	return q, err
}

// load reads everything. It runs before anybody else knows the Set.
func (s *Set) load() error {
	of := func(tenant string) *profile {
		p := s.tenants[tenant]
		if p == nil {
			p = &profile{tenant: tenant, props: map[string]property{}, version: 1}
			s.tenants[tenant] = p
		}
		return p
	}
	if err := s.scan(keyHead, func(key, v []byte) error { return of(string(key)).decodeHead(v) }); err != nil {
		return err
	}
	if err := s.scan(keyBarred, func(key, v []byte) error { return of(string(key)).barred.decode(v) }); err != nil {
		return err
	}
	if err := s.scan(keyDay, func(key, v []byte) error {
		tenant, day, ok := splitKey(key)
		d, err := decodeDay(v)
		if !ok || len(day) != 4 || err != nil {
			return errValue
		}
		p := of(tenant)
		d.Day = int32(binary.BigEndian.Uint32(day))
		p.days = append(p.days, d)
		p.rows += d.Rows
		p.bytes += d.Bytes
		return nil
	}); err != nil {
		return err
	}
	if err := s.scan(keyMore, func(key, _ []byte) error { of(string(key)).forgotten.more = true; return nil }); err != nil {
		return err
	}
	if err := s.scan(keyForgot, func(key, v []byte) error {
		tenant, name, ok := splitKey(key)
		if !ok || len(v) != 2 || v[0] != valueVersion {
			return errValue
		}
		p := of(tenant)
		if p.forgotten.traits == nil {
			p.forgotten.traits = map[string]event.Traits{}
		}
		p.forgotten.traits[string(name)] = event.Traits(v[1])
		return nil
	}); err != nil {
		return err
	}
	return s.scan(keyProperty, func(key, v []byte) error {
		tenant, name, ok := splitKey(key)
		q, err := decodeProperty(v)
		if !ok || err != nil {
			return errValue
		}
		p := of(tenant)
		p.props[string(name)] = q
		if q.public {
			p.public++
		}
		return nil
	})
}

// scan calls fn with each key, behind the prefix, and value. They are valid for the call only.
func (s *Set) scan(prefix string, fn func(key, value []byte) error) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: []byte{prefix[0], prefix[1] + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err == nil {
			err = fn(it.Key()[len(prefix):], v)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("state key %q: %w", it.Key(), err), it.Close())
		}
	}
	return it.Close()
}

// stageForget adds to the batch that nothing of the tenant is kept.
func stageForget(b *pebble.Batch, tenant string) error {
	for _, prefix := range []string{keyHead, keyBarred, keyMore} {
		if err := b.Delete(appendKey(nil, prefix, tenant), nil); err != nil {
			return err
		}
	}
	for _, prefix := range []string{keyDay, keyProperty, keyForgot} {
		from := append(appendKey(nil, prefix, tenant), 0)
		to := append([]byte{}, from...)
		to[len(to)-1] = 1 // behind every key that begins with the tenant and a zero
		if err := b.DeleteRange(from, to, nil); err != nil {
			return err
		}
	}
	return nil
}

// stageForgetNames adds to the batch that the tenant has these properties no more, and what is remembered of them.
func stageForgetNames(b *pebble.Batch, p *profile, gone []event.Property, kept forgotten) error {
	key := func(prefix, name string) []byte {
		return append(append(appendKey(nil, prefix, p.tenant), 0), name...)
	}
	for _, q := range gone {
		if err := b.Delete(key(keyProperty, q.Name), nil); err != nil {
			return err
		}
		if traits, ok := kept.traits[q.Name]; ok {
			if err := b.Set(key(keyForgot, q.Name), []byte{valueVersion, byte(traits)}, nil); err != nil {
				return err
			}
		}
	}
	if kept.more {
		return b.Set(appendKey(nil, keyMore, p.tenant), []byte{valueVersion}, nil)
	}
	return nil
}
