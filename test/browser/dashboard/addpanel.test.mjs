// "Add to a dashboard" from cards of the overview, funnels and retention: with the filters of the page, onto a saved dashboard or a new one; conflicts are told and can be repeated.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, until, weirURL } from '../harness.mjs';
import { open, realSite, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
});
after(() => browser.close());

const boards = (path = '', body, method) => ask(site.analyst, `/api/v1/dashboards${path}`, body, method);
const dialog = (page) => page.getByRole('dialog', { name: 'Add to a dashboard' });
const choose = async (page, label, option) => {
  await dialog(page).locator(`input[aria-haspopup=listbox]`).nth(label).click();
  await page.getByRole('option', { name: option, exact: true }).click();
};
const add = (page, title) => page.getByRole('button', { name: `Add ${title} to a dashboard` });
const done = (page) => page.getByRole('dialog', { name: 'Added' });
const card = (page, title) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) });

async function on(t, at, key = site.analyst, options) {
  const page = await open(t, browser, options);
  await signIn(page, key, `/sites/${site.site}/${at}`);
  await settled(page);
  return page;
}

describe('add to a dashboard', { concurrency: 1, timeout: 600000 }, () => {
  test('a list with its filters on a new dashboard, a number and a line on the same; they show the same there', async (t) => {
    const segment = await ask(site.analyst, `/api/v1/analytics/${site.site}/segments`, { name: 'Not Chrome', filter: ['!browser:Chrome'] });
    const page = await on(t, `overview?range=7d&compare=1&f=country:US&segment=${segment.id}`);
    const where = `country = 'US' AND browser != 'Chrome'`;
    await add(page, 'Page views by page').click();
    await dialog(page).getByText('Only what the page shows now').waitFor();
    await dialog(page).getByText('segment Not Chrome, Country is United States').waitFor();
    await page.waitForTimeout(300);
    await sound(page, 'the dialog');
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await dialog(page).getByText('A dashboard needs a name.').waitFor();
    await dialog(page).getByLabel('Title').fill('Their pages');
    await dialog(page).getByLabel('Name of the new dashboard').fill('Team');
    await shoot(page, 'add-panel', false);
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await done(page).getByText('It is on Team now').waitFor();
    await page.waitForTimeout(300);
    await sound(page, 'it is added');
    await done(page).getByRole('button', { name: 'Close', exact: true }).last().click();
    const [board] = (await boards()).dashboards;
    const [pages] = (await boards(`/${board.id}`)).panels;
    assert.deepEqual([pages.title, pages.kind, pages.site_id, pages.question], ['Their pages', 'bar', site.site, { metric: ['pageviews'], group_by: ['path'], limit: 10, from: 'today-6d', filter: ['country:US'], segment: segment.id }]);

    // From the series: a line, then a number; both compare, as the page does.
    await add(page, 'Visitors').click();
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await done(page).waitFor();
    await page.keyboard.press('Escape');
    await add(page, 'Visitors').click();
    await dialog(page).getByText('Number', { exact: true }).click();
    await choose(page, 0, 'Last 30 days');
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await done(page).getByRole('link', { name: 'Open the dashboard' }).click();
    await page.getByRole('heading', { name: 'Team', exact: true }).waitFor();
    await settled(page);
    const saved = await boards(`/${board.id}`);
    assert.deepEqual(saved.panels.map((p) => [p.kind, p.question.compare, p.question.interval, p.question.from]), [['bar', undefined, undefined, 'today-6d'], ['line', 'previous', 'day', 'today-6d'], ['tile', 'previous', undefined, 'today-29d']]);
    for (const a of saved.panels) for (const b of saved.panels) assert.ok(a === b || a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y, 'no panel lies over another');
    const visitors = await site.count('uniqExact(client_id)', `client_id != '' AND ${where}`);
    const shown = card(page, 'Visitors').locator('div[title] > span').first();
    assert.equal(Number((await shown.textContent()).replaceAll(',', '')), visitors);
    await card(page, 'Their pages').getByText('Filtered').waitFor();
    const [top] = await site.sql(`SELECT path, toUInt32(count()) AS n FROM events WHERE NOT is_bot AND type = 'pageview' AND ${where} GROUP BY path ORDER BY n DESC, path LIMIT 1`);
    assert.equal(await card(page, 'Their pages').locator('li [title]').first().getAttribute('title'), `${top.path}: ${top.n}`);
    await page.waitForTimeout(500);
    await sound(page, 'the dashboard');
    await shoot(page, 'add-panel-board');
    // Today is compared with yesterday up to now: one question of the panel's, open at its end.
    const least = async (more) => site.count('uniqExact(client_id)', `client_id != '' AND ${where} AND toDate(ts, 'Europe/Berlin') = toDate(now(), 'Europe/Berlin') - 1 AND ts <= now() - INTERVAL 1 DAY + INTERVAL ${more} SECOND`);
    const from = await least(0);
    await page.locator('input[aria-label="Range of all panels"]').click();
    await page.getByRole('option', { name: 'Today', exact: true }).click();
    await settled(page);
    const before = Number((await card(page, 'Visitors').locator('small').first().textContent()).replace(' before', '').replaceAll(',', ''));
    assert.ok(before >= from && before <= (await least(90)), `${before} visitors before, at least ${from}`);
    assert.deepEqual(page.faults, []);
  });

  test('somebody saved meanwhile: it is said, theirs stays, and it can be repeated', async (t) => {
    const board = await boards('', { name: 'Ours', panels: [] });
    const page = await on(t, 'overview');
    await add(page, 'Visitors').click();
    await choose(page, 1, 'Ours');
    await settled(page); // it knows what it is going to change
    await boards(`/${board.id}`, { name: 'Theirs now', panels: [{ title: 'Their number', kind: 'tile', site_id: site.site, question: { metric: ['events'] }, x: 0, y: 0, w: 3, h: 2 }], version: board.version }, 'PUT');
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await dialog(page).getByText('Somebody saved this dashboard meanwhile.').waitFor();
    page.faults.splice(0).forEach((f) => assert.match(f, / 409 /));
    assert.equal((await boards(`/${board.id}`)).panels.length, 1);
    await page.waitForTimeout(300);
    await sound(page, 'a conflict');
    await shoot(page, 'add-panel-conflict', false);
    await dialog(page).getByRole('button', { name: 'Add it to what is there now' }).click();
    await done(page).getByText('It is on Theirs now now').waitFor();
    const saved = await boards(`/${board.id}`);
    assert.deepEqual([saved.name, saved.panels.map((p) => p.title), saved.panels[1].x, saved.panels[1].y], ['Theirs now', ['Their number', 'Visitors'], 3, 0]);
    assert.deepEqual(page.faults, []);
  });

  test('funnels, retention and goals are put there, too; a name that is taken is refused at its field', async (t) => {
    const goal = await ask(site.analyst, `/api/v1/analytics/${site.site}/goals`, { name: 'Project', type: 'pageview', filter: ['path:~/projects'] });
    const funnel = JSON.stringify({ steps: [{ type: 'pageview', filter: [] }, { type: '', filter: [], goal: goal.id }] });
    const by = JSON.stringify({ steps: [{ type: 'pageview', filter: [] }, { type: '', filter: [], goal: goal.id }], breakdown: 'browser' });
    const page = await on(t, `funnels?range=30d&funnel=${encodeURIComponent(by)}`);
    await page.getByRole('heading', { name: 'By browser' }).waitFor();
    const shares = await page.locator('table').last().locator('tbody tr').evaluateAll((rows) => rows.map((r) => [r.cells[0], r.cells[1], r.cells[r.cells.length - 1]].map((c) => c.textContent.trim())));
    assert.ok(shares.length > 3, 'browsers');
    await add(page, 'Funnel').click();
    await choose(page, 1, 'A new dashboard…');
    await dialog(page).getByLabel('Name of the new dashboard').fill('By browser');
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await done(page).getByRole('link', { name: 'Open the dashboard' }).click();
    await page.getByRole('heading', { name: 'By browser', exact: true }).waitFor();
    await settled(page);
    assert.deepEqual(await card(page, 'Funnel').locator('tbody tr').evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.textContent.trim()))), shares, 'what it is broken down by is on the dashboard, too');
    await sound(page, 'a funnel that is broken down');
    await shoot(page, 'add-panel-breakdown');
    await page.goto(`${weirURL}/sites/${site.site}/funnels?f=country:US&range=yesterday&funnel=${encodeURIComponent(funnel)}`);
    await settled(page);
    await add(page, 'Funnel').click();
    await choose(page, 1, 'A new dashboard…');
    await dialog(page).getByLabel('Name of the new dashboard').fill('team');
    await choose(page, 0, await page.evaluate(() => 'Last 24 hours'));
    const taken = (await boards()).dashboards.some((d) => d.name.toLowerCase() === 'team'); // another test has made it, if it ran
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    if (taken) {
      await dialog(page).getByText('choose another name').waitFor();
      page.faults.splice(0).forEach((f) => assert.match(f, / 409 /));
      await dialog(page).getByLabel('Name of the new dashboard').fill('Conversion');
      await dialog(page).getByRole('button', { name: 'Add it' }).click();
    }
    await done(page).waitFor();
    const of = async () => (await boards()).dashboards.find((d) => d.name === 'Conversion');
    const [panel] = (await boards(`/${(await of()).id}`)).panels;
    assert.deepEqual([panel.kind, panel.question.filter, panel.question.from, panel.question.steps.map((s) => s.goal ?? s.type)], ['funnel', ['country:US'], '24h', ['pageview', goal.id]]);
    await page.goto(`${weirURL}/sites/${site.site}/retention?period=day`);
    await settled(page);
    await add(page, 'Retention by day').click();
    await choose(page, 0, 'Conversion');
    await settled(page);
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await done(page).waitFor();
    await page.goto(`${weirURL}/sites/${site.site}/overview?metric=goal:${goal.id}`);
    await settled(page);
    await add(page, 'Project: conversions').click();
    await dialog(page).getByText('Number', { exact: true }).click();
    await choose(page, 1, 'Conversion');
    await settled(page);
    await dialog(page).getByRole('button', { name: 'Add it' }).click();
    await done(page).getByRole('link', { name: 'Open the dashboard' }).click();
    await page.getByRole('heading', { name: 'Conversion', exact: true }).waitFor();
    await settled(page);
    assert.deepEqual(await page.getByRole('alert').allTextContents(), []);
    assert.match(await card(page, 'Funnel').locator('li').first().textContent(), /100%/);
    const conversions = await site.count('count()', `type = 'pageview' AND path LIKE '%/projects%'`);
    assert.equal(Number((await card(page, 'Project: conversions').locator('div[title] > span').first().textContent()).replaceAll(',', '')), conversions);
    // The form of the panel knows its goal.
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByRole('button', { name: /^Change Project/ }).click();
    const form = page.getByRole('dialog');
    await until(async () => (await form.locator('input[aria-haspopup=listbox]').evaluateAll((l) => l.map((x) => x.value))).includes('Project'), 'the goal in the form');
    await until(async () => (await form.locator('div[title] > span').first().textContent()).replaceAll(',', '') === String(conversions), 'the preview');
    assert.deepEqual(page.faults, []);
  });

  test('retention with a range shows on the dashboard what the page shows, of these days for good or of as many', async (t) => {
    const board = await boards('', { name: 'Ranges', panels: [] });
    const read = (day) => new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(new Date(day));
    const day = (ago) => new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Berlin' }).format(Date.now() - ago * 86_400_000);
    const page = await on(t, 'retention?period=day');
    const rows = async (table) => (await table.locator('tbody tr').evaluateAll((l) => l.slice(1).map((r) => `${r.cells[0].textContent} ${r.cells[1].textContent}`))).join();
    const put = async (query, title) => {
      await page.goto(`${weirURL}/sites/${site.site}/retention?period=day&mode=recurring${query}`);
      await settled(page);
      const shown = await rows(page.locator('main table'));
      await add(page, 'Retention by day').click();
      await dialog(page).getByLabel('Title').fill(title);
      await choose(page, 0, 'Ranges');
      await settled(page);
      await dialog(page).getByRole('button', { name: 'Add it' }).click();
      await done(page).waitFor();
      return shown;
    };
    const want = { 'Two days': await put(`&range=${day(2)}~${day(1)}`, 'Two days'), 'Until today': await put(`&range=${day(1)}~${day(0)}`, 'Until today'), 'All periods': await put('', 'All periods') };
    assert.deepEqual(Object.values(want).map((rows) => rows.split(',').length >= 3), [false, false, true], 'there is more than these days');
    const ranges = async () => Object.fromEntries((await boards(`/${board.id}`)).panels.map((p) => [p.title, [p.question.from, p.question.to, p.question.period, p.question.mode]]));
    const saved = { 'Two days': [day(2), day(1), 'day', 'recurring'], 'Until today': ['1d', undefined, 'day', 'recurring'], 'All periods': [undefined, undefined, 'day', 'recurring'] };
    assert.deepEqual(await ranges(), saved);
    const holds = async (what) => {
      await settled(page);
      for (const [title, rowsOf] of Object.entries(want)) assert.equal(await rows(card(page, title)), rowsOf, `${title}, ${what}`);
    };
    // Panels are drawn when the width is known, which may be late: until then the page is busy.
    await page.addInitScript(() => {
      const Observer = window.ResizeObserver;
      window.ResizeObserver = class extends Observer {
        constructor(told) {
          super((...sizes) => setTimeout(() => told(...sizes), 1000));
        }
      };
    });
    await page.goto(`${weirURL}/dashboards/${board.id}`);
    await holds('on the dashboard');
    for (const [title, range] of [['Two days', `${read(day(2))} to ${read(day(1))}`], ['Until today', 'Last 2 days'], ['All periods', 'Last 15 days']]) await card(page, title).getByText(range, { exact: true }).waitFor();
    await sound(page, 'ranges of retention');
    await shoot(page, 'add-panel-retention');
    // Another range of the whole dashboard holds until it is given up; what else is changed leaves the panel its own.
    await page.locator('input[aria-label="Range of all panels"]').click();
    await page.getByRole('option', { name: 'Today', exact: true }).click();
    await until(async () => (await rows(card(page, 'Two days'))).split(',').length === 1, 'one day');
    await page.locator('input[aria-label="Range of all panels"]').click();
    await page.getByRole('option', { name: 'Ranges as saved' }).click();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    for (const [title, range] of [['Two days', `${read(day(2))} to ${read(day(1))}`], ['Until today', 'Last 2 days'], ['All periods', 'Last periods']]) {
      await page.getByRole('button', { name: `Change ${title}` }).click();
      const form = page.getByRole('dialog');
      await until(async () => (await form.locator('input[aria-haspopup=listbox]').evaluateAll((l) => l.map((x) => x.value))).includes(range), `${range} in the form`);
      await form.getByLabel('Title').fill(`${title} `);
      await form.getByRole('button', { name: 'Change the panel' }).click();
    }
    await page.getByLabel('Name', { exact: true }).fill('Ranges kept');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('heading', { name: 'Ranges kept', exact: true }).waitFor();
    assert.deepEqual(await ranges(), saved);
    await page.reload();
    await holds('after a change of something else');
    assert.deepEqual(page.faults, []);
  });

  test('a viewer is not offered it; dark, on a phone, from the keyboard', async (t) => {
    const viewer = await on(t, 'overview', site.viewer);
    assert.equal(await viewer.getByRole('button', { name: /to a dashboard$/ }).count(), 0);
    const phone = await on(t, 'overview?f=country:US', site.analyst, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme: 'dark' });
    const wide = () => phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok((await wide()) <= 0, `${await wide()} px hang over`);
    await add(phone, 'Visitors by browser').focus();
    await phone.keyboard.press('Enter');
    await dialog(phone).waitFor();
    await phone.waitForTimeout(400);
    assert.ok((await wide()) <= 0, `the dialog hangs over by ${await wide()} px`);
    await sound(phone, 'phone');
    await shoot(phone, 'add-panel-phone', false);
    await phone.keyboard.press('Escape');
    await until(async () => (await dialog(phone).count()) === 0, 'it to be shut');
    await until(() => phone.evaluate(() => /^Add Visitors by browser/.test(document.activeElement.getAttribute('aria-label'))), 'the focus to be back');
    await phone.route('**/api/v1/dashboards', (r) => r.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify({ code: 'x', detail: 'not for you' }) }));
    await phone.evaluate(() => 0);
    await phone.reload();
    await settled(phone);
    await add(phone, 'Visitors by browser').click();
    await dialog(phone).getByRole('alert').getByText('not for you').waitFor();
  });
});
