// Goals and revenue on the overview: made, changed and deleted by clicks; their numbers are those of SQL over a real access log with purchases in it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, newTenant, until, weirURL } from '../harness.mjs';
import { open, realSite, settled, shoot, shows, signIn, sound, tile } from './lib.mjs';

let browser, site, orders;
before(async () => {
  browser = await launch();
  site = await realSite();
  orders = await buy(site, 40, ['EUR', 'eur', 'USD']);
});
after(() => browser.close());

/** Sends visits, sign-ups and purchases of the last hours; gives the purchases back. */
async function buy(t, n, currencies) {
  const events = [];
  for (let i = 0; i < n; i++) {
    const at = { client_id: `buyer${i}`, url: 'http://www.semicomplete.com/shop', ts: Date.now() - 60_000 * (i + 1) };
    events.push({ ...at, event_id: `v${i}`, type: 'pageview', ...(i % 8 < 2 && { referrer: 'https://github.com/shops', ts: at.ts - 1 }) });
    if (i % 2 === 0) events.push({ ...at, event_id: `s${i}`, type: 'signup', props: { plan: i % 4 === 0 ? 'pro' : 'free' } });
    if (i % 4 === 0) events.push({ ...at, event_id: `b${i}`, type: 'purchase', props: { revenue: 10.25 * (i + 1), currency: currencies[(i / 4) % currencies.length] } });
  }
  const before = Number((await t.sql('SELECT count() AS n FROM events'))[0].n);
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${t.writeKey}` }, body: JSON.stringify(events) });
  assert.equal(res.status, 200, await res.text());
  await until(async () => Number((await t.sql('SELECT count() AS n FROM events'))[0].n) === before + events.length, 'the events');
  return events.filter((e) => e.type === 'purchase');
}

const goals = (path, body, method) => ask(site.analyst, `/api/v1/analytics/${site.site}/goals${path}`, body, method);
const card = (page) => page.locator('section', { has: page.getByRole('heading', { name: 'Goals', exact: true }) });
const row = (page, name) => card(page).locator('tbody tr', { has: page.locator('th', { hasText: name }) });
const cells = async (page, name) => (await row(page, name).locator('td.num').allTextContents()).map((s) => s.trim());
const money = (page) => page.locator('section[aria-label="Headline numbers"] button[aria-pressed]', { hasText: 'Revenue' });
const euros = (n) => n.toLocaleString('en-US', { style: 'currency', currency: 'EUR' });
const sum = (...codes) => orders.filter((o) => codes.includes(o.props.currency)).reduce((n, o) => n + o.props.revenue, 0);

async function on(t, query = '', key = site.analyst, options) {
  const page = await open(t, browser, options);
  await signIn(page, key, `/sites/${site.site}/overview${query}`);
  await settled(page);
  return page;
}

const pick = async (page, label, text) => {
  await page.getByRole('dialog').getByRole('button', { name: new RegExp(`^${label}`) }).click();
  await page.getByRole('combobox', { name: `${label}: search` }).fill(text);
  await settled(page);
  await page.getByRole('option').first().filter({ hasText: text }).waitFor();
  await page.keyboard.press('Enter');
};

describe('goals', { concurrency: 1, timeout: 600000 }, () => {
  test('one is made by clicks, filters the page, is drawn over time, changed and deleted', async (t) => {
    const page = await on(t);
    await card(page).getByText('No goal yet').waitFor();
    await card(page).getByRole('button', { name: 'New goal' }).click();
    const form = page.getByRole('dialog');
    await form.waitFor();
    await page.keyboard.press('Escape');
    await until(() => page.evaluate(() => document.activeElement.textContent === 'New goal'), 'the focus to be back');
    await page.keyboard.press('Enter');
    await form.getByRole('button', { name: 'Make the goal' }).click();
    await form.getByText('A goal needs a name.').waitFor();
    await form.getByText('Choose the event that counts.').waitFor();
    await pick(page, 'Event', 'singup');
    await form.getByText('In the time that the page shows there was no event singup.').waitFor();
    await form.getByRole('button', { name: 'signup', exact: true }).click();
    await form.getByText('there was no event').waitFor({ state: 'detached' });
    await form.getByLabel('Name').fill('');
    await pick(page, 'Event', 'signup');
    await until(async () => (await form.getByLabel('Name').inputValue()) === 'signup', 'the name of the event');
    await form.getByLabel('Name').fill('Sign-up');
    await page.waitForTimeout(300);
    await sound(page, 'the form of a goal');
    await shoot(page, 'goal-form', false);
    await form.getByRole('button', { name: 'Make the goal' }).click();
    await row(page, 'Sign-up').waitFor();
    await settled(page);
    const people = await site.count(`uniqExact(if(user_id != '', user_id, client_id))`, `(user_id != '' OR client_id != '')`);
    assert.deepEqual((await cells(page, 'Sign-up')).slice(0, 2), ['20', '20']);
    assert.equal((await cells(page, 'Sign-up'))[2], `${((100 * 20) / people).toFixed(1)}%`);

    // A click on it filters everything.
    await row(page, 'Sign-up').getByRole('button', { name: 'Sign-up', exact: true }).click();
    await shows(page, 'Visitors', 20);
    assert.deepEqual(new URL(page.url()).searchParams.getAll('f'), ['type:signup']);
    assert.equal(await row(page, 'Sign-up').getByRole('button', { name: 'Sign-up', exact: true }).getAttribute('aria-pressed'), 'true');
    await settled(page);
    assert.equal((await cells(page, 'Sign-up'))[2], '100%');
    await page.goBack();
    await until(async () => (await tile(page, 'Visitors')) > 20, 'all visitors');

    // Over time.
    await settled(page);
    await row(page, 'Sign-up').getByRole('button', { name: 'Sign-up over time' }).click();
    await page.getByRole('heading', { name: 'Sign-up: conversions by day' }).waitFor();
    await page.getByRole('img', { name: /^Sign-up by day: 7 values/ }).waitFor();
    await until(() => page.evaluate(() => scrollY === 0), 'the window at its top: one sees it');
    assert.equal(new URL(page.url()).searchParams.get('metric')?.startsWith('goal:'), true);

    // Two names alike are refused at the field; a page is a goal, too.
    await card(page).getByRole('button', { name: 'New goal' }).click();
    await pick(page, 'Event', '/shop');
    await form.getByLabel('Name').fill('SIGN-UP');
    await form.getByRole('button', { name: 'Make the goal' }).click();
    await form.getByText('choose another name').waitFor();
    assert.equal(await form.getByLabel('Name').getAttribute('aria-invalid'), 'true');
    page.faults.splice(0).forEach((f) => assert.match(f, / 409 /));
    await form.getByLabel('Name').fill('Shop');
    await form.getByLabel('Value of one conversion').fill('2.5');
    await form.getByRole('button', { name: 'Make the goal' }).click();
    await row(page, 'Shop').waitFor();
    await settled(page);
    assert.deepEqual((await cells(page, 'Shop')).slice(0, 2), ['40', '40']);
    assert.equal((await cells(page, 'Shop'))[3], '100 value', 'what its conversions are worth');
    assert.deepEqual((await goals('')).goals.map((g) => [g.name, g.type, g.filter]), [['Shop', 'pageview', ['path:/shop']], ['Sign-up', 'signup', []]]);

    // Changed: only those of a plan.
    await row(page, 'Sign-up').getByRole('button', { name: 'More for Sign-up' }).click();
    await page.getByRole('menuitem', { name: 'Change' }).click();
    await form.getByLabel('Name').fill('Paid plan');
    await form.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.locator('input[aria-label="Column"]').fill('props.plan');
    await page.getByRole('option', { name: 'Property plan' }).click();
    await page.locator('input[aria-label="Values"]').fill('pro');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await form.getByRole('button', { name: /^Remove the filter plan/ }).waitFor();
    await form.getByRole('button', { name: 'Save', exact: true }).click();
    await row(page, 'Paid plan').waitFor();
    await until(async () => (await cells(page, 'Paid plan'))[0] === '10', 'ten of a paid plan');
    await page.getByRole('heading', { name: 'Paid plan: conversions by day' }).waitFor();

    // Deleted: asked first; what was drawn of it goes, too.
    await row(page, 'Paid plan').getByRole('button', { name: 'More for Paid plan' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByText('The events stay').waitFor();
    await sound(page, 'a goal to be deleted');
    await page.getByRole('button', { name: 'Delete the goal' }).click();
    await until(async () => (await row(page, 'Paid plan').count()) === 0, 'it to be gone');
    await page.getByRole('heading', { name: 'Visitors by day' }).waitFor();
    assert.deepEqual(page.faults, []);
    for (const g of (await goals('')).goals) await goals(`/${g.id}`, undefined, 'DELETE');
  });

  test('revenue is in its currency, in the tile, the series, the goals, and beside the time before', async (t) => {
    await goals('', { name: 'Purchase', type: 'purchase' });
    await goals('', { name: 'Never', type: 'never' });
    const page = await on(t, '?compare=1');
    await money(page).waitFor();
    await settled(page);
    const [first] = [sum('EUR', 'eur'), sum('USD')].sort((a, b) => b - a);
    assert.equal(first, sum('EUR', 'eur'), 'euros are the most');
    const dollars = euros(sum('USD')).replace('€', '$');
    assert.equal(await money(page).getAttribute('title'), `Sum of the property revenue, each currency for itself: ${euros(first)}, ${dollars}`);
    assert.ok((await money(page).innerText()).includes(`${euros(first)} +1`), 'the tile says that there is another currency');
    assert.match(await row(page, 'Purchase').locator('td.num').nth(3).innerText(), new RegExp(`^${euros(first).replace('.', '\\.')} \\+1$`));
    assert.equal((await cells(page, 'Never'))[3], '–');
    assert.equal(await row(page, 'Purchase').locator('td.num').nth(3).locator('span').first().getAttribute('title'), `${euros(first)}, ${euros(sum('USD')).replace('€', '$')}`);
    assert.equal(await money(page).locator('small').getAttribute('title'), `and ${dollars}`);
    await money(page).click();
    await page.getByRole('heading', { name: 'Revenue by day' }).waitFor();
    await page.getByText(/^The time before, \d+ \w+ – \d+ \w+$/).waitFor();
    await settled(page);
    const peak = async () => (await page.getByRole('img', { name: /^Revenue by day: 7 values/ }).getAttribute('aria-label')).replace(/.*the most ([^ ]+) .*/, '$1');
    await page.getByRole('img', { name: /^Revenue by day: 7 values, the most €/ }).waitFor();
    await page.waitForTimeout(500);
    await sound(page, 'revenue');
    await shoot(page, 'revenue-light');
    await page.locator('input[aria-label="Currency"]').click();
    await page.getByRole('option', { name: 'USD' }).click();
    await page.getByRole('img', { name: /^Revenue by day: 7 values, the most \$/ }).waitFor();
    await settled(page);
    assert.match(page.url(), /currency=USD/);
    assert.ok((await money(page).innerText()).includes(`${dollars} +1`));
    assert.match(await money(page).getAttribute('title'), new RegExp(`: \\${dollars}, ${euros(first)}$`));
    const most = Number((await peak()).replace(/[$,]/g, ''));
    assert.ok(most > 0 && most <= sum('USD') + 0.005, `${most} dollars, of ${sum('USD')}`);
    await page.goto(page.url().replace('compare=1', 'range=2020-01-01~2020-01-31'));
    await settled(page);
    assert.equal(await money(page).count(), 0, 'no money, no tile');
    assert.equal((await cells(page, 'Purchase'))[0], '0');
    assert.equal((await cells(page, 'Purchase'))[2], '–');
    assert.deepEqual(page.faults, []);
  });

  test('the currency that is shown stays when another one becomes the largest', async (t) => {
    const page = await open(t, browser);
    let revenue = [{ currency: 'EUR', amount: 100 }, { currency: 'USD', amount: 99 }];
    await page.route('**/conversions', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), revenue } });
    });
    await signIn(page, site.analyst, `/sites/${site.site}/overview`);
    await settled(page);
    assert.match(await money(page).innerText(), /€100\.00 \+1/);
    revenue = [{ currency: 'USD', amount: 101 }, { currency: 'EUR', amount: 100 }];
    const next = page.waitForResponse(/\/conversions$/);
    await page.getByRole('button', { name: /^Range of dates/ }).click();
    await page.getByRole('button', { name: 'Last 30 days', exact: true }).click();
    await next;
    await settled(page);
    assert.match(await money(page).getAttribute('title'), /: €100\.00, \$101\.00$/);
    revenue = [{ currency: 'USD', amount: 101 }];
    await page.getByRole('button', { name: /^Range of dates/ }).click();
    await page.getByRole('button', { name: 'Last 90 days', exact: true }).click();
    await until(async () => /: \$101\.00$/.test(await money(page).getAttribute('title')), 'the other one, where there is nothing else');
    assert.deepEqual(page.faults, []);
  });

  test('where conversions come from: by what their visits began with, beside visits without any', async (t) => {
    const page = await on(t);
    const table = page.locator('section', { has: page.getByRole('heading', { name: 'Conversions', exact: true }) });
    const rowOf = (name) => table.locator('tbody tr', { has: page.getByRole('button', { name, exact: true }) });
    const cellsOf = async (name) => (await rowOf(name).locator('td.num').allTextContents()).map((s) => s.trim());
    await table.scrollIntoViewIfNeeded();
    assert.equal(await page.locator('input[aria-label="Goal"]').inputValue(), 'Purchase', 'the goal that is reached most');
    await rowOf('Direct').waitFor();
    await settled(page);
    await page.route('**/report', async (route) => { // what was shown before goes, however long the answer takes
      await new Promise((done) => setTimeout(done, 500));
      await route.continue();
    });
    await table.getByRole('tab', { name: 'Referrers' }).click();
    await rowOf('github.com').waitFor();
    await page.unrouteAll({ behavior: 'wait' });
    await settled(page);
    const visits = Number((await site.sql(`SELECT count() AS n FROM sessions WHERE NOT is_bot AND referrer_host = 'github.com' AND start_time >= now() - INTERVAL 7 DAY`))[0].n);
    const euro = orders.filter((o, i) => i % 2 === 0 && o.props.currency !== 'USD').reduce((n, o) => n + o.props.revenue, 0);
    const shown = await cellsOf('github.com');
    assert.ok(visits >= 10, `${visits} visits`);
    assert.deepEqual([shown[0], shown[1], shown[3]], [String(visits), '5', euros(euro)], 'every second order came by a link: visits, orders, money of the largest currency');
    await sound(page, 'where conversions come from');
    await shoot(page, 'conversions-by-source', false);
    const order = (await table.locator('tbody tr').evaluateAll((l) => l.map((tr) => [...tr.querySelectorAll('td.num')].slice(0, 2).map((td) => Number(td.textContent.replace(/\D/g, '')))))).map(([n, c]) => c * 1e6 + n);
    assert.deepEqual(order, order.toSorted((a, b) => b - a), 'by conversions, then by visits');
    // A click filters the page, and the goal as a filter does not make every visit reach it.
    await rowOf('github.com').getByRole('button').click();
    await until(() => new URL(page.url()).searchParams.getAll('f').join() === 'referrer_host:github.com', 'the filter');
    await row(page, 'Purchase').getByRole('button', { name: 'Purchase', exact: true }).click();
    await settled(page);
    await table.scrollIntoViewIfNeeded();
    await settled(page);
    assert.deepEqual(await cellsOf('github.com'), shown);
    await page.locator('input[aria-label="Goal"]').click();
    await page.getByRole('option', { name: 'Never' }).click();
    await until(async () => (await cellsOf('github.com'))[1] === '0', 'none of what never happens');
    await settled(page);
    assert.equal(await table.getByRole('columnheader', { name: /Revenue/ }).count(), 0, 'what others than the goal earned is not its money');
    const phone = await on(t, '', site.viewer, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await phone.getByRole('heading', { name: 'Conversions', exact: true }).scrollIntoViewIfNeeded();
    await phone.locator('section', { hasText: 'Conversions' }).locator('tbody tr', { hasText: 'Direct' }).last().waitFor();
    await settled(phone);
    const wide = await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok(wide <= 0, `${wide} px hang over`);
    await shoot(phone, 'conversions-by-source-phone', false);
  });

  test('refunds: revenue below zero is drawn, one currency has no mark of others', async (t) => {
    const shop = await newTenant();
    const at = { client_id: 'c', type: 'purchase', url: 'http://shop.example/' };
    const events = [{ ...at, event_id: 'a', ts: Date.now() - 86_400_000, props: { revenue: 20, currency: 'USD' } }, { ...at, event_id: 'b', ts: Date.now() - 1000, props: { revenue: -65.5, currency: 'USD' } }];
    const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${shop.writeKey}` }, body: JSON.stringify(events) });
    assert.equal(res.status, 200, await res.text());
    await until(async () => Number((await shop.sql('SELECT count() AS n FROM events'))[0].n) === 2, 'the events');
    const page = await open(t, browser);
    await signIn(page, shop.viewer, `/sites/${shop.site}/overview?metric=revenue`);
    await settled(page);
    await page.getByRole('img', { name: /^Revenue by day: 7 values, the most \$20\.00 .*, the least -\$65\.50 / }).waitFor();
    assert.equal(await money(page).getAttribute('title'), 'Sum of the property revenue: -$45.50');
    await page.waitForTimeout(500);
    await sound(page, 'refunds');
    await shoot(page, 'revenue-refunds');
  });

  test('a viewer sees goals and changes none; from the keyboard, dark, on a phone', async (t) => {
    const page = await on(t, '?metric=revenue', site.viewer, { colorScheme: 'dark' });
    await row(page, 'Purchase').waitFor();
    assert.equal(await card(page).getByRole('button', { name: 'New goal' }).count(), 0);
    assert.equal(await card(page).getByRole('button', { name: /^More for/ }).count(), 0);
    await row(page, 'Purchase').getByRole('button', { name: 'Purchase', exact: true }).focus();
    await page.keyboard.press('Enter');
    await shows(page, 'Visitors', 10);
    await page.keyboard.press('Enter');
    await until(async () => (await tile(page, 'Visitors')) > 10, 'all visitors again');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.getByRole('heading', { name: 'Purchase: conversions by day' }).waitFor();
    await settled(page);
    await page.waitForTimeout(500);
    await sound(page, 'dark');
    await shoot(page, 'goals-dark');
    const phone = await on(t, '?metric=revenue&compare=1', site.analyst, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const wide = () => phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok((await wide()) <= 0, `${await wide()} px hang over`);
    await sound(phone, 'phone');
    const hidden = await card(phone).locator('tbody td:not([class*=wide]), tbody button').evaluateAll((l) => l.filter((e) => e.getBoundingClientRect().right > 378).map((e) => e.textContent || e.ariaLabel));
    assert.deepEqual(hidden, [], 'numbers of goals, and what can be done with them, are in sight');
    await phone.waitForTimeout(500);
    await shoot(phone, 'goals-phone');
    await card(phone).getByRole('button', { name: 'New goal' }).click();
    await phone.waitForTimeout(300);
    assert.ok((await wide()) <= 0, `the form hangs over by ${await wide()} px`);
    await sound(phone, 'the form on a phone');
  });

  test('goals that cannot be read or answered say so, and the rest of the page stays', async (t) => {
    const page = await open(t, browser);
    await page.route('**/conversions', (r) => r.fulfill({ status: 422, contentType: 'application/problem+json', body: JSON.stringify({ code: 'x', detail: 'no answer today', field: 'goal' }) }));
    await signIn(page, site.viewer, `/sites/${site.site}/overview`);
    await card(page).getByRole('alert').getByText('no answer today').waitFor();
    await until(async () => (await tile(page, 'Visitors')) > 0, 'the other numbers');
    await page.unroute('**/conversions');
    await page.route('**/goals', (r) => r.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify({ code: 'x', detail: 'not for you' }) }));
    await page.reload();
    await card(page).getByRole('alert').getByText('not for you').waitFor();
    await money(page).waitFor(); // money needs no goals
    await settled(page);
    await page.unroute('**/goals');
    page.faults.splice(0).forEach((f) => assert.match(f, / (422|403) /));
    await page.goto(`${weirURL}/sites/${site.site}/overview?metric=goal:gone`);
    await page.getByText('This goal is gone').waitFor();
    await sound(page, 'a goal that is gone');
    const quiet = await newTenant();
    const empty = await open(t, browser);
    await signIn(empty, quiet.viewer, `/sites/${quiet.site}/overview`);
    await card(empty).getByText('An analyst or an admin makes one').waitFor();
    await sound(empty, 'no goals');
  });

  test('money of the time before that is known first does not make it nought now', async (t) => {
    const page = await open(t, browser);
    let release, earlier;
    const held = new Promise((done) => (release = done));
    await page.route(/\/conversions$/, async (r) => {
      const { to, ...body } = r.request().postDataJSON();
      if (to === undefined) {
        await held;
        return r.continue();
      }
      await r.fulfill({ response: await r.fetch({ postData: JSON.stringify({ ...body, from: '30d' }) }) });
      earlier = true;
    });
    await signIn(page, site.analyst, `/sites/${site.site}/overview?range=30d&compare=1`);
    await until(() => earlier, 'the money of the time before');
    await page.waitForTimeout(500);
    assert.equal(await money(page).count(), 0, 'nothing is said of money as long as it is not known');
    release();
    await money(page).waitFor();
    assert.ok(!(await money(page).textContent()).includes('€0.00'));
    await settled(page);
    assert.deepEqual(page.faults, []);
  });
});
