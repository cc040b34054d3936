package query

import (
	"strings"
)

// Setting is one name = value of a SETTINGS clause. The value is as it was written, without quotes.
type Setting struct{ Name, Value string }

// Ending is a statement without what drivers append to it.
type Ending struct {
	SQL      string    // without the endings
	Format   string    // of a FORMAT at the end
	Settings []Setting // of a SETTINGS clause at the end, in order
	First    string    // the first word, in upper case
}

// CutEnding takes a semicolon, FORMAT and SETTINGS from the end of a statement, in any order that the engine takes. A text that
// cannot be split into tokens comes back whole: the guard will say what is wrong with it.
func CutEnding(sql string) Ending {
	e := Ending{SQL: sql}
	toks, _, err := scan(sql)
	if err != nil {
		e.First = firstWord(sql)
		return e
	}
	if len(toks) > 0 && toks[0].kind == word {
		e.First = strings.ToUpper(toks[0].text)
	}
	for {
		n := len(toks)
		if n > 1 && toks[n-1].is(";") {
			toks = toks[:n-1]
			continue
		}
		if n > 2 && toks[n-2].keyword("FORMAT") && toks[n-1].kind == word && !toks[n-3].is(".") && !toks[n-3].keyword("AS") && e.Format == "" {
			e.Format = toks[n-1].text
			toks = toks[:n-2]
			continue
		}
		rest, settings := cutSettings(toks)
		if settings == nil || e.Settings != nil {
			break
		}
		toks, e.Settings = rest, settings
	}
	if n := len(toks); n > 0 {
		e.SQL = sql[:toks[n-1].end]
	}
	return e
}

// cutSettings cuts SETTINGS a = 1, b = 'x' from the end.
func cutSettings(toks []lexeme) (rest []lexeme, out []Setting) {
	at := -1
	for i := len(toks) - 1; i > 0 && at < 0; i-- {
		if toks[i].keyword("SETTINGS") && !toks[i-1].is(".") && !toks[i-1].keyword("AS") {
			at = i
		}
	}
	if at < 0 {
		return toks, nil
	}
	list := toks[at+1:]
	for {
		if len(list) < 3 || !list[0].name() || !list[1].is("=") {
			return toks, nil
		}
		name, value := list[0].text, ""
		list = list[2:]
		if list[0].is("-") && len(list) > 1 && list[1].kind == number {
			value, list = "-", list[1:]
		}
		switch v := list[0]; v.kind {
		case number, word:
			value += v.text
		case str:
			value = unescape(v.text[1 : len(v.text)-1])
		default:
			return toks, nil
		}
		out, list = append(out, Setting{name, value}), list[1:]
		if len(list) == 0 {
			return toks[:at], out
		}
		if !list[0].is(",") {
			return toks, nil
		}
		list = list[1:]
	}
}

// unescape reads the inside of a string literal that the scanner let through.
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\'`, `'`, `''`, `'`, `\n`, "\n", `\t`, "\t").Replace(s)
}

// firstWord finds the first word behind blanks and comments, in upper case.
func firstWord(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n(")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql[2:], "*/")
		default:
			n := 0
			for n < len(sql) && isWord(sql[n]) {
				n++
			}
			return strings.ToUpper(sql[:n])
		}
	}
}
