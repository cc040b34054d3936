import { Select } from '@mantine/core';
import { useIntersection } from '@mantine/hooks';
import { number, text, useReport, useScope, type Row } from '../../api/report';
import type { Conversions } from '../../api/conversions';
import type { Goal } from '../../api/saved';
import { currenciesOf } from '../../format/currencies';
import { exact, compact, percent } from '../../format/numbers';
import { amount } from '../../format/money';
import * as names from '../../format/names';
import { Answer } from '../../parts/Answer';
import { Card, Tabs } from '../../parts/Card';
import { DataTable, type DataColumn } from '../../parts/DataTable';
import { currencyFilter } from '../../state/currency';
import { toggle, writeFilter } from '../../state/filters';
import { useFault } from '../../state/faults';
import { useChoice, useParam, useView } from '../../state/url';
import { filteredBy, filtersOf, toggleGoal } from './goals';
import { foreign, useOwnHosts } from './own';
import css from './Origins.module.css';

const dims = { channel: 'Channels', referrer_host: 'Referrers', utm_campaign: 'Campaigns', entry_path: 'Entry pages', country: 'Countries', device: 'Devices' };
const shown = 10;
const looked = 100; // what has none of them follows by its visits

/** Where the visits came from in which a goal was reached, how many of them did not reach it, and the money of the goal's events. It is asked for when it comes into sight: it reads single events. */
export function Origins({ goals, results }: { goals: Goal[]; results: Conversions }) {
  const { ref, entry } = useIntersection({ rootMargin: '120px' });
  const [view] = useView();
  const active = filteredBy(goals, view.filters);
  const [id, choose] = useParam('goal', '', true);
  const countOf = (g: Goal) => results.goals?.find((x) => x.goal === g.id);
  const reached = (g: Goal) => countOf(g)?.conversions ?? 0;
  const goal = goals.find((g) => g.id === id) ?? active ?? goals.toSorted((a, b) => reached(b) - reached(a))[0]!;
  useFault(id !== '' && goal.id !== id && { name: 'goal', text: id, instead: goal.name });
  const [dim, setDim] = useChoice('by-goal', dims, 'channel', true);
  return (
    <div ref={ref}>
      <Card
        title="Conversions"
        aside={<Tabs label="Conversions by" value={dim} onChange={setDim} tabs={Object.entries(dims) as [keyof typeof dims, string][]} />}
      >
        <div className={css.bar}>
          <Select aria-label="Goal" size="xs" w={220} allowDeselect={false} searchable={goals.length > 10} value={goal.id} data={goals.map((g) => ({ value: g.id, label: g.name }))} onChange={(v) => v && choose(v)} />
          <span>The {shown} with the most conversions, then with the most sessions. The rate is of people: one who comes twice counts once.</span>
        </div>
        <Table goals={goals} goal={goal} dim={dim} currencies={currenciesOf(countOf(goal)?.revenue)} enabled={entry?.isIntersecting === true} />
      </Card>
    </div>
  );
}

/** The order by a number, the largest first. */
const by = (name: string, a: Row, b: Row) => (number(b, name) ?? 0) - (number(a, name) ?? 0);

/** What the groups of a dim made of a goal; `currencies` are those of its events. Filters that are the goal itself are left out: with them each visit would have reached it. */
function Table({ goals, goal, dim, currencies, enabled }: { goals: Goal[]; goal: Goal; dim: keyof typeof dims; currencies: string[]; enabled: boolean }) {
  const scope = useScope();
  const [view, change] = useView();
  const active = filteredBy(goals, view.filters);
  const filters = active ? toggleGoal(goals, active, view.filters) : view.filters;
  const { filter: _, ...rest } = scope;
  const base = { ...rest, ...(filters.length > 0 && { filter: filters.map(writeFilter) }), group_by: [dim], totals: false };
  const ofHosts = dim === 'referrer_host';
  const { own, pending } = useOwnHosts(enabled && ofHosts);
  const asked = useReport({ ...base, metric: ['conversions', 'sessions', 'conversion_rate'], goal: goal.id, limit: looked }, enabled);
  const report = { ...asked, data: pending ? undefined : asked.data };
  const found = report.data?.data ?? [];
  const rows = (ofHosts ? foreign(found, own, filters) : found).toSorted((a, b) => by('conversions', a, b) || by('sessions', a, b)).slice(0, shown);
  const [currency] = currencies;
  const only = currencyFilter(currency ?? '', currencies);
  const values = rows.map((r) => text(r, dim));
  const money = useReport(
    { ...base, metric: ['revenue'], filter: [...new Set([...(base.filter ?? []), ...filtersOf(goal).map(writeFilter)]), ...(only ? [writeFilter(only)] : []), writeFilter({ dim, not: false, contains: false, values })], limit: shown },
    enabled && currency !== undefined && rows.length > 0 && !report.isPlaceholderData,
  );
  const earned = new Map((money.data?.data ?? []).map((r) => [text(r, dim), number(r, 'revenue')]));
  const picked = (v: string) => view.filters.some((f) => f.dim === dim && !f.not && !f.contains && f.values.includes(v));
  const most = Math.max(...rows.map((r) => number(r, 'conversions') ?? 0), 0);
  const columns: DataColumn<Row>[] = [
    {
      head: names.dim(dim),
      wide: true,
      cell: (r) => {
        const v = text(r, dim);
        return (
          <button type="button" className={css.name} aria-pressed={picked(v)} title={`Filter the page by ${names.raw(dim, v)}`} onClick={() => change({ filters: toggle(view.filters, dim, v) })}>
            <span className={css.share} style={{ width: `${most > 0 ? (100 * (number(r, 'conversions') ?? 0)) / most : 0}%` }} aria-hidden />
            <span className="cut">{names.value(dim, v)}</span>
          </button>
        );
      },
    },
    { head: 'Sessions', right: true, spare: true, cell: (r) => <span title={exact(number(r, 'sessions'))}>{compact(number(r, 'sessions'))}</span> },
    { head: 'Conversions', right: true, cell: (r) => <span title={exact(number(r, 'conversions'))}>{compact(number(r, 'conversions'))}</span> },
    { head: 'Rate', what: 'Share of the people who reached the goal', right: true, cell: (r) => <span title="Share of its people, not of its sessions, who reached the goal">{percent(number(r, 'conversion_rate'))}</span> },
    ...(currency === undefined
      ? []
      : [
          {
            head: currency ? `Revenue, ${currency}` : 'Revenue',
            what: 'Of the events that are the goal',
            right: true,
            spare: true,
            cell: (r: Row) => (money.data === undefined || money.isPlaceholderData ? '…' : amount(earned.get(text(r, dim)) ?? 0, currency)),
          },
        ]),
  ];
  if (!enabled && report.data === undefined) return <div className={css.unseen} />;
  return (
    <Answer query={report} height={220} empty={() => rows.length === 0 && `Nothing happened in this time${filters.length > 0 || view.segment ? ' that these filters let through' : ''}.`}>
      {() => <DataTable label={`${goal.name} by ${names.dim(dim).toLowerCase()}`} columns={columns} rows={rows} id={(r) => text(r, dim)} />}
    </Answer>
  );
}
