import { credentials } from '../../api/credentials';

/** A statement that ran in this tab, the latest first. */
export type Past = { sql: string; at: number; rows?: number; seconds?: number; failed?: true };

const name = () => `weir.sql.${credentials().tenant ?? ''}`; // of the tenant for which an operator acts
const most = 50;

export function past(): Past[] {
  try {
    const list: unknown = JSON.parse(sessionStorage.getItem(name()) ?? '[]');
    return Array.isArray(list) ? (list as Past[]).filter((p) => typeof p.sql === 'string' && typeof p.at === 'number') : [];
  } catch {
    return [];
  }
}

/** Adds a run; the same statement is there once. It stays in this tab until one signs out. */
export function remember(p: Past) {
  const list = [p, ...past().filter((o) => o.sql !== p.sql)].slice(0, most);
  try {
    sessionStorage.setItem(name(), JSON.stringify(list));
  } catch {
    // the storage is full: the tab has no history then
  }
}
