package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"weir/internal/event"
)

// Event is one event of a foreign protocol while it is read. Texts that are given to it must stay valid until Add returns.
type Event struct {
	d     *decoder
	q     *Request
	raw   []byte
	inner jx.Decoder
}

// Rank says where a property comes from: of two with one name the one of the higher rank stays, of one rank the later one.
type Rank = origin

// The ranks of properties.
const (
	RankContext = fromEnvelope // what the client says of itself and of its surroundings
	RankEvent   = fromTop      // fields of the event that have no place elsewhere
	RankProps   = fromProps    // the event's own properties
)

func (e *Event) begin(raw []byte) *reject {
	d := e.d
	if n := len(raw) + e.q.shared; n > d.eventMax {
		return d.tooLarge(n)
	}
	if d.checkUTF8 && !utf8.Valid(raw) {
		return rejectf(codeUTF8, "", "the event is not valid UTF-8: encode its text as UTF-8")
	}
	d.reset()
	d.depth, d.skew, e.raw = 1, e.q.j.skew, raw
	return nil
}

// ended turns what reading came to into a reject.
func (e *Event) ended(err error) *reject {
	if err == nil {
		return nil
	}
	var rej *reject
	if errors.As(err, &rej) {
		return rej
	}
	return malformed(err, e.raw)
}

// finish is decoder.finish for an event whose type is known.
func (e *Event) finish() *reject {
	d := e.d
	if hollow(d.row.Type) {
		return rejectf(codeMissing, "type", "the event has no name")
	}
	d.complete()
	return nil
}

// Row is the row that is filled in. A protocol sets Type, ClientID, UserID, SessionID, URL, Referrer, UserAgent and the UTM fields; the
// others follow from these, or have methods.
func (e *Event) Row() *event.Row { return &e.d.row }

// Raw is what was given to Add.
func (e *Event) Raw() []byte { return e.raw }

// SetID sets the id that the client gave the event: copies are told by it.
func (e *Event) SetID(id []byte) { e.d.id = id }

// SetSite names the source of the event by its site_id or an alias.
func (e *Event) SetSite(name []byte) { e.d.site = name }

// SetIP sets the visitor's address as the event says it. It counts only in a request with a key, and is not kept.
func (e *Event) SetIP(ip []byte) { e.d.ip = ip }

// IP reads the visitor's address. What is no text is left out: an address must not become a property.
func (e *Event) IP(dec *jx.Decoder, name string) error {
	if dec.Next() != jx.String {
		return dec.Skip()
	}
	v, err := e.d.string(dec, name)
	e.SetIP(v)
	return err
}

// Campaign is the column of a part of a campaign: source, medium, campaign, term or content. It is nil for other names.
func (e *Event) Campaign(part string) *[]byte {
	row := e.Row()
	switch part {
	case "source":
		return &row.UTMSource
	case "medium":
		return &row.UTMMedium
	case "campaign":
		return &row.UTMCampaign
	case "term":
		return &row.UTMTerm
	case "content":
		return &row.UTMContent
	}
	return nil
}

// SetTime sets when it happened by the sender's clock, Unix milliseconds.
func (e *Event) SetTime(ms int64) { e.d.tsMS, e.d.hasTS = ms, true }

// TimeOf says in which field and unit the protocol gives the time of the event, for what is said of one that cannot be taken.
func (e *Event) TimeOf(field, unit string) { e.d.clock = clock{field, unit} }

// Ago says how many milliseconds before the request it happened. The sender's clock does not count, and the time is no part of what copies have in common: they arrive
// at different times.
func (e *Event) Ago(ms int64) {
	e.SetTime(e.q.Now() - ms)
	e.d.skew, e.d.relative = 0, true
}

// Sent is Request.Sent for this event only.
func (e *Event) Sent(ms int64) { e.d.skew = e.q.j.skewOf(ms) }

// Remote says that the request did not come from the visitor: its address and user agent are not theirs.
func (e *Event) Remote() { e.d.remote = true }

// App says that the request comes from an app on the visitor's device: the user agent is that of its HTTP client, which says nothing of the visitor.
func (e *Event) App() { e.d.app = true }

// HashRoutes says that the fragment of the event's URL is part of its path, whatever it looks like.
func (e *Event) HashRoutes() { e.d.hash = true }

// Anonymous says that there is no client id: one is derived from the address and the user agent where that can be done.
func (e *Event) Anonymous() { e.d.derive = true }

// Rank sets where the properties come from that are read from now on.
func (e *Event) Rank(r Rank) { e.d.origin = r }

// Object reads the whole event, which is a JSON object: field is called for each of its names, and reads or skips the value.
func (e *Event) Object(field func(*jx.Decoder, []byte) error) error {
	e.d.jx.ResetBytes(e.raw)
	return reject2err(e.d.ended(e.d.object(&e.d.jx, field)))
}

// Inner reads JSON that was packed into a text of the event, which must be an object.
func (e *Event) Inner(raw []byte, name string, field func(*jx.Decoder, []byte) error) error {
	if !utf8.Valid(raw) {
		return rejectf(codeUTF8, name, "%s is not valid UTF-8", name)
	}
	e.d.checkNUL = e.d.checkNUL || bytes.Contains(raw, []byte(`\u0000`))
	e.inner.ResetBytes(raw)
	if t := e.inner.Next(); t != jx.Object {
		return rejectf(codeMalformed, name, "%s holds no JSON object", name)
	}
	return e.Fields(&e.inner, name, field)
}

// Part reads JSON that was taken from the event or from what surrounds it: like Fields, and what is nil counts as absent. Parts do not nest.
func (e *Event) Part(raw []byte, name string, field func(*jx.Decoder, []byte) error) error {
	if raw == nil {
		return nil
	}
	if e.d.checkUTF8 && !utf8.Valid(raw) {
		return rejectf(codeUTF8, name, "%s is not valid UTF-8: encode its text as UTF-8", name)
	}
	e.inner.ResetBytes(raw)
	return e.Fields(&e.inner, name, field)
}

// Raw takes the JSON of a value, to be read later. Null counts as absent.
func Raw(dec *jx.Decoder, to *[]byte) error {
	if dec.Next() == jx.Null {
		return dec.Skip()
	}
	raw, err := dec.Raw()
	*to = raw
	return err
}

// Elements calls f with the JSON of every element of an array that was taken from the event, with Raw. Other values are skipped.
func (e *Event) Elements(raw []byte, name string, f func(raw []byte) error) error {
	var dec jx.Decoder
	dec.ResetBytes(raw)
	if raw == nil || dec.Next() != jx.Array {
		return nil
	}
	if rej := e.d.deeper(name); rej != nil {
		return rej
	}
	err := dec.Arr(func(dec *jx.Decoder) error {
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		return f(raw)
	})
	e.d.depth--
	return err
}

// Fields reads a nested object. Null counts as absent, another value becomes the property of that name.
func (e *Event) Fields(dec *jx.Decoder, name string, field func(*jx.Decoder, []byte) error) error {
	switch dec.Next() {
	case jx.Object:
		if rej := e.d.deeper(name); rej != nil {
			return rej
		}
		err := dec.ObjBytes(field)
		e.d.depth--
		return err
	case jx.Null:
		return dec.Null()
	}
	return e.Property(dec, []byte(name))
}

// Text reads a string, or a number, of which the text counts. Null counts as absent; anything else becomes the property of that name.
func (e *Event) Text(dec *jx.Decoder, name string, to *[]byte) error {
	switch dec.Next() {
	case jx.String:
		v, err := e.d.string(dec, name)
		*to = v
		return err
	case jx.Number:
		v, err := dec.Raw()
		*to = v
		return err
	case jx.Null:
		return dec.Null()
	}
	return e.Property(dec, []byte(name))
}

// Ident reads an id. It is Text, but another type is an error: the event would belong to nobody.
func (e *Event) Ident(dec *jx.Decoder, name string, to *[]byte) error {
	switch t := dec.Next(); t {
	case jx.String, jx.Number, jx.Null:
		return e.Text(dec, name, to)
	default:
		return e.d.wrongType(dec, name, "a string", t)
	}
}

// Flag reads true or false; anything else is skipped.
func (e *Event) Flag(dec *jx.Decoder, to *bool) error {
	if dec.Next() != jx.Bool {
		return dec.Skip()
	}
	v, err := dec.Bool()
	*to = v
	return err
}

// Time reads a time: RFC 3339, of which the zone may be missing (then it is UTC), or seconds or milliseconds since 1970.
func (e *Event) Time(dec *jx.Decoder, name string) error {
	var v []byte
	switch t := dec.Next(); t {
	case jx.String, jx.Number, jx.Null:
		if err := e.Text(dec, name, &v); err != nil || len(v) == 0 {
			return err
		}
	default:
		return e.d.wrongType(dec, name, "a time", t)
	}
	ms, ok := ParseTime(v)
	if !ok {
		if rej := unstorable(name, v); rej != nil {
			return rej
		}
		return rejectf(codeValue, name, "%s is %q: use RFC 3339 as in 2026-01-31T12:00:00Z", name, clip(string(v)))
	}
	e.SetTime(ms)
	e.TimeOf(name, "seconds or milliseconds")
	return nil
}

// ParseTime reads a time as Event.Time does, in Unix milliseconds.
func ParseTime(v []byte) (ms int64, ok bool) {
	if ms, ok := parseTime(v); ok {
		return ms, true
	}
	if isNumber(v) {
		f, _, ok := parseNumber(v)
		ms, fits := unixToMS(f)
		return ms, ok && fits
	}
	return parseTime(append(append(make([]byte, 0, len(v)+1), v...), 'Z'))
}

// Property reads a value as a property; objects become dotted names.
func (e *Event) Property(dec *jx.Decoder, key []byte) error { return e.d.property(dec, key) }

// PropertyUnder is Property with the name prefix.key.
func (e *Event) PropertyUnder(dec *jx.Decoder, prefix string, key []byte) error {
	return e.d.property(dec, e.join(prefix, key))
}

func (e *Event) join(prefix string, key []byte) []byte {
	d := e.d
	n := len(d.arena)
	d.arena = append(append(append(d.arena, prefix...), '.'), key...)
	return d.arena[n:len(d.arena):len(d.arena)]
}

// Money reads an amount: a number, also as text, is a number; anything else stays what it is.
func (e *Event) Money(dec *jx.Decoder, key []byte) error {
	if dec.Next() != jx.String {
		return e.Property(dec, key)
	}
	v, err := e.d.string(dec, string(key))
	if err != nil {
		return err
	}
	return e.AddValue(key, v)
}

// Check refuses a text that is not UTF-8 or holds NUL: for texts that do not come from JSON.
func (e *Event) Check(field string, v []byte) error { return checkText(field, v) }

func checkText(field string, v []byte) error {
	switch {
	case !utf8.Valid(v):
		return rejectf(codeUTF8, field, "the text is not valid UTF-8")
	case bytes.IndexByte(v, 0) >= 0:
		return rejectf(codeNUL, field, "the text holds a NUL character: remove it")
	}
	return nil
}

// AddText adds a property whose value is text. An empty one is left out.
func (e *Event) AddText(key, value []byte) error {
	if len(value) == 0 {
		return nil
	}
	if rej := e.d.checkKey(key); rej != nil {
		return rej
	}
	return reject2err(e.d.addText(key, value, e.d.origin))
}

// AddNumber adds a property whose value is a number as JSON writes it.
func (e *Event) AddNumber(key, raw []byte) error {
	if rej := e.d.checkKey(key); rej != nil {
		return rej
	}
	return reject2err(e.d.addNumber(key, raw))
}

// AddValue adds a number if the text is one, else the text.
func (e *Event) AddValue(key, value []byte) error {
	if isNumber(value) {
		return e.AddNumber(key, value)
	}
	return e.AddText(key, value)
}

// Copy copies a text so that it is valid until Add returns, with U+FFFD for what is not text.
func (e *Event) Copy(v []byte) []byte {
	d := e.d
	n := len(d.arena)
	d.arena = append(d.arena, clean(v)...)
	return d.arena[n:len(d.arena):len(d.arena)]
}

// Join is Copy of two texts with something between them.
func (e *Event) Join(a []byte, between string, b []byte) []byte {
	d := e.d
	n := len(d.arena)
	d.arena = append(append(append(d.arena, clean(a)...), between...), clean(b)...)
	return d.arena[n:len(d.arena):len(d.arena)]
}

// Wrong is the error of a field that cannot be used.
func Wrong(field, format string, args ...any) error {
	return rejectf(codeValue, field, "%s", fmt.Sprintf(format, args...))
}

// Missing is the error of a field without which the event says nothing.
func Missing(field, message string) error { return rejectf(codeMissing, field, "%s", message) }

// Elsewhere is the error of an event that names another source than its request.
func Elsewhere(field, message string) error { return rejectf(codeSiteForbidden, field, "%s", message) }

// Malformed is the error of bytes that cannot be decoded.
func Malformed(code, field, message string) error { return rejectf(code, field, "%s", message) }

// Unsupported is the error of an event of a kind that is not taken.
func Unsupported(format string, args ...any) error {
	return rejectf(codeUnsupported, "", "%s", fmt.Sprintf(format, args...))
}
