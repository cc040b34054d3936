package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir/internal/catalog"
)

// A browser that has signed in with a password gets a cookie that says so: when, a random name of the device, and a code over these, the account and its
// password's hash. It opens nothing: whoever has it still needs the password, and has attempts of their own for it. Another password, or another user with the
// same address, ends it. Nothing is stored here.
const (
	deviceCookie = "weir_device"
	deviceFor    = 365 * 24 * time.Hour
)

// deviceName is the cookie's name: of each account one, so that a browser is known for all that were used in it. Like the session's it is bound to the host over TLS.
func (s *Sessions) deviceName(r *http.Request, u catalog.User) string {
	h := s.deviceCode("name", string(u.Tenant), u.ID)
	return strings.TrimSuffix(s.cookie(r, "").Name, cookieName) + deviceCookie + "_" + base64.RawURLEncoding.EncodeToString(h[:6])
}

// deviceCode is a keyed hash of parts.
func (s *Sessions) deviceCode(parts ...string) []byte {
	m := hmac.New(sha256.New, s.cfg.Secret)
	for _, p := range parts {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		m.Write([]byte(p))
	}
	return m.Sum(nil)
}

func (s *Sessions) deviceValue(u catalog.User, device string, at int64) string {
	since := strconv.FormatInt(at, 10)
	return since + "." + device + "." + base64.RawURLEncoding.EncodeToString(s.deviceCode("device", since, device, string(u.Tenant), u.ID, u.Password))
}

// deviceOf names the device that a request comes from; empty if it has not signed in to the account within deviceFor, with the password that it has now.
func (s *Sessions) deviceOf(r *http.Request, u catalog.User) string {
	c, err := r.Cookie(s.deviceName(r, u))
	if err != nil || len(c.Value) > 200 || u.Password == "" {
		return ""
	}
	since, rest, _ := strings.Cut(c.Value, ".")
	device, _, _ := strings.Cut(rest, ".")
	at, err := strconv.ParseInt(since, 10, 64)
	if err != nil || device == "" || !hmac.Equal([]byte(c.Value), []byte(s.deviceValue(u, device, at))) {
		return ""
	}
	if age := s.cfg.Now().Sub(time.Unix(at, 0)); age > deviceFor || age < -time.Hour {
		return ""
	}
	return device
}

// device is the cookie of a browser that has just signed in; it keeps its name.
func (s *Sessions) device(r *http.Request, u catalog.User, device string) *http.Cookie {
	if device == "" {
		device = rand.Text()
	}
	c := s.cookie(r, s.deviceValue(u, device, s.cfg.Now().Unix()))
	c.Name, c.MaxAge, c.SameSite = s.deviceName(r, u), int(deviceFor.Seconds()), http.SameSiteStrictMode
	return c
}
