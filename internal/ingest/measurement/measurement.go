// Package measurement is the door of Google Analytics' Measurement Protocol (GA4), which servers and devices send. docs/PROTOCOLS.md says what
// becomes of its events.
package measurement

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// Register adds the doors to a mux.
func Register(mux *http.ServeMux, h *ingest.Handler) {
	mux.Handle("/mp/collect", h.Handle(ingest.Door{Name: "measurement", Methods: []string{http.MethodPost}, Drops: true, Silent: true, Once: true, Serve: collect}))
	mux.Handle("/debug/mp/collect", h.Handle(ingest.Door{Name: "measurement", Methods: []string{http.MethodPost}, Public: true, Serve: debug}))
}

// collect stores the events of a request. Whatever is wrong with them, or with the stream that they name, the answer is 204, as the protocol has it; what is lost is counted. Only a
// wrong key, and what a sender may send again, is told.
func collect(q *ingest.Request) *problem.Problem {
	_, prob := serve(q)
	if prob = q.Fail(prob); prob == nil {
		_, prob = q.Commit()
	}
	if prob != nil && !q.Lost() {
		switch prob.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
			return prob
		}
		if prob.Status >= 500 {
			return prob
		}
	}
	if prob != nil {
		q.TellRejected()
	}
	q.Writer.WriteHeader(http.StatusNoContent)
	return nil
}

// serve reads a request: {"client_id" or "app_instance_id","user_id","timestamp_micros","user_properties","events":[…]}. It
// returns the body, as far as it was read.
func serve(q *ingest.Request) ([]byte, *problem.Problem) {
	v := q.HTTP.URL.Query()
	secret, stream := v.Get("api_secret"), v.Get("measurement_id")
	if stream == "" {
		stream = v.Get("firebase_app_id")
	}
	if secret == "" {
		return nil, problem.New(http.StatusUnauthorized, "missing_key", "the request has no api_secret: use the write key of a source").WithField("api_secret")
	}
	body, broken := q.Body()
	if prob := q.OpenKey(secret, stream); prob != nil {
		return nil, prob
	}
	if broken != nil { // now it is known whose loss it is
		return nil, broken
	}
	if _, other := q.Naming(stream); other {
		return nil, problem.New(http.StatusBadRequest, "site_forbidden", "the request names another source than that of its api_secret: use the write key of the source that it names").WithField("site_id")
	}
	m := readers.Get().(*reader)
	defer func() {
		*m = reader{hooks: m.hooks}
		readers.Put(m)
	}()
	m.q = q
	if prob := q.Envelope(body, m.onEnvelope); prob != nil {
		return body, prob
	}
	if m.events == nil {
		return body, problem.New(http.StatusBadRequest, "field_missing", "the request has no events: set events to an array").WithField("events")
	}
	q.Default(m.client, m.user, nil)
	q.Shared(len(m.people))
	if prob := q.Ahead(m.events, len(m.people)); prob != nil {
		return body, prob
	}
	return body, q.Each(m.events, "events", m.onMessage)
}

// reader reads the events of one request. It is reused: the functions that it hands to the decoder are made once.
type reader struct {
	q            *ingest.Request
	client, user []byte
	agent, ip    []byte

	badClient, badUser, badAgent error // why no event can be taken with what the request says

	all    stamp
	people []byte // user_properties, JSON
	events []byte
	one
	hooks
}

// one is what belongs to one event.
type one struct {
	e            *ingest.Event
	name, params []byte
	person       string
	at           stamp // its own
	purchase     bool
	campaign     bool
}

type hooks struct {
	onEnvelope, onField, onParam, onPerson, onValue func(*jx.Decoder, []byte) error
	onMessage                                       func([]byte) *problem.Problem
	onEvent                                         func(*ingest.Event) error
}

var readers = sync.Pool{New: func() any {
	m := &reader{}
	m.onEnvelope, m.onField, m.onParam, m.onPerson, m.onValue, m.onMessage, m.onEvent = m.envelope, m.field, m.param, m.personField, m.value, m.message, m.read
	return m
}}

func (m *reader) envelope(dec *jx.Decoder, key []byte) (err error) {
	switch string(key) {
	case "client_id":
		m.badClient, err = m.id(dec, "client_id", &m.client)
		return err
	case "app_instance_id":
		if len(m.client) == 0 && m.badClient == nil {
			m.badClient, err = m.id(dec, "app_instance_id", &m.client)
			return err
		}
	case "user_id":
		m.badUser, err = m.id(dec, "user_id", &m.user)
		return err
	case "user_agent":
		m.badAgent, err = m.q.Own(dec, "user_agent", &m.agent)
		return err
	case "ip_override":
		return m.q.Text(dec, &m.ip)
	case "timestamp_micros":
		m.all, err = micros(dec)
		return err
	case "user_properties":
		return ingest.Raw(dec, &m.people)
	case "events":
		return ingest.Raw(dec, &m.events)
	}
	return dec.Skip() // consent, user_data, non_personalized_ads, user_location, device …
}

// id reads an id, which may be a number: a client id of the browser's library looks like one.
func (m *reader) id(dec *jx.Decoder, name string, to *[]byte) (bad, err error) {
	if dec.Next() != jx.Number {
		return m.q.Own(dec, name, to)
	}
	raw, err := dec.Raw()
	*to = m.q.Keep(raw)
	return nil, err
}

func (m *reader) message(raw []byte) *problem.Problem { return m.q.Add(raw, m.onEvent) }

func (m *reader) read(e *ingest.Event) error {
	m.one = one{e: e}
	if err := e.Object(m.onField); err != nil {
		return err
	}
	for _, bad := range [...]error{m.badClient, m.badUser, m.badAgent} {
		if bad != nil {
			return bad
		}
	}
	if err := m.time(); err != nil {
		return err
	}
	row := e.Row()
	row.UserAgent = m.agent
	e.SetIP(m.ip)
	if len(bytes.TrimSpace(m.name)) == 0 {
		return ingest.Missing("name", "the event has no name")
	}
	switch string(m.name) {
	case "page_view":
		row.Type = []byte("pageview")
	case "user_engagement":
		row.Type = []byte("engagement")
	default:
		row.Type = m.name
	}
	m.purchase = purchases(string(m.name))
	m.campaign = string(m.name) == "campaign_details"
	e.Rank(ingest.RankContext)
	if err := e.Part(m.people, "user", m.onPerson); err != nil {
		return err
	}
	e.Rank(ingest.RankProps)
	if err := e.Part(m.params, "params", m.onParam); err != nil {
		return err
	}
	if len(row.ClientID) == 0 && len(row.UserID) == 0 && len(m.client) == 0 && len(m.user) == 0 {
		return ingest.Missing("client_id", "the request has neither client_id nor app_instance_id")
	}
	return nil
}

// purchases says whether an event of that name is a purchase, whose value is revenue.
func purchases(name string) bool {
	switch name {
	case "purchase", "in_app_purchase", "ecommerce_purchase":
		return true
	}
	return false
}

func (m *reader) field(dec *jx.Decoder, key []byte) (err error) {
	switch string(key) {
	case "name":
		return m.e.Ident(dec, "name", &m.name)
	case "params":
		return ingest.Raw(dec, &m.params)
	case "timestamp_micros":
		m.at, err = micros(dec)
		return err
	}
	return dec.Skip()
}

// personField reads one of the user's properties, {"value":…}.
func (m *reader) personField(dec *jx.Decoder, key []byte) error {
	m.person = string(key)
	if dec.Next() != jx.Object {
		return m.e.PropertyUnder(dec, "user", key)
	}
	return m.e.Fields(dec, "user", m.onValue)
}

func (m *reader) value(dec *jx.Decoder, key []byte) error {
	if string(key) == "value" {
		return m.e.PropertyUnder(dec, "user", []byte(m.person))
	}
	return dec.Skip()
}

// param reads one of the event's parameters.
func (m *reader) param(dec *jx.Decoder, key []byte) error {
	e := m.e
	row := e.Row()
	switch string(key) {
	case "session_id":
		return e.Text(dec, "session_id", &row.SessionID)
	case "page_location":
		return e.Text(dec, "page_location", &row.URL)
	case "page_referrer":
		return e.Text(dec, "page_referrer", &row.Referrer)
	case "page_title":
		return e.Property(dec, []byte("title"))
	case "language":
		return e.Property(dec, []byte("locale"))
	case "screen_resolution":
		return e.Property(dec, []byte("screen"))
	case "ip_override": // belongs beside the events, and is no property there either
		return dec.Skip()
	case "value":
		if m.purchase {
			return e.Money(dec, []byte("revenue"))
		}
	}
	if m.campaign {
		name := string(key)
		if to := e.Campaign(name); to != nil {
			return e.Text(dec, name, to)
		}
	}
	return e.Property(dec, key)
}
