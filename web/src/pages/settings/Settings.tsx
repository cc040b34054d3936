import { lazy, Suspense, useRef } from 'react';
import { Link, useLocation } from 'wouter';
import { Skeleton } from '@mantine/core';
import { inSight } from '../../parts/inSight';
import { useCut } from '../../parts/useCut';
import css from './Settings.module.css';

const sections = [
  ['sources', 'Sources', lazy(() => import('./Sources'))],
  ['keys', 'Keys', lazy(() => import('./Keys'))],
  ['people', 'People', lazy(() => import('./People'))],
  ['privacy', 'Privacy', lazy(() => import('./Masks'))],
  ['limits', 'Limits', lazy(() => import('./Limits'))],
  ['general', 'General', lazy(() => import('./General'))],
] as const;

/** What an admin of the tenant decides. Each section has an address of its own. */
export default function Settings() {
  const [path] = useLocation();
  const id = path.split('/')[2] ?? '';
  const [current, , View] = sections.find(([s]) => s === id) ?? sections[0];
  const row = useRef<HTMLElement>(null);
  useCut(row);
  return (
    <div className={css.page}>
      <nav ref={row} className={css.sections} aria-label="Settings">
        {sections.map(([s, name]) => (
          <Link key={s} href={s === 'sources' ? '/settings' : `/settings/${s}`} aria-current={s === current ? 'page' : undefined} ref={s === current ? inSight : undefined}>
            {name}
          </Link>
        ))}
      </nav>
      <div className={css.section}>
        <Suspense fallback={<Skeleton height={240} radius={8} />}>
          <View />
        </Suspense>
      </div>
    </div>
  );
}
