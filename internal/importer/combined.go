package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"time"

	"weir/internal/accesslog"
)

// rejection says why a line was not taken.
type rejection struct{ code, field, message string }

// combined renders lines of an access log. Every field but the address becomes part of the event: the address is sent as
// `ip`, from which the server derives the country and which it drops, and goes into the client id together with the user agent.
type combined struct {
	salt []byte
	base string

	line    accesslog.Line
	scratch []byte
}

func (c *combined) time(text []byte) (int64, bool) {
	err := c.line.Parse(text)
	return c.line.Time, err == nil
}

func (c *combined) appendEvent(dst, text, id []byte, shift int64) ([]byte, bool, *rejection) {
	l := &c.line
	if err := l.Parse(text); err == accesslog.ErrEmpty {
		return dst, false, nil
	} else if err != nil {
		var e *accesslog.Error
		if errors.As(err, &e) {
			return dst, false, &rejection{e.Code, e.Field, e.Message}
		}
		return dst, false, &rejection{"bad_line", "", err.Error()}
	}
	dst = append(dst, `{"event_id":"`...)
	dst = append(dst, id...)
	dst = append(dst, '"')
	if l.PageView() {
		dst = append(dst, `,"type":"pageview","ts":`...)
	} else {
		dst = append(dst, `,"type":"request","ts":`...)
	}
	dst = appendTime(dst, l.Time+shift)
	if len(l.Host)+len(l.UserAgent) > 0 {
		dst = append(dst, `,"client_id":"`...)
		dst = c.appendClientID(dst)
		dst = append(dst, '"')
	}
	dst = c.appendURL(dst)
	if len(l.Referrer) > 0 {
		dst = c.text(dst, `,"referrer":`, l.Referrer)
	}
	if len(l.UserAgent) > 0 {
		dst = c.text(dst, `,"user_agent":`, l.UserAgent)
	}
	if _, err := netip.ParseAddr(string(l.Host)); err == nil {
		dst = c.text(dst, `,"ip":`, l.Host)
	}
	dst = append(dst, `,"props":{"status":`...)
	dst = strconv.AppendInt(dst, int64(l.Status), 10)
	if l.Bytes >= 0 {
		dst = append(dst, `,"bytes":`...)
		dst = strconv.AppendInt(dst, l.Bytes, 10)
	}
	for _, p := range [...]struct {
		key   string
		value []byte
	}{{`,"method":`, l.Method}, {`,"protocol":`, l.Protocol}, {`,"user":`, l.User}, {`,"ident":`, l.Ident}} {
		if len(p.value) > 0 {
			dst = c.text(dst, p.key, p.value)
		}
	}
	if len(l.Method) == 0 && len(l.Request) > 0 {
		dst = c.text(dst, `,"request":`, l.Request)
	}
	return append(dst, "}}"...), true, nil
}

// appendURL writes the url: the target as it was logged, behind the base if it is a path.
func (c *combined) appendURL(dst []byte) []byte {
	l := &c.line
	if len(l.Target) == 0 {
		return dst
	}
	if l.Target[0] != '/' {
		return c.text(dst, `,"url":`, l.Target)
	}
	var full []byte
	switch {
	case c.base == "" && len(l.VirtualHost) == 0:
		if !bytes.HasPrefix(l.Target, []byte("//")) {
			return c.text(dst, `,"url":`, l.Target)
		}
		full = append(full, "//"...) // an empty host, so that what follows is the path and not a host (RFC 3986, 4.2)
	case c.base != "":
		full = append(full, bytes.TrimRight([]byte(c.base), "/")...)
	case bytes.HasSuffix(l.VirtualHost, []byte(":443")):
		full = append(append(full, "https://"...), bytes.TrimSuffix(l.VirtualHost, []byte(":443"))...)
	default:
		full = append(append(full, "http://"...), bytes.TrimSuffix(l.VirtualHost, []byte(":80"))...)
	}
	return c.text(dst, `,"url":`, append(full, l.Target...))
}

// appendClientID writes the line's client id.
func (c *combined) appendClientID(dst []byte) []byte {
	c.scratch = appendClientID(c.scratch[:0], c.salt, c.line.Host, c.line.UserAgent)
	return append(dst, c.scratch...)
}

// ClientID is the client id of an access log's line: 128 bits of SHA-256(salt, address, 0, user agent) in hexadecimal. One
// client has one id over all files and days of a source; without the salt it cannot be computed from an address.
func ClientID(salt, host, userAgent []byte) string {
	return string(appendClientID(nil, salt, host, userAgent))
}

// appendClientID uses dst's memory as its scratch space and returns the id in it.
func appendClientID(dst, salt, host, userAgent []byte) []byte {
	dst = append(dst[:0], salt...)
	dst = append(dst, host...)
	dst = append(dst, 0)
	dst = append(dst, userAgent...)
	sum := sha256.Sum256(dst)
	return hex.AppendEncode(dst[:0], sum[:16])
}

// text appends key and value as JSON.
func (c *combined) text(dst []byte, key string, value []byte) []byte {
	dst = append(dst, key...)
	c.scratch = accesslog.Unescape(c.scratch[:0], value)
	return appendString(dst, c.scratch)
}

// appendString appends s, which is UTF-8 without control characters but tabs, as a JSON string.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, b := range s {
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}

// appendTime writes milliseconds; times before March 1973, which could be taken for seconds, in RFC 3339.
func appendTime(dst []byte, ms int64) []byte {
	if ms >= 1e11 {
		return strconv.AppendInt(dst, ms, 10)
	}
	dst = append(dst, '"')
	dst = time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	return append(dst, '"')
}
