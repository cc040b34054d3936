# the engine's table by name
SELECT * FROM weir.lookups
SELECT tenant, count() FROM weir.lookups GROUP BY tenant
SELECT * FROM weir.lookups WHERE tenant = 'victim'
SELECT texts FROM weir.lookups WHERE lookup = 'stores' AND version = 17
SELECT ints FROM weir.lookups WHERE lookup = 'secrets'
SELECT max(texts[1]) FROM weir.lookups WHERE tenant != 'acme'
SELECT * FROM "weir"."lookups"
SELECT * FROM weir . lookups
SELECT * FROM WEIR.LOOKUPS
SELECT * FROM lookups
SELECT count() FROM events JOIN weir.lookups AS l ON 1 = 1
SELECT count() FROM stores JOIN weir.lookups AS l ON l.version = 17
SELECT * FROM stores, weir.lookups
SELECT * FROM events WHERE path IN weir.lookups
SELECT * FROM events WHERE path IN (SELECT texts[1] FROM weir.lookups)
SELECT (SELECT groupArray(texts) FROM weir.lookups)
SELECT * FROM stores UNION ALL SELECT texts[1], texts[2], ints[1], true, floats[1] FROM weir.lookups
SELECT * FROM stores EXCEPT SELECT texts[1], texts[2], ints[1], true, floats[1] FROM weir.lookups
# tables of others
SELECT * FROM secrets
SELECT * FROM acme.secrets
SELECT * FROM default.secrets
SELECT * FROM victim.secrets
SELECT * FROM victim.stores
SELECT * FROM t_victim.stores
SELECT * FROM "victim"."stores"
SELECT * FROM stores UNION ALL SELECT * FROM victim.stores
SELECT * FROM stores WHERE id IN victim.stores
SELECT * FROM stores JOIN secrets ON 1 = 1
SELECT * FROM events WHERE path IN secrets
SELECT victim.stores.id FROM stores
SELECT * FROM {t:Identifier}.lookups
SELECT * FROM {t:Identifier}
DESCRIBE TABLE secrets
DESCRIBE TABLE weir.lookups
DESCRIBE TABLE victim.stores
SHOW CREATE TABLE secrets
SHOW CREATE TABLE weir.lookups
SHOW COLUMNS FROM secrets
SHOW COLUMNS FROM stores FROM victim
SHOW TABLES FROM victim
SHOW TABLES FROM weir
EXISTS TABLE secrets
EXISTS TABLE victim.stores
# names that look like it
SELECT * FROM STORES
SELECT * FROM "Stores"
SELECT * FROM "stores "
SELECT * FROM ѕtores
SELECT * FROM "ѕtores"
SELECT * FROM stores2
SELECT * FROM "stores`"
SELECT * FROM "stores"
SELECT * FROM `stores`
SELECT * FROM "stores' OR tenant != 'acme"
SELECT * FROM "sto" "res"
# names of ours
SELECT _l.tenant FROM stores
SELECT _l.texts FROM stores
SELECT _l.* FROM stores
SELECT texts FROM stores
SELECT version, lookup, _row FROM stores
SELECT tenant FROM stores
SELECT * FROM stores WHERE tenant = 'victim'
SELECT * FROM stores WHERE _l.tenant = 'victim'
SELECT * FROM stores AS _l WHERE _l.tenant = 'victim'
SELECT 'victim' AS tenant, * FROM stores WHERE tenant = 'victim'
SELECT 'victim' AS "_l.tenant", * FROM stores
WITH 'victim' AS tenant SELECT * FROM stores
WITH 'victim' AS "_l.tenant" SELECT * FROM stores
WITH 'secrets' AS lookup SELECT * FROM stores
WITH 'secrets' AS "_l.lookup" SELECT * FROM stores
WITH 18 AS version SELECT * FROM stores
WITH ['x'] AS texts SELECT * FROM stores
WITH _l AS (SELECT 'victim' AS tenant) SELECT * FROM stores
SELECT * FROM (SELECT 'victim' AS tenant, 'secrets' AS lookup) AS _l, stores
SELECT * FROM (SELECT 'victim' AS tenant) AS x, stores
SELECT tenant, version FROM odd WHERE tenant = 'victim'
SELECT * FROM odd WHERE tenant != 'acme'
SELECT odd.tenant AS tenant, count() FROM odd, stores GROUP BY tenant
# shadowing
WITH stores AS (SELECT * FROM weir.lookups) SELECT * FROM stores
WITH stores AS (SELECT * FROM victim.stores) SELECT * FROM stores
WITH stores AS (SELECT * FROM stores) SELECT * FROM stores
WITH stores AS (SELECT 1 AS id) SELECT * FROM stores WHERE id IN (WITH stores AS (SELECT * FROM weir.lookups) SELECT texts[1] FROM stores)
SELECT * FROM stores WHERE id IN (WITH stores AS (SELECT 'a' AS id) SELECT id FROM stores)
SELECT * FROM (WITH stores AS (SELECT 1 AS x) SELECT * FROM stores) AS a, stores
WITH (SELECT 1) AS stores SELECT * FROM stores
WITH 1 AS stores SELECT stores, id FROM stores
WITH events AS (SELECT * FROM stores) SELECT * FROM events
WITH STORES AS (SELECT * FROM weir.lookups) SELECT * FROM stores
WITH lookups AS (SELECT 1) SELECT * FROM lookups
WITH weir AS (SELECT 1 AS lookups) SELECT * FROM weir.lookups
SELECT * FROM events AS stores
SELECT * FROM events AS stores, stores
SELECT * FROM stores AS events
SELECT * FROM stores AS weir, weir.lookups
SELECT * FROM stores AS codes, codes AS stores
SELECT * FROM (SELECT 1 AS id) AS stores, stores
WITH RECURSIVE stores AS (SELECT 1 AS id) SELECT * FROM stores
# ways around
SELECT * FROM merge('weir', 'lookups')
SELECT * FROM merge(REGEXP('weir'), 'look.*')
SELECT * FROM mergeTreeIndex('weir', 'lookups')
SELECT * FROM mergeTreeProjection('weir', 'lookups', 'p')
SELECT * FROM remote('127.0.0.1', weir.lookups)
SELECT * FROM loop(weir.lookups)
SELECT * FROM view(SELECT * FROM weir.lookups)
SELECT * FROM stores()
SELECT stores() FROM stores
SELECT stores(id) FROM stores
SELECT dictGet('stores', 'region', id) FROM stores
SELECT dictGet('weir.lookups', 'texts', 1)
SELECT joinGet('weir.lookups', 'texts', 'x')
SELECT joinGet('stores', 'region', 'own1')
SELECT joinGet(stores, 'region', 'own1')
SELECT in(id, stores) FROM stores
SELECT id IN (stores, codes) FROM stores
SELECT id GLOBAL IN stores FROM stores
SELECT * FROM stores FINAL
SELECT * FROM stores SAMPLE 1
SELECT * FROM stores PREWHERE tenant = 'victim'
SELECT * FROM stores SETTINGS additional_table_filters = {'weir.lookups': '1 = 1'}
SELECT * FROM (SELECT * FROM stores SETTINGS readonly = 0)
SELECT COLUMNS('.*') FROM stores
SELECT stores.COLUMNS('te.*') FROM stores
SELECT * EXCEPT (id) FROM stores
SELECT * REPLACE (tenant AS id) FROM stores
SELECT * APPLY (x -> x) FROM stores
SELECT _part, _partition_id, _part_offset FROM stores
SELECT _table, _database FROM stores
SELECT weir.lookups.texts FROM stores
SELECT lookups.texts FROM stores
# what errors, plans and tables of the system tell
SELECT toUInt8(id) FROM stores
SELECT toUInt8(region) FROM stores WHERE region IS NOT NULL
SELECT * FROM stores WHERE toUInt8(id) = 1
SELECT * FROM stores WHERE toUInt8(assumeNotNull(region)) = 1
SELECT * FROM stores ORDER BY toInt64(id)
SELECT accurateCast(id, 'UInt8') FROM stores
SELECT accurateCast(n, 'UInt8') FROM stores
SELECT throwIf(n > 100) FROM stores
SELECT * FROM stores WHERE throwIf(n > 100)
SELECT throwIf(length(id) > 8, 'seen') FROM stores
SELECT count() FROM stores
SELECT count(), max(n), min(id) FROM stores
SELECT * FROM stores LIMIT 1 BY region
SELECT count() FROM stores WHERE NOT ignore(sleepEachRow(0))
EXPLAIN SELECT * FROM stores
EXPLAIN PLAN indexes = 1 SELECT * FROM stores
EXPLAIN PLAN actions = 1 SELECT * FROM stores
EXPLAIN QUERY TREE SELECT * FROM stores
EXPLAIN SYNTAX SELECT * FROM stores
EXPLAIN AST SELECT * FROM stores
EXPLAIN PIPELINE SELECT * FROM stores
EXPLAIN ESTIMATE SELECT * FROM stores
EXPLAIN ESTIMATE SELECT * FROM weir.lookups
SELECT * FROM system.parts WHERE table = 'lookups'
SELECT * FROM system.parts_columns WHERE table = 'lookups'
SELECT * FROM system.mutations WHERE table = 'lookups'
SELECT * FROM system.tables
SELECT total_rows, total_bytes FROM system.tables
SELECT * FROM system.columns WHERE table = 'stores'
SELECT * FROM system.columns WHERE table = 'secrets'
SELECT * FROM information_schema.columns WHERE table_name != 'events'
SELECT stores.id FROM system.tables AS stores
SELECT * FROM stores AS system, system.tables
# what is no question
INSERT INTO weir.lookups (tenant, lookup, version) VALUES ('acme', 'stores', 17)
INSERT INTO stores SELECT * FROM stores
ALTER TABLE weir.lookups DELETE WHERE 1
DELETE FROM weir.lookups WHERE 1
DROP TABLE weir.lookups
TRUNCATE TABLE weir.lookups
OPTIMIZE TABLE weir.lookups
CREATE TABLE stores (id String) ENGINE = Memory
SELECT * FROM stores INTO OUTFILE 'weir-fuzz.txt'
SELECT * FROM stores; SELECT * FROM weir.lookups
