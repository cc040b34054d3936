package ingest

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/go-faster/jx"
	"github.com/zeebo/xxh3"

	"weir/internal/event"
)

// props reads the field `props`.
func (d *decoder) props(dec *jx.Decoder) error {
	if err := d.once("props", seenProps); err != nil {
		return err
	}
	switch t := dec.Next(); t {
	case jx.Object:
		if rej := d.deeper("props"); rej != nil {
			return rej
		}
		outer := d.origin
		d.origin = fromProps
		err := dec.ObjBytes(d.onProp)
		d.origin = outer
		d.depth--
		return err
	case jx.Null:
		return dec.Null()
	default:
		return d.wrongType(dec, "props", "an object", t)
	}
}

func (d *decoder) propField(dec *jx.Decoder, key []byte) error { return d.property(dec, key) }

// nestedField is propField for the fields of a nested object.
func (d *decoder) nestedField(dec *jx.Decoder, key []byte) error {
	n := len(d.arena)
	d.arena = append(append(d.arena, d.prefix...), key...)
	return d.property(dec, d.arena[n:len(d.arena):len(d.arena)])
}

// property reads a value under its whole name: strings, booleans and arrays as text, numbers as numbers, and
// the fields of an object under dotted names. Null is no value: the event does not have the property.
func (d *decoder) property(dec *jx.Decoder, key []byte) error {
	if rej := d.checkKey(key); rej != nil {
		return rej
	}
	switch t := dec.Next(); t {
	case jx.String:
		v, err := d.string(dec, unsafe.String(unsafe.SliceData(key), len(key))) // only for a message
		if err != nil {
			return err
		}
		return reject2err(d.addText(key, v, d.origin))
	case jx.Number:
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		return reject2err(d.addNumber(key, raw))
	case jx.Object:
		return d.nested(dec, key)
	case jx.Array:
		n := len(d.arena)
		if err := d.array(dec, key); err != nil {
			return err
		}
		return reject2err(d.addText(key, d.arena[n:len(d.arena):len(d.arena)], d.origin))
	case jx.Null:
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		return reject2err(d.addNull(key, raw))
	default: // true, false, and what is no JSON
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		return reject2err(d.addText(key, raw, d.origin))
	}
}

// reject2err keeps a nil *reject from becoming an error that is not nil.
func reject2err(r *reject) error {
	if r == nil {
		return nil
	}
	return r
}

func (d *decoder) checkKey(key []byte) *reject {
	if len(key) > d.cfg.MaxKeyBytes {
		return rejectf(codeKeyLength, d.fieldName(string(key)), "the property's name has %d bytes, the limit is %d (max_key_bytes): use a shorter name", len(key), d.cfg.MaxKeyBytes)
	}
	if d.checkNUL && bytes.IndexByte(key, 0) >= 0 {
		return rejectf(codeNUL, "", "a property's name holds a NUL character (\\u0000): remove it")
	}
	return nil
}

// fieldName is how a message calls a property. The result is a copy: keys lie in memory that is used again.
func (d *decoder) fieldName(key string) string {
	if d.origin == fromProps {
		return "props." + key
	}
	return strings.Clone(key)
}

func (d *decoder) deeper(key string) *reject {
	if d.depth++; d.depth > d.cfg.MaxDepth {
		return rejectf(codeDepth, d.fieldName(key), "the event is nested deeper than %d (ingest.max_depth): make it flatter", d.cfg.MaxDepth)
	}
	return nil
}

// nested reads an object inside the properties. An empty one is kept as the text {}.
func (d *decoder) nested(dec *jx.Decoder, key []byte) error {
	if rej := d.deeper(string(key)); rej != nil {
		return rej
	}
	if rej := d.register(keyEntry{key: key, hash: xxh3.Hash(key), origin: d.origin, place: inNone}); rej != nil {
		return rej
	}
	at := len(d.keys.entries)
	outer := len(d.prefix)
	d.prefix = append(append(d.prefix[:0], key...), '.')
	err := dec.ObjBytes(d.onNested)
	d.depth--
	if err != nil {
		return err
	}
	// The key is whole, so the outer prefix is its beginning.
	d.prefix = append(d.prefix[:0], key...)[:outer]
	if len(d.keys.entries) == at && at > 0 {
		if e := &d.keys.entries[at-1]; bytes.Equal(e.key, key) && e.place == inNone {
			e.place, e.prop = inProps, int32(len(d.row.Props))
			d.row.Props = append(d.row.Props, event.Prop{Key: key, Value: []byte("{}")})
		}
	}
	return nil
}

func (d *decoder) addText(key, value []byte, from origin) *reject {
	d.row.Props = append(d.row.Props, event.Prop{Key: key, Value: value})
	return d.register(keyEntry{key: key, hash: xxh3.Hash(key), origin: from, place: inProps, prop: int32(len(d.row.Props) - 1)})
}

// addNull enters a name without a value: no other of the name counts that comes from a lower place. It takes part in the hash like its text, which was once stored.
func (d *decoder) addNull(key, raw []byte) *reject {
	d.row.Props = append(d.row.Props, event.Prop{Key: key, Value: raw})
	return d.register(keyEntry{key: key, hash: xxh3.Hash(key), origin: d.origin, place: inProps, prop: int32(len(d.row.Props) - 1), null: true})
}

// addNumber keeps a number, and the text of an integer that a float64 cannot hold exactly.
func (d *decoder) addNumber(key, raw []byte) *reject {
	v, exact, ok := parseNumber(raw)
	if !ok {
		return rejectf(codeNumber, d.fieldName(string(key)), "the number %s is too large: the largest magnitude is about 1.8e308", clip(string(raw)))
	}
	e := keyEntry{key: key, hash: xxh3.Hash(key), origin: d.origin, place: inNums, num: int32(len(d.row.Nums))}
	d.row.Nums = append(d.row.Nums, event.Num{Key: key, Value: v})
	if !exact {
		e.place, e.prop = inBoth, int32(len(d.row.Props))
		d.row.Props = append(d.row.Props, event.Prop{Key: key, Value: raw})
	}
	return d.register(e)
}

// register enters a name. The same name again is an error when it comes from the same place; otherwise the higher place wins.
func (d *decoder) register(e keyEntry) *reject {
	same, other := d.keys.find(e.hash, e.key, e.origin)
	if same >= 0 && d.lastWins {
		old := &d.keys.entries[same]
		e.gone, old.gone = old.gone, true
		d.keys.replace(same, e)
		return d.fewProperties()
	} else if same >= 0 {
		return duplicate(d.fieldName(string(e.key)))
	}
	if other >= 0 {
		old := &d.keys.entries[other]
		e.gone = old.origin > e.origin
		old.gone = !e.gone
	}
	d.keys.add(e)
	return d.fewProperties()
}

func (d *decoder) fewProperties() *reject {
	if len(d.keys.entries) > d.cfg.MaxProperties {
		return rejectf(codeProperties, "props", "the event has more than %d properties (ingest.max_props): send fewer", d.cfg.MaxProperties)
	}
	return nil
}

// compact removes the replaced properties from the row and makes the payload hash.
func (d *decoder) compact() {
	h := d.hashFields()
	gone, money := false, false
	for i := range d.keys.entries {
		e := &d.keys.entries[i]
		switch {
		case e.gone:
			gone = true
		case e.place == inProps:
			h += xxh3.HashSeed(d.row.Props[e.prop].Value, e.hash)
			money = money || e.hash == revenueHash && string(e.key) == revenue
			e.gone = e.null
			gone = gone || e.null
		case e.place == inNums:
			h += mix(math.Float64bits(d.row.Nums[e.num].Value) ^ e.hash)
		case e.place == inBoth:
			h += xxh3.HashSeed(d.row.Props[e.prop].Value, e.hash+1)
		}
	}
	h = mix(h)
	d.row.PayloadHash = uint32(h ^ h>>32)
	if gone {
		d.removeGone()
	}
	if money {
		d.amount()
	}
}

// revenue is the property that is an amount, whoever sends it.
const revenue = "revenue"

var revenueHash = xxh3.HashString(revenue)

// amount makes a number of a revenue that is the text of one, as markup, forms and some SDKs send it; anything else stays what it is. The payload's hash is that of the
// text: copies of an event from before are still its copies.
func (d *decoder) amount() {
	for i := range d.row.Props {
		p := d.row.Props[i]
		if string(p.Key) != revenue {
			continue
		}
		if !isNumber(p.Value) {
			return
		}
		v, exact, ok := parseNumber(p.Value)
		if !ok {
			return
		}
		d.row.Nums = append(d.row.Nums, event.Num{Key: p.Key, Value: v})
		if exact {
			d.row.Props = slices.Delete(d.row.Props, i, i+1)
		}
		return
	}
}

func (d *decoder) removeGone() {
	props, nums := d.row.Props, d.row.Nums
	var outP, outN int
	for i := range d.keys.entries { // entries are in the order of both lists
		e := &d.keys.entries[i]
		if e.gone {
			continue
		}
		if e.place == inProps || e.place == inBoth {
			props[outP] = props[e.prop]
			outP++
		}
		if e.place == inNums || e.place == inBoth {
			nums[outN] = nums[e.num]
			outN++
		}
	}
	d.row.Props, d.row.Nums = props[:outP], nums[:outN]
}

// array copies an array's JSON into the arena without white space, and checks what is inside: the depth, names
// that are there twice, NULs, and numbers that are too large.
func (d *decoder) array(dec *jx.Decoder, key []byte) error {
	if rej := d.deeper(string(key)); rej != nil {
		return rej
	}
	d.arena = append(d.arena, '[')
	first := true
	err := dec.Arr(func(dec *jx.Decoder) error {
		if !first {
			d.arena = append(d.arena, ',')
		}
		first = false
		return d.element(dec, key)
	})
	d.arena = append(d.arena, ']')
	d.depth--
	return err
}

// element copies one value inside an array.
func (d *decoder) element(dec *jx.Decoder, key []byte) error {
	switch dec.Next() {
	case jx.Array:
		return d.array(dec, key)
	case jx.Object:
		return d.objectInArray(dec, key)
	case jx.Number:
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		if _, _, ok := parseNumber(raw); !ok {
			return rejectf(codeNumber, d.fieldName(string(key)), "the number %s is too large: the largest magnitude is about 1.8e308", clip(string(raw)))
		}
		d.arena = append(d.arena, raw...)
		return nil
	case jx.String:
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		if bytes.IndexByte(raw, '\\') < 0 {
			d.arena = append(d.arena, raw...)
			return nil
		}
		// With no more escapes than needed: privacy rules look for texts as they are.
		d.str.ResetBytes(raw)
		v, err := d.str.StrBytes()
		if err != nil {
			return err
		}
		if d.checkNUL && bytes.IndexByte(v, 0) >= 0 {
			return rejectf(codeNUL, d.fieldName(string(key)), "the text holds a NUL character (\\u0000): remove it")
		}
		w := jx.Writer{Buf: d.arena}
		w.ByteStr(v)
		d.arena = w.Buf
		return nil
	default:
		raw, err := dec.Raw()
		d.arena = append(d.arena, raw...)
		return err
	}
}

func (d *decoder) objectInArray(dec *jx.Decoder, key []byte) error {
	if rej := d.deeper(string(key)); rej != nil {
		return rej
	}
	d.arena = append(d.arena, '{')
	names := map[string]struct{}{}
	err := dec.ObjBytes(func(dec *jx.Decoder, k []byte) error {
		if _, twice := names[string(k)]; twice {
			return duplicate(d.fieldName(string(key)) + "[]." + string(k))
		}
		if rej := d.checkKey(k); rej != nil {
			return rej
		}
		if len(names) > 0 {
			d.arena = append(d.arena, ',')
		}
		names[string(k)] = struct{}{}
		var w jx.Writer
		w.Buf = d.arena
		w.ByteStr(k)
		d.arena = append(w.Buf, ':')
		return d.element(dec, key)
	})
	d.arena = append(d.arena, '}')
	d.depth--
	return err
}
