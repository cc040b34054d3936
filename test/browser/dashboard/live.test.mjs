// The live view: numbers, the stream of events, what is said when the connection breaks, and what ends it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, newTenant, operator, until, weirURL } from '../harness.mjs';
import { line, open, realSite, refused, shoot, shows, signIn, sound, zone } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
});
after(() => browser.close());

const live = (of = site) => `/sites/${of.site}/live`;
const card = (page, title) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) });
const stream = (page) => card(page, 'Events').locator('ol li');
const figure = async (page, name) => Number((await page.locator('section[aria-label="Right now"] [title]').filter({ hasText: name }).first().getAttribute('title')).replaceAll(',', ''));
const status = (page) => page.locator('main [role=status]').first();
const is = (page, text) => until(async () => (await status(page).textContent()).includes(text), { toString: () => `the status “${text}”` });

const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'; // Node's own is that of a bot
let sent = 0;
async function sendTo(of, ...events) {
  const body = JSON.stringify(events.map(({ path, ...e }) => ({ type: 'pageview', client_id: `live-${++sent}`, url: `http://www.semicomplete.com${path}`, ...e })));
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${of.writeKey}`, 'User-Agent': agent }, body });
  assert.ok(res.ok, await res.text());
}
const send = (...events) => sendTo(site, ...events);

async function on(t, options, key = site.viewer, of = site) {
  const page = await open(t, browser, options);
  await signIn(page, key, live(of));
  await is(page, 'Live');
  return page;
}

describe('live', { concurrency: 3, timeout: 600000 }, () => {
  test('rows arrive once: they do not light up again after they were looked at, or paused', async (t) => {
    const own = await newTenant({ time_zone: zone }); // no other test's events push its own out
    const page = await on(t, { reducedMotion: 'no-preference' }, own.viewer, own);
    const path = '/live/once';
    await sendTo(own, ...Array.from({ length: 5 }, () => ({ path })));
    await stream(page).filter({ hasText: path }).first().waitFor();
    const arriving = () => page.evaluate(() => document.getAnimations().filter((a) => a.effect?.target?.matches?.('ol li')).length);
    await until(async () => (await arriving()) === 0, 'all to have arrived');
    await stream(page).first().hover();
    await page.waitForTimeout(100);
    await page.mouse.move(5, 5);
    await page.waitForTimeout(100);
    const rows = await stream(page).filter({ hasText: path }).evaluateAll((l) => l.map((e) => e.getAnimations().filter((a) => a.playState === 'running').length));
    assert.deepEqual(rows, [0, 0, 0, 0, 0], 'none of them is new');
    await card(page, 'Events').getByRole('button', { name: 'Pause' }).click();
    await card(page, 'Events').getByRole('button', { name: 'Go on' }).click();
    await page.mouse.move(5, 5);
    await page.waitForTimeout(100);
    assert.equal((await stream(page).filter({ hasText: path }).evaluateAll((l) => l.flatMap((e) => e.getAnimations().filter((a) => a.playState === 'running')))).length, 0, 'nor then');
  });

  test('numbers and lists follow what comes', async (t) => {
    const page = await on(t);
    const path = '/live/numbers';
    await send(...Array.from({ length: 25 }, () => ({ path, referrer: 'https://news.example/today' })));
    await send({ type: 'signup', path: '/live/signup', props: { plan: 'pro' } });
    const views = card(page, 'Pages').getByRole('button', { name: new RegExp(path) });
    await until(async () => (await views.getAttribute('title')) === `${path}: 25` && (await figure(page, 'Page views')) >= 25 && (await figure(page, 'Visitors now')) >= 26, 'the numbers');
    await card(page, 'Referrers').getByRole('button', { name: /news\.example/ }).waitFor();
    await stream(page).filter({ hasText: 'signup' }).first().waitFor();
    const tags = stream(page).locator('span[title="Page view"]');
    await tags.first().waitFor();
    assert.equal(await tags.evaluateAll((l) => l.filter((e) => e.textContent !== 'Page view' || e.scrollWidth > e.clientWidth).length), 0, 'the name is whole');
    assert.ok((await site.count('uniqExact(client_id)', `client_id LIKE 'live-%'`)) >= 26);
    assert.match(await page.getByRole('img', { name: /^Events by minute, the last 30 minutes/ }).getAttribute('aria-label'), /: \d+ in all/);
    await sound(page, 'live');
    await page.waitForTimeout(500); // the chart is drawn
    await shoot(page, 'live-light');
    await page.getByRole('switch', { name: 'With bots' }).press('Space');
    await until(() => page.url().includes('bots=include'), 'the choice in the address');
    await is(page, 'Live');
    await views.click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    assert.deepEqual([...new URL(page.url()).searchParams], [['range', 'today'], ['f', `path:${path}`]]);
    await page.goBack();
    await is(page, 'Live');
    assert.deepEqual(page.faults, []);
  });

  test('what has nothing to list is low, and tall as soon as it has', async (t) => {
    const quiet = await newTenant({ time_zone: zone });
    const page = await on(t, {}, quiet.viewer, quiet);
    const tall = async (title) => (await card(page, title).boundingBox()).height;
    const map = page.getByRole('img', { name: /^Map of visitors/ });
    await page.getByText('Nobody in the last five minutes.').waitFor();
    for (const title of ['Places', 'Pages', 'Referrers']) assert.ok((await tall(title)) < 130, `${title}: ${await tall(title)} px`);
    assert.equal(await map.count(), 0);
    const [says, around] = [await page.getByText('Nothing came in the last five minutes.').boundingBox(), await card(page, 'Events').boundingBox()];
    assert.ok(says.y + says.height < around.y + around.height, 'the sentence is within its card');
    await sound(page, 'empty');
    await shoot(page, 'live-empty', false);
    await page.getByText('No event in the last 30 minutes.').waitFor(); // and no axes
    assert.equal(await page.getByRole('img', { name: /^Events by minute/ }).count(), 0);
    assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0, 'there is nothing to pause');
    const { height } = await page.getByRole('region', { name: 'Right now' }).boundingBox();
    await sendTo(quiet, ...Array.from({ length: 12 }, () => ({ type: 'job_done', path: undefined, url: undefined, client_id: undefined })));
    await until(async () => (await stream(page).count()) === 12, 'events that are nobody\'s and of no page');
    await page.getByRole('img', { name: /^Events by minute/ }).waitFor();
    assert.ok(Math.abs((await page.getByRole('region', { name: 'Right now' }).boundingBox()).height - height) < 1, 'the chart takes the place of the words');
    const [last, beside] = [await stream(page).last().boundingBox(), await card(page, 'Events').boundingBox()];
    assert.ok(last.y + last.height < beside.y + beside.height, 'all of them are in sight');
    assert.ok((await tall('Pages')) < 130);
    await sendTo(quiet, { path: '/live/one' });
    await map.waitFor();
    await until(async () => (await tall('Pages')) >= 430 && (await tall('Places')) >= 378, 'cards with rows, as tall as full ones');
    assert.ok((await tall('Referrers')) < 130, 'nobody came from another site');
    await sendTo(quiet, ...Array.from({ length: 9 }, (_, i) => ({ path: `/live/${i}` })));
    const full = await tall('Pages');
    await until(async () => (await card(page, 'Pages').locator('li').count()) === 10, 'ten pages');
    assert.equal(await tall('Pages'), full, 'nothing moves');
    await sound(page, 'partly empty');
    await shoot(page, 'live-partly-empty', false);
    assert.deepEqual(page.faults, []);
  });

  test('pages are called by the paths that the server has taken, and lead to them', async (t) => {
    const odd = await newTenant({ time_zone: zone });
    const page = await on(t, {}, odd.viewer, odd);
    const urls = ['/relative?x=1', 'http://odd.example/ü', 'http://odd.example/sp ace', 'http://odd.example/a"b', 'http://odd.example/{x}?y#z', 'http://odd.example/%C3%9Cn%2F#/part', 'http://odd.example'];
    await sendTo(odd, ...urls.map((url) => ({ path: undefined, url })));
    const rows = card(page, 'Pages').locator('li button');
    let paths;
    await until(async () => (paths = await odd.sql("SELECT DISTINCT path FROM events")).length === urls.length && (await rows.count()) === urls.length, 'a page for each');
    const titles = await rows.evaluateAll((l) => l.map((b) => b.title));
    assert.deepEqual(titles.sort(), paths.map(({ path }) => `${path}: 1`).sort());
    assert.deepEqual((await rows.locator('.cut').allTextContents()).filter((s) => /n%2F/.test(s)), ['/Ün%2F#/part'], 'what is encoded is readable');
    await card(page, 'Pages').locator('button[title="/ü: 1"]').click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('f'), 'path:/ü');
    await card(page, 'Pages').getByRole('button', { name: '/ü' }).waitFor();
    await shows(page, 'Page views', 1);
    assert.deepEqual(page.faults, []);
  });

  test('the stream of events can be paused', async (t) => {
    const quiet = await newTenant({ time_zone: zone }); // where no other test sends so much that an event is not among the last ones
    const page = await on(t, {}, quiet.viewer, quiet);
    await sendTo(quiet, { path: '/live/before' });
    await stream(page).filter({ hasText: '/live/before' }).first().waitFor();
    const pause = card(page, 'Events').getByRole('button', { name: 'Pause' });
    await pause.focus();
    await page.keyboard.press('Enter');
    const still = await stream(page).allTextContents();
    await sendTo(quiet, { path: '/live/meanwhile' });
    await page.getByText(/^Paused; [1-9]\d* newer$/).waitFor();
    await card(page, 'Pages').getByRole('button', { name: /live\/meanwhile/ }).waitFor(); // the rest goes on
    assert.deepEqual(await stream(page).allTextContents(), still);
    await sound(page, 'paused');
    await card(page, 'Events').getByRole('button', { name: 'Go on' }).click();
    await stream(page).filter({ hasText: '/live/meanwhile' }).first().waitFor();
    await sound(page, 'going on');
  });

  test('a connection that is lost is said, with the time of what is shown, and opened again', async (t) => {
    const wire = await line(t);
    const quiet = await newTenant({ time_zone: zone });
    const page = await open(t, browser);
    await page.goto(wire.url + live(quiet));
    await page.getByRole('tab', { name: 'Key' }).click();
    refused(page, 'sign-in');
    await page.getByLabel(/^Key /).fill(quiet.viewer);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await is(page, 'Live');
    await sendTo(quiet, { path: '/live/before' });
    await page.getByRole('img', { name: /^Map of visitors/ }).waitFor(); // its script comes last: none of the page is still being loaded
    const push = (f) => (/net::ERR/.test(f) ? 0 : Array.prototype.push.call(page.faults, f)); // without the browser's own lines about what is meant
    Object.defineProperty(page.faults, 'push', { value: push });
    wire.cut();
    await is(page, 'Connection lost.');
    assert.match(await status(page).textContent(), /What you see is of \d\d:\d\d:\d\d\./);
    assert.equal(await page.getByText('Visitors now', { exact: true }).count(), 1, 'the last state stays');
    await page.getByText(/^Trying again/).waitFor();
    await sound(page, 'lost');
    await shoot(page, 'live-lost', false);
    wire.mend();
    await sendTo(quiet, { path: '/live/after' });
    await page.getByRole('button', { name: 'Try now' }).click({ timeout: 5000 }).catch(() => undefined); // it may have come back by itself
    await is(page, 'Live');
    await stream(page).filter({ hasText: '/live/after' }).first().waitFor();
    wire.cut();
    await is(page, 'Connection lost.');
    wire.mend();
    await is(page, 'Live'); // by itself
  });

  test('why there is nothing to show is said once', async (t) => {
    const page = await open(t, browser);
    const detail = 'the server is being stopped for the test';
    let fails = true;
    await page.route(/\/analytics\/[^/]+\/live/, (r) => (fails ? r.fulfill({ status: 503, contentType: 'application/problem+json', json: { title: 'Service Unavailable', status: 503, code: 'shutting_down', detail } }) : r.continue()));
    Object.defineProperty(page.faults, 'push', { value: (f) => (/ 503 /.test(f) ? 0 : Array.prototype.push.call(page.faults, f)) }); // the browser's own lines about what is meant
    await signIn(page, site.viewer, live());
    await page.getByText(/server is being stopped/i).first().waitFor();
    await page.getByText(/^Trying again/).waitFor();
    assert.equal(await page.getByText(/server is being stopped/i).count(), 1);
    assert.equal(await page.getByRole('button', { name: /^Try (now|again)$/ }).count(), 1);
    await sound(page, 'nothing to show');
    await shoot(page, 'live-nothing', false);
    fails = false;
    await page.getByRole('button', { name: /^Try (now|again)$/ }).click({ timeout: 5000 }).catch(() => undefined); // it may have come back by itself
    await is(page, 'Live');
    assert.deepEqual(page.faults, []);
  });

  test('a key that is revoked ends it', async (t) => {
    const made = await operator(`/api/v1/tenants/${site.id}/keys`, { role: 'viewer', name: 'short' });
    const page = await on(t, {}, made.key);
    await operator(`/api/v1/tenants/${site.id}/keys/${made.id}`, undefined, 'DELETE');
    await page.getByRole('tab', { name: 'Key' }).waitFor();
    refused(page, 'the key is revoked');
  });

  test('dark, and on a phone', async (t) => {
    const dark = await on(t, { colorScheme: 'dark' });
    await sound(dark, 'dark');
    await dark.waitForTimeout(500);
    await shoot(dark, 'live-dark');
    const phone = await on(t, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const wide = await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok(wide <= 0, `${wide} px hang over`);
    await sound(phone, 'phone');
    await phone.waitForTimeout(500);
    await shoot(phone, 'live-phone');
  });
});
