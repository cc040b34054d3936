// Package plausible is the door of Plausible's events API. It has no client ids: visitors are told by what the request shows of them.
// docs/PROTOCOLS.md says what becomes of its events.
package plausible

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// Register adds the door to a mux.
func Register(mux *http.ServeMux, h *ingest.Handler) {
	mux.Handle("/api/event", h.Handle(ingest.Door{Name: "plausible", Methods: []string{http.MethodPost}, Public: true, Drops: true, Silent: true, Once: true, Serve: serve, Refuse: refuse}))
}

// maxDomains is how many sources one event may be for.
const maxDomains = 20

// serve takes one event, for one domain or several.
func serve(q *ingest.Request) *problem.Problem {
	body, prob := q.Body()
	if prob != nil {
		return prob
	}
	m := readers.Get().(*reader)
	m.q = q
	defer func() {
		*m = reader{hooks: m.hooks}
		readers.Put(m)
	}()
	prob = q.Envelope(body, m.onEnvelope)
	domains := strings.SplitN(string(m.domains), ",", maxDomains+1)
	if n := 1 + bytes.Count(m.domains, []byte(",")); prob == nil && n > maxDomains {
		prob = problem.New(http.StatusBadRequest, "invalid_value", "an event may be for %d domains, not %d", maxDomains, n).WithField("domain")
	}
	if prob != nil {
		if open(q, domains) != nil {
			return prob
		}
		return q.Fail(prob) // it is known whose loss it is
	}
	if prob := open(q, domains); prob != nil {
		return prob
	}
	q.AnySite()
	for _, d := range distinct(q, domains) {
		m.site = []byte(d)
		if prob := q.Add(body, m.onEvent); prob != nil {
			return q.Fail(prob)
		}
	}
	res, prob := q.Commit()
	switch {
	case prob != nil:
		return prob
	case res.Accepted == 0 && res.Dropped == nil && res.Rejects[0].Code != "origin_forbidden":
		return problem.New(http.StatusBadRequest, res.Rejects[0].Code, "%s", res.Rejects[0].Message).WithField(res.Rejects[0].Field)
	case res.Rejected > 0:
		q.Writer.Header().Set(dropped, "1")
	}
	ok(q.Writer)
	return nil
}

// distinct are the domains without those that stand for a source, or are a name, that was there before: an event counts once for a source.
func distinct(q *ingest.Request, domains []string) []string {
	var names, seen []string
	for _, d := range domains {
		d = strings.TrimSpace(d)
		source := q.Source(d)
		if source == "" {
			source = " " + d // no site_id looks like this
		}
		if !slices.Contains(seen, source) {
			names, seen = append(names, d), append(seen, source)
		}
	}
	return names
}

// open opens the request with the first domain that is known and takes what the page sends; if there is none, with the first that is known.
func open(q *ingest.Request, domains []string) (prob *problem.Problem) {
	forbidden := ""
	for _, d := range domains {
		d = strings.TrimSpace(d)
		if d == "" {
			return problem.New(http.StatusBadRequest, "field_missing", "can't be blank").WithField("domain")
		}
		switch p := q.OpenSite(d); {
		case p == nil && q.Forbidden():
			if forbidden == "" {
				forbidden = d
			}
		case p == nil || p.Code != "site_unknown":
			return p
		case prob == nil:
			prob = p
		}
	}
	if forbidden != "" {
		return q.OpenSite(forbidden)
	}
	return prob
}

// dropped is the header by which clients learn that an event did not count.
const dropped = "X-Plausible-Dropped"

func ok(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte("ok")) // the client has gone if this fails
}

// refuse answers as the API does: an unknown domain is a dropped event, a field that is wrong is named.
func refuse(w http.ResponseWriter, _ *http.Request, p *problem.Problem) {
	if p.Code == "site_unknown" {
		w.Header().Set(dropped, "1")
		ok(w)
		return
	}
	if p.Status != http.StatusBadRequest {
		p.Write(w)
		return
	}
	field := p.Field
	if field == "" {
		field = "request"
	}
	jw := jx.GetWriter()
	defer jx.PutWriter(jw)
	jw.RawStr(`{"errors":{`)
	jw.Str(field)
	jw.RawStr(`:[`)
	jw.Str(p.Detail)
	jw.RawStr(`]}}`)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(jw.Buf) // the client has gone if this fails
}

// reader reads one event. It is reused: the functions that it hands to the decoder are made once.
type reader struct {
	q       *ingest.Request
	domains []byte
	site    []byte
	e       *ingest.Event
	name    []byte
	hooks
}

type hooks struct {
	onEnvelope, onField, onProps, onRevenue func(*jx.Decoder, []byte) error
	onEvent                                 func(*ingest.Event) error
}

var readers = sync.Pool{New: func() any {
	m := &reader{}
	m.onEnvelope, m.onField, m.onProps, m.onRevenue, m.onEvent = m.envelope, m.field, m.prop, m.revenue, m.read
	return m
}}

func (m *reader) envelope(dec *jx.Decoder, key []byte) error {
	if k := string(key); k == "d" || k == "domain" {
		return m.q.Text(dec, &m.domains)
	}
	return dec.Skip()
}

func (m *reader) read(e *ingest.Event) error {
	m.e, m.name = e, nil
	e.Rank(ingest.RankEvent)
	e.Anonymous()
	e.SetSite(m.site)
	if err := e.Object(m.onField); err != nil {
		return err
	}
	row := e.Row()
	if len(bytes.TrimSpace(m.name)) == 0 {
		return ingest.Missing("name", "can't be blank")
	}
	if len(row.URL) == 0 {
		return ingest.Missing("url", "can't be blank")
	}
	if !ingest.IsAddress(row.URL) {
		return ingest.Wrong("url", "is not a valid URL: send that of the page, as https://example.com/path")
	}
	row.Type = m.name // `pageview` and `engagement` are called so there too
	return nil
}

// field reads one field, by its short or its long name.
func (m *reader) field(dec *jx.Decoder, key []byte) error {
	e := m.e
	row := e.Row()
	switch string(key) {
	case "n", "name":
		return e.Ident(dec, "name", &m.name)
	case "u", "url":
		if t := dec.Next(); t != jx.String && t != jx.Null {
			if err := dec.Skip(); err != nil {
				return err
			}
			return ingest.Malformed("invalid_type", "url", "must be a string")
		}
		return e.Text(dec, "url", &row.URL)
	case "r", "referrer":
		return e.Text(dec, "referrer", &row.Referrer)
	case "p", "m", "props", "meta":
		return m.object(dec, "props", m.onProps)
	case "$", "revenue":
		return m.object(dec, "revenue", m.onRevenue)
	case "sd":
		return e.Property(dec, []byte("scroll_depth"))
	case "e":
		return e.Property(dec, []byte("engaged_ms"))
	case "w", "screen_width":
		return e.Property(dec, []byte("screen_width"))
	case "h", "hash":
		return m.hash(dec)
	case "i", "interactive":
		var yes bool
		if dec.Next() != jx.Bool {
			return dec.Skip()
		}
		if err := e.Flag(dec, &yes); err != nil || yes {
			return err
		}
		return e.AddText([]byte("interactive"), []byte("false"))
	}
	return dec.Skip() // d, v …
}

// hash reads whether the page's routes are in the fragments of its addresses: 1 or true.
func (m *reader) hash(dec *jx.Decoder) error {
	yes := false
	switch dec.Next() {
	case jx.Bool:
		if err := m.e.Flag(dec, &yes); err != nil {
			return err
		}
	case jx.Number:
		n, err := dec.Num()
		if err != nil {
			return err
		}
		yes = n.String() == "1"
	default:
		return dec.Skip()
	}
	if yes {
		m.e.HashRoutes()
	}
	return nil
}

// object reads an object, which older trackers send as JSON in a string.
func (m *reader) object(dec *jx.Decoder, name string, field func(*jx.Decoder, []byte) error) error {
	if dec.Next() != jx.String {
		return m.e.Fields(dec, name, field)
	}
	var text []byte
	if err := m.e.Text(dec, name, &text); err != nil || len(text) == 0 {
		return err
	}
	return m.e.Inner(text, name, field)
}

// prop reads one property: only texts, numbers and booleans are.
func (m *reader) prop(dec *jx.Decoder, key []byte) error {
	switch dec.Next() {
	case jx.String, jx.Number, jx.Bool:
		m.e.Rank(ingest.RankProps)
		err := m.e.Property(dec, key)
		m.e.Rank(ingest.RankEvent)
		return err
	}
	return dec.Skip()
}

func (m *reader) revenue(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "amount":
		return m.e.Money(dec, []byte("revenue"))
	case "currency":
		return m.e.Property(dec, []byte("currency"))
	}
	return dec.Skip()
}
