import { mostGoals, useConversions } from '../../api/conversions';
import { useGoals } from '../../api/saved';
import { useSite } from '../../api/site';
import type { Report } from '../../api/report';
import { ago, moment } from '../../format/time';
import { percent } from '../../format/numbers';
import { ProblemNotice } from '../../parts/Answer';
import { useView } from '../../state/url';
import { Goals } from './Goals';
import { Headline, useTotals } from './Headline';
import css from './Overview.module.css';
import { TopLists } from './TopLists';

/** What happened on a site: headline numbers over a series, and what they consist of. A click on anything filters everything. */
export default function Overview() {
  const [view] = useView();
  const totals = useTotals();
  const goals = useGoals();
  const ids = (goals.data ?? []).slice(0, mostGoals).map((g) => g.id);
  const known = goals.data !== undefined || goals.isError; // the money is asked for with the goals, and without them when they cannot be had
  const results = useConversions(ids, false, known);
  const resultsBefore = useConversions(ids, true, known && view.compare);
  const before = view.compare && !resultsBefore.isPlaceholderData ? resultsBefore.data : undefined;
  if (totals.error && totals.data === undefined) return <ProblemNotice error={totals.error} retry={() => void totals.refetch()} />; // once, not in each card
  return (
    <div className={css.page}>
      <Headline totals={totals} results={{ now: results.data, before, failed: resultsBefore.error }} goals={goals.data} />
      <TopLists />
      <Goals goals={goals} results={results} before={before} />
      {totals.data && <Freshness report={totals.data} />}
    </div>
  );
}

/** Up to when the numbers are whole, and how exact. */
function Freshness({ report }: { report: Report }) {
  const { zone } = useSite();
  const error = report.approximate?.visitors;
  return (
    <p className={css.fresh}>
      Counts everything received up to {moment(report.as_of, zone)} ({ago(report.as_of, zone)}). Final before {moment(report.complete_until, zone)}; later events may still change what is after it. Times are those of {zone}. Bots do not
      count.{error !== undefined && ` Visitors are so many that they are estimated, to within about ${percent(error)}.`}
    </p>
  );
}
