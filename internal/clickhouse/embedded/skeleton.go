package embedded

import "strings"

// skeleton is a plain text without its literals: texts of dashboards differ in a time or an id only.
type skeleton struct {
	key      string // the text with numberMark or textMark in place of each literal
	literals []string
}

// What stands for a literal in a skeleton's key. A plain text holds neither.
const (
	numberMark = '\x01'
	textMark   = '\x02'
)

// Bounds of the literals of a skeleton.
const (
	maxLiterals = 200
	maxDigits   = 15 // any number of so many digits is an integer of 64 bits
)

// skeletonOf takes a text's literals out of it: decimal integers and strings, as they are written. ok is false for a text that is not plain, or has no or too many literals. Plain is what
// no two lexers can read in two ways: printable ASCII, tabs and line feeds, no comments, no heredocs, and neither escapes nor doubled quotes.
func skeletonOf(sql string) (s skeleton, ok bool) {
	var key strings.Builder
	key.Grow(len(sql))
	before := byte(0) // the last byte that is no space
	for i := 0; i < len(sql); {
		c, end := sql[i], i+1
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			key.WriteByte(c)
			i++
			continue
		case c < ' ' || c >= 0x7f || c == '\\' || c == '$' || c == '#', strings.HasPrefix(sql[i:], "--"), strings.HasPrefix(sql[i:], "/*"), strings.HasPrefix(sql[i:], "//"):
			return skeleton{}, false
		case c == '\'' || c == '`' || c == '"':
			n := strings.IndexByte(sql[end:], c)
			if n < 0 || !plainInside(sql[end:end+n]) || byteAt(sql, end+n+1) == c {
				return skeleton{}, false
			}
			end += n + 1
			if c == '\'' && n > 0 { // an empty one the engine leaves out in places
				s.literals = append(s.literals, sql[i:end])
				key.WriteByte(textMark)
			} else {
				key.WriteString(sql[i:end])
			}
		case digit(c):
			for end < len(sql) && (digit(sql[end]) || letter(sql[end])) {
				end++
			}
			number := sql[i:end]
			if after := strings.TrimLeft(sql[end:], " \t\n"); before == '.' || strings.HasPrefix(after, ".") || !integer(number) {
				key.WriteString(number)
				break
			}
			s.literals = append(s.literals, number)
			key.WriteByte(numberMark)
		case letter(c):
			for end < len(sql) && (digit(sql[end]) || letter(sql[end])) && sql[end] != '$' && sql[end] < 0x7f {
				end++
			}
			key.WriteString(sql[i:end])
		default:
			key.WriteByte(c)
		}
		before, i = sql[end-1], end
	}
	s.key = key.String()
	return s, len(s.literals) > 0 && len(s.literals) <= maxLiterals
}

// byteAt is the byte of a text at i, 0 behind its end.
func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// plainInside says whether what stands between two quotes means itself to everybody.
func plainInside(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// integer says whether s is a decimal integer in its shortest form, of at most maxDigits digits.
func integer(s string) bool {
	if len(s) > maxDigits || s[0] == '0' && len(s) > 1 {
		return false
	}
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return true
}
