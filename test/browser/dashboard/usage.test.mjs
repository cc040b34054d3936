// Usage and cost of a tenant with a real access log, driven by clicks; the numbers are those of the API.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { ask, clearOfMidnight, launch, newTenant, operator, until } from '../harness.mjs';
import { fades, open, realSite, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site, events;
before(async () => {
  browser = await launch();
  await clearOfMidnight('UTC'); // costs are of days of UTC
  site = await realSite();
  await site.sql(`SELECT path, count() AS n FROM events GROUP BY path`);
  await site.sql(`SELECT browser, uniq(client_id) AS n FROM events GROUP BY browser`);
  await ask(site.analyst, `/api/v1/analytics/${site.site}/report?metric=events&from=7d`);
  events = Number((await site.sql('SELECT count() AS n FROM events'))[0].n);
  // Costs are written every ten seconds, and what was asked a moment ago has to be in them.
  await until(
    async () => {
      const { lines, total } = await costs('kind');
      assert.equal(total.events, events);
      for (const kind of ['ingest', 'query']) assert.ok(lines.some((l) => l.kind === kind), kind);
      assert.ok((await costs('shape')).lines.some((l) => /uniq ?\( ?client_id/.test(l.shape_text)), 'the last query');
      return true;
    },
    'costs of all that was done',
    60000,
  );
});
after(() => browser.close());

const costs = (by, more = '') => ask(site.admin, `/api/v1/costs?by=${by}&from=${new Date(Date.now() - 6 * 86400_000).toISOString().slice(0, 10)}T00:00:00Z${more}`);
const tile = (page, name) => page.locator(`section[aria-label="In all"] span:text-is("${name}") + b`).textContent();
const names = (page) => page.locator('tbody tr td:first-child span > span').allTextContents();

async function on(t, path = '/usage?over=7d', options) {
  const page = await open(t, browser, options);
  await signIn(page, site.admin, path);
  await page.locator('tbody tr').first().waitFor();
  await settled(page);
  return page;
}

describe('usage and cost', { concurrency: 3, timeout: 600000 }, () => {
  test('numbers, by day and by kind, are those of the API', async (t) => {
    const page = await on(t);
    await until(async () => (await tile(page, 'Events taken')) === events.toLocaleString('en-US'), 'the events');
    assert.match(await tile(page, 'Cost'), /^\$0\.\d+$/);
    const label = await page.getByRole('img', { name: /^Cost by day: 7 days/ }).getAttribute('aria-label');
    const sum = Number(/\$([\d.]+) in all/.exec(label)[1]);
    const said = (await costs('day')).total.amount;
    assert.ok(sum > 0 && sum <= said * 1.01 && sum > said / 5, `${label}; the API says ${said}`);
    const shown = await names(page);
    for (const name of ['Taking events', 'SQL']) assert.ok(shown.includes(name), shown.join());
    const row = page.locator('tbody tr', { hasText: 'Taking events' });
    assert.deepEqual((await page.locator('thead th').allTextContents()).slice(2), ['Cost', 'CPU', 'Read', 'Answers', 'Events', 'Requests']);
    const sql = (await costs('kind')).lines.find((l) => l.kind === 'query');
    assert.ok(sql.bytes_out > 0);
    assert.match(await page.locator('tbody tr', { hasText: 'SQL' }).first().locator('td').nth(5).textContent(), /^[\d.]+ (B|KB)$/, 'the bytes of answers');
    assert.equal(await row.locator('td').nth(6).textContent(), events.toLocaleString('en-US'));
    await sound(page, 'usage');
    await shoot(page, 'usage-light');
  });

  test('told apart by site, by who asked, by query, by day; the address keeps it', async (t) => {
    const page = await on(t, '/usage?over=7d', { colorScheme: 'dark' });
    const tab = async (name, first) => {
      await page.getByRole('tab', { name, exact: true }).click();
      await page.getByText(first, { exact: true }).first().waitFor();
      await settled(page);
      await sound(page, name);
    };
    await tab('Sites', 'Semicomplete');
    await tab('People and keys', 'analyst');
    await tab('Queries', 'No query');
    await page.getByText(/^Report of events/).first().waitFor();
    const texts = await page.locator('tbody code').allTextContents();
    const shapes = (await costs('shape')).lines.map((l) => l.shape_text).filter(Boolean);
    assert.ok(texts.some((s) => /uniq ?\( ?client_id/.test(s)) && shapes.some((s) => texts.includes(s)), texts.join('\n'));
    await shoot(page, 'usage-queries-dark');
    await tab('Days', 'In all');
    await page.getByRole('tab', { name: 'Days' }).focus();
    await page.keyboard.press('ArrowLeft');
    await until(() => page.url().includes('by=shape'), 'the tab by the keyboard');
    await page.reload();
    await page.getByText('No query').waitFor();
    await page.getByText('Last month', { exact: true }).click();
    await page.getByText('Nothing was used in this time.').first().waitFor();
    assert.ok(page.url().includes('over=last-month'));
    await settled(page);
    await sound(page, 'an empty month');
    await shoot(page, 'usage-empty');
  });

  test('files in the columns of FOCUS', async (t) => {
    const page = await on(t);
    const file = async (name) => {
      await page.getByRole('button', { name: 'Export' }).click();
      const [got] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name }).click()]);
      return { name: got.suggestedFilename(), bytes: await readFile(await got.path()) };
    };
    const csv = await file('CSV, by day');
    assert.match(csv.name, /^weir-costs-.*-by-day\.csv$/);
    const [head, ...rows] = csv.bytes.toString().trimEnd().split('\n');
    assert.ok(head.includes('BilledCost') && head.includes('ChargePeriodStart'));
    assert.ok(rows.length > 3 && rows.every((r) => r.includes(site.id)));
    assert.equal((await file('Parquet, by hour')).bytes.subarray(0, 4).toString(), 'PAR1');
    assert.deepEqual(page.faults, []);
  });

  test('a budget: how far it is spent, notices, and where they go', async (t) => {
    const tenant = await newTenant({ name: 'Small' });
    const page = await open(t, browser);
    await signIn(page, tenant.admin, '/usage');
    await page.getByText(/There is no budget/).waitFor();
    await operator(`/api/v1/tenants/${tenant.id}/policy`, { budget: { amount: 0.0000001, action: 'block' } }, 'PATCH');
    await tenant.sql('SELECT count() AS n FROM events');
    await until(async () => (await ask(tenant.admin, '/api/v1/budget')).exceeded, 'it to be spent');
    await page.reload();
    await page.getByText(/The budget is spent\. Queries are refused/).waitFor();
    await page.getByRole('meter', { name: 'Spent of the budget' }).waitFor();
    await until(async () => (await ask(tenant.admin, '/api/v1/budget')).notices.length === 3, 'the notices');
    await page.reload();
    await page.getByText('there is no webhook to tell').first().waitFor();
    await page.getByRole('button', { name: 'Notices…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Webhook').fill('ftp://x');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('alert').waitFor();
    assert.deepEqual(page.faults.splice(0).filter((f) => !/ (400|422) /.test(f)), []);
    await dialog.getByLabel('Webhook').fill('https://hooks.example.com/weir');
    await sound(page, 'notices');
    await shoot(page, 'usage-notices', false);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
    assert.equal((await ask(tenant.admin, '/api/v1/budget')).webhook, 'https://hooks.example.com/weir');
    await settled(page);
    await sound(page, 'a spent budget');
    await shoot(page, 'usage-budget');
  });

  test('on a phone; not for others than admins', async (t) => {
    const page = await on(t, '/usage', { viewport: { width: 390, height: 844 } });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    await fades(page, 'Costs by work');
    await sound(page, 'phone');
    await shoot(page, 'usage-phone');
    const analyst = await open(t, browser);
    await signIn(analyst, site.analyst, '/usage');
    await analyst.getByText('There is no such page').waitFor();
    assert.equal(await analyst.getByRole('link', { name: 'Usage and cost' }).count(), 0);
  });
});
