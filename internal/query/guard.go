package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/doubleclick/ast"
	"github.com/sqlc-dev/doubleclick/lexer"
	"github.com/sqlc-dev/doubleclick/parser"
	"github.com/sqlc-dev/doubleclick/token"

	"weir/internal/event"
	"weir/internal/tenant"
)

// relation is the name of the relation of a tenant's events.
const relation = "events"

// Guard is barrier 1. It is safe for concurrent use.
type Guard struct {
	columns map[string]bool
	list    string // the columns, for SELECT
	off     bool
}

// NewGuard returns a guard for the visible columns of event.Columns.
func NewGuard() *Guard {
	g := &Guard{columns: map[string]bool{}}
	var names []string
	for _, c := range event.Columns {
		if c.Visible && c.Stored {
			g.columns[c.Name] = true
			names = append(names, c.Name)
		}
	}
	g.list = strings.Join(names, ", ")
	return g
}

// Check lets src through for sc, or returns a *Refusal. It never panics.
func (g *Guard) Check(src string, sc Scope) (c Checked, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = Checked{}, &Refusal{What: "the statement cannot be analysed; write it in a simpler way", Code: CodeSyntax}
		}
	}()
	t := sc.Tenant
	if _, err := tenant.Parse(string(t)); err != nil {
		return Checked{}, fmt.Errorf("guard: %w", err)
	}
	if sc.All || len(sc.Masks) > 0 || sc.AsOf != nil {
		return Checked{}, errors.New("guard: this scope cannot be checked yet")
	}
	if g.off {
		return Checked{SQL: src}, nil
	}
	toks, clean, err := scan(src)
	if err != nil {
		return Checked{}, err
	}
	s := &statement{guard: g, src: src, clean: clean, toks: toks}
	if err := s.trimEnd(); err != nil {
		return Checked{}, err
	}
	if err := s.sameTokens(); err != nil {
		return Checked{}, err
	}
	q, err := s.parse(s.clean)
	if err != nil {
		return Checked{}, err
	}
	w := newWalker(s)
	w.query(q, 0)
	if w.err == nil {
		w.finish()
	}
	if w.err != nil {
		return Checked{}, w.err
	}
	if err := s.words(w); err != nil {
		return Checked{}, err
	}
	sql, err := s.splice(t)
	if err != nil {
		return Checked{}, err
	}
	if err := s.verify(sql); err != nil {
		return Checked{}, err
	}
	return Checked{SQL: sql, Format: s.format, Kind: KindSelect}, nil
}

// statement is one statement on its way through the guard.
type statement struct {
	guard  *Guard
	src    string // as it came, for positions
	clean  string // without comments, ending and FORMAT
	toks   []lexeme
	format string
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
		if !ok {
			return s.refuse(s.toks[n-1].start, "format %s is not one of those that are offered: %s", s.toks[n-1].text, formatNames()).near(nearest(s.toks[n-1].text, formatSeq))
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
	lx := lexer.New(strings.NewReader(s.clean))
	for i := 0; ; i++ {
		it := lx.NextToken()
		if it.Token == token.EOF {
			if i != len(s.toks) {
				return s.refuse(s.toks[i].start, "the statement can be read in two ways from here")
			}
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

// parse reads exactly one SELECT.
func (s *statement) parse(text string) (ast.Statement, error) {
	all, err := parser.Parse(context.Background(), strings.NewReader(text))
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

// cte is the definition of the tenant's relation. The id's alphabet needs no escaping; it was checked.
func (g *Guard) cte(t tenant.ID) string {
	return relation + " AS (SELECT " + g.list + " FROM weir.events WHERE tenant = '" + string(t) + "')"
}

// splice puts the tenant's relation in front of the statement.
func (s *statement) splice(t tenant.ID) (string, error) {
	i := 0
	for i < len(s.toks) && s.toks[i].is("(") {
		i++
	}
	if i == len(s.toks) {
		return "", s.refuse(0, "only SELECT is allowed")
	}
	text := strings.TrimRight(s.clean, " \t\r\n")
	head := s.toks[i]
	switch {
	case head.keyword("WITH"):
		return text[:head.end] + " " + s.guard.cte(t) + "," + text[head.end:], nil
	case head.keyword("SELECT"), head.keyword("FROM"):
		return text[:head.start] + "WITH " + s.guard.cte(t) + " " + text[head.start:], nil
	}
	return "", s.refuse(head.start, "only SELECT is allowed, not %s", head.text)
}

// verify reads what will be sent: it must begin with our relation, and
// the table inside it must be the only one that is named with its database.
func (s *statement) verify(sql string) error {
	broken := (&Refusal{What: "the statement cannot be scoped to the tenant; write it in a simpler way"}).as(CodeRefused)
	q, err := s.parse(sql)
	if err != nil {
		return broken
	}
	first := firstSelect(q)
	if first == nil || len(first.With) == 0 {
		return broken
	}
	if e, ok := first.With[0].(*ast.WithElement); !ok || e.Name != relation || e.ScalarWith {
		return broken
	}
	w := newWalker(s)
	w.sent = true
	w.query(q, 0)
	if w.err != nil || !slices.Equal(w.qualified, []string{"weir.events"}) {
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
