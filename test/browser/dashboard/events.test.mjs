// The events explorer on a real access log: numbers, filters by clicks on values, pages, and what comes meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, newTenant, until, weirURL } from '../harness.mjs';
import { open, realSite, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
});
after(() => browser.close());

const events = () => `/sites/${site.site}/events`;
const card = (page, title) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) });
const rows = (page) => card(page, 'Latest').locator('li > button[aria-expanded]');
const total = async (page) => Number((await card(page, /^Events by/).locator('header b').textContent()).replaceAll(',', ''));
const totals = (page, n) => until(async () => (await total(page)) === n, { toString: () => `${n} events in all` });
const chips = (page) => page.locator('[aria-label^="Remove the filter"]');

async function on(t, query = '', options) {
  const page = await open(t, browser, options);
  await signIn(page, site.viewer, events() + query);
  await settled(page);
  return page;
}

const send = (...events) => post(JSON.stringify(events.map((e) => ({ client_id: 'explorer', url: 'http://www.semicomplete.com/explorer', ...e }))));

async function post(body) {
  const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'; // Node's own is that of a bot
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}`, 'User-Agent': agent }, body });
  assert.ok(res.ok, await res.text());
}

const yesterday = `toDate(ts, 'Europe/Berlin') = toDate(now(), 'Europe/Berlin') - 1`; // where nothing comes while the tests run

describe('events', { concurrency: 3, timeout: 600000 }, () => {
  test('numbers are those of SQL; types are picked by clicks', async (t) => {
    const page = await on(t, '?range=yesterday');
    await totals(page, await site.count('count()', yesterday));
    const [first] = await site.sql(`SELECT formatDateTime(ts, '%H:%i:%S', 'Europe/Berlin') AS clock FROM events WHERE NOT is_bot AND ${yesterday} ORDER BY ts DESC LIMIT 1`);
    assert.equal(await rows(page).first().locator('time').textContent(), first.clock);
    const types = card(page, 'Types').locator('li button');
    const views = await site.count('count()', `${yesterday} AND type = 'pageview'`);
    assert.equal(await types.filter({ hasText: 'Page view' }).getAttribute('title'), `Page view: ${views.toLocaleString('en-US')}`);
    await types.filter({ hasText: 'Page view' }).click();
    await until(() => page.url().includes('f=type%3Apageview'), 'the type itself in the address');
    await totals(page, views);
    await settled(page);
    assert.equal(await types.count(), 2, 'the other type can be picked as well');
    assert.ok((await rows(page).allTextContents()).every((x) => x.includes('Page view')));
    const tags = rows(page).locator('span[title="Page view"]');
    assert.deepEqual(await tags.evaluateAll((l) => l.filter((e) => e.scrollWidth > e.clientWidth).length), 0, 'the name is whole');
    await types.filter({ hasText: 'request' }).click();
    await totals(page, await site.count('count()', yesterday));
    await page.getByRole('button', { name: 'Clear' }).or(chips(page).first()).first().click();
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.locator('input[aria-label="Column"]').fill('Event');
    await page.getByRole('option', { name: 'Event', exact: true }).click();
    for (const typed of ['pagevi', 'page view']) {
      await page.locator('input[aria-label="Values"]').fill(typed);
      await page.getByRole('option', { name: 'Page view', exact: true }).waitFor();
    }
    await page.getByRole('option', { name: 'Page view', exact: true }).click();
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await totals(page, views);
    assert.deepEqual(new URL(page.url()).searchParams.getAll('f'), ['type:pageview']);
    await sound(page, 'events');
  });

  test('numbers under a filter on where visits came from say that they are those of visits', async (t) => {
    const page = await on(t, '?range=yesterday&f=type:pageview');
    const note = page.getByText('These numbers are of the sessions that began in this time');
    assert.equal(await note.count(), 0);
    await page.goto(`${weirURL}${events()}?range=yesterday&f=channel:search`);
    await note.waitFor();
    await settled(page);
    const counted = await fetch(`${weirURL}/api/v1/analytics/${site.site}/report?metric=events&filter=channel:search&from=today-1d&to=today-1d`, { headers: { Authorization: `Bearer ${site.viewer}` } });
    assert.equal(await total(page), (await counted.json()).data[0].events);
    await sound(page, 'events by visit');
  });

  test('an event opens to all that it has; each value filters; it can be copied', async (t) => {
    const page = await on(t, '?range=yesterday', { permissions: ['clipboard-read', 'clipboard-write'] });
    const row = rows(page).nth(2);
    await row.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Copy as JSON' }).waitFor();
    await settled(page);
    await sound(page, 'an open event');
    await shoot(page, 'events-light');
    await page.getByRole('button', { name: 'Copy as JSON' }).click();
    await page.getByText('Copied').waitFor();
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    assert.ok(copied.event_id && copied.client_id && copied.props);
    assert.equal(new URL(page.url()).searchParams.get('event'), copied.event_id, 'the open event stands in the address');
    await page.reload();
    await settled(page);
    assert.equal(await rows(page).nth(2).getAttribute('aria-expanded'), 'true');
    const escaped = (s) => String(s).replaceAll('\\', '\\\\').replaceAll("'", "\\'");
    await page.getByRole('button', { name: copied.path, exact: true }).click();
    await totals(page, await site.count('count()', `${yesterday} AND path = '${escaped(copied.path)}'`));
    await settled(page);
    const [name, value] = Object.entries(copied.props).find(([, v]) => typeof v === 'string');
    await page.getByTitle(`Filter by ${name}: ${value}`, { exact: true }).first().click();
    await totals(page, await site.count('count()', `${yesterday} AND path = '${escaped(copied.path)}' AND props['${name}'] = '${escaped(value)}'`));
    assert.equal(await chips(page).count(), 2);
    await settled(page);
    await sound(page, 'filtered by a property');
    await page.getByRole('button', { name: 'Clear' }).click();
    await totals(page, await site.count('count()', yesterday));
  });

  test('pages of events give each once, and newer ones wait until they are wanted', async (t) => {
    const page = await on(t, '?f=url:http%3A%2F%2Fwww.semicomplete.com%2Fexplorer');
    await page.getByText('No events in this time that these filters let through.').first().waitFor();
    await sound(page, 'no events');
    const ts = Date.now() - 60_000;
    await send(...Array.from({ length: 120 }, (_, i) => ({ event_id: `x${i}`, type: 'step', ts: ts + i, props: { n: i } })));
    await until(async () => (await site.count('count()', "url = 'http://www.semicomplete.com/explorer'")) === 120, 'all events in SQL'); // the page asks once
    await page.reload();
    await until(async () => (await rows(page).count()) === 50, 'the first page');
    await card(page, 'Latest').getByRole('button', { name: 'Earlier events' }).click();
    await until(async () => (await rows(page).count()) === 100, 'the second page');
    const before = await rows(page).allTextContents();
    await send({ event_id: 'y', type: 'purchase', props: { plan: 'pro' } });
    await page.getByRole('button', { name: '1 newer event' }).waitFor();
    assert.deepEqual(await rows(page).allTextContents(), before, 'nothing moves');
    await sound(page, 'newer events');
    await card(page, 'Latest').getByRole('button', { name: 'Earlier events' }).click();
    await until(async () => (await rows(page).count()) === 120, 'all events');
    await page.getByText('120, all of them').waitFor();
    const numbers = (await rows(page).allTextContents()).map((x) => Number(/n: (\d+)/.exec(x)[1]));
    assert.deepEqual(numbers, Array.from({ length: 120 }, (_, i) => 119 - i));
    await page.getByRole('button', { name: '1 newer event' }).click();
    await until(async () => (await rows(page).first().textContent()).includes('purchase'), 'the newer event');
    assert.deepEqual(page.faults, []);
  });

  test('numbers keep their digits, and colons of names are no end of a filter', async (t) => {
    const event = (id, props) => `{"event_id":"${id}","client_id":"explorer","type":"exact","url":"http://www.semicomplete.com/exact","props":${props}}`;
    await post(`[${event('e1', '{"order:id":"a|b:c","n":9007199254740993}')},${event('e2', '{"order:id":"d","n":9007199254740992}')}]`);
    await until(async () => (await site.count('count()', "type = 'exact'")) === 2, 'both events');
    const page = await on(t, '?range=today&f=type:exact');
    for (const [name, value] of [['order:id', 'a|b:c'], ['n', '9007199254740993']]) {
      await totals(page, 2);
      await until(async () => (await rows(page).count()) === 2, 'both events in the list');
      if (name === 'order:id') await rows(page).filter({ hasText: '9007199254740993' }).click(); // it stays open
      await page.getByRole('button', { name: value, exact: true }).click();
      await totals(page, 1);
      await until(async () => (await rows(page).count()) === 1, 'one event in the list');
      assert.ok((await rows(page).first().textContent()).includes('9007199254740993'));
      await page.reload(); // the address says the same
      await totals(page, 1);
      await page.getByRole('button', { name: new RegExp(`^Remove the filter ${name}`) }).click();
    }
    assert.deepEqual(page.faults, []);
  });

  test('bots are shown when they are wanted; a filter that is none is said', async (t) => {
    const page = await on(t, '?range=yesterday');
    await page.getByRole('switch', { name: 'With bots' }).press('Space');
    await totals(page, Number((await site.sql(`SELECT count() AS n FROM events WHERE ${yesterday}`))[0].n));
    assert.match(page.url(), /bots=include/);
    assert.deepEqual(page.faults, []);
    await page.goto(`${weirURL}${events()}?f=nothing:x`);
    await page.getByText('there is no column').first().waitFor();
  });

  test('a value that turns the direction of text around turns nothing beside it', async (t) => {
    const other = await newTenant();
    const turned = '\u202Eabc';
    const event = { client_id: 'turned', type: `go${turned}`, url: 'http://turned.example/page', props: { aaa: turned, plan: 'forward' } };
    const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${other.writeKey}` }, body: JSON.stringify([{ ...event, path: `/x${turned}` }]) });
    assert.ok(res.ok, await res.text());
    await until(async () => (await other.sql('SELECT 1 FROM events')).length === 1, 'the event');
    const page = await open(t, browser);
    // Whether a text is written from left to right, wherever it is.
    const forward = (text) =>
      page.evaluate((text) => {
        const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
        const found = [];
        for (let n = walk.nextNode(); n; n = walk.nextNode()) {
          const i = n.data.indexOf(text);
          if (i < 0 || n.parentElement.checkVisibility() === false) continue;
          const x = (k) => {
            const r = document.createRange();
            r.setStart(n, k);
            r.setEnd(n, k + 1);
            return r.getBoundingClientRect().left;
          };
          found.push(x(i) < x(i + text.length - 1));
        }
        return found;
      }, text);
    const all = async (text, what) => {
      await page.getByText(text).first().waitFor();
      const found = await forward(text);
      assert.ok(found.length > 0 && found.every(Boolean), `${what}: ${text} is written ${found}`);
    };
    await signIn(page, other.analyst, `/sites/${other.site}/events`);
    await settled(page);
    await all('plan: forward', 'the row');
    await shoot(page, 'events-turned', false);
    await page.goto(`${weirURL}/sites/${other.site}/sessions`);
    await settled(page);
    await page.locator('main a[href*="/sessions/"]').first().click();
    await all('plan', 'the timeline');
    await all('forward', 'the properties of the timeline');
    await page.goto(`${weirURL}/sql?q=${encodeURIComponent("SELECT type, 'forward' AS next FROM events")}`);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('region', { name: 'Rows of the result' }).waitFor();
    await all('forward', 'the rows of SQL');
  });

  test('dark, and on a phone', async (t) => {
    const dark = await on(t, '?range=30d', { colorScheme: 'dark' });
    await rows(dark).first().click();
    await sound(dark, 'dark');
    await dark.waitForTimeout(500);
    await shoot(dark, 'events-dark', false);
    const phone = await on(t, '?range=30d', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await rows(phone).first().click();
    const wide = await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok(wide <= 0, `${wide} px hang over`);
    await sound(phone, 'phone');
    await phone.waitForTimeout(500);
    await shoot(phone, 'events-phone', false);
  });
});
