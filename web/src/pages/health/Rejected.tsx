import { IconChevronRight } from '@tabler/icons-react';
import type { Rejection } from '../../api/health';
import { compact, exact, percent } from '../../format/numbers';
import { ago, moment } from '../../format/time';
import css from './DataHealth.module.css';
import { titleOf } from './outcomes';

/** What tells a reason from others in the address: the code, and the door where it is known. */
const idOf = (r: Rejection) => (r.door ? `${r.code}@${r.door}` : r.code);

/** Rejected events by reason and door. A reason opens to what to do and an outline of the latest event. */
export function Rejected({ list, of, zone, open, onOpen }: { list: Rejection[]; of: number; zone: string; open: string; onOpen: (reason: string) => void }) {
  return (
    <ul className={css.reasons}>
      {list.map((r) => (
        <li key={idOf(r)}>
          <button type="button" className={css.reason} aria-expanded={open === idOf(r)} onClick={() => onOpen(open === idOf(r) ? '' : idOf(r))}>
            <IconChevronRight size={16} aria-hidden className={css.turn} />
            <span className={css.reasonName}>
              <b>{titleOf(r.code)}</b>
              <span className="mono">{r.code}</span>
              {r.door && <span>by {r.door}</span>}
            </span>
            <span className={`num ${css.share}`}>{of > 0 && percent(r.count / of)}</span>
            <span className="num" title={exact(r.count)}>
              {compact(r.count)}
            </span>
            <span className={`num ${css.when}`} title={r.last_at && moment(r.last_at, zone)}>
              {r.last_at ? ago(r.last_at, zone) : '–'}
            </span>
          </button>
          {open === idOf(r) && (
            <div className={css.detail}>
              {r.masked ? (
                <p>The field is masked for your role: ask an admin of the tenant for the message and an example.</p>
              ) : (
                <>
                  <p>
                    <strong>What to do: </strong>
                    {r.message || 'Nothing more is known of it.'}
                  </p>
                  <dl className={css.facts}>
                    {r.field && (
                      <>
                        <dt>Field</dt>
                        <dd className="mono">{r.field}</dd>
                      </>
                    )}
                    {r.door && (
                      <>
                        <dt>Came by</dt>
                        <dd className="mono">{r.door}</dd>
                      </>
                    )}
                    {r.last_at && (
                      <>
                        <dt>Last</dt>
                        <dd>{moment(r.last_at, zone)}</dd>
                      </>
                    )}
                  </dl>
                  {r.example && (
                    <figure className={css.example}>
                      <figcaption>The latest one, without values</figcaption>
                      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */}
                      <pre tabIndex={0} aria-label={`Outline of an event: ${titleOf(r.code)}`}>{indent(r.example)}</pre>
                    </figure>
                  )}
                </>
              )}
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

/** An outline with a line for each member, if it is JSON. */
function indent(example: string): string {
  try {
    return JSON.stringify(JSON.parse(example), null, 2);
  } catch {
    return example;
  }
}
