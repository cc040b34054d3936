# one statement a line; each must be refused by the guard
# tables by their full names
SELECT * FROM weir.events
SELECT count() FROM weir.events WHERE tenant = 'other'
SELECT * FROM "weir"."events"
SELECT * FROM `weir`.`events`
SELECT * FROM "weir".events
SELECT * FROM weir . events
SELECT * FROM weir/**/./**/events
SELECT * FROM WEIR.events
SELECT * FROM t_other.events
SELECT * FROM weir.rollup_minute
SELECT * FROM rollup_day
SELECT * FROM ROLLUP_MINUTE
SELECT tenant FROM rollup_minute
SELECT _seq, _writer FROM rollup_minute
SELECT _e._seq FROM rollup_minute
SELECT _u.events FROM rollup_minute
SELECT path FROM rollup_minute, weir.events
SELECT count() FROM rollup_minute, weir.rollup_minute
SELECT * FROM t_victim.rollup_minute
SELECT * FROM victim.rollup_minute
SELECT * FROM weir.acme.rollup_minute
SELECT * FROM rollup_minute FINAL
SELECT * FROM rollup_minute SAMPLE 1
SELECT * FROM rollup_minute SETTINGS max_threads = 1
WITH rollup_minute AS (SELECT 1) SELECT * FROM rollup_minute
WITH ROLLUP_MINUTE AS (SELECT 1) SELECT * FROM rollup_minute
WITH 1 AS rollup_hour_page SELECT 1
SELECT * FROM events AS rollup_minute
SELECT * FROM (SELECT 1) AS rollup_minute
SELECT {_rollup_minute_1:UInt64}
SELECT {_rollup_minute_1:UInt64} FROM rollup_minute
SELECT throwIf(1) FROM rollup_minute
SELECT throwIf(events > 1) FROM rollup_minute
SELECT rollup_hour_page.path FROM rollup_minute
SELECT sum(events) FROM rollup_minute WHERE time IN weir.rollup_minute
SELECT sum(events) FROM rollup_minute WHERE type IN (SELECT type FROM weir.rollup_minute)
SELECT * FROM merge('weir', 'rollup.*')
SELECT * FROM mergeTreeIndex('weir', 'rollup_minute')
SELECT * FROM weir.schema_migrations
SELECT * FROM schema_migrations
SELECT * FROM system.tables
SELECT * FROM system.one
SELECT * FROM system.processes
SELECT * FROM system.query_log
SELECT * FROM system.users
SELECT * FROM system.row_policies
SELECT * FROM system.parts
SELECT * FROM system.columns
SELECT * FROM system.databases
SELECT * FROM system.settings
SELECT * FROM system.numbers LIMIT 1
SELECT * FROM system.functions
SELECT * FROM "system"."tables"
SELECT * FROM information_schema.tables
SELECT * FROM INFORMATION_SCHEMA.COLUMNS
SELECT * FROM one
SELECT * FROM numbers
SELECT * FROM tables
SELECT * FROM Events
SELECT * FROM EVENTS
SELECT * FROM _temporary_and_external_tables.x
SELECT * FROM events, weir.events
SELECT * FROM events JOIN weir.events USING (ts)
SELECT * FROM events AS a LEFT JOIN system.tables AS b ON 1 = 1
SELECT * FROM events CROSS JOIN system.one
SELECT * FROM (SELECT * FROM weir.events)
SELECT * FROM (SELECT * FROM (SELECT * FROM system.tables))
SELECT (SELECT count() FROM weir.events)
SELECT 1 WHERE exists(SELECT 1 FROM weir.events)
SELECT 1 WHERE EXISTS (SELECT 1 FROM system.one)
SELECT count() FROM events WHERE client_id IN (SELECT client_id FROM weir.events)
SELECT count() FROM events WHERE client_id IN weir.events
SELECT count() FROM events WHERE client_id IN (weir.events)
SELECT count() FROM events WHERE 1 IN system.one
SELECT count() FROM events WHERE 1 IN (system.one)
SELECT count() FROM events WHERE 1 NOT IN system.one
SELECT count() FROM events WHERE 1 IN ((system.one))
SELECT count() FROM events WHERE 1 IN one
SELECT in(1, system.one)
SELECT notIn(1, system.one)
SELECT globalIn(1, system.one)
SELECT nullIn(1, system.one)
SELECT inIgnoreSet(1, system.one)
SELECT count() FROM events WHERE 1 GLOBAL IN (SELECT 1)
SELECT count() FROM events GLOBAL ANY LEFT JOIN (SELECT 1 AS x) AS t ON 1 = 1
WITH x AS (SELECT * FROM weir.events) SELECT * FROM x
WITH (SELECT count() FROM weir.events) AS n SELECT n
SELECT count() FROM events UNION ALL SELECT count() FROM weir.events
SELECT 1 UNION ALL (SELECT count() FROM weir.events)
(SELECT 1) UNION ALL (SELECT count() FROM system.tables)
SELECT 1 EXCEPT SELECT count() FROM system.tables
SELECT 1 INTERSECT SELECT count() FROM system.tables
SELECT 1 FROM events WHERE 1 = ANY (SELECT 1 FROM system.one)
SELECT system.one.dummy FROM events
SELECT weir.events.tenant FROM events
SELECT weir.events.* FROM events
SELECT weir.events.COLUMNS('.*') FROM events
SELECT sum(n) OVER (ORDER BY (SELECT 1 FROM system.one)) FROM (SELECT 1 AS n)
SELECT 1 LIMIT (SELECT count() FROM weir.events)
SELECT 1 ORDER BY (SELECT count() FROM weir.events)
SELECT 1 GROUP BY (SELECT count() FROM weir.events)
SELECT 1 HAVING (SELECT count() FROM weir.events) > 0
SELECT CASE WHEN (SELECT count() FROM weir.events) > 0 THEN 1 END
SELECT [(SELECT count() FROM weir.events)]
SELECT ((SELECT count() FROM weir.events), 1)
SELECT arrayMap(x -> (SELECT count() FROM weir.events), [1])
SELECT * REPLACE ((SELECT count() FROM weir.events) AS path) FROM events
SELECT 1 BETWEEN (SELECT 1 FROM system.one) AND 2
SELECT CAST((SELECT count() FROM weir.events) AS String)
SELECT (SELECT count() FROM weir.events)::String
SELECT 1 AS x INTERPOLATE (x AS (SELECT 1 FROM system.one))
# columns that are not the tenant's to see
SELECT tenant FROM events
SELECT _seq FROM events
SELECT _writer, _offset FROM events
SELECT enrich_version FROM events
SELECT _part FROM events
SELECT _table, _database FROM events
SELECT events.tenant, tenant FROM events
# shadowing of our relation
WITH events AS (SELECT 1) SELECT * FROM events
WITH Events AS (SELECT 1) SELECT * FROM Events
WITH EVENTS AS (SELECT 1 AS x) SELECT x FROM EVENTS
WITH 1 AS events SELECT events
WITH (SELECT 1) AS events SELECT events
SELECT * FROM (SELECT 1) AS events
SELECT * FROM (SELECT 1) events
SELECT * FROM events AS Events
SELECT * FROM sessions AS events
SELECT * FROM events AS events AS events
SELECT * FROM events events.events
WITH weir AS (SELECT 1 AS events) SELECT weir.events FROM weir
WITH system AS (SELECT 1 AS one) SELECT * FROM system
SELECT * FROM events AS system
SELECT * FROM events AS weir
SELECT * FROM events AS t_other
SELECT * FROM (SELECT 1) AS _x
SELECT * FROM events AS system, system.one
WITH default AS (SELECT 1 AS x) SELECT * FROM default
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r
# settings
SELECT 1 SETTINGS max_threads = 1
SELECT * FROM events SETTINGS additional_table_filters = {'events': '1'}
SELECT * FROM (SELECT * FROM events SETTINGS additional_table_filters = {})
SELECT * FROM (SELECT 1 SETTINGS readonly = 0)
SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 1
(SELECT 1 SETTINGS max_threads = 1)
(SELECT 1) SETTINGS max_threads = 1
SELECT 1 FORMAT JSON SETTINGS max_threads = 1
SELECT 1 SETTINGS max_threads = 1 FORMAT JSON
SELECT 1 IN (SELECT 1 SETTINGS max_rows_to_read = 0)
WITH x AS (SELECT 1 SETTINGS readonly = 0) SELECT * FROM x
SELECT 1 settings max_execution_time = 0
SELECT 1 SeTtInGs max_execution_time = 0
SELECT * FROM events SETTINGS
SET max_threads = 1
SET ROLE ALL
SET additional_table_filters = {}
# output
SELECT * FROM events INTO OUTFILE 'x'
SELECT 1 INTO OUTFILE '/tmp/x' TRUNCATE FORMAT CSV
SELECT 1 INTO OUTFILE 'x' AND STDOUT
SELECT 1 FORMAT Null
SELECT 1 FORMAT Native
SELECT 1 FORMAT RowBinary
SELECT 1 FORMAT SQLInsert
SELECT 1 FORMAT Template
SELECT 1 FORMAT Nonsense
SELECT 1 FORMAT JSON FORMAT CSV
SELECT * FROM (SELECT 1 FORMAT JSON)
(SELECT 1 FORMAT JSON) UNION ALL (SELECT 2)
SELECT 1 FORMAT JSONEachRow {"x": 1}
SELECT 1 FORMAT CSV 1,2,3
# several statements
SELECT 1; SELECT 2
SELECT 1; DROP TABLE weir.events
SELECT 1;; SELECT 2
; SELECT 1
SELECT 1; SET ROLE ALL; USE default; SELECT * FROM weir.events
SELECT 1 PARALLEL WITH SELECT 2
SELECT 1 /* ; */ ; SELECT 2
# other statements
INSERT INTO events SELECT 1
INSERT INTO weir.events SELECT * FROM weir.events
WITH 1 AS x INSERT INTO events SELECT x
INSERT INTO FUNCTION file('x') SELECT 1
CREATE TABLE x (a UInt8) ENGINE = Memory
CREATE TABLE x ENGINE = File(CSV) AS SELECT 1
CREATE FUNCTION f AS x -> x
CREATE USER x
CREATE ROW POLICY p ON weir.events USING 1 TO ALL
CREATE VIEW v AS SELECT 1
CREATE TEMPORARY TABLE events AS SELECT 1
DROP TABLE weir.events
DROP ROW POLICY x ON weir.events
TRUNCATE TABLE weir.events
ALTER TABLE weir.events DELETE WHERE 1
DELETE FROM weir.events WHERE 1
UPDATE weir.events SET tenant = 'x' WHERE 1
OPTIMIZE TABLE weir.events FINAL
RENAME TABLE weir.events TO weir.x
EXCHANGE TABLES weir.events AND weir.x
ATTACH TABLE weir.events
DETACH TABLE weir.events
KILL QUERY WHERE 1
SYSTEM SHUTDOWN
SYSTEM FLUSH LOGS
SYSTEM RELOAD CONFIG
USE weir
SHOW CREATE TABLE weir.events
SHOW GRANTS
SHOW PROCESSLIST
DESCRIBE TABLE weir.events
EXPLAIN PLAN SELECT * FROM weir.events
SELECT * FROM (EXPLAIN SELECT * FROM weir.events)
SELECT (EXPLAIN SELECT 1)
CHECK TABLE weir.events
BACKUP TABLE weir.events TO Disk('x', 'y')
RESTORE TABLE weir.events FROM Disk('x', 'y')
GRANT ALL ON *.* TO t_acme
REVOKE ALL ON *.* FROM t_acme
BEGIN TRANSACTION
EXECUTE AS x SELECT 1
WATCH x
VALUES (1)
TABLE events
# table functions
SELECT * FROM file('/etc/passwd', 'LineAsString')
SELECT * FROM file('../../data/weir/events/*', 'Native')
SELECT * FROM url('http://127.0.0.1/', 'CSV', 'a String')
SELECT * FROM s3('http://x/y', 'CSV')
SELECT * FROM s3Cluster('c', 'http://x/y', 'CSV')
SELECT * FROM remote('127.0.0.1', weir, events)
SELECT * FROM remote('127.0.0.1', weir.events)
SELECT * FROM remoteSecure('127.0.0.1', weir.events)
SELECT * FROM cluster('default', weir.events)
SELECT * FROM clusterAllReplicas('default', system.one)
SELECT * FROM merge('weir', '.*')
SELECT * FROM merge(weir, 'events')
SELECT * FROM merge(REGEXP('.*'), 'events')
SELECT * FROM mergeTreeIndex('weir', 'events')
SELECT * FROM mergeTreeIndex(weir, events, with_marks = true)
SELECT * FROM mergeTreeProjection('weir', 'events', 'p')
SELECT * FROM mergeTreeTextIndex('weir', 'events', 'p')
SELECT * FROM mergeTreeAnalyzeIndexes('weir', 'events')
SELECT * FROM dictionary('d')
SELECT * FROM numbers_mt(10)
SELECT * FROM zeros(10)
SELECT * FROM generateRandom('a UInt8')
SELECT * FROM values('a UInt8', 1)
SELECT * FROM view(SELECT * FROM weir.events)
SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('x UInt8'))
SELECT * FROM input('a UInt8')
SELECT * FROM null('a UInt8')
SELECT * FROM executable('x', 'CSV', 'a String')
SELECT * FROM mysql('h', 'd', 't', 'u', 'p')
SELECT * FROM postgresql('h', 'd', 't', 'u', 'p')
SELECT * FROM sqlite('x', 'y')
SELECT * FROM mongodb('h', 'd', 't', 'u', 'p', 's')
SELECT * FROM redis('h', 'k', 's')
SELECT * FROM jdbc('x', 'y', 'z')
SELECT * FROM odbc('x', 'y', 'z')
SELECT * FROM hdfs('x')
SELECT * FROM azureBlobStorage('x')
SELECT * FROM gcs('x')
SELECT * FROM iceberg('x')
SELECT * FROM icebergLocal('/data')
SELECT * FROM deltaLake('x')
SELECT * FROM hudi('x')
SELECT * FROM fuzzJSON('x')
SELECT * FROM fuzzQuery('SELECT 1')
SELECT * FROM loop(weir.events)
SELECT * FROM Python(x)
SELECT * FROM format(JSONEachRow, '{}')
SELECT * FROM timeSeriesData(weir.events)
SELECT * FROM buffer(weir, events, 1, 1, 1, 1, 1, 1, 1)
SELECT * FROM structureToProtobufSchema('x')
SELECT * FROM (file('x'))
SELECT * FROM events JOIN file('x') AS f ON 1 = 1
SELECT 1 IN file('x')
SELECT 1 IN (numbers(3))
SELECT 1 IN numbers(3)
SELECT numbers(3)
SELECT numbers(3) FROM numbers(3)
SELECT number FROM numbers() LIMIT 1
SELECT count() FROM numbers(10000001)
SELECT count() FROM numbers(0, 10000001)
SELECT count() FROM numbers(0, 100000010, 9)
SELECT count() FROM numbers(18446744073709551615)
SELECT * FROM numbers(18446744073709551616)
SELECT * FROM numbers(1, 2, 0)
SELECT * FROM numbers(1, 2, 3, 4)
SELECT * FROM numbers(-1)
SELECT * FROM numbers(1e3)
SELECT * FROM numbers(0x10)
SELECT * FROM numbers('3')
SELECT * FROM numbers(1 + 2)
SELECT * FROM numbers((3))
SELECT * FROM numbers([3])
SELECT * FROM numbers({n:UInt64})
SELECT * FROM numbers(number)
WITH 3 AS n SELECT * FROM numbers(n)
SELECT * FROM numbers((SELECT count() FROM events))
SELECT * FROM numbers((SELECT count() FROM weir.events))
SELECT * FROM numbers(SELECT 3)
SELECT * FROM numbers(events)
SELECT * FROM numbers(weir.events)
SELECT * FROM numbers(3, weir.events)
SELECT * FROM numbers(DISTINCT 3)
SELECT * FROM numbers(3 SETTINGS max_threads = 1)
SELECT * FROM numbers(3) SETTINGS max_threads = 1
SELECT * FROM numbers(3)(3)
SELECT * FROM numbers(3) IGNORE
SELECT * FROM numbers(3) IGNORE NULLS
SELECT * FROM numbers(3) RESPECT NULLS, weir.events
SELECT * FROM numbers(3) FILTER (WHERE 1)
SELECT * FROM numbers(3) FILTER (WHERE number IN (SELECT 1 FROM weir.events))
SELECT * FROM numbers(3) OVER (PARTITION BY 1)
SELECT * FROM numbers(3) FINAL
SELECT * FROM numbers(3) SAMPLE 1
SELECT * FROM numbers(3) AS weir
SELECT * FROM numbers(3) AS _e
SELECT * FROM numbers(3) AS events
SELECT * FROM numbers(3) AS rollup_minute
SELECT * FROM numbers(3), weir.events
SELECT * FROM numbers(3) AS n JOIN weir.events AS e ON n.number = 1
SELECT tenant FROM numbers(3)
SELECT _table FROM numbers(3)
SELECT _database FROM numbers(3)
SELECT * FROM (numbers(3))
SELECT * FROM (numbers(3)) AS n
SELECT * FROM (numbers(3) AS n)
SELECT * FROM NUMBERS(3)
SELECT * FROM system.numbers(3)
SELECT * FROM weir.numbers(3)
SELECT * FROM "generate_series"(1, 3)
SELECT * FROM Generate_Series(1, 3)
SELECT * FROM GENERATESERIES(1, 3)
SELECT * FROM generate_series(1)
SELECT * FROM generate_series(1, 3, 0)
SELECT count() FROM generate_series(0, 10000000)
SELECT count() FROM generate_series(0, 18446744073709551615)
SELECT count() FROM generateSeries(0, 18446744073709551615, 1)
SELECT * FROM generateSeries(toUInt64(1), 3)
SELECT * FROM zeros_mt(10)
SELECT * FROM values((1, 2))
SELECT * FROM values('a Object(\'json\')', '{}')
SELECT * FROM values('a UInt8 DEFAULT (SELECT count() FROM weir.events)', 1)
SELECT * FROM VALUES('a UInt8', (SELECT count() FROM weir.events))
SELECT * FROM "file"('x')
SELECT * FROM `numbers`(3)
SELECT * FROM weir.file('x')
# functions that read the server or cost without end
SELECT file('/etc/passwd')
SELECT sleep(3)
SELECT sleepEachRow(1) FROM events
SELECT SLEEP(3)
SELECT "sleep"(3)
SELECT `sleep`(3)
SELECT dictGet('d', 'a', 1)
SELECT dictGetOrDefault('d', 'a', 1, 2)
SELECT dictHas('d', 1)
SELECT joinGet('weir.j', 'a', 1)
SELECT hasColumnInTable('weir', 'events', 'tenant')
SELECT getSetting('max_threads')
SELECT getServerSetting('max_threads')
SELECT getMacro('x')
SELECT getMergeTreeSetting('x')
SELECT getServerPort('tcp_port')
SELECT getOSKernelVersion()
SELECT getClientHTTPHeader('x')
SELECT fullHostName()
SELECT uptime()
SELECT buildId()
SELECT tcpPort()
SELECT serverUUID(1)
SELECT getSettingOrDefault('max_threads', 1)
SELECT current_user
SELECT currentProfiles()
SELECT currentQueryID()
SELECT connectionId(1)
SELECT tid()
SELECT logTrace('x')
SELECT throwIf(1, 'x')
SELECT addressToLine(1)
SELECT addressToSymbol(1)
SELECT demangle('x')
SELECT showCertificate()
SELECT filesystemAvailable()
SELECT filesystemCapacity()
SELECT catboostEvaluate('x', 1)
SELECT evalMLMethod(1, 2)
SELECT naiveBayesClassifier('x', 'y')
SELECT regionToName(1)
SELECT formatRow('CSV', 1)
SELECT formatQuery('SELECT 1')
SELECT fuzzQuery('SELECT 1')
SELECT indexHint(1)
SELECT shardNum()
SELECT shardCount()
SELECT zookeeperSessionUptime()
SELECT transactionID()
SELECT partitionId(1)
SELECT isMergeTreePartCoveredBy('a', 'b')
SELECT aiGenerate('x')
SELECT encrypt('aes-128-ecb', 'x', 'y')
SELECT decrypt('aes-128-ecb', 'x', 'y')
SELECT aggThrow(1)(1)
SELECT flameGraph(1)
SELECT estimateCompressionRatio(path) FROM events
SELECT arrayReduce('aggThrow(0.5)', [1])
SELECT arrayReduce(path, [1]) FROM events
SELECT arrayReduce(concat('s', 'um'), [1])
SELECT initializeAggregation('flameGraph', 1)
SELECT defaultValueOfTypeName('AggregateFunction(uniq, String)')
SELECT globalVariable('x')
SELECT @@version
SELECT @@global.max_threads
SELECT @x
SELECT __getScalar('x')
SELECT _CAST(1, 'String')
SELECT nosuchfunction(1)
SELECT myUDF(1)
SELECT system.sleep(1)
SELECT events.sleep(1) FROM events
SELECT count() FROM events WHERE not_a_function(path)
SELECT sumIf(sleep(1), 1)
SELECT sum(sleep(1))
SELECT arrayMap(x -> sleep(x), [1])
SELECT [sleep(1)]
SELECT (sleep(1), 1)
SELECT 1 WHERE sleep(1)
SELECT 1 ORDER BY sleep(1)
SELECT 1 GROUP BY sleep(1)
SELECT 1 HAVING sleep(1)
SELECT 1 LIMIT sleep(1)
SELECT CASE WHEN sleep(1) THEN 1 END
SELECT 1 + sleep(1)
SELECT -sleep(1)
SELECT NOT sleep(1)
SELECT sleep(1) IS NULL
SELECT sleep(1)::String
SELECT CAST(sleep(1) AS String)
SELECT INTERVAL sleep(1) DAY
SELECT EXTRACT(YEAR FROM sleep(1))
SELECT trim(sleep(1))
SELECT substring(sleep(1), 1)
SELECT 1 BETWEEN sleep(1) AND 2
SELECT path LIKE sleep(1) FROM events
SELECT 1 IN (sleep(1))
SELECT 1 IN (1, sleep(1))
SELECT x[sleep(1)] FROM (SELECT [1] AS x)
SELECT quantile(sleep(1))(1)
SELECT sum(1) OVER (PARTITION BY sleep(1))
SELECT sum(1) OVER w FROM events WINDOW w AS (ORDER BY sleep(1))
SELECT sum(1) FILTER (WHERE sleep(1))
SELECT * APPLY(sleep) FROM events
SELECT * APPLY sleep FROM events
SELECT * APPLY(x -> sleep(1)) FROM events
SELECT COLUMNS('x') APPLY(sleep) FROM events
SELECT * REPLACE (sleep(1) AS path) FROM events
WITH sleep(1) AS x SELECT x
WITH x -> sleep(x) AS f SELECT f(1)
SELECT * FROM events ARRAY JOIN [sleep(1)] AS x
SELECT * FROM events AS a JOIN events AS b ON sleep(1)
SELECT 1 AS x ORDER BY x WITH FILL FROM sleep(1)
SELECT DISTINCT ON (sleep(1)) path FROM events
SELECT path FROM events LIMIT 1 BY sleep(1)
SELECT lag(path) OVER (ORDER BY ts ROWS BETWEEN sleep(1) PRECEDING AND CURRENT ROW) FROM events
# types
SELECT CAST('x' AS AggregateFunction(uniq, String))
SELECT CAST('x', 'AggregateFunction(uniq, String)')
SELECT 'x'::AggregateFunction(uniq, String)
SELECT CAST('x' AS Nested(a String))
SELECT CAST('{}' AS JSON)
SELECT CAST('{}' AS Object('json'))
SELECT CAST('x' AS Dynamic)
SELECT CAST('x' AS NoSuchType)
SELECT CAST(1, concat('UInt', '8'))
SELECT JSONExtract('1', 'AggregateFunction(uniq, String)')
SELECT accurateCast('x', path) FROM events
SELECT accurateCast('x', 'AggregateFunction(uniq, String)')
SELECT reinterpret(1, 'AggregateFunction(uniq, String)')
SELECT {x:AggregateFunction(uniq, String)}
SELECT {x:Identifier} FROM events
SELECT * FROM {t:Identifier}
SELECT * FROM {d:Identifier}.{t:Identifier}
SELECT {x}
SELECT {x:}
SELECT {:String}
SELECT {x:String
SELECT {'a':1}
SELECT ?
SELECT 1 ? file('/etc/passwd') : 3
SELECT 1 ? (SELECT count() FROM weir.events) : (SELECT 3 FROM system.users)
SELECT file('x') ? 1 : 2
SELECT 1 ? 2
SELECT 1 ? : 3
SELECT a : b FROM events
SELECT {x : file} ? 1 : 2
# lexing that differs from reader to reader
SELECT $$x$$
SELECT $tag$ FROM weir.events $tag$
SELECT $x FROM events
SELECT 1 AS a$b
SELECT 1 # comment
SELECT 1 #! comment
SELECT 1 // comment
SELECT 1 /* a /* b */ */
SELECT 1 /* never closed
SELECT 1 /* a */ */
SELECT 'never closed
SELECT "never closed
SELECT `never closed
SELECT '\x'
SELECT '\x1'
SELECT "a\"b"
SELECT "a""b"
SELECT `a``b`
SELECT ""
SELECT x'41'
SELECT b'01'
SELECT X'41'
SELECT 1_000
SELECT 0o17
SELECT 1.
SELECT .5
SELECT 1..2
SELECT 1e
SELECT 0x
SELECT 12abc
SELECT t.1.2 FROM (SELECT ((1, 2), 3) AS t)
SELECT 'a'b'c'
SELECT 'a''b'"c"
SELECT “path” FROM events
SELECT ‘x’
SELECT раth FROM events
SELECT 1 − 1
SELECT 1 FROM еvents
SELECT ！1
SELECT path FROM events　WHERE 1
SELECT 1 & 2
SELECT 1 | 2
SELECT ~1
SELECT 1 ^ 2
SELECT 1 ! 2
SELECT \1
SELECT path:type FROM events
SELECT props.^a FROM events
SELECT (1
SELECT 1)
SELECT [1)
SELECT ]
SELECT }
# clauses
SELECT * FROM events FINAL
SELECT * FROM events SAMPLE 0.1
SELECT * FROM events SAMPLE 1/10 OFFSET 1/2
SELECT * FROM events PREWHERE
SELECT 1 PREWHERE 1
SELECT * FROM events PREWHERE 1 PREWHERE 1
SELECT * FROM events WHERE 1 PREWHERE 1
SELECT * FROM events PREWHERE tenant = 'victim'
SELECT * FROM events PREWHERE _e.tenant = 'victim'
SELECT * FROM events PREWHERE 1) OR (1
SELECT * FROM events PREWHERE 1 WHERE 1) OR (1
SELECT * FROM weir.events PREWHERE 1
SELECT * FROM events PREWHERE path IN (SELECT path FROM weir.events)
SELECT * FROM events PREWHERE path IN (SELECT path FROM weir.events PREWHERE 1)
SELECT * FROM events PREWHERE sleep(1)
SELECT * FROM events PREWHERE file('x') != ''
SELECT * FROM events AS a JOIN events AS b ON a.path = b.path PREWHERE a.path = '/'
SELECT * FROM events RIGHT JOIN numbers(3) AS n ON length(path) = n.number PREWHERE path = '/'
SELECT k FROM events ARRAY JOIN mapKeys(props) AS k PREWHERE k = 'x'
SELECT 1 AS prewhere, path FROM events PREWHERE path = '/'
SELECT 1 AS "prewhere", prewhere FROM events
SELECT prewhere(1)
SELECT path prewhere FROM events
SELECT * FROM events PREWHERE 1 SETTINGS max_threads = 1
SELECT * FROM events AS prewhere
SELECT * FROM events STREAM
SELECT * FROM events AS STREAM
SELECT 1 AS sleep, * APPLY(sleep) FROM events
SELECT 1 AS settings SETTINGS max_threads = 1
SELECT 1 AS "settings" FROM events settings max_threads = 1
SELECT TOP 5 * FROM events
SELECT path FROM events FETCH FIRST 1 ROW ONLY
SELECT path FROM events ORDER BY path COLLATE 'de'
SELECT * FROM events PASTE JOIN (SELECT 1)
SELECT sum(1) OVER (ORDER BY 1 GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)
SELECT
FROM events
WITH x AS (SELECT 1)
SELECT 1 FROM
UNION
SELECT 1 UNION ALL
()
(1)
((SELECT 1)
nonsense
hello world
# names that nothing defines
SELECT cuontry FROM events
SELECT no_such_column FROM events
SELECT "no such" FROM events
SELECT e.path FROM events
SELECT x.y.z FROM events
SELECT nosuch.* FROM events
SELECT * FROM nosuch
SELECT * FROM evnts
