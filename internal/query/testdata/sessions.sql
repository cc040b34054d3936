SELECT * FROM sessions ORDER BY start_time, visitor LIMIT 3
SELECT count(), sum(events), countIf(bounce) FROM sessions
SELECT entry_path, count() AS n, avg(duration) FROM sessions GROUP BY entry_path ORDER BY n DESC, entry_path
SELECT s.visitor, s.country FROM acme.sessions AS s ORDER BY s.visitor LIMIT 2
SELECT count() FROM events AS e JOIN sessions AS s ON s.visitor = e.client_id
SELECT uniq(visitor) FROM sessions WHERE start_time >= '2026-03-09' AND NOT is_bot
SELECT count() FROM sessions WHERE visitor IN (SELECT client_id FROM events)
WITH x AS (SELECT exit_path FROM sessions) SELECT count() FROM x
SELECT toTypeName(start_time), toTypeName(duration), toTypeName(bounce), toTypeName(entry_path), toTypeName(referrer_host) FROM sessions LIMIT 1
SELECT COLUMNS('entry|exit') FROM sessions LIMIT 1
SELECT sessions.entry_path FROM events AS events JOIN default.sessions AS sessions USING (client_id)
