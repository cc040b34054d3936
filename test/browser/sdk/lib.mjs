// What the tests of the browser SDK share: a gate in front of weir that fails on demand, pages that use the SDK, and the count in SQL.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { newTenant, servePages, until, weirURL } from '../harness.mjs';

/**
 * A server on an origin of its own that passes everything to weir. gate.fault(req) may return how to fail instead:
 * 'drop' (the connection ends, weir sees nothing), 'lose' (weir gets it, its answer is lost), 'stall' (no answer ever), or
 * {status, headers, body}. gate.log has {method, path, status, at, body} of what was answered or failed.
 */
export async function serveGate() {
  const gate = { fault: () => undefined, log: [] };
  const server = createServer((req, res) => {
    const chunks = [];
    req.on('data', (c) => chunks.push(c));
    req.on('error', () => {});
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const entry = { method: req.method, path: req.url.split('?')[0], query: req.url.split('?')[1], at: Date.now(), body: body.toString() };
      gate.log.push(entry);
      const how = gate.fault(entry, req);
      if (how === 'stall') return;
      if (how === 'drop') return void req.socket.destroy();
      if (how && how !== 'lose') {
        entry.status = how.status;
        return void res.writeHead(how.status, { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After', ...how.headers }).end(how.body || '');
      }
      const onward = request(weirURL + req.url, { method: req.method, headers: req.headers }, (answer) => {
        if (how === 'lose') return void (answer.resume(), req.socket.destroy());
        entry.status = answer.statusCode;
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res);
      });
      onward.on('error', () => req.socket.destroy());
      onward.end(body);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  gate.url = `http://127.0.0.1:${server.address().port}`;
  gate.sent = () => gate.log.filter((e) => e.path === '/collect' || e.path === '/pixel.gif');
  gate.close = () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });
  return gate;
}

/** A tenant, a gate and pages. The page / has the script tag with the attributes, and extra HTML in front of it. */
export async function site(t, { attributes = '', head = '', body = '', source, headers = {}, query = true } = {}) {
  const tenant = await newTenant(source);
  const gate = await serveGate();
  const page = (title) => (req, res) =>
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', ...headers }).end(
      `<!doctype html><title>${title}</title>${head}<script defer src="${gate.url}/sdk.js${query ? `?site_id=${tenant.site}` : ''}" data-site="${tenant.site}" ${attributes}></script>` +
        `<body style="height:4000px">${body}`,
    );
  const pages = await servePages({ '/': page('home'), '/two': page('two'), '/blank': '<!doctype html><title>blank</title>', '/favicon.ico': (req, res) => res.writeHead(204).end() });
  t.after(async () => {
    await gate.close();
    await pages.close();
  });
  return { ...tenant, gate, pages, url: pages.url };
}

/** Collects the ids that a page lists with console.log('made ID'). */
export function listIDs(page, ids = []) {
  page.on('console', (m) => m.text().startsWith('made ') && ids.push(m.text().slice(5)));
  return ids;
}

/** Makes n events in the page; the page lists their ids. */
export const make = (page, n, type = 'thing') =>
  page.evaluate(([count, name]) => Array.from({ length: count }, (_, i) => {
    const id = weir.track(name, { i, text: 'grüße 👋' });
    console.log(`made ${id}`);
    return id;
  }), [n, type]);

/** Waits until each of the ids is stored, and checks that no event of the site is stored twice. */
export async function exactlyOnce(s, ids, ms) {
  assert.ok(ids.length > 0 && ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)), `ids: ${ids.slice(0, 3)}`);
  assert.equal(new Set(ids).size, ids.length, 'the page made one id twice');
  let missing = [];
  await until(
    async () => {
      const stored = new Set((await s.sql('SELECT event_id FROM events LIMIT 100000')).map((r) => r.event_id));
      missing = ids.filter((id) => !stored.has(id));
      return missing.length === 0;
    },
    { toString: () => `${missing.length} of ${ids.length} events` },
    ms,
  );
  const [{ n, u }] = await s.sql('SELECT toUInt32(count()) AS n, toUInt32(uniqExact(event_id)) AS u FROM events');
  assert.equal(n, u, `${n - u} events are stored twice`);
}

/** What the browser has stored for the page's origin, as text. */
export const stored = (page) =>
  page.evaluate(async () => ({
    local: Object.keys(localStorage),
    session: Object.keys(sessionStorage),
    cookies: document.cookie,
    databases: (await indexedDB.databases()).map((d) => d.name),
    caches: self.caches ? await caches.keys() : [],
  }));
export const nothing = { local: [], session: [], cookies: '', databases: [], caches: [] };

const empty = () => !Object.keys(localStorage).some((k) => k.includes(':q:'));

/** Waits until nothing is queued in the browser: all is confirmed, what a beacon took along too. */
export const settled = (page, ms = 120000) => until(() => page.evaluate(empty), 'an empty queue', ms);

/**
 * Waits until a page has taken over and delivered what ended pages left, and checks that all is there once. What one of those had itself taken over from another
 * belongs to it for a minute, and a page looks only when it begins, ten seconds later, and when it is shown: so it is shown again and again.
 */
export async function recovered(s, page, ids) {
  const shown = () => document.dispatchEvent(new Event('visibilitychange'));
  await until(async () => (await page.evaluate(shown), page.evaluate(empty)), 'an empty queue', 180000);
  await exactlyOnce(s, ids);
}

/** Waits until what was on its way has come to the gate: no request for two seconds. */
export async function quiet(s) {
  let seen;
  let since;
  await until(() => {
    if (s.gate.log.length !== seen) [seen, since] = [s.gate.log.length, Date.now()];
    return Date.now() - since > 2000;
  }, 'no request');
}

/** Waits until the SDK is there. */
export const loaded = (page) => page.waitForFunction(() => self.weir && weir.track);
