import { lazy, Suspense, useMemo, useState } from 'react';
import { ScrollArea, Skeleton, TextInput } from '@mantine/core';
import { number, text, useReport, useScope, type Row } from '../../api/report';
import { metric as metricOf, unitOf } from '../../format/metrics';
import * as names from '../../format/names';
import { listed } from '../../format/row';
import { Answer, Notice } from '../../parts/Answer';
import { BarList, type Bar } from '../../parts/BarList';
import { Card, Tabs } from '../../parts/Card';
import { CountryBadge } from '../../parts/CountryBadge';
import { Dialog } from '../../parts/Dialog';
import { AddPanel } from '../../panels/AddPanel';
import type { Offer } from '../../panels/offer';
import { toggle, writeFilter } from '../../state/filters';
import { useChoice, useView } from '../../state/url';
import { masked } from './Headline';
import { foreign, notOwn, spare, useOwnHosts } from './own';
import css from './Overview.module.css';

const WorldMap = lazy(() => import('../../parts/WorldMap'));

/** The largest groups of a dim by a metric; a click on one filters by it. */
type List = { tab: string; dim: string; metric: string; map?: true };
type CardOfLists = { name: string; title: string; lists: Record<string, List> };

// Where a visit came from is what its first event with a channel says; later ones come from within the site.
const cards: CardOfLists[] = [
  {
    name: 'pages',
    title: 'Pages',
    lists: {
      top: { tab: 'Top', dim: 'path', metric: 'pageviews' },
      entry: { tab: 'Entry', dim: 'entry_path', metric: 'entries' },
      exit: { tab: 'Exit', dim: 'exit_path', metric: 'exits' },
    },
  },
  {
    name: 'sources',
    title: 'Sources',
    lists: {
      referrer: { tab: 'Referrers', dim: 'referrer_host', metric: 'sessions' },
      channel: { tab: 'Channels', dim: 'channel', metric: 'sessions' },
      campaign: { tab: 'Campaigns', dim: 'utm_campaign', metric: 'sessions' },
      source: { tab: 'UTM', dim: 'utm_source', metric: 'sessions' },
    },
  },
  {
    name: 'places',
    title: 'Places',
    lists: {
      map: { tab: 'Map', dim: 'country', metric: 'visitors', map: true },
      country: { tab: 'Countries', dim: 'country', metric: 'visitors' },
      region: { tab: 'Regions', dim: 'region', metric: 'visitors' },
      city: { tab: 'Cities', dim: 'city', metric: 'visitors' },
    },
  },
  {
    name: 'devices',
    title: 'Devices',
    lists: {
      browser: { tab: 'Browsers', dim: 'browser', metric: 'visitors' },
      os: { tab: 'Systems', dim: 'os', metric: 'visitors' },
      device: { tab: 'Kinds', dim: 'device', metric: 'visitors' },
    },
  },
];

/** What the headline numbers consist of: cards of lists, one a tab. */
export const TopLists = ({ hidden }: { hidden: boolean }) => (
  <div className={css.grid}>
    {cards.map((c) => (
      <Lists key={c.name} hidden={hidden} {...c} />
    ))}
  </div>
);

/** A list as a role sees it from which visitors are `hidden`: by page views. What begins and ends visits is not told without them. */
function seenOf(list: List, hidden: boolean): List | undefined {
  if (!hidden || list.metric === 'pageviews') return list;
  return list.metric === 'entries' || list.metric === 'exits' ? undefined : { ...list, metric: 'pageviews' };
}

/** A card of lists; the tab stands in the address. */
function Lists({ name, title, lists, hidden }: CardOfLists & { hidden: boolean }) {
  const first = Object.keys(lists)[0]!;
  const tabs = useMemo(() => Object.fromEntries(Object.entries(lists).map(([k, l]) => [k, l.tab])), [lists]);
  const [id, setTab] = useChoice(name, tabs, first, true);
  const [all, setAll] = useState(false);
  const list = useMemo(() => seenOf(lists[id]!, hidden), [lists, id, hidden]);
  const { own } = useOwnHosts(list?.dim === 'referrer_host');
  return (
    <Card
      title={title}
      aside={
        <>
          <Tabs label={title} value={id} onChange={setTab} tabs={Object.entries(tabs)} />
          {list && <AddPanel offer={offerOf(list, own)} />}
        </>
      }
    >
      <div className={css.list}>{!list ? <Notice title="Hidden from your role">{masked}.</Notice> : list.map ? <Map list={list} /> : <Ranking key={id} list={list} limit={10} onMore={() => setAll(true)} />}</div>
      {list && all && <All list={list} onClose={() => setAll(false)} />}
    </Card>
  );
}

/** A list on a dashboard, without the site's own hosts among the referrers. */
function offerOf({ dim, metric }: List, own: Set<string>): Offer {
  const filter = dim === 'referrer_host' ? notOwn(own).map(writeFilter) : [];
  const question = { metric: [metric], group_by: [dim], limit: 10, ...(filter.length > 0 && { filter }) };
  return { title: `${metricOf(metric).name} by ${names.dim(dim).toLowerCase()}`, choices: [{ kind: 'bar', label: 'Bars', question }, { kind: 'table', label: 'Table', question }] };
}

/** The groups of a list, and what a click on one does. Of referrers the site's own hosts are left out. */
function useGroups({ dim, metric }: List, limit: number) {
  const [view, change] = useView();
  const ofHosts = dim === 'referrer_host';
  const { own, pending } = useOwnHosts(ofHosts);
  const asked = useReport({ ...useScope(), metric: [metric], group_by: [dim], limit: ofHosts ? limit + spare : limit, totals: false });
  const shown = ofHosts && asked.data ? { ...asked.data, data: foreign(asked.data.data ?? [], own, view.filters) } : asked.data;
  const report = { ...asked, data: pending ? undefined : shown };
  const picked = (v: string) => view.filters.some((f) => f.dim === dim && !f.not && !f.contains && f.values.includes(v));
  const pick = (v: string) => change({ filters: toggle(view.filters, dim, v) });
  return { report, picked, pick };
}

const rowsOf = (d: { data: Row[] | null }, metric: string) => listed(d.data ?? [], [metricOf(metric)]);

/** What is said where there is nothing, and that filters may be why. */
function useEmpty(metric: string) {
  const [view] = useView();
  const filtered = view.filters.length > 0 || view.segment;
  return (d: { data: Row[] | null }) => rowsOf(d, metric).length === 0 && `No ${metricOf(metric).name.toLowerCase()} in this time${filtered ? ' that these filters let through' : ''}.`;
}

const barOf = (r: Row, { dim, metric }: List): Bar => {
  const v = text(r, dim);
  return { key: v, label: names.value(dim, v), title: names.raw(dim, v), value: number(r, metric) ?? 0, icon: dim === 'country' ? <CountryBadge code={v} /> : undefined };
};

/** The groups as bars. With onMore the last of them makes a button that leads to more; `sought` keeps those that contain it. */
function Ranking({ list, limit, sought = '', onMore, onPicked }: { list: List; limit: number; sought?: string; onMore?: () => void; onPicked?: () => void }) {
  const { report, picked, pick } = useGroups(list, limit);
  const empty = useEmpty(list.metric);
  const m = metricOf(list.metric);
  const head = names.dim(list.dim);
  return (
    <Answer query={report} height={320} empty={empty}>
      {(d) => {
        const bars = rowsOf(d, list.metric).slice(0, limit).map((r) => barOf(r, list));
        const more = onMore !== undefined && bars.length === limit;
        const shown = more ? bars.slice(0, -1) : bars.filter((b) => `${b.label} ${b.key}`.toLowerCase().includes(sought.toLowerCase()));
        return (
          <>
            <BarList
              head={head}
              unit={m.name}
              kind={m.kind}
              bars={shown}
              picked={picked}
              onPick={(v) => {
                pick(v);
                onPicked?.();
              }}
            />
            {more && (
              <button type="button" className={css.more} onClick={onMore}>
                All by {head.toLowerCase()}…
              </button>
            )}
          </>
        );
      }}
    </Answer>
  );
}

/** A longer list that can be searched. */
function All({ list, onClose }: { list: List; onClose: () => void }) {
  const [sought, seek] = useState('');
  return (
    <Dialog onClose={onClose} title={`${metricOf(list.metric).name} by ${names.dim(list.dim).toLowerCase()}`} size="lg" scrollAreaComponent={ScrollArea.Autosize}>
      <TextInput data-autofocus placeholder="Search" aria-label="Search the list" mb="sm" value={sought} onChange={(e) => seek(e.currentTarget.value)} />
      <Ranking list={list} limit={500} sought={sought} onPicked={onClose} />
    </Dialog>
  );
}

/** Where visitors are. */
function Map({ list }: { list: List }) {
  const { report, picked, pick } = useGroups(list, 300);
  const empty = useEmpty(list.metric);
  const values = useMemo(() => new globalThis.Map((report.data?.data ?? []).map((r) => [text(r, list.dim), number(r, list.metric) ?? 0])), [report.data, list]);
  return (
    <Answer query={report} height={320} empty={empty}>
      {() => (
        <Suspense fallback={<Skeleton height={320} />}>
          <div className={css.mapBox}>
            <WorldMap values={values} unit={unitOf(metricOf(list.metric))} picked={picked} onPick={pick} />
          </div>
        </Suspense>
      )}
    </Answer>
  );
}
