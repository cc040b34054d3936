import type { UseQueryResult } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Funnel, FunnelStep } from '../../api/funnel';
import * as names from '../../format/names';
import { compact, duration, exact, percent } from '../../format/numbers';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { CountryBadge } from '../../parts/CountryBadge';
import { Freshness } from '../../parts/Freshness';
import { AddPanel } from '../../panels/AddPanel';
import type { Offer } from '../../panels/offer';
import { toggle } from '../../state/filters';
import type { FunnelState } from '../../state/funnel';
import { useView } from '../../state/url';
import css from './Result.module.css';

type OnPeople = (step: number, dropped: boolean) => void;

/** The answer: how many people came to each step. A click on a number shows who they are. */
export function Result({ funnel, question, state, open, onPeople }: { funnel: UseQueryResult<Funnel>; question: Record<string, unknown>; state: FunnelState; open: boolean; onPeople: OnPeople }) {
  const [view] = useView();
  const offer = useMemo((): Offer => ({ title: 'Funnel', choices: [{ kind: 'funnel', label: 'Funnel', question }] }), [question]);
  return (
    <>
      <Card title="Conversion" aside={<AddPanel offer={offer} />}>
        <Answer query={funnel} height={110 + 66 * state.steps.length} empty={(d) => (d.steps?.[0]?.count ?? 0) === 0 && `Nobody came to the first step in this time${view.filters.length > 0 ? ' with these filters' : ''}.`}>
          {(d) => (
            <>
              <Summary steps={d.steps ?? []} />
              <Steps steps={d.steps ?? []} onPeople={onPeople} />
            </>
          )}
        </Answer>
      </Card>
      {state.breakdown && funnel.data?.breakdown && funnel.data.breakdown.length > 0 && (
        <Card title={`By ${names.dim(state.breakdown).toLowerCase()}`} aside={<span className={css.note}>at the first step</span>}>
          <Answer query={funnel} height={200}>
            {(d) => <Breakdown dim={state.breakdown} funnel={d} />}
          </Answer>
        </Card>
      )}
      {funnel.data && <Freshness answer={funnel.data} open={open} />}
    </>
  );
}

/** The whole in one line: who came through, and where most leave. */
function Summary({ steps }: { steps: FunnelStep[] }) {
  const first = steps[0];
  const last = steps.at(-1);
  if (!first || !last) return null;
  const worst = steps.slice(1).reduce<FunnelStep | undefined>((w, s) => (s.dropped > (w?.dropped ?? 0) ? s : w), undefined);
  return (
    <dl className={css.summary}>
      <div>
        <dt>Conversion</dt>
        <dd className={css.big}>{percent(last.conversion)}</dd>
      </div>
      <div>
        <dt>People</dt>
        <dd>
          {exact(last.count)} <span>of {exact(first.count)}</span>
        </dd>
      </div>
      {worst && (
        <div>
          <dt>Most leave before</dt>
          <dd className="cut" title={worst.name}>
            {worst.name} <span>{exact(worst.dropped)}, {percent(1 - worst.step_conversion)}</span>
          </dd>
        </div>
      )}
    </dl>
  );
}

function Steps({ steps, onPeople }: { steps: FunnelStep[]; onPeople: OnPeople }) {
  const most = Math.max(...steps.map((s) => s.count), 1);
  return (
    <table className={css.table}>
      <caption className="hidden">People at each step</caption>
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col" className="num">People</th>
          <th scope="col" className="num" title="Share of those at the first step">Of first</th>
          <th scope="col" className="num" title="Share of those at the step before">Of step before</th>
          <th scope="col" className="num" title="Half of those who came from the step before took no longer">Median time</th>
          <th scope="col" className="num" title="Came to the step before and no further">Left before</th>
        </tr>
      </thead>
      <tbody>
        {steps.map((s, i) => (
          <tr key={s.step}>
            <th scope="row">
              <Step step={s} before={i > 0 ? steps[i - 1]?.count : undefined} most={most} onClick={() => onPeople(s.step, false)} />
            </th>
            <td className="num" data-label="People">
              <b title={exact(s.count)}>{compact(s.count)}</b>
            </td>
            <td className="num" data-label="Of first">{percent(s.conversion)}</td>
            <td className="num" data-label="Of step before">{i === 0 ? '' : percent(s.step_conversion)}</td>
            <td className="num" data-label="Median time">{i === 0 ? '' : duration(s.median_seconds)}</td>
            <td className="num" data-label="Left before">
              {i > 0 && (
                <button type="button" className={css.left} disabled={s.dropped === 0} onClick={() => onPeople(s.step, true)} aria-label={`${exact(s.dropped)} left before ${s.name}: who they are`} title={exact(s.dropped)}>
                  {compact(s.dropped)}
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A step's name over its bar; hatched is who left since the step before. */
function Step({ step, before, most, onClick }: { step: FunnelStep; before: number | undefined; most: number; onClick: () => void }) {
  return (
    <button type="button" className={css.step} onClick={onClick} title={`Who came to ${step.name}`}>
      <span className={css.number} aria-hidden>
        {step.step}
      </span>
      <span className={css.body}>
        <span className={css.name}>{step.name}</span>
        <span className={css.track} aria-hidden>
          {before !== undefined && <span className={css.lost} style={{ width: `${(100 * before) / most}%` }} />}
          <span className={css.bar} style={{ width: `${(100 * step.count) / most}%` }} />
        </span>
      </span>
    </button>
  );
}

const Meter = ({ share }: { share: number }) => (
  <span className={css.meter}>
    <span className={css.meterTrack} aria-hidden>
      <span style={{ width: `${100 * share}%` }} />
    </span>
    <b>{percent(share)}</b>
  </span>
);

/** The funnel of each value: how many began, and the share of them at each step. A click on a value filters by it. */
function Breakdown({ dim, funnel }: { dim: string; funnel: Funnel }) {
  const [view, change] = useView();
  const groups = funnel.breakdown ?? [];
  const steps = funnel.steps ?? [];
  return (
    <div className={css.scroll}>
      <table className={css.groups}>
        <thead>
          <tr>
            <th scope="col">{names.dim(dim)}</th>
            {steps.map((s) => (
              <th key={s.step} scope="col" className="num" title={s.name}>
                <span className="cut">{s.name}</span>
              </th>
            ))}
            <th scope="col" className="num">Conversion</th>
          </tr>
        </thead>
        <tbody>
          {groups.map((g) => {
            const picked = view.filters.some((f) => f.dim === dim && !f.not && !f.contains && f.values.includes(g.value));
            return (
              <tr key={g.value}>
                <th scope="row">
                  <button type="button" aria-pressed={picked} className={css.value} title={`Only ${names.raw(dim, g.value)}`} onClick={() => change({ filters: toggle(view.filters, dim, g.value) })}>
                    {dim === 'country' && <CountryBadge code={g.value} />}
                    <span className="cut">{names.value(dim, g.value)}</span>
                  </button>
                </th>
                {(g.steps ?? []).map((s) => (
                  <td key={s.step} className="num" title={`${exact(s.count)}: ${percent(s.conversion)} of the first step`}>
                    {compact(s.count)}
                  </td>
                ))}
                <td className="num">
                  <Meter share={g.steps?.at(-1)?.conversion ?? 0} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
