import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, complaints, launch, newTenant, servePages, until, untilClearOfMidnight, weirURL } from '../harness.mjs';

test('a page is served, driven, and its faults are seen', async (t) => {
  const pages = await servePages({ '/': '<!doctype html><title>One</title><button onclick="document.title=\'Two\'">go</button>', '/bad': '<script>nothing.there</script>' });
  t.after(pages.close);
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  const faults = complaints(page);
  await page.goto(pages.url);
  await page.click('button');
  assert.equal(await page.title(), 'Two');
  assert.deepEqual(faults, []);
  await page.goto(`${pages.url}/bad`);
  await until(() => faults.some((f) => f.includes('nothing is not defined')), 'the fault of a page');
});

test('weir is there, takes an event and answers in SQL', async (t) => {
  const tenant = await newTenant();
  await ask(tenant.writeKey, '/ingest', { event_id: 'e1', type: 'pageview', client_id: 'c1' });
  assert.deepEqual(await until(async () => (await tenant.sql('SELECT event_id, type FROM events')).length && tenant.sql('SELECT event_id, type FROM events'), 'the event'), [{ event_id: 'e1', type: 'pageview' }]);
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  const faults = complaints(page);
  await page.goto(`${weirURL}/docs`);
  await page.waitForSelector('h1, h2');
  assert.deepEqual(faults, []);
});

test('suites begin when midnight is not near', () => {
  const at = (clock, zone) => untilClearOfMidnight(zone, Date.parse(`2026-11-27T${clock}Z`)) / 1000;
  assert.deepEqual([at('23:56:59', 'UTC'), at('23:57:00', 'UTC'), at('23:59:59', 'UTC'), at('00:00:00', 'UTC'), at('00:01:59', 'UTC'), at('00:02:00', 'UTC')], [0, 300, 121, 120, 1, 0]);
  assert.deepEqual([at('22:59:00', 'Europe/Berlin'), at('23:59:00', 'Europe/Berlin')], [180, 0]);
});
