import { Button } from '@mantine/core';
import { IconArrowUp, IconChevronRight } from '@tabler/icons-react';
import { keyOf, useEvents, useNewer, type Event } from '../../api/events';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { counted, exact } from '../../format/numbers';
import { readable } from '../../format/path';
import { clockSeconds, dayShort, moment } from '../../format/time';
import { visible } from '../../format/visible';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { CountryBadge } from '../../parts/CountryBadge';
import { Freshness } from '../../parts/Freshness';
import { useParam, useView } from '../../state/url';
import { subject } from './columns';
import { Details } from './Details';
import css from './Events.module.css';
import type { EventScope } from './Events';

/** The events, a line each; one line is open at a time and stands in the address. */
export function List({ question }: { question: EventScope }) {
  const { zone } = useSite();
  const [view] = useView();
  const [opened, open] = useParam('event', '', true);
  const events = useEvents(question);
  const first = events.data?.pages[0];
  const newer = useNewer(question, first, question.to === undefined);
  const all = events.data?.pages.flatMap((p) => p.events ?? []) ?? [];
  return (
    <div className={css.main}>
      <Card title="Latest" aside={<span className={css.shown}>{all.length > 0 && `${exact(all.length)}${events.hasNextPage ? ' shown' : ', all of them'}`}</span>} className={css.list}>
        <div role="status" className={css.newer}>
          {newer.count > 0 && (
            <Button size="compact-xs" variant="light" leftSection={<IconArrowUp size={13} aria-hidden />} onClick={newer.show}>
              {newer.more ? `More than ${exact(newer.count)} newer events` : counted(newer.count, 'newer event')}
            </Button>
          )}
        </div>
        <Answer query={events} height={520} empty={() => all.length === 0 && `No events in this time${view.filters.length > 0 ? ' that these filters let through' : ''}.`}>
          {() => (
            <>
              <ul className={css.events}>
                {all.map((e, i) => {
                  const key = keyOf(e);
                  return <Row key={`${key} ${i}`} event={e} zone={zone} day={i === 0 || dayShort(e.ts ?? '', zone) !== dayShort(all[i - 1]?.ts ?? '', zone)} opened={opened === key} onOpen={() => open(opened === key ? '' : key)} />;
                })}
              </ul>
              {events.isFetchNextPageError && <ProblemNotice error={events.error} retry={() => void events.fetchNextPage()} />}
              {events.hasNextPage && (
                <Button variant="default" fullWidth mt="sm" loading={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
                  Earlier events
                </Button>
              )}
            </>
          )}
        </Answer>
      </Card>
      {first && <Freshness answer={first} open={question.to === undefined} />}
    </div>
  );
}

function Row({ event: e, zone, day, opened, onOpen }: { event: Event; zone: string; day: boolean; opened: boolean; onOpen: () => void }) {
  const visitor = e.user_id || e.client_id;
  const { path, props } = subject(e);
  const type = typeof e.type === 'string' ? names.event(e.type) : 'hidden';
  return (
    <>
      {day && <li className={css.day}>{dayShort(e.ts ?? '', zone)}</li>}
      <li data-opened={opened || undefined}>
        <button type="button" className={css.row} aria-expanded={opened} onClick={onOpen}>
          <IconChevronRight size={14} className={css.chevron} aria-hidden />
          <time className="num" dateTime={e.ts ?? undefined} title={e.ts ? moment(e.ts, zone) : undefined}>
            {e.ts ? clockSeconds(e.ts, zone) : '–'}
          </time>
          <span className={css.type} data-page={e.type === 'pageview' || undefined} title={type}>
            {type}
          </span>
          <span className="cut">
            <bdi title={visible(path) || undefined}>{readable(path)}</bdi>
            {props.map((p, n) => (
              // a name may be there once only
              // oxlint-disable-next-line react/no-array-index-key
              <span key={n} className={css.props}>
                {n === 0 ? ' ' : ' · '}
                <bdi>{visible(p)}</bdi>
              </span>
            ))}
          </span>
          <span className={`mono cut ${css.visitor}`}>{visitor && visible(visitor)}</span>
          <CountryBadge code={e.country} alone />
        </button>
        {opened && <Details event={e} zone={zone} />}
      </li>
    </>
  );
}
