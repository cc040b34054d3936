// What holds on every page: small sums, one and many, rows of nothing, what is wider than its place. A tenant of a few events, whose ids and paths are chosen for it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, clearOfMidnight, launch, newTenant, operator, until, weirURL } from '../harness.mjs';
import { looksLikeLink, open, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  await clearOfMidnight('UTC');
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

describe('details', { concurrency: 3, timeout: 600000 }, () => {
  test('costs below a cent are not nothing', async (t) => {
    await until(async () => (await ask(site.admin, '/api/v1/costs?by=kind')).total.amount > 0, 'a cost');
    const amount = async () => (await operator(`/api/v1/operator/tenants?search=${site.id}`)).tenants[0].amount_today;
    await until(async () => (await amount()) > 0, 'it in the list');
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

  test('every page of numbers says up to when they are whole; what is over is not still coming in', async (t) => {
    const page = await on(t, of('overview'));
    for (const name of ['overview', 'events', 'sessions', 'paths', 'health']) {
      for (const [range, coming] of [['', 1], ['?range=2026-01-01~2026-01-02', 0]]) {
        await page.goto(weirURL + '/' + of(name).slice(1) + range);
        await settled(page);
        await page.getByText(/Counts everything received up to .* Final before/).waitFor();
        assert.equal(await page.getByText('Still coming in').count(), coming, `${name}${range}`);
      }
    }
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
    await until(() => value.evaluate((b) => b === document.activeElement), 'the focus to be back');
  });

  test('a part of an address that is not understood is said, with what is shown instead, and can be taken out', async (t) => {
    const page = await on(t, of('overview?range=99x&f=country&f=type:pageview&metric=nonsense&pages=nowhere'));
    const said = page.getByRole('status').filter({ hasText: 'not understood' });
    await until(async () => (await said.getByRole('listitem').count()) >= 4, 'what is not understood');
    const lines = await said.getByRole('listitem').allTextContents();
    for (const what of [/^range=99x Shown instead: last 7 days\.$/, /^f=country Shown instead: everything, without this filter/, /^metric=nonsense Shown instead: Visitors\.$/, /^pages=nowhere Shown instead: Top\.$/]) assert.ok(lines.some((l) => what.test(l)), `${what}: ${lines.join('; ')}`);
    assert.equal(lines.length, 4);
    await page.getByRole('button', { name: 'Range of dates: Last 7 days' }).waitFor();
    await sound(page, 'an address with faults');
    await shoot(page, 'details-address', false);
    await looksLikeLink(said.getByRole('button', { name: 'Take them out' }));
    await said.getByRole('button', { name: 'Take them out' }).click();
    await said.waitFor({ state: 'hidden' });
    assert.equal(new URL(page.url()).search, '?f=type%3Apageview', 'what is understood stays');
    for (const [at, what] of [
      [of('live?bots=maybe'), 'bots=maybe'],
      [of('events?filters=country:DE'), 'filters=country:DE'],
      [of('sessions?range=2026-02-31~2026-03-01'), 'range=2026-02-31~2026-03-01'],
      [of('funnels?funnel=%7B%22steps'), 'funnel={"steps'],
      [of('retention?period=eon'), 'period=eon'],
      [of('retention?start=%7B'), 'start={'],
      [of('paths?depth=99'), 'depth=99'],
      [of('health?range=soon'), 'range=soon'],
      ['/sql?saved=q_gone', 'saved=q_gone'],
    ]) {
      await page.goto(weirURL + at);
      if (!at.includes('/live')) await settled(page); // its stream goes on
      await said.getByText(what, { exact: true }).waitFor();
      assert.equal(await page.getByRole('alert').count(), 0, `${at}: the page is whole`);
    }
    await page.goto(weirURL + of('overview?by=hour&range=90d&pages=entry'));
    await settled(page);
    assert.equal(await said.count(), 0, 'an interval that the range does not have is no fault');
    assert.deepEqual(page.faults, []);
  });

  test('a dialog gives the focus back to what opened it', async (t) => {
    const page = await on(t, '/settings/keys', {}, site.admin);
    await ask(site.admin, '/api/v1/dashboards', { name: 'Board', panels: [{ title: 'Seen', kind: 'tile', site_id: site.site, question: { metric: ['pageviews'], from: '7d' }, x: 0, y: 0, w: 3, h: 2 }] });
    await ask(site.analyst, '/api/v1/queries', { name: 'Kept', sql: 'SELECT 1 AS one' });
    const button = (name) => page.getByRole('button', { name });
    // where, what opens it, and what leads there
    const doors = [
      ['/settings/keys', button('New key')],
      ['/settings/keys', button('What to do with analyst'), () => page.getByRole('menuitem', { name: 'Revoke…' })],
      ['/settings/keys', button('What to do with analyst'), () => page.getByRole('menuitem', { name: 'Replace…' })],
      ['/settings', button('New source')],
      ['/sql', page.getByRole('button', { name: 'Save', exact: true })],
      ['/sql', page.getByRole('button', { name: 'Saved', exact: true }), () => page.getByRole('button', { name: 'Delete Kept' })],
      ['/dashboards', button('Delete Board')],
      ['/dashboards', button('New dashboard')],
      [of('overview'), button(/^Add Visitors to a dashboard|^Add Visitors/).first()],
      [of('overview'), button('New goal')],
      [of(`funnels?funnel=${encodeURIComponent('{"steps":[{"type":"pageview"},{"type":"job_done"}]}')}`), button(/^Page view/).last()],
    ];
    let at = '';
    for (const [where, opener, then] of doors) {
      if (where !== at) await page.goto(weirURL + where);
      at = where;
      await settled(page);
      const name = `${where} ${opener}`;
      await opener.focus();
      await page.keyboard.press('Enter');
      if (then) {
        await then().waitFor();
        await then().focus();
        await page.keyboard.press('Enter');
      }
      const dialog = page.locator('[role=dialog][aria-modal=true]');
      await dialog.waitFor();
      await until(() => dialog.evaluate((d) => d.contains(document.activeElement)), `${name}: the focus in it`);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      await until(() => opener.evaluate((b) => b === document.activeElement), `${name}: the focus to be back`);
    }
    await button('Go to…').focus();
    await page.keyboard.press('Control+K');
    await page.getByRole('combobox', { name: 'Go to' }).waitFor();
    await page.keyboard.press('Escape');
    await until(() => page.evaluate(() => /^Go to/.test(document.activeElement.textContent)), 'the focus to be back from the palette');
    await page.goto(`${weirURL}/dashboards`);
    await settled(page);
    await button('Delete Board').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await until(() => page.evaluate(() => document.activeElement.id === 'page' || document.activeElement.closest('nav, main') !== null), 'the focus on the page when its opener is gone');
    assert.deepEqual(page.faults, []);
  });

  test('what a click on a goal keeps is said, and that not all goals are shown', async (t) => {
    for (let i = 0; i < 51; i++) await ask(site.analyst, `/api/v1/analytics/${site.site}/goals`, { name: `Goal ${String(i).padStart(2, '0')}`, type: 'job_done', filter: i === 0 ? [] : [`props.n:${i}`] });
    const page = await on(t, of('overview'));
    const goals = page.locator('section', { has: page.getByRole('heading', { name: 'Goals', exact: true }) });
    await goals.getByText('50 of 51', { exact: true }).waitFor();
    await goals.getByText(/keeps the events that are the goal.*what else its people did is not counted.*first 50 of 51 goals, by name/).waitFor();
    assert.equal(await goals.locator('tbody tr').count(), 50);
    assert.equal(await goals.getByRole('button', { name: 'Goal 00', exact: true }).getAttribute('title'), 'Filter the page by the events that are Goal 00');
    await sound(page, 'many goals');
  });
});
