// What holds on every page: small sums, one and many, rows of nothing, what is wider than its place. A tenant of a few events, whose ids and paths are chosen for it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, newTenant, operator, until, weirURL } from '../harness.mjs';
import { open, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await newTenant({ name: 'Shop', time_zone: 'UTC' });
  const at = Date.now() - 60_000;
  const events = [
    { event_id: 'd1', type: 'pageview', client_id: 'one', url: 'https://shop.example/a', ts: at },
    { event_id: 'd2', type: 'job_done', client_id: 'worker', ts: at + 1000 },
    { event_id: 'd3', type: 'pageview', client_id: 'two', url: 'https://shop.example/b', ts: at - 3_600_000 },
  ];
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}` }, body: JSON.stringify(events) });
  assert.equal(res.status, 200, await res.text());
  await until(async () => Number((await site.sql('SELECT count() AS n FROM events'))[0].n) === events.length, 'the events');
});
after(() => browser.close());

const of = (page) => `/sites/${site.site}/${page}`;
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

async function on(t, address, options, key = site.analyst) {
  const page = await open(t, browser, options);
  await signIn(page, key, address);
  await settled(page);
  return page;
}

describe('details', { concurrency: 3, timeout: 300000 }, () => {
  test('costs below a cent are not nothing', async (t) => {
    await until(async () => (await ask(site.admin, '/api/v1/costs?by=kind')).total.amount > 0, 'a cost', 60000);
    const amount = async () => (await operator(`/api/v1/operator/tenants?search=${site.id}`)).tenants[0].amount_today;
    await until(async () => (await amount()) > 0, 'it in the list', 60000);
    const page = await on(t, `/tenants?search=${site.id}`, {}, process.env.WEIR_ADMIN_TOKEN);
    const small = await page.locator('tbody tr td').nth(4).textContent();
    assert.match(small, /^(< )?\$0\.0*[1-9]/, 'in its row');
    assert.match(await page.locator('tbody tr td').nth(4).getAttribute('title'), /^\$0\.0*[1-9]\d*$/);
    assert.match(await page.getByText(/events today/).textContent(), /\$0\.0*[1-9]\d* today/, 'in all');
    await page.locator('tbody tr th button').first().click();
    await settled(page);
    assert.match(await page.locator('dl > div', { hasText: 'Cost' }).locator('dd').textContent(), /^(< )?\$0\.0*[1-9]/, 'on its page');
    await sound(page, 'costs');
  });

  test('what has none of what is counted is not listed', async (t) => {
    const page = await on(t, of('overview'));
    const pages = page.locator('section', { has: page.getByRole('heading', { name: 'Pages', exact: true }) });
    assert.deepEqual((await pages.locator('li button').allTextContents()).sort(), ['/a1', '/b1']);
    await pages.getByRole('tab', { name: 'Entry' }).click();
    await settled(page);
    assert.ok((await pages.locator('li button').allTextContents()).every((s) => /[1-9]$/.test(s)));
    assert.deepEqual(page.faults, []);
  });

  test('one is one', async (t) => {
    const page = await on(t, of('sessions'), phone);
    const words = await page.locator('tbody td[data-label]').evaluateAll((cells) => cells.map((c) => `${c.textContent} ${c.dataset.label}`.trim()).filter((s) => /view|event/.test(s)));
    assert.ok(words.includes('1 view') && words.every((s) => !/^1 \w+s$/.test(s)), words.join());
    await page.goto(`${weirURL}${of('events')}?f=type:job_done`);
    await settled(page);
    await page.getByText('1 event', { exact: true }).waitFor();
    assert.deepEqual(page.faults, []);
  });

  test('on a phone the chosen section and the chosen tab are in sight', async (t) => {
    const page = await on(t, '/settings/general', phone, site.admin);
    const within = (name, what) =>
      until(
        () =>
          page.evaluate((sought) => {
            const el = [...document.querySelectorAll('[aria-current=page], [role=tab][aria-selected=true]')].find((e) => e.textContent === sought);
            const box = el?.getBoundingClientRect();
            const row = el?.parentElement.getBoundingClientRect();
            return box && box.left >= row.left - 1 && box.right <= row.right + 1 && box.right <= innerWidth;
          }, name),
        what,
      );
    await within('General', 'the section of the address');
    await page.getByRole('link', { name: 'Limits', exact: true }).click();
    await within('Limits', 'the one that was clicked');
    await page.goto(`${weirURL}/usage?by=day`);
    await settled(page);
    await within('Days', 'the tab of the address');
    await shoot(page, 'details-tabs-phone', false);
    assert.deepEqual(page.faults, []);
  });

  test('a long value does not widen its column; it is read and copied as a whole, from the keyboard too', async (t) => {
    const page = await on(t, `/sql?q=${encodeURIComponent(`SELECT repeat('long ', 200) AS text, 7 AS n`)}`, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    const table = page.getByRole('region', { name: 'Rows of the result' });
    await table.waitFor();
    await settled(page);
    const [column, all] = await table.evaluate((e) => [e.querySelectorAll('th')[1].getBoundingClientRect().width, e.scrollWidth - e.clientWidth]);
    assert.ok(column > 200 && column < 620, `the column is ${column} px wide`);
    assert.equal(all, 0, 'nothing is beyond the edge');
    const value = table.locator('td button');
    assert.ok(await value.evaluate((b) => b.scrollWidth > b.clientWidth && getComputedStyle(b).textOverflow === 'ellipsis'), 'it is cut');
    assert.match(await value.getAttribute('title'), /^(long )+…?$/);
    await value.focus();
    await page.keyboard.press('Enter');
    const whole = page.getByRole('dialog', { name: 'text' });
    await whole.waitFor();
    assert.equal(await whole.locator('pre').textContent(), 'long '.repeat(200));
    await until(() => page.evaluate(() => document.activeElement.tagName === 'PRE'), 'the focus on the text');
    await sound(page, 'a long value');
    await shoot(page, 'details-long', false);
    await whole.getByRole('button', { name: 'Copy' }).click();
    await whole.getByText('Copied', { exact: true }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'long '.repeat(200));
    await page.keyboard.press('Escape');
    await whole.waitFor({ state: 'hidden' });
    assert.ok(await value.evaluate((b) => b === document.activeElement), 'the focus is back');
  });
});
