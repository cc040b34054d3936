import { Long } from './Long';
import css from './Hint.module.css';

/** The height in pixels of a hint. */
export const hintHeight = 22;

/** One quiet line beside an answer; where it is long it is cut, and shown whole when it is pressed. `label` says what it is. */
export function Hint({ text, label }: { text: string; label: string }) {
  return (
    <p className={css.hint}>
      <Long text={text} label={label} />
    </p>
  );
}
