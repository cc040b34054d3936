import { Button, Skeleton } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPlayerPlay, IconPlayerStop, IconTable } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { asProblem } from '../../api/problem';
import { runStatement, useEstimate, useSavedQueries, useSQLSchema } from '../../api/sql';
import { price } from '../../format/money';
import { bytes, compact, duration, plural } from '../../format/numbers';
import { ProblemNotice } from '../../parts/Answer';
import { keep, kept } from '../../state/kept';
import { useFault } from '../../state/faults';
import { useParam } from '../../state/url';
import { placeIn } from './columns';
import type { EditorHandle } from './Editor';
import { remember } from './history';
import { Result } from './Result';
import { HistoryMenu, Save, SavedMenu } from './Saved';
import { Schema } from './Schema';
import css from './Sql.module.css';

const Editor = lazy(() => import('./Editor'));

/** The most of a statement that stands in the address: servers before weir refuse longer ones. */
const maxAddress = 6000;

const begin = `SELECT path, count() AS views, uniq(client_id) AS visitors
FROM events
WHERE type = 'pageview' AND NOT is_bot AND ts >= now() - INTERVAL 7 DAY
GROUP BY path
ORDER BY views DESC
LIMIT 100`;

const isText = (v: unknown): v is string => typeof v === 'string' && v !== '';

/**
 * The statement: in the editor and kept in the tab at once, in the address when the writer pauses. Addresses that come from elsewhere change the editor; one
 * without a statement shows the one that was written last.
 */
function useStatement() {
  const [address, setAddress] = useParam('q', '', true);
  const [sql, setSQL] = useState(() => address || (kept('sql', isText) ?? begin));
  useEffect(() => void keep('sql', sql === begin ? undefined : sql), [sql]);
  const written = useRef(address);
  const set = useRef(setAddress);
  useEffect(() => {
    set.current = setAddress;
  });
  useEffect(() => {
    if (address === written.current) return;
    written.current = address;
    setSQL(address || (kept('sql', isText) ?? begin));
  }, [address]);
  const [calm] = useDebouncedValue(sql, 500);
  const fits = encodeURIComponent(calm).length <= maxAddress;
  useEffect(() => {
    const text = calm === begin || !fits ? '' : calm;
    if (text === written.current) return;
    written.current = text;
    set.current(text);
  }, [calm, fits]);
  return { sql, setSQL, calm, fits };
}

type Run = { sql: string; n: number };

/** Runs statements one at a time. What came of the last one is kept while one looks at other pages; it never runs again by itself: each run is charged. */
function useRun() {
  const queries = useQueryClient();
  const [run, setRun] = useState<Run | undefined>(() => {
    const last = queries.getQueryData<Run>(['sql', 'run']);
    const done = last && queries.getQueryState(['sql', 'result', last.n, last.sql]);
    return done && done.status !== 'pending' ? last : undefined;
  });
  const [started, setStarted] = useState<number>(); // the run that began on this page
  const [cancelled, setCancelled] = useState(false);
  const query = useQuery({
    queryKey: ['sql', 'result', run?.n, run?.sql],
    enabled: run !== undefined && started === run.n && !cancelled,
    queryFn: async ({ signal }) => {
      const sql = run!.sql;
      try {
        const r = await runStatement(sql, signal);
        remember({ sql, at: Date.now(), rows: r.rows.length, seconds: r.seconds });
        return r;
      } catch (e) {
        if (!signal.aborted) remember({ sql, at: Date.now(), failed: true });
        throw e;
      }
    },
    retry: false,
    retryOnMount: false,
    gcTime: Infinity,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnMount: false,
    refetchOnReconnect: false,
  });
  const start = (sql: string) => {
    if (sql.trim() === '') return;
    void queries.cancelQueries({ queryKey: ['sql', 'result'] });
    const next = { sql, n: Date.now() };
    queries.removeQueries({ queryKey: ['sql', 'result'] });
    queries.setQueryDefaults(['sql', 'run'], { gcTime: Infinity });
    queries.setQueryData(['sql', 'run'], next);
    setCancelled(false);
    setStarted(next.n);
    setRun(next);
  };
  const cancel = () => {
    setCancelled(true);
    queries.removeQueries({ queryKey: ['sql', 'run'] });
    void queries.cancelQueries({ queryKey: ['sql', 'result'] });
  };
  return { run, query, start, cancel, cancelled };
}

/** Statements of SQL over the tenant's events: written with completion, estimated before they run, shown as rows or a chart. */
export default function Sql() {
  const editor = useRef<EditorHandle>(null);
  const { sql, setSQL, calm, fits } = useStatement();
  const schema = useSQLSchema();
  const estimate = useEstimate(calm);
  const { run, query, start, cancel, cancelled } = useRun();
  const saved = useSavedQueries();
  const [id, setId] = useParam('saved', '', true);
  const [saving, setSaving] = useState(false);
  const [names, setNames] = useState(false);
  const from = saved.data?.find((q) => q.id === id);
  useFault(id !== '' && saved.data !== undefined && !from && { name: 'saved', text: id, instead: 'the statement as it is, as there is no such saved query' });
  const running = query.isFetching && !cancelled;
  const failed = query.error && run?.sql === sql ? query.error : estimate.error && calm === sql ? estimate.error : undefined;
  const detail = failed && asProblem(failed).field === 'sql' ? asProblem(failed).detail : '';
  const place = useMemo(() => placeIn(detail), [detail]);

  // A link to a saved query alone opens its statement, also where another one was being written: that one is in the address by the time the saved ones are known.
  const opened = useRef('');
  const [linked] = useState(() => (new URLSearchParams(location.search).get('q') ? '' : id));
  useEffect(() => {
    if (!from || opened.current === from.id) return;
    opened.current = from.id;
    if (from.id === linked || !new URLSearchParams(location.search).get('q')) setSQL(from.sql);
  }, [from, linked, setSQL]);

  return (
    <div className={css.page}>
      <section className={css.card} aria-label="Statement">
        <div className={css.bar}>
          <SavedMenu
            current={id}
            onOpen={(q) => {
              opened.current = q.id;
              setSQL(q.sql);
              setId(q.id);
            }}
          />
          <HistoryMenu onOpen={setSQL} />
          <span className={`${css.name} cut`}>{from && (from.sql === sql ? from.name : `${from.name}, changed`)}</span>
          <Save sql={sql} query={from} opened={saving} onOpen={() => setSaving(true)} onClose={() => setSaving(false)} onSaved={(q) => { opened.current = q.id; setId(q.id); }} />
          <Button variant={names ? 'light' : 'default'} aria-pressed={names} className={css.toggle} leftSection={<IconTable size={15} stroke={1.6} aria-hidden />} onClick={() => setNames(!names)}>
            Columns
          </Button>
        </div>
        <div className={css.write} data-names={names || undefined}>
          <div className={css.editor}>
            <Suspense fallback={<Skeleton height="100%" radius={0} />}>
              <Editor ref={editor} value={sql} schema={schema.data} fault={place} onChange={setSQL} onRun={() => start(sql)} onSave={() => setSaving(true)} />
            </Suspense>
          </div>
          <Schema onPick={(text) => editor.current?.insert(text)} />
        </div>
        <div className={css.run}>
          {running ? (
            <Button color="red" variant="default" leftSection={<IconPlayerStop size={15} aria-hidden />} onClick={cancel}>
              Cancel
            </Button>
          ) : (
            <Button leftSection={<IconPlayerPlay size={15} aria-hidden />} onClick={() => start(sql)} disabled={sql.trim() === ''} aria-keyshortcuts="Control+Enter Meta+Enter">
              Run
            </Button>
          )}
          <div className={css.estimate} role="status" aria-live="polite">
            {running ? <Running key={run?.n} /> : <Forecast estimate={estimate} stale={calm !== sql} told={query.error !== null && run?.sql === sql} />}
          </div>
          <span className={css.keys}>{/Mac|iP/.test(navigator.platform) ? '⌘' : 'Ctrl'} Enter runs</span>
        </div>
        {!fits && <p className={css.hint}>The statement is too long for the address: save it to share it.</p>}
      </section>
      {cancelled && !query.data && <p className={css.hint}>Cancelled. The statement was ended in the engine, too; what it used until then is charged.</p>}
      {!running && query.error && !cancelled && (
        <div>
          <ProblemNotice error={query.error} retry={run && (() => start(run.sql))} />
          {place && run?.sql === sql && (
            <Button variant="subtle" mt={4} onClick={() => editor.current?.go(place)}>
              Go to line {place.line}, column {place.column}
            </Button>
          )}
        </div>
      )}
      {running && !query.data && (
        <div role="status" aria-label="Loading">
          <Skeleton height={220} radius={8} />
        </div>
      )}
      {query.data && <Result result={query.data} run={run?.n ?? 0} />}
      {!run && <p className={css.hint}>Run the statement to see its rows. Names of columns complete as you write; the list of columns has all of them.</p>}
    </div>
  );
}

/** How long a statement has been running. */
function Running() {
  const [seconds, tick] = useState(0);
  useEffect(() => {
    const from = Date.now();
    const timer = setInterval(() => tick(Math.floor((Date.now() - from) / 1000)), 250);
    return () => clearInterval(timer);
  }, []);
  return <>Running{seconds > 0 && `, ${seconds} s`}…</>;
}

/** What the statement will read and cost, before it runs; or what is wrong with it. */
function Forecast({ estimate: { data, error, isFetching }, stale, told }: { estimate: ReturnType<typeof useEstimate>; stale: boolean; told: boolean }) {
  if (told) return null; // the run has said it
  if (error && !stale) {
    const p = asProblem(error);
    return <span className={p.status >= 500 || p.status === 0 ? undefined : css.wrong}>{p.detail}</span>;
  }
  if (!data || stale) return isFetching || stale ? <span className={css.dim}>Estimating…</span> : null;
  return (
    <span data-old={isFetching || undefined}>
      Will read about <b>{compact(data.rows)}</b> {plural(data.rows, 'row')}, <b>{bytes(data.bytes)}</b>, and cost about <b>{price(data.amount, data.currency)}</b>
      {data.class !== 'cheap' && `, with ${duration(data.cpu_seconds)} of CPU`}
      {data.learned && <span className={css.dim}> (as it did before)</span>}
    </span>
  );
}
