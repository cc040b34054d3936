import type { EChartsCoreOption } from 'echarts/core';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { reach } from '../api/reach';
import type { ECharts } from './echarts';

/** The theme's colours, as a canvas needs them. */
export type Colors = (name: string) => string;

const colorsOf = (el: Element): Colors => {
  const style = getComputedStyle(el);
  return (name) => style.getPropertyValue(`--${name}`).trim();
};

const attribute = 'data-mantine-color-scheme';
const watchScheme = (tell: () => void) => {
  const watch = new MutationObserver(tell);
  watch.observe(document.documentElement, { attributes: true, attributeFilter: [attribute] });
  return () => watch.disconnect();
};
const schemeNow = () => document.documentElement.getAttribute(attribute);
const stillness = matchMedia('(prefers-reduced-motion: reduce)');
const watchStillness = (tell: () => void) => {
  stillness.addEventListener('change', tell);
  return () => stillness.removeEventListener('change', tell);
};

/**
 * A chart of ECharts in the theme's colours. `option` gets the colours and must keep its identity while nothing changes. `label` says in words what the
 * chart shows: it is all that a screen reader has, so put the numbers of interest into it.
 */
export function Chart({ option, height, label, onPick }: { option: (c: Colors) => EChartsCoreOption; height: number; label: string; onPick?: (what: { dataType?: string; name: string; dataIndex: number }) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<ECharts>(undefined);
  const [library, setLibrary] = useState<typeof import('./echarts')>();
  const [failed, setFailed] = useState<unknown>();
  const scheme = useSyncExternalStore(watchScheme, schemeNow);
  const still = useSyncExternalStore(watchStillness, () => stillness.matches);
  useEffect(() => {
    const load = () => import('./echarts').then(setLibrary);
    load().catch(() => reach.back().then(load).catch(setFailed)); // once more, when the server can be reached
  }, []);
  useEffect(() => {
    const el = box.current;
    if (!library || !el) return;
    const c = library.init(el, undefined, { renderer: 'canvas' });
    chart.current = c;
    const watch = new ResizeObserver(() => c.resize());
    watch.observe(el);
    return () => {
      watch.disconnect();
      c.dispose();
      chart.current = undefined;
    };
  }, [library]);
  useEffect(() => {
    const el = box.current;
    if (!chart.current || !el) return;
    const colors = colorsOf(el);
    chart.current.setOption(
      {
        animation: !still,
        animationDuration: 250,
        textStyle: { fontFamily: "'IBM Plex Sans Variable', system-ui, sans-serif", color: colors('ink-3') },
        ...option(colors),
      },
      { notMerge: true },
    );
  }, [library, option, scheme, still]);
  useEffect(() => {
    const c = chart.current;
    if (!c || !onPick) return;
    const picked = (p: { dataType?: string; name: string; dataIndex: number }) => onPick(p);
    c.on('click', picked as (p: unknown) => void);
    return () => void (c.isDisposed() || c.off('click', picked as (p: unknown) => void));
  }, [library, onPick]);
  if (failed)
    return (
      <p role="alert" style={{ color: 'var(--bad)' }}>
        The chart could not be loaded: {failed instanceof Error ? failed.message : String(failed)}. Reload the page.
      </p>
    );
  return (
    <div style={{ position: 'relative', height }}>
      {!library && <div style={{ height, borderRadius: 6, background: 'var(--sunken)' }} />}
      <div ref={box} role="img" aria-label={label} style={{ height, width: '100%' }} />
    </div>
  );
}

/** The look of tooltips: the panel's own. */
export const tooltip = (c: Colors) => ({
  backgroundColor: c('panel'),
  borderColor: c('line-strong'),
  borderWidth: 1,
  padding: [8, 12],
  textStyle: { color: c('ink'), fontSize: 13 },
  extraCssText: 'border-radius:8px;box-shadow:var(--shade)',
  confine: true,
  transitionDuration: 0.1,
});

/** Text that comes from data, for a tooltip's HTML. */
export const escaped = (s: string): string => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
