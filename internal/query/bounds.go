package query

import (
	"strconv"
	"strings"
	"time"

	"github.com/sqlc-dev/doubleclick/ast"
)

// bounds are times between which ts lies; a zero side is open.
type bounds struct{ from, to time.Time }

// narrow takes what both say.
func (b bounds) narrow(o bounds) bounds {
	if !o.from.IsZero() && (b.from.IsZero() || o.from.After(b.from)) {
		b.from = o.from
	}
	if !o.to.IsZero() && (b.to.IsZero() || o.to.Before(b.to)) {
		b.to = o.to
	}
	return b
}

// widen takes what either allows.
func (b bounds) widen(o bounds) bounds {
	if o.from.IsZero() || !b.from.IsZero() && o.from.Before(b.from) {
		b.from = o.from
	}
	if o.to.IsZero() || !b.to.IsZero() && o.to.After(b.to) {
		b.to = o.to
	}
	return b
}

// clock finds bounds of ts in conditions. It is for estimates: what it does not understand bounds nothing.
type clock struct {
	now    time.Time
	params map[string]string
	names  map[string]ast.Expression // values that WITH names
}

// of reads a condition.
func (c clock) of(e ast.Expression, depth int) bounds {
	if depth > 200 {
		return bounds{}
	}
	switch x := e.(type) {
	case *ast.BinaryExpr:
		switch op := strings.ToUpper(x.Op); op {
		case "AND":
			return c.of(x.Left, depth+1).narrow(c.of(x.Right, depth+1))
		default:
			return c.compared(op, x.Left, x.Right)
		}
	case *ast.BetweenExpr:
		if x.Not || !isTS(x.Expr) {
			return bounds{}
		}
		return c.compared(">=", x.Expr, x.Low).narrow(c.compared("<=", x.Expr, x.High))
	case *ast.FunctionCall:
		if !strings.EqualFold(x.Name, "and") {
			return bounds{}
		}
		var b bounds
		for _, a := range x.Arguments {
			b = b.narrow(c.of(a, depth+1))
		}
		return b
	}
	return bounds{}
}

// compared reads ts >= value, or value <= ts.
func (c clock) compared(op string, left, right ast.Expression) bounds {
	if !isTS(left) {
		turned := map[string]string{">": "<", ">=": "<=", "<": ">", "<=": ">=", "=": "=", "==": "="}[op]
		if turned == "" || !isTS(right) {
			return bounds{}
		}
		op, left, right = turned, right, left
	}
	at, ok := c.value(right, 0)
	if !ok {
		return bounds{}
	}
	end := at
	if f, isCall := left.(*ast.FunctionCall); isCall { // toDate(ts) <= day: until its end
		if end = at.Add(time.Hour); strings.EqualFold(f.Name, "toDate") {
			end = at.AddDate(0, 0, 1)
		}
	}
	switch op {
	case ">", ">=":
		return bounds{from: at}
	case "<", "<=":
		return bounds{to: end}
	case "=", "==":
		return bounds{at, end}
	}
	return bounds{}
}

// isTS says whether an expression is ts, or its day or hour.
func isTS(e ast.Expression) bool {
	switch x := e.(type) {
	case *ast.Identifier:
		return len(x.Parts) > 0 && len(x.Parts) <= 2 && x.Parts[len(x.Parts)-1] == "ts"
	case *ast.FunctionCall:
		switch strings.ToLower(x.Name) {
		case "todate", "tostartofhour", "todatetime", "tostartofminute":
			return len(x.Arguments) == 1 && isTS(x.Arguments[0])
		}
	}
	return false
}

// value computes a time.
func (c clock) value(e ast.Expression, depth int) (time.Time, bool) {
	if depth > 16 {
		return time.Time{}, false
	}
	switch x := e.(type) {
	case *ast.Literal:
		switch v := x.Value.(type) {
		case string:
			return parseTime(v)
		case int64:
			return time.Unix(v, 0).UTC(), true
		case uint64:
			return time.Unix(int64(min(v, 1<<40)), 0).UTC(), true
		}
	case *ast.Identifier:
		if len(x.Parts) == 1 && c.names[x.Parts[0]] != nil {
			return c.value(c.names[x.Parts[0]], depth+1)
		}
	case *ast.Parameter:
		return parseTime(c.params[x.Name])
	case *ast.AliasedExpr:
		return c.value(x.Expr, depth+1)
	case *ast.CastExpr:
		return c.value(x.Expr, depth+1)
	case *ast.BinaryExpr:
		return c.shifted(x, depth)
	case *ast.FunctionCall:
		return c.called(x, depth)
	}
	return time.Time{}, false
}

// shifted computes time - INTERVAL n unit, and today() - n.
func (c clock) shifted(x *ast.BinaryExpr, depth int) (time.Time, bool) {
	at, ok := c.value(x.Left, depth+1)
	if !ok || x.Op != "-" && x.Op != "+" {
		return at, false
	}
	sign := 1
	if x.Op == "-" {
		sign = -1
	}
	switch r := x.Right.(type) {
	case *ast.IntervalExpr:
		n, unit := r.Value, r.Unit
		if unit == "" { // INTERVAL '1 day'
			lit, _ := n.(*ast.Literal)
			if lit == nil {
				return at, false
			}
			text, _ := lit.Value.(string)
			num, u, _ := strings.Cut(text, " ")
			k, err := strconv.Atoi(num)
			return shift(at, sign*k, u, err == nil)
		}
		k, ok := integer(n)
		return shift(at, sign*k, unit, ok)
	case *ast.FunctionCall:
		unit, isInterval := strings.CutPrefix(strings.ToLower(r.Name), "tointerval")
		if !isInterval || len(r.Arguments) != 1 {
			return at, false
		}
		k, ok := integer(r.Arguments[0])
		return shift(at, sign*k, unit, ok)
	}
	k, ok := integer(x.Right)
	unit := "second"
	if f, isCall := x.Left.(*ast.FunctionCall); isCall && (strings.EqualFold(f.Name, "today") || strings.EqualFold(f.Name, "todate") || strings.EqualFold(f.Name, "yesterday")) {
		unit = "day"
	}
	return shift(at, sign*k, unit, ok)
}

// called computes now(), today() and the functions that make times of texts.
func (c clock) called(x *ast.FunctionCall, depth int) (time.Time, bool) {
	name := strings.ToLower(x.Name)
	switch name {
	case "now", "now64", "current_timestamp", "utctimestamp":
		return c.now, true
	case "today", "curdate", "current_date":
		return c.now.Truncate(24 * time.Hour), true
	case "yesterday":
		return c.now.Truncate(24*time.Hour).AddDate(0, 0, -1), true
	}
	if len(x.Arguments) == 0 {
		return time.Time{}, false
	}
	at, ok := c.value(x.Arguments[0], depth+1)
	switch name {
	case "todatetime", "todatetime64", "parsedatetimebesteffort", "parsedatetime64besteffort", "fromunixtimestamp", "totimezone":
		return at, ok
	case "todate", "tostartofday", "tomonday", "tostartofweek", "tostartofmonth", "tostartofyear", "datetrunc":
		if name == "todate" || name == "tostartofday" {
			return at.Truncate(24 * time.Hour), ok
		}
		return time.Time{}, false
	case "tostartofhour":
		return at.Truncate(time.Hour), ok
	}
	rest, sub := strings.CutPrefix(name, "subtract")
	if !sub {
		if rest, ok = strings.CutPrefix(name, "add"); !ok {
			return time.Time{}, false
		}
	}
	if len(x.Arguments) != 2 {
		return time.Time{}, false
	}
	k, ok := integer(x.Arguments[1])
	if sub {
		k = -k
	}
	return shift(at, k, rest, ok && !at.IsZero())
}

func integer(e ast.Expression) (int, bool) {
	lit, _ := e.(*ast.Literal)
	if lit == nil {
		return 0, false
	}
	switch v := lit.Value.(type) {
	case int64:
		return int(v), v > -1e9 && v < 1e9
	case uint64:
		return int(v), v < 1e9
	case string:
		k, err := strconv.Atoi(v)
		return k, err == nil && k < 1e9 && k > -1e9
	}
	return 0, false
}

func shift(at time.Time, n int, unit string, ok bool) (time.Time, bool) {
	if !ok {
		return at, false
	}
	switch strings.TrimSuffix(strings.ToLower(unit), "s") {
	case "second":
		return at.Add(time.Duration(n) * time.Second), true
	case "minute":
		return at.Add(time.Duration(n) * time.Minute), true
	case "hour":
		return at.Add(time.Duration(n) * time.Hour), true
	case "day":
		return at.AddDate(0, 0, n), true
	case "week":
		return at.AddDate(0, 0, 7*n), true
	case "month":
		return at.AddDate(0, n, 0), true
	case "quarter":
		return at.AddDate(0, 3*n, 0), true
	case "year":
		return at.AddDate(n, 0, 0), true
	}
	return at, false
}

// parseTime reads a time as it stands in a literal or a parameter.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02", time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 1e8 && n < 1e11 {
		return time.Unix(n, 0).UTC(), true
	}
	return time.Time{}, false
}
