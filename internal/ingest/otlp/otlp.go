// Package otlp is the door of OpenTelemetry's logs over HTTP, as JSON or protobuf. docs/PROTOCOLS.md says what becomes of log records.
package otlp

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-faster/jx"
	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/encoding/protowire"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// Register adds the door to a mux.
func Register(mux *http.ServeMux, h *ingest.Handler) {
	mux.Handle("/v1/logs", h.Handle(ingest.Door{Name: "otlp", Methods: []string{http.MethodPost}, Serve: serve, Refuse: refuse}))
}

// serve takes an ExportLogsServiceRequest and answers in the encoding that it has.
func serve(q *ingest.Request) *problem.Problem {
	body, broken := q.Binary()
	if prob := open(q); prob != nil {
		return prob
	}
	if broken != nil { // now it is known whose loss it is
		return q.Fail(broken)
	}
	m := readers.Get().(*reader)
	defer m.done()
	m.q, m.hash = q, xxh3.Hash128(body)
	if !q.Keyed() { // two visitors may send the same
		hash := m.hash.Bytes()
		m.hash = xxh3.Hash128(q.AppendSender(hash[:]))
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")))
	asJSON := jsonBody(q.HTTP.Header, body, text)
	var prob *problem.Problem
	switch {
	case len(text) == 0 && asJSON:
		prob = problem.New(http.StatusBadRequest, "empty_body", "the request has no body")
	case asJSON && text[0] == '[':
		prob = problem.New(http.StatusBadRequest, "invalid_type", `the body is a JSON array: send its records in an object, {"resourceLogs":[…]}`)
	case asJSON:
		q.Texts(text)
		prob = m.json(text)
	default:
		prob = m.binary(body)
	}
	if prob != nil {
		return q.Fail(prob)
	}
	res, prob := q.Commit()
	if prob != nil {
		return prob
	}
	message := ""
	if res.Rejected > 0 {
		first := res.Rejects[0]
		message = "log record " + strconv.Itoa(first.Index) + ": " + first.Code + ": " + first.Message
	}
	answer(q.Writer, asJSON, res.Rejected, message)
	return nil
}

// open opens a request with the key of its headers; without one, with the site_id of its address.
func open(q *ingest.Request) *problem.Problem {
	site := ""
	if q.HTTP.URL.RawQuery != "" {
		site = q.HTTP.URL.Query().Get("site_id")
	}
	if site != "" && q.HTTP.Header.Get("Authorization") == "" && q.HTTP.Header.Get("X-Weir-Key") == "" {
		if prob := q.OpenSite(site); prob != nil {
			return prob
		}
	} else if prob := q.OpenKeyOf(site); prob != nil {
		return prob
	}
	q.FromVisitor(q.HTTP.Header.Get("Origin") != "")
	return nil
}

// jsonBody says whether a body is JSON, by what it is: the type in the headers counts only where that does not tell. A message begins with a newline, the tag of its field, and a length, which
// may be that of {.
func jsonBody(h http.Header, body, text []byte) bool {
	switch {
	case len(text) == 0:
		return isJSON(h)
	case len(body) > 0 && body[0] == '\n' && each(body, 1, func([]byte) error { return nil }) == nil:
		return false
	}
	return text[0] == '{' || text[0] == '[' || isJSON(h)
}

func isJSON(h http.Header) bool { return strings.Contains(h.Get("Content-Type"), "json") }

// answer writes an ExportLogsServiceResponse, with a partial success if records were rejected.
func answer(w http.ResponseWriter, asJSON bool, rejected int, message string) {
	var out []byte
	if asJSON {
		w.Header().Set("Content-Type", "application/json")
		var jw jx.Writer
		jw.RawStr(`{`)
		if rejected > 0 {
			jw.RawStr(`"partialSuccess":{"rejectedLogRecords":"`)
			jw.Int(rejected)
			jw.RawStr(`","errorMessage":`)
			jw.Str(message)
			jw.RawStr(`}`)
		}
		jw.RawStr(`}`)
		out = jw.Buf
	} else {
		w.Header().Set("Content-Type", "application/x-protobuf")
		if rejected > 0 {
			var p []byte
			p = protowire.AppendVarint(protowire.AppendTag(p, 1, protowire.VarintType), uint64(rejected))
			p = protowire.AppendString(protowire.AppendTag(p, 2, protowire.BytesType), message)
			out = protowire.AppendBytes(protowire.AppendTag(out, 1, protowire.BytesType), p)
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out) // the client has gone if this fails
}

// refuse answers with a google.rpc.Status. Exporters send again after 429, 502, 503 and 504.
func refuse(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	hd := w.Header()
	for name, v := range p.GetHeaders() {
		hd[name] = v
	}
	code := map[int]int{400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 3, 415: 3, 429: 8, 503: 14}[p.Status]
	if code == 0 {
		code = 2
	}
	message := p.Code + ": " + p.Detail
	var out []byte
	if strings.Contains(r.Header.Get("Content-Type"), "protobuf") {
		hd.Set("Content-Type", "application/x-protobuf")
		out = protowire.AppendVarint(protowire.AppendTag(out, 1, protowire.VarintType), uint64(code))
		out = protowire.AppendString(protowire.AppendTag(out, 2, protowire.BytesType), strings.ToValidUTF8(message, "\uFFFD"))
	} else {
		hd.Set("Content-Type", "application/json")
		var jw jx.Writer
		jw.RawStr(`{"code":`)
		jw.Int(code)
		jw.RawStr(`,"message":`)
		jw.Str(message)
		jw.RawStr(`}`)
		out = jw.Buf
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(out) // the client has gone if this fails
}

// reader reads the records of one request. It is reused.
type reader struct {
	q     *ingest.Request
	hash  xxh3.Uint128 // of the request
	index int          // of the record in it

	resource, scope []byte   // encoded
	lists           []listed // of JSON

	// Of one record.
	e        *ingest.Event
	name     []byte // eventName
	id       []byte
	at, seen uint64 // nanoseconds since 1970; 0: not said
	depth    int
	hooks
}

type hooks struct {
	onEventJSON, onEventBinary func(*ingest.Event) error
}

var readers = sync.Pool{New: func() any {
	m := &reader{}
	m.onEventJSON, m.onEventBinary = m.readJSON, m.readBinary
	return m
}}

func (m *reader) done() {
	*m = reader{hooks: m.hooks}
	readers.Put(m)
}

func (m *reader) begin(e *ingest.Event) {
	m.e, m.name, m.id, m.at, m.seen, m.depth = e, nil, nil, 0, 0, 0
}

// finish names the event, and gives it an id: a record has none of its own unless an attribute says one, but a request that is sent again
// is the same to the byte, and comes from the same sender.
func (m *reader) finish() error {
	e := m.e
	row := e.Row()
	switch string(bytes.TrimSpace(m.name)) {
	case "":
		row.Type = []byte("log")
	case "browser.page_view", "page_view", "pageview":
		row.Type = []byte("pageview")
	default:
		row.Type = m.name
	}
	at, field := m.at, "timeUnixNano"
	if at == 0 {
		at, field = m.seen, "observedTimeUnixNano"
	}
	if at > 0 {
		if at/1e6 > 1<<53 {
			return ingest.Wrong(field, "%s is %d: it must be nanoseconds since 1970", field, at)
		}
		e.SetTime(int64(at / 1e6))
		e.TimeOf(field, "nanoseconds")
	}
	if len(m.id) == 0 && at > 0 {
		hash := m.hash.Bytes()
		id := hex.AppendEncode(make([]byte, 0, 48), hash[:])
		m.id = strconv.AppendInt(append(id, '-'), int64(m.index), 10)
	}
	e.SetID(m.id)
	if len(row.ClientID) == 0 && len(row.UserID) == 0 && len(row.SessionID) == 0 {
		e.Anonymous()
	}
	return nil
}

// maxDepth of arrays and lists in a value.
const maxDepth = 16

func (m *reader) deeper() error {
	if m.depth++; m.depth > maxDepth {
		return ingest.Malformed("too_deep", "", "a value is nested deeper than 16: make it flatter")
	}
	return nil
}

// column says where an attribute goes that has a column; nil: it is a property.
func (m *reader) column(key []byte) *[]byte {
	row := m.e.Row()
	switch string(key) {
	case "event.name":
		if len(m.name) > 0 {
			return new([]byte)
		}
		return &m.name
	case "event.id", "event_id", "log.record.uid":
		return &m.id
	case "session.id", "session_id":
		return &row.SessionID
	case "user.id", "enduser.id", "user_id":
		return &row.UserID
	case "client_id", "client.id", "app.installation.id", "device.id":
		return &row.ClientID
	case "url.full":
		return &row.URL
	case "http.request.header.referer", "referrer":
		return &row.Referrer
	case "user_agent.original":
		return &row.UserAgent
	}
	return nil
}

// address says whether an attribute holds an address of who sent, by the conventions of today or of before: it becomes no property. own: it is the visitor's.
// Addresses of the server (host.ip, net.host.ip, server.address, destination.address) are no one's secret here. The case of letters does not count.
func address(key []byte) (is, own bool) {
	var buf [maxAddressKey]byte
	if len(key) > len(buf) {
		return false, false
	}
	for i, c := range key {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	name := buf[:len(key)]
	switch string(name) {
	case "client.address", "http.client_ip", "client.ip":
		return true, true
	case "network.peer.address", "net.sock.peer.addr", "net.peer.ip", "peer.address", "peer.ip", "peer.ipv4", "peer.ipv6", "source.address", "source.ip", "source.nat.ip", "client.nat.ip",
		"client.socket.address":
		return true, false
	}
	header, ok := bytes.CutPrefix(name, headerPrefix)
	if !ok {
		return false, false
	}
	for i, c := range header { // older instrumentation writes _ for -
		if c == '_' {
			header[i] = '-'
		}
	}
	return addressHeaders[string(header)], false
}

var headerPrefix = []byte("http.request.header.")

// addressHeaders are the request headers by which proxies tell the address of who sent.
var addressHeaders = map[string]bool{
	"x-forwarded-for": true, "x-real-ip": true, "forwarded": true, "x-client-ip": true, "x-cluster-client-ip": true, "true-client-ip": true,
	"cf-connecting-ip": true, "cf-connecting-ipv6": true, "cf-pseudo-ipv4": true, "fastly-client-ip": true, "x-original-forwarded-for": true, "x-envoy-external-address": true,
	"forwarded-for": true, "x-forwarded": true, "x-forwarded-client-ip": true, "x-remote-ip": true, "x-remote-addr": true, "x-originating-ip": true, "x-original-remote-addr": true,
	"x-appengine-user-ip": true, "x-azure-clientip": true, "x-azure-socketip": true, "cloudfront-viewer-address": true, "x-vercel-forwarded-for": true, "x-nf-client-connection-ip": true,
	"fly-client-ip": true, "do-connecting-ip": true, "proxy-client-ip": true, "wl-proxy-client-ip": true, "incap-client-ip": true, "x-sucuri-clientip": true,
}

// maxAddressKey is more bytes than the names above have.
const maxAddressKey = 64

// text takes an attribute whose value is text.
func (m *reader) text(key, v []byte) error {
	if to := m.column(key); to != nil {
		*to = v
		return nil
	}
	return m.e.AddText(key, v)
}

// number takes an attribute whose value is a number as JSON writes it.
func (m *reader) number(key, raw []byte) error {
	if to := m.column(key); to != nil {
		*to = raw
		return nil
	}
	return m.e.AddNumber(key, raw)
}

// double takes an attribute whose value is a number; those that JSON has no name for are text.
func (m *reader) double(key []byte, v float64) error {
	text := strconv.AppendFloat(make([]byte, 0, 24), v, 'g', -1, 64)
	if v-v != 0 { // infinite, or no number
		return m.e.AddText(key, text)
	}
	return m.number(key, text)
}

// severity, ids of traces and scope are properties too.
var (
	keySeverity  = []byte("severity")
	keyNumber    = []byte("severity_number")
	keyBody      = []byte("body")
	keyTrace     = []byte("trace_id")
	keySpan      = []byte("span_id")
	keyScope     = []byte("scope.name")
	keyVersion   = []byte("scope.version")
	valuesTrue   = []byte("true")
	valuesFalse  = []byte("false")
	errMalformed = ingest.Malformed("malformed_protobuf", "", "the record is no protobuf message of the type LogRecord")
)
