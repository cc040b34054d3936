import { Stack } from '@mantine/core';
import { useLastEvent, type Source } from '../../api/settings';
import * as names from '../../format/names';
import { ago } from '../../format/time';
import { ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Copy } from '../../parts/Copy';
import css from './Settings.module.css';

/** Whether events arrive: what the last one was, or that the first is waited for. */
export function Arrival({ site, zone, short }: { site: string; zone: string; short?: boolean }) {
  const { data, error, isPending } = useLastEvent(site);
  if (error && !data) return short ? <span className={css.quiet}>Not known</span> : <ProblemNotice error={error} />;
  if (isPending) return <span className={css.quiet}>…</span>;
  const last = data?.last;
  return (
    <span className={css.arrival} data-live={last ? true : undefined} role={short ? undefined : 'status'}>
      <i aria-hidden />
      {last ? (
        <span>
          {short ? 'Last event ' : 'Events arrive. The last one: '}
          {!short && last.type && (
            <>
              <b>{names.event(last.type)}</b> {last.path && <span className="mono">{last.path}</span>}{' '}
            </>
          )}
          {ago(last.received_at, zone)}
        </span>
      ) : (
        'Waiting for the first event…'
      )}
    </span>
  );
}

/** The line for a page's head, and whether it works. */
export function Snippet({ source: s, writeKey }: { source: Source; writeKey: string | undefined }) {
  const site = encodeURIComponent(s.site_id);
  return (
    <Card title="Snippet">
      <Stack gap="sm">
        <p className={css.text}>Put this line into the head of every page. It counts page views, clicks and time on the page; the page of the SDK in the documentation says what else it can.</p>
        <Copy label="Snippet" text={`<script defer src="${location.origin}/sdk.js?site_id=${site}" data-site="${s.site_id}"></script>`} />
        <Arrival site={s.site_id} zone={s.time_zone} />
        {writeKey && (
          <div className={css.once}>
            <p className={css.text}>
              <b>Write key</b>, for servers and apps that send events of this source. It is shown only now: keep it.
            </p>
            <Copy label="Write key" text={writeKey} />
          </div>
        )}
      </Stack>
    </Card>
  );
}
