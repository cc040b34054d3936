import { TextInput } from '@mantine/core';
import { IconChevronRight, IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { useSQLSchema } from '../../api/sql';
import { Answer } from '../../parts/Answer';
import { plainType } from './columns';
import { quoted } from './complete';
import css from './Sql.module.css';

/** What can be read: relations with their columns. A click writes the name into the statement. */
export function Schema({ onPick }: { onPick: (text: string) => void }) {
  const schema = useSQLSchema();
  const [sought, seek] = useState('');
  const has = (s: string) => s.toLowerCase().includes(sought.trim().toLowerCase());
  return (
    <div className={css.schema}>
      <TextInput size="xs" aria-label="Search relations and columns" placeholder="Search columns" leftSection={<IconSearch size={14} stroke={1.6} aria-hidden />} value={sought} onChange={(e) => seek(e.currentTarget.value)} />
      <Answer query={schema} height={160}>
        {({ relations }) => {
          const shown = relations.map((r) => ({ ...r, columns: has(r.name) ? r.columns : r.columns.filter((c) => has(c.name)) })).filter((r) => r.columns.length > 0);
          if (shown.length === 0) return <p className={css.none}>Nothing is called that</p>;
          return shown.map((r) => (
            <details key={r.name} open={sought !== '' || r.name === 'events'}>
              <summary>
                <IconChevronRight size={14} stroke={1.8} aria-hidden />
                <span className="mono cut">{r.name}</span>
                <small>{r.columns.length}</small>
              </summary>
              <ul>
                {r.columns.map((c) => (
                  <li key={c.name}>
                    <button type="button" onClick={() => onPick(quoted(c.name))} title={`${c.name}: ${c.type}`}>
                      <span className="mono cut">{c.name}</span>
                      <small className="cut">{plainType(c.type)}</small>
                    </button>
                  </li>
                ))}
              </ul>
            </details>
          ));
        }}
      </Answer>
    </div>
  );
}
