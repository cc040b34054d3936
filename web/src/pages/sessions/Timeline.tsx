import { IconArrowUpRight, IconClick, IconEye, IconMouse, IconPoint, IconUserCheck, type IconProps } from '@tabler/icons-react';
import type { FC } from 'react';
import type { TimelineEvent } from '../../api/sessions';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { duration } from '../../format/numbers';
import { readable } from '../../format/path';
import { clockSeconds, moment } from '../../format/time';
import { Properties } from './Facts';
import css from './Timeline.module.css';

const icons: Record<string, FC<IconProps>> = { pageview: IconEye, click: IconClick, outbound: IconArrowUpRight, scroll: IconMouse, engagement: IconMouse, identify: IconUserCheck, alias: IconUserCheck };
const quiet = new Set(['scroll', 'engagement']); // no actions of the visitor

/** Events of a session in their order, with the pauses between them. */
export function Timeline({ events, live }: { events: TimelineEvent[]; live: boolean }) {
  return (
    <ol className={css.timeline}>
      {events.map((e, i) => (
        <Event key={e.event_id || i} event={e} before={events[i - 1]} />
      ))}
      {live && (
        <li className={css.event} data-live>
          <span className={css.time} />
          <span className={css.dot} aria-hidden />
          <span className={css.now}>It may go on</span>
        </li>
      )}
    </ol>
  );
}

function Event({ event: e, before }: { event: TimelineEvent; before: TimelineEvent | undefined }) {
  const { zone } = useSite();
  const Icon = icons[e.type] ?? IconPoint;
  const page = e.type === 'pageview';
  const props = Object.entries(e.props ?? {});
  const pause = before ? (Date.parse(e.ts) - Date.parse(before.ts)) / 1000 : 0;
  return (
    <li className={css.event} data-type={page ? 'page' : quiet.has(e.type) ? 'quiet' : 'action'}>
      <time className={css.time} dateTime={e.ts} title={moment(e.ts, zone)}>
        {clockSeconds(e.ts, zone)}
        {pause >= 1 && <small>+{duration(pause)}</small>}
      </time>
      <span className={css.dot} aria-hidden>
        <Icon size={14} stroke={1.8} />
      </span>
      <div className={css.what}>
        <div className={css.name}>
          <b title={(page && e.path) || undefined}>{(page && e.path && readable(e.path)) || names.event(e.type)}</b>
          {!page && e.path && <span className={css.where} title={e.path}>on {readable(e.path)}</span>}
          {e.user_id && e.user_id !== before?.user_id && <span className={css.where}>as {e.user_id}</span>}
        </div>
        {page && e.referrer && !before && <div className={css.where}>from {e.referrer}</div>}
        {props.length > 0 && <Properties of={props} />}
      </div>
    </li>
  );
}
