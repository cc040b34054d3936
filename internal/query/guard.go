package query

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"weir/internal/session"

	"github.com/sqlc-dev/doubleclick/ast"
	"github.com/sqlc-dev/doubleclick/lexer"
	"github.com/sqlc-dev/doubleclick/parser"
	"github.com/sqlc-dev/doubleclick/token"

	"weir/internal/event"
	"weir/internal/lookup"
	"weir/internal/tenant"
)

// Guard is barrier 1. It is safe for concurrent use.
type Guard struct {
	columns map[string]bool // of the table, that are visible
	// reserved is ReservedRelation: the relations of metadata tell of lookup tables, and their names are reserved.
	reserved func(name string) string
	off      bool
}

// NewGuard returns a guard for the visible columns of event.Columns.
func NewGuard() *Guard {
	g := &Guard{columns: map[string]bool{}, reserved: ReservedRelation}
	for _, c := range event.Columns {
		if c.Visible && c.Stored {
			g.columns[c.Name] = true
		}
	}
	return g
}

// Check lets src through for sc, or returns a *Refusal. It never panics.
func (g *Guard) Check(src string, sc Scope) (c Checked, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = Checked{}, &Refusal{What: "the statement cannot be analysed; write it in a simpler way", Code: CodeSyntax}
		}
	}()
	if _, err := tenant.Parse(string(sc.Tenant)); err != nil && !sc.All {
		return Checked{}, fmt.Errorf("guard: %w", err)
	}
	if g.off {
		return Checked{SQL: src, Kind: KindSelect}, nil
	}
	toks, clean, err := scan(src)
	if err != nil {
		return Checked{}, err
	}
	s := newStatement(g.newView(sc, false), src, clean, toks)
	defer s.free()
	if err := s.trimEnd(); err != nil {
		return Checked{}, err
	}
	if err := s.parameters(); err != nil {
		return Checked{}, err
	}
	c.Shape, c.ShapeText = shape(s.toks)
	c.Volatile = isVolatile(s.toks)
	if err := s.qualify(); err != nil {
		return Checked{}, err
	}
	c.Format = s.format
	if c.SQL, err = s.analyse(&c); err != nil {
		return Checked{}, err
	}
	return c, nil
}

// analyse does what the statement's first word asks for.
func (s *statement) analyse(c *Checked) (sql string, err error) {
	switch head := s.at(0); {
	case head.keyword("EXPLAIN"):
		c.Kind = KindExplain
		return s.explain(c)
	case head.keyword("SHOW"), head.keyword("DESCRIBE"), head.keyword("DESC"), head.keyword("EXISTS"):
		c.Kind, sql, err = s.show(c)
		return sql, err
	}
	c.Kind = KindSelect
	if sql, err = s.scoped(); err == nil {
		s.tell(c)
	}
	return sql, err
}

// statement is one statement on its way through the guard.
type statement struct {
	guard   *Guard
	view    *view
	src     string // as it came, for positions
	clean   string // without comments, ending and FORMAT
	toks    []lexeme
	format  string
	edits   []edit            // what is changed when it is sent
	scalars map[string]string // functions that weir answers, by their spelling
	walked  *walker

	mentioned map[string]event.Property // properties that the statement's words could mean, by name
	heads     map[string]bool           // first parts of those whose names have dots
	spelled   map[string][]string       // of those that are written in parts, the first parts
	reads     []column                  // see columns
	scratch   *scratch                  // nil before it is used: see reader
	items     []lexer.Item              // what the parser's lexer makes of text: see sameTokens
	text      string
	ctes      []string // our relations in front of the statement: their names
	qualified []string // and the tables in them
	series    int      // how many table functions it has
}

func newStatement(v *view, src, clean string, toks []lexeme) *statement {
	return &statement{guard: v.guard, view: v, src: src, clean: clean, toks: toks, scalars: map[string]string{},
		mentioned: map[string]event.Property{}, heads: map[string]bool{}, spelled: map[string][]string{}}
}

// scoped checks a SELECT and returns it behind the relations that it reads.
func (s *statement) scoped() (string, error) {
	s.answers()
	if err := s.sameTokens(); err != nil {
		return "", err
	}
	q, err := s.parse(s.clean)
	if err != nil {
		return "", err
	}
	if err := s.quotedValues(); err != nil {
		return "", err
	}
	s.mention()
	w := newWalker(s)
	s.walked = w
	w.query(q, 0)
	if w.err == nil {
		w.finish()
	}
	if w.err != nil {
		return "", w.err
	}
	s.series = len(w.series)
	if err := s.asWhere(w); err != nil {
		return "", err
	}
	if err := s.words(w); err != nil {
		return "", err
	}
	if err := s.ambiguous(); err != nil {
		return "", err
	}
	sql, err := s.splice()
	if err != nil {
		return "", err
	}
	if err := s.verify(sql); err != nil {
		return "", err
	}
	return sql, nil
}

// mention finds the scope's properties that the statement names. A name with dots may be written in parts.
func (s *statement) mention() {
	note := func(name string) {
		p, ok := s.view.find(name)
		if !ok {
			return
		}
		s.mentioned[name] = p
		if head, _, dotted := strings.Cut(name, "."); dotted {
			s.heads[head] = true
		}
	}
	for i, l := range s.toks {
		if !l.name() || len(s.view.props) == 0 {
			continue
		}
		name := l.text
		note(name)
		for k := i + 1; s.at(k).is(".") && s.at(k+1).name() && len(name) <= event.MaxPropertyName; k += 2 {
			name += "." + s.at(k+1).text
			note(name)
			if _, ok := s.mentioned[name]; ok {
				s.spelled[name] = append(s.spelled[name], l.text)
			}
		}
	}
}

// tell says what the statement reads.
func (s *statement) tell(c *Checked) {
	w := s.walked
	c.Lookups = s.usedLookups()
	c.ReadsEvents = w.readsEvents
	c.Rollups = slices.Sorted(maps.Keys(w.rollups))
	c.Sessions = w.sessions
	c.Nested = w.nested
	if !w.readsEvents && !w.sessions {
		return
	}
	reads := map[string]bool{"tenant": !s.view.sc.All}
	if w.sessions { // made of all events, as far as is known here
		for _, name := range sessionReads {
			reads[name] = true
		}
		w.span = bounds{}
	}
	if s.view.sc.AsOf != nil {
		reads["_partition"], reads["_offset"] = true, true
	}
	for _, col := range s.columns() {
		for _, r := range col.reads {
			reads[r] = reads[r] || w.readsEvents
		}
	}
	for name, yes := range reads {
		if yes {
			c.Columns = append(c.Columns, name)
		}
	}
	slices.Sort(c.Columns)
	for name, p := range s.mentioned {
		if p.Kind == event.PropString {
			c.Texts = append(c.Texts, name)
		}
	}
	slices.Sort(c.Texts)
	c.From, c.To = w.span.from, w.span.to
}

// columns are those of the relation of events that the statement reads: all of them behind a * or COLUMNS, else those whose names occur
// in it. Each one costs the engine time to analyse, for nothing if it is not read.
func (s *statement) columns() []column {
	if s.reads != nil {
		return s.reads
	}
	named := make(map[string]bool, len(s.toks))
	for _, l := range s.toks {
		if l.name() {
			for part := range strings.SplitSeq(l.text, ".") {
				named[part] = true
			}
		}
	}
	out := s.view.builtin(func(name string) bool { return s.walked.everything || named[name] })
	if s.walked.everything {
		out = append(out, slices.DeleteFunc(s.view.properties(), func(c column) bool { return s.shadowed(c.name) })...)
	} else {
		for _, name := range slices.Sorted(maps.Keys(s.mentioned)) {
			if !s.shadowed(name) {
				out = append(out, s.view.property(s.mentioned[name]))
			}
		}
	}
	if len(out) == 0 { // a relation has at least one; who reaches it reads their own id
		out = append(out, column{name: "tenant", typ: event.KindLowCard.Type(), expr: "_e.tenant", reads: []string{"tenant"}})
	}
	s.reads = out
	return out
}

// quotedValues refuses names that the engine takes for values also where they stand in quotes. A column of the answer may be called so.
func (s *statement) quotedValues() error {
	for i, l := range s.toks {
		if l.kind == quoted && event.LikeValue(l.text) && !s.at(i-1).keyword("AS") {
			return s.refuse(l.start, "%s is a value to the engine, in quotes too, and no name; choose another one, or read a property of that name as props['%s']", l.text, l.text)
		}
	}
	return nil
}

func (s *statement) refuse(offset int, format string, args ...any) *Refusal {
	return refuseAt(s.src, offset, format, args...)
}

// trimEnd takes a semicolon and a FORMAT from the end of the statement.
func (s *statement) trimEnd() error {
	for len(s.toks) > 0 && s.toks[len(s.toks)-1].is(";") {
		s.cut(1)
	}
	if n := len(s.toks); n > 2 && s.toks[n-2].keyword("FORMAT") && s.toks[n-1].kind == word && !s.toks[n-3].is(".") && !s.toks[n-3].keyword("AS") {
		f, ok := formatByName(s.toks[n-1].text)
		if !ok && s.view.sc.AnyFormat {
			f, ok = format{name: s.toks[n-1].text}, true // the door knows those, and refuses the rest
		}
		if !ok {
			return s.refuse(s.toks[n-1].start, "format %s is not one of those that are offered: %s", s.toks[n-1].text, formatNames()).near(nearest(s.toks[n-1].text, formatSeq)).as(CodeUnknownFormat)
		}
		s.format = f.name
		s.cut(2)
	}
	if len(s.toks) == 0 {
		return (&Refusal{What: "the statement is empty"}).as(CodeSyntax)
	}
	for _, l := range s.toks {
		if l.is(";") {
			return s.refuse(l.start, "only one statement is allowed; remove what follows the semicolon")
		}
	}
	return nil
}

func (s *statement) cut(n int) {
	at := s.toks[len(s.toks)-n].start
	s.toks = s.toks[:len(s.toks)-n]
	s.clean = s.clean[:at]
}

// sameTokens demands that the parser's lexer splits the text exactly as ours does.
func (s *statement) sameTokens() error {
	lx := lexer.New(s.reader(s.clean))
	items := s.room().clean[:0]
	for i := 0; ; i++ {
		it := lx.NextToken()
		items = append(items, it)
		if it.Token == token.EOF {
			if i != len(s.toks) {
				return s.refuse(s.toks[i].start, "the statement can be read in two ways from here")
			}
			s.items, s.text, s.scratch.clean = items, s.clean, items
			return nil
		}
		// The lexer counts from 1: its offset is behind the token's first byte, which is always ASCII.
		if i >= len(s.toks) || it.Pos.Offset-1 != s.toks[i].start || !sameKind(it, s.toks[i]) {
			return s.refuse(it.Pos.Offset-1, "the statement can be read in two ways from here")
		}
	}
}

func sameKind(it lexer.Item, l lexeme) bool {
	switch l.kind {
	case word:
		return it.Value == l.text && (it.Token == token.IDENT || it.Token.IsKeyword())
	case quoted:
		return it.Token == token.IDENT && it.Value == l.text
	case number, tupleIndex:
		return it.Token == token.NUMBER
	case str:
		return it.Token == token.STRING
	case param:
		return it.Token == token.PARAM
	}
	return it.Value == l.text && it.Token != token.ILLEGAL
}

// parse reads exactly one SELECT: clean, behind sameTokens, or what is made of it.
func (s *statement) parse(text string) (ast.Statement, error) {
	items := s.items
	if items == nil || text != s.text {
		items = s.tokenize(text)
	}
	ctx, err := s.forms(text, items)
	if err != nil {
		return nil, err
	}
	all, err := parser.Parse(ctx, s.reader(text))
	if errors.Is(err, errMore) {
		return nil, (&Refusal{What: "syntax error: the statement cannot be read to its end; look for a missing comma or operator"}).as(CodeSyntax)
	}
	if err != nil {
		return nil, (&Refusal{What: "syntax error: " + cleanSyntax(err)}).as(CodeSyntax)
	}
	if len(all) != 1 {
		return nil, (&Refusal{What: "only one statement is allowed"}).as(CodeRefused)
	}
	return all[0], nil
}

// cleanSyntax keeps the first of the parser's errors.
func cleanSyntax(err error) string {
	msg := strings.TrimSuffix(strings.TrimPrefix(err.Error(), "parse errors: ["), "]")
	if i := strings.Index(msg, ", column "); i >= 0 {
		end := i + len(", column ")
		for end < len(msg) && isDigit(msg[end]) {
			end++
		}
		msg = msg[:end]
	}
	return msg
}

// splice puts the relations in front of the statement: that of events, always and first, the rollups and the relations of metadata that
// it reads, and the answers of functions.
func (s *statement) splice() (string, error) {
	i := 0
	for i < len(s.toks) && s.toks[i].is("(") {
		i++
	}
	if i == len(s.toks) {
		return "", s.refuse(0, "only SELECT is allowed")
	}
	ctes := []string{s.view.cte(s.columns())}
	s.ctes, s.qualified = []string{relation}, []string{"weir.events"}
	for _, name := range slices.Sorted(maps.Keys(s.walked.rollups)) {
		text, tables := s.view.rollupCTE(derived[name])
		ctes, s.ctes, s.qualified = append(ctes, text), append(s.ctes, name), append(s.qualified, tables...)
	}
	if s.walked.sessions {
		text, tables := s.view.sessionCTE(s.sessionColumns())
		ctes, s.ctes, s.qualified = append(ctes, text), append(s.ctes, session.EngineTable), append(s.qualified, tables...)
	}
	for _, t := range s.usedLookups() {
		cte, err := s.view.lookupCTE(&t)
		if err != nil {
			return "", fmt.Errorf("guard: %w", err)
		}
		ctes = append(ctes, cte)
		s.ctes, s.qualified = append(s.ctes, t.Name), append(s.qualified, "weir."+lookup.EngineTable)
	}
	for _, name := range slices.Sorted(maps.Keys(s.walked.metadata)) {
		r := metadata[name]
		ctes = append(ctes, r.cte(s.view))
		s.ctes = append(s.ctes, name)
		if r.sql != "" {
			s.qualified = append(s.qualified, r.database+"."+r.table)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.scalars)) {
		ctes = append(ctes, s.scalars[name]+" AS `"+name+"()`")
		s.ctes = append(s.ctes, name+"()")
	}
	front := strings.Join(ctes, ", ")
	text := strings.TrimRight(s.clean, " \t\r\n")
	head := s.toks[i]
	switch {
	case head.keyword("WITH"):
		return text[:head.end] + " " + front + "," + s.edited(text, head.end), nil
	case head.keyword("SELECT"), head.keyword("FROM"):
		return text[:head.start] + "WITH " + front + " " + s.edited(text, head.start), nil
	}
	return "", s.refuse(head.start, "%s is not allowed; there are SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN", strings.ToUpper(head.text))
}

// verify reads what will be sent: it must begin with our relations, in order and once each, and
// the tables inside them must be the only ones that are named with their database.
func (s *statement) verify(sql string) error {
	broken := (&Refusal{What: "the statement cannot be scoped to the tenant; write it in a simpler way"}).as(CodeRefused)
	q, err := s.parse(sql)
	if err != nil {
		return broken
	}
	first := firstSelect(q)
	if first == nil || len(first.With) < len(s.ctes) {
		return broken
	}
	w := newWalker(s)
	w.sent = map[*ast.WithElement]bool{}
	for i, name := range s.ctes {
		e, ok := first.With[i].(*ast.WithElement)
		if !ok || e.Name != name || e.ScalarWith != strings.HasSuffix(name, "()") {
			return broken
		}
		w.sent[e] = true
	}
	w.query(q, 0)
	if w.err != nil || !slices.Equal(w.qualified, s.qualified) || len(w.series) != s.series {
		return broken
	}
	return nil
}

// firstSelect is the SELECT whose WITH the engine gives to the whole statement.
func firstSelect(q ast.Statement) *ast.SelectQuery {
	for range MaxDepth * 2 {
		switch x := q.(type) {
		case *ast.SelectQuery:
			return x
		case *ast.SelectWithUnionQuery:
			if x == nil || len(x.Selects) == 0 {
				return nil
			}
			q = x.Selects[0]
		case *ast.SelectIntersectExceptQuery:
			if x == nil || len(x.Selects) == 0 {
				return nil
			}
			q = x.Selects[0]
		default:
			return nil
		}
	}
	return nil
}
