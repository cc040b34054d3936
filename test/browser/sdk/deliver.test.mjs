// Nothing is lost and nothing is stored twice, whatever happens to the page, the network and the server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { complaints, launch, patience, until } from '../harness.mjs';
import { exactlyOnce, listIDs, loaded, make, recovered, settled, site } from './lib.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const context = async (t, init) => {
  const c = await browser.newContext();
  c.setDefaultTimeout(patience);
  t.after(() => c.close());
  if (init) await c.addInitScript(init);
  return c;
};
/** A later visit, which takes over what ended pages left behind. */
const visit = async (c, s) => {
  const page = await c.newPage();
  await page.goto(`${s.url}/two`);
  await loaded(page);
  return page;
};

describe('delivery', { concurrency: 8, timeout: 600000 }, () => {
  test('a tab that closes while it sends', async (t) => {
    const s = await site(t);
    const c = await context(t);
    const ids = [];
    let n = 0;
    s.gate.fault = (e) => (e.path === '/collect' ? [undefined, 'lose', 'drop'][n++ % 3] : undefined);
    for (let i = 0; i < 8; i++) {
      const page = await c.newPage();
      listIDs(page, ids);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await make(page, 5 + i * 3);
      await page.evaluate(() => weir.flush());
      await make(page, 3);
      if (i % 2) await page.goto(`${s.url}/blank`);
      await page.close();
    }
    s.gate.fault = () => undefined;
    await recovered(s, await visit(c, s), ids);
    assert.equal(ids.length, 148);
  });

  test('the process of the page dies', async (t) => {
    const own = await launch();
    t.after(() => own.close());
    const s = await site(t);
    const c = await own.newContext();
    const ids = [];
    for (let i = 0; i < 4; i++) {
      s.gate.fault = (e) => (e.path === '/collect' ? ['drop', 'lose', 'stall', undefined][i] : undefined);
      const page = await c.newPage();
      listIDs(page, ids);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await make(page, 20);
      await page.evaluate(() => weir.flush());
      let crashed = false;
      page.once('crash', () => (crashed = true));
      // Chromium ends the page's process on the spot. (A kill by id also hits the spare process that the next page is to get, and that page then hangs.)
      const cdp = await c.newCDPSession(page);
      cdp.send('Page.crash').catch(() => undefined); // nobody is left to answer
      await until(() => crashed, 'the crash');
    }
    s.gate.fault = () => undefined;
    await recovered(s, await visit(c, s), ids);
    assert.equal(ids.length, 80);
  });

  test('offline and back', async (t) => {
    const s = await site(t);
    const c = await context(t);
    const page = await c.newPage();
    const ids = listIDs(page);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await make(page, 5);
    await c.setOffline(true);
    await make(page, 150);
    await page.evaluate(() => weir.flush());
    await page.waitForTimeout(1500);
    await make(page, 5);
    await c.setOffline(false);
    await exactlyOnce(s, ids);
    assert.equal(ids.length, 160);
  });

  test('a server that is away, refuses, loses answers or never answers', async (t) => {
    const s = await site(t);
    const c = await context(t);
    const page = await c.newPage();
    const faults = complaints(page);
    const ids = listIDs(page);
    let fault = { status: 503 };
    s.gate.fault = (e) => (e.path === '/sdk.js' ? undefined : fault);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await make(page, 10);
    const tried = (n) => until(() => s.gate.sent().length >= n, `${n} requests`);
    await tried(2);
    await make(page, 10);
    fault = 'lose';
    await tried(s.gate.sent().length + 1);
    fault = 'drop';
    await make(page, 10);
    await tried(s.gate.sent().length + 1);
    fault = undefined;
    await exactlyOnce(s, ids);
    assert.equal(ids.length, 30);
    assert.deepEqual(faults.filter((f) => !f.includes('Failed to load resource')), []); // the browser's own complaints
  });

  test('429: nothing is sent before Retry-After is over, not by a beacon either', async (t) => {
    const s = await site(t);
    const c = await context(t, () => {
      const real = fetch;
      self.fetch = (...request) => real(...request).then((answer) => (answer.status === 429 && setTimeout(() => (self.heard = true)), answer));
    });
    const page = await c.newPage();
    const ids = listIDs(page);
    let refused = 0;
    s.gate.fault = (e) => (e.path === '/collect' && !refused ? ((refused = Date.now()), { status: 429, headers: { 'Retry-After': '5' } }) : undefined);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await make(page, 30);
    await page.waitForFunction(() => self.heard); // the page has read the refusal
    await page.evaluate(() => {
      weir.flush();
      dispatchEvent(new Event('online'));
    });
    await make(page, 30);
    await page.goto(`${s.url}/blank`);
    await page.waitForTimeout(1000);
    assert.equal(s.gate.sent().filter((e) => e.at - refused < 4990).length, 1); // a busy machine may come here later
    const back = await visit(c, s);
    await recovered(s, back, ids);
    // In one page: the next request comes after the time.
    refused = 0;
    listIDs(back, ids);
    await make(back, 3);
    await until(() => refused, 'the refusal');
    const before = s.gate.sent().length;
    await until(() => s.gate.sent().length > before, 'the next request');
    assert.ok(s.gate.sent()[before].at - refused >= 4990, `${s.gate.sent()[before].at - refused} ms`);
    await exactlyOnce(s, ids);
  });

  test('413 halves the batch; other refusals drop it and the rest goes on', async (t) => {
    const s = await site(t);
    const c = await context(t);
    const page = await c.newPage();
    const ids = listIDs(page);
    s.gate.fault = (e) => {
      if (e.path !== '/collect') return undefined;
      const events = JSON.parse(e.body).events;
      if (events.some((x) => x.type === 'poison')) return { status: 400 };
      return events.length > 3 ? { status: 413 } : undefined;
    };
    await page.goto(`${s.url}/`);
    await loaded(page);
    await make(page, 20);
    await exactlyOnce(s, ids);
    await page.evaluate(() => weir.track('poison'));
    await settled(page);
    await make(page, 2);
    await exactlyOnce(s, ids);
  });

  test('several tabs share the queue while the server is away', async (t) => {
    const s = await site(t);
    const c = await context(t);
    const ids = [];
    let away = true;
    s.gate.fault = (e) => (away && e.path !== '/sdk.js' ? 'drop' : undefined);
    const tabs = await Promise.all(
      Array.from({ length: 5 }, async (_, i) => {
        const page = await c.newPage();
        listIDs(page, ids);
        await page.goto(`${s.url}/?tab=${i}`);
        await loaded(page);
        await make(page, 40);
        return page;
      }),
    );
    for (const page of tabs.slice(0, 3)) await page.close();
    away = false;
    const more = await visit(c, s);
    listIDs(more, ids);
    await Promise.all([make(more, 10), make(tabs[3], 10), make(tabs[4], 10)]);
    await recovered(s, more, ids);
    assert.equal(ids.length, 230);
  });

  for (const [target, type] of [['document', 'visibilitychange'], ['self', 'visibilitychange'], ['self', 'pagehide'], ['self', 'beforeunload']]) {
    test(`what the page itself says of its end: ${type} of ${target}`, async (t) => {
      const s = await site(t, {
        attributes: 'data-cookieless', // no other page sends it
        headers: { 'Cache-Control': 'no-store' }, // nor this one, from the back-forward cache
        body: `<script>${target}.addEventListener('${type}', () => {
          if ('${type}' === 'visibilitychange' && document.visibilityState !== 'hidden') return;
          for (const n of [1, 2, 3]) weir.track('leave', { n });
        })</script>`,
      });
      const c = await context(t);
      const page = await c.newPage();
      await page.goto(`${s.url}/`);
      await loaded(page);
      await until(() => s.gate.sent().length > 0, 'the page view');
      await page.goto('about:blank');
      const left = () => s.sql("SELECT DISTINCT toUInt8(props_num['n']) AS n, toUInt8(count() OVER ()) AS all FROM events WHERE type = 'leave' ORDER BY n");
      await until(async () => (await left()).length === 3, 'what the page said');
      assert.deepEqual(await left(), [1, 2, 3].map((n) => ({ n, all: 3 })));
      // They go together, in one request; in two alike where the end came so late that they had been sent before, and nobody had heard yet that they arrived.
      const sent = s.gate.sent().filter((e) => e.body.includes('"leave"'));
      assert.deepEqual(sent.map((e) => e.body.split('"leave"').length - 1), sent.map(() => 3), 'they go together');
      assert.ok(sent.length <= 2, `${sent.length} requests`);
    });
  }

  test('a page that is hidden for long sends as before: one request for many events', async (t) => {
    const s = await site(t, { attributes: 'data-cookieless' });
    const c = await context(t);
    const page = await c.newPage();
    const ids = listIDs(page);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await until(() => s.gate.sent().length > 0, 'the page view');
    await page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await page.evaluate(() => new Promise((done) => setTimeout(done, 100)));
    const took = await page.evaluate(async () => {
      const from = performance.now();
      for (let i = 0; i < 10; i++) {
        console.log('made ' + weir.track('behind', { i }));
        await new Promise((done) => setTimeout(done, 5));
      }
      return performance.now() - from;
    });
    await exactlyOnce(s, ids);
    assert.equal(ids.length, 10);
    const sent = s.gate.sent().filter((e) => e.body.includes('"behind"'));
    assert.ok(sent.length <= 3 + took / 1000, `${sent.length} requests in ${took} ms`); // an event waits for others for a second
  });

  test('a denial while a request is on its way: what fails then is not tried as an image', async (t) => {
    const s = await site(t);
    const c = await context(t);
    const page = await c.newPage();
    await page.goto(`${s.url}/`);
    await loaded(page);
    await until(() => s.gate.sent().length > 0, 'the page view');
    await settled(page);
    let release;
    const held = new Promise((done) => (release = done));
    await page.route('**/collect', async (route) => (await held, route.abort()));
    const asked = page.waitForRequest('**/collect');
    await make(page, 3);
    await asked;
    await page.evaluate(() => weir.consent('denied'));
    const failed = page.waitForEvent('requestfailed');
    release();
    await failed;
    await page.waitForTimeout(1000);
    assert.deepEqual(s.gate.sent().filter((e) => e.path === '/pixel.gif'), []);
  });

  const beacons = {
    missing: () => delete Navigator.prototype.sendBeacon,
    'swallowed by a blocker': () => (navigator.sendBeacon = () => true),
    refused: () => (navigator.sendBeacon = () => false),
    throwing: () => (navigator.sendBeacon = () => { throw new Error('blocked'); }),
  };
  for (const [how, init] of Object.entries(beacons)) {
    test(`beacons are ${how}`, async (t) => {
      const s = await site(t);
      const c = await context(t, init);
      const page = await c.newPage();
      const ids = listIDs(page);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await until(() => s.gate.sent().length > 0, 'the page view');
      await make(page, 20);
      await page.goto(`${s.url}/blank`);
      if (how !== 'swallowed by a blocker') await until(() => s.gate.sent().some((e) => e.body.includes(ids[19])), 'what fetch takes along'); // no other page sent it
      await recovered(s, await visit(c, s), ids);
    });
  }

  const fetches = {
    missing: () => delete self.fetch,
    refused: () => (self.fetch = () => Promise.reject(new TypeError('blocked'))),
    throwing: () => (self.fetch = () => { throw new Error('blocked'); }),
    hollow: () => (self.fetch = () => undefined),
  };
  for (const [how, init] of Object.entries(fetches)) {
    test(`fetch is ${how}: events go by image`, async (t) => {
      const s = await site(t);
      const c = await context(t, init);
      const page = await c.newPage();
      const faults = complaints(page);
      const ids = listIDs(page);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await make(page, 70);
      await exactlyOnce(s, ids);
      assert.ok(s.gate.sent().every((e) => e.path === '/pixel.gif' && e.query.length < 8000), 'by image, in addresses that proxies take');
      await make(page, 5);
      await page.goto(`${s.url}/blank`);
      await until(() => s.gate.sent().some((e) => Buffer.from(new URLSearchParams(e.query).get('events') || '', 'base64').includes(ids[74])), 'the last events');
      await exactlyOnce(s, ids);
      assert.deepEqual(faults, []);
    });
  }

  test('what is refused for good by image is not sent again; what is refused for now is', async (t) => {
    const s = await site(t);
    const c = await context(t, fetches.refused);
    const page = await c.newPage();
    await page.goto(`${s.url}/`);
    await loaded(page);
    await settled(page);
    const holding = (text) => s.gate.sent().filter((e) => Buffer.from(new URLSearchParams(e.query).get('events') || '', 'base64').includes(text));
    await page.evaluate(() => weir.track('  ', { poison: 1 })); // the server wants a type that is not only blanks
    await settled(page);
    await page.waitForTimeout(3000); // a second try would come by now
    assert.deepEqual(holding('poison').map((e) => e.status), [400]);
    let fault = { status: 503 };
    s.gate.fault = (e) => (e.path === '/pixel.gif' ? fault : undefined);
    const ids = await make(page, 2);
    await until(() => holding(ids[0]).length > 0, 'a try');
    fault = { status: 429 };
    await until(() => holding(ids[0]).length > 1, 'another try');
    fault = undefined;
    await exactlyOnce(s, ids);
  });

  test('one lost connection does not make a page send by image from then on', async (t) => {
    const s = await site(t);
    const c = await context(t);
    const page = await c.newPage();
    const ids = listIDs(page);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await make(page, 2);
    await exactlyOnce(s, ids); // fetch works
    let byImage = false;
    s.gate.fault = (e) => {
      byImage ||= e.path === '/pixel.gif';
      return e.path === '/collect' && !byImage ? 'drop' : undefined;
    };
    await make(page, 2);
    await exactlyOnce(s, ids);
    assert.ok(byImage, 'an image came through');
    const before = s.gate.sent().length;
    await make(page, 2);
    await exactlyOnce(s, ids);
    assert.deepEqual(s.gate.sent().slice(before).map((e) => e.path), ['/collect']);
  });

  test('a policy forbids connections: events go by image', async (t) => {
    const s = await site(t, { headers: { 'Content-Security-Policy': "connect-src 'none'" } });
    const c = await context(t);
    const page = await c.newPage();
    const ids = listIDs(page);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await make(page, 10);
    await exactlyOnce(s, ids);
    s.gate.fault = (e) => (e.path === '/pixel.gif' ? 'stall' : undefined);
    const before = s.gate.sent().length;
    await make(page, 10);
    await until(() => s.gate.sent().length > before, 'an image on its way');
    s.gate.fault = () => undefined;
    await page.goto(`${s.url}/blank`); // that image ends with the page, and Chromium begins none at the end of such a page
    await recovered(s, await visit(c, s), ids);
  });
});
