package query

import (
	"cmp"
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
const shows = "SHOW DATABASES, SHOW TABLES, SHOW COLUMNS FROM events, SHOW CREATE TABLE events"

// show turns SHOW, EXISTS and DESCRIBE into a SELECT over the relations of metadata, so that one path and all formats serve them.
func (s *statement) show() (Kind, string, error) {
	c := &cursor{s: s}
	var sql string
	var err error
	kind := KindShow
	switch {
	case c.either("DESCRIBE", "DESC"):
		kind = KindDescribe
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
	sql, err = own.scoped()
	return kind, sql, err
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
		return c.listed("SELECT name FROM system_databases", "name")
	case c.take("TABLES"):
		return c.tables()
	case c.take("COLUMNS"), c.take("FIELDS"):
		return c.columns()
	case c.take("CREATE"):
		c.either("TABLE", "VIEW")
		l, err := c.name("name the relation, " + relation)
		if err != nil {
			return "", err
		}
		if !c.s.view.hasRelation(l.text) {
			return "", c.noRelation(l)
		}
		return "SELECT create_table_query AS statement FROM system_tables WHERE name = " + literal(l.text), nil
	}
	what := c.s.at(c.i)
	return "", c.s.refuse(max(what.start, c.s.toks[0].start), "SHOW %s is not allowed; there are %s", strings.ToUpper(what.text), shows)
}

// tables reads what follows SHOW TABLES.
func (c *cursor) tables() (string, error) {
	sql := "SELECT name FROM system_tables"
	if c.either("FROM", "IN") {
		db, err := c.name("name a database")
		if err != nil {
			return "", err
		}
		if metaDatabases[strings.ToLower(db.text)] {
			var names []string
			for _, r := range append(systemTables(), schemaTables()...) {
				if r.database == strings.ToLower(db.text) {
					names = append(names, literal(r.table))
				}
			}
			sql = "SELECT name FROM (SELECT arrayJoin([" + strings.Join(names, ", ") + "]) AS name)"
		} else if err := c.database(db); err != nil {
			return "", err
		}
	}
	return c.listed(sql, "name")
}

// database demands that a name is that of the scope's database.
func (c *cursor) database(l lexeme) error {
	if db := c.s.view.database(); l.text != db && l.text != "default" {
		return c.s.refuse(l.start, "there is no database %s", l.text).as(CodeUnknownDatabase).near(db)
	}
	return nil
}

func (c *cursor) noRelation(l lexeme) error {
	return c.s.refuse(l.start, "there is no relation %s", l.text).as(CodeUnknownTable).near(cmp.Or(nearest(l.text, c.s.view.lookupNames), relation))
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
	if !c.s.view.hasRelation(l.text) {
		return "", c.noRelation(l)
	}
	if c.either("FROM", "IN") {
		db, err := c.name("name a database")
		if err == nil {
			err = c.database(db)
		}
		if err != nil {
			return "", err
		}
	}
	return c.listed(`SELECT name AS field, type, if(startsWith(type, 'Nullable('), 'YES', 'NO') AS "null", '' AS "key", CAST(NULL AS Nullable(String)) AS "default", '' AS extra FROM system_columns WHERE table = `+literal(l.text), "name")
}

// listed adds LIKE, ILIKE and LIMIT.
func (c *cursor) listed(sql, column string) (string, error) {
	not := ""
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
		glue := " WHERE "
		if strings.Contains(sql, glue) {
			glue = " AND "
		}
		sql += glue + column + " " + not + op + " " + pattern.text
	case not != "":
		return "", c.unexpected("write NOT LIKE")
	}
	if !strings.Contains(sql, "system_columns") {
		sql += " ORDER BY " + column
	} else {
		sql += " ORDER BY position"
	}
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
	c.take("TABLE")
	l, err := c.name("name the relation, " + relation)
	if err != nil {
		return "", err
	}
	if c.s.view.hasRelation(l.text) {
		return "SELECT name, type, " + described + " FROM system_columns WHERE table = " + literal(l.text) + " ORDER BY position", nil
	}
	r := metadata[l.text]
	if r == nil || !c.s.view.sc.Metadata {
		return "", c.noRelation(l)
	}
	var rows []string
	for _, col := range r.columns {
		rows = append(rows, "("+literal(col.name)+", "+literal(col.typ)+")")
	}
	return "SELECT c.1 AS name, c.2 AS type, " + described + " FROM (SELECT arrayJoin([" + strings.Join(rows, ", ") + "]) AS c)", nil
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
	yes := c.s.view.hasRelation(l.text) || c.s.view.sc.Metadata && metadata[l.text] != nil
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
// other tenants, too: indexes, projections, distributed.
var explainKinds = map[string]map[string]bool{
	"AST":        {"graph": true, "optimize": true},
	"SYNTAX":     {"oneline": true, "run_query_tree_passes": true, "query_tree_passes": true},
	"QUERY TREE": {"run_passes": true, "dump_passes": true, "passes": true, "dump_tree": true, "dump_ast": true},
	"PLAN":       {"header": true, "description": true, "actions": true, "json": true, "sorting": true, "compact": true, "pretty": true},
	"PIPELINE":   {"header": true, "graph": true, "compact": true},
	"ESTIMATE":   {},
}

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
	blanked := []byte(s.clean)
	for i := range s.toks[cur.i].start {
		if blanked[i] != '\n' {
			blanked[i] = ' '
		}
	}
	inner := newStatement(s.guard.newView(s.view.sc, true), s.src, string(blanked), s.toks[cur.i:])
	sql, err := inner.scoped()
	if err != nil {
		return "", err
	}
	inner.tell(c)
	if kind == "ESTIMATE" {
		return s.estimate(c)
	}
	if kind != "PLAN" {
		kind = "EXPLAIN " + kind
	} else {
		kind = "EXPLAIN"
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
