// Package snowplow is the door of Snowplow's tracker protocol: the collector's POST (tp2) and its pixel. docs/PROTOCOLS.md says what becomes of
// its events.
package snowplow

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// Register adds the doors to a mux.
func Register(mux *http.ServeMux, h *ingest.Handler) {
	mux.Handle(postPath, door(h, http.MethodPost, post))
	mux.Handle("/i", door(h, http.MethodGet, pixel))
}

const postPath = "/com.snowplowanalytics.snowplow/tp2"

// RegisterPath adds the address of trackers with a postPath of their own.
func RegisterPath(mux *http.ServeMux, h *ingest.Handler, path string) {
	if path != postPath {
		mux.Handle(path, door(h, http.MethodPost, post))
	}
}

// door makes a handler. Trackers send a POST again that is over a limit; a pixel may be an image of a page, which nobody sends again.
func door(h *ingest.Handler, method string, serve func(*ingest.Request) *problem.Problem) http.Handler {
	return h.Handle(ingest.Door{Name: "snowplow", Methods: []string{method}, Drops: method == http.MethodGet, Silent: true, Serve: serve, Refuse: refuse})
}

// refuse answers a request that is refused. Trackers send again whatever is not one of 400, 401, 403, 410 and 422: what would never be taken gets one of these.
func refuse(w http.ResponseWriter, _ *http.Request, p *problem.Problem) {
	if p.Status == http.StatusNotFound || p.Status == http.StatusRequestEntityTooLarge || p.Status == http.StatusUnsupportedMediaType {
		changed := *p
		changed.Status, changed.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
		p = &changed
	}
	p.Write(w)
}

// post takes {"schema":"iglu:…/payload_data/…","data":[…]}.
func post(q *ingest.Request) *problem.Problem {
	body, prob := q.Body()
	if prob != nil {
		return prob
	}
	m := take(q)
	defer m.done()
	if prob := q.Envelope(body, m.onEnvelope); prob != nil {
		m.search(body)
		return q.FailOf(string(m.choice.Name()), prob)
	}
	if m.data == nil {
		return problem.New(http.StatusBadRequest, "field_missing", "the request has no events: set data to an array").WithField("data")
	}
	prob = q.Each(m.data, "data", m.onFirst)
	if m.app = m.choice.Name(); prob != nil {
		return q.FailOf(string(m.app), prob)
	}
	if prob := m.open(); prob != nil {
		return prob
	}
	if prob := q.Each(m.data, "data", m.onMessage); prob != nil {
		return q.Fail(prob)
	}
	if _, prob := q.Commit(); prob != nil {
		return prob
	}
	q.Writer.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = q.Writer.Write([]byte("ok")) // the client has gone if this fails
	return nil
}

// pixel takes one event from the address.
func pixel(q *ingest.Request) *problem.Problem {
	raw, prob := q.Unpack([]byte(q.HTTP.URL.RawQuery))
	if prob != nil {
		return prob
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return q.FailOf(values.Get("aid"), problem.New(http.StatusBadRequest, "malformed_query", "the query of the address cannot be read: percent-encode its values"))
	}
	m := take(q)
	defer m.done()
	m.query = values
	m.app = []byte(values.Get("aid"))
	if prob := m.open(); prob != nil {
		return prob
	}
	if prob := q.Add(raw, m.onQuery); prob != nil {
		return q.Fail(prob)
	}
	if _, prob := q.Commit(); prob != nil {
		return prob
	}
	ingest.Pixel(q.Writer)
	return nil
}

// open opens the request for the application of its first event that names a known one. Others may be of any source of the same tenant.
func (m *reader) open() *problem.Problem {
	if len(m.app) == 0 {
		return problem.New(http.StatusBadRequest, "field_missing", "the events name no application: set appId to a source's site_id, to one of its aliases, or, on a server, to its write key").WithField("aid")
	}
	if prob := m.q.Open(string(m.app)); prob != nil {
		return prob
	}
	if !m.q.Keyed() {
		m.q.AnySite()
	}
	m.q.FromVisitor(true) // an event says otherwise
	m.hidden = m.q.HTTP.Header.Get("SP-Anonymous") != ""
	return nil
}

func (m *reader) envelope(dec *jx.Decoder, key []byte) error {
	if string(key) != "data" {
		return dec.Skip()
	}
	return ingest.Raw(dec, &m.data)
}

// first looks at the application of each event, until one names a known one.
func (m *reader) first(raw []byte) *problem.Problem {
	if m.choice.Done() {
		return nil
	}
	var dec jx.Decoder
	dec.ResetBytes(raw)
	if dec.Next() == jx.Object {
		_ = dec.ObjBytes(m.onApp) // it is valid: Each has read it
	}
	return nil
}

// search finds the application in what can be read of a body that is wrong further on.
func (m *reader) search(body []byte) {
	var dec jx.Decoder
	dec.ResetBytes(body)
	_ = dec.ObjBytes(func(dec *jx.Decoder, key []byte) error { // where it ends is where the fault is, which is told already
		if string(key) != "data" || dec.Next() != jx.Array {
			return dec.Skip()
		}
		return dec.Arr(func(dec *jx.Decoder) error {
			if dec.Next() != jx.Object || m.choice.Done() {
				return dec.Skip()
			}
			return dec.ObjBytes(m.onApp)
		})
	})
}

func (m *reader) appField(dec *jx.Decoder, key []byte) error {
	if string(key) != "aid" || dec.Next() != jx.String {
		return dec.Skip()
	}
	name, err := dec.StrBytes()
	m.choice.Offer(m.q, name)
	return err
}

var readers = sync.Pool{New: func() any {
	m := &reader{}
	m.onEnvelope, m.onApp, m.onField, m.onFirst, m.onMessage = m.envelope, m.appField, m.field, m.first, m.message
	m.onEvent, m.onQuery, m.onProps, m.onContext, m.onSession, m.onSale = m.read, m.readQuery, m.prop, m.contextField, m.session, m.sale
	m.onDescribed, m.onElement = m.describedField, m.element
	return m
}}

func take(q *ingest.Request) *reader {
	m := readers.Get().(*reader)
	m.q = q
	return m
}

// done forgets the request and keeps the reader for another.
func (m *reader) done() {
	*m = reader{hooks: m.hooks}
	readers.Put(m)
}
