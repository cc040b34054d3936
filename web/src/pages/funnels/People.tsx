import { Button, Drawer, TextInput } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useSearch } from 'wouter';
import { useFunnelPeople, type FunnelQuestion } from '../../api/funnel';
import { useSaveCohort } from '../../api/saved';
import { may, useMe } from '../../api/session';
import { useSite } from '../../api/site';
import { ago, moment } from '../../format/time';
import { visible } from '../../format/visible';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Tabs } from '../../parts/Card';
import { useFocusBack } from '../../parts/focus';
import { carried } from '../../state/url';
import css from './People.module.css';
import { visitorPart } from '../sessions/visitor';

/** Who came to a step, or left before it; each leads to what the person did. */
export function People({ question, step, dropped, names, onChange, onClose }: { question: FunnelQuestion; step: number; dropped: boolean; names: string[]; onChange: (step: number, dropped: boolean) => void; onClose: () => void }) {
  useFocusBack();
  return (
    <Drawer opened onClose={onClose} position="right" size={440} title={`Step ${step}: ${names[step - 1] ?? ''}`} closeButtonProps={{ 'aria-label': 'Close' }} classNames={{ title: css.title, header: css.header }}>
      {step > 1 && (
        <div className={css.tabs}>
          <Tabs
            label="People"
            value={dropped ? 'dropped' : 'reached'}
            onChange={(v) => onChange(step, v === 'dropped')}
            tabs={[
              ['reached', 'Came here'],
              ['dropped', 'Left before'],
            ]}
          />
        </div>
      )}
      <PeopleList key={`${step} ${dropped}`} question={question} step={step} dropped={dropped} />
      {!dropped && <SaveCohort question={question} step={step} name={names[step - 1] ?? ''} />}
    </Drawer>
  );
}

function PeopleList({ question, step, dropped }: { question: FunnelQuestion; step: number; dropped: boolean }) {
  const { id, zone } = useSite();
  const query = carried(useSearch());
  const people = useFunnelPeople(question, step, dropped);
  const list = people.data?.pages.flatMap((p) => p.people ?? []);
  return (
    <Answer query={{ ...people, isPlaceholderData: false, data: list }} height={320} empty={(l) => l.length === 0 && (dropped ? 'Nobody left before this step.' : 'Nobody came here.')}>
      {(l) => (
        <>
          <ul className={css.list}>
            {l.map((p) => (
              <li key={p.person}>
                <Link className={css.person} href={`/sites/${encodeURIComponent(id)}/sessions/visitors/${visitorPart(p.client_ids?.[0] ?? p.person)}${query}`}>
                  <span className={css.who}>
                    <span className="mono cut">{visible(p.person)}</span>
                    <small title={moment(p.reached_at, zone)}>
                      {dropped ? 'Last step' : 'Came'} {ago(p.reached_at, zone)}
                      {(p.client_ids ?? []).length > 1 && ` · ${(p.client_ids ?? []).length} browsers`}
                    </small>
                  </span>
                  <IconChevronRight size={16} stroke={1.6} aria-hidden />
                </Link>
              </li>
            ))}
          </ul>
          {people.hasNextPage && (
            <Button variant="default" fullWidth loading={people.isFetchingNextPage} onClick={() => void people.fetchNextPage()}>
              More
            </Button>
          )}
        </>
      )}
    </Answer>
  );
}

/** Saves who came to a step as a cohort, by which everything can be filtered. */
function SaveCohort({ question, step, name }: { question: FunnelQuestion; step: number; name: string }) {
  const me = useMe();
  const save = useSaveCohort();
  const [text, setText] = useState(`Came to ${name}`.slice(0, 80));
  if (!may(me.data, 'analyst')) return null;
  if (save.isSuccess)
    return (
      <p className={css.saved} role="status">
        Saved as the cohort “{save.variables.name}”. Any page can be filtered by it.
      </p>
    );
  return (
    <form
      className={css.save}
      onSubmit={(e) => {
        e.preventDefault();
        if (text.trim()) save.mutate({ name: text.trim(), question: { funnel: question, step } });
      }}
    >
      <TextInput label="Save these people as a cohort" maxLength={80} value={text} onChange={(e) => setText(e.currentTarget.value)} />
      <Button type="submit" variant="light" loading={save.isPending} disabled={!text.trim()}>
        Save the cohort
      </Button>
      {save.error && <ProblemNotice error={save.error} />}
    </form>
  );
}
