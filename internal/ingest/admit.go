package ingest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/zeebo/xxh3"

	"weir/internal/event"
	"weir/internal/problem"
)

// setBody prepares the decoder for a body.
func (j *job) setBody(body []byte) {
	j.held += len(body)
	j.bytes, j.raw = len(body), body
	j.dec.checkTexts(body)
	j.h.metrics.bytes.WithLabelValues(j.door).Add(float64(len(body)))
}

// checkTexts finds out what must be looked at in each event of a body.
func (d *decoder) checkTexts(body []byte) {
	d.checkUTF8 = !utf8.Valid(body)
	d.checkNUL = bytes.Contains(body, []byte(`\u0000`))
}

// setLimits takes over what a tenant's own limits say.
func (j *job) setLimits() {
	if n := j.tenant.Limits.EventBytes; n > 0 {
		j.dec.eventMax, j.dec.tenantMax = int(min(n, maxEventBytes)), true
	}
}

// add decodes one event, validates it and appends it to its batch, or notes why not. The problem is one of the whole request.
func (j *job) add(ev []byte) *problem.Problem {
	j.raw = ev
	rej := j.dec.decode(ev)
	j.dec.skew = j.skew
	return j.take(j.cloud(rej))
}

// take goes on with the event that the decoder holds, or with the reason why it holds none.
func (j *job) take(rej *reject) *problem.Problem {
	at := j.index
	if j.index++; j.index > j.h.cfg.MaxEvents {
		return j.tooMany()
	}
	s := j.home
	if s == nil {
		s = &j.unsited
	}
	if rej == nil {
		s, rej = j.findSite()
	}
	if rej == nil {
		rej = j.admit(s)
	}
	if rej != nil {
		j.reject(at, s, rej)
		return nil
	}
	s.accepted++
	if j.accepted++; j.accepted%512 == 0 {
		return j.reserve()
	}
	return nil
}

func (j *job) tooMany() *problem.Problem {
	return problem.New(http.StatusRequestEntityTooLarge, "too_many_events",
		"the request has more than %d events (max_events): send fewer in one request", j.h.cfg.MaxEvents).
		WithLimit("max_events", int64(j.h.cfg.MaxEvents))
}

func (j *job) reject(at int, s *site, rej *reject) {
	j.rejected++
	s.reject(rej.code, func(r *Rejection) { j.exemplify(r, s, rej.field, rej.message) })
	if rej.code == codeMalformed || rej.code == codeUTF8 {
		j.unreadable++
	}
	if len(j.rejects) < j.h.cfg.MaxRejects {
		j.rejects = append(j.rejects, Reject{at, rej.code, rej.field, rej.message})
	}
}

// exemplify completes a rejection by what helps to mend the event, if that is wanted.
func (j *job) exemplify(r *Rejection, s *site, field, message string) {
	if a := j.h.deps.Account; a != nil && j.tenant.ID != "" && a.WantsExample(j.tenant.ID, s.id, r.Code, j.door) {
		r.Field, r.Message, r.Example = scrub(field), scrub(message), redact(j.raw)
	}
}

// reserve accounts for the memory of the columns.
func (j *job) reserve() *problem.Problem {
	n := j.held
	for _, b := range j.batches {
		if b != nil {
			n += b.Bytes()
		}
	}
	return j.share.reach(n)
}

// findSite finds the source of the event that the decoder holds. Of a site that is unknown or forbidden nothing is counted by name.
func (j *job) findSite() (*site, *reject) {
	key := j.dec.site
	if len(key) == 0 {
		if j.home == nil {
			return &j.unsited, rejectf(codeMissing, "site_id", "the event names no site: set site_id, or use the write key of a source")
		}
		return j.home, j.home.rej
	}
	if j.last == nil || !bytes.Equal(key, j.lastKey) {
		s, ok := j.sites[string(key)]
		if !ok {
			s = j.lookUp(string(key))
			j.sites[string(key)] = s
		}
		j.last, j.lastKey = s, append(j.lastKey[:0], key...)
	}
	if j.last.rej != nil && j.last.rej.code != codeOrigin { // the tenant's own site may know which pages send to it
		return &j.unsited, j.last.rej
	}
	return j.last, j.last.rej
}

// lookUp decides whether this request may send events for a site.
func (j *job) lookUp(name string) *site {
	src, t, ok := j.h.deps.Catalog.SourceBySite(name)
	s := &site{id: src.SiteID, src: src}
	switch {
	case !ok || t.ID != j.tenant.ID || j.h.deps.Auth.IsKey(name): // another tenant's site looks like none, and a key is no name
		s.rej = rejectf(codeSiteUnknown, "site_id", "the site %q does not exist or belongs to somebody else: check site_id", clip(name))
	case j.bound != "" && src.SiteID != j.bound:
		s.rej = rejectf(codeSiteForbidden, "site_id", "the request may send events for the site %q only: leave site_id out, or use another key", j.bound)
	case !originAllowed(&src, j.origin):
		s.rej = j.forbiddenPage()
	}
	if j.home != nil && j.home.id == s.id && s.rej == nil {
		return j.home
	}
	return s
}

// admit completes the row that the decoder holds and appends it to the batch of its partition.
func (j *job) admit(s *site) *reject {
	d := j.dec
	r := &d.row
	if rej := j.checkTime(); rej != nil {
		return rej
	}
	r.Tenant, r.Site, r.ReceivedAt = string(j.tenant.ID), s.id, j.now
	if j.imports {
		r.Flags = flagImport
	}
	if !j.keyed {
		r.Flags |= flagPublic
	}
	if len(d.id) > 0 {
		r.EventID = d.id
		r.Flags |= flagSenderID
	} else {
		n := len(d.arena)
		d.arena = appendEventID(d.arena, j.now)
		r.EventID = d.arena[n:len(d.arena):len(d.arena)]
	}
	at := j.place() // by the ids as they were sent: what is derived may differ when the event is sent again
	j.enrich()
	if len(r.URL) > 0 {
		var p parts
		p, d.arena = splitURL(r.URL, d.arena, d.hash)
		r.Host, r.Path = p.host, p.path
		for _, f := range [...]struct {
			to  *[]byte
			url []byte
		}{{&r.UTMSource, p.source}, {&r.UTMMedium, p.medium}, {&r.UTMCampaign, p.campaign}, {&r.UTMTerm, p.term}, {&r.UTMContent, p.content}} {
			if len(*f.to) == 0 { // a foreign client may name the campaign itself
				*f.to = f.url
			}
		}
	}
	if len(r.Referrer) > 0 {
		r.ReferrerHost, d.arena = referrerHost(r.Referrer, d.arena)
	}
	if rej := j.checkHost(s); rej != nil {
		return rej
	}
	j.identify(s)
	if rej := j.checkIDs(); rej != nil {
		return rej
	}
	for len(j.batches) <= at {
		j.batches = append(j.batches, nil)
	}
	if j.batches[at] == nil {
		j.batches[at] = j.h.batches.Get()
	}
	j.batches[at].Append(r)
	return nil
}

// minSkew is how much a clock must be off before it is corrected, in milliseconds: less may be the way that the request took.
const minSkew = 2000

// skewOf is what a sender's clock is off when by it the request was sent at that time, Unix milliseconds.
func (j *job) skewOf(sent int64) int64 {
	if skew := j.now - sent; skew >= minSkew || skew <= -minSkew {
		return skew
	}
	return 0
}

// sent takes the time at which a request of a public door was sent by its sender's clock: as ts, but what cannot be a time counts as absent, for
// the events are as good without it.
func (j *job) sent(text []byte) {
	if ms, ok := ParseTime(text); ok {
		j.skew = j.skewOf(ms)
	}
}

// checkTime sets the row's time, and refuses what lies outside the window.
func (j *job) checkTime() *reject {
	d := j.dec
	if !d.hasTS {
		d.row.TS = j.now
		return nil
	}
	cfg := &j.h.cfg
	ts := d.tsMS + d.skew
	field, unit, old := "ts", "seconds or milliseconds", "with mode=import"
	if d.clock.field != "" {
		field, unit, old = d.clock.field, d.clock.unit, "to /ingest with mode=import, which this door does not have"
	}
	switch {
	case ts > j.now+cfg.MaxAhead.Milliseconds():
		return rejectf(codeTime, field, "%s is %s, more than %s in the future: check the sender's clock and the unit (%s)", field, formatMS(ts), hours(cfg.MaxAhead), unit)
	case ts < j.now-cfg.MaxAge.Milliseconds() && !j.imports:
		return rejectf(codeTime, field, "%s is %s, more than %s ago: check the unit (%s), or send old events %s", field, formatMS(ts), hours(cfg.MaxAge), unit, old)
	}
	d.row.TS, d.row.ClientTS = ts, d.tsMS
	return nil
}

func hours(d interface{ Hours() float64 }) string {
	if h := d.Hours(); h > 48 {
		return fmt.Sprintf("%.4g days", h/24)
	} else {
		return fmt.Sprintf("%.4g hours", h)
	}
}

// enrich fills in what the sender's address and user agent say. At the public doors these are the request's, but for a
// user_agent in the event; at the others only what the event says. A foreign protocol with a key may have both: the event's go first. The
// address is then forgotten.
func (j *job) enrich() {
	d := j.dec
	r := &d.row
	var ip netip.Addr
	if j.public && !d.remote {
		ip = j.ip
		if len(r.UserAgent) == 0 && (!d.app || bytes.HasPrefix(j.agent, []byte("Mozilla/")) || bytes.HasPrefix(j.agent, []byte("Dalvik/"))) {
			r.UserAgent = j.agent
		}
	}
	if j.keyed && len(d.ip) > 0 {
		text := d.ip
		if i := bytes.IndexByte(text, ','); i >= 0 { // as in X-Forwarded-For, the client first
			text = text[:i]
		}
		ip, _ = parseIP(unsafe.String(unsafe.SliceData(text), len(text)))
	}
	r.UserAgent = cutAgent(r.UserAgent)
	bare := j.public && !j.keyed && !d.remote && !d.app
	if !j.hasFacts || ip != j.factsIP || bare != j.factsBare || !bytes.Equal(r.UserAgent, j.factsAgent) {
		j.facts = j.h.deps.Enricher.Enrich(ip, r.UserAgent, bare)
		j.factsIP, j.factsBare, j.factsAgent, j.hasFacts = ip, bare, append(j.factsAgent[:0], r.UserAgent...), true
	}
	f := &j.facts
	r.Country, r.Region, r.City = f.Country, f.Region, f.City
	r.Device, r.OS, r.Browser, r.IsBot, r.EnrichVersion = f.Device, f.OS, f.Browser, f.IsBot, f.Version
	r.BotRule, r.BotScore = f.BotRule, f.BotScore
	if f.Net != [16]byte{} {
		r.Net = f.Net[:] // of the job
	}
}

// checkHost refuses a page of another site where the source names its hosts, the sender is anybody, and no Origin says which page sends (as for
// an image).
func (j *job) checkHost(s *site) *reject {
	host := j.dec.row.Host
	if len(s.src.Hostnames) == 0 || len(host) == 0 || j.keyed || j.origin != "" || hostAllowed(&s.src, unsafe.String(unsafe.SliceData(host), len(host))) {
		return nil
	}
	return rejectf(codeOrigin, "url", "url is of %q, whose pages may not send events for this site: add the host to the source's hostnames", clip(string(host)))
}

// identify does what the source's settings say about personal data, and gives the row an id of the day when it has none of a visitor: at
// the public doors, and where a protocol has none.
func (j *job) identify(s *site) {
	d := j.dec
	r := &d.row
	cookieless := s.src.Privacy != nil && s.src.Privacy.Cookieless && !j.keyed
	if cookieless {
		r.ClientID, r.SessionID = nil, nil
		if bytes.Equal(r.Type, typeIdentify) { // its previous id is the client's
			r.Props = slices.DeleteFunc(r.Props, func(p event.Prop) bool { return bytes.Equal(p.Key, previousID) })
			r.Nums = slices.DeleteFunc(r.Nums, func(n event.Num) bool { return bytes.Equal(n.Key, previousID) })
		}
	}
	d.arena = j.h.deps.Enricher.Complete(&s.src, r, d.arena)
	v := j.h.deps.Visitors
	if v == nil || len(r.ClientID) > 0 || !j.factsIP.IsValid() || !(d.derive || cookieless || !j.keyed && len(r.UserID) == 0) {
		return
	}
	n := len(d.arena)
	d.arena = v.AppendVisitor(d.arena, s.id, j.factsIP, j.factsAgent)
	r.ClientID = d.arena[n:len(d.arena):len(d.arena)]
}

var (
	typeAlias    = []byte(event.TypeAlias)
	typeIdentify = []byte(event.TypeIdentify)
	previousID   = []byte(event.PropPrevious)
)

// checkIDs refuses ids by which nobody could be joined nor looked up, as they would be stored: a source may have them hashed. An import may hold what was taken before there was the limit.
func (j *job) checkIDs() *reject {
	if j.imports {
		return nil
	}
	r := &j.dec.row
	if len(r.ClientID) > event.MaxID {
		return longID("client_id", r.ClientID)
	}
	if len(r.UserID) > event.MaxID {
		return longID("user_id", r.UserID)
	}
	if !bytes.Equal(r.Type, typeAlias) && !bytes.Equal(r.Type, typeIdentify) {
		return nil
	}
	for i := range r.Props {
		if p := &r.Props[i]; len(p.Value) > event.MaxID && bytes.Equal(p.Key, previousID) {
			return longID("props."+event.PropPrevious, p.Value)
		}
	}
	return nil
}

func longID(field string, id []byte) *reject {
	return rejectf(codeIDLength, field, "%s has %d bytes, the limit is %d (max_id_bytes): nobody could be found by it; send a shorter id, such as a hash of it", field, len(id), event.MaxID)
}

// maxAgent is how many bytes of a user agent are kept.
const maxAgent = 2048

func cutAgent(ua []byte) []byte {
	if len(ua) <= maxAgent {
		return ua
	}
	n := maxAgent
	for n > 0 && !utf8.RuneStart(ua[n]) {
		n--
	}
	return ua[:n]
}

// place is the row's place in the tenant's range of partitions. One client's events share a partition; without a client the
// event id decides, so that a retry meets its first copy. The hash must never change: it decides where copies meet.
func (j *job) place() int {
	count := int(j.tenant.Partitions.Count)
	if count <= 1 {
		return 0
	}
	key := j.dec.row.ClientID
	if len(key) == 0 {
		key = j.dec.row.EventID
	}
	return int(xxh3.Hash(key) % uint64(count))
}

// partition is the number of the partition at a place.
func (j *job) partition(place int) uint16 {
	return uint16((int(j.tenant.Partitions.First) + place) % j.h.deps.Partitions)
}
