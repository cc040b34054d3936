import { ActionIcon } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useForgetting, type Seen } from '../../api/health';
import { dayFull, moment } from '../../format/time';
import { Confirm } from '../../parts/Confirm';
import { withBlanks } from '../../format/names';
import { Long } from '../../parts/Long';
import { Scroll } from '../../parts/Scroll';
import css from './DataHealth.module.css';

const kinds: Record<string, string> = { bool: 'true or false', int: 'whole number', float: 'number', string: 'text' };

/** The properties that a site sent; those whose values do not go together first. An admin can take one out. */
export function SchemaSeen({ list, zone, admin }: { list: Seen[]; zone: string; admin: boolean }) {
  const forgetting = useForgetting();
  const [going, ask] = useState<string>();
  const [done, setDone] = useState('');
  const sorted = list.toSorted((a, b) => Number(b.diverges ?? false) - Number(a.diverges ?? false) || a.name.localeCompare(b.name));
  return (
    <>
      <p role="status" className={done ? css.done : css.silent}>
        {done}
      </p>
      <Scroll label="Properties of events" className={css.scroll}>
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
              {admin && (
                <th scope="col">
                  <span className="hidden">Remove</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {sorted.map((q) => (
              <tr key={q.name}>
                <th scope="row" className="mono">
                  <Long text={withBlanks(q.name)} whole={q.name} label="Property" most={28} />
                </th>
                <td data-head="Read as">{kinds[q.kind] ?? q.kind}</td>
                <td data-head="Values">
                  {q.masked ? <span className={css.small}>masked for your role</span> : q.kinds?.map((k) => kinds[k] ?? k).join(', ') || 'only null'}
                  {q.diverges && <span className={css.mark}>Diverges</span>}
                </td>
                <td className="num" data-head="First seen" title={q.first_seen && moment(q.first_seen, zone)}>
                  {q.first_seen ? dayFull(q.first_seen, zone) : '–'}
                </td>
                <td className="num" data-head="Last seen">{q.last_seen ? dayFull(q.last_seen.slice(0, 10), zone) : '–'}</td>
                {admin && (
                  <td className={css.remove}>
                    <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${q.name}`} title="Remove" onClick={() => ask(q.name)}>
                      <IconTrash size={16} stroke={1.6} aria-hidden />
                    </ActionIcon>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {going !== undefined && (
        <Confirm
          title="Remove a property"
          what={going}
          action="Remove"
          onClose={() => ask(undefined)}
          onConfirm={async () => {
            await forgetting.mutateAsync({ name: [going] });
            setDone(`${going} was removed.`);
          }}
        >
          <p className={css.ask}>
            The column <b className={css.names}>{going}</b> goes from SQL, for all sites of the tenant. Events stay as they are, and <code className={css.names}>{`props['${going.replaceAll(/['\\]/g, '\\$&')}']`}</code> still reads them.
          </p>
          <p className={css.ask}>When it is sent again it comes back, of the kind of the values that come then: so a number that one text turned into text can be mended. Older values that are not of that kind are NULL in the column.</p>
        </Confirm>
      )}
    </>
  );
}
