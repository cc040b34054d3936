# names of ours
SELECT _e.tenant FROM events
SELECT _e.* FROM events
SELECT _e._offset, _e._seq FROM events
SELECT _s, _n FROM events
SELECT _s['plan'] FROM events
SELECT _r FROM system.tables
SELECT _r.1 FROM system.tables
SELECT _k FROM events
WITH _e AS (SELECT 1) SELECT * FROM _e
WITH 1 AS _s SELECT _s, plan FROM events
SELECT 1 AS _e, plan FROM events
SELECT plan AS tenant FROM events WHERE tenant = 'victim'
SELECT plan AS tenant FROM events HAVING tenant = 'victim'
SELECT 'victim' AS tenant, count() FROM events WHERE tenant = 'victim'
SELECT count() FROM events AS _e WHERE _e.tenant = 'victim'
SELECT count() FROM (SELECT 'victim' AS tenant) AS x, events
WITH 'victim' AS tenant SELECT count() FROM events
WITH 'victim' AS "_e.tenant" SELECT count() FROM events
SELECT 'acme' AS "_e.tenant", * FROM events
SELECT count() FROM events WHERE "_e.tenant" = 'victim'
# shadowing relations of metadata
WITH system_tables AS (SELECT * FROM weir.events) SELECT * FROM system.tables
WITH system_tables AS (SELECT 1 AS name) SELECT name FROM system.tables
WITH SYSTEM_TABLES AS (SELECT 1 AS name) SELECT name FROM system.tables
SELECT * FROM system_tables
SELECT * FROM events AS system_tables
SELECT * FROM (SELECT 1) AS system_one, system.one
WITH information_schema_tables AS (SELECT 1) SELECT 1
WITH 1 AS system_one SELECT * FROM system.one
WITH "version()" AS (SELECT 1) SELECT version()
WITH 'x' AS "version()" SELECT version()
SELECT 1 AS "currentDatabase()", currentDatabase()
SELECT `version()` FROM events
SELECT version FROM events
WITH x AS (SELECT version()) SELECT * FROM x
SELECT version(1)
SELECT version(DISTINCT 1)
SELECT version() OVER ()
SELECT version().1
SELECT currentDatabase ( ) . x
SELECT x.version() FROM (SELECT 1) AS x
SELECT "version"()
SELECT arrayMap(version, [1])
SELECT * APPLY(version) FROM events
SELECT currentUser() FROM weir.events
SELECT currentDatabase() FROM t_victim.events
# qualified names
SELECT * FROM acme.acme.events
SELECT * FROM default.default.events
SELECT * FROM acme.weir.events
SELECT * FROM weir.acme.events
SELECT * FROM acme.events.path
SELECT * FROM default.weir
SELECT * FROM acme.rollup_minute
SELECT * FROM default.rollup_minute
SELECT * FROM acme.system
SELECT * FROM "acme.events"
SELECT * FROM `weir.events`
SELECT * FROM "weir"."acme"."events"
SELECT * FROM Acme.events
SELECT * FROM ACME.events
SELECT * FROM acme.EVENTS
SELECT * FROM acme . . events
SELECT * FROM acme."weir.events"
SELECT * FROM victim.events
SELECT * FROM t_acme.events
SELECT * FROM t_victim.events
SELECT * FROM o_operator.events
SELECT victim.events.path FROM acme.events
SELECT acme.weir.events.path FROM acme.events
SELECT weir.events.path FROM acme.events
SELECT acme.events.tenant FROM acme.events
SELECT default.events._offset FROM events
SELECT acme.events.props.values, weir.events.props FROM events
SELECT count() FROM events WHERE path IN acme.events
SELECT count() FROM events WHERE path IN (acme.events)
SELECT count() FROM events WHERE path IN victim.events
SELECT count() FROM events WHERE 1 IN weir.events
WITH acme AS (SELECT 1 AS events) SELECT acme.events FROM acme
SELECT x.events FROM (SELECT 'a' AS events) AS x, weir.events
SELECT * FROM acme/**/.weir/**/.events
SELECT * FROM acme.events, weir.events
SELECT * FROM acme.events AS weir, weir.events
SELECT * FROM acme.events JOIN victim.events USING (path)
# system and information_schema
SELECT * FROM system.parts
SELECT * FROM system.parts_columns
SELECT * FROM system.processes
SELECT * FROM system.query_log
SELECT * FROM system.row_policies
SELECT * FROM system.grants
SELECT * FROM system.roles
SELECT * FROM system.users
SELECT * FROM system.stack_trace
SELECT * FROM system.mutations
SELECT * FROM system.merges
SELECT * FROM system.disks
SELECT * FROM system.detached_parts
SELECT * FROM system.build_options
SELECT * FROM system.contributors
SELECT * FROM system.errors
SELECT * FROM system.metrics
SELECT * FROM system.events
SELECT * FROM system.asynchronous_metrics
SELECT * FROM system.dictionaries
SELECT * FROM system.macros
SELECT * FROM system.clusters
SELECT * FROM system.zeros
SELECT * FROM system.numbers_mt
SELECT * FROM system.server_settings
SELECT * FROM system.merge_tree_settings
SELECT * FROM system.table_functions
SELECT * FROM system.query_cache
SELECT * FROM system.query_condition_cache
SELECT * FROM system.filesystem_cache
SELECT * FROM system.text_log
SELECT * FROM system.data_skipping_indices
SELECT * FROM system.projections
SELECT * FROM system.primes
SELECT * FROM SYSTEM.PARTS
SELECT * FROM "system"."parts"
SELECT * FROM `system`.parts
SELECT * FROM system.`parts`
SELECT * FROM system . parts
SELECT * FROM system/**/.parts
SELECT * FROM system."tables" AS t, system.parts
SELECT * FROM system.system.tables
SELECT * FROM weir.system.tables
SELECT * FROM information_schema.views
SELECT * FROM information_schema.key_column_usage
SELECT * FROM information_schema.referential_constraints
SELECT * FROM information_schema.statistics
SELECT * FROM information_schema.engines
SELECT * FROM INFORMATION_SCHEMA.character_sets
SELECT * FROM systém.tables
SELECT * FROM ѕystem.tables
SELECT system.parts.name FROM system.tables
SELECT tables.data_paths, tables._part FROM system.tables
SELECT * FROM system.tables WHERE database = 'weir'
SELECT * FROM system.tables WHERE name LIKE '%rollup%'
SELECT * FROM system.columns WHERE table != 'events'
SELECT count() FROM system.columns WHERE name LIKE '\_%'
SELECT create_table_query FROM system.tables WHERE create_table_query LIKE '%MergeTree%'
SELECT * FROM system.databases WHERE name != 'acme'
SELECT * FROM system.settings WHERE name LIKE '%filter%'
SELECT name FROM system.functions WHERE name IN ('file', 'dictGet', 'joinGet')
SELECT * FROM system.numbers LIMIT 10 OFFSET 1000000
SELECT sum(number) FROM system.numbers
SELECT * FROM system.numbers AS a, weir.events
SELECT 1 IN system.numbers
SELECT * FROM merge('system', '.*')
SELECT * FROM system.tables JOIN weir.events ON 1 = 1
SELECT * FROM system.tables SETTINGS max_threads = 1
SELECT * FROM system.tables FINAL
SELECT * FROM system.tables SAMPLE 1
SELECT * FROM system.tables AS events
# SHOW, DESCRIBE, EXISTS
SHOW DATABASES LIKE '%' UNION ALL SELECT 1
SHOW DATABASES WHERE 1
SHOW DATABASES; SELECT * FROM weir.events
SHOW DATABASES INTO OUTFILE 'x'
SHOW TABLES FROM weir
SHOW TABLES FROM "weir"
SHOW TABLES FROM victim
SHOW TABLES FROM t_acme
SHOW TABLES FROM t_victim
SHOW TABLES FROM weir LIKE '%'
SHOW TABLES FROM acme FROM weir
SHOW TABLES FROM acme.weir
SHOW TABLES FROM (SELECT 1)
SHOW TABLES FROM {db:Identifier}
SHOW TABLES LIKE 'x' OR 1
SHOW TABLES LIKE concat('a', 'b')
SHOW TABLES LIKE '\' OR 1 = 1 --'
SHOW TABLES LIKE 'x'' OR 1 = 1 --'
SHOW TABLES LIMIT (SELECT count() FROM weir.events)
SHOW TABLES LIMIT 1 UNION ALL SELECT * FROM weir.events
SHOW TABLES SETTINGS max_threads = 1
SHOW TEMPORARY TABLES
SHOW DICTIONARIES
SHOW CLUSTERS
SHOW CLUSTER 'default'
SHOW PROCESSLIST
SHOW GRANTS
SHOW GRANTS FOR default
SHOW USERS
SHOW ROLES
SHOW CURRENT ROLES
SHOW ENABLED ROLES
SHOW ACCESS
SHOW POLICIES
SHOW ROW POLICIES ON weir.events
SHOW QUOTAS
SHOW QUOTA
SHOW SETTINGS LIKE '%'
SHOW SETTING readonly
SHOW CHANGED SETTINGS
SHOW ENGINES
SHOW FUNCTIONS
SHOW MERGES
SHOW FILESYSTEM CACHES
SHOW CREATE TABLE weir.events
SHOW CREATE TABLE weir.rollup_minute
SHOW CREATE DATABASE weir
SHOW CREATE DATABASE acme
SHOW CREATE USER default
SHOW CREATE ROLE tenant
SHOW CREATE ROW POLICY x ON weir.events
SHOW CREATE VIEW weir.all_events
SHOW CREATE DICTIONARY d
SHOW CREATE TABLE t_victim.events
SHOW CREATE TABLE victim.events
SHOW CREATE TABLE events, weir.events
SHOW COLUMNS FROM weir.events
SHOW COLUMNS FROM events FROM weir
SHOW COLUMNS FROM rollup_minute
SHOW INDEX FROM events
SHOW INDEXES FROM weir.events
SHOW INDEX FROM events FROM weir
DESCRIBE weir.events
DESCRIBE TABLE "weir"."events"
DESCRIBE t_victim.events
DESCRIBE victim.events
DESCRIBE rollup_minute
DESCRIBE (SELECT * FROM weir.events)
DESCRIBE TABLE (SELECT 1)
DESCRIBE file('/etc/passwd')
DESCRIBE TABLE mergeTreeIndex('weir', 'events')
DESCRIBE TABLE merge('weir', '.*')
DESCRIBE url('http://127.0.0.1:1/')
DESCRIBE s3('http://127.0.0.1:1/x')
DESCRIBE TABLE events, weir.events
DESCRIBE events SETTINGS describe_include_subcolumns = 1
DESCRIBE TABLE system.parts
DESCRIBE DATABASE weir
DESC weir.events FORMAT Vertical
DESCRIBE EVENTS
EXISTS TABLE weir.events, events
EXISTS (SELECT * FROM weir.events)
EXISTS TABLE file('/etc/passwd')
EXISTS DICTIONARY weir.dict
EXISTS VIEW weir.all_events
EXISTS DATABASE t_victim
EXISTS DATABASE victim
EXISTS TEMPORARY TABLE x
EXISTS
DESCRIBE
SHOW
SHOW CREATE
SHOW TABLES FROM
# EXPLAIN
EXPLAIN SELECT * FROM weir.events
EXPLAIN AST SELECT * FROM weir.events
EXPLAIN SYNTAX SELECT * FROM weir.events
EXPLAIN QUERY TREE SELECT * FROM weir.events
EXPLAIN ESTIMATE SELECT * FROM weir.events
EXPLAIN ESTIMATE SELECT * FROM weir.events WHERE tenant = 'victim'
EXPLAIN PIPELINE SELECT * FROM weir.events
EXPLAIN indexes = 1 SELECT * FROM events
EXPLAIN PLAN indexes = 1 SELECT * FROM events
EXPLAIN PLAN header = 1, indexes = 1 SELECT * FROM events
EXPLAIN INDEXES = 1 SELECT * FROM events
EXPLAIN projections = 1 SELECT * FROM events
EXPLAIN distributed = 1 SELECT * FROM events
EXPLAIN PLAN input_headers = 1 SELECT * FROM events
EXPLAIN header = 'x' SELECT * FROM events
EXPLAIN header = (SELECT 1) SELECT * FROM events
EXPLAIN header = 1 indexes = 1 SELECT 1
EXPLAIN header = 1, SELECT 1
EXPLAIN TABLE OVERRIDE mysql('h', 'd', 't', 'u', 'p') PARTITION BY toDate(x)
EXPLAIN CURRENT TRANSACTION
EXPLAIN
EXPLAIN AST
EXPLAIN PLAN
EXPLAIN header = 1
EXPLAIN EXPLAIN SELECT 1
EXPLAIN EXPLAIN SELECT * FROM weir.events
EXPLAIN AST EXPLAIN SELECT 1
EXPLAIN SHOW TABLES
EXPLAIN DESCRIBE events
EXPLAIN INSERT INTO events SELECT 1
EXPLAIN INSERT INTO weir.events SELECT * FROM weir.events
EXPLAIN AST INSERT INTO weir.events SELECT 1
EXPLAIN CREATE TABLE x (a UInt8) ENGINE = Memory
EXPLAIN AST DROP TABLE weir.events
EXPLAIN SYNTAX CREATE TABLE x (a UInt8) ENGINE = Memory
EXPLAIN SELECT 1; SELECT * FROM weir.events
EXPLAIN SELECT 1 INTO OUTFILE 'x'
EXPLAIN SELECT 1 SETTINGS readonly = 0
EXPLAIN QUERY TREE SELECT file('/etc/passwd')
EXPLAIN QUERY TREE WITH (SELECT path FROM weir.events LIMIT 1) AS x SELECT x
EXPLAIN QUERY TREE WITH (SELECT groupArray(path) FROM events) AS x SELECT x
EXPLAIN SYNTAX WITH (SELECT groupArray(path) FROM events) AS x SELECT x
EXPLAIN SELECT * FROM (EXPLAIN SELECT 1)
SELECT * FROM (EXPLAIN SELECT * FROM events)
SELECT * FROM (EXPLAIN AST SELECT * FROM weir.events)
SELECT * FROM (EXPLAIN ESTIMATE SELECT * FROM weir.events)
SELECT * FROM (EXPLAIN indexes = 1 SELECT * FROM events)
SELECT count() FROM (EXPLAIN SELECT * FROM weir.events) AS x
WITH x AS (EXPLAIN SELECT * FROM weir.events) SELECT * FROM x
SELECT (SELECT explain FROM (EXPLAIN SELECT * FROM weir.events) LIMIT 1)
SELECT 1 IN (EXPLAIN SELECT * FROM weir.events)
SELECT * FROM viewExplain('EXPLAIN', 'indexes = 1', (SELECT * FROM weir.events))
(EXPLAIN SELECT 1)
((EXPLAIN SELECT * FROM weir.events))
EXPLAIN ((SELECT * FROM weir.events))
EXPLAIN FROM weir.events SELECT *
EXPLAIN FROM events SELECT path
ЕXPLAIN SELECT 1
EXPLAIN/**/indexes/**/=/**/1/**/SELECT/**/1
# as_of
SELECT _offset FROM events WHERE _offset > 0
SELECT count() FROM events WHERE _partition = 1
SELECT count() FROM events WHERE 1 = 1 OR _offset > 100
SELECT count() FROM events UNION ALL SELECT count() FROM acme.events
SELECT max(_offset) FROM acme.events
SELECT count() FROM events AS a FULL JOIN events AS b ON a.event_id = b.event_id
SELECT 18446744073709551615 AS _offset, count() FROM events WHERE _offset > 1
# parameters
SELECT * FROM {t:Identifier}
SELECT * FROM {t:Identifier}.events
SELECT {x:Identifier} FROM events
SELECT * FROM {x:String}
SELECT {x:String}.events
SELECT {x : Identifier} FROM events
SELECT {x:identifier} FROM events
SELECT {x:IDENTIFIER} FROM events
SELECT {x:Array(Identifier)} FROM events
SELECT {x:AggregateFunction(count)} FROM events
SELECT {x:Nested(a String)} FROM events
SELECT {x:String'} FROM events
SELECT {x:String} FROM weir.events
SELECT { x : String } FROM {t:String}
WITH {x:String} AS weir SELECT weir.events
# look-alikes and odd quoting
SELECT * FROM ｗeir.events
SELECT * FROM weir․events
SELECT * FROM weir‎.events
SELECT * FROM "weir​".events
SELECT * FROM weir．events
SELECT * FROM "wеir"."events"
SELECT * FROM `we`ir.events
SELECT * FROM "we""ir".events
SELECT * FROM [weir].[events]
SELECT * FROM 'weir'.'events'
SELECT * FROM 'weir.events'
SELECT * FROM "weir" "events"
SELECT * FROM weir."events" AS "weir"
SELECT * FROM \weir.events
SELECT * FROM `\x77eir`.events
SELECT * FROM "\u0077eir".events
SELECT ＊ FROM events
SELECT * ＦＲＯＭ weir.events
SELECT * FROM events　, weir.events
SELECT 1 AS `a\`; SELECT * FROM weir.events; --`
SELECT 'a\'; SELECT * FROM weir.events; --'
SELECT "a' FROM weir.events --"
SELECT 'a" FROM weir.events --'
SELECT $heredoc$ a $heredoc$ FROM weir.events
SELECT 1 -- \
SELECT 1 -- ' FROM weir.events
SELECT /* ' */ 1 FROM weir.events /* ' */
SELECT 1 /*! FROM weir.events */
SELECT 1 /*+ x */ FROM weir.events
SELECT --+ x
# lambdas, windows, APPLY, types
SELECT arrayMap(events -> events.tenant, [1])
SELECT arrayMap(weir -> weir.events, [tuple(1)])
SELECT arrayMap(system -> system.parts, [1])
SELECT arrayMap(x -> x.tenant, groupArray(events)) FROM events
SELECT arrayMap((x, weir) -> 1, [1], [2]), weir.events FROM events
SELECT arrayFilter(x -> x IN (SELECT path FROM weir.events), ['a'])
SELECT arrayReduce('sumIf', [1], [(SELECT count() FROM weir.events)])
SELECT arrayReduce('any', (SELECT groupArray(path) FROM weir.events))
SELECT mapApply((k, v) -> (k, (SELECT any(path) FROM weir.events)), props) FROM events
SELECT * APPLY(x -> (SELECT any(path) FROM weir.events)) FROM events
SELECT COLUMNS('.*') APPLY(x -> file('/etc/passwd')) FROM events
SELECT sum(1) OVER (PARTITION BY (SELECT any(path) FROM weir.events)) FROM events
SELECT path FROM events QUALIFY (SELECT count() FROM weir.events) > 0
SELECT path FROM events ORDER BY path WITH FILL FROM (SELECT any(path) FROM weir.events)
SELECT path FROM events LIMIT 1 BY (SELECT any(path) FROM weir.events)
SELECT path FROM events GROUP BY GROUPING SETS ((SELECT any(path) FROM weir.events))
SELECT CAST('x' AS Enum8((SELECT 1) = 1))
SELECT CAST(path AS AggregateFunction(any, String)) FROM events
SELECT initializeAggregation('any', (SELECT path FROM weir.events LIMIT 1))
SELECT tupleElement((SELECT * FROM weir.events LIMIT 1), 'tenant')
SELECT (SELECT * FROM weir.events LIMIT 1).tenant
SELECT untuple((SELECT * FROM weir.events LIMIT 1))
SELECT (events.*) FROM weir.events
SELECT toTypeName(tuple(weir.events.*))
SELECT dumpColumnStructure(path), blockSerializedSize(path) FROM weir.events
SELECT getSubcolumn(props, 'values'), getSubcolumn(tenant, 'x') FROM events
SELECT eval('SELECT * FROM weir.events')
SELECT * FROM eval('SELECT * FROM weir.events')
SELECT query('SELECT 1')
SELECT formatQuery(path) FROM weir.events
# what upstream's parser reads for ever
SELECT * REPLACE (1 AS
SELECT * REPLACE (1 AS x y) FROM events
SELECT * REPLACE ( ; FROM events
SELECT * REPLACE (path AS 1 FROM events
SELECT * EXCEPT (1 FROM events
SELECT COLUMNS(a REPLACE (1 AS
SELECT * APPLY (
# rollups
SELECT * FROM rollup_minute
SELECT * FROM rollup_hour_page
SELECT * FROM rollup_hour_audience
SELECT sum(events), uniqMerge(clients), sum(value) FROM rollup_minute
SELECT sum(events), count(), max(time) FROM rollup_hour_page
SELECT site_id, type, sum(events) FROM rollup_minute GROUP BY site_id, type
SELECT path, host, sum(events) FROM acme.rollup_hour_page GROUP BY path, host ORDER BY 3 DESC
SELECT country, device, browser, os, referrer_host, utm_source, is_bot FROM default.rollup_hour_audience
SELECT max(site_id), min(type), groupArray(type) FROM rollup_minute
SELECT hex(clients), toString(clients), length(hex(clients)) FROM rollup_minute
SELECT finalizeAggregation(clients) FROM rollup_minute
SELECT bitmapCardinality(clients) FROM rollup_minute
SELECT uniqMerge(c) FROM (SELECT clients AS c FROM rollup_minute UNION ALL SELECT uniqState('x'))
SELECT * FROM rollup_minute WHERE 1 OR time > now()
SELECT * FROM rollup_minute WHERE tenant = 'victim'
SELECT * FROM rollup_minute HAVING tenant = 'victim'
SELECT 'victim' AS tenant, sum(events) FROM rollup_minute
SELECT 9999999999 AS _seq, sum(events) FROM rollup_minute
WITH 0 AS _writer SELECT sum(events) FROM rollup_minute
WITH tuple('victim') AS _e SELECT sum(events) FROM rollup_minute
WITH tuple('victim') AS _u SELECT * FROM rollup_hour_page
SELECT * FROM rollup_minute AS a FULL JOIN rollup_hour_page AS b ON a.time = b.time
SELECT * FROM rollup_minute AS a, events AS b LIMIT 100
SELECT * FROM rollup_minute UNION ALL SELECT * FROM rollup_minute
SELECT (SELECT sum(events) FROM rollup_minute)
SELECT sum(events) IN (SELECT sum(events) FROM rollup_minute) FROM rollup_hour_page
SELECT toUInt8(site_id) FROM rollup_minute
SELECT toUInt8(type) FROM rollup_minute WHERE type LIKE '%7f3a%'
SELECT throwIf(type LIKE '%7f3a%') FROM rollup_minute
SELECT * APPLY(toString) FROM rollup_minute
SELECT COLUMNS('.*') FROM rollup_hour_audience
SELECT * REPLACE (toUInt8(type) AS type) FROM rollup_minute
SELECT * EXCEPT (clients) FROM rollup_minute ORDER BY time DESC
SELECT rollup_minute.* FROM rollup_minute
SELECT acme.rollup_minute.type FROM acme.rollup_minute
SELECT sum(events) FROM rollup_minute GROUP BY type WITH TOTALS
SELECT type, sum(events) OVER (ORDER BY time) FROM rollup_minute
EXPLAIN SELECT sum(events) FROM rollup_minute
EXPLAIN ESTIMATE SELECT sum(events) FROM rollup_minute
EXPLAIN SYNTAX SELECT * FROM rollup_hour_page
EXPLAIN QUERY TREE SELECT (SELECT max(site_id) FROM rollup_minute)
EXPLAIN PIPELINE SELECT * FROM rollup_minute
EXPLAIN indexes = 1 SELECT * FROM rollup_minute
SHOW CREATE TABLE rollup_minute
SHOW COLUMNS FROM rollup_hour_page FROM acme
DESCRIBE acme.rollup_hour_audience
EXISTS TABLE victim.rollup_minute
SELECT * FROM system.tables WHERE name = 'rollup_minute'
SELECT * FROM system.columns WHERE table LIKE 'rollup%' AND type LIKE 'Agg%'
SELECT * FROM weir.rollup_hour_page
SELECT * FROM weir.rollup_hour_audience WHERE tenant != 'acme'
SELECT sum(events), uniqMerge(clients) FROM weir.rollup_minute
SELECT any(type) FROM weir.rollup_minute WHERE tenant = 'victim'
SELECT toUInt8(type) FROM weir.rollup_minute
SELECT * FROM weir.rollup_minute FINAL
SELECT * FROM weir.rollup_minute PREWHERE throwIf(tenant = 'victim') = 0
SELECT count() FROM weir.rollup_minute WHERE throwIf(tenant != 'acme') = 0
# values called like the table in our relations
WITH CAST(tuple('acme', 'x'), 'Tuple(tenant String, path String)') AS _e SELECT path, count() FROM events GROUP BY path
WITH CAST(tuple('acme'), 'Tuple(tenant String)') AS _e SELECT count() FROM events
SELECT CAST(tuple('acme'), 'Tuple(tenant String)') AS _e, count() FROM events
WITH CAST(tuple('acme'), 'Tuple(tenant String)') AS _e SELECT count() FROM (SELECT * FROM events)
WITH CAST(tuple('acme'), 'Tuple(tenant String)') AS _e SELECT sum(events) FROM rollup_minute
WITH (SELECT CAST(tuple('acme'), 'Tuple(tenant String)')) AS _e SELECT count() FROM events
SELECT count() FROM events WHERE (CAST(tuple('acme'), 'Tuple(tenant String)') AS _e).1 = 'acme'
SELECT arrayMap(_e -> (SELECT count() FROM events), [CAST(tuple('acme'), 'Tuple(tenant String)')])
# a tree with more than a thousand nodes
EXPLAIN QUERY TREE SELECT count() > 1000 FROM system.functions
