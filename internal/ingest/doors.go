package ingest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/token"
	"weir/internal/usage"
)

// collect takes {"site_id","client_id","session_id","user_id","sent_at","events":[…]}.
func (h *Handler) collect(w http.ResponseWriter, r *http.Request, j *job) *problem.Problem {
	body, release, prob := h.readBody(w, r, &j.share)
	defer release()
	if prob != nil {
		return prob
	}
	j.setBody(body)
	env, prob := j.envelope(trimBOM(body))
	if prob != nil {
		if len(env.site) > 0 && j.openSite(r, env.site) == nil { // it is known whose loss it is
			j.countFailed(prob)
		}
		return prob
	}
	if prob := j.openSite(r, env.site); prob != nil {
		return prob
	}
	j.dec.defaults = env.ids
	j.sent(env.sent)
	if prob := j.array(env.events); prob != nil {
		j.countFailed(prob)
		return prob
	}
	tok, prob := j.commitPublic(w, r)
	if prob == nil {
		j.answerHeaders(w, tok)
		w.WriteHeader(http.StatusNoContent)
	}
	return prob
}

// commitPublic commits; a request of which nothing was accepted is itself wrong, because these answers have no body.
func (j *job) commitPublic(w http.ResponseWriter, r *http.Request) (token.Token, *problem.Problem) {
	tok, prob := j.commit(r.Context())
	if prob == nil && j.accepted == 0 && j.rejected > 0 {
		first := j.rejects[0]
		return nil, problem.New(http.StatusBadRequest, first.Code, "none of the %d events was accepted; event %d: %s",
			j.rejected, first.Index, first.Message).WithField(first.Field)
	}
	return tok, prob
}

// openSite makes a public site the home of the request.
func (j *job) openSite(r *http.Request, name []byte) *problem.Problem {
	if len(name) == 0 {
		return problem.New(http.StatusBadRequest, codeMissing, "the request names no site: set site_id").WithField("site_id")
	}
	src, t, ok := j.h.deps.Catalog.SourceBySite(string(name))
	if !ok || j.h.deps.Auth.IsKey(string(name)) { // a key is no name, whatever a source is called
		return problem.New(http.StatusNotFound, codeSiteUnknown, "the site %q does not exist: check site_id", clip(string(bytes.ToValidUTF8(name, nil)))).
			WithField("site_id")
	}
	j.tenant, j.public, j.bound, j.home = t, true, src.SiteID, &site{id: src.SiteID, src: src}
	usage.Label(r.Context(), usage.Door, t.ID) // guarded ends it
	if !t.Suspended.IsZero() {
		return tenant.Suspended(t.ID, "")
	}
	j.setLimits()
	if j.origin, j.paged = pageOf(r.Header); !originAllowed(&src, j.origin) {
		rej := j.forbiddenPage()
		j.denied = &site{id: src.SiteID, src: src, rej: rej}
		return problem.New(http.StatusForbidden, rej.code, "%s", rej.message).WithField(rej.field)
	}
	j.setSender(r)
	return j.begin(int64(j.bytes))
}

// setSender keeps the address and the user agent of a request.
func (j *job) setSender(r *http.Request) {
	j.ip = j.h.clientIP(r)
	if ua := r.UserAgent(); ua != "" {
		j.agent = []byte(ua)
		if !utf8.Valid(j.agent) {
			j.agent = bytes.ToValidUTF8(j.agent, []byte("\uFFFD"))
		}
	}
}

type envelope struct {
	site   []byte
	ids    senderIDs
	sent   []byte // the text of a time
	events []byte
}

// envelope reads the outer object of /collect.
func (j *job) envelope(body []byte) (envelope, *problem.Problem) {
	var env envelope
	d := j.dec
	d.reset()
	d.jx.ResetBytes(body)
	err := d.object(&d.jx, func(dec *jx.Decoder, key []byte) error {
		switch string(key) {
		case "site_id":
			return d.ident(dec, "site_id", seenSite, &env.site)
		case "client_id":
			return d.ident(dec, "client_id", seenClient, &env.ids.client)
		case "user_id":
			return d.ident(dec, "user_id", seenUser, &env.ids.user)
		case "session_id":
			return d.ident(dec, "session_id", seenSession, &env.ids.session)
		case "sent_at":
			if err := d.once("sent_at", seenTS); err != nil {
				return err
			}
			raw, err := dec.Raw()
			env.sent = bytes.Trim(raw, `"`) // a time needs no escapes
			return err
		case "events":
			if err := d.once("events", seenData); err != nil {
				return err
			}
			if t := dec.Next(); t != jx.Array {
				return d.wrongType(dec, "events", "an array", t)
			}
			raw, err := dec.Raw()
			env.events = raw
			return err
		}
		return dec.Skip()
	})
	if rej := d.ended(err); rej != nil {
		return env, badRequest(rej)
	}
	if env.events == nil {
		return env, problem.New(http.StatusBadRequest, codeMissing, "the request has no events: set events to an array").WithField("events")
	}
	// The decoder's arena is used again by the events.
	for name, v := range map[string]*[]byte{"client_id": &env.ids.client, "user_id": &env.ids.user, "session_id": &env.ids.session, "site_id": &env.site} {
		if d.checkUTF8 && !utf8.Valid(*v) {
			return env, badRequest(rejectf(codeUTF8, name, "%s is not valid UTF-8: encode its text as UTF-8", name))
		}
		n := len(j.own)
		j.own = append(j.own, *v...)
		*v = j.own[n:len(j.own):len(j.own)]
	}
	return env, nil
}

func badRequest(rej *reject) *problem.Problem {
	return problem.New(http.StatusBadRequest, rej.code, "%s", rej.message).WithField(rej.field)
}

// gif is a transparent image of one pixel.
var gif = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// Pixel answers with the image.
func Pixel(w http.ResponseWriter) {
	pixelHeaders(w.Header())
	_, _ = w.Write(gif) // the client has gone if this fails
}

func pixelHeaders(hd http.Header) {
	hd.Set("Content-Type", "image/gif")
	hd.Set("Content-Length", strconv.Itoa(len(gif)))
	hd.Set("Cache-Control", "no-store, no-cache, must-revalidate, private")
}

// refusalHeader tells why an image was refused whose body is the image.
const refusalHeader = "X-Weir-Refused"

// refusePixel answers a request for an image that is refused. An image of a page learns nothing of an answer but whether it is one: so it is one where the same request would be refused again,
// and none where it is to be sent again. Who does not ask for an image is told as everywhere.
func refusePixel(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
	again := p.Status >= 500 || p.Status == http.StatusRequestTimeout || p.Status == http.StatusRequestEntityTooLarge || p.Status == http.StatusTooManyRequests
	if again || !strings.Contains(r.Header.Get("Accept"), "image/") {
		p.Write(w)
		return
	}
	hd := w.Header()
	for name, v := range p.GetHeaders() {
		hd[name] = v
	}
	hd.Set(refusalHeader, p.Code)
	pixelHeaders(hd)
	w.WriteHeader(p.Status)
	_, _ = w.Write(gif) // the client has gone if this fails
}

// pixel takes its events from the query: an event or an array, URL-encoded or base64url.
func (h *Handler) pixel(w http.ResponseWriter, r *http.Request, j *job) *problem.Problem {
	q, err := url.ParseQuery(r.URL.RawQuery)
	body, prob := pixelEvents(q.Get("events"))
	switch {
	case err != nil:
		prob = problem.New(http.StatusBadRequest, codeMalformed, "the query of the address cannot be read: percent-encode its values")
	case prob == nil && len(body) > h.cfg.MaxBodyBytes:
		prob = h.tooLarge("query")
	}
	if prob != nil {
		if j.openSite(r, []byte(q.Get("site_id"))) == nil { // it is known whose loss it is
			j.countFailed(prob)
		}
		return prob
	}
	if prob := j.share.reach(len(body)); prob != nil {
		return prob
	}
	j.setBody(body)
	if prob := j.openSite(r, []byte(q.Get("site_id"))); prob != nil {
		return prob
	}
	ids := &j.dec.defaults
	for _, id := range [...]struct {
		name string
		to   *[]byte
	}{{"client_id", &ids.client}, {"user_id", &ids.user}, {"session_id", &ids.session}} {
		*id.to = []byte(q.Get(id.name))
		var bad *reject
		if errors.As(checkText(id.name, *id.to), &bad) {
			prob := badRequest(bad)
			j.countFailed(prob)
			return prob
		}
	}
	j.sent([]byte(q.Get("sent_at")))
	if body[0] == '[' {
		prob = j.array(body)
	} else {
		prob = j.single(body)
	}
	if prob != nil {
		j.countFailed(prob)
		return prob
	}
	tok, prob := j.commitPublic(w, r)
	if prob != nil {
		return prob
	}
	j.answerHeaders(w, tok)
	Pixel(w)
	return nil
}

// pixelEvents returns the JSON of the parameter: as it is, or decoded from base64url (base64 is taken too).
func pixelEvents(v string) ([]byte, *problem.Problem) {
	v = strings.TrimSpace(v)
	if v == "" {
		return nil, problem.New(http.StatusBadRequest, codeMissing, "the address has no events: set events to JSON, URL-encoded or in base64url").WithField("events")
	}
	if v[0] == '{' || v[0] == '[' {
		return []byte(v), nil
	}
	raw, err := Base64([]byte(v))
	raw = bytes.TrimSpace(trimBOM(raw))
	if err != nil || len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return nil, problem.New(http.StatusBadRequest, codeMalformed, "events is neither JSON nor JSON in base64url").WithField("events")
	}
	return raw, nil
}

// Base64 decodes text in either alphabet, with padding or without; a blank is a plus that was not escaped in an address.
func Base64(text []byte) ([]byte, error) {
	std := bytes.Clone(bytes.TrimRight(text, "="))
	for i, c := range std {
		switch c {
		case '-', ' ':
			std[i] = '+'
		case '_':
			std[i] = '/'
		}
	}
	return base64.RawStdEncoding.AppendDecode(nil, std)
}

// ingest takes events of a sender with a key.
func (h *Handler) ingest(w http.ResponseWriter, r *http.Request, j *job) *problem.Problem {
	if prob := h.keyed(w, r, j, j.events); prob != nil {
		return prob
	}
	tok, prob := j.commit(r.Context())
	if prob != nil {
		return prob
	}
	j.answerHeaders(w, tok)
	if j.rejected == 0 && minimal(r.Header) {
		w.Header().Set("Preference-Applied", "return=minimal")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	j.answer(w, tok)
	return nil
}

// keyed reads the request of a sender with a key.
func (h *Handler) keyed(w http.ResponseWriter, r *http.Request, j *job, events func(*http.Request, []byte) *problem.Problem) *problem.Problem {
	who, prob := h.deps.Auth.Authenticate(unaddressed(r))
	if prob != nil {
		return j.unopened(who, prob)
	}
	home, prob := j.openKey(r, who)
	if prob != nil {
		return prob
	}
	if prob := j.openMode(r, home); prob != nil {
		return prob
	}
	if prob := j.begin(r.ContentLength); prob != nil {
		return prob
	}
	body, release, prob := h.readBody(w, r, &j.share)
	j.ends = append(j.ends, release)
	if prob != nil {
		j.countFailed(prob)
		return prob
	}
	j.setBody(body)
	if prob := events(r, trimBOM(body)); prob != nil {
		j.countFailed(prob)
		return prob
	}
	return nil
}

// sends says whether keys of a role may send events.
func sends(r tenant.Role) bool {
	return r == tenant.RoleWriter || r == tenant.RoleAdmin || r == tenant.RoleOperator
}

// openKey sets the tenant of a request, and what its key may do. home is the site of the key, if it belongs to one.
func (j *job) openKey(r *http.Request, who tenant.Principal) (home string, prob *problem.Problem) {
	if !sends(who.Role) {
		prob := problem.New(http.StatusForbidden, "forbidden", "a key of the role %s cannot send events: use the write key of a source, or a key of the role writer or admin", who.Role)
		if t, ok := j.h.deps.Catalog.TenantByID(who.Tenant); ok {
			j.tenant, j.barred = t, prob
		}
		return "", prob
	}
	if who.Tenant == "" {
		return "", problem.New(http.StatusForbidden, "tenant_missing", "the operator must name the tenant whose events these are, with the header %s", tenant.Header).WithField(tenant.Header)
	}
	t, ok := j.h.deps.Catalog.TenantByID(who.Tenant)
	if !ok {
		return "", problem.New(http.StatusForbidden, "tenant_unknown", "the tenant %s does not exist any more", who.Tenant)
	}
	j.tenant, j.bound, j.origin, j.paged, j.keyed = t, who.Site, r.Header.Get("Origin"), "Origin", true
	usage.Label(r.Context(), usage.Door, t.ID) // guarded ends it
	if !t.Suspended.IsZero() {                 // it is the operator who sends for it
		return "", tenant.Suspended(t.ID, t.SuspendedFor)
	}
	j.setLimits()
	return who.Site, nil
}

// unopened notes whose loss it is when a key is refused because its tenant is suspended, or because it has expired.
func (j *job) unopened(who tenant.Principal, prob *problem.Problem) *problem.Problem {
	if prob.Code != tenant.CodeSuspended && prob.Code != tenant.CodeExpired || who.Tenant == "" {
		return prob
	}
	if t, ok := j.h.deps.Catalog.TenantByID(who.Tenant); ok {
		j.tenant = t
		if prob.Code == tenant.CodeExpired {
			j.barred = prob
		}
		if s := j.lookUp(who.Site); s.rej == nil {
			j.home = s
		}
	}
	return prob
}

// openMode sets the home and the mode that a request of /ingest asks for.
func (j *job) openMode(r *http.Request, home string) *problem.Problem {
	mode := r.Header.Get(modeHeader)
	if r.URL.RawQuery != "" {
		q := r.URL.Query()
		if q.Get("mode") != "" {
			mode = q.Get("mode")
		}
		if q.Get("site_id") != "" {
			home = q.Get("site_id")
		}
	}
	switch mode {
	case "":
	case "import":
		j.imports = true
	default:
		return problem.New(http.StatusBadRequest, codeValue, "the mode is %q: the only one is import", clip(mode)).WithField("mode")
	}
	return j.openHome(home)
}

// openHome makes a site the home of a request with a key.
func (j *job) openHome(name string) *problem.Problem {
	if name == "" {
		return nil
	}
	s := j.lookUp(name)
	if s.rej == nil {
		j.home = s
		return nil
	}
	status := http.StatusForbidden
	switch s.rej.code {
	case codeSiteUnknown:
		status = http.StatusNotFound
	case codeOrigin:
		j.denied = s
	}
	prob := problem.New(status, s.rej.code, "%s", s.rej.message).WithField(s.rej.field)
	if j.denied == nil {
		j.barred = prob
	}
	return prob
}

// events reads the events of a body by its shape: a CloudEvent in binary mode, an array, or one event on each line.
func (j *job) events(r *http.Request, body []byte) *problem.Problem {
	if r.Header.Get("Ce-Specversion") != "" {
		return j.binary(r.Header, body)
	}
	body = bytes.TrimLeft(body, " \t\r\n")
	if len(body) == 0 {
		return problem.New(http.StatusBadRequest, "empty_body", "the body holds no event: send NDJSON, a JSON array or one JSON object")
	}
	if body[0] == '[' {
		return j.array(body)
	}
	return j.lines(body)
}

func (j *job) binary(h http.Header, body []byte) *problem.Problem {
	return j.take(j.dec.decodeBinary(h, body))
}

// array reads a JSON array of events. When it is not valid JSON, where the events are is not known: none is accepted.
func (j *job) array(body []byte) *problem.Problem { return each(body, j.add) }

// single reads one event that is the whole body.
func (j *job) single(body []byte) *problem.Problem {
	rej := j.dec.decode(body)
	j.dec.skew = j.skew
	if rej != nil && (rej.code == codeMalformed || rej.code == codeTrailing) {
		return badRequest(rej)
	}
	return j.take(j.cloud(rej))
}

// lines reads one event from each line; empty lines do not count. One event over several lines is taken too. A line that is no JSON
// is rejected by itself, but when none is, the request is.
func (j *job) lines(body []byte) *problem.Problem {
	for rest := body; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		line = bytes.Trim(line, " \t\r")
		if len(line) == 0 {
			continue
		}
		j.raw = line
		rej := j.dec.decode(line)
		if rej != nil && rej.code == codeMalformed && j.index == 0 && len(rest) > 0 && isOneValue(body) {
			return j.single(body)
		}
		if prob := j.take(rej); prob != nil {
			return prob
		}
	}
	if j.unreadable == j.index {
		first := j.rejects[0]
		return problem.New(http.StatusBadRequest, first.Code, "%s; send NDJSON, a JSON array or one JSON object", first.Message)
	}
	return nil
}

func isOneValue(body []byte) bool {
	var dec jx.Decoder
	dec.ResetBytes(body)
	return dec.Skip() == nil && dec.Skip() == io.EOF
}

func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF")) }
