import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { Result } from '../../api/sql';
import { Long } from '../../parts/Long';
import { cell, notFinite, sortOf, wholeValue } from '../../format/value';
import { compare, widths } from './columns';
import css from './Sql.module.css';

const rowHeight = 30;
const overscan = 12;
const tallest = 560;

/** The rows of a result. Only those in sight are in the page, so that a hundred thousand scroll like ten. A click on a name sorts what is there. */
export function ResultTable({ result }: { result: Result }) {
  const { columns, rows } = result;
  const [top, setTop] = useState(0);
  const [sort, setSort] = useState<{ column: number; down: boolean }>();
  const kinds = useMemo(() => columns.map(sortOf), [columns]);
  const wide = useMemo(() => widths(columns, rows), [columns, rows]);
  const sorted = useMemo(() => (sort && sort.column < columns.length ? [...rows].sort((a, b) => compare(a[sort.column], b[sort.column], kinds[sort.column]!, sort.down)) : rows), [rows, sort, kinds, columns.length]);
  const first = Math.max(0, Math.floor(top / rowHeight) - overscan);
  const last = Math.min(sorted.length, Math.ceil((top + tallest) / rowHeight) + overscan);
  const numbers = `${String(rows.length).length}ch + 18px`; // their padding and the line beside them
  const width = (w: number) => `min(${w}ch + 20px, 66vw)`;
  return (
    // what scrolls must be reached by the keyboard
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.table} style={{ maxHeight: tallest }} onScroll={(e) => setTop(e.currentTarget.scrollTop)} tabIndex={0} role="region" aria-label="Rows of the result">
      <table aria-rowcount={rows.length + 1} style={{ minWidth: '100%', width: `calc(${[numbers, ...wide.map(width)].join(' + ')})` }}>
        <colgroup>
          <col style={{ width: `calc(${numbers})` }} />
          {wide.map((w, i) => (
            <col key={columns[i]!.name} style={{ width: width(w) }} />
          ))}
          <col />
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" className={css.rowNumber}>
              <span className="hidden">Row</span>
            </th>
            {columns.map((c, i) => {
              const down = sort?.column === i ? sort.down : undefined;
              return (
                <th key={c.name} scope="col" aria-sort={down === undefined ? undefined : down ? 'descending' : 'ascending'} data-right={kinds[i] === 'number' || undefined}>
                  <button type="button" title={`${c.name}: ${c.type}`} onClick={() => setSort(down === undefined ? { column: i, down: kinds[i] === 'number' } : down === (kinds[i] === 'number') ? { column: i, down: !down } : undefined)}>
                    <span className="cut">{c.name}</span>
                    {down !== undefined && (down ? <IconArrowDown size={13} aria-hidden /> : <IconArrowUp size={13} aria-hidden />)}
                  </button>
                </th>
              );
            })}
            <th aria-hidden />
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr style={{ height: first * rowHeight }} aria-hidden />}
          {sorted.slice(first, last).map((r, k) => (
            // rows have no ids; their place is what they are
            // oxlint-disable-next-line react/no-array-index-key
            <tr key={first + k} aria-rowindex={first + k + 2} style={{ height: rowHeight }}>
              <td className={css.rowNumber}>{first + k + 1}</td>
              {columns.map((c, i) => {
                const v = r[i];
                const text = cell(v, c);
                return (
                  <td key={c.name} data-kind={v === null && !notFinite(v, c) ? 'null' : kinds[i]}>
                    {v === '' ? <span className={css.nothing}>empty</span> : <Long text={text} whole={wholeValue(v, c)} label={c.name} />}
                  </td>
                );
              })}
              <td aria-hidden />
            </tr>
          ))}
          {last < sorted.length && <tr style={{ height: (sorted.length - last) * rowHeight }} aria-hidden />}
        </tbody>
      </table>
    </div>
  );
}
