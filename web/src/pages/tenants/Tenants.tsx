import { Button, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp, IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { useTenantsOverview, type Sort, type TenantRow } from '../../api/tenants';
import { money, precise } from '../../format/money';
import { bytes, compact, counted, exact, plural } from '../../format/numbers';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Scroll } from '../../parts/Scroll';
import { useChoice, useParam } from '../../state/url';
import { Tenant } from './Tenant';
import css from './Tenants.module.css';

type Write = { text: (amount: number) => string; exact: (amount: number) => string };
type Column = { sort: Sort; name: string; what?: string; text: (t: TenantRow, money: Write) => string; exact: (t: TenantRow, money: Write) => string };

const columns: Column[] = [
  { sort: 'events', name: 'Events today', text: (t) => compact(t.events_today), exact: (t) => exact(t.events_today) },
  { sort: 'rate', name: 'Events/s, last 1–2 hours', what: 'Events a second on average, over this hour so far and the whole hour before', text: (t) => compact(Number(t.events_per_second.toPrecision(2))), exact: (t) => `${counted(t.events_per_second, 'event')} a second on average, over this hour so far and the whole hour before` },
  { sort: 'rejected', name: 'Rejected', text: (t) => compact(t.rejected_today), exact: (t) => exact(t.rejected_today) },
  { sort: 'stored', name: 'Stored', text: (t) => bytes(t.stored_bytes), exact: (t) => counted(t.stored_bytes, 'byte') },
  { sort: 'amount', name: 'Cost today', text: (t, money) => money.text(t.amount_today), exact: (t, money) => money.exact(t.amount_today) },
];

const sorts: Record<Sort, string> = { id: 'by id', name: 'by name', created: 'by age', events: 'by events of today', rejected: 'by rejected events', rate: 'by events a second on average', stored: 'by what is stored', amount: 'by cost' };
const orders = { '': 'the usual order', asc: 'ascending', desc: 'descending' };

export const standings: Record<TenantRow['standing'], string> = { well: 'Well', limited: 'At a limit', throttled: 'Throttled', blocked: 'Blocked', suspended: 'Suspended' };

/** All tenants of the installation, for its operator; one of them when the address names it. */
export default function Tenants() {
  const [tenant, setTenant] = useParam('tenant');
  if (tenant) return <Tenant id={tenant} onBack={() => setTenant('')} />;
  return <List onOpen={setTenant} />;
}

function List({ onOpen }: { onOpen: (id: string) => void }) {
  const [search, setSearch] = useParam('search', '', true);
  const [sort, setSort] = useChoice('sort', sorts, 'events', true);
  const [order, setOrder] = useChoice('order', orders, '', true);
  const [typed, type] = useState(search);
  const seek = useDebouncedCallback(setSearch, 250);
  const query = useTenantsOverview(search, sort, order);
  const down = order ? order === 'desc' : sort !== 'name';
  const by = (next: Sort) => {
    if (next === sort) setOrder(down ? 'asc' : 'desc');
    else {
      setOrder('');
      setSort(next);
    }
  };
  return (
    <Card
      title="Tenants"
      aside={
        <TextInput
          size="xs"
          className={css.search}
          aria-label="Search tenants"
          placeholder="Id or name"
          leftSection={<IconSearch size={14} aria-hidden />}
          value={typed}
          onChange={(e) => {
            type(e.currentTarget.value);
            seek(e.currentTarget.value);
          }}
        />
      }
    >
      <Answer query={query} height={480} empty={(d) => d.pages[0]?.matching === 0 && (search ? `No tenant's id or name has “${search}”.` : 'There is no tenant yet: weir tenant create NAME makes one.')}>
        {(d) => {
          const first = d.pages[0];
          const rows = d.pages.flatMap((p) => p.tenants ?? []);
          const currency = first?.currency ?? '';
          const write = { text: money(currency, Math.max(0, ...rows.map((t) => t.amount_today))), exact: (n: number) => precise(n, currency) };
          return (
            <>
              {first && (
                <p className={css.sum}>
                  <b>{exact(first.matching)}</b> {plural(first.matching, 'tenant')} · <b title={exact(first.totals.events_today)}>{compact(first.totals.events_today)}</b> {plural(first.totals.events_today, 'event')} today · <b>{bytes(first.totals.stored_bytes)}</b> stored ·{' '}
                  <b title={precise(first.totals.amount_today, currency)}>{money(currency, first.totals.amount_today)(first.totals.amount_today)}</b>{' '}
                  today
                </p>
              )}
              <Scroll label="Tenants, a table" className={css.scroll}>
                <table className={css.table}>
                  <thead>
                    <tr>
                      <Head name="Tenant" sort="name" now={sort} down={down} onSort={by} />
                      {columns.map((c) => (
                        <Head key={c.sort} name={c.name} what={c.what} sort={c.sort} now={sort} down={down} onSort={by} num />
                      ))}
                      <th scope="col">Standing</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((t) => (
                      <tr key={t.id}>
                        <th scope="row">
                          <button type="button" className={css.name} title={t.name || t.id} onClick={() => onOpen(t.id)}>
                            <span>{t.name || t.id}</span>
                            {t.name && t.name !== t.id && <span className="mono">{t.id}</span>}
                          </button>
                        </th>
                        {columns.map((c) => (
                          <td key={c.sort} className="num" title={c.exact(t, write)}>
                            {c.text(t, write)}
                          </td>
                        ))}
                        <td>
                          <span className={css.standing} data-standing={t.standing} title={t.suspended?.reason || t.at_limit?.join(', ')}>
                            {standings[t.standing]}
                          </span>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scroll>
              {query.hasNextPage && (
                <Button variant="default" fullWidth mt="sm" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  Show more ({exact(rows.length)} of {exact(first?.matching)})
                </Button>
              )}
            </>
          );
        }}
      </Answer>
    </Card>
  );
}

function Head({ name, what, sort, now, down, onSort, num }: { name: string; what?: string; sort: Sort; now: string; down: boolean; onSort: (s: Sort) => void; num?: boolean }) {
  const mine = sort === now;
  return (
    <th scope="col" className={num ? 'num' : undefined} aria-sort={mine ? (down ? 'descending' : 'ascending') : undefined}>
      <button type="button" className={css.head} title={what} onClick={() => onSort(sort)}>
        {name}
        {mine && (down ? <IconArrowDown size={13} aria-hidden /> : <IconArrowUp size={13} aria-hidden />)}
      </button>
    </th>
  );
}
