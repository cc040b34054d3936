import { useSite } from '../api/site';
import { ago, moment } from '../format/time';
import css from './Freshness.module.css';

/**
 * Up to when an answer is whole. `open` says that the range ends now: then what is after complete_until can still change, and the mark says so. `children`
 * are further sentences.
 */
export function Freshness({ answer, open, children }: { answer: { as_of: string; complete_until: string }; open: boolean; children?: React.ReactNode }) {
  const { zone } = useSite();
  return (
    <p className={css.fresh}>
      {open && (
        <span className={css.mark} title={`What happened after ${moment(answer.complete_until, zone)} may still change`}>
          Still coming in
        </span>
      )}
      Counts everything received up to {moment(answer.as_of, zone)} ({ago(answer.as_of, zone)}). Final before {moment(answer.complete_until, zone)}
      {open ? '; later events may still change what is after it' : ''}. Times are those of {zone}. {children}
    </p>
  );
}
