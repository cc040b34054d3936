package query

import (
	"fmt"
	"strings"

	"weir/internal/problem"
)

// The codes of a Refusal.
const (
	CodeRefused = "query_refused" // it asks for something that is not on the allow-list
	CodeSyntax  = "query_syntax"  // it cannot be read
	CodeTooLong = "query_too_long"

	CodeUnknownTable    = "unknown_table"
	CodeUnknownDatabase = "unknown_database"
	CodeUnknownColumn   = "unknown_column"
	CodeUnknownFormat   = "unknown_format" // of the answer, wherever it is named
)

// Refusal says why the guard does not let a statement through. Line and Column are zero when no place is meant.
type Refusal struct {
	What         string // what is refused and what to do
	Nearest      string // the nearest allowed name, if there is one
	Code         string
	Field        string // of the request; empty: its sql
	Line, Column int
}

func (r *Refusal) Error() string {
	var b strings.Builder
	if r.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", r.Line, r.Column)
	}
	b.WriteString(r.What)
	if r.Nearest != "" {
		fmt.Fprintf(&b, "; the nearest allowed name is %s", r.Nearest)
	}
	return b.String()
}

func (r *Refusal) as(code string) *Refusal { r.Code = code; return r }

func (r *Refusal) near(name string) *Refusal { r.Nearest = name; return r }

// refuseAt makes a refusal that points at a byte offset of src.
func refuseAt(src string, offset int, format string, args ...any) *Refusal {
	r := &Refusal{What: fmt.Sprintf(format, args...), Code: CodeRefused}
	if offset >= 0 && offset <= len(src) {
		before := src[:offset]
		r.Line = 1 + strings.Count(before, "\n")
		r.Column = 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	}
	return r
}

// nearest returns the name most like s, or "" if none is like it. Case does not count.
func nearest(s string, names func(yield func(string) bool)) string {
	if len(s) > problem.MaxMisspelt {
		return ""
	}
	best, bestDist := "", len(s)/3+1
	lower := strings.ToLower(s)
	for name := range names {
		if d := len(name) - len(s); d > bestDist || -d > bestDist {
			continue
		}
		d := problem.Edits(lower, strings.ToLower(name))
		if d < bestDist || d == bestDist && best != "" && (len(name) < len(best) || len(name) == len(best) && name < best) || d == bestDist && best == "" && d < len(s) {
			best, bestDist = name, d
		}
	}
	return best
}

// why is what is said of functions that tools call when they connect.
var why = map[string]string{
	"uptime":              "it tells of the server; GET /healthz says whether weir runs",
	"getsetting":          "it tells of the server; system.settings has what counts here",
	"getsettingordefault": "it tells of the server; system.settings has what counts here",
}

// noFunction says why a function is refused, and what may be called in its place.
func noFunction(name string) (what, near string) {
	if text := why[strings.ToLower(name)]; text != "" {
		return fmt.Sprintf("the function %s is not allowed: %s", name, text), ""
	}
	near = nearest(name, allFunctions())
	what = fmt.Sprintf("the function %s is not allowed: only those that read nothing but their arguments are", name)
	if near == "" {
		what += "; SELECT name FROM system.functions lists them"
	}
	return what, near
}

// refuseFunction refuses the function whose name stands there.
func (s *statement) refuseFunction(l lexeme) *Refusal {
	what, near := noFunction(l.text)
	return s.refuse(l.start, "%s", what).near(near)
}
