import { geoNaturalEarth1, geoPath } from 'd3-geo';
import { iso31661NumericToAlpha2 } from 'iso-3166';
import { useMemo, useState } from 'react';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import atlas from 'world-atlas/countries-110m.json';
import * as names from '../format/names';
import { counted } from '../format/numbers';
import css from './WorldMap.module.css';

const width = 800;
const height = 430;

// Natural Earth's geometry (public domain); without Antarctica, where nobody browses and which takes a fifth of the height.
const world = feature(atlas as unknown as Topology, (atlas as unknown as Topology).objects.countries as GeometryCollection<{ name: string }>);
const lands = world.features.filter((f) => f.id !== '010');
const path = geoPath(geoNaturalEarth1().fitExtent([[2, 2], [width - 2, height - 2]], { type: 'FeatureCollection', features: lands }));
const shapes = lands.map((f) => ({ code: iso31661NumericToAlpha2[String(f.id)] ?? '', name: f.properties.name, d: path(f) ?? '' }));

/** How dark a value is, of five steps: by its root, so that one large country does not bleach the others. */
export function stepOf(value: number, most: number): number {
  if (value <= 0 || most <= 0) return 0;
  return Math.max(1, Math.ceil(Math.sqrt(value / most) * 5));
}

/** Countries by a number, five steps of one colour. A list beside it must say the same: this is for the eye and the mouse. */
export default function WorldMap({ values, unit, picked, onPick }: { values: Map<string, number>; unit: { one: string; many: string }; picked: (code: string) => boolean; onPick: (code: string) => void }) {
  const most = useMemo(() => Math.max(0, ...shapes.map((s) => (s.code && values.get(s.code)) || 0)), [values]);
  const [over, setOver] = useState<string>();
  const unknown = values.get('') ?? 0;
  return (
    <figure className={css.map}>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`Map of ${unit.many} by country`}>
        {shapes.map((s) => {
          const v = (s.code && values.get(s.code)) || 0; // some lands have no code, and are not the unknown ones
          return (
            <path
              key={s.code + s.name}
              d={s.d}
              data-step={stepOf(v, most)}
              data-picked={picked(s.code) || undefined}
              onMouseEnter={() => setOver(`${s.code ? names.country(s.code) : s.name}: ${counted(v, unit.one, unit.many)}`)}
              onMouseLeave={() => setOver(undefined)}
              onClick={v > 0 ? () => onPick(s.code) : undefined}
            />
          );
        })}
      </svg>
      <figcaption>{over ?? (unknown > 0 ? `Unknown: ${counted(unknown, unit.one, unit.many)}` : ' ')}</figcaption>
    </figure>
  );
}
