import { useCallback, useMemo } from 'react';
import { useFunnel } from '../../api/funnel';
import { useScope } from '../../api/report';
import { useGoals } from '../../api/saved';
import { useFault } from '../../state/faults';
import { insteadOf, parseFunnel, questionOf, writeFunnel, type FunnelState } from '../../state/funnel';
import { useParam } from '../../state/url';
import { Card } from '../../parts/Card';
import { Builder } from './Builder';
import css from './Funnels.module.css';
import { nameOfStep } from './names';
import { People } from './People';
import { Result } from './Result';

/** How many people go from step to step. Everything that is chosen stands in the address. */
export default function Funnels() {
  const [text, setText] = useParam('funnel');
  const [chosen, choose] = useParam('people');
  const state = useMemo(() => parseFunnel(text), [text]);
  const instead = useMemo(() => insteadOf(text), [text]);
  useFault(instead !== undefined && { name: 'funnel', text, instead });
  const set = useCallback((f: FunnelState) => setText(writeFunnel(f)), [setText]);
  const scope = useScope();
  const goals = useGoals();
  const own = useMemo(() => questionOf(state, (s) => nameOfStep(s, goals.data)), [state, goals.data]);
  const question = useMemo(() => own && { ...scope, ...own }, [own, scope]);
  const ready = question !== undefined && !goals.isPending;
  const funnel = useFunnel(question ?? {}, ready);
  const [, step, which] = /^([1-9]\d?)(-dropped)?$/.exec(chosen) ?? [];
  useFault(chosen !== '' && !(step && Number(step) <= state.steps.length) && { name: 'people', text: chosen, instead: 'no people of a step' });
  return (
    <div className={css.page}>
      <Builder state={state} goals={goals.data ?? []} onChange={set} />
      <div className={css.result}>
        {own ? (
          <Result funnel={funnel} question={own} state={state} open={scope.to === undefined} onPeople={(n, dropped) => choose(`${n}${dropped ? '-dropped' : ''}`)} />
        ) : (
          <Card title="Conversion">
            <div className={css.hint}>
              <Drawing />
              <p>
                <strong>Choose an event for each step.</strong> A page, an event that your site sends, or a saved goal. You will see how many people go on, how long it takes them, and where they leave.
              </p>
            </div>
          </Card>
        )}
      </div>
      {question && step && Number(step) <= state.steps.length && (
        <People question={question} step={Number(step)} dropped={which !== undefined && step !== '1'} names={question.steps.map((s) => s.name)} onChange={(n, dropped) => choose(`${n}${dropped ? '-dropped' : ''}`)} onClose={() => choose('')} />
      )}
    </div>
  );
}

/** What a funnel looks like. */
const Drawing = () => (
  <svg width="180" height="84" viewBox="0 0 180 84" fill="none" aria-hidden>
    {[180, 118, 64, 30].map((w, i) => (
      <g key={w}>
        {i > 0 && <rect x="0" y={i * 22} width={[180, 118, 64][i - 1]} height="16" rx="3" fill="var(--water-wash-2)" />}
        <rect x="0" y={i * 22} width={w} height="16" rx="3" fill="var(--water)" opacity={1 - i * 0.15} />
      </g>
    ))}
  </svg>
);
