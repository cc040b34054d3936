package snowplow

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// reader reads the events of one request. It is reused: the functions that it hands to the decoder are made once.
type reader struct {
	q      *ingest.Request
	choice ingest.Choice
	app    []byte // that the request was opened for
	data   []byte // JSON
	query  url.Values
	hidden bool // the tracker asks that nobody is told by the request
	one
	hooks
}

// one is what belongs to one event.
type one struct {
	e                               *ingest.Event
	kind, action, revenue, currency []byte
	trueTime                        []byte
	event, contexts                 []byte // JSON
	schema, inner                   []byte // of a self-describing object, its JSON
	name                            string // of its schema
	platform                        []byte
}

type hooks struct {
	onEnvelope, onApp, onField, onProps, onContext, onSession, onSale, onDescribed func(*jx.Decoder, []byte) error
	onFirst, onMessage                                                             func([]byte) *problem.Problem
	onEvent, onQuery                                                               func(*ingest.Event) error
	onElement                                                                      func([]byte) error
}

func (m *reader) message(raw []byte) *problem.Problem { return m.q.Add(raw, m.onEvent) }

func (m *reader) begin(e *ingest.Event) {
	m.one = one{e: e}
	e.Rank(ingest.RankEvent)
}

// read reads an event of a POST, whose fields are texts.
func (m *reader) read(e *ingest.Event) error {
	m.begin(e)
	if err := e.Object(m.onField); err != nil {
		return err
	}
	return m.finish()
}

func (m *reader) field(dec *jx.Decoder, key []byte) error {
	var v []byte
	if err := m.e.Ident(dec, string(key), &v); err != nil || len(v) == 0 {
		return err
	}
	return m.set(string(key), v)
}

// readQuery reads the event of a pixel.
func (m *reader) readQuery(e *ingest.Event) error {
	m.begin(e)
	names := make([]string, 0, len(m.query))
	for name := range m.query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v := []byte(m.query.Get(name))
		if len(v) == 0 || !utf8.ValidString(name) { // no parameter that is known is called so
			continue
		}
		if err := e.Check(name, v); err != nil {
			return err
		}
		if err := m.set(name, v); err != nil {
			return err
		}
	}
	return m.finish()
}

// texts and numbers are the parameters that become properties.
var (
	texts = map[string]string{
		"page": "title", "res": "screen", "lang": "locale", "tz": "timezone", "vp": "viewport", "p": "platform", "tv": "tracker",
		"se_ca": "category", "se_la": "label", "se_pr": "property",
		"tr_id": "transaction_id", "tr_af": "affiliation", "tr_ci": "city", "tr_st": "state", "tr_co": "country",
		"ti_id": "transaction_id", "ti_sk": "sku", "ti_nm": "name", "ti_ca": "category", "ds": "document", "cs": "charset",
	}
	numbers = map[string]string{
		"vid": "session_index", "se_va": "value", "tr_tx": "tax", "tr_sh": "shipping", "ti_pr": "price", "ti_qu": "quantity",
		"pp_mix": "pp_mix", "pp_max": "pp_max", "pp_miy": "pp_miy", "pp_may": "pp_may",
	}
)

// set takes one parameter. Those that are not known are left out: features of old browsers, namespaces, cookies.
func (m *reader) set(key string, v []byte) error {
	e := m.e
	row := e.Row()
	switch key {
	case "e":
		m.kind = v
	case "eid":
		e.SetID(v)
	case "aid":
		return m.application(v)
	case "uid":
		row.UserID = v
	case "duid":
		row.ClientID = v
	case "sid":
		row.SessionID = v
	case "url":
		row.URL = v
	case "refr":
		row.Referrer = v
	case "ua":
		row.UserAgent = v
	case "ip":
		e.SetIP(v)
	case "dtm", "ttm", "stm":
		return m.time(key, v)
	case "se_ac":
		m.action = v
	case "tr_tt":
		m.revenue = v
	case "tr_cu", "ti_cu":
		m.currency = v
	case "ue_pr", "co":
		return m.packed(key, v)
	case "ue_px", "cx":
		plain, err := ingest.Base64(v)
		if err != nil {
			return ingest.Wrong(key, "%s is not base64", key)
		}
		return m.packed(key, plain)
	default:
		if key == "p" {
			m.platform = v
		}
		if name, ok := texts[key]; ok {
			return e.AddText([]byte(name), v)
		}
		if name, ok := numbers[key]; ok {
			return e.AddValue([]byte(name), v)
		}
	}
	return nil
}

// application takes the source that an event names. A key is of one source only, whose other names will do.
func (m *reader) application(name []byte) error {
	if !m.q.Keyed() {
		m.e.SetSite(name)
		return nil
	}
	if bytes.Equal(name, m.app) {
		return nil
	}
	if own, _ := m.q.Naming(string(name)); !own {
		return ingest.Elsewhere("aid", "the event's aid names another source than that of the request's key, or none: send it in a request with its own key")
	}
	return nil
}

func (m *reader) packed(key string, v []byte) error {
	if key[0] == 'u' {
		m.event = v
	} else {
		m.contexts = v
	}
	return nil
}

func (m *reader) time(key string, v []byte) error {
	ms, err := strconv.ParseInt(string(v), 10, 64)
	if err == nil && ms < 0 {
		return ingest.Malformed("ts_out_of_range", key, key+" is before 1970: the earliest time that an event can have is 0, milliseconds since 1970")
	}
	if err != nil || ms > 1<<53 {
		return ingest.Wrong(key, "%s is %q: it must be milliseconds since 1970", key, v)
	}
	switch key {
	case "stm":
		m.e.Sent(ms)
	case "ttm":
		m.trueTime = v
		m.e.SetTime(ms)
		m.e.TimeOf(key, "milliseconds")
	default:
		if m.trueTime == nil {
			m.e.SetTime(ms)
			m.e.TimeOf(key, "milliseconds")
		}
	}
	return nil
}

// finish reads what was packed into the event, and names it.
func (m *reader) finish() error {
	e := m.e
	row := e.Row()
	if m.trueTime != nil {
		e.Sent(m.q.Now()) // the true time needs no correction
	}
	if err := m.context(); err != nil {
		return err
	}
	switch string(m.kind) {
	case "pv":
		row.Type = []byte("pageview")
	case "pp":
		row.Type = []byte("engagement")
		if err := e.AddText([]byte("event"), []byte("page_ping")); err != nil {
			return err
		}
	case "se":
		if row.Type = m.action; len(m.action) == 0 {
			return ingest.Missing("se_ac", "a structured event needs an action")
		}
	case "tr":
		row.Type = []byte("transaction")
	case "ti":
		row.Type = []byte("transaction_item")
	case "ue":
		if err := m.selfDescribing(); err != nil {
			return err
		}
	case "":
		return ingest.Missing("e", "the event has no type: set e")
	default:
		return ingest.Wrong("e", "the event's type is %q: the protocol knows pv, pp, se, ue, tr and ti", m.kind)
	}
	e.Rank(ingest.RankProps)
	if len(m.revenue) > 0 {
		if err := e.AddValue([]byte("revenue"), m.revenue); err != nil {
			return err
		}
	}
	if err := e.AddText([]byte("currency"), m.currency); err != nil {
		return err
	}
	m.visitor()
	return nil
}

// visitor says whom the request itself shows.
func (m *reader) visitor() {
	row := m.e.Row()
	switch {
	case m.hidden:
		m.e.Remote()
		if len(row.UserAgent) == 0 {
			row.UserAgent = m.e.Copy([]byte(m.q.HTTP.UserAgent()))
		}
	case string(m.platform) == "srv":
		m.e.Remote()
	default:
		if p := string(m.platform); p != "" && p != "web" && !m.q.FromBrowser() {
			m.e.App()
		}
		if len(row.ClientID) == 0 && len(row.UserID) == 0 {
			m.e.Anonymous()
		}
	}
}

// describe reads a self-describing object, {"schema","data"}.
func (m *reader) describe(raw []byte, what string) error {
	m.schema, m.inner = nil, nil
	return m.e.Inner(raw, what, m.onDescribed)
}

func (m *reader) describedField(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "schema":
		return m.e.Text(dec, "schema", &m.schema)
	case "data":
		return ingest.Raw(dec, &m.inner)
	}
	return dec.Skip()
}

// selfDescribing reads the event's own data: its schema's name is the type.
func (m *reader) selfDescribing() error {
	if m.event == nil {
		return ingest.Missing("ue_pr", "a self-describing event needs ue_pr or ue_px")
	}
	if err := m.describe(m.event, "ue_pr"); err != nil {
		return err
	}
	if m.inner == nil {
		return ingest.Missing("ue_pr.data", "the self-describing event is empty")
	}
	if err := m.describe(m.inner, "ue_pr.data"); err != nil {
		return err
	}
	name := schemaName(m.schema)
	if name == "" {
		return ingest.Wrong("ue_pr.data.schema", "the schema is %q: it must be like iglu:com.acme/name/jsonschema/1-0-0", m.schema)
	}
	m.e.Row().Type = []byte(name)
	m.e.Rank(ingest.RankProps)
	return m.e.Part(m.inner, "data", m.onProps)
}

// schemaName is the third part of iglu:vendor/name/format/version.
func schemaName(schema []byte) string {
	parts := bytes.Split(bytes.TrimPrefix(schema, []byte("iglu:")), []byte("/"))
	if len(parts) != 4 {
		return ""
	}
	return string(parts[1])
}

func (m *reader) prop(dec *jx.Decoder, key []byte) error {
	if string(key) == "revenue" {
		return m.e.Money(dec, []byte("revenue"))
	}
	return m.e.Property(dec, key)
}

// context reads what is attached to the event: each field becomes schema.field.
func (m *reader) context() error {
	if m.contexts == nil {
		return nil
	}
	if err := m.describe(m.contexts, "co"); err != nil {
		return err
	}
	m.e.Rank(ingest.RankContext)
	err := m.e.Elements(m.inner, "co", m.onElement)
	m.e.Rank(ingest.RankEvent)
	return err
}

func (m *reader) element(raw []byte) error {
	if err := m.describe(raw, "co"); err != nil {
		return err
	}
	switch m.name = schemaName(m.schema); m.name {
	case "":
		return ingest.Wrong("co.schema", "the schema is %q: it must be like iglu:com.acme/name/jsonschema/1-0-0", m.schema)
	case "client_session":
		return m.e.Part(m.inner, m.name, m.onSession)
	case "transaction":
		return m.e.Part(m.inner, m.name, m.onSale)
	}
	return m.e.Part(m.inner, m.name, m.onContext)
}

func (m *reader) contextField(dec *jx.Decoder, key []byte) error {
	return m.e.PropertyUnder(dec, m.name, key)
}

// session reads the session of an app, which has no duid and sid; in a browser they repeat these, and do not stay as properties either.
func (m *reader) session(dec *jx.Decoder, key []byte) error {
	row := m.e.Row()
	switch string(key) {
	case "userId":
		if len(row.ClientID) == 0 {
			return m.e.Text(dec, "userId", &row.ClientID)
		}
		return dec.Skip()
	case "sessionId":
		if len(row.SessionID) == 0 {
			return m.e.Text(dec, "sessionId", &row.SessionID)
		}
		return dec.Skip()
	}
	return m.e.PropertyUnder(dec, "client_session", key)
}

// sale reads the transaction of a purchase.
func (m *reader) sale(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "revenue":
		return m.e.Money(dec, []byte("revenue"))
	case "currency":
		return m.e.Property(dec, []byte("currency"))
	}
	return m.e.PropertyUnder(dec, "transaction", key)
}
