import type { ReactNode } from 'react';
import { useSite } from '../api/site';
import { ago, moment } from '../format/time';
import css from './Freshness.module.css';

type Props = { answer?: { as_of: string; complete_until: string }; open: boolean; children?: ReactNode };

/**
 * Up to when an answer about the site is whole. `open` says that the range ends now: then what is after complete_until can still change, and the mark says so.
 * `children` are further sentences.
 */
export function Freshness(props: Props) {
  return <FreshnessIn zone={useSite().zone} {...props} />;
}

/** The same where there is no site, in a time zone. Without an answer it has only the further sentences. */
export function FreshnessIn({ zone, answer, open, children }: Props & { zone: string }) {
  return (
    <p className={css.fresh}>
      {answer && (
        <>
          {open && (
            <span className={css.mark} title={`What happened after ${moment(answer.complete_until, zone)} may still change`}>
              Still coming in
            </span>
          )}
          Counts everything received up to {moment(answer.as_of, zone)} ({ago(answer.as_of, zone)}). Final before {moment(answer.complete_until, zone)}
          {open ? '; later events may still change what is after it' : ''}.{' '}
        </>
      )}
      Times are those of {zone}. {children}
    </p>
  );
}
