"""Does with clickhouse-connect what programs do with it, and prints what came of it: a line for each step, its name, a tab, and
the result as JSON."""
import datetime
import json
import os

import clickhouse_connect


def step(name, f):
    try:
        v = f()
    except Exception as e:  # what a program would see
        v = f"{type(e).__name__}: {e}"
    print(f"{name}\t{json.dumps(v, default=str)}", flush=True)


def connect(**more):
    args = dict(host=os.environ["CH_HOST"], port=int(os.environ["CH_PORT"]), username=os.environ["CH_USER"], password=os.environ["CH_KEY"],
                database=os.environ["CH_USER"])
    args.update(more)
    return clickhouse_connect.get_client(**args)


for mode, options in {"lz4": {}, "zstd": {"compress": "zstd"}, "gzip": {"compress": "gzip"}, "none": {"compress": False},
                      "form": {"form_encode_query_params": True}}.items():
    try:
        c = connect(**options)
    except Exception as e:
        print(f"{mode}/connect\t{json.dumps(str(e))}")
        continue
    step(f"{mode}/ping", c.ping)
    step(f"{mode}/server", lambda: [c.server_version, str(c.server_tz), c.protocol_version])
    step(f"{mode}/count", lambda: c.query("SELECT count(), uniqExact(client_id) FROM events").result_rows)
    step(f"{mode}/params", lambda: c.query("SELECT count() FROM events WHERE type = {type:String} AND ts > {since:DateTime} AND has({list:Array(String)}, type)",
         parameters={"type": "view", "since": datetime.datetime.now() - datetime.timedelta(days=10), "list": ["view", "it's"]}).result_rows)
    step(f"{mode}/types", lambda: c.query("""SELECT toUInt8(1) AS u, toInt64(-2) AS i, 1.5 AS f, 'text' AS s, toDate('2026-03-09') AS d,
         toDateTime64('2026-03-09 10:11:12.345', 3, 'UTC') AS t, toDecimal64(1.25, 2) AS m, NULL AS n, [1, 2] AS a, map('a', 1) AS mp, (1, 'b') AS tp,
         toLowCardinality('low') AS l, [toLowCardinality('x')] AS la, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id, toIPv4('1.2.3.4') AS ip, true AS b""").result_rows)

    def many():
        count = total = 0
        with c.query_row_block_stream("SELECT arrayJoin(range(300000)) AS n, toString(n) AS s, toLowCardinality(toString(n % 10)) AS l") as stream:
            for block in stream:
                for n, s, l in block:
                    assert s == str(n) and l == str(n % 10)
                    count, total = count + 1, total + n
        return [count, total]

    def large():  # the driver asks to hold the whole answer back, which is 20 MB
        rows = c.query("SELECT arrayJoin(range(20000)) AS n, repeat('x', 1000) AS s").result_rows
        return [len(rows), sum(len(s) for _, s in rows)]

    step(f"{mode}/many", many)
    step(f"{mode}/large", large)
    step(f"{mode}/columns of none", lambda: c.query("SELECT type, ts FROM events LIMIT 0").column_names)
    step(f"{mode}/command", lambda: c.command("SELECT count() FROM events"))
    step(f"{mode}/raw", lambda: c.raw_query("SELECT 1 AS a, 'x' AS b", fmt="CSVWithNames").decode())
    step(f"{mode}/settings", lambda: c.query("SELECT 1", settings={"max_execution_time": 5, "session_timezone": "Asia/Tokyo", "max_result_rows": 10}).result_rows)
    step(f"{mode}/superset", lambda: [c.command("SELECT currentDatabase()"), c.query("SHOW DATABASES").result_rows, c.query("SHOW TABLES").result_rows,
         c.query("DESCRIBE TABLE events").column_names[:3], c.query(f"SELECT name FROM system.tables WHERE database = '{os.environ['CH_USER']}'").result_rows])
    step(f"{mode}/unknown table", lambda: c.query("SELECT 1 FROM nothing").result_rows)
    step(f"{mode}/insert", lambda: c.insert("events", [["view", "c"]], column_names=["type", "client_id"]))
    c.close()
step("wrong key", lambda: connect(password="wrong").ping())
step("other database", lambda: connect(database="other").query("SELECT 1").result_rows)
