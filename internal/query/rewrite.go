package query

import (
	"slices"
	"strings"
)

// edit replaces the text [start, end) of a statement when it is spliced.
type edit struct {
	start, end int
	text       string
}

// changes gathers what becomes of tokens. They are copied from the first change on: most statements have none.
type changes struct {
	from, out []lexeme
	changed   bool
}

// keep lets the token at i stay.
func (c *changes) keep(i int) {
	if c.changed {
		c.out = append(c.out, c.from[i])
	}
}

// drop says that the token at i does not stay; those before it were kept, dropped or replaced.
func (c *changes) drop(i int) {
	if !c.changed {
		c.changed, c.out = true, append(make([]lexeme, 0, len(c.from)), c.from[:i]...)
	}
}

// put adds a token, in place of one that was dropped.
func (c *changes) put(l lexeme) { c.out = append(c.out, l) }

// all are the tokens that there are now.
func (c *changes) all() []lexeme {
	if c.changed {
		return c.out
	}
	return c.from
}

// qualify takes the database off the names that are the tenant's to use: acme.events and default.events become events, system.tables
// becomes system_tables. Other qualified names stay, and are refused later. Nothing is moved: what is taken away becomes blanks.
func (s *statement) qualify() error {
	text := []byte(s.clean)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if text[i] != '\n' {
				text[i] = ' '
			}
		}
	}
	aliases := s.metaAliases()
	out := changes{from: s.toks}
	for i := 0; i < len(s.toks); i++ {
		l, table := s.toks[i], s.at(i+2)
		if !l.name() || !s.at(i+1).is(".") || !table.name() || s.at(i-1).is(".") {
			out.keep(i)
			continue
		}
		db := strings.ToLower(l.text)
		switch {
		case (l.text == s.view.database() || l.text == "default") && s.view.hasRelation(table.text):
			blank(l.start, table.start)
			out.drop(i)
			i++
		case s.view.sc.Metadata && metaDatabases[db]:
			r := metadata[db+"_"+strings.ToLower(table.text)]
			if r == nil {
				return s.refuse(l.start, "there is no relation %s.%s", l.text, table.text).as(CodeUnknownTable).near(nearestMeta(db + "." + table.text))
			}
			blank(l.start, table.end)
			name := r.cteName()
			to := lexeme{kind: word, text: name, start: l.start}
			if s.at(i + 3).is(".") { // system.tables.name: the name under which the relation is known
				known := r.table
				if a := aliases[name]; a != "" && len(a)+2 <= table.end-l.start {
					known = a // behind an alias the engine still knows the full name
				}
				name = `"` + known + `"`
				to.kind, to.text, to.quote = quoted, known, '"'
			}
			copy(text[l.start:], name)
			to.end = l.start + len(name)
			out.drop(i)
			out.put(to)
			i += 2
		default:
			out.keep(i)
		}
	}
	s.toks = out.all()
	s.unrepeat(blank)
	s.clean = string(text)
	return nil
}

// unrepeat takes away aliases that repeat the name of the tenant's relation which they follow, as tools write them: FROM acme.events AS events,
// whose database is gone already. Of anything else an own relation's name remains refused as an alias.
func (s *statement) unrepeat(blank func(from, to int)) {
	out := changes{from: s.toks}
	for i := 0; i < len(s.toks); i++ {
		l, prev := s.toks[i], s.at(i-1)
		out.keep(i)
		if !l.name() || !prev.keyword("FROM") && !prev.keyword("JOIN") && !prev.is(",") {
			continue
		}
		alias := i + 1
		if s.at(alias).keyword("AS") {
			alias++
		}
		a := s.at(alias)
		bareKeyword := a.kind == word && alias == i+1 && keywords[strings.ToUpper(a.text)]
		if !a.name() || a.text != l.text || bareKeyword || s.at(alias+1).is(".") || s.at(alias+1).is("(") || !s.view.hasRelation(l.text) {
			continue
		}
		blank(l.end, a.end)
		out.drop(i + 1)
		i = alias
	}
	s.toks = out.all()
}

// metaAliases returns the alias of each relation of metadata that has exactly one, by cteName.
func (s *statement) metaAliases() map[string]string {
	out := map[string]string{}
	for i, l := range s.toks {
		db, table := strings.ToLower(l.text), s.at(i+2)
		if !l.name() || !metaDatabases[db] || !s.at(i+1).is(".") || !table.name() {
			continue
		}
		r, alias := metadata[db+"_"+strings.ToLower(table.text)], s.at(i+3)
		if alias.keyword("AS") {
			alias = s.at(i + 4)
		} else if alias.kind == word && keywords[strings.ToUpper(alias.text)] {
			continue
		}
		if r == nil || !alias.name() {
			continue
		}
		if _, twice := out[r.cteName()]; twice {
			out[r.cteName()] = ""
			continue
		}
		out[r.cteName()] = alias.text
	}
	return out
}

// answers finds the functions that weir answers itself. For the parser version() becomes the name `version`; what is sent is the
// name `version()`, which a WITH in front of the statement defines.
func (s *statement) answers() {
	text := []byte(s.clean)
	out := changes{from: s.toks}
	for i := 0; i < len(s.toks); i++ {
		l := s.toks[i]
		if value := s.bareCall(i); value != "" {
			s.edits = append(s.edits, edit{l.start, l.end, "`" + l.text + "()`"})
			s.scalars[l.text] = value
		}
		value, ok := s.view.answered(l.text)
		if l.kind != word || !ok || !s.at(i+1).is("(") || !s.at(i+2).is(")") || s.at(i-1).is(".") {
			out.keep(i)
			continue
		}
		end := s.at(i + 2).end
		for j := l.start; j < end; j++ {
			if text[j] != '\n' {
				text[j] = ' '
			}
		}
		copy(text[l.start:], "`"+l.text+"`")
		to := lexeme{kind: quoted, text: l.text, start: l.start, end: l.start + len(l.text) + 2, quote: '`'}
		s.edits = append(s.edits, edit{to.start, to.end, "`" + l.text + "()`"})
		s.scalars[l.text] = value
		out.drop(i)
		out.put(to)
		i += 2
	}
	s.toks, s.clean = out.all(), string(text)
}

// bare are the functions of the SQL standard that are called without brackets.
var bare = map[string]string{"CURRENT_TIMESTAMP": "now()", "CURRENT_DATE": "today()"}

// bareCall is what the word at i stands for, if it calls one of them: in the whole statement it is no name of a column or of something that the
// statement defines.
func (s *statement) bareCall(i int) string {
	l := s.toks[i]
	value := bare[strings.ToUpper(l.text)]
	if _, property := s.view.find(l.text); value == "" || l.kind != word || property {
		return ""
	}
	for _, t := range s.view.sc.Lookups {
		for _, c := range t.Columns {
			if strings.EqualFold(c.Name, l.text) {
				return ""
			}
		}
	}
	for k, t := range s.toks {
		switch call := s.at(k + 1).is("("); {
		case !t.name() || !strings.EqualFold(t.text, l.text) || call && k != i:
		case call || t.kind == quoted || !s.begins(k):
			return ""
		}
	}
	return value
}

// begins says whether the word at i stands where a value begins, and is no name that is given: behind a value it would be its alias.
func (s *statement) begins(i int) bool {
	prev, next := s.at(i-1), s.at(i+1)
	if next.is(".") || next.is("->") || next.keyword("AS") && s.at(i+2).is("(") {
		return false
	}
	switch prev.kind {
	case quoted, number, str, param, tupleIndex:
		return false
	case word:
		switch upper := strings.ToUpper(prev.text); upper {
		case "AS", "END", "NULL", "TRUE", "FALSE", "FROM", "JOIN":
			return false
		default:
			return keywords[upper]
		}
	}
	return !prev.is(")") && !prev.is("]") && !prev.is(".") && !prev.is("*")
}

// edited returns the text from offset on, with the edits.
func (s *statement) edited(text string, from int) string {
	slices.SortFunc(s.edits, func(a, b edit) int { return a.start - b.start })
	var b strings.Builder
	for _, e := range s.edits {
		if e.start < from || e.end > len(text) {
			continue
		}
		b.WriteString(text[from:e.start])
		b.WriteString(e.text)
		from = e.end
	}
	b.WriteString(text[from:])
	return b.String()
}
