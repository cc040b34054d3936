import { Button } from '@mantine/core';
import { IconDeviceDesktop, IconDeviceMobile, IconDeviceTablet, IconDeviceUnknown, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useState } from 'react';
import type { Live } from '../../api/live';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { exact } from '../../format/numbers';
import { readable } from '../../format/path';
import { clockSeconds } from '../../format/time';
import { Card } from '../../parts/Card';
import { CountryBadge } from '../../parts/CountryBadge';
import { gather, type Shown } from './calm';
import css from './Live.module.css';

const most = 100;
const lines = 40;

/** The events that come, the latest at the top. It stands still while it is paused, or while it is pointed at. */
export function Stream({ events }: { events: Live['recent'] }) {
  const { zone } = useSite();
  const [got, setGot] = useState(() => ({ of: events, ...gather([], events ?? [], most) }));
  if (got.of !== events) setGot({ of: events, ...gather(got.events, events ?? [], most) });
  const [paused, pause] = useState<Shown[]>();
  const [held, hold] = useState<Shown[]>();
  const still = paused ?? held;
  const shown = still ?? got.events;
  const top = still?.[0]?.key;
  const newer = still ? (top === undefined ? got.events.length : got.events.findIndex((e) => e.key === top)) : 0;
  const more = newer < 0 ? `more than ${most}` : exact(newer);
  return (
    <Card
      title="Events"
      className={css.stream}
      aside={
        events !== null &&
        (shown.length > 0 || paused) && (
          <Button
            variant={paused ? 'light' : 'subtle'}
            aria-pressed={paused !== undefined}
            leftSection={paused ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />}
            onClick={() => pause(paused ? undefined : shown)}
          >
            {paused ? 'Go on' : 'Pause'}
          </Button>
        )
      }
    >
      {events === null ? (
        <p className={css.empty}>Your role may not see this.</p>
      ) : shown.length === 0 ? (
        <p className={css.empty}>Nothing came in the last five minutes. What comes appears here at once.</p>
      ) : (
        <>
          <p className={css.newer} data-on={newer !== 0 || undefined}>
            {paused ? `Paused; ${more} newer` : held && newer !== 0 ? `Held while you look; ${more} newer` : got.missed ? 'More come than are shown' : 'The latest first'}
          </p>
          <div onMouseEnter={() => hold(got.events)} onMouseLeave={() => hold(undefined)}>
            <ol className={css.events} data-still={still !== undefined || undefined}>
              {shown.slice(0, lines).map((e) => (
                <li key={e.key}>
                  <time className="num" dateTime={e.ts}>
                    {clockSeconds(e.ts, zone)}
                  </time>
                  <span className={css.type} data-type={e.type === 'pageview' ? 'page' : 'other'} title={names.event(e.type)}>
                    {names.event(e.type)}
                  </span>
                  <span className="cut" title={e.path ?? undefined}>
                    {e.path && readable(e.path)}
                  </span>
                  <CountryBadge code={e.country} alone />
                  <Device of={e.device} />
                </li>
              ))}
            </ol>
          </div>
        </>
      )}
    </Card>
  );
}

const devices: Record<string, typeof IconDeviceDesktop> = { desktop: IconDeviceDesktop, mobile: IconDeviceMobile, tablet: IconDeviceTablet };

function Device({ of }: { of: string | null }) {
  const Icon = devices[of ?? ''] ?? IconDeviceUnknown;
  return <Icon size={15} stroke={1.6} className={css.device} role="img" aria-label={of ? names.value('device', of) : 'Unknown device'} />;
}
