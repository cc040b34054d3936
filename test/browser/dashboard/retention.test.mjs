// Retention: who comes back, with numbers known beforehand, and on a real access log.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, until, weirURL } from '../harness.mjs';
import { fades, open, realSite, settled, shoot, signIn, sound, zone } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
  // Ten people sign up three days ago; six come back a day later, two of them also two days later.
  const noon = Date.parse(`${new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(Date.now() - 3 * 86400000)}T10:00:00Z`); // a day is one of the site
  const events = [];
  const e = (i, type, day) => events.push({ event_id: `${type}${i}-${day}`, type, client_id: `member-${i}`, ts: noon + day * 86400000 + i * 1000, url: 'http://www.semicomplete.com/app' });
  for (let i = 0; i < 10; i++) {
    e(i, 'signup', 0);
    if (i < 6) e(i, 'lesson', 1);
    if (i < 2) e(i, 'lesson', 2);
  }
  const res = await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}` }, body: JSON.stringify(events) });
  assert.equal(res.status, 200, await res.text());
  await until(async () => (await site.count('count()', `type IN ('signup', 'lesson')`)) === 18, 'the signups, which are late, and the lessons');
});
after(() => browser.close());

const retention = (q = '') => `/sites/${site.site}/retention${q}`;

async function on(t, q, options = {}, key = site.viewer) {
  const page = await open(t, browser, options);
  await signIn(page, key, retention(q));
  await settled(page);
  return page;
}

const row = (page, i) => page.locator('table tbody tr').nth(i).locator('th, td').allTextContents();

describe('retention', { concurrency: 4, timeout: 600000 }, () => {
  test('events, period and mode are chosen; cells are shares, what is not over is pending', async (t) => {
    const page = await on(t);
    await page.getByRole('heading', { name: /^New people by week/ }).waitFor();
    await sound(page, 'weeks');
    await page.getByText('Day', { exact: true }).click();
    for (const [label, event] of [['Start event', 'signup'], ['Return event', 'lesson']]) {
      await page.getByRole('button', { name: new RegExp(`^${label}: `) }).click();
      await page.getByRole('combobox', { name: `${label}: search` }).fill(event);
      await page.getByRole('option', { name: event }).first().click();
      await settled(page);
    }
    // The cohort of three days ago: nobody in its own day, six, two; today is not over.
    const cohort = page.locator('table tbody tr').nth(1); // before it nobody signed up
    await until(async () => {
      const got = (await cohort.locator('th, td').allTextContents()).slice(1, 6).join();
      return got === '10,0%,60.0%,20.0%,pending' || Promise.reject(new Error(`${got} at ${page.url()}`));
    }, 'the cohort of three days ago');
    assert.deepEqual((await row(page, 0)).slice(0, 6), ['Average', '10', '0%', '60.0%', '20.0%', '–']);
    assert.equal(await cohort.locator('[data-pending=now]').count(), 1);
    assert.equal(await cohort.locator('td span[title="6 of 10 people"]').count(), 1);
    await sound(page, 'days');
    const address = page.url();
    assert.match(address, /period=day/);
    assert.match(address, /start=signup&return=lesson|return=lesson/);
    await page.reload();
    await settled(page);
    await until(async () => (await cohort.locator('th, td').allTextContents())[3] === '60.0%', 'the same after a reload');
    await page.goBack();
    await until(() => !page.url().includes('return=lesson'), 'a step back');
    await page.goto(address.replace('start=signup', 'start=never'));
    await page.getByText('Nobody did this in these periods.').waitFor();
    assert.deepEqual(page.faults, []);
  });

  test('the people of the real log are those of SQL', async (t) => {
    const page = await on(t, '?period=day&mode=recurring&start=pageview');
    const want = await site.sql(`SELECT toString(toDate(ts, 'Europe/Berlin')) AS day, toUInt32(uniqExact(client_id)) AS n FROM events WHERE NOT is_bot AND type = 'pageview' AND ts >= toStartOfDay(now() - INTERVAL 14 DAY, 'Europe/Berlin') GROUP BY day ORDER BY day`);
    assert.ok(want.length >= 3);
    await until(async () => {
      const got = (await page.locator('table tbody tr:not(:first-child) td:nth-child(2)').evaluateAll((l) => l.map((c) => Number(c.title.replaceAll(',', ''))))).filter((n) => n > 0);
      return got.join() === want.map((r) => r.n).join() || Promise.reject(new Error(`${got} for ${want.map((r) => r.n)}`));
    }, 'the people of each day');
    await shoot(page, 'retention-light');
    await page.getByText('First time', { exact: true }).click();
    await page.getByRole('heading', { name: 'New people by day, and how many came back' }).waitFor();
    await settled(page);
    assert.deepEqual(page.faults, []);
  });

  test('a range is chosen and stands in the address; without one the last periods are shown', async (t) => {
    const page = await on(t);
    const asks = (text) => page.getByRole('button', { name: `Range of dates: ${text}` });
    await asks('Last periods').waitFor();
    const weeks = await page.locator('table tbody tr').count();
    const answer = (from) => page.waitForResponse((r) => r.url().endsWith('/retention') && r.request().method() === 'POST' && (JSON.parse(r.request().postData()).from !== undefined) === from);
    const pick = async (text, from) => {
      await page.getByRole('button', { name: /^Range of dates: / }).click();
      const [got] = await Promise.all([answer(from), page.getByRole('button', { name: text, exact: true }).click()]);
      await settled(page);
      return (await got.json()).cohorts.length;
    };
    assert.equal(await pick('Today', true), 1);
    assert.match(page.url(), /range=today/);
    await page.getByText('The range lies within one week, which is shown whole.').waitFor();
    assert.equal(await page.locator('table tbody tr').count(), 2, 'the average and one week');
    assert.ok((await pick('Last 7 days', true)) <= 2);
    assert.match(page.url(), /range=7d/, 'the default of other pages is none here');
    await page.getByText('Day', { exact: true }).click();
    await asks('Last 7 days').waitFor();
    await page.getByText('Each day that the range touches is shown whole.').waitFor();
    assert.match(page.url(), /range=7d/, 'a range stays when something else is changed');
    await sound(page, 'a range');
    await page.getByText('Week', { exact: true }).click();
    await page.reload();
    await asks('Last 7 days').waitFor();
    await page.getByRole('button', { name: /^Range of dates: / }).click();
    await page.getByRole('button', { name: 'Last periods', exact: true }).click();
    await asks('Last periods').waitFor();
    await settled(page);
    assert.doesNotMatch(page.url(), /range=/);
    assert.equal(await page.locator('table tbody tr').count(), weeks);
    await page.goto(`${weirURL}${retention('?range=never')}`);
    await page.getByText('Shown instead: the last periods.').waitFor();
    assert.deepEqual(page.faults, []);
  });

  test('what cannot be answered is said; dark; phone', async (t) => {
    const page = await on(t, '?period=day', { colorScheme: 'dark' });
    await sound(page, 'dark');
    await shoot(page, 'retention-dark');
    await page.goto(weirURL + retention('?f=nothing:x'));
    await page.getByText('This question cannot be answered').waitFor();
    const phone = await on(t, '?period=day', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }, site.analyst);
    const wide = await phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok(wide <= 0, `${wide} px hang over`);
    const middle = async (e) => ((box) => box.y + box.height / 2)(await e.boundingBox());
    const title = phone.getByRole('heading', { name: /and how many came back$/ });
    assert.ok(Math.abs((await middle(title)) - (await middle(phone.getByRole('button', { name: /to a dashboard$/ })))) < 4, 'the button is beside the title');
    await fades(phone, 'Shares of people who came back');
    await sound(phone, 'phone');
    await shoot(phone, 'retention-phone');
  });
});
