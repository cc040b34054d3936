import { lazy, Suspense, useMemo, useState } from 'react';
import { Modal, ScrollArea, Skeleton, TextInput } from '@mantine/core';
import { number, text, useReport, useScope } from '../../api/report';
import { metric as metricOf } from '../../format/metrics';
import * as names from '../../format/names';
import { Answer } from '../../parts/Answer';
import { BarList, type Bar } from '../../parts/BarList';
import { Card, Tabs } from '../../parts/Card';
import { toggle } from '../../state/filters';
import { useParam, useView } from '../../state/url';
import css from './Overview.module.css';

const WorldMap = lazy(() => import('../../parts/WorldMap'));

type List = { dim: string; metric: string };
const shortest = 9;

const icon = (dim: string, v: string) => (dim === 'country' ? <span className={css.flag} aria-hidden>{names.flag(v)}</span> : undefined);

/** The largest groups of a dim. A click filters by one; "all" opens a longer list that can be searched. */
function Top({ dim, metric }: List) {
  const scope = useScope();
  const [view, change] = useView();
  const [all, setAll] = useState(false);
  const report = useReport({ ...scope, metric: [metric], group_by: [dim], limit: shortest + 1 });
  const m = metricOf(metric);
  const picked = (v: string) => view.filters.some((f) => f.dim === dim && !f.not && !f.contains && f.values.includes(v));
  const pick = (v: string) => change({ filters: toggle(view.filters, dim, v) });
  return (
    <div className={css.list}>
      <Answer query={report} height={320} empty={(d) => (d.data ?? []).length === 0 && `No ${m.name.toLowerCase()} in this time.`}>
        {(d) => (
          <>
            <BarList head={names.dim(dim)} unit={m.name} bars={barsOf(d.data ?? [], dim, metric).slice(0, shortest)} kind={m.kind} picked={picked} onPick={pick} />
            {(d.data ?? []).length > shortest && (
              <button type="button" className={css.more} onClick={() => setAll(true)}>
                All by {names.dim(dim).toLowerCase()}…
              </button>
            )}
          </>
        )}
      </Answer>
      {all && <All dim={dim} metric={metric} onClose={() => setAll(false)} picked={picked} onPick={(v) => { pick(v); setAll(false); }} />}
    </div>
  );
}

const barsOf = (rows: Record<string, unknown>[], dim: string, metric: string): Bar[] =>
  rows.map((r) => {
    const v = text(r, dim);
    return { key: v, label: names.value(dim, v), value: number(r, metric) ?? 0, icon: icon(dim, v) };
  });

function All({ dim, metric, onClose, picked, onPick }: List & { onClose: () => void; picked: (v: string) => boolean; onPick: (v: string) => void }) {
  const report = useReport({ ...useScope(), metric: [metric], group_by: [dim], limit: 500 });
  const [sought, seek] = useState('');
  const m = metricOf(metric);
  return (
    <Modal opened onClose={onClose} title={`${m.name} by ${names.dim(dim).toLowerCase()}`} size="lg" scrollAreaComponent={ScrollArea.Autosize}>
      <TextInput data-autofocus placeholder="Search" aria-label="Search the list" mb="sm" value={sought} onChange={(e) => seek(e.currentTarget.value)} />
      <Answer query={report} height={400}>
        {(d) => (
          <BarList
            head={names.dim(dim)}
            unit={m.name}
            kind={m.kind}
            bars={barsOf(d.data ?? [], dim, metric).filter((b) => `${b.label as string} ${b.key}`.toLowerCase().includes(sought.toLowerCase()))}
            picked={picked}
            onPick={onPick}
          />
        )}
      </Answer>
    </Modal>
  );
}

/** A card of lists, one a tab; the tab stands in the address. */
function Lists({ name, title, lists }: { name: string; title: string; lists: Record<string, List & { tab: string }> }) {
  const first = Object.keys(lists)[0]!;
  const [tab, setTab] = useParam(name, first, true);
  const id = lists[tab] ? tab : first;
  const list = lists[id]!;
  return (
    <Card title={title} aside={<Tabs label={title} value={id} onChange={setTab} tabs={Object.entries(lists).map(([k, l]) => [k, l.tab])} />}>
      <Top key={id} dim={list.dim} metric={list.metric} />
    </Card>
  );
}

export const Pages = () => (
  <Lists
    name="pages"
    title="Pages"
    lists={{
      top: { tab: 'Top', dim: 'path', metric: 'pageviews' },
      entry: { tab: 'Entry', dim: 'entry_path', metric: 'entries' },
      exit: { tab: 'Exit', dim: 'exit_path', metric: 'exits' },
    }}
  />
);

export const Sources = () => (
  <Lists
    name="sources"
    title="Sources"
    lists={{
      referrer: { tab: 'Referrers', dim: 'referrer_host', metric: 'visitors' },
      channel: { tab: 'Channels', dim: 'channel', metric: 'visitors' },
      campaign: { tab: 'Campaigns', dim: 'utm_campaign', metric: 'visitors' },
      source: { tab: 'UTM', dim: 'utm_source', metric: 'visitors' },
    }}
  />
);

export const Devices = () => (
  <Lists
    name="devices"
    title="Devices"
    lists={{
      browser: { tab: 'Browsers', dim: 'browser', metric: 'visitors' },
      os: { tab: 'Systems', dim: 'os', metric: 'visitors' },
      device: { tab: 'Kinds', dim: 'device', metric: 'visitors' },
    }}
  />
);

/** Where visitors are: a map, and lists. */
export function Places() {
  const [tab, setTab] = useParam('places', 'map', true);
  const dims: Record<string, string> = { country: 'country', region: 'region', city: 'city' };
  const dim = dims[tab];
  return (
    <Card title="Places" aside={<Tabs label="Places" value={dim ? tab : 'map'} onChange={setTab} tabs={[['map', 'Map'], ['country', 'Countries'], ['region', 'Regions'], ['city', 'Cities']]} />}>
      {dim ? <Top key={dim} dim={dim} metric="visitors" /> : <Map />}
    </Card>
  );
}

function Map() {
  const [view, change] = useView();
  const report = useReport({ ...useScope(), metric: ['visitors'], group_by: ['country'], limit: 300 });
  const values = useMemo(() => new globalThis.Map((report.data?.data ?? []).map((r) => [text(r, 'country'), number(r, 'visitors') ?? 0])), [report.data]);
  return (
    <Answer query={report} height={320} empty={(d) => (d.data ?? []).length === 0 && 'No visitors in this time.'}>
      {() => (
        <Suspense fallback={<Skeleton height={320} />}>
          <div className={css.mapBox}>
          <WorldMap
            values={values}
            unit="visitors"
            picked={(code) => view.filters.some((f) => f.dim === 'country' && !f.not && f.values.includes(code))}
            onPick={(code) => change({ filters: toggle(view.filters, 'country', code) })}
          />
          </div>
        </Suspense>
      )}
    </Answer>
  );
}
