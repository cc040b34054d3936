package query

import (
	"strings"
	"unicode/utf8"
)

// The bounds of a statement's text.
const (
	// MaxText is the longest statement, in bytes.
	MaxText = 64 << 10
	// MaxDepth is the deepest nesting of brackets.
	MaxDepth = 64
)

type kind uint8

const (
	word   kind = iota + 1 // unquoted name or keyword
	quoted                 // "name" or `name`
	number
	str        // 'text'
	param      // {name:Type}
	tupleIndex // .1 behind an expression
	punct
)

// lexeme is one token of the statement. text is the source; for quoted it is the name inside the quotes.
type lexeme struct {
	kind       kind
	text       string
	start, end int // byte offsets in the source
	quote      byte
}

// name says whether the lexeme can name something.
func (l lexeme) name() bool { return l.kind == word || l.kind == quoted }

func (l lexeme) is(s string) bool { return l.kind == punct && l.text == s }

func (l lexeme) keyword(s string) bool { return l.kind == word && strings.EqualFold(l.text, s) }

// scanner splits a statement as the engine does, but knows fewer things: whatever
// two lexers could read differently is refused (heredocs, nested comments, Unicode outside of strings,
// hexadecimal strings, odd numbers). Comments are replaced by spaces, so that the engine never sees one.
type scanner struct {
	src   string
	clean []byte // src without comments
	pos   int
	out   []lexeme
	stack []byte // open brackets
}

// scan returns the statement's tokens and its text with blanks in place of comments.
func scan(src string) ([]lexeme, string, error) {
	if len(src) > MaxText {
		return nil, "", &Refusal{What: "the statement is longer than 65536 bytes", Code: CodeTooLong}
	}
	if !utf8.ValidString(src) {
		return nil, "", &Refusal{What: "the statement is not valid UTF-8", Code: CodeSyntax}
	}
	s := &scanner{src: src, clean: []byte(src), out: make([]lexeme, 0, min(len(src)/4+8, 1024))}
	for s.pos < len(src) {
		if err := s.next(); err != nil {
			return nil, "", err
		}
	}
	if len(s.stack) > 0 {
		return nil, "", refuseAt(src, len(src), "a bracket %q is not closed", string(s.stack[len(s.stack)-1])).as(CodeSyntax)
	}
	return s.out, string(s.clean), nil
}

func (s *scanner) next() error {
	c := s.src[s.pos]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.pos++
		return nil
	case isWordStart(c):
		return s.word()
	case isDigit(c):
		return s.number()
	case c == '\'':
		return s.quotedText(c, str)
	case c == '"' || c == '`':
		return s.quotedText(c, quoted)
	case c == '{':
		return s.param()
	case c >= utf8.RuneSelf:
		r, _ := utf8.DecodeRuneInString(s.src[s.pos:])
		return s.refuse("the character %q is allowed only inside quotes", string(r))
	case c == '-' && s.peek(1) == '-':
		return s.comment(strings.IndexByte(s.src[s.pos:], '\n'), 0)
	case c == '/' && s.peek(1) == '*':
		return s.comment(strings.Index(s.src[s.pos+2:], "*/"), 4)
	case c == '.' && isDigit(s.peek(1)):
		return s.tupleIndex()
	}
	return s.punct()
}

func (s *scanner) peek(n int) byte {
	if s.pos+n < len(s.src) {
		return s.src[s.pos+n]
	}
	return 0
}

func (s *scanner) emit(k kind, end int) {
	s.out = append(s.out, lexeme{kind: k, text: s.src[s.pos:end], start: s.pos, end: end})
	s.pos = end
}

func (s *scanner) refuse(format string, args ...any) error {
	return refuseAt(s.src, s.pos, format, args...)
}

func (s *scanner) word() error {
	end := s.pos
	for end < len(s.src) && isWord(s.src[end]) {
		end++
	}
	if end < len(s.src) && (s.src[end] == '\'' || s.src[end] == '"' || s.src[end] == '`') {
		return s.refuse("%s stands directly before a quote; put a space between them", s.src[s.pos:end])
	}
	s.emit(word, end)
	return nil
}

func (s *scanner) number() error {
	end := s.pos
	digits := func(ok func(byte) bool) bool {
		from := end
		for end < len(s.src) && ok(s.src[end]) {
			end++
		}
		return end > from
	}
	ok := true
	if s.src[end] == '0' && (s.peek(1) == 'x' || s.peek(1) == 'b') {
		hex := s.peek(1) == 'x'
		end += 2
		ok = digits(func(c byte) bool {
			return c == '0' || c == '1' || hex && (isDigit(c) || c|32 >= 'a' && c|32 <= 'f')
		})
	} else {
		digits(isDigit)
		if end+1 < len(s.src) && s.src[end] == '.' && isDigit(s.src[end+1]) {
			end++
			digits(isDigit)
		}
		if end < len(s.src) && s.src[end]|32 == 'e' {
			end++
			if end < len(s.src) && (s.src[end] == '+' || s.src[end] == '-') {
				end++
			}
			ok = digits(isDigit)
		}
	}
	if !ok || end < len(s.src) && (isWord(s.src[end]) || s.src[end] == '.' || s.src[end] == '\'' || s.src[end] == '"' || s.src[end] == '`') {
		return s.refuse("%q is not a number in a form that is allowed here; write 12, 1.5, 1e6 or 0xff", s.src[s.pos:min(end+1, len(s.src))])
	}
	s.emit(number, end)
	return nil
}

// quotedText reads a string or a quoted name. In names, escapes and doubled quotes are refused.
func (s *scanner) quotedText(q byte, k kind) error {
	i := s.pos + 1
	for ; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == 0:
			return s.refuse("a NUL byte is not allowed; write \\0")
		case c == q && i+1 < len(s.src) && s.src[i+1] == q && k == str:
			i++
		case c == q:
			if i+1 < len(s.src) && (isWord(s.src[i+1]) || s.src[i+1] == '\'' || s.src[i+1] == '"' || s.src[i+1] == '`') {
				return s.refuse("the quoted text is directly followed by %q; put a space between them", string(s.src[i+1]))
			}
			return s.closeQuoted(q, k, i)
		case c == '\\' && k == quoted:
			return s.refuse("a quoted name may not contain a backslash")
		case c == '\\':
			if i++; i < len(s.src) && s.src[i] == 'x' && !(i+2 < len(s.src) && isHex(s.src[i+1]) && isHex(s.src[i+2])) {
				return s.refuse(`\x in a string needs two hexadecimal digits`)
			}
		}
	}
	return refuseAt(s.src, s.pos, "the quote %c is not closed", q).as(CodeSyntax)
}

func (s *scanner) closeQuoted(q byte, k kind, end int) error {
	l := lexeme{kind: k, text: s.src[s.pos : end+1], start: s.pos, end: end + 1, quote: q}
	if k == quoted {
		l.text = s.src[s.pos+1 : end]
		if l.text == "" || strings.ContainsFunc(l.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return s.refuse("a quoted name is empty or contains control characters")
		}
	}
	s.out = append(s.out, l)
	s.pos = end + 1
	return nil
}

func (s *scanner) param() error {
	n := strings.IndexByte(s.src[s.pos:], '}')
	if n < 0 {
		return s.refuse("the parameter is not closed; write {name:Type}")
	}
	body := s.src[s.pos+1 : s.pos+n]
	name, typ, ok := strings.Cut(body, ":")
	if !ok || !isPlainName(strings.TrimSpace(name)) {
		return s.refuse("%q is not a parameter; write {name:Type}", "{"+body+"}")
	}
	if strings.ContainsAny(typ, "`\"\\") {
		return s.refuse("the type of parameter %s contains a quote", strings.TrimSpace(name))
	}
	if err := checkType(typ); err != nil {
		return s.refuse("parameter %s: %v", strings.TrimSpace(name), err)
	}
	s.emit(param, s.pos+n+1)
	return nil
}

// comment blanks a comment. n is where it ends behind its opening (-1 if nowhere), extra the length of what opens and closes it.
func (s *scanner) comment(n, extra int) error {
	end := len(s.src)
	switch {
	case n >= 0:
		end = s.pos + n + extra
	case extra > 0:
		return s.refuse("the comment is not closed")
	}
	if extra > 0 && strings.Contains(s.src[s.pos+2:end-2], "/*") {
		return s.refuse("a comment inside a comment is not allowed")
	}
	for i := s.pos; i < end; i++ {
		if s.clean[i] != '\n' {
			s.clean[i] = ' '
		}
	}
	s.pos = end
	return nil
}

func (s *scanner) tupleIndex() error {
	if len(s.out) == 0 {
		return s.refuse("a number begins with a digit; write 0.5")
	}
	switch p := s.out[len(s.out)-1]; {
	case p.kind == quoted, p.is(")"), p.is("]"), p.kind == word && !keywords[strings.ToUpper(p.text)]:
	default:
		return s.refuse("a number begins with a digit; write 0.5")
	}
	end := s.pos + 1
	for end < len(s.src) && isDigit(s.src[end]) {
		end++
	}
	if end < len(s.src) && (isWord(s.src[end]) || s.src[end] == '.') {
		return s.refuse("write tupleElement(…) for a nested element")
	}
	s.emit(tupleIndex, end)
	return nil
}

var punctuation = []string{"<=>", "->", "::", "==", "!=", "<>", "<=", ">=", "||",
	"+", "-", "*", "/", "%", "=", "<", ">", "(", ")", "[", "]", ",", ".", ";", "?", ":"}

func (s *scanner) punct() error {
	rest := s.src[s.pos:]
	if strings.HasPrefix(rest, "//") {
		return s.refuse("// is not allowed; begin a comment with -- or /*")
	}
	for _, p := range punctuation {
		if !strings.HasPrefix(rest, p) {
			continue
		}
		if err := s.bracket(p); err != nil {
			return err
		}
		s.emit(punct, s.pos+len(p))
		return nil
	}
	return s.refuse("the character %q is not allowed here", rest[:1])
}

func (s *scanner) bracket(p string) error {
	switch p {
	case "(", "[":
		if len(s.stack) == MaxDepth {
			return s.refuse("brackets are nested deeper than %d", MaxDepth)
		}
		s.stack = append(s.stack, p[0])
	case ")", "]":
		if n := len(s.stack); n == 0 || (s.stack[n-1] == '(') != (p == ")") {
			return refuseAt(s.src, s.pos, "the bracket %q closes nothing", p).as(CodeSyntax)
		}
		s.stack = s.stack[:len(s.stack)-1]
	}
	return nil
}

func isDigit(c byte) bool     { return c >= '0' && c <= '9' }
func isHex(c byte) bool       { return isDigit(c) || c|32 >= 'a' && c|32 <= 'f' }
func isWordStart(c byte) bool { return c == '_' || c|32 >= 'a' && c|32 <= 'z' }
func isWord(c byte) bool      { return isWordStart(c) || isDigit(c) }

func isPlainName(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isWord(s[i]) || i == 0 && isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
