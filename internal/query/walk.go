package query

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"strings"
	"time"
	"weir/internal/session"

	"github.com/sqlc-dev/doubleclick/ast"
	"github.com/sqlc-dev/doubleclick/token"
)

// maxTree is the deepest tree of expressions. A chain of a thousand ANDs is that deep.
const maxTree = 1000

// walker visits every node of a statement. Each switch is exhaustive: what it does not know, it refuses.
type walker struct {
	s          *statement
	sent       map[*ast.WithElement]bool // of the text that will be sent: our own relations; else nil
	own        bool                      // it is inside of one of them
	err        error
	names      map[string]bool   // what the statement defines: aliases, WITH, lambda parameters, windows
	relations  map[string]bool   // names of WITH queries
	qualifiers map[string]bool   // names that the statement gives to relations
	weight     weight            // what the engine will analyse
	weights    map[string]weight // that of WITH queries, by name
	width      int               // columns of the SELECT that was visited last
	widths     map[string]int    // of WITH queries, by name
	tables     []tableRef
	heads      []nameRef // first parts of qualified names
	qualified  []string  // tables named with their database (only in sent)

	metadata    map[string]bool // relations of metadata that it reads
	rollups     map[string]bool // rollups that it reads
	series      map[int]bool    // where its table functions stand
	prewheres   int             // how many PREWHERE it has
	sessions    bool            // it reads sessions
	nested      bool            // an expression of the statement holds a query
	lookups     map[string]bool // lookup tables that it names
	columns     map[string]bool // and their columns
	values      map[string]ast.Expression
	sel         *selection
	readsEvents bool
	everything  bool   // * or COLUMNS stands for the columns of events
	span        bounds // of ts
	spanned     bool
}

// selection is what is known of the SELECT that is being walked.
type selection struct {
	star, events bool
	stars        []starOf
	width        int            // columns of all relations of FROM
	widths       map[string]int // of each, by the names that it has
	joins        int
}

func newSelection() *selection { return &selection{widths: map[string]int{}} }

type tableRef struct {
	name string
	pos  token.Position
}

type nameRef = tableRef

func newWalker(s *statement) *walker {
	return &walker{s: s, names: map[string]bool{}, relations: map[string]bool{}, qualifiers: map[string]bool{}, weights: map[string]weight{}, widths: map[string]int{}, metadata: map[string]bool{}, rollups: map[string]bool{}, series: map[int]bool{}, lookups: map[string]bool{}, columns: map[string]bool{},
		values: map[string]ast.Expression{}, sel: newSelection()}
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

// failFunction refuses a function.
func (w *walker) failFunction(pos token.Position, name string) *Refusal {
	what, near := noFunction(name)
	return w.fail(pos, "%s", what).near(near)
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
	case name == "", w.own:
	case metadata[strings.ToLower(name)] != nil && w.sent == nil:
		w.fail(pos, "the name %s is reserved; choose another one", name)
	case ownLike(name):
		w.fail(pos, "%s is a relation of your events; give your own another name", name)
	case reserved(name):
		w.fail(pos, "the name %s is reserved; choose one that does not begin with _ or t_ and is not a database of the engine", name)
	}
	if name != "" {
		w.qualifiers[name] = true
	}
	w.define(name, pos)
}

// finish checks what can be known only when all names are known.
func (w *walker) finish() {
	for _, t := range w.tables {
		if !ownRelation(t.name) && !w.relations[t.name] && !w.metadata[t.name] && !w.lookups[t.name] {
			w.fail(t.pos, "there is no relation %s", t.name).as(CodeUnknownTable).near(nearest(t.name, func(yield func(string) bool) {
				for _, names := range []iter.Seq[string]{ownRelations, w.s.view.lookupNames, maps.Keys(w.relations)} {
					for n := range names {
						if !yield(n) {
							return
						}
					}
				}
			}))
			return
		}
	}
	for _, h := range w.heads {
		if reserved(h.name) || !w.known(h.name) {
			w.fail(h.pos, "%s is neither a column nor a name that the statement defines", h.name).as(CodeUnknownColumn).near(nearest(h.name, w.knownNames))
			return
		}
	}
}

// known says whether a name stands for something: a column, our relation, or what the statement defines.
func (w *walker) known(name string) bool {
	if _, property := w.s.mentioned[name]; property {
		return true
	}
	if _, answer := w.s.scalars[name]; answer {
		return true
	}
	return name == relation || w.rollups[name] || w.sessions && name == session.EngineTable || w.s.guard.columns[name] || w.names[name] || w.s.heads[name] || w.columns[name] || w.metadata[name] || w.lookups[name] || name == "tenant" && w.s.view.sc.All
}

func (w *walker) knownNames(yield func(string) bool) {
	for _, m := range []map[string]bool{w.s.guard.columns, w.names, w.columns, w.lookups, {relation: true}} {
		for n := range m {
			if !yield(n) {
				return
			}
		}
	}
	for _, p := range w.s.view.sc.Properties {
		if exposed(p) && !yield(p.Name) {
			return
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
		w.analyses(weight{selects: 1}, x.Position)
		w.selectQuery(x, depth+1)
	default:
		name := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", q), "*ast."), "Query")
		w.fail(token.Position{}, "%s is not allowed; there are SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN", strings.ToUpper(name))
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
	case len(x.Columns) == 0:
		w.fail(x.Position, "SELECT names nothing to return").as(CodeSyntax)
	}
	outer := w.sel
	w.sel = newSelection()
	defer func() {
		w.note(x)
		w.sel = outer
	}()
	for _, e := range x.With {
		w.with(e, depth)
	}
	w.exprs(x.DistinctOn, depth)
	w.exprs(x.Columns, depth)
	w.from(x.From, depth)
	w.arrayJoin(x.ArrayJoin, depth)
	w.prewhere(x, depth)
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
	w.counted(x)
}

// with visits one element of a WITH clause.
func (w *walker) with(e ast.Expression, depth int) {
	x, ok := e.(*ast.WithElement)
	if !ok || x == nil {
		w.fail(token.Position{}, "the WITH clause cannot be read").as(CodeSyntax)
		return
	}
	if w.sent[x] {
		w.own = true
		w.expr(x.Query, depth)
		w.own = false
		return
	}
	if sub, ok := x.Query.(*ast.Subquery); ok && !x.ScalarWith {
		w.defineRelation(x.Name, x.Position)
		w.relations[x.Name] = true
		w.subqueryAlias(sub.Alias, sub.Position)
		counted, before := w.weight, w.weights[x.Name]
		w.weight = weight{} // it is analysed where it is named
		w.query(sub.Query, depth)
		w.weights[x.Name] = weight{max(before.selects, w.weight.selects), max(before.joins, w.weight.joins), max(before.columns, w.weight.columns)}
		w.widths[x.Name] = max(w.widths[x.Name], w.width)
		w.weight = counted
		return
	}
	if ownLike(x.Name) {
		w.defineRelation(x.Name, x.Position)
	}
	w.define(x.Name, x.Position)
	w.values[x.Name] = x.Query
	w.expr(x.Query, depth)
}

// note keeps what a SELECT reads of the events.
func (w *walker) note(x *ast.SelectQuery) {
	if !w.sel.events {
		return
	}
	w.readsEvents = true
	w.everything = w.everything || w.sel.star
	var b bounds
	for _, condition := range []ast.Expression{x.PreWhere, x.Where} {
		if condition != nil && w.err == nil {
			b = b.narrow(clock{now: time.Now().UTC(), params: w.s.view.sc.Params, names: w.values}.of(condition, 0))
		}
	}
	if w.spanned {
		b = w.span.widen(b)
	}
	w.span, w.spanned = b, true
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
		w.tableName(t, x.Alias)
	case *ast.Subquery:
		if t == nil {
			w.fail(x.Position, "FROM cannot be read here").as(CodeSyntax)
			return
		}
		w.defineRelation(t.Alias, t.Position)
		w.query(t.Query, depth+1)
		w.sel.reads(w.width, cmp.Or(x.Alias, t.Alias))
	case *ast.FunctionCall:
		if t != nil {
			w.tableFunction(x, t)
			return
		}
		w.fail(x.Position, "FROM cannot be read here").as(CodeSyntax)
	default:
		w.fail(x.Position, "FROM takes %s, a WITH query or a subquery", relation)
	}
}

func (w *walker) tableName(t *ast.TableIdentifier, alias string) {
	switch {
	case t == nil:
		w.fail(token.Position{}, "FROM cannot be read").as(CodeSyntax)
	case t.Database != "" && w.own:
		w.qualified = append(w.qualified, t.Database+"."+t.Table)
	case t.Database != "":
		r := w.fail(t.Position, "%s.%s is not one of your relations", t.Database, t.Table).as(CodeUnknownTable).near(relation)
		if t.Database == w.s.view.database() || t.Database == "default" {
			r.What = fmt.Sprintf("there is no relation %s in the database %s", t.Table, t.Database)
		}
	default:
		if t.Table == relation {
			w.sel.events = true
		}
		w.rollup(t)
		w.sessionTable(t)
		name := w.metaTable(t, alias)
		w.lookupTable(t.Table)
		w.defineRelation(t.Alias, t.Position)
		w.tables = append(w.tables, tableRef{name, t.Position})
		w.analyses(w.weights[name], t.Position)
		w.sel.reads(w.relationWidth(name), cmp.Or(alias, t.Alias, t.Table))
	}
}

// rollup notes a rollup.
func (w *walker) rollup(t *ast.TableIdentifier) {
	r, ok := derived[t.Table]
	if !ok {
		return
	}
	if w.s.view.sc.AsOf != nil {
		w.fail(t.Position, "%s cannot be read as of a token, because its cells have no offsets; read %s", t.Table, relation)
		return
	}
	w.rollups[t.Table] = true
	for _, c := range w.s.view.rollupColumns(r) {
		w.columns[c.name] = true
	}
}

// metaTable notes a relation of metadata, and returns the name of the relation that t is. Without an alias it is known as its table: system.tables
// as tables. Where it was named without its database, that is put in front of it.
func (w *walker) metaTable(t *ast.TableIdentifier, alias string) string {
	r := w.s.view.metaRelation(t.Table)
	if r == nil || w.relations[t.Table] || w.s.view.hasRelation(t.Table) {
		return t.Table
	}
	name := r.cteName()
	w.metadata[name] = true
	for _, c := range r.columns {
		w.columns[c.name] = true
	}
	if w.sent != nil {
		return name
	}
	start := t.Position.Offset - 1
	end := start + len(t.Table)
	if name != t.Table {
		for _, l := range w.s.toks {
			if l.start == start { // in quotes it is longer than its name
				end = l.end
			}
		}
		w.define(t.Table, t.Position)
		w.qualifiers[t.Table] = true
		w.s.edits = append(w.s.edits, edit{start, end, name})
	}
	if t.Alias == "" && alias == "" {
		w.define(r.table, t.Position)
		w.qualifiers[r.table] = true
		w.s.edits = append(w.s.edits, edit{end, end, ` AS "` + r.table + `"`})
	}
	return name
}

func (w *walker) join(j *ast.TableJoin, depth int) {
	if j == nil {
		return
	}
	if w.sel.joins++; w.sel.joins > maxJoinsAtOnce && w.sent == nil {
		w.fail(j.Position, "a SELECT has more than %d JOINs; join what belongs together in subqueries first", maxJoinsAtOnce)
	}
	w.analyses(weight{joins: 1}, j.Position)
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
