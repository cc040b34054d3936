import { usePanelAnswers, within } from '../../api/dashboards';
import { useSites } from '../../api/session';
import { ago, moment } from '../../format/time';
import { FreshnessIn } from '../../parts/Freshness';
import { textIn } from '../../panels/panel';
import css from './Dashboards.module.css';
import type { Range } from './Grid';
import type { Placed } from './layout';

const earliest = (times: string[]): string | undefined => times.reduce<string | undefined>((a, b) => (a === undefined || Date.parse(b) < Date.parse(a) ? b : a), undefined);
const texts = (all: unknown[]): string[] => all.filter((t) => typeof t === 'string');

/**
 * Up to when a dashboard is whole: the earliest of its panels that have their answers. Statements of SQL run once, when the dashboard is opened, so they are
 * told of apart. Panels of sites in several time zones have UTC in common.
 */
export function BoardFreshness({ panels, range }: { panels: Placed[]; range: Range }) {
  const sites = useSites(true);
  const zoneOf = (p: Placed) => sites.data?.find((s) => s.site_id === p.site_id)?.time_zone ?? 'UTC';
  const asked = panels.map((p) => within(p, range?.(zoneOf(p))));
  const answers = usePanelAnswers(asked);
  const loaded = panels.flatMap((p, i) => (answers[i] ? [{ zone: zoneOf(p), sql: p.kind === 'sql', open: textIn(asked[i]!.question, 'to') === '', answer: answers[i] }] : []));
  const reports = loaded.filter((l) => !l.sql);
  const zones = new Set(reports.map((r) => r.zone));
  const zone = zones.size === 1 ? [...zones][0]! : 'UTC';
  const asOf = earliest(texts(reports.map((r) => r.answer.as_of)));
  const until = earliest(texts(reports.map((r) => r.answer.complete_until)));
  const ran = earliest(texts(loaded.map((l) => l.sql && l.answer.asOf)));
  if (!(asOf && until) && !ran) return null;
  return (
    <div className={css.whole}>
      <FreshnessIn zone={zone} answer={asOf && until ? { as_of: asOf, complete_until: until } : undefined} open={reports.some((r) => r.open)}>
        {ran && `SQL counts what could be seen at ${moment(ran, zone)} (${ago(ran, zone)}), when it was run.`}
      </FreshnessIn>
    </div>
  );
}
