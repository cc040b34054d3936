// What is said when the server is gone, and what comes back by itself; and what a suspended tenant is told.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, newTenant, operator, until, weirURL } from '../harness.mjs';
import { line, open, refused, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await newTenant();
  const events = Array.from({ length: 20 }, (_, i) => ({ event_id: `e${i}`, type: 'pageview', client_id: `c${i % 5}`, ts: Date.now() - 60_000 * i - 8 * 86_400_000 * (i % 2), url: `http://reach.example/${i % 3}` }));
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}` }, body: JSON.stringify(events) });
  assert.equal(res.status, 200, await res.text());
  await until(async () => Number((await site.sql('SELECT count() AS n FROM events'))[0].n) === events.length, 'the events');
});
after(() => browser.close());

const gone = (page) => page.getByRole('alert').filter({ hasText: 'weir cannot be reached.' });

/** Signed in through a line that can be cut; the browser's own lines about what is cut are no faults. */
async function wired(t, path) {
  const wire = await line(t);
  const page = await open(t, browser);
  await page.goto(wire.url + path);
  await page.getByRole('tab', { name: 'Key' }).click();
  refused(page, 'sign-in');
  await page.getByLabel(/^Key /).fill(site.analyst);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.locator('main#page').waitFor();
  await settled(page);
  Object.defineProperty(page.faults, 'push', { value: (f) => (/net::ERR|Unable to preload CSS|dynamically imported module/.test(f) ? 0 : Array.prototype.push.call(page.faults, f)) });
  return { wire, page };
}

describe('reach', { concurrency: 3, timeout: 600000 }, () => {
  test('a server that is gone is said without a click; what it left unanswered comes when it is back', async (t) => {
    const { wire, page } = await wired(t, `/sites/${site.site}/overview`);
    wire.cut();
    await gone(page).waitFor();
    await sound(page, 'gone');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByText('The time before could not be read.').waitFor();
    const tiles = page.locator('section[aria-label="Headline numbers"] button[aria-pressed]');
    assert.equal(await tiles.filter({ hasText: ' before' }).count(), 0, 'no number of the time before is made up');
    await shoot(page, 'reach-lost', false);
    await sound(page, 'no comparison');
    wire.mend();
    await gone(page).waitFor({ state: 'detached' });
    await page.getByText('The time before could not be read.').waitFor({ state: 'detached' });
    await until(async () => (await tiles.first().locator('[title$=" before"]').count()) === 1, 'the comparison');
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('who is signed out because the key was revoked is told so, and goes on where it was', async (t) => {
    const keys = `/api/v1/tenants/${site.id}/keys`;
    const { id, key } = await operator(keys, { role: 'viewer', name: 'to be revoked' });
    const page = await open(t, browser);
    await signIn(page, key, `/sites/${site.site}/overview`);
    await settled(page);
    assert.equal(await page.getByText('You were signed out').count(), 0);
    await operator(`${keys}/${id}`, undefined, 'DELETE');
    await until(async () => (await fetch(`${weirURL}/api/v1/me`, { headers: { Authorization: `Bearer ${key}` } })).status === 401, 'the key to be refused');
    await page.getByRole('link', { name: 'Retention' }).click();
    await page.getByText('You were signed out').waitFor();
    page.faults.splice(0).forEach((f) => assert.match(f, / 401 /));
    await sound(page, 'signed out');
    await shoot(page, 'signed-out', false);
    await page.getByRole('tab', { name: 'Key' }).click();
    await page.getByLabel(/^Key /).fill(site.viewer);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByRole('heading', { name: 'Retention', exact: true }).waitFor();
    await settled(page);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('Sign out');
    await page.keyboard.press('Enter');
    await page.getByText('Sign in to see what happens on your sites.').waitFor();
    assert.equal(await page.getByText('You were signed out').count(), 0, 'who signs out knows it');
  });

  test('a comparison that is refused says so', async (t) => {
    const page = await open(t, browser);
    await signIn(page, site.viewer, `/sites/${site.site}/overview`);
    await settled(page);
    const fail = { status: 500, contentType: 'application/problem+json', body: JSON.stringify({ code: 'internal', detail: 'no answer today' }) };
    await page.route('**/report', (r) => r.fulfill(fail));
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('status').filter({ hasText: 'The time before could not be read. no answer today' }).waitFor();
    assert.equal(await page.locator('section[aria-label="Headline numbers"] button[aria-pressed]', { hasText: ' before' }).count(), 0);
  });

  test('a page whose parts were not loaded yet says so in words, and loads when the server is back', async (t) => {
    const { wire, page } = await wired(t, `/sites/${site.site}/overview`);
    wire.cut();
    await page.getByRole('link', { name: 'Retention' }).click();
    await page.getByText('This part of the page was not loaded before the connection was lost.').waitFor();
    assert.equal(await page.getByText('Unable to preload').count(), 0);
    await sound(page, 'not loaded');
    await shoot(page, 'reach-not-loaded', false);
    wire.mend();
    await page.getByRole('heading', { name: 'Retention', exact: true }).waitFor();
    await page.locator('main').getByText(/By|Period/).first().waitFor();
    await until(async () => (await page.getByRole('alert').count()) === 0, 'nothing to be wrong');
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('a suspended tenant is told what that is, on every page', async (t) => {
    const shut = await newTenant();
    const page = await open(t, browser);
    await signIn(page, shut.admin, `/sites/${shut.site}/overview`);
    await settled(page);
    await operator(`/api/v1/operator/tenants/${shut.id}/suspension`, { reason: 'unpaid' }, 'PUT');
    for (const at of ['overview', 'live', 'events']) {
      await page.goto(`${weirURL}/sites/${shut.site}/${at}`);
      await page.getByText('This tenant is suspended').first().waitFor();
      const text = await page.locator('main').innerText();
      assert.match(text, /nothing of it is deleted; ask whoever operates this installation to resume it/);
      assert.doesNotMatch(text, /Ask an admin|Connection lost|Not allowed/);
    }
    await shoot(page, 'suspended', false);
    page.faults.splice(0).forEach((f) => assert.match(f, / 403 /));
    await operator(`/api/v1/operator/tenants/${shut.id}/suspension`, undefined, 'DELETE');
  });

  test('live says of a tenant that is suspended meanwhile what it is', async (t) => {
    const shut = await newTenant();
    const page = await open(t, browser);
    await signIn(page, shut.viewer, `/sites/${shut.site}/live`);
    await page.getByRole('status').filter({ hasText: 'Live' }).first().waitFor();
    await operator(`/api/v1/operator/tenants/${shut.id}/suspension`, {}, 'PUT');
    await page.getByText('This tenant is suspended').first().waitFor();
    await until(async () => !(await page.locator('main').innerText()).includes('Connection lost'), 'its own words');
    assert.match(await page.locator('main').innerText(), /nothing of it is deleted/);
  });
});
