import createClient from 'openapi-fetch';
import { credentials } from './credentials';
import { Problem } from './problem';
import { reach } from './reach';
import type { paths } from './schema';

/** Asks weir; every path, parameter and answer is typed by its own OpenAPI description. */
export const client = createClient<paths>({ fetch: send });

/** fetch with the credentials of this tab. Without a key the browser's session cookie is what counts. What comes of it says whether the server can be reached. */
export async function send(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const { key, tenant } = credentials();
  if (key && !request.headers.has('Authorization')) request.headers.set('Authorization', `Bearer ${key}`);
  if (tenant && !request.headers.has('X-Weir-Tenant')) request.headers.set('X-Weir-Tenant', tenant);
  try {
    const res = await fetch(request);
    if (res.status === 502 || res.status === 503 || res.status === 504) void reach.probe();
    else reach.heard();
    return res;
  } catch (e) {
    if (!request.signal.aborted) void reach.probe();
    throw e;
  }
}

/** What an openapi-fetch call gives, or throws a Problem. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let got;
  try {
    got = await call;
  } catch (e) {
    throw e instanceof DOMException && e.name === 'AbortError' ? e : Problem.unreachable(e);
  }
  if (got.response.ok) return got.data as T;
  throw Problem.from(got.response, got.error);
}

/** A JSON body of an endpoint whose description has no schema for it. */
export async function json<T>(path: string, init?: RequestInit): Promise<T> {
  let res: Response;
  try {
    res = await send(new URL(path, location.origin).href, init);
  } catch (e) {
    throw e instanceof DOMException && e.name === 'AbortError' ? e : Problem.unreachable(e);
  }
  const body: unknown = res.status === 204 ? undefined : await res.json().catch(() => undefined);
  if (!res.ok) throw Problem.from(res, body);
  return body as T;
}
