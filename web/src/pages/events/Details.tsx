import { Link } from 'wouter';
import type { Event } from '../../api/events';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { visible } from '../../format/visible';
import { moment } from '../../format/time';
import { CopyButton } from '../../parts/CopyButton';
import { pages } from '../../shell/pages';
import { toggle } from '../../state/filters';
import { useView } from '../../state/url';
import { canFilter, groups, label, others, textOf } from './columns';
import css from './Events.module.css';
import { visitorPart } from '../sessions/visitor';

/** All that an event has. A click on a value filters by it. */
export function Details({ event: e, zone }: { event: Event; zone: string }) {
  const { id } = useSite();
  const rest = others(e);
  const props = Object.entries(e.props ?? {});
  const visitor = e.client_id || e.user_id;
  const visits = pages.some((p) => p.id === 'sessions');
  return (
    <div className={css.details}>
      <div className={css.groups}>
        {props.length > 0 && (
          <section>
            <h3>Properties</h3>
            <dl>
              {props.map(([name, v]) => (
                <Entry key={name} name={name} dim={`props.${name}`} value={textOf(v)} shown={visible(textOf(v), true)} />
              ))}
            </dl>
          </section>
        )}
        {[...groups, ...(rest.length > 0 ? [['More', rest] as [string, string[]]] : [])].map(([title, columns]) => {
          const entries = columns.flatMap((c) => entryOf(e, c, zone));
          return entries.length === 0 ? null : (
            <section key={title}>
              <h3>{title}</h3>
              <dl>{entries}</dl>
            </section>
          );
        })}
      </div>
      <div className={css.actions}>
        {visits && visitor && (
          <Link href={`/sites/${encodeURIComponent(id)}/sessions/visitors/${visitorPart(visitor)}`} className={css.link}>
            All that this visitor did
          </Link>
        )}
        <CopyButton text={() => JSON.stringify(e, null, 2)} label="Copy as JSON" />
      </div>
    </div>
  );
}

const times = new Set(['ts', 'received_at', 'client_ts']);

/** The entry of a column; nothing for one that is empty. */
function entryOf(e: Event, column: string, zone: string) {
  const v = (e as Record<string, unknown>)[column];
  if (v === undefined || v === '' || (column === 'bot_score' && v === 0)) return [];
  const name = label(column, names.dim);
  if (v === null) return [<Entry key={column} name={name} shown="hidden from your role" hidden />];
  const value = textOf(v);
  const shown = times.has(column) ? moment(value, zone) : names.raw(column, value);
  return [<Entry key={column} name={name} dim={canFilter(column) ? column : undefined} value={value} shown={column === 'is_bot' ? (v === true ? 'Yes' : 'No') : shown} />];
}

function Entry({ name, dim, value = '', shown, hidden }: { name: string; dim?: string; value?: string; shown: string; hidden?: boolean }) {
  const [view, change] = useView();
  return (
    <div>
      <dt>{name}</dt>
      <dd data-hidden={hidden || undefined}>
        {dim ? (
          <button
            type="button"
            title={`Filter by ${name}: ${shown}`}
            aria-pressed={view.filters.some((f) => f.dim === dim && !f.not && !f.contains && f.values.includes(value))}
            onClick={() => change({ filters: toggle(view.filters, dim, value) })}
          >
            {shown || '(empty)'}
          </button>
        ) : (
          <span>{shown}</span>
        )}
      </dd>
    </div>
  );
}
