import { Button } from '@mantine/core';
import { useState } from 'react';
import { useForgetting, type Health } from '../../api/health';
import { counted, exact, plural } from '../../format/numbers';
import { dayFull } from '../../format/time';
import { Confirm } from '../../parts/Confirm';
import css from './DataHealth.module.css';

/** Some names that had no place. */
export function Names({ list }: { list?: string[] | null }) {
  if (!list?.length) return null;
  return (
    <>
      {' '}
      Such as <span className={css.names}>{list.join(', ')}</span>.
    </>
  );
}

/** What had no place of names that only senders without a key have sent, and the way to make room. */
export function PublicNames({ schema, zone, admin }: { schema: Health['schema']; zone: string; admin: boolean }) {
  const p = schema.public_names;
  const forgetting = useForgetting();
  const [asks, ask] = useState(false);
  const [done, setDone] = useState('');
  return (
    <>
      {p.values > 0 && (
        <div className={css.barred}>
          <p className={css.warn}>
            {counted(p.values, 'value', 'values')} that came without a key {plural(p.values, 'has a name', 'have names')} for which there was no place{p.last_at && `, the latest on ${dayFull(p.last_at.slice(0, 10), zone)}`}.
            <Names list={p.examples} />
          </p>
          <p className={css.small}>
            Whoever knows a public site id can send names. So {exact(p.hour_limit)} new ones of a site get a place each hour, {exact(p.limit)} in all, and they make room for names that come with a key. {exact(p.names)} {plural(p.names, 'is', 'are')} there. What had no place is stored,
            and read as <code>props['name']</code>.
          </p>
          {admin && p.names > 0 && (
            <Button size="compact-sm" variant="default" onClick={() => ask(true)}>
              Remove all names that only came without a key
            </Button>
          )}
        </div>
      )}
      <p role="status" className={done ? css.done : css.silent}>
        {done}
      </p>
      {asks && (
        <Confirm
          title="Remove names"
          what="names that only came without a key"
          action={`Remove ${counted(p.names, 'name')}`}
          onClose={() => ask(false)}
          onConfirm={async () => {
            const n = await forgetting.mutateAsync({ public: true });
            setDone(`${counted(n, 'name')} ${plural(n, 'was', 'were')} removed.`);
          }}
        >
          All names of the tenant that no sender with a key has sent, of every site: their columns go from SQL. Events stay as they are, and <code>props['name']</code> still reads them. Names that your pages send come back with their next event.
        </Confirm>
      )}
    </>
  );
}
