import { Switch } from '@mantine/core';
import { number, text, useReport, useScope } from '../../api/report';
import { useSite } from '../../api/site';
import { metric } from '../../format/metrics';
import * as names from '../../format/names';
import { exact, plural } from '../../format/numbers';
import { Answer } from '../../parts/Answer';
import { BarList } from '../../parts/BarList';
import { Card } from '../../parts/Card';
import { SeriesChart } from '../../parts/SeriesChart';
import { toggle, writeFilter } from '../../state/filters';
import { intervals } from '../../state/range';
import { useChoice, useView, withBots } from '../../state/url';
import css from './Events.module.css';
import { List } from './List';

/** Every event of the range as it was kept, the latest first. */
export default function Events() {
  const [bots, setBots] = useChoice('bots', withBots, '', true);
  const scope = { ...useScope(), ...(bots === 'include' && { bots }) };
  return (
    <div className={css.page}>
      <Count scope={scope} />
      <div className={css.columns}>
        <div className={css.side}>
          <Types scope={scope} />
          <Switch size="xs" label="With bots" checked={bots === 'include'} onChange={(e) => setBots(e.currentTarget.checked ? 'include' : '')} />
        </div>
        <List question={scope} />
      </div>
    </div>
  );
}

export type EventScope = ReturnType<typeof useScope> & { bots?: string };

/** The columns that an event has from its visit (docs/SESSIONS.md): filters on them count by visit. */
const fromVisit = new Set(['channel', 'referrer_host', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'entry_host', 'entry_path', 'exit_host', 'exit_path']);

/** How many events there are, over time. */
function Count({ scope }: { scope: EventScope }) {
  const { zone } = useSite();
  const [view] = useView();
  const by = intervals(view.range, zone)[0]!;
  const series = useReport({ ...scope, metric: ['events'], interval: by });
  const byVisit = view.filters.some((f) => fromVisit.has(f.dim));
  return (
    <Card title={`Events by ${by}`} aside={<span className={css.total}>{series.data && <><b>{exact(number(series.data.totals, 'events') ?? 0)}</b> {plural(number(series.data.totals, 'events') ?? 0, 'event')}</>}</span>}>
      <Answer query={series} height={132} empty={(d) => (d.data ?? []).every((r) => !number(r, 'events')) && 'No events in this time.'}>
        {(d) => <SeriesChart rows={d.data ?? []} metric={metric('events')} interval={by} zone={zone} from={d.from} open={scope.to === undefined} height={132} />}
      </Answer>
      {byVisit && <p className={css.byVisit}>These numbers are of the sessions that began in this time, with all their events. The list has each event at its own time, and those of nobody whose page passes the filter.</p>}
    </Card>
  );
}

/** The types of events, with their numbers. They are those without the filter by type: others can be picked as well. */
function Types({ scope }: { scope: EventScope }) {
  const [view, change] = useView();
  const filter = view.filters.filter((f) => f.dim !== 'type' || f.not).map(writeFilter);
  const types = useReport({ ...scope, filter, metric: ['events'], group_by: ['type'], limit: 30, totals: false });
  return (
    <Card title="Types">
      <Answer query={types} height={200} empty={(d) => (d.data ?? []).length === 0 && 'No events in this time.'}>
        {(d) => (
          <BarList
            head="Type"
            unit="Events"
            bars={(d.data ?? []).map((r) => ({ key: text(r, 'type'), label: names.value('type', text(r, 'type')), value: number(r, 'events') ?? 0 }))}
            picked={(v) => view.filters.some((f) => f.dim === 'type' && !f.not && !f.contains && f.values.includes(v))}
            onPick={(v) => change({ filters: toggle(view.filters, 'type', v) })}
          />
        )}
      </Answer>
    </Card>
  );
}
