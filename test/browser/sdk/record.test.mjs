// What the SDK records, and as what.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { complaints, launch, patience, until, weirURL } from '../harness.mjs';
import { exactlyOnce, loaded, serveGate, settled, site, stored } from './lib.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const open = async (t, options) => {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  t.after(() => context.close());
  return context.newPage();
};
const count = async (s, where) => (await s.sql(`SELECT toUInt32(count()) AS n FROM events WHERE ${where}`))[0].n;

describe('recording', { concurrency: 5, timeout: 600000 }, () => {
  test('page views, clicks, links, downloads, reading, custom events, identify', async (t) => {
    const s = await site(t, {
      head: '<script>window.weir=window.weir||[];weir.push(["track","early",{n:1}])</script>',
      body:
        '<a id="in" href="#part" onclick="">inside</a><a id="out" href="http://other.example/a/b?secret=1">other site</a><a id="file" href="/report.pdf?x=1">the report</a>' +
        '<button id="b"><b>Buy</b>  now</button><button id="named" data-weir="signup" data-weir-plan-name="pro">Sign up</button><button id="hush" data-weir-ignore>hush</button>' +
        '<input type="submit" id="sub" value="visitor text"><a id="mail" href="mailto:someone@example.com">mail</a>' +
        '<script>addEventListener("click", (e) => e.preventDefault())</script>',
    });
    const page = await open(t);
    const faults = complaints(page);
    await page.goto(`${s.url}/?utm_source=news#frag`, { referer: 'http://search.example/q' });
    await loaded(page);
    for (const id of ['in', 'out', 'file', 'b', 'named', 'hush', 'sub', 'mail']) await page.click(`#${id}`);
    await page.evaluate(() => {
      const later = () => { for (const now = Date.now(); Date.now() === now; ); }; // ids of one millisecond have no order
      weir.track('purchase', { amount: 49.5, plan: { name: 'pro' } });
      later();
      weir.identify('user-7', { tier: 'gold' });
      history.pushState({}, '', '/app/one?tab=1');
      history.replaceState({}, '', '/app/one?tab=1'); // the same address is no page view
      later();
      history.replaceState({}, '', '/app/two');
    });
    await page.goBack();
    await until(() => page.evaluate(() => location.pathname === '/'));
    await page.evaluate(() => (location.hash = 'other')); // without data-hash no page view
    await page.mouse.move(5, 5);
    await page.mouse.wheel(0, 1500);
    await until(() => page.evaluate(() => scrollY > 1000));
    await page.waitForTimeout(1100); // time that is engaged
    await page.mouse.move(9, 9);
    await page.goto(`${s.url}/blank`);
    await page.goto(`${s.url}/two`); // takes over what no answer confirmed
    await loaded(page);
    await until(() => count(s, `type = 'engagement' AND path = '/' AND props_num['scroll_percent'] >= 40`).then((n) => n > 0), 'the engagement');
    await until(async () => (await count(s, `type = 'pageview'`)) >= 5 && (await count(s, `type NOT IN ('pageview', 'engagement') AND path != '/two'`)) >= 10, 'all that the page before left');
    const views = await s.sql(`SELECT path, url, referrer_host, utm_source FROM events WHERE type = 'pageview' ORDER BY event_id`);
    assert.deepEqual(views.map((v) => v.path), ['/', '/app/one', '/app/two', '/', '/two']);
    assert.deepEqual([views[0].referrer_host, views[0].utm_source, views[1].referrer_host, views[0].url.includes('#')], ['search.example', 'news', '127.0.0.1', false]);
    assert.equal(await count(s, `channel = 'direct' AND path != '/two'`), 0, 'all events of a page say from where it was come to');
    const rows = await s.sql(`SELECT type, user_id, props, props_num FROM events WHERE type NOT IN ('pageview', 'engagement') AND path != '/two' ORDER BY event_id`);
    const text = (o) => JSON.stringify(o, Object.keys(o).sort());
    assert.deepEqual(
      rows.map((r) => [r.type, r.user_id, text({ ...r.props, ...r.props_num })]),
      [
        ['early', '', '{"n":1}'],
        ['click', '', text({ tag: 'a', id: 'in', text: 'inside', href: `${s.url}/` })],
        ['outbound', '', text({ tag: 'a', id: 'out', text: 'other site', href: 'http://other.example/a/b' })],
        ['download', '', text({ tag: 'a', id: 'file', text: 'the report', href: `${s.url}/report.pdf` })],
        ['click', '', text({ tag: 'button', id: 'b', text: 'Buy now' })],
        ['signup', '', '{"planName":"pro"}'],
        ['click', '', text({ tag: 'input', id: 'sub' })],
        ['click', '', text({ tag: 'a', id: 'mail', text: 'mail', href: 'mailto:' })],
        ['purchase', '', text({ amount: 49.5, 'plan.name': 'pro' })],
        ['identify', 'user-7', '{"tier":"gold"}'],
      ],
    );
    const [who] = await s.sql(`SELECT toUInt32(uniqExact(client_id)) AS n, toUInt32(countIf(client_id = '')) AS none FROM events`);
    assert.deepEqual(who, { n: 1, none: 0 });
    assert.equal(await count(s, `type = 'engagement' AND user_id = 'user-7' AND props_num['engaged_ms'] BETWEEN 1000 AND 60000`) > 0, true);
    assert.deepEqual(faults, []);
    // Another person, on the same browser.
    await page.evaluate(() => weir.reset());
    const id = await page.evaluate(() => weir.track('after-reset'));
    await exactlyOnce(s, [id]);
    const [last] = await s.sql(`SELECT user_id, client_id = (SELECT any(client_id) FROM events WHERE type = 'pageview') AS same FROM events WHERE type = 'after-reset'`);
    assert.deepEqual([last.user_id, Number(last.same)], ['', 0]);
  });

  test('clicks inside of web components are those of what was clicked', async (t) => {
    const s = await site(t, {
      body:
        '<a id="around" href="#part"><x-box id="one"></x-box></a><div data-weir-ignore><x-box id="two"></x-box></div><x-box id="three"></x-box>' +
        `<script>
          customElements.define('x-box', class extends HTMLElement {
            connectedCallback() {
              this.attachShadow({ mode: 'open' }).innerHTML = '<p>plain</p><button id="inner"><b>Pay</b></button><a href="http://other.example/x">away</a>';
            }
          });
          addEventListener('click', (e) => e.preventDefault());
        </script>`,
    });
    const page = await open(t);
    await page.goto(`${s.url}/`);
    await loaded(page);
    for (const what of ['#one p', '#two button', '#two a', '#three p', '#three b', '#three a']) await page.click(what);
    await page.evaluate(() => (weir.track('end'), weir.flush()));
    await until(async () => (await count(s, `type = 'end'`)) === 1 && (await count(s, `type NOT IN ('pageview', 'end', 'engagement')`)) >= 3, 'the events');
    const rows = await s.sql(`SELECT type, props['id'] AS id, props['text'] AS text FROM events WHERE type NOT IN ('pageview', 'end', 'engagement') ORDER BY event_id`);
    assert.deepEqual(rows, [{ type: 'click', id: 'around', text: '' }, { type: 'click', id: 'inner', text: 'Pay' }, { type: 'outbound', id: '', text: 'away' }]);
  });

  test('how far was read, also where a part of the page scrolls instead of the window', async (t) => {
    const shell = (high) =>
      `<style>body{height:100vh!important;margin:0;overflow:hidden}</style><nav style="float:left;width:20%;height:100vh;overflow:auto"><div style="height:9000px">all chapters</div></nav>` +
      `<main style="height:100vh;overflow:auto"><div style="height:${high}px"><a href="#x">text</a></div></main>`;
    const box = '<div id="box" style="height:90vh;overflow:auto"><div style="height:9000px">a long list</div></div>';
    const cases = {
      'an app, not scrolled': { body: shell(4000), does: () => {}, from: 10, to: 25 },
      'an app, scrolled to the half': { body: shell(4000), does: () => (document.querySelector('main').scrollTop = 1500), from: 45, to: 65 },
      'an app, scrolled to the end and back': { body: shell(4000), does: () => told(9999, (main) => (main.scrollTop = 0)), from: 100, to: 100 },
      'an app, its list of chapters scrolled': { body: shell(4000), does: () => (document.querySelector('nav').scrollTop = 9999), from: 10, to: 25 },
      'an app that ends in the window': { body: shell(100), does: () => {}, from: 100, to: 100 },
      'an app that was taken away': { body: shell(4000), does: () => told(1500, (main) => main.remove()), from: 45, to: 65 },
      'a page that scrolls by itself, its box scrolled': { body: box, does: () => (document.querySelector('#box').scrollTop = 9999), from: 10, to: 25 },
      'a page that scrolls by itself, scrolled': { body: box, does: () => scrollTo(0, 1500), from: 45, to: 65 },
      'a page that ends in the window': { body: '<style>body{height:100px!important}</style>short', does: () => {}, from: 100, to: 100 },
    };
    await Promise.all(
      Object.entries(cases).map(async ([name, { body, does, from, to }]) => {
        const s = await site(t, { body });
        const page = await open(t, { viewport: { width: 1000, height: 700 } });
        const faults = complaints(page);
        await page.addInitScript(() => {
          // Scrolls the part of the app, and goes on when the browser has told of it.
          self.told = (to, then) =>
            new Promise((done) => {
              const main = document.querySelector('main');
              main.addEventListener('scroll', () => done(then(main)), { once: true });
              main.scrollTop = to;
            });
        });
        await page.goto(`${s.url}/`);
        await loaded(page);
        await page.evaluate(does);
        await page.waitForTimeout(1200); // time that is engaged
        await page.mouse.move(5, 5);
        await page.goto(`${s.url}/blank`);
        await page.goto(`${s.url}/two`); // takes over what no answer confirmed
        await until(() => count(s, `type = 'engagement' AND path = '/'`), `the engagement of ${name}`);
        const [{ depth }] = await s.sql(`SELECT max(props_num['scroll_percent']) AS depth FROM events WHERE type = 'engagement' AND path = '/'`);
        assert.ok(depth >= from && depth <= to, `${name}: ${depth} %, expected ${from} to ${to}`);
        assert.deepEqual(faults, []);
      }),
    );
  });

  test('page views made by hand have their referrer; the mouse costs no layout; what nobody saw was not read', async (t) => {
    const s = await site(t, { attributes: 'data-pageviews="false"' });
    const page = await open(t);
    await page.addInitScript(() => {
      const real = Object.getOwnPropertyDescriptor(self, 'scrollY').get;
      self.asked = 0;
      Object.defineProperty(self, 'scrollY', { configurable: true, get: () => (self.asked++, real.call(self)) });
      const from = document.elementFromPoint;
      document.elementFromPoint = (...at) => (self.asked++, from.apply(document, at));
    });
    await page.goto(`${s.url}/`, { referer: 'http://search.example/q' });
    await loaded(page);
    const before = await page.evaluate(() => self.asked);
    for (let i = 0; i < 20; i++) await page.mouse.move(i, i);
    assert.equal(await page.evaluate(() => self.asked), before);
    await page.evaluate(() => {
      weir.pageview();
      history.pushState({}, '', '/app');
      weir.pageview();
      weir.flush();
    });
    await until(async () => (await count(s, `type = 'pageview'`)) === 2, 'the page views');
    assert.deepEqual(
      (await s.sql(`SELECT path, referrer FROM events WHERE type = 'pageview' ORDER BY event_id`)).map((r) => [r.path, r.referrer.replace(s.url, '')]),
      [['/', 'http://search.example/q'], ['/app', '/']],
    );
    // A tab that is opened behind another one and closed.
    const hidden = await page.context().newPage();
    await hidden.addInitScript(() => Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' }));
    await hidden.goto(`${s.url}/two`);
    await loaded(hidden);
    const id = await hidden.evaluate(() => weir.track('last'));
    await hidden.evaluate(() => dispatchEvent(new Event('pagehide')));
    await exactlyOnce(s, [id]);
    assert.equal(await count(s, `type = 'engagement' AND path = '/two'`), 0);
  });

  test('what follows reset is another visitor\'s, also before the settings are known', async (t) => {
    const s = await site(t, { query: false });
    const page = await open(t);
    await page.goto(`${s.url}/`);
    await loaded(page);
    const first = await page.evaluate(() => (weir.identify('user-1'), weir.track('first')));
    await exactlyOnce(s, [first]);
    s.pages.routes['/out'] = (req, res) =>
      res.writeHead(200, { 'Content-Type': 'text/html' }).end(
        `<!doctype html><title>o</title><script>window.weir=[["reset"],["track","second"]]</script><script defer src="${s.gate.url}/sdk.js" data-site="${s.site}"></script>`,
      );
    await page.goto(`${s.url}/out`);
    await until(() => count(s, `type = 'second'`), 'the event after it');
    assert.deepEqual(await s.sql(`SELECT user_id, client_id = (SELECT any(client_id) FROM events WHERE type = 'first') AS same FROM events WHERE type = 'second'`).then((r) => r.map((x) => [x.user_id, Number(x.same)])), [['', 0]]);
  });

  test('who is identified before the settings are known, or before consent, is so on the next page', async (t) => {
    const known = await site(t, { query: false });
    const asked = await site(t, { attributes: 'data-consent="required"' });
    for (const s of [known, asked]) {
      const page = await open(t);
      await page.goto(`${s.url}/blank`);
      await page.setContent(
        `<!doctype html><title>o</title><script>window.weir=[["identify","user-1"],["consent","granted"]]</script><script src="${s.gate.url}/sdk.js" data-site="${s.site}" ${s === asked ? 'data-consent="required"' : ''}></script>`,
      );
      await until(() => count(s, `type = 'identify'`), 'the event');
      await page.goto(`${s.url}/two`);
      await until(() => count(s, `type = 'pageview' AND path = '/two' AND user_id = 'user-1'`), 'the page view of who was identified');
    }
  });

  test('what was held back before a reset is not of who came after it', async (t) => {
    const s = await site(t, { attributes: 'data-consent="required"' });
    const page = await open(t);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await page.evaluate(() => {
      weir.identify('user-1');
      weir.track('first');
      weir.reset();
      weir.track('second');
      weir.consent('granted');
      weir.track('third');
    });
    await until(() => count(s, `type = 'third'`), 'the events');
    const who = Object.fromEntries((await s.sql(`SELECT type, user_id, client_id FROM events`)).map((r) => [r.type, r]));
    assert.deepEqual([who.identify.user_id, who.first.user_id, who.second.user_id], ['user-1', 'user-1', '']);
    assert.equal(who.second.client_id, who.third.client_id);
    assert.ok(who.second.client_id && who.first.client_id !== who.second.client_id && who.identify.client_id !== who.second.client_id);
  });

  test('hash routes, switched off parts, the visitor in a cookie', async (t) => {
    const s = await site(t, { attributes: 'data-hash data-clicks="false" data-engagement="false" data-storage="cookie" data-cookie-days="30"', body: '<button id="b">b</button>' });
    const page = await open(t);
    await page.goto(`${s.url}/#/a`);
    await loaded(page);
    await page.click('#b');
    await page.evaluate(() => (location.hash = '#/b'));
    await until(async () => (await s.sql('SELECT url FROM events ORDER BY event_id')).length === 2, 'two page views');
    await page.goto(`${s.url}/two`);
    await until(() => count(s, `path = '/two'`), 'the third page view');
    assert.deepEqual((await s.sql('SELECT type, url FROM events ORDER BY event_id')).map((r) => r.type + r.url.replace(s.url, '')), ['pageview/#/a', 'pageview/#/b', 'pageview/two']);
    const cookies = await page.context().cookies();
    assert.equal(cookies.length, 1);
    const [{ client }] = await s.sql('SELECT any(client_id) AS client FROM events HAVING uniqExact(client_id) = 1');
    assert.deepEqual([cookies[0].name, cookies[0].value, cookies[0].sameSite], [`_weir_${s.site}`, client, 'Lax']);
    assert.ok(Math.abs(cookies[0].expires - Date.now() / 1000 - 30 * 86400) < 3600, `expires ${cookies[0].expires}`);
    assert.deepEqual((await stored(page)).local.filter((k) => !k.includes(':q:')), []);
  });

  test('NULs are taken out of names and values', async (t) => {
    const s = await site(t);
    const page = await open(t);
    await page.goto(`${s.url}/`);
    await loaded(page);
    await page.evaluate(() => weir.track('n\0ul', { a: 'x\0y', 'k\0ey': '\\u0000', list: ['\0', '\\\0"'] }));
    await until(async () => (await count(s, `type = 'nul'`)) === 1, 'the event');
    const [row] = await s.sql(`SELECT props['a'] AS a, props['key'] AS k, props['list'] AS l FROM events WHERE type = 'nul'`);
    assert.deepEqual(row, { a: 'xy', k: '\\u0000', l: JSON.stringify(['', '\\"']) });
  });

  test('the page comes back from the back-forward cache; a prerendered page waits', async (t) => {
    const own = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
    t.after(() => own.close());
    const s = await site(t);
    const page = await own.newPage();
    await page.goto(`${s.url}/`, { referer: 'https://search.example/' });
    await loaded(page);
    await page.evaluate(() => {
      self.former = true;
      addEventListener('pageshow', (e) => (self.restored = e.persisted));
    });
    await page.goto(`${s.url}/blank`);
    await page.evaluate(() => {
      setTimeout(() => history.back());
    });
    await until(() => page.url() === `${s.url}/`, 'the way back');
    await until(() => page.evaluate(() => self.restored !== undefined || (self.weir && !self.former)), 'the page');
    assert.equal(await page.evaluate(() => self.restored), true, 'the SDK keeps its page out of the back-forward cache');
    await until(async () => (await count(s, `type = 'pageview' AND path = '/'`)) === 2, 'two page views');
    // The page is not its own referrer: it is the one that the page came with, as where it is loaded again.
    assert.deepEqual(await s.sql(`SELECT DISTINCT referrer_host FROM events WHERE type = 'pageview' AND path = '/'`), [{ referrer_host: 'search.example' }]);

    const ahead = await own.newPage();
    await ahead.addInitScript(() => Object.defineProperty(document, 'prerendering', { configurable: true, get: () => !self.shown }));
    await settled(page); // it has nothing left to send
    const before = s.gate.log.length;
    await ahead.goto(`${s.url}/two`);
    await loaded(ahead);
    const early = await ahead.evaluate(() => weir.track('early'));
    await ahead.waitForTimeout(1500);
    assert.deepEqual(s.gate.log.slice(before).filter((e) => e.path !== '/sdk.js'), []);
    await ahead.evaluate(() => {
      self.shown = true;
      document.dispatchEvent(new Event('prerenderingchange'));
    });
    await exactlyOnce(s, [early]);
    await until(async () => (await count(s, `type = 'pageview' AND path = '/two'`)) === 1, 'its page view');
  });

  test('as a module, under a strict policy, within the budget', async (t) => {
    for (const path of ['/sdk.js', '/sdk.mjs']) {
      const res = await fetch(weirURL + path, { headers: { 'Accept-Encoding': 'gzip' } });
      const size = Number(res.headers.get('content-length'));
      assert.ok(size > 1000 && size <= 5 * 1024, `${path} has ${size} bytes gzipped`);
      assert.equal(res.headers.get('content-encoding'), 'gzip');
    }
    const s = await site(t);
    const policy = `default-src 'none'; script-src ${s.gate.url} 'nonce-n'; connect-src ${s.gate.url}; img-src ${s.gate.url}`;
    s.pages.routes['/module'] = (req, res) =>
      res.writeHead(200, { 'Content-Type': 'text/html', 'Content-Security-Policy': policy }).end(
        `<!doctype html><title>m</title><script type="module" nonce="n">import { init } from '${s.gate.url}/sdk.mjs'; self.mine = init({ site: '${s.site}', host: '${s.gate.url}/' }); self.id = mine.track('from-module')</script>`,
      );
    const page = await open(t);
    const faults = complaints(page);
    await page.goto(`${s.url}/module`);
    await page.waitForFunction(() => self.id);
    await exactlyOnce(s, [await page.evaluate(() => self.id)]);
    assert.deepEqual(faults, []);
    assert.ok(s.gate.log.some((e) => e.path === '/sdk/config'), 'a client that knows nothing of its site asks');
  });

  test('an event that is too large gets no id; the page hears of it once', async (t) => {
    const s = await site(t);
    const page = await open(t);
    const warnings = [];
    page.on('console', (m) => m.type() === 'warning' && warnings.push(m.text()));
    await page.goto(`${s.url}/`);
    await loaded(page);
    const [ids, early] = await page.evaluate(async ([host, site]) => {
      const made = [
        weir.track('big', { text: 'x'.repeat(48000) }),
        weir.track('big', { text: 'ä'.repeat(25000) }),
        weir.identify('user-1', { text: 'x'.repeat(60000) }),
        weir.track('near', { text: 'ä'.repeat(23500) }),
        weir.track('small'),
        weir.identify('u'.repeat(1000)),
        weir.track('big', { text: 'x'.repeat(47300) }), // with the user it is too large
      ];
      const { init } = await import(`${host}/sdk.mjs`);
      const other = init({ site, host, consent: 'required', pageviews: false });
      const held = [other.track('big', { text: 'x'.repeat(48000) }), other.track('held')]; // before a decision, too
      other.consent('granted');
      return [made, held];
    }, [s.gate.url, s.site]);
    assert.deepEqual(ids.map((id) => !!id), [false, false, false, true, true, true, false]);
    assert.deepEqual(early.map((id) => !!id), [false, true]);
    await exactlyOnce(s, [ids[3], ids[4], ids[5], early[1]]);
    assert.equal(await count(s, `type = 'big'`), 0);
    assert.deepEqual(warnings, Array(2).fill('weir: an event "big" of over 48 KB was not taken')); // once by each client
  });

  test('an unknown site is said once, and nothing is sent', async (t) => {
    const s = await site(t);
    const gate = await serveGate();
    t.after(gate.close);
    s.pages.routes['/lost'] = `<!doctype html><script defer src="${gate.url}/sdk.js" data-site="nobody"></script>`;
    const page = await open(t);
    const warnings = [];
    page.on('console', (m) => m.type() === 'warning' && warnings.push(m.text()));
    await page.goto(`${s.url}/lost`);
    await until(() => warnings.length > 0, 'the warning');
    await page.evaluate(() => weir.track('x'));
    await page.waitForTimeout(2500);
    assert.deepEqual(warnings, ['weir: there is no site "nobody"']);
    assert.deepEqual(gate.log.map((e) => e.path), ['/sdk.js', '/sdk/config']);
  });
});
