import { TextInput, useMantineColorScheme } from '@mantine/core';
import { useEffect, useId, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useSigning, type Me, type Site } from '../api/session';
import { Dialog } from '../parts/Dialog';
import { presetNames, presets } from '../state/range';
import { parseView, writeView } from '../state/url';
import { visitorPart } from '../pages/sessions/visitor';
import css from './Palette.module.css';
import { addressOf, type Page } from './pages';
import type { useTyped } from './typed';

type Action = { name: string; kind: string; run: () => void };

/** Everything that can be done from the keyboard: pages, sites, ranges, a visitor of an id, light and dark, sign out. `along` is what of the view goes along to pages of the site, `typed` is its text, which may have begun before it was there. */
export default function Palette({ me, site, sites, pages, along, typed, onClose }: { me: Me; site: Site | undefined; sites: Site[]; pages: Page[]; along: string; typed: ReturnType<typeof useTyped>; onClose: () => void }) {
  const { text: sought, write: seek, entered, field } = typed;
  const [at, move] = useState(0);
  const id = useId();
  const named = useActions(me, site, sites, pages, along).filter((a) => `${a.kind} ${a.name}`.toLowerCase().includes(sought.trim().toLowerCase()));
  const actions = [...named, ...useVisitor(pages, site, along, sought.trim())]; // what is called so goes before
  const current = Math.min(at, actions.length - 1);
  const run = (a: Action | undefined) => {
    if (!a) return;
    onClose();
    a.run();
  };
  const first = useRef(() => run(actions[current]));
  useEffect(() => {
    first.current = () => run(actions[current]);
  });
  useEffect(() => {
    if (entered) first.current();
  }, [entered]);
  return (
    <Dialog onClose={onClose} withCloseButton={false} padding={0} yOffset="14vh" size={520} title={<span className="hidden">Go to</span>} styles={{ header: { minHeight: 0, padding: 0 } }}>
      <TextInput
        ref={field}
        data-autofocus
        onFocus={(e) => e.currentTarget.setSelectionRange(sought.length, sought.length)}
        variant="unstyled"
        placeholder="Go to a page, a site, a range, the id of a visitor…"
        aria-label="Go to"
        role="combobox"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={`${id}-${current}`}
        classNames={{ input: css.input }}
        value={sought}
        onChange={(e) => {
          seek(e.currentTarget.value);
          move(0);
        }}
        onKeyDown={(e) => {
          const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
          if (by !== 0 && actions.length > 0) {
            e.preventDefault();
            move((current + by + actions.length) % actions.length);
          }
          if (e.key === 'Enter') run(actions[current]);
        }}
      />
      <ul className={css.list} id={id} role="listbox" aria-label="Actions">
        {actions.map((a, i) => (
          <li
            key={a.kind + a.name}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === current}
            ref={(el) => {
              if (i === current) el?.scrollIntoView({ block: 'nearest' });
            }}
            onMouseMove={() => move(i)}
            onClick={() => run(a)}
          >
            <span>{a.name}</span>
            <small>{a.kind}</small>
          </li>
        ))}
        {actions.length === 0 && <li className={css.none}>Nothing is called that</li>}
      </ul>
    </Dialog>
  );
}

function useActions(me: Me, site: Site | undefined, sites: Site[], pages: Page[], along: string): Action[] {
  const [path, go] = useLocation();
  const search = useSearch();
  const { setColorScheme } = useMantineColorScheme();
  const { out, actFor } = useSigning();
  return [
    ...pages.filter((p) => p.of !== 'site' || site).map((p) => ({ name: p.title, kind: 'Page', run: () => go(addressOf(p, site?.site_id) + (p.of === 'site' ? along : '')) })),
    ...(path.startsWith('/sites/') ? presets.map((preset) => ({ name: presetNames[preset], kind: 'Range', run: () => go(`${path}?${writeView(search, { ...parseView(search), range: { preset } })}`) })) : []),
    ...sites.map((s) => ({ name: s.name, kind: 'Site', run: () => go(`/sites/${encodeURIComponent(s.site_id)}`) })),
    { name: 'Light', kind: 'Appearance', run: () => setColorScheme('light') },
    { name: 'Dark', kind: 'Appearance', run: () => setColorScheme('dark') },
    ...(me.role === 'operator' ? [{ name: 'Act for another tenant', kind: 'Operator', run: () => void actFor(undefined).then(() => go('/')) }] : []),
    { name: 'Sign out', kind: 'Account', run: () => void out() },
  ];
}

/** The longest id of a visitor that the server looks up, in bytes. */
const longestId = 1024;

/** The page of the visitor whose id is what is typed. Nothing is asked: who it is, or that it is nobody, the page says. */
function useVisitor(pages: Page[], site: Site | undefined, along: string, id: string): Action[] {
  const [, go] = useLocation();
  const sessions = pages.find((p) => p.id === 'sessions');
  if (!site || !sessions || id.length < 2 || new TextEncoder().encode(id).length > longestId) return [];
  return [{ name: `Open visitor ${id}`, kind: 'Visitor', run: () => go(`${addressOf(sessions, site.site_id)}/visitors/${visitorPart(id)}${along}`) }];
}
