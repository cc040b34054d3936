package query

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/sqlc-dev/doubleclick/ast"
)

// maxSeries is how many rows a table function may make.
const maxSeries = 10_000_000

// series are the table functions that make rows of constants, as the engine spells them, with the name of their column and how they are called.
var series = map[string]struct{ column, usage string }{
	"numbers":         {"number", "numbers(count), numbers(first, count) or numbers(first, span, step)"},
	"generate_series": {"generate_series", "generate_series(first, last) or generate_series(first, last, step)"},
	"generateSeries":  {"generate_series", "generateSeries(first, last) or generateSeries(first, last, step)"},
}

// instead is what to write in place of a table function that is not allowed.
var instead = map[string]string{
	"values":     "write the rows as an array instead, for example (SELECT r.1 AS a, r.2 AS b FROM (SELECT arrayJoin([(1, 'x'), (2, 'y')]) AS r))",
	"numbers_mt": "write numbers(n)",
	"zeros":      "write numbers(n)",
	"zeros_mt":   "write numbers(n)",
	"view":       "write a subquery",
}

// tableFunction visits a table function. Its rows depend on numbers that are written out, so they are bounded before the engine sees it.
func (w *walker) tableFunction(x *ast.TableExpression, f *ast.FunctionCall) {
	known, ok := series[f.Name]
	if !ok {
		what := cmp.Or(instead[strings.ToLower(f.Name)], "select from "+relation+", a WITH query, a subquery, numbers(n) or generate_series(first, last)")
		r := w.fail(f.Position, "the table function %s is not allowed; %s", f.Name, what)
		for name := range series {
			if strings.EqualFold(name, f.Name) {
				r.near(name)
			}
		}
		return
	}
	start := f.Position.Offset - 1
	if w.sent != nil { // it has been looked at where it stood before, and counts that it is as often here
		w.series[start] = true
		return
	}
	rows, err := w.s.seriesAt(start, f.Name)
	switch {
	case err != nil || x.Position.Offset != f.Position.Offset:
		w.fail(f.Position, "the arguments of %s are numbers in digits: %s", f.Name, known.usage)
		return
	case rows > maxSeries:
		w.fail(f.Position, "%s makes %d rows, and at most %d are allowed", f.Name, rows, maxSeries)
		return
	}
	w.series[start] = true
	w.define(known.column, f.Position)
	w.sel.reads(1, x.Alias)
}

// seriesAt reads the table function whose name is at an offset from the tokens, and returns how many rows it makes. The parser would read more
// behind its bracket than the engine does, so nothing of that may follow.
func (s *statement) seriesAt(offset int, name string) (uint64, error) {
	i := 0
	for i < len(s.toks) && s.toks[i].start != offset {
		i++
	}
	bad := fmt.Errorf("not a call of %s", name)
	if l := s.at(i); l.kind != word || l.text != name || !s.at(i+1).is("(") {
		return 0, bad
	}
	var args []uint64
	for i += 2; ; i += 2 {
		n, err := strconv.ParseUint(s.at(i).text, 10, 64)
		if s.at(i).kind != number || err != nil || len(args) == 3 {
			return 0, bad
		}
		if args = append(args, n); !s.at(i + 1).is(",") {
			break
		}
	}
	if behind := s.at(i + 2); !s.at(i+1).is(")") || behind.keyword("IGNORE") || behind.keyword("RESPECT") || behind.keyword("FILTER") || behind.keyword("OVER") {
		return 0, bad
	}
	return seriesRows(name, args)
}

// seriesRows is how many rows a table function makes of its arguments.
func seriesRows(name string, args []uint64) (uint64, error) {
	step := uint64(1)
	if len(args) == 3 {
		step = args[2]
	}
	switch {
	case step == 0:
		return 0, fmt.Errorf("the step is 0")
	case name == "numbers" && len(args) == 1:
		return args[0], nil
	case name == "numbers":
		return args[1]/step + min(args[1]%step, 1), nil
	case len(args) == 1:
		return 0, fmt.Errorf("the end is missing")
	case args[0] > args[1]:
		return 0, nil
	}
	return max((args[1]-args[0])/step+1, (args[1]-args[0])/step), nil // the sum may not fit
}
