import { IconAlertTriangle, IconCheck, IconShieldCheck } from '@tabler/icons-react';
import { Fragment } from 'react';
import { useHealth, type Health } from '../../api/health';
import { useScope } from '../../api/report';
import { may, useMe } from '../../api/session';
import { useSite } from '../../api/site';
import { compact, counted, exact, percent, plural } from '../../format/numbers';
import { ago, moment } from '../../format/time';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Freshness } from '../../parts/Freshness';
import { useParam } from '../../state/url';
import css from './DataHealth.module.css';
import { Hours } from './Hours';
import { addsUp, shownOf } from './outcomes';
import { Quarantine } from './Quarantine';
import { Rejected } from './Rejected';
import { Names, PublicNames } from './PublicNames';
import { SchemaSeen } from './SchemaSeen';

/** What became of what was sent to a site, and what is wrong with what was lost. */
export default function DataHealth() {
  const { zone } = useSite();
  const { data: me } = useMe();
  const { to } = useScope();
  const health = useHealth();
  const [open, setOpen] = useParam('reason', '', true);
  const admin = may(me, 'admin');
  return (
    <div className={css.page}>
      <Answer query={health} height={720}>
        {(d) => (
          <div className={css.page}>
            <Verdict health={d} zone={zone} />
            <Card title="Where events went" aside={<span className={css.small}>By hour of arrival</span>}>
              <Equation health={d} />
              {d.totals.received > 0 ? <Hours health={d} zone={zone} /> : <p className={css.nothing}>Nothing arrived in this time.</p>}
            </Card>
            <div className={css.columns}>
              <Card title="Rejected" aside={<span className="num">{compact(d.totals.rejected)}</span>} className={css.wide}>
                {(d.rejected ?? []).length > 0 ? (
                  <Rejected list={d.rejected ?? []} of={d.totals.received} zone={zone} open={open} onOpen={setOpen} />
                ) : (
                  <p className={css.nothing}>No event of this site was rejected.</p>
                )}
                <Siteless health={d} zone={zone} open={open} onOpen={setOpen} />
              </Card>
              <Late health={d} />
            </div>
            <Card title="Schema seen" aside={<span className={css.small}>{counted(d.schema.properties?.length ?? 0, 'property', 'properties')}</span>}>
              {(d.schema.properties ?? []).length > 0 ? (
                <SchemaSeen list={d.schema.properties ?? []} zone={zone} admin={admin} />
              ) : (
                <p className={css.nothing}>Events of this site have no properties of their own.</p>
              )}
              {d.schema.left_out > 0 && (
                <p className={css.warn}>{counted(d.schema.left_out, 'value has a name', 'values have names')} beyond those that a tenant can have. {plural(d.schema.left_out, 'It is stored, but is no column', 'They are stored, but are no columns')}: send fewer different names.<Names list={d.schema.left_out_examples} /></p>
              )}
              <PublicNames schema={d.schema} zone={zone} admin={admin} />
            </Card>
          </div>
        )}
      </Answer>
      {admin && (
        <Card title="Quarantine" aside={<span className={css.small}>{me?.role === 'operator' ? 'Of all tenants' : 'Of all sites of the tenant'}</span>}>
          <Quarantine zone={zone} />
        </Card>
      )}
      {health.data && <Freshness answer={health.data} open={to === undefined} />}
    </div>
  );
}

/** How the site does, in one sentence. */
function Verdict({ health, zone }: { health: Health; zone: string }) {
  const me = useMe();
  const t = health.totals;
  const last = health.last_event_at;
  const lost = t.rejected + t.quarantined;
  const since = last ? <span title={moment(last, zone)}>The last event came {ago(last, zone)}.</span> : <>No event came yet.</>;
  if (t.received === 0) {
    return (
      <div className={css.verdict} data-tone="plain">
        <IconAlertTriangle aria-hidden />
        <div>
          <strong>Nothing arrived</strong>
          <p>
            {since} {!last && (may(me.data, 'admin') ? 'Settings shows what to put into your pages.' : 'An admin of the workspace finds in the settings what to put into its pages.')}
          </p>
        </div>
      </div>
    );
  }
  const diverging = (health.schema.properties ?? []).filter((p) => p.diverges).length;
  if (lost === 0 && t.conflicts === 0 && diverging === 0) {
    return (
      <div className={css.verdict} data-tone="good">
        <IconShieldCheck aria-hidden />
        <div>
          <strong>All well: every event was taken</strong>
          <p>
            {exact(t.received)} arrived, none was refused or unreadable{t.pending > 0 && `, ${exact(t.pending)} ${plural(t.pending, 'is on its way', 'are on their way')}`}. {since}
          </p>
        </div>
      </div>
    );
  }
  return (
    <div className={css.verdict} data-tone={lost > 0 ? 'bad' : 'plain'}>
      <IconAlertTriangle aria-hidden />
      <div>
        <strong>{lost > 0 ? `${percent(lost / t.received)} of events were lost` : 'Every event was taken, but look at this'}</strong>
        <p>
          {lost > 0 && `${exact(lost)} of ${exact(t.received)} ${plural(lost, 'was', 'were')} not stored; the reasons are below. `}
          {t.conflicts > 0 && `${exact(t.conflicts)} came with an event id that another event had: the first one stays. `}
          {diverging > 0 && `Values of ${counted(diverging, 'property', 'properties')} do not go together. `}
          {since}
        </p>
      </div>
    </div>
  );
}

/** received = stored + …, with its numbers: whole, so that who adds them up comes to the same. */
function Equation({ health }: { health: Health }) {
  const t = health.totals;
  const fine = addsUp(t) && (health.hours ?? []).every(addsUp);
  return (
    <div className={css.equation}>
      <dl className={css.terms}>
        <div>
          <dt>Received</dt>
          <dd className="num">{exact(t.received)}</dd>
        </div>
        {shownOf(t).map((o, i) => (
          <Fragment key={o.id}>
            <span aria-hidden className={css.sign}>
              {i === 0 ? '=' : '+'}
            </span>
            <div title={o.means}>
              <dt>
                <i style={{ background: `var(--${o.color})` }} aria-hidden />
                {o.name}
              </dt>
              <dd className="num">{exact(t[o.id])}</dd>
            </div>
          </Fragment>
        ))}
      </dl>
      <p className={css.sum} data-fine={fine}>
        {fine ? <IconCheck size={16} aria-hidden /> : <IconAlertTriangle size={16} aria-hidden />}
        {fine ? (t.received > 0 ? 'It adds up, in every hour: no event went missing inside.' : 'There is nothing to add up.') : 'It does not add up: tell the operator, this is a fault of weir.'}
      </p>
    </div>
  );
}

/** What names no site of the tenant: nobody can say that it was meant for this one. */
function Siteless({ health, zone, open, onOpen }: { health: Health; zone: string; open: string; onOpen: (code: string) => void }) {
  const t = health.tenant;
  if (!t || (t.rejected ?? []).length === 0) return null;
  return (
    <section className={css.siteless} aria-label="Events without a site">
      <h3>
        Without a site <span className="num">{compact(t.totals.rejected)}</span>
      </h3>
      <p className={css.small}>Sent with a key of this tenant and no site that it has. Which one was meant cannot be told.</p>
      <Rejected list={t.rejected ?? []} of={0} zone={zone} open={open.startsWith('none:') ? open.slice(5) : ''} onOpen={(code) => onOpen(code && `none:${code}`)} />
    </section>
  );
}

function Late({ health }: { health: Health }) {
  const l = health.late;
  const rows: [string, number][] = [
    ['5 minutes to an hour', l.minutes],
    ['An hour to two days', l.hours],
    ['More than two days', l.days],
  ];
  const most = Math.max(...rows.map(([, n]) => n), 1);
  return (
    <Card title="Late events" aside={<span className="num">{compact(l.events)}</span>}>
      {l.events === 0 ? (
        <p className={css.nothing}>No event came more than 5 minutes after its time.</p>
      ) : (
        <>
          <ul className={css.delays}>
            {rows.map(([name, n]) => (
              <li key={name}>
                <span>{name}</span>
                <span className="num" title={exact(n)}>
                  {compact(n)}
                </span>
                <i aria-hidden data-none={n === 0 || undefined} style={{ width: `${(100 * n) / most}%` }} />
              </li>
            ))}
          </ul>
          <p className={css.small}>
            {percent(l.events / Math.max(1, health.totals.stored + health.totals.pending))} of what was stored. They are in reports under their own time, and change what was shown of it.
            {l.waiting > 0 && ` ${exact(l.waiting)} ${plural(l.waiting, 'is', 'are')} not visible yet.`}
          </p>
        </>
      )}
    </Card>
  );
}
