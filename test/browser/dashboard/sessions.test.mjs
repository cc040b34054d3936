// Sessions, one with its events, and a visitor with linked ids, on a real access log; numbers are those of SQL.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, until, weirURL } from '../harness.mjs';
import { open, realSite, settled, shoot, signIn, sound, zone } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
  const now = Date.now() - 5000;
  const on = (path) => `http://www.semicomplete.com${path}`;
  const events = [
    { event_id: 's1', type: 'pageview', client_id: 'anon/1 ü', ts: now - 90000, url: on('/start?x=1'), referrer: 'https://news.example/today' },
    { event_id: 's2', type: 'click', client_id: 'anon/1 ü', ts: now - 60000, url: on('/start'), props: { text: 'Sign up', position: 3 } },
    { event_id: 's3', type: 'identify', client_id: 'anon/1 ü', user_id: 'ada@example.com', ts: now - 30000, url: on('/start'), props: { plan: 'pro', seats: 5 } },
    { event_id: 's4', type: 'pageview', client_id: 'anon/1 ü', user_id: 'ada@example.com', ts: now, url: on('/welcome') },
    { event_id: 's5', type: 'pageview', client_id: 'anon-2', ts: now - 86400000, url: on('/') },
    { event_id: 's6', type: 'identify', client_id: 'anon-2', user_id: 'ada@example.com', ts: now - 86390000, url: on('/') },
    // Who is joined and parted by a test of her own.
    { event_id: 's7', type: 'pageview', client_id: 'anon-3', ts: now - 3 * 86400000, url: on('/') },
    { event_id: 's8', type: 'identify', client_id: 'anon-3', user_id: 'bea', ts: now - 3 * 86400000 + 1000, url: on('/') },
    { event_id: 's9', type: 'identify', client_id: 'anon-4', user_id: 'bea', ts: now - 3 * 86400000 + 2000, url: on('/') },
    { event_id: 's10', type: 'identify', client_id: 'anon-4', user_id: 'cyd', ts: now - 3 * 86400000 + 3000, url: on('/') },
    // A long way.
    { event_id: 's11', type: 'pageview', client_id: 'anon-5', ts: now - 50000, url: on('/shop/seeds') },
    { event_id: 's12', type: 'pageview', client_id: 'anon-5', ts: now - 40000, url: on(`/${'many-words/'.repeat(27)}`) },
    // A short one that took its time.
    ...['/ill', '/', '/lil'].map((path, i) => ({ event_id: `s${13 + i}`, type: 'pageview', client_id: 'anon-6', ts: now - 1000 - (2 - i) * 1450000, url: on(path) })),
  ];
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}` }, body: JSON.stringify(events) });
  assert.equal(res.status, 200, await res.text());
  await until(async () => (await site.count('count()', `(user_id != '' OR client_id LIKE 'anon%')`)) === 15, 'the events');
});
after(() => browser.close());

const sessions = (rest = '') => `/sites/${site.site}/sessions${rest}`;
const hers = (page) => rows(page).filter({ hasText: 'ada@example.com' }).first();
const rows = (page) => page.locator('table tr', { has: page.getByRole('link', { name: /^Session of/ }) });

async function on(t, address = sessions(), options = {}, key = site.viewer) {
  const page = await open(t, browser, options);
  await signIn(page, key, address);
  await settled(page);
  return page;
}

describe('sessions', { concurrency: 4, timeout: 600000 }, () => {
  test('the list is that of SQL, page by page', async (t) => {
    const page = await on(t, sessions('?range=30d'));
    assert.equal(await rows(page).count(), 50);
    await hers(page).getByText('Live').waitFor();
    await page.getByText('Today', { exact: true }).waitFor();
    await sound(page, 'the list');
    await shoot(page, 'sessions-light', false);
    const all = Number((await site.sql('SELECT count() AS n FROM sessions WHERE NOT is_bot'))[0].n);
    for (let n = 100; n <= 200; n += 50) {
      await page.getByRole('button', { name: 'More sessions' }).click();
      await until(async () => (await rows(page).count()) === Math.min(n, all), `${n} sessions`);
    }
    const [longest] = await site.sql(`SELECT toString(max(pageviews)) AS n FROM (SELECT pageviews FROM sessions WHERE NOT is_bot ORDER BY start_time DESC LIMIT 200)`);
    const views = await rows(page).evaluateAll((l) => l.map((r) => Number(r.querySelector('[data-label^=view]').textContent.replace(',', ''))));
    assert.equal(Math.max(...views), Number(longest.n));
    const ways = await page.evaluate(() =>
      [...document.querySelectorAll('main td span[aria-hidden]')].filter((s) => s.textContent === '→').map((arrow) => {
        const text = document.createRange();
        text.selectNodeContents(arrow.previousElementSibling);
        return [arrow.previousElementSibling.textContent, arrow.getBoundingClientRect().left - text.getBoundingClientRect().right];
      }),
    );
    const badges = await page.evaluate(() =>
      [...document.querySelectorAll('main td span[aria-hidden]')].filter((s) => s.textContent !== '→').map((badge) => {
        const text = document.createRange();
        text.selectNodeContents(badge.nextSibling);
        const middle = (box) => box.top + box.height / 2;
        return middle(badge.getBoundingClientRect()) - middle(text.getBoundingClientRect());
      }),
    );
    assert.ok(badges.length > 0 && badges.every((off) => Math.abs(off) < 2.5), `a country's letters stand in the line of its name: ${badges[0]}`);
    const places = await page.evaluate(() =>
      [...document.querySelectorAll('main td > span[title]:has(> span[aria-hidden])')].map((place) => {
        const text = document.createRange();
        text.selectNodeContents(place.lastChild);
        return [place.title === 'Unknown', text.getBoundingClientRect().top - place.closest('tr').getBoundingClientRect().top];
      }),
    );
    assert.ok(places.some(([unknown]) => unknown) && places.some(([unknown]) => !unknown), 'places that are known, and others');
    assert.ok(places.every(([, top]) => Math.abs(top - places[0][1]) < 0.6), `the names of places are at one height: ${[...new Set(places.map(([, top]) => top))]}`);
    await page.setViewportSize({ width: 1280, height: 800 });
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll('main td span.cut[title]')].filter((s) => ['www.semicomplete.com', 'stackoverflow.com', 'United States', 'United Kingdom'].includes(s.title)).map((s) => [s.title, s.scrollWidth - s.clientWidth]),
    );
    assert.ok(cut.some(([title]) => title.startsWith('www.')));
    assert.deepEqual(cut.filter(([, over]) => over > 0), [], 'usual sources and places are whole where the window is not narrow');
    assert.ok(ways.some(([path]) => path === '/'), 'a way from the front page');
    assert.deepEqual(ways.filter(([path, gap]) => path.length <= 3 && gap > 8), [], 'the arrow is right behind a short path');
    assert.deepEqual(page.faults, []);
  });

  test('a filter keeps sessions; none is said', async (t) => {
    const page = await on(t, sessions('?range=30d&f=type:click'));
    await until(async () => (await rows(page).count()) === 1, 'the session with a click');
    await page.goto(weirURL + sessions('?f=type:never'));
    await page.getByText('No session began in this time that these filters let through.').waitFor();
    await sound(page, 'nothing');
    await page.goto(weirURL + sessions('?f=nothing:x'));
    await page.getByText('This question cannot be answered').waitFor();
    page.faults.splice(0);
  });

  test('a click on a session leads to its events, and from there to the visitor', async (t) => {
    const page = await on(t, sessions('?range=30d'));
    await hers(page).getByRole('link', { name: /^Session of/ }).click();
    await page.getByRole('heading', { name: 'What happened' }).waitFor();
    await settled(page);
    await page.getByRole('heading', { name: /^Session of \d+ \w+ \d{4}, \d\d:\d\d$/, level: 1 }).waitFor();
    assert.match(await page.title(), /^Session of \d+ \w+ \d{4}, \d\d:\d\d · .+ · weir$/);
    const texts = await page.locator('ol > li').allTextContents();
    assert.equal(texts.length, 5, texts.join('\n')); // and that it may go on
    assert.match(texts[0], /\/start.*from https:\/\/news\.example/);
    assert.match(texts[1], /\+30s.*Click.*on \/start.*position3.*textSign up/);
    assert.match(texts[2], /Identified.*as ada@example\.com.*planpro/);
    assert.match(texts[3], /\/welcome/);
    assert.match(texts[4], /It may go on/);
    await page.getByText('1m 30s', { exact: true }).waitFor();
    await page.getByText('news.example', { exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: /^Range of dates/ }).count(), 0, 'a range changes nothing here');
    await sound(page, 'a session');
    await shoot(page, 'session');
    await page.getByRole('link', { name: 'ada@example.com' }).click();
    await page.getByRole('heading', { name: 'anon/1 ü', level: 2 }).waitFor();
    await settled(page);
    assert.deepEqual(await page.locator('h1').allTextContents(), ['Visitor anon/1 ü']);
    assert.match(await page.title(), /^Visitor anon\/1 ü · /);
    const [traits, ids] = await Promise.all(['Traits', 'Ids of this person'].map(async (name) => (await page.locator('section', { has: page.getByRole('heading', { name, exact: true }) }).last().boundingBox()).height));
    assert.ok(Math.abs(traits - ids) > 8, `each is as tall as what it has: ${traits} and ${ids}`);
    await page.getByText('seats').waitFor();
    await page.getByText(/^(just now|\d+ (s|min) ago)$/).first().waitFor(); // last seen
    await sound(page, 'a visitor');
    await shoot(page, 'visitor');
    assert.equal(await page.getByRole('button', { name: /^Undo/ }).count(), 0, 'a viewer undoes nothing');
    await page.getByRole('link', { name: 'anon-2' }).click();
    await page.getByRole('heading', { name: 'anon-2', level: 2 }).waitFor();
    await settled(page);
    assert.equal(await rows(page).count(), 1);
    await page.getByRole('link', { name: 'ada@example.com' }).click();
    await page.getByText('was only seen together with the id of a browser').waitFor();
    page.faults.splice(0); // the answer 404
    await page.goto(weirURL + sessions('/visitors/anon-3?range=30d'));
    await page.getByRole('heading', { name: 'anon-3', level: 2 }).waitFor();
    await settled(page);
    const [first, last] = await page.locator('dd').evaluateAll((l) => l.slice(0, 2).map((d) => d.textContent));
    assert.equal(last, first, 'both days are written alike');
    await page.getByRole('link', { name: '← All sessions' }).click();
    await until(async () => (await rows(page).count()) === 50, 'the list');
    assert.match(page.url(), /range=30d/);
    await page.goto(weirURL + sessions('/0000019000000000000000000000000f'));
    await page.getByText('Not found').waitFor();
    page.faults.splice(0);
  });

  test('an analyst undoes a merge and restores it', async (t) => {
    const page = await on(t, sessions(`/visitors/${encodeURIComponent('anon-3')}`), {}, site.analyst);
    const ids = () => page.locator('ul').first().locator('li').allTextContents();
    await until(async () => (await ids()).length === 3, 'three ids');
    const merge = (pair) => page.locator('li', { hasText: pair }).last();
    assert.match(await merge('anon-4 → cyd').textContent(), /, not in effect: an earlier one holds/);
    assert.doesNotMatch(await merge('anon-4 → bea').textContent(), /not in effect/);
    const undo = page.getByRole('button', { name: 'Undo the merge of anon-3 and bea' });
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok((await undo.boundingBox()).height >= 28, 'on a phone it can be hit');
    await page.setViewportSize({ width: 1360, height: 900 });
    await undo.click();
    await page.getByRole('button', { name: 'Restore the merge of anon-3 and bea' }).waitFor();
    await until(async () => (await ids()).join() === 'anon-3', 'the one id');
    await sound(page, 'an undone merge');
    await shoot(page, 'visitor-undone');
    await page.getByRole('button', { name: 'Restore the merge of anon-3 and bea' }).click();
    await until(async () => (await ids()).length === 3, 'three ids again');
    assert.deepEqual(page.faults, []);
  });

  test('every cell has its room, and an arrow stands beside what it leads from', async (t) => {
    const page = await on(t, sessions('?range=30d'));
    const short = rows(page).filter({ hasText: '/ill' }).first();
    await short.getByText('48m 20s').waitFor();
    const gap = () => short.evaluate((row) => {
      const arrow = [...row.querySelectorAll('[aria-hidden]')].find((e) => e.textContent === '→');
      const text = document.createRange();
      text.selectNodeContents(arrow.previousElementSibling);
      return arrow.getBoundingClientRect().left - text.getBoundingClientRect().right;
    });
    const cut = () => page.locator('thead th, td.num, td').evaluateAll((l) => l.filter((e) => e.getClientRects().length > 0 && e.scrollWidth > e.clientWidth).map((e) => e.textContent));
    for (const width of [1600, 1360, 1181, 1180, 1001, 1000, 700, 390]) {
      await page.setViewportSize({ width, height: 900 });
      assert.ok(Math.abs((await gap()) - 6) < 1, `${await gap()} px before the arrow at ${width}`);
      assert.deepEqual(await cut(), [], `cells that are too small at ${width}`);
    }
  });

  test('times are those of the site; from the keyboard; dark; phone', async (t) => {
    const page = await on(t, sessions('?range=30d'), { colorScheme: 'dark' });
    await sound(page, 'dark');
    await shoot(page, 'sessions-dark', false);
    const [{ at }] = await site.sql(`SELECT formatDateTime(max(start_time), '%H:%i', '${zone}') AS at FROM sessions WHERE NOT is_bot`);
    const link = rows(page).first().getByRole('link', { name: /^Session of/ });
    assert.equal(await link.textContent(), at);
    await link.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'What happened' }).waitFor();
    await settled(page);
    await sound(page, 'a session in the dark');
    await shoot(page, 'session-dark');
    const small = await on(t, sessions('?range=30d'), { viewport: { width: 1280, height: 860 } });
    const cut = await small.locator('tbody td:nth-last-child(4) .cut').evaluateAll((l) => l.filter((s) => s.textContent.length <= 17 && s.scrollWidth > s.clientWidth).map((s) => s.textContent));
    assert.deepEqual(cut, [], 'devices are told apart');
    const way = await rows(small).filter({ hasText: '/shop/seeds' }).first().locator('span.cut').filter({ hasText: '/shop/seeds' }).boundingBox();
    assert.ok(way.width > 44, `the first page of a long way is ${way.width} px wide`);
    const phone = await on(t, sessions('?range=30d'), { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const wide = () => phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok((await wide()) <= 0, `${await wide()} px hang over`);
    await sound(phone, 'phone');
    await shoot(phone, 'sessions-phone', false);
    await hers(phone).getByRole('link', { name: /^Session of/ }).click();
    await phone.getByRole('heading', { name: 'What happened' }).waitFor();
    await settled(phone);
    assert.ok((await wide()) <= 0, `${await wide()} px hang over`);
    await sound(phone, 'a session on a phone');
    await shoot(phone, 'session-phone');
    const place = phone.locator('dt', { hasText: /^Place$/ }).locator('xpath=following-sibling::dd');
    const starts = await place.evaluate((d) => {
      const text = document.createRange();
      text.selectNodeContents(d);
      return text.getBoundingClientRect().left - d.getBoundingClientRect().left;
    });
    assert.equal(await place.textContent(), ' Unknown');
    assert.ok(starts < 2, `a place that is not known stands ${starts} px from the left`);
    await phone.getByRole('link', { name: 'ada@example.com' }).click();
    await phone.getByRole('heading', { name: 'anon/1 ü', level: 2 }).waitFor();
    await settled(phone);
    const ends = await rows(phone).evaluateAll((l) => l.map((r) => r.getBoundingClientRect().right - r.lastElementChild.getBoundingClientRect().right));
    assert.ok(ends.length > 0 && ends.every((gap) => Math.abs(gap - 16) < 2), `times end at the right: ${ends}`);
    await shoot(phone, 'visitor-phone');
  });
});
