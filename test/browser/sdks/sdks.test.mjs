// SDKs of other products in a real browser: pages of another origin load them unmodified and send to weir, through CORS, with preflights, beacons
// and requests that outlive their page.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { complaints, launch, newTenant, patience, servePages, until, weirURL } from '../harness.mjs';

// What Chromium calls itself when it has a window: without one it would be a robot.
const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
const modules = process.env.WEIR_SDKS;
const script = (file) => async (_, res) => {
  res.writeHead(200, { 'Content-Type': 'text/javascript; charset=utf-8' }).end(await readFile(path.join(modules, file)));
};

let browser, pages;
before(async () => {
  browser = await launch();
  pages = await servePages({
    '/segment.js': script('@segment/analytics-next/dist/umd/index.js'),
    '/posthog.js': script('posthog-js/dist/module.no-external.js'),
    '/plausible.js': script('@plausible-analytics/tracker/plausible.js'),
    '/old/index.js': script('plausible-tracker/build/module/index.js'),
    '/old/lib/tracker': script('plausible-tracker/build/module/lib/tracker.js'),
    '/old/lib/request': script('plausible-tracker/build/module/lib/request.js'),
    '/snowplow.js': script('@snowplow/browser-tracker/dist/index.umd.min.js'),
    '/jitsu.js': script('@jitsu/js/dist/jitsu.es.js'),
    '/empty': '<title>empty</title>',
  });
});
after(async () => {
  await browser.close();
  await pages.close();
});

let sources = 0;

/** Opens a page with a body, in a context of its own, for a source that takes only pages of this host. */
async function open(t, body) {
  const at = `/page/${++sources}`;
  const alias = `sdk-${process.pid}-${sources}.example`;
  const tenant = await newTenant({ aliases: [alias], hostnames: ['127.0.0.1'] });
  const context = await browser.newContext({ userAgent, locale: 'de-DE', viewport: { width: 1000, height: 700 } });
  context.setDefaultTimeout(patience);
  t.after(() => context.close());
  const page = await context.newPage();
  const faults = complaints(page);
  pages.routes[at] = `<!doctype html><title>Page A</title><body>${body.replaceAll('ALIAS', alias).replaceAll('WEIR', weirURL)}</body>`;
  await page.goto(`${pages.url}${at}?utm_source=news&utm_medium=mail&utm_campaign=spring`, { referer: 'https://www.google.com/' });
  return { tenant, page, faults, at };
}

/** Waits for n events and returns them, in the order of their types. Copies would be there too. */
async function events(tenant, n, columns) {
  const count = async () => Number((await tenant.sql('SELECT count() AS n FROM events'))[0].n);
  await until(async () => (await count()) >= n, `${n} events`);
  await new Promise((done) => setTimeout(done, 1000)); // what was sent twice would be there by now
  const [{ n: all, ids }] = await tenant.sql('SELECT count() AS n, uniqExact(event_id) AS ids FROM events');
  assert.deepEqual([Number(all), Number(ids)], [n, n], JSON.stringify(await tenant.sql('SELECT type, event_id FROM events')));
  return tenant.sql(`SELECT type, ${columns} FROM events ORDER BY type, ts`);
}

const where = `path, utm_source, utm_medium, utm_campaign, referrer_host, browser, props['title'] AS title`;
const from = { utm_source: 'news', utm_medium: 'mail', utm_campaign: 'spring', referrer_host: 'www.google.com', browser: 'Chrome', title: 'Page A' };

describe('in a page', { concurrency: 4 }, () => {
  for (const strategy of ['one by one', 'in batches']) {
    test(`Segment's analytics.js, ${strategy}`, async (t) => {
      const { tenant, faults, at } = await open(t, `<script src="/segment.js"></script><script type="module">
        const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: 'ALIAS', cdnURL: 'WEIR' },
          { integrations: { 'Segment.io': { deliveryStrategy: ${strategy === 'in batches' ? `{ strategy: 'batching', config: { size: 3, timeout: 100 } }` : '{}'} } } });
        await analytics.page(); // what is asked for while it loads is not sent in order: identify goes first
        analytics.identify('u1', { plan: 'pro' });
        analytics.track('Order Completed', { revenue: 12.5, currency: 'EUR' });
      </script>`);
      const rows = await events(tenant, 3, `${where}, client_id != '' AS known, user_id, props['plan'] AS plan, props_num['revenue'] AS revenue, props['locale'] AS locale`);
      assert.deepEqual(rows, [
        { type: 'Order Completed', path: at, ...from, known: 1, user_id: 'u1', plan: '', revenue: 12.5, locale: 'de-DE' },
        { type: 'identify', path: at, ...from, known: 1, user_id: 'u1', plan: 'pro', revenue: 0, locale: 'de-DE' },
        { type: 'pageview', path: at, ...from, known: 1, user_id: '', plan: '', revenue: 0, locale: 'de-DE' },
      ]);
      assert.deepEqual(faults, []);
    });
  }

  test('posthog-js', async (t) => {
    const { tenant, page, faults, at } = await open(t, `<script type="module">
      import posthog from '/posthog.js';
      posthog.init('ALIAS', { api_host: 'WEIR', opt_out_useragent_filter: true, autocapture: false, capture_pageview: true, disable_surveys: true });
      window.posthog = posthog;
    </script>`);
    await until(() => page.evaluate(() => window.posthog?.__loaded), 'posthog');
    await until(async () => (await tenant.sql('SELECT count() AS n FROM events'))[0].n >= 1, 'the page view');
    await page.evaluate(() => {
      posthog.identify('u1', { plan: 'pro' });
      posthog.capture('Order Completed', { revenue: 12.5, currency: 'EUR' });
    });
    await until(async () => (await tenant.sql('SELECT count() AS n FROM events'))[0].n >= 3, 'three events');
    await page.goto(`${pages.url}/empty`); // it says good-bye with a beacon
    const rows = await events(tenant, 4, `path, referrer_host, utm_source, client_id != '' AS known, client_id, user_id, session_id != '' AS session, props['plan'] AS plan, props_num['revenue'] AS revenue`);
    const client = rows[0].client_id;
    const same = { path: at, referrer_host: 'www.google.com', utm_source: 'news', known: 1, client_id: client, session: 1 };
    assert.deepEqual(rows, [
      { type: 'Order Completed', ...same, user_id: 'u1', plan: '', revenue: 12.5 },
      { type: 'engagement', ...same, user_id: 'u1', plan: '', revenue: 0 },
      { type: 'identify', ...same, user_id: 'u1', plan: 'pro', revenue: 0 },
      { type: 'pageview', ...same, user_id: '', plan: '', revenue: 0 },
    ]);
    assert.deepEqual(faults, []);
  });

  test('the trackers of Plausible', async (t) => {
    const { tenant, faults, at } = await open(t, `<script type="module">
      import { init, track } from '/plausible.js';
      init({ domain: 'ALIAS', endpoint: 'WEIR/api/event', captureOnLocalhost: true });
      track('Purchase', { props: { plan: 'pro' }, revenue: { amount: 12.5, currency: 'EUR' } });
    </script><script type="module">
      import Plausible from '/old/index.js';
      const p = Plausible({ domain: 'ALIAS', apiHost: 'WEIR', trackLocalhost: true });
      p.trackEvent('signup', { props: { plan: 'free' } });
    </script>`);
    const rows = await events(tenant, 3, `path, utm_source, referrer_host, browser, props['plan'] AS plan, props_num['revenue'] AS revenue, props['currency'] AS currency`);
    const same = { path: at, utm_source: 'news', referrer_host: 'www.google.com', browser: 'Chrome' };
    assert.deepEqual(rows, [
      { type: 'Purchase', ...same, plan: 'pro', revenue: 12.5, currency: 'EUR' },
      { type: 'pageview', ...same, plan: '', revenue: 0, currency: '' },
      { type: 'signup', ...same, plan: 'free', revenue: 0, currency: '' },
    ]);
    assert.deepEqual(faults, []);
  });

  for (const method of ['post', 'get', 'beacon']) {
    test(`Snowplow's browser tracker, ${method}`, async (t) => {
      const { tenant, faults, at } = await open(t, `<script src="/snowplow.js"></script><script>
        const { newTracker, trackPageView, trackStructEvent, trackSelfDescribingEvent, setUserId } = snowplowBrowserTracking;
        newTracker('sp', 'WEIR', { appId: 'ALIAS', eventMethod: '${method}', plugins: [] });
        trackPageView();
        setUserId('u1');
        trackStructEvent({ category: 'video', action: 'play', label: 'ä', value: 3.5 });
        trackSelfDescribingEvent({ event: { schema: 'iglu:com.acme/order/jsonschema/1-0-0', data: { revenue: 12.5, currency: 'EUR' } } });
      </script>`);
      const rows = await events(tenant, 3, `${where.replace(", props['title'] AS title", '')}, client_id != '' AS known, session_id != '' AS session, user_id, props['label'] AS label, props_num['revenue'] AS revenue, props['viewport'] AS viewport`);
      const { title, ...same } = { path: at, ...from, known: 1, session: 1, viewport: '1000x700' };
      assert.deepEqual(rows, [
        { type: 'order', ...same, user_id: 'u1', label: '', revenue: 12.5 },
        { type: 'pageview', ...same, user_id: '', label: '', revenue: 0 },
        { type: 'play', ...same, user_id: 'u1', label: 'ä', revenue: 0 },
      ]);
      assert.deepEqual(faults, []);
    });
  }

  test("Jitsu's library", async (t) => {
    const { tenant, faults, at } = await open(t, `<script type="module">
      import { jitsuAnalytics } from '/jitsu.js';
      const j = jitsuAnalytics({ host: 'WEIR', writeKey: 'ALIAS:x' });
      await j.page();
      await j.identify('u1', { plan: 'pro' });
      await j.track('Order Completed', { revenue: 12.5 });
    </script>`);
    const rows = await events(tenant, 3, `${where}, client_id != '' AS known, user_id, props['plan'] AS plan, props_num['revenue'] AS revenue`);
    assert.deepEqual(rows, [
      { type: 'Order Completed', path: at, ...from, known: 1, user_id: 'u1', plan: '', revenue: 12.5 },
      { type: 'identify', path: at, ...from, known: 1, user_id: 'u1', plan: 'pro', revenue: 0 },
      { type: 'pageview', path: at, ...from, known: 1, user_id: '', plan: '', revenue: 0 },
    ]);
    assert.deepEqual(faults, []);
  });
});
