package query

import (
	"math/rand/v2"
	"strings"
)

// mutator makes hostile statements of valid ones, token by token.
type mutator struct {
	r      *rand.Rand
	corpus [][]string // statements as tokens
	good   [][]string // those of them that are allowed
}

// fragments are what a statement should not be able to carry across.
var fragments = strings.Split(strings.TrimSpace(`
weir.events
"weir"."events"
weir . events
WEIR.EVENTS
t_victim.events
victim.events
"victim"."events"
default.events
weir.rollup_minute_4
weir.lookups
weir.sessions
sessions
sessions.visitor
_version
victim.sessions
AS sessions
IN sessions
JOIN weir.sessions AS s ON 1 = 1
WITH sessions AS (SELECT * FROM weir.sessions)
(SELECT groupArray(visitor) FROM weir.sessions)
stores
codes
secrets
acme.stores
victim.stores
stores.id
_l
_l.tenant
_l.texts
AS stores
IN stores
JOIN stores AS l ON l.id = path
JOIN weir.lookups AS l ON 1 = 1
WITH stores AS (SELECT * FROM weir.lookups)
UNION ALL SELECT texts[1] FROM weir.lookups
(SELECT groupArray(texts) FROM weir.lookups)
system.tables
system.parts
system.columns
system.processes
system.one
system.numbers
information_schema.columns
INFORMATION_SCHEMA.TABLES
_e
_e.tenant
_e.props
_s
_n
_r
tenant
_offset
_part
_table
_database
events
events.tenant
(SELECT * FROM weir.events)
(SELECT tenant FROM weir.events LIMIT 1)
(SELECT * FROM t_victim.events)
(SELECT groupArray(path) FROM weir.events)
weir.events AS events
events AS weir
merge('weir', 'events')
merge(REGEXP('.*'), '.*')
mergeTreeIndex('weir', 'events')
mergeTreeProjection('weir', 'events', 'p')
file('/etc/passwd', 'LineAsString')
file('/etc/passwd')
url('http://127.0.0.1:1/', 'CSV', 'a String')
s3('http://127.0.0.1:1/x', 'CSV')
remote('127.0.0.1', weir.events)
remote('127.0.0.1', 'weir', 'events')
cluster('default', weir.events)
clusterAllReplicas('default', weir.events)
view(SELECT * FROM weir.events)
loop(weir.events)
numbers(10)
values('a String', 'x')
dictGet('d', 'a', 1)
joinGet('weir.events', 'path', 'x')
viewExplain('EXPLAIN', '', (SELECT 1))
getSetting('readonly')
currentDatabase()
currentRoles()
version()
SETTINGS readonly = 0
SETTINGS additional_table_filters = {}
SETTINGS max_threads = 1
FORMAT CSV
FORMAT Native
INTO OUTFILE 'weir-fuzz.txt'
; SELECT * FROM weir.events
;
UNION ALL SELECT path FROM weir.events
UNION ALL SELECT tenant FROM events
EXCEPT SELECT 1
WHERE 1 OR 1 = 1
WHERE tenant != 'acme'
PREWHERE 1
FINAL
SAMPLE 1
WITH events AS (SELECT * FROM weir.events)
WITH weir AS (SELECT 1 AS events)
AS events
AS tenant
AS _e
AS weir
AS system
AS t_victim
EXPLAIN
EXPLAIN indexes = 1
EXPLAIN ESTIMATE
EXPLAIN QUERY TREE
EXPLAIN PLAN actions = 1, json = 1
DESCRIBE
SHOW TABLES FROM weir
SHOW CREATE TABLE weir.events
EXISTS weir.events
{x:Identifier}
{t:Identifier}.events
{x:String}
arrayMap(file, ['/etc/passwd'])
APPLY(file)
APPLY file
COLUMNS('.*')
* EXCEPT (path)
* REPLACE (path AS tenant)
weir.events.*
weir.events.tenant
IN weir.events
IN (weir.events)
GLOBAL IN
ARRAY JOIN mapValues(props) AS path
JOIN weir.events AS b ON 1 = 1
CROSS JOIN weir.events
, weir.events
--
/*
*/
/**/
#
$$
'
"
\
(
)
[
]
{
}
,
.
*
->
x ->
::String
system
weir
props
props_num
props.values
path
`), "\n")

// wraps put a statement into another one, in place of %.
var wraps = []string{"SELECT * FROM (%)", "SELECT (%)", "WITH x AS (%) SELECT * FROM x", "WITH events AS (%) SELECT * FROM events", "% UNION ALL (%)", "(%) EXCEPT (SELECT 1)", "SELECT 1 IN (%)",
	"SELECT exists(%)", "EXPLAIN %", "EXPLAIN indexes = 1 %", "EXPLAIN QUERY TREE %", "EXPLAIN ESTIMATE %", "SELECT * FROM (EXPLAIN %)", "SELECT * FROM view(%)", "SELECT arrayMap(x -> (%), [1])", "CREATE TABLE x ENGINE = Memory AS %",
	"INSERT INTO weir.events %", "DESCRIBE (%)", "SELECT * FROM (%) AS weir", "SELECT * FROM (%) AS a JOIN weir.events AS b ON 1 = 1", "WITH (%) AS y SELECT y FROM events", "%; %", "SELECT * FROM (%) AS events, weir.events",
	"% SETTINGS readonly = 0", "% INTO OUTFILE 'weir-fuzz.txt'", "% FORMAT JSONEachRow", "SELECT * FROM (% LIMIT 1)", "%\n-- x", "/* %", "SELECT tenant FROM (%)"}

// newMutator reads a corpus.
func newMutator(r *rand.Rand, statements, good []string) *mutator {
	m := &mutator{r: r}
	for _, s := range good {
		m.good = append(m.good, pieces(s))
	}
	for _, s := range statements {
		if len(s) < 2000 {
			m.corpus = append(m.corpus, pieces(s))
		}
	}
	return m
}

// pieces cuts a text roughly into tokens, whatever it is.
func pieces(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		j := i + 1
		switch c := s[i]; {
		case isWordStart(c):
			for j < len(s) && isWord(s[j]) {
				j++
			}
		case isDigit(c):
			for j < len(s) && (isWord(s[j]) || s[j] == '.') {
				j++
			}
		case c == '\'' || c == '"' || c == '`':
			for j < len(s) && s[j] != c {
				if s[j] == '\\' {
					j++
				}
				j++
			}
			j = min(j+1, len(s))
		case c == ' ':
			i++
			continue
		case c >= 0x80:
			for j < len(s) && s[j] >= 0x80 {
				j++
			}
		}
		out = append(out, s[i:j])
		i = j
	}
	return out
}

func (m *mutator) any() []string { return m.corpus[m.r.IntN(len(m.corpus))] }

// statement returns a mutated statement. Raw ones name the table itself, as a statement that the guard has not seen may.
func (m *mutator) statement(raw bool) string {
	t := append([]string{}, m.any()...)
	if m.r.IntN(4) > 0 {
		t = append([]string{}, m.good[m.r.IntN(len(m.good))]...)
	}
	if raw {
		for i := 1; i < len(t); i++ {
			if t[i] == "events" && (strings.EqualFold(t[i-1], "FROM") || strings.EqualFold(t[i-1], "JOIN")) {
				t[i] = "weir.events"
			}
		}
	}
	for n := m.r.IntN(8); n >= 0; n -= 4 { // mostly one change, seldom three
		t = m.change(t)
		n -= m.r.IntN(2)
	}
	return m.join(t)
}

func (m *mutator) change(t []string) []string {
	if len(t) == 0 {
		return append(t, m.any()...)
	}
	i := m.r.IntN(len(t))
	j := min(len(t), i+1+m.r.IntN(4))
	insert := func(at, drop int, what ...string) []string {
		return append(append(append([]string{}, t[:at]...), what...), t[min(at+drop, len(t)):]...)
	}
	other := m.any()
	fragment := fragments[m.r.IntN(len(fragments))]
	switch m.r.IntN(12) {
	case 0: // splice
		if len(other) > 0 {
			k := m.r.IntN(len(other))
			return insert(i, m.r.IntN(3), other[k:min(len(other), k+1+m.r.IntN(8))]...)
		}
	case 1: // swap
		k := m.r.IntN(len(t))
		t[i], t[k] = t[k], t[i]
	case 2: // cut
		return insert(i, j-i)
	case 3: // double
		return insert(j, 0, t[i:j]...)
	case 4: // wrap
		w := wraps[m.r.IntN(len(wraps))]
		return pieces(strings.ReplaceAll(w, "%", m.join(t)))
	case 5, 6: // replace a name
		for range 10 {
			if k := m.r.IntN(len(t)); isWordStart(t[k][0]) && !keywords[strings.ToUpper(t[k])] {
				return insert(k, 1, fragment)
			}
		}
		return insert(i, 1, fragment)
	case 7:
		return insert(i, 0, fragment)
	case 8:
		return append(t, fragment)
	case 9: // quote, or take the quotes off
		switch q := t[i]; {
		case q[0] == '\'' || q[0] == '"' || q[0] == '`':
			t[i] = strings.Trim(q, "'\"`")
			if t[i] == "" {
				t[i] = "x"
			}
		default:
			c := []string{`"`, "`", "'"}[m.r.IntN(3)]
			t[i] = c + q + c
		}
	case 10: // case, look-alikes, comments
		switch m.r.IntN(4) {
		case 0:
			t[i] = strings.ToUpper(t[i])
		case 1:
			t[i] = strings.NewReplacer("e", "е", "a", "а", "o", "о").Replace(t[i])
		case 2:
			t[i] += "/**/"
		default:
			t[i] += "\n"
		}
	default: // what stands in FROM
		for k, w := range t {
			if strings.EqualFold(w, "FROM") && m.r.IntN(2) == 0 && k+1 < len(t) {
				return insert(k+1, 1, fragment)
			}
		}
		return insert(i, 0, "FROM", fragment)
	}
	return t
}

func (m *mutator) join(t []string) string {
	s := strings.Join(t, " ")
	if m.r.IntN(3) == 0 { // calls and qualified names need no blanks, and some readers want none
		s = strings.NewReplacer(" (", "(", " . ", ".", "( ", "(").Replace(s)
	}
	if len(s) > 8000 {
		s = s[:8000]
	}
	return s
}
