// Package segment is the door of Segment's tracking API: of its server and browser libraries, and of those that speak the same language
// (RudderStack's, Jitsu's). docs/PROTOCOLS.md says what becomes of their messages.
package segment

import (
	"bytes"
	"net/http"
	"strings"
	"sync"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// Register adds the doors to a mux. The browser's library uses the first letter of a call, others the whole word.
func Register(mux *http.ServeMux, h *ingest.Handler) {
	door := func(path, kind string) {
		mux.Handle(path, h.Handle(ingest.Door{Name: "segment", Methods: []string{http.MethodPost}, Serve: func(q *ingest.Request) *problem.Problem { return serve(q, kind) }}))
	}
	for _, kind := range kinds {
		door("/v1/"+kind, kind)
		door("/v1/"+kind[:1], kind)
		door("/api/s/"+kind, kind)
		door("/api/s/s2s/"+kind, kind)
	}
	for _, path := range []string{"/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch", "/api/s/event", "/api/s/s2s/event"} {
		door(path, "")
	}
	mux.Handle("/v1/m", h.Handle(ingest.Door{Name: "segment", Methods: []string{http.MethodPost}, Public: true, Serve: metrics}))
	mux.Handle("/v1/projects/{key}/settings", h.Handle(ingest.Door{Name: "segment", Methods: []string{http.MethodGet}, Public: true, Serve: settings}))
	for _, path := range []string{"/sourceConfig", "/sourceConfig/{$}"} {
		mux.Handle(path, h.Handle(ingest.Door{Name: "segment", Methods: []string{http.MethodGet}, Public: true, Serve: sourceConfig}))
	}
}

// kinds are the calls that the API knows. No two begin with the same letter.
var kinds = []string{"track", "identify", "page", "screen", "group", "alias"}

// serve takes one message, or {"batch":[…],"writeKey","sentAt","context"}. kind is what the path says the message is.
func serve(q *ingest.Request, kind string) *problem.Problem {
	m := readers.Get().(*reader)
	m.reset(q, kind)
	defer func() {
		m.reset(nil, "")
		readers.Put(m)
	}()
	body, prob := q.Body()
	if prob != nil {
		return q.FailOf(m.writeKey(), prob)
	}
	if kind == "" && bytes.HasPrefix(body, []byte("[")) {
		return q.FailOf(m.writeKey(), problem.New(http.StatusBadRequest, "invalid_type", `the request is an array: send its messages as {"batch":[…]}`).WithField("batch"))
	}
	if prob := q.Envelope(body, m.onEnvelope); prob != nil {
		return q.FailOf(m.writeKey(), prob)
	}
	if prob := q.Open(m.writeKey()); prob != nil {
		return prob
	}
	q.FromVisitor(true) // an event says otherwise
	m.browser = q.FromBrowser()
	if ms, ok := ingest.ParseTime(m.sentAt); ok {
		q.Sent(ms)
	}
	if m.batch == nil {
		m.common = nil // it is the message's own
		prob = q.Add(body, m.onEvent)
	} else {
		q.Shared(len(m.common))
		if prob = q.Ahead(m.batch, len(m.common)); prob == nil {
			prob = q.Each(m.batch, "batch", m.onMessage)
		}
	}
	if prob != nil {
		return q.Fail(prob)
	}
	if _, prob := q.Commit(); prob != nil {
		return prob
	}
	return q.JSON(`{"success":true}`)
}

// envelope reads what a body says besides its messages.
func (m *reader) envelope(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "batch":
		return ingest.Raw(dec, &m.batch)
	case "writeKey":
		return m.q.Text(dec, &m.bodyKey)
	case "sentAt":
		return m.q.Text(dec, &m.sentAt)
	case "context":
		return ingest.Raw(dec, &m.common)
	}
	return dec.Skip()
}

// writeKey is the key of a request: of its headers, its body or its address.
func (m *reader) writeKey() string {
	r := m.q.HTTP
	if user, password, ok := r.BasicAuth(); ok {
		if user == "" {
			user = password
		}
		return user
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer") && token != "":
		return strings.TrimSpace(token)
	case r.Header.Get("X-Write-Key") != "":
		return m.pair(r.Header.Get("X-Write-Key")) // the one in the body is masked
	case len(m.bodyKey) > 0:
		return string(m.bodyKey)
	}
	return r.URL.Query().Get("writeKey")
}

// pair chooses what of Jitsu's id:secret is the key: the secret if it is a key, else an alias, of either form.
func (m *reader) pair(key string) string {
	id, secret, ok := strings.Cut(key, ":")
	switch {
	case ok && m.q.IsKey(secret): // before aliases: another tenant's may be called like the id
		return secret
	case !ok || m.q.Known(key):
		return key
	case m.q.Known(id):
		return id
	}
	return secret
}

var readers = sync.Pool{New: func() any {
	m := &reader{}
	m.onEnvelope, m.onEvent, m.onField, m.onMessage = m.envelope, m.read, m.field, m.message
	m.onContext, m.onPage, m.onLibrary, m.onCampaign, m.onScreen, m.onTraits, m.onProps, m.onDevice = m.context, m.page, m.libraryField, m.campaign, m.screen, m.traits, m.property, m.deviceField
	return m
}}
