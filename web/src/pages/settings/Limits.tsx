import { useLimits } from '../../api/settings';
import { bytes, compact, counted, duration, exact, plural } from '../../format/numbers';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { useMe } from '../../api/session';
import css from './Settings.module.css';

type Limits = NonNullable<ReturnType<typeof useLimits>['data']>;
type Line = { id: string; name: string; what: string; limit: number; used?: number; show: (n: number) => string };

const seconds = (n: number) => duration(n);

function lines({ limits: l, now }: Limits): { title: string; lines: Line[] }[] {
  const running = (...classes: string[]) => (now.queries ?? []).filter((q) => classes.length === 0 || classes.includes(q.class)).reduce((n, q) => n + q.running, 0);
  const burst = l.burst_seconds || 5;
  const left = (available: number, perSecond: number) => (perSecond > 0 && available >= 0 ? Math.max(0, perSecond * burst - available) : undefined);
  return [
    {
      title: 'Events',
      lines: [
        { id: 'events_per_second', name: 'Events a second', what: `of all doors; ${burst} seconds' worth may come at once`, limit: l.events_per_second * burst, used: left(now.events_available, l.events_per_second), show: (n) => compact(n / burst) },
        { id: 'bytes_per_second', name: 'Bytes a second', what: 'of request bodies, decompressed', limit: l.bytes_per_second * burst, used: left(now.bytes_available, l.bytes_per_second), show: (n) => bytes(n / burst) },
        { id: 'event_bytes', name: 'Bytes of an event', what: 'a larger one is rejected, the others are taken', limit: l.event_bytes, show: bytes },
        { id: 'dedupe_keys', name: 'Remembered event ids', what: 'for deduplication', limit: l.dedupe_keys, show: exact },
      ],
    },
    {
      title: 'Questions',
      lines: [
        { id: 'queries', name: 'Queries at once', what: 'further ones wait', limit: l.queries, used: running(), show: exact },
        { id: 'expensive_queries', name: 'Expensive queries at once', what: 'expected to need more than 10 s of CPU', limit: l.expensive_queries, used: running('expensive'), show: exact },
        { id: 'cpu_seconds_per_minute', name: 'CPU in a minute', what: 'of all queries', limit: l.cpu_seconds_per_minute, used: now.cpu_seconds_last_minute, show: seconds },
        { id: 'cpu_seconds_per_hour', name: 'CPU in an hour', what: 'of all queries', limit: l.cpu_seconds_per_hour, used: now.cpu_seconds_last_hour, show: seconds },
        { id: 'scan_bytes_per_hour', name: 'Read in an hour', what: 'uncompressed', limit: l.scan_bytes_per_hour, used: now.scan_bytes_last_hour, show: bytes },
        { id: 'result_bytes', name: 'Bytes of one answer', what: 'a longer one is cut off', limit: l.result_bytes, show: bytes },
      ],
    },
  ];
}

/** The limits that hold, with what of them is used now. */
export default function Limits() {
  const limits = useLimits();
  const operator = useMe().data?.role === 'operator';
  return (
    <div className={css.stack}>
      <Answer query={limits} height={400}>
        {(d) => (
          <div className={css.stack}>
            {lines(d).map((group) => (
              <Card key={group.title} title={group.title} className={css.flush}>
                <ul className={css.limits}>
                  {group.lines.map((l) => (
                    <Limit key={l.id} {...l} />
                  ))}
                </ul>
              </Card>
            ))}
            <Waiting now={d.now} />
          </div>
        )}
      </Answer>
      <p className={css.hint}>
        {operator ? (
          <>
            As an operator you change them with <span className="mono">weir tenant update {limits.data?.tenant}</span>, or PATCH /api/v1/tenants/{limits.data?.tenant}.
          </>
        ) : (
          'The operator of this installation sets limits; they hold from the next request on. The name under each is what a refusal says.'
        )}
      </p>
    </div>
  );
}

function Limit({ id, name, what, limit, used, show }: Line) {
  const share = used !== undefined && limit > 0 ? Math.min(1, used / limit) : undefined;
  return (
    <li>
      <span className={css.what}>
        <strong>{name}</strong>
        <small>
          {what} · <span className="mono">limits.{id}</span>
        </small>
      </span>
      <span className={css.use}>
        <span className="num">
          {used !== undefined && <b>{show(used)}</b>}
          {limit > 0 ? `${used !== undefined ? ' of ' : 'at most '}${show(limit)}` : <span className={css.quiet}>{used !== undefined ? ' used, no limit' : 'No limit of its own'}</span>}
        </span>
        {share !== undefined && (
          <span className={css.meter} data-high={share >= 0.8 || undefined} role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={1} aria-valuenow={share}>
            <i style={{ width: `${Math.max(share * 100, share > 0 ? 1.5 : 0)}%` }} />
          </span>
        )}
      </span>
    </li>
  );
}

function Waiting({ now }: { now: Limits['now'] }) {
  const waiting = (now.queries ?? []).reduce((n, q) => n + q.waiting, 0);
  return (
    <Card title="Waiting">
      <p className={css.text}>
        {waiting === 0
          ? `No query waits. At most ${exact(now.max_queued)} may, each for up to ${duration(now.max_wait_seconds)}.`
          : `${exact(waiting)} of at most ${counted(now.max_queued, 'query', 'queries')} ${plural(waiting, 'waits', 'wait')}, the oldest for ${duration(now.oldest_wait_seconds)}${now.waits_for ? `, for ${now.waits_for}` : ''}. After ${duration(now.max_wait_seconds)} a query is refused.`}
        {now.budget_action && ` The budget is spent: queries are ${now.budget_action === 'block' ? 'refused' : 'slowed down'} until the month ends.`}
      </p>
    </Card>
  );
}
