package query

import (
	"fmt"
	"maps"
	"strings"

	"github.com/sqlc-dev/doubleclick/ast"
	"github.com/sqlc-dev/doubleclick/token"
)

// maxTree is the deepest tree of expressions. A chain of a thousand ANDs is that deep.
const maxTree = 1000

// walker visits every node of a statement. Each switch is exhaustive: what it does not know, it refuses.
type walker struct {
	s         *statement
	sent      bool // it walks the text that will be sent, in which our relation stands
	err       error
	names     map[string]bool // what the statement defines: aliases, WITH, lambda parameters, windows
	relations map[string]bool // names of WITH queries
	tables    []tableRef
	heads     []nameRef // first parts of qualified names
	qualified []string  // tables named with their database (only in sent)
}

type tableRef struct {
	name string
	pos  token.Position
}

type nameRef = tableRef

func newWalker(s *statement) *walker {
	return &walker{s: s, names: map[string]bool{}, relations: map[string]bool{}}
}

func (w *walker) fail(pos token.Position, format string, args ...any) *Refusal {
	r := &Refusal{What: fmt.Sprintf(format, args...), Code: CodeRefused}
	if pos.Offset > 0 {
		r = w.s.refuse(pos.Offset-1, format, args...)
	}
	if w.err == nil {
		w.err = r
	}
	return r
}

// deep refuses a tree that is too deep and reports whether to go on.
func (w *walker) deep(depth int) bool {
	if depth > maxTree {
		w.fail(token.Position{}, "the statement is nested deeper than %d", maxTree)
	}
	return w.err == nil
}

// define records a name that the statement gives to a value.
func (w *walker) define(name string, pos token.Position) {
	if name != "" {
		w.names[name] = true
	}
}

// defineRelation records a name that the statement gives to a relation.
func (w *walker) defineRelation(name string, pos token.Position) {
	switch {
	case name == "":
	case strings.EqualFold(name, relation):
		w.fail(pos, "%s is the relation of your events; give your own another name", name)
	case reserved(name):
		w.fail(pos, "the name %s is reserved; choose one that does not begin with _ or t_ and is not a database of the engine", name)
	}
	w.define(name, pos)
}

// finish checks what can be known only when all names are known.
func (w *walker) finish() {
	for _, t := range w.tables {
		if t.name != relation && !w.relations[t.name] {
			w.fail(t.pos, "there is no relation %s", t.name).near(nearest(t.name, func(yield func(string) bool) {
				_ = yield(relation)
				maps.Keys(w.relations)(yield)
			}))
			return
		}
	}
	for _, h := range w.heads {
		if reserved(h.name) || !w.known(h.name) {
			w.fail(h.pos, "%s is neither a column nor a name that the statement defines; tables are named without a database", h.name).near(nearest(h.name, w.knownNames))
			return
		}
	}
}

// known says whether a name stands for something: a column, our relation, or what the statement defines.
func (w *walker) known(name string) bool {
	return name == relation || w.s.guard.columns[name] || w.names[name]
}

func (w *walker) knownNames(yield func(string) bool) {
	for _, m := range []map[string]bool{w.s.guard.columns, w.names, {relation: true}} {
		for n := range m {
			if !yield(n) {
				return
			}
		}
	}
}

// query visits a SELECT or a combination of them.
func (w *walker) query(q ast.Statement, depth int) {
	if !w.deep(depth) {
		return
	}
	switch x := q.(type) {
	case *ast.SelectWithUnionQuery:
		if x == nil || len(x.Selects) == 0 {
			w.fail(token.Position{}, "only SELECT is allowed").as(CodeSyntax)
			return
		}
		w.settings(x.Settings)
		for _, sub := range x.Selects {
			w.query(sub, depth+1)
		}
	case *ast.SelectIntersectExceptQuery:
		if x == nil || len(x.Selects) == 0 {
			w.fail(token.Position{}, "only SELECT is allowed").as(CodeSyntax)
			return
		}
		for _, sub := range x.Selects {
			w.query(sub, depth+1)
		}
	case *ast.SelectQuery:
		if x == nil {
			w.fail(token.Position{}, "only SELECT is allowed").as(CodeSyntax)
			return
		}
		w.selectQuery(x, depth+1)
	default:
		name := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", q), "*ast."), "Query")
		w.fail(token.Position{}, "only SELECT is allowed, not %s", strings.ToUpper(name))
	}
}

func (w *walker) settings(all []*ast.SettingExpr) {
	for _, s := range all {
		if s == nil {
			w.fail(token.Position{}, "SETTINGS is not allowed; %s", hints["SETTINGS"])
			return
		}
		w.fail(s.Position, "the setting %s is not allowed; %s", s.Name, hints["SETTINGS"])
	}
}

func (w *walker) selectQuery(x *ast.SelectQuery, depth int) {
	w.settings(x.Settings)
	switch {
	case x.SettingsAfterFormat || x.SettingsBeforeFormat:
		w.fail(x.Position, "SETTINGS is not allowed; %s", hints["SETTINGS"])
	case x.IntoOutfile != nil:
		w.fail(x.IntoOutfile.Position, "INTO OUTFILE is not allowed; %s", hints["INTO"])
	case x.Format != nil:
		w.fail(x.Format.Position, "FORMAT is allowed only at the end of the statement; %s", hints["FORMAT"])
	case x.Top != nil:
		w.fail(x.Position, "TOP is not allowed; %s", hints["TOP"])
	case x.PreWhere != nil:
		w.fail(x.PreWhere.Pos(), "PREWHERE is not allowed; %s", hints["PREWHERE"])
	case len(x.Columns) == 0:
		w.fail(x.Position, "SELECT names nothing to return").as(CodeSyntax)
	}
	for _, e := range x.With {
		w.with(e, depth)
	}
	w.exprs(x.DistinctOn, depth)
	w.exprs(x.Columns, depth)
	w.from(x.From, depth)
	w.arrayJoin(x.ArrayJoin, depth)
	w.optional(x.Where, depth)
	w.exprs(x.GroupBy, depth)
	w.optional(x.Having, depth)
	w.optional(x.Qualify, depth)
	for _, d := range x.Window {
		if d == nil {
			w.fail(x.Position, "the WINDOW clause cannot be read").as(CodeSyntax)
			return
		}
		w.define(d.Name, d.Position)
		w.window(d.Spec, depth)
	}
	w.order(x.OrderBy, depth)
	for _, i := range x.Interpolate {
		if i == nil {
			w.fail(x.Position, "the INTERPOLATE clause cannot be read").as(CodeSyntax)
			return
		}
		w.optional(i.Value, depth)
	}
	w.exprs(x.LimitBy, depth)
	for _, e := range []ast.Expression{x.Limit, x.LimitByLimit, x.LimitByOffset, x.Offset} {
		w.optional(e, depth)
	}
}

// with visits one element of a WITH clause.
func (w *walker) with(e ast.Expression, depth int) {
	x, ok := e.(*ast.WithElement)
	if !ok || x == nil {
		w.fail(token.Position{}, "the WITH clause cannot be read").as(CodeSyntax)
		return
	}
	if w.sent && x.Name == relation {
		w.expr(x.Query, depth)
		return
	}
	if _, sub := x.Query.(*ast.Subquery); sub && !x.ScalarWith {
		w.defineRelation(x.Name, x.Position)
		w.relations[x.Name] = true
	} else {
		if strings.EqualFold(x.Name, relation) {
			w.defineRelation(x.Name, x.Position)
		}
		w.define(x.Name, x.Position)
	}
	w.expr(x.Query, depth)
}

func (w *walker) from(x *ast.TablesInSelectQuery, depth int) {
	if x == nil {
		return
	}
	if len(x.Tables) == 0 {
		w.fail(x.Position, "FROM names no relation").as(CodeSyntax)
	}
	for _, t := range x.Tables {
		switch {
		case t == nil:
			w.fail(x.Position, "FROM cannot be read").as(CodeSyntax)
			return
		case t.ArrayJoin != nil && t.Table == nil && t.Join == nil:
			w.arrayJoin(t.ArrayJoin, depth)
			continue
		case t.ArrayJoin != nil || t.Table == nil:
			w.fail(t.Position, "FROM cannot be read here").as(CodeSyntax)
			return
		}
		w.table(t.Table, depth)
		w.join(t.Join, depth)
	}
}

func (w *walker) table(x *ast.TableExpression, depth int) {
	switch {
	case x.Final:
		w.fail(x.Position, "FINAL is not allowed; %s", hints["FINAL"])
	case x.Sample != nil:
		w.fail(x.Position, "SAMPLE is not allowed; %s", hints["SAMPLE"])
	}
	w.defineRelation(x.Alias, x.Position)
	switch t := x.Table.(type) {
	case *ast.TableIdentifier:
		w.tableName(t)
	case *ast.Subquery:
		if t == nil {
			w.fail(x.Position, "FROM cannot be read here").as(CodeSyntax)
			return
		}
		w.defineRelation(t.Alias, t.Position)
		w.query(t.Query, depth+1)
	case *ast.FunctionCall:
		if t != nil {
			w.fail(t.Position, "the table function %s is not allowed; select from %s, a WITH query or a subquery", t.Name, relation)
			return
		}
		w.fail(x.Position, "FROM cannot be read here").as(CodeSyntax)
	default:
		w.fail(x.Position, "FROM takes %s, a WITH query or a subquery", relation)
	}
}

func (w *walker) tableName(t *ast.TableIdentifier) {
	switch {
	case t == nil:
		w.fail(token.Position{}, "FROM cannot be read").as(CodeSyntax)
	case t.Database != "" && w.sent && t.Database == "weir" && t.Table == "events":
		w.qualified = append(w.qualified, t.Database+"."+t.Table)
	case t.Database != "":
		w.fail(t.Position, "%s.%s is not allowed: relations are named without a database", t.Database, t.Table).near(relation)
	default:
		w.defineRelation(t.Alias, t.Position)
		w.tables = append(w.tables, tableRef{t.Table, t.Position})
	}
}

func (w *walker) join(j *ast.TableJoin, depth int) {
	if j == nil {
		return
	}
	if j.Global {
		w.fail(j.Position, "GLOBAL is not allowed; %s", hints["GLOBAL"])
	}
	switch j.Type {
	case "", ast.JoinInner, ast.JoinLeft, ast.JoinRight, ast.JoinFull, ast.JoinCross:
	default:
		w.fail(j.Position, "%s JOIN is not allowed", j.Type)
	}
	switch j.Strictness {
	case "", ast.JoinStrictAny, ast.JoinStrictAll, ast.JoinStrictAsof, ast.JoinStrictSemi, ast.JoinStrictAnti:
	default:
		w.fail(j.Position, "%s JOIN is not allowed", j.Strictness)
	}
	w.optional(j.On, depth)
	w.exprs(j.Using, depth)
}

func (w *walker) arrayJoin(a *ast.ArrayJoinClause, depth int) {
	if a == nil {
		return
	}
	if len(a.Columns) == 0 {
		w.fail(a.Position, "ARRAY JOIN names no array").as(CodeSyntax)
	}
	w.exprs(a.Columns, depth)
}

func (w *walker) order(all []*ast.OrderByElement, depth int) {
	for _, o := range all {
		if o == nil {
			w.fail(token.Position{}, "ORDER BY cannot be read").as(CodeSyntax)
			return
		}
		if o.Collate != "" {
			w.fail(o.Position, "COLLATE is not allowed; %s", hints["COLLATE"])
		}
		w.expr(o.Expression, depth)
		for _, e := range []ast.Expression{o.FillFrom, o.FillTo, o.FillStep, o.FillStaleness} {
			w.optional(e, depth)
		}
	}
}

func (w *walker) window(x *ast.WindowSpec, depth int) {
	if x == nil {
		w.fail(token.Position{}, "a window cannot be read").as(CodeSyntax)
		return
	}
	w.exprs(x.PartitionBy, depth)
	w.order(x.OrderBy, depth)
	if x.Frame == nil {
		return
	}
	switch x.Frame.Type {
	case ast.FrameRows, ast.FrameRange:
	default:
		w.fail(x.Frame.Position, "a window frame is ROWS or RANGE")
	}
	for _, b := range []*ast.FrameBound{x.Frame.StartBound, x.Frame.EndBound} {
		if b != nil {
			w.optional(b.Offset, depth)
		}
	}
}
