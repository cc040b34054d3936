import { Fragment } from 'react';
import { Link } from 'wouter';
import type { Session } from '../../api/sessions';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { compact, duration, plural } from '../../format/numbers';
import { readable } from '../../format/path';
import { clock, dayLong, moment } from '../../format/time';
import { visible } from '../../format/visible';
import { CountryBadge } from '../../parts/CountryBadge';
import { today } from '../../state/range';
import { deviceOf, Live, placeOf, sourceOf, useAddress } from './names';
import css from './Sessions.module.css';

/** Sessions as rows, with a head for each day. `who` shows whose they are. */
export function SessionTable({ sessions, who = false }: { sessions: Session[]; who?: boolean }) {
  const { zone } = useSite();
  return (
    <table className={css.table} data-who={who || undefined}>
      <thead>
        <tr>
          <th scope="col">Began</th>
          {who && <th scope="col">Visitor</th>}
          <th scope="col">Pages</th>
          <th scope="col">Source</th>
          <th scope="col">Place</th>
          <th scope="col">Device</th>
          <th scope="col" className="num">Views</th>
          <th scope="col" className="num">Events</th>
          <th scope="col" className="num">Time</th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((s, i) => {
          const day = dayLong(s.start, zone);
          const before = sessions[i - 1];
          const head = !before || day !== dayLong(before.start, zone);
          return (
            <Fragment key={s.id}>
              {head && (
                <tr className={css.day}>
                  <th scope="colgroup" colSpan={who ? 8 : 7}>
                    {today(zone, new Date(s.start)) === today(zone) ? 'Today' : day}
                  </th>
                  {/* oxlint-disable-next-line jsx-a11y/control-has-associated-label -- it ends the row, and goes where the column goes: a head over more columns than there are would take their room */}
                  <td className={css.device} />
                </tr>
              )}
              <Row session={s} who={who} />
            </Fragment>
          );
        })}
      </tbody>
    </table>
  );
}

function Row({ session: s, who }: { session: Session; who: boolean }) {
  const { zone } = useSite();
  const address = useAddress();
  return (
    <tr className={css.row}>
      <th scope="row" className={css.began}>
        <Link className={css.whole} href={address.session(s.id)} title={moment(s.start, zone)} aria-label={`Session of ${moment(s.start, zone)}`}>
          {clock(s.start, zone)}
        </Link>
        {!s.sealed && <Live />}
      </th>
      {who && (
        <td className={css.who}>
          {s.visitor ? (
            <Link className={css.inner} href={address.visitor(s.visitor)} title={visible(s.user_id || s.visitor)}>
              <span className={s.user_id ? 'cut' : 'mono cut'}>{visible(s.user_id || s.visitor)}</span>
            </Link>
          ) : (
            <span className={css.faint}>Hidden</span>
          )}
        </td>
      )}
      <td className={css.pages} title={`${s.entry_path || '–'} → ${s.exit_path || '–'}`}>
        <Route session={s} />
      </td>
      <td className={css.source}>
        <span className="cut" title={sourceOf(s)}>
          {sourceOf(s)}
        </span>
      </td>
      <td className={css.place}>
        <span className="cut" title={placeOf(s)}>
          <CountryBadge code={s.country} /> {placeOf(s)}
        </span>
      </td>
      <td className={css.device}>
        <span className="cut" title={`${names.value('device', s.device ?? '')}: ${deviceOf(s)}`}>
          {deviceOf(s)}
        </span>
      </td>
      <td className="num" data-label={plural(s.pageviews, 'view')}>{compact(s.pageviews)}</td>
      <td className="num" data-spare data-label={plural(s.events, 'event')}>{compact(s.events)}</td>
      <td className="num" data-label="">{s.bounce ? <span className={css.faint}>Bounce</span> : duration(s.duration_seconds)}</td>
    </tr>
  );
}

/** Where a session began and ended. */
function Route({ session: s }: { session: Session }) {
  if (!s.entry_path) return <span className={css.faint}>No page view</span>;
  return (
    <span className={css.way}>
      <span className="cut">{readable(s.entry_path)}</span>
      {s.pageviews > 1 && s.exit_path && s.exit_path !== s.entry_path && (
        <>
          <span className={css.faint} aria-hidden>
            →
          </span>
          <span className="cut">{readable(s.exit_path)}</span>
        </>
      )}
    </span>
  );
}
