// The SQL page on a real access log, driven by clicks and keys; what it shows is what the API says.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { ask, launch, until, weirURL } from '../harness.mjs';
import { open, realSite, settled, shoot, signIn, sound } from './lib.mjs';

let browser, site;
before(async () => {
  browser = await launch();
  site = await realSite();
});
after(() => browser.close());

const top = `SELECT path, count() AS views FROM events WHERE type = 'pageview' GROUP BY path ORDER BY views DESC, path LIMIT 50`;
const address = (sql, more = '') => `/sql?q=${encodeURIComponent(sql)}${more}`;
const run = (page) => page.getByRole('button', { name: 'Run', exact: true }).click();
const grid = (page) => page.getByRole('region', { name: 'Rows of the result' });
const cells = (page, column) => grid(page).locator(`tbody tr[aria-rowindex] td:nth-child(${column + 1})`).allTextContents();
const statement = (page) => page.getByRole('textbox', { name: 'Statement of SQL' });
const text = (page) => page.locator('.cm-line').allTextContents().then((l) => l.join('\n'));

/** Signed in as an analyst, on the page. */
async function on(t, path = '/sql', options) {
  const page = await open(t, browser, options);
  await signIn(page, site.analyst, path);
  await statement(page).waitFor();
  await settled(page);
  return page;
}

/** Nothing was complained about but, where a statement that is wrong was run, the browser's own lines about its answers. */
function wrong(page, ran = false) {
  assert.deepEqual(page.faults.splice(0).filter((f) => !ran || !/^console: Failed to load resource: .* (400|422) /.test(f)), []);
}

describe('SQL', { concurrency: 3, timeout: 600000 }, () => {
  test('the list of completions closes when a statement runs, when a dialog opens, and does not open behind one', async (t) => {
    const page = await on(t);
    const list = page.locator('.cm-tooltip-autocomplete');
    const offered = async () => {
      await statement(page).fill('');
      await statement(page).pressSequentially('SELECT cou');
      await list.waitFor();
    };
    await offered();
    await page.keyboard.press('Control+Enter');
    await list.waitFor({ state: 'detached' });
    await settled(page);
    for (const way of ['at once', 'later']) {
      await statement(page).fill('');
      await page.keyboard.insertText('SELECT path, cou');
      if (way === 'later') await list.waitFor();
      await page.keyboard.press('Control+s');
      await page.getByRole('dialog').waitFor();
      await page.waitForTimeout(700); // the list comes a moment after what is written
      assert.equal(await list.count(), 0, `${way}: no list over the dialog`);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await offered();
    await page.getByRole('button', { name: 'Run', exact: true }).focus();
    await list.waitFor({ state: 'detached' });
    wrong(page, true);
  });

  test('a statement that did not run is there after a look at another page, until one signs out', async (t) => {
    const page = await on(t);
    await statement(page).fill('SELECT 7 AS unfinished');
    await page.getByRole('link', { name: 'Dashboards', exact: true }).click(); // before it stands in the address
    await page.getByRole('heading', { name: 'Dashboards', exact: true }).waitFor();
    await page.getByRole('link', { name: 'SQL', exact: true }).click();
    await until(async () => (await text(page)) === 'SELECT 7 AS unfinished', 'what was written');
    await page.goto(`${weirURL}${address('SELECT 8')}`);
    await until(async () => (await text(page)) === 'SELECT 8', 'the statement of the address');
    await settled(page);
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('tab', { name: 'Key' }).waitFor();
    assert.equal(await page.evaluate(() => Object.keys(sessionStorage).filter((k) => k.startsWith('weir.kept')).length), 0);
  });

  test('an estimate first, then rows as the API has them, with what they cost', async (t) => {
    const page = await on(t, address(top));
    await page.getByText(/Will read about .* rows, .*B, and cost about/).waitFor();
    assert.equal(await grid(page).count(), 0, 'an address runs nothing');
    await run(page);
    await grid(page).waitFor();
    await settled(page);
    const want = await site.sql(top);
    await page.getByRole('heading', { name: `${want.length} rows` }).waitFor();
    const shown = want.slice(0, 20);
    assert.deepEqual((await cells(page, 1)).slice(0, 20), shown.map((r) => r.path));
    assert.deepEqual((await cells(page, 2)).slice(0, 20), shown.map((r) => Number(r.views).toLocaleString('en-US')));
    const facts = await page.locator('dl').textContent();
    for (const what of ['Took', 'Read', 'CPU', 'Memory', 'Cost', 'As of']) assert.ok(facts.includes(what), facts);
    await sound(page, 'rows');
    await shoot(page, 'sql-light');
    await until(async () => { // an answer is kept until the next commit: that may be just then
      await statement(page).press('Control+Enter');
      await settled(page);
      return page.getByText('from the cache').isVisible();
    }, 'an answer from the cache');
    await page.getByRole('button', { name: 'views', exact: true }).click();
    await until(async () => (await grid(page).locator('th[aria-sort=descending]').count()) === 1, 'the order');
    await page.getByRole('button', { name: 'views', exact: true }).click();
    await until(async () => (await cells(page, 2))[0] === Number(want.at(-1).views).toLocaleString('en-US'), 'the least first');
    wrong(page);
  });

  test('completion knows the columns of what is read; the list beside writes them', async (t) => {
    const page = await on(t);
    await statement(page).click();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('SELECT bot_sc');
    await page.getByRole('option', { name: /bot_score/ }).waitFor();
    await shoot(page, 'sql-completion', false);
    await page.getByRole('option', { name: /bot_score/ }).click();
    await until(async () => (await text(page)) === 'SELECT bot_score', 'the name');
    await page.keyboard.type(', s.entry_pa');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('SELECT s.entry_pa FROM sessions AS s');
    for (let i = 0; i < ' FROM sessions AS s'.length; i++) await page.keyboard.press('ArrowLeft');
    await page.keyboard.type('t');
    await page.getByRole('option', { name: /entry_path/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Backspace');
    await page.getByLabel('Search relations and columns').fill('referrer_h');
    await page.getByRole('button', { name: /referrer_host/ }).first().click();
    await until(async () => (await text(page)) === 'referrer_host', 'the name of the list');
    wrong(page);
  });

  test('what is wrong is said with its place, before and after a run', async (t) => {
    const page = await on(t, address('SELECT count()\nFROM events WHERE pth = 1'));
    await page.getByText(/line 2, column 19: there is no column or name pth.*path/).waitFor();
    assert.equal(await page.locator('.cm-fault').textContent(), 'pth');
    wrong(page);
    await run(page);
    await page.getByRole('alert').waitFor();
    assert.match(await page.getByRole('alert').textContent(), /the nearest allowed name is path/);
    await page.getByRole('button', { name: 'Go to line 2, column 19' }).click();
    await page.keyboard.type('x');
    await until(async () => (await text(page)) === 'SELECT count()\nFROM events WHERE xpth = 1', 'what is written where the cursor was put');
    await page.getByText(/no column or name xpth/).waitFor();
    await settled(page);
    wrong(page, true);
    await sound(page, 'an error');
    await shoot(page, 'sql-error', false);
  });

  test('a statement that takes long is cancelled, in the engine too', async (t) => {
    const slow = `SELECT count() FROM events a CROSS JOIN events b CROSS JOIN events c WHERE cityHash64(a.path, b.path, c.path) = 1`;
    const page = await on(t, address(slow));
    await run(page);
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    await page.getByText(/^Running/).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText(/^Cancelled\./).waitFor();
    let runs = 0;
    page.on('request', (r) => (runs += r.method() === 'POST' && new URL(r.url()).pathname === '/api/v1/query' ? 1 : 0));
    await page.getByRole('link', { name: 'Dashboards', exact: true }).click();
    await page.waitForURL('**/dashboards*');
    await page.goBack();
    await statement(page).waitFor();
    await settled(page);
    assert.equal(runs, 0, 'what was cancelled does not run again');
    await run(page);
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(runs, 1);
    const running = async () => (await ask(site.admin, '/api/v1/limits')).now.queries.reduce((n, q) => n + q.running, 0);
    await until(async () => (await running()) === 0, 'nothing to run');
    wrong(page);
  });

  test('a chart of the columns; its choices stand in the address', async (t) => {
    const page = await on(t, address('SELECT toDate(ts) AS day, channel, count() AS n, uniq(client_id) AS visitors FROM events GROUP BY day, channel ORDER BY day'), { colorScheme: 'dark' });
    await run(page);
    await grid(page).waitFor();
    await page.getByRole('tab', { name: 'Chart' }).click();
    await page.locator('canvas').waitFor();
    assert.match(await page.getByRole('img', { name: /^n, visitors by day/ }).getAttribute('aria-label'), /: [1-9]\d* values/);
    await page.locator('input[aria-label="Across"]').click();
    await page.getByRole('option', { name: 'channel', exact: true }).click();
    await page.getByRole('img', { name: / by channel/ }).waitFor();
    await page.getByText('Bars', { exact: true }).click();
    await settled(page);
    assert.equal(new URL(page.url()).searchParams.get('plot'), 'bar');
    await sound(page, 'the chart');
    await shoot(page, 'sql-chart-dark');
    await page.reload();
    await run(page);
    await page.getByRole('img', { name: / by channel/ }).waitFor();
    wrong(page);
  });

  test('files: CSV and Parquet', async (t) => {
    const page = await on(t, address(top));
    await run(page);
    await grid(page).waitFor();
    const file = async (name) => {
      await page.getByRole('button', { name: 'Export' }).click();
      const [got] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: new RegExp(`^${name}`) }).click()]);
      return { name: got.suggestedFilename(), bytes: await readFile(await got.path()) };
    };
    const csv = await file('CSV');
    assert.match(csv.name, /^weir-.*\.csv$/);
    const lines = csv.bytes.toString().trimEnd().split('\n');
    assert.equal(lines[0], '"path","views"');
    assert.equal(lines.length, (await site.sql(top)).length + 1);
    const parquet = await file('Parquet');
    assert.match(parquet.name, /\.parquet$/);
    assert.equal(parquet.bytes.subarray(0, 4).toString(), 'PAR1');
    wrong(page);
  });

  test('a CSV file has every value as it is; the statement of the documentation quotes what a spreadsheet would take for a formula', async (t) => {
    const quoted = /select `(if\(match\(x, .*?)`, which puts/.exec(await readFile('docs/QUERY.md', 'utf8'))[1];
    const values = `arrayJoin(['=1+1', '+1', '-1', '@a', '\\t=1', '\\r=1', 'a=1', '1-1'])`;
    const page = await on(t, address(`SELECT x, ${quoted} AS y FROM (SELECT ${values} AS x FROM events LIMIT 8)`));
    await run(page);
    await grid(page).waitFor();
    await page.getByRole('button', { name: 'Export' }).click();
    const [got] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /^CSV Values as they are: import them as text/ }).click()]);
    const lines = (await readFile(await got.path())).toString().trimEnd().split('\n').slice(1).sort();
    assert.deepEqual(lines, ['"=1+1","\'=1+1"', '"+1","\'+1"', '"-1","\'-1"', '"@a","\'@a"', '"\t=1","\'\t=1"', '"\r=1","\'\r=1"', '"a=1","a=1"', '"1-1","1-1"'].sort());
    wrong(page);
  });

  test('saved: under a name, changed, opened by another, deleted', async (t) => {
    const page = await on(t, address(top));
    await statement(page).click();
    await page.keyboard.press('Control+S');
    await page.getByLabel('Name').fill('Top pages');
    await sound(page, 'the form');
    await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    const [kept] = (await ask(site.analyst, '/api/v1/queries')).queries;
    assert.equal(kept.sql, top);
    assert.equal(new URL(page.url()).searchParams.get('saved'), kept.id);

    const other = await on(t, '/sql');
    await statement(other).fill('SELECT 9 AS unfinished');
    await until(() => other.url().includes('unfinished'), 'what is written in the address');
    await other.goto(`${weirURL}/sql?saved=${kept.id}`);
    await until(async () => (await text(other)) === top, 'the statement of the link');
    await statement(other).click();
    await other.keyboard.press('Control+End');
    await other.keyboard.insertText(' -- mine'); // at once: a single '-', asked for its estimate, is an error of the statement
    await other.getByText('Top pages, changed').waitFor();
    await other.getByRole('button', { name: 'Save', exact: true }).click();
    await other.getByRole('button', { name: 'Change “Top pages”' }).click();
    await other.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.equal((await ask(site.analyst, `/api/v1/queries/${kept.id}`)).sql, `${top} -- mine`);
    await other.getByRole('button', { name: 'Saved' }).click();
    const list = other.getByRole('dialog', { name: 'Saved' }); // no menu: an entry has two buttons
    await list.getByRole('button', { name: /^Top pages/ }).waitFor();
    await sound(other, 'the saved ones');
    await list.getByRole('button', { name: 'Delete Top pages' }).click();
    await other.getByRole('dialog').getByText('is gone for everybody').waitFor();
    await sound(other, 'the question');
    await shoot(other, 'sql-delete', false);
    await other.getByRole('button', { name: 'Delete the query' }).click();
    await other.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.deepEqual((await ask(site.analyst, '/api/v1/queries')).queries, []);
    wrong(page);
    wrong(other);
  });

  test('history of this tab, until one signs out', async (t) => {
    const page = await on(t, address('SELECT 1 AS one'));
    await page.getByRole('button', { name: 'History' }).click();
    await page.getByText('What runs in this tab is listed here').waitFor();
    assert.equal(await page.getByRole('menuitem').count(), 0, 'it is a text to be read, and not something that cannot be chosen');
    await page.keyboard.press('Escape');
    await run(page);
    await grid(page).waitFor();
    await statement(page).click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('SELECT 2 AS two');
    await page.keyboard.press('Control+Enter');
    await grid(page).getByRole('button', { name: 'two' }).waitFor();
    await page.reload();
    await statement(page).waitFor();
    await page.getByRole('button', { name: 'History' }).click();
    await until(async () => (await page.getByRole('menuitem').count()) >= 2, 'both statements');
    assert.deepEqual((await page.getByRole('menuitem').allTextContents()).map((s) => s.replace(/(just|\d+ (s|min)).*/, '')), ['SELECT 2 AS two', 'SELECT 1 AS one']);
    await page.getByRole('menuitem').nth(1).click();
    await until(async () => (await text(page)) === 'SELECT 1 AS one', 'the older one');
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('tab', { name: 'Key' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });

  test('a hundred thousand rows scroll like ten, and whole numbers are exact', async (t) => {
    const page = await on(t, address('SELECT number AS row, 18446744073709451616 + number AS large FROM system.numbers LIMIT 100000'));
    await run(page);
    await page.getByRole('heading', { name: '100,000 rows' }).waitFor();
    assert.ok((await grid(page).locator('tbody tr').count()) < 100);
    const cut = () => grid(page).locator('tbody td:first-child').evaluateAll((l) => l.filter((c) => c.scrollWidth > c.clientWidth).map((c) => c.textContent));
    assert.deepEqual(await cut(), [], 'numbers of rows that are cut');
    assert.equal((await cells(page, 2))[0], '18,446,744,073,709,451,616');
    await grid(page).evaluate((e) => e.scrollTo(0, e.scrollHeight));
    await grid(page).getByText('18,446,744,073,709,551,615').waitFor();
    assert.deepEqual(await cut(), [], 'numbers of rows that are cut');
    wrong(page);
  });

  test('on a phone; a viewer has no such page', async (t) => {
    const page = await on(t, address(top), { viewport: { width: 390, height: 844 } });
    await run(page);
    await grid(page).waitFor();
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    await sound(page, 'phone');
    await shoot(page, 'sql-phone');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByLabel('Search relations and columns').waitFor();
    const viewer = await open(t, browser);
    await signIn(viewer, site.viewer, '/sql');
    await viewer.getByText('There is no such page').waitFor();
    assert.equal(await viewer.getByRole('link', { name: 'SQL' }).count(), 0);
  });
});
