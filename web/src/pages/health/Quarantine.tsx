import { Button } from '@mantine/core';
import { useState } from 'react';
import { useQuarantine, useQuarantineChange, type Poison } from '../../api/health';
import { asProblem } from '../../api/problem';
import { bytes, counted, plural } from '../../format/numbers';
import { ago, moment } from '../../format/time';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Confirm } from '../../parts/Confirm';
import css from './DataHealth.module.css';

/** Records that cannot be decoded, with replay. */
export function Quarantine({ zone }: { zone: string }) {
  const records = useQuarantine(true);
  const change = useQuarantineChange();
  const [discard, setDiscard] = useState<Poison>();
  const [done, setDone] = useState('');
  const replay = (id: string) => {
    setDone('');
    change.mutate({ id, discard: false }, { onSuccess: (n) => setDone(`${counted(n, 'event')} of record ${id} ${plural(n, 'is', 'are')} processed again.`) });
  };
  return (
    <Answer query={records} height={96} empty={(d) => d.length === 0 && 'Nothing is in quarantine: every record of the log could be read.'}>
      {(list) => (
        <>
          {change.isError && <ProblemNotice error={asProblem(change.error)} />}
          <p role="status" className={done ? css.done : undefined}>
            {done}
          </p>
          <ul className={css.records}>
            {list.map((q) => (
              <li key={q.id}>
                <div>
                  <b>{q.reason}</b>
                  <span className={css.small} title={moment(q.at, zone)}>
                    Record <span className="mono">{q.id}</span> · {bytes(q.bytes)} · {ago(q.at, zone)}
                  </span>
                </div>
                <div className={css.actions}>
                  <Button size="compact-sm" variant="light" loading={change.isPending && change.variables.id === q.id} onClick={() => replay(q.id)} aria-label={`Replay record ${q.id}`}>
                    Replay
                  </Button>
                  <Button size="compact-sm" variant="default" onClick={() => setDiscard(q)} aria-label={`Discard record ${q.id}`}>
                    Discard
                  </Button>
                </div>
              </li>
            ))}
          </ul>
          {discard && (
            <Confirm title="Discard a record" what={discard.id} action="Discard" onClose={() => setDiscard(undefined)} onConfirm={() => change.mutateAsync({ id: discard.id, discard: true })}>
              Its events are lost for good, and a later version of weir that could read them has nothing to read.
            </Confirm>
          )}
        </>
      )}
    </Answer>
  );
}
