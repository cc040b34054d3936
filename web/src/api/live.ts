import { createParser } from 'eventsource-parser';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { send } from './client';
import { asProblem, Problem } from './problem';
import type { components } from './schema';
import { reach } from './reach';
import { useSite } from './site';

export type Live = components['schemas']['Live'];

/**
 * A live view: the last state that came (`at`: when), and how the stream is. `open`: states come; `lost`: the stream broke, and it is opened again at
 * `retryAt`; `hidden`: the page is not looked at, so nothing is asked. `problem` is why it is lost, or, of an open stream, why the state is not renewed.
 */
export type LiveView = { data?: Live; at?: number; phase: 'connecting' | 'open' | 'lost' | 'hidden'; problem?: Problem; retryAt?: number };

const silence = 25_000; // ms: weir says something every 10 s at least
const hide = 60_000; // ms: a page that is not looked at keeps its stream so long

/** Milliseconds to wait before the n-th try in a row (n from 1): doubled each time, a minute at most, and never in step with other viewers. */
export const backoff = (n: number, random = Math.random()): number => Math.min(60_000, 1000 * 2 ** (n - 1)) * (0.75 + random / 2);

/** Reads the stream until it ends, and tells of each event and of each sign of life. It throws what opening or reading throws. */
export async function readStream(response: Response, on: { event: (name: string, data: string) => void; alive: () => void }): Promise<void> {
  const parser = createParser({ onEvent: (e) => on.event(e.event ?? 'message', e.data) });
  const reader = response.body!.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    on.alive();
    parser.feed(value);
  }
}

/** Problems that no other try mends. */
const final = (p: Problem) => p.status >= 400 && !p.passing && p.status < 500 && p.code !== 'principal_changed' && p.code !== 'masks_changed';

/**
 * A live view that goes on while somebody is subscribed and the page is looked at. It uses fetch: EventSource cannot send a key. A stream that breaks or
 * falls silent is opened again, at once when the machine is online again.
 */
export class LiveStream {
  private view: LiveView = { phase: 'connecting' };
  private readonly told = new Set<() => void>();
  private control: AbortController | undefined; // of the stream that is open or being opened
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hiding: ReturnType<typeof setTimeout> | undefined;

  /** `denied` is called when nobody is signed in any more. */
  constructor(
    private readonly address: string,
    private readonly denied: () => void,
  ) {}

  readonly current = () => this.view;

  readonly subscribe = (tell: () => void) => {
    this.told.add(tell);
    if (this.told.size === 1) {
      document.addEventListener('visibilitychange', this.look);
      addEventListener('online', this.online);
      addEventListener('offline', this.offline);
      this.retry();
      if (document.hidden) this.look();
    }
    return () => {
      this.told.delete(tell);
      if (this.told.size > 0) return;
      document.removeEventListener('visibilitychange', this.look);
      removeEventListener('online', this.online);
      removeEventListener('offline', this.offline);
      clearTimeout(this.hiding);
      this.close();
    };
  };

  /** Opens the stream now, as if nothing had failed before. */
  readonly retry = () => {
    this.failures = 0;
    void this.open();
  };

  private readonly online = () => {
    if (!document.hidden) this.retry(); // else when it is looked at again
  };

  private readonly offline = () => {
    this.close();
    this.change({ phase: 'lost', problem: Problem.unreachable(new Error('this machine is offline')), retryAt: undefined });
  };

  private readonly look = () => {
    clearTimeout(this.hiding);
    if (!document.hidden) {
      if (!this.control) this.retry();
      return;
    }
    this.hiding = setTimeout(() => {
      this.close();
      this.change({ phase: 'hidden', problem: undefined, retryAt: undefined });
    }, hide);
  };

  private change(c: Partial<LiveView>) {
    this.view = { ...this.view, ...c };
    for (const tell of this.told) tell();
  }

  private close() {
    clearTimeout(this.timer);
    const c = this.control;
    this.control = undefined;
    c?.abort();
  }

  private async open() {
    this.close();
    const control = new AbortController();
    this.control = control;
    let watch: ReturnType<typeof setTimeout> | undefined;
    let silent = false;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => {
        silent = true;
        control.abort();
      }, silence);
    };
    let why: Problem | undefined;
    try {
      alive();
      const res = await send(this.address, { signal: control.signal, headers: { Accept: 'text/event-stream' } });
      if (!res.ok) throw Problem.from(res, await res.json().catch(() => undefined));
      await readStream(res, {
        alive,
        event: (name, data) => {
          if (control === this.control) why = this.read(name, data);
        },
      });
    } catch (e) {
      why = e instanceof Problem ? e : Problem.unreachable(silent ? new Error(`nothing came for ${silence / 1000} s`) : e);
    }
    clearTimeout(watch);
    if (control === this.control) this.lost(why ?? asProblem(new Error('The server ended the stream.')));
  }

  /** Takes an event of the stream; what it returns is why the state is not renewed, if it is not. */
  private read(name: string, data: string): Problem | undefined {
    if (name === 'live') {
      this.failures = 0;
      this.change({ data: JSON.parse(data) as Live, at: Date.now(), phase: 'open', problem: undefined, retryAt: undefined });
      return undefined;
    }
    if (name !== 'problem') return undefined;
    const b = JSON.parse(data) as { status?: number; code?: string; detail?: string; field?: string; limit?: string };
    const problem = new Problem(b.status ?? 500, b.code ?? 'unknown', b.detail ?? 'The state cannot be read now.', b.field, b.limit);
    this.change({ phase: 'open', problem });
    return problem;
  }

  private lost(why: Problem) {
    this.control = undefined;
    if (why.status === 401) this.denied();
    if (final(why)) return this.change({ phase: 'lost', problem: why, retryAt: undefined });
    this.failures++;
    const wait = Math.max(backoff(this.failures), (why.retryAfter ?? 0) * 1000);
    this.change({ phase: 'lost', problem: why, retryAt: Date.now() + wait });
    this.timer = setTimeout(() => void this.open(), wait);
  }
}

/** What happens on the site of the view; `bots` as of the other questions. */
export function useLive(bots: string): LiveView & { retry: () => void } {
  const { id } = useSite();
  const queries = useQueryClient();
  const stream = useMemo(
    () => new LiveStream(`${location.origin}/api/v1/analytics/${encodeURIComponent(id)}/live${bots ? `?bots=${bots}` : ''}`, () => void queries.resetQueries({ queryKey: ['me'] })),
    [id, bots, queries],
  );
  useEffect(
    () =>
      reach.subscribe(() => {
        if (reach.current() === 'reached' && stream.current().retryAt !== undefined) stream.retry();
      }),
    [stream],
  );
  return { ...useSyncExternalStore(stream.subscribe, stream.current), retry: stream.retry };
}
