import { mostGoals, useConversions } from '../../api/conversions';
import { number, useScope } from '../../api/report';
import { useGoals } from '../../api/saved';
import { useLastEvent } from '../../api/settings';
import { useSite } from '../../api/site';
import { percent } from '../../format/numbers';
import { ProblemNotice } from '../../parts/Answer';
import { Freshness } from '../../parts/Freshness';
import { useView } from '../../state/url';
import { FirstEvent } from './FirstEvent';
import { Goals } from './Goals';
import { Headline, useTotals } from './Headline';
import { Origins } from './Origins';
import css from './Overview.module.css';
import { TopLists } from './TopLists';

/** What happened on a site: headline numbers over a series, and what they consist of. A click on anything filters everything. */
export default function Overview() {
  const [view] = useView();
  const open = useScope().to === undefined;
  const { totals, hidden } = useTotals();
  const error = totals.data?.approximate?.visitors;
  const goals = useGoals();
  const ids = (goals.data ?? []).slice(0, mostGoals).map((g) => g.id);
  const known = goals.data !== undefined || goals.isError; // the money is asked for with the goals, and without them when they cannot be had
  const results = useConversions(ids, false, known);
  const resultsBefore = useConversions(ids, true, known && view.compare);
  const quiet = totals.data !== undefined && !number(totals.data.data?.[0], 'visitors') && !number(totals.data.data?.[0], 'pageviews') && view.filters.length === 0 && !view.segment;
  const before = view.compare && !results.isPlaceholderData && !resultsBefore.isPlaceholderData ? resultsBefore.data : undefined;
  const last = useLastEvent(useSite().id, quiet);
  const unheard = quiet && last.data !== undefined && !last.data.last; // its lists would be seven empty cards
  if (totals.error && totals.data === undefined) return <ProblemNotice error={totals.error} retry={() => void totals.refetch()} />; // once, not in each card
  return (
    <div className={css.page}>
      {unheard && <FirstEvent />}
      <Headline totals={totals} hidden={hidden} results={{ now: results.data, old: results.isPlaceholderData, before, failed: resultsBefore.error }} goals={goals.data} />
      {!unheard && <TopLists hidden={hidden} />}
      <Goals goals={goals} results={results} before={before} />
      {goals.data !== undefined && goals.data.length > 0 && results.data && !hidden && <Origins goals={goals.data} results={results.data} />}
      {totals.data && (
        <Freshness answer={totals.data} open={open}>
          Bots do not count.{error !== undefined && ` Visitors are so many that they are estimated, to within about ${percent(error)}.`}
        </Freshness>
      )}
    </div>
  );
}
