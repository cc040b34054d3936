// Takes the pictures of docs/img from the dashboard of a made-up shop. `make screenshots` runs it; nothing here decides about right and wrong.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ask, launch, newTenant, until, weirURL } from '../harness.mjs';
import { settled } from '../dashboard/lib.mjs';

const out = process.env.WEIR_SCREENS;
const days = 56;
const minute = 60_000;
const day = 24 * 60 * minute;

/** Numbers in [0, 1), the same in each run. */
function numbers(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = numbers(7);
const pick = (list) => list[Math.floor(random() ** 1.7 * list.length)];

const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
];
const referrers = ['', 'https://www.google.com/', '', 'https://duckduckgo.com/', 'https://news.ycombinator.com/', 'https://www.reddit.com/r/gardening', 'https://old.lobste.rs/', 'https://mastodon.social/'];
// Addresses of public services of the network itself (registries, resolvers), of many countries.
const addresses = ['141.1.1.1', '8.8.8.8', '128.232.0.1', '80.67.169.12', '193.0.6.139', '194.132.32.23', '200.160.0.8', '203.119.1.1', '130.59.1.1', '202.12.29.175', '9.9.9.9', '199.212.0.46'];
const products = ['watering-can', 'pruning-shears', 'seed-box', 'clay-pot', 'garden-hose', 'rain-barrel', 'trellis', 'gloves'];
const guides = ['tomatoes', 'compost', 'bees', 'winter', 'balcony'];
const campaigns = ['', '', '', '?utm_source=newsletter&utm_medium=email&utm_campaign=spring', '?utm_source=google&utm_medium=cpc&utm_campaign=hoses'];

/** The events of a visit that begins at a time. */
function visit(client, at) {
  const events = [];
  const base = { client_id: client.id, user_agent: client.agent, ip: client.ip };
  let ts = at;
  const add = (type, where, more = {}) => {
    events.push({ ...base, type, ts, url: `https://shop.example.com${where}`, ...more });
    ts += Math.floor(minute * (0.2 + 2 * random()));
  };
  add('pageview', pick(['/', '/', '/guides/' + pick(guides), '/products/' + pick(products)]) + pick(campaigns), { referrer: pick(referrers) });
  if (random() < 0.35) return events;
  while (random() < 0.7) add('pageview', random() < 0.3 ? '/guides/' + pick(guides) : '/products/' + pick(products));
  if (random() < 0.3) {
    add('identify', '/account', { user_id: client.user, props: { plan: pick(['guest', 'member']) } });
    add('add to cart', '/products/' + pick(products), { props: { quantity: 1 + Math.floor(3 * random()) } });
    if (random() < 0.65) {
      add('checkout', '/checkout');
      if (random() < 0.7) {
        add('pageview', '/checkout/done');
        add('purchase', '/checkout/done', { user_id: client.user, props: { revenue: Math.round(100 * (12 + 90 * random())) / 100, currency: 'EUR', plan: pick(['guest', 'member']) } });
      }
    }
  }
  return events;
}

/** The events of all weeks, in the order of their time. */
function history(now) {
  const clients = Array.from({ length: 5000 }, (_, i) => ({ id: `c${i}`, user: `customer-${i}`, agent: pick(agents), ip: pick(addresses), from: random() * days, often: random() }));
  const events = [];
  for (const client of clients) {
    for (let at = client.from; at < days; at += 0.4 + (client.often < 0.3 ? 6 : 60) * random()) {
      const hour = 7 + 14 * ((random() + random()) / 2);
      events.push(...visit(client, now - days * day + (Math.floor(at) + 1) * day + hour * 60 * minute - (now % day)));
    }
  }
  return events.filter((e) => e.ts < now).sort((a, b) => a.ts - b.ts);
}

let browser, site;
before(async () => {
  browser = await launch();
  site = await newTenant({ time_zone: 'Europe/Berlin', name: 'Garden shop' });
  const events = history(Date.now());
  const dir = await mkdtemp(path.join(tmpdir(), 'weir-screens-'));
  const file = path.join(dir, 'events.ndjson');
  await writeFile(file, events.map((e) => JSON.stringify(e)).join('\n') + '\n');
  try {
    await promisify(execFile)(process.env.WEIR_BIN, ['import', '--format', 'ndjson', '--key', site.writeKey, '--site-id', site.site, file], { env: { ...process.env, WEIR_SERVER: weirURL } });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  await until(async () => Number((await site.sql('SELECT count() AS n FROM events'))[0].n) === events.length, 'all events', 120_000);
});
after(() => browser.close());

/** Takes a picture of a page as an analyst sees it. */
async function shot(name, address, { dark = false, act, ready } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 880 }, timezoneId: 'Europe/Berlin', locale: 'en-US', reducedMotion: 'reduce', colorScheme: dark ? 'dark' : 'light' });
  try {
    const page = await context.newPage();
    page.faults = [];
    await page.goto(weirURL + address);
    await page.getByRole('tab', { name: 'Key' }).click();
    await page.getByLabel(/^Key /).fill(site.admin);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.locator('main#page').waitFor();
    await page.mouse.move(0, 0); // nothing is pointed at
    if (ready) await ready(page);
    else await settled(page);
    if (act) await act(page);
    await page.waitForTimeout(600); // charts draw behind their numbers
    await page.screenshot({ path: path.join(out, `${name}.png`) });
  } finally {
    await context.close();
  }
}

const of = (page, params = '') => `/sites/${site.site}/${page}${params}`;

test('overview', async () => {
  const act = (page) => until(async () => /^[+−]/.test((await page.locator('button[aria-pressed]', { hasText: 'Revenue' }).locator('span').last().textContent()) ?? ''), 'the revenue and its change');
  await shot('overview', of('overview', '?range=30d&compare=1'), { act });
  await shot('overview-dark', of('overview', '?range=30d&compare=1'), { dark: true, act });
});

test('funnel', async () => {
  const funnel = { steps: [{ type: 'pageview' }, { type: 'add to cart' }, { type: 'checkout' }, { type: 'purchase' }], window: '7d' };
  await shot('funnel', of('funnels', `?range=30d&funnel=${encodeURIComponent(JSON.stringify(funnel))}`));
});

test('retention', () => shot('retention', of('retention')));

test('data health', () => shot('health', of('health', '?range=7d')));

test('a visitor', async () => {
  const { data } = await ask(site.analyst, '/api/v1/query', { sql: "SELECT client_id FROM events WHERE type = 'purchase' GROUP BY client_id ORDER BY count() DESC, client_id LIMIT 1" });
  await shot('visitor', of(`sessions/visitors/${data[0].client_id}`));
});

test('SQL', async () => {
  const q = "SELECT toDate(ts) AS day, channel, count() AS purchases\nFROM events\nWHERE type = 'purchase' AND ts >= now() - INTERVAL 30 DAY\nGROUP BY day, channel\nORDER BY day";
  await shot('sql', `/sql?q=${encodeURIComponent(q)}&view=chart`, {
    act: async (page) => {
      await page.getByRole('button', { name: /^Run/ }).first().click();
      await settled(page);
    },
  });
});

test('live', async () => {
  let on = true;
  const clients = Array.from({ length: 140 }, (_, i) => ({ id: `live${i}`, user: `customer-${i}`, agent: pick(agents), ip: pick(addresses) }));
  const sending = (async () => {
    for (let i = 0; on; i++) {
      const events = visit(clients[i % clients.length], Date.now()).map((e) => ({ ...e, ts: Date.now() }));
      await fetch(`${weirURL}/ingest`, { method: 'POST', headers: { Authorization: `Bearer ${site.writeKey}` }, body: events.map((e) => JSON.stringify(e)).join('\n') });
      await new Promise((done) => setTimeout(done, 60));
    }
  })();
  try {
    await new Promise((done) => setTimeout(done, 15_000));
    await shot('live', of('live'), { ready: (page) => page.waitForTimeout(4000) });
  } finally {
    on = false;
    await sending;
  }
});
