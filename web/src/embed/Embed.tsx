import { useEffect, useRef, useState } from 'react';
import { clock } from '../format/time';
import { PanelView } from '../panels/PanelView';
import { rangeOf, saysFilters } from '../panels/panel';
import { ask, type Opened, type Refusal } from './ask';
import { saysEstimated } from '../panels/estimated';
import { saysCurrencies } from '../panels/revenue';
import { Hint } from '../parts/Hint';
import { saysUnseen, unseenIn } from '../parts/unseen';
import css from './Embed.module.css';

const again = 60_000; // ms between two questions

/** One panel that fills its frame, renewed each minute until its link ends. */
export function Embed({ token }: { token: string }) {
  const [got, set] = useState<{ opened?: Opened; refusal?: Refusal }>({});
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    // a page that is not looked at asks when it is looked at again
    const due = () => {
      if (document.hidden) document.addEventListener('visibilitychange', () => void next(), { once: true, signal: stop.signal });
      else void next();
    };
    const next = async () => {
      const a = await ask(token, stop.signal);
      if (stop.signal.aborted) return;
      const refused = 'title' in a;
      set((old) => (refused ? { opened: a.ended ? undefined : old.opened, refusal: a } : { opened: a }));
      if (refused && a.ended) return;
      const left = refused ? again : Date.parse(a.expires) - Date.now();
      // by a clock that is ahead, the link has ended already
      timer = setTimeout(due, refused ? Math.max(15, a.retryAfter ?? 0) * 1000 : left > 0 ? Math.min(again, left + 500) : again);
    };
    void next();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [token]);
  const { opened, refusal } = got;
  useEffect(() => {
    if (opened?.panel.title) document.title = `${opened.panel.title} · weir`;
  }, [opened]);
  return (
    <main className={css.page}>
      {opened ? (
        <Shown opened={opened} stale={refusal} />
      ) : refusal ? (
        <div className={css.refusal} role="alert">
          <strong>{refusal.title}</strong>
          <p>{refusal.detail}</p>
        </div>
      ) : (
        <div className={css.waiting} role="status" aria-label="Loading" />
      )}
    </main>
  );
}

function Shown({ opened, stale }: { opened: Opened; stale: Refusal | undefined }) {
  const { panel, answer, time_zone: zone } = opened;
  const box = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(0);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const watch = new ResizeObserver(() => setHeight(Math.floor(el.clientHeight)));
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  const filters = saysFilters(panel.question);
  const unseen = saysUnseen(unseenIn(answer));
  const currencies = saysCurrencies(panel, answer.money);
  const estimated = saysEstimated(answer);
  const asOf = typeof answer.as_of === 'string' ? answer.as_of : undefined;
  return (
    <>
      <header className={css.head}>
        <h1>{panel.title || 'weir'}</h1>
        <span>{rangeOf(panel.question, panel.kind)}</span>
        {filters && <span className={css.filters} title={filters}>{`Filtered: ${filters}`}</span>}
      </header>
      <div ref={box} className={css.body}>
        {height > 0 && <PanelView panel={panel} answer={answer} zone={zone} height={Math.max(height, 60)} />}
      </div>
      <footer className={css.foot} data-stale={stale !== undefined || undefined} role={stale ? 'status' : undefined}>
        {asOf && `As of ${clock(asOf, zone)}, ${zone}`}
        {stale && `: ${stale.detail}`}
        {unseen && <Hint text={unseen} label="Properties that no event has had" />}
        {currencies && <Hint text={currencies} label="Currencies" />}
        {estimated && <Hint text={estimated} label="Estimates" />}
      </footer>
    </>
  );
}
