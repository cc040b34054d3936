// What the suites of the dashboard share: a tenant with a real access log, a signed-in page, and what holds for every page.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { artefacts, clearOfMidnight, complaints, load, newTenant, patience, until, weirURL } from '../harness.mjs';

const log = 'internal/demo/sample.log.gz';
const axe = load('axe-core').source;

export const zone = 'Europe/Berlin'; // of the site; the browser is elsewhere

/** A tenant whose site has the bundled access log, moved so that its last line is now; count(expression, condition) asks SQL. */
export async function realSite() {
  await clearOfMidnight(zone);
  const tenant = await newTenant({ time_zone: zone, name: 'Semicomplete' });
  await promisify(execFile)(process.env.WEIR_BIN, ['import', '--tenant', tenant.id, '--site-id', tenant.site, '--shift-to-now', '--strict', '--base-url', 'http://www.semicomplete.com', log], {
    env: { ...process.env, WEIR_SERVER: weirURL },
  });
  tenant.count = async (expression, condition = '1') => Number((await tenant.sql(`SELECT ${expression} AS n FROM events WHERE NOT is_bot AND ${condition}`))[0].n);
  const lines = gunzipSync(readFileSync(log)).toString().trimEnd().split('\n').length;
  await until(async () => Number((await tenant.sql('SELECT count() AS n FROM events'))[0].n) === lines, 'an event for each line');
  return tenant;
}

/** A page of a new context, with a list of what it complains about; the test fails at its end if there is anything. */
export async function open(t, browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, timezoneId: 'America/Los_Angeles', locale: 'en-US', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  t.after(async () => {
    await page.unrouteAll({ behavior: 'ignoreErrors' }); // an answer that a test's route still waits for when it ends is no fault
    await context.close();
  });
  page.setDefaultTimeout(patience);
  page.faults = complaints(page);
  page.asked = asked(page);
  return page;
}

/** The questions to the API that a page has asked and that have no answer yet; without the live view's, which goes on. */
function asked(page) {
  const open = new Set();
  page.on('request', (r) => {
    if (r.isNavigationRequest()) open.clear(); // those of the page before have no end
    else if (/\/api\/v1\//.test(r.url()) && !/\/live(\?|$)/.test(r.url())) open.add(r);
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (r) => open.delete(r));
  return open;
}

/** Signs in with a key, as people do: on the page that they wanted to see. */
export async function signIn(page, key, address = '/') {
  await page.goto(weirURL + address);
  await page.getByRole('tab', { name: 'Key' }).click();
  refused(page, 'sign-in');
  await page.getByLabel(/^Key /).fill(key);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.locator('main#page').waitFor();
}

/** Nothing was complained about but the browser's own line about the one answer 401 that is meant: nobody was signed in, or the key was wrong. */
export function refused(page, what) {
  assert.deepEqual(page.faults.splice(0).map((f) => f.replace(/^console: Failed to load resource: .* 401 .*/, '401')), ['401'], what);
}

/** Waits until every question of the page has its answer, and shows it. */
export async function settled(page) {
  await page.waitForLoadState('networkidle');
  const open = () => page.asked?.size ?? 0;
  const shown = () =>
    page.evaluate(async () => {
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); // what just came is drawn
      return !document.querySelector('[role=status][aria-label=Loading],.mantine-Skeleton-root,[data-old],[aria-busy=true]') && !!document.querySelector('main h1, main h2, main strong');
    });
  await until(async () => open() === 0 && (await shown()) && open() === 0, 'an answer to every question');
}

/** Waits until an element has the focus. */
export const focused = (page, element, what) => until(() => element.evaluate((e) => e === document.activeElement), { toString: () => `the focus on ${what}` });

/** A screenshot, which stays: of the whole page, or of what the window shows. */
export const shoot = (page, name, fullPage = true) => page.screenshot({ path: path.join(artefacts, `${name}.png`), fullPage });

/** No serious fault for people who use assistive technology, and no complaint of the page. */
export async function sound(page, what) {
  // What is being asked anew is faded meanwhile, as what is not in use may be.
  await page.waitForFunction(() => !document.querySelector('[aria-busy=true]') && !document.getAnimations().some((a) => a instanceof CSSTransition && a.playState === 'running'));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => self.axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  assert.deepEqual(serious.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`), [], `${what}: axe-core`);
  assert.deepEqual(page.faults, [], what);
}

/** What is wider than the window shows at its edge that it goes on: a region of this name fades there. */
export const fades = (page, name) => page.locator(`[role=region][aria-label="${name}"][data-cut~=right]`).first().waitFor();

/** A button looks like a link in its text: of its letters, underlined, without a box. */
export const looksLikeLink = async (button) =>
  assert.deepEqual(
    await button.evaluate((b) => {
      const [own, around] = [getComputedStyle(b), getComputedStyle(b.parentElement)];
      return { line: own.textDecorationLine, padding: own.padding, border: own.borderTopWidth, ground: own.backgroundColor, size: own.fontSize === around.fontSize, color: own.color === around.color, cursor: own.cursor };
    }),
    { line: 'underline', padding: '0px', border: '0px', ground: 'rgba(0, 0, 0, 0)', size: true, color: true, cursor: 'pointer' },
  );

/** The exact number of a tile of the headline. */
export async function tile(page, name) {
  const title = await page.locator('section[aria-label="Headline numbers"] button[aria-pressed]').filter({ hasText: name }).first().getAttribute('title');
  return Number(title.replace(/.*: /, '').replaceAll(',', ''));
}

/** Waits until a tile shows a number. */
export const shows = (page, name, n) => until(async () => (await tile(page, name)) === n, { toString: () => `${name} to be ${n}` });

/** weir behind a line that can be cut: cut() breaks all connections and refuses new ones, mend() ends that. */
export async function line(t) {
  const { hostname, port } = new URL(weirURL);
  const open = new Set();
  let down = false;
  const server = createServer((a) => {
    if (down) return a.destroy();
    const b = connect(Number(port), hostname);
    for (const [x, y] of [[a, b], [b, a]]) {
      open.add(x);
      x.on('error', () => y.destroy()).on('close', () => open.delete(x) && y.destroy());
      x.pipe(y);
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const cut = () => {
    down = true;
    for (const s of open) s.destroy();
  };
  t.after(() => {
    cut();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, cut, mend: () => (down = false) };
}
