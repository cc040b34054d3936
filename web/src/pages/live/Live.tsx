import { Button, Skeleton, Switch } from '@mantine/core';
import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { useLive, type Live as State, type LiveView } from '../../api/live';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { compact, counted, exact } from '../../format/numbers';
import { clockSeconds } from '../../format/time';
import { ProblemNotice } from '../../parts/Answer';
import { BarList, type Bar } from '../../parts/BarList';
import { Card } from '../../parts/Card';
import { CountryBadge } from '../../parts/CountryBadge';
import { toggle, writeFilter } from '../../state/filters';
import { useChoice, withBots } from '../../state/url';
import { byPath, useCalmOrder } from './calm';
import css from './Live.module.css';
import { Minutes } from './Minutes';
import { Stream } from './Stream';

const map = () => import('../../parts/WorldMap');
const WorldMap = lazy(map);

/** What happens on a site right now. */
export default function Live() {
  const [bots, setBots] = useChoice('bots', withBots, '', true);
  const view = useLive(bots === 'include' ? 'include' : '');
  const { data, at = 0 } = view;
  useEffect(() => void map().catch(() => undefined), []); // it is there when the first visitor comes
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <Status view={view} retry={view.retry} />
        <Switch size="xs" label="With bots" checked={bots === 'include'} onChange={(e) => setBots(e.currentTarget.checked ? 'include' : '')} />
      </div>
      {data ? (
        <div className={css.page} data-old={view.phase === 'lost' || view.phase === 'hidden' || undefined}>
          <Now data={data} at={at} />
          <div className={css.columns}>
            <div className={css.left}>
              <Places data={data} at={at} />
              <div className={css.pair}>
                <Pages data={data} at={at} />
                <Referrers data={data} at={at} />
              </div>
            </div>
            <Stream events={data.recent} />
          </div>
        </div>
      ) : view.phase === 'lost' && view.problem ? (
        <ProblemNotice error={view.problem} retry={view.retry} />
      ) : (
        <Waiting />
      )}
    </div>
  );
}

function Waiting() {
  return (
    <div className={css.page} role="status" aria-label="Loading">
      <Skeleton height={168} radius={8} />
      <div className={css.columns}>
        <Skeleton height={560} radius={8} />
        <Skeleton height={560} radius={8} />
      </div>
    </div>
  );
}

const second = () => Math.floor(Date.now() / 1000);
const eachSecond = (tell: () => void) => {
  const t = setInterval(tell, 1000);
  return () => clearInterval(t);
};

/** "Trying again in 4 s." */
function Wait({ until }: { until: number | undefined }) {
  const now = useSyncExternalStore(eachSecond, second);
  if (until === undefined) return null;
  const s = Math.max(0, Math.ceil(until / 1000 - now));
  return (
    <span className={css.wait} aria-hidden>
      {s === 0 ? 'Trying again…' : `Trying again in ${s} s.`}
    </span>
  );
}

/** How the stream is. What is wrong stands in the place of the numbers while there are none. What changes is said to screen readers; the seconds that pass are not. */
function Status({ view, retry }: { view: LiveView; retry: () => void }) {
  const { zone } = useSite();
  const since = view.data ? clockSeconds(view.data.as_of, zone) : '';
  if (view.phase === 'lost')
    return (
      <div className={css.status} data-phase="lost">
        <span role="status">
          <strong>{view.retryAt === undefined && view.problem && view.problem.status > 0 ? view.problem.title : 'Connection lost'}.</strong> {since && <>What you see is of {since}. </>}
          {view.data && (view.problem && view.problem.status > 0 ? view.problem.sentences : view.problem?.said)}
        </span>
        <Wait until={view.retryAt} />
        {view.data && (
          <Button variant="default" onClick={retry}>
            Try now
          </Button>
        )}
      </div>
    );
  if (view.problem)
    return (
      <div className={css.status} data-phase="lost">
        <span role="status">
          <strong>Not renewed{since && ` since ${since}`}.</strong> {view.problem.said}
        </span>
      </div>
    );
  return (
    <div className={css.status} data-phase={view.phase}>
      <span role="status">
        <i className={css.dot} aria-hidden />
        {view.phase === 'open' ? 'Live' : view.phase === 'hidden' ? 'Paused while the page is out of sight' : 'Connecting…'}
      </span>
      {since && view.phase === 'open' && <span className={css.as}>as of {since}, {zone}</span>}
    </div>
  );
}

type Part = { data: State; at: number };

function Now({ data, at }: Part) {
  return (
    <section className={css.now} aria-label="Right now">
      <div className={css.figures}>
        <Figure name="Visitors now" note="last 5 minutes" value={data.active_users === null ? '–' : compact(data.active_users)} title={exact(data.active_users)} main />
        <Figure name="Page views" note="last minute" value={data.pageviews_per_min === null ? '–' : compact(data.pageviews_per_min)} title={exact(data.pageviews_per_min)} />
        <Figure name="Events/s" note="last 10 seconds" value={data.events_per_sec.toFixed(data.events_per_sec < 100 ? 1 : 0)} title={exact(data.events_per_sec)} />
      </div>
      <Minutes series={data.series ?? []} />
      <Spoken data={data} at={at} />
    </section>
  );
}

function Figure({ name, note, value, title, main }: { name: string; note: string; value: string; title: string; main?: boolean }) {
  return (
    <div className={css.figure} data-main={main} title={title}>
      <span className={css.name}>{name}</span>
      <span className={css.value}>{value}</span>
      <span className={css.note}>{note}</span>
    </div>
  );
}

/** The numbers for screen readers: twice a minute, when nothing else is being said. */
function Spoken({ data, at }: Part) {
  const say = (d: State) => `${d.active_users === null ? '' : `${counted(d.active_users, 'visitor')} now, `}${counted(d.pageviews_per_min ?? 0, 'page view')} in the last minute`;
  const [said, set] = useState(() => ({ at, text: say(data) }));
  if (at - said.at >= 30_000) set({ at, text: say(data) });
  return (
    <p className="hidden" aria-live="polite">
      {said.text}
    </p>
  );
}

/** Leads to the overview of today, of what was picked only. */
function usePick() {
  const { id } = useSite();
  const [, go] = useLocation();
  return (dim: string, value: string) => go(`/sites/${encodeURIComponent(id)}/overview?${new URLSearchParams([['range', 'today'], ...toggle([], dim, value).map((f) => ['f', writeFilter(f)])])}`);
}

const never = () => false;

/** A list whose numbers move and whose rows stay where they are while they are pointed at. */
function CalmList({ bars, at, head, unit, onPick }: { bars: Bar[]; at: number; head: string; unit: string; onPick: (key: string) => void }) {
  const [held, hold] = useState(false);
  const shown = useCalmOrder(bars, at, held);
  return (
    <div onMouseEnter={() => hold(true)} onMouseLeave={() => hold(false)} onFocus={() => hold(true)} onBlur={() => hold(false)}>
      <BarList bars={shown} head={head} unit={unit} picked={never} onPick={onPick} />
    </div>
  );
}

/** The room of a list, as tall as a full one, so that nothing moves when rows come and go; with nothing to list, as low as the sentence that says so. */
function Room({ of, empty, children }: { of: unknown[] | null; empty: string; children: ReactNode }) {
  const nothing = of === null ? 'Your role may not see this.' : of.length === 0 && empty;
  return (
    <div className={css.list} data-empty={nothing !== false || undefined}>
      {nothing === false ? children : <p className={css.empty}>{nothing}</p>}
    </div>
  );
}

function Pages({ data, at }: Part) {
  const pick = usePick();
  const bars = useMemo(() => byPath(data.top_pages ?? []).map(({ path, views }) => ({ key: path, label: names.value('path', path), title: names.raw('path', path), value: views })), [data.top_pages]);
  return (
    <Card title="Pages" aside={<span className={css.aside}>5 minutes</span>}>
      <Room of={data.top_pages} empty="No page was opened in the last five minutes.">
        <CalmList bars={bars} at={at} head="Page" unit="Views" onPick={(v) => pick('path', v)} />
      </Room>
    </Card>
  );
}

function Referrers({ data, at }: Part) {
  const pick = usePick();
  const bars = useMemo(() => (data.referrers ?? []).map((r) => ({ key: r.referrer_host, label: names.value('referrer_host', r.referrer_host), value: r.users })), [data.referrers]);
  return (
    <Card title="Referrers" aside={<span className={css.aside}>5 minutes</span>}>
      <Room of={data.referrers} empty="Nobody came from another site in the last five minutes.">
        <CalmList bars={bars} at={at} head="Site" unit="Visitors" onPick={(v) => pick('referrer_host', v)} />
      </Room>
    </Card>
  );
}

function Places({ data, at }: Part) {
  const pick = usePick();
  const values = useMemo(() => new Map((data.countries ?? []).map((c) => [c.country, c.users])), [data.countries]);
  const bars = useMemo(
    () =>
      (data.countries ?? []).map((c) => ({
        key: c.country,
        label: names.country(c.country),
        value: c.users,
        icon: <CountryBadge code={c.country} />,
      })),
    [data.countries],
  );
  return (
    <Card title="Places" aside={<span className={css.aside}>5 minutes</span>}>
      <Room of={data.countries} empty="Nobody in the last five minutes.">
        <div className={css.places}>
          <Suspense fallback={<Skeleton height={280} />}>
            <WorldMap values={values} unit={{ one: 'visitor', many: 'visitors' }} picked={never} onPick={(v) => pick('country', v)} />
          </Suspense>
          <CalmList bars={bars} at={at} head="Country" unit="Visitors" onPick={(v) => pick('country', v)} />
        </div>
      </Room>
    </Card>
  );
}
