// Package posthog is the door of PostHog's capture API: of its browser, server and telephone libraries. docs/PROTOCOLS.md says what becomes of
// their events.
package posthog

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// Register adds the doors to a mux.
func Register(mux *http.ServeMux, h *ingest.Handler) {
	capture := h.Handle(ingest.Door{Name: "posthog", Methods: []string{http.MethodPost, http.MethodGet}, Drops: true, Splits: true, Serve: serve})
	for _, path := range []string{"/batch", "/e", "/i/v0/e", "/capture"} {
		mux.Handle(path, capture)
		mux.Handle(path+"/{$}", capture)
	}
	flag := h.Handle(ingest.Door{Name: "posthog", Methods: []string{http.MethodPost, http.MethodGet}, Public: true, Serve: flags})
	for _, path := range []string{"/flags", "/decide"} {
		mux.Handle(path, flag)
		mux.Handle(path+"/{$}", flag)
	}
	mux.Handle("/array/{token}/config", h.Handle(ingest.Door{Name: "posthog", Methods: []string{http.MethodGet}, Public: true, Serve: config}))
	mux.Handle("/array/{token}/config.js", h.Handle(ingest.Door{Name: "posthog", Methods: []string{http.MethodGet}, Public: true, Serve: configScript}))
	mux.Handle("/static/{script}", h.Handle(ingest.Door{Name: "posthog", Methods: []string{http.MethodGet}, Public: true, Serve: script}))
}

// serve takes {"api_key","batch":[…],"sent_at"}, an array of events, or one event.
func serve(q *ingest.Request) *problem.Problem {
	m := readers.Get().(*reader)
	m.reset(q)
	defer func() {
		m.reset(nil)
		readers.Put(m)
	}()
	body, prob := read(q)
	if prob != nil {
		return q.FailOf(m.key(), prob)
	}
	array := len(body) > 0 && body[0] == '['
	if array {
		m.batch = body
		prob = m.tokens(body)
	} else {
		prob = q.Envelope(body, m.onEnvelope)
	}
	if prob != nil {
		return q.FailOf(m.key(), prob)
	}
	key := m.key()
	if prob := q.Open(key); prob != nil {
		return prob
	}
	m.opened, m.outer = []byte(key), !array
	q.FromVisitor(true) // an event says otherwise
	m.browser = q.FromBrowser()
	m.sent()
	if m.batch != nil {
		prob = q.Each(m.batch, "batch", m.onMessage)
	} else {
		prob = q.Add(body, m.onEvent)
	}
	if prob != nil {
		return q.Fail(prob)
	}
	res, prob := q.Commit()
	if prob != nil {
		return prob
	}
	if res.Dropped != nil { // an error would be retried at once by some libraries and never by others; all understand this
		return q.JSON(`{"status":1,"quota_limited":["events"]}`)
	}
	return q.JSON(`{"status":1}`)
}

// read finds the JSON of a request: it may be gzip whatever the headers say, base64, a form with one of both in `data`, or a parameter of the address.
func read(q *ingest.Request) ([]byte, *problem.Problem) {
	var body []byte
	if q.HTTP.Method == http.MethodGet {
		body = []byte("data=" + url.QueryEscape(q.HTTP.URL.Query().Get("data")))
	} else {
		var prob *problem.Problem
		if body, prob = q.Body(); prob != nil {
			return nil, prob
		}
	}
	if len(body) == 0 || body[0] == '{' || body[0] == '[' {
		return body, nil
	}
	if prob := q.Hold(3 * len(body)); prob != nil { // of a form, its text and what that holds
		return nil, prob
	}
	if bytes.HasPrefix(body, []byte("data=")) || bytes.Contains(body, []byte("&data=")) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, problem.New(http.StatusBadRequest, "invalid_encoding", "the form cannot be read: percent-encode its values").WithField("data")
		}
		body = []byte(strings.TrimSpace(form.Get("data")))
	}
	if len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		return q.Unpack(body)
	}
	plain, err := ingest.Base64(body)
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, "invalid_encoding", "the body is neither JSON nor base64: send JSON, packed with gzip or base64").WithField("data")
	}
	return q.Unpack(plain)
}

// envelope reads what a body says besides its events.
func (m *reader) envelope(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "batch":
		return ingest.Raw(dec, &m.batch)
	case "api_key", "token":
		return m.q.Text(dec, &m.token)
	case "sent_at":
		return m.q.Text(dec, &m.sentAt)
	case "properties":
		if dec.Next() == jx.Object {
			return dec.ObjBytes(m.onToken)
		}
	}
	return dec.Skip()
}

// tokenField reads the token that the properties of an event may hold.
func (m *reader) tokenField(dec *jx.Decoder, key []byte) error {
	if string(key) == "token" && len(m.token) == 0 {
		return m.q.Text(dec, &m.token)
	}
	return dec.Skip()
}

// tokens looks at the token of each event of an array, until one names a known source. When the first was sent is when all were.
func (m *reader) tokens(array []byte) *problem.Problem {
	return m.q.Each(array, "batch", func(raw []byte) *problem.Problem {
		if m.choice.Done() {
			return nil
		}
		var dec jx.Decoder
		dec.ResetBytes(raw)
		m.named, m.inner = nil, nil
		if dec.Next() == jx.Object {
			_ = dec.ObjBytes(m.onElement) // it is valid: Each has read it
		}
		m.later = true
		name := m.named
		if len(name) == 0 {
			name = m.inner
		}
		m.choice.Offer(m.q, name)
		return nil
	})
}

// element reads what an event of an array says of its request.
func (m *reader) element(dec *jx.Decoder, key []byte) (err error) {
	switch string(key) {
	case "api_key", "token":
		if dec.Next() == jx.String {
			m.named, err = dec.StrBytes()
			return err
		}
	case "sent_at":
		if !m.later {
			return m.q.Text(dec, &m.sentAt)
		}
	case "properties":
		if dec.Next() == jx.Object {
			return dec.ObjBytes(m.onInner)
		}
	}
	return dec.Skip()
}

func (m *reader) innerField(dec *jx.Decoder, key []byte) (err error) {
	if string(key) != "token" || dec.Next() != jx.String {
		return dec.Skip()
	}
	m.inner, err = dec.StrBytes()
	return err
}

// key is the token of a request: of its body or its first event that names a known source, of its headers or its address. Where none of these is there, it is one that names nothing.
func (m *reader) key() string {
	if len(m.token) > 0 {
		return string(m.token)
	}
	if known := m.choice.Known(); known != nil {
		return string(known)
	}
	if scheme, token, _ := strings.Cut(m.q.HTTP.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	v := m.q.HTTP.URL.Query()
	for _, name := range [...]string{"api_key", "token"} {
		if key := v.Get(name); key != "" {
			return key
		}
	}
	return string(m.choice.Name())
}

// sent tells when the request was sent by the client's clock. Browsers put it into the address.
func (m *reader) sent() {
	at := m.sentAt
	if len(at) == 0 && m.q.HTTP.URL.RawQuery != "" {
		v := m.q.HTTP.URL.Query()
		if at = []byte(v.Get("sent_at")); len(at) == 0 {
			at = []byte(v.Get("_"))
		}
	}
	if ms, ok := ingest.ParseTime(at); ok {
		m.q.Sent(ms)
	}
}

var readers = sync.Pool{New: func() any {
	m := &reader{}
	m.onEnvelope, m.onToken, m.onEvent, m.onField, m.onMessage = m.envelope, m.tokenField, m.read, m.field, m.message
	m.onProps, m.onSet, m.onTrait, m.onElement, m.onInner = m.property, m.set, m.trait, m.element, m.innerField
	return m
}}
