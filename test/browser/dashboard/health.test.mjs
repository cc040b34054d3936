// Data health, driven by clicks: what a site was sent, what was lost and why; the numbers are those of /api/v1/usage and of this file's own count.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, newTenant, operator, until, weirURL } from '../harness.mjs';
import { open, settled, shoot, signIn, sound } from './lib.mjs';

let browser, sick, well;
const hour = 3_600_000;

/** What this file sent to the sick site, and what must become of it. */
const want = { stored: 0, deduplicated: 0, rejected: {}, siteless: 0, late: 0 };

const post = (path, body, key, headers = {}) =>
  fetch(weirURL + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { ...(key && { Authorization: `Bearer ${key}` }), ...headers } });
const health = async (t, from = '24h') => (await fetch(`${weirURL}/api/v1/analytics/${t.site}/health?from=${from}`, { headers: { Authorization: `Bearer ${t.viewer}` } })).json();

before(async () => {
  browser = await launch();
  sick = await newTenant({ name: 'Sick' });
  well = await newTenant({ name: 'Well' });
  const admin = { key: sick.admin };
  const good = (n, more = {}) => Array.from({ length: n }, (_, i) => ({ type: 'pageview', url: `https://shop.example/p/${i}`, client_id: `c${i % 9}`, props: { plan: i % 2 ? 'pro' : 7 }, ...more }));
  // ingest: 60 good, of these 4 are repeats
  const once = good(56).map((e, i) => ({ ...e, event_id: `e${i}` }));
  await post(`/ingest?site_id=${sick.site}`, [...once, ...once.slice(0, 4)], admin.key);
  want.stored += 56;
  want.deduplicated += 4;
  // late: 10 minutes, 3 hours, 5 days
  for (const [n, ago] of [[3, hour / 6], [2, 3 * hour], [1, 120 * hour]]) {
    await post(`/ingest?site_id=${sick.site}`, good(n, { ts: Date.now() - ago }), admin.key);
    want.stored += n;
    want.late += n;
  }
  const lose = (code, door, n) => (want.rejected[`${code} ${door}`] = (want.rejected[`${code} ${door}`] ?? 0) + n);
  // ingest: times that cannot be read, with personal data about them
  await post(`/ingest?site_id=${sick.site}`, Array.from({ length: 12 }, () => ({ type: 'signup', ts: 'yesterday', user_id: 'u-4711', props: { email: 'ann@example.com' } })), admin.key);
  lose('invalid_value', 'ingest', 12);
  // collect, pixel: events without a type; a time in the far future
  await post('/collect', { site_id: sick.site, client_id: 'c1', events: [{ url: '/a' }, { type: 'pageview', url: '/b' }] }, undefined, { 'Content-Type': 'text/plain' });
  lose('field_missing', 'collect', 1);
  want.stored++;
  await fetch(`${weirURL}/pixel.gif?site_id=${sick.site}&events=${encodeURIComponent(JSON.stringify({ type: 'pageview', ts: Date.now() + 500 * hour }))}`);
  lose('ts_out_of_range', 'pixel', 1);
  // Segment: no name; Plausible: no name
  await post('/v1/batch', { batch: [{ type: 'track', userId: 'u1', properties: {} }] }, undefined, { Authorization: `Basic ${btoa(`${sick.writeKey}:`)}`, 'Content-Type': 'application/json' });
  await post('/api/event', { domain: sick.site, url: 'https://shop.example/' }, undefined, { 'User-Agent': 'Mozilla/5.0' });
  lose('field_missing', 'segment', 1);
  lose('field_missing', 'plausible', 1);
  // a broken request, and one for a site that does not exist
  await post(`/ingest?site_id=${sick.site}`, '[{"type":"pageview","client_id":"secret-client"', admin.key);
  lose('malformed_json', 'ingest', 1);
  await post('/ingest', [{ type: 'x', site_id: 'nowhere' }, { type: 'x' }], admin.key);
  want.siteless += 2;
  await post(`/ingest?site_id=${well.site}`, good(40).map((e) => ({ ...e, props: { plan: 'pro' } })), well.admin);
  await until(async () => {
    const { totals: t, tenant } = await health(sick);
    const lost = Object.values(want.rejected).reduce((a, b) => a + b);
    return t.stored >= want.stored && t.rejected >= lost && tenant.totals.rejected >= want.siteless && t.pending === 0 && (await health(well)).totals.stored === 40;
  }, 'everything to be processed');
});
after(() => browser.close());

async function on(t, tenant, key, query = '', options) {
  const page = await open(t, browser, options);
  await signIn(page, key, `/sites/${tenant.site}/health${query}`);
  await settled(page);
  return page;
}

describe('data health', { timeout: 600000 }, () => {
  test('the accounting of the site is what was sent, and adds up to that of the tenant', async () => {
    const h = await health(sick);
    assert.equal(h.totals.stored, want.stored);
    assert.equal(h.totals.deduplicated, want.deduplicated);
    assert.equal(h.totals.late, want.late);
    assert.deepEqual([h.late.minutes, h.late.hours, h.late.days], [3, 2, 1]);
    const codes = Object.fromEntries(h.rejected.map((r) => [`${r.code} ${r.door}`, r.count]));
    assert.deepEqual(codes, want.rejected);
    assert.equal(h.rejected.reduce((n, r) => n + r.count, 0), h.totals.rejected);
    assert.equal(h.tenant.totals.rejected, want.siteless);
    assert.equal(h.totals.received, h.totals.stored + h.totals.deduplicated + h.totals.rejected + h.totals.filtered + h.totals.quarantined + h.totals.erased + h.totals.pending);
    const usage = (await (await fetch(`${weirURL}/api/v1/usage`, { headers: { Authorization: `Bearer ${sick.admin}` } })).json()).totals[0];
    for (const name of ['received', 'stored', 'deduplicated', 'rejected', 'filtered', 'pending', 'conflicts']) assert.equal(h.totals[name] + h.tenant.totals[name], usage[name], name);
    const text = JSON.stringify(h);
    for (const secret of ['ann@example', 'u-4711', 'secret-client']) assert.ok(!text.includes(secret), secret);
    assert.ok(h.rejected.every((r) => r.message && (r.example ?? '').length <= 1024));
    const [rows] = await sick.sql('SELECT count() AS n FROM events');
    assert.equal(Number(rows.n), h.totals.stored, 'rows in SQL');
  });

  test('the days of the schema are written alike', async (t) => {
    const page = await on(t, sick, sick.viewer);
    const days = await page.getByRole('region', { name: 'Properties of events' }).locator('tbody td.num').allTextContents();
    assert.ok(days.length > 0);
    for (const d of days) assert.match(d, /^\d{1,2} [A-Z][a-z]{2,3} \d{4}$/);
  });

  test('reasons open, with what to do and an outline; the address keeps them', async (t) => {
    const page = await on(t, sick, sick.viewer);
    await page.getByText('It adds up, in every hour').waitFor();
    await page.getByText(/% of events were lost/).waitFor();
    const reason = page.getByRole('button', { name: /A value cannot be read/ });
    assert.match(await reason.textContent(), /12/);
    await reason.click();
    await page.getByText(/ts is "yesterday": use seconds/).waitFor();
    const outline = page.locator('pre');
    assert.match(await outline.textContent(), /"type": "signup"/);
    assert.match(await outline.textContent(), /"email": "\(15 characters\)"/);
    assert.equal(new URL(page.url()).searchParams.get('reason'), 'invalid_value@ingest');
    await page.reload();
    await settled(page);
    await page.locator('pre').waitFor();
    await page.getByRole('button', { name: /No such site/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByText(/does not exist or belongs to somebody else/).waitFor();
    assert.equal(await page.getByText('Diverges').count(), 1, 'plan is a number here and a text there');
    assert.equal(await page.getByRole('heading', { name: 'Quarantine' }).count(), 0, 'a viewer does not see the quarantine');
    await page.goto(`${weirURL}/sites/${sick.site}/health?reason=invalid_value@ingest`);
    await settled(page);
    await page.waitForTimeout(400);
    await sound(page, 'data health');
    await shoot(page, 'health-light');
  });

  test('an admin takes a property out, and it comes back as what is sent then', async (t) => {
    const shop = await newTenant({ name: 'Shop' });
    const send = (props) => post(`/ingest?site_id=${shop.site}`, [{ type: 'buy', props }], shop.admin);
    const kind = async (name) => (await health(shop)).schema.properties.find((p) => p.name === name)?.kind;
    await send({ price: 7, plan: 'pro' });
    await send({ price: 'free' });
    await until(async () => (await kind('price')) === 'string' && (await kind('plan')) === 'string', 'the text to be seen');
    const viewer = await on(t, shop, shop.viewer);
    await viewer.getByText('Diverges').waitFor();
    assert.equal(await viewer.getByRole('button', { name: 'Remove price' }).count(), 0, 'a viewer takes nothing out');
    const page = await on(t, shop, shop.admin);
    await page.getByRole('button', { name: 'Remove price' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/The column price goes from SQL.*Events stay as they are, and props\['price'\] still reads them/).waitFor();
    await sound(page, 'the question before a property is removed');
    await shoot(page, 'health-remove', false);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await kind('price'), 'string', 'Cancel removes nothing');
    await page.getByRole('button', { name: 'Remove price' }).click();
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByText('price was removed.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Remove price' }).count(), 0);
    assert.equal(await kind('price'), undefined);
    assert.equal(await page.getByText('Diverges').count(), 0);
    const [old] = await shop.sql("SELECT countIf(props['price'] = 'free') AS n FROM events");
    assert.equal(Number(old.n), 1, 'the event is as it was');
    await send({ price: 8 });
    await until(async () => (await kind('price')) === 'int' && Number((await shop.sql("SELECT count() AS n FROM events WHERE type = 'buy'"))[0].n) === 3, 'the number to be seen');
    const [sum] = await shop.sql('SELECT sum(price) AS n, countIf(price IS NULL) AS none FROM events');
    assert.deepEqual([Number(sum.n), Number(sum.none)], [15, 1]);
    await page.getByRole('button', { name: 'Remove price' }).waitFor();
    assert.deepEqual(page.faults, []);
  });

  test('names that came without a key have a share; what had no place is shown, and all of them can be removed', async (t) => {
    const shop = await newTenant({ name: 'Shop' });
    const junk = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`junk${i}`, i]));
    await post('/collect', { site_id: shop.site, client_id: 'c1', events: [{ type: 'x', props: junk }] }, undefined, { 'Content-Type': 'text/plain' });
    await post(`/ingest?site_id=${shop.site}`, [{ type: 'buy', props: { price: 7 } }], shop.admin);
    await until(async () => {
      const s = (await health(shop)).schema;
      return s.public_names.values === 100 && s.properties.some((p) => p.name === 'price');
    }, 'the names to be seen');
    const page = await on(t, shop, shop.admin);
    await page.getByText(/100 values that came without a key have names for which there was no place, the latest on .*junk299/).waitFor();
    await sound(page, 'names that had no place');
    await page.getByRole('button', { name: 'Remove all names that only came without a key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Remove 200 names' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByText('200 names were removed.').waitFor();
    const s = (await health(shop)).schema;
    assert.deepEqual([s.properties.map((p) => p.name), s.public_names.names], [['price'], 0]);
    assert.deepEqual(page.faults, []);
  });

  test('dark, and a phone', async (t) => {
    const dark = await on(t, sick, sick.admin, '?reason=invalid_value@ingest', { colorScheme: 'dark' });
    await dark.getByRole('heading', { name: 'Quarantine' }).waitFor();
    await dark.getByText('Nothing is in quarantine').waitFor();
    const top = async (e) => (await e.boundingBox()).y;
    assert.ok((await top(dark.getByText('Still coming in'))) > (await top(dark.getByText('Nothing is in quarantine'))), 'up to when the numbers are whole stands below everything');
    await dark.waitForTimeout(400);
    assert.deepEqual((await dark.locator('th').allTextContents()).filter((s) => s.trim() === ''), [], 'a column without a name');
    await sound(dark, 'data health, dark');
    await shoot(dark, 'health-dark');
    const phone = await on(t, sick, sick.viewer, '?reason=invalid_value@ingest', { viewport: { width: 390, height: 844 } });
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= 390), 'nothing is wider than the phone');
    await phone.waitForTimeout(400);
    await sound(phone, 'data health on a phone');
    await shoot(phone, 'health-phone');
  });

  test('on a phone fingers reach what removes a property, and replays or discards a record', async (t) => {
    const page = await open(t, browser, { viewport: { width: 390, height: 844 }, hasTouch: true });
    await page.route('**/api/v1/quarantine', (r) => r.fulfill({ json: { records: [{ id: 'main-000000000001-000000000042', at: new Date().toISOString(), bytes: 4711, reason: 'the record ends in the middle of an event', tries: 3 }] } }));
    await signIn(page, sick.admin, `/sites/${sick.site}/health`);
    await settled(page);
    const properties = page.getByRole('region', { name: 'Properties of events' });
    assert.ok(await properties.evaluate((e) => e.scrollWidth <= e.clientWidth), 'no column is out of sight');
    for (const [name, button] of [['Remove', properties.getByRole('button', { name: /^Remove / }).first()], ...['Replay record', 'Discard record'].map((n) => [n, page.getByRole('button', { name: n })])]) {
      await button.scrollIntoViewIfNeeded();
      const b = await button.boundingBox();
      assert.ok(b.width >= 40 && b.height >= 40, `${name}: ${b.width} × ${b.height}`);
      assert.ok(b.x >= 0 && b.x + b.width <= 390, `${name} is in sight`);
    }
    await page.waitForTimeout(400);
    await sound(page, 'data health of an admin on a phone');
    await shoot(page, 'health-phone-admin');
  });

  test('a healthy site is praised; an empty range says that nothing came', async (t) => {
    const page = await on(t, well, well.viewer);
    await page.getByText('All well: every event was taken').waitFor();
    await page.getByText('No event of this site was rejected.').waitFor();
    await sound(page, 'a healthy site');
    await shoot(page, 'health-well');
    await page.goto(`${weirURL}/sites/${well.site}/health?range=2020-01-01~2020-01-31`);
    await settled(page);
    await page.getByText('Nothing arrived', { exact: true }).waitFor();
    await page.getByText('There is nothing to add up.').waitFor();
    await sound(page, 'an empty range');
  });

  test('the numbers of the sum are whole, also those of many events', async (t) => {
    const page = await open(t, browser, { viewport: { width: 390, height: 844 } });
    await page.route('**/health?*', async (route) => {
      const response = await route.fetch();
      const body = await response.json();
      for (const name of ['received', 'stored']) body.totals[name] += 12_345_678_900;
      await route.fulfill({ response, json: body });
    });
    await signIn(page, sick.viewer, `/sites/${sick.site}/health`);
    await settled(page);
    const [received, ...rest] = await page.locator('dl dd').evaluateAll((l) => l.map((d) => Number(d.textContent.replaceAll(',', ''))));
    assert.ok(received > 12_345_678_900, `${received} received`);
    assert.equal(rest.reduce((a, b) => a + b), received);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 390), 'nothing is wider than the phone');
    await sound(page, 'a sum of many events');
  });

  test('loading, a fault, and an answer that is old', async (t) => {
    const page = await open(t, browser);
    let fail = true;
    let seen;
    let asked = 0;
    const hold = () => new Promise((done) => (seen = done));
    let held = hold();
    await page.route('**/health?*', async (r) => (asked++, await held, fail ? r.fulfill({ status: 503, contentType: 'application/problem+json', headers: { 'Retry-After': '0' }, body: '{"status":503,"code":"overloaded","detail":"The server is busy."}' }) : r.continue()));
    await signIn(page, well.viewer, `/sites/${well.site}/health`);
    await page.getByRole('status', { name: 'Loading' }).first().waitFor();
    seen();
    await page.getByText('The server is busy.').first().waitFor();
    held = hold();
    const before = asked;
    await until(() => asked > before, 'it to be asked again'); // it is each ten seconds, and says what is wrong meanwhile
    await page.getByRole('button', { name: 'Try again', disabled: true }).waitFor();
    await page.getByText('The server is busy.').first().waitFor();
    if (await page.getByRole('status', { name: 'Loading' }).count()) throw new Error('what failed looks as if it had never been asked, while it is asked again');
    seen();
    await page.getByRole('button', { name: 'Try again', disabled: false }).waitFor();
    fail = false;
    const again = page.getByText('All well');
    await Promise.any([page.getByRole('button', { name: 'Try again' }).click(), again.waitFor()]); // the next of the ten seconds may come first
    await again.waitFor();
    fail = true;
    const old = page.getByText(/As of .*The server is busy/);
    await old.waitFor(); // it asks each ten seconds
    const [, of] = /As of (\d\d:\d\d:\d\d): /.exec(await old.textContent());
    const day = 86400000;
    const since = (Date.now() - Date.parse(`1970-01-01T${of}Z`)) % day; // the site's zone is UTC, the browser's another one
    assert.ok(since < 600000, `${of} is the time of an answer ${since / 1000} s ago`);
    await page.getByText('All well').waitFor();
    page.faults = page.faults.filter((f) => !/503/.test(f));
    await sound(page, 'an old answer');
  });

  test('quarantine: replay says what came of it, discarding is asked about', async (t) => {
    const page = await open(t, browser);
    let records = [{ id: '00000000000000000007', partition: 0, offset: 7, at: new Date(Date.now() - hour).toISOString(), reason: 'record: checksum 1A2B, the record says 3C4D', bytes: 2048 }];
    await page.route('**/api/v1/quarantine', (r) => r.fulfill({ json: { records } }));
    await page.route('**/api/v1/quarantine/*/replay', (r) => r.fulfill({ status: 422, contentType: 'application/problem+json', body: '{"status":422,"code":"not_decodable","detail":"The record still cannot be decoded.","field":"id"}' }));
    await page.route('**/api/v1/quarantine/00000000000000000007', (r) => ((records = []), r.fulfill({ status: 204 })));
    await signIn(page, sick.admin, `/sites/${sick.site}/health`);
    await page.getByRole('button', { name: 'Replay record 00000000000000000007' }).click();
    await page.getByText('The record still cannot be decoded.').waitFor();
    await page.getByRole('button', { name: /^Discard record/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await page.getByText('Nothing is in quarantine').waitFor();
    page.faults = page.faults.filter((f) => !/422/.test(f));
    await sound(page, 'quarantine');
  });
});
