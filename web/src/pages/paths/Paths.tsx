import { SegmentedControl, Select } from '@mantine/core';
import { useMemo, useState } from 'react';
import { usePaths } from '../../api/paths';
import { text, useReport, useScope } from '../../api/report';
import { metric } from '../../format/metrics';
import * as names from '../../format/names';
import { readable } from '../../format/path';
import { listed } from '../../format/row';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { EventPicker } from '../../parts/EventPicker';
import { Freshness } from '../../parts/Freshness';
import { parseFilter } from '../../state/filters';
import { useChoice, useParam } from '../../state/url';
import { Flow } from './Flow';
import css from './Paths.module.css';
import { Links } from './Links';

const directions = { next: 'where people went to', previous: 'where people came from' };
const choices = (unit: string, numbers: string[]): Record<string, string> => Object.fromEntries(numbers.map((n) => [n, `${n} ${unit}`]));
const depths = choices('steps', ['1', '2', '3', '4', '5', '6']);
const limits = choices('pages a step', ['3', '5', '10', '20']);

/** The page that is looked at before one is chosen, of those that were opened: the first that is one for people. */
const firstOf = (opened: string[]): string | undefined => opened.find((p) => p !== '' && !/\.(ico|txt|css|js|png|xml)$/.test(p)) ?? opened[0];

/** Where people go from a page, or come from. A click on a page makes it the one that is looked at. */
export default function Paths() {
  const scope = useScope();
  const [type, setType] = useParam('type');
  const [path, setPath] = useParam('path');
  const [way, setDirection] = useChoice('direction', directions, 'next');
  const [depth, setDepth] = useChoice('depth', depths, '3');
  const [limit, setLimit] = useChoice('limit', limits, '5');
  const top = useReport({ ...scope, metric: ['pageviews'], group_by: ['path'], limit: 50, totals: false }, !type && !path);
  const found = firstOf(listed(top.data?.data ?? [], [metric('pageviews')]).map((r) => text(r, 'path')));
  const [first, setFirst] = useState<{ of: typeof scope; path: string }>(); // it stays while one looks at it, whatever page has the most views meanwhile
  if (found !== undefined && !top.isPlaceholderData && first?.of !== scope) setFirst({ of: scope, path: found });
  const chosen = type || path ? path : first?.of === scope ? first.path : found;
  const question = useMemo(
    () => ({ ...scope, anchor: { type: type || 'pageview', ...(chosen && { path: chosen }) }, direction: way, depth: Number(depth), limit: Number(limit) }),
    [scope, type, chosen, way, depth, limit],
  );
  const paths = usePaths(question, chosen !== undefined || !top.isPending);
  const pick = (p: string) => {
    if (p === type) return; // the event itself, which is looked at
    if (type) setType('');
    setPath(p);
  };
  if (top.error && top.data === undefined) return <ProblemNotice error={top.error} retry={() => void top.refetch()} />;
  const shown = (chosen && readable(chosen)) || (type ? names.event(type) : '');
  return (
    <div className={css.page}>
      <Card>
        <div className={css.controls}>
          <div className={css.control}>
            <span>{way === 'next' ? 'After' : 'Before'}</span>
            <EventPicker
              label="Page or event"
              shown={shown}
              goals={false}
              placeholder="Any page view"
              onPick={(x) => {
                setType(x.filter || x.type === 'pageview' ? '' : x.type);
                setPath(x.filter ? (parseFilter(x.filter[0] ?? '')?.values[0] ?? '') : '');
              }}
            />
          </div>
          <div className={css.control}>
            <span>People went</span>
            <SegmentedControl
              size="sm"
              aria-label="Direction"
              value={way}
              onChange={(v) => setDirection(v as keyof typeof directions)}
              data={[
                { value: 'next', label: 'To' },
                { value: 'previous', label: 'From' },
              ]}
            />
          </div>
          <div className={css.control}>
            <span>Steps</span>
            <Select aria-label="Steps" data={Object.keys(depths)} value={depth} allowDeselect={false} onChange={(v) => v && setDepth(v)} />
          </div>
          <div className={css.control}>
            <span>Pages a step</span>
            <Select aria-label="Pages a step" data={Object.keys(limits)} value={limit} allowDeselect={false} onChange={(v) => v && setLimit(v)} />
          </div>
        </div>
      </Card>
      <Card title={shown ? `${way === 'next' ? 'After' : 'Before'} ${shown}` : 'Ways'}>
        <Answer query={paths} height={460} empty={(d) => (d.links ?? []).length === 0 && 'Nobody was there in this time.'}>
          {(d) => <Flow paths={d} previous={way === 'previous'} onPick={pick} />}
        </Answer>
      </Card>
      {paths.data && (paths.data.links ?? []).length > 0 && (
        <Card title="The same in numbers">
          <Links paths={paths.data} previous={way === 'previous'} onPick={pick} />
        </Card>
      )}
      {paths.data && <Freshness answer={paths.data} open={scope.to === undefined} />}
    </div>
  );
}
