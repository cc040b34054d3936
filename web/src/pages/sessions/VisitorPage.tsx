import { Button } from '@mantine/core';
import { Link } from 'wouter';
import { asProblem } from '../../api/problem';
import { may, useMe } from '../../api/session';
import { useChangeMerge, usePerson, useVisitor, type Merge, type Person } from '../../api/sessions';
import { useSite } from '../../api/site';
import { exact } from '../../format/numbers';
import { ago, dayFull, moment } from '../../format/time';
import { visible } from '../../format/visible';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Freshness } from '../../parts/Freshness';
import { useTitle } from '../../state/title';
import { Facts, Properties } from './Facts';
import { Back, useAddress } from './names';
import css from './Sessions.module.css';
import { SessionTable } from './SessionTable';

/** What is known of a visitor: sessions, traits, and which ids are the same person. */
export function VisitorPage({ visitor }: { visitor: string }) {
  const { zone } = useSite();
  useTitle(`Visitor ${visible(visitor)}`);
  const found = useVisitor(visitor);
  const person = usePerson(found.data?.person ?? visitor);
  if (found.data === undefined && found.error && asProblem(found.error).status === 404 && person.data)
    return (
      <div className={css.page}>
        <Back />
        <Card title="Ids of this person">
          <p className={css.none}>{visitor} was only seen together with the id of a browser. Open one of those.</p>
          <Ids person={person.data} visitor={visitor} />
        </Card>
      </div>
    );
  return (
    <div className={css.page}>
      <Back />
      <Answer query={found} height={420}>
        {(v) => {
          const sessions = v.sessions ?? [];
          const traits = Object.entries(v.traits ?? {});
          return (
            <div className={css.page}>
              <Card>
                <div className={css.title}>
                  <h2 className="mono">{visible(visitor)}</h2>
                  {v.person !== visitor && <span className={css.tag}>{visible(v.person)}</span>}
                </div>
                <Facts
                  facts={[
                    ['First seen', <span key="f" title={moment(v.first_seen, zone)}>{dayFull(v.first_seen, zone)}</span>],
                    ['Last seen', <span key="l" title={moment(v.last_seen, zone)}>{lastSeen(v.last_seen, zone)}</span>],
                    ['Sessions', sessions.length === 100 ? 'the last 100' : exact(sessions.length)],
                  ]}
                />
              </Card>
              <div className={css.pair}>
                <Card title="Traits">
                  {traits.length > 0 ? <Properties of={traits} /> : <p className={css.none}>Nobody has told who this is. An identify event with properties does.</p>}
                </Card>
                <Card title="Ids of this person">
                  <Answer query={person} height={80}>
                    {(p) => <Ids person={p} visitor={visitor} />}
                  </Answer>
                </Card>
              </div>
              <Card title="Sessions" className={css.flush}>
                {sessions.length > 0 ? <SessionTable sessions={sessions} /> : <p className={css.none}>No session.</p>}
              </Card>
              <Freshness answer={v} open />
            </div>
          );
        }}
      </Answer>
    </div>
  );
}

/** When somebody was seen last; a day is written as that of the first time is. */
const lastSeen = (t: string, zone: string) => (Date.now() - Date.parse(t) < 86_400_000 ? ago(t, zone) : dayFull(t, zone));

/** The ids that are one person, and the events that join them; analysts may undo a merge. */
function Ids({ person, visitor }: { person: Person; visitor: string }) {
  const address = useAddress();
  const ids = person.ids ?? [];
  const merges = person.merges ?? [];
  return (
    <>
      <ul className={css.ids}>
        {ids.map((id) => (
          <li key={id}>
            {id === visitor ? <b className="mono cut">{visible(id)}</b> : <Link className="mono cut" href={address.visitor(id)}>{visible(id)}</Link>}
            {id === person.person && ids.length > 1 && <small>stands for all</small>}
          </li>
        ))}
      </ul>
      {merges.length > 0 && (
        <>
          <h3 className={css.sub}>Joined by</h3>
          <ul className={css.merges}>
            {merges.map((m) => (
              <MergeRow key={m.id} merge={m} joins={ids.includes(fromOf(m)) && ids.includes(m.user_id)} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

const fromOf = (m: Merge) => (m.kind === 'alias' ? m.previous_id : m.client_id) ?? '';

/** A merge; it joins nothing where an earlier one has its first id. */
function MergeRow({ merge: m, joins }: { merge: Merge; joins: boolean }) {
  const { zone } = useSite();
  const me = useMe();
  const change = useChangeMerge();
  const from = fromOf(m);
  return (
    <li data-undone={m.undone || undefined}>
      <div className={css.merge}>
        <span className={css.way}>
          <span className="mono cut">{visible(from)}</span> <span aria-hidden>→</span> <span className="mono cut">{visible(m.user_id)}</span>
        </span>
        <small title={moment(m.at, zone)}>
          {m.kind === 'alias' ? 'Alias' : 'Identified'} {dayFull(m.at, zone)}
          {m.undone ? ', undone' : !joins && ', not in effect: an earlier one holds'}
        </small>
      </div>
      {may(me.data, 'analyst') && (
        <Button variant="default" loading={change.isPending} onClick={() => change.mutate(m)} aria-label={`${m.undone ? 'Restore' : 'Undo'} the merge of ${from} and ${m.user_id}`}>
          {m.undone ? 'Restore' : 'Undo'}
        </Button>
      )}
      {change.error && <ProblemNotice error={change.error} />}
    </li>
  );
}
