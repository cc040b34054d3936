import type { ReactNode } from 'react';
import css from './DataTable.module.css';
import { Scroll } from './Scroll';

/** A column: `what` says in a tooltip what it has; `right` for numbers; `wide` gets the room that is left; `spare` is left out in narrow windows. */
export type DataColumn<T> = { head: string; what?: string; cell: (row: T) => ReactNode; right?: boolean; wide?: boolean; quiet?: boolean; spare?: boolean };

/**
 * A table of a few dozen rows. In narrow windows it scrolls by itself; with `cards` each row is a card there instead: the first
 * column its title, a column without a head its corner, the others lines below.
 */
export function DataTable<T>({ label, columns, rows, id, foot, cards }: { label: string; columns: DataColumn<T>[]; rows: T[]; id: (row: T) => string; foot?: ReactNode[]; cards?: boolean }) {
  return (
    <Scroll label={label} className={css.scroll}>
      <table className={css.table} data-cards={cards || undefined}>
        <thead>
          <tr>
            {columns.map((c, i) => (
              // columns have no ids, and their heads may be empty
              // oxlint-disable-next-line react/no-array-index-key
              <th key={i} scope="col" title={c.what} data-right={c.right || undefined} data-wide={c.wide || undefined} data-spare={c.spare || undefined}>
                {c.head || <span className="hidden">Actions</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={id(r)}>
              {columns.map((c, i) => (
                // oxlint-disable-next-line react/no-array-index-key
                <td key={i} className={c.right ? 'num' : undefined} data-head={(i > 0 && c.head) || undefined} data-wide={c.wide || undefined} data-quiet={c.quiet || undefined} data-spare={c.spare || undefined}>
                  {c.cell(r)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {foot && (
          <tfoot>
            <tr>
              {foot.map((f, i) => (
                // oxlint-disable-next-line react/no-array-index-key
                <td key={i} className={columns[i]?.right ? 'num' : undefined} data-spare={columns[i]?.spare || undefined}>
                  {f}
                </td>
              ))}
            </tr>
          </tfoot>
        )}
      </table>
    </Scroll>
  );
}
