import { Button, Menu } from '@mantine/core';
import { IconChevronDown, IconDownload } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { exportStatement, type Result as Got } from '../../api/sql';
import { price } from '../../format/money';
import { bytes, counted, duration } from '../../format/numbers';
import { ProblemNotice } from '../../parts/Answer';
import { Card, Tabs } from '../../parts/Card';
import { download } from '../../parts/download';
import { useChoice } from '../../state/url';
import { ResultChart } from './ResultChart';
import { ResultTable } from './ResultTable';
import css from './Sql.module.css';

const views = { table: 'Table', chart: 'Chart' };

/** The answer of a statement: its rows, a chart of them, what it took, and files of it. */
export function Result({ result, run }: { result: Got; run: number }) {
  const [view, setView] = useChoice('view', views, 'table', true);
  const chart = view === 'chart';
  const [problem, setProblem] = useState<unknown>();
  const n = result.rows.length;
  return (
    <Card
      title={<span className={css.count}>{counted(n, 'row')}</span>}
      aside={
        <>
          <Tabs label="View of the result" value={chart ? 'chart' : 'table'} onChange={setView} tabs={[['table', views.table], ['chart', views.chart]]} />
          <Export sql={result.sql} onProblem={setProblem} />
        </>
      }
      className={css.result}
    >
      {problem !== undefined && <ProblemNotice error={problem} />}
      {n === 0 ? <p className={css.none}>The statement is right, and no row matches it.</p> : chart ? <ResultChart key={run} result={result} /> : <ResultTable key={run} result={result} />}
      <Stats result={result} />
    </Card>
  );
}

function Stats({ result: { seconds, cost, cached, asOf } }: { result: Got }) {
  const facts: [string, string][] = [
    ['Took', duration(seconds)],
    ['Read', `${counted(cost.rows_read, 'row')}, ${bytes(cost.bytes_read)}`],
    ['CPU', duration(cost.cpu_seconds)],
    ['Memory', bytes(cost.memory_bytes)],
    ['Cost', price(cost.amount, cost.currency)],
  ];
  if (cost.budget_remaining !== undefined) facts.push(['Left of the budget', price(cost.budget_remaining, cost.currency)]);
  return (
    <dl className={css.stats}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      <div>
        <dt>As of</dt>
        <dd>
          {asOf.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}
          {cached && <span className={css.badge}>from the cache</span>}
        </dd>
      </div>
    </dl>
  );
}

const files = [
  ['CSV', 'CSVWithNames', 'csv', 'Values as they are: import them as text into a spreadsheet'],
  ['Parquet', 'Parquet', 'parquet', 'Typed columns, compressed'],
] as const;

function Export({ sql, onProblem }: { sql: string; onProblem: (e: unknown) => void }) {
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const make = async (format: 'CSVWithNames' | 'Parquet', ending: string) => {
    setBusy(true);
    onProblem(undefined);
    const c = new AbortController();
    running.current = c;
    try {
      download(await exportStatement(sql, format, c.signal), `weir-${new Date().toISOString().slice(0, 16).replace(/[:T]/g, '-')}.${ending}`);
    } catch (e) {
      if (!c.signal.aborted) onProblem(e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <Button variant="default" loading={busy} leftSection={<IconDownload size={15} stroke={1.6} aria-hidden />} rightSection={<IconChevronDown size={13} aria-hidden />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>The statement runs again, and all its rows are written.</Menu.Label>
        {files.map(([name, format, ending, what]) => (
          <Menu.Item key={name} onClick={() => void make(format, ending)}>
            {name} <small className={css.dim}>{what}</small>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
