package query

import (
	"context"
	"errors"
	"strings"

	"github.com/sqlc-dev/doubleclick/ast"
	"github.com/sqlc-dev/doubleclick/lexer"
	"github.com/sqlc-dev/doubleclick/parser"
	"github.com/sqlc-dev/doubleclick/token"
)

// The parser has loops that go on until a closing bracket and do not make sure that they read something each time round. A text that
// such a loop cannot read keeps it busy for ever, and it takes memory while it is; nothing can stop it from outside. So no text
// reaches the parser before forms has looked at its tokens. DESIGN.md lists the loops, and why these are all.

// others are the words that begin statements for which the guard has no use. Their readers in the parser are not looked at: none of
// them is ever entered.
var others = map[token.Token]bool{token.INSERT: true, token.CREATE: true, token.DROP: true, token.ALTER: true, token.TRUNCATE: true, token.UNDROP: true,
	token.USE: true, token.SHOW: true, token.EXPLAIN: true, token.SET: true, token.UPDATE: true, token.DELETE: true, token.OPTIMIZE: true, token.SYSTEM: true,
	token.RENAME: true, token.EXCHANGE: true, token.DETACH: true, token.ATTACH: true, token.CHECK: true, token.GRANT: true, token.REVOKE: true,
	token.BEGIN: true, token.COMMIT: true, token.ROLLBACK: true, token.BACKUP: true, token.RESTORE: true, token.KILL: true}

// maxReread bounds how many bytes of groups are read, in all: each is read once more than what is around it, and reading takes CPU that no limit of
// a tenant holds back.
const maxReread = 8 * MaxText

// oneStatement is a context that ends when the parser asks for the second time, which it does before it reads another statement.
type oneStatement struct {
	context.Context
	asked bool
}

var (
	errMore = errors.New("there is more behind the statement")
	ended   = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
)

func (o *oneStatement) Done() <-chan struct{} {
	if !o.asked {
		o.asked = true
		return nil
	}
	return ended
}

func (o *oneStatement) Err() error { return errMore }

// forms are the tokens of a text, as the parser will see them.
type forms struct {
	s     *statement
	text  string
	items []lexer.Item
	shut  []int // of an opening bracket: where it is closed
}

// forms looks at the items of a text, and refuses one that could keep the parser in a loop. The context is to be given to the parser: if a word of another statement
// stands somewhere, the parser may not go on behind the first statement, because it could take that word for the beginning of one.
func (s *statement) forms(text string, items []lexer.Item) (context.Context, error) {
	f := &forms{s: s, text: text, items: items}
	more, err := f.words()
	if err != nil {
		return nil, err
	}
	groups, err := f.groups()
	if err != nil {
		return nil, err
	}
	reread := 0
	for _, g := range groups {
		if reread += f.items[f.shut[g.open]].Pos.Offset - f.items[g.open].Pos.Offset; reread > maxReread {
			return nil, f.refuse(g.open, "lists of REPLACE and GROUPING SETS, or replace(…), hold each other too often for a statement of this length; write it in a simpler way")
		}
	}
	for _, g := range groups {
		if err := f.list(g); err != nil {
			return nil, err
		}
	}
	if more {
		return &oneStatement{Context: context.Background()}, nil
	}
	return context.Background(), nil
}

func (f *forms) refuse(i int, format string, args ...any) error {
	return f.s.refuse(f.items[i].Pos.Offset-1, format, args...).as(CodeSyntax)
}

func (f *forms) is(i int, t token.Token) bool {
	return i >= 0 && i < len(f.items) && f.items[i].Token == t
}

// words refuses the words that lead the parser from a SELECT to other statements: the first one, EXPLAIN in a bracket, INSERT behind
// WITH, PARALLEL WITH. It reports whether there are others, which lead there only behind the statement's end.
func (f *forms) words() (more bool, err error) {
	for i, it := range f.items {
		switch {
		case it.Token == token.PARALLEL && f.is(i+1, token.WITH):
			return false, f.s.refuse(it.Pos.Offset-1, "PARALLEL WITH is not allowed; send one statement at a time")
		case !others[it.Token]:
			continue
		case i == 0:
			return false, (&Refusal{What: strings.ToUpper(it.Value) + " is not allowed; there are SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN"}).as(CodeRefused)
		case it.Token == token.INSERT, it.Token == token.EXPLAIN && f.is(i-1, token.LPAREN):
			return false, f.s.refuse(it.Pos.Offset-1, "%s is not allowed; only SELECT is allowed, and a name is written in quotes", strings.ToUpper(it.Value))
		}
		more = true
	}
	return more, nil
}

// group is a bracket whose inside is read by a loop that may not end: items[open] is the bracket, sets says that it is that of
// GROUPING SETS.
type group struct {
	open int
	sets bool
}

// groups pairs the brackets and returns the groups, each behind those that are inside of it.
func (f *forms) groups() ([]group, error) {
	f.shut = make([]int, len(f.items))
	var open []int
	var all []group
	for i, it := range f.items {
		switch it.Token {
		case token.LPAREN, token.LBRACKET:
			open = append(open, i)
		case token.RPAREN, token.RBRACKET:
			n := len(open)
			if n == 0 || f.is(open[n-1], token.LPAREN) != (it.Token == token.RPAREN) {
				return nil, f.refuse(i, "the bracket %q closes nothing", it.Value)
			}
			at := open[n-1]
			open, f.shut[at] = open[:n-1], i
			switch {
			case f.is(at, token.LBRACKET):
			case f.replaces(at):
				all = append(all, group{open: at})
			case f.is(at-1, token.SETS) && f.is(at-2, token.GROUPING):
				all = append(all, group{open: at, sets: true})
			}
		case token.REPLACE:
			if !f.is(i+1, token.LPAREN) && !(f.strict(i+1) && f.is(i+2, token.LPAREN)) {
				return nil, f.refuse(i, "REPLACE needs a bracket; write REPLACE (expression AS name), and quotes if you mean a name")
			}
		}
	}
	if len(open) > 0 {
		return nil, f.refuse(open[len(open)-1], "a bracket is not closed")
	}
	return all, nil
}

func (f *forms) strict(i int) bool {
	return f.is(i, token.IDENT) && strings.EqualFold(f.items[i].Value, "STRICT")
}

// replaces says whether the bracket at i may be that of * REPLACE (…). It may as well be the function's: both forms are safe.
func (f *forms) replaces(i int) bool {
	return f.is(i-1, token.REPLACE) || f.strict(i-1) && f.is(i-2, token.REPLACE)
}

// list checks a group: what stands between its commas must be expressions that the parser reads to their ends, in REPLACE with a name
// if wanted. Then each turn of the parser's loop ends at the next comma or at the bracket.
func (f *forms) list(g group) error {
	end := f.shut[g.open]
	for from := g.open + 1; from < end; {
		to := from
		for to < end && !f.is(to, token.COMMA) {
			if f.is(to, token.LPAREN) || f.is(to, token.LBRACKET) {
				to = f.shut[to]
			}
			to++
		}
		if !f.element(g, from, to) {
			if g.sets {
				return f.refuse(from, "GROUPING SETS cannot be read here; write GROUPING SETS ((a, b), (a), ())")
			}
			return f.refuse(from, "the list of REPLACE cannot be read here; write * REPLACE (expression AS name, …), or replace(text, from, to)")
		}
		if from = to + 1; from == end { // a comma and nothing behind it
			return f.refuse(to, "nothing follows the comma")
		}
	}
	return nil
}

// element says whether items[from:to] is one element of a group.
func (f *forms) element(g group, from, to int) bool {
	switch {
	case from == to:
		return false
	case g.sets && f.is(from, token.LPAREN) && f.shut[from] != to-1:
		return false // the parser reads the bracket and nothing behind it
	case !g.sets && to-from > 2 && f.is(to-2, token.AS):
		if !f.is(to-1, token.IDENT) {
			return false
		}
		to -= 2
	}
	for i := from; i < to; i++ { // AS ends an expression of REPLACE
		if f.is(i, token.LPAREN) || f.is(i, token.LBRACKET) {
			i = f.shut[i]
		} else if f.is(i, token.AS) {
			return false
		}
	}
	return readable(f.text[f.items[from].Pos.Offset-1 : f.items[to].Pos.Offset-1])
}

// readable says whether the parser reads a text, whose brackets are balanced and whose groups are checked, as one expression to its
// end. As an index it is read by the same function as in a group, and only a bracket may follow.
func readable(expr string) bool {
	all, err := parser.Parse(&oneStatement{Context: context.Background()}, strings.NewReader("SELECT x["+expr+"]"))
	if err != nil || len(all) != 1 {
		return false
	}
	q, ok := all[0].(*ast.SelectWithUnionQuery)
	if !ok || len(q.Selects) != 1 {
		return false
	}
	sel, ok := q.Selects[0].(*ast.SelectQuery)
	if !ok || len(sel.Columns) != 1 || sel.Format != nil {
		return false
	}
	index, ok := sel.Columns[0].(*ast.ArrayAccess)
	return ok && index.Index != nil
}
