package ingest

import (
	"encoding/binary"
	"math/bits"
)

// A scanner reads the JSON (RFC 8259) of one event as nearly all events are: texts without escapes, and numbers. What it does not know, it does not take: the caller
// then asks a complete decoder, which also says what is wrong.
type scanner struct {
	buf []byte
	at  int
}

// next skips white space and returns the byte behind it, which it does not take; 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.buf); s.at++ {
		switch c := s.buf[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take skips white space and takes the byte behind it if it is this one.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// text takes a string, the quote of which is next, if it has no escapes.
func (s *scanner) text() (v []byte, ok bool) {
	from := s.at + 1
	end := special(s.buf, from)
	if end == len(s.buf) || s.buf[end] != '"' {
		return nil, false
	}
	s.at = end + 1
	return s.buf[from:end:end], true
}

// Every byte of a word is 1, and the upper bit of every byte is set.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special is where the first quote, backslash or control character stands at or behind i; len(b) if there is none. Eight bytes are looked at together: of those that are zero, or less than a blank,
// a subtraction sets the upper bit, which the byte did not have. It may also set that of those behind, which does not matter.
func special(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, back := x^ones*'"', x^ones*'\\'
		if found := ((quote-ones)&^quote | (back-ones)&^back | (x-ones*' ')&^x) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return len(b)
}

// number takes a number, the first byte of which is next.
func (s *scanner) number() (raw []byte, ok bool) {
	from := s.at
	if s.buf[s.at] == '-' {
		s.at++
	}
	if first := s.at; !s.digits() || s.buf[first] == '0' && s.at > first+1 {
		return nil, false
	}
	if s.has('.') && !s.digits() {
		return nil, false
	}
	if s.has('e') || s.has('E') {
		if !s.has('+') {
			s.has('-')
		}
		if !s.digits() {
			return nil, false
		}
	}
	return s.buf[from:s.at:s.at], true
}

// digits takes as many digits as there are, and says whether there is one.
func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.buf) && s.buf[s.at]-'0' < 10 {
		s.at++
	}
	return s.at > from
}

// has takes a byte if it is this one.
func (s *scanner) has(c byte) bool {
	if s.at < len(s.buf) && s.buf[s.at] == c {
		s.at++
		return true
	}
	return false
}

// word takes true, false or null, the first letter of which is next.
func (s *scanner) word() (raw []byte, ok bool) {
	for _, w := range [...]string{"true", "null", "false"} {
		if end := s.at + len(w); end <= len(s.buf) && string(s.buf[s.at:end]) == w {
			raw = s.buf[s.at:end:end]
			s.at = end
			return raw, true
		}
	}
	return nil, false
}
