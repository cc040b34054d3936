// Funnels on a real access log, built by clicks; their numbers are those of SQL.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, until, weirURL } from '../harness.mjs';
import { focused, open, realSite, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site, from, to;
before(async () => {
  browser = await launch();
  site = await realSite();
  [from, to] = (await site.sql(`SELECT path, toUInt32(uniqExact(client_id)) AS n FROM events WHERE NOT is_bot AND type = 'pageview' AND path NOT IN ('/favicon.ico', '/robots.txt') GROUP BY path ORDER BY n DESC, path LIMIT 2`)).map((r) => r.path);
  const ts = Date.now() - 60000;
  const events = [];
  for (let i = 0; i < 120; i++) {
    const e = (n, type, more) => events.push({ event_id: `${type}${i}`, type, client_id: `buyer-${i}`, ts: ts + 1000 * n, url: 'http://www.semicomplete.com/shop', ...more });
    e(0, 'product_viewed', { props: { plan: i % 3 ? 'free' : 'pro' } });
    if (i < 80) e(2, 'added_to_cart');
    if (i < 10) e(3, 'support_asked');
    if (i < 40) e(5, 'purchase', { props: { revenue: 20 + i } });
  }
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}` }, body: JSON.stringify(events) });
  assert.equal(res.status, 200, await res.text());
  await until(async () => (await site.count('count()', `client_id LIKE 'buyer-%'`)) === events.length, 'what the buyers did');
  await ask(site.analyst, `/api/v1/analytics/${site.site}/goals`, { name: 'Purchase', type: 'purchase' });
});
after(() => browser.close());

const funnels = (f) => `/sites/${site.site}/funnels${f ? `?funnel=${encodeURIComponent(JSON.stringify(f))}` : ''}`;
const shop = { steps: [{ type: 'product_viewed' }, { type: 'added_to_cart' }, { type: 'purchase' }] };

async function on(t, address = funnels(), options = {}, key = site.viewer) {
  const page = await open(t, browser, options);
  await signIn(page, key, address);
  await settled(page);
  return page;
}

/** Picks an event of a step from the list. */
async function pick(page, label, search, option) {
  await page.getByRole('button', { name: new RegExp(`^${label}: `) }).click();
  const field = page.getByRole('combobox', { name: `${label}: search` });
  await field.fill(search);
  await page.getByRole('option', { name: option }).first().click();
}

/** Waits until the steps' people are these. */
const counts = (page, want) =>
  until(async () => {
    const got = (await page.locator('table td[data-label=People] b').evaluateAll((l) => l.map((b) => Number(b.title.replaceAll(',', ''))))).join();
    return got === want.join() || Promise.reject(new Error(got));
  }, `people ${want}`);

describe('funnels', { concurrency: 4, timeout: 600000 }, () => {
  test('Enter takes what is marked in the columns to break down by, however the list was opened', async (t) => {
    const page = await on(t, funnels(shop));
    const field = page.locator('input[aria-label="Break down by"]');
    const breakdown = () => JSON.parse(new URL(page.url()).searchParams.get('funnel')).breakdown;
    const marked = page.locator('[role=option][data-combobox-selected]:visible');
    const taken = (dim, name) => until(async () => breakdown() === dim && (await field.inputValue()) === name, { toString: () => `to break down by ${dim}, not ${breakdown()}` });
    await field.focus();
    await page.keyboard.type('coun');
    await marked.filter({ hasText: 'Country' }).waitFor();
    await page.keyboard.press('Enter');
    await taken('country', 'Country');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('B'); // the list, which was closed, opens by it
    await page.getByRole('option', { name: 'Browser', exact: true }).waitFor();
    await page.waitForTimeout(200); // longer than it takes to think of what is marked
    await page.keyboard.press('Enter');
    await taken('browser', 'Browser');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('r');
    await page.keyboard.press('Enter'); // the first one is another
    await taken('referrer_host', 'Referrer');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Browser');
    await page.keyboard.press('Enter');
    await taken('browser', 'Browser');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('brow');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.equal(breakdown(), 'browser', 'what is there already stays');
    assert.equal(await field.inputValue(), 'Browser');
  });

  test('a step with an event that never came says so, and what was meant', async (t) => {
    const page = await on(t, funnels(shop));
    await counts(page, [120, 80, 40]);
    await pick(page, 'Step 3', 'purchas', /^Event /);
    const hint = page.getByRole('status').filter({ hasText: 'there was no event' });
    await hint.waitFor();
    await sound(page, 'an event that never came');
    await hint.getByRole('button').click();
    await hint.waitFor({ state: 'detached' });
    await counts(page, [120, 80, 40]);
  });

  test('two pages, picked from the list; people are those of SQL', async (t) => {
    const page = await on(t);
    await page.getByText('Choose an event for each step.').waitFor();
    await sound(page, 'nothing chosen');
    await shoot(page, 'funnels-new');
    await pick(page, 'Step 1', from, new RegExp(`^${RegExp.escape?.(from) ?? from.replaceAll('.', '\\.')} `));
    await page.getByRole('button', { name: /^Step 2: / }).click();
    await page.getByRole('combobox', { name: 'Step 2: search' }).waitFor();
    await settled(page);
    await shoot(page, 'funnels-picker', false);
    await sound(page, 'the list of events');
    await page.getByRole('combobox', { name: 'Step 2: search' }).fill(to);
    await page.getByRole('option').first().filter({ hasText: to }).waitFor();
    await page.keyboard.press('Enter'); // the first that was found
    await settled(page);
    const q = (s) => `'${s.replaceAll("'", "\\'")}'`;
    const first = await site.count('uniqExact(client_id)', `type = 'pageview' AND path = ${q(from)}`);
    // A view of the one and a later one of the other within a day; those of one moment are in the order in which they came in, which SQL does not say.
    const pairs = (later) =>
      site.count('uniqExact(client_id)', `client_id IN (SELECT a.client_id FROM (SELECT client_id, ts FROM events WHERE NOT is_bot AND type = 'pageview' AND path = ${q(from)}) AS a INNER JOIN (SELECT client_id, ts FROM events WHERE NOT is_bot AND type = 'pageview' AND path = ${q(to)}) AS b ON a.client_id = b.client_id WHERE b.ts ${later} a.ts AND b.ts <= a.ts + INTERVAL 1 DAY)`);
    const [least, most] = [await pairs('>'), await pairs('>=')];
    await until(async () => (await page.locator('table td[data-label=People] b').count()) === 2, 'two steps');
    await settled(page);
    const n = Number((await page.locator('table td[data-label=People] b').nth(1).getAttribute('title')).replaceAll(',', ''));
    await counts(page, [first, n]);
    assert.ok(first > 0 && n > 0 && n >= least && n <= most, `${n} of ${first}, between ${least} and ${most} in SQL`);
    await page.reload();
    await settled(page);
    await counts(page, [first, n]);
    await sound(page, 'a funnel of two pages');
  });

  test('steps are added, named, filtered, moved and removed; back undoes', async (t) => {
    const page = await on(t, funnels(shop));
    await counts(page, [120, 80, 40]);
    await shoot(page, 'funnels-light');
    await sound(page, 'a funnel');
    // Moved with the keys: the focus goes along.
    await page.getByRole('button', { name: /^Step 3 of 3/ }).focus();
    await page.keyboard.press('ArrowUp');
    await counts(page, [120, 40, 0]);
    assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^Step 2 of 3/);
    await page.keyboard.press('ArrowDown');
    await counts(page, [120, 80, 40]);
    await page.getByRole('button', { name: 'Move step 1 down' }).click();
    await counts(page, [80, 0, 0]);
    await page.goBack();
    await counts(page, [120, 80, 40]);
    // A name.
    await page.getByRole('button', { name: 'Name step 2' }).click();
    await page.keyboard.type('Cart');
    await page.keyboard.press('Enter');
    await page.locator('table th', { hasText: 'Cart' }).waitFor();
    // A filter of a property.
    const step1 = page.locator('ol > li').first();
    await step1.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.locator('input[aria-label="Column"]').fill('props.plan');
    await page.getByRole('option', { name: 'Property plan' }).click();
    await page.locator('input[aria-label="Values"]').fill('pro');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await counts(page, [40, 27, 14]);
    await step1.getByRole('button', { name: /^Remove the filter plan/ }).click();
    await counts(page, [120, 80, 40]);
    // A step more, which is a goal; then it goes again.
    await page.getByRole('button', { name: 'Add a step' }).click();
    await focused(page, page.getByRole('button', { name: /^Step 4: / }), 'the new step');
    await page.getByText('Choose an event for each step.').waitFor();
    await pick(page, 'Step 4', 'Purchase', 'Purchase');
    await counts(page, [120, 80, 40, 0]);
    assert.match(decodeURIComponent(page.url()), /"goal":"g_/);
    await page.getByRole('button', { name: 'Remove step 4' }).click();
    await focused(page, page.getByRole('button', { name: /^Step 3 of 3/ }), 'what is in the place of the step');
    await counts(page, [120, 80, 40]);
    assert.deepEqual(page.faults, []);
  });

  test('order, time to finish, exclusions, breakdown', async (t) => {
    const page = await on(t, funnels(shop));
    await page.getByRole('button', { name: 'Exclude people who do…' }).click();
    await focused(page, page.getByRole('button', { name: /^Exclusion 1: / }), 'the new exclusion');
    await pick(page, 'Exclusion 1', 'support', 'support_asked');
    await counts(page, [120, 80, 30]);
    await sound(page, 'an exclusion');
    await page.locator('input[aria-label="Exclusion 1: before step"]').click();
    await page.getByRole('option', { name: '2', exact: true }).click();
    await counts(page, [120, 80, 40]);
    await page.getByRole('button', { name: 'Remove exclusion 1' }).click();
    await focused(page, page.getByRole('button', { name: 'Exclude people who do…' }), 'the button for another exclusion');
    await page.getByText('Strict', { exact: true }).click();
    await counts(page, [120, 80, 30]); // who asked for support did something else in between
    await page.getByText('Any order', { exact: true }).click();
    await counts(page, [120, 80, 40]);
    await page.getByText('In order', { exact: true }).click();
    await page.getByRole('textbox', { name: 'Time to finish', exact: true }).fill('3');
    await page.locator('input[aria-label="Unit of the time to finish"]').click();
    await page.getByRole('option', { name: 'seconds' }).click();
    await counts(page, [120, 80, 0]);
    await page.getByRole('textbox', { name: 'Time to finish', exact: true }).fill('2');
    await page.locator('input[aria-label="Unit of the time to finish"]').click();
    await page.getByRole('option', { name: 'days' }).click();
    await counts(page, [120, 80, 40]);
    const window = page.getByRole('textbox', { name: 'Time to finish', exact: true });
    await page.getByText('From the first step to the last one, at most 366 days.').waitFor();
    for (const [typed, kept] of [['9999', '366'], ['2', '2']]) {
      await window.fill(typed);
      await window.press('Enter');
      await until(() => new URL(page.url()).searchParams.get('funnel').includes(`"window":"${kept}d"`), `${kept} days`);
      await window.blur();
      assert.equal(await window.inputValue(), kept);
    }
    await counts(page, [120, 80, 40]);
    await page.locator('input[aria-label="Break down by"]').fill('props.plan');
    await page.getByRole('option', { name: 'Property plan' }).click();
    await page.getByRole('heading', { name: 'By plan' }).waitFor();
    await settled(page);
    const cells = await page.locator('table', { hasText: 'pro' }).last().locator('tbody tr').evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.textContent.trim())));
    assert.deepEqual(cells, [['free', '80', '53', '26', '32.5%'], ['pro', '40', '27', '14', '35.0%']]);
    await sound(page, 'a breakdown');
    await shoot(page, 'funnels-breakdown');
    const address = page.url();
    await page.reload();
    await settled(page);
    assert.equal(page.url(), address);
    await page.getByRole('heading', { name: 'By plan' }).waitFor();
    await counts(page, [120, 80, 40]);
  });

  test('a number leads to its people, and one of them to what the person did', async (t) => {
    const page = await on(t, funnels(shop), {}, site.analyst);
    await page.getByRole('button', { name: /^40 left before purchase/ }).click();
    const people = page.getByRole('dialog').getByRole('link');
    await until(async () => (await people.count()) === 40, '40 people');
    await page.getByRole('dialog').getByRole('tab', { name: 'Came here' }).click();
    await until(async () => (await people.first().textContent()).startsWith('buyer-0'), 'those who came');
    assert.match(page.url(), /people=3(&|$)/);
    await settled(page);
    await page.waitForTimeout(400);
    await sound(page, 'people');
    await shoot(page, 'funnels-people', false);
    await page.getByRole('textbox', { name: /^Save these people/ }).fill('Buyers');
    await page.getByRole('button', { name: 'Save the cohort' }).click();
    await page.getByText('Saved as the cohort “Buyers”').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    // The cohort filters.
    await page.locator('main').getByRole('button', { name: 'Filter', exact: true }).first().click();
    await page.locator('input[aria-label="Column"]').fill('Cohort');
    await page.getByRole('option', { name: 'Cohort' }).click();
    await page.locator('input[aria-label="Values"]').click();
    await page.getByRole('option', { name: 'Buyers' }).click();
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await counts(page, [40, 40, 40]);
    await page.getByRole('button', { name: 'Remove the filter Cohort is Buyers' }).waitFor();
    // More than a page of people.
    await page.getByRole('button', { name: 'Remove the filter Cohort is Buyers' }).click();
    await counts(page, [120, 80, 40]);
    await page.getByTitle('Who came to product_viewed').click();
    await until(async () => (await people.count()) === 50, 'a page of people');
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await until(async () => (await people.count()) === 100, 'two pages of people');
    assert.deepEqual(page.faults, []);
  });

  test('32 steps; what cannot be answered is said; nothing there', async (t) => {
    const page = await on(t, funnels({ steps: Array.from({ length: 32 }, () => ({ type: 'pageview' })) }));
    await until(async () => (await page.locator('table td[data-label=People]').count()) === 32, '32 steps');
    assert.ok(await page.getByRole('button', { name: 'Add a step' }).isDisabled());
    await sound(page, '32 steps');
    await page.goto(weirURL + funnels({ steps: [{ type: 'a' }, { type: 'b', filter: ['nothing:x'] }] }));
    await page.getByText('This question cannot be answered').waitFor();
    await page.getByText('there is no column').waitFor();
    await settled(page);
    page.faults.splice(0);
    await page.goto(weirURL + funnels({ steps: [{ type: 'never' }, { type: 'seen' }] }));
    await page.getByText('Nobody came to the first step in this time.').waitFor();
    await page.goto(`${weirURL}${funnels()}?funnel=%7Bbroken`);
    await page.getByText('Choose an event for each step.').waitFor();
    assert.deepEqual(page.faults, []);
  });

  test('dark, and on a phone', async (t) => {
    const page = await on(t, funnels({ ...shop, breakdown: 'props.plan' }), { colorScheme: 'dark' });
    await counts(page, [120, 80, 40]);
    await sound(page, 'dark');
    await shoot(page, 'funnels-dark');
    const small = await on(t, funnels(shop), { viewport: { width: 1280, height: 860 } });
    await counts(small, [120, 80, 40]);
    const names = await small.locator('th button[title^="Who came to"] > span:nth-child(2) > span:first-child').evaluateAll((l) => l.map((s) => [s.textContent, s.scrollWidth - s.clientWidth, s.offsetHeight]));
    assert.equal(names.length, 3);
    assert.deepEqual(names.filter(([, over, height]) => over > 0 || height > 30), [], 'the names of steps are whole, in one line');
    const phone = await on(t, funnels({ ...shop, breakdown: 'props.plan' }), { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await counts(phone, [120, 80, 40]);
    const wide = await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok(wide <= 0, `${wide} px hang over`);
    await sound(phone, 'phone');
    await shoot(phone, 'funnels-phone');
  });
});
