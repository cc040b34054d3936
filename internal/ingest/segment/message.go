package segment

import (
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// reader reads the messages of one request. It is reused: the functions that it hands to the decoder are made once.
type reader struct {
	q       *ingest.Request
	kind    string // what the path says the message is
	browser bool   // a browser made the request

	// Of the envelope.
	bodyKey, sentAt []byte
	batch, common   []byte // JSON
	one
	hooks
}

// one is what belongs to one message.
type one struct {
	e                                  *ingest.Event
	typ, event, name, category, group  []byte
	previous, channel, library, id     []byte
	contextJSON, propsJSON, traitsJSON []byte
	url, referrer, pagePath, search    []byte
	width, height                      []byte
	hasTime                            bool
}

type hooks struct {
	onEnvelope, onField, onContext, onPage, onLibrary, onCampaign, onScreen, onTraits, onProps, onDevice func(*jx.Decoder, []byte) error
	onEvent                                                                                              func(*ingest.Event) error
	onMessage                                                                                            func([]byte) *problem.Problem
}

func (m *reader) reset(q *ingest.Request, kind string) { *m = reader{q: q, kind: kind, hooks: m.hooks} }

func (m *reader) message(raw []byte) *problem.Problem { return m.q.Add(raw, m.onEvent) }

// read reads one message. The order of a message's fields says nothing: first all are found, then the parts are read that depend on the type.
func (m *reader) read(e *ingest.Event) error {
	m.one = one{e: e}
	if err := e.Object(m.onField); err != nil {
		return err
	}
	if len(m.typ) == 0 {
		m.typ = []byte(m.kind)
	}
	if err := m.parts(); err != nil {
		return err
	}
	if err := m.resolve(); err != nil {
		return err
	}
	if visitor, app := m.sender(); !visitor {
		e.Remote()
	} else if app && !m.browser {
		e.App()
	}
	if row := e.Row(); len(row.ClientID) == 0 && len(row.UserID) == 0 {
		e.Anonymous()
	}
	return nil
}

// field reads one field of a message.
func (m *reader) field(dec *jx.Decoder, key []byte) error {
	e := m.e
	row := e.Row()
	switch string(key) {
	case "type":
		return e.Text(dec, "type", &m.typ)
	case "event":
		return e.Text(dec, "event", &m.event)
	case "name":
		return e.Text(dec, "name", &m.name)
	case "category":
		return e.Text(dec, "category", &m.category)
	case "messageId":
		err := e.Ident(dec, "messageId", &m.id)
		e.SetID(m.id)
		return err
	case "anonymousId":
		return e.Ident(dec, "anonymousId", &row.ClientID)
	case "userId":
		return e.Ident(dec, "userId", &row.UserID)
	case "groupId":
		return e.Ident(dec, "groupId", &m.group)
	case "previousId":
		return e.Ident(dec, "previousId", &m.previous)
	case "originalTimestamp":
		m.hasTime = m.hasTime || dec.Next() != jx.Null
		return e.Time(dec, "originalTimestamp")
	case "timestamp":
		if m.hasTime { // the original one belongs to sentAt
			return dec.Skip()
		}
		return e.Time(dec, "timestamp")
	case "sentAt":
		var v []byte
		if err := e.Text(dec, "sentAt", &v); err != nil {
			return err
		}
		if ms, ok := ingest.ParseTime(v); ok {
			e.Sent(ms)
		}
		return nil
	case "channel":
		return e.Text(dec, "channel", &m.channel)
	case "context":
		return ingest.Raw(dec, &m.contextJSON)
	case "properties":
		return ingest.Raw(dec, &m.propsJSON)
	case "traits":
		return ingest.Raw(dec, &m.traitsJSON)
	}
	return dec.Skip() // writeKey, integrations, _metadata, receivedAt …
}

// parts reads context, properties and traits, from what says least of the event to what says most.
func (m *reader) parts() error {
	e := m.e
	e.Rank(ingest.RankContext)
	for _, c := range [][]byte{m.common, m.contextJSON} {
		if err := e.Part(c, "context", m.onContext); err != nil {
			return err
		}
	}
	if len(m.width) > 0 && len(m.height) > 0 {
		if err := e.AddText([]byte("screen"), e.Join(m.width, "x", m.height)); err != nil {
			return err
		}
	}
	e.Rank(ingest.RankProps)
	if err := e.Part(m.traitsJSON, "traits", m.onTraits); err != nil {
		return err
	}
	return e.Part(m.propsJSON, "properties", m.onProps)
}

// resolve makes the event's type of the message's, and keeps the fields that only some messages have.
func (m *reader) resolve() error {
	e := m.e
	row := e.Row()
	e.Rank(ingest.RankEvent)
	switch string(m.typ) {
	case "track":
		row.Type = m.event
		if len(m.event) == 0 {
			return ingest.Missing("event", "a track message needs the name of its event")
		}
	case "page":
		row.Type = []byte("pageview")
	case "screen", "group":
		row.Type = m.typ
	case "identify":
		row.Type = m.typ
		if len(row.UserID) == 0 && len(row.ClientID) == 0 {
			return ingest.Missing("userId", "an identify message needs a userId or an anonymousId")
		}
	case "alias":
		row.Type = m.typ
		if len(m.previous) == 0 || len(row.UserID) == 0 {
			return ingest.Missing("previousId", "an alias message needs previousId and userId")
		}
	default:
		return ingest.Wrong("type", "the message's type is %q: the API knows track, identify, page, screen, group and alias", m.typ)
	}
	row.URL, row.Referrer = m.url, m.referrer
	if len(row.URL) == 0 && len(m.pagePath) > 0 {
		row.URL = e.Join(m.pagePath, "", m.search)
	}
	for _, p := range [...]struct{ name, value []byte }{{[]byte("name"), m.name}, {[]byte("category"), m.category}, {[]byte("group_id"), m.group}, {[]byte("previous_id"), m.previous}} {
		if err := e.AddText(p.name, p.value); err != nil {
			return err
		}
	}
	return nil
}

// sender says whether the message came straight from the visitor's device: from a browser, or an app with a library for telephones.
func (m *reader) sender() (visitor, app bool) {
	switch string(m.channel) {
	case "server", "sources":
		return false, false
	case "web", "browser", "client":
		return true, false
	case "mobile":
		return true, true
	}
	name := strings.ToLower(string(m.library))
	for _, device := range []string{"ios", "android", "kotlin", "swift", "react-native", "flutter"} {
		if strings.Contains(name, device) {
			return true, true
		}
	}
	// Anybody may use a door without a key: a program that does not say what it is shows itself.
	return m.browser || strings.Contains(name, "analytics.js") || strings.Contains(name, "javascript") || name == "" && !m.q.Keyed(), false
}

// property reads one of the event's properties. A page's own repeat what the context says of the page.
func (m *reader) property(dec *jx.Decoder, key []byte) error {
	page := string(m.typ) == "page"
	switch string(key) {
	case "url":
		if page {
			return m.e.Text(dec, "url", &m.url)
		}
	case "referrer":
		if page {
			return m.e.Text(dec, "referrer", &m.referrer)
		}
	case "path":
		if page {
			return m.e.Text(dec, "path", &m.pagePath)
		}
	case "search":
		if page {
			return m.e.Text(dec, "search", &m.search)
		}
	case "revenue":
		return m.e.Money(dec, []byte("revenue"))
	}
	return m.e.Property(dec, key)
}

func (m *reader) traits(dec *jx.Decoder, key []byte) error { return m.e.Property(dec, key) }

// context reads what the library says of itself, the page and the device. What has a column goes there; the rest becomes context.….
func (m *reader) context(dec *jx.Decoder, key []byte) error {
	e := m.e
	switch string(key) {
	case "page":
		return e.Fields(dec, "context.page", m.onPage)
	case "library":
		return e.Fields(dec, "context.library", m.onLibrary)
	case "campaign":
		return e.Fields(dec, "context.campaign", m.onCampaign)
	case "screen":
		return e.Fields(dec, "context.screen", m.onScreen)
	case "device":
		return e.Fields(dec, "context.device", m.onDevice)
	case "device.ip": // flattened
		return dec.Skip()
	case "userAgent":
		return e.Text(dec, "context.userAgent", &e.Row().UserAgent)
	case "ip":
		return e.IP(dec, "context.ip")
	case "locale":
		return e.Property(dec, []byte("locale"))
	case "sessionId": // RudderStack's
		return e.Text(dec, "context.sessionId", &e.Row().SessionID)
	case "traits":
		if string(m.typ) == "identify" {
			return e.Fields(dec, "context.traits", m.onTraits)
		}
		return dec.Skip() // of the person, repeated with each event
	case "userAgentData":
		return dec.Skip() // is in the user agent
	}
	return e.PropertyUnder(dec, "context", key)
}

func (m *reader) page(dec *jx.Decoder, key []byte) error {
	e := m.e
	switch string(key) {
	case "url":
		return e.Text(dec, "context.page.url", &m.url)
	case "referrer":
		return e.Text(dec, "context.page.referrer", &m.referrer)
	case "path":
		return e.Text(dec, "context.page.path", &m.pagePath)
	case "search":
		return e.Text(dec, "context.page.search", &m.search)
	case "title":
		return e.Property(dec, []byte("title"))
	case "referring_domain", "host", "tab_url", "encoding":
		return dec.Skip() // follow from the others
	}
	return e.PropertyUnder(dec, "context.page", key)
}

// deviceField reads what the library says of the device. Its address, if it is there, is that of who sent.
func (m *reader) deviceField(dec *jx.Decoder, key []byte) error {
	if string(key) == "ip" {
		return dec.Skip()
	}
	return m.e.PropertyUnder(dec, "context.device", key)
}

func (m *reader) libraryField(dec *jx.Decoder, key []byte) error {
	if string(key) == "name" {
		if err := m.e.Text(dec, "context.library.name", &m.library); err != nil || len(m.library) == 0 {
			return err
		}
		return m.e.AddText([]byte("context.library.name"), m.library)
	}
	return m.e.PropertyUnder(dec, "context.library", key)
}

func (m *reader) campaign(dec *jx.Decoder, key []byte) error {
	e, part := m.e, string(key)
	if part == "name" {
		part = "campaign"
	}
	if to := e.Campaign(part); to != nil {
		return e.Text(dec, "utm_"+part, to)
	}
	return e.PropertyUnder(dec, "context.campaign", key)
}

func (m *reader) screen(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "width":
		return m.number(dec, &m.width)
	case "height":
		return m.number(dec, &m.height)
	}
	return m.e.PropertyUnder(dec, "context.screen", key)
}

// number reads a length in pixels; anything else counts as absent.
func (m *reader) number(dec *jx.Decoder, to *[]byte) error {
	if dec.Next() != jx.Number {
		return dec.Skip()
	}
	raw, err := dec.Raw()
	if err != nil {
		return err
	}
	if v, err := strconv.ParseFloat(string(raw), 64); err == nil && v > 0 && v < 1e6 {
		*to = strconv.AppendInt(nil, int64(v), 10)
	}
	return nil
}
