import { fieldName, partsOf, sentence } from './refusal';

/** The code of what is asked of, or sent by, a tenant that an operator has suspended. */
const suspended = 'tenant_suspended';

/** An error as weir writes it (RFC 9457): a stable code, what happened, the field or limit, and what to do. */
export class Problem extends Error {
  override name = 'Problem';
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly field?: string,
    readonly limit?: string,
    readonly retryAfter?: number,
    readonly request?: string,
  ) {
    super(detail);
  }

  /** The problem of an answer; body is its parsed JSON, if it had any. */
  static from(res: Pick<Response, 'status' | 'statusText' | 'headers'>, body: unknown): Problem {
    const b = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    const text = (name: string) => (typeof b[name] === 'string' ? (b[name] as string) : undefined);
    const retry = Number(res.headers.get('Retry-After') ?? Number.NaN);
    return new Problem(
      res.status,
      text('code') ?? 'unknown',
      text('detail') ?? (typeof body === 'string' && body ? body : `weir answered with ${res.status} ${res.statusText}`),
      text('field'),
      text('limit'),
      Number.isFinite(retry) ? retry : undefined,
      res.headers.get('X-Request-Id') ?? undefined,
    );
  }

  static unreachable(cause: unknown): Problem {
    return new Problem(0, 'unreachable', `weir could not be reached (${cause instanceof Error ? cause.message : String(cause)})`);
  }

  /** Another try may help: nothing about the question was wrong. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }

  /** The question named a metric that a mask hides from the role. */
  get masksMetric(): boolean {
    return this.code === 'column_masked' && this.field === 'metric';
  }

  /** The part of the question that it is about, as the page calls it, where saying so helps; what a role may not do, no other question mends, and several say themselves which they are. */
  get where(): string | undefined {
    return this.status === 403 || !this.field || this.parts.length > 1 ? undefined : fieldName(this.field);
  }

  private get parts() {
    return partsOf(this.detail, this.field);
  }

  /** What happened, in words of the page: behind the name of the only field, or with the names of several. */
  get said(): string {
    const [one, ...more] = this.parts;
    if (!one) return this.detail;
    return more.length === 0 ? one.text : this.parts.map((p) => `${fieldName(p.field)}: ${p.text}`).join('; ');
  }

  /** What it says beside a field of a form; undefined where it is about others. */
  of(field: string): string | undefined {
    const part = this.parts.find((p) => p.field === field);
    if (part) return sentence(part.text);
    return this.field === field && this.parts.length === 0 ? sentence(this.detail) : undefined;
  }

  /** What happened and what to do, as sentences. */
  get sentences(): string {
    if (!this.advice) return this.said;
    return `${this.said}${/[.!?…]$/.test(this.said) ? '' : '.'} ${this.advice}`;
  }

  /** What it is, in a few words. */
  get title(): string {
    switch (true) {
      case this.code === suspended:
        return 'This tenant is suspended';
      case this.status === 0:
        return 'weir cannot be reached';
      case this.status === 422 || this.status === 400:
        return 'This question cannot be answered';
      case this.status === 429:
        return 'Over a limit';
      case this.status === 403:
        return 'Not allowed';
      case this.status === 404:
        return 'Not found';
      default:
        return 'Something went wrong';
    }
  }

  /** One line on what to do; empty when the detail says it already. */
  get advice(): string {
    switch (true) {
      case this.code === suspended:
        return ''; // no role helps; the detail says what does
      case this.status === 0:
        return 'Check that the server runs and that this machine is online. The page tries again by itself.';
      case this.status === 401:
        return 'Sign in again.';
      case this.status === 403 && /\bask an admin\b/i.test(this.detail):
        return '';
      case this.status === 403:
        return 'Ask an admin of the tenant for a role that may do this.';
      case this.status === 429:
        return this.retryAfter ? `Try again in ${this.retryAfter} s; Settings → Limits shows what is used.` : 'Wait a little; Settings → Limits shows what is used.';
      case this.status === 503:
        return 'The server is starting or busy; the page tries again by itself.';
      case this.status >= 500:
        return this.request ? `The server's log says more under the request id ${this.request}.` : "The server's log says more.";
      default:
        return '';
    }
  }
}

export const asProblem = (e: unknown): Problem => (e instanceof Problem ? e : new Problem(-1, 'client', e instanceof Error ? e.message : String(e)));
