// What the SDK needs of the browser. Nothing here throws: a page must never notice that something is missing, blocked or broken.

/** Runs f; what it throws is dropped and the result is undefined. */
export const attempt = <T>(f: () => T): T | undefined => {
  try {
    return f();
  } catch (e) {
    return undefined;
  }
};

export const on = (target: EventTarget, types: string, f: (e: any) => void): void => {
  types.split(' ').forEach((type) => target.addEventListener(type, (e) => attempt(() => f(e)), { capture: true, passive: true }));
};

/** A UUIDv7: ids sort by time, and born tells that time. */
export const newID = (): string => {
  const b = new Uint8Array(10);
  if (!attempt(() => crypto.getRandomValues(b))) for (let i = 0; i < 10; i++) b[i] = Math.random() * 256;
  b[0] = (b[0] & 15) | 112;
  b[2] = (b[2] & 63) | 128;
  let hex = Date.now().toString(16).padStart(12, '0');
  b.forEach((x) => (hex += (x + 256).toString(16).slice(1)));
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
};

/** When an id was made, in ms since 1970; NaN if it is none. */
export const born = (id: string): number => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/** How long a text is in UTF-8. */
export const bytes = (text: string): number => new Blob([text]).size;

/** Milliseconds of a clock that nobody sets back. */
export const tick = (): number => performance.now();

/** The browser's storage under a prefix. Where it throws, is full or is off, it holds nothing. */
export interface Store {
  get(key: string): string | null | undefined;
  set(key: string, value: string): void;
  del(key: string): void;
  keys(): string[];
}

export const openStore = (prefix: string): Store => ({
  get: (key) => attempt(() => localStorage.getItem(prefix + key)),
  set: (key, value) => attempt(() => localStorage.setItem(prefix + key, value)),
  del: (key) => attempt(() => localStorage.removeItem(prefix + key)),
  keys: () =>
    attempt(() =>
      Object.keys(localStorage)
        .filter((k) => !k.indexOf(prefix))
        .map((k) => k.slice(prefix.length)),
    ) || [],
});

export const readCookie = (name: string): string | undefined =>
  attempt(() => ('; ' + document.cookie).split('; ' + name + '=')[1].split(';')[0]);

/** Sets a first-party cookie for some seconds; 0 removes it. */
export const writeCookie = (name: string, value: string, seconds: number, domain?: string): void => {
  attempt(() => {
    document.cookie =
      `${name}=${value};path=/;max-age=${seconds};samesite=lax` + (domain ? ';domain=' + domain : '') + (location.protocol === 'https:' ? ';secure' : '');
  });
};

/** Whether the visitor's browser asks not to be tracked: Global Privacy Control or Do Not Track. */
export const refused = (): boolean => {
  const n = navigator as any;
  const dnt = n.doNotTrack || (self as any).doNotTrack || n.msDoNotTrack;
  return !!n.globalPrivacyControl || dnt == 1 || dnt === 'yes';
};
