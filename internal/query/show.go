package query

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"weir/internal/session"
)

// cursor reads a statement's tokens from left to right.
type cursor struct {
	s *statement
	i int
}

// take goes past the words if they come next.
func (c *cursor) take(words ...string) bool {
	for k, w := range words {
		if !c.s.at(c.i + k).keyword(w) {
			return false
		}
	}
	c.i += len(words)
	return true
}

// either goes past one of the words if it comes next.
func (c *cursor) either(words ...string) bool {
	for _, w := range words {
		if c.take(w) {
			return true
		}
	}
	return false
}

// name reads a name.
func (c *cursor) name(what string) (lexeme, error) {
	l := c.s.at(c.i)
	if !l.name() {
		return l, c.unexpected(what)
	}
	c.i++
	return l, nil
}

func (c *cursor) unexpected(want string) error {
	if l := c.s.at(c.i); l.kind != 0 {
		return c.s.refuse(l.start, "%s is not expected here; %s", l.text, want).as(CodeSyntax)
	}
	return c.s.refuse(len(c.s.src), "the statement ends too early; %s", want).as(CodeSyntax)
}

func (c *cursor) end() error {
	if c.i < len(c.s.toks) {
		return c.unexpected("the statement could end before it")
	}
	return nil
}

// shows is what can be shown.
const shows = "SHOW DATABASES, SHOW TABLES, SHOW COLUMNS FROM events, SHOW CREATE TABLE events, SHOW CREATE DATABASE"

// show turns SHOW, EXISTS and DESCRIBE into a SELECT over the relations of metadata, so that one path and all formats serve them. DESCRIBE of a
// query is the engine's to answer.
func (s *statement) show(told *Checked) (Kind, string, error) {
	c := &cursor{s: s}
	var sql string
	var err error
	kind := KindShow
	switch {
	case c.either("DESCRIBE", "DESC"):
		kind = KindDescribe
		if c.take("TABLE"); s.at(c.i).is("(") {
			sql, err := s.describeQuery(c.i, told)
			return kind, sql, err
		}
		sql, err = c.describe()
	case c.take("EXISTS"):
		sql, err = c.exists()
	case c.take("SHOW"):
		sql, err = c.show()
	}
	if err == nil {
		err = c.end()
	}
	if err != nil {
		return "", "", err
	}
	own, err := s.synthetic(sql)
	if err != nil {
		return "", "", err
	}
	defer own.free()
	if sql, err = own.scoped(); err == nil {
		own.tell(told) // a condition may read events
	}
	var r *Refusal
	if errors.As(err, &r) { // of a condition that the caller has written: its place in our text says nothing
		r.Line, r.Column = 0, 0
	}
	return kind, sql, err
}

// describeQuery is DESCRIBE of the query in the bracket at open. Like EXPLAIN it is shown no hashes of values.
func (s *statement) describeQuery(open int, told *Checked) (string, error) {
	last := len(s.toks) - 1
	if last <= open || !s.toks[last].is(")") {
		return "", s.refuse(s.toks[open].start, "write DESCRIBE (SELECT …), with nothing behind the bracket").as(CodeSyntax)
	}
	sql, err := s.inner(open+1, last, told)
	if err != nil {
		return "", err
	}
	return "DESCRIBE TABLE (" + strings.TrimSpace(sql) + ")", nil
}

// inner scopes the SELECT of toks[from:to], which will be shown, and says what it reads. Its text keeps its place.
func (s *statement) inner(from, to int, told *Checked) (string, error) {
	text := []byte(s.clean)
	if to < len(s.toks) {
		text = text[:s.toks[to].start]
	}
	first := len(text)
	if from < to {
		first = s.toks[from].start
	}
	for i := range first {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
	q := newStatement(s.guard.newView(s.view.sc, true), s.src, string(text), s.toks[from:to])
	defer q.free()
	sql, err := q.scoped()
	if err != nil {
		return "", err
	}
	q.tell(told)
	return sql, nil
}

// synthetic makes a statement of our own text, which may use the relations of metadata.
func (s *statement) synthetic(sql string) (*statement, error) {
	toks, clean, err := scan(sql)
	if err != nil {
		return nil, err
	}
	sc := s.view.sc
	sc.Metadata = true
	return newStatement(s.guard.newView(sc, false), sql, clean, toks), nil
}

func (c *cursor) show() (string, error) {
	c.take("EXTENDED")
	c.take("FULL") // what it adds are MySQL's columns, which no client of this protocol reads
	switch {
	case c.either("DATABASES", "SCHEMAS"):
		return c.listed("SELECT name FROM system_databases", "name", "name")
	case c.take("TABLES"):
		return c.tables()
	case c.take("COLUMNS"), c.take("FIELDS"):
		return c.columns()
	case c.take("CREATE"):
		return c.create()
	}
	what := c.s.at(c.i)
	return "", c.s.refuse(max(what.start, c.s.toks[0].start), "SHOW %s is not allowed; there are %s", strings.ToUpper(what.text), shows)
}

// create reads what follows SHOW CREATE.
func (c *cursor) create() (string, error) {
	if c.either("DATABASE", "SCHEMA") {
		db, err := c.name("name your database, " + c.s.view.database())
		if err == nil {
			err = c.database(db)
		}
		return "SELECT " + literal("CREATE DATABASE "+quoteName(c.s.view.database())) + " AS statement", err
	}
	c.either("TABLE", "VIEW")
	l, r, err := c.relation()
	switch {
	case err != nil:
		return "", err
	case r != nil:
		return "SELECT " + literal(r.create()) + " AS statement", nil
	}
	return "SELECT create_table_query AS statement FROM system_tables WHERE name = " + literal(l.text), nil
}

// relation reads the name of one of the scope's own relations, or of a relation of metadata, which is then r.
func (c *cursor) relation() (l lexeme, r *metaRelation, err error) {
	if l, err = c.name("name the relation, " + relation); err != nil || c.s.view.hasRelation(l.text) {
		return l, nil, err
	}
	if r = c.s.view.metaRelation(l.text); r == nil {
		err = c.noRelation(l)
	}
	return l, r, err
}

// tables reads what follows SHOW TABLES.
func (c *cursor) tables() (string, error) {
	sql, database := "SELECT name FROM system_tables", c.s.view.sc.Database
	if c.either("FROM", "IN") {
		db, err := c.name("name a database")
		if err != nil {
			return "", err
		}
		if database = strings.ToLower(db.text); !metaDatabases[database] {
			if err := c.database(db); err != nil {
				return "", err
			}
		}
	}
	if metaDatabases[database] {
		var names []string
		for _, r := range metaRelations() {
			if r.database == database {
				names = append(names, literal(r.table))
			}
		}
		sql = "SELECT name FROM (SELECT arrayJoin([" + strings.Join(names, ", ") + "]) AS name)"
	}
	return c.listed(sql, "name", "name")
}

// database demands that a name is that of the scope's database.
func (c *cursor) database(l lexeme) error {
	if db := c.s.view.database(); l.text != db && l.text != "default" {
		return c.s.refuse(l.start, "there is no database %s", l.text).as(CodeUnknownDatabase).near(db)
	}
	return nil
}

func (c *cursor) noRelation(l lexeme) error {
	return c.s.refuse(l.start, "there is no relation %s", l.text).as(CodeUnknownTable).near(cmp.Or(nearestMeta(l.text), nearest(l.text, c.s.view.lookupNames), relation))
}

// columns reads what follows SHOW COLUMNS.
func (c *cursor) columns() (string, error) {
	if !c.either("FROM", "IN") {
		return "", c.unexpected("write SHOW COLUMNS FROM " + relation)
	}
	l, err := c.name("name the relation, " + relation)
	if err != nil {
		return "", err
	}
	own, r := c.s.view.hasRelation(l.text), c.s.view.metaRelation(l.text)
	full := l
	if c.either("FROM", "IN") {
		db, err := c.name("name a database")
		if err != nil {
			return "", err
		}
		if name := strings.ToLower(db.text); metaDatabases[name] && c.s.view.sc.Metadata {
			own, r = false, metadata[name+"_"+strings.ToLower(l.text)]
			full.text = name + "." + l.text
		} else if err := c.database(db); err != nil {
			return "", err
		} else {
			r = nil
		}
	}
	if !own && r == nil {
		return "", c.noRelation(full)
	}
	return c.listed(`SELECT name AS field, type, if(startsWith(type, 'Nullable('), 'YES', 'NO') AS "null", '' AS "key", CAST(NULL AS Nullable(String)) AS "default", '' AS extra FROM `+columnsOf(l, own, r), "name", "position")
}

// columnsOf is what to select the name, type and position of a relation's columns from, with a condition: of the scope's own, else of r.
func columnsOf(l lexeme, own bool, r *metaRelation) string {
	if own {
		return "system_columns WHERE table = " + literal(l.text)
	}
	var rows []string
	for i, col := range r.columns {
		rows = append(rows, fmt.Sprintf("(%s, %s, %d)", literal(col.name), literal(col.typ), i+1))
	}
	return "(SELECT c.1 AS name, c.2 AS type, c.3 AS position FROM (SELECT arrayJoin([" + strings.Join(rows, ", ") + "]) AS c)) WHERE 1 = 1"
}

// listed adds LIKE, ILIKE or WHERE, and LIMIT.
func (c *cursor) listed(sql, column, order string) (string, error) {
	not, glue := "", " WHERE "
	if strings.Contains(sql, glue) {
		glue = " AND "
	}
	if c.take("NOT") {
		not = "NOT "
	}
	switch op := strings.ToUpper(c.s.at(c.i).text); {
	case c.either("LIKE", "ILIKE"):
		pattern := c.s.at(c.i)
		if pattern.kind != str {
			return "", c.unexpected("write a pattern in quotes")
		}
		c.i++
		sql += glue + column + " " + not + op + " " + pattern.text
	case not != "":
		return "", c.unexpected("write NOT LIKE")
	case c.take("WHERE"):
		condition, err := c.condition()
		if err != nil {
			return "", err
		}
		sql += glue + "(" + condition + ")"
	}
	sql += " ORDER BY " + order
	if c.take("LIMIT") {
		n := c.s.at(c.i)
		if n.kind != number {
			return "", c.unexpected("write a number")
		}
		c.i++
		sql += " LIMIT " + n.text
	}
	return sql, nil
}

// described are the columns of DESCRIBE.
const described = "'' AS default_type, '' AS default_expression, '' AS comment, '' AS codec_expression, '' AS ttl_expression"

func (c *cursor) describe() (string, error) {
	l, r, err := c.relation()
	if err != nil {
		return "", err
	}
	what := "name, type, " + described
	if c.s.view.sc.CompactDescribe {
		what = "name, type"
	}
	return "SELECT " + what + " FROM " + columnsOf(l, r == nil, r) + " ORDER BY position", nil
}

// condition reads the text of a condition, up to a LIMIT or the statement's end. What it says is checked with the statement that it becomes part of.
func (c *cursor) condition() (string, error) {
	from, depth := c.i, 0
	for ; c.i < len(c.s.toks); c.i++ {
		l := c.s.toks[c.i]
		switch {
		case l.is("("), l.is("["):
			depth++
		case l.is(")"), l.is("]"):
			depth--
		}
		if depth < 0 || depth == 0 && l.keyword("LIMIT") {
			break
		}
	}
	if c.i == from {
		return "", c.unexpected("write a condition behind WHERE")
	}
	return c.s.clean[c.s.toks[from].start:c.s.toks[c.i-1].end], nil
}

func (c *cursor) exists() (string, error) {
	db := c.take("DATABASE")
	if !db {
		c.take("TEMPORARY")
		c.either("TABLE", "VIEW", "DICTIONARY")
	}
	l, err := c.name("name a relation or a database")
	if err != nil {
		return "", err
	}
	yes := c.s.view.hasRelation(l.text) || c.s.view.metaRelation(l.text) != nil
	if db {
		yes = l.text == c.s.view.database() || l.text == "default"
	} else if c.s.at(c.i).is(".") { // another database's: it does not exist for this caller
		c.i++
		if _, err := c.name("name a relation"); err != nil {
			return "", err
		}
		yes = false
	}
	return fmt.Sprintf("SELECT toUInt8(%t) AS result", yes), nil
}

// explainKinds are the kinds of EXPLAIN with their harmless settings. Left out is what counts parts and granules, which hold rows of
// other tenants, too (grains), and graph of AST, whose nodes are named by where they lie in the engine's memory.
var explainKinds = map[string]map[string]bool{
	"AST":        {"optimize": true},
	"SYNTAX":     {"oneline": true, "run_query_tree_passes": true, "query_tree_passes": true},
	"QUERY TREE": {"run_passes": true, "dump_passes": true, "passes": true, "dump_tree": true, "dump_ast": true},
	"PLAN":       {"header": true, "description": true, "json": true, "sorting": true, "compact": true, "pretty": true},
	"PIPELINE":   {"header": true, "graph": true, "compact": true},
	"ESTIMATE":   {},
}

// grains are the settings of EXPLAIN that count parts and granules. Actions are on by default, so a plan is always sent without (noActions).
var grains = map[string]bool{"indexes": true, "projections": true, "distributed": true, "actions": true}

// noActions is the setting of each plan.
const noActions = "actions = 0"

// explain reads EXPLAIN and its settings, and scopes the SELECT behind them.
func (s *statement) explain(c *Checked) (string, error) {
	cur := &cursor{s: s, i: 1}
	kind := "PLAN"
	switch {
	case cur.take("QUERY", "TREE"):
		kind = "QUERY TREE"
	case cur.either("AST", "SYNTAX", "PLAN", "PIPELINE", "ESTIMATE"):
		kind = strings.ToUpper(s.at(cur.i - 1).text)
	}
	var settings []string
	for s.at(cur.i+1).is("=") && s.at(cur.i).kind == word {
		name, value := s.at(cur.i), s.at(cur.i+2)
		if strings.EqualFold(name.text, "actions") && value.text == "0" && kind == "PLAN" {
			if cur.i += 3; !s.at(cur.i).is(",") {
				break
			}
			cur.i++
			continue
		}
		if grains[strings.ToLower(name.text)] {
			return "", s.refuse(name.start, "the setting %s of EXPLAIN is not allowed: it counts parts and granules, which hold rows of others, too; EXPLAIN ESTIMATE counts your own rows", name.text)
		}
		if !explainKinds[kind][strings.ToLower(name.text)] {
			return "", s.refuse(name.start, "the setting %s of EXPLAIN %s is not allowed", name.text, kind).near(nearest(name.text, func(yield func(string) bool) {
				for n := range explainKinds[kind] {
					if !yield(n) {
						return
					}
				}
			}))
		}
		if value.kind != number {
			return "", s.refuse(name.start, "the setting %s takes a number", name.text)
		}
		settings = append(settings, strings.ToLower(name.text)+" = "+value.text)
		if cur.i += 3; !s.at(cur.i).is(",") {
			break
		}
		cur.i++
	}
	if cur.i >= len(s.toks) {
		return "", cur.unexpected("write EXPLAIN and a SELECT")
	}
	sql, err := s.inner(cur.i, len(s.toks), c)
	if err != nil {
		return "", err
	}
	if kind == "ESTIMATE" {
		return s.estimate(c)
	}
	if kind != "PLAN" {
		kind = "EXPLAIN " + kind
	} else {
		kind, settings = "EXPLAIN", append(settings, noActions)
	}
	return strings.TrimRight(kind+" "+strings.Join(settings, ", "), " ") + " " + strings.TrimLeft(sql, " \n"), nil
}

// estimate answers EXPLAIN ESTIMATE from the tenant's own rows: the engine's own answer counts whole granules, neighbours' rows included.
func (s *statement) estimate(c *Checked) (string, error) {
	where := []string{"1 = 1"}
	if !c.ReadsEvents {
		where = []string{"1 = 0"}
	}
	bound := func(op string, at time.Time) {
		if !at.IsZero() {
			where = append(where, fmt.Sprintf("ts %s toDateTime64('%s', 3, 'UTC')", op, at.UTC().Format("2006-01-02 15:04:05.000")))
		}
	}
	bound(">=", c.From)
	bound("<=", c.To)
	count := func(table string) string {
		return "SELECT " + literal(s.view.database()) + " AS database, " + literal(table) + " AS table, toUInt64(1) AS parts, count() AS rows, toUInt64(ceil(rows / 8192)) AS marks FROM " + table
	}
	var parts []string
	if c.ReadsEvents || len(c.Rollups)+len(c.Lookups) == 0 && !c.Sessions {
		parts = append(parts, count(relation)+" WHERE "+strings.Join(where, " AND "))
	}
	for _, name := range c.Rollups {
		parts = append(parts, count(name))
	}
	if c.Sessions {
		parts = append(parts, count(session.EngineTable))
	}
	for _, t := range c.Lookups {
		parts = append(parts, count(t.Name))
	}
	sql := strings.Join(parts, " UNION ALL ")
	if len(parts) > 1 {
		sql = "SELECT database, table, parts, rows, marks FROM (" + sql + ") ORDER BY table"
	}
	own, err := s.synthetic(sql)
	if err != nil {
		return "", err
	}
	return own.scoped()
}
