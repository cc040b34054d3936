package ingest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"unicode/utf8"

	"github.com/go-faster/jx"
	"github.com/zeebo/xxh3"

	"weir/internal/event"
)

// decoder decodes the JSON of one event into a row. It is reused for many events, and not safe for concurrent use.
// The row's slices point into the event's bytes and into the arena: they are valid until the next decode.
type decoder struct {
	cfg       *Config
	eventMax  int  // bytes of an event
	tenantMax bool // eventMax is the tenant's own
	checkUTF8 bool // the body as a whole is not known to be valid UTF-8
	checkNUL  bool // the body may hold escaped NULs
	cloudHint bool // the last event was a CloudEvent: try that shape first
	lastWins  bool // of two properties with one name the later one stays, as it does for foreign protocols' own servers

	scan   scanner
	jx     jx.Decoder
	str    jx.Decoder // for strings with escapes
	arena  []byte
	keys   keySet
	prefix []byte // of flattened names, with its dot
	depth  int
	origin origin // of the properties being read

	row      event.Row
	seen     uint32 // known top-level fields seen
	typ      []byte
	name     []byte // field `name`, nil if absent
	evType   []byte // field `event_type`, nil if absent
	site     []byte
	ip       []byte
	id       []byte // event_id as sent
	tsMS     int64  // as the sender's clock said
	skew     int64  // to be added to it
	hasTS    bool
	clock    clock // how the protocol says it
	relative bool  // the time follows from when the request came
	remote   bool  // the request does not come from the visitor: its address and user agent are not theirs
	app      bool  // the request comes from the visitor's app: its user agent is that of an HTTP client
	hash     bool  // the fragment of the URL is part of the path
	derive   bool  // the protocol has no client id: derive one
	cloud    cloudEvent
	defaults senderIDs
	onTop    func(*jx.Decoder, []byte) error
	onProp   func(*jx.Decoder, []byte) error
	onCloud  func(*jx.Decoder, []byte) error
	onData   func(*jx.Decoder, []byte) error
	onNested func(*jx.Decoder, []byte) error
}

// clock is how a protocol says when an event happened: in which field and unit. Empty: as weir does.
type clock struct{ field, unit string }

// senderIDs are the ids that an envelope gives to all its events that have none of their own.
type senderIDs struct{ client, user, session []byte }

func newDecoder(cfg *Config) *decoder {
	d := &decoder{cfg: cfg, eventMax: cfg.MaxEventBytes}
	d.onTop, d.onProp, d.onCloud, d.onData, d.onNested = d.topField, d.propField, d.cloudField, d.dataField, d.nestedField
	return d
}

// The known top-level fields, as bits of decoder.seen.
const (
	seenEventID = 1 << iota
	seenType
	seenName
	seenEventType
	seenTS
	seenSite
	seenClient
	seenUser
	seenSession
	seenURL
	seenReferrer
	seenAgent
	seenIP
	seenProps
	seenSpec // the rest are a CloudEvent's
	seenID
	seenSource
	seenSubject
	seenData
)

// errCloud aborts the decoding of a plain event that turns out to be a CloudEvent.
var errCloud = errors.New("this is a CloudEvent")

func (d *decoder) reset() {
	props, nums := d.row.Props[:0], d.row.Nums[:0]
	d.row = event.Row{Props: props, Nums: nums}
	d.arena = d.arena[:0]
	d.keys.reset()
	d.prefix = d.prefix[:0]
	d.depth, d.seen, d.origin = 0, 0, fromTop
	d.typ, d.name, d.evType, d.site, d.ip, d.id = nil, nil, nil, nil, nil, nil
	d.tsMS, d.skew, d.hasTS, d.relative, d.remote, d.app, d.hash, d.derive = 0, 0, false, false, false, false, false, false
	d.clock = clock{}
	d.cloud = cloudEvent{}
}

// decode reads one event: ev holds one JSON value and nothing else but white space. The error is a *reject.
func (d *decoder) decode(ev []byte) *reject {
	if len(ev) > d.eventMax {
		if ev[0] != '{' && ev[0] != '[' {
			return rejectf(codeMalformed, "", "this is not valid JSON: an event begins with {")
		}
		return d.tooLarge(len(ev))
	}
	if d.checkUTF8 && !utf8.Valid(ev) {
		return rejectf(codeUTF8, "", "the event is not valid UTF-8: encode its text as UTF-8")
	}
	if d.cloudHint {
		if rej := d.decodeCloud(ev); d.cloud.specVersion != nil {
			return rej
		}
		d.cloudHint = false
	}
	if d.reset(); d.plain(ev) {
		return d.finish()
	}
	return d.thorough(ev)
}

// thorough decodes an event with a complete decoder.
func (d *decoder) thorough(ev []byte) *reject {
	d.reset()
	d.jx.ResetBytes(ev)
	err := d.object(&d.jx, d.onTop)
	if err != nil && errors.Is(err, errCloud) {
		d.cloudHint = true
		return d.decodeCloud(ev)
	}
	if rej := d.ended(err); rej != nil {
		return rej
	}
	return d.finish()
}

// object reads an event's object with the given function for its fields.
func (d *decoder) object(dec *jx.Decoder, field func(*jx.Decoder, []byte) error) error {
	switch t := dec.Next(); t {
	case jx.Object:
		d.depth = 1
		return dec.ObjBytes(field)
	case jx.Invalid:
		return errors.New("no JSON value")
	default:
		if err := dec.Skip(); err != nil {
			return err
		}
		return rejectf(codeType, "", "an event is a JSON object, this is %s", article(t))
	}
}

// ended turns the error of the decoding into a reject, and checks that nothing follows.
func (d *decoder) ended(err error) *reject {
	if err != nil {
		var rej *reject
		if errors.As(err, &rej) {
			return rej
		}
		return malformed(err, nil)
	}
	if err := d.jx.Skip(); err != io.EOF {
		return rejectf(codeTrailing, "", "something follows the event's closing brace: put one event on a line, or all of them in one array")
	}
	return nil
}

func article(t jx.Type) string {
	switch t {
	case jx.Array, jx.Object:
		return "an " + t.String()
	case jx.Null:
		return "null"
	case jx.Bool:
		return "a boolean"
	}
	return "a " + t.String()
}

// topField reads one top-level field of a plain event.
func (d *decoder) topField(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "event_id":
		return d.ident(dec, "event_id", seenEventID, &d.id)
	case "type":
		return d.text(dec, "type", seenType, &d.typ)
	case "name":
		return d.maybeType(dec, key, seenName, &d.name)
	case "event_type":
		return d.maybeType(dec, key, seenEventType, &d.evType)
	case "ts":
		return d.timestamp(dec, "ts")
	case "props":
		return d.props(dec)
	case "specversion":
		if dec.Next() == jx.String {
			return errCloud
		}
	default:
		if known, err := d.senderField(dec, key); known {
			return err
		}
	}
	return d.property(dec, key)
}

// senderField reads the fields that an event and a CloudEvent's data have in common.
func (d *decoder) senderField(dec *jx.Decoder, key []byte) (known bool, err error) {
	switch string(key) {
	case "site_id":
		return true, d.ident(dec, "site_id", seenSite, &d.site)
	case "client_id":
		return true, d.ident(dec, "client_id", seenClient, &d.row.ClientID)
	case "user_id":
		return true, d.ident(dec, "user_id", seenUser, &d.row.UserID)
	case "session_id":
		return true, d.ident(dec, "session_id", seenSession, &d.row.SessionID)
	case "url":
		return true, d.text(dec, "url", seenURL, &d.row.URL)
	case "referrer":
		return true, d.text(dec, "referrer", seenReferrer, &d.row.Referrer)
	case "user_agent":
		return true, d.text(dec, "user_agent", seenAgent, &d.row.UserAgent)
	case "ip":
		return true, d.text(dec, "ip", seenIP, &d.ip)
	}
	return false, nil
}

func (d *decoder) once(name string, bit uint32) error {
	if d.seen&bit != 0 {
		return duplicate(name)
	}
	d.seen |= bit
	return nil
}

func duplicate(name string) *reject {
	return rejectf(codeDuplicateKey, name, "the name %q is there twice: keep one", clip(name))
}

// text reads a string; null counts as absent.
func (d *decoder) text(dec *jx.Decoder, name string, bit uint32, to *[]byte) error {
	return d.field(dec, name, bit, to, false)
}

// ident reads an id: a string, or a number, of which the text counts; null counts as absent.
func (d *decoder) ident(dec *jx.Decoder, name string, bit uint32, to *[]byte) error {
	return d.field(dec, name, bit, to, true)
}

func (d *decoder) field(dec *jx.Decoder, name string, bit uint32, to *[]byte, numbers bool) error {
	if err := d.once(name, bit); err != nil {
		return err
	}
	raw, err := dec.Raw()
	if err != nil {
		return err
	}
	switch raw[0] { // the value is valid, so its first byte tells its type
	case '"':
		*to, err = d.unquote(raw, name)
		return err
	case 'n':
		return nil
	case '{':
		return wrongType(name, "a string", jx.Object)
	case '[':
		return wrongType(name, "a string", jx.Array)
	case 't', 'f':
		return wrongType(name, "a string", jx.Bool)
	}
	if !numbers {
		return wrongType(name, "a string", jx.Number)
	}
	*to = raw
	return nil
}

// maybeType reads `name` and `event_type`: strings are candidates for the type, all else is a property.
func (d *decoder) maybeType(dec *jx.Decoder, key []byte, bit uint32, to *[]byte) error {
	if err := d.once(string(key), bit); err != nil {
		return err
	}
	if dec.Next() != jx.String {
		return d.property(dec, key)
	}
	v, err := d.string(dec, string(key))
	*to = v
	return err
}

// wrongType makes the reject for a value of the wrong type. A value that is no JSON at all is that in the first place.
func (d *decoder) wrongType(dec *jx.Decoder, name, want string, got jx.Type) error {
	if err := dec.Skip(); err != nil {
		return err
	}
	return wrongType(name, want, got)
}

func wrongType(name, want string, got jx.Type) *reject {
	return rejectf(codeType, name, "%s must be %s, not %s", name, want, article(got))
}

func (d *decoder) timestamp(dec *jx.Decoder, name string) error {
	if err := d.once(name, seenTS); err != nil {
		return err
	}
	var raw []byte
	switch t := dec.Next(); t {
	case jx.Null:
		return dec.Null()
	case jx.Number:
		r, err := dec.Raw()
		if err != nil {
			return err
		}
		raw = r
	case jx.String:
		v, err := d.string(dec, name)
		if err != nil {
			return err
		}
		if ms, ok := parseTime(v); ok {
			d.tsMS, d.hasTS = ms, true
			return nil
		}
		if raw = v; !isNumber(v) {
			if rej := unstorable(name, v); rej != nil {
				return rej
			}
			return rejectf(codeValue, name, "%s is %q: use seconds or milliseconds since 1970, or RFC 3339 with a zone as in 2026-01-31T12:00:00Z", name, clip(string(v)))
		}
	default:
		return d.wrongType(dec, name, "a number or a string", t)
	}
	v, _, ok := parseNumber(raw)
	if !ok { // it is too large for a float64
		if v = math.Inf(1); raw[0] == '-' {
			v = -v
		}
	}
	ms, fits := unixToMS(v)
	if !fits {
		return outside(name, clip(string(raw)), v)
	}
	d.tsMS, d.hasTS = ms, true
	return nil
}

// isNumber says whether s is a JSON number and nothing else.
func isNumber(s []byte) bool {
	if len(s) == 0 || !(s[0] == '-' || s[0] >= '0' && s[0] <= '9') || s[len(s)-1] < '0' || s[len(s)-1] > '9' { // it may not end with white space
		return false
	}
	var dec jx.Decoder
	dec.ResetBytes(s)
	return dec.Skip() == nil && dec.Skip() == io.EOF
}

// string reads a string without its quotes, and its escapes decoded. A lone surrogate becomes U+FFFD.
func (d *decoder) string(dec *jx.Decoder, name string) ([]byte, error) {
	raw, err := dec.Raw()
	if err != nil {
		return nil, err
	}
	return d.unquote(raw, name)
}

func (d *decoder) unquote(raw []byte, name string) (v []byte, err error) {
	v = raw[1 : len(raw)-1]
	if bytes.IndexByte(v, '\\') < 0 {
		return v, nil
	}
	n := len(d.arena)
	d.str.ResetBytes(raw)
	if d.arena, err = d.str.StrAppend(d.arena); err != nil {
		return nil, err
	}
	v = d.arena[n:len(d.arena):len(d.arena)]
	if d.checkNUL && bytes.IndexByte(v, 0) >= 0 {
		return nil, rejectf(codeNUL, d.fieldName(name), "the text holds a NUL character (\\u0000): remove it")
	}
	return v, nil
}

// finish checks what only the whole event shows.
func (d *decoder) finish() *reject {
	if rej := d.resolveType(); rej != nil {
		return rej
	}
	d.complete()
	return nil
}

// complete gives the event the ids that it has from its envelope, and its hash.
func (d *decoder) complete() {
	for _, f := range [...]struct {
		to  *[]byte
		def []byte
	}{{&d.row.ClientID, d.defaults.client}, {&d.row.UserID, d.defaults.user}, {&d.row.SessionID, d.defaults.session}} {
		if len(*f.to) == 0 {
			*f.to = f.def
		}
	}
	d.compact()
}

// resolveType chooses the type: `type`; or, when that is absent or "custom", `event_type` or `name`. For "custom"
// the name goes first. What was not used and says something else stays as a property.
func (d *decoder) resolveType() *reject {
	t := d.typ
	custom := string(t) == "custom" || len(t) == 0 && string(d.evType) == "custom"
	switch {
	case custom && !hollow(d.name):
		t = d.name
	case (custom || len(t) == 0) && !hollow(d.evType):
		t = d.evType
	case len(t) == 0:
		t = d.name
	}
	if hollow(t) {
		return rejectf(codeMissing, "type", "the event has no type: give it one, as in \"type\":\"pageview\"")
	}
	d.row.Type = t
	if d.name != nil && !bytes.Equal(d.name, t) {
		if err := d.addText([]byte("name"), d.name, fromTop); err != nil {
			return err
		}
	}
	if d.evType != nil && !bytes.Equal(d.evType, t) && (len(d.typ) > 0 || string(d.evType) != "custom") {
		return d.addText([]byte("event_type"), d.evType, fromTop)
	}
	return nil
}

// hollow says whether a text shows nothing.
func hollow(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

// hashFields is the part of the payload hash that the known fields make. Fields that the sender did not give do not count.
func (d *decoder) hashFields() (h uint64) {
	r := &d.row
	for i, v := range [...][]byte{r.Type, r.ClientID, r.UserID, r.SessionID, r.URL, r.Referrer, r.UserAgent} {
		if len(v) > 0 {
			h += xxh3.HashSeed(v, uint64(i+1))
		}
	}
	if d.hasTS && !d.relative {
		h += mix(uint64(d.tsMS) ^ 0x9E3779B97F4A7C15)
	}
	return h
}

// mix spreads the bits of a number over all of it.
func mix(v uint64) uint64 {
	v ^= v >> 32
	v *= 0xD6E8FEB86659FD93
	v ^= v >> 32
	v *= 0xD6E8FEB86659FD93
	return v ^ v>>32
}

// tooLarge rejects an event of n bytes.
func (d *decoder) tooLarge(n int) *reject {
	if d.tenantMax {
		return rejectf(codeEventSize, "", "the event has %d bytes, the tenant's limit is %d (limits.event_bytes): send less in one event, or ask the operator to raise the limit", n, d.eventMax)
	}
	return rejectf(codeEventSize, "", "the event has %d bytes, the limit is %d (ingest.max_event): send less in one event", n, d.eventMax)
}
