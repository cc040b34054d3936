import { Burger, Drawer } from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { lazy, Suspense, useEffect, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import type { Me, Site } from '../api/session';
import { SiteProvider } from '../api/site';
import { useCarried } from '../state/carry';
import { useTitled } from '../state/title';
import { Account } from './Account';
import { Compare } from './Compare';
import { DateRange } from './DateRange';
import { Filters } from './Filters';
import { AddressNotice } from './AddressNotice';
import css from './Frame.module.css';
import { addressOf, type Page } from './pages';
import { ReachNotice } from './ReachNotice';
import { SitePicker } from './SitePicker';
import { useTyped } from './typed';

const loadPalette = () => import('./Palette');
const Palette = lazy(loadPalette);

/** Navigation at the left (a drawer on phones), the head of the page with the controls of its view, and the page. */
export function Frame({ me, site, sites, pages, children }: { me: Me; site: Site | undefined; sites: Site[]; pages: Page[]; children: ReactNode }) {
  const [path] = useLocation();
  const [drawer, { toggle, close }] = useDisclosure(false);
  const [palette, { open, close: shut }] = useDisclosure(false);
  useHotkeys([
    ['mod+K', open],
    ['/', open],
  ]);
  const typed = useTyped(palette, shut);
  useEffect(() => {
    const later = setTimeout(() => void loadPalette().catch(() => undefined), 2000); // when the page has what it needs itself
    return () => clearTimeout(later);
  }, []);
  useEffect(close, [path, close]);
  const page = pages.find((p) => {
    const at = addressOf(p, site?.site_id);
    return path === at || path.startsWith(`${at}/`);
  });
  const titled = useTitled();
  const title = titled || page?.title;
  useEffect(() => {
    document.title = [title, page?.of === 'site' && site?.name, 'weir'].filter(Boolean).join(' · ');
  }, [title, page, site]);
  const shows = page !== undefined && site !== undefined && page.of === 'site' && page.controls.length > 0 && !(page.bare && path !== addressOf(page, site.site_id));
  const along = useCarried(site?.site_id, page?.of === 'site');
  const nav = <Nav me={me} site={site} sites={sites} pages={pages} current={page} along={along} search={open} />;
  return (
    <div className={css.frame}>
      <a className={css.skip} href="#page">
        Skip to the page
      </a>
      <aside className={css.side}>{nav}</aside>
      <header className={css.top}>
        <Burger size="sm" opened={drawer} onClick={toggle} aria-label="Navigation" />
        <Mark />
        {site && page?.of === 'site' && (
          <span className={`${css.where} cut`} title={site.name}>
            {site.name}
          </span>
        )}
      </header>
      <Drawer.Root opened={drawer} onClose={close} size={264} padding={0}>
        <Drawer.Overlay />
        <Drawer.Content aria-label="Navigation">
          <Drawer.Body className={css.drawer}>{nav}</Drawer.Body>
        </Drawer.Content>
      </Drawer.Root>
      <main id="page" className={css.main} tabIndex={-1}>
        {title && (
          <div className={css.head}>
            <h1 className={titled ? 'cut' : undefined} title={titled || undefined}>
              {title}
            </h1>
            {page && site && shows && (
              <SiteProvider site={site}>
                <div className={css.controls}>
                  {page.controls.includes('filters') && <Filters />}
                  {page.controls.includes('compare') && <Compare />}
                  {page.controls.includes('range') && <DateRange />}
                  {page.controls.includes('periods') && <DateRange otherwise="Last periods" />}
                </div>
              </SiteProvider>
            )}
          </div>
        )}
        <ReachNotice />
        {page && <AddressNotice reads={shows ? page.controls : none} />}
        {children}
      </main>
      {palette && (
        <Suspense fallback={null}>
          <Palette me={me} site={site} sites={sites} pages={pages} along={along} typed={typed} onClose={shut} />
        </Suspense>
      )}
    </div>
  );
}

const none: Page['controls'] = [];

const groups: [Page['of'], string][] = [
  ['site', ''],
  ['tenant', 'Workspace'],
  ['operator', 'Installation'],
];

function Nav({ me, site, sites, pages, current, along, search }: { me: Me; site: Site | undefined; sites: Site[]; pages: Page[]; current: Page | undefined; along: string; search: () => void }) {
  return (
    <nav className={css.nav} aria-label="Pages">
      <div className={css.mark}>
        <Mark />
      </div>
      <SitePicker me={me} site={site} sites={sites} page={current} />
      <div className={css.pages}>
        {groups.map(([of, name]) => {
          const list = pages.filter((p) => p.of === of && (of !== 'site' || site));
          if (list.length === 0) return null;
          return (
            <div key={of} className={css.group}>
              {name && <div className={css.groupName}>{name}</div>}
              {list.map((p) => (
                <Link key={p.id} href={addressOf(p, site?.site_id) + (of === 'site' ? along : '')} aria-current={p === current ? 'page' : undefined}>
                  <p.icon size={17} stroke={1.6} aria-hidden />
                  {p.title}
                </Link>
              ))}
            </div>
          );
        })}
      </div>
      <div className={css.foot}>
        <button type="button" className={css.search} onClick={search}>
          Go to… <kbd>{/Mac|iP/.test(navigator.platform) ? '⌘' : 'Ctrl'} K</kbd>
        </button>
        <Account me={me} />
      </div>
    </nav>
  );
}

/** The name, with water that falls over a step. */
export function Mark() {
  return (
    <span className={css.logo}>
      <svg width="24" height="20" viewBox="0 0 24 20" fill="none" aria-hidden>
        <path d="M1 4h8c3.200 0 3 9 6.500 9H23" stroke="var(--water)" strokeWidth="2.600" strokeLinecap="round" />
        <path d="M1 10.500h5c2.400 0 2.400 7.500 6 7.500h6" stroke="var(--water)" strokeOpacity="0.45" strokeWidth="2.200" strokeLinecap="round" />
      </svg>
      weir
    </span>
  );
}
