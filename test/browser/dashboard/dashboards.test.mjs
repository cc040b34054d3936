// Saved dashboards, made and changed by clicks and keys, two people at once, and panels embedded into a page of another origin.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, newTenant, operator, servePages, until, weirURL } from '../harness.mjs';
import { focused, looksLikeLink, open, realSite, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
});
after(() => browser.close());

const api = (path, body, method) => ask(site.analyst, `/api/v1/dashboards${path}`, body, method);
const card = (page, title) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) });
const report = (id, title, kind, question, at) => ({ id, title, kind, site_id: site.site, question: { from: '7d', ...question }, ...at });
let made = 0;

/** A dashboard with a panel of every kind. */
const everything = () =>
  api('', {
    name: `Everything ${++made}`,
    panels: [
      report('views', 'Page views', 'tile', { metric: ['pageviews'], compare: 'previous' }, { x: 0, y: 0, w: 3, h: 2 }),
      report('bounce', 'Bounce rate', 'tile', { metric: ['bounce_rate'] }, { x: 3, y: 0, w: 3, h: 2 }),
      report('time', 'Session duration', 'tile', { metric: ['session_duration'] }, { x: 6, y: 0, w: 3, h: 2 }),
      { id: 'sql', title: 'All events', kind: 'sql', question: { sql: 'SELECT count() AS n FROM events' }, x: 9, y: 0, w: 3, h: 2 },
      report('line', 'Visitors by day', 'line', { metric: ['visitors'], interval: 'day' }, { x: 0, y: 2, w: 8, h: 5 }),
      report('bar', 'Browsers', 'bar', { metric: ['visitors'], group_by: ['browser'], limit: 6 }, { x: 8, y: 2, w: 4, h: 5 }),
      report('funnel', 'To a project', 'funnel', { window: '24h', steps: [{ type: 'pageview', name: 'Any page' }, { type: 'pageview', filter: ['path:~/projects'], name: 'A project' }] }, { x: 0, y: 7, w: 6, h: 5 }),
      report('table', 'Pages', 'table', { metric: ['pageviews', 'visitors'], group_by: ['path'], limit: 20 }, { x: 6, y: 7, w: 6, h: 5 }),
      report('back', 'Who comes back', 'retention', { from: '7d', period: 'day', periods: 6 }, { x: 0, y: 12, w: 12, h: 5 }),
    ],
  });

async function on(t, path, options, key = site.analyst) {
  const page = await open(t, browser, options);
  await signIn(page, key, `/dashboards${path}`);
  await settled(page);
  return page;
}

const number = async (page, title) => Number((await card(page, title).locator('div[title] > span').first().textContent()).replaceAll(',', ''));

describe('dashboards', { concurrency: 3, timeout: 600000 }, () => {
  test('one is made by clicks, with panels by a form', async (t) => {
    const page = await on(t, '');
    await page.getByRole('button', { name: 'New dashboard' }).click();
    await page.getByLabel('Name').fill('By clicks');
    await sound(page, 'a new dashboard');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('Nothing here yet').waitFor();
    await page.getByRole('button', { name: 'Add a panel' }).last().click();
    const form = page.getByRole('dialog');
    await form.getByText('Number', { exact: true }).first().click();
    await form.getByLabel('Title').fill('Seen');
    await form.locator('input[aria-haspopup=listbox]').nth(1).click();
    await page.getByRole('option', { name: 'Page views', exact: true }).click();
    const views = (await site.count('count()', `type = 'pageview'`)).toLocaleString('en-US');
    await form.locator(`div[title$=": ${views}"]`).waitFor(); // the preview: it is asked for when the form has been calm for a while
    await settled(page);
    await sound(page, 'the form of a panel');
    await shoot(page, 'dashboard-form', false);
    await form.getByRole('button', { name: 'Add the panel' }).click();
    await page.getByRole('button', { name: 'Add a panel' }).click();
    await form.getByText('Bars', { exact: true }).click();
    await form.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.locator('input[aria-label="Values"]').fill('/');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await form.getByRole('button', { name: /^Remove the filter/ }).waitFor();
    await form.getByRole('button', { name: 'Add the panel' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
    await page.reload();
    await settled(page);
    assert.equal(await number(page, 'Seen'), await site.count('count()', `type = 'pageview'`));
    assert.equal(await card(page, 'Visitors by page').locator('li').count(), 1, 'the panel keeps its filter');
    const [first, second] = await Promise.all(['Seen', 'Visitors by page'].map((title) => card(page, title).boundingBox()));
    assert.ok(second.y === first.y && second.x > first.x, 'a panel comes beside the one before, if there is room');
    await page.getByRole('link', { name: 'All dashboards' }).click();
    await page.getByRole('link', { name: /By clicks/ }).waitFor();
    await sound(page, 'the list');
    await shoot(page, 'dashboards', false);
    await page.getByRole('button', { name: 'Delete By clicks' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Delete By clicks' }).click();
    await page.getByText('Its 2 panels go with it').waitFor();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await until(async () => (await page.getByRole('link', { name: /By clicks/ }).count()) === 0, 'it to be gone');
    assert.deepEqual(page.faults, []);
  });

  test('every kind of panel has its answer; the range can be another one', async (t) => {
    const d = await everything();
    const page = await on(t, `/${d.id}`);
    assert.deepEqual(await page.getByRole('alert').allTextContents(), []);
    assert.equal(await number(page, 'Page views'), await site.count('count()', `type = 'pageview'`));
    assert.equal((await card(page, 'All events').locator('span').last().textContent()).replaceAll(',', ''), String((await site.sql('SELECT count() AS n FROM events'))[0].n));
    assert.match(await card(page, 'To a project').locator('li').first().textContent(), /100%/);
    assert.match(await card(page, 'Who comes back').locator('tbody tr').first().textContent(), /All[\d,]+100%/);
    await page.getByRole('img', { name: /^Visitors by day: \d+ values/ }).waitFor();
    await page.locator('canvas').waitFor();
    await sound(page, 'a dashboard');
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(244, 245, 241)', 'the theme lies over the component library');
    await page.waitForTimeout(500);
    await shoot(page, 'dashboard-light');
    await page.locator('input[aria-label="Range of all panels"]').click();
    await page.getByRole('option', { name: 'Yesterday' }).click();
    const yesterday = await site.count('count()', `type = 'pageview' AND toDate(ts, 'Europe/Berlin') = toDate(now(), 'Europe/Berlin') - 1`);
    await until(async () => (await number(page, 'Page views')) === yesterday, 'the numbers of yesterday');
    assert.match(page.url(), /range=yesterday/);
    assert.deepEqual(page.faults, []);
  });

  test('panels are moved and resized by the mouse and by keys', async (t) => {
    const d = await everything();
    const page = await on(t, `/${d.id}?edit=1`);
    await sound(page, 'editing');
    const handle = page.getByRole('button', { name: /^Move Browsers/ });
    await handle.focus();
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByText('Column 9, row 3; 4 wide, 6 tall').waitFor({ state: 'attached' });
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^Move Browsers/, 'the focus stays');
    await page.getByRole('button', { name: 'Remove Bounce rate' }).click();
    await focused(page, page.getByRole('button', { name: /^Move Session duration/ }), 'the panel that follows');
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await handle.focus();
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('ArrowDown');
    const box = await page.getByRole('button', { name: /^Move Page views/ }).boundingBox();
    await page.mouse.move(box.x + 10, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + 400, box.y + 10, { steps: 8 });
    await page.mouse.up();
    await shoot(page, 'dashboard-edit', false);
    await page.getByRole('button', { name: 'Remove Bounce rate' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
    const saved = await api(`/${d.id}`);
    const of = (id) => saved.panels.find((p) => p.id === id);
    assert.equal(saved.version, 2);
    assert.equal(of('bounce'), undefined);
    assert.equal(of('bar').h, 7);
    assert.ok(of('views').x > 0, `the dragged panel is at column ${of('views').x}`);
    for (const a of saved.panels) for (const b of saved.panels) assert.ok(a === b || a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y, `${a.id} lies over ${b.id}`);
    assert.deepEqual(page.faults, []);
  });

  test('two people at once: what happened is said, and one chooses', async (t) => {
    const d = await everything();
    const theirs = async (name) => {
      const now = await api(`/${d.id}`);
      await api(`/${d.id}`, { name, panels: now.panels.slice(0, 2), version: now.version }, 'PUT');
    };
    const page = await on(t, `/${d.id}?edit=1`);
    const conflicted = () => page.faults.splice(0).every((f) => / 409 /.test(f));
    await page.getByLabel('Name').fill('Mine');
    await theirs(`Theirs ${d.id}`);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Somebody saved this dashboard meanwhile').waitFor();
    await page.getByText(`Theirs ${d.id}`).waitFor();
    assert.ok(conflicted());
    await page.waitForTimeout(300);
    let reads = 0;
    page.on('request', (r) => (reads += r.method() === 'GET' && r.url().endsWith(`/dashboards/${d.id}`)));
    await sound(page, 'a conflict');
    await shoot(page, 'dashboard-conflict', false);
    assert.equal(reads, 0, 'theirs is read once');
    await page.getByRole('button', { name: 'Overwrite with yours' }).click();
    await page.getByRole('heading', { name: 'Mine', exact: true }).waitFor();
    assert.deepEqual([(await api(`/${d.id}`)).name, (await api(`/${d.id}`)).panels.length], ['Mine', 9]);
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByLabel('Name').fill('Mine again');
    await theirs(`Theirs again ${d.id}`);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: 'Take theirs' }).click();
    await page.getByRole('heading', { name: `Theirs again ${d.id}`, exact: true }).waitFor();
    await settled(page);
    assert.equal(await page.locator('section:has(h2)').count(), 2);
    assert.ok(conflicted());
  });

  test('a viewer looks; dark, and on a phone', async (t) => {
    const d = await everything();
    const dark = await on(t, `/${d.id}?edit=1`, { colorScheme: 'dark' }, site.viewer);
    for (const name of ['Edit', 'Save']) assert.equal(await dark.getByRole('button', { name, exact: true }).count(), 0);
    await card(dark, 'All events').getByText('Statements of SQL are for analysts').waitFor();
    await sound(dark, 'dark');
    await dark.locator('canvas').waitFor();
    await dark.waitForTimeout(500);
    await shoot(dark, 'dashboard-dark');
    const phone = await on(t, `/${d.id}`, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const wide = await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok(wide <= 0, `${wide} px hang over`);
    await sound(phone, 'phone');
    await phone.locator('canvas').waitFor();
    await phone.waitForTimeout(500);
    await shoot(phone, 'dashboard-phone');
    await phone.goto(`${weirURL}/dashboards/d_NOTTHERE`);
    await phone.getByRole('alert').waitFor();
    await phone.getByRole('link', { name: 'All dashboards' }).click();
    await phone.getByRole('link', { name: d.name }).first().waitFor();
  });

  test('bars have room for ten; of more the last ones fade, and are scrolled to', async (t) => {
    const pages = (id, limit, x) => report(id, id, 'bar', { metric: ['pageviews'], group_by: ['path'], limit }, { x, y: 0, w: 4, h: 6 });
    const d = await api('', { name: `Bars ${++made}`, panels: [pages('Ten', 10, 0), pages('Fourteen', 14, 4)] });
    const page = await on(t, `/${d.id}`);
    const of = (title) => ({ box: card(page, title).getByRole('region', { name: title }), last: card(page, title).locator('li').last() });
    const inside = async ({ box, last }) => {
      const [b, l] = [await box.boundingBox(), await last.boundingBox()];
      return l.y + l.height <= b.y + b.height + 0.5;
    };
    const [ten, fourteen] = [of('Ten'), of('Fourteen')];
    assert.equal(await card(page, 'Ten').locator('li').count(), 10);
    assert.equal(await card(page, 'Fourteen').locator('li').count(), 14);
    assert.ok(await inside(ten), 'all ten are whole');
    assert.equal(await ten.box.getAttribute('data-cut'), null);
    assert.equal(await inside(fourteen), false);
    assert.equal(await fourteen.box.getAttribute('data-cut'), 'bottom', 'the edge says that there are more');
    await fourteen.box.evaluate((b) => b.scrollTo(0, b.scrollHeight));
    await until(async () => (await fourteen.box.getAttribute('data-cut')) === null, 'the end of the list');
    assert.ok(await inside(fourteen), 'the last one can be reached, and is whole');
    await sound(page, 'panels of bars');
  });

  test('a panel without an answer says whether filters may be why', async (t) => {
    const d = await api('', {
      name: `Empty ${++made}`,
      panels: [
        report('filtered', 'Filtered', 'bar', { metric: ['visitors'], group_by: ['path'], filter: ['path:/not-there'] }, { x: 0, y: 0, w: 4, h: 4 }),
        report('early', 'Early', 'table', { metric: ['visitors'], group_by: ['path'], from: '2020-01-01', to: '2020-01-02' }, { x: 4, y: 0, w: 4, h: 4 }),
        report('back', 'Back', 'retention', { from: '7d', period: 'day', filter: ['path:/not-there'] }, { x: 0, y: 4, w: 8, h: 4 }),
      ],
    });
    const page = await on(t, `/${d.id}`);
    for (const title of ['Filtered', 'Back']) await card(page, title).getByText('Nothing happened in this time that its filters let through.').waitFor();
    await card(page, 'Early').getByText('Nothing happened in this time.').waitFor();
  });

  test('large numbers and long texts have their place', async (t) => {
    const d = await api('', {
      name: `Large ${++made}`,
      panels: [
        { id: 'sql', title: 'Billions', kind: 'sql', question: { sql: 'SELECT 16038048114 AS n' }, x: 0, y: 0, w: 3, h: 2 },
        report('views', 'Page views', 'tile', { metric: ['pageviews'], compare: 'previous' }, { x: 3, y: 0, w: 3, h: 2 }),
        { id: 'exact', title: 'Exact', kind: 'sql', question: { sql: "SELECT 0.0042 AS rate, -0.003 AS change, 9007199254740993 AS sum, 123456789.12 AS money, toDecimal64('0.004', 3) AS share, nan AS mean, NULL AS none" }, x: 6, y: 0, w: 6, h: 3 },
        { id: 'rate', title: 'Rate', kind: 'sql', question: { sql: 'SELECT 0.0042 AS rate' }, x: 6, y: 3, w: 3, h: 2 },
        report('table', 'Pages', 'table', { metric: ['pageviews', 'visitors'], group_by: ['path'], limit: 40 }, { x: 0, y: 2, w: 6, h: 9 }),
      ],
    });
    const page = await on(t, `/${d.id}`, { viewport: { width: 1280, height: 860 } });
    const tile = card(page, 'Billions').locator('div[title] > span').first();
    assert.equal(await tile.textContent(), '16B');
    assert.equal(await card(page, 'Billions').locator('div[title]').getAttribute('title'), 'n: 16,038,048,114');
    assert.ok(await tile.evaluate((s) => s.scrollWidth <= s.clientWidth), 'it is not cut');
    await card(page, 'Exact').locator('tbody td').first().waitFor();
    assert.deepEqual(await card(page, 'Exact').locator('tbody td').allTextContents(), ['0.0042', '-0.003', '9,007,199,254,740,993', '123,456,789.12', '0.004', 'not finite', '–']);
    assert.equal(await card(page, 'Rate').locator('div[title] > span').first().textContent(), '0.0042');
    const [number, change] = await Promise.all(['span >> nth=0', 'span >> nth=1'].map((s) => card(page, 'Page views').locator('div[title]').locator(s).boundingBox()));
    assert.ok(change.y >= number.y + number.height - 2, 'the change stands below');
    const inSight = async (page, frame) => {
      await page.locator('tbody td').filter({ hasText: /^.{35,}$/ }).first().waitFor(); // a long path: its panel may be the last to have its answer
      const right = await page.locator('thead th').last().evaluate((th) => th.getBoundingClientRect().right);
      assert.ok(right <= frame, `the numbers end at ${right} px`);
    };
    const phone = await on(t, `/${d.id}`, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await inSight(phone, 390);
    await sound(phone, 'large numbers on a phone');
    await phone.goto(`${weirURL}/dashboards/${d.id}?edit=1`);
    await settled(phone);
    await phone.getByRole('button', { name: 'Add a panel' }).click();
    const kinds = phone.getByRole('radiogroup', { name: 'Kind' });
    const [all, sql] = [await kinds.boundingBox(), await kinds.getByText('SQL', { exact: true }).boundingBox()];
    assert.ok(sql.x + sql.width <= all.x + all.width, 'no kind of panel is cut');
    const { url } = await ask(site.analyst, '/api/v1/embeds', { dashboard: d.id, panel: 'table', expires: '10m' });
    const guest = await open(t, browser, { viewport: { width: 360, height: 400 } });
    await guest.goto(new URL(url, weirURL).href);
    await guest.locator('tbody td').first().waitFor();
    await inSight(guest, 360);
  });

  test('what was changed and not saved is there after a look at another page, until it is saved or discarded', async (t) => {
    const d = await everything();
    const page = await on(t, `/${d.id}?edit=1`);
    const name = page.getByLabel('Name', { exact: true });
    await name.fill('Half done');
    await page.getByRole('link', { name: 'SQL', exact: true }).click();
    await page.getByRole('heading', { name: 'SQL', exact: true }).waitFor();
    await page.goBack();
    await until(async () => (await name.inputValue()) === 'Half done', 'the changed name');
    await page.getByRole('link', { name: 'Dashboards', exact: true }).click();
    await page.getByRole('link', { name: d.name }).first().click();
    await page.getByText('You have changed this dashboard and not saved it.').waitFor();
    await page.getByRole('heading', { name: d.name, exact: true }).waitFor();
    await settled(page);
    await sound(page, 'unsaved changes');
    await looksLikeLink(page.getByRole('button', { name: 'Go on editing' }));
    await looksLikeLink(page.getByRole('button', { name: 'Discard the changes' }));
    await page.getByRole('button', { name: 'Go on editing' }).click();
    await until(async () => (await name.inputValue()) === 'Half done', 'the changed name again');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('heading', { name: 'Half done', exact: true }).waitFor();
    await until(async () => (await api(`/${d.id}`)).name === 'Half done', 'what is saved');
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await name.fill('Never');
    await page.getByRole('link', { name: 'Dashboards', exact: true }).click();
    await page.getByRole('link', { name: 'Half done' }).first().click();
    await page.getByRole('button', { name: 'Discard the changes' }).click();
    await page.reload();
    await page.getByRole('heading', { name: 'Half done', exact: true }).waitFor();
    assert.equal(await page.getByText('You have changed this dashboard').count(), 0);
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('a panel about a property that no event has had says so, here and embedded', async (t) => {
    const d = await api('', {
      name: `Never seen ${++made}`,
      panels: [
        report('tile', 'Of a plan', 'tile', { metric: ['pageviews'], filter: ['props.plan:pro'] }, { x: 0, y: 0, w: 3, h: 2 }),
        report('bar', 'By plan', 'bar', { metric: ['pageviews'], group_by: ['props.plan'] }, { x: 3, y: 0, w: 4, h: 5 }),
        report('funnel', 'Steps', 'funnel', { window: '24h', steps: [{ type: 'pageview' }, { type: 'pageview', filter: ['props.a_very_long_name_of_a_property:1', 'props.plan:1'] }] }, { x: 7, y: 0, w: 5, h: 5 }),
        report('seen', 'All', 'tile', { metric: ['pageviews'] }, { x: 0, y: 2, w: 3, h: 2 }),
      ],
    });
    const page = await on(t, `/${d.id}`);
    for (const title of ['Of a plan', 'By plan']) {
      const hint = card(page, title).getByText('Never seen in events: plan', { exact: true });
      await hint.waitFor();
      const [line, around] = [await hint.boundingBox(), await card(page, title).boundingBox()];
      assert.ok(line.y + line.height <= around.y + around.height && line.height > 12, `${title}: it is within the panel`);
    }
    assert.equal(await number(page, 'Of a plan'), 0);
    const value = await card(page, 'Of a plan').locator('div[title] > span').first().boundingBox();
    const tileBox = await card(page, 'Of a plan').boundingBox();
    assert.ok(value.y + value.height <= tileBox.y + tileBox.height, 'the number has its place, too');
    await card(page, 'Steps').getByRole('button', { name: 'Never seen in events: a_very_long_name_of_a_property, plan' }).click();
    await page.getByRole('dialog', { name: 'Properties that no event has had' }).waitFor();
    await page.keyboard.press('Escape');
    assert.match(await card(page, 'Steps').locator('ol li').first().textContent(), /^Page view\d/, 'a step that the question does not name');
    assert.equal(await card(page, 'All').getByText(/Never seen/).count(), 0);
    await sound(page, 'panels of what was never seen');
    await shoot(page, 'dashboard-unseen', false);
    const { url } = await ask(site.analyst, '/api/v1/embeds', { dashboard: d.id, panel: 'tile', expires: '10m' });
    const guest = await open(t, browser, { viewport: { width: 390, height: 240 } });
    await guest.goto(new URL(url, weirURL).href);
    await guest.getByText('Never seen in events: plan', { exact: true }).waitFor();
    await guest.getByText('Filtered: plan is pro', { exact: true }).waitFor();
    assert.match(await card(page, 'Of a plan').getByText(/ · Filtered$/).getAttribute('title'), / · Filtered: plan is pro$/);
    await sound(guest, 'an embedded panel of what was never seen');
    await shoot(guest, 'embed-unseen', false);
  });

  test('a panel whose visitors are estimated says so, here and embedded', async (t) => {
    const d = await api('', { name: `Many ${++made}`, panels: [report('tile', 'Many', 'tile', { metric: ['visitors'] }, { x: 0, y: 0, w: 3, h: 2 })] });
    const many = async (p) => // as the server answers of more than 100 000 visitors
      p.route(/\/(report|embeds\/panel)(\?|$)/, async (route) => {
        const response = await route.fetch();
        const body = await response.json();
        (body.answer ?? body).approximate = { visitors: 0.017 };
        await route.fulfill({ response, json: body });
      });
    const page = await on(t, '');
    await many(page);
    await page.goto(`${weirURL}/dashboards/${d.id}`);
    const hint = card(page, 'Many').getByText('Estimated: visitors, to within about 1.7%', { exact: true });
    await hint.waitFor();
    const [line, around] = [await hint.boundingBox(), await card(page, 'Many').boundingBox()];
    assert.ok(line.y + line.height <= around.y + around.height, 'it is within the panel');
    await sound(page, 'a panel of estimates');
    const { url } = await ask(site.analyst, '/api/v1/embeds', { dashboard: d.id, panel: 'tile', expires: '10m' });
    const guest = await open(t, browser, { viewport: { width: 390, height: 240 } });
    await many(guest);
    await guest.goto(new URL(url, weirURL).href);
    await guest.getByText('Estimated: visitors, to within about 1.7%', { exact: true }).waitFor();
    assert.deepEqual(guest.faults, []);
  });

  test('it says up to when it is whole: by the earliest of its panels that are loaded', async (t) => {
    const elsewhere = await operator(`/api/v1/tenants/${site.id}/sources`, { id: 'elsewhere', name: 'Elsewhere', time_zone: 'Asia/Tokyo' });
    const d = await api('', {
      name: `Whole ${++made}`,
      panels: [
        report('views', 'Page views', 'tile', { metric: ['pageviews'] }, { x: 0, y: 0, w: 3, h: 2 }),
        report('back', 'Who comes back', 'retention', { period: 'day', periods: 3 }, { x: 0, y: 2, w: 12, h: 4 }),
        { ...report('other', 'Events elsewhere', 'tile', { metric: ['events'] }, { x: 3, y: 0, w: 3, h: 2 }), site_id: elsewhere.site_id },
        { id: 'sql', title: 'All events', kind: 'sql', question: { sql: 'SELECT count() AS n FROM events' }, x: 6, y: 0, w: 3, h: 2 },
      ],
    });
    let release;
    const held = new Promise((done) => (release = done));
    const answered = async (page) => {
      const as = (glob, minute, when) =>
        page.route(glob, async (route) => {
          await when;
          const response = await route.fetch();
          await route.fulfill({ response, json: { ...(await response.json()), as_of: `2026-03-04T13:${minute}:09.5Z`, complete_until: `2026-03-04T12:${minute}:09.5Z` } });
        });
      await as(`**/${site.site}/report`, '25');
      await as(`**/${site.site}/retention`, '20');
      await as(`**/${elsewhere.site_id}/report`, '15', held);
    };
    const page = await on(t, '');
    await answered(page);
    await page.goto(`${weirURL}/dashboards/${d.id}`);
    const line = page.getByText('Counts everything received up to');
    const says = (asOf, until, zone) => new RegExp(`^Still coming inCounts everything received up to 4 Mar 2026, ${asOf} \\(4 Mar(?: 2026)?\\)\\. Final before 4 Mar 2026, ${until}; later events may still change what is after it\\. Times are those of ${zone}\\. SQL counts what could be seen at .*, when it was run\\.$`);
    const berlin = says('14:20:09', '13:20:09', 'Europe/Berlin');
    await until(async () => berlin.test(await line.textContent()), 'the line of what is loaded');
    assert.equal(await card(page, 'Events elsewhere').getByRole('status', { name: 'Loading' }).count(), 1);
    release();
    const utc = says('13:15:09', '12:15:09', 'UTC');
    await until(async () => utc.test(await line.textContent()), 'the line of all panels');
    assert.equal(await line.count(), 1);
    assert.equal(await page.getByText('Still coming in').getAttribute('title'), 'What happened after 4 Mar 2026, 12:15:09 may still change');
    await settled(page);
    await sound(page, 'up to when it is whole');
    await shoot(page, 'dashboard-whole', false);
    // Where there is not room for all of a panel's head, its title goes before its site and range; numbers of panels of one height have one size.
    for (const title of ['Page views', 'Events elsewhere']) {
      const over = await page.getByRole('heading', { name: title }).locator('.cut').evaluate((e) => {
        const text = document.createRange();
        text.selectNodeContents(e);
        return text.getBoundingClientRect().width - e.getBoundingClientRect().width;
      });
      assert.ok(over <= 0, `${title} is cut by ${over} px`);
    }
    const sizes = await Promise.all(['Page views', 'Events elsewhere', 'All events'].map((title) => card(page, title).locator('[data-number]').evaluate((e) => getComputedStyle(e).fontSize)));
    assert.deepEqual(sizes, [sizes[0], sizes[0], sizes[0]]);
    const look = (page) => page.getByText('Counts everything received up to').evaluate((p) => {
      const of = (el) => (({ fontSize, color, fontWeight, margin }) => ({ fontSize, color, fontWeight, margin }))(getComputedStyle(el));
      return [of(p), of(p.querySelector('span'))];
    });
    const here = await look(page);
    await page.locator('input[aria-label="Range of all panels"]').click();
    await page.getByRole('option', { name: 'Yesterday' }).click();
    await until(async () => /^Counts everything received up to 4 Mar 2026, 13:15:09 \(4 Mar\)\. Final before 4 Mar 2026, 12:15:09\. Times are those of UTC\./.test(await line.textContent()), 'nothing to come in of yesterday');
    assert.deepEqual(page.faults, []);
    await page.unrouteAll({ behavior: 'wait' });
    await page.goto(`${weirURL}/sites/${site.site}/overview`);
    await settled(page);
    assert.deepEqual(await look(page), here, 'it looks as it does on other pages');

    const phone = await on(t, '', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await answered(phone);
    await phone.goto(`${weirURL}/dashboards/${d.id}`);
    await settled(phone);
    await phone.getByText('Counts everything received up to').scrollIntoViewIfNeeded();
    const box = await phone.getByText('Counts everything received up to').boundingBox();
    const last = await card(phone, 'Who comes back').boundingBox();
    assert.equal(Math.round(box.y - last.y - last.height), 16, 'it is as far below the panels as they are from each other');
    assert.ok(box.x >= 0 && box.x + box.width <= 390, `it lies from ${box.x} to ${box.x + box.width} px`);
    assert.ok((await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth))) <= 390, 'nothing hangs over');
    await sound(phone, 'up to when it is whole, on a phone');
    await shoot(phone, 'dashboard-whole-phone', false);
  });

  test('panels of revenue do not add up amounts of different currencies', async (t) => {
    const shop = await newTenant({ name: 'Shop', time_zone: 'UTC' });
    const ts = Date.now() - 60_000;
    const sale = (i, path, revenue, currency) => ({ event_id: `s${i}`, type: 'purchase', client_id: `c${i}`, ts, url: `https://shop.example${path}`, props: { revenue, ...(currency && { currency }) } });
    const events = [sale(1, '/a', 100, 'EUR'), sale(2, '/b', 50.5, 'eur'), sale(3, '/a', 20, 'USD'), sale(4, '/c', 5)];
    const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${shop.writeKey}` }, body: JSON.stringify(events) });
    assert.equal(res.status, 200, await res.text());
    await until(async () => (await shop.sql('SELECT 1 FROM events')).length === events.length, 'the events');
    const of = (id, title, kind, question, at) => ({ ...report(id, title, kind, question, at), site_id: shop.site });
    const d = await ask(shop.analyst, '/api/v1/dashboards', {
      name: 'Money',
      panels: [
        of('tile', 'Earned', 'tile', { metric: ['revenue'], compare: 'previous' }, { x: 0, y: 0, w: 4, h: 3 }),
        of('one', 'Earned in dollars', 'tile', { metric: ['revenue'], filter: ['props.currency:USD'] }, { x: 4, y: 0, w: 4, h: 3 }),
        of('page', 'Earned with b', 'tile', { metric: ['revenue'], filter: ['path:/b'] }, { x: 8, y: 0, w: 4, h: 3 }),
        of('bar', 'By page', 'bar', { metric: ['revenue'], group_by: ['path'] }, { x: 0, y: 3, w: 6, h: 5 }),
        of('table', 'Pages and money', 'table', { metric: ['events', 'revenue'], group_by: ['path'] }, { x: 6, y: 3, w: 6, h: 5 }),
      ],
    });
    const page = await open(t, browser);
    await signIn(page, shop.viewer, `/dashboards/${d.id}`);
    await settled(page);
    const value = (title) => card(page, title).locator('div[title] > span').first().textContent();
    assert.equal(await value('Earned'), '€150.50');
    await card(page, 'Earned').getByText('EUR only. Besides: $20.00, 5 without a currency').first().waitFor();
    assert.equal(await value('Earned in dollars'), '$20.00');
    assert.equal(await value('Earned with b'), '€50.50');
    for (const title of ['Earned in dollars', 'Earned with b']) assert.equal(await card(page, title).getByText(/Besides|added up/).count(), 0, title);
    assert.deepEqual((await card(page, 'By page').locator('li').allTextContents()).map((l) => l.replaceAll(/[^/abc\d.]/g, '')).sort(), ['/a100', '/b50.5']);
    assert.deepEqual((await card(page, 'Pages and money').locator('tbody tr').evaluateAll((l) => l.map((r) => [...r.cells].map((c) => c.textContent).join(' ')))).sort(), ['/a 2 –', '/b 1 –', '/c 1 –']);
    await card(page, 'Pages and money').getByText('Revenue is in several currencies and not added up: €150.50, $20.00, 5 without a currency').first().waitFor();
    await sound(page, 'panels of revenue');
    await shoot(page, 'dashboard-revenue', false);
    const { url } = await ask(shop.analyst, '/api/v1/embeds', { dashboard: d.id, panel: 'tile', expires: '10m' });
    const guest = await open(t, browser, { viewport: { width: 390, height: 240 } });
    await guest.goto(new URL(url, weirURL).href);
    await guest.getByText('Revenue is added up whatever its currency').first().waitFor();
    await sound(guest, 'an embedded panel of revenue');
  });

  test('a panel is embedded into a page of another origin; what else there is cannot be', async (t) => {
    const d = await everything();
    const page = await on(t, `/${d.id}`);
    assert.equal(await card(page, 'All events').getByRole('button', { name: /^Embed/ }).count(), 0, 'SQL cannot be embedded');
    const frameOf = async (title) => {
      await card(page, title).getByRole('button', { name: /^Embed/ }).click();
      await page.getByRole('button', { name: 'Make the link' }).click();
      const html = await page.getByLabel('HTML of the frame').inputValue();
      await page.keyboard.press('Escape');
      return html;
    };
    await card(page, 'Page views').getByRole('button', { name: /^Embed/ }).click();
    await page.waitForTimeout(300);
    await sound(page, 'the dialog of embeds');
    await page.keyboard.press('Escape');
    const frames = [await frameOf('Page views'), await frameOf('Visitors by day'), await frameOf('Pages')];
    assert.deepEqual(page.faults, []);
    const pages = await servePages({ '/': `<!doctype html><html lang="en"><title>A page</title><body>${frames.join('\n')}`, '/other': `<!doctype html><iframe title="x" src="${weirURL}/"></iframe>` });
    t.after(() => pages.close());
    const guest = await open(t, browser, { viewport: { width: 900, height: 1100 } });
    await guest.goto(pages.url);
    const tile = guest.frameLocator('iframe').first();
    await tile.getByRole('heading', { name: 'Page views' }).waitFor();
    const views = (await site.count('count()', `type = 'pageview'`)).toLocaleString('en-US');
    await tile.getByText(views, { exact: true }).waitFor();
    await guest.locator('iframe').nth(1).scrollIntoViewIfNeeded();
    await guest.frameLocator('iframe').nth(1).getByRole('img', { name: /^Visitors by day: \d+ values/ }).waitFor();
    await guest.locator('iframe').nth(2).scrollIntoViewIfNeeded();
    await guest.frameLocator('iframe').nth(2).locator('tbody tr').nth(3).waitFor();
    await guest.waitForTimeout(500);
    await shoot(guest, 'embed');
    assert.deepEqual(guest.faults, []);
    for (const f of guest.frames().slice(1)) assert.deepEqual(await f.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]), [0, 0, ''], 'it keeps nothing');
    const [, address] = /src="([^"]+)"/.exec(frames[0]);
    const alone = await open(t, browser, { colorScheme: 'dark', viewport: { width: 390, height: 300 } });
    await alone.goto(address.replaceAll('&amp;', '&'));
    await alone.getByText(views, { exact: true }).waitFor();
    await sound(alone, 'an embedded panel');
    await shoot(alone, 'embed-dark', false);

    await guest.goto(`${pages.url}/other`);
    await until(() => guest.faults.some((f) => /frame-ancestors|X-Frame-Options/i.test(f)), 'the dashboard not to be framed');
    const refused = async (path, text) => {
      await alone.goto(weirURL + path);
      await alone.getByRole('alert').getByText(text).waitFor();
      assert.ok(alone.faults.splice(0).every((f) => / 401 /.test(f)));
    };
    await refused('/embed', "This panel's address is incomplete");
    assert.doesNotMatch(await alone.locator('main').innerText(), /Authorization|Bearer/);
    await refused('/embed?token=nonsense', 'This link does not open a panel');
    await api(`/${d.id}`, undefined, 'DELETE');
    await refused(new URL(address.replaceAll('&amp;', '&')).pathname + new URL(address.replaceAll('&amp;', '&')).search, 'This panel is not shown any more');
    await sound(alone, 'a refusal');
  });
});
