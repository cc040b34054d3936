// Paths: where people go from a page, with numbers known beforehand, and on a real access log.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, newTenant, until, weirURL } from '../harness.mjs';
import { fades, open, realSite, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
  // Twelve people: all at /plans; eight go on to /signup, five of those to /done.
  const ts = Date.now() - 600000;
  const events = [];
  const e = (i, path, n) => events.push({ event_id: `w${i}-${n}`, type: 'pageview', client_id: `walker-${i}`, ts: ts + n * 1000, url: `http://www.semicomplete.com${path}` });
  for (let i = 0; i < 12; i++) {
    e(i, '/plans', 0);
    if (i < 8) e(i, '/signup', 1);
    if (i < 5) e(i, '/done', 2);
  }
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}` }, body: JSON.stringify(events) });
  assert.equal(res.status, 200, await res.text());
  await until(async () => (await site.count('count()', `client_id LIKE 'walker-%'`)) === 25, 'the views');
});
after(() => browser.close());

const paths = (q = '') => `/sites/${site.site}/paths${q}`;

async function on(t, q, options = {}) {
  const page = await open(t, browser, options);
  await signIn(page, site.viewer, paths(q));
  await settled(page);
  return page;
}

const links = (page) => page.locator('table tbody tr').evaluateAll((l) => l.map((r) => [...r.cells].slice(1, 4).map((c) => c.textContent).join(' ')));
const shows = (page, want) => until(async () => (await links(page)).slice(0, want.length).join('\n') === want.join('\n') || Promise.reject(new Error((await links(page)).join('; '))), { toString: () => want.join('; ') });

describe('paths', { concurrency: 4, timeout: 600000 }, () => {
  test('the first page is one that was opened, not one with other events only', async (t) => {
    const other = await newTenant();
    const at = (i, type, path) => ({ event_id: `o${i}`, type, client_id: 'one', ts: Date.now() - 60_000 + i, url: `http://other.example${path}` });
    const events = [...Array.from({ length: 9 }, (_, i) => at(i, 'ping', '/p')), at(20, 'pageview', '/home'), at(21, 'pageview', '/next')];
    const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${other.writeKey}` }, body: JSON.stringify(events) });
    assert.equal(res.status, 200, await res.text());
    await until(async () => (await other.sql('SELECT 1 FROM events')).length === events.length, 'the events');
    const page = await open(t, browser);
    await signIn(page, other.viewer, `/sites/${other.site}/paths`);
    await settled(page);
    await page.getByRole('heading', { name: 'After /home' }).waitFor();
    await shows(page, ['/home /next 1', '/next Left 1']);
  });

  test('the first page stays when another has more views meanwhile', async (t) => {
    const page = await open(t, browser);
    let asked = 0;
    await page.route(/\/report$/, async (r) => {
      const data = [{ path: '/plans', pageviews: 9 }, { path: '/signup', pageviews: 8 }];
      const answer = await r.fetch();
      await r.fulfill({ response: answer, json: { ...(await answer.json()), data: asked++ === 0 ? data : data.toReversed() } });
    });
    await signIn(page, site.viewer, paths());
    await page.getByRole('heading', { name: 'After /plans' }).waitFor();
    await until(() => asked > 1, 'the question that is asked again');
    await settled(page);
    assert.equal(await page.getByRole('heading', { name: 'After /plans' }).count(), 1);
    await page.getByRole('button', { name: /^Range of dates/ }).click();
    await page.getByText('Last 30 days', { exact: true }).click();
    await page.getByRole('heading', { name: 'After /signup' }).waitFor(); // another range has a first page of its own
    assert.deepEqual(page.faults, []);
  });

  test('an event as the anchor has its name', async (t) => {
    const other = await newTenant();
    const at = (i, type, path) => ({ event_id: `a${i}`, type, client_id: 'one', ts: Date.now() - 60_000 + i, url: `http://other.example${path}` });
    const events = [at(0, 'pageview', '/home'), at(10, 'outbound', '/home'), at(20, 'pageview', '/next')];
    const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${other.writeKey}` }, body: JSON.stringify(events) });
    assert.equal(res.status, 200, await res.text());
    await until(async () => (await other.sql('SELECT 1 FROM events')).length === events.length, 'the events');
    const page = await open(t, browser);
    await signIn(page, other.viewer, `/sites/${other.site}/paths`);
    await settled(page);
    for (const typed of ['outbou', 'Outbound link']) {
      await page.getByRole('button', { name: /^Page or event: / }).click();
      await page.getByRole('combobox', { name: 'Page or event: search' }).fill(typed);
      await page.getByRole('option', { name: /^Outbound link/ }).waitFor();
      if (typed === 'outbou') await page.keyboard.press('Escape');
    }
    assert.equal(await page.getByRole('option').count(), 1, 'it is not offered again as typed');
    await page.getByRole('option', { name: /^Outbound link/ }).click();
    await page.getByRole('heading', { name: 'After Outbound link' }).waitFor();
    await shows(page, ['Outbound link /next 1', '/next Left 1']);
    assert.match(page.url(), /type=outbound/);
    assert.deepEqual(page.faults, []);
  });

  test('where people go and come from; a click on a page makes it the anchor', async (t) => {
    const page = await on(t, '?path=%2Fplans');
    await shows(page, ['/plans /signup 8', '/plans Left 4', '/signup /done 5', '/signup Left 3', '/done Left 5']);
    await page.getByRole('img', { name: /^Ways of 12 people from \/plans/ }).waitFor();
    await sound(page, 'next pages');
    await page.getByRole('button', { name: '/done', exact: true }).first().click();
    await page.getByRole('heading', { name: 'After /done' }).waitFor();
    await shows(page, ['/done Left 5']);
    await page.getByText('From', { exact: true }).first().click();
    await page.getByRole('heading', { name: 'Before /done' }).waitFor();
    await shows(page, ['/signup /done 5', '/plans /signup 5', 'Came in /plans 5']);
    assert.match(page.url(), /path=%2Fdone&direction=previous/);
    await sound(page, 'previous pages');
    await page.goBack();
    await page.getByRole('heading', { name: 'After /done' }).waitFor();
    await page.getByRole('button', { name: /^Page or event: / }).click();
    await page.getByRole('combobox', { name: 'Page or event: search' }).fill('/signup');
    await page.getByRole('option', { name: /^\/signup/ }).click();
    await shows(page, ['/signup /done 5', '/signup Left 3']);
    await page.locator('input[aria-label="Steps"]').click();
    await page.getByRole('option', { name: '1', exact: true }).click();
    await until(async () => (await links(page)).length === 2, 'one step');
    assert.deepEqual(page.faults, []);
  });

  test('on the real log it begins with the top page; a click into the picture leads on', async (t) => {
    const page = await on(t);
    const heading = page.getByRole('heading', { name: /^After \// });
    await heading.waitFor();
    const anchor = (await heading.textContent()).replace('After ', '');
    const people = await site.count('uniqExact(client_id)', `type = 'pageview' AND path = '${anchor.replaceAll("'", "\\'")}'`);
    const picture = page.getByRole('img', { name: /^Ways of/ });
    await until(async () => (await picture.getAttribute('aria-label')).startsWith(`Ways of ${people.toLocaleString('en-US')} people`), `${people} people`);
    await picture.locator('canvas').waitFor();
    await page.waitForTimeout(600); // it is drawn
    await shoot(page, 'paths-light');
    // The pages of the first step are in the middle of the picture: one of them is met, at the latest when the picture is drawn.
    const there = async () => (await heading.textContent()) === `After ${anchor}`;
    const box = await picture.boundingBox();
    await until(async () => {
      for (const x of [4, 3, 2]) for (let y = 12; y < box.height && (await there()); y += 16) await picture.click({ position: { x: Math.round(4 + (box.width - 194 - 12) / x + 6), y } });
      return !(await there());
    }, 'a click that leads on');
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('nothing, problems, dark, phone', async (t) => {
    const page = await on(t, '', { colorScheme: 'dark' });
    await page.waitForTimeout(600);
    await sound(page, 'dark');
    await shoot(page, 'paths-dark');
    await page.goto(weirURL + paths('?path=%2Fnever'));
    await page.getByText('Nobody was there in this time.').waitFor();
    await sound(page, 'nothing');
    await page.goto(weirURL + paths('?f=nothing:x&path=%2F'));
    await page.getByText('This question cannot be answered').waitFor();
    const phone = await on(t, '', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const wide = await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok(wide <= 0, `${wide} px hang over`);
    await fades(phone, 'Ways');
    const people = await phone.locator('tbody tr td:nth-child(4)').evaluateAll((l) => l.map((td) => td.getBoundingClientRect()).map((box) => [box.left, box.right]));
    assert.ok(people.length > 5 && people.every(([left, right]) => left > 0 && right <= 390), `the people of each way are in sight: ${people[0]}`);
    await phone.waitForTimeout(600);
    await sound(phone, 'phone');
    await shoot(phone, 'paths-phone');
  });
});
