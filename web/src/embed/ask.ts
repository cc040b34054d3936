import type { Panel } from '../panels/panel';
import type { PanelData } from '../panels/PanelView';

/** A panel and its answer, as the token opens it. */
export type Opened = { panel: Panel; answer: PanelData; time_zone: string; expires: string };

/** Why it is not shown: `ended` for good, else it is tried again, after so many seconds at least. */
export type Refusal = { title: string; detail: string; ended: boolean; retryAfter?: number };

const incomplete: Refusal = { title: 'There is no panel at this address', detail: "This panel's address is incomplete: what says which panel it is, ?token=…, is missing. Whoever runs the page that shows it has the whole address.", ended: true };

const titles: Record<string, string> = {
  embed_expired: 'This link has ended',
  embed_revoked: 'This panel is not shown any more',
  bad_embed_token: 'This link does not open a panel',
};

/** Asks for the panel of a token, without any other credential. Without a token there is nothing to ask for. */
export async function ask(token: string, signal: AbortSignal): Promise<Opened | Refusal> {
  if (token === '') return incomplete;
  let res: Response;
  try {
    res = await fetch('/api/v1/embeds/panel', { headers: { Authorization: `Bearer ${token}` }, credentials: 'omit', signal });
  } catch {
    return { title: 'Not reached', detail: 'The server could not be reached; it is tried again.', ended: false };
  }
  const body = (await res.json().catch(() => ({}))) as Record<string, unknown>;
  if (res.ok) return body as Opened;
  const code = typeof body.code === 'string' ? body.code : '';
  const detail = typeof body.detail === 'string' ? body.detail : `The server answered with ${res.status}.`;
  return { title: titles[code] ?? 'This panel cannot be shown now', detail: code === 'embed_expired' ? 'Reload the page that shows it; if that does not help, ask whoever runs it for a new link.' : detail, ended: res.status === 401 || res.status === 422, retryAfter: Number(res.headers.get('Retry-After')) || 0 };
}
