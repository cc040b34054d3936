// Settings, driven by clicks; what is shown is then asked of the API.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, launch, newTenant, operator, servePages, until, weirURL } from '../harness.mjs';
import { focused, open, settled, shoot, signIn, sound } from './lib.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Signed in as an admin of a tenant of its own, on the page. */
async function on(t, path = '/settings', options) {
  const tenant = await newTenant({ time_zone: 'Europe/Berlin', name: 'Shop' });
  const page = await open(t, browser, options);
  await signIn(page, tenant.admin, path);
  await settled(page);
  return { tenant, page, api: (what, ...more) => ask(tenant.admin, `/api/v1/tenants/${tenant.id}/${what}`, ...more) };
}

const dialog = (page) => page.getByRole('dialog');
const closed = (page) => dialog(page).waitFor({ state: 'hidden' });
const choose = async (page, label, option) => {
  await page.locator(`input[aria-label="${label}"], label:has-text("${label}") ~ div input`).first().click();
  await page.getByRole('option', { name: option, exact: true }).click();
};
/** Nothing was complained about but the browser's own lines about refusals that are meant. */
const refusal = (page) => assert.deepEqual(page.faults.splice(0).filter((f) => !/^console: Failed to load resource: .* (400|409|422) /.test(f)), []);

describe('settings', { concurrency: 3, timeout: 600000 }, () => {
  test('a new source: its snippet in a real page, and the first event arrives', async (t) => {
    const { page, api } = await on(t);
    await page.getByRole('button', { name: 'New source' }).click();
    await dialog(page).getByRole('button', { name: 'Create the source' }).click();
    await dialog(page).getByText('A source needs a name.').waitFor();
    await dialog(page).getByText('A source needs an id.').waitFor();
    await dialog(page).getByRole('textbox', { name: 'Name' }).fill('My Blog!');
    await until(async () => (await dialog(page).getByRole('textbox', { name: /^Id/ }).inputValue()) === 'my-blog', 'the id of the name');
    await sound(page, 'the form of a source');
    await shoot(page, 'settings-new-source', false);
    await dialog(page).getByRole('button', { name: 'Create the source' }).click();
    await page.getByText('Waiting for the first event…').waitFor();
    const made = await api('sources/my-blog');
    assert.equal(made.time_zone, 'America/Los_Angeles', 'that of the browser');
    const snippet = await page.locator('code[aria-label=Snippet]').textContent();
    assert.equal(snippet, `<script defer src="${weirURL}/sdk.js?site_id=${made.site_id}" data-site="${made.site_id}"></script>`);
    const key = await page.locator('code[aria-label="Write key"]').textContent();
    assert.match(key, /^wk_/);
    await settled(page);
    await sound(page, 'waiting');
    await shoot(page, 'settings-source');
    const site = await servePages({ '/welcome': `<!doctype html><title>x</title>${snippet}` });
    t.after(() => site.close());
    const visitor = await open(t, browser);
    await visitor.goto(`${site.url}/welcome`);
    await page.getByText(/Events arrive\. The last one: Page view \/welcome/).waitFor();
    await shoot(page, 'settings-first-event', false);
    await page.reload();
    await settled(page);
    assert.equal(await page.locator('code[aria-label="Write key"]').count(), 0, 'the key is shown once');
    assert.deepEqual(page.faults, []);
  });

  test('events of long ago, and of clocks that run ahead, arrive too', async (t) => {
    const { page, api } = await on(t);
    const send = async (id, query, ts) => {
      const { write_key: key } = await api('sources', { id, name: id });
      const sent = await fetch(`${weirURL}/ingest${query}`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify({ type: 'pageview', url: 'https://example.com/then', ts }) });
      assert.ok(sent.ok, await sent.text());
    };
    await send('old-news', '?mode=import', new Date(Date.now() - 800 * 86400000).toISOString());
    await send('ahead', '', new Date(Date.now() + 7200000).toISOString());
    for (const id of ['old-news', 'ahead']) {
      await page.goto(`${weirURL}/settings?source=${id}`);
      await page.getByText(/^Events arrive\. The last one: (just now|\d+ s ago)/).waitFor();
    }
    assert.deepEqual(page.faults, []);
  });

  test('a source is changed, with what is wrong said at its field', async (t) => {
    const { page, api } = await on(t);
    await page.getByRole('button', { name: /^Shop/ }).click();
    await until(() => page.url().includes('source=web'), 'the address');
    await settled(page);
    assert.equal(await page.getByRole('button', { name: 'Save changes' }).count(), 0, 'nothing was changed');
    const form = page.locator('form').first();
    await form.getByRole('textbox', { name: 'Name' }).fill('Shop 2');
    await form.getByRole('combobox', { name: 'Hostnames' }).fill('https://shop.example');
    await page.keyboard.press('Enter');
    await form.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText(/is not a host like www\.example\.com/).waitFor();
    refusal(page);
    await shoot(page, 'settings-fault');
    await form.getByRole('combobox', { name: 'Hostnames' }).press('Backspace');
    await form.getByRole('combobox', { name: 'Hostnames' }).fill('*.shop.example');
    await page.keyboard.press('Enter');
    await form.getByRole('combobox', { name: 'Aliases' }).fill('shop-app');
    await page.keyboard.press('Enter');
    await choose(page, 'First day of the week', 'Sunday');
    await form.getByRole('button', { name: 'Save changes' }).click();
    await form.getByRole('button', { name: 'Save changes' }).waitFor({ state: 'hidden' });
    const s = await api('sources/web');
    assert.deepEqual([s.name, s.hostnames, s.aliases, s.first_day, s.time_zone], ['Shop 2', ['*.shop.example'], ['shop-app'], 7, 'Europe/Berlin']);
    await page.getByRole('heading', { name: 'Shop 2' }).waitFor();
    await form.getByRole('textbox', { name: 'Name' }).fill('x');
    await form.getByRole('button', { name: 'Discard' }).click();
    await until(async () => (await form.getByRole('textbox', { name: 'Name' }).inputValue()) === 'Shop 2', 'the name as it was');
    assert.deepEqual(page.faults, []);
  });

  test('privacy of a source: switches and rules', async (t) => {
    const { page, api } = await on(t, '/settings?source=web', { colorScheme: 'dark' });
    const form = page.locator('form').nth(1);
    await form.getByRole('switch', { name: 'Consent required' }).click();
    await form.getByRole('switch', { name: 'Cookieless' }).click();
    await form.getByRole('combobox', { name: 'Parameters that stay' }).fill('q');
    await page.keyboard.press('Enter');
    await form.getByRole('button', { name: 'Add a rule' }).click();
    await form.getByRole('button', { name: 'Add a rule' }).click();
    await focused(page, form.getByLabel('Rule 2: what', { exact: true }).first(), 'the new rule');
    await form.getByRole('button', { name: 'Add a rule' }).click();
    await form.getByRole('button', { name: 'Remove rule 3' }).click();
    await focused(page, form.getByLabel('Rule 2: what', { exact: true }).first(), 'the rule before the one that went');
    await choose(page, 'Rule 2: what', 'A regular expression');
    await form.getByLabel('Rule 2: expression').fill('order-(');
    await choose(page, 'Rule 2: action', 'Drop');
    await form.getByRole('button', { name: 'Save changes' }).click();
    await form.getByRole('alert').waitFor();
    refusal(page);
    await form.getByLabel('Rule 2: expression').fill('order-[0-9]+');
    await settled(page);
    await sound(page, 'rules');
    await shoot(page, 'settings-privacy-dark');
    await form.getByRole('button', { name: 'Save changes' }).click();
    await form.getByRole('button', { name: 'Save changes' }).waitFor({ state: 'hidden' });
    const { privacy } = await api('sources/web');
    assert.deepEqual(privacy, {
      consent_required: true,
      cookieless: true,
      pseudonymise: false,
      keep_query_strings: false,
      query_parameters: ['q'],
      rules: [
        { pattern: 'email', action: 'mask' },
        { pattern: 're:order-[0-9]+', action: 'drop' },
      ],
    });
    await page.getByRole('link', { name: 'Privacy' }).click();
    await page.getByText('Consent required, cookieless, query strings cut, 2 rules').waitFor();
  });

  test('a source is deleted when its name is written', async (t) => {
    const { page, api } = await on(t, '/settings?source=web');
    await page.getByRole('button', { name: 'Delete…' }).click();
    const go = dialog(page).getByRole('button', { name: 'Delete the source' });
    assert.ok(await go.isDisabled());
    await dialog(page).getByRole('textbox').fill('wob');
    assert.ok(await go.isDisabled());
    await dialog(page).getByRole('textbox').fill('web');
    await sound(page, 'the question');
    await shoot(page, 'settings-delete', false);
    await go.click();
    await page.getByText('A source is a site, an app or a service').waitFor();
    assert.deepEqual((await api('sources')).sources, []);
    assert.deepEqual(page.faults.splice(0).filter((f) => !/ 404 /.test(f)), [], 'but that its first event was asked for while it went');
    await page.goto(weirURL);
    await page.getByText('No site yet').last().waitFor();
    await settled(page);
    await sound(page, 'no site');
    await page.getByRole('link', { name: 'Make one in the settings' }).click();
    await page.getByRole('button', { name: 'New source' }).waitFor();
    assert.deepEqual(page.faults, []);
  });

  test('keys: made once shown, replaced, revoked', async (t) => {
    const { page, api, tenant } = await on(t, '/settings/keys');
    const ground = () => page.locator('tbody td').first().evaluate((e) => getComputedStyle(e).backgroundColor);
    const still = await ground();
    await page.locator('tbody td').first().hover();
    assert.equal(await ground(), still, 'a row that leads nowhere does not look as if it did');
    await page.getByRole('button', { name: 'New key' }).click();
    await dialog(page).getByRole('textbox', { name: 'Name' }).fill('Shop server');
    await choose(page, 'Role', 'Writer');
    await choose(page, 'Site', 'Shop');
    await choose(page, 'Ends', 'In 90 days');
    await sound(page, 'the form of a key');
    await dialog(page).getByRole('button', { name: 'Create the key' }).click();
    const secret = page.locator('code[aria-label="Secret"]');
    await secret.waitFor();
    const key = await secret.textContent();
    await shoot(page, 'settings-key', false);
    await dialog(page).getByRole('button', { name: 'I have kept it' }).click();
    await closed(page);
    const made = (await api('keys')).keys.find((k) => k.name === 'Shop server');
    assert.equal(made.site_id, tenant.site);
    assert.ok(Math.abs(Date.parse(made.expires) - Date.now() - 90 * 86400_000) < 3600_000);
    const send = (key) => fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ type: 'x', event_id: crypto.randomUUID() }) });
    assert.ok((await send(key)).ok, 'it sends');
    const todo = (name, what) => page.getByRole('button', { name: `What to do with ${name}` }).first().click().then(() => page.getByRole('menuitem', { name: what }).click());
    await todo('viewer', 'Replace…');
    await choose(page, 'The old key works on', 'Not at all');
    await dialog(page).getByRole('button', { name: 'Replace the key' }).click();
    await secret.waitFor();
    const successor = await secret.textContent();
    await dialog(page).getByRole('button', { name: 'I have kept it' }).click();
    assert.equal((await ask(successor, '/api/v1/me')).role, 'viewer');
    await assert.rejects(ask(tenant.viewer, '/api/v1/me'), /401/);
    await todo('Shop server', 'Revoke…');
    await dialog(page).getByText('What uses the key Shop server (Writer)').waitFor();
    await sound(page, 'the question');
    await dialog(page).getByRole('button', { name: 'Revoke the key' }).click();
    await closed(page);
    assert.equal((await send(key)).status, 401);
    await settled(page);
    await sound(page, 'keys');
    await shoot(page, 'settings-keys');
    assert.deepEqual(page.faults, []);
  });

  test('people: made, given another role, deleted; masks; the pause that ends a visit', async (t) => {
    const { page, api, tenant } = await on(t, '/settings/people');
    await page.getByRole('button', { name: 'New person' }).click();
    await dialog(page).getByRole('button', { name: 'Create the person' }).click();
    await dialog(page).getByText('A person needs an e-mail address.').waitFor();
    await dialog(page).getByText('A person needs a password.').waitFor();
    await dialog(page).getByLabel('E-mail').fill('ann@example.com');
    await dialog(page).getByLabel('Name', { exact: true }).fill('Ann');
    await dialog(page).locator('input[type=password]').fill('short');
    await dialog(page).getByRole('button', { name: 'Create the person' }).click();
    await dialog(page).getByText(/12 characters/).nth(1).waitFor();
    refusal(page);
    await dialog(page).locator('input[type=password]').fill('a long password 4711');
    await dialog(page).getByRole('button', { name: 'Create the person' }).click();
    await closed(page);
    await choose(page, 'Role of Ann', 'Analyst');
    await until(async () => (await api('users')).users[0].role === 'analyst', 'the role');
    await settled(page);
    await sound(page, 'people');
    await shoot(page, 'settings-people');
    await page.getByRole('button', { name: 'What to do with Ann' }).click();
    await page.getByRole('menuitem', { name: 'Delete…' }).click();
    await dialog(page).getByRole('textbox').fill('ann@example.com');
    await dialog(page).getByRole('button', { name: 'Delete the person' }).click();
    await closed(page);
    assert.deepEqual((await api('users')).users, []);

    await page.getByRole('link', { name: 'Privacy' }).click();
    await page.getByRole('combobox', { name: 'Mask a column or property' }).fill('user_agnt');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText(/did you mean "user_agent"/).waitFor();
    refusal(page);
    await page.getByRole('combobox', { name: 'Mask a column or property' }).fill('user_agent');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('button', { name: 'Remove the mask of user_agent' }).waitFor();
    assert.deepEqual((await api('policy')).masks, [{ column: 'user_agent', roles: ['viewer', 'analyst'], action: 'hide' }]);
    // A name that no event has had is taken, and told.
    assert.equal(await page.getByText('Not seen in any event yet').count(), 0);
    await page.getByRole('combobox', { name: 'Mask a column or property' }).fill('props.passport_number');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('row', { name: /passport_number.*Not seen in any event yet/ }).waitFor();
    await settled(page);
    await sound(page, 'masks');
    await shoot(page, 'settings-masks');
    await page.getByRole('button', { name: 'Remove the mask of passport_number' }).click();
    await dialog(page).getByRole('button', { name: 'Remove the mask' }).click();
    await closed(page);
    await page.getByRole('button', { name: 'Remove the mask of user_agent' }).click();
    await dialog(page).getByRole('button', { name: 'Remove the mask' }).click();
    await closed(page);
    assert.deepEqual((await api('policy')).masks, []);

    await page.getByRole('link', { name: 'General' }).click();
    await choose(page, 'A session ends after a pause of', 'Another length');
    await page.getByLabel('Length', { exact: true }).fill('2m');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText(/outside of 5m to 24h/).waitFor();
    refusal(page);
    await page.getByLabel('Length', { exact: true }).fill('45m');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByRole('button', { name: 'Save changes' }).waitFor({ state: 'hidden' });
    assert.equal((await ask(tenant.admin, `/api/v1/tenants/${tenant.id}`)).settings.session_timeout, '45m');
    await sound(page, 'general');
  });

  test('limits with what is used; on a phone; not for others than admins', async (t) => {
    const { page, tenant, api } = await on(t, '/settings/limits', { viewport: { width: 390, height: 844 } });
    await operator(`/api/v1/tenants/${tenant.id}`, { limits: { queries: 7, scan_bytes_per_hour: 1e9 } }, 'PATCH');
    await page.getByText('0 of 7').waitFor();
    assert.match(await page.getByRole('listitem').filter({ hasText: 'Read in an hour' }).textContent(), /of 1\.0 GB/);
    assert.match(await page.getByRole('listitem').filter({ hasText: 'Expensive queries at once' }).textContent(), /0 used, no limit$/);
    await api('sources/web', { name: 'A name of sixty characters that somebody typed with great ca' }, 'PATCH');
    await operator(`/api/v1/tenants/${tenant.id}/sources`, { id: 'a', name: 'Zoo' });
    await api('users', { email: `somebody.with.a.long.address.${tenant.id}@analytics.example.org`, name: 'Ada', role: 'analyst', password: 'correct horse battery' });
    for (const name of ['Sources', 'Keys', 'People', 'Privacy', 'General', 'Limits']) {
      await page.getByRole('link', { name, exact: true }).click();
      await settled(page);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, name);
      await sound(page, name);
      await shoot(page, `settings-phone-${name.toLowerCase()}`);
      assert.deepEqual(await page.locator('main [role=region]').evaluateAll((l) => l.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.ariaLabel)), [], `nothing of ${name} is out of sight`);
    }
    const sections = page.getByRole('navigation', { name: 'Settings' });
    for (const [name, side] of [['General', 'left'], ['Sources', 'right']]) {
      await page.getByRole('link', { name, exact: true }).click();
      await until(async () => (await sections.getAttribute('data-cut')) === side, `the row of sections to fade at the ${side} of ${name}`);
    }
    await page.getByRole('link', { name: 'Privacy', exact: true }).click();
    const what = await page.getByRole('columnheader', { name: 'Before anything is stored' }).boundingBox();
    assert.ok(what.x + what.width <= 390, `what a source with a long name stores is in sight: ${what.x}`);
    await page.getByRole('link', { name: 'Sources', exact: true }).click();
    await settled(page);
    assert.deepEqual((await page.locator('main li strong').allTextContents()).map((s) => s.slice(0, 6)), ['A name', 'Zoo'], 'sources stand by their names');
    await page.getByRole('link', { name: 'Keys', exact: true }).click();
    await settled(page);
    assert.deepEqual(await page.locator('tbody strong').allTextContents(), ['write key of web', 'admin', 'analyst', 'viewer', 'write key of a'], 'keys stand as they were made');
    const analyst = await open(t, browser);
    await signIn(analyst, tenant.analyst, '/settings/keys');
    await analyst.getByText('There is no such page').waitFor();
    assert.equal(await analyst.getByRole('link', { name: 'Settings' }).count(), 0);
    assert.deepEqual(analyst.faults, []);
  });
});
