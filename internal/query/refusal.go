package query

import (
	"fmt"
	"strings"
)

// The codes of a Refusal.
const (
	CodeRefused = "query_refused" // it asks for something that is not on the allow-list
	CodeSyntax  = "query_syntax"  // it cannot be read
	CodeTooLong = "query_too_long"
)

// Refusal says why the guard does not let a statement through. Line and Column are zero when no place is meant.
type Refusal struct {
	What         string // what is refused and what to do
	Nearest      string // the nearest allowed name, if there is one
	Code         string
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
	best, bestDist := "", len(s)/3+1
	lower := strings.ToLower(s)
	for name := range names {
		if d := len(name) - len(s); d > bestDist || -d > bestDist {
			continue
		}
		d := distance(lower, strings.ToLower(name))
		if d < bestDist || d == bestDist && best != "" && (len(name) < len(best) || len(name) == len(best) && name < best) || d == bestDist && best == "" && d < len(s) {
			best, bestDist = name, d
		}
	}
	return best
}

// distance is the number of single-byte edits and swaps of neighbours that turn a into b.
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
