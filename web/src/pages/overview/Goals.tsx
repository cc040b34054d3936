import { ActionIcon, Button, Menu } from '@mantine/core';
import { IconChartLine, IconDots, IconPencil, IconPlus, IconTrash } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { mostGoals, type Conversions, type GoalCount } from '../../api/conversions';
import { useDeleteSaved, type Goal } from '../../api/saved';
import { may, useMe } from '../../api/session';
import { tooLarge } from '../../format/currencies';
import { amount } from '../../format/money';
import { change, compact, exact, percent, show, signed } from '../../format/numbers';
import { Answer, type Asked } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Confirm } from '../../parts/Confirm';
import { useParam, useView } from '../../state/url';
import { filteredBy, toggleGoal } from './goals';
import css from './Goals.module.css';
import { lineOfGoal } from './Headline';

const GoalForm = lazy(() => import('./GoalForm'));

type GoalsProps = { goals: Asked<Goal[]>; results: Asked<Conversions>; before: Conversions | undefined };

/** The goals of the site with what came of them. A click on one filters the page by it; who may, makes, changes and deletes them. */
export function Goals({ goals, results, before }: GoalsProps) {
  const me = useMe();
  const writes = may(me.data, 'analyst');
  const [form, open] = useState<Goal | 'new'>();
  const [doomed, doom] = useState<Goal>();
  const remove = useDeleteSaved('goals');
  const [view, change] = useView();
  const [line, choose] = useParam('metric', 'visitors', true);
  const active = filteredBy(goals.data ?? [], view.filters)?.id;
  const make = writes && (
    <Button variant="default" leftSection={<IconPlus size={15} stroke={1.6} aria-hidden />} onClick={() => open('new')}>
      New goal
    </Button>
  );
  return (
    <div>
      <Card
        title="Goals"
        aside={
          goals.data !== undefined &&
          goals.data.length > 0 && (
            <>
              {goals.data.length > mostGoals && (
                <span className={css.some}>
                  {mostGoals} of {exact(goals.data.length)}
                </span>
              )}
              {make}
            </>
          )
        }
      >
        <Answer
          query={goals}
          height={120}
          empty={(list) =>
            list.length === 0 && (
              <div className={css.none}>
                <p>
                  <strong>No goal yet.</strong> A goal is an event that counts: a sign-up, a purchase, a visit of the page that says thanks. {writes ? 'Here you see how many people get there.' : 'An analyst or an admin makes one.'}
                </p>
                {make}
              </div>
            )
          }
        >
          {(list) => (
            <Answer query={results} height={32 + 40 * Math.min(list.length, mostGoals)}>
              {(d) => (
                <GoalTable
                  goals={list.slice(0, mostGoals)}
                  results={d}
                  before={before}
                  active={active}
                  line={line}
                  compared={view.compare}
                  writes={writes}
                  onFilter={(g) => change({ filters: toggleGoal(list, g, view.filters) })}
                  onLine={(g) => {
                  choose(line === lineOfGoal(g.id) ? 'visitors' : lineOfGoal(g.id));
                  scrollTo({ top: 0 }); // the series is up there
                }}
                  onEdit={open}
                  onDelete={doom}
                />
              )}
            </Answer>
          )}
        </Answer>
        {(goals.data ?? []).length > 0 && (
          <p className={css.more}>
            A click on a goal keeps the events that are the goal, on the whole page; what else its people did is not counted then.
            {(goals.data ?? []).length > mostGoals && ` These are the first ${mostGoals} of ${exact(goals.data?.length)} goals, by name; others are asked for in funnels and on dashboards.`}
          </p>
        )}
        {form && (
          <Suspense fallback={null}>
            <GoalForm goal={form === 'new' ? undefined : form} onClose={() => open(undefined)} />
          </Suspense>
        )}
        {doomed && (
          <Confirm
            title={`Delete “${doomed.name}”?`}
            what={doomed.name}
            action="Delete the goal"
            onConfirm={async () => {
              await remove.mutateAsync(doomed.id);
              if (line === lineOfGoal(doomed.id)) choose('visitors');
            }}
            onClose={() => doom(undefined)}
          >
            Links and funnels that ask for <b>{doomed.name}</b> say then that there is no such goal; while panels or cohorts use it, it stays. The events stay.
          </Confirm>
        )}
      </Card>
    </div>
  );
}

type TableProps = {
  goals: Goal[];
  results: Conversions;
  before: Conversions | undefined;
  active: string | undefined;
  line: string;
  compared: boolean;
  writes: boolean;
  onFilter: (g: Goal) => void;
  onLine: (g: Goal) => void;
  onEdit: (g: Goal) => void;
  onDelete: (g: Goal) => void;
};

function GoalTable({ goals, results, before, active, line, compared, writes, onFilter, onLine, onEdit, onDelete }: TableProps) {
  const of = (c: Conversions | undefined, g: Goal) => c?.goals?.find((x) => x.goal === g.id);
  const money = goals.some((g) => hasMoney(of(results, g)));
  const paid = goals.some((g) => (of(results, g)?.revenue ?? []).length > 0);
  const rows = goals.map((g) => ({ g, now: of(results, g) })).toSorted((a, b) => (b.now?.conversions ?? -1) - (a.now?.conversions ?? -1));
  return (
    <div className={css.scroll}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Goal</th>
            <th scope="col" className="num">Conversions</th>
            <th scope="col" className={`num ${css.wide}`} title="Different persons who reached the goal">People</th>
            <th scope="col" className="num" title="Share of all people who reached the goal">Rate</th>
            {money && <th scope="col" className="num" title={paid ? 'Of the events that are the goal; of a goal without any, what its conversions are worth' : 'Conversions times the value of one'}>{paid ? 'Revenue' : 'Value'}</th>}
            <th scope="col"><span className="hidden">What can be done</span></th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ g, now }) => (
            <tr key={g.id} data-active={g.id === active || undefined}>
              {/* the button has its text two levels down */}
              {/* oxlint-disable-next-line jsx-a11y/control-has-associated-label */}
              <th scope="row">
                <button type="button" className={css.goal} aria-pressed={g.id === active} title={g.id === active ? `Do not filter by ${g.name} any more` : `Filter the page by the events that are ${g.name}`} onClick={() => onFilter(g)}>
                  <span className={css.bar} style={{ width: `${100 * (now?.rate ?? 0)}%` }} aria-hidden />
                  <span className="cut">{g.name}</span>
                </button>
              </th>
              <td className="num" data-label="Conversions" title={exact(now?.conversions)}>
                {now?.conversions === null ? <span title="The goal looks at what is masked for your role">Hidden</span> : compact(now?.conversions)}
                {compared && <Change now={now?.conversions} before={before && (of(before, g)?.conversions ?? null)} />}
              </td>
              <td className={`num ${css.wide}`} title={exact(now?.people)}>{compact(now?.people)}</td>
              <td className="num" data-label="Rate">{percent(now?.rate)}</td>
              {money && <td className="num" data-label={(now?.revenue ?? []).length > 0 || !now?.value ? 'Revenue' : 'Value'}>{moneyOf(now)}</td>}
              <td className={css.actions}>
                <ActionIcon variant="subtle" color="gray" aria-pressed={line === lineOfGoal(g.id)} aria-label={`${g.name} over time`} title="Show over time" onClick={() => onLine(g)}>
                  <IconChartLine size={16} stroke={1.6} aria-hidden />
                </ActionIcon>
                {writes && <Actions goal={g} onEdit={onEdit} onDelete={onDelete} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Actions = ({ goal, onEdit, onDelete }: { goal: Goal; onEdit: (g: Goal) => void; onDelete: (g: Goal) => void }) => (
  <Menu position="bottom-end" width={200}>
    <Menu.Target>
      <ActionIcon variant="subtle" color="gray" aria-label={`More for ${goal.name}`}>
        <IconDots size={16} stroke={1.6} aria-hidden />
      </ActionIcon>
    </Menu.Target>
    <Menu.Dropdown>
      <Menu.Item leftSection={<IconPencil size={16} stroke={1.6} aria-hidden />} onClick={() => onEdit(goal)}>
        Change
      </Menu.Item>
      <Menu.Item leftSection={<IconTrash size={16} stroke={1.6} aria-hidden />} onClick={() => onDelete(goal)}>
        Delete
      </Menu.Item>
    </Menu.Dropdown>
  </Menu>
);

function Change({ now, before }: { now: number | null | undefined; before: number | null | undefined }) {
  const share = change(now, before);
  const tone = share === undefined || Math.abs(share) < 0.0005 ? undefined : share > 0 ? 'good' : 'bad';
  return (
    <span className={css.change} data-tone={tone} title={before === undefined ? 'The time before is not known yet' : `${exact(before)} before`}>
      {before === undefined ? '…' : share === undefined ? `${compact(before)} before` : signed(share)}
    </span>
  );
}

const hasMoney = (c: GoalCount | undefined): boolean => (c?.revenue ?? []).length > 0 || (c?.value ?? 0) !== 0;

/** The amounts of a goal by currency; without any, what its conversions are worth, in a unit that the workspace chose. */
function moneyOf(c: GoalCount | undefined) {
  const [first, ...more] = c?.revenue ?? [];
  if (!first) return c?.value ? (
    <span title="What its conversions are worth: their number times the value of one">
      {show(c.value, 'money')} <small className={css.currencies}>value</small>
    </span>
  ) : (
    '–'
  );
  const all = [first, ...more].map((m) => (m.amount === null ? `${m.currency} ${tooLarge.toLowerCase()}`.trim() : amount(m.amount, m.currency, true))).join(', ');
  return (
    <span title={all}>
      {amount(first.amount, first.currency)}
      {more.length > 0 && <small className={css.currencies}> +{more.length}</small>}
    </span>
  );
}
