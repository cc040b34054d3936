import { use as register } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { beforeAll, expect, test, vi } from 'vitest';
import type { Paths, PathNode } from '../../api/paths';
import { init } from '../../parts/echarts';

let picture: typeof import('./picture');
beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
  picture = await import('./picture');
  register([SVGRenderer]);
});

const node = (step: number, path: string, people: number): PathNode => ({ id: `${step}:${path}`, path, people, step });

type Label = { name: string; x: number; y: number; end: number };

/** The labels as ECharts draws them in a picture of this width: their names, where they begin and end, and the middle of their line. */
function drawn(nodes: PathNode[], links: NonNullable<Paths['links']>, width: number): Label[] {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: picture.heightOf(nodes) });
  chart.setOption({ animation: false, ...picture.picture(nodes, links, false, () => '#123456') });
  const svg = chart.renderToSVGString();
  chart.dispose();
  const labels: Label[] = [];
  for (const [, attributes = '', text = ''] of svg.matchAll(/<text ([^>]*)>([^<]*)/g)) { // a label is a name, two blanks, a number
    const [x, y] = /translate\(([\d.]+) ([\d.]+)\)/.exec(attributes)!.slice(1).map(Number) as [number, number];
    const last = labels.at(-1);
    if (/ x="/.test(attributes) && last) last.end = x + Number(/ x="([\d.]+)"/.exec(attributes)![1]) + 6.7 * text.length;
    else labels.push({ name: text, x, y, end: x });
  }
  return labels;
}

const line = 16; // px
const overlaps = (labels: Label[]) => labels.flatMap((a, i) => labels.slice(i + 1).flatMap((b) => (Math.abs(a.y - b.y) < line && a.x < b.end && b.x < a.end ? [`${a.name} and ${b.name}`] : [])));

test('labels of nodes of next to no height lie apart, and all are there', () => {
  const nodes = [node(0, '/', 10_000), node(1, '/large', 9_980), ...Array.from({ length: 20 }, (_, i) => node(1, `/small-${i}`, 1))];
  const labels = drawn(nodes, nodes.slice(1).map((n) => ({ source: '0:/', target: n.id, people: n.people })), 900);
  expect(labels.map((l) => l.name).sort()).toEqual(nodes.map((n) => n.path).sort());
  expect(overlaps(labels)).toEqual([]);
});

test('labels of a step leave room for the next one; where they would not, the larger node has its own', () => {
  const pages = Array.from({ length: 7 }, (_, step) => [node(step, `/a-page-with-a-long-name/of-step-${step}`, 1000 - step), ...(step > 0 ? Array.from({ length: 5 }, (_, i) => node(step, `/one-of-the-small-ones/number-${i}/of-step-${step}`, 2)) : [])]);
  const links = pages.slice(1).flatMap((next, step) => next.map((n, i) => ({ source: pages[step]![step === 0 ? 0 : i]!.id, target: n.id, people: n.people })));
  const labels = drawn(pages.flat(), links, picture.leastWidth(pages.flat()));
  expect(overlaps(labels)).toEqual([]);
  expect(labels.filter((l) => l.name.startsWith('/a-pa')).length).toBe(7);
  expect(labels.filter((l) => l.end > picture.leastWidth(pages.flat()))).toEqual([]);
  const three = drawn(pages.slice(0, 4).flat(), links.filter((l) => Number(l.target[0]) < 4), 760);
  expect(three.filter((l) => l.end > 760)).toEqual([]);
  const narrow = drawn(pages.flat(), links, 600);
  expect(overlaps(narrow)).toEqual([]);
  expect(narrow.length).toBeLessThan(pages.flat().length);
  expect(narrow.filter((l) => l.name.startsWith('/a-pa')).length).toBeGreaterThan(1);
});

test('names are told from the ways behind them', () => {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 760, height: 380 });
  chart.setOption({ animation: false, ...picture.picture([node(0, '/a', 3), node(1, '/b', 3)], [{ source: '0:/a', target: '1:/b', people: 3 }], false, (name) => (name === 'panel' ? '#fedcba' : '#123456')) });
  const texts = [...chart.renderToSVGString().matchAll(/<text [^>]*>[^<]*[^<\s]/g)].map(String);
  chart.dispose();
  expect(texts.length).toBe(4);
  expect(texts.filter((t) => !t.includes('stroke="#fedcba"'))).toEqual([]);
});
