// What is not sent and not stored, and pages in which nothing works.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { complaints, launch, patience, until } from '../harness.mjs';
import { exactlyOnce, listIDs, loaded, make, nothing, quiet, settled, site, stored } from './lib.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const open = async (t, init, arg) => {
  const c = await browser.newContext();
  c.setDefaultTimeout(patience);
  t.after(() => c.close());
  if (init) await c.addInitScript(init, arg);
  return c.newPage();
};
/** Does everything that the SDK records, and ends the page. */
const use = async (s, page) => {
  await page.evaluate(() => {
    weir.track('thing', { n: 1 });
    weir.identify('user-1', { tier: 'gold' });
    history.pushState({}, '', '/other');
    weir.flush();
  });
  await page.click('#b');
  await page.mouse.wheel(0, 1000);
  await page.waitForTimeout(1500); // longer than events wait for others
};

/** Nothing is sent before a consent, and nothing is stored, then either: the source is cookieless. */
const heldBack = async (s, page) => {
  assert.deepEqual(s.gate.sent(), []);
  assert.deepEqual(await stored(page), nothing);
  await page.evaluate(() => weir.consent('granted'));
  await until(() => s.gate.sent().length > 0, 'what was held back');
  await quiet(s);
  assert.deepEqual(await stored(page), nothing);
};

const button = { body: '<button id="b">b</button>' };
const talk = (s) => s.gate.log.filter((e) => e.path !== '/sdk.js');

describe('privacy', { concurrency: 8, timeout: 600000 }, () => {
  test('cookieless: no identifier is sent, nothing is stored', async (t) => {
    const s = await site(t, { ...button, attributes: 'data-cookieless' });
    const page = await open(t);
    const ids = listIDs(page);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await page.evaluate((prefix) => localStorage.setItem(prefix, 'left from before'), `weir:${s.site}:id`);
    await page.reload();
    await loaded(page);
    await use(s, page);
    await make(page, 5);
    assert.deepEqual(await stored(page), nothing);
    await page.goto(`${s.url}/blank`);
    await exactlyOnce(s, ids);
    assert.deepEqual(await stored(page), nothing);
    assert.ok(s.gate.sent().length > 0);
    assert.ok(s.gate.sent().every((e) => !/client_id|session_id/.test(e.body + e.query)), 'an identifier was sent');
  });

  for (const decision of ['granted', 'denied']) {
    test(`consent is required: nothing happens before; then it is ${decision}`, async (t) => {
      const s = await site(t, { ...button, attributes: 'data-consent="required"' });
      const page = await open(t);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await page.evaluate((site) => {
        localStorage.setItem(`weir:${site}:id`, 'from-before-it-was-required');
        localStorage.setItem(`weir:${site}:user`, 'user-0');
        document.cookie = `_weir_${site}=from-before-it-was-required;path=/`;
      }, s.site);
      await page.reload();
      await loaded(page);
      await use(s, page);
      assert.deepEqual(talk(s), []);
      assert.deepEqual(await stored(page), nothing);
      await page.goto(`${s.url}/blank`);
      await page.goto(`${s.url}/`);
      await loaded(page);
      assert.deepEqual(talk(s), [], 'nothing is sent when the page ends');
      const ids = listIDs(page);
      await make(page, 3);
      await page.evaluate((d) => weir.consent(d), decision);
      if (decision === 'granted') {
        await exactlyOnce(s, ids); // what was held back
        assert.equal((await s.sql(`SELECT toUInt32(count()) AS n FROM events WHERE type = 'pageview'`))[0].n, 1);
        assert.equal((await s.sql(`SELECT toUInt32(countIf(client_id = '')) AS n FROM events`))[0].n, 0);
        await page.goto(`${s.url}/two`); // it is remembered
        await loaded(page);
        await make(page, 2);
        await exactlyOnce(s, ids);
        await settled(page); // what the page before left is sent again ten seconds later: none of it must be on its way when requests are counted
        await page.evaluate(() => weir.consent('denied')); // and withdrawn
      }
      const sent = s.gate.sent().length;
      await make(page, 3);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await use(s, page);
      assert.equal(s.gate.sent().length, sent);
      assert.deepEqual(await stored(page), nothing);
    });
  }

  test('the server says that consent is required, or that no identifier may be stored', async (t) => {
    const s = await site(t, { ...button, query: false });
    const page = await open(t);
    let config = { consent_required: true, cookieless: true };
    s.gate.fault = (e) => (e.path === '/sdk/config' ? { status: config ? 200 : 500, body: JSON.stringify(config) } : undefined);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await use(s, page);
    await heldBack(s, page);
    // While the server cannot be asked nothing happens; then it goes on.
    config = undefined;
    const other = await open(t);
    const before = s.gate.sent().length;
    const ids = listIDs(other);
    await other.goto(`${s.url}/`);
    await loaded(other);
    await make(other, 3);
    await other.waitForTimeout(1500);
    assert.equal(s.gate.sent().length, before);
    assert.deepEqual(await stored(other), nothing);
    config = { consent_required: false, cookieless: false };
    await exactlyOnce(s, ids);
  });

  test("a source's settings come with the script: nothing more is asked, and nothing happens before consent", async (t) => {
    const s = await site(t, { ...button, source: { privacy: { consent_required: true, cookieless: true } } });
    const page = await open(t);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await use(s, page);
    assert.deepEqual(talk(s), []);
    assert.deepEqual(await stored(page), nothing);
    const ids = listIDs(page);
    await page.evaluate(() => weir.consent('granted'));
    await make(page, 2);
    await exactlyOnce(s, ids);
    assert.ok(s.gate.log.every((e) => e.path !== '/sdk/config'));
    assert.ok(s.gate.sent().every((e) => !/client_id/.test(e.body)));
    assert.deepEqual(await stored(page), nothing);
    // The server derives a visitor of the day.
    assert.deepEqual(await s.sql(`SELECT toUInt32(countIf(client_id = '')) AS none, toUInt32(uniqExact(client_id)) AS n FROM events WHERE type = 'thing'`), [{ none: 0, n: 1 }]);
  });

  const signals = {
    'Global Privacy Control': () => Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true }),
    'Do Not Track': () => Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' }),
    'Do Not Track of an old browser': () => Object.defineProperty(self, 'doNotTrack', { get: () => 'yes' }),
  };
  for (const [name, init] of Object.entries(signals)) {
    test(`${name} is honoured`, async (t) => {
      const s = await site(t, button);
      const page = await open(t, init);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await page.evaluate((p) => localStorage.setItem(p, 'left from before'), `weir:${s.site}:id`);
      await page.reload();
      await loaded(page);
      await use(s, page);
      await page.evaluate(() => weir.consent('granted')); // the signal stands above
      await use(s, page);
      await page.goto(`${s.url}/blank`);
      assert.deepEqual(talk(s), []);
      assert.deepEqual(await stored(page), nothing);
    });
  }

  test('opt-out holds in all tabs and on later visits, until it is taken back', async (t) => {
    const s = await site(t, { ...button, attributes: 'data-storage="cookie"' });
    const page = await open(t);
    await page.goto(`${s.url}/`);
    await loaded(page);
    const second = await page.context().newPage();
    await second.goto(`${s.url}/two`);
    await loaded(second);
    await until(() => s.gate.sent().length >= 2, 'the page views');
    await settled(page);
    s.gate.fault = (e) => (e.path === '/collect' ? 'drop' : undefined);
    await make(second, 3); // they wait there
    await page.evaluate(() => weir.optOut());
    await until(() => second.evaluate(() => weir.track('probe') === undefined), 'the storage to tell the other tab');
    s.gate.fault = () => undefined;
    await quiet(s);
    const sent = s.gate.sent().length;
    for (const p of [page, second]) {
      await p.evaluate(() => weir.track('more'));
      await p.evaluate(() => weir.flush());
    }
    await page.goto(`${s.url}/`);
    await loaded(page);
    await use(s, page);
    assert.equal(s.gate.sent().length, sent);
    const left = { ...nothing, local: [`weir:${s.site}:out`] };
    assert.deepEqual(await stored(page), left);
    await page.evaluate(() => weir.consent('granted')); // as a consent tool calls on each page
    await use(s, page);
    assert.equal(s.gate.sent().length, sent, 'a grant takes an opt-out back');
    assert.deepEqual(await stored(page), left);
    await page.evaluate(() => weir.optOut(false));
    const ids = listIDs(page);
    await make(page, 3);
    await exactlyOnce(s, ids);
    assert.ok((await stored(page)).cookies.includes(`_weir_${s.site}=`));
  });

  test('to take an opt-out back is no consent, and does not undo a denial', async (t) => {
    const s = await site(t, { ...button, attributes: 'data-consent="required"' });
    const page = await open(t);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await page.evaluate(() => {
      weir.optOut();
      weir.optOut(false);
    });
    await use(s, page);
    assert.deepEqual(talk(s), []);
    assert.deepEqual(await stored(page), nothing);
    await page.evaluate(() => weir.consent('granted'));
    const ids = listIDs(page);
    await make(page, 2);
    await exactlyOnce(s, ids);
    // Where no consent is required, a denial is remembered.
    const free = await site(t, button);
    const other = await open(t);
    await other.goto(`${free.url}/`);
    await loaded(other);
    await other.evaluate(() => weir.consent('denied'));
    await quiet(free); // the first page view may be on its way
    const sent = free.gate.sent().length;
    await other.goto(`${free.url}/two`);
    await loaded(other);
    await other.evaluate(() => weir.optOut(false));
    await use(free, other);
    assert.equal(free.gate.sent().length, sent);
    assert.deepEqual(await stored(other), { ...nothing, local: [`weir:${free.site}:out`] });
    const later = listIDs(other);
    await other.evaluate(() => weir.consent('granted'));
    await make(other, 2);
    await exactlyOnce(free, later);
  });

  for (const word of ['not-required', 'required']) {
    test(`a tag that asks for less than the source's settings gets what they demand: data-consent="${word}"`, async (t) => {
      const s = await site(t, { ...button, query: false, attributes: `data-consent="${word}" data-cookieless="false"`, source: { privacy: { consent_required: true, cookieless: true } } });
      const page = await open(t);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await use(s, page);
      await page.waitForTimeout(1500);
      await heldBack(s, page);
    });
  }

  test('a denial counts before the settings are known, and on the next page', async (t) => {
    const s = await site(t, { ...button, query: false });
    const page = await open(t);
    let answered = 0;
    s.gate.fault = (e) => (e.path === '/sdk/config' ? void answered++ : undefined);
    s.pages.routes['/early'] = (req, res) =>
      res.writeHead(200, { 'Content-Type': 'text/html' }).end(
        `<!doctype html><title>e</title><script>window.weir=[["consent","denied"]]</script><script defer src="${s.gate.url}/sdk.js" data-site="${s.site}"></script>`,
      );
    await page.goto(`${s.url}/early`);
    await loaded(page);
    await until(() => answered > 0, 'the question');
    await until(async () => (await stored(page)).local.length > 0, 'the mark');
    await page.goto(`${s.url}/`);
    await loaded(page);
    await use(s, page);
    assert.deepEqual(s.gate.sent(), []);
    assert.deepEqual(await stored(page), { ...nothing, local: [`weir:${s.site}:out`] });
  });

  const forgetful = {
    'storage throws': ['', () => Object.defineProperty(self, 'localStorage', { get: () => { throw new DOMException('denied', 'SecurityError'); } })],
    'storage is full': ['', () => (Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); })],
    'cookies are off': ['data-storage="cookie"', () => Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set: () => {} })],
    'the cookie is of another domain': ['data-storage="cookie" data-cookie-domain=".other.example"', () => {}],
  };
  for (const [what, [attributes, init]] of Object.entries(forgetful)) {
    test(`a browser that keeps no id is one visitor, not one on each page: ${what}`, async (t) => {
      const s = await site(t, { ...button, attributes });
      const page = await open(t, init);
      const ids = listIDs(page);
      for (const path of ['/', '/two', '/']) {
        await page.goto(s.url + path);
        await loaded(page);
        await make(page, 2);
        await until(() => s.gate.sent().some((e) => e.status && decodeURIComponent(e.body).includes(ids.at(-1))), 'the events');
      }
      await exactlyOnce(s, ids);
      assert.deepEqual(await s.sql(`SELECT toUInt32(countIf(client_id = '')) AS none, toUInt32(uniqExact(client_id)) AS n FROM events`), [{ none: 0, n: 1 }]);
    });
  }

  const broken = {
    'storage throws': () => Object.defineProperty(self, 'localStorage', { get: () => { throw new DOMException('denied', 'SecurityError'); } }),
    'storage is full': () => (Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }),
    'storage holds nonsense': (site) => {
      for (const [k, v] of [['id', '\u0000'], ['q:x', 'y'], ['q:', ''], ['q:019a0000-0000-7000-8000-000000000000', '1{bad'], ['user', '{}']]) localStorage.setItem(`weir:${site}:${k}`, v);
    },
    'there is no crypto': () => Object.defineProperty(self, 'crypto', { value: undefined }),
    'history is frozen': () => Object.freeze(History.prototype) && Object.freeze(history),
    'timers and clocks are odd': () => {
      const real = Date.now;
      Date.now = () => real() - 3600e3 * Math.round(Math.random()); // a clock that jumps
    },
    'an old browser': () => {
      delete self.fetch;
      delete Navigator.prototype.sendBeacon;
      delete Navigator.prototype.locks;
      delete self.AbortController;
      delete self.queueMicrotask;
      delete Object.fromEntries;
      delete Array.prototype.flat;
      delete Array.prototype.flatMap;
      delete Array.prototype.at;
      delete String.prototype.matchAll;
      delete String.prototype.replaceAll;
      delete String.prototype.trimEnd;
      delete Promise.allSettled;
    },
  };
  for (const [what, init] of Object.entries(broken)) {
    test(`the page works on, and so do its events: ${what}`, async (t) => {
      const s = await site(t, button);
      const page = await open(t, init, s.site);
      const faults = complaints(page);
      const ids = listIDs(page);
      await page.goto(`${s.url}/`);
      await loaded(page);
      await page.evaluate(() => {
        const cycle = {};
        cycle.self = cycle;
        for (const bad of [undefined, null, '', 0, {}, [], Symbol('x'), 10n, () => 1]) {
          weir.track(bad, bad);
          weir.track('odd', bad);
          weir.identify(bad, bad);
          weir.consent(bad === undefined ? 'granted' : 'granted');
          weir.push([bad]);
          weir.push(bad);
        }
        if (weir.track('cycle', cycle) !== undefined) throw new Error('a cycle has no JSON');
        if (weir.track('throws', { get x() { throw new Error('mine'); } }) !== undefined) throw new Error('a getter threw');
        weir.track('surrogate', { text: '\ud83d', '\udc00': 1, deep: { a: { b: [1, { c: 2 }] } }, date: new Date(NaN), inf: Infinity });
        document.body.dispatchEvent(new Event('click', { bubbles: true }));
        document.dispatchEvent(new Event('click'));
        dispatchEvent(new Event('pageshow'));
        dispatchEvent(new Event('storage'));
      });
      await make(page, 10);
      await page.click('#b');
      await exactlyOnce(s, ids);
      assert.deepEqual(faults, []);
    });
  }
});
