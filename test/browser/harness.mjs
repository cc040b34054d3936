// What the suites share: the browser, a server of test pages, and weir as its operator and analysts see it.
// Timings never decide: wait for a condition with `until`.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const need = (name) => {
  const v = process.env[name];
  if (!v) throw new Error(`${name} is not set: run the suites with make browser`);
  return v;
};

/** Loads a package of test/browser/package.json. */
export const load = createRequire(path.join(need('WEIR_NODE_MODULES'), 'x.js'));
export const { chromium } = load('playwright-core');
export const weirURL = need('WEIR_URL');
export const artefacts = need('WEIR_ARTEFACTS');

const options = {
  executablePath: need('WEIR_CHROMIUM'),
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
};

/** A browser with a fresh directory of its own; close it. */
export const launch = (more = {}) => chromium.launch({ ...options, ...more, args: [...options.args, ...(more.args || [])] });

/** A browser context whose storage is in dir and outlives the browser's process. Without dir: in a new one; `context.userDataDir` names it. */
export async function launchPersistent(dir, more = {}) {
  const userDataDir = dir || (await mkdtemp(path.join(tmpdir(), 'weir-browser-')));
  const context = await chromium.launchPersistentContext(userDataDir, { ...options, ...more });
  context.userDataDir = userDataDir;
  context.forget = () => rm(userDataDir, { recursive: true, force: true, maxRetries: 5 });
  return context;
}

/** Collects what a page complains about: errors of scripts and console messages of the level error. A missing favicon is none. */
export function complaints(page) {
  const list = [];
  page.on('pageerror', (e) => list.push(`uncaught: ${e.stack || e}`));
  page.on('console', (m) => m.type() === 'error' && !m.location().url.endsWith('/favicon.ico') && list.push(`console: ${m.text()}`));
  return list;
}

/**
 * Serves pages on a free port of loopback. routes maps a path to a text of HTML or to a function (request, response).
 * A path without a route gets 404. Returns {url, routes, close}; routes may be changed while it serves.
 */
export async function servePages(routes) {
  const server = createServer((req, res) => {
    const route = routes[new URL(req.url, 'http://x').pathname];
    if (typeof route === 'function') return route(req, res);
    if (route === undefined) {
      res.writeHead(404).end();
      return;
    }
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }).end(route);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    routes,
    close: () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}

/** Asks weir; a body makes it a POST of JSON. Throws unless the answer's status is 2xx. */
export async function ask(key, pathname, body, method = body === undefined ? 'GET' : 'POST') {
  const res = await fetch(weirURL + pathname, { method, headers: { Authorization: `Bearer ${key}` }, body: body && JSON.stringify(body) });
  const text = await res.text();
  if (!res.ok) throw new Error(`${method} ${pathname}: ${res.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export const operator = (pathname, body, method) => ask(need('WEIR_ADMIN_TOKEN'), pathname, body, method);

let tenants = 0;

/** A new tenant with a source "web" and keys: {id, site, writeKey, admin, analyst, viewer, sql(text) → rows as objects}. */
export async function newTenant(source = {}) {
  const id = `t${process.pid}x${++tenants}`;
  await operator('/api/v1/tenants', { id, name: id });
  const made = await operator(`/api/v1/tenants/${id}/sources`, { id: 'web', ...source });
  const t = { id, site: made.site_id, writeKey: made.write_key };
  for (const role of ['admin', 'analyst', 'viewer']) t[role] = (await operator(`/api/v1/tenants/${id}/keys`, { role, name: role })).key;
  t.sql = async (sql) => (await ask(t.analyst, '/api/v1/query', { sql })).data;
  return t;
}

/** How many ms a condition or a step of a browser may take: a machine that has much else to do is slow, and not wrong. */
export const patience = 60_000;

/** Waits until f returns something true, and returns that. After the time is over it throws, with what f said last. */
export async function until(f, what = String(f), ms = patience) {
  let last;
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((done) => setTimeout(done, 50))) {
    try {
      last = await f();
      if (last) return last;
    } catch (e) {
      last = e;
    }
  }
  throw new Error(`waited ${ms} ms for ${what}; last: ${last}`);
}

/** The ms from now to a moment when midnight in a time zone is behind and not ahead by some minutes; 0 if it is now. */
export function untilClearOfMidnight(zone, now = Date.now(), ahead = 3, behind = 2) {
  const [h, m, s] = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeStyle: 'medium' }).format(now).split(':').map(Number);
  const gone = ((h * 60 + m) * 60 + s) / 60; // minutes of the day
  const wait = gone < behind ? behind - gone : gone >= 1440 - ahead ? 1440 - gone + behind : 0;
  return Math.ceil(wait * 60_000);
}

/** Waits, a few minutes at most, where midnight in a time zone is near: what is called today or yesterday would be another day in the middle of a suite. */
export const clearOfMidnight = (zone) => new Promise((done) => setTimeout(done, untilClearOfMidnight(zone)));
