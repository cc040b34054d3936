# qualified names of the tenant's own
SELECT count() FROM default.events
SELECT count() FROM acme.events
SELECT count() FROM "acme"."events"
SELECT count() FROM `acme`.`events` AS e
SELECT acme.events.path FROM acme.events LIMIT 1
SELECT count() FROM default . events WHERE default.events.path != ''
SELECT events.path FROM acme.events LIMIT 1
SELECT acme.events.* FROM acme.events LIMIT 1
SELECT count() FROM acme.events AS a JOIN default.events AS b ON a.client_id = b.client_id
# functions that weir answers
SELECT version(), currentDatabase(), currentUser(), timezone(), displayName(), revision()
SELECT displayName(), version(), revision(), timezone()
SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1
SELECT version() as server_version
SELECT hostName(), hostname(), fqdn(), serverTimezone(), user(), session_user(), database(), schema()
SELECT DATABASE()
SELECT connectionId(), connection_id(), serverUUID(), toTypeName(serverUUID()), toTypeName(connectionId())
SELECT version(), path FROM events LIMIT 1
WITH version() AS v SELECT v, (SELECT version())
SELECT x FROM (SELECT currentDatabase() AS x) WHERE x = currentDatabase()
SELECT x FROM (SELECT 1 AS x WHERE currentDatabase() = 'acme' UNION ALL SELECT 2 WHERE currentUser() = 'acme') ORDER BY x
SELECT timezone() AS tz
SELECT 'ping'
# relations that tools read
SELECT * FROM system.one
SELECT 1 FROM system.one
SELECT number FROM system.numbers LIMIT 3
SELECT name, value, readonly FROM system.settings LIMIT 10000
SELECT name FROM system.databases
SELECT * FROM system.databases
SELECT * FROM system.tables
SELECT * FROM system.columns
SELECT * FROM system.settings
SELECT count() > 1000 FROM system.functions
SELECT name, is_aggregate FROM system.functions ORDER BY name LIMIT 5
SELECT name, case_insensitive, alias_to FROM system.data_type_families ORDER BY name
SELECT t.database, t.name, t.engine FROM system.tables t JOIN system.databases d ON t.database = d.name
SELECT tables.name, system.tables.engine FROM system.tables WHERE system.tables.database = currentDatabase()
SELECT system.columns.name FROM system.columns WHERE columns.table = 'events' ORDER BY position LIMIT 3
SELECT engine, engine_full, comment FROM system.tables WHERE database = 'acme' AND name = 'events'
SELECT name, type, table FROM system.columns WHERE database = 'acme' AND table = 'events'
SELECT database, table, name, type, numeric_scale, numeric_precision_radix, character_octet_length, position, comment, default_expression FROM system.columns WHERE database LIKE '%' ORDER BY database, table, position
SELECT * FROM INFORMATION_SCHEMA.TABLES
SELECT * FROM information_schema.tables
SELECT * FROM information_schema.columns
SELECT * FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'events' ORDER BY ORDINAL_POSITION
SELECT schema_name FROM information_schema.schemata
SELECT table_name FROM information_schema.tables WHERE table_schema = 'acme'
SELECT count() FROM events WHERE 0 NOT IN (SELECT dummy FROM system.one)
SELECT count() FROM system.columns, system.one
# SHOW, DESCRIBE, EXISTS
SHOW DATABASES
SHOW DATABASES LIKE 'ac%'
SHOW SCHEMAS
SHOW TABLES
SHOW TABLES FROM acme
SHOW TABLES FROM "acme"
SHOW TABLES IN default LIKE 'ev%' LIMIT 5
SHOW TABLES NOT LIKE 'x%'
SHOW TABLES ILIKE '%EVENT%' FORMAT JSONEachRow
SHOW TABLES FROM system
SHOW TABLES FROM INFORMATION_SCHEMA
SHOW FULL TABLES FROM acme
SHOW COLUMNS FROM events
SHOW FULL COLUMNS FROM events FROM acme LIKE 'p%'
SHOW CREATE TABLE events
SHOW CREATE acme.events
DESCRIBE events
DESCRIBE TABLE events
DESC TABLE "acme"."events"
DESC events FORMAT TSVWithNames
DESCRIBE TABLE system.tables
DESCRIBE INFORMATION_SCHEMA.COLUMNS
EXISTS TABLE events
EXISTS acme.events
EXISTS TABLE weir.events
EXISTS nosuch
EXISTS DATABASE acme
EXISTS DATABASE weir
SELECT sum(events) FROM acme.rollup_hour_page
SHOW TABLES LIKE 'rollup%'
SHOW COLUMNS FROM rollup_minute LIKE '%i%'
SHOW CREATE TABLE rollup_hour_page
DESCRIBE rollup_minute
EXISTS TABLE rollup_minute
SELECT table, name, type FROM system.columns WHERE table != 'events' AND is_in_primary_key = 0 ORDER BY table, position
# EXPLAIN
EXPLAIN ESTIMATE SELECT sum(events) FROM rollup_minute
EXPLAIN SELECT 1
EXPLAIN AST SELECT 1
EXPLAIN SELECT count() FROM events
EXPLAIN SYNTAX SELECT count() FROM events WHERE path = 'x'
EXPLAIN SYNTAX oneline = 1 SELECT count() FROM events WHERE path = 'x'
EXPLAIN QUERY TREE SELECT count() FROM events WHERE path = 'x'
EXPLAIN QUERY TREE passes = 1, dump_ast = 1 SELECT count() FROM events
EXPLAIN PLAN SELECT count() FROM events WHERE path = 'x'
EXPLAIN header = 1, actions = 0 SELECT count() FROM events WHERE path = 'x'
EXPLAIN PLAN json = 1, description = 1 SELECT count() FROM events WHERE path = 'x'
EXPLAIN PIPELINE SELECT count() FROM events
EXPLAIN PIPELINE graph = 1, header = 1 SELECT path FROM events GROUP BY path
EXPLAIN ESTIMATE SELECT path FROM events
EXPLAIN ESTIMATE SELECT path FROM events WHERE ts >= '2026-03-09 01:00:00' AND ts < '2026-03-09 02:00:00'
EXPLAIN ESTIMATE SELECT 1
EXPLAIN (SELECT 1) UNION ALL (SELECT 2)
EXPLAIN WITH x AS (SELECT path FROM events) SELECT count() FROM x
explain select * from acme.events where version() = '1'
EXPLAIN SELECT name FROM system.tables
# forms that tools send
DESCRIBE (SELECT path, count() AS n FROM events GROUP BY path)
DESCRIBE TABLE (SELECT version() AS v, currentDatabase() AS db)
DESC ((SELECT 1 AS x) UNION ALL (SELECT 'a' AS x))
DESCRIBE (WITH 1 AS one SELECT one, (SELECT count() FROM events) AS n)
SHOW TABLES WHERE name = 'events'
SHOW TABLES FROM acme WHERE name LIKE 'e%' AND (database = 'acme') LIMIT 3
SHOW TABLES FROM system WHERE name IN ('one', 'tables', 'parts')
SHOW DATABASES WHERE name != ''
SHOW COLUMNS FROM events WHERE field = 'path'
SHOW CREATE DATABASE acme
SHOW CREATE DATABASE default
SHOW CREATE TABLE system.one
SHOW CREATE TABLE information_schema.schemata
SHOW COLUMNS FROM one FROM system
SHOW COLUMNS FROM system.tables LIKE 'n%'
SHOW COLUMNS FROM tables FROM information_schema WHERE type = 'String'
SELECT currentRoles(), enabledRoles(), defaultRoles()
SELECT path, grouping(path) AS g FROM events GROUP BY GROUPING SETS ((path), ()) ORDER BY g, path LIMIT 2
SELECT CURRENT_TIMESTAMP > toDateTime('2026-01-01 00:00:00') AS later, CURRENT_DATE = toDate(CURRENT_TIMESTAMP()) AS same
SELECT x + current_date FROM (SELECT 1 AS x, 2 current_date)
SELECT count() FROM (SELECT path FROM events WHERE ts < CURRENT_TIMESTAMP)
SELECT name, content_type FROM system.formats WHERE is_output AND name IN ('JSON', 'RowBinaryWithNamesAndTypes') ORDER BY name
SELECT count() FROM system.formats WHERE NOT is_input
SELECT * FROM system.table_engines
SELECT * FROM system.data_skipping_indices WHERE database = 'acme' AND table = 'events'
SELECT column_name, constraint_name, REFERENCED_TABLE_NAME FROM information_schema.key_column_usage WHERE table_schema = 'acme'
SELECT count(), any(CONSTRAINT_NAME) FROM information_schema.referential_constraints
DESCRIBE TABLE system.data_skipping_indices
