// One site's client: consent, identity, and the public interface.
import { attempt, bytes, newID, on, openStore, readCookie, refused, writeCookie } from './env';
import { Auto, observe } from './page';
import { newSender, Sender } from './sender';

/** Properties of an event. Nested objects become dotted names. */
export type Props = Record<string, unknown>;

export interface Config {
  consent_required: boolean;
  cookieless: boolean;
}

export interface Options {
  /** The source's site_id. */
  site: string;
  /** Where weir is: "https://weir.example". The script tag takes it from its own address. */
  host?: string;
  /** "required": nothing is sent and nothing is stored before consent("granted"). "not-required": only if the source's settings require it. */
  consent?: 'required' | 'not-required';
  /** No identifier, and nothing else, is stored; the server derives an id that changes every day. What is not sent when the page ends is lost. */
  cookieless?: boolean;
  /** Where the visitor's id is kept: "local" (localStorage, the default) or "cookie" (first-party, SameSite=Lax). */
  storage?: 'local' | 'cookie';
  /** The cookie's domain: ".example.com" for all hosts below it. By default the page's host alone. */
  cookieDomain?: string;
  /** The cookie's lifetime in days, from the first visit on. 365 by default; browsers allow 400. */
  cookieDays?: number;
  /** A change of the address behind # is a page view too, and stays in the url. */
  hash?: boolean;
  /** Page views by themselves; true by default. */
  pageviews?: boolean;
  /** Clicks, outbound links and downloads; true by default. */
  clicks?: boolean;
  /** Scroll depth and engaged time; true by default. */
  engagement?: boolean;
  /** What /sdk/config says, if it is known already: then it is not asked. */
  config?: Config;
}

export interface Weir {
  /** Records an event and returns its id; undefined if none was made: after an opt-out or a denial, or when it is over 48 KB. */
  track(type: string, props?: Props): string | undefined;
  /** Records a page view of the current address. */
  pageview(props?: Props): string | undefined;
  /** Says who the visitor is, from now on. */
  identify(userId: string | number, traits?: Props): string | undefined;
  /** Forgets user and visitor: the next event is somebody else's. */
  reset(): void;
  /** The visitor's decision. "denied" also removes what is stored. */
  consent(decision: 'granted' | 'denied'): void;
  /** Stops for good in this browser and removes what is stored; a mark without an identifier remains. Only optOut(false) takes it back. */
  optOut(out?: boolean): void;
  /** Sends what waits, now. */
  flush(): void;
}

/** The server refuses events with a NUL. */
const clean = (s: string) => s.replace(/\0/g, '');
/** The same in JSON, where a NUL is an escape; one of a backslash may stand before u0000. */
const cleanJSON = (s: string) => s.replace(/\\(u0000|.)/g, (all, c) => (c === 'u0000' ? '' : all));

const maxHeld = 100;
const eventBytes = 48000; // the server's limit is 50 KiB
const marks = 'out'; // the key of the mark of an opt-out, or of a denial where nobody was to be asked
const optedOut = '1';
const refusedOnce = '0';

export const create = (o: Options): Weir => {
  const site = String(o.site);
  const host = String(o.host || '').replace(/\/+$/, '');
  const prefix = `weir:${site}:`;
  const store = openStore(prefix);
  const cookie = '_weir_' + encodeURIComponent(site);
  let { cookieless } = o;
  let known = false; // what the source's settings demand
  let needed = !!o.consent && o.consent !== 'not-required'; // consent; a word that is not known must not open anything
  let out = refused() || !!store.get(marks);
  let granted = false;
  let denied = false;
  let sender: Sender | undefined; // there is one while events may be sent
  let held: [string, string, Props?][] = []; // events that wait for a decision, in memory only
  let visitor: string | undefined;
  let user: string | undefined;
  let asking = false;
  let asked = 0;
  let auto: Auto | undefined;
  let ending = false; // the page is being hidden or left, and its own handlers may still speak
  let warned = false;

  const learn = (c: Config) => {
    known = true;
    needed = needed || !!c.consent_required;
    cookieless = cookieless || !!c.cookieless;
  };

  const forgetVisitor = () => {
    store.del('id');
    if (readCookie(cookie)) {
      writeCookie(cookie, '', 0, o.cookieDomain);
      writeCookie(cookie, '', 0);
    }
  };

  const purge = () => {
    store.keys().forEach((k) => k === marks || store.del(k));
    forgetVisitor();
  };

  const close = () => {
    sender && sender.stop();
    sender = visitor = user = undefined;
    held = [];
    purge();
  };

  const kept = () => (o.storage === 'cookie' ? readCookie(cookie) : store.get('id')) || '';

  /** Makes a visitor. Where the browser keeps no id there is none: it would be another one on each page, and the server's id of the day is not. */
  const newVisitor = () => {
    visitor = newID();
    if (o.storage === 'cookie') writeCookie(cookie, visitor, (o.cookieDays || 365) * 86400, o.cookieDomain);
    else store.set('id', visitor);
    if (kept() !== visitor) visitor = undefined;
  };

  const ask = () => {
    if (asking) return;
    asking = true;
    const retry = () => setTimeout(() => ((asking = false), attempt(decide)), Math.min(1000 * 2 ** asked++, 6e4));
    const question = attempt(() =>
      fetch(`${host}/sdk/config?site_id=${encodeURIComponent(site)}`, { credentials: 'omit' })
        .then((r) => {
          if (r.status === 404) {
            console.warn(`weir: there is no site "${site}"`);
            stopAll();
          }
          return r.ok ? r.json() : Promise.reject();
        })
        .then((c) => (learn(c), decide()))
        .catch(retry),
    );
    if (!question) retry();
  };

  /** Begins to send as soon as it may. */
  const decide = () => {
    if (denied && known && !needed && !store.get(marks)) store.set(marks, refusedOnce);
    if (sender || out || denied || (document as any).prerendering) return;
    if (needed && !granted) {
      granted = !cookieless && store.get('ok') === '1';
      if (!granted) return purge(); // what is there was stored before consent was required
    }
    if (!known) return ask();
    if (cookieless) purge();
    else {
      visitor = kept();
      user = user || clean(store.get('user') || '') || undefined;
      if (user) store.set('user', user);
      if (granted) store.set('ok', '1');
      if (!/^[\w-]{8,64}$/.test(visitor)) newVisitor(); // what others have put there must not spoil every event
    }
    const s = (sender = newSender(site, host, cookieless ? undefined : store));
    held.forEach(([id, body, more]) => send(id, body, more));
    held = [];
    s.adopt();
    setTimeout(s.adopt, 10000);
  };

  const send = (id: string, body: string, ids?: Props) => {
    const all = { client_id: visitor, user_id: user, ...ids };
    const text = JSON.stringify(all).slice(1);
    sender!.add(id, text.length > 1 ? body.slice(0, -1) + ',' + text : body);
    if (ending) Promise.resolve().then(last); // when the handler of the page is through
  };

  const record = (type: string, props?: Props, fields?: Props, ids?: Props): string | undefined => {
    if (out || denied || !type || typeof type !== 'string') return undefined;
    const id = newID();
    const body = cleanJSON(JSON.stringify({ event_id: id, type, ts: Date.now(), url: address(), referrer: (auto ? auto.referrer() : document.referrer) || undefined, ...fields, props }));
    if (bytes(body + JSON.stringify([user, ids])) > eventBytes) {
      if (!warned) console.warn(`weir: an event "${type}" of over 48 KB was not taken`);
      warned = true;
      return undefined;
    }
    if (sender) send(id, body, ids);
    else held = held.concat([[id, body, user ? { user_id: user, ...ids } : ids]]).slice(-maxHeld);
    return id;
  };

  const address = () => (o.hash ? location.href : location.href.split('#')[0]);

  const last = () => sender && sender.last();

  const stopAll = () => {
    out = true;
    close();
  };

  const api: Weir = {
    track: (type, props) => attempt(() => record(type, props)),
    pageview: (props) => attempt(() => record('pageview', props)),
    identify: (userId, traits) =>
      attempt(() => {
        if (out || denied || userId === undefined || userId === null || userId === '') return undefined;
        user = clean(String(userId));
        if (sender && !cookieless) store.set('user', user);
        return record('identify', traits, undefined, { user_id: user });
      }),
    reset() {
      attempt(() => {
        user = undefined;
        store.del('user');
        if (sender && !cookieless) newVisitor();
        else forgetVisitor();
        held.forEach((h) => (h[2] = { client_id: undefined, user_id: undefined, ...h[2] })); // they are not of who comes now
      });
    },
    consent(decision) {
      attempt(() => {
        if (decision === 'granted') {
          if (store.get(marks) === optedOut) return; // it stands above: only optOut(false) takes it back
          store.del(marks);
          out = refused();
          granted = !out;
          denied = false;
          if (sender && !cookieless) store.set('ok', '1');
        } else {
          granted = false;
          denied = true;
          close();
        }
        decide();
      });
    },
    optOut(yes) {
      attempt(() => {
        if (yes === false) {
          if (store.get(marks) === optedOut) store.del(marks);
          out = refused() || !!store.get(marks);
          decide();
        } else {
          stopAll();
          store.set(marks, optedOut);
        }
      });
    },
    flush() {
      attempt(() => sender && sender.flush());
    },
  };

  attempt(() => {
    if (o.config) learn(o.config);
    if (out) purge();
    on(self, 'storage', (e: StorageEvent) => {
      if (e.key === prefix + marks && e.newValue) stopAll();
      if (e.key === prefix + 'ok' && !e.newValue && needed) api.consent('denied');
    });
    // Before the sender's own: what the page says of its end goes along.
    auto = observe(o, record, address);
    const end = () => {
      auto!.leave();
      last();
      ending = true;
      setTimeout(() => (ending = false));
    };
    on(document, 'visibilitychange', () => {
      if (document.visibilityState === 'hidden') end();
      else sender && sender.adopt();
    });
    on(self, 'pagehide', end);
    if ((document as any).prerendering) on(document, 'prerenderingchange', decide);
    decide();
    auto.start();
  });
  return api;
};
