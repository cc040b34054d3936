package posthog

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// reader reads the events of one request. It is reused: the functions that it hands to the decoder are made once.
type reader struct {
	q             *ingest.Request
	browser       bool // a browser made the request
	token, sentAt []byte
	choice        ingest.Choice
	later         bool   // an event of an array was looked at
	opened        []byte // the key that the request was opened with
	outer         bool   // it stands beside the events, not in them
	batch         []byte // JSON
	one
	hooks
}

// one is what belongs to one event.
type one struct {
	e                               *ingest.Event
	name, id, insertID              []byte
	outerID, distinct, device, anon []byte // distinct_id of the event and of its properties, $device_id, $anon_distinct_id
	alias, groupType, groupKey, lib []byte
	named, inner                    []byte // the token of the event, and that of its properties
	width, height                   []byte
	props, set1, set2, offset       []byte // JSON
	identified, personless, remote  bool
	told                            bool // whether identified or not
	anonymous                       bool
	prefix                          string // of the names that are read by set
}

type hooks struct {
	onEnvelope, onToken, onField, onProps, onSet, onTrait, onElement, onInner func(*jx.Decoder, []byte) error
	onEvent                                                                   func(*ingest.Event) error
	onMessage                                                                 func([]byte) *problem.Problem
}

func (m *reader) reset(q *ingest.Request) { *m = reader{q: q, hooks: m.hooks} }

func (m *reader) message(raw []byte) *problem.Problem { return m.q.Add(raw, m.onEvent) }

// sentinel is the distinct_id of a library that may not store one.
const sentinel = "$posthog_cookieless"

// read reads one event.
func (m *reader) read(e *ingest.Event) error {
	m.one = one{e: e}
	if err := e.Object(m.onField); err != nil {
		return err
	}
	m.ago()
	if err := m.typed(); err != nil {
		return err
	}
	e.Rank(ingest.RankProps)
	if err := e.Part(m.props, "properties", m.onProps); err != nil {
		return err
	}
	if err := m.elsewhere(); err != nil {
		return err
	}
	if err := m.person(); err != nil {
		return err
	}
	m.identity()
	if visitor, app := m.sender(); m.remote || !visitor {
		e.Remote()
	} else if app && !m.browser {
		e.App()
	}
	if len(m.id) == 0 {
		m.id = m.insertID
	}
	e.SetID(m.id)
	return m.more()
}

// field reads one field of an event.
func (m *reader) field(dec *jx.Decoder, key []byte) error {
	e := m.e
	switch string(key) {
	case "event":
		return e.Text(dec, "event", &m.name)
	case "uuid":
		return e.Ident(dec, "uuid", &m.id)
	case "distinct_id", "$distinct_id":
		return e.Ident(dec, "distinct_id", &m.outerID)
	case "timestamp":
		return e.Time(dec, "timestamp")
	case "offset":
		return ingest.Raw(dec, &m.offset)
	case "properties":
		return ingest.Raw(dec, &m.props)
	case "$set":
		return ingest.Raw(dec, &m.set1)
	case "$set_once":
		return ingest.Raw(dec, &m.set2)
	case "api_key", "token":
		return m.tokenText(dec, &m.named)
	}
	return dec.Skip() // type, library …
}

func (m *reader) tokenText(dec *jx.Decoder, to *[]byte) error {
	if dec.Next() != jx.String {
		return dec.Skip()
	}
	return m.e.Text(dec, "token", to)
}

// elsewhere refuses an event whose token names another source than the request's: it would land where it does not belong. A property of that name that is no token, beside the
// token of the request, is the sender's own.
func (m *reader) elsewhere() error {
	for _, t := range [...]struct {
		field string
		token []byte
		must  bool // be the source's
	}{{"token", m.named, true}, {"properties.token", m.inner, !m.outer && len(m.named) == 0}} {
		if len(t.token) == 0 || bytes.Equal(t.token, m.opened) {
			continue
		}
		if own, other := m.q.Naming(string(t.token)); other || t.must && !own {
			return ingest.Elsewhere(t.field, "the event's token names another source than that of the request, or none: send it in a request with its own token")
		}
	}
	return nil
}

// maxOffset is more milliseconds than lie between any two times that an event can have.
const maxOffset = 1e15

// ago sets the time of an event that says how many milliseconds ago it happened when it was sent, as browser libraries do: that goes before a timestamp, and the sender's
// clock does not count. What is no number counts as absent.
func (m *reader) ago() {
	ms, err := strconv.ParseFloat(string(m.offset), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return
	}
	m.e.Ago(int64(max(-maxOffset, min(ms, maxOffset))))
	m.e.TimeOf("offset", "milliseconds")
}

// typed makes the event's type of its name.
func (m *reader) typed() error {
	row := m.e.Row()
	if len(bytes.TrimSpace(m.name)) == 0 {
		return ingest.Missing("event", "the event has no name: set event")
	}
	switch string(m.name) {
	case "$pageview":
		row.Type = []byte("pageview")
	case "$screen":
		row.Type = []byte("screen")
	case "$identify":
		row.Type = []byte("identify")
	case "$create_alias", "$merge_dangerously":
		row.Type = []byte("alias")
	case "$groupidentify":
		row.Type = []byte("group")
	case "$pageleave", "$web_vitals": // no action of the visitor
		row.Type = []byte("engagement")
	case "$snapshot", "$snapshot_items", "$$heatmap", "$$client_ingestion_warning":
		return ingest.Unsupported("events %s (recordings of sessions, heat maps) are not taken: turn them off in the library", m.name)
	default:
		row.Type = m.name
	}
	return nil
}

// property reads one of the event's properties. Those with a dollar are the library's: what has a column goes there.
func (m *reader) property(dec *jx.Decoder, key []byte) error {
	e := m.e
	row := e.Row()
	if dec.Next() == jx.Null { // the library lists what it does not know
		return dec.Skip()
	}
	switch string(key) {
	case "distinct_id":
		return e.Ident(dec, "distinct_id", &m.distinct)
	case "$device_id":
		return e.Ident(dec, "$device_id", &m.device)
	case "$anon_distinct_id":
		return e.Ident(dec, "$anon_distinct_id", &m.anon)
	case "$session_id":
		return e.Text(dec, "$session_id", &row.SessionID)
	case "$current_url":
		return e.Text(dec, "$current_url", &row.URL)
	case "$referrer":
		if err := e.Text(dec, "$referrer", &row.Referrer); err != nil {
			return err
		}
		if string(row.Referrer) == "$direct" {
			row.Referrer = nil
		}
		return nil
	case "$raw_user_agent", "$user_agent":
		return e.Text(dec, "$raw_user_agent", &row.UserAgent)
	case "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content":
		name := string(key)
		return e.Text(dec, name, e.Campaign(name[len("utm_"):]))
	case "$browser_language":
		return e.Property(dec, []byte("locale"))
	case "revenue", "$revenue":
		return e.Money(dec, []byte("revenue"))
	case "$currency":
		return e.Property(dec, []byte("currency"))
	case "$ip":
		return e.IP(dec, "$ip")
	}
	if len(key) > 0 && key[0] == '$' {
		if known, err := m.own(dec, key); known {
			return err
		}
	} else if string(key) == "token" || string(key) == "alias" && string(row.Type) == "alias" {
		if key[0] == 't' {
			return m.tokenText(dec, &m.inner)
		}
		return e.Ident(dec, "alias", &m.alias)
	}
	return e.Property(dec, key)
}

// own reads the properties by which the library says something of itself, or of how the event is meant.
func (m *reader) own(dec *jx.Decoder, key []byte) (known bool, err error) {
	e := m.e
	switch string(key) {
	case "$is_identified":
		m.told = true
		return true, e.Flag(dec, &m.identified)
	case "$process_person_profile":
		yes := true
		err := e.Flag(dec, &yes)
		m.personless = !yes
		return true, err
	case "$geoip_disable", "$is_server":
		var yes bool
		err := e.Flag(dec, &yes)
		m.remote = m.remote || yes
		return true, err
	case "$cookieless_mode":
		return true, e.Flag(dec, &m.anonymous)
	case "$insert_id":
		return true, e.Text(dec, "$insert_id", &m.insertID)
	case "$lib":
		if err := e.Text(dec, "$lib", &m.lib); err != nil {
			return true, err
		}
		return true, e.AddText([]byte("$lib"), m.lib)
	case "$screen_width":
		return true, e.Text(dec, "$screen_width", &m.width)
	case "$screen_height":
		return true, e.Text(dec, "$screen_height", &m.height)
	case "$set":
		return true, ingest.Raw(dec, &m.set1)
	case "$set_once":
		return true, ingest.Raw(dec, &m.set2)
	case "$group_type":
		return true, e.Text(dec, "$group_type", &m.groupType)
	case "$group_key":
		return true, e.Text(dec, "$group_key", &m.groupKey)
	case "$group_set":
		return true, e.Fields(dec, "$group_set", m.onTrait)
	case "$host", "$pathname", "$referring_domain", "$user_id", "$time", "$initialization_time", "$config_defaults", "$configured_session_timeout_ms",
		"$lib_custom_api_host", "$recording_status", "$browser_language_prefix":
		return true, dec.Skip() // follow from others, or are about the library
	}
	for _, prefix := range []string{"$sdk_", "$lib_rate_limit", "$session_entry_", "$initial_"} {
		if strings.HasPrefix(string(key), prefix) {
			return true, dec.Skip()
		}
	}
	return false, nil
}

// person reads what $set and $set_once say of the person: of an identify event these are its properties.
func (m *reader) person() error {
	e := m.e
	identify := string(e.Row().Type) == "identify"
	e.Rank(ingest.RankEvent)
	for _, s := range [...]struct {
		name string
		raw  []byte
	}{{"$set_once", m.set2}, {"$set", m.set1}} {
		m.prefix = s.name
		if identify {
			m.prefix = ""
		}
		if err := e.Part(s.raw, s.name, m.onSet); err != nil {
			return err
		}
	}
	return nil
}

// set reads one property of a person. What the library sets by itself begins with a dollar and repeats what events say, as do campaigns.
func (m *reader) set(dec *jx.Decoder, key []byte) error {
	if dec.Next() == jx.Null || bytes.HasPrefix(key, []byte("$")) || bytes.HasPrefix(key, []byte("utm_")) {
		return dec.Skip()
	}
	if m.prefix == "" {
		return m.e.Property(dec, key)
	}
	return m.e.PropertyUnder(dec, m.prefix, key)
}

func (m *reader) trait(dec *jx.Decoder, key []byte) error { return m.e.Property(dec, key) }

// identity finds out who it was. A browser has a device id that stays when somebody is identified; servers mostly name users.
func (m *reader) identity() {
	row := m.e.Row()
	id := m.outerID
	if len(id) == 0 {
		id = m.distinct
	}
	if string(id) == sentinel || m.anonymous && len(m.device) == 0 && !m.identified {
		m.e.Anonymous()
		return
	}
	typ := string(row.Type)
	switch {
	case typ == "group" && string(id) == "$"+string(m.groupType)+"_"+string(m.groupKey): // made of the group's name
	case typ == "identify":
		row.UserID, row.ClientID = id, m.anon
		if len(m.anon) == 0 {
			row.ClientID = m.device
		}
	case typ == "alias":
		row.UserID = id
	case m.told && !m.identified && len(id) > 0: // after reset() it is a new id, on the device of whoever was there before
		row.ClientID = id
	case len(m.device) > 0:
		row.ClientID = m.device
		if m.identified || !bytes.Equal(id, m.device) && !m.personless {
			row.UserID = id
		}
	case m.personless, string(m.lib) == "web" && !m.identified:
		row.ClientID = id
	default:
		row.UserID = id
	}
}

// sender says whether the event came straight from the visitor's device: from a browser or an app.
func (m *reader) sender() (visitor, app bool) {
	switch string(m.lib) {
	case "web", "js":
		return true, false
	case "posthog-ios", "posthog-android", "posthog-react-native", "posthog-flutter":
		return true, true
	}
	return m.browser || len(m.lib) == 0 && !m.q.Keyed(), false // anybody may use a door without a key: a program that does not say what it is shows itself
}

// more adds what only the whole event shows.
func (m *reader) more() error {
	e := m.e
	row := e.Row()
	e.Rank(ingest.RankEvent)
	if string(row.Type) == "alias" && (len(m.alias) == 0 || len(row.UserID) == 0) {
		return ingest.Missing("alias", "an alias needs distinct_id and alias")
	}
	if string(row.Type) == "identify" && len(row.UserID) == 0 {
		return ingest.Missing("distinct_id", "an identify event needs a distinct_id")
	}
	previous := m.alias
	if string(row.Type) == "identify" && !bytes.Equal(m.anon, row.UserID) { // servers know the anonymous id as a user's: it is joined as that too
		previous = m.anon
	}
	for _, p := range [...]struct{ name, value []byte }{{[]byte("previous_id"), previous}, {[]byte("group_type"), m.groupType}, {[]byte("group_id"), m.groupKey}} {
		if err := e.AddText(p.name, p.value); err != nil {
			return err
		}
	}
	if string(row.Type) == "engagement" {
		if err := e.AddText([]byte("event"), m.name); err != nil {
			return err
		}
	}
	if len(m.width) > 0 && len(m.height) > 0 && string(m.width) != "0" {
		return e.AddText([]byte("screen"), e.Join(m.width, "x", m.height))
	}
	return nil
}
