package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"weir/internal/clickhouse"
)

// canary marks every value of the other tenant: no answer to acme may hold it.
const canary = "canary"

// startTenants runs an engine with rows of two tenants in a table, a rollup, and
// tables that are not for tenants.
func startTenants(t *testing.T) *Engine {
	cfg := testConfig(t)
	cfg.Engine.TenantTables = []string{"events", "rollup_minute"}
	e := startEngine(t, cfg)
	c := e.Client()
	createEvents(t, c, "events", "toYYYYMM(ts)")
	for _, body := range [][]byte{block(t, "acme", 0, 1000), bytes.ReplaceAll(block(t, canary, 0, 1000), []byte("client-"), []byte("canary-"))} {
		if _, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("events")}, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{
		"CREATE TABLE weir.rollup_minute (tenant LowCardinality(String), n UInt64) ENGINE = MergeTree ORDER BY tenant",
		"INSERT INTO weir.rollup_minute VALUES ('acme', 1), ('canary', 2)",
		"CREATE TABLE weir.rollup_other (tenant LowCardinality(String), n UInt64) ENGINE = MergeTree ORDER BY tenant",
		"INSERT INTO weir.rollup_other VALUES ('acme', 1), ('canary', 2)",
		"CREATE TABLE weir.secret (name String) ENGINE = MergeTree ORDER BY name",
		"INSERT INTO weir.secret VALUES ('canary')",
		"CREATE VIEW weir.all_events AS SELECT * FROM weir.events",
		"CREATE DICTIONARY weir.dict (name String, n UInt64) PRIMARY KEY name SOURCE(CLICKHOUSE(DB 'weir' TABLE 'secret')) LAYOUT(DIRECT())",
	} {
		mustExec(t, c, sql)
	}
	return e
}

// hostile are statements that try to read what is not acme's, or to write, or to leave the confinement.
var hostile = []string{
	"SELECT * FROM weir.events",
	"SELECT count() AS canary_is_fine, groupUniqArray(tenant) FROM weir.events",
	"SELECT * FROM weir.events WHERE tenant = concat('can', 'ary')",
	"SELECT * FROM weir.events WHERE 1 OR tenant != ''",
	"SELECT * FROM weir.events PREWHERE tenant != 'acme'",
	"SELECT * FROM weir.rollup_minute",
	"SELECT * FROM weir.rollup_other",
	"SELECT * FROM weir.secret",
	"SELECT * FROM weir.all_events",
	"SELECT * FROM (SELECT * FROM weir.events SETTINGS additional_table_filters = {'weir.events': '1'})",
	"SELECT * FROM (SELECT * FROM weir.events SETTINGS apply_row_policy_after_final = 1, readonly = 0)",
	"SELECT * FROM weir.events SETTINGS readonly = 0",
	"SELECT * FROM (SELECT * FROM weir.events settings/**/max_threads=1)",
	"SELECT * FROM merge('weir', 'events')",
	"SELECT * FROM merge('weir', '.*')",
	"SELECT * FROM merge(REGEXP('.*'), '.*')",
	"SELECT * FROM mergeTreeIndex('weir', 'events')",
	"SELECT * FROM `mergeTreeIndex`('weir', 'events')",
	"SELECT * FROM \"mergeTreeIndex\"('weir', 'events', with_marks = true)",
	"SELECT * FROM mergeTreeIndex/* */(weir, events)",
	"SELECT * FROM mergeTreeProjection('weir', 'events', 'p')",
	"SELECT * FROM mergeTreeAnalyzeIndexes('weir', 'events')",
	"SELECT * FROM view(SELECT * FROM weir.events)",
	"SELECT * FROM loop('weir', 'events') LIMIT 3000",
	"SELECT * FROM remote('127.0.0.1', 'weir', 'events')",
	"SELECT * FROM cluster('default', 'weir', 'events')",
	"SELECT * FROM clusterAllReplicas('default', weir.events)",
	"SELECT * FROM file('/etc/passwd', 'LineAsString')",
	"SELECT file('/etc/passwd')",
	"SELECT * FROM url('http://127.0.0.1:1/x', 'LineAsString')",
	"SELECT * FROM s3('http://127.0.0.1:1/x', 'LineAsString')",
	"SELECT * FROM executable('cat', 'TSV', 'x String')",
	"SELECT * FROM sqlite('/x', 'y')",
	"SELECT * FROM dictionary('weir.dict')",
	"SELECT dictGet('weir.dict', 'n', 'canary')",
	"SELECT joinGet('weir.secret', 'name', 'canary')",
	"SELECT hasColumnInTable('weir', 'secret', 'name') ? 'canary' : ''",
	"SELECT * FROM weir.events INTO OUTFILE 'weir-hostile.txt'",
	"SELECT 1; SET ROLE ALL; USE default; SELECT * FROM weir.events",
	"select 1;\nset role all; use default; select * from weir.events",
	"SELECT 1 ; -- x\n; SELECT * FROM weir.secret",
	"SET ROLE ALL", "SET ROLE trusted", "SET readonly = 0", "USE t_canary", "USE default",
	"EXECUTE AS default SELECT * FROM weir.events",
	"SHOW TABLES FROM weir", "SHOW CREATE TABLE weir.secret", "DESCRIBE weir.secret", "EXISTS weir.secret", "EXPLAIN SELECT * FROM weir.events",
	"SELECT * FROM (EXPLAIN indexes = 1 SELECT * FROM weir.events)",
	"SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
	"SELECT name FROM system.tables", "SELECT * FROM system.processes", "SELECT * FROM system.parts", "SELECT * FROM system.parts_columns",
	"SELECT * FROM system.columns WHERE database = 'weir'", "SELECT * FROM system.databases", "SELECT * FROM information_schema.tables",
	"SELECT * FROM INFORMATION_SCHEMA.COLUMNS", "SELECT * FROM system.settings", "SELECT * FROM system.row_policies", "SELECT * FROM system.users",
	"SELECT * FROM system.query_log", "SELECT * FROM system.errors", "SELECT * FROM system.dictionaries", "SELECT * FROM system.stack_trace", "SELECT * FROM system.data_skipping_indices",
	"INSERT INTO weir.events (tenant) VALUES ('acme')", "INSERT INTO FUNCTION file('weir-hostile.txt') SELECT 1",
	"CREATE TABLE t_acme.x (a UInt8) ENGINE = Memory", "CREATE TEMPORARY TABLE x (a UInt8)", "CREATE DATABASE t_acme2", "CREATE FUNCTION f AS x -> x",
	"DROP TABLE weir.events", "TRUNCATE TABLE weir.events", "ALTER TABLE weir.events DELETE WHERE 1", "OPTIMIZE TABLE weir.events", "DETACH TABLE weir.events",
	"SYSTEM SHUTDOWN", "SYSTEM FLUSH LOGS", "KILL QUERY WHERE 1", "BACKUP DATABASE weir TO Disk('d', 'x')", "GRANT ALL ON *.* TO default",
	"WITH x AS (SELECT * FROM weir.secret) SELECT * FROM x",
	"SELECT (SELECT groupArray(name) FROM weir.secret)",
	"SELECT 1 IN (SELECT n FROM weir.rollup_other)",
	"SELECT * FROM weir.events AS a JOIN weir.secret AS b ON 1",
	"SELECT 1 UNION ALL SELECT n FROM weir.rollup_other",
	"SELECT * FROM weir.events FINAL",
	"SELECT * FROM weir.events SAMPLE 1/1",
	"SELECT client_id FROM weir.events WHERE _part LIKE '%' AND client_id LIKE 'can%'",
	"SELECT * FROM numbers(1) WHERE (SELECT any(client_id) FROM weir.events WHERE client_id LIKE 'can%') != ''",
	"SELECT * FROM numbers((SELECT toUInt64(count()) FROM weir.secret))", "SELECT * FROM generate_series(1, (SELECT toUInt64(max(n)) FROM weir.rollup_other))",
	"SELECT n.number, s.* FROM numbers(3) AS n LEFT JOIN weir.secret AS s ON 1 = 1", "SELECT count() FROM numbers(3) AS n JOIN weir.events AS e ON e.tenant = 'canary'",
	"SELECT * FROM values('x UInt64 DEFAULT (SELECT count() FROM weir.secret), y String', (1, 'a'))", "SELECT * FROM values('x String', (SELECT any(name) FROM weir.secret))",
	"SELECT client_id FROM weir.events PREWHERE tenant = 'canary' OR 1 WHERE 1 OR tenant != ''",
	"SELECT currentRoles() WHERE has(currentRoles(), 'trusted')",
	"SELECT * FROM '/etc/passwd'", "SELECT * FROM `/etc/passwd`", "FROM weir.secret", "FROM weir.secret SELECT *", "1; SELECT 2",
	"SELECT * FROM default.`/etc/passwd`", "SELECT * FROM t_canary.events",
	"SELECT * FROM values('x String', 'a') AS v JOIN weir.secret AS s ON true",
	"SELECT arrayMap(file, ['/etc/passwd'])", "SELECT arrayMap((file), ['/etc/passwd'])", "SELECT arrayMap(a -> arrayMap(`file`, a), [['/etc/passwd']])",
	"SELECT arrayFilter(file, ['/etc/passwd'])", "SELECT mapApply(file, map('a', '/etc/passwd'))", "SELECT arrayMap({f:Identifier}, ['/etc/passwd'])",
	"SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS x)", "SELECT COLUMNS('x') APPLY file FROM (SELECT '/etc/passwd' AS x)",
	"SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS x)", "SELECT * REPLACE(file(x) AS x) FROM (SELECT '/etc/passwd' AS x)",
	"WITH x -> file(x) AS f SELECT f('/etc/passwd')", "SELECT `file`('/etc/passwd')", "SELECT file /* */ ('/etc/passwd')", "SELECT count() FILTER (WHERE file('/etc/passwd') != '')",
	"SELECT x FROM (SELECT '/etc/passwd' AS p) ARRAY JOIN arrayMap(file, [p]) AS x", "SELECT * FROM eval('SELECT * FROM weir.secret')",
	"SELECT aiGenerate('x')", "SELECT sleep(1)", "SELECT hostname()", "SELECT getServerSetting('path')", "SELECT catboostEvaluate('/etc/passwd', 1)", "SELECT getClientHTTPHeader('x')",
	"SELECT * FROM {t:Identifier}.secret", "SELECT * FROM weir.{t:Identifier}",
}

func TestTenantConfinement(t *testing.T) {
	e := startTenants(t)
	c := e.Client()
	all := value(t, c, "SELECT count(), countIf(tenant = 'canary'), (SELECT count() FROM weir.secret) FROM weir.events")
	if all != "2000\t1000\t1" {
		t.Fatalf("weir itself sees %q", all)
	}

	answered := 0
	for _, sql := range hostile {
		for _, format := range []string{"TSV", "JSON", "CSVWithNames"} {
			got, _, err := ask(c, clickhouse.Statement{SQL: sql, Format: format, Tenant: "acme", Params: map[string]string{"t": "weir", "f": "file"}})
			var ee *clickhouse.Error
			switch {
			case err != nil && !errors.As(err, &ee):
				t.Errorf("%s: %v", sql, err)
			case err != nil && ee.Status/100 != 4:
				t.Errorf("%s: status %d: %v", sql, ee.Status, ee)
			case err == nil:
				answered++
				text := strings.ReplaceAll(got, "canary_is_fine", "")
				if strings.Contains(text, canary) || strings.Contains(text, "root:") {
					t.Errorf("%s: the answer has what is another's: %.300s", sql, got)
				}
			}
		}
	}
	t.Logf("%d statements, %d answers without anything of another's", len(hostile), answered)

	// What must give nothing, and no error that would hide a hole.
	for sql, want := range map[string]string{
		"SELECT count(), uniqExact(tenant), any(tenant) FROM weir.events":                       "1000\t1\tacme\n",
		"SELECT sum(n) FROM weir.rollup_minute":                                                 "1\n",
		"SELECT count() FROM weir.events WHERE client_id LIKE 'can%'":                           "0\n",
		"SELECT count() FROM system.tables":                                                     "0\n",
		"SELECT count() FROM system.processes":                                                  "0\n",
		"SELECT currentDatabase()":                                                              "t_acme\n",
		"SELECT count() FROM numbers(10)":                                                       "10\n",
		"SELECT count() FROM view(SELECT * FROM weir.events)":                                   "1000\n",
		"SELECT file, lower(toString(file)), count(file) FROM (SELECT 1 AS file) GROUP BY file": "1\t1\t1\n",
		"SELECT CASE number WHEN 0 THEN 'a' ELSE 'b' END, CAST(number, 'String'), number::UInt8, version() = '' FROM numbers(1)":                "a\t0\t0\t0\n",
		"SELECT now() > toDateTime(0), (SELECT 1), exists(SELECT 1), if(1, 2, 3), 1 BETWEEN 0 AND 2, uniq(1), quantile(0.5)(1), [1,2][1]":       "1\t1\t1\t2\t1\t1\t1\t1\n",
		"SELECT grouping(number), lagInFrame(number) OVER (ORDER BY number), untuple((1, 2)) FROM numbers(1) GROUP BY GROUPING SETS ((number))": "0\t0\t1\t2\n",
		"SELECT 'SETTINGS a = 1', 'merge(', `x` FROM (SELECT 1 AS x)":                                                                           "SETTINGS a = 1\tmerge(\t1\n",
	} {
		if got, _ := one(t, c, clickhouse.Statement{SQL: sql, Tenant: "acme"}); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	// Each statement that must be refused before the engine runs it.
	for _, sql := range []string{"SELECT * FROM mergeTreeIndex('weir', 'events')", "SELECT 1; SELECT 2", "SHOW TABLES", "SELECT 1 SETTINGS max_threads = 1",
		"SELECT * FROM system.stack_trace", "SELECT 1 INTO OUTFILE 'weir-hostile.txt'", "INSERT INTO weir.events (tenant) VALUES ('acme')", "SELECT * FROM weir.secret"} {
		if _, err := c.Exec(ctx, clickhouse.Statement{SQL: sql, Tenant: "acme"}); err == nil {
			t.Errorf("%s: no error", sql)
		}
	}
	if _, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("events"), Tenant: "acme"}, bytes.NewReader(block(t, "acme", 0, 1))); err == nil {
		t.Error("a tenant could insert")
	}
	if got := value(t, c, "SELECT count(), countIf(tenant = 'canary'), (SELECT count() FROM weir.secret) FROM weir.events"); got != all {
		t.Errorf("after it all weir sees %q", got)
	}
	if got := value(t, c, "SELECT count() FROM system.databases WHERE engine = 'Memory' AND name LIKE 't\\\\_%'"); got != "1" {
		t.Errorf("%s databases of tenants", got)
	}
}

// Tenants at the same time, with their own settings and parameters, each see their own rows and nothing of a statement before.
func TestTenantsSideBySide(t *testing.T) {
	e := startTenants(t)
	c := e.Client()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 40 {
				tenant := []string{"acme", canary, "nobody-1"}[r.IntN(3)]
				rows := map[string]string{"acme": "1000", canary: "1000", "nobody-1": "0"}[tenant]
				threads := fmt.Sprint(1 + r.IntN(3))
				s := clickhouse.Statement{
					SQL:      "SELECT count(), countIf(tenant != {me:String}), currentDatabase(), getSetting('max_threads') FROM weir.events",
					Settings: map[string]string{"max_threads": threads}, Params: map[string]string{"me": tenant}, Tenant: tenant,
				}
				switch r.IntN(5) {
				case 0: // an error between
					if _, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT throwIf(1)", Tenant: tenant, Settings: s.Settings}); err == nil {
						t.Error("no error")
					}
				case 1: // weir itself between
					if got, _, err := ask(c, clickhouse.Statement{SQL: "SELECT count(), currentDatabase() FROM weir.events"}); err != nil || got != "2000\tdefault\n" {
						t.Errorf("weir: %q %v", got, err)
					}
				}
				got, _, err := ask(c, s)
				if want := rows + "\t0\tt_" + tenant + "\t" + threads + "\n"; err != nil || got != want {
					t.Errorf("%s: %q %v, want %q", tenant, got, err, want)
				}
			}
		}()
	}
	wg.Wait()
}

// The engine remembers granules without a match by condition: one tenant's must not hide another's rows.
func TestTenantConditionCache(t *testing.T) {
	e := startTenants(t)
	c := e.Client()
	const sql = "SELECT count() FROM weir.events WHERE client_id LIKE 'canary-99%'"
	for range 3 {
		for tenant, want := range map[string]string{"acme": "0\n", canary: "11\n"} {
			if got, _ := one(t, c, clickhouse.Statement{SQL: sql, Tenant: tenant}); got != want {
				t.Errorf("%s: %q, want %q", tenant, got, want)
			}
		}
		if got := value(t, c, sql); got != "11" {
			t.Errorf("weir: %s", got)
		}
	}
}

// An operator's text sees all tenants' rows of the tables of tenants, and nothing else: it is confined like a tenant's.
func TestOperatorConfinement(t *testing.T) {
	e := startTenants(t)
	c := e.Client()
	for sql, want := range map[string]string{
		"SELECT count(), uniqExact(tenant) FROM weir.events":      "2000\t2\n",
		"SELECT sum(n) FROM weir.rollup_minute":                   "3\n",
		"SELECT count() FROM system.tables":                       "0\n",
		"SELECT count() FROM system.processes":                    "0\n",
		"SELECT currentDatabase(), currentRoles()":                "", // refused: currentRoles
		"SELECT currentDatabase()":                                "o_operator\n",
		"SELECT * FROM weir.secret":                               "",
		"SELECT * FROM weir.rollup_other":                         "",
		"SELECT * FROM weir.all_events":                           "",
		"SELECT dictGet('weir.dict', 'n', 'canary')":              "",
		"SELECT * FROM mergeTreeIndex('weir', 'events')":          "",
		"SELECT * FROM file('/etc/passwd', 'LineAsString')":       "",
		"SELECT file('/etc/passwd')":                              "",
		"SELECT 1 INTO OUTFILE 'weir-hostile.txt'":                "",
		"SELECT 1 SETTINGS readonly = 0":                          "",
		"SELECT 1; SET ROLE ALL; SELECT * FROM weir.secret":       "",
		"SET ROLE trusted":                                        "",
		"INSERT INTO weir.events (tenant) VALUES ('acme')":        "",
		"CREATE TABLE o_operator.x (a UInt8) ENGINE = Memory":     "",
		"ALTER TABLE weir.events DELETE WHERE 1":                  "",
		"DROP TABLE weir.events":                                  "",
		"EXPLAIN indexes = 1 SELECT * FROM weir.events":           "",
		"SELECT count() FROM (EXPLAIN SELECT * FROM weir.events)": "",
	} {
		got, _, err := ask(c, clickhouse.Statement{SQL: sql, Operator: true})
		var ee *clickhouse.Error
		switch {
		case want != "" && (err != nil || got != want):
			t.Errorf("%s: %q %v, want %q", sql, got, err, want)
		case want == "" && (!errors.As(err, &ee) || ee.Status/100 != 4):
			t.Errorf("%s: %q %v, want a refusal", sql, got, err)
		}
	}
	if _, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("events"), Operator: true}, bytes.NewReader(block(t, "acme", 0, 1))); err == nil {
		t.Error("an operator's text could insert")
	}
	if _, _, err := ask(c, clickhouse.Statement{SQL: "SELECT 1", Operator: true, Tenant: "acme"}); err == nil {
		t.Error("a statement is a tenant's and an operator's")
	}
	// The connections of one are never another's.
	for range 3 {
		if got, _ := one(t, c, clickhouse.Statement{SQL: "SELECT count() FROM weir.events", Tenant: "acme"}); got != "1000\n" {
			t.Errorf("acme sees %q", got)
		}
		if got, _ := one(t, c, clickhouse.Statement{SQL: "SELECT count() FROM weir.events", Operator: true}); got != "2000\n" {
			t.Errorf("the operator sees %q", got)
		}
	}
}

// EXPLAIN and DESCRIBE of a SELECT run for tenants, without what counts other tenants' parts.
func TestTenantExplain(t *testing.T) {
	e := startTenants(t)
	c := e.Client()
	for sql, allowed := range map[string]bool{
		"EXPLAIN actions = 0 SELECT * FROM weir.events":                                true,
		"EXPLAIN SELECT * FROM weir.events":                                            false,
		"EXPLAIN PLAN header = 1 SELECT * FROM weir.events":                            false,
		"EXPLAIN actions = 0, actions = 1 SELECT * FROM weir.events":                   false,
		"EXPLAIN AST SELECT * FROM weir.events":                                        true,
		"EXPLAIN SYNTAX oneline = 1 SELECT * FROM weir.events":                         true,
		"EXPLAIN QUERY TREE passes = 1, dump_ast = 1 SELECT * FROM weir.events":        true,
		"EXPLAIN PLAN header = 1, actions = 0 SELECT * FROM weir.events":               true,
		"EXPLAIN json = 1, actions = 0 SELECT * FROM weir.events":                      true,
		"EXPLAIN PLAN header = 1, actions = 1 SELECT * FROM weir.events":               false,
		"EXPLAIN SYNTAX actions = 0 SELECT * FROM weir.events":                         false,
		"EXPLAIN PIPELINE graph = 1 (SELECT 1) UNION ALL (SELECT 2)":                   true,
		"EXPLAIN ESTIMATE SELECT client_id FROM weir.events":                           true,
		"DESCRIBE (SELECT 1 AS a, client_id FROM weir.events)":                         true,
		"DESCRIBE TABLE ((SELECT 1) UNION ALL (SELECT 2))":                             true,
		"DESC (WITH (SELECT count() FROM weir.events) AS n SELECT n)":                  true,
		"DESCRIBE TABLE weir.events":                                                   false,
		"DESCRIBE weir.secret":                                                         false,
		"DESCRIBE TABLE numbers(3)":                                                    false,
		"DESCRIBE file('/etc/passwd')":                                                 false,
		"DESCRIBE (SELECT * FROM file('/etc/passwd'))":                                 false,
		"DESCRIBE (SELECT file('/etc/passwd'))":                                        false,
		"DESCRIBE (SELECT 1) SETTINGS readonly = 0":                                    false,
		"DESCRIBE (SELECT 1 SETTINGS readonly = 0)":                                    false,
		"DESCRIBE (SELECT * FROM mergeTreeIndex('weir', 'events'))":                    false,
		"DESCRIBE (SELECT 1); SELECT * FROM weir.secret":                               false,
		"DESCRIBE (DESCRIBE weir.events)":                                              false,
		"DESCRIBE (EXPLAIN SELECT 1)":                                                  false,
		"EXPLAIN indexes = 1 SELECT * FROM weir.events":                                false,
		"EXPLAIN PLAN header = 1, indexes = 1 SELECT * FROM weir.events":               false,
		"EXPLAIN PLAN projections = 1 SELECT * FROM weir.events":                       false,
		"EXPLAIN actions = 0, distributed = 1 SELECT * FROM weir.events":               false,
		"EXPLAIN QUERY TREE SELECT file('/etc/passwd')":                                false,
		"EXPLAIN QUERY TREE SELECT * FROM mergeTreeIndex('weir', 'events')":            false,
		"EXPLAIN actions = 0 SELECT 1 SETTINGS readonly = 0":                           false,
		"EXPLAIN INSERT INTO weir.events SELECT * FROM weir.events":                    false,
		"EXPLAIN CREATE TABLE x (a UInt8) ENGINE = Memory":                             false,
		"EXPLAIN CURRENT TRANSACTION":                                                  false,
		"EXPLAIN TABLE OVERRIDE mysql('h', 'd', 't', 'u', 'p') PARTITION BY toDate(x)": false,
		"SELECT * FROM (EXPLAIN SELECT 1)":                                             false,
		"SELECT (EXPLAIN SELECT 1)":                                                    false,
		"EXPLAIN actions = 0 SELECT 1; SELECT * FROM weir.secret":                      false,
	} {
		got, _, err := ask(c, clickhouse.Statement{SQL: sql, Tenant: "acme"})
		if (err == nil) != allowed {
			t.Errorf("%s: %q %v", sql, got, err)
		}
		if strings.Contains(got, "ranules") || strings.Contains(got, "Parts") {
			t.Errorf("%s: counts what others have: %q", sql, got)
		}
		if strings.Contains(got, canary) || strings.Contains(got, "root:") || strings.Contains(got, "2000") {
			t.Errorf("%s: shows what is another's: %s", sql, got)
		}
	}
}

// TestTenantSettings: settings that change what any SELECT answers do so for the tenant's statement, and do not keep its session from being confined.
func TestTenantSettings(t *testing.T) {
	c := startTenants(t).Client()
	const sql = "SELECT number, (SELECT count() FROM weir.events) FROM numbers(4)"
	plain := func(rows ...int) (out string) {
		for _, n := range rows {
			out += fmt.Sprintf("%d\t1000\n", n)
		}
		return out
	}
	for _, tc := range []struct {
		settings map[string]string
		want     string
	}{
		{nil, plain(0, 1, 2, 3)},
		{map[string]string{"offset": "1"}, plain(1, 2, 3)},
		{map[string]string{"limit": "2"}, plain(0, 1)},
		{map[string]string{"limit": "1", "offset": "2"}, plain(2)},
		{map[string]string{"offset": "100"}, ""},
		{map[string]string{"extremes": "1"}, plain(0, 1, 2, 3) + "\n" + plain(0, 3)},
		{map[string]string{"max_result_rows": "1", "result_overflow_mode": "break"}, plain(0, 1, 2, 3)}, // one block is never cut
		{map[string]string{"output_format_tsv_crlf_end_of_line": "1"}, strings.ReplaceAll(plain(0, 1, 2, 3), "\n", "\r\n")},
	} {
		for range 2 { // in a new session, and in one that is used again
			if got, _, err := ask(c, clickhouse.Statement{SQL: sql, Tenant: "acme", Settings: tc.settings}); err != nil || got != tc.want {
				t.Errorf("%v: %q %v, want %q", tc.settings, got, err, tc.want)
			}
		}
		operator := strings.ReplaceAll(tc.want, "1000", "2000")
		if got, _, err := ask(c, clickhouse.Statement{SQL: sql, Operator: true, Settings: tc.settings}); err != nil || got != operator {
			t.Errorf("operator, %v: %q %v, want %q", tc.settings, got, err, operator)
		}
	}
}
