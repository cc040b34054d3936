import { useId, useState } from 'react';
import { copy } from './copy';
import { visible } from '../format/visible';
import css from './Long.module.css';

const inTitle = 1000; // characters that a tooltip has at most

/**
 * A text that may be longer than its place, such as the cell of a table. Up to `most` characters it is as it is; a longer one is a button that is cut with an
 * ellipsis: pointed at, it tells its beginning; pressed, it shows all of it, to be read and copied. `label` says what it is; `whole` is what is shown and copied in place of the text; characters that cannot be seen are shown as such, and copied as they are. It is the browser's own popover,
 * which closes by Escape and gives the focus back, and needs no component library: panels that are embedded have it, too.
 */
export function Long({ text: sent, whole = sent, label, most = 30 }: { text: string; whole?: string; label: string; most?: number }) {
  const text = visible(sent, true);
  const id = useId();
  const [shown, show] = useState(false);
  const [copied, tell] = useState<boolean>();
  if (text.length <= most) return whole === sent ? text : <span title={visible(whole, true)}>{text}</span>;
  return (
    <>
      <button type="button" className={css.cut} popoverTarget={id} aria-haspopup="dialog" title={visible(whole.length > inTitle ? `${whole.slice(0, inTitle)}…` : whole, true)}>
        {text.length > 300 ? `${text.slice(0, 300)}…` : text}
      </button>
      <div
        id={id}
        popover="auto"
        role="dialog"
        aria-label={label}
        className={css.whole}
        onToggle={(e) => {
          show(e.newState === 'open');
          tell(undefined);
        }}
      >
        {shown && (
          <>
            <header>
              <strong className="cut">{label}</strong>
              <button type="button" onClick={() => void copy(whole).then(tell)}>
                <span aria-live="polite">{copied === undefined ? 'Copy' : copied ? 'Copied' : 'Not copied: select it by hand'}</span>
              </button>
              <button type="button" popoverTarget={id} popoverTargetAction="hide">
                Close
              </button>
            </header>
            {/* what scrolls must be reached by the keyboard, and what was asked for has the focus */}
            {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
            <pre tabIndex={0} ref={(el) => el?.focus()}>
              {visible(whole, true)}
            </pre>
          </>
        )}
      </div>
    </>
  );
}
