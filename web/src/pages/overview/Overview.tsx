import { useSite } from '../../api/site';
import { useReport, useScope } from '../../api/report';
import { ago, moment } from '../../format/time';
import { Headline } from './Headline';
import css from './Overview.module.css';
import { Goals } from './Goals';
import { Devices, Pages, Places, Sources } from './TopLists';

/** What happened on a site: headline numbers over a series, and what they consist of. A click on anything filters everything. */
export default function Overview() {
  return (
    <div className={css.page}>
      <Headline />
      <div className={css.grid}>
        <Pages />
        <Sources />
        <Places />
        <Devices />
      </div>
      <Goals />
      <Freshness />
    </div>
  );
}

/** Up to when the numbers are whole. */
function Freshness() {
  const { zone } = useSite();
  const report = useReport({ ...useScope(), metric: ['visitors', 'sessions', 'pageviews', 'views_per_session', 'bounce_rate', 'session_duration'] });
  if (!report.data) return null;
  return (
    <p className={css.fresh}>
      Counts everything received up to {moment(report.data.as_of, zone)} ({ago(report.data.as_of, zone)}). Final before {moment(report.data.complete_until, zone)}; later events may still change what is after it. Times are those of {zone}.
    </p>
  );
}
