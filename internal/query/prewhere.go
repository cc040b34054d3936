package query

import (
	"strings"

	"github.com/sqlc-dev/doubleclick/ast"
)

// The engine takes PREWHERE of a table only, and events is a WITH query. The condition is the same in WHERE, and there the engine reads its columns
// first by itself. So PREWHERE becomes WHERE when the statement is sent.

// prewhere visits the PREWHERE of a SELECT. Beside a JOIN it would look at rows of one relation, before others are joined to them.
func (w *walker) prewhere(x *ast.SelectQuery, depth int) {
	switch {
	case x.PreWhere == nil:
		return
	case w.sent != nil, x.From == nil, len(x.From.Tables) != 1, x.ArrayJoin != nil:
		w.fail(x.PreWhere.Pos(), "PREWHERE is allowed where FROM names one relation only; write WHERE: the engine moves conditions forward by itself")
		return
	}
	w.prewheres++
	w.expr(x.PreWhere, depth)
}

// afterWhere are the words that may follow a condition.
var afterWhere = upperSet("GROUP HAVING WINDOW QUALIFY ORDER LIMIT OFFSET UNION EXCEPT INTERSECT WITH")

// asWhere makes each PREWHERE a WHERE. Every word PREWHERE must be one of those that the parser has seen.
func (s *statement) asWhere(w *walker) error {
	var at []int
	for i, l := range s.toks {
		if l.keyword("PREWHERE") {
			at = append(at, i)
		}
	}
	if len(at) != w.prewheres {
		return s.refuse(s.toks[at[0]].start, "PREWHERE is not allowed here; write WHERE")
	}
	for _, i := range at {
		s.edits = append(s.edits, edit{s.toks[i].start, s.toks[i].end, "WHERE"})
		end := s.conditionEnd(i + 1)
		if !s.at(end).keyword("WHERE") {
			continue
		}
		where, last := s.toks[end], s.toks[s.conditionEnd(end+1)-1]
		s.edits[len(s.edits)-1].text = "WHERE ("
		s.edits = append(s.edits, edit{where.start, where.end, ") AND ("}, edit{last.end, last.end, ")"})
	}
	return nil
}

// conditionEnd is where the condition ends that begins at i.
func (s *statement) conditionEnd(i int) int {
	for depth := 0; i < len(s.toks); i++ {
		l := s.toks[i]
		switch {
		case l.is("("), l.is("["):
			depth++
		case l.is(")"), l.is("]"):
			if depth--; depth < 0 {
				return i
			}
		case depth == 0 && l.kind == word && (l.keyword("WHERE") || afterWhere[strings.ToUpper(l.text)]):
			return i
		}
	}
	return i
}
