import type { ReactNode } from 'react';
import { show, type Kind } from '../format/numbers';
import css from './BarList.module.css';

/** `title` is what a tooltip says in place of the label. */
export type Bar = { key: string; label: string; title?: string; value: number; icon?: ReactNode };

/** A list of the largest values with bars behind their names. With `onPick` a click picks one; those that are `picked` are marked. With `fit` rows are a little lower where all have room in the height of what it is in. */
export function BarList({ bars, kind = 'count', head, unit, picked, fit, onPick }: { bars: Bar[]; kind?: Kind; head: string; unit: string; picked?: (key: string) => boolean; fit?: boolean; onPick?: (key: string) => void }) {
  const most = Math.max(...bars.map((b) => b.value), 0);
  return (
    <div className={css.list} data-fit={fit}>
      <div className={css.head}>
        <span>{head}</span>
        <span className="num">{unit}</span>
      </div>
      <ul>
        {bars.map((b) => (
          <li key={b.key}>
            {onPick ? (
              <button type="button" className={css.row} aria-pressed={picked?.(b.key)} title={titleOf(b, kind)} onClick={() => onPick(b.key)}>
                <Content bar={b} most={most} kind={kind} />
              </button>
            ) : (
              <div className={css.row} title={titleOf(b, kind)} data-still>
                <Content bar={b} most={most} kind={kind} />
              </div>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

const titleOf = (b: Bar, kind: Kind) => `${b.title ?? b.label}: ${show(b.value, kind, true)}`;

function Content({ bar: b, most, kind }: { bar: Bar; most: number; kind: Kind }) {
  return (
    <>
      <span className={css.bar} style={{ width: `${most > 0 ? (100 * b.value) / most : 0}%` }} aria-hidden />
      <span className={css.label}>
        {b.icon}
        <span className="cut">{b.label}</span>
      </span>
      <span className={`num ${css.value}`}>{show(b.value, kind)}</span>
    </>
  );
}
