import { Link } from 'wouter';
import { useSession, type SessionDetail } from '../../api/sessions';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { counted, duration, exact } from '../../format/numbers';
import { readable } from '../../format/path';
import { clock, dayFull, dayLong } from '../../format/time';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { CountryBadge } from '../../parts/CountryBadge';
import { Freshness } from '../../parts/Freshness';
import { useTitle } from '../../state/title';
import { Facts } from './Facts';
import { Back, deviceOf, Live, placeOf, sourceOf, useAddress } from './names';
import css from './Sessions.module.css';
import { Timeline } from './Timeline';

/** One session with everything that happened in it. */
export function SessionPage({ id }: { id: string }) {
  const session = useSession(id);
  const { zone } = useSite();
  useTitle(session.data ? `Session of ${dayFull(session.data.start, zone)}, ${clock(session.data.start, zone)}` : 'Session');
  return (
    <div className={css.page}>
      <Back />
      <Answer query={session} height={420}>
        {(s) => (
          <div className={css.page}>
            <Head session={s} />
            <Card title="What happened" aside={<span className={css.note}>{(s.timeline ?? []).length < s.events ? `the first ${exact((s.timeline ?? []).length)} of ${counted(s.events, 'event')}` : counted(s.events, 'event')}</span>}>
              <Timeline events={s.timeline ?? []} live={!s.sealed} />
            </Card>
            <Freshness answer={s} open={!s.sealed} />
          </div>
        )}
      </Answer>
    </div>
  );
}

const pageOf = (path: string | null | undefined) => (path ? <span title={path}>{readable(path)}</span> : '–');

function Head({ session: s }: { session: SessionDetail }) {
  const { zone } = useSite();
  const address = useAddress();
  return (
    <Card>
      <div className={css.title}>
        <h2>
          {dayLong(s.start, zone)}, {clock(s.start, zone)}
        </h2>
        {!s.sealed && <Live />}
        {s.is_bot && <span className={css.tag}>Robot</span>}
      </div>
      <Facts
        facts={[
          ['Visitor', s.visitor ? <Link key="v" title={s.user_id || s.visitor} href={address.visitor(s.visitor)}>{s.user_id || s.visitor}</Link> : 'Hidden from your role'],
          ['Time', s.bounce ? 'Bounce' : duration(s.duration_seconds)],
          ['Page views', exact(s.pageviews)],
          ['Source', sourceOf(s)],
          ['Channel', names.value('channel', s.channel ?? '')],
          ['Place', <span key="p">{s.country && <CountryBadge code={s.country} />} {placeOf(s)}</span>],
          ['Device', [s.browser && s.device ? names.value('device', s.device) : '', deviceOf(s)].filter(Boolean).join(', ')],
          ['Entry page', pageOf(s.entry_path)],
          ['Exit page', pageOf(s.exit_path)],
        ]}
      />
    </Card>
  );
}
