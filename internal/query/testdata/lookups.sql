SELECT * FROM stores ORDER BY id
SELECT id, region FROM stores WHERE n >= 5 ORDER BY n
SELECT l.region, count() FROM events AS e JOIN stores AS l ON e.path = l.id GROUP BY 1 ORDER BY 1
SELECT l.region, count() FROM events e JOIN stores l ON e.path = l.id GROUP BY l.region ORDER BY l.region
SELECT stores.region, count() FROM events JOIN stores ON events.path = stores.id GROUP BY 1 ORDER BY 1
SELECT count() FROM events LEFT JOIN acme.stores AS l ON path = l.id WHERE l.open
SELECT count() FROM events AS e LEFT ANY JOIN default.stores AS l ON e.path = l.id
SELECT acme.stores.id FROM acme.stores ORDER BY id LIMIT 1
SELECT count() FROM events WHERE path IN (SELECT id FROM stores WHERE region = 'region1')
SELECT count() FROM events WHERE path IN codes
SELECT count() FROM events WHERE path NOT IN (codes)
SELECT sum(lat), countIf(open), max(n) FROM stores
SELECT toTypeName(id), toTypeName(region), toTypeName(n), toTypeName(open), toTypeName(lat) FROM stores LIMIT 1
SELECT a.id FROM stores AS a, stores AS b WHERE a.n = b.n AND a.n < 2 ORDER BY 1
WITH x AS (SELECT * FROM stores) SELECT count() FROM x
WITH stores AS (SELECT 'mine' AS id) SELECT id FROM stores
WITH codes AS (SELECT id FROM stores) SELECT count() FROM codes
SELECT "Store Name", `order` FROM odd
SELECT o."Store Name" FROM odd AS o WHERE o."order" = 1
SELECT ts, tenant, version, texts FROM odd
SELECT count(), (SELECT max(n) FROM stores) FROM events
SELECT id FROM (SELECT id FROM codes UNION ALL SELECT id FROM stores) ORDER BY id LIMIT 2
SELECT count() FROM none_yet
SELECT * FROM none_yet
SHOW TABLES
SHOW TABLES LIKE 's%'
SHOW TABLES FROM acme
SHOW COLUMNS FROM stores
SHOW COLUMNS FROM stores LIKE 'r%'
SHOW CREATE TABLE stores
SHOW CREATE TABLE acme.stores
DESCRIBE TABLE stores
DESC odd
EXISTS TABLE stores
EXISTS stores2
SELECT name, total_rows, total_bytes, comment FROM system.tables ORDER BY name
SELECT table, name, type, position FROM system.columns WHERE table != 'events' ORDER BY table, position
SELECT table_name, table_rows, data_length FROM information_schema.tables ORDER BY table_name
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'stores' ORDER BY ordinal_position
EXPLAIN ESTIMATE SELECT * FROM events JOIN stores ON path = id
EXPLAIN ESTIMATE SELECT * FROM stores
