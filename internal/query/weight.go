package query

import (
	"github.com/sqlc-dev/doubleclick/ast"
	"github.com/sqlc-dev/doubleclick/token"

	"weir/internal/session"
)

// What the engine may have to analyse of one statement. The analysis is not stopped by a time limit or a kill, so that a text of some hundred bytes could keep it busy for
// long: WITH queries may name each other twice, and * may stand ten times over * ten times over all columns of the events.
const (
	// maxSelects is how many SELECTs a statement may have: the engine analyses each anew, a WITH query each time that it is named, for some milliseconds.
	maxSelects = 200
	// maxJoins is how many JOINs a statement may have, and maxJoinsAtOnce one SELECT, where each costs more than the one before.
	maxJoins       = 100
	maxJoinsAtOnce = 30
	// maxColumns is how many columns * and COLUMNS may stand for, all of them together.
	maxColumns = 20_000
)

// weight is what a part of a statement is for the engine's analysis.
type weight struct{ selects, joins, columns int }

// analyses counts what the engine will analyse, and refuses the statement where it becomes too much.
func (w *walker) analyses(n weight, pos token.Position) {
	if w.sent != nil {
		return // what we have written is counted already, or ours
	}
	w.weight = weight{w.weight.selects + n.selects, w.weight.joins + n.joins, w.weight.columns + n.columns}
	switch {
	case w.weight.selects > maxSelects:
		w.fail(pos, "the statement has more than %d SELECTs, those of UNION and of subqueries among them, and those of a WITH query each time that it is named; "+
			"ask for less at once, or name each WITH query once", maxSelects)
	case w.weight.joins > maxJoins:
		w.fail(pos, "the statement has more than %d JOINs, those of a WITH query each time that it is named; ask for less at once", maxJoins)
	case w.weight.columns > maxColumns:
		w.fail(pos, "the statement's * and COLUMNS stand for more than %d columns, those of subqueries and of a WITH query each time that it is named counted too; name the columns that you need", maxColumns)
	}
}

// stars notes that * or COLUMNS stands in the SELECT that is walked, for the columns of a relation, or of all if it names none. Functions that are applied to each
// column are as many columns again.
func (w *walker) stars(of string, applied int) {
	w.sel.star = true
	w.sel.stars = append(w.sel.stars, starOf{of, 1 + applied})
}

type starOf struct {
	relation string
	times    int
}

// relationWidth is how many columns a relation has that FROM names.
func (w *walker) relationWidth(name string) int {
	if n, ok := w.widths[name]; ok {
		return n
	}
	v := w.s.view
	if r, ok := derived[name]; ok {
		return len(v.rollupColumns(r))
	}
	if r := metadata[name]; r != nil {
		return len(r.columns)
	}
	if t := v.lookup(name); t != nil {
		return len(t.Columns)
	}
	if name == session.EngineTable {
		return len(v.sessionColumns())
	}
	return v.width()
}

// width is how many columns the events have.
func (v *view) width() int {
	n := len(v.guard.columns)
	for _, p := range v.sc.Properties {
		if exposed(p) {
			n++
		}
	}
	return n
}

// reads notes a relation of FROM, by the name that * may give it.
func (s *selection) reads(width int, name string) {
	s.width += width
	if name != "" {
		s.widths[name] = width
	}
}

// counted counts the columns of a SELECT, of which all was visited.
func (w *walker) counted(x *ast.SelectQuery) {
	named := 0
	for _, s := range w.sel.stars {
		n, ok := w.sel.widths[s.relation]
		if !ok {
			n = w.sel.width
		}
		named += n * s.times
	}
	w.width = len(x.Columns) + named
	w.analyses(weight{columns: named}, x.Position)
}
