// The overview on a real access log, driven by clicks; its numbers are those of SQL.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, newTenant, operator, until, weirURL } from '../harness.mjs';
import { focused, open, realSite, refused, settled, shoot, shows, signIn, sound, tile, zone } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
});
after(() => browser.close());

const overview = () => `/sites/${site.site}/overview`;
const list = (page, title) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) });
const rows = (page, title) => list(page, title).locator('li button');
const alerts = (page) => page.getByRole('alert').allTextContents();

/** Signed in, on the overview with this query. */
async function on(t, query = '', options) {
  const page = await open(t, browser, options);
  await signIn(page, site.viewer, overview() + query);
  await settled(page);
  return page;
}

describe('overview', { concurrency: 4, timeout: 600000 }, () => {
  test('a key opens the page that was wanted; a wrong one does not', async (t) => {
    const page = await open(t, browser);
    await page.route('**/api/v1/sign-in', async (r) => r.fulfill({ json: { ...(await (await r.fetch()).json()), accounts: true } })); // of other suites, or none
    await page.goto(`${weirURL}${overview()}?range=30d`);
    await page.getByRole('tab', { name: 'Password', selected: true }).waitFor(); // there are accounts
    await settled(page);
    refused(page, 'nobody is signed in');
    await sound(page, 'sign-in');
    await shoot(page, 'sign-in');
    await page.getByRole('tab', { name: 'Password' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByLabel(/^Key /).fill('weir_wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    assert.equal(await page.getByRole('heading', { name: 'Overview' }).count(), 0);
    refused(page, 'the wrong key');
    await page.getByLabel(/^Key /).fill(site.viewer);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await settled(page);
    assert.equal(new URL(page.url()).search, '?range=30d');
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('tab', { name: 'Key' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.equal(await page.getByRole('tab', { name: 'Key' }).getAttribute('aria-selected'), 'true', 'what worked last is offered first');
    await page.getByText('It is kept in this tab only').waitFor();
    assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes(site.viewer), 'the key itself is nowhere');
  });

  test('sign-in opens with the key where nobody has an account, and else with the password', async (t) => {
    for (const [said, way] of [[{ accounts: false }, 'Key'], [{ accounts: true }, 'Password'], [{ accounts: false, providers: ['Okta'] }, 'Password']]) {
      const page = await open(t, browser);
      await page.route('**/api/v1/sign-in', async (r) => {
        const real = await (await r.fetch()).json();
        assert.equal(typeof real.accounts, 'boolean');
        assert.equal(real.password, true);
        await r.fulfill({ json: { ...real, ...said } });
      });
      await page.goto(weirURL + overview());
      await page.getByRole('tab', { name: way, selected: true }).waitFor();
      assert.equal(await page.getByLabel(/^Key /).count(), way === 'Key' ? 1 : 0);
      await settled(page);
      refused(page, 'nobody is signed in');
      await sound(page, `sign-in by ${way}`);
    }
  });

  test('numbers are those of SQL, without bots', async (t) => {
    const page = await on(t);
    await shows(page, 'Page views', await site.count('count()', `type = 'pageview'`));
    await shows(page, 'Visitors', await site.count('uniqExact(client_id)', `client_id != ''`));
    assert.ok((await site.sql('SELECT toUInt32(countIf(is_bot)) AS n FROM events'))[0].n > 0, 'the log has bots');
    const [top] = await site.sql(`SELECT path, toUInt32(count()) AS n FROM events WHERE NOT is_bot AND type = 'pageview' GROUP BY path ORDER BY n DESC, path LIMIT 1`);
    assert.equal(await rows(page, 'Pages').first().getAttribute('title'), `${top.path}: ${top.n.toLocaleString('en-US')}`);
    assert.deepEqual(await alerts(page), []);
    await sound(page, 'overview');
    await shoot(page, 'overview-light');
  });

  test('every tab of every list has an answer, and a click on its first row filters everything', async (t) => {
    const page = await on(t);
    for (const title of ['Pages', 'Sources', 'Places', 'Devices']) {
      const names = await list(page, title).getByRole('tab').allTextContents();
      for (const name of names) {
        await list(page, title).getByRole('tab', { name, exact: true }).click();
        await settled(page);
        if ((await rows(page, title).count()) === 0) continue; // the map; regions and cities without a file of them
        const row = rows(page, title).first();
        const label = (await row.getAttribute('title')).replace(/: [^:]*$/, '');
        await row.click();
        await page.locator('[aria-label^="Remove the filter"]').waitFor();
        await settled(page);
        assert.deepEqual(await alerts(page), [], `${title}, ${name}: ${label}`);
        assert.ok((await tile(page, 'Visitors')) > 0, `${title}, ${name}: ${label}`);
        assert.equal(await rows(page, title).first().getAttribute('aria-pressed'), 'true');
        await page.locator('[aria-label^="Remove the filter"]').click();
        await settled(page);
      }
    }
    assert.deepEqual(page.faults, []);
  });

  test('the site itself is no referrer of its own, until a filter asks for it', async (t) => {
    const own = 'www.semicomplete.com';
    const [{ n }] = await site.sql(`SELECT toUInt32(countIf(referrer_host = '${own}')) AS n FROM sessions WHERE NOT is_bot`);
    assert.ok(n > 0, 'the log has sessions that went on after a pause');
    const page = await on(t, '?range=90d');
    const titles = () => rows(page, 'Sources').evaluateAll((all) => all.map((b) => b.title.replace(/: [^:]*$/, '')));
    const some = await titles();
    assert.equal(some.length, 9, 'what is left out leaves no gap');
    assert.ok(!some.some((s) => s.includes('semicomplete.com')), String(some));
    await page.getByRole('button', { name: 'All by referrer…' }).click();
    await page.getByLabel('Search the list').fill('semicomplete');
    assert.equal(await page.getByRole('dialog').locator('li button', { hasText: 'semicomplete.com' }).count(), 0);
    await page.goto(`${weirURL}${overview()}?range=90d&f=referrer_host:${own}`);
    await settled(page);
    assert.deepEqual(await titles(), [own]);
    assert.deepEqual(page.faults, []);
  });

  test('what turns the direction of writing is shown as such, and filters as it is', async (t) => {
    const other = await newTenant();
    const turned = 'abc\u202egnp.exe';
    const res = await fetch(`${weirURL}/ingest`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${other.writeKey}` },
      body: JSON.stringify(['pageview', turned].map((type, i) => ({ type, client_id: turned, ts: Date.now() - 60000 + i, url: `http://www.example.com/?utm_campaign=${encodeURIComponent(turned)}`, props: { file: turned } }))),
    });
    assert.equal(res.status, 200, await res.text());
    await until(async () => Number((await other.sql('SELECT count() AS n FROM events'))[0].n) === 2, 'the events');
    const page = await open(t, browser);
    await signIn(page, other.viewer, `/sites/${other.site}/overview?sources=campaign`);
    await settled(page);
    const row = rows(page, 'Sources').first();
    assert.equal(await row.getAttribute('title'), 'abc\\u202egnp.exe: 1');
    await row.click();
    await settled(page);
    assert.deepEqual(new URL(page.url()).searchParams.getAll('f'), [`utm_campaign:${turned}`]);
    await shows(page, 'Page views', 1);
    const seen = () => page.locator('main').evaluate((m) => [...m.querySelectorAll('*')].flatMap((e) => [...[...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data), e.title ?? '']).filter((s) => s.includes('\u202e')));
    for (const path of ['overview', 'events', 'sessions', 'live']) {
      await page.goto(`${weirURL}/sites/${other.site}/${path}`);
      if (path !== 'overview') await page.getByText('abc\\u202egnp.exe').first().waitFor();
      else await settled(page);
      assert.deepEqual(await seen(), [], path);
    }
    await page.goto(`${weirURL}/sites/${other.site}/events`);
    await page.locator('main li button[aria-expanded]').first().click();
    await page.getByRole('button', { name: 'Copy as JSON' }).waitFor();
    assert.deepEqual(await seen(), [], 'all of an event');
  });

  test('filters: by a click, by the form, back', async (t) => {
    const page = await on(t);
    const all = await tile(page, 'Page views');
    const row = rows(page, 'Pages').nth(1);
    const address = (await row.getAttribute('title')).replace(/: [^:]*$/, '');
    await row.click();
    const quoted = `'${address.replaceAll("'", "\\'")}'`;
    await shows(page, 'Page views', await site.count('count()', `type = 'pageview' AND path = ${quoted}`));
    assert.deepEqual(new URL(page.url()).searchParams.getAll('f'), [`path:${address}`]);
    await until(async () => (await tile(page, 'Sessions')) > 0, 'the visits that have the page');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.locator('input[aria-label="Column"]').click();
    await page.getByRole('option', { name: 'Browser', exact: true }).click();
    await page.locator('input[aria-label="Values"]').click();
    await page.locator('[role=option]:visible').first().waitFor();
    await settled(page);
    await shoot(page, 'filter', false);
    await sound(page, 'the form of a filter');
    const browserName = await page.locator('[role=option]:visible').first().textContent();
    await page.locator('[role=option]:visible').first().click();
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await settled(page);
    await shows(page, 'Page views', await site.count('count()', `type = 'pageview' AND path = ${quoted} AND browser = '${browserName}'`));
    await sound(page, 'two filters');
    await page.reload();
    await settled(page);
    await page.getByText('need not fit each other').waitFor(); // a browser is of visits, too, a page is of events
    assert.equal(await page.locator('[aria-label^="Remove the filter"]').count(), 2);
    await page.getByRole('button', { name: 'Clear' }).click();
    await shows(page, 'Page views', all);
    await page.goBack();
    await until(async () => (await page.locator('[aria-label^="Remove the filter"]').count()) === 2, 'the filters are back');
  });

  test('ranges of dates are days of the site, wherever the browser is', async (t) => {
    const page = await on(t);
    await page.getByRole('button', { name: /^Range of dates/ }).click();
    await page.getByRole('button', { name: 'Yesterday', exact: true }).waitFor();
    await page.locator('table').waitFor();
    await shoot(page, 'dates', false);
    await sound(page, 'the calendar');
    await page.getByRole('button', { name: 'Yesterday', exact: true }).click();
    const day = (n) => `toDate(ts, '${zone}') = toDate(now(), '${zone}') - ${n}`;
    await shows(page, 'Page views', await site.count('count()', `type = 'pageview' AND ${day(1)}`));
    await page.getByRole('heading', { name: 'Visitors by hour' }).waitFor();
    // Compare: the day before it.
    await page.getByRole('button', { name: 'Compare' }).click();
    const before = await site.count('count()', `type = 'pageview' AND ${day(2)}`);
    await page.getByTitle(`${before.toLocaleString('en-US')} before`, { exact: true }).waitFor();
    await settled(page);
    await page.waitForTimeout(500); // the chart is drawn
    await shoot(page, 'compare');
    await sound(page, 'compare');
    // Two days of the calendar.
    const [{ from, to }] = await site.sql(`SELECT toString(toDate(now(), '${zone}') - 2) AS from, toString(toDate(now(), '${zone}') - 1) AS to`);
    await page.goto(`${weirURL}${overview()}?range=${from}~${to}`);
    await settled(page);
    await shows(page, 'Page views', await site.count('count()', `type = 'pageview' AND (${day(1)} OR ${day(2)})`));
    await page.goto(`${weirURL}${overview()}?range=2020-01-01~2020-01-31`);
    await settled(page);
    await page.getByText('Nothing happened in this time.').waitFor();
    await page.getByText('1 Jan 2020 – 31 Jan 2020').waitFor();
    await sound(page, 'nothing');
    await shoot(page, 'nothing');
  });

  test('today is compared with yesterday up to this time of the day', async (t) => {
    const upTo = (more) => site.count('count()', `type = 'pageview' AND toDate(ts, '${zone}') = toDate(now(), '${zone}') - 1 AND ts <= now() - INTERVAL 1 DAY + INTERVAL ${more} SECOND`);
    const least = await upTo(0);
    const page = await on(t, '?range=today&compare=1');
    const changes = page.locator('section[aria-label="Headline numbers"] button', { hasText: 'Page views' }).first().locator('[title$=" before"]');
    const got = Number((await changes.getAttribute('title')).replace(' before', '').replaceAll(',', ''));
    const most = await upTo(70);
    assert.ok(got >= least && got <= most, `${got} page views before, between ${least} and ${most} in SQL`);
  });

  test('each headline number is a series; a mean of nothing but zeros is shown', async (t) => {
    const page = await on(t, '?range=30d');
    for (const name of ['Sessions', 'Page views', 'Views per session', 'Bounce rate', 'Session duration', 'Visitors']) {
      await page.locator('section[aria-label="Headline numbers"] button', { hasText: name }).first().click();
      await page.getByRole('heading', { name: `${name} by day` }).waitFor();
      await settled(page);
      await page.getByRole('img', { name: new RegExp(`^${name} by day: \\d+ values`) }).waitFor();
    }
    await page.getByText('Week', { exact: true }).click();
    await page.getByRole('heading', { name: 'Visitors by week' }).waitFor();
    assert.match(page.url(), /by=week/);
    assert.deepEqual(page.faults, []);
    // One visit of two page views in one moment: no bounce, and it took no time.
    const quiet = await newTenant();
    const ts = Date.now() - 1000;
    const events = ['/a', '/b'].map((p, i) => ({ event_id: `e${i}`, type: 'pageview', client_id: 'c', ts, url: `http://quiet.example${p}` }));
    await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${quiet.writeKey}` }, body: JSON.stringify(events) });
    await until(async () => (await quiet.sql('SELECT 1 FROM events')).length === 2, 'the events');
    const other = await open(t, browser);
    await signIn(other, quiet.viewer, `/sites/${quiet.site}/overview?metric=bounce_rate`);
    await settled(other);
    await other.getByRole('img', { name: /^Bounce rate by day: 7 values/ }).waitFor();
  });

  test('range and filters are there again after a look at a page of no site', async (t) => {
    const page = await on(t, '?range=30d&f=country:US&f=path:/100%25');
    await page.getByRole('link', { name: 'Dashboards', exact: true }).click();
    await page.getByRole('heading', { name: 'Dashboards', level: 1 }).waitFor();
    await page.reload();
    await settled(page);
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await until(() => new URL(page.url()).search === '?range=30d&f=country%3AUS&f=path%3A%2F100%25', { toString: () => `the view in ${page.url()}` });
    await page.getByText('No sessions in this time that these filters let through.').waitFor();
    await page.getByRole('link', { name: 'Dashboards', exact: true }).click();
    await page.getByRole('heading', { name: 'Dashboards', level: 1 }).waitFor();
    await page.keyboard.press('Control+K');
    await page.keyboard.type('retention', { delay: 20 });
    await page.keyboard.press('Enter');
    await until(() => /\/retention\?range=30d&f=country/.test(page.url()), 'the view on another page');
    await settled(page);
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await page.getByRole('link', { name: 'Dashboards', exact: true }).click();
    await page.getByRole('heading', { name: 'Dashboards', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await until(() => new URL(page.url()).search === '?range=30d', 'the view without filters');
  });

  test('what names visitors is hidden from the role: the rest is shown, and what is hidden is said', async (t) => {
    const shop = await newTenant({ time_zone: zone });
    const events = Array.from({ length: 3 }, (_, i) => ({ type: 'pageview', client_id: `c${i}`, url: `http://shop.example/${i % 2 ? 'a' : '%C3%BC'}`, ts: Date.now() - 60_000, referrer: 'https://news.example/' }));
    const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${shop.writeKey}` }, body: JSON.stringify([...events, { ...events[0], type: 'purchase', props: { revenue: 20, currency: 'EUR' } }]) });
    assert.equal(res.status, 200, await res.text());
    await until(async () => Number((await shop.sql('SELECT count() AS n FROM events'))[0].n) === 4, 'the events');
    await operator(`/api/v1/tenants/${shop.id}/policy`, { masks: [{ column: 'client_id', roles: ['viewer'], action: 'hide' }] }, 'PATCH');
    const page = await open(t, browser);
    await signIn(page, shop.viewer, `/sites/${shop.site}/overview`);
    await shows(page, 'Page views', 3);
    await settled(page);
    for (const f of page.faults.splice(0)) assert.match(f, / 403 /); // the browser's own lines about the first questions
    assert.deepEqual(await alerts(page), []);
    const headline = page.locator('section[aria-label="Headline numbers"]');
    assert.equal(await headline.getByText('from your role').count(), 5);
    await headline.locator('button[aria-pressed]').filter({ hasText: '€20' }).waitFor();
    await page.getByRole('heading', { name: 'Page views by day' }).waitFor();
    assert.deepEqual(await rows(page, 'Pages').evaluateAll((l) => l.map((b) => b.title)), ['/%C3%BC: 2', '/a: 1']);
    await rows(page, 'Pages').filter({ hasText: '/ü' }).waitFor();
    await rows(page, 'Sources').filter({ hasText: 'news.example' }).waitFor();
    await list(page, 'Pages').getByRole('tab', { name: 'Entry' }).click();
    await list(page, 'Pages').getByText('Hidden from your role').waitFor();
    assert.equal(await page.getByText(/metric:|is masked/).count(), 0);
    await sound(page, 'visitors are hidden');
    await shoot(page, 'overview-hidden');
  });

  test('dark', async (t) => {
    const page = await on(t);
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('menuitem', { name: 'Dark', exact: true }).click();
    await until(() => page.evaluate(() => document.documentElement.dataset.mantineColorScheme === 'dark'), 'the dark');
    await page.reload();
    await settled(page);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.mantineColorScheme), 'dark');
    await page.waitForTimeout(500); // the chart is drawn
    await sound(page, 'dark');
    await shoot(page, 'overview-dark');
  });

  test('on a phone', async (t) => {
    const page = await on(t, '?f=country:US&compare=1', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const wide = () => page.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390); // a phone makes the page as wide as what hangs over
    assert.ok((await wide()) <= 0, `${await wide()} px hang over`);
    await sound(page, 'phone');
    await page.waitForTimeout(500); // the chart is drawn
    await shoot(page, 'overview-phone');
    await page.getByRole('banner').getByText('Semicomplete', { exact: true }).waitFor(); // which site it is
    assert.deepEqual(await page.getByRole('tab').evaluateAll((l) => l.filter((e) => e.offsetWidth < 24).map((e) => e.textContent)), [], 'tabs are wide enough for a finger');
    await page.locator('section[aria-label="Headline numbers"] button[aria-pressed]', { hasText: 'Views per session' }).getByText('none before', { exact: true }).waitFor(); // the log has four days
    await page.getByRole('button', { name: 'Navigation' }).click();
    await page.getByRole('dialog').getByRole('link', { name: 'Overview' }).waitFor();
    await page.waitForTimeout(400);
    await sound(page, 'the navigation');
    await shoot(page, 'phone-navigation', false);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^Range of dates/ }).click();
    await page.locator('table').waitFor();
    assert.ok((await wide()) <= 0, `the calendar hangs over by ${await wide()} px`);
    await shoot(page, 'phone-dates', false);
  });

  test('from the keyboard', async (t) => {
    const page = await on(t);
    await page.keyboard.press('/');
    await page.getByRole('combobox', { name: 'Go to' }).fill('last 30');
    await shoot(page, 'palette', false);
    await sound(page, 'the palette');
    await page.keyboard.press('Enter');
    await until(() => page.url().includes('range=30d'), 'the range');
    await settled(page);
    const first = list(page, 'Pages').getByRole('tab', { name: 'Top' });
    await first.focus();
    await page.keyboard.press('ArrowRight');
    await until(() => page.url().includes('pages=entry'), 'the tab');
    await until(() => page.evaluate(() => document.activeElement.textContent === 'Entry'), 'the focus on it');
    await settled(page);
    await list(page, 'Pages').getByRole('button', { name: /^All by/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByLabel('Search the list').fill('/blog');
    await settled(page);
    await sound(page, 'the long list');
    await shoot(page, 'all', false);
    await page.getByRole('dialog').locator('li button').first().click();
    await until(() => page.url().includes('f=entry_path'), 'the filter');
  });

  test('what is typed right after Ctrl+K is in the palette, even while its script is being loaded', async (t) => {
    const page = await open(t, browser);
    let held = 0;
    await page.route(/\/assets\/Palette-[^/]*\.js/, async (r) => {
      held++;
      await new Promise((done) => setTimeout(done, 1500));
      await r.continue();
    });
    await signIn(page, site.viewer, overview());
    await page.getByRole('link', { name: 'Overview', exact: true }).waitFor();
    await page.keyboard.press('Control+K');
    await page.keyboard.type('retentionn', { delay: 20 });
    await page.keyboard.press('Backspace');
    const box = page.getByRole('combobox', { name: 'Go to' });
    await box.waitFor();
    assert.equal(held, 1, 'the script came late');
    assert.equal(await box.inputValue(), 'retention');
    await page.keyboard.press('Escape');
    await box.waitFor({ state: 'detached' });
    for (const word of ['funnels', 'retention']) {
      await page.keyboard.press('Control+K'); // now it is there at once
      await page.keyboard.type(word, { delay: 20 });
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: word[0].toUpperCase() + word.slice(1), exact: true }).waitFor();
    }
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('the palette opens the visitor of an id that is typed, and asks nothing before', async (t) => {
    const page = await on(t);
    const [{ id }] = await site.sql(`SELECT client_id AS id FROM events WHERE NOT is_bot AND client_id != '' ORDER BY client_id LIMIT 1`);
    await page.keyboard.press('Control+K');
    await page.getByRole('combobox', { name: 'Go to' }).waitFor();
    const asked = [];
    page.on('request', (r) => /visitors|people/.test(r.url()) && asked.push(r.url()));
    await page.keyboard.type(id);
    await page.getByRole('option', { name: `Open visitor ${id}` }).waitFor();
    await page.waitForTimeout(300);
    assert.deepEqual(asked, []);
    await sound(page, 'the palette');
    await shoot(page, 'palette-visitor', false);
    await page.keyboard.press('Enter');
    await page.waitForURL(new RegExp(`/sessions/visitors/${encodeURIComponent(id)}`));
    await settled(page);
    await page.getByRole('heading', { name: id, level: 2 }).waitFor();
    // As long as an id may be, and no longer.
    const again = async () => {
      await page.keyboard.press('Control+K');
      await focused(page, page.getByRole('combobox', { name: 'Go to' }), 'the palette that is opened again');
    };
    await again();
    await page.keyboard.insertText('é'.repeat(512));
    await page.getByRole('option', { name: /^Open visitor é/ }).waitFor();
    await page.keyboard.insertText('x');
    await page.getByRole('option', { name: /^Open visitor é/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    // Where something is called so, that comes first.
    await again();
    await page.keyboard.type('retention', { delay: 20 });
    assert.match(await page.getByRole('option').first().textContent(), /^Retention/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Retention', exact: true }).waitFor();
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('filters keep the focus: in the form when it opens, on what follows when one goes', async (t) => {
    const page = await on(t);
    const add = page.getByRole('button', { name: 'Filter', exact: true });
    await add.focus();
    await page.keyboard.press('Enter');
    await focused(page, page.locator('input[aria-label="Values"]'), 'the values of the new filter'); // its script comes after the popover
    await page.keyboard.press('Escape');
    await page.goto(`${weirURL}${overview()}?f=country:US&f=!browser:Chrome&f=!os:Linux`);
    await settled(page);
    const chip = (name) => page.getByRole('button', { name }).first();
    await chip('Remove the filter Browser is not Chrome').focus();
    await page.keyboard.press('Enter');
    await focused(page, chip(/^System is not Linux/), 'the filter behind it');
    await chip('Remove the filter System is not Linux').focus();
    await page.keyboard.press('Enter');
    await focused(page, chip(/^Country is/), 'the last one that is left');
    await chip(/^Remove the filter Country/).focus();
    await page.keyboard.press('Enter');
    await focused(page, add, 'the button for another');
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('the intervals of a range stand in their order, and twelve months are drawn by weeks', async (t) => {
    const page = await on(t);
    for (const [range, names, by] of [['12mo', ['Day', 'Week', 'Month'], 'week'], ['30d', ['Day', 'Week'], 'day'], ['7d', ['Hour', 'Day'], 'day'], ['today', ['Minute', 'Hour'], 'hour']]) {
      await page.goto(`${weirURL}${overview()}?range=${range}`);
      await page.getByRole('heading', { name: `Visitors by ${by}`, exact: true }).waitFor();
      await settled(page);
      assert.deepEqual(await page.getByRole('radiogroup', { name: 'Interval' }).locator('label').allTextContents(), names, range);
    }
    assert.deepEqual(page.faults, []);
  });

  test('what goes wrong is said: no such site, no such page, a question that cannot be answered, no server', async (t) => {
    const page = await on(t);
    for (const [address, text] of Object.entries({ '/sites/nobody/overview': 'There is no such site', '/sites/%E0%A4/overview': 'There is no such site', '/nowhere': 'There is no such page' })) {
      await page.goto(weirURL + address);
      await page.getByText(text).first().waitFor();
      assert.equal(await page.getByRole('button', { name: /^Account/ }).count(), 1, 'the frame stays');
      assert.deepEqual(await page.locator('h1').allTextContents(), [text.replace(/^There is no such (.)/, 'No such $1')], 'one heading');
      assert.match(await page.title(), /^No such (site|page) · weir$/);
    }
    assert.deepEqual(page.faults, []);
    await page.getByRole('link', { name: 'Go to Overview of Semicomplete' }).click();
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await settled(page);
    await page.goto(`${weirURL}${overview()}?f=nothing:x`);
    await page.getByText('This question cannot be answered').first().waitFor();
    await page.getByText('there is no column').first().waitFor();
    await settled(page);
    assert.equal((await alerts(page)).length, 1, 'it is said once');
    await shoot(page, 'problem');
    await page.goto(weirURL + overview());
    await settled(page);
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'Compare' }).click();
    await rows(page, 'Pages').first().click();
    await page.getByText('weir cannot be reached').first().waitFor();
    await page.context().setOffline(false);
    await until(async () => (await alerts(page)).length === 0, 'everything to be answered'); // nobody has to ask for it
    await settled(page);
    assert.deepEqual(await alerts(page), []);
  });

  test('a site without events leads to its snippet, until the first one is there', async (t) => {
    const empty = await newTenant({ time_zone: zone });
    const page = await open(t, browser);
    const note = page.getByText('No event has come from this site yet');
    await signIn(page, empty.viewer, `/sites/${empty.site}/overview`);
    await note.waitFor();
    await page.getByText('An admin of the workspace finds its snippet').waitFor();
    assert.equal(await page.getByRole('link', { name: /snippet/ }).count(), 0, 'a viewer has no settings');
    const other = await open(t, browser);
    await signIn(other, empty.admin, `/sites/${empty.site}/overview`);
    await other.getByText('No event has come from this site yet').waitFor();
    await settled(other);
    await until(async () => (await other.getByRole('heading', { name: 'Pages', exact: true }).count()) === 0, 'its lists to be left out');
    await sound(other, 'a site without events');
    await shoot(other, 'overview-no-event');
    await other.getByRole('link', { name: 'Put its snippet into the pages' }).click();
    await other.getByText('Waiting for the first event…').waitFor();
    const sent = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { authorization: `Bearer ${empty.writeKey}` }, body: JSON.stringify({ type: 'pageview', url: 'https://example.com/first' }) });
    assert.ok(sent.ok, await sent.text());
    await note.waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: 'Pages', exact: true }).waitFor();
    await page.goto(`${weirURL}/sites/${empty.site}/overview?f=country:XX`); // filters say themselves that nothing is left
    await settled(page);
    assert.equal(await note.count(), 0);
    assert.deepEqual([...page.faults, ...other.faults], []);
  });

  test('an operator says first for which tenant to act', async (t) => {
    const page = await open(t, browser);
    await signIn(page, process.env.WEIR_ADMIN_TOKEN);
    await page.getByRole('heading', { name: 'Act for a tenant' }).waitFor();
    assert.deepEqual(await page.locator('h1').allTextContents(), ['Choose a tenant']);
    await settled(page);
    await sound(page, 'tenants');
    await shoot(page, 'tenants');
    await page.getByRole('button', { name: new RegExp(`^${site.id}`) }).first().click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await settled(page);
    assert.ok((await tile(page, 'Page views')) > 0);
    assert.deepEqual(page.faults, []);
    assert.ok((await operator('/api/v1/tenants')).tenants.length > 0);
  });
});
