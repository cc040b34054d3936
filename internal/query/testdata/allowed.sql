SELECT 1
SELECT count() FROM events
select count(*) from events where type = 'pageview'
SELECT toStartOfHour(ts) AS h, count() AS events, uniq(client_id) AS visitors FROM events WHERE ts >= now() - INTERVAL 1 DAY GROUP BY h ORDER BY h
SELECT path, count() c FROM events GROUP BY path ORDER BY c DESC LIMIT 10
WITH top AS (SELECT path, count() AS n FROM events GROUP BY path ORDER BY n DESC LIMIT 10) SELECT * FROM top
WITH 5 AS lim SELECT path FROM events LIMIT 10
SELECT e.path, e.props['plan'] AS plan FROM events AS e WHERE e.country IN ('DE', 'FR')
SELECT country, quantile(0.95)(props_num['value']) FROM events GROUP BY country
SELECT CAST(props['n'] AS UInt32) FROM events
SELECT props['x']::Nullable(Float64) FROM events
SELECT toDate(ts) d, countIf(type='pageview') FROM events GROUP BY ALL
SELECT * EXCEPT (props, props_num) FROM events LIMIT 5
SELECT COLUMNS('utm_.*') FROM events LIMIT 1
SELECT arrayMap(x -> x + 1, [1,2,3])
SELECT arrayFold((acc, x) -> acc + x, [1,2,3], toInt64(0))
SELECT row_number() OVER (PARTITION BY client_id ORDER BY ts) AS rn FROM events
SELECT lagInFrame(ts) OVER w AS prev FROM events WINDOW w AS (PARTITION BY client_id ORDER BY ts ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)
SELECT events.path FROM events AS events
SELECT events.path FROM events AS e JOIN default."events" "events" USING (client_id)
SELECT count() FROM events a JOIN events b ON a.client_id = b.client_id
SELECT count() FROM events AS a LEFT JOIN (SELECT client_id, min(ts) AS first FROM events GROUP BY client_id) AS f USING (client_id)
SELECT path FROM events UNION ALL SELECT host FROM events
(SELECT path FROM events) UNION DISTINCT (SELECT host FROM events)
SELECT CASE WHEN country = 'DE' THEN 'home' ELSE 'abroad' END AS place, count() FROM events GROUP BY place
SELECT client_id FROM events WHERE client_id IN (SELECT client_id FROM events WHERE type = 'signup')
SELECT count() FROM events WHERE path LIKE '/docs/%' AND NOT is_bot
SELECT windowFunnel(3600)(toDateTime(ts), type = 'view', type = 'cart', type = 'buy') AS level FROM events GROUP BY client_id
SELECT ts, k FROM events ARRAY JOIN mapKeys(props) AS k
SELECT toStartOfInterval(ts, INTERVAL 5 MINUTE) AS t, count() FROM events GROUP BY t ORDER BY t WITH FILL STEP toIntervalMinute(5)
SELECT count() FROM events WHERE type = {type:String}
SELECT extract(url, 'q=([^&]*)') FROM events
SELECT EXTRACT(YEAR FROM ts) FROM events
SELECT sum(x) FROM (SELECT 1 AS x UNION ALL SELECT 2)
SELECT tuple(1,'a').1
SELECT DATE '2026-01-01'
SELECT -1, - 1, 1 - -1
SELECT if(is_bot, 'bot', 'human') AS kind, count() FROM events GROUP BY kind HAVING count() > 10
SELECT count() FROM events WHERE ts BETWEEN '2026-01-01' AND '2026-02-01'
SELECT type, count() FROM events GROUP BY type WITH TOTALS
SELECT sumMap(map(type, 1)) FROM events
SELECT groupArray(3)(path) FROM events
SELECT any(country), anyLast(city), argMax(path, ts) FROM events
SELECT count(DISTINCT client_id) FROM events
SELECT sum(props_num['value']) FILTER (WHERE country = 'DE') FROM events
SELECT * FROM events ORDER BY ts DESC LIMIT 5 OFFSET 10
SELECT path FROM events LIMIT 2 BY client_id
SELECT exists(SELECT 1 FROM events)
SELECT 1 IN (1, 2, 3)
SELECT x FROM (SELECT 1 AS x) AS t WHERE t.x = 1
SELECT interval FROM (SELECT 1 AS interval)
select trim(both '/' from path) from events
select substring(path from 1 for 3) from events
select left(path, 3), right(path, 2) from events
select "path", `host` from events
select country || '-' || city as place from events
select 1 /* note */ + 2 -- end
select user_id AS user from events
FROM events SELECT count()
SELECT JSONExtract(props['j'], 'a', 'Array(UInt8)') FROM events
SELECT arrayReduce('uniq', [1,2])
SELECT count() FROM events e, (SELECT 1 AS one) AS o
SELECT min(ts), max(ts) FROM events FORMAT JSONEachRow;
SELECT toDecimal64(1.5, 2), 1e3, 0xff
SELECT * REPLACE (upper(path) AS path) FROM events LIMIT 1
SELECT COLUMNS('props') APPLY(toString) FROM events
SELECT e.* FROM events e LIMIT 1
SELECT multiIf(a > 1, 'x', 'y') FROM (SELECT 2 AS a)
SELECT number FROM (SELECT arrayJoin(range(10)) AS number)
SELECT 'it''s', 'a\nb', 'c:\\x'
SELECT count() FROM events WHERE url != '' AND domain(url) = host
SELECT dateDiff('day', min(ts), max(ts)) FROM events
SELECT ts FROM events WHERE ts > toDateTime64('2026-01-01 00:00:00', 3, 'UTC')
SELECT CAST((1, 'a') AS Tuple(id UInt8, name String)) AS t, t.id
SELECT toDate(ts) AS day, uniqExact(client_id) AS dau FROM events WHERE client_id != '' GROUP BY day ORDER BY day
SELECT toStartOfWeek(ts, 1) AS w, uniq(client_id) FROM events GROUP BY w
SELECT toStartOfMonth(ts) AS m, count() AS n, n / uniq(client_id) AS per_client FROM events GROUP BY m
SELECT formatDateTime(ts, '%Y-%m-%d %H:%i') AS t, count() FROM events GROUP BY t LIMIT 10
SELECT toHour(ts) AS hour, toDayOfWeek(ts) AS dow, count() FROM events GROUP BY hour, dow
SELECT hour, countIf(is_bot) / count() AS share FROM (SELECT toHour(ts) AS hour, is_bot FROM events) GROUP BY hour
SELECT referrer_host, count() AS n FROM events WHERE referrer_host NOT IN ('', 'example.com') GROUP BY referrer_host ORDER BY n DESC LIMIT 20
SELECT utm_source, utm_medium, utm_campaign, count() FROM events WHERE utm_source != '' GROUP BY 1, 2, 3 ORDER BY 4 DESC
SELECT device, browser, os, count() AS n FROM events GROUP BY device, browser, os WITH ROLLUP ORDER BY n DESC
SELECT device, browser, count() FROM events GROUP BY device, browser WITH CUBE
SELECT device, browser, count() FROM events GROUP BY GROUPING SETS ((device), (browser), ())
SELECT country, city, count() AS n FROM events GROUP BY country, city ORDER BY n DESC NULLS LAST LIMIT 3 BY country
SELECT session_id, min(ts) AS started, max(ts) AS ended, dateDiff('second', started, ended) AS seconds FROM events GROUP BY session_id HAVING seconds > 0
SELECT avg(n) FROM (SELECT session_id, count() AS n FROM events GROUP BY session_id)
SELECT quantiles(0.5, 0.9, 0.99)(props_num['duration']) FROM events WHERE mapContains(props_num, 'duration')
SELECT median(props_num['duration']), stddevPop(props_num['duration']) FROM events
SELECT topK(10)(path) FROM events
SELECT uniqCombined(17)(client_id) FROM events
SELECT groupUniqArray(5)(country) FROM events
SELECT groupArray((ts, path)) AS steps FROM events GROUP BY client_id LIMIT 10
SELECT arrayStringConcat(groupArray(path), ' > ') AS journey, count() FROM (SELECT client_id, path FROM events ORDER BY client_id, ts) GROUP BY client_id LIMIT 10
SELECT retention(type = 'signup', type = 'login') AS r FROM events GROUP BY client_id LIMIT 10
SELECT sequenceMatch('(?1)(?t<=3600)(?2)')(toDateTime(ts), type = 'view', type = 'buy') FROM events GROUP BY client_id
SELECT sequenceCount('(?1)(?2)')(toDateTime(ts), type = 'view', type = 'buy') FROM events
SELECT level, count() FROM (SELECT windowFunnel(86400)(toDateTime(ts), type = 'a', type = 'b') AS level FROM events GROUP BY client_id) GROUP BY level ORDER BY level
WITH first AS (SELECT client_id, min(toDate(ts)) AS day FROM events GROUP BY client_id) SELECT f.day AS cohort, dateDiff('week', f.day, toDate(e.ts)) AS week, uniq(e.client_id) AS n FROM events AS e INNER JOIN first AS f ON e.client_id = f.client_id GROUP BY cohort, week ORDER BY cohort, week
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT y FROM b
WITH (SELECT count() FROM events) AS total SELECT country, count() / total AS share FROM events GROUP BY country
WITH toDate('2026-01-01') AS since SELECT count() FROM events WHERE ts >= since
SELECT client_id, ts, dateDiff('second', lagInFrame(ts, 1, ts) OVER (PARTITION BY client_id ORDER BY ts ASC), ts) AS gap FROM events
SELECT client_id, sum(1) OVER (PARTITION BY client_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n FROM events
SELECT path, rank() OVER (ORDER BY count() DESC) AS place FROM events GROUP BY path
SELECT day, n, avg(n) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS avg7 FROM (SELECT toDate(ts) AS day, count() AS n FROM events GROUP BY day)
SELECT first_value(path) OVER (PARTITION BY session_id ORDER BY ts) AS entry FROM events
SELECT dense_rank() OVER w, ntile(4) OVER w FROM events WINDOW w AS (ORDER BY ts)
SELECT count() FROM events AS a ASOF JOIN events AS b ON a.client_id = b.client_id AND a.ts >= b.ts
SELECT count() FROM events AS a ANY LEFT JOIN events AS b USING (client_id)
SELECT count() FROM events AS a LEFT SEMI JOIN events AS b ON a.client_id = b.client_id
SELECT count() FROM events AS a LEFT ANTI JOIN (SELECT client_id FROM events WHERE type = 'buy') AS b ON a.client_id = b.client_id
SELECT count() FROM events AS a CROSS JOIN (SELECT 1 AS one) AS b
SELECT a.path FROM events AS a FULL OUTER JOIN events AS b ON a.event_id = b.event_id LIMIT 1
SELECT k, count() FROM events ARRAY JOIN mapKeys(props) AS k, mapValues(props) AS v GROUP BY k
SELECT k, v FROM events LEFT ARRAY JOIN mapKeys(props) AS k, mapValues(props) AS v LIMIT 10
SELECT arrayJoin(mapKeys(props)) AS k, count() FROM events GROUP BY k
SELECT props['plan'] AS plan, sum(props_num['value']) AS value FROM events GROUP BY plan
SELECT mapKeys(props), mapValues(props_num) FROM events LIMIT 1
SELECT mapFilter((k, v) -> v != '', props) FROM events LIMIT 1
SELECT props.keys FROM events LIMIT 1
SELECT JSONExtractString(props['data'], 'name'), JSONExtractInt(props['data'], 'n') FROM events
SELECT JSONExtract(props['data'], 'Map(String, Float64)') FROM events LIMIT 0
SELECT toUInt32OrZero(props['n']), toFloat64OrNull(props['x']) FROM events
SELECT domain(url), path(url), queryString(url), extractURLParameter(url, 'q'), cutQueryString(url) FROM events LIMIT 1
SELECT decodeURLComponent(url), protocol(url), topLevelDomain(url) FROM events LIMIT 1
SELECT lower(path), upper(host), length(url), substring(url, 1, 10), concat(host, path) FROM events LIMIT 1
SELECT replaceRegexpAll(path, '/[0-9]+', '/:id') AS p, count() FROM events GROUP BY p
SELECT match(path, '^/blog/\\d+'), path REGEXP '^/x', extractAll(url, '[a-z]+') FROM events LIMIT 1
SELECT splitByChar('/', path)[2] AS section, count() FROM events GROUP BY section
SELECT path ILIKE '%Docs%', path NOT LIKE '%x%', startsWith(path, '/a'), endsWith(path, 'z') FROM events LIMIT 1
SELECT positionCaseInsensitive(url, 'utm') FROM events LIMIT 1
SELECT cityHash64(client_id) % 10 AS bucket, count() FROM events GROUP BY bucket
SELECT hex(MD5(client_id)), hex(SHA256(client_id)), sipHash64(client_id), xxHash64(client_id) FROM events LIMIT 1
SELECT round(avg(props_num['value']), 2), floor(1.5), ceil(1.5), sqrt(2), pow(2, 3), log(10), exp(1), abs(-1) FROM events
SELECT greatest(1, 2), least(1, 2), coalesce(NULL, 1), ifNull(NULL, 0), nullIf(1, 1), isNull(NULL)
SELECT NULL IS NULL, 1 IS NOT NULL, NOT 1, xor(1, 0) FROM events LIMIT 0
SELECT 1 <=> NULL, 5 DIV 2, 5 MOD 2, 5 % 2, 1 == 1, 1 <> 2
SELECT toTypeName(ts), toString(ts), toUnixTimestamp(ts), toUnixTimestamp64Milli(ts) FROM events LIMIT 1
SELECT ts + INTERVAL 1 HOUR, ts - INTERVAL '1 day', addDays(ts, 1), subtractHours(ts, 2) FROM events LIMIT 1
SELECT dateTrunc('month', ts), date_trunc('day', ts), toYYYYMM(ts), toMonday(ts), toQuarter(ts) FROM events LIMIT 1
SELECT toTimezone(ts, 'Europe/Berlin'), toDateTime(ts, 'Asia/Kolkata') FROM events LIMIT 1
SELECT today(), yesterday(), now(), now64(3), toDate('2026-01-01')
SELECT parseDateTimeBestEffort('2026-01-01T10:00:00Z'), toDateTime64('2026-01-01 10:00:00.123', 3)
SELECT toStartOfInterval(ts, INTERVAL 15 minute) AS t FROM events GROUP BY t
SELECT toStartOfFiveMinutes(ts) AS t, count() FROM events GROUP BY t ORDER BY t
SELECT t, n FROM (SELECT toStartOfHour(ts) AS t, count() AS n FROM events GROUP BY t) ORDER BY t WITH FILL FROM toDateTime('2026-01-01 00:00:00', 'UTC') TO toDateTime('2026-01-02 00:00:00', 'UTC') STEP 3600
SELECT t, n FROM (SELECT toDate(ts) AS t, count() AS n FROM events GROUP BY t) ORDER BY t WITH FILL INTERPOLATE (n AS 0)
SELECT arrayFilter(x -> x > 1, [1, 2, 3]), arrayExists(x -> x = 2, [1, 2]), arraySum([1, 2]), arraySort([3, 1]), has([1, 2], 1), indexOf([1, 2], 2)
SELECT arrayMap((x, y) -> x * y, [1, 2], [3, 4]), arrayZip([1], ['a']), arraySlice([1, 2, 3], 1, 2), arrayReverse([1, 2]), arrayDistinct([1, 1])
SELECT range(10), arrayEnumerate([1, 2]), arrayCumSum([1, 2]), arrayUniq([1, 1]), length([1]), empty([])
SELECT tuple(1, 'a') AS t, t.1, tupleElement(t, 2), (1, 2) = (1, 2)
SELECT map('a', 1)['a'], mapFromArrays(['a'], [1])
SELECT transform(device, ['mobile', 'desktop'], ['M', 'D'], '?') AS d, count() FROM events GROUP BY d
SELECT multiIf(props_num['value'] > 100, 'big', props_num['value'] > 10, 'middle', 'small') AS size, count() FROM events GROUP BY size
SELECT CASE device WHEN 'mobile' THEN 1 WHEN 'desktop' THEN 2 ELSE 0 END AS d FROM events LIMIT 1
SELECT sumIf(props_num['value'], country = 'DE'), avgIf(props_num['value'], is_bot), uniqIf(client_id, type = 'buy') FROM events
SELECT uniqMerge(s) FROM (SELECT uniqState(client_id) AS s FROM events GROUP BY country)
SELECT sumOrNull(props_num['x']), countDistinct(client_id) FROM events LIMIT 0
SELECT anyHeavy(path), entropy(path), corr(props_num['a'], props_num['b']) FROM events
SELECT simpleLinearRegression(props_num['a'], props_num['b']) FROM events
SELECT histogram(5)(props_num['value']) FROM events
SELECT bar(count(), 0, 1000, 20) FROM events GROUP BY country
SELECT formatReadableQuantity(count()), formatReadableSize(1024) FROM events
SELECT exponentialMovingAverage(3600)(props_num['value'], toUnixTimestamp(ts)) FROM events
SELECT maxIntersections(toUnixTimestamp(ts), toUnixTimestamp(ts + INTERVAL 1 MINUTE)) FROM events
SELECT argMin(path, ts) AS entry, argMax(path, ts) AS leave FROM events GROUP BY session_id
SELECT DISTINCT country FROM events ORDER BY country
SELECT DISTINCT ON (client_id) client_id, path FROM events
SELECT count() FROM (SELECT DISTINCT client_id, toDate(ts) FROM events)
SELECT path FROM events WHERE ts > now() - INTERVAL 5 MINUTE ORDER BY ts DESC LIMIT 100
SELECT * FROM events WHERE event_id = {id:String}
SELECT count() FROM events WHERE country IN {list:Array(String)} AND ts >= {since:DateTime64(3, 'UTC')}
SELECT count() FROM events WHERE props_num['value'] > {min:Float64} AND type = {type:LowCardinality(String)}
SELECT {n:Nullable(UInt64)} + 1
SELECT country FROM events INTERSECT SELECT country FROM events WHERE is_bot
SELECT country FROM events EXCEPT SELECT country FROM events WHERE is_bot
SELECT x FROM (SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 3) ORDER BY x
(SELECT path AS p FROM events LIMIT 1) UNION ALL (SELECT host FROM events LIMIT 1)
((SELECT 1 AS a)) UNION DISTINCT (SELECT 2)
WITH x AS (SELECT 1 AS a FROM events LIMIT 1) SELECT a FROM x UNION ALL SELECT 2
SELECT count() AS events FROM events
SELECT events.path FROM events LIMIT 1
SELECT "settings" FROM (SELECT 1 AS "settings")
SELECT path AS "Weg", count() AS `Anzahl der Aufrufe` FROM events GROUP BY "Weg"
SELECT 'naïve — ünï', path AS "größe" FROM events LIMIT 1
SELECT x.1 AS a, x.2 AS b FROM (SELECT (1, 2) AS x)
SELECT 'FROM weir.events', '; DROP TABLE x', '/* not a comment', '-- neither', 'SETTINGS x = 1'
SELECT '\'quoted\'', '\\', 'tab\there', '\x41'
select COUNT(*), Sum(1), MAX(ts), Avg(1) from events
SELECT Count() FROM events WHERE toDate(ts) = DATE '2026-01-02' AND ts < TIMESTAMP '2026-01-03 00:00:00'
SELECT CAST(1 AS Decimal(10, 2)), CAST('2026-01-01', 'DateTime64(3)'), '5'::UInt8, [1]::Array(UInt8), CAST('a' AS Enum8('a' = 1, 'b' = 2))
SELECT toDateTime(1), toIPv4('1.2.3.4'), toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), generateUUIDv4()
SELECT geohashEncode(1.0, 2.0), greatCircleDistance(1, 2, 3, 4), pointInPolygon((1, 1), [(0, 0), (2, 0), (2, 2)])
SELECT rand() % 2, randUniform(0, 1)
SELECT ngramDistance(path, '/docs'), levenshteinDistance(path, '/doc'), soundex(city) FROM events LIMIT 1
SELECT bitAnd(5, 3), bitShiftLeft(1, 3), bitCount(7), base64Encode('x'), tryBase64Decode('eA==')
SELECT countIf(type = 'a') AS a, countIf(type = 'b') AS b, b / nullIf(a, 0) AS rate FROM events
SELECT path FROM events QUALIFY row_number() OVER (PARTITION BY client_id ORDER BY ts) = 1
SELECT COLUMNS(path, host) FROM events LIMIT 1
SELECT * EXCEPT path FROM events LIMIT 1
SELECT e.* EXCEPT (props, props_num) FROM events AS e LIMIT 1
SELECT sum(x) FROM (SELECT arrayJoin([1, 2, 3]) AS x) WHERE x IN (SELECT 2)
SELECT count() FROM events WHERE (country, device) IN (('DE', 'mobile'), ('FR', 'desktop'))
SELECT count() FROM events WHERE country IN (SELECT country FROM events GROUP BY country ORDER BY count() DESC LIMIT 3)
SELECT has(groupArray(country), 'DE') AS b FROM events
SELECT user_id AS key, count() AS value FROM events GROUP BY key
SELECT 1 AS first, 2 AS last
SELECT count(), uniq(client_id) /* visitors */ FROM events -- end
SELECT 1 ? 2 : 3
SELECT path = '/' ? 'root' : (is_bot ? 'bot' : 'other') AS kind, count() FROM events GROUP BY kind
SELECT * FROM rollup_minute LIMIT 5
SELECT time, type, sum(events), uniqMerge(clients), sum(value) FROM rollup_minute GROUP BY time, type ORDER BY time
SELECT path, sum(events) AS views FROM rollup_hour_page WHERE time >= '2026-03-09 00:00:00' AND type = 'own1' GROUP BY path ORDER BY views DESC LIMIT 10
SELECT r.country, sum(r.events) FROM rollup_hour_audience AS r WHERE NOT r.is_bot GROUP BY r.country
WITH m AS (SELECT toStartOfDay(time) AS day, sum(events) AS n FROM rollup_minute GROUP BY day) SELECT * FROM m
SELECT rollup_minute.type FROM rollup_minute JOIN events ON events.type = rollup_minute.type LIMIT 1
SELECT number FROM numbers(24)
SELECT number FROM numbers(5, 3)
SELECT n.number AS h, count(e.path) AS views FROM numbers(24) AS n LEFT JOIN events AS e ON toHour(e.ts) = n.number GROUP BY h ORDER BY h
SELECT toDate('2026-03-01') + generate_series AS day FROM generate_series(0, 30)
SELECT generate_series FROM generateSeries(1, 10, 3) AS s
SELECT path, number FROM events, numbers(3) AS n LIMIT 1
SELECT count() FROM events CROSS JOIN numbers(0, 4, 2) AS n
FROM numbers(3) SELECT number
WITH days AS (SELECT toDate('2026-03-01') + number AS day FROM numbers(31)) SELECT day, countIf(e.type != '') FROM days LEFT JOIN events AS e ON toDate(e.ts) = days.day GROUP BY day ORDER BY day
WITH numbers AS (SELECT 1 AS x) SELECT numbers.x, n.number FROM numbers, numbers(2) AS n
SELECT count() FROM events WHERE length(path) IN (SELECT number FROM numbers(10))
SELECT toDate(ts) AS day, count() FROM events GROUP BY day ORDER BY day WITH FILL FROM toDate('2026-03-01') TO toDate('2026-04-01') STEP INTERVAL 1 DAY
SELECT path FROM events PREWHERE type = 'own1'
SELECT path FROM events AS e PREWHERE e.type = 'own1' OR e.type = 'own2' WHERE path = '/' OR path LIKE '/own%' GROUP BY path ORDER BY path LIMIT 3
SELECT path FROM events prewhere(type = 'own1') where(path != '') ORDER BY path LIMIT 1
SELECT count() FROM (SELECT path FROM events PREWHERE type = 'own1' WHERE path IN (SELECT path FROM events PREWHERE is_bot = 0 OR is_bot = 1 WHERE path != '' OR 1)) WHERE path != 'x'
SELECT sum(events) FROM rollup_minute PREWHERE type = 'own1' WHERE NOT is_bot
SELECT path FROM events PREWHERE type = 'own1' UNION ALL SELECT host FROM events PREWHERE 1 WHERE 1 LIMIT 1
