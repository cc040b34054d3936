# the engine's table by name
SELECT * FROM weir.sessions
SELECT tenant, count() FROM weir.sessions GROUP BY tenant
SELECT * FROM weir.sessions WHERE tenant = 'victim'
SELECT visitor FROM weir.sessions WHERE _version = 5
SELECT * FROM "weir"."sessions"
SELECT * FROM weir . sessions
SELECT * FROM WEIR.SESSIONS
SELECT * FROM events JOIN weir.sessions AS s ON 1 = 1
SELECT * FROM sessions, weir.sessions
SELECT * FROM events WHERE path IN weir.sessions
SELECT (SELECT groupArray(entry_path) FROM weir.sessions)
SELECT visitor FROM sessions UNION ALL SELECT visitor FROM weir.sessions
SELECT visitor FROM sessions EXCEPT SELECT visitor FROM weir.sessions
# those of others
SELECT * FROM victim.sessions
SELECT * FROM t_victim.sessions
SELECT * FROM "victim"."sessions"
SELECT visitor FROM sessions WHERE tenant = 'victim'
SELECT sessions.tenant FROM sessions
SELECT _version FROM sessions
SELECT edge FROM sessions
SELECT _s.visitor FROM sessions
SELECT _r.visitor FROM sessions
SELECT _e.client_id FROM sessions
SELECT _all FROM sessions
# parameters that are ours
SELECT {_sessions_versions:Array(UInt64)} FROM sessions
SELECT {_sessions_timeout:Int64}, {_sessions_days:Array(UInt32)}
# another relation of that name
WITH sessions AS (SELECT * FROM weir.sessions) SELECT * FROM sessions
WITH sessions AS (SELECT * FROM events) SELECT * FROM sessions
WITH Sessions AS (SELECT path FROM events) SELECT * FROM Sessions
SELECT * FROM (SELECT * FROM weir.sessions) AS sessions
SELECT * FROM events AS sessions
SELECT mergeTreeIndex('weir', 'sessions')
SELECT * FROM mergeTreeIndex('weir', 'sessions')
SELECT * FROM merge('weir', 'sessions')
SELECT joinGet('weir.sessions', 'visitor', 'x')
