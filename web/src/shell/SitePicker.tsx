import { Menu } from '@mantine/core';
import { IconCheck, IconSelector } from '@tabler/icons-react';
import { useLocation, useSearch } from 'wouter';
import { useSigning, type Me, type Site } from '../api/session';
import { byName } from '../format/names';
import { carried } from '../state/url';
import css from './SitePicker.module.css';
import { addressOf, type Page } from './pages';

/** The site that is looked at; another one keeps the page and the range. */
export function SitePicker({ me, site, sites, page }: { me: Me; site: Site | undefined; sites: Site[]; page: Page | undefined }) {
  const [, go] = useLocation();
  const search = useSearch();
  const { actFor } = useSigning();
  const operator = me.role === 'operator';
  if (!site && !operator && sites.length === 0) return null;
  return (
    <Menu width={240}>
      <Menu.Target>
        <button type="button" className={css.button}>
          <span className={css.text}>
            <span className="hidden">Site: </span>
            <span className="cut">{site?.name ?? (me.tenant ? 'Choose a site' : 'No tenant chosen')}</span>
            <small className="cut">{me.tenant ?? 'operator'}</small>
          </span>
          <IconSelector size={16} stroke={1.6} style={{ flex: 'none' }} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown mah={360} style={{ overflowY: 'auto' }}>
        {sites.length > 0 && <Menu.Label>Sites</Menu.Label>}
        {[...sites].sort(byName).map((s) => (
          <Menu.Item
            key={s.site_id}
            onClick={() => go(page?.of === 'site' ? addressOf(page, s.site_id) + carried(search) : `/sites/${encodeURIComponent(s.site_id)}`)}
            rightSection={s.site_id === site?.site_id ? <IconCheck size={14} aria-label="shown" /> : undefined}
          >
            {s.name}
          </Menu.Item>
        ))}
        {operator && (
          <>
            {sites.length > 0 && <Menu.Divider />}
            <Menu.Item onClick={() => void actFor(undefined).then(() => go('/'))}>Act for another tenant…</Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
