package ingest

import (
	"bytes"
	"unicode/utf8"
)

// parts is what a URL is split into. The slices point into the URL or into the arena.
type parts struct {
	host, path, source, medium, campaign, term, content []byte
}

var rootPath = []byte("/")

// splitURL splits a URL as browsers and net/url do, without allocating: the host in lower case without user and
// port, the path as it was written (at least "/" when there is a host), and the first utm_source, utm_medium,
// utm_campaign, utm_term and utm_content that are not empty, decoded. A relative URL has a path only, an opaque one (mailto:…) nothing. A fragment that is a route belongs to the path: see routeOf. Copies go to arena.
func splitURL(u, arena []byte, hashRoutes bool) (parts, []byte) {
	var p parts
	u = bytes.TrimSpace(u)
	var query, route []byte
	if i := bytes.IndexByte(u, '#'); i >= 0 {
		route = routeOf(u[i+1:], hashRoutes)
		u = u[:i]
	}
	if i := bytes.IndexByte(u, '?'); i >= 0 {
		u, query = u[:i], u[i+1:]
	}
	rest, opaque := cutScheme(u)
	switch {
	case opaque: // neither host nor path
	case len(rest) >= 2 && rest[0] == '/' && rest[1] == '/':
		authority := rest[2:]
		p.path = rootPath
		if i := bytes.IndexByte(authority, '/'); i >= 0 {
			authority, p.path = authority[:i], authority[i:]
		}
		p.host, arena = hostOf(authority, arena)
	default:
		p.path = rest
	}
	if len(route) > 0 && !opaque {
		n := len(arena)
		arena = append(append(append(arena, p.path...), '#'), route...)
		p.path = arena[n:len(arena):len(arena)]
	}
	if len(query) > 0 {
		arena = p.utm(query, arena)
	}
	return p, arena
}

// routeOf is the route in a fragment, without its parameters: single-page apps that route by the fragment write #/path or #!/path, others say that they do (any). Places in a page, and parameters
// in the place of a path, are none.
func routeOf(fragment []byte, any bool) []byte {
	route, _, _ := bytes.Cut(fragment, []byte("?"))
	if len(route) == 0 || bytes.IndexByte(route, '=') >= 0 || !any && route[0] != '/' && !bytes.HasPrefix(route, []byte("!/")) {
		return nil
	}
	return route
}

// cutScheme removes "scheme:". opaque says that a scheme was there and no slash follows it.
func cutScheme(u []byte) (rest []byte, opaque bool) {
	for i, c := range u {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			rest = u[i+1:]
			return rest, len(rest) > 0 && rest[0] != '/' || len(rest) == 0
		default:
			return u, false
		}
	}
	return u, false
}

// IsAddress says whether a text can be the address of a page: one with a scheme (and a host, of the web), or a path.
func IsAddress(u []byte) bool {
	u = bytes.TrimSpace(u)
	rest, opaque := cutScheme(u)
	if len(rest) == len(u) && !opaque { // no scheme
		return bytes.HasPrefix(u, rootPath)
	}
	if scheme := u[:len(u)-len(rest)]; !bytes.EqualFold(scheme, []byte("http:")) && !bytes.EqualFold(scheme, []byte("https:")) {
		return len(rest) > 0 // of an app, a file
	}
	host, ok := bytes.CutPrefix(rest, []byte("//"))
	return ok && len(host) > 0 && bytes.IndexByte([]byte("/?#"), host[0]) < 0
}

// hostOf takes user and port off an authority and makes it lower case.
func hostOf(a, arena []byte) (host, newArena []byte) {
	if i := bytes.LastIndexByte(a, '@'); i >= 0 {
		a = a[i+1:]
	}
	if len(a) > 0 && a[0] == '[' {
		if i := bytes.IndexByte(a, ']'); i >= 0 {
			a = a[1:i]
		}
	} else if i := bytes.LastIndexByte(a, ':'); i >= 0 {
		a = a[:i]
	}
	for _, c := range a {
		if c >= 'A' && c <= 'Z' {
			n := len(arena)
			for _, c := range a {
				if c >= 'A' && c <= 'Z' {
					c += 'a' - 'A'
				}
				arena = append(arena, c)
			}
			return arena[n:len(arena):len(arena)], arena
		}
	}
	return a, arena
}

// utm takes the campaign parameters from a query string.
func (p *parts) utm(query, arena []byte) []byte {
	for len(query) > 0 {
		param := query
		if i := bytes.IndexByte(query, '&'); i >= 0 {
			param, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		if len(param) < len("utm_term=") || string(param[:4]) != "utm_" {
			continue
		}
		var to *[]byte
		var value []byte
		switch {
		case bytes.HasPrefix(param, []byte("utm_source=")):
			to, value = &p.source, param[len("utm_source="):]
		case bytes.HasPrefix(param, []byte("utm_medium=")):
			to, value = &p.medium, param[len("utm_medium="):]
		case bytes.HasPrefix(param, []byte("utm_campaign=")):
			to, value = &p.campaign, param[len("utm_campaign="):]
		case bytes.HasPrefix(param, []byte("utm_term=")):
			to, value = &p.term, param[len("utm_term="):]
		case bytes.HasPrefix(param, []byte("utm_content=")):
			to, value = &p.content, param[len("utm_content="):]
		}
		if to != nil && len(*to) == 0 { // an empty one does not count
			*to, arena = unescape(value, arena)
		}
	}
	return arena
}

// unescape decodes a query value. A broken escape stays as it is; bytes that are not UTF-8, and NUL, become U+FFFD.
func unescape(s, arena []byte) (value, newArena []byte) {
	if bytes.IndexByte(s, '%') < 0 && bytes.IndexByte(s, '+') < 0 {
		return s, arena
	}
	n := len(arena)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+' && !inAddress(s[i+1:]):
			arena = append(arena, ' ')
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			arena = append(arena, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			arena = append(arena, c)
		}
	}
	v := arena[n:]
	if !utf8.Valid(v) || bytes.IndexByte(v, 0) >= 0 {
		v = bytes.ReplaceAll(bytes.ToValidUTF8(v, []byte("\uFFFD")), []byte{0}, []byte("\uFFFD"))
		arena = append(arena[:n], v...)
	}
	return arena[n:len(arena):len(arena)], arena
}

// inAddress says whether what follows a + goes on to the @ of an e-mail address without a blank: such a + is its own, for a form would have escaped it, and the privacy rules look for the whole address.
// No further than an address can be long (RFC 5321, 4.5.3.1: 64 bytes before the @, three times as many with escapes).
func inAddress(rest []byte) bool {
	rest = rest[:min(len(rest), 3*64)]
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '@':
			return true
		case c == '%' && i+2 < len(rest):
			if rest[i+1] == '4' && rest[i+2] == '0' {
				return true
			}
			if rest[i+1] == '2' && rest[i+2] == '0' {
				return false
			}
			i += 2
		case c <= ' ' || c == '/' || c == ',' || c == ';' || c == ':' || c == '|':
			return false
		}
	}
	return false
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// referrerHost finds the host of a referrer: of a URL, or of a bare host name with or without a path ("google.com").
func referrerHost(r, arena []byte) (host, newArena []byte) {
	r = bytes.TrimSpace(r)
	if i := bytes.IndexByte(r, '#'); i >= 0 {
		r = r[:i]
	}
	if i := bytes.IndexByte(r, '?'); i >= 0 {
		r = r[:i]
	}
	rest, opaque := cutScheme(r)
	if !opaque && len(rest) >= 2 && rest[0] == '/' && rest[1] == '/' {
		a := rest[2:]
		if i := bytes.IndexByte(a, '/'); i >= 0 {
			a = a[:i]
		}
		return hostOf(a, arena)
	}
	// "host:8080/path" looks opaque; whether it is a host is seen from its name.
	if i := bytes.IndexByte(r, '/'); i >= 0 {
		r = r[:i]
	}
	if bytes.IndexByte(r, '@') >= 0 { // a mail address
		return nil, arena
	}
	host, arena = hostOf(r, arena)
	if !isHostName(host) {
		return nil, arena
	}
	return host, arena
}

// isHostName says whether a text without a scheme is a host: letters, digits, hyphens, and a dot inside.
func isHostName(h []byte) bool {
	dot := bytes.IndexByte(h, '.')
	if dot <= 0 || dot == len(h)-1 {
		return false
	}
	for _, c := range h {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c >= utf8.RuneSelf) {
			return false
		}
	}
	return true
}
