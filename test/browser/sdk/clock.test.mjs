// The visitor's clock is wrong: events have the time at which they happened all the same.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, patience, until } from '../harness.mjs';
import { exactlyOnce, listIDs, loaded, make, recovered, site } from './lib.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const hour = 3600000;
const day = 24 * hour;

/** A page whose clock is off by so many ms. */
const open = async (c, off) => {
  const page = await c.newPage();
  await page.addInitScript((ms) => {
    const right = Date.now.bind(Date);
    Date.now = () => right() + ms;
  }, off);
  return page;
};
const context = async (t) => {
  const c = await browser.newContext();
  c.setDefaultTimeout(patience);
  t.after(() => c.close());
  return c;
};
/** Checks that the events with these ids happened at that time, within a minute, and that what the visitor's clock said is kept. */
const happened = async (s, ids, at, clock) => {
  const rows = await s.sql(`SELECT event_id, toInt64(toUnixTimestamp64Milli(ts)) AS t, toInt64(toUnixTimestamp64Milli(client_ts)) AS c FROM events WHERE event_id IN ('${ids.join("','")}')`);
  assert.equal(rows.length, ids.length);
  for (const r of rows) {
    assert.ok(Math.abs(r.t - at) < 60000, `stored ${(r.t - at) / 1000} s from the true time`);
    assert.ok(Math.abs(r.c - at - clock) < 60000, `client_ts is ${(r.c - at) / 1000} s from the true time`);
  }
};

describe('clock', { concurrency: 6, timeout: 600000 }, () => {
  for (const [name, off] of Object.entries({ '3 days ahead': 3 * day, '3 hours behind': -3 * hour, '500 days behind': -500 * day })) {
    for (const way of ['fetch', 'image', 'beacon']) {
      test(`${name}, by ${way}`, async (t) => {
        const s = await site(t, way === 'image' ? { headers: { 'Content-Security-Policy': "connect-src 'none'" } } : {});
        const page = await open(await context(t), off);
        const ids = listIDs(page);
        await page.goto(`${s.url}/`);
        await loaded(page);
        const at = Date.now();
        if (way === 'beacon') await until(() => s.gate.sent().length > 0, 'the page view');
        await make(page, 5);
        if (way === 'beacon') await page.goto('about:blank');
        await exactlyOnce(s, ids);
        if (way === 'image') assert.ok(s.gate.sent().every((e) => e.path === '/pixel.gif'));
        await happened(s, ids, at, off);
      });
    }
  }

  test('what waited for days keeps its time, and so does what is sent twice', async (t) => {
    const s = await site(t);
    const c = await context(t);
    let how = 'lose';
    const sentAt = (e) => +(/sent_at"?[=:](\d+)/.exec(e.body + e.query) || [])[1];
    s.gate.fault = (e) => (e.path === '/sdk.js' ? undefined : sentAt(e) < Date.now() ? 'drop' : how); // the first page's clock is the earlier one
    // Four days ago, by a clock that is three days ahead.
    const first = await open(c, 3 * day - 4 * day);
    const ids = listIDs(first);
    await first.goto(`${s.url}/`);
    await loaded(first);
    const at = Date.now() - 4 * day;
    await make(first, 5);
    await first.close();
    // Today, by the same clock. The first answer is lost, so that the events go again, with another sent_at.
    const second = await open(c, 3 * day);
    await second.goto(`${s.url}/two`);
    await loaded(second);
    const tries = () => s.gate.sent().filter((e) => sentAt(e) > Date.now() && (e.path === '/pixel.gif' || e.body.includes(ids[0])));
    await until(() => tries().length >= 2, 'a second try');
    how = undefined;
    await recovered(s, second, ids);
    await happened(s, ids, at, 3 * day);
    // A browser sends by itself again, at once and to the byte, what it put on a connection that was closed meanwhile: that is one try.
    const own = tries().filter((e, i, all) => !all.slice(0, i).some((o) => o.path === e.path && o.query === e.query && o.body === e.body && e.at - o.at < 400));
    assert.equal(new Set(own.map(sentAt)).size, own.length, 'each try says when it is made');
    assert.ok(own.length >= 2, 'there is a second try');
    const total = async (what) => (await ask(s.viewer, `/api/v1/analytics/${s.site}/health?from=24h`)).hours.reduce((n, h) => n + h[what], 0);
    await until(async () => (await total('deduplicated')) >= ids.length, 'the copies to be counted');
    assert.equal(await total('conflicts'), 0);
  });
});
