import { CopyButton } from './CopyButton';
import css from './Copy.module.css';

/** A text to be taken along: shown as it is, with a button that copies it. A click on the text selects it. */
export function Copy({ text, label }: { text: string; label: string }) {
  return (
    <div className={css.box}>
      <code className="mono" aria-label={label}>
        {text}
      </code>
      <CopyButton text={() => text} label="Copy" />
    </div>
  );
}
