package weir

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Event is what happened. Only Type is required. Fields that are empty are not sent. Type, URL and ids must be UTF-8 without NUL: Track refuses others. In what else is sent
// U+FFFD stands for what is not UTF-8, and the server rejects an event with a NUL anywhere.
type Event struct {
	// ID is the identity of the event: the server stores an id once. Empty: Track makes a UUIDv7. Set it where the same event may be tracked twice,
	// for example from a message that is delivered again.
	ID string
	// Type says what happened: "signup", "purchase". "pageview", "identify" and "alias" have meanings of their own: see Page, Identify, Alias.
	Type string
	// Time is when it happened, to the millisecond. Zero: now. The server takes 400 days back and 24 hours ahead.
	Time time.Time
	// ClientID is the visitor or device, UserID the user who is signed in.
	ClientID, UserID string
	// SessionID is a session id of yours; the server makes sessions itself.
	SessionID string
	// Site is the site of the event; needed only with a key that is of no source (see Options.Site).
	Site string
	// URL, Referrer, UserAgent and IP are those of your visitor's request. The server derives page, campaign, channel, browser and country of them and keeps no address.
	URL, Referrer, UserAgent, IP string
	// Props are properties: texts, numbers, booleans, lists, nested maps; what encoding/json can write. "revenue" (with "currency") and "value" are summed by reports.
	Props map[string]any
}

// wire is an event as the server reads it.
type wire struct {
	ID        string         `json:"event_id"`
	Type      string         `json:"type"`
	TS        int64          `json:"ts"`
	ClientID  string         `json:"client_id,omitempty"`
	UserID    string         `json:"user_id,omitempty"`
	SessionID string         `json:"session_id,omitempty"`
	Site      string         `json:"site_id,omitempty"`
	URL       string         `json:"url,omitempty"`
	Referrer  string         `json:"referrer,omitempty"`
	UserAgent string         `json:"user_agent,omitempty"`
	IP        string         `json:"ip,omitempty"`
	Props     map[string]any `json:"props,omitempty"`
}

// encode gives the event's line without a newline. It fills what the event leaves to Track: id and time.
func (e Event) encode(now time.Time) ([]byte, error) {
	if e.Type == "" {
		return nil, errors.New("weir: an event needs a Type")
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.ID == "" {
		e.ID = NewID()
	}
	if e.Time.IsZero() {
		e.Time = now
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(wire{ID: e.ID, Type: e.Type, TS: e.Time.UnixMilli(), ClientID: e.ClientID, UserID: e.UserID, SessionID: e.SessionID, Site: e.Site,
		URL: e.URL, Referrer: e.Referrer, UserAgent: e.UserAgent, IP: e.IP, Props: e.Props})
	if err != nil {
		return nil, fmt.Errorf("weir: encode the event %q: %w", e.Type, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// check refuses texts by which an event is told from others and that the server would refuse, or that encoding/json would make equal to others: what is not UTF-8 becomes
// U+FFFD there, as it does in the other fields.
func (e *Event) check() error {
	previous, _ := e.Props["previous_id"].(string)
	for _, f := range [...]struct{ name, text string }{{"Type", e.Type}, {"ID", e.ID}, {"ClientID", e.ClientID}, {"UserID", e.UserID}, {"SessionID", e.SessionID}, {"Site", e.Site}, {"URL", e.URL},
		{"previous_id", previous}} {
		if !utf8.ValidString(f.text) {
			return fmt.Errorf("weir: %s is %q, which is not UTF-8", f.name, f.text)
		}
		if strings.IndexByte(f.text, 0) >= 0 {
			return fmt.Errorf("weir: %s is %q, which holds a NUL", f.name, f.text)
		}
	}
	return nil
}

// decode reads what encode wrote. Numbers of Props are float64, as encoding/json reads them. A line that is no event gives the zero Event.
func decode(line []byte) Event {
	var w wire
	if json.Unmarshal(line, &w) != nil {
		return Event{}
	}
	return Event{ID: w.ID, Type: w.Type, Time: time.UnixMilli(w.TS), ClientID: w.ClientID, UserID: w.UserID, SessionID: w.SessionID, Site: w.Site,
		URL: w.URL, Referrer: w.Referrer, UserAgent: w.UserAgent, IP: w.IP, Props: w.Props}
}

// ids makes UUIDv7s that grow within the process.
var ids struct {
	sync.Mutex
	ms  int64
	seq uint16 // the 12 bits behind the time
}

// NewID makes a UUIDv7 (RFC 9562): 48 bits of milliseconds, 12 bits that count within one, 62 random bits. Ids of one process
// are in the order in which they were made.
func NewID() string {
	var u [16]byte
	rand.Read(u[6:]) // never fails
	ids.Lock()
	now := time.Now().UnixMilli()
	if now > ids.ms {
		ids.ms, ids.seq = now, uint16(u[6]&0x07)<<8|uint16(u[7]) // begin in the lower half: room to count
	} else if ids.seq++; ids.seq > 0x0fff {
		ids.ms, ids.seq = ids.ms+1, 0
	}
	ms, seq := ids.ms, ids.seq
	ids.Unlock()
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	u[6], u[7] = 0x70|byte(seq>>8), byte(seq)
	u[8] = u[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[:8], u[:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:], u[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
