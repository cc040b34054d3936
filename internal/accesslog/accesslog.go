// Package accesslog parses web server access logs in the combined format of
// Apache and nginx:
//
//	host ident user [time] "METHOD target PROTOCOL" status bytes "referrer" "user agent"
//
// It is tolerant where real logs are untidy: the last quote of a line may be missing, the two last
// fields may be missing (the common format), further fields may follow, a virtual host may stand in
// front (vhost_combined), and a request line may be garbage.
package accesslog

import (
	"bytes"
	"net/netip"
)

// Line is one parsed line. Its slices point into the text that was parsed and hold it
// as it was written: see Unescape. A field that the log gives as "-" is empty.
type Line struct {
	VirtualHost []byte // with its port, as in vhost_combined
	Host        []byte // the client's address, seldom its name
	Ident, User []byte
	Time        int64  // Unix milliseconds
	Request     []byte // the whole request line
	// Method, Target and Protocol are parts of Request. All are empty if it is not a request line; Protocol is empty for HTTP/0.9.
	Method, Target, Protocol []byte
	Status                   int
	Bytes                    int64 // -1 if unknown
	Referrer, UserAgent      []byte
	// Truncated says that the line ended within a quoted field or before the user agent.
	Truncated bool
}

// Error says why a line was refused. There is one value for each Code.
type Error struct {
	Code    string // stable, snake_case
	Field   string // the part of the line
	Message string
}

func (e *Error) Error() string { return e.Message }

// The reasons to refuse a line.
var (
	ErrEmpty   = &Error{"empty_line", "", "the line is empty"}
	ErrHost    = &Error{"bad_host", "host", "the line does not begin with a host, an identity and a user"}
	ErrTime    = &Error{"bad_time", "time", "the time is not like [17/May/2015:10:05:03 +0000]"}
	ErrRequest = &Error{"bad_request_field", "request", "the quoted request is missing or has no closing quote"}
	ErrStatus  = &Error{"bad_status", "status", "the status is not a number of three digits"}
	ErrBytes   = &Error{"bad_bytes", "bytes", "the size of the answer is neither a number nor -"}
)

// Parse fills l from one line without its line end. It allocates nothing. Its error is one of the values above.
func (l *Line) Parse(line []byte) error {
	*l = Line{Bytes: -1}
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrEmpty
	}
	open := bytes.Index(line, []byte(" ["))
	if open < 0 || !l.parseWho(line[:open]) {
		return ErrHost
	}
	rest := line[open+2:]
	end := bytes.IndexByte(rest, ']')
	if end < 0 {
		return ErrTime
	}
	var ok bool
	if l.Time, ok = parseTime(rest[:end]); !ok {
		return ErrTime
	}
	rest, quoted := bytes.CutPrefix(bytes.TrimLeft(rest[end+1:], " "), []byte(`"`))
	if !quoted {
		return ErrRequest
	}
	if l.Request, rest, ok = closeQuote(rest); !ok {
		return ErrRequest
	}
	l.Request = dash(l.Request)
	l.parseRequest()
	return l.parseTail(rest)
}

// parseTail reads what follows the request: status bytes "referrer" "user agent".
func (l *Line) parseTail(rest []byte) error {
	word, rest := nextWord(rest)
	n, ok := digits(word)
	if !ok || len(word) != 3 {
		return ErrStatus
	}
	l.Status = int(n)
	word, rest = nextWord(rest)
	switch {
	case len(word) == 0:
		l.Truncated = true
		return nil
	case len(word) == 1 && word[0] == '-':
	default:
		if l.Bytes, ok = digits(word); !ok {
			return ErrBytes
		}
	}
	for _, field := range []*[]byte{&l.Referrer, &l.UserAgent} {
		var quoted bool
		rest, quoted = bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte(`"`))
		if !quoted {
			l.Truncated = true
			return nil
		}
		*field, rest, ok = closeQuote(rest)
		*field = dash(*field)
		if !ok {
			l.Truncated = true
			return nil
		}
	}
	return nil
}

// parseWho reads "host ident user" or "virtualhost host ident user". A user may hold spaces.
func (l *Line) parseWho(who []byte) bool {
	var words [3][]byte
	rest := who
	for i := range words {
		words[i], rest = nextWord(rest)
		if len(words[i]) == 0 {
			return false
		}
	}
	if len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) > 0 && !isAddr(words[0]) && isAddr(words[1]) {
		l.VirtualHost, l.Host, l.Ident, l.User = dash(words[0]), dash(words[1]), dash(words[2]), dash(rest)
		return true
	}
	user := words[2]
	if len(rest) > 0 { // a user with spaces: all that follows the identity
		user = who[len(who)-len(rest)-1-len(words[2]):]
	}
	l.Host, l.Ident, l.User = dash(words[0]), dash(words[1]), dash(user)
	return true
}

// isAddr says whether s looks like an IP address, cheaply: only what begins like one is parsed.
func isAddr(s []byte) bool {
	if len(s) == 0 || len(s) > 45 {
		return false
	}
	for _, c := range s {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '.' || c == ':') {
			return false
		}
	}
	_, err := netip.ParseAddr(string(s))
	return err == nil
}

// parseRequest splits the request line. A target may hold spaces.
func (l *Line) parseRequest() {
	method, rest, found := bytes.Cut(l.Request, []byte(" "))
	if !found || !isMethod(method) {
		return
	}
	if i := bytes.LastIndexByte(rest, ' '); i >= 0 && bytes.HasPrefix(rest[i+1:], []byte("HTTP/")) {
		l.Protocol, rest = rest[i+1:], rest[:i]
	} else if bytes.HasPrefix(rest, []byte("HTTP/")) {
		return // no target
	}
	if len(rest) == 0 {
		l.Protocol = nil
		return
	}
	l.Method, l.Target = method, rest
}

func isMethod(s []byte) bool {
	if len(s) == 0 || len(s) > 32 {
		return false
	}
	for _, c := range s {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// closeQuote cuts s at the quote that ends a field: one that no backslash precedes and that a space or the line's end
// follows. ok is false if there is none; the field is then all of s.
func closeQuote(s []byte) (field, rest []byte, ok bool) {
	for i := 0; i < len(s); {
		j := bytes.IndexByte(s[i:], '"')
		if j < 0 {
			break
		}
		i += j
		slashes := 0
		for i-slashes > 0 && s[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 && (i+1 == len(s) || s[i+1] == ' ') {
			return s[:i], s[i+1:], true
		}
		i++
	}
	return s, nil, false
}

func nextWord(s []byte) (word, rest []byte) {
	s = bytes.TrimLeft(s, " ")
	if i := bytes.IndexByte(s, ' '); i >= 0 {
		return s[:i], s[i:]
	}
	return s, nil
}

func dash(s []byte) []byte {
	if len(s) == 1 && s[0] == '-' || len(s) == 0 {
		return nil
	}
	return s
}

// digits reads an unsigned decimal number of at most 18 digits.
func digits(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
