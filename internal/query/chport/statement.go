package chport

import (
	"strings"

	"weir/internal/query"
)

// isInsert tells whether text begins an INSERT.
func isInsert(text string) bool { return query.CutEnding(firstBytes(text)).First == "INSERT" }

func firstBytes(s string) string { return s[:min(len(s), 4096)] }

// prepare looks at the statement: what is answered here, what its ending says, and what goes on to the guard. done says that it
// needs no answer from the engine.
func (c *call) prepare() (done bool, e *exception) {
	q := &c.q
	if strings.TrimSpace(q.sql) == "" {
		return false, exceptionf(codeSyntax, "Syntax error: the query is empty; send it as the body or as the parameter query")
	}
	if isInsert(q.sql) {
		return false, exceptionf(codeDisabled, "INSERT is not possible on this port, it is read-only: send events with POST /ingest of weir's API, as JSON lines, with a write key; see docs/CLICKHOUSE.md")
	}
	end := query.CutEnding(q.sql)
	if end.Format != "" {
		q.format = end.Format
	}
	for _, s := range end.Settings {
		if e := q.setting(s.Name, s.Value); e != nil {
			return false, e
		}
	}
	switch end.First {
	case "USE":
		name := strings.Trim(strings.TrimSpace(end.SQL[len("USE"):]), "`\"")
		return true, q.database(name)
	case "SET":
		return true, q.set(end.SQL)
	case "CREATE", "ALTER", "DROP", "TRUNCATE", "DELETE", "UPDATE", "OPTIMIZE", "RENAME", "EXCHANGE", "ATTACH", "DETACH", "GRANT", "REVOKE", "KILL", "SYSTEM", "BACKUP", "RESTORE", "UNDROP", "MOVE":
		return false, exceptionf(codeDisabled, "Cannot execute query in readonly mode: %s is not possible on this port; only SELECT is allowed, and SHOW, DESCRIBE and EXPLAIN of what is yours", end.First)
	}
	q.sql = end.SQL
	return false, nil
}

// set takes SET a = 1, b = 2, and SET ROLE of all or none. There is no session that would remember it: a known setting is checked, no more.
func (q *request) set(sql string) *exception {
	rest := strings.TrimSpace(sql[len("SET"):])
	if word, role, _ := strings.Cut(rest, " "); strings.EqualFold(word, "ROLE") {
		switch strings.ToUpper(strings.TrimSpace(role)) {
		case "ALL", "NONE", "DEFAULT":
			return nil
		}
		return exceptionf(codeUnknownRole, "There is no role %s: rights come with the key", cutText(strings.TrimSpace(role), 64))
	}
	end := query.CutEnding("SELECT 1 SETTINGS " + rest)
	if end.Settings == nil {
		return exceptionf(codeSyntax, "Syntax error: write SET name = value")
	}
	for _, s := range end.Settings {
		if e := q.setting(s.Name, s.Value); e != nil {
			return e
		}
	}
	return nil
}
