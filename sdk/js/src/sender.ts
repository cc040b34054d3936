// The queue of events and the ways out of the page.
//
// An event stays in the queue, and in storage, until the server has confirmed it: what a beacon took along is not confirmed and is sent again.
// The server stores events with one id once, so an event that goes twice counts once. Pages of a site share the storage without locks: each event
// has a key of its own, and its value begins with the time until which it belongs to the page that wrote it. What is older belongs to nobody, and
// any page may take it over. Two pages that do so at the same moment send it twice, which counts once.
import { attempt, born, bytes, on, Store, tick } from './env';

interface Item {
  id: string;
  body: string; // JSON
  size: number; // of the body, in bytes
  gone?: boolean; // a beacon took it along
}

export interface Sender {
  /** Puts an event into the queue; body is its JSON. */
  add(id: string, body: string): void;
  /** Sends what waits, now, unless the server asked for a pause. */
  flush(): void;
  /** The page may end: hands everything that waits to the browser. */
  last(): void;
  /** Takes over what ended pages left behind. */
  adopt(): void;
  /** Stops for good and forgets what waits here. What is stored is the caller's to remove. */
  stop(): void;
}

const gather = 1000; // ms that an event waits for others
const batchBytes = 28000; // two of these are within the 64 KB that a browser carries after a page's end
const batchEvents = 100;
const maxEvents = 1000; // in the queue of a page, and in storage
const maxBytes = 1e6;
const maxAge = 5 * 864e5; // ms; the server knows ids for 7 days
const lease = 8000; // ms that a stored event belongs to the page that made it
const longLease = 60000; // ms that it belongs to a page that took it over
const pixelBytes = 6000; // of an address
const timeout = 30000; // ms for an answer
const queueKey = 'q:';

// What becomes of a batch: it is done with, it is to be cut in two, or (any number ≥ 0) it is to be sent again after that many ms; again: after a backoff.
const done = -1;
const split = -2;
const again = -3;

export const newSender = (site: string, host: string, store?: Store): Sender => {
  let queue: Item[] = [];
  let sending: Item[] | undefined;
  let timer: any;
  let due = Infinity; // when the timer fires
  let until = 0; // nothing is sent before
  let told = 0; // … because the server asked for it
  let fails = 0;
  let most = batchEvents;
  let imaging = false; // what is being sent goes by image, and ends with the page
  let fetched = false; // fetch brought an answer: it is not blocked
  let viaImage = false; // it is, and images are not
  let stopped = false;

  const schedule = (ms: number) => {
    if (stopped || tick() + ms >= due) return;
    clearTimeout(timer);
    due = tick() + ms;
    timer = setTimeout(() => {
      due = Infinity;
      flush();
    }, ms);
  };

  const put = (item: Item, ms: number) => {
    store && store.set(queueKey + item.id, Date.now() + ms + item.body);
    queue.push(item);
    let all = queue.reduce((n, i) => n + i.size, 0);
    while (queue.length > maxEvents || all > maxBytes) all -= forget([queue[0]])[0].size;
  };

  const forget = (items: Item[]) => {
    queue = queue.filter((i) => items.indexOf(i) < 0);
    store && items.forEach((i) => store.del(queueKey + i.id));
    return items;
  };

  const take = (from: Item[], bytes: number, events: number) => {
    let n = 0;
    return from.filter((i, at) => at < events && ((n += i.size + 1) <= bytes || !at));
  };

  // Each try says when it is made by the visitor's clock: the server corrects the times of the events by what that is off.
  const envelope = (batch: Item[]) => `{"site_id":${JSON.stringify(site)},"sent_at":${Date.now()},"events":[${batch.map((i) => i.body)}]}`;

  const request = (batch: Item[]) =>
    fetch(host + '/collect', { method: 'POST', body: envelope(batch), keepalive: true, credentials: 'omit' });

  const image = (batch: Item[], settle?: (verdict: number) => void) => {
    const img = new Image();
    img.onload = () => settle && settle(done);
    img.onerror = () => settle && settle(again);
    const events = btoa(unescape(encodeURIComponent(`[${batch.map((i) => i.body)}]`)));
    img.src = `${host}/pixel.gif?site_id=${encodeURIComponent(site)}&sent_at=${Date.now()}&n=${tick()}&events=${encodeURIComponent(events)}`; // n: the browser makes one request of two images with one address
  };

  const verdict = (r: Response): number => {
    fetched = true;
    const s = r.status;
    if (s === 204) return done;
    if (s === 413) return split;
    if (s >= 400 && s < 500 && s !== 408 && s !== 429) return done; // it would be refused again
    const after = attempt(() => r.headers.get('Retry-After'));
    const ms = after ? +after * 1000 || Date.parse(after) - Date.now() : 0;
    const wait = ms > 0 ? Math.min(ms, 36e5) * (1 + Math.random() / 5) : s === 429 ? backoff() : 0;
    if (wait) told = tick() + wait;
    return wait || again;
  };

  const backoff = () => Math.min(1000 * 2 ** fails, 3e5) * (0.5 + Math.random());

  const flush = () => {
    if (stopped || sending || !queue.length) return;
    const wait = until - tick();
    if (wait > 0) return schedule(wait);
    let batch = (sending = take(queue, batchBytes, most));
    batch.forEach((i) => (i.gone = false));
    const settle = (v: number) => {
      if (sending !== batch || stopped) return;
      sending = undefined;
      imaging = false;
      clearTimeout(stop);
      if (v === done || (v === split && batch.length < 2)) {
        forget(batch);
        fails = until = 0;
        most = Math.min(most * 2, batchEvents);
      } else if (v === split) {
        most = batch.length >> 1;
      } else {
        until = tick() + (v === again ? backoff() : v);
        fails++;
      }
      flush();
    };
    const stop = setTimeout(() => settle(again), timeout);
    const byImage = () => {
      if (sending !== batch) return;
      imaging = true;
      sending = batch = take(batch, (pixelBytes * 3) / 4, most);
      image(batch, (v) => {
        viaImage = v === done && !fetched;
        if (v !== done && sending === batch) queue.push(queue.shift()!); // one that is refused must not be in the way of the others
        settle(v);
      });
    };
    if (viaImage || attempt(() => request(batch).then((r) => attempt(() => settle(verdict(r))), () => attempt(byImage))) === undefined) attempt(byImage);
  };

  const last = () => {
    if (stopped || tick() < told) return;
    const carried = !imaging && attempt(() => 'keepalive' in Request.prototype) && sending; // on its way, and goes on without the page
    let rest = queue.filter((i) => !i.gone && !(carried && carried.indexOf(i) >= 0));
    for (let n = 0; rest.length && n < 3; n++) {
      const batch = take(rest, viaImage ? (pixelBytes * 3) / 4 : batchBytes, batchEvents);
      rest = rest.slice(batch.length);
      batch.forEach((i) => (i.gone = true));
      if (viaImage) attempt(() => image(batch));
      else if (!attempt(() => navigator.sendBeacon(host + '/collect', envelope(batch)))) {
        const byImage = () => attempt(() => image(take(batch, (pixelBytes * 3) / 4, batchEvents)));
        if (!attempt(() => request(batch).catch(byImage))) byImage();
      }
      until = Math.max(until, tick() + 3000); // if the page lives on, it asks for a confirmation then
    }
    if (queue.length) schedule(3000);
  };

  const adopt = () => {
    if (stopped || !store) return;
    const keys = store.keys().filter((k) => !k.indexOf(queueKey)).sort();
    keys.forEach((key, at) => {
      const id = key.slice(queueKey.length);
      if (queue.some((i) => i.id === id)) return;
      const value = store.get(key) || '';
      const from = value.indexOf('{');
      const left = +value.slice(0, from) - Date.now();
      const body = value.slice(from);
      if (!(Math.abs(Date.now() - born(id)) < maxAge) || at < keys.length - maxEvents || !attempt(() => JSON.parse(body))) store.del(key);
      else if (!(left > 0 && left <= longLease)) put({ id, body, size: bytes(body) }, longLease);
    });
    flush();
  };

  on(self, 'online', () => {
    until = Math.max(0, told);
    flush();
  });

  return {
    add(id, body) {
      if (stopped) return;
      put({ id, body, size: bytes(body) }, lease);
      queue.length < batchEvents / 4 ? schedule(gather) : flush();
    },
    flush,
    last,
    adopt,
    stop() {
      stopped = true;
      queue = [];
      sending = undefined; // a request that fails from now on is not tried as an image
      clearTimeout(timer);
    },
  };
};

