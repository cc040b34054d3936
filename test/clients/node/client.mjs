// Does with @clickhouse/client what programs do with it, and prints what came of it: a line for each step, its name, a tab, and the
// result as JSON.
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'

const url = `http://${process.env.CH_HOST}:${process.env.CH_PORT}`
const make = (options = {}) => createClient({ url, username: process.env.CH_USER, password: process.env.CH_KEY, database: process.env.CH_USER, log: { level: ClickHouseLogLevel.OFF }, ...options })
const step = async (name, f) => {
  let v
  try {
    v = await f()
  } catch (e) {
    v = `${e.type ?? e.name} ${e.code ?? ''}: ${e.message}`
  }
  console.log(`${name}\t${JSON.stringify(v)}`)
}

for (const [mode, options] of [['plain', {}], ['gzip', { compression: { response: true, request: true } }]]) {
  const c = make(options)
  const json = async (query, more = {}) => (await c.query({ query, format: 'JSONEachRow', ...more })).json()
  await step(`${mode}/ping`, async () => (await c.ping()).success)
  await step(`${mode}/ping select`, async () => (await c.ping({ select: true })).success)
  await step(`${mode}/count`, () => json('SELECT count() AS n, uniqExact(client_id) AS u FROM events'))
  await step(`${mode}/params`, () => json('SELECT count() AS n FROM events WHERE type = {type:String} AND ts > {since:DateTime64(3)} AND has({list:Array(String)}, type)',
    { query_params: { type: 'view', since: new Date(Date.now() - 864000000), list: ['view', "it's"] } }))
  await step(`${mode}/json`, async () => {
    const r = await (await c.query({ query: 'SELECT 1 AS a, [1, 2] AS b', format: 'JSON' })).json()
    return [r.meta, r.data, r.rows]
  })
  await step(`${mode}/csv`, async () => (await c.query({ query: "SELECT 1 AS a, 'x' AS b", format: 'CSVWithNames' })).text())
  await step(`${mode}/stream`, async () => {
    const rs = await c.query({ query: 'SELECT arrayJoin(range(200000)) AS n', format: 'JSONCompactEachRow' })
    let count = 0, sum = 0
    for await (const rows of rs.stream()) for (const row of rows) { count++; sum += Number(row.json()[0]) }
    return [count, sum]
  })
  await step(`${mode}/settings`, () => json('SELECT toDateTime(0) AS t', { clickhouse_settings: { session_timezone: 'Asia/Tokyo', date_time_output_format: 'iso', max_execution_time: 5, wait_end_of_query: 1 } }))
  await step(`${mode}/summary`, async () => {
    const rs = await c.query({ query: 'SELECT count() FROM events', format: 'JSONEachRow', query_id: `id-${mode}` })
    await rs.text()
    return [rs.query_id, rs.response_headers['x-clickhouse-format'], rs.response_headers['x-clickhouse-query-id']]
  })
  await step(`${mode}/command`, async () => typeof (await c.command({ query: 'SET max_threads = 1' })).query_id)
  await step(`${mode}/unknown table`, () => json('SELECT 1 FROM nothing'))
  await step(`${mode}/unknown setting`, () => json('SELECT 1', { clickhouse_settings: { no_such_setting: 1 } }))
  await step(`${mode}/insert`, () => c.insert({ table: 'events', values: [{ type: 'view', client_id: 'c' }], format: 'JSONEachRow' }))
  await step(`${mode}/tables`, () => json('SHOW TABLES'))
  await step(`${mode}/abort`, async () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 100)
    await c.query({ query: 'SELECT max(sipHash64(x, y, z)) FROM (SELECT arrayJoin(range(100000)) AS x) AS a CROSS JOIN (SELECT arrayJoin(range(10000)) AS y) AS b CROSS JOIN (SELECT arrayJoin(range(100)) AS z) AS c', abort_signal: abort.signal })
  })
  await c.close()
}
const wrong = make({ password: 'wrong' })
await step('wrong key', async () => (await wrong.query({ query: 'SELECT 1' })).text())
await wrong.close()
const other = make({ database: 'other' })
await step('other database', async () => (await other.query({ query: 'SELECT 1' })).text())
await other.close()
