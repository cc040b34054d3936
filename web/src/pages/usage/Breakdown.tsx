import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { useCosts, type CostLine, type Costs, type Span } from '../../api/costs';
import { useSites } from '../../api/session';
import { useKeys, useUsers } from '../../api/settings';
import { money } from '../../format/money';
import { bytes, compact, duration, percent, plural } from '../../format/numbers';
import { dayLong } from '../../format/time';
import { Answer } from '../../parts/Answer';
import { Card, Tabs } from '../../parts/Card';
import { DataTable, type DataColumn } from '../../parts/DataTable';
import { useChoice } from '../../state/url';
import { kinds } from './kinds';
import css from './Usage.module.css';

const views = { kind: 'Work', source: 'Sites', user: 'People and keys', shape: 'Queries', day: 'Days' } as const;
type View = keyof typeof views;

/** The costs told apart in one way after another. */
export function Breakdown({ span, byKind }: { span: Span; byKind: UseQueryResult<Costs> }) {
  const [view, setView] = useChoice('by', views, 'kind', true);
  return (
    <Card title="What it was for" aside={<Tabs label="Told apart by" value={view} onChange={setView} tabs={Object.entries(views) as [View, string][]} />} className={css.flush}>
      {view === 'kind' ? <Lines view={view} costs={byKind} /> : <Asked key={view} view={view} span={span} />}
    </Card>
  );
}

const limit = 200;

// How the text of a statement begins; that of a report is in words.
const isSQL = /^\W*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b/;

function Asked({ view, span }: { view: View; span: Span }) {
  return <Lines view={view} costs={useCosts(view, span, limit)} />;
}

/** Who or what a line is of. */
function useNames(view: View): (l: CostLine) => { name: ReactNode; more?: ReactNode } {
  const sites = useSites(view === 'source');
  const keys = useKeys(view === 'user');
  const users = useUsers(view === 'user');
  return (l) => {
    switch (view) {
      case 'kind':
        return { name: kinds[l.kind ?? '']?.name ?? l.kind ?? 'Other', more: kinds[l.kind ?? '']?.what };
      case 'source': {
        const s = sites.data?.find((s) => s.site_id === l.source);
        return l.source ? { name: s?.name ?? l.source, more: <span className="mono">{l.source}</span> } : { name: 'All sites together', more: 'SQL, storage, and settings belong to no single site' };
      }
      case 'user': {
        const [kind, id = ''] = (l.user ?? '').split(/:(.*)/);
        if (!l.user) return { name: 'Nobody', more: 'Events, storage and upkeep' };
        if (kind === 'key') return { name: keys.data?.find((k) => k.id === id)?.name || id, more: <>key <span className="mono">{id}</span></> };
        if (kind === 'local') return { name: users.data?.find((u) => u.id === id)?.name || users.data?.find((u) => u.id === id)?.email || id, more: 'person' };
        return { name: l.user };
      }
      case 'shape':
        if (!l.shape) return { name: 'No query', more: 'Events, storage, upkeep, and reports' };
        if (l.shape_text && !isSQL.test(l.shape_text)) return { name: l.shape_text[0]!.toUpperCase() + l.shape_text.slice(1), more: 'Asked by a page, a panel or the API' };
        return { name: <code className="mono">{l.shape_text || l.shape}</code>, more: l.shape_text ? <Link href={`/sql?q=${encodeURIComponent(l.shape_text)}`}>Open in SQL</Link> : 'Its text is not kept: it was asked long ago' };
      default:
        return { name: dayLong((l.hour ?? '').slice(0, 10), 'UTC') };
    }
  };
}

function Lines({ view, costs }: { view: View; costs: UseQueryResult<Costs> }) {
  const nameOf = useNames(view);
  return (
    <Answer query={costs} height={240} empty={(d) => (d.lines ?? []).length === 0 && 'Nothing was used in this time.'}>
      {(d) => {
        const lines = view === 'day' ? (d.lines ?? []).toReversed() : (d.lines ?? []);
        const most = Math.max(...lines.map((l) => l.amount), 0);
        const write = money(d.currency, d.total.amount);
        const columns: DataColumn<CostLine>[] = [
          {
            head: views[view] === 'Work' ? 'Kind of work' : view === 'user' ? 'Who' : view === 'source' ? 'Site' : view === 'shape' ? 'Query, without its values' : 'Day',
            wide: true,
            cell: (l) => {
              const { name, more } = nameOf(l);
              return (
                <span className={css.what}>
                  <span>{name}</span>
                  {more && <small>{more}</small>}
                </span>
              );
            },
          },
          {
            head: 'Share',
            spare: true,
            cell: (l) => (
              <span className={css.share} title={percent(d.total.amount > 0 ? l.amount / d.total.amount : 0)}>
                <i style={{ width: `${most > 0 ? (100 * l.amount) / most : 0}%` }} />
              </span>
            ),
          },
          { head: 'Cost', right: true, cell: (l) => (l.currency ? money(l.currency, l.amount)(l.amount) : write(l.amount)) },
          { head: 'CPU', right: true, cell: (l) => duration(l.cpu_seconds) },
          { head: 'Read', what: 'Bytes that were read to answer', right: true, cell: (l) => zero(l.bytes_scanned + l.bytes_cold, bytes) },
          { head: 'Answers', what: 'Bytes of answers and exports', right: true, cell: (l) => zero(l.bytes_out, bytes) },
          { head: 'Events', right: true, cell: (l) => zero(l.events, compact) },
          { head: 'Requests', right: true, cell: (l) => zero(l.requests, compact) },
        ];
        const t = d.total;
        return (
          <>
            <DataTable
              label={`Costs by ${views[view].toLowerCase()}`}
              rows={lines}
              columns={columns}
              id={(l) => [l.kind, l.source, l.user, l.shape, l.hour, l.currency].join('|')}
              foot={['In all', '', write(t.amount), duration(t.cpu_seconds), zero(t.bytes_scanned + t.bytes_cold, bytes), zero(t.bytes_out, bytes), zero(t.events, compact), zero(t.requests, compact)]}
            />
            {d.omitted_lines ? <p className={css.omitted}>{compact(d.omitted_lines)} further {plural(d.omitted_lines, 'line costs', 'lines cost')} less; the sum has {plural(d.omitted_lines, 'it', 'them')}, and so has the export.</p> : null}
          </>
        );
      }}
    </Answer>
  );
}

const zero = (n: number, show: (n: number) => string) => (n === 0 ? <span className={css.zero}>–</span> : show(n));
