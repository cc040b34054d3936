# attempts to see a masked value
SELECT * FROM events
SELECT email, user.email, "user.email", path, url, user_id, city, pin, user.pin FROM events
SELECT props FROM events
SELECT props_num FROM events
SELECT props['email'], props['user.email'], props['path'] FROM events
SELECT props_num['pin'], props_num['user.pin'] FROM events
SELECT props.values FROM events
SELECT props.keys, props.values FROM events
SELECT props_num.values FROM events
SELECT events.props.values FROM events
SELECT e.props.values, e.path FROM events AS e
SELECT mapValues(props), mapValues(props_num) FROM events
SELECT mapKeys(props), mapValues(mapFilter((k, v) -> k LIKE '%email%', props)) FROM events
SELECT mapApply((k, v) -> (k, upper(v)), props) FROM events
SELECT mapConcat(props, map('x', 'y')) FROM events
SELECT mapAdd(props_num, map('pin', 1.)) FROM events
SELECT arrayJoin(mapValues(props)) FROM events
SELECT v FROM events ARRAY JOIN mapValues(props) AS v
SELECT k, v FROM events ARRAY JOIN mapKeys(props_num) AS k, mapValues(props_num) AS v
SELECT toString(props), toString(props_num) FROM events
SELECT toJSONString(props), toJSONString(tuple(email, path, props)) FROM events
SELECT props::String FROM events
SELECT CAST(props AS Array(Tuple(String, String))) FROM events
SELECT CAST(props AS Map(String, String)) FROM events
SELECT groupArray(props), groupArray(path), groupArray(email) FROM events
SELECT max(path), min(path), any(path), anyLast(url), argMax(url, ts), topK(3)(path) FROM events
SELECT path FROM events WHERE path LIKE '%s3c%'
SELECT substring(path, 1, 3), reverse(path), base64Encode(path), hex(path), lower(url), concat(url, path) FROM events
SELECT startsWith(path, 's3c'), position(path, '3cr'), path = concat('s3c', 'r3t') FROM events
SELECT count() FROM events WHERE path = concat('s3c', 'r3t') GROUP BY path
SELECT path, count() FROM events GROUP BY path ORDER BY path
SELECT DISTINCT path, city, user_id FROM events
SELECT path AS p, p FROM events ORDER BY p
SELECT COLUMNS('.*') FROM events
SELECT COLUMNS('email|path|props') APPLY(toString) FROM events
SELECT * EXCEPT (path) FROM events
SELECT * REPLACE (upper(path) AS path) FROM events
SELECT * REPLACE (props AS path) FROM events
SELECT a.path, b.path FROM events AS a JOIN events AS b ON a.path = b.path
SELECT a.email FROM events AS a JOIN events AS b USING (path)
WITH x AS (SELECT * FROM events) SELECT path, props FROM x
WITH (SELECT groupArray(path) FROM events) AS p SELECT p
WITH path AS p SELECT p FROM events
SELECT (SELECT groupArray(email) FROM events)
SELECT path FROM events UNION ALL SELECT email FROM events
SELECT path FROM events WHERE path IN (SELECT path FROM events)
SELECT if(path != '', path, url), multiIf(1, url, path), coalesce(email, path), ifNull(email, 'x') FROM events
SELECT tuple(path, url, props), [path, url], map('a', path) FROM events
SELECT lagInFrame(path) OVER (ORDER BY ts), first_value(url) OVER (ORDER BY ts) FROM events
SELECT path, row_number() OVER (PARTITION BY path ORDER BY ts) FROM events
SELECT path FROM events ORDER BY path WITH TOTALS
SELECT path, count() FROM events GROUP BY path WITH TOTALS
SELECT path, count() FROM events GROUP BY path WITH ROLLUP
SELECT extractAll(path, '.'), splitByChar('3', path), domain(url), path(url) FROM events
SELECT sumMap(props_num), maxMap(props_num), minMap(map('pin', props_num['pin'])) FROM events
SELECT toDecimal64(props_num['pin'], 2), pin + 0, pin::String, sum(pin) FROM events GROUP BY ALL
SELECT toUInt8(path) FROM events
SELECT toUInt8(email) FROM events
SELECT toDate(url) FROM events
SELECT path.1 FROM events
SELECT email + 1 FROM events
SELECT CAST(path AS UUID) FROM events
SELECT JSONExtractString(path, 'x'), JSONExtract(concat('{"a":"', path, '"}'), 'a', 'String') FROM events
SELECT arrayMap(x -> concat(x, path), ['a']) FROM events
SELECT arrayMap(path -> path, ['a']), path FROM events
SELECT _e.path FROM events
SELECT "_e.path" FROM events
SELECT _k, _v FROM events
SELECT typed.events.path, default.events.url FROM typed.events
SELECT * FROM system.columns
SELECT create_table_query FROM system.tables
SHOW CREATE TABLE events
DESCRIBE events
EXPLAIN SELECT email, path, props FROM events
EXPLAIN SYNTAX SELECT email, path, props FROM events
EXPLAIN QUERY TREE SELECT email, path, props FROM events
EXPLAIN AST SELECT email, path, props FROM events
EXPLAIN actions = 1 SELECT email, path, props FROM events
EXPLAIN QUERY TREE WITH (SELECT max(path) FROM events) AS m SELECT m
EXPLAIN PLAN actions = 1, json = 1 SELECT path FROM events WHERE email = 'x'
SELECT * FROM rollup_hour_page
SELECT path, sum(events) FROM rollup_hour_page GROUP BY path
SELECT max(path), groupArray(path), any(path) FROM typed.rollup_hour_page
SELECT toUInt8(path) FROM rollup_hour_page
SELECT * FROM rollup_hour_page WHERE path LIKE '%s3c%'
EXPLAIN QUERY TREE SELECT (SELECT max(path) FROM rollup_hour_page)
WITH 'zzz' AS _k SELECT props FROM events
WITH 'zzz' AS _k, 'y' AS _v SELECT props, props_num, email, user.email FROM events
SELECT 'zzz' AS _k, props FROM events
SELECT props AS _k, _k FROM events
WITH map('email', 'x') AS _s SELECT email, props, plan FROM events
WITH map('pin', 1.) AS _n SELECT pin, props_num, n FROM events
SELECT arrayMap(_k -> _k, ['a']), props FROM events
WITH CAST(tuple('typed', 'x'), 'Tuple(tenant String, path String)') AS _e SELECT path, url, email FROM events
