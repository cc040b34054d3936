package embedded

import (
	"fmt"
	"strings"
)

// pattern makes the engine's print of any text of a skeleton.
type pattern struct {
	parts []string // of the print, between the literals
	order []int    // which literal follows each part but the last
	tried bool     // it was made, or cannot be made: parts is nil then
}

// Literals that stand for others while a pattern is made. Each is found in a print for certain: none is part of another.
const (
	stubNumber = "9173000000%05d" // as long as maxDigits
	stubText   = "'weir literal %05d'"
)

// stubs is the text of a skeleton with literals that are found in its print, and these; ok is false where the text has one of them itself.
func (s skeleton) stubs() (sql string, stubs []string, ok bool) {
	if strings.Contains(s.key, "9173000000") || strings.Contains(s.key, "weir literal ") {
		return "", nil, false
	}
	var b strings.Builder
	for i := range len(s.key) {
		switch c := s.key[i]; c {
		case numberMark, textMark:
			form := stubNumber
			if c == textMark {
				form = stubText
			}
			stub := fmt.Sprintf(form, len(stubs))
			stubs = append(stubs, stub)
			b.WriteString(stub)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), stubs, true
}

// newPattern makes a pattern from the print of a text with stubs. It cannot (nil) where one of them is not in the print: what became of it then is not known.
func newPattern(print string, stubs []string) *pattern {
	t := &pattern{tried: true}
	seen := make([]bool, len(stubs))
	for {
		first, at := -1, len(print)
		for i, stub := range stubs {
			if n := strings.Index(print[:min(len(print), at+len(stub))], stub); n >= 0 && n < at {
				first, at = i, n
			}
		}
		t.parts = append(t.parts, print[:at])
		if first < 0 {
			break
		}
		t.order, seen[first] = append(t.order, first), true
		print = print[at+len(stubs[first]):]
	}
	for _, found := range seen {
		if !found {
			return nil
		}
	}
	return t
}

// print is the engine's print of the text that has these literals.
func (t *pattern) print(literals []string) string {
	var b strings.Builder
	for i, part := range t.parts {
		b.WriteString(part)
		if i < len(t.order) {
			b.WriteString(literals[t.order[i]])
		}
	}
	return b.String()
}
