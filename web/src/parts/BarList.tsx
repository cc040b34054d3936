import type { ReactNode } from 'react';
import { percent, show, type Kind } from '../format/numbers';
import css from './BarList.module.css';

export type Bar = { key: string; label: ReactNode; title?: string; value: number; before?: number; icon?: ReactNode };

/**
 * A list of the largest values with bars behind their names. A click picks one; those that are picked are marked. `total` makes shares of the values, which
 * are shown on hover and to screen readers.
 */
export function BarList({ bars, kind = 'count', head, unit, total, picked, onPick }: { bars: Bar[]; kind?: Kind; head: string; unit: string; total?: number; picked?: (key: string) => boolean; onPick?: (key: string) => void }) {
  const most = Math.max(...bars.map((b) => b.value), 0);
  return (
    <div className={css.list}>
      <div className={css.head}>
        <span>{head}</span>
        <span className="num">{unit}</span>
      </div>
      <ul>
        {bars.map((b) => {
          const body = (
            <>
              <span className={css.bar} style={{ width: `${most > 0 ? (100 * b.value) / most : 0}%` }} aria-hidden />
              <span className={css.label}>
                {b.icon}
                <span className="cut">{b.label}</span>
              </span>
              {total !== undefined && total > 0 && <span className={`num ${css.share}`}>{percent(b.value / total, 0)}</span>}
              <span className={`num ${css.value}`}>{show(b.value, kind)}</span>
            </>
          );
          const title = `${b.title ?? (typeof b.label === 'string' ? b.label : b.key)}: ${show(b.value, kind, true)}`;
          return (
            <li key={b.key}>
              {onPick ? (
                <button type="button" className={css.row} aria-pressed={picked?.(b.key) ?? false} title={title} onClick={() => onPick(b.key)}>
                  {body}
                </button>
              ) : (
                <div className={css.row} title={title}>
                  {body}
                </div>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
