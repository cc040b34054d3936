// What somebody has written and not saved yet: it stays in its tab (sessionStorage) while one looks at other pages, until one signs out.
import { credentials } from '../api/credentials';

const place = (name: string) => `weir.kept.${credentials().tenant ?? ''}.${name}`; // of the tenant for which an operator acts

/** What is kept under a name, if `is` knows it for what it should be. */
export function kept<T>(name: string, is: (v: unknown) => v is T): T | undefined {
  try {
    const v: unknown = JSON.parse(sessionStorage.getItem(place(name)) ?? 'null');
    return is(v) ? v : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a value in place of what was there; undefined keeps nothing. It says whether it could: a storage may be full. */
export function keep(name: string, value: unknown): boolean {
  try {
    if (value === undefined) sessionStorage.removeItem(place(name));
    else sessionStorage.setItem(place(name), JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
