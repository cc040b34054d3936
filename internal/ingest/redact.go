package ingest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept of a rejected event.
const (
	maxRedacted = 1000    // bytes of an example
	maxLooked   = 4 << 10 // bytes of the event that are looked at
	maxPlain    = 64      // bytes of a name, or of a value that is shown
)

// personal is what does not leave in a message or a name, and what stands for it.
var personal = []struct {
	pattern *regexp.Regexp
	stand   string
}{
	{regexp.MustCompile(`[^\s"'<>@,;:()]+@[^\s"'<>@,;:()]+`), "(e-mail)"},
	{regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}\b`), "(address)"},
	{regexp.MustCompile(`(?i)(\b[0-9a-f]{1,4})?::?([0-9a-f]{1,4}:){2,7}[0-9a-f]{0,4}`), "(address)"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "(id)"},
	{regexp.MustCompile(`\b[A-Za-z_-]*\d[A-Za-z0-9_-]{15,}\b`), "(id)"},
	{regexp.MustCompile(`\+?\d[\d ()/-]{6,}\d`), "(number)"},
	{regexp.MustCompile(`([?#])[^\s"']*`), "$1…"},
}

// times are left as they are: they say nothing of a person, and are what is often wrong.
var timeLike = regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?(Z|[+-]\d{2}:?\d{2})?)?`)

// scrub takes out of a text what may tell of a person: addresses, ids, long numbers, queries of URLs.
func scrub(text string) string {
	var kept []string
	text = timeLike.ReplaceAllStringFunc(text, func(t string) string {
		kept = append(kept, t)
		return "\x00"
	})
	for _, p := range personal {
		text = p.pattern.ReplaceAllString(text, p.stand)
	}
	for _, t := range kept {
		text = strings.Replace(text, "\x00", t, 1)
	}
	return clipTo(strings.ReplaceAll(text, "\x00", ""), maxRedacted)
}

// shown are the fields of the event itself whose values say how to mend an event and nothing of a person.
var shown = map[string]bool{
	"type": true, "event": true, "event_type": true, "ts": true, "timestamp": true, "time": true, "sentAt": true, "originalTimestamp": true,
	"specversion": true, "site_id": true, "domain": true, "e": true, "schema": true,
}

// redact is the outline of an event: its structure and names stay, in place of values stands what they are. It reads what is no JSON, too, as far as it
// goes, and shows nothing of it that is not certain to be a name. What does not look like JSON at all is only measured.
func redact(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return ""
	}
	if raw[0] != '{' && raw[0] != '[' {
		return fmt.Sprintf("(%d bytes that are no JSON)", len(raw))
	}
	o := outline{in: raw[:min(len(raw), maxLooked)], level: 1}
	if raw[0] == '[' {
		o.level = 2
	}
	o.run()
	out := o.out
	if len(raw) > maxLooked || o.full {
		out = append(out, "…"...)
	}
	return string(out)
}

// outline reads an event once from the left.
type outline struct {
	in   []byte
	out  []byte
	at   int
	name string // of the field whose value comes next
	full bool

	depth, level int // how many braces and brackets are open; at which depth the event's own fields are
}

func (o *outline) run() {
	for o.at < len(o.in) {
		if len(o.out) >= maxRedacted-maxPlain-16 {
			o.full = true
			return
		}
		switch c := o.in[o.at]; {
		case c == '"':
			o.text()
		case bytes.IndexByte([]byte(" \t\r\n"), c) >= 0:
			o.at++
		case bytes.IndexByte([]byte("{}[]:,"), c) >= 0:
			o.out = append(o.out, c)
			o.at++
			switch c {
			case '{', '[':
				o.depth++
			case '}', ']':
				o.depth--
			}
			if c != ':' {
				o.name = ""
			}
		default:
			o.word()
		}
	}
}

// text reads a string: a name if a colon follows, else a value.
func (o *outline) text() {
	end, closed := o.at+1, false
	for ; end < len(o.in); end++ {
		if o.in[end] == '\\' {
			end++
			continue
		}
		if closed = o.in[end] == '"'; closed {
			break
		}
	}
	end = min(end, len(o.in))
	body := o.in[o.at+1 : end]
	o.at = min(end+1, len(o.in))
	rest := bytes.TrimLeft(o.in[o.at:], " \t\r\n")
	switch {
	case !closed:
		o.out = append(o.out, `"…`...)
	case len(rest) > 0 && rest[0] == ':':
		o.name = string(body)
		o.quote(plainName(body), "(name)")
	case o.shows() && len(body) <= maxPlain:
		o.quote(plainValue(body), "(text)")
	default:
		o.out = fmt.Appendf(o.out, `"(%d characters)"`, utf8.RuneCount(body))
	}
}

// shows says whether the value that comes next is shown: a property of the same name is not.
func (o *outline) shows() bool { return o.depth == o.level && shown[o.name] }

func (o *outline) quote(text, otherwise string) {
	if text == "" {
		text = otherwise
	}
	o.out = append(append(append(o.out, '"'), text...), '"')
}

// word reads what stands outside of strings.
func (o *outline) word() {
	from := o.at
	for o.at < len(o.in) && bytes.IndexByte([]byte(" \t\r\n{}[]:,\""), o.in[o.at]) < 0 {
		o.at++
	}
	switch w := string(o.in[from:o.at]); {
	case w == "true", w == "false", w == "null", w == "NaN", w == "Infinity", w == "-Infinity", w == "undefined", w == "None", w == "True", w == "False":
		o.out = append(o.out, w...)
	case number(w) && o.shows() && len(w) <= maxPlain:
		o.out = append(o.out, w...)
	case number(w):
		o.out = append(o.out, '0')
	default:
		o.out = append(o.out, '?')
	}
}

var numberLike = regexp.MustCompile(`^-?\d+(\.\d+)?([eE][+-]?\d+)?$`)

func number(w string) bool { return numberLike.MatchString(w) }

var (
	nameLike  = regexp.MustCompile(`^[\p{L}_$@.:][\p{L}\d_$.: -]*$`)
	valueLike = regexp.MustCompile(`^[\p{L}\d_$.:+ -]*$`)
	longDigit = regexp.MustCompile(`\d{5,}`)
)

// plainName is a field's name, or nothing when it may itself tell of somebody.
func plainName(b []byte) string {
	if len(b) > maxPlain || !nameLike.Match(b) || longDigit.Match(b) {
		return ""
	}
	s := string(b)
	if scrub(s) != s {
		return ""
	}
	return s
}

// plainValue is the value of a field that is shown, or nothing.
func plainValue(b []byte) string {
	if !valueLike.Match(b) {
		return ""
	}
	s := string(b)
	if scrub(s) != s && !number(s) {
		return ""
	}
	return s
}
