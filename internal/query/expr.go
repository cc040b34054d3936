package query

import (
	"strings"

	"github.com/sqlc-dev/doubleclick/ast"
	"github.com/sqlc-dev/doubleclick/token"
)

func (w *walker) exprs(all []ast.Expression, depth int) {
	for _, e := range all {
		w.expr(e, depth)
	}
}

func (w *walker) optional(e ast.Expression, depth int) {
	if e != nil {
		w.expr(e, depth)
	}
}

// operators are what a BinaryExpr may be.
var operators = upperSet("+ - * / % = == != <> < <= > >= <=> || AND OR DIV MOD")

// expr visits an expression.
func (w *walker) expr(e ast.Expression, depth int) {
	depth++
	if !w.deep(depth) {
		return
	}
	switch x := e.(type) {
	case *ast.Identifier:
		w.identifier(x)
	case *ast.Literal:
		w.literal(x, depth)
	case *ast.FunctionCall:
		w.function(x, depth)
	case *ast.Asterisk:
		w.stars(x.Table, len(x.Apply)+len(x.Transformers))
		w.head(x.Table, x.Position)
		w.transformers(x.Transformers, depth)
		w.replaces(x.Replace, depth)
		w.applies(x.Apply, x.Position)
	case *ast.ColumnsMatcher:
		w.stars(x.Qualifier, len(x.Apply)+len(x.Transformers))
		w.head(x.Qualifier, x.Position)
		w.exprs(x.Columns, depth)
		w.transformers(x.Transformers, depth)
		w.replaces(x.Replace, depth)
		w.applies(x.Apply, x.Position)
	case *ast.Subquery:
		w.nested = w.nested || !w.own
		w.subqueryAlias(x.Alias, x.Position)
		w.query(x.Query, depth)
	case *ast.BinaryExpr:
		if !operators[strings.ToUpper(x.Op)] {
			w.fail(x.Position, "the operator %s is not allowed", x.Op)
		}
		w.expr(x.Left, depth)
		w.expr(x.Right, depth)
	case *ast.UnaryExpr:
		if x.Op != "-" && x.Op != "NOT" {
			w.fail(x.Position, "the operator %s is not allowed", x.Op)
		}
		w.expr(x.Operand, depth)
	case *ast.AliasedExpr:
		w.define(x.Alias, x.Position)
		w.expr(x.Expr, depth)
	case *ast.Parameter:
		if x.Name == "" || x.Type == nil {
			w.fail(x.Position, "a parameter is written {name:Type}")
		} else if strings.HasPrefix(x.Name, "_") && !w.own {
			w.fail(x.Position, "the parameter %s has a name that begins with _; choose another one", x.Name)
		} else if err := checkType(x.Type.Name); err != nil {
			w.fail(x.Position, "parameter %s: %v", x.Name, err)
		}
	default:
		w.compound(e, depth)
	}
}

// compound visits the expressions that are made of several others.
func (w *walker) compound(e ast.Expression, depth int) {
	switch x := e.(type) {
	case *ast.CaseExpr:
		w.define(x.Alias, x.Position)
		w.optional(x.Operand, depth)
		for _, c := range x.Whens {
			w.expr(c.Condition, depth)
			w.expr(c.Result, depth)
		}
		w.optional(x.Else, depth)
	case *ast.CastExpr:
		w.cast(x, depth)
	case *ast.TernaryExpr:
		w.expr(x.Condition, depth)
		w.expr(x.Then, depth)
		w.expr(x.Else, depth)
	case *ast.ExtractExpr:
		w.define(x.Alias, x.Position)
		w.expr(x.From, depth)
	case *ast.IntervalExpr:
		if x.Unit != "" && !units[strings.ToUpper(x.Unit)] {
			w.fail(x.Position, "%s is no unit of an INTERVAL", x.Unit)
		}
		w.expr(x.Value, depth)
	case *ast.ArrayAccess:
		w.expr(x.Array, depth)
		w.expr(x.Index, depth)
	case *ast.TupleAccess:
		w.expr(x.Tuple, depth)
		w.expr(x.Index, depth)
	case *ast.Lambda:
		for _, p := range x.Parameters {
			w.define(p, x.Position)
		}
		w.expr(x.Body, depth)
	case *ast.BetweenExpr:
		w.expr(x.Expr, depth)
		w.expr(x.Low, depth)
		w.expr(x.High, depth)
	case *ast.InExpr:
		w.in(x, depth)
	case *ast.IsNullExpr:
		w.expr(x.Expr, depth)
	case *ast.LikeExpr:
		w.define(x.Alias, x.Position)
		w.expr(x.Expr, depth)
		w.expr(x.Pattern, depth)
	case *ast.ExistsExpr:
		w.nested = w.nested || !w.own
		w.query(x.Query, depth)
	case nil:
		w.fail(token.Position{}, "an expression is missing").as(CodeSyntax)
	default:
		w.fail(e.Pos(), "%T is not allowed", e)
	}
}

func (w *walker) identifier(x *ast.Identifier) {
	if len(x.Parts) == 0 {
		w.fail(x.Position, "a name is missing").as(CodeSyntax)
		return
	}
	w.define(x.Alias, x.Position)
	if len(x.Parts) > 1 {
		w.head(x.Parts[0], x.Position)
	}
}

// head records the first part of a qualified name.
func (w *walker) head(name string, pos token.Position) {
	if name != "" {
		first, _, _ := strings.Cut(name, ".")
		w.heads = append(w.heads, nameRef{first, pos})
	}
}

func (w *walker) subqueryAlias(name string, pos token.Position) {
	if name != "" && !ownRelation(name) {
		w.defineRelation(name, pos)
		return
	}
	w.define(name, pos)
}

func (w *walker) literal(x *ast.Literal, depth int) {
	switch v := x.Value.(type) {
	case []ast.Expression:
		w.exprs(v, depth)
	case string, int64, uint64, float64, bool, nil:
	default:
		w.fail(x.Position, "a literal of the kind %T is not allowed", v)
	}
}

// in visits IN. A bare name on its right side may be a table, so it must be a known one.
func (w *walker) in(x *ast.InExpr, depth int) {
	if x.Global {
		w.fail(x.Position, "GLOBAL is not allowed; %s", hints["GLOBAL"])
	}
	w.expr(x.Expr, depth)
	if x.Query != nil {
		w.nested = w.nested || !w.own
		w.query(x.Query, depth)
	}
	if len(x.List) == 1 {
		if id, ok := x.List[0].(*ast.Identifier); ok && len(id.Parts) > 0 {
			w.nested = w.nested || !w.own
			w.heads = append(w.heads, nameRef{id.Parts[0], id.Position})
			if len(id.Parts) == 1 {
				w.lookupTable(id.Parts[0])
			}
		}
	}
	w.exprs(x.List, depth)
}

// typed are the functions whose last argument is a type's name; reducing those whose first is an aggregate's name.
var (
	typed    = lowerSet("accurateCast accurateCastOrNull accurateCastOrDefault reinterpret JSONExtract JSONExtractCaseInsensitive JSONExtractKeysAndValues JSONExtractKeysAndValuesCaseInsensitive")
	reducing = lowerSet("arrayReduce arrayReduceInRanges initializeAggregation")
)

func (w *walker) function(x *ast.FunctionCall, depth int) {
	if !allowedFunction(x.Name) && !comparison(x) && !(w.own && x.Name == "throwIf") {
		w.failFunction(x.Position, x.Name)
		return
	}
	w.settings(x.Settings)
	w.define(x.Alias, x.Position)
	lower := strings.ToLower(x.Name)
	if _, ok := typed[lower]; ok && len(x.Arguments) > 0 {
		at := len(x.Arguments) - 1
		if strings.HasPrefix(lower, "accuratecastordefault") {
			at = min(1, at)
		}
		w.literalArgument(x, at, func(s string) error { return checkType(s) })
	}
	if _, ok := reducing[lower]; ok && len(x.Arguments) > 0 {
		w.literalArgument(x, 0, func(s string) error {
			name, _, _ := strings.Cut(s, "(")
			if !allowedAggregate(strings.TrimSpace(name)) {
				return w.failFunction(x.Position, name)
			}
			return nil
		})
	}
	star, stars := w.sel.star, len(w.sel.stars)
	w.exprs(x.Parameters, depth)
	w.exprs(x.Arguments, depth)
	if countsRows(x) {
		w.sel.star, w.sel.stars = star, w.sel.stars[:stars]
	}
	w.optional(x.Filter, depth)
	if x.Over != nil {
		w.window(x.Over, depth)
	}
}

// countsRows says whether x is count(*), whose star stands for no column. That of count(DISTINCT *) does.
func countsRows(x *ast.FunctionCall) bool {
	if !strings.EqualFold(x.Name, "count") || x.Distinct || len(x.Arguments) != 1 {
		return false
	}
	star, ok := x.Arguments[0].(*ast.Asterisk)
	return ok && star.Table == "" && len(star.Except)+len(star.Replace)+len(star.Apply)+len(star.Transformers) == 0
}

// comparison says whether x is what the parser makes of "a = ANY (SELECT …)".
func comparison(x *ast.FunctionCall) bool {
	rest, ok := strings.CutPrefix(x.Name, "any")
	if !ok {
		rest, ok = strings.CutPrefix(x.Name, "all")
	}
	switch rest {
	case "Equals", "NotEquals", "Less", "LessOrEquals", "Greater", "GreaterOrEquals":
		return ok && len(x.Arguments) == 2
	}
	return false
}

// literalArgument demands that an argument is a plain string that check accepts.
func (w *walker) literalArgument(x *ast.FunctionCall, at int, check func(string) error) {
	lit, ok := x.Arguments[at].(*ast.Literal)
	s, isText := "", false
	if ok && lit.Type == ast.LiteralString {
		s, isText = lit.Value.(string)
	}
	if !isText {
		w.fail(x.Position, "argument %d of %s must be written as a string", at+1, x.Name)
		return
	}
	if err := check(s); err != nil {
		w.fail(lit.Position, "%s: %v", x.Name, err)
	}
}

func (w *walker) cast(x *ast.CastExpr, depth int) {
	w.define(x.Alias, x.Position)
	w.expr(x.Expr, depth)
	switch {
	case x.TypeExpr != nil:
		w.fail(x.Position, "the type of a CAST must be written out")
	case x.Type == nil:
		w.fail(x.Position, "the type of a CAST is missing").as(CodeSyntax)
	case len(x.Type.Parameters) == 0 && !x.Type.HasParentheses:
		if err := checkType(x.Type.Name); err != nil {
			w.fail(x.Type.Position, "CAST: %v", err)
		}
	default:
		w.dataType(x.Type, depth)
	}
}

// dataType visits a type that is written as such.
func (w *walker) dataType(t *ast.DataType, depth int) {
	depth++
	if !w.deep(depth) {
		return
	}
	arity, ok := typeArity[strings.ToLower(t.Name)]
	if !ok {
		w.fail(t.Position, "type %q is not allowed%s", t.Name, orNearest(t.Name, typeNames))
		return
	}
	for _, p := range t.Parameters {
		switch x := p.(type) {
		case *ast.DataType:
			if arity == 0 {
				w.fail(t.Position, "type %s takes no types", t.Name)
			}
			w.dataType(x, depth)
		case *ast.NameTypePair:
			w.names[x.Name] = true
			w.dataType(x.Type, depth)
		case *ast.Literal:
			w.literal(x, depth)
		case *ast.UnaryExpr, *ast.BinaryExpr:
			w.expr(x, depth)
		default:
			w.fail(t.Position, "type %s has an argument that is not allowed", t.Name)
		}
	}
}

func (w *walker) transformers(all []*ast.ColumnTransformer, depth int) {
	for _, t := range all {
		switch t.Type {
		case "except":
		case "replace":
			w.replaces(t.Replaces, depth)
		case "apply":
			if t.ApplyLambda != nil {
				w.expr(t.ApplyLambda, depth)
			} else {
				w.applies([]string{t.Apply}, t.Position)
			}
			w.exprs(t.ApplyParams, depth)
		default:
			w.fail(t.Position, "%s is not allowed behind *", t.Type)
		}
	}
}

func (w *walker) replaces(all []*ast.ReplaceExpr, depth int) {
	for _, r := range all {
		w.define(r.Name, r.Position)
		w.expr(r.Expr, depth)
	}
}

func (w *walker) applies(names []string, pos token.Position) {
	for _, n := range names {
		if !allowedFunction(n) {
			w.failFunction(pos, n)
		}
	}
}
