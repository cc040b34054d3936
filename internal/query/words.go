package query

import (
	"maps"
	"strings"

	"github.com/sqlc-dev/doubleclick/token"

	"weir/internal/event"
)

// words checks every name of the text once more, without the parser: it would notice a function, a table or a clause that
// the parser skipped or read as something else. A word must be a keyword from the list, a column, a type, a name that the
// statement defines, or an allowed function in front of its bracket.
func (s *statement) words(w *walker) error {
	for i, l := range s.toks {
		if !l.name() {
			continue
		}
		if err := s.word(i, w); err != nil {
			return err
		}
	}
	return nil
}

// at returns the token at i, or an empty one outside of the statement.
func (s *statement) at(i int) lexeme {
	if i < 0 || i >= len(s.toks) {
		return lexeme{}
	}
	return s.toks[i]
}

func (s *statement) word(i int, w *walker) error {
	l, upper := s.toks[i], strings.ToUpper(s.toks[i].text)
	prev, next := s.at(i-1), s.at(i+1)
	_, isType := typeArity[strings.ToLower(l.text)]
	switch {
	case next.is("("):
		return s.called(i, w)
	case prev.is("."):
		return nil // a field; what stands before the first dot is checked below
	case l.kind == word && s.applied(i):
		if !allowedFunction(l.text) && !next.is("->") {
			return s.refuseFunction(l)
		}
		return nil
	case next.is("."):
		if reserved(l.text) || !w.known(l.text) {
			return s.refuse(l.start, "%s is neither a column nor a name that the statement defines", l.text).as(CodeUnknownColumn).near(nearest(l.text, w.knownNames))
		}
		return nil
	case w.known(l.text) && (l.kind == quoted || allowedName(upper)):
		return nil
	case l.kind == quoted:
	case keywords[upper], units[upper], upper == "PREWHERE": // asWhere has counted those
		return nil
	case isType && s.typePlace(i):
		return nil
	}
	if h := hints[upper]; h != "" && l.kind == word {
		return s.refuse(l.start, "%s is not allowed; %s", upper, h)
	}
	if w.known(l.text) {
		return s.refuse(l.start, "%s is a word of SQL; write it in quotes if you mean the column", l.text).near(`"` + l.text + `"`)
	}
	if how := s.view.unexposed(l.text); how != "" {
		return s.refuse(l.start, "%s is a property that is no column; read it as %s", l.text, how).as(CodeUnknownColumn)
	}
	if !event.NameIsColumn(l.text) { // the scope's properties are those that are columns
		name := literal(l.text)
		return s.refuse(l.start, "there is no column or name %s; a property of this name is no column: read it as props[%s], or props_num[%s] of numbers", l.text, name, name).as(CodeUnknownColumn)
	}
	if of := s.view.sc.LeftOut; of != nil && of() {
		name := literal(l.text)
		return s.refuse(l.start, "there is no column or name %s; if it is one of the properties beyond those that there is room for (left_out of /api/v1/schema), read it as props[%s], or props_num[%s] of numbers", l.text, name, name).as(CodeUnknownColumn).near(nearest(l.text, w.knownNames))
	}
	return s.refuse(l.start, "there is no column or name %s", l.text).as(CodeUnknownColumn).near(nearest(l.text, w.knownNames))
}

// called checks a word in front of an opening bracket.
func (s *statement) called(i int, w *walker) error {
	l, upper := s.toks[i], strings.ToUpper(s.toks[i].text)
	_, isType := typeArity[strings.ToLower(l.text)]
	switch {
	case l.kind == quoted:
		return s.refuse(l.start, "a quoted name may not be called; write the function without quotes")
	case s.at(i - 1).is("."):
		if upper == "COLUMNS" {
			return nil
		}
	case w.series[l.start], upper == "PREWHERE":
		return nil
	case beforeBracket[upper], allowedFunction(l.text), isType && s.typePlace(i):
		return nil
	case hints[upper] != "":
		return s.refuse(l.start, "%s is not allowed; %s", upper, hints[upper])
	}
	return s.refuseFunction(l)
}

// applied says whether the word is what APPLY applies.
func (s *statement) applied(i int) bool {
	p := s.at(i - 1)
	return p.keyword("APPLY") || p.is("(") && s.at(i-2).keyword("APPLY")
}

// typePlace says whether a type may stand at i: behind ::, behind AS, or inside of another type.
func (s *statement) typePlace(i int) bool {
	p := s.at(i - 1)
	return p.is("::") || p.keyword("AS") || p.is("(") || p.is(",") || p.name()
}

// allowedName says whether a word that the statement defines may stand unquoted: a keyword that the guard does not know may not.
func allowedName(upper string) bool {
	if _, isKeyword := token.Keywords[upper]; !isKeyword {
		return hints[upper] == ""
	}
	return keywords[upper] || softNames[upper]
}

func typeNames(yield func(string) bool) { maps.Keys(typeArity)(yield) }
