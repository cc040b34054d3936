import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, complaints, launch, newTenant, servePages, until, weirURL } from '../harness.mjs';

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
