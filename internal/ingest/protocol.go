package ingest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Door is an entrance for the clients of one protocol. The packages below this one make them: they know what a body means and what its client
// wants to hear; reading, limits, enrichment, durability, deduplication and accounting are the same for all.
type Door struct {
	Name    string   // in metrics
	Methods []string // OPTIONS is always answered
	Public  bool     // for senders without a key: the limit of addresses holds before the body is read. Otherwise it holds where a request is opened without a key
	Drops   bool     // the client does not send again what is over a limit of the tenant: its events count as rejected, and the request succeeds
	Silent  bool     // nor does it hear that a page may not send events: they are rejected like those over a limit
	Once    bool     // the client sends nothing again, whatever the answer: nor does it hear that too much of the tenant is in work; what is refused outright because the server is behind or full is counted
	Splits  bool     // the client sends again, in smaller requests, what was too large (413)

	// Serve answers a request, or returns why it cannot.
	Serve func(*Request) *problem.Problem
	// Refuse answers a request that is refused as a whole. Nil: as application/problem+json.
	Refuse func(http.ResponseWriter, *http.Request, *problem.Problem)
}

// Handle makes a handler of a door.
func (h *Handler) Handle(d Door) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.serve(w, r, &d, func(w http.ResponseWriter, r *http.Request, j *job) *problem.Problem {
			q := &Request{HTTP: r, Writer: w, door: &d, j: j}
			q.event.d, q.event.q = j.dec, q
			j.dec.lastWins = true
			return d.Serve(q)
		})
	})
}

// Request is one request of a foreign client. It is used in this order: Body, one of the Opens, Add for each event, Commit. It belongs to one
// goroutine and ends with Door.Serve.
type Request struct {
	HTTP   *http.Request
	Writer http.ResponseWriter

	door    *Door
	j       *job
	event   Event
	dropped *problem.Problem // why nothing is taken, where the client is not to hear of it
	opened  bool
	shared  int // bytes that each event has in common with others
	reread  int // how many such bytes were read so far, for all events
	ahead   int // … and how many will be, as far as is known
	coming  int // how many events will
}

// Body reads the request's body: within the limits, decompressed, without a byte order mark or white space around it. It is valid until the request ends.
func (q *Request) Body() ([]byte, *problem.Problem) {
	body, prob := q.Binary()
	if prob != nil {
		return nil, prob
	}
	body = bytes.TrimSpace(trimBOM(body))
	q.Texts(body)
	return body, nil
}

// Binary is Body for bodies that need not be text. Their texts must be checked one by one, or by Texts.
func (q *Request) Binary() ([]byte, *problem.Problem) {
	body, release, prob := q.j.h.readBody(q.Writer, q.HTTP, &q.j.share)
	q.j.ends = append(q.j.ends, release)
	if prob != nil {
		return nil, prob
	}
	q.j.setBody(body)
	q.j.dec.checkUTF8, q.j.dec.checkNUL = false, false
	return body, nil
}

// Texts says that what is read from now on comes from JSON.
func (q *Request) Texts(body []byte) { q.j.dec.checkTexts(body) }

// Shared says how many bytes of the request belong to each event that is added from now on: they count as its own, so that a few bytes do not
// become many.
func (q *Request) Shared(n int) { q.shared = n }

// Ahead says that the events of an array, JSON, will come with so many shared bytes each. When with those that were told before they pass a limit, the problem is that of Add, before any of them
// is read.
func (q *Request) Ahead(array []byte, n int) *problem.Problem {
	if most := bytes.Count(array, []byte{','}) + 1; q.coming+most <= q.j.h.cfg.MaxEvents && q.ahead+n*most <= q.mostReread() || n == 0 { // the count need not be exact
		return q.AheadOf(most, n)
	}
	count := 0
	var dec jx.Decoder
	dec.ResetBytes(array)
	_ = dec.Arr(func(dec *jx.Decoder) error { // a fault is told when the events are read
		if count++; count > q.j.h.cfg.MaxEvents {
			return io.EOF
		}
		return dec.Skip()
	})
	return q.AheadOf(count, n)
}

// AheadOf is Ahead of so many events.
func (q *Request) AheadOf(events, n int) *problem.Problem {
	if n == 0 { // they cost what they are long
		return nil
	}
	if q.coming += events; q.coming > q.j.h.cfg.MaxEvents {
		return q.j.tooMany()
	}
	if q.ahead += n * events; q.ahead > q.mostReread() {
		return q.tooOften()
	}
	return nil
}

func (q *Request) mostReread() int { return maxReread * q.j.h.cfg.MaxBodyBytes }

func (q *Request) tooOften() *problem.Problem {
	return problem.New(http.StatusRequestEntityTooLarge, "body_too_large",
		"what the request says once for several events would be read as more than %d times the largest body (ingest.max_body): send fewer events in one request", maxReread).
		WithLimit("ingest.max_body", int64(q.j.h.cfg.MaxBodyBytes))
}

// Unpack decodes a body that the client packed in a way of its own: in base64, as a form. It is checked like one that was read.
func (q *Request) Unpack(body []byte) ([]byte, *problem.Problem) {
	h := q.j.h
	if coding := sniffCoding(body, ""); coding != "" {
		plain := h.readers.buffer()
		q.j.ends = append(q.j.ends, func() { h.readers.done(plain) })
		if prob := h.decompress(coding, body, plain, &q.j.share); prob != nil {
			return nil, prob
		}
		body = *plain
	}
	if len(body) > h.cfg.MaxBodyBytes {
		return nil, h.tooLarge("body")
	}
	if prob := q.j.share.reach(q.j.held + len(body)); prob != nil {
		return nil, prob
	}
	body = bytes.TrimSpace(trimBOM(body))
	q.j.setBody(body)
	return body, nil
}

// Hold takes so many bytes more of what all requests together may hold, before they are used.
func (q *Request) Hold(n int) *problem.Problem {
	q.j.held += n
	return q.j.share.reach(q.j.held)
}

// Now is when the request arrived, Unix milliseconds.
func (q *Request) Now() int64 { return q.j.now }

// OpenSite opens a request without a key: name is the site_id of a source or one of its aliases.
func (q *Request) OpenSite(name string) *problem.Problem {
	q.dropped, q.j.denied = nil, nil // of a name that was tried before
	if !q.door.Public {
		if prob := q.j.h.address(q.HTTP); prob != nil {
			return prob
		}
	}
	prob := q.j.openSite(q.HTTP, []byte(name))
	if q.j.denied != nil && q.door.Silent {
		q.dropped, q.opened, q.j.denied = prob, true, nil
		return nil
	}
	return q.opening(prob)
}

// OpenKey opens a request with a key that may send events. site names the source if the key does not belong to one, or is empty. The
// headers' key counts when key is empty.
func (q *Request) OpenKey(key, site string) *problem.Problem { return q.openKey(key, site, false) }

// OpenKeyOf opens a request with the key of the headers, for a site that must be that of the key, if it belongs to one.
func (q *Request) OpenKeyOf(site string) *problem.Problem { return q.openKey("", site, true) }

func (q *Request) openKey(key, site string, must bool) *problem.Problem {
	j, auth := q.j, q.j.h.deps.Auth
	who := auth.Authenticate
	if key != "" {
		who = func(r *http.Request) (tenant.Principal, *problem.Problem) { return auth.AuthenticateKey(r, key) }
	}
	p, prob := who(unaddressed(q.HTTP))
	if prob != nil {
		return j.unopened(p, prob)
	}
	home, prob := j.openKey(q.HTTP, p)
	if prob != nil {
		return prob
	}
	if home == "" || must && site != "" {
		home = site
	}
	if prob := j.openHome(home); prob != nil {
		return prob
	}
	j.setSender(q.HTTP)
	j.public = false
	return q.opening(j.begin(int64(j.bytes)))
}

// Open opens a request with what a client calls its key: a write key, a source's site_id, or one of its aliases. It is looked up as a key first: a
// source that has somebody's key as an alias does not get what is sent with it.
func (q *Request) Open(name string) *problem.Problem {
	if name == "" {
		return problem.New(http.StatusUnauthorized, "missing_key", "the request has no key: use the write key of a source, or one of its aliases")
	}
	if q.Known(name) {
		return q.OpenSite(name)
	}
	prob := q.OpenKey(name, "")
	if prob != nil && prob.Code == "unknown_key" && !q.IsKey(name) {
		return problem.New(http.StatusUnauthorized, "unknown_key", "%q is neither a write key nor the alias of a source: check it, or add it to the source's aliases", clip(strings.ToValidUTF8(name, "\uFFFD")))
	}
	return prob
}

// Known says whether a source has that site_id or alias.
func (q *Request) Known(name string) bool {
	if q.IsKey(name) {
		return false
	}
	_, _, ok := q.j.h.deps.Catalog.SourceBySite(name)
	return ok
}

// Source is the site_id of the source that a name stands for; empty: there is none.
func (q *Request) Source(name string) string {
	src, _, ok := q.j.h.deps.Catalog.SourceBySite(name)
	if !ok {
		return ""
	}
	return src.SiteID
}

// Naming says what a client's key of one event stands for, of a request that is opened: the source of the request, or another one (or a key that is nobody's); neither: nothing that is known.
func (q *Request) Naming(name string) (own, other bool) {
	home := q.j.home
	switch {
	case home == nil:
		return false, false
	case q.IsKey(name):
		who, prob := q.j.h.deps.Auth.AuthenticateKey(unaddressed(q.HTTP), name)
		own = prob == nil && who.Tenant == q.j.tenant.ID && who.Site == home.id
		return own, !own
	}
	site := q.Source(name)
	return site == home.id, site != "" && site != home.id
}

// AppendSender appends to dst what tells this sender from others for a day, of a request without a key: the id that a visitor with its address and user agent gets at
// the source that opened it. Nothing where no ids are derived.
func (q *Request) AppendSender(dst []byte) []byte {
	j := q.j
	if v := j.h.deps.Visitors; v != nil && j.home != nil && j.ip.IsValid() {
		return v.AppendVisitor(dst, j.home.id, j.ip, cutAgent(j.agent))
	}
	return dst
}

// IsKey says whether a text is a key, or written like one.
func (q *Request) IsKey(text string) bool { return q.j.h.deps.Auth.IsKey(text) }

// opening turns a limit into the loss of what the request holds, where the client would not send it again.
func (q *Request) opening(prob *problem.Problem) *problem.Problem {
	if prob != nil && (prob.Status == http.StatusTooManyRequests && q.door.Drops || prob.Code == codeBusy && q.door.Once) {
		q.dropped, prob = prob, nil
	}
	q.opened = prob == nil
	return prob
}

// Forbidden says whether the request is opened, but for a page that the source does not allow: nothing of it is taken, and the client does not hear of it.
func (q *Request) Forbidden() bool { return q.dropped != nil && q.dropped.Code == codeOrigin }

// AnySite lets events of a request without a key name any source of the tenant, not only the one that opened it.
func (q *Request) AnySite() { q.j.bound = "" }

// FromVisitor says that the request comes from the visitor's own device: its address and user agent are theirs. Otherwise only what an event says counts.
func (q *Request) FromVisitor(yes bool) { q.j.public = yes }

// Keyed says whether the request was opened with a key, and not with a public name.
func (q *Request) Keyed() bool { return q.j.keyed }

// Sent tells when the request was sent by the sender's clock, Unix milliseconds. What that is off is added to all times of its events.
func (q *Request) Sent(ms int64) { q.j.skew = q.j.skewOf(ms) }

// Default gives ids to all events that have none of their own. It keeps copies.
func (q *Request) Default(client, user, session []byte) {
	q.j.dec.defaults = senderIDs{q.Keep(client), q.Keep(user), q.Keep(session)}
}

// Keep copies a text so that it is valid until the request ends, with U+FFFD for what is not text.
func (q *Request) Keep(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	v = clean(v)
	n := len(q.j.own)
	q.j.own = append(q.j.own, v...)
	return q.j.own[n:len(q.j.own):len(q.j.own)]
}

// clean replaces by U+FFFD what is not UTF-8, and NUL.
func clean(v []byte) []byte {
	if utf8.Valid(v) && bytes.IndexByte(v, 0) < 0 {
		return v
	}
	return bytes.ReplaceAll(bytes.ToValidUTF8(v, []byte("\uFFFD")), []byte{0}, []byte("\uFFFD"))
}

// maxReread bounds what events of a request have in common, which is read again for each, by the largest body.
const maxReread = 16

// Add takes one event: read fills it in from raw. What read returns, and what is wrong with the event, is noted as the reason why the event is
// rejected; the problem is one of the whole request.
func (q *Request) Add(raw []byte, read func(*Event) error) *problem.Problem {
	j, e := q.j, &q.event
	if q.dropped != nil {
		return j.take(rejectf(q.dropped.Code, q.dropped.Field, "%s", q.dropped.Detail))
	}
	if q.reread += q.shared; q.reread > q.mostReread() {
		return q.tooOften()
	}
	j.raw = raw
	rej := e.begin(raw)
	if rej == nil {
		rej = e.ended(read(e))
	}
	if rej == nil {
		rej = e.finish()
	}
	return j.take(rej)
}

// Refuse notes an event that is not taken for a reason of the protocol.
func (q *Request) Refuse(code, field, message string) *problem.Problem {
	q.j.dec.reset()
	if q.j.index > 0 {
		q.j.raw = nil // it is that of the event before
	}
	return q.j.take(rejectf(code, field, "%s", message))
}

// Result is what became of the events of a request.
type Result struct {
	Accepted, Rejected int
	Rejects            []Reject         // with their reasons, not necessarily all
	Dropped            *problem.Problem // why all were rejected, if the client is not to hear of it
}

// Commit makes the accepted events durable and counts all. The headers that every success carries are set.
func (q *Request) Commit() (Result, *problem.Problem) {
	j := q.j
	if j.behind != nil {
		j.drop(j.behind)
		j.count()
		return Result{}, j.behind
	}
	if prob := j.takeLimits(); prob != nil {
		splits := prob.Status == http.StatusRequestEntityTooLarge && q.door.Splits
		if retried := prob.Status == http.StatusTooManyRequests && !q.door.Drops || splits && !j.never(prob); retried {
			return Result{}, prob
		}
		j.drop(prob)
		if splits || !q.door.Drops {
			j.count()
			return Result{}, prob
		}
		q.dropped = prob
	}
	tok, prob := j.commit(q.HTTP.Context())
	if prob != nil {
		if prob.Status == http.StatusRequestEntityTooLarge && !q.door.Splits || j.untaken && q.door.Once { // it will not come again
			j.drop(prob)
			j.count()
		}
		return Result{}, prob
	}
	j.answerHeaders(q.Writer, tok)
	return Result{j.accepted, j.rejected, j.rejects, q.dropped}, nil
}

// FromBrowser says whether a browser made the request: then its address and user agent are the visitor's.
func (q *Request) FromBrowser() bool {
	return q.HTTP.Header.Get("Origin") != "" || strings.HasPrefix(q.HTTP.UserAgent(), "Mozilla/")
}

// JSON answers with a body.
func (q *Request) JSON(body string) *problem.Problem {
	q.Writer.Header().Set("Content-Type", "application/json")
	_, _ = q.Writer.Write([]byte(body)) // the client has gone if this fails
	return nil
}

// Rejects are the events that were rejected so far, not necessarily all. A request that ends without Commit stores and counts nothing.
func (q *Request) Rejects() []Reject { return q.j.rejects }

// FailOf is Fail for a request that was not opened: it is opened with the key, if that is one, so that the loss is counted.
func (q *Request) FailOf(key string, prob *problem.Problem) *problem.Problem {
	if key == "" {
		return prob
	}
	switch refused := q.Open(key); {
	case refused == nil:
		return q.Fail(prob)
	case refused.Code == tenant.CodeSuspended:
		return refused
	}
	return prob
}

// Fail counts a request that is itself wrong, once it is known whose it is, and returns the problem.
func (q *Request) Fail(prob *problem.Problem) *problem.Problem {
	if q.opened && prob != nil {
		q.j.countFailed(prob)
	}
	return prob
}

// Lost counts, as one rejected event, a request whose key is good, for a door that answers as if nothing were wrong, and says whether it did: the request names a source that is none.
func (q *Request) Lost() bool {
	j := q.j
	if j.barred == nil || j.barred.Code != codeSiteUnknown {
		return false
	}
	j.countBarred()
	j.barred, j.rejected = nil, 1
	return true
}

// TellRejected sets the header that says how many events were rejected, for a door that answers as if nothing were wrong.
func (q *Request) TellRejected() {
	if q.j.rejected > 0 {
		q.Writer.Header().Set(rejectedHeader, strconv.Itoa(q.j.rejected))
	}
}

// drop rejects all events that were accepted so far because of a limit.
func (j *job) drop(prob *problem.Problem) {
	for i, b := range j.batches {
		if b != nil {
			j.h.batches.Put(b)
		}
		j.batches[i] = nil
	}
	reject := func(s *site) {
		for range s.accepted {
			s.reject(prob.Code, func(r *Rejection) { j.exemplify(r, s, prob.Field, prob.Detail) })
		}
		s.accepted = 0
	}
	if j.home != nil {
		reject(j.home)
	}
	for _, s := range j.sites {
		reject(s)
	}
	j.rejected += j.accepted
	j.accepted = 0
}

// allows says whether a door takes a method.
func (d *Door) allows(method string) bool { return slices.Contains(d.Methods, method) }
