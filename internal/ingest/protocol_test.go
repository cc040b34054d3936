package ingest

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"weir/internal/event"
	"weir/internal/problem"
)

type fakeVisitors struct{}

func (fakeVisitors) AppendVisitor(dst []byte, site string, ip netip.Addr, _ []byte) []byte {
	return fmt.Appendf(dst, "%s of %s", ip, site)
}

// thing is a protocol of one kind of event without client ids.
func thing(h *Handler) Door {
	return Door{Name: "thing", Methods: []string{http.MethodPost}, Public: true, Serve: func(q *Request) *problem.Problem {
		body, prob := q.Body()
		if prob != nil {
			return prob
		}
		if prob := q.OpenSite("site-3"); prob != nil {
			return prob
		}
		if prob := q.Add(body, func(e *Event) error {
			e.Row().Type = []byte("thing")
			e.SetID(e.Raw())
			e.Anonymous()
			return nil
		}); prob != nil {
			return q.Fail(prob)
		}
		_, prob = q.Commit()
		return prob
	}}
}

// An event that is sent again from another address has another derived visitor, but meets its first copy.
func TestDerivedVisitorsDoNotMoveEvents(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) { d.Visitors = fakeVisitors{} })
	door := r.Handle(thing(r.Handler))
	r.mux.Handle("/thing", door)
	visitors := map[any]bool{}
	for i := range 40 {
		if w := r.do("POST", "/thing", "event-1", fmt.Sprintf("X-Test: %d", i)); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		r.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		if w := r.do("POST", "/thing", "event-1", fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i)); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if len(r.log.rows) != 1 {
		t.Errorf("one event went to %d partitions", len(r.log.rows))
	}
	for _, row := range r.log.all() {
		visitors[row["client_id"]] = true
	}
	if len(visitors) != 41 {
		t.Errorf("%d visitors were derived", len(visitors))
	}
}

// A door that forgets to open stores nothing.
func TestUnopened(t *testing.T) {
	r := newRig(t)
	r.mux.Handle("/thing", r.Handle(Door{Name: "thing", Methods: []string{http.MethodPost}, Serve: func(q *Request) *problem.Problem {
		prob := q.Add([]byte("x"), func(e *Event) error {
			e.Row().Type = []byte("thing")
			return nil
		})
		if prob == nil {
			_, prob = q.Commit()
		}
		return prob
	}}))
	if w := r.do("POST", "/thing", "x"); w.Code != 200 || len(r.log.all()) != 0 || w.Header().Get("X-Weir-Rejected") != "1" {
		t.Errorf("%d %s %v, %d rows", w.Code, w.Body, w.Header(), len(r.log.all()))
	}
	if r.budget.used.Load() != 0 {
		t.Error("bytes are still taken")
	}
}

// What a decoder keeps for the next event is bounded, whatever came; so is a message.
func TestHostileMemory(t *testing.T) {
	r := newRig(t)
	j := r.job("x")
	j.own = make([]byte, 1<<20)
	r.release(j)
	if j = r.job("x"); cap(j.own) > keepSlices {
		t.Errorf("%d bytes are kept for the next request", cap(j.own))
	}
	if rej := rejectf(codeValue, "f", "the value is %q", strings.Repeat("ä", 40000)); len(rej.message) > 1010 || !utf8.ValidString(rej.message) {
		t.Errorf("a message of %d bytes", len(rej.message))
	}
	d := newDecoder(&r.cfg)
	d.lastWins = true
	for i := range 900 {
		if rej := d.addText([]byte("same"), []byte{byte(i)}, fromTop); rej != nil {
			t.Fatal(rej)
		}
		if i == 400 {
			for i := range 20 {
				_ = d.addText([]byte{byte(i)}, nil, fromTop)
			}
		}
	}
	found := 0
	for _, slot := range d.keys.table {
		if uint32(slot>>32) == d.keys.epoch && slot != 0 {
			found++
		}
	}
	d.compact()
	if found != 21 || len(d.row.Props) != 21 || d.row.Props[20].Value[0] != 899%256 {
		t.Errorf("%d of 21 names are searched, %d properties", found, len(d.row.Props))
	}
}

func TestBase64(t *testing.T) {
	for _, text := range []string{"+/8=", "-_8", " _8==", "+_8"} {
		if b, err := Base64([]byte(text)); err != nil || string(b) != "\xfb\xff" {
			t.Errorf("%q: %q %v", text, b, err)
		}
	}
	if _, err := Base64([]byte("a*bc")); err == nil {
		t.Error("no base64 is decoded")
	}
}

// asked is an enricher that remembers what it was asked.
type asked struct {
	fakeEnricher
	agent  string
	public bool
}

func (a *asked) Enrich(ip netip.Addr, ua []byte, public bool) event.Facts {
	a.agent, a.public = string(ua), public
	return a.fakeEnricher.Enrich(ip, ua, public)
}

// The HTTP client of an app's library is no robot: it counts as little as none at all. An app that shows pages says what it is.
func TestApp(t *testing.T) {
	for _, tt := range []struct {
		app          bool
		agent, taken string
		public       bool
	}{{true, "okhttp/4.12.0", "", false}, {true, "", "", false}, {true, "Dalvik/2.1.0 (Linux; U; Android 14)", "Dalvik/2.1.0 (Linux; U; Android 14)", false}, {false, "okhttp/4.12.0", "okhttp/4.12.0", true}} {
		a := &asked{}
		r := newRig(t, func(_ *Config, d *Deps) { d.Enricher = a })
		r.mux.Handle("/thing", r.Handle(Door{Name: "thing", Methods: []string{http.MethodPost}, Public: true, Serve: func(q *Request) *problem.Problem {
			if prob := q.OpenSite("site-3"); prob != nil {
				return prob
			}
			return q.Add([]byte("x"), func(e *Event) error {
				e.Row().Type = []byte("thing")
				if tt.app {
					e.App()
				}
				return nil
			})
		}}))
		if w := r.do("POST", "/thing", "x", "User-Agent: "+tt.agent); w.Code != 200 || a.agent != tt.taken || a.public != tt.public {
			t.Errorf("%+v: %d, asked for %q, public %v", tt, w.Code, a.agent, a.public)
		}
	}
}

// Texts inside of arrays are stored with no more escapes than JSON needs, so that nobody hides in them what a rule looks for.
func TestEscapesInArrays(t *testing.T) {
	r := newRig(t)
	r.do("POST", "/ingest", `{"type":"a","props":{"x":["j\u0061ne\u0040example.com",{"\u0061":"\/"},"\ud83d","\"\n\u00fc"]}}`, acmeKey)
	if rows := r.log.all(); len(rows) != 1 || rows[0]["props.x"] != `["jane@example.com",{"a":"/"},"`+"\uFFFD"+`","\"\nü"]` {
		t.Errorf("%v", rows)
	}
}
