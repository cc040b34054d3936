// The operator's view of tenants, driven by clicks: search, sort, a tenant's page, limits that hold at once.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clearOfMidnight, launch, newTenant, operator, until, weirURL } from '../harness.mjs';
import { fades, open, settled, shoot, signIn, sound } from './lib.mjs';

const token = process.env.WEIR_ADMIN_TOKEN;
let browser, busy, calm;
before(async () => {
  browser = await launch();
  await clearOfMidnight('UTC'); // events of today are those of a day of UTC
  busy = await newTenant({ name: 'Busy' });
  calm = await newTenant({ name: 'Calm' });
  await operator(`/api/v1/tenants/${busy.id}`, { name: 'Busy Bakery' }, 'PATCH').catch(() => undefined);
  for (let i = 0; i < 60; i++) await operator('/api/v1/tenants', { id: `fleet-${String(i).padStart(2, '0')}`, name: `Fleet ship ${i}` });
  await operator('/api/v1/tenants', { id: 'long-named', name: 'A name of sixty characters that somebody typed with great ca' });
  const send = (t, n) =>
    fetch(`${weirURL}/ingest?site_id=${t.site}`, { method: 'POST', headers: { Authorization: `Bearer ${t.admin}` }, body: JSON.stringify(Array.from({ length: n }, (_, i) => ({ type: 'pageview', url: `/p/${i}`, client_id: `c${i}` }))) });
  for (let i = 0; i < 10; i++) await send(busy, 1234); // more than the tenants of the other suites
  await send(calm, 7);
  const today = async (t) => (await operator(`/api/v1/operator/tenants?search=${t.id}`)).tenants.find((x) => x.id === t.id).events_today;
  await until(async () => (await today(busy)) === 12340 && (await today(calm)) === 7, 'the events of both tenants in the list');
});
after(() => browser.close());

async function on(t, query = '', options) {
  const page = await open(t, browser, options);
  await signIn(page, token, `/tenants${query}`);
  await settled(page);
  return page;
}

const rows = (page) => page.locator('tbody tr');

describe('tenants', { timeout: 600000 }, () => {
  test('the busiest is first; search, sort and further pages are the server’s, and stand in the address', async (t) => {
    const page = await on(t);
    assert.match(await rows(page).first().textContent(), new RegExp(`${busy.id}|Busy`));
    assert.match(await rows(page).first().textContent(), /12\.3K|12,340/);
    assert.equal(await rows(page).count(), 50);
    await page.getByRole('button', { name: 'Events/s, last 1–2 hours' }).waitFor();
    assert.match(await rows(page).first().locator('td').nth(1).getAttribute('title'), / on average, over this hour so far and the whole hour before$/);
    await sound(page, 'tenants');
    await shoot(page, 'tenants-light');
    await page.getByRole('button', { name: /^Show more/ }).click();
    await until(async () => (await rows(page).count()) > 60, 'the second page');
    await page.getByLabel('Search tenants').fill('fleet ship 4');
    await until(async () => (await rows(page).count()) === 11, 'fleet ship 4 and 40 to 49');
    assert.equal(new URL(page.url()).searchParams.get('search'), 'fleet ship 4');
    await page.getByRole('button', { name: 'Tenant', exact: true }).click();
    await page.getByRole('button', { name: 'Tenant', exact: true }).focus();
    await page.keyboard.press('Enter');
    await settled(page);
    await page.reload();
    await settled(page);
    assert.equal(await rows(page).count(), 11);
    await page.getByLabel('Search tenants').fill('nobody at all');
    await page.getByText('No tenant’s id or name has').or(page.getByText(/No tenant's id or name has/)).waitFor();
    await sound(page, 'no tenant');
  });

  test('a tenant’s page shows its day; its limits are changed and hold', async (t) => {
    const page = await on(t, `?search=${busy.id}`);
    await rows(page).first().getByRole('button').click();
    await settled(page);
    await page.getByRole('heading', { name: 'Limits' }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('tenant'), busy.id);
    await page.getByTitle('12,340', { exact: true }).first().waitFor();
    await page.getByLabel('Events a second').fill('777');
    await page.getByText('1 changed').waitFor();
    await page.getByRole('button', { name: 'Save limits' }).click();
    await page.getByText('Saved.').or(page.locator('input[value="777"]')).first().waitFor();
    await until(async () => (await (await fetch(`${weirURL}/api/v1/limits`, { headers: { Authorization: `Bearer ${busy.admin}` } })).json()).limits.events_per_second === 777, 'the limit to hold');
    await sound(page, 'a tenant');
    await shoot(page, 'tenant-light');
    await page.getByRole('button', { name: 'All tenants' }).click();
    await page.getByLabel('Search tenants').waitFor();
  });

  test('dark, and a phone', async (t) => {
    const dark = await on(t, '', { colorScheme: 'dark' });
    await sound(dark, 'tenants, dark');
    await shoot(dark, 'tenants-dark', false);
    const phone = await on(t, '', { viewport: { width: 390, height: 844 } });
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= 390), 'nothing is wider than the phone');
    await fades(phone, 'Tenants, a table');
    await sound(phone, 'tenants on a phone');
    await shoot(phone, 'tenants-phone', false);
    await phone.goto(`${weirURL}/tenants?tenant=${busy.id}`);
    await settled(phone);
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= 390), 'nor the page of a tenant');
    await sound(phone, 'a tenant on a phone');
    await phone.goto(`${weirURL}/tenants?search=long-named`);
    await settled(phone);
    const events = await phone.getByRole('button', { name: 'Events today' }).boundingBox();
    assert.ok(events.x + events.width <= 390, `a long name leaves its events in sight: ${events.x}`);
    await phone.goto(`${weirURL}/`);
    await phone.getByLabel('Search tenants').fill('sixty');
    const id = await phone.getByText('long-named', { exact: true }).boundingBox();
    assert.ok(id.height < 28, `the id is ${id.height} px high: in one line`);
    await sound(phone, 'tenants to act for on a phone');
  });

  test('who is no operator does not see it', async (t) => {
    const page = await open(t, browser);
    await signIn(page, busy.admin, '/tenants');
    await settled(page);
    assert.equal(await page.getByLabel('Search tenants').count(), 0);
  });
});
