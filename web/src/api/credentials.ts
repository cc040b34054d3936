// Who asks. A pasted key stays in this tab (sessionStorage): it is gone with it and is never in an address or a cookie. People who sign in with a
// password or a provider have a session cookie that scripts cannot read.

export type Credentials = { key?: string; tenant?: string };

const keyName = 'weir.key';
const tenantName = 'weir.tenant';

export function credentials(): Credentials {
  return { key: sessionStorage.getItem(keyName) ?? undefined, tenant: sessionStorage.getItem(tenantName) ?? undefined };
}

export function keepKey(key: string) {
  sessionStorage.setItem(keyName, key);
}

/** The tenant for which an operator acts. */
export function actFor(tenant: string | undefined) {
  if (tenant) sessionStorage.setItem(tenantName, tenant);
  else sessionStorage.removeItem(tenantName);
}

/** Forgets all that this tab keeps of whoever was signed in. */
export function forget() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith('weir.')) sessionStorage.removeItem(name);
}
