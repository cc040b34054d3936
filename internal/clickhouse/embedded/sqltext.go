package embedded

import "strings"

// kind is the kind of a token of SQL text.
type kind uint8

const (
	word   kind = iota + 1 // a bare identifier or keyword
	quoted                 // an identifier in backquotes or double quotes
	text                   // a string literal
	number
	symbol // one byte of anything else
)

// token is a piece of SQL text: what[at:end]. val is the identifier's name for word and quoted.
type token struct {
	kind    kind
	val     string
	at, end int
}

// is tells whether t is the keyword or symbol s (keywords in upper case).
func (t token) is(s string) bool {
	return (t.kind == word || t.kind == symbol) && strings.EqualFold(t.val, s)
}

// scan splits SQL into tokens, without spaces and comments. It is only a
// reading aid: what runs is what the engine's own parser makes of the text. An unclosed quote ends with the text.
func scan(sql string) []token {
	out := make([]token, 0, min(len(sql)/4+8, 1024))
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c <= ' ' || c == 0x7f:
			i++
		case strings.HasPrefix(sql[i:], "--"), strings.HasPrefix(sql[i:], "#!"), strings.HasPrefix(sql[i:], "# "):
			i = until(sql, i, "\n")
		case strings.HasPrefix(sql[i:], "/*"):
			i = until(sql, i+2, "*/")
		case c == '\'':
			end := closing(sql, i)
			out = append(out, token{text, "", i, end})
			i = end
		case c == '`' || c == '"':
			end := closing(sql, i)
			out = append(out, token{quoted, unquote(sql[i:end]), i, end})
			i = end
		case letter(c):
			end := i + 1
			for end < len(sql) && (letter(sql[end]) || digit(sql[end])) {
				end++
			}
			out = append(out, token{word, sql[i:end], i, end})
			i = end
		case digit(c):
			end := i + 1
			for end < len(sql) && (letter(sql[end]) || digit(sql[end]) || sql[end] == '.') {
				end++
			}
			out = append(out, token{number, sql[i:end], i, end})
			i = end
		default:
			out = append(out, token{symbol, sql[i : i+1], i, i + 1})
			i++
		}
	}
	return out
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c >= 0x80 }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// until returns the offset behind the next end at or after i, or that of the text's end.
func until(s string, i int, end string) int {
	if n := strings.Index(s[i:], end); n >= 0 {
		return i + n + len(end)
	}
	return len(s)
}

// closing returns the offset behind the quote that closes the one at i. A backslash and a doubled quote escape.
func closing(s string, i int) int {
	q := s[i]
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case q:
			if i+1 < len(s) && s[i+1] == q {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(s)
}

// unquote returns the name in a quoted identifier; good enough to compare it with plain names.
func unquote(s string) string {
	q := s[:1]
	s = strings.TrimSuffix(s[1:], q)
	return strings.ReplaceAll(strings.ReplaceAll(s, q+q, q), "\\", "")
}

// insertParts splits "INSERT INTO t (a) FORMAT Native" into the statement without its FORMAT clause and the format.
// ok is false for an INSERT … SELECT and for what is no INSERT.
func insertParts(sql string) (stmt, format string, ok bool) {
	t := scan(sql)
	if len(t) == 0 || !t[0].is("INSERT") {
		return "", "", false
	}
	for len(t) > 0 && t[len(t)-1].is(";") {
		t = t[:len(t)-1]
	}
	n := len(t)
	switch {
	case n > 2 && t[n-2].is("FORMAT") && t[n-1].kind == word:
		return strings.TrimSpace(sql[:t[n-2].at]), t[n-1].val, true
	case t[n-1].is("VALUES"):
		return strings.TrimSpace(sql[:t[n-1].at]), "Values", true
	}
	return "", "", false
}

// inlineData tells whether an INSERT carries rows of a FORMAT in its own text.
func inlineData(sql string) bool {
	if !mentions(sql, "INSERT") { // as nearly all that are asked
		return false
	}
	t := scan(sql)
	if len(t) == 0 || !t[0].is("INSERT") {
		return false
	}
	depth := 0
	for i, x := range t {
		switch {
		case x.is("("):
			depth++
		case x.is(")"):
			depth--
		case depth > 0:
		case x.is("VALUES"), x.is("SELECT"), x.is("WITH"):
			return false
		case x.is("FORMAT"):
			return i+1 < len(t)
		}
	}
	return false
}

// mentions tells whether a word, in capitals, stands anywhere in a text, in letters of any case.
func mentions(sql, word string) bool {
	for i := 0; i+len(word) <= len(sql); i++ {
		if sql[i]&^0x20 == word[0] && strings.EqualFold(sql[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// outputFormat returns the format that a query's own FORMAT clause names, "" if it has none.
func outputFormat(t []token) string {
	depth, format := 0, ""
	for i, x := range t {
		switch {
		case x.is("("), x.is("["):
			depth++
		case x.is(")"), x.is("]"):
			depth--
		case depth == 0 && x.is("FORMAT") && i > 0 && i+1 < len(t) && t[i+1].kind == word:
			if i+2 == len(t) || t[i+2].is("SETTINGS") || t[i+2].is(";") || t[i+2].is("INTO") {
				format = t[i+1].val
			}
		}
	}
	return format
}
