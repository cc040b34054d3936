import { Button, Menu, SegmentedControl } from '@mantine/core';
import { IconChevronDown, IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { exportCosts, useCosts, type Costs, type Span } from '../../api/costs';
import { money, price } from '../../format/money';
import { bytes, compact, duration } from '../../format/numbers';
import { moment } from '../../format/time';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { download } from '../../parts/download';
import { useChoice } from '../../state/url';
import { Breakdown } from './Breakdown';
import { BudgetCard } from './Budget';
import { CostChart } from './CostChart';
import { lastHours, spanOf, spans, type SpanName } from './kinds';
import css from './Usage.module.css';

/** What the work of the tenant used and cost: in all, by day, and by whom or what for. */
export default function Usage() {
  const [id, setName] = useChoice('over', spans, 'month', true);
  const span = spanOf(id);
  const total = useCosts('kind', span);
  if (total.error && total.data === undefined) return <ProblemNotice error={total.error} retry={() => void total.refetch()} />; // once, not in each card
  return (
    <div className={css.page}>
      <div className={css.controls}>
        <SegmentedControl aria-label="Time" value={id} onChange={(v) => setName(v as SpanName)} data={Object.entries(spans).map(([value, label]) => ({ value, label }))} />
        <Export span={span} />
      </div>
      <section className={css.card} aria-label="In all">
        <Answer query={total} height={92}>
          {(d) => <Tiles costs={d} span={span} />}
        </Answer>
        <CostChart span={span} />
      </section>
      <BudgetCard costs={total} />
      <Breakdown span={span} byKind={total} />
      {total.data && (
        <p className={css.note}>
          Counted up to {moment(total.data.as_of, 'UTC')} UTC; what is used shows after at most ten seconds. Days are those of UTC. Prices are those of this installation.
          {Object.entries(total.data.other_currencies ?? {}).map(([currency, amount]) => ` ${price(amount, currency)} were priced in ${currency} and are not in the sum.`)}
        </p>
      )}
    </div>
  );
}

/** Bytes on disk on average over the time of an answer, as far as it has passed; undefined when nothing is known of it. */
function stored({ total, from, to, as_of }: Costs): number | undefined {
  const seconds = (Math.min(Date.parse(to), Date.parse(as_of)) - Date.parse(from)) / 1000;
  return seconds > 0 && total.stored_byte_seconds > 0 ? Math.round(total.stored_byte_seconds / seconds) : undefined;
}

function Tiles({ costs, span }: { costs: Costs; span: Span }) {
  const { total, currency } = costs;
  // What is stored is what there is now: of a time that goes on only its last hour or two count.
  const now = useCosts('tenant', lastHours());
  const tiles: [string, string, string][] = [
    ['Cost', money(currency, total.amount)(total.amount), 'By the price book'],
    ['Events taken', compact(total.events), 'At all doors'],
    ['CPU', duration(total.cpu_seconds), 'Of weir and the query engine'],
    ['Read', bytes(total.bytes_scanned + total.bytes_cold), 'By questions, uncompressed'],
    ['Answers', bytes(total.bytes_out), 'That were sent'],
    span.to ? ['Stored', bytes(stored(costs)), 'On disk, on average over the time'] : ['Stored', bytes(now.data && stored(now.data)), 'On disk, on average over the last hour'],
  ];
  return (
    <div className={css.tiles}>
      {tiles.map(([name, value, what]) => (
        <div key={name} title={what}>
          <span>{name}</span>
          <b>{value}</b>
        </div>
      ))}
    </div>
  );
}

function Export({ span }: { span: Span }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const make = async (format: 'csv' | 'parquet', granularity: 'hour' | 'day') => {
    setBusy(true);
    setProblem(undefined);
    try {
      download(await exportCosts(format, granularity, span), `weir-costs-${span.from.slice(0, 10)}-by-${granularity}.${format}`);
    } catch (e) {
      setProblem(e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <Button variant="default" loading={busy} leftSection={<IconDownload size={15} stroke={1.6} aria-hidden />} rightSection={<IconChevronDown size={13} aria-hidden />}>
            Export
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>In the columns of FOCUS 1.0</Menu.Label>
          <Menu.Item onClick={() => void make('csv', 'day')}>CSV, by day</Menu.Item>
          <Menu.Item onClick={() => void make('csv', 'hour')}>CSV, by hour</Menu.Item>
          <Menu.Item onClick={() => void make('parquet', 'day')}>Parquet, by day</Menu.Item>
          <Menu.Item onClick={() => void make('parquet', 'hour')}>Parquet, by hour</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {problem !== undefined && (
        <Card className={css.problem}>
          <ProblemNotice error={problem} />
        </Card>
      )}
    </>
  );
}
