import { useSyncExternalStore } from 'react';

/** `reached`: answers come. `lost`: none do. `starting`: the server is there, but is not ready to answer. */
export type State = 'reached' | 'lost' | 'starting';

const quiet = 5000; // ms without an answer after which a page that is looked at asks whether the server is there
const patience = 5000; // ms that an answer may take
const longest = 5; // s between two tries

/** Milliseconds to wait before the n-th try in a row (n from 1): a second more each time, up to five, and never in step with other pages. */
export const pause = (n: number, random = Math.random()): number => Math.min(longest, n) * 1000 * (0.9 + random / 5);

/** Asks whether the server is there, and ready (GET /readyz). Servers in front of one that is down answer with 502 or 504. */
async function ready(): Promise<State> {
  try {
    const { status } = await fetch('/readyz', { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(patience) });
    return status === 503 ? 'starting' : status === 502 || status === 504 ? 'lost' : 'reached';
  } catch {
    return 'lost';
  }
}

/**
 * Whether the server can be reached: known from the answers to what the page asks anyway, and asked for when none came for a while, as long as the page is
 * looked at. Once it is lost it is tried again each few seconds, and all who wait are told when it is back.
 */
export class Reach {
  private state: State = 'reached';
  private readonly told = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: Promise<void> | undefined;
  private failures = 0;
  private watching = false;

  constructor(
    private readonly ask: () => Promise<State> = ready,
    private readonly hidden: () => boolean = () => document.hidden,
  ) {}

  readonly current = (): State => this.state;

  readonly subscribe = (tell: () => void) => {
    this.told.add(tell);
    return () => void this.told.delete(tell);
  };

  /** An answer came. One that came while the server was lost is a reason to ask whether it is ready. */
  heard() {
    if (this.state === 'lost') void this.probe();
    else this.schedule();
  }

  /** Asks now; done when it is known. */
  readonly probe = (doubted = true): Promise<void> => {
    this.asking ??= this.ask().then((found) => {
      this.asking = undefined;
      this.failures = found === 'reached' ? 0 : this.failures + 1;
      // A server that calls itself not ready and answers all the same is no worry: only one that left a question without an answer is.
      if (found !== 'starting' || doubted || this.state !== 'reached') this.become(found);
      this.schedule();
    });
    return this.asking;
  };

  /** Done when the server can be reached: now, or when it is back. */
  async back(): Promise<void> {
    await this.probe();
    while (this.state !== 'reached')
      await new Promise<void>((done) => {
        const stop = this.subscribe(() => {
          stop();
          done();
        });
      });
  }

  /** Watches as long as it is not stopped; `back` is called each time that the server is back. */
  watch(back: () => void): () => void {
    let was = this.state;
    const stop = this.subscribe(() => {
      if (this.state === 'reached' && was !== 'reached') back();
      was = this.state;
    });
    const look = () => {
      if (!this.hidden()) void this.probe(false);
    };
    const moved = () => void this.probe();
    document.addEventListener('visibilitychange', look);
    addEventListener('online', moved);
    addEventListener('offline', moved);
    this.watching = true;
    this.schedule();
    return () => {
      this.watching = false;
      stop();
      clearTimeout(this.timer);
      document.removeEventListener('visibilitychange', look);
      removeEventListener('online', moved);
      removeEventListener('offline', moved);
    };
  }

  private become(s: State) {
    if (s === this.state) return;
    this.state = s;
    for (const tell of this.told) tell();
  }

  private schedule() {
    clearTimeout(this.timer);
    if (this.state === 'reached' && !this.watching) return;
    this.timer = setTimeout(() => (this.hidden() ? this.schedule() : void this.probe(this.state !== 'reached')), this.state === 'reached' ? quiet : pause(this.failures));
  }
}

export const reach = new Reach();

/** Whether the server can be reached. */
export const useReach = (): State => useSyncExternalStore(reach.subscribe, reach.current);
