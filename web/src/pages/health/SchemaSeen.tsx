import type { Seen } from '../../api/health';
import { dayFull, moment } from '../../format/time';
import { Long } from '../../parts/Long';
import css from './DataHealth.module.css';

const kinds: Record<string, string> = { bool: 'true or false', int: 'whole number', float: 'number', string: 'text' };

/** The properties that a site sent; those whose values do not go together first. */
export function SchemaSeen({ list, zone }: { list: Seen[]; zone: string }) {
  const sorted = list.toSorted((a, b) => Number(b.diverges ?? false) - Number(a.diverges ?? false) || a.name.localeCompare(b.name));
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
    <div className={css.scroll} tabIndex={0} role="region" aria-label="Properties of events">
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Property</th>
            <th scope="col">Read as</th>
            <th scope="col">Values</th>
            <th scope="col" className="num">
              First seen
            </th>
            <th scope="col" className="num">
              Last seen
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((q) => (
            <tr key={q.name}>
              <th scope="row" className="mono">
                <Long text={q.name} label="Property" most={28} />
              </th>
              <td>{kinds[q.kind] ?? q.kind}</td>
              <td>
                {q.masked ? <span className={css.small}>masked for your role</span> : q.kinds?.map((k) => kinds[k] ?? k).join(', ') || 'only null'}
                {q.diverges && <span className={css.mark}>Diverges</span>}
              </td>
              <td className="num" title={q.first_seen && moment(q.first_seen, zone)}>
                {q.first_seen ? dayFull(q.first_seen, zone) : '–'}
              </td>
              <td className="num">{q.last_seen ? dayFull(q.last_seen.slice(0, 10), zone) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
