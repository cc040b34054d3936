// Segments: filters saved under a name, chosen on every page that has filters, renamed, changed and deleted by clicks; their numbers are those of SQL.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, until, weirURL } from '../harness.mjs';
import { open, realSite, settled, shoot, shows, signIn, sound, tile } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
});
after(() => browser.close());

const api = (path, body, method) => ask(site.analyst, `/api/v1/analytics/${site.site}/segments${path}`, body, method);
const query = (page) => new URL(page.url()).searchParams;
const openMenu = async (page) => {
  await page.locator('button', { hasText: /^Segment/ }).first().click();
  await page.getByRole('dialog', { name: /^Segment/ }).waitFor();
  await settled(page);
};

async function on(t, at, key = site.analyst, options) {
  const page = await open(t, browser, options);
  await signIn(page, key, `/sites/${site.site}/${at}`);
  await settled(page);
  return page;
}

describe('segments', { concurrency: 1, timeout: 600000 }, () => {
  test('filters are saved as one, which is chosen, changed, renamed and deleted by clicks', async (t) => {
    const page = await on(t, 'overview');
    const all = await tile(page, 'Visitors');
    await openMenu(page);
    await page.getByText('No segment yet').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Add a filter to save it as a segment' }).isDisabled(), true);
    await page.waitForTimeout(300);
    await sound(page, 'no segment yet');
    await page.keyboard.press('Escape');

    await page.goto(`${weirURL}/sites/${site.site}/overview?f=country:US&f=!browser:Chrome&range=30d`);
    await settled(page);
    const where = `country = 'US' AND browser != 'Chrome'`;
    const visitors = await site.count('uniqExact(client_id)', `client_id != '' AND ${where}`);
    await shows(page, 'Visitors', visitors);
    await openMenu(page);
    await page.getByRole('button', { name: 'Save the filters as a segment…' }).click();
    const form = page.getByRole('dialog', { name: /segment|^Change/ });
    await form.getByRole('button', { name: 'Save the segment' }).click();
    await form.getByText('A segment needs a name.').waitFor();
    await form.getByLabel('Name').fill('Americans without Chrome');
    await page.waitForTimeout(300);
    await sound(page, 'the form of a segment');
    await shoot(page, 'segment-form', false);
    await form.getByRole('button', { name: 'Save the segment' }).click();
    await until(() => query(page).get('segment'), 'the segment in the address');
    const [saved] = (await api('')).segments;
    assert.deepEqual([saved.name, saved.filter], ['Americans without Chrome', ['country:US', '!browser:Chrome']]);
    assert.deepEqual([query(page).get('segment'), query(page).getAll('f'), query(page).get('range')], [saved.id, [], '30d'], 'the view is the same, by its name');
    await settled(page);
    await shows(page, 'Visitors', visitors);

    // A filter beside it; both become another segment.
    await page.getByRole('tab', { name: 'Systems' }).click();
    await settled(page);
    const os = page.locator('section', { has: page.getByRole('heading', { name: 'Devices' }) }).locator('li button').first();
    const system = (await os.getAttribute('title')).replace(/: .*/, '');
    await os.click();
    await shows(page, 'Visitors', await site.count('uniqExact(client_id)', `client_id != '' AND ${where} AND os = '${system}'`));
    await openMenu(page);
    await page.getByRole('button', { name: /^Save this segment and the filters/ }).click();
    await form.getByLabel('Name').fill('AMERICANS without chrome');
    await form.getByRole('button', { name: 'Save the segment' }).click();
    await form.getByText('choose another name').waitFor();
    page.faults.splice(0).forEach((f) => assert.match(f, / 409 /));
    assert.equal(await form.getByLabel('Name').getAttribute('aria-invalid'), 'true');
    await form.getByLabel('Name').fill('And of one system');
    await form.getByRole('button', { name: 'Save the segment' }).click();
    await until(() => query(page).get('segment') && query(page).get('segment') !== saved.id, 'the new one');
    assert.deepEqual((await api('')).segments.map((s) => [s.name, s.filter.length]), [['Americans without Chrome', 2], ['And of one system', 3]]);
    await settled(page);

    // Chosen, renamed and widened: the numbers follow.
    await openMenu(page);
    await page.waitForTimeout(300);
    await sound(page, 'the menu');
    await shoot(page, 'segments', false);
    await page.getByRole('button', { name: /^Americans without Chrome/ }).click();
    await until(() => query(page).get('segment') === saved.id, 'the first one');
    await shows(page, 'Visitors', visitors);
    await openMenu(page);
    await page.getByRole('button', { name: 'Change Americans without Chrome' }).click();
    await form.getByLabel('Name').fill('Americans');
    await form.getByRole('button', { name: 'Remove the filter Browser is not Chrome' }).click();
    await form.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByTitle('Segment Americans: Country is United States').waitFor();
    await shows(page, 'Visitors', await site.count('uniqExact(client_id)', `client_id != '' AND country = 'US'`));

    // It goes along to the other pages, stands over a reload, and back takes it away.
    for (const [name, path] of [['Events', 'events'], ['Sessions', 'sessions'], ['Funnels', 'funnels'], ['Retention', 'retention'], ['Paths', 'paths']]) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByTitle('Segment Americans: Country is United States').waitFor();
      assert.ok(page.url().includes(`/${path}?`) && query(page).get('segment') === saved.id, page.url());
      await settled(page);
      assert.deepEqual(await page.getByRole('alert').allTextContents(), [], name);
    }
    assert.deepEqual(page.faults, []);
    await page.goto(`${weirURL}/sites/${site.site}/events?segment=${saved.id}`);
    await settled(page);
    await page.locator('[aria-label="United States"]').first().waitFor();
    assert.equal(await page.locator('li [role=img]:not([aria-label="United States"])').count(), 0, 'events of nobody else');
    assert.equal(await page.locator('[aria-label="United States"]').first().textContent(), 'US', 'a country is two letters, which every system has');
    await page.goto(`${weirURL}/sites/${site.site}/overview`);
    await settled(page);
    assert.equal(await tile(page, 'Visitors'), all);
    await openMenu(page);
    await page.getByRole('button', { name: /^Americans/ }).click();
    await page.getByRole('button', { name: 'Remove the segment Americans' }).waitFor();
    await page.goBack();
    await until(async () => (await page.getByRole('button', { name: /^Remove the segment/ }).count()) === 0, 'no segment');
    await page.goForward();

    // Deleted.
    await openMenu(page);
    await page.getByRole('button', { name: 'Delete Americans' }).click();
    await page.getByRole('dialog', { name: /^Delete/ }).getByText('No event is lost').waitFor();
    await page.getByRole('button', { name: 'Delete the segment' }).click();
    await until(() => !query(page).get('segment'), 'it to be gone from the view');
    await shows(page, 'Visitors', all);
    assert.deepEqual((await api('')).segments.map((s) => s.name), ['And of one system']);
    assert.deepEqual(page.faults, []);
  });

  test('cohorts are made of what people did, chosen as filters, renamed and deleted by clicks', async (t) => {
    const page = await on(t, 'overview');
    const all = await tile(page, 'Visitors');
    const cohorts = async () => (await ask(site.analyst, `/api/v1/analytics/${site.site}/cohorts`)).cohorts;
    await openMenu(page);
    const menu = page.getByRole('region', { name: 'Cohorts' });
    await menu.getByText('No cohort yet').waitFor();
    await menu.getByRole('button', { name: 'New cohort of what people did…' }).click();
    const form = page.getByRole('dialog', { name: 'New cohort' });
    await form.getByRole('button', { name: 'Make the cohort' }).click();
    await form.getByText('A cohort needs a name.').waitFor();
    await form.getByText('Choose what people of the cohort did.').waitFor();
    await form.getByLabel('Name').fill('Readers');
    await form.getByRole('button', { name: /^Event/ }).click();
    await page.getByRole('combobox', { name: 'Event: search' }).fill('Page view');
    await page.getByRole('option', { name: /^Page view/ }).click();
    await form.getByLabel('Times, at least').fill('5');
    await form.getByLabel('Days back').fill('400');
    await page.waitForTimeout(300);
    await sound(page, 'the form of a cohort');
    await shoot(page, 'cohort-form', false);
    await form.getByRole('button', { name: 'Make the cohort' }).click();
    await form.waitFor({ state: 'detached' });
    const [made] = await cohorts();
    assert.deepEqual([made.name, made.question], ['Readers', { did: { type: 'pageview' }, at_least: 5, within: '400d' }]);

    // Chosen, it is a filter; chosen again, it is none.
    await openMenu(page);
    await menu.getByText('Page view 5 times or more in the last 400 days').waitFor();
    await page.waitForTimeout(300);
    await sound(page, 'the menu with cohorts');
    await shoot(page, 'cohorts', false);
    await menu.getByRole('button', { name: /^Readers/ }).click();
    await until(() => query(page).get('f') === `cohort:${made.id}`, 'the filter in the address');
    await settled(page);
    const readers = await site.count('uniqExact(client_id)', `client_id IN (SELECT client_id FROM events WHERE NOT is_bot AND type = 'pageview' GROUP BY client_id HAVING count() >= 5)`);
    assert.ok(readers > 0);
    await shows(page, 'Visitors', readers);

    await openMenu(page);
    await menu.getByRole('button', { name: 'Rename Readers' }).click();
    const rename = page.getByRole('dialog', { name: 'Rename Readers' });
    assert.equal(await rename.getByLabel('Times, at least').count(), 0);
    await rename.getByLabel('Name').fill('Keen readers');
    await rename.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: 'Remove the filter Cohort is Keen readers' }).waitFor();
    assert.deepEqual((await cohorts()).map((c) => [c.name, c.question]), [['Keen readers', made.question]]);

    await openMenu(page);
    await menu.getByRole('button', { name: 'Delete Keen readers' }).click();
    await page.getByRole('dialog', { name: /^Delete/ }).getByText('No event is lost').waitFor();
    await page.getByRole('button', { name: 'Delete the cohort' }).click();
    await until(() => !query(page).get('f'), 'the filter to be gone from the view');
    await shows(page, 'Visitors', all);
    assert.deepEqual(await cohorts(), []);
    assert.deepEqual(page.faults, []);

    // Who only looks changes nothing.
    await ask(site.analyst, `/api/v1/analytics/${site.site}/cohorts`, { name: 'Somebody', question: { people: ['a', 'b'] } });
    const viewer = await on(t, 'overview', site.viewer);
    await openMenu(viewer);
    const seen = viewer.getByRole('region', { name: 'Cohorts' });
    await seen.getByText('A list of 2 ids').waitFor();
    assert.equal(await seen.getByRole('button').count(), 1);
  });

  test('a viewer chooses by the keyboard and changes nothing; many are searched; dark, on a phone', async (t) => {
    for (let i = 0; i < 9; i++) await api('', { name: `Country ${i}`, filter: [`country:${['DE', 'US', 'FR', 'GB', 'NL', 'IN', 'CN', 'BR', 'CA'][i]}`] });
    const page = await on(t, 'overview', site.viewer, { colorScheme: 'dark' });
    await page.locator('button', { hasText: /^Segment$/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByLabel('Search the segments').waitFor();
    await settled(page);
    const menu = page.getByRole('dialog', { name: /^Segment/ });
    assert.equal(await menu.getByRole('button', { name: /^(Change|Delete|Save)/ }).count(), 0);
    await page.getByLabel('Search the segments').fill('germany');
    await until(async () => (await menu.getByRole('button').count()) === 1, 'the one of Germany');
    await page.waitForTimeout(300);
    await sound(page, 'dark');
    await shoot(page, 'segments-dark', false);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove the segment Country 0' }).waitFor();
    await shows(page, 'Visitors', await site.count('uniqExact(client_id)', `client_id != '' AND country = 'DE'`));
    await sound(page, 'a segment in the dark');
    const phone = await on(t, `overview${new URL(page.url()).search}&f=type:pageview&compare=1`, site.analyst, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const wide = () => phone.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth) - 390);
    assert.ok((await wide()) <= 0, `${await wide()} px hang over`);
    await openMenu(phone);
    await phone.waitForTimeout(300);
    assert.ok((await wide()) <= 0, `the menu hangs over by ${await wide()} px`);
    await sound(phone, 'phone');
    await shoot(phone, 'segments-phone', false);
  });

  test('a segment that is gone is said and can be taken away; a list that cannot be read says why', async (t) => {
    const page = await on(t, 'overview?segment=gone');
    await page.getByRole('alert').getByText('there is no segment').waitFor();
    await settled(page); // each of its questions is refused
    page.faults.splice(0).forEach((f) => assert.match(f, / 422 /));
    await sound(page, 'a segment that is gone');
    await page.getByRole('button', { name: 'Remove the segment that is gone' }).click();
    await settled(page);
    assert.ok((await tile(page, 'Visitors')) > 0);
    const other = await open(t, browser);
    await other.route('**/segments', (r) => r.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify({ code: 'x', detail: 'not for you' }) }));
    await signIn(other, site.viewer, `/sites/${site.site}/overview`);
    await settled(other);
    await other.locator('button', { hasText: /^Segment$/ }).click();
    await other.getByRole('dialog', { name: /^Segment/ }).getByRole('alert').getByText('not for you').waitFor();
  });

  test('one that names a property which no event has had says so, and what was probably meant; it is saved all the same', async (t) => {
    const page = await on(t, 'overview?f=props.method:GET');
    await openMenu(page);
    await page.getByRole('button', { name: 'Save the filter as a segment…' }).click();
    const form = page.getByRole('dialog', { name: 'New segment' });
    await form.getByLabel('Name').fill('Not there yet');
    await form.getByRole('button', { name: 'Filter', exact: true }).click();
    const column = page.locator('input[aria-label="Column"]');
    await column.fill('sta');
    await page.getByRole('option', { name: 'Property status', exact: true }).waitFor(); // those that there are, are suggested
    await column.fill('props.statsu');
    await page.getByRole('option', { name: 'Property statsu' }).click();
    const hint = page.getByText('No event has had the property statsu yet.');
    await hint.waitFor();
    await page.locator('input[aria-label="Values"]').fill('404');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await hint.waitFor();
    await page.waitForTimeout(300);
    await sound(page, 'a segment of what was never there');
    await shoot(page, 'segment-unheard', false);
    await form.getByRole('button', { name: 'Save the segment' }).click();
    await until(() => query(page).get('segment'), 'the segment in the address');
    const saved = (await api('')).segments.find((s) => s.name === 'Not there yet');
    assert.deepEqual(saved.filter, ['props.method:GET', 'props.statsu:404']);
    await settled(page);
    // Where it is changed it is said again, and mended with a click.
    await openMenu(page);
    await page.getByRole('button', { name: 'Change Not there yet' }).click();
    const change = page.getByRole('dialog', { name: 'Change Not there yet' });
    await change.getByText('No event has had the property statsu yet.').waitFor();
    await change.getByRole('button', { name: 'status', exact: true }).click();
    await change.getByText('No event has had').waitFor({ state: 'detached' });
    await change.getByRole('button', { name: 'Save', exact: true }).click();
    await until(async () => (await api('')).segments.find((s) => s.id === saved.id).filter[1] === 'props.status:404', 'the property that there is');
    await settled(page);
    assert.deepEqual(page.faults, []);
  });
});
