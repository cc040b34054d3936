// What the SDK sees by itself: page views, clicks, downloads, scroll depth, engaged time.
import { attempt, on } from './env';
import type { Options, Props } from './client';

export interface Auto {
  /** Records the first page view. */
  start(): void;
  /** Records how far and how long the page was read since the last time. */
  leave(): void;
  /** Where the visitor came from to the page that is on. */
  referrer(): string;
}

const idle = 15000; // ms without a sign of life after which nobody reads
const files = /\.(pdf|docx?|xlsx?|pptx?|od[tsp]|csv|rtf|epub|zip|rar|7z|t?gz|tar|bz2|xz|dmg|exe|msi|pkg|deb|rpm|apk|iso|jar|mp[34]|m4[av]|mov|avi|mkv|webm|wav|ogg)$/i;

export const observe = (
  o: Options,
  record: (type: string, props?: Props, fields?: Props) => unknown,
  address: () => string,
): Auto => {
  let page = ''; // the address of the page view that is on
  let referrer = document.referrer; // of that page view
  let engaged = 0; // ms
  let alive = 0; // when the last sign of life was; 0: nobody looks
  let shell: Element | undefined; // what scrolls where the window does not: the part of an app that fills most of it
  let bottom = 0; // the lowest point that was seen of what scrolls, in pixels
  let height = 0; // of what scrolls, with all that is in it
  let deepest = 0; // percent that was recorded

  const live = (looks: boolean) => {
    const now = performance.now();
    if (alive) engaged += Math.min(now - alive, idle);
    alive = looks ? now : 0;
  };

  const room = (n: Element) => n.scrollHeight - n.clientHeight;

  /**
   * Asking for the place makes the browser compute the layout: only when it may have changed, not with each move of the mouse.
   * n is what was scrolled, or stands in the middle of the window.
   */
  const look = (n?: any) => {
    if (!alive) return;
    const root = document.scrollingElement || document.documentElement;
    if (room(root) > innerHeight / 10) shell = undefined;
    else
      for (n = n || shell || document.elementFromPoint(innerWidth / 2, innerHeight / 2); n && n !== root; n = n.parentNode)
        if (n.clientWidth * n.clientHeight * 2 > innerWidth * innerHeight && room(n) > (shell ? room(shell) : 0) && /auto|scroll/.test(getComputedStyle(n).overflowY)) {
          shell = n;
          bottom = 0;
        }
    height = (shell || root).scrollHeight || height; // a shell may have left the page
    bottom = Math.max(bottom, shell ? shell.scrollTop + shell.clientHeight : scrollY + innerHeight);
  };

  const leave = () => {
    look();
    live(false);
    if (o.engagement === false || !page) return;
    const depth = Math.min(100, Math.round((bottom * 100) / Math.max(height, 1)));
    if (engaged < 1000 && depth <= deepest) return;
    record('engagement', { engaged_ms: Math.round(engaged), scroll_percent: depth }, { url: page });
    engaged = 0;
    deepest = Math.max(depth, deepest);
  };

  const view = () => {
    page = address();
    engaged = bottom = deepest = alive = 0;
    shell = undefined;
    live(document.visibilityState !== 'hidden');
    if (o.pageviews !== false) record('pageview', undefined, { referrer: referrer || undefined });
  };

  const moved = () => {
    if (!page || address() === page) return;
    leave();
    referrer = page;
    view();
  };

  /** Records a click. One that leads to another host is outbound, one on a file a download, an element with data-weir has a name of its own. */
  const click = (e: MouseEvent) => {
    const path = e.composedPath() as Element[]; // it leads out of shadow trees, which closest does not
    const near = <T>(what: string): T | undefined => path.find((n) => n.matches && n.matches(what)) as any;
    if ((e.type === 'auxclick' && e.button !== 1) || near('[data-weir-ignore]')) return;
    const el = near<HTMLElement>('[data-weir],a[href],area[href],button,[role=button],input[type=submit],input[type=button],summary');
    if (!el) return;
    const data = el.dataset;
    const props: Props = {};
    if (data.weir) {
      for (const k in data) if (/^weir./.test(k)) props[k[4].toLowerCase() + k.slice(5)] = data[k];
      record(data.weir, props);
    }
    const link = near<HTMLAnchorElement>('a[href],area[href]');
    const web = link && /^https?:$/.test(link.protocol);
    props.tag = el.tagName.toLowerCase();
    props.id = el.id || undefined;
    props.text = (el.getAttribute('aria-label') || (/^input$/i.test(props.tag as string) ? '' : el.textContent) || '').trim().replace(/\s+/g, ' ').slice(0, 80) || undefined;
    if (link) props.href = web ? link.origin + link.pathname : link.protocol; // an address of mail is nobody's business, nor is a query
    if (link && web && (link.hasAttribute('download') || files.test(link.pathname))) record('download', props);
    else if (link && web && link.host !== location.host) record('outbound', props);
    else if (!data.weir) record('click', props);
  };

  if (o.clicks !== false) on(document, 'click auxclick', click);
  on(document, 'visibilitychange', () => document.visibilityState === 'hidden' || (live(true), look()));
  on(self, 'mousemove mousedown keydown touchstart', () => live(true));
  on(self, 'scroll', (e) => (live(true), look(e.target)));
  on(self, 'popstate', moved);
  if (o.hash) on(self, 'hashchange', moved);
  attempt(() =>
    (['pushState', 'replaceState'] as const).forEach((name) => {
      const original = history[name];
      history[name] = function (this: History, ...args: any) {
        const result = original.apply(this, args);
        attempt(moved);
        return result;
      };
    }),
  );
  on(self, 'pageshow', (e: PageTransitionEvent) => {
    e.persisted && view(); // from where is not known: the referrer stays, as it does where the page is loaded again
  });

  return {
    start() {
      // A page that is made ahead of its visitor is seen when it is shown.
      (document as any).prerendering ? on(document, 'prerenderingchange', view) : view();
    },
    leave,
    referrer: () => referrer,
  };
};
